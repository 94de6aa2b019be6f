/* run_help.h: whole runs on a loop of their own: a workflow from text, its events as lines. */
#ifndef LLMMUX_TESTS_WORKFLOW_RUN_HELP_H
#define LLMMUX_TESTS_WORKFLOW_RUN_HELP_H

/* cmocka wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workflow/run.h"

struct run_fixture {
	struct run_observer observer; /* the first member */
	struct loop *loop;
	struct config *config;
	struct mux *mux;
	struct mux_loop *mux_loop;
	struct arena arena;
	char *dir; /* where the workflow works, removed at the end */
	struct workflow *workflow;
	struct run_options options; /* filled in by run_fixture_load, then the test's */
	struct run *run;
	struct buf events; /* "step a", "end a ok", "retry a", ... a line each */
	struct buf questions;
	size_t event_count;
	size_t cancel_at, release_at; /* the event that cancels, or releases after it; 0: none */
	bool cancels_now;
	bool wants_release, has_ended;
	const char *answer; /* what is typed when asked; NULL: nobody can be asked */
	enum run_end end;
	char *error; /* of the end; NULL: none */
	struct loop_timer watch;
	struct loop_deferred answering;
};
/* `config`: TOML with [backends.*], [roles.*] ...; "" for none. */
void run_fixture_begin(struct run_fixture *f, const char *config);
void run_fixture_end(struct run_fixture *f);
/* Loads and checks; fails the test on a problem. */
void run_fixture_load(struct run_fixture *f, const char *toml);
/* Runs what was loaded, to its end. */
void run_fixture_run(struct run_fixture *f);
/* Both. */
void run_fixture_do(struct run_fixture *f, const char *toml);

const struct step_result *run_fixture_result(struct run_fixture *f, const char *step);
/* What `output`, `status` and error message of a step are; fails the test otherwise. */
void assert_output(struct run_fixture *f, const char *step, const char *output);
void assert_status(struct run_fixture *f, const char *step, enum step_status status);
void assert_error(
	struct run_fixture *f, const char *step, enum failure_class class, const char *part);
void assert_end(struct run_fixture *f, enum run_end end);
void assert_contains(struct slice text, const char *part);
/* Files of the directory the workflow works in. */
void run_fixture_write(struct run_fixture *f, const char *name, const char *text);
/* Its text in the fixture's arena; NULL when there is none. */
const char *run_fixture_read(struct run_fixture *f, const char *name);

#endif
