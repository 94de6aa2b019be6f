/* test_run_display.c: what displays make of events (workflows.md 8.3): events in, text out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/run_display.h"
#include "data/json.h"
#include "data/problems.h"

int test_run_display(void);

static uint64_t clock_ms;

static uint64_t test_clock(void) {
	return clock_ms;
}

struct stage {
	struct run_display *display;
	struct run_display_options options;
	struct workflow *workflow;
	struct step_result results[4];
	struct run_results all;
	struct arena arena;
	char *text;
	size_t len;
};

static const char workflow_text[] =
	"name = \"w\"\n"
	"[[steps]]\nname = \"one\"\ntype = \"shell\"\nrun = \"true\"\n"
	"[[steps]]\nname = \"two\"\ntype = \"query\"\nbackend = \"demo/echo\"\nprompt = \"x\"\n"
	"[[steps]]\nname = \"three\"\ntype = \"query\"\nbackend = \"demo/echo\"\nprompt = \"y\"\n";

/* `kind`: the create function. */
static void begin(struct stage *stage, const struct run_display_options *options,
	struct run_display *(*create)(const struct run_display_options *)) {
	struct problems problems;
	memset(stage, 0, sizeof *stage);
	arena_init(&stage->arena, NULL, 0);
	problems_init(&problems, &stage->arena, "w.toml", slice_of(workflow_text));
	stage->workflow = workflow_load("w.toml", "path", slice_of(workflow_text), &problems);
	assert_non_null(stage->workflow);
	stage->options = *options;
	stage->options.workflow = stage->workflow;
	stage->options.now_ms = test_clock;
	stage->options.out = open_memstream(&stage->text, &stage->len);
	assert_non_null(stage->options.out);
	for (size_t i = 0; i < 3; i++) {
		stage->results[i] = (struct step_result){
			.step = &stage->workflow->steps.items[i],
			.exit_code = -1,
			.usage = {.cost_microusd = -1},
			.output = SLICE(""),
		};
	}
	stage->all = (struct run_results){
		.workflow = stage->workflow, .items = stage->results, .arena = &stage->arena};
	clock_ms = 0;
	stage->display = create(&stage->options);
}

static void finish(struct stage *stage) {
	run_display_destroy(stage->display);
	fclose(stage->options.out);
	free(stage->text);
	workflow_destroy(stage->workflow);
	arena_finish(&stage->arena);
}

static void tell(struct stage *stage, enum run_event_type type, int step, struct run_event event) {
	event.type = type;
	event.total = 3;
	if (step >= 0) {
		event.step = &stage->workflow->steps.items[step];
		event.index = (size_t)step + 1;
	}
	if (type == RUN_EVENT_STEP_END) {
		event.result = &stage->results[step];
	}
	stage->display->observer.on_event(&stage->display->observer, &event);
}

#define TELL(stage, type, step, ...) tell(stage, type, step, (struct run_event){__VA_ARGS__})

static void end_step(struct stage *stage, int step, enum step_status status, uint64_t took_ms) {
	stage->results[step].status = status;
	stage->results[step].duration_ms = took_ms;
	TELL(stage, RUN_EVENT_STEP_END, step, .done = 0);
}

static void assert_text(struct stage *stage, const char *text) {
	fflush(stage->options.out);
	assert_string_equal(stage->text, text);
}

static const struct run_display_options plain = {.has_utf8 = true};

/* ---- the console ---- */

static void a_good_run(void **state) {
	(void)state;
	struct stage stage;
	begin(&stage, &plain, run_console_create);
	TELL(&stage, RUN_EVENT_START, -1, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
	end_step(&stage, 0, STEP_OK, 250);
	TELL(&stage, RUN_EVENT_STEP_START, 1, .done = 0);
	TELL(&stage, RUN_EVENT_WARNING, 1, .text = SLICE("cut at max_tokens"));
	end_step(&stage, 1, STEP_OK, 61234);
	stage.results[2].skip_reason = SLICE("its condition is false");
	end_step(&stage, 2, STEP_SKIPPED, 0);
	TELL(&stage, RUN_EVENT_END, -1, .end = RUN_OK);
	const struct run_summary summary = {
		.end = RUN_OK,
		.duration_ms = 1999,
		.usage = {.input_tokens = 12,
			.output_tokens = 3,
			.is_known = true,
			.cost_microusd = 1500},
		.files_dir = "/runs/w-1",
	};
	stage.display->close(stage.display, &summary);
	assert_text(&stage, "w: 3 steps\n"
			    "[1/3] one... \u2713 (250ms)\n"
			    "warning: [2/3] two: cut at max_tokens\n"
			    "[2/3] two... \u2713 (1m01s)\n"
			    "[3/3] three... \u2013 skipped: its condition is false\n"
			    "\u2713 w done: 2 ok, 1 skipped in 1.9s, 12 tokens in, 3 out, $0.0015\n"
			    "outputs: /runs/w-1\n");
	finish(&stage);
}

static void a_failure(void **state) {
	(void)state;
	struct stage stage;
	begin(&stage, &plain, run_console_create);
	struct step_error error = {
		.class = FAILURE_EXECUTION,
		.message = SLICE("it broke\nin two lines"),
		.command = SLICE("make test\nmore"),
		.err = SLICE("l1\nl2\x1b[31m"),
		.exit_code = 2,
		.attempt = 1,
		.max_attempts = 2,
	};
	TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_RETRY, 0, .error = &error, .retry_in_ms = 1500);
	error.attempt = 2;
	stage.results[0].error = error;
	stage.results[0].has_error = true;
	end_step(&stage, 0, STEP_FAILED, 10);
	/* the run fails for the same reason: it is not told twice */
	TELL(&stage, RUN_EVENT_END, -1, .end = RUN_FAILED, .error = &stage.results[0].error);
	const struct run_summary summary = {.end = RUN_FAILED,
		.usage = {.cost_microusd = -1},
		.resume_command = "llm-mux run w --resume w-1"};
	stage.display->close(stage.display, &summary);
	assert_text(&stage,
		"[1/3] one... retry: execution: it broke (attempt 1 of 2, again in 1.5s)\n"
		"[1/3] one... \u2717 (10ms)\n"
		"  error: execution: it broke\n"
		"    in two lines\n"
		"  command: make test ...\n"
		"  ended:   exit code 2, attempt 2 of 2\n"
		"  stderr:\n"
		"    l1\n"
		"    l2?[31m\n"
		"\u2717 w failed: 1 failed, 2 not run to the end in 0ms\n"
		"to go on from here: llm-mux run w --resume w-1\n");
	finish(&stage);
}

static void quiet_and_ascii(void **state) {
	(void)state;
	struct stage stage;
	const struct run_display_options quiet = {.is_quiet = true};
	begin(&stage, &quiet, run_console_create);
	TELL(&stage, RUN_EVENT_START, -1, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
	TELL(&stage, RUN_EVENT_WARNING, 0, .text = SLICE("hm"));
	end_step(&stage, 0, STEP_OK, 1);
	stage.results[1].error = (struct step_error){.class = FAILURE_AUTH,
		.message = SLICE("401"),
		.exit_code = -1,
		.http_status = 401};
	end_step(&stage, 1, STEP_FAILED, 1);
	TELL(&stage, RUN_EVENT_END, -1, .end = RUN_FAILED);
	const struct run_summary summary = {.end = RUN_FAILED, .usage = {.cost_microusd = -1}};
	stage.display->close(stage.display, &summary);
	assert_text(&stage, "[2/3] two... FAIL (1ms)\n"
			    "  error: auth_error: 401\n"
			    "  ended:   HTTP status 401\n"
			    "  hint:    set the backend's key (`api_key_env`), or log in with its "
			    "program\n");
	finish(&stage);
}

static void streams(void **state) {
	(void)state;
	struct stage stage;
	begin(&stage, &plain, run_console_create);
	TELL(&stage, RUN_EVENT_STEP_START, 1, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_OUTPUT, 1, .text = SLICE("alone, "));
	TELL(&stage, RUN_EVENT_STEP_OUTPUT, 1, .text = SLICE("as it comes"));
	/* with a second one, whole lines with their names */
	TELL(&stage, RUN_EVENT_STEP_START, 2, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_OUTPUT, 2, .text = SLICE("a\nb"));
	TELL(&stage, RUN_EVENT_STEP_OUTPUT, 1, .text = SLICE("c"));
	TELL(&stage, RUN_EVENT_STEP_OUTPUT, 2, .text = SLICE("b\n"));
	end_step(&stage, 1, STEP_OK, 5);
	assert_text(&stage, "alone, as it comes\n"
			    "three | a\n"
			    "three | bb\n"
			    "two | c\n"
			    "[2/3] two... \u2713 (5ms)\n");
	finish(&stage);
}

/* On a terminal: the rows of what runs, cut at its width, redrawn with what is put above them. */
static void the_region(void **state) {
	(void)state;
	struct stage stage;
	const struct run_display_options live = {.is_live = true, .width = 24};
	begin(&stage, &live, run_console_create);
	TELL(&stage, RUN_EVENT_STEP_START, 1, .done = 0);
	clock_ms = 1200;
	TELL(&stage, RUN_EVENT_STEP_START, 2, .done = 0);
	end_step(&stage, 1, STEP_OK, 1300);
	assert_text(&stage, "\x1b[?7l| [2/3] two  0ms\x1b[K\n\x1b[?7h\x1b[J"
			    "\r\x1b[1A\x1b[?7l| [2/3] two  1.2s\x1b[K\n"
			    "| [3/3] three  0ms\x1b[K\n\x1b[?7h\x1b[J"
			    "\r\x1b[2A[2/3] two... ok (1.3s)\x1b[K\n"
			    "\x1b[?7l| [3/3] three  0ms\x1b[K\n\x1b[?7h\x1b[J");
	clock_ms = 4000;
	TELL(&stage, RUN_EVENT_STEP_PROGRESS, 2, .backend = SLICE("a-very-long-backend-name"),
		.done = 1, .of = 2);
	stage.display->print_line(stage.display, SLICE("said"));
	fflush(stage.options.out);
	const char *last = strstr(stage.text, "said");
	assert_non_null(last);
	/* 24 columns: the sign, and 21 characters behind it */
	assert_non_null(strstr(last, "| [3/3] three  2.8s  1\x1b[K\n"));
	stage.display->suspend(stage.display, true);
	fflush(stage.options.out);
	assert_true(slice_ends_with(slice_of(stage.text), SLICE("\r\x1b[1A\x1b[J")));
	/* behind a question a line of ours begins anew */
	stage.display->print_line(stage.display, SLICE("stopping"));
	fflush(stage.options.out);
	assert_true(slice_ends_with(slice_of(stage.text), SLICE("\nstopping\x1b[K\n")));
	stage.display->suspend(stage.display, false);
	finish(&stage);
}

static void how_long_it_took(void **state) {
	(void)state;
	struct stage stage;
	const uint64_t expected_ms[3] = {0, 0, 61000};
	const struct run_display_options live = {
		.is_live = true, .width = 60, .expected_ms = expected_ms};
	begin(&stage, &live, run_console_create);
	TELL(&stage, RUN_EVENT_STEP_START, 1, .done = 0);
	/* ten frames a second at most: this one has to wait */
	clock_ms = 99;
	TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
	fflush(stage.options.out);
	assert_null(strstr(stage.text, "one"));
	clock_ms = 100;
	TELL(&stage, RUN_EVENT_STEP_START, 2, .done = 0);
	fflush(stage.options.out);
	assert_non_null(strstr(stage.text, "| [1/3] one  1ms\x1b[K\n"
					   "| [2/3] two  100ms\x1b[K\n"
					   "| [3/3] three  0ms (last time 1m01s)\x1b[K\n"));
	finish(&stage);
}

static void secrets_are_masked(void **state) {
	(void)state;
	struct run_display *(*const creates[])(const struct run_display_options *) = {
		run_console_create, run_json_create};
	for (size_t i = 0; i < 2; i++) {
		struct stage stage;
		struct runner_secrets *secrets = runner_secrets_create();
		runner_secrets_add(secrets, SLICE("hush-hush"));
		const struct run_display_options options = {
			.secrets = secrets, .is_verbose = true, .is_traced = true};
		begin(&stage, &options, creates[i]);
		TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
		TELL(&stage, RUN_EVENT_STEP_OUTPUT, 0, .text = SLICE("my hush-hush\n"));
		TELL(&stage, RUN_EVENT_INFO, 0, .text = SLICE("my hush-hush"));
		struct step_error error = {.message = SLICE("my hush-hush"),
			.command = SLICE("my hush-hush"),
			.err = SLICE("no hush-hush"),
			.exit_code = 1};
		TELL(&stage, RUN_EVENT_STEP_RETRY, 0, .error = &error);
		stage.results[0].error = error;
		stage.results[0].has_error = true;
		stage.results[0].output = stage.results[0].prompt = SLICE("of hush-hush");
		end_step(&stage, 0, STEP_FAILED, 1);
		TELL(&stage, RUN_EVENT_END, -1, .end = RUN_FAILED, .error = &error);
		const struct run_summary summary = {.end = RUN_FAILED,
			.results = &stage.all,
			.final_text = SLICE("hush-hush"),
			.usage = {.cost_microusd = -1}};
		stage.display->close(stage.display, &summary);
		fflush(stage.options.out);
		assert_null(strstr(stage.text, "hush"));
		assert_non_null(strstr(stage.text, "***"));
		finish(&stage);
		runner_secrets_destroy(secrets);
	}
}

/* ---- JSON ---- */

/* Every line is one JSON object; exactly one is a Result, the last. */
static size_t check_lines(const char *text) {
	struct slice rest = slice_trim(slice_of(text));
	struct slice line;
	size_t count = 0, results = 0;
	bool is_last_result = false;
	while (rest.data != NULL && slice_split(&rest, '\n', &line)) {
		struct arena arena;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		const struct json *object = json_parse(&arena, line, NULL, &error);
		assert_non_null(object);
		is_last_result = json_string_is(json_get(object, "type"), "Result");
		results += is_last_result;
		count++;
		arena_finish(&arena);
	}
	assert_int_equal(results, 1);
	assert_true(is_last_result);
	return count;
}

static void json_lines(void **state) {
	(void)state;
	struct stage stage;
	const struct run_display_options options = {.run_id = "w-1"};
	begin(&stage, &options, run_json_create);
	TELL(&stage, RUN_EVENT_START, -1, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_START, 0, .done = 0);
	TELL(&stage, RUN_EVENT_STEP_PROGRESS, 0, .backend = SLICE("b"), .done = 0, .of = 2);
	TELL(&stage, RUN_EVENT_STEP_PROGRESS, 0, .backend = SLICE("a"), .done = 1, .of = 2);
	/* odd bytes stay in their line and become valid text */
	stage.results[0].output = SLICE("a\nb\xff\"\x01");
	end_step(&stage, 0, STEP_OK, 7);
	TELL(&stage, RUN_EVENT_END, -1, .end = RUN_CANCELLED);
	const struct run_summary summary = {
		.end = RUN_CANCELLED, .results = &stage.all, .usage = {.cost_microusd = -1}};
	stage.display->close(stage.display, &summary);
	fflush(stage.options.out);
	assert_int_equal(check_lines(stage.text), 8);
	assert_non_null(strstr(stage.text,
		"{\"type\":\"WorkflowStart\",\"name\":\"w\",\"steps\":3,\"run_id\":\"w-1\""));
	assert_non_null(strstr(stage.text,
		"{\"type\":\"ParallelProgress\",\"step\":\"one\",\"backends\":[\"b\",\"a\"],"
		"\"completed\":1,\"total\":2}\n"));
	assert_non_null(strstr(stage.text,
		"{\"type\":\"StepComplete\",\"name\":\"one\",\"duration_ms\":7,\"success\":true,"
		"\"status\":\"ok\"}\n"));
	assert_non_null(strstr(stage.text,
		"{\"type\":\"Result\",\"success\":false,\"output\":null,\"run_id\":\"w-1\","
		"\"steps\""
		":{\"one\":{\"status\":\"ok\",\"output\":\"a\\nb\uFFFD\\\"\\u0001\""));
	finish(&stage);
}

static void json_of_a_refusal(void **state) {
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	run_json_refuse(out, SLICE("no \"such\"\nthing"));
	fclose(out);
	assert_int_equal(check_lines(text), 2);
	assert_non_null(strstr(text, "\"error\":\"no \\\"such\\\"\\nthing\""));
	free(text);
}

/* ---- words ---- */

static void durations(void **state) {
	(void)state;
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {{0, "0ms"}, {999, "999ms"}, {1000, "1.0s"}, {59999, "59.9s"}, {60000, "1m00s"},
		{3599999, "59m59s"}, {3600000, "1h00m"}, {90061000, "25h01m"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[RUN_DURATION_MAX];
		run_words_duration(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void locales(void **state) {
	(void)state;
	char german[] = "LANG=de_DE.UTF-8", c[] = "LC_ALL=C", all[] = "LC_ALL=";
	char type[] = "LC_CTYPE=C.utf8";
	char *const utf8[] = {german, NULL};
	char *const over[] = {german, c, NULL};
	char *const empty[] = {all, type, NULL};
	char *const none[] = {NULL};
	assert_true(run_words_utf8(utf8));
	assert_false(run_words_utf8(over));
	assert_true(run_words_utf8(empty));
	assert_false(run_words_utf8(none));
}

static void waves(void **state) {
	(void)state;
	struct stage stage;
	const size_t *found;
	begin(&stage, &plain, run_console_create);
	assert_int_equal(run_plan_waves(stage.workflow, &stage.arena, &found), 2);
	assert_int_equal(found[0], 1);
	assert_int_equal(found[1], 2);
	assert_int_equal(found[2], 2);
	finish(&stage);
}

int test_run_display(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_run),
		cmocka_unit_test(a_failure),
		cmocka_unit_test(quiet_and_ascii),
		cmocka_unit_test(streams),
		cmocka_unit_test(the_region),
		cmocka_unit_test(how_long_it_took),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(json_of_a_refusal),
		cmocka_unit_test(durations),
		cmocka_unit_test(locales),
		cmocka_unit_test(waves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
