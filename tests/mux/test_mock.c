/* test_mock.c: canned replies (issue 4, 11). */
#include "config/runner.h"
#include "mux/role_help.h"

int test_mock(void);

static void ask(struct role_client *client, struct mux_fixture *f, const char *prompt) {
	*client = (struct role_client){.request.prompt = slice_of(prompt)};
	role_client_ask(client, f, ROLE_FIRST, "m");
}

static void expect(struct mux_fixture *f, const char *prompt, const char *text) {
	struct role_client client;
	ask(&client, f, prompt);
	if (!client.result->is_success) {
		fail_msg("%s: %s", prompt, client.result->error.message);
	}
	assert_text(client.result->first->text, text);
	role_client_finish(&client, f);
}

static void test_choice(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[[backends.m.replies]]\nmatch = '(?i)^review\\b'\ntext = \"fine\"\n"
		"[[backends.m.replies]]\nmatch = 'two'\ntimes = 2\ntext = \"twice\"\n"
		"[[backends.m.replies]]\nmatch = 'two|empty'\ntext = \"\"\n"
		"[backends.m]\ntype = \"mock\"\nmodel = \"canned\"\n",
		NULL);
	expect(&f, "REVIEW this", "fine");
	expect(&f, "one two", "twice");
	expect(&f, "two", "twice");
	expect(&f, "two", "");
	struct role_client client;
	ask(&client, &f, "empty");
	assert_true(client.result->is_success);
	assert_text(client.result->first->model, "canned");
	assert_text(client.result->first->warning, "the answer is empty");
	role_client_finish(&client, &f);

	/* what a test lacks: the prompt's first line */
	ask(&client, &f, "\n nothing for me \nsecond line");
	assert_int_equal(client.result->failure, ROLE_FAILURE_CONFIG);
	assert_says(client.result->error.message, "the mock `m` has no reply for: nothing for me");
	assert_null(strstr(client.result->error.message, "second"));
	assert_int_equal(client.result->answers[0].attempts, 1);
	role_client_finish(&client, &f);
	ask(&client, &f,
		"re\xff"
		"view two");
	assert_false(client.result->is_success); /* no text for an expression */
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_failures(void **state) {
	static const struct {
		const char *name;
		enum role_failure failure;
	} rows[] = {
		{"timeout", ROLE_FAILURE_TIMEOUT},
		{"rate_limit", ROLE_FAILURE_RATE_LIMIT},
		{"network", ROLE_FAILURE_NETWORK},
		{"unavailable", ROLE_FAILURE_UNAVAILABLE},
		{"parse_error", ROLE_FAILURE_PARSE},
		{"auth_error", ROLE_FAILURE_AUTH},
		{"config_error", ROLE_FAILURE_CONFIG},
		{"execution", ROLE_FAILURE_EXECUTION},
	};
	struct mux_fixture f;
	struct role_client client;
	struct buf toml;
	(void)state;
	buf_init(&toml, 0);
	buf_append_str(&toml, "[backends.m]\ntype = \"mock\"\nmax_retries = 0\nreplies = [\n");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_printf(&toml, "  { match = \"^%s$\", error = \"%s\", text = \"%s\" },\n",
			rows[i].name, rows[i].name, i % 2 ? "half" : "");
	}
	buf_append_str(&toml, "]\n");
	buf_append_byte(&toml, '\0');
	mux_fixture_begin_runner(&f, toml.data, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask(&client, &f, rows[i].name);
		assert_int_equal(client.result->failure, rows[i].failure);
		assert_text(client.result->answers[0].text, i % 2 ? "half" : "");
		role_client_finish(&client, &f);
	}
	buf_finish(&toml);
	mux_fixture_end(&f);
}

static void test_stream(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.m]\ntype = \"mock\"\nreplies = [{ text = \"one  two\\nthree \" }]\n",
		NULL);
	struct role_client client = {.request.streams = true};
	role_client_ask(&client, &f, ROLE_FIRST, "m");
	assert_text(client.result->first->text, "one  two\nthree ");
	assert_text(buf_slice(&client.streamed), "one  two\nthree ");
	assert_int_equal(client.events, 3 + 4); /* start, end, done, and the pieces */
	assert_true(client.result->first->usage.output_total > 0);
	assert_true(client.result->first->usage.is_estimated);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* A delay longer than the backend's timeout is a timeout. */
static void test_delay(void **state) {
	struct mux_fixture f;
	struct role_client client;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.m]\ntype = \"mock\"\ntimeout = \"20ms\"\nreplies = [\n"
		"  { match = \"late\", delay = \"1h\", text = \"x\" }, { delay = 5, text = \"y\" "
		"}]\n",
		NULL);
	expect(&f, "soon", "y");
	ask(&client, &f, "late");
	assert_int_equal(client.result->failure, ROLE_FAILURE_TIMEOUT);
	assert_says(client.result->error.message, "the backend's timeout of 20ms");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_bad_expression(void **state) {
	struct mux_fixture f;
	struct role_client client;
	struct arena arena;
	struct error error;
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.m]\ntype = \"mock\"\nreplies = [\"x\", { match = \"a(b\", text = \"y\" "
		"}]\n",
		NULL);
	ask(&client, &f, "anything");
	assert_int_equal(client.result->failure, ROLE_FAILURE_UNAVAILABLE);
	assert_says(client.result->error.message, "`match` of reply 2 of the mock `m` (");
	assert_says(client.result->error.message, ".toml:3");
	role_client_finish(&client, &f);
	arena_init(&arena, NULL, 0);
	assert_false(role_backend_is_available(f.mux, "m", &arena, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	arena_finish(&arena);
	mux_fixture_end(&f);
}

int test_mock(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_bad_expression),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
