/* test_problems.c: how problems are printed, sorted and suggested; documents by kind and merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/document.h"

struct fixture {
	struct arena arena;
	struct problems problems;
	struct buf out;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof *f);
	arena_init(&f->arena, NULL, 0);
	buf_init(&f->out, 0);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	arena_finish(&f->arena);
	buf_finish(&f->out);
	free(f);
	return 0;
}

static void expect_printed(struct fixture *f, const char *wanted) {
	buf_reset(&f->out, 0);
	problems_print(&f->problems, false, &f->out);
	buf_append_byte(&f->out, '\0');
	assert_string_equal(f->out.data, wanted);
}

static void test_print(void **state) {
	struct fixture *f = *state;
	problems_init(
		&f->problems, &f->arena, "config.yaml", SLICE("port: 1\r\n\tprot: ü2 # x\nlast"));
	problems_add(&f->problems, 3, 5, "at the %s", "end");
	problems_add(&f->problems, 2, 2, "unknown key `prot`");
	problems_hint(&f->problems, "did you mean `port`?");
	problems_warn(&f->problems, 2, 10, "odd");
	problems_add(&f->problems, 0, 0, "whole file");
	problems_add(&f->problems, 9, 1, "beyond");
	assert_int_equal(f->problems.error_count, 4);
	expect_printed(f, "config.yaml: error: whole file\n"
			  "config.yaml:2:2: error: unknown key `prot`\n"
			  "  \tprot: ü2 # x\n"
			  "  \t^\n"
			  "  hint: did you mean `port`?\n"
			  "config.yaml:2:10: warning: odd\n"
			  "  \tprot: ü2 # x\n"
			  "  \t        ^\n"
			  "config.yaml:3:5: error: at the end\n"
			  "  last\n"
			  "      ^\n"
			  "config.yaml:9:1: error: beyond\n");
}

static void test_control_characters(void **state) {
	struct fixture *f = *state;
	problems_init(&f->problems, &f->arena, "f\x1b[2J", SLICE("a\x1b[2Jb\n"));
	problems_add(&f->problems, 1, 6, "found \x1b");
	expect_printed(f, "f?[2J:1:6: error: found ?\n  a?[2Jb\n       ^\n");
}

/* ER-4; the caret stands where it would. */
static void test_secrets_masked(void **state) {
	struct fixture *f = *state;
	problems_init(&f->problems, &f->arena, "f",
		SLICE("- {api-key: 'hüdden', x: [1]}\nkeyboard: shown\ntoken = t\nx: "
		      "sk-abcdefgh\n"));
	problems_add(&f->problems, 1, 26, "m");
	problems_add(&f->problems, 2, 1, "m");
	problems_add(&f->problems, 3, 1, "m");
	problems_add(&f->problems, 4, 1, "m");
	problems_add(&f->problems, 4, 2, "m");
	f->problems.items[4].is_secret = true;
	expect_printed(f, "f:1:26: error: m\n"
			  "  - {api-key: '******', ** [*]}\n"
			  "                           ^\n"
			  "f:2:1: error: m\n  keyboard: shown\n  ^\n"
			  "f:3:1: error: m\n  token = *\n  ^\n"
			  "f:4:1: error: m\n  x: sk-***\n  ^\n"
			  "f:4:2: error: m\n");
}

static void test_long_line(void **state) {
	struct fixture *f = *state;
	struct buf line;
	buf_init(&line, 0);
	for (int i = 0; i < 1000; i++) {
		buf_append_str(&line, "ü");
	}
	problems_init(&f->problems, &f->arena, "f", buf_slice(&line));
	problems_add(&f->problems, 1, 900, "far");
	problems_print(&f->problems, false, &f->out);
	assert_true(f->out.len < 500);
	buf_finish(&line);
}

static void test_colour(void **state) {
	struct fixture *f = *state;
	problems_init(&f->problems, &f->arena, "f", SLICE("a"));
	problems_add(&f->problems, 1, 1, "m");
	problems_print(&f->problems, true, &f->out);
	assert_true(slice_contains(buf_slice(&f->out), SLICE("\x1b[1;31merror:\x1b[0m m\n")));
}

static void test_nearest(void **state) {
	(void)state;
	static const char *const keys[] = {"port", "host", "api-keys", "providers", NULL};
	assert_string_equal(problems_nearest(SLICE("prot"), keys), "port");
	assert_string_equal(problems_nearest(SLICE("api-key"), keys), "api-keys");
	assert_string_equal(problems_nearest(SLICE("provider"), keys), "providers");
	assert_null(problems_nearest(SLICE("zebra"), keys));
	assert_null(problems_nearest(SLICE("x"), keys));
	assert_null(problems_nearest(SLICE(""), keys));
	/* workflows.md 1.10: up to half of the word, the first of equally near ones */
	static const char *const words[] = {"execution", "analyze", "fab", "fob", NULL};
	assert_string_equal(problems_nearest(SLICE("exekushun"), words), "execution");
	assert_string_equal(problems_nearest(SLICE("anaylze"), words), "analyze");
	assert_string_equal(problems_nearest(SLICE("fib"), words), "fab");
	assert_string_equal(problems_nearest(SLICE("fob"), words), "fob");
	assert_null(problems_nearest(SLICE("axekuzhvn"), words));
}

static void test_to_error(void **state) {
	struct fixture *f = *state;
	problems_init(&f->problems, &f->arena, "c.toml", SLICE("a\nb"));
	struct error error;
	problems_warn(&f->problems, 1, 1, "not this");
	problems_add(&f->problems, 2, 1, "second");
	problems_add(&f->problems, 1, 2, "first");
	problems_to_error(&f->problems, &error);
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	assert_string_equal(error.message, "first");
	assert_string_equal(error.where, "c.toml:1:2");
}

static void test_kinds(void **state) {
	(void)state;
	enum document_kind kind;
	assert_true(document_kind_of("/x/config.yaml", &kind) && kind == DOCUMENT_YAML);
	assert_true(document_kind_of("a.YML", &kind) && kind == DOCUMENT_YAML);
	assert_true(document_kind_of("a.b.toml", &kind) && kind == DOCUMENT_TOML);
	assert_true(document_kind_of("a.json", &kind) && kind == DOCUMENT_JSON);
	assert_false(document_kind_of("a.txt", &kind));
	assert_false(document_kind_of(".json", &kind));
	assert_false(document_kind_of("json", &kind));
}

static void test_json_positions(void **state) {
	struct fixture *f = *state;
	struct slice text = SLICE("\xef\xbb\xbf{\n  \"ü\": [1,\n\t{\"k\": null}]}");
	problems_init(&f->problems, &f->arena, "f", text);
	struct json *tree = document_parse(&f->arena, DOCUMENT_JSON, text, &f->problems);
	assert_non_null(tree);
	assert_int_equal(tree->line, 1);
	assert_int_equal(tree->column, 1);
	const struct json *k = json_at(tree, SLICE("/ü/1/k"));
	assert_int_equal(k->line, 3);
	assert_int_equal(k->column, 8);
	uint32_t line, column;
	document_key_position(k, &line, &column);
	assert_int_equal(column, 3);
	document_key_position(json_get(tree, "ü"), &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 3);
	assert_string_equal(
		document_parse(&f->arena, DOCUMENT_JSON, SLICE(" \n"), &f->problems)->raw, "{}");
}

static void test_json_error(void **state) {
	struct fixture *f = *state;
	struct slice text = SLICE("{\n \"a\": 1,,\n}");
	problems_init(&f->problems, &f->arena, "f", text);
	assert_null(document_parse(&f->arena, DOCUMENT_JSON, text, &f->problems));
	assert_int_equal(f->problems.len, 1);
	assert_int_equal(f->problems.items[0].line, 2);
	assert_int_equal(f->problems.items[0].column, 9);
}

static void test_merge(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *under, *over, *merged;
	} cases[] = {
		{"a: 1\nb: {x: 1, y: 2}\nc: [1, 2]\n", "b: {y: 3, z: 4}\nc: [9]\nd: \"q\\\"\"\n",
			"{\"a\":1,\"b\":{\"x\":1,\"y\":3,\"z\":4},\"c\":[9],\"d\":\"q\\\"\"}"},
		{"a: {b: 1}\n", "a: 2\n", "{\"a\":2}"},
		{"a: 2\n", "a: {b: 1}\n", "{\"a\":{\"b\":1}}"},
		{"", "a: 1\n", "{\"a\":1}"},
		{"a: 1\n", "", "{\"a\":1}"},
		{"a: 1\n", "a:\n", "{\"a\":null}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena sources;
		arena_init(&sources, NULL, 0);
		problems_init(&f->problems, &sources, "f", (struct slice){0});
		struct json *under = yaml_parse(&sources, slice_of(cases[i].under), &f->problems);
		struct json *over = yaml_parse(&sources, slice_of(cases[i].over), &f->problems);
		struct json *merged = document_merge(&f->arena, under, over);
		/* The merged tree outlives its sources. */
		arena_finish(&sources);
		assert_string_equal(merged->raw, cases[i].merged);
		struct json *again = json_parse(&f->arena, json_raw(merged), NULL, NULL);
		assert_true(json_equal(again, merged));
	}
}

/* Problems of several files: each with its own file and line, file by file. */
static void test_files(void **state) {
	struct fixture *f = *state;
	struct slice a = SLICE("one\ntwo\n"), b = SLICE("uno\n");
	problems_init(&f->problems, &f->arena, "a.toml", a);
	problems_add(&f->problems, 2, 1, "late in a");
	f->problems.file = "b.toml";
	f->problems.text = b;
	problems_add(&f->problems, 1, 2, "in b");
	f->problems.file = "a.toml";
	f->problems.text = a;
	problems_add(&f->problems, 1, 3, "early in a");
	expect_printed(f, "a.toml:1:3: error: early in a\n  one\n    ^\n"
			  "a.toml:2:1: error: late in a\n  two\n  ^\n"
			  "b.toml:1:2: error: in b\n  uno\n   ^\n");
	struct error error;
	problems_to_error(&f->problems, &error);
	assert_string_equal(error.where, "a.toml:1:3");
}

int test_problems(void);
int test_problems(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_print, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secrets_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colour, setup, teardown),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test_setup_teardown(test_to_error, setup, teardown),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test_setup_teardown(test_json_positions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};
	return cmocka_run_group_tests_name("data/problems", tests, NULL, NULL);
}
