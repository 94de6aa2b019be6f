/* error.c: failures with their kind, place, excerpt and hint (workflows.md 6.7). */
#include <stdio.h>

#include "base/encoding.h"
#include "template/run.h"

#define BYTE_ORDER_MARK SLICE("\xEF\xBB\xBF")

const char *template_error_kind_name(enum template_error_kind kind) {
	static const char *const names[] = {
		[TEMPLATE_ERROR_SYNTAX] = "SyntaxError",
		[TEMPLATE_ERROR_UNDEFINED] = "UndefinedError",
		[TEMPLATE_ERROR_INVALID_OPERATION] = "InvalidOperation",
		[TEMPLATE_ERROR_NOT_FOUND] = "TemplateNotFound",
		[TEMPLATE_ERROR_BAD_INCLUDE] = "BadInclude",
		[TEMPLATE_ERROR_UNKNOWN_FILTER] = "UnknownFilter",
		[TEMPLATE_ERROR_UNKNOWN_TEST] = "UnknownTest",
		[TEMPLATE_ERROR_UNKNOWN_FUNCTION] = "UnknownFunction",
		[TEMPLATE_ERROR_UNKNOWN_METHOD] = "UnknownMethod",
		[TEMPLATE_ERROR_TOO_MANY_ARGUMENTS] = "TooManyArguments",
		[TEMPLATE_ERROR_MISSING_ARGUMENT] = "MissingArgument",
		[TEMPLATE_ERROR_CANNOT_UNPACK] = "CannotUnpack",
		[TEMPLATE_ERROR_BAD_ESCAPE] = "BadEscape",
		[TEMPLATE_ERROR_BAD_SERIALIZATION] = "BadSerialization",
		[TEMPLATE_ERROR_LIMIT] = "LimitExceeded",
		[TEMPLATE_ERROR_SHELL] = "ShellQuoting",
	};
	return names[kind];
}

struct template_place template_place_at(const struct template *template, size_t begin, size_t end) {
	struct template_place place = {
		.name = template->options.name, .text = template->text, .line = 1, .column = 1};
	if (begin > template->text.len) {
		begin = template->text.len;
	}
	place.offset = begin;
	place.length = end > begin ? end - begin : 0;
	if (template->text.data) {
		json_position(
			template->text, template->text.data + begin, &place.line, &place.column);
	}
	return place;
}

static void move_on(struct slice text, struct place_cursor *cursor, size_t to) {
	struct slice passed = slice_sub(text, cursor->offset, to - cursor->offset);
	for (size_t newline; (newline = slice_find_byte(passed, '\n')) != SIZE_MAX;) {
		cursor->line++;
		cursor->column = 1;
		passed = slice_from(passed, newline + 1);
	}
	cursor->column += (uint32_t)utf8_length(passed);
}

static void move_back(struct slice text, struct place_cursor *cursor, size_t to) {
	struct slice passed = slice_sub(text, to, cursor->offset - to);
	if (slice_find_byte(passed, '\n') == SIZE_MAX) {
		cursor->column -= (uint32_t)utf8_length(passed);
		return;
	}
	for (size_t i = 0; i < passed.len; i++) {
		cursor->line -= passed.data[i] == '\n';
	}
	size_t begin = to;
	while (begin > 0 && text.data[begin - 1] != '\n') {
		begin--;
	}
	if (begin == 0 && slice_starts_with(text, BYTE_ORDER_MARK)) {
		begin = BYTE_ORDER_MARK.len;
	}
	cursor->column = 1 + (uint32_t)utf8_length(slice_sub(text, begin, to - begin));
}

struct template_place template_place_from(
	const struct template *template, struct place_cursor *cursor, size_t begin, size_t end) {
	/* A byte order mark is no character of its line, which json_position knows. */
	size_t start = BYTE_ORDER_MARK.len;
	if (cursor->offset < start || begin < start || begin > template->text.len) {
		struct template_place place = template_place_at(template, begin, end);
		*cursor = (struct place_cursor){place.offset, place.line, place.column};
		return place;
	}
	if (begin < cursor->offset) {
		move_back(template->text, cursor, begin);
	} else {
		move_on(template->text, cursor, begin);
	}
	cursor->offset = begin;
	return (struct template_place){
		.name = template->options.name,
		.text = template->text,
		.line = cursor->line,
		.column = cursor->column,
		.offset = begin,
		.length = end > begin ? end - begin : 0,
	};
}

bool template_fail(
	struct template_run *run, enum template_error_kind kind, const char *format, ...) {
	if (run->has_failed) {
		return false;
	}
	va_list args;
	va_start(args, format);
	struct slice message = arena_vprintf(run->arena, format, args);
	va_end(args);
	*run->error = (struct template_error){.kind = kind, .message = message.data};
	size_t begin = 0;
	size_t end = 0;
	if (run->at) {
		/* A chain of filters begins with what is filtered: the filter itself says more. */
		bool has_name = run->at->kind == NODE_FILTER || run->at->kind == NODE_TEST;
		begin = has_name ? run->at->call.name_at : run->at->begin;
		end = run->at->end;
	}
	run->error->place = template_place_at(run->template, begin, end);
	run->has_failed = true;
	return false;
}

/* ---- printing ---- */

static struct slice line_at(const struct template_place *place) {
	size_t begin = place->offset < place->text.len ? place->offset : place->text.len;
	size_t end = begin;
	while (begin > 0 && place->text.data[begin - 1] != '\n') {
		begin--;
	}
	while (end < place->text.len && place->text.data[end] != '\n') {
		end++;
	}
	while (end > begin && place->text.data[end - 1] == '\r') {
		end--;
	}
	return slice_sub(place->text, begin, end - begin);
}

/* Long lines are shown around the place only. */
#define EXCERPT_BEFORE 100
#define EXCERPT_MAX 160

static size_t character_start(struct slice text, size_t at) {
	while (at > 0 && at < text.len && (text.data[at] & 0xc0) == 0x80) {
		at--;
	}
	return at;
}

static void print_excerpt(const struct template_error *error, bool colour, struct buf *out) {
	const struct template_place *place = &error->place;
	struct slice line = line_at(place);
	size_t at = place->offset - (size_t)(line.data ? line.data - place->text.data : 0);
	at = at < line.len ? at : line.len;
	size_t from = at > EXCERPT_BEFORE ? character_start(line, at - EXCERPT_BEFORE) : 0;
	struct slice shown = slice_sub(line, from, EXCERPT_MAX);
	shown.len = utf8_whole_prefix(shown);
	size_t before = utf8_length(slice_sub(shown, 0, at - from));
	struct slice marked = slice_sub(shown, at - from, place->length);
	size_t marks = utf8_length(slice_sub(marked, 0, utf8_whole_prefix(marked)));
	int digits = snprintf(NULL, 0, "%u", place->line);
	buf_printf(out, " %*s |\n %u | ", digits, "", place->line);
	buf_append(out, shown);
	buf_printf(out, "\n %*s | ", digits, "");
	for (size_t i = 0; i < before; i++) {
		/* A tab stays one, so that the caret stands under its column. */
		buf_append_byte(out, i < shown.len && shown.data[i] == '\t' ? '\t' : ' ');
	}
	buf_append_str(out, colour ? "\033[1;31m" : "");
	for (size_t i = 0; i < (marks > 0 ? marks : 1); i++) {
		buf_append_byte(out, '^');
	}
	buf_append_str(out, colour ? "\033[0m\n" : "\n");
}

void template_error_print(const struct template_error *error, bool colour, struct buf *out) {
	const struct template_place *place = &error->place;
	buf_printf(out, "%serror%s: %s: %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "",
		template_error_kind_name(error->kind), error->message);
	buf_printf(out, " --> %s:%u:%u\n", place->name ? place->name : "template", place->line,
		place->column);
	if (place->text.len > 0) {
		print_excerpt(error, colour, out);
	}
	if (error->path && error->path_undefined_at > 0) {
		buf_printf(out, "   in `%s`\n", error->path);
	}
	if (error->hint) {
		buf_printf(out, "   hint: %s\n", error->hint);
	}
}

void template_error_to_error(const struct template_error *error, struct error *out) {
	const struct template_place *place = &error->place;
	bool has_more = error->path && strlen(error->path) > error->path_undefined_at &&
			strstr(error->message, error->path) == NULL;
	error_set(out, ERROR_TEMPLATE, "%s: %s%s%s%s%s%s%s", template_error_kind_name(error->kind),
		error->message, has_more ? " in `" : "", has_more ? error->path : "",
		has_more ? "`" : "", error->hint ? " (" : "", error->hint ? error->hint : "",
		error->hint ? ")" : "");
	error_set_where(out, "%s:%u:%u", place->name ? place->name : "template", place->line,
		place->column);
}
