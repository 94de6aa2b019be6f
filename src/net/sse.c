/* sse.c: reader and writer of server-sent events (WHATWG HTML 9.2). */
#include "net/sse.h"

#include <stdint.h>

/* Memory an idle reader keeps for the next cut frame. */
#define SSE_KEEP_MAX 2048

static const struct slice sse_bom = SLICE_INIT("\xEF\xBB\xBF");

void sse_reader_init(struct sse_reader *reader, size_t limit) {
	*reader = (struct sse_reader){.limit = limit > 0 ? limit : SSE_LINE_MAX};
	buf_init(&reader->held, 0);
	buf_init(&reader->joined, 0);
}

void sse_reader_finish(struct sse_reader *reader) {
	buf_finish(&reader->held);
	buf_finish(&reader->joined);
}

/* ---- where a frame ends ---------------------------------------------------------------------- */

/* The bytes of one feed, and the first CR not yet passed: streams without one are searched once. */
struct sse_scan {
	const char *at, *end;
	const char *next_cr;
};

static const char *find_cr(const char *from, const char *end) {
	const char *cr = memchr(from, '\r', (size_t)(end - from));
	return cr ? cr : end;
}

/* The LF or CR that ends the line, or the end of the bytes. */
static const char *find_line_end(struct sse_scan *scan) {
	if (scan->next_cr < scan->at) {
		scan->next_cr = find_cr(scan->at, scan->end);
	}
	const char *lf = memchr(scan->at, '\n', (size_t)(scan->next_cr - scan->at));
	return lf ? lf : scan->next_cr;
}

/* Moves scan->at behind the frame's last byte and returns true, or to the end of the bytes.
 *
 * Where a frame ends does not depend on how the bytes were cut, and a frame is not held back
 * longer than needed: after CR CR it is whole, and an LF that follows is counted to the next frame.
 * Only an empty line whose CR follows an LF (CRLF streams) waits for one more byte. */
static bool scan_frame(struct sse_scan *scan, enum sse_state *state) {
	while (scan->at < scan->end) {
		char byte = *scan->at;
		switch (*state) {
		case SSE_STATE_EMPTY_CR:
			scan->at += byte == '\n';
			*state = SSE_STATE_LINE_START;
			return true;
		case SSE_STATE_AFTER_CR:
			if (byte == '\r') {
				scan->at++;
				return true;
			}
			*state = SSE_STATE_LINE_START;
			scan->at += byte == '\n';
			break;
		case SSE_STATE_LINE_START:
			if (byte == '\n') {
				scan->at++;
				return true;
			}
			scan->at += byte == '\r';
			*state = byte == '\r' ? SSE_STATE_EMPTY_CR : SSE_STATE_IN_LINE;
			break;
		case SSE_STATE_IN_LINE:
			scan->at = find_line_end(scan);
			if (scan->at < scan->end) {
				*state = *scan->at++ == '\r' ? SSE_STATE_AFTER_CR
							     : SSE_STATE_LINE_START;
			}
			break;
		}
	}
	return false;
}

/* ---- what a frame says ----------------------------------------------------------------------- */

/* The value of a line `name: value` when it has that name (E-6: one space is optional). */
static bool read_field(struct slice line, struct slice name, struct slice *value) {
	if (!slice_starts_with(line, name)) {
		return false;
	}
	if (line.len == name.len) {
		*value = slice_make(line.data + line.len, 0);
		return true;
	}
	if (line.data[name.len] != ':') {
		return false;
	}
	size_t from = name.len + 1;
	if (from < line.len && line.data[from] == ' ') {
		from++;
	}
	*value = slice_make(line.data + from, line.len - from);
	return true;
}

static void add_data(
	struct sse_reader *reader, struct sse_frame *frame, size_t *count, struct slice value) {
	if ((*count)++ == 0) {
		frame->data = value;
		return;
	}
	if (*count == 2) {
		buf_reset(&reader->joined, SSE_KEEP_MAX);
		buf_append(&reader->joined, frame->data);
	}
	buf_append_byte(&reader->joined, '\n');
	buf_append(&reader->joined, value);
}

/* Reads the lines of a frame. `id:` and `retry:` mean nothing to us (E-7). */
static void read_lines(struct sse_reader *reader, struct sse_frame *frame) {
	const char *end = frame->raw.data + frame->raw.len;
	struct sse_scan scan = {.at = frame->raw.data + (reader->has_bom ? sse_bom.len : 0)};
	scan.end = end;
	scan.next_cr = find_cr(scan.at, end);
	size_t data_lines = 0;

	frame->is_comment = true;
	while (scan.at < end) {
		const char *line_end = find_line_end(&scan);
		struct slice line = slice_make(scan.at, (size_t)(line_end - scan.at));
		struct slice value;
		scan.at = line_end < end ? line_end + 1 : end;
		if (line.len == 0 || line.data[0] == ':') {
			continue;
		}
		frame->is_comment = false;
		if (read_field(line, SLICE("data"), &value)) {
			add_data(reader, frame, &data_lines, value);
		} else if (read_field(line, SLICE("event"), &value)) {
			frame->event = value;
		}
	}
	if (data_lines > 1) {
		frame->data = buf_slice(&reader->joined);
	}
}

static bool give_frame(struct sse_reader *reader, struct slice raw, bool is_cut,
	sse_on_frame on_frame, void *data) {
	struct sse_frame frame = {.raw = raw, .is_cut = is_cut};
	read_lines(reader, &frame);
	reader->has_bom = false;
	if (!on_frame(&frame, data)) {
		reader->stopped = true;
	}
	return !reader->stopped;
}

/* ---- the public face ------------------------------------------------------------------------- */

/* Takes what may be a BOM into `held`. The mark is no part of the first line, so the state is set
 * back behind it. */
static struct slice take_bom(struct sse_reader *reader, struct slice bytes) {
	while (bytes.len > 0 && !reader->seen_first) {
		size_t matched = reader->held.len;
		if (bytes.data[0] != sse_bom.data[matched]) {
			reader->seen_first = true;
			reader->state = matched > 0 ? SSE_STATE_IN_LINE : SSE_STATE_LINE_START;
			break;
		}
		buf_append_byte(&reader->held, bytes.data[0]);
		bytes = slice_from(bytes, 1);
		if (matched + 1 == sse_bom.len) {
			reader->seen_first = true;
			reader->has_bom = true;
		}
	}
	return bytes;
}

static bool refuse_long(struct sse_reader *reader, struct error *error) {
	reader->stopped = true;
	return error_set(error, ERROR_TOO_LARGE, "an event of the stream is longer than %zu bytes",
		reader->limit);
}

bool sse_feed(struct sse_reader *reader, struct slice bytes, sse_on_frame on_frame, void *data,
	struct error *error) {
	if (reader->stopped) {
		error_clear(error);
		return false;
	}
	bytes = reader->seen_first ? bytes : take_bom(reader, bytes);
	if (bytes.len == 0) {
		return true;
	}
	const char *end = bytes.data + bytes.len;
	struct sse_scan scan = {.at = bytes.data, .end = end, .next_cr = find_cr(bytes.data, end)};
	while (!reader->stopped && scan.at < end) {
		const char *from = scan.at;
		bool is_whole = scan_frame(&scan, &reader->state);
		struct slice raw = slice_make(from, (size_t)(scan.at - from));
		if (reader->held.len + raw.len > reader->limit) {
			return refuse_long(reader, error);
		}
		if (!is_whole || reader->held.len > 0) {
			buf_append(&reader->held, raw);
			raw = buf_slice(&reader->held);
		}
		if (is_whole) {
			give_frame(reader, raw, false, on_frame, data);
			buf_reset(&reader->held, SSE_KEEP_MAX);
		}
	}
	if (reader->stopped) {
		error_clear(error);
	}
	return !reader->stopped;
}

bool sse_end(struct sse_reader *reader, sse_on_frame on_frame, void *data) {
	if (reader->stopped || reader->held.len == 0) {
		return !reader->stopped;
	}
	struct slice raw = buf_slice(&reader->held);
	/* The LF that belongs to the CR of the frame before is nothing that could be cut. */
	bool is_whole = reader->state == SSE_STATE_EMPTY_CR || slice_is(raw, "\n");
	bool go_on = give_frame(reader, raw, !is_whole, on_frame, data);
	buf_reset(&reader->held, SSE_KEEP_MAX);
	return go_on;
}

bool sse_write(struct buf *out, const char *event, struct slice data) {
	if (event) {
		buf_append(out, SLICE("event: "));
		buf_append_str(out, event);
		buf_append_byte(out, '\n');
	}
	buf_append(out, SLICE("data: "));
	buf_append(out, data);
	return buf_append(out, SLICE("\n\n"));
}

bool sse_write_comment(struct buf *out, const char *text) {
	buf_append(out, SLICE(": "));
	buf_append_str(out, text);
	return buf_append(out, SLICE("\n\n"));
}
