/* test_apply_random.c: whatever changes between two trees, the diff of the change says it all: read
 * again it makes the same tree, and a restore makes the old one (workflows.md 7.4 to 7.6). */
#include "workflow/apply_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int test_apply_random(void);

/* Lines that look like parts of diffs, fences and JSON, and enough repetition to be ambiguous. */
static const char *const words[] = {"", "a", "b", "c", "}", "\treturn;", "  x", "-- sql", "++ sum",
	"--- a/file", "+++ b/file", "-", "+", "@@ -1,2 +3,4 @@", "diff --git a/x b/x", "```",
	"```diff", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "\\ No newline at end of file",
	"trailing  ", " ", "\xc3\xa9\xe2\x82\xac", "{\"path\": \"x\"}", "index 1234..5678", "-- ",
	"{", "["};
#define WORD_COUNT (unsigned)(sizeof words / sizeof *words)
#define FILES 4

static unsigned next_random(uint64_t *seed, unsigned bound) {
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33) % bound;
}

struct lines {
	const char *items[160];
	size_t len;
	bool has_newline;
};

static void insert(struct lines *lines, size_t at, const char *word) {
	if (lines->len == sizeof lines->items / sizeof *lines->items) {
		return;
	}
	memmove(lines->items + at + 1, lines->items + at, (lines->len - at) * sizeof *lines->items);
	lines->items[at] = word;
	lines->len++;
}

static void delete (struct lines *lines, size_t at) {
	lines->len--;
	memmove(lines->items + at, lines->items + at + 1, (lines->len - at) * sizeof *lines->items);
}

static void make_lines(uint64_t *seed, struct lines *lines) {
	lines->len = 0;
	lines->has_newline = next_random(seed, 4) != 0;
	for (unsigned i = next_random(seed, 60); i > 0; i--) {
		insert(lines, 0, words[next_random(seed, WORD_COUNT)]);
	}
}

static void mutate(uint64_t *seed, struct lines *lines) {
	for (unsigned i = next_random(seed, 8) + 1; i > 0; i--) {
		unsigned kind = next_random(seed, 3);
		if (kind == 0 || lines->len == 0) {
			insert(lines, next_random(seed, (unsigned)lines->len + 1),
				words[next_random(seed, WORD_COUNT)]);
		} else if (kind == 1) {
			delete (lines, next_random(seed, (unsigned)lines->len));
		} else {
			lines->items[next_random(seed, (unsigned)lines->len)] =
				words[next_random(seed, WORD_COUNT)];
		}
	}
	if (next_random(seed, 6) == 0) {
		lines->has_newline = !lines->has_newline;
	}
}

static void join(const struct lines *lines, const char *eol, struct buf *out) {
	buf_init(out, 0);
	for (size_t i = 0; i < lines->len; i++) {
		bool is_last = i + 1 == lines->len;
		buf_append_str(out, lines->items[i]);
		/* an empty last line without its end would be no line */
		if (!is_last || lines->has_newline || lines->items[i][0] == '\0') {
			buf_append_str(out, eol);
		}
	}
}

struct round {
	char *dir;
	char tree[512], backup[512];
	struct arena arena;
	uint64_t seed;
	struct buf json, before, after, diff;
	struct json_writer w;
};

static void begin_edit(struct round *r, const char *path) {
	json_begin_object(&r->w);
	json_put_cstr(&r->w, "path", path);
}

static void edit_file(struct round *r, unsigned number) {
	struct lines lines;
	struct buf text;
	char path[64];
	const char *eol = next_random(&r->seed, 3) == 0 ? "\r\n" : "\n";
	unsigned fate = next_random(&r->seed, 10);
	switch (next_random(&r->seed, 4)) {
	case 0:
		snprintf(path, sizeof path, "f%u", number);
		break;
	case 1:
		snprintf(path, sizeof path, "dir%u/f", number);
		break;
	case 2:
		snprintf(path, sizeof path, "d/e/f %u", number);
		break;
	default:
		snprintf(path, sizeof path, "\"%u\\.c", number);
	}
	make_lines(&r->seed, &lines);
	join(&lines, eol, &text);
	if (fate > 1) {
		tree_write(r->tree, path, buf_slice(&text), next_random(&r->seed, 2) ? 0644 : 0755);
	}
	buf_finish(&text);
	begin_edit(r, path);
	if (fate == 2) {
		json_put_bool(&r->w, "delete", true);
	} else {
		mutate(&r->seed, &lines);
		join(&lines, eol, &text);
		json_put_string(&r->w, "content", buf_slice(&text));
		buf_finish(&text);
	}
	if (fate == 3) {
		char new_path[80];
		snprintf(new_path, sizeof new_path, "moved/%s", path);
		json_put_cstr(&r->w, "rename_to", new_path);
	}
	json_end_object(&r->w);
}

static void apply_reply(struct round *r, struct slice reply, struct buf *tree) {
	struct apply_plan plan;
	struct error error = {0};
	tree_plan(r->tree, reply, &r->arena, &plan);
	if (!apply_write(&plan, r->backup, &error)) {
		fail_msg("%s", error.message);
	}
	tree_print(r->tree, tree);
	buf_reset(&r->diff, SIZE_MAX);
	apply_plan_diff(&plan, false, &r->diff);
}

static void restore(struct round *r, uint64_t seed) {
	struct error error = {0};
	struct buf tree;
	char what[64];
	snprintf(what, sizeof what, "restored, seed %llu", (unsigned long long)seed);
	if (!apply_restore(r->tree, r->backup, &error)) {
		fail_msg("%s", error.message);
	}
	tree_print(r->tree, &tree);
	tree_assert_equal(&r->before, &tree, what);
	buf_finish(&tree);
	assert_true(apply_forget(r->backup, &error));
}

static void run_round(uint64_t seed) {
	struct round r = {.dir = tree_make(), .seed = seed};
	snprintf(r.tree, sizeof r.tree, "%s/tree", r.dir);
	snprintf(r.backup, sizeof r.backup, "%s/backup", r.dir);
	arena_init(&r.arena, NULL, 0);
	json_writer_init(&r.w, &r.json, false);
	json_begin_array(&r.w);
	for (unsigned i = 0; i < FILES; i++) {
		edit_file(&r, i);
	}
	json_end_array(&r.w);
	tree_print(r.tree, &r.before);
	apply_reply(&r, buf_slice(&r.json), &r.after);
	restore(&r, seed);
	if (r.diff.len > 0) {
		struct buf again, diff;
		char what[64];
		snprintf(what, sizeof what, "by its diff, seed %llu", (unsigned long long)seed);
		buf_init(&diff, 0);
		buf_append(&diff, buf_slice(&r.diff));
		apply_reply(&r, buf_slice(&diff), &again);
		tree_assert_equal(&r.after, &again, what);
		assert_true(slice_eq(buf_slice(&diff), buf_slice(&r.diff)));
		restore(&r, seed);
		buf_finish(&again);
		buf_finish(&diff);
	}
	buf_finish(&r.json);
	buf_finish(&r.before);
	buf_finish(&r.after);
	buf_finish(&r.diff);
	arena_finish(&r.arena);
	tree_remove(r.dir);
}

static void test_random(void **state) {
	(void)state;
	mode_t old = umask(022);
	for (uint64_t seed = 1; seed <= 300; seed++) {
		run_round(seed);
	}
	umask(old);
}

/* A file of 200,000 lines with several edits, one of them far off its numbers. */
static void test_large(void **state) {
	(void)state;
	char *dir = tree_make();
	struct buf text;
	struct arena arena;
	struct apply_plan plan;
	char tree[512];
	snprintf(tree, sizeof tree, "%s/tree", dir);
	buf_init(&text, 0);
	for (unsigned i = 0; i < 200000; i++) {
		buf_printf(&text, "line %u\n", i);
	}
	tree_write(tree, "large", buf_slice(&text), 0644);
	arena_init(&arena, NULL, 0);
	tree_plan(tree,
		SLICE("[{\"path\": \"large\", \"old\": \"line 199998\\n\", \"new\": \"x\\n\"},"
		      "{\"path\": \"large\", \"old\": \"  line 100000 \\n  line 100001\", "
		      "\"new\": \"  y\"},"
		      "{\"path\": \"large\", \"diff\": \"@@ -1,2 +1,2 @@\\n line 150000\\n-line "
		      "150001\\n+z\\n\"}]"),
		&arena, &plan);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.files[0].added, 3);
	assert_int_equal(plan.files[0].removed, 4);
	assert_true(slice_contains(plan.files[0].after, SLICE("line 99999\ny\nline 100002\n")));
	assert_true(slice_contains(plan.files[0].after, SLICE("line 150000\nz\nline 150002\n")));
	assert_true(slice_contains(plan.files[0].after, SLICE("line 199997\nx\nline 199999\n")));
	arena_finish(&arena);
	buf_finish(&text);
	tree_remove(dir);
}

static void test_many_files(void **state) {
	(void)state;
	char *dir = tree_make();
	struct buf text;
	struct arena arena;
	struct apply_plan plan;
	struct edit_set set = {0};
	struct error error = {0};
	struct apply_rules rules = {.dir = tree_path(dir, "tree")};
	buf_init(&text, 0);
	arena_init(&arena, NULL, 0);
	buf_append_str(&text, "[");
	for (unsigned i = 0; i <= APPLY_FILES_MAX; i++) {
		buf_printf(&text, "%s{\"path\": \"f%u\", \"content\": \"x\"}", i ? "," : "", i);
	}
	buf_append_str(&text, "]");
	assert_true(apply_parse(buf_slice(&text), &arena, &set, &error));
	assert_false(apply_plan_make(&set, &rules, &arena, &plan, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	set.len--;
	assert_true(apply_plan_make(&set, &rules, &arena, &plan, &error));
	assert_int_equal(plan.count, APPLY_FILES_MAX);
	arena_finish(&arena);
	buf_finish(&text);
	tree_remove(dir);
}

int test_apply_random(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_many_files),
	};
	return cmocka_run_group_tests_name("apply random", tests, NULL, NULL);
}
