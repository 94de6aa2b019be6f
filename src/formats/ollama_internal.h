/* ollama_internal.h: the pieces of the Ollama dialect (formats.md 2.6, 3.6). */
#ifndef LLMMUX_FORMATS_OLLAMA_INTERNAL_H
#define LLMMUX_FORMATS_OLLAMA_INTERNAL_H

#include "formats/formats_internal.h"

bool ollama_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error);
bool ollama_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error);
/* OU-3: without `think`, for a model that has no thinking. */
const struct chat_request *ollama_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses);
struct format_decoder *ollama_decoder_create(const struct format_decoder_options *options);
struct chat_sink *ollama_encoder_create(const struct format_encoder_options *options);
bool ollama_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options);

/* The names in an answer of /api/tags. */
bool ollama_parse_tags(struct slice body, struct arena *arena, struct slice **ids, size_t *count);

/* No client needs more, and what is paired by name stays cheap. */
#define OLLAMA_MAX_TOOLS 1024
#define OLLAMA_MAX_CALLS 512 /* of one message */

struct ollama_parser {
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
};

/* Options and other fields that only this dialect knows are kept raw, those of `options` under this
 * prefix (OL-1). */
#define OLLAMA_OPTION_PREFIX "options."

/* "messages" into request->system and request->messages (OL-2, OL-3). */
bool ollama_parse_messages(struct ollama_parser *p, const struct json *list);
/* "images" of a message or a prompt, appended (OL-2). */
bool ollama_parse_images(struct ollama_parser *p, const struct json *list, const char *name,
	struct chat_parts *parts);

/* False when the client said it wants no thinking (RE-5). */
static inline bool ollama_shows_thinking(const struct chat_request *request) {
	return request == NULL || request->reasoning.mode != CHAT_REASONING_OFF;
}

#endif
