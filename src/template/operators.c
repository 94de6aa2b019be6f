/* operators.c: arithmetic in 64 bits, repetition, containment, slices (workflows.md 6.3). */
#include <math.h>

#include "base/encoding.h"
#include "template/run.h"

static const char *operator_sign(unsigned op) {
	static const char *const signs[] = {
		[OPERATOR_NEGATE] = "-",
		[OPERATOR_NOT] = "not",
		[OPERATOR_ADD] = "+",
		[OPERATOR_SUBTRACT] = "-",
		[OPERATOR_MULTIPLY] = "*",
		[OPERATOR_DIVIDE] = "/",
		[OPERATOR_FLOOR_DIVIDE] = "//",
		[OPERATOR_REMAINDER] = "%",
		[OPERATOR_POWER] = "**",
		[OPERATOR_CONCAT] = "~",
		[OPERATOR_EQUAL] = "==",
		[OPERATOR_NOT_EQUAL] = "!=",
		[OPERATOR_LESS] = "<",
		[OPERATOR_LESS_EQUAL] = "<=",
		[OPERATOR_GREATER] = ">",
		[OPERATOR_GREATER_EQUAL] = ">=",
		[OPERATOR_IN] = "in",
		[OPERATOR_NOT_IN] = "not in",
	};
	return signs[op];
}

static bool fail_types(
	struct template_run *run, unsigned op, struct value left, struct value right) {
	return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
		"`%s` does not work on %s and %s", operator_sign(op), value_kind_name(left),
		value_kind_name(right));
}

static bool fail_overflow(struct template_run *run, unsigned op) {
	return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
		"integer overflow: the result of `%s` does not fit into 64 bits",
		operator_sign(op));
}

/* ---- numbers ---- */

static bool is_number(struct value value) {
	return value.type == VALUE_INT || value.type == VALUE_FLOAT || value.type == VALUE_BOOL;
}

static int64_t int_of(struct value value) {
	return value.type == VALUE_BOOL ? value.boolean : value.integer;
}

static double float_of(struct value value) {
	return value.type == VALUE_FLOAT ? value.number : (double)int_of(value);
}

/* The remainder is never negative, whatever the signs: -7 % 3 is 2, -7 // 3 is -3, 7 // -3 is -2.
 */
static bool divide_ints(
	struct template_run *run, unsigned op, int64_t a, int64_t b, struct value *out) {
	if (b == 0) {
		return template_fail(
			run, TEMPLATE_ERROR_INVALID_OPERATION, "`%s` by zero", operator_sign(op));
	}
	if (b == -1) {
		/* The one quotient that overflows is here, and in C so does its remainder. */
		int64_t quotient;
		if (op == OPERATOR_REMAINDER) {
			*out = value_int(0);
			return true;
		}
		if (__builtin_sub_overflow((int64_t)0, a, &quotient)) {
			return fail_overflow(run, op);
		}
		*out = value_int(quotient);
		return true;
	}
	int64_t quotient = a / b;
	int64_t remainder = a % b;
	if (remainder < 0) {
		remainder = b > 0 ? remainder + b : remainder - b;
		quotient = b > 0 ? quotient - 1 : quotient + 1;
	}
	*out = value_int(op == OPERATOR_REMAINDER ? remainder : quotient);
	return true;
}

static bool power_ints(
	struct template_run *run, int64_t base, int64_t exponent, struct value *out) {
	if (exponent < 0) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"`**` of whole numbers needs an exponent that is not negative (write "
			"`%lld.0`)",
			(long long)base);
	}
	int64_t result = 1;
	while (exponent > 0) {
		if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) {
			return fail_overflow(run, OPERATOR_POWER);
		}
		exponent >>= 1;
		if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) {
			return fail_overflow(run, OPERATOR_POWER);
		}
	}
	*out = value_int(result);
	return true;
}

static bool compute_ints(
	struct template_run *run, unsigned op, int64_t a, int64_t b, struct value *out) {
	int64_t result = 0;
	bool is_over = false;
	switch (op) {
	case OPERATOR_ADD:
		is_over = __builtin_add_overflow(a, b, &result);
		break;
	case OPERATOR_SUBTRACT:
		is_over = __builtin_sub_overflow(a, b, &result);
		break;
	case OPERATOR_MULTIPLY:
		is_over = __builtin_mul_overflow(a, b, &result);
		break;
	case OPERATOR_POWER:
		return power_ints(run, a, b, out);
	default:
		return divide_ints(run, op, a, b, out);
	}
	*out = value_int(result);
	return !is_over || fail_overflow(run, op);
}

static double euclid_remainder(double a, double b) {
	double remainder = fmod(a, b);
	return remainder < 0 ? remainder + fabs(b) : remainder;
}

static double euclid_quotient(double a, double b) {
	double quotient = trunc(a / b);
	if (fmod(a, b) < 0) {
		return b > 0 ? quotient - 1 : quotient + 1;
	}
	return quotient;
}

static struct value compute_floats(unsigned op, double a, double b) {
	switch (op) {
	case OPERATOR_ADD:
		return value_float(a + b);
	case OPERATOR_SUBTRACT:
		return value_float(a - b);
	case OPERATOR_MULTIPLY:
		return value_float(a * b);
	case OPERATOR_DIVIDE:
		return value_float(a / b);
	case OPERATOR_FLOOR_DIVIDE:
		return value_float(euclid_quotient(a, b));
	case OPERATOR_REMAINDER:
		return value_float(euclid_remainder(a, b));
	default:
		return value_float(pow(a, b));
	}
}

static bool compute(struct template_run *run, unsigned op, struct value left, struct value right,
	struct value *out) {
	bool is_whole = left.type != VALUE_FLOAT && right.type != VALUE_FLOAT;
	if (is_whole && op != OPERATOR_DIVIDE) {
		return compute_ints(run, op, int_of(left), int_of(right), out);
	}
	*out = compute_floats(op, float_of(left), float_of(right));
	return true;
}

bool run_negate(struct template_run *run, struct value value, struct value *out) {
	value = value_plain(value, run->arena);
	if (value.type == VALUE_FLOAT) {
		*out = value_float(-value.number);
		return true;
	}
	int64_t result;
	if (value.type != VALUE_INT) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"`-` does not work on %s", value_kind_name(value));
	}
	if (__builtin_sub_overflow((int64_t)0, value.integer, &result)) {
		return fail_overflow(run, OPERATOR_NEGATE);
	}
	*out = value_int(result);
	return true;
}

/* ---- text and lists ---- */

static bool join_texts(
	struct template_run *run, struct slice left, struct slice right, struct value *out) {
	if (!template_spend(run, (left.len + right.len) / 256)) {
		return false;
	}
	char *memory = arena_try_alloc(run->arena, left.len + right.len);
	if (!memory) {
		return run_fail_memory(run);
	}
	if (left.len > 0) {
		memcpy(memory, left.data, left.len);
	}
	if (right.len > 0) {
		memcpy(memory + left.len, right.data, right.len);
	}
	*out = value_string(slice_make(memory, left.len + right.len));
	return true;
}

static bool concat(
	struct template_run *run, struct value left, struct value right, struct value *out) {
	struct slice texts[2] = {value_text(left, run->arena), value_text(right, run->arena)};
	return texts[0].data && texts[1].data ? join_texts(run, texts[0], texts[1], out)
					      : run_fail_memory(run);
}

static bool append_list(
	struct template_run *run, struct value_list *list, const struct value_list *items) {
	if (!template_spend(run, items->len)) {
		return false;
	}
	for (size_t i = 0; i < items->len; i++) {
		if (!value_list_push(run->arena, list, items->items[i])) {
			return run_fail_memory(run);
		}
	}
	return true;
}

static bool add(
	struct template_run *run, struct value left, struct value right, struct value *out) {
	if (is_number(left) && is_number(right)) {
		return compute(run, OPERATOR_ADD, left, right, out);
	}
	if (left.type == VALUE_STRING && right.type == VALUE_STRING) {
		return join_texts(run, left.string, right.string, out);
	}
	if (left.type == VALUE_LIST && right.type == VALUE_LIST) {
		struct value_list *list = value_list_new(run->arena);
		*out = value_of_list(list);
		return append_list(run, list, left.list) && append_list(run, list, right.list);
	}
	return fail_types(run, OPERATOR_ADD, left, right);
}

static bool repeat_text(
	struct template_run *run, struct slice text, size_t count, struct value *out) {
	size_t len;
	size_t most =
		run->environment->max_output ? run->environment->max_output : TEMPLATE_MAX_OUTPUT;
	/* What is longer could not be written either, and expressions alone have no other limit. */
	if (__builtin_mul_overflow(text.len, count, &len) || len > most) {
		return run_fail_memory(run);
	}
	if (!template_spend(run, len / 256)) {
		return false;
	}
	char *memory = arena_try_alloc(run->arena, len);
	if (!memory) {
		return run_fail_memory(run);
	}
	for (size_t i = 0; text.len > 0 && i < count; i++) {
		memcpy(memory + i * text.len, text.data, text.len);
	}
	*out = value_string(slice_make(memory, len));
	return true;
}

static bool repeat_list(
	struct template_run *run, const struct value_list *items, size_t count, struct value *out) {
	struct value_list *list = value_list_new(run->arena);
	*out = value_of_list(list);
	for (size_t i = 0; items->len > 0 && i < count; i++) {
		if (!append_list(run, list, items)) {
			return false;
		}
	}
	return true;
}

static bool multiply(
	struct template_run *run, struct value left, struct value right, struct value *out) {
	if (is_number(left) && is_number(right)) {
		return compute(run, OPERATOR_MULTIPLY, left, right, out);
	}
	bool left_repeats = left.type == VALUE_STRING || left.type == VALUE_LIST;
	struct value what = left_repeats ? left : right;
	struct value count = left_repeats ? right : left;
	/* 2.0 times is 2 times, 2.5 times is nothing. */
	if (count.type == VALUE_FLOAT && count.number >= 0 && count.number < 1e15 &&
		floor(count.number) >= count.number) {
		count = value_int((int64_t)count.number);
	}
	if (count.type == VALUE_BOOL) {
		count = value_int(count.boolean); /* true is 1 in arithmetic */
	}
	if ((what.type != VALUE_STRING && what.type != VALUE_LIST) || count.type != VALUE_INT) {
		return fail_types(run, OPERATOR_MULTIPLY, left, right);
	}
	if (count.integer < 0) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"a %s cannot be repeated %lld times", value_kind_name(what),
			(long long)count.integer);
	}
	return what.type == VALUE_STRING ? repeat_text(run, what.string, (size_t)count.integer, out)
					 : repeat_list(run, what.list, (size_t)count.integer, out);
}

/* ---- in ---- */

static bool list_holds(
	struct template_run *run, const struct value_list *list, struct value item, bool *out) {
	*out = false;
	if (!template_spend(run, list->weight)) {
		return false;
	}
	for (size_t i = 0; i < list->len && !*out; i++) {
		*out = value_equal(list->items[i], item, run->arena);
	}
	return true;
}

static bool text_holds(struct template_run *run, struct slice text, struct slice part, bool *out) {
	*out = slice_contains(text, part);
	return part.data ? template_spend(run, text.len / 256) : run_fail_memory(run);
}

bool template_contains(
	struct template_run *run, struct value container, struct value item, bool *out) {
	*out = false;
	if (container.type == VALUE_UNDEFINED && !template_run_is_strict(run)) {
		return true;
	}
	if (container.type == VALUE_OBJECT && container.object->kind->list) {
		container = container.object->kind->list(container.object, run->arena);
	} else {
		const struct value_map *map = value_as_map(container, run->arena);
		container = map ? value_of_map(map) : value_plain(container, run->arena);
	}
	item = value_plain(item, run->arena);
	switch (container.type) {
	case VALUE_STRING:
		return text_holds(run, container.string, value_text(item, run->arena), out);
	case VALUE_LIST:
		return list_holds(run, container.list, item, out);
	case VALUE_MAP:
		*out = value_map_find(container.map, item) != NULL;
		return true;
	case VALUE_UNDEFINED:
		return template_fail(
			run, TEMPLATE_ERROR_UNDEFINED, "what `in` looks into is undefined");
	default:
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"`in` cannot look into %s", value_kind_name(container));
	}
}

/* ---- all of them ---- */

static bool compare(struct template_run *run, unsigned op, struct value left, struct value right,
	struct value *out) {
	uint64_t cost =
		value_weight(left) < value_weight(right) ? value_weight(left) : value_weight(right);
	if (!template_spend(run, cost)) {
		return false;
	}
	if (op == OPERATOR_EQUAL || op == OPERATOR_NOT_EQUAL) {
		*out = value_bool(value_equal(left, right, run->arena) == (op == OPERATOR_EQUAL));
		return true;
	}
	int order = value_compare(left, right, run->arena);
	*out = value_bool(op == OPERATOR_LESS         ? order < 0
			  : op == OPERATOR_LESS_EQUAL ? order <= 0
			  : op == OPERATOR_GREATER    ? order > 0
						      : order >= 0);
	return true;
}

bool run_binary(struct template_run *run, const struct node *node, struct value left,
	struct value right, struct value *out) {
	bool is_in;
	switch (node->op) {
	case OPERATOR_IN:
	case OPERATOR_NOT_IN:
		if (right.type == VALUE_UNDEFINED && template_run_is_strict(run)) {
			return run_fail_undefined(run, node->binary.right);
		}
		if (!template_contains(run, right, left, &is_in)) {
			return false;
		}
		*out = value_bool(is_in == (node->op == OPERATOR_IN));
		return true;
	case OPERATOR_EQUAL:
	case OPERATOR_NOT_EQUAL:
	case OPERATOR_LESS:
	case OPERATOR_LESS_EQUAL:
	case OPERATOR_GREATER:
	case OPERATOR_GREATER_EQUAL:
		return compare(run, node->op, left, right, out);
	default:
		break;
	}
	left = value_plain(left, run->arena);
	right = value_plain(right, run->arena);
	switch (node->op) {
	case OPERATOR_CONCAT:
		return concat(run, left, right, out);
	case OPERATOR_ADD:
		return add(run, left, right, out);
	case OPERATOR_MULTIPLY:
		return multiply(run, left, right, out);
	default:
		return is_number(left) && is_number(right)
			       ? compute(run, node->op, left, right, out)
			       : fail_types(run, node->op, left, right);
	}
}

/* ---- slices ---- */

/* One bound: a whole number or nothing. */
static bool slice_bound(
	struct template_run *run, struct value value, const char *what, int64_t *bound) {
	value = value_plain(value, run->arena);
	if (value.type == VALUE_NONE || value.type == VALUE_UNDEFINED) {
		return true;
	}
	if (value.type != VALUE_INT && value.type != VALUE_BOOL) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"the %s of a slice is a whole number, not %s", what,
			value_kind_name(value));
	}
	*bound = int_of(value);
	return true;
}

static int64_t clamp(int64_t bound, int64_t len, int64_t least, int64_t most) {
	if (bound < 0) {
		bound = bound < -len ? -1 : bound + len;
	}
	return bound < least ? least : bound > most ? most : bound;
}

/* Which items a slice takes: from, from + step, ... before `to` (behind it when step < 0). */
struct range {
	int64_t from, to, step;
};

/* As Python's: negative bounds count from the end, a negative step goes backwards. */
static bool slice_range(
	struct template_run *run, const struct value bounds[3], int64_t len, struct range *range) {
	int64_t step = 1;
	if (!slice_bound(run, bounds[2], "step", &step)) {
		return false;
	}
	if (step == 0) {
		return template_fail(
			run, TEMPLATE_ERROR_INVALID_OPERATION, "the step of a slice cannot be 0");
	}
	int64_t from = step > 0 ? 0 : INT64_MAX;
	int64_t to = step > 0 ? INT64_MAX : -len - 1;
	if (!slice_bound(run, bounds[0], "beginning", &from) ||
		!slice_bound(run, bounds[1], "end", &to)) {
		return false;
	}
	int64_t least = step > 0 ? 0 : -1;
	int64_t most = step > 0 ? len : len - 1;
	/* A step beyond the ends is as good as one that just leaves the list. */
	step = step > len ? len + 1 : step < -len ? -len - 1 : step;
	*range = (struct range){clamp(from, len, least, most), clamp(to, len, least, most), step};
	return true;
}

static bool range_goes_on(const struct range *range, int64_t at) {
	return range->step > 0 ? at < range->to : at > range->to;
}

/* The byte offset of a character. */
static size_t offset_of(struct slice text, int64_t character) {
	size_t at = 0;
	while (character > 0 && at < text.len) {
		at++;
		while (at < text.len && (text.data[at] & 0xc0) == 0x80) {
			at++;
		}
		character--;
	}
	return at;
}

/* Text is cut without making values of its characters, unless a step leaves some out. */
static bool slice_text(struct template_run *run, struct slice text, const struct value bounds[3],
	struct value *out) {
	struct range range;
	if (!slice_range(run, bounds, (int64_t)utf8_length(text), &range) ||
		!template_spend(run, text.len / 64)) {
		return false;
	}
	if (range.step == 1) {
		struct slice rest = slice_from(text, offset_of(text, range.from));
		int64_t count = range.to > range.from ? range.to - range.from : 0;
		*out = value_string(slice_sub(rest, 0, offset_of(rest, count)));
		return true;
	}
	const struct value_list *items = run_iterate(run, value_string(text));
	struct buf parts;
	buf_init(&parts, 0);
	for (int64_t at = range.from; items && range_goes_on(&range, at); at += range.step) {
		buf_append(&parts, items->items[at].string);
	}
	bool is_ok = items && join_texts(run, buf_slice(&parts), (struct slice){0}, out);
	buf_finish(&parts);
	return is_ok;
}

bool run_slice(struct template_run *run, struct value value, const struct value bounds[3],
	struct value *out) {
	struct range range;
	struct value plain = value_plain(value, run->arena);
	bool is_listed = value.type == VALUE_OBJECT && value.object->kind->list;
	if (plain.type == VALUE_STRING && !is_listed) {
		return slice_text(run, plain.string, bounds, out);
	}
	const struct value_list *items = run_iterate(run, value);
	if (!items || !slice_range(run, bounds, (int64_t)items->len, &range) ||
		!template_spend(run, items->len)) {
		return false;
	}
	struct value_list *list = value_list_new(run->arena);
	for (int64_t at = range.from; range_goes_on(&range, at); at += range.step) {
		if (!value_list_push(run->arena, list, items->items[at])) {
			return run_fail_memory(run);
		}
	}
	*out = value_of_list(list);
	return true;
}
