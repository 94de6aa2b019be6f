/* vec.c: the growing of typed arrays. */
#include "base/vec.h"

#include <stdlib.h>

#include "base/mem.h"

void vec_grow(void **items, size_t *cap, size_t needed, size_t item_size) {
	if (needed <= *cap) {
		return;
	}
	size_t grown = *cap * 2 > needed ? *cap * 2 : needed;
	if (grown < 8) {
		grown = 8;
	}
	*items = mem_realloc_array(*items, grown, item_size);
	*cap = grown;
}

void vec_finish(void **items, size_t *len, size_t *cap) {
	free(*items);
	*items = NULL;
	*len = *cap = 0;
}
