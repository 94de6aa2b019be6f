/* names.c: renaming by an upstream's rule, with a map back. */
#include "formats/names.h"

#include <stdio.h>

#include "base/encoding.h"
#include "base/map.h"
#include "base/random.h"

#define HASH_TAIL 9 /* '_' and 8 hex digits */

static bool byte_fits(const struct name_rule *rule, char byte) {
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || (byte && strchr(rule->extra, byte));
}

bool name_fits(const struct name_rule *rule, struct slice name) {
	for (size_t i = 0; i < name.len; i++) {
		if (!byte_fits(rule, name.data[i])) {
			return false;
		}
	}
	return name.len > 0 && name.len <= rule->limit;
}

/* ---- finding an entry: a short map is searched, a long one has hash tables ---- */

#define SEARCHED_MAX 32

enum side {
	SIDE_CLIENT,
	SIDE_UPSTREAM,
	SIDE_COUNT
};

/* Open addressing over entry numbers + 1; of entries with one spelling the first is found. */
struct format_name_index {
	uint64_t seed[2];
	size_t size; /* a power of two, more than twice the entries */
	uint32_t *slots[SIDE_COUNT];
};

static struct slice spelling(const struct format_name_map *map, size_t number, enum side side) {
	return side == SIDE_CLIENT ? map->items[number].client : map->items[number].upstream;
}

/* The slot of the entry, or the empty one where it would stand. */
static uint32_t *slot_of(const struct format_name_map *map, enum side side, struct slice name) {
	const struct format_name_index *index = map->index;
	uint32_t *slots = index->slots[side];
	size_t at = hash_bytes(index->seed, name) & (index->size - 1);
	while (slots[at] != 0 && !slice_eq(spelling(map, slots[at] - 1, side), name)) {
		at = (at + 1) & (index->size - 1);
	}
	return &slots[at];
}

/* Number of the entry; SIZE_MAX when there is none. */
static size_t find(const struct format_name_map *map, enum side side, struct slice name) {
	if (map->index) {
		uint32_t found = *slot_of(map, side, name);
		return found != 0 ? found - 1 : SIZE_MAX;
	}
	for (size_t i = 0; i < map->len; i++) {
		if (slice_eq(spelling(map, i, side), name)) {
			return i;
		}
	}
	return SIZE_MAX;
}

static void index_entry(struct format_name_map *map, size_t number) {
	for (int side = 0; side < SIDE_COUNT; side++) {
		uint32_t *slot =
			slot_of(map, (enum side)side, spelling(map, number, (enum side)side));
		if (*slot == 0) {
			*slot = (uint32_t)number + 1;
		}
	}
}

/* Makes the tables when the map became too long to be searched or outgrew them. */
static void index_last(struct format_name_map *map, struct arena *arena) {
	if (map->len <= SEARCHED_MAX) {
		return;
	}
	if (map->index && map->len * 2 < map->index->size) {
		index_entry(map, map->len - 1);
		return;
	}
	size_t size = map->index ? map->index->size * 4 : SEARCHED_MAX * 8;
	map->index = ARENA_NEW(arena, struct format_name_index);
	random_bytes(map->index->seed, sizeof map->index->seed);
	map->index->size = size;
	for (int side = 0; side < SIDE_COUNT; side++) {
		map->index->slots[side] = ARENA_ARRAY(arena, uint32_t, size);
	}
	for (size_t i = 0; i < map->len; i++) {
		index_entry(map, i);
	}
}

/* ---- spellings ---- */

/* First part of the name plus 8 hex digits of a hash of the client's name. */
static struct slice with_hash(struct arena *arena, const struct name_rule *rule,
	struct slice cleaned, struct slice client_name) {
	uint8_t digest[SHA256_LEN];
	char hex[SHA256_LEN * 2 + 1];
	sha256(client_name, digest);
	hex_encode(digest, sizeof digest, hex);
	size_t keep = cleaned.len < rule->limit - HASH_TAIL ? cleaned.len : rule->limit - HASH_TAIL;
	const char *joint = byte_fits(rule, '_') ? "_" : "0";
	return arena_printf(arena, "%.*s%s%.8s", (int)keep, cleaned.data, joint, hex);
}

/* Bad characters become '_'; an over-long MCP name keeps its last segment if that fits. */
static struct slice clean(
	struct arena *arena, const struct name_rule *rule, struct slice name, bool *is_cut) {
	char *text = arena_strdup(arena, name);
	for (size_t i = 0; i < name.len; i++) {
		if (!byte_fits(rule, text[i])) {
			text[i] = byte_fits(rule, '_') ? '_' : '0';
		}
	}
	struct slice cleaned = {text, name.len};
	*is_cut = cleaned.len > rule->limit;
	if (!*is_cut || !slice_starts_with(cleaned, SLICE("mcp__"))) {
		return cleaned;
	}
	size_t last = 0;
	for (size_t i = 5; i + 2 < cleaned.len; i++) {
		if (cleaned.data[i] == '_' && cleaned.data[i + 1] == '_') {
			last = i + 2;
		}
	}
	struct slice segment = slice_from(cleaned, last);
	if (last > 0 && segment.len + 5 <= rule->limit) {
		*is_cut = false;
		return arena_printf(arena, "mcp__%.*s", SLICE_FMT(segment));
	}
	return cleaned;
}

struct slice names_to_upstream(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name) {
	size_t known = find(map, SIDE_CLIENT, client_name);
	if (known != SIZE_MAX) {
		return map->items[known].upstream;
	}
	struct slice upstream = client_name;
	bool is_cut = false;
	if (!name_fits(rule, client_name)) {
		upstream = clean(arena, rule, client_name, &is_cut);
	}
	if (is_cut || upstream.len == 0 || find(map, SIDE_UPSTREAM, upstream) != SIZE_MAX) {
		upstream = with_hash(arena, rule, upstream, client_name);
	}
	arena_grow(arena, (void **)&map->items, &map->cap, map->len + 1, sizeof *map->items);
	map->items[map->len].client = client_name;
	map->items[map->len].upstream = upstream;
	map->len++;
	index_last(map, arena);
	return upstream;
}

struct slice names_to_client(const struct format_name_map *map, struct slice upstream_name) {
	size_t found = map ? find(map, SIDE_UPSTREAM, upstream_name) : SIZE_MAX;
	return found != SIZE_MAX ? map->items[found].client : upstream_name;
}
