/* signature_cache.h: the proofs that upstreams put on thinking and calls, kept for clients whose
 * dialect cannot carry them (formats.md LT-2), and put back into their next request.
 *
 *   answer ─► call.c ─► signatures_watch ─► cache ─► signatures_restore ─► request of the same
 * client
 *
 * One cache per instance, used by all loops under a mutex of its own that is held for a copy. It is
 * bounded in bytes (the least recently used goes first) and in time. A miss is never an error.
 * Nothing of it is logged. */
#ifndef LLMMUX_MUX_SIGNATURE_CACHE_H
#define LLMMUX_MUX_SIGNATURE_CACHE_H

#include "chat/event.h"
#include "models/models.h"

struct signature_cache;

/* What an upstream wants back with a call, or for a thinking text. */
struct signatures {
	struct chat_parts thinking; /* CHAT_PART_THINKING with their proofs, before the call */
	struct slice call;          /* on the call itself; absent = none */
};

/* Holds at most max_bytes, each entry for ttl_ms. NULL when max_bytes is 0: no cache. */
struct signature_cache *signature_cache_create(size_t max_bytes, uint64_t ttl_ms);
/* Accepts NULL. */
void signature_cache_destroy(struct signature_cache *cache);
/* Copies. Replaces what is there; an entry larger than a quarter of the cache is not kept. */
void signature_cache_put(struct signature_cache *cache, enum format_id upstream, struct slice key,
	const struct signatures *signatures, uint64_t now_ms);
/* Copies into the arena. False on a miss. */
bool signature_cache_get(struct signature_cache *cache, struct slice key, struct arena *arena,
	struct signatures *signatures, uint64_t now_ms);
/* Whether there may be anything of that upstream dialect; takes no lock. */
bool signature_cache_has(const struct signature_cache *cache, enum format_id upstream);
/* Bytes in use. */
size_t signature_cache_bytes(struct signature_cache *cache);

/* ---- what is kept of an answer ---- */
/* Watches one answer of `upstream`, of a model of that family. */
struct signature_watch {
	struct signature_cache *cache;
	enum format_id upstream;
	const struct model_family *family;
	struct arena *arena; /* of the request */
	bool is_thinking;    /* a thinking part of this upstream is open: `text` grows */
	bool is_too_long;
	struct chat_part part; /* the open one */
	struct buf *text;
	struct signatures pending; /* thinking since the last call */
};
/* Takes the first candidate's events; those that carry no proof cost nothing. */
void signatures_watch(
	struct signature_watch *watch, const struct chat_event *event, uint64_t now_ms);

/* The request with the proofs that are known for its calls and thinking texts (AN-20, GM-8, OR-5):
 * a shallow copy in its arena, or the request itself when nothing was found. */
const struct chat_request *signatures_restore(struct signature_cache *cache,
	const struct chat_request *request, enum format_id upstream,
	const struct model_family *family, uint64_t now_ms);

#endif
