/* sse.h: server-sent events (WHATWG HTML 9.2): reader of arbitrary cuts, writer. And lines
 * (NDJSON).
 *
 * Every byte fed belongs to exactly one frame, so a forwarder can pass frames on byte for byte. A
 * frame ends with its empty line; comments (`: x`) standing alone are frames of their own, and so
 * is an empty line too many. Accepts LF, CRLF and CR, also cut between CR and LF (E-4), a BOM at
 * the start (E-7), `data:` without a space (E-6), several data lines joined with LF (E-5). */
#ifndef LLMMUX_NET_SSE_H
#define LLMMUX_NET_SSE_H

#include "base/buf.h"
#include "base/error.h"

#define SSE_LINE_MAX ((size_t)16 * 1024 * 1024)

struct sse_frame {
	struct slice raw;   /* the bytes as they came, with the ending */
	struct slice event; /* last `event:` value; empty when none */
	struct slice data;  /* joined data; absent (NULL) when the frame had no data line */
	bool is_comment;    /* no field at all, nothing but comments (liveness) */
	bool is_cut;        /* the stream ended before the empty line */
};

/* Slices of a frame live until the callback returns. Returning false stops the feed: the rest of
 * the bytes is dropped and sse_feed returns false without an error. */
typedef bool (*sse_on_frame)(const struct sse_frame *frame, void *data);

/* Where in the grammar the next byte stands. */
enum sse_state {
	SSE_STATE_LINE_START,
	SSE_STATE_IN_LINE,
	SSE_STATE_AFTER_CR, /* the line ended in a CR: an LF that follows belongs to it */
	SSE_STATE_EMPTY_CR  /* an empty line that ended in a CR: an LF may follow */
};

struct sse_reader {
	struct buf held;   /* the unfinished frame */
	struct buf joined; /* data of a frame with several data lines */
	size_t limit;
	enum sse_state state;
	bool seen_first; /* the BOM was looked for */
	bool has_bom;    /* the frame being read begins with it */
	bool stopped;
};

void sse_reader_init(struct sse_reader *reader, size_t limit); /* 0 = SSE_LINE_MAX per frame */
void sse_reader_finish(struct sse_reader *reader);
/* Feeds bytes; whole frames inside `bytes` are given without a copy. False and ERROR_TOO_LARGE
 * beyond the limit, or when a callback said stop (error kind NONE). */
bool sse_feed(struct sse_reader *reader, struct slice bytes, sse_on_frame on_frame, void *data,
	struct error *error);
/* End of stream: gives what is left as a frame with is_cut (E-8). */
bool sse_end(struct sse_reader *reader, sse_on_frame on_frame, void *data);

/* Lines ended by LF or CRLF, for NDJSON: same contract. An empty line is not shown, its bytes stand
 * before the next line in `raw`; the last line needs no ending. */
typedef bool (*line_on_line)(struct slice line, struct slice raw, void *data);
struct line_reader {
	struct buf held;
	size_t limit; /* of a line with its ending */
	bool stopped;
};
void line_reader_init(struct line_reader *reader, size_t limit); /* 0 = SSE_LINE_MAX */
void line_reader_finish(struct line_reader *reader);
/* As sse_feed and sse_end. */
bool line_feed(struct line_reader *reader, struct slice bytes, line_on_line on_line, void *data,
	struct error *error);
bool line_end(struct line_reader *reader, line_on_line on_line, void *data);

/* `event: NAME\n` (when not NULL) `data: DATA\n\n`; DATA must be one line (JSON). */
bool sse_write(struct buf *out, const char *event, struct slice data);
/* `: TEXT\n\n` */
bool sse_write_comment(struct buf *out, const char *text);

#endif
