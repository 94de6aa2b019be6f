/* test_arena.c: arenas, their pool and their cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

int test_arena(void);

static void memory_is_zeroed_aligned_and_apart(void **state) {
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	assert_null(arena.head); /* nothing until the first use */
	char *last = NULL;
	for (size_t size = 0; size < 3000; size += 7) {
		char *memory = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)memory % 16, 0);
		assert_ptr_not_equal(memory, last);
		for (size_t i = 0; i < size; i++) {
			assert_int_equal(memory[i], 0);
		}
		memset(memory, 0xee, size);
		last = memory;
	}
	arena_finish(&arena);
}

static void a_big_allocation_leaves_the_current_block(void **state) {
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	char *before = arena_alloc(&arena, 16);
	char *big = arena_alloc(&arena, 4 * 1024 * 1024);
	char *after = arena_alloc(&arena, 16);
	memset(big, 1, 4 * 1024 * 1024);
	assert_ptr_equal(after, before + 16);
	arena_finish(&arena);
	big = arena_alloc(&arena, 100000); /* as the first one */
	memset(big, 1, 100000);
	memset(arena_alloc(&arena, 100), 1, 100);
	arena_finish(&arena);
}

static void the_cap_binds_only_try_alloc(void **state) {
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 1000);
	assert_non_null(arena_try_alloc(&arena, 500));
	assert_null(arena_try_alloc(&arena, 501));
	assert_null(arena_try_alloc(&arena, SIZE_MAX));
	assert_null(arena_try_alloc(&arena, SIZE_MAX - 20));
	assert_non_null(arena_try_alloc(&arena, 400));
	assert_non_null(arena_alloc(&arena, 5000));
	assert_null(arena_try_alloc(&arena, 1));
	arena_finish(&arena);
	assert_non_null(arena_try_alloc(&arena, 500)); /* usable again */
	arena_finish(&arena);
	struct arena zeroed = {0};
	arena_finish(&zeroed);
	assert_non_null(arena_try_alloc(&zeroed, 100));
	assert_null(arena_try_alloc(&zeroed, ARENA_DEFAULT_CAP));
	arena_finish(&zeroed);
}

static void first_blocks_are_recycled(void **state) {
	struct arena_pool pool;
	struct arena one, two;
	(void)state;
	arena_pool_init(&pool, 1);
	arena_init(&one, &pool, 0);
	arena_init(&two, &pool, 0);
	char *memory = arena_alloc(&one, 100);
	memset(memory, 0xee, 100);
	arena_alloc(&two, 100);
	arena_finish(&one);
	arena_finish(&two);
	assert_int_equal(pool.count, 1); /* max */
	char *again = arena_alloc(&two, 100);
	assert_int_equal(pool.count, 0);
	assert_ptr_equal(again, memory);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(again[i], 0);
	}
	for (int i = 0; i < 100; i++) {
		arena_alloc(&two, 4096); /* later blocks are larger and not kept */
	}
	arena_finish(&two);
	assert_int_equal(pool.count, 1);
	arena_pool_finish(&pool);
	assert_null(pool.free_blocks);
}

static void copies_end_with_nul(void **state) {
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	struct slice copy = arena_dup(&arena, slice_make("a\0b", 3));
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.data, "a\0b", 4);
	assert_string_equal(arena_dup(&arena, (struct slice){NULL, 0}).data, "");
	assert_string_equal(arena_strdup(&arena, slice_sub(SLICE("hello"), 0, 4)), "hell");
	assert_string_equal(arena_printf(&arena, "%d %s", 7, "x").data, "7 x");
	struct slice padded = arena_printf(&arena, "%1000d", 7);
	assert_int_equal(padded.len, 1000);
	assert_int_equal(strlen(padded.data), 1000);
	for (int width = 250; width < 260; width++) {
		assert_int_equal(arena_printf(&arena, "%*d", width, 7).len, width);
	}
	arena_finish(&arena);
}

static void lists_grow_and_new_elements_are_zeroed(void **state) {
	struct arena arena;
	struct {
		uint64_t *items;
		size_t len, cap;
	} list = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t *item = ARENA_PUSH(&arena, &list);
		assert_true(*item == 0);
		*item = i + 1;
	}
	for (uint64_t i = 0; i < 10000; i++) {
		assert_true(list.items[i] == i + 1);
	}
	list.len--;
	assert_true(*ARENA_PUSH(&arena, &list) == 0);
	struct slice *array = ARENA_ARRAY(&arena, struct slice, 3);
	assert_null(array[2].data);
	assert_null(ARENA_NEW(&arena, struct slice)->data);
	arena_finish(&arena);
}

int test_arena(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(a_big_allocation_leaves_the_current_block),
		cmocka_unit_test(the_cap_binds_only_try_alloc),
		cmocka_unit_test(first_blocks_are_recycled),
		cmocka_unit_test(copies_end_with_nul),
		cmocka_unit_test(lists_grow_and_new_elements_are_zeroed),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
