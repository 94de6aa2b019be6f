/* fuzz_parse.h: what the request parsers' fuzz targets share: parse, then build for every upstream;
 * what is built must be JSON, and a refusal must have a message. */
#ifndef LLMMUX_FUZZ_PARSE_H
#define LLMMUX_FUZZ_PARSE_H

#include <stdio.h>
#include <stdlib.h>

#include "formats/format.h"

static inline void fuzz_build(
	const struct chat_request *request, const struct format *to, const char *model) {
	struct format_built built = {0};
	struct chat_losses losses = {.arena = request->arena};
	struct error error = {0};
	const struct format_target target = {.model = slice_of(model),
		.family = model_family_of(slice_of(model)),
		.quirks = QUIRK_OFFICIAL,
		.stream = request->stream};
	if (!to->build_request(request, &target, &built, &losses, &error)) {
		if (error.message[0] == '\0') {
			fprintf(stderr, "refused without a message\n");
			abort();
		}
	} else {
		size_t total = buf_total(&built.body);
		char *flat = malloc(total + 1);
		buf_copy_out(&built.body, 0, flat, total);
		if (!json_is_valid(slice_make(flat, total))) {
			fprintf(stderr, "built for %s, not JSON: %.*s\n", to->name, (int)total,
				flat);
			abort();
		}
		free(flat);
	}
	buf_finish(&built.body);
}

static inline void fuzz_parse(enum format_id id, const uint8_t *data, size_t size) {
	static const char *const models[] = {"claude-3-haiku-20240307", "claude-opus-5-5", "gpt-5",
		"llama3", "gemini-1.5-pro", "gemini-2.5-pro", "gemini-3-pro", "gemma-3-4b"};
	struct arena arena;
	struct error error = {0};
	struct chat_request request;
	arena_init(&arena, NULL, 0);
	struct slice body = slice_make((const char *)data, size);
	const struct json *tree = json_parse(&arena, body, NULL, &error);
	const struct format_parse parse = {.body = body, .tree = tree, .arena = &arena};
	if (json_is(tree, JSON_OBJECT) && format_get(id)->parse_request(&parse, &request, &error)) {
		for (int to = 0; to < FORMAT_COUNT; to++) {
			const struct format *format = format_get((enum format_id)to);
			size_t count = sizeof models / sizeof *models;
			for (size_t i = 0; format && format->build_request && i < count; i++) {
				fuzz_build(&request, format, models[i]);
			}
		}
		for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
			const struct format_counter counter = {NULL, slice_of(models[i])};
			if (format_count_tokens(&counter, &request, NULL) < 1) {
				abort();
			}
		}
	}
	arena_finish(&arena);
}

#endif
