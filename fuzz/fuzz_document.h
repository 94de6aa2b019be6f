/* fuzz_document.h: what a reader of documents must hold to, for any bytes. */
#ifndef LLMMUX_FUZZ_DOCUMENT_H
#define LLMMUX_FUZZ_DOCUMENT_H

#include <stdlib.h>

#include "data/document.h"

/* A tree or an error, never both and never neither; a tree has valid JSON text under it. */
static inline void fuzz_document(
	struct json *(*parse)(struct arena *arena, struct slice text, struct problems *problems),
	struct slice text) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	problems_init(&problems, &arena, "fuzz", text);
	struct json *tree = parse(&arena, text, &problems);
	if ((tree != NULL) != (problems.error_count == 0)) {
		abort();
	}
	if (tree && !json_is_valid(json_raw(tree))) {
		abort();
	}
	struct buf out;
	buf_init(&out, 0);
	problems_print(&problems, false, &out);
	buf_finish(&out);
	arena_finish(&arena);
}

#endif
