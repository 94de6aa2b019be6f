/* test_run_life.c: the life of a run: cancelled and released at any moment, recorded and resumed,
 * questions, sub-workflows, dry runs (workflows.md 5.12, 5.13, 8.6, 11). */
#include "workflow/run_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "workflow/journal.h"
#include "workflow/memory.h"

int test_run_life(void);

static const char config[] =
	"[backends.ok]\ntype = \"mock\"\nreplies = [{text = \"fine\"}]\n"
	"[backends.down]\ntype = \"mock\"\nmax_retries = 1\nretry_delay = 1\n"
	"replies = [{error = \"network\"}]\n"
	"[backends.cat]\ncommand = \"cat\"\nstdin = true\n"
	"[roles.all]\nbackends = [\"ok\", \"down\", \"cat\"]\nexecution = \"parallel\"\n"
	"[ecosystems.e.projects.p]\npath = \"/tmp\"\n";

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

/* ---- cancelling ---- */

/* A bit of everything: a loop side by side, a parallel role, a retry, a question, a sub-workflow.
 */
static const char everything[] =
	"name = \"test\"\n"
	"[[steps]]\nname = \"loop\"\ntype = \"shell\"\nparallel_items = 2\n"
	"for_each = \"[1, 2, 3]\"\nrun = \"echo {{ item }}\"\n"
	"[[steps]]\nname = \"all\"\ntype = \"query\"\nrole = \"all\"\nprompt = \"{{ steps.loop "
	"}}\"\n"
	"[[steps]]\nname = \"one\"\ntype = \"query\"\nbackend = \"ok\"\nprompt = \"x\"\n"
	"[[steps]]\nname = \"again\"\ntype = \"shell\"\nretries = 1\nretry_delay = 1\n"
	"run = \"test -e again || { touch again; exit 1; }\"\n"
	"[[steps]]\nname = \"ask\"\ntype = \"input\"\nprompt = \"Well?\"\noptions = [\"y\", "
	"\"n\"]\n"
	"[[steps]]\nname = \"sub\"\ntype = \"workflow\"\nworkflow = \"inner\"\n"
	"with = {word = \"{{ steps.ask }}\"}\n"
	"[[steps]]\nname = \"last\"\ntype = \"shell\"\nrun = \"echo {{ steps.sub }}\"\n";
static const char inner[] =
	"name = \"inner\"\n[args.word]\nrequired = true\n"
	"[[steps]]\nname = \"q\"\ntype = \"query\"\nbackend = \"cat\"\nprompt = \"<{{ args.word "
	"}}>\"\n"
	"[[steps]]\nname = \"ask2\"\ntype = \"input\"\nprompt = \"Sure?\"\n"
	"[[steps]]\nname = \"s\"\ntype = \"shell\"\nrun = \"echo {{ steps.q }}{{ steps.ask2 }}\"\n";

static void write_inner(struct run_fixture *f, const char *text) {
	struct error error = {0};
	const char *dir = file_join(&f->arena, f->dir, ".llm-mux/workflows");
	assert_true(file_make_dir(dir, 0755, &error));
	run_fixture_write(f, ".llm-mux/workflows/inner.toml", text);
	/* the project is found when the configuration is loaded */
	((struct runner_config *)(uintptr_t)runner_of(f->config))->project_dir =
		arena_strdup(&f->arena, slice_of(f->dir));
}

static void everything_runs(void **state) {
	struct run_fixture *f = *state;
	write_inner(f, inner);
	f->answer = "Y";
	run_fixture_do(f, everything);
	assert_end(f, RUN_OK);
	assert_output(f, "last", "<y>Y");
	const struct step_result *sub = run_fixture_result(f, "sub");
	assert_int_equal(sub->outputs.len, 3);
	assert_true(slice_is(sub->outputs.items[0].name, "q"));
	assert_true(slice_is(sub->outputs.items[0].text, "<y>"));
}

static void cancelled_at_every_event_it_ends_once(void **state) {
	struct run_fixture *f = *state;
	write_inner(f, inner);
	f->answer = "y";
	run_fixture_do(f, everything);
	size_t count = f->event_count;
	assert_true(count > 20);
	for (size_t at = 1; at < count; at++) {
		for (unsigned now = 0; now < 2; now++) {
			f->cancel_at = at;
			f->cancels_now = now == 1;
			run_fixture_run(f);
			if (f->event_count > at) {
				assert_end(f, RUN_CANCELLED);
			}
			for (size_t i = 0; i < f->workflow->steps.len; i++) {
				enum step_status status = run_results_of(f->run)->items[i].status;
				assert_true(status != STEP_PENDING && status != STEP_RUNNING);
			}
		}
	}
}

static void released_at_every_event_it_leaves_nothing(void **state) {
	struct run_fixture *f = *state;
	write_inner(f, inner);
	f->answer = "y";
	run_fixture_do(f, everything);
	size_t count = f->event_count;
	for (size_t at = 1; at < count; at++) {
		f->release_at = at;
		run_fixture_run(f);
		assert_true(f->wants_release || f->has_ended);
	}
	loop_run(f->loop);
}

static void released_before_it_begins(void **state) {
	struct run_fixture *f = *state;
	struct error error = {0};
	run_fixture_load(f, "name = \"test\"\n[[steps]]\nname = \"a\"\nrun = \"true\"\n");
	f->run = run_create(&f->options, &error);
	assert_non_null(f->run);
	run_release(f->run);
	f->run = run_create(&f->options, &error);
	run_start(f->run);
	run_release(f->run);
	f->run = NULL;
	run_release(NULL);
	loop_run(f->loop);
	assert_int_equal(f->event_count, 0);
}

/* ---- graphs at random ---- */

static uint32_t roll(uint64_t *dice, uint32_t bound) {
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*dice >> 33) % bound;
}

#define GRAPH_STEPS 10

/* Steps that wait for some of those before them; some fail, some of these go on. */
static const char *graph_text(struct run_fixture *f, uint64_t *dice) {
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "name = \"test\"\n");
	for (unsigned i = 0; i < GRAPH_STEPS; i++) {
		buf_printf(&text, "[[steps]]\nname = \"s%u\"\ntype = \"shell\"\nrun = [\"%s\"]\n",
			i, roll(dice, 6) == 0 ? "false" : "true");
		buf_printf(
			&text, "continue_on_error = %s\n", roll(dice, 2) == 0 ? "true" : "false");
		if (roll(dice, 3) > 0) {
			buf_append_str(&text, "depends_on = [");
			for (unsigned before = 0; before < i; before++) {
				if (roll(dice, 4) == 0) {
					buf_printf(&text, "\"s%u\", ", before);
				}
			}
			buf_append_str(&text, "]\n");
		}
	}
	const char *copy = arena_strdup(&f->arena, buf_slice(&text));
	buf_finish(&text);
	return copy;
}

static size_t event_at(struct run_fixture *f, const char *what, struct slice step) {
	return slice_find(
		buf_slice(&f->events), arena_printf(&f->arena, "%s %.*s%s", what, SLICE_FMT(step),
					       strcmp(what, "end") == 0 ? " " : "\n"));
}

static void graphs_run_by_the_rules(void **state) {
	struct run_fixture *f = *state;
	uint64_t dice = 7;
	for (unsigned round = 0; round < 30; round++) {
		f->options.jobs = roll(&dice, 4);
		run_fixture_do(f, graph_text(f, &dice));
		bool has_failed = false;
		for (size_t i = 0; i < GRAPH_STEPS; i++) {
			const struct step_result *result = &run_results_of(f->run)->items[i];
			size_t began = event_at(f, "step", result->step->name);
			assert_true(event_at(f, "end", result->step->name) != SIZE_MAX);
			has_failed |= result->status == STEP_FAILED && !result->is_continued;
			assert_int_equal(began == SIZE_MAX, result->status == STEP_SKIPPED);
			for (size_t e = 0; e < result->step->edges.len; e++) {
				size_t before = result->step->edges.items[e].step;
				assert_true(
					event_at(f, "end", f->workflow->steps.items[before].name) <
					(began == SIZE_MAX ? SIZE_MAX : began));
			}
		}
		assert_end(f, has_failed ? RUN_FAILED : RUN_OK);
	}
}

/* ---- questions ---- */

#define INPUT(rest)                                                                                \
	"name = \"test\"\n[[steps]]\nname = \"ask\"\ntype = \"input\"\nprompt = \"Well?\"\n" rest

static void answers_are_taken_and_checked(void **state) {
	struct run_fixture *f = *state;
	f->answer = " YES ";
	run_fixture_do(f, INPUT("options = [\"yes\", \"no\"]\n"));
	assert_output(f, "ask", "yes");
	assert_string_equal(arena_strdup(&f->arena, buf_slice(&f->questions)), "Well?\n");
	f->answer = "maybe";
	run_fixture_run(f);
	assert_error(f, "ask", FAILURE_CONFIG, "no answer was one of its options");
}

static void nobody_to_ask(void **state) {
	struct run_fixture *f = *state;
	run_fixture_do(f, INPUT("options = [\"yes\", \"no\"]\n"));
	assert_error(f, "ask", FAILURE_CONFIG, "--answer ask=");
	f->options.takes_defaults = true;
	run_fixture_run(f);
	assert_output(f, "ask", "yes");
	run_fixture_do(f, INPUT("options = [\"yes\", \"no\"]\ndefault = \"no\"\n"));
	assert_output(f, "ask", "no");
	struct run_preset preset = {SLICE("ask"), SLICE("NO")};
	f->options.presets = &preset;
	f->options.preset_count = 1;
	f->answer = "yes";
	run_fixture_run(f);
	assert_output(f, "ask", "no");
	preset.value = SLICE("other");
	run_fixture_run(f);
	assert_error(f, "ask", FAILURE_CONFIG, "none of its options");
	struct error error = {0};
	preset.step = SLICE("odd");
	assert_null(run_create(&f->options, &error));
	assert_non_null(strstr(error.message, "odd"));
}

static void questions_wait_for_each_other(void **state) {
	struct run_fixture *f = *state;
	f->answer = "a";
	run_fixture_do(f, "name = \"test\"\n"
			  "[[steps]]\nname = \"x\"\ntype = \"input\"\nprompt = \"X\"\n"
			  "depends_on = []\n"
			  "[[steps]]\nname = \"y\"\ntype = \"input\"\nprompt = \"Y\"\n"
			  "depends_on = []\n");
	assert_end(f, RUN_OK);
	assert_string_equal(arena_strdup(&f->arena, buf_slice(&f->questions)), "X\nY\n");
}

/* ---- sub-workflows ---- */

#define SUB                                                                                        \
	"name = \"test\"\n[[steps]]\nname = \"sub\"\ntype = \"workflow\"\nworkflow = \"inner\"\n"

static void a_failure_within_is_told(void **state) {
	struct run_fixture *f = *state;
	write_inner(f, "name = \"inner\"\n[[steps]]\nname = \"s\"\ntype = \"shell\"\n"
		       "run = \"echo why >&2; exit 5\"\n");
	run_fixture_do(f, SUB);
	assert_end(f, RUN_FAILED);
	assert_error(f, "sub", FAILURE_EXECUTION, "workflow `inner`, step `s`: why");
	assert_int_equal(run_fixture_result(f, "sub")->error.exit_code, 5);
}

static void a_limit_ends_the_inner_run(void **state) {
	struct run_fixture *f = *state;
	write_inner(f, "name = \"inner\"\n[[steps]]\nname = \"s\"\ntype = \"shell\"\n"
		       "run = \"sleep 600\"\n");
	run_fixture_do(f, SUB "timeout = \"100ms\"\n");
	assert_error(f, "sub", FAILURE_TIMEOUT, "its time limit of 100ms");
}

/* ---- stores ---- */

static void facts_are_stored(void **state) {
	struct run_fixture *f = *state;
	setenv("XDG_CONFIG_HOME", f->dir, 1);
	f->options.ecosystem = &runner_of(f->config)->ecosystems.items[0];
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"keep\"\ntype = \"store\"\n"
			  "data = '''Here: {\"facts\": [{\"project\": \"p\", \"fact\": \"f\", "
			  "\"source\": \"s\"}, {\"fact\": \"none\"}]}'''\n");
	assert_end(f, RUN_OK);
	assert_contains(run_fixture_result(f, "keep")->output, "stored 1 facts");
	assert_contains(buf_slice(&f->events), "warning keep: ");
	run_fixture_do(f, "name = \"test\"\n[[steps]]\nname = \"keep\"\ntype = \"store\"\n"
			  "data = \"no JSON\"\n");
	assert_error(f, "keep", FAILURE_PARSE, "no JSON");
	assert_contains(run_fixture_result(f, "keep")->output, "the store failed");
	unsetenv("XDG_CONFIG_HOME");
}

static void without_an_ecosystem_nothing_begins(void **state) {
	struct run_fixture *f = *state;
	struct error error = {0};
	run_fixture_load(f, "name = \"test\"\n[[steps]]\nname = \"a\"\ntype = \"shell\"\n"
			    "run = \"touch ran\"\n"
			    "[[steps]]\nname = \"keep\"\ntype = \"store\"\ndata = \"{}\"\n");
	assert_null(run_create(&f->options, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	assert_non_null(strstr(error.message, "--ecosystem"));
}

static void without_its_teams_command_nothing_begins(void **state) {
	struct run_fixture *f = *state;
	const struct runner_team idle = {.name = SLICE("idle")};
	const struct runner_team *const teams[] = {NULL, &idle};
	run_fixture_load(f, "name = \"test\"\n[[steps]]\nname = \"a\"\ntype = \"shell\"\n"
			    "run = \"touch ran\"\n"
			    "[[steps]]\nname = \"b\"\ntype = \"apply\"\nsource = \"a\"\n"
			    "verify = \"team\"\n");
	for (size_t i = 0; i < 2; i++) {
		struct error error = {0};
		f->options.team = teams[i];
		assert_null(run_create(&f->options, &error));
		assert_int_equal(error.kind, ERROR_CONFIGURATION);
		assert_non_null(strstr(error.message, "step `b` verifies by its team's command"));
	}
	f->options.team = NULL;
}

/* ---- dry runs ---- */

static void a_dry_run_renders_and_does_nothing(void **state) {
	struct run_fixture *f = *state;
	f->options.is_dry_run = true;
	run_fixture_do(f,
		"name = \"test\"\n"
		"[[steps]]\nname = \"a\"\ntype = \"shell\"\nrun = \"touch ran; echo x\"\n"
		"[[steps]]\nname = \"q\"\ntype = \"query\"\nbackend = \"ok\"\n"
		"prompt = \"about {{ steps.a }}\"\n"
		"[[steps]]\nname = \"w\"\ntype = \"input\"\nprompt = \"Well?\"\n"
		"[[steps]]\nname = \"c\"\ntype = \"shell\"\nrun = \"echo {{ steps.q }}\"\n"
		"if = \"steps.w.output == 'y'\"\n"
		"[[steps]]\nname = \"p\"\ntype = \"apply\"\nsource = \"q\"\n"
		"[[steps]]\nname = \"i\"\ntype = \"apply\"\n"
		"edits = [{path = \"new.txt\", content = \"n\"}]\n");
	assert_end(f, RUN_OK);
	assert_true(slice_is(run_fixture_result(f, "q")->prompt, "about <output of a>"));
	assert_true(run_fixture_result(f, "q")->usage.input_tokens > 0);
	assert_true(slice_is(run_fixture_result(f, "a")->prompt, "touch ran; echo x"));
	assert_status(f, "c", STEP_OK);
	assert_contains(run_fixture_result(f, "i")->diff, "+n");
	assert_null(run_fixture_read(f, "ran"));
	assert_null(run_fixture_read(f, "new.txt"));
}

/* ---- the record ---- */

static const char *state_dir(struct run_fixture *f) {
	return file_join(&f->arena, f->dir, ".llm-mux/state");
}

static void open_journal(struct run_fixture *f) {
	struct error error = {0};
	struct journal_start start = {
		.state_dir = state_dir(f),
		.workflow = f->workflow,
		.arguments = f->options.arguments.values,
		.secrets = f->options.secrets,
		.now_ms = clock_wall_ms(),
	};
	f->options.journal = journal_create(&start, &error);
	if (f->options.journal == NULL) {
		fail_msg("%s", error.message);
	}
}

static void reopen_journal(struct run_fixture *f) {
	struct error error = {0};
	journal_close(f->options.journal);
	f->options.resumed = journal_read(state_dir(f), "test", "last", &f->arena, &error);
	if (f->options.resumed == NULL) {
		fail_msg("%s", error.message);
	}
	f->options.journal = journal_reopen(f->options.resumed, f->options.secrets, &error);
	if (f->options.journal == NULL) {
		fail_msg("%s", error.message);
	}
}

static void a_resumed_run_goes_on_where_it_failed(void **state) {
	struct run_fixture *f = *state;
	f->options.secrets = runner_secrets_create();
	run_fixture_load(f, "name = \"test\"\n"
			    "[[steps]]\nname = \"a\"\ntype = \"shell\"\n"
			    "run = \"echo a >> log; echo out-a\"\nsave_as = \"kept.md\"\n"
			    "[[steps]]\nname = \"b\"\ntype = \"shell\"\nfor_each = \"[1, 2, 3]\"\n"
			    "run = \"echo b{{ item }} >> log; test {{ item }} != 3 -o -e go && "
			    "echo {{ item }}\"\n"
			    "[[steps]]\nname = \"c\"\ntype = \"shell\"\n"
			    "run = \"echo {{ steps.a }} {{ steps.b.outputs[1] }} >> log\"\n");
	open_journal(f);
	run_fixture_run(f);
	assert_end(f, RUN_FAILED);
	assert_string_equal(run_fixture_read(f, "log"), "a\nb1\nb2\nb3\n");
	struct error error = {0};
	struct buf kept;
	buf_init(&kept, 0);
	assert_true(file_read(file_join(&f->arena, journal_dir(f->options.journal), "kept.md"),
		1000, &kept, &error));
	assert_true(slice_is(buf_slice(&kept), "out-a"));
	buf_finish(&kept);
	run_release(f->run);
	f->run = NULL;
	reopen_journal(f);
	run_fixture_write(f, "go", "");
	run_fixture_run(f);
	assert_end(f, RUN_OK);
	assert_string_equal(run_fixture_read(f, "log"), "a\nb1\nb2\nb3\nb3\nout-a 2\n");
	assert_true(run_fixture_result(f, "a")->is_resumed);
	run_release(f->run);
	f->run = NULL;
	journal_close(f->options.journal);
	f->options.journal = NULL;
	runner_secrets_destroy(f->options.secrets);
}

static void what_followed_a_failure_follows_again(void **state) {
	struct run_fixture *f = *state;
	f->options.secrets = runner_secrets_create();
	run_fixture_load(f, "name = \"test\"\n"
			    "[[steps]]\nname = \"a\"\ntype = \"shell\"\nrun = \"echo a >> log\"\n"
			    "[[steps]]\nname = \"f\"\ntype = \"shell\"\nrun = \"test -e go\"\n"
			    "[[steps]]\nname = \"h\"\ntype = \"shell\"\n"
			    "if = \"steps.f.failed\"\nrun = \"echo h >> log\"\n"
			    "[[steps]]\nname = \"c\"\ntype = \"shell\"\nalways = true\n"
			    "run = \"echo c >> log\"\n");
	open_journal(f);
	run_fixture_run(f);
	assert_end(f, RUN_FAILED);
	assert_string_equal(run_fixture_read(f, "log"), "a\nh\nc\n");
	run_release(f->run);
	f->run = NULL;
	reopen_journal(f);
	run_fixture_write(f, "go", "");
	run_fixture_run(f);
	assert_end(f, RUN_OK);
	assert_status(f, "h", STEP_SKIPPED);
	assert_string_equal(run_fixture_read(f, "log"), "a\nh\nc\nc\n");
	run_release(f->run);
	f->run = NULL;
	journal_close(f->options.journal);
	f->options.journal = NULL;
	runner_secrets_destroy(f->options.secrets);
}

/* What a sub-workflow has done is not done again when a later step of it failed. */
static void a_resumed_sub_workflow_goes_on_within(void **state) {
	struct run_fixture *f = *state;
	f->options.secrets = runner_secrets_create();
	run_fixture_write(f, "x.txt", "one\n");
	write_inner(f, "name = \"inner\"\n"
		       "[[steps]]\nname = \"put\"\ntype = \"apply\"\n"
		       "edits = [{path = \"x.txt\", old = \"one\", new = \"two\"}]\n"
		       "[[steps]]\nname = \"b\"\ntype = \"shell\"\nfor_each = \"[1, 2]\"\n"
		       "run = \"echo b{{ item }} >> log; test {{ item }} = 1 -o -e go && "
		       "cat $LLM_MUX_STEP_PUT\"\n");
	run_fixture_load(f, SUB);
	open_journal(f);
	run_fixture_run(f);
	assert_end(f, RUN_FAILED);
	assert_string_equal(run_fixture_read(f, "x.txt"), "two\n");
	run_release(f->run);
	f->run = NULL;
	reopen_journal(f);
	run_fixture_write(f, "go", "");
	run_fixture_run(f);
	assert_end(f, RUN_OK);
	assert_string_equal(run_fixture_read(f, "log"), "b1\nb2\nb2\n");
	assert_contains(run_fixture_result(f, "sub")->output,
		"applied edits to 1 file (+1 -1 lines)\napplied");
	run_release(f->run);
	f->run = NULL;
	journal_close(f->options.journal);
	f->options.journal = NULL;
	runner_secrets_destroy(f->options.secrets);
}

/* The answer is in the record, its step is not: the question is not asked again. */
static void a_recorded_answer_is_not_asked_for_again(void **state) {
	struct run_fixture *f = *state;
	run_fixture_end(f);
	run_fixture_begin(f, "[backends.count]\ncommand = \"sh\"\n"
			     "args = [\"-c\", \"cat; echo x >> asked\", \"sh\"]\nstdin = true\n");
	f->options.secrets = runner_secrets_create();
	run_fixture_load(f, "name = \"test\"\n"
			    "[[steps]]\nname = \"q\"\ntype = \"query\"\nbackend = \"count\"\n"
			    "prompt = \"p\"\noutput_format = \"json\"\n");
	open_journal(f);
	run_fixture_run(f);
	assert_error(f, "q", FAILURE_PARSE, "no JSON");
	assert_string_equal(run_fixture_read(f, "asked"), "x\n");
	run_release(f->run);
	f->run = NULL;
	reopen_journal(f);
	run_fixture_run(f);
	assert_error(f, "q", FAILURE_PARSE, "no JSON");
	assert_string_equal(run_fixture_read(f, "asked"), "x\n");
	run_release(f->run);
	f->run = NULL;
	journal_close(f->options.journal);
	f->options.journal = NULL;
	runner_secrets_destroy(f->options.secrets);
}

int test_run_life(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(everything_runs),
		TEST(cancelled_at_every_event_it_ends_once),
		TEST(released_at_every_event_it_leaves_nothing),
		TEST(released_before_it_begins),
		TEST(graphs_run_by_the_rules),
		TEST(answers_are_taken_and_checked),
		TEST(nobody_to_ask),
		TEST(questions_wait_for_each_other),
		TEST(a_failure_within_is_told),
		TEST(a_limit_ends_the_inner_run),
		TEST(facts_are_stored),
		TEST(without_an_ecosystem_nothing_begins),
		TEST(without_its_teams_command_nothing_begins),
		TEST(a_dry_run_renders_and_does_nothing),
		TEST(a_resumed_run_goes_on_where_it_failed),
		TEST(what_followed_a_failure_follows_again),
		TEST(a_resumed_sub_workflow_goes_on_within),
		TEST(a_recorded_answer_is_not_asked_for_again),
	};
	return cmocka_run_group_tests_name("run_life", tests, NULL, NULL);
}
