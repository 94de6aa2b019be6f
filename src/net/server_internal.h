/* server_internal.h: what the files of the HTTP server share; nobody else includes it.
 *
 *   server.c             listener, options, drain, pools
 *   server_connection.c  life of a connection: events, timers, flushing, the one way to end it
 *   server_input.c       bytes to requests: heads, bodies, pipelining, refusals
 *   server_output.c      answers to bytes: the head, chunk framing, the unsent queue
 *   server_body.c        one request body: exact buffer, growing buffer, inflation
 *   server_exchange.c    the exchange as handlers see it
 *   server_h2*.c         HTTP/2 (server_h2.h)
 *   server_websocket.c   a WebSocket in an exchange's place (websocket.h)
 *
 *            +-----------------------------------------------+
 *            v                                               |
 *   HANDSHAKE -> IDLE -> HEAD -> BODY -> ANSWER --(keep)-----+
 *                                  |        |
 *                                  +--------+--(close, input may still come)-> LINGER -> gone
 *   HANDSHAKE or IDLE --(HTTP/2)--> TAKEN --(its own end)--------------------------^
 *
 * Ownership: the server owns its connections, a connection its exchange. Handlers are called from
 * the loop's events only, and what they call merely queues (the flush is deferred to the end of the
 * turn), so a connection never goes away under a handler. Functions that may end the connection
 * return false when they did. */
#ifndef LLMMUX_NET_SERVER_INTERNAL_H
#define LLMMUX_NET_SERVER_INTERNAL_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/http1.h"
#include "net/inflate.h"
#include "net/server.h"
#include "net/tls.h"

struct z_stream_s;

#define HTTP_SCRATCH_BYTES (64 * 1024) /* one read buffer for all connections of a loop */
#define HTTP_READ_MAX                                                                              \
	((size_t)256 * 1024) /* of a body at once, to be fair to other connections                 \
			      */
#define HTTP_HANDSHAKE_MS 10000
#define HTTP_LINGER_TOTAL_MS 10000 /* of one closing connection, however busy its sender */
/* An early answer keeps the connection when at most this much body is left to be dropped. */
#define HTTP_EARLY_KEEP_MAX (256 * 1024)
/* Input dropped behind a final answer before the connection is cut, so that a client slightly over
 * the body limit can read its 413. */
#define HTTP_DROP_MAX ((uint64_t)64 * 1024 * 1024)
#define HTTP_POOLED_MAX 256   /* recycled connections, and exchanges, per loop */
#define HTTP_STREAM_KEEP 2048 /* stream buffer kept by an open stream between its writes */
#define HTTP_PEER_MAX 64

/* ---- a request body ---- */

struct http_body {
	char *exact; /* buffer of the announced length; NULL: `grown` is used */
	size_t exact_len, exact_size;
	bool is_exact_owned; /* malloc'd, not in the arena */
	struct buf grown;
	struct inflater inflater;
	size_t limit, decoded_limit;
	size_t received; /* bytes of a compressed body */
};

/* Chooses the buffer by Content-Length (-1: chunked) and Content-Encoding. 413 or 415. */
bool http_body_begin(struct http_body *body, struct arena *arena,
	const struct http_headers *headers, int64_t content_length,
	const struct http_server_limits *limits, struct error *error);
/* Where the socket may be read into without a copy; NULL when bytes must be fed. */
char *http_body_space(const struct http_body *body, size_t *room);
void http_body_filled(struct http_body *body, size_t count);
/* 413 beyond the limit, 400 for a broken compressed stream. */
bool http_body_feed(struct http_body *body, struct slice bytes, struct error *error);
bool http_body_end(struct http_body *body, struct error *error);
struct slice http_body_bytes(const struct http_body *body);
/* Frees; accepts a zeroed body. */
void http_body_release(struct http_body *body);

/* ---- an exchange ---- */

enum http_exchange_state {
	HTTP_EXCHANGE_OPEN,      /* not answered yet */
	HTTP_EXCHANGE_STREAMING, /* http_start was called, more is to come */
	HTTP_EXCHANGE_ENDED,     /* the whole answer is queued */
	HTTP_EXCHANGE_UPGRADED,  /* a WebSocket took its connection over */
	HTTP_EXCHANGE_CUT /* http_abort: what is queued may leave, then the connection is cut */
};

/* What an HTTP version does for its exchanges. The checks common to all are done before. */
struct http_exchange_ops {
	/* `body` is moved out of; whether the answer may have one was not looked at. */
	void (*respond)(struct http_exchange *exchange, const struct http_header *headers,
		size_t header_count, struct buf *body);
	void (*start)(struct http_exchange *exchange, const struct http_header *headers,
		size_t header_count);
	void (*write)(struct http_exchange *exchange, struct slice bytes);
	void (*flush)(struct http_exchange *exchange);
	void (*end)(struct http_exchange *exchange);
	void (*abort)(struct http_exchange *exchange);
	size_t (*unsent)(const struct http_exchange *exchange);
};

struct http_exchange {
	const struct http_exchange_ops *ops;
	void *transport; /* the connection or stream it came on */
	struct http_server *server;
	struct http_request request;
	struct http_body body;
	struct arena arena;
	void *data; /* the handler's */
	enum http_exchange_state state;
	int status;
	bool is_head;        /* the method is HEAD */
	bool is_internal;    /* refusal of a head; the handler does not know it */
	bool wants_writable; /* http_write said false */
	uint64_t body_queued;
	struct http_exchange *next_free;
};

struct http_exchange *http_exchange_take(
	struct http_server *server, const struct http_exchange_ops *ops, void *transport);
void http_exchange_give(struct http_exchange *exchange);
/* Tells the handler, in the one place that does. */
void http_exchange_done(struct http_exchange *exchange, bool is_aborted);
/* Fills path, query and (absolute form) host from request.target. 400 for a bad escape. */
bool http_exchange_set_target(struct http_exchange *exchange, struct error *error);
/* Whether an answer of that status to that request has a body (RFC 9110 6.4.1). */
bool http_exchange_has_body(const struct http_exchange *exchange);
/* Answers by the server itself with encode_head_error's text. */
void http_exchange_refuse(struct http_exchange *exchange, const struct error *error);

/* ---- the answers of a connection ---- */

struct http_output {
	struct slice head; /* unsent part of the answer's head, in the exchange's arena */
	struct buf whole;  /* body of a whole answer */
	size_t whole_sent;
	/* Body of a streamed answer: [sent, framed) are wire bytes which a full socket left over,
	 * [framed, len) is payload that gets its chunk frame when it leaves. */
	struct buf stream;
	size_t stream_sent, stream_framed;
	bool is_chunked;  /* payload is framed; otherwise the end of the connection ends it */
	bool needs_end;   /* the last chunk was not framed yet */
	bool is_head_due; /* the head leaves even without a body byte */
	char chunk_line[20];
};

enum http_flush_result {
	HTTP_FLUSH_DONE,    /* nothing is left that could leave now */
	HTTP_FLUSH_BLOCKED, /* the socket is full */
	HTTP_FLUSH_FAILED
};

struct http_connection;
/* Whether a header of a handler's may stand in an answer's head: it is well-formed, and none of
 * those that are the server's own business, in any HTTP version. */
bool http_output_is_sendable(const struct http_header *header);
#define HTTP_DIGITS_MAX 20
/* Digits of a number at the end of `room`. */
struct slice http_output_number(uint64_t number, char room[HTTP_DIGITS_MAX]);
/* Writes the answer's head into the arena. content_length -1: streamed. */
void http_output_head(struct http_connection *connection, const struct http_header *headers,
	size_t header_count, int64_t content_length);
size_t http_output_unsent(const struct http_output *output);
/* One writev; *progressed says whether bytes left. */
enum http_flush_result http_output_send(struct http_connection *connection, bool *progressed);
/* Frees what is queued. */
void http_output_reset(struct http_output *output);

/* ---- a connection ---- */

enum http_connection_state {
	HTTP_CONNECTION_HANDSHAKE, /* TLS is being set up */
	HTTP_CONNECTION_IDLE,      /* no byte of a request came since the last one ended */
	HTTP_CONNECTION_HEAD,      /* a part of a request head is held */
	HTTP_CONNECTION_BODY,      /* the body is arriving, or being dropped once it was answered */
	HTTP_CONNECTION_ANSWER,    /* the handler has the whole request, or its answer leaves */
	HTTP_CONNECTION_TAKEN,     /* another protocol speaks on it */
	HTTP_CONNECTION_LINGER     /* sending is over; input is dropped until the client closes */
};

struct http_connection;

/* A protocol that takes connections over from HTTP/1.1. Functions that return bool say false when
 * they ended the connection. */
struct http_protocol {
	bool (*on_bytes)(struct http_connection *connection, struct slice bytes);
	/* The socket has room again, or http_connection_flush_later was called in this turn. */
	bool (*flush)(struct http_connection *connection);
	/* The deadline passed and nothing came that moved it. It is not armed any more. */
	void (*on_deadline)(struct http_connection *connection);
	/* The server stops: end soon, at once when nothing is under way. */
	void (*drain)(struct http_connection *connection);
	/* The connection goes away: end every exchange, and free. */
	void (*finish)(struct http_connection *connection);
};

struct http_connection {
	struct http_server *server;
	struct http_connection *next, *previous;
	struct loop_poll *poll;
	struct ssl_st *tls; /* NULL: plain */
	struct http_exchange *exchange;
	int fd;
	enum http_connection_state state;
	int interest;                         /* what the poll watches for */
	const struct http_protocol *protocol; /* NULL: HTTP/1.1 */
	void *session;                        /* the protocol's own */

	/* The timer is armed no later than the deadline and looks at it when it fires: a deadline
	 * that moves away costs no heap operation. */
	struct loop_timer timer;
	uint64_t deadline_ms;
	struct loop_deferred flusher;

	/* Input. */
	struct buf held;      /* part of a head, or bytes sent ahead of an answer */
	size_t scanned;       /* of `held`, for the search of the head's end */
	uint64_t received_ns; /* first byte of the current request; 0: none yet */
	struct http1_chunked chunked;
	bool has_chunked_body;
	bool ignores_input; /* what comes is dropped: the request was refused or answered early */
	bool is_paused;     /* too much was sent ahead: reading stopped */
	bool expects_continue;
	uint64_t body_left; /* bytes of a body of announced length still to come */
	uint64_t body_received, body_started_ms;
	uint64_t dropped;
	uint64_t linger_until_ms;

	/* Answer. */
	int minor_version; /* of the latest request; -1: there was none */
	bool client_keeps; /* the client wants to keep the connection */
	bool must_close;   /* this answer is the last one */
	struct http_output output;

	bool is_loopback;
	size_t peer_len;
	char peer[HTTP_PEER_MAX];
};

extern const struct http_exchange_ops http_connection_ops;

void http_connection_create(struct http_server *server, int fd, const struct sockaddr *peer);
/* The only way a connection ends. Its exchange, if any, is aborted. */
void http_connection_finish(struct http_connection *connection);
/* 0 at the end of the stream, or NET_IO_*. */
ssize_t http_connection_read(struct http_connection *connection, void *to, size_t size);
ssize_t http_connection_write(struct http_connection *connection, const struct iovec *iov, int n);
void http_connection_watch(struct http_connection *connection, int interest);
void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_ms);
/* As set_deadline, but an earlier deadline stays. */
void http_connection_wake_within(struct http_connection *connection, uint64_t delay_ms);
void http_connection_no_deadline(struct http_connection *connection);
/* Has the output looked at when the events of this turn were handled. */
void http_connection_flush_later(struct http_connection *connection);
/* Another protocol speaks from here on. What was received and not used is the caller's. */
void http_connection_take_over(
	struct http_connection *connection, const struct http_protocol *protocol, void *session);
/* Writes out[*sent..] of a protocol's own output; empties it once all of it left. Looks after
 * the interest in writing, not after deadlines. */
enum http_flush_result http_connection_send(
	struct http_connection *connection, struct buf *out, size_t *sent, bool *progressed);
/* Shuts the sending side down and drops input for a while, so that no reset overtakes the answer.
 * Ends the protocol that had taken the connection over. */
void http_connection_linger(struct http_connection *connection, bool is_cut);

/* Reads once and handles what came. */
bool http_connection_receive(struct http_connection *connection);
/* Takes up a request that was sent ahead. */
bool http_connection_resume(struct http_connection *connection);
/* The answer begins while the body is still arriving: the rest is dropped, and the connection is
 * kept only when little is left. */
void http_connection_answer_early(struct http_connection *connection);
/* 408 for a head that does not end. */
void http_connection_head_timeout(struct http_connection *connection);
/* 408 for a body that does not come. */
void http_connection_body_timeout(struct http_connection *connection);

/* ---- the server ---- */

struct http_server {
	struct loop *loop;
	struct http_server_limits limits;
	struct http_handler handler;
	struct log *log;
	char *host;
	uint16_t port;
	int fd; /* -1 once it stopped accepting */
	struct loop_poll *poll;
	struct loop_timer accept_again; /* after running out of descriptors */
	struct tls_context *tls;
	struct http_connection *connections;
	size_t connection_count;
	struct http_connection *free_connections; /* linked by next */
	size_t free_connection_count;
	struct http_exchange *free_exchanges;
	size_t free_exchange_count;
	bool is_draining;
	void (*on_drained)(void *data);
	void *drained_data;
	uint64_t date_until_ms; /* loop time up to which `date` is right */
	size_t date_len;
	char date[CLOCK_TEXT_MAX];
	char *scratch; /* HTTP_SCRATCH_BYTES */
};

/* The Date header's value, computed once a second. */
struct slice http_server_date(struct http_server *server);
/* Calls on_drained when nothing is left; the server may be gone afterwards. */
void http_server_check_drained(struct http_server *server);

#endif
