/* graph.c: the command `graph`: which step waits for which (workflows.md 8.2). */
#include "cli/workflows.h"

static const char *const formats[] = {"text", "dot", "mermaid", NULL};

static int graph_run(struct command_context *context) {
	const char *name = command_value(context, "format");
	enum graph_format format = GRAPH_TEXT;
	if (name) {
		while (formats[format] && strcmp(formats[format], name) != 0) {
			format++;
		}
		if (!formats[format]) {
			return command_fail(context, COMMAND_USAGE,
				"--format is text, dot or mermaid, not '%s'", name);
		}
	}
	struct command_workflows workflows;
	if (!command_workflows_init(&workflows, context, COMMAND_PROJECT_SHOWN)) {
		return COMMAND_USAGE;
	}
	/* What it draws needs no backends: only what keeps it from being read is told. */
	const char *path, *origin;
	struct slice text;
	struct workflow *workflow = NULL;
	if (command_find_workflow(&workflows, context->arguments[0], &path, &origin, &text)) {
		struct problems problems;
		problems_init(&problems, &workflows.arena, path, text);
		workflow = workflow_load(path, origin, text, &problems);
		if (!workflow) {
			command_print_problems(context, &problems);
		}
	}
	if (workflow) {
		struct buf out;
		buf_init(&out, 0);
		workflow_graph(workflow, format, NULL, &out);
		fwrite(out.data, 1, out.len, context->out);
		buf_finish(&out);
	}
	int code = workflow ? COMMAND_OK : COMMAND_USAGE;
	workflow_destroy(workflow);
	command_workflows_finish(&workflows);
	return code;
}

static const struct command_option options[] = {
	{0, "format", "FORMAT", "text, dot or mermaid", formats},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_graph = {
	.name = "graph",
	.summary = "draw which step of a workflow waits for which",
	.usage = "WORKFLOW",
	.details = "Dashed lines are dependencies that no `depends_on` states: a template mentions "
		   "the step.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = graph_run,
};
