/* problems.h: every problem of a file at once: file:line:col, the source line, a caret, a
 * suggestion. */
#ifndef LLMMUX_DATA_PROBLEMS_H
#define LLMMUX_DATA_PROBLEMS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct problem {
	const char *file;      /* as shown, when it was added */
	struct slice text;     /* of that file; may be absent */
	uint32_t file_number;  /* of its files, in the order of their first problems */
	uint32_t line, column; /* 1-based; 0 = whole file */
	bool is_warning;
	bool is_secret; /* what stands there is a secret: the source line is not shown */
	const char *message;
	const char *hint; /* "did you mean `port`?", or NULL */
};

/* What is read may consist of several files (includes): changing `file` and `text` makes the
 * following problems be of another one. */
struct problems {
	struct arena *arena;
	const char *file;  /* as shown */
	struct slice text; /* the source, for the excerpt; may be absent */
	struct problem *items;
	size_t len, cap;
	size_t error_count;
};

/* None yet. Messages go into the arena; `file` and `text` are borrowed. */
void problems_init(
	struct problems *problems, struct arena *arena, const char *file, struct slice text);
/* An error, or a warning, at a place (1-based; line 0: of the file as a whole). */
void problems_add(struct problems *problems, uint32_t line, uint32_t column, const char *format,
	...) __attribute__((format(printf, 4, 5)));
void problems_warn(struct problems *problems, uint32_t line, uint32_t column, const char *format,
	...) __attribute__((format(printf, 4, 5)));
/* Attaches a hint to the problem added last. */
void problems_hint(struct problems *problems, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The candidate nearest to `word` if near enough to be a typo, else NULL. Candidates end with NULL.
 */
const char *problems_nearest(struct slice word, const char *const *candidates);
/* Prints all, file by file in source order, compiler style; colour with escape codes when asked. In
 * source lines, what looks like a key is masked, and so is what stands behind a name such as
 * api-key (ER-4). */
void problems_print(const struct problems *problems, bool colour, struct buf *out);
/* The first problem as an error (ERROR_CONFIGURATION, where = file:line:col). */
void problems_to_error(const struct problems *problems, struct error *error);

#endif
