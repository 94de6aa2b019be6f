/* task.c: one execution of a step: its condition, its attempts with the pauses between them, the
 * limit that ends it (workflows.md 2.4, 5.6, 5.7, 5.8). */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "workflow/run_internal.h"

#define TASK_ARENA_CAP ((size_t)256 * 1024 * 1024)
#define TASK_MAX_PAUSE_MS 60000        /* of our own back-off (2.4) */
#define TASK_MAX_ASKED_PAUSE_MS 300000 /* that a server may ask for */
#define TASK_LIMIT_SLACK_MS 5000       /* for kinds that keep the limit themselves */

static const struct step_kind *const kinds[STEP_TYPE_COUNT] = {
	[STEP_SHELL] = &step_shell,
	[STEP_QUERY] = &step_query,
	[STEP_APPLY] = &step_apply,
	[STEP_STORE] = &step_store,
	[STEP_INPUT] = &step_input,
	[STEP_WORKFLOW] = &step_workflow,
};

static const struct step_kind *kind_of(const struct task *task) {
	return kinds[task->step->type];
}

void limit_take(struct limit *limit, uint64_t at_ms, const char *what, uint64_t limit_ms) {
	if (at_ms != 0 && (limit->at_ms == 0 || at_ms < limit->at_ms)) {
		*limit = (struct limit){.at_ms = at_ms, .what = what, .limit_ms = limit_ms};
	}
}

static uint64_t now_ms(const struct task *task) {
	return loop_now_ms(task->run->options.loop);
}

uint64_t task_time_left(const struct task *task) {
	if (task->limit.at_ms == 0) {
		return 0;
	}
	uint64_t now = now_ms(task);
	return task->limit.at_ms > now ? task->limit.at_ms - now : 1;
}

struct slice task_key(const struct task *task) {
	struct arena *arena = &task->run->arena;
	struct slice key = arena_printf(arena, "%.*s%.*s", SLICE_FMT(task->run->options.key_prefix),
		SLICE_FMT(task->step->name));
	if (task->is_item) {
		key = arena_printf(arena, "%.*s/%zu", SLICE_FMT(key), task->item + 1);
	}
	return task->attempt > 1 ? arena_printf(arena, "%.*s#%u", SLICE_FMT(key), task->attempt)
				 : key;
}

/* ---- the end of an attempt ---- */

static void end_attempt(struct task *task, bool has_succeeded) {
	if (task->state != TASK_ACTING) {
		return;
	}
	task->state = TASK_ENDED;
	task->has_succeeded = has_succeeded;
	loop_timer_stop(&task->timer);
	task->next_ended = NULL;
	*task->run->last_ended = task;
	task->run->last_ended = &task->next_ended;
	run_wake(task->run);
}

void task_succeed(struct task *task) {
	end_attempt(task, true);
}

static void take_error(struct task *task, enum failure_class class, struct slice message) {
	struct step_error *error = &task->result.error;
	if (!task->result.has_error) { /* else the kind has filled in what it knows */
		*error = (struct step_error){.exit_code = -1};
	}
	task->result.has_error = true;
	error->class = class;
	error->message = message;
}

void task_fail(struct task *task, enum failure_class class, const char *format, ...) {
	va_list args;
	va_start(args, format);
	take_error(task, class, arena_vprintf(&task->run->arena, format, args));
	va_end(args);
	end_attempt(task, false);
}

/* 2.2: what a server answered says more than the kind alone. */
static enum failure_class class_of_error(const struct error *error) {
	enum failure_class class = failure_class_of(error->kind);
	if (error->http_status == 422 && class == FAILURE_PARSE) {
		return FAILURE_CONFIG;
	}
	if (error->http_status >= 500 && error->http_status != 529 &&
		(class == FAILURE_EXECUTION || class == FAILURE_RATE_LIMIT)) {
		return FAILURE_NETWORK;
	}
	return class;
}

void task_fail_error(struct task *task, const struct error *error) {
	take_error(task, class_of_error(error),
		arena_dup(&task->run->arena, slice_of(error->message)));
	if (task->result.error.http_status == 0) {
		task->result.error.http_status = error->http_status;
	}
	task->retry_after_ms = error->retry_after_ms;
	end_attempt(task, false);
}

/* ---- attempts ---- */

static void take_limits(struct task *task) {
	task->limit = task->step_run->limit;
	limit_take(&task->limit, task->run->limit.at_ms, task->run->limit.what,
		task->run->limit.limit_ms);
	/* a shell step's own limit is that of each of its runs, so that a retry can help */
	if (task->step->type == STEP_SHELL && task->step->timeout_ms > 0) {
		uint64_t limit_ms = (uint64_t)task->step->timeout_ms;
		limit_take(&task->limit, now_ms(task) + limit_ms, "its", limit_ms);
	}
}

/* What the steps behind it show in its place is a word for its output. */
static void preview(struct task *task) {
	kind_of(task)->preview(task);
	if (task->result.output.len == 0) {
		task->result.output = arena_printf(
			&task->run->arena, "<output of %.*s>", SLICE_FMT(task->step->name));
	}
	task_succeed(task);
}

static void make_attempt(struct task *task) {
	task->state = TASK_ACTING;
	task->stop_reason = STOP_NOT;
	task->attempt++;
	task->attempt_started_ms = now_ms(task);
	task->retry_after_ms = -1;
	task->result = (struct step_result){
		.step = task->step,
		.status = STEP_RUNNING,
		.output = SLICE(""),
		.exit_code = -1,
		.started_at_ms = task->result.started_at_ms,
		.usage = task->result.usage,
	};
	take_limits(task);
	if (task->run->options.is_dry_run) {
		preview(task);
		return;
	}
	if (task->limit.at_ms != 0) {
		loop_timer_start(&task->timer,
			task_time_left(task) +
				(kind_of(task)->keeps_limit ? TASK_LIMIT_SLACK_MS : 0));
	}
	kind_of(task)->start(task);
}

static void on_timer(struct loop_timer *timer) {
	struct task *task = timer->data;
	if (task->state == TASK_PAUSING) {
		make_attempt(task);
	} else {
		task_stop(task, STOP_LIMIT, false);
	}
}

/* ---- whether, and when, to try again ---- */

static bool is_retryable(const struct task *task) {
	enum failure_class class = task->result.error.class;
	const uint32_t never = 1u << FAILURE_AUTH | 1u << FAILURE_CONFIG | 1u << FAILURE_TEMPLATE |
			       1u << FAILURE_CANCELLED;
	const uint32_t usual = 1u << FAILURE_TIMEOUT | 1u << FAILURE_RATE_LIMIT |
			       1u << FAILURE_NETWORK | 1u << FAILURE_PARSE;
	uint32_t wanted = task->step->retry_on != 0 ? task->step->retry_on : usual;
	if (task->step->retry_on == 0 && task->step->type == STEP_SHELL) {
		wanted |= 1u << FAILURE_EXECUTION;
	}
	return ((wanted & ~(never | task->step->fail_on)) & 1u << class) != 0;
}

/* base * 2^n, at most a minute, and up to a quarter more; what a server asked for instead. */
static uint64_t pause_ms(const struct task *task) {
	if (task->retry_after_ms >= 0) {
		return task->retry_after_ms < TASK_MAX_ASKED_PAUSE_MS
			       ? (uint64_t)task->retry_after_ms
			       : TASK_MAX_ASKED_PAUSE_MS;
	}
	uint64_t pause = task->step->retry_delay_ms > 0 ? (uint64_t)task->step->retry_delay_ms : 0;
	for (unsigned n = 1; n < task->attempt && pause < TASK_MAX_PAUSE_MS; n++) {
		pause *= 2;
	}
	pause = pause < TASK_MAX_PAUSE_MS ? pause : TASK_MAX_PAUSE_MS;
	return pause + (pause >= 4 ? random_below((uint32_t)(pause / 4)) : 0);
}

static void append_message(struct task *task, const char *more) {
	struct slice message = task->result.error.message;
	task->result.error.message =
		arena_printf(&task->run->arena, "%.*s%s", SLICE_FMT(message), more);
}

/* False: it is over. */
static bool try_again(struct task *task) {
	bool is_stopped = task->stop_reason != STOP_NOT && task->stop_reason != STOP_LIMIT;
	if (is_stopped || task->run->state != RUN_RUNNING || task->step_run->starts_no_more ||
		task->step->type == STEP_INPUT || (int64_t)task->attempt > task->step->retries ||
		!is_retryable(task)) {
		return false;
	}
	uint64_t pause = pause_ms(task);
	struct limit whole = task->step_run->limit;
	limit_take(
		&whole, task->run->limit.at_ms, task->run->limit.what, task->run->limit.limit_ms);
	if (whole.at_ms != 0 && now_ms(task) + pause >= whole.at_ms) {
		append_message(task, "; no further try: it would come after the time limit");
		return false;
	}
	run_tell(task->run, &(struct run_event){.type = RUN_EVENT_STEP_RETRY,
				    .step = task->step,
				    .error = &task->result.error,
				    .retry_in_ms = pause});
	if (task->run->state != RUN_RUNNING) {
		return false; /* whoever was told has cancelled the run */
	}
	task->state = TASK_PAUSING;
	loop_timer_start(&task->timer, pause);
	return true;
}

/* ---- settling ---- */

/* What was stopped failed for that reason, whatever its end looked like. */
static void explain_stop(struct task *task) {
	char limit[CLOCK_TEXT_MAX];
	switch (task->stop_reason) {
	case STOP_NOT:
		return;
	case STOP_LIMIT:
		clock_format_duration((int64_t)task->limit.limit_ms, limit);
		take_error(task, FAILURE_TIMEOUT,
			arena_printf(&task->run->arena, "ran into %s time limit of %s",
				task->limit.what != NULL ? task->limit.what : "its", limit));
		task->result.error.limit_of = task->limit.what;
		return;
	case STOP_FAILED:
		take_error(task, FAILURE_CANCELLED,
			SLICE("stopped, because another step failed (fail_fast)"));
		return;
	case STOP_CANCELLED:
		take_error(task, FAILURE_CANCELLED, SLICE("cancelled"));
		return;
	}
}

static void finish(struct task *task) {
	struct step_result *result = &task->result;
	uint64_t now = now_ms(task);
	result->duration_ms = now - task->started_ms;
	result->finished_at_ms = clock_wall_ms();
	result->attempts = task->attempt;
	step_run_task_ended(task->step_run, task);
}

void task_settle(struct task *task) {
	struct step_result *result = &task->result;
	if (task->attempt > 0) {
		kind_of(task)->release(task);
	}
	if (result->status == STEP_SKIPPED || result->is_resumed) {
		step_run_task_ended(task->step_run, task);
		return;
	}
	if (task->has_succeeded) {
		result->status = STEP_OK;
		result->has_error = false;
		finish(task);
		return;
	}
	explain_stop(task);
	struct step_error *error = &result->error;
	error->attempt = task->attempt;
	error->max_attempts = (unsigned)task->step->retries + 1;
	error->duration_ms = now_ms(task) - task->attempt_started_ms;
	if (try_again(task)) {
		return;
	}
	result->status = error->class == FAILURE_CANCELLED && task->stop_reason != STOP_NOT
				 ? STEP_CANCELLED
				 : STEP_FAILED;
	finish(task);
}

/* ---- life ---- */

struct task *task_create(struct step_run *step_run, size_t item) {
	struct task *task = mem_calloc(1, sizeof *task);
	task->run = step_run->run;
	run_outermost(task->run)->tasks++;
	task->step_run = step_run;
	task->step = step_run->step;
	task->item = item;
	task->is_item = step_run->has_items;
	task->retry_after_ms = -1;
	task->started_ms = now_ms(task);
	task->result = (struct step_result){
		.step = task->step,
		.output = SLICE(""),
		.exit_code = -1,
		.started_at_ms = clock_wall_ms(),
		.usage = {.cost_microusd = -1},
	};
	arena_init(&task->arena, loop_arena_pool(task->run->options.loop), TASK_ARENA_CAP);
	loop_timer_init(task->run->options.loop, &task->timer, on_timer, task);
	task->globals = run_globals(task->run,
		task->is_item ? item_scope(step_run->items, item, &task->arena) : NULL,
		&task->arena);
	return task;
}

static void end_before_attempt(struct task *task, bool has_succeeded) {
	task->state = TASK_ACTING;
	end_attempt(task, has_succeeded);
}

/* An item that an earlier run of this record has done. */
static bool take_recorded(struct task *task) {
	const struct step_result *recorded =
		task->is_item && task->step_run->takes_recorded
			? record_find_item(task->run, task->step, task->item)
			: NULL;
	if (recorded == NULL || recorded->status != STEP_OK) {
		return false;
	}
	task->result = *recorded;
	task->result.step = task->step;
	task->result.is_resumed = true;
	return true;
}

static void note_result(void *data, const struct template_mention *mention) {
	bool *asks = data;
	if (mention->kind == TEMPLATE_MENTION_NAME &&
		(slice_is(mention->segments[0], "steps") ||
			slice_is(mention->segments[0], "groups"))) {
		*asks = true;
	}
}

/* A dry run knows no results, so it takes what depends on them for true. */
static bool can_judge(const struct task *task) {
	const struct template *condition = task->step->condition.template;
	bool asks_results = false;
	if (task->run->options.is_dry_run) {
		template_visit(condition, note_result, &asks_results);
	}
	return !asks_results;
}

void task_start(struct task *task) {
	if (take_recorded(task)) {
		end_before_attempt(task, true);
		return;
	}
	const struct step_template *condition = &task->step->condition;
	if (condition->template != NULL && !template_is_blank(condition->template) &&
		can_judge(task)) {
		struct value value;
		struct error error = {0};
		if (!run_evaluate_text(
			    task->run, condition, task->globals, &task->arena, &value, &error)) {
			task->state = TASK_ACTING;
			task_fail_error(task, &error);
			return;
		}
		if (!value_is_true(value, &task->arena)) {
			task->result.status = STEP_SKIPPED;
			task->result.skip_reason = SLICE("its condition is false");
			end_before_attempt(task, true);
			return;
		}
	}
	make_attempt(task);
}

void task_stop(struct task *task, enum stop_reason reason, bool now) {
	if (task->state == TASK_PAUSING) {
		loop_timer_stop(&task->timer);
		task->stop_reason = reason;
		end_before_attempt(task, false);
	} else if (task->state == TASK_ACTING) {
		if (task->stop_reason == STOP_NOT) {
			task->stop_reason = reason;
		}
		kind_of(task)->stop(task, now);
	}
}

void task_release(struct task *task) {
	loop_timer_stop(&task->timer);
	run_outermost(task->run)->tasks--;
	if (task->attempt > 0) {
		kind_of(task)->release(task);
	}
	arena_finish(&task->arena);
	free(task);
}
