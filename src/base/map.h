/* map.h: hash map from byte strings to pointers, seeded (SipHash-1-3), insertion order kept. */
#ifndef LLMMUX_BASE_MAP_H
#define LLMMUX_BASE_MAP_H

#include "base/slice.h"

struct map_entry {
	struct slice key; /* owned copy */
	void *value;
	uint64_t hash;
	bool is_deleted;
};

struct map {
	struct map_entry *entries; /* in order of insertion, with holes */
	size_t count;              /* live entries */
	size_t used, cap;
	uint32_t *table; /* open addressing over entry numbers + 1 */
	size_t table_size;
	uint64_t seed[2]; /* random per map */
};

/* Empty, with a random seed; takes no memory yet. */
void map_init(struct map *map);
/* Frees the map and its keys; values are the caller's, freed with free_value if not NULL. */
void map_finish(struct map *map, void (*free_value)(void *value));
/* NULL when absent. */
void *map_get(const struct map *map, struct slice key);
/* Puts or replaces; returns the value that was there, or NULL. */
void *map_put(struct map *map, struct slice key, void *value);
/* Removes; returns the value that was there, or NULL. */
void *map_remove(struct map *map, struct slice key);
/* Iterates in order: start with *at = 0; NULL at the end. */
const struct map_entry *map_next(const struct map *map, size_t *at);

/* The hash itself, for other tables. */
uint64_t hash_bytes(const uint64_t seed[2], struct slice bytes);

#endif
