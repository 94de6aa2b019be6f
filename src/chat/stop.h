/* stop.h: stop sequences an upstream does not take, enforced on the way (E-47).
 *
 * A sink in front of another. Text that could be the beginning of a stop sequence is held back
 * until it is clear; at a hit the text is cut before it, the candidate's parts are closed, and its
 * finish says stop_sequence. When every candidate has finished, `end` follows at once: the caller
 * looks at has_ended after each feed, and may then cancel the upstream. */
#ifndef LLMMUX_CHAT_STOP_H
#define LLMMUX_CHAT_STOP_H

#include "chat/event.h"

struct chat_stop_candidate;

struct chat_stop {
	struct chat_sink sink; /* give &stop.sink to the source */
	struct chat_sink *next;
	struct arena *arena;
	const struct slice *sequences; /* of the request; empty ones are ignored */
	size_t count, longest;
	struct {
		struct chat_stop_candidate *items;
		size_t len, cap;
	} candidates;
	bool has_hit;   /* a sequence was found: the native usage, if any, is of a longer answer */
	bool has_ended; /* `end` was sent; what the source says now is dropped */
};

void chat_stop_init(struct chat_stop *stop, struct chat_sink *next, struct arena *arena,
	const struct slice *sequences, size_t count);

#endif
