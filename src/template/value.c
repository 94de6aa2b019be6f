/* value.c: lists, access by key, iteration, and values of JSON trees. */
#include "template/value.h"

#include "base/encoding.h"

struct value_list *value_list_new(struct arena *arena) {
	struct value_list *list = ARENA_NEW(arena, struct value_list);
	list->depth = 1;
	return list;
}

uint64_t value_weight(struct value value) {
	switch (value.type) {
	case VALUE_LIST:
		return value.list->weight + 1;
	case VALUE_MAP:
		return value.map->weight + 1;
	case VALUE_STRING:
		return 1 + value.string.len / 256;
	default:
		return 1;
	}
}

bool value_list_push(struct arena *arena, struct value_list *list, struct value item) {
	uint32_t depth = item.type == VALUE_LIST  ? item.list->depth
			 : item.type == VALUE_MAP ? item.map->depth
						  : 0;
	uint64_t weight = list->weight + value_weight(item);
	if (depth >= VALUE_MAX_DEPTH || weight > VALUE_MAX_WEIGHT) {
		return false;
	}
	if (list->len == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 4;
		struct value *items = arena_try_alloc(arena, cap * sizeof *items);
		if (items == NULL) {
			return false;
		}
		if (list->len > 0) {
			memcpy(items, list->items, list->len * sizeof *items);
		}
		list->items = items;
		list->cap = cap;
	}
	list->items[list->len++] = item;
	list->depth = depth + 1 > list->depth ? depth + 1 : list->depth;
	list->weight = (uint32_t)weight;
	return true;
}

/* ---- asking ---- */

struct value value_plain(struct value value, struct arena *arena) {
	if (value.type == VALUE_OBJECT && value.object->kind->plain != NULL && arena != NULL) {
		return value.object->kind->plain(value.object, arena);
	}
	return value;
}

bool value_is_true(struct value value, struct arena *arena) {
	value = value_plain(value, arena);
	switch ((enum value_type)value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		return false;
	case VALUE_BOOL:
		return value.boolean;
	case VALUE_INT:
		return value.integer != 0;
	case VALUE_FLOAT:
		return value.number < 0 || value.number > 0 || value.number != value.number;
	case VALUE_STRING:
		return value.string.len > 0;
	case VALUE_LIST:
		return value.list->len > 0;
	case VALUE_MAP:
		return value.map->len > 0;
	case VALUE_OBJECT:
		return true;
	}
	return false;
}

/* The number of an item from a key: whole numbers, negative ones from the end. */
static bool item_number(struct value key, size_t len, size_t *number) {
	int64_t at = 0;
	if (key.type == VALUE_INT) {
		at = key.integer;
	} else if (key.type == VALUE_FLOAT && key.number >= -1e15 && key.number <= 1e15) {
		at = (int64_t)key.number;
		if ((double)at < key.number || (double)at > key.number) {
			return false;
		}
	} else {
		return false;
	}
	if (at < 0) {
		at += (int64_t)len;
	}
	*number = (size_t)at;
	return at >= 0 && (uint64_t)at < len;
}

/* The bytes of a character that begins here. */
static size_t character_size(char byte) {
	unsigned char first = (unsigned char)byte;
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static struct value character_at(struct slice text, struct value key) {
	size_t number;
	size_t at = 0;
	if (!item_number(key, utf8_length(text), &number)) {
		return value_undefined();
	}
	while (number-- > 0) {
		at += character_size(text.data[at]);
	}
	return value_string(slice_sub(text, at, character_size(text.data[at])));
}

struct value value_get(struct value value, struct arena *arena, struct value key) {
	key = value_plain(key, arena);
	if (value.type == VALUE_OBJECT) {
		struct value found = value_undefined();
		const struct value_object_kind *kind = value.object->kind;
		if (kind->get && kind->get(value.object, arena, key, &found)) {
			return found;
		}
		value = value_plain(value, arena);
	}
	if (value.type == VALUE_MAP) {
		return value_map_get(value.map, key);
	}
	if (value.type == VALUE_LIST) {
		size_t number;
		return item_number(key, value.list->len, &number) ? value.list->items[number]
								  : value_undefined();
	}
	if (value.type == VALUE_STRING) {
		bool is_text = key.type == VALUE_STRING && slice_is(key.string, "text");
		return is_text ? value : character_at(value.string, key);
	}
	return value_undefined();
}

static const struct value_list *characters_of(struct slice text, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	for (size_t at = 0; at < text.len;) {
		struct slice character = slice_sub(text, at, character_size(text.data[at]));
		if (!value_list_push(arena, list, value_string(character))) {
			return NULL;
		}
		at += character.len;
	}
	return list;
}

static const struct value_list *keys_of(const struct value_map *map, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	for (size_t i = 0; i < map->len; i++) {
		if (!value_list_push(arena, list, map->items[i].key)) {
			return NULL;
		}
	}
	return list;
}

const struct value_map *value_as_map(struct value value, struct arena *arena) {
	if (value.type == VALUE_OBJECT && value.object->kind->map != NULL) {
		value = value.object->kind->map(value.object, arena);
	}
	value = value_plain(value, arena);
	return value.type == VALUE_MAP ? value.map : NULL;
}

const struct value_list *value_iterate(struct value value, struct arena *arena) {
	if (value.type == VALUE_OBJECT && value.object->kind->list != NULL) {
		value = value.object->kind->list(value.object, arena);
	} else if (value.type == VALUE_OBJECT && value.object->kind->plain == NULL) {
		const struct value_map *map = value_as_map(value, arena);
		return map ? keys_of(map, arena) : NULL;
	}
	value = value_plain(value, arena);
	switch (value.type) {
	case VALUE_LIST:
		return value.list;
	case VALUE_MAP:
		return keys_of(value.map, arena);
	case VALUE_STRING:
		return characters_of(value.string, arena);
	case VALUE_NONE:
	case VALUE_UNDEFINED:
		return value_list_new(arena);
	default:
		return NULL;
	}
}

bool value_is_iterable(struct value value) {
	switch (value.type) {
	case VALUE_OBJECT:
		return value.object->kind->list || value.object->kind->map;
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_FLOAT:
		return false;
	default:
		return true;
	}
}

const char *value_kind_name(struct value value) {
	static const char *const names[] = {
		[VALUE_UNDEFINED] = "undefined",
		[VALUE_NONE] = "none",
		[VALUE_BOOL] = "bool",
		[VALUE_INT] = "number",
		[VALUE_FLOAT] = "number",
		[VALUE_STRING] = "string",
		[VALUE_LIST] = "sequence",
		[VALUE_MAP] = "map",
	};
	return value.type == VALUE_OBJECT ? value.object->kind->name : names[value.type];
}

/* ---- from JSON ---- */

static struct value number_from_json(const struct json *json) {
	int64_t integer;
	double number;
	bool is_whole = memchr(json->raw, '.', json->raw_len) == NULL &&
			memchr(json->raw, 'e', json->raw_len) == NULL &&
			memchr(json->raw, 'E', json->raw_len) == NULL;
	if (is_whole && json_int64(json, &integer)) {
		return value_int(integer);
	}
	if (!is_whole && json_double(json, &number)) {
		return value_float(number);
	}
	return value_string(json_raw(json));
}

/* json_parse bounds the depth, so that recursion is safe. */
static bool from_json(struct arena *arena, const struct json *json, struct value *out) {
	switch (json->type) {
	case JSON_NULL:
		*out = value_none();
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		*out = value_bool(json->type == JSON_TRUE);
		return true;
	case JSON_NUMBER:
		*out = number_from_json(json);
		return true;
	case JSON_STRING:
		*out = value_string(json_string(json, arena));
		return true;
	default:
		break;
	}
	struct value_list *list = json->type == JSON_ARRAY ? value_list_new(arena) : NULL;
	struct value_map *map = json->type == JSON_OBJECT ? value_map_new(arena) : NULL;
	json_each (child, json) {
		struct value item;
		if (!from_json(arena, child, &item)) {
			return false;
		}
		bool is_kept = list ? value_list_push(arena, list, item)
				    : value_map_put(arena, map,
					      value_string(json_key(child, arena)), item);
		if (!is_kept) {
			return false;
		}
	}
	*out = list ? value_of_list(list) : value_of_map(map);
	return true;
}

struct value value_from_json(struct arena *arena, const struct json *json) {
	struct value value = value_undefined();
	return json && from_json(arena, json, &value) ? value : value_undefined();
}
