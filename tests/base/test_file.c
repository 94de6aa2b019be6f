/* test_file.c: reading, atomic writing, modes, locks, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int test_file(void);

/* A fresh directory for each test, removed behind it. */
struct place {
	char dir[32];
	struct arena arena;
};

static int make_place(void **state) {
	struct place *place = calloc(1, sizeof *place);
	memcpy(place->dir, "/tmp/llm-mux-file-XXXXXX", 25);
	arena_init(&place->arena, NULL, 0);
	*state = place;
	return mkdtemp(place->dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw) {
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_place(void **state) {
	struct place *place = *state;
	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_finish(&place->arena);
	free(place);
	return 0;
}

static const char *in(struct place *place, const char *name) {
	return file_join(&place->arena, place->dir, name);
}

static unsigned mode_of(const char *path) {
	struct stat info;
	assert_int_equal(lstat(path, &info), 0);
	return info.st_mode & 07777;
}

static void assert_content(const char *path, const char *expected) {
	struct buf out = {0};
	struct error error = {0};
	if (!file_read(path, 1000, &out, &error)) {
		fail_msg("%s", error.message);
	}
	assert_true(slice_is(buf_slice(&out), expected));
	buf_finish(&out);
}

static void what_was_written_is_read(void **state) {
	struct place *place = *state;
	struct error error = {0};
	const char *path = in(place, "a");
	assert_false(file_exists(path));
	assert_true(file_write_atomic(path, SLICE("one"), 0600, &error));
	assert_content(path, "one");
	assert_true(file_write_atomic(path, SLICE("two two"), 0600, &error));
	assert_content(path, "two two");
	assert_true(file_write_atomic(path, SLICE(""), 0600, &error));
	assert_content(path, "");
	assert_true(file_exists(path));
	/* Nothing is left behind. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(place->dir), 0);
	assert_int_equal(mkdir(place->dir, 0700), 0);
}

static void reading_is_bounded(void **state) {
	struct place *place = *state;
	struct error error = {0};
	struct buf out = {0};
	const char *path = in(place, "a");
	assert_true(file_write_atomic(path, SLICE("0123456789"), 0600, &error));
	assert_true(file_read(path, 10, &out, &error));
	struct slice text = SLICE("before");
	assert_false(file_load(path, 9, &place->arena, &text, &error));
	assert_false(file_load_regular("/dev/null", 9, &place->arena, &text, &error));
	assert_true(slice_is(text, "before"));
	assert_true(file_load_regular(path, 10, &place->arena, &text, &error));
	assert_true(slice_eq(text, buf_slice(&out)));
	assert_int_equal(out.len, 10);
	buf_reset(&out, 0);
	assert_false(file_read(path, 9, &out, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	assert_non_null(strstr(error.message, path));
	buf_finish(&out);
	buf_init(&out, 5);
	assert_false(file_read(path, 100, &out, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	buf_finish(&out);
	buf_init(&out, 0);
	buf_append_str(&out, "before ");
	assert_true(file_read(path, SIZE_MAX, &out, &error));
	assert_true(slice_is(buf_slice(&out), "before 0123456789"));
	buf_finish(&out);
	/* A file whose size the system does not tell. */
	assert_true(file_read("/proc/self/status", 1000000, &out, &error));
	assert_true(out.len > 100);
	buf_finish(&out);
	assert_false(file_read("/dev/zero", 100000, &out, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	buf_finish(&out);
}

static void reading_fails_with_a_reason(void **state) {
	struct place *place = *state;
	struct error error = {0};
	struct buf out = {0};
	const char *path = in(place, "absent");
	assert_false(file_read(path, 10, &out, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.message, path));
	assert_false(file_read(in(place, "absent/x"), 10, &out, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(file_read(place->dir, 10, &out, &error));
	assert_int_equal(error.kind, ERROR_INTERNAL);
	assert_false(file_write_atomic(in(place, "absent/x"), SLICE("x"), 0600, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	buf_finish(&out);
}

static void dash_is_standard_input(void **state) {
	struct error error = {0};
	struct buf out = {0};
	int ends[2], saved = dup(STDIN_FILENO);
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "piped", 5), 5);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_true(file_read("-", 100, &out, &error));
	dup2(saved, STDIN_FILENO);
	close(saved);
	assert_true(slice_is(buf_slice(&out), "piped"));
	buf_finish(&out);
}

static void modes_do_not_depend_on_the_umask(void **state) {
	struct place *place = *state;
	struct error error = {0};
	mode_t before = umask(0077);
	assert_true(file_write_atomic(in(place, "open"), SLICE("x"), 0644, &error));
	assert_true(file_make_dir(in(place, "p/q/r"), 0755, &error));
	umask(0);
	assert_true(file_write_atomic(in(place, "closed"), SLICE("x"), 0600, &error));
	assert_true(file_make_dir(in(place, "s//t/"), 0700, &error));
	int lock = file_lock(in(place, "lock"), false, &error);
	umask(before);
	assert_true(lock >= 0);
	close(lock);
	assert_int_equal(mode_of(in(place, "open")), 0644);
	assert_int_equal(mode_of(in(place, "closed")), 0600);
	assert_int_equal(mode_of(in(place, "lock")), 0600);
	assert_int_equal(mode_of(in(place, "p")), 0755);
	assert_int_equal(mode_of(in(place, "p/q/r")), 0755);
	assert_int_equal(mode_of(in(place, "s")), 0700);
	assert_int_equal(mode_of(in(place, "s/t")), 0700);
	assert_true(file_is_exposed(in(place, "open")));
	assert_false(file_is_exposed(in(place, "closed")));
	assert_false(file_is_exposed(in(place, "absent")));
}

static void directories_that_exist_are_left(void **state) {
	struct place *place = *state;
	struct error error = {0};
	assert_true(file_make_dir(in(place, "p/q"), 0755, &error));
	assert_true(file_make_dir(in(place, "p"), 0700, &error));
	assert_int_equal(mode_of(in(place, "p")), 0755);
	assert_true(file_write_atomic(in(place, "file"), SLICE("x"), 0600, &error));
	assert_false(file_make_dir(in(place, "file"), 0700, &error));
	assert_false(file_make_dir(in(place, "file/below"), 0700, &error));
	assert_false(file_make_dir("", 0700, &error));
	assert_true(file_make_dir("/", 0700, &error));
	assert_true(file_make_dir(".", 0700, &error));
}

static void symbolic_links_are_refused(void **state) {
	struct place *place = *state;
	struct error error = {0};
	const char *target = in(place, "target"), *link_path = in(place, "link");
	assert_true(file_write_atomic(target, SLICE("kept"), 0600, &error));
	assert_int_equal(symlink(target, link_path), 0);
	assert_false(file_write_atomic(link_path, SLICE("x"), 0600, &error));
	assert_int_equal(error.kind, ERROR_PERMISSION);
	assert_int_equal(file_lock(link_path, false, &error), -1);
	assert_int_equal(error.kind, ERROR_PERMISSION);
	assert_content(target, "kept");
	assert_int_equal(unlink(target), 0); /* now it dangles */
	assert_false(file_write_atomic(link_path, SLICE("x"), 0600, &error));
	assert_int_equal(file_lock(link_path, false, &error), -1);
	assert_false(file_exists(target));
	assert_false(file_write_atomic(place->dir, SLICE("x"), 0600, &error));
	assert_int_equal(error.kind, ERROR_PERMISSION);
}

static void a_lock_excludes(void **state) {
	struct place *place = *state;
	struct error error = {0};
	const char *path = in(place, "lock");
	int first = file_lock(path, true, &error);
	assert_true(first >= 0);
	assert_true((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(file_lock(path, false, &error), -1);
	assert_int_equal(error.kind, ERROR_CONFLICT);
	close(first);
	int second = file_lock(path, false, &error);
	assert_true(second >= 0);
	close(second);
	assert_int_equal(file_lock(in(place, "absent/lock"), true, &error), -1);
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* gateway.md 1.1 */
static void paths_are_expanded(void **state) {
	struct place *place = *state;
	/* Put back at the end: other tests of this program may look at it. */
	const char *home = getenv("HOME");
	home = home != NULL ? arena_strdup(&place->arena, slice_of(home)) : "/";
	static const struct {
		const char *xdg_config, *home, *path, *expanded;
	} cases[] = {
		{NULL, "/home/u", "~/x", "/home/u/x"},
		{NULL, "/home/u", "~", "/home/u"},
		{NULL, "/home/u", "~other/x", "~other/x"},
		{NULL, "/home/u", "a/~/x", "a/~/x"},
		{NULL, "/home/u", "$XDG_CONFIG_HOME/x", "/home/u/.config/x"},
		{NULL, "/home/u", "$XDG_STATE_HOME/x", "/home/u/.local/state/x"},
		{"/conf", "/home/u", "$XDG_CONFIG_HOME/x", "/conf/x"},
		{"relative", "/home/u", "$XDG_CONFIG_HOME/x", "/home/u/.config/x"},
		{NULL, "/home/u", "$HOME/x", "/home/u/x"},
		{NULL, "/home/u", "$HOME", "/home/u"},
		{NULL, "/home/u", "$LLM_MUX_NOT_SET/x", "$LLM_MUX_NOT_SET/x"},
		{NULL, "/home/u", "$", "$"},
		{NULL, "/home/u", "$/x", "$/x"},
		{NULL, "/home/u", "/abs", "/abs"},
		{NULL, "/home/u", "", ""},
		{NULL, NULL, "~/x", "~/x"},
		{NULL, NULL, "$XDG_CONFIG_HOME/x", "$XDG_CONFIG_HOME/x"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsetenv("XDG_CONFIG_HOME");
		unsetenv("XDG_STATE_HOME");
		unsetenv("HOME");
		if (cases[i].xdg_config != NULL) {
			setenv("XDG_CONFIG_HOME", cases[i].xdg_config, 1);
		}
		if (cases[i].home != NULL) {
			setenv("HOME", cases[i].home, 1);
		}
		assert_string_equal(
			file_expand(&place->arena, slice_of(cases[i].path)), cases[i].expanded);
	}
	assert_null(file_config_dir(&place->arena));
	assert_null(file_state_dir(&place->arena));
	setenv("HOME", "/home/u", 1);
	assert_string_equal(file_config_dir(&place->arena), "/home/u/.config/llm-mux");
	assert_string_equal(file_state_dir(&place->arena), "/home/u/.local/state/llm-mux");
	setenv("XDG_STATE_HOME", "/state/", 1);
	assert_string_equal(file_state_dir(&place->arena), "/state/llm-mux");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", home, 1);
	assert_string_equal(file_join(&place->arena, "a", "b"), "a/b");
	assert_string_equal(file_join(&place->arena, "/", "b"), "/b");
	assert_string_equal(file_join(&place->arena, "", "b"), "b");
}

static void only_regular_files_are_read_unnamed(void **state) {
	struct place *place = *state;
	struct buf out = {0};
	struct error error = {0};
	const char *file = in(place, "file"), *link = in(place, "link"), *pipe = in(place, "pipe");
	assert_true(file_write_atomic(file, SLICE("text"), 0600, NULL));
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_true(file_read_regular(link, 100, &out, &error));
	assert_true(slice_is(buf_slice(&out), "text"));
	assert_false(file_read_regular(file, 3, &out, &error));
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	assert_false(file_read_regular(in(place, "none"), 100, &out, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	const char *const others[] = {pipe, place->dir, "/dev/zero", NULL};
	for (const char *const *at = others; *at; at++) {
		assert_false(file_read_regular(*at, 100, &out, &error));
		assert_int_equal(error.kind, ERROR_PERMISSION);
	}
	buf_finish(&out);
}

static void what_lies_within_is_told_behind_links(void **state) {
	struct place *place = *state;
	const char *dir = in(place, "dir"), *beside = in(place, "dir-beside");
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(beside, 0700), 0);
	assert_true(file_write_atomic(in(place, "dir/file"), SLICE(""), 0600, NULL));
	assert_int_equal(symlink("file", in(place, "dir/near")), 0);
	assert_int_equal(symlink("../dir-beside", in(place, "dir/out")), 0);
	assert_int_equal(symlink("dir", in(place, "other")), 0);
	assert_true(file_lies_within(dir, dir));
	assert_true(file_lies_within(in(place, "dir/near"), dir));
	assert_true(file_lies_within(in(place, "dir/near"), in(place, "other")));
	assert_true(file_lies_within(dir, "/"));
	assert_false(file_lies_within(in(place, "dir/out"), dir));
	assert_false(file_lies_within(beside, dir));
	assert_false(file_lies_within(in(place, "dir/none"), dir));
	assert_false(file_lies_within(dir, in(place, "none")));
}

int test_file(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_is_read, make_place, remove_place),
		cmocka_unit_test_setup_teardown(reading_is_bounded, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			reading_fails_with_a_reason, make_place, remove_place),
		cmocka_unit_test(dash_is_standard_input),
		cmocka_unit_test_setup_teardown(
			modes_do_not_depend_on_the_umask, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			directories_that_exist_are_left, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			symbolic_links_are_refused, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			only_regular_files_are_read_unnamed, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			what_lies_within_is_told_behind_links, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_lock_excludes, make_place, remove_place),
		cmocka_unit_test_setup_teardown(paths_are_expanded, make_place, remove_place),
	};
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
