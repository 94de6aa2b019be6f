/* test_fanout.c: one request answered by several upstream calls (formats.md E-40, CO-1). */
#include <stdio.h>

#include "mux/mux_help.h"
#include "support/check_sink.h"

int test_fanout(void);

static const char yaml[] = "request-retry: 0\nlimits: {fan-out: 20}\nproviders:\n"
			   "  - type: claude\n    name: up\n    api-key: key-one\n"
			   "    base-url: http://127.0.0.1:PORT\n    models: [{name: m}]\n"
			   "  - type: openai\n    name: chat\n    api-key: key-two\n"
			   "    base-url: http://127.0.0.1:PORT/v1\n    models: [{name: c}]\n";

#define CHAT(model, rest)                                                                          \
	"{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" rest "}"

/* A client whose answer is checked against EV-1..EV-6 and folded. */
struct asked {
	struct arena arena;
	struct chat_request request;
	struct check_sink check;
	struct chat_fold fold;
	struct chat_tee tee;
	struct mux_call *call;
};

static void parse(struct asked *asked, struct mux_fixture *f, const char *body) {
	struct error error;
	*asked = (struct asked){0};
	arena_init(&asked->arena, loop_arena_pool(f->loop), 0);
	asked->request.arena = &asked->arena;
	struct format_parse parse = {.body = slice_of(body), .arena = &asked->arena};
	parse.tree = json_parse(&asked->arena, parse.body, NULL, &error);
	assert_non_null(parse.tree);
	assert_true(format_get(FORMAT_OPENAI_CHAT)->parse_request(&parse, &asked->request, &error));
	check_sink_init(&asked->check);
	chat_fold_init(&asked->fold, &asked->arena, 0);
	chat_tee_init(&asked->tee, &asked->check.sink, &asked->fold.sink);
}

static void begin(struct asked *asked, struct mux_fixture *f) {
	const struct mux_request request = {
		.request = &asked->request, .sink = &asked->tee.sink, .takes_wire = true};
	asked->call = mux_submit(f->mux_loop, &request);
	assert_int_equal(asked->check.events, 0);
}

static void wait_for_end(struct asked *asked, struct mux_fixture *f) {
	while (!asked->check.has_ended) {
		run_turn(f->loop);
	}
	check_sink_flush(&asked->check);
	/* A call that fails before its first real event has no start (mux.h). */
	if (asked->check.has_started || asked->check.error.kind == ERROR_NONE) {
		assert_string_equal(asked->check.problem, "");
	}
}

static void finish(struct asked *asked, struct mux_fixture *f) {
	if (asked->call != NULL) {
		mux_call_release(asked->call);
	}
	loop_run_once(f->loop, false);
	chat_fold_finish(&asked->fold);
	check_sink_finish(&asked->check);
	arena_finish(&asked->arena);
}

static void answer(struct mux_fixture *f, const char *text, int output) {
	char body[512];
	snprintf(body, sizeof body,
		"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
		"\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\","
		"\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":%d}"
		"}",
		text, output);
	fake_json(f->fake, NULL, 200, "", body);
}

#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"" data "}\n\n"
#define STREAM_HEAD                                                                                \
	EVENT("message_start", ",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[],"    \
			       "\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}")             \
	EVENT("content_block_start",                                                               \
		",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")                \
	EVENT("content_block_delta",                                                               \
		",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}")
#define STREAM_TAIL                                                                                \
	EVENT("content_block_stop", ",\"index\":0")                                                \
	EVENT("message_delta",                                                                     \
		",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}")       \
	EVENT("message_stop", "")

static struct slice text_of(const struct asked *asked, size_t candidate) {
	assert_in_range(candidate, 0, asked->fold.response.candidates.len - 1);
	const struct chat_parts *parts = &asked->fold.response.candidates.items[candidate].parts;
	assert_int_equal(parts->len, 1);
	return parts->items[0].text;
}

/* E-40: n answers of an upstream that gives one, the prompt counted once, what was said summed. */
static void test_samples(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":3,\"seed\":1"));
	answer(&f, "one", 1);
	answer(&f, "two", 20);
	answer(&f, "three", 300);
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_int_equal(fake_requests(f.fake), 3);
	assert_int_equal(asked.fold.response.candidates.len, 3);
	size_t bytes = 0;
	for (size_t i = 0; i < 3; i++) {
		bytes += text_of(&asked, i).len;
		assert_false(slice_contains(fake_body(f.fake, i), SLICE("\"n\"")));
	}
	assert_int_equal(bytes, strlen("onetwothree"));
	assert_int_equal(asked.check.usages, 1);
	assert_int_equal(asked.check.usage.input_uncached, 10);
	assert_int_equal(asked.check.usage.cache_read, 5);
	assert_int_equal(asked.check.usage.output_total, 321);
	const struct mux_report *report = mux_call_report(asked.call);
	assert_string_equal(report->backend, "up");
	assert_string_equal(report->account, "up#1");
	assert_false(report->is_spliced);
	assert_int_equal(report->usage.output_total, 321);
	/* what every part lost is told once */
	assert_int_equal(report->losses->len, 1);
	assert_string_equal(report->losses->items[0].field, "seed");
	finish(&asked, &f);
	mux_fixture_end(&f);
}

static void test_stream(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":12,\"stream\":true"));
	for (int i = 0; i < 12; i++) {
		fake_stream(f.fake, NULL, SLICE(STREAM_HEAD STREAM_TAIL), false);
	}
	begin(&asked, &f);
	/* no more than eight at a time */
	mux_call_pause(asked.call);
	while (fake_requests(f.fake) < 8) {
		run_turn(f.loop);
	}
	run_turn(f.loop);
	run_turn(f.loop);
	assert_int_equal(fake_requests(f.fake), 8);
	mux_call_resume(asked.call);
	wait_for_end(&asked, &f);
	assert_int_equal(fake_requests(f.fake), 12);
	assert_int_equal(asked.fold.response.candidates.len, 12);
	for (size_t i = 0; i < 12; i++) {
		assert_true(slice_is(text_of(&asked, i), "Hi"));
		assert_true(asked.fold.response.candidates.items[i].is_finished);
	}
	assert_int_equal(asked.check.usage.input_uncached, 10);
	assert_int_equal(asked.check.usage.output_total, 12 * 7);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

/* CO-1: a call per prompt; candidates are numbered prompt-major. */
static void test_prompts(void **state) {
	static struct slice prompts[] = {
		SLICE_INIT("prompt-0"), SLICE_INIT("prompt-1"), SLICE_INIT("prompt-2")};
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	for (int samples = 1; samples <= 2; samples++) {
		mux_fixture_begin(&f, yaml);
		parse(&asked, &f, CHAT("m", ""));
		asked.request.prompts = prompts;
		asked.request.prompt_count = 3;
		asked.request.has_n = samples > 1;
		asked.request.n = samples;
		size_t calls = 3 * (size_t)samples;
		for (size_t i = 0; i < calls; i++) {
			char text[32];
			snprintf(text, sizeof text, "answer-%zu", i);
			answer(&f, text, 1);
		}
		begin(&asked, &f);
		wait_for_end(&asked, &f);
		assert_int_equal(asked.fold.response.candidates.len, calls);
		/* The order of arrival is free: what answered a prompt stands with its number. */
		for (size_t c = 0; c < calls; c++) {
			int64_t arrival;
			assert_true(slice_to_int64(
				slice_from(text_of(&asked, c), strlen("answer-")), &arrival));
			struct slice body = fake_body(f.fake, (size_t)arrival);
			assert_true(slice_contains(body, prompts[c / (size_t)samples]));
			assert_false(slice_contains(body, SLICE("Hello")));
		}
		assert_int_equal(asked.check.usage.input_uncached, 3 * 10);
		assert_int_equal(asked.check.usage.output_total, (int64_t)calls);
		finish(&asked, &f);
		mux_fixture_end(&f);
	}
}

/* An upstream that has n is asked once a prompt. */
static void test_native_samples(void **state) {
	static struct slice prompts[] = {SLICE_INIT("prompt-0"), SLICE_INIT("prompt-1")};
	static const char two[] =
		"{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"c\","
		"\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
		"\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"role\":\"assistant\","
		"\"content\":\"bb\"},\"finish_reason\":\"stop\"}],"
		"\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6,\"total_tokens\":10}}";
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("c", ",\"n\":2"));
	fake_json(f.fake, NULL, 200, "", two);
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_int_equal(fake_requests(f.fake), 1);
	assert_true(mux_call_report(asked.call)->is_spliced);
	finish(&asked, &f);

	parse(&asked, &f, CHAT("c", ",\"n\":2"));
	asked.request.prompts = prompts;
	asked.request.prompt_count = 2;
	fake_json(f.fake, NULL, 200, "", two);
	fake_json(f.fake, NULL, 200, "", two);
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_int_equal(fake_requests(f.fake), 3);
	assert_true(slice_contains(fake_body(f.fake, 1), SLICE("\"n\":2")));
	assert_int_equal(asked.fold.response.candidates.len, 4);
	for (size_t c = 0; c < 4; c++) {
		assert_true(slice_is(text_of(&asked, c), c % 2 == 0 ? "a" : "bb"));
	}
	assert_int_equal(asked.check.usage.input_uncached, 8);
	assert_int_equal(asked.check.usage.output_total, 12);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

#define OVERLOADED                                                                                 \
	"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}" \
	"}"

/* A call that fails before any output fails the request, and the others are cancelled. */
static void test_first_failure(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":3"));
	fake_answer(f.fake, NULL, SLICE(""), FAKE_STALL);
	fake_answer(f.fake, NULL, SLICE(""), FAKE_STALL);
	fake_json(f.fake, NULL, 529, "", OVERLOADED);
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_int_equal(asked.check.error.kind, ERROR_OVERLOADED);
	assert_false(asked.check.has_started);
	fake_wait_for_closes(f.fake, 2);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

/* Later it is an error of the answer, behind the ends of the parts that were open. */
static void test_late_failure(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":2,\"stream\":true"));
	fake_answer(f.fake, NULL,
		SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" STREAM_HEAD),
		FAKE_STALL);
	fake_stream(f.fake, NULL, SLICE(STREAM_HEAD), true);
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_true(asked.check.has_started);
	assert_int_equal(asked.check.error.kind, ERROR_UPSTREAM_PROTOCOL);
	fake_wait_for_closes(f.fake, 1);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

/* The client leaves: every call is cancelled. */
static void test_cancel(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":10"));
	for (int i = 0; i < 8; i++) {
		fake_answer(f.fake, NULL, SLICE(""), FAKE_STALL);
	}
	begin(&asked, &f);
	while (fake_requests(f.fake) < 8) {
		run_turn(f.loop);
	}
	mux_call_release(asked.call);
	asked.call = NULL;
	fake_wait_for_closes(f.fake, 8);
	assert_int_equal(asked.check.events, 0);
	finish(&asked, &f);

	/* and when its loop goes first */
	parse(&asked, &f, CHAT("m", ",\"n\":2"));
	begin(&asked, &f);
	struct mux_call *call = asked.call;
	mux_loop_destroy(f.mux_loop);
	f.mux_loop = NULL;
	mux_call_release(call);
	asked.call = NULL;
	assert_int_equal(asked.check.events, 0);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

static void test_limit(void **state) {
	struct mux_fixture f;
	struct asked asked;
	(void)state;
	mux_fixture_begin(&f, yaml);
	parse(&asked, &f, CHAT("m", ",\"n\":21"));
	begin(&asked, &f);
	wait_for_end(&asked, &f);
	assert_int_equal(asked.check.error.kind, ERROR_INVALID_REQUEST);
	assert_string_equal(asked.check.error.param, "n");
	assert_int_equal(fake_requests(f.fake), 0);
	finish(&asked, &f);
	mux_fixture_end(&f);
}

int test_fanout(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_prompts),
		cmocka_unit_test(test_native_samples),
		cmocka_unit_test(test_first_failure),
		cmocka_unit_test(test_late_failure),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests_name("mux/fanout", tests, NULL, NULL);
}
