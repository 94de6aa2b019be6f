/* anthropic.h: what the files of the Anthropic Messages dialect share. Private to formats/. */
#ifndef LLMMUX_FORMATS_ANTHROPIC_H
#define LLMMUX_FORMATS_ANTHROPIC_H

#include "formats/format.h"
#include "formats/names.h"
#include "formats/turns.h"

/* Signatures the gateway itself put on foreign thinking (AC-8): recognised on replay and stripped
 * (AN-20). */
#define ANTHROPIC_OWN_SIGNATURE "gw1."

bool anthropic_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error);
bool anthropic_build_request(const struct chat_request *request, const struct format_target *target,
	struct format_built *built, struct chat_losses *losses, struct error *error);
/* False when the body holds thinking that Anthropic would refuse (AN-20), or calls and results that
 * do not pair. */
bool anthropic_can_splice(const struct chat_request *request);
/* AN-21: without its thinking, when the API cannot verify the signatures. */
const struct chat_request *anthropic_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses);
struct format_decoder *anthropic_decoder_create(const struct format_decoder_options *options);
struct chat_sink *anthropic_stream_encoder_create(const struct format_encoder_options *options);

/* ---- what whole answers and streams share (anthropic_encode.c) ---- */

/* "usage": with estimates where nothing is known (US-3). */
void anthropic_put_usage(struct json_writer *w, const struct chat_usage *usage,
	int64_t input_estimate, int64_t output_estimate);
/* The upstream's id as this API spells ids, or a new one (CC-6). */
struct slice anthropic_message_id(struct arena *arena, struct slice upstream_id);
/* AC-16, E-100, 4.1. */
const char *anthropic_stop_reason(enum chat_finish_reason reason, bool saw_tool, bool saw_refusal);
/* RE-5: a client that asked for no thinking sees none. */
bool anthropic_shows_thinking(const struct chat_request *request);
/* AC-8: FNV-1a over the thinking text, and the signature made of it. */
#define ANTHROPIC_HASH_SEED 14695981039346656037U
uint64_t anthropic_hash(uint64_t hash, struct slice text);
struct slice anthropic_own_signature(struct arena *arena, uint64_t hash);

/* ---- the conversation as the API wants it (anthropic_turns.c) ---- */

/* One request being built: a copy of what passes may change (IR-6). */
struct anthropic_build {
	const struct chat_request *request;
	const struct format_target *target;
	struct format_built *built;
	struct chat_losses *losses;
	struct error *error;
	struct arena *arena;
	bool is_same_format;
	bool is_own_reasoning; /* the reasoning is as an ant client spelled it, not a suffix (RE-6)
				*/
	struct turns turns;
	struct chat_parts system;
	struct chat_reasoning reasoning; /* mode UNSET: nothing is sent */
	bool has_effort;
	const char *effort;
	struct chat_tool_choice choice;
	int64_t max_tokens;
	bool schema_as_tool; /* AN-24 for models without structured output */
	struct format_name_map ids;
};

/* Messages into turns, then the passes AN-3, AN-12..AN-14, AN-20, AN-5, AN-4, AN-7. */
void anthropic_make_turns(struct anthropic_build *b);
/* AN-20: true when the current tool loop lacks the thinking block that thinking needs. */
bool anthropic_lacks_loop_thinking(const struct anthropic_build *b);

/* ---- decisions (anthropic_choose.c) ---- */

/* REJECT: false with b->error when the meaning would change. */
bool anthropic_check_request(struct anthropic_build *b);
/* Fills max_tokens, reasoning, effort, choice and schema_as_tool, adds system lines and limits
 * cache marks. After anthropic_make_turns. */
void anthropic_reserve_names(struct anthropic_build *b); /* before names are given */
void anthropic_choose(struct anthropic_build *b);
/* Whether the model is asked to think. */
bool anthropic_is_thinking(const struct anthropic_build *b);

/* ---- writing tools (anthropic_tools.c) ---- */

/* AN-24: the tool whose input is the structured answer. */
#define ANTHROPIC_JSON_TOOL "json"
/* The members "tools" and "tool_choice", where there are any. */
void anthropic_put_tools(struct anthropic_build *b, struct json_writer *w);

/* ---- writing content blocks (anthropic_parts.c) ---- */

extern const struct name_rule anthropic_tool_name_rule;
/* False with b->error when the part cannot be carried. */
bool anthropic_put_part(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part);
/* A text block; `part` gives its citations, cache mark and extras, or is NULL. */
void anthropic_put_text(struct json_writer *w, struct slice text, const struct chat_part *part);
void anthropic_put_cache(struct json_writer *w, const struct chat_cache *cache);
void anthropic_put_exts(struct json_writer *w, const struct chat_exts *exts);

/* ---- schemas (anthropic_schema.c) ---- */

/* AN-9: the top level must be an object without combinators. */
struct slice anthropic_tool_schema(struct anthropic_build *b, struct slice schema);
/* 4.7: what structured outputs refuse is moved into descriptions. */
struct slice anthropic_output_schema(struct anthropic_build *b, struct slice schema);

#endif
