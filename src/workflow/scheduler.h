/* scheduler.h: which steps may start now (workflows.md 5.5). Pure bookkeeping over the graph: it
 * runs nothing and knows no results.
 *
 *   waiting ── edges done, earlier ones done (D3) ──► ready ─ scheduler_next ─► running ─► done
 *      └────────── scheduler_stop: skipped, but for those that run after failures ──────► done
 *
 * A step waits for its edges, and by D3 for what stands earlier in workflow->order. Two frontiers
 * tell the latter: how many leading places of the order are done, and how many are done or queries.
 * Ready steps wait in a heap by their place in the order, so that one job at a time runs exactly
 * that order. */
#ifndef LLMMUX_WORKFLOW_SCHEDULER_H
#define LLMMUX_WORKFLOW_SCHEDULER_H

#include "workflow/workflow.h"

#define SCHEDULER_NONE SIZE_MAX

enum scheduler_state {
	SCHEDULER_WAITING,
	SCHEDULER_READY,
	SCHEDULER_RUNNING,
	SCHEDULER_DONE
};

struct scheduler_step {
	enum scheduler_state state;
	uint32_t edges_left;
	uint32_t first_waiter; /* into waiters: who waits for this step */
	uint32_t waiter_count;
};

struct scheduler {
	const struct workflow *workflow;
	struct scheduler_step *steps; /* by number */
	uint32_t *waiters;
	size_t *heap; /* places of ready steps */
	size_t heap_len;
	size_t frontier, action_frontier; /* leading places of the order */
	size_t earlier_at, actions_at;    /* how far by_earlier, by_actions were looked at */
	size_t *by_earlier, *by_actions;  /* places of those that wait so, by earlier_count */
	size_t earlier_len, actions_len;
	size_t running, done, max_running;
};

/* Everything in the arena. `max_running` at least 1. */
void scheduler_init(struct scheduler *scheduler, const struct workflow *workflow,
	size_t max_running, struct arena *arena);
/* The number of a step to start now, which counts as running; SCHEDULER_NONE when none may. */
size_t scheduler_next(struct scheduler *scheduler);
/* A running or waiting step is over: ended, or will not be run. */
void scheduler_end(struct scheduler *scheduler, size_t step);
/* Whether the step has neither begun nor ended. */
bool scheduler_is_pending(const struct scheduler *scheduler, size_t step);
bool scheduler_is_finished(const struct scheduler *scheduler);

#endif
