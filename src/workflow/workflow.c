/* workflow.c: the words of workflow files, looking things up by name, suggestions. */
#include "workflow/workflow.h"

#include <stdlib.h>

#include "workflow/workflow_internal.h"

const char *const step_type_names[] = {
	[STEP_SHELL] = "shell",
	[STEP_QUERY] = "query",
	[STEP_APPLY] = "apply",
	[STEP_STORE] = "store",
	[STEP_INPUT] = "input",
	[STEP_WORKFLOW] = "workflow",
	[STEP_TYPE_COUNT] = NULL,
};

const char *const workflow_arg_types[] = {
	[WORKFLOW_ARG_STRING] = "string",
	[WORKFLOW_ARG_INT] = "int",
	[WORKFLOW_ARG_BOOL] = "bool",
	[WORKFLOW_ARG_FILE] = "file",
	[WORKFLOW_ARG_LIST] = "list",
	NULL,
};

void workflow_destroy(struct workflow *workflow) {
	if (!workflow) {
		return;
	}
	map_finish(&workflow->step_index, NULL);
	map_finish(&workflow->alias_index, NULL);
	map_finish(&workflow->group_index, NULL);
	map_finish(&workflow->included, NULL);
	arena_finish(&workflow->arena);
	free(workflow);
}

const struct workflow_step *workflow_find_step(const struct workflow *workflow, struct slice name) {
	return map_get(&workflow->step_index, name);
}

const struct workflow_step *workflow_find_step_alias(
	const struct workflow *workflow, struct slice name) {
	const struct workflow_step *step = map_get(&workflow->step_index, name);
	return step ? step : map_get(&workflow->alias_index, name);
}

const struct workflow_group *workflow_find_group(
	const struct workflow *workflow, struct slice name) {
	return map_get(&workflow->group_index, name);
}
