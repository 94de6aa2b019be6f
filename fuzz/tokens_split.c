/* tokens_split.c: fuzz target: any bytes through the split rules. Pieces are never empty, cover the
 * text, and a rule does not look behind the end. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tokens/estimate.h"
#include "tokens/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void split_all(split_rule *split, struct slice text) {
	for (size_t at = 0; at < text.len;) {
		size_t end = split(text, at);
		if (end <= at || end > text.len) {
			abort();
		}
		at = end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	/* Exactly sized, so that a sanitizer sees a read past the end. */
	char *text = mem_dup((const char *)data, size);
	text = mem_realloc(text, size + (size == 0));
	struct slice all = slice_make(text, size);
	split_all(split_o200k, all);
	split_all(split_cl100k, all);
	split_all(split_r50k, all);
	if (tokens_estimate(all) < (size > 0)) {
		abort();
	}
	free(text);
	return 0;
}
