/* role.c: the modes of a role: who is asked when, and what becomes of it all (workflows.md 3.2).
 *
 *   first     the first that can be asked; another only when it turns out that it cannot (D2)
 *   fallback  one after the other until one answers
 *   parallel  all at once
 *
 * Answers stand in the plan's order, whatever order they came in. */
#include "mux/role.h"

#include <stdlib.h>

#include "base/mem.h"
#include "mux/role_internal.h"

const char *const role_mode_names[] = {
	[ROLE_FIRST] = "first",
	[ROLE_FALLBACK] = "fallback",
	[ROLE_PARALLEL] = "parallel",
	NULL,
};

static size_t needed_of(const struct role_plan *plan) {
	return plan->mode == ROLE_PARALLEL && plan->min_success > 0 ? plan->min_success : 1;
}

static size_t successes_of(const struct role_call *call) {
	size_t count = 0;
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		count += call->answers[i].is_success ? 1 : 0;
	}
	return count;
}

/* ---- the end ---- */

static void conclude(struct role_call *call) {
	size_t needed = needed_of(&call->plan);
	struct role_result *result = ARENA_NEW(call->request.arena, struct role_result);
	loop_timer_stop(&call->deadline);
	call->is_done = true;
	result->answers = call->answers;
	result->count = call->plan.backend_count;
	result->is_success = successes_of(call) >= needed;
	for (size_t i = 0; i < result->count && result->first == NULL; i++) {
		result->first = call->answers[i].is_success ? &call->answers[i] : NULL;
	}
	if (!result->is_success) {
		role_explain_result(call, result, needed);
	}
	call->request.on_done(call->request.data, result);
}

/* Whether the next backend is asked after that one failed. */
static bool falls_over(const struct role_call *call, const struct role_answer *answer) {
	uint64_t deadline_ms = call->request.deadline_ms;
	if (deadline_ms > 0 && loop_now_ms(call->mux_loop->loop) >= deadline_ms) {
		return false;
	}
	return call->plan.mode == ROLE_FALLBACK || call->plan.first_falls_over ||
	       answer->failure == ROLE_FAILURE_UNAVAILABLE;
}

static void tell_ended(struct ask *ask) {
	const struct role_answer *answer = ask->answer;
	ask->call->ended++;
	role_tell_progress(ask, &(struct role_progress){.kind = ROLE_PROGRESS_ENDED,
					.text = answer->text,
					.error = answer->is_success ? NULL : &answer->error});
}

/* Those that were not needed: asked in vain, or not at all. */
static void cancel_rest(struct role_call *call) {
	struct error error;
	error_set(&error, ERROR_CANCELLED, "not needed any more: enough backends have answered");
	for (size_t i = 0; i < call->plan.backend_count && !call->is_released; i++) {
		if (call->asks[i].state != ASK_ENDED) {
			ask_stop(&call->asks[i], ROLE_FAILURE_CANCELLED, &error);
			tell_ended(&call->asks[i]);
		}
	}
}

static void ask_next(struct role_call *call) {
	ask_begin(&call->asks[call->asked++]);
}

void role_ask_ended(struct ask *ask) {
	struct role_call *call = ask->call;
	size_t count = call->plan.backend_count;
	tell_ended(ask);
	if (call->is_released || call->is_done) {
		return;
	}
	if (call->plan.mode == ROLE_PARALLEL) {
		if (call->plan.cancels_rest && successes_of(call) >= needed_of(&call->plan)) {
			cancel_rest(call);
		}
		if (call->ended == count && !call->is_released) {
			conclude(call);
		}
	} else if (!ask->answer->is_success && call->asked < count &&
		   falls_over(call, ask->answer)) {
		ask_next(call);
	} else {
		conclude(call);
	}
}

/* Whoever waits, for its turn or for another attempt, waits in vain. Attempts under way end by
 * themselves: they know the time. */
static void on_deadline(struct loop_timer *timer) {
	struct role_call *call = timer->data;
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		struct ask *ask = &call->asks[i];
		bool waits = ask->state == ASK_WAITING || ask->state == ASK_BACKING_OFF;
		if (!waits || call->is_released || call->is_done) {
			continue;
		}
		struct error error;
		error_set(&error, ERROR_TIMEOUT, "the time was up while it waited %s",
			ask->state == ASK_WAITING ? "for its turn" : "to be asked again");
		ask->is_limited_by_call = true;
		ask_stop(ask, ROLE_FAILURE_TIMEOUT, &error);
		role_ask_ended(ask);
	}
}

/* ---- the public face ---- */

static void begin(struct role_call *call) {
	size_t count = call->plan.backend_count;
	if (count == 0) {
		conclude(call);
	} else if (call->plan.mode != ROLE_PARALLEL) {
		ask_next(call);
	} else {
		while (call->asked < count && !call->is_released && !call->is_done) {
			ask_next(call);
		}
	}
}

static void dispose(struct role_call *call) {
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		ask_finish(&call->asks[i]);
	}
	if (call->mux_loop != NULL) {
		loop_timer_stop(&call->deadline);
		loop_defer_cancel(&call->deferred);
		*call->link = call->next;
		if (call->next != NULL) {
			call->next->link = call->link;
		}
	}
	free(call->asks);
	free(call);
}

static void on_deferred(struct loop_deferred *deferred) {
	struct role_call *call = deferred->data;
	if (call->is_released) {
		dispose(call);
	} else {
		begin(call);
	}
}

struct role_call *role_submit(struct mux_loop *mux_loop, const struct role_request *request) {
	struct role_call *call = mem_calloc(1, sizeof *call);
	size_t count = request->plan->backend_count;
	call->mux_loop = mux_loop;
	call->plan = *request->plan;
	call->request = *request;
	call->asks = mem_calloc(count + 1, sizeof *call->asks);
	call->answers = ARENA_ARRAY(request->arena, struct role_answer, count + 1);
	if (mux_loop->named == NULL) {
		mux_loop->named = named_create(mux_loop);
	}
	for (size_t i = 0; i < count; i++) {
		ask_init(&call->asks[i], call, &call->answers[i], call->plan.backends[i]);
	}
	call->next = mux_loop->role_calls;
	if (call->next != NULL) {
		call->next->link = &call->next;
	}
	call->link = &mux_loop->role_calls;
	mux_loop->role_calls = call;
	loop_timer_init(mux_loop->loop, &call->deadline, on_deadline, call);
	if (request->deadline_ms > 0) {
		uint64_t now_ms = loop_now_ms(mux_loop->loop);
		loop_timer_start(&call->deadline,
			request->deadline_ms > now_ms ? request->deadline_ms - now_ms : 0);
	}
	call->deferred = (struct loop_deferred){.fn = on_deferred, .data = call};
	loop_defer(mux_loop->loop, &call->deferred);
	return call;
}

/* Nothing runs any more. */
static void stop(struct role_call *call) {
	loop_timer_stop(&call->deadline);
	loop_defer_cancel(&call->deferred);
	for (size_t i = 0; i < call->plan.backend_count; i++) {
		ask_finish(&call->asks[i]);
	}
}

void role_call_release(struct role_call *call) {
	call->is_released = true;
	if (call->mux_loop == NULL) {
		dispose(call);
		return;
	}
	stop(call);
	/* Its own functions may be on the stack. */
	loop_defer(call->mux_loop->loop, &call->deferred);
}

void role_abandon_all(struct mux_loop *mux_loop) {
	while (mux_loop->role_calls != NULL) {
		struct role_call *call = mux_loop->role_calls;
		stop(call);
		if (call->is_released) {
			dispose(call);
			continue;
		}
		mux_loop->role_calls = call->next;
		if (call->next != NULL) {
			call->next->link = &mux_loop->role_calls;
		}
		call->mux_loop = NULL;
	}
}
