/* encoding.c: base64, hexadecimal and percent encoding, digests. */
#include "base/encoding.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static const char standard_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool base64_encode(struct slice bytes, bool url_safe, struct buf *out) {
	const char *alphabet = url_safe ? url_alphabet : standard_alphabet;
	size_t rest = bytes.len % 3;
	size_t len = bytes.len / 3 * 4 + (rest == 0 ? 0 : url_safe ? rest + 1 : 4);
	char *start = buf_reserve(out, len);
	if (start == NULL) {
		return false;
	}
	char *to = start;
	const unsigned char *at = (const unsigned char *)bytes.data;
	for (size_t i = 0; i < bytes.len / 3; i++, at += 3) {
		unsigned group = (unsigned)at[0] << 16 | (unsigned)at[1] << 8 | at[2];
		*to++ = alphabet[group >> 18];
		*to++ = alphabet[group >> 12 & 63];
		*to++ = alphabet[group >> 6 & 63];
		*to++ = alphabet[group & 63];
	}
	if (rest > 0) {
		unsigned group = (unsigned)at[0] << 16 | (rest == 2 ? (unsigned)at[1] << 8 : 0);
		*to++ = alphabet[group >> 18];
		*to++ = alphabet[group >> 12 & 63];
		if (rest == 2) {
			*to++ = alphabet[group >> 6 & 63];
		}
		while (!url_safe && to < start + len) {
			*to++ = '=';
		}
	}
	buf_commit(out, len);
	return true;
}

enum {
	NOT_BASE64 = 64,
	PADDING,
	SPACE
};

/* Both alphabets at once. Everything not named is NOT_BASE64; kept as value + 1 so that the zeroes
 * of the initialiser mean "not named". */
static const unsigned char base64_values[256] = {
	['A'] = 1,
	['B'] = 2,
	['C'] = 3,
	['D'] = 4,
	['E'] = 5,
	['F'] = 6,
	['G'] = 7,
	['H'] = 8,
	['I'] = 9,
	['J'] = 10,
	['K'] = 11,
	['L'] = 12,
	['M'] = 13,
	['N'] = 14,
	['O'] = 15,
	['P'] = 16,
	['Q'] = 17,
	['R'] = 18,
	['S'] = 19,
	['T'] = 20,
	['U'] = 21,
	['V'] = 22,
	['W'] = 23,
	['X'] = 24,
	['Y'] = 25,
	['Z'] = 26,
	['a'] = 27,
	['b'] = 28,
	['c'] = 29,
	['d'] = 30,
	['e'] = 31,
	['f'] = 32,
	['g'] = 33,
	['h'] = 34,
	['i'] = 35,
	['j'] = 36,
	['k'] = 37,
	['l'] = 38,
	['m'] = 39,
	['n'] = 40,
	['o'] = 41,
	['p'] = 42,
	['q'] = 43,
	['r'] = 44,
	['s'] = 45,
	['t'] = 46,
	['u'] = 47,
	['v'] = 48,
	['w'] = 49,
	['x'] = 50,
	['y'] = 51,
	['z'] = 52,
	['0'] = 53,
	['1'] = 54,
	['2'] = 55,
	['3'] = 56,
	['4'] = 57,
	['5'] = 58,
	['6'] = 59,
	['7'] = 60,
	['8'] = 61,
	['9'] = 62,
	['+'] = 63,
	['-'] = 63,
	['/'] = 64,
	['_'] = 64,
	['='] = PADDING + 1,
	[' '] = SPACE + 1,
	['\t'] = SPACE + 1,
	['\r'] = SPACE + 1,
	['\n'] = SPACE + 1,
};

static unsigned base64_value(char c) {
	unsigned value = base64_values[(unsigned char)c];
	return value == 0 ? NOT_BASE64 : value - 1;
}

/* Decodes into `to`, which has room for three quarters of the text; returns the end or NULL. */
static char *base64_decode_into(struct slice text, char *to) {
	unsigned group = 0;
	size_t digits = 0, paddings = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned value = base64_value(text.data[i]);
		if (value == SPACE) {
			continue;
		}
		if (value == PADDING) {
			paddings++;
			continue;
		}
		if (value == NOT_BASE64 || paddings > 0) {
			return NULL;
		}
		group = group << 6 | value;
		if (++digits % 4 == 0) {
			*to++ = (char)(group >> 16);
			*to++ = (char)(group >> 8 & 0xff);
			*to++ = (char)(group & 0xff);
			group = 0;
		}
	}
	size_t rest = digits % 4;
	if (rest == 1 || (paddings > 0 && (rest == 0 || rest + paddings != 4))) {
		return NULL;
	}
	if (rest >= 2) {
		group <<= 6 * (4 - rest);
		*to++ = (char)(group >> 16 & 0xff);
	}
	if (rest == 3) {
		*to++ = (char)(group >> 8 & 0xff);
	}
	return to;
}

bool base64_decode(struct slice text, struct buf *out) {
	/* White space and padding only make the text longer than it needs to be. */
	size_t room = base64_decoded_len(text);
	char *start = buf_reserve(out, room);
	char *end = start != NULL ? base64_decode_into(text, start) : NULL;
	if (end == NULL) {
		return false;
	}
	buf_commit(out, (size_t)(end - start));
	return true;
}

size_t base64_decoded_len(struct slice text) {
	while (text.len > 0 && text.data[text.len - 1] == '=') {
		text.len--;
	}
	return text.len / 4 * 3 + (text.len % 4 * 3) / 4;
}

void hex_encode(const uint8_t *bytes, size_t len, char *out) {
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

static int hex_value(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte two digits stand for, or -1. */
static int hex_byte(const char *at) {
	int high = hex_value(at[0]), low = hex_value(at[1]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool hex_decode(struct slice text, uint8_t *out, size_t *out_len) {
	if (text.len % 2 != 0) {
		return false;
	}
	for (size_t i = 0; i < text.len / 2; i++) {
		int byte = hex_byte(text.data + 2 * i);
		if (byte < 0) {
			return false;
		}
		out[i] = (uint8_t)byte;
	}
	*out_len = text.len / 2;
	return true;
}

bool percent_decode(struct slice text, bool plus_is_space, struct buf *out) {
	char *start = buf_reserve(out, text.len);
	if (start == NULL) {
		return false;
	}
	char *to = start;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '%') {
			int byte = i + 2 < text.len ? hex_byte(text.data + i + 1) : -1;
			if (byte < 0) {
				return false;
			}
			*to++ = (char)byte;
			i += 2;
		} else {
			*to++ = plus_is_space && text.data[i] == '+' ? ' ' : text.data[i];
		}
	}
	buf_commit(out, (size_t)(to - start));
	return true;
}

bool percent_encode(struct slice text, struct buf *out) {
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
				c == '~';
		const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
		if (is_plain ? !buf_append_byte(out, (char)c)
			     : !buf_append(out, slice_make(escape, 3))) {
			return false;
		}
	}
	return true;
}

void sha256(struct slice bytes, uint8_t out[SHA256_LEN]) {
	const char *data = bytes.len > 0 ? bytes.data : "";
	if (EVP_Digest(data, bytes.len, out, NULL, EVP_sha256(), NULL) != 1) {
		abort(); /* only a broken libcrypto has no SHA-256 */
	}
}

void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[SHA256_LEN]) {
	/* A long key is replaced by its digest anyway (RFC 2104 section 2); doing it here keeps the
	 * length within HMAC's int. */
	uint8_t digest[SHA256_LEN];
	if (key.len > 64) {
		sha256(key, digest);
		key = slice_make((const char *)digest, sizeof digest);
	}
	const unsigned char *data = (const unsigned char *)(bytes.len > 0 ? bytes.data : "");
	if (HMAC(EVP_sha256(), key.len > 0 ? key.data : "", (int)key.len, data, bytes.len, out,
		    NULL) == NULL) {
		abort();
	}
}

bool constant_time_eq(struct slice a, struct slice b) {
	volatile unsigned char difference = 0;
	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		difference |= (unsigned char)(a.data[i] ^ b.data[i]);
	}
	return difference == 0;
}

/* ---- shell ---- */

bool shell_quote_word(struct slice value, struct buf *out) {
	buf_append_byte(out, '\'');
	while (value.len > 0) {
		size_t quote = slice_find_byte(value, '\'');
		size_t plain = quote == SIZE_MAX ? value.len : quote;
		buf_append(out, slice_sub(value, 0, plain));
		if (quote == SIZE_MAX) {
			break;
		}
		buf_append(out, SLICE("'\\''"));
		value = slice_from(value, quote + 1);
	}
	return buf_append_byte(out, '\'');
}
