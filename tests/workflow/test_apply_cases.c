/* test_apply_cases.c: every row of workflows.md 7.2, 7.3 and 7.4 as a file of tests/workflow/apply:
 *
 *   %%% before PATH [crlf] [no-newline] [bom] [mode=755]   a file of the tree; its text follows
 *   %%% link PATH TARGET                                   a symbolic link of the tree
 *   %%% allow GLOB, %%% deny GLOB
 *   %%% reply [crlf]                                       what the model said
 *   %%% json                                               inline edits instead
 *   %%% after PATH ...                                     the tree as it shall be
 *   %%% same                                               nothing shall change
 *   %%% error                                              each line is part of the message
 *   %%% warning                                            part of a warning
 *   %%% action PATH ACTION +ADDED -REMOVED                 one row of the summary
 *
 * Each applied case is restored too (the exact tree of before), and then applied anew by the plan's
 * own diff. */
#include "support/fixtures.h"
#include "workflow/apply_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int test_apply_cases(void);

#define CASES "tests/workflow/apply"
#define GLOBS_MAX 8

struct apply_case {
	const char *name;
	char *dir;
	const char *tree, *wanted;
	struct slice allow[GLOBS_MAX], deny[GLOBS_MAX];
	size_t allow_count, deny_count;
	struct buf reply, errors, warnings, actions;
	bool is_json, is_same;
};

static bool has_word(struct slice head, const char *word) {
	struct slice part;
	while (slice_split(&head, ' ', &part)) {
		if (slice_is(part, word)) {
			return true;
		}
	}
	return false;
}

/* The text of a section, changed as its head says. */
static void section_text(struct slice head, struct slice text, struct buf *out) {
	buf_init(out, 0);
	if (has_word(head, "bom")) {
		buf_append_str(out, "\xef\xbb\xbf");
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\n' && has_word(head, "crlf")) {
			buf_append_byte(out, '\r');
		}
		buf_append_byte(out, text.data[i]);
	}
	if (has_word(head, "no-newline")) {
		out->len -= has_word(head, "crlf") ? 2 : 1;
	}
}

static void add_file(
	const char *dir, struct slice head, struct slice path, const struct buf *text) {
	unsigned mode = 0644;
	size_t at = slice_find(head, SLICE("mode="));
	if (at != SIZE_MAX) {
		mode = (unsigned)strtoul(head.data + at + 5, NULL, 8);
	}
	char name[256];
	snprintf(name, sizeof name, "%.*s", SLICE_FMT(path));
	tree_write(dir, name, buf_slice(text), mode);
}

static void add_link(struct apply_case *c, struct slice path, struct slice target) {
	char name[256], to[256];
	snprintf(name, sizeof name, "%.*s", SLICE_FMT(path));
	snprintf(to, sizeof to, "%.*s", SLICE_FMT(target));
	tree_link(c->tree, name, to);
	tree_link(c->wanted, name, to);
}

static void read_section(struct apply_case *c, struct slice head, struct slice text) {
	struct slice rest = head, kind, first = {NULL, 0}, second = {NULL, 0};
	slice_split(&rest, ' ', &kind);
	slice_split(&rest, ' ', &first);
	slice_split(&rest, ' ', &second);
	struct buf changed;
	section_text(head, text, &changed);
	if (slice_is(kind, "before")) {
		add_file(c->tree, head, first, &changed);
	} else if (slice_is(kind, "after")) {
		add_file(c->wanted, head, first, &changed);
	} else if (slice_is(kind, "link")) {
		add_link(c, first, second);
	} else if (slice_is(kind, "allow")) {
		c->allow[c->allow_count++] = first;
	} else if (slice_is(kind, "deny")) {
		c->deny[c->deny_count++] = first;
	} else if (slice_is(kind, "reply") || slice_is(kind, "json")) {
		c->is_json = slice_is(kind, "json");
		buf_append(&c->reply, buf_slice(&changed));
	} else if (slice_is(kind, "error")) {
		buf_append(&c->errors, text);
	} else if (slice_is(kind, "warning")) {
		buf_append(&c->warnings, text);
	} else if (slice_is(kind, "action")) {
		buf_printf(&c->actions, "%.*s\n", SLICE_FMT(slice_from(head, 7)));
	} else if (slice_is(kind, "same")) {
		c->is_same = true;
	} else {
		fail_msg("%s: no such section: %.*s", c->name, SLICE_FMT(head));
	}
	buf_finish(&changed);
}

static void read_case(struct apply_case *c, struct slice file) {
	size_t at =
		slice_starts_with(file, SLICE("%%% ")) ? 0 : slice_find(file, SLICE("\n%%% ")) + 1;
	while (at < file.len) {
		struct slice rest = slice_from(file, at + 4);
		size_t line = slice_find_byte(rest, '\n');
		struct slice head = slice_sub(rest, 0, line), text = slice_from(rest, line + 1);
		size_t next = slice_starts_with(text, SLICE("%%% "))
				      ? 0
				      : slice_find(text, SLICE("\n%%% "));
		size_t len = next == SIZE_MAX || next == 0 ? next : next + 1;
		read_section(c, head, slice_sub(text, 0, len));
		at = len == SIZE_MAX ? file.len : (size_t)(text.data - file.data) + len;
	}
}

static bool make_plan(struct apply_case *c, struct slice reply, bool is_json, struct arena *arena,
	struct apply_plan *plan, struct error *error) {
	struct apply_rules rules = {c->tree, c->allow, c->deny, c->allow_count, c->deny_count};
	struct edit_set set;
	if (is_json) {
		const struct json *json = json_parse(arena, reply, NULL, error);
		assert_non_null(json);
		return apply_parse_json(json, arena, &set, error) &&
		       apply_plan_make(&set, &rules, arena, plan, error);
	}
	return apply_parse(reply, arena, &set, error) &&
	       apply_plan_make(&set, &rules, arena, plan, error);
}

static void check_lines(
	const struct apply_case *c, const char *what, const struct buf *lines, struct slice text) {
	struct slice rest = buf_slice(lines), line;
	while (slice_split(&rest, '\n', &line)) {
		if (!slice_contains(text, line)) {
			fail_msg("%s: the %s has no \"%.*s\": %.*s", c->name, what, SLICE_FMT(line),
				SLICE_FMT(text));
		}
	}
}

static void check_plan(const struct apply_case *c, const struct apply_plan *plan) {
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < plan->warning_count; i++) {
		buf_printf(&text, "%s\n", plan->warnings[i]);
	}
	check_lines(c, "warnings", &c->warnings, buf_slice(&text));
	if ((c->warnings.len > 0) != (plan->warning_count > 0)) {
		fail_msg("%s: unexpected warnings: %.*s", c->name, SLICE_FMT(buf_slice(&text)));
	}
	buf_reset(&text, SIZE_MAX);
	for (size_t i = 0; i < plan->count; i++) {
		const struct apply_file *file = &plan->files[i];
		buf_printf(&text, "%s %s +%zu -%zu\n", file->path, file->action, file->added,
			file->removed);
	}
	check_lines(c, "summary", &c->actions, buf_slice(&text));
	buf_finish(&text);
}

static void apply_and_compare(struct apply_case *c, const struct apply_plan *plan,
	const struct buf *wanted, const char *what) {
	struct error error = {0};
	struct buf tree;
	if (!apply_write(plan, tree_path(c->dir, "backup"), &error)) {
		fail_msg("%s: %s: %s", c->name, what, error.message);
	}
	tree_print(c->tree, &tree);
	tree_assert_equal(wanted, &tree, tree_path(c->name, what));
	buf_finish(&tree);
}

static void restore_and_compare(struct apply_case *c, const struct buf *before) {
	struct error error = {0};
	struct buf tree;
	for (int i = 0; i < 2; i++) { /* idempotent */
		if (!apply_restore(c->tree, tree_path(c->dir, "backup"), &error)) {
			fail_msg("%s: restore: %s", c->name, error.message);
		}
		tree_print(c->tree, &tree);
		tree_assert_equal(before, &tree, tree_path(c->name, "restored"));
		buf_finish(&tree);
	}
	assert_true(apply_forget(tree_path(c->dir, "backup"), &error));
}

static void check_applied(struct apply_case *c, struct arena *arena, const struct apply_plan *plan,
	const struct buf *before) {
	struct buf wanted, diff;
	struct error error = {0};
	tree_print(c->is_same ? c->tree : c->wanted, &wanted);
	check_plan(c, plan);
	apply_and_compare(c, plan, &wanted, "applied");
	restore_and_compare(c, before);
	buf_init(&diff, 0);
	apply_plan_diff(plan, false, &diff);
	struct apply_plan again;
	if (plan->count > 0) {
		if (!make_plan(c, buf_slice(&diff), false, arena, &again, &error)) {
			fail_msg("%s: its own diff: %s\n%.*s", c->name, error.message,
				SLICE_FMT(buf_slice(&diff)));
		}
		apply_and_compare(c, &again, &wanted, "applied by its own diff");
		restore_and_compare(c, before);
	}
	buf_finish(&diff);
	buf_finish(&wanted);
}

static void run_case(const char *path) {
	struct apply_case c = {.name = fixtures_name(path), .dir = tree_make()};
	char tree[512], wanted[512];
	snprintf(tree, sizeof tree, "%s/tree", c.dir);
	snprintf(wanted, sizeof wanted, "%s/wanted", c.dir);
	c.tree = tree;
	c.wanted = wanted;
	assert_int_equal(mkdir(wanted, 0755), 0);
	struct slice file = fixtures_read(path);
	read_case(&c, file);
	struct arena arena;
	struct apply_plan plan = {0};
	struct error error = {0};
	struct buf before, after;
	arena_init(&arena, NULL, 0);
	tree_print(tree, &before);
	bool is_ok = make_plan(&c, buf_slice(&c.reply), c.is_json, &arena, &plan, &error);
	if (c.errors.len > 0) {
		if (is_ok) {
			fail_msg("%s: was accepted", c.name);
		}
		check_lines(&c, "error", &c.errors,
			plan.detail.data ? plan.detail : slice_of(error.message));
		tree_print(tree, &after);
		tree_assert_equal(&before, &after, c.name);
		buf_finish(&after);
	} else if (!is_ok) {
		fail_msg("%s: %s", c.name, error.message);
	} else {
		check_applied(&c, &arena, &plan, &before);
	}
	buf_finish(&before);
	buf_finish(&c.reply);
	buf_finish(&c.errors);
	buf_finish(&c.warnings);
	buf_finish(&c.actions);
	arena_finish(&arena);
	fixtures_free(file);
	tree_remove(c.dir);
}

static void test_cases(void **state) {
	(void)state;
	mode_t old = umask(022);
	struct fixture_list list = fixtures_list(CASES, "", ".case");
	assert_true(list.count > 60);
	for (size_t i = 0; i < list.count; i++) {
		run_case(list.paths[i]);
	}
	fixtures_list_free(&list);
	umask(old);
}

int test_apply_cases(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};
	return cmocka_run_group_tests_name("apply cases", tests, NULL, NULL);
}
