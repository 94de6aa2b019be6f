/* roles.c: what a query step's role means here: the team's override, the workflow's own role, the
 * configuration's; and what the step itself says (workflows.md 3.1, 3.2). */
#include "data/nearest.h"
#include "workflow/run_internal.h"

/* A role as it stands in one place, laid over a more general one. */
struct resolved {
	struct slice name;
	struct option_strings backends;
	int execution; /* -1: not said */
	int64_t min_success;
	bool cancels_rest;
};

static const struct runner_role *role_in(
	const struct runner_role *roles, size_t count, struct slice name) {
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(roles[i].name, name)) {
			return &roles[i];
		}
	}
	return NULL;
}

static void lay_over(struct resolved *resolved, const struct runner_role *role) {
	if (role == NULL) {
		return;
	}
	resolved->backends = role->backends;
	if (role->execution >= 0) {
		resolved->execution = role->execution;
	}
	if (role->min_success > 0) {
		resolved->min_success = role->min_success;
	}
	resolved->cancels_rest |= role->cancels_rest;
}

static bool explain_unknown(const struct run *run, struct slice name, struct error *error) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct nearest nearest = nearest_begin(name);
	for (size_t i = 0; i < run->workflow->roles.len; i++) {
		nearest_offer(&nearest, run->workflow->roles.items[i].name);
	}
	for (size_t i = 0; run->runner != NULL && i < run->runner->roles.len; i++) {
		nearest_offer(&nearest, run->runner->roles.items[i].name);
	}
	error_set(error, ERROR_CONFIGURATION,
		"no role `%.*s` is defined, neither in the workflow nor in the configuration%s",
		SLICE_FMT(name), nearest_clause(&nearest, &arena));
	arena_finish(&arena);
	return false;
}

static bool find_role(
	const struct run *run, struct slice name, struct resolved *resolved, struct error *error) {
	const struct runner_team *team = run->options.team;
	const struct runner_role *override =
		team != NULL ? role_in(team->roles.items, team->roles.len, name) : NULL;
	const struct runner_role *role =
		role_in(run->workflow->roles.items, run->workflow->roles.len, name);
	if (role == NULL && run->runner != NULL) {
		role = runner_find_role(run->runner, name);
	}
	if (override == NULL && role == NULL) {
		return explain_unknown(run, name, error);
	}
	lay_over(resolved, role);
	lay_over(resolved, override);
	resolved->name = name;
	return true;
}

bool role_resolve(const struct run *run, const struct workflow_step *step, struct arena *arena,
	struct role_plan *plan, struct error *error) {
	struct resolved resolved = {.execution = -1};
	if (step->backends.len > 0) {
		resolved.backends = step->backends;
		resolved.name = step->backends.items[0];
	} else if (!find_role(run, step->role, &resolved, error)) {
		return false;
	}
	if (resolved.backends.len == 0) {
		return error_set(error, ERROR_CONFIGURATION, "the role `%.*s` names no backends",
			SLICE_FMT(resolved.name));
	}
	int mode = resolved.execution >= 0 ? resolved.execution : ROLE_FIRST;
	if (step->execution >= 0) {
		mode = step->execution;
	} else if (step->says_parallel ? step->is_parallel
				       : run->runner != NULL && run->runner->defaults.is_parallel) {
		mode = ROLE_PARALLEL;
	}
	int64_t min_success = step->min_success > 0 ? step->min_success : resolved.min_success;
	*plan = (struct role_plan){
		.name = arena_strdup(arena, resolved.name),
		.mode = (enum role_mode)mode,
		.backends = resolved.backends.items,
		.backend_count = resolved.backends.len,
		.min_success = min_success > 0 ? (unsigned)min_success : 1,
		.cancels_rest = step->cancels_rest || resolved.cancels_rest,
		.first_falls_over = run->runner != NULL && run->runner->defaults.first_falls_over,
	};
	return true;
}
