/* file.h: files with safe modes: bounded reads, atomic writes, locks, XDG paths. */
#ifndef LLMMUX_BASE_FILE_H
#define LLMMUX_BASE_FILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* Reads a whole file (O_CLOEXEC) of at most `max` bytes into `out`. Path "-" is standard input.
 * ERROR_NOT_FOUND when it does not exist. */
bool file_read(const char *path, size_t max, struct buf *out, struct error *error);
/* The same of what nobody named: a file of a cloned project could be a named pipe, which is never
 * waited for, or a device. ERROR_PERMISSION when it is no regular file (links are followed). */
bool file_read_regular(const char *path, size_t max, struct buf *out, struct error *error);
/* The same into the arena; *text is left as it is when it cannot be read. */
bool file_load(
	const char *path, size_t max, struct arena *arena, struct slice *text, struct error *error);
bool file_load_regular(
	const char *path, size_t max, struct arena *arena, struct slice *text, struct error *error);
/* Writes temp + fsync + rename in the target's directory (O_NOFOLLOW|O_CLOEXEC), with exactly
 * `mode`. Refuses (ERROR_PERMISSION) to replace a symbolic link or anything but a regular file. */
bool file_write_atomic(const char *path, struct slice bytes, unsigned mode, struct error *error);
/* True when what the path leads to, links followed, is the directory or lies in it; false when it
 * is not there. */
bool file_lies_within(const char *path, const char *dir);
/* True for anything of that name, symbolic links followed. */
bool file_exists(const char *path);
/* True when group or others may read it. */
bool file_is_exposed(const char *path);
/* Makes the directory and missing parents with exactly `mode`; what exists is left as it is. */
bool file_make_dir(const char *path, unsigned mode, struct error *error);
/* An exclusive flock on `path` (created 0600, never through a symbolic link). Returns the
 * descriptor to close, or -1; ERROR_CONFLICT when somebody else holds it and wait is false. */
int file_lock(const char *path, bool wait, struct error *error);

/* Configuration and state directories of the program, from the process's environment:
 * $XDG_CONFIG_HOME/llm-mux or ~/.config/llm-mux; $XDG_STATE_HOME or
 * ~/.local/state. Allocated in the arena; NULL when neither variable nor HOME is set. */
const char *file_config_dir(struct arena *arena);
const char *file_state_dir(struct arena *arena);
/* "~/x" and "$VAR/x" prefixes expanded (gateway.md 1.1; the XDG variables have their defaults);
 * unchanged when the variable is not set. */
const char *file_expand(struct arena *arena, struct slice path);
/* dir + "/" + name in the arena. */
const char *file_join(struct arena *arena, const char *dir, const char *name);

#endif
