/* json_help.h: short ways to say what the JSON tests say often. Include last. */
#ifndef LLMMUX_TESTS_DATA_JSON_HELP_H
#define LLMMUX_TESTS_DATA_JSON_HELP_H

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "data/json.h"

/* A copy of exactly its size, so that a sanitizer sees a read past the end. */
static inline struct slice exact_copy(struct slice text) {
	char *bytes = malloc(text.len ? text.len : 1);
	assert_non_null(bytes);
	if (text.len > 0) {
		memcpy(bytes, text.data, text.len);
	}
	return slice_make(bytes, text.len);
}

static inline void free_copy(struct slice text) {
	free((char *)(uintptr_t)text.data);
}

/* Parses text that must be valid. */
static inline struct json *parse_slice(struct arena *arena, struct slice text) {
	struct error error = {0};
	struct json *node = json_parse(arena, text, NULL, &error);
	if (!node) {
		fail_msg("%.*s: %s", SLICE_FMT(text), error.message);
	}
	return node;
}

static inline struct json *parse(struct arena *arena, const char *text) {
	return parse_slice(arena, slice_of(text));
}

#define assert_slice(actual, expected)                                                             \
	do {                                                                                       \
		struct slice actual_ = (actual), expected_ = (expected);                           \
		if (!slice_eq(actual_, expected_)) {                                               \
			fail_msg("got <%.*s>, expected <%.*s>", SLICE_FMT(actual_),                \
				SLICE_FMT(expected_));                                             \
		}                                                                                  \
	} while (0)
#define assert_text(actual, expected) assert_slice((actual), slice_of(expected))

#endif
