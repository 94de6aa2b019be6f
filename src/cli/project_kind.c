/* project_kind.c: what kind of project a directory is, by the endings of its files (workflows.md
 * 8.4). */
#include "cli/project_kind.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define DEPTH_MAX 3
#define LISTING_MAX ((size_t)16 * 1024 * 1024)

static const struct project_kind kinds[] = {
	{"ruby", (const char *const[]){".rb", NULL},
		{{"ruby_n1", "finds queries in loops"},
			{"ruby_security", "looks for holes that Rails and gems leave open"},
			{"ruby_perf", "finds what is slow or holds memory"}}},
	{"rust", (const char *const[]){".rs", NULL},
		{{"rust_safety", "looks at unsafe code, panics and error handling"},
			{"rust_perf", "finds needless copies and allocations"},
			{"rust_idioms", "says how the language would rather have it"}}},
	{"javascript", (const char *const[]){".js", ".ts", ".jsx", ".tsx", ".mjs", NULL},
		{{"js_lint", "finds mistakes that linters miss"},
			{"js_security", "looks for injection, leaks and unsafe dependencies"}}},
	{"go", (const char *const[]){".go", NULL},
		{{"go_idioms", "says how the language would rather have it"},
			{"go_concurrency", "finds races, leaks of goroutines and deadlocks"},
			{"go_performance", "finds what is slow or allocates"}}},
	{"python", (const char *const[]){".py", NULL},
		{{"python_types", "finds wrong and missing types"},
			{"python_performance", "finds what is slow or holds memory"},
			{"python_idioms", "says how the language would rather have it"}}},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void add_file(struct project_files *files, struct arena *arena, const char *path) {
	if (files->all.len < PROJECT_FILES_MAX) {
		*ARENA_PUSH(arena, &files->all) = arena_strdup(arena, slice_of(path));
	}
}

/* ---- where they come from ---- */

/* Directories of others' code and of what is built. */
static bool is_foreign(const char *name) {
	static const char *const names[] = {
		"node_modules", "vendor", "target", "build", "dist", "__pycache__", NULL};
	bool is_found = name[0] == '.';
	for (const char *const *at = names; *at != NULL; at++) {
		is_found |= strcmp(name, *at) == 0;
	}
	return is_found;
}

static void walk(const char *dir, const char *prefix, unsigned depth, struct arena *arena,
	struct project_files *files) {
	DIR *stream = opendir(dir);
	if (stream == NULL) {
		return;
	}
	for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
		struct stat info;
		if (is_foreign(entry->d_name) ||
			fstatat(dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
			continue;
		}
		const char *path = arena_printf(arena, "%s%s", prefix, entry->d_name).data;
		if (S_ISREG(info.st_mode)) {
			add_file(files, arena, path);
		} else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX) {
			walk(file_join(arena, dir, entry->d_name),
				arena_printf(arena, "%s/", path).data, depth + 1, arena, files);
		}
	}
	closedir(stream);
}

static size_t depth_of(const char *path) {
	size_t depth = 1;
	for (const char *at = path; *at != '\0'; at++) {
		depth += *at == '/';
	}
	return depth;
}

/* False where there is no repository, or no git. */
static bool ask_git(const char *dir, struct arena *arena, struct project_files *files) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return false;
	}
	pid_t child = fork();
	if (child == 0) {
		int nothing = open("/dev/null", O_RDWR);
		if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
			dup2(nothing, STDERR_FILENO) >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0) {
			execlp("git", "git", "-C", dir, "ls-files", "-z", (char *)NULL);
		}
		_exit(127);
	}
	close(ends[1]);
	struct buf listing;
	buf_init(&listing, LISTING_MAX);
	char bytes[8192];
	for (ssize_t count; (count = read(ends[0], bytes, sizeof bytes)) > 0;) {
		buf_append(&listing, slice_make(bytes, (size_t)count));
	}
	close(ends[0]);
	int status = 0;
	bool is_fine = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		       WEXITSTATUS(status) == 0 && listing.len > 0 && !listing.failed;
	struct slice rest = is_fine ? buf_slice(&listing) : slice_make(NULL, 0);
	struct slice part;
	while (rest.data != NULL && slice_split(&rest, '\0', &part)) {
		const char *path = arena_strdup(arena, part);
		if (part.len > 0 && depth_of(path) <= DEPTH_MAX + 1) {
			add_file(files, arena, path);
		}
	}
	buf_finish(&listing);
	return is_fine;
}

/* ---- what they are ---- */

static bool is_of_kind(const char *path, const struct project_kind *kind) {
	bool is_found = false;
	for (const char *const *ending = kind->endings; *ending != NULL; ending++) {
		is_found |= slice_ends_with(slice_of(path), slice_of(*ending));
	}
	return is_found;
}

static int by_name(const void *a, const void *b) {
	const char *const *left = a, *const *right = b;
	return strcmp(*left, *right);
}

void project_files_find(const char *dir, struct arena *arena, struct project_files *files) {
	*files = (struct project_files){0};
	if (!ask_git(dir, arena, files)) {
		walk(dir, "", 1, arena, files);
	}
	if (files->all.len > 1) {
		qsort(files->all.items, files->all.len, sizeof *files->all.items, by_name);
	}
	for (size_t k = 0; k < KINDS; k++) {
		size_t count = 0;
		for (size_t i = 0; i < files->all.len; i++) {
			count += is_of_kind(files->all.items[i], &kinds[k]);
		}
		if (count > files->kind_count) {
			files->kind_count = count;
			files->kind = &kinds[k];
		}
	}
}
