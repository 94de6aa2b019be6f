/* step_apply.c: edits into files, with the proof that they work (workflows.md 7).
 *
 *   source ─► PLANNING ─► (ASKING the person) ─► WRITING ─► VERIFYING ─► done
 *                ▲ │                                           │ failed
 *                │ └ no edits, no match ─┐        RESTORING ◄──┤
 *                └── ASKING_AGAIN ◄──────┴──────────┘          └► RESTORING or left ─► failed
 *
 * Whatever ends it early (a limit, a cancel) restores what is written. The backup is kept until the
 * step's end is recorded, so that a crash at any moment leaves either the step done or the files as
 * they were. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "workflow/apply_action.h"
#include "workflow/journal.h"

#define APPLY_SHOWN_STDERR ((size_t)2 * 1024)

static void settle_failure(struct apply_action *action);

static struct apply_action *action_of(const struct task *task) {
	return task->action;
}

/* ---- success ---- */

static void take_data(struct apply_action *action) {
	struct task *task = action->task;
	struct arena *arena = &task->run->arena;
	struct buf out;
	buf_init(&out, 0);
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_put_raw(&w, "files", action->work->files_json);
	json_put_int(&w, "attempts", action->round);
	if (action->verify_text.data != NULL) {
		json_write_key(&w, "verify");
		json_begin_object(&w);
		json_put_string(&w, "command", action->verify_text);
		json_put_int(&w, "exit_code", action->verify_exit);
		json_put_int(&w, "duration_ms", (int64_t)action->verify_ms);
		json_end_object(&w);
	}
	json_end_object(&w);
	struct error error = {0};
	task->result.data = json_parse(arena, arena_dup(arena, buf_slice(&out)), NULL, &error);
	buf_finish(&out);
}

static void succeed(struct apply_action *action) {
	struct task *task = action->task;
	const struct apply_plan *plan = &action->work->plan;
	size_t added = 0;
	size_t removed = 0;
	for (size_t i = 0; i < plan->count; i++) {
		added += plan->files[i].added;
		removed += plan->files[i].removed;
	}
	task->result.output =
		arena_printf(&task->run->arena, "applied edits to %zu file%s (+%zu -%zu lines)%s",
			plan->count, plan->count == 1 ? "" : "s", added, removed,
			action->verify_text.data != NULL ? ", verified" : "");
	take_data(action);
	action->state = APPLY_OVER;
	apply_keep_open(action);
	task_succeed(task);
}

/* ---- failure ---- */

/* The error of this round, in the result; the fields of a program are filled in by the caller. */
void apply_note_failure(
	struct apply_action *action, enum failure_class class, const char *message) {
	struct step_result *result = &action->task->result;
	if (!result->has_error) {
		result->error = (struct step_error){.exit_code = -1};
	}
	result->has_error = true;
	result->error.class = class;
	result->error.message = arena_dup(&action->task->run->arena, slice_of(message));
	action->class = class;
}

void apply_end_failed(struct apply_action *action) {
	struct task *task = action->task;
	struct slice message = task->result.error.message;
	const struct apply_work *work = action->work;
	action->state = APPLY_OVER;
	if (work != NULL && work->is_written && work->phase == APPLY_RESTORE) {
		/* Not over: `--resume` restores first. Told as a warning, too: displays show no
		 * error of what was cancelled. */
		run_inform(task->run, RUN_EVENT_WARNING, task->step,
			"%.*s; the files of before are in %s", SLICE_FMT(message),
			work->backup_dir);
		task_fail(task, action->class, "%.*s; the files of before are in %s",
			SLICE_FMT(message), work->backup_dir);
	} else if (work != NULL && work->is_written) {
		/* the edits stay: the person asked for no rollback */
		record_apply_ended(task->run, task->step, slice_of(action->work->backup_dir));
		task_fail(task, action->class,
			"%.*s; the edits are left in place, the files of before "
			"are in %s",
			SLICE_FMT(message), work->backup_dir);
	} else {
		task_fail(task, action->class, "%.*s", SLICE_FMT(message));
	}
	if (action->work != NULL) {
		apply_work_free(action->work);
		action->work = NULL;
	}
}

/* ---- restoring ---- */

static void restore(struct apply_action *action, bool asks_again) {
	action->state = APPLY_RESTORING;
	action->asks_again = asks_again;
	if (!apply_work_start(action->task->run->options.loop, action->work, APPLY_RESTORE)) {
		apply_note_failure(action, FAILURE_EXECUTION,
			"no worker could be started to restore the files");
		apply_end_failed(action);
	}
}

static void on_restored(struct apply_action *action) {
	struct task *task = action->task;
	if (!action->work->job.is_ok) {
		struct slice message = arena_printf(&task->arena,
			"%.*s; and the files could not be restored: %s",
			SLICE_FMT(task->result.error.message), action->work->job.error.message);
		apply_note_failure(action, action->class, message.data);
		apply_end_failed(action);
		return;
	}
	record_apply_ended(task->run, task->step, slice_of(action->work->backup_dir));
	if (action->asks_again && !apply_is_stopped(action)) {
		apply_ask_again(action);
	} else {
		apply_end_failed(action);
	}
}

/* The round has failed, its error is noted: restore, ask again, or end. */
static void settle_failure(struct apply_action *action) {
	bool asks_again = apply_may_ask_again(action);
	bool is_written = action->work->is_written;
	if (is_written && (asks_again || apply_is_stopped(action) ||
				  action->task->step->rollback != ROLLBACK_NONE)) {
		restore(action, asks_again);
	} else if (asks_again) {
		apply_ask_again(action);
	} else {
		apply_end_failed(action);
	}
}

/* ---- verifying ---- */

static void on_verified(void *data, const struct process_result *ended) {
	struct apply_action *action = data;
	struct task *task = action->task;
	struct arena *arena = &task->run->arena;
	struct step_result *result = &task->result;
	process_release(action->verify);
	action->verify = NULL;
	action->verify_ms = ended->duration_ms;
	action->verify_exit = ended->exit_code;
	result->out = text_repair(ended->out, arena);
	result->err = text_repair(ended->err, arena);
	result->exit_code = ended->end == PROCESS_EXITED ? ended->exit_code : -1;
	if (ended->end == PROCESS_EXITED && ended->exit_code == 0) {
		result->has_error = false;
		succeed(action);
		return;
	}
	result->has_error = true;
	result->error = (struct step_error){
		.command = action->verify_text,
		.out = result->out,
		.err = result->err,
		.exit_code = ended->exit_code,
	};
	char limit[CLOCK_TEXT_MAX];
	clock_format_duration(task->step->verify_timeout_ms, limit);
	struct slice shown = slice_trim(result->err.len > 0 ? result->err : result->out);
	if (shown.len > APPLY_SHOWN_STDERR) {
		shown = slice_from(shown, shown.len - APPLY_SHOWN_STDERR);
		while (shown.len > 0 && ((unsigned char)shown.data[0] & 0xc0) == 0x80) {
			shown = slice_from(shown, 1); /* not in the middle of a character */
		}
	}
	struct slice message =
		ended->end == PROCESS_TIMED_OUT
			? arena_printf(arena, "the verification `%.*s` ran into its limit of %s",
				  SLICE_FMT(action->verify_text), limit)
			: arena_printf(arena, "the verification `%.*s` exited with code %d%s%.*s",
				  SLICE_FMT(action->verify_text), ended->exit_code,
				  shown.len > 0 ? ": " : "", SLICE_FMT(shown));
	apply_note_failure(action, FAILURE_VERIFICATION, message.data);
	settle_failure(action);
}

/* "team" is the team's own command. False: there is none to run, or the task has failed. */
static bool verify_command(struct apply_action *action, struct slice *text) {
	struct task *task = action->task;
	const struct step_template *verify = &task->step->verify;
	*text = slice_make(NULL, 0);
	if (!step_template_is_given(verify)) {
		return true;
	}
	if (slice_is(slice_trim(verify->source.text), "team")) {
		const struct runner_team *team = task->run->options.team;
		if (team == NULL || team->verify.len == 0) {
			task_fail(task, FAILURE_CONFIG,
				"verify = \"team\", but there is no team here that has a `verify`");
			return false;
		}
		*text = team->verify;
		return true;
	}
	if (!task_render(task, verify, text)) {
		return false;
	}
	if (slice_trim(*text).len == 0) {
		*text = slice_make(NULL, 0);
	}
	return true;
}

static void verify(struct apply_action *action) {
	struct task *task = action->task;
	if (action->verify_text.data == NULL) {
		succeed(action);
		return;
	}
	struct command command;
	command_of_shell(task->run, "sh", action->verify_text, &task->arena, &command);
	command.cwd = action->verify_dir;
	command.timeout_ms = (uint64_t)task->step->verify_timeout_ms;
	action->state = APPLY_VERIFYING;
	struct error error = {0};
	action->verify = command_start_with(task, &command, action->variables,
		action->variable_count, action, on_verified, &error);
	if (action->verify == NULL) {
		apply_note_failure(action, FAILURE_VERIFICATION, error.message);
		settle_failure(action);
	}
}

/* ---- writing ---- */

static void on_written(struct apply_action *action) {
	struct apply_work *work = action->work;
	if (!work->job.is_ok) {
		record_apply_ended(
			action->task->run, action->task->step, slice_of(work->backup_dir));
		apply_note_failure(action,
			work->job.error.kind == ERROR_CONFIGURATION ? FAILURE_CONFIG
								    : FAILURE_EXECUTION,
			work->job.error.message);
		apply_end_failed(action);
	} else if (apply_is_stopped(action)) {
		apply_note_failure(action, FAILURE_CANCELLED, "stopped");
		settle_failure(action);
	} else {
		verify(action);
	}
}

static void write_files(struct apply_action *action) {
	struct task *task = action->task;
	action->state = APPLY_WRITING;
	if (!record_apply_began(task->run, task->step, task->is_item ? task->item : SIZE_MAX,
		    slice_of(action->work->backup_dir)) ||
		!apply_work_start(task->run->options.loop, action->work, APPLY_WRITE)) {
		apply_note_failure(action, FAILURE_EXECUTION, "the edits could not be begun");
		apply_end_failed(action);
	}
}

/* ---- the person's consent ---- */

static void decline(struct apply_action *action, const char *message) {
	apply_note_failure(action, FAILURE_CANCELLED, message);
	apply_end_failed(action);
}

static void on_answer(struct question *question, struct slice answer) {
	struct apply_action *action =
		(struct apply_action *)((char *)question - offsetof(struct apply_action, question));
	struct slice word = slice_trim(answer);
	if (slice_ieq(word, SLICE("y")) || slice_ieq(word, SLICE("yes"))) {
		write_files(action);
	} else {
		decline(action, answer.data != NULL ? "the edits were not confirmed"
						    : "nobody confirmed the edits");
	}
}

static void confirm(struct apply_action *action) {
	struct task *task = action->task;
	const struct run_options *options = &task->run->options;
	bool is_asked = task->step->asks_confirmation || options->confirms_edits;
	if (!is_asked || options->takes_defaults) {
		write_files(action);
		return;
	}
	if (!run_can_ask(task->run)) {
		decline(action,
			"the edits wait for confirmation, and there is no terminal to ask on: use "
			"--yes to apply them unseen");
		return;
	}
	action->state = APPLY_ASKING;
	action->question.text = (struct run_question){
		.step = task->step, .text = task->result.diff, .is_confirmation = true};
	action->question.on_answer = on_answer;
	question_ask(task->run, &action->question);
}

/* ---- planning ---- */

static void on_planned(struct apply_action *action) {
	struct apply_work *work = action->work;
	struct task *task = action->task;
	if (apply_is_stopped(action)) {
		apply_note_failure(action, FAILURE_CANCELLED, "stopped");
		apply_end_failed(action);
		return;
	}
	if (!work->job.is_ok) {
		task->result.has_error = false; /* what a program said belongs to another round */
		apply_note_failure(action,
			work->job.error.kind == ERROR_UNPROCESSABLE ? FAILURE_PARSE
								    : FAILURE_EXECUTION,
			work->job.error.message);
		settle_failure(action);
		return;
	}
	for (size_t i = 0; i < work->plan.warning_count; i++) {
		run_inform(task->run, RUN_EVENT_WARNING, task->step, "%s", work->plan.warnings[i]);
	}
	task->result.diff = arena_dup(&task->run->arena, work->diff);
	confirm(action);
}

static void on_phase(struct apply_work *work) {
	struct apply_action *action = work->job.owner;
	switch (work->phase) {
	case APPLY_PLAN:
		on_planned(action);
		return;
	case APPLY_WRITE:
		on_written(action);
		return;
	case APPLY_RESTORE:
		on_restored(action);
		return;
	case APPLY_FORGET:
		return;
	}
}

void apply_start_round(struct apply_action *action, struct slice text, bool is_json) {
	struct task *task = action->task;
	struct error error = {0};
	const char *dir = run_files_dir(task->run, &error);
	if (dir == NULL) {
		task_fail_error(task, &error);
		return;
	}
	const char *backup = arena_printf(&task->arena, "%s/" JOURNAL_BACKUPS "/%.*s-%zu-%u-%u",
		dir, SLICE_FMT(task->step->name), task->item + 1, task->attempt, action->round)
				     .data;
	action->edits = arena_dup(&task->run->arena, text);
	action->state = APPLY_PLANNING;
	action->work = apply_work_new(task, text, is_json, backup);
	action->work->job.owner = action;
	action->work->on_phase = on_phase;
	if (!apply_work_start(task->run->options.loop, action->work, APPLY_PLAN)) {
		apply_note_failure(action, FAILURE_EXECUTION, "no worker could be started");
		apply_end_failed(action);
	}
}

/* ---- the step ---- */

static bool prepare(struct task *task, struct slice *text, bool *is_json) {
	struct apply_action *action = ARENA_NEW(&task->arena, struct apply_action);
	task->action = action;
	action->task = task;
	action->round = 1;
	action->state = APPLY_OVER;
	task->result.backend = SLICE("apply");
	*ARENA_PUSH(&task->run->arena, &task->result.backends) = SLICE("apply");
	if (!apply_source(task, text, is_json)) {
		return false;
	}
	struct slice verify_text;
	if (!verify_command(action, &verify_text)) {
		return false;
	}
	if (verify_text.data == NULL) {
		return true;
	}
	action->verify_text = arena_dup(&task->run->arena, verify_text);
	return task->run->options.is_dry_run ||
	       (task_directory(task, &action->verify_dir) &&
		       task_variables(task, true, &action->variables, &action->variable_count));
}

static void apply_start(struct task *task) {
	struct slice text;
	bool is_json;
	if (prepare(task, &text, &is_json)) {
		apply_start_round(action_of(task), text, is_json);
	}
}

static void apply_stop(struct task *task, bool now) {
	struct apply_action *action = task->action;
	switch (action->state) {
	case APPLY_PLANNING:
	case APPLY_WRITING:
	case APPLY_RESTORING:
	case APPLY_OVER:
		return; /* its phase ends soon and looks why it was stopped */
	case APPLY_ASKING:
		question_drop(task->run, &action->question);
		decline(action, "stopped");
		return;
	case APPLY_VERIFYING:
		if (now) {
			process_kill(action->verify);
		} else {
			process_stop(action->verify);
		}
		return;
	case APPLY_ASKING_AGAIN:
		query_release(&action->query);
		action->state = APPLY_OVER;
		task_fail(task, FAILURE_CANCELLED, "stopped");
		return;
	}
}

static void apply_release(struct task *task) {
	struct apply_action *action = task->action;
	if (action == NULL) {
		return;
	}
	task->action = NULL;
	question_drop(task->run, &action->question);
	process_release(action->verify);
	if (action->query.task != NULL) {
		query_release(&action->query);
	}
	if (action->work != NULL) {
		apply_work_abandon(action->work);
	}
}

/* Only inline edits are known before anything runs: their diff is shown. */
static void apply_preview(struct task *task) {
	struct slice text;
	bool is_json;
	if (!prepare(task, &text, &is_json)) {
		task->action = NULL;
		return;
	}
	task->result.prompt = action_of(task)->verify_text;
	task->action = NULL;
	if (task->step->edits == NULL) {
		return;
	}
	struct arena *arena = &task->run->arena;
	struct error error = {0};
	struct edit_set set = {0};
	struct apply_plan plan = {0};
	struct apply_rules rules = {.dir = task->run->options.dir,
		.allow = task->step->allow_paths.items,
		.allow_count = task->step->allow_paths.len,
		.deny = task->step->deny_paths.items,
		.deny_count = task->step->deny_paths.len};
	const struct json *edits = json_parse(arena, arena_dup(arena, text), NULL, &error);
	if (edits == NULL || !apply_parse_json(edits, arena, &set, &error) ||
		!apply_plan_make(&set, &rules, arena, &plan, &error)) {
		run_inform(task->run, RUN_EVENT_WARNING, task->step, "%s", error.message);
		return;
	}
	struct buf diff;
	buf_init(&diff, 0);
	apply_plan_diff(&plan, false, &diff);
	task->result.diff = arena_dup(arena, buf_slice(&diff));
	task->result.output = task->result.diff;
	buf_finish(&diff);
}

const struct step_kind step_apply = {
	.start = apply_start,
	.stop = apply_stop,
	.release = apply_release,
	.preview = apply_preview,
};
