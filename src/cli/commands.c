/* commands.c: the table of commands. */
#include "cli/command.h"

const struct command *const command_table[] = {
	&command_serve,
	&command_init,
	&command_context_files,
	&command_models,
	&command_tokens,
	&command_doctor,
	&command_env,
	&command_with,
	&command_ask,
	&command_run,
	&command_plan,
	&command_test,
	&command_workflows,
	&command_validate,
	&command_graph,
	&command_backends,
	&command_roles,
	&command_teams,
	&command_ecosystems,
	&command_runs,
	&command_cache,
	&command_memory,
	&command_discover,
	&command_trust,
	&command_config,
	&command_convert,
	&command_render,
	&command_schema,
	&command_completion,
	&command_version,
	&command_help,
	NULL,
};

const struct command *const command_default = &command_serve;

const struct command_option command_globals[] = {
	{0, "config", "PATH", "read only this configuration file", NULL},
	{'C', "dir", "DIR", "work in this directory: its project, its workflows", NULL},
	{0, "trust", NULL, "trust what the project's files say, for this once", NULL},
	{0, "no-color", NULL, "write without colours", NULL},
	{0, "debug", NULL, "log at level debug", NULL},
	{0, "no-browser", NULL, "print addresses instead of opening a browser", NULL},
	{'h', "help", NULL, "show help", NULL},
	{'v', "version", NULL, "show the version", NULL},
	{0, NULL, NULL, NULL, NULL},
};
