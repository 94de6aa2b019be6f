/* filters_data.c: maps, JSON, paths into values, regular expressions (workflows.md 6.4). */
#include "data/json.h"
#include "data/regex.h"
#include "template/builtins.h"

/* ---- maps ---- */

enum map_part {
	MAP_PAIRS,
	MAP_ENTRIES,
	MAP_KEYS,
	MAP_VALUES
};

static struct value part_of(
	struct template_run *run, enum map_part part, const struct value_pair *pair) {
	struct arena *arena = template_run_arena(run);
	if (part == MAP_KEYS || part == MAP_VALUES) {
		return part == MAP_KEYS ? pair->key : pair->value;
	}
	if (part == MAP_ENTRIES) {
		struct value_map *entry = value_map_new(arena);
		bool is_ok = value_map_put_named(arena, entry, "key", pair->key) &&
			     value_map_put_named(arena, entry, "value", pair->value);
		return is_ok ? value_of_map(entry) : value_undefined();
	}
	struct value_list *list = value_list_new(arena);
	bool is_ok = value_list_push(arena, list, pair->key) &&
		     value_list_push(arena, list, pair->value);
	return is_ok ? value_of_list(list) : value_undefined();
}

static bool map_parts(struct template_run *run, const struct value_arguments *arguments,
	const char *what, enum map_part part, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	struct value subject = builtin_subject(&reader);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	const struct value_map *map = value_as_map(subject, template_run_arena(run));
	if (!map) {
		return builtin_fail(&reader, "%s is not a map", value_kind_name(subject));
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	for (size_t i = 0; i < map->len; i++) {
		if (!template_spend(run, 1) ||
			!builtin_push(run, list, part_of(run, part, &map->items[i]))) {
			return false;
		}
	}
	return true;
}

bool filter_items(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_parts(run, arguments, "filter items", MAP_PAIRS, out);
}

bool filter_to_entries(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_parts(run, arguments, "filter to_entries", MAP_ENTRIES, out);
}

bool filter_keys(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_parts(run, arguments, "method keys", MAP_KEYS, out);
}

bool filter_values(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_parts(run, arguments, "method values", MAP_VALUES, out);
}

/* ---- JSON ---- */

/* The number of blanks a level, or true for two. */
static size_t take_indent(struct template_reader *reader) {
	struct value given = value_undefined();
	if (reader->arguments->count > 1) {
		given = reader->arguments->items[1];
	} else if (reader->arguments->named) {
		given = value_map_get_named(reader->arguments->named, "indent");
	}
	if (given.type == VALUE_BOOL) {
		return template_take_bool(reader, 1, "indent", false) ? 2 : 0;
	}
	return builtin_take_count(reader, 1, "indent", 0, 0);
}

bool filter_json(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	struct error error;
	template_reader_init(&reader, run, "filter json", arguments);
	struct value subject = template_take_required(&reader, 0, NULL);
	size_t indent = take_indent(&reader);
	if (!template_reader_done(&reader, 2) || !template_spend(run, value_weight(subject))) {
		return false;
	}
	if (indent > 16) {
		return builtin_fail(&reader, "`indent` must be at most 16");
	}
	builtin_buf(run, &text);
	error_set(&error, ERROR_NONE, "%s", "");
	bool is_ok =
		value_to_json(subject, template_run_arena(run), (unsigned)indent, &text, &error);
	if (!is_ok && !text.failed) {
		buf_finish(&text);
		return template_fail(
			run, TEMPLATE_ERROR_BAD_SERIALIZATION, "filter json: %s", error.message);
	}
	return builtin_return_text(run, &text, out);
}

bool filter_fromjson(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct error error;
	template_reader_init(&reader, run, "filter fromjson", arguments);
	struct slice text = builtin_subject_text(&reader);
	if (!template_reader_done(&reader, 1) || !template_spend(run, text.len / 8)) {
		return false;
	}
	struct json *json = json_parse(template_run_arena(run), text, NULL, &error);
	if (!json) {
		return builtin_fail(&reader, "%s", error.message);
	}
	*out = value_from_json(template_run_arena(run), json);
	return out->type != VALUE_UNDEFINED || builtin_fail_memory(run);
}

/* ---- jsonpath: $ .name ['name'] [0] [-1] [*] .* ..name ---- */

struct path {
	struct template_reader *reader;
	struct slice rest;
	bool has_many; /* a wildcard or `..`: the result is a list */
};

static bool fail_path(struct path *path, const char *why) {
	return builtin_fail(path->reader, "%s at `%.*s` of the path", why,
		SLICE_FMT(slice_sub(path->rest, 0, 40)));
}

static bool push_children(struct path *path, struct value value, struct value_list *to) {
	struct template_run *run = path->reader->run;
	const struct value_map *map = value_as_map(value, template_run_arena(run));
	value = value_plain(value, template_run_arena(run));
	size_t count = map ? map->len : value.type == VALUE_LIST ? value.list->len : 0;
	for (size_t i = 0; i < count; i++) {
		if (!template_spend(run, 1) ||
			!builtin_push(run, to, map ? map->items[i].value : value.list->items[i])) {
			return false;
		}
	}
	return true;
}

/* The values themselves and all below them. */
static bool descend(struct path *path, struct value_list *values) {
	for (size_t i = 0; i < values->len; i++) {
		if (!push_children(path, values->items[i], values)) {
			return false;
		}
	}
	return true;
}

static bool push_member(
	struct path *path, const struct value_list *from, struct value key, struct value_list *to) {
	struct template_run *run = path->reader->run;
	for (size_t i = 0; i < from->len; i++) {
		struct value plain = value_plain(from->items[i], template_run_arena(run));
		bool may_have = plain.type != VALUE_STRING;
		struct value found =
			may_have ? value_get(from->items[i], template_run_arena(run), key)
				 : value_undefined();
		if (!template_spend(run, 1) ||
			(found.type != VALUE_UNDEFINED && !builtin_push(run, to, found))) {
			return false;
		}
	}
	return true;
}

static bool path_member(struct path *path, const struct value_list *from, struct value_list *to) {
	struct slice rest = path->rest;
	if (slice_starts_with(rest, SLICE("*"))) {
		path->rest = slice_from(rest, 1);
		path->has_many = true;
		for (size_t i = 0; i < from->len; i++) {
			if (!push_children(path, from->items[i], to)) {
				return false;
			}
		}
		return true;
	}
	size_t len = 0;
	while (len < rest.len && rest.data[len] != '.' && rest.data[len] != '[') {
		len++;
	}
	if (len == 0) {
		return fail_path(path, "a name is missing");
	}
	path->rest = slice_from(rest, len);
	return push_member(path, from, value_string(slice_sub(rest, 0, len)), to);
}

static bool path_bracket(struct path *path, const struct value_list *from, struct value_list *to) {
	struct slice rest = slice_from(path->rest, 1);
	char quote = rest.len > 0 ? rest.data[0] : 0;
	int64_t number;
	if (quote == '\'' || quote == '"') {
		size_t end = slice_find_byte(slice_from(rest, 1), quote);
		struct slice name = slice_sub(rest, 1, end);
		if (end == SIZE_MAX || !slice_starts_with(slice_from(rest, end + 2), SLICE("]"))) {
			return fail_path(path, "a quote or `]` is missing");
		}
		path->rest = slice_from(rest, end + 3);
		return push_member(path, from, value_string(name), to);
	}
	size_t end = slice_find_byte(rest, ']');
	struct slice inside = slice_sub(rest, 0, end);
	if (end != SIZE_MAX && slice_is(inside, "*")) {
		path->rest = inside;
		bool is_ok = path_member(path, from, to);
		path->rest = slice_from(rest, end + 1);
		return is_ok;
	}
	if (end == SIZE_MAX || !slice_to_int64(inside, &number)) {
		return fail_path(path, "a number, a quoted name or `*` is missing");
	}
	path->rest = slice_from(rest, end + 1);
	return push_member(path, from, value_int(number), to);
}

static bool path_step(struct path *path, struct value_list *from, struct value_list *to) {
	if (slice_starts_with(path->rest, SLICE("["))) {
		return path_bracket(path, from, to);
	}
	if (slice_starts_with(path->rest, SLICE(".."))) {
		path->rest = slice_from(path->rest, 2);
		path->has_many = true;
		if (!descend(path, from)) {
			return false;
		}
		return slice_starts_with(path->rest, SLICE("[")) ? path_bracket(path, from, to)
								 : path_member(path, from, to);
	}
	path->rest = slice_from(path->rest, slice_starts_with(path->rest, SLICE(".")) ? 1 : 0);
	return path_member(path, from, to);
}

bool filter_jsonpath(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter jsonpath", arguments);
	struct value subject = builtin_subject(&reader);
	builtin_require(&reader, 1, "path");
	struct path path = {.reader = &reader};
	path.rest = template_take_text(&reader, 1, "path", SLICE(""));
	struct value_list *values = value_list_new(template_run_arena(run));
	if (!template_reader_done(&reader, 2) || !builtin_push(run, values, subject)) {
		return false;
	}
	path.rest = slice_from(path.rest, slice_starts_with(path.rest, SLICE("$")) ? 1 : 0);
	while (path.rest.len > 0) {
		struct value_list *next = value_list_new(template_run_arena(run));
		if (!path_step(&path, values, next)) {
			return false;
		}
		values = next;
	}
	*out = path.has_many     ? value_of_list(values)
	       : values->len > 0 ? values->items[0]
				 : value_undefined();
	return true;
}

/* ---- regular expressions ---- */

static const struct regex *take_regex(struct template_reader *reader, size_t index) {
	struct error error;
	builtin_require(reader, index, "pattern");
	struct slice pattern = template_take_text(reader, index, "pattern", SLICE(""));
	const struct regex *regex =
		reader->has_failed
			? NULL
			: regex_compile(template_run_arena(reader->run), pattern, &error);
	if (!regex && !reader->has_failed) {
		builtin_fail(reader, "%s", error.message);
	}
	return regex;
}

#define TOO_EXPENSIVE "the pattern is too expensive for this text"

bool filter_regex_replace(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter regex_replace", arguments);
	struct slice subject = builtin_subject_text(&reader);
	const struct regex *regex = take_regex(&reader, 1);
	builtin_require(&reader, 2, "replacement");
	struct slice with = template_take_text(&reader, 2, "replacement", SLICE(""));
	size_t count = builtin_take_count(&reader, 3, "count", 0, 0);
	if (!template_reader_done(&reader, 4) || !template_spend(run, subject.len / 8)) {
		return false;
	}
	builtin_buf(run, &text);
	if (regex_replace(regex, subject, with, count, &text) == REGEX_LIMIT && !text.failed) {
		buf_finish(&text);
		return builtin_fail(&reader, TOO_EXPENSIVE);
	}
	return builtin_return_text(run, &text, out);
}

/* The match, or one of its groups; undefined (which prints as nothing) when there is none. */
bool filter_regex_search(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct regex_match match = {.count = 0};
	template_reader_init(&reader, run, "filter regex_search", arguments);
	struct slice subject = builtin_subject_text(&reader);
	const struct regex *regex = take_regex(&reader, 1);
	size_t group = builtin_take_count(&reader, 2, "group", 0, 0);
	if (!template_reader_done(&reader, 3) || !template_spend(run, subject.len / 8)) {
		return false;
	}
	enum regex_result result = regex_search(regex, subject, 0, &match);
	if (result == REGEX_LIMIT) {
		return builtin_fail(&reader, TOO_EXPENSIVE);
	}
	*out = value_undefined();
	out->is_silent = true;
	if (result == REGEX_MATCH && group < match.count && match.groups[group].data) {
		*out = value_string(match.groups[group]);
	}
	return true;
}
