/* vocabulary.h: the real vocabularies for tests, when they were fetched. Header-only, because
 * tests/support is linked into the lowest folders too. */
#ifndef LLMMUX_TESTS_VOCABULARY_H
#define LLMMUX_TESTS_VOCABULARY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tokens/tokens.h"

/* The handle on the packed file of this build; NULL after a line with the word SKIPPED: call
 * skip(). */
static inline struct tokens *vocabulary_open(void) {
	char program[4096], path[4200];
	struct error error = {0};
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	program[len > 0 ? len : 0] = '\0';
	/* build/VARIANT/tests/FOLDER/unit */
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

#endif
