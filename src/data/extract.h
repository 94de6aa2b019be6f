/* extract.h: the JSON in a model's reply: fenced, whole, or within prose (workflows.md 2.6). */
#ifndef LLMMUX_DATA_EXTRACT_H
#define LLMMUX_DATA_EXTRACT_H

#include "data/json.h"

enum extract_step {
	EXTRACT_NONE,
	EXTRACT_FENCE_JSON, /* a fence tagged json */
	EXTRACT_FENCE,      /* another fence */
	EXTRACT_WHOLE,      /* the whole text, trimmed */
	EXTRACT_PROSE       /* the first object or array within the text */
};
/* The first JSON value by the order above, parsed in the arena (it points into `text`); NULL when
 * there is none. `step` (may be NULL) says where it was found. */
const struct json *extract_json(struct arena *arena, struct slice text, enum extract_step *step);

#endif
