/* test_apply_paths.c: globs, special files, and what git is asked (workflows.md 7.3, 7.6). */
#include "workflow/apply_help.h"
#include "workflow/apply_paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int test_apply_paths(void);

static const struct {
	const char *pattern, *path;
	bool matches;
} globs[] = {
	{"src/a.c", "src/a.c", true},
	{"./src/a.c", "src/a.c", true},
	{"/src/a.c", "src/a.c", true},
	{"src/a.c", "lib/src/a.c", false},
	{"src/*.c", "src/a.c", true},
	{"src/*.c", "src/deep/a.c", false},
	{"src/*.c", "src/a.h", false},
	{"src/**/*.c", "src/a.c", true},
	{"src/**/*.c", "src/x/y/a.c", true},
	{"src/**/*.c", "lib/x/a.c", false},
	{"**/*.c", "a.c", true},
	{"**/*.c", "x/y/a.c", true},
	{"**", "x/y", true},
	{"src/**", "src/x/y", true},
	{"src/**", "src", false},
	{"src/**", "srcs/x", false},
	{"**/test/**/x", "a/test/b/test/c/x", true},
	{"**/test/**/x", "a/b/x", false},
	{"a/**/b/**/c", "a/b/c", true},
	{"a/**/b/**/c", "a/x/b/y/z/c", true},
	{"a/**/b/**/c", "a/x/c", false},
	/* a pattern of a directory is of all below it */
	{"src", "src/x/y", true},
	{"src/", "src/x/y", true},
	{"src/x", "src/x/y", true},
	{"/src", "lib/src/x", false},
	{"src/", "lib/src/x", false},
	/* a name alone is at any depth */
	{"*.md", "docs/x/a.md", true},
	{"Makefile", "sub/Makefile", true},
	{"node_modules", "a/node_modules/b/c", true},
	{"Makefile", "Makefile.am", false},
	/* within a component */
	{"?.c", "a.c", true},
	{"?.c", "ab.c", false},
	{"[a-c].c", "b.c", true},
	{"[!a-c].c", "b.c", false},
	{"[!a-c].c", "d.c", true},
	{"[]].c", "].c", true},
	{"[.c", "[.c", true},
	{"\\*.c", "*.c", true},
	{"\\*.c", "a.c", false},
	{"a*b*c", "axxbyyc", true},
	{"a*b*c", "axxbyy", false},
	{"*", "a", true},
	{"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	{"", "a", false},
	{"/", "a", false},
};

static void test_globs(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
		if (apply_glob(slice_of(globs[i].pattern), slice_of(globs[i].path)) !=
			globs[i].matches) {
			fail_msg("%s on %s", globs[i].pattern, globs[i].path);
		}
	}
}

static void plan_and_refuse(const char *tree, const char *path, const char *problem) {
	struct arena arena;
	struct edit_set set = {0};
	struct apply_plan plan;
	struct error error = {0};
	struct apply_rules rules = {.dir = tree};
	arena_init(&arena, NULL, 0);
	struct edit *edit = ARENA_PUSH(&arena, &set);
	edit->kind = EDIT_CONTENT;
	edit->path = slice_of(path);
	edit->content = SLICE("x");
	assert_false(apply_plan_make(&set, &rules, &arena, &plan, &error));
	if (!strstr(error.message, problem)) {
		fail_msg("%s: %s", path, error.message);
	}
	assert_int_equal(error.kind, ERROR_PERMISSION);
	arena_finish(&arena);
}

/* A pipe that nobody writes to would wait for ever; a device would be worse. */
static void test_special_files(void **state) {
	(void)state;
	char *dir = tree_make();
	char tree[512];
	snprintf(tree, sizeof tree, "%s/tree", dir);
	assert_int_equal(mkfifo(tree_path(tree, "pipe"), 0600), 0);
	plan_and_refuse(tree, "pipe", "a device, a pipe or a socket");
	assert_int_equal(mknod(tree_path(tree, "socket"), S_IFSOCK | 0600, 0), 0);
	plan_and_refuse(tree, "socket", "a device, a pipe or a socket");
	tree_link(tree, "null", "/dev/null");
	plan_and_refuse(tree, "null", "leads out");
	plan_and_refuse(tree, "x\xff", "is not UTF-8");
	char name[5000];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	plan_and_refuse(tree, name, "too long");
	name[300] = '\0';
	plan_and_refuse(tree, name, "too long");
	tree_remove(dir);
}

/* ---- git ---- */

static void git(const char *tree, const char *arguments) {
	char command[2048];
	snprintf(command, sizeof command,
		"cd '%s' && GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -c "
		"user.name=t "
		"-c user.email=t@example.invalid -c init.defaultBranch=main %s >/dev/null 2>&1",
		tree, arguments);
	assert_int_equal(system(command), 0);
}

static bool is_clean(const char *tree, const char *reply, struct error *error) {
	struct arena arena;
	struct apply_plan plan;
	arena_init(&arena, NULL, 0);
	tree_plan(tree, slice_of(reply), &arena, &plan);
	bool is_ok = apply_is_clean_in_git(&plan, error);
	arena_finish(&arena);
	return is_ok;
}

static void test_git(void **state) {
	(void)state;
	struct error error = {0};
	char *dir = tree_make();
	char tree[512];
	snprintf(tree, sizeof tree, "%s/tree", dir);
	const char *edit_a = "{\"path\": \"a\", \"content\": \"new\"}";
	const char *edit_b = "[{\"path\": \"b\", \"content\": \"new\"}]";
	tree_write(tree, "a", SLICE("a\n"), 0644);
	tree_write(tree, "b", SLICE("b\n"), 0644);
	if (system("git --version >/dev/null 2>&1") != 0) {
		print_message("git is not installed: nothing to ask\n");
		tree_remove(dir);
		skip();
	}
	setenv("GIT_CEILING_DIRECTORIES", dir, 1);
	assert_false(is_clean(tree, edit_a, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	git(tree, "init");
	git(tree, "add a");
	git(tree, "commit -m one");
	assert_true(is_clean(tree, edit_a, &error));
	/* not known to git: it could not bring it back */
	assert_false(is_clean(tree, edit_b, &error));
	assert_int_equal(error.kind, ERROR_CONFLICT);
	tree_write(tree, ".gitignore", SLICE("b\n"), 0644);
	assert_false(is_clean(tree, edit_b, &error));
	assert_true(is_clean(tree, "{\"path\": \"new/c\", \"content\": \"x\"}", &error));
	/* changed in the tree, then in the index */
	tree_write(tree, "a", SLICE("changed\n"), 0644);
	assert_false(is_clean(tree, edit_a, &error));
	assert_int_equal(error.kind, ERROR_CONFLICT);
	git(tree, "add a");
	assert_false(is_clean(tree, edit_a, &error));
	git(tree, "commit -m two");
	assert_true(is_clean(tree, edit_a, &error));
	/* a path is no pattern */
	tree_write(tree, "*", SLICE("star\n"), 0644);
	git(tree, "add ./\\*");
	git(tree, "commit -m three");
	tree_write(tree, "a", SLICE("changed again\n"), 0644);
	assert_true(is_clean(tree, "{\"path\": \"*\", \"content\": \"x\"}", &error));
	unsetenv("GIT_CEILING_DIRECTORIES");
	tree_remove(dir);
}

int test_apply_paths(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_special_files),
		cmocka_unit_test(test_git),
	};
	return cmocka_run_group_tests_name("apply paths", tests, NULL, NULL);
}
