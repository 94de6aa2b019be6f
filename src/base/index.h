/* index.h: a hash index in an arena, from byte strings to numbers: for lists of a request that are
 * searched for each of their members, so that a long one does not take the square of its length. */
#ifndef LLMMUX_BASE_INDEX_H
#define LLMMUX_BASE_INDEX_H

#include "base/arena.h"
#include "base/slice.h"

#define INDEX_NONE UINT32_MAX

struct index_slot {
	struct slice key; /* the caller's bytes; absent: the slot is empty */
	uint32_t number;
};

/* Zeroed is empty. Dies with its arena. */
struct index {
	struct index_slot *slots;
	size_t size, count;
	uint64_t seed[2];
};

/* INDEX_NONE when the key is absent. */
uint32_t index_get(const struct index *index, struct slice key);
/* Puts or replaces. The key's bytes must outlive the index; the number may be INDEX_NONE. */
void index_put(struct index *index, struct arena *arena, struct slice key, uint32_t number);

#endif
