/* apply_help.h: small trees of files for the tests of apply. Include last. */
#ifndef LLMMUX_TESTS_WORKFLOW_APPLY_HELP_H
#define LLMMUX_TESTS_WORKFLOW_APPLY_HELP_H

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "workflow/apply.h"

/* A new temporary directory with "tree" in it; malloc'd path of the directory. */
char *tree_make(void);
/* Removes the directory and frees its path. */
void tree_remove(char *dir);
/* DIR/NAME, in a static ring of buffers. */
const char *tree_path(const char *dir, const char *name);

/* Writes a file, making its directories. */
void tree_write(const char *dir, const char *path, struct slice bytes, unsigned mode);
void tree_link(const char *dir, const char *path, const char *target);
/* Everything below a directory, sorted: kinds, paths, modes, contents. Equal texts, equal trees. */
void tree_print(const char *dir, struct buf *out);
/* Fails unless both are equal, saying what was compared. */
void tree_assert_equal(const struct buf *expected, const struct buf *actual, const char *what);

/* Parses and plans for DIR without rules; fails the test on an error. */
void tree_plan(const char *dir, struct slice reply, struct arena *arena, struct apply_plan *plan);

#endif
