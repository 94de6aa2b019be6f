/* version.c: what this program is called and how old it is. */
#include "cli/command.h"

#ifndef LLMMUX_VERSION
#define LLMMUX_VERSION "0"
#endif
#ifndef LLMMUX_COMMIT
#define LLMMUX_COMMIT "unknown"
#endif

const char *command_version_text(void) {
	return LLMMUX_VERSION;
}

const char *command_user_agent(void) {
	return "llm-mux/" LLMMUX_VERSION;
}

void command_print_version(FILE *out) {
	fputs("llm-mux " LLMMUX_VERSION "\nCommit: " LLMMUX_COMMIT "\n", out);
}

static int version_run(struct command_context *context) {
	command_print_version(context->out);
	return COMMAND_OK;
}

const struct command command_version = {
	.name = "version",
	.summary = "show the version",
	.run = version_run,
};
