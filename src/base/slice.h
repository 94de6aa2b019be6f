/* slice.h: a borrowed run of bytes. Never owns; not NUL-terminated; may hold NUL bytes. */
#ifndef LLMMUX_BASE_SLICE_H
#define LLMMUX_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *data; /* may be NULL when len is 0; NULL also says "absent" where a field is
			     optional */
	size_t len;
};

/* A slice of a string literal, usable in constant initialisers. */
#define SLICE_INIT(literal)                                                                        \
	{ (literal), sizeof(literal) - 1 }
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* printf("%.*s", SLICE_FMT(s)) */
#define SLICE_FMT(s) (int)(s).len, (s).data

static inline struct slice slice_make(const char *data, size_t len) {
	return (struct slice){data, len};
}

/* A slice of a C string; NULL gives the absent slice. */
static inline struct slice slice_of(const char *text) {
	return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b) {
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text) {
	return slice_eq(a, slice_of(text));
}

/* Part of a slice from an offset (both clamped to the slice). */
struct slice slice_sub(struct slice s, size_t from, size_t len);
/* What follows an offset (clamped). */
struct slice slice_from(struct slice s, size_t from);

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);
/* ASCII case-insensitive comparisons. */
bool slice_ieq(struct slice a, struct slice b);
bool slice_istarts_with(struct slice s, struct slice prefix);
/* memcmp order, the shorter first when one is a prefix of the other; for qsort. */
int slice_compare(struct slice a, struct slice b);

/* Offset of a byte or of a run of bytes; SIZE_MAX when absent. */
size_t slice_find_byte(struct slice s, char byte);
size_t slice_find(struct slice s, struct slice needle);
bool slice_contains(struct slice s, struct slice needle);
/* ASCII case-insensitive search. */
bool slice_icontains(struct slice s, struct slice needle);

/* Cut ASCII white space (space, tab, CR, LF) from both ends. */
struct slice slice_trim(struct slice s);
/* Takes the part before the first separator from *rest (which moves behind it) into *part; false
 * when *rest is absent (data == NULL). The last part leaves *rest absent. */
bool slice_split(struct slice *rest, char separator, struct slice *part);

/* Decimal integers; the whole slice must be the number (no `+`, no blanks). */
bool slice_to_int64(struct slice s, int64_t *out);
bool slice_to_uint64(struct slice s, uint64_t *out);

/* Glob with `*` (any run) only, ASCII case-insensitive when fold is set (gateway.md 2.5). */
bool slice_glob(struct slice pattern, struct slice text, bool fold);

/* Edit distance (Damerau-Levenshtein, insert/delete/substitute/swap) capped at `limit`+1; for
 * "did you mean". */
size_t slice_distance(struct slice a, struct slice b, size_t limit);

#endif
