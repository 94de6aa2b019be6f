/* test_stop.c: stop sequences enforced on the way (E-47). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chat/stop.h"
#include "support/check_sink.h"

int test_stop(void);

static const struct slice sequences[] = {
	SLICE_INIT("STOP"), SLICE_INIT(""), SLICE_INIT("\xe2\x82\xac!")};
static const struct slice none = {0};

struct fixture {
	struct arena arena;
	struct check_sink check;
	struct chat_stop stop;
	struct chat_emitter e;
};

static void begin(struct fixture *f) {
	arena_init(&f->arena, NULL, 0);
	check_sink_init(&f->check);
	chat_stop_init(&f->stop, &f->check.sink, &f->arena, sequences, 3);
	chat_emitter_init(&f->e, &f->stop.sink, &f->arena);
}

static void finish(struct fixture *f) {
	check_sink_finish(&f->check);
	arena_finish(&f->arena);
}

/* The text that comes through when `text` comes in pieces of `step` bytes. */
static void expect(const char *text, const char *wanted, bool is_hit) {
	for (size_t step = 1; step <= strlen(text); step++) {
		struct fixture f;
		begin(&f);
		for (size_t at = 0; at < strlen(text); at += step) {
			chat_emit_text(&f.e, 0, slice_sub(slice_of(text), at, step));
		}
		chat_emit_finish(&f.e, 0, CHAT_FINISH_LENGTH, none, none, none);
		chat_emit_end(&f.e);
		char line[128];
		snprintf(line, sizeof line, "\"text\":\"%s\"}\n", wanted);
		assert_string_equal(f.check.problem, "");
		assert_true(f.check.has_ended && f.stop.has_ended);
		assert_int_equal(f.stop.has_hit, is_hit);
		struct slice record = check_sink_text(&f.check);
		assert_true(slice_contains(record, slice_of(line)));
		assert_int_equal(
			slice_contains(record, SLICE("\"reason\":\"stop_sequence\"")), is_hit);
		finish(&f);
	}
}

static void test_text_is_cut_before_the_sequence(void **state) {
	(void)state;
	expect("say STOP now", "say ", true);
	expect("say STO", "say STO", false);
	expect("STSTSTOPx", "STST", true);
	expect("no such thing", "no such thing", false);
	expect("3 \xe2\x82\xac or 4 \xe2\x82\xac!", "3 \xe2\x82\xac or 4 ", true);
}

static void test_other_candidates_go_on(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	chat_emit_text(&f.e, 0, SLICE("aSTOPb"));
	chat_emit_text(&f.e, 1, SLICE("c"));
	assert_true(f.stop.has_ended); /* nothing else had begun: the answer was over */
	finish(&f);
	begin(&f);
	chat_emit_text(&f.e, 1, SLICE("c"));
	chat_emit_tool_start(&f.e, 0, 0, SLICE("i"), SLICE("f"), CHAT_TOOL_FUNCTION, none);
	chat_emit_text(&f.e, 0, SLICE("aSTOPb"));
	assert_false(f.stop.has_ended);
	chat_emit_tool_args(&f.e, 0, 0, SLICE("{}"));
	chat_emit_text(&f.e, 1, SLICE("d"));
	chat_emit_finish(&f.e, 1, CHAT_FINISH_STOP, none, none, none);
	assert_true(f.stop.has_ended);
	chat_emit_end(&f.e);
	assert_string_equal(f.check.problem, "");
	assert_false(f.check.has_failed);
	finish(&f);
}

static void test_an_error_before_a_hit_passes(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	chat_emit_text(&f.e, 0, SLICE("half ST"));
	chat_emit_end(&f.e);
	assert_string_equal(f.check.problem, "");
	assert_true(f.check.has_failed && f.check.has_ended);
	assert_true(slice_contains(check_sink_text(&f.check), SLICE("half ST")));
	finish(&f);
}

int test_stop(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_cut_before_the_sequence),
		cmocka_unit_test(test_other_candidates_go_on),
		cmocka_unit_test(test_an_error_before_a_hit_passes),
	};
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
