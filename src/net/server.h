/* server.h: HTTP server: listeners, connections, exchanges. HTTP/1.1, and HTTP/2 by ALPN over TLS
 * or by its preface on a plain connection; the handler never sees which.
 *
 *   listener (one per loop thread, SO_REUSEPORT) -> connection -> exchange (one request, one
 * answer)
 *
 * Life of an exchange, all on its loop:
 *   on_head   head parsed; route, authenticate; may answer at once (the rest of the body is then
 *             read and dropped, or the connection closed)
 *   on_body   the whole body, content-decoded, within the limit; empty when the request has none.
 *             Not called once the exchange was answered
 *   ...       the handler answers: http_respond, or http_start + http_write* + http_end
 *   on_done   last call in every case, exactly once: answered and flushed, aborted or failed;
 *             nothing may touch the exchange afterwards
 *
 * A client that leaves before the answer is complete gives on_done with is_aborted. Its FIN is
 * enough (gateway.md 6.5): clients that die or give up close their socket, so a half-closed
 * connection counts as gone unless the whole answer was queued already. No function of the exchange
 * calls a callback before it returns. */
#ifndef LLMMUX_NET_SERVER_H
#define LLMMUX_NET_SERVER_H

#include "base/buf.h"
#include "base/log.h"
#include "loop/loop.h"
#include "net/http.h"

struct http_server;   /* the listener of one loop and its connections */
struct http_exchange; /* opaque but for http_exchange_request and friends */

struct http_request {
	struct slice method; /* "GET" ... */
	struct slice target; /* as sent */
	struct slice path;   /* percent-decoded, without the query */
	struct slice query;  /* raw, without '?'; absent when there is none */
	struct slice host;   /* Host or :authority */
	struct http_headers headers;
	struct slice peer; /* "127.0.0.1:5123" of the socket */
	bool is_loopback_peer;
	bool is_tls;
	int64_t content_length; /* -1 unknown */
	uint64_t received_ns;   /* clock_monotonic_ns when the first byte of the head came */
};

struct http_handler {
	void (*on_head)(struct http_exchange *exchange, void *context);
	void (*on_body)(struct http_exchange *exchange, struct slice body, void *context);
	/* The unsent output fell below the low-water mark after http_write said false. */
	void (*on_writable)(struct http_exchange *exchange, void *context);
	/* The request fails at the HTTP level (413, 408, 415, 400 broken body) after on_head: the
	 * handler answers in the caller's format with http_respond. */
	void (*on_error)(struct http_exchange *exchange, const struct error *error, void *context);
	void (*on_done)(struct http_exchange *exchange, bool is_aborted, void *context);
	/* The body of an answer to a head that could not be parsed (no route known): JSON text to
	 * `out`. */
	void (*encode_head_error)(const struct error *error, struct buf *out, void *context);
	void *context;
};

struct http_server_limits {         /* 0 = default */
	size_t header_bytes;        /* 64 KiB: request line and headers together -> 431 */
	size_t body_bytes;          /* 50 MiB as sent -> 413 */
	size_t decoded_bytes;       /* as body_bytes; after content decoding -> 413 */
	unsigned max_headers;       /* 128 -> 431 */
	size_t pipeline_bytes;      /* 64 KiB sent ahead of the answer; reading stops there */
	unsigned max_connections;   /* per loop, 4096; beyond: accept, answer 503, close */
	unsigned header_timeout_ms; /* 10 s from the first byte to the end of the head -> 408 */
	unsigned body_timeout_ms;   /* 30 s without a body byte; and see min_body_rate -> 408 */
	unsigned min_body_rate; /* bytes per second, averaged, once the grace is over (slowloris),
				   512 */
	unsigned body_grace_ms; /* 10 s */
	unsigned keepalive_timeout_ms; /* 120 s idle between requests */
	unsigned write_timeout_ms;     /* 120 s without progress of a non-empty output */
	unsigned linger_timeout_ms; /* 2 s without input before an early answer's connection closes
				     */
	size_t high_water, low_water; /* 256 KiB, 64 KiB of unsent output */
};

struct http_server_options {
	const char *host; /* numeric address or name; NULL = 127.0.0.1 */
	uint16_t port;    /* 0: the kernel chooses; see http_server_port */
	bool reuse_port;  /* set for the second and later loops: share the first's port */
	const char *tls_cert, *tls_key; /* PEM paths, both or none; TLS >= 1.2 */
	struct http_server_limits limits;
	struct http_handler handler;
	struct log *log;
};

/* Checks that nobody listens: binds once without SO_REUSEPORT and closes. ERROR_CONFIGURATION
 * naming host and port ("port 8317 is already in use on 127.0.0.1 ..."), its param the one to
 * change: "port" or "host". */
bool http_probe_port(const char *host, uint16_t port, struct error *error);
/* Listens; NULL with an error that names what failed, its param "port", "host" or "tls". Strings
 * are copied. */
struct http_server *http_server_create(
	struct loop *loop, const struct http_server_options *options, struct error *error);
/* The port that is listened on. */
uint16_t http_server_port(const struct http_server *server);
/* Stops accepting (closes the listener) and closes idle connections; running exchanges go on with
 * `Connection: close`. drained(data) is called once none is left (maybe at once). */
void http_server_drain(struct http_server *server, void (*drained)(void *data), void *data);
/* Aborts everything left (on_done for each) and frees. Accepts NULL. */
void http_server_destroy(struct http_server *server);
/* Open connections, idle ones too. */
size_t http_server_connections(const struct http_server *server);

/* ---- the exchange, for handlers ---- */
const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* Lives as long as the exchange. */
struct arena *http_exchange_arena(struct http_exchange *exchange);
/* A pointer of the handler's own. */
void http_exchange_set_data(struct http_exchange *exchange, void *data);
void *http_exchange_data(const struct http_exchange *exchange);
/* Keeps the request's body bytes alive until on_done (by default until then too; release frees them
 * early, once they were sent on). */
void http_exchange_release_body(struct http_exchange *exchange);

/* A whole answer. Content-Length, Date and Connection are the server's (given ones are skipped, as
 * is a header that would break the head); HEAD drops the body. The body's bytes move out of `body`
 * (left empty; NULL = none); what it holds by reference must live until on_done. */
void http_respond(struct http_exchange *exchange, int status, const struct http_header *headers,
	size_t header_count, struct buf *body);
/* Begins a streamed answer. Nothing is sent yet: the head leaves together with the first bytes, in
 * one writev at the end of the turn, or alone after http_flush. */
void http_start(struct http_exchange *exchange, int status, const struct http_header *headers,
	size_t header_count);
/* Queues bytes (copied). False when the unsent output is above the high-water mark: stop producing
 * until on_writable. One writev a loop turn. */
bool http_write(struct http_exchange *exchange, struct slice bytes);
/* Sends the head although no body byte is there yet. */
void http_flush(struct http_exchange *exchange);
/* The streamed answer is complete. */
void http_end(struct http_exchange *exchange);
/* Cuts the answer short so that the client can see it (no final chunk; RST_STREAM on HTTP/2). What
 * was written before still leaves. on_done follows with is_aborted. */
void http_abort(struct http_exchange *exchange);
/* An answer has begun: http_respond, http_start or http_abort was called. */
bool http_is_started(const struct http_exchange *exchange);
/* Status answered (0 before) and body bytes given to the socket so far. */
int http_exchange_status(const struct http_exchange *exchange);
uint64_t http_exchange_bytes_sent(const struct http_exchange *exchange);
/* Bytes queued and not yet given to the socket. */
size_t http_exchange_unsent(const struct http_exchange *exchange);

#endif
