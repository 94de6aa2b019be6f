/* emit.h: the emitter makes the invariants EV-1..EV-6 true, so that a decoder only says what it
 * read.
 *
 * It opens a text or thinking part at its first non-empty delta (E-27), closes it when another kind
 * begins, numbers parts, holds back cut UTF-8 and high surrogates (E-1, E-2), keeps side-by-side
 * tool calls apart, closes everything at finish, lets the first finish count (E-21), turns an
 * answer without a finish into an error, and ends exactly once. Calls after the end are ignored.
 * Before any event but WIRE and PING a start is sent, an empty one when the decoder gave none. Text
 * may begin while tool calls are open; content after a candidate's finish is dropped (E-22). */
#ifndef LLMMUX_CHAT_EMIT_H
#define LLMMUX_CHAT_EMIT_H

#include "chat/event.h"

/* The limits of an answer where the configuration says nothing (design.md section 4). */
#define CHAT_MAX_OPEN_PARTS 256
#define CHAT_MAX_ARGS_BYTES ((size_t)8 * 1024 * 1024)

struct chat_emit_candidate;
struct chat_emitter {
	struct chat_sink *sink;
	struct arena *arena;
	struct chat_emit_candidate *candidates; /* grows with the numbers seen, at most 128 */
	size_t candidate_count, candidate_cap;
	bool has_started, has_ended;
	struct chat_usage usage; /* merged so far */
	size_t max_open_parts;
	size_t max_args_bytes;   /* of one tool call */
	enum format_id provider; /* whose proofs the thinking parts carry; set by the decoder */
};

/* Nothing sent yet, limits at their defaults. The sink and the arena must outlive it. */
void chat_emitter_init(struct chat_emitter *e, struct chat_sink *sink, struct arena *arena);

/* The first call counts; later ones only fill what was unknown and are not sent. */
void chat_emit_start(struct chat_emitter *e, struct slice id, struct slice model, int64_t created_s,
	struct slice service_tier, struct slice fingerprint);
/* Deltas of already decoded text: any cut of UTF-8 is accepted. Empty ones are ignored. */
void chat_emit_text(struct chat_emitter *e, uint32_t candidate, struct slice text);
void chat_emit_thinking(struct chat_emitter *e, uint32_t candidate, struct slice text);
void chat_emit_refusal(struct chat_emitter *e, uint32_t candidate, struct slice text);
/* Deltas given as the inside of a JSON string, still escaped: decodes, and joins surrogate halves
 * that were cut apart (E-2). `which` is TEXT_DELTA, THINKING_DELTA or REFUSAL_DELTA. */
void chat_emit_escaped(struct chat_emitter *e, enum chat_event_type which, uint32_t candidate,
	struct slice escaped);
/* The proof of the open thinking part (opens an empty one if none is open). */
void chat_emit_signature(struct chat_emitter *e, uint32_t candidate, struct slice signature);
/* The proof of the text or thinking part that is open; ignored when neither is (GM-32). */
void chat_emit_open_signature(struct chat_emitter *e, uint32_t candidate, struct slice signature);
/* Whether a part of that kind (text, thinking, refusal) is open. */
bool chat_emit_is_open(const struct chat_emitter *e, uint32_t candidate, enum chat_part_kind kind);
/* A thinking part that only `provider` can read. */
void chat_emit_redacted(
	struct chat_emitter *e, uint32_t candidate, struct slice data, enum format_id provider);
/* Raw JSON: a citation of the open text part; log probabilities of what was said last. */
void chat_emit_citation(struct chat_emitter *e, uint32_t candidate, struct slice citation);
void chat_emit_logprobs(struct chat_emitter *e, uint32_t candidate, struct slice logprobs);
/* A part that comes whole. */
void chat_emit_image(
	struct chat_emitter *e, uint32_t candidate, struct slice media_type, struct slice data);
void chat_emit_block(struct chat_emitter *e, uint32_t candidate, enum chat_part_kind kind,
	struct slice raw_type, struct slice raw, enum format_id provider);
/* Closes the open text, thinking or refusal part, if any. */
void chat_emit_close(struct chat_emitter *e, uint32_t candidate);

/* Tool calls: key is the decoder's own number for the call (cc index, ant block index). An absent
 * id is made ("call_" + random). Returns false when too many parts are open (an error event was
 * sent). */
bool chat_emit_tool_start(struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice id,
	struct slice name, enum chat_tool_kind kind, struct slice signature);
/* Args text for an open call (ignored when unknown). */
void chat_emit_tool_args(
	struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice text);
/* As chat_emit_tool_args, given as the inside of a JSON string, still escaped. */
void chat_emit_tool_args_escaped(
	struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice escaped);
void chat_emit_tool_end(struct chat_emitter *e, uint32_t candidate, int64_t key);
/* Whether the call was started and not ended. */
bool chat_emit_tool_is_open(const struct chat_emitter *e, uint32_t candidate, int64_t key);
/* How many calls the candidate made. */
size_t chat_emit_tool_count(const struct chat_emitter *e, uint32_t candidate);

/* Merges into what is known and sends the sum (EV-5). */
void chat_emit_usage(struct chat_emitter *e, const struct chat_usage *usage);
/* Closes the candidate's parts. FR-1 (tool calls win over stop and other) is applied here. */
void chat_emit_finish(struct chat_emitter *e, uint32_t candidate, enum chat_finish_reason reason,
	struct slice native_reason, struct slice stop_sequence, struct slice detail);
/* True when every candidate that began has finished (and one did). */
bool chat_emit_is_complete(const struct chat_emitter *e);
/* Closes open parts, then error and end. */
void chat_emit_error(struct chat_emitter *e, const struct error *error, bool is_on_wire);
/* Sent as they are, at any time before the end. */
void chat_emit_ping(struct chat_emitter *e);
void chat_emit_wire(struct chat_emitter *e, struct slice bytes);
/* The end of the answer: flushes tails; complete -> end; else error ERROR_UPSTREAM_PROTOCOL "the
 * answer of the upstream was cut ..." and end. */
void chat_emit_end(struct chat_emitter *e);
/* AN-35: a stream that starts over. Before any content: forget; else close parts and go on. */
void chat_emit_restart(struct chat_emitter *e);

#endif
