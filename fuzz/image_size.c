/* image_size.c: fuzz target: any bytes as an image behind base64, and any text as base64. What is
 * found does not depend on how the base64 is wrapped. */
#include <stdint.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "tokens/image_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct slice base64, struct slice wrapped) {
	struct image_size one, other;
	bool is_found = image_size_read(base64, &one);
	if (image_size_read(wrapped, &other) != is_found ||
		(is_found && (one.width != other.width || one.height != other.height))) {
		abort();
	}
	if (is_found && (one.width == 0 || one.height == 0)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice bytes = slice_make((const char *)data, size);
	struct buf base64 = {0}, wrapped = {0};
	struct image_size found;
	image_size_read(bytes, &found);
	base64_encode(bytes, size % 2 == 1, &base64);
	for (size_t i = 0; i < base64.len; i++) {
		buf_append_byte(&wrapped, base64.data[i]);
		buf_append_str(&wrapped, i % 7 == 3 ? "\r\n" : "");
	}
	compare(buf_slice(&base64), buf_slice(&wrapped));
	buf_finish(&base64);
	buf_finish(&wrapped);
	return 0;
}
