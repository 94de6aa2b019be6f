/* gate.c: see gate.h. */
#include "mux/gate.h"

#include <stdlib.h>

#include "base/mem.h"

/* When the lane may start another call as far as time goes; 0: now. */
static uint64_t opens_at_ms(const struct gate_lane *lane, uint64_t now_ms) {
	uint64_t at_ms = lane->paused_until_ms;
	if (lane->starts_ms != NULL && lane->start_count == lane->per_minute) {
		uint64_t oldest_ms = lane->starts_ms[lane->start_at];
		uint64_t free_ms = oldest_ms + GATE_MINUTE_MS;
		at_ms = free_ms > at_ms ? free_ms : at_ms;
	}
	return at_ms > now_ms ? at_ms : 0;
}

static bool has_room(uint64_t running, uint64_t limit) {
	return limit == 0 || running < limit;
}

/* The lane whose first waiter came before all others that can go on. *next_ms gets the time at
 * which one of the rest opens; UINT64_MAX: none waits for time. */
static struct gate_lane *choose(const struct gate *gate, uint64_t now_ms, uint64_t *next_ms) {
	struct gate_lane *best = NULL;
	*next_ms = UINT64_MAX;
	for (struct gate_lane *lane = gate->lanes; lane != NULL; lane = lane->next) {
		if (lane->first == NULL || !has_room(lane->running, lane->limit)) {
			continue;
		}
		uint64_t at_ms = opens_at_ms(lane, now_ms);
		if (at_ms > 0) {
			*next_ms = at_ms < *next_ms ? at_ms : *next_ms;
		} else if (best == NULL || lane->first->number < best->first->number) {
			best = lane;
		}
	}
	return best;
}

static void unlink_waiter(struct gate_waiter *waiter) {
	struct gate_lane *lane = waiter->lane;
	*waiter->link = waiter->next;
	if (waiter->next != NULL) {
		waiter->next->link = waiter->link;
	} else {
		lane->last = waiter->link;
	}
}

static void note_start(struct gate_lane *lane, uint64_t now_ms) {
	if (lane->starts_ms == NULL) {
		return;
	}
	size_t at = (lane->start_at + lane->start_count) % lane->per_minute;
	lane->starts_ms[at] = now_ms;
	if (lane->start_count < lane->per_minute) {
		lane->start_count++;
	} else {
		lane->start_at = (lane->start_at + 1) % lane->per_minute;
	}
}

static void let_in(struct gate *gate) {
	uint64_t now_ms = loop_now_ms(gate->loop), next_ms = UINT64_MAX;
	while (has_room(gate->running, gate->limit)) {
		struct gate_lane *lane = choose(gate, now_ms, &next_ms);
		if (lane == NULL) {
			break;
		}
		struct gate_waiter *waiter = lane->first;
		unlink_waiter(waiter);
		waiter->has_turn = true;
		lane->running++;
		gate->running++;
		note_start(lane, now_ms);
		waiter->on_turn(waiter);
	}
	if (next_ms != UINT64_MAX) {
		loop_timer_start(&gate->timer, next_ms > now_ms ? next_ms - now_ms : 0);
	} else {
		loop_timer_stop(&gate->timer);
	}
}

static void on_deferred(struct loop_deferred *deferred) {
	let_in(deferred->data);
}

static void on_timer(struct loop_timer *timer) {
	let_in(timer->data);
}

void gate_init(struct gate *gate, struct loop *loop, uint64_t limit) {
	*gate = (struct gate){.loop = loop, .limit = limit};
	gate->deferred = (struct loop_deferred){.fn = on_deferred, .data = gate};
	loop_timer_init(loop, &gate->timer, on_timer, gate);
}

void gate_finish(struct gate *gate) {
	loop_timer_stop(&gate->timer);
	loop_defer_cancel(&gate->deferred);
}

void gate_add_lane(struct gate *gate, struct gate_lane *lane, uint64_t limit, uint64_t per_minute) {
	*lane = (struct gate_lane){.gate = gate, .limit = limit, .next = gate->lanes};
	lane->last = &lane->first;
	gate->lanes = lane;
	if (per_minute > 0 && per_minute <= GATE_MAX_PER_MINUTE) {
		lane->per_minute = (size_t)per_minute;
		lane->starts_ms = mem_calloc(lane->per_minute, sizeof *lane->starts_ms);
	}
}

void gate_lane_finish(struct gate_lane *lane) {
	free(lane->starts_ms);
	lane->starts_ms = NULL;
}

void gate_enter(struct gate_lane *lane, struct gate_waiter *waiter) {
	waiter->lane = lane;
	waiter->has_turn = false;
	waiter->number = lane->gate->arrivals++;
	waiter->next = NULL;
	waiter->link = lane->last;
	*lane->last = waiter;
	lane->last = &waiter->next;
	loop_defer(lane->gate->loop, &lane->gate->deferred);
}

void gate_leave(struct gate_waiter *waiter) {
	struct gate_lane *lane = waiter->lane;
	if (lane == NULL) {
		return;
	}
	if (waiter->has_turn) {
		lane->running--;
		lane->gate->running--;
	} else {
		unlink_waiter(waiter);
	}
	waiter->lane = NULL;
	waiter->has_turn = false;
	loop_defer(lane->gate->loop, &lane->gate->deferred);
}

void gate_pause(struct gate_lane *lane, uint64_t until_ms) {
	if (until_ms > lane->paused_until_ms) {
		lane->paused_until_ms = until_ms;
		loop_defer(lane->gate->loop, &lane->gate->deferred);
	}
}

uint64_t gate_opens_at_ms(const struct gate_lane *lane) {
	return opens_at_ms(lane, loop_now_ms(lane->gate->loop));
}
