/* test_run_items.c: for_each and matrix: which items, side by side or not, what they sum up to
 * (workflows.md 5.7). */
#include "workflow/run_help.h"

#include "workflow/run_internal.h"

int test_run_items(void);

static int begin(void **state) {
	static struct run_fixture fixture;
	run_fixture_begin(&fixture, "");
	*state = &fixture;
	return 0;
}

static int end(void **state) {
	run_fixture_end(*state);
	return 0;
}

/* ---- the table of 5.7 ---- */

static const struct {
	const char *text, *items; /* JSON of the items */
} texts[] = {
	{"[1, \"two\", {\"k\": 3}]", "[1,\"two\",{\"k\":3}]"},
	{"Here you are:\n```json\n[\"a\", \"b\"]\n```\n", "[\"a\",\"b\"]"},
	{"The files are [\"a\"] and no more", "[\"a\"]"},
	{"{\"k\": [1]}", "[{\"k\":[1]}]"},
	{"see {\"k\": 1}, or not", "[\"see {\\\"k\\\": 1}\",\"or not\"]"},
	{"a, b ,c", "[\"a\",\"b\",\"c\"]"},
	{"a\nb", "[\"a\\nb\"]"},
	{"one", "[\"one\"]"},
	{"5", "[\"5\"]"},
	{"", "[]"},
	{"  \n", "[]"},
	{"[]", "[]"},
};

static struct slice items_text(struct run_fixture *f, struct value value) {
	struct buf out;
	struct error error = {0};
	buf_init(&out, 0);
	const struct value_list *items = items_of_value(value, &f->arena);
	assert_non_null(items);
	assert_true(value_to_json(value_of_list(items), &f->arena, 0, &out, &error));
	struct slice copy = arena_dup(&f->arena, buf_slice(&out));
	buf_finish(&out);
	return copy;
}

static void texts_are_taken_apart(void **state) {
	struct run_fixture *f = *state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct slice items = items_text(f, value_string(slice_of(texts[i].text)));
		if (!slice_is(items, texts[i].items)) {
			fail_msg("%s\nis: %.*s\nexpected: %s", texts[i].text, SLICE_FMT(items),
				texts[i].items);
		}
	}
}

static void real_values_never_go_through_text(void **state) {
	struct run_fixture *f = *state;
	struct value_list *list = value_list_new(&f->arena);
	value_list_push(&f->arena, list, value_string(SLICE("a, b")));
	value_list_push(&f->arena, list, value_none());
	struct value_map *map = value_map_new(&f->arena);
	value_map_put_named(&f->arena, map, "k", value_int(1));
	assert_true(slice_is(items_text(f, value_of_list(list)), "[\"a, b\",null]"));
	assert_true(slice_is(items_text(f, value_of_map(map)), "[{\"k\":1}]"));
	assert_true(slice_is(items_text(f, value_int(7)), "[7]"));
	assert_true(slice_is(items_text(f, value_bool(false)), "[false]"));
	assert_true(slice_is(items_text(f, value_none()), "[]"));
	assert_true(slice_is(items_text(f, value_undefined()), "[]"));
}

/* ---- runs ---- */

static void items_run_in_order(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\n"
			  "for_each = \"['x y', 'z']\"\n"
			  "run = \"echo {{ index }}{{ loop.index }}{{ loop.first }}{{ loop.last }}"
			  "{{ loop.length }}{{ loop.previtem if index }} {{ item }}\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo {{ steps.a.outputs[1] }}; "
			  "echo {{ steps.a.outputs[0].item }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "01truefalse2 x y\n12falsetrue2x y z");
	assert_output(f, "b", "12falsetrue2x y z\nx y");
	assert_int_equal(run_fixture_result(f, "a")->outputs.len, 2);
}

static void no_items_are_success(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nfor_each = \"nothing\"\nrun = \"exit 1\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo [{{ steps.a.output }}] "
			  "{{ steps.a.skipped }} {{ steps.a.failed }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "b", "[] false false");
}

static void side_by_side_the_order_is_kept(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nparallel_items = 3\n"
			  "for_each = \"['1', '2', '3']\"\n"
			  "run = '''touch seen-{{ item }}\n"
			  "until test -e seen-1 -a -e seen-2 -a -e seen-3; do sleep 0.01; done\n"
			  "test {{ item }} = 1 && until test -e end-3; do sleep 0.01; done\n"
			  "touch end-{{ item }}; echo {{ item }}'''\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "1\n2\n3");
}

static void one_job_takes_items_one_by_one(void **state) {
	struct run_fixture *f = *state;
	f->options.jobs = 1;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nparallel_items = 3\n"
			  "for_each = \"[1, 2, 3]\"\n"
			  "run = \"mkdir lock && rmdir lock && echo {{ item }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "1\n2\n3");
}

static void the_first_failure_stops_the_items(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nfor_each = \"[1, 2, 3]\"\n"
			  "run = \"touch at-{{ item }}; test {{ item }} != 2\"\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "a", FAILURE_EXECUTION, "1 of 3 items failed");
	assert_non_null(run_fixture_read(f, "at-2"));
	assert_null(run_fixture_read(f, "at-3"));
}

static void continued_items_go_on(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nfor_each = \"[1, 2, 3]\"\n"
			  "continue_on_error = true\n"
			  "run = \"echo {{ item }}; test {{ item }} != 2\"\n"
			  "[[steps]]\nname = \"b\"\nfor_each = \"[1, 2]\"\n"
			  "continue_on_error = true\nrun = \"exit {{ item }}\"\n"
			  "[[steps]]\nname = \"c\"\nrun = '''echo "
			  "{% for o in steps.a.outputs %}{{ o.failed }},{% endfor %} "
			  "{{ steps.a.failed }} {{ steps.a.error }} {{ steps.b.failed }}'''\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "1\n2\n3");
	assert_output(f, "c",
		"false,true,false, false 1 of 3 items failed: command exited with code 1 true");
}

static void fail_fast_ends_the_other_items(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nparallel_items = 2\n"
			  "fail_fast = true\nfor_each = \"[1, 2]\"\n"
			  "run = '''test {{ item }} = 1 && { touch up; sleep 600; }\n"
			  "until test -e up; do sleep 0.01; done; exit 1'''\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "a", FAILURE_EXECUTION, "1 of 2 items failed");
}

static void conditions_are_asked_per_item(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nfor_each = \"[1, 2, 3]\"\n"
			  "if = \"item != 2\"\nrun = \"echo {{ item }}\"\n"
			  "[[steps]]\nname = \"b\"\nfor_each = \"[1]\"\nif = \"false\"\n"
			  "run = \"exit 1\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "1\n3");
	assert_true(run_fixture_result(f, "a")->outputs.items[1].is_skipped);
	assert_status(f, "b", STEP_SKIPPED);
}

static void a_matrix_makes_cells(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\n"
			  "matrix = {os = [\"l\", \"m\"], py = [1, 2]}\n"
			  "exclude = [{os = \"m\", py = 1}]\n"
			  "run = \"echo {{ item.os }}{{ item.py }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "l1\nl2\nm2");
}

static void items_are_retried_each(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nfor_each = \"['p', 'q']\"\n"
			  "retries = 1\nretry_delay = 1\n"
			  "run = \"test -e {{ item }} || { touch {{ item }}; exit 1; }; "
			  "echo {{ item }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "p\nq");
	assert_int_equal(run_fixture_result(f, "a")->attempts, 4);
}

static void many_items_run(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"n\"\nrun = \"seq -s , 1000\"\n"
			  "[[steps]]\nname = \"a\"\nparallel_items = 8\n"
			  "for_each = \"steps.n\"\nif = \"loop.revindex < 4\"\n"
			  "run = \"echo {{ item }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "998\n999\n1000");
	assert_int_equal(run_fixture_result(f, "a")->outputs.len, 1000);
}

int test_run_items(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(texts_are_taken_apart),
		TEST(real_values_never_go_through_text),
		TEST(items_run_in_order),
		TEST(no_items_are_success),
		TEST(side_by_side_the_order_is_kept),
		TEST(one_job_takes_items_one_by_one),
		TEST(the_first_failure_stops_the_items),
		TEST(continued_items_go_on),
		TEST(fail_fast_ends_the_other_items),
		TEST(conditions_are_asked_per_item),
		TEST(a_matrix_makes_cells),
		TEST(items_are_retried_each),
		TEST(many_items_run),
	};
	return cmocka_run_group_tests_name("run_items", tests, NULL, NULL);
}
