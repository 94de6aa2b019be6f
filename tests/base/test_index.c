/* test_index.c: the index of byte strings in an arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/index.h"

int test_index(void);

static void test_put_and_get(void **state) {
	struct arena arena;
	struct index index = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	assert_int_equal(index_get(&index, SLICE("a")), INDEX_NONE);
	index_put(&index, &arena, SLICE("a"), 1);
	index_put(&index, &arena, SLICE(""), 2);
	index_put(&index, &arena, SLICE("a\0b"), 3);
	assert_int_equal(index_get(&index, SLICE("a")), 1);
	assert_int_equal(index_get(&index, (struct slice){0}), 2);
	assert_int_equal(index_get(&index, SLICE("a\0b")), 3);
	assert_int_equal(index_get(&index, SLICE("b")), INDEX_NONE);
	index_put(&index, &arena, SLICE("a"), 7);
	assert_int_equal(index_get(&index, SLICE("a")), 7);
	assert_int_equal(index.count, 3);
	arena_finish(&arena);
}

static void test_many(void **state) {
	struct arena arena;
	struct index index = {0};
	struct slice keys[5000];
	(void)state;
	arena_init(&arena, NULL, 0);
	for (uint32_t i = 0; i < 5000; i++) {
		keys[i] = arena_printf(&arena, "key %u", i);
		index_put(&index, &arena, keys[i], i);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		assert_int_equal(index_get(&index, keys[i]), i);
	}
	arena_finish(&arena);
}

int test_index(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests_name("base/index", tests, NULL, NULL);
}
