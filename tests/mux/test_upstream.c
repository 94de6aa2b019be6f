/* test_upstream.c: calls through a scripted upstream: what it is asked, what is made of its
 * answers, when another account is tried and when not. */
#include <stdio.h>
#include <stdlib.h>

#include "mux/mux_help.h"
#include "support/fixtures.h"

int test_upstream(void);

#define ANSWER                                                                                     \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","           \
	"\"content\":"                                                                             \
	"[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":"    \
	"null,\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}"
#define EVENT(name, data) "event: " name "\ndata: {\"type\":\"" name "\"" data "}\n\n"
#define STREAM_START                                                                               \
	EVENT("message_start",                                                                     \
		",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","      \
		"\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"      \
		"\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}")
#define STREAM_TEXT                                                                                \
	EVENT("content_block_start",                                                               \
		",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")                \
	EVENT("content_block_delta",                                                               \
		",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}")
#define STREAM_END                                                                                 \
	EVENT("content_block_stop", ",\"index\":0")                                                \
	EVENT("message_delta",                                                                     \
		",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":"      \
		"{\"output_tokens\":2}")                                                           \
	EVENT("message_stop", "")
#define STREAM_ERROR                                                                               \
	EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}")
#define REFUSAL(type, message)                                                                     \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"}}"

static const char one_key[] = "providers:\n  - type: claude\n    name: up\n    api-key: key-one\n"
			      "    base-url: http://127.0.0.1:PORT\n"
			      "    models: [{name: m}, {name: real, alias: nick}]\n";
static const char two_keys[] =
	"providers:\n  - type: claude\n    name: up\n    api-keys: [key-one, key-two]\n"
	"    base-url: http://127.0.0.1:PORT\n    models: [{name: m}]\n";
static const char five_keys[] = "request-retry: 2\nproviders:\n  - type: claude\n    name: up\n"
				"    api-keys: [key-one, key-two, key-three, key-four, key-five]\n"
				"    base-url: http://127.0.0.1:PORT\n    models: [{name: m}]\n";

#define PLAIN ANTHROPIC_BODY("m", "")
#define STREAM ANTHROPIC_BODY("m", ",\"stream\":true")

static void begin(struct mux_client *client) {
	*client = (struct mux_client){0};
	recorder_init(&client->recorder);
}

static void ask(struct mux_client *client, struct mux_fixture *f, const char *body) {
	begin(client);
	mux_client_submit(client, f, FORMAT_ANTHROPIC, CHAT_OP_CHAT, body, true);
	mux_client_wait(client, f);
}

/* ---- splice: bytes in, bytes out ---- */

static void test_splice(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	fake_json(f.fake, NULL, 200, "", ANSWER);
	ask(&client, &f, PLAIN);
	assert_true(slice_is(fake_body(f.fake, 0), PLAIN));
	assert_true(slice_is(buf_slice(&client.recorder.wire), ANSWER));
	assert_true(slice_is(buf_slice(&client.recorder.text), "Hi"));
	assert_int_equal(client.recorder.finishes, 1);
	const struct mux_report *report = mux_call_report(client.call);
	assert_true(report->is_spliced);
	assert_string_equal(report->backend, "up");
	assert_string_equal(report->account, "up#1");
	assert_int_equal(report->usage.input_uncached, 3);
	assert_int_equal(report->usage.output_total, 2);
	assert_true(report->first_event_ns > 0);
	mux_client_finish(&client, &f);

	/* an alias: the model value is all that differs; the connection is used again */
	fake_stream(f.fake, NULL, SLICE(STREAM_START STREAM_TEXT STREAM_END), false);
	ask(&client, &f, ANTHROPIC_BODY("nick", ",\"stream\":true"));
	assert_true(slice_is(fake_body(f.fake, 1), ANTHROPIC_BODY("real", ",\"stream\":true")));
	assert_true(
		slice_is(buf_slice(&client.recorder.wire), STREAM_START STREAM_TEXT STREAM_END));
	assert_int_equal(fake_connections(f.fake), 1);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* AN-21: thinking whose signature the API cannot verify is left out, once. */
#define WITH_THINKING                                                                              \
	"{\"model\":\"m\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":"         \
	"\"a\"},"                                                                                  \
	"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","          \
	"\"signature\":\"c3RhbGU=\"},{\"type\":\"text\",\"text\":\"b\"}]},"                        \
	"{\"role\":\"user\",\"content\":\"c\"}]}"
#define BAD_SIGNATURE                                                                              \
	"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"           \
	"\"messages.1.content.0: Invalid `signature` in `thinking` block\"}}"

static void test_stale_signature(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	fake_json(f.fake, NULL, 400, "", BAD_SIGNATURE);
	fake_json(f.fake, NULL, 200, "", ANSWER);
	ask(&client, &f, WITH_THINKING);
	assert_int_equal(fake_requests(f.fake), 2);
	assert_true(slice_is(fake_body(f.fake, 0), WITH_THINKING));
	assert_false(slice_contains(fake_body(f.fake, 1), SLICE("thinking")));
	assert_true(slice_contains(fake_body(f.fake, 1), SLICE("\"content\":\"b\"")));
	assert_true(slice_is(buf_slice(&client.recorder.text), "Hi"));
	assert_int_equal(client.recorder.errors, 0);
	assert_int_equal(mux_call_report(client.call)->attempts, 2);
	assert_int_equal(mux_call_report(client.call)->losses->len, 1);
	mux_client_finish(&client, &f);

	/* a second refusal is the client's */
	fake_json(f.fake, NULL, 400, "", BAD_SIGNATURE);
	fake_json(f.fake, NULL, 400, "", BAD_SIGNATURE);
	ask(&client, &f, WITH_THINKING);
	assert_int_equal(fake_requests(f.fake), 4);
	assert_int_equal(client.recorder.error.kind, ERROR_INVALID_REQUEST);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* RT-4, RT-5 on the wire. */
static void test_headers(void **state) {
	static const struct http_header headers[] = {
		{SLICE_INIT("X-Api-Key"), SLICE_INIT("client-secret")},
		{SLICE_INIT("anthropic-beta"), SLICE_INIT("b1")},
		{SLICE_INIT("User-Agent"), SLICE_INIT("client/1")},
	};
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	begin(&client);
	client.headers = (struct http_headers){.items = (struct http_header *)headers, .len = 3};
	fake_json(f.fake, NULL, 200, "", ANSWER);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_CHAT, PLAIN, true);
	mux_client_wait(&client, &f);
	const char *head = fake_head(f.fake, 0);
	assert_non_null(strstr(head, "POST /v1/messages HTTP/1.1\r\n"));
	assert_non_null(strcasestr(head, "\r\nx-api-key: key-one\r\n"));
	assert_non_null(strcasestr(head, "\r\nanthropic-version: 2023-06-01\r\n"));
	assert_non_null(strcasestr(head, "\r\nanthropic-beta: b1\r\n"));
	assert_non_null(strcasestr(head, "\r\nuser-agent: llm-mux/test\r\n"));
	assert_null(strstr(head, "client-secret"));
	assert_null(strcasestr(head, "client/1"));
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- failures of one account ---- */

struct failure_case {
	const char *title;
	int status;
	const char *headers, *body;
	enum error_kind kind;
	int http_status; /* what the caller gets */
	int64_t retry_after_ms;
	bool moves_on;       /* with two accounts the other one answers */
	const char *message; /* a part of it */
};

static const struct failure_case failures[] = {
	{"400", 400, "", REFUSAL("invalid_request_error", "bad"), ERROR_INVALID_REQUEST, 400, -1,
		false, "bad"},
	{"prompt too long", 400, "",
		REFUSAL("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
		ERROR_CONTEXT_TOO_LONG, 400, -1, false, "prompt is too long"},
	{"401, ER-3", 401, "", REFUSAL("authentication_error", "invalid x-api-key"),
		ERROR_UPSTREAM_CREDENTIAL, 502, -1, true, "credential of up#1: invalid x-api-key"},
	{"403, ER-3", 403, "", REFUSAL("permission_error", "no"), ERROR_UPSTREAM_CREDENTIAL, 502,
		-1, true, "up#1"},
	{"404", 404, "", REFUSAL("not_found_error", "model: m"), ERROR_NOT_FOUND, 404, -1, false,
		"model: m"},
	{"413", 413, "", REFUSAL("request_too_large", "large"), ERROR_TOO_LARGE, 413, -1, false,
		"large"},
	{"429", 429, "retry-after: 7\r\n", REFUSAL("rate_limit_error", "slow down"),
		ERROR_RATE_LIMIT, 429, 7000, true, "slow down"},
	{"429, told not to retry", 429, "retry-after: 7\r\nx-should-retry: false\r\n",
		REFUSAL("rate_limit_error", "slow down"), ERROR_RATE_LIMIT, 429, 7000, true,
		"slow down"},
	{"500", 500, "", REFUSAL("api_error", "oops"), ERROR_INTERNAL, 500, -1, true, "oops"},
	{"500, told not to retry", 500, "x-should-retry: false\r\n", REFUSAL("api_error", "oops"),
		ERROR_INTERNAL, 500, -1, false, "oops"},
	{"529", 529, "", REFUSAL("overloaded_error", "Overloaded"), ERROR_OVERLOADED, 529, -1, true,
		"Overloaded"},
	{"502 with a page", 502, "", "<html><head><title>Bad Gateway</title></head></html>", 0, 502,
		-1, true, "Bad Gateway"},
	{"307", 307, "location: http://127.0.0.1:1/\r\n", "", ERROR_UPSTREAM_PROTOCOL, 502, -1,
		true, "redirect"},
	{"a key in the message, ER-4", 500, "", REFUSAL("api_error", "got key-one from you"),
		ERROR_INTERNAL, 500, -1, true, "got ******* from you"},
};

static void check_failure(const struct failure_case *c, const struct recorder *r) {
	if ((c->kind != 0 && r->error.kind != c->kind) ||
		strstr(r->error.message, c->message) == NULL) {
		print_error("%s: %s %s\n", c->title, error_kind_info(r->error.kind)->name,
			r->error.message);
		fail();
	}
	assert_int_equal(r->count, 2);
	assert_int_equal(error_status(&r->error), c->http_status);
	assert_int_equal(r->error.retry_after_ms, c->retry_after_ms);
	assert_string_equal(r->error.where, "up#1");
	assert_null(strstr(r->error.message, "key-one"));
}

static void test_failures(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		const struct failure_case *c = &failures[i];
		struct mux_fixture f;
		struct mux_client client;
		mux_fixture_begin(&f, one_key);
		fake_json(f.fake, NULL, c->status, c->headers, c->body);
		ask(&client, &f, i % 2 == 0 ? PLAIN : STREAM);
		check_failure(c, &client.recorder);
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);

		mux_fixture_begin(&f, two_keys);
		fake_json(f.fake, "key-one", c->status, c->headers, c->body);
		fake_json(f.fake, "key-two", 200, "", ANSWER);
		ask(&client, &f, PLAIN);
		assert_int_equal(client.recorder.finishes, c->moves_on);
		assert_int_equal(client.recorder.starts, c->moves_on);
		assert_int_equal(mux_call_report(client.call)->attempts, c->moves_on ? 2 : 1);
		assert_string_equal(
			mux_call_report(client.call)->account, c->moves_on ? "up#2" : "up#1");
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* Nobody answers: at most one attempt an account and 1 + request-retry in all; the error of the
 * last upstream with the shortest wait. */
static void test_all_fail(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, two_keys);
	fake_json(f.fake, "key-one", 429, "retry-after: 3\r\n", REFUSAL("rate_limit_error", "a"));
	fake_json(f.fake, "key-two", 429, "retry-after: 9\r\n", REFUSAL("rate_limit_error", "b"));
	ask(&client, &f, PLAIN);
	assert_int_equal(client.recorder.error.kind, ERROR_RATE_LIMIT);
	assert_int_equal(client.recorder.error.retry_after_ms, 3000);
	assert_int_equal(fake_requests(f.fake), 2);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);

	mux_fixture_begin(&f, five_keys);
	for (int i = 0; i < 5; i++) {
		fake_json(f.fake, NULL, 500, "", REFUSAL("api_error", "x"));
	}
	ask(&client, &f, PLAIN);
	assert_int_equal(fake_requests(f.fake), 3);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* A refused account is passed over by the next request (gateway.md 5.5). */
static void test_passed_over(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, two_keys);
	fake_json(f.fake, "key-one", 401, "", REFUSAL("authentication_error", "no"));
	for (int i = 0; i < 4; i++) {
		fake_json(f.fake, "key-two", 200, "", ANSWER);
		ask(&client, &f, PLAIN);
		assert_int_equal(client.recorder.finishes, 1);
		mux_client_finish(&client, &f);
	}
	assert_int_equal(fake_requests(f.fake), 5);
	mux_fixture_end(&f);
}

/* The connection fails: before the request, and after it without an answer (gateway.md 5.6). */
static void test_network(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, "providers:\n  - type: claude\n    name: up\n"
			      "    api-keys: [{key: key-one, proxy-url: \"http://127.0.0.1:1\"}, "
			      "key-two]\n"
			      "    base-url: http://127.0.0.1:PORT\n    models: [{name: m}]\n");
	fake_json(f.fake, "key-two", 200, "", ANSWER);
	ask(&client, &f, PLAIN);
	assert_int_equal(client.recorder.finishes, 1);
	assert_int_equal(mux_call_report(client.call)->attempts, 2);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);

	mux_fixture_begin(&f, two_keys);
	fake_answer(f.fake, "key-one", SLICE(""), FAKE_CLOSE);
	fake_json(f.fake, "key-two", 200, "", ANSWER);
	ask(&client, &f, PLAIN);
	assert_int_equal(client.recorder.finishes, 1);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- streams ---- */

/* gateway.md 6.3: an in-band error, or an end, before the first event moves on; what was held is
 * forgotten. */
static void test_failover_before_first_event(void **state) {
	static const char *const beginnings[] = {STREAM_START STREAM_ERROR, STREAM_ERROR,
		STREAM_START, "", ": hello\n\n", "{\"type\":\"error\"}"};
	(void)state;
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		struct mux_fixture f;
		struct mux_client client;
		mux_fixture_begin(&f, two_keys);
		fake_stream(f.fake, "key-one", slice_of(beginnings[i]), i >= 2);
		fake_stream(f.fake, "key-two", SLICE(STREAM_START STREAM_TEXT STREAM_END), false);
		ask(&client, &f, STREAM);
		assert_int_equal(client.recorder.starts, 1);
		assert_int_equal(client.recorder.finishes, 1);
		assert_int_equal(client.recorder.errors, 0);
		assert_true(slice_is(
			buf_slice(&client.recorder.wire), STREAM_START STREAM_TEXT STREAM_END));
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* gateway.md 6.6: after it an error is an error, and never a finish. */
static void test_no_failover_after_first_event(void **state) {
	static const struct {
		const char *bytes;
		bool is_cut;
		enum error_kind kind;
	} ends[] = {
		{STREAM_START STREAM_TEXT STREAM_ERROR, false, ERROR_OVERLOADED},
		{STREAM_START STREAM_TEXT, true, 0},
		{STREAM_START STREAM_TEXT, false, ERROR_UPSTREAM_PROTOCOL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct mux_fixture f;
		struct mux_client client;
		mux_fixture_begin(&f, two_keys);
		fake_stream(f.fake, "key-one", slice_of(ends[i].bytes), ends[i].is_cut);
		ask(&client, &f, STREAM);
		assert_int_equal(client.recorder.starts, 1);
		assert_int_equal(client.recorder.finishes, 0);
		assert_int_equal(client.recorder.errors, 1);
		assert_true(ends[i].kind == 0 || client.recorder.error.kind == ends[i].kind);
		assert_int_equal(fake_requests(f.fake), 1);
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* streaming.bootstrap-retries bounds what is repeated after a 2xx. */
static void test_bootstrap_retries(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, five_keys);
	for (int i = 0; i < 3; i++) {
		fake_stream(f.fake, NULL, SLICE(STREAM_START STREAM_ERROR), false);
	}
	ask(&client, &f, STREAM);
	assert_int_equal(fake_requests(f.fake), 2);
	assert_int_equal(client.recorder.count, 2);
	assert_int_equal(client.recorder.error.kind, ERROR_OVERLOADED);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* The head is let go after the hold time, and failover ends. */
static void test_hold_time(void **state) {
	static const char *const beginnings[] = {"", STREAM_START};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mux_fixture f;
		struct mux_client client;
		struct buf yaml;
		buf_init(&yaml, 0);
		buf_printf(
			&yaml, "streaming: {hold-timeout: 20ms}\nidle-timeout: 60ms\n%s", two_keys);
		buf_append_byte(&yaml, '\0');
		mux_fixture_begin(&f, yaml.data);
		struct buf bytes;
		buf_init(&bytes, 0);
		buf_printf(&bytes, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n%s",
			beginnings[i]);
		fake_answer(f.fake, "key-one", buf_slice(&bytes), FAKE_STALL);
		ask(&client, &f, STREAM);
		assert_int_equal(client.recorder.starts, 1);
		assert_int_equal(client.recorder.errors, 1);
		assert_int_equal(client.recorder.error.kind, ERROR_TIMEOUT);
		assert_true(slice_is(buf_slice(&client.recorder.wire), beginnings[i]));
		assert_int_equal(fake_requests(f.fake), 1);
		mux_client_finish(&client, &f);
		buf_finish(&bytes);
		buf_finish(&yaml);
		mux_fixture_end(&f);
	}
}

/* E-38: a whole answer where a stream was asked for is told as events, without wire. */
static void test_json_for_stream(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	fake_json(f.fake, NULL, 200, "", ANSWER);
	ask(&client, &f, STREAM);
	assert_int_equal(client.recorder.wire.len, 0);
	assert_int_equal(client.recorder.finishes, 1);
	assert_true(slice_is(buf_slice(&client.recorder.text), "Hi"));
	mux_client_finish(&client, &f);
	fake_json(f.fake, NULL, 200, "", REFUSAL("overloaded_error", "Overloaded"));
	ask(&client, &f, STREAM);
	assert_int_equal(client.recorder.count, 2);
	assert_int_equal(client.recorder.error.kind, ERROR_OVERLOADED);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* A model that two entries have: the second is asked when the first has no account left, in its own
 * dialect and by its own name. */
static void test_second_backend(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f,
		"providers:\n"
		"  - {type: openai, name: first, api-keys: [key-one, key-two], "
		"base-url: \"http://127.0.0.1:PORT/v1\", models: [{name: m}]}\n"
		"  - {type: claude, name: second, api-key: key-three, "
		"base-url: \"http://127.0.0.1:PORT\", models: [{name: real, alias: m}]}\n");
	fake_json(f.fake, "/v1/chat/completions", 500, "", "{\"error\":{\"message\":\"x\"}}");
	fake_json(f.fake, "/v1/chat/completions", 500, "", "{\"error\":{\"message\":\"x\"}}");
	fake_json(f.fake, "/v1/messages", 200, "", ANSWER);
	ask(&client, &f, PLAIN);
	assert_int_equal(client.recorder.finishes, 1);
	assert_true(slice_is(fake_body(f.fake, 2), ANTHROPIC_BODY("real", "")));
	const struct mux_report *report = mux_call_report(client.call);
	assert_string_equal(report->account, "second#1");
	assert_int_equal(report->attempts, 3);
	assert_int_equal(report->upstream_format, FORMAT_ANTHROPIC);
	assert_true(report->is_spliced);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* E-47: a stop sequence the upstream does not take is enforced here, and the upstream is left. */
static void test_stop_sequence(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	struct buf bytes;
	(void)state;
	mux_fixture_begin(&f, "providers:\n  - {type: openai, name: up, api-key: k, base-url: "
			      "\"http://127.0.0.1:PORT/v1\", models: [{name: o3}]}\n");
	buf_init(&bytes, 0);
	buf_append_str(&bytes, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
	static const char *const pieces[] = {"one t", "wo", " three"};
	for (size_t i = 0; i < 3; i++) {
		buf_printf(&bytes,
			"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,"
			"\"model\":\"o3\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},"
			"\"finish_reason\":null}]}\n\n",
			pieces[i]);
	}
	fake_answer(f.fake, NULL, buf_slice(&bytes), FAKE_STALL);
	ask(&client, &f, ANTHROPIC_BODY("o3", ",\"stream\":true,\"stop_sequences\":[\"two\"]"));
	assert_true(slice_is(buf_slice(&client.recorder.text), "one "));
	assert_int_equal(client.recorder.reason, CHAT_FINISH_STOP_SEQUENCE);
	assert_true(client.recorder.usage.is_estimated);
	assert_false(slice_contains(fake_body(f.fake, 0), SLICE("\"stop")));
	mux_client_finish(&client, &f);
	fake_wait_for_closes(f.fake, 1);
	buf_finish(&bytes);
	mux_fixture_end(&f);
}

/* ---- limits ---- */

#define TWO_CALLS                                                                                  \
	STREAM_START EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":"      \
						  "\"tool_use\",\"id\":\"c0\",\"name\":\"f\","     \
						  "\"input\":{}}")                                 \
		EVENT("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"tool_"    \
					     "use\",\"id\":\"c1\",\"name\":\"f\","                 \
					     "\"input\":{}}") STREAM_END

/* design.md 4: the configured limits reach what reads the answers; each answer passes without. */
static void test_limits(void **state) {
	static const struct {
		const char *limit, *answer;
		enum error_kind kind;
		bool is_stream;
	} cases[] = {
		{"max-response-size: 1KB", ANSWER, ERROR_TOO_LARGE, false},
		{"limits: {sse-line: 4KB}", STREAM_START STREAM_TEXT STREAM_END, ERROR_TOO_LARGE,
			true},
		{"limits: {tool-arguments: 1KB}",
			STREAM_START EVENT("content_block_start",
				",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":"
				"\"c0\",\"name\":\"f\",\"input\":{}}") EVENT("content_block_delta",
				",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
				"\"partial_json\":\"PAD\"}") STREAM_END,
			ERROR_TOO_LARGE, true},
		{"limits: {open-parts: 1}", TWO_CALLS, ERROR_TOO_LARGE, true},
		{"limits: {json-depth: 8}",
			"{\"content\":[],\"stop_reason\":\"end_turn\",\"x\":[[[[[[[[1]]]]]]]]}",
			ERROR_UPSTREAM_PROTOCOL, false},
	};
	(void)state;
	for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
		struct mux_fixture f;
		struct mux_client client;
		struct buf config, answer;
		bool is_limited = i % 2 != 0;
		const char *limit = cases[i / 2].limit;
		struct slice text = slice_of(cases[i / 2].answer);
		buf_init(&config, 0);
		buf_init(&answer, 0);
		buf_printf(&config, "%s\n%s", is_limited ? limit : "", one_key);
		buf_append_byte(&config, '\0');
		/* "Hi" and "PAD" become long, so that a limit of the smallest size is beyond them
		 */
		for (size_t at = 0; at < text.len;) {
			bool is_pad = slice_starts_with(slice_from(text, at), SLICE("PAD"));
			bool is_text = slice_starts_with(slice_from(text, at), SLICE("Hi\""));
			for (int n = 0; (is_pad || is_text) && n < 5000; n++) {
				buf_append_byte(&answer, 'x');
			}
			size_t skip = is_pad ? 3 : is_text ? 2 : 1;
			buf_append(&answer, slice_sub(text, at, is_pad || is_text ? 0 : 1));
			at += skip;
		}
		mux_fixture_begin(&f, config.data);
		if (cases[i / 2].is_stream) {
			fake_stream(f.fake, NULL, buf_slice(&answer), false);
		} else {
			buf_append_byte(&answer, '\0');
			fake_json(f.fake, NULL, 200, "", answer.data);
		}
		ask(&client, &f, cases[i / 2].is_stream ? STREAM : PLAIN);
		if (client.recorder.error.kind != (is_limited ? cases[i / 2].kind : ERROR_NONE)) {
			fail_msg("%s: %s", is_limited ? limit : "no limit",
				client.recorder.error.message);
		}
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
		buf_finish(&config);
		buf_finish(&answer);
	}
}

/* ---- leaving ---- */

/* Released after event n, for every n, within the event; spliced and translated. The upstream's
 * connection closes when its stream is still open. */
static void cancel_everywhere(struct slice stream, enum format_id client_format, const char *body) {
	bool was_released = true;
	for (size_t n = 1; was_released; n++) {
		struct mux_fixture f;
		struct mux_client client;
		mux_fixture_begin(&f, one_key);
		fake_stream(f.fake, NULL, stream, false);
		begin(&client);
		client.recorder.release_at = n;
		mux_client_submit(&client, &f, client_format, CHAT_OP_CHAT, body, true);
		mux_client_wait(&client, &f);
		was_released = client.recorder.is_released;
		assert_true(was_released || client.recorder.finishes == 1);
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

#define OPENAI_STREAM                                                                              \
	"{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"

static void test_cancel_everywhere(void **state) {
	(void)state;
	cancel_everywhere(SLICE(STREAM_START STREAM_TEXT STREAM_END), FORMAT_ANTHROPIC, STREAM);
	cancel_everywhere(
		SLICE(STREAM_START STREAM_TEXT STREAM_END), FORMAT_OPENAI_CHAT, OPENAI_STREAM);
}

static void test_cancel_recorded(void **state) {
	char *path = fixtures_path("upstream/anthropic");
	(void)state;
	if (path == NULL) {
		skip();
	}
	struct fixture_list list = fixtures_list(path, "otel.", ".response.sse");
	for (size_t i = 0; i < list.count && i < 2; i++) {
		struct slice bytes = fixtures_read(list.paths[i]);
		cancel_everywhere(bytes, FORMAT_OPENAI_CHAT, OPENAI_STREAM);
		fixtures_free(bytes);
	}
	fixtures_list_free(&list);
	free(path);
}

/* gateway.md 6.5: the upstream sees its connection closed at once. */
static void test_cancel_closes(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	fake_answer(f.fake, NULL,
		SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" STREAM_START
				STREAM_TEXT),
		FAKE_STALL);
	begin(&client);
	client.recorder.release_at = 3;
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_CHAT, STREAM, true);
	mux_client_wait(&client, &f);
	mux_client_finish(&client, &f);
	fake_wait_for_closes(f.fake, 1);
	mux_fixture_end(&f);
}

/* Calls under way when their loop goes: nothing is sent, nothing leaks. */
static void test_loop_goes_first(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	begin(&client);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_CHAT, PLAIN, true);
	mux_loop_destroy(f.mux_loop);
	f.mux_loop = NULL;
	mux_client_finish(&client, &f);
	assert_int_equal(client.recorder.count, 0);
	mux_fixture_end(&f);
}

/* ---- counts ---- */

static void test_count(void **state) {
	static const struct {
		int status;
		const char *body;
		int64_t tokens; /* -1 = an estimate */
		enum error_kind kind;
	} answers[] = {
		{200, "{\"input_tokens\":17}", 17, ERROR_NONE},
		{404, "<html><title>404</title></html>", -1, ERROR_NONE},
		{529, REFUSAL("overloaded_error", "x"), -1, ERROR_NONE},
		{400, REFUSAL("invalid_request_error", "bad"), 0, ERROR_INVALID_REQUEST},
	};
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct mux_fixture f;
		struct mux_client client;
		mux_fixture_begin(&f, one_key);
		begin(&client);
		fake_json(f.fake, "POST /v1/messages/count_tokens ", answers[i].status, "",
			answers[i].body);
		mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_COUNT, PLAIN, true);
		mux_client_wait(&client, &f);
		bool is_estimate = answers[i].tokens < 0;
		assert_int_equal(client.recorder.error.kind, answers[i].kind);
		if (answers[i].kind == ERROR_NONE) {
			assert_int_equal(client.recorder.count, 4);
			assert_int_equal(
				mux_call_report(client.call)->is_estimated_count, is_estimate);
			int64_t tokens = client.recorder.usage.input_uncached;
			assert_true(is_estimate ? tokens > 0 : tokens == answers[i].tokens);
		}
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* TC-1: the dialect has no count call, so nobody is asked. */
static void test_count_without_call(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, "providers:\n  - type: openai\n    name: up\n    api-key: k\n"
			      "    base-url: http://127.0.0.1:PORT/v1\n    models: [{name: m}]\n");
	begin(&client);
	mux_client_submit(&client, &f, FORMAT_ANTHROPIC, CHAT_OP_COUNT, PLAIN, true);
	mux_client_wait(&client, &f);
	assert_int_equal(client.recorder.count, 4);
	assert_true(mux_call_report(client.call)->is_estimated_count);
	assert_int_equal(fake_requests(f.fake), 0);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_unknown_model(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	(void)state;
	mux_fixture_begin(&f, one_key);
	ask(&client, &f, ANTHROPIC_BODY("nik", ""));
	assert_int_equal(client.recorder.count, 2);
	assert_int_equal(client.recorder.error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(client.recorder.error.message, "nick"));
	assert_null(mux_call_report(client.call)->backend);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
}

int test_upstream(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splice),
		cmocka_unit_test(test_stale_signature),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_failover_before_first_event),
		cmocka_unit_test(test_no_failover_after_first_event),
		cmocka_unit_test(test_bootstrap_retries),
		cmocka_unit_test(test_hold_time),
		cmocka_unit_test(test_json_for_stream),
		cmocka_unit_test(test_second_backend),
		cmocka_unit_test(test_stop_sequence),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cancel_everywhere),
		cmocka_unit_test(test_cancel_recorded),
		cmocka_unit_test(test_cancel_closes),
		cmocka_unit_test(test_loop_goes_first),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_without_call),
		cmocka_unit_test(test_unknown_model),
	};
	return cmocka_run_group_tests_name("mux/upstream", tests, NULL, NULL);
}
