/* test_document_position.c: bytes of decoded strings as places of the file (workflows.md 6.7). The
 * byte asked for is the first X of the value. */
#include "json_help.h"

#include "data/document.h"

int test_document_position(void);

static const struct {
	enum document_kind kind;
	const char *text;
	uint32_t line, column;
} cases[] = {
	{DOCUMENT_TOML, "a = \"abX\"", 1, 8},
	{DOCUMENT_TOML, "a = 'abX'", 1, 8},
	{DOCUMENT_TOML, "\n\na = 'X'", 3, 6},
	{DOCUMENT_TOML, "a = \"\"\"\nfirst\n  X\"\"\"", 3, 3},
	{DOCUMENT_TOML, "a = '''\nfirst\nX'''", 3, 1},
	{DOCUMENT_TOML, "a = '''first\n X'''", 2, 2},
	{DOCUMENT_TOML, "a = '''\r\nfirst\r\n X'''", 3, 2},
	{DOCUMENT_TOML, "a = \"\"\"\r\nfirst\r\n X\"\"\"", 3, 2},
	{DOCUMENT_TOML, "a = \"\"\"one \\\n     X\"\"\"", 2, 6},
	{DOCUMENT_TOML, "a = \"\"\"\\\n  \\\n  X\"\"\"", 3, 3},
	{DOCUMENT_TOML, "a = \"\\t\\\"\\u00e4\\U0001F600X\"", 1, 26},
	{DOCUMENT_TOML, "a = \"\xc3\xa4\xf0\x9f\x98\x80X\"", 1, 8},
	{DOCUMENT_TOML, "[t]\na = { b = \"\xc3\xa4X\" }", 2, 13},
	{DOCUMENT_JSON, "{\"a\": \"\\ud83d\\ude00\\\"X\"}", 1, 22},
	{DOCUMENT_JSON, "{\n\"a\": \"X\"}", 2, 7},
	{DOCUMENT_YAML, "a: 'it''s X'", 1, 11},
	{DOCUMENT_YAML, "a: \"\\tX\"", 1, 7},
	/* block and plain scalars: the start of the value */
	{DOCUMENT_YAML, "a: some X", 1, 4},
};

static void test_cases(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		struct problems problems;
		struct slice text = exact_copy(slice_of(cases[i].text));
		arena_init(&arena, NULL, 0);
		problems_init(&problems, &arena, "file", text);
		const struct json *tree = document_parse(&arena, cases[i].kind, text, &problems);
		assert_non_null(tree);
		const struct json *value = tree;
		while (value->type == JSON_OBJECT) {
			value = value->child;
		}
		size_t offset = slice_find_byte(json_string(value, &arena), 'X');
		uint32_t line, column;
		document_string_position(text, value, offset, &line, &column);
		if (line != cases[i].line || column != cases[i].column) {
			fail_msg("%s: %u:%u, expected %u:%u", cases[i].text, line, column,
				cases[i].line, cases[i].column);
		}
		/* Beyond the end is still within the text. */
		document_string_position(text, value, 100000, &line, &column);
		document_string_position(
			slice_sub(text, 0, text.len / 2), value, 3, &line, &column);
		free_copy(text);
		arena_finish(&arena);
	}
}

int test_document_position(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};
	return cmocka_run_group_tests_name("data/document_position", tests, NULL, NULL);
}
