/* test_image_size.c: sizes of images from their headers (TC-4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "tokens/image_size.h"

int test_image_size(void);

static const struct {
	const char *name;
	struct slice bytes;
	uint32_t width, height; /* 0: not told */
} cases[] = {
	{"png", SLICE_INIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x07\x80\0\0\x04\x38\x08\x06"), 1920,
		1080},
	{"png cut", SLICE_INIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x07\x80\0\0\x04"), 0, 0},
	{"gif", SLICE_INIT("GIF89a\x40\x01\xf0\0\x80"), 320, 240},
	{"jpeg",
		SLICE_INIT("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\4\1\2\xff\xff"
			   "\xc2\0\x11\x08\x01\x68\x02\x1c\3\1"),
		540, 360},
	{"jpeg without a frame", SLICE_INIT("\xff\xd8\xff\xe0\0\4ab\xff\xda\0\4ab"), 0, 0},
	{"jpeg with a length of nothing", SLICE_INIT("\xff\xd8\xff\xe0\0\1\xff\xc0\0\x11\x08"), 0,
		0},
	{"webp lossy", SLICE_INIT("RIFF\1\2\3\4WEBPVP8 \1\2\3\4\x30\1\0\x9d\1\x2a\x26\x02\x70\x41"),
		550, 368},
	{"webp lossless", SLICE_INIT("RIFF\1\2\3\4WEBPVP8L\1\2\3\4\x2f\x8f\x01\x3b\0"), 400, 237},
	{"webp extended",
		SLICE_INIT("RIFF\1\2\3\4WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\x07\0\x37\x04\0"), 2048,
		1080},
	{"an empty png", SLICE_INIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\x04\x38"), 0, 0},
	{"text", SLICE_INIT("hello, this is no image at all"), 0, 0},
	{"nothing", SLICE_INIT(""), 0, 0},
};

static void expect(const char *name, struct slice base64, uint32_t width, uint32_t height) {
	struct image_size size;
	bool found = image_size_read(base64, &size);
	if (found != (width > 0) || (found && (size.width != width || size.height != height))) {
		print_error("%s: %u x %u\n", name, size.width, size.height);
	}
	assert_int_equal(found, width > 0);
	assert_true(!found || (size.width == width && size.height == height));
}

static void tc_4_headers(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int url_safe = 0; url_safe < 2; url_safe++) {
			struct buf base64 = {0};
			base64_encode(cases[i].bytes, url_safe != 0, &base64);
			expect(cases[i].name, buf_slice(&base64), cases[i].width, cases[i].height);
			buf_finish(&base64);
		}
	}
}

static void white_space_between_the_digits(void **state) {
	struct buf base64 = {0}, wrapped = {0};
	(void)state;
	base64_encode(cases[0].bytes, false, &base64);
	for (size_t i = 0; i < base64.len; i++) {
		buf_append_byte(&wrapped, base64.data[i]);
		buf_append_str(&wrapped, i % 5 == 0 ? "\r\n " : "");
	}
	expect("wrapped", buf_slice(&wrapped), 1920, 1080);
	buf_finish(&base64);
	buf_finish(&wrapped);
}

/* A preview of 60 KB stands before the frame; beyond the bound the search ends. */
static void jpeg_behind_profiles(void **state) {
	(void)state;
	for (int segments = 1; segments <= 16; segments += 15) {
		struct buf bytes = {0}, base64 = {0};
		buf_append(&bytes, SLICE("\xff\xd8"));
		for (int i = 0; i < segments; i++) {
			buf_append(&bytes, SLICE("\xff\xe1\xf0\0"));
			memset(buf_reserve(&bytes, 0xeffe), 0xab, 0xeffe);
			buf_commit(&bytes, 0xeffe);
		}
		buf_append(&bytes, SLICE("\xff\xc0\0\x11\x08\x01\x68\x02\x1c"));
		base64_encode(buf_slice(&bytes), false, &base64);
		expect("profiles", buf_slice(&base64), segments == 1 ? 540 : 0, 360);
		buf_finish(&bytes);
		buf_finish(&base64);
	}
}

int test_image_size(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tc_4_headers),
		cmocka_unit_test(white_space_between_the_digits),
		cmocka_unit_test(jpeg_behind_profiles),
	};
	return cmocka_run_group_tests_name("image_size", tests, NULL, NULL);
}
