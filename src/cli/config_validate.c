/* config_validate.c: the command `config validate`: every problem of a file at its place. */
#include "cli/command.h"

static int config_validate_run(struct command_context *context) {
	if (context->argument_count > 0) {
		context->config_path = context->arguments[0];
	}
	struct config *config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (!config) {
		return COMMAND_USAGE;
	}
	for (size_t i = 0; i < config->files.len; i++) {
		fprintf(context->out, "%.*s: ok\n", SLICE_FMT(config->files.items[i]));
	}
	if (config->files.len == 0) {
		fputs("no configuration file, so the defaults hold; llm-mux init writes one\n",
			context->out);
	}
	config_unref(config);
	return COMMAND_OK;
}

const struct command command_config_validate = {
	.name = "validate",
	.summary = "report every problem of the configuration, or of FILE",
	.usage = "[FILE]",
	.details = "Exit code 2 when serve would refuse it.",
	.max_arguments = 1,
	.run = config_validate_run,
};
