/* workflow_help.h: workflows from texts, beside a small configuration, for the tests of workflow/.
 * Header-only; a test that writes files gets a directory of its own. */
#ifndef LLMMUX_TESTS_WORKFLOW_HELP_H
#define LLMMUX_TESTS_WORKFLOW_HELP_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "workflow/workflow.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct workflow_fixture {
	struct arena arena;
	struct problems problems;
	struct workflow *workflow;
	struct buf out;
	char dir[64]; /* empty: none was made */
};

static inline void workflow_fixture_begin(struct workflow_fixture *f) {
	*f = (struct workflow_fixture){0};
	arena_init(&f->arena, NULL, 0);
	buf_init(&f->out, 0);
}

static inline int workflow_fixture_remove(
	const char *path, const struct stat *info, int flag, struct FTW *walk) {
	(void)info;
	(void)flag;
	(void)walk;
	return remove(path);
}

static inline void workflow_fixture_end(struct workflow_fixture *f) {
	workflow_destroy(f->workflow);
	buf_finish(&f->out);
	arena_finish(&f->arena);
	if (f->dir[0]) {
		assert_int_equal(
			nftw(f->dir, workflow_fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
}

/* Writes DIR/name, directories above it made. Returns its path. */
static inline const char *workflow_fixture_write(
	struct workflow_fixture *f, const char *name, const char *text) {
	if (!f->dir[0]) {
		strcpy(f->dir, "/tmp/llm-mux-workflow-XXXXXX");
		assert_non_null(mkdtemp(f->dir));
	}
	const char *path = file_join(&f->arena, f->dir, name);
	char *above = arena_strdup(&f->arena, slice_of(path));
	*strrchr(above, '/') = '\0';
	assert_true(file_make_dir(above, 0700, NULL));
	assert_true(file_write_atomic(path, slice_of(text), 0600, NULL));
	return path;
}

static inline const char *workflow_fixture_report(struct workflow_fixture *f) {
	buf_reset(&f->out, SIZE_MAX);
	problems_print(&f->problems, false, &f->out);
	buf_append_byte(&f->out, '\0');
	return f->out.data;
}

/* Loads a text as a workflow of that path; fails the test with its problems when it does not. */
static inline struct workflow *workflow_fixture_load(
	struct workflow_fixture *f, const char *path, const char *text) {
	workflow_destroy(f->workflow);
	problems_init(&f->problems, &f->arena, path, slice_of(text));
	f->workflow = workflow_load(path, "path", slice_of(text), &f->problems);
	if (!f->workflow) {
		print_error("%s", workflow_fixture_report(f));
	}
	assert_non_null(f->workflow);
	return f->workflow;
}

/* Three backends (one of them off), a role of each kind, a team that verifies and one that does
 * not. */
static inline const struct runner_config *workflow_fixture_runner(void) {
	static struct slice claude[] = {SLICE_INIT("claude")};
	static struct slice both[] = {SLICE_INIT("claude"), SLICE_INIT("codex")};
	static struct runner_backend backends[] = {
		{.name = SLICE_INIT("claude"), .is_enabled = true},
		{.name = SLICE_INIT("codex"), .is_enabled = true},
		{.name = SLICE_INIT("sleepy"), .is_enabled = false},
	};
	static struct runner_role roles[] = {
		{.name = SLICE_INIT("default"), .backends = {claude, 1, 1, NULL}, .execution = -1},
		{.name = SLICE_INIT("reviewer"),
			.backends = {both, 2, 2, NULL},
			.execution = ROLE_PARALLEL},
	};
	static struct runner_role team_roles[] = {
		{.name = SLICE_INIT("linter"), .backends = {claude, 1, 1, NULL}, .execution = -1},
	};
	static struct runner_team teams[] = {
		{.name = SLICE_INIT("rust"),
			.verify = SLICE_INIT("cargo test"),
			.roles = {team_roles, 1, 1}},
		{.name = SLICE_INIT("docs")},
	};
	static const struct runner_config runner = {
		.backends = {backends, COUNT_OF(backends), COUNT_OF(backends)},
		.roles = {roles, COUNT_OF(roles), COUNT_OF(roles)},
		.teams = {teams, COUNT_OF(teams), COUNT_OF(teams)},
	};
	return &runner;
}

#endif
