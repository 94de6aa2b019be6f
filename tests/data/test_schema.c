/* test_schema.c: the JSON Schema suite, messages with pointers, shorthands (workflows.md 2.7),
 * schemas that are refused. */
#include "json_help.h"

#include <stdio.h>

#include "data/schema.h"
#include "support/fixtures.h"

int test_schema(void);

/* Groups of the suite that need the metaschema, which is a remote document. */
static const char *const left_out[] = {
	"defs.json: validate definition against metaschema",
	NULL,
};

static bool is_left_out(const char *file, struct slice description) {
	char name[512];
	snprintf(name, sizeof name, "%s: %.*s", file, SLICE_FMT(description));
	for (size_t i = 0; left_out[i]; i++) {
		if (strcmp(name, left_out[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void check_group(struct arena *arena, const char *file, const struct json *group,
	size_t *done, size_t *refused) {
	struct error error = {0};
	struct slice description = json_string(json_get(group, "description"), arena);
	struct schema *schema = schema_compile(arena, json_get(group, "schema"), &error);
	if (is_left_out(file, description)) {
		/* What is left out is told so, never passed by luck. */
		assert_null(schema);
		assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
		(*refused)++;
		return;
	}
	if (!schema) {
		fail_msg("%s: %.*s: %s", file, SLICE_FMT(description), error.message);
	}
	json_each (test, json_get(group, "tests")) {
		bool expected = false;
		json_bool(json_get(test, "valid"), &expected);
		struct schema_violations violations = {0};
		const struct json *data = json_get(test, "data");
		bool is_valid = schema_check(schema, data, arena, &violations);
		if (is_valid != expected || is_valid != (violations.len == 0)) {
			struct slice what = json_string(json_get(test, "description"), arena);
			fail_msg("%s: %.*s: %.*s: %s (%zu violations)", file,
				SLICE_FMT(description), SLICE_FMT(what),
				is_valid ? "valid" : "invalid", violations.len);
		}
		assert_int_equal(schema_check(schema, data, arena, NULL), expected);
		(*done)++;
	}
}

static void test_suite(void **state) {
	(void)state;
	char *directory = fixtures_path("json-schema");
	if (!directory) {
		skip();
	}
	struct fixture_list files = fixtures_list(directory, "", ".json");
	size_t done = 0, refused = 0;
	for (size_t i = 0; i < files.count; i++) {
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct slice text = fixtures_read(files.paths[i]);
		json_each (group, parse_slice(&arena, text)) {
			check_group(&arena, fixtures_name(files.paths[i]), group, &done, &refused);
		}
		arena_finish(&arena);
		fixtures_free(text);
	}
	printf("# JSON Schema suite: %zu tests in %zu files, %zu groups left out by name\n", done,
		files.count, refused);
	assert_true(done > 580);
	assert_int_equal(refused, sizeof left_out / sizeof left_out[0] - 1);
	fixtures_list_free(&files);
	free(directory);
}

/* Schema, instance, and every violation as "pointer keyword: message\n". */
static const struct {
	const char *schema, *instance, *violations;
} messages[] = {
	{"{\"required\":[\"findings\"]}", "{}", " required: must have the member `findings`\n"},
	{"{\"properties\":{\"a\":{\"items\":{\"type\":\"string\"}}}}", "{\"a\":[\"x\",1]}",
		"/a/1 type: must be string, is number: 1\n"},
	{"{\"properties\":{\"a/b~c\":{\"type\":[\"null\",\"integer\"]}}}", "{\"a/b~c\":1.5}",
		"/a~1b~0c type: must be null or integer, is number: 1.5\n"},
	{"{\"enum\":[\"a\",\"b\"]}", "\"c\"", " enum: must be one of [\"a\",\"b\"], is \"c\"\n"},
	{"{\"const\":1}", "2", " const: must be 1, is 2\n"},
	{"{\"minimum\":3,\"multipleOf\":2}", "1",
		" minimum: must be at least 3, is 1\n multipleOf: must be a multiple of 2, is 1\n"},
	{"{\"maxLength\":1}", "\"\\u00e4b\"",
		" maxLength: must have at most 1 characters, has 2\n"},
	{"{\"additionalProperties\":false,\"properties\":{\"a\":true}}", "{\"a\":1,\"b\":2}",
		"/b additionalProperties: is a member that is not allowed\n"},
	{"{\"pattern\":\"^a+$\"}", "\"ab\"",
		" pattern: must match the pattern \"^a+$\", is \"ab\"\n"},
	{"{\"uniqueItems\":true}", "[1,2,1.0]",
		" uniqueItems: must have different elements; 0 and 2 are equal: 1\n"},
	{"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3",
		" oneOf: must be valid for exactly one of the 2 alternatives, is for 2: 3\n"},
	{"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a false: nothing is allowed here\n"},
	{"{\"$ref\":\"#\"}", "1", " $ref: the schema leads around in a circle\n"},
};

static void test_messages(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		struct arena arena;
		struct error error = {0};
		struct buf out;
		struct schema_violations violations = {0};
		arena_init(&arena, NULL, 0);
		buf_init(&out, 0);
		struct schema *schema =
			schema_compile(&arena, parse(&arena, messages[i].schema), &error);
		assert_non_null(schema);
		assert_false(schema_check(
			schema, parse(&arena, messages[i].instance), &arena, &violations));
		for (size_t v = 0; v < violations.len; v++) {
			const struct schema_violation *violation = &violations.items[v];
			buf_printf(&out, "%s %s: %s\n", violation->pointer, violation->keyword,
				violation->message);
		}
		assert_text(buf_slice(&out), messages[i].violations);
		buf_finish(&out);
		arena_finish(&arena);
	}
}

static void test_many_violations(void **state) {
	(void)state;
	struct arena arena;
	struct error error = {0};
	struct buf text;
	struct schema_violations violations = {0};
	arena_init(&arena, NULL, 0);
	buf_init(&text, 0);
	buf_append_str(&text, "[0");
	for (int i = 0; i < 500; i++) {
		buf_append_str(&text, ",1");
	}
	buf_append_str(&text, "]");
	struct schema *schema =
		schema_compile(&arena, parse(&arena, "{\"items\":{\"type\":\"string\"}}"), &error);
	assert_false(
		schema_check(schema, parse_slice(&arena, buf_slice(&text)), &arena, &violations));
	assert_int_equal(violations.len, SCHEMA_MAX_VIOLATIONS);
	assert_true(violations.is_cut);
	buf_finish(&text);
	arena_finish(&arena);
}

static const struct {
	const char *schema, *message;
} refused[] = {
	{"1", "a schema is an object, true or false"},
	{"{\"type\":\"strin\"}", "did you mean `string`?"},
	{"{\"type\":[]}", "at least one type"},
	{"{\"properties\":{\"a\":{\"minimum\":\"1\"}}}",
		"`minimum` must be a number, in the schema at \"/properties/a/minimum\""},
	{"{\"minLength\":-1}", "whole number from 0"},
	{"{\"required\":[1]}", "list of names"},
	{"{\"pattern\":\"(\"}", "not a regular expression"},
	{"{\"$ref\":\"#/$defs/x\"}", "`#/$defs/x` leads nowhere"},
	{"{\"$ref\":\"http://example.com/x\"}", "other documents are not fetched"},
	{"{\"$dynamicRef\":\"#x\"}", "not supported"},
	{"{\"anyOf\":[]}", "at least one schema"},
	{"{\"$defs\":{\"a\":{\"$id\":\"x\"},\"b\":{\"$id\":\"x\"}}}", "name of two schemas"},
	{"{\"multipleOf\":0}", "above 0"},
};

static void test_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct arena arena;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		assert_null(schema_compile(&arena, parse(&arena, refused[i].schema), &error));
		if (!strstr(error.message, refused[i].message)) {
			fail_msg("%s: %s", refused[i].schema, error.message);
		}
		arena_finish(&arena);
	}
}

/* 2.7: a string where a schema is expected means {type = that}. */
static void test_shorthand(void **state) {
	(void)state;
	struct arena arena;
	struct error error = {0};
	struct buf out;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	const char *text = "{\"type\":\"object\",\"properties\":{\"findings\":\"array\",\"n\":{"
			   "\"type\":\"array\",\"items\":\"integer\"}}}";
	struct schema *schema = schema_compile_short(&arena, parse(&arena, text), &error);
	assert_non_null(schema);
	assert_true(
		schema_check(schema, parse(&arena, "{\"findings\":[],\"n\":[1]}"), &arena, NULL));
	assert_false(schema_check(schema, parse(&arena, "{\"findings\":{}}"), &arena, NULL));
	schema_write(schema, false, &out);
	assert_text(buf_slice(&out),
		"{\"type\":\"object\",\"properties\":{\"findings\":{\"type\":\"array\"},\"n\":{"
		"\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}}");
	assert_null(schema_compile_short(&arena, parse(&arena, "{\"propertys\":{}}"), &error));
	assert_non_null(strstr(error.message, "did you mean `properties`?"));
	assert_null(schema_compile(&arena, parse(&arena, "\"array\""), &error));
	buf_finish(&out);
	arena_finish(&arena);
}

int test_schema(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_many_violations),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shorthand),
	};
	return cmocka_run_group_tests_name("data/schema", tests, NULL, NULL);
}
