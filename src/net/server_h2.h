/* server_h2.h: HTTP/2 on a connection of the server (RFC 9113); only server*.c include it. Framing,
 * HPACK and the states of streams are libnghttp2's; limits, time and the exchanges are ours.
 *
 *   server_h2.c         a session on its connection: begin, bytes in and out, deadlines, drain, end
 *   server_h2_input.c   frames to requests: heads, bodies, refusals
 *   server_h2_output.c  answers to frames: heads, DATA under flow control, resets
 *   server_h2_guard.c   how often a client may do what costs us more than it
 *
 *   socket ─► http2_session_feed ─► libnghttp2 ─► callbacks (input) ─► handler
 *   socket ◄─ session.out ◄─ http2_session_fill ◄─ libnghttp2 ◄─ exchange ops (output) ◄─ handler
 *
 * feed and fill touch no socket: both can be driven by bytes alone. A stream here lives as long as
 * its exchange, in the exchange's arena. That may be longer than libnghttp2's (the last bytes wait
 * in `out`) or shorter (an early answer left, the rest of the request is dropped). Nothing that a
 * callback of libnghttp2's calls ends the session: a verdict is noted, and carried out when the
 * call that led there has returned. */
#ifndef LLMMUX_NET_SERVER_H2_H
#define LLMMUX_NET_SERVER_H2_H

#include <nghttp2/nghttp2.h>

#include "net/server_internal.h"

/* What a client sends first (RFC 9113 3.4). */
#define HTTP2_PREFACE SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

#define HTTP2_FRAME_HEAD 9
#define HTTP2_STREAMS_MAX 100                  /* at once, of one connection */
#define HTTP2_STREAM_WINDOW (256 * 1024)       /* body bytes under way to us, per stream */
#define HTTP2_CONNECTION_WINDOW (1024 * 1024)  /* and of all streams */
#define HTTP2_FIELD_OVERHEAD 32                /* of a header in its list (6.5.2) */
#define HTTP2_HEAD_ABUSE 4                     /* limits of header bytes: no mistake */
#define HTTP2_CONTINUATIONS_MAX 8              /* frames of one header block */
#define HTTP2_SETTINGS_MAX 32                  /* entries of one SETTINGS frame */
#define HTTP2_QUEUED_FRAMES_MAX ((size_t)1000) /* unread by the client */
#define HTTP2_OUT_MAX ((size_t)128 * 1024)     /* serialized at once */

/* What a client may do often, but not without end. */
enum http2_flood {
	HTTP2_FLOOD_RESET,         /* RST_STREAM: CVE-2023-44487 */
	HTTP2_FLOOD_STREAM_ERROR,  /* what makes us reset a stream: CVE-2025-8671 */
	HTTP2_FLOOD_SETTINGS,      /* each wants an acknowledgement: CVE-2019-9515 */
	HTTP2_FLOOD_PING,          /* the same: CVE-2019-9512 */
	HTTP2_FLOOD_PRIORITY,      /* reprioritisation: CVE-2019-9513 */
	HTTP2_FLOOD_WINDOW_UPDATE, /* beyond those that our DATA explains */
	HTTP2_FLOOD_EMPTY_DATA,    /* DATA that carries nothing: CVE-2019-9518 */
	HTTP2_FLOOD_GOAWAY,
	HTTP2_FLOOD_COUNT
};

struct http2_budget {
	uint32_t left;
	uint64_t refilled_ms;
};

struct http2_stream {
	struct http2_session *session;
	struct http2_stream *next, *previous;
	struct http_exchange *exchange;
	int32_t id;

	/* Request. */
	size_t head_bytes; /* as RFC 9113 6.5.2 counts */
	bool is_head_whole;
	bool is_head_too_large;
	bool awaits_body;     /* END_STREAM did not come */
	uint64_t received_ms; /* when the latest part of it came */
	uint64_t body_started_ms;
	uint64_t body_received;

	/* Answer. */
	nghttp2_nv *head; /* in the exchange's arena */
	size_t head_count;
	struct buf body;
	size_t taken;         /* of `body`, by frames */
	bool is_submitted;    /* libnghttp2 has the head */
	bool is_deferred;     /* it waits for more of the body */
	bool is_last_framed;  /* END_STREAM stands in the session's output */
	uint64_t progress_ms; /* when bytes were framed, or became due */
};

struct http2_session {
	struct http_connection *connection;
	struct http_server *server;
	nghttp2_session *nghttp2;
	struct http2_stream *streams;
	size_t stream_count;

	struct http2_budget budgets[HTTP2_FLOOD_COUNT];
	unsigned continuations; /* of the header block under way */
	bool is_greeted;        /* the client's first SETTINGS came */

	/* Why the connection is to end: a code of RFC 9113 7, and words for the log and GOAWAY. */
	const char *verdict;
	uint32_t verdict_code;

	struct buf out;
	size_t out_sent;
	uint64_t out_progress_ms; /* when some of it left, or it became due */
	uint64_t idle_since_ms;   /* since when there is no stream */
	uint64_t drain_since_ms;
	bool is_draining;    /* the client was told that the end is near */
	bool is_last_goaway; /* no stream begins any more */
	bool is_over;        /* the GOAWAY of the verdict stands in `out`: nothing follows it */
};

/* ---- server_h2.c ---- */

/* Begins a session on a connection: the next bytes are the client's preface. False when that ended
 * the connection. */
bool http2_begin(struct http_connection *connection);
/* The same without the connection's events, for feed and fill alone. NULL without memory. */
struct http2_session *http2_session_create(struct http_connection *connection);
/* Aborts what is under way and frees. */
void http2_session_destroy(struct http2_session *session);
/* Handles bytes of the client; ignores them once there is a verdict. */
void http2_session_feed(struct http2_session *session, struct slice bytes);
/* Moves frames that are due to `out`, up to about HTTP2_OUT_MAX, and carries out the verdict. */
void http2_session_fill(struct http2_session *session);
/* Everything in `out` has left. */
void http2_session_sent(struct http2_session *session);
/* No stream begins any more; those that run go on. */
void http2_session_last_goaway(struct http2_session *session);
/* Notes why the session has to end, unless it is known; gives what a callback of libnghttp2 has to
 * return. `words` must be a literal. */
int http2_condemn(struct http2_session *session, uint32_t code, const char *words);
/* NULL when the exchange of that stream is over, or there never was one. */
struct http2_stream *http2_stream_find(struct http2_session *session, int32_t id);
/* Ends the exchange of a stream, and the stream with it. */
void http2_stream_end(struct http2_stream *stream, bool is_aborted);
uint64_t http2_now_ms(const struct http2_session *session);

/* ---- server_h2_input.c ---- */

/* Adds the callbacks for what is received. */
void http2_input_callbacks(nghttp2_session_callbacks *callbacks);
/* 408 for a body that does not come. */
void http2_body_timeout(struct http2_stream *stream);

/* ---- server_h2_output.c ---- */

extern const struct http_exchange_ops http2_exchange_ops;
/* Adds the callbacks for what is sent. */
void http2_output_callbacks(nghttp2_session_callbacks *callbacks);
/* Body bytes of the answer which no frame took yet. */
size_t http2_stream_unsent(const struct http2_stream *stream);
/* Resets the stream; its exchange ends when the frame leaves. */
void http2_stream_reset(struct http2_stream *stream, uint32_t code);

/* ---- server_h2_guard.c ---- */

void http2_guard_init(struct http2_session *session);
/* Counts one; non-zero when it was too many, and the session is condemned. */
int http2_guard_spend(struct http2_session *session, enum http2_flood flood);
/* Gives back what a frame of ours entitles the client to. */
void http2_guard_allow(struct http2_session *session, enum http2_flood flood, uint32_t count);
/* Adds the callbacks that count. */
void http2_guard_callbacks(nghttp2_session_callbacks *callbacks);

#endif
