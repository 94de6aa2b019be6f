/* step_workflow.c: another workflow as a step: a run of its own within this one, which spends the
 * same budget and whose calls go into the same record (workflows.md 11, rank 16). */
#include <stdlib.h>

#include "workflow/run_internal.h"

struct workflow_action {
	struct run_observer observer; /* the first member */
	struct question question;     /* of the inner run, asked by the outer */
	struct task *task;
	struct workflow *workflow;
	struct run *run;
};

/* ---- what the inner run tells ---- */

static const struct json *copy_json(const struct json *json, struct arena *arena) {
	struct error error = {0};
	return json != NULL ? json_parse(arena, arena_dup(arena, json_raw(json)), NULL, &error)
			    : NULL;
}

/* The inner steps' results stay reachable as `outputs.NAME`. */
static void take_outputs(struct task *task, const struct run *inner) {
	struct arena *arena = &task->run->arena;
	struct step_result *result = &task->result;
	const struct run_results *results = run_results_of(inner);
	result->outputs_are_named = true;
	for (size_t i = 0; i < results->workflow->steps.len; i++) {
		const struct step_result *step = &results->items[i];
		if (step->status != STEP_OK && step->status != STEP_FAILED) {
			continue;
		}
		*ARENA_PUSH(arena, &result->outputs) = (struct step_output){
			.name = arena_dup(arena, step->step->name),
			.text = arena_dup(arena, step->output),
			.data = copy_json(step->data, arena),
			.model = arena_dup(arena, step->model),
			.duration_ms = step->duration_ms,
			.is_failed = step->status == STEP_FAILED,
			.error =
				step->has_error ? arena_dup(arena, step->error.message) : SLICE(""),
		};
	}
	struct slice text = run_final_text(inner);
	result->output = text.data != NULL ? arena_dup(arena, text) : SLICE("");
	/* the data of the step that spoke last, found by its text */
	for (size_t i = results->workflow->steps.len; i-- > 0 && result->data == NULL;) {
		if (results->items[i].status == STEP_OK &&
			slice_eq(results->items[i].output, text)) {
			result->data = copy_json(results->items[i].data, arena);
		}
	}
	struct step_usage usage = run_usage(inner);
	usage_add(&result->usage, &usage);
}

static void end(struct workflow_action *action, const struct run_event *event) {
	struct task *task = action->task;
	take_outputs(task, action->run);
	struct slice name = action->workflow->name;
	switch (event->end) {
	case RUN_OK:
		task_succeed(task);
		return;
	case RUN_CANCELLED:
		task_fail(
			task, FAILURE_CANCELLED, "workflow `%.*s` was cancelled", SLICE_FMT(name));
		return;
	case RUN_FAILED:
	case RUN_TIMED_OUT:
		break;
	}
	const struct workflow_step *failed = action->run->failed_step;
	const struct step_error *error = event->error;
	task->result.has_error = true;
	task->result.error = (struct step_error){
		.exit_code = error->exit_code,
		.http_status = error->http_status,
		.command = arena_dup(&task->run->arena, error->command),
		.out = arena_dup(&task->run->arena, error->out),
		.err = arena_dup(&task->run->arena, error->err),
		.backend = arena_dup(&task->run->arena, error->backend),
	};
	task_fail(task, error->class, "workflow `%.*s`%s%.*s%s: %.*s", SLICE_FMT(name),
		failed != NULL ? ", step `" : "", failed != NULL ? (int)failed->name.len : 0,
		failed != NULL ? failed->name.data : "", failed != NULL ? "`" : "",
		SLICE_FMT(error->message));
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct workflow_action *action = (struct workflow_action *)observer;
	struct task *task = action->task;
	struct run_event told = *event;
	told.step = task->step;
	switch (event->type) {
	case RUN_EVENT_STEP_OUTPUT:
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		run_tell(task->run, &told);
		return;
	case RUN_EVENT_STEP_END:
		run_tell(task->run, &(struct run_event){.type = RUN_EVENT_STEP_PROGRESS,
					    .step = task->step,
					    .text = event->step->name,
					    .done = action->run->scheduler.done,
					    .of = event->total});
		return;
	case RUN_EVENT_END:
		end(action, event);
		return;
	case RUN_EVENT_START:
	case RUN_EVENT_STEP_START:
	case RUN_EVENT_STEP_PROGRESS:
	case RUN_EVENT_STEP_RETRY:
		return;
	}
}

/* ---- its questions ---- */

static void on_answer(struct question *question, struct slice answer) {
	struct workflow_action *action =
		(struct workflow_action *)((char *)question -
					   offsetof(struct workflow_action, question));
	run_answer(action->run, answer);
}

static void ask(void *data, const struct run_question *question) {
	struct workflow_action *action = data;
	question_drop(action->task->run, &action->question);
	action->question.text = *question;
	action->question.on_answer = on_answer;
	question_ask(action->task->run, &action->question);
}

/* ---- starting ---- */

static struct workflow *load(struct task *task, struct error *error) {
	struct arena *arena = &task->arena;
	struct workflow_places places;
	const char *path;
	const char *origin;
	struct slice text;
	const char *name = arena_strdup(arena, task->step->workflow_name);
	workflow_places_of(task->run->runner, arena, &places);
	if (!workflow_find_nested(task->run->options.workflow, &places, name, arena, &path, &origin,
		    &text, error)) {
		return NULL;
	}
	struct problems problems;
	problems_init(&problems, arena, path, text);
	/* the workflow keeps what it was made of */
	struct workflow *workflow = workflow_load(path, origin, text, &problems);
	if (workflow == NULL || !workflow_check(workflow, task->run->runner, &places, &problems)) {
		problems_to_error(&problems, error);
		workflow_destroy(workflow);
		return NULL;
	}
	const struct run_options *options = &task->run->options;
	if (options->allows != NULL && !options->allows(options->allows_data, workflow, error)) {
		workflow_destroy(workflow);
		return NULL;
	}
	return workflow;
}

/* `with` as the words of a command line. */
static bool bind(struct task *task, const struct workflow *workflow,
	struct workflow_arguments *arguments, struct error *error) {
	struct arena *arena = &task->arena;
	size_t count = task->step->with.len;
	char **words = ARENA_ARRAY(arena, char *, count + 1);
	for (size_t i = 0; i < count; i++) {
		const struct workflow_variable *variable = &task->step->with.items[i];
		struct slice value =
			run_render_text(task->run, &variable->value, task->globals, arena, error);
		if (value.data == NULL) {
			return false;
		}
		words[i] =
			arena_strdup(arena, arena_printf(arena, "%.*s=%.*s",
						    SLICE_FMT(variable->name), SLICE_FMT(value)));
	}
	struct buf warnings;
	buf_init(&warnings, 0);
	bool is_bound = workflow_bind(
		workflow, task->run->options.dir, words, count, arena, arguments, &warnings, error);
	if (warnings.len > 0) {
		run_inform(task->run, RUN_EVENT_WARNING, task->step, "%.*s",
			SLICE_FMT(slice_trim(buf_slice(&warnings))));
	}
	buf_finish(&warnings);
	return is_bound;
}

static void workflow_start(struct task *task) {
	struct workflow_action *action = ARENA_NEW(&task->arena, struct workflow_action);
	struct run_options options = task->run->options;
	struct error error = {0};
	task->action = action;
	action->task = task;
	action->observer.on_event = on_event;
	task->result.backend = SLICE("workflow");
	action->workflow = load(task, &error);
	if (action->workflow == NULL || !bind(task, action->workflow, &options.arguments, &error)) {
		task_fail_error(task, &error);
		return;
	}
	options.workflow = action->workflow;
	options.observer = &action->observer;
	options.parent = task->run;
	options.key_prefix = arena_printf(&task->run->arena, "%.*s.", SLICE_FMT(task_key(task)));
	options.presets = NULL;
	options.preset_count = 0;
	options.ask = task->run->options.ask != NULL ? ask : NULL;
	options.ask_data = action;
	action->run = run_create(&options, &error);
	if (action->run == NULL) {
		task_fail_error(task, &error);
		return;
	}
	run_start(action->run);
}

static void workflow_stop(struct task *task, bool now) {
	struct workflow_action *action = task->action;
	if (action->run != NULL) {
		run_cancel(action->run, now);
	}
}

static void workflow_release(struct task *task) {
	struct workflow_action *action = task->action;
	if (action != NULL) {
		question_drop(task->run, &action->question);
		run_release(action->run);
		workflow_destroy(action->workflow);
		task->action = NULL;
	}
}

static void workflow_preview(struct task *task) {
	struct arena *arena = &task->run->arena;
	struct slice text =
		arena_printf(arena, "workflow %.*s", SLICE_FMT(task->step->workflow_name));
	for (size_t i = 0; i < task->step->with.len; i++) {
		struct slice value;
		if (task_render(task, &task->step->with.items[i].value, &value)) {
			text = arena_printf(arena, "%.*s %.*s=%.*s", SLICE_FMT(text),
				SLICE_FMT(task->step->with.items[i].name), SLICE_FMT(value));
		}
	}
	task->result.backend = SLICE("workflow");
	task->result.prompt = text;
}

const struct step_kind step_workflow = {
	.start = workflow_start,
	.stop = workflow_stop,
	.release = workflow_release,
	.preview = workflow_preview,
};
