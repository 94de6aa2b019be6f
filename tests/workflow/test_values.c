/* test_values.c: results as templates see them (workflows.md 3.3, 5.10), and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workflow/values.h"

int test_values(void);

static const char toml[] = "name = \"test\"\n"
			   "[[steps]]\nname = \"a-b\"\ntype = \"shell\"\nrun = \"true\"\n"
			   "[[steps]]\nname = \"later\"\ntype = \"shell\"\nrun = \"true\"\n"
			   "[[groups]]\nname = \"g\"\n"
			   "[[groups.steps]]\nname = \"m1\"\ntype = \"shell\"\nrun = \"true\"\n"
			   "[[groups.steps]]\nname = \"m2\"\ntype = \"shell\"\nrun = \"true\"\n";

struct fixture {
	struct arena arena;
	struct workflow *workflow;
	struct run_results results;
};

static const struct json *parse(struct arena *arena, const char *text) {
	struct error error = {0};
	const struct json *json = json_parse(arena, slice_of(text), NULL, &error);
	assert_non_null(json);
	return json;
}

static void fill_step(struct fixture *f) {
	struct step_result *result = &f->results.items[0];
	result->status = STEP_OK;
	result->output = SLICE("=== x ===\none\n\n=== y ===\ntwo");
	result->outputs_are_named = true;
	*ARENA_PUSH(&f->arena, &result->outputs) = (struct step_output){.name = SLICE("x"),
		.text = SLICE("one"),
		.model = SLICE("m-1"),
		.duration_ms = 7,
		.data = parse(&f->arena, "{\"k\": 5}")};
	*ARENA_PUSH(&f->arena, &result->outputs) =
		(struct step_output){.name = SLICE("y"), .text = SLICE("two")};
	*ARENA_PUSH(&f->arena, &result->backends) = SLICE("x");
	*ARENA_PUSH(&f->arena, &result->backends) = SLICE("y");
	*ARENA_PUSH(&f->arena, &result->failed_backends) =
		(struct step_output){.name = SLICE("z"), .error = SLICE("z broke")};
	result->backend = SLICE("x");
	result->data = parse(&f->arena, "{\"files\": [\"p\", \"q\"], \"error\": 1}");
	result->exit_code = 3;
	result->out = SLICE("raw");
	result->usage = (struct step_usage){10, 5, true, 1500000};
	result->attempts = 2;
	result->duration_ms = 42;
	result->started_at_ms = 1000;
}

static int begin(void **state) {
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct problems problems;
	memset(f, 0, sizeof *f);
	arena_init(&f->arena, NULL, 0);
	problems_init(&problems, &f->arena, "test.toml", slice_of(toml));
	f->workflow = workflow_load("test.toml", "path", slice_of(toml), &problems);
	assert_non_null(f->workflow);
	f->results = (struct run_results){.workflow = f->workflow,
		.arena = &f->arena,
		.items = ARENA_ARRAY(&f->arena, struct step_result, f->workflow->steps.len)};
	for (size_t i = 0; i < f->workflow->steps.len; i++) {
		f->results.items[i] = (struct step_result){.step = &f->workflow->steps.items[i],
			.output = SLICE(""),
			.exit_code = -1,
			.usage = {.cost_microusd = -1}};
	}
	fill_step(f);
	f->results.items[2].status = STEP_OK;
	f->results.items[2].output = SLICE("first");
	f->results.items[3].status = STEP_FAILED;
	f->results.items[3].output = SLICE("half");
	f->results.items[3].has_error = true;
	f->results.items[3].error = (struct step_error){.class = FAILURE_EXECUTION,
		.message = SLICE("it broke"),
		.exit_code = 9,
		.command = SLICE("make"),
		.attempt = 1,
		.max_attempts = 3};
	*state = f;
	return 0;
}

static int end(void **state) {
	struct fixture *f = *state;
	workflow_destroy(f->workflow);
	arena_finish(&f->arena);
	return 0;
}

/* An expression (or a text with {{ }}) rendered strictly. */
static const char *render(struct fixture *f, const char *text) {
	struct template_environment environment = {0};
	struct template_options options = {.name = "t", .undefined = TEMPLATE_STRICT};
	struct template_error fault = {0};
	struct value_map *globals = value_map_new(&f->arena);
	struct buf out;
	value_map_put_named(
		&f->arena, globals, "steps", results_steps_value(&f->results, &f->arena));
	value_map_put_named(
		&f->arena, globals, "groups", results_groups_value(&f->results, &f->arena));
	const struct template *template =
		template_parse(&f->arena, &environment, &options, slice_of(text), &fault);
	if (template == NULL) {
		fail_msg("%s: %s", text, fault.message);
	}
	buf_init(&out, 0);
	const char *rendered;
	if (template_render(template, value_of_map(globals), &f->arena, &out, &fault)) {
		rendered = arena_strdup(&f->arena, buf_slice(&out));
	} else {
		rendered = arena_printf(&f->arena, "%s: %s%s%s",
			template_error_kind_name(fault.kind), fault.message,
			fault.hint != NULL ? "; " : "", fault.hint != NULL ? fault.hint : "")
				   .data;
	}
	buf_finish(&out);
	return rendered;
}

static const struct {
	const char *text, *expected;
} cases[] = {
	{"{{ steps['a-b'] }}", "=== x ===\none\n\n=== y ===\ntwo"},
	{"{{ steps.a_b.output == steps['a-b'] }}", "true"},
	{"{{ steps.a_b.text == steps.a_b.output }}", "true"},
	/* 3.3 */
	{"{{ steps.a_b.outputs.x }}", "one"},
	{"{{ steps.a_b.outputs['y'] }}", "two"},
	{"{{ steps.a_b.outputs[0] }}/{{ steps.a_b.outputs[-1] }}", "one/two"},
	{"{{ steps.a_b.outputs == steps.a_b.output }}", "true"},
	{"{% for r in steps.a_b.outputs %}{{ r }}={{ r.backend }}:{{ r.text }};{% endfor %}",
		"one=x:one;two=y:two;"},
	{"{{ steps.a_b.outputs[0].data.k + 1 }} {{ steps.a_b.outputs[0].k }}", "6 5"},
	{"{{ steps.a_b.outputs[0].model }} {{ steps.a_b.outputs[0].duration_ms }}", "m-1 7"},
	{"{{ steps.a_b.outputs.z == nope }}{{ steps.a_b.outputs[2] == nope }}", "truetrue"},
	{"{{ steps.a_b.backends }} {{ steps.a_b.failed_backends.z }}", "[\"x\", \"y\"] z broke"},
	{"{{ steps.a_b.outputs | join('+') }} {{ steps.a_b.outputs | length }}", "one+two 2"},
	{"{{ steps.a_b.outputs | items | list }}", "[[\"x\", \"one\"], [\"y\", \"two\"]]"},
	{"{{ steps.a_b.outputs | dictsort(reverse=true) | list }}",
		"[[\"y\", \"two\"], [\"x\", \"one\"]]"},
	{"{{ steps.a_b.outputs | json }}", "{\"x\":\"one\",\"y\":\"two\"}"},
	{"{{ steps.a_b.outputs | first }} {{ (steps.a_b.outputs | last).backend }}", "one y"},
	{"{{ steps.a_b.outputs | map(attribute='backend') | join('/') }}", "x/y"},
	{"{{ steps.a_b.outputs | selectattr('text', 'eq', 'two') | map(attribute='backend') | "
	 "first }}",
		"y"},
	{"{{ steps.a_b.backends | join }}", "x, y"},
	{"{{ steps.a_b.outputs | upper | length }}", "28"},
	/* 5.10 */
	{"{{ steps.a_b.failed }} {{ steps.a_b.skipped }} {{ steps.a_b.status }}", "false false ok"},
	{"{{ steps.a_b.exit_code }} {{ steps.a_b.stdout }} [{{ steps.a_b.stderr }}]", "3 raw []"},
	{"{{ steps.a_b.data.files[1] }} {{ steps.a_b.files[0] }}", "q p"},
	{"{{ steps.a_b.usage.total_tokens }} {{ steps.a_b.cost }}", "15 1.5"},
	{"{{ steps.a_b.attempts }} {{ steps.a_b.duration_ms }} {{ steps.a_b.backend }}", "2 42 x"},
	{"{{ steps.a_b.started_at }}", "1970-01-01T00:00:01.000Z"},
	{"{{ steps.a_b.finished_at }}", "none"},
	/* error: none here, and not the data's member of that name */
	{"[{{ steps.a_b.error }}]{% if steps.a_b.error %}yes{% else %}no{% endif %}", "[]no"},
	{"{{ steps.m2.error }} {{ steps.m2.error.kind }} {{ steps.m2.error.exit_code }} "
	 "{{ steps.m2.error.command }} {{ steps.m2.error.attempt }}/"
	 "{{ steps.m2.error.max_attempts }}",
		"it broke execution 9 make 1/3"},
	{"{% if steps.m2.error %}yes{% endif %}{{ steps.m2.error == 'it broke' }}", "yestrue"},
	{"{{ steps.a_b.error | default('none') }} {{ steps.m2.error | default('none') }}",
		"none it broke"},
	{"{{ steps.a_b is defined }} {{ steps.a_b.nope is defined }}", "true false"},
	/* a step that has not run */
	{"{{ steps.later.status }} {{ steps.later.output == nope }}", "pending true"},
	/* 5.9 */
	{"{{ groups.g.failed }} {{ groups.g.outputs.m1 }} {{ groups.g.outputs[1] }}",
		"true first half"},
	{"{{ groups.g }}", "=== m1 ===\nfirst\n\n=== m2 ===\nhalf"},
};

static void templates_see_results(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *rendered = render(f, cases[i].text);
		if (strcmp(rendered, cases[i].expected) != 0) {
			fail_msg("%s\nis: %s\nexpected: %s", cases[i].text, rendered,
				cases[i].expected);
		}
	}
}

static void a_wrong_name_is_told_with_the_nearest(void **state) {
	struct fixture *f = *state;
	assert_non_null(strstr(render(f, "{{ steps.lather.output }}"), "`later`"));
	assert_non_null(strstr(render(f, "{{ steps.a_b.exit_cod }}"), "`exit_code`"));
}

/* What is written and read back is written the same again. */
static void results_survive_json(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < f->workflow->steps.len; i++) {
		struct buf first;
		struct buf second;
		struct error error = {0};
		struct step_result read;
		buf_init(&first, 0);
		buf_init(&second, 0);
		if (f->results.items[i].outputs.len > 0) {
			f->results.items[i].outputs.items[0].item = value_int(4);
		}
		result_to_json(&f->results.items[i], &f->arena, &first);
		const struct json *json = json_parse(&f->arena, buf_slice(&first), NULL, &error);
		assert_non_null(json);
		assert_true(
			result_from_json(f->results.items[i].step, json, &f->arena, &read, &error));
		result_to_json(&read, &f->arena, &second);
		assert_true(slice_eq(buf_slice(&first), buf_slice(&second)));
		assert_int_equal(read.status, f->results.items[i].status);
		assert_int_equal(read.has_error, f->results.items[i].has_error);
		buf_finish(&first);
		buf_finish(&second);
	}
}

static void odd_records_are_refused(void **state) {
	struct fixture *f = *state;
	static const char *const texts[] = {"{}", "[]", "{\"status\":\"odd\"}",
		"{\"status\":\"failed\",\"error\":{\"kind\":\"odd\"}}", "{\"status\":5}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct error error = {0};
		struct step_result result;
		assert_false(result_from_json(&f->workflow->steps.items[0],
			parse(&f->arena, texts[i]), &f->arena, &result, &error));
		assert_non_null(strstr(error.message, "a-b"));
	}
}

static void every_kind_of_error_has_a_class(void **state) {
	(void)state;
	for (int kind = 0; kind < ERROR_KIND_COUNT; kind++) {
		assert_true(failure_class_of((enum error_kind)kind) < FAILURE_CLASS_COUNT);
	}
	assert_int_equal(failure_class_of(ERROR_TIMEOUT), FAILURE_TIMEOUT);
	assert_int_equal(failure_class_of(ERROR_OVERLOADED), FAILURE_RATE_LIMIT);
	assert_int_equal(failure_class_of(ERROR_UPSTREAM_CREDENTIAL), FAILURE_AUTH);
	assert_null(failure_class_names[FAILURE_CLASS_COUNT]);
}

int test_values(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(templates_see_results),
		TEST(a_wrong_name_is_told_with_the_nearest),
		TEST(results_survive_json),
		TEST(odd_records_are_refused),
		TEST(every_kind_of_error_has_a_class),
	};
	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
