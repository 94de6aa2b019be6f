/* merge.h: byte-pair merges within one piece. */
#ifndef LLMMUX_TOKENS_MERGE_H
#define LLMMUX_TOKENS_MERGE_H

#include "tokens/ranks.h"

/* Up to here pairs are searched anew after each merge, beyond through a heap. */
#define MERGE_SHORT_MAX 96
/* Longer pieces are cut, so that memory stays bounded: a piece of that size takes about 30 MB. Only
 * runs of one class (a megabyte of letters without a blank) are that long, and each cut can change
 * the count by a few tokens in hundreds of thousands. */
#define MERGE_LONG_MAX ((size_t)1024 * 1024)

/* Tokens of a piece (at least a byte) that is no token itself. */
size_t merge_count(const struct ranks *ranks, struct slice piece);

/* The two ways, for tests: the same numbers. `piece` is at most the limit of each. */
size_t merge_count_short(const struct ranks *ranks, struct slice piece);
size_t merge_count_long(const struct ranks *ranks, struct slice piece);

#endif
