/* cli_help.h: runs a command line inside the test, with its output in memory. */
#ifndef LLMMUX_TESTS_CLI_HELP_H
#define LLMMUX_TESTS_CLI_HELP_H

#include "cli/command.h"

struct cli_result {
	int code;
	char *out, *err; /* NUL-terminated; cli_result_finish frees them */
};

/* Runs `line`, split at blanks, after "llm-mux"; the environment is empty. */
struct cli_result cli_run(const char *line);
void cli_result_finish(struct cli_result *result);

#endif
