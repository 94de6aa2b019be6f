/* test_extract.c: the JSON in a reply, step by step (workflows.md 2.6). */
#include "json_help.h"

#include "data/extract.h"

int test_extract(void);

static const struct {
	const char *text, *json; /* NULL: none */
	enum extract_step step;
} cases[] = {
	/* 1: the first fence tagged json that parses, also when braces come earlier */
	{"see {\"no\":1}\n```json\n{\"a\":1}\n```\n", "{\"a\":1}", EXTRACT_FENCE_JSON},
	{"```JSON title=x\n[1]\n```", "[1]", EXTRACT_FENCE_JSON},
	{"```json\n{broken\n```\n```json\n{\"b\":2}\n```", "{\"b\":2}", EXTRACT_FENCE_JSON},
	{"```\n[0]\n```\n```json\n[1]\n```", "[1]", EXTRACT_FENCE_JSON},
	{"````json\n{\"code\":\"\\n```\\n\"}\n````", "{\"code\":\"\\n```\\n\"}",
		EXTRACT_FENCE_JSON},
	{"~~~json\r\n{\"a\":1}\r\n~~~\r\n", "{\"a\":1}", EXTRACT_FENCE_JSON},
	{"```json\n7\n```", "7", EXTRACT_FENCE_JSON},
	{"```json\n{\"cut\":true}", "{\"cut\":true}", EXTRACT_FENCE_JSON},
	{"   ```json\n   [1,\n   2]\n   ```", "[1,\n   2]", EXTRACT_FENCE_JSON},
	/* 2: another fence */
	{"{\"no\":1} and\n```\n{\"a\":1}\n```", "{\"a\":1}", EXTRACT_FENCE},
	{"```python\nprint({1})\n```\n```js\n[1]\n```", "[1]", EXTRACT_FENCE},
	{"```json5\n[1]\n```", "[1]", EXTRACT_FENCE},
	/* 3: the whole, scalars too */
	{"  {\"a\" : 1}\n", "{\"a\" : 1}", EXTRACT_WHOLE},
	{"42", "42", EXTRACT_WHOLE},
	{"\"text\"", "\"text\"", EXTRACT_WHOLE},
	{"=== claude ===\n[1,2]", "[1,2]", EXTRACT_WHOLE},
	{"\n=== claude ===\n```json\n[1]\n```", "[1]", EXTRACT_FENCE_JSON},
	/* 4: within prose: the first that parses */
	{"Here: [{\"a\":1}] ok", "[{\"a\":1}]", EXTRACT_PROSE},
	{"Use {x} or {\"a\":\"}\"}.", "{\"a\":\"}\"}", EXTRACT_PROSE},
	{"say \"{\" then {\"a\":\"\\\"}\"}", "{\"a\":\"\\\"}\"}", EXTRACT_PROSE},
	{"{never closed, but [1,[2]] is", "[1,[2]]", EXTRACT_PROSE},
	{"a ```{\"inline\":1}``` b", "{\"inline\":1}", EXTRACT_PROSE},
	{"n = 9007199254740993123 {\"n\":9007199254740993123}", "{\"n\":9007199254740993123}",
		EXTRACT_PROSE},
	/* 5: none */
	{"no json: 42", NULL, EXTRACT_NONE},
	{"", NULL, EXTRACT_NONE},
	{"```\n```", NULL, EXTRACT_NONE},
	{"{]", NULL, EXTRACT_NONE},
	{"```json\n", NULL, EXTRACT_NONE},
};

static void test_cases(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena arena;
		enum extract_step step = EXTRACT_NONE;
		arena_init(&arena, NULL, 0);
		struct slice text = exact_copy(slice_of(cases[i].text));
		const struct json *found = extract_json(&arena, text, &step);
		if (!found != !cases[i].json || step != cases[i].step) {
			fail_msg("%s: step %d, %s", cases[i].text, (int)step,
				found ? "found" : "nothing");
		}
		if (found) {
			assert_text(json_raw(found), cases[i].json);
		}
		free_copy(text);
		arena_finish(&arena);
	}
}

/* A reply made of brackets ends soon, and depth is no matter. */
static void test_hostile(void **state) {
	(void)state;
	struct arena arena;
	struct buf text;
	arena_init(&arena, NULL, 0);
	buf_init(&text, 0);
	for (int i = 0; i < 3000; i++) {
		buf_append_str(&text, "[{");
	}
	assert_null(extract_json(&arena, buf_slice(&text), NULL));
	for (int i = 0; i < 3000; i++) {
		buf_append_str(&text, "}]");
	}
	/* The innermost {} is within the depth limit. */
	assert_non_null(extract_json(&arena, buf_slice(&text), NULL));
	buf_finish(&text);
	arena_finish(&arena);
}

int test_extract(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests_name("data/extract", tests, NULL, NULL);
}
