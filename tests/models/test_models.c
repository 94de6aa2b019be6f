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
		cmocka_unit_test(budgets_and_efforts),
		cmocka_unit_test(efforts_are_clamped),
	};
	return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
