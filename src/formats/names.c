/* names.c: renaming by an upstream's rule, with a map back. */
#include "formats/names.h"

#include <stdio.h>

#include "base/encoding.h"

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

/* `wanted` is the client's name, or what stands for it. */
static struct slice add_name(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name, struct slice wanted) {
	uint32_t known = index_get(&map->by_client, client_name);
	if (known != INDEX_NONE) {
		return map->items[known].upstream;
	}
	struct slice upstream = wanted;
	bool is_cut = false;
	if (!name_fits(rule, wanted)) {
		upstream = clean(arena, rule, wanted, &is_cut);
	}
	if (is_cut || upstream.len == 0 || index_get(&map->by_upstream, upstream) != INDEX_NONE) {
		upstream = with_hash(arena, rule, upstream, client_name);
	}
	arena_grow(arena, (void **)&map->items, &map->cap, map->len + 1, sizeof *map->items);
	map->items[map->len].client = client_name;
	map->items[map->len].upstream = upstream;
	index_put(&map->by_client, arena, client_name, (uint32_t)map->len);
	/* the first of two that are spelt alike all the same comes back */
	if (index_get(&map->by_upstream, upstream) == INDEX_NONE) {
		index_put(&map->by_upstream, arena, upstream, (uint32_t)map->len);
	}
	map->len++;
	return upstream;
}

void names_reserve(struct format_name_map *map, struct arena *arena, struct slice upstream_name) {
	if (index_get(&map->by_upstream, upstream_name) != INDEX_NONE) {
		return;
	}
	arena_grow(arena, (void **)&map->items, &map->cap, map->len + 1, sizeof *map->items);
	map->items[map->len].client = map->items[map->len].upstream = upstream_name;
	index_put(&map->by_upstream, arena, upstream_name, (uint32_t)map->len);
	map->len++;
}

struct slice names_to_upstream(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name) {
	return add_name(map, arena, rule, client_name, client_name);
}

struct slice names_to_identifier(struct format_name_map *map, struct arena *arena,
	const struct name_rule *rule, struct slice client_name) {
	char first = client_name.len > 0 ? client_name.data[0] : '_';
	bool is_letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
	struct slice wanted = client_name;
	if (!is_letter && first != '_') {
		wanted = arena_printf(arena, "_%.*s", SLICE_FMT(client_name));
	}
	return add_name(map, arena, rule, client_name, wanted);
}

struct slice names_to_client(const struct format_name_map *map, struct slice upstream_name) {
	uint32_t known = map ? index_get(&map->by_upstream, upstream_name) : INDEX_NONE;
	return known != INDEX_NONE ? map->items[known].client : upstream_name;
}
