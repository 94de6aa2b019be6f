/* merge.c: the pair with the lowest number merges first, of equal ones the left one, until no pair
 * is a token. */
#include "tokens/merge.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

/* ---- short pieces: arrays, quadratic but all in the cache ---- */

size_t merge_count_short(const struct ranks *ranks, struct slice piece) {
	/* Part i is the bytes from starts[i] to starts[i + 1]; pair_ranks[i] that of parts i and i
	 * + 1. */
	uint8_t starts[MERGE_SHORT_MAX + 1];
	uint32_t pair_ranks[MERGE_SHORT_MAX];
	size_t count = piece.len;
	for (size_t i = 0; i <= count; i++) {
		starts[i] = (uint8_t)i;
	}
	for (size_t i = 0; i + 1 < count; i++) {
		pair_ranks[i] = ranks_get(ranks, piece.data + i, 2);
	}
	for (;;) {
		uint32_t lowest = RANKS_NONE;
		size_t at = 0;
		for (size_t i = 0; i + 1 < count; i++) {
			if (pair_ranks[i] < lowest) {
				lowest = pair_ranks[i];
				at = i;
			}
		}
		if (lowest == RANKS_NONE) {
			return count;
		}
		memmove(starts + at + 1, starts + at + 2, count - at - 1);
		memmove(pair_ranks + at, pair_ranks + at + 1,
			(count - at - 2) * sizeof *pair_ranks);
		count--;
		for (size_t i = at > 0 ? at - 1 : 0; i <= at && i + 1 < count; i++) {
			pair_ranks[i] = ranks_get(
				ranks, piece.data + starts[i], (size_t)(starts[i + 2] - starts[i]));
		}
	}
}

/* ---- long pieces: a linked list of parts and a heap of pairs, O(n log n) ---- */

#define NO_PART UINT32_MAX

struct merge_part {
	uint32_t next, previous; /* parts by their first byte; next == len: the last one */
	uint32_t rank;           /* of this part with the next one */
};

/* A pair in the heap: its rank, then its place. It is out of date when the part there has another
 * rank by now. */
struct merge {
	const struct ranks *ranks;
	struct slice piece;
	struct merge_part *parts;
	VEC(uint64_t) heap;
};

static void heap_push(struct merge *merge, uint64_t pair) {
	VEC_PUSH(&merge->heap);
	uint64_t *heap = merge->heap.items;
	size_t at = merge->heap.len - 1;
	for (; at > 0 && heap[(at - 1) / 4] > pair; at = (at - 1) / 4) {
		heap[at] = heap[(at - 1) / 4];
	}
	heap[at] = pair;
}

static uint64_t heap_pop(struct merge *merge) {
	uint64_t *heap = merge->heap.items;
	uint64_t top = heap[0], last = heap[--merge->heap.len];
	size_t count = merge->heap.len, at = 0;
	for (;;) {
		size_t least = 4 * at + 1, end = least + 4 < count ? least + 4 : count;
		for (size_t child = least + 1; child < end; child++) {
			least = heap[child] < heap[least] ? child : least;
		}
		if (least >= count || heap[least] >= last) {
			break;
		}
		heap[at] = heap[least];
		at = least;
	}
	heap[at] = last;
	return top;
}

static void rank_pair(struct merge *merge, uint32_t at) {
	struct merge_part *part = &merge->parts[at];
	part->rank = RANKS_NONE;
	if (part->next < merge->piece.len) {
		uint32_t end = merge->parts[part->next].next;
		part->rank = ranks_get(merge->ranks, merge->piece.data + at, end - at);
	}
	if (part->rank != RANKS_NONE) {
		heap_push(merge, (uint64_t)part->rank << 32 | at);
	}
}

static void merge_pair(struct merge *merge, uint32_t at) {
	struct merge_part *parts = merge->parts, *part = &parts[at];
	uint32_t gone = part->next;
	parts[gone].rank = RANKS_NONE; /* what the heap holds of it is out of date */
	part->next = parts[gone].next;
	if (part->next < merge->piece.len) {
		parts[part->next].previous = at;
	}
	rank_pair(merge, at);
	if (part->previous != NO_PART) {
		rank_pair(merge, part->previous);
	}
}

size_t merge_count_long(const struct ranks *ranks, struct slice piece) {
	struct merge merge = {.ranks = ranks,
		.piece = piece,
		.parts = mem_alloc(piece.len * sizeof *merge.parts)};
	size_t count = piece.len;
	for (uint32_t i = 0; i < piece.len; i++) {
		merge.parts[i] = (struct merge_part){.next = i + 1, .previous = i - 1};
	}
	for (uint32_t i = 0; i < piece.len; i++) {
		rank_pair(&merge, i);
	}
	while (merge.heap.len > 0) {
		uint64_t pair = heap_pop(&merge);
		uint32_t at = (uint32_t)pair;
		if (merge.parts[at].rank == pair >> 32) {
			merge_pair(&merge, at);
			count--;
		}
	}
	VEC_FINISH(&merge.heap);
	free(merge.parts);
	return count;
}

size_t merge_count(const struct ranks *ranks, struct slice piece) {
	if (piece.len <= MERGE_SHORT_MAX) {
		return merge_count_short(ranks, piece);
	}
	size_t count = 0;
	for (size_t at = 0; at < piece.len; at += MERGE_LONG_MAX) {
		count += merge_count_long(ranks, slice_sub(piece, at, MERGE_LONG_MAX));
	}
	return count;
}
