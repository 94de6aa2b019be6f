/* apply_match.h: where an edit belongs in a text, and the text it makes (workflows.md 7.4); private
 * to workflow/apply*.c. Texts here have no byte order mark: the plan puts it back. */
#ifndef LLMMUX_WORKFLOW_APPLY_MATCH_H
#define LLMMUX_WORKFLOW_APPLY_MATCH_H

#include "workflow/apply.h"

struct text_line {
	const char *data;
	size_t len; /* without the line end */
	size_t eol; /* bytes of the line end: 0 (the last line may have none), 1, 2 */
};
struct text {
	struct slice bytes;
	struct text_line *lines;
	size_t count;
	const char *eol;    /* the line end most lines have; "\n" of a text without any */
	bool has_line_ends; /* else it has no convention: the edit's own counts */
	bool has_crlf, ends_with_newline;
};
void text_init(struct text *text, struct slice bytes);
void text_finish(struct text *text);
static inline struct slice text_line_slice(const struct text *text, size_t line) {
	return slice_make(text->lines[line].data, text->lines[line].len);
}
#define BYTE_ORDER_MARK SLICE("\xef\xbb\xbf")
/* A line without its trailing blanks. */
struct slice text_trim_end(struct slice line);
/* Appends with the line ends of `eol`, whatever they were. */
void text_append_as(struct slice bytes, const char *eol, struct buf *out);
/* Gives what is in `out` the final newline that the text has, or has not. */
void text_keep_final_newline(const struct text *text, struct buf *out);

/* What went wrong, whole; the error's message is the same, cut at its size. */
struct apply_failure {
	const struct edit *edit;
	const char *path;
	struct buf *detail;
	struct error *error;
};
/* Returns false. */
bool apply_fail(struct apply_failure *failure, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* EDIT_REPLACE with an old text, EDIT_HUNKS: the new text into `out`. */
bool apply_replace(const struct text *text, struct apply_failure *failure, struct buf *out);
bool apply_hunks(const struct text *text, struct apply_failure *failure, struct buf *out);

/* Appends "the closest region is lines 4-9 ..." and its diff against the wanted lines. */
void apply_describe_closest(
	const struct text *text, const struct slice *wanted, size_t count, struct buf *out);
/* Appends "lines 3, 9 and 12" (at most ten of them); `lines` count from 0. */
void apply_describe_lines(const size_t *lines, size_t count, struct buf *out);

#endif
