/* graph.c: drawings of a workflow's graph: a text tree, DOT, Mermaid. Edges that stand in no
 * `depends_on` but were found in a template are dashed. */
#include <stdlib.h>

#include "workflow/workflow_internal.h"

/* Deeper levels of the text tree are no further indented: a chain of thousands stays readable, and
 * its drawing linear. */
#define TREE_INDENT_MAX 24

static void append_duration(const uint64_t *durations_ms, size_t step, struct buf *out) {
	if (!durations_ms || durations_ms[step] == UINT64_MAX) {
		return;
	}
	uint64_t ms = durations_ms[step];
	if (ms < 1000) {
		buf_printf(out, " %llums", (unsigned long long)ms);
	} else {
		buf_printf(out, " %llu.%llus", (unsigned long long)(ms / 1000),
			(unsigned long long)(ms % 1000 / 100));
	}
}

/* ---- the text tree ---- */

/* A step hangs below the step it waits for that comes last; what else it waits for is said behind
 * it. */
struct tree {
	const struct workflow *workflow;
	const uint64_t *durations_ms;
	struct buf *out;
	size_t *first_child, *next_sibling; /* per step; SIZE_MAX: none */
	size_t *parent_edge;                /* per step: number of the edge it hangs by */
};

static void hang_all(struct tree *tree, size_t *last_child) {
	const struct workflow *workflow = tree->workflow;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[workflow->order[i]];
		size_t parent = SIZE_MAX, latest = 0;
		for (size_t e = 0; e < step->edges.len; e++) {
			size_t to = step->edges.items[e].step;
			size_t position = workflow->steps.items[to].position;
			/* In a circle what comes later is no parent: the drawing has to end. */
			if (position < step->position &&
				(parent == SIZE_MAX || position > latest)) {
				parent = e;
				latest = position;
			}
		}
		tree->parent_edge[step->number] = parent;
		size_t above =
			parent == SIZE_MAX ? workflow->steps.len : step->edges.items[parent].step;
		if (last_child[above] == SIZE_MAX) {
			tree->first_child[above] = step->number;
		} else {
			tree->next_sibling[last_child[above]] = step->number;
		}
		last_child[above] = step->number;
	}
}

static void print_step(struct tree *tree, const struct workflow_step *step) {
	struct buf *out = tree->out;
	buf_printf(out, "%.*s (%s)", SLICE_FMT(step->name), step_type_names[step->type]);
	if (step->group) {
		buf_printf(out, " [%.*s]", SLICE_FMT(step->group->name));
	}
	append_duration(tree->durations_ms, step->number, out);
	const char *lead = "  and after";
	for (size_t e = 0; e < step->edges.len; e++) {
		const struct workflow_edge *edge = &step->edges.items[e];
		if (e != tree->parent_edge[step->number]) {
			buf_printf(out, "%s %.*s%s", lead,
				SLICE_FMT(tree->workflow->steps.items[edge->step].name),
				edge->is_implicit ? " (mentioned)" : "");
			lead = ",";
		}
	}
	if (step->edges.len == 0 && step->earlier_count > 0) {
		buf_append_str(out, step->waits_for_earlier ? "  after all before it"
				    : step->waits_for_earlier_actions
					    ? "  after all but queries before it"
					    : "");
	}
	buf_append_byte(out, '\n');
}

struct tree_frame {
	size_t step;
	size_t indent_len; /* bytes of the indent before this step's own branch */
};

static void print_branches(struct tree *tree, struct tree_frame *stack, struct buf *indent) {
	const struct workflow *workflow = tree->workflow;
	size_t depth = 0;
	size_t first = tree->first_child[workflow->steps.len];
	if (first != SIZE_MAX) {
		stack[depth++] = (struct tree_frame){first, 0};
	}
	while (depth > 0) {
		struct tree_frame frame = stack[--depth];
		const struct workflow_step *step = &workflow->steps.items[frame.step];
		size_t next = tree->next_sibling[frame.step];
		size_t parent = tree->parent_edge[frame.step];
		bool is_dashed = parent != SIZE_MAX && step->edges.items[parent].is_implicit;
		indent->len = frame.indent_len;
		buf_append(tree->out, buf_slice(indent));
		buf_append_str(tree->out, next == SIZE_MAX ? "└" : "├");
		buf_append_str(tree->out, is_dashed ? "╌╌ " : "── ");
		print_step(tree, step);
		if (next != SIZE_MAX) {
			stack[depth++] = (struct tree_frame){next, frame.indent_len};
		}
		size_t child = tree->first_child[frame.step];
		if (child != SIZE_MAX) {
			size_t len = frame.indent_len;
			if (len < TREE_INDENT_MAX * 4) {
				buf_append_str(indent, next == SIZE_MAX ? "    " : "│   ");
				len = indent->len;
			}
			stack[depth++] = (struct tree_frame){child, len};
		}
	}
}

static void draw_text(
	const struct workflow *workflow, const uint64_t *durations_ms, struct buf *out) {
	size_t total = workflow->steps.len + 1;
	size_t *numbers = malloc(4 * total * sizeof *numbers);
	struct tree_frame *stack = calloc(2 * total, sizeof *stack);
	if (!numbers || !stack) {
		abort();
	}
	for (size_t i = 0; i < 4 * total; i++) {
		numbers[i] = SIZE_MAX;
	}
	struct tree tree = {.workflow = workflow,
		.durations_ms = durations_ms,
		.out = out,
		.first_child = numbers,
		.next_sibling = numbers + total,
		.parent_edge = numbers + 2 * total};
	hang_all(&tree, numbers + 3 * total);
	buf_printf(out, "%.*s: %zu step%s\n", SLICE_FMT(workflow->name), workflow->steps.len,
		workflow->steps.len == 1 ? "" : "s");
	struct buf indent;
	buf_init(&indent, 0);
	print_branches(&tree, stack, &indent);
	buf_finish(&indent);
	free(numbers);
	free(stack);
}

/* ---- DOT and Mermaid ---- */

/* Names may come from a file with errors: quotes and line breaks would end the label. */
static void append_label(struct slice text, struct buf *out) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == '"' || byte == '\\') {
			buf_append_byte(out, '\'');
		} else if ((unsigned char)byte < 0x20) {
			buf_append_byte(out, ' ');
		} else {
			buf_append_byte(out, byte);
		}
	}
}

/* What differs between the two languages. */
static const struct notation {
	bool has_named_ids; /* a step's id is its name in quotes; else a number */
	const char *head, *head_end, *foot;
	const char *group_begin, *group_middle, *group_end; /* the group's number between */
	const char *node_begin, *node_middle, *node_end;
	const char *edge, *edge_end, *dashed, *dashed_end;
} notations[] = {
	[GRAPH_DOT] = {.has_named_ids = true,
		.head = "digraph \"",
		.head_end = "\" {\n\trankdir=LR;\n\tnode [shape=box];\n",
		.foot = "}\n",
		.group_begin = "\tsubgraph cluster_",
		.group_middle = " {\n\t\tlabel=\"",
		.group_end = "\";\n",
		.node_begin = " [label=\"",
		.node_middle = "\\n",
		.node_end = "\"];\n",
		.edge = " -> ",
		.edge_end = ";\n",
		.dashed = " -> ",
		.dashed_end = " [style=dashed];\n"},
	[GRAPH_MERMAID] = {.head = "%% ",
		.head_end = "\nflowchart LR\n",
		.foot = "",
		.group_begin = "\tsubgraph g",
		.group_middle = " [\"",
		.group_end = "\"]\n",
		.node_begin = "[\"",
		.node_middle = "<br/>",
		.node_end = "\"]\n",
		.edge = " --> ",
		.edge_end = "\n",
		.dashed = " -.-> ",
		.dashed_end = "\n"},
};

static void append_id(
	const struct notation *notation, const struct workflow_step *step, struct buf *out) {
	if (notation->has_named_ids) {
		buf_append_byte(out, '"');
		append_label(step->name, out);
		buf_append_byte(out, '"');
	} else {
		buf_printf(out, "s%zu", step->number);
	}
}

static void begin_group(const struct workflow *workflow, const struct notation *notation,
	const struct workflow_group *group, struct buf *out) {
	buf_printf(out, "%s%zu%s", notation->group_begin, (size_t)(group - workflow->groups.items),
		notation->group_middle);
	append_label(group->name, out);
	buf_append_str(out, notation->group_end);
}

static void draw_nodes(const struct workflow *workflow, const struct notation *notation,
	const uint64_t *durations_ms, struct buf *out) {
	const char *end_of_group = notation->has_named_ids ? "\t}\n" : "\tend\n";
	const struct workflow_group *group = NULL;
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		if (step->group != group) {
			buf_append_str(out, group ? end_of_group : "");
			group = step->group;
			if (group) {
				begin_group(workflow, notation, group, out);
			}
		}
		buf_append_str(out, group ? "\t\t" : "\t");
		append_id(notation, step, out);
		buf_append_str(out, notation->node_begin);
		append_label(step->name, out);
		buf_append_str(out, notation->node_middle);
		buf_append_str(out, step_type_names[step->type]);
		append_duration(durations_ms, i, out);
		buf_append_str(out, notation->node_end);
	}
	buf_append_str(out, group ? end_of_group : "");
}

static void draw(const struct workflow *workflow, const struct notation *notation,
	const uint64_t *durations_ms, struct buf *out) {
	buf_append_str(out, notation->head);
	append_label(workflow->name, out);
	buf_append_str(out, notation->head_end);
	draw_nodes(workflow, notation, durations_ms, out);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		for (size_t e = 0; e < step->edges.len; e++) {
			const struct workflow_edge *edge = &step->edges.items[e];
			buf_append_byte(out, '\t');
			append_id(notation, &workflow->steps.items[edge->step], out);
			buf_append_str(out, edge->is_implicit ? notation->dashed : notation->edge);
			append_id(notation, step, out);
			buf_append_str(
				out, edge->is_implicit ? notation->dashed_end : notation->edge_end);
		}
	}
	buf_append_str(out, notation->foot);
}

void workflow_graph(const struct workflow *workflow, enum graph_format format,
	const uint64_t *durations_ms, struct buf *out) {
	if (format == GRAPH_TEXT) {
		draw_text(workflow, durations_ms, out);
	} else {
		draw(workflow, &notations[format], durations_ms, out);
	}
}
