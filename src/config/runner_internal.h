/* runner_internal.h: what the files of the runner's configuration share. Only for src/config. */
#ifndef LLMMUX_CONFIG_RUNNER_INTERNAL_H
#define LLMMUX_CONFIG_RUNNER_INTERNAL_H

#include "config/config_internal.h"
#include "config/options_internal.h"
#include "config/runner.h"

/* Loading, with what only it knows. */
struct runner_loading {
	const struct runner_request *request;
	struct runner_config *runner;
	const char *dir; /* canonical */
};

/* runner_project.c: the project's file, as one more layer. */
void runner_load_project(struct config_loader *loader, struct runner_loading *loading);

/* runner_check.c: completes what was loaded (kinds, built-in teams) and checks it across names. */
void runner_check(struct config_loader *loader, struct runner_config *runner);

#endif
