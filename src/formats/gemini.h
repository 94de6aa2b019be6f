/* gemini.h: what the files of the Gemini dialect share. Private to formats/. */
#ifndef LLMMUX_FORMATS_GEMINI_H
#define LLMMUX_FORMATS_GEMINI_H

#include "formats/format.h"
#include "formats/names.h"
#include "formats/turns.h"

bool gemini_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error);
bool gemini_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error);
/* False when the model is also named in the body, the client wants its stream as an array, or media
 * stand in results, which not every model takes (GM-6). */
bool gemini_can_splice(const struct chat_request *request);
struct format_decoder *gemini_decoder_create(const struct format_decoder_options *options);
struct chat_sink *gemini_stream_encoder_create(const struct format_encoder_options *options);
bool gemini_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options);

/* The model and the method of a call's path (RT-2); false when it names no model, and for an absent
 * path. */
bool gemini_split_path(struct slice path, struct slice *model, struct slice *method);

/* A member by its camelCase name, in either spelling (proto JSON); null is absent. */
const struct json *gemini_get(const struct json *object, const char *camel);
bool gemini_key_is(const struct json *member, const char *camel);

/* ---- parsing ---- */

struct gemini_parser {
	const struct format_parse *in;
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
	const struct json *tree; /* of the request itself, also inside a generateContentRequest */
	const char *path; /* where in the request we are, for errors: "contents[3].parts[0]" */
};
/* False with ERROR_INVALID_REQUEST in the API's words: "* PATH.FIELD: WHAT". */
bool gemini_refuse(struct gemini_parser *p, const char *field, const char *what);
/* Keeps the members that are not in `known` (NULL-terminated) under prefix + name. */
void gemini_keep_unknown(struct gemini_parser *p, const struct json *object, const char *prefix,
	const char *const *known, struct chat_exts *exts);
bool gemini_parse_contents(struct gemini_parser *p, const struct json *contents);
bool gemini_parse_system(struct gemini_parser *p, const struct json *value);
bool gemini_parse_tools(struct gemini_parser *p, const struct json *value);
bool gemini_parse_tool_config(struct gemini_parser *p, const struct json *value);
bool gemini_parse_config(struct gemini_parser *p, const struct json *value);

/* ---- building ---- */

/* One request being built: a copy of what passes may change (IR-6). */
struct gemini_build {
	const struct chat_request *request;
	const struct format_target *target;
	struct format_built *built;
	struct chat_losses *losses;
	struct error *error;
	struct arena *arena;
	bool is_same_format;
	struct turns turns;
	struct chat_parts system;
	struct chat_tool_choice choice;
	bool drops_functions, drops_builtins; /* GM-12, and models without tools */
	bool schema_as_text;                  /* GM-17: asked for in a system line */
	/* GM-14 */
	struct {
		bool is_set, shows_thoughts, has_budget;
		int64_t budget_tokens;
		const char *level; /* NULL: none */
	} thinking;
};

extern const struct name_rule gemini_name_rule;

/* Messages into turns, then the passes GM-2..GM-5, GM-8, GM-9 (gemini_turns.c). */
void gemini_make_turns(struct gemini_build *b);
/* REJECT: false with b->error when the meaning would change (gemini_choose.c). */
bool gemini_check_request(struct gemini_build *b);
/* Thinking, tools, structured output. Before gemini_make_turns: it may add system lines. */
void gemini_choose(struct gemini_build *b);
/* One part of a turn; false with b->error when it cannot be carried (gemini_parts.c). */
bool gemini_put_part(struct gemini_build *b, struct json_writer *w, const struct chat_part *part);
/* GM-6: the media of a result as parts of the turn, for models that take none inside it. */
bool gemini_put_result_media(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *result);
/* The members "tools" and "toolConfig", where there are any (gemini_tools.c). */
void gemini_put_tools(struct gemini_build *b, struct json_writer *w);
bool gemini_has_functions(const struct gemini_build *b);
/* The member "generationConfig" (gemini_config.c). */
void gemini_put_config(struct gemini_build *b, struct json_writer *w);

/* ---- answers ---- */

/* "usageMetadata"; counts that are not known are estimated (4.4, US-2, US-3). */
void gemini_put_usage(struct json_writer *w, const struct chat_usage *usage, int64_t input_estimate,
	int64_t output_estimate);
/* 4.1; false for a word that says no more than "other". Words that make the answer an error give
 * GEMINI_FINISH_ERROR (GM-33). */
#define GEMINI_FINISH_ERROR CHAT_FINISH_COUNT
bool gemini_finish_reason(struct slice native, enum chat_finish_reason *reason);
/* "finishReason" of 4.1; a native word of this dialect is kept. */
const char *gemini_finish_word(enum chat_finish_reason reason, struct slice native);
/* {"functionCall": ...}, the arguments as an object (E-13). */
void gemini_put_call(struct json_writer *w, struct arena *arena, struct slice id, struct slice name,
	struct slice args, struct slice signature);
/* {"text": ...} with its thought mark and signature. */
void gemini_put_text(
	struct json_writer *w, struct slice text, bool is_thought, struct slice signature);
/* {"inlineData": ...} or {"fileData": ...} */
void gemini_put_image(struct json_writer *w, struct slice media_type, struct slice data);
/* Sources of an answer, in the shape of "groundingMetadata". */
struct gemini_source {
	struct slice url, title; /* JSON strings */
	int64_t begin, end;      /* bytes of the text */
};
struct gemini_sources {
	struct gemini_source *items;
	size_t len, cap;
};
/* Adds what a citation of the bytes begin to end says, when it names an address. In the arena. */
void gemini_add_source(struct gemini_sources *sources, struct arena *arena, struct slice citation,
	int64_t begin, int64_t end);
void gemini_put_sources(struct json_writer *w, const struct gemini_sources *sources);
/* E-94: logprobsResult into the cc shape; false when there is nothing in it. */
bool gemini_read_logprobs(const struct json *result, struct buf *out);
/* "logprobsResult" of the cc entries (without brackets). */
void gemini_put_logprobs(struct json_writer *w, struct arena *arena, struct slice entries);
/* "promptFeedback": the prompt was blocked (GC-10). */
void gemini_put_blocked(struct json_writer *w, struct slice native, struct slice message);
/* RE-5: a client that asked for no thoughts sees none (GC-8). */
bool gemini_shows_thoughts(const struct chat_request *request);

/* ---- the code-assist envelope (gemini_code_assist.c, GI-1..GI-6) ---- */

/* Writes the members of an envelope up to the beginning of its request, whose members follow. */
void gemini_begin_envelope(struct json_writer *w, const struct chat_request *request,
	const struct format_target *target);
/* GI-6: the client's own bytes inside an envelope. False beyond the limit of `out`. */
bool gemini_wrap_body(
	const struct chat_request *request, const struct format_target *target, struct buf *out);
/* GI-2: what is inside an envelope; the tree itself when it is none, NULL for an envelope without
 * a response. */
const struct json *gemini_unwrap(const struct json *tree);

#endif
