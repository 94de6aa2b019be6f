/* test_json_path.c: dotted paths and the edits they make (gateway.md 2.6). */
#include "json_help.h"

#include "data/json_path.h"

int test_json_path(void);

static const struct {
	const char *text, *path, *value;
	/* What DEFAULT and OVERRIDE make of it; NULL: as OVERRIDE. "=" left, "!" blocked */
	const char *as_default, *as_override;
} cases[] = {
	{"{}", "a", "1", NULL, "{\"a\":1}"},
	{"{ }", "a.b", "[2]", NULL, "{ \"a\":{\"b\":[2]}}"},
	{"{\"x\" : 1 }", "a", "\"s\"", NULL, "{\"x\" : 1 ,\"a\":\"s\"}"},
	{"{\"a\": 1.0,\"b\":2}", "a", "3", "=", "{\"a\": 3,\"b\":2}"},
	{"{\"a\":null}", "a", "3", "=", "{\"a\":3}"},
	{"{\"a\":{\"b\":1}}", "a.c", "2", NULL, "{\"a\":{\"b\":1,\"c\":2}}"},
	{"{\"a\":{\"b\":1}}", "a", "2", "=", "{\"a\":2}"},
	{"{\"a\":null}", "a.b", "2", NULL, "{\"a\":{\"b\":2}}"},
	{"{\"a\":7}", "a.b", "2", "!", "{\"a\":{\"b\":2}}"},
	/* elements */
	{"{\"a\":[1,2]}", "a.1", "9", "=", "{\"a\":[1,9]}"},
	{"{\"a\":[1,2]}", "a.-1", "9", NULL, "{\"a\":[1,2,9]}"},
	{"{\"a\":[1,2]}", "a.2", "9", NULL, "{\"a\":[1,2,9]}"},
	{"{\"a\":[]}", "a.0", "9", NULL, "{\"a\":[9]}"},
	{"{\"a\":[1,2]}", "a.3", "9", "!", "!"},
	{"{\"a\":[1,2]}", "a.b", "9", "!", "!"},
	{"{\"a\":[1,2]}", "a.-2", "9", "!", "!"},
	{"{\"a\":[{\"b\":1}]}", "a.0.c", "9", NULL, "{\"a\":[{\"b\":1,\"c\":9}]}"},
	{"{}", "a.-1.b", "9", NULL, "{\"a\":[{\"b\":9}]}"},
	{"{}", "a.0", "9", NULL, "{\"a\":[9]}"},
	{"{}", "a.1", "9", NULL, "{\"a\":{\"1\":9}}"},
	/* names */
	{"{\"a.b\":1}", "a\\.b", "2", "=", "{\"a.b\":2}"},
	{"{}", "a\\.b.c\\\\d", "2", NULL, "{\"a.b\":{\"c\\\\d\":2}}"},
	{"{\"\\u0061\":1}", "a", "2", "=", "{\"\\u0061\":2}"},
	{"{}", "q\"", "2", NULL, "{\"q\\\"\":2}"},
	/* the last of duplicates counts */
	{"{\"a\":1,\"a\":2}", "a", "3", "=", "{\"a\":1,\"a\":3}"},
};

static void apply(const char *text, const char *path, const char *value, enum json_path_use use,
	const char *expected) {
	struct arena arena;
	struct error error;
	struct json_edit edit;
	struct buf out;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	const struct json *tree = json_parse(&arena, slice_of(text), NULL, &error);
	assert_non_null(tree);
	switch (json_path_edit(
		slice_of(text), tree, slice_of(path), slice_of(value), use, &arena, &edit)) {
	case JSON_PATH_EXISTS:
		buf_append_byte(&out, '=');
		break;
	case JSON_PATH_BLOCKED:
		buf_append_byte(&out, '!');
		break;
	case JSON_PATH_EDITED:
		assert_true(json_splice(slice_of(text), &edit, 1, &out));
		assert_true(json_is_valid(buf_slice(&out)));
		break;
	}
	if (!slice_is(buf_slice(&out), expected)) {
		fail_msg("%s at %s: %.*s", text, path, SLICE_FMT(buf_slice(&out)));
	}
	buf_finish(&out);
	arena_finish(&arena);
}

static void test_edits(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *as_default = cases[i].as_default;
		assert_null(json_path_problem(slice_of(cases[i].path)));
		apply(cases[i].text, cases[i].path, cases[i].value, JSON_PATH_OVERRIDE,
			cases[i].as_override);
		apply(cases[i].text, cases[i].path, cases[i].value, JSON_PATH_DEFAULT,
			as_default ? as_default : cases[i].as_override);
	}
}

static void test_problems(void **state) {
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b"};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_string_equal(json_path_problem(slice_of(bad[i])), "has an empty part");
	}
	assert_null(json_path_problem(SLICE("\\.")));
}

int test_json_path(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_problems),
	};
	return cmocka_run_group_tests_name("data/json_path", tests, NULL, NULL);
}
