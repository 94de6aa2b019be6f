/* sse.c: the SSE and line readers under arbitrary bytes and cuts. The first byte chooses the cuts;
 * the frames of the whole input and of the cut input must have the same extents. */
#include <stdint.h>
#include <stdlib.h>

#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define FRAMES_MAX 4096

struct seen {
	size_t count, total;
	size_t lens[FRAMES_MAX];
};

static bool see(struct seen *seen, size_t len) {
	seen->total += len;
	seen->lens[seen->count++] = len;
	return seen->count < FRAMES_MAX;
}

static bool see_frame(const struct sse_frame *frame, void *data) {
	if (frame->data.data && frame->data.len > frame->raw.len) {
		abort();
	}
	return see(data, frame->raw.len);
}

static bool see_line(struct slice line, struct slice raw, void *data) {
	if (line.len == 0 || line.len > raw.len) {
		abort();
	}
	return see(data, raw.len);
}

static bool same(const struct seen *a, const struct seen *b) {
	return a->count == b->count && memcmp(a->lens, b->lens, a->count * sizeof a->lens[0]) == 0;
}

static void read_frames(struct slice input, size_t step, struct seen *seen) {
	struct sse_reader reader;
	bool go_on = true;
	sse_reader_init(&reader, 0);
	for (size_t at = 0; go_on && at < input.len; at += step) {
		go_on = sse_feed(&reader, slice_sub(input, at, step), see_frame, seen, NULL);
	}
	if (go_on && sse_end(&reader, see_frame, seen) && seen->total != input.len) {
		abort();
	}
	sse_reader_finish(&reader);
}

static void read_lines(struct slice input, size_t step, struct seen *seen) {
	struct line_reader reader;
	bool go_on = true;
	line_reader_init(&reader, 0);
	for (size_t at = 0; go_on && at < input.len; at += step) {
		go_on = line_feed(&reader, slice_sub(input, at, step), see_line, seen, NULL);
	}
	if (go_on) {
		line_end(&reader, see_line, seen);
	}
	line_reader_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
	if (len < 2) {
		return 0;
	}
	struct slice input = slice_make((const char *)bytes + 1, len - 1);
	size_t step = 1 + bytes[0] % 16;
	struct seen whole = {0}, cut = {0}, whole_lines = {0}, cut_lines = {0};
	read_frames(input, input.len, &whole);
	read_frames(input, step, &cut);
	read_lines(input, input.len, &whole_lines);
	read_lines(input, step, &cut_lines);
	if (!same(&whole, &cut) || !same(&whole_lines, &cut_lines)) {
		abort();
	}
	return 0;
}
