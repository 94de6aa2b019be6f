/* value_map.c: maps with any value as key: insertion order, hashed above a few pairs. */
#include "base/map.h"
#include "template/value.h"

/* Below this a search costs less than a hash. */
#define LINEAR_MAX 8

struct value_map *value_map_new(struct arena *arena) {
	struct value_map *map = ARENA_NEW(arena, struct value_map);
	map->depth = 1;
	return map;
}

/* Equal keys hash equally: 1, 1.0 and true are one key. Where the pairs lie is the seed, so that
 * nobody outside can choose colliding names. Lists and maps as keys are rare: they share a chain.
 */
static uint64_t hash_key(const struct value_map *map, struct value key) {
	const uint64_t seed[2] = {
		(uintptr_t)map->items, (uintptr_t)map->items ^ 0x9e3779b97f4a7c15u};
	int64_t integer = 0;
	switch (key.type) {
	case VALUE_STRING:
		return hash_bytes(seed, key.string);
	case VALUE_BOOL:
		integer = key.boolean;
		break;
	case VALUE_INT:
		integer = key.integer;
		break;
	case VALUE_FLOAT:
		if (key.number >= -9e18 && key.number <= 9e18) {
			integer = (int64_t)key.number;
		}
		break;
	default:
		return seed[1] + key.type;
	}
	return hash_bytes(seed, slice_make((const char *)&integer, sizeof integer));
}

static bool is_same_key(struct value a, struct value b) {
	if (a.type == VALUE_STRING && b.type == VALUE_STRING) {
		return slice_eq(a.string, b.string);
	}
	/* Keys hold no objects that would need an arena: value_map_put stores their plain value. */
	return a.type != VALUE_STRING && b.type != VALUE_STRING && value_equal(a, b, NULL);
}

struct value_pair *value_map_find(const struct value_map *map, struct value key) {
	if (map->table == NULL) {
		for (size_t i = 0; i < map->len; i++) {
			if (is_same_key(map->items[i].key, key)) {
				return &map->items[i];
			}
		}
		return NULL;
	}
	size_t mask = map->table_size - 1;
	for (size_t at = hash_key(map, key) & mask; map->table[at] != 0; at = (at + 1) & mask) {
		struct value_pair *pair = &map->items[map->table[at] - 1];
		if (is_same_key(pair->key, key)) {
			return pair;
		}
	}
	return NULL;
}

struct value_pair *value_map_find_text(const struct value_map *map, struct slice key) {
	return value_map_find(map, value_string(key));
}

static void table_add(struct value_map *map, size_t number) {
	size_t mask = map->table_size - 1;
	size_t at = hash_key(map, map->items[number].key) & mask;
	while (map->table[at] != 0) {
		at = (at + 1) & mask;
	}
	map->table[at] = (uint32_t)number + 1;
}

/* A table at most half full for `cap` pairs. */
static bool table_build(struct arena *arena, struct value_map *map, size_t cap) {
	size_t size = cap * 2;
	uint32_t *table = arena_try_alloc(arena, size * sizeof *table);
	if (table == NULL) {
		return false;
	}
	memset(table, 0, size * sizeof *table);
	map->table = table;
	map->table_size = size;
	for (size_t i = 0; i < map->len; i++) {
		table_add(map, i);
	}
	return true;
}

static bool grow(struct arena *arena, struct value_map *map) {
	size_t cap = map->cap ? map->cap * 2 : 4;
	struct value_pair *items = arena_try_alloc(arena, cap * sizeof *items);
	if (items == NULL) {
		return false;
	}
	if (map->len > 0) {
		memcpy(items, map->items, map->len * sizeof *items);
	}
	map->items = items;
	map->cap = cap;
	return cap <= LINEAR_MAX || table_build(arena, map, cap);
}

static uint32_t depth_of(struct value value) {
	return value.type == VALUE_LIST  ? value.list->depth
	       : value.type == VALUE_MAP ? value.map->depth
					 : 0;
}

/* False beyond the limits; otherwise the map counts what it is about to hold. */
static bool weigh(struct value_map *map, struct value key, struct value item, uint64_t less) {
	uint32_t depth = depth_of(key) > depth_of(item) ? depth_of(key) : depth_of(item);
	uint64_t weight = map->weight + value_weight(key) + value_weight(item) - less;
	if (depth >= VALUE_MAX_DEPTH || weight > VALUE_MAX_WEIGHT) {
		return false;
	}
	map->weight = (uint32_t)weight;
	map->depth = depth + 1 > map->depth ? depth + 1 : map->depth;
	return true;
}

bool value_map_put(
	struct arena *arena, struct value_map *map, struct value key, struct value item) {
	key = value_plain(key, arena);
	struct value_pair *pair = value_map_find(map, key);
	if (pair != NULL) {
		if (!weigh(map, key, item, value_weight(key) + value_weight(pair->value))) {
			return false;
		}
		pair->value = item;
		return true;
	}
	if (!weigh(map, key, item, 0) || (map->len == map->cap && !grow(arena, map))) {
		return false;
	}
	map->items[map->len] = (struct value_pair){.key = key, .value = item};
	if (map->table != NULL) {
		table_add(map, map->len);
	}
	map->len++;
	return true;
}

bool value_map_put_named(
	struct arena *arena, struct value_map *map, const char *key, struct value item) {
	return value_map_put(arena, map, value_string(slice_of(key)), item);
}

struct value value_map_get(const struct value_map *map, struct value key) {
	const struct value_pair *pair = value_map_find(map, key);
	return pair ? pair->value : value_undefined();
}

struct value value_map_get_named(const struct value_map *map, const char *key) {
	return value_map_get(map, value_string(slice_of(key)));
}
