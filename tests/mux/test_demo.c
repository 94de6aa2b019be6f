/* test_demo.c: the demo backend: what each model says, twice the same, and cancelled everywhere. */
#include "mux/demo.h"
#include "mux/mux_help.h"

int test_demo(void);

#define TOOL                                                                                       \
	",\"tools\":[{\"name\":\"weather\",\"description\":\"d\",\"input_schema\":{\"type\":"      \
	"\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"" \
	",\"minimum\":3},\"unit\":{\"enum\":[\"c\",\"f\"]},\"extra\":{\"type\":\"string\"}},"      \
	"\"required\":[\"city\",\"days\",\"unit\"]}}]"

struct demo_case {
	const char *title, *body;
	const char *text, *args; /* NULL = not looked at */
	enum chat_finish_reason reason;
	enum error_kind error; /* ERROR_NONE = finishes */
	size_t tools;
};

static const struct demo_case cases[] = {
	{"echo", ANTHROPIC_BODY("demo/echo", ""), "[demo] Hello there", "", CHAT_FINISH_STOP,
		ERROR_NONE, 0},
	{"echo, streamed", ANTHROPIC_BODY("demo/echo", ",\"stream\":true"), "[demo] Hello there",
		"", CHAT_FINISH_STOP, ERROR_NONE, 0},
	{"slow, whole", ANTHROPIC_BODY("demo/slow", ""), "[demo] Hello there", "", CHAT_FINISH_STOP,
		ERROR_NONE, 0},
	{"think", ANTHROPIC_BODY("demo/think", ",\"stream\":true"), "[demo] Hello there", "",
		CHAT_FINISH_STOP, ERROR_NONE, 0},
	{"tool", ANTHROPIC_BODY("demo/tool", ",\"stream\":true" TOOL), "",
		"{\"city\":\"demo\",\"days\":3,\"unit\":\"c\"}", CHAT_FINISH_TOOL_CALLS, ERROR_NONE,
		1},
	{"tool, none offered", ANTHROPIC_BODY("demo/tool", ""), NULL, "", CHAT_FINISH_STOP,
		ERROR_NONE, 0},
	{"tool, told not to",
		ANTHROPIC_BODY("demo/tool", ",\"tool_choice\":{\"type\":\"none\"}" TOOL), NULL, "",
		CHAT_FINISH_STOP, ERROR_NONE, 0},
	{"echo with tools", ANTHROPIC_BODY("demo/echo", TOOL), "[demo] Hello there", "",
		CHAT_FINISH_STOP, ERROR_NONE, 0},
	{"echo, forced",
		ANTHROPIC_BODY("demo/echo",
			",\"tool_choice\":{\"type\":\"tool\",\"name\":\"weather\"}" TOOL),
		"", "{\"city\":\"demo\",\"days\":3,\"unit\":\"c\"}", CHAT_FINISH_TOOL_CALLS,
		ERROR_NONE, 1},
	{"stop sequence", ANTHROPIC_BODY("demo/echo", ",\"stop_sequences\":[\"the\"]"),
		"[demo] Hello ", "", CHAT_FINISH_STOP_SEQUENCE, ERROR_NONE, 0},
	{"max tokens",
		"{\"model\":\"demo/echo\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\","
		"\"content\":\"one two three four five six seven eight\"}]}",
		NULL, "", CHAT_FINISH_LENGTH, ERROR_NONE, 0},
	{"after a tool result",
		"{\"model\":\"demo/tool\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\","
		"\"content\":\"w?\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
		"\"id\":\"t1\",\"name\":\"weather\",\"input\":{}}]},{\"role\":\"user\",\"content\":"
		"[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"12 C\"}]}]" TOOL
		"}",
		NULL, "", CHAT_FINISH_STOP, ERROR_NONE, 0},
	{"401", ANTHROPIC_BODY("demo/error-401", ""), "", "", 0, ERROR_AUTHENTICATION, 0},
	{"404", ANTHROPIC_BODY("demo/error-404", ""), "", "", 0, ERROR_NOT_FOUND, 0},
	{"429", ANTHROPIC_BODY("demo/error-429", ""), "", "", 0, ERROR_RATE_LIMIT, 0},
	{"500", ANTHROPIC_BODY("demo/error-500", ""), "", "", 0, ERROR_INTERNAL, 0},
	{"529", ANTHROPIC_BODY("demo/error-529", ",\"stream\":true"), "", "", 0, ERROR_OVERLOADED,
		0},
	{"midstream", ANTHROPIC_BODY("demo/midstream-error", ",\"stream\":true"), NULL, "", 0,
		ERROR_INTERNAL, 0},
	{"truncated", ANTHROPIC_BODY("demo/truncated", ",\"stream\":true"), NULL, "", 0,
		ERROR_UPSTREAM_PROTOCOL, 0},
};

static void run(struct mux_fixture *f, struct mux_client *client, const struct demo_case *c,
	size_t release_at) {
	*client = (struct mux_client){0};
	recorder_init(&client->recorder);
	client->recorder.release_at = release_at;
	mux_client_submit(client, f, FORMAT_ANTHROPIC, CHAT_OP_CHAT, c->body, true);
	mux_client_wait(client, f);
}

static void check(const struct demo_case *c, const struct recorder *r) {
	if (c->error != r->error.kind || (c->text && !slice_is(buf_slice(&r->text), c->text)) ||
		(c->args && !slice_is(buf_slice(&r->args), c->args))) {
		print_error("%s:\n%.*s", c->title, SLICE_FMT(buf_slice(&r->events)));
		fail();
	}
	assert_int_equal(r->errors, c->error != ERROR_NONE);
	assert_int_equal(r->finishes, c->error == ERROR_NONE);
	assert_int_equal(r->tools, c->tools);
	assert_int_equal(r->wire.len, 0);
	if (c->error == ERROR_NONE) {
		assert_int_equal(r->reason, c->reason);
		assert_true(r->usage.input_uncached > 0);
		assert_true(r->usage.output_total > 0);
		assert_false(r->has_usage_after_finish);
	} else {
		assert_true(slice_contains(slice_of(r->error.message), SLICE("demo")) ||
			    c->error == ERROR_UPSTREAM_PROTOCOL);
	}
}

static void test_cases(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mux_client first, second;
		run(&f, &first, &cases[i], 0);
		check(&cases[i], &first.recorder);
		assert_string_equal(mux_call_report(first.call)->backend, "demo");
		run(&f, &second, &cases[i], 0);
		assert_true(slice_eq(
			buf_slice(&first.recorder.events), buf_slice(&second.recorder.events)));
		mux_client_finish(&second, &f);
		mux_client_finish(&first, &f);
	}
	mux_fixture_end(&f);
}

/* Released after every event, in the middle of it. */
static void test_cancel_everywhere(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool was_released = true;
		for (size_t n = 1; was_released; n++) {
			struct mux_client client;
			run(&f, &client, &cases[i], n);
			was_released = client.recorder.is_released;
			mux_client_finish(&client, &f);
		}
	}
	mux_fixture_end(&f);
}

static void test_retry_after(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	run(&f, &client, &(struct demo_case){.body = ANTHROPIC_BODY("demo/error-429", "")}, 0);
	assert_int_equal(client.recorder.error.retry_after_ms, 2000);
	assert_string_equal(client.recorder.error.code, "rate_limit_exceeded");
	assert_int_equal(mux_call_report(client.call)->attempts, 1);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_count(void **state) {
	struct mux_fixture f;
	struct mux_client client = {0};
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	recorder_init(&client.recorder);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_COUNT,
		ANTHROPIC_BODY("demo/echo", ""), false);
	mux_client_wait(&client, &f);
	assert_int_equal(client.recorder.count, 4);
	assert_true(client.recorder.usage.input_uncached > 0);
	assert_true(mux_call_report(client.call)->is_estimated_count);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* Back-pressure: nothing comes while paused. */
static void test_pause(void **state) {
	struct mux_fixture f;
	struct mux_client client = {0};
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	recorder_init(&client.recorder);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_CHAT,
		ANTHROPIC_BODY("demo/echo", ",\"stream\":true"), true);
	while (client.recorder.count < 3) {
		run_turn(f.loop);
	}
	mux_call_pause(client.call);
	size_t count = client.recorder.count;
	for (int i = 0; i < 5; i++) {
		run_turn(f.loop);
	}
	assert_int_equal(client.recorder.count, count);
	mux_call_resume(client.call);
	mux_client_wait(&client, &f);
	assert_int_equal(client.recorder.finishes, 1);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* A call that is still open when its loop goes away. */
static void test_loop_goes_first(void **state) {
	struct mux_fixture f;
	struct mux_client client = {0};
	(void)state;
	mux_fixture_begin(&f, "port: 1\n");
	recorder_init(&client.recorder);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_CHAT,
		ANTHROPIC_BODY("demo/slow", ",\"stream\":true"), true);
	mux_loop_destroy(f.mux_loop);
	f.mux_loop = NULL;
	mux_call_release(client.call);
	client.recorder.is_released = true;
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- samples of schemas ---- */

static void test_samples(void **state) {
	static const struct {
		const char *schema, *sample;
	} samples[] = {
		{"", "{}"},
		{"{", "{}"},
		{"{}", "{}"},
		{"{\"type\":\"object\"}", "{}"},
		{"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}", "[true]"},
		{"{\"type\":[\"null\",\"integer\"],\"minimum\":7}", "7"},
		{"{\"type\":\"number\",\"maximum\":0.5}", "0.5"},
		{"{\"type\":\"string\",\"minLength\":6}", "\"demode\""},
		{"{\"type\":\"string\",\"maxLength\":2}", "\"de\""},
		{"{\"type\":\"string\",\"format\":\"date\"}", "\"2026-01-02\""},
		{"{\"const\":{\"a\":[1]}}", "{\"a\":[1]}"},
		{"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "null"},
		{"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":"
		 "\"#/$defs/x\"}},\"$defs\":{\"x\":{\"enum\":[\"y\"]}}}",
			"{\"a\":\"y\"}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct arena arena;
		struct buf out;
		arena_init(&arena, NULL, 0);
		buf_init(&out, 0);
		demo_sample(slice_of(samples[i].schema), &arena, &out);
		if (!slice_is(buf_slice(&out), samples[i].sample)) {
			fail_msg("%s gives %.*s", samples[i].schema, SLICE_FMT(buf_slice(&out)));
		}
		buf_finish(&out);
		arena_finish(&arena);
	}
}

/* A schema that is made of itself ends. */
static void test_endless_schema(void **state) {
	struct arena arena;
	struct buf out;
	(void)state;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	demo_sample(
		SLICE("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":"
		      "\"#\"}}}"),
		&arena, &out);
	assert_true(json_is_valid(buf_slice(&out)));
	buf_reset(&out, 0);
	demo_sample(SLICE("{\"$ref\":\"#\"}"), &arena, &out);
	assert_true(json_is_valid(buf_slice(&out)));
	buf_finish(&out);
	arena_finish(&arena);
}

int test_demo(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cancel_everywhere),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_loop_goes_first),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_endless_schema),
	};
	return cmocka_run_group_tests_name("mux/demo", tests, NULL, NULL);
}
