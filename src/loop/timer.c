/* timer.c: any number of timers in a binary heap over one timer of libuv. */
#include "loop/loop_internal.h"

static bool is_before(const struct loop_heap_entry *a, const struct loop_heap_entry *b) {
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void heap_set(struct loop *loop, size_t slot, struct loop_heap_entry entry) {
	loop->heap.items[slot] = entry;
	entry.timer->heap_slot = slot + 1;
}

/* Puts an entry where it belongs, starting from a free slot. */
static void heap_place(struct loop *loop, size_t slot, struct loop_heap_entry entry) {
	struct loop_heap_entry *items = loop->heap.items;
	while (slot > 0 && is_before(&entry, &items[(slot - 1) / 2])) {
		heap_set(loop, slot, items[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * slot + 1;
		if (child + 1 < loop->heap.len && is_before(&items[child + 1], &items[child])) {
			child++;
		}
		if (child >= loop->heap.len || is_before(&entry, &items[child])) {
			break;
		}
		heap_set(loop, slot, items[child]);
		slot = child;
	}
	heap_set(loop, slot, entry);
}

/* Makes libuv's timer fire for the first of the heap. It may fire earlier than needed (a restarted
 * timer leaves the old time behind) but never later: moving it at each restart would cost more than
 * the idle wake-up. */
void loop_timers_aim(struct loop *loop) {
	if (loop->heap.len == 0) {
		if (loop->timer_at_ms != UINT64_MAX) {
			uv_timer_stop(&loop->timer);
			loop->timer_at_ms = UINT64_MAX;
		}
		return;
	}
	uint64_t at_ms = loop->heap.items[0].at_ms;
	if (at_ms < loop->timer_at_ms) {
		uint64_t now = uv_now(&loop->uv);
		uv_timer_start(&loop->timer, loop_timers_fired, at_ms > now ? at_ms - now : 0, 0);
		loop->timer_at_ms = at_ms;
	}
}

static void heap_remove(struct loop *loop, struct loop_timer *timer) {
	size_t slot = timer->heap_slot - 1;
	struct loop_heap_entry last = loop->heap.items[--loop->heap.len];
	timer->heap_slot = 0;
	if (last.timer != timer) {
		heap_place(loop, slot, last);
	}
}

void loop_timers_fired(uv_timer_t *handle) {
	struct loop *loop = handle->data;
	uint64_t now = uv_now(&loop->uv);
	/* Timers started from here on wait for the next turn, even with no delay: sockets get their
	 * share. */
	uint64_t end = loop->timer_number;
	/* Keeps the callbacks from aiming: it is done once below. */
	loop->timer_at_ms = 0;
	while (loop->heap.len > 0 && loop->heap.items[0].at_ms <= now &&
		loop->heap.items[0].number < end) {
		struct loop_timer *timer = loop->heap.items[0].timer;
		heap_remove(loop, timer);
		timer->fn(timer);
		if (loop->is_once) {
			loop_no_sleep(loop);
		}
	}
	loop->timer_at_ms = UINT64_MAX;
	if (loop->heap.len > 0 && loop->heap.items[0].at_ms <= now) {
		/* libuv would run its timer again in this very turn, for ever: aim after the poll.
		 */
		uv_timer_stop(handle);
		loop_no_sleep(loop);
	} else {
		loop_timers_aim(loop);
	}
}

void loop_timers_detach(struct loop *loop) {
	for (size_t i = 0; i < loop->heap.len; i++) {
		loop->heap.items[i].timer->heap_slot = 0;
	}
	VEC_FINISH(&loop->heap);
}

void loop_timer_init(
	struct loop *loop, struct loop_timer *timer, void (*fn)(struct loop_timer *), void *data) {
	*timer = (struct loop_timer){.loop = loop, .fn = fn, .data = data};
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms) {
	struct loop *loop = timer->loop;
	if (!loop->is_running) {
		uv_update_time(&loop->uv); /* its clock stands still between runs */
	}
	uint64_t now = uv_now(&loop->uv);
	timer->at_ms = delay_ms < UINT64_MAX - 1 - now ? now + delay_ms : UINT64_MAX - 1;
	struct loop_heap_entry entry = {timer->at_ms, loop->timer_number++, timer};
	size_t slot = timer->heap_slot;
	if (slot == 0) {
		(void)VEC_PUSH(&loop->heap);
		slot = loop->heap.len;
	}
	heap_place(loop, slot - 1, entry);
	loop_timers_aim(loop);
}

void loop_timer_stop(struct loop_timer *timer) {
	if (timer->heap_slot != 0) {
		heap_remove(timer->loop, timer);
		loop_timers_aim(timer->loop);
	}
}

bool loop_timer_is_armed(const struct loop_timer *timer) {
	return timer->heap_slot != 0;
}
