/* filters_list.c: filters over sequences (workflows.md 6.4, 6.5). */
#include "base/encoding.h"
#include "template/builtins.h"

/* What `first`, `last` and `join` run over: undefined and none are empty, also in strict mode. */
static const struct value_list *items_or_none(
	struct template_reader *reader, struct value *subject) {
	*subject = template_take_required(reader, 0, NULL);
	const struct value_list *items = value_iterate(*subject, template_run_arena(reader->run));
	if (items && !template_spend(reader->run, items->len)) {
		reader->has_failed = true;
	}
	return items;
}

static bool take_end(struct template_run *run, const struct value_arguments *arguments,
	const char *what, bool is_last, struct value *out) {
	struct template_reader reader;
	struct value subject;
	template_reader_init(&reader, run, what, arguments);
	const struct value_list *items = items_or_none(&reader, &subject);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (!items) {
		return builtin_fail(&reader, "%s is not iterable", value_kind_name(subject));
	}
	*out = items->len == 0 ? value_undefined() : items->items[is_last ? items->len - 1 : 0];
	return true;
}

bool filter_first(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return take_end(run, arguments, "filter first", false, out);
}

bool filter_last(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return take_end(run, arguments, "filter last", true, out);
}

bool filter_length(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter length", arguments);
	struct value subject = builtin_subject(&reader);
	struct arena *arena = template_run_arena(run);
	struct value plain = value_plain(subject, arena);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (subject.type == VALUE_OBJECT && subject.object->kind->list) {
		plain = subject.object->kind->list(subject.object, arena);
	}
	const struct value_map *map =
		plain.type == VALUE_OBJECT ? value_as_map(plain, arena) : NULL;
	if (plain.type == VALUE_STRING) {
		*out = value_int((int64_t)utf8_length(plain.string));
	} else if (plain.type == VALUE_LIST) {
		*out = value_int((int64_t)plain.list->len);
	} else if (plain.type == VALUE_MAP || map) {
		*out = value_int((int64_t)(map ? map : plain.map)->len);
	} else {
		return builtin_fail(&reader, "%s has no length", value_kind_name(subject));
	}
	return true;
}

bool filter_join(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct value subject;
	struct buf text;
	template_reader_init(&reader, run, "filter join", arguments);
	const struct value_list *items = items_or_none(&reader, &subject);
	struct value separator =
		value_plain(template_take(&reader, 1, "sep"), template_run_arena(run));
	struct slice attribute = template_take_text(&reader, 2, "attribute", slice_make(NULL, 0));
	if (!template_reader_done(&reader, 3)) {
		return false;
	}
	bool is_one = value_plain(subject, template_run_arena(run)).type == VALUE_STRING &&
		      !(subject.type == VALUE_OBJECT && subject.object->kind->list);
	if (!items || is_one) {
		*out = value_string(builtin_text(&reader, subject));
		return !reader.has_failed;
	}
	struct slice between = separator.type == VALUE_STRING ? separator.string : SLICE(", ");
	builtin_buf(run, &text);
	for (size_t i = 0; i < items->len && !text.failed && !reader.has_failed; i++) {
		struct value item = items->items[i];
		if (attribute.data) {
			item = builtin_attribute(run, item, attribute);
		}
		buf_append(&text, i > 0 ? between : SLICE(""));
		buf_append(&text, builtin_text(&reader, item));
	}
	return builtin_return_text(run, &text, out) && !reader.has_failed;
}

bool filter_list(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter list", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	*out = value_of_list(items);
	return items && template_reader_done(&reader, 1);
}

static bool reverse_text(struct template_run *run, struct slice rest, struct value *out) {
	char *bytes = arena_try_alloc(template_run_arena(run), rest.len + 1);
	size_t at = rest.len, len = rest.len;
	if (!bytes) {
		return builtin_fail_memory(run);
	}
	while (rest.len > 0) {
		struct slice before = rest;
		unicode_next(&rest);
		size_t size = before.len - rest.len;
		at -= size;
		memcpy(bytes + at, before.data, size);
	}
	*out = value_string(slice_make(bytes, len));
	return template_spend(run, len / 16);
}

bool filter_reverse(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter reverse", arguments);
	struct value subject = value_plain(builtin_subject(&reader), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (subject.type == VALUE_UNDEFINED) {
		*out = value_string(SLICE(""));
		return true;
	}
	if (subject.type == VALUE_STRING) {
		return reverse_text(run, subject.string, out);
	}
	const struct value_list *items = builtin_subject_items(&reader);
	if (!items) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = items->len; i-- > 0;) {
		if (!builtin_push(run, list, items->items[i])) {
			return false;
		}
	}
	return true;
}

/* Part of a list, filled up to `count` unless the filler is undefined. */
static bool push_part(struct template_run *run, struct value_list *list,
	const struct value_list *items, size_t from, size_t to, size_t count, struct value filler) {
	struct value_list *part = value_list_new(template_run_arena(run));
	for (size_t i = from; i < to; i++) {
		if (!builtin_push(run, part, items->items[i])) {
			return false;
		}
	}
	while (filler.type != VALUE_UNDEFINED && part->len < count) {
		if (!template_spend(run, 1) || !builtin_push(run, part, filler)) {
			return false;
		}
	}
	return builtin_push(run, list, value_of_list(part));
}

bool filter_batch(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter batch", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	builtin_require(&reader, 1, "count");
	size_t count = builtin_take_count(&reader, 1, "count", 1, 1);
	struct value filler = template_take(&reader, 2, "fill_with");
	if (!items || !template_reader_done(&reader, 3)) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t at = 0; at < items->len; at += count) {
		size_t end = items->len - at > count ? at + count : items->len;
		if (!push_part(run, list, items, at, end, count, filler)) {
			return false;
		}
	}
	return true;
}

bool filter_slice(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter slice", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	builtin_require(&reader, 1, "count");
	size_t count = builtin_take_count(&reader, 1, "count", 1, 1);
	struct value filler = template_take(&reader, 2, "fill_with");
	if (!items || !template_reader_done(&reader, 3) || !template_spend(run, count)) {
		return false;
	}
	size_t each = items->len / count, extra = items->len % count, at = 0;
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; i < count; i++) {
		size_t size = each + (i < extra);
		if (!push_part(run, list, items, at, at + size, i < extra ? 0 : each + 1, filler)) {
			return false;
		}
		at += size;
	}
	return true;
}

static bool chain_maps(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct value_map *map = value_map_new(template_run_arena(run));
	*out = value_of_map(map);
	for (size_t i = 0; i < arguments->count; i++) {
		const struct value_map *one =
			value_as_map(arguments->items[i], template_run_arena(run));
		for (size_t k = 0; k < one->len; k++) {
			if (!template_spend(run, 1) ||
				!value_map_put(template_run_arena(run), map, one->items[k].key,
					one->items[k].value)) {
				return builtin_fail_memory(run);
			}
		}
	}
	return true;
}

bool filter_chain(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter chain", arguments);
	builtin_subject(&reader);
	if (!template_reader_done(&reader, SIZE_MAX)) {
		return false;
	}
	bool are_maps = true;
	for (size_t i = 0; i < arguments->count; i++) {
		are_maps = are_maps && value_as_map(arguments->items[i], template_run_arena(run));
	}
	if (are_maps) {
		return chain_maps(run, arguments, out);
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; i < arguments->count; i++) {
		const struct value_list *one =
			value_iterate(arguments->items[i], template_run_arena(run));
		if (!one) {
			return builtin_fail(&reader, "%s is not iterable",
				value_kind_name(arguments->items[i]));
		}
		for (size_t k = 0; k < one->len; k++) {
			if (!template_spend(run, 1) || !builtin_push(run, list, one->items[k])) {
				return false;
			}
		}
	}
	return true;
}

#define ZIP_MAX 64

bool filter_zip(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	const struct value_list *lists[ZIP_MAX];
	template_reader_init(&reader, run, "filter zip", arguments);
	builtin_subject(&reader);
	if (!template_reader_done(&reader, ZIP_MAX)) {
		return false;
	}
	size_t shortest = SIZE_MAX;
	for (size_t i = 0; i < arguments->count; i++) {
		lists[i] = value_iterate(arguments->items[i], template_run_arena(run));
		if (!lists[i]) {
			return builtin_fail(&reader, "%s is not iterable",
				value_kind_name(arguments->items[i]));
		}
		shortest = lists[i]->len < shortest ? lists[i]->len : shortest;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t at = 0; at < shortest; at++) {
		struct value_list *tuple = value_list_new(template_run_arena(run));
		for (size_t i = 0; i < arguments->count; i++) {
			if (!template_spend(run, 1) ||
				!builtin_push(run, tuple, lists[i]->items[at])) {
				return false;
			}
		}
		struct value item = value_of_list(tuple);
		item.is_tuple = true;
		if (!builtin_push(run, list, item)) {
			return false;
		}
	}
	return true;
}

/* Stands in for undefined, none and empty text; 0, false and [] stay unless `boolean` says so. */
bool filter_default(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter default", arguments);
	struct value subject = template_take_required(&reader, 0, NULL);
	struct value otherwise = template_take(&reader, 1, "default_value");
	bool takes_all = template_take_bool(&reader, 2, "boolean", false);
	struct value plain = value_plain(subject, template_run_arena(run));
	bool is_empty = plain.type == VALUE_UNDEFINED || plain.type == VALUE_NONE ||
			(plain.type == VALUE_STRING && plain.string.len == 0);
	if (takes_all) {
		is_empty = !value_is_true(plain, template_run_arena(run));
	}
	if (otherwise.type == VALUE_UNDEFINED) {
		otherwise = value_string(SLICE(""));
	}
	*out = is_empty ? otherwise : subject;
	return template_reader_done(&reader, 3);
}
