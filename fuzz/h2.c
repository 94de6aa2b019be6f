/* h2.c: fuzz target of HTTP/2: the bytes are frames of a client behind its preface, cut as the
 * first byte says. A session is driven by bytes alone: no socket. Every exchange that a handler got
 * to know ends exactly once, and the output stays within its bound. */
#include <stdlib.h>

#include "net/server_h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPEN_MAX (HTTP2_STREAMS_MAX + 1)

struct handler {
	int heads, dones;
	struct http_exchange *held; /* streams on until the next feed */
};

static void on_head(struct http_exchange *exchange, void *context) {
	struct handler *handler = context;
	handler->heads++;
	if (slice_is(http_exchange_request(exchange)->path, "/early")) {
		http_respond(exchange, 401, NULL, 0, NULL);
	} else if (slice_is(http_exchange_request(exchange)->path, "/cut")) {
		http_abort(exchange);
	}
}

static void on_body(struct http_exchange *exchange, struct slice body, void *context) {
	struct handler *handler = context;
	struct buf echo;
	if (!handler->held) {
		handler->held = exchange;
		http_start(exchange, 200, NULL, 0);
		http_write(exchange, SLICE("part"));
		return;
	}
	buf_init(&echo, 0);
	buf_append(&echo, body);
	http_respond(exchange, 200, NULL, 0, &echo);
}

static void on_done(struct http_exchange *exchange, bool is_aborted, void *context) {
	struct handler *handler = context;
	(void)is_aborted;
	handler->dones++;
	if (handler->held == exchange) {
		handler->held = NULL;
	}
}

static void turn(struct http2_session *session, struct handler *handler) {
	if (handler->held) {
		http_write(handler->held, SLICE(" and the rest"));
		http_end(handler->held);
		handler->held = NULL;
	}
	do {
		session->out.len = 0;
		http2_session_fill(session);
		/* A frame of each kind may go beyond it. */
		if (session->out.len > 2 * HTTP2_OUT_MAX) {
			abort();
		}
		http2_session_sent(session);
	} while (session->out.len > 0 && !session->is_over);
	if (handler->heads - handler->dones > OPEN_MAX) {
		abort();
	}
}

static void drive(struct http_server *server, struct handler *handler, struct slice in) {
	struct http_connection connection = {.server = server, .fd = -1};
	struct http2_session *session = http2_session_create(&connection);
	if (!session) {
		return;
	}
	size_t step = in.len > 0 ? (size_t)(uint8_t)in.data[0] + 1 : 1;
	in = slice_from(in, 1);
	http2_session_feed(session, HTTP2_PREFACE);
	while (in.len > 0 && !session->is_over) {
		http2_session_feed(session, slice_sub(in, 0, step));
		in = slice_from(in, step);
		turn(session, handler);
	}
	http2_session_destroy(session);
	loop_timer_stop(&connection.timer);
	loop_defer_cancel(&connection.flusher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct handler handler = {0};
	struct error error;
	struct loop *loop = loop_create(&error);
	struct http_server server = {
		.loop = loop,
		.limits = {.header_bytes = 4096,
			.max_headers = 32,
			.body_bytes = 4096,
			.decoded_bytes = 4096,
			.header_timeout_ms = 1000,
			.body_timeout_ms = 1000,
			.keepalive_timeout_ms = 1000,
			.write_timeout_ms = 1000,
			.high_water = 1024,
			.low_water = 512},
		.handler = {.on_head = on_head,
			.on_body = on_body,
			.on_done = on_done,
			.context = &handler},
	};
	drive(&server, &handler, slice_make((const char *)data, size));
	if (handler.heads != handler.dones) {
		abort();
	}
	struct http_exchange *exchange;
	while ((exchange = server.free_exchanges) != NULL) {
		server.free_exchanges = exchange->next_free;
		free(exchange);
	}
	loop_destroy(loop);
	return 0;
}
