/* fuzz_decode.h: what the decoders' fuzz targets share: decode arbitrary bytes at arbitrary cuts,
 * check the invariants, and write the events as every dialect, streamed and whole. */
#ifndef LLMMUX_FUZZ_DECODE_H
#define LLMMUX_FUZZ_DECODE_H

#include <stdio.h>
#include <stdlib.h>

#include "../tests/support/check_sink.h"
#include "formats/format.h"

static inline struct slice fuzz_next_piece(struct slice *rest, unsigned cut) {
	size_t size = cut == 0 ? rest->len : 1 + (rest->len * cut) % 61;
	struct slice piece = slice_sub(*rest, 0, size);
	*rest = slice_from(*rest, size);
	return piece;
}

static inline void fuzz_decode_into(enum format_id id, struct slice bytes, uint8_t mode,
	struct arena *arena, struct chat_sink *sink) {
	const struct chat_request request = {.stream = mode & 1, .arena = arena};
	const struct format_decoder_options options = {.arena = arena,
		.sink = sink,
		.request = &request,
		.is_stream = mode & 1,
		.keep_wire = mode & 2,
		.hide_usage = mode & 4,
		.echo_model = mode & 8 ? SLICE("echo") : (struct slice){0},
		.max_line_bytes = 1 << 16,
		.max_answer_bytes = 1 << 20};
	struct format_decoder *decoder = format_get(id)->decoder_create(&options);
	struct slice rest = bytes;
	while (rest.len > 0) {
		decoder->ops->feed(decoder, fuzz_next_piece(&rest, mode >> 4));
	}
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
}

static inline void fuzz_decode(enum format_id id, const uint8_t *data, size_t size) {
	if (size == 0) {
		return;
	}
	struct slice bytes = slice_make((const char *)data + 1, size - 1);
	struct check_sink check;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	check_sink_init(&check);
	fuzz_decode_into(id, bytes, data[0], &arena, &check.sink);
	if (check.problem[0] != '\0' || !check.has_ended) {
		fprintf(stderr, "broken: %s%s\n", check.problem, check.has_ended ? "" : " no end");
		abort();
	}
	check_sink_finish(&check);
	arena_finish(&arena);
	for (int to = 0; to < FORMAT_COUNT; to++) {
		const struct format *format = format_get((enum format_id)to);
		for (int is_stream = 0; format != NULL && is_stream < 2; is_stream++) {
			struct buf out = {0};
			arena_init(&arena, NULL, 0);
			const struct chat_request request = {.stream = is_stream, .arena = &arena};
			const struct format_encoder_options options = {.arena = &arena,
				.out = &out,
				.request = &request,
				.is_stream = is_stream,
				.model = SLICE("m"),
				.request_id = SLICE("req_1")};
			struct chat_sink *sink = format->encoder_create(&options);
			fuzz_decode_into(id, bytes, data[0] & 0xf1, &arena, sink);
			arena_finish(&arena);
			if (!is_stream && out.len > 0 && !json_is_valid(buf_slice(&out))) {
				fprintf(stderr, "the %s answer is no JSON\n", format->name);
				abort();
			}
			buf_finish(&out);
		}
	}
}

#endif
