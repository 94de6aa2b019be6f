/* tests.c: what stands behind `is` (workflows.md 6.5). */
#include <math.h>

#include "template/builtins.h"

/* Tests that look at nothing but the value. */
typedef bool value_test(struct template_run *run, struct value value);

static bool answer(struct template_run *run, const struct value_arguments *arguments,
	const char *what, value_test *test, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	struct value value = template_take_required(&reader, 0, NULL);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	*out = value_bool(test(run, value));
	return true;
}

#define VALUE_TEST(name, question)                                                                 \
	static bool is_##name(struct template_run *run, struct value value) {                      \
		value = value_plain(value, template_run_arena(run));                               \
		return question;                                                                   \
	}                                                                                          \
	static bool test_##name(struct template_run *run, const struct value_arguments *arguments, \
		struct value *out) {                                                               \
		return answer(run, arguments, "test " #name, is_##name, out);                      \
	}

/* Whole numbers, however written: true is 1, 2.0 is 2. */
static bool whole_number(struct value value, int64_t *out) {
	if (value.type == VALUE_BOOL) {
		*out = value.boolean;
		return true;
	}
	if (value.type == VALUE_FLOAT && fabs(value.number) < 1e15) {
		*out = (int64_t)value.number;
		return !(fabs((double)*out - value.number) > 0);
	}
	*out = value.type == VALUE_INT ? value.integer : 0;
	return value.type == VALUE_INT;
}

static bool has_remainder(struct value value, bool wanted) {
	int64_t number;
	return whole_number(value, &number) && (number % 2 != 0) == wanted;
}

/* Whether all letters are of that case; of text alone, as the reference has it. */
static bool ask_letters(struct template_run *run, const struct value_arguments *arguments,
	const char *what, bool (*is)(uint32_t code), struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	struct value value =
		value_plain(template_take_required(&reader, 0, NULL), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (value.type != VALUE_STRING) {
		return builtin_fail(&reader, "%s is not text", value_kind_name(value));
	}
	struct slice text = value.string;
	*out = value_bool(true);
	while (text.len > 0) {
		if (!is(unicode_next(&text))) {
			*out = value_bool(false);
			break;
		}
	}
	return template_spend(run, value.string.len / 16);
}

static bool test_lower(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return ask_letters(run, arguments, "test lower", unicode_is_lower, out);
}

static bool test_upper(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return ask_letters(run, arguments, "test upper", unicode_is_upper, out);
}

VALUE_TEST(boolean, value.type == VALUE_BOOL)
VALUE_TEST(defined, value.type != VALUE_UNDEFINED)
VALUE_TEST(undefined, value.type == VALUE_UNDEFINED)
VALUE_TEST(none, value.type == VALUE_NONE)
VALUE_TEST(true, value.type == VALUE_BOOL && value.boolean)
VALUE_TEST(false, value.type == VALUE_BOOL && !value.boolean)
VALUE_TEST(integer, value.type == VALUE_INT)
VALUE_TEST(float, value.type == VALUE_FLOAT)
VALUE_TEST(number, value.type == VALUE_INT || value.type == VALUE_FLOAT)
VALUE_TEST(string, value.type == VALUE_STRING)
VALUE_TEST(escaped, value.type == VALUE_STRING && value.is_safe)
VALUE_TEST(even, has_remainder(value, false))
VALUE_TEST(odd, has_remainder(value, true))

/* These ask an object itself, which may have parts that its plain value has not. */
static bool is_mapping(struct template_run *run, struct value value) {
	return value_as_map(value, template_run_arena(run)) != NULL;
}

static bool is_sequence(struct template_run *run, struct value value) {
	bool has_list = value.type == VALUE_OBJECT && value.object->kind->list;
	return has_list || value_plain(value, template_run_arena(run)).type == VALUE_LIST;
}

static bool is_iterable(struct template_run *run, struct value value) {
	return value.type != VALUE_UNDEFINED &&
	       value_iterate(value, template_run_arena(run)) != NULL;
}

static bool test_mapping(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return answer(run, arguments, "test mapping", is_mapping, out);
}

static bool test_sequence(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return answer(run, arguments, "test sequence", is_sequence, out);
}

static bool test_iterable(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return answer(run, arguments, "test iterable", is_iterable, out);
}

/* ---- with an argument ---- */

static bool take_two(struct template_run *run, const struct value_arguments *arguments,
	struct template_reader *reader, const char *what, struct value both[2]) {
	template_reader_init(reader, run, what, arguments);
	both[0] = template_take_required(reader, 0, NULL);
	both[1] = template_take_required(reader, 1, NULL);
	return template_reader_done(reader, 2) &&
	       template_spend(run, value_weight(both[0]) + value_weight(both[1]));
}

static bool test_divisibleby(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct value both[2];
	if (!take_two(run, arguments, &reader, "test divisibleby", both)) {
		return false;
	}
	struct value value = value_plain(both[0], template_run_arena(run));
	struct value by = value_plain(both[1], template_run_arena(run));
	if (value.type == VALUE_FLOAT || by.type == VALUE_FLOAT) {
		double a = value.type == VALUE_INT ? (double)value.integer : value.number;
		double b = by.type == VALUE_INT ? (double)by.integer : by.number;
		bool are_numbers = (value.type == VALUE_INT || value.type == VALUE_FLOAT) &&
				   (by.type == VALUE_INT || by.type == VALUE_FLOAT);
		*out = value_bool(are_numbers && !(fabs(fmod(a, b)) > 0) && fabs(b) > 0);
		return true;
	}
	bool are_whole = value.type == VALUE_INT && by.type == VALUE_INT && by.integer != 0;
	/* The least number by -1 overflows in C. */
	*out = value_bool(are_whole && (by.integer == -1 || value.integer % by.integer == 0));
	return true;
}

static bool text_end(struct template_run *run, const struct value_arguments *arguments,
	const char *what, bool (*is)(struct slice text, struct slice part), struct value *out) {
	struct template_reader reader;
	struct value both[2];
	if (!take_two(run, arguments, &reader, what, both)) {
		return false;
	}
	struct slice text = builtin_text(&reader, both[0]), part = builtin_text(&reader, both[1]);
	*out = value_bool(is(text, part));
	return !reader.has_failed;
}

bool test_startingwith(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return text_end(run, arguments, "test startingwith", slice_starts_with, out);
}

bool test_endingwith(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return text_end(run, arguments, "test endingwith", slice_ends_with, out);
}

static bool test_in(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct value both[2];
	bool is_in;
	if (!take_two(run, arguments, &reader, "test in", both) ||
		!template_contains(run, both[1], both[0], &is_in)) {
		return false;
	}
	*out = value_bool(is_in);
	return true;
}

static bool test_sameas(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct value both[2];
	if (!take_two(run, arguments, &reader, "test sameas", both)) {
		return false;
	}
	bool is_same = both[0].type == both[1].type;
	if (is_same && both[0].type == VALUE_OBJECT) {
		is_same = both[0].object == both[1].object;
	} else if (is_same && both[0].type == VALUE_LIST) {
		is_same = both[0].list == both[1].list;
	} else if (is_same && both[0].type == VALUE_MAP) {
		is_same = both[0].map == both[1].map;
	} else if (is_same) {
		is_same = value_equal(both[0], both[1], template_run_arena(run));
	}
	*out = value_bool(is_same);
	return true;
}

static bool exists(struct template_run *run, const struct value_arguments *arguments,
	const char *what, const struct template_builtin *own,
	const struct template_builtin *built_in, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, what, arguments);
	struct value name =
		value_plain(template_take_required(&reader, 0, NULL), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	const struct template_builtin *lists[] = {own, built_in};
	*out = value_bool(false);
	if (name.type != VALUE_STRING) {
		return builtin_fail(&reader, "%s is not text", value_kind_name(name));
	}
	for (size_t i = 0; i < 2; i++) {
		for (const struct template_builtin *row = lists[i]; row && row->name; row++) {
			if (slice_is(name.string, row->name)) {
				*out = value_bool(true);
			}
		}
	}
	return true;
}

static bool test_filter(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return exists(run, arguments, "test filter", template_run_environment(run)->filters,
		template_filters, out);
}

static bool test_test(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return exists(run, arguments, "test test", template_run_environment(run)->tests,
		template_tests, out);
}

/* ---- comparisons ---- */

#define COMPARISON(name, question)                                                                 \
	static bool test_##name(struct template_run *run, const struct value_arguments *arguments, \
		struct value *out) {                                                               \
		struct template_reader reader;                                                     \
		struct value both[2];                                                              \
		if (!take_two(run, arguments, &reader, "test " #name, both)) {                     \
			return false;                                                              \
		}                                                                                  \
		struct arena *arena = template_run_arena(run);                                     \
		*out = value_bool(question);                                                       \
		return true;                                                                       \
	}

COMPARISON(eq, value_equal(both[0], both[1], arena))
COMPARISON(ne, !value_equal(both[0], both[1], arena))
COMPARISON(lt, value_compare(both[0], both[1], arena) < 0)
COMPARISON(le, value_compare(both[0], both[1], arena) <= 0)
COMPARISON(gt, value_compare(both[0], both[1], arena) > 0)
COMPARISON(ge, value_compare(both[0], both[1], arena) >= 0)

const struct template_builtin template_tests[] = {
	{"!=", test_ne},
	{"<", test_lt},
	{"<=", test_le},
	{"==", test_eq},
	{">", test_gt},
	{">=", test_ge},
	{"boolean", test_boolean},
	{"defined", test_defined},
	{"divisibleby", test_divisibleby},
	{"endingwith", test_endingwith},
	{"eq", test_eq},
	{"equalto", test_eq},
	{"escaped", test_escaped},
	{"even", test_even},
	{"false", test_false},
	{"filter", test_filter},
	{"float", test_float},
	{"ge", test_ge},
	{"greaterthan", test_gt},
	{"gt", test_gt},
	{"in", test_in},
	{"int", test_integer},
	{"integer", test_integer},
	{"iterable", test_iterable},
	{"le", test_le},
	{"lessthan", test_lt},
	{"lower", test_lower},
	{"lt", test_lt},
	{"mapping", test_mapping},
	{"ne", test_ne},
	{"none", test_none},
	{"number", test_number},
	{"odd", test_odd},
	{"safe", test_escaped},
	{"sameas", test_sameas},
	{"sequence", test_sequence},
	{"startingwith", test_startingwith},
	{"string", test_string},
	{"test", test_test},
	{"true", test_true},
	{"undefined", test_undefined},
	{"upper", test_upper},
	{NULL, NULL},
};
