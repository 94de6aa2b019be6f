/* config.c: the command `config`, parent of show, validate, schema and parse. */
#include "cli/command.h"

static const struct command *const subcommands[] = {
	&command_config_show,
	&command_config_validate,
	&command_config_schema,
	&command_config_parse,
	NULL,
};

const struct command command_config = {
	.name = "config",
	.summary = "show, check and explain the configuration",
	.subcommands = subcommands,
};
