/* test_scheduler.c: which steps may start, over graphs made at random (workflows.md 5.5, D3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workflow/scheduler.h"

int test_scheduler(void);

#define MAX_STEPS 40

/* The same numbers on every machine. */
struct dice {
	uint64_t state;
};
static uint32_t roll(struct dice *dice, uint32_t bound) {
	dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice->state >> 33) % bound;
}

struct graph {
	struct arena arena;
	struct workflow workflow;
	struct workflow_step steps[MAX_STEPS];
	size_t order[MAX_STEPS];
};

/* Edges lead to smaller positions of a shuffled order; D3 flags at random. */
static void graph_make(struct graph *graph, struct dice *dice, size_t count) {
	memset(graph, 0, sizeof *graph);
	arena_init(&graph->arena, NULL, 0);
	for (size_t i = 0; i < count; i++) {
		graph->order[i] = i;
	}
	for (size_t i = count; i > 1; i--) {
		size_t other = roll(dice, 4) == 0 ? roll(dice, (uint32_t)i) : i - 1;
		size_t swap = graph->order[i - 1];
		graph->order[i - 1] = graph->order[other];
		graph->order[other] = swap;
	}
	for (size_t place = 0; place < count; place++) {
		struct workflow_step *step = &graph->steps[graph->order[place]];
		step->number = graph->order[place];
		step->position = place;
		step->earlier_count = place;
		step->type = roll(dice, 3) == 0 ? STEP_SHELL : STEP_QUERY;
		uint32_t kind = roll(dice, 3);
		step->waits_for_earlier = kind == 0;
		step->waits_for_earlier_actions = kind == 1 && step->type == STEP_QUERY;
		for (size_t before = 0; before < place; before++) {
			if (roll(dice, 6) == 0) {
				*ARENA_PUSH(&graph->arena, &step->edges) =
					(struct workflow_edge){.step = graph->order[before]};
			}
		}
	}
	graph->workflow.steps.items = graph->steps;
	graph->workflow.steps.len = count;
	graph->workflow.order = graph->order;
}

static bool is_done(const struct scheduler *scheduler, size_t step) {
	return scheduler->steps[step].state == SCHEDULER_DONE;
}

/* The rule as the specification says it, looked up the slow way. */
static bool may_start(const struct graph *graph, const struct scheduler *scheduler, size_t number) {
	const struct workflow_step *step = &graph->steps[number];
	for (size_t i = 0; i < step->edges.len; i++) {
		if (!is_done(scheduler, step->edges.items[i].step)) {
			return false;
		}
	}
	for (size_t place = 0; place < step->earlier_count; place++) {
		const struct workflow_step *earlier = &graph->steps[graph->order[place]];
		bool counts = step->waits_for_earlier ||
			      (step->waits_for_earlier_actions && earlier->type != STEP_QUERY);
		if (counts && !is_done(scheduler, earlier->number)) {
			return false;
		}
	}
	return true;
}

/* Nothing that could start is left waiting while there is room. */
static void assert_is_busy(const struct graph *graph, const struct scheduler *scheduler) {
	for (size_t i = 0; i < graph->workflow.steps.len; i++) {
		if (scheduler_is_pending(scheduler, i)) {
			assert_false(may_start(graph, scheduler, i));
		}
	}
}

static void order_respects_the_rules(void **state) {
	(void)state;
	struct dice dice = {1};
	for (unsigned round = 0; round < 400; round++) {
		struct graph graph;
		struct scheduler scheduler;
		size_t count = 1 + roll(&dice, MAX_STEPS);
		size_t jobs = 1 + roll(&dice, 5);
		size_t running[MAX_STEPS];
		size_t running_count = 0;
		graph_make(&graph, &dice, count);
		scheduler_init(&scheduler, &graph.workflow, jobs, &graph.arena);
		while (!scheduler_is_finished(&scheduler)) {
			size_t next;
			while ((next = scheduler_next(&scheduler)) != SCHEDULER_NONE) {
				running[running_count++] = next;
				assert_true(may_start(&graph, &scheduler, next));
			}
			assert_true(running_count > 0); /* else it hangs */
			assert_true(running_count <= jobs);
			if (running_count < jobs) {
				assert_is_busy(&graph, &scheduler);
			}
			size_t ended = roll(&dice, (uint32_t)running_count);
			scheduler_end(&scheduler, running[ended]);
			running[ended] = running[--running_count];
		}
		assert_int_equal(scheduler.done, count);
		arena_finish(&graph.arena);
	}
}

static void one_job_runs_the_order(void **state) {
	(void)state;
	struct dice dice = {2};
	for (unsigned round = 0; round < 200; round++) {
		struct graph graph;
		struct scheduler scheduler;
		size_t count = 1 + roll(&dice, MAX_STEPS);
		graph_make(&graph, &dice, count);
		scheduler_init(&scheduler, &graph.workflow, 1, &graph.arena);
		for (size_t place = 0; place < count; place++) {
			assert_int_equal(scheduler_next(&scheduler), graph.order[place]);
			assert_int_equal(scheduler_next(&scheduler), SCHEDULER_NONE);
			scheduler_end(&scheduler, graph.order[place]);
		}
		assert_true(scheduler_is_finished(&scheduler));
		arena_finish(&graph.arena);
	}
}

/* Steps are ended that never ran (skipped), also such that were ready. */
static void what_is_skipped_counts_as_done(void **state) {
	(void)state;
	struct dice dice = {3};
	for (unsigned round = 0; round < 200; round++) {
		struct graph graph;
		struct scheduler scheduler;
		size_t count = 1 + roll(&dice, MAX_STEPS);
		bool was_started[MAX_STEPS] = {false};
		graph_make(&graph, &dice, count);
		scheduler_init(&scheduler, &graph.workflow, 2, &graph.arena);
		while (!scheduler_is_finished(&scheduler)) {
			size_t skipped = roll(&dice, (uint32_t)count);
			if (scheduler_is_pending(&scheduler, skipped)) {
				scheduler_end(&scheduler, skipped);
				assert_false(was_started[skipped]);
				was_started[skipped] = true;
			}
			size_t next = scheduler_next(&scheduler);
			if (next != SCHEDULER_NONE) {
				assert_false(was_started[next]);
				was_started[next] = true;
				scheduler_end(&scheduler, next);
			}
		}
		assert_int_equal(scheduler.running, 0);
		arena_finish(&graph.arena);
	}
}

int test_scheduler(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_respects_the_rules),
		cmocka_unit_test(one_job_runs_the_order),
		cmocka_unit_test(what_is_skipped_counts_as_done),
	};
	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
