/* test_process.c: children, their pipes and limits (workflows.md 2.1). */
#include "proc_help.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/file.h"
#include "base/mem.h"

int test_process(void);

static void assert_text(const struct buf *buf, const char *expected) {
	struct slice got = buf_slice(buf);
	if (!slice_is(got, expected)) {
		fail_msg("got \"%.*s\", expected \"%s\"", SLICE_FMT(got), expected);
	}
}

/* ---- data-driven: a script, and what is to come of it ---- */

struct script_case {
	const char *script, *argument, *input; /* input NULL: none */
	enum process_end end;
	int exit_code, signal_number;
	const char *out, *err;
};

static const struct script_case script_cases[] = {
	{"echo hello", NULL, NULL, PROCESS_EXITED, 0, 0, "hello\n", ""},
	{"printf '%s' \"$1\"", "a\n b", NULL, PROCESS_EXITED, 0, 0, "a\n b", ""},
	{"echo oops >&2; exit 3", NULL, NULL, PROCESS_EXITED, 3, 0, "", "oops\n"},
	{"kill -9 $$", NULL, NULL, PROCESS_SIGNALLED, 137, 9, "", ""},
	{"kill -TERM $$", NULL, NULL, PROCESS_SIGNALLED, 143, 15, "", ""},
	/* stdin is the null device. */
	{"cat; echo end", NULL, NULL, PROCESS_EXITED, 0, 0, "end\n", ""},
	{"cat", NULL, "given", PROCESS_EXITED, 0, 0, "given", ""},
	{"cat", NULL, "", PROCESS_EXITED, 0, 0, "", ""},
	/* A child that does not read what it is given. */
	{"exec <&-; echo fine", NULL, "unread", PROCESS_EXITED, 0, 0, "fine\n", ""},
	/* stdout closed early. */
	{"exec >&-; echo late >&2; exit 1", NULL, NULL, PROCESS_EXITED, 1, 0, "", "late\n"},
	/* Bytes are bytes. */
	{"printf '\\377\\r\\n\\n'", NULL, NULL, PROCESS_EXITED, 0, 0, "\377\r\n\n", ""},
	{"exit 255", NULL, NULL, PROCESS_EXITED, 255, 0, "", ""},
};

static void scripts_end_as_they_say(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof script_cases / sizeof *script_cases; i++) {
		const struct script_case *row = &script_cases[i];
		struct child child = {0};
		child_shell(&child, row->script, row->argument);
		child.options.input = slice_of(row->input);
		child_run(&child);
		assert_non_null(child.process);
		if (child.end != row->end || child.exit_code != row->exit_code ||
			child.signal_number != row->signal_number) {
			fail_msg("%s: end %d code %d signal %d", row->script, (int)child.end,
				child.exit_code, child.signal_number);
		}
		assert_text(&child.out, row->out);
		assert_text(&child.err, row->err);
		child_finish(&child);
	}
}

/* ---- what the child gets ---- */

static void variables_are_set_and_removed(void **state) {
	(void)state;
	setenv("PROC_KEPT", "kept", 1);
	setenv("PROC_REMOVED", "x", 1);
	setenv("PROC_CHANGED", "old", 1);
	const struct process_variable variables[] = {
		{"PROC_REMOVED", NULL},
		{"PROC_CHANGED", "first"},
		{"PROC_CHANGED", "last"},
		{"PROC_EMPTY", ""},
		{"PROC_BACK", NULL},
		{"PROC_BACK", "again"},
		{"PROC_GONE", "x"},
		{"PROC_GONE", NULL},
	};
	struct child child = {0};
	child_shell(&child, "env | grep '^PROC_' | sort", NULL);
	child.options.variables = variables;
	child.options.variable_count = sizeof variables / sizeof *variables;
	child_run(&child);
	assert_text(
		&child.out, "PROC_BACK=again\nPROC_CHANGED=last\nPROC_EMPTY=\nPROC_KEPT=kept\n");
	child_finish(&child);
	unsetenv("PROC_KEPT");
	unsetenv("PROC_REMOVED");
	unsetenv("PROC_CHANGED");
}

static void the_directory_is_the_one_asked_for(void **state) {
	(void)state;
	char *dir = make_dir();
	struct child child = {0};
	child_shell(&child, "pwd -P", NULL);
	child.options.cwd = dir;
	child_run(&child);
	struct buf expected = {0};
	buf_printf(&expected, "%s\n%c", dir, '\0');
	assert_text(&child.out, expected.data);
	buf_finish(&expected);
	child_finish(&child);
	remove_dir(dir);
}

static void make_file(const char *dir, const char *name, const char *text, mode_t mode) {
	struct arena arena = {0};
	const char *path = file_join(&arena, dir, name);
	struct error error;
	assert_true(file_write_atomic(path, slice_of(text), mode, &error));
	arena_finish(&arena);
}

/* Programs are looked up in the child's PATH; relative parts of it, and relative names, count from
 * the child's directory. A script without an interpreter line is one of sh, as for execvp. */
static void programs_are_found_as_execvp_does(void **state) {
	(void)state;
	char *dir = make_dir();
	char *elsewhere = make_dir();
	make_file(dir, "tool", "#!/bin/sh\necho tool \"$@\"\n", 0755);
	make_file(dir, "bare", "echo bare \"$@\"\n", 0755);
	make_file(elsewhere, "tool", "not to be run", 0644);
	struct arena arena = {0};
	const struct {
		const char *program, *path, *out;
	} rows[] = {
		{"tool", arena_printf(&arena, "/nonexistent:%s:%s", elsewhere, dir).data,
			"tool a b\n"},
		{"tool", ".", "tool a b\n"},
		{"tool", "", "tool a b\n"},
		{"./tool", "/nonexistent", "tool a b\n"},
		{"./bare", "/nonexistent", "bare a b\n"},
		{"bare", ".", "bare a b\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *argv[] = {rows[i].program, "a", "b", NULL};
		const struct process_variable variable = {"PATH", rows[i].path};
		struct child child = {0};
		child.options.argv = argv;
		child.options.cwd = dir;
		child.options.variables = &variable;
		child.options.variable_count = 1;
		child_run(&child);
		assert_non_null(child.process);
		assert_text(&child.out, rows[i].out);
		child_finish(&child);
	}
	assert_null(process_find_program(&arena, "tool", "/nonexistent"));
	assert_null(process_find_program(&arena, "tool", elsewhere));
	assert_null(process_find_program(&arena, "", dir));
	const char *found = process_find_program(&arena, "tool", dir);
	assert_string_equal(found, file_join(&arena, dir, "tool"));
	assert_string_equal(process_find_program(&arena, found, "/nonexistent"), found);
	assert_non_null(process_find_program(&arena, "sh", NULL));
	arena_finish(&arena);
	remove_dir(dir);
	remove_dir(elsewhere);
}

static void what_cannot_start_is_unavailable(void **state) {
	(void)state;
	char *dir = make_dir();
	make_file(dir, "plain", "text", 0644);
	make_file(dir, "orphan", "#!/nonexistent/interpreter\n", 0755);
	const struct {
		const char *program, *cwd;
		const char *says[3];
	} rows[] = {
		{"llm-mux-no-such-program", NULL, {"llm-mux-no-such-program", "PATH"}},
		{"/nonexistent/program", NULL, {"/nonexistent/program", "No such file"}},
		{"./plain", dir, {"./plain", "Permission denied"}},
		{"/", NULL, {"start /", "Permission denied"}},
		{"", NULL, {"cannot start", "PATH"}},
		{"sh", "/nonexistent/dir", {"sh", "/nonexistent/dir", "No such file"}},
		{"./orphan", dir, {"./orphan", "interpreter"}},
	};
	size_t count = sizeof rows / sizeof *rows - (is_under_valgrind() ? 1 : 0);
	for (size_t i = 0; i < count; i++) {
		const char *argv[] = {rows[i].program, NULL};
		struct child child = {0};
		child.options.argv = argv;
		child.options.cwd = rows[i].cwd;
		child.options.input = SLICE("some");
		child_run(&child);
		assert_null(child.process);
		assert_int_equal(child.error.kind, ERROR_UNAVAILABLE);
		for (size_t w = 0; w < 3 && rows[i].says[w] != NULL; w++) {
			if (strstr(child.error.message, rows[i].says[w]) == NULL) {
				fail_msg("%s: %s", rows[i].program, child.error.message);
			}
		}
		assert_int_equal(child.events, 0);
		child_finish(&child);
	}
	remove_dir(dir);
}

/* It leads its own session, no signal is blocked or ignored, and no descriptor but 0, 1, 2 is open,
 * whatever this process does. */
static void the_child_starts_clean(void **state) {
	(void)state;
	if (is_under_valgrind()) {
		skip(); /* it has descriptors and signals of its own */
	}
	int leaky = open("/dev/null", O_RDONLY); /* no O_CLOEXEC, on purpose */
	assert_true(leaky > 2);
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
	struct child child = {0};
	child_shell(&child,
		"read pid name state parent group session rest </proc/$$/stat\n"
		"test \"$group/$session\" = \"$$/$$\" && echo leader\n"
		"ls /proc/$$/fd; true\n"
		/* 32 and 33 are the C library's own: what it inherits there, it passes on. */
		"grep -E '^Sig(Blk|Ign):' /proc/$$/status | tr -d '\\t' |"
		" sed 's/0000000180000000/0000000000000000/'\n",
		NULL);
	child_run(&child);
	signal(SIGPIPE, handler);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(leaky);
	assert_text(
		&child.out, "leader\n0\n1\n2\nSigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	child_finish(&child);
}

static void stdin_may_be_this_process_s(void **state) {
	(void)state;
	char *dir = make_dir();
	make_file(dir, "in", "inherited", 0600);
	struct arena arena = {0};
	int saved = dup(0);
	int file = open(file_join(&arena, dir, "in"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(dup2(file, 0), 0);
	struct child child = {0};
	child_shell(&child, "cat", NULL);
	child.options.inherits_stdin = true;
	child_run(&child);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
	close(file);
	assert_text(&child.out, "inherited");
	child_finish(&child);
	arena_finish(&arena);
	remove_dir(dir);
}

/* ---- much of everything ---- */

static char *make_bytes(size_t count) {
	char *bytes = mem_alloc(count);
	for (size_t i = 0; i < count; i++) {
		bytes[i] = (char)(i * 2654435761U >> 13);
	}
	return bytes;
}

/* 2.1: a 1 MiB prompt by stdin comes back whole; here more, so that both pipes are full at once. */
static void input_of_any_size_does_not_deadlock(void **state) {
	(void)state;
	size_t size = 5 * 1024 * 1024 + 7;
	char *bytes = make_bytes(size);
	struct child child = {0};
	child_shell(&child, "cat", NULL);
	child.options.input = slice_make(bytes, size);
	child_run(&child);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.out.len, size);
	assert_memory_equal(child.out.data, bytes, size);
	child_finish(&child);
	free(bytes);
}

/* A child may stop reading: EPIPE is no error, and SIGPIPE does not reach this process. */
static void input_may_stay_unread(void **state) {
	(void)state;
	size_t size = 1024 * 1024;
	char *bytes = make_bytes(size);
	void (*handler)(int) = signal(SIGPIPE, SIG_DFL);
	struct child child = {0};
	child_shell(&child, "head -c 3 | wc -c; exec <&-; echo on", NULL);
	child.options.input = slice_make(bytes, size);
	child_run(&child);
	signal(SIGPIPE, handler);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.exit_code, 0);
	assert_text(&child.out, "3\non\n");
	child_finish(&child);
	free(bytes);
}

/* Checklist, "awkward output". */
static void stderr_after_stdout_was_closed(void **state) {
	(void)state;
	struct child child = {0};
	child_shell(&child,
		"echo first; exec >&-; i=0; while [ $i -lt 5000 ]; do "
		"echo \"line $i of what goes wrong here\" >&2; i=$((i+1)); done",
		NULL);
	child_run(&child);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.exit_code, 0);
	assert_text(&child.out, "first\n");
	assert_int_equal(child.err.len, PROCESS_KEPT_STDERR);
	size_t total = 0;
	for (int i = 0; i < 5000; i++) {
		total += (size_t)snprintf(NULL, 0, "line %d of what goes wrong here\n", i);
	}
	assert_int_equal(child.err.len + child.err_dropped, total);
	assert_true(slice_ends_with(
		buf_slice(&child.err), SLICE("line 4999 of what goes wrong here\n")));
	child_finish(&child);
}

static void both_pipes_are_drained_side_by_side(void **state) {
	(void)state;
	struct child child = {0};
	child_shell(&child,
		"head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait; "
		"head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero",
		NULL);
	child_run(&child);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.out.len, 4000000);
	assert_int_equal(child.err.len + child.err_dropped, 4000000);
	child_finish(&child);
}

static void output_beyond_the_cap_ends_it(void **state) {
	(void)state;
	for (int streams = 0; streams < 2; streams++) {
		struct child child = {0};
		child_shell(&child, "exec yes", NULL);
		child.options.max_output = 100001;
		child.options.streams_output = streams;
		child_run(&child);
		assert_int_equal(child.end, PROCESS_TOO_MUCH);
		assert_int_equal(child.out.len, 100001);
		assert_int_equal(child.signal_number, SIGTERM);
		child_finish(&child);
	}
	struct child child = {0};
	child_shell(&child, "head -c 100001 /dev/zero", NULL);
	child.options.max_output = 100001;
	child_run(&child);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.out.len, 100001);
	child_finish(&child);
}

static void many_run_at_once(void **state) {
	(void)state;
	enum {
		COUNT = 100
	};
	struct error error;
	struct loop *loop = loop_create(&error);
	struct child *children = calloc(COUNT, sizeof *children);
	for (size_t i = 0; i < COUNT; i++) {
		child_shell(&children[i], "read line; echo $line; exit $line", NULL);
		children[i].options.input = SLICE("42\n");
		child_start(&children[i], loop);
		assert_non_null(children[i].process);
	}
	loop_run(loop);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(children[i].done_count, 1);
		assert_int_equal(children[i].exit_code, 42);
		assert_text(&children[i].out, "42\n");
		process_release(children[i].process);
		child_finish(&children[i]);
	}
	free(children);
	loop_destroy(loop);
}

/* ---- streaming and back-pressure ---- */

static void streams_as_it_comes(void **state) {
	(void)state;
	struct child child = {0};
	child_shell(&child, "echo out; echo err >&2; echo more", NULL);
	child.options.streams_output = true;
	child_run(&child);
	assert_text(&child.out, "out\nmore\n");
	assert_text(&child.err, "err\n");
	assert_true(child.events >= 3);
	child_finish(&child);
}

static void pause_first(struct child *child) {
	if (child->events == 1) {
		process_pause(child->process);
	}
}

/* A paused child that is long gone still has everything delivered. */
static void a_pause_loses_nothing(void **state) {
	(void)state;
	struct error error;
	struct loop *loop = loop_create(&error);
	struct child child = {.on_event = pause_first};
	child_shell(&child, "head -c 40000 /dev/zero; sleep 0.05; head -c 10000 /dev/zero", NULL);
	child.options.streams_output = true;
	child_start(&child, loop);
	/* stderr is not paused: its end and the exit come; then nothing is left to wait for. */
	loop_run(loop);
	assert_int_equal(child.events, 1);
	assert_int_equal(child.done_count, 0);
	process_pause(child.process);
	process_resume(child.process);
	loop_run(loop);
	assert_int_equal(child.done_count, 1);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_int_equal(child.out.len, 50000);
	process_pause(child.process);
	process_resume(child.process);
	process_release(child.process);
	child_finish(&child);
	loop_destroy(loop);
}

/* ---- the end of trees ---- */

/* A tree: the child, a grandchild and its child; each writes its number into a file and stays.
 * {trap} is what they do about TERM. */
#define TREE(trap)                                                                                 \
	trap "\n"                                                                                  \
	     "( ( echo $(exec sh -c 'echo $PPID') >\"$1/third\"; while :; do sleep 60; done ) &\n" \
	     "  echo $(exec sh -c 'echo $PPID') >\"$1/second\"; while :; do sleep 60; done ) &\n"  \
	     "echo $$ >\"$1/first\"; while :; do sleep 60; done"

struct tree {
	struct child child;
	char *dir;
	struct loop *loop;
	int pids[3];
};

static void tree_start(struct tree *tree, const char *script, uint64_t timeout_ms) {
	static const char *const names[] = {"first", "second", "third"};
	struct error error;
	struct arena arena = {0};
	*tree = (struct tree){.dir = make_dir(), .loop = loop_create(&error)};
	child_shell(&tree->child, script, tree->dir);
	tree->child.options.kill_grace_ms = 100;
	tree->child.options.timeout_ms = timeout_ms;
	child_start(&tree->child, tree->loop);
	assert_non_null(tree->child.process);
	for (size_t i = 0; i < 3; i++) {
		tree->pids[i] = read_pid(file_join(&arena, tree->dir, names[i]));
	}
	arena_finish(&arena);
}

static void tree_finish(struct tree *tree) {
	loop_destroy(tree->loop);
	for (size_t i = 0; i < 3; i++) {
		assert_true(is_gone(tree->pids[i]));
	}
	child_finish(&tree->child);
	remove_dir(tree->dir);
}

/* Checklist, "timeout kills tree". */
static void a_time_limit_ends_the_tree(void **state) {
	(void)state;
	const struct {
		const char *script;
		int signal_number;
	} rows[] = {{TREE(""), SIGTERM}, {TREE("trap '' TERM"), SIGKILL}};
	for (size_t i = 0; i < 2; i++) {
		struct tree tree;
		tree_start(&tree, rows[i].script, 50);
		loop_run(tree.loop);
		assert_int_equal(tree.child.done_count, 1);
		assert_int_equal(tree.child.end, PROCESS_TIMED_OUT);
		assert_int_equal(tree.child.signal_number, rows[i].signal_number);
		process_release(tree.child.process);
		tree_finish(&tree);
	}
}

static void stop_kill_and_release_end_the_tree(void **state) {
	(void)state;
	void (*const ways[])(struct process *) = {
		process_stop, process_kill, process_release, process_dismiss};
	static const char *const scripts[] = {TREE(""), TREE("trap '' TERM")};
	for (size_t i = 0; i < 8; i++) {
		struct tree tree;
		bool is_release = i % 4 >= 2;
		tree_start(&tree, scripts[i / 4], 0);
		ways[i % 4](tree.child.process);
		loop_run(tree.loop);
		assert_int_equal(tree.child.done_count, is_release ? 0 : 1);
		if (!is_release) {
			assert_int_equal(tree.child.end, PROCESS_STOPPED);
			process_stop(tree.child.process);
			process_kill(tree.child.process);
			process_release(tree.child.process);
		}
		tree_finish(&tree);
	}
}

/* A group that was stopped (SIGSTOP) still ends; a second way to end does not change the reason. */
static void a_stopped_tree_ends_too(void **state) {
	(void)state;
	struct tree tree;
	tree_start(&tree, TREE(""), 0);
	assert_int_equal(kill(-tree.pids[0], SIGSTOP), 0);
	process_stop(tree.child.process);
	process_stop(tree.child.process);
	loop_run(tree.loop);
	assert_int_equal(tree.child.end, PROCESS_STOPPED);
	assert_int_equal(tree.child.signal_number, SIGTERM);
	process_release(tree.child.process);
	tree_finish(&tree);
}

/* TERM is a request: what the child says and does before it exits counts. */
static void a_child_may_tidy_up(void **state) {
	(void)state;
	struct child child = {0};
	child_shell(&child, "trap 'echo tidy; exit 5' TERM; echo up; while :; do sleep 0.01; done",
		NULL);
	child.options.streams_output = true;
	child.options.kill_grace_ms = 10000;
	struct error error;
	struct loop *loop = loop_create(&error);
	child_start(&child, loop);
	assert_non_null(child.process);
	while (child.out.len == 0 && child.done_count == 0) {
		loop_run_once(loop, true);
	}
	process_stop(child.process);
	loop_run(loop);
	assert_int_equal(child.end, PROCESS_STOPPED);
	assert_int_equal(child.exit_code, 5);
	assert_text(&child.out, "up\ntidy\n");
	process_release(child.process);
	child_finish(&child);
	loop_destroy(loop);
}

/* The same when nobody listens any more; the end of the loop waits for it, and the watchdog may be
 * gone by then. */
static void a_dismissed_child_may_tidy_up(void **state) {
	(void)state;
	char *dir = make_dir();
	struct error error;
	struct arena arena = {0};
	struct loop *loop = loop_create(&error);
	struct process_watchdog *watchdog = process_watchdog_create(&error);
	struct child child = {0};
	child_shell(&child,
		"trap 'sleep 0.05; echo tidy >\"$1/done\"; exit' TERM; echo $$ >\"$1/pid\"; "
		"while :; do sleep 0.01; done",
		dir);
	child.options.kill_grace_ms = 10000;
	child.options.watchdog = watchdog;
	child_start(&child, loop);
	assert_non_null(child.process);
	int pid = read_pid(file_join(&arena, dir, "pid"));
	process_dismiss(child.process);
	process_watchdog_destroy(watchdog);
	loop_destroy(loop);
	assert_int_equal(child.done_count, 0);
	assert_false(is_running(pid));
	assert_true(file_exists(file_join(&arena, dir, "done")));
	process_dismiss(NULL);
	arena_finish(&arena);
	child_finish(&child);
	remove_dir(dir);
}

/* 2.1: a grandchild that holds the pipes does not hold the result, and goes with the child; as does
 * one that holds nothing. */
static void what_the_child_leaves_running_ends(void **state) {
	(void)state;
	static const char *const scripts[] = {
		"sleep 60 & echo $! >\"$1/pid\"; echo done",
		"sleep 60 >/dev/null 2>&1 & echo $! >\"$1/pid\"; echo done",
		"sleep 60 >/dev/null & echo $! >\"$1/pid\"; echo done",
	};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		char *dir = make_dir();
		struct arena arena = {0};
		struct child child = {0};
		child_shell(&child, scripts[i], dir);
		child_run(&child);
		assert_int_equal(child.end, PROCESS_EXITED);
		assert_int_equal(child.exit_code, 0);
		assert_text(&child.out, "done\n");
		assert_true(is_gone(read_pid(file_join(&arena, dir, "pid"))));
		arena_finish(&arena);
		child_finish(&child);
		remove_dir(dir);
	}
}

/* A loop that was busy for longer than the limits reads what was said in time, and sees that the
 * child was in time. */
static void a_busy_loop_is_not_the_child_s_fault(void **state) {
	(void)state;
	struct error error;
	struct loop *loop = loop_create(&error);
	char *dir = make_dir();
	struct arena arena = {0};
	struct child child = {0};
	child_shell(&child, "echo said; echo $$ >\"$1/pid\"", dir);
	child.options.timeout_ms = 1;
	child_start(&child, loop);
	assert_true(is_gone(read_pid(file_join(&arena, dir, "pid"))));
	usleep(5000);
	loop_run(loop);
	assert_int_equal(child.end, PROCESS_EXITED);
	assert_text(&child.out, "said\n");
	process_release(child.process);
	child_finish(&child);
	arena_finish(&arena);
	remove_dir(dir);
	loop_destroy(loop);
}

/* ---- at every moment ---- */

static unsigned fatal_event;
static void (*fatal_way)(struct process *);

static void act_at_event(struct child *child) {
	assert_false(child->is_released);
	if (child->events == fatal_event) {
		child->is_released = fatal_way == process_release || fatal_way == process_dismiss;
		fatal_way(child->process);
	}
}

static void every_event_may_be_the_last(void **state) {
	(void)state;
	void (*const ways[])(struct process *) = {
		process_release, process_dismiss, process_stop, process_kill, process_pause};
	for (size_t way = 0; way < 5; way++) {
		bool was_reached = true;
		for (fatal_event = 1; was_reached; fatal_event++) {
			fatal_way = ways[way];
			struct child child = {.on_event = act_at_event};
			child_shell(&child,
				"cat; echo 1; echo 2 >&2; sleep 0.01; echo 3 >&2; exit 1", NULL);
			child.options.streams_output = true;
			child.options.input = SLICE("input");
			struct error error;
			struct loop *loop = loop_create(&error);
			child_start(&child, loop);
			loop_run(loop);
			was_reached = child.events >= fatal_event;
			if (child.done_count == 0 && !child.is_released) {
				process_resume(child.process);
				loop_run(loop);
			}
			if (!child.is_released) {
				assert_int_equal(child.done_count, 1);
				process_release(child.process);
			}
			loop_destroy(loop);
			child_finish(&child);
		}
		assert_true(fatal_event > 3);
	}
}

/* The same between events: after 0, 1, 2 ... turns of the loop. */
static void every_turn_may_be_the_last(void **state) {
	(void)state;
	for (unsigned turns = 0; turns < 12; turns++) {
		struct error error;
		struct loop *loop = loop_create(&error);
		struct child child = {0};
		child_shell(&child, "cat >/dev/null; echo 1; echo 2 >&2; sleep 60 & exit 0", NULL);
		child.options.input = SLICE("input");
		child_start(&child, loop);
		for (unsigned i = 0; i < turns && child.done_count == 0; i++) {
			loop_run_once(loop, true);
		}
		process_release(child.process);
		loop_destroy(loop);
		child_finish(&child);
	}
}

/* ---- this process stays clean ---- */

static size_t count_descriptors(void) {
	size_t count = 0;
	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

static void nothing_is_left_open_or_unreaped(void **state) {
	(void)state;
	size_t before = count_descriptors();
	scripts_end_as_they_say(state);
	what_cannot_start_is_unavailable(state);
	every_turn_may_be_the_last(state);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A process of its own in which `run` is called; returns what that returned. */
static int in_fork(int (*run)(int number), int number) {
	if (is_under_valgrind()) {
		skip();
	}
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(run(number));
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* 0: it worked; 1: it could not start, and said so; 2: wrong. */
static int run_plainly(struct loop *loop) {
	struct child child = {0};
	child_shell(&child, "cat; echo error >&2; exit 7", NULL);
	child.options.input = SLICE("through");
	child_start(&child, loop);
	if (child.process != NULL) {
		loop_run(loop);
		process_release(child.process);
	}
	loop_destroy(loop);
	bool is_right = child.exit_code == 7 && slice_is(buf_slice(&child.out), "through") &&
			slice_is(buf_slice(&child.err), "error\n");
	bool has_failed = child.process == NULL && child.error.message[0] != '\0';
	child_finish(&child);
	return has_failed ? 1 : is_right ? 0 : 2;
}

/* The descriptors of pipes are 0, 1 or 2 themselves then. (A loop of libuv cannot have such.) */
static int without_stdio(int closed) {
	struct error error;
	struct loop *loop = loop_create(&error);
	for (int fd = 0; fd < 3; fd++) {
		if ((closed & 1 << fd) != 0) {
			close(fd);
		}
	}
	return run_plainly(loop);
}

static int with_few_descriptors(int more) {
	struct error error;
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct rlimit limit = {(rlim_t)(lowest + more), (rlim_t)(lowest + more)};
	setrlimit(RLIMIT_NOFILE, &limit);
	struct loop *loop = loop_create(&error);
	return loop == NULL ? 1 : run_plainly(loop);
}

static int with_children_ignored(int number) {
	(void)number;
	signal(SIGCHLD, SIG_IGN);
	struct error error;
	return run_plainly(loop_create(&error));
}

/* As on a kernel that has no pidfd_open: the call fails from here on. */
static bool refuse_pidfd(void) {
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int without_pidfd(int number) {
	(void)number;
	if (!refuse_pidfd()) {
		return pidfd_open(getpid(), 0) < 0 ? 0 : 3;
	}
	if (pidfd_open(getpid(), 0) >= 0) {
		return 4;
	}
	struct error error;
	int outcome = run_plainly(loop_create(&error));
	/* Released while it runs, and at once. */
	struct loop *loop = loop_create(&error);
	struct child child = {0};
	child_shell(&child, "sleep 60", NULL);
	child_start(&child, loop);
	process_release(child.process);
	loop_destroy(loop);
	bool has_none = waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
	return has_none ? outcome : 5;
}

static void works_without_pidfd(void **state) {
	(void)state;
	assert_int_equal(in_fork(without_pidfd, 0), 0);
}

static void works_without_standard_descriptors(void **state) {
	(void)state;
	for (int closed = 0; closed < 8; closed++) {
		assert_int_equal(in_fork(without_stdio, closed), 0);
	}
	assert_int_equal(in_fork(with_children_ignored, 0), 0);
}

/* Torture: the first descriptor that cannot be had, then the second ... */
static void fails_cleanly_without_descriptors(void **state) {
	(void)state;
	int failures = 0;
	int outcome = 1;
	for (int more = 0; outcome != 0; more++) {
		outcome = in_fork(with_few_descriptors, more);
		assert_true(outcome < 2);
		failures += outcome;
		assert_true(more < 100);
	}
	assert_true(failures > 5);
}

int test_process(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_end_as_they_say),
		cmocka_unit_test(variables_are_set_and_removed),
		cmocka_unit_test(the_directory_is_the_one_asked_for),
		cmocka_unit_test(programs_are_found_as_execvp_does),
		cmocka_unit_test(what_cannot_start_is_unavailable),
		cmocka_unit_test(the_child_starts_clean),
		cmocka_unit_test(stdin_may_be_this_process_s),
		cmocka_unit_test(input_of_any_size_does_not_deadlock),
		cmocka_unit_test(input_may_stay_unread),
		cmocka_unit_test(stderr_after_stdout_was_closed),
		cmocka_unit_test(both_pipes_are_drained_side_by_side),
		cmocka_unit_test(output_beyond_the_cap_ends_it),
		cmocka_unit_test(many_run_at_once),
		cmocka_unit_test(streams_as_it_comes),
		cmocka_unit_test(a_pause_loses_nothing),
		cmocka_unit_test(a_time_limit_ends_the_tree),
		cmocka_unit_test(stop_kill_and_release_end_the_tree),
		cmocka_unit_test(a_stopped_tree_ends_too),
		cmocka_unit_test(a_child_may_tidy_up),
		cmocka_unit_test(a_dismissed_child_may_tidy_up),
		cmocka_unit_test(what_the_child_leaves_running_ends),
		cmocka_unit_test(a_busy_loop_is_not_the_child_s_fault),
		cmocka_unit_test(every_event_may_be_the_last),
		cmocka_unit_test(every_turn_may_be_the_last),
		cmocka_unit_test(nothing_is_left_open_or_unreaped),
		cmocka_unit_test(works_without_standard_descriptors),
		cmocka_unit_test(works_without_pidfd),
		cmocka_unit_test(fails_cleanly_without_descriptors),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
