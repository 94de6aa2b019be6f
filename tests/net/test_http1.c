/* test_http1.c: request heads accepted and refused, smuggling vectors, chunked bodies at every cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/http1.h"

#define MAX_BYTES 65536
#define MAX_HEADERS 100

int test_http1(void);

/* ---- heads ---- */

#define H "Host: x\r\n"

struct head_case {
	const char *name;
	struct slice bytes;
	int status; /* 0: accepted */
};
#define CASE(name, literal, status)                                                                \
	{ name, SLICE_INIT(literal), status }

static const struct head_case head_cases[] = {
	CASE("plain", "GET / HTTP/1.1\r\n" H "\r\n", 0),
	CASE("1.0 without host", "GET /a?b HTTP/1.0\r\n\r\n", 0),
	CASE("absolute form", "GET http://h:1/p HTTP/1.1\r\n" H "\r\n", 0),
	CASE("asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0),
	CASE("empty line first", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 0),
	CASE("empty value", "GET / HTTP/1.1\r\n" H "A:\r\n\r\n", 0),
	CASE("white space around value", "GET / HTTP/1.1\r\n" H "A: \t b \t\r\n\r\n", 0),
	CASE("obs-text", "GET / HTTP/1.1\r\n" H "A: \xc3\xa9\r\n\r\n", 0),
	CASE("chunked any case", "POST / HTTP/1.1\r\n" H "transfer-encoding:CHUNKED\r\n\r\n", 0),
	CASE("unknown method", "BREW / HTTP/1.1\r\n" H "\r\n", 0),

	CASE("both lengths",
		"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		400),
	CASE("both lengths, other order",
		"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
		400),
	CASE("two lengths",
		"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
	CASE("two equal lengths",
		"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\ncontent-length: 3\r\n\r\n", 400),
	CASE("list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", 400),
	CASE("signed length", "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", 400),
	CASE("negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\n", 400),
	CASE("hex length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", 400),
	CASE("empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400),
	CASE("length beyond 63 bits",
		"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400),
	CASE("length beyond 64 bits",
		"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", 400),
	CASE("other coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
		501),
	CASE("identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501),
	CASE("almost chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501),
	CASE("chunked twice",
		"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		400),
	CASE("chunked with VT", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n", 400),
	CASE("chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
	CASE("space before colon", "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\n", 400),
	CASE("tab before colon", "POST / HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n",
		400),
	CASE("obs-fold", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400),
	CASE("obs-fold with tab", "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400),
	CASE("white space before the first header", "GET / HTTP/1.1\r\n " H "\r\n", 400),
	CASE("bare LF after request line", "GET / HTTP/1.1\n" H "\r\n", 400),
	CASE("bare LF after header", "GET / HTTP/1.1\r\nHost: x\n\r\n", 400),
	CASE("bare LF at the end", "GET / HTTP/1.1\r\n" H "\n", 400),
	CASE("bare CR in value", "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400),
	CASE("bare CR in request line", "GET / HTTP/1.1\rX\r\n" H "\r\n", 400),
	CASE("CR CR LF", "GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n", 400),
	CASE("NUL in value", "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n", 400),
	CASE("NUL in name", "GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n", 400),
	CASE("DEL in value", "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n", 400),
	CASE("no colon", "GET / HTTP/1.1\r\n" H "Abc\r\n\r\n", 400),
	CASE("empty name", "GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400),
	CASE("bracket in name", "GET / HTTP/1.1\r\n" H "A[]: b\r\n\r\n", 400),
	CASE("no host", "GET / HTTP/1.1\r\n\r\n", 400),
	CASE("two hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400),
	CASE("host with slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
	CASE("host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
	CASE("lower-case method", "get / HTTP/1.1\r\n" H "\r\n", 400),
	CASE("lower-case version", "GET / http/1.1\r\n" H "\r\n", 400),
	CASE("no version", "GET /\r\n" H "\r\n", 400),
	CASE("0.9", "GET / HTTP/0.9\r\n" H "\r\n", 505),
	CASE("1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505),
	CASE("2.0 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
	CASE("long version", "GET / HTTP/1.10\r\n" H "\r\n", 400),
	CASE("two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400),
	CASE("space in target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("tab in target", "GET /a\tb HTTP/1.1\r\n" H "\r\n", 400),
	CASE("trailing space", "GET / HTTP/1.1 \r\n" H "\r\n", 400),
	CASE("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("raw bytes in target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400),
	CASE("relative target", "GET a HTTP/1.1\r\n" H "\r\n", 400),
	CASE("asterisk of GET", "GET * HTTP/1.1\r\n" H "\r\n", 400),
	CASE("other scheme", "GET ftp://h/ HTTP/1.1\r\n" H "\r\n", 400),
	CASE("CONNECT", "CONNECT h:443 HTTP/1.1\r\n" H "\r\n", 405),
	CASE("other expectation", "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417),
	CASE("TLS hello", "\x16\x03\x01", 400),
	CASE("0.9 form, no more to come", "GET /healthz\r\n", 400),
	CASE("bad line, head not whole", "GET / HTTP/1.2\r\n" H, 505),
	CASE("garbage", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400),
};

static enum http1_result parse(
	struct slice bytes, struct arena *arena, struct http1_head *head, struct error *error) {
	size_t scanned = 0;
	return http1_parse_head(bytes, &scanned, MAX_BYTES, MAX_HEADERS, arena, head, error);
}

/* Issue "hostile input": each vector is refused with its status, each proper head accepted. */
static void heads_whole(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof head_cases / sizeof *head_cases; i++) {
		const struct head_case *c = &head_cases[i];
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct http1_head head;
		struct error error = {0};
		enum http1_result result = parse(c->bytes, &arena, &head, &error);
		int status = result == HTTP1_ERROR ? error_status(&error) : 0;
		if (result == HTTP1_NEED_MORE || status != c->status) {
			fail_msg("%s: result %d status %d (%s), expected %d", c->name, (int)result,
				status, error.message, c->status);
		}
		if (result == HTTP1_OK) {
			assert_int_equal(head.head_len, c->bytes.len);
		}
		arena_finish(&arena);
	}
}

/* Byte-wise arrival gives the same verdict, and never an acceptance before the last byte. */
static void heads_bytewise(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof head_cases / sizeof *head_cases; i++) {
		const struct head_case *c = &head_cases[i];
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct http1_head head;
		struct error error = {0};
		size_t scanned = 0;
		enum http1_result result = HTTP1_NEED_MORE;
		size_t len = 0;
		while (result == HTTP1_NEED_MORE && len < c->bytes.len) {
			len++;
			result = http1_parse_head(slice_make(c->bytes.data, len), &scanned,
				MAX_BYTES, MAX_HEADERS, &arena, &head, &error);
		}
		int status = result == HTTP1_ERROR ? error_status(&error) : 0;
		if (result == HTTP1_NEED_MORE || status != c->status) {
			fail_msg("%s: result %d status %d, expected %d", c->name, (int)result,
				status, c->status);
		}
		if (result == HTTP1_OK) {
			assert_int_equal(len, c->bytes.len);
		}
		arena_finish(&arena);
	}
}

static void head_fields(void **state) {
	(void)state;
	struct slice bytes = SLICE("POST /v1/x?a=b HTTP/1.1\r\nHost: h:80\r\nContent-Length: 12\r\n"
				   "Connection: foo, Close\r\nExpect: 100-Continue\r\n"
				   "X-A:  one two \r\n\r\nbody");
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct http1_head head;
	struct error error = {0};
	assert_int_equal(parse(bytes, &arena, &head, &error), HTTP1_OK);
	assert_int_equal(head.head_len, bytes.len - 4);
	/* Moved as the server moves it, out of the read buffer. */
	struct slice copy = arena_dup(&arena, slice_make(bytes.data, head.head_len));
	http1_head_move(&head, bytes.data, copy.data);
	assert_true(head.method.data >= copy.data && head.method.data < copy.data + copy.len);
	assert_true(slice_is(head.method, "POST"));
	assert_true(slice_is(head.target, "/v1/x?a=b"));
	assert_int_equal(head.minor_version, 1);
	assert_int_equal(head.content_length, 12);
	assert_false(head.is_chunked);
	assert_false(head.keep_alive);
	assert_true(head.expects_continue);
	assert_int_equal(head.headers.len, 5);
	assert_true(slice_is(http_headers_get(&head.headers, "x-a"), "one two"));
	assert_true(http_headers_has_token(&head.headers, "connection", "close"));
	assert_false(http_headers_has_token(&head.headers, "connection", "clos"));
	assert_null(http_headers_get(&head.headers, "absent").data);
	assert_int_equal(http_headers_count(&head.headers, "HOST"), 1);
	arena_finish(&arena);
}

static void keep_alive_by_version(void **state) {
	(void)state;
	static const struct {
		struct slice bytes;
		bool keep_alive;
	} cases[] = {
		{SLICE_INIT("GET / HTTP/1.1\r\n" H "\r\n"), true},
		{SLICE_INIT("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), false},
		{SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), false},
		{SLICE_INIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
		{SLICE_INIT("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n"
			    "Connection: close\r\n\r\n"),
			false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct http1_head head;
		assert_int_equal(parse(cases[i].bytes, &arena, &head, NULL), HTTP1_OK);
		assert_int_equal(head.keep_alive, cases[i].keep_alive);
		arena_finish(&arena);
	}
}

/* Fills a head up to exactly `len` bytes. */
static struct slice padded_head(struct buf *out, size_t len) {
	static const char start[] = "GET / HTTP/1.1\r\n" H "A: ";
	buf_reset(out, SIZE_MAX);
	buf_append_str(out, start);
	while (out->len < len - 4) {
		buf_append_byte(out, 'a');
	}
	buf_append_str(out, "\r\n\r\n");
	return buf_slice(out);
}

static void head_limits(void **state) {
	(void)state;
	struct buf bytes;
	buf_init(&bytes, 0);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct http1_head head;
	struct error error = {0};
	assert_int_equal(parse(padded_head(&bytes, MAX_BYTES), &arena, &head, &error), HTTP1_OK);
	struct slice over = padded_head(&bytes, MAX_BYTES + 1);
	assert_int_equal(parse(over, &arena, &head, &error), HTTP1_ERROR);
	assert_int_equal(error_status(&error), 431);
	/* The verdict needs no end of the head. */
	assert_int_equal(parse(slice_make(over.data, MAX_BYTES - 1), &arena, &head, &error),
		HTTP1_NEED_MORE);
	assert_int_equal(
		parse(slice_make(over.data, MAX_BYTES), &arena, &head, &error), HTTP1_ERROR);
	assert_int_equal(error_status(&error), 431);

	for (unsigned count = MAX_HEADERS; count <= MAX_HEADERS + 1; count++) {
		buf_reset(&bytes, SIZE_MAX);
		buf_append_str(&bytes, "GET / HTTP/1.1\r\n" H);
		for (unsigned i = 1; i < count; i++) {
			buf_printf(&bytes, "A%u: b\r\n", i);
		}
		buf_append_str(&bytes, "\r\n");
		enum http1_result result = parse(buf_slice(&bytes), &arena, &head, &error);
		assert_int_equal(result, count == MAX_HEADERS ? HTTP1_OK : HTTP1_ERROR);
	}
	assert_int_equal(error_status(&error), 431);
	arena_finish(&arena);
	buf_finish(&bytes);
}

/* ---- chunked ---- */

static enum http1_result feed(
	struct http1_chunked *chunked, struct slice *in, struct buf *out, struct error *error) {
	enum http1_result result = HTTP1_NEED_MORE;
	do {
		struct slice run;
		result = http1_chunked_next(chunked, in, &run, error);
		buf_append(out, run);
	} while (result == HTTP1_NEED_MORE && in->len > 0);
	return result;
}

struct chunked_case {
	const char *name;
	struct slice bytes;
	const char *payload; /* NULL: refused */
	size_t rest;         /* bytes behind the body */
};

static const struct chunked_case chunked_cases[] = {
	{"empty", SLICE_INIT("0\r\n\r\n"), "", 0},
	{"one", SLICE_INIT("5\r\nhello\r\n0\r\n\r\n"), "hello", 0},
	{"two, hex, zeros", SLICE_INIT("00B\r\nhello world\r\n1\r\n!\r\n000\r\n\r\n"),
		"hello world!", 0},
	{"rest", SLICE_INIT("1\r\na\r\n0\r\n\r\nGET"), "a", 3},
	{"extension", SLICE_INIT("1;a=b;c=\"d e\"\r\na\r\n0;x\r\n\r\n"), "a", 0},
	{"trailers", SLICE_INIT("1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n"), "a", 0},
	{"CRLF in payload", SLICE_INIT("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0},
	{"no digits", SLICE_INIT("\r\n"), NULL, 0},
	{"extension without size", SLICE_INIT(";a\r\n"), NULL, 0},
	{"not hex", SLICE_INIT("g\r\n"), NULL, 0},
	{"0x", SLICE_INIT("0x5\r\nhello\r\n"), NULL, 0},
	{"negative", SLICE_INIT("-1\r\n"), NULL, 0},
	{"space before size", SLICE_INIT(" 5\r\nhello\r\n"), NULL, 0},
	{"space behind size", SLICE_INIT("5 \r\nhello\r\n"), NULL, 0},
	{"bare LF behind size", SLICE_INIT("5\nhello\r\n"), NULL, 0},
	{"bare LF in extension", SLICE_INIT("5;a\nhello\r\n"), NULL, 0},
	{"bare CR behind size", SLICE_INIT("5\rhello\r\n"), NULL, 0},
	{"bare LF behind payload", SLICE_INIT("5\r\nhello\n0\r\n\r\n"), NULL, 0},
	{"payload too long", SLICE_INIT("5\r\nhello!\r\n0\r\n\r\n"), NULL, 0},
	{"size over 2^62", SLICE_INIT("4000000000000001\r\n"), NULL, 0},
	{"size of 64 bits", SLICE_INIT("FFFFFFFFFFFFFFFF\r\n"), NULL, 0},
	{"size beyond 64 bits", SLICE_INIT("10000000000000005\r\nhello\r\n"), NULL, 0},
	{"size with many zeros", SLICE_INIT("00000000000000005\r\nhello\r\n"), NULL, 0},
	{"bare LF at end", SLICE_INIT("0\r\n\n"), NULL, 0},
	{"trailer without colon", SLICE_INIT("0\r\nabc\r\n\r\n"), NULL, 0},
	{"trailer folded", SLICE_INIT("0\r\nA: b\r\n c\r\n\r\n"), NULL, 0},
	{"trailer with bare LF", SLICE_INIT("0\r\nA: b\n\r\n"), NULL, 0},
	{"NUL in extension", SLICE_INIT("1;\0\r\na\r\n"), NULL, 0},
};

static void check_chunked(const struct chunked_case *c, size_t step) {
	struct http1_chunked chunked;
	http1_chunked_init(&chunked);
	struct buf out;
	buf_init(&out, 0);
	struct error error = {0};
	enum http1_result result = HTTP1_NEED_MORE;
	size_t at = 0;
	while (result == HTTP1_NEED_MORE && at < c->bytes.len) {
		struct slice piece = slice_sub(c->bytes, at, step);
		size_t given = piece.len;
		result = feed(&chunked, &piece, &out, &error);
		at += given - piece.len;
	}
	if (c->payload) {
		if (result != HTTP1_OK || !slice_eq(buf_slice(&out), slice_of(c->payload))) {
			fail_msg("%s by %zu: result %d (%s)", c->name, step, (int)result,
				error.message);
		}
		assert_int_equal(c->bytes.len - at, c->rest);
	} else if (result != HTTP1_ERROR || error_status(&error) != 400) {
		fail_msg("%s by %zu: result %d status %d", c->name, step, (int)result,
			error_status(&error));
	}
	buf_finish(&out);
}

static void chunked_at_every_cut(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof chunked_cases / sizeof *chunked_cases; i++) {
		for (size_t step = 1; step <= chunked_cases[i].bytes.len; step++) {
			check_chunked(&chunked_cases[i], step);
		}
	}
}

static void chunked_caps(void **state) {
	(void)state;
	static const struct {
		const char *start;
		size_t cap;
		int status;
	} cases[] = {
		{"1;", HTTP1_EXTENSION_MAX, 400},
		{"0\r\nA:", HTTP1_TRAILER_MAX, 431},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf bytes;
		buf_init(&bytes, 0);
		buf_append_str(&bytes, cases[i].start);
		for (size_t n = 0; n < cases[i].cap + 1; n++) {
			buf_append_byte(&bytes, 'a');
		}
		struct http1_chunked chunked;
		http1_chunked_init(&chunked);
		struct slice in = buf_slice(&bytes);
		struct slice run;
		struct error error = {0};
		assert_int_equal(http1_chunked_next(&chunked, &in, &run, &error), HTTP1_ERROR);
		assert_int_equal(error_status(&error), cases[i].status);
		buf_finish(&bytes);
	}
}

int test_http1(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_whole),
		cmocka_unit_test(heads_bytewise),
		cmocka_unit_test(head_fields),
		cmocka_unit_test(keep_alive_by_version),
		cmocka_unit_test(head_limits),
		cmocka_unit_test(chunked_at_every_cut),
		cmocka_unit_test(chunked_caps),
	};
	return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
