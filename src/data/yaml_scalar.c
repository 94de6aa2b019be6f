/* yaml_scalar.c: types of plain scalars by the core schema of YAML 1.2, not 1.1: yes, no, on and
 * off are texts, and 0o17 is octal but 017 is seventeen. */
#include <inttypes.h>
#include <stdio.h>

#include "data/yaml_internal.h"

static bool is_digit(char byte) {
	return byte >= '0' && byte <= '9';
}

static size_t count_digits(struct slice text) {
	size_t count = 0;
	while (count < text.len && is_digit(text.data[count])) {
		count++;
	}
	return count;
}

static void set_small(struct yaml_scalar *out, enum json_type type, const char *text) {
	out->type = type;
	snprintf(out->small, sizeof out->small, "%s", text);
}

static bool find_word(struct slice text, struct yaml_scalar *out) {
	static const struct {
		const char *word;
		enum json_type type;
		const char *json;
	} words[] = {
		{"", JSON_NULL, "null"},
		{"~", JSON_NULL, "null"},
		{"null", JSON_NULL, "null"},
		{"Null", JSON_NULL, "null"},
		{"NULL", JSON_NULL, "null"},
		{"true", JSON_TRUE, "true"},
		{"True", JSON_TRUE, "true"},
		{"TRUE", JSON_TRUE, "true"},
		{"false", JSON_FALSE, "false"},
		{"False", JSON_FALSE, "false"},
		{"FALSE", JSON_FALSE, "false"},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_is(text, words[i].word)) {
			set_small(out, words[i].type, words[i].json);
			return true;
		}
	}
	return false;
}

static int digit_value(char byte) {
	if (is_digit(byte)) {
		return byte - '0';
	}
	if (byte >= 'a' && byte <= 'f') {
		return byte - 'a' + 10;
	}
	return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : 16;
}

/* 0o17 and 0x1f; neither takes a sign. */
static bool find_based(struct slice text, struct yaml_scalar *out) {
	if (text.len < 3 || text.data[0] != '0' || (text.data[1] != 'o' && text.data[1] != 'x')) {
		return false;
	}
	int base = text.data[1] == 'o' ? 8 : 16;
	uint64_t value = 0;
	bool is_too_large = false;
	for (size_t i = 2; i < text.len; i++) {
		int digit = digit_value(text.data[i]);
		if (digit >= base) {
			return false;
		}
		is_too_large |= __builtin_mul_overflow(value, (uint64_t)base, &value);
		value += (uint64_t)digit;
	}
	out->type = JSON_NUMBER;
	out->is_out_of_range = is_too_large;
	snprintf(out->small, sizeof out->small, "%" PRIu64, value);
	return true;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
 * JSON wants no plus, no leading zero, and digits on both sides of the point. */
static bool find_decimal(struct slice text, struct yaml_scalar *out) {
	bool is_negative = text.len > 0 && text.data[0] == '-';
	struct slice rest = slice_from(text, is_negative || slice_starts_with(text, SLICE("+")));
	size_t whole = count_digits(rest);
	bool has_point = whole < rest.len && rest.data[whole] == '.';
	size_t fraction = has_point ? count_digits(slice_from(rest, whole + 1)) : 0;
	if (whole == 0 && fraction == 0) {
		return false;
	}
	size_t end = whole + has_point + fraction;
	if (end < rest.len) {
		if (rest.data[end] != 'e' && rest.data[end] != 'E') {
			return false;
		}
		struct slice exponent = slice_from(rest, end + 1);
		if (exponent.len > 0 && (exponent.data[0] == '-' || exponent.data[0] == '+')) {
			exponent = slice_from(exponent, 1);
		}
		if (exponent.len == 0 || count_digits(exponent) != exponent.len) {
			return false;
		}
	}
	size_t zeros = 0;
	while (zeros + 1 < whole && rest.data[zeros] == '0') {
		zeros++;
	}
	out->type = JSON_NUMBER;
	snprintf(out->small, sizeof out->small, "%s%s", is_negative ? "-" : "",
		whole == 0 ? "0" : "");
	out->whole = slice_sub(rest, zeros, whole - zeros);
	/* "1." is 1, "1.e5" is 1e5. */
	out->rest = slice_from(rest, whole + (has_point && fraction == 0));
	return true;
}

void yaml_scalar_type(struct slice text, struct yaml_scalar *out) {
	*out = (struct yaml_scalar){.type = JSON_STRING};
	if (!find_word(text, out) && !find_based(text, out)) {
		find_decimal(text, out);
	}
}
