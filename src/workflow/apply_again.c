/* apply_again.c: asks the role of an apply step's source again, with what went wrong (workflows.md
 * 7.7). */
#include <stdlib.h>

#include "workflow/apply_action.h"

static const struct step_result *source_of(const struct apply_action *action) {
	const struct task *task = action->task;
	size_t source = task->step->source_step;
	const struct step_result *result =
		source < task->run->workflow->steps.len ? &task->run->results.items[source] : NULL;
	return result != NULL && result->step->type == STEP_QUERY ? result : NULL;
}

static void on_replied(struct query *query) {
	struct apply_action *action =
		(struct apply_action *)((char *)query - offsetof(struct apply_action, query));
	struct task *task = action->task;
	usage_add(&task->result.usage, &action->replied.usage);
	query_release(query);
	if (!query->is_ok) {
		struct slice message = arena_printf(&task->run->arena, "%.*s; asked again, but: %s",
			SLICE_FMT(task->result.error.message),
			arena_strdup(&task->arena, query->message));
		apply_note_failure(action, query->class, arena_strdup(&task->arena, message));
		apply_end_failed(action);
		return;
	}
	action->round++;
	apply_start_round(action, action->replied.outputs.items[0].text, false);
}

/* The backend that answered first; in parallel all of them. */
static void prefer_backend(
	struct task *task, const struct step_result *source, struct role_plan *plan) {
	struct slice *backends = ARENA_ARRAY(&task->arena, struct slice, plan->backend_count);
	size_t count = 0;
	if (plan->mode == ROLE_PARALLEL || source->backend.data == NULL) {
		return;
	}
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < plan->backend_count; i++) {
			if (slice_eq(plan->backends[i], source->backend) == (pass == 0)) {
				backends[count++] = plan->backends[i];
			}
		}
	}
	plan->backends = backends;
}

static bool make_query(struct apply_action *action) {
	struct task *task = action->task;
	const struct step_result *source = source_of(action);
	if (source == NULL) { /* may_ask_again said otherwise */
		task_fail(task, FAILURE_CONFIG, "its source cannot be asked again");
		return false;
	}
	struct query *query = &action->query;
	struct error error = {0};
	struct slice text;
	memset(query, 0, sizeof *query);
	action->replied = (struct step_result){
		.step = source->step, .exit_code = -1, .usage = {.cost_microusd = -1}};
	query->task = task;
	query->step = source->step;
	query->result = &action->replied;
	query->on_done = on_replied;
	query->key = arena_printf(
		&task->run->arena, "%.*s/verify-%u", SLICE_FMT(task_key(task)), action->round);
	if (!role_resolve(task->run, source->step, &task->arena, &query->plan, &error)) {
		task_fail_error(task, &error);
		return false;
	}
	prefer_backend(task, source, &query->plan);
	struct step_error failure = task->result.error;
	if (!apply_retry_prompt(
		    task, source->prompt, action->edits, &failure, action->history, &text)) {
		return false;
	}
	if (step_template_is_given(&source->step->system) &&
		!task_render(task, &source->step->system, &query->system)) {
		return false;
	}
	return prompt_make(task, source->step, text, &query->prompt);
}

void apply_ask_again(struct apply_action *action) {
	struct task *task = action->task;
	struct step_error *error = &task->result.error;
	apply_work_free(action->work);
	action->work = NULL;
	action->state = APPLY_ASKING_AGAIN;
	error->attempt = action->round;
	error->max_attempts = (unsigned)task->step->verify_retries + 1;
	run_tell(task->run,
		&(struct run_event){
			.type = RUN_EVENT_STEP_RETRY, .step = task->step, .error = error});
	if (apply_is_stopped(action) || !make_query(action)) {
		action->state = APPLY_OVER;
		task_fail(task, FAILURE_CANCELLED, "stopped"); /* no-op when it has failed */
		return;
	}
	action->history = arena_printf(&task->run->arena, "%.*s%u: %.*s\n",
		SLICE_FMT(action->history), action->round, SLICE_FMT(error->message));
	query_start(&action->query);
}

bool apply_may_ask_again(const struct apply_action *action) {
	const struct task *task = action->task;
	return !apply_is_stopped(action) && (int64_t)action->round <= task->step->verify_retries &&
	       source_of(action) != NULL && task->run->state == RUN_RUNNING;
}
