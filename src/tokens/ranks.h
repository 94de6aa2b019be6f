/* ranks.h: vocabularies as the packed file holds them, checked once, then read only. */
#ifndef LLMMUX_TOKENS_RANKS_H
#define LLMMUX_TOKENS_RANKS_H

#include "base/error.h"
#include "tokens/ranks_file.h"

#define RANKS_NONE UINT32_MAX

/* One vocabulary. Points into the file's bytes. */
struct ranks {
	const uint32_t *offsets, *slots;
	const char *bytes;
	uint32_t slot_mask, longest;
};

/* Checks the whole file: every offset, slot and number is inside its bounds afterwards, whatever
 * the bytes are, and the checksum tells of damage that would only count wrong. ERROR_CONFIGURATION
 * with what was found. `image` is aligned to 8 and stays. */
bool ranks_check(struct slice image, struct error *error);
/* The vocabulary of that name in a file that was checked; false when it has none. */
bool ranks_find(struct slice image, const char *name, struct ranks *ranks);

/* The number of the token with these bytes: the smaller merges first. RANKS_NONE when there is
 * none. */
static inline uint32_t ranks_get(const struct ranks *ranks, const char *bytes, size_t len) {
	if (len > ranks->longest) {
		return RANKS_NONE;
	}
	uint64_t hash = ranks_hash(bytes, len);
	uint32_t tag = ranks_tag(hash), at = (uint32_t)hash & ranks->slot_mask, slot;
	while ((slot = ranks->slots[at]) != 0) {
		if ((slot & ~RANKS_SLOT_NUMBER) == tag) {
			uint32_t number = (slot & RANKS_SLOT_NUMBER) - 1;
			uint32_t from = ranks->offsets[number];
			if (ranks->offsets[number + 1] - from == len &&
				memcmp(ranks->bytes + from, bytes, len) == 0) {
				return number;
			}
		}
		at = (at + 1) & ranks->slot_mask;
	}
	return RANKS_NONE;
}

#endif
