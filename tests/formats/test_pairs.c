/* test_pairs.c: which conversations may be spliced as they are (formats.md 7.2, E-41, E-42, E-46).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/format.h"

int test_pairs(void);

#define CC_CALLS(ids) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" ids "]}"
#define CC_CALL(id)                                                                                \
	"{\"id\":\"" id                                                                            \
	"\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define CC_RESULT(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
#define USER "{\"role\":\"user\",\"content\":\"q\"}"
#define CC(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"

#define ANT_CALL                                                                                   \
	"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\"," \
	"\"input\":{}}]}"
#define ANT_RESULT                                                                                 \
	"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\","         \
	"\"content\":\"r\"}]}"
#define ANT(messages) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" messages "]}"

#define RESP_CALL                                                                                  \
	"{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define RESP_RESULT "{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"r\"}"
#define RESP(items, more) "{\"model\":\"m\",\"input\":[" items "]" more "}"

#define GEM_CALL "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]}"
#define GEM_RESULT                                                                                 \
	"{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{"       \
	"\"output\":\"r\"}}}]}"
#define GEM_USER "{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]}"
#define GEM(contents) "{\"contents\":[" contents "]}"

static void conversations_that_do_not_pair_are_built(void **state) {
	static const struct {
		enum format_id format;
		const char *body;
		bool can;
	} cases[] = {
		{FORMAT_OPENAI_CHAT, CC(USER), true},
		{FORMAT_OPENAI_CHAT,
			CC(USER "," CC_CALLS(CC_CALL("a") "," CC_CALL("b")) "," CC_RESULT(
				"b") "," CC_RESULT("a")),
			true},
		/* one id in two turns: each call has its own result */
		{FORMAT_OPENAI_CHAT,
			CC(USER "," CC_CALLS(CC_CALL("a")) "," CC_RESULT("a") "," CC_CALLS(
				CC_CALL("a")) "," CC_RESULT("a")),
			true},
		{FORMAT_OPENAI_CHAT, CC(USER "," CC_CALLS(CC_CALL("a"))), false},
		{FORMAT_OPENAI_CHAT, CC(USER "," CC_CALLS(CC_CALL("a")) "," USER), false},
		{FORMAT_OPENAI_CHAT,
			CC(USER "," CC_CALLS(CC_CALL("a") "," CC_CALL("b")) "," CC_RESULT(
				"a") "," USER),
			false},
		{FORMAT_OPENAI_CHAT, CC(USER "," CC_RESULT("a")), false},
		{FORMAT_OPENAI_CHAT,
			CC(USER "," CC_CALLS(CC_CALL("a")) "," CC_RESULT("a") "," CC_RESULT("a")),
			false},
		{FORMAT_OPENAI_CHAT,
			CC(USER "," CC_CALLS(CC_CALL("a")) "," USER "," CC_RESULT("a")), false},
		{FORMAT_ANTHROPIC, ANT(USER "," ANT_CALL "," ANT_RESULT), true},
		{FORMAT_ANTHROPIC, ANT(USER "," ANT_CALL "," USER), false},
		{FORMAT_ANTHROPIC, ANT(ANT_RESULT), false},
		/* Responses: an output may come anywhere behind its call */
		{FORMAT_OPENAI_RESPONSES, RESP(USER "," RESP_CALL "," USER "," RESP_RESULT, ""),
			true},
		{FORMAT_OPENAI_RESPONSES, RESP(USER "," RESP_CALL, ""), false},
		{FORMAT_OPENAI_RESPONSES, RESP(RESP_RESULT, ""), false},
		{FORMAT_OPENAI_RESPONSES, RESP(RESP_RESULT, ",\"previous_response_id\":\"resp_1\""),
			true},
		{FORMAT_OPENAI_RESPONSES,
			RESP("{\"type\":\"item_reference\",\"id\":\"fc_1\"}," RESP_RESULT, ""),
			true},
		{FORMAT_GEMINI, GEM(GEM_USER "," GEM_CALL "," GEM_RESULT), true},
		{FORMAT_GEMINI, GEM(GEM_USER "," GEM_CALL "," GEM_USER), false},
		{FORMAT_GEMINI, GEM(GEM_RESULT), false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_request request;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		const struct format *format = format_get(cases[i].format);
		const struct format_parse in = {.body = slice_of(cases[i].body),
			.tree = json_parse(&arena, slice_of(cases[i].body), NULL, &error),
			.path = SLICE("/v1beta/models/m:generateContent"),
			.arena = &arena};
		assert_non_null(in.tree);
		assert_true(format->parse_request(&in, &request, &error));
		if (format_can_splice(format, &request) != cases[i].can) {
			fail_msg("%s must %sbe spliced", cases[i].body, cases[i].can ? "" : "not ");
		}
		arena_finish(&arena);
	}
}

int test_pairs(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_that_do_not_pair_are_built),
	};
	return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
