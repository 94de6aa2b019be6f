/* openai_responses_encode.h: what the halves of the encoder share: the parts of an answer on their
 * way out, and the object they end up in. */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_ENCODE_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_ENCODE_H

#include "formats/openai_responses.h"

/* One part of the answer. A text or refusal is a content part of a message item; everything else is
 * an item of its own. */
struct openai_responses_out {
	struct openai_responses_out *next;
	uint32_t part;
	enum chat_part_kind kind;
	bool is_begun; /* its first event was written */
	bool has_ended;
	struct slice item_id;
	struct buf text; /* all of it so far: text, thinking or arguments (RS-20) */
	size_t sent;     /* bytes of it that went out as deltas */
	struct {
		struct slice *items;
		size_t len, cap;
	} notes; /* annotations, as this dialect writes them */
	size_t notes_sent;
	struct buf logprobs; /* entries, joined by commas */
	/* thinking */
	struct slice proof;
	bool is_redacted;
	enum format_id provider;
	/* calls */
	enum chat_tool_kind tool_kind;
	struct slice call_id, namespace_name, name;
	const struct openai_responses_client_tool *special;
	/* an item of the dialect's own, whole */
	struct slice raw;
};

/* Values of items, and of the content parts of messages. `is_done`: whole, not as it begins. */
void openai_responses_write_content(
	struct json_writer *w, const struct openai_responses_out *out, bool is_done);
void openai_responses_write_reasoning(struct json_writer *w, struct arena *arena,
	const struct openai_responses_out *out, bool is_done);
void openai_responses_write_call(struct json_writer *w, struct arena *arena,
	const struct openai_responses_out *out, bool is_done);
/* A citation of any provider as an annotation over the code points 0..end of its part, in the
 * arena; absent when it is of a kind this dialect has not. */
struct slice openai_responses_annotation_of(
	struct arena *arena, struct slice citation, int64_t end);

/* The response object (RS-8, RS-11, RS-12). */
struct openai_responses_object {
	const struct format_encoder_options *options;
	struct slice id, model;
	int64_t created_s;
	const char *status;             /* "in_progress", "completed", "incomplete", "failed" */
	const char *incomplete_reason;  /* NULL = none */
	const struct error *error;      /* NULL = none */
	struct slice items;             /* of the output, without brackets */
	const struct chat_usage *usage; /* NULL = null */
	struct slice service_tier;
};
void openai_responses_write_object(
	struct json_writer *w, const struct openai_responses_object *object);
/* The value of "error" in the object: null, or {code, message}. */
void openai_responses_write_error(struct json_writer *w, const struct error *error);

#endif
