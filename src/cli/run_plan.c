/* run_plan.c: what a run would do, as text on standard output: the steps in the order of their
 * waves (steps of one wave may run at once), each with its command or prompt, and what it costs.
 *
 *   1. collect (shell)
 *        $ git diff
 *   2. review (query: reviewer), about 1200 tokens, $0.0036
 *        | Look at this diff: <output of collect>
 */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/run.h"

struct plan_notes {
	const char **items;
	size_t len, cap;
};

struct run_plan {
	struct run_display display; /* the first member */
	const struct run_session *session;
	struct arena arena;
	struct plan_notes *notes; /* per step, and of the whole behind them */
	FILE *err;
	struct slice failure; /* absent: none */
};

static struct slice masked(struct run_plan *plan, struct slice text) {
	struct runner_secrets *secrets = plan->display.options.secrets;
	return secrets != NULL ? runner_secrets_mask(secrets, text, &plan->arena) : text;
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct run_plan *plan = (struct run_plan *)observer;
	const struct run_display_options *options = &plan->display.options;
	size_t number = event->step != NULL ? event->step->number : options->workflow->steps.len;
	switch (event->type) {
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		*ARENA_PUSH(&plan->arena, &plan->notes[number]) =
			arena_strdup(&plan->arena, event->text);
		return;
	case RUN_EVENT_END:
		if (event->error != NULL) {
			plan->failure = arena_dup(&plan->arena, event->error->message);
		}
		if (options->on_end != NULL) {
			options->on_end(options->data, event->end);
		}
		return;
	case RUN_EVENT_START:
	case RUN_EVENT_STEP_START:
	case RUN_EVENT_STEP_OUTPUT:
	case RUN_EVENT_STEP_PROGRESS:
	case RUN_EVENT_STEP_RETRY:
	case RUN_EVENT_STEP_END:
		return;
	}
}

/* ---- waves ---- */

size_t run_plan_waves(const struct workflow *workflow, struct arena *arena, const size_t **waves) {
	size_t count = workflow->steps.len;
	size_t *found = ARENA_ARRAY(arena, size_t, count + 1);
	/* the latest wave among the first so many places of the order */
	size_t *latest = ARENA_ARRAY(arena, size_t, count + 1);
	size_t *latest_action = ARENA_ARRAY(arena, size_t, count + 1);
	size_t most = 0;
	for (size_t place = 0; place < count; place++) {
		const struct workflow_step *step = &workflow->steps.items[workflow->order[place]];
		size_t wave = 0;
		for (size_t i = 0; i < step->edges.len; i++) {
			size_t before = found[step->edges.items[i].step];
			wave = before > wave ? before : wave;
		}
		size_t earlier = step->earlier_count < place ? step->earlier_count : place;
		size_t all = step->waits_for_earlier ? latest[earlier] : 0;
		size_t actions = step->waits_for_earlier_actions ? latest_action[earlier] : 0;
		wave = all > wave ? all : wave;
		wave = (actions > wave ? actions : wave) + 1;
		found[step->number] = wave;
		latest[place + 1] = wave > latest[place] ? wave : latest[place];
		bool is_action = step->type != STEP_QUERY;
		latest_action[place + 1] =
			is_action && wave > latest_action[place] ? wave : latest_action[place];
		most = wave > most ? wave : most;
	}
	*waves = found;
	return most;
}

/* ---- one step ---- */

static void put_block(struct run_plan *plan, struct buf *out, const char *mark, struct slice text) {
	struct slice rest = masked(plan, text);
	struct slice line;
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		buf_printf(out, "     %s ", mark);
		run_words_append(out, line);
		buf_append_byte(out, '\n');
	}
}

static void put_fact(struct run_plan *plan, struct buf *out, const char *name, struct slice text) {
	if (text.len > 0) {
		buf_printf(out, "     %s: ", name);
		run_words_append(out, masked(plan, slice_trim(text)));
		buf_append_byte(out, '\n');
	}
}

static void put_estimate(struct buf *out, const struct step_usage *usage) {
	if (usage->is_known && usage->input_tokens > 0) {
		buf_printf(out, ", about %lld %s", (long long)usage->input_tokens,
			usage->input_tokens == 1 ? "token" : "tokens");
	}
	if (usage->cost_microusd >= 0) {
		buf_printf(out, ", $%.4f", (double)usage->cost_microusd / 1e6);
	}
}

/* What is run or asked; of items, whose texts differ, as it is written. */
static void put_action(struct run_plan *plan, struct buf *out, const struct step_result *result) {
	const struct workflow_step *step = result->step;
	struct slice text = result->prompt;
	if (text.len == 0 && result->status == STEP_OK) {
		text = step->type == STEP_SHELL ? step->run.source.text : step->prompt.source.text;
	}
	/* of a program's several lines the first has the prompt of a shell */
	size_t end = step->type == STEP_SHELL ? slice_find_byte(text, '\n') : SIZE_MAX;
	put_block(plan, out, step->type == STEP_SHELL ? "$" : "|",
		end == SIZE_MAX ? text : slice_sub(text, 0, end));
	if (end != SIZE_MAX) {
		put_block(plan, out, ">", slice_from(text, end + 1));
	}
}

/* Where the edits come from, what they are tried with, and how often they are asked for again. */
static void put_apply(struct run_plan *plan, struct buf *out, const struct step_result *result) {
	const struct workflow_step *step = result->step;
	const struct workflow *workflow = plan->display.options.workflow;
	put_fact(plan, out, "source",
		step->source_step != SIZE_MAX ? workflow->steps.items[step->source_step].name
					      : step->source_expression.source.text);
	put_block(plan, out, "verify:", result->prompt);
	if (result->prompt.len > 0 && step->verify_retries > 0) {
		buf_printf(out, "     retries: at most %lld, each asks again\n",
			(long long)step->verify_retries);
	}
}

static void put_step(struct run_plan *plan, struct buf *out, const char *number,
	const struct step_result *result) {
	const struct workflow_step *step = result->step;
	const struct plan_notes *notes = &plan->notes[step->number];
	buf_printf(out, "%s %.*s (%s", number, SLICE_FMT(step->name), step_type_names[step->type]);
	if (step->type == STEP_QUERY && result->backend.len > 0) {
		buf_printf(out, ": %.*s", SLICE_FMT(result->backend));
	}
	buf_append_byte(out, ')');
	put_estimate(out, &result->usage);
	buf_append_byte(out, '\n');
	put_fact(plan, out, "if", step->condition.source.text);
	put_fact(plan, out, "for each of", step->for_each.source.text);
	if (result->status == STEP_SKIPPED) {
		put_fact(plan, out, "skipped", result->skip_reason);
	}
	if (result->has_error) {
		put_fact(plan, out, "would fail", result->error.message);
	}
	if (step->type == STEP_APPLY) {
		put_apply(plan, out, result);
	} else {
		put_action(plan, out, result);
	}
	if (result->diff.len > 0) {
		put_block(plan, out, "|", result->diff);
	}
	for (size_t i = 0; i < notes->len; i++) {
		put_fact(plan, out, "note", slice_of(notes->items[i]));
	}
}

static void put_wave(struct run_plan *plan, struct buf *out, size_t wave, const size_t *waves,
	const struct run_results *results) {
	const struct workflow *workflow = plan->display.options.workflow;
	size_t count = 0;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		count += waves[i] == wave;
	}
	char number_text[32];
	snprintf(number_text, sizeof number_text, "%2zu.", wave);
	if (count > 1) {
		buf_printf(out, "%s at once:\n", number_text);
	}
	for (size_t place = 0; place < workflow->steps.len; place++) {
		size_t number = workflow->order[place];
		if (waves[number] == wave) {
			put_step(plan, out, count > 1 ? "  -" : number_text,
				&results->items[number]);
		}
	}
}

/* ---- the whole ---- */

static void put_head(struct run_plan *plan, struct buf *out) {
	const struct run_display_options *options = &plan->display.options;
	const struct workflow *workflow = options->workflow;
	size_t jobs = plan->session != NULL ? (size_t)plan->session->flags.jobs : 0;
	if (jobs == 0) {
		jobs = workflow->max_parallel > 0 ? (size_t)workflow->max_parallel : 4;
	}
	buf_printf(out, "%.*s: %zu %s, at most %zu at once", SLICE_FMT(workflow->name),
		workflow->steps.len, workflow->steps.len == 1 ? "step" : "steps", jobs);
	if (options->team.len > 0) {
		buf_printf(out, ", team %.*s", SLICE_FMT(options->team));
	}
	if (options->ecosystem.len > 0) {
		buf_printf(out, ", ecosystem %.*s", SLICE_FMT(options->ecosystem));
	}
	buf_append_str(out, "\n\n");
}

static void put_total(struct buf *out, const struct step_usage *usage) {
	if (usage->is_known) {
		buf_printf(out, "\nall prompts: about %lld tokens", (long long)usage->input_tokens);
		if (usage->cost_microusd >= 0) {
			buf_printf(out, ", $%.4f", (double)usage->cost_microusd / 1e6);
		} else {
			buf_append_str(out, ", no price known ([pricing.MODEL] tells one)");
		}
		buf_append_str(out, "; answers come on top\n");
	}
	buf_append_str(out, "Nothing was run and nobody was asked.\n");
}

static void close_plan(struct run_display *display, const struct run_summary *summary) {
	struct run_plan *plan = (struct run_plan *)display;
	const struct workflow *workflow = display->options.workflow;
	const size_t *waves;
	struct buf out;
	buf_init(&out, 0);
	put_head(plan, &out);
	size_t count = run_plan_waves(workflow, &plan->arena, &waves);
	for (size_t wave = 1; wave <= count; wave++) {
		put_wave(plan, &out, wave, waves, summary->results);
	}
	const struct plan_notes *notes = &plan->notes[workflow->steps.len];
	for (size_t i = 0; i < notes->len; i++) {
		buf_printf(&out, "note: %s\n", notes->items[i]);
	}
	put_total(&out, &summary->usage);
	fwrite(out.data, 1, out.len, display->options.out);
	fflush(display->options.out);
	buf_finish(&out);
	if (plan->failure.data != NULL && plan->err != NULL) {
		fprintf(plan->err, "llm-mux: the run would fail: %.*s\n", SLICE_FMT(plan->failure));
	}
}

static void destroy(struct run_display *display) {
	struct run_plan *plan = (struct run_plan *)display;
	arena_finish(&plan->arena);
	free(plan);
}

struct run_display *run_plan_create(
	const struct run_display_options *options, const struct run_session *session) {
	struct run_plan *plan = mem_calloc(1, sizeof *plan);
	plan->display = (struct run_display){
		.observer = {on_event},
		.options = *options,
		.close = close_plan,
		.destroy = destroy,
	};
	plan->session = session;
	plan->err = session != NULL ? session->context->err : NULL;
	arena_init(&plan->arena, NULL, (size_t)256 * 1024 * 1024);
	plan->notes =
		ARENA_ARRAY(&plan->arena, struct plan_notes, options->workflow->steps.len + 1);
	return &plan->display;
}
