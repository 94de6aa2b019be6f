/* test_counting.c: which vocabulary counts which model (section 6, families). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/counting.h"

int test_counting(void);

static void section_6_families(void **state) {
	static const struct {
		const char *model, *encoding;
		bool is_own;
	} cases[] = {
		{"gpt-4o", "o200k", true},
		{"gpt-4o-mini-2024-07-18", "o200k", true},
		{"chatgpt-4o-latest", "o200k", true},
		{"gpt-4.1-nano", "o200k", true},
		{"gpt-4.5-preview", "o200k", true},
		{"o1", "o200k", true},
		{"o3-mini", "o200k", true},
		{"o4-mini", "o200k", true},
		{"gpt-5", "o200k", true},
		{"GPT-5.1-codex", "o200k", true},
		{"openai/gpt-oss-120b", "o200k", true},
		{"ft:gpt-4o-mini:acme::x1", "o200k", true},
		{"gpt-4", "cl100k", true},
		{"gpt-4-turbo-2024-04-09", "cl100k", true},
		{"gpt-3.5-turbo-0125", "cl100k", true},
		{"gpt-35-turbo", "cl100k", true},
		{"text-embedding-3-small", "cl100k", true},
		{"text-embedding-ada-002", "cl100k", true},
		{"davinci-002", "cl100k", true},
		{"text-davinci-003", "p50k", true},
		{"text-davinci-001", "r50k", true},
		{"davinci:2023-07-21-v2", "r50k", true},
		{"ada", "r50k", true},
		{"claude-sonnet-4-5", "o200k", false},
		{"gemini-2.5-pro", "o200k", false},
		{"something-new", "o200k", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct model_counting *row = model_counting_of(slice_of(cases[i].model));
		assert_string_equal(row->encoding, cases[i].encoding);
		assert_int_equal(row->is_own_vocabulary, cases[i].is_own);
		assert_true(row->factor_permille >= 1000 || !row->is_own_vocabulary);
	}
}

static void tc_4_images(void **state) {
	static const struct {
		const char *model;
		uint32_t width, height;
		const char *detail;
		int64_t tokens;
	} cases[] = {
		{"gpt-4o", 1024, 1024, "high", 765},
		{"gpt-4o", 2048, 4096, NULL, 1105},
		{"gpt-4o", 4096, 8192, "auto", 1105},
		{"gpt-4o", 512, 512, NULL, 255},
		{"gpt-4o", 4096, 8192, "low", 85},
		{"gpt-4-vision-preview", 800, 400, NULL, 425}, /* as recorded */
		{"gpt-4o-mini", 1024, 1024, NULL, 25501},
		{"gpt-4o-mini", 1024, 1024, "low", 2833},
		{"gpt-4.1-nano", 540, 360, NULL, 502}, /* recorded: 503 */
		{"gpt-4.1-mini", 1024, 1024, NULL, 1659},
		{"o4-mini", 1800, 2400, NULL, 2642}, /* 1536 patches */
		{"gpt-5-mini", 1, 1, NULL, 2},
		{"claude-sonnet-4-5", 1092, 1092, NULL, 1590},
		{"claude-sonnet-4-5", 200, 200, NULL, 54},
		{"claude-sonnet-4-5", 8000, 8000, NULL, 1601},
		{"claude-opus-4-8", 2576, 2576, NULL, 4785},
		{"gemini-2.5-flash", 384, 384, NULL, 258},
		{"gemini-2.5-flash", 1000, 700, NULL, 516},
		{"gemini-3-flash-preview", 100, 100, NULL, 1120},
		{"gemini-3-flash-preview", 100, 100, "low", 280},
		/* where the size is not known */
		{"gpt-4o", 0, 0, NULL, 765},
		{"claude-sonnet-4-5", 0, 0, NULL, 1600},
		{"gemini-2.5-flash", 0, 0, NULL, 1032},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t tokens =
			model_image_tokens(model_counting_of(slice_of(cases[i].model))->media,
				cases[i].width, cases[i].height, slice_of(cases[i].detail));
		if (tokens != cases[i].tokens) {
			print_error(
				"%s, %u x %u\n", cases[i].model, cases[i].width, cases[i].height);
		}
		assert_int_equal(tokens, cases[i].tokens);
	}
}

int test_counting(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_6_families),
		cmocka_unit_test(tc_4_images),
	};
	return cmocka_run_group_tests_name("counting", tests, NULL, NULL);
}
