/* test_client_h1_answer.c: HTTP/1.x answers, cut anywhere, good and bad (RFC 9112). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/vec.h"
#include "net/client_h1_answer.h"

int test_client_h1_answer(void);

struct reading {
	struct h1_answer answer;
	struct buf head, body, names;
	struct http_headers headers;
	enum h1_event end;
	size_t left; /* bytes behind the answer in the piece that ended it */
};

static void begin(struct reading *reading, bool is_head_request) {
	h1_answer_init(&reading->answer, is_head_request, 4096, &reading->head, &reading->headers);
}

/* Feeds one piece, decoding through a small room, and keeping the rest apart after each event as a
 * paused call does. */
static void feed(struct reading *reading, struct slice piece) {
	char room[1024];
	char *copy = malloc(piece.len + 1);
	assert_non_null(copy);
	if (piece.len > 0) {
		memcpy(copy, piece.data, piece.len);
	}
	struct slice in = slice_make(copy, piece.len);
	do {
		struct slice data = {0};
		reading->end = h1_answer_next(&reading->answer, &in, room, sizeof room, &data);
		if (reading->end == H1_DATA) {
			buf_append(&reading->body, data);
		}
		for (size_t i = 0; reading->end == H1_HEAD && i < reading->headers.len; i++) {
			buf_append(&reading->names, reading->headers.items[i].name);
			buf_append_byte(&reading->names, '=');
			buf_append(&reading->names, reading->headers.items[i].value);
			buf_append_byte(&reading->names, '|');
		}
		char *moved = malloc(in.len + 1);
		assert_non_null(moved);
		if (in.len > 0) {
			memcpy(moved, in.data, in.len);
		}
		free(copy);
		copy = moved;
		in.data = moved;
	} while (reading->end == H1_HEAD || reading->end == H1_DATA);
	reading->left = in.len;
	free(copy);
}

static void end(struct reading *reading) {
	h1_answer_finish(&reading->answer);
	buf_finish(&reading->head);
	buf_finish(&reading->body);
	buf_finish(&reading->names);
	VEC_FINISH(&reading->headers);
}

/* In pieces of `step` bytes, the first of `first`; then the connection ends. */
static void read_cut(struct reading *reading, struct slice bytes, size_t first, size_t step,
	bool is_head_request) {
	begin(reading, is_head_request);
	reading->end = H1_NEED_MORE;
	size_t len = first;
	while (bytes.len > 0 && reading->end == H1_NEED_MORE) {
		struct slice piece = slice_sub(bytes, 0, len);
		bytes = slice_from(bytes, piece.len);
		feed(reading, piece);
		len = step;
	}
	if (reading->end == H1_NEED_MORE) {
		reading->end = h1_answer_close(&reading->answer);
	}
	reading->left += bytes.len;
}

struct row {
	const char *bytes;
	enum h1_event end;
	int status;
	const char *names, *body;
	size_t left;
	bool keep_alive, is_head_request;
};

static void check(const struct row *row, size_t first, size_t step) {
	struct reading reading = {0};
	read_cut(&reading, slice_of(row->bytes), first, step, row->is_head_request);
	if (reading.end != row->end) {
		fail_msg("event %d at cut %zu of %s", (int)reading.end, first, row->bytes);
	}
	if (row->end == H1_END || row->status) {
		assert_int_equal(reading.answer.status, row->status);
	}
	if (row->names && !slice_is(buf_slice(&reading.names), row->names)) {
		fail_msg("headers %.*s", SLICE_FMT(buf_slice(&reading.names)));
	}
	if (row->body && !slice_is(buf_slice(&reading.body), row->body)) {
		fail_msg("body %.*s at cut %zu", SLICE_FMT(buf_slice(&reading.body)), first);
	}
	if (row->end == H1_END) {
		assert_int_equal(reading.left, row->left);
		assert_int_equal(reading.answer.keep_alive, row->keep_alive);
	}
	end(&reading);
}

#define OK "HTTP/1.1 200 OK\r\n"

static const struct row rows[] = {
	/* framing */
	{OK "Content-Length: 5\r\nA: b\r\n\r\nhello", H1_END, 200, "Content-Length=5|A=b|", "hello",
		.keep_alive = true},
	{OK "Content-Length: 5\r\n\r\nhello!!", H1_END, 200, NULL, "hello", .left = 2,
		.keep_alive = true},
	{OK "Content-Length: 0\r\n\r\n", H1_END, 200, NULL, "", .keep_alive = true},
	{OK "Content-Length: 5\r\n\r\nhell", H1_NEED_MORE, 200, NULL, "hell", .left = 0},
	{OK "Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello", H1_END, 200, NULL, "hello",
		.keep_alive = true},
	{OK "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n",
		H1_END, 200, NULL, "hello!", .keep_alive = true},
	{OK "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\nrest", H1_END, 200, NULL, "", .left = 4,
		.keep_alive = true},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", H1_NEED_MORE, 200, NULL, "hello",
		.left = 0},
	{OK "\r\nto the end", H1_END, 200, "", "to the end", .left = 0},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", H1_END, 200, NULL, "ok", .left = 0},
	{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", H1_END, 200,
		NULL, "ok", .keep_alive = true},
	{OK "Connection: x, close\r\nContent-Length: 2\r\n\r\nok", H1_END, 200, NULL, "ok",
		.left = 0},
	/* no body, whatever is said */
	{OK "Content-Length: 400\r\n\r\n", H1_END, 200, NULL, "", .keep_alive = true,
		.is_head_request = true},
	{OK "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n", H1_END, 200, NULL, "",
		.keep_alive = true, .is_head_request = true},
	{"HTTP/1.1 204 No Content\r\n\r\n", H1_END, 204, "", "", .keep_alive = true},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", H1_END, 304, NULL, "",
		.keep_alive = true},
	/* interim answers */
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n" OK
	 "Content-Length: 1\r\n\r\nz",
		H1_END, 200, "Content-Length=1|", "z", .keep_alive = true},
	{"HTTP/1.1 101 Switching\r\n\r\n", H1_NOT_HTTP, .left = 0},
	/* what servers do and we put up with */
	{"HTTP/1.1 429\r\nContent-Length: 0\r\n\r\n", H1_END, 429, NULL, "", .keep_alive = true},
	{"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", H1_END, 200, NULL, "", .keep_alive = true},
	{"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", H1_END, 200, "Content-Length=2|", "ok",
		.keep_alive = true},
	{OK "X : \t a\xff b \t\r\nContent-Length:0\r\n\r\n", H1_END, 200,
		"X=a\xff b|Content-Length=0|", "", .keep_alive = true},
	{OK "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", H1_END, 200, "", "ok",
		.keep_alive = true},
	/* no HTTP */
	{"SSH-2.0-OpenSSH\r\n", H1_NOT_HTTP, .left = 0},
	{"\r\n" OK "\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/2 200\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1200 OK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1 20 OK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1 2000 OK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1 099 OK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1 200\tOK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1 200 O\rK\r\n\r\n", H1_NOT_HTTP, .left = 0},
	{"HTTP/1.1\r\n\r\n", H1_NOT_HTTP, .left = 0},
	/* framing nobody should guess at */
	{OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", H1_BROKEN_FRAMING,
		.left = 0},
	{OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Content-Length: +5\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Content-Length: \r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Content-Length: 99999999999999999999\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Transfer-Encoding: gzip, chunked\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", H1_BROKEN_FRAMING,
		.left = 0},
	{OK "A: b\r\n c\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "no colon\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK ": nameless\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "A: b\rc\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "A: b\x01\r\n\r\n", H1_BROKEN_FRAMING, .left = 0},
	{OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n", H1_BROKEN_FRAMING, 200, .left = 0},
	{OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", H1_BROKEN_FRAMING, 200, .left = 0},
	/* codings */
	{OK "Content-Encoding: br\r\nContent-Length: 3\r\n\r\nxyz", H1_BROKEN_CODING, .left = 0},
	{OK "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\nxyz", H1_BROKEN_CODING,
		.left = 0},
	{OK "Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip", H1_BROKEN_CODING, 200,
		.left = 0},
	{OK "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", H1_END, 200, "", "",
		.keep_alive = true},
};

static void test_cut_anywhere(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].bytes);
		for (size_t first = 1; first <= len; first++) {
			check(&rows[i], first, len);
		}
		check(&rows[i], 1, 1);
		check(&rows[i], 3, 7);
	}
}

static void test_large_head(void **state) {
	(void)state;
	struct buf bytes = {0};
	buf_append_str(&bytes, OK);
	while (bytes.len < 4000) {
		buf_append_str(&bytes, "X-Filler: 0123456789\r\n");
	}
	buf_append_str(&bytes, "\r\n");
	struct reading reading = {0};
	read_cut(&reading, buf_slice(&bytes), 100, 100, false);
	assert_int_equal(reading.end, H1_END);
	end(&reading);
	bytes.len -= 2;
	buf_append_str(&bytes, "X: ");
	while (bytes.len < 5000) {
		buf_append_str(&bytes, "endless");
	}
	for (size_t step = 1; step < 5000; step *= 7) {
		reading = (struct reading){0};
		read_cut(&reading, buf_slice(&bytes), step, step, false);
		assert_int_equal(reading.end, H1_TOO_LARGE);
		end(&reading);
	}
	buf_finish(&bytes);
}

static void test_endless_interims(void **state) {
	(void)state;
	struct buf bytes = {0};
	for (size_t i = 0; i < H1_INTERIM_MAX + 1; i++) {
		buf_append_str(&bytes, "HTTP/1.1 103 Early\r\n\r\n");
	}
	struct reading reading = {0};
	read_cut(&reading, buf_slice(&bytes), 5, 5, false);
	assert_int_equal(reading.end, H1_NOT_HTTP);
	end(&reading);
	buf_finish(&bytes);
}

/* window_bits as zlib's: +16 gzip, plain zlib, negative raw. */
static void append_packed(struct buf *out, struct slice bytes, int window_bits) {
	z_stream z = {
		.next_in = (unsigned char *)(uintptr_t)bytes.data, .avail_in = (unsigned)bytes.len};
	size_t room = bytes.len + 1000;
	z.next_out = (unsigned char *)buf_reserve(out, room);
	z.avail_out = (unsigned)room;
	deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	buf_commit(out, room - z.avail_out);
	deflateEnd(&z);
}

/* Chunks of 11 bytes around coded content, cut anywhere, decoded through a room smaller than the
 * content. */
static void check_coded(const char *coding, struct slice packed, struct slice wanted) {
	struct buf bytes = {0};
	buf_printf(&bytes, OK "Content-Encoding: %s\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n",
		coding);
	for (struct slice rest = packed; rest.len > 0; rest = slice_from(rest, 11)) {
		struct slice chunk = slice_sub(rest, 0, 11);
		buf_printf(&bytes, "%zx\r\n", chunk.len);
		buf_append(&bytes, chunk);
		buf_append_str(&bytes, "\r\n");
	}
	buf_append_str(&bytes, "0\r\n\r\n");
	for (size_t step = 1; step <= bytes.len; step += 1 + step / 3) {
		struct reading reading = {0};
		read_cut(&reading, buf_slice(&bytes), step, step, false);
		assert_int_equal(reading.end, H1_END);
		assert_true(slice_eq(buf_slice(&reading.body), wanted));
		assert_true(slice_is(buf_slice(&reading.names), "X=y|Transfer-Encoding=chunked|"));
		end(&reading);
	}
	/* Without its last byte the content is cut short, though the framing is whole. */
	struct reading reading = {0};
	bytes.len = 0;
	buf_printf(&bytes, OK "Content-Encoding: %s\r\n\r\n", coding);
	buf_append(&bytes, slice_sub(packed, 0, packed.len - 1));
	read_cut(&reading, buf_slice(&bytes), 9, 9, false);
	assert_int_equal(reading.end, H1_BROKEN_CODING);
	end(&reading);
	buf_finish(&bytes);
}

static void test_codings(void **state) {
	(void)state;
	static char wanted[10000];
	for (size_t i = 0; i < sizeof wanted; i++) {
		wanted[i] = (char)('a' + i * i % 23 % 7);
	}
	struct slice all = slice_make(wanted, sizeof wanted);
	struct buf packed = {0};
	append_packed(&packed, slice_sub(all, 0, 6000), 15 + 16);
	append_packed(&packed, slice_from(all, 6000), 15 + 16);
	check_coded("GZip", buf_slice(&packed), all);
	packed.len = 0;
	append_packed(&packed, all, 15);
	check_coded("deflate", buf_slice(&packed), all);
	packed.len = 0;
	append_packed(&packed, all, -15);
	check_coded("deflate", buf_slice(&packed), all);
	buf_finish(&packed);
}

int test_client_h1_answer(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_large_head),
		cmocka_unit_test(test_endless_interims),
		cmocka_unit_test(test_codings),
	};
	return cmocka_run_group_tests_name("net/client_h1_answer", tests, NULL, NULL);
}
