/* small_vocabulary.c: see small_vocabulary.h. */
#include "tokens/small_vocabulary.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "tokens/ranks_pack.h"

static void add(struct buf *text, struct slice token, int rank) {
	base64_encode(token, false, text);
	buf_printf(text, " %d\n", rank);
}

static void vocabulary_small_text(struct buf *text) {
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
