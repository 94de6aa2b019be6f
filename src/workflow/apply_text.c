/* apply_text.c: a text as lines that remember their ends, and what edits say when they fail. */
#include "workflow/apply_match.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "workflow/diff.h"

#define LINES_SHOWN_MAX ((size_t)10)
/* Of a region that is shown: longer texts have their difference near the start all the same. */
#define WANTED_LINES_MAX ((size_t)60)
#define SHARED_PAIRS_MIN 0.35

void text_init(struct text *text, struct slice bytes) {
	*text = (struct text){.bytes = bytes, .eol = "\n"};
	size_t count = 0, crlf = 0, lf = 0;
	for (size_t at = 0; at < bytes.len; count++) {
		size_t end = slice_find_byte(slice_from(bytes, at), '\n');
		at = end == SIZE_MAX ? bytes.len : at + end + 1;
	}
	text->lines = mem_calloc(count + 1, sizeof *text->lines);
	text->count = count;
	struct slice rest = bytes;
	for (size_t i = 0; i < count; i++) {
		size_t end = slice_find_byte(rest, '\n');
		struct text_line *line = &text->lines[i];
		line->data = rest.data;
		line->len = end == SIZE_MAX ? rest.len : end;
		line->eol = end != SIZE_MAX;
		rest = slice_from(rest, line->len + line->eol);
		if (line->eol > 0 && line->len > 0 && line->data[line->len - 1] == '\r') {
			line->len--;
			line->eol++;
		}
		lf += line->eol == 1;
		crlf += line->eol == 2;
	}
	text->has_line_ends = crlf + lf > 0;
	text->has_crlf = crlf > 0;
	text->eol = crlf > lf ? "\r\n" : "\n";
	text->ends_with_newline = count > 0 && text->lines[count - 1].eol > 0;
}

void text_finish(struct text *text) {
	free(text->lines);
	*text = (struct text){0};
}

struct slice text_trim_end(struct slice line) {
	while (line.len > 0 && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t' ||
				       line.data[line.len - 1] == '\r')) {
		line.len--;
	}
	return line;
}

void text_append_as(struct slice bytes, const char *eol, struct buf *out) {
	while (bytes.len > 0) {
		size_t end = slice_find_byte(bytes, '\n');
		struct slice line = slice_sub(bytes, 0, end);
		bytes = end == SIZE_MAX ? slice_make(NULL, 0) : slice_from(bytes, end + 1);
		if (end != SIZE_MAX && line.len > 0 && line.data[line.len - 1] == '\r') {
			line.len--;
		}
		buf_append(out, line);
		if (end != SIZE_MAX) {
			buf_append_str(out, eol);
		}
	}
}

void text_keep_final_newline(const struct text *text, struct buf *out) {
	if (text->count == 0 || out->len == 0) {
		return;
	}
	bool has_newline = out->data[out->len - 1] == '\n';
	if (text->ends_with_newline && !has_newline) {
		buf_append_str(out, text->eol);
	} else if (!text->ends_with_newline && has_newline) {
		out->len--;
		if (out->len > 0 && out->data[out->len - 1] == '\r') {
			out->len--;
		}
	}
}

bool apply_fail(struct apply_failure *failure, const char *format, ...) {
	va_list args;
	va_start(args, format);
	char text[ERROR_MESSAGE_MAX];
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct buf *detail = failure->detail;
	struct buf message;
	buf_init(&message, 0);
	buf_printf(&message, "edit %u of %s", failure->edit->number, failure->path);
	if (failure->edit->line > 0) {
		buf_printf(&message, " (line %zu of the reply)", failure->edit->line);
	}
	buf_printf(&message, ": %s", text);
	buf_append(&message, buf_slice(detail));
	buf_reset(detail, SIZE_MAX);
	buf_append(detail, buf_slice(&message));
	buf_finish(&message);
	return error_set(
		failure->error, ERROR_UNPROCESSABLE, "%.*s", (int)detail->len, detail->data);
}

void apply_describe_lines(const size_t *lines, size_t count, struct buf *out) {
	size_t shown = count < LINES_SHOWN_MAX ? count : LINES_SHOWN_MAX;
	buf_append_str(out, count == 1 ? "line " : "lines ");
	for (size_t i = 0; i < shown; i++) {
		const char *separator = i == 0 ? "" : i + 1 == count ? " and " : ", ";
		buf_printf(out, "%s%zu", separator, lines[i] + 1);
	}
	if (shown < count) {
		buf_printf(out, " and %zu more", count - shown);
	}
}

/* ---- the closest region ---- */

/* Which pairs of letters a line has, by a small hash: enough to see which lines are alike. */
struct letter_pairs {
	uint64_t bits[4];
};

static struct letter_pairs pairs_of(struct slice line) {
	struct letter_pairs pairs = {{0}};
	line = slice_trim(line);
	for (size_t i = 0; i + 1 < line.len; i++) {
		unsigned hash = (unsigned char)line.data[i] * 31u + (unsigned char)line.data[i + 1];
		hash = (hash ^ (hash >> 8)) & 255;
		pairs.bits[hash / 64] |= (uint64_t)1 << (hash % 64);
	}
	return pairs;
}

static double likeness(const struct letter_pairs *a, const struct letter_pairs *b) {
	int shared = 0, all = 0;
	for (size_t i = 0; i < 4; i++) {
		shared += __builtin_popcountll(a->bits[i] & b->bits[i]);
		all += __builtin_popcountll(a->bits[i]) + __builtin_popcountll(b->bits[i]);
	}
	return all == 0 ? 0 : 2.0 * shared / all;
}

/* Adds up, for each place the wanted lines could begin, how alike the lines are that would meet.
 * Lines without anything shared add nothing, so it is the sum over good pairs. */
static bool find_closest(
	const struct text *text, const struct slice *wanted, size_t count, size_t *first) {
	double *scores = mem_calloc(text->count + count, sizeof *scores);
	double best = 0;
	struct letter_pairs wanted_pairs[WANTED_LINES_MAX];
	for (size_t j = 0; j < count; j++) {
		wanted_pairs[j] = pairs_of(wanted[j]);
	}
	for (size_t i = 0; i < text->count; i++) {
		struct letter_pairs own = pairs_of(text_line_slice(text, i));
		for (size_t j = 0; j < count; j++) {
			double score = likeness(&own, &wanted_pairs[j]);
			if (score < SHARED_PAIRS_MIN) {
				continue;
			}
			double *sum = &scores[i + count - 1 - j];
			*sum += score;
			if (*sum > best) {
				best = *sum;
				*first = i > j ? i - j : 0;
			}
		}
	}
	free(scores);
	return best > 0;
}

void apply_describe_closest(
	const struct text *text, const struct slice *wanted, size_t count, struct buf *out) {
	size_t first = 0;
	size_t considered = count < WANTED_LINES_MAX ? count : WANTED_LINES_MAX;
	if (text->count == 0) {
		buf_append_str(out, "; the file is empty");
		return;
	}
	if (considered == 0 || !find_closest(text, wanted, considered, &first)) {
		buf_append_str(out, "; nothing in the file is like it");
		return;
	}
	size_t end = first + considered < text->count ? first + considered : text->count;
	buf_printf(out, "; the closest region is lines %zu-%zu (\"-\" the file, \"+\" the edit):\n",
		first + 1, end);
	struct buf have, want;
	buf_init(&have, 0);
	buf_init(&want, 0);
	for (size_t i = first; i < end; i++) {
		buf_append(&have, text_line_slice(text, i));
		buf_append_byte(&have, '\n');
	}
	for (size_t i = 0; i < considered; i++) {
		buf_append(&want, text_trim_end(wanted[i]));
		buf_append_byte(&want, '\n');
	}
	struct diff diff;
	diff_init(&diff, buf_slice(&have), buf_slice(&want));
	diff_print_hunks(&diff, false, out);
	diff_finish(&diff);
	buf_finish(&have);
	buf_finish(&want);
}
