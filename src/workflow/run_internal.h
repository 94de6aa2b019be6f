/* run_internal.h: what the files of a run share.
 *
 *   run.c      one run: starts steps as the scheduler says, ends, cancels
 *    └ step_run.c   one step: its items, the sum of their results
 *       └ task.c      one execution of a step, for an item or for none: condition, attempts, limits
 *          └ step_*.c    one attempt, by type: struct step_kind
 *
 * Each owns the one below it and is told of its end once. What ends does not call up the stack but
 * queues the task with its run, which looks at it at the end of the turn (run_wake): no depth, and
 * whoever is on the stack may be freed then. */
#ifndef LLMMUX_WORKFLOW_RUN_INTERNAL_H
#define LLMMUX_WORKFLOW_RUN_INTERNAL_H

#include "loop/loop.h"
#include "proc/process.h"
#include "workflow/run.h"
#include "workflow/scheduler.h"
#include "workflow/values.h"

struct task;
struct step_run;
struct question;
struct open_apply;
struct run_dir;

/* A time when something must be over; the earliest of several counts and is named. */
struct limit {
	uint64_t at_ms; /* on the loop's clock; 0: never */
	const char *what;
	uint64_t limit_ms;
};
void limit_take(struct limit *limit, uint64_t at_ms, const char *what, uint64_t limit_ms);

/* Why a task is made to end before its time. */
enum stop_reason {
	STOP_NOT,
	STOP_LIMIT,  /* its own, the step's, the group's, the run's: task->limit */
	STOP_FAILED, /* another failed and fail_fast is set */
	STOP_CANCELLED
};

/* How an attempt of one type of step is made. */
struct step_kind {
	/* Begins; task_succeed or task_fail follows once, maybe before it returns. */
	void (*start)(struct task *task);
	/* Makes it end soon (task_succeed or task_fail follows); `now`: at once, children are
	 * killed. May be called again, at first without and then with `now`. */
	void (*stop)(struct task *task, bool now);
	/* Frees task->action, of an attempt that ended or is given up; nothing follows. */
	void (*release)(struct task *task);
	/* A dry run: renders into the result what can be rendered, without any effect. */
	void (*preview)(struct task *task);
	/* It keeps task->limit itself; the task's own timer is there for the worst case. */
	bool keeps_limit;
};
extern const struct step_kind step_shell, step_query, step_apply, step_store, step_input,
	step_workflow;

enum task_state {
	TASK_WAITING,
	TASK_ACTING,  /* an attempt is being made */
	TASK_PAUSING, /* between two attempts */
	TASK_ENDED    /* queued with the run, or settled */
};

/* One execution of a step. */
struct task {
	struct run *run;
	struct step_run *step_run;
	const struct workflow_step *step;
	size_t item; /* 0-based */
	bool is_item;
	enum task_state state;
	enum stop_reason stop_reason;
	bool has_succeeded;
	struct limit limit; /* the earliest, of this attempt */
	struct loop_timer timer;
	uint64_t started_ms, attempt_started_ms;
	unsigned attempt;                   /* from 1 */
	int64_t retry_after_ms;             /* what a server asked for; -1: nothing */
	struct arena arena;                 /* scratch, dies with the task */
	struct value globals;               /* what its templates see */
	struct step_result result;          /* texts in the run's arena */
	void *action;                       /* of the kind */
	struct slice bad_reply, bad_reason; /* of the attempt before, for the repair (2.7) */
	struct task *next_ended;
};

/* One step that was started. */
struct step_run {
	struct run *run;
	const struct workflow_step *step;
	struct step_run *next, **link; /* in run->active */
	struct limit limit;            /* of the whole step */
	bool has_items;
	const struct value_list *items;
	size_t count; /* tasks in all */
	struct task **tasks;
	struct step_result *results; /* per task, once it has ended */
	size_t next_task, running, ended;
	bool starts_no_more;
	bool takes_recorded; /* what the record has of it, or of its items, stands */
	uint64_t started_ms;
	int64_t started_at_ms;
};

enum run_state {
	RUN_CREATED,
	RUN_RUNNING,
	RUN_STOPPING, /* cancelled, or out of time: nothing starts any more */
	RUN_OVER
};

struct run {
	struct run_options options;
	const struct workflow *workflow;
	const struct runner_config *runner;
	struct arena arena;
	struct run_results results;
	struct scheduler scheduler;
	enum run_state state;
	enum run_end end;
	struct step_run *active;
	struct task *first_ended, **last_ended;
	struct loop_deferred wake;
	struct loop_timer timer; /* the workflow's own limit */
	struct limit limit;
	uint64_t started_ms;
	uint64_t *group_limits; /* per group: when it must be over; 0: never or not begun */
	const char *id;
	const char *dir;         /* where its files are; NULL until one is needed */
	struct run_dir *own_dir; /* of files that go with the run; NULL: none yet */
	bool writes_step_files;  /* the record does not */
	char nested_hash[65];    /* of a sub-workflow and its arguments; empty until asked for */
	struct step_usage usage;
	size_t tasks, most_tasks; /* of the whole tree of runs: the outermost run's */
	bool has_told_start;
	bool has_run_again; /* a step that the record did not have */
	bool has_failed;    /* a step failed and was not continued */
	const struct workflow_step *failed_step;
	struct step_error error;
	struct question *questions;       /* the first is asked */
	struct process_variable *exports; /* LLM_MUX_STEP_*, per step; NULL until one is needed */
	struct open_apply *open_applies;  /* succeeded, and not yet recorded */
	struct slice final_text;
};

/* ---- run.c ---- */
/* Looks at what has ended and starts what may start, at the end of this turn. */
void run_wake(struct run *run);
void run_tell(struct run *run, struct run_event *event); /* index and total are filled in */
void run_inform(struct run *run, enum run_event_type type, const struct workflow_step *step,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The outermost of the runs that this one is within. */
struct run *run_outermost(struct run *run);
/* A step is over: records, tells, lets others start. */
void run_step_ended(struct run *run, const struct workflow_step *step);
/* The record cannot be kept: the run fails and stops. */
void run_record_failed(struct run *run, const struct error *error);
/* Adds what a call used, here and in the runs above. */
void run_spend(struct run *run, const struct step_usage *usage);
/* What is spent already, of the whole tree of runs. */
int64_t run_spent_microusd(struct run *run);

/* ---- record.c: what the journal is told and gives back; nothing without one ---- */
/* Steps of sub-workflows are recorded too, so that a resume does not repeat what they did. */
void record_step_started(struct run *run, const struct workflow_step *step);
void record_step_ended(struct run *run, const struct step_result *result);
void record_item_ended(struct run *run, const struct step_result *result, size_t item);
void record_run_ended(struct run *run, const char *status);
/* Finished ones of the run that is resumed; NULL: none. */
const struct step_result *record_find_step(struct run *run, const struct workflow_step *step);
const struct step_result *record_find_item(
	struct run *run, const struct workflow_step *step, size_t item);
/* Of sub-workflows too. False: the record could not be kept, and the run stops. */
bool record_call_ended(struct run *run, struct slice key, struct slice prompt_hash,
	const struct step_result *result);
const struct step_result *record_find_call(struct run *run, const struct workflow_step *step,
	struct slice key, struct slice prompt_hash);
bool record_apply_began(
	struct run *run, const struct workflow_step *step, size_t item, struct slice backup_dir);
bool record_apply_ended(struct run *run, const struct workflow_step *step, struct slice backup_dir);

/* ---- question.c ---- */
struct question {
	struct run_question text;
	/* The person's answer; absent: there is none. The question has left the queue. */
	void (*on_answer)(struct question *question, struct slice answer);
	struct question *next;
	bool is_waiting, is_asked;
};
bool run_can_ask(const struct run *run);
void question_ask(struct run *run, struct question *question);
/* No answer comes any more; a no-op when it does not wait. */
void question_drop(struct run *run, struct question *question);

/* ---- run_files.c ---- */
/* The directory of the run's files: the record's, else a private one that goes with the run. NULL
 * with an error when it cannot be made. */
const char *run_files_dir(struct run *run, struct error *error);
/* DIR/<step>.txt, where the output of an ended step is; NULL when it has none. */
const char *run_step_file(struct run *run, size_t step, struct arena *arena);
bool run_keep_file(struct run *run, struct slice name, struct slice bytes, struct error *error);
/* Removes what is not the record's, once nobody uses it any more. */
void run_files_finish(struct run *run);
/* Work that may outlive the run keeps its directory. NULL where it is the record's. */
struct run_dir *run_dir_ref(struct run *run);
void run_dir_unref(struct run_dir *dir); /* accepts NULL */

/* ---- globals.c ---- */
/* What templates of the run see; `extra` (may be NULL) is looked into first. */
struct value run_globals(struct run *run, const struct value_map *extra, struct arena *arena);

/* With another scope around it instead of the run's. */
struct value run_globals_within(
	struct run *run, const struct value_map *extra, struct value outer, struct arena *arena);

/* ---- render.c ---- */
bool step_template_is_given(const struct step_template *text);
/* The text in the arena; absent with an error at its place in the file. A template that is not
 * given is empty. */
struct slice run_render_text(const struct run *run, const struct step_template *text,
	struct value globals, struct arena *arena, struct error *error);
bool run_evaluate_text(const struct run *run, const struct step_template *text,
	struct value globals, struct arena *arena, struct value *out, struct error *error);
/* As run_render_text; fails the task. False: it has failed. */
bool task_render(struct task *task, const struct step_template *text, struct slice *out);

/* ---- items.c ---- */
/* The items of a step: of `for_each` (5.7) or of `matrix`, in the arena. NULL: there is no room for
 * them, or the matrix has more than ITEMS_MAX_CELLS. */
const struct value_list *items_of_value(struct value value, struct arena *arena);
#define ITEMS_MAX_CELLS ((size_t)100000)
const struct value_list *items_of_matrix(const struct workflow_step *step, struct arena *arena);
/* `item`, `index`, `loop` of one item. */
const struct value_map *item_scope(
	const struct value_list *items, size_t index, struct arena *arena);

/* ---- step_run.c ---- */
void step_run_start(struct run *run, const struct workflow_step *step);
/* A task has ended; the last one ends the step. */
void step_run_task_ended(struct step_run *step_run, struct task *task);
void step_run_stop(struct step_run *step_run, enum stop_reason reason, bool now);
void step_run_release(struct step_run *step_run);

/* ---- task.c ---- */
struct task *task_create(struct step_run *step_run, size_t item);
void task_start(struct task *task);
/* Called by the run with a task that ended: another attempt, or its step is told. */
void task_settle(struct task *task);
void task_stop(struct task *task, enum stop_reason reason, bool now);
void task_release(struct task *task);
/* How an attempt ends, exactly once; the result's fields are filled in before. */
void task_succeed(struct task *task);
void task_fail(struct task *task, enum failure_class class, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* With an error of the program: its class, message, status and the delay a server asked for. */
void task_fail_error(struct task *task, const struct error *error);
/* "fix", "fix/2" an item, "fix#2" a second attempt, with the prefix of a sub-workflow: names a
 * task's calls in the record. */
struct slice task_key(const struct task *task);
/* Milliseconds until the limit; 0: there is none. Never 0 with a limit. */
uint64_t task_time_left(const struct task *task);

/* ---- roles.c ---- */
/* The plan of a query step (3.1), in the arena. */
bool role_resolve(const struct run *run, const struct workflow_step *step, struct arena *arena,
	struct role_plan *plan, struct error *error);

/* ---- prompt.c ---- */
/* The whole prompt of a query: context files, the text, the block of the schema, and of a failed
 * attempt what was wrong. False: the task has failed. */
bool prompt_make(
	struct task *task, const struct workflow_step *step, struct slice text, struct slice *out);
/* An answer against the step's schema or its wish for JSON. */
bool answer_check(const struct workflow_step *step, struct slice text, struct arena *arena,
	const struct json **data, struct error *error);

/* ---- cost.c ---- */
/* Of one answer, by its model's price. */
void usage_of_answer(
	const struct run *run, const struct role_answer *answer, struct step_usage *usage);
/* What asking so many tokens of the plan's backends costs, without the answers; -1: no price. */
int64_t cost_of_prompt(const struct run *run, const struct role_plan *plan, int64_t tokens);
void usage_init(struct step_usage *usage);
void usage_add(struct step_usage *usage, const struct step_usage *more);
/* False with an error when asking the plan's backends for this prompt would go beyond --max-cost.
 */
bool cost_allows(
	struct run *run, const struct role_plan *plan, struct slice prompt, struct error *error);

/* ---- command.c ---- */
/* A shell command as a process of the step: wrapper, variables, directory. */
struct command {
	const char *const *argv;
	const char *cwd;
	struct slice input; /* absent: none */
	uint64_t timeout_ms;
	struct slice text; /* as shown */
};
/* `sh -c text` in the workflow's directory. */
void command_of_shell(struct run *run, const char *shell, struct slice text, struct arena *arena,
	struct command *command);
/* A program without a shell. */
void command_of_argv(struct run *run, const struct slice *words, size_t count, struct arena *arena,
	struct command *command);
/* The directory of the step's programs: its `cwd`, within the workflow's. False: the task has
 * failed. */
bool task_directory(struct task *task, const char **dir);
/* The variables of the step's programs: the workflow's and the step's own, and for commands of
 * steps the arguments and outputs (6.6). False: the task has failed. */
bool task_variables(struct task *task, bool exports_outputs, const struct process_variable **items,
	size_t *count);
/* NULL: the task has failed (the variables could not be made, or the program not started). */
struct process *command_start(struct task *task, const struct command *command, void *data,
	void (*on_done)(void *data, const struct process_result *result));
/* With variables that were made before; NULL with an error, and the task goes on. */
struct process *command_start_with(struct task *task, const struct command *command,
	const struct process_variable *variables, size_t count, void *data,
	void (*on_done)(void *data, const struct process_result *result), struct error *error);
/* A copy that is valid UTF-8: bad sequences become U+FFFD. */
struct slice text_repair(struct slice bytes, struct arena *arena);

/* ---- apply_open.c ---- */
/* The step (SIZE_MAX), or its item, is recorded as ended: what it applied stays, its backup goes.
 */
void apply_close(struct run *run, const struct workflow_step *step, size_t item);
/* The run is freed. */
void apply_close_all(struct run *run);

/* ---- job.c: blocking work for a task, on the loop's workers ---- */
struct job {
	void (*work)(struct job *job); /* on another thread; touches the job alone */
	void (*done)(struct job *job); /* on the loop; not after job_abandon */
	void (*drop)(struct job *job); /* instead of done when abandoned; then frees the job */
	void *owner;
	bool is_abandoned;
	struct arena arena;
	struct error error;
	bool is_ok;
};
/* False when the loop has no workers: then nothing was begun. */
bool job_start(struct loop *loop, struct job *job);

#endif
