/* command_read.c: fuzz target: a path and what a program printed: read as JSON, and as the words of
 * a failure. */
#include <stdint.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "mux/command_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true) {
	if (!is_true) {
		abort();
	}
}

static void read_output(struct slice out, struct slice path) {
	struct arena arena = {0};
	struct command_reading reading;
	struct error error = {0};
	if (command_read(out, path, &arena, &reading, &error)) {
		require(reading.text.data != NULL && utf8_valid(reading.text, NULL));
		require(utf8_valid(reading.failure, NULL) && utf8_valid(reading.model, NULL));
	} else {
		require(error.kind != ERROR_NONE && error.message[0] != '\0');
	}
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice out = slice_make((const char *)data, size);
	struct slice path = {0};
	slice_split(&out, '\n', &path);
	if (out.data == NULL) {
		out = SLICE("");
	}
	read_output(out, (struct slice){0});
	read_output(out, path);

	struct arena arena = {0};
	struct error error;
	error_set(&error, ERROR_INTERNAL, "failed");
	command_classify(path, out, NULL, &error);
	require(error.retry_after_ms >= -1);
	struct slice line = command_telling_line(path, out, &arena);
	require(line.len <= 300 && slice_find_byte(line, '\n') == SIZE_MAX);
	arena_finish(&arena);
	return 0;
}
