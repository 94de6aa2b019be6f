/* test_anthropic_wire.c: what a spliced Messages client gets besides the upstream's bytes, and
 * which bytes do not go up as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/format.h"
#include "support/check_sink.h"

int test_anthropic_wire(void);

#define START(id)                                                                                  \
	"event: message_start\n"                                                                   \
	"data: {\"type\":\"message_start\",\"message\":{\"id\":\"" id                              \
	"\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\n\n"
#define BLOCK(index, block)                                                                        \
	"event: content_block_start\n"                                                             \
	"data: {\"type\":\"content_block_start\",\"index\":" index ",\"content_block\":" block     \
	"}\n\n"
#define DELTA(index, delta)                                                                        \
	"event: content_block_delta\n"                                                             \
	"data: {\"type\":\"content_block_delta\",\"index\":" index ",\"delta\":" delta "}\n\n"
#define END(index)                                                                                 \
	"event: content_block_stop\n"                                                              \
	"data: {\"type\":\"content_block_stop\",\"index\":" index "}\n\n"
#define FINISH                                                                                     \
	"event: message_delta\n"                                                                   \
	"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},"              \
	"\"usage\":{\"output_tokens\":5}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define THINKING "{\"type\":\"thinking\",\"thinking\":\"\"}"
#define THOUGHT "{\"type\":\"thinking_delta\",\"thinking\":\"t\"}"
#define TOOL(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}"
#define INPUT(text) "{\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"}"

static void expect_wire(struct slice bytes, size_t step, const char *wanted) {
	const struct format *format = format_get(FORMAT_ANTHROPIC);
	struct arena arena;
	struct check_sink check;
	arena_init(&arena, NULL, 0);
	check_sink_init(&check);
	struct chat_request request = {.arena = &arena, .stream = true};
	const struct format_decoder_options options = {.arena = &arena,
		.sink = &check.sink,
		.request = &request,
		.is_stream = true,
		.keep_wire = true};
	struct format_decoder *decoder = format->decoder_create(&options);
	for (size_t at = 0; at < bytes.len; at += step) {
		decoder->ops->feed(decoder, slice_sub(bytes, at, step));
	}
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
	assert_string_equal(check.problem, "");
	assert_false(check.has_failed);
	if (!slice_is(buf_slice(&check.wire), wanted)) {
		fail_msg("the wire is %.*s\nwanted %s", SLICE_FMT(buf_slice(&check.wire)), wanted);
	}
	check_sink_finish(&check);
	arena_finish(&arena);
}

static void expect(struct slice bytes, const char *wanted) {
	expect_wire(bytes, bytes.len, wanted);
	expect_wire(bytes, 1, wanted);
}

static void an_37_missing_message_stop(void **state) {
	(void)state;
	expect(SLICE(START("a") BLOCK("0", TOOL("t")) END("0") FINISH),
		START("a") BLOCK("0", TOOL("t")) END("0") FINISH STOP);
}

static void an_35_restart(void **state) {
	(void)state;
	/* in the middle of a block: it is closed, and the numbers go on */
	expect(SLICE(START("a") BLOCK("0", THINKING) DELTA("0", THOUGHT) END("0") BLOCK(
		       "1", TOOL("t1")) DELTA("1", INPUT("{")) START("b") BLOCK("0", THINKING)
			       DELTA("0", THOUGHT) END("0") BLOCK("1", TOOL("t2"))
				       DELTA("1", INPUT("{}")) END("1") FINISH STOP),
		START("a") BLOCK("0", THINKING) DELTA("0", THOUGHT) END("0") BLOCK("1", TOOL("t1"))
			DELTA("1", INPUT("{")) END("1") BLOCK("2", THINKING) DELTA("2", THOUGHT)
				END("2") BLOCK("3", TOOL("t2")) DELTA("3", INPUT("{}")) END("3")
					FINISH STOP);
	/* before any block: only the second start is gone */
	expect(SLICE(START("a") START("b") BLOCK("0", TOOL("t")) END("0") FINISH STOP),
		START("a") BLOCK("0", TOOL("t")) END("0") FINISH STOP);
}

static void an_20_foreign_thinking_is_not_spliced(void **state) {
	static const struct {
		const char *signature;
		bool can;
	} cases[] = {
		{"\"EqQBCg==\"", true}, {"\"gw1.YWJj\"", false}, {"\"\"", false}, {"null", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct error error = {0};
		struct chat_request request;
		arena_init(&arena, NULL, 0);
		struct slice body = arena_printf(&arena,
			"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
			"\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
			"\"thinking\",\"thinking\":\"t\",\"signature\":%s},{\"type\":\"text\","
			"\"text\":\"a\"}]},{\"role\":\"user\",\"content\":\"r\"}]}",
			cases[i].signature);
		const struct format *format = format_get(FORMAT_ANTHROPIC);
		const struct format_parse in = {.body = body,
			.tree = json_parse(&arena, body, NULL, &error),
			.arena = &arena};
		assert_true(format->parse_request(&in, &request, &error));
		assert_int_equal(format_can_splice(format, &request), cases[i].can);
		assert_false(format_can_splice(format_get(FORMAT_OPENAI_CHAT), &request));
		arena_finish(&arena);
	}
}

int test_anthropic_wire(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_37_missing_message_stop),
		cmocka_unit_test(an_35_restart),
		cmocka_unit_test(an_20_foreign_thinking_is_not_spliced),
	};
	return cmocka_run_group_tests_name("anthropic_wire", tests, NULL, NULL);
}
