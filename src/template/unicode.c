/* unicode.c: upper and lower case of Latin, Greek, Cyrillic, Armenian and a few more, white space.
 * Tables of our own: what a template prints must not hang on the locales a machine has. */
#include "base/encoding.h"
#include "template/builtins.h"

/* Upper-case letters first..last; how far their lower case is. step 2: every second is one, beside
 * its lower case. */
static const struct case_range {
	uint32_t first, last;
	int32_t distance;
	uint8_t step;
} ranges[] = {
	{'A', 'Z', 32, 1},
	{0xc0, 0xd6, 32, 1},
	{0xd8, 0xde, 32, 1},
	{0x100, 0x12e, 1, 2},
	{0x132, 0x136, 1, 2},
	{0x139, 0x147, 1, 2},
	{0x14a, 0x176, 1, 2},
	{0x178, 0x178, 0xff - 0x178, 1},
	{0x179, 0x17d, 1, 2},
	{0x1cd, 0x1db, 1, 2},
	{0x1de, 0x1ee, 1, 2},
	{0x1f8, 0x21e, 1, 2},
	{0x222, 0x232, 1, 2},
	{0x386, 0x386, 38, 1},
	{0x388, 0x38a, 37, 1},
	{0x38c, 0x38c, 64, 1},
	{0x38e, 0x38f, 63, 1},
	{0x391, 0x3a1, 32, 1},
	{0x3a3, 0x3ab, 32, 1},
	{0x3d8, 0x3ee, 1, 2},
	{0x400, 0x40f, 80, 1},
	{0x410, 0x42f, 32, 1},
	{0x460, 0x480, 1, 2},
	{0x48a, 0x4be, 1, 2},
	{0x4c0, 0x4c0, 15, 1},
	{0x4c1, 0x4cd, 1, 2},
	{0x4d0, 0x52e, 1, 2},
	{0x531, 0x556, 48, 1},
	{0x1e00, 0x1e94, 1, 2},
	{0x1ea0, 0x1efe, 1, 2},
	{0x1f08, 0x1f0f, -8, 1},
	{0x1f18, 0x1f1d, -8, 1},
	{0x1f28, 0x1f2f, -8, 1},
	{0x1f38, 0x1f3f, -8, 1},
	{0x1f48, 0x1f4d, -8, 1},
	{0x1f68, 0x1f6f, -8, 1},
	{0x2160, 0x216f, 16, 1},
	{0x24b6, 0x24cf, 26, 1},
	{0x2c00, 0x2c2f, 48, 1},
	{0x2c80, 0x2ce2, 1, 2},
	{0xff21, 0xff3a, 32, 1},
	{0x10400, 0x10427, 40, 1},
};
#define RANGE_COUNT (sizeof ranges / sizeof ranges[0])

/* Lower-case letters that are no letter's lower case. */
static uint32_t lonely_upper(uint32_t code) {
	switch (code) {
	case 0xb5:
		return 0x39c; /* micro sign */
	case 0x131:
		return 'I'; /* dotless i */
	case 0x17f:
		return 'S'; /* long s */
	case 0x3c2:
		return 0x3a3; /* final sigma */
	default:
		return code;
	}
}

uint32_t unicode_lower(uint32_t code) {
	if (code == 0x130) {
		return 'i';
	}
	if (code == 0x1e9e) {
		return 0xdf;
	}
	for (size_t i = 0; i < RANGE_COUNT && code >= ranges[i].first; i++) {
		const struct case_range *range = &ranges[i];
		if (code <= range->last && (code - range->first) % range->step == 0) {
			return (uint32_t)((int32_t)code + range->distance);
		}
	}
	return code;
}

uint32_t unicode_upper(uint32_t code) {
	for (size_t i = 0; i < RANGE_COUNT; i++) {
		const struct case_range *range = &ranges[i];
		uint32_t upper = (uint32_t)((int32_t)code - range->distance);
		if (upper >= range->first && upper <= range->last &&
			(upper - range->first) % range->step == 0) {
			return upper;
		}
	}
	return lonely_upper(code);
}

bool unicode_is_upper(uint32_t code) {
	return unicode_lower(code) != code;
}

bool unicode_is_lower(uint32_t code) {
	/* sharp s and the ordinals have no single capital */
	return unicode_upper(code) != code || code == 0xdf || code == 0xaa || code == 0xba;
}

bool unicode_is_space(uint32_t code) {
	return (code >= 9 && code <= 13) || code == ' ' || code == 0x85 || code == 0xa0 ||
	       code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
	       code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

uint32_t unicode_next(struct slice *rest) {
	const unsigned char *at = (const unsigned char *)rest->data;
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (size > rest->len) {
		size = 1;
	}
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code = at[0] & masks[size];
	for (size_t i = 1; i < size; i++) {
		code = code << 6 | (at[i] & 0x3fU);
	}
	*rest = slice_from(*rest, size);
	return code;
}

bool unicode_append(struct buf *out, uint32_t code) {
	char bytes[4];
	return buf_append(out, slice_make(bytes, utf8_encode(code, bytes)));
}

static bool is_in(struct slice set, uint32_t code) {
	if (set.len == 0) {
		return unicode_is_space(code);
	}
	while (set.len > 0) {
		if (unicode_next(&set) == code) {
			return true;
		}
	}
	return false;
}

struct slice unicode_trim(struct slice text, struct slice set) {
	struct slice rest = text;
	while (rest.len > 0 && is_in(set, unicode_next(&rest))) {
		text = rest;
	}
	while (text.len > 0) {
		size_t at = text.len - 1;
		while (at > 0 && ((unsigned char)text.data[at] & 0xc0) == 0x80) {
			at--;
		}
		struct slice last = slice_from(text, at);
		if (!is_in(set, unicode_next(&last))) {
			break;
		}
		text.len = at;
	}
	return text;
}

bool unicode_append_upper(struct buf *out, struct slice text) {
	while (text.len > 0) {
		uint32_t code = unicode_next(&text);
		if (code == 0xdf) {
			buf_append_str(out, "SS");
		} else {
			unicode_append(out, unicode_upper(code));
		}
	}
	return !out->failed;
}

static bool is_letter(uint32_t code) {
	return unicode_is_upper(code) || unicode_is_lower(code);
}

bool unicode_append_lower(struct buf *out, struct slice text) {
	bool is_after_letter = false;
	while (text.len > 0) {
		uint32_t code = unicode_next(&text);
		struct slice ahead = text;
		bool is_last = text.len == 0 || !is_letter(unicode_next(&ahead));
		/* A sigma at the end of a word has a form of its own. */
		bool is_final = code == 0x3a3 && is_after_letter && is_last;
		unicode_append(out, is_final ? 0x3c2 : unicode_lower(code));
		if (code == 0x130) {
			unicode_append(out, 0x307);
		}
		is_after_letter = is_letter(code);
	}
	return !out->failed;
}
