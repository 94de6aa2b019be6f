/* check.c: everything that can be found in a workflow without running it (workflows.md 8.2): the
 * order of the checks, and those of single values. Names and circles are check_graph.c's, templates
 * check_templates.c's, roles and sub-workflows check_roles.c's and check_nested.c's. */
#include "workflow/workflow_internal.h"

bool workflow_may_suggest(struct workflow_checker *checker) {
	return checker->suggestions++ < WORKFLOW_SUGGESTIONS_MAX;
}

void workflow_suggest(
	struct workflow_checker *checker, const struct nearest *nearest, const char *before) {
	if (nearest->found.data) {
		problems_hint(checker->problems, "did you mean `%s%.*s`?", before,
			SLICE_FMT(nearest->found));
	}
}

/* ---- values of one step ---- */

/* A file of the run directory: never one outside of it. */
static void check_save_as(struct workflow_checker *checker, const struct workflow_step *step) {
	struct slice rest = step->save_as, part;
	bool is_outside = rest.len > 0 && rest.data[0] == '/';
	while (rest.len > 0 && slice_split(&rest, '/', &part)) {
		is_outside |= slice_is(part, "..");
	}
	if (is_outside) {
		struct option_place place =
			workflow_value_place(&step->place, step->node, "save_as");
		workflow_problem(checker->workflow, checker->problems, false, &place,
			"`save_as` must be a path within the run directory, not `%.*s`",
			SLICE_FMT(step->save_as));
	}
}

static void check_default_answer(
	struct workflow_checker *checker, const struct workflow_step *step) {
	struct slice text = step->default_answer.source.text;
	bool is_template = slice_contains(text, SLICE("{{")) || slice_contains(text, SLICE("{%"));
	bool is_option = step->options.len == 0 || is_template || !text.data;
	struct nearest nearest = nearest_begin(text);
	for (size_t i = 0; i < step->options.len; i++) {
		is_option |= slice_ieq(step->options.items[i], text);
		nearest_offer(&nearest, step->options.items[i]);
	}
	if (!is_option) {
		workflow_problem(checker->workflow, checker->problems, false,
			&step->default_answer.source.place,
			"the default `%.*s` is none of the `options`", SLICE_FMT(text));
		workflow_suggest(checker, &nearest, "");
	}
}

static bool some_team_verifies(const struct runner_config *runner) {
	for (size_t i = 0; i < runner->teams.len; i++) {
		if (runner->teams.items[i].verify.len > 0) {
			return true;
		}
	}
	return false;
}

/* Where the team is not known yet, the run looks again before anything begins. */
static void check_team_verify(struct workflow_checker *checker, const struct workflow_step *step) {
	const struct workflow_places *places = checker->places;
	bool knows_team = places && places->knows_team;
	const struct runner_team *team = knows_team ? places->team : NULL;
	bool can_verify = knows_team ? team && team->verify.len > 0
				     : !checker->runner || some_team_verifies(checker->runner);
	if (!can_verify) {
		struct slice whose =
			!knows_team ? SLICE("no team has a `verify`")
			: !team     ? SLICE("no team is detected here")
				    : arena_printf(checker->problems->arena,
					      "the team `%.*s` has no `verify`", SLICE_FMT(team->name));
		workflow_problem(checker->workflow, checker->problems, false,
			&step->verify.source.place,
			"`verify = \"team\"` means the team's command, but %.*s", SLICE_FMT(whose));
	}
}

static void check_verify(struct workflow_checker *checker, const struct workflow_step *step) {
	struct slice verify = slice_trim(step->verify.source.text);
	if (slice_is(verify, "team")) {
		check_team_verify(checker, step);
	}
	if (verify.len > 0 || step->type != STEP_APPLY) {
		return;
	}
	static const char *const keys[] = {
		"verify_retries", "verify_retry_prompt", "verify_timeout", NULL};
	for (const char *const *key = keys; *key; key++) {
		if (workflow_member(step->node, *key)) {
			struct option_place place =
				workflow_key_place(&step->place, step->node, *key);
			workflow_problem(checker->workflow, checker->problems, true, &place,
				"`%s` has no effect without `verify`", *key);
		}
	}
}

static bool cell_is_excluded(const struct workflow_step *step, const size_t *at) {
	json_each (cell, step->matrix_exclude) {
		bool matches = cell->count > 0;
		for (size_t i = 0; i < step->matrix.len && matches; i++) {
			const struct json *wanted =
				json_get_slice(cell, step->matrix.items[i].name);
			matches =
				!wanted ||
				json_equal(wanted, json_item(step->matrix.items[i].values, at[i]));
		}
		if (matches) {
			return true;
		}
	}
	return false;
}

/* Whether anything of the matrix is left. */
static void check_matrix(struct workflow_checker *checker, const struct workflow_step *step) {
	bool has_errors = step->written.matrix &&
			  json_get(step->written.matrix, "exclude") == NULL &&
			  step->matrix.len != step->written.matrix->count;
	if (step->matrix.len == 0 || !step->matrix_exclude || has_errors) {
		return;
	}
	size_t *at = ARENA_ARRAY(checker->problems->arena, size_t, step->matrix.len);
	for (;;) {
		if (!cell_is_excluded(step, at)) {
			return;
		}
		size_t axis = 0;
		while (axis < step->matrix.len &&
			++at[axis] == step->matrix.items[axis].values->count) {
			at[axis++] = 0;
		}
		if (axis == step->matrix.len) {
			break;
		}
	}
	struct option_place place = workflow_key_place(&step->place, step->node, "matrix");
	workflow_problem(checker->workflow, checker->problems, true, &place,
		"`exclude` leaves nothing of the matrix: step `%.*s` never does anything",
		SLICE_FMT(step->name));
}

static void check_values(struct workflow_checker *checker) {
	for (size_t i = 0; i < checker->workflow->steps.len; i++) {
		const struct workflow_step *step = &checker->workflow->steps.items[i];
		check_save_as(checker, step);
		check_default_answer(checker, step);
		check_verify(checker, step);
		check_matrix(checker, step);
	}
}

/* ---- all ---- */

static bool check(const struct workflow *workflow, const struct runner_config *runner,
	const struct workflow_places *places, bool has_nested, struct problems *problems) {
	const char *file_before = problems->file;
	struct slice text_before = problems->text;
	size_t errors_before = problems->error_count, from = problems->len;
	struct workflow_checker checker = {
		.workflow = workflow,
		.runner = runner,
		.places = places,
		.problems = problems,
		.arg_is_used = ARENA_ARRAY(problems->arena, bool, workflow->args.len + 1),
	};
	map_init(&checker.told);
	check_values(&checker);
	workflow_check_graph(&checker);
	workflow_check_templates(&checker);
	workflow_check_roles(&checker);
	if (has_nested) {
		workflow_check_nested(&checker);
	}
	map_finish(&checker.told, NULL);
	problems->file = file_before;
	problems->text = text_before;
	workflow_keep_texts(problems, from);
	return problems->error_count == errors_before;
}

bool workflow_check(const struct workflow *workflow, const struct runner_config *runner,
	const struct workflow_places *places, struct problems *problems) {
	return check(workflow, runner, places, true, problems);
}

bool workflow_check_alone(const struct workflow *workflow, const struct runner_config *runner,
	const struct workflow_places *places, struct problems *problems) {
	return check(workflow, runner, places, false, problems);
}

bool workflow_validate(const char *path, const char *origin, struct slice text,
	const struct runner_config *runner, const struct workflow_places *places,
	struct problems *problems, struct workflow **out) {
	size_t errors_before = problems->error_count;
	struct workflow *workflow = workflow_load_anyway(path, origin, text, problems);
	if (workflow) {
		workflow_check(workflow, runner, places, problems);
	}
	bool is_good = problems->error_count == errors_before;
	if (out && is_good) {
		*out = workflow;
	} else {
		workflow_destroy(workflow);
	}
	return is_good;
}
