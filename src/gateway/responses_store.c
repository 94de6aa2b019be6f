/* responses_store.c: stored answers by id, bounded in bytes and age, least recently used first out.
 *
 *   by_id ──► entry ◄──► entry ◄──► entry
 *             newest                oldest    (order of use; age is looked at when one is found,
 *                                              and at the oldest end when one is added) */
#include "gateway/responses_store.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

struct entry {
	struct stored_response answer; /* first: what is given out */
	struct entry *newer, *older;
	int64_t expires_ms;
	size_t bytes;
	unsigned references; /* one of the store's own while the entry is in it */
};

struct responses_store {
	pthread_mutex_t mutex;
	struct map by_id;
	struct entry *newest, *oldest;
	size_t bytes, max_bytes;
	int64_t ttl_ms;
};

struct responses_store *responses_store_create(size_t max_bytes, int64_t ttl_ms) {
	struct responses_store *store = mem_calloc(1, sizeof *store);
	pthread_mutex_init(&store->mutex, NULL);
	map_init(&store->by_id);
	store->max_bytes = max_bytes;
	store->ttl_ms = ttl_ms;
	return store;
}

/* ---- under the mutex ---- */

static void link_newest(struct responses_store *store, struct entry *entry) {
	entry->older = store->newest;
	entry->newer = NULL;
	if (store->newest != NULL) {
		store->newest->newer = entry;
	} else {
		store->oldest = entry;
	}
	store->newest = entry;
}

static void unlink_entry(struct responses_store *store, struct entry *entry) {
	*(entry->newer != NULL ? &entry->newer->older : &store->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &store->oldest) = entry->newer;
}

/* Takes it out of the store; returns it when nobody reads it any more and it can be freed, once the
 * mutex is free. */
static struct entry *take_out(struct responses_store *store, struct entry *entry) {
	map_remove(&store->by_id, entry->answer.id);
	unlink_entry(store, entry);
	store->bytes -= entry->bytes;
	return --entry->references == 0 ? entry : NULL;
}

/* What has to go so that `needed` more bytes fit, chained by `older`. */
static struct entry *evict(struct responses_store *store, size_t needed, int64_t now_ms) {
	struct entry *freed = NULL;
	while (store->oldest != NULL &&
		(store->bytes > store->max_bytes - needed || store->oldest->expires_ms <= now_ms)) {
		struct entry *entry = take_out(store, store->oldest);
		if (entry != NULL) {
			entry->older = freed;
			freed = entry;
		}
	}
	return freed;
}

/* The entry that is still good; one that is too old is taken out into *freed. */
static struct entry *find(
	struct responses_store *store, struct slice id, int64_t now_ms, struct entry **freed) {
	struct entry *entry = map_get(&store->by_id, id);
	*freed = NULL;
	if (entry == NULL || entry->expires_ms > now_ms) {
		return entry;
	}
	*freed = take_out(store, entry);
	return NULL;
}

/* ---- the public face ---- */

static struct slice copy_to(char **at, struct slice text) {
	struct slice copy = {*at, text.len};
	if (text.len > 0) {
		memcpy(*at, text.data, text.len);
	}
	*at += text.len;
	return copy;
}

/* Entry and texts in one piece of memory. */
static struct entry *make_entry(const struct stored_response *answer, size_t bytes) {
	struct entry *entry = mem_alloc(bytes);
	char *at = (char *)(entry + 1);
	*entry = (struct entry){.bytes = bytes, .references = 1};
	entry->answer.id = copy_to(&at, answer->id);
	entry->answer.input = copy_to(&at, answer->input);
	entry->answer.output = copy_to(&at, answer->output);
	entry->answer.object = copy_to(&at, answer->object);
	return entry;
}

static void free_all(struct entry *entry) {
	while (entry != NULL) {
		struct entry *next = entry->older;
		free(entry);
		entry = next;
	}
}

bool responses_store_put(
	struct responses_store *store, const struct stored_response *answer, int64_t now_ms) {
	size_t bytes = sizeof(struct entry) + answer->id.len + answer->input.len +
		       answer->output.len + answer->object.len;
	if (bytes > store->max_bytes || store->ttl_ms <= 0) {
		return false;
	}
	struct entry *entry = make_entry(answer, bytes), *replaced = NULL;
	entry->expires_ms = now_ms + store->ttl_ms;
	pthread_mutex_lock(&store->mutex);
	struct entry *known = map_get(&store->by_id, answer->id);
	if (known != NULL) {
		replaced = take_out(store, known);
	}
	struct entry *freed = evict(store, bytes, now_ms);
	map_put(&store->by_id, entry->answer.id, entry);
	link_newest(store, entry);
	store->bytes += bytes;
	pthread_mutex_unlock(&store->mutex);
	free(replaced);
	free_all(freed);
	return true;
}

const struct stored_response *responses_store_take(
	struct responses_store *store, struct slice id, int64_t now_ms) {
	struct entry *freed;
	pthread_mutex_lock(&store->mutex);
	struct entry *entry = find(store, id, now_ms, &freed);
	if (entry != NULL) {
		entry->references++;
		unlink_entry(store, entry);
		link_newest(store, entry);
	}
	pthread_mutex_unlock(&store->mutex);
	free(freed);
	return entry != NULL ? &entry->answer : NULL;
}

void responses_store_give_back(
	struct responses_store *store, const struct stored_response *answer) {
	struct entry *entry = (struct entry *)(uintptr_t)answer;
	if (entry == NULL) {
		return;
	}
	pthread_mutex_lock(&store->mutex);
	bool is_last = --entry->references == 0;
	pthread_mutex_unlock(&store->mutex);
	if (is_last) {
		free(entry);
	}
}

bool responses_store_remove(struct responses_store *store, struct slice id, int64_t now_ms) {
	struct entry *freed;
	pthread_mutex_lock(&store->mutex);
	struct entry *entry = find(store, id, now_ms, &freed);
	if (entry != NULL) {
		freed = take_out(store, entry);
	}
	pthread_mutex_unlock(&store->mutex);
	free(freed);
	return entry != NULL;
}

size_t responses_store_bytes(struct responses_store *store) {
	pthread_mutex_lock(&store->mutex);
	size_t bytes = store->bytes;
	pthread_mutex_unlock(&store->mutex);
	return bytes;
}

void responses_store_destroy(struct responses_store *store) {
	if (store == NULL) {
		return;
	}
	free_all(store->newest);
	map_finish(&store->by_id, NULL);
	pthread_mutex_destroy(&store->mutex);
	free(store);
}
