/* test_emit.c: the emitter keeps EV-1..EV-6 whatever it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/check_sink.h"

int test_emit(void);

struct fixture {
	struct arena arena;
	struct check_sink sink;
	struct chat_emitter e;
};

static void begin(struct fixture *f) {
	arena_init(&f->arena, NULL, 0);
	check_sink_init(&f->sink);
	f->sink.mask_ids = true;
	chat_emitter_init(&f->e, &f->sink.sink, &f->arena);
}

static void finish(struct fixture *f) {
	check_sink_finish(&f->sink);
	arena_finish(&f->arena);
}

static const struct slice none = {0};

static void stop(struct fixture *f, uint32_t candidate) {
	chat_emit_finish(&f->e, candidate, CHAT_FINISH_STOP, none, none, none);
}

static void expect(struct fixture *f, const char *wanted) {
	struct slice got = check_sink_text(&f->sink);
	buf_append_byte(&f->sink.record, '\0');
	assert_string_equal(f->sink.problem, "");
	assert_string_equal(f->sink.record.data, wanted);
	(void)got;
}

static void test_text_opens_lazily_and_closes_for_another_kind(void **state) {
	(void)state; /* E-27, EV-2, EV-3 */
	struct fixture f;
	begin(&f);
	chat_emit_start(&f.e, SLICE("id1"), SLICE("m"), 7, none, none);
	chat_emit_start(&f.e, SLICE("id2"), SLICE("m2"), 8, none, none);
	chat_emit_text(&f.e, 0, SLICE(""));
	chat_emit_thinking(&f.e, 0, SLICE("hm"));
	chat_emit_text(&f.e, 0, SLICE("a"));
	chat_emit_text(&f.e, 0, SLICE("b"));
	stop(&f, 0);
	chat_emit_end(&f.e);
	chat_emit_end(&f.e);
	chat_emit_text(&f.e, 0, SLICE("late"));
	expect(&f, "{\"event\":\"start\",\"id\":\"id1\",\"model\":\"m\",\"created\":7}\n"
		   "{\"event\":\"part_start\",\"candidate\":0,\"part\":0,\"kind\":\"thinking\"}\n"
		   "{\"event\":\"thinking_delta\",\"candidate\":0,\"part\":0,\"text\":\"hm\"}\n"
		   "{\"event\":\"part_end\",\"candidate\":0,\"part\":0}\n"
		   "{\"event\":\"part_start\",\"candidate\":0,\"part\":1,\"kind\":\"text\"}\n"
		   "{\"event\":\"text_delta\",\"candidate\":0,\"part\":1,\"text\":\"ab\"}\n"
		   "{\"event\":\"part_end\",\"candidate\":0,\"part\":1}\n"
		   "{\"event\":\"finish\",\"candidate\":0,\"reason\":\"stop\"}\n"
		   "{\"event\":\"end\"}\n");
	finish(&f);
}

static void test_tools_side_by_side(void **state) {
	(void)state; /* EV-3, E-10, FR-1 */
	struct fixture f;
	begin(&f);
	assert_true(
		chat_emit_tool_start(&f.e, 0, 0, SLICE("a"), SLICE("f"), CHAT_TOOL_FUNCTION, none));
	assert_true(chat_emit_tool_start(&f.e, 0, 1, none, SLICE("g"), CHAT_TOOL_FUNCTION, none));
	chat_emit_tool_args(&f.e, 0, 0, SLICE("{"));
	chat_emit_tool_args(&f.e, 0, 1, SLICE("[1"));
	chat_emit_tool_args(&f.e, 0, 0, SLICE("}"));
	chat_emit_tool_args(&f.e, 0, 9, SLICE("unknown"));
	assert_true(chat_emit_tool_is_open(&f.e, 0, 1));
	chat_emit_tool_end(&f.e, 0, 0);
	assert_false(chat_emit_tool_is_open(&f.e, 0, 0));
	assert_int_equal(chat_emit_tool_count(&f.e, 0), 2);
	stop(&f, 0);
	chat_emit_end(&f.e);
	expect(&f,
		"{\"event\":\"start\"}\n"
		"{\"event\":\"tool_start\",\"candidate\":0,\"part\":0,\"index\":0,\"name\":\"f\"}\n"
		"{\"event\":\"tool_start\",\"candidate\":0,\"part\":1,\"index\":1,\"name\":\"g\"}\n"
		"{\"event\":\"tool_args_delta\",\"candidate\":0,\"part\":0,\"text\":\"{\"}\n"
		"{\"event\":\"tool_args_delta\",\"candidate\":0,\"part\":1,\"text\":\"[1\"}\n"
		"{\"event\":\"tool_args_delta\",\"candidate\":0,\"part\":0,\"text\":\"}\"}\n"
		"{\"event\":\"tool_end\",\"candidate\":0,\"part\":0}\n"
		"{\"event\":\"tool_end\",\"candidate\":0,\"part\":1}\n"
		"{\"event\":\"finish\",\"candidate\":0,\"reason\":\"tool_calls\"}\n"
		"{\"event\":\"end\"}\n");
	finish(&f);
}

static void expect_text(const char *const *pieces, bool is_escaped, const char *wanted) {
	struct fixture f;
	begin(&f);
	for (size_t i = 0; pieces[i] != NULL; i++) {
		if (is_escaped) {
			chat_emit_escaped(&f.e, CHAT_EVENT_TEXT_DELTA, 0, slice_of(pieces[i]));
		} else {
			chat_emit_text(&f.e, 0, slice_of(pieces[i]));
		}
	}
	stop(&f, 0);
	check_sink_flush(&f.sink);
	buf_append_byte(&f.sink.record, '\0');
	assert_string_equal(f.sink.problem, "");
	char line[256];
	snprintf(line, sizeof line, "\"part\":0,\"text\":\"%s\"}", wanted);
	if (strstr(f.sink.record.data, line) == NULL) {
		fail_msg("wanted %s in %s", line, f.sink.record.data);
	}
	finish(&f);
}

#define PIECES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_cut_utf8_is_joined(void **state) {
	(void)state; /* EV-4, E-1, E-84 */
	expect_text(PIECES("a\xf0\x9f", "\x98", "\x80z"), false, "a\xf0\x9f\x98\x80z");
	expect_text(PIECES("\xc3", "\xa4"), false, "\xc3\xa4");
	expect_text(PIECES("a\xe2\x82"), false, "a\xef\xbf\xbd");
	expect_text(PIECES("a\xff", "b"), false,
		"a\xef\xbf\xbd"
		"b");
	expect_text(PIECES("\xe2\x82", "x"), false, "\xef\xbf\xbdx");
}

static void test_escapes_and_surrogates(void **state) {
	(void)state; /* E-2 */
	expect_text(PIECES("a\\u0041\\/b"), true, "aA/b");
	expect_text(PIECES("\\ud83d\\ude00"), true, "\xf0\x9f\x98\x80");
	expect_text(PIECES("x\\ud83d", "\\ude00y"), true, "x\xf0\x9f\x98\x80y");
	expect_text(PIECES("x\\ud83d", "y"), true, "x\xef\xbf\xbdy");
	expect_text(PIECES("x\\ud83d"), true, "x\xef\xbf\xbd");
	expect_text(PIECES("x\\ude00"), true, "x\xef\xbf\xbd");
	expect_text(PIECES("\\ud83d\\ud83d\\ude00"), true, "\xef\xbf\xbd\xf0\x9f\x98\x80");
	expect_text(PIECES("\\ud83d\\n"), true, "\xef\xbf\xbd\\n");
}

static void test_first_finish_counts_and_late_content_is_dropped(void **state) {
	(void)state; /* E-21, E-22 */
	struct fixture f;
	begin(&f);
	chat_emit_text(&f.e, 0, SLICE("a"));
	stop(&f, 0);
	chat_emit_finish(&f.e, 0, CHAT_FINISH_LENGTH, none, none, none);
	chat_emit_text(&f.e, 0, SLICE("late"));
	assert_true(chat_emit_is_complete(&f.e));
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.output_total = 3;
	chat_emit_usage(&f.e, &usage);
	usage.output_total = -1;
	usage.input_uncached = 4;
	chat_emit_usage(&f.e, &usage);
	chat_emit_end(&f.e);
	assert_string_equal(f.sink.problem, "");
	assert_false(f.sink.has_failed);
	assert_int_equal(f.sink.usage.output_total, 3); /* EV-5 */
	assert_int_equal(f.sink.usage.input_uncached, 4);
	finish(&f);
}

static void test_an_answer_without_finish_is_an_error(void **state) {
	(void)state; /* EV-6 */
	struct fixture f;
	begin(&f);
	chat_emit_text(&f.e, 0, SLICE("half"));
	chat_emit_end(&f.e);
	assert_string_equal(f.sink.problem, "");
	assert_true(f.sink.has_failed && f.sink.has_ended);
	assert_int_equal(f.sink.error.kind, ERROR_UPSTREAM_PROTOCOL);
	finish(&f);
	begin(&f);
	chat_emit_text(&f.e, 0, SLICE("done"));
	stop(&f, 0);
	chat_emit_text(&f.e, 1, SLICE("half"));
	chat_emit_end(&f.e);
	assert_string_equal(f.sink.problem, "");
	assert_true(f.sink.has_failed);
	finish(&f);
	begin(&f);
	chat_emit_end(&f.e);
	assert_string_equal(f.sink.problem, "");
	assert_true(f.sink.has_failed);
	finish(&f);
}

static void test_limits(void **state) {
	(void)state; /* LT-1 */
	struct fixture f;
	begin(&f);
	bool ok = true;
	int64_t key = 0;
	while (ok && key < 1000) {
		ok = chat_emit_tool_start(
			&f.e, 0, key++, SLICE("i"), SLICE("f"), CHAT_TOOL_FUNCTION, none);
	}
	assert_int_equal(key, CHAT_MAX_OPEN_PARTS + 1);
	assert_string_equal(f.sink.problem, "");
	assert_int_equal(f.sink.error.kind, ERROR_TOO_LARGE);
	finish(&f);
	begin(&f);
	chat_emit_text(&f.e, 4000000000u, SLICE("x"));
	assert_true(f.sink.has_failed && f.sink.has_ended);
	finish(&f);
}

static void test_a_text_may_be_signed(void **state) {
	(void)state; /* GM-32, E-68 */
	struct fixture f;
	begin(&f);
	chat_emit_open_signature(&f.e, 0, SLICE("lost")); /* nothing is open */
	chat_emit_text(&f.e, 0, SLICE("a"));
	assert_true(chat_emit_is_open(&f.e, 0, CHAT_PART_TEXT));
	assert_false(chat_emit_is_open(&f.e, 0, CHAT_PART_THINKING));
	assert_false(chat_emit_is_open(&f.e, 1, CHAT_PART_TEXT));
	chat_emit_open_signature(&f.e, 0, SLICE("s1"));
	chat_emit_thinking(&f.e, 0, SLICE("b"));
	chat_emit_open_signature(&f.e, 0, SLICE("s2"));
	chat_emit_close(&f.e, 0);
	assert_false(chat_emit_is_open(&f.e, 0, CHAT_PART_THINKING));
	stop(&f, 0);
	chat_emit_end(&f.e);
	expect(&f, "{\"event\":\"start\"}\n"
		   "{\"event\":\"part_start\",\"candidate\":0,\"part\":0,\"kind\":\"text\"}\n"
		   "{\"event\":\"text_delta\",\"candidate\":0,\"part\":0,\"text\":\"a\"}\n"
		   "{\"event\":\"signature\",\"candidate\":0,\"part\":0,\"text\":\"s1\"}\n"
		   "{\"event\":\"part_end\",\"candidate\":0,\"part\":0}\n"
		   "{\"event\":\"part_start\",\"candidate\":0,\"part\":1,\"kind\":\"thinking\"}\n"
		   "{\"event\":\"thinking_delta\",\"candidate\":0,\"part\":1,\"text\":\"b\"}\n"
		   "{\"event\":\"signature\",\"candidate\":0,\"part\":1,\"text\":\"s2\"}\n"
		   "{\"event\":\"part_end\",\"candidate\":0,\"part\":1}\n"
		   "{\"event\":\"finish\",\"candidate\":0,\"reason\":\"stop\"}\n"
		   "{\"event\":\"end\"}\n");
	finish(&f);
}

static void test_random_calls_keep_the_invariants(void **state) {
	(void)state; /* EV-1..EV-6 */
	uint32_t seed = 1;
	for (int round = 0; round < 2000; round++) {
		struct fixture f;
		begin(&f);
		for (int step = 0; step < 40; step++) {
			seed = seed * 1664525 + 1013904223;
			uint32_t candidate = (seed >> 8) % 3;
			int64_t key = (seed >> 12) % 3;
			struct slice text = slice_make(
				"\xf0\x9f\x98\x80 \\ud83d\\ude00", 1 + (seed >> 16) % 17);
			switch ((seed >> 24) % 18) {
			case 0:
				chat_emit_start(&f.e, text, none, 1, none, none);
				break;
			case 1:
				chat_emit_text(&f.e, candidate, text);
				break;
			case 2:
				chat_emit_thinking(&f.e, candidate, text);
				break;
			case 3:
				chat_emit_refusal(&f.e, candidate, text);
				break;
			case 4:
				chat_emit_escaped(&f.e, CHAT_EVENT_TEXT_DELTA, candidate, text);
				break;
			case 5:
				chat_emit_signature(&f.e, candidate, SLICE("sig"));
				break;
			case 6:
				chat_emit_redacted(&f.e, candidate, SLICE("d"), FORMAT_ANTHROPIC);
				break;
			case 7:
				chat_emit_citation(&f.e, candidate, SLICE("{}"));
				break;
			case 8:
				chat_emit_image(&f.e, candidate, SLICE("image/png"), SLICE("AA=="));
				break;
			case 9:
				chat_emit_close(&f.e, candidate);
				break;
			case 10:
				chat_emit_tool_start(&f.e, candidate, key, none, SLICE("f"),
					CHAT_TOOL_FUNCTION, none);
				break;
			case 11:
				chat_emit_tool_args(&f.e, candidate, key, text);
				break;
			case 12:
				chat_emit_tool_args_escaped(&f.e, candidate, key, text);
				break;
			case 13:
				chat_emit_tool_end(&f.e, candidate, key);
				break;
			case 14:
				chat_emit_finish(
					&f.e, candidate, CHAT_FINISH_STOP, none, none, none);
				break;
			case 15:
				chat_emit_ping(&f.e);
				break;
			case 16:
				chat_emit_restart(&f.e);
				break;
			default:
				if (seed % 4 == 0) {
					chat_emit_end(&f.e);
				}
				break;
			}
		}
		chat_emit_end(&f.e);
		assert_string_equal(f.sink.problem, "");
		assert_true(f.sink.has_ended);
		finish(&f);
	}
}

int test_emit(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_opens_lazily_and_closes_for_another_kind),
		cmocka_unit_test(test_tools_side_by_side),
		cmocka_unit_test(test_cut_utf8_is_joined),
		cmocka_unit_test(test_escapes_and_surrogates),
		cmocka_unit_test(test_first_finish_counts_and_late_content_is_dropped),
		cmocka_unit_test(test_an_answer_without_finish_is_an_error),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_a_text_may_be_signed),
		cmocka_unit_test(test_random_calls_keep_the_invariants),
	};
	return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
