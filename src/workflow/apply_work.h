/* apply_work.h: the part of an apply step that touches files, on a worker: one set of edits from
 * its text to the written files and back.
 *
 *   apply_work_new ─ PLAN ─► diff ─ WRITE ─► written ─┬ RESTORE ─► as before
 *                                                     └ FORGET  ─► the backup is gone
 *
 * One phase at a time. Abandoned with files written, it puts them back before it is freed. */
#ifndef LLMMUX_WORKFLOW_APPLY_WORK_H
#define LLMMUX_WORKFLOW_APPLY_WORK_H

#include "workflow/apply.h"
#include "workflow/run_internal.h"

enum apply_phase {
	APPLY_PLAN,
	APPLY_WRITE,
	APPLY_RESTORE,
	APPLY_FORGET
};

struct apply_work {
	struct job job; /* the first member; job.is_ok and job.error say how a phase went */
	enum apply_phase phase;
	bool is_busy;
	struct slice text; /* the reply, or the edits as JSON */
	bool is_json;
	struct apply_rules rules;
	struct apply_plan plan;
	struct slice diff, files_json;
	const char *backup_dir;
	struct run_dir *run_dir;
	bool needs_clean_git; /* rollback = "git" */
	bool is_written;
	void (*on_phase)(struct apply_work *work);
};

/* The texts are copied. `owner` and on_phase are for the caller. */
struct apply_work *apply_work_new(
	const struct task *task, struct slice text, bool is_json, const char *backup_dir);
/* on_phase follows. False: there is no worker. */
bool apply_work_start(struct loop *loop, struct apply_work *work, enum apply_phase phase);
/* No on_phase follows; files that are written are put back; frees. */
void apply_work_abandon(struct apply_work *work);
/* Frees what is at rest, and leaves the files as they are. */
void apply_work_free(struct apply_work *work);
/* Removes the backup on a worker and frees; nobody waits. */
void apply_work_forget(struct loop *loop, struct apply_work *work);

/* ---- apply_source.c ---- */
/* What a step applies: its inline edits, or what its source says. False: the task has failed. */
bool apply_source(struct task *task, struct slice *text, bool *is_json);
/* The question to the source step's role after a failure (7.7), without the context and schema that
 * the source step adds itself. False: the task has failed. */
bool apply_retry_prompt(struct task *task, struct slice original, struct slice edits,
	const struct step_error *error, struct slice history, struct slice *out);

#endif
