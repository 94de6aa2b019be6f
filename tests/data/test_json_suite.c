/* test_json_suite.c: JSONTestSuite, round trips, truncations and mutations of it. */
#include "json_help.h"

#include <stdio.h>

#include "support/fixtures.h"

/* Runs `check` over every file of the suite that begins with the prefix. */
static void over_suite(const char *prefix, void (*check)(const char *name, struct slice text)) {
	char *directory = fixtures_path("json");
	if (!directory) {
		skip();
	}
	struct fixture_list files = fixtures_list(directory, prefix, ".json");
	assert_true(files.count > 10);
	for (size_t i = 0; i < files.count; i++) {
		struct slice text = fixtures_read(files.paths[i]);
		check(fixtures_name(files.paths[i]), text);
		fixtures_free(text);
	}
	fixtures_list_free(&files);
	free(directory);
}

static void check_accepted(const char *name, struct slice text) {
	struct arena arena = {0};
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	if (!json_parse(&arena, text, NULL, &error)) {
		fail_msg("%s: %s", name, error.message);
	}
	assert_true(json_is_valid(text));
	arena_finish(&arena);
}

static void check_rejected(const char *name, struct slice text) {
	struct arena arena = {0};
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	if (json_parse(&arena, text, NULL, &error)) {
		fail_msg("%s: accepted", name);
	}
	assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
	assert_non_null(strstr(error.message, "invalid JSON at line "));
	assert_non_null(strstr(error.message, "column "));
	assert_non_null(strstr(error.message, "offset "));
	assert_true(strlen(error.message) < 200);
	assert_false(json_is_valid(text));
	arena_finish(&arena);
}

static void check_either(const char *name, struct slice text) {
	struct arena arena = {0};
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	bool is_accepted = json_parse(&arena, text, NULL, &error) != NULL;
	assert_int_equal(is_accepted, json_is_valid(text));
	/* What these cases leave open and we promise: escapes of half surrogates and any number are
	 * kept, broken UTF-8 is refused (E-3). */
	if (strstr(name, "i_number_") || strstr(name, "surrogate") || strstr(name, "BOM_empty")) {
		assert_true(is_accepted);
	}
	if (strstr(name, "utf-8") || strstr(name, "UTF-16") || strstr(name, "utf16") ||
		strstr(name, "latin") || strstr(name, "overlong") || strstr(name, "500_nested")) {
		assert_false(is_accepted);
	}
	arena_finish(&arena);
}

static void accepts_y(void **state) {
	(void)state;
	over_suite("y_", check_accepted);
}

static void rejects_n(void **state) {
	(void)state;
	over_suite("n_", check_rejected);
}

static void survives_i(void **state) {
	(void)state;
	over_suite("i_", check_either);
}

/* Every child must lie within its parent, in order, and have kept its count. */
static void check_bounds(const struct json *parent) {
	const char *at = parent->raw;
	uint32_t count = 0;
	json_each (child, parent) {
		assert_true(child->raw >= at);
		assert_true(child->raw + child->raw_len <= parent->raw + parent->raw_len);
		at = child->raw + child->raw_len;
		check_bounds(child);
		count++;
	}
	assert_int_equal(count, parent->count);
}

static void check_round_trip(const char *name, struct slice text) {
	struct arena arena = {0};
	struct buf out = {0};
	struct json_writer w;
	(void)name;
	arena_init(&arena, NULL, 0);
	struct json *root = parse_slice(&arena, text);
	check_bounds(root);

	assert_true(json_splice(text, NULL, 0, &out));
	assert_slice(buf_slice(&out), text);

	/* Each child replaced by itself: the bytes between them are untouched. */
	json_each (child, root) {
		struct json_edit edit = json_edit_replace(text, child, json_raw(child));
		buf_reset(&out, 0);
		assert_true(json_splice(text, &edit, 1, &out));
		assert_slice(buf_slice(&out), text);
	}

	buf_reset(&out, 0);
	json_writer_init(&w, &out, false);
	json_write_raw(&w, json_raw(root));
	assert_slice(buf_slice(&out), slice_trim(text));

	for (int is_pretty = 0; is_pretty < 2; is_pretty++) {
		buf_reset(&out, 0);
		json_writer_init(&w, &out, is_pretty);
		json_write_tree(&w, root);
		assert_true(json_equal(root, parse_slice(&arena, buf_slice(&out))));
		/* parse_slice's tree points into out, and is not used again. */
	}
	buf_finish(&out);
	arena_finish(&arena);
}

static void round_trips(void **state) {
	(void)state;
	over_suite("y_", check_round_trip);
}

static void check_truncations(const char *name, struct slice text) {
	struct arena arena = {0};
	(void)name;
	arena_init(&arena, NULL, 0);
	for (size_t len = 0; len < text.len; len++) {
		struct slice cut = exact_copy(slice_sub(text, 0, len));
		bool is_accepted = json_parse(&arena, cut, NULL, NULL) != NULL;
		assert_int_equal(is_accepted, json_is_valid(cut));
		if (text.data[0] == '[' && slice_trim(text).len > len) {
			assert_false(is_accepted);
		}
		arena_finish(&arena);
		free_copy(cut);
	}
}

static void survives_truncation(void **state) {
	(void)state;
	over_suite("y_", check_truncations);
}

static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void mutate(struct slice text, uint32_t *seed) {
	static const char interesting[] = "\"\\{}[],:0-.eEtfn u\x00\x1f\x7f\x80\xc2\xed\xf4\xff";
	char *bytes = (char *)(uintptr_t)text.data;
	unsigned changes = 1 + next_random(seed) % 3;
	while (changes-- > 0) {
		size_t at = next_random(seed) % text.len;
		if (next_random(seed) % 2) {
			bytes[at] = (char)next_random(seed);
		} else {
			bytes[at] = interesting[next_random(seed) % (sizeof interesting - 1)];
		}
	}
}

static void check_mutations(const char *name, struct slice text) {
	struct arena arena = {0};
	struct buf out = {0};
	struct json_writer w;
	uint32_t seed = (uint32_t)strlen(name) * 7919u + (uint32_t)text.len;
	arena_init(&arena, NULL, 0);
	for (int i = 0; i < 400; i++) {
		struct slice copy = exact_copy(text);
		mutate(copy, &seed);
		struct json *root = json_parse(&arena, copy, NULL, NULL);
		assert_int_equal(root != NULL, json_is_valid(copy));
		if (root) {
			check_bounds(root);
			json_writer_init(&w, &out, false);
			json_write_tree(&w, root);
			assert_true(json_equal(root, parse_slice(&arena, buf_slice(&out))));
			buf_reset(&out, 1 << 20);
		}
		arena_finish(&arena);
		free_copy(copy);
	}
	buf_finish(&out);
}

static void survives_mutation(void **state) {
	(void)state;
	over_suite("y_", check_mutations);
}

/* ---- depth and limits ---- */

static struct slice nested(const char *opener, size_t depth, const char *closer) {
	struct buf out = {0};
	for (size_t i = 0; i < depth; i++) {
		buf_append_str(&out, opener);
	}
	buf_append_str(&out, "1");
	for (size_t i = 0; i < depth; i++) {
		buf_append_str(&out, closer);
	}
	return buf_slice(&out);
}

static void depth_is_limited(void **state) {
	struct arena arena = {0};
	struct error error = {0};
	struct json_limits deep = {.max_depth = 200000};
	static const char *const brackets[][2] = {{"[", "]"}, {"{\"a\":", "}"}};
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		struct slice fits = nested(brackets[i][0], 256, brackets[i][1]);
		struct slice over = nested(brackets[i][0], 257, brackets[i][1]);
		struct slice far = nested(brackets[i][0], 100000, brackets[i][1]);
		assert_non_null(json_parse(&arena, fits, NULL, NULL));
		assert_true(json_is_valid(fits));
		assert_null(json_parse(&arena, over, NULL, &error));
		assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
		assert_non_null(strstr(error.message, "nested"));
		assert_false(json_is_valid(over));
		assert_null(json_parse(&arena, far, NULL, NULL));
		assert_false(json_is_valid(far));
		/* Even when allowed, depth costs no stack: parse, compare and write are loops. */
		struct json *root = json_parse(&arena, far, &deep, NULL);
		struct buf out = {0};
		struct json_writer w;
		assert_non_null(root);
		json_writer_init(&w, &out, false);
		json_write_tree(&w, root);
		assert_slice(buf_slice(&out), far);
		assert_true(json_equal(root, root));
		buf_finish(&out);
		free_copy(fits);
		free_copy(over);
		free_copy(far);
	}
	arena_finish(&arena);
}

static void cap_is_an_error(void **state) {
	struct arena arena;
	struct error error = {0};
	struct buf text = {0};
	(void)state;
	buf_append_str(&text, "[0");
	for (int i = 0; i < 10000; i++) {
		buf_append_str(&text, ",0");
	}
	buf_append_str(&text, "]");
	arena_init(&arena, NULL, 64 * 1024);
	assert_null(json_parse(&arena, buf_slice(&text), NULL, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	arena_finish(&arena);
	buf_finish(&text);
}

int test_json_suite(void);
int test_json_suite(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_y),
		cmocka_unit_test(rejects_n),
		cmocka_unit_test(survives_i),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(survives_truncation),
		cmocka_unit_test(survives_mutation),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(cap_is_an_error),
	};
	return cmocka_run_group_tests_name("json suite", tests, NULL, NULL);
}
