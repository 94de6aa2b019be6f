/* test_server_h2.c: HTTP/2 over real sockets, frame by frame: requests, answers, flow control,
 * leaving, draining. */
#include <stdlib.h>

#include "net/h2_help.h"
#include "net/tls_help.h"

int test_server_h2(void);

#define END NGHTTP2_FLAG_END_STREAM

static void requests_and_answers(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/hello", true, NULL);
	struct h2_answer answer;
	h2_answer(&h, 1, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(slice_is(buf_slice(&answer.body), "hello"));
	assert_non_null(strstr(answer.head, "\ndate: "));
	assert_non_null(strstr(answer.head, "\ncontent-length: 5\n"));
	assert_non_null(strstr(answer.head, "\ncontent-type: text/plain\n"));
	h2_answer_free(&answer);
	/* A body in pieces, one of them padded by three bytes. */
	static const char *const length[] = {"content-length", "6", NULL};
	h2_request(&h, 3, "POST", "/echo", false, length);
	h2_send(&h, NGHTTP2_DATA, 0, 3, SLICE("abc"));
	h2_send(&h, NGHTTP2_DATA, END | NGHTTP2_FLAG_PADDED, 3, SLICE("\3def\0\0\0"));
	h2_expect(&h, 3, 200, "abcdef");
	static char zeros[10000];
	h2_request(&h, 9, "POST", "/length", false, NULL);
	h2_send(&h, NGHTTP2_DATA, END, 9, slice_make(zeros, sizeof zeros));
	h2_expect(&h, 9, 200, "10000");
	help_until(&f, &f.dones, 3);
	assert_int_equal(f.body_zeros, sizeof zeros);
	/* A body without a length, ended by trailers. */
	h2_request(&h, 11, "POST", "/echo", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 11, SLICE("xyz"));
	struct buf trailers;
	buf_init(&trailers, 0);
	h2_put_header(&trailers, SLICE("checksum"), SLICE("1"));
	h2_send(&h, NGHTTP2_HEADERS, END | NGHTTP2_FLAG_END_HEADERS, 11, buf_slice(&trailers));
	buf_finish(&trailers);
	h2_expect(&h, 11, 200, "xyz");
	/* A target is decoded as in HTTP/1.1. */
	h2_request(&h, 13, "GET", "/a%20b?c=d", true, NULL);
	h2_expect(&h, 13, 200, "/a b");
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

static void request_fields(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	static const char *const more[] = {"x-api-key", "secret", "content-length", "2", NULL};
	h2_request(&h, 1, "POST", "/wait?x=1", false, more);
	h2_send(&h, NGHTTP2_DATA, END, 1, SLICE("hi"));
	help_until(&f, &f.waiting_count, 1);
	const struct http_request *request = http_exchange_request(f.waiting[0]);
	assert_true(slice_is(request->method, "POST"));
	assert_true(slice_is(request->path, "/wait"));
	assert_true(slice_is(request->query, "x=1"));
	assert_true(slice_is(request->host, "x"));
	assert_true(slice_is(http_headers_get(&request->headers, "X-Api-Key"), "secret"));
	assert_true(request->is_loopback_peer);
	assert_false(request->is_tls);
	assert_int_equal(request->content_length, 2);
	assert_true(slice_starts_with(request->peer, SLICE("127.0.0.1:")));
	assert_true(request->received_ns > 0);
	h2_close(&h);
	help_until(&f, &f.aborted, 1);
	fixture_close(&f);
}

/* Slow ones do not hold up quick ones. */
static void streams_are_independent(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	h2_request(&h, 3, "GET", "/wait", true, NULL);
	h2_request(&h, 5, "GET", "/hello", true, NULL);
	h2_expect(&h, 5, 200, "hello");
	http_respond(f.waiting[1], 204, NULL, 0, NULL);
	h2_expect(&h, 3, 204, "");
	http_start(f.waiting[0], 200, NULL, 0);
	http_write(f.waiting[0], SLICE("one "));
	help_turns(&f, 3);
	http_write(f.waiting[0], SLICE("two"));
	http_end(f.waiting[0]);
	h2_expect(&h, 1, 200, "one two");
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

static void bytewise_arrival(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct buf bytes, block;
	buf_init(&bytes, 0);
	buf_init(&block, 0);
	buf_append_str(&bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	h2_put_frame(&bytes, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
	/* The head in two frames, cut inside of a header. */
	h2_put_header(&block, SLICE(":method"), SLICE("POST"));
	h2_put_header(&block, SLICE(":scheme"), SLICE("http"));
	h2_put_header(&block, SLICE(":path"), SLICE("/echo"));
	h2_put_header(&block, SLICE("host"), SLICE("x"));
	h2_put_frame(&bytes, NGHTTP2_HEADERS, 0, 1, slice_sub(buf_slice(&block), 0, 20));
	h2_put_frame(&bytes, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1,
		slice_from(buf_slice(&block), 20));
	h2_put_frame(&bytes, NGHTTP2_DATA, END, 1, SLICE("hello"));
	struct h2 h = {0};
	client_open(&h.c, &f);
	nghttp2_hd_inflate_new(&h.inflater);
	for (size_t i = 0; i < bytes.len; i++) {
		client_send_bytes(&h.c, slice_sub(buf_slice(&bytes), i, 1));
		help_turns(&f, 1);
	}
	h2_expect(&h, 1, 200, "hello");
	h2_close(&h);
	buf_finish(&bytes);
	buf_finish(&block);
	fixture_close(&f);
}

static void head_method(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "HEAD", "/hello", true, NULL);
	struct h2_answer answer;
	h2_answer(&h, 1, &answer);
	assert_non_null(strstr(answer.head, "\ncontent-length: 5\n"));
	assert_int_equal(answer.body.len, 0);
	h2_answer_free(&answer);
	/* Streamed: it is over when the handler says so, not when the head is out. */
	h2_request(&h, 3, "HEAD", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, NULL, 0);
	http_flush(f.waiting[0]);
	assert_true(http_write(f.waiting[0], SLICE("never seen")));
	help_turns(&f, 3);
	assert_int_equal(f.dones, 1);
	http_end(f.waiting[0]);
	h2_expect(&h, 3, 200, "");
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

/* Headers that belong to a connection of HTTP/1.1, and those that would break a head. */
static void unsafe_headers_are_skipped(void **state) {
	(void)state;
	static const struct http_header headers[] = {
		{SLICE_INIT("Connection"), SLICE_INIT("close")},
		{SLICE_INIT("Upgrade"), SLICE_INIT("h2c")},
		{SLICE_INIT("Keep-Alive"), SLICE_INIT("1")},
		{SLICE_INIT("Transfer-Encoding"), SLICE_INIT("chunked")},
		{SLICE_INIT("X-Broken"), SLICE_INIT("a\r\nb: c")},
		{SLICE_INIT("X-Good"), SLICE_INIT("yes")},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, headers, sizeof headers / sizeof *headers);
	http_end(f.waiting[0]);
	struct h2_answer answer;
	h2_answer(&h, 1, &answer);
	char *behind_date = strchr(strstr(answer.head, "\ndate: ") + 1, '\n');
	assert_string_equal(behind_date, "\nx-good: yes\n");
	h2_answer_free(&answer);
	h2_close(&h);
	fixture_close(&f);
}

static void big_answers(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/big", true, NULL);
	h2_request(&h, 3, "GET", "/hello", true, NULL);
	/* The other stream's answer is not kept behind the big one. */
	h2_expect(&h, 3, 200, "hello");
	assert_int_equal(f.dones, 1);
	struct h2_answer answer;
	h2_window(&h, 1, 65535);
	h2_answer(&h, 1, &answer);
	/* Less what came before and was skipped. */
	assert_in_range(answer.body.len, BIG_BYTES - 65535, BIG_BYTES);
	h2_answer_free(&answer);
	h2_request(&h, 5, "GET", "/refs", true, NULL);
	h2_answer(&h, 5, &answer);
	assert_int_equal(answer.body.len, REFS_COUNT * 16385);
	assert_int_equal(answer.body.data[16385], '-');
	assert_int_equal(answer.body.data[16386], 'x');
	h2_answer_free(&answer);
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

/* http_write's false and on_writable follow the windows of the client. */
static void back_pressure(void **state) {
	(void)state;
	static char piece[16384];
	memset(piece, 'p', sizeof piece);
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, NULL, 0);
	size_t written = 0;
	bool has_room = true;
	while (has_room) {
		has_room = http_write(f.waiting[0], slice_make(piece, sizeof piece));
		written += sizeof piece;
		help_turns(&f, 3);
		assert_true(written < 1024 * 1024);
	}
	/* What the first window takes has left; the rest is held. */
	assert_int_equal(http_exchange_unsent(f.waiting[0]), written - 65535);
	assert_int_equal(http_exchange_bytes_sent(f.waiting[0]), 65535);
	h2_window(&h, 0, 1 << 20);
	h2_window(&h, 1, 100000);
	help_turns(&f, 10);
	assert_int_equal(f.writables, 0);
	h2_window(&h, 1, 200000);
	help_until(&f, &f.writables, 1);
	assert_true(f.unsent_when_writable < 64 * 1024);
	http_end(f.waiting[0]);
	struct h2_answer answer;
	h2_answer(&h, 1, &answer);
	assert_int_equal(answer.body.len, written);
	h2_answer_free(&answer);
	h2_close(&h);
	fixture_close(&f);
}

static void leaving_is_noticed(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	for (int32_t id = 1; id <= 7; id += 2) {
		h2_request(&h, id, "GET", "/wait", true, NULL);
	}
	help_until(&f, &f.waiting_count, 4);
	http_start(f.waiting[1], 200, NULL, 0);
	http_write(f.waiting[1], SLICE("part"));
	help_turns(&f, 3);
	/* A reset ends its own exchange, answered in part or not at all. */
	struct http_exchange *third = f.waiting[2];
	h2_send(&h, NGHTTP2_RST_STREAM, 0, 1, SLICE("\0\0\0\x8"));
	h2_send(&h, NGHTTP2_RST_STREAM, 0, 3, SLICE("\0\0\0\x8"));
	help_until(&f, &f.aborted, 2);
	assert_null(f.waiting[0]);
	assert_null(f.waiting[1]);
	assert_ptr_equal(f.waiting[2], third);
	/* While its body arrives, too. */
	h2_request(&h, 9, "POST", "/echo", false, NULL);
	h2_send(&h, NGHTTP2_DATA, 0, 9, SLICE("abc"));
	h2_send(&h, NGHTTP2_RST_STREAM, 0, 9, SLICE("\0\0\0\x8"));
	help_until(&f, &f.aborted, 3);
	/* The end of the connection ends them all. */
	h2_close(&h);
	help_until(&f, &f.aborted, 5);
	assert_int_equal(f.bodies, 4);
	fixture_close(&f);
}

static void abort_is_visible(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/cut", true, NULL);
	h2_expect_reset(&h, 1, NGHTTP2_INTERNAL_ERROR);
	help_until(&f, &f.aborted, 1);
	h2_request(&h, 3, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, NULL, 0);
	http_write(f.waiting[0], SLICE("part"));
	http_abort(f.waiting[0]);
	struct h2_answer answer;
	h2_answer(&h, 3, &answer);
	assert_int_equal(answer.reset, NGHTTP2_INTERNAL_ERROR);
	assert_true(slice_is(buf_slice(&answer.body), "part"));
	h2_answer_free(&answer);
	help_until(&f, &f.aborted, 2);
	/* The connection goes on. */
	h2_request(&h, 5, "GET", "/hello", true, NULL);
	h2_expect(&h, 5, 200, "hello");
	h2_close(&h);
	fixture_close(&f);
}

static void early_answers(void **state) {
	(void)state;
	static char piece[16384];
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/early", false, NULL);
	struct h2_answer answer;
	h2_answer(&h, 1, &answer);
	assert_int_equal(answer.status, 401);
	assert_true(answer.is_whole);
	h2_answer_free(&answer);
	/* The client is told to stop; what was under way counts for the connection alone. */
	struct h2_frame frame;
	h2_until(&h, NGHTTP2_RST_STREAM, &frame);
	assert_int_equal(frame.stream, 1);
	assert_memory_equal(frame.payload.data, "\0\0\0\0", 4);
	buf_finish(&frame.payload);
	for (int i = 0; i < 100; i++) {
		h2_send(&h, NGHTTP2_DATA, 0, 1, slice_make(piece, 8192));
	}
	h2_request(&h, 3, "POST", "/length", false, NULL);
	for (int i = 0; i < 15; i++) {
		h2_send(&h, NGHTTP2_DATA, i == 14 ? END : 0, 3, slice_make(piece, 16384));
	}
	h2_expect(&h, 3, 200, "245760");
	h2_close(&h);
	assert_int_equal(f.aborted, 0);
	assert_int_equal(f.bodies, 1);
	fixture_close(&f);
}

static void expect_continue(void **state) {
	(void)state;
	static const char *const more[] = {"expect", "100-continue", NULL};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "POST", "/echo", false, more);
	struct h2_frame frame;
	h2_until(&h, NGHTTP2_HEADERS, &frame);
	assert_int_equal(frame.flags, NGHTTP2_FLAG_END_HEADERS);
	nghttp2_nv field;
	int flags = 0;
	nghttp2_hd_inflate_hd2(h.inflater, &field, &flags, (const uint8_t *)frame.payload.data,
		frame.payload.len, 1);
	assert_memory_equal(field.value, "100", 3);
	nghttp2_hd_inflate_end_headers(h.inflater);
	buf_finish(&frame.payload);
	h2_send(&h, NGHTTP2_DATA, END, 1, SLICE("hello"));
	h2_expect(&h, 1, 200, "hello");
	h2_close(&h);
	fixture_close(&f);
}

static void count_drained(void *data) {
	struct fixture *f = data;
	f->drained++;
}

/* The warning first, then the last word when the client answers; what runs may end (RFC 9113 6.8).
 */
static void drain(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	http_server_drain(f.server, count_drained, &f);
	struct h2_frame frame;
	h2_await_goaway(&h, 1);
	assert_int_equal(h.goaway_stream, INT32_MAX);
	assert_int_equal(h.goaway_code, NGHTTP2_NO_ERROR);
	h2_until(&h, NGHTTP2_PING, &frame);
	/* This one was under way when the warning came. */
	h2_request(&h, 3, "GET", "/hello", true, NULL);
	h2_send(&h, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, buf_slice(&frame.payload));
	buf_finish(&frame.payload);
	h2_expect(&h, 3, 200, "hello");
	h2_await_goaway(&h, 2);
	assert_int_equal(h.goaway_stream, 3);
	assert_int_equal(h.goaway_code, NGHTTP2_NO_ERROR);
	/* This one comes too late. */
	h2_request(&h, 5, "GET", "/hello", true, NULL);
	help_turns(&f, 5);
	assert_int_equal(f.drained, 0);
	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	h2_expect(&h, 1, 204, "");
	client_read_eof(&h.c);
	assert_false(h.c.is_reset);
	h2_close(&h);
	help_until(&f, &f.drained, 1);
	assert_int_equal(f.heads, 2);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

/* A client that does not answer is not waited for. */
static void drain_of_silent_clients(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.linger_timeout_ms = 20;
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	http_server_drain(f.server, count_drained, &f);
	client_read_eof(&h.c);
	h2_close(&h);
	help_until(&f, &f.drained, 1);
	fixture_close(&f);
}

static void destroy_aborts(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct h2 h;
	h2_open(&h, &f);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	h2_request(&h, 3, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 2);
	http_server_destroy(f.server);
	f.server = NULL;
	assert_int_equal(f.aborted, 2);
	h2_close(&h);
	fixture_close(&f);
}

static void over_tls(void **state) {
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
	static const unsigned char protocols[] = "\x08http/1.1\x02h2";
	SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1);
	struct h2 h = {0};
	client_open(&h.c, &f);
	assert_true(client_start_tls(&h.c, context));
	const unsigned char *chosen;
	unsigned chosen_len;
	SSL_get0_alpn_selected(h.c.tls, &chosen, &chosen_len);
	assert_int_equal(chosen_len, 2);
	assert_memory_equal(chosen, "h2", 2);
	h2_greet(&h);
	h2_request(&h, 1, "GET", "/wait", true, NULL);
	help_until(&f, &f.waiting_count, 1);
	assert_true(http_exchange_request(f.waiting[0])->is_tls);
	h2_request(&h, 3, "GET", "/refs", true, NULL);
	struct h2_answer answer;
	h2_answer(&h, 3, &answer);
	assert_int_equal(answer.body.len, REFS_COUNT * 16385);
	h2_answer_free(&answer);
	h2_close(&h);
	help_until(&f, &f.aborted, 1);
	/* HTTP/1.1 where the handshake settled on HTTP/2 is no preface. */
	client_open(&h.c, &f);
	assert_true(client_start_tls(&h.c, context));
	client_send(&h.c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	h2_expect_goaway(&h, NGHTTP2_PROTOCOL_ERROR);
	client_close(&h.c);
	SSL_CTX_free(context);
	certificate_remove(&made);
	assert_int_equal(f.heads, 2);
	fixture_close(&f);
}

/* HTTP/2 begins a connection, or it does not come. */
static void preface_comes_first(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_expect(&c, 200, "hello");
	client_send(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	client_expect(&c, 505, NULL);
	client_read_eof(&c);
	client_close(&c);
	fixture_close(&f);
}

int test_server_h2(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_answers),
		cmocka_unit_test(request_fields),
		cmocka_unit_test(streams_are_independent),
		cmocka_unit_test(bytewise_arrival),
		cmocka_unit_test(head_method),
		cmocka_unit_test(unsafe_headers_are_skipped),
		cmocka_unit_test(big_answers),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(leaving_is_noticed),
		cmocka_unit_test(abort_is_visible),
		cmocka_unit_test(early_answers),
		cmocka_unit_test(expect_continue),
		cmocka_unit_test(drain),
		cmocka_unit_test(drain_of_silent_clients),
		cmocka_unit_test(destroy_aborts),
		cmocka_unit_test(over_tls),
		cmocka_unit_test(preface_comes_first),
	};
	return cmocka_run_group_tests_name("server h2", tests, NULL, NULL);
}
