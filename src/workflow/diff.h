/* diff.h: what changed between two texts, line by line; private to workflow/apply*.c. */
#ifndef LLMMUX_WORKFLOW_DIFF_H
#define LLMMUX_WORKFLOW_DIFF_H

#include "base/buf.h"
#include "base/slice.h"

struct diff_side {
	struct slice *lines; /* with their line ends */
	size_t count;
	bool *is_changed; /* removed from the old side, added on the new one */
};
struct diff {
	struct diff_side before, after;
	size_t removed, added;
};

/* Compares; the texts must outlive the diff. */
void diff_init(struct diff *diff, struct slice before, struct slice after);
void diff_finish(struct diff *diff);

/* True for a text with a NUL byte, of which no line diff can be shown. */
bool diff_is_binary(struct slice text);
/* The "@@" hunks alone. With colour, control characters are shown as ^X too, so that what a model
 * wrote cannot steer the terminal. */
void diff_print_hunks(const struct diff *diff, bool colour, struct buf *out);

#endif
