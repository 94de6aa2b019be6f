/* test_arguments.c: the command line (gateway.md 1.1, 1.2; exit codes of design.md section 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

int test_arguments(void);

struct run {
	int code;
	char *out, *err;
};

static struct run run(const char *line) {
	char *words = strdup(line), *argv[32] = {NULL}, *rest = NULL;
	int argc = 0;
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		argv[argc++] = word;
	}
	char *environment[] = {NULL};
	struct run run = {0};
	size_t out_size, err_size;
	FILE *out = open_memstream(&run.out, &out_size);
	FILE *err = open_memstream(&run.err, &err_size);
	run.code = command_main(argc, argv, environment, out, err);
	fclose(out);
	fclose(err);
	free(words);
	return run;
}

struct line_case {
	const char *line;
	int code;
	const char *out, *err; /* what they hold; NULL = nothing is written there */
};

static void check(const struct line_case *cases, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct run result = run(cases[i].line);
		bool is_right = result.code == cases[i].code;
		is_right &= cases[i].out ? strstr(result.out, cases[i].out) != NULL
					 : result.out[0] == '\0';
		is_right &= cases[i].err ? strstr(result.err, cases[i].err) != NULL
					 : result.err[0] == '\0';
		if (!is_right) {
			fail_msg("%s: %d\nout: %s\nerr: %s", cases[i].line, result.code, result.out,
				result.err);
		}
		free(result.out);
		free(result.err);
	}
}
#define CHECK(cases) check((cases), sizeof(cases) / sizeof *(cases))

static void good_lines(void **state) {
	static const struct line_case cases[] = {
		{"llm-mux version", 0, "llm-mux ", NULL},
		{"llm-mux -v", 0, "Commit: ", NULL},
		{"llm-mux --version", 0, "llm-mux ", NULL},
		{"llm-mux serve --version", 0, "llm-mux ", NULL},
		{"llm-mux --help", 0, "Commands:\n", NULL},
		{"llm-mux -h", 0, "serve", NULL},
		{"llm-mux help", 0, "--config PATH", NULL},
		{"llm-mux help serve", 0, "-p, --port N", NULL},
		{"llm-mux help options", 0, "environment: LLM_MUX_PORT", NULL},
		{"llm-mux serve --help", 0, "-p, --port N", NULL},
		{"llm-mux --help serve", 0, "-p, --port N", NULL},
		{"llm-mux --debug version", 0, "llm-mux ", NULL},
		{"llm-mux version --debug --no-browser", 0, "llm-mux ", NULL},
		{"llm-mux --config x.yaml version", 0, "llm-mux ", NULL},
		{"llm-mux --config=x.yaml version", 0, "llm-mux ", NULL},
		{"llm-mux version --config x.yaml", 0, "llm-mux ", NULL},
		{"llm-mux --config version version", 0, "llm-mux ", NULL},
		{"llm-mux help -- version", 0, "show the version", NULL},
	};
	(void)state;
	CHECK(cases);
}

static void wrong_lines(void **state) {
	static const struct line_case cases[] = {
		{"llm-mux serv", 2, NULL, "unknown command 'serv'; did you mean 'serve'?"},
		{"llm-mux xyzzy", 2, NULL, "unknown command 'xyzzy'; see llm-mux help"},
		{"llm-mux --debug hepl", 2, NULL, "did you mean 'help'?"},
		{"llm-mux --prot 1", 2, NULL, "unknown option --prot; did you mean --port?"},
		{"llm-mux serve --prot=1", 2, NULL, "unknown option --prot; did you mean --port?"},
		{"llm-mux --xyzzy", 2, NULL, "unknown option --xyzzy; see llm-mux help serve"},
		{"llm-mux -x", 2, NULL, "unknown option -x"},
		{"llm-mux version -xh", 2, NULL, "unknown option -x; see llm-mux help version"},
		{"llm-mux serve --port", 2, NULL, "option --port needs a value"},
		{"llm-mux serve -p", 2, NULL, "option --port needs a value"},
		{"llm-mux --config", 2, NULL, "option --config needs a value"},
		{"llm-mux --debug=1", 2, NULL, "option --debug takes no value"},
		{"llm-mux version now", 2, NULL, "unexpected 'now'"},
		{"llm-mux help serv", 2, NULL, "there is no command 'serv'"},
		{"llm-mux serve --config /nonexistent/x.yaml", 2, NULL, "/nonexistent/x.yaml"},
		{"llm-mux serve --config /nonexistent/x.yaml --port 99999", 2, NULL, "port"},
	};
	(void)state;
	CHECK(cases);
}

/* Help shows every row and stays within the width of a terminal. */
static void help_of_all(void **state) {
	(void)state;
	for (const struct command *const *row = command_table; *row; row++) {
		char line[64];
		snprintf(line, sizeof line, "llm-mux help %s", (*row)->name);
		struct run result = run(line);
		assert_int_equal(result.code, 0);
		assert_non_null(strstr(result.out, (*row)->summary));
		for (const struct command_option *option = (*row)->options; option && option->name;
			option++) {
			assert_non_null(strstr(result.out, option->name));
			assert_non_null(strstr(result.out, option->help));
		}
		char *rest = NULL;
		for (char *at = strtok_r(result.out, "\n", &rest); at;
			at = strtok_r(NULL, "\n", &rest)) {
			if (strlen(at) > 100) {
				fail_msg("%s: too wide: %s", (*row)->name, at);
			}
		}
		free(result.out);
		free(result.err);
	}
}

/* Every command either runs or has commands of its own; option names are unique with the globals.
 */
static void table_is_sound(void **state) {
	(void)state;
	for (const struct command *const *row = command_table; *row; row++) {
		assert_true((*row)->run || (*row)->subcommands);
		for (const struct command_option *option = (*row)->options; option && option->name;
			option++) {
			for (const struct command_option *global = command_globals; global->name;
				global++) {
				assert_string_not_equal(option->name, global->name);
				assert_false(option->letter && option->letter == global->letter);
			}
		}
	}
}

int test_arguments(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(help_of_all),
		cmocka_unit_test(table_is_sound),
	};
	return cmocka_run_group_tests_name("cli/arguments", tests, NULL, NULL);
}
