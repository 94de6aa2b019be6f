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

int test_counting(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_6_families),
	};
	return cmocka_run_group_tests_name("counting", tests, NULL, NULL);
}
