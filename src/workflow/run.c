/* run.c: the life of a run: which steps start, what a failure means for the rest, how it ends. */
#include "workflow/journal.h"
#include "workflow/run_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

/* Results are kept for the whole run: the cap is on what one run may hold. */
#define RUN_ARENA_CAP ((size_t)2 * 1024 * 1024 * 1024)
#define RUN_ID_LEN 8
#define DESCRIPTORS_OF_PROGRAM 64
#define DESCRIPTORS_OF_TASK 5

static void on_wake(struct loop_deferred *deferred);
static void on_limit(struct loop_timer *timer);

/* ---- events ---- */

void run_tell(struct run *run, struct run_event *event) {
	if (event->step != NULL) {
		event->index = event->step->number + 1;
	}
	event->total = run->workflow->steps.len;
	if (run->options.observer != NULL) {
		run->options.observer->on_event(run->options.observer, event);
	}
}

void run_inform(struct run *run, enum run_event_type type, const struct workflow_step *step,
	const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(&run->arena, format, args);
	va_end(args);
	run_tell(run, &(struct run_event){.type = type, .step = step, .text = text});
}

/* ---- what calls cost ---- */

void run_spend(struct run *run, const struct step_usage *usage) {
	for (; run != NULL; run = run->options.parent) {
		usage_add(&run->usage, usage);
	}
}

struct run *run_outermost(struct run *run) {
	while (run->options.parent != NULL) {
		run = run->options.parent;
	}
	return run;
}

int64_t run_spent_microusd(struct run *run) {
	int64_t cost_microusd = run_outermost(run)->usage.cost_microusd;
	return cost_microusd > 0 ? cost_microusd : 0;
}

/* ---- making ---- */

/* What a step needs of the place it runs in, told before the first call is paid for (4.4, 7.7). */
static bool check_surroundings(
	const struct run_options *options, const struct workflow_step *step, struct error *error) {
	if (step->type == STEP_STORE && options->ecosystem == NULL && !options->is_dry_run) {
		return error_set(error, ERROR_CONFIGURATION,
			"step `%.*s` stores facts, but no ecosystem is active here; name one with "
			"--ecosystem, or add this directory to [ecosystems.NAME.projects.PROJECT] "
			"of the configuration",
			SLICE_FMT(step->name));
	}
	if (slice_is(slice_trim(step->verify.source.text), "team") &&
		(options->team == NULL || options->team->verify.len == 0)) {
		return error_set(error, ERROR_CONFIGURATION,
			"step `%.*s` verifies by its team's command, but %s; name another with "
			"--team, or give [teams.NAME] a `verify`",
			SLICE_FMT(step->name),
			options->team == NULL ? "no team is detected here"
					      : "the team here has no `verify`");
	}
	return true;
}

static bool check_options(const struct run_options *options, struct error *error) {
	unsigned depth = 0;
	for (const struct run *up = options->parent; up != NULL; up = up->options.parent) {
		depth++;
	}
	if (depth >= RUN_MAX_DEPTH) {
		return error_set(error, ERROR_CONFIGURATION,
			"while starting workflow `%.*s`: workflows call each other more than %d "
			"deep; one of them calls itself",
			SLICE_FMT(options->workflow->name), RUN_MAX_DEPTH);
	}
	for (size_t i = 0; i < options->preset_count; i++) {
		if (workflow_find_step(options->workflow, options->presets[i].step) == NULL) {
			return error_set(error, ERROR_INVALID_REQUEST,
				"--answer names the step `%.*s`, which workflow `%.*s` does not "
				"have",
				SLICE_FMT(options->presets[i].step),
				SLICE_FMT(options->workflow->name));
		}
	}
	if (options->workflow->steps.len == 0) {
		return error_set(error, ERROR_CONFIGURATION, "workflow `%.*s` has no steps",
			SLICE_FMT(options->workflow->name));
	}
	for (size_t i = 0; i < options->workflow->steps.len; i++) {
		if (!check_surroundings(options, &options->workflow->steps.items[i], error)) {
			return false;
		}
	}
	return true;
}

/* How many may be under way before descriptors run out: a program has three pipes and its end, a
 * call has less. What does not fit waits for its turn, as with smaller numbers. */
static size_t most_tasks(void) {
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) {
		return SIZE_MAX;
	}
	size_t all = (size_t)files.rlim_cur;
	size_t room = all > DESCRIPTORS_OF_PROGRAM ? all - DESCRIPTORS_OF_PROGRAM : 0;
	return room > 2 * DESCRIPTORS_OF_TASK ? room / DESCRIPTORS_OF_TASK : 2;
}

/* Half of what fits, because each step that is under way may have one task whatever others have. */
static size_t jobs_of(const struct run_options *options) {
	size_t jobs =
		options->workflow->max_parallel > 0 ? (size_t)options->workflow->max_parallel : 4;
	size_t most = most_tasks() / 2;
	jobs = options->jobs > 0 ? options->jobs : jobs;
	return jobs < most ? jobs : most;
}

static void init_results(struct run *run) {
	size_t count = run->workflow->steps.len;
	run->results = (struct run_results){
		.workflow = run->workflow,
		.arena = &run->arena,
		.items = ARENA_ARRAY(&run->arena, struct step_result, count + 1),
	};
	for (size_t i = 0; i < count; i++) {
		run->results.items[i] = (struct step_result){
			.step = &run->workflow->steps.items[i],
			.exit_code = -1,
			.output = SLICE(""),
			.usage = {.cost_microusd = -1},
		};
	}
}

struct run *run_create(const struct run_options *options, struct error *error) {
	if (!check_options(options, error)) {
		return NULL;
	}
	struct run *run = mem_calloc(1, sizeof *run);
	run->options = *options;
	run->workflow = options->workflow;
	run->runner = runner_of(options->config);
	arena_init(&run->arena, NULL, RUN_ARENA_CAP);
	init_results(run);
	usage_init(&run->usage);
	run->most_tasks = most_tasks();
	scheduler_init(&run->scheduler, run->workflow, jobs_of(options), &run->arena);
	run->group_limits = ARENA_ARRAY(&run->arena, uint64_t, run->workflow->groups.len + 1);
	run->last_ended = &run->first_ended;
	run->wake = (struct loop_deferred){.fn = on_wake, .data = run};
	loop_timer_init(options->loop, &run->timer, on_limit, run);
	if (options->journal != NULL && options->parent == NULL) {
		run->id = journal_id(options->journal);
	} else {
		char *id = arena_alloc(&run->arena, RUN_ID_LEN + 1);
		random_id(id, "", RUN_ID_LEN);
		run->id = id;
	}
	return run;
}

void run_start(struct run *run) {
	if (run->state != RUN_CREATED) {
		return;
	}
	run->state = RUN_RUNNING;
	run->started_ms = loop_now_ms(run->options.loop);
	if (run->workflow->timeout_ms > 0) {
		uint64_t limit_ms = (uint64_t)run->workflow->timeout_ms;
		limit_take(&run->limit, run->started_ms + limit_ms, "the workflow's", limit_ms);
		loop_timer_start(&run->timer, limit_ms);
	}
	run_wake(run);
}

void run_wake(struct run *run) {
	if (run->state != RUN_OVER) {
		loop_defer(run->options.loop, &run->wake);
	}
}

/* ---- what a failure means for the rest (5.5) ---- */

static bool depends_on_failed(const struct run *run, const struct workflow_step *step) {
	for (size_t i = 0; i < step->edges.len; i++) {
		if (run->results.items[step->edges.items[i].step].status == STEP_FAILED) {
			return true;
		}
	}
	return false;
}

static bool runs_after_failure(const struct run *run, const struct workflow_step *step) {
	return step->is_always || step->mentions_failure ||
	       (step->min_deps_success >= 0 && depends_on_failed(run, step));
}

static void skip_rest(struct run *run, const struct workflow_step *failed) {
	for (size_t place = 0; place < run->workflow->steps.len; place++) {
		size_t number = run->workflow->order[place];
		const struct workflow_step *step = &run->workflow->steps.items[number];
		if (!scheduler_is_pending(&run->scheduler, number) ||
			runs_after_failure(run, step)) {
			continue;
		}
		struct step_result *result = &run->results.items[number];
		result->status = STEP_SKIPPED;
		result->skip_reason = arena_printf(
			&run->arena, "step `%.*s` failed before it", SLICE_FMT(failed->name));
		scheduler_end(&run->scheduler, number);
		run_tell(run, &(struct run_event){
				      .type = RUN_EVENT_STEP_END, .step = step, .result = result});
	}
}

static void stop_active(struct run *run, enum stop_reason reason, bool now) {
	struct step_run *next;
	for (struct step_run *active = run->active; active != NULL; active = next) {
		next = active->next;
		step_run_stop(active, reason, now);
	}
}

static void note_failure(
	struct run *run, const struct workflow_step *step, const struct step_result *result) {
	if (!run->has_failed) {
		run->has_failed = true;
		run->failed_step = step;
		run->error = result->error;
	}
	skip_rest(run, step);
	if (run->workflow->fails_fast) {
		stop_active(run, STOP_FAILED, false);
	}
}

void run_step_ended(struct run *run, const struct workflow_step *step) {
	const struct step_result *result = &run->results.items[step->number];
	run->has_run_again |= !result->is_resumed && result->status != STEP_SKIPPED;
	/* the record of a sub-workflow's step does not close its edits */
	if (run->options.parent != NULL) {
		apply_close(run, step, SIZE_MAX);
	}
	/* what was reused is in the record already; what was cancelled is run again */
	if (!result->is_resumed && result->status != STEP_CANCELLED) {
		record_step_ended(run, result);
	}
	apply_close(run, step, SIZE_MAX);
	scheduler_end(&run->scheduler, step->number);
	run_tell(run,
		&(struct run_event){.type = RUN_EVENT_STEP_END, .step = step, .result = result});
	if (result->status == STEP_FAILED && !result->is_continued) {
		note_failure(run, step, result);
	}
	run_wake(run);
}

/* ---- stopping ---- */

static void cancel_pending(struct run *run) {
	for (size_t i = 0; i < run->workflow->steps.len; i++) {
		if (scheduler_is_pending(&run->scheduler, i)) {
			run->results.items[i].status = STEP_CANCELLED;
			scheduler_end(&run->scheduler, i);
		}
	}
}

static void stop(struct run *run, enum run_end end, enum stop_reason reason, bool now) {
	if (run->state == RUN_OVER) {
		return;
	}
	if (run->state != RUN_STOPPING) {
		run->state = RUN_STOPPING;
		run->end = end;
		loop_timer_stop(&run->timer);
		cancel_pending(run);
	}
	stop_active(run, reason, now);
	run_wake(run);
}

void run_cancel(struct run *run, bool now) {
	stop(run, RUN_CANCELLED, STOP_CANCELLED, now);
}

void run_record_failed(struct run *run, const struct error *error) {
	if (run->state == RUN_RUNNING) {
		run->has_failed = true;
		run->error = (struct step_error){
			.class = failure_class_of(error->kind),
			.message = arena_printf(&run->arena,
				"the record of the run cannot be kept, so it stops: %s",
				error->message),
			.exit_code = -1,
		};
		stop(run, RUN_FAILED, STOP_CANCELLED, false);
	}
}

static void end_by_limit(struct run *run) {
	run->has_failed = true;
	char limit[CLOCK_TEXT_MAX];
	clock_format_duration(run->workflow->timeout_ms, limit);
	run->error = (struct step_error){
		.class = FAILURE_TIMEOUT,
		.message =
			arena_printf(&run->arena, "workflow `%.*s` ran into its time limit of %s",
				SLICE_FMT(run->workflow->name), limit),
		.limit_of = run->limit.what,
		.exit_code = -1,
		.duration_ms = loop_now_ms(run->options.loop) - run->started_ms,
	};
	stop(run, RUN_TIMED_OUT, STOP_LIMIT, false);
}

static void on_limit(struct loop_timer *timer) {
	end_by_limit(timer->data);
}

/* A task may have seen the run's limit a moment before the run's own timer. */
static void look_at_limit(struct run *run) {
	if (run->state == RUN_RUNNING && run->limit.at_ms != 0 &&
		loop_now_ms(run->options.loop) >= run->limit.at_ms) {
		end_by_limit(run);
	}
}

/* ---- the end ---- */

static const struct step_result *result_named(const struct run *run, struct slice name) {
	const struct workflow_step *step = workflow_find_step(run->workflow, name);
	return step != NULL ? &run->results.items[step->number] : NULL;
}

/* What the workflow's `output` says: a step's name or a template. */
static bool take_chosen_text(struct run *run, struct slice *text) {
	const struct step_template *output = &run->workflow->output;
	if (!step_template_is_given(output)) {
		return false;
	}
	const struct step_result *named = result_named(run, slice_trim(output->source.text));
	if (named != NULL) {
		*text = named->output;
		return true;
	}
	struct error error = {0};
	*text = run_render_text(
		run, output, run_globals(run, NULL, &run->arena), &run->arena, &error);
	if (text->data == NULL && run->end == RUN_OK) {
		run_inform(
			run, RUN_EVENT_WARNING, NULL, "the workflow's `output`: %s", error.message);
	}
	return text->data != NULL;
}

/* 8.3: `output`; else the steps of three names; else the last one that ran and said something. */
static struct slice choose_text(struct run *run) {
	struct slice text = {NULL, 0};
	if (take_chosen_text(run, &text)) {
		return text;
	}
	static const struct slice names[] = {
		SLICE_INIT("generate_report"), SLICE_INIT("synthesize"), SLICE_INIT("final")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct step_result *result = result_named(run, names[i]);
		if (result != NULL && result->status == STEP_OK && result->output.len > 0) {
			return result->output;
		}
	}
	for (size_t i = run->workflow->steps.len; i-- > 0;) {
		const struct step_result *result = &run->results.items[i];
		if (result->status == STEP_OK && result->output.len > 0) {
			return result->output;
		}
	}
	return text;
}

static const char *const end_names[] = {
	[RUN_OK] = "ok",
	[RUN_FAILED] = "failed",
	[RUN_TIMED_OUT] = "timed_out",
	[RUN_CANCELLED] = "cancelled",
};

static void finish(struct run *run) {
	if (run->state == RUN_RUNNING) {
		run->end = run->has_failed ? RUN_FAILED : RUN_OK;
	}
	if (!run->options.is_dry_run) {
		run->final_text = choose_text(run);
	}
	run->state = RUN_OVER;
	loop_timer_stop(&run->timer);
	record_run_ended(run, end_names[run->end]);
	run_tell(run, &(struct run_event){.type = RUN_EVENT_END,
			      .end = run->end,
			      .step = NULL,
			      .error = run->has_failed ? &run->error : NULL});
}

/* ---- going on ---- */

static bool has_enough_deps(struct run *run, const struct workflow_step *step) {
	int64_t succeeded = 0;
	for (size_t i = 0; i < step->edges.len; i++) {
		succeeded += run->results.items[step->edges.items[i].step].status == STEP_OK;
	}
	if (succeeded >= step->min_deps_success) {
		return true;
	}
	struct step_result *result = &run->results.items[step->number];
	result->status = STEP_SKIPPED;
	result->skip_reason = arena_printf(&run->arena,
		"%lld of its dependencies succeeded, min_deps_success asks for %lld",
		(long long)succeeded, (long long)step->min_deps_success);
	return false;
}

static void start_step(struct run *run, const struct workflow_step *step) {
	if (step->group != NULL && step->group->timeout_ms > 0) {
		uint64_t *limit = &run->group_limits[step->group - run->workflow->groups.items];
		if (*limit == 0) {
			*limit = loop_now_ms(run->options.loop) + (uint64_t)step->group->timeout_ms;
		}
	}
	if (step->min_deps_success >= 0 && !has_enough_deps(run, step)) {
		run_step_ended(run, step);
		return;
	}
	step_run_start(run, step);
}

/* Steps started and tasks settled in one turn: the loop serves others in between. */
#define RUN_MAX_STARTS 64
#define RUN_MAX_SETTLED 256

static void settle_tasks(struct run *run) {
	for (unsigned settled = 0; run->first_ended != NULL; settled++) {
		struct task *task = run->first_ended;
		if (settled == RUN_MAX_SETTLED) {
			run_wake(run);
			return;
		}
		run->first_ended = task->next_ended;
		if (run->first_ended == NULL) {
			run->last_ended = &run->first_ended;
		}
		task_settle(task);
	}
}

static void start_steps(struct run *run) {
	for (unsigned starts = 0; run->state == RUN_RUNNING; starts++) {
		if (starts == RUN_MAX_STARTS) {
			run_wake(run);
			return;
		}
		size_t number = scheduler_next(&run->scheduler);
		if (number == SCHEDULER_NONE) {
			return;
		}
		start_step(run, &run->workflow->steps.items[number]);
	}
}

static void on_wake(struct loop_deferred *deferred) {
	struct run *run = deferred->data;
	look_at_limit(run);
	if (run->state == RUN_RUNNING && !run->has_told_start) {
		run->has_told_start = true;
		run_tell(run, &(struct run_event){.type = RUN_EVENT_START});
	}
	settle_tasks(run);
	start_steps(run);
	if (run->first_ended != NULL || run->wake.link != NULL) {
		run_wake(run);
	} else if (scheduler_is_finished(&run->scheduler) && run->active == NULL &&
		   run->state != RUN_OVER) {
		finish(run);
	}
}

void run_release(struct run *run) {
	if (run == NULL) {
		return;
	}
	run->state = RUN_OVER;
	loop_defer_cancel(&run->wake);
	loop_timer_stop(&run->timer);
	while (run->active != NULL) {
		step_run_release(run->active);
	}
	apply_close_all(run);
	run_files_finish(run);
	arena_finish(&run->arena);
	free(run);
}

/* ---- asking ---- */

const struct run_results *run_results_of(const struct run *run) {
	return &run->results;
}

struct slice run_final_text(const struct run *run) {
	return run->final_text;
}

const char *run_id(const struct run *run) {
	return run->id;
}

struct step_usage run_usage(const struct run *run) {
	return run->usage;
}

struct slice run_failed_step(const struct run *run) {
	return run->failed_step != NULL ? run->failed_step->name : slice_make(NULL, 0);
}

struct slice run_error_message(const struct run *run) {
	return run->has_failed ? run->error.message : slice_make(NULL, 0);
}

uint64_t run_duration_ms(const struct run *run) {
	return loop_now_ms(run->options.loop) - run->started_ms;
}
