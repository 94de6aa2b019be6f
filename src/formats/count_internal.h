/* count_internal.h: what the files of counting share. */
#ifndef LLMMUX_FORMATS_COUNT_INTERNAL_H
#define LLMMUX_FORMATS_COUNT_INTERNAL_H

#include "formats/count.h"
#include "models/counting.h"

/* Goes through a request: texts are handed on, the rest is summed up. */
struct count_visit {
	const struct chat_request *request;
	const struct model_counting *model;
	void (*on_text)(struct count_visit *visit, struct slice text);
	int64_t fixed;
	bool is_exact;
	bool may_cite; /* a document or result may be cited */
};

/* The tools, the choice among them and structured output (TC-3, TC-5). */
void count_visit_tools(struct count_visit *visit);
/* The function tools as declarations: a namespace of types (TC-3). */
void count_write_namespace(const struct chat_request *request, struct buf *out);
/* Tokens of a part that is a picture, a file, sound or a film (TC-4). */
void count_visit_media(struct count_visit *visit, const struct chat_part *part);

#endif
