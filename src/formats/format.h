/* format.h: one wire dialect as a table of functions. Nothing outside formats/ knows a dialect's
 * field names.
 *
 *   client bytes --parse_request--> chat_request --build_request--> upstream bytes
 *   upstream bytes --decoder--> chat_events --encoder--> client bytes
 *
 * When client and upstream speak the same dialect the request is spliced (format_splice_request)
 * and the decoder, with keep_wire, hands on the answer's own bytes as WIRE events while it reads
 * them. */
#ifndef LLMMUX_FORMATS_FORMAT_H
#define LLMMUX_FORMATS_FORMAT_H

#include "base/index.h"
#include "chat/embed.h"
#include "chat/event.h"
#include "chat/fold.h"
#include "formats/count.h"
#include "models/models.h"
#include "net/http.h"

/* Shapes of error bodies and of list answers (gateway.md 3.6). */
enum api_family {
	FAMILY_OPENAI,
	FAMILY_ANTHROPIC,
	FAMILY_GEMINI,
	FAMILY_OLLAMA
};

/* ---- request in ---- */
struct format_parse {
	struct slice body;
	const struct json *tree; /* body parsed: the caller has checked that it is an object */
	enum chat_op op;
	/* Of the client's call: the path percent-decoded, the query raw; absent where there was
	 * none (`convert`). A dialect whose path says something reads it there: the model and the
	 * method of a Gemini call (RT-2), Ollama's generate. */
	struct slice path, query;
	const struct http_headers *headers; /* of the client; may be NULL */
	struct arena *arena;
};

/* ---- request out ---- */
/* What a host of a dialect does differently; a provider's profile and the configuration set them.
 */
enum format_quirk {
	QUIRK_OFFICIAL = 1 << 0,          /* the vendor's own API: its newest spellings */
	QUIRK_NO_STREAM_OPTIONS = 1 << 1, /* refuses stream_options (OC-12) */
	QUIRK_NO_JSON_SCHEMA = 1 << 2,    /* json_object only (OC-10) */
	QUIRK_REASONING_CONTENT = 1 << 3, /* takes reasoning_content on assistant turns (OC-3) */
	QUIRK_NO_DEVELOPER = 1 << 4,      /* refuses role developer (E-56) */
	QUIRK_CODEX = 1 << 5,             /* the ChatGPT flavour of Responses (OR-20..OR-24) */
	QUIRK_CODE_ASSIST = 1 << 6        /* the code-assist envelope around Gemini (GI-1..GI-6) */
};
struct format_target {
	struct slice model; /* the upstream's name for it */
	const struct model_family *family;
	uint32_t quirks;
	bool stream;                /* what is asked of the upstream */
	int64_t default_max_tokens; /* AN-1 cap, 0 = 32000 */
	struct slice project;       /* QUIRK_CODE_ASSIST: the cloud project; absent = none */
};

/* What the builder had to rename; the decoder maps it back (IR-15, NM-1). In the request's arena.
 */
struct format_name_map {
	struct {
		struct slice client, upstream;
	} * items;
	size_t len, cap;
	struct index by_client, by_upstream;
};

struct format_built {
	struct buf body; /* references bytes of the request where they are long */
	struct format_name_map names;
	bool json_tool;      /* AN-24: the schema went as a forced tool; its input is the text */
	struct slice *betas; /* anthropic-beta values the body needs */
	size_t beta_count;
	struct slice
		*stop; /* stop sequences the upstream does not take: to be enforced here (E-47) */
	size_t stop_count;
};

/* ---- answers in ---- */
struct format_decoder_options {
	struct arena *arena;
	struct chat_sink *sink;
	const struct chat_request *request; /* what was asked */
	bool is_stream;  /* the answer is an event stream (by its content type) */
	bool keep_wire;  /* splice: send WIRE events */
	bool hide_usage; /* with keep_wire: drop the usage chunk the client did not ask for (cc) */
	struct slice echo_model; /* with keep_wire: put this name for the model; absent = leave */
	const struct format_built *built; /* names, json_tool; may be NULL */
	struct format_counter counter;    /* for input that the upstream does not tell */
	/* Beyond these the answer ends in ERROR_TOO_LARGE; 0 = the default. */
	size_t max_answer_bytes; /* of a whole answer: 100 MiB */
	size_t max_line_bytes;   /* SSE_LINE_MAX */
	size_t max_args_bytes;   /* of one tool call: CHAT_MAX_ARGS_BYTES */
	size_t max_open_parts;   /* CHAT_MAX_OPEN_PARTS */
	unsigned max_json_depth; /* JSON_MAX_DEPTH */
};

struct format_decoder;
struct format_decoder_ops {
	/* Bytes of a 2xx answer's body, any cut. Errors become an error event and end; bytes after
	 * that are ignored. */
	void (*feed)(struct format_decoder *decoder, struct slice bytes);
	/* The body ended: cleanly (NULL) or by a transport error. After it `end` has been sent. */
	void (*finish)(struct format_decoder *decoder, const struct error *transport_error);
	/* Frees what is not in the arena. Must be called once; no event follows. */
	void (*destroy)(struct format_decoder *decoder);
};
struct format_decoder {
	const struct format_decoder_ops *ops;
	bool has_ended; /* `end` was sent: the rest of the body is of no interest */
};

/* ---- answers out ---- */
/* Told the whole answer when the client has it, for the store of answers (struct format_stored). */
struct format_answer_watch {
	/* JSON text that lives until the call returns: the answer's items without their brackets,
	 * and the object they stand in. */
	void (*on_answer)(struct format_answer_watch *watch, struct slice id, struct slice items,
		struct slice object);
};
struct format_encoder_options {
	struct arena *arena;
	struct buf *out; /* the wire bytes; the caller sends and empties it between events */
	const struct chat_request *request;
	bool is_stream;
	struct slice model; /* to say when the upstream says none, or always with force_model */
	bool force_model;
	int64_t now_s; /* `created` when the upstream says none */
	/* clock_monotonic_ns when the request came, for durations that the upstream does not tell;
	 * 0 = told as 0 */
	uint64_t began_ns;
	struct slice request_id;
	/* A spliced stream that the encoder only has to end: what its client has seen of it. */
	struct {
		struct slice id, model;
		uint64_t events;
	} spliced;
	struct format_counter counter;     /* for input that the upstream does not tell */
	struct format_answer_watch *watch; /* dialects with `stored`; NULL = nobody keeps it */
};
struct format_encoder; /* a chat_sink first; ended state is asked through format_encoder_status */

/* How the pieces of a stream are told apart. */
enum format_framing {
	FRAMING_SSE,  /* server-sent events */
	FRAMING_LINES /* NDJSON: a JSON object a line */
};

struct format {
	enum format_id id;
	const char *name;  /* "openai-chat" */
	const char *title; /* "OpenAI Chat Completions" */
	enum api_family family;
	enum format_framing framing;
	const char *stream_content_type; /* "text/event-stream" */
	bool has_candidates;             /* a request of it may ask for several (n, E-40) */
	const char *keepalive;           /* bytes of an in-stream keep-alive (6.2); NULL = none */
	bool numbers_events; /* every event of a stream carries its number (RS: sequence_number) */

	/* False with ERROR_INVALID_REQUEST and `param` naming the field. */
	bool (*parse_request)(const struct format_parse *parse, struct chat_request *request,
		struct error *error);
	/* Builds the upstream's body; NULL function = no such upstream. False when the meaning
	 * cannot be carried (REJECT). */
	bool (*build_request)(const struct chat_request *request,
		const struct format_target *target, struct format_built *built,
		struct chat_losses *losses, struct error *error);
	bool takes_suffix; /* builds requests with text behind a gap (CO-2) */
	/* False when a same-format request must be built all the same, because its bytes hold what
	 * the upstream refuses; NULL = its bytes always do. */
	bool (*can_splice)(const struct chat_request *request);
	/* What to ask instead, once and of the same account, after an upstream of this dialect
	 * refused the request with `error`: a copy in the request's arena, or NULL when nothing
	 * would help. What the copy lacks is recorded. NULL function = never. */
	const struct chat_request *(*mend)(const struct chat_request *request,
		const struct error *error, struct chat_losses *losses);
	struct format_decoder *(*decoder_create)(const struct format_decoder_options *options);
	/* A sink that writes the dialect. Streamed: wire bytes event by event. Whole: one JSON body
	 * at `end`. On an error event: streamed, the in-band error (6.6); whole, nothing (ask the
	 * fold). */
	struct chat_sink *(*encoder_create)(const struct format_encoder_options *options);
	/* A whole answer of this dialect. */
	bool (*encode_response)(
		const struct chat_response *response, const struct format_encoder_options *options);
	/* The error body of the dialect. */
	void (*encode_error)(const struct error *error, struct slice request_id, struct buf *out);
	/* Reads an upstream's error answer (status >= 400, or an error inside a 200) into *error:
	 * message, type, code, retry-after (ER-1, ER-5, ER-6). HTML gives its title. */
	void (*parse_error)(int status, const struct http_headers *headers, struct slice body,
		struct error *error);
	/* Tokens out of a count answer; NULL = the dialect has no count call. */
	bool (*parse_count)(
		struct slice body, struct arena *arena, int64_t *tokens, struct error *error);
	void (*encode_count)(int64_t tokens, struct buf *out);
	/* The ids in a host's list of models; NULL = the models of a host are known otherwise, and
	 * nobody is asked. False when it is no such list. */
	bool (*parse_models)(
		struct slice body, struct arena *arena, struct slice **ids, size_t *count);
	/* Embeddings; NULL = the dialect has none. */
	const struct format_embed *embed;
	/* Answers that later requests refer to; NULL = the dialect has none. */
	const struct format_stored *stored;
};

/* Answers that later requests refer to by id (RS-3). The items of a conversation are JSON text
 * without the brackets of their list. */
struct format_stored {
	/* The answer a body builds on; absent = none. */
	struct slice (*previous)(const struct json *tree, struct arena *arena);
	/* The body with the items of the earlier turns before its own, and without the reference,
	 * in the arena; its stored answer's id is previous(). False beyond the arena's cap. */
	bool (*restore)(const struct format_parse *parse, struct slice input, struct slice output,
		struct slice *body, struct error *error);
	/* What the model is given, for the store, whether the client wants it there (`store`) or
	 * not; absent = beyond the arena's cap. In the arena of the request, or the body's bytes.
	 */
	struct slice (*input)(const struct chat_request *request);
	/* The list of stored items, a page of it by the query (limit, order, after). False for a
	 * query that makes no sense. */
	bool (*encode_items)(struct slice id, struct slice input, struct slice query,
		struct arena *arena, struct buf *out, struct error *error);
	void (*encode_deleted)(struct slice id, struct buf *out);
};

/* The embedding calls of a dialect (OL-11): whole answers only, so plain functions. */
struct format_embed {
	bool (*parse_request)(const struct format_parse *parse, struct embed_request *request,
		struct error *error);
	bool (*build_request)(const struct embed_request *request,
		const struct format_target *target, struct buf *body, struct chat_losses *losses,
		struct error *error);
	bool (*decode_response)(struct slice body, const struct embed_request *request,
		struct embed_response *response, struct error *error);
	bool (*encode_response)(const struct embed_response *response,
		const struct embed_request *request, struct buf *out, struct error *error);
};

/* The table, indexed by format_id; NULL for dialects that are not built. */
const struct format *format_get(enum format_id id);
/* By name ("openai-chat"); NULL when there is none. */
const struct format *format_find(struct slice name);

/* Whether the client's bytes may go to an upstream of this dialect, with the edits of
 * format_splice_request. */
bool format_can_splice(const struct format *format, const struct chat_request *request);

/* A copy in the request's arena whose reasoning is `wanted` (mode, effort and budget; how it is
 * shown stays the client's wish), whatever its body says in any spelling (RE-6). */
const struct chat_request *format_override_reasoning(
	const struct chat_request *request, const struct chat_reasoning *wanted);

/* False when the request refers to something that only an upstream which keeps it knows (RS-3): an
 * earlier answer, a conversation, a stored prompt or item. */
bool format_check_state(const struct chat_request *request, struct error *error);

/* format->build_request for a dialect that has one, after what no dialect but some can carry was
 * refused (CO-2: text behind a gap goes to Ollama alone). */
bool format_build_request(const struct format *format, const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error);

/* Same-format request: the client's bytes with the model value replaced, and what the dialect needs
 * for us (cc: stream_options.include_usage when streaming, OC-12). */
bool format_splice_request(const struct format *format, const struct chat_request *request,
	const struct format_target *target, struct buf *out, struct error *error);

/* A sink for spliced answers: writes WIRE bytes to `out`, and the dialect's in-band error when an
 * error event is not on the wire already. */
struct chat_sink *format_splice_encoder_create(
	const struct format *format, const struct format_encoder_options *options);

/* Error bodies by family, for paths without a dialect. */
void format_encode_error(enum api_family family, const struct error *error, struct slice request_id,
	struct buf *out);
/* HTTP status of an error in a family (overloaded: 529 for Anthropic, 503 elsewhere). */
int format_error_status(enum api_family family, const struct error *error);

/* What Ollama's names end in when they have no tag of their own. */
#define OLLAMA_DEFAULT_TAG ":latest"

/* One model in the lists. */
struct format_model {
	struct slice id, display_name, owned_by;
	int64_t created_s;
	int64_t context_tokens, max_output_tokens; /* 0 unknown */
	uint32_t capabilities;                     /* enum model_capability; 0 unknown */
};
struct format_list {
	const struct format_model *models;
	size_t count;
	bool has_more;
	struct slice next_page; /* gem: the token of the next page; absent = the last one */
};
/* A list answer or a single model (RT-1: the anthropic-version header picks the family). Ollama's
 * are those of /api/tags and /api/show (OL-8, OL-9). */
void format_encode_models(enum api_family family, const struct format_list *list, struct buf *out);
void format_encode_model(enum api_family family, const struct format_model *model, struct buf *out);

#endif
