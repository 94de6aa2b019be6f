/* test_backends.c: backends of the configuration, asked over a scripted upstream: what they send,
 * when they try again and when not (workflows.md 1.9, 2.2 to 2.4). */
#include <stdio.h>

#include "config/runner.h"
#include "mux/role_help.h"
#include "mux/upstream.h"

int test_backends(void);

#define OPENAI_ANSWER                                                                              \
	"{\"id\":\"c\",\"model\":\"m-1\",\"choices\":[{\"index\":0,\"message\":{\"role\":"         \
	"\"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{"               \
	"\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}"
#define CLAUDE_ANSWER                                                                              \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c-1\","         \
	"\"content\":[{\"type\":\"text\",\"text\":\"One\"},{\"type\":\"text\",\"text\":\"Two\"}]," \
	"\"stop_reason\":\"max_tokens\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,"     \
	"\"output_tokens\":2}}"
#define STREAM_BEGIN                                                                               \
	"data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"       \
	"\"assistant\",\"content\":\"Hel\"}}]}\n\n"
#define STREAM_REST                                                                                \
	"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},"            \
	"\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define REFUSAL(message) "{\"error\":{\"message\":\"" message "\"}}"

static const char plain[] = "[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\nretry_delay = 1\n";

static void expect_body(struct mux_fixture *f, size_t number, const char *expected) {
	assert_text(fake_body(f->fake, number), expected);
}

/* HTTP request shape; usage. */
static void test_request(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, plain, NULL);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	const struct role_answer *answer = client.result->first;
	assert_text(answer->text, "Hi");
	assert_text(answer->model, "m-1");
	assert_int_equal(answer->usage.input_uncached, 3);
	assert_int_equal(answer->usage.output_total, 2);
	assert_int_equal(answer->http_status, 200);
	assert_int_equal(answer->exit_code, -1);
	assert_says(fake_head(f.fake, 0), "POST /v1/chat/completions HTTP/1.1");
	assert_null(strcasestr(fake_head(f.fake, 0), "authorization"));
	assert_says(fake_head(f.fake, 0), "llm-mux/test");
	expect_body(&f, 0,
		"{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello "
		"there\"}]}");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* 2.2: what content may be. */
static void test_content(void **state) {
	static const struct {
		const char *content, *text;
	} rows[] = {
		{"null", ""},
		{"\"\"", ""},
		{"[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"text\",\"text\":\"B\"}]", "AB"},
		{"\"caf\\u00e9\\n\"", "caf\xc3\xa9\n"},
	};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, plain, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[512];
		snprintf(body, sizeof body,
			"{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
			"\"content\":"
			"%s},\"finish_reason\":\"stop\"}]}",
			rows[i].content);
		fake_json(f.fake, NULL, 200, "", body);
		struct role_client client = {0};
		role_client_ask(&client, &f, ROLE_FIRST, "a");
		if (!client.result->is_success) {
			fail_msg("%s: %s", rows[i].content, client.result->error.message);
		}
		assert_text(client.result->first->text, rows[i].text);
		assert_text(client.result->first->model, "gpt-4");
		role_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

/* Everything that can be set. */
static void test_settings(void **state) {
	char *const environment[] = {(char[]){"K=abc-key"}, (char[]){"H=header-secret"}, NULL};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"http://127.0.0.1:PORT/api/\"\nmodel = \"m\"\n"
		"api_key = \"${K}\"\nmax_tokens = 7\ntemperature = 0.25\nsystem = \"Be ${X:-brief}"
		"\"\nheaders = { x-team = \"${H}\", x-price = \"$5\" }\n",
		environment);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	const char *head = fake_head(f.fake, 0);
	assert_says(head, "POST /api/chat/completions ");
	assert_non_null(strcasestr(head, "authorization: Bearer abc-key\r\n"));
	assert_non_null(strcasestr(head, "x-team: header-secret\r\n"));
	assert_non_null(strcasestr(head, "x-price: $5\r\n"));
	expect_body(&f, 0,
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief\"},{"
		"\"role\":\"user\",\"content\":\"Hello there\"}],\"max_tokens\":7,"
		"\"temperature\":0.25}");
	role_client_finish(&client, &f);

	/* rank 13: what was expanded is a secret */
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_text(runner_secrets_mask(f.secrets, SLICE("abc-key, header-secret"), &arena),
		"***, ***");
	arena_finish(&arena);
	mux_fixture_end(&f);
}

/* 2.2: one URL, however it is written. */
static void test_url_forms(void **state) {
	static const char *const forms[] = {"http://127.0.0.1:PORT/v1", "http://127.0.0.1:PORT/v1/",
		"http://127.0.0.1:PORT", "http://127.0.0.1:PORT/",
		"http://127.0.0.1:PORT/v1/chat/completions",
		"http://127.0.0.1:PORT/v1/chat/completions/"};
	struct mux_fixture f;
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		for (int key = 0; key < 2; key++) {
			char toml[256];
			snprintf(toml, sizeof toml, "[backends.a]\ntype = \"http\"\n%s = \"%s\"\n",
				key ? "command" : "base_url", forms[i]);
			mux_fixture_begin_runner(&f, toml, NULL);
			fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
			struct role_client client = {0};
			role_client_ask(&client, &f, ROLE_FIRST, "a");
			assert_true(client.result->is_success);
			assert_says(fake_head(f.fake, 0), "POST /v1/chat/completions HTTP");
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
	char version[] = "V=?version=1";
	char *environment[] = {version, NULL};
	mux_fixture_begin_runner(&f,
		"[backends.a]\ntype = \"http\"\ncommand = "
		"\"http://127.0.0.1:PORT/x/chat/completions${V}\"\n",
		environment);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_says(fake_head(f.fake, 0), "POST /x/chat/completions?version=1 HTTP");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* 2.3 */
static void test_claude(void **state) {
	static const char toml[] =
		"[backends.c]\ntype = \"claude-api\"\nbase_url = \"http://127.0.0.1:PORT\"\n"
		"api_key = \"last\"\nsystem = \"Be brief\"\n"
		"[backends.named]\napi_key_env = \"MINE\"\nbase_url = "
		"\"http://127.0.0.1:PORT/v1/messages\"\nmax_tokens = 9\n"
		"[backends.none]\ntype = \"claude-api\"\ncommand = \"http://127.0.0.1:PORT/v1\"\n";
	char *const environment[] = {
		(char[]){"ANTHROPIC_API_KEY=usual"}, (char[]){"MINE=mine-key"}, NULL};
	char *const nothing[] = {NULL};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, environment);
	for (int i = 0; i < 3; i++) {
		fake_json(f.fake, NULL, 200, "", CLAUDE_ANSWER);
	}
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_PARALLEL, "c");
	const struct role_answer *answer = client.result->first;
	assert_non_null(answer);
	assert_text(answer->text, "One\nTwo");
	assert_text(answer->model, "c-1");
	assert_true(slice_contains(answer->warning, SLICE("max_tokens")));
	assert_int_equal(answer->usage.input_uncached, 3);
	const char *head = fake_head(f.fake, 0);
	assert_says(head, "POST /v1/messages HTTP");
	assert_non_null(strcasestr(head, "x-api-key: usual\r\n"));
	assert_non_null(strcasestr(head, "anthropic-version: 2023-06-01\r\n"));
	expect_body(&f, 0,
		"{\"model\":\"claude-sonnet-4-20250514\",\"max_tokens\":8192,\"system\":\"Be "
		"brief\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]}");
	role_client_finish(&client, &f);

	client = (struct role_client){.request.system = SLICE("Of the step")};
	role_client_ask(&client, &f, ROLE_FIRST, "named");
	assert_true(client.result->is_success);
	assert_non_null(strcasestr(fake_head(f.fake, 1), "x-api-key: mine-key\r\n"));
	assert_says(fake_head(f.fake, 1), "POST /v1/messages HTTP");
	assert_true(slice_contains(fake_body(f.fake, 1), SLICE("\"max_tokens\":9,")));
	assert_true(slice_contains(fake_body(f.fake, 1), SLICE("\"system\":\"Of the step\"")));
	role_client_finish(&client, &f);

	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "none");
	assert_says(fake_head(f.fake, 2), "POST /v1/messages HTTP");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);

	/* api_key comes last; without any the variable is named */
	mux_fixture_begin_runner(&f, toml, nothing);
	fake_json(f.fake, NULL, 200, "", CLAUDE_ANSWER);
	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "named,none,c");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_non_null(strcasestr(fake_head(f.fake, 0), "x-api-key: last\r\n"));
	assert_int_equal(result->answers[0].failure, ROLE_FAILURE_UNAVAILABLE);
	assert_int_equal(result->answers[0].error.kind, ERROR_UNAVAILABLE);
	assert_says(result->answers[0].error.message, "variable MINE is not set");
	assert_says(result->answers[1].error.message, "variable ANTHROPIC_API_KEY is not set");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* A variable that is not set breaks the one backend that needs it. */
static void test_unset(void **state) {
	struct mux_fixture f;
	struct arena arena;
	struct error error;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\napi_key = \"${NOWHERE}\"\n"
		"[backends.b]\ncommand = \"${ALSO}\"\ntype = \"http\"\n"
		"[backends.off]\ncommand = \"http://127.0.0.1:PORT\"\nenabled = false\n"
		"[backends.ok]\ncommand = \"http://127.0.0.1:PORT\"\n",
		NULL);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FALLBACK, "a,b,off,ok");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_ptr_equal(result->first, &result->answers[3]);
	assert_says(result->answers[0].error.message, "NOWHERE");
	/* at the key's own line (1.9) */
	assert_says(result->answers[0].error.message, ".toml:3: `backends.a.api_key`");
	assert_says(result->answers[1].error.message, ".toml:5: `backends.b.command`");
	assert_says(result->answers[1].error.message, "ALSO");
	assert_says(result->answers[2].error.message, "`off` is disabled");
	assert_int_equal(fake_requests(f.fake), 1);
	role_client_finish(&client, &f);

	arena_init(&arena, NULL, 0);
	static const struct {
		const char *name, *says; /* NULL: it can be asked */
	} rows[] = {{"a", "NOWHERE"}, {"b", "ALSO"}, {"off", "disabled"}, {"ok", NULL},
		{"okk", "did you mean `ok`?"}, {"demo/echo", NULL}, {"demo/ecko", "demo/echo"},
		{"openai://gpt-4.1", "does not exist"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool is_available = role_backend_is_available(f.mux, rows[i].name, &arena, &error);
		assert_int_equal(is_available, rows[i].says == NULL);
		if (rows[i].says != NULL) {
			assert_says(error.message, rows[i].says);
		}
	}
	arena_finish(&arena);
	mux_fixture_end(&f);
}

/* ---- trying again ---- */

struct retry_case {
	const char *name;
	const char *settings; /* of the backend */
	struct {
		int status;
		const char *headers, *body;
	} answers[4]; /* status 0: no more; 200 is good */
	size_t requests;
	enum role_failure failure; /* NONE: it succeeds */
	uint64_t waits_ms[3];      /* each within [d, 1.25 d] of the formula; exact when told */
	const char *says;
};

#define DELAY "retry_delay = 4\n"
static const struct retry_case retry_cases[] = {
	{"500 twice", DELAY, {{500, "", REFUSAL("x")}, {503, "", ""}, {200, "", OPENAI_ANSWER}}, 3,
		ROLE_FAILURE_NONE, {4, 8}, NULL},
	{"401", DELAY, {{401, "", REFUSAL("bad key")}}, 1, ROLE_FAILURE_AUTH, {0},
		"auth_error (HTTP 401), 1 attempt"},
	{"403", DELAY, {{403, "", REFUSAL("no")}}, 1, ROLE_FAILURE_AUTH, {0}, "HTTP 403"},
	{"404", DELAY, {{404, "", REFUSAL("no model")}}, 1, ROLE_FAILURE_CONFIG, {0},
		"config_error (HTTP 404), 1 attempt: no model"},
	{"429 with a delay", DELAY,
		{{429, "Retry-After-Ms: 3\r\n", REFUSAL("slow")}, {200, "", OPENAI_ANSWER}}, 2,
		ROLE_FAILURE_NONE, {3}, NULL},
	{"429 with a delay in the body", DELAY,
		{{429, "", "{\"error\":{\"message\":\"slow\"},\"retry_after\":0.004}"},
			{200, "", OPENAI_ANSWER}},
		2, ROLE_FAILURE_NONE, {4}, NULL},
	{"429 that says when its limit is full again", DELAY,
		{{429,
			 "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: "
			 "6ms\r\nx-ratelimit-reset-tokens: 9m\r\n",
			 REFUSAL("slow")},
			{200, "", OPENAI_ANSWER}},
		2, ROLE_FAILURE_NONE, {6}, NULL},
	{"529", DELAY, {{529, "", REFUSAL("busy")}, {200, "", OPENAI_ANSWER}}, 2, ROLE_FAILURE_NONE,
		{4}, NULL},
	{"429, switched off", DELAY "retry_rate_limit = false\n", {{429, "", REFUSAL("slow")}}, 1,
		ROLE_FAILURE_RATE_LIMIT, {0}, "rate_limit (HTTP 429), 1 attempt: slow"},
	{"504, off by default", DELAY, {{504, "", REFUSAL("late")}}, 1, ROLE_FAILURE_TIMEOUT, {0},
		"timeout (HTTP 504)"},
	{"408, switched on", DELAY "retry_timeout = true\n",
		{{408, "", REFUSAL("late")}, {200, "", OPENAI_ANSWER}}, 2, ROLE_FAILURE_NONE, {4},
		NULL},
	{"no more retries", DELAY "max_retries = 2\n",
		{{429, "", REFUSAL("slow")}, {500, "", REFUSAL("x")}, {429, "", REFUSAL("still")}},
		3, ROLE_FAILURE_RATE_LIMIT, {4, 8},
		"rate_limit (HTTP 429), 3 attempts: rate_limit, network, rate_limit: still"},
	{"none at all", DELAY "max_retries = 0\n", {{500, "", REFUSAL("x")}}, 1,
		ROLE_FAILURE_NETWORK, {0}, "network (HTTP 500), 1 attempt: x"},
	{"no JSON", DELAY, {{200, "", "<html>Welcome to the captive portal</html>"}}, 1,
		ROLE_FAILURE_PARSE, {0}, "it begins with: <html>Welcome"},
	{"no choices", DELAY, {{200, "", "{\"hello\":\"world\"}"}}, 1, ROLE_FAILURE_PARSE, {0},
		"it begins with: {\"hello\":\"world\"}"},
};

static void run_retry_case(const struct retry_case *row) {
	char toml[256];
	struct mux_fixture f;
	snprintf(toml, sizeof toml, "[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\n%s",
		row->settings);
	mux_fixture_begin_runner(&f, toml, NULL);
	for (size_t i = 0; i < 4 && row->answers[i].status != 0; i++) {
		fake_json(f.fake, NULL, row->answers[i].status, row->answers[i].headers,
			row->answers[i].body);
	}
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	const struct role_answer *answer = &client.result->answers[0];
	bool is_right = client.result->is_success == (row->failure == ROLE_FAILURE_NONE) &&
			answer->failure == row->failure && fake_requests(f.fake) == row->requests &&
			answer->attempts == row->requests && client.retries == row->requests - 1 &&
			(row->says == NULL || strstr(answer->error.message, row->says) != NULL);
	for (size_t i = 0; i < client.retries; i++) {
		uint64_t planned = row->waits_ms[i];
		is_right &= client.waits_ms[i] >= planned &&
			    client.waits_ms[i] <= planned + planned / 4;
		/* each attempt sends the same */
		is_right &= slice_eq(fake_body(f.fake, 0), fake_body(f.fake, i + 1));
	}
	if (!is_right) {
		fail_msg("%s: %zu requests, %s, waits %u %u, %s", row->name, fake_requests(f.fake),
			role_failure_names[answer->failure], (unsigned)client.waits_ms[0],
			(unsigned)client.waits_ms[1], answer->error.message);
	}
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_retries(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof retry_cases / sizeof *retry_cases; i++) {
		run_retry_case(&retry_cases[i]);
	}
}

/* Connections that are refused or break off are of the network, also behind a status of 200. */
static void test_broken(void **state) {
	static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				  "Content-Length: 500\r\n\r\n{\"choices\":[";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, plain, NULL);
	fake_answer(f.fake, NULL, SLICE(""), FAKE_CLOSE);
	fake_answer(f.fake, NULL, SLICE(cut), FAKE_CLOSE);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	assert_int_equal(client.result->first->attempts, 3);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);

	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"http://127.0.0.1:1\"\nretry_delay = 1\nmax_retries = "
		"1\n",
		NULL);
	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_int_equal(client.result->failure, ROLE_FAILURE_NETWORK);
	assert_says(client.result->error.message, "network, 2 attempts: network, network: ");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* The backend's timeout is one attempt's; the call's is all of them. */
static void test_timeout(void **state) {
	struct mux_fixture f;
	(void)state;
	for (int retries = 0; retries < 2; retries++) {
		char toml[256];
		snprintf(toml, sizeof toml,
			"[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\nretry_delay = 1\n"
			"timeout = \"40ms\"\nmax_retries = 1\nretry_timeout = %s\n",
			retries ? "true" : "false");
		mux_fixture_begin_runner(&f, toml, NULL);
		fake_answer(f.fake, NULL, SLICE(""), FAKE_STALL);
		fake_answer(f.fake, NULL, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
			FAKE_STALL);
		struct role_client client = {0};
		role_client_ask(&client, &f, ROLE_FIRST, "a");
		assert_int_equal(client.result->failure, ROLE_FAILURE_TIMEOUT);
		assert_int_equal(fake_requests(f.fake), 1 + retries);
		assert_says(client.result->error.message, "timeout, the backend's timeout of 40ms");
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* ---- redirects ---- */

static void redirect(struct mux_fixture *f, const char *match, int status, const char *location) {
	char headers[256];
	snprintf(headers, sizeof headers, "Location: %s\r\n", location);
	fake_json(f->fake, match, status, headers, "");
}

static void test_redirects(void **state) {
	static const char toml[] = "[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\n"
				   "api_key = \"the-key\"\nheaders = { x-own = \"mine\" }\n";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, NULL);
	redirect(&f, "/v1/chat/completions", 308, "/v2/chat");
	redirect(&f, "/v2/chat", 307, "there");
	fake_json(f.fake, "/v2/there", 200, "", OPENAI_ANSWER);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	assert_int_equal(client.result->first->attempts, 1);
	assert_non_null(strcasestr(fake_head(f.fake, 2), "authorization: Bearer the-key"));
	assert_true(slice_eq(fake_body(f.fake, 0), fake_body(f.fake, 2)));
	role_client_finish(&client, &f);

	/* another host gets no credential, nor does the way back */
	struct mux_fixture other;
	char elsewhere[64], back[64];
	mux_fixture_begin_runner(&other, toml, NULL);
	fake_destroy(other.fake);
	other.fake = fake_create(f.loop);
	snprintf(elsewhere, sizeof elsewhere, "http://127.0.0.1:%d/moved", fake_port(other.fake));
	snprintf(back, sizeof back, "http://127.0.0.1:%d/home", fake_port(f.fake));
	redirect(&f, NULL, 302, elsewhere);
	redirect(&other, "/moved", 307, back);
	fake_json(f.fake, "/home", 200, "", OPENAI_ANSWER);
	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	assert_null(strcasestr(fake_head(other.fake, 0), "the-key"));
	assert_null(strcasestr(fake_head(other.fake, 0), "mine"));
	assert_null(strcasestr(fake_head(f.fake, 4), "the-key"));
	role_client_finish(&client, &f);
	fake_destroy(other.fake);
	other.fake = fake_create(other.loop);
	mux_fixture_end(&other);

	/* five, and no more */
	for (int i = 0; i < 6; i++) {
		redirect(&f, NULL, 307, "/again");
	}
	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_false(client.result->is_success);
	assert_int_equal(client.result->failure, ROLE_FAILURE_CONFIG);
	assert_int_equal(fake_requests(f.fake), 5 + 6);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_locations(void **state) {
	static const struct {
		const char *from, *location, *to; /* NULL: nowhere */
		bool is_same_origin;
	} rows[] = {
		{"http://h:1/a/b?q", "/c", "http://h:1/c", true},
		{"http://h:1/a/b?q=/x", "c", "http://h:1/a/c", true},
		{"http://h:1/a/b?q", "?p", "http://h:1/a/b?p", true},
		{"http://h:1/a/", "../c", "http://h:1/a/../c", true},
		{"http://h:1", "c", "http://h:1/c", true},
		{"http://h:1?q", "?p", "http://h:1/?p", true},
		{"http://h:1/a", "HTTP://H:1/b", "HTTP://H:1/b", true},
		{"http://h:1/a", "http://h:2/b", "http://h:2/b", false},
		{"http://h/a", "https://h/a", "https://h/a", false},
		{"https://h/a", "//other/b", "https://other/b", false},
		{"https://h/a", "https://h@other/b", "https://h@other/b", false},
		{"https://h/a", "https://h.other/b", "https://h.other/b", false},
		{"https://h/a", "https://", "https://", false},
		{"https://h/a", "ftp://h/b", NULL, false},
		{"https://h/a", "  ", NULL, false},
		{"https://h/a", "b?to=ftp://x", "https://h/b?to=ftp://x", true},
	};
	static const int statuses[] = {300, 303, 304, 200, 404};
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_headers headers = {0};
		bool is_same_origin = false;
		http_headers_add(&arena, &headers, SLICE("Location"), slice_of(rows[i].location));
		const char *to =
			upstream_redirect(308, &headers, rows[i].from, &arena, &is_same_origin);
		if ((to == NULL) != (rows[i].to == NULL) ||
			(to != NULL && (strcmp(to, rows[i].to) != 0 ||
					       is_same_origin != rows[i].is_same_origin))) {
			fail_msg("%s to %s: %s", rows[i].from, rows[i].location,
				to != NULL ? to : "nowhere");
		}
		for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++) {
			assert_null(upstream_redirect(
				statuses[s], &headers, rows[i].from, &arena, &is_same_origin));
		}
	}
	arena_finish(&arena);
}

/* ---- streams, native JSON ---- */

static void test_streams(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, plain, NULL);
	fake_stream(f.fake, NULL, SLICE(STREAM_BEGIN), true); /* broken off: asked again */
	fake_stream(f.fake, NULL, SLICE(STREAM_BEGIN STREAM_REST), false);
	struct role_client client = {.request.streams = true};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "Hello");
	assert_text(buf_slice(&client.streamed), "HelHello");
	assert_text(buf_slice(&client.log), "start a, retry a, start a, end a");
	assert_true(slice_contains(fake_body(f.fake, 0), SLICE("\"stream\":true")));
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_schema(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, plain, NULL);
	fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
	struct role_client client = {.request.schema = SLICE("{\"type\":\"object\"}")};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(slice_contains(fake_body(f.fake, 0),
		SLICE("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
		      "\"output\",\"schema\":{\"type\":\"object\"}}}")));
	role_client_finish(&client, &f);

	static const char *const others[] = {
		"{\"type\":\"array\"}", "{\"type\":[\"object\",\"null\"]}", "{}", "nonsense"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		fake_json(f.fake, NULL, 200, "", OPENAI_ANSWER);
		client = (struct role_client){.request.schema = slice_of(others[i])};
		role_client_ask(&client, &f, ROLE_FIRST, "a");
		assert_true(client.result->is_success);
		assert_false(slice_contains(fake_body(f.fake, i + 1), SLICE("response_format")));
		role_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

/* Anthropic's way to a native JSON mode is a tool whose input is the answer (AN-24). */
static void test_claude_schema(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ntype = \"claude-api\"\nbase_url = \"http://127.0.0.1:PORT\"\n"
		"api_key = \"k\"\nmodel = \"claude-3-haiku\"\n",
		NULL);
	fake_json(f.fake, NULL, 200, "",
		"{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\","
		"\"content\":[{\"type\":\"text\",\"text\":\"{\\\"a\\\":1}\"}],\"stop_reason\":"
		"\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}");
	struct role_client client = {.request.schema = SLICE("{\"type\":\"object\"}")};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "{\"a\":1}");
	assert_true(slice_contains(fake_body(f.fake, 0), SLICE("{\"type\":\"object\"")));
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* Released in every event of attempts that fail, are sent elsewhere, and succeed. */
static void test_release(void **state) {
	struct mux_fixture f;
	(void)state;
	for (size_t at = 0; at < 16; at++) {
		for (int streams = 0; streams < 2; streams++) {
			mux_fixture_begin_runner(&f, plain, NULL);
			fake_json(f.fake, NULL, 503, "", REFUSAL("x"));
			redirect(&f, NULL, 307, "/moved");
			fake_stream(f.fake, NULL, SLICE(STREAM_BEGIN), true);
			fake_stream(f.fake, NULL, SLICE(STREAM_BEGIN STREAM_REST), false);
			struct role_client client = {
				.request.streams = streams != 0, .release_at = at};
			role_client_begin(&client, &f, ROLE_FIRST, "a");
			for (size_t turns = 0; at == 0 && turns < 5; turns++) {
				run_turn(f.loop);
			}
			if (at > 0) {
				role_client_wait(&client, &f);
			}
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
}

/* Rank 23: what does not fit is not sent. */
static void test_prompt_limit(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"http://127.0.0.1:PORT\"\nmax_prompt_tokens = 2\n", NULL);
	struct role_client client = {.request.prompt = SLICE("rather more than two tokens")};
	role_client_ask(&client, &f, ROLE_FALLBACK, "a,demo/echo");
	assert_true(client.result->is_success);
	assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_CONFIG);
	assert_says(client.result->answers[0].error.message, "max_prompt_tokens allows 2");
	assert_int_equal(fake_requests(f.fake), 0);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- for doctor ---- */

struct probed {
	bool is_done;
	struct error error;
	struct role_probe *probe;
};

static void on_probed(void *data, const struct error *error) {
	struct probed *probed = data;
	assert_false(probed->is_done);
	probed->is_done = true;
	if (error != NULL) {
		probed->error = *error;
	}
	role_probe_release(probed->probe);
}

static void test_probe(void **state) {
	static const struct {
		const char *name, *says; /* NULL: all is well */
	} rows[] = {{"a", NULL}, {"a", "HTTP 401"}, {"gone", "onnect"}, {"unset", "NOWHERE"},
		{"demo/echo", NULL}, {"nobody", "no backend"}, {"fake", NULL}};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"http://127.0.0.1:PORT/v1/chat/completions\"\n"
		"api_key = \"the-key\"\n"
		"[backends.gone]\ncommand = \"http://127.0.0.1:1\"\n"
		"[backends.unset]\ncommand = \"http://127.0.0.1:1\"\napi_key = \"${NOWHERE}\"\n"
		"[backends.fake]\ntype = \"mock\"\n",
		NULL);
	fake_json(f.fake, "GET /v1/models ", 200, "", "{}");
	fake_json(f.fake, "GET /v1/models ", 401, "", "{}");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct probed probed = {0};
		probed.probe = role_probe_start(f.mux_loop, rows[i].name, on_probed, &probed);
		while (!probed.is_done) {
			run_turn(f.loop);
		}
		assert_int_equal(probed.error.kind == ERROR_NONE, rows[i].says == NULL);
		if (rows[i].says != NULL) {
			assert_says(probed.error.message, rows[i].says);
		}
	}
	assert_non_null(strcasestr(fake_head(f.fake, 0), "authorization: Bearer the-key"));
	struct probed left = {0};
	role_probe_release(role_probe_start(f.mux_loop, "gone", on_probed, &left));
	mux_fixture_end(&f);
}

int test_backends(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_url_forms),
		cmocka_unit_test(test_claude),
		cmocka_unit_test(test_unset),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_claude_schema),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_prompt_limit),
		cmocka_unit_test(test_probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
