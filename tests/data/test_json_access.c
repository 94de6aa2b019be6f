/* test_json_access.c: members, pointers, decoded strings, numbers, equality, error places. */
#include "json_help.h"

#include <math.h>

static int set_up(void **state) {
	struct arena *arena = calloc(1, sizeof *arena);
	arena_init(arena, NULL, 0);
	*state = arena;
	return 0;
}

static int tear_down(void **state) {
	arena_finish(*state);
	free(*state);
	return 0;
}

/* ---- members ---- */

static void finds_members(void **state) {
	const struct json *o = parse(*state, "{\"a\":1,\"b\":null,\"a\":2,\"\":3,\"k\\u0065y\":4,"
					     "\"key\\n\":5,\"\\ud83d\\ude00\":6}");
	assert_text(json_raw(json_get(o, "a")), "2"); /* the last of duplicates */
	assert_int_equal(o->count, 7);
	assert_true(json_is_null(json_get(o, "b")));
	assert_non_null(json_get(o, "b"));
	assert_null(json_get_value(o, "b"));
	assert_null(json_get(o, "c"));
	assert_text(json_raw(json_get(o, "")), "3");
	assert_text(json_raw(json_get(o, "key")), "4");
	assert_text(json_raw(json_get(o, "key\n")), "5");
	assert_text(json_raw(json_get(o, "\xF0\x9F\x98\x80")), "6");
	assert_null(json_get(o, "ke"));
	assert_null(json_get(json_get(o, "a"), "a"));
	assert_null(json_get(NULL, "a"));
	assert_true(json_key_is(json_get(o, "key"), "key"));
	assert_text(json_key(json_get(o, "key"), *state), "key");
	assert_null(json_key(o, *state).data);
}

static void finds_items(void **state) {
	const struct json *a = parse(*state, "[10,20,30]");
	assert_text(json_raw(json_item(a, 0)), "10");
	assert_text(json_raw(json_item(a, 2)), "30");
	assert_null(json_item(a, 3));
	assert_null(json_item(NULL, 0));
}

/* RFC 6901 section 5, and what its section 4 forbids. */
static void follows_pointers(void **state) {
	const struct json *doc = parse(*state,
		"{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
		"\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"o\":{\"\":{\"p\":10}}}");
	static const struct {
		const char *pointer, *raw;
	} cases[] = {
		{"/foo", "[\"bar\",\"baz\"]"},
		{"/foo/0", "\"bar\""},
		{"/foo/1", "\"baz\""},
		{"/", "0"},
		{"/a~1b", "1"},
		{"/c%d", "2"},
		{"/e^f", "3"},
		{"/g|h", "4"},
		{"/i\\j", "5"},
		{"/k\"l", "6"},
		{"/ ", "7"},
		{"/m~0n", "8"},
		{"/~01", "9"},
		{"/o//p", "10"},
		{"/foo/2", NULL},
		{"/foo/01", NULL},
		{"/foo/-", NULL},
		{"/foo/+1", NULL},
		{"/foo/", NULL},
		{"/foo/0/x", NULL},
		{"/foo/18446744073709551617", NULL},
		{"foo", NULL},
		{"/m~2n", NULL},
		{"/m~", NULL},
		{"/nope", NULL},
		{"/a/b", NULL},
	};
	assert_ptr_equal(json_at(doc, SLICE("")), doc);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *found = json_at(doc, slice_of(cases[i].pointer));
		if (!cases[i].raw) {
			assert_null(found);
		} else {
			assert_text(json_raw(found), cases[i].raw);
		}
	}
}

/* ---- strings ---- */

static void decodes_strings(void **state) {
	static const struct {
		const char *json;
		struct slice decoded;
	} cases[] = {
		{"\"\"", SLICE_INIT("")},
		{"\"plain\"", SLICE_INIT("plain")},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE_INIT("\"\\/\b\f\n\r\t")},
		{"\"a\\u0000b\"", SLICE_INIT("a\0b")},
		{"\"\\u0041\\u00e9\\u20AC\"", SLICE_INIT("A\xC3\xA9\xE2\x82\xAC")},
		{"\"\\ud83d\\ude00\"", SLICE_INIT("\xF0\x9F\x98\x80")},
		{"\"\\uDBFF\\uDFFF\"", SLICE_INIT("\xF4\x8F\xBF\xBF")},
		/* Lone halves, in every order (E-2, E-3). */
		{"\"\\ud83d\"", SLICE_INIT("\xEF\xBF\xBD")},
		{"\"\\ude00\"", SLICE_INIT("\xEF\xBF\xBD")},
		{"\"\\ud83dx\"", SLICE_INIT("\xEF\xBF\xBDx")},
		{"\"\\ud83d\\n\"", SLICE_INIT("\xEF\xBF\xBD\n")},
		{"\"\\ud83d\\u0041\"", SLICE_INIT("\xEF\xBF\xBD"
						  "A")},
		{"\"\\ude00\\ud83d\"", SLICE_INIT("\xEF\xBF\xBD\xEF\xBF\xBD")},
		{"\"\\ud83d\\ud83d\\ude00\"", SLICE_INIT("\xEF\xBF\xBD\xF0\x9F\x98\x80")},
		{"\"\\u2028\\u007f\\u003c\"", SLICE_INIT("\xE2\x80\xA8\x7f<")},
		{"\"\xE2\x82\xAC\\n\xF0\x9F\x98\x80\"",
			SLICE_INIT("\xE2\x82\xAC\n\xF0\x9F\x98\x80")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *node = parse(*state, cases[i].json);
		struct slice decoded = json_string(node, *state);
		struct buf out = {0};
		assert_slice(decoded, cases[i].decoded);
		assert_true(json_unescape(json_string_raw(node), &out));
		assert_slice(buf_slice(&out), cases[i].decoded);
		buf_finish(&out);
		/* The decoded length is the tightest limit. */
		buf_init(&out, decoded.len ? decoded.len : 1);
		assert_true(json_unescape(json_string_raw(node), &out));
		buf_finish(&out);
		if (decoded.len > 1) {
			buf_init(&out, decoded.len - 1);
			assert_false(json_unescape(json_string_raw(node), &out));
			buf_finish(&out);
		}
	}
}

static void borrows_plain_strings(void **state) {
	const struct json *node = parse(*state, "\"plain\"");
	assert_ptr_equal(json_string(node, *state).data, node->raw + 1);
	assert_null(json_string(parse(*state, "1"), *state).data);
	assert_null(json_string(NULL, *state).data);
	assert_null(json_string_raw(parse(*state, "[]")).data);
}

static void unescapes_what_is_no_json(void **state) {
	static const char *const texts[] = {
		"\\", "a\\", "\\x", "\\u", "\\u12", "\\u12g4", "\\ud83d\\u"};
	static const char *const decoded[] = {
		"\\", "a\\", "\\x", "\\u", "\\u12", "\\u12g4", "\xEF\xBF\xBD\\u"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct slice copy = exact_copy(slice_of(texts[i]));
		struct buf out = {0};
		assert_true(json_unescape(copy, &out));
		assert_text(buf_slice(&out), decoded[i]);
		buf_finish(&out);
		free_copy(copy);
	}
}

static void decodes_beyond_the_cap(void **state) {
	struct arena arena;
	struct buf text = {0};
	(void)state;
	buf_append_str(&text, "\"");
	for (int i = 0; i < 100000; i++) {
		buf_append_str(&text, "x\\n");
	}
	buf_append_str(&text, "\"");
	arena_init(&arena, NULL, 32 * 1024);
	const struct json *node = parse_slice(&arena, buf_slice(&text));
	assert_int_equal(json_string(node, &arena).len, 200000);
	arena_finish(&arena);
	buf_finish(&text);
}

static void compares_strings(void **state) {
	assert_true(json_string_is(parse(*state, "\"abc\""), "abc"));
	assert_true(json_string_is(parse(*state, "\"a\\u0062c\""), "abc"));
	assert_true(json_string_is(parse(*state, "\"\""), ""));
	assert_false(json_string_is(parse(*state, "\"abc\""), "ab"));
	assert_false(json_string_is(parse(*state, "\"a\\u0062\""), "abc"));
	assert_false(json_string_is(parse(*state, "1"), "1"));
	assert_false(json_string_is(NULL, ""));
}

static void names_types(void **state) {
	static const char *const cases[][2] = {{"null", "null"}, {"true", "boolean"},
		{"false", "boolean"}, {"1", "number"}, {"\"\"", "string"}, {"[]", "array"},
		{"{}", "object"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(json_type_name(parse(*state, cases[i][0])), cases[i][1]);
	}
	assert_string_equal(json_type_name(NULL), "nothing");
	bool value = false;
	assert_true(json_bool(parse(*state, "true"), &value) && value);
	assert_true(json_bool(parse(*state, "false"), &value) && !value);
	assert_false(json_bool(parse(*state, "0"), &value));
}

/* ---- numbers ---- */

static void reads_whole_numbers(void **state) {
	static const struct {
		const char *json;
		bool is_whole;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"-0.000e5", true, 0},
		{"0e999999999999999999999", true, 0},
		{"1", true, 1},
		{"-1", true, -1},
		{"1.0", true, 1},
		{"1.000000000000000000000000000000", true, 1},
		{"1e3", true, 1000},
		{"1E+3", true, 1000},
		{"12.5e1", true, 125},
		{"1200e-2", true, 12},
		{"0.001e3", true, 1},
		{"100", true, 100},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"922337203685477580.7e1", true, INT64_MAX},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"99999999999999999999", false, 0},
		{"12345678901234567890", false, 0},
		{"1e19", false, 0},
		{"1e18", true, 1000000000000000000},
		{"1.5", false, 0},
		{"1e-1", false, 0},
		{"1e99999999999999999999999", false, 0},
		{"1e-99999999999999999999999", false, 0},
		{"\"1\"", false, 0},
		{"null", false, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t value = 77;
		bool is_whole = json_int64(parse(*state, cases[i].json), &value);
		if (is_whole != cases[i].is_whole || (is_whole && value != cases[i].value)) {
			fail_msg("%s: %d %lld", cases[i].json, is_whole, (long long)value);
		}
	}
	assert_false(json_int64(NULL, &(int64_t){0}));
}

static void reads_doubles(void **state) {
	double value;
	struct slice top = exact_copy(SLICE("0.1"));
	assert_true(json_double(parse_slice(*state, top), &value));
	assert_true(value == 0.1);
	free_copy(top);
	assert_true(json_double(parse(*state, "-1.5e-3"), &value));
	assert_true(value == -1.5e-3);
	assert_true(json_double(parse(*state, "1e-400"), &value));
	assert_true(value == 0);
	assert_false(json_double(parse(*state, "1e400"), &value));
	assert_false(json_double(parse(*state, "-1e400"), &value));
	assert_false(json_double(parse(*state, "true"), &value));
	/* Longer than any fixed buffer, and the last digit decides. */
	struct buf text = {0};
	buf_append_str(&text, "0.");
	for (int i = 0; i < 1000; i++) {
		buf_append_str(&text, "1");
	}
	assert_true(json_double(parse_slice(*state, buf_slice(&text)), &value));
	assert_true(fabs(value - 1.0 / 9.0) < 1e-15);
	buf_finish(&text);
}

static void keeps_long_numbers(void **state) {
	assert_text(json_raw(json_item(parse(*state, "[12345678901234567890, 1.10]"), 0)),
		"12345678901234567890");
	assert_text(json_raw(json_item(parse(*state, "[12345678901234567890, 1.10]"), 1)), "1.10");
}

/* ---- equality ---- */

static void compares_by_meaning(void **state) {
	static const struct {
		const char *a, *b;
		bool is_equal;
	} cases[] = {
		{"1", "1.0", true},
		{"10", "1e1", true},
		{"0", "-0.0e7", true},
		{"0.1", "1e-1", true},
		{"100.5", "1.005e2", true},
		{"9007199254740993", "9007199254740992", false},
		{"1e999999999999999999999", "1e999999999999999999998", false},
		{"1", "-1", false},
		{"12", "1.3e1", false},
		{"1", "\"1\"", false},
		{"\"a\\u0062\"", "\"ab\"", true},
		{"\"\\n\"", "\"\\u000a\"", true},
		{"\"ab\"", "\"a\"", false},
		{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
		{"{\"a\":1,\"a\":2}", "{\"a\":2}", true},
		{"{\"a\":2,\"a\":1}", "{\"a\":2}", false},
		{"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
		{"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
		{"{\"\\u0061\":1}", "{\"a\":1}", true},
		{"{}", "{}", true},
		{"{}", "[]", false},
		{"[1,2]", "[2,1]", false},
		{"[1,2]", "[1]", false},
		{"[[[{\"x\":[1]}]]]", " [ [ [ { \"x\" : [ 1.0 ] } ] ] ] ", true},
		{"[[[{\"x\":[1]}]]]", "[[[{\"x\":[2]}]]]", false},
		{"true", "false", false},
		{"null", "null", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *a = parse(*state, cases[i].a), *b = parse(*state, cases[i].b);
		if (json_equal(a, b) != cases[i].is_equal ||
			json_equal(b, a) != cases[i].is_equal) {
			fail_msg("%s against %s", cases[i].a, cases[i].b);
		}
	}
	assert_true(json_equal(NULL, NULL));
	assert_false(json_equal(NULL, parse(*state, "null")));
}

/* ---- errors ---- */

static void says_where(void **state) {
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "line 1, column 1 (offset 0): expected a value, found the end of the text"},
		{"{\"a\":1 x", "line 1, column 8 (offset 7): expected ',' or '}', found \"x\""},
		{"[1\n,\n  2 \"", "line 3, column 5 (offset 9): expected ',' or ']', found '\"'"},
		{"{\"\xC3\xA9\" 1}", "line 1, column 6 (offset 6): expected ':', found \"1\""},
		{"\xEF\xBB\xBF{]",
			"line 1, column 2 (offset 4): expected a key or '}', found \"]\""},
		{"{\"a\":1,}", "line 1, column 8 (offset 7): expected a key, found \"}\""},
		{"[1,]", "line 1, column 4 (offset 3): expected a value, found \"]\""},
		{"1 2", "line 1, column 3 (offset 2): expected the end of the text, found \"2\""},
		{"\"a\x01\"",
			"column 3 (offset 2): expected an escape for a control character, found "
			"byte 0x01"},
		{"\"a\xFF\"", "column 3 (offset 2): the string is not valid UTF-8"},
		{"\"\xED\xA0\x80\"", "offset 1): the string is not valid UTF-8"},
		{"\xFF", "offset 0): expected a value, found byte 0xFF"},
		{"\"\\x\"", "offset 2): expected an escape character, found \"x\""},
		{"\"\\u12G4\"", "offset 1): \\u needs four hexadecimal digits"},
		{"\"abc", "offset 4): expected '\"' at the end of the string, found the end of the "
			  "text"},
		{"-", "offset 1): expected a digit, found the end of the text"},
		{"01", "offset 1): expected the end of the text, found \"1\""},
		{"nul", "offset 0): expected a value, found \"n\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = {0};
		assert_null(json_parse(*state, slice_of(cases[i].text), NULL, &error));
		if (!strstr(error.message, cases[i].message)) {
			fail_msg("case %zu: %s", i, error.message);
		}
		assert_int_equal(error_status(&error), 400);
	}
	struct error error = {0};
	assert_null(json_parse(*state, SLICE("[1,\0]"), NULL, &error));
	assert_non_null(strstr(error.message, "found byte 0x00"));
	assert_null(json_parse(*state, (struct slice){0}, NULL, &error));
}

static void skips_bom_and_checks(void **state) {
	struct json_limits trusting = {.skip_utf8_check = true};
	/* RT-3 */
	assert_text(json_raw(parse(*state, "\xEF\xBB\xBF {} ")), "{}");
	assert_true(json_is_valid(SLICE("\xEF\xBB\xBF{}")));
	assert_false(json_is_valid(SLICE("\xEF\xBB\xBF")));
	assert_false(json_is_valid(SLICE("\xEF\xBB\xBF\xEF\xBB\xBF{}")));
	assert_false(json_is_valid((struct slice){0}));
	assert_non_null(json_parse(*state, SLICE("\"\xFF\""), &trusting, NULL));
}

int test_json_access(void);
int test_json_access(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(finds_members),
		TEST(finds_items),
		TEST(follows_pointers),
		TEST(decodes_strings),
		TEST(borrows_plain_strings),
		TEST(unescapes_what_is_no_json),
		TEST(decodes_beyond_the_cap),
		TEST(compares_strings),
		TEST(names_types),
		TEST(reads_whole_numbers),
		TEST(reads_doubles),
		TEST(keeps_long_numbers),
		TEST(compares_by_meaning),
		TEST(says_where),
		TEST(skips_bom_and_checks),
	};
	return cmocka_run_group_tests_name("json access", tests, NULL, NULL);
}
