/* test_slice.c: comparing, searching and cutting slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

int test_slice(void);

static const struct slice absent = {NULL, 0};

static void parts_are_clamped(void **state) {
	(void)state;
	assert_true(slice_is(slice_sub(SLICE("hello"), 1, 3), "ell"));
	assert_true(slice_is(slice_sub(SLICE("hello"), 3, 99), "lo"));
	assert_true(slice_is(slice_sub(SLICE("hello"), 99, 1), ""));
	assert_true(slice_is(slice_sub(SLICE("hello"), 1, SIZE_MAX), "ello"));
	assert_true(slice_is(slice_from(SLICE("hello"), 5), ""));
	assert_true(slice_is(slice_from(SLICE("hello"), 0), "hello"));
	assert_null(slice_from(absent, 3).data);
	assert_int_equal(slice_of(NULL).len, 0);
}

static void starts_and_ends(void **state) {
	(void)state;
	assert_true(slice_starts_with(SLICE("gpt-5"), SLICE("gpt-")));
	assert_false(slice_starts_with(SLICE("gp"), SLICE("gpt-")));
	assert_true(slice_starts_with(absent, absent));
	assert_true(slice_ends_with(SLICE("a.toml"), SLICE(".toml")));
	assert_false(slice_ends_with(SLICE("toml"), SLICE(".toml")));
	assert_true(slice_ends_with(SLICE("x"), absent));
	assert_true(slice_istarts_with(SLICE("Bearer x"), SLICE("bearer ")));
	assert_false(slice_istarts_with(SLICE("Bear"), SLICE("bearer ")));
	assert_true(slice_ieq(SLICE("Content-Type"), SLICE("content-TYPE")));
	assert_false(slice_ieq(SLICE("a["), SLICE("a{"))); /* differ by 0x20 but are no letters */
	assert_true(slice_eq(absent, SLICE("")));
	assert_false(slice_eq(SLICE("a"), SLICE("b")));
}

static void order_is_bytewise(void **state) {
	(void)state;
	assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
	assert_true(slice_compare(SLICE("b"), SLICE("a")) > 0);
	assert_true(slice_compare(SLICE("a"), SLICE("ab")) < 0);
	assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
	assert_int_equal(slice_compare(SLICE("ab"), SLICE("ab")), 0);
	assert_true(slice_compare(SLICE("\x80"), SLICE("a")) > 0);
	assert_int_equal(slice_compare(absent, SLICE("")), 0);
}

static void searching(void **state) {
	(void)state;
	assert_int_equal(slice_find_byte(SLICE("a:b:c"), ':'), 1);
	assert_int_equal(slice_find_byte(SLICE("abc"), ':'), SIZE_MAX);
	assert_int_equal(slice_find_byte(absent, ':'), SIZE_MAX);
	assert_int_equal(slice_find(SLICE("data: data: x"), SLICE(": x")), 10);
	assert_int_equal(slice_find(SLICE("abc"), SLICE("abcd")), SIZE_MAX);
	assert_int_equal(slice_find(SLICE("abc"), SLICE("")), 0);
	assert_int_equal(slice_find(absent, SLICE("")), 0);
	assert_true(slice_contains(slice_make("a\0b", 3), slice_make("\0b", 2)));
	assert_true(slice_icontains(SLICE("Prompt IS too long"), SLICE("is TOO")));
	assert_false(slice_icontains(SLICE("is to"), SLICE("is too")));
	assert_true(slice_icontains(absent, SLICE("")));
}

static void trimming(void **state) {
	(void)state;
	assert_true(slice_is(slice_trim(SLICE(" \t a b\r\n")), "a b"));
	assert_true(slice_is(slice_trim(SLICE(" \r\n\t")), ""));
	assert_true(slice_is(slice_trim(absent), ""));
	assert_true(slice_is(slice_trim(SLICE("\va")), "\va"));
}

static void splitting(void **state) {
	(void)state;
	static const struct {
		const char *text, *parts[4];
		size_t count;
	} cases[] = {
		{"a,b,c", {"a", "b", "c"}, 3},
		{"a", {"a"}, 1},
		{"", {""}, 1},
		{",", {"", ""}, 2},
		{"a,,b", {"a", "", "b"}, 3},
		{"a,", {"a", ""}, 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice rest = slice_of(cases[i].text), part;
		size_t count = 0;
		while (slice_split(&rest, ',', &part)) {
			assert_true(count < cases[i].count);
			assert_true(slice_is(part, cases[i].parts[count]));
			assert_non_null(part.data);
			count++;
		}
		assert_int_equal(count, cases[i].count);
	}
	struct slice rest = absent, part;
	assert_false(slice_split(&rest, ',', &part));
}

static void integers(void **state) {
	(void)state;
	static const struct {
		const char *text;
		bool is_int, is_uint;
		int64_t number;
	} cases[] = {
		{"0", true, true, 0},
		{"-0", true, false, 0},
		{"42", true, true, 42},
		{"007", true, true, 7},
		{"-42", true, false, -42},
		{"9223372036854775807", true, true, INT64_MAX},
		{"-9223372036854775808", true, false, INT64_MIN},
		{"9223372036854775808", false, true, 0},
		{"-9223372036854775809", false, false, 0},
		{"18446744073709551615", false, true, 0},
		{"18446744073709551616", false, false, 0},
		{"99999999999999999999999", false, false, 0},
		{"", false, false, 0},
		{"-", false, false, 0},
		{"+1", false, false, 0},
		{"--1", false, false, 0},
		{" 1", false, false, 0},
		{"1.0", false, false, 0},
		{"1e3", false, false, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t number = 99;
		uint64_t natural = 99;
		assert_int_equal(slice_to_int64(slice_of(cases[i].text), &number), cases[i].is_int);
		assert_int_equal(
			slice_to_uint64(slice_of(cases[i].text), &natural), cases[i].is_uint);
		if (cases[i].is_int) {
			assert_true(number == cases[i].number);
		}
	}
	uint64_t most;
	assert_true(slice_to_uint64(SLICE("18446744073709551615"), &most));
	assert_true(most == UINT64_MAX);
}

/* gateway.md 2.5: without `*` equality, with it prefix, middle parts in order, suffix. */
static void globs(void **state) {
	(void)state;
	static const struct {
		const char *pattern, *text;
		bool fold, matches;
	} cases[] = {
		{"gpt-5", "gpt-5", false, true},
		{"gpt-5", "gpt-5-mini", false, false},
		{"gpt-5", "GPT-5", false, false},
		{"gpt-5", "GPT-5", true, true},
		{"gpt-*", "gpt-", false, true},
		{"gpt-*", "gpt-5-mini", false, true},
		{"*-mini", "gpt-5-mini", false, true},
		{"*-mini", "gpt-5-mini-high", false, false},
		{"g*5*i", "gpt-5-mini", false, true},
		{"g*i*5", "gpt-5-mini", false, false},
		{"*", "", false, true},
		{"*", "anything", false, true},
		{"**", "x", false, true},
		{"", "", false, true},
		{"", "x", false, false},
		{"a*b", "ab", false, true},
		{"a*a", "a", false, false},
		{"*ab", "aab", false, true},
		{"*AB*", "xxabyy", true, true},
		{"a?c", "abc", false, false},
		{"*aaab", "aaaaaaaaaaaaaaaaaaaaaaaaab", false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool matches = slice_glob(
			slice_of(cases[i].pattern), slice_of(cases[i].text), cases[i].fold);
		if (matches != cases[i].matches) {
			fail_msg("%s against %s", cases[i].pattern, cases[i].text);
		}
	}
}

static void distances(void **state) {
	(void)state;
	static const struct {
		const char *a, *b;
		size_t limit, distance;
	} cases[] = {
		{"", "", 3, 0},
		{"port", "port", 3, 0},
		{"prot", "port", 3, 1},
		{"prt", "port", 3, 1},
		{"porrt", "port", 3, 1},
		{"part", "port", 3, 1},
		{"abcdef", "abcdef", 0, 0},
		{"abc", "abd", 0, 1},
		{"", "abc", 5, 3},
		{"kitten", "sitting", 5, 3},
		{"kitten", "sitting", 2, 3},
		{"kitten", "sitting", 1, 2},
		{"a", "bcdefgh", 3, 4},
		{"ca", "abc", 5, 3}, /* swap and insert between is not one edit */
		{"badc", "abcd", 5, 2},
		{"badcfe", "abcdef", 3, 3},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);
		assert_int_equal(slice_distance(a, b, cases[i].limit), cases[i].distance);
		assert_int_equal(slice_distance(b, a, cases[i].limit), cases[i].distance);
	}
	char a[300], b[300];
	memset(a, 'x', sizeof a);
	memset(b, 'x', sizeof b);
	b[150] = 'y';
	assert_int_equal(
		slice_distance(slice_make(a, sizeof a), slice_make(b, sizeof b), SIZE_MAX), 1);
}

int test_slice(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_clamped),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(order_is_bytewise),
		cmocka_unit_test(searching),
		cmocka_unit_test(trimming),
		cmocka_unit_test(splitting),
		cmocka_unit_test(integers),
		cmocka_unit_test(globs),
		cmocka_unit_test(distances),
	};
	return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
