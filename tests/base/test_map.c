/* test_map.c: the hash map, typed arrays and random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/random.h"
#include "base/vec.h"

int test_map(void);

static struct slice key_of(char text[24], size_t number) {
	return slice_make(text, (size_t)snprintf(text, 24, "key-%zu", number));
}

static void *value_of(size_t number) {
	return (void *)(uintptr_t)(number + 1);
}

static void an_empty_map_answers(void **state) {
	struct map map;
	size_t at = 0;
	(void)state;
	map_init(&map);
	assert_null(map_get(&map, SLICE("x")));
	assert_null(map_remove(&map, SLICE("x")));
	assert_null(map_next(&map, &at));
	map_finish(&map, free);
	struct map zeroed = {0};
	assert_null(map_get(&zeroed, SLICE("x")));
	map_finish(&zeroed, NULL);
}

static void many_keys_keep_their_order(void **state) {
	enum {
		COUNT = 100000
	};
	struct map map;
	char text[24];
	(void)state;
	map_init(&map);
	for (size_t i = 0; i < COUNT; i++) {
		assert_null(map_put(&map, key_of(text, i), value_of(i)));
	}
	for (size_t i = 0; i < COUNT; i += 3) {
		assert_ptr_equal(map_remove(&map, key_of(text, i)), value_of(i));
		assert_null(map_remove(&map, key_of(text, i)));
	}
	for (size_t i = 0; i < COUNT; i++) {
		void *expected = i % 3 == 0 ? NULL : value_of(i);
		assert_ptr_equal(map_get(&map, key_of(text, i)), expected);
	}
	size_t at = 0, number = 1, seen = 0;
	const struct map_entry *entry;
	while ((entry = map_next(&map, &at)) != NULL) {
		assert_ptr_equal(entry->value, value_of(number));
		assert_true(slice_eq(entry->key, key_of(text, number)));
		number += number % 3 == 1 ? 1 : 2;
		seen++;
	}
	assert_int_equal(seen, map.count);
	assert_int_equal(seen, COUNT - (COUNT + 2) / 3);
	map_finish(&map, NULL);
	assert_int_equal(map.count, 0);
}

static void putting_again_replaces_in_place(void **state) {
	struct map map;
	size_t at = 0;
	(void)state;
	map_init(&map);
	map_put(&map, SLICE("a"), value_of(1));
	map_put(&map, SLICE("b"), value_of(2));
	assert_ptr_equal(map_put(&map, SLICE("a"), value_of(3)), value_of(1));
	assert_int_equal(map.count, 2);
	assert_true(slice_is(map_next(&map, &at)->key, "a"));
	/* Removed and put again: to the end. */
	map_remove(&map, SLICE("a"));
	map_put(&map, SLICE("a"), value_of(4));
	at = 0;
	assert_true(slice_is(map_next(&map, &at)->key, "b"));
	assert_true(slice_is(map_next(&map, &at)->key, "a"));
	assert_null(map_next(&map, &at));
	/* Keys are bytes: the empty one and NUL are as good as any. */
	map_put(&map, SLICE(""), value_of(5));
	map_put(&map, slice_make("\0", 1), value_of(6));
	assert_ptr_equal(map_get(&map, slice_make(NULL, 0)), value_of(5));
	assert_ptr_equal(map_get(&map, slice_make("\0", 1)), value_of(6));
	map_finish(&map, NULL);
}

static void holes_are_packed(void **state) {
	struct map map;
	char text[24];
	(void)state;
	map_init(&map);
	for (size_t i = 0; i < 100000; i++) {
		map_put(&map, key_of(text, i), value_of(i));
		if (i >= 10) {
			assert_non_null(map_remove(&map, key_of(text, i - 10)));
		}
	}
	assert_int_equal(map.count, 10);
	assert_true(map.cap <= 32);
	map_finish(&map, NULL);
}

static void values_are_freed(void **state) {
	struct map map;
	(void)state;
	map_init(&map);
	map_put(&map, SLICE("a"), malloc(10));
	map_put(&map, SLICE("b"), malloc(10));
	free(map_remove(&map, SLICE("a")));
	map_finish(&map, free); /* the leak checker says whether all went */
	map_put(&map, SLICE("again"), value_of(1));
	assert_ptr_equal(map_get(&map, SLICE("again")), value_of(1));
	map_finish(&map, NULL);
}

/* The key 00..0f over the first bytes of 00, 01, ...: from an independent implementation that was
 * checked with the vectors published for SipHash-2-4. */
static void the_hash_is_siphash_1_3(void **state) {
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {
		{0, 0xabac0158050fc4dc},
		{1, 0xc9f49bf37d57ca93},
		{7, 0xd3927d989bb11140},
		{8, 0x369095118d299a8e},
		{9, 0x25a48eb36c063de4},
		{15, 0xd320d86d2a519956},
		{16, 0xcc4fdd1a7d908b66},
		{63, 0x9d199062b7bbb3a8},
	};
	const uint64_t seed[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char bytes[64];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (char)i;
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(hash_bytes(seed, slice_make(bytes, cases[i].len)) == cases[i].hash);
	}
	/* Length and seed matter. */
	const uint64_t other[2] = {1, 2};
	assert_true(
		hash_bytes(seed, slice_make(bytes, 16)) != hash_bytes(seed, slice_make(bytes, 17)));
	assert_true(hash_bytes(seed, slice_make(bytes, 16)) !=
		    hash_bytes(other, slice_make(bytes, 16)));
}

static void vectors_grow(void **state) {
	VEC(int) numbers = {0};
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int *number = VEC_PUSH(&numbers);
		assert_int_equal(*number, 0);
		*number = i + 1;
	}
	assert_int_equal(numbers.items[999], 1000);
	numbers.len--;
	assert_int_equal(*VEC_PUSH(&numbers), 0);
	VEC_FINISH(&numbers);
	assert_null(numbers.items);
	assert_int_equal(numbers.len, 0);
	VEC_FINISH(&numbers);
}

static void random_numbers(void **state) {
	char one[64], two[64];
	unsigned seen[7] = {0};
	(void)state;
	random_bytes(one, 0);
	for (int i = 0; i < 2000; i++) {
		uint32_t number = random_below(7);
		assert_true(number < 7);
		seen[number]++;
	}
	for (int i = 0; i < 7; i++) {
		assert_true(seen[i] > 0);
	}
	assert_int_equal(random_below(1), 0);
	random_id(one, "msg_", 40);
	random_id(two, "msg_", 40);
	assert_int_equal(strlen(one), 44);
	assert_memory_equal(one, "msg_", 4);
	for (int i = 4; i < 44; i++) {
		assert_true(isalnum((unsigned char)one[i]));
	}
	assert_string_not_equal(one, two);
	random_id(one, "", 0);
	assert_string_equal(one, "");
}

int test_map(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_answers),
		cmocka_unit_test(many_keys_keep_their_order),
		cmocka_unit_test(putting_again_replaces_in_place),
		cmocka_unit_test(holes_are_packed),
		cmocka_unit_test(values_are_freed),
		cmocka_unit_test(the_hash_is_siphash_1_3),
		cmocka_unit_test(vectors_grow),
		cmocka_unit_test(random_numbers),
	};
	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
