/* test_lists.c: model lists, the registry, and the estimate of a request's tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/format.h"
#include "tokens/estimate.h"

int test_lists(void);

static const struct format_model models[] = {
	{.id = SLICE_INIT("a"), .owned_by = SLICE_INIT("x"), .created_s = 1700000000},
	{.id = SLICE_INIT("b/c"), .display_name = SLICE_INIT("B \"C\"")},
	{.id = SLICE_INIT("d"),
		.context_tokens = 1000,
		.max_output_tokens = 100,
		.capabilities =
			MODEL_CAN_CHAT | MODEL_CALLS_TOOLS | MODEL_THINKS | MODEL_SEES_IMAGES},
	{.id = SLICE_INIT("e"), .capabilities = MODEL_EMBEDS},
};

static void expect(
	enum api_family family, const struct format_model *list, size_t count, const char *wanted) {
	struct buf out = {0};
	format_encode_models(family, &(struct format_list){.models = list, .count = count}, &out);
	if (!slice_is(buf_slice(&out), wanted)) {
		fail_msg("got %.*s", SLICE_FMT(buf_slice(&out)));
	}
	buf_finish(&out);
}

static void test_models(void **state) {
	(void)state; /* gateway.md 4.4, RT-1 */
	expect(FAMILY_OPENAI, models, 2,
		"{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"object\":\"model\",\"created\":"
		"1700000000,\"owned_by\":\"x\"},"
		"{\"id\":\"b/c\",\"object\":\"model\",\"created\":0,\"owned_by\":\"llm-mux\","
		"\"display_name\":\"B \\\"C\\\"\"}]}");
	expect(FAMILY_OPENAI, models, 0, "{\"object\":\"list\",\"data\":[]}");
	expect(FAMILY_ANTHROPIC, models, 2,
		"{\"data\":[{\"type\":\"model\",\"id\":\"a\",\"display_name\":\"a\",\"created_at\":"
		"\"2023-11-14T22:13:20.000Z\"},"
		"{\"type\":\"model\",\"id\":\"b/c\",\"display_name\":\"B "
		"\\\"C\\\"\",\"created_at\":\"1970-01-01T00:00:00.000Z\"}],"
		"\"has_more\":false,\"first_id\":\"a\",\"last_id\":\"b/c\"}");
	expect(FAMILY_ANTHROPIC, models, 0,
		"{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
}

static void test_models_with_limits(void **state) {
	(void)state; /* gateway.md 4.4: limits, modalities and capabilities where they are known */
	expect(FAMILY_OPENAI, models + 2, 2,
		"{\"object\":\"list\",\"data\":[{\"id\":\"d\",\"object\":\"model\",\"created\":0,"
		"\"owned_by\":\"llm-mux\",\"context_length\":1000,\"max_completion_tokens\":100,"
		"\"input_modalities\":[\"text\",\"image\"],\"output_modalities\":[\"text\"],"
		"\"capabilities\":[\"completion\",\"tools\",\"thinking\",\"vision\"]},"
		"{\"id\":\"e\",\"object\":\"model\",\"created\":0,\"owned_by\":\"llm-mux\","
		"\"input_modalities\":[\"text\"],\"output_modalities\":[\"embeddings\"],"
		"\"capabilities\":[\"embedding\"]}]}");
	expect(FAMILY_ANTHROPIC, models + 2, 1,
		"{\"data\":[{\"type\":\"model\",\"id\":\"d\",\"display_name\":\"d\",\"created_at\":"
		"\"1970-01-01T00:00:00.000Z\",\"max_input_tokens\":1000,\"max_tokens\":100}],"
		"\"has_more\":false,\"first_id\":\"d\",\"last_id\":\"d\"}");
}

static void gc_11_gemini_list(void **state) {
	(void)state;
	expect(FAMILY_GEMINI, models + 2, 2,
		"{\"models\":[{\"name\":\"models/d\",\"baseModelId\":\"d\",\"version\":\"001\","
		"\"displayName\":\"d\",\"description\":\"d\",\"inputTokenLimit\":1000,"
		"\"outputTokenLimit\":100,\"supportedGenerationMethods\":[\"generateContent\","
		"\"countTokens\",\"streamGenerateContent\"],\"thinking\":true},"
		"{\"name\":\"models/e\",\"baseModelId\":\"e\",\"version\":\"001\",\"displayName\":"
		"\"e\",\"description\":\"e\",\"supportedGenerationMethods\":[\"embedContent\","
		"\"batchEmbedContents\"],\"thinking\":false}]}");
	struct buf out = {0};
	format_encode_models(FAMILY_GEMINI,
		&(struct format_list){.models = models, .next_page = SLICE("p")}, &out);
	assert_true(slice_is(buf_slice(&out), "{\"models\":[],\"nextPageToken\":\"p\"}"));
	buf_finish(&out);
}

static void test_registry(void **state) {
	(void)state;
	size_t count = 0;
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *format = format_get((enum format_id)id);
		if (format == NULL) {
			continue;
		}
		count++;
		assert_int_equal(format->id, id);
		assert_ptr_equal(format_find(slice_of(format->name)), format);
		assert_non_null(format->parse_request);
		assert_non_null(format->encoder_create);
		assert_non_null(format->encode_response);
		assert_non_null(format->encode_error);
	}
	assert_true(count >= 2);
	assert_null(format_find(SLICE("nothing")));
	assert_null(format_get(FORMAT_COUNT));
}

static void test_estimate_of_texts(void **state) {
	(void)state; /* TC-2 */
	static const struct {
		const char *text;
		int64_t least, most;
	} texts[] = {
		{"", 0, 0},
		{" ", 1, 1},
		{"a", 1, 1},
		{"The quick brown fox jumps over the lazy dog.", 9, 13},
		{"int main(void) { return printf(\"%d\\n\", 42); }", 14, 26},
		{"\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c", 3, 5},
		{"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", 2, 4},
		{"1234567890", 3, 5},
		{"\xff\xf0", 1, 4},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t tokens = tokens_estimate(slice_of(texts[i].text));
		if (tokens < texts[i].least || tokens > texts[i].most) {
			fail_msg("'%s': %lld", texts[i].text, (long long)tokens);
		}
	}
}

int test_lists(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_models_with_limits),
		cmocka_unit_test(gc_11_gemini_list),
		cmocka_unit_test(test_registry),
		cmocka_unit_test(test_estimate_of_texts),
	};
	return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
