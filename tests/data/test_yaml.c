/* test_yaml.c: every tests/data/yaml/NAME.yaml gives the tree of NAME.json, or is refused with the
 * problems of NAME.err: one a line, "LINE:COLUMN text" or "LINE: text" or any text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/document.h"
#include "support/fixtures.h"

#define CASES "tests/data/yaml"

static bool has_problem(const struct problems *problems, struct slice wanted) {
	for (size_t i = 0; i < problems->len; i++) {
		char shown[2048];
		const struct problem *problem = &problems->items[i];
		snprintf(shown, sizeof shown, "%u:%u %s", problem->line, problem->column,
			problem->message);
		struct slice place = wanted;
		size_t space = slice_find_byte(wanted, ' ');
		struct slice text = {0};
		if (space != SIZE_MAX && wanted.data[0] >= '0' && wanted.data[0] <= '9') {
			place = slice_sub(wanted, 0, space);
			text = slice_from(wanted, space + 1);
			if (slice_starts_with(slice_of(shown), place) &&
				slice_contains(slice_of(shown), text)) {
				return true;
			}
		} else if (slice_contains(slice_of(shown), wanted)) {
			return true;
		}
	}
	return false;
}

static void show(const char *name, const struct problems *problems) {
	struct buf out;
	buf_init(&out, 0);
	problems_print(problems, false, &out);
	buf_append_byte(&out, '\0');
	print_error("%s:\n%s", name, out.data);
	buf_finish(&out);
}

static bool is_refused_as_told(const char *name, const char *path, const struct json *tree,
	const struct problems *problems) {
	struct slice wanted = fixtures_read(path);
	bool is_good = !tree && problems->error_count > 0;
	struct slice rest = slice_trim(wanted), line;
	while (slice_split(&rest, '\n', &line)) {
		is_good &= has_problem(problems, line);
	}
	for (size_t i = 0; i < problems->len; i++) {
		is_good &= problems->items[i].line > 0 || problems->items[i].is_warning;
	}
	if (!is_good) {
		print_error("%s: expected %.*s; tree %d\n", name, SLICE_FMT(wanted), tree != NULL);
		show(name, problems);
	}
	fixtures_free(wanted);
	return is_good;
}

/* The tree and the JSON text under it both equal what was expected. */
static bool is_equal_to(struct arena *arena, const char *name, const char *path,
	const struct json *tree, const struct problems *problems) {
	struct slice wanted = fixtures_read(path);
	struct error error;
	struct json *expected = json_parse(arena, wanted, NULL, &error);
	if (!expected) {
		fail_msg("%s: %s", path, error.message);
	}
	struct json *again = tree ? json_parse(arena, json_raw(tree), NULL, &error) : NULL;
	bool is_good = tree && again && json_equal(tree, expected) && json_equal(again, expected);
	if (!is_good) {
		print_error("%s: expected %.*s found %.*s\n", name, SLICE_FMT(wanted),
			SLICE_FMT(tree ? json_raw(tree) : SLICE("nothing")));
		show(name, problems);
	}
	fixtures_free(wanted);
	return is_good;
}

static bool run_case(const char *path) {
	char other[512];
	snprintf(other, sizeof other, "%.*s.json", (int)strlen(path) - 5, path);
	struct slice text = fixtures_read(path);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	const char *name = fixtures_name(path);
	problems_init(&problems, &arena, name, text);
	struct json *tree = yaml_parse(&arena, text, &problems);
	bool is_good;
	FILE *json = fopen(other, "r");
	if (json) {
		fclose(json);
		is_good = is_equal_to(&arena, name, other, tree, &problems);
	} else {
		snprintf(other, sizeof other, "%.*s.err", (int)strlen(path) - 5, path);
		is_good = is_refused_as_told(name, other, tree, &problems);
	}
	arena_finish(&arena);
	fixtures_free(text);
	return is_good;
}

static void test_cases(void **state) {
	(void)state;
	struct fixture_list list = fixtures_list(CASES, "", ".yaml");
	assert_true(list.count >= 60);
	size_t failed = 0;
	for (size_t i = 0; i < list.count; i++) {
		failed += !run_case(list.paths[i]);
	}
	fixtures_list_free(&list);
	assert_int_equal(failed, 0);
}

static struct json *parse(struct arena *arena, const char *text, struct problems *problems) {
	problems_init(problems, arena, "t.yaml", slice_of(text));
	return yaml_parse(arena, slice_of(text), problems);
}

static void test_positions(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	struct json *tree =
		parse(&arena, "a: 1\nlist:\n  - x: &n ü\n    y: *n\nü: {k: \"v\"}\n", &problems);
	assert_non_null(tree);
	const struct json *item = json_at(tree, SLICE("/list/0/y"));
	assert_non_null(item);
	assert_int_equal(item->line, 4);
	assert_int_equal(item->column, 8);
	uint32_t line, column;
	document_key_position(item, &line, &column);
	assert_int_equal(line, 4);
	assert_int_equal(column, 5);
	const struct json *last = json_at(tree, SLICE("/ü/k"));
	assert_int_equal(last->line, 5);
	assert_int_equal(last->column, 8);
	document_key_position(last, &line, &column);
	assert_int_equal(column, 5);
	arena_finish(&arena);
}

/* A document of 100,000 open brackets, or dashes, is refused and does not crash. */
static void test_deep_input(void **state) {
	(void)state;
	static const char *const units[] = {"[", "- ", "{a: ", "? ", "a: [", "!!seq [", "&a ["};
	for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
		struct buf text;
		buf_init(&text, 0);
		for (int i = 0; i < 100000; i++) {
			buf_append_str(&text, units[u]);
		}
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct problems problems;
		problems_init(&problems, &arena, "deep.yaml", buf_slice(&text));
		assert_null(yaml_parse(&arena, buf_slice(&text), &problems));
		assert_true(problems.error_count > 0);
		arena_finish(&arena);
		buf_finish(&text);
	}
}

/* Beyond the arena's cap there is a problem, not a crash; also when only the expansion is large. */
static void test_memory_cap(void **state) {
	(void)state;
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "a: &a \"");
	for (int i = 0; i < 100000; i++) {
		buf_append_byte(&text, 'x');
	}
	buf_append_str(&text, "\"\nb:\n");
	for (int i = 0; i < 1000; i++) {
		buf_append_str(&text, "- *a\n");
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	problems_init(&problems, &arena, "large.yaml", buf_slice(&text));
	assert_null(yaml_parse(&arena, buf_slice(&text), &problems));
	assert_int_equal(problems.error_count, 1);
	assert_non_null(strstr(problems.items[0].message, "expands to more than"));
	arena_finish(&arena);
	arena_init(&arena, NULL, 64 * 1024);
	problems_init(&problems, &arena, "large.yaml", buf_slice(&text));
	assert_null(yaml_parse(&arena, buf_slice(&text), &problems));
	assert_true(problems.error_count > 0);
	arena_finish(&arena);
	buf_finish(&text);
}

int test_yaml(void);
int test_yaml(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_deep_input),
		cmocka_unit_test(test_memory_cap),
	};
	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
