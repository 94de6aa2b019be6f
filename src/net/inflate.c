/* inflate.c: gzip and deflate content, decoded step by step with zlib. */
#include "net/inflate.h"

#include <stdlib.h>

#include <zlib.h>

#include "base/mem.h"

/* More than zlib's counters hold is given in parts. */
#define STEP_MAX ((size_t)1 << 30)

bool inflate_find_coding(struct slice name, enum inflate_coding *coding) {
	static const struct {
		struct slice name;
		enum inflate_coding coding;
	} codings[] = {
		{SLICE_INIT("identity"), INFLATE_IDENTITY},
		{SLICE_INIT("gzip"), INFLATE_GZIP},
		{SLICE_INIT("x-gzip"), INFLATE_GZIP},
		{SLICE_INIT("deflate"), INFLATE_DEFLATE},
	};
	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		if (slice_ieq(name, codings[i].name)) {
			*coding = codings[i].coding;
			return true;
		}
	}
	return false;
}

static void start(struct inflater *inflater, int window_bits) {
	inflater->stream = mem_calloc(1, sizeof *inflater->stream);
	if (inflateInit2(inflater->stream, window_bits) != Z_OK) {
		mem_exhausted(sizeof *inflater->stream);
	}
}

/* The next member of a gzip file may follow the first (RFC 1952 2.2); nothing may follow zlib. */
static bool next_member(struct inflater *inflater, const char **problem) {
	if (inflater->coding != INFLATE_GZIP || inflateReset(inflater->stream) != Z_OK) {
		*problem = "is followed by other bytes";
		return false;
	}
	inflater->is_whole = false;
	return true;
}

static bool run(struct inflater *inflater, struct slice *in, char *out, size_t room, size_t *made,
	const char **problem) {
	z_stream *z = inflater->stream;
	size_t given = in->len < STEP_MAX ? in->len : STEP_MAX;
	if (inflater->is_whole && given > 0 && !next_member(inflater, problem)) {
		return false;
	}
	z->next_in = (Bytef *)(uintptr_t)in->data;
	z->avail_in = (uInt)given;
	z->next_out = (Bytef *)out;
	z->avail_out = (uInt)(room < STEP_MAX ? room : STEP_MAX);
	int result = inflate(z, Z_NO_FLUSH);
	*made = (size_t)((char *)z->next_out - out);
	*in = slice_from(*in, given - z->avail_in);
	if (result == Z_STREAM_END) {
		inflater->is_whole = true;
	} else if (result != Z_OK && result != Z_BUF_ERROR) {
		*problem = "is damaged";
		return false;
	}
	inflater->is_full = z->avail_out == 0 && !inflater->is_whole;
	return true;
}

/* Servers and clients disagree about "deflate": most send zlib (RFC 9110 8.4.1.2), some raw. */
static bool start_deflate(struct inflater *inflater, struct slice *in, char *out, size_t room,
	size_t *made, const char **problem) {
	while (inflater->prefix_len < 2 && in->len > 0) {
		inflater->prefix[inflater->prefix_len++] = (uint8_t)in->data[0];
		*in = slice_from(*in, 1);
	}
	if (inflater->prefix_len < 2) {
		return true;
	}
	unsigned first = inflater->prefix[0], second = inflater->prefix[1];
	bool is_zlib = (first & 0x0f) == 8 && first >> 4 <= 7 && (first << 8 | second) % 31 == 0;
	start(inflater, is_zlib ? MAX_WBITS : -MAX_WBITS);
	struct slice prefix = slice_make((const char *)inflater->prefix, 2);
	return run(inflater, &prefix, out, room, made, problem);
}

bool inflater_step(struct inflater *inflater, struct slice *in, char *out, size_t room,
	size_t *made, const char **problem) {
	*made = 0;
	inflater->has_bytes |= in->len > 0;
	if (!inflater->stream && inflater->coding == INFLATE_DEFLATE) {
		return start_deflate(inflater, in, out, room, made, problem);
	}
	if (!inflater->stream) {
		start(inflater, MAX_WBITS + 16);
	}
	return run(inflater, in, out, room, made, problem);
}

bool inflater_ended_well(const struct inflater *inflater) {
	return inflater->coding == INFLATE_IDENTITY || !inflater->has_bytes || inflater->is_whole;
}

void inflater_finish(struct inflater *inflater) {
	if (inflater->stream) {
		inflateEnd(inflater->stream);
		free(inflater->stream);
	}
	*inflater = (struct inflater){0};
}
