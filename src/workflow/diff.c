/* diff.c: line diffs: Myers' greedy algorithm in its linear-space form ("An O(ND) Difference
 * Algorithm and Its Variations", Algorithmica 1986, section 4b).
 *
 *   lines ─ number them, equal lines alike ─ leave out those the other side has not
 *      ─ cut common ends, split at the middle, repeat ─► is_changed flags ─► hunks
 *
 * Texts that have little in common would cost the square of their length; beyond a limit the best
 * split so far is taken, which is correct but perhaps not the shortest. */
#include "workflow/diff.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "workflow/apply.h"

#define CONTEXT_LINES ((size_t)3)
/* Edits that one split may look ahead: 256 splits 100,000 unlike lines in well under a second. */
#define SPLIT_COST_MIN ((int32_t)256)
#define DEAD ((int32_t)-1)

/* ---- lines and their numbers ---- */

static void split_lines(struct slice text, struct diff_side *side) {
	size_t count = 0;
	for (size_t at = 0; at < text.len; count++) {
		size_t end = slice_find_byte(slice_from(text, at), '\n');
		at = end == SIZE_MAX ? text.len : at + end + 1;
	}
	side->count = count;
	side->lines = mem_calloc(count + 1, sizeof *side->lines);
	side->is_changed = mem_calloc(count + 1, sizeof *side->is_changed);
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		size_t end = slice_find_byte(slice_from(text, at), '\n');
		size_t len = end == SIZE_MAX ? text.len - at : end + 1;
		side->lines[i] = slice_sub(text, at, len);
		at += len;
	}
}

/* Numbers for lines: equal lines get equal numbers, counted from 1. */
struct numbering {
	struct slice *known; /* by number - 1 */
	uint32_t count;
	uint32_t *table;
	size_t mask;
	uint64_t seed[2];
};

static void numbering_init(struct numbering *numbering, size_t lines) {
	size_t size = 16;
	while (size < 2 * lines) {
		size *= 2;
	}
	*numbering = (struct numbering){.mask = size - 1};
	numbering->table = mem_calloc(size, sizeof *numbering->table);
	numbering->known = mem_calloc(lines + 1, sizeof *numbering->known);
	random_bytes(numbering->seed, sizeof numbering->seed);
}

static void numbering_finish(struct numbering *numbering) {
	free(numbering->table);
	free(numbering->known);
}

static uint32_t number_of(struct numbering *numbering, struct slice line) {
	size_t at = (size_t)hash_bytes(numbering->seed, line) & numbering->mask;
	while (numbering->table[at] != 0) {
		if (slice_eq(numbering->known[numbering->table[at] - 1], line)) {
			return numbering->table[at];
		}
		at = (at + 1) & numbering->mask;
	}
	numbering->known[numbering->count++] = line;
	numbering->table[at] = numbering->count;
	return numbering->count;
}

/* ---- the comparison ---- */

/* The lines of a side that the other side has too. */
struct sequence {
	uint32_t *numbers;
	size_t *lines; /* which line of the side */
	size_t count;
	bool *is_changed; /* of the side */
};

struct comparison {
	struct sequence a, b;
	int32_t *forward, *backward; /* furthest x on each diagonal; entry 0 is diagonal -b.count */
	int32_t cost_max;
};

struct box {
	size_t a, a_end, b, b_end;
};

static bool ends_equal(
	const struct comparison *c, const struct box *box, int32_t x, int32_t y, bool is_backward) {
	if (is_backward) {
		return c->a.numbers[box->a_end - 1 - (size_t)x] ==
		       c->b.numbers[box->b_end - 1 - (size_t)y];
	}
	return c->a.numbers[box->a + (size_t)x] == c->b.numbers[box->b + (size_t)y];
}

/* The furthest x on diagonal k (x - y) after `cost` edits, from the start of the box or, mirrored,
 * from its end; DEAD when the box has no such point. */
static int32_t furthest(const struct comparison *c, const struct box *box, int32_t cost, int32_t k,
	bool is_backward) {
	const int32_t *reached = (is_backward ? c->backward : c->forward) + c->b.count;
	int32_t n = (int32_t)(box->a_end - box->a), m = (int32_t)(box->b_end - box->b);
	int32_t x = cost == 0 ? 0 : DEAD;
	if (cost > 0 && k + 1 < cost && k + 1 <= n && reached[k + 1] != DEAD &&
		reached[k + 1] - k <= m) {
		x = reached[k + 1];
	}
	if (cost > 0 && k - 1 > -cost && k - 1 >= -m && reached[k - 1] != DEAD &&
		reached[k - 1] + 1 <= n && reached[k - 1] + 1 > x) {
		x = reached[k - 1] + 1;
	}
	while (x != DEAD && x < n && x - k < m && ends_equal(c, box, x, x - k, is_backward)) {
		x++;
	}
	return x;
}

/* One more edit in one direction. True when it met the other direction, which has spent
 * `other_cost`: then *x, *y is where. */
static bool advance(struct comparison *c, const struct box *box, int32_t cost, int32_t other_cost,
	bool is_backward, int32_t *x, int32_t *y) {
	int32_t n = (int32_t)(box->a_end - box->a), m = (int32_t)(box->b_end - box->b);
	int32_t *reached = (is_backward ? c->backward : c->forward) + c->b.count;
	const int32_t *other = (is_backward ? c->forward : c->backward) + c->b.count;
	bool can_meet = ((n - m) & 1) == ((cost + other_cost) & 1);
	/* The first diagonal within the box that has the parity of the cost. */
	int32_t from = -cost < -m ? -m + ((cost - m) & 1) : -cost;
	for (int32_t k = from; k <= cost && k <= n; k += 2) {
		reached[k] = furthest(c, box, cost, k, is_backward);
		int32_t mirrored = n - m - k;
		if (reached[k] == DEAD || !can_meet || mirrored < -other_cost ||
			mirrored > other_cost || mirrored < -m || mirrored > n ||
			other[mirrored] == DEAD || reached[k] + other[mirrored] < n) {
			continue;
		}
		*x = is_backward ? n - reached[k] : reached[k];
		*y = is_backward ? m - (reached[k] - k) : reached[k] - k;
		return true;
	}
	return false;
}

/* The point that got furthest by going forward: where to split when looking on costs too much. */
static void best_so_far(
	const struct comparison *c, const struct box *box, int32_t cost, int32_t *x, int32_t *y) {
	int32_t n = (int32_t)(box->a_end - box->a), m = (int32_t)(box->b_end - box->b);
	const int32_t *reached = c->forward + c->b.count;
	int64_t best = -1;
	int32_t from = -cost < -m ? -m + ((cost - m) & 1) : -cost;
	for (int32_t k = from; k <= cost && k <= n; k += 2) {
		int64_t sum = 2 * (int64_t)reached[k] - k;
		if (reached[k] != DEAD && sum > best) {
			best = sum;
			*x = reached[k];
			*y = reached[k] - k;
		}
	}
}

/* Splits a box whose sides are not empty and whose ends differ. */
static void split_box(struct comparison *c, const struct box *box, int32_t *x, int32_t *y) {
	advance(c, box, 0, 0, false, x, y);
	advance(c, box, 0, 0, true, x, y);
	for (int32_t cost = 1;; cost++) {
		if (advance(c, box, cost, cost - 1, false, x, y) ||
			advance(c, box, cost, cost, true, x, y)) {
			return;
		}
		if (cost >= c->cost_max) {
			best_so_far(c, box, cost, x, y);
			return;
		}
	}
}

static void mark(struct sequence *sequence, size_t from, size_t end) {
	for (size_t i = from; i < end; i++) {
		sequence->is_changed[sequence->lines[i]] = true;
	}
}

/* Recurses into the first part of a split and loops over the second: each first part is smaller,
 * and a split that was cut short moves on by at least cost_max lines. */
static void compare(struct comparison *c, struct box box) {
	for (;;) {
		while (box.a < box.a_end && box.b < box.b_end &&
			c->a.numbers[box.a] == c->b.numbers[box.b]) {
			box.a++;
			box.b++;
		}
		while (box.a < box.a_end && box.b < box.b_end &&
			c->a.numbers[box.a_end - 1] == c->b.numbers[box.b_end - 1]) {
			box.a_end--;
			box.b_end--;
		}
		if (box.a == box.a_end || box.b == box.b_end) {
			mark(&c->a, box.a, box.a_end);
			mark(&c->b, box.b, box.b_end);
			return;
		}
		int32_t x = 0, y = 0;
		split_box(c, &box, &x, &y);
		struct box first = {box.a, box.a + (size_t)x, box.b, box.b + (size_t)y};
		compare(c, first);
		box.a += (size_t)x;
		box.b += (size_t)y;
	}
}

/* ---- from texts to flags ---- */

/* Keeps the lines whose number the other side has (`is_known`); the rest has changed for sure. */
static void sequence_init(struct sequence *sequence, const struct diff_side *side,
	const uint32_t *numbers, const bool *is_known) {
	sequence->numbers = mem_calloc(side->count + 1, sizeof *sequence->numbers);
	sequence->lines = mem_calloc(side->count + 1, sizeof *sequence->lines);
	sequence->is_changed = side->is_changed;
	sequence->count = 0;
	for (size_t i = 0; i < side->count; i++) {
		if (!is_known[numbers[i]]) {
			side->is_changed[i] = true;
			continue;
		}
		sequence->numbers[sequence->count] = numbers[i];
		sequence->lines[sequence->count++] = i;
	}
}

static void sequence_finish(struct sequence *sequence) {
	free(sequence->numbers);
	free(sequence->lines);
}

static bool *known_numbers(const uint32_t *numbers, size_t count, size_t number_count) {
	bool *is_known = mem_calloc(number_count + 1, sizeof *is_known);
	for (size_t i = 0; i < count; i++) {
		is_known[numbers[i]] = true;
	}
	return is_known;
}

static void compare_sides(
	struct diff *diff, const uint32_t *before, const uint32_t *after, size_t number_count) {
	struct comparison c = {.cost_max = SPLIT_COST_MIN};
	bool *in_before = known_numbers(before, diff->before.count, number_count);
	bool *in_after = known_numbers(after, diff->after.count, number_count);
	sequence_init(&c.a, &diff->before, before, in_after);
	sequence_init(&c.b, &diff->after, after, in_before);
	free(in_before);
	free(in_after);
	size_t diagonals = c.a.count + c.b.count + 1;
	while ((size_t)c.cost_max * (size_t)c.cost_max < diagonals) {
		c.cost_max *= 2;
	}
	c.forward = mem_calloc(diagonals, sizeof *c.forward);
	c.backward = mem_calloc(diagonals, sizeof *c.backward);
	compare(&c, (struct box){0, c.a.count, 0, c.b.count});
	free(c.forward);
	free(c.backward);
	sequence_finish(&c.a);
	sequence_finish(&c.b);
}

static size_t count_changed(const struct diff_side *side) {
	size_t count = 0;
	for (size_t i = 0; i < side->count; i++) {
		count += side->is_changed[i];
	}
	return count;
}

void diff_init(struct diff *diff, struct slice before, struct slice after) {
	*diff = (struct diff){0};
	split_lines(before, &diff->before);
	split_lines(after, &diff->after);
	size_t lines = diff->before.count + diff->after.count;
	struct numbering numbering;
	numbering_init(&numbering, lines);
	uint32_t *numbers = mem_calloc(lines + 1, sizeof *numbers);
	for (size_t i = 0; i < diff->before.count; i++) {
		numbers[i] = number_of(&numbering, diff->before.lines[i]);
	}
	for (size_t i = 0; i < diff->after.count; i++) {
		numbers[diff->before.count + i] = number_of(&numbering, diff->after.lines[i]);
	}
	size_t number_count = numbering.count;
	numbering_finish(&numbering);
	compare_sides(diff, numbers, numbers + diff->before.count, number_count);
	free(numbers);
	diff->removed = count_changed(&diff->before);
	diff->added = count_changed(&diff->after);
}

void diff_finish(struct diff *diff) {
	free(diff->before.lines);
	free(diff->before.is_changed);
	free(diff->after.lines);
	free(diff->after.is_changed);
	*diff = (struct diff){0};
}

bool diff_is_binary(struct slice text) {
	return slice_find_byte(text, '\0') != SIZE_MAX;
}

/* ---- printing ---- */

static const char *colour_of(char kind) {
	switch (kind) {
	case '-':
		return "\x1b[31m";
	case '+':
		return "\x1b[32m";
	case '@':
		return "\x1b[36m";
	default:
		return NULL;
	}
}

static void print_visible(struct slice text, struct buf *out) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
			buf_append_byte(out, '^');
			byte ^= 0x40;
		}
		buf_append_byte(out, (char)byte);
	}
}

static void print_line(char kind, struct slice line, bool colour, struct buf *out) {
	bool has_newline = line.len > 0 && line.data[line.len - 1] == '\n';
	struct slice text = slice_sub(line, 0, line.len - has_newline);
	const char *start = colour ? colour_of(kind) : NULL;
	buf_append_str(out, start ? start : "");
	if (kind != '@') {
		buf_append_byte(out, kind);
	}
	if (colour) {
		print_visible(text, out);
	} else {
		buf_append(out, text);
	}
	buf_append_str(out, start ? "\x1b[0m\n" : "\n");
	if (!has_newline && kind != '@') {
		buf_append_str(out, "\\ No newline at end of file\n");
	}
}

/* An empty range is named by the line before it (POSIX diff -u). */
static void print_range(char sign, size_t from, size_t count, struct buf *out) {
	buf_printf(out, "%c%zu", sign, count == 0 ? from : from + 1);
	if (count != 1) {
		buf_printf(out, ",%zu", count);
	}
}

struct place {
	size_t before, after;
};

static bool is_changed_at(const struct diff *diff, struct place at) {
	return (at.before < diff->before.count && diff->before.is_changed[at.before]) ||
	       (at.after < diff->after.count && diff->after.is_changed[at.after]);
}

static bool is_end(const struct diff *diff, struct place at) {
	return at.before >= diff->before.count && at.after >= diff->after.count;
}

/* Behind the removed and the added lines that begin here. */
static struct place skip_changed(const struct diff *diff, struct place at) {
	while (at.before < diff->before.count && diff->before.is_changed[at.before]) {
		at.before++;
	}
	while (at.after < diff->after.count && diff->after.is_changed[at.after]) {
		at.after++;
	}
	return at;
}

/* The next change at or after a place, or the end; *equal gets the number of equal lines before. */
static struct place skip_equal(const struct diff *diff, struct place at, size_t *equal) {
	*equal = 0;
	while (!is_end(diff, at) && !is_changed_at(diff, at)) {
		at.before++;
		at.after++;
		++*equal;
	}
	return at;
}

/* Where the hunk ends whose first change is at `at`: before its closing context. */
static struct place hunk_end(const struct diff *diff, struct place at) {
	for (;;) {
		at = skip_changed(diff, at);
		size_t equal;
		struct place next = skip_equal(diff, at, &equal);
		if (is_end(diff, next) || equal > 2 * CONTEXT_LINES) {
			return at;
		}
		at = next;
	}
}

static void print_hunk(const struct diff *diff, struct place from, struct place end, bool colour,
	struct buf *out) {
	struct buf head;
	buf_init(&head, 0);
	buf_append_str(&head, "@@ ");
	print_range('-', from.before, end.before - from.before, &head);
	buf_append_byte(&head, ' ');
	print_range('+', from.after, end.after - from.after, &head);
	buf_append_str(&head, " @@");
	print_line('@', buf_slice(&head), colour, out);
	buf_finish(&head);
	while (from.before < end.before || from.after < end.after) {
		if (from.before < end.before && diff->before.is_changed[from.before]) {
			print_line('-', diff->before.lines[from.before++], colour, out);
		} else if (from.after < end.after && diff->after.is_changed[from.after]) {
			print_line('+', diff->after.lines[from.after++], colour, out);
		} else {
			print_line(' ', diff->before.lines[from.before++], colour, out);
			from.after++;
		}
	}
}

void diff_print_hunks(const struct diff *diff, bool colour, struct buf *out) {
	size_t equal;
	struct place at = skip_equal(diff, (struct place){0, 0}, &equal);
	while (!is_end(diff, at)) {
		size_t lead = equal < CONTEXT_LINES ? equal : CONTEXT_LINES;
		struct place from = {at.before - lead, at.after - lead};
		struct place end = hunk_end(diff, at);
		at = skip_equal(diff, end, &equal);
		size_t trail = equal < CONTEXT_LINES ? equal : CONTEXT_LINES;
		end.before += trail;
		end.after += trail;
		print_hunk(diff, from, end, colour, out);
	}
}

void diff_unified(struct slice before, struct slice after, const char *old_name,
	const char *new_name, struct buf *out) {
	if (slice_eq(before, after)) {
		return;
	}
	if (diff_is_binary(before) || diff_is_binary(after)) {
		buf_printf(out, "Binary files %s and %s differ\n", old_name, new_name);
		return;
	}
	struct diff diff;
	diff_init(&diff, before, after);
	buf_printf(out, "--- %s\n+++ %s\n", old_name, new_name);
	diff_print_hunks(&diff, false, out);
	diff_finish(&diff);
}
