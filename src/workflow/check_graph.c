/* check_graph.c: names of steps and groups, what depends_on says, circles (workflows.md 5.5). */
#include <stdlib.h>

#include "workflow/workflow_internal.h"

#define CYCLES_TOLD_MAX 10

/* ---- names ---- */

static struct option_place name_place(const struct option_place *place, const struct json *node) {
	return workflow_value_place(place, node, "name");
}

static void check_names(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		const struct workflow_step *first = workflow_find_step(workflow, step->name);
		struct option_place place = name_place(&step->place, step->node);
		if (first && first != step) {
			workflow_problem(workflow, checker->problems, false, &place,
				"two steps are called `%.*s`: the first is at %s:%u",
				SLICE_FMT(step->name), first->place.file, first->place.line);
		}
	}
	for (size_t i = 0; i < workflow->groups.len; i++) {
		const struct workflow_group *group = &workflow->groups.items[i];
		const struct workflow_group *first = workflow_find_group(workflow, group->name);
		struct option_place place = name_place(&group->place, group->node);
		if (first && first != group) {
			workflow_problem(workflow, checker->problems, false, &place,
				"two groups are called `%.*s`: the first is at %s:%u",
				SLICE_FMT(group->name), first->place.file, first->place.line);
		}
		if (workflow_find_step(workflow, group->name)) {
			workflow_problem(workflow, checker->problems, false, &place,
				"a step and a group are called `%.*s`: `depends_on` could mean "
				"either",
				SLICE_FMT(group->name));
		}
		if (group->name.len > 0 && !workflow_is_name(group->name)) {
			workflow_problem(workflow, checker->problems, false, &place,
				"`%.*s` cannot be the name of a group: letters, digits, `_` and "
				"`-`, no digit first",
				SLICE_FMT(group->name));
		}
		if (group->step_count == 0) {
			workflow_problem(workflow, checker->problems, false, &group->place,
				"group `%.*s` has no steps: [[groups.steps]]",
				SLICE_FMT(group->name));
		}
	}
}

/* ---- depends_on ---- */

static void suggest_name(struct workflow_checker *checker, struct slice word) {
	const struct workflow *workflow = checker->workflow;
	if (!workflow_may_suggest(checker)) {
		return;
	}
	struct nearest nearest = nearest_begin(word);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		nearest_offer(&nearest, workflow->steps.items[i].name);
	}
	for (size_t i = 0; i < workflow->groups.len; i++) {
		nearest_offer(&nearest, workflow->groups.items[i].name);
	}
	workflow_suggest(checker, &nearest, "");
}

static void check_dependencies(struct workflow_checker *checker, const char *what,
	struct slice owner, const struct option_strings *names) {
	for (size_t i = 0; i < names->len; i++) {
		struct slice name = names->items[i];
		if (!workflow_find_step(checker->workflow, name) &&
			!workflow_find_group(checker->workflow, name)) {
			workflow_problem(checker->workflow, checker->problems, false,
				&names->places[i],
				"%s `%.*s` depends on `%.*s`, but there is no step or group of "
				"that name",
				what, SLICE_FMT(owner), SLICE_FMT(name));
			suggest_name(checker, name);
		}
	}
}

static void check_step_dependencies(
	struct workflow_checker *checker, const struct workflow_step *step) {
	const struct workflow *workflow = checker->workflow;
	check_dependencies(checker, "step", step->name, &step->depends_on);
	size_t count = 0;
	for (size_t i = 0; i < step->depends_on.len; i++) {
		struct slice name = step->depends_on.items[i];
		const struct workflow_group *group = workflow_find_group(workflow, name);
		count += group ? group->step_count : 1;
		if (slice_eq(name, step->name)) {
			workflow_problem(workflow, checker->problems, false,
				&step->depends_on.places[i],
				"steps wait for each other in a circle: %.*s -> %.*s",
				SLICE_FMT(name), SLICE_FMT(name));
		} else if (group && group == step->group) {
			workflow_problem(workflow, checker->problems, false,
				&step->depends_on.places[i],
				"step `%.*s` depends on its own group: %.*s -> %.*s -> %.*s",
				SLICE_FMT(step->name), SLICE_FMT(step->name), SLICE_FMT(name),
				SLICE_FMT(step->name));
		}
	}
	if (step->min_deps_success > (int64_t)count) {
		struct option_place place =
			workflow_value_place(&step->place, step->node, "min_deps_success");
		workflow_problem(workflow, checker->problems, false, &place,
			"`min_deps_success` is %ld, but step `%.*s` depends on %zu step%s",
			(long)step->min_deps_success, SLICE_FMT(step->name), count,
			count == 1 ? "" : "s");
	}
}

/* ---- circles ---- */

struct frame {
	size_t step, next_edge;
};

/* Where a step says that it waits for another one. */
static struct option_place edge_place(const struct workflow_step *from, struct slice to) {
	for (size_t i = 0; i < from->depends_on.len; i++) {
		if (slice_eq(from->depends_on.items[i], to)) {
			return from->depends_on.places[i];
		}
	}
	return from->place;
}

static void tell_cycle(
	struct workflow_checker *checker, const struct frame *stack, size_t depth, size_t back_to) {
	const struct workflow_step *steps = checker->workflow->steps.items;
	size_t begin = depth;
	while (begin > 0 && stack[begin - 1].step != back_to) {
		begin--;
	}
	begin--;
	struct buf path;
	buf_init(&path, 0);
	for (size_t i = begin; i < depth; i++) {
		buf_printf(&path, "%.*s -> ", SLICE_FMT(steps[stack[i].step].name));
	}
	const struct workflow_step *last = &steps[stack[depth - 1].step];
	struct option_place place = edge_place(last, steps[back_to].name);
	workflow_problem(checker->workflow, checker->problems, false, &place,
		"steps wait for each other in a circle: %.*s%.*s", SLICE_FMT(buf_slice(&path)),
		SLICE_FMT(steps[back_to].name));
	buf_finish(&path);
}

static void check_cycles(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	if (!workflow->is_cyclic) {
		return;
	}
	size_t total = workflow->steps.len, told = 0;
	uint8_t *states = calloc(total + 1, 1); /* 0 new, 1 on the stack, 2 done */
	struct frame *stack = calloc(total + 1, sizeof *stack);
	if (!states || !stack) {
		abort();
	}
	for (size_t i = 0; i < total; i++) {
		size_t depth = 0;
		if (states[i] == 0) {
			stack[depth++] = (struct frame){i, 0};
			states[i] = 1;
		}
		while (depth > 0) {
			struct frame *top = &stack[depth - 1];
			const struct workflow_step *step = &workflow->steps.items[top->step];
			if (top->next_edge == step->edges.len) {
				states[top->step] = 2;
				depth--;
				continue;
			}
			size_t to = step->edges.items[top->next_edge++].step;
			if (states[to] == 0) {
				states[to] = 1;
				stack[depth++] = (struct frame){to, 0};
			} else if (states[to] == 1 && told++ < CYCLES_TOLD_MAX) {
				tell_cycle(checker, stack, depth, to);
			}
		}
	}
	free(states);
	free(stack);
}

void workflow_check_graph(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	check_names(checker);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		check_step_dependencies(checker, &workflow->steps.items[i]);
	}
	for (size_t i = 0; i < workflow->groups.len; i++) {
		const struct workflow_group *group = &workflow->groups.items[i];
		check_dependencies(checker, "group", group->name, &group->depends_on);
	}
	check_cycles(checker);
}
