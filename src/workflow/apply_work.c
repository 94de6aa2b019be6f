/* apply_work.c: planning, writing, restoring of edits on the loop's workers. */
#include "workflow/apply_work.h"

#include <stdlib.h>

#include "base/mem.h"

#define APPLY_ARENA_CAP ((size_t)1024 * 1024 * 1024)

/* ---- on the worker ---- */

static bool make_plan(struct apply_work *work, struct error *error) {
	struct arena *arena = &work->job.arena;
	struct edit_set set = {0};
	if (work->is_json) {
		const struct json *edits = json_parse(arena, work->text, NULL, error);
		if (edits == NULL || !apply_parse_json(edits, arena, &set, error)) {
			return false;
		}
	} else if (!apply_parse(work->text, arena, &set, error)) {
		return false;
	}
	if (!apply_plan_make(&set, &work->rules, arena, &work->plan, error)) {
		return false;
	}
	struct buf text;
	buf_init(&text, 0);
	apply_plan_diff(&work->plan, false, &text);
	work->diff = arena_dup(arena, buf_slice(&text));
	buf_reset(&text, 0);
	apply_plan_to_json(&work->plan, &text);
	work->files_json = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return true;
}

static bool write_plan(struct apply_work *work, struct error *error) {
	if (work->needs_clean_git && !apply_is_clean_in_git(&work->plan, error)) {
		if (error->kind == ERROR_NONE) {
			error_set(error, ERROR_CONFIGURATION,
				"rollback = \"git\" needs files without uncommitted changes: "
				"commit "
				"or stash them, or use rollback = \"backup\", which keeps them");
		}
		return false;
	}
	work->is_written = apply_write(&work->plan, work->backup_dir, error);
	return work->is_written;
}

static bool restore(struct apply_work *work, struct error *error) {
	if (!apply_restore(work->rules.dir, work->backup_dir, error)) {
		return false;
	}
	work->is_written = false;
	return apply_forget(work->backup_dir, error);
}

static void run_phase(struct job *job) {
	struct apply_work *work = (struct apply_work *)job;
	error_clear(&job->error);
	switch (work->phase) {
	case APPLY_PLAN:
		job->is_ok = make_plan(work, &job->error);
		break;
	case APPLY_WRITE:
		job->is_ok = write_plan(work, &job->error);
		break;
	case APPLY_RESTORE:
		job->is_ok = restore(work, &job->error);
		break;
	case APPLY_FORGET:
		job->is_ok = apply_forget(work->backup_dir, &job->error);
		break;
	}
}

/* ---- on the loop ---- */

static void done(struct job *job) {
	struct apply_work *work = (struct apply_work *)job;
	work->is_busy = false;
	work->on_phase(work);
}

void apply_work_free(struct apply_work *work) {
	run_dir_unref(work->run_dir);
	arena_finish(&work->job.arena);
	free(work);
}

/* Nobody will look at what was written, so it must not stay half-done. A few files: done here. */
static void drop(struct job *job) {
	struct apply_work *work = (struct apply_work *)job;
	if (work->is_written && work->phase != APPLY_FORGET) {
		restore(work, &job->error);
	}
	apply_work_free(work);
}

struct apply_work *apply_work_new(
	const struct task *task, struct slice text, bool is_json, const char *backup_dir) {
	struct apply_work *work = mem_calloc(1, sizeof *work);
	struct arena *arena = &work->job.arena;
	const struct workflow_step *step = task->step;
	arena_init(arena, NULL, APPLY_ARENA_CAP);
	work->job.work = run_phase;
	work->job.done = done;
	work->job.drop = drop;
	work->run_dir = run_dir_ref(task->run);
	work->text = arena_dup(arena, text);
	work->is_json = is_json;
	work->backup_dir = arena_strdup(arena, slice_of(backup_dir));
	work->needs_clean_git = step->rollback == ROLLBACK_GIT;
	work->rules = (struct apply_rules){
		.dir = task->run->options.dir,
		.allow = step->allow_paths.items,
		.allow_count = step->allow_paths.len,
		.deny = step->deny_paths.items,
		.deny_count = step->deny_paths.len,
	};
	return work;
}

bool apply_work_start(struct loop *loop, struct apply_work *work, enum apply_phase phase) {
	work->phase = phase;
	work->is_busy = true;
	if (!job_start(loop, &work->job)) {
		work->is_busy = false;
	}
	return work->is_busy;
}

void apply_work_abandon(struct apply_work *work) {
	work->job.is_abandoned = true;
	if (!work->is_busy) {
		drop(&work->job);
	}
}

void apply_work_forget(struct loop *loop, struct apply_work *work) {
	work->job.is_abandoned = true;
	if (!apply_work_start(loop, work, APPLY_FORGET)) {
		apply_work_free(work);
	}
}
