/* image_size.c: reads the headers of image formats through base64, byte by byte. */
#include "tokens/image_size.h"

/* Bytes decoded on the way; once it is over, 0 for ever. */
struct reader {
	struct slice text;
	size_t at, taken;
	uint32_t bits, bit_count;
	bool is_over;
};

static int value_of(char digit) {
	if (digit >= 'A' && digit <= 'Z') {
		return digit - 'A';
	}
	if (digit >= 'a' && digit <= 'z') {
		return digit - 'a' + 26;
	}
	if (digit >= '0' && digit <= '9') {
		return digit - '0' + 52;
	}
	return digit == '+' || digit == '-' ? 62 : digit == '/' || digit == '_' ? 63 : -1;
}

static uint32_t byte(struct reader *r) {
	while (r->bit_count < 8 && !r->is_over) {
		char digit = r->at < r->text.len ? r->text.data[r->at++] : '=';
		bool is_space = digit == ' ' || digit == '\n' || digit == '\r' || digit == '\t';
		int value = value_of(digit);
		if (value >= 0) {
			r->bits = (r->bits << 6 | (uint32_t)value) & 0xffff;
			r->bit_count += 6;
		} else if (!is_space) {
			r->is_over = true;
		}
	}
	if (r->is_over || ++r->taken > IMAGE_SIZE_MAX_BYTES) {
		r->is_over = true;
		return 0;
	}
	r->bit_count -= 8;
	return r->bits >> r->bit_count & 0xff;
}

static void skip(struct reader *r, uint32_t count) {
	while (count-- > 0 && !r->is_over) {
		byte(r);
	}
}

static uint32_t big_endian(struct reader *r, unsigned bytes) {
	uint32_t value = 0;
	while (bytes-- > 0) {
		value = value << 8 | byte(r);
	}
	return value;
}

static uint32_t little_endian(struct reader *r, unsigned bytes) {
	uint32_t value = 0;
	for (unsigned i = 0; i < bytes; i++) {
		value |= byte(r) << 8 * i;
	}
	return value;
}

/* ---- formats, from behind the bytes that tell which it is ---- */

/* PNG (RFC 2083): the rest of the signature, the length and name of IHDR, then the size. */
static void read_png(struct reader *r, struct image_size *size) {
	skip(r, 12);
	size->width = big_endian(r, 4);
	size->height = big_endian(r, 4);
}

/* GIF: the logical screen. */
static void read_gif(struct reader *r, struct image_size *size) {
	skip(r, 2);
	size->width = little_endian(r, 2);
	size->height = little_endian(r, 2);
}

/* The frame headers SOF0 to SOF15; C4, C8 and CC in that range are none. */
static bool is_frame(uint32_t marker) {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
	       marker != 0xcc;
}

/* JPEG (ITU T.81): segments with their lengths, until the first frame header. The first four bytes
 * were the start and the mark of a segment. */
static void read_jpeg(struct reader *r, uint32_t marker, struct image_size *size) {
	while (!r->is_over) {
		while (marker == 0xff) {
			marker = byte(r); /* fill bytes */
		}
		uint32_t length = big_endian(r, 2);
		if (length < 2 || marker == 0xd9 || marker == 0xda) {
			return; /* the image data begins, or ends, without a frame */
		}
		if (is_frame(marker)) {
			skip(r, 1);
			size->height = big_endian(r, 2);
			size->width = big_endian(r, 2);
			return;
		}
		skip(r, length - 2);
		if (byte(r) != 0xff) {
			return;
		}
		marker = byte(r);
	}
}

/* WebP: RIFF with one of three kinds of first chunk. */
static void read_webp(struct reader *r, struct image_size *size) {
	skip(r, 4);
	if (big_endian(r, 4) != 0x57454250) { /* WEBP */
		return;
	}
	uint32_t chunk = big_endian(r, 4);
	skip(r, 4);
	if (chunk == 0x56503820) { /* "VP8 ": frame tag, start code, 14 bits each */
		skip(r, 6);
		size->width = little_endian(r, 2) & 0x3fff;
		size->height = little_endian(r, 2) & 0x3fff;
	} else if (chunk == 0x5650384c) { /* VP8L: a mark, then 14 bits each, less one */
		skip(r, 1);
		uint32_t bits = little_endian(r, 4);
		size->width = (bits & 0x3fff) + 1;
		size->height = (bits >> 14 & 0x3fff) + 1;
	} else if (chunk == 0x56503858) { /* VP8X: flags, then 24 bits each, less one */
		skip(r, 4);
		size->width = little_endian(r, 3) + 1;
		size->height = little_endian(r, 3) + 1;
	}
}

bool image_size_read(struct slice base64, struct image_size *size) {
	struct reader r = {.text = base64};
	*size = (struct image_size){0};
	uint32_t first = big_endian(&r, 4);
	if (first == 0x89504e47) {
		read_png(&r, size);
	} else if (first == 0x47494638) {
		read_gif(&r, size);
	} else if (first >> 8 == 0xffd8ff) {
		read_jpeg(&r, first & 0xff, size);
	} else if (first == 0x52494646) {
		read_webp(&r, size);
	}
	return !r.is_over && size->width > 0 && size->height > 0;
}
