/* json_number.c: exact decimal values of JSON numbers. */
#include "data/json_number.h"

/* So far from the limits of int64_t that adding a digit count cannot overflow. */
#define EXPONENT_MAX (INT64_MAX / 4)
#define INT64_DIGITS_MAX 19

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static int64_t parse_exponent(const char *p, const char *end, bool *is_extreme) {
	bool is_negative = p < end && *p == '-';
	int64_t value = 0;
	p += p < end && (*p == '-' || *p == '+');
	for (; p < end && is_digit(*p); p++) {
		if (value > EXPONENT_MAX / 10 - 1) {
			*is_extreme = true;
			break;
		}
		value = value * 10 + (*p - '0');
	}
	return is_negative ? -value : value;
}

struct json_decimal json_decimal_of(const struct json *number) {
	struct json_decimal d = {0};
	const char *p = number->raw, *end = p + number->raw_len;
	const char *first = NULL, *last = NULL;
	int64_t before_point = 0; /* digits from the first non-zero one to the point; < 0: zeros */
	size_t count = 0;
	bool has_point = false, is_negative = p < end && *p == '-';
	p += is_negative;
	for (; p < end && (is_digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			has_point = true;
			continue;
		}
		if (*p != '0' && !first) {
			first = p;
		}
		count += first != NULL;
		if (*p != '0') {
			last = p;
			d.digit_count = count;
		}
		if (first && !has_point) {
			before_point++;
		} else if (!first && has_point) {
			before_point--;
		}
	}
	if (!first) {
		return d;
	}
	d.is_negative = is_negative;
	d.digits = slice_make(first, (size_t)(last - first) + 1);
	d.exponent = before_point;
	if (p < end && (*p == 'e' || *p == 'E')) {
		d.exponent += parse_exponent(p + 1, end, &d.is_extreme);
	}
	return d;
}

bool json_decimal_to_int64(struct json_decimal d, int64_t *out) {
	uint64_t value = 0;
	if (d.digit_count == 0) {
		*out = 0;
		return true;
	}
	if (d.is_extreme || d.exponent > INT64_DIGITS_MAX || d.exponent < (int64_t)d.digit_count) {
		return false;
	}
	for (size_t i = 0; i < d.digits.len; i++) {
		if (d.digits.data[i] != '.') {
			value = value * 10 + (uint64_t)(d.digits.data[i] - '0');
		}
	}
	for (int64_t i = (int64_t)d.digit_count; i < d.exponent; i++) {
		value *= 10;
	}
	if (value > (uint64_t)INT64_MAX + d.is_negative) {
		return false;
	}
	*out = d.is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

/* The digits of both, points skipped. Both counts are equal. */
static bool same_digits(struct slice a, struct slice b) {
	size_t i = 0, j = 0;
	while (i < a.len && j < b.len) {
		if (a.data[i] == '.') {
			i++;
		} else if (b.data[j] == '.') {
			j++;
		} else if (a.data[i++] != b.data[j++]) {
			return false;
		}
	}
	return true;
}

bool json_number_equal(const struct json *a, const struct json *b) {
	if (!a || !b || slice_eq(json_raw(a), json_raw(b))) {
		return a && b;
	}
	struct json_decimal da = json_decimal_of(a), db = json_decimal_of(b);
	return !da.is_extreme && !db.is_extreme && da.is_negative == db.is_negative &&
	       da.exponent == db.exponent && da.digit_count == db.digit_count &&
	       same_digits(da.digits, db.digits);
}
