/* file.c: bounded reads, atomic writes, directories and locks, with exact modes. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

#define READ_STEP ((size_t)64 * 1024)

static enum error_kind kind_of(int number) {
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return ERROR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP: /* O_NOFOLLOW met a symbolic link */
		return ERROR_PERMISSION;
	default:
		return ERROR_INTERNAL;
	}
}

static bool fail(struct error *error, const char *doing, const char *path) {
	int number = errno;
	return error_set_errno(error, kind_of(number), number, "cannot %s %s", doing, path);
}

static bool read_all(int fd, const char *path, size_t max, struct buf *out, struct error *error) {
	struct stat info;
	size_t total = 0;
	size_t step = READ_STEP;
	/* One byte more than the size shows the end of the file without growing the buffer. */
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0) {
		step = (size_t)info.st_size < max ? (size_t)info.st_size + 1 : max;
	}
	for (;;) {
		size_t allowed = max - total;
		size_t room = step < allowed ? step : allowed;
		/* At the limit only a byte that must not be there is looked for. */
		char extra = '\0';
		char *to = room > 0 ? buf_reserve(out, room) : &extra;
		if (to == NULL) {
			return error_set(error, ERROR_TOO_LARGE,
				"%s is larger than the %zu bytes allowed", path, out->limit);
		}
		ssize_t got = read(fd, to, room > 0 ? room : 1);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return fail(error, "read", path);
		}
		if (got == 0) {
			return true;
		}
		if (room == 0) {
			return error_set(error, ERROR_TOO_LARGE,
				"%s is larger than the %zu bytes allowed", path, max);
		}
		buf_commit(out, (size_t)got);
		total += (size_t)got;
		step = READ_STEP;
	}
}

bool file_read(const char *path, size_t max, struct buf *out, struct error *error) {
	if (strcmp(path, "-") == 0) {
		return read_all(STDIN_FILENO, "standard input", max, out, error);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return fail(error, "open", path);
	}
	bool is_read = read_all(fd, path, max, out, error);
	close(fd);
	return is_read;
}

bool file_read_regular(const char *path, size_t max, struct buf *out, struct error *error) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return fail(error, "open", path);
	}
	struct stat info;
	bool is_read = fstat(fd, &info) == 0 && S_ISREG(info.st_mode)
			       ? read_all(fd, path, max, out, error)
			       : error_set(error, ERROR_PERMISSION,
					 "cannot read %s: it is not a regular file", path);
	close(fd);
	return is_read;
}

static bool keep(bool is_read, struct buf *bytes, struct arena *arena, struct slice *text) {
	if (is_read) {
		*text = arena_dup(arena, buf_slice(bytes));
	}
	buf_finish(bytes);
	return is_read;
}

bool file_load(const char *path, size_t max, struct arena *arena, struct slice *text,
	struct error *error) {
	struct buf bytes = {0};
	return keep(file_read(path, max, &bytes, error), &bytes, arena, text);
}

bool file_load_regular(const char *path, size_t max, struct arena *arena, struct slice *text,
	struct error *error) {
	struct buf bytes = {0};
	return keep(file_read_regular(path, max, &bytes, error), &bytes, arena, text);
}

static bool write_all(int fd, struct slice bytes) {
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.data, bytes.len);
		if (written >= 0) {
			bytes = slice_from(bytes, (size_t)written);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* Fills the temporary file, which is removed again by the caller when this fails. */
static bool fill_temp(int fd, struct slice bytes, unsigned mode) {
	return fchmod(fd, (mode_t)mode) == 0 && write_all(fd, bytes) && fsync(fd) == 0;
}

/* The open directory a path's last component stands in; *name gets that component. */
static int open_parent(const char *path, const char **name) {
	const char *slash = strrchr(path, '/');
	*name = slash != NULL ? slash + 1 : path;
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	if (slash == NULL) {
		return open(".", flags);
	}
	if (slash == path) {
		return open("/", flags);
	}
	char *parent = strndup(path, (size_t)(slash - path));
	int fd = parent != NULL ? open(parent, flags) : -1;
	int number = errno;
	free(parent);
	errno = number;
	return fd;
}

static bool replace_in(int directory, const char *path, const char *name, struct slice bytes,
	unsigned mode, struct error *error) {
	struct stat info;
	char temp[32];
	if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(info.st_mode)) {
		return error_set(error, ERROR_PERMISSION,
			S_ISLNK(info.st_mode)
				? "cannot write %s: it is a symbolic link; name the file itself"
				: "cannot write %s: it is not a regular file",
			path);
	}
	random_id(temp, ".llm-mux-", 16);
	int fd =
		openat(directory, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return fail(error, "write beside", path);
	}
	bool is_done = fill_temp(fd, bytes, mode);
	int number = errno;
	/* Some file systems report a failed write only here. */
	if (close(fd) != 0 && is_done && errno != EINTR) {
		is_done = false;
		number = errno;
	}
	if (is_done && renameat(directory, temp, directory, name) != 0) {
		is_done = false;
		number = errno;
	}
	if (!is_done) {
		unlinkat(directory, temp, 0);
		errno = number;
		return fail(error, "write", path);
	}
	/* The new name must survive a crash too. */
	if (fsync(directory) != 0 && errno != EINVAL && errno != EROFS) {
		return fail(error, "sync the directory of", path);
	}
	return true;
}

bool file_write_atomic(const char *path, struct slice bytes, unsigned mode, struct error *error) {
	const char *name;
	int directory = open_parent(path, &name);
	if (directory < 0) {
		return fail(error, "open the directory of", path);
	}
	bool is_written = replace_in(directory, path, name, bytes, mode, error);
	close(directory);
	return is_written;
}

bool file_lies_within(const char *path, const char *dir) {
	char *real = realpath(path, NULL);
	char *above = realpath(dir, NULL);
	size_t len = above != NULL ? strlen(above) : 0;
	if (len == 1) { /* of "/", all but the slash that every path begins with */
		len = 0;
	}
	bool lies_within = real != NULL && above != NULL && strncmp(real, above, len) == 0 &&
			   (real[len] == '/' || real[len] == '\0');
	free(real);
	free(above);
	return lies_within;
}

bool file_exists(const char *path) {
	struct stat info;
	return stat(path, &info) == 0;
}

bool file_is_exposed(const char *path) {
	struct stat info;
	return stat(path, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

/* Makes one directory unless it is there. */
static bool make_one(const char *path, unsigned mode, struct error *error) {
	struct stat info;
	if (mkdir(path, (mode_t)mode & 0700) == 0) {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		bool is_done = fd >= 0 && fchmod(fd, (mode_t)mode) == 0;
		int number = errno;
		if (fd >= 0) {
			close(fd);
		}
		errno = number;
		return is_done || fail(error, "set the mode of", path);
	}
	int number = errno;
	if (stat(path, &info) == 0) {
		if (S_ISDIR(info.st_mode)) {
			return true;
		}
		number = ENOTDIR;
	}
	errno = number;
	return fail(error, "make the directory", path);
}

bool file_make_dir(const char *path, unsigned mode, struct error *error) {
	char *copy = strdup(path);
	bool is_made = true;
	if (copy == NULL) {
		return fail(error, "make the directory", path);
	}
	for (char *at = copy + 1; is_made && copy[0] != '\0' && *at != '\0'; at++) {
		if (*at == '/' && at[-1] != '/') {
			*at = '\0';
			is_made = make_one(copy, mode, error);
			*at = '/';
		}
	}
	is_made = is_made && make_one(copy, mode, error);
	free(copy);
	return is_made;
}

int file_lock(const char *path, bool wait, struct error *error) {
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0) {
		fail(error, "open the lock", path);
		return -1;
	}
	int result;
	do {
		result = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
	} while (result != 0 && errno == EINTR);
	if (result == 0) {
		return fd;
	}
	if (errno == EWOULDBLOCK) {
		error_set(error, ERROR_CONFLICT, "%s is locked by another process", path);
	} else {
		fail(error, "lock", path);
	}
	close(fd);
	return -1;
}
