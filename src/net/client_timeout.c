/* client_timeout.c: the timeouts of a call, on one timer.
 *
 * Bytes only leave a time stamp; the timer looks at it when it fires and goes on waiting for what
 * is left. So a chunk costs no timer operation. */
#include <stddef.h>

#include "net/client_internal.h"

struct deadline {
	uint64_t at_ms;
	enum call_failure failure;
};

static void consider(
	struct deadline *deadline, uint64_t from_ms, unsigned after_ms, enum call_failure failure) {
	if (after_ms > 0 && from_ms + after_ms < deadline->at_ms) {
		*deadline = (struct deadline){from_ms + after_ms, failure};
	}
}

static struct deadline next_deadline(const struct client_call *call) {
	const struct client_timeouts *timeouts = &call->timeouts;
	struct deadline deadline = {UINT64_MAX, CALL_FAILURE_NONE};
	consider(&deadline, call->started_ms, timeouts->total_ms, CALL_FAILURE_TOTAL_TIMEOUT);
	if (!call->is_connected) {
		consider(&deadline, call->connecting_ms, timeouts->connect_ms,
			CALL_FAILURE_CONNECT_TIMEOUT);
		consider(&deadline, call->h1.address_ms, call->h1.address_limit_ms,
			CALL_FAILURE_ADDRESS_TIMEOUT);
	} else if (!call->has_head) {
		consider(&deadline, call->sent_ms, timeouts->first_byte_ms,
			CALL_FAILURE_FIRST_BYTE_TIMEOUT);
	} else if (!call->is_paused) {
		consider(&deadline, call->heard_ms, timeouts->idle_ms, CALL_FAILURE_IDLE_TIMEOUT);
	}
	return deadline;
}

void call_timer_arm(struct client_call *call) {
	struct deadline deadline = next_deadline(call);
	/* A timer that fires too early looks again; only an earlier deadline must be set. */
	if (deadline.failure == CALL_FAILURE_NONE ||
		(loop_timer_is_armed(&call->timer) && call->timer.at_ms <= deadline.at_ms)) {
		return;
	}
	uint64_t now = loop_now_ms(call->client->loop);
	loop_timer_start(&call->timer, deadline.at_ms > now ? deadline.at_ms - now : 0);
}

void call_timer_fire(struct loop_timer *timer) {
	struct client_call *call = timer->data;
	struct deadline deadline = next_deadline(call);
	if (deadline.failure == CALL_FAILURE_NONE) {
		return;
	}
	if (deadline.at_ms > loop_now_ms(call->client->loop)) {
		call_timer_arm(call);
	} else if (deadline.failure == CALL_FAILURE_ADDRESS_TIMEOUT) {
		h1_next_address(call);
	} else {
		call_fail(call, deadline.failure);
	}
}
