/* test_graph.c: edges, the order of --jobs 1, D3, drawings (workflows.md 5.5, 5.9). */
#include "workflow_help.h"

static const struct workflow_step *step_of(struct workflow_fixture *f, const char *name) {
	const struct workflow_step *step = workflow_find_step(f->workflow, slice_of(name));
	assert_non_null(step);
	return step;
}

/* "b? c": the edges of a step in order, implicit ones with a question mark. */
static const char *edges_of(struct workflow_fixture *f, const char *name) {
	const struct workflow_step *step = step_of(f, name);
	struct slice text = SLICE("");
	for (size_t i = 0; i < step->edges.len; i++) {
		const struct workflow_edge *edge = &step->edges.items[i];
		text = arena_printf(&f->arena, "%.*s%s%.*s%s", SLICE_FMT(text), i ? " " : "",
			SLICE_FMT(f->workflow->steps.items[edge->step].name),
			edge->is_implicit ? "?" : "");
	}
	return arena_strdup(&f->arena, text);
}

#define SHELL(name, keys) "[[steps]]\nname = '" name "'\ntype = 'shell'\nrun = 'true'\n" keys
#define QUERY(name, prompt, keys)                                                                  \
	"[[steps]]\nname = '" name "'\ntype = 'query'\nrole = 'r'\nprompt = '''" prompt "'''"      \
	"\n" keys

static void test_edges(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		SHELL("a", "") SHELL("my-step", "") QUERY("b",
			"{{ steps.a.output }}{{ steps['my-step'] }}{{ steps.my_step }}",
			"") QUERY("c", "{% if x %}{{ steps.b.failed }}{% endif %}",
			"depends_on = ['a']\n") SHELL("d", "if = 'steps.c.failed'\n") SHELL("e",
			"for_each = \"steps.d.output | "
			"lines\"\nenv = {A = \"{{ steps.a "
			"}}\"}\n") QUERY("f", "{% set steps = [1] %}{{ steps.a }}", "") SHELL("g",
			"if = 'groups.grp.failed'\n") "[[steps]]\nname = 'h'\ntype = "
						      "'apply'\nsource = 'b'\n"
						      "[[steps]]\nname = 'i'\ntype = "
						      "'apply'\nsource = 'steps.b.outputs.claude'\n"
						      "[[steps]]\nname = 'j'\ntype = "
						      "'apply'\nsource = 'steps.b.output ~ "
						      "steps.c.output'\n"
						      "[[steps]]\nname = 'k'\ntype = 'apply'\n"
						      "edits = [{path = 'x', content = '{{ "
						      "steps.c.output }}'}]\n"
						      "[[steps]]\nname = 'l'\ntype = "
						      "'workflow'\nworkflow = 'w2'\n"
						      "with = {a = '{{ steps.k.output }}'}\n"
						      "[[groups]]\nname = 'grp'\nparallel = "
						      "true\ndepends_on = ['a']\n"
						      "[[groups.steps]]\nname = 'g1'\ntype = "
						      "'shell'\nrun = 'true'\n"
						      "[[groups.steps]]\nname = 'g2'\ntype = "
						      "'shell'\nrun = 'true'\n"
						      "[[groups]]\nname = 'seq'\ndepends_on = "
						      "['grp']\n"
						      "[[groups.steps]]\nname = 's1'\ntype = "
						      "'shell'\nrun = 'true'\n"
						      "[[groups.steps]]\nname = 's2'\ntype = "
						      "'shell'\nrun = 'true'\n");
	assert_string_equal(edges_of(&f, "a"), "");
	assert_string_equal(edges_of(&f, "b"), "a? my-step?");
	assert_string_equal(edges_of(&f, "c"), "a b?");
	assert_string_equal(edges_of(&f, "d"), "c?");
	assert_true(step_of(&f, "d")->mentions_failure);
	assert_false(step_of(&f, "c")->mentions_failure);
	assert_string_equal(edges_of(&f, "e"), "d? a?");
	assert_string_equal(edges_of(&f, "f"), "");
	assert_string_equal(edges_of(&f, "g"), "g1? g2?");
	assert_true(step_of(&f, "g")->mentions_failure);
	assert_string_equal(edges_of(&f, "h"), "b?");
	assert_int_equal(step_of(&f, "h")->source_step, step_of(&f, "b")->number);
	assert_string_equal(edges_of(&f, "i"), "b?");
	assert_int_equal(step_of(&f, "i")->source_step, step_of(&f, "b")->number);
	assert_string_equal(edges_of(&f, "j"), "b? c?");
	assert_true(step_of(&f, "j")->source_step == SIZE_MAX);
	assert_string_equal(edges_of(&f, "k"), "c?");
	assert_true(step_of(&f, "k")->source_step == SIZE_MAX);
	assert_string_equal(edges_of(&f, "l"), "k?");
	assert_string_equal(edges_of(&f, "g1"), "a");
	assert_string_equal(edges_of(&f, "g2"), "a");
	assert_string_equal(edges_of(&f, "s1"), "g1 g2");
	assert_string_equal(edges_of(&f, "s2"), "g1 g2 s1");
	workflow_fixture_end(&f);
}

/* D3: what waits for all that is earlier, and what "earlier" is. */
static void test_waits(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		SHELL("a", "") QUERY("q1", "x", "") QUERY("q2", "x", "") SHELL("b", "")
			SHELL("free", "depends_on = []\n") QUERY("q3", "x",
				"depends_on = []\n") "[[groups]]\nname = 'p'\nparallel = true\n"
						     "[[groups.steps]]\nname = 'p1'\ntype = "
						     "'shell'\nrun = 'true'\n"
						     "[[groups.steps]]\nname = 'p2'\ntype = "
						     "'shell'\nrun = 'true'\n"
						     "[[groups]]\nname = 's'\n"
						     "[[groups.steps]]\nname = 's1'\ntype = "
						     "'shell'\nrun = 'true'\n"
						     "[[groups.steps]]\nname = 's2'\ntype = "
						     "'shell'\nrun = 'true'\n"
						     "[[groups]]\nname = 'd'\ndepends_on = ['a']\n"
						     "[[groups.steps]]\nname = 'd1'\ntype = "
						     "'shell'\nrun = 'true'\n");
	static const struct {
		const char *name;
		bool all, actions;
		size_t earlier;
	} wanted[] = {{"a", true, false, 0}, {"q1", false, true, 1}, {"q2", false, true, 2},
		{"b", true, false, 3}, {"free", false, false, 4}, {"q3", false, false, 5},
		{"p1", true, false, 6}, {"p2", true, false, 6}, {"s1", true, false, 8},
		{"s2", false, false, 9}, {"d1", false, false, 10}};
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		const struct workflow_step *step = step_of(&f, wanted[i].name);
		if (step->waits_for_earlier != wanted[i].all ||
			step->waits_for_earlier_actions != wanted[i].actions ||
			step->earlier_count != wanted[i].earlier) {
			fail_msg("%s: %d %d %zu", wanted[i].name, step->waits_for_earlier,
				step->waits_for_earlier_actions, step->earlier_count);
		}
	}
	workflow_fixture_end(&f);
}

/* A step may name one further down: that one then runs first, and does not wait for it. */
static void test_forward_reference(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(
		&f, "w.toml", SHELL("a", "depends_on = ['c']\n") SHELL("b", "") SHELL("c", ""));
	const size_t *order = f.workflow->order;
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 0);
	assert_int_equal(order[2], 1);
	assert_int_equal(step_of(&f, "c")->earlier_count, 0);
	assert_int_equal(step_of(&f, "b")->earlier_count, 2);
	assert_false(f.workflow->is_cyclic);
	workflow_fixture_end(&f);
}

static uint32_t next_random(uint32_t *state) {
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Any graph without circles: the order is complete, dependencies come first, and where nothing
 * stands against it it is the order of the file. Steps that wait for all that is earlier never wait
 * for what waits for them. */
static void test_order_property(void **state) {
	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		struct workflow_fixture f;
		workflow_fixture_begin(&f);
		uint32_t random = seed;
		size_t count = 1 + next_random(&random) % 30;
		/* Edges go along a hidden order, so that there is no circle; some go forward. */
		uint32_t rank[30];
		bool goes_forward = seed % 2 == 0;
		for (size_t i = 0; i < count; i++) {
			rank[i] = goes_forward ? next_random(&random) : (uint32_t)i;
		}
		struct buf text;
		buf_init(&text, 0);
		for (size_t i = 0; i < count; i++) {
			bool is_query = next_random(&random) % 2;
			buf_printf(&text, "[[steps]]\nname = 's%zu'\ntype = '%s'\n%s", i,
				is_query ? "query" : "shell",
				is_query ? "role = 'r'\nprompt = 'x'\n" : "run = 'true'\n");
			if (next_random(&random) % 3 == 0) {
				continue; /* no depends_on: D3 */
			}
			buf_append_str(&text, "depends_on = [");
			for (size_t k = 0; k < count; k++) {
				if (rank[k] < rank[i] && next_random(&random) % 4 == 0) {
					buf_printf(&text, "'s%zu',", k);
				}
			}
			buf_append_str(&text, "]\n");
		}
		buf_append_byte(&text, '\0');
		workflow_fixture_load(&f, "w.toml", text.data);
		const size_t *order = f.workflow->order;
		bool seen[30] = {false};
		for (size_t i = 0; i < count; i++) {
			const struct workflow_step *step = &f.workflow->steps.items[order[i]];
			assert_int_equal(step->position, i);
			assert_false(seen[order[i]]);
			assert_true(goes_forward || order[i] == i);
			for (size_t e = 0; e < step->edges.len; e++) {
				assert_true(seen[step->edges.items[e].step]);
			}
			assert_true(step->earlier_count <= i);
			seen[order[i]] = true;
		}
		assert_false(f.workflow->is_cyclic);
		buf_finish(&text);
		workflow_fixture_end(&f);
	}
}

static void expect_drawing(struct workflow_fixture *f, enum graph_format format, const uint64_t *ms,
	const char *wanted) {
	struct buf out;
	buf_init(&out, 0);
	workflow_graph(f->workflow, format, ms, &out);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.data, wanted);
	buf_finish(&out);
}

static void test_drawings(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		SHELL("a", "") QUERY("b", "{{ steps.a.output }}", "") QUERY(
			"c", "x", "depends_on = ['a']\n") QUERY("d", "{{ steps.b }}",
			"depends_on = ['c']\n") SHELL("e",
			"") "[[groups]]\nname = 'g'\nparallel = true\n"
			    "[[groups.steps]]\nname = 'g1'\ntype = 'shell'\nrun = 'true'\n");
	const uint64_t ms[] = {12, 1234, UINT64_MAX, 60000, 0, 1};
	expect_drawing(&f, GRAPH_TEXT, NULL,
		"w: 6 steps\n"
		"├── a (shell)\n"
		"│   ├╌╌ b (query)\n"
		"│   └── c (query)\n"
		"│       └── d (query)  and after b (mentioned)\n"
		"├── e (shell)  after all before it\n"
		"└── g1 (shell) [g]  after all before it\n");
	expect_drawing(&f, GRAPH_DOT, ms,
		"digraph \"w\" {\n\trankdir=LR;\n\tnode [shape=box];\n"
		"\t\"a\" [label=\"a\\nshell 12ms\"];\n"
		"\t\"b\" [label=\"b\\nquery 1.2s\"];\n"
		"\t\"c\" [label=\"c\\nquery\"];\n"
		"\t\"d\" [label=\"d\\nquery 60.0s\"];\n"
		"\t\"e\" [label=\"e\\nshell 0ms\"];\n"
		"\tsubgraph cluster_0 {\n\t\tlabel=\"g\";\n"
		"\t\t\"g1\" [label=\"g1\\nshell 1ms\"];\n\t}\n"
		"\t\"a\" -> \"b\" [style=dashed];\n"
		"\t\"a\" -> \"c\";\n"
		"\t\"c\" -> \"d\";\n"
		"\t\"b\" -> \"d\" [style=dashed];\n}\n");
	expect_drawing(&f, GRAPH_MERMAID, NULL,
		"%% w\nflowchart LR\n"
		"\ts0[\"a<br/>shell\"]\n\ts1[\"b<br/>query\"]\n\ts2[\"c<br/>query\"]\n"
		"\ts3[\"d<br/>query\"]\n\ts4[\"e<br/>shell\"]\n"
		"\tsubgraph g0 [\"g\"]\n\t\ts5[\"g1<br/>shell\"]\n\tend\n"
		"\ts0 -.-> s1\n\ts0 --> s2\n\ts2 --> s3\n\ts1 -.-> s3\n");
	workflow_fixture_end(&f);
}

int test_graph(void);
int test_graph(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_forward_reference),
		cmocka_unit_test(test_order_property),
		cmocka_unit_test(test_drawings),
	};
	return cmocka_run_group_tests_name("workflow/graph", tests, NULL, NULL);
}
