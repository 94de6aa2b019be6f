/* server_websocket.c: a WebSocket that took over the connection of an exchange: the handshake,
 * frames in and out, keep-alive, the end. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "net/server_internal.h"
#include "net/websocket.h"

#define PING_MS 30000
/* Frames that carry no message (pings, pongs, empty fragments) beyond what an honest peer sends:
 * so many at once, and so many a second. */
#define IDLE_FRAMES_MAX 256
#define IDLE_FRAMES_PER_SECOND 16

struct websocket {
	struct http_connection *connection;
	struct http_exchange *exchange;
	struct http_server *server;
	struct websocket_handler handler;
	struct websocket_parser parser;
	unsigned ping_ms;

	struct buf out;
	size_t out_sent;
	uint64_t out_progress_ms;
	bool wants_writable; /* a send said false */

	uint64_t received_ms;
	bool is_pinged; /* since then */
	/* The latest ping: it alone has to be answered (5.5.3), so that pings queue up nothing. */
	bool owes_pong;
	size_t pong_len;
	char pong[WEBSOCKET_CONTROL_MAX];
	unsigned idle_frames_left;
	uint64_t refilled_ms;

	bool is_close_sent, is_close_received;
	bool is_told; /* on_closed was called */
	uint64_t close_since_ms;
};

static uint64_t now_ms(const struct websocket *socket) {
	return loop_now_ms(socket->server->loop);
}

static size_t unsent(const struct websocket *socket) {
	return socket->out.len - socket->out_sent;
}

/* ---- sending ---- */

/* The connection looks at the output at the end of this turn. */
static void flush_later(struct websocket *socket) {
	if (unsent(socket) > 0 && !(socket->connection->interest & LOOP_WRITABLE)) {
		socket->out_progress_ms = now_ms(socket);
	}
	http_connection_flush_later(socket->connection);
}

bool websocket_send_text(struct websocket *socket, struct slice text) {
	if (socket->is_close_sent) {
		return true;
	}
	websocket_put(&socket->out, WEBSOCKET_TEXT, text, NULL);
	socket->exchange->body_queued += text.len;
	flush_later(socket);
	bool is_full = unsent(socket) > socket->server->limits.high_water;
	socket->wants_writable |= is_full;
	return !is_full;
}

static void send_close(struct websocket *socket, int code, struct slice reason) {
	if (!socket->is_close_sent) {
		socket->is_close_sent = true;
		socket->close_since_ms = now_ms(socket);
		websocket_put_close(&socket->out, code, reason, NULL);
		http_connection_wake_within(
			socket->connection, socket->server->limits.linger_timeout_ms);
	}
	flush_later(socket);
}

void websocket_close(struct websocket *socket, int code, const char *reason) {
	send_close(socket, code, slice_of(reason));
}

/* ---- receiving ---- */

/* Tells the handler, once. */
static void tell_closed(struct websocket *socket, int code) {
	if (!socket->is_told) {
		socket->is_told = true;
		socket->handler.on_closed(socket, code, socket->handler.context);
	}
}

/* The peer broke the rules: nothing more is taken from it. */
static void fail(struct websocket *socket, int code, const char *problem) {
	log_debug(socket->server->log, "%s: WebSocket closed with %d: %s", socket->connection->peer,
		code, problem);
	socket->is_close_received = true;
	tell_closed(socket, code);
	send_close(socket, code, slice_of(problem));
}

/* False when there were too many of them. */
static bool count_idle_frame(struct websocket *socket) {
	uint64_t now = now_ms(socket);
	uint64_t more = (now - socket->refilled_ms) * IDLE_FRAMES_PER_SECOND / 1000;
	if (more > 0) {
		uint64_t left = socket->idle_frames_left + more;
		socket->idle_frames_left =
			left < IDLE_FRAMES_MAX ? (unsigned)left : IDLE_FRAMES_MAX;
		socket->refilled_ms = now;
	}
	if (socket->idle_frames_left == 0) {
		fail(socket, WEBSOCKET_POLICY, "too many frames without a message");
		return false;
	}
	socket->idle_frames_left--;
	return true;
}

static void take_ping(struct websocket *socket) {
	struct slice payload = socket->parser.payload;
	if (payload.len > 0) {
		memcpy(socket->pong, payload.data, payload.len);
	}
	socket->pong_len = payload.len;
	socket->owes_pong = true;
}

static void take_event(struct websocket *socket, enum websocket_event event) {
	const struct websocket_parser *parser = &socket->parser;
	switch (event) {
	case WEBSOCKET_NEED_MORE:
		return;
	case WEBSOCKET_GOT_MESSAGE:
		/* What crosses our Close is not answered any more. */
		if (!socket->is_close_sent) {
			socket->handler.on_message(
				socket, parser->payload, parser->is_text, socket->handler.context);
		}
		return;
	case WEBSOCKET_GOT_PING:
		take_ping(socket);
		count_idle_frame(socket);
		return;
	case WEBSOCKET_GOT_PONG:
	case WEBSOCKET_GOT_PART:
		count_idle_frame(socket);
		return;
	case WEBSOCKET_GOT_CLOSE:
		socket->is_close_received = true;
		tell_closed(socket, parser->code);
		send_close(socket, parser->code == WEBSOCKET_NO_CODE ? 0 : parser->code,
			(struct slice){0});
		return;
	case WEBSOCKET_BROKEN:
		fail(socket, parser->code, parser->problem);
		return;
	}
}

/* Stops reading while the peer does not: what it sends makes us send. */
static void throttle(struct websocket *socket) {
	struct http_connection *connection = socket->connection;
	size_t limit = connection->is_paused ? socket->server->limits.low_water
					     : socket->server->limits.high_water;
	bool pauses = unsent(socket) > limit;
	if (pauses != connection->is_paused) {
		connection->is_paused = pauses;
		http_connection_watch(connection, (connection->interest & LOOP_WRITABLE) |
							  (pauses ? LOOP_HANGUP : LOOP_READABLE));
	}
}

static bool on_bytes(struct http_connection *connection, struct slice bytes) {
	struct websocket *socket = connection->session;
	enum websocket_event event = WEBSOCKET_GOT_PART;
	socket->received_ms = now_ms(socket);
	socket->is_pinged = false;
	while (event != WEBSOCKET_NEED_MORE && !socket->is_close_received) {
		event = websocket_next(&socket->parser, &bytes);
		take_event(socket, event);
	}
	throttle(socket);
	http_connection_flush_later(connection);
	return true;
}

/* ---- on the connection ---- */

static void put_pong(struct websocket *socket) {
	if (socket->owes_pong && !socket->is_close_sent) {
		websocket_put(&socket->out, WEBSOCKET_PONG,
			slice_make(socket->pong, socket->pong_len), NULL);
	}
	socket->owes_pong = false;
}

static bool flush(struct http_connection *connection) {
	struct websocket *socket = connection->session;
	bool progressed = false;
	if (unsent(socket) == 0) {
		put_pong(socket);
	}
	enum http_flush_result result =
		http_connection_send(connection, &socket->out, &socket->out_sent, &progressed);
	if (result == HTTP_FLUSH_FAILED) {
		http_connection_finish(connection);
		return false;
	}
	if (progressed) {
		socket->out_progress_ms = now_ms(socket);
	}
	if (result == HTTP_FLUSH_BLOCKED) {
		http_connection_wake_within(connection, socket->server->limits.write_timeout_ms);
	} else if (socket->is_close_sent && socket->is_close_received) {
		http_connection_linger(connection, false);
		return true;
	} else if (socket->owes_pong) {
		http_connection_flush_later(connection);
	}
	bool was_paused = connection->is_paused;
	throttle(socket);
	if (socket->wants_writable && !socket->is_close_sent &&
		unsent(socket) < socket->server->limits.low_water) {
		socket->wants_writable = false;
		socket->handler.on_writable(socket, socket->handler.context);
	}
	/* What TLS holds already, the socket does not announce again. */
	if (was_paused && !connection->is_paused && connection->tls &&
		tls_has_pending(connection->tls)) {
		return http_connection_receive(connection);
	}
	return true;
}

static void on_deadline(struct http_connection *connection) {
	struct websocket *socket = connection->session;
	const struct http_server_limits *limits = &socket->server->limits;
	uint64_t now = now_ms(socket);
	bool is_stuck =
		unsent(socket) > 0 && now - socket->out_progress_ms >= limits->write_timeout_ms;
	bool is_unanswered =
		socket->is_close_sent && now - socket->close_since_ms >= limits->linger_timeout_ms;
	bool is_silent = now - socket->received_ms >= socket->ping_ms && !connection->is_paused;
	if (is_stuck || is_unanswered || (is_silent && socket->is_pinged)) {
		http_connection_finish(connection);
		return;
	}
	if (is_silent && !socket->is_close_sent) {
		socket->is_pinged = true;
		socket->received_ms = now;
		websocket_put(&socket->out, WEBSOCKET_PING, SLICE(""), NULL);
		flush_later(socket);
	}
	http_connection_wake_within(connection, socket->ping_ms);
	if (unsent(socket) > 0) {
		http_connection_wake_within(connection, limits->write_timeout_ms);
	}
	if (socket->is_close_sent) {
		http_connection_wake_within(connection, limits->linger_timeout_ms);
	}
}

static void drain(struct http_connection *connection) {
	websocket_close(connection->session, WEBSOCKET_GOING_AWAY, "the server is stopping");
}

static void finish(struct http_connection *connection) {
	struct websocket *socket = connection->session;
	bool is_aborted = !socket->is_close_received;
	tell_closed(socket, WEBSOCKET_LOST);
	http_exchange_done(socket->exchange, is_aborted);
	http_exchange_give(socket->exchange);
	websocket_parser_finish(&socket->parser);
	buf_finish(&socket->out);
	free(socket);
}

/* ---- the handshake (RFC 6455 4.2) ---- */

bool websocket_is_wanted(const struct http_request *request) {
	return http_headers_has_token(&request->headers, "upgrade", "websocket");
}

static bool refuse(struct error *error, int status, const char *words) {
	error_set(error, ERROR_INVALID_REQUEST, "%s", words);
	error->http_status = status;
	return false;
}

static bool is_key(struct slice key) {
	struct buf bytes;
	buf_init(&bytes, 0);
	bool ok = key.len == 24 && base64_decode(key, &bytes) && bytes.len == 16;
	buf_finish(&bytes);
	return ok;
}

static bool check_handshake(const struct http_exchange *exchange, struct error *error) {
	const struct http_request *request = &exchange->request;
	const struct http_connection *connection = exchange->transport;
	if (exchange->ops != &http_connection_ops) {
		return refuse(error, 501, "WebSockets are offered over HTTP/1.1 only");
	}
	if (!slice_is(request->method, "GET") || connection->minor_version != 1 ||
		connection->state != HTTP_CONNECTION_ANSWER || !websocket_is_wanted(request) ||
		!http_headers_has_token(&request->headers, "connection", "upgrade")) {
		return refuse(error, 400,
			"a WebSocket begins with a GET of HTTP/1.1 without a body, and with the "
			"headers Connection: Upgrade and Upgrade: websocket");
	}
	if (!slice_is(http_headers_get(&request->headers, "sec-websocket-version"), "13")) {
		return refuse(error, 426, "the only version of WebSocket spoken here is 13");
	}
	if (http_headers_count(&request->headers, "sec-websocket-key") != 1 ||
		!is_key(http_headers_get(&request->headers, "sec-websocket-key"))) {
		return refuse(error, 400, "the Sec-WebSocket-Key header is missing or malformed");
	}
	return true;
}

static void put_head(
	struct websocket *socket, const struct http_header *headers, size_t header_count) {
	const struct http_request *request = &socket->exchange->request;
	char accept[WEBSOCKET_ACCEPT_LEN + 1];
	websocket_accept_value(http_headers_get(&request->headers, "sec-websocket-key"), accept);
	buf_printf(&socket->out,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
		accept);
	for (size_t i = 0; i < header_count; i++) {
		if (http_output_is_sendable(&headers[i])) {
			buf_printf(&socket->out, "%.*s: %.*s\r\n", SLICE_FMT(headers[i].name),
				SLICE_FMT(headers[i].value));
		}
	}
	buf_append_str(&socket->out, "\r\n");
}

struct websocket *websocket_accept(struct http_exchange *exchange,
	const struct http_header *headers, size_t header_count,
	const struct websocket_handler *handler, const struct websocket_options *options,
	struct error *error) {
	static const struct http_protocol protocol = {
		.on_bytes = on_bytes,
		.flush = flush,
		.on_deadline = on_deadline,
		.drain = drain,
		.finish = finish,
	};
	if (exchange->state != HTTP_EXCHANGE_OPEN || !check_handshake(exchange, error)) {
		return NULL;
	}
	struct http_connection *connection = exchange->transport;
	struct websocket *socket = mem_calloc(1, sizeof *socket);
	socket->connection = connection;
	socket->exchange = exchange;
	socket->server = connection->server;
	socket->handler = *handler;
	socket->ping_ms = options->ping_ms ? options->ping_ms : PING_MS;
	socket->received_ms = socket->refilled_ms = now_ms(socket);
	socket->idle_frames_left = IDLE_FRAMES_MAX;
	websocket_parser_init(&socket->parser, true,
		options->max_message ? options->max_message : socket->server->limits.body_bytes);
	buf_init(&socket->out, 0);
	exchange->status = 101;
	exchange->state = HTTP_EXCHANGE_UPGRADED;
	put_head(socket, headers, header_count);
	connection->exchange = NULL;
	http_connection_take_over(connection, &protocol, socket);
	http_connection_wake_within(connection, socket->ping_ms);
	flush_later(socket);
	return socket;
}
