/* loop_internal.h: the insides of a loop, shared by the files of this folder. */
#ifndef LLMMUX_LOOP_LOOP_INTERNAL_H
#define LLMMUX_LOOP_LOOP_INTERNAL_H

#include <stdatomic.h>
#include <uv.h>

#include "base/vec.h"
#include "loop/loop.h"

struct loop_posted {
	void (*fn)(void *data);
	void *data;
};

/* The place of an armed timer: what orders it lies beside its neighbours', not in the timer. */
struct loop_heap_entry {
	uint64_t at_ms;
	uint64_t number; /* of starting: equal times fire in order of starting */
	struct loop_timer *timer;
};

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t before_poll;
	uv_check_t after_poll;
	uv_idle_t no_sleep; /* active while something waits for the next turn */
	struct arena_pool arenas;
	bool is_running, is_closing;
	bool is_once; /* in loop_run_once: a turn that ran something does not sleep after it */
	_Atomic bool is_stopping;
	size_t works; /* of loop_work, not done yet */

	uv_mutex_t posted_lock;
	VEC(struct loop_posted) posted; /* under the lock */

	struct loop_deferred *deferred; /* latest first */
	struct loop_deferred *running;  /* what this pass still has to run, in order */

	uv_timer_t timer;
	uint64_t timer_at_ms; /* when `timer` fires; UINT64_MAX when it is stopped */
	uint64_t timer_number;
	VEC(struct loop_heap_entry) heap; /* item 0 is the next to fire */

	struct loop_poll *polls; /* all that live */
	struct loop_signal *signals;
};

/* loop.c: keeps the coming poll from waiting. */
void loop_no_sleep(struct loop *loop);
/* timer.c */
void loop_timers_aim(struct loop *loop);
void loop_timers_fired(uv_timer_t *handle);
void loop_timers_detach(struct loop *loop);
/* watch.c */
void loop_watches_close(struct loop *loop);

#endif
