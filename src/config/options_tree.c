/* options_tree.c: values of options from the tree of a file: lists and maps of objects at any
 * depth. Maps of objects are read on top of what earlier layers left. */
#include "base/map.h"
#include "config/options_internal.h"

#define CANDIDATES_MAX 128 /* keys of a table that are compared */

/* ---- objects ---- */

/* What stands at this path was told already: it is not missing. */
static void mark_refused(const struct option_reader *reader) {
	option_record(reader);
	struct option_source *source =
		reader->origins ? map_get(reader->origins, slice_of(reader->label)) : NULL;
	if (source) {
		source->is_set = false;
	}
}

static void refuse_item_key(struct option_reader *reader, const struct option_table *table,
	const struct json *member, struct slice name) {
	const char *candidates[CANDIDATES_MAX];
	struct buf allowed;
	size_t count = 0;
	buf_init(&allowed, 0);
	for (size_t i = 0; i < table->row_count && count + 1 < CANDIDATES_MAX; i++) {
		const struct option_row *row = &table->rows[i];
		if (!option_is_name(row) && option_has_value(row->type)) {
			buf_printf(&allowed, "%s%s", count ? ", " : "", row->key);
			candidates[count++] = row->key;
		}
	}
	candidates[count] = NULL;
	uint32_t line, column;
	document_key_position(member, &line, &column);
	/* [backends.claude] as the file says it; `steps[0]` is our way to count. */
	bool is_counted = strchr(reader->label, '[') != NULL;
	problems_add(reader->problems, line, column, "unknown key `%.*s` in %s%s%s",
		SLICE_FMT(name), is_counted ? "`" : "[", reader->label, is_counted ? "`" : "]");
	const char *nearest = problems_nearest(name, candidates);
	if (nearest) {
		const struct option_row *row = option_table_find(table, slice_of(nearest));
		problems_hint(reader->problems, "did you mean `%s`?", nearest);
		/* What stands behind a misspelt api_key is one all the same. */
		reader->problems->items[reader->problems->len - 1].is_secret =
			option_is_secret(row->type);
		struct option_reader meant = *reader;
		meant.label =
			arena_printf(reader->problems->arena, "%s.%s", reader->label, nearest).data;
		mark_refused(&meant);
	} else {
		problems_hint(reader->problems, "allowed: %.*s", SLICE_FMT(buf_slice(&allowed)));
	}
	buf_finish(&allowed);
}

static bool read_member(struct option_reader *reader, const struct option_table *table,
	const struct option_row *row, const struct json *member, void *target, bool *seen) {
	uint32_t line, column;
	document_key_position(member, &line, &column);
	size_t number = (size_t)(row - table->rows);
	struct option_reader inner = *reader;
	inner.label = arena_printf(reader->problems->arena, "%s.%s", reader->label, row->key).data;
	option_move_to(&inner, member);
	if (seen[number]) {
		problems_add(reader->problems, line, column, "`%s` is given twice", inner.label);
		return false;
	}
	if (!option_has_value(row->type)) {
		problems_warn(reader->problems, line, column, "`%s` is not used by this version",
			inner.label);
		return true;
	}
	if (member->type == JSON_NULL) {
		return true;
	}
	seen[number] = true;
	option_record(&inner);
	bool is_good = option_read_json(&inner, row, member, option_at(row, target));
	if (!is_good) {
		mark_refused(&inner);
	}
	return is_good;
}

static bool read_members(struct option_reader *reader, const struct option_table *table,
	const struct json *object, void *target, bool *seen) {
	bool is_good = true;
	json_each (member, object) {
		struct slice name = json_key(member, reader->problems->arena);
		const struct option_row *row = option_table_find(table, name);
		if (!row) {
			refuse_item_key(reader, table, member, name);
			is_good = false;
		} else if (!row->appends) {
			is_good &= read_member(reader, table, row, member, target, seen);
		}
	}
	/* Wherever it stands, an addition comes behind what it adds to. */
	json_each (member, object) {
		const struct option_row *row =
			option_table_find(table, json_key(member, reader->problems->arena));
		if (row && row->appends) {
			is_good &= read_member(reader, table, row, member, target, seen);
		}
	}
	return is_good;
}

static bool takes_list(const struct option_row *row) {
	return row->type == OPTION_STRING_LIST || row->type == OPTION_SECRET_LIST ||
	       row->type == OPTION_COMMAND || row->type == OPTION_OBJECT_LIST;
}

/* An item: a mapping, or what its shorthand row takes. */
static bool read_item(struct option_reader *reader, const struct option_table *table,
	const struct json *item, void *target) {
	const struct option_row *brief =
		table->shorthand ? option_table_find(table, slice_of(table->shorthand)) : NULL;
	if (brief &&
		(item->type == JSON_STRING || (item->type == JSON_ARRAY && takes_list(brief)))) {
		option_record(reader);
		return option_read_json(reader, brief, item, option_at(brief, target));
	}
	if (item->type != JSON_OBJECT) {
		return option_refuse(reader, "must be a mapping of keys to values, not %s",
			option_found(reader, item));
	}
	bool *seen = ARENA_ARRAY(reader->problems->arena, bool, table->row_count);
	bool is_good = read_members(reader, table, item, target, seen);
	for (size_t i = 0; i < table->row_count && !reader->is_layered; i++) {
		const struct option_row *row = &table->rows[i];
		bool is_refused = !is_good && seen[i];
		if (row->is_required && !is_refused &&
			option_is_empty(row, option_at(row, target))) {
			is_good = option_refuse(reader, "needs `%s`", row->key);
		}
	}
	return is_good;
}

static bool read_objects(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_objects *out) {
	if (value->type != JSON_ARRAY) {
		return option_refuse(reader, "must be a list, not %s", option_found(reader, value));
	}
	size_t size = row->nested->struct_size;
	char *items = arena_alloc(reader->arena, size * (value->count + (size_t)1));
	size_t count = 0;
	bool is_good = true;
	json_each (item, value) {
		struct option_reader inner = *reader;
		inner.is_layered = false;
		inner.label =
			arena_printf(reader->problems->arena, "%s[%zu]", reader->label, count).data;
		option_move_to(&inner, item);
		void *target = items + size * count++;
		option_read_defaults(reader->arena, row->nested, target);
		*(struct option_place *)target = inner.place;
		is_good &= read_item(&inner, row->nested, item, target);
	}
	*out = (struct option_objects){.items = items, .len = count, .cap = count + 1};
	return is_good;
}

/* ---- objects by name ---- */

static const struct option_row *name_row(const struct option_table *table) {
	for (size_t i = 0; i < table->row_count; i++) {
		if (option_is_name(&table->rows[i])) {
			return &table->rows[i];
		}
	}
	return NULL;
}

struct slice option_name_of(const struct option_table *nested, const void *item) {
	const struct option_row *row = name_row(nested);
	return row ? *(const struct slice *)((const char *)item + row->offset) : (struct slice){0};
}

/* One layer of a map of objects. Items of earlier layers keep their order behind the new ones. */
struct named {
	struct option_reader *reader;
	const struct option_row *row;
	char *items;
	size_t len;        /* filled, of the new ones */
	struct map places; /* name -> its item */
	struct map seen;   /* names of this layer */
};

static struct slice member_name(const struct named *named, const struct json *member) {
	struct arena *arena = named->reader->arena;
	return member->key ? json_key(member, arena) : json_string(member, arena);
}

/* Makes room, and finds the items of earlier layers their new place. */
static void named_begin(struct named *named, const struct json *value, struct option_objects *out) {
	const struct option_table *table = named->row->nested;
	size_t size = table->struct_size, added = 0;
	map_init(&named->places);
	map_init(&named->seen);
	for (size_t i = 0; i < out->len; i++) {
		char *item = (char *)out->items + i * size;
		map_put(&named->places, option_name_of(table, item), item);
	}
	json_each (member, value) {
		struct slice name = member_name(named, member);
		bool is_new = !map_get(&named->places, name) && !map_get(&named->seen, name);
		added += is_new;
		if (is_new) {
			map_put(&named->seen, name, named);
		}
	}
	named->items = arena_alloc(named->reader->arena, size * (added + out->len + 1));
	if (out->len > 0) {
		memcpy(named->items + added * size, out->items, out->len * size);
	}
	for (size_t i = 0; i < out->len; i++) {
		char *item = named->items + (added + i) * size;
		map_put(&named->places, option_name_of(table, item), item);
	}
	map_finish(&named->seen, NULL);
	map_init(&named->seen);
	*out = (struct option_objects){
		.items = named->items, .len = added + out->len, .cap = added + out->len + 1};
}

static void *named_item(struct named *named, struct slice name) {
	const struct option_table *table = named->row->nested;
	char *item = map_get(&named->places, name);
	if (!item) {
		item = named->items + named->len++ * table->struct_size;
		option_read_defaults(named->reader->arena, table, item);
		const struct option_row *row = name_row(table);
		if (row) {
			*(struct slice *)option_at(row, item) =
				arena_dup(named->reader->arena, name);
		}
		map_put(&named->places, name, item);
	}
	return item;
}

static bool read_named_member(struct named *named, const struct json *member) {
	const struct option_table *table = named->row->nested;
	const struct option_row *key = name_row(table);
	struct slice name = member_name(named, member);
	struct option_reader inner = *named->reader;
	uint32_t line, column;
	document_key_position(member, &line, &column);
	inner.place.line = line;
	inner.place.column = column;
	inner.label = option_path_join(inner.problems->arena, named->reader->label, name).data;
	void *item = named_item(named, name);
	*(struct option_place *)item = inner.place;
	if (map_put(&named->seen, name, item)) {
		return option_refuse(&inner, "is given twice");
	}
	const char *wrong = name.len == 0       ? "is empty"
			    : key && key->check ? key->check(name)
						: NULL;
	if (wrong) {
		struct option_reader outer = inner;
		outer.label = named->reader->label;
		option_refuse(&outer, "has the name `%.*s`, which %s", SLICE_FMT(name), wrong);
	}
	option_record(&inner);
	if (!member->key) { /* of a plain list of names */
		*(bool *)option_at(option_table_find(table, slice_of(table->listed)), item) = true;
		return !wrong;
	}
	/* Problems of the value as such are told where it stands. */
	if (member->type != JSON_OBJECT) {
		option_move_to(&inner, member);
	}
	bool is_good = member->type == JSON_NULL || read_item(&inner, table, member, item);
	if (!is_good && member->type != JSON_OBJECT) {
		mark_refused(&inner);
	}
	return is_good && !wrong;
}

static bool read_named(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_objects *out) {
	bool is_listed = value->type == JSON_ARRAY && row->nested->listed;
	if (value->type != JSON_OBJECT && !is_listed) {
		return option_refuse(reader, "must be a mapping of names to tables, not %s",
			option_found(reader, value));
	}
	bool is_good = true;
	json_each (item, value) {
		struct option_reader inner = *reader;
		option_move_to(&inner, item);
		is_good &= !is_listed || option_expect_text(&inner, item);
	}
	if (!is_good) {
		return false;
	}
	struct named named = {.reader = reader, .row = row};
	named_begin(&named, value, out);
	json_each (member, value) {
		is_good &= read_named_member(&named, member);
	}
	map_finish(&named.places, NULL);
	map_finish(&named.seen, NULL);
	return is_good;
}

/* ---- texts with their source ---- */

static bool read_source(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_text *out) {
	struct slice text;
	if (!option_expect_text(reader, value) ||
		!option_read_string(reader, row, json_string(value, reader->arena), &text)) {
		return false;
	}
	*out = (struct option_text){.text = text, .place = reader->place, .node = value};
	return true;
}

static bool read_command(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_command *out) {
	*out = (struct option_command){0};
	if (value->type != JSON_ARRAY) {
		return read_source(reader, row, value, &out->text);
	}
	bool is_good = true;
	arena_grow(reader->arena, (void **)&out->list.items, &out->list.cap,
		value->count + (size_t)1, sizeof *out->list.items);
	json_each (item, value) {
		struct option_reader inner = *reader;
		option_move_to(&inner, item);
		is_good &= read_source(&inner, row, item, ARENA_PUSH(reader->arena, &out->list));
	}
	return is_good;
}

/* ---- any type ---- */

/* What a scalar must be, where text is not it. */
static const char *scalar_wish(enum option_type type) {
	return type == OPTION_BOOL       ? "true or false"
	       : type == OPTION_DURATION ? "a duration such as 30s"
	       : type == OPTION_SIZE     ? "a size such as 50MB"
	       : type == OPTION_NUMBER   ? "a number"
					 : "a whole number";
}

static bool read_scalar(struct option_reader *reader, const struct option_row *row,
	const struct json *value, void *at) {
	bool is_text = value->type == JSON_STRING && !document_is_date(value),
	     is_number = value->type == JSON_NUMBER;
	bool is_good = false;
	switch (row->type) {
	case OPTION_BOOL:
		if (json_bool(value, at)) {
			return true;
		}
		is_good = is_text;
		break;
	case OPTION_INT:
	case OPTION_NUMBER:
		is_good = is_number;
		break;
	case OPTION_SIZE:
	case OPTION_DURATION:
		is_good = is_text || is_number;
		break;
	case OPTION_ENUM:
		is_good = json_is_bool(value) || option_expect_text(reader, value);
		if (!is_good) {
			return false;
		}
		break;
	default:
		if (!option_expect_text(reader, value)) {
			return false;
		}
		is_good = true;
	}
	if (!is_good) {
		return option_refuse(reader, "must be %s, not %s", scalar_wish(row->type),
			option_found(reader, value));
	}
	struct slice text = is_text ? json_string(value, reader->arena) : json_raw(value);
	return option_read_text(reader, row, text, at);
}

bool option_read_json(struct option_reader *reader, const struct option_row *row,
	const struct json *value, void *at) {
	reader->is_secret = option_is_secret(row->type);
	switch (row->type) {
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return option_read_list(reader, row, value, at);
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
		return option_read_map(reader, row, value, at);
	case OPTION_JSON_MAP:
		return option_read_json_pairs(reader, row, value, at);
	case OPTION_OBJECT_LIST:
		return read_objects(reader, row, value, at);
	case OPTION_OBJECT_MAP:
		return read_named(reader, row, value, at);
	case OPTION_JSON:
		*(const struct json **)at = value;
		return true;
	case OPTION_TEXT:
		return read_source(reader, row, value, at);
	case OPTION_COMMAND:
		return read_command(reader, row, value, at);
	case OPTION_LATER:
	case OPTION_IGNORED:
		return true;
	default:
		return read_scalar(reader, row, value, at);
	}
}
