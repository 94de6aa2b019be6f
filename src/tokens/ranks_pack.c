/* ranks_pack.c: vocabularies from their text form into the packed file. */
#include "tokens/ranks_pack.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "tokens/ranks_file.h"

struct vocabulary {
	struct ranks_section section;
	struct buf bytes;
	uint32_t *offsets; /* RANKS_MAX_COUNT + 1 */
	uint32_t *slots;
};

static bool fail_line(
	const struct ranks_source *source, size_t line, const char *what, struct error *error) {
	return error_set(
		error, ERROR_INVALID_REQUEST, "%s, line %zu: %s", source->name, line, what);
}

static uint64_t aligned(uint64_t at) {
	return (at + 7) & ~(uint64_t)7;
}

static struct slice token_of(const struct vocabulary *v, uint32_t number) {
	uint32_t from = v->offsets[number];
	return slice_make(v->bytes.data + from, v->offsets[number + 1] - from);
}

/* "BASE64 RANK"; gaps between the ranks are of no interest, only their order is. */
static const char *add_line(struct vocabulary *v, struct slice line, int64_t *last_rank) {
	struct slice base64, rank = line;
	int64_t number;
	if (!slice_split(&rank, ' ', &base64) || !rank.data || !slice_to_int64(rank, &number)) {
		return "not a token in base64, a blank and its rank";
	}
	if (number <= *last_rank) {
		return "the ranks do not rise";
	}
	if (v->section.count == RANKS_MAX_COUNT) {
		return "too many tokens";
	}
	size_t before = v->bytes.len;
	if (!base64_decode(base64, &v->bytes) || v->bytes.len == before ||
		v->bytes.len - before > RANKS_MAX_TOKEN) {
		return "the token is not base64, or empty, or too long";
	}
	uint32_t len = (uint32_t)(v->bytes.len - before);
	v->section.longest = len > v->section.longest ? len : v->section.longest;
	v->offsets[++v->section.count] = (uint32_t)v->bytes.len;
	*last_rank = number;
	return NULL;
}

static bool read_tokens(
	struct vocabulary *v, const struct ranks_source *source, struct error *error) {
	struct slice rest = source->text, line;
	int64_t last_rank = -1;
	v->offsets = mem_calloc(RANKS_MAX_COUNT + 1, sizeof *v->offsets);
	for (size_t number = 1; slice_split(&rest, '\n', &line); number++) {
		line = slice_trim(line);
		const char *problem = line.len > 0 ? add_line(v, line, &last_rank) : NULL;
		if (problem) {
			return fail_line(source, number, problem, error);
		}
	}
	return true;
}

static bool hash_tokens(
	struct vocabulary *v, const struct ranks_source *source, struct error *error) {
	uint32_t singles = 0, size = 512;
	/* At most half full: probes stay short. */
	while (size < 2 * v->section.count) {
		size *= 2;
	}
	v->section.slot_count = size;
	v->slots = mem_calloc(size, sizeof *v->slots);
	for (uint32_t i = 0; i < v->section.count; i++) {
		struct slice token = token_of(v, i);
		uint64_t hash = ranks_hash(token.data, token.len);
		uint32_t at = (uint32_t)hash & (size - 1);
		for (; v->slots[at] != 0; at = (at + 1) & (size - 1)) {
			if (slice_eq(token_of(v, (v->slots[at] & RANKS_SLOT_NUMBER) - 1), token)) {
				return fail_line(
					source, i + 1, "the token was there before", error);
			}
		}
		v->slots[at] = ranks_tag(hash) | (i + 1);
		singles += token.len == 1;
	}
	return singles == 256 ||
	       error_set(error, ERROR_INVALID_REQUEST, "%s: %u of the 256 single bytes are tokens",
		       source->name, singles);
}

static void append_aligned(struct buf *out, const void *data, size_t len) {
	static const char zeros[8];
	buf_append(out, slice_make(data, len));
	buf_append(out, slice_make(zeros, aligned(out->len) - out->len));
}

static void append_section(struct buf *out, struct vocabulary *v, const char *name) {
	struct ranks_section *section = &v->section;
	memcpy(section->name, name, strnlen(name, sizeof section->name - 1));
	section->offsets_at = out->len;
	append_aligned(out, v->offsets, (section->count + 1) * sizeof *v->offsets);
	section->slots_at = out->len;
	append_aligned(out, v->slots, section->slot_count * sizeof *v->slots);
	section->bytes_at = out->len;
	section->bytes_len = v->bytes.len;
	append_aligned(out, v->bytes.data, v->bytes.len);
}

static bool pack_one(struct ranks_header *header, const struct ranks_source *source,
	struct buf *out, struct error *error) {
	struct vocabulary v = {0};
	bool ok = read_tokens(&v, source, error) && hash_tokens(&v, source, error);
	if (ok) {
		append_section(out, &v, source->name);
		header->sections[header->section_count++] = v.section;
	}
	buf_finish(&v.bytes);
	free(v.offsets);
	free(v.slots);
	return ok;
}

bool ranks_pack(
	const struct ranks_source *sources, size_t count, struct buf *out, struct error *error) {
	struct ranks_header header = {
		.magic = RANKS_MAGIC, .version = RANKS_VERSION, .endian = RANKS_ENDIAN};
	if (count == 0 || count > RANKS_MAX_SECTIONS) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"%zu vocabularies, where 1 to %d can be packed", count, RANKS_MAX_SECTIONS);
	}
	append_aligned(out, &header, sizeof header);
	for (size_t i = 0; i < count; i++) {
		if (!pack_one(&header, &sources[i], out, error)) {
			return false;
		}
	}
	header.file_len = out->len;
	header.checksum = ranks_checksum(out->data + sizeof header, out->len - sizeof header);
	memcpy(out->data, &header, sizeof header);
	return true;
}
