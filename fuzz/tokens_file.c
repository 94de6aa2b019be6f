/* tokens_file.c: fuzz target: any bytes as a packed file of vocabularies. Length and checksum are
 * put right first, so that what lies behind them is reached; whatever passes the check must be safe
 * to count with. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tokens/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_with(struct slice image) {
	static const char text[] = "aaaabbbb hello\xff\xfe the quick brown fox";
	const struct ranks_header *header = (const void *)image.data;
	struct ranks ranks;
	for (uint32_t i = 0; i < header->section_count; i++) {
		if (ranks_find(image, header->sections[i].name, &ranks)) {
			struct slice piece = slice_make(text, sizeof text - 1);
			if (merge_count_short(&ranks, piece) != merge_count_long(&ranks, piece)) {
				abort();
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct ranks_header *header;
	struct error error;
	size &= ~(size_t)7;
	/* Exactly sized, so that a sanitizer sees a read past the end. */
	char *image = mem_alloc(size + (size == 0));
	memcpy(image, data, size);
	if (size >= sizeof *header) {
		header = (void *)image;
		memcpy(header->magic, RANKS_MAGIC, sizeof header->magic);
		header->version = RANKS_VERSION;
		header->endian = RANKS_ENDIAN;
		header->file_len = size;
		header->checksum = ranks_checksum(image + sizeof *header, size - sizeof *header);
	}
	if (ranks_check(slice_make(image, size), &error)) {
		count_with(slice_make(image, size));
	}
	free(image);
	return 0;
}
