/* role_ask.c: one backend of a role call: its turn, an attempt, the wait, the next attempt.
 *
 *   IDLE ─► WAITING ─turn─► RUNNING ─end─► CONCLUDING ─► ENDED
 *              ^                               │ a failure that another attempt may not meet
 *              └────────── BACKING_OFF ◄───────┘
 *
 * Every attempt sends the identical request, as an ordinary call of the mux. It has an arena of its
 * own, which goes with it; what is kept of it is copied. An attempt that ended is judged at the end
 * of the turn, so that its call is never released inside its own events. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "base/random.h"
#include "mux/role_internal.h"
#include "tokens/estimate.h"

#define MAX_RETRIES 1000000000 /* as good as for ever */

struct ask_attempt {
	struct chat_sink sink;
	struct ask *ask; /* NULL: the ask is over, only the memory is left */
	struct arena arena;
	struct chat_request request;
	struct mux_call *call; /* NULL: released */
	struct target target;
	size_t texts; /* parts of text that have begun */
	bool has_failed, was_refused;
	enum chat_finish_reason reason;
	struct error error;
	struct slice model;
	struct ask_attempt *next, **link; /* in named_backends.disposals, once it is over */
	struct loop_deferred disposal;
};

static struct loop *loop_of(const struct ask *ask) {
	return ask->call->mux_loop->loop;
}

void role_tell_progress(struct ask *ask, struct role_progress *progress) {
	struct role_call *call = ask->call;
	if (call->request.on_progress == NULL || call->is_released) {
		return;
	}
	progress->backend = ask->answer->backend;
	progress->attempt = ask->answer->attempts;
	progress->ended = call->ended;
	progress->total = call->plan.backend_count;
	call->request.on_progress(call->request.data, progress);
}

/* ---- an attempt ---- */

static void dispose(struct ask_attempt *attempt) {
	*attempt->link = attempt->next;
	if (attempt->next != NULL) {
		attempt->next->link = attempt->link;
	}
	arena_finish(&attempt->arena);
	free(attempt);
}

static void on_disposal(struct loop_deferred *deferred) {
	dispose(deferred->data);
}

void ask_dispose_all(struct named_backends *named) {
	while (named->disposals != NULL) {
		loop_defer_cancel(&named->disposals->disposal);
		dispose(named->disposals);
	}
}

/* The call is released at once; its memory at the end of the turn, because this may happen inside
 * one of its events. */
static void drop_attempt(struct ask *ask) {
	struct ask_attempt *attempt = ask->attempt;
	if (attempt == NULL) {
		return;
	}
	ask->attempt = NULL;
	attempt->ask = NULL;
	mux_call_release(attempt->call);
	struct named_backends *named = ask->call->mux_loop->named;
	attempt->next = named->disposals;
	if (attempt->next != NULL) {
		attempt->next->link = &attempt->next;
	}
	attempt->link = &named->disposals;
	named->disposals = attempt;
	attempt->disposal = (struct loop_deferred){.fn = on_disposal, .data = attempt};
	loop_defer(loop_of(ask), &attempt->disposal);
}

static void conclude(struct ask *ask) {
	ask->state = ASK_CONCLUDING;
	loop_defer(loop_of(ask), &ask->deferred);
}

static void take_text(struct ask_attempt *attempt, struct slice text) {
	struct ask *ask = attempt->ask;
	if (!buf_append(&ask->text, text)) {
		attempt->has_failed = true;
		error_set(&attempt->error, ERROR_TOO_LARGE,
			"the answer is longer than %zu bytes (max_output_bytes)", ask->text.limit);
		conclude(ask);
		return;
	}
	role_tell_progress(ask, &(struct role_progress){.kind = ROLE_PROGRESS_TEXT, .text = text});
}

/* workflows.md 2.2, 2.3: parts of text stand next to each other, but Anthropic's are joined by a
 * newline. */
static void begin_part(struct ask_attempt *attempt, const struct chat_event *event) {
	if (event->part_start.kind != CHAT_PART_TEXT) {
		return;
	}
	bool has_lines = mux_call_report(attempt->call)->upstream_format == FORMAT_ANTHROPIC;
	if (attempt->texts++ > 0 && has_lines) {
		take_text(attempt, SLICE("\n"));
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct ask_attempt *attempt = (struct ask_attempt *)(void *)sink;
	if (attempt->ask == NULL || attempt->ask->state != ASK_RUNNING || event->candidate != 0) {
		return;
	}
	switch (event->type) {
	case CHAT_EVENT_START:
		attempt->model = event->start.model.len > 0
					 ? arena_dup(&attempt->arena, event->start.model)
					 : attempt->model;
		break;
	case CHAT_EVENT_PART_START:
		begin_part(attempt, event);
		break;
	case CHAT_EVENT_REFUSAL_DELTA:
		attempt->was_refused = true;
		take_text(attempt, event->text);
		break;
	case CHAT_EVENT_TEXT_DELTA:
		take_text(attempt, event->text);
		break;
	case CHAT_EVENT_FINISH:
		attempt->reason = event->finish.reason;
		break;
	case CHAT_EVENT_ERROR:
		attempt->has_failed = true;
		attempt->error = *event->error.error;
		break;
	case CHAT_EVENT_END:
		conclude(attempt->ask);
		break;
	default:
		break;
	}
}

static void set_number(struct chat_number *number, double value, struct arena *arena) {
	if (!isnan(value)) {
		number->value = value;
		number->raw = arena_printf(arena, "%.15g", value);
	}
}

static void add_text(struct arena *arena, struct chat_parts *parts, struct slice text) {
	struct chat_part *part = chat_parts_push(arena, parts, CHAT_PART_TEXT);
	part->text = text;
}

/* APIs take schemas of objects alone; the prompt asks for the rest in words. */
static bool is_native_schema(struct slice schema, struct arena *arena) {
	const struct json *tree =
		schema.data != NULL ? json_parse(arena, schema, NULL, NULL) : NULL;
	return slice_is(json_string(json_get(tree, "type"), arena), "object");
}

/* One user message, and what the backend's settings say. */
static void make_request(struct ask_attempt *attempt) {
	const struct ask *ask = attempt->ask;
	const struct role_request *asked = &ask->call->request;
	const struct named_backend *backend = ask->backend;
	const struct runner_backend *settings = backend->settings;
	struct chat_request *request = &attempt->request;
	*request = (struct chat_request){
		.client_format = FORMAT_OPENAI_CHAT,
		.arena = &attempt->arena,
		.is_overridden = true, /* there are no bytes of a client */
		.model = backend->model,
		.stream = asked->streams,
		.system_role = CHAT_ROLE_SYSTEM,
	};
	struct slice system = asked->system.data != NULL ? asked->system : backend->system;
	if (system.len > 0) {
		add_text(&attempt->arena, &request->system, system);
	}
	struct chat_message *message = chat_request_push(request, CHAT_ROLE_USER);
	message->has_string_content = true;
	add_text(&attempt->arena, &message->parts, asked->prompt);
	if (backend->max_tokens > 0) {
		request->has_max_output_tokens = true;
		request->max_output_tokens = backend->max_tokens;
	}
	set_number(&request->temperature, settings->temperature, &attempt->arena);
	if (is_native_schema(asked->schema, &attempt->arena)) {
		request->response_format = (struct chat_response_format){
			.is_set = true,
			.kind = CHAT_RESPONSE_JSON_SCHEMA,
			.name = SLICE("output"),
			.schema = asked->schema,
		};
	}
}

/* The earlier of the backend's limit and the call's. */
static uint64_t deadline_of(struct ask *ask) {
	uint64_t at_ms = 0, of_call_ms = ask->call->request.deadline_ms;
	if (ask->backend->timeout_ms > 0) {
		at_ms = loop_now_ms(loop_of(ask)) + ask->backend->timeout_ms;
	}
	ask->is_limited_by_call = of_call_ms > 0 && (at_ms == 0 || of_call_ms < at_ms);
	return ask->is_limited_by_call ? of_call_ms : at_ms;
}

static void submit(struct ask *ask) {
	struct mux_loop *mux_loop = ask->call->mux_loop;
	struct ask_attempt *attempt = mem_calloc(1, sizeof *attempt);
	ask->attempt = attempt;
	attempt->ask = ask;
	attempt->sink.on_event = on_event;
	arena_init(&attempt->arena, loop_arena_pool(mux_loop->loop), 0);
	make_request(attempt);
	buf_reset(&ask->text, 0);
	ask->text.failed = false;
	const struct mux_request request = {
		.request = &attempt->request,
		.sink = &attempt->sink,
		.deadline_ms = deadline_of(ask),
		.cwd = ask->call->request.cwd,
		.variables = ask->call->request.variables,
		.variable_count = ask->call->request.variable_count,
	};
	attempt->target = (struct target){ask->backend->backend, ask->backend->model, false};
	const struct route route = {.targets = &attempt->target, .count = 1};
	attempt->call = call_submit(mux_loop, &request, ask->backend->is_model ? NULL : &route);
}

static void on_turn(struct gate_waiter *waiter) {
	struct ask *ask = waiter->data;
	ask->state = ASK_RUNNING;
	ask->answer->was_asked = true;
	ask->answer->attempts++;
	submit(ask);
	role_tell_progress(ask, &(struct role_progress){.kind = ROLE_PROGRESS_STARTED});
}

/* ---- the end ---- */

static void end(struct ask *ask) {
	ask->state = ASK_ENDED;
	gate_leave(&ask->turn);
	loop_timer_stop(&ask->backoff);
	loop_defer_cancel(&ask->deferred);
	drop_attempt(ask);
	if (ask->began_ms > 0) {
		ask->answer->duration_ms = loop_now_ms(loop_of(ask)) - ask->began_ms;
	}
}

/* Bytes of any origin as text: what is no UTF-8 becomes U+FFFD. */
static void append_repaired(struct buf *out, struct slice bytes) {
	size_t bad_at;
	while (!utf8_valid(bytes, &bad_at)) {
		buf_append(out, slice_sub(bytes, 0, bad_at));
		buf_append_str(out, "\xef\xbf\xbd");
		bytes = slice_from(bytes, bad_at + 1);
	}
	buf_append(out, bytes);
}

/* What a program printed before it failed is partial text too, though it was not told as an answer.
 */
static void take_output(struct ask *ask) {
	const struct command_outcome *command = mux_call_report(ask->attempt->call)->command;
	if (command != NULL && ask->text.len == 0) {
		append_repaired(&ask->text, command->out);
	}
}

/* What was said is kept, also of an answer that broke off. */
static bool keep_text(struct ask *ask) {
	struct slice text = buf_slice(&ask->text);
	char *copy = arena_try_alloc(ask->call->request.arena, text.len + 1);
	if (copy == NULL) {
		return false;
	}
	if (text.len > 0) {
		memcpy(copy, text.data, text.len);
	}
	copy[text.len] = '\0';
	ask->answer->text = slice_make(copy, text.len);
	return true;
}

/* 2.1: what a program printed before it failed is kept, also when nothing of it was told yet. */
static void take_printed(struct ask *ask) {
	const struct command_outcome *command =
		ask->attempt != NULL ? mux_call_report(ask->attempt->call)->command : NULL;
	if (command != NULL && ask->text.len == 0) {
		buf_append(&ask->text, command->out);
	}
}

static void fail(struct ask *ask, enum role_failure failure, const struct error *error) {
	struct role_answer *answer = ask->answer;
	take_printed(ask);
	answer->failure = failure;
	answer->error = *error;
	answer->is_success = false;
	if (ask->attempt != NULL || ask->text.len > 0) {
		keep_text(ask);
	}
	end(ask);
	role_explain_answer(ask);
}

static void give_up(struct ask *ask, enum role_failure failure, const struct error *error) {
	fail(ask, failure, error);
	role_ask_ended(ask);
}

static void note_class(struct ask *ask, enum role_failure failure) {
	if (ask->classes.len > 0) {
		buf_append_str(&ask->classes, ", ");
	}
	buf_append_str(&ask->classes, role_failure_names[failure]);
}

/* What the report of the attempt's call tells beyond its events. */
static void read_report(struct ask *ask) {
	const struct mux_report *report = mux_call_report(ask->attempt->call);
	struct role_answer *answer = ask->answer;
	struct arena *arena = ask->call->request.arena;
	struct slice model =
		ask->attempt->model.len > 0 ? ask->attempt->model : report->upstream_model;
	chat_usage_add(&answer->usage, &report->usage);
	answer->model = arena_dup(arena, model);
	answer->http_status = report->upstream_status;
	answer->exit_code = report->command != NULL ? report->command->exit_code : -1;
	answer->err = report->command != NULL ? arena_dup(arena, report->command->err)
					      : (struct slice){0};
	answer->data = NULL;
	answer->warning = arena_dup(arena, report->warning);
}

void ask_stop(struct ask *ask, enum role_failure failure, const struct error *error) {
	ask->answer->is_cancelled = failure == ROLE_FAILURE_CANCELLED;
	if (ask->attempt != NULL) {
		read_report(ask);
	}
	fail(ask, failure, error);
}

static void warn(struct ask *ask) {
	const struct mux_report *report = mux_call_report(ask->attempt->call);
	struct slice *warning = &ask->answer->warning;
	if (warning->len > 0) {
		return;
	}
	if (report->command != NULL && report->command->is_repaired) {
		*warning = SLICE("the output was not UTF-8: bad bytes became U+FFFD");
	} else if (ask->attempt->reason == CHAT_FINISH_LENGTH) {
		*warning = SLICE("the answer was cut at the limit of tokens (max_tokens)");
	} else if (ask->attempt->was_refused || ask->attempt->reason == CHAT_FINISH_REFUSAL ||
		   ask->attempt->reason == CHAT_FINISH_CONTENT_FILTER) {
		*warning = SLICE("the model refused to answer, or its answer was filtered");
	} else if (ask->text.len == 0) {
		*warning = SLICE("the answer is empty");
	}
}

/* Only parsed JSON whose bytes were copied outlives the attempt. */
static const struct json *keep_data(struct ask *ask) {
	const struct command_outcome *command = mux_call_report(ask->attempt->call)->command;
	struct arena *arena = ask->call->request.arena;
	if (command == NULL || command->data == NULL) {
		return NULL;
	}
	return json_parse(arena, arena_dup(arena, json_raw(command->data)), NULL, NULL);
}

static void succeed(struct ask *ask) {
	struct role_answer *answer = ask->answer;
	struct role_request *request = &ask->call->request;
	struct error error;
	if (!keep_text(ask)) {
		error_set(&error, ERROR_TOO_LARGE,
			"the answer of %zu bytes does not fit the memory of this call",
			ask->text.len);
		give_up(ask, ROLE_FAILURE_EXECUTION, &error);
		return;
	}
	warn(ask);
	answer->data = keep_data(ask);
	bool is_accepted =
		request->accept == NULL || request->accept(request->data, answer->text, &error);
	if (ask->call->is_released) {
		return;
	}
	if (!is_accepted) {
		note_class(ask, ROLE_FAILURE_PARSE);
		give_up(ask, ROLE_FAILURE_PARSE, &error);
		return;
	}
	answer->is_success = true;
	end(ask);
	role_ask_ended(ask);
}

/* False when there would be no time for it; says so in the error. */
static bool has_time_for(struct ask *ask, uint64_t wait_ms, struct error *error) {
	uint64_t deadline_ms = ask->call->request.deadline_ms, now_ms = loop_now_ms(loop_of(ask));
	if (deadline_ms == 0 || now_ms + wait_ms < deadline_ms) {
		return true;
	}
	char wait[CLOCK_TEXT_MAX], left[CLOCK_TEXT_MAX];
	clock_format_duration((int64_t)wait_ms, wait);
	clock_format_duration(deadline_ms > now_ms ? (int64_t)(deadline_ms - now_ms) : 0, left);
	role_set_message(error,
		arena_printf(ask->call->request.arena,
			"not tried again, because the wait of %s is longer than the %s that are "
			"left; %s",
			wait, left, error->message));
	return false;
}

/* Rank 20: after a rate limit nobody asks this backend before the wait is over. */
static void back_off(
	struct ask *ask, uint64_t wait_ms, enum role_failure failure, const struct error *error) {
	ask->state = ASK_BACKING_OFF;
	gate_leave(&ask->turn);
	if (failure == ROLE_FAILURE_RATE_LIMIT) {
		gate_pause(&ask->backend->lane, loop_now_ms(loop_of(ask)) + wait_ms);
	}
	loop_timer_start(&ask->backoff, wait_ms);
	drop_attempt(ask);
	role_tell_progress(ask,
		&(struct role_progress){
			.kind = ROLE_PROGRESS_RETRYING, .error = error, .retry_in_ms = wait_ms});
}

static void judge_failure(struct ask *ask) {
	const struct runner_backend *settings = ask->backend->settings;
	const struct mux_report *report = mux_call_report(ask->attempt->call);
	struct error error = ask->attempt->error;
	enum role_failure failure = role_failure_of(&error, report);
	unsigned attempt = ask->answer->attempts - 1;
	uint64_t wait_ms = retry_wait_ms(&error, settings, attempt, random_below(RETRY_JITTER_ONE));
	role_failure_set_kind(failure, &error);
	note_class(ask, failure);
	bool is_told_not_to = error.retry_hint < 0 && failure == ROLE_FAILURE_NETWORK;
	bool is_retried = role_failure_is_retried(failure, settings) && !is_told_not_to &&
			  ask->answer->attempts < ask->answer->max_attempts;
	if (is_retried && has_time_for(ask, wait_ms, &error)) {
		back_off(ask, wait_ms, failure, &error);
		return;
	}
	if (failure == ROLE_FAILURE_RATE_LIMIT && error.retry_after_ms >= 0) {
		gate_pause(&ask->backend->lane, loop_now_ms(loop_of(ask)) + wait_ms);
	}
	give_up(ask, failure, &error);
}

static void on_deferred(struct loop_deferred *deferred) {
	struct ask *ask = deferred->data;
	read_report(ask);
	if (ask->attempt->has_failed) {
		take_output(ask);
		judge_failure(ask);
	} else {
		succeed(ask);
	}
}

/* ---- turns ---- */

/* A pause or a full minute that lasts longer than the call's time is not worth waiting for. */
static void wait_for_turn(struct ask *ask) {
	uint64_t deadline_ms = ask->call->request.deadline_ms;
	uint64_t opens_ms = gate_opens_at_ms(&ask->backend->lane);
	ask->state = ASK_WAITING;
	if (deadline_ms > 0 && opens_ms >= deadline_ms) {
		char pause[CLOCK_TEXT_MAX];
		struct error error;
		uint64_t now_ms = loop_now_ms(loop_of(ask));
		clock_format_duration((int64_t)(opens_ms - now_ms), pause);
		error_set(&error, ERROR_RATE_LIMIT,
			"it may be asked again in %s, by a pause after a rate limit or by "
			"requests_per_minute, and that is longer than the time that is left",
			pause);
		give_up(ask, ROLE_FAILURE_RATE_LIMIT, &error);
		return;
	}
	gate_enter(&ask->backend->lane, &ask->turn);
}

static void on_backoff(struct loop_timer *timer) {
	wait_for_turn(timer->data);
}

void ask_init(struct ask *ask, struct role_call *call, struct role_answer *answer,
	struct slice backend_name) {
	struct loop *loop = call->mux_loop->loop;
	*ask = (struct ask){.call = call, .answer = answer};
	ask->backend = named_find(call->mux_loop->named, backend_name);
	ask->turn = (struct gate_waiter){.on_turn = on_turn, .data = ask};
	ask->deferred = (struct loop_deferred){.fn = on_deferred, .data = ask};
	loop_timer_init(loop, &ask->backoff, on_backoff, ask);
	answer->backend = arena_strdup(call->request.arena, backend_name);
	answer->exit_code = -1;
	answer->text = SLICE("");
	chat_usage_init(&answer->usage);
	error_set(&answer->error, ERROR_CANCELLED, "not needed");
	answer->failure = ROLE_FAILURE_CANCELLED;
	answer->is_cancelled = true;
}

/* workflows.md 11, rank 23. */
static bool check_prompt(const struct ask *ask, struct error *error) {
	int64_t most = ask->backend->settings->max_prompt_tokens;
	int64_t tokens = most > 0 ? tokens_estimate(ask->call->request.prompt) : 0;
	return tokens <= most ||
	       error_set(error, ERROR_CONFIGURATION,
		       "the prompt has about %lld tokens, and the backend's max_prompt_tokens "
		       "allows %lld",
		       (long long)tokens, (long long)most);
}

void ask_begin(struct ask *ask) {
	struct error error;
	const struct runner_backend *settings = ask->backend->settings;
	ask->began_ms = loop_now_ms(loop_of(ask));
	ask->answer->is_cancelled = false;
	if (!check_prompt(ask, &error)) {
		give_up(ask, ROLE_FAILURE_CONFIG, &error);
		return;
	}
	if (!named_make(ask->call->mux_loop->named, ask->backend, &error)) {
		role_failure_set_kind(ROLE_FAILURE_UNAVAILABLE, &error);
		give_up(ask, ROLE_FAILURE_UNAVAILABLE, &error);
		return;
	}
	int64_t limit = settings->max_output_bytes;
	buf_init(&ask->text, limit > 0 ? (size_t)limit : 0);
	int64_t retries = settings->max_retries;
	ask->answer->max_attempts = 1 + (unsigned)(retries < MAX_RETRIES ? retries : MAX_RETRIES);
	error_clear(&ask->answer->error);
	ask->answer->failure = ROLE_FAILURE_NONE;
	wait_for_turn(ask);
}

void ask_finish(struct ask *ask) {
	if (ask->call->mux_loop != NULL && ask->state != ASK_ENDED) {
		end(ask);
	}
	buf_finish(&ask->text);
	buf_finish(&ask->classes);
}
