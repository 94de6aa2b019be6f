/* value_print.c: values as text: what {{ }} prints, and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "template/value.h"

/* A double's 17 digits, sign, point, exponent. */
#define FLOAT_TEXT_MAX 40

/* Objects (namespaces) may hold themselves: deeper than lists can be is refused. */
#define PRINT_MAX_DEPTH (VALUE_MAX_DEPTH + 50)

/* The shortest digits that read back equal, without point and trailing zeros; the value is
 * 0.DIGITS * 10^*exponent. */
static size_t shortest_digits(double number, char digits[FLOAT_TEXT_MAX], int *exponent) {
	char text[FLOAT_TEXT_MAX];
	for (int precision = 14; precision <= 16; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, number);
		double back = strtod(text, NULL);
		if (back >= number && back <= number) {
			break;
		}
	}
	size_t len = 0;
	const char *at = text;
	for (; *at != 'e' && *at != '\0'; at++) {
		if (*at != '.') {
			digits[len++] = *at;
		}
	}
	*exponent = *at == 'e' ? (int)strtol(at + 1, NULL, 10) + 1 : 1;
	while (len > 1 && digits[len - 1] == '0') {
		len--;
	}
	return len;
}

static void append_zeros(struct buf *out, int count) {
	for (; count > 0; count--) {
		buf_append_byte(out, '0');
	}
}

static bool print_finite(double number, struct buf *out) {
	char digits[FLOAT_TEXT_MAX];
	int point;
	if (signbit(number)) {
		buf_append_byte(out, '-');
		number = -number;
	}
	if (number <= 0) {
		return buf_append(out, SLICE("0.0"));
	}
	int len = (int)shortest_digits(number, digits, &point);
	if (point <= 0) {
		buf_append(out, SLICE("0."));
		append_zeros(out, -point);
		return buf_append(out, slice_make(digits, (size_t)len));
	}
	int before = point < len ? point : len;
	buf_append(out, slice_make(digits, (size_t)before));
	append_zeros(out, point - before);
	buf_append_byte(out, '.');
	return len > point ? buf_append(out, slice_make(digits + point, (size_t)(len - point)))
			   : buf_append_byte(out, '0');
}

bool value_print_float(double number, struct buf *out) {
	if (isnan(number)) {
		return buf_append(out, SLICE("NaN"));
	}
	if (isinf(number)) {
		return buf_append(out, number < 0 ? SLICE("-inf") : SLICE("inf"));
	}
	return print_finite(number, out);
}

static bool print_int(int64_t integer, struct buf *out) {
	if (integer >= 0) {
		return buf_append_uint(out, (uint64_t)integer);
	}
	buf_append_byte(out, '-');
	return buf_append_uint(out, 0 - (uint64_t)integer);
}

/* ---- as {{ }} prints it ---- */

static bool print_nested(struct value value, struct arena *arena, struct buf *out, unsigned depth);

static bool print_list(
	const struct value_list *list, struct arena *arena, struct buf *out, unsigned depth) {
	buf_append_byte(out, '[');
	for (size_t i = 0; i < list->len; i++) {
		if (i > 0) {
			buf_append(out, SLICE(", "));
		}
		if (!print_nested(list->items[i], arena, out, depth + 1)) {
			return false;
		}
	}
	return buf_append_byte(out, ']');
}

static bool print_map(
	const struct value_map *map, struct arena *arena, struct buf *out, unsigned depth) {
	buf_append_byte(out, '{');
	for (size_t i = 0; i < map->len; i++) {
		if (i > 0) {
			buf_append(out, SLICE(", "));
		}
		if (!print_nested(map->items[i].key, arena, out, depth + 1) ||
			!buf_append(out, SLICE(": ")) ||
			!print_nested(map->items[i].value, arena, out, depth + 1)) {
			return false;
		}
	}
	return buf_append_byte(out, '}');
}

static bool print_object(
	const struct value_object *object, struct arena *arena, struct buf *out, unsigned depth) {
	const struct value_object_kind *kind = object->kind;
	if (kind->print) {
		return kind->print(object, arena, out);
	}
	struct value shown = kind->map    ? kind->map(object, arena)
			     : kind->list ? kind->list(object, arena)
					  : value_undefined();
	if (shown.type == VALUE_MAP) {
		return print_map(shown.map, arena, out, depth);
	}
	if (shown.type == VALUE_LIST) {
		return print_list(shown.list, arena, out, depth);
	}
	buf_append_byte(out, '<');
	buf_append_str(out, kind->name);
	return buf_append_byte(out, '>');
}

static bool print_any(struct value value, struct arena *arena, struct buf *out, unsigned depth) {
	if (depth > PRINT_MAX_DEPTH) {
		out->failed = true;
		return false;
	}
	if (value.type == VALUE_OBJECT && value.object->kind->print == NULL) {
		value = value_plain(value, arena);
	}
	switch ((enum value_type)value.type) {
	case VALUE_UNDEFINED:
		return depth == 0 || buf_append(out, SLICE("undefined"));
	case VALUE_NONE:
		return buf_append(out, SLICE("none"));
	case VALUE_BOOL:
		return buf_append(out, value.boolean ? SLICE("true") : SLICE("false"));
	case VALUE_INT:
		return print_int(value.integer, out);
	case VALUE_FLOAT:
		return value_print_float(value.number, out);
	case VALUE_STRING:
		return buf_append(out, value.string);
	case VALUE_LIST:
		return print_list(value.list, arena, out, depth);
	case VALUE_MAP:
		return print_map(value.map, arena, out, depth);
	case VALUE_OBJECT:
		return print_object(value.object, arena, out, depth);
	}
	return false;
}

static bool print_nested(struct value value, struct arena *arena, struct buf *out, unsigned depth) {
	if (value.type == VALUE_OBJECT && value.object->kind->print == NULL) {
		value = value_plain(value, arena);
	}
	if (value.type == VALUE_STRING) {
		buf_append_byte(out, '"');
		json_escape(value.string, out);
		return buf_append_byte(out, '"');
	}
	return print_any(value, arena, out, depth);
}

bool value_print(struct value value, struct arena *arena, struct buf *out) {
	return print_any(value, arena, out, 0);
}

struct slice value_text(struct value value, struct arena *arena) {
	struct buf text;
	struct slice copy = {NULL, 0};
	value = value_plain(value, arena);
	if (value.type == VALUE_STRING) {
		return value.string.data ? value.string : SLICE("");
	}
	buf_init(&text, arena->cap);
	char *memory = value_print(value, arena, &text) ? arena_try_alloc(arena, text.len) : NULL;
	if (memory && text.len > 0) {
		memcpy(memory, text.data, text.len);
	}
	if (memory) {
		copy = slice_make(memory, text.len);
	}
	buf_finish(&text);
	return copy;
}

/* ---- JSON ---- */

struct json_text_writer {
	struct arena *arena;
	struct buf *out;
	struct error *error;
	unsigned indent;
};

static bool write_json(struct json_text_writer *w, struct value value, unsigned depth);

static void break_line(struct json_text_writer *w, unsigned depth) {
	if (w->indent > 0) {
		buf_append_byte(w->out, '\n');
		for (unsigned i = 0; i < w->indent * depth; i++) {
			buf_append_byte(w->out, ' ');
		}
	}
}

static bool write_json_text(struct json_text_writer *w, struct slice text) {
	buf_append_byte(w->out, '"');
	json_escape(text, w->out);
	return buf_append_byte(w->out, '"');
}

static bool write_json_list(
	struct json_text_writer *w, const struct value_list *list, unsigned depth) {
	if (list->len == 0) {
		return buf_append(w->out, SLICE("[]"));
	}
	buf_append_byte(w->out, '[');
	for (size_t i = 0; i < list->len; i++) {
		if (i > 0) {
			buf_append_byte(w->out, ',');
		}
		break_line(w, depth + 1);
		if (!write_json(w, list->items[i], depth + 1)) {
			return false;
		}
	}
	break_line(w, depth);
	return buf_append_byte(w->out, ']');
}

static bool write_json_map(
	struct json_text_writer *w, const struct value_map *map, unsigned depth) {
	if (map->len == 0) {
		return buf_append(w->out, SLICE("{}"));
	}
	buf_append_byte(w->out, '{');
	for (size_t i = 0; i < map->len; i++) {
		if (i > 0) {
			buf_append_byte(w->out, ',');
		}
		break_line(w, depth + 1);
		/* A member's name is text, whatever the key is. */
		struct slice key = value_text(map->items[i].key, w->arena);
		if (key.data == NULL) {
			return error_set(w->error, ERROR_TEMPLATE, "the keys need too much memory");
		}
		write_json_text(w, key);
		buf_append(w->out, w->indent > 0 ? SLICE(": ") : SLICE(":"));
		if (!write_json(w, map->items[i].value, depth + 1)) {
			return false;
		}
	}
	break_line(w, depth);
	return buf_append_byte(w->out, '}');
}

static bool write_json_float(struct json_text_writer *w, double number) {
	if (!isfinite(number)) {
		return error_set(w->error, ERROR_TEMPLATE, "JSON has no word for %s",
			isnan(number) ? "NaN" : "infinity");
	}
	double size = fabs(number);
	if ((size >= 1e-5 && size < 1e16) || size <= 0) {
		return value_print_float(number, w->out);
	}
	char text[FLOAT_TEXT_MAX];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*g", precision, number);
		double back = strtod(text, NULL);
		if (back >= number && back <= number) {
			break;
		}
	}
	return buf_append_str(w->out, text);
}

static bool write_json(struct json_text_writer *w, struct value value, unsigned depth) {
	if (depth > PRINT_MAX_DEPTH) {
		return error_set(w->error, ERROR_TEMPLATE,
			"the value is nested deeper than %d levels", PRINT_MAX_DEPTH);
	}
	if (value.type == VALUE_OBJECT) {
		const struct value_object_kind *kind = value.object->kind;
		value = kind->map     ? kind->map(value.object, w->arena)
			: kind->plain ? kind->plain(value.object, w->arena)
			: kind->list  ? kind->list(value.object, w->arena)
				      : value;
	}
	switch ((enum value_type)value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		return buf_append(w->out, SLICE("null"));
	case VALUE_BOOL:
		return buf_append(w->out, value.boolean ? SLICE("true") : SLICE("false"));
	case VALUE_INT:
		return print_int(value.integer, w->out);
	case VALUE_FLOAT:
		return write_json_float(w, value.number);
	case VALUE_STRING:
		return write_json_text(w, value.string);
	case VALUE_LIST:
		return write_json_list(w, value.list, depth);
	case VALUE_MAP:
		return write_json_map(w, value.map, depth);
	case VALUE_OBJECT:
		break;
	}
	return error_set(
		w->error, ERROR_TEMPLATE, "a %s cannot be written as JSON", value_kind_name(value));
}

bool value_to_json(struct value value, struct arena *arena, unsigned indent, struct buf *out,
	struct error *error) {
	struct json_text_writer w = {arena, out, error, indent};
	if (!write_json(&w, value, 0)) {
		return out->failed ? error_set(error, ERROR_TEMPLATE, "the JSON text is too large")
				   : false;
	}
	return !out->failed || error_set(error, ERROR_TEMPLATE, "the JSON text is too large");
}
