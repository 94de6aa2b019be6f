/* options_texts.c: lists and maps of texts from the tree of a file, and what their readers share
 * with options_tree.c. */
#include "base/encoding.h"
#include "base/map.h"
#include "config/options_internal.h"

#define FOUND_MAX 48 /* bytes of a found value that a message repeats */

/* What stands there instead of what should: "a number (5)"; a secret's value is left out. */
const char *option_found(const struct option_reader *reader, const struct json *value) {
	struct arena *arena = reader->problems->arena;
	const char *article = value->type == JSON_ARRAY || value->type == JSON_OBJECT ? "an" : "a";
	const char *type = document_is_date(value) ? "date" : json_type_name(value);
	bool is_scalar = value->type == JSON_STRING || value->type == JSON_NUMBER;
	if (!is_scalar || reader->is_secret) {
		return arena_printf(arena, "%s %s", article, type).data;
	}
	struct slice text =
		value->type == JSON_STRING ? json_string(value, arena) : json_raw(value);
	bool is_cut = text.len > FOUND_MAX;
	if (is_cut) {
		text = slice_sub(text, 0, FOUND_MAX);
		text.len = utf8_whole_prefix(text);
	}
	return arena_printf(
		arena, "%s %s (`%.*s%s`)", article, type, SLICE_FMT(text), is_cut ? "..." : "")
		.data;
}

bool option_expect_text(struct option_reader *reader, const struct json *value) {
	if (value->type == JSON_STRING && !document_is_date(value)) {
		return true;
	}
	option_refuse(reader, "must be a text, not %s", option_found(reader, value));
	if (value->type == JSON_NUMBER || json_is_bool(value) || document_is_date(value)) {
		problems_hint(reader->problems, "put it in quotes");
	}
	return false;
}

void option_move_to(struct option_reader *reader, const struct json *value) {
	reader->place.line = value->line;
	reader->place.column = value->column;
}

struct slice option_path_join(struct arena *arena, const char *path, struct slice name) {
	bool is_bare = name.len > 0;
	for (size_t i = 0; i < name.len; i++) {
		char byte = name.data[i];
		is_bare &= (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
			   (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
	}
	const char *quote = is_bare ? "" : "\"";
	return arena_printf(arena, "%s.%s%.*s%s", path, quote, SLICE_FMT(name), quote);
}

void option_record(const struct option_reader *reader) {
	if (!reader->origins) {
		return;
	}
	struct slice path = slice_of(reader->label);
	struct option_source *source = map_get(reader->origins, path);
	if (!source) {
		source = ARENA_NEW(reader->arena, struct option_source);
		map_put(reader->origins, path, source);
	}
	*source = (struct option_source){.place = reader->place, .is_set = true};
}

/* ---- lists ---- */

static void push_text(
	struct option_reader *reader, struct option_strings *list, struct slice text) {
	size_t cap = list->cap;
	*ARENA_PUSH(reader->arena, list) = text;
	if (list->cap != cap || !list->places) {
		struct option_place *places =
			ARENA_ARRAY(reader->arena, struct option_place, list->cap);
		for (size_t i = 0; list->places && i + 1 < list->len; i++) {
			places[i] = list->places[i];
		}
		list->places = places;
	}
	list->places[list->len - 1] = reader->place;
}

static bool read_list_item(struct option_reader *reader, const struct option_row *row,
	const struct json *item, struct option_strings *list) {
	struct slice text;
	option_move_to(reader, item);
	if (!option_expect_text(reader, item) ||
		!option_read_string(reader, row, json_string(item, reader->arena), &text)) {
		return false;
	}
	if (slice_trim(text).len == 0 && !row->keeps_empty) {
		return option_refuse(reader, "has an empty entry");
	}
	push_text(reader, list, text);
	return true;
}

bool option_read_list(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_strings *out) {
	struct option_strings list = {0};
	bool is_good = true;
	if (row->appends) {
		for (size_t i = 0; i < out->len; i++) {
			struct option_reader earlier = *reader;
			earlier.place = out->places ? out->places[i] : reader->place;
			push_text(&earlier, &list, out->items[i]);
		}
	}
	if (value->type != JSON_ARRAY) {
		/* One text is a list of one. */
		is_good = read_list_item(reader, row, value, &list);
	} else {
		json_each (item, value) {
			struct option_reader inner = *reader;
			is_good &= read_list_item(&inner, row, item, &list);
		}
	}
	if (!list.items) {
		arena_grow(reader->arena, (void **)&list.items, &list.cap, 1, sizeof *list.items);
	}
	*out = list;
	return is_good;
}

/* ---- maps ---- */

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

/* One name and its text. `reader` stands at the text and is called by its path. */
static bool read_pair(struct option_reader *reader, const struct option_row *row, struct slice key,
	const struct json *value, struct option_map *map) {
	struct slice text;
	if (!option_expect_text(reader, value) ||
		!option_read_string(reader, row, json_string(value, reader->arena), &text)) {
		return false;
	}
	if (slice_trim(key).len == 0) {
		return !row->keeps_empty || option_refuse(reader, "has an empty name");
	}
	if (slice_trim(text).len > 0 || row->keeps_empty) {
		put_pair(reader, map, key, text);
		option_record(reader);
	}
	return true;
}

/* Names are looked up one by one. */
static bool is_too_long(struct option_reader *reader, const struct json *value) {
	return value->count > OPTION_PAIRS_MAX &&
	       !option_refuse(reader, "has more than %d names", OPTION_PAIRS_MAX);
}

static bool read_pairs(struct option_reader *reader, const struct option_row *row,
	struct slice prefix, const struct json *object, struct option_map *map) {
	bool is_good = true;
	if (is_too_long(reader, object)) {
		return false;
	}
	json_each (member, object) {
		struct slice name = json_key(member, reader->problems->arena);
		struct slice key =
			arena_printf(reader->arena, "%.*s%.*s", SLICE_FMT(prefix), SLICE_FMT(name));
		struct option_reader inner = *reader;
		inner.label = option_path_join(reader->problems->arena, reader->label, name).data;
		option_move_to(&inner, member);
		if (member->type == JSON_NULL) {
			/* a blank pair: dropped */
		} else if (row->type == OPTION_TREE && member->type == JSON_OBJECT) {
			struct slice below = arena_printf(reader->arena, "%.*s.", SLICE_FMT(key));
			is_good &= read_pairs(&inner, row, below, member, map);
		} else {
			is_good &= read_pair(&inner, row, key, member, map);
		}
	}
	return is_good;
}

/* [["NAME", "text"], ...]: a list, so it replaces. */
static bool read_pair_list(struct option_reader *reader, const struct option_row *row,
	const struct json *list, struct option_map *map) {
	bool is_good = true;
	*map = (struct option_map){0};
	if (is_too_long(reader, list)) {
		return false;
	}
	json_each (item, list) {
		struct option_reader inner = *reader;
		const struct json *name = json_item(item, 0), *value = json_item(item, 1);
		option_move_to(&inner, item);
		if (item->count != 2 || !json_is(name, JSON_STRING)) {
			is_good = option_refuse(&inner,
				"must be a mapping of names to texts, or [name, text] pairs");
			continue;
		}
		struct slice key = arena_dup(reader->arena, json_string(name, reader->arena));
		inner.label = option_path_join(reader->problems->arena, reader->label, key).data;
		option_move_to(&inner, value);
		is_good &= read_pair(&inner, row, key, value, map);
	}
	return is_good;
}

bool option_read_map(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_map *map) {
	bool is_good = false;
	if (value->type == JSON_OBJECT) {
		is_good = read_pairs(reader, row, SLICE(""), value, map);
	} else if (value->type == JSON_ARRAY && row->type != OPTION_TREE) {
		is_good = read_pair_list(reader, row, value, map);
	} else {
		return option_refuse(reader, "must be a mapping of names to texts, not %s",
			option_found(reader, value));
	}
	if (!map->items) {
		arena_grow(reader->arena, (void **)&map->items, &map->cap, 1, sizeof *map->items);
	}
	return is_good;
}

/* Names and values of any kind; a null is a value too. */
bool option_read_json_pairs(struct option_reader *reader, const struct option_row *row,
	const struct json *object, struct option_map *map) {
	if (object->type != JSON_OBJECT) {
		return option_refuse(reader, "must be a mapping of names to values, not %s",
			option_found(reader, object));
	}
	bool is_good = true;
	if (is_too_long(reader, object)) {
		return false;
	}
	json_each (member, object) {
		struct option_reader inner = *reader;
		struct slice key =
			arena_dup(reader->arena, json_key(member, reader->problems->arena));
		const char *problem = row->check ? row->check(key) : NULL;
		struct buf text;
		struct json_writer w;
		option_move_to(&inner, member);
		if (problem) {
			is_good = option_refuse(
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
