/* apply_source.c: where an apply step's edits come from, and what is asked when they were no good
 * (workflows.md 7.1, 7.7). */
#include "workflow/apply_work.h"

#define APPLY_TAIL ((size_t)16 * 1024)

/* ---- inline edits: JSON whose strings are templates ---- */

struct rendering {
	struct task *task;
	size_t next_text; /* of step->edit_texts */
	struct json_writer writer;
};

static bool render_node(struct rendering *rendering, const struct json *node);

static bool render_children(struct rendering *rendering, const struct json *node) {
	bool is_object = node->type == JSON_OBJECT;
	if (is_object) {
		json_begin_object(&rendering->writer);
	} else {
		json_begin_array(&rendering->writer);
	}
	json_each (child, node) {
		if (is_object) {
			json_write_key_slice(
				&rendering->writer, json_key(child, &rendering->task->arena));
		}
		if (!render_node(rendering, child)) {
			return false;
		}
	}
	if (is_object) {
		json_end_object(&rendering->writer);
	} else {
		json_end_array(&rendering->writer);
	}
	return true;
}

static bool render_node(struct rendering *rendering, const struct json *node) {
	const struct workflow_step *step = rendering->task->step;
	if (node->type == JSON_OBJECT || node->type == JSON_ARRAY) {
		return render_children(rendering, node);
	}
	if (node->type != JSON_STRING || rendering->next_text >= step->edit_texts.len) {
		json_write_node(&rendering->writer, node);
		return true;
	}
	struct slice text;
	if (!task_render(rendering->task, &step->edit_texts.items[rendering->next_text++], &text)) {
		return false;
	}
	json_write_string(&rendering->writer, text);
	return true;
}

static bool render_edits(struct task *task, struct slice *text) {
	struct buf out;
	buf_init(&out, 0);
	struct rendering rendering = {.task = task};
	json_writer_init(&rendering.writer, &out, false);
	bool is_rendered = render_node(&rendering, task->step->edits);
	if (is_rendered) {
		*text = arena_dup(&task->arena, buf_slice(&out));
	}
	buf_finish(&out);
	return is_rendered;
}

/* ---- a source ---- */

static bool take_value(struct task *task, struct value value, struct slice *text, bool *is_json) {
	struct error error = {0};
	value = value_plain(value, &task->arena);
	*is_json = value.type == VALUE_LIST || value.type == VALUE_MAP;
	if (value.type == VALUE_UNDEFINED || value.type == VALUE_NONE) {
		task_fail(task, FAILURE_CONFIG, "its source `%.*s` has no value",
			SLICE_FMT(task->step->source_expression.source.text));
		return false;
	}
	if (!*is_json) {
		*text = value_text(value, &task->arena);
		return true;
	}
	struct buf out;
	buf_init(&out, 0);
	bool is_written = value_to_json(value, &task->arena, 0, &out, &error);
	if (is_written) {
		*text = arena_dup(&task->arena, buf_slice(&out));
	} else {
		task_fail_error(task, &error);
	}
	buf_finish(&out);
	return is_written;
}

bool apply_source(struct task *task, struct slice *text, bool *is_json) {
	struct value value;
	struct error error = {0};
	if (task->step->edits != NULL) {
		*is_json = true;
		return render_edits(task, text);
	}
	if (!run_evaluate_text(task->run, &task->step->source_expression, task->globals,
		    &task->arena, &value, &error)) {
		task_fail_error(task, &error);
		return false;
	}
	return take_value(task, value, text, is_json);
}

/* ---- asking again ---- */

static struct slice tail(struct slice text) {
	return text.len > APPLY_TAIL ? slice_from(text, text.len - APPLY_TAIL) : text;
}

static void append_section(struct buf *out, const char *title, struct slice text) {
	if (slice_trim(text).len > 0) {
		buf_printf(out, "\n%s:\n<<<<\n", title);
		buf_append(out, text);
		buf_append_str(out, text.data[text.len - 1] == '\n' ? ">>>>\n" : "\n>>>>\n");
	}
}

static struct slice default_prompt(struct task *task, struct slice original, struct slice edits,
	const struct step_error *error, struct slice history) {
	struct buf out;
	buf_init(&out, 0);
	buf_append_str(&out,
		"You were asked for edits of files. They did not work, and the files are again as "
		"they were before.\n");
	append_section(&out, "The request was", original);
	append_section(&out, "Your edits were", edits);
	append_section(&out, "Earlier tries failed too", history);
	buf_append_str(&out, "\nWhat went wrong: ");
	buf_append(&out, error->message);
	buf_append_byte(&out, '\n');
	if (error->command.len > 0) {
		append_section(&out, "The command that checked them was", error->command);
		buf_printf(&out, "It exited with code %d.\n", error->exit_code);
	}
	append_section(&out, "Its standard output ended with", tail(error->out));
	append_section(&out, "Its standard error ended with", tail(error->err));
	buf_append_str(&out,
		"\nReply with the corrected edits: the full set, in the same format as before.");
	struct slice text = arena_dup(&task->arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

bool apply_retry_prompt(struct task *task, struct slice original, struct slice edits,
	const struct step_error *error, struct slice history, struct slice *out) {
	const struct step_template *own = &task->step->verify_retry_prompt;
	if (!step_template_is_given(own)) {
		*out = default_prompt(task, original, edits, error, history);
		return true;
	}
	struct arena *arena = &task->arena;
	struct value_map *source = value_map_new(arena);
	value_map_put_named(arena, source, "output", value_string(edits));
	value_map_put_named(arena, source, "edits", value_string(edits));
	value_map_put_named(arena, source, "prompt", value_string(original));
	struct value_map *extra = value_map_new(arena);
	value_map_put_named(arena, extra, "original", value_string(original));
	value_map_put_named(arena, extra, "error", results_error_value(error, arena));
	value_map_put_named(arena, extra, "source", value_of_map(source));
	struct value outer = task->globals;
	task->globals = run_globals_within(task->run, extra, outer, arena);
	bool is_rendered = task_render(task, own, out);
	task->globals = outer;
	return is_rendered;
}
