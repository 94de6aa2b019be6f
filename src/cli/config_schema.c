/* config_schema.c: the command `config schema`: a JSON Schema of the configuration for editors. */
#include "cli/command.h"

static int config_schema_run(struct command_context *context) {
	struct arena arena;
	struct option_set set;
	struct buf schema = {0};
	arena_init(&arena, NULL, 0);
	command_options_init(&set, &arena);
	options_schema(&set, &schema);
	fwrite(schema.data, 1, schema.len, context->out);
	buf_finish(&schema);
	arena_finish(&arena);
	return COMMAND_OK;
}

const struct command command_config_schema = {
	.name = "schema",
	.summary = "print a JSON Schema of configuration files, for editors",
	.details = "In an editor with the YAML language server, save it and begin the file with\n"
		   "  # yaml-language-server: $schema=PATH",
	.run = config_schema_run,
};
