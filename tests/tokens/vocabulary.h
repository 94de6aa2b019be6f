/* vocabulary.h: vocabularies for tests: a small one made here, and the real ones when they were
 * fetched. */
#ifndef LLMMUX_TESTS_TOKENS_VOCABULARY_H
#define LLMMUX_TESTS_TOKENS_VOCABULARY_H

#include "base/buf.h"
#include "tokens/ranks.h"
#include "tokens/tokens.h"

/* A packed file in which "o200k" is the 256 bytes and some tokens of a, b and blanks. The caller
 * finishes the buffer. */
void vocabulary_small(struct buf *image);
/* The text form it is packed from. */
void vocabulary_small_text(struct buf *text);

/* The handle on the packed file of this build; NULL after a line with the word SKIPPED: call
 * skip(). */
struct tokens *vocabulary_open(void);

#endif
