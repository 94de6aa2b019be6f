/* functions.c: range, dict, namespace, debug (workflows.md 6.5). */
#include "template/builtins.h"
#include "template/run.h"

static bool function_range(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "function range", arguments);
	builtin_require(&reader, 0, "start");
	int64_t start = template_take_int(&reader, 0, NULL, 0);
	bool has_stop = arguments->count > 1 && arguments->items[1].type != VALUE_NONE;
	int64_t stop = template_take_int(&reader, 1, NULL, 0);
	int64_t step = template_take_int(&reader, 2, NULL, 1);
	if (!template_reader_done(&reader, 3)) {
		return false;
	}
	if (!has_stop) {
		stop = start;
		start = 0;
	}
	if (step == 0) {
		return builtin_fail(&reader, "the step must not be 0");
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (int64_t at = start; step > 0 ? at < stop : at > stop;) {
		if (list->len == TEMPLATE_MAX_RANGE) {
			return builtin_fail(
				&reader, "it has more than %d elements", TEMPLATE_MAX_RANGE);
		}
		if (!template_spend(run, 1) || !builtin_push(run, list, value_int(at))) {
			return false;
		}
		if (__builtin_add_overflow(at, step, &at)) {
			break;
		}
	}
	return true;
}

/* A map of a map's pairs and the named arguments. */
static bool collect(struct template_run *run, const struct value_arguments *arguments,
	const char *what, struct value_map **out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	struct value base = template_take(&reader, 0, NULL);
	struct arena *arena = template_run_arena(run);
	const struct value_map *maps[2] = {value_as_map(base, arena), arguments->named};
	if (arguments->count > 1) {
		return template_reader_done(&reader, 1);
	}
	if (arguments->count == 1 && !maps[0] && base.type != VALUE_UNDEFINED) {
		return builtin_fail(&reader, "%s is not a map", value_kind_name(base));
	}
	*out = value_map_new(arena);
	for (size_t m = 0; m < 2; m++) {
		for (size_t i = 0; maps[m] && i < maps[m]->len; i++) {
			const struct value_pair *pair = &maps[m]->items[i];
			if (!template_spend(run, 1) ||
				!value_map_put(arena, *out, pair->key, pair->value)) {
				return builtin_fail_memory(run);
			}
		}
	}
	return true;
}

static bool function_dict(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct value_map *map = NULL;
	bool is_ok = collect(run, arguments, "function dict", &map);
	*out = is_ok ? value_of_map(map) : value_undefined();
	return is_ok;
}

/* ---- namespace ---- */

struct namespace_object {
	struct value_object object;
	struct value_map *fields;
};

static bool namespace_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct namespace_object *namespace = (const struct namespace_object *)object;
	(void)arena;
	const struct value_pair *pair = value_map_find(namespace->fields, key);
	*out = pair ? pair->value : value_undefined();
	return pair != NULL;
}

static struct value namespace_map(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_of_map(((const struct namespace_object *)object)->fields);
}

static const char *const *namespace_names(const struct value_object *object, struct arena *arena) {
	const struct value_map *fields = ((const struct namespace_object *)object)->fields;
	const char **names = ARENA_ARRAY(arena, const char *, fields->len + 1);
	size_t count = 0;
	for (size_t i = 0; i < fields->len; i++) {
		if (fields->items[i].key.type == VALUE_STRING) {
			names[count++] = arena_strdup(arena, fields->items[i].key.string);
		}
	}
	return names;
}

static bool namespace_set(const struct value_object *object, struct template_run *run,
	struct slice key, struct value value) {
	struct value_map *fields = ((const struct namespace_object *)object)->fields;
	return value_map_put(template_run_arena(run), fields, value_string(key), value) ||
	       builtin_fail_memory(run);
}

static const struct value_object_kind namespace_kind = {
	.name = "namespace",
	.get = namespace_get,
	.map = namespace_map,
	.names = namespace_names,
	.set = namespace_set,
};

static bool function_namespace(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct namespace_object *namespace =
		ARENA_NEW(template_run_arena(run), struct namespace_object);
	namespace->object.kind = &namespace_kind;
	*out = value_object(&namespace->object);
	return collect(run, arguments, "function namespace", &namespace->fields);
}

/* ---- debug ---- */

/* What its arguments are; without any, the names that are in scope (not what they hold: that may
 * be secret). */
static bool function_debug(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct buf text;
	struct arena *arena = template_run_arena(run);
	builtin_buf(run, &text);
	for (size_t i = 0; i < arguments->count; i++) {
		buf_append_str(&text, i > 0 ? "\n" : "");
		if (template_spend(run, value_weight(arguments->items[i]))) {
			builtin_print_debug(arguments->items[i], arena, 0, &text);
		}
	}
	const struct value_map *globals = value_as_map(run->globals, arena);
	if (arguments->count == 0) {
		buf_append_str(&text, "names in scope:");
		for (struct frame *frame = run->frame; frame; frame = frame->parent) {
			for (size_t i = 0; i < frame->locals.len; i++) {
				buf_append_byte(&text, ' ');
				value_print(frame->locals.items[i].key, arena, &text);
			}
		}
		for (size_t i = 0; globals && i < globals->len; i++) {
			buf_append_byte(&text, ' ');
			value_print(globals->items[i].key, arena, &text);
		}
	}
	return builtin_return_text(run, &text, out);
}

const struct template_builtin template_functions[] = {
	{"debug", function_debug},
	{"dict", function_dict},
	{"namespace", function_namespace},
	{"range", function_range},
	{NULL, NULL},
};
