/* test_ollama.c: the routes of Ollama's clients, over the demo backend (OL-4..OL-10). */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/gateway_help.h"

int test_ollama(void);

static const struct json *parse(struct arena *arena, const struct http_answer *answer) {
	const struct json *tree = json_parse(arena, buf_slice(&answer->body), NULL, NULL);
	if (tree == NULL) {
		fail_msg("no JSON: %s", answer->body.data);
	}
	return tree;
}

static void expect(const struct json *tree, const char *pointer, const char *wanted) {
	const struct json *at = json_at(tree, slice_of(pointer));
	if (!slice_is(json_raw(at), wanted)) {
		fail_msg("%s is %.*s, not %s", pointer, SLICE_FMT(json_raw(at)), wanted);
	}
}

/* Whole answers by path, body and what must be in them. */
static void whole_answers(void **state) {
	static const struct {
		const char *rule, *path, *body;
		int status;
		struct {
			const char *pointer, *wanted;
		} values[4];
	} cases[] = {
		{"2.6", "/api/chat",
			"{\"model\":\"demo/"
			"echo\",\"stream\":false,\"messages\":[{\"role\":\"user\","
			"\"content\":\"hi\"}]}",
			200,
			{{"/model", "\"demo/echo\""}, {"/message/content", "\"[demo] hi\""},
				{"/done", "true"}, {"/done_reason", "\"stop\""}}},
		{"2.6 generate", "/ollama/api/generate",
			"{\"model\":\"demo/echo:latest\",\"stream\":false,\"prompt\":\"hi\"}", 200,
			{{"/response", "\"[demo] hi\""}, {"/done", "true"}}},
		{"4.1", "/api/chat",
			"{\"model\":\"demo/"
			"echo\",\"stream\":false,\"messages\":[{\"role\":\"user\","
			"\"content\":\"one two three four five six seven\"}],"
			"\"options\":{\"num_predict\":2}}",
			200, {{"/done_reason", "\"length\""}}},
		{"OL-4", "/api/chat", "{\"model\":\"demo/echo\",\"messages\":[]}", 200,
			{{"/done_reason", "\"load\""}, {"/message/content", "\"\""}}},
		{"OL-4", "/api/chat", "{\"model\":\"demo/echo\",\"keep_alive\":0}", 200,
			{{"/done_reason", "\"unload\""}}},
		{"OL-4", "/api/generate", "{\"model\":\"demo/echo\",\"keep_alive\":\"0s\"}", 200,
			{{"/done_reason", "\"unload\""}, {"/response", "\"\""}}},
		{"OL-4", "/api/generate", "{\"model\":\"demo/echo\",\"prompt\":\"\"}", 200,
			{{"/done_reason", "\"load\""}}},
		{"OL-7", "/api/generate", "{\"model\":\"nobody\",\"prompt\":\"\"}", 404, {{0}}},
		{"OL-7", "/api/chat", "{\"messages\":[]}", 400,
			{{"/error", "\"model is required\""}}},
		{"OL-7", "/api/chat",
			"{\"model\":\"demo/error-429\",\"messages\":[{\"role\":"
			"\"user\",\"content\":\"x\"}]}",
			429, {{0}}},
		{"OL-7", "/api/chat", "[]", 400, {{0}}},
		{"OL-9", "/api/show", "{\"model\":\"demo/echo:latest\"}", 200,
			{{"/model_info/general.architecture", "\"echo\""},
				{"/model_info/echo.context_length", "128000"},
				{"/capabilities/0", "\"completion\""}}},
		{"OL-9", "/api/show", "{\"name\":\"demo/echo\"}", 200,
			{{"/details/format", "\"gguf\""}}},
		{"OL-9", "/api/show", "{\"model\":\"nobody\"}", 404, {{0}}},
		{"OL-9", "/api/show", "{}", 400, {{"/error", "\"model is required\""}}},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_answer answer;
		struct arena arena;
		arena_init(&arena, NULL, 0);
		gateway_ask(&f, "POST", cases[i].path, NULL, cases[i].body, &answer);
		if (answer.status != cases[i].status) {
			fail_msg("%s %s: %d %s", cases[i].rule, cases[i].body, answer.status,
				answer.body.data);
		}
		const struct json *tree = parse(&arena, &answer);
		for (size_t v = 0; v < 4 && cases[i].values[v].pointer; v++) {
			expect(tree, cases[i].values[v].pointer, cases[i].values[v].wanted);
		}
		assert_true(answer.status == 200 || json_is(json_get(tree, "error"), JSON_STRING));
		arena_finish(&arena);
		answer_finish(&answer);
	}
	gateway_close(&f);
}

/* OL-5, OL-6: `stream` is true by default; lines, the last one done; an error is a line. */
static void streams(void **state) {
	static const struct {
		const char *model, *last;
	} cases[] = {
		{"demo/think", "\"done\":true,\"done_reason\":\"stop\""},
		{"demo/midstream-error", "{\"error\":\""},
		{"demo/truncated", "{\"error\":\""},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_answer answer;
		struct arena arena;
		char body[256];
		arena_init(&arena, NULL, 0);
		snprintf(body, sizeof body,
			"{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"a b c\"}]"
			"}",
			cases[i].model);
		gateway_ask(&f, "POST", "/api/chat", NULL, body, &answer);
		char *type = answer_header(&answer, "content-type");
		assert_string_equal(type, "application/x-ndjson");
		free(type);
		assert_int_equal(answer.status, 200);
		struct slice rest = buf_slice(&answer.body), line, last = {0};
		while (slice_split(&rest, '\n', &line) && line.len > 0) {
			assert_true(json_is_valid(line));
			last = line;
		}
		assert_true(slice_contains(last, slice_of(cases[i].last)));
		arena_finish(&arena);
		answer_finish(&answer);
	}
	gateway_close(&f);
}

/* OL-8, OL-10 */
static void lists(void **state) {
	struct gateway_fixture f;
	struct http_answer answer;
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	gateway_open(&f, "ollama-version: 9.8.7\n");
	gateway_ask(&f, "GET", "/api/tags", NULL, NULL, &answer);
	const struct json *tree = parse(&arena, &answer),
			  *first = json_at(tree, SLICE("/models/0"));
	assert_true(
		slice_ends_with(json_string(json_get(first, "name"), &arena), SLICE(":latest")));
	assert_int_equal(json_string(json_get(first, "digest"), &arena).len, 64);
	answer_finish(&answer);
	gateway_ask(&f, "GET", "/ollama/api/version", NULL, NULL, &answer);
	assert_string_equal(answer.body.data, "{\"version\":\"9.8.7\"}");
	char *server = answer_header(&answer, "server");
	assert_string_equal(server, "ollama/9.8.7");
	free(server);
	answer_finish(&answer);
	gateway_ask(&f, "GET", "/api/ps", NULL, NULL, &answer);
	assert_string_equal(answer.body.data, "{\"models\":[]}");
	answer_finish(&answer);
	gateway_close(&f);
	arena_finish(&arena);
}

/* gateway.md 3.2: client keys count here as everywhere; the version is open. */
static void keys(void **state) {
	static const struct {
		const char *path, *headers;
		int status;
	} cases[] = {
		{"/api/tags", NULL, 401},
		{"/api/tags", "Authorization: Bearer k-0123456789\r\n", 200},
		{"/api/version", NULL, 200},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, "api-keys: [k-0123456789]\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_answer answer;
		gateway_ask(&f, "GET", cases[i].path, cases[i].headers, NULL, &answer);
		assert_int_equal(answer.status, cases[i].status);
		assert_true(answer.status == 200 || answer_has(&answer, "{\"error\":\""));
		answer_finish(&answer);
	}
	gateway_close(&f);
}

int test_ollama(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_answers),
		cmocka_unit_test(streams),
		cmocka_unit_test(lists),
		cmocka_unit_test(keys),
	};
	return cmocka_run_group_tests_name("gateway/ollama", tests, NULL, NULL);
}
