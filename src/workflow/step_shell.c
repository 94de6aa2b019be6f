/* step_shell.c: a shell command or a program as a step (workflows.md 5.11). */
#include <stdlib.h>

#include "data/extract.h"
#include "workflow/run_internal.h"

struct shell_action {
	struct process *process;
	struct slice command; /* as shown, in the run's arena */
};

/* A JSON value in what was printed is `.data`; numbers and words alone are just text. */
static const struct json *data_of(struct slice text, struct arena *arena) {
	const struct json *data = extract_json(arena, text, NULL);
	return json_is(data, JSON_OBJECT) || json_is(data, JSON_ARRAY) ? data : NULL;
}

static void tell_failure(struct task *task, const struct process_result *ended) {
	struct shell_action *action = task->action;
	struct step_result *result = &task->result;
	result->has_error = true;
	result->error = (struct step_error){
		.command = action->command,
		.out = result->out,
		.err = result->err,
		.exit_code = ended->exit_code,
	};
	switch (ended->end) {
	case PROCESS_TOO_MUCH:
		result->error.exit_code = -1;
		task_fail(task, FAILURE_EXECUTION,
			"the command printed more than the limit of %zu MB and was killed",
			PROCESS_MAX_OUTPUT / (1024 * 1024));
		return;
	case PROCESS_TIMED_OUT:
	case PROCESS_STOPPED:
		result->error.exit_code = -1;
		task_fail(task, FAILURE_CANCELLED, "the command was stopped");
		return;
	case PROCESS_EXITED:
	case PROCESS_SIGNALLED:
		break;
	}
	struct slice reason = slice_trim(result->err);
	if (reason.len > 0) {
		task_fail(task, FAILURE_EXECUTION, "%.*s", SLICE_FMT(reason));
	} else {
		task_fail(task, FAILURE_EXECUTION, "command exited with code %d", ended->exit_code);
	}
}

static void on_done(void *data, const struct process_result *ended) {
	struct task *task = data;
	struct arena *arena = &task->run->arena;
	struct step_result *result = &task->result;
	result->out = text_repair(ended->out, arena);
	result->err = text_repair(ended->err, arena);
	result->output = slice_trim(result->out);
	result->exit_code = ended->end == PROCESS_EXITED || ended->end == PROCESS_SIGNALLED
				    ? ended->exit_code
				    : -1;
	if (ended->end != PROCESS_EXITED || ended->exit_code != 0) {
		tell_failure(task, ended);
		return;
	}
	const struct workflow_step *step = task->step;
	struct error error = {0};
	if (step->output_schema != NULL || step->needs_json) {
		if (!answer_check(step, result->output, arena, &result->data, &error)) {
			task_fail_error(task, &error);
			return;
		}
	} else {
		result->data = data_of(result->output, arena);
	}
	task_succeed(task);
}

/* The rendered command, as a shell's or as words. False: the task has failed. */
static bool make_command(struct task *task, struct command *command) {
	const struct workflow_step *step = task->step;
	struct arena *arena = &task->arena;
	if (step->argv.len > 0) {
		struct slice *words = ARENA_ARRAY(arena, struct slice, step->argv.len);
		for (size_t i = 0; i < step->argv.len; i++) {
			if (!task_render(task, &step->argv.items[i], &words[i])) {
				return false;
			}
		}
		command_of_argv(task->run, words, step->argv.len, arena, command);
	} else {
		struct slice text;
		if (!task_render(task, &step->run, &text)) {
			return false;
		}
		command_of_shell(task->run,
			step->shell.len > 0 ? arena_strdup(arena, step->shell) : "sh", text, arena,
			command);
	}
	task->result.prompt = arena_dup(&task->run->arena, command->text);
	return true;
}

static bool add_surroundings(struct task *task, struct command *command) {
	const struct workflow_step *step = task->step;
	if (step_template_is_given(&step->stdin_text) &&
		!task_render(task, &step->stdin_text, &command->input)) {
		return false;
	}
	return task_directory(task, &command->cwd);
}

static void shell_start(struct task *task) {
	struct shell_action *action = ARENA_NEW(&task->arena, struct shell_action);
	task->action = action;
	task->result.backend = SLICE("shell");
	struct command command;
	if (!make_command(task, &command) || !add_surroundings(task, &command)) {
		return;
	}
	*ARENA_PUSH(&task->run->arena, &task->result.backends) = SLICE("shell");
	action->command = task->result.prompt;
	action->process = command_start(task, &command, task, on_done);
}

static void shell_stop(struct task *task, bool now) {
	struct shell_action *action = task->action;
	if (action->process == NULL) {
		return; /* its failure is queued already */
	}
	if (now) {
		process_kill(action->process);
	} else {
		process_stop(action->process);
	}
}

static void shell_release(struct task *task) {
	struct shell_action *action = task->action;
	if (action != NULL) {
		process_release(action->process);
		task->action = NULL;
	}
}

static void shell_preview(struct task *task) {
	struct command command;
	task->result.backend = SLICE("shell");
	make_command(task, &command);
}

const struct step_kind step_shell = {
	.start = shell_start,
	.stop = shell_stop,
	.release = shell_release,
	.preview = shell_preview,
};
