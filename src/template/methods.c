/* methods.c: the methods that text and maps have (workflows.md 6.5), each a filter or test with the
 * value in front. */
#include "template/builtins.h"

/* `map.get(key, default)`. */
static bool method_get(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "method get", arguments);
	struct value map = template_take_required(&reader, 0, NULL);
	struct value key = template_take_required(&reader, 1, "key");
	struct value otherwise = template_take(&reader, 2, "default");
	if (arguments->count < 3 && otherwise.type == VALUE_UNDEFINED) {
		otherwise = value_none();
	}
	*out = value_get(map, template_run_arena(run), key);
	*out = out->type == VALUE_UNDEFINED ? otherwise : *out;
	return template_reader_done(&reader, 3);
}

static const struct method {
	enum value_type type;
	struct template_builtin row;
} methods[] = {
	{VALUE_STRING, {"endswith", test_endingwith}},
	{VALUE_STRING, {"lower", filter_lower}},
	{VALUE_STRING, {"replace", filter_replace}},
	{VALUE_STRING, {"split", filter_split}},
	{VALUE_STRING, {"startswith", test_startingwith}},
	{VALUE_STRING, {"strip", filter_trim}},
	{VALUE_STRING, {"upper", filter_upper}},
	{VALUE_MAP, {"get", method_get}},
	{VALUE_MAP, {"items", filter_items}},
	{VALUE_MAP, {"keys", filter_keys}},
	{VALUE_MAP, {"values", filter_values}},
};
#define METHOD_COUNT (sizeof methods / sizeof methods[0])

bool template_call_method(struct template_run *run, struct value value, struct slice name,
	const struct value_arguments *arguments, struct value *out) {
	struct arena *arena = template_run_arena(run);
	bool is_map = value_as_map(value, arena) != NULL;
	enum value_type type = value_plain(value, arena).type;
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		const struct method *method = &methods[i];
		if (slice_is(name, method->row.name) &&
			(method->type == VALUE_MAP ? is_map : type == method->type)) {
			struct value *items =
				ARENA_ARRAY(arena, struct value, arguments->count + 1);
			items[0] = value;
			for (size_t k = 0; k < arguments->count; k++) {
				items[k + 1] = arguments->items[k];
			}
			struct value_arguments all = {
				items, arguments->count + 1, arguments->named};
			return template_spend(run, 1) && method->row.function(run, &all, out);
		}
	}
	return template_fail(run, TEMPLATE_ERROR_UNKNOWN_METHOD, "%s has no method `%.*s`",
		value_kind_name(value), SLICE_FMT(slice_sub(name, 0, 80)));
}
