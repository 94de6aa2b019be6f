/* apply_parse.h: the readers of edit formats; private to workflow/apply_parse*.c.
 *
 *   reply ─ lines ─┬─ fences ── diff, JSON, search/replace, whole file: by their content
 *                  └─ the text between ── diff, search/replace; the JSON in it if nothing else
 *
 * Each reader pushes its edits to the set and says which format it was. */
#ifndef LLMMUX_WORKFLOW_APPLY_PARSE_H
#define LLMMUX_WORKFLOW_APPLY_PARSE_H

#include "workflow/apply.h"

/* The rows of workflows.md 7.2; formats do not mix within one file. */
enum edit_format {
	EDIT_FORMAT_DIFF,
	EDIT_FORMAT_JSON,
	EDIT_FORMAT_BLOCKS,
	EDIT_FORMAT_FENCE
};
#define EDIT_FORMAT_COUNT 4
extern const char *const edit_format_names[EDIT_FORMAT_COUNT];

/* Lines without their line ends; `number` of the first line, for messages. */
struct reply_lines {
	struct slice *items;
	size_t len, cap;
	size_t first_number;
};

struct reply {
	struct arena *arena;
	struct edit_set *set;
	struct error *error;
	enum edit_format *edit_formats; /* one for each edit of the set */
	size_t edit_format_cap;
};

void reply_lines_split(
	struct arena *arena, struct slice text, size_t first_number, struct reply_lines *lines);
static inline struct reply_lines reply_lines_part(
	const struct reply_lines *lines, size_t from, size_t end) {
	return (struct reply_lines){
		lines->items + from, end - from, end - from, lines->first_number + from};
}
/* The lines joined again, each with a line feed. */
struct slice reply_lines_join(struct arena *arena, const struct reply_lines *lines);

struct edit *reply_add(struct reply *reply, enum edit_format format, enum edit_kind kind,
	struct slice path, size_t line);

/* True when a unified diff begins at this line. */
bool reply_is_diff_start(const struct reply_lines *lines, size_t at);
/* Reads the diff that begins at *at and moves behind it. `is_fenced`: the end of the lines is the
 * end of the diff for sure (a closed fence, a JSON string), so wrong counts are forgiven; else a
 * hunk that ends early is a reply that was cut off. `path` (or absent): of hunks without headers.
 */
bool reply_read_diff(struct reply *reply, const struct reply_lines *lines, size_t *at,
	bool is_fenced, struct slice path, enum edit_format format);

/* True when the value has the shape of edits (7.2 rows 2 to 4). */
bool reply_is_json_edits(const struct json *json);
bool reply_read_json(struct reply *reply, const struct json *json, size_t line);

/* "<<<<<<< SEARCH" */
bool reply_is_block_start(struct slice line);
/* Reads the block that begins at *at and moves behind it. */
bool reply_read_block(
	struct reply *reply, const struct reply_lines *lines, size_t *at, struct slice path);

/* The path that a line of its own names ("src/a.c", "**`src/a.c`**:", "File: src/a.c"); absent when
 * it is something else. */
struct slice reply_path_of_line(struct slice line);

#endif
