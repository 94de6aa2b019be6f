/* translate.c: bench-translate [REQUEST]: what translating costs on one core, without sockets.
 * Prints one JSON object: microseconds of CPU for each delta of 200 bytes of a stream, by the two
 * dialects; and, with a request (a body of the Messages API), the milliseconds of CPU to parse it
 * and build it for each upstream dialect. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "formats/format.h"

#define DELTAS 200
#define DELTA_BYTES 200
#define ROUNDS 100
#define BUILDS 20

static const enum format_id dialects[] = {
	FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, FORMAT_GEMINI, FORMAT_OPENAI_RESPONSES};
#define DIALECTS (sizeof dialects / sizeof *dialects)

static double cpu_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- streams ---- */

/* A stream as an upstream of the dialect sends it: the bytes, and where each event ends. */
struct recording {
	struct buf wire;
	size_t ends[DELTAS + 8];
	size_t count;
};

static void record(const struct format *format, struct recording *recording) {
	static char text[DELTA_BYTES];
	struct arena arena;
	struct chat_emitter emitter;
	arena_init(&arena, NULL, 0);
	memset(text, 'w', sizeof text);
	for (size_t i = 7; i < sizeof text; i += 8) {
		text[i] = ' ';
	}
	const struct chat_request request = {.stream = true, .arena = &arena};
	const struct format_encoder_options options = {.arena = &arena,
		.out = &recording->wire,
		.request = &request,
		.is_stream = true,
		.model = SLICE("model"),
		.request_id = SLICE("req_1")};
	chat_emitter_init(&emitter, format->encoder_create(&options), &arena);
	const struct slice none = {0};
	chat_emit_start(&emitter, SLICE("id_1"), SLICE("model"), 1700000000, none, none);
	for (size_t i = 0; i < DELTAS; i++) {
		chat_emit_text(&emitter, 0, slice_make(text, sizeof text));
		recording->ends[recording->count++] = recording->wire.len;
	}
	chat_emit_finish(&emitter, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&emitter);
	recording->ends[recording->count++] = recording->wire.len;
	arena_finish(&arena);
}

/* Microseconds of CPU for a delta, event by event as they come from a socket. */
static double translate(
	const struct format *from, const struct format *to, const struct recording *recording) {
	struct arena arena;
	struct buf out = {0};
	arena_init(&arena, NULL, 0);
	const struct chat_request request = {.stream = true, .arena = &arena};
	const struct format_encoder_options encoder = {.arena = &arena,
		.out = &out,
		.request = &request,
		.is_stream = true,
		.model = SLICE("model"),
		.request_id = SLICE("req_1")};
	const struct format_decoder_options options = {.arena = &arena,
		.sink = to->encoder_create(&encoder),
		.request = &request,
		.is_stream = true};
	struct format_decoder *decoder = from->decoder_create(&options);
	size_t begin = 0, written = 0;
	double before = cpu_seconds();
	for (size_t i = 0; i < recording->count; i++) {
		decoder->ops->feed(decoder,
			slice_make(recording->wire.data + begin, recording->ends[i] - begin));
		begin = recording->ends[i];
		written += out.len;
		buf_reset(&out, 64 * 1024);
	}
	decoder->ops->finish(decoder, NULL);
	double seconds = cpu_seconds() - before;
	decoder->ops->destroy(decoder);
	arena_finish(&arena);
	buf_finish(&out);
	if (written < (size_t)DELTAS * DELTA_BYTES) {
		fprintf(stderr, "bench-translate: %s to %s lost text\n", from->name, to->name);
		exit(1);
	}
	return seconds * 1e6 / DELTAS;
}

static double smaller(double a, double b) {
	return a < b ? a : b;
}

static void print_streams(struct json_writer *w) {
	json_write_key(w, "stream");
	json_begin_object(w);
	for (size_t f = 0; f < DIALECTS; f++) {
		struct recording *recording = calloc(1, sizeof *recording);
		const struct format *from = format_get(dialects[f]);
		record(from, recording);
		for (size_t t = 0; t < DIALECTS; t++) {
			const struct format *to = format_get(dialects[t]);
			char name[64];
			double least = 1e9;
			snprintf(name, sizeof name, "%s to %s", from->name, to->name);
			for (int round = 0; f != t && round < ROUNDS; round++) {
				least = smaller(least, translate(from, to, recording));
			}
			if (f != t) {
				json_write_key_slice(w, slice_of(name));
				json_write_double(w, least);
			}
		}
		buf_finish(&recording->wire);
		free(recording);
	}
	json_end_object(w);
}

/* ---- requests ---- */

static double build(const struct format *to, struct slice body) {
	static const struct slice models[FORMAT_COUNT] = {
		[FORMAT_OPENAI_CHAT] = SLICE_INIT("gpt-5"),
		[FORMAT_OPENAI_RESPONSES] = SLICE_INIT("gpt-5"),
		[FORMAT_ANTHROPIC] = SLICE_INIT("claude-sonnet-4-5"),
		[FORMAT_GEMINI] = SLICE_INIT("gemini-2.5-pro"),
	};
	struct arena arena;
	struct error error;
	struct chat_request request;
	struct format_built built = {0};
	struct slice model = models[to->id];
	struct chat_losses losses = {.arena = &arena};
	double before = cpu_seconds();
	arena_init(&arena, NULL, 0);
	struct format_parse parse = {.body = body, .arena = &arena};
	parse.tree = json_parse(&arena, body, NULL, &error);
	const struct format_target target = {.model = model,
		.family = model_family_of(model),
		.quirks = QUIRK_OFFICIAL,
		.stream = true};
	built.body.allow_refs = true;
	if (parse.tree == NULL ||
		!format_get(FORMAT_ANTHROPIC)->parse_request(&parse, &request, &error) ||
		!format_build_request(to, &request, &target, &built, &losses, &error)) {
		fprintf(stderr, "bench-translate: to %s: %s\n", to->name, error.message);
		exit(1);
	}
	buf_finish(&built.body);
	arena_finish(&arena);
	return (cpu_seconds() - before) * 1e3;
}

static void print_requests(struct json_writer *w, struct slice body) {
	json_put_int(w, "requestBytes", (int64_t)body.len);
	json_write_key(w, "request");
	json_begin_object(w);
	for (size_t t = 0; t < DIALECTS; t++) {
		double least = 1e9;
		if (dialects[t] == FORMAT_ANTHROPIC) {
			continue;
		}
		for (int i = 0; i < BUILDS; i++) {
			least = smaller(least, build(format_get(dialects[t]), body));
		}
		json_write_key(w, format_get(dialects[t])->name);
		json_write_double(w, least);
	}
	json_end_object(w);
}

int main(int argc, char **argv) {
	struct buf out = {0}, body = {0};
	struct json_writer w;
	struct error error;
	if (argc > 2 || (argc == 2 && !file_read(argv[1], (size_t)64 << 20, &body, &error))) {
		fprintf(stderr, "bench-translate: %s\n",
			argc > 2 ? "usage: bench-translate [REQUEST]" : error.message);
		return 1;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	print_streams(&w);
	if (argc == 2) {
		print_requests(&w, buf_slice(&body));
	}
	json_end_object(&w);
	printf("%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
	buf_finish(&body);
	return 0;
}
