/* test_tokens.c: counts by the real vocabularies, and what is left without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/vocabulary.h"
#include "tokens/estimate.h"
#include "tokens/small_vocabulary.h"

int test_tokens(void);

/* Counted by the reference package (gpt-tokenizer 4.0.0). */
static void section_6_known_counts(void **state) {
	static const struct {
		const char *text;
		int counts[TOKENS_ENCODING_COUNT]; /* o200k, cl100k, p50k, r50k */
	} cases[] = {
#include "tokens/known_counts.inc"
	};
	(void)state;
	struct tokens *tokens = vocabulary_open();
	if (!tokens) {
		skip();
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int encoding = 0; encoding < TOKENS_ENCODING_COUNT; encoding++) {
			int64_t count = tokens_count(
				tokens, (enum tokens_encoding)encoding, slice_of(cases[i].text));
			if (count != cases[i].counts[encoding]) {
				print_error("%s: \"%s\"\n",
					tokens_encoding_name((enum tokens_encoding)encoding),
					cases[i].text);
			}
			assert_int_equal(count, cases[i].counts[encoding]);
		}
	}
	tokens_close(tokens);
}

/* A megabyte without a break is one piece: 8 letters a token, through the heap. */
static void one_letter_a_million_times(void **state) {
	(void)state;
	struct tokens *tokens = vocabulary_open();
	if (!tokens) {
		skip();
	}
	size_t len = (size_t)1024 * 1024;
	char *text = mem_alloc(len);
	memset(text, 'a', len);
	assert_int_equal(tokens_count(tokens, TOKENS_O200K, slice_make(text, len)), len / 8);
	assert_int_equal(tokens_count(tokens, TOKENS_CL100K, slice_make(text, len)), len / 8);
	free(text);
	tokens_close(tokens);
}

static void tc_1_without_vocabularies(void **state) {
	struct error error = {0};
	struct slice text = SLICE("Hello, world. This is a text.");
	(void)state;
	assert_null(tokens_open("/nonexistent/llm-mux.tokens", &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(tokens_can_count(NULL, TOKENS_O200K));
	assert_int_equal(tokens_count(NULL, TOKENS_O200K, text), tokens_estimate(text));
	tokens_close(NULL);
}

/* A damaged file is no crash: there is no handle, and a message that names the file. */
static void damaged_file(void **state) {
	struct buf image = {0};
	struct error error = {0};
	char path[] = "/tmp/llm-mux-tokens-XXXXXX";
	(void)state;
	vocabulary_small(&image);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image.data, image.len), image.len);
	struct tokens *tokens = tokens_open(path, &error);
	assert_non_null(tokens);
	assert_true(tokens_can_count(tokens, TOKENS_O200K));
	assert_false(tokens_can_count(tokens, TOKENS_CL100K));
	assert_int_equal(tokens_count(tokens, TOKENS_O200K, SLICE("abcabc")), 1);
	tokens_close(tokens);
	assert_int_equal(ftruncate(fd, (off_t)image.len - 8), 0);
	assert_null(tokens_open(path, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	assert_non_null(strstr(error.message, path));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_null(tokens_open(path, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	assert_null(tokens_open("/tmp", &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	close(fd);
	unlink(path);
	buf_finish(&image);
}

static void encodings_by_name(void **state) {
	enum tokens_encoding encoding;
	(void)state;
	for (int i = 0; i < TOKENS_ENCODING_COUNT; i++) {
		assert_true(tokens_find_encoding(
			slice_of(tokens_encoding_name((enum tokens_encoding)i)), &encoding));
		assert_int_equal(encoding, i);
	}
	assert_true(tokens_find_encoding(SLICE("cl100k_base"), &encoding));
	assert_int_equal(encoding, TOKENS_CL100K);
	assert_false(tokens_find_encoding(SLICE("o300k"), &encoding));
}

int test_tokens(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_6_known_counts),
		cmocka_unit_test(one_letter_a_million_times),
		cmocka_unit_test(tc_1_without_vocabularies),
		cmocka_unit_test(damaged_file),
		cmocka_unit_test(encodings_by_name),
	};
	return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
