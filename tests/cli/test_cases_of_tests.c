/* test_cases_of_tests.c: reading and comparing the cases of `llm-mux test` (issue 4, 11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/test.h"

int test_cases_of_tests(void);

struct reading {
	struct arena arena;
	struct problems problems;
	struct test_cases cases;
	bool is_good;
};

static void read_text(struct reading *reading, const char *text) {
	memset(reading, 0, sizeof *reading);
	arena_init(&reading->arena, NULL, 0);
	problems_init(&reading->problems, &reading->arena, "w.test.toml", slice_of(text));
	reading->is_good = test_cases_read(
		slice_of(text), "/nowhere", &reading->arena, &reading->problems, &reading->cases);
}

static void everything_is_read(void **state) {
	(void)state;
	struct reading reading;
	read_text(&reading, "[[cases]]\n"
			    "name = \"n\"\n"
			    "args = { a = \"x y\", list = [\"p\", \"q\"], n = 3, on = true }\n"
			    "answers = { sure = \"yes\" }\n"
			    "files = { \"d/a.txt\" = \"text\" }\n"
			    "replies.r = [{ error = \"timeout\" }, \"b\", { match = \"m\", text = "
			    "\"c\" }, \"d\"]\n"
			    "[cases.expect]\n"
			    "status = \"timed_out\"\n"
			    "steps.one = \"skipped\"\n"
			    "files.gone = false\n"
			    "calls.r = 4\n"
			    "[[cases]]\n");
	assert_true(reading.is_good);
	assert_int_equal(reading.cases.len, 2);
	const struct test_case *one = &reading.cases.items[0];
	assert_int_equal(one->word_count, 4);
	assert_string_equal(one->words[0], "a=x y");
	assert_string_equal(one->words[1], "list=p,q");
	assert_string_equal(one->words[2], "n=3");
	assert_string_equal(one->words[3], "on=true");
	assert_true(slice_is(one->answers.items[0].value, "yes"));
	assert_true(slice_is(one->files.items[0].path, "d/a.txt"));
	/* one after the other; what chooses by the prompt, and the last, answer for ever */
	const struct test_replies *replies = &one->replies.items[0];
	assert_int_equal(replies->rows.len, 4);
	assert_int_equal(replies->rows.items[0].times, 1);
	assert_true(slice_is(replies->rows.items[0].error, "timeout"));
	assert_int_equal(replies->rows.items[1].times, 1);
	assert_int_equal(replies->rows.items[2].times, 0);
	assert_int_equal(replies->rows.items[3].times, 0);
	assert_int_equal(one->end, RUN_TIMED_OUT);
	assert_int_equal(one->steps.items[0].status, STEP_SKIPPED);
	assert_true(one->files_after.items[0].is_absent);
	assert_int_equal(one->counts.items[0].calls, 4);
	assert_true(slice_is(reading.cases.items[1].name, "case at line 12"));
	assert_int_equal(reading.cases.items[1].end, RUN_OK);
	arena_finish(&reading.arena);
}

static void mistakes_are_told(void **state) {
	(void)state;
	static const struct {
		const char *text, *message;
		unsigned line;
	} cases[] = {
		{"", "there are no [[cases]]", 0},
		{"case = 1", "unknown key `case`", 1},
		{"[[cases]]\nnmae = 1", "unknown key `nmae`", 2},
		{"[[cases]]\nname = []", "a name is a text, not array", 2},
		{"[[cases]]\nargs = 1", "`args` is a table, not number", 2},
		{"[[cases]]\nfiles = 1", "files is a table, not number", 2},
		{"[[cases]]\nfiles = {\"/a\" = \"\"}", "is not in the case's directory", 2},
		{"[[cases]]\nfiles = {\"a/../../b\" = \"\"}", "is not in the case's directory", 2},
		{"[[cases]]\nfiles.a = {form = \"x\"}", "a table with `from`", 2},
		{"[[cases]]\nfiles.a = {from = \"x\"}", "/nowhere/x", 2},
		{"[[cases]]\nreplies.a = {txt = \"x\"}", "unknown key `txt`", 2},
		{"[[cases]]\nreplies.a = {error = \"rate\"}", "cannot be `rate`", 2},
		{"[[cases]]\nreplies.a = {times = -1}", "a number from 0 on", 2},
		{"[[cases]]\n[cases.expect]\nstauts = \"ok\"", "unknown key `stauts`", 3},
		{"[[cases]]\n[cases.expect]\nstatus = \"fine\"", "cannot be `fine`", 3},
		{"[[cases]]\n[cases.expect]\noutput.matches = \"(\"", "`matches`: ", 3},
		{"[[cases]]\n[cases.expect]\noutput.is = \"(\"", "unknown key `is`", 3},
		{"[[cases]]\n[cases.expect]\ncalls.a = \"x\"", "a number from 0 on", 3},
		{"[[cases]\n", "", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reading reading;
		read_text(&reading, cases[i].text);
		assert_false(reading.is_good);
		assert_true(reading.problems.len > 0);
		if (strstr(reading.problems.items[0].message, cases[i].message) == NULL) {
			fail_msg("case %zu: %s", i, reading.problems.items[0].message);
		}
		assert_int_equal(reading.problems.items[0].line, cases[i].line);
		arena_finish(&reading.arena);
	}
}

static void texts_are_compared(void **state) {
	(void)state;
	static const struct {
		const char *want, *text, *wrong; /* NULL: fits */
	} cases[] = {
		{"\"a\"", "a\n", NULL},
		{"\"a\"", "ab", "it is \"ab\", not \"a\""},
		{"{equals = \"\"}", "", NULL},
		{"{contains = \"b\"}", "abc", NULL},
		{"{contains = [\"a\", \"x\"]}", "abc", "it does not contain \"x\": \"abc\""},
		{"{lacks = \"b\"}", "abc", "it contains \"b\": \"abc\""},
		{"{matches = '^a\\d$'}", "a1", NULL},
		{"{matches = '^a\\d$'}", "ab", "it does not match \"^a\\\\d$\": \"ab\""},
		{"{matches = '.'}", "\xff", "it does not match \".\": \"\uFFFD\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reading reading;
		char text[200];
		snprintf(text, sizeof text, "[[cases]]\n[cases.expect]\noutput = %s\n",
			cases[i].want);
		read_text(&reading, text);
		assert_true(reading.is_good);
		const char *wrong = test_text_check(&reading.cases.items[0].output, "it",
			slice_of(cases[i].text), &reading.arena);
		if (cases[i].wrong == NULL) {
			assert_null(wrong);
		} else {
			assert_non_null(wrong);
			assert_string_equal(wrong, cases[i].wrong);
		}
		arena_finish(&reading.arena);
	}
}

int test_cases_of_tests(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(texts_are_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
