/* step_query.c: a question to a model as a step: its prompt, the role it goes to, and the repair of
 * an answer that was not what the schema asks (workflows.md 2.7). */
#include "tokens/estimate.h"
#include "workflow/query.h"

static bool make_query(struct task *task, struct query *query) {
	const struct workflow_step *step = task->step;
	struct slice text;
	struct error error = {0};
	query->task = task;
	query->step = step;
	query->result = &task->result;
	query->key = task_key(task);
	query->is_cached = step->is_cached;
	if (!role_resolve(task->run, step, &task->arena, &query->plan, &error)) {
		task_fail_error(task, &error);
		return false;
	}
	if (!task_render(task, &step->prompt, &text)) {
		return false;
	}
	if (step_template_is_given(&step->system) &&
		!task_render(task, &step->system, &query->system)) {
		return false;
	}
	if (!prompt_make(task, step, text, &query->prompt)) {
		return false;
	}
	task->result.prompt = query->prompt;
	return true;
}

static void on_done(struct query *query) {
	struct task *task = query->task;
	if (query->is_ok) {
		task_succeed(task);
		return;
	}
	if (query->class == FAILURE_PARSE && task->result.output.len > 0) {
		/* for the next attempt's prompt */
		task->bad_reply = task->result.output;
		task->bad_reason = query->message;
	}
	task->retry_after_ms = query->retry_after_ms;
	task_fail(task, query->class, "%.*s", SLICE_FMT(query->message));
}

static void query_step_start(struct task *task) {
	struct query *query = ARENA_NEW(&task->arena, struct query);
	task->action = query;
	if (make_query(task, query) &&
		task_variables(task, false, &query->variables, &query->variable_count) &&
		task_directory(task, &query->cwd)) {
		query->on_done = on_done;
		query_start(query);
	}
}

/* Whoever is asked is cancelled at once: an answer that nobody waits for is not worth its price. */
static void query_step_stop(struct task *task, bool now) {
	(void)now;
	query_release(task->action);
	task_fail(task, FAILURE_CANCELLED, "the question was given up");
}

static void query_step_release(struct task *task) {
	if (task->action != NULL) {
		query_release(task->action);
		task->action = NULL;
	}
}

static void query_step_preview(struct task *task) {
	struct query query = {0};
	if (!make_query(task, &query)) {
		return;
	}
	struct arena *arena = &task->run->arena;
	task->result.outputs_are_named = true;
	for (size_t i = 0; i < query.plan.backend_count; i++) {
		struct slice name = query.plan.backends[i];
		*ARENA_PUSH(arena, &task->result.outputs) = (struct step_output){
			.name = name,
			.text = arena_printf(arena, "<answer of %.*s>", SLICE_FMT(name)),
		};
	}
	int64_t tokens = tokens_estimate(query.prompt) + tokens_estimate(query.system);
	task->result.backend = arena_dup(&task->run->arena, slice_of(query.plan.name));
	task->result.usage = (struct step_usage){
		.input_tokens = tokens,
		.is_known = true,
		.cost_microusd = cost_of_prompt(task->run, &query.plan, tokens),
	};
	run_spend(task->run, &task->result.usage);
}

const struct step_kind step_query = {
	.start = query_step_start,
	.stop = query_step_stop,
	.release = query_step_release,
	.preview = query_step_preview,
	.keeps_limit = true,
};
