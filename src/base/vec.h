/* vec.h: typed growable array on malloc, for long-lived lists. (In an arena use ARENA_PUSH.) */
#ifndef LLMMUX_BASE_VEC_H
#define LLMMUX_BASE_VEC_H

#include <stddef.h>
#include <string.h>

/* struct { T *items; size_t len, cap; } name; zeroed is empty. */
#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t len, cap;                                                                   \
	}

/* Returns a pointer to the new zeroed last element; aborts when the machine has no memory. */
#define VEC_PUSH(vec)                                                                              \
	(vec_grow((void **)&(vec)->items, &(vec)->cap, (vec)->len + 1, sizeof *(vec)->items),      \
		memset(&(vec)->items[(vec)->len], 0, sizeof *(vec)->items),                        \
		&(vec)->items[(vec)->len++])
#define VEC_FINISH(vec) vec_finish((void **)&(vec)->items, &(vec)->len, &(vec)->cap)

/* Makes room for `needed` elements in all; what it adds is not zeroed. */
void vec_grow(void **items, size_t *cap, size_t needed, size_t item_size);
/* Frees; the list is empty and may be used again. */
void vec_finish(void **items, size_t *len, size_t *cap);

#endif
