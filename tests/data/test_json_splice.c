/* test_json_splice.c: edits change what they name and no other byte. */
#include "json_help.h"

/* Parses, removes, compares, and checks that the result is JSON. */
static void check_removed(
	const char *source, const char *name, const char *expected, bool by_names) {
	struct arena arena = {0};
	struct buf out = {0};
	struct slice text = slice_of(source);
	struct json_edit edits[4];
	size_t count = 1;
	arena_init(&arena, NULL, 0);
	const struct json *object = parse(&arena, source);
	if (by_names) {
		count = json_edits_remove(text, object, &name, 1, edits, 4);
	} else {
		edits[0] = json_edit_remove(text, object, json_get(object, name));
	}
	assert_true(json_splice(text, edits, count, &out));
	assert_text(buf_slice(&out), expected);
	assert_true(json_is_valid(buf_slice(&out)));
	buf_finish(&out);
	arena_finish(&arena);
}

static void removes_one(void **state) {
	static const struct {
		const char *text, *name, *expected;
	} cases[] = {
		{"{\"a\":1,\"b\":2,\"c\":3}", "a", "{\"b\":2,\"c\":3}"},
		{"{\"a\":1,\"b\":2,\"c\":3}", "b", "{\"a\":1,\"c\":3}"},
		{"{\"a\":1,\"b\":2,\"c\":3}", "c", "{\"a\":1,\"b\":2}"},
		{"{\"a\":1}", "a", "{}"},
		{" { \"a\" : 1 } ", "a", " {  } "},
		{"{ \"a\" : 1 , \"b\" : 2 }", "a", "{ \"b\" : 2 }"},
		{"{ \"a\" : 1 , \"b\" : 2 }", "b", "{ \"a\" : 1 }"},
		{"{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "a",
			"{\n  \"b\": 2,\n  \"c\": 3\n}"},
		{"{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "b",
			"{\n  \"a\": 1,\n  \"c\": 3\n}"},
		{"{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "c",
			"{\n  \"a\": 1,\n  \"b\": 2\n}"},
		{"{\"a\":{\"a\":[1,2]},\"b\":\"},{\"}", "a", "{\"b\":\"},{\"}"},
		{"{\"a\":{\"a\":[1,2]},\"b\":\"},{\"}", "b", "{\"a\":{\"a\":[1,2]}}"},
		{"{\"k\\u0065y\":1,\"b\":2}", "key", "{\"b\":2}"},
		{"\xEF\xBB\xBF{\"a\":1,\"b\":2}", "b", "\xEF\xBB\xBF{\"a\":1}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_removed(cases[i].text, cases[i].name, cases[i].expected, false);
		check_removed(cases[i].text, cases[i].name, cases[i].expected, true);
	}
	/* Of duplicates, one edit takes the last; removal by name takes all. */
	check_removed("{\"a\":1,\"b\":2,\"a\":3}", "a", "{\"a\":1,\"b\":2}", false);
	check_removed("{\"a\":1,\"b\":2,\"a\":3}", "a", "{\"b\":2}", true);
	check_removed("{\"a\":1,\"a\":2,\"a\":3}", "a", "{}", true);
	check_removed("{\"b\":1}", "a", "{\"b\":1}", true);
}

/* Every subset of four members. */
static void removes_any_set(void **state) {
	static const char source[] = "{ \"a\" : 1 , \"b\" :[2], \"c\":{ } ,\"d\": \"4\" }";
	static const char *const all[] = {"a", "b", "c", "d"};
	struct slice text = slice_of(source);
	struct arena arena = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	const struct json *object = parse(&arena, source);
	for (unsigned set = 0; set < 16; set++) {
		const char *names[4];
		size_t count = 0;
		for (unsigned i = 0; i < 4; i++) {
			if (set & (1u << i)) {
				names[count++] = all[i];
			}
		}
		struct json_edit edits[2];
		struct buf out = {0};
		size_t needed = json_edits_remove(text, object, names, count, edits, 2);
		assert_true(needed <= 2);
		assert_int_equal(json_edits_remove(text, object, names, count, NULL, 0), needed);
		assert_true(json_splice(text, edits, needed, &out));
		const struct json *left = parse_slice(&arena, buf_slice(&out));
		assert_int_equal(left->count, 4 - count);
		for (unsigned i = 0; i < 4; i++) {
			const struct json *kept = json_get(left, all[i]);
			assert_int_equal(kept == NULL, (set >> i) & 1u);
			if (kept) {
				assert_slice(json_raw(kept), json_raw(json_get(object, all[i])));
			}
		}
		buf_finish(&out);
	}
	arena_finish(&arena);
}

static void replaces_and_inserts(void **state) {
	struct slice text = SLICE("{ \"model\" : \"alias\", \"x\":[1,2] }");
	struct arena arena = {0};
	struct buf out = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	const struct json *object = parse_slice(&arena, text);
	size_t inside = (size_t)(object->raw - text.data) + 1;
	struct json_edit edits[] = {
		{inside, inside, SLICE_INIT("\"new\":true,")},
		json_edit_replace(text, json_get(object, "model"), SLICE("\"real\"")),
		json_edit_remove(text, object, json_get(object, "x")),
	};
	assert_true(json_splice(text, edits, 3, &out));
	assert_text(buf_slice(&out), "{\"new\":true, \"model\" : \"real\" }");
	buf_finish(&out);
	arena_finish(&arena);
}

static void refuses_bad_edits(void **state) {
	struct slice text = SLICE("0123456789");
	struct json_edit overlapping[] = {{2, 5, {0}}, {4, 6, {0}}};
	struct json_edit unsorted[] = {{6, 7, {0}}, {1, 2, {0}}};
	struct json_edit beyond[] = {{2, 11, {0}}};
	struct json_edit backwards[] = {{5, 2, {0}}};
	struct json_edit touching[] = {{2, 5, {0}}, {5, 6, SLICE_INIT("x")}};
	struct buf out = {0};
	(void)state;
	assert_false(json_splice(text, overlapping, 2, &out));
	assert_false(json_splice(text, unsorted, 2, &out));
	assert_false(json_splice(text, beyond, 1, &out));
	assert_false(json_splice(text, backwards, 1, &out));
	buf_reset(&out, 0);
	assert_true(json_splice(text, touching, 2, &out));
	assert_text(buf_slice(&out), "01x6789");
	buf_finish(&out);
	buf_init(&out, 5);
	assert_false(json_splice(text, NULL, 0, &out));
	buf_finish(&out);
}

static void keeps_long_runs_by_reference(void **state) {
	struct buf text = {0}, out = {.allow_refs = true}, plain = {0};
	struct arena arena = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	buf_append_str(&text, "{\"model\":\"m\",\"long\":\"");
	for (int i = 0; i < 3 * BUF_REF_MIN; i++) {
		buf_append_byte(&text, 'x');
	}
	buf_append_str(&text, "\"}");
	const struct json *object = parse_slice(&arena, buf_slice(&text));
	struct json_edit edit =
		json_edit_replace(buf_slice(&text), json_get(object, "model"), SLICE("\"other\""));
	assert_true(json_splice(buf_slice(&text), &edit, 1, &out));
	assert_true(json_splice(buf_slice(&text), &edit, 1, &plain));
	assert_int_equal(out.ref_count, 1);
	assert_int_equal(plain.ref_count, 0);
	assert_int_equal(buf_total(&out), plain.len);
	char *copy = malloc(plain.len);
	assert_int_equal(buf_copy_out(&out, 0, copy, plain.len), plain.len);
	assert_memory_equal(copy, plain.data, plain.len);
	free(copy);
	buf_finish(&out);
	buf_finish(&plain);
	buf_finish(&text);
	arena_finish(&arena);
}

int test_json_splice(void);
int test_json_splice(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removes_one),
		cmocka_unit_test(removes_any_set),
		cmocka_unit_test(replaces_and_inserts),
		cmocka_unit_test(refuses_bad_edits),
		cmocka_unit_test(keeps_long_runs_by_reference),
	};
	return cmocka_run_group_tests_name("json splice", tests, NULL, NULL);
}
