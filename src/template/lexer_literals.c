/* lexer_literals.c: numbers and strings of expressions (workflows.md 6.3). */
#include "template/lexer_literals.h"

#include <errno.h>
#include <stdlib.h>

#include "base/encoding.h"

static char byte_at(const struct lexer *lexer, size_t at) {
	return at < lexer->text.len ? lexer->text.data[at] : '\0';
}

/* ---- numbers ---- */

#define NUMBER_MAX 64

static int digit_of(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	char lower = (char)(c | 32);
	return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

static struct token read_int(struct lexer *lexer, size_t begin, unsigned base) {
	uint64_t number = 0;
	bool has_digit = false;
	bool is_too_large = false;
	for (;; lexer->at++) {
		char c = byte_at(lexer, lexer->at);
		int digit = digit_of(c);
		if (c == '_') {
			continue;
		}
		if (digit >= (int)base) {
			break;
		}
		has_digit = true;
		is_too_large |= __builtin_mul_overflow(number, base, &number) ||
				__builtin_add_overflow(number, (unsigned)digit, &number) ||
				number > INT64_MAX;
	}
	if (!has_digit) {
		return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, begin, "the number has no digits");
	}
	if (is_too_large) {
		return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, begin,
			"the number does not fit into 64 bits");
	}
	return (struct token){.kind = TOKEN_INT,
		.begin = (uint32_t)begin,
		.end = (uint32_t)lexer->at,
		.integer = (int64_t)number};
}

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static size_t skip_digits(const struct lexer *lexer, size_t at) {
	while (is_digit(byte_at(lexer, at)) || byte_at(lexer, at) == '_') {
		at++;
	}
	return at;
}

/* Where the fraction and the exponent end; `at` itself when there is neither. */
static size_t skip_fraction(const struct lexer *lexer, size_t at) {
	if (byte_at(lexer, at) == '.' && is_digit(byte_at(lexer, at + 1))) {
		at = skip_digits(lexer, at + 1);
	}
	if (byte_at(lexer, at) == 'e' || byte_at(lexer, at) == 'E') {
		size_t digits = at + 1;
		digits += byte_at(lexer, digits) == '+' || byte_at(lexer, digits) == '-';
		if (is_digit(byte_at(lexer, digits))) {
			at = skip_digits(lexer, digits);
		}
	}
	return at;
}

static struct token read_float(struct lexer *lexer, size_t begin, size_t end) {
	char text[NUMBER_MAX];
	size_t len = 0;
	lexer->at = end;
	for (size_t at = begin; at < end; at++) {
		if (lexer->text.data[at] == '_') {
			continue;
		}
		if (len + 1 == sizeof text) {
			return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, begin,
				"the number is longer than 63 digits");
		}
		text[len++] = lexer->text.data[at];
	}
	text[len] = '\0';
	return (struct token){.kind = TOKEN_FLOAT,
		.begin = (uint32_t)begin,
		.end = (uint32_t)end,
		.number = strtod(text, NULL)};
}

struct token lexer_number(struct lexer *lexer, bool is_item) {
	size_t begin = lexer->at;
	if (is_item) {
		return read_int(lexer, begin, 10);
	}
	char kind = (char)(byte_at(lexer, begin + 1) | 32);
	unsigned base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
	if (base != 10 && byte_at(lexer, begin) == '0') {
		lexer->at = begin + 2;
		return read_int(lexer, begin, base);
	}
	size_t whole = skip_digits(lexer, begin);
	size_t end = skip_fraction(lexer, whole);
	return end > whole ? read_float(lexer, begin, end) : read_int(lexer, begin, 10);
}

/* ---- strings ---- */

/* Digits of a base, at most `max`, into *code; the count read. */
static size_t read_digits(struct slice text, size_t at, int base, size_t max, uint32_t *code) {
	size_t count = 0;
	*code = 0;
	while (count < max && at + count < text.len && digit_of(text.data[at + count]) < base) {
		*code = *code * (uint32_t)base + (uint32_t)digit_of(text.data[at + count]);
		count++;
	}
	return count;
}

/* `\uXXXX` at text[at] == 'u', with the second half of a pair; the bytes read, 0: broken. */
static size_t read_unicode(struct slice text, size_t at, uint32_t *code) {
	uint32_t low;
	if (read_digits(text, at + 1, 16, 4, code) != 4) {
		return 0;
	}
	if (*code < 0xd800 || *code > 0xdfff) {
		return 5;
	}
	bool is_pair = *code <= 0xdbff && at + 6 < text.len && text.data[at + 5] == '\\' &&
		       text.data[at + 6] == 'u' && read_digits(text, at + 7, 16, 4, &low) == 4 &&
		       low >= 0xdc00 && low <= 0xdfff;
	if (!is_pair) {
		return 0;
	}
	*code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
	return 11;
}

/* The escape whose letter stands at text[at]; the bytes read, 0: it is none. */
static size_t read_escape(struct slice text, size_t at, uint32_t *code) {
	static const char letters[] = "nrtbf\"'\\/";
	static const char meant[] = "\n\r\t\b\f\"'\\/";
	char c = text.data[at];
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter != NULL) {
		*code = (unsigned char)meant[letter - letters];
		return 1;
	}
	if (c == 'u') {
		return read_unicode(text, at, code);
	}
	if (c == 'x') {
		return read_digits(text, at + 1, 16, 2, code) == 2 ? 3 : 0;
	}
	return read_digits(text, at, 8, 3, code);
}

/* Decodes to `out`, which has room for text.len bytes; the length, SIZE_MAX on a broken escape. */
static size_t unescape(struct slice text, char *out) {
	size_t len = 0;
	for (size_t at = 0; at < text.len;) {
		if (text.data[at] != '\\') {
			out[len++] = text.data[at++];
			continue;
		}
		uint32_t code;
		size_t read = at + 1 < text.len ? read_escape(text, at + 1, &code) : 0;
		if (read == 0) {
			return SIZE_MAX;
		}
		char bytes[4];
		size_t size = utf8_encode(code, bytes);
		memcpy(out + len, bytes, size);
		len += size;
		at += 1 + read;
	}
	return len;
}

/* The offset of the closing quote, and whether there is a backslash; SIZE_MAX: never closed. */
static size_t find_quote(struct slice text, size_t at, char quote, bool *has_escape) {
	*has_escape = false;
	for (; at < text.len; at++) {
		if (text.data[at] == quote) {
			return at;
		}
		if (text.data[at] == '\\') {
			*has_escape = true;
			at++;
		}
	}
	return SIZE_MAX;
}

struct token lexer_string(struct lexer *lexer) {
	size_t begin = lexer->at;
	bool has_escape;
	size_t end = find_quote(lexer->text, begin + 1, lexer->text.data[begin], &has_escape);
	if (end == SIZE_MAX) {
		return lexer_fail(
			lexer, TEMPLATE_ERROR_SYNTAX, begin, "the string is never closed");
	}
	struct slice text = slice_sub(lexer->text, begin + 1, end - begin - 1);
	lexer->at = end + 1;
	if (has_escape) {
		char *decoded = arena_try_alloc(lexer->arena, text.len);
		if (decoded == NULL) {
			return lexer_fail(lexer, TEMPLATE_ERROR_LIMIT, begin,
				"the template needs too much memory");
		}
		text.len = unescape(text, decoded);
		if (text.len == SIZE_MAX) {
			return lexer_fail(lexer, TEMPLATE_ERROR_BAD_ESCAPE, begin,
				"the string has a backslash that begins no escape");
		}
		text.data = decoded;
	}
	return (struct token){.kind = TOKEN_STRING,
		.begin = (uint32_t)begin,
		.end = (uint32_t)lexer->at,
		.text = text};
}
