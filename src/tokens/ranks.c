/* ranks.c: checks a packed file of vocabularies and finds them in it. */
#include "tokens/ranks.h"

static bool refuse(struct error *error, const char *what) {
	return error_set(error, ERROR_CONFIGURATION, "%s", what);
}

/* A part of `count` items that lies behind the header and inside the file. */
static bool has_part(struct slice image, uint64_t at, uint64_t count, size_t item_size) {
	return at % 8 == 0 && at >= sizeof(struct ranks_header) && at <= image.len &&
	       count <= (image.len - at) / item_size;
}

static void point(struct slice image, const struct ranks_section *section, struct ranks *ranks) {
	*ranks = (struct ranks){
		.offsets = (const void *)(image.data + section->offsets_at),
		.slots = (const void *)(image.data + section->slots_at),
		.bytes = image.data + section->bytes_at,
		.slot_mask = section->slot_count - 1,
		.longest = section->longest,
	};
}

static bool check_tokens(const struct ranks_section *section, const struct ranks *ranks) {
	bool ok = ranks->offsets[0] == 0 && ranks->offsets[section->count] == section->bytes_len;
	for (uint32_t i = 0; i < section->count; i++) {
		uint32_t from = ranks->offsets[i], to = ranks->offsets[i + 1];
		ok = ok && from < to && to - from <= section->longest;
	}
	return ok;
}

/* An empty slot ends every search. */
static bool check_slots(const struct ranks_section *section, const struct ranks *ranks) {
	uint32_t used = 0;
	bool ok = true;
	for (uint32_t i = 0; i < section->slot_count; i++) {
		uint32_t number = ranks->slots[i] & RANKS_SLOT_NUMBER;
		used += ranks->slots[i] != 0;
		ok = ok && number <= section->count && (number > 0 || ranks->slots[i] == 0);
	}
	return ok && used == section->count;
}

static bool check_section(struct slice image, const struct ranks_section *section) {
	uint32_t slots = section->slot_count;
	if (memchr(section->name, '\0', sizeof section->name) == NULL || section->count == 0 ||
		section->count > RANKS_MAX_COUNT || section->longest > RANKS_MAX_TOKEN ||
		(slots & (slots - 1)) != 0 || slots <= section->count ||
		!has_part(image, section->offsets_at, (uint64_t)section->count + 1,
			sizeof(uint32_t)) ||
		!has_part(image, section->slots_at, slots, sizeof(uint32_t)) ||
		!has_part(image, section->bytes_at, section->bytes_len, 1)) {
		return false;
	}
	struct ranks ranks;
	point(image, section, &ranks);
	return check_tokens(section, &ranks) && check_slots(section, &ranks);
}

bool ranks_check(struct slice image, struct error *error) {
	const struct ranks_header *header = (const void *)image.data;
	if (image.len < sizeof *header || memcmp(header->magic, RANKS_MAGIC, 8) != 0) {
		return refuse(error, "it is no file of packed vocabularies");
	}
	if (header->version != RANKS_VERSION || header->endian != RANKS_ENDIAN) {
		return refuse(error, "it was packed for another version of llm-mux");
	}
	if (header->file_len != image.len || image.len % 8 != 0) {
		return refuse(error, "it is cut off");
	}
	if (header->checksum !=
		ranks_checksum(image.data + sizeof *header, image.len - sizeof *header)) {
		return refuse(error, "its checksum is wrong");
	}
	bool ok = header->section_count > 0 && header->section_count <= RANKS_MAX_SECTIONS;
	for (uint32_t i = 0; ok && i < header->section_count; i++) {
		ok = check_section(image, &header->sections[i]);
	}
	return ok || refuse(error, "a vocabulary in it is damaged");
}

bool ranks_find(struct slice image, const char *name, struct ranks *ranks) {
	const struct ranks_header *header = (const void *)image.data;
	for (uint32_t i = 0; i < header->section_count; i++) {
		if (strcmp(header->sections[i].name, name) == 0) {
			point(image, &header->sections[i], ranks);
			return true;
		}
	}
	return false;
}
