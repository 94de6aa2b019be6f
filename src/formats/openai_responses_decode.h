/* openai_responses_decode.h: what the halves of the decoder share. */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_DECODE_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_DECODE_H

#include "formats/decode_common.h"
#include "formats/openai_responses.h"

/* Bounds what is remembered of an answer: its items, and the content parts of one. */
#define OPENAI_RESPONSES_MAX_ITEMS 16384

/* What was emitted of one item of the answer. Keyed by its place in the output: some hosts change
 * the ids between events (OR-31, E-109). */
struct openai_responses_item {
	int64_t index;
	bool is_started;   /* a call: tool_start was sent */
	bool is_done;      /* nothing more may be emitted of it */
	bool has_text;     /* reasoning: some of it was emitted */
	bool has_raw_text; /* reasoning: the text itself came, so its summaries do not count */
	bool needs_gap;    /* reasoning: another summary begins (OR-30) */
	size_t args_len;   /* a call: bytes of decoded arguments emitted */
	struct {
		struct openai_responses_content {
			int64_t index;
			bool has_text;
			size_t note_count; /* annotations emitted */
		} * items;
		size_t len, cap;
	} contents; /* of a message */
};

struct openai_responses_decoder {
	struct decode shell;
	struct {
		struct openai_responses_item *items;
		size_t len, cap;
	} items;
	int64_t last_place; /* for hosts that number nothing */
	bool saw_refusal;
	struct slice created; /* keep_wire: the object the answer began with */
	int64_t sequence;     /* of the last event */
	bool has_error;       /* an `error` event came: `response.failed` may follow (RS-25) */
	struct error error;
};

/* Events about one item. `place` is where it stands in the output. */
void openai_responses_item_added(
	struct openai_responses_decoder *self, int64_t place, const struct json *item);
/* The item is whole: emits what was not emitted yet (OR-32), and closes it. */
void openai_responses_item_done(
	struct openai_responses_decoder *self, int64_t place, const struct json *item);
void openai_responses_content_added(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree);
/* The content part is whole. */
void openai_responses_content_done(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree);
/* A delta of text, refusal, reasoning or arguments; `is_whole`: the `.done` that repeats all. */
void openai_responses_text(struct openai_responses_decoder *self, int64_t place,
	const struct json *tree, enum chat_event_type type, bool is_whole);
void openai_responses_thinking(struct openai_responses_decoder *self, int64_t place,
	const struct json *text, bool is_raw, bool is_whole);
void openai_responses_summary_added(struct openai_responses_decoder *self, int64_t place);
void openai_responses_args(struct openai_responses_decoder *self, int64_t place,
	const struct json *args, bool is_whole);
void openai_responses_annotation(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree);

#endif
