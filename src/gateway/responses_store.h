/* responses_store.h: answers of the Responses API that later requests refer to by
 * `previous_response_id`, for upstreams that keep none themselves (formats.md RS-3).
 *
 * One store serves all loops. It has a mutex of its own, held for a look-up or a relinking and
 * never while bytes are copied; nobody but the Responses routes takes it. What is stored never
 * changes and is counted by reference, so a request may read it after it was evicted. The least
 * recently used go first when the bytes exceed the cap; what is older than the time to live is
 * gone. Nothing is written to disk. */
#ifndef LLMMUX_GATEWAY_RESPONSES_STORE_H
#define LLMMUX_GATEWAY_RESPONSES_STORE_H

#include "base/slice.h"

struct responses_store;

/* One stored answer. JSON text as the client sent and got it; a copy of the store's own. */
struct stored_response {
	struct slice id;     /* "resp_..." */
	struct slice input;  /* the items the model was given, without brackets; empty = none */
	struct slice output; /* the items of the answer, likewise */
	struct slice object; /* the response object */
};

/* max_bytes counts the texts and what keeping them costs. 0 bytes or 0 ms: nothing is ever kept. */
struct responses_store *responses_store_create(size_t max_bytes, int64_t ttl_ms);
/* Everything taken must have been given back. Accepts NULL. */
void responses_store_destroy(struct responses_store *store);

/* Copies the answer in, in place of one with its id. False when it alone exceeds the cap. `now_ms`
 * is of the clock the caller uses for this store everywhere. */
bool responses_store_put(
	struct responses_store *store, const struct stored_response *answer, int64_t now_ms);
/* The answer with that id, or NULL. It stays valid until it is given back, whatever happens to the
 * store's own copy; it counts as used. */
const struct stored_response *responses_store_take(
	struct responses_store *store, struct slice id, int64_t now_ms);
/* Accepts NULL. */
void responses_store_give_back(struct responses_store *store, const struct stored_response *answer);
/* Forgets it; false when there was none. */
bool responses_store_remove(struct responses_store *store, struct slice id, int64_t now_ms);
/* Bytes kept now. */
size_t responses_store_bytes(struct responses_store *store);

#endif
