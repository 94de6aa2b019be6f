/* options_value.c: single values of options: from text into a struct. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/file.h"
#include "config/options_internal.h"

bool option_refuse(struct option_reader *reader, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice what = arena_vprintf(reader->problems->arena, format, args);
	va_end(args);
	problems_add(reader->problems, reader->place.line, reader->place.column, "`%s` %s",
		reader->label, what.data);
	reader->problems->items[reader->problems->len - 1].is_secret = reader->is_secret;
	return false;
}

bool option_is_secret(enum option_type type) {
	return type == OPTION_SECRET || type == OPTION_SECRET_LIST || type == OPTION_SECRET_MAP;
}

/* ---- scalars ---- */

static bool parse_bool(struct slice text, bool *out) {
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"true", true},
		{"yes", true},
		{"on", true},
		{"1", true},
		{"false", false},
		{"no", false},
		{"off", false},
		{"0", false},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_ieq(text, slice_of(words[i].word))) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

bool option_parse_size(struct slice text, int64_t *bytes) {
	static const struct {
		const char *unit;
		int shift;
	} units[] = {
		{"KiB", 10},
		{"MiB", 20},
		{"GiB", 30},
		{"KB", 10},
		{"MB", 20},
		{"GB", 30},
		{"K", 10},
		{"M", 20},
		{"G", 30},
		{"B", 0},
	};
	int shift = 0;
	text = slice_trim(text);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		struct slice unit = slice_of(units[i].unit);
		if (text.len > unit.len && slice_ieq(slice_from(text, text.len - unit.len), unit)) {
			text = slice_trim(slice_sub(text, 0, text.len - unit.len));
			shift = units[i].shift;
			break;
		}
	}
	int64_t number;
	if (!slice_to_int64(text, &number) || number < 0 || number > INT64_MAX >> shift) {
		return false;
	}
	*bytes = number << shift;
	return true;
}

static int64_t unit_ms(const struct option_row *row) {
	return row->unit && strcmp(row->unit, "ms") == 0 ? 1 : 1000;
}

static const char *format_number(
	struct arena *arena, const struct option_row *row, int64_t number) {
	char text[CLOCK_TEXT_MAX];
	if (row->type == OPTION_DURATION) {
		clock_format_duration(number, text);
		return arena_strdup(arena, slice_of(text));
	}
	return arena_printf(arena, "%" PRId64, number).data;
}

static bool check_range(
	struct option_reader *reader, const struct option_row *row, int64_t number) {
	int64_t max = row->max ? row->max : INT64_MAX;
	/* A default beyond the range says "not given". */
	if (reader->is_default || (number >= row->min && number <= max)) {
		return true;
	}
	struct arena *arena = reader->problems->arena;
	const char *found = format_number(arena, row, number);
	if (row->max) {
		return option_refuse(reader, "must be from %s to %s, not %s",
			format_number(arena, row, row->min), format_number(arena, row, max), found);
	}
	return option_refuse(
		reader, "must be at least %s, not %s", format_number(arena, row, row->min), found);
}

static void warn_of_unit(
	struct option_reader *reader, const struct option_row *row, struct slice text) {
	int64_t bare;
	if (!row->doubtful || !slice_to_int64(text, &bare) || bare < row->doubtful) {
		return;
	}
	problems_warn(reader->problems, reader->place.line, reader->place.column,
		"`%s` counts in %s: %" PRId64 " of them is %s", reader->label,
		unit_ms(row) == 1 ? "milliseconds" : "seconds", bare,
		format_number(reader->problems->arena, row, bare * unit_ms(row)));
	problems_hint(reader->problems, "write the unit if it is meant: \"%" PRId64 "%s\"", bare,
		unit_ms(row) == 1 ? "ms" : "s");
}

static bool read_number(struct option_reader *reader, const struct option_row *row,
	struct slice text, int64_t *out) {
	int64_t number = 0;
	switch (row->type) {
	case OPTION_SIZE:
		if (!option_parse_size(text, &number)) {
			return option_refuse(reader,
				"must be a size such as 64KB or 50MB, not `%.*s`", SLICE_FMT(text));
		}
		break;
	case OPTION_DURATION:
		if (!clock_parse_duration(text, unit_ms(row), &number)) {
			return option_refuse(reader,
				"must be a duration such as 250ms, 30s or 1m30s, not `%.*s`",
				SLICE_FMT(text));
		}
		break;
	default:
		if (!slice_to_int64(text, &number)) {
			return option_refuse(
				reader, "must be a whole number, not `%.*s`", SLICE_FMT(text));
		}
	}
	if (!check_range(reader, row, number)) {
		return false;
	}
	warn_of_unit(reader, row, text);
	*out = number;
	return true;
}

static bool read_double(struct option_reader *reader, const struct option_row *row,
	struct slice text, double *out) {
	const struct json node = {.raw = text.data, .raw_len = text.len, .type = JSON_NUMBER};
	double number;
	bool is_number =
		text.len > 0 && (text.data[0] == '-' || isdigit((unsigned char)*text.data));
	if (!is_number || !json_is_valid(text) || !json_double(&node, &number)) {
		return option_refuse(reader, "must be a number, not `%.*s`", SLICE_FMT(text));
	}
	if (number < (double)row->min) {
		return option_refuse(
			reader, "must be at least %" PRId64 ", not %g", row->min, number);
	}
	if (row->max && number > (double)row->max) {
		return option_refuse(reader, "must be from %" PRId64 " to %" PRId64 ", not %g",
			row->min, row->max, number);
	}
	*out = number;
	return true;
}

static bool read_enum(
	struct option_reader *reader, const struct option_row *row, struct slice text, int *out) {
	struct buf words;
	buf_init(&words, 0);
	for (int i = 0; row->values[i]; i++) {
		struct slice word = slice_of(row->values[i]);
		if (row->is_exact ? slice_eq(text, word) : slice_ieq(text, word)) {
			*out = i;
			buf_finish(&words);
			return true;
		}
		buf_printf(&words, "%s%s", i ? ", " : "", row->values[i]);
	}
	option_refuse(reader, "must be one of %.*s, not `%.*s`", SLICE_FMT(buf_slice(&words)),
		SLICE_FMT(text));
	const char *nearest = problems_nearest(text, row->values);
	if (nearest) {
		problems_hint(reader->problems, "did you mean `%s`?", nearest);
	}
	buf_finish(&words);
	return false;
}

bool option_read_string(struct option_reader *reader, const struct option_row *row,
	struct slice text, struct slice *out) {
	if (slice_find_byte(text, '\0') != SIZE_MAX) {
		return option_refuse(reader, "must not contain a zero byte");
	}
	if (row->type == OPTION_PATH) {
		text = slice_of(file_expand(reader->arena, text));
	}
	const char *wrong = row->check && text.len > 0 ? row->check(text) : NULL;
	if (wrong) {
		return option_refuse(reader, "%s", wrong);
	}
	*out = arena_dup(reader->arena, text);
	return true;
}

static bool read_list_text(struct option_reader *reader, const struct option_row *row,
	struct slice text, struct option_strings *out) {
	struct option_strings list = {0};
	arena_grow(reader->arena, (void **)&list.items, &list.cap, 1, sizeof *list.items);
	struct slice part;
	while (slice_split(&text, ',', &part)) {
		part = slice_trim(part);
		if (part.len > 0 &&
			!option_read_string(reader, row, part, ARENA_PUSH(reader->arena, &list))) {
			return false;
		}
	}
	*out = list;
	return true;
}

/* ---- any type ---- */

bool option_read_text(
	struct option_reader *reader, const struct option_row *row, struct slice text, void *at) {
	switch (row->type) {
	case OPTION_BOOL:
		return parse_bool(text, at) ||
		       option_refuse(reader, "must be true or false, not `%.*s`", SLICE_FMT(text));
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return read_number(reader, row, text, at);
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		return option_read_string(reader, row, text, at);
	case OPTION_NUMBER:
		return read_double(reader, row, text, at);
	case OPTION_ENUM:
		return read_enum(reader, row, text, at);
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return read_list_text(reader, row, text, at);
	default:
		return option_refuse(reader, "can only be set in a configuration file");
	}
}

void option_read_defaults(struct arena *arena, const struct option_table *table, void *target) {
	struct problems problems;
	problems_init(&problems, arena, "default", (struct slice){0});
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		if (!row->default_text && row->type == OPTION_NUMBER) {
			*(double *)option_at(row, target) = NAN;
		} else if (!row->default_text && row->type == OPTION_ENUM) {
			*(int *)option_at(row, target) = -1;
		}
		if (row->default_text && option_has_value(row->type)) {
			struct option_reader reader = {
				.arena = arena,
				.problems = &problems,
				.place = {.file = "default"},
				.label = row->key,
				.is_default = true,
			};
			option_read_text(
				&reader, row, slice_of(row->default_text), option_at(row, target));
		}
	}
}
