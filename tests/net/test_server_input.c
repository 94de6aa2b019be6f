/* test_server_input.c: request bodies, limits, timers and refusals over real sockets, and TLS. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <zlib.h>

#include "net/tls_help.h"

int test_server_input(void);

#define BODY_LIMIT ((size_t)52428800)

/* Sends a POST with the given headers (each with CRLF) and body. */
static void post(struct client *c, const char *path, const char *headers, struct slice body) {
	struct buf out;
	buf_init(&out, 0);
	buf_printf(&out, "POST %s HTTP/1.1\r\nHost: x\r\n%s", path, headers);
	if (!strstr(headers, "Transfer-Encoding")) {
		buf_printf(&out, "Content-Length: %zu\r\n", body.len);
	}
	buf_append_str(&out, "\r\n");
	buf_append(&out, body);
	client_send_bytes(c, buf_slice(&out));
	buf_finish(&out);
}

static struct slice zeros(size_t len) {
	char *data = calloc(1, len);
	assert_non_null(data);
	return slice_make(data, len);
}

static void free_slice(struct slice bytes) {
	free((char *)(uintptr_t)bytes.data);
}

/* ---- bodies ---- */

static void counted_bodies(void **state) {
	(void)state;
	static const size_t sizes[] = {0, 1, 4096, 4097, 65536, 70000, 3000000};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *body = malloc(sizes[i] + 1);
		for (size_t n = 0; n < sizes[i]; n++) {
			body[n] = (char)(n * 7);
		}
		post(&c, "/echo", "", slice_make(body, sizes[i]));
		struct answer answer;
		client_answer(&c, false, &answer);
		assert_int_equal(answer.status, 200);
		assert_true(slice_eq(buf_slice(&answer.body), slice_make(body, sizes[i])));
		answer_free(&answer);
		free(body);
	}
	client_close(&c);
	fixture_close(&f);
}

/* Every byte alone, head and body and the next request's head. */
static void bytewise_arrival(void **state) {
	(void)state;
	static const char bytes[] =
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
		"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	for (size_t i = 0; i < sizeof bytes - 1; i++) {
		client_send_bytes(&c, slice_make(bytes + i, 1));
		help_turns(&f, 1);
	}
	client_expect(&c, 200, "hello");
	client_expect(&c, 200, "abcde");
	client_expect(&c, 200, "hello");
	client_close(&c);
	fixture_close(&f);
}

static void broken_chunks(void **state) {
	(void)state;
	static const char *const bodies[] = {
		"5\r\nhello!\r\n0\r\n\r\n", "ffffffffffffffff\r\nx", "5\nhello\r\n0\r\n\r\n"};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct client c;
		client_open(&c, &f);
		post(&c, "/echo", "Transfer-Encoding: chunked\r\n", slice_of(bodies[i]));
		/* The handler answers, in its caller's format; the connection ends. */
		client_expect(&c, 400, "refused");
		client_read_eof(&c);
		assert_false(c.is_reset);
		client_close(&c);
		assert_int_equal(f.errors, (int)i + 1);
	}
	fixture_close(&f);
}

static void expect_continue(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
			"Expect: 100-continue\r\n\r\n");
	client_expect(&c, 100, NULL);
	client_send(&c, "hello");
	client_expect(&c, 200, "hello");
	/* A client that does not wait is not told to go on. */
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
			"Expect: 100-continue\r\n\r\nhello");
	client_expect(&c, 200, "hello");
	/* Refused before the body was asked for: no 100, and the connection ends. */
	client_send(&c, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
			"Expect: 100-continue\r\n\r\n");
	client_expect(&c, 401, "no");
	client_read_eof(&c);
	client_close(&c);
	fixture_close(&f);
}

/* ---- content codings ---- */

/* window_bits as for deflateInit2: 15 zlib, 31 gzip, -15 raw. */
static struct slice compress_bytes(struct slice bytes, int window_bits) {
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t room = deflateBound(&z, bytes.len);
	char *out = malloc(room);
	z.next_in = (Bytef *)(uintptr_t)bytes.data;
	z.avail_in = (uInt)bytes.len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return slice_make(out, z.total_out);
}

static void compressed_bodies(void **state) {
	(void)state;
	static const struct {
		const char *header;
		int window_bits;
	} cases[] = {
		{"Content-Encoding: gzip\r\n", 31},
		{"Content-Encoding: X-GZIP\r\n", 31},
		{"Content-Encoding: deflate\r\n", 15},
		{"Content-Encoding: deflate\r\n", -15},
	};
	struct slice body = SLICE("the quick brown fox the quick brown fox the quick brown fox");
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice packed = compress_bytes(body, cases[i].window_bits);
		post(&c, "/echo", cases[i].header, packed);
		client_expect(&c, 200, body.data);
		/* One byte a chunk. */
		struct buf chunked;
		buf_init(&chunked, 0);
		for (size_t n = 0; n < packed.len; n++) {
			buf_append_str(&chunked, "1\r\n");
			buf_append_byte(&chunked, packed.data[n]);
			buf_append_str(&chunked, "\r\n");
		}
		buf_append_str(&chunked, "0\r\n\r\n");
		char headers[128];
		snprintf(headers, sizeof headers, "%sTransfer-Encoding: chunked\r\n",
			cases[i].header);
		post(&c, "/echo", headers, buf_slice(&chunked));
		client_expect(&c, 200, body.data);
		buf_finish(&chunked);
		free_slice(packed);
	}
	post(&c, "/echo", "Content-Encoding: gzip\r\n", SLICE(""));
	client_expect(&c, 200, "");
	post(&c, "/echo", "Content-Encoding: identity\r\n", SLICE("as is"));
	client_expect(&c, 200, "as is");
	client_close(&c);
	fixture_close(&f);
}

static void broken_compressed_bodies(void **state) {
	(void)state;
	struct slice packed = compress_bytes(SLICE("hello hello hello"), 31);
	struct slice zlib = compress_bytes(SLICE("hello hello hello"), 15);
	struct buf damaged, followed, twice;
	buf_init(&damaged, 0);
	buf_append(&damaged, packed);
	damaged.data[14] ^= 0x55;
	buf_init(&followed, 0);
	buf_append(&followed, zlib);
	buf_append_str(&followed, "GET");
	buf_init(&twice, 0);
	buf_append(&twice, packed);
	buf_append(&twice, packed);
	const struct {
		const char *header;
		struct slice body;
		int status;
	} cases[] = {
		{"Content-Encoding: gzip\r\n", slice_sub(packed, 0, packed.len - 1), 400},
		{"Content-Encoding: gzip\r\n", buf_slice(&damaged), 400},
		{"Content-Encoding: gzip\r\n", SLICE("not gzip at all"), 400},
		{"Content-Encoding: deflate\r\n", SLICE("x"), 400},
		{"Content-Encoding: deflate\r\n", buf_slice(&followed), 400},
		{"Content-Encoding: br\r\n", packed, 415},
		{"Content-Encoding: gzip, gzip\r\n", packed, 415},
		{"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", packed, 415},
		{"Content-Encoding: gzip\r\n", buf_slice(&twice), 200},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		client_open(&c, &f);
		post(&c, "/length", cases[i].header, cases[i].body);
		client_expect(&c, cases[i].status, cases[i].status == 200 ? "34" : "refused");
		client_close(&c);
	}
	buf_finish(&damaged);
	buf_finish(&followed);
	buf_finish(&twice);
	free_slice(packed);
	free_slice(zlib);
	fixture_close(&f);
}

/* The limit counts inflated bytes, as they come out. */
static void gzip_bomb(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_bytes = 1000000;
	fixture_start(&f);
	for (size_t over = 0; over <= 1; over++) {
		struct slice plain = zeros(1000000 + over);
		struct slice packed = compress_bytes(plain, 31);
		assert_true(packed.len < 5000);
		struct client c;
		client_open(&c, &f);
		post(&c, "/length", "Content-Encoding: gzip\r\n", packed);
		client_expect(&c, over ? 413 : 200, over ? "refused" : "1000000");
		client_close(&c);
		free_slice(packed);
		free_slice(plain);
	}
	assert_int_equal(f.errors, 1);
	fixture_close(&f);
}

/* The limits of what comes and of what comes out are two. */
static void gzip_limits(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_bytes = 3000;
	f.options.limits.decoded_bytes = 100000;
	fixture_start(&f);
	struct slice plain = zeros(100000);
	struct slice packed = compress_bytes(plain, 31), empty = compress_bytes(SLICE(""), 31);
	struct client c;
	client_open(&c, &f);
	post(&c, "/length", "Content-Encoding: gzip\r\n", packed);
	client_expect(&c, 200, "100000");
	/* members that inflate to nothing count as well */
	struct buf chunk;
	buf_init(&chunk, 0);
	while (chunk.len < 1500) {
		buf_append(&chunk, empty);
	}
	struct buf body;
	buf_init(&body, 0);
	for (int i = 0; i < 3; i++) {
		buf_printf(&body, "%zx\r\n", chunk.len);
		buf_append(&body, buf_slice(&chunk));
		buf_append_str(&body, "\r\n");
	}
	buf_append_str(&body, "0\r\n\r\n");
	post(&c, "/length", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
		buf_slice(&body));
	client_expect(&c, 413, "refused");
	client_close(&c);
	buf_finish(&chunk);
	buf_finish(&body);
	free_slice(empty);
	free_slice(packed);
	free_slice(plain);
	fixture_close(&f);
}

/* ---- limits ---- */

/* 52,428,800 bytes pass, one more gets 413 in the caller's format, readable though the client sends
 * all of it first. */
static void body_limit_is_exact(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct slice body = zeros(BODY_LIMIT + 1);
	struct client c;
	client_open(&c, &f);
	post(&c, "/length", "", slice_sub(body, 0, BODY_LIMIT));
	client_expect(&c, 200, "52428800");
	post(&c, "/length", "", body);
	client_expect(&c, 413, "refused");
	client_read_eof(&c);
	assert_false(c.is_reset);
	assert_int_equal(f.heads, 2);
	assert_int_equal(f.bodies, 1);
	client_close(&c);
	free_slice(body);
	fixture_close(&f);
}

static void chunked_body_limit(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_bytes = 8;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	post(&c, "/echo", "Transfer-Encoding: chunked\r\n",
		SLICE("4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n"));
	client_expect(&c, 200, "abcdefgh");
	post(&c, "/echo", "Transfer-Encoding: chunked\r\n",
		SLICE("4\r\nabcd\r\n5\r\nefghi\r\n0\r\n\r\n"));
	client_expect(&c, 413, "refused");
	client_close(&c);
	fixture_close(&f);
}

static void head_limits(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct buf big;
	buf_init(&big, 0);
	buf_append_str(&big, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	while (big.len < 65 * 1024) {
		buf_append_byte(&big, 'a');
	}
	buf_append_str(&big, "\r\n\r\n");
	const struct {
		struct slice bytes;
		int status;
	} cases[] = {
		{buf_slice(&big), 431},
		{SLICE_INIT("GET / HTTP/1.1\nHost: x\n\n"), 400},
		{SLICE_INIT("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n"),
			400},
		{SLICE_INIT("\x16\x03\x01\x02\x00\x01"), 400},
		{SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"), 505},
		{SLICE_INIT("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"), 501},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		client_open(&c, &f);
		client_send_bytes(&c, cases[i].bytes);
		char body[32];
		snprintf(body, sizeof body, "{\"status\":%d}", cases[i].status);
		client_expect(&c, cases[i].status, body);
		client_read_eof(&c);
		assert_false(c.is_reset);
		client_close(&c);
	}
	buf_finish(&big);
	assert_int_equal(f.heads, 0);
	fixture_close(&f);
}

static void too_many_connections(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.max_connections = 1;
	fixture_start(&f);
	struct client first, second;
	client_open(&first, &f);
	client_send(&first, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&first, 200, "hello");
	client_open(&second, &f);
	client_expect(&second, 503, "");
	client_read_eof(&second);
	client_close(&second);
	client_send(&first, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&first, 200, "hello");
	client_close(&first);
	fixture_close(&f);
}

/* ---- answers before the body ---- */

static void early_answer_keeps_small(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct slice body = zeros(100000);
	struct client c;
	client_open(&c, &f);
	post(&c, "/early", "", body);
	client_expect(&c, 401, "no");
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&c, 200, "hello");
	/* The answer comes before the body does. */
	client_send(&c, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
	client_expect(&c, 401, "no");
	client_send(&c, "cdGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&c, 200, "hello");
	client_close(&c);
	assert_int_equal(f.bodies, 2);
	assert_int_equal(f.aborted, 0);
	free_slice(body);
	fixture_close(&f);
}

/* A client that sends its whole body before it looks still finds the answer, not a reset. */
static void early_answer_closes_big(void **state) {
	(void)state;
	static const char *const codings[] = {"", "Transfer-Encoding: chunked\r\n"};
	struct slice body = zeros(4000000);
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		fixture_open(&f);
		fixture_start(&f);
		struct client c;
		client_open(&c, &f);
		post(&c, "/early", codings[i], body);
		struct answer answer;
		client_answer(&c, false, &answer);
		assert_int_equal(answer.status, 401);
		assert_non_null(strstr(answer.head, "Connection: close\r\n"));
		assert_true(slice_is(buf_slice(&answer.body), "no"));
		answer_free(&answer);
		client_read_eof(&c);
		assert_false(c.is_reset);
		client_close(&c);
		fixture_close(&f);
	}
	free_slice(body);
}

static void early_answer_without_the_rest(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.linger_timeout_ms = 5;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
	client_expect(&c, 401, "no");
	client_read_eof(&c);
	assert_int_equal(f.dones, 1);
	assert_int_equal(f.aborted, 0);
	client_close(&c);
	fixture_close(&f);
}

/* An exchange cut while its body arrives hears of nothing but its end. */
static void cut_before_the_body(void **state) {
	(void)state;
	static const char *const codings[] = {"", "Transfer-Encoding: chunked\r\n"};
	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		fixture_open(&f);
		fixture_start(&f);
		struct client c;
		client_open(&c, &f);
		post(&c, "/cut", codings[i], SLICE("not chunks at all"));
		client_read_eof(&c);
		assert_int_equal(c.in.len, 0);
		assert_int_equal(f.bodies + f.errors, 0);
		assert_int_equal(f.aborted, 1);
		client_close(&c);
		fixture_close(&f);
	}
}

/* ---- timers ---- */

static void slow_head(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.header_timeout_ms = 10;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "GET / HTTP/1.1\r\nHo");
	client_expect(&c, 408, "{\"status\":408}");
	client_read_eof(&c);
	client_close(&c);
	assert_int_equal(f.heads, 0);
	fixture_close(&f);
}

static void slow_body(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_timeout_ms = 10;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab");
	client_expect(&c, 408, "refused");
	client_read_eof(&c);
	client_close(&c);
	assert_int_equal(f.error_status, 408);
	fixture_close(&f);
}

/* Slowloris: a byte now and then keeps no body alive. */
static void trickling_body(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.body_grace_ms = 5;
	f.options.limits.min_body_rate = 1000000;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 50000 && f.errors == 0; i++) {
		client_send(&c, "a");
		loop_run_once(f.loop, true);
	}
	assert_int_equal(f.error_status, 408);
	client_expect(&c, 408, "refused");
	client_close(&c);
	fixture_close(&f);
}

static void idle_connections_close(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.keepalive_timeout_ms = 10;
	fixture_start(&f);
	struct client silent, c;
	client_open(&silent, &f);
	client_open(&c, &f);
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&c, 200, "hello");
	client_read_eof(&c);
	client_read_eof(&silent);
	assert_int_equal(c.in.len + silent.in.len, 0);
	client_close(&c);
	client_close(&silent);
	fixture_close(&f);
}

/* A handler may take its time: no timer runs while it thinks. */
static void waiting_is_not_idle(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.keepalive_timeout_ms = 5;
	f.options.limits.header_timeout_ms = 5;
	f.options.limits.body_timeout_ms = 5;
	f.options.limits.write_timeout_ms = 5;
	fixture_start(&f);
	struct client c, idle;
	client_open(&c, &f);
	client_send(&c, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	help_until(&f, &f.waiting_count, 1);
	/* Another connection runs into the same time-out twice over. */
	for (int i = 0; i < 2; i++) {
		client_open(&idle, &f);
		client_read_eof(&idle);
		client_close(&idle);
	}
	assert_int_equal(f.dones, 0);
	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	client_expect(&c, 204, NULL);
	client_close(&c);
	fixture_close(&f);
}

static void reader_that_stops(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.write_timeout_ms = 10;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	help_until(&f, &f.aborted, 1);
	assert_true(f.last_body_sent < BIG_BYTES);
	client_close(&c);
	fixture_close(&f);
}

/* ---- TLS ---- */

static void tls(void **state) {
	(void)state;
	struct certificate made;
	certificate_make(&made);
	struct fixture f;
	fixture_open(&f);
	f.options.tls_cert = made.cert_path;
	f.options.tls_key = made.key_path;
	fixture_start(&f);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_AUTO_RETRY);
	static const unsigned char protocols[] = "\x02h3\x08http/1.1";
	SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);

	struct client c;
	client_open(&c, &f);
	assert_true(client_start_tls(&c, context));
	const unsigned char *chosen;
	unsigned chosen_len;
	SSL_get0_alpn_selected(c.tls, &chosen, &chosen_len);
	assert_int_equal(chosen_len, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
			"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&c, 200, "hello");
	client_expect(&c, 200, "hello");
	struct slice body = zeros(1000000);
	post(&c, "/length", "", body);
	client_expect(&c, 200, "1000000");
	free_slice(body);
	client_send(
		&c, "GET /refs HTTP/1.1\r\nHost: x\r\n\r\nGET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, REFS_COUNT * 16385);
	answer_free(&answer);
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, BIG_BYTES);
	answer_free(&answer);
	client_send(&c, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	help_until(&f, &f.waiting_count, 1);
	assert_true(http_exchange_request(f.waiting[0])->is_tls);
	client_close(&c);
	help_until(&f, &f.aborted, 1);

	/* A proper end says so; an answer cut short does not. */
	client_open(&c, &f);
	assert_true(client_start_tls(&c, context));
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	client_expect(&c, 200, "hello");
	client_read_eof(&c);
	assert_false(c.is_reset);
	client_close(&c);
	client_open(&c, &f);
	assert_true(client_start_tls(&c, context));
	client_send(&c, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	help_until(&f, &f.waiting_count, 2);
	http_start(f.waiting[1], 200, NULL, 0);
	http_write(f.waiting[1], SLICE("part"));
	http_abort(f.waiting[1]);
	client_read_eof(&c);
	assert_true(c.is_reset);
	client_close(&c);

	SSL_CTX_free(context);
	certificate_remove(&made);
	fixture_close(&f);
}

static void tls_refusals(void **state) {
	(void)state;
	struct certificate made, other;
	certificate_make(&made);
	certificate_make(&other);
	struct fixture f;
	fixture_open(&f);
	f.options.tls_cert = made.cert_path;
	f.options.tls_key = made.key_path;
	fixture_start(&f);
	/* Plain HTTP to a TLS port. */
	struct client c;
	client_open(&c, &f);
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read_eof(&c);
	client_close(&c);
	/* TLS 1.1, and a client that speaks h3 only. */
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
	SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	client_open(&c, &f);
	assert_false(client_start_tls(&c, context));
	client_close(&c);
	SSL_CTX_free(context);
	context = SSL_CTX_new(TLS_client_method());
	static const unsigned char h3[] = "\x02h3";
	SSL_CTX_set_alpn_protos(context, h3, sizeof h3 - 1);
	client_open(&c, &f);
	assert_false(client_start_tls(&c, context));
	client_close(&c);
	SSL_CTX_free(context);

	struct error error = {0};
	struct http_server_options options = f.options;
	options.tls_cert = "/nonexistent.pem";
	assert_null(http_server_create(f.loop, &options, &error));
	assert_non_null(strstr(error.message, "/nonexistent.pem"));
	options = f.options;
	options.tls_key = other.key_path;
	assert_null(http_server_create(f.loop, &options, &error));
	options.tls_key = NULL;
	assert_null(http_server_create(f.loop, &options, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	certificate_remove(&made);
	certificate_remove(&other);
	fixture_close(&f);
}

int test_server_input(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_bodies),
		cmocka_unit_test(bytewise_arrival),
		cmocka_unit_test(broken_chunks),
		cmocka_unit_test(expect_continue),
		cmocka_unit_test(compressed_bodies),
		cmocka_unit_test(broken_compressed_bodies),
		cmocka_unit_test(gzip_bomb),
		cmocka_unit_test(gzip_limits),
		cmocka_unit_test(body_limit_is_exact),
		cmocka_unit_test(chunked_body_limit),
		cmocka_unit_test(head_limits),
		cmocka_unit_test(too_many_connections),
		cmocka_unit_test(early_answer_keeps_small),
		cmocka_unit_test(early_answer_closes_big),
		cmocka_unit_test(early_answer_without_the_rest),
		cmocka_unit_test(cut_before_the_body),
		cmocka_unit_test(slow_head),
		cmocka_unit_test(slow_body),
		cmocka_unit_test(trickling_body),
		cmocka_unit_test(idle_connections_close),
		cmocka_unit_test(waiting_is_not_idle),
		cmocka_unit_test(reader_that_stops),
		cmocka_unit_test(tls),
		cmocka_unit_test(tls_refusals),
	};
	return cmocka_run_group_tests_name("server input", tests, NULL, NULL);
}
