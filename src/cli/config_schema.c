/* config_schema.c: the command `config schema`: a JSON Schema of the configuration, or of workflow
 * files, for editors. */
#include "cli/command.h"
#include "workflow/workflow.h"

static int config_schema_run(struct command_context *context) {
	struct arena arena;
	struct option_set set;
	struct buf schema = {0};
	arena_init(&arena, NULL, 0);
	if (command_has(context, "workflow")) {
		static const struct option_table *const tables[] = {&workflow_table};
		options_init(&set, &arena, tables, 1, NULL);
		options_schema(&set, "llm-mux workflow", &schema);
	} else {
		command_options_init(&set, &arena);
		options_schema(&set, "llm-mux configuration", &schema);
	}
	fwrite(schema.data, 1, schema.len, context->out);
	buf_finish(&schema);
	arena_finish(&arena);
	return COMMAND_OK;
}

static const struct command_option options[] = {
	{0, "workflow", NULL, "the schema of workflow files instead", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_config_schema = {
	.name = "schema",
	.summary = "print a JSON Schema of the configuration, for editors",
	.options = options,
	.details = "In an editor with the YAML language server, save it and begin the file with\n"
		   "  # yaml-language-server: $schema=PATH\n"
		   "For TOML, the Even Better TOML extension and taplo read a first line\n"
		   "  #:schema PATH",
	.run = config_schema_run,
};
