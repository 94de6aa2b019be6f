/* random.h: bytes from the kernel, and identifiers made of them. */
#ifndef LLMMUX_BASE_RANDOM_H
#define LLMMUX_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Cryptographically strong bytes (getrandom); aborts if the kernel gives none. */
void random_bytes(void *out, size_t len);
/* Uniform below `bound` (> 0). */
uint32_t random_below(uint32_t bound);
/* prefix + `count` characters of [A-Za-z0-9] + NUL into out, which has room for them. */
void random_id(char *out, const char *prefix, size_t count);

#endif
