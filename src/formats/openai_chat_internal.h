/* openai_chat_internal.h: the pieces of the OpenAI Chat Completions dialect. */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_INTERNAL_H
#define LLMMUX_FORMATS_OPENAI_CHAT_INTERNAL_H

#include "formats/formats_internal.h"

bool openai_chat_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error);
/* False when a tool's result holds more than text (OC-5), or calls and results do not pair. */
bool openai_chat_can_splice(const struct chat_request *request);
bool openai_chat_build_request(const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error);
struct format_decoder *openai_chat_decoder_create(const struct format_decoder_options *options);
struct chat_sink *openai_chat_encoder_create(const struct format_encoder_options *options);
bool openai_chat_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options);

/* ---- shared by the whole and the streamed answer ---- */

/* The word of a finish reason (4.1). `is_legacy`: the client used functions; `has_refusal`: the
 * refusal went out as text of its own. */
const char *openai_chat_finish_word(
	enum chat_finish_reason reason, bool is_legacy, bool has_refusal);
/* The value of "usage" (4.4). */
void openai_chat_write_usage(struct json_writer *w, const struct chat_usage *usage);
/* A citation as an annotation (CC-9) over the code points begin..end of the content; false when it
 * is of a kind that cc does not know. */
bool openai_chat_write_annotation(
	struct json_writer *w, struct slice citation, int64_t begin, int64_t end);
/* One element of "images" (CC-10). */
void openai_chat_write_image(struct json_writer *w, struct slice media_type, struct slice data);
/* One element of "tool_calls"; args absent = "". index < 0 leaves the index out. */
void openai_chat_write_call(struct json_writer *w, int64_t index, struct slice id,
	struct slice name, enum chat_tool_kind kind, struct slice args, struct slice signature);
/* The id, or one that is made up; in the arena. */
struct slice openai_chat_answer_id(struct arena *arena, struct slice id);
/* Usage to tell when the upstream told none: labelled as an estimate (EV-5). */
void openai_chat_estimate_usage(struct chat_usage *usage,
	const struct format_encoder_options *options, size_t output_bytes);

#endif
