/* test_server_h2_abuse.c: clients of HTTP/2 that break the rules, take too much, or take too long:
 * each gets the code that says so, and the server keeps nothing of it. */
#include <stdlib.h>

#include "net/h2_help.h"

int test_server_h2_abuse(void);

#define END NGHTTP2_FLAG_END_STREAM
#define END_HEADERS NGHTTP2_FLAG_END_HEADERS

/* ---- requests that are none (RFC 9113 8.1.1) ---- */

#define METHOD ":method", "POST"
#define SCHEME ":scheme", "http"
#define PATH ":path", "/echo"
#define BASE METHOD, SCHEME, PATH, "host", "x"

static void malformed_requests(void **state) {
	(void)state;
	static const char *const cases[][14] = {
		{BASE, "connection", "close"},
		{BASE, "keep-alive", "1"},
		{BASE, "proxy-connection", "close"},
		{BASE, "transfer-encoding", "chunked"},
		{BASE, "upgrade", "websocket"},
		{BASE, "te", "gzip"},
		{BASE, "X-Upper", "1"},
		{BASE, "x y", "1"},
		{BASE, "x-cr", "a\rb"},
		{BASE, "x-lf", "a\nb"},
		{BASE, ":unknown", "1"},
		{BASE, "", "no name"},
		{BASE, "content-length", "1", "content-length", "1"},
		{BASE, "content-length", "-1"},
		{BASE, "content-length", "1x"},
		{SCHEME, PATH, "host", "x"},
		{METHOD, PATH, "host", "x"},
		{METHOD, SCHEME, "host", "x"},
		{METHOD, SCHEME, PATH},
		{METHOD, METHOD, SCHEME, PATH, "host", "x"},
		{METHOD, SCHEME, "host", "x", PATH},
		{METHOD, SCHEME, PATH, ":status", "200", "host", "x"},
		{METHOD, SCHEME, ":path", "echo", "host", "x"},
		{METHOD, SCHEME, ":path", "", "host", "x"},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	int32_t stream = 1;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, stream += 2) {
		struct buf block;
		buf_init(&block, 0);
		for (const char *const *at = cases[i]; *at; at += 2) {
			h2_put_header(&block, slice_of(at[0]), slice_of(at[1]));
		}
		print_message("case %zu\n", i);
		h2_send(&h, NGHTTP2_HEADERS, END | END_HEADERS, stream, buf_slice(&block));
		h2_expect_reset(&h, stream, NGHTTP2_PROTOCOL_ERROR);
		buf_finish(&block);
	}
	/* A body of another length than said. */
	static const char *const three[] = {"content-length", "3", NULL};
	h2_request(&h, stream, "POST", "/echo", false, three);
	h2_send(&h, NGHTTP2_DATA, END, stream, SLICE("ab"));
	h2_expect_reset(&h, stream, NGHTTP2_PROTOCOL_ERROR);
	h2_request(&h, stream + 2, "POST", "/echo", false, three);
	h2_send(&h, NGHTTP2_DATA, 0, stream + 2, SLICE("abcd"));
	h2_expect_reset(&h, stream + 2, NGHTTP2_PROTOCOL_ERROR);
	/* The connection is as good as before. */
	h2_request(&h, stream + 4, "GET", "/hello", true, NULL);
	h2_expect(&h, stream + 4, 200, "hello");
	h2_close(&h);
	assert_int_equal(f.bodies, 1);
	fixture_close(&f);
}

static void refused_requests(void **state) {
	(void)state;
	static const struct {
		const char *method, *path;
		const char *more[3];
		int status;
	} cases[] = {
		{"GET", "/%zz", {NULL}, 400},
		{"GET", "/%00", {NULL}, 400},
		{"get", "/", {NULL}, 400},
		{"OPTIONS", "*", {NULL}, 200},
		{"GET", "/", {"host", "y", NULL}, 400},
		{"GET", "/", {"host", "X", NULL}, 200},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	int32_t stream = 1;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, stream += 2) {
		print_message("case %zu\n", i);
		h2_request(&h, stream, cases[i].method, cases[i].path, true, cases[i].more);
		h2_expect(&h, stream, cases[i].status, NULL);
	}
	struct buf block;
	buf_init(&block, 0);
	h2_put_header(&block, SLICE(":method"), SLICE("CONNECT"));
	h2_put_header(&block, SLICE(":authority"), SLICE("example.com:443"));
	h2_send(&h, NGHTTP2_HEADERS, END_HEADERS, stream, buf_slice(&block));
	buf_finish(&block);
	h2_expect(&h, stream, 405, "{\"status\":405}");
	h2_close(&h);
	assert_int_equal(f.heads, 2);
	fixture_close(&f);
}

/* ---- sizes ---- */

static void head_limits(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.header_bytes = 4096;
	f.options.limits.max_headers = 8;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	static char value[5001];
	memset(value, 'v', 5000);
	const char *big[] = {"x-big", value, NULL};
	h2_request(&h, 1, "GET", "/hello", true, big);
	h2_expect(&h, 1, 431, "{\"status\":431}");
	static const char *const many[] = {"a", "", "a", "", "a", "", "a", "", "a", "", "a", "",
		"a", "", "a", "", "a", "", NULL};
	h2_request(&h, 3, "GET", "/hello", true, many);
	h2_expect(&h, 3, 431, NULL);
	value[3000] = '\0';
	h2_request(&h, 5, "GET", "/hello", true, big);
	h2_expect(&h, 5, 200, "hello");
	h2_close(&h);
	assert_int_equal(f.heads, 1);
	fixture_close(&f);
}

/* One header in the table of HPACK, named by one byte each a thousand times. */
static void header_bomb(void **state) {
	(void)state;
	static char value[4000];
	memset(value, 'v', sizeof value - 1);
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	const char *headers[] = {"bomb", value, NULL};
	struct buf block, indexed;
	buf_init(&block, 0);
	buf_init(&indexed, 0);
	h2_put_header(&block, SLICE(":method"), SLICE("GET"));
	h2_put_header(&block, SLICE(":scheme"), SLICE("http"));
	h2_put_header(&block, SLICE(":path"), SLICE("/hello"));
	h2_put_header(&indexed, slice_of(headers[0]), slice_of(headers[1]));
	indexed.data[0] = 0x40; /* with indexing (RFC 7541 6.2.1) */
	buf_append(&block, buf_slice(&indexed));
	for (int i = 0; i < 1000; i++) {
		buf_append_byte(&block, (char)(0x80 | 62)); /* the latest entry */
	}
	h2_send(&h, NGHTTP2_HEADERS, END | END_HEADERS, 1, buf_slice(&block));
	h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
	buf_finish(&block);
	buf_finish(&indexed);
	h2_close(&h);
	assert_int_equal(f.heads, 0);
	fixture_close(&f);
}

static void body_limit(void **state) {
	(void)state;
	static char piece[16384];
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_bytes = 20000;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	static const char *const announced[] = {"content-length", "20001", NULL};
	h2_request(&h, 1, "POST", "/length", false, announced);
	h2_expect(&h, 1, 413, "refused");
	h2_request(&h, 3, "POST", "/length", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 3, slice_make(piece, 16384));
	h2_send(&h, NGHTTP2_DATA, 0, 3, slice_make(piece, 16384));
	h2_expect(&h, 3, 413, "refused");
	h2_request(&h, 5, "POST", "/length", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 5, slice_make(piece, 16384));
	h2_send(&h, NGHTTP2_DATA, END, 5, slice_make(piece, 20000 - 16384));
	h2_expect(&h, 5, 200, "20000");
	static const char *const coded[] = {"content-encoding", "br", NULL};
	h2_request(&h, 7, "POST", "/length", false, coded);
	h2_expect(&h, 7, 415, "refused");
	h2_close(&h);
	assert_int_equal(f.errors, 3);
	fixture_close(&f);
}

static void concurrency(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	for (int32_t i = 0; i < 100; i++) {
		h2_request(&h, 2 * i + 1, "POST", "/echo", false, NULL);
	}
	h2_request(&h, 201, "GET", "/hello", true, NULL);
	/* The limit is known to the client: it acknowledged our SETTINGS. */
	h2_expect_goaway(&h, NGHTTP2_PROTOCOL_ERROR);
	h2_close(&h);
	help_until(&f, &f.aborted, 100);
	assert_int_equal(f.heads, 100);
	fixture_close(&f);
}

/* ---- floods ---- */

struct flood {
	const char *what;
	uint8_t type, flags;
	int32_t stream; /* 0, or one whose body is awaited */
	struct slice payload;
	int honest; /* so many of them are fine */
};

static const struct flood floods[] = {
	{"ping", NGHTTP2_PING, 0, 0, SLICE_INIT("12345678"), 200},
	{"ping ack", NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, SLICE_INIT("12345678"), 200},
	{"settings", NGHTTP2_SETTINGS, 0, 0, SLICE_INIT("\0\3\0\0\0\x64"), 20},
	{"empty settings", NGHTTP2_SETTINGS, 0, 0, SLICE_INIT(""), 20},
	{"priority", NGHTTP2_PRIORITY, 0, 1, SLICE_INIT("\0\0\0\3\1"), 200},
	{"priority of idle streams", NGHTTP2_PRIORITY, 0, 7, SLICE_INIT("\0\0\0\1\1"), 200},
	{"window update", NGHTTP2_WINDOW_UPDATE, 0, 0, SLICE_INIT("\0\0\0\1"), 1000},
	{"window update of a stream", NGHTTP2_WINDOW_UPDATE, 0, 1, SLICE_INIT("\0\0\0\1"), 1000},
	{"empty data", NGHTTP2_DATA, 0, 1, SLICE_INIT(""), 60},
	{"padding only", NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, SLICE_INIT("\3\0\0\0"), 60},
	{"goaway", NGHTTP2_GOAWAY, 0, 0, SLICE_INIT("\0\0\0\0\0\0\0\0"), 60},
};

/* Sends many of them; the budgets are refilled with time, of which little passes here. */
static void send_many(struct h2 *h, const struct flood *flood, int count) {
	struct buf frames;
	buf_init(&frames, 0);
	for (int i = 0; i < count; i++) {
		h2_put_frame(&frames, flood->type, flood->flags, flood->stream, flood->payload);
	}
	client_send_bytes(&h->c, buf_slice(&frames));
	buf_finish(&frames);
}

static void floods_end(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		print_message("%s\n", floods[i].what);
		struct fixture f;
		fixture_open(&f);
		fixture_start(&f);
		struct h2 h;
		h2_open(&h, &f);
		h2_request(&h, 1, "POST", "/echo", false, NULL);
		send_many(&h, &floods[i], floods[i].honest);
		h2_request(&h, 3, "GET", "/hello", true, NULL);
		h2_expect(&h, 3, 200, "hello");
		assert_int_equal(h.goaways, 0);
		send_many(&h, &floods[i], 20000);
		h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
		h2_close(&h);
		help_until(&f, &f.aborted, 1);
		fixture_close(&f);
	}
}

/* CVE-2023-44487: streams that are opened and reset at once never are many at a time. */
static void rapid_reset(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	for (int32_t i = 0; i < 5000 && !h.c.is_eof; i++) {
		h2_request(&h, 2 * i + 1, "POST", "/echo", false, NULL);
		h2_send(&h, NGHTTP2_RST_STREAM, 0, 2 * i + 1, SLICE("\0\0\0\x8"));
	}
	h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_true(f.heads < 1000);
	assert_int_equal(f.aborted, f.heads);
	h2_close(&h);
	fixture_close(&f);
}

/* CVE-2025-8671: the same, with us made to reset them. */
static void made_to_reset(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	for (int32_t i = 0; i < 5000 && !h.c.is_eof; i++) {
		h2_request(&h, 2 * i + 1, "POST", "/echo", false, NULL);
		h2_window(&h, 2 * i + 1, INT32_MAX);
		help_turns(&f, 2); /* otherwise the resets wait, and there are too many streams */
	}
	h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_true(f.heads < 1000);
	h2_close(&h);
	fixture_close(&f);
}

/* CVE-2024-28182: a head that does not end, in frames that hold nothing. */
static void continuation_flood(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	struct buf block;
	buf_init(&block, 0);
	h2_put_header(&block, SLICE(":method"), SLICE("GET"));
	h2_send(&h, NGHTTP2_HEADERS, 0, 1, buf_slice(&block));
	for (int i = 0; i < 9; i++) {
		h2_send(&h, NGHTTP2_CONTINUATION, 0, 1, SLICE(""));
	}
	h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
	buf_finish(&block);
	h2_close(&h);
	assert_int_equal(f.heads, 0);
	fixture_close(&f);
}

/* ---- connections that are broken (RFC 9113 5.4.1) ---- */

static void broken_connections(void **state) {
	(void)state;
	static const struct {
		const char *what;
		uint8_t type, flags;
		int32_t stream;
		struct slice payload;
		uint32_t code;
	} cases[] = {
		{"window overflow", NGHTTP2_WINDOW_UPDATE, 0, 0, SLICE_INIT("\x7f\xff\xff\xff"),
			NGHTTP2_FLOW_CONTROL_ERROR},
		{"data on the connection", NGHTTP2_DATA, 0, 0, SLICE_INIT("x"),
			NGHTTP2_PROTOCOL_ERROR},
		{"data on an idle stream", NGHTTP2_DATA, 0, 9, SLICE_INIT("x"),
			NGHTTP2_PROTOCOL_ERROR},
		{"an even stream", NGHTTP2_HEADERS, END_HEADERS, 2, SLICE_INIT("\x82"),
			NGHTTP2_PROTOCOL_ERROR},
		{"headers that are no HPACK", NGHTTP2_HEADERS, END_HEADERS, 9, SLICE_INIT("\xff"),
			NGHTTP2_COMPRESSION_ERROR},
		{"a ping of seven bytes", NGHTTP2_PING, 0, 0, SLICE_INIT("1234567"),
			NGHTTP2_FRAME_SIZE_ERROR},
		{"a continuation of nothing", NGHTTP2_CONTINUATION, 0, 1, SLICE_INIT(""),
			NGHTTP2_PROTOCOL_ERROR},
		{"a push", NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, SLICE_INIT("\0\0\0\2"),
			NGHTTP2_PROTOCOL_ERROR},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s\n", cases[i].what);
		struct h2 h;
		h2_open(&h, &f);
		h2_request(&h, 1, "POST", "/echo", false, NULL);
		h2_send(&h, cases[i].type, cases[i].flags, cases[i].stream, cases[i].payload);
		h2_expect_goaway(&h, cases[i].code);
		h2_close(&h);
		help_until(&f, &f.aborted, (int)i + 1);
	}
	/* A frame larger than we said to take. */
	static char big[16385];
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/echo", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 1, slice_make(big, sizeof big));
	h2_expect_goaway(&h, NGHTTP2_FRAME_SIZE_ERROR);
	h2_close(&h);
	/* More than the window of the stream takes. */
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/wait", false, NULL);
	h2_request(&h, 3, "POST", "/early", false, NULL);
	help_until(&f, &f.dones, f.heads - 1);
	for (int i = 0; i < 17; i++) {
		h2_send(&h, NGHTTP2_DATA, 0, 1, slice_make(big, 16384));
	}
	client_close(&h.c);
	nghttp2_hd_inflate_del(h.inflater);
	/* Frames behind the preface that are not SETTINGS. */
	h = (struct h2){0};
	client_open(&h.c, &f);
	client_send(&h.c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	h2_send(&h, NGHTTP2_PING, 0, 0, SLICE("12345678"));
	h2_expect_goaway(&h, NGHTTP2_PROTOCOL_ERROR);
	client_close(&h.c);
	fixture_close(&f);
}

/* ---- time ---- */

static void slow_heads(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.header_timeout_ms = 20;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_send(&h, NGHTTP2_HEADERS, 0, 1, SLICE("\x82"));
	h2_expect_goaway(&h, NGHTTP2_ENHANCE_YOUR_CALM);
	h2_close(&h);
	/* No SETTINGS behind the preface, and no whole preface. */
	client_open(&h.c, &f);
	client_send(&h.c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	h.goaways = 0;
	h2_expect_goaway(&h, NGHTTP2_SETTINGS_TIMEOUT);
	client_close(&h.c);
	client_open(&h.c, &f);
	client_send(&h.c, "PRI * HTTP/2.0\r\n");
	client_expect(&h.c, 408, NULL);
	client_close(&h.c);
	assert_int_equal(f.heads, 0);
	fixture_close(&f);
}

static void slow_bodies(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_timeout_ms = 20;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/echo", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 1, SLICE("a"));
	h2_expect(&h, 1, 408, "refused");
	h2_close(&h);
	fixture_close(&f);
}

static void trickling_bodies(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_grace_ms = 5;
	f.options.limits.min_body_rate = 1000000;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/echo", false, NULL);
	for (int i = 0; i < 50000 && f.errors == 0; i++) {
		h2_send(&h, NGHTTP2_DATA, 0, 1, SLICE("a"));
		loop_run_once(f.loop, true);
	}
	assert_int_equal(f.error_status, 408);
	h2_expect(&h, 1, 408, "refused");
	h2_close(&h);
	fixture_close(&f);
}

static void idle_connections_close(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.keepalive_timeout_ms = 20;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	/* Waiting for an answer is not idle. */
	h2_request(&h, 3, "GET", "/hello", true, NULL);
	h2_expect(&h, 3, 200, "hello");
	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	h2_expect(&h, 1, 204, NULL);
	h2_expect_goaway(&h, NGHTTP2_NO_ERROR);
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

/* A client that reads nothing, or opens no window, does not hold an answer for ever. */
static void readers_that_stop(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.write_timeout_ms = 20;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/big", true, NULL);
	help_until(&f, &f.aborted, 1);
	struct h2_frame frame;
	h2_until(&h, NGHTTP2_RST_STREAM, &frame);
	assert_memory_equal(frame.payload.data, "\0\0\0\x8", 4); /* CANCEL */
	buf_finish(&frame.payload);
	h2_window(&h, 0, 1 << 30);
	static const char *const none[] = {NULL};
	struct buf settings;
	buf_init(&settings, 0);
	buf_append(&settings, SLICE("\0\4\x7f\xff\xff\xff"));
	h2_send(&h, NGHTTP2_SETTINGS, 0, 0, buf_slice(&settings));
	buf_finish(&settings);
	h2_request(&h, 3, "GET", "/big", true, none);
	help_until(&f, &f.aborted, 2);
	assert_true(f.last_body_sent < BIG_BYTES);
	h2_close(&h);
	fixture_close(&f);
}

int test_server_h2_abuse(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(refused_requests),
		cmocka_unit_test(head_limits),
		cmocka_unit_test(header_bomb),
		cmocka_unit_test(body_limit),
		cmocka_unit_test(concurrency),
		cmocka_unit_test(floods_end),
		cmocka_unit_test(rapid_reset),
		cmocka_unit_test(made_to_reset),
		cmocka_unit_test(continuation_flood),
		cmocka_unit_test(broken_connections),
		cmocka_unit_test(slow_heads),
		cmocka_unit_test(slow_bodies),
		cmocka_unit_test(trickling_bodies),
		cmocka_unit_test(idle_connections_close),
		cmocka_unit_test(readers_that_stop),
	};
	return cmocka_run_group_tests_name("server h2 abuse", tests, NULL, NULL);
}
