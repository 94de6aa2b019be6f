/* test_websocket.c: frames of WebSocket (RFC 6455): what is taken, what is refused and by which
 * code, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/websocket.h"

int test_websocket(void);

#define MASK "\1\2\3\4"
#define MESSAGE_MAX 70000

struct seen {
	int messages, parts, pings, pongs;
	struct buf text; /* of all messages, '|' behind each */
	enum websocket_event end;
	int code;
};

static void look(struct seen *seen, struct slice in, size_t step, bool is_server) {
	struct websocket_parser parser;
	websocket_parser_init(&parser, is_server, MESSAGE_MAX);
	*seen = (struct seen){.end = WEBSOCKET_NEED_MORE};
	bool is_over = false;
	while (in.len > 0 && !is_over) {
		struct slice piece = slice_sub(in, 0, step);
		in = slice_from(in, step);
		do {
			seen->end = websocket_next(&parser, &piece);
			seen->parts += seen->end == WEBSOCKET_GOT_PART;
			seen->pings += seen->end == WEBSOCKET_GOT_PING;
			seen->pongs += seen->end == WEBSOCKET_GOT_PONG;
			if (seen->end == WEBSOCKET_GOT_MESSAGE) {
				seen->messages++;
				buf_append(&seen->text, parser.payload);
				buf_append_byte(&seen->text, '|');
			}
			is_over = seen->end == WEBSOCKET_BROKEN || seen->end == WEBSOCKET_GOT_CLOSE;
		} while (seen->end != WEBSOCKET_NEED_MORE && !is_over);
	}
	seen->code = is_over ? parser.code : 0;
	websocket_parser_finish(&parser);
}

/* The key and its answer of RFC 6455 1.3. */
static void accept_value(void **state) {
	(void)state;
	char out[WEBSOCKET_ACCEPT_LEN + 1];
	websocket_accept_value(SLICE("dGhlIHNhbXBsZSBub25jZQ=="), out);
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* The frames of RFC 6455 5.7. */
static void examples(void **state) {
	(void)state;
	static const struct {
		bool is_server;
		struct slice bytes;
		const char *text;
		int parts, pings, pongs;
	} cases[] = {
		{false, SLICE_INIT("\x81\x05Hello"), "Hello|", 0, 0, 0},
		{true, SLICE_INIT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "Hello|", 0, 0,
			0},
		{false, SLICE_INIT("\x01\x03Hel\x80\x02lo"), "Hello|", 1, 0, 0},
		{false, SLICE_INIT("\x89\x05Hello"), "", 0, 1, 0},
		{true, SLICE_INIT("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "", 0, 0, 1},
		/* A ping between the fragments; empty messages; a character cut by fragments. */
		{false, SLICE_INIT("\x01\x03Hel\x89\x00\x80\x02lo\x81\x00\x82\x01\xff"),
			"Hello||\xff|", 1, 1, 0},
		{false, SLICE_INIT("\x01\x01\xc3\x80\x01\xa9"), "\xc3\xa9|", 1, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t step = 1; step <= cases[i].bytes.len; step++) {
			struct seen seen;
			look(&seen, cases[i].bytes, step, cases[i].is_server);
			assert_true(slice_is(buf_slice(&seen.text), cases[i].text));
			assert_int_equal(seen.parts, cases[i].parts);
			assert_int_equal(seen.pings, cases[i].pings);
			assert_int_equal(seen.pongs, cases[i].pongs);
			assert_int_equal(seen.end, WEBSOCKET_NEED_MORE);
			buf_finish(&seen.text);
		}
	}
}

static void refusals(void **state) {
	(void)state;
	static const struct {
		const char *what;
		bool is_server;
		struct slice bytes;
		int code;
	} cases[] = {
		{"not masked", true, SLICE_INIT("\x81\x01x"), 1002},
		{"masked", false, SLICE_INIT("\x81\x81" MASK "x"), 1002},
		{"reserved bit 1", false, SLICE_INIT("\xc1\x01x"), 1002},
		{"reserved bit 2", false, SLICE_INIT("\xa1\x01x"), 1002},
		{"reserved bit 3", false, SLICE_INIT("\x91\x01x"), 1002},
		{"opcode 3", false, SLICE_INIT("\x83\x01x"), 1002},
		{"opcode 7", false, SLICE_INIT("\x87\x01x"), 1002},
		{"opcode 11", false, SLICE_INIT("\x8b\x01x"), 1002},
		{"opcode 15", false, SLICE_INIT("\x8f\x01x"), 1002},
		{"fragmented ping", false, SLICE_INIT("\x09\x01x"), 1002},
		{"long ping", false, SLICE_INIT("\x89\x7e\x00\x7e"), 1002},
		{"continuation of nothing", false, SLICE_INIT("\x80\x01x"), 1002},
		{"continuation of a whole message", false, SLICE_INIT("\x81\x01x\x80\x01x"), 1002},
		{"message in a message", false, SLICE_INIT("\x01\x01x\x81\x01x"), 1002},
		{"length of 16 bits too short", false, SLICE_INIT("\x81\x7e\x00\x7d"), 1002},
		{"length of 64 bits too short", false, SLICE_INIT("\x81\x7f\0\0\0\0\0\0\xff\xff"),
			1002},
		{"length with the highest bit", false, SLICE_INIT("\x81\x7f\x80\0\0\0\0\0\0\0"),
			1002},
		{"too large", false, SLICE_INIT("\x81\x7f\0\0\0\0\0\1\x11\x71"), 1009},
		{"far too large", false, SLICE_INIT("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
			1009},
		{"bad text", false, SLICE_INIT("\x81\x02\xc3x"), 1007},
		{"cut text", false, SLICE_INIT("\x81\x01\xc3"), 1007},
		{"surrogate", false, SLICE_INIT("\x81\x03\xed\xa0\x80"), 1007},
		{"close of one byte", false, SLICE_INIT("\x88\x01\x03"), 1002},
		{"close with 999", false, SLICE_INIT("\x88\x02\x03\xe7"), 1002},
		{"close with 1005", false, SLICE_INIT("\x88\x02\x03\xed"), 1002},
		{"close with 1006", false, SLICE_INIT("\x88\x02\x03\xee"), 1002},
		{"close with 2000", false, SLICE_INIT("\x88\x02\x07\xd0"), 1002},
		{"close with 5000", false, SLICE_INIT("\x88\x02\x13\x88"), 1002},
		{"close with a bad reason", false, SLICE_INIT("\x88\x03\x03\xe8\xff"), 1007},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t step = 1; step <= cases[i].bytes.len; step++) {
			struct seen seen;
			look(&seen, cases[i].bytes, step, cases[i].is_server);
			if (seen.end != WEBSOCKET_BROKEN || seen.code != cases[i].code) {
				fail_msg("%s: code %d, event %d", cases[i].what, seen.code,
					(int)seen.end);
			}
			buf_finish(&seen.text);
		}
	}
}

static void closes(void **state) {
	(void)state;
	static const struct {
		struct slice bytes;
		int code;
	} cases[] = {
		{SLICE_INIT("\x88\x00"), 1005},
		{SLICE_INIT("\x88\x02\x03\xe8"), 1000},
		{SLICE_INIT("\x88\x05\x0f\xa0yes"), 4000},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seen seen;
		look(&seen, cases[i].bytes, 1, false);
		assert_int_equal(seen.end, WEBSOCKET_GOT_CLOSE);
		assert_int_equal(seen.code, cases[i].code);
	}
}

/* What is written is read, on both sides, at every length of a length. */
static void round_trips(void **state) {
	(void)state;
	static char bytes[MESSAGE_MAX];
	static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, MESSAGE_MAX};
	memset(bytes, 'm', sizeof bytes);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		for (int is_client = 0; is_client < 2; is_client++) {
			struct buf wire;
			buf_init(&wire, 0);
			websocket_put(&wire, WEBSOCKET_TEXT, slice_make(bytes, lengths[i]),
				is_client ? (const uint8_t *)MASK : NULL);
			struct seen seen;
			look(&seen, buf_slice(&wire), 1000, is_client);
			assert_int_equal(seen.messages, 1);
			assert_int_equal(seen.text.len, lengths[i] + 1);
			assert_memory_equal(seen.text.data, bytes, lengths[i]);
			buf_finish(&seen.text);
			buf_finish(&wire);
		}
	}
}

/* A reason that does not fit is cut between characters. */
static void long_reasons(void **state) {
	(void)state;
	char reason[200];
	for (size_t i = 0; i < sizeof reason; i += 2) {
		memcpy(reason + i, "\xc3\xa9", 2);
	}
	struct buf wire;
	buf_init(&wire, 0);
	websocket_put_close(&wire, 1011, slice_make(reason, sizeof reason), NULL);
	assert_int_equal(wire.len, 2 + 2 + 122);
	struct seen seen;
	look(&seen, buf_slice(&wire), wire.len, false);
	assert_int_equal(seen.end, WEBSOCKET_GOT_CLOSE);
	assert_int_equal(seen.code, 1011);
	buf_finish(&wire);
}

/* The limit counts a message, however it is cut. */
static void fragments_count_together(void **state) {
	(void)state;
	static char bytes[40000];
	struct buf wire;
	buf_init(&wire, 0);
	websocket_put(&wire, WEBSOCKET_BINARY, slice_make(bytes, sizeof bytes), NULL);
	wire.data[0] = WEBSOCKET_BINARY; /* not the last */
	websocket_put(&wire, WEBSOCKET_CONTINUATION, slice_make(bytes, sizeof bytes), NULL);
	struct seen seen;
	look(&seen, buf_slice(&wire), 4096, false);
	assert_int_equal(seen.end, WEBSOCKET_BROKEN);
	assert_int_equal(seen.code, 1009);
	buf_finish(&wire);
}

int test_websocket(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_value),
		cmocka_unit_test(examples),
		cmocka_unit_test(refusals),
		cmocka_unit_test(closes),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(long_reasons),
		cmocka_unit_test(fragments_count_together),
	};
	return cmocka_run_group_tests_name("websocket", tests, NULL, NULL);
}
