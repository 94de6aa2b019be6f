/* http1_head.c: fuzz target of the request head parser: whole and byte-wise arrival must agree. */
#include <stdlib.h>

#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice bytes = slice_make((const char *)data, size);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct http1_head head = {0}, grown = {0};
	struct error error;
	size_t scanned = 0;
	enum http1_result whole =
		http1_parse_head(bytes, &scanned, 4096, 32, &arena, &head, &error);
	enum http1_result stepwise = HTTP1_NEED_MORE;
	scanned = 0;
	for (size_t len = 1; len <= size && stepwise == HTTP1_NEED_MORE; len++) {
		stepwise = http1_parse_head(
			slice_make(bytes.data, len), &scanned, 4096, 32, &arena, &grown, &error);
	}
	/* An accepted head is the same however it came, and lies inside the bytes. */
	if ((whole == HTTP1_OK) != (stepwise == HTTP1_OK)) {
		abort();
	}
	if (whole == HTTP1_OK && (head.head_len > size || head.head_len != grown.head_len ||
					 head.content_length != grown.content_length ||
					 (head.is_chunked && head.content_length >= 0))) {
		abort();
	}
	arena_finish(&arena);
	return 0;
}
