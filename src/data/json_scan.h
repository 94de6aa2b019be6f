/* json_scan.h: byte scanning shared by the JSON parser, decoder and writer; private to
 * data/json*.c.
 *
 * A *special* byte is one that a run of string bytes cannot be passed over: the quote, the
 * backslash, a control below 0x20 and, where asked for, the first byte of a non-ASCII sequence. */
#ifndef LLMMUX_DATA_JSON_SCAN_H
#define LLMMUX_DATA_JSON_SCAN_H

#include "base/slice.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static inline bool json_is_special(unsigned char c, bool stops_at_non_ascii) {
	return c == '"' || c == '\\' || c < 0x20 || (stops_at_non_ascii && c >= 0x80);
}

#ifdef __SSE2__
/* One bit per special byte of the 16 at `p`. */
static inline unsigned json_special_mask(const char *p, bool stops_at_non_ascii) {
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i control =
		_mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
	__m128i special = _mm_or_si128(_mm_or_si128(quote, backslash), control);
	if (stops_at_non_ascii) {
		/* movemask looks at the top bit alone: that is the non-ASCII bit. */
		special = _mm_or_si128(special, bytes);
	}
	return (unsigned)_mm_movemask_epi8(special);
}
#endif

/* The first special byte of [p, end), or end. */
static inline const char *json_find_special(
	const char *p, const char *end, bool stops_at_non_ascii) {
#ifdef __SSE2__
	while (end - p >= 16) {
		unsigned mask = json_special_mask(p, stops_at_non_ascii);
		if (mask != 0) {
			return p + __builtin_ctz(mask);
		}
		p += 16;
	}
#endif
	while (p < end && !json_is_special((unsigned char)*p, stops_at_non_ascii)) {
		p++;
	}
	return p;
}

static inline bool json_is_continuation(char c) {
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* Length (2..4) of the well-formed UTF-8 sequence that begins with the non-ASCII byte at p, or 0.
 * *bad_len (may be NULL) then tells how many bytes one U+FFFD stands for: the longest beginning of
 * a well-formed sequence, at least 1 (Unicode 3.9, maximal subparts). */
static inline size_t json_utf8_sequence(const char *p, const char *end, size_t *bad_len) {
	unsigned char lead = (unsigned char)*p;
	size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
	size_t good = 1;
	if (lead >= 0xC2 && lead <= 0xF4) {
		/* Overlong forms, surrogates and code points beyond U+10FFFF all show in the second
		 * byte. */
		unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
		unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
		if (end - p > 1 && (unsigned char)p[1] >= low && (unsigned char)p[1] <= high) {
			good = 2;
			while (good < len && p + good < end && json_is_continuation(p[good])) {
				good++;
			}
			if (good == len) {
				return len;
			}
		}
	}
	if (bad_len) {
		*bad_len = good;
	}
	return 0;
}

/* Value of four hex digits; -1 when one is not a digit. */
static inline int json_hex4(const char *p) {
	int value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];
		unsigned char folded = c | 0x20;
		int digit = c >= '0' && c <= '9'             ? c - '0'
			    : folded >= 'a' && folded <= 'f' ? folded - 'a' + 10
							     : -1;
		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

#endif
