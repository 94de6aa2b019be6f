/* random.c: bytes from the kernel, and identifiers made of them. */
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len) {
	char *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		} else if (errno != EINTR) {
			perror("llm-mux: getrandom");
			abort();
		}
	}
}

uint32_t random_below(uint32_t bound) {
	/* Values below 2^32 mod bound would make the small results likelier: draw again. */
	uint32_t floor = -bound % bound;
	uint32_t value;
	do {
		random_bytes(&value, sizeof value);
	} while (value < floor);
	return value % bound;
}

void random_id(char *out, const char *prefix, size_t count) {
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	enum {
		LETTERS = sizeof letters - 1,
		FAIR = 256 / LETTERS * LETTERS
	};
	unsigned char pool[64];
	size_t left = 0;
	size_t prefix_len = strlen(prefix);
	memcpy(out, prefix, prefix_len);
	out += prefix_len;
	while (count > 0) {
		if (left == 0) {
			random_bytes(pool, sizeof pool);
			left = sizeof pool;
		}
		unsigned char byte = pool[--left];
		if (byte < FAIR) {
			*out++ = letters[byte % LETTERS];
			count--;
		}
	}
	*out = '\0';
}
