/* apply_disk.h: files below an open directory: read, written and removed durably, no symbolic link
 * followed; private to workflow/apply*.c.
 *
 * Every system call that changes something goes through here, so that tests can let any of them
 * fail or be the last one before a crash. */
#ifndef LLMMUX_WORKFLOW_APPLY_DISK_H
#define LLMMUX_WORKFLOW_APPLY_DISK_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"

/* The largest file that edits may touch. */
#define APPLY_FILE_MAX ((size_t)256 * 1024 * 1024)

/* For tests: what happens at the call number `at` (from 1); 0: nothing. */
struct apply_faults {
	size_t at;
	bool kills; /* the process, as SIGKILL does; else the call fails */
	bool stays; /* all later calls fail too */
	size_t seen;
	/* Called before each call, to change the tree at awkward moments; may be NULL. */
	void (*before)(void *data, size_t number);
	void *data;
};

struct apply_state {
	bool exists;
	struct stat info;
};
/* What is at a resolved path: a regular file (its bytes appended to `bytes` unless NULL) or
 * nothing. Anything else is an error. */
bool apply_state_read(int root, const char *path, struct apply_state *state, struct buf *bytes,
	struct error *error);

struct apply_write_options {
	const char *temp; /* name of the temporary file in the target's directory */
	unsigned mode;
	bool uses_umask;          /* the mode less the umask; else exactly */
	const struct stat *was;   /* what must be there still, unchanged; NULL: anything */
	const struct stat *owner; /* whose it shall be, where that is allowed; NULL: ours */
	bool must_be_new;         /* nothing may be there */
	bool *is_touched;         /* set just before the target changes; may be NULL */
};
/* Temp, fsync, rename, fsync of the directory. */
bool apply_write_file(int root, const char *path, struct slice bytes,
	const struct apply_write_options *options, struct apply_faults *faults,
	struct error *error);
/* Removes a file and syncs its directory; one that is not there is removed already. */
bool apply_remove_file(int root, const char *path, const struct stat *was, bool *is_touched,
	struct apply_faults *faults, struct error *error);
/* Makes one directory (its parents exist) and syncs its parent; one that is there is fine. */
bool apply_make_dir(int root, const char *path, unsigned mode, struct apply_faults *faults,
	struct error *error);
/* Makes the missing parents of a path. */
bool apply_make_parents(int root, const char *path, unsigned mode, struct apply_faults *faults,
	struct error *error);
/* Removes a directory if it is there and empty. */
bool apply_remove_dir(int root, const char *path, struct apply_faults *faults, struct error *error);

#endif
