/* request.h: the canonical chat request (formats.md 1.2 to 1.4). Every client format is parsed into
 * it, and every upstream format is built from it; nothing is translated pairwise.
 *
 * Everything lives in the request's arena or points into the client's body, which outlives it.
 * Texts are decoded UTF-8; sub-documents that nobody looks into (schemas, arguments, metadata) stay
 * raw JSON bytes. An absent slice has data == NULL; an empty one has data != NULL. After routing
 * nothing in here changes: fix-ups work on a shallow copy (IR-6). */
#ifndef LLMMUX_CHAT_REQUEST_H
#define LLMMUX_CHAT_REQUEST_H

#include "base/arena.h"
#include "base/error.h"
#include "data/json.h"

enum tristate {
	TRI_UNSET,
	TRI_FALSE,
	TRI_TRUE
};

/* The dialects. The order is the order of the format table. */
enum format_id {
	FORMAT_OPENAI_CHAT,
	FORMAT_OPENAI_COMPLETIONS,
	FORMAT_OPENAI_RESPONSES,
	FORMAT_ANTHROPIC,
	FORMAT_GEMINI,
	FORMAT_OLLAMA,
	FORMAT_COUNT
};

enum chat_op {
	CHAT_OP_CHAT,
	CHAT_OP_COUNT,
	CHAT_OP_COMPACT, /* resp: a conversation made shorter; passed through (RS-29) */
	CHAT_OP_EMBED    /* only in the mux: the request is `embed` */
};

/* OL-4: a request without a prompt, which wants no answer. */
enum chat_load {
	CHAT_LOAD_NONE,
	CHAT_LOAD_MODEL,
	CHAT_UNLOAD_MODEL
};

enum chat_role {
	CHAT_ROLE_SYSTEM,
	CHAT_ROLE_DEVELOPER,
	CHAT_ROLE_USER,
	CHAT_ROLE_ASSISTANT,
	CHAT_ROLE_TOOL
};

/* A number as written, and its value; absent when raw.data is NULL. */
struct chat_number {
	struct slice raw;
	double value;
};

/* A field only one format knows: raw JSON by name (IR-1). */
struct chat_ext {
	enum format_id format;
	struct slice name;
	struct slice json;
};
struct chat_exts {
	struct chat_ext *items;
	size_t len, cap;
};

/* A cache breakpoint on a part, tool or system block. */
struct chat_cache {
	bool is_set;
	struct slice ttl; /* "5m", "1h"; absent = the default */
};

enum chat_part_kind {
	CHAT_PART_TEXT,
	CHAT_PART_IMAGE,
	CHAT_PART_AUDIO,
	CHAT_PART_VIDEO,
	CHAT_PART_FILE,
	CHAT_PART_SEARCH_RESULT,
	CHAT_PART_TOOL_CALL,
	CHAT_PART_TOOL_RESULT,
	CHAT_PART_THINKING,
	CHAT_PART_REFUSAL,
	CHAT_PART_SERVER_TOOL, /* a call or result of a tool the provider runs; raw */
	CHAT_PART_RAW          /* a block no typed kind fits */
};

/* Where media comes from. */
enum chat_source {
	CHAT_SOURCE_NONE,
	CHAT_SOURCE_BASE64,
	CHAT_SOURCE_URL,
	CHAT_SOURCE_FILE_ID,
	CHAT_SOURCE_TEXT,
	CHAT_SOURCE_PARTS
};

enum chat_tool_kind {
	CHAT_TOOL_FUNCTION,
	CHAT_TOOL_CUSTOM,
	CHAT_TOOL_SERVER
};

/* Server tools that more than one provider runs, and so can be mapped (IR-14). */
enum chat_builtin {
	CHAT_BUILTIN_NONE,
	CHAT_BUILTIN_WEB_SEARCH,
	CHAT_BUILTIN_CODE_EXECUTION,
	CHAT_BUILTIN_URL_FETCH
};

struct chat_part;
struct chat_parts {
	struct chat_part *items;
	size_t len, cap;
};

struct chat_part {
	enum chat_part_kind kind;
	struct chat_cache cache;
	struct slice text; /* text, refusal, thinking; transcript of audio; text of a text file */
	struct slice citations; /* raw JSON array in `provider`'s shape; absent when none */
	struct chat_exts ext;

	/* image, audio, video, file */
	enum chat_source source;
	struct slice media_type; /* "image/png"; audio: "audio/wav" */
	struct slice data;       /* base64 text, URL or file id, by source */
	struct slice detail;     /* image: low, high, auto, original */
	struct slice filename, title, context;
	enum tristate citations_enabled;
	struct chat_parts parts; /* of a tool result, search result, or content-parts file */

	/* tool call, tool result, server tool */
	struct slice call_id; /* the id as the client knows it */
	struct slice name;
	struct slice namespace_name; /* resp: the namespace of the called tool (RS-5) */
	struct slice item_id;        /* resp: the item's own id, beside call_id (RS-10) */
	enum chat_tool_kind tool_kind;
	struct slice args; /* function: JSON text as produced, "{}" when empty (IR-10); custom: the
			      input text */
	bool args_valid;   /* args is one whole JSON value */
	bool is_error;     /* tool result */
	bool has_string_content; /* tool result: was a plain string (kept for a faithful copy) */

	/* thinking (IR-11): at most one opaque proof, and who can verify it */
	struct slice
		signature; /* thinking signature; encrypted data when is_redacted; call signature */
	bool is_redacted;
	enum format_id provider; /* who made thinking, server tool, raw, citations */

	struct slice raw;      /* server tool and raw: the whole block */
	struct slice raw_type; /* its type word */
};

struct chat_message {
	enum chat_role role;
	struct chat_parts parts;
	struct slice name;
	struct slice phase;      /* resp: commentary, final_answer (RS-28) */
	bool has_string_content; /* content was a plain string */
	struct chat_exts ext;
};

struct chat_tool {
	enum chat_tool_kind kind;
	struct slice name, description;
	struct slice schema; /* raw JSON object; absent = none given */
	enum tristate strict;
	struct slice server_type;    /* server: "web_search_20260209", "code_interpreter" ... */
	enum chat_builtin builtin;   /* server: what other providers may have too */
	struct slice namespace_name; /* resp: the namespace it was declared in (RS-5) */
	struct slice raw;            /* the whole definition as the client wrote it */
	enum format_id provider;     /* who wrote it */
	struct slice custom_format;  /* custom: raw `format` */
	struct chat_cache cache;
	struct chat_exts ext;
};

enum chat_tool_choice_mode {
	CHAT_TOOL_CHOICE_UNSET,
	CHAT_TOOL_CHOICE_AUTO,
	CHAT_TOOL_CHOICE_NONE,
	CHAT_TOOL_CHOICE_REQUIRED,
	CHAT_TOOL_CHOICE_NAMED,
	CHAT_TOOL_CHOICE_ALLOWED
};

struct chat_tool_choice {
	enum chat_tool_choice_mode mode;
	struct slice name;        /* named */
	enum chat_tool_kind kind; /* named */
	struct slice *allowed;    /* allowed: names */
	size_t allowed_count;
	bool allowed_required; /* allowed: mode required, else auto */
};

enum chat_reasoning_mode {
	CHAT_REASONING_UNSET,
	CHAT_REASONING_OFF,
	CHAT_REASONING_ON,
	CHAT_REASONING_ADAPTIVE,
	CHAT_REASONING_BETWEEN_TOOLS
};

struct chat_reasoning {
	enum chat_reasoning_mode mode;
	struct slice effort; /* as asked: "low", "xhigh" ...; absent = not asked */
	bool has_budget;
	int64_t budget_tokens; /* -1 = the model decides */
	struct slice summary;  /* none auto concise detailed */
	enum tristate include_text;
	struct slice display; /* summarized omitted */
};

enum chat_response_format_kind {
	CHAT_RESPONSE_TEXT,
	CHAT_RESPONSE_JSON_OBJECT,
	CHAT_RESPONSE_JSON_SCHEMA
};

struct chat_response_format {
	bool is_set;
	enum chat_response_format_kind kind;
	struct slice name, description;
	struct slice schema;  /* raw */
	struct slice openapi; /* gem: the schema as the client wrote it, in the OpenAPI subset */
	enum tristate strict;
};

struct chat_request {
	enum format_id client_format;
	enum chat_op op;
	struct arena *arena;

	struct slice body;       /* the client's bytes (after decoding), for splicing */
	const struct json *tree; /* parsed body */
	bool is_mended; /* says less than the body (struct format.mend): built, never spliced */
	/* Says something else than the body (format_override_reasoning): built, never spliced. */
	bool is_overridden;

	struct slice model; /* as the client wrote it */
	bool stream;
	bool stream_is_array; /* gem: a streamed JSON array instead of SSE (GC-5) */
	bool has_stream_options;
	enum tristate include_usage, include_obfuscation;

	struct chat_parts system;
	bool system_is_string;      /* ant: `system` was a plain string */
	enum chat_role system_role; /* cc: the role the leading messages had */
	struct {
		struct chat_message *items;
		size_t len, cap;
	} messages;
	struct {
		struct chat_tool *items;
		size_t len, cap;
	} tools;
	bool legacy_functions; /* cc: `functions` / `function_call` were used */
	struct chat_tool_choice tool_choice;
	enum tristate parallel_tool_calls;

	bool has_max_output_tokens;
	int64_t max_output_tokens; /* visible and reasoning */
	struct chat_number temperature, top_p, top_k, min_p;
	struct chat_number presence_penalty, frequency_penalty, repeat_penalty, seed;
	struct slice logit_bias; /* raw */
	bool has_n;
	int64_t n;
	struct slice *stop;
	size_t stop_count;
	enum tristate logprobs;
	bool has_top_logprobs;
	int64_t top_logprobs;
	struct chat_response_format response_format;
	struct chat_reasoning reasoning;
	struct slice verbosity;
	struct slice metadata; /* raw */
	struct slice end_user_id, safety_identifier, cache_key;
	struct slice service_tier;
	enum tristate store;
	struct slice web_search; /* raw options of cc `web_search_options` */
	struct slice modalities; /* raw */
	struct slice audio_out;  /* raw */
	struct slice prediction; /* raw */
	/* resp: raw; state of an earlier answer is the caller's business (RS-3) */
	struct slice previous_response_id, include, truncation;
	struct slice restored_response_id; /* resp: what was referred to; its items are in here */
	/* comp and Ollama's generate */
	bool is_generate; /* goes to Ollama's /api/generate, not to /api/chat (OU-1) */
	enum chat_load load;
	struct slice suffix; /* text behind the gap (CO-2) */
	enum tristate echo;  /* comp: the prompt is said again before the answer */
	/* comp: more than one, each a request of its own that the mux makes, with the prompt as its
	 * only message (CO-1); a single one is the request's only message already */
	struct slice *prompts;
	size_t prompt_count;
	struct slice *betas; /* anthropic-beta header and body */
	size_t beta_count;
	struct chat_exts ext;              /* everything else at the top level */
	const struct embed_request *embed; /* CHAT_OP_EMBED */
};

/* Something that could not be carried, or was changed, on the way to an upstream (IR-5). */
struct chat_loss {
	const char *rule;  /* spec id: "AN-19" */
	const char *field; /* "presence_penalty" */
	const char *reason;
	bool is_altered; /* changed, not dropped */
};
struct chat_losses {
	struct arena *arena;
	struct chat_loss *items;
	size_t len, cap;
};
#define CHAT_MAX_LOSSES 256
/* Records a loss; strings are copied; a NULL list discards; equal ones are recorded once. Behind
 * CHAT_MAX_LOSSES different ones a last record says that there are more. */
void chat_drop(struct chat_losses *losses, const char *rule, const char *field, const char *reason);
void chat_alter(
	struct chat_losses *losses, const char *rule, const char *field, const char *reason);

/* ---- small helpers over requests ---- */
/* Append a zeroed element, in the arena. A pointer into the list holds until the next push. */
struct chat_part *chat_parts_push(
	struct arena *arena, struct chat_parts *parts, enum chat_part_kind kind);
struct chat_message *chat_request_push(struct chat_request *request, enum chat_role role);
struct chat_tool *chat_request_push_tool(struct chat_request *request);
void chat_ext_add(struct arena *arena, struct chat_exts *exts, enum format_id format,
	struct slice name, struct slice json);
/* The raw JSON kept under that name for that format; absent when there is none. */
struct slice chat_ext_get(const struct chat_exts *exts, enum format_id format, const char *name);
/* All text parts joined with `separator`; the one slice itself when there is only one. */
struct slice chat_parts_text(
	struct arena *arena, const struct chat_parts *parts, const char *separator);
/* IR-10: the text is one whole JSON value that may be written into another (no BOM before it). */
bool chat_args_are_valid(struct slice args);
/* True when every part is text, also when there is none. */
bool chat_parts_all_text(const struct chat_parts *parts);
/* By name; NULL when there is none. */
const struct chat_tool *chat_request_find_tool(
	const struct chat_request *request, struct slice name);
/* Splits "data:MT[;params];base64,DATA" without decoding; percent-encoded data is decoded and
 * re-encoded in the arena (E-59). False when it is no data: URL. */
bool chat_split_data_url(
	struct arena *arena, struct slice url, struct slice *media_type, struct slice *data);
/* The media type the first bytes of base64 data show (E-60); absent when unknown. */
struct slice chat_sniff_media_type(struct slice base64);

#endif
