/* call.c: one request: route -> attempt -> hold -> observe -> sink, and the next attempt.
 *
 *   QUEUED --> RUNNING --> ENDED --> RELEASED
 *     ^   retry |  ^
 *     +---------+  | FAILING: an error found before anything ran, told at the end of the turn
 *                  | COUNTING: nobody else counts the tokens
 *
 * An attempt that fails before its first real event, with an error that another account may not
 * have, is followed by one on the next account (never the same again), then by the next backend
 * that has the model. At most 1 + request-retry attempts are made; of those whose answer had begun
 * with a 2xx, bootstrap-retries are repeated (gateway.md 5.6, 6.3). */
#include "base/clock.h"
#include "mux/mux_internal.h"

enum call_state {
	CALL_QUEUED,   /* the next attempt starts at the end of the turn */
	CALL_FAILING,  /* `error` is told at the end of the turn */
	CALL_RUNNING,  /* an attempt is under way */
	CALL_COUNTING, /* here: `count`, or at the end of the turn */
	CALL_ENDED,    /* the sink got `end` */
	CALL_RELEASED, /* by its owner, or its loop is gone */
};

struct mux_call {
	struct chat_sink observer; /* behind the hold: what it gets, the sink gets */
	struct mux_hold hold;
	struct mux_loop *mux_loop;
	struct mux_call *next, **link; /* in mux_loop->calls */
	enum call_state state;
	struct mux_request request;
	struct arena *arena;
	struct route route;
	size_t target_at;
	struct number_set tried; /* accounts of the current target's backend */
	struct backend *backend; /* of the attempt */
	struct backend_call *attempt;
	struct count_job *count; /* under way on another thread */
	struct loop_deferred deferred;
	struct loop_timer deadline;
	unsigned late_failures; /* attempts that failed after their answer had begun */
	bool is_paused, is_fanned_out;
	struct signature_watch *watch; /* NULL: the answer has nothing to watch yet */
	struct error *error;           /* NULL: none; the most telling of the failed attempts */
	struct mux_report report;
	struct chat_losses losses;
};

static const struct target *current_target(const struct mux_call *call) {
	return &call->route.targets[call->target_at];
}

/* ---- what passes ---- */

/* LT-2: proofs that the client's dialect may not carry back are kept here. A fanned-out call's
 * parts do it themselves. */
static void keep_signatures(struct mux_call *call, const struct chat_event *event) {
	struct mux *mux = call->mux_loop->mux;
	const struct chat_request *chat = call->request.request;
	if (call->watch == NULL) {
		bool is_thinking = event->type == CHAT_EVENT_PART_START &&
				   event->part_start.kind == CHAT_PART_THINKING;
		if ((!is_thinking && event->type != CHAT_EVENT_TOOL_START) ||
			mux->signatures == NULL || call->is_fanned_out ||
			call->report.upstream_format == chat->client_format) {
			return;
		}
		call->watch = ARENA_NEW(call->arena, struct signature_watch);
		call->watch->cache = mux->signatures;
		call->watch->upstream = call->report.upstream_format;
		call->watch->family = model_family_of(call->report.upstream_model);
		call->watch->arena = call->arena;
	}
	signatures_watch(call->watch, event, loop_now_ms(call->mux_loop->loop));
}

static void observe(struct mux_call *call, const struct chat_event *event) {
	switch (event->type) {
	case CHAT_EVENT_USAGE:
		chat_usage_merge(&call->report.usage, event->usage);
		break;
	case CHAT_EVENT_START:
	case CHAT_EVENT_WIRE:
	case CHAT_EVENT_PING:
		break;
	case CHAT_EVENT_ERROR:
		break;
	case CHAT_EVENT_END:
		call->state = CALL_ENDED;
		loop_timer_stop(&call->deadline);
		break;
	default:
		if (call->report.first_event_ns == 0) {
			call->report.first_event_ns = clock_monotonic_ns();
		}
		break;
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct mux_call *call = (struct mux_call *)(void *)sink;
	observe(call, event);
	keep_signatures(call, event);
	chat_sink_send(call->request.sink, event);
}

/* ---- the end of a call without an answer ---- */

static void on_counted(void *data, int64_t tokens, bool is_exact) {
	struct mux_call *call = data;
	call->count = NULL;
	call->report.is_estimated_count = !is_exact;
	send_count(&call->hold.sink, call->request.request->model, tokens, !is_exact);
}

static void count_here(struct mux_call *call) {
	call->state = CALL_COUNTING;
	hold_drop(&call->hold);
	call->count = count_start(call->mux_loop, call->request.request,
		call->report.upstream_model, on_counted, call);
}

/* TC-2: a count is answered here when the body was fine and no upstream could count. */
static bool wants_count(const struct mux_call *call) {
	enum error_kind kind = call->error->kind;
	return call->request.request->op == CHAT_OP_COUNT && call->report.attempts > 0 &&
	       (error_kind_info(kind)->is_retryable || kind == ERROR_METHOD ||
		       kind == ERROR_NOT_SUPPORTED ||
		       (kind == ERROR_NOT_FOUND && call->error->native_type[0] == '\0'));
}

static void fail(struct mux_call *call) {
	if (wants_count(call)) {
		count_here(call);
		return;
	}
	on_event(&call->observer,
		&(struct chat_event){.type = CHAT_EVENT_ERROR, .error.error = call->error});
	if (call->state != CALL_RELEASED) {
		on_event(&call->observer, &(struct chat_event){.type = CHAT_EVENT_END});
	}
}

/* ---- attempts ---- */

/* The target's, or the one that makes several calls of the request; those go the rest of the route
 * themselves. */
static struct backend *choose_backend(struct mux_call *call) {
	const struct target *target = current_target(call);
	const struct chat_request *chat = call->request.request;
	if (!fanout_is_needed(target, chat)) {
		return target->backend;
	}
	const struct route rest = {.targets = target, .count = call->route.count - call->target_at};
	call->target_at = call->route.count - 1;
	call->is_fanned_out = true;
	return fanout_create(&rest, chat, call->arena);
}

/* Arms the timer of the whole call, unless the attempt's backend does so itself. */
static void keep_time(struct mux_call *call) {
	if (call->request.deadline_ms == 0 || call->backend->kind->keeps_time) {
		loop_timer_stop(&call->deadline);
		return;
	}
	uint64_t now_ms = loop_now_ms(call->mux_loop->loop), at_ms = call->request.deadline_ms;
	loop_timer_start(&call->deadline, at_ms > now_ms ? at_ms - now_ms : 0);
}

static void start_attempt(struct mux_call *call) {
	const struct target *target = current_target(call);
	struct mux_report *report = &call->report;
	call->backend = choose_backend(call);
	call->losses.len = 0;
	report->backend = target->backend->name;
	report->account = NULL;
	report->upstream_model = target->model;
	report->is_spliced = false;
	report->forces_name = target->forces_name;
	report->returned.len = 0;
	report->upstream_status = 0;
	report->was_cut = false;
	report->warning = (struct slice){0};
	report->command = NULL;
	report->attempts++;
	struct backend_request request = {
		.mux_loop = call->mux_loop,
		.request = call->request.request,
		.model = target->model,
		.takes_wire = call->request.takes_wire,
		.client_headers = call->request.client_headers,
		.arena = call->arena,
		.sink = &call->hold.sink,
		.tried = &call->tried,
		.report = report,
		.losses = &call->losses,
		.deadline_ms = call->request.deadline_ms,
		.cwd = call->request.cwd,
		.variables = call->request.variables,
		.variable_count = call->request.variable_count,
	};
	call->state = CALL_RUNNING;
	call->attempt = call->backend->kind->submit(call->backend, &request);
	keep_time(call);
	if (call->is_paused) {
		call->backend->kind->pause(call->attempt);
	}
}

static void end_attempt(struct mux_call *call) {
	if (call->attempt != NULL) {
		call->backend->kind->release(call->attempt);
		call->attempt = NULL;
	}
}

/* True when the next attempt has somewhere to go; moves to it. */
static bool find_next(struct mux_call *call) {
	const struct backend_kind *kind = call->backend->kind;
	if (kind->can_retry && kind->can_retry(call->backend, &call->tried)) {
		return true;
	}
	if (call->target_at + 1 == call->route.count) {
		return false;
	}
	call->target_at++;
	call->tried = (struct number_set){0};
	return true;
}

static bool may_retry(struct mux_call *call, const struct error *error) {
	const struct error_kind_info *info = error_kind_info(error->kind);
	const struct config *config = call->mux_loop->mux->config;
	if (!info->is_retryable || (error->retry_hint < 0 && !info->is_account_fault)) {
		return false;
	}
	if (hold_has_begun(&call->hold) && call->late_failures++ >= config->bootstrap_retries) {
		return false;
	}
	return call->report.attempts <= config->request_retry && find_next(call);
}

/* The time is up, whatever the call is about. */
static void on_deadline(struct loop_timer *timer) {
	struct mux_call *call = timer->data;
	loop_defer_cancel(&call->deferred);
	end_attempt(call);
	call->error = call->error != NULL ? call->error : ARENA_NEW(call->arena, struct error);
	error_set(call->error, ERROR_TIMEOUT, "%s gave no whole answer within the time limit",
		call->report.account != NULL ? call->report.account : call->report.backend);
	fail(call);
}

/* The last answer of an upstream says more than a connection that failed; of two waits the shorter
 * one counts (gateway.md 5.6). */
static void keep_error(struct mux_call *call, const struct error *error) {
	bool is_transport = error->kind == ERROR_NETWORK || error->kind == ERROR_TIMEOUT;
	if (call->error != NULL && is_transport) {
		return;
	}
	bool same_kind = call->error != NULL && call->error->kind == error->kind;
	int64_t wait_ms = same_kind ? call->error->retry_after_ms : -1;
	if (call->error == NULL) {
		call->error = ARENA_NEW(call->arena, struct error);
	}
	*call->error = *error;
	if (wait_ms >= 0 && wait_ms < error->retry_after_ms) {
		call->error->retry_after_ms = wait_ms;
	}
}

static void on_failed(struct mux_hold *hold, const struct error *error) {
	struct mux_call *call =
		(struct mux_call *)(void *)((char *)hold - offsetof(struct mux_call, hold));
	keep_error(call, error);
	if (may_retry(call, error)) {
		log_debug(call->mux_loop->mux->log, "%s failed (%s), trying another",
			call->report.account != NULL ? call->report.account : call->report.backend,
			error_kind_info(error->kind)->name);
		hold_drop(hold);
		call->state = CALL_QUEUED;
		loop_defer(call->mux_loop->loop, &call->deferred);
		return;
	}
	fail(call);
}

static const struct hold_owner hold_owner = {.on_failed = on_failed};

static void on_deferred(struct loop_deferred *deferred) {
	struct mux_call *call = deferred->data;
	end_attempt(call);
	if (call->state == CALL_FAILING) {
		fail(call);
	} else if (call->state == CALL_COUNTING) {
		count_here(call);
	} else {
		start_attempt(call);
	}
}

/* ---- the public face ---- */

struct mux_call *mux_submit(struct mux_loop *mux_loop, const struct mux_request *request) {
	return call_submit(mux_loop, request, NULL);
}

/* Finds the route and what the name's suffix says. */
static bool find_route(struct mux_call *call, struct error *error) {
	const struct chat_request *chat = call->request.request;
	const struct registry *registry = &call->mux_loop->mux->registry;
	if (!registry_resolve(registry, chat->model, call->arena, &call->route, error)) {
		return false;
	}
	if (call->route.reasoning != NULL) {
		call->request.request = format_override_reasoning(chat, call->route.reasoning);
		call->report.request = call->request.request;
	}
	return true;
}

static void begin(struct mux_call *call) {
	const struct chat_request *chat = call->request.request;
	const struct config *config = call->mux_loop->mux->config;
	if (chat->op == CHAT_OP_COUNT && config->counts_locally) {
		call->report.upstream_model = current_target(call)->model;
		call->state = CALL_COUNTING;
		loop_defer(call->mux_loop->loop, &call->deferred);
		return;
	}
	if (chat->stream && chat->op == CHAT_OP_CHAT) {
		hold_start_timer(&call->hold, (uint64_t)config->timeouts.hold_ms);
	}
	start_attempt(call);
}

struct mux_call *call_submit(
	struct mux_loop *mux_loop, const struct mux_request *request, const struct route *route) {
	const struct chat_request *chat = request->request;
	struct mux_call *call = ARENA_NEW(chat->arena, struct mux_call);
	call->observer.on_event = on_event;
	call->mux_loop = mux_loop;
	call->request = *request;
	call->arena = chat->arena;
	call->deferred.fn = on_deferred;
	call->deferred.data = call;
	call->losses.arena = chat->arena;
	call->report.losses = &call->losses;
	call->report.request = chat;
	chat_usage_init(&call->report.usage);
	hold_init(&call->hold, mux_loop->loop, chat->arena, &call->observer, &hold_owner);
	loop_timer_init(mux_loop->loop, &call->deadline, on_deadline, call);

	call->next = mux_loop->calls;
	if (call->next != NULL) {
		call->next->link = &call->next;
	}
	call->link = &mux_loop->calls;
	mux_loop->calls = call;

	struct error error;
	if (route != NULL) {
		call->route = *route;
	}
	if (route != NULL || find_route(call, &error)) {
		begin(call);
	} else {
		keep_error(call, &error);
		call->state = CALL_FAILING;
		loop_defer(mux_loop->loop, &call->deferred);
	}
	return call;
}

struct mux_call *mux_embed(struct mux_loop *mux_loop, const struct embed_request *request,
	struct chat_sink *sink, const struct http_headers *client_headers) {
	struct chat_request *chat = ARENA_NEW(request->arena, struct chat_request);
	*chat = (struct chat_request){.client_format = request->client_format,
		.op = CHAT_OP_EMBED,
		.arena = request->arena,
		.body = request->body,
		.tree = request->tree,
		.model = request->model,
		.embed = request};
	const struct mux_request submitted = {
		.request = chat, .sink = sink, .client_headers = client_headers};
	return mux_submit(mux_loop, &submitted);
}

const struct mux_report *mux_call_report(const struct mux_call *call) {
	return &call->report;
}

void mux_call_pause(struct mux_call *call) {
	if (!call->is_paused && call->attempt != NULL) {
		call->backend->kind->pause(call->attempt);
	}
	call->is_paused = true;
}

void mux_call_resume(struct mux_call *call) {
	if (call->is_paused && call->attempt != NULL) {
		call->backend->kind->resume(call->attempt);
	}
	call->is_paused = false;
}

void call_abandon(struct mux_call *call) {
	call->state = CALL_RELEASED;
	hold_close(&call->hold);
	loop_timer_stop(&call->deadline);
	loop_defer_cancel(&call->deferred);
	count_cancel(call->count);
	end_attempt(call);
	*call->link = call->next;
	if (call->next != NULL) {
		call->next->link = call->link;
	}
}

void mux_call_release(struct mux_call *call) {
	if (call->state != CALL_RELEASED) {
		call_abandon(call);
	}
}

void send_count(struct chat_sink *sink, struct slice model, int64_t tokens, bool is_estimated) {
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.input_uncached = tokens;
	usage.is_estimated = is_estimated;
	const struct chat_event events[] = {
		{.type = CHAT_EVENT_START, .start.model = model},
		{.type = CHAT_EVENT_USAGE, .usage = &usage},
		{.type = CHAT_EVENT_FINISH, .finish.reason = CHAT_FINISH_STOP},
		{.type = CHAT_EVENT_END},
	};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		chat_sink_send(sink, &events[i]);
	}
}
