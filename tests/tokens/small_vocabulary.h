/* small_vocabulary.h: a vocabulary for tests that need none of the real ones. */
#ifndef LLMMUX_TESTS_TOKENS_SMALL_VOCABULARY_H
#define LLMMUX_TESTS_TOKENS_SMALL_VOCABULARY_H

#include "base/buf.h"

/* A packed file in which "o200k" is the 256 bytes and some tokens of a, b and blanks. The caller
 * finishes the buffer. */
void vocabulary_small(struct buf *image);

#endif
