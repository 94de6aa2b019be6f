/* runner_help.h: a home, a configuration directory and a project of its own for each test. */
#ifndef LLMMUX_TESTS_RUNNER_HELP_H
#define LLMMUX_TESTS_RUNNER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/runner.h"
#include "config/trust.h"

/* home/.config/llm-mux/, home/state/, home/project/.llm-mux/, home/project/sub/ */
struct runner_fixture {
	struct arena arena;
	const char *home, *config_dir, *project;
	struct buf report; /* NUL-terminated */
	struct error error;
	struct config *config;
	char *saved_home, *saved_state, *saved_config;
};

void runner_fixture_begin(struct runner_fixture *f);
/* Removes everything below home. */
void runner_fixture_end(struct runner_fixture *f);
/* A path below home. */
const char *runner_fixture_path(struct runner_fixture *f, const char *name);
void runner_fixture_write(
	struct runner_fixture *f, const char *name, struct slice text, mode_t mode);
/* Loads from home/project/sub unless the request says another directory. NULL when refused. */
const struct runner_config *runner_fixture_load(
	struct runner_fixture *f, struct runner_request request);

#endif
