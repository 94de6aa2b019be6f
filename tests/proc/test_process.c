/* test_process.c: children, their pipes and limits (workflows.md 2.1). */
#include "proc_help.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

int test_process(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_end_as_they_say),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
