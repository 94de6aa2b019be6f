/* mem.c: malloc that aborts instead of failing. */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_exhausted(size_t wanted) {
	fprintf(stderr, "llm-mux: out of memory (%zu bytes wanted)\n", wanted);
	abort();
}

static void *checked(void *memory, size_t size) {
	if (memory == NULL) {
		mem_exhausted(size);
	}
	return memory;
}

void *mem_alloc(size_t size) {
	return checked(malloc(size ? size : 1), size);
}

void *mem_try_alloc(size_t size) {
	return malloc(size ? size : 1);
}

void *mem_calloc(size_t count, size_t size) {
	if (count == 0 || size == 0) {
		count = size = 1;
	}
	return checked(calloc(count, size), size);
}

void *mem_realloc(void *old, size_t size) {
	return checked(realloc(old, size ? size : 1), size);
}

void *mem_realloc_array(void *old, size_t count, size_t size) {
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		mem_exhausted(SIZE_MAX);
	}
	return mem_realloc(old, bytes);
}

char *mem_dup(const char *data, size_t len) {
	char *copy = mem_alloc(len + 1);
	if (len > 0) {
		memcpy(copy, data, len);
	}
	copy[len] = '\0';
	return copy;
}
