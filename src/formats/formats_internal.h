/* formats_internal.h: what the files of this folder share and nobody else sees. */
#ifndef LLMMUX_FORMATS_INTERNAL_H
#define LLMMUX_FORMATS_INTERNAL_H

#include "formats/format.h"

/* The dialects that are built; registry.c lists them. */
extern const struct format format_openai_chat;
extern const struct format format_openai_responses;
extern const struct format format_anthropic;
extern const struct format format_gemini;
extern const struct format format_openai_completions;
extern const struct format format_ollama;

/* Their embedding calls. */
extern const struct format_embed format_openai_embed;
extern const struct format_embed format_gemini_embed;
extern const struct format_embed format_ollama_embed;

/* E-110: a custom tool where there are only functions: its input is the one property. */
#define FORMAT_CUSTOM_TOOL_SCHEMA                                                                  \
	SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"             \
	      "\"required\":[\"input\"]}")

/* The arguments of a call of such a function, in the arena. */
struct slice format_custom_tool_args(struct arena *arena, struct slice input);

/* parse_error of every dialect whose error bodies the general search understands (ER-1). */
void format_read_error(
	int status, const struct http_headers *headers, struct slice body, struct error *error);

/* Raw JSON for a dialect whose pieces end with the line (CC-17, OL-5): without line breaks, which
 * stand between tokens only. The bytes themselves when they have none, else a copy in the arena. */
struct slice format_one_line(struct arena *arena, struct slice raw);

/* Whether every tool call has one result and every result its call: right behind the calls, or
 * anywhere behind them (7.2, E-41, E-42, E-46). Takes time linear in the conversation. */
bool format_calls_are_paired(const struct chat_request *request, bool is_anywhere);

/* A mended copy of the request without the thinking of its messages (AN-21, E-72); NULL when it has
 * none. */
const struct chat_request *format_without_thinking(const struct chat_request *request);

/* parse_count of the dialects whose answer is {"input_tokens": N}. */
bool format_read_input_tokens(
	struct slice body, struct arena *arena, int64_t *tokens, struct error *error);

/* encode_error of the families. */
void format_encode_openai_error(
	const struct error *error, struct slice request_id, struct buf *out);
void format_encode_anthropic_error(
	const struct error *error, struct slice request_id, struct buf *out);
void format_encode_gemini_error(
	const struct error *error, struct slice request_id, struct buf *out);
void format_encode_ollama_error(
	const struct error *error, struct slice request_id, struct buf *out);

/* /api/tags and /api/show: the lists of FAMILY_OLLAMA. */
void ollama_encode_tags(const struct format_list *list, struct buf *out);
void ollama_encode_show(const struct format_model *model, struct buf *out);

/* The encoder_create of every dialect for whole answers: folds, then encode_response at `end`;
 * writes nothing after an error event. */
struct chat_sink *format_whole_encoder_create(
	const struct format *format, const struct format_encoder_options *options);

/* Records what a request says that no request of that upstream dialect can. */
void format_note_unspoken(const struct chat_request *request, enum format_id upstream,
	const struct format_target *target, struct chat_losses *losses);

#endif
