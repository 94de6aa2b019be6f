/* test_split.c: the split rules of section 6, a text and its pieces a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tokens/split.h"

int test_split(void);

struct split_case {
	const char *text;
	const char *pieces; /* with | between them */
};

static void run_cases(split_rule *split, const struct split_case *cases, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct slice text = slice_of(cases[i].text);
		struct buf pieces = {0};
		for (size_t at = 0; at < text.len;) {
			size_t end = split(text, at);
			assert_true(end > at && end <= text.len);
			buf_append_str(&pieces, at > 0 ? "|" : "");
			buf_append(&pieces, slice_make(text.data + at, end - at));
			at = end;
		}
		buf_append_byte(&pieces, '\0');
		assert_string_equal(pieces.data, cases[i].pieces);
		buf_finish(&pieces);
	}
}
#define RUN(split, cases) run_cases(split, cases, sizeof(cases) / sizeof *(cases))

static void section_6_o200k(void **state) {
	static const struct split_case cases[] = {
		{"hello world", "hello| world"},
		{"HelloWorld", "Hello|World"},
		{"HTTPServer", "HTTPServer"},
		{"camelCaseABC", "camel|Case|ABC"},
		{"don't DON'T we'll I've x'y", "don't| DON'T| we'll| I've| x|'y"},
		{"1234567", "123|456|7"},
		{"a 12", "a| |12"},
		{"foo(bar);\n\nbaz", "foo|(bar|);\n\n|baz"},
		{"http://x/y//z", "http|://|x|/y|//|z"},
		{"a   b", "a|  | b"},
		{"a   ", "a|   "},
		{"a  \n  \n  b", "a|  \n  \n| | b"},
		{"\n  ", "\n|  "},
		{"x\t\tif", "x|\t|\tif"},
		/* marks belong to words, and one before capitals stands alone */
		{"e\xcc\x81t\xc3\xa9", "e\xcc\x81t\xc3\xa9"},
		{"\xcc\x81\x41\x42", "\xcc\x81|AB"},
		{"AB\xcc\x81\x43", "AB\xcc\x81|C"},
		/* letters without case are both heads and tails */
		{"\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd"},
		{"A\xe4\xbd\xa0"
		 "B",
			"A\xe4\xbd\xa0|B"},
		/* no-break space, ideographic space, byte order mark */
		{"a\xc2\xa0"
		 "b",
			"a|\xc2\xa0"
			"b"},
		{"\xef\xbb\xbf"
		 "a",
			"\xef\xbb\xbf"
			"a"},
		{"<|endoftext|>", "<||endoftext||>"}, /* pieces that hold the mark themselves */
		{"\xff\xfe", "\xff\xfe"},
	};
	(void)state;
	RUN(split_o200k, cases);
}

static void section_6_cl100k(void **state) {
	static const struct split_case cases[] = {
		{"hello world", "hello| world"},
		{"HelloWorld", "HelloWorld"},
		{"don't DON'T we'll", "don|'t| DON|'T| we|'ll"},
		{"'tis", "'t|is"},
		{"1234567", "123|456|7"},
		{"foo(bar);\n\nbaz", "foo|(bar|);\n\n|baz"},
		{"a/\n/b", "a|/\n|/b"},
		{"a  \n  \n  b", "a|  \n  \n| | b"},
		/* spaces that end the text stay together */
		{"a\n  ", "a|\n  "},
		{"e\xcc\x81t", "e|\xcc\x81t"},
		{"!!\xcc\x81", "!!\xcc\x81"},
	};
	(void)state;
	RUN(split_cl100k, cases);
}

static void section_6_r50k(void **state) {
	static const struct split_case cases[] = {
		{"hello world", "hello| world"},
		{"don't DON'T", "don|'t| DON|'|T"},
		{"a 12345 b", "a| 12345| b"},
		{"a  \n\n b", "a|  \n\n| b"},
		{"(x) !!", "(|x|)| !!"},
	};
	(void)state;
	RUN(split_r50k, cases);
}

int test_split(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_6_o200k),
		cmocka_unit_test(section_6_cl100k),
		cmocka_unit_test(section_6_r50k),
	};
	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
