/* cost.c: what calls use and cost, in millionths of a US dollar, by the configured prices
 * (workflows.md 11, rank 10). */
#include <math.h>

#include "tokens/estimate.h"
#include "workflow/run_internal.h"

void usage_init(struct step_usage *usage) {
	*usage = (struct step_usage){.cost_microusd = -1};
}

void usage_add(struct step_usage *usage, const struct step_usage *more) {
	usage->input_tokens += more->input_tokens;
	usage->output_tokens += more->output_tokens;
	usage->is_known |= more->is_known;
	if (more->cost_microusd >= 0) {
		usage->cost_microusd =
			more->cost_microusd + (usage->cost_microusd > 0 ? usage->cost_microusd : 0);
	}
}

static const struct runner_price *price_of(const struct run *run, struct slice model) {
	for (size_t i = 0; run->runner != NULL && i < run->runner->prices.len; i++) {
		const struct runner_price *price = &run->runner->prices.items[i];
		if (slice_glob(price->model, model, true)) {
			return price;
		}
	}
	return NULL;
}

/* By the model that answered, else the one its backend is configured with, else its name. */
static const struct runner_price *price_of_backend(
	const struct run *run, struct slice model, struct slice backend) {
	const struct runner_price *price = model.len > 0 ? price_of(run, model) : NULL;
	const struct runner_backend *configured =
		run->runner != NULL ? runner_find_backend(run->runner, backend) : NULL;
	if (price == NULL && configured != NULL && configured->model.len > 0) {
		price = price_of(run, configured->model);
	}
	return price != NULL ? price : price_of(run, backend);
}

static double known(double price, double otherwise) {
	return isnan(price) ? otherwise : price;
}

static double count(int64_t tokens) {
	return tokens > 0 ? (double)tokens : 0;
}

/* Dollars per million tokens are millionths of a dollar per token. */
static int64_t cost_of(const struct runner_price *price, const struct chat_usage *usage) {
	double input = known(price->input, 0);
	double cost = count(usage->input_uncached) * input + count(usage->tool_use_prompt) * input +
		      count(usage->cache_read) * known(price->cache_read, input) +
		      count(usage->cache_write) * known(price->cache_write, input) +
		      count(usage->output_total) * known(price->output, 0);
	return (int64_t)ceil(cost);
}

void usage_of_answer(
	const struct run *run, const struct role_answer *answer, struct step_usage *usage) {
	usage_init(usage);
	if (!chat_usage_is_known(&answer->usage)) {
		return;
	}
	int64_t input = chat_usage_input_total(&answer->usage);
	usage->is_known = true;
	usage->input_tokens = input > 0 ? input : 0;
	usage->output_tokens = answer->usage.output_total > 0 ? answer->usage.output_total : 0;
	const struct runner_price *price =
		price_of_backend(run, answer->model, slice_of(answer->backend));
	if (price != NULL) {
		usage->cost_microusd = cost_of(price, &answer->usage);
	}
}

int64_t cost_of_prompt(const struct run *run, const struct role_plan *plan, int64_t tokens) {
	double cost = 0;
	bool is_known = false;
	for (size_t i = 0; i < plan->backend_count; i++) {
		const struct runner_price *price =
			price_of_backend(run, slice_make(NULL, 0), plan->backends[i]);
		if (price == NULL) {
			continue;
		}
		double one = (double)tokens * known(price->input, 0);
		is_known = true;
		/* in parallel all are asked; else the dearest may be the one */
		cost = plan->mode == ROLE_PARALLEL ? cost + one : fmax(cost, one);
	}
	return is_known ? (int64_t)ceil(cost) : -1;
}

bool cost_allows(
	struct run *run, const struct role_plan *plan, struct slice prompt, struct error *error) {
	if (run->options.max_cost_microusd < 0) {
		return true;
	}
	int64_t spent = run_spent_microusd(run);
	int64_t next = cost_of_prompt(run, plan, tokens_estimate(prompt));
	int64_t most = run->options.max_cost_microusd;
	if (spent < most && spent + (next > 0 ? next : 0) <= most) {
		return true;
	}
	return error_set(error, ERROR_CONFIGURATION,
		"not asked: $%.6f are spent, its prompt alone would cost about $%.6f, and "
		"--max-cost "
		"allows $%.6f",
		(double)spent / 1e6, (double)(next > 0 ? next : 0) / 1e6, (double)most / 1e6);
}
