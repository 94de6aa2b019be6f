/* split.h: how the tokenizers cut a text into pieces before they merge bytes (formats.md section
 * 6). */
#ifndef LLMMUX_TOKENS_SPLIT_H
#define LLMMUX_TOKENS_SPLIT_H

#include "base/slice.h"

/* The end of the piece that begins at `at` < text.len; always behind `at`. Bytes that are no UTF-8
 * count as one character each, of no class. */
typedef size_t split_rule(struct slice text, size_t at);

/* gpt-4o and later */
split_rule split_o200k;
/* gpt-4, gpt-3.5, embeddings */
split_rule split_cl100k;
/* what came before: p50k and r50k */
split_rule split_r50k;

#endif
