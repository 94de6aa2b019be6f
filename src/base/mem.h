/* mem.h: malloc that never returns NULL. The program has nothing useful to do without memory. */
#ifndef LLMMUX_BASE_MEM_H
#define LLMMUX_BASE_MEM_H

#include <stddef.h>

/* All abort with a line on stderr when the machine has no memory or a size overflows. Free with
 * free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed. */
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull));
void *mem_realloc_array(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy followed by a NUL byte. */
char *mem_dup(const char *data, size_t len) __attribute__((malloc, returns_nonnull));

/* NULL instead of aborting, for sizes that come from outside. */
void *mem_try_alloc(size_t size);
/* What they end in; for allocators of their own (arena.c). */
void mem_exhausted(size_t wanted) __attribute__((noreturn));

#endif
