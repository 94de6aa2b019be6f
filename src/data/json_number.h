/* json_number.h: exact decimal values of JSON numbers; private to data/json*.c. */
#ifndef LLMMUX_DATA_JSON_NUMBER_H
#define LLMMUX_DATA_JSON_NUMBER_H

#include "data/json.h"

/* A number as sign, digits without outer zeros, and a power of ten: the value is
 * 0.DIGITS * 10^exponent. The digits stay in the source, where a point may stand among them. */
struct json_decimal {
	bool is_negative;    /* false for -0 */
	bool is_extreme;     /* the written exponent is beyond what `exponent` can hold */
	struct slice digits; /* from the first to the last digit that is not 0; empty for zero */
	size_t digit_count;
	int64_t exponent;
};

struct json_decimal json_decimal_of(const struct json *number);
/* False when it has a fraction or is out of range. */
bool json_decimal_to_int64(struct json_decimal decimal, int64_t *out);
/* Equality of value, without rounding. */
bool json_number_equal(const struct json *a, const struct json *b);
/* By exact value: <0, 0, >0. Both must be numbers. */
int json_number_compare(const struct json *a, const struct json *b);
/* 1, 1.0, 1e300: no fraction. */
bool json_number_is_whole(const struct json *number);
/* Whether the number is a whole multiple of the divisor, exactly, into *out. False when that cannot
 * be told: a divisor of zero, or of more digits than 64 bits hold. */
bool json_number_is_multiple(const struct json *number, const struct json *divisor, bool *out);

#endif
