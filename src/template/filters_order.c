/* filters_order.c: filters that compare: sort, unique, extremes, groups (workflows.md 6.5). */
#include "template/builtins.h"

/* What `sort`, `unique`, `min`, `max` compare by. */
struct ordering {
	struct slice attribute; /* absent: the item itself */
	bool is_case_sensitive, is_reverse;
};

static struct ordering take_ordering(struct template_reader *reader) {
	struct ordering ordering;
	ordering.attribute = template_take_text(reader, SIZE_MAX, "attribute", slice_make(NULL, 0));
	ordering.is_case_sensitive = template_take_bool(reader, SIZE_MAX, "case_sensitive", false);
	ordering.is_reverse = template_take_bool(reader, SIZE_MAX, "reverse", false);
	return ordering;
}

static struct value key_of(
	struct template_run *run, const struct ordering *ordering, struct value item) {
	return ordering->attribute.data ? builtin_attribute(run, item, ordering->attribute) : item;
}

static struct builtin_sortable *sortables_of(
	struct template_run *run, const struct ordering *ordering, const struct value_list *items) {
	struct builtin_sortable *sorted =
		arena_try_alloc(template_run_arena(run), items->len * sizeof *sorted + 1);
	if (!sorted) {
		builtin_fail_memory(run);
		return NULL;
	}
	for (size_t i = 0; i < items->len; i++) {
		struct value item = items->items[i];
		sorted[i] = (struct builtin_sortable){key_of(run, ordering, item), item, i};
	}
	return builtin_sort(
		       run, sorted, items->len, ordering->is_case_sensitive, ordering->is_reverse)
		       ? sorted
		       : NULL;
}

bool filter_sort(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter sort", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	struct ordering ordering = take_ordering(&reader);
	if (!items || !template_reader_done(&reader, 1)) {
		return false;
	}
	struct builtin_sortable *sorted = sortables_of(run, &ordering, items);
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; sorted && i < items->len; i++) {
		if (!builtin_push(run, list, sorted[i].item)) {
			return false;
		}
	}
	return sorted != NULL;
}

/* A text as a key that differs for different texts: folded unless case counts. */
static bool key_for_map(struct template_run *run, const struct ordering *ordering, struct value key,
	struct value *out) {
	key = value_plain(key, template_run_arena(run));
	*out = key;
	if (key.type != VALUE_STRING || ordering->is_case_sensitive) {
		return true;
	}
	struct buf text;
	builtin_buf(run, &text);
	unicode_append_lower(&text, key.string);
	return builtin_return_text(run, &text, out);
}

bool filter_unique(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter unique", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	struct ordering ordering = take_ordering(&reader);
	if (!items || !template_reader_done(&reader, 1)) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	struct value_map *seen = value_map_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; i < items->len; i++) {
		struct value key;
		struct value item = items->items[i];
		if (!key_for_map(run, &ordering, key_of(run, &ordering, item), &key) ||
			!template_spend(run, 1 + value_weight(key))) {
			return false;
		}
		if (value_map_find(seen, key)) {
			continue;
		}
		if (!value_map_put(template_run_arena(run), seen, key, value_none()) ||
			!builtin_push(run, list, item)) {
			return builtin_fail_memory(run);
		}
	}
	return true;
}

static bool extreme(struct template_run *run, const struct value_arguments *arguments,
	const char *what, int sign, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	struct ordering ordering = take_ordering(&reader);
	bool is_case_sensitive = arguments->named == NULL ||
				 !value_map_find_text(arguments->named, SLICE("case_sensitive")) ||
				 ordering.is_case_sensitive;
	if (!items || !template_reader_done(&reader, 1)) {
		return false;
	}
	*out = value_undefined();
	struct value best = value_undefined();
	for (size_t i = 0; i < items->len; i++) {
		struct value key = key_of(run, &ordering, items->items[i]);
		if (!template_spend(run, value_weight(key))) {
			return false;
		}
		if (i == 0 || builtin_compare(run, key, best, is_case_sensitive) * sign > 0) {
			best = key;
			*out = items->items[i];
		}
	}
	return true;
}

bool filter_min(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return extreme(run, arguments, "filter min", -1, out);
}

bool filter_max(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return extreme(run, arguments, "filter max", 1, out);
}

/* ---- groups ---- */

/* A group: `.grouper`, `.list`, and a pair to unpack. */
struct group {
	struct value_object object;
	struct value grouper, items;
};

static bool group_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct group *group = (const struct group *)object;
	(void)arena;
	if (key.type != VALUE_STRING) {
		return false;
	}
	bool is_grouper = slice_is(key.string, "grouper");
	*out = is_grouper ? group->grouper : group->items;
	return is_grouper || slice_is(key.string, "list");
}

static struct value group_plain(const struct value_object *object, struct arena *arena) {
	const struct group *group = (const struct group *)object;
	struct value_list *pair = value_list_new(arena);
	value_list_push(arena, pair, group->grouper);
	value_list_push(arena, pair, group->items);
	return value_of_list(pair);
}

static const char *const *group_names(const struct value_object *object, struct arena *arena) {
	static const char *const names[] = {"grouper", "list", NULL};
	(void)object;
	(void)arena;
	return names;
}

static const struct value_object_kind group_kind = {
	.name = "group", .get = group_get, .plain = group_plain, .names = group_names};

static bool push_group(struct template_run *run, struct value_list *list, struct value grouper,
	struct value_list *items) {
	struct group *group = arena_try_alloc(template_run_arena(run), sizeof *group);
	if (!group) {
		return builtin_fail_memory(run);
	}
	*group = (struct group){{&group_kind}, grouper, value_of_list(items)};
	return builtin_push(run, list, value_object(&group->object));
}

/* A group is called as the last of its items spells it, as minijinja does. */
bool filter_groupby(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter groupby", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	builtin_require(&reader, 1, "attribute");
	struct slice attribute = template_take_text(&reader, 1, "attribute", SLICE(""));
	struct value otherwise = template_take(&reader, 2, "default");
	bool is_case_sensitive = template_take_bool(&reader, 3, "case_sensitive", false);
	if (!items || !template_reader_done(&reader, 4)) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run)), *group = NULL;
	struct builtin_sortable *sorted =
		arena_try_alloc(template_run_arena(run), items->len * sizeof *sorted + 1);
	*out = value_of_list(list);
	for (size_t i = 0; sorted && i < items->len; i++) {
		struct value key = builtin_attribute(run, items->items[i], attribute);
		key = key.type == VALUE_UNDEFINED ? otherwise : key;
		sorted[i] = (struct builtin_sortable){key, items->items[i], i};
	}
	if (!sorted) {
		return builtin_fail_memory(run);
	}
	if (!builtin_sort(run, sorted, items->len, is_case_sensitive, false)) {
		return false;
	}
	for (size_t i = 0, first = 0; i < items->len; i++) {
		bool is_new = i == 0 || builtin_compare(run, sorted[i].key, sorted[first].key,
						is_case_sensitive) != 0;
		if (is_new && group && !push_group(run, list, sorted[i - 1].key, group)) {
			return false;
		}
		if (is_new) {
			group = value_list_new(template_run_arena(run));
			first = i;
		}
		if (!builtin_push(run, group, sorted[i].item)) {
			return false;
		}
		if (i + 1 == items->len && !push_group(run, list, sorted[i].key, group)) {
			return false;
		}
	}
	return true;
}

bool filter_dictsort(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter dictsort", arguments);
	struct value subject = builtin_subject(&reader);
	struct slice by = template_take_text(&reader, SIZE_MAX, "by", SLICE("key"));
	bool is_case_sensitive = template_take_bool(&reader, SIZE_MAX, "case_sensitive", false);
	bool is_reverse = template_take_bool(&reader, SIZE_MAX, "reverse", false);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	const struct value_map *map = value_as_map(subject, template_run_arena(run));
	if (!map) {
		return builtin_fail(&reader, "%s is not a map", value_kind_name(subject));
	}
	if (!slice_is(by, "key") && !slice_is(by, "value")) {
		return builtin_fail(&reader, "`by` must be `key` or `value`");
	}
	struct builtin_sortable *sorted =
		arena_try_alloc(template_run_arena(run), map->len * sizeof *sorted + 1);
	if (!sorted) {
		return builtin_fail_memory(run);
	}
	for (size_t i = 0; i < map->len; i++) {
		sorted[i].key = slice_is(by, "key") ? map->items[i].key : map->items[i].value;
		struct value_list *pair = value_list_new(template_run_arena(run));
		if (!builtin_push(run, pair, map->items[i].key) ||
			!builtin_push(run, pair, map->items[i].value)) {
			return false;
		}
		sorted[i].item = value_of_list(pair);
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	if (!builtin_sort(run, sorted, map->len, is_case_sensitive, is_reverse)) {
		return false;
	}
	for (size_t i = 0; i < map->len; i++) {
		if (!builtin_push(run, list, sorted[i].item)) {
			return false;
		}
	}
	return true;
}
