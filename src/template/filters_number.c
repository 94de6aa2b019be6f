/* filters_number.c: filters that compute or convert to numbers (workflows.md 6.5). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "template/builtins.h"

bool filter_abs(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter abs", arguments);
	struct value value = value_plain(builtin_subject(&reader), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (value.type == VALUE_FLOAT) {
		*out = value_float(fabs(value.number));
		return true;
	}
	if (value.type != VALUE_INT) {
		return builtin_fail(&reader, "%s is not a number", value_kind_name(value));
	}
	if (value.integer == INT64_MIN) {
		return builtin_fail(&reader, "the absolute value does not fit into 64 bits");
	}
	*out = value_int(value.integer < 0 ? -value.integer : value.integer);
	return true;
}

/* Decimal digits with an optional sign, point and exponent; nothing else (no hex, no "inf"). */
static bool parse_float(struct slice text, double *number) {
	char copy[400];
	bool has_digit = false;
	if (text.len == 0 || text.len >= sizeof copy) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		has_digit = has_digit || (byte >= '0' && byte <= '9');
		if (byte == 0 || !strchr("0123456789+-.eE", byte)) {
			return false;
		}
	}
	memcpy(copy, text.data, text.len);
	copy[text.len] = 0;
	char *end;
	*number = strtod(copy, &end);
	return has_digit && end == copy + text.len;
}

static bool float_to_int(double number, int64_t *out) {
	double whole = trunc(number);
	if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0)) {
		return false;
	}
	*out = (int64_t)whole;
	return true;
}

static bool text_to_int(struct slice text, int64_t *out) {
	double number;
	text = unicode_trim(text, SLICE(""));
	struct slice digits = slice_starts_with(text, SLICE("+")) ? slice_from(text, 1) : text;
	return slice_to_int64(digits, out) ||
	       (parse_float(text, &number) && float_to_int(number, out));
}

bool filter_int(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter int", arguments);
	struct value value =
		value_plain(template_take_required(&reader, 0, NULL), template_run_arena(run));
	int64_t number = 0;
	bool is_number = true;
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	switch (value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		break;
	case VALUE_BOOL:
		number = value.boolean;
		break;
	case VALUE_INT:
		number = value.integer;
		break;
	case VALUE_FLOAT:
		is_number = float_to_int(value.number, &number);
		break;
	case VALUE_STRING:
		is_number = text_to_int(value.string, &number);
		break;
	default:
		return builtin_fail(
			&reader, "%s cannot become a whole number", value_kind_name(value));
	}
	*out = value_int(number);
	return is_number ||
	       builtin_fail(&reader, "`%.*s` is not a whole number of 64 bits",
		       SLICE_FMT(slice_sub(value_text(value, template_run_arena(run)), 0, 60)));
}

bool filter_float(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter float", arguments);
	struct value value =
		value_plain(template_take_required(&reader, 0, NULL), template_run_arena(run));
	double number = 0;
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	switch (value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		break;
	case VALUE_BOOL:
		number = value.boolean ? 1 : 0;
		break;
	case VALUE_INT:
		number = (double)value.integer;
		break;
	case VALUE_FLOAT:
		number = value.number;
		break;
	case VALUE_STRING:
		if (!parse_float(unicode_trim(value.string, SLICE("")), &number)) {
			return builtin_fail(&reader, "`%.*s` is not a number",
				SLICE_FMT(slice_sub(value.string, 0, 60)));
		}
		break;
	default:
		return builtin_fail(&reader, "%s cannot become a number", value_kind_name(value));
	}
	*out = value_float(number);
	return true;
}

bool filter_bool(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter bool", arguments);
	struct value value = template_take_required(&reader, 0, NULL);
	*out = value_bool(value_is_true(value, template_run_arena(run)));
	return template_reader_done(&reader, 1);
}

/* Half away from zero. */
bool filter_round(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter round", arguments);
	struct value value = value_plain(builtin_subject(&reader), template_run_arena(run));
	int64_t precision = template_take_int(&reader, 1, "precision", 0);
	if (!template_reader_done(&reader, 2)) {
		return false;
	}
	if (value.type == VALUE_INT) {
		*out = value;
		return true;
	}
	if (value.type != VALUE_FLOAT) {
		return builtin_fail(&reader, "%s is not a number", value_kind_name(value));
	}
	if (precision < -300 || precision > 300) {
		return builtin_fail(&reader, "`precision` must be between -300 and 300");
	}
	double scale = pow(10, (double)precision);
	double rounded = round(value.number * scale) / scale;
	*out = value_float(isfinite(rounded) ? rounded : value.number);
	return true;
}

bool filter_sum(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter sum", arguments);
	const struct value_list *items = builtin_subject_items(&reader);
	int64_t whole = 0;
	double number = 0;
	bool is_float = false;
	if (!items || !template_reader_done(&reader, 1)) {
		return false;
	}
	for (size_t i = 0; i < items->len; i++) {
		struct value item = value_plain(items->items[i], template_run_arena(run));
		if (item.type == VALUE_UNDEFINED) {
			continue;
		}
		if (item.type == VALUE_FLOAT) {
			number = is_float ? number + item.number : (double)whole + item.number;
			is_float = true;
		} else if (item.type != VALUE_INT) {
			return builtin_fail(&reader, "%s is not a number", value_kind_name(item));
		} else if (is_float) {
			number += (double)item.integer;
		} else if (__builtin_add_overflow(whole, item.integer, &whole)) {
			return builtin_fail(&reader, "integer overflow");
		}
	}
	*out = is_float ? value_float(number) : value_int(whole);
	return true;
}
