/* test_trust_ask.c: a person at a terminal is asked whether to trust a project's files; without
 * one, the error names what to do (design.md 3). */
#include <ftw.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "cli/cli_help.h"

int test_trust_ask(void);

#define QUESTION "[y/N] "

struct place {
	char home[64];
	char project[96];
};

static void write_file(const struct place *place, const char *name, const char *text) {
	char path[256];
	snprintf(path, sizeof path, "%s/%s", place->project, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void begin(struct place *place) {
	char path[256];
	strcpy(place->home, "/tmp/llm-mux-ask-XXXXXX");
	assert_non_null(mkdtemp(place->home));
	snprintf(place->project, sizeof place->project, "%s/project", place->home);
	snprintf(path, sizeof path, "%s/.llm-mux/workflows", place->project);
	assert_true(file_make_dir(path, 0700, NULL));
	write_file(place, ".llm-mux/config.toml", "[backends.own]\ncommand = \"sh\"\n");
	write_file(place, ".llm-mux/workflows/w.toml",
		"name = \"w\"\n[[steps]]\nname = \"a\"\ntype = \"shell\"\n"
		"run = \"echo from-the-step\"\n");
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

static void end(struct place *place) {
	assert_int_equal(nftw(place->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* In the child: the program, with everything on the terminal. */
static _Noreturn void run_child(const struct place *place, char *const *words) {
	char home[96], path[] = "PATH=/usr/bin:/bin";
	int count = 0;
	snprintf(home, sizeof home, "HOME=%s", place->home);
	char changes[32];
	snprintf(changes, sizeof changes, "CHANGES=%s", getenv("CHANGES") ? "1" : "");
	char *environment[] = {home, path, changes, NULL};
	setenv("HOME", place->home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	while (words[count]) {
		count++;
	}
	int code = command_main(count, (char **)(uintptr_t)words, environment, stdout, stderr);
	fflush(NULL);
	_exit(code);
}

/* Runs `llm-mux -C PROJECT run w` at a terminal, giving one answer to each question. Returns the
 * exit code; what was seen goes to `seen`. */
static int run_at_terminal(const struct place *place, const char *answer, struct buf *seen) {
	char name[] = "llm-mux", flag[] = "-C", command[] = "run", workflow[] = "w";
	char *words[] = {name, flag, (char *)(uintptr_t)place->project, command, workflow, NULL};
	int terminal, status;
	fflush(NULL);
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);
	assert_true(child >= 0);
	if (child == 0) {
		run_child(place, words);
	}
	size_t answered = 0;
	for (;;) {
		char bytes[1024];
		ssize_t len = read(terminal, bytes, sizeof bytes);
		if (len <= 0) {
			break; /* EIO: the other end is closed */
		}
		buf_append(seen, slice_make(bytes, (size_t)len));
		size_t at = slice_find(slice_from(buf_slice(seen), answered), SLICE(QUESTION));
		if (at != SIZE_MAX) {
			answered += at + strlen(QUESTION);
			assert_int_equal(
				write(terminal, answer, strlen(answer)), (ssize_t)strlen(answer));
		}
	}
	close(terminal);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_seen(const struct buf *seen, const char *text, bool is_there) {
	if (slice_contains(buf_slice(seen), slice_of(text)) != is_there) {
		fail_msg("%s `%s` in\n%.*s", is_there ? "no" : "there is", text,
			SLICE_FMT(buf_slice(seen)));
	}
}

static void test_no(void **state) {
	(void)state;
	static const char *const answers[] = {"\n", "n\n", "nope\n", "yesterday\n"};
	struct place place;
	begin(&place);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct buf seen = {0};
		assert_int_equal(run_at_terminal(&place, answers[i], &seen), COMMAND_USAGE);
		expect_seen(&seen, "backends.own.command = \"sh\"", true);
		expect_seen(&seen, "`llm-mux trust` shows", true);
		expect_seen(&seen, "from-the-step", false);
		buf_finish(&seen);
	}
	end(&place);
}

/* Yes to the configuration, then to the workflow; after that nobody is asked until one changes. */
static void test_yes(void **state) {
	(void)state;
	struct place place;
	struct buf seen = {0};
	begin(&place);
	assert_int_equal(run_at_terminal(&place, "Yes\n", &seen), COMMAND_OK);
	expect_seen(&seen, "backends.own.command = \"sh\"", true);
	expect_seen(&seen, "steps[0].run = \"echo from-the-step\"", true);
	expect_seen(&seen, "\nfrom-the-step", true);
	buf_reset(&seen, 0);
	assert_int_equal(run_at_terminal(&place, "n\n", &seen), COMMAND_OK);
	expect_seen(&seen, QUESTION, false);
	buf_reset(&seen, 0);
	write_file(&place, ".llm-mux/workflows/w.toml",
		"name = \"w\"\n[[steps]]\nname = \"a\"\ntype = \"shell\"\n"
		"run = \"echo something-else\"\n");
	assert_int_equal(run_at_terminal(&place, "n\n", &seen), COMMAND_USAGE);
	expect_seen(&seen, "steps[0].run = \"echo something-else\"", true);
	expect_seen(&seen, "\nsomething-else", false);
	buf_finish(&seen);
	end(&place);
}

static size_t count_seen(const struct buf *seen, const char *text) {
	size_t count = 0;
	struct slice rest = buf_slice(seen);
	for (size_t at; (at = slice_find(rest, slice_of(text))) != SIZE_MAX; count++) {
		rest = slice_from(rest, at + 1);
	}
	return count;
}

/* What a workflow includes and what its steps name is asked for before anything runs; what a step
 * changed in the meantime does not run. */
static void test_nested(void **state) {
	(void)state;
	struct place place;
	struct buf seen = {0};
	begin(&place);
	write_file(&place, ".llm-mux/config.toml", "[defaults]\ntimeout = 5\n");
	write_file(&place, ".llm-mux/workflows/w.toml",
		"name = \"w\"\ninclude = [\"shared.toml\"]\n"
		"[[steps]]\nname = \"first\"\ntype = \"shell\"\n"
		"run = \"test -z $CHANGES || echo '# new' >> .llm-mux/workflows/n.toml\"\n"
		"[[steps]]\nname = \"below\"\nworkflow = \"n\"\ndepends_on = [\"first\"]\n");
	write_file(&place, ".llm-mux/workflows/shared.toml",
		"[[steps]]\nname = \"s\"\ntype = \"shell\"\nrun = \"echo shared\"\n");
	write_file(&place, ".llm-mux/workflows/n.toml",
		"name = \"n\"\n[[steps]]\nname = \"x\"\ntype = \"shell\"\n"
		"run = \"echo from-below\"\n");
	assert_int_equal(run_at_terminal(&place, "y\n", &seen), COMMAND_OK);
	expect_seen(&seen, "steps[0].run = \"echo shared\"", true);
	expect_seen(&seen, "steps[1].workflow = \"n\"", true);
	expect_seen(&seen, "steps[0].run = \"echo from-below\"", true);
	assert_int_equal(count_seen(&seen, QUESTION), 3);
	buf_reset(&seen, 0);
	assert_int_equal(run_at_terminal(&place, "n\n", &seen), COMMAND_OK);
	assert_int_equal(count_seen(&seen, QUESTION), 0);
	buf_reset(&seen, 0);
	setenv("CHANGES", "1", 1);
	assert_int_equal(run_at_terminal(&place, "y\n", &seen), COMMAND_FAILED);
	unsetenv("CHANGES");
	assert_int_equal(count_seen(&seen, QUESTION), 0);
	expect_seen(&seen, "n.toml is not trusted as it is now", true);
	buf_reset(&seen, 0);
	assert_int_equal(run_at_terminal(&place, "n\n", &seen), COMMAND_USAGE);
	assert_int_equal(count_seen(&seen, QUESTION), 1);
	buf_finish(&seen);
	end(&place);
}

int test_trust_ask(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no),
		cmocka_unit_test(test_yes),
		cmocka_unit_test(test_nested),
	};
	return cmocka_run_group_tests_name("cli/trust_ask", tests, NULL, NULL);
}
