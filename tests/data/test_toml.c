/* test_toml.c: the toml-test suite: every valid file gives equal values, every invalid one is
 * refused with a place; order, positions and depth of the tree. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/document.h"
#include "support/fixtures.h"

/* ---- comparing by the typed convention ---- */

static bool is_float_equal(struct slice a, struct slice b) {
	if (slice_contains(a, SLICE("nan")) || slice_contains(b, SLICE("nan"))) {
		return slice_contains(a, SLICE("nan")) && slice_contains(b, SLICE("nan"));
	}
	char left[128], right[128];
	snprintf(left, sizeof left, "%.*s", SLICE_FMT(a));
	snprintf(right, sizeof right, "%.*s", SLICE_FMT(b));
	double x = strtod(left, NULL), y = strtod(right, NULL);
	return x == y && signbit(x) == signbit(y);
}

/* Upper case, "T" between date and time, no zeros at the end of a fraction, "Z" for +00:00. */
static void normalise_time(struct slice text, char *out, size_t size) {
	size_t len = 0;
	for (size_t i = 0; i < text.len && len + 1 < size; i++) {
		char byte = text.data[i];
		if (byte == ' ' || byte == 't') {
			byte = 'T';
		}
		out[len++] = byte == 'z' ? 'Z' : byte;
	}
	out[len] = '\0';
	char *point = strchr(out, '.');
	if (point) {
		size_t digits = strspn(point + 1, "0123456789"), kept = digits;
		while (kept > 0 && point[kept] == '0') {
			kept--;
		}
		memmove(point + (kept ? kept + 1 : 0), point + digits + 1,
			strlen(point + digits + 1) + 1);
	}
	len = strlen(out);
	if (len > 6 && strcmp(out + len - 6, "+00:00") == 0) {
		memcpy(out + len - 6, "Z", 2);
	}
}

static bool is_scalar(const struct json *node) {
	return json_is(node, JSON_OBJECT) && node->count == 2 &&
	       json_is(json_get(node, "type"), JSON_STRING) &&
	       json_is(json_get(node, "value"), JSON_STRING);
}

static bool is_scalar_equal(struct arena *arena, const struct json *a, const struct json *b) {
	struct slice type = json_string(json_get(a, "type"), arena);
	struct slice x = json_string(json_get(a, "value"), arena);
	struct slice y = json_string(json_get(b, "value"), arena);
	if (!slice_eq(type, json_string(json_get(b, "type"), arena))) {
		return false;
	}
	if (slice_is(type, "float")) {
		return is_float_equal(x, y);
	}
	if (slice_starts_with(type, SLICE("date")) || slice_starts_with(type, SLICE("time"))) {
		char left[64], right[64];
		normalise_time(x, left, sizeof left);
		normalise_time(y, right, sizeof right);
		return strcmp(left, right) == 0;
	}
	return slice_eq(x, y);
}

static bool is_equal(struct arena *arena, const struct json *a, const struct json *b) {
	if (is_scalar(a) && is_scalar(b)) {
		return is_scalar_equal(arena, a, b);
	}
	if (!a || !b || a->type != b->type || a->count != b->count) {
		return false;
	}
	const struct json *other = b->child;
	json_each (child, a) {
		if (a->type == JSON_OBJECT) {
			other = json_get_slice(b, json_key(child, arena));
		}
		if (!is_equal(arena, child, other)) {
			return false;
		}
		other = a->type == JSON_ARRAY ? other->next : other;
	}
	return true;
}

/* ---- the suite ---- */

static bool run_valid(const char *path) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct slice text = fixtures_read(path);
	char other[1024];
	snprintf(other, sizeof other, "%.*s.json", (int)strlen(path) - 5, path);
	struct slice wanted = fixtures_read(other);
	struct error error;
	struct json *expected = json_parse(&arena, wanted, NULL, &error);
	struct problems problems;
	problems_init(&problems, &arena, path, text);
	struct json *tagged = toml_parse_tagged(&arena, text, &problems);
	struct json *plain = toml_parse(&arena, text, &problems);
	bool is_good = expected && tagged && plain && is_equal(&arena, tagged, expected) &&
		       json_is_valid(json_raw(tagged)) && json_is_valid(json_raw(plain));
	if (!is_good) {
		print_error("%s: found %.*s\n", path,
			SLICE_FMT(tagged ? json_raw(tagged) : SLICE("nothing")));
	}
	fixtures_free(wanted);
	fixtures_free(text);
	arena_finish(&arena);
	return is_good;
}

static bool run_invalid(const char *path) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct slice text = fixtures_read(path);
	struct problems problems;
	problems_init(&problems, &arena, path, text);
	bool is_good = !toml_parse(&arena, text, &problems) && problems.error_count == 1 &&
		       problems.items[0].line;
	if (!is_good) {
		print_error("%s: accepted, or refused without a place\n", path);
	}
	fixtures_free(text);
	arena_finish(&arena);
	return is_good;
}

static size_t run_directory(const char *path, bool (*run)(const char *path), size_t *failed) {
	struct fixture_list files = fixtures_list(path, "", ".toml");
	size_t count = files.count;
	for (size_t i = 0; i < files.count; i++) {
		*failed += !run(files.paths[i]);
	}
	fixtures_list_free(&files);
	DIR *directory = opendir(path);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			char below[1024];
			snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
			count += run_directory(below, run, failed);
		}
	}
	closedir(directory);
	return count;
}

static void run_suite(const char *name, bool (*run)(const char *path), size_t at_least) {
	char *path = fixtures_path(name);
	if (!path) {
		skip();
		return;
	}
	size_t failed = 0, count = run_directory(path, run, &failed);
	free(path);
	assert_true(count >= at_least);
	assert_int_equal(failed, 0);
}

static void test_valid(void **state) {
	(void)state;
	run_suite("toml/valid", run_valid, 100);
}

static void test_invalid(void **state) {
	(void)state;
	run_suite("toml/invalid", run_invalid, 200);
}

/* ---- the tree ---- */

static struct json *parse(struct arena *arena, struct slice text, struct problems *problems) {
	problems_init(problems, arena, "t.toml", text);
	return toml_parse(arena, text, problems);
}

static void test_values(void **state) {
	(void)state;
	static const char text[] = "z = 1\n"
				   "a = [1, 2.0, \"x\\n\", true, inf]\n"
				   "when = 2024-01-02 03:04:05.120Z\n"
				   "[t.u]\n"
				   "k = -0.0\n"
				   "b.c = 'v'\n"
				   "[[list]]\n"
				   "n = 9223372036854775807\n"
				   "[[list]]\n"
				   "[t]\n"
				   "last = 1e300\n";
	static const char wanted[] =
		"{\"z\":1,\"a\":[1,2.0,\"x\\n\",true,\"inf\"],\"when\":\"2024-01-02T03:04:05.12Z\","
		"\"t\":{\"u\":{\"k\":-0.0,\"b\":{\"c\":\"v\"}},\"last\":1e+300},"
		"\"list\":[{\"n\":9223372036854775807},{}]}";
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	struct json *tree = parse(&arena, SLICE(text), &problems);
	assert_non_null(tree);
	assert_string_equal(tree->raw, wanted);
	const struct json *c = json_at(tree, SLICE("/t/u/b/c"));
	assert_int_equal(c->line, 6);
	assert_int_equal(c->column, 7);
	uint32_t line, column;
	document_key_position(c, &line, &column);
	assert_int_equal(line, 6);
	assert_int_equal(column, 3);
	arena_finish(&arena);
}

static void test_empty(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	assert_string_equal(parse(&arena, SLICE(""), &problems)->raw, "{}");
	assert_string_equal(parse(&arena, (struct slice){0}, &problems)->raw, "{}");
	assert_string_equal(parse(&arena, SLICE("# only\n"), &problems)->raw, "{}");
	arena_finish(&arena);
}

struct deep {
	const char *before, *unit, *after;
	int fits, too_deep;
};

/* What nests without a limit of toml++'s own must not reach its recursion. */
static void test_deep_input(void **state) {
	(void)state;
	static const struct deep cases[] = {
		{"a = ", "[", "", 0, 100000},
		{"a = ", "{a = ", "", 0, 100000},
		{"a", ".a", " = 1\n", 200, 100000},
		{"[a", ".a", "]\n", 200, 100000},
		{"[[a", ".a", "]]\n", 200, 100000},
		{"a = {a", ".a", " = 1}\n", 200, 100000},
		{"s = \"\"\"\"\"\"\nt = '''\n'''\na", ".a", " = 1\n", 200, 100000},
		{"s = \"\\\"#\" # [\na", ".a", " = 1\n", 200, 100000},
		{"a", ".\"]\"", " = 1\n", 200, 100000},
		/* Dots and brackets that are no depth. */
		{"a = [", "1.5, ", "]\n", 100000, 0},
		{"a = \"", ".", "\"\n", 100000, 0},
		{"a = '", "[", "'\n", 100000, 0},
		{"a = '''", "[.\n", "'''\n", 100000, 0},
		{"# ", "[.", "\n", 100000, 0},
		{"", "[a.b]\n[a]\nc.d = 1.5\n[a.e]\n", "", 1, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int round = 0; round < 2; round++) {
			int times = round ? cases[i].too_deep : cases[i].fits;
			if (times == 0) {
				continue;
			}
			struct buf text;
			buf_init(&text, 0);
			buf_append_str(&text, cases[i].before);
			for (int n = 0; n < times; n++) {
				buf_append_str(&text, cases[i].unit);
			}
			buf_append_str(&text, cases[i].after);
			struct arena arena;
			arena_init(&arena, NULL, 0);
			struct problems problems;
			struct json *tree = parse(&arena, buf_slice(&text), &problems);
			if ((tree == NULL) != (round == 1)) {
				fail_msg("case %zu round %d: %s", i, round,
					problems.len ? problems.items[0].message : "accepted");
			}
			arena_finish(&arena);
			buf_finish(&text);
		}
	}
}

int test_toml(void);
int test_toml(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_deep_input),
	};
	return cmocka_run_group_tests_name("data/toml", tests, NULL, NULL);
}
