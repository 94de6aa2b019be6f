/* apply_action.h: what the files of an apply step share: one attempt of it (step_apply.c draws its
 * states). */
#ifndef LLMMUX_WORKFLOW_APPLY_ACTION_H
#define LLMMUX_WORKFLOW_APPLY_ACTION_H

#include "workflow/apply_work.h"
#include "workflow/query.h"

enum apply_state {
	APPLY_PLANNING,
	APPLY_ASKING,
	APPLY_WRITING,
	APPLY_VERIFYING,
	APPLY_RESTORING,
	APPLY_ASKING_AGAIN,
	APPLY_OVER
};

struct apply_action {
	struct task *task;
	enum apply_state state;
	struct apply_work *work;
	struct question question;
	struct process *verify;
	const struct process_variable *variables; /* of the verification */
	size_t variable_count;
	const char *verify_dir;
	struct slice verify_text;
	uint64_t verify_started_ms, verify_ms;
	int verify_exit;
	struct query query;         /* asks again */
	struct step_result replied; /* its answer */
	struct slice edits;         /* as they came last, for the next question */
	struct slice history;       /* what earlier rounds failed with */
	unsigned round;             /* from 1 */
	bool asks_again;            /* after restoring */
	enum failure_class class;   /* what it fails with in the end */
};

static inline bool apply_is_stopped(const struct apply_action *action) {
	return action->task->stop_reason != STOP_NOT;
}

/* ---- step_apply.c ---- */
/* Another set of edits, from a reply or as JSON. */
void apply_start_round(struct apply_action *action, struct slice text, bool is_json);
/* The error of this round, in the result; fields of a program are filled in by the caller. */
void apply_note_failure(struct apply_action *action, enum failure_class class, const char *message);
/* Ends the attempt with the error that was noted. */
void apply_end_failed(struct apply_action *action);

/* ---- apply_again.c: asking the source step's role again (7.7) ---- */
bool apply_may_ask_again(const struct apply_action *action);
/* The files are as before; another round or the end follows. */
void apply_ask_again(struct apply_action *action);

/* ---- apply_open.c: what succeeded, until it is recorded ---- */
void apply_keep_open(struct apply_action *action);

#endif
