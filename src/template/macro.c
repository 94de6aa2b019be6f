/* macro.c: macros and call blocks.
 *
 * A macro remembers the names its body mentions from the scopes around it as they are when it is
 * defined; names that are set later in the very scope it was defined in are seen too, so that
 * macros may call each other whatever their order. Globals are seen as they are. */
#include "template/run.h"

struct macro {
	struct value_object object;
	const struct node_macro *node;
	const struct template *template;
	const struct value_map *closure;
	enum template_escape escape;
};

static const struct macro *macro_of(const struct value_object *object) {
	return (const struct macro *)(const void *)object;
}

/* ---- what a template sees of it ---- */

static struct value parameter_names(const struct macro *macro, struct arena *arena) {
	struct value_list *names = value_list_new(arena);
	for (const struct node_binding *parameter = macro->node->parameters; parameter;
		parameter = parameter->next) {
		if (!value_list_push(arena, names, value_string(parameter->name))) {
			break;
		}
	}
	return value_of_list(names);
}

static bool macro_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct macro *macro = macro_of(object);
	if (key.type != VALUE_STRING) {
		return false;
	}
	if (slice_is(key.string, "name")) {
		*out = value_string(macro->node->name);
	} else if (slice_is(key.string, "arguments")) {
		*out = parameter_names(macro, arena);
	} else if (slice_is(key.string, "caller")) {
		*out = value_bool(macro->node->uses_caller);
	} else {
		return false;
	}
	return true;
}

static const char *const *macro_names(const struct value_object *object, struct arena *arena) {
	static const char *const names[] = {"name", "arguments", "caller", NULL};
	(void)object;
	(void)arena;
	return names;
}

static bool macro_print(const struct value_object *object, struct arena *arena, struct buf *out) {
	(void)arena;
	buf_append_str(out, "<macro ");
	buf_append(out, macro_of(object)->node->name);
	return buf_append_byte(out, '>');
}

/* ---- calling it ---- */

static bool has_parameter(const struct macro *macro, struct slice name) {
	for (const struct node_binding *parameter = macro->node->parameters; parameter;
		parameter = parameter->next) {
		if (slice_eq(parameter->name, name)) {
			return true;
		}
	}
	return macro->node->uses_caller && slice_is(name, "caller");
}

/* Before anything of the call is evaluated, so that it fails where the call stands. */
static bool check_arguments(struct template_run *run, const struct macro *macro,
	const struct value_arguments *arguments) {
	if (arguments->count > macro->node->parameter_count) {
		return template_fail(run, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
			"the macro `%.*s` takes at most %u arguments, not %zu",
			SLICE_FMT(slice_sub(macro->node->name, 0, 80)),
			macro->node->parameter_count, arguments->count);
	}
	for (size_t i = 0; arguments->named && i < arguments->named->len; i++) {
		struct slice name = arguments->named->items[i].key.string;
		if (!has_parameter(macro, name)) {
			return template_fail(run, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
				"the macro `%.*s` has no parameter `%.*s`",
				SLICE_FMT(slice_sub(macro->node->name, 0, 80)),
				SLICE_FMT(slice_sub(name, 0, 80)));
		}
	}
	return true;
}

static bool bind_parameter(struct template_run *run, const struct node_binding *parameter,
	const struct value_arguments *arguments, size_t index) {
	struct value value = value_undefined();
	const struct value_pair *named =
		arguments->named ? value_map_find_text(arguments->named, parameter->name) : NULL;
	if (index < arguments->count) {
		value = arguments->items[index];
		if (named) {
			return template_fail(run, TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
				"the parameter `%.*s` is given twice", SLICE_FMT(parameter->name));
		}
	} else if (named) {
		value = named->value;
	}
	if (value.type == VALUE_UNDEFINED && parameter->value &&
		!run_evaluate(run, parameter->value, &value)) {
		return false;
	}
	return run_set(run, parameter->name, value);
}

static bool bind_parameters(struct template_run *run, const struct macro *macro,
	const struct value_arguments *arguments) {
	size_t index = 0;
	for (const struct node_binding *parameter = macro->node->parameters; parameter;
		parameter = parameter->next) {
		if (!bind_parameter(run, parameter, arguments, index++)) {
			return false;
		}
	}
	struct value_pair *caller =
		arguments->named ? value_map_find_text(arguments->named, SLICE("caller")) : NULL;
	return !caller || run_set(run, SLICE("caller"), caller->value);
}

static bool macro_call(const struct value_object *object, struct template_run *run,
	const struct value_arguments *arguments, struct value *out) {
	const struct macro *macro = macro_of(object);
	if (!check_arguments(run, macro, arguments) || !run_recurse(run)) {
		return false;
	}
	struct frame *outer = run->frame;
	const struct template *template = run->template;
	const struct node *at = run->at;
	enum template_escape escape = run->escape;
	struct frame frame;
	struct capture capture;
	run->frame = NULL;
	run_push_frame(run, &frame);
	frame.captured = macro->closure;
	run->template = macro->template;
	run->escape = macro->escape;
	run_capture(run, &capture);
	bool is_ok = bind_parameters(run, macro, arguments) &&
		     run_statements(run, macro->node->body) != FLOW_FAILED;
	is_ok = run_end_capture(run, &capture, is_ok, out);
	run->frame = outer;
	run->template = template;
	run->escape = escape;
	run->at = at;
	run->recursion--;
	return is_ok;
}

static const struct value_object_kind macro_kind = {
	.name = "macro",
	.get = macro_get,
	.names = macro_names,
	.call = macro_call,
	.print = macro_print,
};

/* ---- making it ---- */

/* Puts what the frames know of the macro's names into what this frame's macros remember. */
static bool enclose(struct template_run *run, const struct node_macro *node) {
	struct frame *frame = run->frame;
	if (!frame->closure) {
		frame->closure = value_map_new(run->arena);
	}
	if (!template_spend(run, node->name_count)) {
		return false;
	}
	for (size_t i = 0; i < node->name_count; i++) {
		struct value value;
		struct value key = value_string(node->names[i]);
		if (value_map_find(frame->closure, key) ||
			!run_lookup_frames(run, node->names[i], &value)) {
			continue;
		}
		if (!value_map_put(run->arena, frame->closure, key, value)) {
			return run_fail_memory(run);
		}
	}
	return true;
}

static const struct value_object *macro_new(
	struct template_run *run, const struct node_macro *node) {
	struct macro *macro =
		enclose(run, node) ? arena_try_alloc(run->arena, sizeof *macro) : NULL;
	if (!macro) {
		run_fail_memory(run);
		return NULL;
	}
	*macro = (struct macro){.object = {&macro_kind},
		.node = node,
		.template = run->template,
		.closure = run->frame->closure,
		.escape = run->escape};
	return &macro->object;
}

bool run_macro(struct template_run *run, const struct node *node) {
	const struct value_object *macro = macro_new(run, node->macro.macro);
	return macro && run_set(run, node->macro.macro->name, value_object(macro));
}

/* The call gets one more named argument: the block, as `caller`. */
bool run_call_block(struct template_run *run, const struct node *node) {
	const struct node *call = node->macro.call;
	const struct value_object *caller = macro_new(run, node->macro.macro);
	struct value value;
	if (!caller || !run_call_with(run, call, value_object(caller), &value)) {
		return false;
	}
	run->at = call;
	return run_emit_value(run, value);
}
