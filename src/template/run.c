/* run.c: one render: its limits, its frames, where its text goes. */
#include "template/run.h"

#include <stdlib.h>

#include "base/encoding.h"

/* ---- limits ---- */

bool template_spend(struct template_run *run, uint64_t steps) {
	if (run->has_failed) {
		return false;
	}
	if (steps > run->steps_left) {
		uint64_t limit = run->environment->max_steps ? run->environment->max_steps
							     : TEMPLATE_MAX_STEPS;
		run->steps_left = 0;
		return template_fail(run, TEMPLATE_ERROR_LIMIT,
			"the template takes more than %llu steps", (unsigned long long)limit);
	}
	run->steps_left -= steps;
	return true;
}

bool run_enter(struct template_run *run, const struct node *node) {
	run->at = node;
	run->depth++;
	if (run->depth > RUN_MAX_DEPTH) {
		return template_fail(run, TEMPLATE_ERROR_LIMIT,
			"the template is nested deeper than %d levels, macros and includes counted",
			RUN_MAX_DEPTH);
	}
	/* Some memory is taken without asking: a little each time, so it is enough to ask here. */
	if (run->arena->used > run->arena->cap) {
		return run_fail_memory(run);
	}
	return template_spend(run, 1);
}

void run_leave(struct template_run *run) {
	run->depth--;
}

/* minijinja calls this an invalid operation. */
bool run_recurse(struct template_run *run) {
	if (++run->recursion > run->max_recursion) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"recursion limit exceeded: more than %u macros, includes or recursive "
			"loops within each other",
			run->max_recursion);
	}
	return true;
}

bool run_fail_memory(struct template_run *run) {
	return template_fail(run, TEMPLATE_ERROR_LIMIT, "the template needs too much memory");
}

const struct value_list *run_iterate(struct template_run *run, struct value value) {
	const struct value_list *items = value_iterate(value, run->arena);
	bool has_own =
		value.type == VALUE_OBJECT && (value.object->kind->list || value.object->kind->map);
	if (!items && value_is_iterable(has_own ? value : value_plain(value, run->arena))) {
		run_fail_memory(run);
	} else if (!items) {
		template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION, "%s cannot be iterated over",
			value_kind_name(value));
	}
	return items;
}

/* ---- frames ---- */

void run_push_frame(struct template_run *run, struct frame *frame) {
	*frame = (struct frame){.parent = run->frame, .locals = {.depth = 1}};
	run->frame = frame;
}

void run_pop_frame(struct template_run *run) {
	run->frame = run->frame->parent;
}

bool run_set(struct template_run *run, struct slice name, struct value value) {
	struct frame *frame = run->frame;
	struct value key = value_string(name);
	if ((frame->closure && !value_map_put(run->arena, frame->closure, key, value)) ||
		!value_map_put(run->arena, &frame->locals, key, value)) {
		return run_fail_memory(run);
	}
	return true;
}

bool run_lookup_frames(struct template_run *run, struct slice name, struct value *out) {
	bool is_loop = slice_is(name, "loop");
	for (const struct frame *frame = run->frame; frame; frame = frame->parent) {
		const struct value_pair *pair = value_map_find_text(&frame->locals, name);
		if (!pair && frame->captured) {
			pair = value_map_find_text(frame->captured, name);
		}
		if (pair) {
			*out = pair->value;
			return true;
		}
		if (is_loop && frame->loop) {
			*out = value_object(frame->loop);
			return true;
		}
	}
	return false;
}

bool run_lookup(struct template_run *run, struct slice name, struct value *out) {
	if (run_lookup_frames(run, name, out)) {
		return true;
	}
	*out = value_get(run->globals, run->arena, value_string(name));
	return out->type != VALUE_UNDEFINED;
}

/* ---- text ---- */

static bool fail_output(struct template_run *run) {
	return template_fail(run, TEMPLATE_ERROR_LIMIT, "the text grows beyond %zu bytes",
		run->environment->max_output ? run->environment->max_output : TEMPLATE_MAX_OUTPUT);
}

/* A value that could not be printed whole: an object that holds itself has no end, however little
 * was written. */
static bool fail_print(struct template_run *run, const struct buf *out) {
	return out->len > run->out_limit / 2
		       ? fail_output(run)
		       : template_fail(run, TEMPLATE_ERROR_LIMIT,
				 "the value holds itself, or is nested too deeply to be printed");
}

static bool fail_shell(struct template_run *run, const char *problem) {
	return problem ? template_fail(run, TEMPLATE_ERROR_SHELL, "%s", problem) : fail_output(run);
}

static bool emit_verbatim(struct template_run *run, struct slice text) {
	if (run->out->len > run->out_limit || text.len > run->out_limit - run->out->len ||
		!buf_append(run->out, text)) {
		return fail_output(run);
	}
	return true;
}

bool run_emit_literal(struct template_run *run, struct slice text) {
	if (run->out == NULL || text.len == 0) {
		return true;
	}
	if (run->shell == NULL || run->is_capturing) {
		return emit_verbatim(run, text);
	}
	const char *problem = NULL;
	if (!shell_emit_literal(run->shell, text, run->out, &problem)) {
		return fail_shell(run, problem);
	}
	return run->out->len <= run->out_limit || fail_output(run);
}

bool template_escape_html(struct slice text, struct buf *out) {
	size_t from = 0;
	for (size_t at = 0; at < text.len; at++) {
		const char *entity = NULL;
		switch (text.data[at]) {
		case '<':
			entity = "&lt;";
			break;
		case '>':
			entity = "&gt;";
			break;
		case '&':
			entity = "&amp;";
			break;
		case '"':
			entity = "&quot;";
			break;
		case '\'':
			entity = "&#x27;";
			break;
		case '/':
			entity = "&#x2f;";
			break;
		default:
			continue;
		}
		buf_append(out, slice_sub(text, from, at - from));
		buf_append_str(out, entity);
		from = at + 1;
	}
	return buf_append(out, slice_from(text, from));
}

static bool emit_text(struct template_run *run, struct slice text, bool is_safe) {
	if (run->shell && !run->is_capturing) {
		const char *problem = NULL;
		bool is_written = is_safe ? shell_emit_literal(run->shell, text, run->out, &problem)
					  : shell_emit_value(run->shell, text, run->out, &problem);
		if (!is_written) {
			return fail_shell(run, problem);
		}
		return run->out->len <= run->out_limit || fail_output(run);
	}
	if (run->escape == TEMPLATE_ESCAPE_HTML && !is_safe) {
		bool is_written = template_escape_html(text, run->out);
		return (is_written && run->out->len <= run->out_limit) || fail_output(run);
	}
	return emit_verbatim(run, text);
}

/* Values that are no text need no escaping when they cannot hold any. */
static bool is_plain_scalar(struct value value) {
	return value.type == VALUE_INT || value.type == VALUE_FLOAT || value.type == VALUE_BOOL ||
	       value.type == VALUE_NONE;
}

bool run_emit_value(struct template_run *run, struct value value) {
	if (run->out == NULL) {
		return true;
	}
	value = value_plain(value, run->arena);
	if (value.type == VALUE_STRING) {
		return template_spend(run, value.string.len / 256) &&
		       emit_text(run, value.string, value.is_safe);
	}
	bool is_direct = !run->shell || run->is_capturing;
	if (is_direct && (run->escape != TEMPLATE_ESCAPE_HTML || is_plain_scalar(value))) {
		size_t before = run->out->len;
		bool is_written = value_print(value, run->arena, run->out);
		return is_written && run->out->len <= run->out_limit
			       ? template_spend(run, (run->out->len - before) / 16)
			       : fail_print(run, run->out);
	}
	struct buf text;
	buf_init(&text, run->out_limit);
	bool is_ok = value_print(value, run->arena, &text) || fail_print(run, &text);
	is_ok = is_ok && template_spend(run, text.len / 16) &&
		emit_text(run, buf_slice(&text), false);
	buf_finish(&text);
	return is_ok;
}

void run_capture(struct template_run *run, struct capture *capture) {
	*capture = (struct capture){
		.out = run->out, .out_limit = run->out_limit, .was_capturing = run->is_capturing};
	size_t limit =
		run->environment->max_output ? run->environment->max_output : TEMPLATE_MAX_OUTPUT;
	buf_init(&capture->text, limit);
	run->out = &capture->text;
	run->out_limit = limit;
	run->is_capturing = true;
}

bool run_end_capture(
	struct template_run *run, struct capture *capture, bool is_ok, struct value *out) {
	run->out = capture->out;
	run->out_limit = capture->out_limit;
	run->is_capturing = capture->was_capturing;
	if (is_ok) {
		size_t len = capture->text.len;
		char *memory = arena_try_alloc(run->arena, len);
		if (memory) {
			if (len > 0) {
				memcpy(memory, capture->text.data, len);
			}
			*out = value_string(slice_make(memory, len));
			out->is_safe = run->escape == TEMPLATE_ESCAPE_HTML;
		}
		is_ok = memory || run_fail_memory(run);
	}
	buf_finish(&capture->text);
	return is_ok;
}

/* ---- what built-ins ask ---- */

struct arena *template_run_arena(struct template_run *run) {
	return run->arena;
}

const struct template_environment *template_run_environment(const struct template_run *run) {
	return run->environment;
}

bool template_run_is_strict(const struct template_run *run) {
	return run->root->options.undefined == TEMPLATE_STRICT;
}

/* ---- the whole ---- */

static void begin(struct template_run *run, struct frame *frame, const struct template *template,
	struct value globals, struct arena *arena, struct template_error *error) {
	static const struct template_environment none = {0};
	*error = (struct template_error){0};
	*run = (struct template_run){
		.arena = arena,
		.environment = template->environment ? template->environment : &none,
		.root = template,
		.template = template,
		.globals = globals,
		.error = error,
		.escape = template->options.escape,
	};
	run->steps_left =
		run->environment->max_steps ? run->environment->max_steps : TEMPLATE_MAX_STEPS;
	run->max_recursion = run->environment->max_recursion ? run->environment->max_recursion
							     : TEMPLATE_MAX_RECURSION;
	run_push_frame(run, frame);
}

bool template_render(const struct template *template, struct value globals, struct arena *arena,
	struct buf *out, struct template_error *error) {
	struct template_run run;
	struct frame frame;
	struct inheritance inheritance = {0};
	begin(&run, &frame, template, globals, arena, error);
	size_t limit =
		run.environment->max_output ? run.environment->max_output : TEMPLATE_MAX_OUTPUT;
	run.out = out;
	run.out_limit = out->len + limit;
	run.inheritance = &inheritance;
	if (template->is_expression) {
		struct value value = value_undefined();
		return (!template->expression ||
			       run_evaluate(&run, template->expression, &value)) &&
		       run_emit_value(&run, value);
	}
	if (run.escape == TEMPLATE_ESCAPE_SHELL) {
		run.shell = shell_lexer_new(arena);
	}
	if (!run_template(&run, template)) {
		return false;
	}
	const char *problem = NULL;
	return !run.shell || shell_finish(run.shell, &problem) || fail_shell(&run, problem);
}

bool template_evaluate(const struct template *template, struct value globals, struct arena *arena,
	struct value *out, struct template_error *error) {
	struct template_run run;
	struct frame frame;
	struct inheritance inheritance = {0};
	begin(&run, &frame, template, globals, arena, error);
	run.inheritance = &inheritance;
	*out = value_undefined();
	if (!template->is_expression) {
		struct capture capture;
		run_capture(&run, &capture);
		return run_end_capture(&run, &capture, run_template(&run, template), out);
	}
	return !template->expression || run_evaluate(&run, template->expression, out);
}
