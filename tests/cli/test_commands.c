/* test_commands.c: the rows of the tables, and command lines with their mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli_help.h"

int test_commands(void);

/* ---- command lines ---- */

static const struct {
	const char *line;
	int code;
	const char *out, *err; /* what must be in there; NULL: nothing at all */
} lines[] = {
	{"version", 0, "llm-mux ", NULL},
	{"-v", 0, "llm-mux ", NULL},
	{"--version", 0, "llm-mux ", NULL},
	{"config --version", 0, "llm-mux ", NULL},
	{"-h", 0, "Usage: llm-mux [COMMAND]", NULL},
	{"help", 0, "Usage: llm-mux [COMMAND]", NULL},
	{"--debug help", 0, "Usage: llm-mux [COMMAND]", NULL},
	{"help --debug", 0, "Usage: llm-mux [COMMAND]", NULL},
	{"--config x.yaml help config", 0, "Usage: llm-mux config COMMAND", NULL},
	{"help config parse", 0, "Usage: llm-mux config parse [OPTIONS] FILE", NULL},
	{"config parse -h", 0, "Usage: llm-mux config parse [OPTIONS] FILE", NULL},
	{"config --debug schema", 0, "\"$schema\"", NULL},
	{"--debug config schema --no-browser", 0, "\"$schema\"", NULL},
	{"config", 2, NULL, "Usage: llm-mux config COMMAND"},
	{"confg", 2, NULL, "llm-mux: unknown command 'confg'; did you mean 'config'?\n"},
	{"config schem", 2, NULL, "unknown command 'schem'; did you mean 'schema'?"},
	{"config nothing-like-it", 2, NULL, "see llm-mux help config\n"},
	{"nothing-like-it", 2, NULL, "see llm-mux help\n"},
	{"help nothing-like-it", 2, NULL, "see llm-mux help\n"},
	{"help config nothing-like-it", 2, NULL, "see llm-mux help\n"},
	{"help version version", 2, NULL, "there is no command 'version'"},
	{"version --dbug", 2, NULL, "unknown option --dbug; did you mean --debug?"},
	{"version -x", 2, NULL, "unknown option -x; see llm-mux help version\n"},
	{"--frob version", 2, NULL, "unknown option --frob"},
	{"version --debug=1", 2, NULL, "option --debug takes no value"},
	{"version --config", 2, NULL, "option --config needs a value: PATH"},
	{"version extra", 2, NULL, "unexpected 'extra'; see llm-mux help version\n"},
	{"config schema extra", 2, NULL, "see llm-mux help config schema\n"},
	{"config parse", 2, NULL, "usage: llm-mux config parse FILE\n"},
	{"config parse --format nml -", 2, NULL, "unknown format 'nml'"},
	{"render", 2, NULL, "usage: llm-mux render TEMPLATE\n"},
	{"render /nonexistent.txt", 2, NULL, "/nonexistent.txt"},
	{"render --template-dir /nonexistent -", 2, NULL, "/nonexistent"},
	{"render --context /nonexistent.json /dev/null", 2, NULL, "/nonexistent.json"},
	{"render --lines --context x.json -", 2, NULL, "leave --context out"},
	{"render /dev/null", 0, NULL, NULL},
	{"schema check", 2, NULL, "usage: llm-mux schema check SCHEMA INSTANCE\n"},
	{"schema check /nonexistent.json -", 2, NULL, "/nonexistent.json"},
	{"completion bash", 0, "complete -F _llm_mux llm-mux\n", NULL},
	{"completion -- bash", 0, "complete -F _llm_mux llm-mux\n", NULL},
	{"completion", 2, NULL, "bash, zsh or fish"},
	{"convert --from anthropic", 2, NULL, "needs --to FORMAT"},
	{"env", 0, "claude-code    Claude Code", NULL},
	{"env claud-code", 2, NULL, "no client 'claud-code' is known; did you mean 'claude-code'?"},
	{"env nothing-like-it", 2, NULL, "llm-mux env lists them\n"},
	{"env aider --shell fihs", 2, NULL, "unknown shell 'fihs'; did you mean 'fish'?"},
	{"env aider --shell nothing-like-it", 2, NULL, "it is one of sh, fish, powershell"},
	{"env aider --snippet", 2, NULL, "leave --snippet out"},
	{"with", 2, NULL, "usage: llm-mux with CLIENT [ARGUMENTS...]\n"},
	{"with codx --help", 2, NULL, "did you mean 'codex'?"},
	{"with --dry cursor", 2, NULL, "Cursor is not a program to start"},
};

static void check_text(const char *line, const char *text, const char *wanted) {
	if (wanted ? !strstr(text, wanted) : text[0] != '\0') {
		fail_msg("llm-mux %s: found \"%s\", wanted \"%s\"", line, text,
			wanted ? wanted : "");
	}
}

static void lines_do_what_they_say(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct cli_result result = cli_run(lines[i].line);
		check_text(lines[i].line, result.err, lines[i].err);
		check_text(lines[i].line, result.out, lines[i].out);
		if (result.code != lines[i].code) {
			fail_msg("llm-mux %s: exit code %d", lines[i].line, result.code);
		}
		cli_result_finish(&result);
	}
}

/* ---- rows ---- */

static void check_option(const struct command *command, const struct command_option *option) {
	assert_non_null(option->help);
	if (option->help[strlen(option->help) - 1] == '.') {
		fail_msg("%s --%s: its help ends with a stop", command->name, option->name);
	}
	for (const struct command_option *global = command_globals; global->name; global++) {
		assert_string_not_equal(option->name, global->name);
		assert_true(!option->letter || option->letter != global->letter);
	}
	assert_true(!option->choices || option->argument);
}

static void check_command(const struct command *command) {
	assert_non_null(command->summary);
	assert_true(command->run || command->subcommands);
	assert_true(command->min_arguments <= command->max_arguments);
	assert_true((command->max_arguments > 0) == (command->usage != NULL));
	for (const struct command_option *row = command->options; row && row->name; row++) {
		check_option(command, row);
	}
	for (const struct command *const *sub = command->subcommands; sub && *sub; sub++) {
		check_command(*sub);
	}
}

static void rows_are_whole(void **state) {
	(void)state;
	bool has_default = false;
	for (const struct command *const *row = command_table; *row; row++) {
		check_command(*row);
		has_default = has_default || *row == command_default;
	}
	assert_true(has_default);
}

static void help_fits_a_terminal(void **state) {
	(void)state;
	for (const struct command *const *row = command_table; *row; row++) {
		char line[64];
		snprintf(line, sizeof line, "help %s", (*row)->name);
		struct cli_result result = cli_run(line);
		for (char *at = result.out, *end; (end = strchr(at, '\n')); at = end + 1) {
			if (end - at > 100) {
				fail_msg("%s: %.*s", line, (int)(end - at), at);
			}
		}
		cli_result_finish(&result);
	}
}

static void full_names_hold_the_parent(void **state) {
	(void)state;
	char name[COMMAND_NAME_MAX];
	command_full_name(&command_config_show, name);
	assert_string_equal(name, "config show");
	command_full_name(&command_models, name);
	assert_string_equal(name, "models");
}

int test_commands(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_do_what_they_say),
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(full_names_hold_the_parent),
	};
	return cmocka_run_group_tests_name("cli/commands", tests, NULL, NULL);
}
