/* fold.h: events to one whole response and back; and the tee. */
#ifndef LLMMUX_CHAT_FOLD_H
#define LLMMUX_CHAT_FOLD_H

#include "chat/emit.h"

struct chat_candidate {
	struct chat_parts parts; /* text, thinking, tool calls ... in order */
	bool is_finished;
	enum chat_finish_reason reason;
	struct slice native_reason, stop_sequence, detail;
	/* raw cc entries, joined by commas; absent = none */
	struct slice logprobs, refusal_logprobs;
};

/* A whole answer, as the response bodies of all formats hold it. */
struct chat_response {
	struct slice id, model;
	int64_t created_s;
	struct slice service_tier, fingerprint;
	struct {
		struct chat_candidate *items;
		size_t len, cap;
	} candidates;
	struct chat_usage usage;
	bool has_error;
	struct error error;
	bool is_ended;
};

/* A sink that builds the response in the arena. Text grows within max_bytes; beyond it the response
 * carries ERROR_TOO_LARGE. The response lives until chat_fold_finish. */
struct chat_fold {
	struct chat_sink sink; /* give &fold.sink to the source */
	struct arena *arena;
	struct chat_response response;
	size_t max_bytes, bytes;
	struct chat_fold_text *texts; /* what grows, newest first */
};
void chat_fold_init(
	struct chat_fold *fold, struct arena *arena, size_t max_bytes); /* 0 = 100 MiB */
void chat_fold_finish(struct chat_fold *fold); /* frees buffers outside the arena */

/* Sends the response as events. */
void chat_unfold(const struct chat_response *response, struct chat_sink *sink, struct arena *arena);

/* One source, two sinks, in this order. */
struct chat_tee {
	struct chat_sink sink;
	struct chat_sink *first, *second;
};
/* Give &tee->sink to the source; both sinks must outlive it. */
void chat_tee_init(struct chat_tee *tee, struct chat_sink *first, struct chat_sink *second);

#endif
