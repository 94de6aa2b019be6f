/* graph.c: the command `graph`: which step waits for which, and how long each took in an earlier
 * run (workflows.md 8.2, 11). */
#include "cli/run_display.h"
#include "cli/workflows.h"
#include "workflow/journal.h"

static const char *const formats[] = {"text", "dot", "mermaid", NULL};

struct graph_session {
	struct command_workflows workflows;
	struct workflow *workflow;
	uint64_t *durations_ms; /* per step; NULL: of no run */
};

static bool read_format(const struct command_context *context, enum graph_format *format) {
	const char *name = command_value(context, "format");
	*format = GRAPH_TEXT;
	for (int i = 0; name && formats[i]; i++) {
		if (strcmp(formats[i], name) == 0) {
			*format = (enum graph_format)i;
			return true;
		}
	}
	if (name) {
		command_fail(
			context, COMMAND_USAGE, "--format is text, dot or mermaid, not '%s'", name);
	}
	return !name;
}

/* What it draws needs no backends: only what keeps it from being read is told. */
static bool load(struct graph_session *session) {
	const struct command_context *context = session->workflows.context;
	const char *path, *origin;
	struct slice text;
	if (!command_find_workflow(
		    &session->workflows, context->arguments[0], &path, &origin, &text)) {
		return false;
	}
	struct problems problems;
	problems_init(&problems, &session->workflows.arena, path, text);
	session->workflow = workflow_load(path, origin, text, &problems);
	if (!session->workflow) {
		command_print_problems(context, &problems);
	}
	return session->workflow != NULL;
}

static void note_duration(void *data, struct slice name, const struct json *result) {
	struct graph_session *session = data;
	const struct workflow_step *step = workflow_find_step(session->workflow, name);
	int64_t ms;
	if (step && json_int64(json_get(result, "duration_ms"), &ms) && ms >= 0) {
		session->durations_ms[step->number] = (uint64_t)ms;
	}
}

/* False after telling that there is no such run. */
static bool read_run(struct graph_session *session, const char *id) {
	struct arena *arena = &session->workflows.arena;
	struct error error = {0};
	const struct journal_record *record =
		journal_read(journal_state_dir(session->workflows.runner, arena),
			arena_strdup(arena, session->workflow->name), id, arena, &error);
	if (!record) {
		command_fail(session->workflows.context, COMMAND_USAGE, "%s", error.message);
		return false;
	}
	session->durations_ms = ARENA_ARRAY(arena, uint64_t, session->workflow->steps.len + 1);
	for (size_t i = 0; i < session->workflow->steps.len; i++) {
		session->durations_ms[i] = UINT64_MAX;
	}
	journal_record_each(record, note_duration, session);
	return true;
}

static int graph_run(struct command_context *context) {
	struct graph_session session = {0};
	enum graph_format format;
	const char *run = command_value(context, "run");
	if (!read_format(context, &format) ||
		!command_workflows_init(&session.workflows, context, COMMAND_PROJECT_SHOWN)) {
		return COMMAND_USAGE;
	}
	bool is_good = load(&session) && (!run || read_run(&session, run));
	if (is_good) {
		struct buf out = {0}, plain = {0};
		workflow_graph(session.workflow, format, session.durations_ms, &out);
		run_words_append(&plain, buf_slice(&out));
		fwrite(plain.data, 1, plain.len, context->out);
		buf_finish(&plain);
		buf_finish(&out);
	}
	workflow_destroy(session.workflow);
	command_workflows_finish(&session.workflows);
	return is_good ? COMMAND_OK : COMMAND_USAGE;
}

static const struct command_option options[] = {
	{0, "format", "FORMAT", "text, dot or mermaid", formats},
	{0, "run", "ID", "with how long each step took in that run (`last`)", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_graph = {
	.name = "graph",
	.summary = "draw which step of a workflow waits for which",
	.usage = "WORKFLOW",
	.details =
		"Dashed lines are dependencies that no `depends_on` states: a template mentions\n"
		"the step.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = graph_run,
};
