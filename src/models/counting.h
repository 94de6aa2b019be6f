/* counting.h: how the tokens of requests to a family of models are counted (formats.md section 6).
 * Data in counting.def. */
#ifndef LLMMUX_MODELS_COUNTING_H
#define LLMMUX_MODELS_COUNTING_H

#include "base/slice.h"

struct model_counting {
	const char *pattern;    /* glob on the model id, first match wins */
	const char *encoding;   /* vocabulary that counts texts: "o200k" */
	bool is_own_vocabulary; /* the family's own; else the nearest one that is published */
	int factor_permille;    /* tokens of the family per 1000 of the vocabulary */
};

/* The row for a model id (any case, with or without a vendor prefix up to the last '/', fine-tuned
 * ones as "ft:gpt-4o:..."); never NULL: an unknown model is counted a little high. */
const struct model_counting *model_counting_of(struct slice model);

#endif
