/* test_buf.c: buffers, their limit and their references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/buf.h"

int test_buf(void);

static void appending(void **state) {
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	assert_null(buf.data);
	assert_true(buf_append(&buf, (struct slice){NULL, 0}));
	assert_true(buf_append(&buf, SLICE("one ")));
	assert_true(buf_append_str(&buf, "two "));
	assert_true(buf_append_byte(&buf, '3'));
	assert_true(buf_printf(&buf, " %s %d", "four", 5));
	assert_true(buf_printf(&buf, "%200d", 6));
	assert_int_equal(buf_total(&buf), 16 + 200);
	assert_true(slice_starts_with(buf_slice(&buf), SLICE("one two 3 four 5   ")));
	assert_true(slice_ends_with(buf_slice(&buf), SLICE(" 6")));
	buf_finish(&buf);
	assert_null(buf.data);
	struct buf zeroed = {0};
	buf_finish(&zeroed);
}

static void numbers(void **state) {
	static const struct {
		uint64_t number;
		const char *text;
	} cases[] = {{0, "0"}, {9, "9"}, {10, "10"}, {1234567890, "1234567890"},
		{UINT64_MAX, "18446744073709551615"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf buf = {0};
		assert_true(buf_append_uint(&buf, cases[i].number));
		assert_true(slice_eq(buf_slice(&buf), slice_of(cases[i].text)));
		buf_finish(&buf);
	}
	struct buf full = {.limit = 2};
	assert_true(buf_append_uint(&full, 12));
	assert_false(buf_append_uint(&full, 3));
	buf_finish(&full);
}

static void reserving(void **state) {
	struct buf buf;
	(void)state;
	buf_init(&buf, 100);
	assert_non_null(buf_reserve(&buf, 0));
	memcpy(buf_reserve(&buf, 5), "hello", 5);
	assert_int_equal(buf.len, 0);
	buf_commit(&buf, 5);
	assert_true(slice_is(buf_slice(&buf), "hello"));
	assert_null(buf_reserve(&buf, 96));
	assert_true(buf.failed);
	buf_finish(&buf);
}

static void large_buffers_grow_by_what_is_needed(void **state) {
	struct buf buf;
	size_t mib = 1024 * 1024;
	(void)state;
	buf_init(&buf, 0);
	buf_reserve(&buf, 10 * mib);
	assert_int_equal(buf.cap, 10 * mib);
	buf_commit(&buf, 10 * mib);
	buf_append_byte(&buf, 'x');
	assert_true(buf.cap <= 10 * mib + 10 * mib / 4 + 1);
	buf_finish(&buf);
}

static void the_limit_is_sticky(void **state) {
	struct buf buf;
	(void)state;
	buf_init(&buf, 10);
	assert_true(buf_append_str(&buf, "0123456789"));
	assert_true(buf_append(&buf, SLICE("")));
	assert_false(buf_append_byte(&buf, 'x'));
	assert_true(buf.failed);
	assert_false(buf_append(&buf, SLICE("")));
	assert_int_equal(buf.len, 10);
	buf_reset(&buf, 1000);
	assert_false(buf.failed);
	assert_true(buf_printf(&buf, "%010d", 1)); /* its NUL does not count */
	assert_false(buf_printf(&buf, "x"));
	buf_reset(&buf, 0);
	assert_null(buf.data);
	assert_false(buf_append_str(&buf, "0123456789x")); /* the limit was kept */
	buf_finish(&buf);
	buf.allow_refs = true;
	char large[BUF_REF_MIN] = {0};
	assert_false(buf_append_ref(&buf, slice_make(large, sizeof large)));
	assert_true(buf.failed);
	buf_finish(&buf);
}

static void consuming(void **state) {
	struct buf buf;
	(void)state;
	buf_init(&buf, 0);
	buf_consume(&buf, 0);
	buf_append_str(&buf, "abcdef");
	buf_consume(&buf, 2);
	assert_true(slice_is(buf_slice(&buf), "cdef"));
	buf_consume(&buf, 0);
	assert_true(slice_is(buf_slice(&buf), "cdef"));
	buf_consume(&buf, 4);
	assert_int_equal(buf.len, 0);
	buf_append_str(&buf, "x");
	buf_consume(&buf, 5);
	assert_int_equal(buf.len, 0);
	buf_finish(&buf);
}

/* Appends owned text and references in several orders and checks every view at every offset. */
static void check_views(const char *plan) {
	static char large[BUF_REF_MIN + 2];
	struct buf buf, flat;
	for (size_t i = 0; i < sizeof large; i++) {
		large[i] = (char)('a' + i % 26);
	}
	buf_init(&buf, 0);
	buf_init(&flat, 0);
	buf.allow_refs = true;
	for (; *plan != '\0'; plan++) {
		struct slice bytes = *plan == 'R'   ? slice_make(large, sizeof large)
				     : *plan == 'r' ? slice_make(large, BUF_REF_MIN - 1)
						    : SLICE("owned");
		assert_true(buf_append_ref(&buf, bytes));
		assert_true(buf_append_ref(&flat, bytes)); /* references not allowed: copied */
	}
	assert_int_equal(flat.ref_count, 0);
	assert_int_equal(buf_total(&buf), flat.len);
	char *copy = malloc(flat.len + 1);
	for (size_t offset = 0; offset <= flat.len + 1; offset++) {
		struct iovec iov[8];
		size_t left = offset < flat.len ? flat.len - offset : 0, total = 0;
		int count = buf_iovec(&buf, offset, iov, 8);
		for (int i = 0; i < count; i++) {
			assert_true(iov[i].iov_len > 0);
			assert_memory_equal(
				iov[i].iov_base, flat.data + offset + total, iov[i].iov_len);
			total += iov[i].iov_len;
		}
		assert_int_equal(total, left);
		assert_true(buf_iovec(&buf, offset, iov, 1) <= 1);
		assert_int_equal(buf_iovec(&buf, offset, iov, 0), 0);
		if (offset % 97 == 0) {
			assert_int_equal(buf_copy_out(&buf, offset, copy, flat.len + 1), left);
			assert_memory_equal(copy, flat.data + offset, left);
		}
		size_t few = left < 7 ? left : 7;
		assert_int_equal(buf_copy_out(&buf, offset, copy, 7), few);
		assert_memory_equal(copy, flat.data + offset, few);
	}
	free(copy);
	buf_finish(&buf);
	buf_finish(&flat);
}

static void references_at_every_offset(void **state) {
	(void)state;
	check_views("oRo");
	check_views("RRo");
	check_views("orR");
	check_views("R");
	check_views("o");
}

int test_buf(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending),
		cmocka_unit_test(numbers),
		cmocka_unit_test(reserving),
		cmocka_unit_test(large_buffers_grow_by_what_is_needed),
		cmocka_unit_test(the_limit_is_sticky),
		cmocka_unit_test(consuming),
		cmocka_unit_test(references_at_every_offset),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
