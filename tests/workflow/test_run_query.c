/* test_run_query.c: runs of query steps: roles, shapes of results, schemas and their repair, cost,
 * prompts (workflows.md 2.7, 3, 5.5, 11). */
#include "workflow/run_help.h"

#include "base/file.h"
#include "workflow/response_cache.h"
#include "workflow/run_internal.h"

int test_run_query(void);

static const char config[] =
	"[backends.ok]\ntype = \"mock\"\nmodel = \"m-1\"\nreplies = [{text = \"fine\"}]\n"
	"[backends.other]\ntype = \"mock\"\nreplies = [{text = \"also {\\\"n\\\": 2}\"}]\n"
	"[backends.down]\ntype = \"mock\"\nmax_retries = 0\nreplies = [{error = \"network\"}]\n"
	"[backends.limited]\ntype = \"mock\"\nmax_retries = 0\n"
	"replies = [{error = \"rate_limit\", times = 1}, {text = \"after\"}]\n"
	"[backends.json]\ntype = \"mock\"\n"
	"replies = [{match = \"not accepted\", text = '{\"n\": 1, \"list\": [\"a\", \"b\"]}'}, "
	"{text = 'Sure: {\"n\": \"one\"}'}]\n"
	"[backends.echo]\ncommand = \"cat\"\nstdin = true\n"
	"[roles.one]\nbackends = [\"ok\"]\n"
	"[roles.fall]\nbackends = [\"down\", \"ok\"]\nexecution = \"fallback\"\n"
	"[roles.all]\nbackends = [\"ok\", \"down\", \"other\"]\nexecution = \"parallel\"\n"
	"[roles.strict]\nbackends = [\"ok\", \"down\"]\nexecution = \"parallel\"\nmin_success = 2\n"
	"[roles.echo]\nbackends = [\"echo\"]\n"
	"[teams.t]\ncontext = [\"team.md\", \"absent.md\"]\nverify = \"true\"\n"
	"[teams.t.roles]\none = [\"echo\"]\nall = [\"other\"]\n"
	"[pricing.\"m-*\"]\ninput = 1000000.0\noutput = 1000000.0\n";

static int begin(void **state) {
	static struct run_fixture fixture;
	run_fixture_begin(&fixture, config);
	*state = &fixture;
	return 0;
}

static int end(void **state) {
	run_fixture_end(*state);
	return 0;
}

#define QUERY(name, rest)                                                                          \
	"[[steps]]\nname = \"" name "\"\ntype = \"query\"\nprompt = \"ask\"\n" rest "\n"

static void an_answer_is_the_output(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"one\""));
	assert_end(f, RUN_OK);
	const struct step_result *result = run_fixture_result(f, "a");
	assert_output(f, "a", "fine");
	assert_true(slice_is(result->backend, "ok"));
	assert_int_equal(result->outputs.len, 1);
	assert_true(slice_is(result->prompt, "ask"));
	assert_true(slice_is(run_final_text(f->run), "fine"));
}

static void a_fallback_tells_who_failed(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"fall\""));
	assert_output(f, "a", "fine");
	const struct step_result *result = run_fixture_result(f, "a");
	assert_int_equal(result->failed_backends.len, 1);
	assert_true(slice_is(result->failed_backends.items[0].name, "down"));
	assert_true(result->failed_backends.items[0].error.len > 0);
}

static void parallel_answers_stand_in_order_of_the_role(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"all\""));
	assert_output(f, "a", "=== ok ===\nfine\n\n=== other ===\nalso {\"n\": 2}");
	const struct step_result *result = run_fixture_result(f, "a");
	assert_int_equal(result->outputs.len, 2);
	assert_true(slice_is(result->outputs.items[1].name, "other"));
	assert_non_null(json_get(result->outputs.items[1].data, "n"));
	assert_contains(buf_slice(&f->events), "progress a 3/3");
}

static void too_few_successes_fail_with_every_reason(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"strict\""));
	assert_end(f, RUN_FAILED);
	assert_status(f, "a", STEP_FAILED);
	assert_contains(run_fixture_result(f, "a")->error.message, "down");
}

static void a_step_says_more_than_its_role(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"fall\"\nparallel = true")
				  QUERY("b", "backend = \"other\"")
					  QUERY("c", "role = \"strict\"\nmin_success = 1"));
	assert_end(f, RUN_OK);
	assert_output(f, "a", "=== ok ===\nfine");
	assert_output(f, "b", "also {\"n\": 2}");
	assert_output(f, "c", "=== ok ===\nfine");
}

/* 1.3: the default of `parallel`, which a step may say either way. */
static void a_step_undoes_the_default_of_parallel(void **state) {
	struct run_fixture *f = *state;
	runner_change(f->config)->defaults.is_parallel = true;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"fall\"")
				  QUERY("b", "role = \"fall\"\nparallel = false")
					  QUERY("c", "role = \"fall\"\nexecution = \"fallback\""));
	assert_end(f, RUN_OK);
	assert_output(f, "a", "=== ok ===\nfine");
	assert_output(f, "b", "fine");
	assert_output(f, "c", "fine");
}

static void a_role_of_the_workflow_wins(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[roles.one]\nbackends = [\"other\"]\n" QUERY(
				  "a", "role = \"one\""));
	assert_output(f, "a", "also {\"n\": 2}");
}

static void a_team_has_its_own_roles_and_context(void **state) {
	struct run_fixture *f = *state;
	f->options.team = &runner_of(f->config)->teams.items[0];
	run_fixture_write(f, "team.md", "we\n");
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"one\"")
				  QUERY("b", "role = \"all\"") QUERY("c", "role = \"fall\""));
	assert_end(f, RUN_OK);
	/* the team's backend, and the execution of the role everywhere */
	assert_output(f, "a", "team.md:\n```\nwe\n```\n\nask");
	assert_output(f, "b", "=== other ===\nalso {\"n\": 2}");
	assert_output(f, "c", "fine");
	assert_contains(run_fixture_result(f, "c")->prompt, "we");
	assert_contains(buf_slice(&f->events), "warning a: the team's context file `absent.md`");
}

static void a_role_that_nobody_has_is_told(void **state) {
	struct run_fixture *f = *state;
	struct error error = {0};
	struct workflow_step step = {.name = SLICE("s"), .role = SLICE("stricd"), .execution = -1};
	struct role_plan plan;
	run_fixture_load(f, "name = \"test\"\n" QUERY("a", "role = \"one\""));
	f->run = run_create(&f->options, &error);
	assert_non_null(f->run);
	assert_false(role_resolve(f->run, &step, &f->arena, &plan, &error));
	assert_non_null(strstr(error.message, "did you mean `strict`"));
}

/* The rendezvous: the first answers when the second has been asked. */
static void queries_without_dependencies_overlap(void **state) {
	struct run_fixture *f = *state;
	static const char wait[] =
		"[backends.left]\ncommand = \"sh\"\nargs = [\"-c\", \"touch l; until test -e r; do "
		"sleep 0.01; done; echo met\", \"sh\"]\n"
		"[backends.right]\ncommand = \"sh\"\nargs = [\"-c\", \"touch r; until test -e l; "
		"do "
		"sleep 0.01; done; echo met\", \"sh\"]\n";
	run_fixture_end(f);
	run_fixture_begin(f, wait);
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "backend = \"left\"")
				  QUERY("b", "backend = \"right\"") "[[steps]]\nname = \"c\"\n"
								    "type = \"shell\"\n"
								    "run = \"echo {{ steps.a }} "
								    "{{ steps.b }}\"\n");
	assert_end(f, RUN_OK);
	assert_output(f, "c", "met met");
}

static void a_limit_ends_a_question(void **state) {
	struct run_fixture *f = *state;
	run_fixture_end(f);
	run_fixture_begin(f, "[backends.slow]\ncommand = \"sleep\"\nargs = [\"600\"]\n"
			     "stdin = true\n");
	run_fixture_do(
		f, "name = \"test\"\n" QUERY("a", "backend = \"slow\"\ntimeout = \"100ms\""));
	assert_error(f, "a", FAILURE_TIMEOUT, "its time limit of 100ms");
}

static void a_program_gets_the_steps_variables(void **state) {
	struct run_fixture *f = *state;
	run_fixture_end(f);
	run_fixture_begin(f,
		"[backends.env]\ncommand = \"sh\"\n"
		"args = [\"-c\", \"cat; echo $OUTER $INNER; pwd\", \"sh\"]\nstdin = true\n");
	run_fixture_do(
		f, "name = \"test\"\n[env]\nOUTER = \"o\"\n" QUERY(
			   "a", "backend = \"env\"\ncwd = \"/\"\nenv = {INNER = \"{{ 1 + 1 }}\"}"));
	assert_output(f, "a", arena_printf(&f->arena, "asko 2\n%s", "/").data);
}

/* ---- JSON ---- */

#define SCHEMA                                                                                     \
	"output_schema = {type = \"object\", required = [\"n\"], properties = {n = \"integer\", "  \
	"list = \"array\"}}\n"

static void a_bad_reply_is_repaired(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f,
		"name = \"test\"\n" QUERY("a", "backend = \"json\"\nretries = 1\nretry_delay = "
					       "1\n" SCHEMA) "[[steps]]\nname = \"b\"\ntype = "
							     "\"shell\"\n"
							     "for_each = \"steps.a.list\"\nrun = "
							     "\"echo x{{ item }}\"\n");
	assert_end(f, RUN_OK);
	const struct step_result *result = run_fixture_result(f, "a");
	assert_int_equal(result->attempts, 2);
	assert_contains(result->prompt, "JSON Schema");
	assert_contains(result->prompt, "Sure: {\"n\": \"one\"}");
	assert_contains(result->prompt, "/n");
	assert_output(f, "b", "xa\nxb");
}

static void without_retries_it_fails_with_the_pointer(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "backend = \"json\"\n" SCHEMA));
	assert_error(f, "a", FAILURE_PARSE, "/n");
	assert_output(f, "a", "Sure: {\"n\": \"one\"}");
}

static void a_reply_without_json_fails_where_json_is_wanted(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(
		f, "name = \"test\"\n" QUERY("a", "backend = \"ok\"\noutput_format = \"json\""));
	assert_error(f, "a", FAILURE_PARSE, "no JSON");
}

static void a_bad_reply_does_not_spoil_a_parallel_role(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"all\"\n" SCHEMA));
	assert_end(f, RUN_OK);
	assert_output(f, "a", "=== other ===\nalso {\"n\": 2}");
	assert_int_equal(run_fixture_result(f, "a")->failed_backends.len, 2);
}

/* ---- prompts ---- */

static void context_stands_before_the_prompt(void **state) {
	struct run_fixture *f = *state;
	run_fixture_write(f, "notes.md", "be ```kind```\n");
	f->options.context = SLICE("given:\n");
	run_fixture_do(
		f, "name = \"test\"\n" QUERY("a", "role = \"echo\"\ncontext = [\"notes.md\"]"));
	assert_output(f, "a", "given:\nnotes.md:\n````\nbe ```kind```\n````\n\nask");
	run_fixture_do(
		f, "name = \"test\"\n" QUERY("a", "role = \"echo\"\ncontext = [\"nothing.md\"]"));
	assert_error(f, "a", FAILURE_CONFIG, "nothing.md");
}

static void a_prompt_beyond_its_budget_is_not_asked(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"a\"\ntype = \"query\"\n"
			  "role = \"one\"\nmax_prompt_tokens = 3\nretries = 2\n"
			  "prompt = \"one two three four five six\"\n");
	assert_error(f, "a", FAILURE_CONFIG, "max_prompt_tokens");
	assert_int_equal(run_fixture_result(f, "a")->attempts, 1);
}

/* ---- money ---- */

static void nothing_is_asked_beyond_the_budget(void **state) {
	struct run_fixture *f = *state;
	f->options.max_cost_microusd = 100;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"one\""));
	assert_error(f, "a", FAILURE_CONFIG, "--max-cost");
	f->options.max_cost_microusd = INT64_C(1000000000);
	run_fixture_run(f);
	assert_end(f, RUN_OK);
}

/* A dollar per token: the sum of the tokens in millions of millionths. */
static void answers_are_paid_by_their_price(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(
		f, "name = \"test\"\n" QUERY("a", "role = \"one\"") QUERY("b", "role = \"one\""));
	assert_end(f, RUN_OK);
	const struct step_usage *usage = &run_fixture_result(f, "a")->usage;
	struct step_usage total = run_usage(f->run);
	assert_true(usage->is_known && usage->input_tokens > 0 && usage->output_tokens > 0);
	assert_int_equal(
		usage->cost_microusd, (usage->input_tokens + usage->output_tokens) * 1000000);
	assert_int_equal(total.cost_microusd, 2 * usage->cost_microusd);
	assert_int_equal(total.output_tokens, 2 * usage->output_tokens);
}

static void retries_of_a_step_ask_again(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, "name = \"test\"\n" QUERY(
				  "a", "backend = \"limited\"\nretries = 1\nretry_delay = 1"));
	assert_end(f, RUN_OK);
	assert_output(f, "a", "after");
	assert_int_equal(run_fixture_result(f, "a")->attempts, 2);
}

/* ---- the response cache ---- */

static void the_same_question_is_asked_once(void **state) {
	struct run_fixture *f = *state;
	run_fixture_end(f);
	run_fixture_begin(f, "[backends.count]\ncommand = \"sh\"\n"
			     "args = [\"-c\", \"echo x >> asked; cat\", \"sh\"]\nstdin = true\n"
			     "[backends.fails]\ncommand = \"sh\"\nmax_retries = 0\n"
			     "args = [\"-c\", \"echo x >> asked; exit 1\", \"sh\"]\n");
	char *const environment[] = {
		arena_strdup(&f->arena, arena_printf(&f->arena, "XDG_CACHE_HOME=%s", f->dir)),
		NULL};
	f->options.environment = environment;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "backend = \"count\"\ncache = true"));
	run_fixture_run(f);
	assert_output(f, "a", "ask");
	assert_true(run_fixture_result(f, "a")->is_from_cache);
	assert_string_equal(run_fixture_read(f, "asked"), "x\n");
	f->options.ignores_cache = true;
	run_fixture_run(f);
	assert_false(run_fixture_result(f, "a")->is_from_cache);
	assert_string_equal(run_fixture_read(f, "asked"), "x\nx\n");
	f->options.ignores_cache = false;
	/* another question, and one of no age at all */
	run_fixture_do(f, "name = \"test\"\n" QUERY(
				  "a", "backend = \"count\"\ncache = true\nsystem = \"s\""));
	assert_false(run_fixture_result(f, "a")->is_from_cache);
	/* a failure is never kept */
	run_fixture_write(f, "asked", "");
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "backend = \"fails\"\ncache = true"));
	run_fixture_run(f);
	assert_end(f, RUN_FAILED);
	assert_string_equal(run_fixture_read(f, "asked"), "x\nx\n");
}

static void a_cache_is_cleared(void **state) {
	struct run_fixture *f = *state;
	struct error error = {0};
	size_t removed = 9;
	struct workflow_step step = {.name = SLICE("s")};
	struct step_result result = {.step = &step,
		.status = STEP_OK,
		.output = SLICE("the secret word"),
		.exit_code = -1,
		.usage = {.cost_microusd = -1}};
	const char *dir = file_join(&f->arena, f->dir, "cache");
	struct runner_secrets *secrets = runner_secrets_create();
	runner_secrets_add(secrets, SLICE("secret word"));
	assert_true(response_cache_clear(dir, &removed, &error));
	assert_int_equal(removed, 0);
	assert_true(response_cache_put(dir, "k1", &result, NULL, &f->arena, &error));
	assert_true(response_cache_put(dir, "k2", &result, secrets, &f->arena, &error));
	assert_non_null(response_cache_find(dir, "k1", 0, &step, &f->arena));
	assert_null(response_cache_find(dir, "k2", 0, &step, &f->arena));
	run_fixture_write(
		f, "cache/k3.json", "{\"stored_at_ms\":1,\"result\":{\"status\":\"ok\"}}");
	run_fixture_write(f, "cache/k4.json", "torn {");
	assert_non_null(response_cache_find(dir, "k3", 0, &step, &f->arena));
	assert_null(response_cache_find(dir, "k3", 1000, &step, &f->arena));
	assert_null(response_cache_find(dir, "k4", 0, &step, &f->arena));
	assert_true(response_cache_clear(dir, &removed, &error));
	assert_int_equal(removed, 3);
	runner_secrets_destroy(secrets);
}

/* ---- streams ---- */

static void pieces_are_told_when_wanted(void **state) {
	struct run_fixture *f = *state;
	f->options.streams = true;
	run_fixture_do(f, "name = \"test\"\n" QUERY("a", "role = \"one\""));
	assert_contains(buf_slice(&f->events), "output a: ");
	f->options.streams = false;
	run_fixture_run(f);
	assert_false(slice_contains(buf_slice(&f->events), SLICE("output a: ")));
}

int test_run_query(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_the_output),
		TEST(a_fallback_tells_who_failed),
		TEST(parallel_answers_stand_in_order_of_the_role),
		TEST(too_few_successes_fail_with_every_reason),
		TEST(a_step_says_more_than_its_role),
		TEST(a_step_undoes_the_default_of_parallel),
		TEST(a_role_of_the_workflow_wins),
		TEST(a_team_has_its_own_roles_and_context),
		TEST(a_role_that_nobody_has_is_told),
		TEST(queries_without_dependencies_overlap),
		TEST(a_limit_ends_a_question),
		TEST(a_program_gets_the_steps_variables),
		TEST(a_bad_reply_is_repaired),
		TEST(without_retries_it_fails_with_the_pointer),
		TEST(a_reply_without_json_fails_where_json_is_wanted),
		TEST(a_bad_reply_does_not_spoil_a_parallel_role),
		TEST(context_stands_before_the_prompt),
		TEST(a_prompt_beyond_its_budget_is_not_asked),
		TEST(nothing_is_asked_beyond_the_budget),
		TEST(answers_are_paid_by_their_price),
		TEST(retries_of_a_step_ask_again),
		TEST(the_same_question_is_asked_once),
		TEST(a_cache_is_cleared),
		TEST(pieces_are_told_when_wanted),
	};
	return cmocka_run_group_tests_name("run_query", tests, NULL, NULL);
}
