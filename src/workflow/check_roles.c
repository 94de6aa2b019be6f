/* check_roles.c: roles and backends that steps name (workflows.md 3.1, 3.2). */
#include "workflow/workflow_internal.h"

/* ---- finding ---- */

static const struct runner_role *find_role(
	const struct runner_role *roles, size_t count, struct slice name) {
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(roles[i].name, name)) {
			return &roles[i];
		}
	}
	return NULL;
}

/* A role that only a team has: it is there when that team is active. */
static const struct runner_role *find_team_role(
	const struct runner_config *runner, struct slice name) {
	for (size_t i = 0; i < runner->teams.len; i++) {
		const struct runner_team *team = &runner->teams.items[i];
		const struct runner_role *role =
			find_role(team->roles.items, team->roles.len, name);
		if (role) {
			return role;
		}
	}
	return NULL;
}

static void offer_roles(struct nearest *nearest, const struct runner_role *roles, size_t count) {
	for (size_t i = 0; i < count; i++) {
		nearest_offer(nearest, roles[i].name);
	}
}

/* ---- backends ---- */

/* `provider/model` is a model of the gateway: what it knows is asked when it runs. */
static bool is_model(struct slice name) {
	return slice_find_byte(name, '/') != SIZE_MAX;
}

/* Tells of backends that are not there or off; returns how many are on. */
static size_t check_backends(struct workflow_checker *checker, const char *what, struct slice owner,
	const struct option_strings *names, const struct option_place *otherwise) {
	const struct runner_config *runner = checker->runner;
	size_t enabled = 0;
	for (size_t i = 0; i < names->len; i++) {
		const struct runner_backend *backend = runner_find_backend(runner, names->items[i]);
		const struct option_place *place =
			names->places && names->places[i].line ? &names->places[i] : otherwise;
		if (is_model(names->items[i])) {
			enabled++;
		} else if (!backend) {
			workflow_problem(checker->workflow, checker->problems, false, place,
				"%s `%.*s` names the backend `%.*s`, which is not configured", what,
				SLICE_FMT(owner), SLICE_FMT(names->items[i]));
			struct nearest nearest = nearest_begin(names->items[i]);
			for (size_t b = 0; b < runner->backends.len; b++) {
				nearest_offer(&nearest, runner->backends.items[b].name);
			}
			workflow_suggest(checker, &nearest, "");
			enabled++; /* one problem is enough */
		} else if (!backend->is_enabled) {
			workflow_problem(checker->workflow, checker->problems, true, place,
				"%s `%.*s` names the backend `%.*s`, which is disabled", what,
				SLICE_FMT(owner), SLICE_FMT(names->items[i]));
		} else {
			enabled++;
		}
	}
	return enabled;
}

static size_t count_enabled(
	const struct runner_config *runner, const struct option_strings *names) {
	size_t enabled = 0;
	for (size_t i = 0; i < names->len; i++) {
		const struct runner_backend *backend = runner_find_backend(runner, names->items[i]);
		enabled += !backend || backend->is_enabled;
	}
	return enabled;
}

/* ---- steps ---- */

static void tell_unknown_role(struct workflow_checker *checker, const struct workflow_step *step,
	const struct option_place *place) {
	const struct workflow *workflow = checker->workflow;
	const struct runner_config *runner = checker->runner;
	workflow_problem(workflow, checker->problems, false, place,
		"step `%.*s` asks the role `%.*s`, which is defined neither in the workflow nor in "
		"the configuration",
		SLICE_FMT(step->name), SLICE_FMT(step->role));
	if (!workflow_may_suggest(checker)) {
		return;
	}
	struct nearest nearest = nearest_begin(step->role);
	offer_roles(&nearest, workflow->roles.items, workflow->roles.len);
	offer_roles(&nearest, runner->roles.items, runner->roles.len);
	for (size_t i = 0; i < runner->teams.len; i++) {
		const struct runner_team *team = &runner->teams.items[i];
		offer_roles(&nearest, team->roles.items, team->roles.len);
	}
	if (nearest.found.data) {
		workflow_suggest(checker, &nearest, "");
	} else if (runner->backends.len == 0) {
		problems_hint(checker->problems,
			"`llm-mux init` sets up backends and the role `default`");
	} else {
		problems_hint(checker->problems,
			"add [roles.%.*s] with its `backends`, or name one with `backend`",
			SLICE_FMT(step->role));
	}
}

static void check_step(struct workflow_checker *checker, const struct workflow_step *step) {
	const struct workflow *workflow = checker->workflow;
	const struct runner_role *role = NULL;
	const struct option_strings *backends = &step->backends;
	if (step->role.len > 0) {
		struct option_place place = workflow_value_place(&step->place, step->node, "role");
		role = find_role(workflow->roles.items, workflow->roles.len, step->role);
		role = role ? role : runner_find_role(checker->runner, step->role);
		role = role ? role : find_team_role(checker->runner, step->role);
		if (!role) {
			tell_unknown_role(checker, step, &place);
			return;
		}
		backends = &role->backends;
	} else {
		struct option_place place =
			workflow_value_place(&step->place, step->node, "backend");
		check_backends(checker, "step", step->name, backends, &place);
	}
	size_t enabled = count_enabled(checker->runner, backends);
	bool is_parallel =
		step->says_parallel ? step->is_parallel : checker->runner->defaults.is_parallel;
	int mode = step->execution >= 0 ? step->execution
		   : is_parallel        ? ROLE_PARALLEL
		   : role               ? role->execution
					: -1;
	if (step->min_success > (int64_t)enabled && backends->len > 0) {
		struct option_place place =
			workflow_value_place(&step->place, step->node, "min_success");
		workflow_problem(workflow, checker->problems, false, &place,
			"`min_success` is %ld, but step `%.*s` asks only %zu enabled backend%s",
			(long)step->min_success, SLICE_FMT(step->name), enabled,
			enabled == 1 ? "" : "s");
	} else if (step->min_success > 0 && mode != ROLE_PARALLEL && mode >= 0) {
		struct option_place place =
			workflow_key_place(&step->place, step->node, "min_success");
		workflow_problem(workflow, checker->problems, true, &place,
			"`min_success` has no effect: step `%.*s` does not ask in parallel",
			SLICE_FMT(step->name));
	}
}

void workflow_check_roles(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	if (!checker->runner) {
		return;
	}
	for (size_t i = 0; i < workflow->roles.len; i++) {
		const struct runner_role *role = &workflow->roles.items[i];
		size_t enabled =
			check_backends(checker, "role", role->name, &role->backends, &role->place);
		if (role->min_success > (int64_t)enabled && role->backends.len > 0) {
			workflow_problem(workflow, checker->problems, false, &role->place,
				"role `%.*s` wants %ld successes (`min_success`) of %zu enabled "
				"backend%s",
				SLICE_FMT(role->name), (long)role->min_success, enabled,
				enabled == 1 ? "" : "s");
		}
	}
	for (size_t i = 0; i < workflow->steps.len; i++) {
		if (workflow->steps.items[i].type == STEP_QUERY) {
			check_step(checker, &workflow->steps.items[i]);
		}
	}
}
