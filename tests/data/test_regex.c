/* test_regex.c: search, replace, limits. */
#include "json_help.h"

#include "data/regex.h"

int test_regex(void);

static const struct {
	const char *pattern, *text, *with, *replaced; /* replaced NULL: no match */
} replacements[] = {
	{"a", "banana", "o", "bonono"},
	{"(n)(a)", "banana", "$2$1", "baanan"},
	{"(?<x>n)", "ban", "[${x}]", "ba[n]"},
	{"n", "ban", "$$1$9", "ba$1"},
	{"$", "ab", "!", "ab!"},
	{"",
		"\xc3\xa4"
		"b",
		"-", "-\xc3\xa4-b-"},
	{"x*", "axb", "-", "-a--b-"},
	{"^b", "ab", "-", NULL},
	{"\\u00e4", "\xc3\xa4", "a", "a"},
	{"a$", "a\n", "b", NULL}, /* JavaScript's $ is the very end */
	{"[[:alpha:]", "a", NULL, NULL},
};

static void test_replace(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof replacements / sizeof replacements[0]; i++) {
		struct arena arena;
		struct error error = {0};
		struct buf out;
		arena_init(&arena, NULL, 0);
		buf_init(&out, 0);
		struct regex *regex =
			regex_compile(&arena, slice_of(replacements[i].pattern), &error);
		if (!replacements[i].with) {
			assert_null(regex);
			assert_non_null(strstr(error.message, "at byte "));
		} else {
			assert_non_null(regex);
			enum regex_result result =
				regex_replace(regex, slice_of(replacements[i].text),
					slice_of(replacements[i].with), 0, &out);
			const char *expected = replacements[i].replaced;
			assert_int_equal(result, expected ? REGEX_MATCH : REGEX_NO_MATCH);
			assert_text(buf_slice(&out), expected ? expected : replacements[i].text);
		}
		buf_finish(&out);
		arena_finish(&arena);
	}
}

/* A pattern that explodes is given up on. */
static void test_limit(void **state) {
	(void)state;
	struct arena arena;
	struct error error = {0};
	char text[64];
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'c';
	arena_init(&arena, NULL, 0);
	struct regex *regex = regex_compile(&arena, SLICE("^(a|aa|aaa)+$"), &error);
	assert_non_null(regex);
	assert_int_equal(regex_search(regex, slice_make(text, sizeof text), 0, NULL), REGEX_LIMIT);
	arena_finish(&arena);
}

static void test_search(void **state) {
	(void)state;
	struct arena arena;
	struct error error = {0};
	struct regex_match match;
	arena_init(&arena, NULL, 0);
	struct regex *regex = regex_compile(&arena, SLICE("(a)|(b)"), &error);
	assert_int_equal(regex_search(regex, SLICE("xb"), 0, &match), REGEX_MATCH);
	assert_int_equal(match.count, 3);
	assert_null(match.groups[1].data);
	assert_text(match.groups[2], "b");
	assert_int_equal(regex_search(regex, SLICE("xb"), 2, &match), REGEX_NO_MATCH);
	assert_int_equal(regex_search(regex, SLICE("xb"), 3, &match), REGEX_NO_MATCH);
	assert_int_equal(regex_search(regex,
				 SLICE("\xff"
				       "b"),
				 0, &match),
		REGEX_NO_MATCH);
	assert_int_equal(regex_search(regex, slice_make(NULL, 0), 0, &match), REGEX_NO_MATCH);
	arena_finish(&arena);
}

int test_regex(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests_name("data/regex", tests, NULL, NULL);
}
