/* signature_cache.c: see signature_cache.h. Entries stand in a map by key and in a list by age of
 * use; each is one allocation with everything it holds. */
#include "mux/signature_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

/* What the map takes for an entry, about. */
#define MAP_BYTES 96

struct entry {
	struct entry *newer, *older;
	enum format_id upstream;
	uint64_t expires_ms;
	size_t bytes;
	struct slice key;
	struct signatures signatures; /* points into `data` */
	char data[];
};

struct signature_cache {
	pthread_mutex_t mutex;
	struct map entries;
	struct entry *newest, *oldest;
	size_t bytes, max_bytes;
	uint64_t ttl_ms;
	atomic_uint counts[FORMAT_COUNT];
};

struct signature_cache *signature_cache_create(size_t max_bytes, uint64_t ttl_ms) {
	if (max_bytes == 0) {
		return NULL;
	}
	struct signature_cache *cache = mem_calloc(1, sizeof *cache);
	pthread_mutex_init(&cache->mutex, NULL);
	map_init(&cache->entries);
	cache->max_bytes = max_bytes;
	cache->ttl_ms = ttl_ms;
	return cache;
}

void signature_cache_destroy(struct signature_cache *cache) {
	if (cache == NULL) {
		return;
	}
	map_finish(&cache->entries, free);
	pthread_mutex_destroy(&cache->mutex);
	free(cache);
}

/* ---- the list ---- */

static void unlink_entry(struct signature_cache *cache, struct entry *entry) {
	*(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct signature_cache *cache, struct entry *entry) {
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop(struct signature_cache *cache, struct entry *entry) {
	unlink_entry(cache, entry);
	map_remove(&cache->entries, entry->key);
	cache->bytes -= entry->bytes;
	atomic_fetch_sub_explicit(&cache->counts[entry->upstream], 1, memory_order_relaxed);
	free(entry);
}

/* ---- entries ---- */

static struct slice take(char **at, struct slice from) {
	struct slice copy = from;
	if (from.data != NULL) {
		copy.data = *at;
		memcpy(*at, from.data, from.len);
		*at += from.len;
	}
	return copy;
}

static size_t text_bytes(const struct signatures *signatures) {
	size_t bytes = signatures->call.len;
	for (size_t i = 0; i < signatures->thinking.len; i++) {
		const struct chat_part *part = &signatures->thinking.items[i];
		bytes += part->text.len + part->signature.len + part->item_id.len;
	}
	return bytes;
}

/* Copies what matters of the signatures behind each other to `at`, which has room for the parts
 * first. */
static void copy_signatures(
	const struct signatures *from, struct chat_part *parts, char *at, struct signatures *to) {
	*to = (struct signatures){.thinking = {parts, from->thinking.len, from->thinking.len}};
	for (size_t i = 0; i < from->thinking.len; i++) {
		const struct chat_part *part = &from->thinking.items[i];
		parts[i] = (struct chat_part){
			.kind = CHAT_PART_THINKING,
			.provider = part->provider,
			.is_redacted = part->is_redacted,
			.text = take(&at, part->text),
			.signature = take(&at, part->signature),
			.item_id = take(&at, part->item_id),
		};
	}
	to->call = take(&at, from->call);
}

static struct entry *make_entry(
	enum format_id upstream, struct slice key, const struct signatures *signatures) {
	size_t parts = signatures->thinking.len * sizeof(struct chat_part);
	size_t bytes = sizeof(struct entry) + parts + text_bytes(signatures) + key.len;
	struct entry *entry = mem_calloc(1, bytes);
	char *at = entry->data + parts;
	entry->upstream = upstream;
	entry->bytes = bytes + key.len + MAP_BYTES;
	entry->key = take(&at, key);
	copy_signatures(
		signatures, (struct chat_part *)(void *)entry->data, at, &entry->signatures);
	return entry;
}

void signature_cache_put(struct signature_cache *cache, enum format_id upstream, struct slice key,
	const struct signatures *signatures, uint64_t now_ms) {
	struct entry *entry = make_entry(upstream, key, signatures);
	if (entry->bytes > cache->max_bytes / 4) {
		free(entry);
		return;
	}
	entry->expires_ms = now_ms + cache->ttl_ms;
	pthread_mutex_lock(&cache->mutex);
	struct entry *old = map_get(&cache->entries, key);
	if (old != NULL) {
		drop(cache, old);
	}
	while (cache->bytes + entry->bytes > cache->max_bytes) {
		drop(cache, cache->oldest);
	}
	map_put(&cache->entries, key, entry);
	link_newest(cache, entry);
	cache->bytes += entry->bytes;
	atomic_fetch_add_explicit(&cache->counts[upstream], 1, memory_order_relaxed);
	pthread_mutex_unlock(&cache->mutex);
}

bool signature_cache_get(struct signature_cache *cache, struct slice key, struct arena *arena,
	struct signatures *signatures, uint64_t now_ms) {
	pthread_mutex_lock(&cache->mutex);
	struct entry *entry = map_get(&cache->entries, key);
	if (entry != NULL && entry->expires_ms <= now_ms) {
		drop(cache, entry);
		entry = NULL;
	}
	if (entry != NULL) {
		const struct signatures *known = &entry->signatures;
		copy_signatures(known,
			ARENA_ARRAY(arena, struct chat_part, known->thinking.len + 1),
			arena_alloc(arena, text_bytes(known) + 1), signatures);
		unlink_entry(cache, entry);
		link_newest(cache, entry);
	}
	pthread_mutex_unlock(&cache->mutex);
	return entry != NULL;
}

bool signature_cache_has(const struct signature_cache *cache, enum format_id upstream) {
	return atomic_load_explicit(&cache->counts[upstream], memory_order_relaxed) > 0;
}

size_t signature_cache_bytes(struct signature_cache *cache) {
	pthread_mutex_lock(&cache->mutex);
	size_t bytes = cache->bytes;
	pthread_mutex_unlock(&cache->mutex);
	return bytes;
}
