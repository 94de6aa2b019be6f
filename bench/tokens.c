/* tokens.c: bench-tokens VOCABULARIES FILE...: how fast texts are counted on one core. Prints one
 * JSON object: MB of CPU second for mixed text (the files, repeated), and the milliseconds of CPU
 * for a megabyte of one letter, which is one piece of a million merges. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "tokens/tokens.h"

#define TEXT_BYTES ((size_t)8 * 1000 * 1000)
#define LETTERS ((size_t)1000 * 1000)

static double cpu_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double count_seconds(
	const struct tokens *tokens, enum tokens_encoding encoding, struct slice text) {
	double before = cpu_seconds();
	if (tokens_count(tokens, encoding, text) <= 0) {
		abort();
	}
	return cpu_seconds() - before;
}

static bool read_text(char **paths, int count, struct buf *text, struct error *error) {
	for (int i = 0; i < count; i++) {
		if (!file_read(paths[i], TEXT_BYTES, text, error)) {
			return false;
		}
	}
	size_t once = text->len;
	while (once > 0 && text->len < TEXT_BYTES) {
		char *copy = buf_reserve(text, once);
		memcpy(copy, text->data, once);
		buf_commit(text, once);
	}
	return once > 0 || error_set(error, ERROR_INVALID_REQUEST, "the files are empty");
}

int main(int argc, char **argv) {
	struct buf text = {0};
	struct error error;
	struct tokens *tokens = argc > 2 ? tokens_open(argv[1], &error) : NULL;
	if (argc < 3 || tokens == NULL || !read_text(argv + 2, argc - 2, &text, &error)) {
		fprintf(stderr, "bench-tokens: %s\n",
			argc < 3 ? "usage: bench-tokens VOCABULARIES FILE..." : error.message);
		return 1;
	}
	char *letters = mem_alloc(LETTERS);
	memset(letters, 'a', LETTERS);
	struct slice all = buf_slice(&text);
	count_seconds(tokens, TOKENS_O200K, all); /* maps the pages */
	printf("{\"o200k\":%.2f,\"cl100k\":%.2f,\"letterMs\":%.1f}\n",
		(double)all.len / 1e6 / count_seconds(tokens, TOKENS_O200K, all),
		(double)all.len / 1e6 / count_seconds(tokens, TOKENS_CL100K, all),
		count_seconds(tokens, TOKENS_O200K, slice_make(letters, LETTERS)) * 1e3);
	free(letters);
	buf_finish(&text);
	tokens_close(tokens);
	return 0;
}
