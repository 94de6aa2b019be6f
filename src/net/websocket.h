/* websocket.h: WebSocket (RFC 6455): frames without I/O for either side, and sockets that take over
 * an exchange of the server. No extensions, no subprotocols. */
#ifndef LLMMUX_NET_WEBSOCKET_H
#define LLMMUX_NET_WEBSOCKET_H

#include "net/server.h"

/* ---- codes of Close (RFC 6455 7.4) ---- */

enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_UNSUPPORTED = 1003,
	WEBSOCKET_NO_CODE = 1005, /* never sent: the Close had none */
	WEBSOCKET_LOST = 1006,    /* never sent: there was no Close */
	WEBSOCKET_BAD_TEXT = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_LARGE = 1009,
	WEBSOCKET_INTERNAL = 1011
};

/* ---- frames ---- */

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10
};

enum websocket_event {
	WEBSOCKET_NEED_MORE,
	WEBSOCKET_GOT_MESSAGE, /* payload, is_text */
	WEBSOCKET_GOT_PART,    /* a fragment, not the last: nothing to do but to count */
	WEBSOCKET_GOT_PING,    /* payload */
	WEBSOCKET_GOT_PONG,
	WEBSOCKET_GOT_CLOSE, /* code, and the reason in payload */
	WEBSOCKET_BROKEN     /* code and problem: to be closed with */
};

#define WEBSOCKET_HEAD_MAX 14
#define WEBSOCKET_CONTROL_MAX 125 /* payload of a control frame (5.5) */

struct websocket_parser {
	bool takes_masked; /* the server's side */
	size_t max_message;
	uint8_t head[WEBSOCKET_HEAD_MAX];
	size_t head_len; /* bytes of it that came */
	uint64_t left;   /* payload of the frame still to come */
	size_t mask_at;  /* of the payload, modulo 4 */
	bool in_payload;
	bool in_message;  /* a message began and has not ended */
	bool has_message; /* `message` was given out, and goes at the next call */
	struct buf message;
	size_t control_len;
	char control[WEBSOCKET_CONTROL_MAX];
	/* Of the latest event. */
	struct slice payload; /* until the next call */
	bool is_text;
	int code;
	const char *problem;
};

/* `takes_masked`: what a client sends has to be masked, what a server sends must not be (5.1). */
void websocket_parser_init(struct websocket_parser *parser, bool takes_masked, size_t max_message);
void websocket_parser_finish(struct websocket_parser *parser);
/* Consumes from *in up to the next event. Call until it needs more; nothing follows BROKEN. */
enum websocket_event websocket_next(struct websocket_parser *parser, struct slice *in);
/* Appends a whole frame; `mask` is four bytes on the client's side, NULL on the server's. */
void websocket_put(
	struct buf *out, enum websocket_opcode opcode, struct slice payload, const uint8_t *mask);
/* Appends a Close; code 0 sends none. */
void websocket_put_close(struct buf *out, int code, struct slice reason, const uint8_t *mask);

#define WEBSOCKET_ACCEPT_LEN 28
/* The value of Sec-WebSocket-Accept for a key (4.2.2). */
void websocket_accept_value(struct slice key, char out[WEBSOCKET_ACCEPT_LEN + 1]);

/* ---- sockets of the server ---- */

struct websocket;

struct websocket_handler {
	/* A whole message; its bytes live until this returns. */
	void (*on_message)(
		struct websocket *socket, struct slice message, bool is_text, void *context);
	/* The unsent output fell below the low-water mark after a send said false. */
	void (*on_writable)(struct websocket *socket, void *context);
	/* Last call, exactly once: the peer closed, left, or broke the rules. The socket may not be
	 * used any more. The exchange's on_done follows, now or later. */
	void (*on_closed)(struct websocket *socket, int code, void *context);
	void *context;
};

struct websocket_options {  /* 0 = default */
	size_t max_message; /* the server's body_bytes -> 1009 */
	unsigned ping_ms;   /* 30 s without a byte: a ping, and as long again until the end */
};

/* Whether a request wants to become a WebSocket (Upgrade: websocket). */
bool websocket_is_wanted(const struct http_request *request);
/* Answers an unanswered GET, from on_head, with 101, and takes its connection over; the exchange
 * lives on, and its on_done ends it. `headers` join those of the handshake. NULL when the handshake
 * is not one: status 426 for another version than 13 (answer with `Sec-WebSocket-Version: 13`), 400
 * otherwise, 501 over HTTP/2. */
struct websocket *websocket_accept(struct http_exchange *exchange,
	const struct http_header *headers, size_t header_count,
	const struct websocket_handler *handler, const struct websocket_options *options,
	struct error *error);
/* Queues a text message (copied). False when the unsent output is above the high-water mark: stop
 * producing until on_writable. Ignored once the socket is closing. */
bool websocket_send_text(struct websocket *socket, struct slice text);
/* Sends a Close and waits a moment for the peer's. on_closed follows. */
void websocket_close(struct websocket *socket, int code, const char *reason);

#endif
