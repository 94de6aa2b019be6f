/* nearest.c: the candidate that is nearest to a word. */
#include "data/nearest.h"

struct nearest nearest_begin(struct slice word) {
	/* half of the word may be wrong */
	size_t limit = word.len / 2 > 2 ? word.len / 2 : 2;
	return (struct nearest){.word = word, .best = limit + 1};
}

void nearest_offer(struct nearest *nearest, struct slice candidate) {
	struct slice word = nearest->word;
	size_t difference =
		candidate.len > word.len ? candidate.len - word.len : word.len - candidate.len;
	if (difference >= nearest->best) {
		return;
	}
	size_t distance = slice_distance(word, candidate, nearest->best - 1);
	/* A word of which nothing is left is no typo. */
	if (distance < nearest->best && distance < word.len && distance < candidate.len) {
		nearest->best = distance;
		nearest->found = candidate;
	}
}

const char *nearest_clause(const struct nearest *nearest, struct arena *arena) {
	if (!nearest->found.data) {
		return "";
	}
	return arena_printf(arena, "; did you mean `%.*s`?", SLICE_FMT(nearest->found)).data;
}
