/* filters_format.c: `format`: printf-style, "%s has %d files"|format(name, count). */
#include <stdio.h>

#include "template/builtins.h"

#define WIDTH_MAX 10000

/* %[(name)][flags][width][.precision]letter */
struct directive {
	struct slice name;
	bool is_left, has_sign, has_blank, has_zeros, is_alternate, has_precision;
	int width, precision;
	char letter;
};

struct formatting {
	struct template_reader *reader;
	struct buf *out;
	struct slice rest;
	size_t next; /* positional argument */
};

static int take_number(struct formatting *formatting) {
	int number = 0;
	struct slice *rest = &formatting->rest;
	while (rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
		number = number > WIDTH_MAX ? number : number * 10 + (rest->data[0] - '0');
		*rest = slice_from(*rest, 1);
	}
	if (number > WIDTH_MAX) {
		builtin_fail(formatting->reader, "a width is larger than %d", WIDTH_MAX);
	}
	return number;
}

static bool take_flag(struct directive *directive, char byte) {
	switch (byte) {
	case '-':
		return directive->is_left = true;
	case '+':
		return directive->has_sign = true;
	case ' ':
		return directive->has_blank = true;
	case '0':
		return directive->has_zeros = true;
	case '#':
		return directive->is_alternate = true;
	default:
		return false;
	}
}

/* What follows a `%`. */
static bool take_directive(struct formatting *formatting, struct directive *directive) {
	struct slice *rest = &formatting->rest;
	*directive = (struct directive){.precision = -1};
	if (slice_starts_with(*rest, SLICE("("))) {
		size_t end = slice_find_byte(*rest, ')');
		directive->name = slice_sub(*rest, 1, end - 1);
		*rest = end == SIZE_MAX ? slice_from(*rest, rest->len) : slice_from(*rest, end + 1);
	}
	while (rest->len > 0 && take_flag(directive, rest->data[0])) {
		*rest = slice_from(*rest, 1);
	}
	directive->width = take_number(formatting);
	if (slice_starts_with(*rest, SLICE("."))) {
		*rest = slice_from(*rest, 1);
		directive->has_precision = true;
		directive->precision = take_number(formatting);
	}
	if (rest->len == 0) {
		return builtin_fail(formatting->reader, "the text ends within a `%%`");
	}
	directive->letter = rest->data[0];
	*rest = slice_from(*rest, 1);
	return !formatting->reader->has_failed;
}

static bool next_argument(
	struct formatting *formatting, const struct directive *directive, struct value *out) {
	const struct value_arguments *arguments = formatting->reader->arguments;
	if (directive->name.data) {
		const struct value_pair *pair =
			arguments->named ? value_map_find_text(arguments->named, directive->name)
					 : NULL;
		const struct value_map *map =
			arguments->count > 1 ? value_as_map(arguments->items[1],
						       template_run_arena(formatting->reader->run))
					     : NULL;
		pair = pair || !map ? pair : value_map_find_text(map, directive->name);
		*out = pair ? pair->value : value_undefined();
		return pair || builtin_fail(formatting->reader, "there is no argument `%.*s`",
				       SLICE_FMT(slice_sub(directive->name, 0, 60)));
	}
	if (formatting->next >= arguments->count) {
		return builtin_fail(formatting->reader, "there are too few arguments");
	}
	*out = arguments->items[formatting->next++];
	return true;
}

/* A text beside its blanks. */
static void append_padded(struct buf *out, const struct directive *directive, struct slice text) {
	size_t length = 0;
	for (struct slice rest = text; rest.len > 0; length++) {
		unicode_next(&rest);
	}
	size_t width = (size_t)directive->width, pad = length < width ? width - length : 0;
	for (size_t i = 0; i < pad && !directive->is_left; i++) {
		buf_append_byte(out, ' ');
	}
	buf_append(out, text);
	for (size_t i = 0; i < pad && directive->is_left; i++) {
		buf_append_byte(out, ' ');
	}
}

static bool format_text(
	struct formatting *formatting, const struct directive *directive, struct value value) {
	struct slice text;
	if (directive->letter == 'r') {
		struct buf debug;
		struct value printed;
		builtin_buf(formatting->reader->run, &debug);
		builtin_print_debug(value, template_run_arena(formatting->reader->run), 0, &debug);
		if (!builtin_return_text(formatting->reader->run, &debug, &printed)) {
			return false;
		}
		text = printed.string;
	} else {
		text = builtin_text(formatting->reader, value);
	}
	if (directive->has_precision) {
		struct slice rest = text;
		for (int i = 0; i < directive->precision && rest.len > 0; i++) {
			unicode_next(&rest);
		}
		text.len -= rest.len;
	}
	append_padded(formatting->out, directive, text);
	return !formatting->reader->has_failed;
}

/* The C library's conversion, rebuilt from the checked parts. */
static bool format_number(
	struct formatting *formatting, const struct directive *directive, struct value value) {
	struct template_reader *reader = formatting->reader;
	value = value_plain(value, template_run_arena(reader->run));
	if (value.type != VALUE_INT && value.type != VALUE_FLOAT && value.type != VALUE_BOOL) {
		return builtin_fail(reader, "`%%%c` needs a number, not %s", directive->letter,
			value_kind_name(value));
	}
	bool is_whole = strchr("diuxXoc", directive->letter) != NULL;
	char flags[8];
	snprintf(flags, sizeof flags, "%s%s%s%s%s", directive->is_left ? "-" : "",
		directive->has_sign ? "+" : "", directive->has_blank ? " " : "",
		directive->has_zeros ? "0" : "", directive->is_alternate ? "#" : "");
	char letter =
		directive->letter == 'u' || directive->letter == 'i' ? 'd' : directive->letter;
	char format[24];
	snprintf(format, sizeof format, "%%%s*.*%s%c", flags, is_whole ? "ll" : "", letter);
	int precision = directive->has_precision ? directive->precision : is_whole ? -1 : 6;
	double number = value.type == VALUE_FLOAT  ? value.number
			: value.type == VALUE_BOOL ? (double)value.boolean
						   : (double)value.integer;
	if (is_whole && value.type == VALUE_FLOAT &&
		!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) {
		return builtin_fail(reader, "the number does not fit into 64 bits");
	}
	long long whole = value.type == VALUE_FLOAT  ? (long long)number
			  : value.type == VALUE_BOOL ? value.boolean
						     : (long long)value.integer;
	if (whole < 0 && strchr("xXo", letter)) {
		return builtin_fail(reader, "`%%%c` needs a number that is not negative", letter);
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	int size = is_whole ? snprintf(NULL, 0, format, directive->width, precision, whole)
			    : snprintf(NULL, 0, format, directive->width, precision, number);
	char *at = size >= 0 ? buf_reserve(formatting->out, (size_t)size + 1) : NULL;
	if (at && is_whole) {
		snprintf(at, (size_t)size + 1, format, directive->width, precision, whole);
	} else if (at) {
		snprintf(at, (size_t)size + 1, format, directive->width, precision, number);
	}
#pragma GCC diagnostic pop
	buf_commit(formatting->out, at ? (size_t)size : 0);
	return true;
}

static bool format_one(struct formatting *formatting) {
	struct directive directive;
	struct value value;
	if (!take_directive(formatting, &directive)) {
		return false;
	}
	if (directive.letter == '%') {
		return buf_append_byte(formatting->out, '%');
	}
	if (!strchr("srdiuxXoeEfFgGc", directive.letter)) {
		return builtin_fail(formatting->reader, "there is no `%%%c`", directive.letter);
	}
	if (!next_argument(formatting, &directive, &value)) {
		return false;
	}
	value = value_plain(value, template_run_arena(formatting->reader->run));
	if (directive.letter == 'c' && value.type == VALUE_INT && value.integer > 0 &&
		value.integer <= 0x10ffff) {
		unicode_append(formatting->out, (uint32_t)value.integer);
		return true;
	}
	if (directive.letter == 's' || directive.letter == 'r' || directive.letter == 'c') {
		return format_text(formatting, &directive, value);
	}
	return format_number(formatting, &directive, value);
}

bool filter_format(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter format", arguments);
	struct formatting formatting = {.reader = &reader, .out = &text, .next = 1};
	formatting.rest = builtin_subject_text(&reader);
	if (reader.has_failed) {
		return false;
	}
	builtin_buf(run, &text);
	while (formatting.rest.len > 0 && !reader.has_failed && !text.failed) {
		size_t at = slice_find_byte(formatting.rest, '%');
		buf_append(&text, slice_sub(formatting.rest, 0, at));
		formatting.rest = slice_from(formatting.rest, at);
		if (at == SIZE_MAX) {
			break;
		}
		formatting.rest = slice_from(formatting.rest, 1);
		if (!template_spend(run, 1) || !format_one(&formatting)) {
			break;
		}
	}
	if (formatting.next < arguments->count && !reader.has_failed && formatting.next > 1) {
		builtin_fail(&reader, "there are too many arguments");
	}
	return builtin_return_text(run, &text, out) && !reader.has_failed;
}
