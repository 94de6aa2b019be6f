/* test_embed.c: embeddings in the shapes of the families, over demo/embed (OL-11). */
#include <stdlib.h>

#include "gateway/gateway_help.h"

int test_embed(void);

static void embeddings(void **state) {
	static const struct {
		const char *rule, *path, *body;
		int status;
		struct {
			const char *pointer;
			enum json_type type;
			uint32_t count; /* of a list; 0 = any */
		} values[3];
	} cases[] = {
		{"openai", "/v1/embeddings", "{\"model\":\"demo/embed\",\"input\":\"a\"}", 200,
			{{"/data/0/embedding", JSON_ARRAY, 64},
				{"/usage/prompt_tokens", JSON_NUMBER, 0},
				{"/model", JSON_STRING, 0}}},
		{"openai list, dimensions", "/v1/embeddings",
			"{\"model\":\"demo/embed\",\"input\":[\"a\",\"b\"],\"dimensions\":3,"
			"\"encoding_format\":\"float\"}",
			200,
			{{"/data", JSON_ARRAY, 2}, {"/data/1/embedding", JSON_ARRAY, 3},
				{"/data/1/index", JSON_NUMBER, 0}}},
		{"openai base64", "/v1/embeddings",
			"{\"model\":\"demo/embed\",\"input\":\"a\",\"encoding_format\":\"base64\"}",
			200, {{"/data/0/embedding", JSON_STRING, 0}}},
		{"openai tokens", "/v1/embeddings",
			"{\"model\":\"demo/embed\",\"input\":[[1,2],[3]]}", 200,
			{{"/data", JSON_ARRAY, 2}}},
		{"ollama", "/api/embed", "{\"model\":\"demo/embed\",\"input\":[\"a\",\"b\"]}", 200,
			{{"/embeddings", JSON_ARRAY, 2}, {"/embeddings/0", JSON_ARRAY, 64},
				{"/prompt_eval_count", JSON_NUMBER, 0}}},
		{"ollama legacy", "/api/embeddings",
			"{\"model\":\"demo/embed:latest\",\"prompt\":\"a\"}", 200,
			{{"/embedding", JSON_ARRAY, 64}}},
		{"gemini", "/v1beta/models/demo/embed:embedContent",
			"{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"outputDimensionality\":5}",
			200, {{"/embedding/values", JSON_ARRAY, 5}}},
		{"gemini batch", "/v1beta/models/demo/embed:batchEmbedContents",
			"{\"requests\":[{\"model\":\"models/demo/embed\",\"content\":{\"parts\":[{"
			"\"text\":\"a\"}]}},{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
			200,
			{{"/embeddings", JSON_ARRAY, 2}, {"/embeddings/1/values", JSON_ARRAY, 64}}},
		{"openai error", "/v1/embeddings", "{\"model\":\"demo/embed\",\"input\":[]}", 400,
			{{"/error/param", JSON_STRING, 0}}},
		{"openai error", "/v1/embeddings", "{\"model\":\"demo/embed\",\"input\":[1.5]}",
			400, {{"/error/param", JSON_STRING, 0}}},
		{"openai error", "/v1/embeddings",
			"{\"model\":\"demo/embed\",\"input\":[\"a\",[1]]}", 400,
			{{"/error/message", JSON_STRING, 0}}},
		{"openai error", "/v1/embeddings", "{\"model\":\"nobody\",\"input\":\"a\"}", 404,
			{{"/error/code", JSON_STRING, 0}}},
		{"no embeddings", "/v1/embeddings", "{\"model\":\"demo/echo\",\"input\":\"a\"}",
			400, {{"/error/message", JSON_STRING, 0}}},
		{"only embeddings", "/v1/chat/completions",
			"{\"model\":\"demo/embed\",\"messages\":[{\"role\":\"user\",\"content\":"
			"\"a\"}]}",
			400, {{"/error/message", JSON_STRING, 0}}},
		{"batch limit", "/v1/embeddings",
			"{\"model\":\"demo/embed\",\"input\":\"a\",\"dimensions\":500000}", 400,
			{{"/error/param", JSON_STRING, 0}}},
		{"rate limit", "/api/embed", "{\"model\":\"demo/error-429\",\"input\":\"a\"}", 429,
			{{"/error", JSON_STRING, 0}}},
		{"ollama error", "/api/embed", "{\"model\":\"demo/embed\"}", 400,
			{{"/error", JSON_STRING, 0}}},
		{"gemini error", "/v1beta/models/demo/embed:embedContent", "{}", 400,
			{{"/error/status", JSON_STRING, 0}}},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_answer answer;
		struct arena arena;
		arena_init(&arena, NULL, 0);
		gateway_ask(&f, "POST", cases[i].path, NULL, cases[i].body, &answer);
		const struct json *tree = json_parse(&arena, buf_slice(&answer.body), NULL, NULL);
		if (answer.status != cases[i].status || tree == NULL) {
			fail_msg("%s: %d %s", cases[i].rule, answer.status, answer.body.data);
		}
		for (size_t v = 0; v < 3 && cases[i].values[v].pointer; v++) {
			const struct json *at = json_at(tree, slice_of(cases[i].values[v].pointer));
			bool fits = json_is(at, cases[i].values[v].type) &&
				    (cases[i].values[v].count == 0 ||
					    at->count == cases[i].values[v].count);
			if (!fits) {
				fail_msg("%s: %s in %s", cases[i].rule, cases[i].values[v].pointer,
					answer.body.data);
			}
		}
		arena_finish(&arena);
		answer_finish(&answer);
	}
	gateway_close(&f);
}

/* base64 holds the floats of the list, and the same text has the same vector. */
static void base64_is_the_list(void **state) {
	struct gateway_fixture f;
	struct http_answer list, base64;
	struct arena arena;
	struct buf bytes = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	gateway_open(&f, NULL);
	gateway_ask(&f, "POST", "/v1/embeddings", NULL,
		"{\"model\":\"demo/embed\",\"input\":\"one two\",\"dimensions\":4}", &list);
	gateway_ask(&f, "POST", "/v1/embeddings", NULL,
		"{\"model\":\"demo/embed\",\"input\":\"one two\",\"dimensions\":4,"
		"\"encoding_format\":\"base64\"}",
		&base64);
	const struct json *numbers = json_at(
		json_parse(&arena, buf_slice(&list.body), NULL, NULL), SLICE("/data/0/embedding"));
	const struct json *text = json_at(json_parse(&arena, buf_slice(&base64.body), NULL, NULL),
		SLICE("/data/0/embedding"));
	assert_true(base64_decode(json_string_raw(text), &bytes));
	assert_int_equal(bytes.len, 16);
	size_t at = 0;
	json_each (number, numbers) {
		double wanted;
		float got;
		assert_true(json_double(number, &wanted));
		memcpy(&got, bytes.data + at, sizeof got); /* this machine's order is the wire's */
		assert_true(got == (float)wanted);
		at += sizeof got;
	}
	buf_finish(&bytes);
	answer_finish(&list);
	answer_finish(&base64);
	gateway_close(&f);
	arena_finish(&arena);
}

int test_embed(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(embeddings),
		cmocka_unit_test(base64_is_the_list),
	};
	return cmocka_run_group_tests_name("gateway/embed", tests, NULL, NULL);
}
