/* json_text.c: decoding and comparing the inside of JSON strings. */
#include "data/json_text.h"
#include "base/encoding.h"
#include "data/json_scan.h"

#define REPLACEMENT_CODE_POINT 0xFFFDu

/* Value of the \uXXXX at p; -1 when there is none. */
static int unicode_escape(const char *p, const char *end) {
	return end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? json_hex4(p + 2) : -1;
}

static bool is_high_surrogate(int unit) {
	return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int unit) {
	return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* The code point of the \uXXXX (first value `unit`) at *p, which moves behind it. */
static uint32_t take_unicode(const char **p, const char *end, int unit) {
	*p += 6;
	if (is_high_surrogate(unit)) {
		int low = unicode_escape(*p, end);
		if (is_low_surrogate(low)) {
			*p += 6;
			return 0x10000u + (((uint32_t)unit - 0xD800u) << 10) +
			       ((uint32_t)low - 0xDC00u);
		}
	}
	if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
		return REPLACEMENT_CODE_POINT;
	}
	return (uint32_t)unit;
}

/* Decodes the escape at *p (a backslash), moves *p behind it; returns how many bytes it gave. */
static size_t take_escape(const char **p, const char *end, char out[4]) {
	static const char plain[256] = {
		['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t',
	};
	int unit = unicode_escape(*p, end);
	if (unit >= 0) {
		return utf8_encode(take_unicode(p, end, unit), out);
	}
	if (end - *p >= 2 && plain[(unsigned char)(*p)[1]]) {
		out[0] = plain[(unsigned char)(*p)[1]];
		*p += 2;
		return 1;
	}
	out[0] = *(*p)++;
	return 1;
}

size_t json_text_decode(struct slice escaped, char *out) {
	const char *p = escaped.data, *end = p + escaped.len;
	char *to = out;
	while (p < end) {
		const char *backslash = memchr(p, '\\', (size_t)(end - p));
		size_t run = (size_t)((backslash ? backslash : end) - p);
		memcpy(to, p, run);
		to += run;
		p += run;
		/* Escapes often stand together: \r\n, \n\n, \". */
		while (p < end && *p == '\\') {
			char bytes[4];
			size_t len = take_escape(&p, end, bytes);
			memcpy(to, bytes, len);
			to += len;
		}
	}
	return (size_t)(to - out);
}

/* Gives a text's decoded bytes one after the other. */
struct text_reader {
	const char *p, *end;
	bool has_escape;
	char bytes[4];
	size_t at, len; /* of bytes */
};

/* The next decoded byte; -1 at the end. */
static int next_byte(struct text_reader *r) {
	if (r->at < r->len) {
		return (unsigned char)r->bytes[r->at++];
	}
	if (r->p == r->end) {
		return -1;
	}
	if (r->has_escape && *r->p == '\\') {
		r->len = take_escape(&r->p, r->end, r->bytes);
		r->at = 1;
		return (unsigned char)r->bytes[0];
	}
	return (unsigned char)*r->p++;
}

int json_text_compare(struct json_text a, struct json_text b) {
	if (!a.has_escape && !b.has_escape) {
		return slice_compare(a.bytes, b.bytes);
	}
	struct text_reader ra = {a.bytes.data, a.bytes.data + a.bytes.len, a.has_escape, {0}, 0, 0};
	struct text_reader rb = {b.bytes.data, b.bytes.data + b.bytes.len, b.has_escape, {0}, 0, 0};
	int ca, cb;
	do {
		ca = next_byte(&ra);
		cb = next_byte(&rb);
	} while (ca == cb && ca >= 0);
	return ca == cb ? 0 : ca < cb ? -1 : 1;
}
