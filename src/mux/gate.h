/* gate.h: whose turn it is. A gate lets at most so many calls run at once; each of its lanes (one
 * per backend) has a cap of its own, may be paused, and may have a limit per minute.
 *
 *   gate_enter(lane, waiter) ──► on_turn ──► ... ──► gate_leave(waiter)
 *
 * First come, first served: among lanes that can go on, the waiter that came first is next; a lane
 * that cannot holds nobody up but its own. */
#ifndef LLMMUX_MUX_GATE_H
#define LLMMUX_MUX_GATE_H

#include "loop/loop.h"

#define GATE_MINUTE_MS 60000
/* More per minute than this is no limit: no loop starts that many. */
#define GATE_MAX_PER_MINUTE 1000000

struct gate_lane;

struct gate {
	struct loop *loop;
	uint64_t limit; /* calls at once; 0: any number */
	uint64_t running;
	uint64_t arrivals; /* numbers waiters */
	struct gate_lane *lanes;
	struct loop_timer timer; /* a lane that waits for time */
	struct loop_deferred deferred;
};

struct gate_waiter {
	struct gate_lane *lane; /* NULL: neither waits nor runs */
	struct gate_waiter *next, **link;
	uint64_t number;
	bool has_turn;
	void (*on_turn)(struct gate_waiter *waiter);
	void *data;
};

struct gate_lane {
	struct gate *gate;
	struct gate_lane *next;
	uint64_t limit, running; /* as in the gate */
	uint64_t paused_until_ms;
	/* The times of the last starts, a ring of per_minute entries; NULL: no limit. */
	uint64_t *starts_ms;
	size_t per_minute, start_at, start_count;
	struct gate_waiter *first, **last;
};

void gate_init(struct gate *gate, struct loop *loop, uint64_t limit);
/* Nobody waits any more; no on_turn follows. */
void gate_finish(struct gate *gate);
/* Adds a lane; 0: no limit. The lane must outlive the gate's use. */
void gate_add_lane(struct gate *gate, struct gate_lane *lane, uint64_t limit, uint64_t per_minute);
void gate_lane_finish(struct gate_lane *lane);

/* Waits for a turn; on_turn comes at the end of the turn of the loop at the earliest. A zeroed
 * waiter with on_turn and data. */
void gate_enter(struct gate_lane *lane, struct gate_waiter *waiter);
/* Gives the turn back, or waits no longer. Does nothing for one that does neither. */
void gate_leave(struct gate_waiter *waiter);
/* Nobody of the lane gets a turn before that time; a longer pause stays. */
void gate_pause(struct gate_lane *lane, uint64_t until_ms);
/* When the lane's pause or its full minute is over, on the loop's clock; 0: now. */
uint64_t gate_opens_at_ms(const struct gate_lane *lane);

#endif
