/* counting.c: lookup in the table of how models are counted. */
#include "models/counting.h"

static const struct model_counting rows[] = {
#define COUNTING(pattern, encoding, is_own, factor) {pattern, encoding, is_own, factor},
#include "models/counting.def"
#undef COUNTING
};

static const struct model_counting unknown_row = {"*", "o200k", false, 1100};

const struct model_counting *model_counting_of(struct slice model) {
	for (size_t at; (at = slice_find_byte(model, '/')) != SIZE_MAX;) {
		model = slice_from(model, at + 1);
	}
	if (slice_istarts_with(model, SLICE("ft:"))) {
		model = slice_from(model, strlen("ft:"));
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (slice_glob(slice_of(rows[i].pattern), model, true)) {
			return &rows[i];
		}
	}
	return &unknown_row;
}
