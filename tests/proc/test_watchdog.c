/* test_watchdog.c: nothing of a child's group survives the death of this process (issue 4, parallel
 * proof). */
#include "proc_help.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "proc/process_internal.h"

int test_watchdog(void);

/* The child of `parent` with that name; 0 when there is none. */
static int find_child(int parent, const char *name) {
	DIR *dir = opendir("/proc");
	int found = 0;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char path[300];
		char text[512] = "";
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		FILE *file = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "re") : NULL;
		if (file == NULL) {
			continue;
		}
		size_t len = fread(text, 1, sizeof text - 1, file);
		fclose(file);
		text[len] = '\0';
		const char *close = strrchr(text, ')');
		const char *open = strchr(text, '(');
		int its_parent = 0;
		if (close != NULL && open != NULL && sscanf(close + 4, "%d", &its_parent) == 1 &&
			its_parent == parent && strncmp(open + 1, name, strlen(name)) == 0) {
			found = atoi(entry->d_name);
		}
	}
	closedir(dir);
	return found;
}

static bool has_watchdog(const void *data) {
	return find_child(*(const int *)data, "llm-mux-watch") != 0;
}

/* ---- a runner that dies ---- */

static void ignore_done(void *data, const struct process_result *result) {
	(void)data;
	(void)result;
}

/* Starts children that run a script, and waits on its loop. Never returns. */
static void run_runner(const char *script, const char *dir, unsigned count, bool has_several_loops)
	__attribute__((noreturn));
static void run_runner(
	const char *script, const char *dir, unsigned count, bool has_several_loops) {
	struct error error;
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	struct loop *loop = loop_create(&error);
	if (watchdog == NULL || loop == NULL) {
		_exit(3);
	}
	for (unsigned i = 0; i < count; i++) {
		char number[16];
		snprintf(number, sizeof number, "%u", i);
		const char *argv[] = {"sh", "-c", script, number, dir, NULL};
		const struct process_options options = {
			.argv = argv, .watchdog = watchdog, .on_done = ignore_done};
		struct loop *its_loop = has_several_loops ? loop_create(&error) : loop;
		if (process_start(its_loop, &options, &error) == NULL) {
			_exit(4);
		}
	}
	loop_run(loop);
	for (;;) {
		pause(); /* with loops that do not run */
	}
}

#define STAYING                                                                                    \
	"trap '' TERM HUP INT\n"                                                                   \
	"( sleep 60 >/dev/null 2>&1 & echo $! >\"$1/grandchild$0\"; exec sleep 60 ) &\n"           \
	"echo $! >\"$1/child$0\"; echo $$ >\"$1/leader$0\"; wait"

static void the_trees_die_with_the_runner(void **state) {
	(void)state;
	enum {
		TREES = 3
	};
	static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV};
	for (size_t s = 0; s < sizeof signals / sizeof *signals; s++) {
		char *dir = make_dir();
		struct arena arena = {0};
		pid_t runner = fork();
		assert_true(runner >= 0);
		if (runner == 0) {
			/* A sanitizer's handler would make a report of it. */
			signal(SIGSEGV, SIG_DFL);
			run_runner(STAYING, dir, TREES, s == 1);
		}
		int pids[3 * TREES];
		for (unsigned i = 0; i < TREES; i++) {
			static const char *const names[] = {"leader", "child", "grandchild"};
			for (unsigned n = 0; n < 3; n++) {
				struct slice name = arena_printf(&arena, "%s%u", names[n], i);
				pids[3 * i + n] = read_pid(file_join(&arena, dir, name.data));
			}
		}
		int watchdog = find_child(runner, "llm-mux-watch");
		assert_true(watchdog > 0);
		kill(runner, signals[s]);
		int status;
		assert_int_equal(waitpid(runner, &status, 0), runner);
		assert_true(WIFSIGNALED(status));
		for (unsigned i = 0; i < 3 * TREES; i++) {
			assert_true(is_gone(pids[i]));
		}
		assert_true(is_gone(watchdog));
		arena_finish(&arena);
		remove_dir(dir);
	}
}

/* ---- killed at any moment of a start ---- */

/* How many processes have this word among their arguments. */
static size_t count_marked(const char *word) {
	size_t count = 0;
	DIR *dir = opendir("/proc");
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char path[300];
		struct buf text = {0};
		snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
		if (isdigit((unsigned char)entry->d_name[0]) &&
			file_read(path, 100000, &text, NULL) &&
			slice_contains(buf_slice(&text), slice_of(word))) {
			count++;
		}
		buf_finish(&text);
	}
	closedir(dir);
	return count;
}

static bool is_unmarked(const void *data) {
	return count_marked(data) == 0;
}

/* The runner starts one child after the other until it is killed, somewhere in the middle. */
static void no_moment_of_a_start_is_unwatched(void **state) {
	(void)state;
	char mark[64];
	snprintf(mark, sizeof mark, "llm-mux-mark-%d", (int)getpid());
	for (unsigned round = 0; round < 20; round++) {
		pid_t runner = fork();
		assert_true(runner >= 0);
		if (runner == 0) {
			run_runner("sleep 60; exit", mark, 100000, false);
		}
		assert_true(wait_until(has_watchdog, &runner));
		usleep(round * 531);
		kill(runner, SIGKILL);
		int status;
		assert_int_equal(waitpid(runner, &status, 0), runner);
		assert_true(WIFSIGNALED(status));
		assert_true(wait_until(is_unmarked, mark));
	}
}

/* ---- the watchdog itself ---- */

static void it_ignores_signals_and_ends_when_told(void **state) {
	(void)state;
	struct error error;
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	assert_non_null(watchdog);
	int self = getpid();
	assert_true(wait_until(has_watchdog, &self));
	int pid = find_child(self, "llm-mux-watch");
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGUSR1};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		assert_int_equal(kill(pid, signals[i]), 0);
	}
	assert_true(is_running(pid));
	process_watchdog_destroy(watchdog);
	assert_false(is_running(pid));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	process_watchdog_destroy(NULL);
}

/* A pipe's reader sees the end although the watchdog was made while the writing end was open. */
static void it_keeps_no_descriptor_open(void **state) {
	(void)state;
	struct error error;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct process_watchdog *first = process_watchdog_create(&error);
	struct process_watchdog *second = process_watchdog_create(&error);
	close(ends[1]);
	char byte;
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	/* The second does not keep the first alive either: this would wait for ever. */
	process_watchdog_destroy(first);
	process_watchdog_destroy(second);
}

/* A leader of a group of its own, which sleeps. */
static pid_t start_leader(const struct process_watchdog *watchdog) {
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setpgid(0, 0);
		watchdog_add_self(watchdog);
		ssize_t written = write(ready[1], "x", 1);
		(void)written;
		process_watchdog_destroy(NULL);
		execlp("sleep", "sleep", "60", (char *)NULL);
		_exit(1);
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* More groups than it has room for at first; every second was taken back. */
static void only_groups_that_are_left_are_killed(void **state) {
	(void)state;
	struct error error;
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	pid_t kept = start_leader(watchdog);
	for (pid_t i = 0; i < 3000; i++) {
		/* Numbers beyond any process's (2^22 is the kernel's limit). */
		watchdog_remove(watchdog, -(5000000 + i));
	}
	pid_t killed = start_leader(watchdog);
	for (pid_t i = 0; i < 3000; i += 2) {
		watchdog_remove(watchdog, 5000000 + i);
	}
	watchdog_remove(watchdog, kept);
	process_watchdog_destroy(watchdog);
	assert_true(is_gone(killed));
	assert_true(is_running(kept));
	kill(kept, SIGKILL);
	assert_int_equal(waitpid(kept, NULL, 0), kept);
	assert_int_equal(waitpid(killed, NULL, 0), killed);
}

/* "Once more ends it at once": what was dismissed and takes no notice of it, too. */
static void all_groups_can_be_killed_at_once(void **state) {
	(void)state;
	struct error error;
	char *dir = make_dir();
	struct arena arena = {0};
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	struct loop *loop = loop_create(&error);
	struct child child = {0};
	child_shell(&child, "trap '' TERM; echo $$ >\"$1/pid\"; sleep 60; sleep 60", dir);
	child.options.kill_grace_ms = 600000;
	child.options.watchdog = watchdog;
	child_start(&child, loop);
	assert_non_null(child.process);
	int pid = read_pid(file_join(&arena, dir, "pid"));
	process_dismiss(child.process);
	assert_true(is_running(pid));
	process_watchdog_kill_all(watchdog);
	assert_true(is_gone(pid));
	loop_destroy(loop);
	process_watchdog_destroy(watchdog);
	process_watchdog_kill_all(NULL);
	arena_finish(&arena);
	child_finish(&child);
	remove_dir(dir);
}

/* It may have been killed: children run on unwatched, and no SIGPIPE comes of it. */
static void its_death_harms_nobody(void **state) {
	(void)state;
	struct error error;
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	int self = getpid();
	assert_true(wait_until(has_watchdog, &self));
	int pid = find_child(self, "llm-mux-watch");
	kill(pid, SIGKILL);
	assert_true(is_gone(pid));
	struct child child = {0};
	child_shell(&child, "echo fine", NULL);
	child.options.watchdog = watchdog;
	child_run(&child);
	assert_true(slice_is(buf_slice(&child.out), "fine\n"));
	child_finish(&child);
	process_watchdog_destroy(watchdog);
}

int test_watchdog(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trees_die_with_the_runner),
		cmocka_unit_test(no_moment_of_a_start_is_unwatched),
		cmocka_unit_test(it_ignores_signals_and_ends_when_told),
		cmocka_unit_test(it_keeps_no_descriptor_open),
		cmocka_unit_test(only_groups_that_are_left_are_killed),
		cmocka_unit_test(all_groups_can_be_killed_at_once),
		cmocka_unit_test(its_death_harms_nobody),
	};
	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
