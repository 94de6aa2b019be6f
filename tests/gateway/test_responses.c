/* test_responses.c: the Responses routes over a real socket to the demo backend: answers, counts,
 * compaction, and stored answers (RS-3, RS-24, RS-29). */
#include "gateway/gateway_help.h"

#include <stdio.h>
#include <stdlib.h>

int test_responses(void);

#define PATH "/v1/responses"

/* One call, whose answer must have that status and text. */
static void ask(struct gateway_fixture *f, const char *method, const char *path, const char *body,
	int status, const char *text) {
	struct http_answer answer;
	gateway_ask(f, method, path, NULL, body, &answer);
	if (answer.status != status || !answer_has(&answer, text)) {
		fail_msg("%s %s %s: %s%s lacks %s", method, path, body ? body : "", answer.head,
			answer.body.data, text);
	}
	answer_finish(&answer);
}

/* A call that makes an answer; its id into `id`. */
static void make(struct gateway_fixture *f, const char *body, char id[64]) {
	struct http_answer answer;
	gateway_ask(f, "POST", PATH, NULL, body, &answer);
	const char *at = strstr(answer.body.data, "\"id\":\"resp_");
	if (answer.status != 200 || !at) {
		fail_msg("%s: %s%s", body, answer.head, answer.body.data);
	}
	snprintf(id, 64, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
	answer_finish(&answer);
}

__attribute__((format(printf, 2, 3))) static const char *text_of(
	char text[512], const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(text, 512, format, args);
	va_end(args);
	return text;
}

static void answers(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	ask(&f, "POST", PATH, "{\"model\":\"demo/echo\",\"input\":\"hello there\"}", 200,
		"\"text\":\"[demo] hello there\"");
	ask(&f, "POST", "/responses", "{\"model\":\"demo/echo\",\"input\":\"hello\"}", 200,
		"\"object\":\"response\"");
	/* RS-24 */
	ask(&f, "POST", PATH, "{\"model\":\"demo/echo\",\"input\":\"hello\",\"stream\":true}", 200,
		"event: response.completed\n");
	ask(&f, "POST", PATH "/input_tokens", "{\"model\":\"demo/echo\",\"input\":\"hello\"}", 200,
		"{\"object\":\"response.input_tokens\",\"input_tokens\":");
	/* RS-29 */
	ask(&f, "POST", PATH "/compact", "{\"model\":\"demo/echo\",\"input\":\"hello\"}", 501,
		"\"code\":\"unsupported\"");
	ask(&f, "POST", PATH, "{\"model\":\"demo/echo\"}", 400, "\"param\":\"input\"");
	/* RS-25: the error stands in the stream once the answer began */
	ask(&f, "POST", PATH,
		"{\"model\":\"demo/midstream-error\",\"input\":\"x\",\"stream\":true}", 200,
		"event: response.failed\n");
	ask(&f, "POST", PATH, "{\"model\":\"demo/error-429\",\"input\":\"x\",\"stream\":true}", 429,
		"\"error\":{\"message\"");
	gateway_close(&f);
}

static void rs_3_conversation(void **state) {
	struct gateway_fixture f;
	char first[64], second[64], text[512];
	(void)state;
	gateway_open(&f, NULL);
	make(&f, "{\"model\":\"demo/echo\",\"input\":\"one\",\"instructions\":\"be brief\"}",
		first);
	make(&f,
		text_of(text,
			"{\"model\":\"demo/echo\",\"input\":[{\"role\":\"user\",\"content\":"
			"\"two\"}],\"stream\":true,\"previous_response_id\":\"%s\"}",
			first),
		second);
	assert_string_not_equal(first, second);
	ask(&f, "GET", text_of(text, PATH "/%s", second), NULL, 200, first);
	/* what the model was given: the first turn, its answer, and the new input */
	ask(&f, "GET", text_of(text, PATH "/%s/input_items?order=asc&limit=1", second), NULL, 200,
		"\"text\":\"one\"");
	ask(&f, "GET", text_of(text, PATH "/%s/input_items", second), NULL, 200, "[demo] one");
	ask(&f, "GET", text_of(text, PATH "/%s/input_items?limit=1", second), NULL, 200,
		"\"has_more\":true");
	ask(&f, "GET", text_of(text, PATH "/%s/input_items?limit=0", second), NULL, 400, "limit");
	ask(&f, "GET", text_of(text, PATH "/%s/input_items?order=up", second), NULL, 400, "order");
	ask(&f, "GET", text_of(text, PATH "/%s/nothing", second), NULL, 404, "not_found");
	gateway_close(&f);
}

static void rs_3_deleted_unknown_unstored(void **state) {
	struct gateway_fixture f;
	char id[64], text[512], path[512];
	(void)state;
	gateway_open(&f, NULL);
	make(&f, "{\"model\":\"demo/echo\",\"input\":\"one\"}", id);
	text_of(path, PATH "/%s", id);
	ask(&f, "DELETE", path, NULL, 200, "\"deleted\":true");
	ask(&f, "DELETE", path, NULL, 404, "not_found");
	ask(&f, "GET", path, NULL, 404, "not found");
	ask(&f, "POST", PATH,
		text_of(text,
			"{\"model\":\"demo/echo\",\"input\":\"x\",\"previous_response_id\":"
			"\"%s\"}",
			id),
		400, "\"code\":\"previous_response_not_found\"");
	make(&f, "{\"model\":\"demo/echo\",\"input\":\"one\",\"store\":false}", id);
	ask(&f, "GET", text_of(path, PATH "/%s", id), NULL, 404, "not_found");
	ask(&f, "POST", PATH,
		"{\"model\":\"demo/echo\",\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
		400, "refer to");
	gateway_close(&f);
}

static void store_may_be_off(void **state) {
	struct gateway_fixture f;
	char id[64], path[512];
	(void)state;
	gateway_open(&f, "responses:\n  store-size: 0\n");
	make(&f, "{\"model\":\"demo/echo\",\"input\":\"one\"}", id);
	ask(&f, "GET", text_of(path, PATH "/%s", id), NULL, 404, "not_found");
	gateway_close(&f);
}

int test_responses(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(rs_3_conversation),
		cmocka_unit_test(rs_3_deleted_unknown_unstored),
		cmocka_unit_test(store_may_be_off),
	};
	return cmocka_run_group_tests_name("gateway/responses", tests, NULL, NULL);
}
