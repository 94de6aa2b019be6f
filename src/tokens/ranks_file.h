/* ranks_file.h: the packed file of vocabularies that the build makes and the program maps.
 *
 *   header with its sections | per section: offsets u32[count + 1] | slots u32[slot_count] | bytes
 *
 * Token number i is the bytes from offsets[i] to offsets[i + 1]; a smaller number merges first. The
 * slots are a hash table of the tokens with linear probing: 0 is empty, else the number + 1 in the
 * lower bits and a tag of the hash above. Numbers are in the byte order of the machine that packed;
 * `endian` tells when another one reads. Every part begins at a multiple of 8. */
#ifndef LLMMUX_TOKENS_RANKS_FILE_H
#define LLMMUX_TOKENS_RANKS_FILE_H

#include "base/slice.h"

#define RANKS_MAGIC "LLMMUX\nT"
#define RANKS_VERSION 1
#define RANKS_ENDIAN 0x01020304u
#define RANKS_MAX_SECTIONS 4
#define RANKS_SLOT_BITS 18 /* of a slot hold the token's number + 1 */
#define RANKS_SLOT_NUMBER ((1u << RANKS_SLOT_BITS) - 1)
#define RANKS_MAX_COUNT (RANKS_SLOT_NUMBER - 1)
#define RANKS_MAX_TOKEN 1024 /* bytes of one token */

struct ranks_section {
	char name[16];                           /* "o200k", filled up with NUL */
	uint32_t count;                          /* tokens */
	uint32_t slot_count;                     /* a power of two, larger than count */
	uint32_t longest;                        /* bytes of the longest token */
	uint32_t reserved;                       /* 0 */
	uint64_t offsets_at, slots_at, bytes_at; /* from the beginning of the file */
	uint64_t bytes_len;
};

struct ranks_header {
	char magic[8];
	uint32_t version, endian;
	uint64_t file_len;
	uint64_t checksum; /* ranks_checksum of all that follows the header */
	uint32_t section_count;
	uint32_t reserved; /* 0 */
	struct ranks_section sections[RANKS_MAX_SECTIONS];
};

#define RANKS_MIX_A 0x9e3779b97f4a7c15u
#define RANKS_MIX_B 0xd6e8feb86659fd93u

static inline uint64_t ranks_mix(uint64_t a, uint64_t b) {
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t ranks_load(const char *from, size_t len) {
	uint64_t word = 0;
	memcpy(&word, from, len);
	return word;
}

/* Hash of a token's bytes; len > 0. */
static inline uint64_t ranks_hash(const char *bytes, size_t len) {
	uint64_t hash = len * RANKS_MIX_A, low, high;
	for (; len > 16; bytes += 16, len -= 16) {
		hash = ranks_mix(ranks_load(bytes, 8) ^ hash ^ RANKS_MIX_A,
			ranks_load(bytes + 8, 8) ^ RANKS_MIX_B);
	}
	/* What is left in two words that may overlap: no loop over single bytes. */
	if (len >= 8) {
		low = ranks_load(bytes, 8);
		high = ranks_load(bytes + len - 8, 8);
	} else if (len >= 4) {
		low = ranks_load(bytes, 4);
		high = ranks_load(bytes + len - 4, 4);
	} else {
		low = (uint64_t)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[len / 2];
		high = (unsigned char)bytes[len - 1];
	}
	return ranks_mix(low ^ hash ^ RANKS_MIX_A, high ^ RANKS_MIX_B);
}

static inline uint32_t ranks_tag(uint64_t hash) {
	return (uint32_t)(hash >> 32) & ~RANKS_SLOT_NUMBER;
}

/* Of whole 8-byte words; the packer fills up the end of the file. */
static inline uint64_t ranks_checksum(const char *bytes, size_t len) {
	uint64_t sums[4] = {RANKS_MIX_A, RANKS_MIX_B, 1, 2};
	size_t at = 0;
	for (; at + 32 <= len; at += 32) {
		for (size_t lane = 0; lane < 4; lane++) {
			sums[lane] =
				(sums[lane] ^ ranks_load(bytes + at + 8 * lane, 8)) * RANKS_MIX_A;
			sums[lane] ^= sums[lane] >> 29;
		}
	}
	for (; at + 8 <= len; at += 8) {
		sums[0] = ranks_mix(sums[0] ^ ranks_load(bytes + at, 8), RANKS_MIX_B);
	}
	return ranks_mix(sums[0] ^ RANKS_MIX_B, sums[1]) ^
	       ranks_mix(sums[2] ^ RANKS_MIX_B, sums[3] ^ len);
}

#endif
