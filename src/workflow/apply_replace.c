/* apply_replace.c: old text -> new text, by tiers from exact to lenient (workflows.md 7.4). The
 * first tier with exactly the wanted number of places decides. */
#include "workflow/apply_match.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

/* A run of lines that matched. */
struct region {
	size_t first, end;
	struct slice indent; /* the uniform difference of indentation */
	bool cuts_indent;    /* the new text has it too much, not too little */
};
struct regions {
	struct region *items;
	size_t len, cap;
};

static bool is_blank(struct slice line) {
	return text_trim_end(line).len == 0;
}

static struct slice indent_of(struct slice line) {
	size_t len = 0;
	while (len < line.len && (line.data[len] == ' ' || line.data[len] == '\t')) {
		len++;
	}
	return slice_sub(line, 0, len);
}

/* ---- the tiers by lines ---- */

typedef bool match_fn(
	const struct text *text, size_t at, const struct text *old, struct region *region);

static bool match_trailing(
	const struct text *text, size_t at, const struct text *old, struct region *region) {
	if (old->count > text->count - at) {
		return false;
	}
	for (size_t i = 0; i < old->count; i++) {
		if (!slice_eq(text_trim_end(text_line_slice(text, at + i)),
			    text_trim_end(text_line_slice(old, i)))) {
			return false;
		}
	}
	*region = (struct region){.first = at, .end = at + old->count};
	return true;
}

/* How the file's line is indented more (or less) than the old text's line; false when the lines
 * differ by more than that. */
static bool indent_shift(struct slice have, struct slice want, struct slice *shift, bool *cuts) {
	struct slice have_indent = indent_of(have), want_indent = indent_of(want);
	if (!slice_eq(text_trim_end(slice_from(have, have_indent.len)),
		    text_trim_end(slice_from(want, want_indent.len)))) {
		return false;
	}
	*cuts = want_indent.len > have_indent.len;
	struct slice longer = *cuts ? want_indent : have_indent;
	struct slice shorter = *cuts ? have_indent : want_indent;
	*shift = slice_sub(longer, 0, longer.len - shorter.len);
	return slice_ends_with(longer, shorter);
}

static bool match_indented(
	const struct text *text, size_t at, const struct text *old, struct region *region) {
	if (old->count > text->count - at) {
		return false;
	}
	bool has_shift = false;
	*region = (struct region){.first = at, .end = at + old->count};
	for (size_t i = 0; i < old->count; i++) {
		struct slice have = text_line_slice(text, at + i), want = text_line_slice(old, i);
		if (is_blank(have) && is_blank(want)) {
			continue;
		}
		struct slice shift;
		bool cuts;
		if (is_blank(have) || is_blank(want) || !indent_shift(have, want, &shift, &cuts) ||
			(has_shift && (cuts != region->cuts_indent ||
					      !slice_eq(shift, region->indent)))) {
			return false;
		}
		region->indent = shift;
		region->cuts_indent = cuts;
		has_shift = true;
	}
	return true;
}

static bool match_blank_lines(
	const struct text *text, size_t at, const struct text *old, struct region *region) {
	if (is_blank(text_line_slice(text, at))) {
		return false;
	}
	size_t line = at, end = at;
	for (size_t i = 0; i < old->count; i++) {
		struct slice want = text_line_slice(old, i);
		if (is_blank(want)) {
			continue;
		}
		while (line < text->count && is_blank(text_line_slice(text, line))) {
			line++;
		}
		if (line == text->count || !slice_eq(text_trim_end(text_line_slice(text, line)),
						   text_trim_end(want))) {
			return false;
		}
		end = ++line;
	}
	*region = (struct region){.first = at, .end = end};
	return true;
}

/* In order of trust; the exact one, by bytes, comes before them. */
static match_fn *const tiers[] = {match_trailing, match_indented, match_blank_lines};

static void find_regions(const struct text *text, const struct text *old, match_fn *match,
	bool overlaps, struct regions *regions) {
	regions->len = 0;
	for (size_t at = 0; at < text->count;) {
		struct region region;
		if (match(text, at, old, &region)) {
			*VEC_PUSH(regions) = region;
			at = overlaps ? at + 1 : region.end;
		} else {
			at++;
		}
	}
}

/* ---- building ---- */

static void append_new_line(
	const struct text *text, const struct region *region, struct slice line, struct buf *out) {
	if (!region->cuts_indent) {
		buf_append(out, is_blank(line) ? slice_make(NULL, 0) : region->indent);
	} else if (slice_starts_with(line, region->indent)) {
		line = slice_from(line, region->indent.len);
	} else {
		line = slice_from(line, indent_of(line).len);
	}
	buf_append(out, line);
	buf_append_str(out, text->eol);
}

static void append_lines(const struct text *text, size_t from, size_t end, struct buf *out) {
	for (size_t i = from; i < end; i++) {
		buf_append(out,
			slice_make(text->lines[i].data, text->lines[i].len + text->lines[i].eol));
	}
}

static bool are_equal_lines(const struct text *a, size_t i, const struct text *b, size_t j) {
	return slice_eq(text_line_slice(a, i), text_line_slice(b, j));
}

/* Lines that the new text begins and ends with as the old text does keep the file's bytes; that
 * needs the region to stand line by line for the old text. */
static void append_region(const struct text *text, const struct region *region,
	const struct text *old, const struct text *new, struct buf *out) {
	size_t lead = 0, trail = 0;
	if (region->end - region->first == old->count) {
		while (lead < old->count &&
			lead < new->count &&are_equal_lines(old, lead, new, lead)) {
			lead++;
		}
		while (trail < old->count - lead &&
			trail < new->count - lead &&are_equal_lines(old, old->count - 1 - trail,
						     new, new->count - 1 - trail)) {
			trail++;
		}
	}
	append_lines(text, region->first, region->first + lead, out);
	if (lead > 0 && text->lines[region->first + lead - 1].eol == 0 && lead < new->count) {
		buf_append_str(out, text->eol);
	}
	for (size_t i = lead; i < new->count - trail; i++) {
		append_new_line(text, region, text_line_slice(new, i), out);
	}
	append_lines(text, region->end - trail, region->end, out);
}

static void build_by_lines(const struct text *text, const struct regions *regions,
	const struct text *old, const struct text *new, struct buf *out) {
	size_t at = 0;
	for (size_t i = 0; i < regions->len; i++) {
		append_lines(text, at, regions->items[i].first, out);
		append_region(text, &regions->items[i], old, new, out);
		at = regions->items[i].end;
	}
	append_lines(text, at, text->count, out);
	text_keep_final_newline(text, out);
}

/* ---- the exact tier: by bytes, with line feeds alone ---- */

struct flat {
	struct slice bytes; /* of the text, line ends as "\n" */
	struct buf own;     /* when that is a copy */
	size_t *starts;     /* of the lines within it; NULL: as in the text */
};

static void flat_init(struct flat *flat, const struct text *text) {
	*flat = (struct flat){.bytes = text->bytes};
	if (!text->has_crlf) {
		return;
	}
	flat->starts = mem_calloc(text->count + 1, sizeof *flat->starts);
	for (size_t i = 0; i < text->count; i++) {
		flat->starts[i] = flat->own.len;
		buf_append(&flat->own, text_line_slice(text, i));
		if (text->lines[i].eol > 0) {
			buf_append_byte(&flat->own, '\n');
		}
	}
	flat->bytes = buf_slice(&flat->own);
}

static void flat_finish(struct flat *flat) {
	buf_finish(&flat->own);
	free(flat->starts);
}

static size_t line_start(const struct flat *flat, const struct text *text, size_t line) {
	return flat->starts ? flat->starts[line]
			    : (size_t)(text->lines[line].data - text->bytes.data);
}

/* The line in which a place of the flat bytes lies. */
static size_t line_at(const struct flat *flat, const struct text *text, size_t at) {
	size_t low = 0, high = text->count;
	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		if (line_start(flat, text, middle) <= at) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

/* The same place in the text's own bytes. */
static size_t original_place(const struct flat *flat, const struct text *text, size_t at) {
	if (!flat->starts) {
		return at;
	}
	if (at >= flat->bytes.len) {
		return text->bytes.len;
	}
	size_t line = line_at(flat, text, at);
	return (size_t)(text->lines[line].data - text->bytes.data) + (at - flat->starts[line]);
}

struct places {
	size_t *items;
	size_t len, cap;
};

static void find_places(
	struct slice bytes, struct slice wanted, bool overlaps, struct places *places) {
	size_t at = 0;
	while (at < bytes.len) {
		size_t found = slice_find(slice_from(bytes, at), wanted);
		if (found == SIZE_MAX) {
			return;
		}
		*VEC_PUSH(places) = at + found;
		at += found + (overlaps ? 1 : wanted.len);
	}
}

static size_t common_prefix(struct slice a, struct slice b) {
	size_t len = 0;
	while (len < a.len && len < b.len && a.data[len] == b.data[len]) {
		len++;
	}
	return len;
}

static size_t common_suffix(struct slice a, struct slice b) {
	size_t len = 0;
	while (len < a.len && len < b.len && a.data[a.len - 1 - len] == b.data[b.len - 1 - len]) {
		len++;
	}
	return len;
}

/* Only what differs is replaced, so that the rest keeps the file's line ends. */
static void build_exact(const struct text *text, const struct flat *flat,
	const struct places *places, struct slice old, struct slice new, struct buf *out) {
	size_t lead = common_prefix(old, new);
	size_t trail = common_suffix(slice_from(old, lead), slice_from(new, lead));
	struct slice middle = slice_sub(new, lead, new.len - lead - trail);
	size_t at = 0;
	for (size_t i = 0; i < places->len; i++) {
		size_t from = original_place(flat, text, places->items[i] + lead);
		buf_append(out, slice_sub(text->bytes, at, from - at));
		text_append_as(middle, text->eol, out);
		at = original_place(flat, text, places->items[i] + old.len - trail);
	}
	buf_append(out, slice_from(text->bytes, at));
	text_keep_final_newline(text, out);
}

/* ---- one edit ---- */

struct replacing {
	const struct text *text;
	struct text old, new; /* with line feeds alone */
	size_t wanted;
	struct places lines; /* of the first tier that matched at all, for the message */
};

/* Remembers where a tier matched that matched the wrong number of times. */
static void remember_place(struct replacing *r, size_t line) {
	*VEC_PUSH(&r->lines) = line;
}

static bool replace_exactly(struct replacing *r, struct buf *out) {
	struct flat flat;
	flat_init(&flat, r->text);
	struct places places = {0};
	find_places(flat.bytes, r->old.bytes, r->wanted == 1, &places);
	bool is_done = places.len == r->wanted;
	if (is_done) {
		build_exact(r->text, &flat, &places, r->old.bytes, r->new.bytes, out);
	}
	for (size_t i = 0; !is_done && i < places.len; i++) {
		remember_place(r, line_at(&flat, r->text, places.items[i]));
	}
	VEC_FINISH(&places);
	flat_finish(&flat);
	return is_done;
}

static bool replace_lines(struct replacing *r, match_fn *match, struct buf *out) {
	struct regions regions = {0};
	find_regions(r->text, &r->old, match, r->wanted == 1, &regions);
	bool is_done = regions.len == r->wanted;
	if (is_done) {
		build_by_lines(r->text, &regions, &r->old, &r->new, out);
	}
	for (size_t i = 0; !is_done && r->lines.len < regions.len && i < regions.len; i++) {
		if (i >= r->lines.len) {
			remember_place(r, regions.items[i].first);
		}
	}
	VEC_FINISH(&regions);
	return is_done;
}

static bool fail_to_match(struct replacing *r, struct apply_failure *failure) {
	if (r->lines.len == 0) {
		struct slice *wanted = mem_calloc(r->old.count + 1, sizeof *wanted);
		for (size_t i = 0; i < r->old.count; i++) {
			wanted[i] = text_line_slice(&r->old, i);
		}
		apply_describe_closest(r->text, wanted, r->old.count, failure->detail);
		free(wanted);
		return apply_fail(failure, "old text not found");
	}
	buf_append_str(failure->detail, ", at ");
	apply_describe_lines(r->lines.items, r->lines.len, failure->detail);
	if (r->wanted == 1) {
		buf_printf(failure->detail,
			"; give more of the lines around it, or \"count\": %zu to change all",
			r->lines.len);
	}
	return apply_fail(failure, "old text matches %zu time%s where %zu %s wanted", r->lines.len,
		r->lines.len == 1 ? "" : "s", r->wanted, r->wanted == 1 ? "is" : "are");
}

static bool has_words(const struct text *text) {
	for (size_t i = 0; i < text->count; i++) {
		if (!is_blank(text_line_slice(text, i))) {
			return true;
		}
	}
	return false;
}

bool apply_replace(const struct text *text, struct apply_failure *failure, struct buf *out) {
	const struct edit *edit = failure->edit;
	struct text own = *text;
	if (!text->has_line_ends && slice_contains(edit->new_text, SLICE("\r\n"))) {
		own.eol = "\r\n";
	}
	struct replacing r = {.text = &own, .wanted = edit->count > 0 ? (size_t)edit->count : 1};
	struct buf old, new;
	buf_init(&old, 0);
	buf_init(&new, 0);
	text_append_as(edit->old_text, "\n", &old);
	text_append_as(edit->new_text, "\n", &new);
	text_init(&r.old, buf_slice(&old));
	text_init(&r.new, buf_slice(&new));
	bool is_ok = replace_exactly(&r, out);
	for (size_t i = 0; !is_ok && i < sizeof tiers / sizeof *tiers && has_words(&r.old); i++) {
		is_ok = replace_lines(&r, tiers[i], out);
	}
	if (!is_ok) {
		fail_to_match(&r, failure);
	}
	VEC_FINISH(&r.lines);
	text_finish(&r.old);
	text_finish(&r.new);
	buf_finish(&old);
	buf_finish(&new);
	return is_ok;
}
