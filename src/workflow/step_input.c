/* step_input.c: a question to the person, with what answers it when there is none (workflows.md
 * 5.12). */
#include "data/extract.h"
#include "workflow/run_internal.h"

#define INPUT_MAX_TRIES 3

struct input_action {
	struct question question; /* the first member */
	struct task *task;
	struct slice prompt;
	struct slice default_answer; /* absent: none */
	unsigned tries;
};

/* The allowed answer it means; any answer where none are listed. Absent: it is not allowed. */
static struct slice allowed_answer(const struct workflow_step *step, struct slice answer) {
	answer = slice_trim(answer);
	for (size_t i = 0; i < step->options.len; i++) {
		if (slice_ieq(step->options.items[i], answer)) {
			return step->options.items[i];
		}
	}
	return step->options.len == 0 ? answer : slice_make(NULL, 0);
}

static const char *option_list(const struct task *task) {
	struct arena *arena = &task->run->arena;
	const char *text = "";
	for (size_t i = 0; i < task->step->options.len; i++) {
		text = arena_printf(arena, "%s%s%.*s", text, i > 0 ? ", " : "",
			SLICE_FMT(task->step->options.items[i]))
			       .data;
	}
	return text;
}

static void take(struct task *task, struct slice answer) {
	struct arena *arena = &task->run->arena;
	struct step_result *result = &task->result;
	struct error error = {0};
	result->output = arena_dup(arena, answer);
	const struct workflow_step *step = task->step;
	if (step->output_schema != NULL || step->needs_json) {
		if (!answer_check(step, result->output, arena, &result->data, &error)) {
			task_fail_error(task, &error);
			return;
		}
	} else {
		const struct json *data = extract_json(arena, result->output, NULL);
		result->data =
			json_is(data, JSON_OBJECT) || json_is(data, JSON_ARRAY) ? data : NULL;
	}
	task_succeed(task);
}

/* An answer that nobody typed: it must be allowed all the same. */
static void take_given(struct task *task, struct slice answer, const char *what) {
	struct slice allowed = allowed_answer(task->step, answer);
	if (allowed.data == NULL) {
		task_fail(task, FAILURE_CONFIG, "%s `%.*s` is none of its options: %s", what,
			SLICE_FMT(answer), option_list(task));
	} else {
		take(task, allowed);
	}
}

/* Nobody is there to answer. */
static void take_fallback(struct task *task) {
	const struct input_action *action = task->action;
	if (action->default_answer.data != NULL) {
		take_given(task, action->default_answer, "the default");
	} else if (task->run->options.takes_defaults && task->step->options.len > 0) {
		take(task, task->step->options.items[0]);
	} else {
		task_fail(task, FAILURE_CONFIG,
			"it asks for an answer, and there is no terminal to ask on: give the step "
			"a "
			"`default`, or the answer with --answer %.*s=...",
			SLICE_FMT(task->step->name));
	}
}

static void on_answer(struct question *question, struct slice answer) {
	struct input_action *action = (struct input_action *)question;
	struct task *task = action->task;
	if (answer.data == NULL) {
		take_fallback(task);
		return;
	}
	if (slice_trim(answer).len == 0 && action->default_answer.data != NULL) {
		take_given(task, action->default_answer, "the default");
		return;
	}
	struct slice allowed = allowed_answer(task->step, answer);
	if (allowed.data != NULL) {
		take(task, allowed);
		return;
	}
	if (++action->tries > INPUT_MAX_TRIES) {
		task_fail(task, FAILURE_CONFIG,
			"it was asked %d times, and no answer was one of its options: %s",
			INPUT_MAX_TRIES + 1, option_list(task));
		return;
	}
	question->text.text = arena_printf(&task->run->arena, "Please answer with one of: %s\n%.*s",
		option_list(task), SLICE_FMT(action->prompt));
	question_ask(task->run, question);
}

static const struct run_preset *preset_of(const struct task *task) {
	const struct run_options *options = &task->run->options;
	for (size_t i = 0; i < options->preset_count; i++) {
		if (slice_eq(options->presets[i].step, task->step->name)) {
			return &options->presets[i];
		}
	}
	return NULL;
}

static bool prepare(struct task *task) {
	struct input_action *action = ARENA_NEW(&task->arena, struct input_action);
	task->action = action;
	action->task = task;
	task->result.backend = SLICE("input");
	struct slice text;
	if (!task_render(task, &task->step->prompt, &text)) {
		return false;
	}
	action->prompt = arena_dup(&task->run->arena, text);
	task->result.prompt = action->prompt;
	if (step_template_is_given(&task->step->default_answer)) {
		return task_render(task, &task->step->default_answer, &action->default_answer);
	}
	return true;
}

static void input_start(struct task *task) {
	if (!prepare(task)) {
		return;
	}
	struct input_action *action = task->action;
	const struct run_preset *preset = preset_of(task);
	bool answers_itself = task->run->options.takes_defaults &&
			      (action->default_answer.data != NULL || task->step->options.len > 0);
	if (preset != NULL) {
		take_given(task, preset->value, "--answer");
	} else if (answers_itself || !run_can_ask(task->run)) {
		take_fallback(task);
	} else {
		action->question.text = (struct run_question){
			.step = task->step, .text = action->prompt, .options = task->step->options};
		action->question.on_answer = on_answer;
		question_ask(task->run, &action->question);
	}
}

static void input_stop(struct task *task, bool now) {
	(void)now;
	struct input_action *action = task->action;
	question_drop(task->run, &action->question);
	task_fail(task, FAILURE_CANCELLED, "nobody answered");
}

static void input_release(struct task *task) {
	struct input_action *action = task->action;
	if (action != NULL) {
		question_drop(task->run, &action->question);
		task->action = NULL;
	}
}

static void input_preview(struct task *task) {
	prepare(task);
	task->action = NULL;
}

const struct step_kind step_input = {
	.start = input_start,
	.stop = input_stop,
	.release = input_release,
	.preview = input_preview,
};
