/* slice.c: comparing, searching and cutting borrowed bytes. */
#include "base/slice.h"

#include <stdlib.h>

#include "base/mem.h"

static inline unsigned char fold(char c) {
	unsigned char byte = (unsigned char)c;
	return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static bool equal_folded(const char *a, const char *b, size_t len) {
	for (size_t i = 0; i < len; i++) {
		if (fold(a[i]) != fold(b[i])) {
			return false;
		}
	}
	return true;
}

struct slice slice_sub(struct slice s, size_t from, size_t len) {
	s = slice_from(s, from);
	if (len < s.len) {
		s.len = len;
	}
	return s;
}

struct slice slice_from(struct slice s, size_t from) {
	if (from > s.len) {
		from = s.len;
	}
	if (from > 0) { /* NULL + 0 is undefined in C */
		s.data += from;
		s.len -= from;
	}
	return s;
}

bool slice_starts_with(struct slice s, struct slice prefix) {
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

bool slice_ends_with(struct slice s, struct slice suffix) {
	return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

bool slice_ieq(struct slice a, struct slice b) {
	return a.len == b.len && equal_folded(a.data, b.data, a.len);
}

bool slice_istarts_with(struct slice s, struct slice prefix) {
	return s.len >= prefix.len && equal_folded(s.data, prefix.data, prefix.len);
}

int slice_compare(struct slice a, struct slice b) {
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

size_t slice_find_byte(struct slice s, char byte) {
	const char *at = s.len > 0 ? memchr(s.data, byte, s.len) : NULL;
	return at != NULL ? (size_t)(at - s.data) : SIZE_MAX;
}

size_t slice_find(struct slice s, struct slice needle) {
	if (needle.len == 0) {
		return 0;
	}
	const char *at = s.len > 0 ? memmem(s.data, s.len, needle.data, needle.len) : NULL;
	return at != NULL ? (size_t)(at - s.data) : SIZE_MAX;
}

bool slice_contains(struct slice s, struct slice needle) {
	return slice_find(s, needle) != SIZE_MAX;
}

bool slice_icontains(struct slice s, struct slice needle) {
	for (size_t at = 0; at + needle.len <= s.len; at++) {
		if (equal_folded(slice_from(s, at).data, needle.data, needle.len)) {
			return true;
		}
	}
	return false;
}

static bool is_space(char c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s) {
	while (s.len > 0 && is_space(s.data[s.len - 1])) {
		s.len--;
	}
	while (s.len > 0 && is_space(s.data[0])) {
		s.data++;
		s.len--;
	}
	return s;
}

bool slice_split(struct slice *rest, char separator, struct slice *part) {
	if (rest->data == NULL) {
		return false;
	}
	size_t at = slice_find_byte(*rest, separator);
	if (at == SIZE_MAX) {
		*part = *rest;
		*rest = (struct slice){NULL, 0};
	} else {
		*part = slice_sub(*rest, 0, at);
		*rest = slice_from(*rest, at + 1);
	}
	return true;
}

bool slice_to_uint64(struct slice s, uint64_t *out) {
	uint64_t value = 0;
	if (s.len == 0) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9' ||
			__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (unsigned)(s.data[i] - '0'), &value)) {
			return false;
		}
	}
	*out = value;
	return true;
}

bool slice_to_int64(struct slice s, int64_t *out) {
	bool is_negative = s.len > 0 && s.data[0] == '-';
	uint64_t magnitude;
	if (!slice_to_uint64(slice_from(s, is_negative), &magnitude) ||
		magnitude > (uint64_t)INT64_MAX + is_negative) {
		return false;
	}
	/* -(INT64_MAX + 1) has no positive twin, so count down from -1. */
	*out = !is_negative     ? (int64_t)magnitude
	       : magnitude == 0 ? 0
				: -1 - (int64_t)(magnitude - 1);
	return true;
}

bool slice_glob(struct slice pattern, struct slice text, bool fold_case) {
	size_t p = 0, t = 0;
	size_t star = SIZE_MAX, resume = 0; /* the last `*` and where its run ends so far */
	while (t < text.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.len &&
			   (fold_case ? fold(pattern.data[p]) == fold(text.data[t])
				      : pattern.data[p] == text.data[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*') {
		p++;
	}
	return p == pattern.len;
}

static size_t least(size_t a, size_t b) {
	return a < b ? a : b;
}

/* The optimal string alignment distance by three rows: this one, the last and the one before. */
static size_t distance_by_rows(struct slice a, struct slice b, size_t limit, size_t *rows) {
	size_t *before = rows, *last = rows + b.len + 1, *now = rows + 2 * (b.len + 1);
	for (size_t j = 0; j <= b.len; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		size_t best = now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t cost = a.data[i - 1] != b.data[j - 1];
			now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
				a.data[i - 2] == b.data[j - 1]) {
				now[j] = least(now[j], before[j - 2] + 1);
			}
			best = least(best, now[j]);
		}
		/* A swap may still reach back one row, so only give up beyond the limit by two. */
		if (best > limit && best - limit > 1) {
			return limit + 1;
		}
		size_t *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return least(last[b.len], limit + 1);
}

size_t slice_distance(struct slice a, struct slice b, size_t limit) {
	size_t difference = a.len > b.len ? a.len - b.len : b.len - a.len;
	size_t fixed[3 * 64];
	if (limit == SIZE_MAX) {
		limit--;
	}
	if (difference > limit) {
		return limit + 1;
	}
	size_t needed = 3 * (b.len + 1);
	size_t *rows = needed <= sizeof fixed / sizeof *fixed
			       ? fixed
			       : mem_realloc_array(NULL, needed, sizeof *rows);
	size_t distance = distance_by_rows(a, b, limit, rows);
	if (rows != fixed) {
		free(rows);
	}
	return distance;
}
