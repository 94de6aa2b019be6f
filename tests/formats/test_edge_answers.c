/* test_edge_answers.c: edge cases of answers, between any two dialects (formats.md section 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"
#include "formats/format.h"

int test_edge_answers(void);

static void test_cases(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("edge_answers.json", &count), 0);
	assert_true(count > 0);
}

/* E-72, OR-5: reasoning of another organisation or model is refused; asked once more without it. */
static void test_refused_reasoning(void **state) {
	static const char body[] = "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":"
				   "\"a\"},{\"type\":\"reasoning\","
				   "\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"E\"},{"
				   "\"type\":\"message\",\"role\":"
				   "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":"
				   "\"x\"}]},{\"role\":\"user\","
				   "\"content\":\"b\"}]}";
	const struct format *format = format_get(FORMAT_OPENAI_RESPONSES);
	struct arena arena;
	struct chat_request request = {.arena = &arena};
	struct format_built built = {0};
	struct error error, refusal;
	(void)state;
	arena_init(&arena, NULL, 0);
	struct format_parse parse = {.body = slice_of(body), .arena = &arena};
	parse.tree = json_parse(&arena, parse.body, NULL, &error);
	assert_true(format->parse_request(&parse, &request, &error));
	error_set(&refusal, ERROR_INVALID_REQUEST, "the image is too large");
	assert_null(format->mend(&request, &refusal, NULL));
	error_set(&refusal, ERROR_INVALID_REQUEST, "The encrypted content could not be verified.");
	memcpy(refusal.code, "invalid_encrypted_content", sizeof "invalid_encrypted_content");
	const struct chat_request *mended = format->mend(&request, &refusal, NULL);
	assert_non_null(mended);
	const struct format_target target = {
		.model = SLICE("gpt-5"), .family = model_family_of(SLICE("gpt-5"))};
	assert_true(format_build_request(format, mended, &target, &built, NULL, &error));
	char text[2048];
	size_t len = buf_copy_out(&built.body, 0, text, sizeof text);
	assert_false(slice_contains(slice_make(text, len), SLICE("\"reasoning\",")));
	assert_true(slice_contains(slice_make(text, len), SLICE("\"x\"")));
	buf_finish(&built.body);
	arena_finish(&arena);
}

int test_edge_answers(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_refused_reasoning),
	};
	return cmocka_run_group_tests_name("edge_answers", tests, NULL, NULL);
}
