/* arena.h: bump allocator; everything in it dies with it. One arena belongs to one request, run or
 * parse. */
#ifndef LLMMUX_BASE_ARENA_H
#define LLMMUX_BASE_ARENA_H

#include <stdarg.h>

#include "base/slice.h"

#define ARENA_FIRST_BLOCK (16 * 1024)
#define ARENA_DEFAULT_CAP ((size_t)64 * 1024 * 1024)

struct arena_block;
struct arena_cleanup;
/* A recycler of first blocks, one per loop thread; not thread-safe. */
struct arena_pool {
	struct arena_block *free_blocks;
	size_t count, max;
};

struct arena {
	struct arena_block *head;
	char *at, *end;
	size_t used; /* bytes taken from blocks, for the cap */
	size_t cap;
	struct arena_pool *pool; /* may be NULL */
	struct arena_cleanup *cleanups;
};

/* Keeps at most `max_blocks` freed blocks. The pool must outlive its arenas. */
void arena_pool_init(struct arena_pool *pool, size_t max_blocks);
/* Frees the kept blocks. */
void arena_pool_finish(struct arena_pool *pool);

/* An arena allocates its first block at the first use. cap 0 means ARENA_DEFAULT_CAP. */
void arena_init(struct arena *arena, struct arena_pool *pool, size_t cap);
/* Releases everything; the arena may be used again. Accepts a zeroed arena. */
void arena_finish(struct arena *arena);

/* Has fn(data) called when the arena is finished, the latest first: for what an object in the arena
 * owns outside of it (buffers), so that an arena's owner need not know its objects. */
void arena_on_finish(struct arena *arena, void (*fn)(void *data), void *data);

/* Zeroed memory, aligned to 16. Never returns NULL: aborts when the machine has no memory. Ignores
 * the cap: use it for what the program itself needs a bounded number of times. */
void *arena_alloc(struct arena *arena, size_t size);
/* As arena_alloc, not zeroed, but NULL beyond the cap. For everything that scales with outside
 * input. */
void *arena_try_alloc(struct arena *arena, size_t size);

/* Copies; the copy is followed by a NUL byte (not counted), so .data is a C string if it holds
 * none. */
struct slice arena_dup(struct arena *arena, struct slice s);
char *arena_strdup(struct arena *arena, struct slice s);
struct slice arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

/* A list in an arena that grows by doubling: struct { T *items; size_t len, cap; }. Returns a
 * pointer to the new zeroed last element. */
#define ARENA_PUSH(arena, list)                                                                    \
	(arena_grow((arena), (void **)&(list)->items, &(list)->cap, (list)->len + 1,               \
		 sizeof *(list)->items),                                                           \
		memset(&(list)->items[(list)->len], 0, sizeof *(list)->items),                     \
		&(list)->items[(list)->len++])
/* What ARENA_PUSH does first: makes room for `needed` items in all; what it adds is not zeroed. */
void arena_grow(struct arena *arena, void **items, size_t *cap, size_t needed, size_t item_size);

#endif
