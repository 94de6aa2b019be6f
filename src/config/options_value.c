/* options_value.c: values of options: from text and from JSON into a struct, and back. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "config/options_internal.h"

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct option_reader *reader, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice what = arena_vprintf(reader->problems->arena, format, args);
	va_end(args);
	problems_add(reader->problems, reader->place.line, reader->place.column, "`%s` %s",
		reader->label, what.data);
	reader->problems->items[reader->problems->len - 1].is_secret = reader->is_secret;
	return false;
}

static bool is_secret(enum option_type type) {
	return type == OPTION_SECRET || type == OPTION_SECRET_LIST || type == OPTION_SECRET_MAP;
}

/* ---- scalars ---- */

static bool parse_bool(struct slice text, bool *out) {
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"true", true},
		{"yes", true},
		{"on", true},
		{"1", true},
		{"false", false},
		{"no", false},
		{"off", false},
		{"0", false},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_ieq(text, slice_of(words[i].word))) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

bool option_parse_size(struct slice text, int64_t *bytes) {
	static const struct {
		const char *unit;
		int shift;
	} units[] = {
		{"KiB", 10},
		{"MiB", 20},
		{"GiB", 30},
		{"KB", 10},
		{"MB", 20},
		{"GB", 30},
		{"K", 10},
		{"M", 20},
		{"G", 30},
		{"B", 0},
	};
	int shift = 0;
	text = slice_trim(text);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct slice unit = slice_of(units[i].unit);
		if (text.len > unit.len && slice_ieq(slice_from(text, text.len - unit.len), unit)) {
			text = slice_trim(slice_sub(text, 0, text.len - unit.len));
			shift = units[i].shift;
			break;
		}
	}
	int64_t number;
	if (!slice_to_int64(text, &number) || number < 0 || number > INT64_MAX >> shift) {
		return false;
	}
	*bytes = number << shift;
	return true;
}

static int64_t unit_ms(const struct option_row *row) {
	return row->unit && strcmp(row->unit, "ms") == 0 ? 1 : 1000;
}

static const char *format_number(
	struct arena *arena, const struct option_row *row, int64_t number) {
	char text[CLOCK_TEXT_MAX];
	if (row->type == OPTION_DURATION) {
		clock_format_duration(number, text);
		return arena_strdup(arena, slice_of(text));
	}
	return arena_printf(arena, "%" PRId64, number).data;
}

static bool check_range(
	struct option_reader *reader, const struct option_row *row, int64_t number) {
	int64_t max = row->max ? row->max : INT64_MAX;
	if (number >= row->min && number <= max) {
		return true;
	}
	struct arena *arena = reader->problems->arena;
	const char *found = format_number(arena, row, number);
	if (row->max) {
		return refuse(reader, "must be from %s to %s, not %s",
			format_number(arena, row, row->min), format_number(arena, row, max), found);
	}
	return refuse(
		reader, "must be at least %s, not %s", format_number(arena, row, row->min), found);
}

static bool read_number(struct option_reader *reader, const struct option_row *row,
	struct slice text, int64_t *out) {
	int64_t number = 0;
	switch (row->type) {
	case OPTION_SIZE:
		if (!option_parse_size(text, &number)) {
			return refuse(reader, "must be a size such as 64KB or 50MB, not `%.*s`",
				SLICE_FMT(text));
		}
		break;
	case OPTION_DURATION:
		if (!clock_parse_duration(text, unit_ms(row), &number)) {
			return refuse(reader,
				"must be a duration such as 250ms, 30s or 1m30s, not `%.*s`",
				SLICE_FMT(text));
		}
		break;
	default:
		if (!slice_to_int64(text, &number)) {
			return refuse(
				reader, "must be a whole number, not `%.*s`", SLICE_FMT(text));
		}
	}
	if (!check_range(reader, row, number)) {
		return false;
	}
	*out = number;
	return true;
}

static bool read_enum(
	struct option_reader *reader, const struct option_row *row, struct slice text, int *out) {
	struct buf words;
	buf_init(&words, 0);
	for (int i = 0; row->values[i]; i++) {
		if (slice_ieq(text, slice_of(row->values[i]))) {
			*out = i;
			buf_finish(&words);
			return true;
		}
		buf_printf(&words, "%s%s", i ? ", " : "", row->values[i]);
	}
	refuse(reader, "must be one of %.*s, not `%.*s`", SLICE_FMT(buf_slice(&words)),
		SLICE_FMT(text));
	const char *nearest = problems_nearest(text, row->values);
	if (nearest) {
		problems_hint(reader->problems, "did you mean `%s`?", nearest);
	}
	buf_finish(&words);
	return false;
}

static bool read_string(struct option_reader *reader, const struct option_row *row,
	struct slice text, struct slice *out) {
	if (slice_find_byte(text, '\0') != SIZE_MAX) {
		return refuse(reader, "must not contain a zero byte");
	}
	if (row->type == OPTION_PATH) {
		text = slice_of(file_expand(reader->arena, text));
	}
	const char *wrong = row->check && text.len > 0 ? row->check(text) : NULL;
	if (wrong) {
		return refuse(reader, "%s", wrong);
	}
	*out = arena_dup(reader->arena, text);
	return true;
}

/* ---- lists and maps ---- */

static bool read_list_text(struct option_reader *reader, const struct option_row *row,
	struct slice text, struct option_strings *out) {
	struct option_strings list = {0};
	struct slice part;
	while (slice_split(&text, ',', &part)) {
		part = slice_trim(part);
		if (part.len > 0 &&
			!read_string(reader, row, part, ARENA_PUSH(reader->arena, &list))) {
			return false;
		}
	}
	*out = list;
	return true;
}

static bool expect_text(struct option_reader *reader, const struct json *value) {
	if (value->type == JSON_STRING) {
		return true;
	}
	refuse(reader, "must be a text, not %s %s", value->type == JSON_OBJECT ? "an" : "a",
		json_type_name(value));
	if (value->type == JSON_NUMBER || json_is_bool(value)) {
		problems_hint(reader->problems, "put it in quotes");
	}
	return false;
}

static void move_to(struct option_reader *reader, const struct json *value) {
	reader->place.line = value->line;
	reader->place.column = value->column;
}

static bool read_list_json(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_strings *out) {
	struct option_strings list = {0};
	if (value->type != JSON_ARRAY) {
		/* One text is a list of one. */
		if (!expect_text(reader, value) ||
			!read_string(reader, row, json_string(value, reader->arena),
				ARENA_PUSH(reader->arena, &list))) {
			return false;
		}
		*out = list;
		return true;
	}
	bool is_good = true;
	json_each (item, value) {
		move_to(reader, item);
		struct slice text;
		if (!expect_text(reader, item) ||
			!read_string(reader, row, json_string(item, reader->arena), &text)) {
			is_good = false;
		} else if (slice_trim(text).len == 0) {
			is_good = refuse(reader, "has an empty entry");
		} else {
			*ARENA_PUSH(reader->arena, &list) = text;
		}
	}
	*out = list;
	return is_good;
}

static void put_pair(struct option_reader *reader, struct option_map *map, struct slice key,
	struct slice value) {
	struct option_pair *pair = NULL;
	for (size_t i = 0; i < map->len; i++) {
		if (slice_eq(map->items[i].key, key)) {
			pair = &map->items[i];
		}
	}
	if (!pair) {
		pair = ARENA_PUSH(reader->arena, map);
	}
	*pair = (struct option_pair){.key = key, .value = value, .place = reader->place};
}

static bool read_pairs(struct option_reader *reader, const struct option_row *row,
	struct slice prefix, const struct json *object, struct option_map *map) {
	if (object->type != JSON_OBJECT) {
		return refuse(reader, "must be a mapping of names to texts, not a %s",
			json_type_name(object));
	}
	bool is_good = true;
	json_each (member, object) {
		struct slice key = arena_printf(reader->arena, "%.*s%.*s", SLICE_FMT(prefix),
			SLICE_FMT(json_key(member, reader->problems->arena)));
		const char *label = reader->label;
		move_to(reader, member);
		reader->label =
			arena_printf(reader->problems->arena, "%s.%.*s", row->key, SLICE_FMT(key))
				.data;
		struct slice text = {0};
		if (member->type == JSON_NULL) {
			/* a blank pair: dropped */
		} else if (row->type == OPTION_TREE && member->type == JSON_OBJECT) {
			struct slice below = arena_printf(reader->arena, "%.*s.", SLICE_FMT(key));
			is_good &= read_pairs(reader, row, below, member, map);
		} else if (!expect_text(reader, member) ||
			   !read_string(reader, row, json_string(member, reader->arena), &text)) {
			is_good = false;
		} else if (slice_trim(text).len > 0 && slice_trim(key).len > 0) {
			put_pair(reader, map, key, text);
		}
		reader->label = label;
	}
	return is_good;
}

/* Names and values of any kind; a null is a value too. */
static bool read_json_pairs(struct option_reader *reader, const struct option_row *row,
	const struct json *object, struct option_map *map) {
	if (object->type != JSON_OBJECT) {
		return refuse(reader, "must be a mapping of names to values, not %s %s",
			object->type == JSON_ARRAY ? "an" : "a", json_type_name(object));
	}
	bool is_good = true;
	json_each (member, object) {
		struct option_reader inner = *reader;
		struct slice key =
			arena_dup(reader->arena, json_key(member, reader->problems->arena));
		const char *problem = row->check ? row->check(key) : NULL;
		struct buf text;
		struct json_writer w;
		move_to(&inner, member);
		if (problem) {
			is_good = refuse(
				&inner, "has the name `%.*s`, which %s", SLICE_FMT(key), problem);
			continue;
		}
		buf_init(&text, 0);
		json_writer_init(&w, &text, false);
		json_write_tree(&w, member);
		put_pair(&inner, map, key, arena_dup(reader->arena, buf_slice(&text)));
		buf_finish(&text);
	}
	return is_good;
}

/* ---- lists of objects ---- */

static void check_item_key(struct option_reader *reader, const struct option_table *table,
	const struct json *member, struct slice name) {
	const char *candidates[64];
	size_t count = 0;
	for (size_t i = 0; i < table->row_count && count + 1 < 64; i++) {
		candidates[count++] = table->rows[i].key;
	}
	candidates[count] = NULL;
	uint32_t line, column;
	document_key_position(member, &line, &column);
	problems_add(reader->problems, line, column, "unknown key `%.*s` in `%s`", SLICE_FMT(name),
		reader->label);
	const char *nearest = problems_nearest(name, candidates);
	if (nearest) {
		problems_hint(reader->problems, "did you mean `%s`?", nearest);
	}
}

static bool read_item_members(struct option_reader *reader, const struct option_table *table,
	const struct json *object, void *target, bool *seen) {
	bool is_good = true;
	json_each (member, object) {
		struct slice name = json_key(member, reader->problems->arena);
		const struct option_row *row = option_table_find(table, name);
		if (!row) {
			check_item_key(reader, table, member, name);
			is_good = false;
			continue;
		}
		uint32_t line, column;
		document_key_position(member, &line, &column);
		size_t number = (size_t)(row - table->rows);
		struct option_reader inner = *reader;
		inner.label =
			arena_printf(reader->problems->arena, "%s.%s", reader->label, row->key)
				.data;
		move_to(&inner, member);
		if (seen[number]) {
			problems_add(
				reader->problems, line, column, "`%s` is given twice", inner.label);
			is_good = false;
		} else if (!option_has_value(row->type)) {
			problems_warn(reader->problems, line, column,
				"`%s` is not used by this version", inner.label);
		} else if (member->type != JSON_NULL) {
			seen[number] = true;
			is_good &= option_read_json(&inner, row, member, option_at(row, target));
		}
	}
	return is_good;
}

static bool read_item(struct option_reader *reader, const struct option_table *table,
	const struct json *item, void *target) {
	*(struct option_place *)target = reader->place;
	if (item->type == JSON_STRING && table->shorthand) {
		const struct option_row *row = option_table_find(table, slice_of(table->shorthand));
		return option_read_json(reader, row, item, option_at(row, target));
	}
	if (item->type != JSON_OBJECT) {
		return refuse(reader, "must be a mapping of keys to values, not a %s",
			json_type_name(item));
	}
	bool *seen = ARENA_ARRAY(reader->problems->arena, bool, table->row_count);
	bool is_good = read_item_members(reader, table, item, target, seen);
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		bool is_refused = !is_good && seen[i];
		if (row->is_required && !is_refused &&
			option_is_empty(row, option_at(row, target))) {
			is_good = refuse(reader, "needs `%s`", row->key);
		}
	}
	return is_good;
}

static bool read_objects(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_objects *out) {
	if (value->type != JSON_ARRAY) {
		return refuse(reader, "must be a list, not %s %s",
			value->type == JSON_OBJECT ? "an" : "a", json_type_name(value));
	}
	size_t size = row->nested->struct_size;
	char *items = arena_alloc(reader->arena, size * (value->count + (size_t)1));
	size_t count = 0;
	bool is_good = true;
	json_each (item, value) {
		struct option_reader inner = *reader;
		inner.label =
			arena_printf(reader->problems->arena, "%s[%zu]", reader->label, count).data;
		move_to(&inner, item);
		void *target = items + size * count++;
		option_read_defaults(reader->arena, row->nested, target);
		is_good &= read_item(&inner, row->nested, item, target);
	}
	*out = (struct option_objects){.items = items, .len = count, .cap = count + 1};
	return is_good;
}

/* ---- any type ---- */

bool option_read_text(
	struct option_reader *reader, const struct option_row *row, struct slice text, void *at) {
	switch (row->type) {
	case OPTION_BOOL:
		return parse_bool(text, at) ||
		       refuse(reader, "must be true or false, not `%.*s`", SLICE_FMT(text));
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return read_number(reader, row, text, at);
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		return read_string(reader, row, text, at);
	case OPTION_ENUM:
		return read_enum(reader, row, text, at);
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return read_list_text(reader, row, text, at);
	default:
		return refuse(reader, "can only be set in a configuration file");
	}
}

bool option_read_json(struct option_reader *reader, const struct option_row *row,
	const struct json *value, void *at) {
	bool is_text = value->type == JSON_STRING;
	reader->is_secret = is_secret(row->type);
	switch (row->type) {
	case OPTION_BOOL:
		if (json_bool(value, at)) {
			return true;
		}
		break;
	case OPTION_INT:
		if (value->type != JSON_NUMBER) {
			return refuse(reader, "must be a whole number, not %s %s",
				value->type == JSON_ARRAY || value->type == JSON_OBJECT ? "an"
											: "a",
				json_type_name(value));
		}
		is_text = true;
		break;
	case OPTION_SIZE:
	case OPTION_DURATION:
		is_text |= value->type == JSON_NUMBER;
		break;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return read_list_json(reader, row, value, at);
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
		return read_pairs(reader, row, SLICE(""), value, at);
	case OPTION_JSON_MAP:
		return read_json_pairs(reader, row, value, at);
	case OPTION_OBJECT_LIST:
		return read_objects(reader, row, value, at);
	case OPTION_LATER:
	case OPTION_IGNORED:
		return true;
	default:
		if (!expect_text(reader, value)) {
			return false;
		}
	}
	if (!is_text) {
		return refuse(reader, "%s, not %s %s",
			row->type == OPTION_BOOL       ? "must be true or false"
			: row->type == OPTION_DURATION ? "must be a duration such as 30s"
						       : "must be a size such as 50MB",
			value->type == JSON_ARRAY || value->type == JSON_OBJECT ? "an" : "a",
			json_type_name(value));
	}
	struct slice text =
		value->type == JSON_STRING ? json_string(value, reader->arena) : json_raw(value);
	return option_read_text(reader, row, text, at);
}

void option_read_defaults(struct arena *arena, const struct option_table *table, void *target) {
	struct problems problems;
	problems_init(&problems, arena, "default", (struct slice){0});
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		if (row->default_text && option_has_value(row->type)) {
			struct option_reader reader = {
				.arena = arena,
				.problems = &problems,
				.place = {.file = "default"},
				.label = row->key,
			};
			option_read_text(
				&reader, row, slice_of(row->default_text), option_at(row, target));
		}
	}
}

/* ---- out again ---- */

bool option_is_empty(const struct option_row *row, const void *at) {
	switch (row->type) {
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		return ((const struct slice *)at)->len == 0;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return ((const struct option_strings *)at)->len == 0;
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
	case OPTION_JSON_MAP:
		return ((const struct option_map *)at)->len == 0;
	case OPTION_OBJECT_LIST:
		return ((const struct option_objects *)at)->len == 0;
	case OPTION_LATER:
	case OPTION_IGNORED:
		return true;
	default:
		return false;
	}
}

static void write_text(struct json_writer *w, struct slice text, bool masked) {
	char shown[64];
	if (masked) {
		log_mask(text, shown, sizeof shown);
		json_write_cstr(w, text.len ? shown : "");
		return;
	}
	/* A URL may carry user:password@. */
	char *copy = strndup(text.data ? text.data : "", text.len);
	if (copy) {
		error_mask_secrets(copy);
	}
	json_write_cstr(w, copy ? copy : "");
	free(copy);
}

static void write_map(struct json_writer *w, const struct option_map *map, bool masked) {
	json_begin_object(w);
	for (size_t i = 0; i < map->len; i++) {
		json_write_key_slice(w, map->items[i].key);
		write_text(w, map->items[i].value, masked);
	}
	json_end_object(w);
}

static void write_json_map(struct json_writer *w, const struct option_map *map) {
	json_begin_object(w);
	for (size_t i = 0; i < map->len; i++) {
		json_write_key_slice(w, map->items[i].key);
		json_write_raw(w, map->items[i].value);
	}
	json_end_object(w);
}

static void write_objects(struct json_writer *w, const struct option_table *table,
	const struct option_objects *list) {
	json_begin_array(w);
	for (size_t i = 0; i < list->len; i++) {
		const char *target = (const char *)list->items + i * table->struct_size;
		json_begin_object(w);
		for (size_t r = 0; r < table->row_count; r++) {
			const struct option_row *row = &table->rows[r];
			if (!option_is_empty(row, target + row->offset)) {
				json_write_key(w, row->key);
				option_write_json(w, row, target + row->offset);
			}
		}
		json_end_object(w);
	}
	json_end_array(w);
}

void option_write_json(struct json_writer *w, const struct option_row *row, const void *at) {
	char text[CLOCK_TEXT_MAX];
	bool masked = is_secret(row->type);
	const struct option_strings *list = at;
	switch (row->type) {
	case OPTION_BOOL:
		json_write_bool(w, *(const bool *)at);
		break;
	case OPTION_INT:
	case OPTION_SIZE:
		json_write_int(w, *(const int64_t *)at);
		break;
	case OPTION_DURATION:
		clock_format_duration(*(const int64_t *)at, text);
		json_write_cstr(w, text);
		break;
	case OPTION_ENUM:
		json_write_cstr(w, row->values[*(const int *)at]);
		break;
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		write_text(w, *(const struct slice *)at, masked);
		break;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		json_begin_array(w);
		for (size_t i = 0; i < list->len; i++) {
			write_text(w, list->items[i], masked);
		}
		json_end_array(w);
		break;
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
		write_map(w, at, masked);
		break;
	case OPTION_JSON_MAP:
		write_json_map(w, at);
		break;
	case OPTION_OBJECT_LIST:
		write_objects(w, row->nested, at);
		break;
	case OPTION_LATER:
	case OPTION_IGNORED:
		json_write_null(w);
		break;
	}
}
