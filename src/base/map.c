/* map.c: an insertion-ordered hash map.
 *
 *   table:   [ 0 ][ 2 ][ 0 ][ 1 ][ 3 ]      entry numbers + 1, linear probing; 0 is empty
 *   entries: [ "a" ][ "b" ][ deleted ]      in order of insertion
 *
 * A removed entry stays behind as a hole (and its table slot as a tombstone) until the entries are
 * full; then the map is packed, or doubled when few are holes. */
#include "base/map.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

#define MAP_FIRST 8

static inline uint64_t rotate(uint64_t x, int by) {
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4]) {
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline uint64_t load_little(const unsigned char *bytes, size_t len) {
	uint64_t word = 0;
	for (size_t i = 0; i < len; i++) {
		word |= (uint64_t)bytes[i] << (8 * i);
	}
	return word;
}

/* SipHash with one round per word and three at the end (Aumasson and Bernstein; 1-3 as in Rust). */
uint64_t hash_bytes(const uint64_t seed[2], struct slice bytes) {
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573};
	const unsigned char *at = (const unsigned char *)bytes.data;
	size_t left = bytes.len;
	for (; left >= 8; at += 8, left -= 8) {
		uint64_t word = load_little(at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t)bytes.len << 56 | load_little(at, left);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++) {
		sip_round(v);
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *map) {
	*map = (struct map){0};
	random_bytes(map->seed, sizeof map->seed);
}

void map_finish(struct map *map, void (*free_value)(void *value)) {
	for (size_t i = 0; i < map->used; i++) {
		if (!map->entries[i].is_deleted) {
			free((char *)(uintptr_t)map->entries[i].key.data);
			if (free_value != NULL) {
				free_value(map->entries[i].value);
			}
		}
	}
	free(map->entries);
	free(map->table);
	*map = (struct map){.seed = {map->seed[0], map->seed[1]}};
}

/* The entry with this key, or NULL. */
static struct map_entry *find(const struct map *map, struct slice key, uint64_t hash) {
	if (map->count == 0) {
		return NULL;
	}
	for (size_t slot = hash & (map->table_size - 1); map->table[slot] != 0;
		slot = (slot + 1) & (map->table_size - 1)) {
		struct map_entry *entry = &map->entries[map->table[slot] - 1];
		if (entry->hash == hash && !entry->is_deleted && slice_eq(entry->key, key)) {
			return entry;
		}
	}
	return NULL;
}

static void table_add(struct map *map, uint64_t hash, size_t number) {
	size_t slot = hash & (map->table_size - 1);
	while (map->table[slot] != 0) {
		slot = (slot + 1) & (map->table_size - 1);
	}
	map->table[slot] = (uint32_t)(number + 1);
}

/* Packs the entries and makes the table anew, larger when more than three quarters are alive. */
static void rebuild(struct map *map) {
	size_t kept = 0;
	for (size_t i = 0; i < map->used; i++) {
		if (!map->entries[i].is_deleted) {
			map->entries[kept++] = map->entries[i];
		}
	}
	map->used = kept;
	if (map->cap == 0 || kept > map->cap / 4 * 3) {
		map->cap = map->cap ? map->cap * 2 : MAP_FIRST;
		if (map->cap > UINT32_MAX / 2) {
			abort(); /* entry numbers are 32 bits wide */
		}
		map->entries = mem_realloc_array(map->entries, map->cap, sizeof *map->entries);
	}
	free(map->table);
	map->table_size = map->cap * 2;
	map->table = mem_calloc(map->table_size, sizeof *map->table);
	for (size_t i = 0; i < kept; i++) {
		table_add(map, map->entries[i].hash, i);
	}
}

void *map_get(const struct map *map, struct slice key) {
	if (map->count == 0) {
		return NULL;
	}
	struct map_entry *entry = find(map, key, hash_bytes(map->seed, key));
	return entry != NULL ? entry->value : NULL;
}

void *map_put(struct map *map, struct slice key, void *value) {
	uint64_t hash = hash_bytes(map->seed, key);
	struct map_entry *entry = find(map, key, hash);
	if (entry != NULL) {
		void *old = entry->value;
		entry->value = value;
		return old;
	}
	if (map->used == map->cap) {
		rebuild(map);
	}
	map->entries[map->used] = (struct map_entry){
		.key = slice_make(mem_dup(key.data, key.len), key.len),
		.value = value,
		.hash = hash,
	};
	table_add(map, hash, map->used);
	map->used++;
	map->count++;
	return NULL;
}

void *map_remove(struct map *map, struct slice key) {
	struct map_entry *entry = find(map, key, hash_bytes(map->seed, key));
	if (entry == NULL) {
		return NULL;
	}
	void *old = entry->value;
	free((char *)(uintptr_t)entry->key.data);
	entry->key = (struct slice){NULL, 0};
	entry->value = NULL;
	entry->is_deleted = true;
	map->count--;
	return old;
}

const struct map_entry *map_next(const struct map *map, size_t *at) {
	while (*at < map->used) {
		const struct map_entry *entry = &map->entries[(*at)++];
		if (!entry->is_deleted) {
			return entry;
		}
	}
	return NULL;
}
