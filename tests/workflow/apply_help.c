/* apply_help.c: trees of files, made, printed and removed. */
#include "workflow/apply_help.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *tree_make(void) {
	/* Every write of a backup is synced: in memory that costs nothing. */
	const char *in_memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	const char *base = getenv("TMPDIR");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/llm-mux-apply-XXXXXX", base && *base ? base : in_memory);
	assert_non_null(mkdtemp(path));
	assert_int_equal(mkdir(tree_path(path, "tree"), 0755), 0);
	char *copy = strdup(path);
	assert_non_null(copy);
	return copy;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw) {
	(void)info;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

void tree_remove(char *dir) {
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

const char *tree_path(const char *dir, const char *name) {
	static char paths[8][2 * PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static void make_parents(const char *path) {
	char part[2 * PATH_MAX];
	snprintf(part, sizeof part, "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) != 0) {
			assert_int_equal(errno, EEXIST);
		}
		*slash = '/';
	}
}

void tree_write(const char *dir, const char *path, struct slice bytes, unsigned mode) {
	const char *whole = tree_path(dir, path);
	make_parents(whole);
	int file = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(file >= 0);
	assert_true(write(file, bytes.data ? bytes.data : "", bytes.len) == (ssize_t)bytes.len);
	assert_int_equal(fchmod(file, mode), 0);
	close(file);
}

void tree_link(const char *dir, const char *path, const char *target) {
	const char *whole = tree_path(dir, path);
	make_parents(whole);
	assert_int_equal(symlink(target, whole), 0);
}

static void print_file(const char *whole, struct buf *out) {
	int file = open(whole, O_RDONLY | O_NOFOLLOW);
	assert_true(file >= 0);
	for (;;) {
		char *to = buf_reserve(out, 65536);
		ssize_t count = read(file, to, 65536);
		assert_true(count >= 0);
		if (count == 0) {
			break;
		}
		buf_commit(out, (size_t)count);
	}
	close(file);
	buf_append_str(out, "<end>\n");
}

static void print_dir(const char *whole, const char *relative, struct buf *out) {
	struct dirent **names;
	int count = scandir(whole, &names, NULL, alphasort);
	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			char path[2 * PATH_MAX + 2], below[PATH_MAX];
			snprintf(path, sizeof path, "%s/%s", whole, name);
			snprintf(below, sizeof below, "%s%s%s", relative, *relative ? "/" : "",
				name);
			struct stat info;
			assert_int_equal(lstat(path, &info), 0);
			buf_printf(out, "%s %o", below, (unsigned)info.st_mode);
			if (S_ISDIR(info.st_mode)) {
				buf_append_str(out, "\n");
				print_dir(path, below, out);
			} else if (S_ISLNK(info.st_mode)) {
				char target[PATH_MAX] = "";
				assert_true(readlink(path, target, sizeof target - 1) > 0);
				buf_printf(out, " -> %s\n", target);
			} else if (S_ISREG(info.st_mode)) {
				buf_append_str(out, ":\n");
				print_file(path, out);
			} else {
				buf_append_str(out, " special\n");
			}
		}
		free(names[i]);
	}
	free(names);
}

void tree_print(const char *dir, struct buf *out) {
	buf_init(out, 0);
	print_dir(dir, "", out);
}

void tree_assert_equal(const struct buf *expected, const struct buf *actual, const char *what) {
	if (!slice_eq(buf_slice(expected), buf_slice(actual))) {
		/* On stderr: fail_msg cuts long texts. */
		struct buf diff;
		buf_init(&diff, 0);
		diff_unified(buf_slice(expected), buf_slice(actual), "expected", "actual", &diff);
		fprintf(stderr, "%.*s", SLICE_FMT(buf_slice(&diff)));
		buf_finish(&diff);
		fail_msg("%s: the trees differ", what);
	}
}

void tree_plan(const char *dir, struct slice reply, struct arena *arena, struct apply_plan *plan) {
	struct edit_set set;
	struct error error = {0};
	struct apply_rules rules = {.dir = dir};
	if (!apply_parse(reply, arena, &set, &error) ||
		!apply_plan_make(&set, &rules, arena, plan, &error)) {
		fail_msg("%s\n%.*s", error.message, SLICE_FMT(reply));
	}
}
