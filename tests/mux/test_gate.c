/* test_gate.c: whose turn it is (workflows.md 11, rank 7 and 20), and how long a wait is (2.4). */
#include "mux/mux_help.h"
#include "mux/role_internal.h"

int test_gate(void);

#define WAITERS 8

struct crowd {
	struct loop *loop;
	struct gate gate;
	struct gate_lane lanes[2];
	struct gate_waiter waiters[WAITERS];
	char turns[WAITERS * 4]; /* "abc": who got a turn, in order */
};

static void on_turn(struct gate_waiter *waiter) {
	struct crowd *crowd = waiter->data;
	char name[] = {(char)('a' + (waiter - crowd->waiters)), '\0'};
	strcat(crowd->turns, name);
}

static void begin(struct crowd *crowd, uint64_t limit, uint64_t of_first, uint64_t per_minute) {
	struct error error;
	*crowd = (struct crowd){0};
	crowd->loop = loop_create(&error);
	gate_init(&crowd->gate, crowd->loop, limit);
	gate_add_lane(&crowd->gate, &crowd->lanes[0], of_first, per_minute);
	gate_add_lane(&crowd->gate, &crowd->lanes[1], 0, 0);
	for (size_t i = 0; i < WAITERS; i++) {
		crowd->waiters[i] = (struct gate_waiter){.on_turn = on_turn, .data = crowd};
	}
}

static void finish(struct crowd *crowd) {
	gate_finish(&crowd->gate);
	gate_lane_finish(&crowd->lanes[0]);
	gate_lane_finish(&crowd->lanes[1]);
	loop_destroy(crowd->loop);
}

static void expect(struct crowd *crowd, const char *turns) {
	run_turn(crowd->loop);
	assert_string_equal(crowd->turns, turns);
}

/* A lane that is full holds nobody up but its own; the first come are the first served. */
static void test_order(void **state) {
	struct crowd crowd;
	(void)state;
	begin(&crowd, 3, 1, 0);
	for (size_t i = 0; i < WAITERS; i++) {
		gate_enter(&crowd.lanes[i / 2 % 2], &crowd.waiters[i]); /* ab ef: the first lane */
	}
	assert_string_equal(crowd.turns, "");
	expect(&crowd, "acd");
	gate_leave(&crowd.waiters[2]);
	gate_leave(&crowd.waiters[2]);
	expect(&crowd, "acdg");
	gate_leave(&crowd.waiters[1]); /* it did not wait to the end */
	gate_leave(&crowd.waiters[0]);
	expect(&crowd, "acdge");
	gate_leave(&crowd.waiters[3]);
	gate_leave(&crowd.waiters[4]);
	gate_leave(&crowd.waiters[6]);
	expect(&crowd, "acdgefh");
	gate_leave(&crowd.waiters[5]);
	gate_leave(&crowd.waiters[7]);
	assert_int_equal(crowd.gate.running, 0);
	assert_int_equal(crowd.lanes[0].running, 0);
	finish(&crowd);
}

static void test_pause(void **state) {
	struct crowd crowd;
	(void)state;
	begin(&crowd, 0, 0, 0);
	uint64_t now_ms = loop_now_ms(crowd.loop);
	gate_pause(&crowd.lanes[0], now_ms + 50);
	gate_pause(&crowd.lanes[0], now_ms + 10); /* the longer one stays */
	assert_int_equal(gate_opens_at_ms(&crowd.lanes[0]), now_ms + 50);
	assert_int_equal(gate_opens_at_ms(&crowd.lanes[1]), 0);
	gate_enter(&crowd.lanes[0], &crowd.waiters[0]);
	gate_enter(&crowd.lanes[1], &crowd.waiters[1]);
	expect(&crowd, "b");
	while (strcmp(crowd.turns, "b") == 0) {
		run_turn(crowd.loop);
	}
	assert_string_equal(crowd.turns, "ba");
	assert_true(loop_now_ms(crowd.loop) >= now_ms + 50);
	finish(&crowd);
}

/* So many in any 60 seconds; the clock is turned by moving the starts back. */
static void test_per_minute(void **state) {
	struct crowd crowd;
	(void)state;
	begin(&crowd, 0, 0, 3);
	for (size_t i = 0; i < WAITERS; i++) {
		gate_enter(&crowd.lanes[0], &crowd.waiters[i]);
	}
	expect(&crowd, "abc");
	for (size_t i = 0; i < 3; i++) {
		gate_leave(&crowd.waiters[i]); /* over, but started */
	}
	expect(&crowd, "abc");
	assert_true(loop_timer_is_armed(&crowd.gate.timer));
	uint64_t opens_ms = gate_opens_at_ms(&crowd.lanes[0]);
	assert_int_equal(opens_ms, crowd.lanes[0].starts_ms[0] + GATE_MINUTE_MS);
	for (size_t i = 0; i < 3; i++) {
		crowd.lanes[0].starts_ms[i] += i; /* one after the other */
	}
	for (size_t i = 0; i < 2; i++) {
		crowd.lanes[0].starts_ms[i] -= GATE_MINUTE_MS + 1000;
	}
	gate_pause(&crowd.lanes[0], 1); /* long over: looks again */
	expect(&crowd, "abcde");
	finish(&crowd);

	/* no limit that could be met */
	begin(&crowd, 0, 0, GATE_MAX_PER_MINUTE + 1);
	assert_null(crowd.lanes[0].starts_ms);
	finish(&crowd);
}

/* ---- waits ---- */

static void test_backoff(void **state) {
	static const struct {
		uint64_t base_ms;
		unsigned attempt;
		uint64_t least_ms;
	} rows[] = {{1000, 0, 1000}, {1000, 1, 2000}, {1000, 5, 32000}, {1000, 6, 60000},
		{1000, 4000000000, 60000}, {70000, 0, 60000}, {UINT64_MAX, 3, 60000}, {0, 9, 0},
		{1, 15, 32768}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t least = retry_backoff_ms(rows[i].base_ms, rows[i].attempt, 0);
		uint64_t most =
			retry_backoff_ms(rows[i].base_ms, rows[i].attempt, RETRY_JITTER_ONE - 1);
		assert_int_equal(least, rows[i].least_ms);
		assert_true(most >= least && most <= least + least / 4);
		assert_true(least < 8 || most > least + least / 5);
	}
}

/* What a server says is taken without jitter, from nothing to five minutes. */
static void test_server_wait(void **state) {
	static const struct {
		int64_t told_ms;
		uint64_t wait_ms;
	} rows[] = {{0, 0}, {1, 1}, {299999, 299999}, {300000, 300000}, {300001, 300000},
		{INT64_MAX, 300000}, {-1, 1000}};
	const struct runner_backend settings = {.retry_delay_ms = 1000};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error error = {.retry_after_ms = rows[i].told_ms};
		assert_int_equal(retry_wait_ms(&error, &settings, 0, 0), rows[i].wait_ms);
	}
}

/* 2.2, 2.4 */
static void test_classes(void **state) {
	static const struct {
		enum error_kind kind;
		int status;
		bool was_cut;
		int exit_code; /* -1: no program */
		enum role_failure failure;
	} rows[] = {
		{ERROR_UPSTREAM_CREDENTIAL, 401, false, -1, ROLE_FAILURE_AUTH},
		{ERROR_PERMISSION, 403, false, -1, ROLE_FAILURE_AUTH},
		{ERROR_UPSTREAM_CREDENTIAL, 400, false, -1, ROLE_FAILURE_AUTH},
		{ERROR_TIMEOUT, 408, false, -1, ROLE_FAILURE_TIMEOUT},
		{ERROR_TIMEOUT, 504, false, -1, ROLE_FAILURE_TIMEOUT},
		{ERROR_TIMEOUT, 524, false, -1, ROLE_FAILURE_NETWORK},
		{ERROR_RATE_LIMIT, 429, false, -1, ROLE_FAILURE_RATE_LIMIT},
		{ERROR_QUOTA, 429, false, -1, ROLE_FAILURE_RATE_LIMIT},
		{ERROR_OVERLOADED, 529, false, -1, ROLE_FAILURE_RATE_LIMIT},
		{ERROR_OVERLOADED, 200, false, -1, ROLE_FAILURE_RATE_LIMIT},
		{ERROR_INVALID_REQUEST, 400, false, -1, ROLE_FAILURE_CONFIG},
		{ERROR_BILLING, 402, false, -1, ROLE_FAILURE_CONFIG},
		{ERROR_UNPROCESSABLE, 422, false, -1, ROLE_FAILURE_CONFIG},
		{ERROR_UPSTREAM_PROTOCOL, 308, false, -1, ROLE_FAILURE_CONFIG},
		{ERROR_INTERNAL, 500, false, -1, ROLE_FAILURE_NETWORK},
		{ERROR_NOT_SUPPORTED, 501, false, -1, ROLE_FAILURE_NETWORK},
		{ERROR_UNAVAILABLE, 503, false, -1, ROLE_FAILURE_NETWORK},
		{ERROR_NETWORK, 0, false, -1, ROLE_FAILURE_NETWORK},
		{ERROR_UPSTREAM_PROTOCOL, 200, true, -1, ROLE_FAILURE_NETWORK},
		{ERROR_UPSTREAM_PROTOCOL, 200, false, -1, ROLE_FAILURE_PARSE},
		{ERROR_TIMEOUT, 200, false, -1, ROLE_FAILURE_TIMEOUT},
		{ERROR_UNAVAILABLE, 0, false, -1, ROLE_FAILURE_UNAVAILABLE},
		{ERROR_CONFIGURATION, 0, false, -1, ROLE_FAILURE_CONFIG},
		{ERROR_INTERNAL, 0, false, 3, ROLE_FAILURE_EXECUTION},
		{ERROR_RATE_LIMIT, 0, false, 1, ROLE_FAILURE_RATE_LIMIT},
		{ERROR_NETWORK, 0, false, 1, ROLE_FAILURE_NETWORK},
		{ERROR_UPSTREAM_CREDENTIAL, 0, false, 1, ROLE_FAILURE_AUTH},
		{ERROR_TOO_LARGE, 0, false, 137, ROLE_FAILURE_EXECUTION},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct command_outcome outcome = {.exit_code = rows[i].exit_code};
		const struct mux_report report = {.upstream_status = rows[i].status,
			.was_cut = rows[i].was_cut,
			.command = rows[i].exit_code >= 0 ? &outcome : NULL};
		struct error error = {.kind = rows[i].kind};
		enum role_failure failure = role_failure_of(&error, &report);
		if (failure != rows[i].failure) {
			fail_msg("row %zu: is %s", i, role_failure_names[failure]);
		}
		/* whoever knows kinds alone comes to the same class */
		const struct mux_report nothing = {0};
		role_failure_set_kind(failure, &error);
		bool is_program = failure == ROLE_FAILURE_EXECUTION;
		assert_true(is_program || role_failure_of(&error, &nothing) == failure);
	}
}

int test_gate(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_per_minute),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_server_wait),
		cmocka_unit_test(test_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
