/* image_size.h: width and height of an image from the first bytes of its base64 text, without
 * decoding the image (TC-4). */
#ifndef LLMMUX_TOKENS_IMAGE_SIZE_H
#define LLMMUX_TOKENS_IMAGE_SIZE_H

#include "base/slice.h"

struct image_size {
	uint32_t width, height; /* neither is 0 */
};

/* A JPEG's size may stand behind its previews and profiles; no more bytes than this are read. */
#define IMAGE_SIZE_MAX_BYTES (512 * 1024)

/* PNG, JPEG, GIF and WebP, either alphabet of base64, white space skipped. False when it is none of
 * them or breaks off before its size. */
bool image_size_read(struct slice base64, struct image_size *size);

#endif
