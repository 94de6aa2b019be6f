/* render.c: templates and expressions of a step, with errors at their place in the workflow's file
 * (workflows.md 6.7). */
#include <stdlib.h>

#include "workflow/run_internal.h"

bool step_template_is_given(const struct step_template *text) {
	return text->template != NULL;
}

/* The place in the file when the fault is in the step's own text, else in the included one. */
static void tell_place(const struct run *run, const struct step_template *text,
	const struct template_error *fault, struct error *error) {
	struct error plain = {0};
	template_error_to_error(fault, &plain);
	const char *file = text->source.place.file;
	if (file != NULL && slice_ends_with(fault->place.text, text->source.text)) {
		uint32_t line, column;
		workflow_position(run->workflow, text, &fault->place, &line, &column);
		error_set(error, ERROR_TEMPLATE, "%s:%u:%u: %s", file, line, column, plain.message);
		error_set_where(error, "%s:%u:%u", file, line, column);
	} else {
		error_set(error, ERROR_TEMPLATE, "%s%s%s", plain.where,
			plain.where[0] != '\0' ? ": " : "", plain.message);
		error_set_where(error, "%s", plain.where);
	}
}

struct slice run_render_text(const struct run *run, const struct step_template *text,
	struct value globals, struct arena *arena, struct error *error) {
	if (text->template == NULL) {
		return SLICE("");
	}
	struct buf out;
	buf_init(&out, 0);
	struct template_error fault = {0};
	struct slice rendered = {NULL, 0};
	if (template_render(text->template, globals, arena, &out, &fault)) {
		rendered = arena_dup(arena, buf_slice(&out));
	} else {
		tell_place(run, text, &fault, error);
	}
	buf_finish(&out);
	return rendered;
}

bool run_evaluate_text(const struct run *run, const struct step_template *text,
	struct value globals, struct arena *arena, struct value *out, struct error *error) {
	struct template_error fault = {0};
	if (text->template == NULL) {
		*out = value_undefined();
		return true;
	}
	if (!template_evaluate(text->template, globals, arena, out, &fault)) {
		tell_place(run, text, &fault, error);
		return false;
	}
	return true;
}

bool task_render(struct task *task, const struct step_template *text, struct slice *out) {
	struct error error = {0};
	*out = run_render_text(task->run, text, task->globals, &task->arena, &error);
	if (out->data == NULL && task->run->options.is_dry_run) {
		run_inform(task->run, RUN_EVENT_INFO, task->step,
			"can be rendered only when it runs: %s", error.message);
		*out = text->source.text;
	} else if (out->data == NULL) {
		task_fail_error(task, &error);
	}
	return out->data != NULL;
}
