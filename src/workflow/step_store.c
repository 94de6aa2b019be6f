/* step_store.c: facts of an answer into the ecosystem's memory, on a worker (workflows.md 4.4). */
#include <stdlib.h>

#include "base/mem.h"
#include "data/extract.h"
#include "workflow/memory.h"
#include "workflow/run_internal.h"

struct store_job {
	struct job job; /* the first member */
	struct slice ecosystem, project, text;
	bool is_strict;
	struct memory_stored stored;
	const char *path;
};

struct store_action {
	struct store_job *job; /* NULL once it has reported */
};

/* ---- on the worker ---- */

static void work(struct job *base) {
	struct store_job *job = (struct store_job *)base;
	const struct json *data = extract_json(&base->arena, job->text, NULL);
	if (data == NULL) {
		base->is_ok = error_set(&base->error, ERROR_UNPROCESSABLE,
			"what is to be stored holds no JSON: it begins with `%.*s`",
			SLICE_FMT(slice_sub(job->text, 0, 80)));
		return;
	}
	struct memory *memory = memory_open(job->ecosystem, false, &base->arena, &base->error);
	if (memory == NULL) {
		return;
	}
	job->path = arena_strdup(&base->arena, slice_of(memory_path(memory)));
	base->is_ok = memory_store(memory, data, job->project, job->is_strict, &base->arena,
		&job->stored, &base->error);
	memory_close(memory);
}

static void drop(struct job *base) {
	arena_finish(&base->arena);
	free(base);
}

/* ---- back on the loop ---- */

static const struct json *counts_as_json(const struct memory_stored *stored, struct arena *arena) {
	struct slice text = arena_printf(arena,
		"{\"facts\":%zu,\"relationships\":%zu,\"entities\":%zu,\"findings\":%zu,"
		"\"skipped\":%zu}",
		stored->facts, stored->relationships, stored->entities, stored->findings,
		stored->skipped);
	struct error error = {0};
	return json_parse(arena, text, NULL, &error);
}

static void take_stored(struct task *task, const struct store_job *job) {
	struct arena *arena = &task->run->arena;
	const struct memory_stored *stored = &job->stored;
	for (size_t i = 0; i < stored->warning_count; i++) {
		run_inform(task->run, RUN_EVENT_WARNING, task->step, "%s", stored->warnings[i]);
	}
	size_t total = stored->facts + stored->relationships + stored->entities + stored->findings;
	if (total == 0) {
		run_inform(task->run, RUN_EVENT_WARNING, task->step,
			"nothing was stored: the JSON holds no facts, relationships, entities or "
			"findings that are complete");
	}
	task->result.output = arena_printf(arena,
		"stored %zu facts, %zu relationships, %zu entities, %zu findings in %s",
		stored->facts, stored->relationships, stored->entities, stored->findings,
		job->path);
	task->result.data = counts_as_json(stored, arena);
}

static void done(struct job *base) {
	struct store_job *job = (struct store_job *)base;
	struct task *task = base->owner;
	struct store_action *action = task->action;
	action->job = NULL;
	if (base->is_ok) {
		take_stored(task, job);
		task_succeed(task);
	} else {
		task->result.output = arena_printf(
			&task->run->arena, "the store failed: %s", base->error.message);
		task_fail_error(task, &base->error);
	}
	drop(base);
}

/* ---- the step ---- */

static struct store_job *make_job(struct task *task, struct slice text) {
	struct store_job *job = mem_calloc(1, sizeof *job);
	arena_init(&job->job.arena, NULL, 0);
	job->job.work = work;
	job->job.done = done;
	job->job.drop = drop;
	job->job.owner = task;
	job->ecosystem = arena_dup(&job->job.arena, task->run->options.ecosystem->name);
	if (task->run->options.project != NULL) {
		job->project = arena_dup(&job->job.arena, task->run->options.project->name);
	}
	job->text = arena_dup(&job->job.arena, text);
	job->is_strict = task->step->is_strict;
	return job;
}

static bool render_data(struct task *task, struct slice *text) {
	const struct step_template *data =
		step_template_is_given(&task->step->data) ? &task->step->data : &task->step->prompt;
	task->result.backend = SLICE("store");
	*ARENA_PUSH(&task->run->arena, &task->result.backends) = SLICE("store");
	if (!task_render(task, data, text)) {
		return false;
	}
	task->result.prompt = arena_dup(&task->run->arena, *text);
	return true;
}

static void store_start(struct task *task) {
	struct store_action *action = ARENA_NEW(&task->arena, struct store_action);
	struct slice text;
	task->action = action;
	if (!render_data(task, &text)) {
		return;
	}
	if (task->run->options.ecosystem == NULL) {
		task_fail(task, FAILURE_CONFIG,
			"no ecosystem is active here: name one with --ecosystem");
		return;
	}
	action->job = make_job(task, text);
	if (!job_start(task->run->options.loop, &action->job->job)) {
		drop(&action->job->job);
		action->job = NULL;
		task_fail(task, FAILURE_EXECUTION, "no worker could be started for the database");
	}
}

/* The transaction is short: it is let end. */
static void store_stop(struct task *task, bool now) {
	struct store_action *action = task->action;
	if (now && action->job != NULL) {
		action->job->job.is_abandoned = true;
		action->job = NULL;
		task_fail(task, FAILURE_CANCELLED, "cancelled while it stored");
	}
}

static void store_release(struct task *task) {
	struct store_action *action = task->action;
	if (action != NULL && action->job != NULL) {
		action->job->job.is_abandoned = true;
	}
	task->action = NULL;
}

static void store_preview(struct task *task) {
	struct slice text;
	render_data(task, &text);
}

const struct step_kind step_store = {
	.start = store_start,
	.stop = store_stop,
	.release = store_release,
	.preview = store_preview,
};
