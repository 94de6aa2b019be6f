/* chunked.c: fuzz target of the chunked decoder: whole and byte-wise arrival must agree. */
#include <stdlib.h>

#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http1_result decode(struct slice in, size_t step, size_t *payload, size_t *used) {
	struct http1_chunked chunked;
	http1_chunked_init(&chunked);
	struct error error;
	enum http1_result result = HTTP1_NEED_MORE;
	*payload = *used = 0;
	while (result == HTTP1_NEED_MORE && *used < in.len) {
		struct slice piece = slice_sub(in, *used, step);
		size_t given = piece.len;
		struct slice run;
		result = http1_chunked_next(&chunked, &piece, &run, &error);
		*payload += run.len;
		*used += given - piece.len;
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice in = slice_make((const char *)data, size);
	size_t payload, used, payload_bytewise, used_bytewise;
	enum http1_result whole = decode(in, size, &payload, &used);
	enum http1_result bytewise = decode(in, 1, &payload_bytewise, &used_bytewise);
	if (whole != bytewise || payload > size ||
		(whole == HTTP1_OK && (payload != payload_bytewise || used != used_bytewise))) {
		abort();
	}
	return 0;
}
