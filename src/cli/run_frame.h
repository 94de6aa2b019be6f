/* run_frame.h: lines on a terminal or in a file, and below them a region that is redrawn.
 *
 *   text put above ... ┐
 *   the region's rows  ┘ one write: up to the region's first row, the new lines, the region anew
 *
 * The region's lines are cut at the terminal's width, and wrapping is off while they are written,
 * so that their number is the number of rows. */
#ifndef LLMMUX_CLI_RUN_FRAME_H
#define LLMMUX_CLI_RUN_FRAME_H

#include <stdio.h>

#include "config/runner.h"

enum run_colour {
	RUN_COLOUR_NONE,
	RUN_COLOUR_BOLD,
	RUN_COLOUR_DIM,
	RUN_COLOUR_RED,
	RUN_COLOUR_GREEN,
	RUN_COLOUR_YELLOW
};
enum run_mark {
	RUN_MARK_OK,
	RUN_MARK_FAILED,
	RUN_MARK_SKIPPED,
	RUN_MARK_STOPPED
};

struct run_frame {
	FILE *out;
	bool has_colour, has_utf8, is_live;
	int width; /* 0: the terminal's own */
	struct runner_secrets *secrets;
	struct arena *arena; /* where masked texts live until they are written */
	struct buf text;     /* put, and not yet written */
	size_t region_rows;  /* on the screen */
	bool is_held;        /* no region is drawn */
	bool is_mid_line;    /* text without a line end was put last */
};

/* ---- pieces of lines ---- */
void run_frame_begin_colour(struct run_frame *frame, enum run_colour colour);
void run_frame_end_colour(struct run_frame *frame);
void run_frame_coloured(struct run_frame *frame, enum run_colour colour, const char *text);
/* A sign, or a word where the locale has no such signs. */
void run_frame_mark(struct run_frame *frame, enum run_mark mark);
/* Of outside origin: secrets masked, control bytes shown as `?`. */
void run_frame_text(struct run_frame *frame, struct slice text);
struct slice run_frame_masked(struct run_frame *frame, struct slice text);
/* Ends a line that text without a line end left open. */
void run_frame_begin_line(struct run_frame *frame);
void run_frame_end_line(struct run_frame *frame);
/* Several lines, each behind `indent`. */
void run_frame_block(struct run_frame *frame, const char *indent, struct slice text);
/* The number of spinner signs, and one of them. */
const char *run_frame_spinner(const struct run_frame *frame, unsigned number);

/* ---- writing ---- */
void run_frame_measure(const struct run_frame *frame, size_t *width, size_t *height);
/* Writes what was put. `put_region` puts the region's lines (each ended by run_frame_end_line, none
 * wider than the terminal) and returns how many. */
void run_frame_flush(struct run_frame *frame, size_t (*put_region)(void *data), void *data);
/* Takes the region off the screen until the next flush. */
void run_frame_clear(struct run_frame *frame);

/* The first, or the last, so many characters. */
struct slice run_frame_cut(struct slice text, size_t columns);
struct slice run_frame_cut_front(struct slice text, size_t columns);

#endif
