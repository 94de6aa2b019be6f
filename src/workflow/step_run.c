/* step_run.c: one step: its items side by side or one after the other, and the sum of their results
 * (workflows.md 5.7). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "workflow/run_internal.h"

static struct step_result *own_result(const struct step_run *step_run) {
	return &step_run->run->results.items[step_run->step->number];
}

static void unlink_step(struct step_run *step_run) {
	*step_run->link = step_run->next;
	if (step_run->next != NULL) {
		step_run->next->link = step_run->link;
	}
}

void step_run_release(struct step_run *step_run) {
	for (size_t i = 0; i < step_run->next_task; i++) {
		if (step_run->tasks[i] != NULL) {
			task_release(step_run->tasks[i]);
		}
	}
	unlink_step(step_run);
	free(step_run->tasks);
	free(step_run);
}

/* ---- the sum of the items ---- */

static struct slice join_outputs(const struct step_run *step_run, struct arena *arena) {
	size_t total = 0;
	for (size_t i = 0; i < step_run->count; i++) {
		total += step_run->results[i].output.len + 1;
	}
	char *text = arena_alloc(arena, total + 1);
	size_t at = 0;
	bool is_first = true;
	for (size_t i = 0; i < step_run->count; i++) {
		const struct step_result *result = &step_run->results[i];
		if (result->status != STEP_OK && result->status != STEP_FAILED) {
			continue;
		}
		if (!is_first) {
			text[at++] = '\n';
		}
		is_first = false;
		memcpy(text + at, result->output.data, result->output.len);
		at += result->output.len;
	}
	return slice_make(text, at);
}

static void add_entry(const struct step_run *step_run, size_t item, struct step_result *sum) {
	struct arena *arena = &step_run->run->arena;
	const struct step_result *result = &step_run->results[item];
	*ARENA_PUSH(arena, &sum->outputs) = (struct step_output){
		.text = result->output,
		.data = result->data,
		.model = result->model,
		.duration_ms = result->duration_ms,
		.item = step_run->items->items[item],
		.is_failed = result->status == STEP_FAILED,
		.is_skipped = result->status != STEP_FAILED && result->status != STEP_OK,
		.error = result->has_error ? result->error.message : SLICE(""),
	};
	for (size_t b = 0; b < result->backends.len; b++) {
		*ARENA_PUSH(arena, &sum->backends) = result->backends.items[b];
	}
	usage_add(&sum->usage, &result->usage);
	sum->attempts += result->attempts;
	if (sum->backend.data == NULL) {
		sum->backend = result->backend;
	}
	if (sum->model.data == NULL) {
		sum->model = result->model;
	}
}

struct item_counts {
	size_t ok, failed, skipped, cancelled;
	const struct step_result *first_failed, *first_cancelled, *first_skipped;
};

static struct item_counts count_items(const struct step_run *step_run) {
	struct item_counts counts = {0};
	for (size_t i = 0; i < step_run->count; i++) {
		const struct step_result *result = &step_run->results[i];
		if (result->status == STEP_OK) {
			counts.ok++;
		} else if (result->status == STEP_FAILED) {
			counts.first_failed = counts.failed++ == 0 ? result : counts.first_failed;
		} else if (result->status == STEP_SKIPPED) {
			counts.first_skipped =
				counts.skipped++ == 0 ? result : counts.first_skipped;
		} else {
			counts.first_cancelled =
				counts.cancelled++ == 0 ? result : counts.first_cancelled;
		}
	}
	return counts;
}

static void judge_items(const struct step_run *step_run, struct step_result *sum) {
	struct item_counts counts = count_items(step_run);
	bool continues = step_run->step->continues_on_error;
	sum->status = STEP_OK;
	if (counts.failed > 0) {
		sum->has_error = true;
		sum->error = counts.first_failed->error;
		sum->error.message = arena_printf(&step_run->run->arena,
			"%zu of %zu items failed: %.*s", counts.failed, step_run->count,
			SLICE_FMT(counts.first_failed->error.message));
		if (!continues || counts.ok == 0) {
			sum->status = STEP_FAILED;
		}
	} else if (counts.cancelled > 0) {
		sum->status = STEP_CANCELLED;
		if (counts.first_cancelled->has_error) {
			sum->has_error = true;
			sum->error = counts.first_cancelled->error;
		}
	} else if (counts.skipped > 0 && counts.ok == 0) {
		sum->status = STEP_SKIPPED;
		sum->skip_reason = counts.first_skipped->skip_reason;
	}
}

static void sum_items(const struct step_run *step_run, struct step_result *sum) {
	*sum = (struct step_result){
		.step = step_run->step,
		.exit_code = -1,
		.usage = {.cost_microusd = -1},
		.output = join_outputs(step_run, &step_run->run->arena),
	};
	for (size_t i = 0; i < step_run->count; i++) {
		add_entry(step_run, i, sum);
	}
	judge_items(step_run, sum);
}

/* ---- the end ---- */

static void save(const struct step_run *step_run, struct step_result *result) {
	struct slice name = step_run->step->save_as;
	struct error error = {0};
	if (result->status == STEP_OK && !result->is_resumed && name.len > 0 &&
		!step_run->run->options.is_dry_run &&
		!run_keep_file(step_run->run, name, result->output, &error)) {
		result->status = STEP_FAILED;
		result->has_error = true;
		result->error = (struct step_error){
			.class = failure_class_of(error.kind),
			.exit_code = -1,
			.message = arena_printf(&step_run->run->arena,
				"its output cannot be saved as `%.*s`: %s", SLICE_FMT(name),
				error.message),
		};
	}
}

static void finish(struct step_run *step_run) {
	struct run *run = step_run->run;
	const struct workflow_step *step = step_run->step;
	struct step_result *result = own_result(step_run);
	if (step_run->has_items) {
		sum_items(step_run, result);
		result->started_at_ms = step_run->started_at_ms;
		result->finished_at_ms = clock_wall_ms();
		result->duration_ms = loop_now_ms(run->options.loop) - step_run->started_ms;
	} else if (step_run->count == 1) {
		*result = step_run->results[0];
	}
	save(step_run, result);
	result->is_continued = result->status == STEP_FAILED && step->continues_on_error;
	step_run_release(step_run);
	run_step_ended(run, step);
}

static void end_if_done(struct step_run *step_run) {
	if (step_run->running == 0 &&
		(step_run->starts_no_more || step_run->next_task == step_run->count)) {
		finish(step_run);
	}
}

/* ---- going on ---- */

static size_t parallel_items(const struct step_run *step_run) {
	size_t count =
		step_run->step->parallel_items > 1 ? (size_t)step_run->step->parallel_items : 1;
	size_t jobs = step_run->run->options.jobs;
	return jobs > 0 && count > jobs ? jobs : count;
}

/* A step's first item runs at once, others while there is room for more in all of the run. */
static bool may_start(const struct step_run *step_run) {
	const struct run *all = run_outermost(step_run->run);
	return !step_run->starts_no_more && step_run->next_task < step_run->count &&
	       (step_run->running == 0 || (step_run->running < parallel_items(step_run) &&
						  all->tasks < all->most_tasks));
}

static void start_tasks(struct step_run *step_run) {
	while (may_start(step_run)) {
		size_t item = step_run->next_task++;
		step_run->running++;
		step_run->tasks[item] = task_create(step_run, item);
		task_start(step_run->tasks[item]);
	}
}

void step_run_task_ended(struct step_run *step_run, struct task *task) {
	struct run *run = step_run->run;
	size_t item = task->item;
	step_run->results[item] = task->result;
	bool has_failed = task->result.status == STEP_FAILED;
	if (task->is_item && !task->result.is_resumed && task->result.status == STEP_OK) {
		if (run->options.parent != NULL) {
			apply_close(run, step_run->step, item); /* as in run_step_ended */
		}
		record_item_ended(run, &task->result, item);
		apply_close(run, step_run->step, item);
	}
	step_run->tasks[item] = NULL;
	task->attempt = 0; /* its attempt is released */
	task_release(task);
	step_run->running--;
	step_run->ended++;
	if (step_run->has_items) {
		run_tell(run, &(struct run_event){.type = RUN_EVENT_STEP_PROGRESS,
				      .step = step_run->step,
				      .done = step_run->ended,
				      .of = step_run->count});
	}
	if (has_failed && !step_run->step->continues_on_error) {
		step_run->starts_no_more = true;
		if (step_run->step->fails_fast) {
			step_run_stop(step_run, STOP_FAILED, false);
		}
	}
	start_tasks(step_run);
	end_if_done(step_run);
}

void step_run_stop(struct step_run *step_run, enum stop_reason reason, bool now) {
	step_run->starts_no_more = true;
	for (size_t i = 0; i < step_run->next_task; i++) {
		if (step_run->tasks[i] != NULL) {
			task_stop(step_run->tasks[i], reason, now);
		}
	}
}

/* ---- the beginning ---- */

static struct step_run *create(struct run *run, const struct workflow_step *step) {
	struct step_run *step_run = mem_calloc(1, sizeof *step_run);
	step_run->run = run;
	step_run->step = step;
	step_run->started_ms = loop_now_ms(run->options.loop);
	step_run->started_at_ms = clock_wall_ms();
	step_run->next = run->active;
	step_run->link = &run->active;
	if (run->active != NULL) {
		run->active->link = &step_run->next;
	}
	run->active = step_run;
	if (step->timeout_ms > 0 && step->type != STEP_SHELL) {
		uint64_t limit_ms = (uint64_t)step->timeout_ms;
		limit_take(&step_run->limit, step_run->started_ms + limit_ms, "its", limit_ms);
	}
	if (step->group != NULL && step->group->timeout_ms > 0) {
		limit_take(&step_run->limit,
			run->group_limits[step->group - run->workflow->groups.items], "its group's",
			(uint64_t)step->group->timeout_ms);
	}
	return step_run;
}

/* False with an error when the items cannot be told. */
static bool find_items(struct step_run *step_run, struct error *error) {
	struct run *run = step_run->run;
	const struct workflow_step *step = step_run->step;
	step_run->has_items = step_template_is_given(&step->for_each) || step->matrix.len > 0;
	step_run->count = 1;
	if (step->matrix.len > 0) {
		step_run->items = items_of_matrix(step, &run->arena);
	} else if (step_run->has_items) {
		struct value value;
		struct value globals = run_globals(run, NULL, &run->arena);
		if (!run_evaluate_text(run, &step->for_each, globals, &run->arena, &value, error)) {
			return false;
		}
		step_run->items = items_of_value(value, &run->arena);
	}
	if (step_run->has_items && step_run->items == NULL) {
		return error_set(error, ERROR_CONFIGURATION,
			"it has more items than there is room for (a matrix: than %zu cells)",
			ITEMS_MAX_CELLS);
	}
	if (step_run->has_items) {
		step_run->count = step_run->items->len;
	}
	return true;
}

/* What was done stands as long as what it was done after stands: a step that waits for one that is
 * run again is run again, and so is what always follows. (Its paid calls are asked again only when
 * their prompts have changed: record_find_call.) */
static bool still_holds(const struct run *run, const struct workflow_step *step) {
	for (size_t i = 0; i < step->edges.len; i++) {
		const struct step_result *before = &run->results.items[step->edges.items[i].step];
		if (!before->is_resumed && before->status != STEP_SKIPPED) {
			return false;
		}
	}
	return !step->is_always || !run->has_run_again;
}

static bool take_recorded(struct step_run *step_run) {
	const struct step_result *recorded = record_find_step(step_run->run, step_run->step);
	step_run->takes_recorded = still_holds(step_run->run, step_run->step);
	if (recorded == NULL || recorded->status != STEP_OK || !step_run->takes_recorded) {
		return false;
	}
	struct step_result *result = own_result(step_run);
	*result = *recorded;
	result->step = step_run->step;
	result->is_resumed = true;
	return true;
}

static void fail_before_start(struct step_run *step_run, const struct error *error) {
	struct step_result *result = own_result(step_run);
	result->status = STEP_FAILED;
	result->has_error = true;
	result->error = (struct step_error){
		.class = failure_class_of(error->kind),
		.message = arena_dup(&step_run->run->arena, slice_of(error->message)),
		.exit_code = -1,
	};
	step_run->count = 0;
	step_run->has_items = false;
}

void step_run_start(struct run *run, const struct workflow_step *step) {
	struct step_run *step_run = create(run, step);
	struct step_result *result = own_result(step_run);
	result->status = STEP_RUNNING;
	result->started_at_ms = step_run->started_at_ms;
	struct error error = {0};
	bool is_recorded = take_recorded(step_run);
	if (!is_recorded) {
		record_step_started(run, step);
	}
	run_tell(run, &(struct run_event){.type = RUN_EVENT_STEP_START, .step = step});
	if (is_recorded) {
		step_run->starts_no_more = true;
	} else if (run->state != RUN_RUNNING) {
		step_run->starts_no_more = true;
		result->status = STEP_CANCELLED;
	} else if (!find_items(step_run, &error)) {
		fail_before_start(step_run, &error);
	}
	if (!step_run->starts_no_more && step_run->count > 0) {
		step_run->tasks = mem_calloc(step_run->count, sizeof(struct task *));
		step_run->results = ARENA_ARRAY(&run->arena, struct step_result, step_run->count);
		for (size_t i = 0; i < step_run->count; i++) {
			step_run->results[i] = (struct step_result){.step = step,
				.status = STEP_CANCELLED,
				.output = SLICE(""),
				.exit_code = -1,
				.usage = {.cost_microusd = -1}};
		}
		start_tasks(step_run);
	}
	end_if_done(step_run);
}
