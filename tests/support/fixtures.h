/* fixtures.h: recorded test data, which lies beside the repository and not in it. */
#ifndef LLMMUX_TESTS_SUPPORT_FIXTURES_H
#define LLMMUX_TESTS_SUPPORT_FIXTURES_H

#include "base/slice.h"

/* $LLM_MUX_FIXTURES/relative, or ../shared/fixtures/relative when the variable is not set.
 * Malloc'd; NULL, after a line on stderr, when there is no such file or directory: the test then
 * calls cmocka's skip(), which is counted. */
char *fixtures_path(const char *relative);

/* A whole file, malloc'd exactly (so that a sanitizer sees a read past its end). Aborts when it
 * cannot be read. */
struct slice fixtures_read(const char *path);
void fixtures_free(struct slice bytes);

/* The paths of the files of a directory (not of its subdirectories) whose names begin with `prefix`
 * and end with `suffix`, in order of names. */
struct fixture_list {
	char **paths;
	size_t count;
};
struct fixture_list fixtures_list(const char *directory, const char *prefix, const char *suffix);
void fixtures_list_free(struct fixture_list *list);
/* The part of a path behind its last slash. */
const char *fixtures_name(const char *path);

#endif
