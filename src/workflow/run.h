/* run.h: one execution of a workflow.
 *
 *   run_create ─► run_start ─► observer: start, step events ..., end ─► run_release
 *     scheduler.c   which steps may start now (5.5)
 *     step.c        one step: condition, items, attempts, limits ─► step_shell.c step_query.c ...
 *     journal.c     every fact that a resume needs, synced before it counts (journal.h)
 *
 * A run lives on one loop, owns one arena, and is cancelled by run_cancel: children get TERM, then
 * KILL, a half-done apply is restored, the state is saved, and the end is told all the same. */
#ifndef LLMMUX_WORKFLOW_RUN_H
#define LLMMUX_WORKFLOW_RUN_H

#include "workflow/result.h"

struct run;
struct journal;
struct journal_record;
struct process_watchdog;

enum run_end {
	RUN_OK,
	RUN_FAILED,
	RUN_TIMED_OUT, /* the workflow's own limit: exit 124 */
	RUN_CANCELLED
};

enum run_event_type {
	RUN_EVENT_START,         /* WorkflowStart */
	RUN_EVENT_STEP_START,    /* StepStart */
	RUN_EVENT_STEP_OUTPUT,   /* StepOutput: a piece of an answer, with --stream */
	RUN_EVENT_STEP_PROGRESS, /* ParallelProgress: backends or items done */
	RUN_EVENT_STEP_RETRY,    /* StepError with will_retry */
	RUN_EVENT_STEP_END,      /* StepComplete, StepSkipped, StepError: by the result's status */
	RUN_EVENT_INFO,          /* Info: a line for the person */
	RUN_EVENT_WARNING,
	RUN_EVENT_END /* WorkflowComplete, WorkflowError; once, always last */
};

struct run_event {
	enum run_event_type type;
	const struct workflow_step *step; /* STEP_* */
	size_t index, total;              /* 1-based number among the steps; how many there are */
	const struct step_result *result; /* STEP_END */
	struct slice backend, text;       /* OUTPUT, PROGRESS, INFO, WARNING */
	size_t done, of;                  /* PROGRESS */
	const struct step_error *error;   /* RETRY, END */
	uint64_t retry_in_ms;
	enum run_end end; /* END */
};
struct run_observer {
	void (*on_event)(struct run_observer *observer, const struct run_event *event);
};

/* Asks the person: input steps, `confirm`. `answer` is given later by run_answer. */
struct run_question {
	const struct workflow_step *step;
	struct slice text;
	struct option_strings options;
	bool is_confirmation; /* y/n, `text` is a diff */
};

struct run_preset {
	struct slice step, value; /* --answer step=value */
};

struct run_options {
	const struct workflow *workflow;
	struct config *config; /* with its runner section */
	struct mux_loop *mux_loop;
	struct loop *loop;
	struct log *log;
	struct process_watchdog *watchdog;
	struct runner_secrets *secrets;
	struct workflow_arguments arguments;
	char *const *environment;
	const char *dir;                          /* where the workflow works */
	const struct runner_team *team;           /* or NULL */
	const struct runner_ecosystem *ecosystem; /* or NULL */
	const struct runner_project *project;     /* or NULL */
	/* `team` and `ecosystem` of templates (memory.h); undefined: there is none. */
	struct value team_value, ecosystem_value;
	struct slice context; /* of --context: put before every prompt */
	size_t jobs;          /* 0: max_parallel */
	bool streams, takes_defaults /* --yes */, is_dry_run, ignores_cache, keeps_backups;
	bool confirms_edits;       /* --confirm: every apply step asks, as with confirm = "diff" */
	int64_t max_cost_microusd; /* -1: none */
	const struct run_preset *presets;
	size_t preset_count;
	struct journal *journal;              /* NULL: none is kept (dry run) */
	const struct journal_record *resumed; /* an earlier run to go on with; or NULL */
	struct run_observer *observer;
	/* NULL: nobody can be asked. */
	void (*ask)(void *data, const struct run_question *question);
	void *ask_data;
	/* Whether a workflow that a step names may be run, as it was read (trust); NULL: any may.
	 */
	bool (*allows)(void *data, const struct workflow *workflow, struct error *error);
	void *allows_data;
	/* Of the run of a sub-workflow: whose budget it spends, and what stands before the keys of
	 * its calls in the record. */
	struct run *parent;
	struct slice key_prefix;
};
#define RUN_MAX_DEPTH 16 /* of sub-workflows within each other */

/* NULL with an error that holds before anything is run (8.6: exit 2). What the options point to
 * outlives the run; the options themselves are copied. */
struct run *run_create(const struct run_options *options, struct error *error);
/* Never tells an event before it returns. */
void run_start(struct run *run);
/* The answer to the question asked last; absent: nobody answers (end of input). */
void run_answer(struct run *run, struct slice answer);
/* Stops: RUN_EVENT_END with RUN_CANCELLED follows. `now`: children are killed at once. */
void run_cancel(struct run *run, bool now);
/* Frees; cancels at once if it runs (no event follows). Not within on_event; run_cancel may be
 * called there. */
void run_release(struct run *run);

/* Valid until run_release. */
const struct run_results *run_results_of(const struct run *run);
/* What the workflow says in the end (8.3); absent: nothing. */
struct slice run_final_text(const struct run *run);
const char *run_id(const struct run *run);
struct step_usage run_usage(const struct run *run);
/* Of the failure that decided, once it is over; absent: there was none. */
struct slice run_failed_step(const struct run *run);
struct slice run_error_message(const struct run *run);
uint64_t run_duration_ms(const struct run *run);

#endif
