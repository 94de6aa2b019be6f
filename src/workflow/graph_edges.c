/* graph_edges.c: which step waits for which (workflows.md 5.5): depends_on, groups, what templates
 * mention, and the order that follows from it. */
#include <stdlib.h>

#include "workflow/workflow_internal.h"

/* `a-b` is also `steps.a_b` (6.2). */
static bool alias_of(struct arena *arena, struct slice name, struct slice *alias) {
	if (slice_find_byte(name, '-') == SIZE_MAX) {
		return false;
	}
	char *copy = arena_strdup(arena, name);
	for (size_t i = 0; i < name.len; i++) {
		copy[i] = copy[i] == '-' ? '_' : copy[i];
	}
	*alias = slice_make(copy, name.len);
	return true;
}

/* Of two things of one name the first counts; workflow_check tells of the other. */
static void put_first(struct map *map, struct slice name, void *value) {
	if (name.len > 0 && !map_get(map, name)) {
		map_put(map, name, value);
	}
}

void workflow_index(struct workflow *workflow) {
	for (size_t i = 0; i < workflow->steps.len; i++) {
		struct workflow_step *step = &workflow->steps.items[i];
		struct slice alias;
		put_first(&workflow->step_index, step->name, step);
		if (alias_of(&workflow->arena, step->name, &alias)) {
			put_first(&workflow->alias_index, alias, step);
		}
	}
	for (size_t i = 0; i < workflow->groups.len; i++) {
		struct workflow_group *group = &workflow->groups.items[i];
		put_first(&workflow->group_index, group->name, group);
	}
}

/* ---- edges ---- */

struct connector {
	struct workflow *workflow;
	struct workflow_step *step;
	size_t *marks;   /* per step: number + 1 of the last one that got an edge to it */
	size_t mentions; /* distinct steps that `source` mentions */
	size_t edges;    /* of all steps */
};

static void add_edge(struct connector *connector, size_t to, bool is_implicit) {
	struct workflow_step *step = connector->step;
	if (to == step->number || connector->marks[to] == step->number + 1) {
		return; /* itself: workflow_check tells of it */
	}
	connector->marks[to] = step->number + 1;
	if (connector->edges++ >= WORKFLOW_EDGES_MAX) {
		return;
	}
	*ARENA_PUSH(&connector->workflow->arena, &step->edges) =
		(struct workflow_edge){to, is_implicit};
}

static void add_group_edges(
	struct connector *connector, const struct workflow_group *group, bool is_implicit) {
	if (group == connector->step->group) {
		return; /* a member cannot wait for its own group */
	}
	for (size_t i = 0; i < group->step_count && connector->edges <= WORKFLOW_EDGES_MAX; i++) {
		add_edge(connector, group->first_step + i, is_implicit);
	}
}

static void add_named_edges(struct connector *connector, const struct option_strings *names) {
	for (size_t i = 0; i < names->len; i++) {
		const struct workflow_step *step =
			workflow_find_step(connector->workflow, names->items[i]);
		const struct workflow_group *group =
			step ? NULL : workflow_find_group(connector->workflow, names->items[i]);
		if (step) {
			add_edge(connector, step->number, false);
		} else if (group) {
			add_group_edges(connector, group, false);
		}
	}
}

/* The step that `steps.NAME` means, or NULL. */
static const struct workflow_step *mentioned_step(
	const struct workflow *workflow, const struct template_mention *mention) {
	bool is_step = mention->kind == TEMPLATE_MENTION_NAME && mention->count >= 2 &&
		       slice_is(mention->segments[0], "steps");
	return is_step ? workflow_find_step_alias(workflow, mention->segments[1]) : NULL;
}

static void add_mentioned(
	void *data, const struct template_mention *mention, size_t at, const char *included_file) {
	struct connector *connector = data;
	(void)at;
	(void)included_file;
	const struct workflow_step *step = mentioned_step(connector->workflow, mention);
	if (step) {
		add_edge(connector, step->number, true);
	} else if (mention->kind == TEMPLATE_MENTION_NAME && mention->count >= 2 &&
		   slice_is(mention->segments[0], "groups")) {
		const struct workflow_group *group =
			workflow_find_group(connector->workflow, mention->segments[1]);
		if (group) {
			add_group_edges(connector, group, true);
		}
	}
}

/* `if = "steps.a.failed"`: a failure handler, which still runs after the failure (5.5). */
static void find_failure_mention(void *data, const struct template_mention *mention) {
	struct workflow_step *step = data;
	bool is_root = mention->kind == TEMPLATE_MENTION_NAME && mention->count >= 3 &&
		       (slice_is(mention->segments[0], "steps") ||
			       slice_is(mention->segments[0], "groups"));
	step->mentions_failure |= is_root && (slice_is(mention->segments[2], "failed") ||
						     slice_is(mention->segments[2], "error"));
}

static void find_source_step(void *data, const struct template_mention *mention) {
	struct connector *connector = data;
	const struct workflow_step *step = mentioned_step(connector->workflow, mention);
	if (step && step->number != connector->step->source_step) {
		connector->mentions++;
		connector->step->source_step = step->number;
	}
}

static void visit_template(
	void *data, const char *key, enum template_use use, struct step_template *text) {
	struct connector *connector = data;
	(void)key;
	(void)use;
	if (text->template) {
		const struct workflow_mentions mentions = {.visit = add_mentioned,
			.data = connector,
			.keeps = &connector->workflow->included};
		workflow_visit(connector->workflow, &connector->workflow->arena, text->template,
			&mentions);
	}
}

static void connect_step(struct connector *connector) {
	struct workflow_step *step = connector->step;
	const struct workflow_group *group = step->group;
	step->source_step = SIZE_MAX;
	add_named_edges(connector, &step->depends_on);
	if (group) {
		add_named_edges(connector, &group->depends_on);
		if (!group->is_parallel && step->number > group->first_step) {
			add_edge(connector, step->number - 1, false);
		}
	}
	workflow_each_template(step, visit_template, connector);
	if (step->condition.template) {
		template_visit(step->condition.template, find_failure_mention, step);
	}
	if (step->source_expression.template) {
		connector->mentions = 0;
		template_visit(step->source_expression.template, find_source_step, connector);
		if (connector->mentions > 1) {
			step->source_step = SIZE_MAX;
		}
	}
}

/* ---- order ---- */

struct visit_frame {
	size_t step, next_edge;
};

enum visit_state {
	VISIT_NEW,
	VISIT_OPEN,
	VISIT_DONE
};

/* Depth first over the order of the file, with a stack of its own: a chain may be long. */
static void visit_from(struct workflow *workflow, size_t start, uint8_t *states,
	struct visit_frame *stack, size_t *order, size_t *count) {
	size_t depth = 0;
	stack[depth++] = (struct visit_frame){start, 0};
	states[start] = VISIT_OPEN;
	while (depth > 0) {
		struct visit_frame *top = &stack[depth - 1];
		struct workflow_step *step = &workflow->steps.items[top->step];
		if (top->next_edge == step->edges.len) {
			states[top->step] = VISIT_DONE;
			step->position = *count;
			order[(*count)++] = top->step;
			depth--;
			continue;
		}
		size_t to = step->edges.items[top->next_edge++].step;
		if (states[to] == VISIT_OPEN) {
			workflow->is_cyclic = true;
		} else if (states[to] == VISIT_NEW) {
			states[to] = VISIT_OPEN;
			stack[depth++] = (struct visit_frame){to, 0};
		}
	}
}

static void order_steps(struct workflow *workflow) {
	size_t total = workflow->steps.len, count = 0;
	size_t *order = ARENA_ARRAY(&workflow->arena, size_t, total + 1);
	uint8_t *states = calloc(total + 1, 1);
	struct visit_frame *stack = calloc(total + 1, sizeof *stack);
	if (!states || !stack) {
		abort();
	}
	for (size_t i = 0; i < total; i++) {
		if (states[i] == VISIT_NEW) {
			visit_from(workflow, i, states, stack, order, &count);
		}
	}
	workflow->order = order;
	free(states);
	free(stack);
}

/* The position of the member of a group that comes first. */
static size_t first_position(const struct workflow *workflow, const struct workflow_group *group) {
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < group->step_count; i++) {
		size_t position = workflow->steps.items[group->first_step + i].position;
		first = position < first ? position : first;
	}
	return first;
}

/* D3: what a step without `depends_on` waits for. */
static void set_waits(struct workflow *workflow) {
	const struct workflow_group *group = NULL;
	size_t group_position = 0;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		struct workflow_step *step = &workflow->steps.items[i];
		if (step->group != group) {
			group = step->group;
			group_position = group ? first_position(workflow, group) : 0;
		}
		bool is_chained = group && !group->is_parallel && step->number > group->first_step;
		bool has_edges_only =
			step->has_depends_on || is_chained || (group && group->depends_on.items);
		step->earlier_count = group && group->is_parallel ? group_position : step->position;
		step->waits_for_earlier = !has_edges_only && step->type != STEP_QUERY;
		step->waits_for_earlier_actions = !has_edges_only && step->type == STEP_QUERY;
	}
}

bool workflow_connect(struct workflow *workflow) {
	struct connector connector = {.workflow = workflow};
	connector.marks = calloc(workflow->steps.len + 1, sizeof *connector.marks);
	if (!connector.marks) {
		abort();
	}
	for (size_t i = 0; i < workflow->steps.len; i++) {
		connector.step = &workflow->steps.items[i];
		connect_step(&connector);
	}
	free(connector.marks);
	order_steps(workflow);
	set_waits(workflow);
	return connector.edges <= WORKFLOW_EDGES_MAX;
}
