/* test_role.c: the modes of roles over models of the registry, which need no configuration
 * (workflows.md 3.2, 3.3). */
#include "mux/role_help.h"

int test_role(void);

static const char nothing[] = "request-retry: 0\n";

static void test_first(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/echo,demo/think");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_int_equal(result->count, 2);
	assert_ptr_equal(result->first, &result->answers[0]);
	assert_text(result->answers[0].text, "[demo] Hello there");
	assert_text(result->answers[0].model, "demo/echo");
	assert_int_equal(result->answers[0].attempts, 1);
	assert_true(result->answers[0].usage.output_total > 0);
	assert_false(result->answers[1].was_asked);
	assert_text(buf_slice(&client.log), "start demo/echo, end demo/echo");
	role_client_finish(&client, &f);

	/* D2: what cannot be asked is passed over; a failure is final */
	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "nobody,x/y,demo/echo");
	result = client.result;
	assert_true(result->is_success);
	assert_ptr_equal(result->first, &result->answers[2]);
	assert_int_equal(result->answers[0].failure, ROLE_FAILURE_UNAVAILABLE);
	assert_says(result->answers[0].error.message, "no backend `nobody`");
	assert_false(result->answers[1].was_asked);
	assert_text(buf_slice(&client.log), "end nobody, end x/y, start demo/echo, end demo/echo");
	role_client_finish(&client, &f);

	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/error-401,demo/echo");
	result = client.result;
	assert_false(result->is_success);
	assert_null(result->first);
	assert_int_equal(result->failure, ROLE_FAILURE_AUTH);
	assert_false(result->answers[1].was_asked);
	assert_says(result->error.message, "demo/error-401: auth_error, 1 attempt: [demo]");
	role_client_finish(&client, &f);

	/* defaults.first_falls_over */
	client = (struct role_client){.plan.first_falls_over = true};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/error-401,demo/echo");
	assert_true(client.result->is_success);
	assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_AUTH);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_fallback(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FALLBACK, "demo/error-404,demo/error-401,demo/echo");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_ptr_equal(result->first, &result->answers[2]);
	assert_int_equal(result->answers[0].failure, ROLE_FAILURE_CONFIG);
	assert_int_equal(result->answers[1].failure, ROLE_FAILURE_AUTH);
	assert_text(slice_sub(result->answers[0].reason, 0, 38),
		"demo/error-404: config_error, 1 attemp");
	role_client_finish(&client, &f);

	client = (struct role_client){0};
	role_client_ask(&client, &f, ROLE_FALLBACK, "demo/error-404,nobody");
	result = client.result;
	assert_false(result->is_success);
	assert_int_equal(result->failure, ROLE_FAILURE_CONFIG);
	assert_says(result->error.message, "the role: no backend answered\n  demo/error-404: ");
	assert_says(result->error.message, "\n  nobody: not asked, unavailable: ");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_parallel(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	/* answers in the plan's order, whatever order they came in */
	struct role_client client = {.plan.min_success = 2};
	role_client_ask(&client, &f, ROLE_PARALLEL, "demo/slow,demo/error-401,demo/echo");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_ptr_equal(result->first, &result->answers[0]);
	assert_text(result->answers[2].text, "[demo] Hello there");
	assert_text(buf_slice(&client.log),
		"start demo/slow, start demo/error-401, start demo/echo, end demo/error-401, "
		"end demo/echo, end demo/slow");
	role_client_finish(&client, &f);

	client = (struct role_client){.plan.min_success = 2};
	role_client_ask(&client, &f, ROLE_PARALLEL, "demo/error-404,demo/error-401,demo/echo");
	result = client.result;
	assert_false(result->is_success);
	assert_ptr_equal(result->first, &result->answers[2]);
	assert_says(result->error.message, "the role: 1 of 3 backends succeeded, 2 must");
	assert_says(result->error.message, "\n  demo/error-404: ");
	assert_says(result->error.message, "\n  demo/error-401: ");
	role_client_finish(&client, &f);

	/* the slow one is not waited for */
	client = (struct role_client){.plan.cancels_rest = true, .request.streams = true};
	role_client_ask(&client, &f, ROLE_PARALLEL, "demo/slow,demo/echo");
	result = client.result;
	assert_true(result->is_success);
	assert_true(result->answers[0].is_cancelled);
	assert_true(result->answers[0].was_asked);
	assert_false(result->answers[0].is_success);
	assert_ptr_equal(result->first, &result->answers[1]);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void test_nothing_to_ask(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	for (int mode = ROLE_FIRST; mode <= ROLE_PARALLEL; mode++) {
		struct role_client client = {0};
		role_client_ask(&client, &f, (enum role_mode)mode, "");
		assert_false(client.result->is_success);
		assert_says(client.result->error.message, "the role has no backends");
		role_client_finish(&client, &f);

		client = (struct role_client){0};
		role_client_ask(&client, &f, (enum role_mode)mode, "a,b");
		assert_false(client.result->is_success);
		assert_int_equal(client.result->failure, ROLE_FAILURE_UNAVAILABLE);
		assert_int_equal(client.result->error.kind, ERROR_UNAVAILABLE);
		assert_says(
			client.result->error.message, "no backend can be asked\n  a: not asked");
		assert_says(client.result->error.message, "\n  b: not asked");
		role_client_finish(&client, &f);
	}
	mux_fixture_end(&f);
}

static void test_stream(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	struct role_client client = {.request.streams = true};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/think");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "[demo] Hello there");
	assert_text(buf_slice(&client.streamed), "[demo] Hello there");
	assert_true(client.events > 4);
	role_client_finish(&client, &f);

	/* what was said before it broke off is kept */
	client = (struct role_client){.request.streams = true};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/truncated");
	assert_false(client.result->is_success);
	assert_true(client.result->answers[0].text.len > 0);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* The time of the call ends what runs, what waits, and what would come next. */
static void test_deadline(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, nothing);
	struct role_client client = {.request.streams = true,
		.request.deadline_ms = loop_now_ms(f.loop) + 300,
		.request.prompt = SLICE("one two three four five six seven eight nine ten")};
	role_client_ask(&client, &f, ROLE_FALLBACK, "demo/slow,demo/echo");
	const struct role_result *result = client.result;
	assert_false(result->is_success);
	assert_int_equal(result->failure, ROLE_FAILURE_TIMEOUT);
	assert_int_equal(result->error.kind, ERROR_TIMEOUT);
	assert_says(result->error.message, "timeout, the time limit of the step, 1 attempt");
	assert_false(result->answers[1].was_asked);
	assert_true(slice_starts_with(result->answers[0].text, SLICE("[demo]")));
	role_client_finish(&client, &f);

	/* a wait that leads beyond it is not begun (2.4) */
	client = (struct role_client){.request.deadline_ms = loop_now_ms(f.loop) + 1000};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/error-429");
	assert_false(client.result->is_success);
	assert_int_equal(client.retries, 0);
	assert_int_equal(client.result->failure, ROLE_FAILURE_RATE_LIMIT);
	assert_says(client.result->error.message, "not tried again, because the wait of 2s");
	role_client_finish(&client, &f);

	/* rank 20: the next call is not sent into the pause either */
	client = (struct role_client){.request.deadline_ms = loop_now_ms(f.loop) + 1000};
	role_client_ask(&client, &f, ROLE_FIRST, "demo/error-429");
	assert_false(client.result->answers[0].was_asked);
	assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_RATE_LIMIT);
	assert_says(client.result->error.message, "asked for a pause");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* Released in every event, and before the first: nothing follows, nothing is lost. */
static void test_release(void **state) {
	struct mux_fixture f;
	(void)state;
	for (size_t at = 0; at < 40; at++) {
		for (int mode = ROLE_FIRST; mode <= ROLE_PARALLEL; mode++) {
			mux_fixture_begin(&f, nothing);
			struct role_client client = {.request.streams = true, .release_at = at};
			role_client_begin(&client, &f, (enum role_mode)mode,
				"nobody,demo/truncated,demo/error-401,demo/think");
			if (at > 0) {
				role_client_wait(&client, &f);
			}
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
}

/* The loop may go first. */
static void test_abandoned(void **state) {
	struct mux_fixture f;
	(void)state;
	for (int turns = 0; turns < 4; turns++) {
		mux_fixture_begin(&f, nothing);
		struct role_client client = {0};
		role_client_begin(&client, &f, ROLE_PARALLEL, "demo/slow,demo/error-429,demo/echo");
		for (int i = 0; i < turns; i++) {
			run_turn(f.loop);
		}
		mux_loop_destroy(f.mux_loop);
		f.mux_loop = NULL;
		assert_null(client.result);
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

int test_role(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_nothing_to_ask),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_abandoned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
