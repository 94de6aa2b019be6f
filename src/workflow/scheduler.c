/* scheduler.c: the order of steps: edges, D3, and how many run at once. */
#include "workflow/scheduler.h"

#include <stdlib.h>

static const struct workflow_step *step_at(const struct scheduler *scheduler, size_t place) {
	return &scheduler->workflow->steps.items[scheduler->workflow->order[place]];
}

/* ---- the heap of ready steps ---- */

static void heap_push(struct scheduler *scheduler, size_t place) {
	size_t *heap = scheduler->heap;
	size_t at = scheduler->heap_len++;
	while (at > 0 && heap[(at - 1) / 2] > place) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = place;
}

static size_t heap_pop(struct scheduler *scheduler) {
	size_t *heap = scheduler->heap;
	size_t least = heap[0];
	size_t place = heap[--scheduler->heap_len];
	size_t at = 0;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < scheduler->heap_len && heap[child + 1] < heap[child]) {
			child++;
		}
		if (child >= scheduler->heap_len || heap[child] >= place) {
			break;
		}
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = place;
	return least;
}

/* ---- becoming ready ---- */

static bool may_start(const struct scheduler *scheduler, const struct workflow_step *step) {
	return scheduler->steps[step->number].edges_left == 0 &&
	       (!step->waits_for_earlier || scheduler->frontier >= step->earlier_count) &&
	       (!step->waits_for_earlier_actions ||
		       scheduler->action_frontier >= step->earlier_count);
}

static void consider(struct scheduler *scheduler, const struct workflow_step *step) {
	struct scheduler_step *own = &scheduler->steps[step->number];
	if (own->state == SCHEDULER_WAITING && may_start(scheduler, step)) {
		own->state = SCHEDULER_READY;
		heap_push(scheduler, step->position);
	}
}

static bool is_done(const struct scheduler *scheduler, const struct workflow_step *step) {
	return scheduler->steps[step->number].state == SCHEDULER_DONE;
}

/* Moves both frontiers and looks at those that waited for just that. */
static void advance(struct scheduler *scheduler) {
	size_t count = scheduler->workflow->steps.len;
	while (scheduler->frontier < count &&
		is_done(scheduler, step_at(scheduler, scheduler->frontier))) {
		scheduler->frontier++;
	}
	while (scheduler->action_frontier < count) {
		const struct workflow_step *step = step_at(scheduler, scheduler->action_frontier);
		if (step->type != STEP_QUERY && !is_done(scheduler, step)) {
			break;
		}
		scheduler->action_frontier++;
	}
	while (scheduler->earlier_at < scheduler->earlier_len) {
		const struct workflow_step *step =
			step_at(scheduler, scheduler->by_earlier[scheduler->earlier_at]);
		if (step->earlier_count > scheduler->frontier) {
			break;
		}
		scheduler->earlier_at++;
		consider(scheduler, step);
	}
	while (scheduler->actions_at < scheduler->actions_len) {
		const struct workflow_step *step =
			step_at(scheduler, scheduler->by_actions[scheduler->actions_at]);
		if (step->earlier_count > scheduler->action_frontier) {
			break;
		}
		scheduler->actions_at++;
		consider(scheduler, step);
	}
}

/* ---- making ---- */

/* Who waits for whom: the edges turned round, in one array. */
static void index_waiters(struct scheduler *scheduler, struct arena *arena) {
	const struct workflow *workflow = scheduler->workflow;
	size_t edges = 0;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		for (size_t e = 0; e < step->edges.len; e++) {
			scheduler->steps[step->edges.items[e].step].waiter_count++;
		}
		scheduler->steps[i].edges_left = (uint32_t)step->edges.len;
		edges += step->edges.len;
	}
	scheduler->waiters = ARENA_ARRAY(arena, uint32_t, edges + 1);
	uint32_t at = 0;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		scheduler->steps[i].first_waiter = at;
		at += scheduler->steps[i].waiter_count;
		scheduler->steps[i].waiter_count = 0;
	}
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		for (size_t e = 0; e < step->edges.len; e++) {
			struct scheduler_step *before =
				&scheduler->steps[step->edges.items[e].step];
			scheduler->waiters[before->first_waiter + before->waiter_count++] =
				(uint32_t)i;
		}
	}
}

static int by_earlier_count(const void *a, const void *b, void *data) {
	const struct scheduler *scheduler = data;
	size_t left = step_at(scheduler, *(const size_t *)a)->earlier_count;
	size_t right = step_at(scheduler, *(const size_t *)b)->earlier_count;
	return left < right ? -1 : left > right;
}

void scheduler_init(struct scheduler *scheduler, const struct workflow *workflow,
	size_t max_running, struct arena *arena) {
	size_t count = workflow->steps.len;
	*scheduler = (struct scheduler){
		.workflow = workflow,
		.max_running = max_running,
		.steps = ARENA_ARRAY(arena, struct scheduler_step, count + 1),
		.heap = ARENA_ARRAY(arena, size_t, count + 1),
		.by_earlier = ARENA_ARRAY(arena, size_t, count + 1),
		.by_actions = ARENA_ARRAY(arena, size_t, count + 1),
	};
	index_waiters(scheduler, arena);
	for (size_t place = 0; place < count; place++) {
		const struct workflow_step *step = step_at(scheduler, place);
		if (step->waits_for_earlier) {
			scheduler->by_earlier[scheduler->earlier_len++] = place;
		} else if (step->waits_for_earlier_actions) {
			scheduler->by_actions[scheduler->actions_len++] = place;
		} else {
			consider(scheduler, step);
		}
	}
	qsort_r(scheduler->by_earlier, scheduler->earlier_len, sizeof(size_t), by_earlier_count,
		scheduler);
	qsort_r(scheduler->by_actions, scheduler->actions_len, sizeof(size_t), by_earlier_count,
		scheduler);
	advance(scheduler);
}

/* ---- running ---- */

size_t scheduler_next(struct scheduler *scheduler) {
	while (scheduler->running < scheduler->max_running && scheduler->heap_len > 0) {
		const struct workflow_step *step = step_at(scheduler, heap_pop(scheduler));
		struct scheduler_step *own = &scheduler->steps[step->number];
		if (own->state == SCHEDULER_READY) { /* else it was ended while it waited here */
			own->state = SCHEDULER_RUNNING;
			scheduler->running++;
			return step->number;
		}
	}
	return SCHEDULER_NONE;
}

void scheduler_end(struct scheduler *scheduler, size_t step) {
	struct scheduler_step *own = &scheduler->steps[step];
	if (own->state == SCHEDULER_DONE) {
		return;
	}
	if (own->state == SCHEDULER_RUNNING) {
		scheduler->running--;
	}
	own->state = SCHEDULER_DONE;
	scheduler->done++;
	for (uint32_t w = 0; w < own->waiter_count; w++) {
		uint32_t waiter = scheduler->waiters[own->first_waiter + w];
		scheduler->steps[waiter].edges_left--;
		consider(scheduler, &scheduler->workflow->steps.items[waiter]);
	}
	advance(scheduler);
}

bool scheduler_is_pending(const struct scheduler *scheduler, size_t step) {
	return scheduler->steps[step].state <= SCHEDULER_READY;
}

bool scheduler_is_finished(const struct scheduler *scheduler) {
	return scheduler->done == scheduler->workflow->steps.len;
}
