/* prompt.c: what a query step asks: the files of its context, its own text, the schema its answer
 * must obey, and what was wrong with the answer before; and whether an answer obeys (workflows.md
 * 2.6, 2.7). */
#include <stdlib.h>

#include "base/file.h"
#include "data/extract.h"
#include "tokens/estimate.h"
#include "workflow/run_internal.h"

#define PROMPT_MAX_FILE ((size_t)4 * 1024 * 1024)
#define PROMPT_MAX_VIOLATIONS 5
#define PROMPT_MAX_BAD_REPLY ((size_t)64 * 1024)

/* ---- context files ---- */

/* A fence longer than any within the text. */
static size_t fence_length(struct slice text) {
	size_t longest = 2, run = 0;
	for (size_t i = 0; i < text.len; i++) {
		run = text.data[i] == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest + 1;
}

static void append_fence(struct buf *out, size_t length, const char *info) {
	for (size_t i = 0; i < length; i++) {
		buf_append_byte(out, '`');
	}
	buf_append_str(out, info);
	buf_append_byte(out, '\n');
}

static void append_fenced(struct buf *out, struct slice text, const char *info) {
	size_t length = fence_length(text);
	append_fence(out, length, info);
	buf_append(out, text);
	if (text.len == 0 || text.data[text.len - 1] != '\n') {
		buf_append_byte(out, '\n');
	}
	append_fence(out, length, "");
}

static bool append_file(
	struct task *task, struct slice name, struct buf *out, struct error *error) {
	const char *path = arena_strdup(&task->arena, name);
	if (path[0] != '/' && task->run->options.dir != NULL) {
		path = file_join(&task->arena, task->run->options.dir, path);
	}
	struct buf text;
	buf_init(&text, 0);
	bool is_read = file_read_regular(path, PROMPT_MAX_FILE, &text, error);
	if (is_read) {
		buf_append(out, name);
		buf_append_str(out, ":\n");
		append_fenced(out, text_repair(buf_slice(&text), &task->arena), "");
		buf_append_byte(out, '\n');
	}
	buf_finish(&text);
	return is_read;
}

/* A team's file is named once for all projects: a link in one that was cloned may lead anywhere,
 * and nothing but the project's own goes to a model by it. */
static bool append_team_file(
	struct task *task, struct slice name, struct buf *out, struct error *error) {
	struct run *run = task->run;
	const char *project =
		run->runner->project_dir != NULL ? run->runner->project_dir : run->options.dir;
	bool leads_by_name =
		name.len > 0 && (name.data[0] == '/' || slice_contains(name, SLICE("..")));
	if (project != NULL && run->options.dir != NULL && !leads_by_name) {
		const char *path =
			file_join(&task->arena, run->options.dir, arena_strdup(&task->arena, name));
		if (file_exists(path) && !file_lies_within(path, project)) {
			return error_set(error, ERROR_PERMISSION,
				"it is a link that leads out of the project");
		}
	}
	return append_file(task, name, out, error);
}

/* --context, the team's files, the step's. A team's file need not be there. */
static bool append_context(struct task *task, const struct workflow_step *step, struct buf *out) {
	struct run *run = task->run;
	struct error error = {0};
	buf_append(out, run->options.context);
	const struct runner_team *team = run->options.team;
	for (size_t i = 0; team != NULL && i < team->context.len; i++) {
		if (!append_team_file(task, team->context.items[i], out, &error)) {
			run_inform(run, RUN_EVENT_WARNING, step,
				"the team's context file `%.*s` is left out: %s",
				SLICE_FMT(team->context.items[i]), error.message);
		}
	}
	for (size_t i = 0; i < step->context.len; i++) {
		if (!append_file(task, step->context.items[i], out, &error)) {
			error.kind = ERROR_CONFIGURATION;
			task_fail(task, FAILURE_CONFIG, "its context file `%.*s`: %s",
				SLICE_FMT(step->context.items[i]), error.message);
			return false;
		}
	}
	return true;
}

/* ---- the answer's shape ---- */

static void append_schema(const struct workflow_step *step, struct buf *out) {
	if (step->output_schema != NULL) {
		struct buf schema;
		buf_init(&schema, 0);
		schema_write(step->output_schema, true, &schema);
		buf_append_str(
			out, "\n\nYour reply must be valid JSON that obeys this JSON Schema:\n");
		append_fenced(out, buf_slice(&schema), "json");
		buf_append_str(out, "Reply with the JSON alone, without any text around it.");
		buf_finish(&schema);
	} else if (step->needs_json) {
		buf_append_str(out, "\n\nReply with valid JSON alone, without any text around it.");
	}
}

static void append_repair(const struct task *task, struct buf *out) {
	if (task->bad_reply.data == NULL) {
		return;
	}
	buf_append_str(out, "\n\nYou were asked this before and replied:\n");
	append_fenced(out, slice_sub(task->bad_reply, 0, PROMPT_MAX_BAD_REPLY), "");
	buf_append_str(out, "That reply was not accepted: ");
	buf_append(out, task->bad_reason);
	buf_append_str(out, "\nReply again, in whole, and mend this.");
}

/* ---- the whole ---- */

static bool fits_budget(struct task *task, const struct workflow_step *step, struct slice prompt) {
	int64_t tokens = step->max_prompt_tokens > 0 ? tokens_estimate(prompt) : 0;
	if (tokens > step->max_prompt_tokens) {
		task_fail(task, FAILURE_CONFIG,
			"its prompt has about %lld tokens, and max_prompt_tokens allows %lld: "
			"shorten what it interpolates, or raise the limit",
			(long long)tokens, (long long)step->max_prompt_tokens);
		return false;
	}
	return true;
}

bool prompt_make(
	struct task *task, const struct workflow_step *step, struct slice text, struct slice *out) {
	struct buf prompt;
	buf_init(&prompt, 0);
	bool is_made = append_context(task, step, &prompt);
	if (is_made) {
		buf_append(&prompt, text);
		append_schema(step, &prompt);
		append_repair(task, &prompt);
		*out = arena_dup(&task->run->arena, buf_slice(&prompt));
		is_made = fits_budget(task, step, *out);
	}
	buf_finish(&prompt);
	return is_made;
}

/* ---- the answer ---- */

static bool explain_violations(const struct schema_violations *violations, struct error *error) {
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < violations->len && i < PROMPT_MAX_VIOLATIONS; i++) {
		const struct schema_violation *violation = &violations->items[i];
		buf_printf(&text, "%s`%s` %s", i > 0 ? "; " : "",
			violation->pointer[0] != '\0' ? violation->pointer : "/",
			violation->message);
	}
	if (violations->len > PROMPT_MAX_VIOLATIONS) {
		buf_printf(&text, "; and %zu more", violations->len - PROMPT_MAX_VIOLATIONS);
	}
	error_set(error, ERROR_UNPROCESSABLE, "the reply does not obey the schema: %.*s",
		SLICE_FMT(buf_slice(&text)));
	buf_finish(&text);
	return false;
}

bool answer_check(const struct workflow_step *step, struct slice text, struct arena *arena,
	const struct json **data, struct error *error) {
	*data = extract_json(arena, text, NULL);
	if (*data == NULL && (step->output_schema != NULL || step->needs_json)) {
		return error_set(error, ERROR_UNPROCESSABLE, "the reply holds no JSON");
	}
	struct schema_violations violations = {0};
	if (step->output_schema != NULL &&
		!schema_check(step->output_schema, *data, arena, &violations)) {
		return explain_violations(&violations, error);
	}
	return true;
}
