/* test_merge.c: byte-pair merges: the lowest first, and the two ways agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tokens/merge.h"
#include "tokens/small_vocabulary.h"

int test_merge(void);

static void lowest_rank_first(void **state) {
	static const struct {
		const char *piece;
		size_t count;
	} cases[] = {
		{"a", 1},
		{"xyz", 3},
		{"aaa", 2}, /* aa a */
		{"abc", 1}, /* bc first, then abc */
		{"aab", 2}, /* aa b, though ab is a token */
		{"abab", 1},
		{"cabc", 2}, /* c abc: bc came before ca */
		{"aaaaaaaaa", 2},
		{"abcabcab", 2}, /* abcabc ab */
		{"\xc3\xa9\xc3", 2},
	};
	struct buf image = {0};
	struct ranks ranks;
	(void)state;
	vocabulary_small(&image);
	assert_true(ranks_find(buf_slice(&image), "o200k", &ranks));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice piece = slice_of(cases[i].piece);
		assert_int_equal(merge_count_short(&ranks, piece), cases[i].count);
		assert_int_equal(merge_count_long(&ranks, piece), cases[i].count);
	}
	buf_finish(&image);
}

static void short_and_long_agree(void **state) {
	struct buf image = {0};
	struct ranks ranks;
	uint32_t seed = 12345;
	(void)state;
	vocabulary_small(&image);
	assert_true(ranks_find(buf_slice(&image), "o200k", &ranks));
	for (int round = 0; round < 20000; round++) {
		char piece[MERGE_SHORT_MAX];
		seed = seed * 1664525 + 1013904223;
		size_t len = 1 + (seed >> 16) % MERGE_SHORT_MAX;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			piece[i] = "aaabbc "[(seed >> 16) % 7];
		}
		assert_int_equal(merge_count_short(&ranks, slice_make(piece, len)),
			merge_count_long(&ranks, slice_make(piece, len)));
	}
	buf_finish(&image);
}

int test_merge(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_rank_first),
		cmocka_unit_test(short_and_long_agree),
	};
	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
