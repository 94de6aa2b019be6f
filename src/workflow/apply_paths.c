/* apply_paths.c: path safety: nothing outside the directory, nothing of git's or ours, no devices.
 */
#include "workflow/apply_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"

#define LINKS_MAX 40

/* Directories whose contents decide what git or this program will run. */
static const char *const guarded_names[] = {".git", ".llm-mux"};

struct slice apply_path_tidy(struct arena *arena, struct slice path) {
	char *out = arena_alloc(arena, path.len + 1);
	size_t len = 0;
	struct slice rest = path, part;
	while (slice_split(&rest, '/', &part)) {
		if (part.len == 0 || slice_is(part, ".")) {
			continue;
		}
		if (len > 0) {
			out[len++] = '/';
		}
		memcpy(out + len, part.data, part.len);
		len += part.len;
	}
	return slice_make(out, len);
}

/* ---- globs ---- */

/* "[a-z]", "[!x]" at the start of the pattern; moves behind it. */
static bool match_class(struct slice *pattern, char c) {
	size_t i = 1;
	bool is_negated = i < pattern->len && (pattern->data[i] == '!' || pattern->data[i] == '^');
	bool is_match = false;
	size_t first = i += is_negated;
	for (; i < pattern->len && (pattern->data[i] != ']' || i == first); i++) {
		char low = pattern->data[i], high = low;
		if (i + 2 < pattern->len && pattern->data[i + 1] == '-' &&
			pattern->data[i + 2] != ']') {
			high = pattern->data[i += 2];
		}
		is_match |= (unsigned char)low <= (unsigned char)c &&
			    (unsigned char)c <= (unsigned char)high;
	}
	if (i >= pattern->len) { /* not closed: an ordinary "[" */
		*pattern = slice_from(*pattern, 1);
		return c == '[';
	}
	*pattern = slice_from(*pattern, i + 1);
	return is_match != is_negated;
}

/* One component. Goes back to the latest "*" alone, so that it takes no more than the product of
 * both lengths. */
static bool match_component(struct slice pattern, struct slice text) {
	struct slice star = {NULL, 0}, star_text = {NULL, 0};
	for (;;) {
		if (pattern.len > 0 && pattern.data[0] == '*') {
			star = pattern = slice_from(pattern, 1);
			star_text = text;
			continue;
		}
		if (text.len == 0) {
			return pattern.len == 0;
		}
		bool is_match = false;
		if (pattern.len > 0 && pattern.data[0] == '[') {
			is_match = match_class(&pattern, text.data[0]);
		} else if (pattern.len > 0) {
			bool is_escape = pattern.data[0] == '\\' && pattern.len > 1;
			is_match = (pattern.data[0] == '?' && !is_escape) ||
				   pattern.data[is_escape] == text.data[0];
			pattern = slice_from(pattern, is_escape ? 2 : 1);
		}
		if (is_match) {
			text = slice_from(text, 1);
		} else if (star.data && star_text.len > 0) {
			text = star_text = slice_from(star_text, 1);
			pattern = star;
		} else {
			return false;
		}
	}
}

static struct slice first_part(struct slice path, struct slice *rest) {
	size_t slash = slice_find_byte(path, '/');
	*rest = slash == SIZE_MAX ? slice_make("", 0) : slice_from(path, slash + 1);
	return slice_sub(path, 0, slash);
}

/* Components, with the same going back for "**". What is left of the path when the pattern is
 * through lies below what it named. */
static bool match_path(struct slice pattern, struct slice path) {
	struct slice star = {NULL, 0}, star_path = {NULL, 0};
	for (;;) {
		struct slice pattern_rest, path_rest;
		struct slice part = first_part(pattern, &pattern_rest);
		if (slice_is(part, "**")) {
			if (pattern_rest.len == 0) {
				return path.len > 0;
			}
			star = pattern = pattern_rest;
			star_path = path;
			continue;
		}
		if (pattern.len == 0) {
			return true;
		}
		if (path.len > 0) {
			if (match_component(part, first_part(path, &path_rest))) {
				pattern = pattern_rest;
				path = path_rest;
				continue;
			}
		}
		if (!star.data || star_path.len == 0) {
			return false;
		}
		first_part(star_path, &path_rest);
		path = star_path = path_rest;
		pattern = star;
	}
}

bool apply_glob(struct slice pattern, struct slice path) {
	while (slice_starts_with(pattern, SLICE("./"))) {
		pattern = slice_from(pattern, 2);
	}
	bool is_anchored = slice_starts_with(pattern, SLICE("/"));
	pattern = slice_from(pattern, is_anchored);
	while (slice_ends_with(pattern, SLICE("/"))) {
		pattern.len--;
		is_anchored = true;
	}
	if (pattern.len == 0) {
		return false;
	}
	if (is_anchored || slice_find_byte(pattern, '/') != SIZE_MAX) {
		return match_path(pattern, path);
	}
	/* As "** / pattern": at any depth, and all below a directory of that name. */
	for (struct slice rest = path; rest.len > 0;) {
		if (match_component(pattern, first_part(rest, &rest))) {
			return true;
		}
	}
	return false;
}

static bool check_globs(const struct apply_rules *rules, struct slice path, struct error *error) {
	for (size_t i = 0; i < rules->deny_count; i++) {
		if (apply_glob(rules->deny[i], path)) {
			return error_set(error, ERROR_PERMISSION,
				"edits of %.*s are forbidden by deny_paths \"%.*s\"",
				SLICE_FMT(path), SLICE_FMT(rules->deny[i]));
		}
	}
	for (size_t i = 0; i < rules->allow_count; i++) {
		if (apply_glob(rules->allow[i], path)) {
			return true;
		}
	}
	return rules->allow_count == 0 ||
	       error_set(error, ERROR_PERMISSION, "edits of %.*s are not among allow_paths",
		       SLICE_FMT(path));
}

/* ---- the path as written ---- */

static bool refuse(struct error *error, struct slice path, const char *problem) {
	struct slice shown = slice_sub(path, 0, 200);
	char text[201];
	for (size_t i = 0; i < shown.len; i++) {
		unsigned char byte = (unsigned char)shown.data[i];
		text[i] = byte < 0x20 || byte == 0x7f ? '?' : shown.data[i];
	}
	text[shown.len] = '\0';
	return error_set(error, ERROR_PERMISSION, "the edit's path \"%s\" %s; nothing was applied",
		text, problem);
}

static bool check_guarded(struct slice whole, struct slice part, struct error *error) {
	for (size_t i = 0; i < sizeof guarded_names / sizeof *guarded_names; i++) {
		if (slice_ieq(part, slice_of(guarded_names[i]))) {
			return refuse(
				error, whole, "lies in .git or .llm-mux, which no edit may touch");
		}
	}
	return true;
}

static bool check_written(struct slice path, struct error *error) {
	if (slice_trim(path).len == 0) {
		return refuse(error, path, "is empty");
	}
	for (size_t i = 0; i < path.len; i++) {
		unsigned char byte = (unsigned char)path.data[i];
		if (byte < 0x20 || byte == 0x7f) {
			return refuse(error, path, "has a control character");
		}
	}
	if (!utf8_valid(path, NULL)) {
		return refuse(error, path, "is not UTF-8");
	}
	if (path.data[0] == '/') {
		return refuse(
			error, path, "is absolute; paths are relative to the workflow's directory");
	}
	if (path.data[path.len - 1] == '/') {
		return refuse(error, path, "ends with \"/\", so it names a directory");
	}
	if (path.len >= PATH_MAX) {
		return refuse(error, path, "is too long");
	}
	struct slice rest = path, part = {NULL, 0};
	bool has_name = false;
	while (slice_split(&rest, '/', &part)) {
		if (slice_is(part, "..")) {
			return refuse(error, path, "goes up by \"..\"");
		}
		if (!check_guarded(path, part, error)) {
			return false;
		}
		has_name |= part.len > 0 && !slice_is(part, ".");
	}
	if (!has_name || slice_is(part, ".")) {
		return refuse(error, path, "names a directory");
	}
	return true;
}

bool apply_path_is_plain(struct slice path) {
	return check_written(path, NULL);
}

/* ---- resolution ---- */

int apply_open_root(const char *dir, struct error *error) {
	int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		error_set_errno(error, ERROR_NOT_FOUND, errno, "cannot open the directory %s", dir);
	}
	return root;
}

int apply_open_parent(int root, const char *path, const char **name) {
	int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	const char *slash;
	while (dir >= 0 && (slash = strchr(path, '/')) != NULL) {
		char part[NAME_MAX + 1];
		size_t len = (size_t)(slash - path);
		int next = -1;
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
		} else {
			memcpy(part, path, len);
			part[len] = '\0';
			next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		int number = errno;
		close(dir);
		errno = number;
		dir = next;
		path = slash + 1;
	}
	*name = path;
	return dir;
}

/* A walk along a path: `done` is resolved already, `rest` is to come. */
struct walk {
	int root;
	const char *root_path; /* real path of the root, for absolute links; NULL: unknown */
	struct slice written;
	char done[PATH_MAX];
	size_t done_len;
	char rest[PATH_MAX];
	unsigned links;
	bool is_absent; /* some component does not exist: what follows is to be made */
	bool is_link;
};

static bool walk_up(struct walk *walk, struct error *error) {
	if (walk->is_absent) {
		return refuse(error, walk->written, "has a symbolic link that leads nowhere");
	}
	if (walk->done_len == 0) {
		return refuse(error, walk->written,
			"leads out of the workflow's directory through a symbolic link");
	}
	while (walk->done_len > 0 && walk->done[walk->done_len - 1] != '/') {
		walk->done_len--;
	}
	walk->done_len -= walk->done_len > 0;
	walk->done[walk->done_len] = '\0';
	return true;
}

/* Puts a link's target before the rest of the path. */
static bool walk_link(struct walk *walk, const char *target, struct error *error) {
	if (++walk->links > LINKS_MAX) {
		return refuse(error, walk->written, "has too many symbolic links");
	}
	if (target[0] == '/') {
		size_t len = walk->root_path ? strlen(walk->root_path) : 0;
		if (len == 0 || strncmp(target, walk->root_path, len) != 0 || target[len] != '/') {
			return refuse(error, walk->written,
				"leads out of the workflow's directory through a symbolic link");
		}
		target += len + 1;
		walk->done_len = 0;
		walk->done[0] = '\0';
	}
	size_t rest_len = strlen(walk->rest), len = strlen(target);
	if (len + 1 + rest_len >= sizeof walk->rest) {
		return refuse(error, walk->written, "is too long");
	}
	memmove(walk->rest + len + 1, walk->rest, rest_len + 1);
	memcpy(walk->rest, target, len);
	walk->rest[len] = rest_len > 0 ? '/' : '\0';
	return true;
}

/* Looks at done + "/" + part. */
static bool walk_part(struct walk *walk, const char *part, bool is_last, struct error *error) {
	size_t len = strlen(part), old_len = walk->done_len;
	if (old_len + 1 + len >= sizeof walk->done) {
		return refuse(error, walk->written, "is too long");
	}
	if (old_len > 0) {
		walk->done[walk->done_len++] = '/';
	}
	memcpy(walk->done + walk->done_len, part, len + 1);
	walk->done_len += len;
	if (walk->is_absent) {
		return true;
	}
	const char *name;
	struct stat info;
	int dir = apply_open_parent(walk->root, walk->done, &name);
	if (dir < 0 || fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		int number = errno;
		if (dir >= 0) {
			close(dir);
		}
		walk->is_absent = number == ENOENT;
		if (number == ENOENT) {
			return true;
		}
		error_set_errno(error, ERROR_PERMISSION, number, "cannot look at %s", walk->done);
		return false;
	}
	char target[PATH_MAX];
	ssize_t size = S_ISLNK(info.st_mode) ? readlinkat(dir, name, target, sizeof target - 1) : 0;
	close(dir);
	if (S_ISLNK(info.st_mode)) {
		if (size <= 0) {
			return refuse(
				error, walk->written, "has a symbolic link that cannot be read");
		}
		target[size] = '\0';
		walk->is_link |= is_last;
		walk->done_len = old_len;
		walk->done[old_len] = '\0';
		return walk_link(walk, target, error);
	}
	if (!is_last && !S_ISDIR(info.st_mode)) {
		return refuse(error, walk->written, "goes through something that is no directory");
	}
	if (is_last && !S_ISREG(info.st_mode)) {
		return refuse(error, walk->written,
			S_ISDIR(info.st_mode) ? "names a directory"
					      : "names a device, a pipe or a socket");
	}
	return true;
}

static bool walk_all(struct walk *walk, struct error *error) {
	while (walk->rest[0] != '\0') {
		char part[NAME_MAX + 1];
		size_t len = strcspn(walk->rest, "/");
		if (len > NAME_MAX) {
			return refuse(error, walk->written, "has a name that is too long");
		}
		memcpy(part, walk->rest, len);
		part[len] = '\0';
		size_t skip = len + strspn(walk->rest + len, "/");
		memmove(walk->rest, walk->rest + skip, strlen(walk->rest + skip) + 1);
		bool is_last = walk->rest[0] == '\0';
		if (len == 0 || strcmp(part, ".") == 0) {
			continue;
		}
		if (strcmp(part, "..") == 0) {
			if (!walk_up(walk, error)) {
				return false;
			}
		} else if (!check_guarded(walk->written, slice_of(part), error) ||
			   !walk_part(walk, part, is_last, error)) {
			return false;
		}
	}
	return walk->done_len > 0 || refuse(error, walk->written, "names a directory");
}

const char *apply_path_resolve(int root, const struct apply_rules *rules, struct slice path,
	struct arena *arena, bool *is_link, struct error *error) {
	*is_link = false;
	if (!check_written(path, error)) {
		return NULL;
	}
	struct slice tidy = apply_path_tidy(arena, path);
	if (!check_globs(rules, tidy, error)) {
		return NULL;
	}
	char *real = realpath(rules->dir, NULL);
	struct walk walk = {.root = root, .root_path = real, .written = path};
	memcpy(walk.rest, tidy.data, tidy.len);
	bool is_ok = walk_all(&walk, error);
	free(real);
	if (!is_ok || !check_written(slice_of(walk.done), error) ||
		!check_globs(rules, slice_of(walk.done), error)) {
		return NULL;
	}
	*is_link = walk.is_link;
	return arena_strdup(arena, slice_make(walk.done, walk.done_len));
}
