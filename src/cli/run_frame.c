/* run_frame.c: lines, and a region below them that is redrawn without flicker (run_frame.h). */
#include "cli/run_frame.h"

#include <sys/ioctl.h>

#include "cli/run_display.h"

#define DEFAULT_WIDTH 80
#define DEFAULT_HEIGHT 24
#define SPINNER_UTF8 8
#define SPINNER_ASCII 4

static const char *const colour_codes[] = {
	[RUN_COLOUR_NONE] = "",
	[RUN_COLOUR_BOLD] = "\x1b[1m",
	[RUN_COLOUR_DIM] = "\x1b[2m",
	[RUN_COLOUR_RED] = "\x1b[31m",
	[RUN_COLOUR_GREEN] = "\x1b[32m",
	[RUN_COLOUR_YELLOW] = "\x1b[33m",
};

static const struct {
	const char *utf8, *ascii;
	enum run_colour colour;
} marks[] = {
	[RUN_MARK_OK] = {"\u2713", "ok", RUN_COLOUR_GREEN},
	[RUN_MARK_FAILED] = {"\u2717", "FAIL", RUN_COLOUR_RED},
	[RUN_MARK_SKIPPED] = {"\u2013", "skipped", RUN_COLOUR_DIM},
	[RUN_MARK_STOPPED] = {"\u25a0", "stopped", RUN_COLOUR_YELLOW},
};

/* ---- pieces of lines ---- */

struct slice run_frame_masked(struct run_frame *frame, struct slice text) {
	return frame->secrets != NULL ? runner_secrets_mask(frame->secrets, text, frame->arena)
				      : text;
}

void run_frame_begin_colour(struct run_frame *frame, enum run_colour colour) {
	if (frame->has_colour) {
		buf_append_str(&frame->text, colour_codes[colour]);
	}
}

void run_frame_end_colour(struct run_frame *frame) {
	if (frame->has_colour) {
		buf_append_str(&frame->text, "\x1b[0m");
	}
}

void run_frame_coloured(struct run_frame *frame, enum run_colour colour, const char *text) {
	run_frame_begin_colour(frame, colour);
	buf_append_str(&frame->text, text);
	run_frame_end_colour(frame);
}

void run_frame_mark(struct run_frame *frame, enum run_mark mark) {
	run_frame_coloured(
		frame, marks[mark].colour, frame->has_utf8 ? marks[mark].utf8 : marks[mark].ascii);
}

const char *run_frame_spinner(const struct run_frame *frame, unsigned number) {
	static const char *const utf8[SPINNER_UTF8] = {
		"\u280b", "\u2819", "\u2839", "\u2838", "\u283c", "\u2834", "\u2826", "\u2827"};
	static const char *const ascii[SPINNER_ASCII] = {"|", "/", "-", "\\"};
	return frame->has_utf8 ? utf8[number % SPINNER_UTF8] : ascii[number % SPINNER_ASCII];
}

void run_frame_text(struct run_frame *frame, struct slice text) {
	run_words_append(&frame->text, run_frame_masked(frame, text));
}

void run_frame_begin_line(struct run_frame *frame) {
	if (frame->is_mid_line) {
		buf_append_byte(&frame->text, '\n');
		frame->is_mid_line = false;
	}
}

void run_frame_end_line(struct run_frame *frame) {
	buf_append_str(&frame->text, frame->is_live ? "\x1b[K\n" : "\n");
}

void run_frame_block(struct run_frame *frame, const char *indent, struct slice text) {
	struct slice rest = slice_trim(run_frame_masked(frame, text));
	struct slice line;
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		buf_append_str(&frame->text, indent);
		run_words_append(&frame->text, line);
		run_frame_end_line(frame);
	}
}

struct slice run_frame_cut(struct slice text, size_t columns) {
	size_t at = 0;
	for (size_t seen = 0; at < text.len; at++) {
		bool begins = ((unsigned char)text.data[at] & 0xc0) != 0x80;
		if (begins && seen++ == columns) {
			break;
		}
	}
	return slice_sub(text, 0, at);
}

struct slice run_frame_cut_front(struct slice text, size_t columns) {
	size_t at = text.len;
	for (size_t seen = 0; at > 0 && seen < columns; at--) {
		seen += ((unsigned char)text.data[at - 1] & 0xc0) != 0x80;
	}
	return slice_from(text, at);
}

/* ---- writing ---- */

void run_frame_measure(const struct run_frame *frame, size_t *width, size_t *height) {
	struct winsize size = {0};
	*width = DEFAULT_WIDTH;
	*height = DEFAULT_HEIGHT;
	if (frame->width > 0) {
		*width = (size_t)frame->width;
	} else if (ioctl(fileno(frame->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		*width = size.ws_col;
		*height = size.ws_row > 2 ? size.ws_row : DEFAULT_HEIGHT;
	}
}

void run_frame_flush(struct run_frame *frame, size_t (*put_region)(void *data), void *data) {
	struct buf above = frame->text;
	buf_init(&frame->text, 0);
	if (!frame->is_live || frame->is_held) {
		buf_append(&frame->text, buf_slice(&above));
	} else {
		if (frame->region_rows > 0) {
			buf_printf(&frame->text, "\r\x1b[%zuA", frame->region_rows);
		}
		buf_append(&frame->text, buf_slice(&above));
		buf_append_str(&frame->text, "\x1b[?7l");
		frame->region_rows = put_region(data);
		buf_append_str(&frame->text, "\x1b[?7h\x1b[J");
	}
	fwrite(frame->text.data != NULL ? frame->text.data : "", 1, frame->text.len, frame->out);
	fflush(frame->out);
	buf_finish(&frame->text);
	frame->text = above;
	buf_reset(&frame->text, (size_t)64 * 1024);
}

void run_frame_clear(struct run_frame *frame) {
	if (frame->region_rows > 0) {
		fprintf(frame->out, "\r\x1b[%zuA\x1b[J", frame->region_rows);
		fflush(frame->out);
		frame->region_rows = 0;
	}
}
