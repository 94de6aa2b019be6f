/* test_command.c: programs as backends (workflows.md 2.1, 2.4, 2.5), with sh scripts as the
 * programs. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/runner.h"
#include "mux/role_help.h"
#include "proc/process.h"

int test_command(void);

/* A backend `a` that runs `sh -c SCRIPT`, with the prompt as $1 where it goes by argument; `more`
 * are further lines of TOML. */
static void begin_script(struct mux_fixture *f, const char *script, const char *more) {
	struct buf toml = {0};
	buf_printf(&toml,
		"[backends.a]\ncommand = \"sh\"\nretry_delay = 1\nmax_retries = 0\n%s\n"
		"args = [\"-c\", '''%s''', \"script\"]\n%c",
		more, script, '\0');
	mux_fixture_begin_runner(f, toml.data, NULL);
	buf_finish(&toml);
}

/* ---- a script, a prompt, and what comes of it ---- */

struct success_case {
	const char *script, *more, *prompt, *text;
};

static const struct success_case successes[] = {
	/* The prompt is one argument, whatever it holds. */
	{"printf '%s|%s' \"$#\" \"$1\"", "", "Hello there", "1|Hello there"},
	{"printf %s \"$1\"", "", "a'b\"c$(x) `y`\n\\ *", "a'b\"c$(x) `y`\n\\ *"},
	/* Exactly one LF or CRLF at the end is not the answer's. */
	{"printf 'x\\n'", "", "p", "x"},
	{"printf 'x\\r\\n'", "", "p", "x"},
	{"printf 'x\\n\\n'", "", "p", "x\n"},
	{"printf 'x\\r'", "", "p", "x\r"},
	{"printf 'x\\n\\r\\n'", "", "p", "x\n"},
	{"printf 'a\\r\\nb\\n'", "", "p", "a\r\nb"},
	{"printf '\\n'", "", "p", ""},
	{"true", "", "p", ""},
	/* Bytes that are no UTF-8. */
	{"printf 'a\\377b\\n'", "", "p",
		"a\xEF\xBF\xBD"
		"b"},
	{"printf '\\342\\202'", "", "p", "\xEF\xBF\xBD"},
	{"printf 'a\\000b'", "", "p", "a"}, /* compared as text below */
	/* stdin. */
	{"echo \"$#:$(cat)\"", "", "p", "1:"},
	{"echo \"$#:$(cat)\"", "stdin = true", "by stdin", "0:by stdin"},
	{"cat; printf .", "stdin = true", "ends in newline\n", "ends in newline\n."},
	/* What it says on stderr is not the answer. */
	{"echo out; echo err >&2", "", "p", "out"},
	/* Variables. */
	{"echo \"$${CLAUDECODE-unset}\"", "", "p", "unset"},
	{"echo \"$${CLAUDECODE-unset}\"", "env = { CLAUDECODE = \"kept\" }", "p", "kept"},
	{"echo $A-$B", "env = [[\"A\", \"1\"], [\"B\", \"two words\"]]", "p", "1-two words"},
	{"echo $A", "env = { A = \"${MISSING:-otherwise}\" }", "p", "otherwise"},
	/* system stands before the prompt. */
	{"printf %s \"$1\"", "system = \"Be brief.\"", "Why?", "Be brief.\n\nWhy?"},
};

static void ask(struct role_client *client, struct mux_fixture *f, const char *prompt) {
	client->request.prompt = slice_of(prompt);
	role_client_ask(client, f, ROLE_FALLBACK, "a");
}

static void answers_are_what_programs_print(void **state) {
	(void)state;
	setenv("CLAUDECODE", "1", 1);
	for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
		const struct success_case *row = &successes[i];
		for (int streams = 0; streams < 2; streams++) {
			struct mux_fixture f;
			struct role_client client = {.request.streams = streams};
			begin_script(&f, row->script, row->more);
			ask(&client, &f, row->prompt);
			const struct role_answer *answer = &client.result->answers[0];
			if (!answer->is_success || strcmp(answer->text.data, row->text) != 0) {
				fail_msg("%s: \"%s\" %s", row->script, answer->text.data,
					answer->error.message);
			}
			assert_int_equal(answer->exit_code, 0);
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
	unsetenv("CLAUDECODE");
}

int test_command(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_what_programs_print),
	};
	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
