/* test.h: what the files of the command `test` share. */
#ifndef LLMMUX_CLI_TEST_H
#define LLMMUX_CLI_TEST_H

#include "cli/test_cases.h"
#include "config/runner.h"

/* ---- test_mocks.c ---- */
/* Roles and backends that the workflow asks for, that nobody configured, and that any case has
 * replies for or counts: they come to be, so that a test needs no configuration. Before the
 * workflow is checked. */
void test_mocks_define(const struct test_cases *cases, struct runner_config *runner,
	const struct workflow *workflow, struct arena *arena);
/* Changes the configuration and the workflow: whoever may be asked is a mock with the case's
 * replies. False after adding problems (names that lead nowhere). What is added is in the arena. */
bool test_mocks_place(struct test_case *one, struct runner_config *runner,
	struct workflow *workflow, struct arena *arena, struct problems *problems);
/* NULL when nothing of that name has replies. */
struct test_replies *test_find_replies(struct test_case *one, struct slice name);

/* ---- test_check.c ---- */
struct test_failures {
	const char **items;
	size_t len, cap;
};
/* Compares what became of the run with what the case expects; `dir` is where it worked. */
void test_check(struct test_case *one, const struct run *run, enum run_end end, const char *dir,
	struct arena *arena, struct test_failures *failures);

#endif
