/* index.c: open addressing with linear probing, at most half full. While it is small every search
 * begins at the first slot: a short list costs neither hashes nor a seed. */
#include "base/index.h"

#include "base/map.h"
#include "base/random.h"

#define INDEX_FIRST 16

/* The slot of the key, or the empty one where it belongs. */
static struct index_slot *slot_of(const struct index *index, struct slice key) {
	size_t mask = index->size - 1;
	size_t at = index->size == INDEX_FIRST ? 0 : hash_bytes(index->seed, key) & mask;
	while (index->slots[at].key.data != NULL && !slice_eq(index->slots[at].key, key)) {
		at = (at + 1) & mask;
	}
	return &index->slots[at];
}

static void grow(struct index *index, struct arena *arena) {
	struct index old = *index;
	if (old.size == INDEX_FIRST) {
		random_bytes(index->seed, sizeof index->seed);
	}
	index->size = old.size == 0 ? INDEX_FIRST : old.size * 2;
	index->slots = ARENA_ARRAY(arena, struct index_slot, index->size);
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].key.data != NULL) {
			*slot_of(index, old.slots[i].key) = old.slots[i];
		}
	}
}

uint32_t index_get(const struct index *index, struct slice key) {
	if (index->size == 0) {
		return INDEX_NONE;
	}
	const struct index_slot *slot = slot_of(index, key);
	return slot->key.data != NULL ? slot->number : INDEX_NONE;
}

void index_put(struct index *index, struct arena *arena, struct slice key, uint32_t number) {
	if (2 * (index->count + 1) > index->size) {
		grow(index, arena);
	}
	struct index_slot *slot = slot_of(index, key);
	if (slot->key.data == NULL) {
		slot->key = key.data != NULL ? key : SLICE("");
		index->count++;
	}
	slot->number = number;
}
