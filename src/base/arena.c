/* arena.c: bump allocation from a chain of blocks; first blocks are recycled through a pool. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, len) ASAN_POISON_MEMORY_REGION((at), (len))
#define UNPOISON(at, len) ASAN_UNPOISON_MEMORY_REGION((at), (len))
#else
#define POISON(at, len) ((void)0)
#define UNPOISON(at, len) ((void)0)
#endif

#define ARENA_ALIGN 16
#define ARENA_MAX_STEP ((size_t)1024 * 1024)

/* The head is the block being filled; blocks of single big allocations stand behind it. */
struct arena_block {
	struct arena_block *next;
	size_t size; /* with this header */
} __attribute__((aligned(ARENA_ALIGN)));

void arena_pool_init(struct arena_pool *pool, size_t max_blocks) {
	*pool = (struct arena_pool){.max = max_blocks};
}

void arena_pool_finish(struct arena_pool *pool) {
	struct arena_block *block;
	while ((block = pool->free_blocks) != NULL) {
		pool->free_blocks = block->next;
		free(block);
	}
	pool->count = 0;
}

static struct arena_block *block_take(struct arena *arena, size_t size) {
	struct arena_pool *pool = arena->pool;
	struct arena_block *block;
	if (size == ARENA_FIRST_BLOCK && pool != NULL && pool->free_blocks != NULL) {
		block = pool->free_blocks;
		pool->free_blocks = block->next;
		pool->count--;
	} else {
		block = mem_try_alloc(size);
	}
	if (block != NULL) {
		block->size = size;
		POISON(block + 1, size - sizeof *block);
	}
	return block;
}

static void block_give(struct arena *arena, struct arena_block *block) {
	struct arena_pool *pool = arena->pool;
	UNPOISON(block + 1, block->size - sizeof *block);
	if (block->size == ARENA_FIRST_BLOCK && pool != NULL && pool->count < pool->max) {
		block->next = pool->free_blocks;
		pool->free_blocks = block;
		pool->count++;
	} else {
		free(block);
	}
}

void arena_init(struct arena *arena, struct arena_pool *pool, size_t cap) {
	*arena = (struct arena){.pool = pool, .cap = cap ? cap : ARENA_DEFAULT_CAP};
}

struct arena_cleanup {
	struct arena_cleanup *next;
	void (*fn)(void *data);
	void *data;
};

void arena_on_finish(struct arena *arena, void (*fn)(void *data), void *data) {
	struct arena_cleanup *cleanup = ARENA_NEW(arena, struct arena_cleanup);
	*cleanup = (struct arena_cleanup){.next = arena->cleanups, .fn = fn, .data = data};
	arena->cleanups = cleanup;
}

void arena_finish(struct arena *arena) {
	struct arena_block *block;
	struct arena_cleanup *cleanup;
	while ((cleanup = arena->cleanups) != NULL) {
		arena->cleanups = cleanup->next;
		cleanup->fn(cleanup->data);
	}
	while ((block = arena->head) != NULL) {
		arena->head = block->next;
		block_give(arena, block);
	}
	arena->at = arena->end = NULL;
	arena->used = 0;
}

/* Opens a new block for `size` bytes (already rounded up); NULL when the machine has no memory. */
static char *take_from_new_block(struct arena *arena, size_t size) {
	size_t step = ARENA_FIRST_BLOCK;
	if (arena->head != NULL) {
		step = arena->head->size * 2 < ARENA_MAX_STEP ? arena->head->size * 2
							      : ARENA_MAX_STEP;
	}
	bool is_own = size > (step - sizeof(struct arena_block)) / 2;
	if (is_own && size > SIZE_MAX - sizeof(struct arena_block)) {
		return NULL;
	}
	struct arena_block *block =
		block_take(arena, is_own ? size + sizeof(struct arena_block) : step);
	if (block == NULL) {
		return NULL;
	}
	char *memory = (char *)(block + 1);
	if (is_own && arena->head != NULL) {
		block->next = arena->head->next;
		arena->head->next = block;
	} else {
		block->next = arena->head;
		arena->head = block;
		arena->at = memory + size;
		arena->end = (char *)block + block->size;
	}
	return memory;
}

static char *take(struct arena *arena, size_t size) {
	if (size > SIZE_MAX - ARENA_ALIGN) {
		return NULL;
	}
	size_t rounded = ((size ? size : 1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	char *memory = arena->at;
	if (rounded <= (size_t)(arena->end - arena->at)) {
		arena->at += rounded;
	} else if ((memory = take_from_new_block(arena, rounded)) == NULL) {
		return NULL;
	}
	arena->used += rounded;
	UNPOISON(memory, size);
	return memory;
}

static void *take_or_abort(struct arena *arena, size_t size) {
	void *memory = take(arena, size);
	if (memory == NULL) {
		mem_exhausted(size);
	}
	return memory;
}

void *arena_alloc(struct arena *arena, size_t size) {
	return memset(take_or_abort(arena, size), 0, size);
}

void *arena_try_alloc(struct arena *arena, size_t size) {
	size_t cap = arena->cap ? arena->cap : ARENA_DEFAULT_CAP;
	if (arena->used > cap || size > cap - arena->used) {
		return NULL;
	}
	return take(arena, size);
}

struct slice arena_dup(struct arena *arena, struct slice s) {
	return slice_make(arena_strdup(arena, s), s.len);
}

char *arena_strdup(struct arena *arena, struct slice s) {
	char *copy = take_or_abort(arena, s.len + 1);
	if (s.len > 0) {
		memcpy(copy, s.data, s.len);
	}
	copy[s.len] = '\0';
	return copy;
}

struct slice arena_printf(struct arena *arena, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

struct slice arena_vprintf(struct arena *arena, const char *format, va_list args) {
	char fixed[256];
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(fixed, sizeof fixed, format, args);
	struct slice text = SLICE("");
	if (len >= 0 && (size_t)len < sizeof fixed) {
		text = arena_dup(arena, slice_make(fixed, (size_t)len));
	} else if (len >= 0) {
		char *copy = take_or_abort(arena, (size_t)len + 1);
		vsnprintf(copy, (size_t)len + 1, format, again);
		text = slice_make(copy, (size_t)len);
	}
	va_end(again);
	return text;
}

void arena_grow(struct arena *arena, void **items, size_t *cap, size_t needed, size_t item_size) {
	if (needed <= *cap) {
		return;
	}
	size_t grown = *cap * 2 > needed ? *cap * 2 : needed;
	size_t bytes;
	/* Lists of large things are mostly short: a message has one part. */
	if (item_size < 128 && grown < 8) {
		grown = 8;
	}
	if (__builtin_mul_overflow(grown, item_size, &bytes)) {
		bytes = SIZE_MAX;
	}
	char *memory = take_or_abort(arena, bytes);
	size_t kept = *cap * item_size;
	if (kept > 0) {
		memcpy(memory, *items, kept);
	}
	memset(memory + kept, 0, bytes - kept);
	*items = memory;
	*cap = grown;
}
