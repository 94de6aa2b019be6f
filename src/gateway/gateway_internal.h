/* gateway_internal.h: what the files of the gateway share; nobody else includes it.
 *
 *   gateway.c  the server of one loop, and the road of an exchange: guard, route, key, handler
 *   guard.c    Host and Origin       auth.c    client keys        routes.c  the table of routes
 *   reply.c    headers and errors    chat.c    requests in        respond.c answers out
 *   models.c   lists                 misc.c    health, greeting   access.c  the log line
 *   ollama.c   version, show, load   embed.c   embeddings
 *   responses.c  stored answers, kept in responses_store.c; responses_socket.c  over a WebSocket
 *
 * One gateway_call per exchange, in the exchange's arena; gateway_call_finish is the one place that
 * ends it. */
#ifndef LLMMUX_GATEWAY_INTERNAL_H
#define LLMMUX_GATEWAY_INTERNAL_H

#include "base/encoding.h"
#include "gateway/gateway.h"

#define GATEWAY_REQUEST_ID_MAX 128
#define GATEWAY_MAX_HEADERS 48 /* ours, and those of the upstream that are handed on */

struct gateway_call;

/* ---- routes.c ---- */

struct gateway_route {
	const char *method; /* HEAD is taken for GET */
	struct slice path;
	bool is_prefix;      /* `path` and one or more characters */
	struct slice suffix; /* of a prefix: what the path ends in; absent = anything (RT-2) */
	/* Methods of the path when it has more than `method`; NULL = it has not. */
	const char *allow;
	bool is_open;   /* no client key is asked for; logged at level debug */
	bool by_header; /* the anthropic-version header picks the family (RT-1) */
	enum api_family family;
	enum format_id format;
	enum chat_op op;
	/* Exactly one of them: answers to the head alone, or to the whole body. */
	void (*on_head)(struct gateway_call *call);
	void (*on_body)(struct gateway_call *call, struct slice body);
};

/* NULL when there is none; then `allow` names the methods that the path has ("GET, HEAD"), and is
 * NULL for an unknown path. */
const struct gateway_route *gateway_route_find(
	struct slice method, struct slice path, const char **allow);
/* Whose error bodies a path gets, known or not. */
enum api_family gateway_family(struct slice path, const struct http_headers *headers);

/* ---- guard.c ---- */

/* Host without its port and brackets. */
struct slice gateway_host_name(struct slice host);
/* Against DNS rebinding: a page of a foreign name must not reach us under that name. Allowed are
 * loopback names and addresses, the configured host, allowed-hosts, and every address when more
 * than loopback is listened on. False with ERROR_PERMISSION. */
bool gateway_check_host(const struct config *config, struct slice host, struct error *error);

enum gateway_origin {
	GATEWAY_ORIGIN_NONE,    /* no browser, or not across origins */
	GATEWAY_ORIGIN_SAME,    /* our own pages */
	GATEWAY_ORIGIN_ALLOWED, /* listed in cors.allowed-origins: gets CORS headers */
	GATEWAY_ORIGIN_FOREIGN
};
enum gateway_origin gateway_check_origin(
	const struct config *config, struct slice origin, struct slice host);

/* ---- auth.c ---- */

struct gateway_keys {
	uint8_t (*digests)[SHA256_LEN];
	size_t count;
	bool is_needed, allows_loopback;
};
/* Copies what it needs. */
void gateway_keys_init(struct gateway_keys *keys, const struct config *config);
void gateway_keys_finish(struct gateway_keys *keys);
/* Whether the request may pass (gateway.md 3.2). False with ERROR_AUTHENTICATION. */
bool gateway_check_key(
	const struct gateway_keys *keys, const struct http_request *request, struct error *error);
/* The value of a query parameter, percent-decoded into the arena; absent when there is none. */
struct slice gateway_query(struct arena *arena, struct slice query, const char *name);

/* ---- the loop and the call ---- */

struct gateway_loop {
	struct loop *loop;
	struct log *log;
	struct mux_loop *mux_loop;
	const struct mux *mux;
	const struct config *config;   /* the mux's */
	struct responses_store *store; /* NULL: nothing is stored */
	struct http_server *server;
	struct gateway_keys keys;
	/* Streams encode into it, one event at a time: an idle stream holds no buffer. */
	struct buf scratch;
};

/* The sink of one answer (respond.c). */
struct gateway_answer {
	struct chat_sink sink;
	struct gateway_call *call;
	const struct format *format;
	struct chat_sink *encoder;        /* NULL: no event yet */
	struct format_answer_watch watch; /* puts it into the store */
	struct buf body;                  /* of a whole answer */
	bool is_stream;
	bool is_paused;
	uint64_t began_ns;       /* clock_monotonic_ns */
	struct chat_usage usage; /* of a count */
	/* keep-alive of a stream */
	struct loop_timer ping;
	uint64_t written_ms; /* of the last bytes */
	char tail[2];        /* the last bytes: a keep-alive may only follow an empty line */
};

/* The sink of one embedding answer (embed.c). */
struct gateway_embed {
	struct chat_sink sink;
	struct gateway_call *call;
	const struct format *format;
	struct embed_request request;
};

struct gateway_call {
	struct gateway_loop *gateway;
	struct http_exchange *exchange;
	const struct http_request *http;
	struct arena *arena;
	const struct gateway_route *route; /* NULL: none was found */
	const char *allow;                 /* methods of the path, when it has not this one */
	enum api_family family;
	enum gateway_origin origin;
	/* Of its connection, for answers that are to be stored nowhere (`store: false`); NULL =
	 * none is kept. */
	struct responses_store *private_store;
	struct slice request_id;
	struct slice model; /* as asked for; absent before the body was read */
	struct chat_request request;
	struct mux_call *mux_call; /* NULL: not submitted */
	struct gateway_answer answer;
	struct error *error; /* what was answered, for the log; NULL: none */
};

/* ---- reply.c ---- */

struct gateway_headers {
	struct http_header items[GATEWAY_MAX_HEADERS];
	size_t count;
};
/* Content-Type, the request's id, CORS. */
void gateway_headers_init(struct gateway_headers *headers, const struct gateway_call *call,
	struct slice content_type);
/* Slices are kept. What does not fit is dropped: the number of headers is known beforehand. */
void gateway_headers_add(struct gateway_headers *headers, struct slice name, struct slice value);
/* Lists what the route lost of the request, and marks estimates. */
void gateway_headers_add_report(struct gateway_headers *headers, const struct gateway_call *call);
/* A whole answer. The body's bytes move out. */
void gateway_reply(
	struct gateway_call *call, int status, struct slice content_type, struct buf *body);
void gateway_reply_json(struct gateway_call *call, int status, const char *json);
/* The error in the family of the path, with its status and retry hints. */
void gateway_fail(struct gateway_call *call, const struct error *error);
/* 204 to a preflight or a bare OPTIONS, naming call->allow. */
void gateway_reply_options(struct gateway_call *call);

/* ---- respond.c ---- */

#define GATEWAY_SCRATCH_KEEP (64 * 1024) /* of the loop's scratch buffer, between events */

/* Sends the parsed request to the mux; the answer goes to the exchange. */
void gateway_answer_begin(struct gateway_call *call, const struct format *format);
/* The same with the events going to `to`, which gets the answer for its sink. */
void gateway_answer_submit(struct gateway_call *call, const struct format *format,
	void (*to)(struct chat_sink *sink, const struct chat_event *event));
/* Makes the encoder of an answer, at its first event. Streams encode into the loop's scratch. */
void gateway_answer_encode(struct gateway_answer *answer);
void gateway_answer_writable(struct gateway_call *call);
/* The first error of the answer, for its status and the log. */
void gateway_keep_error(struct gateway_call *call, const struct error *error);
/* Cancels what is under way and frees. Accepts an answer that never began. */
void gateway_answer_finish(struct gateway_call *call);

/* ---- shared by handlers ---- */

/* RT-3: one JSON object, whatever the Content-Type says; the body moves behind its BOM. NULL with
 * an error otherwise. (chat.c) */
const struct json *gateway_parse_object(
	struct gateway_call *call, struct slice *body, struct error *error);
/* A body to call->request, with the stored answer it builds on. False with an error. (chat.c) */
bool gateway_parse_request(struct gateway_call *call, const struct format *format,
	struct slice body, const struct json *tree, struct error *error);
/* The model of that name in the shape of the call's family, or the error that there is none.
 * (models.c) */
void gateway_answer_model(struct gateway_call *call, struct slice id);
/* OL-4: answers a request that only wants its model loaded or unloaded; no upstream is asked.
 * (ollama.c) */
void gateway_load(struct gateway_call *call, const struct format *format);

/* ---- responses.c ---- */

/* A body that builds on a stored answer becomes one that does not: *parse is the new one, and the
 * id it built on is returned, absent when there was nothing to do. False with an error. */
bool gateway_restore(struct gateway_call *call, const struct format *format,
	struct format_parse *parse, struct slice *restored, struct error *error);
/* What an encoder tells the whole answer, so that it is stored; NULL when it is not. */
struct format_answer_watch *gateway_watch_answer(
	struct gateway_answer *answer, const struct chat_request *request);

/* ---- handlers ---- */

void gateway_chat(struct gateway_call *call, struct slice body);        /* chat.c */
void gateway_embed(struct gateway_call *call, struct slice body);       /* embed.c */
void gateway_ollama_version(struct gateway_call *call);                 /* ollama.c */
void gateway_ollama_loaded(struct gateway_call *call);                  /* ollama.c */
void gateway_ollama_show(struct gateway_call *call, struct slice body); /* ollama.c */
void gateway_show_response(struct gateway_call *call);                  /* responses.c */
void gateway_delete_response(struct gateway_call *call);                /* responses.c */
void gateway_responses_socket(struct gateway_call *call);               /* responses_socket.c */
void gateway_list_models(struct gateway_call *call);                    /* models.c */
void gateway_show_model(struct gateway_call *call);                     /* models.c */
void gateway_no_such_path(struct gateway_call *call);                   /* misc.c */
void gateway_greet(struct gateway_call *call);                          /* misc.c */
void gateway_hello(struct gateway_call *call);                          /* misc.c */
void gateway_health(struct gateway_call *call);                         /* misc.c */
void gateway_ready(struct gateway_call *call);                          /* misc.c */
void gateway_log_access(struct gateway_call *call, bool is_aborted);    /* access.c */
/* A sane client value, or one of our own. */
struct slice gateway_request_id(struct arena *arena, const struct http_headers *headers);

#endif
