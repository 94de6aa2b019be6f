/* apply_disk.c: durable changes of single files below an open directory. */
#include "workflow/apply_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "workflow/apply_paths.h"

#define READ_STEP ((size_t)64 * 1024)

/* Asked before every call that changes something. */
static bool may_go_on(struct apply_faults *faults) {
	if (!faults) {
		return true;
	}
	faults->seen++;
	if (faults->before) {
		faults->before(faults->data, faults->seen);
	}
	bool is_hit = faults->at > 0 &&
		      (faults->seen == faults->at || (faults->stays && faults->seen > faults->at));
	if (is_hit && faults->kills) {
		raise(SIGKILL);
	}
	if (is_hit) {
		errno = EIO;
	}
	return !is_hit;
}

/* Closes without losing errno. */
static void close_quietly(int descriptor) {
	int number = errno;
	if (descriptor >= 0) {
		close(descriptor);
	}
	errno = number;
}

/* ---- reading ---- */

static bool read_all(int file, size_t expected, struct buf *bytes) {
	if (!buf_reserve(bytes, expected + 1)) {
		errno = EFBIG;
		return false;
	}
	for (;;) {
		char *to = buf_reserve(bytes, READ_STEP);
		if (!to) {
			errno = EFBIG;
			return false;
		}
		ssize_t count = read(file, to, READ_STEP);
		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count <= 0) {
			return count == 0;
		}
		buf_commit(bytes, (size_t)count);
		if (bytes->len > APPLY_FILE_MAX) {
			errno = EFBIG;
			return false;
		}
	}
}

bool apply_state_read(int root, const char *path, struct apply_state *state, struct buf *bytes,
	struct error *error) {
	*state = (struct apply_state){0};
	const char *name;
	int dir = apply_open_parent(root, path, &name);
	if (dir < 0) {
		return errno == ENOENT || error_set_errno(error, ERROR_PERMISSION, errno,
						  "cannot open the directory of %s", path);
	}
	/* Never waits: what is there may be a pipe by now. */
	int file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close_quietly(dir);
	if (file < 0) {
		return errno == ENOENT ||
		       error_set_errno(error, ERROR_PERMISSION, errno, "cannot open %s", path);
	}
	bool is_ok = true;
	if (fstat(file, &state->info) != 0) {
		is_ok = error_set_errno(error, ERROR_INTERNAL, errno, "cannot look at %s", path);
	} else if (!S_ISREG(state->info.st_mode)) {
		is_ok = error_set(error, ERROR_PERMISSION, "%s is no regular file", path);
	} else if ((uint64_t)state->info.st_size > APPLY_FILE_MAX) {
		is_ok = error_set(error, ERROR_TOO_LARGE, "%s is larger than %zu bytes", path,
			APPLY_FILE_MAX);
	} else if (bytes && !read_all(file, (size_t)state->info.st_size, bytes)) {
		is_ok = error_set_errno(error, ERROR_INTERNAL, errno, "cannot read %s", path);
	}
	state->exists = is_ok;
	close_quietly(file);
	return is_ok;
}

/* ---- writing ---- */

static bool write_all(int file, struct slice bytes, struct apply_faults *faults) {
	while (bytes.len > 0) {
		if (!may_go_on(faults)) {
			return false;
		}
		/* With faults, in two pieces: a crash may come between. */
		size_t size = faults && bytes.len > 1 ? (bytes.len + 1) / 2 : bytes.len;
		if (faults && faults->seen % 2 == 0) {
			size = bytes.len;
		}
		ssize_t count = write(file, bytes.data, size);
		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			return false;
		}
		bytes = slice_from(bytes, (size_t)count);
	}
	return true;
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* True when the directory entry is still the file that was read. */
static bool check_unchanged(
	int dir, const char *name, const char *path, const struct stat *was, struct error *error) {
	struct stat info;
	if (!was ||
		(fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && is_same_file(&info, was))) {
		return true;
	}
	return error_set(error, ERROR_CONFLICT, "%s was changed by somebody else meanwhile", path);
}

static int make_temp(int dir, const struct apply_write_options *options) {
	return openat(dir, options->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		options->uses_umask ? options->mode : 0600);
}

static bool fill_temp(int file, struct slice bytes, const struct apply_write_options *options,
	struct apply_faults *faults) {
	if (!write_all(file, bytes, faults)) {
		return false;
	}
	struct stat info;
	if (options->owner && fstat(file, &info) == 0 &&
		(info.st_uid != options->owner->st_uid || info.st_gid != options->owner->st_gid)) {
		/* Only root may give files away, and only to a group of one's own: best effort. */
		int ignored = fchown(file, options->owner->st_uid, options->owner->st_gid);
		(void)ignored;
	}
	if (!options->uses_umask && (!may_go_on(faults) || fchmod(file, options->mode) != 0)) {
		return false;
	}
	return may_go_on(faults) && fsync(file) == 0;
}

static bool rename_temp(int dir, const char *name, const char *path,
	const struct apply_write_options *options, struct apply_faults *faults,
	struct error *error) {
	if (!may_go_on(faults)) {
		return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", path);
	}
	if (!check_unchanged(dir, name, path, options->was, error)) {
		return false;
	}
	if (options->is_touched && !options->must_be_new) {
		*options->is_touched = true;
	}
	int status = renameat2(
		dir, options->temp, dir, name, options->must_be_new ? RENAME_NOREPLACE : 0);
	if (status != 0 && options->must_be_new && (errno == EINVAL || errno == ENOSYS)) {
		/* A file system without the flag; a link refuses to replace as well. */
		status = linkat(dir, options->temp, dir, name, 0);
		status = status == 0 ? unlinkat(dir, options->temp, 0) : status;
	}
	if (status != 0) {
		return error_set_errno(error, errno == EEXIST ? ERROR_CONFLICT : ERROR_INTERNAL,
			errno, "cannot put the new %s in place", path);
	}
	if (options->is_touched) {
		*options->is_touched = true;
	}
	if (!may_go_on(faults) || fsync(dir) != 0) {
		return error_set_errno(
			error, ERROR_INTERNAL, errno, "cannot sync the directory of %s", path);
	}
	return true;
}

bool apply_write_file(int root, const char *path, struct slice bytes,
	const struct apply_write_options *options, struct apply_faults *faults,
	struct error *error) {
	const char *name;
	int dir = apply_open_parent(root, path, &name);
	int file = -1;
	bool is_ok = false;
	if (dir < 0 || !may_go_on(faults)) {
		error_set_errno(error, ERROR_PERMISSION, errno,
			"cannot write in the directory of %s", path);
		close_quietly(dir);
		return false;
	}
	file = make_temp(dir, options);
	if (file < 0) {
		error_set_errno(error, ERROR_PERMISSION, errno,
			"cannot make a file in the directory of %s", path);
	} else if (!fill_temp(file, bytes, options, faults)) {
		error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", path);
	} else {
		is_ok = rename_temp(dir, name, path, options, faults, error);
	}
	if (!is_ok && file >= 0) {
		unlinkat(dir, options->temp, 0); /* gone when it was renamed */
	}
	close_quietly(file);
	close_quietly(dir);
	return is_ok;
}

/* ---- removing, directories ---- */

bool apply_remove_file(int root, const char *path, const struct stat *was, bool *is_touched,
	struct apply_faults *faults, struct error *error) {
	const char *name;
	int dir = apply_open_parent(root, path, &name);
	if (dir < 0) {
		return errno == ENOENT || error_set_errno(error, ERROR_PERMISSION, errno,
						  "cannot open the directory of %s", path);
	}
	bool is_ok = check_unchanged(dir, name, path, was, error);
	if (is_ok && is_touched) {
		*is_touched = true;
	}
	if (is_ok && (!may_go_on(faults) || (unlinkat(dir, name, 0) != 0 && errno != ENOENT) ||
			     !may_go_on(faults) || fsync(dir) != 0)) {
		is_ok = error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot remove the file %s", path);
	}
	close_quietly(dir);
	return is_ok;
}

bool apply_make_dir(int root, const char *path, unsigned mode, struct apply_faults *faults,
	struct error *error) {
	const char *name;
	int dir = apply_open_parent(root, path, &name);
	bool is_ok = dir >= 0 && may_go_on(faults) &&
		     (mkdirat(dir, name, mode) == 0 || errno == EEXIST) && may_go_on(faults) &&
		     fsync(dir) == 0;
	if (!is_ok) {
		error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot make the directory %s", path);
	}
	close_quietly(dir);
	return is_ok;
}

bool apply_make_parents(int root, const char *path, unsigned mode, struct apply_faults *faults,
	struct error *error) {
	char part[PATH_MAX];
	for (size_t i = 0; i < sizeof part && path[i] != '\0'; i++) {
		part[i] = '\0';
		if (path[i] == '/') {
			const char *name;
			struct stat info;
			int dir = apply_open_parent(root, part, &name);
			bool is_there = dir >= 0 &&
					fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
					S_ISDIR(info.st_mode);
			close_quietly(dir);
			if (!is_there && !apply_make_dir(root, part, mode, faults, error)) {
				return false;
			}
		}
		part[i] = path[i];
	}
	return true;
}

bool apply_remove_dir(
	int root, const char *path, struct apply_faults *faults, struct error *error) {
	const char *name;
	int dir = apply_open_parent(root, path, &name);
	if (dir < 0) {
		return errno == ENOENT || error_set_errno(error, ERROR_PERMISSION, errno,
						  "cannot open the directory of %s", path);
	}
	bool is_ok = true;
	if (!may_go_on(faults) || unlinkat(dir, name, AT_REMOVEDIR) != 0) {
		/* Somebody put something in it: it stays. */
		is_ok = errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST;
	} else {
		is_ok = may_go_on(faults) && fsync(dir) == 0;
	}
	if (!is_ok) {
		error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot remove the directory %s", path);
	}
	close_quietly(dir);
	return is_ok;
}
