/* apply_hunks.c: the hunks of a unified diff into a text (workflows.md 7.4): near where they say,
 * else where they fit alone. Context keeps the file's bytes. */
#include "workflow/apply_match.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

/* How far from its line a hunk is taken without asking whether it fits elsewhere too. */
#define DRIFT_MAX ((int64_t)3)

struct placed_hunk {
	const struct edit_hunk *hunk;
	size_t number; /* 1-based, in the diff */
	size_t first, end;
};

/* The lines that the file must have: context and removed ones. */
struct old_side {
	struct slice *lines;
	size_t count;
};

/* A diff shows the mark as part of the first line; the text here has none. */
static struct slice without_mark(struct slice line) {
	return slice_from(line, slice_starts_with(line, BYTE_ORDER_MARK) ? 3 : 0);
}

static void old_side_init(struct old_side *side, const struct edit_hunk *hunk) {
	side->count = 0;
	side->lines = mem_calloc(hunk->count + 1, sizeof *side->lines);
	for (size_t i = 0; i < hunk->count; i++) {
		if (hunk->lines[i].kind != '+') {
			side->lines[side->count] = text_trim_end(hunk->lines[i].text);
			if (side->count == 0) {
				side->lines[0] = without_mark(side->lines[0]);
			}
			side->count++;
		}
	}
}

static bool fits(const struct text *text, const struct old_side *side, int64_t at) {
	if (at < 0 || (uint64_t)at > text->count || side->count > text->count - (size_t)at) {
		return false;
	}
	for (size_t i = 0; i < side->count; i++) {
		if (!slice_eq(
			    text_trim_end(text_line_slice(text, (size_t)at + i)), side->lines[i])) {
			return false;
		}
	}
	return true;
}

static bool find_near(
	const struct text *text, const struct old_side *side, int64_t expected, size_t *first) {
	for (int64_t distance = 0; distance <= DRIFT_MAX; distance++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			int64_t at = expected + sign * distance;
			if (fits(text, side, at)) {
				*first = (size_t)at;
				return true;
			}
		}
	}
	return false;
}

static bool fail_hunk(struct apply_failure *failure, const struct text *text,
	const struct old_side *side, size_t number) {
	apply_describe_closest(text, side->lines, side->count, failure->detail);
	return apply_fail(
		failure, "the context and removed lines of hunk %zu are not in the file", number);
}

static bool find_anywhere(struct apply_failure *failure, const struct text *text,
	const struct old_side *side, size_t number, size_t *first) {
	struct {
		size_t *items;
		size_t len, cap;
	} found = {0};
	for (size_t at = 0; at + side->count <= text->count; at++) {
		if (fits(text, side, (int64_t)at)) {
			*VEC_PUSH(&found) = at;
		}
	}
	bool is_ok = found.len == 1;
	if (is_ok) {
		*first = found.items[0];
	} else if (found.len == 0) {
		fail_hunk(failure, text, side, number);
	} else {
		buf_append_str(failure->detail, ": ");
		apply_describe_lines(found.items, found.len, failure->detail);
		buf_append_str(failure->detail, "; give more context or the right line numbers");
		apply_fail(failure, "hunk %zu fits in %zu places", number, found.len);
	}
	VEC_FINISH(&found);
	return is_ok;
}

/* A hunk that only adds, without context: its numbers alone say where. */
static bool place_insertion(
	struct apply_failure *failure, const struct text *text, struct placed_hunk *placed) {
	const struct edit_hunk *hunk = placed->hunk;
	if (text->count == 0) {
		placed->first = 0;
	} else if (!hunk->has_numbers) {
		return apply_fail(failure,
			"hunk %zu has neither context nor line numbers, so its place is unknown",
			placed->number);
	} else if (hunk->old_start < 0 || (uint64_t)hunk->old_start > text->count) {
		return apply_fail(failure,
			"hunk %zu adds after line %lld, and the file has %zu lines", placed->number,
			(long long)hunk->old_start, text->count);
	} else {
		placed->first = (size_t)hunk->old_start;
	}
	placed->end = placed->first;
	return true;
}

/* *drift: by how much the hunks before were off, which the next ones likely are too. */
static bool place_hunk(struct apply_failure *failure, const struct text *text, int64_t *drift,
	struct placed_hunk *placed) {
	struct old_side side;
	const struct edit_hunk *hunk = placed->hunk;
	old_side_init(&side, hunk);
	bool is_ok;
	if (side.count == 0) {
		is_ok = place_insertion(failure, text, placed);
	} else {
		int64_t stated = hunk->old_start < INT32_MAX ? hunk->old_start - 1 : INT32_MAX;
		is_ok = (hunk->has_numbers &&
				(find_near(text, &side, stated + *drift, &placed->first) ||
					find_near(text, &side, stated, &placed->first))) ||
			find_anywhere(failure, text, &side, placed->number, &placed->first);
		if (is_ok) {
			placed->end = placed->first + side.count;
			*drift = hunk->has_numbers ? (int64_t)placed->first - stated : 0;
		}
	}
	free(side.lines);
	return is_ok;
}

static int compare_placed(const void *a, const void *b) {
	const struct placed_hunk *left = a, *right = b;
	if (left->first != right->first) {
		return left->first < right->first ? -1 : 1;
	}
	if (left->end != right->end) {
		return left->end < right->end ? -1 : 1;
	}
	return left->number < right->number ? -1 : 1;
}

static bool check_overlaps(
	struct apply_failure *failure, const struct placed_hunk *placed, size_t count) {
	for (size_t i = 1; i < count; i++) {
		if (placed[i].first < placed[i - 1].end) {
			return apply_fail(failure, "hunks %zu and %zu overlap at line %zu",
				placed[i - 1].number, placed[i].number, placed[i].first + 1);
		}
	}
	return true;
}

static void append_file_line(const struct text *text, size_t line, struct buf *out) {
	buf_append(out,
		slice_make(text->lines[line].data, text->lines[line].len + text->lines[line].eol));
}

/* Ends a line that had no line end, before another one follows. */
static void end_line(const struct text *text, size_t start, struct buf *out) {
	if (out->len > start && out->data[out->len - 1] != '\n') {
		buf_append_str(out, text->eol);
	}
}

static void append_hunk(
	const struct text *text, const struct placed_hunk *placed, struct buf *out) {
	size_t line = placed->first;
	for (size_t i = 0; i < placed->hunk->count; i++) {
		const struct edit_line *edit_line = &placed->hunk->lines[i];
		if (edit_line->kind == '-') {
			line++;
		} else if (edit_line->kind == ' ') {
			end_line(text, 0, out);
			append_file_line(text, line++, out);
		} else {
			struct slice added =
				out->len == 0 ? without_mark(edit_line->text) : edit_line->text;
			if (text->has_line_ends && added.len > 0 &&
				added.data[added.len - 1] == '\r') {
				added.len--;
			}
			end_line(text, 0, out);
			buf_append(out, added);
			buf_append_str(out, text->eol);
		}
	}
}

/* What a hunk at the end of the file says about the final newline: the file's own way unless a
 * "\ No newline" stands on one side alone. */
static void finish_text(const struct text *text, const struct placed_hunk *last, struct buf *out) {
	bool says_none = false, said_none = false;
	if (last && last->end == text->count) {
		for (size_t i = 0; i < last->hunk->count; i++) {
			const struct edit_line *line = &last->hunk->lines[i];
			said_none |= line->kind == '-' && line->has_no_newline;
			says_none = line->kind == '-' ? says_none : line->has_no_newline;
		}
	}
	if (out->len == 0) {
		return;
	}
	bool has_newline = out->data[out->len - 1] == '\n';
	struct text wanted = *text;
	wanted.count = 1;
	wanted.ends_with_newline = text->count == 0 ? has_newline : text->ends_with_newline;
	if (says_none) {
		wanted.ends_with_newline = false;
	} else if (said_none) {
		wanted.ends_with_newline = true;
	}
	text_keep_final_newline(&wanted, out);
}

bool apply_hunks(const struct text *text, struct apply_failure *failure, struct buf *out) {
	const struct edit *edit = failure->edit;
	struct placed_hunk *placed = mem_calloc(edit->hunk_count + 1, sizeof *placed);
	int64_t drift = 0;
	bool is_ok = true;
	for (size_t i = 0; is_ok && i < edit->hunk_count; i++) {
		placed[i].hunk = &edit->hunks[i];
		placed[i].number = i + 1;
		is_ok = place_hunk(failure, text, &drift, &placed[i]);
	}
	qsort(placed, edit->hunk_count, sizeof *placed, compare_placed);
	is_ok = is_ok && check_overlaps(failure, placed, edit->hunk_count);
	size_t at = 0;
	for (size_t i = 0; is_ok && i < edit->hunk_count; i++) {
		for (; at < placed[i].first; at++) {
			append_file_line(text, at, out);
		}
		append_hunk(text, &placed[i], out);
		at = placed[i].end;
	}
	for (; is_ok && at < text->count; at++) {
		append_file_line(text, at, out);
	}
	if (is_ok) {
		finish_text(text, edit->hunk_count > 0 ? &placed[edit->hunk_count - 1] : NULL, out);
	}
	free(placed);
	return is_ok;
}
