/* test_models.c: families, and effort against budget (formats.md 4.5). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/models.h"

int test_models(void);

static void family_by_id(void **state) {
	(void)state;
	static const struct {
		const char *model, *pattern;
		int64_t max_output;
	} cases[] = {
		{"claude-sonnet-4-5-20250929", "claude-sonnet-4-5*", 64000},
		{"claude-sonnet-4-20250514", "claude-sonnet-4*", 64000},
		{"claude-opus-4-1-20250805", "claude-opus-4-1*", 32000},
		{"claude-opus-4-20250514", "claude-opus-4*", 32000},
		{"claude-3-haiku-20240307", "claude-3-haiku*", 4096},
		{"claude-fable-5-1", "claude-fable-5-1*", 128000},
		{"claude-nova-9", "claude-*", 128000},
		{"anthropic/Claude-Haiku-4-5", "claude-haiku-4-5*", 64000},
		{"gpt-5-chat-latest", "gpt-5-chat*", 16384},
		{"gpt-5-mini", "gpt-5*", 128000},
		{"gpt-4o-mini", "gpt-4o*", 16384},
		{"llama3.3", "*", 0},
		{"gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-lite*", 65536},
		{"gemini-2.5-flash", "gemini-2.5-flash*", 65536},
		{"gemini-3-pro-preview", "gemini-3-pro*", 65536},
		{"gemini-3.1-pro-preview", "gemini-3*-pro*", 65536},
		{"gemini-3.6-flash", "gemini-3*-flash*", 65536},
		{"models/gemini-1.5-pro-002", "gemini-1.5-pro*", 8192},
		{"gemini-2.0-flash", "gemini-2.0-*", 8192},
		{"gemma-3-27b-it", "gemma-3-*", 8192},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct model_family *family = model_family_of(slice_of(cases[i].model));
		assert_string_equal(family->pattern, cases[i].pattern);
		assert_int_equal(family->max_output_tokens, cases[i].max_output);
	}
}

static void unknown_newer_claude_takes_no_sampling(void **state) {
	(void)state;
	assert_true(model_has(model_family_of(SLICE("claude-nova-9")), MODEL_REFUSES_SAMPLING));
	assert_false(
		model_has(model_family_of(SLICE("claude-sonnet-4-6")), MODEL_REFUSES_SAMPLING));
	assert_true(model_has(model_family_of(SLICE("claude-opus-5-5")), MODEL_REFUSES_BUDGET));
	assert_false(model_has(model_family_of(SLICE("claude-opus-5")), MODEL_REFUSES_BUDGET));
}

static void gm_14_thinking_of_gemini(void **state) {
	(void)state;
	static const struct {
		const char *model;
		int64_t least, most;
		bool can_be_off, has_levels, has_medium, has_minimal;
	} cases[] = {
		{"gemini-2.5-pro", 128, 32768, false, false, true, false},
		{"gemini-2.5-flash", 1, 24576, true, false, true, false},
		{"gemini-2.5-flash-lite", 512, 24576, true, false, true, false},
		{"gemini-3-pro-preview", 0, 0, false, true, false, false},
		{"gemini-3.1-pro", 0, 0, false, true, true, false},
		{"gemini-3-flash-preview", 0, 0, false, true, true, true},
		{"gemini-2.0-flash", 0, 0, true, false, true, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct model_family *family = model_family_of(slice_of(cases[i].model));
		assert_string_equal(family->vendor, "google");
		assert_int_equal(family->min_budget_tokens, cases[i].least);
		assert_int_equal(family->max_budget_tokens, cases[i].most);
		assert_int_equal(!model_has(family, MODEL_REFUSES_DISABLED), cases[i].can_be_off);
		assert_int_equal(model_has(family, MODEL_IS_GEMINI_3), cases[i].has_levels);
		assert_int_equal(!model_has(family, MODEL_REFUSES_MEDIUM), cases[i].has_medium);
		assert_int_equal(model_has(family, MODEL_HAS_MINIMAL_EFFORT), cases[i].has_minimal);
	}
	assert_true(model_has(model_family_of(SLICE("gemma-3-27b-it")), MODEL_REFUSES_SYSTEM));
}

static void capabilities_are_known(void **state) {
	(void)state;
	static const struct {
		const char *model;
		uint32_t has, lacks;
	} cases[] = {
		{"claude-sonnet-4-5", MODEL_THINKS | MODEL_READS_PDF, MODEL_HEARS_AUDIO},
		{"claude-3-haiku-20240307", MODEL_SEES_IMAGES, MODEL_THINKS},
		{"gpt-3.5-turbo", MODEL_CALLS_TOOLS, MODEL_SEES_IMAGES},
		{"text-embedding-3-small", MODEL_EMBEDS, MODEL_CAN_CHAT},
		{"gemini-2.5-flash", MODEL_HEARS_AUDIO | MODEL_SEES_VIDEO, MODEL_MAKES_IMAGES},
		{"gemini-2.5-flash-image", MODEL_MAKES_IMAGES, MODEL_THINKS},
		{"llama3.3", 0, UINT32_MAX},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t known = model_family_of(slice_of(cases[i].model))->capabilities;
		assert_int_equal(known & cases[i].has, cases[i].has);
		assert_int_equal(known & cases[i].lacks, 0);
	}
}

static void budgets_and_efforts(void **state) {
	(void)state;
	static const struct {
		int64_t budget;
		const char *effort;
	} cases[] = {{0, "none"}, {1, "minimal"}, {512, "minimal"}, {513, "low"}, {1024, "low"},
		{1025, "medium"}, {8192, "medium"}, {8193, "high"}, {24576, "high"},
		{24577, "xhigh"}, {1000000, "xhigh"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(model_budget_to_effort(cases[i].budget), cases[i].effort);
	}
	int64_t budget = 0;
	assert_true(model_effort_to_budget(SLICE("high"), &budget));
	assert_int_equal(budget, 24576);
	assert_true(model_effort_to_budget(SLICE("adaptive"), &budget));
	assert_int_equal(budget, -1);
	assert_false(model_effort_to_budget(SLICE("enormous"), &budget));
}

static void efforts_are_clamped(void **state) {
	(void)state;
	static const struct {
		const char *model, *asked, *given;
	} cases[] = {{"gpt-5", "none", "minimal"}, {"gpt-5", "minimal", "minimal"},
		{"gpt-5.1", "none", "none"}, {"gpt-5.1", "minimal", "low"}, {"o3", "none", "low"},
		{"o3", "xhigh", "high"}, {"gpt-5.2", "max", "xhigh"}, {"gpt-6", "max", "max"},
		{"claude-opus-4-6", "xhigh", "high"}, {"claude-opus-4-7", "xhigh", "xhigh"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct model_family *family = model_family_of(slice_of(cases[i].model));
		assert_string_equal(
			model_clamp_effort(family, slice_of(cases[i].asked)), cases[i].given);
	}
	assert_null(model_clamp_effort(model_family_of(SLICE("gpt-5")), SLICE("enormous")));
}

int test_models(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(family_by_id),
		cmocka_unit_test(unknown_newer_claude_takes_no_sampling),
		cmocka_unit_test(gm_14_thinking_of_gemini),
		cmocka_unit_test(capabilities_are_known),
		cmocka_unit_test(budgets_and_efforts),
		cmocka_unit_test(efforts_are_clamped),
	};
	return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
