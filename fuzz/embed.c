/* embed.c: embedding calls: any JSON object as a request of a dialect (the first byte chooses it),
 * built for every upstream; and any bytes as the answer of each, written for every client. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_json(const struct buf *body, const char *what) {
	if (!json_is_valid(buf_slice(body))) {
		fprintf(stderr, "%s is no JSON: %.*s\n", what, (int)body->len, body->data);
		abort();
	}
}

static void build_all(const struct embed_request *request, struct arena *arena) {
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *to = format_get((enum format_id)id);
		const struct format_target target = {
			.model = SLICE("m"), .family = model_family_of(SLICE("m"))};
		struct chat_losses losses = {.arena = arena};
		struct error error = {0};
		struct buf body = {0};
		if (to == NULL || to->embed == NULL) {
			continue;
		}
		if (to->embed->build_request(request, &target, &body, &losses, &error)) {
			expect_json(&body, "a built request");
		} else if (error.message[0] == '\0') {
			fprintf(stderr, "refused without a message\n");
			abort();
		}
		buf_finish(&body);
	}
}

static void answer_all(const struct embed_request *request, struct slice answer) {
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *from = format_get((enum format_id)id);
		struct embed_response response = {.usage = EMBED_USAGE_UNKNOWN};
		struct error error = {0};
		if (from == NULL || from->embed == NULL ||
			!from->embed->decode_response(answer, request, &response, &error)) {
			continue;
		}
		for (int to = 0; to < FORMAT_COUNT; to++) {
			const struct format *client = format_get((enum format_id)to);
			struct buf out = {0};
			if (client != NULL && client->embed != NULL &&
				client->embed->encode_response(&response, request, &out, &error)) {
				expect_json(&out, "an answer");
			}
			buf_finish(&out);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct {
		enum format_id id;
		const char *path;
	} calls[] = {{FORMAT_OPENAI_CHAT, "/v1/embeddings"}, {FORMAT_OLLAMA, "/api/embed"},
		{FORMAT_OLLAMA, "/api/embeddings"},
		{FORMAT_GEMINI, "/v1beta/models/m:batchEmbedContents"},
		{FORMAT_GEMINI, "/v1beta/models/m:embedContent"}};
	struct arena arena;
	struct embed_request request;
	struct error error = {0};
	if (size == 0) {
		return 0;
	}
	size_t which = data[0] % (sizeof calls / sizeof *calls);
	struct slice bytes = slice_make((const char *)data + 1, size - 1);
	arena_init(&arena, NULL, 0);
	struct slice inputs[] = {SLICE("a"), SLICE("b")};
	const struct embed_request asked = {.arena = &arena,
		.model = SLICE("m"),
		.inputs = inputs,
		.input_count = 2,
		.encoding = data[0] & 0x80 ? EMBED_BASE64 : EMBED_FLOAT};
	answer_all(&asked, bytes);
	const struct json *tree = json_parse(&arena, bytes, NULL, &error);
	const struct format_parse parse = {
		.body = bytes, .tree = tree, .path = slice_of(calls[which].path), .arena = &arena};
	if (json_is(tree, JSON_OBJECT) &&
		format_get(calls[which].id)->embed->parse_request(&parse, &request, &error)) {
		build_all(&request, &arena);
	}
	arena_finish(&arena);
	return 0;
}
