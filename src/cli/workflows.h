/* workflows.h: what the commands that read workflows share: the configuration with its project,
 * where workflows are, and one of them by name. */
#ifndef LLMMUX_CLI_WORKFLOWS_H
#define LLMMUX_CLI_WORKFLOWS_H

#include "cli/command.h"
#include "workflow/workflow.h"

struct command_workflows {
	const struct command_context *context;
	struct config *config;
	const struct runner_config *runner; /* of the config */
	struct workflow_places places;
	struct arena arena;
};

/* Loads the configuration. False after a message: return COMMAND_USAGE. */
bool command_workflows_init(struct command_workflows *workflows,
	const struct command_context *context, enum command_project project);
void command_workflows_finish(struct command_workflows *workflows);

/* A workflow by name, or by path (relative to -C); its text is in the arena. False after a message:
 * return COMMAND_USAGE. */
bool command_find_workflow(struct command_workflows *workflows, const char *name, const char **path,
	const char **origin, struct slice *text);
/* True when a workflow may be run: neither it nor any of the files it is made of is the project's
 * (stands or really lies in its .llm-mux/; of a workflow that does, every file counts), or the user
 * trusts their content (--trust, the record, or asked at the terminal when `may_ask`). */
bool command_trust_workflow(const struct command_context *context,
	const struct runner_config *runner, const struct workflow *workflow, bool may_ask,
	struct error *error);
/* The same of every workflow that its steps name, before anything is run. `owed` gets the paths of
 * those that must be trusted because a workflow of the project names them. */
bool command_trust_nested(const struct command_context *context, const struct runner_config *runner,
	const struct workflow_places *places, const struct workflow *workflow, struct map *owed,
	struct error *error);
/* Of one of those when its step begins: something may have changed it since. Never asks. */
bool command_trust_again(const struct command_context *context, const struct runner_config *runner,
	const struct workflow *workflow, const struct map *owed, struct error *error);
/* Prints problems to err, in colour on a terminal. */
void command_print_problems(const struct command_context *context, const struct problems *problems);

#endif
