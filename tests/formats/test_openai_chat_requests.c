/* test_openai_chat_requests.c: requests of the cc dialect, in and out (2.1, 3.1 Build). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"
#include "formats/format.h"

int test_openai_chat_requests(void);

static void test_cases(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("openai_chat_requests.json", &count), 0);
	assert_true(count > 40);
}

/* A body of `count` times `item` between head and tail. */
static struct slice repeat(
	struct buf *body, const char *head, const char *item, size_t count, const char *tail) {
	buf_append_str(body, head);
	for (size_t i = 0; i < count; i++) {
		buf_append_str(body, item);
	}
	buf_append_str(body, tail);
	return buf_slice(body);
}

static bool parse(
	struct slice body, struct arena *arena, struct chat_request *request, struct error *error) {
	const struct json *tree = json_parse(arena, body, NULL, error);
	const struct format_parse in = {.body = body, .tree = tree, .arena = arena};
	return tree != NULL && format_get(FORMAT_OPENAI_CHAT)->parse_request(&in, request, error);
}

static void test_media_is_not_copied(void **state) {
	(void)state; /* PF-5 */
	struct buf body = {0};
	struct arena arena;
	struct chat_request request;
	struct format_built built = {0};
	struct error error;
	arena_init(&arena, NULL, 0);
	repeat(&body,
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_"
		"url\","
		"\"image_url\":{\"url\":\"data:image/png;base64,",
		"AAAA", 250000, "\"}}]}]}");
	assert_true(parse(buf_slice(&body), &arena, &request, &error));
	const struct format_target target = {
		.model = SLICE("m"), .family = model_family_of(SLICE("m"))};
	size_t before = arena.used;
	assert_true(format_get(FORMAT_OPENAI_CHAT)
			    ->build_request(&request, &target, &built, NULL, &error));
	assert_true(before < 64 * 1024 && arena.used < 64 * 1024);
	assert_true(built.body.ref_bytes >= 1000000 - BUF_REF_MIN);
	assert_true(built.body.cap < 64 * 1024);
	buf_finish(&built.body);
	buf_finish(&body);
	arena_finish(&arena);
}

static void oc_5_a_result_with_an_image_is_not_spliced(void **state) {
	static const struct {
		const char *content;
		bool can;
	} cases[] = {
		{"\"text\"", true},
		{"[{\"type\":\"text\",\"text\":\"t\"}]", true},
		{"[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/i.png\"}}]", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_request request;
		struct error error;
		arena_init(&arena, NULL, 0);
		struct slice body = arena_printf(&arena,
			"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{"
			"\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
			"\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\","
			"\"content\":%s}]}",
			cases[i].content);
		assert_true(parse(body, &arena, &request, &error));
		assert_int_equal(
			format_can_splice(format_get(FORMAT_OPENAI_CHAT), &request), cases[i].can);
		arena_finish(&arena);
	}
}

static void test_counts_are_bounded(void **state) {
	(void)state; /* LT-1 */
	static const struct {
		const char *head, *item, *tail, *param;
	} bodies[] = {
		{"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"tools\":["
		 "1",
			",1", "]}", "tools"},
		{"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[1", ",1",
			"]}]}", "messages.[0].tool_calls"},
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct buf body = {0};
		struct arena arena;
		struct chat_request request;
		struct error error;
		arena_init(&arena, NULL, 0);
		repeat(&body, bodies[i].head, bodies[i].item, 2000, bodies[i].tail);
		assert_false(parse(buf_slice(&body), &arena, &request, &error));
		assert_string_equal(error.param, bodies[i].param);
		assert_non_null(strstr(error.message, "2001"));
		buf_finish(&body);
		arena_finish(&arena);
	}
}

int test_openai_chat_requests(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_media_is_not_copied),
		cmocka_unit_test(oc_5_a_result_with_an_image_is_not_spliced),
		cmocka_unit_test(test_counts_are_bounded),
	};
	return cmocka_run_group_tests_name("openai_chat_requests", tests, NULL, NULL);
}
