/* lines.c: reader of lines in arbitrary cuts, for NDJSON. */
#include "net/sse.h"

#define LINES_KEEP_MAX 2048

void line_reader_init(struct line_reader *reader, size_t limit) {
	*reader = (struct line_reader){.limit = limit > 0 ? limit : SSE_LINE_MAX};
	buf_init(&reader->held, 0);
}

void line_reader_finish(struct line_reader *reader) {
	buf_finish(&reader->held);
}

/* How many of the first bytes are empty lines. */
static size_t empty_lines(struct slice raw) {
	size_t at = 0;
	for (;;) {
		size_t more = at < raw.len && raw.data[at] == '\r' ? 1 : 0;
		if (at + more >= raw.len || raw.data[at + more] != '\n') {
			return at;
		}
		at += more + 1;
	}
}

static void give_line(
	struct line_reader *reader, struct slice raw, line_on_line on_line, void *data) {
	struct slice line = slice_from(raw, empty_lines(raw));
	if (line.len > 0 && line.data[line.len - 1] == '\n') {
		line.len--;
	}
	if (line.len > 0 && line.data[line.len - 1] == '\r') {
		line.len--;
	}
	if (line.len > 0 && !on_line(line, raw, data)) {
		reader->stopped = true;
	}
}

bool line_feed(struct line_reader *reader, struct slice bytes, line_on_line on_line, void *data,
	struct error *error) {
	while (!reader->stopped && bytes.len > 0) {
		/* Nothing held contains the end of a line that is shown: only new bytes are
		 * searched. */
		size_t skip = reader->held.len == 0 ? empty_lines(bytes) : 0;
		const char *lf = memchr(bytes.data + skip, '\n', bytes.len - skip);
		size_t len = lf ? (size_t)(lf - bytes.data) + 1 : bytes.len;
		struct slice raw = slice_make(bytes.data, len);
		if (reader->held.len + len > reader->limit) {
			reader->stopped = true;
			return error_set(error, ERROR_TOO_LARGE,
				"a line of the stream is longer than %zu bytes", reader->limit);
		}
		bytes = slice_from(bytes, len);
		if (!lf || reader->held.len > 0) {
			buf_append(&reader->held, raw);
			raw = buf_slice(&reader->held);
		}
		if (lf && empty_lines(raw) < raw.len) {
			give_line(reader, raw, on_line, data);
			buf_reset(&reader->held, LINES_KEEP_MAX);
		}
	}
	if (reader->stopped) {
		error_clear(error);
	}
	return !reader->stopped;
}

bool line_end(struct line_reader *reader, line_on_line on_line, void *data) {
	if (!reader->stopped && reader->held.len > 0) {
		give_line(reader, buf_slice(&reader->held), on_line, data);
		buf_reset(&reader->held, LINES_KEEP_MAX);
	}
	return !reader->stopped;
}
