/* utf8.c: checking, counting and writing UTF-8. */
#include "base/encoding.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Offset of the first byte >= 0x80 from `at` on, or the length. */
static size_t skip_ascii(struct slice bytes, size_t at) {
#ifdef __SSE2__
	while (at + 16 <= bytes.len) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)(bytes.data + at));
		int high = _mm_movemask_epi8(block);
		if (high != 0) {
			return at + (size_t)__builtin_ctz((unsigned)high);
		}
		at += 16;
	}
#else
	while (at + 8 <= bytes.len) {
		uint64_t word;
		memcpy(&word, bytes.data + at, 8);
		if ((word & 0x8080808080808080) != 0) {
			break;
		}
		at += 8;
	}
#endif
	while (at < bytes.len && (unsigned char)bytes.data[at] < 0x80) {
		at++;
	}
	return at;
}

static bool is_continuation(unsigned char byte) {
	return (byte & 0xC0) == 0x80;
}

/* Length of the well-formed sequence of two to four bytes at `at`, 0 when it is none (Unicode
 * table 3-7: the second byte's range depends on the first, which rules out overlong forms,
 * surrogates and what is above U+10FFFF). */
static size_t sequence_length(const unsigned char *at, size_t left) {
	unsigned char lead = at[0];
	if (lead >= 0xC2 && lead <= 0xDF) {
		return left >= 2 && is_continuation(at[1]) ? 2 : 0;
	}
	if (lead >= 0xE0 && lead <= 0xEF) {
		unsigned char low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
		return left >= 3 && at[1] >= low && at[1] <= high && is_continuation(at[2]) ? 3 : 0;
	}
	if (lead >= 0xF0 && lead <= 0xF4) {
		unsigned char low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
		return left >= 4 && at[1] >= low && at[1] <= high && is_continuation(at[2]) &&
				       is_continuation(at[3])
			       ? 4
			       : 0;
	}
	return 0;
}

bool utf8_valid(struct slice bytes, size_t *bad_at) {
	size_t at = 0;
	while ((at = skip_ascii(bytes, at)) < bytes.len) {
		size_t len =
			sequence_length((const unsigned char *)bytes.data + at, bytes.len - at);
		if (len == 0) {
			if (bad_at != NULL) {
				*bad_at = at;
			}
			return false;
		}
		at += len;
	}
	return true;
}

size_t utf8_encode(uint32_t code_point, char out[4]) {
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (char)(0xC0 | code_point >> 6);
		out[1] = (char)(0x80 | (code_point & 0x3F));
		return 2;
	}
	if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
		code_point = 0xFFFD; /* no scalar value: the replacement character */
	}
	if (code_point < 0x10000) {
		out[0] = (char)(0xE0 | code_point >> 12);
		out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
		out[2] = (char)(0x80 | (code_point & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | code_point >> 18);
	out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
	out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
	out[3] = (char)(0x80 | (code_point & 0x3F));
	return 4;
}

size_t utf8_length(struct slice text) {
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++) {
		count += !is_continuation((unsigned char)text.data[i]);
	}
	return count;
}

size_t utf8_whole_prefix(struct slice bytes) {
	for (size_t back = 1; back <= 3 && back <= bytes.len; back++) {
		unsigned char byte = (unsigned char)bytes.data[bytes.len - back];
		if (is_continuation(byte)) {
			continue;
		}
		size_t needed = byte >= 0xF0 && byte <= 0xF4   ? 4
				: byte >= 0xE0 && byte <= 0xEF ? 3
				: byte >= 0xC2 && byte <= 0xDF ? 2
							       : 1;
		return needed > back ? bytes.len - back : bytes.len;
	}
	return bytes.len;
}
