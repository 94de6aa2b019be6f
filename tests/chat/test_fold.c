/* test_fold.c: events to a response and back; the tee. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chat/fold.h"
#include "support/check_sink.h"

int test_fold(void);

static const struct slice none = {0};

static void say_much(struct chat_emitter *e) {
	chat_emit_start(e, SLICE("id"), SLICE("m"), 5, SLICE("default"), SLICE("fp"));
	chat_emit_thinking(e, 0, SLICE("th"));
	chat_emit_thinking(e, 0, SLICE("ink"));
	chat_emit_signature(e, 0, SLICE("sig"));
	chat_emit_redacted(e, 0, SLICE("opaque"), FORMAT_ANTHROPIC);
	chat_emit_text(e, 0, SLICE("Hel"));
	chat_emit_text(e, 0, SLICE("lo"));
	chat_emit_citation(e, 0, SLICE("{\"a\":1}"));
	chat_emit_citation(e, 0, SLICE("{\"a\":2}"));
	chat_emit_logprobs(e, 0, SLICE("{\"content\":[{\"token\":\"a\"}],\"refusal\":null}"));
	chat_emit_logprobs(e, 0, SLICE("{\"content\":[{\"token\":\"b\"}],\"refusal\":null}"));
	chat_emit_tool_start(e, 0, 0, SLICE("c1"), SLICE("f"), CHAT_TOOL_FUNCTION, none);
	chat_emit_tool_start(e, 0, 1, SLICE("c2"), SLICE("g"), CHAT_TOOL_FUNCTION, none);
	chat_emit_tool_args(e, 0, 1, SLICE("{\"x\":"));
	chat_emit_tool_args(e, 0, 1, SLICE("1}"));
	chat_emit_image(e, 0, SLICE("image/png"), SLICE("AAAA"));
	chat_emit_block(
		e, 0, CHAT_PART_SERVER_TOOL, SLICE("web"), SLICE("{\"q\":1}"), FORMAT_ANTHROPIC);
	chat_emit_refusal(e, 1, SLICE("no"));
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.input_uncached = 10;
	usage.cache_read = 2;
	usage.output_total = 3;
	usage.native = SLICE("{}");
	chat_emit_usage(e, &usage);
	chat_emit_finish(e, 0, CHAT_FINISH_TOOL_CALLS, SLICE("tool_calls"), none, none);
	chat_emit_finish(e, 1, CHAT_FINISH_REFUSAL, none, none, none);
	chat_emit_end(e);
}

static void test_fold_and_unfold(void **state) {
	(void)state; /* EV-7 */
	struct arena arena;
	struct chat_fold fold, again;
	struct chat_emitter e;
	arena_init(&arena, NULL, 0);
	chat_fold_init(&fold, &arena, 0);
	chat_emitter_init(&e, &fold.sink, &arena);
	say_much(&e);
	const struct chat_response *r = &fold.response;
	assert_true(r->is_ended && !r->has_error);
	assert_int_equal(r->candidates.len, 2);
	const struct chat_candidate *c = &r->candidates.items[0];
	assert_int_equal(c->parts.len, 7);
	assert_true(slice_is(c->parts.items[0].text, "think"));
	assert_true(slice_is(c->parts.items[0].signature, "sig"));
	assert_true(c->parts.items[1].is_redacted);
	assert_true(slice_is(c->parts.items[1].signature, "opaque"));
	assert_true(slice_is(c->parts.items[2].text, "Hello"));
	assert_true(slice_is(c->parts.items[2].citations, "[{\"a\":1},{\"a\":2}]"));
	assert_true(slice_is(c->parts.items[3].args, "{}")); /* IR-10 */
	assert_true(c->parts.items[3].args_valid);
	assert_true(slice_is(c->parts.items[4].args, "{\"x\":1}"));
	assert_true(slice_is(c->parts.items[5].data, "AAAA"));
	assert_true(slice_is(c->parts.items[6].raw, "{\"q\":1}"));
	assert_true(slice_is(c->logprobs, "{\"token\":\"a\"},{\"token\":\"b\"}"));
	assert_int_equal(chat_usage_input_total(&r->usage), 12);
	assert_true(slice_is(r->usage.native, "{}"));

	struct check_sink check;
	struct chat_tee tee;
	check_sink_init(&check);
	chat_fold_init(&again, &arena, 0);
	chat_tee_init(&tee, &check.sink, &again.sink);
	chat_unfold(r, &tee.sink, &arena);
	assert_string_equal(check.problem, "");
	assert_true(check.has_ended && !check.has_failed);
	for (size_t i = 0; i < c->parts.len; i++) {
		const struct chat_part *a = &c->parts.items[i];
		const struct chat_part *b = &again.response.candidates.items[0].parts.items[i];
		assert_int_equal(a->kind, b->kind);
		assert_true(slice_eq(a->text, b->text) && slice_eq(a->args, b->args));
		assert_true(slice_eq(a->signature, b->signature));
		assert_true(slice_eq(a->citations, b->citations));
	}
	assert_true(slice_eq(again.response.candidates.items[0].logprobs, c->logprobs));
	chat_fold_finish(&fold);
	chat_fold_finish(&again);
	check_sink_finish(&check);
	arena_finish(&arena);
}

static void test_fold_has_a_limit(void **state) {
	(void)state;
	struct arena arena;
	struct chat_fold fold;
	struct chat_emitter e;
	arena_init(&arena, NULL, 0);
	chat_fold_init(&fold, &arena, 100);
	chat_emitter_init(&e, &fold.sink, &arena);
	for (int i = 0; i < 20; i++) {
		chat_emit_text(&e, 0, SLICE("0123456789"));
	}
	chat_emit_finish(&e, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&e);
	assert_true(fold.response.has_error && fold.response.is_ended);
	assert_int_equal(fold.response.error.kind, ERROR_TOO_LARGE);
	chat_fold_finish(&fold);
	arena_finish(&arena);
}

int test_fold(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold_and_unfold),
		cmocka_unit_test(test_fold_has_a_limit),
	};
	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
