/* test_gateway.c: requests over a real socket through the whole gateway to the demo backend. */
#include "gateway/gateway_help.h"

#include <stdio.h>
#include <stdlib.h>

int test_gateway(void);

#define CC "/v1/chat/completions"
#define ANT "/v1/messages"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]"
#define CC_BODY(model, more) "{\"model\":\"" model "\"," more HELLO "}"
#define ANT_BODY(model, more) "{\"model\":\"" model "\",\"max_tokens\":100," more HELLO "}"
#define STREAM "\"stream\":true,"

#define GEM(model, method) "/v1beta/models/" model ":" method
#define GEM_BODY "{\"contents\":[{\"parts\":[{\"text\":\"hello there\"}]}]}"

struct ask_case {
	const char *name;
	const char *method, *path, *headers, *body;
	int status;
	const char *has[4]; /* in the body */
	const char *header, *value;
	const char *lacks; /* in the body */
};

static void run(const char *yaml, const struct ask_case *cases, size_t count) {
	struct gateway_fixture f;
	gateway_open(&f, yaml);
	for (size_t i = 0; i < count; i++) {
		const struct ask_case *ask = &cases[i];
		struct http_answer answer;
		gateway_ask(&f, ask->method, ask->path, ask->headers, ask->body, &answer);
		if (answer.status != ask->status) {
			fail_msg("%s: %s%s", ask->name, answer.head, answer.body.data);
		}
		for (size_t k = 0; k < 4 && ask->has[k]; k++) {
			if (!answer_has(&answer, ask->has[k])) {
				fail_msg("%s lacks %s: %s", ask->name, ask->has[k],
					answer.body.data);
			}
		}
		if (ask->lacks && answer_has(&answer, ask->lacks)) {
			fail_msg("%s has %s: %s", ask->name, ask->lacks, answer.body.data);
		}
		if (ask->header) {
			char *value = answer_header(&answer, ask->header);
			if (!value || strcmp(value, ask->value) != 0) {
				fail_msg("%s: %s is %s", ask->name, ask->header, value);
			}
			free(value);
		}
		answer_finish(&answer);
	}
	gateway_close(&f);
}
#define RUN(yaml, cases) run((yaml), (cases), sizeof(cases) / sizeof *(cases))

static void answers(void **state) {
	static const struct ask_case cases[] = {
		{"cc whole", "POST", CC, NULL, CC_BODY("demo/echo", ""), 200,
			{"\"object\":\"chat.completion\"", "hello there",
				"\"finish_reason\":\"stop\""},
			"content-type", "application/json", NULL},
		{"cc stream", "POST", CC, NULL, CC_BODY("demo/echo", STREAM), 200,
			{"chat.completion.chunk", "hello", "data: [DONE]\n\n"}, "content-type",
			"text/event-stream", "\"usage\":{"},
		{"cc alias of the path", "POST", "/chat/completions", NULL,
			CC_BODY("demo/echo", ""), 200, {"hello there"}, NULL, NULL, NULL},
		{"ant whole", "POST", ANT, NULL, ANT_BODY("demo/echo", ""), 200,
			{"\"type\":\"message\"", "hello there", "\"stop_reason\":\"end_turn\""},
			"content-type", "application/json", NULL},
		{"ant stream, RT-7", "POST", ANT, NULL, ANT_BODY("demo/echo", STREAM), 200,
			{"event: message_start\n", "hello", "event: message_stop\n"},
			"cache-control", "no-cache", NULL},
		{"stream head, RT-7", "POST", ANT, NULL, ANT_BODY("demo/echo", STREAM), 200, {NULL},
			"x-accel-buffering", "no", NULL},
		{"BOM, RT-3", "POST", ANT, NULL, "\xef\xbb\xbf" ANT_BODY("demo/echo", ""), 200,
			{"hello there"}, NULL, NULL, NULL},
		{"any content type, RT-3", "POST", ANT, "Content-Type: text/plain\r\n",
			ANT_BODY("demo/echo", ""), 200, {"hello there"}, NULL, NULL, NULL},
		{"count, TC-2", "POST", ANT "/count_tokens", NULL,
			"{\"model\":\"demo/echo\"," HELLO "}", 200, {"{\"input_tokens\":"},
			"x-llm-mux-estimated", "true", NULL},
		{"gem whole", "POST", GEM("demo/echo", "generateContent"), NULL, GEM_BODY, 200,
			{"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"", "hello there",
				"\"finishReason\":\"STOP\"", "\"usageMetadata\":{"},
			"content-type", "application/json", NULL},
		{"gem events, GC-4", "POST", GEM("demo/echo", "streamGenerateContent?alt=sse"),
			NULL, GEM_BODY, 200,
			{"data: {\"candidates\":[{", "hello", "\"finishReason\":\"STOP\"",
				"\r\n\r\n"},
			"content-type", "text/event-stream", "[DONE]"},
		{"gem array, GC-5", "POST", GEM("demo/echo", "streamGenerateContent"), NULL,
			GEM_BODY, 200, {"[{\"candidates\":", ",\r\n{", "\"finishReason\":\"STOP\""},
			"content-type", "application/json", "data:"},
		{"gem of v1, escaped", "POST", "/v1/models/demo%2Fecho:generateContent", NULL,
			GEM_BODY, 200, {"hello there"}, NULL, NULL, NULL},
		{"gem count, TC-2", "POST", GEM("demo/echo", "countTokens"), NULL, GEM_BODY, 200,
			{"{\"totalTokens\":"}, "x-llm-mux-estimated", "true", NULL},
		{"tool", "POST", CC, NULL,
			CC_BODY("demo/tool",
				"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\","
				"\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],"),
			200, {"\"tool_calls\"", "\"look\""}, NULL, NULL, NULL},
	};
	(void)state;
	RUN(NULL, cases);
}

static void errors(void **state) {
	static const struct ask_case cases[] = {
		{"not JSON", "POST", CC, NULL, "{\"model\":", 400,
			{"\"type\":\"invalid_request_error\"", "line 1, column 10"}, NULL, NULL,
			NULL},
		{"not an object, RT-3", "POST", ANT, NULL, "[1]", 400,
			{"\"type\":\"error\"", "JSON array"}, NULL, NULL, NULL},
		{"no body", "POST", ANT, NULL, NULL, 400, {"no body"}, NULL, NULL, NULL},
		{"no messages", "POST", CC, NULL, "{\"model\":\"demo/echo\"}", 400,
			{"\"param\":\"messages\""}, NULL, NULL, NULL},
		{"no max_tokens", "POST", ANT, NULL, "{\"model\":\"demo/echo\"," HELLO "}", 400,
			{"max_tokens"}, NULL, NULL, NULL},
		{"unknown model", "POST", CC, NULL, CC_BODY("demo/eco", ""), 404,
			{"\"code\":\"model_not_found\"", "demo/echo"}, NULL, NULL, NULL},
		{"unknown model, stream", "POST", ANT, NULL, ANT_BODY("demo/eco", STREAM), 404,
			{"not_found_error", "demo/echo"}, "content-type", "application/json", NULL},
		{"429 of a stream, 6.3", "POST", ANT, NULL, ANT_BODY("demo/error-429", STREAM), 429,
			{"rate_limit_error"}, "retry-after", "2", "event:"},
		{"429 whole", "POST", CC, NULL, CC_BODY("demo/error-429", ""), 429,
			{"rate_limit_exceeded"}, "retry-after-ms", "2000", NULL},
		{"529 of ant", "POST", ANT, NULL, ANT_BODY("demo/error-529", ""), 529,
			{"overloaded_error"}, NULL, NULL, NULL},
		{"529 of cc is 503", "POST", CC, NULL, CC_BODY("demo/error-529", STREAM), 503,
			{"server_error"}, "content-type", "application/json", NULL},
		{"CC-15", "POST", CC, NULL, CC_BODY("demo/midstream-error", STREAM), 200,
			{"data: {\"error\":{"}, NULL, NULL, "[DONE]"},
		{"AC-17", "POST", ANT, NULL, ANT_BODY("demo/midstream-error", STREAM), 200,
			{"event: error\ndata: {\"type\":\"error\""}, NULL, NULL, "message_stop"},
		{"late error, whole", "POST", ANT, NULL, ANT_BODY("demo/midstream-error", ""), 500,
			{"api_error"}, NULL, NULL, NULL},
		{"EV-6 cc", "POST", CC, NULL, CC_BODY("demo/truncated", STREAM), 200,
			{"\"error\":{"}, NULL, NULL, "[DONE]"},
		{"EV-6 ant", "POST", ANT, NULL, ANT_BODY("demo/truncated", ""), 502, {"api_error"},
			NULL, NULL, NULL},
		{"gem, GC-9", "POST", GEM("demo/error-429", "generateContent"), NULL, GEM_BODY, 429,
			{"{\"error\":{\"code\":429", "\"status\":\"RESOURCE_EXHAUSTED\"",
				"\"retryDelay\":\"2.000s\""},
			NULL, NULL, NULL},
		{"gem late error, GC-9", "POST",
			GEM("demo/midstream-error", "streamGenerateContent?alt=sse"), NULL,
			GEM_BODY, 200, {"data: {\"error\":{\"code\":500"}, NULL, NULL,
			"finishReason"},
		{"gem without contents", "POST", GEM("demo/echo", "generateContent"), NULL, "{}",
			400, {"\"status\":\"INVALID_ARGUMENT\"", "contents is not specified"}, NULL,
			NULL, NULL},
		{"gem unknown model", "POST", GEM("demo/eco", "generateContent"), NULL, GEM_BODY,
			404, {"\"status\":\"NOT_FOUND\"", "demo/echo"}, NULL, NULL, NULL},
		{"gem unknown method", "POST", GEM("demo/echo", "dream"), NULL, GEM_BODY, 404,
			{"\"error\":{\"code\":404", "demo/echo:dream not found."}, NULL, NULL,
			NULL},
		{"unknown path", "GET", "/v1/messages/batches", NULL, NULL, 404,
			{"\"type\":\"not_found_error\"", "request_id"}, NULL, NULL, NULL},
		{"wrong method, RT-3", "GET", CC, NULL, NULL, 405, {"takes POST"}, "allow", "POST",
			NULL},
		{"OPTIONS", "OPTIONS", "/v1/models", NULL, NULL, 204, {NULL}, "allow", "GET, HEAD",
			NULL},
		{"foreign Host", "GET", "/healthz", "Host: evil.example\r\n", NULL, 403,
			{"evil.example", "allowed-hosts"}, NULL, NULL, NULL},
		{"foreign Origin", "POST", CC, "Origin: http://evil.example\r\n",
			CC_BODY("demo/echo", ""), 403, {"permission_error", "allowed-origins"},
			NULL, NULL, "hello"},
		{"foreign preflight", "OPTIONS", CC, "Origin: http://evil.example\r\n", NULL, 403,
			{NULL}, NULL, NULL, NULL},
	};
	(void)state;
	RUN(NULL, cases);
}

static void lists(void **state) {
	static const char version[] = "anthropic-version: 2023-06-01\r\n";
	static const struct ask_case cases[] = {
		{"cc list", "GET", "/v1/models", NULL, NULL, 200,
			{"{\"object\":\"list\",\"data\":[{\"id\":\"demo/"
			 "echo\",\"object\":\"model\""},
			"content-type", "application/json", NULL},
		{"cc list, alias", "GET", "/models", NULL, NULL, 200, {"\"object\":\"list\""}, NULL,
			NULL, NULL},
		{"ant list, RT-1", "GET", "/v1/models", version, NULL, 200,
			{"{\"data\":[{\"type\":\"model\",\"id\":\"demo/echo\"",
				"\"first_id\":", "\"has_more\":false"},
			NULL, NULL, "\"object\""},
		{"ant page", "GET", "/v1/models?limit=2", version, NULL, 200,
			{"demo/echo", "\"has_more\":true", "\"last_id\":\"demo/embed\""}, NULL,
			NULL, "demo/error-404"},
		{"ant after_id", "GET", "/v1/models?limit=1&after_id=demo%2Fecho", version, NULL,
			200, {"\"first_id\":\"demo/embed\"", "\"last_id\":\"demo/embed\""}, NULL,
			NULL, NULL},
		{"ant before_id", "GET", "/v1/models?limit=1&before_id=demo/error-404", version,
			NULL, 200, {"\"first_id\":\"demo/error-401\"", "\"has_more\":true"}, NULL,
			NULL, NULL},
		{"ant end", "GET", "/v1/models?after_id=demo/truncated", version, NULL, 200,
			{"\"data\":[]", "\"first_id\":null", "\"has_more\":false"}, NULL, NULL,
			NULL},
		{"ant bad limit", "GET", "/v1/models?limit=0", version, NULL, 400,
			{"invalid_request_error", "limit"}, NULL, NULL, NULL},
		{"ant bad cursor", "GET", "/v1/models?after_id=none", version, NULL, 400,
			{"no model of that id"}, NULL, NULL, NULL},
		{"cc ignores pages", "GET", "/v1/models?limit=0", NULL, NULL, 200,
			{"\"object\":\"list\""}, NULL, NULL, NULL},
		{"gem list, GC-11", "GET", "/v1beta/models", NULL, NULL, 200,
			{"{\"models\":[{\"name\":\"models/demo/echo\"",
				"\"supportedGenerationMethods\":["},
			NULL, NULL, "nextPageToken"},
		{"gem page", "GET", "/v1beta/models?pageSize=1", NULL, NULL, 200,
			{"models/demo/echo", "\"nextPageToken\":\"demo/embed\""}, NULL, NULL, NULL},
		{"gem next page", "GET", "/v1beta/models?pageSize=1&pageToken=demo%2Ferror-401",
			NULL, NULL, 200,
			{"models/demo/error-401", "\"nextPageToken\":\"demo/error-404\""}, NULL,
			NULL, "models/demo/echo"},
		{"gem bad page", "GET", "/v1beta/models?pageToken=x", NULL, NULL, 400,
			{"INVALID_ARGUMENT", "pageToken"}, NULL, NULL, NULL},
		{"gem one", "GET", "/v1beta/models/demo/echo", NULL, NULL, 200,
			{"{\"name\":\"models/demo/echo\""}, NULL, NULL, NULL},
		{"gem none", "GET", "/v1beta/models/x", NULL, NULL, 404, {"NOT_FOUND"}, NULL, NULL,
			NULL},
		{"cc one", "GET", "/v1/models/demo/echo", NULL, NULL, 200,
			{"{\"id\":\"demo/echo\",\"object\":\"model\""}, NULL, NULL, NULL},
		{"ant one, escaped", "GET", "/v1/models/demo%2Fecho", version, NULL, 200,
			{"{\"type\":\"model\",\"id\":\"demo/echo\""}, NULL, NULL, NULL},
		{"cc none", "GET", "/v1/models/demo/eco", NULL, NULL, 404,
			{"model_not_found", "demo/echo"}, NULL, NULL, NULL},
		{"ant none", "GET", "/v1/models/x", version, NULL, 404, {"not_found_error"}, NULL,
			NULL, NULL},
		{"greeting, OL-10", "GET", "/", NULL, NULL, 200, {"Ollama is running"},
			"content-type", "text/plain; charset=utf-8", NULL},
		{"greeting head", "HEAD", "/", NULL, NULL, 200, {NULL}, "content-length", "17",
			"O"},
		{"hello", "HEAD", "/api/hello", NULL, NULL, 200, {NULL}, NULL, NULL, NULL},
		{"health", "GET", "/healthz", NULL, NULL, 200, {"{\"status\":\"ok\"}"}, NULL, NULL,
			NULL},
		{"not ready", "GET", "/readyz", NULL, NULL, 503, {"status"}, NULL, NULL, NULL},
	};
	(void)state;
	RUN(NULL, cases);
}

static void keys(void **state) {
	static const struct ask_case cases[] = {
		{"none", "GET", "/v1/models", NULL, NULL, 401,
			{"invalid_api_key", "an API key is required"}, "www-authenticate", "Bearer",
			NULL},
		{"none, ant", "POST", ANT, NULL, ANT_BODY("demo/echo", ""), 401,
			{"authentication_error"}, NULL, NULL, NULL},
		{"wrong", "GET", "/v1/models", "x-api-key: plain-key-2\r\n", NULL, 401,
			{"not one of"}, NULL, NULL, "plain-key-2"},
		{"right", "POST", ANT, "x-api-key: plain-key-1\r\n", ANT_BODY("demo/echo", ""), 200,
			{"hello there"}, NULL, NULL, NULL},
		{"query", "GET", "/v1/models?key=plain-key-1", NULL, NULL, 200, {"demo/echo"}, NULL,
			NULL, NULL},
		{"open", "GET", "/healthz", NULL, NULL, 200, {"ok"}, NULL, NULL, NULL},
		{"preflight needs none", "OPTIONS", CC,
			"Origin: https://app.example\r\n"
			"Access-Control-Request-Headers: authorization\r\n",
			NULL, 204, {NULL}, "access-control-allow-headers", "authorization", NULL},
		{"CORS on errors too", "GET", "/v1/models", "Origin: https://app.example\r\n", NULL,
			401, {NULL}, "access-control-allow-origin", "https://app.example", NULL},
		{"413 in the family, RT-3", "POST", ANT,
			"x-api-key: plain-key-1\r\nContent-Length: 2000\r\n", NULL, 413,
			{"request_too_large"}, NULL, NULL, NULL},
		{"depth", "POST", CC, "x-api-key: plain-key-1\r\n",
			"{\"model\":\"m\",\"messages\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", 400,
			{"invalid_request_error", "deep"}, NULL, NULL, NULL},
	};
	(void)state;
	RUN("api-keys: [plain-key-1]\n"
	    "cors:\n  allowed-origins: ['https://app.example']\n"
	    "max-request-size: 1KB\nlimits:\n  json-depth: 16\n",
		cases);
}

static void request_ids(void **state) {
	static const struct ask_case cases[] = {
		{"echoed", "GET", "/healthz", "X-Request-Id: my.id_1-2\r\n", NULL, 200, {NULL},
			"x-request-id", "my.id_1-2", NULL},
		{"in both headers of ant", "POST", ANT, "X-Request-Id: abc\r\n", "{}", 400,
			{"\"request_id\":\"abc\""}, "request-id", "abc", NULL},
	};
	(void)state;
	RUN(NULL, cases);
	struct gateway_fixture f;
	gateway_open(&f, NULL);
	struct http_answer answer;
	gateway_ask(&f, "GET", "/healthz", "X-Request-Id: not sane\r\n", NULL, &answer);
	char *id = answer_header(&answer, "x-request-id");
	assert_int_equal(strncmp(id, "req_", 4), 0);
	assert_int_equal(strlen(id), 28);
	free(id);
	answer_finish(&answer);
	gateway_close(&f);
}

/* gateway.md 6.5: the client's leaving is logged as 499, and the call is gone. */
static void client_leaves(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	struct http_client c;
	client_connect(&c, &f);
	client_send(&c, "POST", ANT, "X-Request-Id: gone\r\n", ANT_BODY("demo/slow", STREAM));
	client_await(&c, "content_block_delta");
	client_close(&c);
	struct buf log;
	for (;;) {
		log = gateway_read_log(&f);
		if (strstr(log.data, "id=gone")) {
			break;
		}
		buf_finish(&log);
		loop_run_once(f.loop, true);
	}
	assert_non_null(strstr(log.data, "status=499 model=demo/slow backend=demo"));
	buf_finish(&log);
	gateway_close(&f);
}

/* Leaving after event n, for every n: nothing is used after it is gone (run under ASan). */
static void client_leaves_anywhere(void **state) {
	static const struct {
		const char *path, *body;
	} cases[] = {
		{ANT, ANT_BODY("demo/think", STREAM)},
		{CC, CC_BODY("demo/think", STREAM)},
		{ANT, ANT_BODY("demo/midstream-error", STREAM)},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t events = 0;; events++) {
			struct http_client c;
			client_connect(&c, &f);
			client_send(&c, "POST", cases[i].path, NULL, cases[i].body);
			bool is_over = !client_await_events(&c, events);
			client_close(&c);
			if (is_over) {
				assert_true(events > 5);
				break;
			}
		}
	}
	struct http_answer answer;
	gateway_ask(&f, "GET", "/healthz", NULL, NULL, &answer);
	assert_int_equal(answer.status, 200);
	answer_finish(&answer);
	gateway_close(&f);
}

/* A client that does not read stops its source, and starts it again by reading. */
static void slow_reader(void **state) {
	const size_t words = 3, word = (size_t)6 * 1024 * 1024;
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	struct buf body = {0};
	buf_append_str(&body, "{\"model\":\"demo/echo\",\"stream\":true,\"messages\":[{\"role\":"
			      "\"user\",\"content\":\"");
	for (size_t i = 0; i < words; i++) {
		memset(buf_reserve(&body, word), 'x', word);
		buf_commit(&body, word);
		buf_append_byte(&body, ' ');
	}
	buf_append(&body, SLICE("\"}]}\0"));
	struct http_client c;
	client_connect(&c, &f);
	client_send(&c, "POST", CC, NULL, body.data);
	for (int turns = 0; turns < 200; turns++) {
		loop_run_once(f.loop, false);
	}
	struct http_answer answer;
	client_answer(&c, false, &answer);
	assert_true(answer.body.len > words * word);
	assert_true(slice_ends_with(buf_slice(&answer.body), SLICE("data: [DONE]\n\n")));
	answer_finish(&answer);
	client_close(&c);
	buf_finish(&body);
	gateway_close(&f);
}

/* A stream that is still open when the gateway goes. */
static void gateway_leaves(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	struct http_client c;
	client_connect(&c, &f);
	client_send(&c, "POST", CC, NULL, CC_BODY("demo/slow", STREAM));
	client_await(&c, "chat.completion.chunk");
	gateway_close(&f);
	client_close(&c);
}

static void on_drained(void *data) {
	*(bool *)data = true;
}

/* Draining lets an open stream end whole. */
static void drain(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	struct http_client c;
	struct http_answer answer;
	bool drained = false;
	client_connect(&c, &f);
	client_send(&c, "POST", CC, NULL, CC_BODY("demo/slow", STREAM));
	client_await(&c, "chat.completion.chunk");
	gateway_loop_drain(f.gateway, on_drained, &drained);
	assert_false(drained);
	client_answer(&c, false, &answer);
	assert_true(answer_has(&answer, "data: [DONE]"));
	while (!drained) {
		loop_run_once(f.loop, true);
	}
	answer_finish(&answer);
	client_close(&c);
	gateway_close(&f);
}

/* gateway.md 6.2: a silent stream is kept alive in its own words. */
static void pings(void **state) {
	static const struct {
		const char *path, *body, *ping;
	} cases[] = {
		{ANT, ANT_BODY("demo/slow", STREAM), "event: ping\ndata: "},
		{CC, CC_BODY("demo/slow", STREAM), "\n: "},
	};
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, "streaming:\n  keepalive-interval: 20ms\n");
	for (size_t i = 0; i < 2; i++) {
		struct http_client c;
		client_connect(&c, &f);
		client_send(&c, "POST", cases[i].path, NULL, cases[i].body);
		client_await(&c, cases[i].ping);
		client_close(&c);
	}
	gateway_close(&f);
}

static void keep_alive(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, NULL);
	struct http_client c;
	client_connect(&c, &f);
	for (int i = 0; i < 3; i++) {
		struct http_answer answer;
		client_send(&c, "POST", CC, NULL, CC_BODY("demo/echo", STREAM));
		client_answer(&c, false, &answer);
		assert_true(answer_has(&answer, "[DONE]"));
		answer_finish(&answer);
		client_send(&c, "POST", ANT, NULL, ANT_BODY("demo/echo", ""));
		client_answer(&c, false, &answer);
		assert_true(answer_has(&answer, "hello there"));
		answer_finish(&answer);
	}
	client_close(&c);
	gateway_close(&f);
}

/* gateway.md 10: one line with what matters, and neither key nor prompt nor query. */
static void access_line(void **state) {
	struct gateway_fixture f;
	(void)state;
	gateway_open(&f, "api-keys: [plain-key-1]\n");
	struct http_answer answer;
	gateway_ask(&f, "POST", ANT "?beta=true&key=plain-key-1", "X-Request-Id: line-1\r\n",
		ANT_BODY("demo/echo", ""), &answer);
	answer_finish(&answer);
	gateway_ask(
		&f, "GET", "/v1/models?key=other-key-9", "X-Request-Id: line-2\r\n", NULL, &answer);
	answer_finish(&answer);
	/* what follows a sent answer happens in the loop's own time */
	struct buf log;
	for (;;) {
		log = gateway_read_log(&f);
		if (strstr(log.data, "id=line-1") && strstr(log.data, "id=line-2")) {
			break;
		}
		buf_finish(&log);
		loop_run_once(f.loop, true);
	}
	assert_non_null(strstr(log.data,
		"info  POST /v1/messages status=200 model=demo/echo backend=demo attempts=1 in="));
	assert_non_null(strstr(log.data, " out="));
	assert_non_null(strstr(log.data, " first_ms="));
	assert_non_null(strstr(log.data, " total_ms="));
	assert_non_null(strstr(log.data, "peer=127.0.0.1:"));
	assert_non_null(strstr(log.data, "warn  GET /v1/models status=401 error=authentication "));
	assert_null(strstr(log.data, "plain-key-1"));
	assert_null(strstr(log.data, "other-key-9"));
	assert_null(strstr(log.data, "hello there"));
	buf_finish(&log);
	gateway_close(&f);
}

int test_gateway(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(errors),
		cmocka_unit_test(lists),
		cmocka_unit_test(keys),
		cmocka_unit_test(request_ids),
		cmocka_unit_test(client_leaves),
		cmocka_unit_test(client_leaves_anywhere),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(gateway_leaves),
		cmocka_unit_test(drain),
		cmocka_unit_test(pings),
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(access_line),
	};
	return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
