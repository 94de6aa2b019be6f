/* test_run_shell.c: runs of shell steps: order, conditions, failures, loops, retries, limits
 * (workflows.md 5.5 to 5.11, 13). */
#include "workflow/run_help.h"

int test_run_shell(void);

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

/* ---- plain steps ---- */

static void steps_run_in_order_of_the_file(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"echo one >> log; cat log\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo two >> log; cat log\"\n"
			  "[[steps]]\nname = \"c\"\nrun = \"cat log\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "c", "one\ntwo");
	assert_string_equal(arena_strdup(&f->arena, buf_slice(&f->events)),
		"start\nstep a\nend a ok\nstep b\nend b ok\nstep c\nend c ok\nover\n");
	assert_true(slice_is(run_final_text(f->run), "one\ntwo"));
}

static void a_result_is_seen_by_later_templates(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		"name = \"test\"\n"
		"[[steps]]\nname = \"a-b\"\n"
		"run = '''printf '%s' '{\"files\":[\"x\",\"y\"]}'; printf oops >&2'''\n"
		"[[steps]]\nname = \"b\"\n"
		"run = \"echo {% for f in steps.a_b.files %}{{ f }}+{% endfor %} {{ "
		"steps['a-b'].exit_code }} "
		"{{ steps.a_b.stderr }} {{ steps.a_b.backend }} {{ steps.a_b.status }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "b", "x+y+ 0 oops shell ok");
}

static void arguments_and_outputs_are_exported(void **state) {
	struct run_fixture *f = *state;
	struct value_map *args = value_map_new(&f->arena);
	value_map_put_named(&f->arena, args, "who", value_string(SLICE("a'b\"c$(x)")));
	f->options.arguments.values = value_of_map(args);
	run_fixture_do(f, "name = \"test\"\n[env]\nOUTER = \"{{ args.who }}\"\n"
			  "[args.who]\n"
			  "[[steps]]\nname = \"first-one\"\nrun = \"printf 'it''s'\"\n"
			  "[[steps]]\nname = \"b\"\nenv = {INNER = \"i-{{ steps.first_one }}\"}\n"
			  "run = '''printf '%s|' \"$LLM_MUX_ARG_WHO\" \"$OUTER\" \"$INNER\"; "
			  "cat \"$LLM_MUX_STEP_FIRST_ONE\"'''\n");
	assert_end(f, RUN_OK);
	assert_output(f, "b", "a'b\"c$(x)|a'b\"c$(x)|i-its|its");
}

static void programs_without_a_shell_get_their_words(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		"name = \"test\"\n"
		"[[steps]]\nname = \"a\"\nrun = [\"printf\", \"%s|\", \"x y\", \"$HOME\"]\n"
		"[[steps]]\nname = \"b\"\nrun = \"cat\"\nstdin = \"in: {{ steps.a }}\"\n"
		"[[steps]]\nname = \"c\"\nrun = \"pwd\"\ncwd = \"/\"\n"
		"[[steps]]\nname = \"d\"\nrun = \"pwd\"\n"
		"[[steps]]\nname = \"e\"\nrun = \"[ -t 0 ] && echo tty; cat; echo end\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "x y|$HOME|");
	assert_output(f, "b", "in: x y|$HOME|");
	assert_output(f, "c", "/");
	assert_output(f, "d", f->dir);
	assert_output(f, "e", "end");
}

static void odd_bytes_become_replacement_characters(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(
		f, "name = \"test\"\n[[steps]]\nname = \"a\"\nrun = '''printf 'x\\377y'''' \n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "x\xef\xbf\xbdy");
}

/* ---- conditions ---- */

static void a_false_condition_skips(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"echo 1\"\nif = \"nothing\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo {{ steps.a.skipped }} "
			  "[{{ steps.a.output }}] {{ steps.a.skip_reason }}\"\n"
			  "[[steps]]\nname = \"c\"\nrun = \"echo yes\"\n"
			  "if = \"{{ steps.b.output and not steps.a.failed }}\"\n"
			  "[[steps]]\nname = \"d\"\nrun = \"echo blank\"\nif = \"  \"\n");
	assert_status(f, "a", STEP_SKIPPED);
	assert_output(f, "b", "true [] its condition is false");
	assert_output(f, "c", "yes");
	assert_output(f, "d", "blank");
	assert_end(f, RUN_OK);
}

/* ---- failures ---- */

static void a_failure_stops_what_follows(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"echo out; echo ' bad' >&2; exit 3\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo no\"\n"
			  "[[steps]]\nname = \"handler\"\nrun = \"echo {{ steps.a.error }} "
			  "{{ steps.a.error.kind }} {{ steps.a.error.exit_code }} "
			  "{{ steps.a.error.attempt }}/{{ steps.a.error.max_attempts }} "
			  "{{ steps.a.error.stderr }}\"\nif = \"steps.a.failed\"\n"
			  "[[steps]]\nname = \"cleanup\"\nrun = \"echo done\"\nalways = true\n");
	assert_end(f, RUN_FAILED);
	assert_string_equal(f->error, "bad");
	assert_error(f, "a", FAILURE_EXECUTION, "bad");
	assert_int_equal(run_fixture_result(f, "a")->exit_code, 3);
	assert_status(f, "b", STEP_SKIPPED);
	assert_contains(run_fixture_result(f, "b")->skip_reason, "step `a` failed");
	assert_output(f, "handler", "bad execution 3 1/1  bad");
	assert_output(f, "cleanup", "done");
}

static void a_continued_failure_is_none(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"echo half; exit 1\"\n"
			  "continue_on_error = true\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo {{ steps.a.failed }} "
			  "{{ steps.a.output }} {{ steps.a.error }}\"\n");
	assert_end(f, RUN_OK);
	assert_status(f, "a", STEP_FAILED);
	assert_true(run_fixture_result(f, "a")->is_continued);
	assert_output(f, "b", "true half command exited with code 1");
	run_fixture_do(f, "name = \"test\"\ncontinue_on_error = true\n"
			  "[[steps]]\nname = \"a\"\nrun = \"exit 1\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo on\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "b", "on");
}

/* Three steps of which one fails; the last asks for so many of the others. */
#define TWO_AND_ONE(count)                                                                         \
	"name = \"test\"\n"                                                                        \
	"[[steps]]\nname = \"a\"\nrun = \"echo a\"\ndepends_on = []\n"                             \
	"[[steps]]\nname = \"b\"\nrun = \"exit 1\"\ndepends_on = [\"a\"]\n"                        \
	"[[steps]]\nname = \"c\"\nrun = \"echo c\"\ndepends_on = [\"a\", \"b\"]\n"                 \
	"min_deps_success = " count "\n"

static void enough_dependencies_are_enough(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, TWO_AND_ONE("1"));
	assert_end(f, RUN_FAILED);
	assert_output(f, "c", "c");
	run_fixture_do(f, TWO_AND_ONE("2"));
	assert_status(f, "c", STEP_SKIPPED);
	assert_contains(run_fixture_result(f, "c")->skip_reason, "min_deps_success");
}

static void an_undefined_name_in_a_command_is_told_with_its_place(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"true\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo {{ steps.a.output.nope }}\"\n"
			  "retries = 3\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "b", FAILURE_TEMPLATE, "test.toml:7:");
	assert_int_equal(run_fixture_result(f, "b")->attempts, 1);
}

/* ---- retries and limits ---- */

static void retries_help(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nretries = 2\nretry_delay = 1\n"
			  "run = \"echo x >> n; test $(wc -l < n) -eq 3 && echo third\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "third");
	assert_int_equal(run_fixture_result(f, "a")->attempts, 3);
	assert_contains(buf_slice(&f->events), "retry a: command exited with code 1\nretry a:");
}

static void retries_are_bounded_and_chosen(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		"name = \"test\"\ncontinue_on_error = true\n"
		"[[steps]]\nname = \"a\"\nretries = 2\nretry_delay = 1\nrun = \"exit 1\"\n"
		"[[steps]]\nname = \"b\"\nretries = 2\nretry_delay = 1\nrun = \"exit 1\"\n"
		"fail_on = [\"execution\"]\n"
		"[[steps]]\nname = \"c\"\nretries = 2\nretry_delay = 1\nrun = \"exit 1\"\n"
		"retry_on = [\"timeout\"]\n");
	assert_int_equal(run_fixture_result(f, "a")->attempts, 3);
	assert_int_equal(run_fixture_result(f, "a")->error.max_attempts, 3);
	assert_int_equal(run_fixture_result(f, "b")->attempts, 1);
	assert_int_equal(run_fixture_result(f, "c")->attempts, 1);
}

static void a_limit_ends_a_command_with_its_children(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\ntimeout = 100\n"
			  "run = \"echo begun; sleep 600 & sleep 600; echo never\"\n");
	assert_end(f, RUN_FAILED);
	assert_error(f, "a", FAILURE_TIMEOUT, "its time limit of 100ms");
	assert_output(f, "a", "begun");
}

static void a_limit_can_be_retried(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\ntimeout = 300\nretries = 1\n"
			  "retry_delay = 1\n"
			  "run = \"test -e seen && echo again || { touch seen; sleep 600; }\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "a", "again");
}

static void the_limit_of_the_workflow_ends_it(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\ntimeout = 100\n"
			  "[[steps]]\nname = \"a\"\nrun = \"sleep 600\"\n"
			  "[[steps]]\nname = \"b\"\nrun = \"echo b\"\nalways = true\n");
	assert_end(f, RUN_TIMED_OUT);
	assert_error(f, "a", FAILURE_TIMEOUT, "the workflow's time limit of 100ms");
	assert_status(f, "b", STEP_CANCELLED);
	assert_non_null(strstr(f->error, "ran into its time limit"));
}

static void the_limit_of_a_group_is_named(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[groups]]\nname = \"g\"\ntimeout = 100\n"
			  "[[groups.steps]]\nname = \"a\"\nrun = \"sleep 600\"\ntimeout = 60000\n");
	assert_error(f, "a", FAILURE_TIMEOUT, "its group's time limit of 100ms");
}

/* ---- side by side ---- */

/* Each waits for the other's file: one after the other they would wait for ever. */
static void the_branches_of_a_diamond_meet(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\nrun = \"true\"\n"
			  "[[steps]]\nname = \"b\"\ndepends_on = [\"a\"]\n"
			  "run = \"touch b; until test -e c; do sleep 0.01; done; echo met\"\n"
			  "[[steps]]\nname = \"c\"\ndepends_on = [\"a\"]\n"
			  "run = \"touch c; until test -e b; do sleep 0.01; done; echo met\"\n"
			  "[[steps]]\nname = \"d\"\ndepends_on = [\"b\", \"c\"]\n"
			  "run = \"echo {{ steps.b }} {{ steps.c }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "d", "met met");
}

static void with_one_job_they_do_not(void **state) {
	struct run_fixture *f = *state;
	f->options.jobs = 1;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"b\"\ndepends_on = []\ntimeout = 200\n"
			  "run = \"touch b; until test -e c; do sleep 0.01; done; echo met\"\n"
			  "[[steps]]\nname = \"c\"\ndepends_on = []\nrun = \"touch c\"\n");
	assert_error(f, "b", FAILURE_TIMEOUT, "200ms");
	assert_null(run_fixture_read(f, "c"));
}

static void fail_fast_ends_the_others(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\nfail_fast = true\n"
			  "[[steps]]\nname = \"a\"\ndepends_on = []\nrun = \"touch a; sleep 600\"\n"
			  "[[steps]]\nname = \"b\"\ndepends_on = []\n"
			  "run = \"until test -e a; do sleep 0.01; done; exit 1\"\n");
	assert_end(f, RUN_FAILED);
	assert_status(f, "a", STEP_CANCELLED);
	assert_status(f, "b", STEP_FAILED);
}

static void without_it_they_end_by_themselves(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"a\"\ndepends_on = []\n"
			  "run = \"until test -e b; do sleep 0.01; done; echo done\"\n"
			  "[[steps]]\nname = \"b\"\ndepends_on = []\nrun = \"touch b; exit 1\"\n");
	assert_end(f, RUN_FAILED);
	assert_output(f, "a", "done");
}

static void groups_are_waited_for_as_one(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n"
			  "[[groups]]\nname = \"g\"\nparallel = true\n"
			  "[[groups.steps]]\nname = \"a\"\n"
			  "run = \"touch a; until test -e b; do sleep 0.01; done; echo one\"\n"
			  "[[groups.steps]]\nname = \"b\"\n"
			  "run = \"touch b; until test -e a; do sleep 0.01; done; echo two\"\n"
			  "[[steps]]\nname = \"c\"\ndepends_on = [\"g\"]\n"
			  "run = \"echo {% for o in groups.g.outputs %}{{ o }}+{% endfor %} {{ "
			  "groups.g.outputs.b }} "
			  "{{ groups.g.failed }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "c", "one+two+ two false");
}

/* ---- the final text (8.3) ---- */

static const struct {
	const char *toml, *text;
} finals[] = {
	/* the last in order of the file that said something */
	{"[[steps]]\nname = \"a\"\nrun = \"echo A\"\n"
	 "[[steps]]\nname = \"b\"\nrun = \"true\"\n",
		"A"},
	/* one of the three names */
	{"[[steps]]\nname = \"synthesize\"\nrun = \"echo S\"\n"
	 "[[steps]]\nname = \"generate_report\"\nrun = \"echo R\"\n"
	 "[[steps]]\nname = \"save\"\nrun = \"echo saved\"\n",
		"R"},
	{"[[steps]]\nname = \"final\"\nrun = \"echo F\"\n"
	 "[[steps]]\nname = \"save\"\nrun = \"echo saved\"\n",
		"F"},
	/* what the workflow says */
	{"output = \"a\"\n[[steps]]\nname = \"a\"\nrun = \"echo A\"\n"
	 "[[steps]]\nname = \"final\"\nrun = \"echo F\"\n",
		"A"},
	{"output = \"<{{ steps.a }}|{{ steps.final.output | lower }}>\"\n"
	 "[[steps]]\nname = \"a\"\nrun = \"echo A\"\n"
	 "[[steps]]\nname = \"final\"\nrun = \"echo F\"\n",
		"<A|f>"},
};

static void the_final_text_is_chosen(void **state) {
	struct run_fixture *f = *state;
	for (size_t i = 0; i < sizeof finals / sizeof *finals; i++) {
		run_fixture_do(
			f, arena_printf(&f->arena, "name = \"test\"\n%s", finals[i].toml).data);
		assert_end(f, RUN_OK);
		struct slice text = run_final_text(f->run);
		if (!slice_is(text, finals[i].text)) {
			fail_msg("%s\nis: %.*s\nexpected: %s", finals[i].toml, SLICE_FMT(text),
				finals[i].text);
		}
	}
}

int test_run_shell(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(steps_run_in_order_of_the_file),
		TEST(a_result_is_seen_by_later_templates),
		TEST(arguments_and_outputs_are_exported),
		TEST(programs_without_a_shell_get_their_words),
		TEST(odd_bytes_become_replacement_characters),
		TEST(a_false_condition_skips),
		TEST(a_failure_stops_what_follows),
		TEST(a_continued_failure_is_none),
		TEST(enough_dependencies_are_enough),
		TEST(an_undefined_name_in_a_command_is_told_with_its_place),
		TEST(retries_help),
		TEST(retries_are_bounded_and_chosen),
		TEST(a_limit_ends_a_command_with_its_children),
		TEST(a_limit_can_be_retried),
		TEST(the_limit_of_the_workflow_ends_it),
		TEST(the_limit_of_a_group_is_named),
		TEST(the_branches_of_a_diamond_meet),
		TEST(with_one_job_they_do_not),
		TEST(fail_fast_ends_the_others),
		TEST(without_it_they_end_by_themselves),
		TEST(groups_are_waited_for_as_one),
		TEST(the_final_text_is_chosen),
	};
	return cmocka_run_group_tests_name("run_shell", tests, NULL, NULL);
}
