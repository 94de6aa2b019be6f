/* test_role.c: the modes of roles over models of the registry, which need no configuration
 * (workflows.md 3.2, 3.3). */
#include <stdio.h>

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
	assert_true(result->answers[1].is_cancelled);
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
	assert_text(buf_slice(&client.log),
		"start demo/slow, start demo/echo, end demo/echo, end demo/slow");
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
	assert_says(client.result->error.message, "it may be asked again in ");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- backends that fail as they are told ---- */

static const char mocks[] =
	"[backends.ok]\ntype = \"mock\"\nreplies = [\"one two three\"]\n"
	"[backends.late]\ntype = \"mock\"\nretry_delay = 1\nreplies = [\n"
	"  { error = \"network\", times = 2 }, { text = \"half\", error = \"rate_limit\", times = "
	"1 },\n"
	"  \"at last\" ]\n"
	"[backends.never]\ntype = \"mock\"\nretry_delay = 1\nmax_retries = 1\n"
	"replies = [{ error = \"network\" }]\n"
	"[backends.silent]\ntype = \"mock\"\nreplies = [{ delay = \"1h\", text = \"x\" }]\n"
	"[backends.sleeps]\ncommand = \"sh\"\nargs = [\"-c\", \"echo some; echo what >&2; sleep "
	"60\", "
	"\"sh\"]\nkill_grace_ms = 10\n"
	"[backends.prints]\ncommand = \"sh\"\nargs = [\"-c\", \"echo one; echo two; exit 3\", "
	"\"sh\"]\n"
	"[backends.exits]\ntype = \"mock\"\nreplies = [{ error = \"execution\" }]\n";

static void test_attempts(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, mocks, NULL);
	struct role_client client = {.request.streams = true};
	role_client_ask(&client, &f, ROLE_FALLBACK, "never,exits,late");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_text(result->first->text, "at last");
	assert_int_equal(result->first->attempts, 4);
	assert_int_equal(result->first->max_attempts, 4);
	assert_int_equal(result->answers[0].failure, ROLE_FAILURE_NETWORK);
	assert_int_equal(result->answers[0].error.kind, ERROR_NETWORK);
	assert_text(result->answers[0].reason,
		"never: network, 2 attempts: network, network: the mock was told to fail: network");
	assert_int_equal(result->answers[1].failure, ROLE_FAILURE_EXECUTION);
	assert_int_equal(result->answers[1].exit_code, 1);
	assert_text(result->answers[1].reason,
		"exits: execution (exit code 1), 1 attempt: the mock was told to fail: execution");
	assert_text(buf_slice(&client.streamed), "halfat last");
	assert_text(buf_slice(&client.log),
		"start never, retry never, start never, end never, start exits, end exits, start "
		"late, retry late, start late, retry late, start late, retry late, start late, end "
		"late");
	assert_int_equal(client.retries, 4);
	assert_true(client.waits_ms[3] >= 4 && client.waits_ms[3] <= 5);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static bool refuse_short(void *data, struct slice text, struct error *error) {
	(void)data;
	return text.len > 5 || error_set(error, ERROR_VERIFICATION, "/0: too short");
}

/* 2.7: a backend whose text is refused has failed, and is not asked again here. */
static void test_accept(void **state) {
	static const char toml[] = "[backends.a]\ntype = \"mock\"\nreplies = [\"short\"]\n"
				   "[backends.b]\ntype = \"mock\"\nreplies = [\"long enough\"]\n";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, NULL);
	struct role_client client = {.request.accept = refuse_short, .plan.min_success = 1};
	role_client_ask(&client, &f, ROLE_PARALLEL, "a,b");
	const struct role_result *result = client.result;
	assert_true(result->is_success);
	assert_ptr_equal(result->first, &result->answers[1]);
	assert_int_equal(result->answers[0].failure, ROLE_FAILURE_PARSE);
	assert_text(result->answers[0].text, "short");
	assert_int_equal(result->answers[0].attempts, 1);
	assert_says(result->answers[0].error.message, "parse_error, 1 attempt: /0: too short");
	role_client_finish(&client, &f);

	client = (struct role_client){.request.accept = refuse_short, .plan.min_success = 2};
	role_client_ask(&client, &f, ROLE_PARALLEL, "a,b");
	assert_false(client.result->is_success);
	assert_int_equal(client.result->failure, ROLE_FAILURE_PARSE);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* The global cap, and that of a backend: never more at once, everybody's turn comes. */
static void test_caps(void **state) {
	static const struct {
		const char *settings;
		size_t most;
	} rows[] = {{"[defaults]\nmax_concurrent = 2\n", 2}, {"", 6}};
	struct mux_fixture f;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int own = 0; own < 2; own++) {
			char toml[1024];
			size_t most = own && rows[i].most > 3 ? 3 : rows[i].most;
			snprintf(toml, sizeof toml,
				"%s[backends.a]\ntype = \"mock\"\n%sreplies = [{ delay = 4, text = "
				"\"x\" }]\n",
				rows[i].settings, own ? "max_concurrent = 3\n" : "");
			mux_fixture_begin_runner(&f, toml, NULL);
			struct role_client clients[6] = {0};
			for (size_t c = 0; c < 6; c++) {
				role_client_begin(&clients[c], &f, ROLE_FIRST, "a");
			}
			size_t peak = 0;
			for (bool is_done = false; !is_done;) {
				size_t running = 0;
				run_turn(f.loop);
				is_done = true;
				for (size_t c = 0; c < 6; c++) {
					bool has_begun = clients[c].log.len > 0;
					running += has_begun && clients[c].result == NULL ? 1 : 0;
					is_done &= clients[c].result != NULL;
					/* in order of arrival */
					assert_true(
						c == 0 || !has_begun || clients[c - 1].log.len > 0);
				}
				peak = running > peak ? running : peak;
			}
			assert_int_equal(peak, most);
			for (size_t c = 0; c < 6; c++) {
				assert_true(clients[c].result->is_success);
				role_client_finish(&clients[c], &f);
			}
			mux_fixture_end(&f);
		}
	}
}

/* Who waits for a turn can leave, and runs out of time; the next one is not held up. */
static void test_waiting(void **state) {
	static const char toml[] =
		"[backends.a]\ntype = \"mock\"\nmax_concurrent = 1\nreplies = [\n"
		"  { match = \"slow\", delay = 60, text = \"x\" }, \"y\" ]\n";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, NULL);
	struct role_client slow = {.request.prompt = SLICE("slow")};
	struct role_client leaves = {0}, late = {0}, last = {0};
	late.request.deadline_ms = loop_now_ms(f.loop) + 10;
	role_client_begin(&slow, &f, ROLE_FIRST, "a");
	role_client_begin(&leaves, &f, ROLE_FIRST, "a");
	role_client_begin(&late, &f, ROLE_FALLBACK, "a,a");
	role_client_begin(&last, &f, ROLE_FIRST, "a");
	run_turn(f.loop);
	leaves.is_released = true;
	role_call_release(leaves.call);
	role_client_wait(&last, &f);
	assert_non_null(slow.result);
	assert_true(slow.result->is_success);
	assert_true(last.result->is_success);
	assert_int_equal(leaves.events, 0);
	assert_int_equal(late.result->failure, ROLE_FAILURE_TIMEOUT);
	assert_int_equal(late.result->answers[0].failure, ROLE_FAILURE_TIMEOUT);
	assert_false(late.result->answers[0].was_asked);
	assert_says(late.result->answers[0].reason.data, "while it waited for its turn");
	assert_text(buf_slice(&late.log), "end a");
	role_client_finish(&slow, &f);
	role_client_finish(&leaves, &f);
	role_client_finish(&late, &f);
	role_client_finish(&last, &f);
	mux_fixture_end(&f);
}

/* requests_per_minute: the next one would have to wait for most of a minute. */
static void test_per_minute(void **state) {
	static const char toml[] =
		"[backends.a]\ntype = \"mock\"\nrequests_per_minute = 1\nreplies = [\"y\"]\n";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, NULL);
	struct role_client client = {0};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_true(client.result->is_success);
	role_client_finish(&client, &f);
	client = (struct role_client){.request.deadline_ms = loop_now_ms(f.loop) + 2000};
	role_client_ask(&client, &f, ROLE_FIRST, "a");
	assert_int_equal(client.result->failure, ROLE_FAILURE_RATE_LIMIT);
	assert_false(client.result->answers[0].was_asked);
	assert_says(client.result->error.message, "requests_per_minute");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* Rank 20: a rate limit that one call met holds the others back too. */
static void test_shared_pause(void **state) {
	static const char toml[] = "[backends.a]\ntype = \"mock\"\nretry_delay = 40\nreplies = [\n"
				   "  { error = \"rate_limit\", times = 1 }, \"y\" ]\n"
				   "[backends.b]\ntype = \"mock\"\nreplies = [\"z\"]\n";
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin_runner(&f, toml, NULL);
	struct role_client first = {0}, second = {0}, other = {0};
	role_client_begin(&first, &f, ROLE_FIRST, "a");
	while (first.retries == 0) {
		run_turn(f.loop);
	}
	role_client_begin(&second, &f, ROLE_FIRST, "a");
	role_client_begin(&other, &f, ROLE_FIRST, "b");
	role_client_wait(&other, &f);
	assert_int_equal(second.log.len, 0);
	role_client_wait(&second, &f);
	role_client_wait(&first, &f);
	assert_int_equal(second.result->first->attempts, 1);
	assert_int_equal(first.result->first->attempts, 2);
	role_client_finish(&first, &f);
	role_client_finish(&second, &f);
	role_client_finish(&other, &f);
	mux_fixture_end(&f);
}

/* Released in every event, and before the first: nothing follows, nothing is lost. */
static void test_release(void **state) {
	struct mux_fixture f;
	(void)state;
	for (size_t at = 0; at < 30; at++) {
		for (int mode = ROLE_FIRST; mode <= ROLE_PARALLEL; mode++) {
			mux_fixture_begin_runner(&f, mocks, NULL);
			struct role_client client = {.request.streams = true,
				.request.accept = refuse_short,
				.plan.first_falls_over = true,
				.plan.cancels_rest = true,
				.plan.min_success = 2,
				.release_at = at};
			role_client_begin(&client, &f, (enum role_mode)mode,
				"nobody,never,exits,prints,demo/truncated,late,ok,silent,sleeps");
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
	for (int turns = 0; turns < 12; turns++) {
		mux_fixture_begin_runner(&f, mocks, NULL);
		struct role_client client = {0};
		role_client_begin(&client, &f, ROLE_PARALLEL,
			"demo/slow,never,ok,late,silent,nobody,prints,sleeps");
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
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_per_minute),
		cmocka_unit_test(test_shared_pause),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_abandoned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
