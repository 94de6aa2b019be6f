/* filters_select.c: filters that apply another filter or test to each item (workflows.md 6.5). */
#include "template/builtins.h"

bool filter_attr(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter attr", arguments);
	struct value subject = builtin_subject(&reader);
	struct value key = template_take_required(&reader, 1, "name");
	if (subject.type == VALUE_UNDEFINED && !reader.has_failed) {
		return template_fail(run, TEMPLATE_ERROR_UNDEFINED,
			"filter attr: the value is undefined and has no fields");
	}
	*out = value_get(subject, template_run_arena(run), key);
	return template_reader_done(&reader, 2);
}

/* The arguments behind the first `from`, with room for the item in front. */
static struct value *shifted_arguments(struct template_run *run,
	const struct value_arguments *arguments, size_t from, struct value_arguments *out) {
	size_t rest = arguments->count > from ? arguments->count - from : 0;
	struct value *items = ARENA_ARRAY(template_run_arena(run), struct value, rest + 1);
	for (size_t i = 0; i < rest; i++) {
		items[i + 1] = arguments->items[from + i];
	}
	*out = (struct value_arguments){.items = items, .count = rest + 1};
	return items;
}

static bool map_attribute(
	struct template_reader *reader, const struct value_list *items, struct value_list *list) {
	struct value path = template_take(reader, SIZE_MAX, "attribute");
	struct value otherwise = template_take(reader, SIZE_MAX, "default");
	if (!template_reader_done(reader, 1)) {
		return false;
	}
	for (size_t i = 0; i < items->len; i++) {
		struct value item = items->items[i];
		item = path.type == VALUE_STRING
			       ? builtin_attribute(reader->run, item, path.string)
			       : value_get(item, template_run_arena(reader->run), path);
		item = item.type == VALUE_UNDEFINED ? otherwise : item;
		if (!builtin_push(reader->run, list, item)) {
			return false;
		}
	}
	return true;
}

bool filter_map(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter map", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	if (!items) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	if (arguments->named && value_map_find_text(arguments->named, SLICE("attribute"))) {
		return map_attribute(&reader, items, list);
	}
	struct value name = template_take_required(&reader, 1, NULL);
	if (reader.has_failed) {
		return false;
	}
	if (name.type != VALUE_STRING) {
		return builtin_fail(&reader, "the name of a filter must be text");
	}
	struct value_arguments inner;
	struct value *first = shifted_arguments(run, arguments, 2, &inner);
	inner.named = arguments->named;
	for (size_t i = 0; i < items->len; i++) {
		struct value item;
		*first = items->items[i];
		if (!template_apply_filter(run, name.string, &inner, &item) ||
			!builtin_push(run, list, item)) {
			return false;
		}
	}
	return true;
}

/* A test over each item, or over an attribute of it. */
struct selection {
	bool has_attribute, keeps;
	struct value attribute, test;
	struct value_arguments arguments;
	struct value *tested;
};

static bool select_one(struct template_run *run, const struct selection *selection,
	struct value item, bool *is_kept) {
	if (selection->has_attribute) {
		item = selection->attribute.type == VALUE_STRING
			       ? builtin_attribute(run, item, selection->attribute.string)
			       : value_get(item, template_run_arena(run), selection->attribute);
	}
	*selection->tested = item;
	if (selection->test.type == VALUE_UNDEFINED) {
		*is_kept = value_is_true(item, template_run_arena(run)) == selection->keeps;
		return true;
	}
	if (!template_apply_test(run, selection->test.string, &selection->arguments, is_kept)) {
		return false;
	}
	*is_kept = *is_kept == selection->keeps;
	return true;
}

static bool select_items(struct template_run *run, const struct value_arguments *arguments,
	const char *what, bool has_attribute, bool keeps, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	struct selection selection = {.has_attribute = has_attribute, .keeps = keeps};
	size_t at = 1;
	if (has_attribute) {
		selection.attribute = template_take_required(&reader, at++, NULL);
	}
	selection.test = template_take(&reader, at++, NULL);
	if (!items || !template_reader_done(&reader, SIZE_MAX)) {
		return false;
	}
	if (selection.test.type != VALUE_UNDEFINED && selection.test.type != VALUE_STRING) {
		return builtin_fail(&reader, "the name of a test must be text");
	}
	selection.tested = shifted_arguments(run, arguments, at, &selection.arguments);
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; i < items->len; i++) {
		bool is_kept;
		if (!select_one(run, &selection, items->items[i], &is_kept) ||
			(is_kept && !builtin_push(run, list, items->items[i]))) {
			return false;
		}
	}
	return true;
}

bool filter_select(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return select_items(run, arguments, "filter select", false, true, out);
}

bool filter_reject(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return select_items(run, arguments, "filter reject", false, false, out);
}

bool filter_selectattr(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return select_items(run, arguments, "filter selectattr", true, true, out);
}

bool filter_rejectattr(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return select_items(run, arguments, "filter rejectattr", true, false, out);
}
