/* nearest.h: "did you mean": the candidate that is nearest to a word (workflows.md 1.10). */
#ifndef LLMMUX_DATA_NEAREST_H
#define LLMMUX_DATA_NEAREST_H

#include "base/arena.h"

struct nearest {
	struct slice word;
	size_t best;        /* distance that the next one must be below */
	struct slice found; /* absent: none is near enough for the word to be a typo */
};
struct nearest nearest_begin(struct slice word);
/* Of candidates that are equally near the first counts. They must live as long as `found`. */
void nearest_offer(struct nearest *nearest, struct slice candidate);
/* "; did you mean `port`?" in the arena, to stand behind a message; "" when none was found. */
const char *nearest_clause(const struct nearest *nearest, struct arena *arena);

#endif
