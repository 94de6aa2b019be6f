/* recorded.c: reads the index of recorded exchanges and runs them through decoders and encoders. */
#include "formats/recorded.h"

#include "support/fixtures.h"

/* ---- reading ---- */

/* INDEX.md: one payload a line; the framing depends on the dialect. */
static struct slice frame_chunks(struct arena *arena, struct slice lines, struct slice folder) {
	bool has_names = slice_contains(folder, SLICE("anthropic")) ||
			 slice_contains(folder, SLICE("responses"));
	bool is_gemini = slice_contains(folder, SLICE("gemini"));
	struct buf out = {0};
	struct slice line;
	while (slice_split(&lines, '\n', &line)) {
		line = slice_trim(line);
		if (line.len == 0) {
			continue;
		}
		if (has_names) {
			const struct json *tree = json_parse(arena, line, NULL, NULL);
			struct slice type = json_string(json_get(tree, "type"), arena);
			buf_printf(&out, "event: %.*s\n", SLICE_FMT(type));
		}
		buf_append_str(&out, "data: ");
		buf_append(&out, line);
		buf_append_str(&out, is_gemini ? "\r\n\r\n" : "\n\n");
	}
	if (!has_names && !is_gemini) {
		buf_append_str(&out, "data: [DONE]\n\n");
	}
	struct slice framed = arena_dup(arena, buf_slice(&out));
	buf_finish(&out);
	return framed;
}

static struct slice read_file(struct arena *arena, const char *folder, struct slice name) {
	char relative[512];
	snprintf(relative, sizeof relative, "upstream/%s/%.*s", folder, SLICE_FMT(name));
	char *path = fixtures_path(relative);
	if (!path) {
		return (struct slice){0};
	}
	struct slice bytes = fixtures_read(path), copy = arena_dup(arena, bytes);
	fixtures_free(bytes);
	free(path);
	return copy;
}

static void read_exchange(struct arena *arena, const char *folder, const struct json *row,
	struct recorded *exchange) {
	json_each (file, json_get(row, "files")) {
		struct slice name = json_string(file, arena);
		struct slice bytes = read_file(arena, folder, name);
		if (slice_ends_with(name, SLICE(".request.json"))) {
			exchange->request = bytes;
			continue;
		}
		exchange->name = arena_strdup(arena, name);
		exchange->answer = bytes;
		exchange->is_stream = slice_ends_with(name, SLICE(".sse")) ||
				      slice_ends_with(name, SLICE(".ndjson"));
		if (slice_ends_with(name, SLICE(".chunks.txt"))) {
			exchange->is_stream = true;
			exchange->answer = frame_chunks(arena, bytes, slice_of(folder));
		}
	}
	bool reserialized = false;
	json_bool(json_get(row, "reserialized"), &reserialized);
	exchange->is_wire = !reserialized;
	exchange->status = 200;
	json_int64(json_get(row, "status"), &exchange->status);
	exchange->path = json_string(json_get(row, "url_path"), arena);
	exchange->is_count = slice_contains(exchange->path, SLICE("count_tokens")) ||
			     slice_contains(exchange->path, SLICE("countTokens"));
}

/* A file of the agent's own recordings: {"method", "response"} a line, a list of chunks or one
 * answer, without the envelope they came in (INDEX.md). It is put around them again. */
static size_t read_jsonl(struct arena *arena, const struct recorded *file,
	void (*visit)(const struct recorded *exchange, void *data), void *data) {
	struct slice rest = file->answer, line;
	size_t count = 0;
	while (slice_split(&rest, '\n', &line)) {
		const struct json *row = line.len > 0 ? json_parse(arena, line, NULL, NULL) : NULL;
		const struct json *response = json_get_value(row, "response");
		bool is_stream = json_is(response, JSON_ARRAY);
		struct buf answer = {0}, wire = {0};
		if (response == NULL) {
			continue;
		}
		for (const struct json *chunk = is_stream ? json_first(response) : response;
			chunk != NULL; chunk = is_stream ? chunk->next : NULL) {
			struct slice text = json_raw(chunk);
			buf_printf(&answer, "%s{\"response\":%.*s,\"traceId\":\"t\"}%s",
				is_stream ? "data: " : "", SLICE_FMT(text),
				is_stream ? "\r\n\r\n" : "");
			buf_printf(&wire, "%s%.*s%s", is_stream ? "data: " : "", SLICE_FMT(text),
				is_stream ? "\n\n" : "");
		}
		struct recorded exchange = *file;
		exchange.answer = buf_slice(&answer);
		exchange.wire = buf_slice(&wire);
		exchange.is_stream = is_stream;
		visit(&exchange, data);
		count++;
		buf_finish(&answer);
		buf_finish(&wire);
	}
	return count;
}

size_t recorded_each(const char *folder, void (*visit)(const struct recorded *exchange, void *data),
	void *data) {
	size_t count = 0;
	char *path = fixtures_path("upstream/index.jsonl");
	if (!path) {
		return 0;
	}
	struct slice index = fixtures_read(path), rest = index, line;
	while (slice_split(&rest, '\n', &line)) {
		struct arena arena;
		struct recorded exchange = {0};
		arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
		const struct json *row = line.len > 0 ? json_parse(&arena, line, NULL, NULL) : NULL;
		if (json_string_is(json_get(row, "format"), folder)) {
			read_exchange(&arena, folder, row, &exchange);
			if (exchange.name &&
				slice_ends_with(slice_of(exchange.name), SLICE(".jsonl"))) {
				count += read_jsonl(&arena, &exchange, visit, data);
			} else if (exchange.name) {
				visit(&exchange, data);
				count++;
			}
		}
		arena_finish(&arena);
	}
	fixtures_free(index);
	free(path);
	return count;
}

/* ---- decoding ---- */

static size_t next_cut(enum cut cut, unsigned *state, size_t left) {
	if (cut == CUT_WHOLE) {
		return left;
	}
	if (cut == CUT_BYTES) {
		return 1;
	}
	*state = *state * 1664525u + 1013904223u;
	size_t size = 1 + (*state >> 16) % 97;
	return size < left ? size : left;
}

static void feed_all(
	struct format_decoder *decoder, struct slice bytes, enum cut cut, unsigned seed) {
	unsigned state = seed;
	while (bytes.len > 0) {
		size_t size = next_cut(cut, &state, bytes.len);
		/* Exactly sized, so that a sanitizer sees a read past the piece. */
		char *piece = malloc(size);
		memcpy(piece, bytes.data, size);
		decoder->ops->feed(decoder, slice_make(piece, size));
		free(piece);
		bytes = slice_from(bytes, size);
	}
	decoder->ops->finish(decoder, NULL);
}

static void decode(const struct format *format, const struct recorded *exchange, enum cut cut,
	unsigned seed, bool keep_wire, struct chat_sink *sink) {
	struct arena arena;
	arena_init(&arena, NULL, (size_t)512 * 1024 * 1024);
	const struct chat_request request = {.stream = exchange->is_stream, .arena = &arena};
	const struct format_decoder_options options = {.arena = &arena,
		.sink = sink,
		.request = &request,
		.is_stream = exchange->is_stream,
		.keep_wire = keep_wire};
	struct format_decoder *decoder = format->decoder_create(&options);
	feed_all(decoder, exchange->answer, cut, seed);
	decoder->ops->destroy(decoder);
	arena_finish(&arena);
}

void recorded_decode(const struct format *format, const struct recorded *exchange, enum cut cut,
	unsigned seed, bool keep_wire, struct check_sink *check) {
	check_sink_init(check);
	check->mask_ids = true;
	decode(format, exchange, cut, seed, keep_wire, &check->sink);
}

struct error_watch {
	struct chat_sink sink;
	struct chat_sink *next;
	bool has_error;
};

static void watch_event(struct chat_sink *sink, const struct chat_event *event) {
	struct error_watch *watch = (struct error_watch *)sink;
	watch->has_error |= event->type == CHAT_EVENT_ERROR;
	chat_sink_send(watch->next, event);
}

bool recorded_translate(const struct format *from, const struct format *to,
	const struct recorded *exchange, bool is_stream, struct buf *out) {
	struct arena arena;
	arena_init(&arena, NULL, (size_t)512 * 1024 * 1024);
	const struct chat_request request = {.stream = is_stream,
		.arena = &arena,
		.include_usage = TRI_TRUE,
		.reasoning = {.mode = CHAT_REASONING_ON}};
	const struct format_encoder_options options = {.arena = &arena,
		.out = out,
		.request = &request,
		.is_stream = is_stream,
		.model = SLICE("test-model"),
		.now_s = 1700000000,
		.request_id = SLICE("req_test")};
	struct error_watch watch = {.sink = {watch_event}, .next = to->encoder_create(&options)};
	decode(from, exchange, CUT_RANDOM, 7, false, &watch.sink);
	arena_finish(&arena);
	return !watch.has_error;
}
