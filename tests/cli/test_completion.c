/* test_completion.c: the scripts hold every row of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli_help.h"
#include "cli/clients.h"
#include "cli/completion.h"

int test_completion(void);

static const char *const shells[] = {"bash", "zsh", "fish"};

static void check_has(const char *shell, const char *script, const char *word) {
	if (!strstr(script, word)) {
		fail_msg("%s: '%s' is missing", shell, word);
	}
}

static void check_options(
	const char *shell, const char *script, const struct command_option *options) {
	for (; options && options->name; options++) {
		check_has(shell, script, options->name);
		for (size_t i = 0; options->choices && options->choices[i]; i++) {
			check_has(shell, script, options->choices[i]);
		}
	}
}

static void check_command(const char *shell, const char *script, const struct command *command) {
	check_has(shell, script, command->name);
	check_options(shell, script, command->options);
	for (size_t i = 0; command->operands && command->operands[i]; i++) {
		check_has(shell, script, command->operands[i]);
	}
	for (const struct command *const *sub = command->subcommands; sub && *sub; sub++) {
		check_command(shell, script, *sub);
	}
}

static void scripts_hold_every_row(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		char line[32];
		snprintf(line, sizeof line, "completion %s", shells[i]);
		struct cli_result result = cli_run(line);
		assert_int_equal(result.code, COMMAND_OK);
		check_options(shells[i], result.out, command_globals);
		for (const struct command *const *row = command_table; *row; row++) {
			check_command(shells[i], result.out, *row);
		}
		for (size_t k = 0; client_table[k].name; k++) {
			check_has(shells[i], result.out, client_table[k].name);
		}
		for (size_t k = 0; k < config_core_table.row_count; k++) {
			enum option_type type = config_core_table.rows[k].type;
			if (type != OPTION_LATER && type != OPTION_IGNORED) {
				check_has(shells[i], result.out, config_core_table.rows[k].key);
			}
		}
		cli_result_finish(&result);
	}
}

static void usage_words_tell_the_kind(void **state) {
	(void)state;
	static const char *const words[] = {"a", NULL};
	const struct command_option path = {0, "config", "PATH", "", NULL};
	const struct command_option number = {0, "port", "N", "", NULL};
	const struct command_option flag = {0, "json", NULL, "", NULL};
	const struct command_option word = {0, "format", "FORMAT", "", words};
	assert_int_equal(completion_of_option(&path), COMPLETION_FILE);
	assert_int_equal(completion_of_option(&number), COMPLETION_NONE);
	assert_int_equal(completion_of_option(&flag), COMPLETION_NONE);
	assert_int_equal(completion_of_option(&word), COMPLETION_WORDS);
	assert_int_equal(completion_of_operand(&command_config_parse), COMPLETION_FILE);
	assert_int_equal(completion_of_operand(&command_config_show), COMPLETION_KEY);
	assert_int_equal(completion_of_operand(&command_help), COMPLETION_COMMAND);
	assert_int_equal(completion_of_operand(&command_convert), COMPLETION_WORDS);
	assert_int_equal(completion_of_operand(&command_env), COMPLETION_CLIENT);
	assert_int_equal(completion_of_operand(&command_with), COMPLETION_CLIENT);
	assert_int_equal(completion_of_operand(&command_version), COMPLETION_NONE);
}

int test_completion(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_hold_every_row),
		cmocka_unit_test(usage_words_tell_the_kind),
	};
	return cmocka_run_group_tests_name("cli/completion", tests, NULL, NULL);
}
