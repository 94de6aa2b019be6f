/* test_pool.c: which account is asked next. */
#include "mux/mux_help.h"

int test_pool(void);

struct fixture {
	struct arena arena;
	struct pool pool;
	struct number_set tried;
};

static void begin(struct fixture *f, size_t count) {
	*f = (struct fixture){0};
	arena_init(&f->arena, NULL, 0);
	pool_init(&f->pool, count);
}

static void end(struct fixture *f) {
	pool_finish(&f->pool);
	arena_finish(&f->arena);
}

/* Takes for a request of its own. */
static size_t take(struct fixture *f, uint64_t now_ms) {
	struct number_set tried = {0};
	struct account *account = pool_take(&f->pool, &tried, &f->arena, now_ms);
	return (size_t)(account - f->pool.accounts);
}

static void test_round_robin(void **state) {
	struct fixture f;
	(void)state;
	begin(&f, 3);
	for (size_t i = 0; i < 9; i++) {
		size_t at = take(&f, 1);
		assert_int_equal(at, i % 3);
		pool_give_back(&f.pool.accounts[at], NULL, 1);
	}
	end(&f);
}

static void test_least_in_flight(void **state) {
	struct fixture f;
	(void)state;
	begin(&f, 3);
	for (size_t i = 0; i < 3; i++) {
		take(&f, 1);
	}
	pool_give_back(&f.pool.accounts[2], NULL, 1);
	assert_int_equal(take(&f, 1), 2);
	pool_give_back(&f.pool.accounts[1], NULL, 1);
	assert_int_equal(take(&f, 1), 1);
	end(&f);
}

static void test_each_once(void **state) {
	struct fixture f;
	(void)state;
	begin(&f, 70);
	for (size_t i = 0; i < 70; i++) {
		assert_true(pool_has_untried(&f.pool, &f.tried));
		assert_non_null(pool_take(&f.pool, &f.tried, &f.arena, 1));
	}
	assert_false(pool_has_untried(&f.pool, &f.tried));
	assert_null(pool_take(&f.pool, &f.tried, &f.arena, 1));
	for (size_t i = 0; i < 70; i++) {
		assert_int_equal(atomic_load(&f.pool.accounts[i].in_flight), 1);
	}
	end(&f);
}

/* gateway.md 5.5: an account that was just refused is passed over while another is usable. */
static void test_passed_over(void **state) {
	static const struct {
		enum error_kind kind;
		int64_t retry_after_ms;
		uint64_t until_ms; /* 0 = not passed over */
	} cases[] = {
		{ERROR_RATE_LIMIT, 7000, 7000},
		{ERROR_RATE_LIMIT, -1, 1000},
		{ERROR_QUOTA, 5, 5},
		{ERROR_UPSTREAM_CREDENTIAL, -1, 30 * 60 * 1000},
		{ERROR_OVERLOADED, -1, 10000},
		{ERROR_INVALID_REQUEST, -1, 0},
		{ERROR_CANCELLED, -1, 0},
		{ERROR_NETWORK, -1, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture f;
		struct error error;
		begin(&f, 2);
		error_set(&error, cases[i].kind, "no");
		error.retry_after_ms = cases[i].retry_after_ms;
		assert_int_equal(take(&f, 100), 0);
		pool_give_back(&f.pool.accounts[0], &error, 100);
		uint64_t until = atomic_load(&f.pool.accounts[0].passed_until_ms);
		assert_int_equal(until, cases[i].until_ms > 0 ? 100 + cases[i].until_ms : 0);
		if (until > 0) {
			/* also when the other one is busier */
			assert_int_equal(take(&f, until - 1), 1);
			assert_int_equal(take(&f, until - 1), 1);
			assert_int_equal(take(&f, until), 0);
			pool_give_back(&f.pool.accounts[0], NULL, until);
			assert_int_equal(atomic_load(&f.pool.accounts[0].passed_until_ms), 0);
			assert_int_equal(atomic_load(&f.pool.accounts[0].failures), 0);
		}
		end(&f);
	}
}

/* When all are passed over, the one that recovers first is asked. */
static void test_all_passed_over(void **state) {
	struct fixture f;
	struct error error;
	(void)state;
	begin(&f, 2);
	error_set(&error, ERROR_RATE_LIMIT, "no");
	for (size_t i = 0; i < 2; i++) {
		error.retry_after_ms = i == 0 ? 9000 : 3000;
		pool_give_back(&f.pool.accounts[take(&f, 100)], &error, 100);
	}
	assert_int_equal(take(&f, 200), 1);
	end(&f);
}

int test_pool(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_least_in_flight),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_all_passed_over),
	};
	return cmocka_run_group_tests_name("mux/pool", tests, NULL, NULL);
}
