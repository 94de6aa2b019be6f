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

/* The digits as one number against another's, both of the same magnitude: 0.DIGITS. */
static int compare_digits(struct slice a, struct slice b) {
	size_t i = 0, j = 0;
	for (;;) {
		i += i < a.len && a.data[i] == '.';
		j += j < b.len && b.data[j] == '.';
		char x = i < a.len ? a.data[i++] : '0', y = j < b.len ? b.data[j++] : '0';
		if (x != y) {
			return x < y ? -1 : 1;
		}
		if (i >= a.len && j >= b.len) {
			return 0;
		}
	}
}

int json_number_compare(const struct json *a, const struct json *b) {
	struct json_decimal da = json_decimal_of(a), db = json_decimal_of(b);
	int sign_a = da.digit_count == 0 ? 0 : da.is_negative ? -1 : 1;
	int sign_b = db.digit_count == 0 ? 0 : db.is_negative ? -1 : 1;
	if (sign_a != sign_b || sign_a == 0) {
		return sign_a < sign_b ? -1 : sign_a > sign_b;
	}
	int order = da.exponent != db.exponent ? (da.exponent < db.exponent ? -1 : 1)
					       : compare_digits(da.digits, db.digits);
	return sign_a * order;
}

bool json_number_is_whole(const struct json *number) {
	struct json_decimal d = json_decimal_of(number);
	return d.digit_count == 0 || d.exponent >= (int64_t)d.digit_count;
}

/* The digits as an integer; false when it does not fit. */
static bool digits_to_uint64(struct slice digits, uint64_t *out) {
	uint64_t value = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] == '.') {
			continue;
		}
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(digits.data[i] - '0'), &value)) {
			return false;
		}
	}
	*out = value;
	return true;
}

/* 10^power modulo `modulus`. */
static uint64_t ten_to_modulo(uint64_t power, uint64_t modulus) {
	unsigned __int128 result = 1 % modulus, base = 10 % modulus;
	for (; power > 0; power >>= 1) {
		if (power & 1) {
			result = result * base % modulus;
		}
		base = base * base % modulus;
	}
	return (uint64_t)result;
}

bool json_number_is_multiple(const struct json *number, const struct json *divisor, bool *out) {
	struct json_decimal n = json_decimal_of(number), d = json_decimal_of(divisor);
	uint64_t modulus;
	if (d.digit_count == 0 || n.is_extreme || d.is_extreme ||
		!digits_to_uint64(d.digits, &modulus)) {
		return false;
	}
	if (n.digit_count == 0) {
		*out = true;
		return true;
	}
	/* number = N * 10^n_power and divisor = D * 10^d_power with whole N, D. D has no factor
	 * ten, but its twos and fives may be what N lacks: scale the smaller power up. */
	int64_t n_power = n.exponent - (int64_t)n.digit_count;
	int64_t d_power = d.exponent - (int64_t)d.digit_count;
	for (; d_power > n_power; d_power--) {
		if (__builtin_mul_overflow(modulus, 10, &modulus)) {
			return false;
		}
	}
	unsigned __int128 rest = 0;
	for (size_t i = 0; i < n.digits.len; i++) {
		if (n.digits.data[i] != '.') {
			rest = (rest * 10 + (unsigned)(n.digits.data[i] - '0')) % modulus;
		}
	}
	*out = rest * ten_to_modulo((uint64_t)(n_power - d_power), modulus) % modulus == 0;
	return true;
}
