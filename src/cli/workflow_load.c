/* workflow_load.c: workflows as commands load them. */
#include <stdlib.h>

#include "cli/workflows.h"

bool command_workflows_init(struct command_workflows *workflows,
	const struct command_context *context, enum command_project project) {
	*workflows = (struct command_workflows){.context = context};
	workflows->config = command_load_project(context, project, NULL, 0);
	if (!workflows->config) {
		return false;
	}
	arena_init(&workflows->arena, NULL, 0);
	workflows->runner = runner_of(workflows->config);
	workflow_places_of(workflows->runner, &workflows->arena, &workflows->places);
	return true;
}

void command_workflows_finish(struct command_workflows *workflows) {
	arena_finish(&workflows->arena);
	config_unref(workflows->config);
}

bool command_find_workflow(struct command_workflows *workflows, const char *name, const char **path,
	const char **origin, struct slice *text) {
	const struct command_context *context = workflows->context;
	struct error error = {0};
	if (workflow_find(
		    &workflows->places, name, &workflows->arena, path, origin, text, &error)) {
		return true;
	}
	command_fail(context, COMMAND_USAGE, "%s", error.message);
	return false;
}

void command_print_problems(
	const struct command_context *context, const struct problems *problems) {
	struct buf report;
	buf_init(&report, 0);
	problems_print(problems, command_has_colour(context, context->err), &report);
	fwrite(report.data ? report.data : "", 1, report.len, context->err);
	buf_finish(&report);
}
