/* test_apply_diff.c: diffs are right, shortest on small texts, and bearable on large ones. */
#include "workflow/apply_help.h"
#include "workflow/diff.h"

#include <stdio.h>
#include <stdlib.h>

int test_apply_diff(void);

static const struct {
	const char *before, *after, *hunks;
} cases[] = {
	{"a\n", "a\n", ""},
	{"", "a\n", "@@ -0,0 +1 @@\n+a\n"},
	{"a\n", "", "@@ -1 +0,0 @@\n-a\n"},
	{"a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
	{"a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
	{"a\nb", "c\nb", "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n"},
	/* three lines of context; six equal lines join two changes, seven part them */
	{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n",
		"@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n"},
	{"a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
		"@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"},
	{"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
		"@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n"},
	/* the paper's example */
	{"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", NULL},
};

static void print_hunks(struct slice before, struct slice after, bool colour, struct buf *out) {
	struct diff diff;
	diff_init(&diff, before, after);
	buf_init(out, 0);
	diff_print_hunks(&diff, colour, out);
	diff_finish(&diff);
}

static void test_cases(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out;
		print_hunks(slice_of(cases[i].before), slice_of(cases[i].after), false, &out);
		if (cases[i].hunks && !slice_is(buf_slice(&out), cases[i].hunks)) {
			fail_msg("%s to %s:\n%.*s", cases[i].before, cases[i].after,
				SLICE_FMT(buf_slice(&out)));
		}
		buf_finish(&out);
	}
	struct buf out;
	buf_init(&out, 0);
	diff_unified(SLICE("a\n"), SLICE("b\n"), "a/x", "b/x", &out);
	assert_true(slice_is(buf_slice(&out), "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"));
	buf_reset(&out, 0);
	diff_unified(SLICE("a\0"), SLICE("b\n"), "a/x", "b/x", &out);
	assert_true(slice_is(buf_slice(&out), "Binary files a/x and b/x differ\n"));
	buf_finish(&out);
}

/* What a model wrote cannot steer the terminal. */
static void test_colour(void **state) {
	(void)state;
	struct buf out;
	print_hunks(SLICE("a\n"), SLICE("\x1b[2J\tb\r\n"), true, &out);
	assert_true(slice_is(buf_slice(&out), "\x1b[36m@@ -1 +1 @@\x1b[0m\n\x1b[31m-a\x1b[0m\n"
					      "\x1b[32m+^[[2J\tb^M\x1b[0m\n"));
	buf_finish(&out);
}

/* A plain, repeatable generator: failures can be looked at again. */
static unsigned next_random(uint64_t *seed, unsigned bound) {
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33) % bound;
}

/* The kept lines of both sides are the same, in order: the diff is right. */
static void check_right(const struct diff *diff) {
	size_t b = 0;
	for (size_t a = 0; a < diff->before.count; a++) {
		if (diff->before.is_changed[a]) {
			continue;
		}
		while (b < diff->after.count && diff->after.is_changed[b]) {
			b++;
		}
		assert_true(b < diff->after.count);
		assert_true(slice_eq(diff->before.lines[a], diff->after.lines[b]));
		b++;
	}
	while (b < diff->after.count) {
		assert_true(diff->after.is_changed[b++]);
	}
}

static size_t longest_common(const struct diff *diff) {
	size_t table[41][41] = {{0}};
	for (size_t i = 1; i <= diff->before.count; i++) {
		for (size_t j = 1; j <= diff->after.count; j++) {
			size_t left = table[i][j - 1], up = table[i - 1][j];
			table[i][j] = slice_eq(diff->before.lines[i - 1], diff->after.lines[j - 1])
					      ? table[i - 1][j - 1] + 1
				      : left > up ? left
						  : up;
		}
	}
	return table[diff->before.count][diff->after.count];
}

static void random_lines(uint64_t *seed, unsigned lines, unsigned words, struct buf *out) {
	buf_init(out, 0);
	for (unsigned i = 0; i < lines; i++) {
		buf_printf(out, "%u\n", next_random(seed, words));
	}
}

static void test_shortest(void **state) {
	(void)state;
	uint64_t seed = 1;
	for (int i = 0; i < 4000; i++) {
		struct buf before, after;
		unsigned words = 2 + next_random(&seed, 12);
		random_lines(&seed, next_random(&seed, 40), words, &before);
		random_lines(&seed, next_random(&seed, 40), words, &after);
		struct diff diff;
		diff_init(&diff, buf_slice(&before), buf_slice(&after));
		check_right(&diff);
		size_t common = longest_common(&diff);
		assert_int_equal(diff.removed, diff.before.count - common);
		assert_int_equal(diff.added, diff.after.count - common);
		diff_finish(&diff);
		buf_finish(&before);
		buf_finish(&after);
	}
}

/* 100,000 lines: a few changes are found exactly; texts with nothing but chance in common end too.
 */
static void test_large(void **state) {
	(void)state;
	uint64_t seed = 2;
	struct buf before, after;
	random_lines(&seed, 100000, 1000000, &before);
	buf_init(&after, 0);
	struct slice rest = buf_slice(&before), line;
	unsigned number = 0, changed = 0;
	while (slice_split(&rest, '\n', &line) && rest.data) {
		bool is_changed = number++ % 5000 == 77;
		changed += is_changed;
		buf_printf(&after, "%s%.*s\n", is_changed ? "x" : "", SLICE_FMT(line));
	}
	struct diff diff;
	diff_init(&diff, buf_slice(&before), buf_slice(&after));
	check_right(&diff);
	assert_int_equal(diff.added, changed);
	assert_int_equal(diff.removed, changed);
	diff_finish(&diff);
	buf_finish(&after);
	random_lines(&seed, 100000, 300, &after);
	buf_finish(&before);
	random_lines(&seed, 100000, 300, &before);
	diff_init(&diff, buf_slice(&before), buf_slice(&after));
	check_right(&diff);
	diff_finish(&diff);
	buf_finish(&after);
	buf_finish(&before);
}

int test_apply_diff(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests_name("apply diff", tests, NULL, NULL);
}
