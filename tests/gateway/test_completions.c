/* test_completions.c: /v1/completions over the demo backend (CO-1..CO-5). */
#include <stdlib.h>

#include "gateway/gateway_help.h"

int test_completions(void);

static void completions(void **state) {
	static const struct {
		const char *rule, *body;
		int status;
		const char *wanted[3];
	} cases[] = {
		{"CO-3", "{\"model\":\"demo/echo\",\"prompt\":\"a b\",\"max_tokens\":99}", 200,
			{"\"object\":\"text_completion\"",
				"\"text\":\"[demo] a b\",\"index\":0,\"logprobs\":null",
				"\"finish_reason\":\"stop\""}},
		{"CO-1 prompt-major", "{\"model\":\"demo/echo\",\"prompt\":[\"a\",\"b\"],\"n\":2}",
			200,
			{"\"text\":\"[demo] a\",\"index\":1", "\"text\":\"[demo] b\",\"index\":2",
				"\"text\":\"[demo] b\",\"index\":3"}},
		{"CO-2 echo", "{\"model\":\"demo/echo\",\"prompt\":[\"a\",\"b\"],\"echo\":true}",
			200,
			{"\"text\":\"a[demo] a\",\"index\":0", "\"text\":\"b[demo] b\",\"index\":1",
				NULL}},
		{"CO-1 default of max_tokens",
			"{\"model\":\"demo/echo\",\"prompt\":\"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
			"16 17 18 19 20\"}",
			200, {"\"finish_reason\":\"length\"", NULL, NULL}},
		{"CO-4",
			"{\"model\":\"demo/echo\",\"prompt\":[\"a\",\"b\"],\"stream\":true,"
			"\"echo\":true,\"stream_options\":{\"include_usage\":true}}",
			200,
			{"{\"text\":\"b\",\"index\":1,\"logprobs\":null,\"finish_reason\":null}],"
			 "\"usage\":null}",
				"\"choices\":[],\"usage\":{\"prompt_tokens\":",
				"data: [DONE]\n\n"}},
		{"CO-5",
			"{\"model\":\"demo/think\",\"prompt\":\"a\",\"stream\":true,"
			"\"max_tokens\":99}",
			200, {"\"text\":\"[demo]\"", "\"finish_reason\":\"stop\"", NULL}},
		{"E-33", "{\"model\":\"demo/think\",\"prompt\":\"a\",\"max_tokens\":3}", 200,
			{"\"text\":\"\"", "\"finish_reason\":\"length\"", NULL}},
		{"CC-15", "{\"model\":\"demo/midstream-error\",\"prompt\":\"a b\",\"stream\":true}",
			200, {"data: {\"error\":{\"message\":", NULL, NULL}},
		{"CO-1 tokens", "{\"model\":\"demo/echo\",\"prompt\":[1,2]}", 400,
			{"\"param\":\"prompt\"", "send the text", NULL}},
		{"CO-1 tokens", "{\"model\":\"demo/echo\",\"prompt\":[[1,2],[3]]}", 400,
			{"\"param\":\"prompt\"", NULL, NULL}},
		{"CO-1 empty", "{\"model\":\"demo/echo\",\"prompt\":[]}", 400,
			{"\"param\":\"prompt\"", NULL, NULL}},
		{"CO-1 empty", "{\"model\":\"demo/echo\",\"prompt\":\"\"}", 400,
			{"\"param\":\"prompt\"", NULL, NULL}},
		{"E-85", "{\"model\":\"demo/echo\",\"prompt\":\"a\",\"max_tokens\":0}", 400,
			{"\"param\":\"max_tokens\"", NULL, NULL}},
		{"E-86", "{\"model\":\"demo/echo\",\"prompt\":\"a\",\"temperature\":\"1\"}", 400,
			{"\"param\":\"temperature\"", NULL, NULL}},
		{"E-87", "{\"model\":\"demo/echo\",\"prompt\":\"a\",\"stream\":\"true\"}", 400,
			{"\"param\":\"stream\"", NULL, NULL}},
		{"2.2", "{\"model\":\"demo/echo\"}", 400, {"\"param\":\"prompt\"", NULL, NULL}},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_answer answer;
		gateway_ask(&f, "POST", "/v1/completions", NULL, cases[i].body, &answer);
		if (answer.status != cases[i].status) {
			fail_msg("%s: %d %s", cases[i].rule, answer.status, answer.body.data);
		}
		for (size_t w = 0; w < 3 && cases[i].wanted[w]; w++) {
			if (!answer_has(&answer, cases[i].wanted[w])) {
				fail_msg("%s: no %s in %s", cases[i].rule, cases[i].wanted[w],
					answer.body.data);
			}
		}
		assert_false(answer_has(&answer, "Thinking"));
		answer_finish(&answer);
	}
	gateway_close(&f);
}

int test_completions(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completions),
	};
	return cmocka_run_group_tests_name("gateway/completions", tests, NULL, NULL);
}
