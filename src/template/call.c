/* call.c: arguments, calls of functions and methods, filters and tests. */
#include "template/evaluate.h"

/* ---- arguments ---- */

static bool splat(struct template_run *run, struct value value, struct value_list *items) {
	const struct value_list *list = run_iterate(run, value);
	if (!list) {
		return false;
	}
	for (size_t i = 0; i < list->len; i++) {
		if (!value_list_push(run->arena, items, list->items[i])) {
			return run_fail_memory(run);
		}
	}
	return template_spend(run, list->len);
}

static bool splat_names(struct template_run *run, struct value value, struct value_map *named) {
	const struct value_map *map = value_as_map(value, run->arena);
	if (!map) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"`**` needs a map, not %s", value_kind_name(value));
	}
	for (size_t i = 0; i < map->len; i++) {
		if (map->items[i].key.type != VALUE_STRING) {
			return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
				"the keys of what `**` spreads are names, not %s",
				value_kind_name(map->items[i].key));
		}
		if (!value_map_put(run->arena, named, map->items[i].key, map->items[i].value)) {
			return run_fail_memory(run);
		}
	}
	return template_spend(run, map->len);
}

static bool put_argument(struct template_run *run, const struct node_argument *argument,
	struct value value, struct value_list *items, struct value_map *named) {
	bool is_kept = true;
	switch ((enum argument_kind)argument->kind) {
	case ARGUMENT_PLAIN:
		is_kept = value_list_push(run->arena, items, value);
		break;
	case ARGUMENT_NAMED:
		is_kept = value_map_put(run->arena, named, value_string(argument->name), value);
		break;
	case ARGUMENT_SPLAT:
		return splat(run, value, items);
	case ARGUMENT_NAMED_SPLAT:
		return splat_names(run, value, named);
	}
	return is_kept || run_fail_memory(run);
}

bool run_arguments(struct template_run *run, const struct node_arguments *arguments, size_t before,
	struct value_arguments *out) {
	struct value_list items = {.cap = before + arguments->plain_count, .depth = 1};
	struct value_map *named = arguments->has_named ? value_map_new(run->arena) : NULL;
	if (items.cap > 0) {
		items.items = arena_try_alloc(run->arena, items.cap * sizeof *items.items);
		if (!items.items) {
			return run_fail_memory(run);
		}
		memset(items.items, 0, before * sizeof *items.items);
	}
	items.len = before;
	for (const struct node_argument *argument = arguments->first; argument;
		argument = argument->next) {
		struct value value;
		if (!run_evaluate(run, argument->value, &value) ||
			!put_argument(run, argument, value, &items, named)) {
			return false;
		}
	}
	*out = (struct value_arguments){items.items, items.len, named};
	return true;
}

/* ---- functions as values ---- */

struct function_object {
	struct value_object object;
	const struct template_builtin *builtin;
};

static const struct template_builtin *builtin_of(const struct value_object *object) {
	return ((const struct function_object *)(const void *)object)->builtin;
}

static bool function_call(const struct value_object *object, struct template_run *run,
	const struct value_arguments *arguments, struct value *out) {
	return builtin_of(object)->function(run, arguments, out);
}

static bool function_print(
	const struct value_object *object, struct arena *arena, struct buf *out) {
	(void)arena;
	return buf_printf(out, "<function %s>", builtin_of(object)->name);
}

static const struct value_object_kind function_kind = {
	.name = "function",
	.call = function_call,
	.print = function_print,
};

const struct value_object *template_function_object(
	struct arena *arena, const struct template_builtin *builtin) {
	struct function_object *function = ARENA_NEW(arena, struct function_object);
	function->object.kind = &function_kind;
	function->builtin = builtin;
	return &function->object;
}

const struct template_builtin *template_find_builtin(const struct template_builtin *own,
	const struct template_builtin *built_in, struct slice name) {
	const struct template_builtin *const lists[] = {own, built_in};
	for (size_t i = 0; i < 2; i++) {
		for (const struct template_builtin *at = lists[i]; at && at->name; at++) {
			if (slice_is(name, at->name)) {
				return at;
			}
		}
	}
	return NULL;
}

/* ---- calls ---- */

bool template_call(struct template_run *run, struct value callee,
	const struct value_arguments *arguments, struct value *out) {
	*out = value_undefined();
	if (callee.type != VALUE_OBJECT || !callee.object->kind->call) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"a value of type %s cannot be called", value_kind_name(callee));
	}
	return callee.object->kind->call(callee.object, run, arguments, out) && !run->has_failed;
}

/* What `super()` or `self.NAME()` renders, as a string. */
static bool capture_block(struct template_run *run, struct slice block, struct value *out) {
	struct capture capture;
	bool exists = true;
	run_capture(run, &capture);
	bool is_ok = block.data ? run_self_block(run, block, &exists) : run_super(run);
	if (is_ok && !exists) {
		is_ok = template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"there is no block `%.*s`", SLICE_FMT(slice_sub(block, 0, 80)));
	}
	return run_end_capture(run, &capture, is_ok, out);
}

static bool call_name(struct template_run *run, const struct node *node,
	const struct value_arguments *arguments, struct value *out) {
	const struct node *base = node->call.base;
	struct value callee = value_undefined();
	if (!run_lookup(run, base->name.name, &callee) && base->name.function) {
		callee = value_object(base->name.function);
	}
	run->at = node;
	if (callee.type != VALUE_UNDEFINED) {
		return template_call(run, callee, arguments, out);
	}
	if (slice_is(base->name.name, "super")) {
		return capture_block(run, (struct slice){0}, out);
	}
	return run_fail_unknown_function(run, base->name.name, base);
}

static bool is_self(struct template_run *run, const struct node *base) {
	struct value found;
	return base->kind == NODE_NAME && slice_is(base->name.name, "self") &&
	       !run_lookup(run, base->name.name, &found);
}

/* `value.name(...)`: a field that can be called, else a method of the language. */
static bool call_method(struct template_run *run, struct value value, struct slice name,
	const struct value_arguments *arguments, struct value *out) {
	if (value_is_loop(value)) {
		bool is_method;
		bool is_ok = run_loop_method(run, value.object, name, arguments, out, &is_method);
		if (is_method || !is_ok) {
			return is_ok;
		}
	}
	struct value field = value_undefined();
	if (value.type == VALUE_OBJECT || value.type == VALUE_MAP) {
		field = value_get(value, run->arena, value_string(name));
	}
	if (field.type == VALUE_OBJECT && field.object->kind->call) {
		return template_call(run, field, arguments, out);
	}
	return template_call_method(run, value, name, arguments, out) && !run->has_failed;
}

static bool call_attribute(struct template_run *run, const struct node *node,
	const struct value_arguments *arguments, struct value *out) {
	const struct node *base = node->call.base;
	struct value value;
	if (base->access.name.type == VALUE_STRING && is_self(run, base->access.base)) {
		return capture_block(run, base->access.name.string, out);
	}
	if (!run_base(run, base, &value)) {
		return false;
	}
	run->at = base;
	if (base->access.name.type != VALUE_STRING) {
		return template_call(
			run, value_get(value, run->arena, base->access.name), arguments, out);
	}
	return call_method(run, value, base->access.name.string, arguments, out);
}

static bool call(struct template_run *run, const struct node *node,
	const struct value_arguments *arguments, struct value *out) {
	struct value callee;
	run->at = node;
	switch (node->call.base->kind) {
	case NODE_NAME:
		return call_name(run, node, arguments, out);
	case NODE_ATTRIBUTE:
		return call_attribute(run, node, arguments, out);
	default:
		if (!run_evaluate(run, node->call.base, &callee)) {
			return false;
		}
		run->at = node;
		return template_call(run, callee, arguments, out);
	}
}

bool run_evaluate_call(struct template_run *run, const struct node *node, struct value *out) {
	struct value_arguments arguments;
	return run_arguments(run, &node->call.arguments, 0, &arguments) &&
	       call(run, node, &arguments, out);
}

bool run_call_with(
	struct template_run *run, const struct node *node, struct value caller, struct value *out) {
	struct value_arguments arguments;
	*out = value_undefined();
	if (!run_arguments(run, &node->call.arguments, 0, &arguments)) {
		return false;
	}
	struct value_map *named = value_map_new(run->arena);
	for (size_t i = 0; arguments.named && i < arguments.named->len; i++) {
		const struct value_pair *pair = &arguments.named->items[i];
		if (!value_map_put(run->arena, named, pair->key, pair->value)) {
			return run_fail_memory(run);
		}
	}
	if (!value_map_put_named(run->arena, named, "caller", caller)) {
		return run_fail_memory(run);
	}
	arguments.named = named;
	return call(run, node, &arguments, out);
}

/* ---- filters and tests ---- */

static bool fail_unknown(
	struct template_run *run, enum template_error_kind kind, struct slice name) {
	bool is_filter = kind == TEMPLATE_ERROR_UNKNOWN_FILTER;
	template_fail(run, kind, "there is no %s `%.*s`", is_filter ? "filter" : "test",
		SLICE_FMT(slice_sub(name, 0, 80)));
	const char *near = is_filter ? template_nearest_builtin(run->arena,
					       run->environment->filters, template_filters, name)
				     : template_nearest_builtin(run->arena, run->environment->tests,
					       template_tests, name);
	if (near) {
		run->error->hint = arena_printf(run->arena, "did you mean `%s`?", near).data;
	}
	return false;
}

static bool apply(struct template_run *run, const struct node *node, struct value value,
	enum template_error_kind unknown, struct value *out) {
	struct value_arguments arguments;
	if (!run_arguments(run, &node->call.arguments, 1, &arguments)) {
		return false;
	}
	run->at = node;
	if (!node->call.function) {
		return fail_unknown(run, unknown, node->call.name);
	}
	/* run_arguments made the array, and made room in front. */
	((struct value *)(uintptr_t)arguments.items)[0] = value;
	*out = value_undefined();
	return node->call.function(run, &arguments, out) && !run->has_failed;
}

bool run_evaluate_filter(struct template_run *run, const struct node *node, struct value *out) {
	struct value value;
	return run_evaluate(run, node->call.base, &value) &&
	       apply(run, node, value, TEMPLATE_ERROR_UNKNOWN_FILTER, out);
}

bool run_evaluate_test(struct template_run *run, const struct node *node, struct value *out) {
	struct value value, answer;
	if (!run_evaluate(run, node->call.base, &value) ||
		!apply(run, node, value, TEMPLATE_ERROR_UNKNOWN_TEST, &answer)) {
		return false;
	}
	*out = value_bool(value_is_true(answer, run->arena) != node->is_negated);
	return true;
}

bool run_filters(
	struct template_run *run, const struct node *chain, struct value text, struct value *out) {
	struct value value = text;
	if (chain && (!run_enter(run, chain) || !run_filters(run, chain->call.base, text, &value) ||
			     !apply(run, chain, value, TEMPLATE_ERROR_UNKNOWN_FILTER, &value))) {
		return false;
	}
	if (chain) {
		run_leave(run);
	}
	*out = value;
	return true;
}

bool template_apply_filter(struct template_run *run, struct slice name,
	const struct value_arguments *arguments, struct value *out) {
	const struct template_builtin *found =
		template_find_builtin(run->environment->filters, template_filters, name);
	*out = value_undefined();
	return found ? template_spend(run, 1) && found->function(run, arguments, out)
		     : fail_unknown(run, TEMPLATE_ERROR_UNKNOWN_FILTER, name);
}

bool template_apply_test(struct template_run *run, struct slice name,
	const struct value_arguments *arguments, bool *out) {
	const struct template_builtin *found =
		template_find_builtin(run->environment->tests, template_tests, name);
	struct value answer = value_undefined();
	*out = false;
	if (!found) {
		return fail_unknown(run, TEMPLATE_ERROR_UNKNOWN_TEST, name);
	}
	if (!template_spend(run, 1) || !found->function(run, arguments, &answer)) {
		return false;
	}
	*out = value_is_true(answer, run->arena);
	return true;
}
