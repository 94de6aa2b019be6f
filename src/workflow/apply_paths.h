/* apply_paths.h: which paths an edit may touch (workflows.md 7.3), and files below a directory
 * opened without following a symbolic link; private to workflow/apply*.c.
 *
 *   as written ─ check ─ tidy ─ resolve (links inside are followed, none leads out) ─► a path with
 *   no symbolic link in it: from then on every step is opened with O_NOFOLLOW, so that a link put
 *   there in the meantime is an error and not a way out. */
#ifndef LLMMUX_WORKFLOW_APPLY_PATHS_H
#define LLMMUX_WORKFLOW_APPLY_PATHS_H

#include "workflow/apply.h"

/* "./a//b" as "a/b"; ".." stays. For comparing paths as written. */
struct slice apply_path_tidy(struct arena *arena, struct slice path);

/* True for a relative path that the rules of writing paths allow (no "..", nothing of git's or
 * ours); says nothing about symbolic links. */
bool apply_path_is_plain(struct slice path);

/* Opens the directory of the edits; -1 with an error. */
int apply_open_root(const char *dir, struct error *error);
/* Checks the path and follows symbolic links in it, as long as they stay inside. The result is
 * relative, of a file that exists or could be made. NULL with ERROR_PERMISSION (the rules) or
 * ERROR_INVALID_REQUEST. *is_link: the last component is a symbolic link. */
const char *apply_path_resolve(int root, const struct apply_rules *rules, struct slice path,
	struct arena *arena, bool *is_link, struct error *error);

/* Opens the directory that holds a resolved path, following nothing; *name gets the last component.
 * -1 with errno. */
int apply_open_parent(int root, const char *path, const char **name);

/* Glob on a relative path: "*" and "?" within a component, "[a-z]", "**" over components. A pattern
 * without "/" is of the file's name in any directory; a directory's pattern means all below it. */
bool apply_glob(struct slice pattern, struct slice path);

#endif
