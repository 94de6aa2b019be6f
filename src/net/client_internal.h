/* client_internal.h: what the files of the HTTP client share. Private to net/client*.c.
 *
 * Two engines carry calls. Plain http without a proxy is spoken by our own (client_h1.h, which
 * draws it); all else by libcurl. client.c has what both have in common: the life of a call, its
 * timer, its end. libcurl's side:
 *
 *   client_submit --> queue --end of turn--> curl multi --> on_headers, on_data --> on_done -->
 * pool client_cancel, client_resume --^              ^ socket events, timer
 *
 * libcurl forbids its functions inside its callbacks, so nothing the caller asks for touches it at
 * once: the call is put into the client's queue and served at the end of the turn. A call and its
 * easy handle are one object and go back to a pool, with their options, when the call is over. */
#ifndef LLMMUX_NET_CLIENT_INTERNAL_H
#define LLMMUX_NET_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "base/vec.h"
#include "net/client.h"
#include "net/client_h1.h"

#define CLIENT_HEAD_MAX ((size_t)64 * 1024)
#define CLIENT_HEAD_KEEP 2048             /* bytes of a head's buffer a pooled call keeps */
#define CLIENT_HELD_MAX ((size_t)1 << 20) /* bytes held for a paused call on h2 */
#define CLIENT_MAX_IDLE 64
#define CLIENT_IDLE_CLOSE_MS 90000
/* libcurl allocates one receive buffer per transfer. An idle stream has touched a page of it, a
 * busy one reads up to this much at a time. */
#define CLIENT_BUFFER_BYTES (16L * 1024)
/* Bodies up to this go out in the same write as the head (libcurl's own bound is 64 KiB). */
#define CLIENT_ONE_WRITE_MAX ((size_t)60 * 1024)
/* libcurl keeps the buffer a larger body went through until the answer has ended, so it is small
 * for bodies of the usual size: a stream may be open for long. */
#define CLIENT_UPLOAD_BYTES (16L * 1024)
#define CLIENT_UPLOAD_BULK_BYTES (256L * 1024)
#define CLIENT_BULK_MIN ((size_t)1 << 20)
#define CLIENT_POOL_MAX 64
#define CLIENT_METHOD_MAX 32 /* with its NUL */

enum call_state {
	CALL_POOLED,    /* nobody's */
	CALL_QUEUED,    /* submitted, not yet given to its engine */
	CALL_RUNNING,   /* the engine has it */
	CALL_DRAINING,  /* over, but the caller paused and has bytes to get */
	CALL_OVER,      /* on_done was or is being called */
	CALL_CANCELLED, /* by the caller: no callback any more */
	CALL_STATE_COUNT
};

/* Why a call failed, but for what libcurl found (its code says that). */
enum call_failure {
	CALL_FAILURE_NONE,
	CALL_FAILURE_HEAD,   /* the head is larger than allowed */
	CALL_FAILURE_BEHIND, /* paused on h2 and too much came */
	CALL_FAILURE_CONNECT_TIMEOUT,
	CALL_FAILURE_FIRST_BYTE_TIMEOUT,
	CALL_FAILURE_IDLE_TIMEOUT,
	CALL_FAILURE_TOTAL_TIMEOUT,
	/* of our own engine */
	CALL_FAILURE_ADDRESS_TIMEOUT, /* not the end: the next address is tried */
	CALL_FAILURE_RESOLVE,
	CALL_FAILURE_CONNECT,
	CALL_FAILURE_SEND,
	CALL_FAILURE_LOST,
	CALL_FAILURE_NO_ANSWER,
	CALL_FAILURE_CUT_HEAD,
	CALL_FAILURE_CUT_BODY,
	CALL_FAILURE_NOT_HTTP,
	CALL_FAILURE_FRAMING,
	CALL_FAILURE_CODING,
	CALL_FAILURE_COUNT
};

/* The request lines of a call: libcurl's list, its nodes and texts in one block that is reused. */
struct client_lines {
	struct curl_slist *nodes;
	size_t node_count, node_cap;
	struct buf text;
};

struct client_call {
	struct client *client;
	CURL *easy; /* NULL: a call of our own engine */
	enum call_state state;
	enum call_failure failure;
	bool is_listed;   /* in the client's queue */
	bool is_attached; /* in the multi handle */
	bool is_paused;   /* as the caller wishes */
	bool is_stopped;  /* nothing more is read: libcurl or `held` has what came */
	bool is_connected;
	bool was_sent;
	bool has_head;
	bool is_reused;
	struct client_call *queue_next;
	struct client_call *prev, *next; /* among the client's live calls */

	struct client_handler handler;
	void *data;

	/* What the easy handle was last told; setting an option again costs a copy. */
	char *url;
	char *proxy;
	char custom_method[CLIENT_METHOD_MAX];
	bool is_head, is_bulk;
	struct client_lines lines;

	const struct buf *body;
	size_t body_at;
	char *flat_body; /* a small body of several parts, put together */

	struct client_timeouts timeouts;
	size_t max_header_bytes;
	uint64_t started_ms, connecting_ms, sent_ms, heard_ms;
	struct loop_timer timer;

	int status;
	uint32_t http_version;
	uint64_t body_bytes;
	CURLcode code;
	struct buf head; /* the answer's head as it came */
	struct http_headers headers;
	struct buf held; /* bytes that came while paused: of the body (h2), or as they came (own) */
	char *curl_text; /* CURL_ERROR_SIZE bytes */
	struct h1_exchange h1;
};

/* A socket libcurl opened. Its watcher outlives the transfer that used it: taking it from the
 * kernel's set and putting it back would cost two system calls a request. */
struct client_socket {
	struct client *client;
	int fd;
	struct loop_poll *poll;
	int interest;
	bool is_ours; /* opened through us: we learn when it is closed */
	bool is_idle; /* watched, but libcurl does not care */
};

struct client_shared {
	pthread_mutex_t lock;
	struct x509_store_st *store; /* NULL until the first https call */
};

struct client {
	struct loop *loop;
	struct client_shared *shared;
	CURLM *multi;
	CURLSH *share; /* TLS sessions */
	char *user_agent;
	long idle_close_s;
	bool environment_has_proxy, environment_has_http_proxy;
	bool only_libcurl;
	int depth;   /* > 0: inside libcurl */
	bool is_due; /* libcurl wants to be called at the end of the turn */
	struct loop_timer timer;
	struct loop_deferred turn;
	struct client_call *queue_first, **queue_end;
	struct client_call *calls;
	VEC(struct client_call *) pool, own_pool; /* libcurl's; our own engine's */
	struct h1_client h1;
	VEC(struct client_socket *) sockets; /* by descriptor */
};

/* client.c */
void client_list(struct client_call *call);
/* Reads libcurl's messages and ends the calls they are about. */
void client_drain(struct client *client);
void call_fail(struct client_call *call, enum call_failure failure);
/* Ends a running call: calls on_done, after which it is nobody's. */
void call_finish(struct client_call *call);

/* client_call.c: one call and its easy handle */
struct client_call *call_create(struct client *client, struct error *error);
void call_destroy(struct client_call *call);
/* Tells the easy handle what to do. */
bool call_prepare(
	struct client_call *call, const struct client_request *request, struct error *error);
/* Forgets what belonged to the caller. */
void call_clear(struct client_call *call);
bool call_is_live(const struct client_call *call);
/* Whether the caller's header is left out: framing is ours. */
bool client_is_our_header(struct slice name);
/* Checks method and headers. */
bool client_check_request(const struct client_request *request, struct error *error);

/* client_answer.c: what comes back */
size_t call_on_header(char *bytes, size_t size, size_t count, void *user);
size_t call_on_body(char *bytes, size_t size, size_t count, void *user);
/* Passes on what was held while paused. */
void call_give_held(struct client_call *call);

/* client_socket.c: libcurl's sockets and timer on our loop */
bool client_sockets_attach(struct client *client);
void client_sockets_free(struct client *client);
curl_socket_t client_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int client_close_socket(void *user, curl_socket_t fd);

/* client_timeout.c */
void call_timer_fire(struct loop_timer *timer);
/* Arms the timer for the earliest deadline of the call's present phase. */
void call_timer_arm(struct client_call *call);

/* client_error.c */
void call_describe_end(struct client_call *call, struct error *error);

/* client_url.c: "host:port" of a URL that was checked, as written, without user info */
struct slice client_url_authority(struct slice url);
bool client_check_proxy(struct slice proxy, struct error *error);

/* client_tls.c */
CURLcode client_tls_setup(CURL *easy, void *ssl_ctx, void *user);

#endif
