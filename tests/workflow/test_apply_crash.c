/* test_apply_crash.c: SIGKILL, a failing disk and other people's hands at every system call that
 * changes something (workflows.md 7.5, 7.6): the tree is as before, or can be brought back. */
#include "workflow/apply_backup.h"
#include "workflow/apply_help.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int test_apply_crash(void);

#define REPLY                                                                                      \
	"{\"edits\": [{\"path\": \"a\", \"old\": \"two\", \"new\": \"TWO\"},"                      \
	"{\"path\": \"new/deep/x\", \"content\": \"made\\n\"},"                                    \
	"{\"path\": \"gone\", \"delete\": true},"                                                  \
	"{\"path\": \"d/run.sh\", \"old\": \"echo\", \"new\": \"printf\"},"                        \
	"{\"path\": \"d/old\", \"rename_to\": \"new/renamed\"},"                                   \
	"{\"path\": \"empty\", \"content\": \"full\\n\"}]}"

struct scene {
	char *dir;
	char tree[512], backup[512];
	struct arena arena;
	struct apply_plan plan;
	struct buf before, after;
};

static void fill_tree(const struct scene *s) {
	tree_write(s->tree, "a", SLICE("one\ntwo\nthree\n"), 0644);
	tree_write(s->tree, "gone", SLICE("bytes \xff\x00 of any kind"), 0600);
	tree_write(s->tree, "d/run.sh", SLICE("#!/bin/sh\r\necho x\r\n"), 0755);
	tree_write(s->tree, "d/old", SLICE("kept\n"), 0640);
	tree_write(s->tree, "empty", SLICE(""), 0444);
	tree_write(s->tree, "bystander", SLICE("untouched\n"), 0644);
}

static void scene_init(struct scene *s) {
	struct error error = {0};
	*s = (struct scene){.dir = tree_make()};
	snprintf(s->tree, sizeof s->tree, "%s/tree", s->dir);
	snprintf(s->backup, sizeof s->backup, "%s/run/backup", s->dir);
	fill_tree(s);
	arena_init(&s->arena, NULL, 0);
	tree_plan(s->tree, SLICE(REPLY), &s->arena, &s->plan);
	tree_print(s->tree, &s->before);
	assert_true(apply_write(&s->plan, s->backup, &error));
	tree_print(s->tree, &s->after);
	assert_true(apply_restore(s->tree, s->backup, &error));
	assert_true(apply_forget(s->backup, &error));
}

static void scene_finish(struct scene *s) {
	buf_finish(&s->before);
	buf_finish(&s->after);
	arena_finish(&s->arena);
	tree_remove(s->dir);
}

static void assert_tree(
	const struct scene *s, const struct buf *expected, const char *what, size_t number) {
	struct buf now;
	char text[128];
	snprintf(text, sizeof text, "%s at call %zu", what, number);
	tree_print(s->tree, &now);
	tree_assert_equal(expected, &now, text);
	buf_finish(&now);
}

static bool tree_equals(const struct scene *s, const struct buf *expected) {
	struct buf now;
	tree_print(s->tree, &now);
	bool is_equal = slice_eq(buf_slice(&now), buf_slice(expected));
	buf_finish(&now);
	return is_equal;
}

static void restore(const struct scene *s, size_t number) {
	struct error error = {0};
	if (!apply_restore(s->tree, s->backup, &error)) {
		fail_msg("restore after call %zu: %s", number, error.message);
	}
}

static void forget(const struct scene *s) {
	struct error error = {0};
	assert_true(apply_forget(s->backup, &error));
	assert_int_not_equal(access(s->backup, F_OK), 0);
}

enum action {
	WRITE,
	RESTORE,
	FORGET
};

static bool run(const struct scene *s, enum action action, struct apply_faults *faults,
	struct error *error) {
	switch (action) {
	case WRITE:
		return apply_write_faulty(&s->plan, s->backup, faults, error);
	case RESTORE:
		return apply_restore_faulty(s->tree, s->backup, faults, error);
	case FORGET:
		return backup_forget(s->backup, faults, error);
	}
	return false;
}

/* Runs in a child that dies before call `at`. True when it died, false when it came to its end. */
static bool run_and_die(const struct scene *s, enum action action, size_t at) {
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct apply_faults faults = {.at = at, .kills = true};
		struct error error;
		_exit(run(s, action, &faults, &error) ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void test_killed_writing(void **state) {
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t at = 1;
	for (;; at++) {
		bool has_died = run_and_die(&s, WRITE, at);
		if (!has_died) {
			assert_tree(&s, &s.after, "applied", at);
		}
		restore(&s, at);
		assert_tree(&s, &s.before, "killed while writing", at);
		restore(&s, at);
		assert_tree(&s, &s.before, "restored twice", at);
		/* A half-written backup is no obstacle to the next apply. */
		forget(&s);
		if (!has_died) {
			break;
		}
	}
	assert_true(at > 60);
	scene_finish(&s);
}

static void test_killed_restoring(void **state) {
	(void)state;
	struct scene s;
	struct error error;
	scene_init(&s);
	bool has_died = true;
	for (size_t at = 1; has_died; at++) {
		assert_true(apply_write(&s.plan, s.backup, &error));
		has_died = run_and_die(&s, RESTORE, at);
		restore(&s, at);
		assert_tree(&s, &s.before, "killed while restoring", at);
		forget(&s);
	}
	scene_finish(&s);
}

/* Forgetting is what makes an apply final: whole before or after it, nothing between. */
static void test_killed_forgetting(void **state) {
	(void)state;
	struct scene s;
	struct error error;
	scene_init(&s);
	bool has_died = true;
	for (size_t at = 1; has_died; at++) {
		assert_true(apply_write(&s.plan, s.backup, &error));
		has_died = run_and_die(&s, FORGET, at);
		restore(&s, at);
		bool is_before = tree_equals(&s, &s.before);
		assert_true(is_before || tree_equals(&s, &s.after));
		assert_true(is_before || at > 1);
		forget(&s);
		if (!is_before) {
			assert_int_equal(unlink(tree_path(s.tree, "new/deep/x")), 0);
			assert_int_equal(unlink(tree_path(s.tree, "new/renamed")), 0);
			assert_int_equal(rmdir(tree_path(s.tree, "new/deep")), 0);
			assert_int_equal(rmdir(tree_path(s.tree, "new")), 0);
			assert_int_equal(unlink(tree_path(s.tree, "empty")), 0);
			fill_tree(&s);
		}
		assert_tree(&s, &s.before, "made anew", at);
	}
	scene_finish(&s);
}

/* One call fails: told, and all as before, without a backup left. */
static void test_one_failure(void **state) {
	(void)state;
	struct scene s;
	scene_init(&s);
	for (size_t at = 1;; at++) {
		struct apply_faults faults = {.at = at};
		struct error error = {0};
		bool is_ok = run(&s, WRITE, &faults, &error);
		if (faults.seen < at) {
			assert_true(is_ok);
			break;
		}
		assert_false(is_ok);
		assert_true(strstr(error.message, "Input/output error") != NULL);
		assert_tree(&s, &s.before, "failed", at);
		forget(&s);
	}
	scene_finish(&s);
}

/* The disk fails for good: the message says where the backup is, and it works later. */
static void test_dead_disk(void **state) {
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t told = 0;
	for (size_t at = 1;; at++) {
		struct apply_faults faults = {.at = at, .stays = true};
		struct error error = {0};
		bool is_ok = run(&s, WRITE, &faults, &error);
		if (faults.seen < at) {
			assert_true(is_ok);
			break;
		}
		assert_false(is_ok);
		told += strstr(error.message, "the files of before are in") != NULL;
		restore(&s, at);
		assert_tree(&s, &s.before, "restored when the disk works again", at);
		forget(&s);
	}
	assert_true(told > 5);
	scene_finish(&s);
}

/* ---- other people's hands ---- */

struct hand {
	const struct scene *scene;
	size_t at;
	bool was_there;
};

static void change_file(void *data, size_t number) {
	struct hand *hand = data;
	if (number == hand->at) {
		hand->was_there = true;
		tree_write(hand->scene->tree, "d/run.sh", SLICE("theirs, quite long\n"), 0755);
	}
}

static bool file_is(const struct scene *s, const char *path, const char *text) {
	struct buf bytes;
	buf_init(&bytes, 0);
	int file = open(tree_path(s->tree, path), O_RDONLY);
	assert_true(file >= 0);
	char *to = buf_reserve(&bytes, 4096);
	ssize_t count = read(file, to, 4096);
	close(file);
	bool is_equal = count >= 0 && slice_is(slice_make(to, (size_t)count), text);
	buf_finish(&bytes);
	return is_equal;
}

/* A file changed between reading and writing is a conflict, and the change survives (7.5). */
static void test_conflicts(void **state) {
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t conflicts = 0;
	for (size_t at = 1;; at++) {
		struct hand hand = {.scene = &s, .at = at};
		struct apply_faults faults = {.before = change_file, .data = &hand};
		struct error error = {0};
		bool is_ok = run(&s, WRITE, &faults, &error);
		if (!hand.was_there) {
			assert_true(is_ok);
			break;
		}
		assert_true(file_is(&s, "d/run.sh", "theirs, quite long\n"));
		if (is_ok) {
			restore(&s, at); /* they wrote into our new file: a restore is asked for */
		} else {
			conflicts++;
			assert_int_equal(error.kind, ERROR_CONFLICT);
			assert_non_null(strstr(error.message, "d/run.sh"));
			tree_write(s.tree, "d/run.sh", SLICE("#!/bin/sh\r\necho x\r\n"), 0755);
		}
		assert_tree(&s, &s.before, "others untouched", at);
		forget(&s);
	}
	assert_true(conflicts > 20);
	scene_finish(&s);
}

static void test_conflict_before(void **state) {
	(void)state;
	struct scene s;
	struct error error;
	scene_init(&s);
	tree_write(s.tree, "new/deep/x", SLICE("theirs\n"), 0644);
	assert_false(apply_write(&s.plan, s.backup, &error));
	assert_int_equal(error.kind, ERROR_CONFLICT);
	assert_non_null(strstr(error.message, "new/deep/x was made"));
	assert_true(file_is(&s, "new/deep/x", "theirs\n"));
	assert_int_equal(unlink(tree_path(s.tree, "new/deep/x")), 0);
	assert_int_equal(unlink(tree_path(s.tree, "gone")), 0);
	assert_false(apply_write(&s.plan, s.backup, &error));
	assert_non_null(strstr(error.message, "gone was removed"));
	tree_write(s.tree, "gone", SLICE("bytes \xff\x00 of any kind"), 0644);
	assert_false(apply_write(&s.plan, s.backup, &error)); /* the mode is part of it */
	assert_non_null(strstr(error.message, "gone was changed"));
	scene_finish(&s);
}

/* A directory that becomes a symbolic link meanwhile leads nobody out (7.3). */
static void swap_directory(void *data, size_t number) {
	struct hand *hand = data;
	if (number == hand->at) {
		hand->was_there = true;
		char d[600], moved[600];
		snprintf(d, sizeof d, "%s/d", hand->scene->tree);
		snprintf(moved, sizeof moved, "%s/moved", hand->scene->tree);
		assert_int_equal(rename(d, moved), 0);
		assert_int_equal(symlink("../outside", d), 0);
	}
}

static void test_swapped_link(void **state) {
	(void)state;
	struct scene s;
	struct buf expected, outside;
	scene_init(&s);
	tree_write(s.dir, "outside/run.sh", SLICE("#!/bin/sh\r\necho x\r\n"), 0755);
	tree_write(s.dir, "outside/old", SLICE("kept\n"), 0640);
	tree_print(tree_path(s.dir, "outside"), &expected);
	for (size_t at = 1;; at++) {
		struct hand hand = {.scene = &s, .at = at};
		struct apply_faults faults = {.before = swap_directory, .data = &hand};
		struct error error = {0};
		run(&s, WRITE, &faults, &error);
		apply_restore(s.tree, s.backup, &error);
		tree_print(tree_path(s.dir, "outside"), &outside);
		tree_assert_equal(&expected, &outside, "outside");
		buf_finish(&outside);
		if (!hand.was_there) {
			break;
		}
		assert_int_equal(unlink(tree_path(s.tree, "d")), 0);
		assert_int_equal(rename(tree_path(s.tree, "moved"), tree_path(s.tree, "d")), 0);
		restore(&s, at);
		assert_tree(&s, &s.before, "swapped back", at);
		forget(&s);
	}
	buf_finish(&expected);
	scene_finish(&s);
}

/* ---- backups ---- */

static void test_backup_guards(void **state) {
	(void)state;
	struct scene s;
	struct error error;
	scene_init(&s);
	/* No backup: nothing was changed. */
	restore(&s, 0);
	assert_tree(&s, &s.before, "no backup", 0);
	/* A whole one is not overwritten. */
	assert_true(apply_write(&s.plan, s.backup, &error));
	assert_tree(&s, &s.after, "applied", 0);
	struct arena arena;
	struct apply_plan again;
	arena_init(&arena, NULL, 0);
	tree_plan(s.tree, SLICE("{\"path\": \"a\", \"content\": \"x\"}"), &arena, &again);
	assert_false(apply_write(&again, s.backup, &error));
	assert_int_equal(error.kind, ERROR_CONFLICT);
	assert_tree(&s, &s.after, "refused", 0);
	arena_finish(&arena);
	/* A damaged copy is not put in place of a file; the others are restored. */
	tree_write(s.backup, "files/a", SLICE("one\ntwo\nthreX\n"), 0600);
	assert_false(apply_restore(s.tree, s.backup, &error));
	assert_non_null(strstr(error.message, "the backup of a"));
	assert_true(file_is(&s, "a", "one\nTWO\nthree\n"));
	assert_true(file_is(&s, "d/run.sh", "#!/bin/sh\r\necho x\r\n"));
	tree_write(s.backup, "files/a", SLICE("one\ntwo\nthree\n"), 0600);
	restore(&s, 0);
	assert_tree(&s, &s.before, "mended", 0);
	/* A manifest that would lead out is refused. */
	tree_write(s.backup, "manifest.json",
		SLICE("{\"version\": 1, \"directories\": [], \"files\": [{\"path\": \"../x\", "
		      "\"temp\": \"t\", \"existed\": false}]}"),
		0600);
	tree_write(s.dir, "x", SLICE("outside"), 0644);
	assert_false(apply_restore(s.tree, s.backup, &error));
	assert_int_equal(access(tree_path(s.dir, "x"), F_OK), 0);
	scene_finish(&s);
}

/* Section 13 "rollback": whatever a verify command did to the files, they come back byte for byte;
 * what it made elsewhere stays. */
static void test_restore_after_verify(void **state) {
	(void)state;
	struct scene s;
	struct error error;
	scene_init(&s);
	assert_true(apply_write(&s.plan, s.backup, &error));
	tree_write(s.tree, "a", SLICE("formatted\n"), 0600);
	tree_write(s.tree, "new/deep/x", SLICE("formatted\n"), 0644);
	tree_write(s.tree, "new/deep/build.o", SLICE("theirs"), 0644);
	assert_int_equal(unlink(tree_path(s.tree, "d/run.sh")), 0);
	assert_int_equal(rmdir(tree_path(s.tree, "d")), 0);
	restore(&s, 0);
	assert_int_equal(access(tree_path(s.tree, "new/deep/build.o"), F_OK), 0);
	assert_int_equal(unlink(tree_path(s.tree, "new/deep/build.o")), 0);
	restore(&s, 0);
	assert_tree(&s, &s.before, "after a verify command", 0);
	scene_finish(&s);
}

static int set_umask(void **state) {
	static mode_t old;
	old = umask(022);
	*state = &old;
	return 0;
}

static int reset_umask(void **state) {
	umask(*(mode_t *)*state);
	return 0;
}

int test_apply_crash(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_writing),
		cmocka_unit_test(test_killed_restoring),
		cmocka_unit_test(test_killed_forgetting),
		cmocka_unit_test(test_one_failure),
		cmocka_unit_test(test_dead_disk),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_conflict_before),
		cmocka_unit_test(test_swapped_link),
		cmocka_unit_test(test_backup_guards),
		cmocka_unit_test(test_restore_after_verify),
	};
	return cmocka_run_group_tests_name("apply crash", tests, set_umask, reset_umask);
}
