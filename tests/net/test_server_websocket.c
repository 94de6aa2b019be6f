/* test_server_websocket.c: WebSockets of the server over real sockets: the handshake, messages,
 * closing from either side, keep-alive, and peers that break the rules. */
#include <stdlib.h>

#include "net/server_help.h"
#include "net/websocket.h"

int test_server_websocket(void);

#define HANDSHAKE                                                                                  \
	"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"                                \
	"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"                         \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* The socket's side: it answers a message by the same, "close" by a Close, "flood" until it is told
 * to stop. */
struct world {
	struct fixture f;
	struct websocket_options options;
	struct websocket *socket;
	int opens, messages, writables, closes, code;
	size_t flooded;
	int refused; /* status */
};

static char flood[16384];

static void on_message(
	struct websocket *socket, struct slice message, bool is_text, void *context) {
	struct world *w = context;
	w->messages++;
	assert_true(is_text);
	if (slice_is(message, "close")) {
		websocket_close(socket, 4001, "as you like");
	} else if (slice_is(message, "flood")) {
		do {
			w->flooded += sizeof flood;
		} while (websocket_send_text(socket, slice_make(flood, sizeof flood)));
	} else {
		websocket_send_text(socket, message);
	}
}

static void on_writable(struct websocket *socket, void *context) {
	struct world *w = context;
	(void)socket;
	w->writables++;
}

static void on_closed(struct websocket *socket, int code, void *context) {
	struct world *w = context;
	assert_ptr_equal(socket, w->socket);
	w->closes++;
	w->code = code;
	w->socket = NULL;
}

static void on_head(struct http_exchange *exchange, void *context) {
	struct world *w = context;
	static const struct http_header headers[] = {
		{SLICE_INIT("X-Id"), SLICE_INIT("7")}, {SLICE_INIT("Bad"), SLICE_INIT("a\r\nb")}};
	const struct websocket_handler handler = {
		.on_message = on_message,
		.on_writable = on_writable,
		.on_closed = on_closed,
		.context = w,
	};
	struct error error;
	w->f.heads++;
	w->opens++;
	w->socket = websocket_accept(exchange, headers, 2, &handler, &w->options, &error);
	if (!w->socket) {
		w->refused = error_status(&error);
		http_respond(exchange, w->refused, NULL, 0, NULL);
	}
}

static void world_open(struct world *w) {
	*w = (struct world){0};
	memset(flood, 'f', sizeof flood);
	fixture_open(&w->f);
	w->f.options.handler.on_head = on_head;
	w->f.options.handler.context = w;
	/* The fixture is the world's first member: its own handlers find it there. */
	fixture_start(&w->f);
}

/* ---- the client's side ---- */

static void connect_socket(struct client *c, struct world *w) {
	struct answer answer;
	client_open(c, &w->f);
	client_send(c, HANDSHAKE "\r\n");
	client_answer(c, false, &answer);
	assert_int_equal(answer.status, 101);
	answer_free(&answer);
}

static void send_frame(struct client *c, enum websocket_opcode opcode, struct slice payload) {
	struct buf wire;
	buf_init(&wire, 0);
	websocket_put(&wire, opcode, payload, (const uint8_t *)"\x11\x22\x33\x44");
	client_send_bytes(c, buf_slice(&wire));
	buf_finish(&wire);
}

static void send_close(struct client *c, int code) {
	struct buf wire;
	buf_init(&wire, 0);
	websocket_put_close(&wire, code, SLICE(""), (const uint8_t *)"\x11\x22\x33\x44");
	client_send_bytes(c, buf_slice(&wire));
	buf_finish(&wire);
}

/* The next frame of the server has to be these bytes. */
static void expect_bytes(struct client *c, struct slice bytes) {
	client_read_bytes(c, bytes.len);
	assert_true(c->in.len >= bytes.len);
	assert_memory_equal(c->in.data, bytes.data, bytes.len);
	buf_consume(&c->in, bytes.len);
}

/* A Close with that code, and the end. */
static void expect_close(struct client *c, int code) {
	client_read_bytes(c, 4);
	assert_true(c->in.len >= 4);
	assert_int_equal((uint8_t)c->in.data[0], 0x88);
	assert_int_equal((uint8_t)c->in.data[2] << 8 | (uint8_t)c->in.data[3], code);
	client_read_eof(c);
	assert_false(c->is_reset);
}

/* ---- tests ---- */

static void handshake(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	client_open(&c, &w.f);
	/* The first message comes together with the handshake. */
	struct buf wire;
	buf_init(&wire, 0);
	buf_append_str(&wire, HANDSHAKE "\r\n");
	websocket_put(&wire, WEBSOCKET_TEXT, SLICE("early"), (const uint8_t *)"\0\0\0\0");
	client_send_bytes(&c, buf_slice(&wire));
	buf_finish(&wire);
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_string_equal(answer.head,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Id: 7\r\n\r\n");
	answer_free(&answer);
	expect_bytes(&c, SLICE("\x81\x05"
			       "early"));
	client_close(&c);
	help_until(&w.f, &w.closes, 1);
	assert_int_equal(w.code, WEBSOCKET_LOST);
	assert_int_equal(w.f.aborted, 1);
	fixture_close(&w.f);
}

static void refused_handshakes(void **state) {
	(void)state;
#define PLAIN "GET / HTTP/1.1\r\nHost: x\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	static const struct {
		const char *bytes;
		int status;
	} cases[] = {
		{PLAIN UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
		{PLAIN UPGRADE KEY "\r\n", 426},
		{PLAIN UPGRADE VERSION "\r\n", 400},
		{PLAIN UPGRADE VERSION "Sec-WebSocket-Key: short\r\n\r\n", 400},
		{PLAIN UPGRADE VERSION KEY KEY "\r\n", 400},
		{PLAIN VERSION KEY "Connection: Upgrade\r\n\r\n", 400},
		{PLAIN VERSION KEY "Upgrade: websocket\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" UPGRADE VERSION KEY "\r\n",
			400},
		{PLAIN "Content-Length: 1\r\n" UPGRADE VERSION KEY "\r\nx", 400},
		{"GET / HTTP/1.0\r\n" UPGRADE VERSION KEY "\r\n", 400},
	};
	struct world w;
	world_open(&w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		client_open(&c, &w.f);
		client_send(&c, cases[i].bytes);
		struct answer answer;
		client_answer(&c, false, &answer);
		assert_int_equal(answer.status, cases[i].status);
		assert_int_equal(answer.status == 426,
			strstr(answer.head, "\r\nConnection: Upgrade\r\n") != NULL);
		answer_free(&answer);
		client_close(&c);
	}
	fixture_close(&w.f);
}

static void messages(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	connect_socket(&c, &w);
	send_frame(&c, WEBSOCKET_TEXT, SLICE("one"));
	send_frame(&c, WEBSOCKET_PING, SLICE("p"));
	expect_bytes(&c, SLICE("\x81\x03"
			       "one"));
	expect_bytes(&c, SLICE("\x8a\x01"
			       "p"));
	/* In fragments, with a ping between them. */
	client_send_bytes(&c, SLICE("\x01\x81\0\0\0\0"
				    "t"
				    "\x89\x80\0\0\0\0"
				    "\x80\x82\0\0\0\0"
				    "wo"));
	expect_bytes(&c, SLICE("\x81\x03"
			       "two"));
	expect_bytes(&c, SLICE("\x8a\x00"));
	send_close(&c, 1000);
	expect_close(&c, 1000);
	client_close(&c);
	help_until(&w.f, &w.f.dones, 1);
	assert_int_equal(w.code, 1000);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.f.aborted, 0);
	fixture_close(&w.f);
}

static void closing_first(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	connect_socket(&c, &w);
	send_frame(&c, WEBSOCKET_TEXT, SLICE("close"));
	send_frame(&c, WEBSOCKET_TEXT, SLICE("crossing"));
	client_read_bytes(&c, 4);
	help_turns(&w.f, 3);
	assert_int_equal(w.messages, 1);
	assert_int_equal(w.closes, 0);
	send_close(&c, 4001);
	expect_close(&c, 4001);
	client_close(&c);
	help_until(&w.f, &w.f.dones, 1);
	assert_int_equal(w.code, 4001);
	fixture_close(&w.f);
}

/* A peer that never answers a Close is not waited for. */
static void unanswered_close(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	http_server_destroy(w.f.server);
	w.f.options.limits.linger_timeout_ms = 20;
	fixture_start(&w.f);
	struct client c;
	connect_socket(&c, &w);
	send_frame(&c, WEBSOCKET_TEXT, SLICE("close"));
	help_until(&w.f, &w.f.dones, 1);
	assert_int_equal(w.code, WEBSOCKET_LOST);
	assert_int_equal(w.f.aborted, 1);
	client_close(&c);
	fixture_close(&w.f);
}

static void rules_broken(void **state) {
	(void)state;
	static const struct {
		struct slice bytes;
		int code;
	} cases[] = {
		{SLICE_INIT("\x81\x01x"), 1002},
		{SLICE_INIT("\x83\x80\0\0\0\0"), 1002},
		{SLICE_INIT("\x81\x81\0\0\0\0\xff"), 1007},
		{SLICE_INIT("\x81\xff\0\0\0\0\0\1\0\0\0\0\0\0"), 1009},
	};
	struct world w;
	world_open(&w);
	w.options.max_message = 1000;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		connect_socket(&c, &w);
		client_send_bytes(&c, cases[i].bytes);
		expect_close(&c, cases[i].code);
		client_close(&c);
		assert_int_equal(w.code, cases[i].code);
		assert_int_equal(w.closes, (int)i + 1);
	}
	assert_int_equal(w.messages, 0);
	fixture_close(&w.f);
}

static void floods(void **state) {
	(void)state;
	static const struct slice frames[] = {
		SLICE_INIT("\x89\x80\0\0\0\0"), /* pings */
		SLICE_INIT("\x8a\x80\0\0\0\0"), /* pongs */
		SLICE_INIT("\x00\x80\0\0\0\0"), /* fragments of nothing, behind the first */
	};
	struct world w;
	world_open(&w);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct client c;
		connect_socket(&c, &w);
		struct buf wire;
		buf_init(&wire, 0);
		buf_append(&wire, SLICE("\x01\x80\0\0\0\0"));
		for (int k = 0; k < 5000; k++) {
			buf_append(&wire, frames[i]);
		}
		client_send_bytes(&c, buf_slice(&wire));
		buf_finish(&wire);
		help_until(&w.f, &w.closes, (int)i + 1);
		assert_int_equal(w.code, WEBSOCKET_POLICY);
		client_read_eof(&c);
		/* One answer for all pings of a turn, and the Close. */
		assert_true(c.in.len < 200);
		client_close(&c);
	}
	fixture_close(&w.f);
}

static void back_pressure(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	connect_socket(&c, &w);
	/* Until the kernel's buffers are full, and ours is. */
	for (int i = 0; i < 100; i++) {
		send_frame(&c, WEBSOCKET_TEXT, SLICE("flood"));
		help_turns(&w.f, 2);
	}
	int taken = w.messages;
	assert_true(taken < 100);
	help_turns(&w.f, 5);
	assert_int_equal(w.messages, taken);
	size_t frame = sizeof flood + 4;
	while (w.writables == 0 || w.messages < 100 ||
		c.in.len < w.flooded / sizeof flood * frame) {
		client_read_bytes(&c, c.in.len + 1);
		assert_false(c.is_eof);
	}
	assert_int_equal(c.in.len, w.flooded / sizeof flood * frame);
	client_close(&c);
	help_until(&w.f, &w.closes, 1);
	fixture_close(&w.f);
}

static void keep_alive(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	w.options.ping_ms = 20;
	struct client c;
	connect_socket(&c, &w);
	expect_bytes(&c, SLICE("\x89\x00"));
	send_frame(&c, WEBSOCKET_PONG, SLICE(""));
	expect_bytes(&c, SLICE("\x89\x00"));
	/* No answer to this one. */
	help_until(&w.f, &w.closes, 1);
	assert_int_equal(w.code, WEBSOCKET_LOST);
	client_close(&c);
	fixture_close(&w.f);
}

static void count_drained(void *data) {
	struct fixture *f = data;
	f->drained++;
}

static void drain(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	connect_socket(&c, &w);
	http_server_drain(w.f.server, count_drained, &w.f);
	client_read_bytes(&c, 4);
	send_close(&c, 1001);
	expect_close(&c, 1001);
	client_close(&c);
	help_until(&w.f, &w.f.drained, 1);
	assert_int_equal(w.closes, 1);
	fixture_close(&w.f);
}

static void destroy_tells(void **state) {
	(void)state;
	struct world w;
	world_open(&w);
	struct client c;
	connect_socket(&c, &w);
	http_server_destroy(w.f.server);
	w.f.server = NULL;
	assert_int_equal(w.closes, 1);
	client_close(&c);
	fixture_close(&w.f);
}

int test_server_websocket(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake),
		cmocka_unit_test(refused_handshakes),
		cmocka_unit_test(messages),
		cmocka_unit_test(closing_first),
		cmocka_unit_test(unanswered_close),
		cmocka_unit_test(rules_broken),
		cmocka_unit_test(floods),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(drain),
		cmocka_unit_test(destroy_tells),
	};
	return cmocka_run_group_tests_name("server websocket", tests, NULL, NULL);
}
