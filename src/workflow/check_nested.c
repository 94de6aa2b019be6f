/* check_nested.c: the workflows that steps run (`workflow` + `with`): whether they are there, run
 * each other in a circle, and get the arguments they declare. */
#include <stdlib.h>

#include "workflow/workflow_internal.h"

#define NESTING_MAX 32

struct nesting {
	struct workflow_checker *checker;
	const struct workflow_step *step; /* of the workflow that is checked */
	struct option_place place;
	struct slice names[NESTING_MAX]; /* from the checked one down */
	const char *paths[NESTING_MAX];
	size_t depth;
	struct map loaded; /* path -> struct workflow, each once */
	struct map done;   /* path -> anything: no circle goes through it, or it has errors */
};

static void tell_circle(struct nesting *nesting, size_t begin, struct slice again) {
	struct arena *arena = nesting->checker->problems->arena;
	struct slice text = {0};
	for (size_t i = begin; i < nesting->depth; i++) {
		text = arena_printf(
			arena, "%.*s%.*s -> ", SLICE_FMT(text), SLICE_FMT(nesting->names[i]));
	}
	workflow_problem(nesting->checker->workflow, nesting->checker->problems, false,
		&nesting->place, "workflows run each other in a circle: %.*s%.*s", SLICE_FMT(text),
		SLICE_FMT(again));
}

static void check_arguments(struct nesting *nesting, const struct workflow *called) {
	struct workflow_checker *checker = nesting->checker;
	const struct workflow_step *step = nesting->step;
	for (size_t i = 0; i < called->args.len; i++) {
		const struct workflow_arg *arg = &called->args.items[i];
		bool is_given = false;
		for (size_t w = 0; w < step->with.len; w++) {
			is_given |= slice_eq(step->with.items[w].name, arg->name);
		}
		if (arg->is_required && !is_given) {
			workflow_problem(checker->workflow, checker->problems, false,
				&nesting->place,
				"workflow `%.*s` needs the argument `%.*s`: give it in `with`",
				SLICE_FMT(step->workflow_name), SLICE_FMT(arg->name));
		}
	}
	for (size_t w = 0; w < step->with.len; w++) {
		struct slice name = step->with.items[w].name;
		struct nearest nearest = nearest_begin(name);
		bool is_declared = called->args.len == 0;
		for (size_t i = 0; i < called->args.len; i++) {
			is_declared |= slice_eq(called->args.items[i].name, name);
			nearest_offer(&nearest, called->args.items[i].name);
		}
		if (!is_declared) {
			workflow_problem(checker->workflow, checker->problems, true,
				&step->with.items[w].value.source.place,
				"workflow `%.*s` declares no argument `%.*s`",
				SLICE_FMT(step->workflow_name), SLICE_FMT(name));
			workflow_suggest(checker, &nearest, "");
		}
	}
}

/* `./a.toml` and `../flows/a.toml` may be one file. */
static const char *canonical(struct arena *arena, const char *path) {
	char *real = realpath(path, NULL);
	const char *same = real ? arena_strdup(arena, slice_of(real)) : path;
	free(real);
	return same;
}

/* NULL after telling what is wrong with it, the first time. */
static struct workflow *load(struct nesting *nesting, struct slice name, const char *real,
	const char *path, const char *origin, struct slice text) {
	struct workflow_checker *checker = nesting->checker;
	struct workflow *called = map_get(&nesting->loaded, slice_of(real));
	if (called) {
		return called;
	}
	struct problems inner;
	problems_init(&inner, checker->problems->arena, path, text);
	called = workflow_load(path, origin, text, &inner);
	if (called && workflow_check_alone(called, checker->runner, checker->places, &inner)) {
		map_put(&nesting->loaded, slice_of(real), called);
		return called;
	}
	struct error error = {0};
	problems_to_error(&inner, &error);
	workflow_destroy(called);
	workflow_problem(checker->workflow, checker->problems, false, &nesting->place,
		"workflow `%.*s` has errors: %s: %s", SLICE_FMT(name), error.where, error.message);
	map_put(&nesting->done, slice_of(real), nesting);
	return NULL;
}

static void destroy(void *workflow) {
	workflow_destroy(workflow);
}

/* One that a step runs, and what that one runs. */
static void descend(struct nesting *nesting, const struct workflow *caller, struct slice name) {
	struct workflow_checker *checker = nesting->checker;
	struct arena *arena = checker->problems->arena;
	const char *path, *origin;
	struct slice text;
	struct error error = {0};
	if (!workflow_find_nested(caller, checker->places, arena_strdup(arena, name), arena, &path,
		    &origin, &text, &error)) {
		workflow_problem(checker->workflow, checker->problems, false, &nesting->place,
			"step `%.*s`: %s", SLICE_FMT(nesting->step->name), error.message);
		return;
	}
	const char *real = canonical(arena, path);
	for (size_t i = 0; i < nesting->depth; i++) {
		if (strcmp(nesting->paths[i], real) == 0) {
			tell_circle(nesting, i, name);
			return;
		}
	}
	bool is_direct = nesting->depth == 1;
	if (nesting->depth == NESTING_MAX) {
		workflow_problem(checker->workflow, checker->problems, false, &nesting->place,
			"workflows run each other more than %d deep", NESTING_MAX);
		return;
	}
	bool is_done = map_get(&nesting->done, slice_of(real)) != NULL;
	bool is_loaded = map_get(&nesting->loaded, slice_of(real)) != NULL;
	if (is_done && (!is_direct || !is_loaded)) {
		return;
	}
	struct workflow *called = load(nesting, name, real, path, origin, text);
	if (!called) {
		return;
	}
	if (is_direct) {
		check_arguments(nesting, called);
	}
	if (is_done) {
		return;
	}
	nesting->paths[nesting->depth] = real;
	nesting->names[nesting->depth++] = name;
	for (size_t i = 0; i < called->steps.len; i++) {
		if (called->steps.items[i].type == STEP_WORKFLOW) {
			descend(nesting, called,
				arena_dup(arena, called->steps.items[i].workflow_name));
		}
	}
	nesting->depth--;
	map_put(&nesting->done, slice_of(real), nesting);
}

void workflow_check_nested(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	struct nesting nesting = {.checker = checker, .depth = 1};
	nesting.paths[0] = canonical(checker->problems->arena, workflow->path);
	nesting.names[0] = workflow->name;
	map_init(&nesting.done);
	map_init(&nesting.loaded);
	for (size_t i = 0; i < workflow->steps.len && checker->places; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		if (step->type == STEP_WORKFLOW && step->workflow_name.len > 0) {
			nesting.step = step;
			nesting.place = workflow_value_place(&step->place, step->node, "workflow");
			descend(&nesting, workflow, step->workflow_name);
		}
	}
	map_finish(&nesting.done, NULL);
	map_finish(&nesting.loaded, destroy);
}
