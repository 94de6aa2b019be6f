/* vocabulary.c: see vocabulary.h. */
#include "tokens/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "tokens/ranks_pack.h"

static void add(struct buf *text, struct slice token, int rank) {
	base64_encode(token, false, text);
	buf_printf(text, " %d\n", rank);
}

void vocabulary_small_text(struct buf *text) {
	/* "abc" has a lower rank than "ab": a pair can rank below the one it was made of. */
	static const char *const merges[] = {"bc", "aa", "abc", "ab", "aaaa", "cab", "  ", "    ",
		"abab", "\xc3\xa9", "aaaaaaaa", "abcabc", "ba", "hello"};
	for (int byte = 0; byte < 256; byte++) {
		char one = (char)byte;
		add(text, slice_make(&one, 1), byte);
	}
	for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
		add(text, slice_of(merges[i]), 300 + (int)i);
	}
}

void vocabulary_small(struct buf *image) {
	struct buf text = {0};
	struct error error;
	vocabulary_small_text(&text);
	const struct ranks_source source = {"o200k", buf_slice(&text)};
	if (!ranks_pack(&source, 1, image, &error)) {
		abort();
	}
	buf_finish(&text);
}

struct tokens *vocabulary_open(void) {
	char program[4096], path[4200];
	struct error error = {0};
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	program[len > 0 ? len : 0] = '\0';
	/* build/VARIANT/tests/tokens/unit */
	for (int i = 0; i < 3 && strrchr(program, '/') != NULL; i++) {
		*strrchr(program, '/') = '\0';
	}
	snprintf(path, sizeof path, "%s/%s", program, TOKENS_FILE_NAME);
	struct tokens *tokens = tokens_open(path, &error);
	if (tokens == NULL && error.kind != ERROR_NOT_FOUND) {
		fprintf(stderr, "%s\n", error.message);
		abort();
	}
	if (tokens == NULL) {
		fprintf(stderr, "SKIPPED: no vocabularies in this build: run scripts/setup test\n");
	}
	return tokens;
}
