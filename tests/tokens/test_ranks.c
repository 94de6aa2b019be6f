/* test_ranks.c: the packed file of vocabularies: what is packed is found, what is damaged is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tokens/ranks.h"
#include "tokens/ranks_pack.h"
#include "tokens/small_vocabulary.h"

int test_ranks(void);

static void packed_and_found(void **state) {
	struct buf image = {0};
	struct error error;
	struct ranks ranks;
	(void)state;
	vocabulary_small(&image);
	assert_true(ranks_check(buf_slice(&image), &error));
	assert_true(ranks_find(buf_slice(&image), "o200k", &ranks));
	assert_false(ranks_find(buf_slice(&image), "cl100k", &ranks));
	for (int byte = 0; byte < 256; byte++) {
		char one = (char)byte;
		assert_int_equal(ranks_get(&ranks, &one, 1), byte);
	}
	/* The gap between the ranks 255 and 300 is closed: the order is what counts. */
	assert_int_equal(ranks_get(&ranks, "bc", 2), 256);
	assert_int_equal(ranks_get(&ranks, "hello", 5), 256 + 13);
	assert_int_equal(ranks_get(&ranks, "hell", 4), RANKS_NONE);
	assert_int_equal(ranks_get(&ranks, "a longer text than any token", 28), RANKS_NONE);
	buf_finish(&image);
}

/* Every single damaged byte is noticed, and every cut. */
static void damage_is_refused(void **state) {
	struct buf image = {0};
	struct error error;
	(void)state;
	vocabulary_small(&image);
	for (size_t i = 0; i < image.len; i++) {
		/* The unused sections and what fills up the header mean nothing. */
		bool is_unused = i >= offsetof(struct ranks_header, reserved) &&
				 i < sizeof(struct ranks_header);
		image.data[i] ^= 0x10;
		if (!is_unused) {
			assert_false(ranks_check(buf_slice(&image), &error));
			assert_true(error.message[0] != '\0');
		}
		image.data[i] ^= 0x10;
	}
	for (size_t len = 0; len < image.len; len += 8) {
		char *cut = mem_dup(image.data, len);
		assert_false(ranks_check(slice_make(cut, len), &error));
		free(cut);
	}
	assert_true(ranks_check(buf_slice(&image), &error));
	buf_finish(&image);
}

/* Also with a checksum that fits: numbers out of bounds do not get through. */
static void bounds_are_checked(void **state) {
	struct buf image = {0};
	struct error error;
	(void)state;
	vocabulary_small(&image);
	struct ranks_header *header = (void *)image.data;
	uint32_t *offsets = (void *)(image.data + header->sections[0].offsets_at);
	uint32_t *slots = (void *)(image.data + header->sections[0].slots_at);
	char *body = image.data + sizeof *header;
	size_t body_len = image.len - sizeof *header;
	struct {
		uint32_t *at, value;
	} damages[] = {
		{&offsets[5], 1000000},
		{&offsets[5], 0},
		{&offsets[header->sections[0].count], 3},
		{&slots[0], slots[0] == 0 ? 1 : 0},
		{&header->sections[0].count, 10},
		{&header->sections[0].count, UINT32_MAX},
		{&header->sections[0].slot_count, 0},
		{&header->sections[0].slot_count, 768},
		{&header->sections[0].slot_count, 1u << 30},
		{&header->sections[0].longest, 2},
		{&header->section_count, 0},
		{&header->section_count, 5},
		{(uint32_t *)(void *)&header->sections[0].bytes_at, 8},
		{(uint32_t *)(void *)&header->sections[0].slots_at, UINT32_MAX},
		{(uint32_t *)(void *)&header->sections[0].offsets_at, 1001},
	};
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		uint32_t before = *damages[i].at;
		*damages[i].at = damages[i].value;
		header->checksum = ranks_checksum(body, body_len);
		assert_false(ranks_check(buf_slice(&image), &error));
		*damages[i].at = before;
	}
	header->checksum = ranks_checksum(body, body_len);
	assert_true(ranks_check(buf_slice(&image), &error));
	buf_finish(&image);
}

static void text_that_is_no_vocabulary(void **state) {
	static const char *const wrong[] = {
		"",
		"IQ==",
		"IQ== x",
		"IQ== -1",
		"!!! 0",
		" 0",
		"IQ== 0\nIg== 0",
		"IQ== 0\nIQ== 1",
		"IQ== 0\nIg== 1",
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct buf out = {0};
		struct error error;
		const struct ranks_source source = {"o200k", slice_of(wrong[i])};
		assert_false(ranks_pack(&source, 1, &out, &error));
		assert_non_null(strstr(error.message, "o200k"));
		buf_finish(&out);
	}
}

int test_ranks(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_and_found),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(bounds_are_checked),
		cmocka_unit_test(text_that_is_no_vocabulary),
	};
	return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
