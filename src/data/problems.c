/* problems.c: collecting and printing the problems of a file. */
#include "data/problems.h"

#include "data/nearest.h"

#include <ctype.h>
#include <stdlib.h>

/* Longest part of a source line that is shown; longer lines are cut around the caret. */
#define EXCERPT_MAX 160
#define EXCERPT_LEAD 100
/* Lines beyond are shown not at all: masking them again for each problem would take long. */
#define EXCERPT_LINE_MAX (16 * 1024)

void problems_init(
	struct problems *problems, struct arena *arena, const char *file, struct slice text) {
	*problems = (struct problems){.arena = arena, .file = file, .text = text};
}

static bool is_same_file(const char *a, const char *b) {
	return a == b || (a && b && strcmp(a, b) == 0);
}

static uint32_t number_of_file(const struct problems *problems) {
	uint32_t highest = 0;
	/* The last one first: most problems are of the same file as the one before. */
	for (size_t i = problems->len; i > 0; i--) {
		const struct problem *problem = &problems->items[i - 1];
		if (is_same_file(problem->file, problems->file)) {
			return problem->file_number;
		}
		highest = problem->file_number > highest ? problem->file_number : highest;
	}
	return problems->len ? highest + 1 : 0;
}

__attribute__((format(printf, 5, 0))) static void add(struct problems *problems, uint32_t line,
	uint32_t column, bool is_warning, const char *format, va_list args) {
	struct slice text = arena_vprintf(problems->arena, format, args);
	char *message = arena_strdup(problems->arena, text);
	error_mask_secrets(message);
	uint32_t file_number = number_of_file(problems);
	*ARENA_PUSH(problems->arena, problems) = (struct problem){
		.file = problems->file,
		.text = problems->text,
		.file_number = file_number,
		.line = line,
		.column = column,
		.is_warning = is_warning,
		.message = message,
	};
	problems->error_count += !is_warning;
}

void problems_add(
	struct problems *problems, uint32_t line, uint32_t column, const char *format, ...) {
	va_list args;
	va_start(args, format);
	add(problems, line, column, false, format, args);
	va_end(args);
}

void problems_warn(
	struct problems *problems, uint32_t line, uint32_t column, const char *format, ...) {
	va_list args;
	va_start(args, format);
	add(problems, line, column, true, format, args);
	va_end(args);
}

void problems_hint(struct problems *problems, const char *format, ...) {
	if (problems->len == 0) {
		return;
	}
	va_list args;
	va_start(args, format);
	problems->items[problems->len - 1].hint = arena_vprintf(problems->arena, format, args).data;
	va_end(args);
}

const char *problems_nearest(struct slice word, const char *const *candidates) {
	struct nearest nearest = nearest_begin(word);
	for (; *candidates; candidates++) {
		nearest_offer(&nearest, slice_of(*candidates));
	}
	return nearest.found.data;
}

/* The bytes of a 1-based line without its line end; absent beyond the last. Moves *at, a cursor of
 * {text, line, offset}, so that problems in source order cost one pass. */
struct line_cursor {
	const char *text;
	uint32_t line;
	size_t offset;
};

static struct slice source_line(struct slice text, uint32_t line, struct line_cursor *at) {
	if (line < at->line || text.data != at->text) {
		*at = (struct line_cursor){.text = text.data, .line = 1};
	}
	while (at->line < line) {
		size_t end = slice_find_byte(slice_from(text, at->offset), '\n');
		if (end == SIZE_MAX) {
			return (struct slice){0};
		}
		at->offset += end + 1;
		at->line++;
	}
	struct slice rest = slice_from(text, at->offset);
	size_t end = slice_find_byte(rest, '\n');
	struct slice found = slice_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
	while (found.len > 0 && found.data[found.len - 1] == '\r') {
		found.len--;
	}
	return found;
}

static bool is_continuation(char byte) {
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Offset of a 1-based code point column in a line, at most its length. */
static size_t column_offset(struct slice line, uint32_t column) {
	size_t at = 0;
	for (uint32_t c = 1; c < column && at < line.len; c++) {
		at++;
		while (at < line.len && is_continuation(line.data[at])) {
			at++;
		}
	}
	return at;
}

/* Control characters other than tabs would move the cursor of a terminal: shown as '?'. */
static void append_visible(struct slice text, struct buf *out) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
		buf_append_byte(out, is_control ? '?' : (char)byte);
	}
}

/* Length of a name in front that means a secret, with what leads to its value: `api-keys: `. */
static size_t secret_name(struct slice text) {
	static const char *const endings[] = {"key", "keys", "token", "tokens", "secret", "secrets",
		"password", "authorization", "cookie", "headers", "env", NULL};
	size_t len = 0;
	while (len < text.len && (isalnum((unsigned char)text.data[len]) ||
					 (text.data[len] && strchr("-_.", text.data[len])))) {
		len++;
	}
	struct slice name = slice_sub(text, 0, len);
	bool is_secret = false;
	for (const char *const *at = endings; *at; at++) {
		size_t ending = strlen(*at);
		is_secret |= name.len >= ending &&
			     slice_ieq(slice_from(name, name.len - ending), slice_of(*at));
	}
	while (len < text.len &&
		(text.data[len] == ' ' || text.data[len] == '"' || text.data[len] == '\'')) {
		len++;
	}
	bool is_assigned = len < text.len && (text.data[len] == ':' || text.data[len] == '=');
	return is_secret && is_assigned ? len + 1 : 0;
}

/* A copy of a source line with its secrets masked. What follows a telling name is starred to the
 * end, one star for a character, so that the caret still fits. */
static struct slice mask_line(struct arena *arena, struct slice line) {
	char *copy = arena_strdup(arena, line);
	size_t len = 0, begin = line.len;
	for (size_t i = 0; i < line.len && begin == line.len; i++) {
		bool is_word_start = i == 0 || !isalnum((unsigned char)line.data[i - 1]);
		size_t name = is_word_start ? secret_name(slice_from(line, i)) : 0;
		begin = name ? i + name : begin;
	}
	for (size_t i = 0; i < line.len; i++) {
		if (i < begin || (line.data[i] && strchr(" \t[]{},\"'", line.data[i]))) {
			copy[len++] = line.data[i];
		} else if (!is_continuation(line.data[i])) {
			copy[len++] = '*';
		}
	}
	copy[len] = '\0';
	if (memchr(copy, '\0', len) == NULL) {
		error_mask_secrets(copy);
		len = strlen(copy);
	}
	return slice_make(copy, len);
}

static void print_excerpt(
	struct slice line, uint32_t column, const char *green, const char *plain, struct buf *out) {
	size_t caret = column_offset(line, column);
	size_t from = 0;
	if (line.len > EXCERPT_MAX && caret > EXCERPT_LEAD) {
		from = caret - EXCERPT_LEAD;
		while (from < line.len && is_continuation(line.data[from])) {
			from++;
		}
	}
	size_t to = line.len - from > EXCERPT_MAX ? from + EXCERPT_MAX : line.len;
	while (to < line.len && is_continuation(line.data[to])) {
		to++;
	}
	buf_append_str(out, "  ");
	append_visible(slice_sub(line, from, to - from), out);
	buf_append_str(out, "\n  ");
	for (size_t i = from; i < caret; i++) {
		if (!is_continuation(line.data[i])) {
			buf_append_byte(out, line.data[i] == '\t' ? '\t' : ' ');
		}
	}
	buf_printf(out, "%s^%s\n", green, plain);
}

static int by_place(const void *a, const void *b) {
	const struct problem *const *left = a, *const *right = b;
	if ((*left)->file_number != (*right)->file_number) {
		return (*left)->file_number < (*right)->file_number ? -1 : 1;
	}
	if ((*left)->line != (*right)->line) {
		return (*left)->line < (*right)->line ? -1 : 1;
	}
	if ((*left)->column != (*right)->column) {
		return (*left)->column < (*right)->column ? -1 : 1;
	}
	/* Both point into one array: the one added first stands first. */
	return *left < *right ? -1 : 1;
}

static void print_one(const struct problems *problems, const struct problem *problem, bool colour,
	struct line_cursor *cursor, struct buf *out) {
	const char *bold = colour ? "\x1b[1m" : "";
	const char *red = colour ? (problem->is_warning ? "\x1b[1;35m" : "\x1b[1;31m") : "";
	const char *green = colour ? "\x1b[1;32m" : "";
	const char *plain = colour ? "\x1b[0m" : "";
	buf_append_str(out, bold);
	append_visible(slice_of(problem->file ? problem->file : "input"), out);
	if (problem->line) {
		buf_printf(out, ":%u", problem->line);
	}
	if (problem->line && problem->column) {
		buf_printf(out, ":%u", problem->column);
	}
	buf_printf(
		out, ":%s %s%s:%s ", plain, red, problem->is_warning ? "warning" : "error", plain);
	append_visible(slice_of(problem->message), out);
	buf_append_byte(out, '\n');
	struct slice line = {0};
	if (problem->line && problem->column && problem->text.data && !problem->is_secret) {
		line = source_line(problem->text, problem->line, cursor);
	}
	if (line.data && line.len <= EXCERPT_LINE_MAX) {
		line = mask_line(problems->arena, line);
		print_excerpt(line, problem->column, green, plain, out);
	}
	if (problem->hint) {
		buf_append_str(out, "  hint: ");
		append_visible(slice_of(problem->hint), out);
		buf_append_byte(out, '\n');
	}
}

void problems_print(const struct problems *problems, bool colour, struct buf *out) {
	if (problems->len == 0) {
		return;
	}
	const struct problem **sorted =
		ARENA_ARRAY(problems->arena, const struct problem *, problems->len);
	for (size_t i = 0; i < problems->len; i++) {
		sorted[i] = &problems->items[i];
	}
	qsort(sorted, problems->len, sizeof *sorted, by_place);
	struct line_cursor cursor = {.line = 1};
	for (size_t i = 0; i < problems->len; i++) {
		print_one(problems, sorted[i], colour, &cursor, out);
	}
}

void problems_to_error(const struct problems *problems, struct error *error) {
	const struct problem *first = NULL;
	for (size_t i = 0; i < problems->len; i++) {
		const struct problem *problem = &problems->items[i];
		if (!problem->is_warning && (!first || by_place(&problem, &first) < 0)) {
			first = problem;
		}
	}
	if (!first) {
		return;
	}
	error_set(error, ERROR_CONFIGURATION, "%s", first->message);
	const char *file = first->file ? first->file : "input";
	if (first->line) {
		error_set_where(error, "%s:%u:%u", file, first->line, first->column);
	} else {
		error_set_where(error, "%s", file);
	}
}
