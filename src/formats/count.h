/* count.h: tokens of a request as its model counts them (formats.md section 6). One place for every
 * dialect: count endpoints, usage that an upstream did not tell, message_start (TC-6).
 *
 *   request --format_counting_init--> texts and sums --format_counting_run--> tokens
 *             on the loop, cheap                       anywhere: megabytes take longer than a loop
 *                                                      may wait */
#ifndef LLMMUX_FORMATS_COUNT_H
#define LLMMUX_FORMATS_COUNT_H

#include "base/vec.h"
#include "chat/request.h"
#include "tokens/tokens.h"

/* Who counts, and for which model. */
struct format_counter {
	const struct tokens *tokens; /* may be NULL: estimates */
	struct slice model;          /* the upstream's name for it; absent: the client's */
};

/* What a count needs of a request, copied out of it. */
struct format_counting {
	struct buf texts;
	VEC(size_t) ends; /* of each text in `texts`: merges do not cross them */
	int64_t fixed;    /* tokens of all that is no text */
	enum tokens_encoding encoding;
	int64_t factor_permille;
	bool is_exact; /* when the vocabulary is there: nothing but texts, and a layout that is
			* known
			*/
};

/* Texts up to this many bytes are counted at once; more is work for another thread. */
#define FORMAT_COUNT_AT_ONCE (4 * 1024)

/* Finish it, also when its texts are not counted. */
void format_counting_init(
	struct format_counting *counting, const struct chat_request *request, struct slice model);
/* Any thread. At least 1 (TC-2). *is_exact may be NULL. */
int64_t format_counting_run(
	const struct format_counting *counting, const struct tokens *tokens, bool *is_exact);
void format_counting_finish(struct format_counting *counting);

/* For numbers that are needed at once (TC-6): counts up to FORMAT_COUNT_AT_ONCE bytes of the texts,
 * and estimates what is longer from the shape of its runs and from what was counted. */
int64_t format_count_tokens(
	const struct format_counter *counter, const struct chat_request *request, bool *is_exact);
/* The same without vocabularies. */
int64_t format_estimate_tokens(const struct chat_request *request);

#endif
