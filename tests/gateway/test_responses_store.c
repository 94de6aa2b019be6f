/* test_responses_store.c: stored answers (RS-3): what is put can be taken, the cap and the time to
 * live hold, and what is being read outlives its eviction. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/responses_store.h"

int test_responses_store(void);

#define TTL_MS 1000

static struct stored_response answer(const char *id, const char *input) {
	return (struct stored_response){.id = slice_of(id),
		.input = slice_of(input),
		.output = SLICE("{\"type\":\"message\"}"),
		.object = SLICE("{\"object\":\"response\"}")};
}

static bool put(struct responses_store *store, const char *id, const char *input, int64_t now_ms) {
	struct stored_response stored = answer(id, input);
	return responses_store_put(store, &stored, now_ms);
}

static bool has(struct responses_store *store, const char *id, int64_t now_ms) {
	const struct stored_response *found = responses_store_take(store, slice_of(id), now_ms);
	responses_store_give_back(store, found);
	return found != NULL;
}

static void rs_3_put_and_take(void **state) {
	(void)state;
	struct responses_store *store = responses_store_create(1 << 20, TTL_MS);
	assert_true(put(store, "resp_1", "{\"role\":\"user\"}", 0));
	const struct stored_response *found = responses_store_take(store, SLICE("resp_1"), 1);
	assert_non_null(found);
	assert_true(slice_is(found->id, "resp_1"));
	assert_true(slice_is(found->input, "{\"role\":\"user\"}"));
	assert_true(slice_is(found->output, "{\"type\":\"message\"}"));
	assert_true(slice_is(found->object, "{\"object\":\"response\"}"));
	responses_store_give_back(store, found);
	assert_false(has(store, "resp_2", 1));
	assert_true(responses_store_remove(store, SLICE("resp_1"), 1));
	assert_false(responses_store_remove(store, SLICE("resp_1"), 1));
	assert_false(has(store, "resp_1", 1));
	assert_int_equal(responses_store_bytes(store), 0);
	responses_store_destroy(store);
}

static void rs_3_same_id_replaces(void **state) {
	(void)state;
	struct responses_store *store = responses_store_create(1 << 20, TTL_MS);
	assert_true(put(store, "resp_1", "1", 0));
	size_t bytes = responses_store_bytes(store);
	assert_true(put(store, "resp_1", "2", 0));
	assert_int_equal(responses_store_bytes(store), bytes);
	const struct stored_response *found = responses_store_take(store, SLICE("resp_1"), 0);
	assert_true(slice_is(found->input, "2"));
	responses_store_give_back(store, found);
	responses_store_destroy(store);
}

static void rs_3_time_to_live(void **state) {
	(void)state;
	struct responses_store *store = responses_store_create(1 << 20, TTL_MS);
	assert_true(put(store, "resp_1", "", 0));
	assert_true(has(store, "resp_1", TTL_MS - 1));
	assert_false(has(store, "resp_1", TTL_MS));
	assert_int_equal(responses_store_bytes(store), 0);
	assert_true(put(store, "resp_2", "", 0));
	assert_true(put(store, "resp_3", "", TTL_MS)); /* sweeps what is too old */
	size_t bytes = responses_store_bytes(store);
	assert_false(has(store, "resp_2", TTL_MS));
	assert_int_equal(responses_store_bytes(store), bytes);
	responses_store_destroy(store);
}

static void rs_3_least_recently_used_goes(void **state) {
	(void)state;
	struct responses_store *probe = responses_store_create(1 << 20, TTL_MS);
	assert_true(put(probe, "resp_1", "", 0));
	size_t one = responses_store_bytes(probe);
	responses_store_destroy(probe);

	struct responses_store *store = responses_store_create(one * 3, TTL_MS);
	assert_true(put(store, "resp_1", "", 0));
	assert_true(put(store, "resp_2", "", 0));
	assert_true(put(store, "resp_3", "", 0));
	assert_true(has(store, "resp_1", 0));
	assert_true(put(store, "resp_4", "", 0));
	assert_false(has(store, "resp_2", 0));
	assert_true(has(store, "resp_1", 0));
	assert_true(has(store, "resp_3", 0));
	assert_true(has(store, "resp_4", 0));
	assert_true(responses_store_bytes(store) <= one * 3);
	responses_store_destroy(store);
}

static void rs_3_too_large_or_off(void **state) {
	(void)state;
	char large[2048];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	struct responses_store *store = responses_store_create(1024, TTL_MS);
	assert_true(put(store, "resp_1", "", 0));
	assert_false(put(store, "resp_2", large, 0));
	assert_true(has(store, "resp_1", 0));
	responses_store_destroy(store);
	store = responses_store_create(0, TTL_MS);
	assert_false(put(store, "resp_1", "", 0));
	responses_store_destroy(store);
	store = responses_store_create(1024, 0);
	assert_false(put(store, "resp_1", "", 0));
	assert_false(has(store, "resp_1", 0));
	responses_store_destroy(store);
	responses_store_destroy(NULL);
}

static void rs_3_a_reader_outlives_eviction(void **state) {
	(void)state;
	struct responses_store *store = responses_store_create(1 << 20, TTL_MS);
	assert_true(put(store, "resp_1", "kept", 0));
	const struct stored_response *first = responses_store_take(store, SLICE("resp_1"), 0);
	const struct stored_response *second = responses_store_take(store, SLICE("resp_1"), 0);
	assert_true(responses_store_remove(store, SLICE("resp_1"), 0));
	assert_true(slice_is(first->input, "kept"));
	responses_store_give_back(store, first);
	assert_true(slice_is(second->input, "kept"));
	responses_store_give_back(store, second);
	responses_store_destroy(store);
}

/* ---- several loops at once ---- */

#define ROUNDS 2000

static void *work(void *data) {
	struct responses_store *store = data;
	for (int i = 0; i < ROUNDS; i++) {
		char id[32];
		snprintf(id, sizeof id, "resp_%d", i % 37);
		put(store, id, "[]", i);
		const struct stored_response *found = responses_store_take(store, slice_of(id), i);
		if (found != NULL && !slice_is(found->id, id)) {
			abort();
		}
		if (i % 5 == 0) {
			responses_store_remove(store, slice_of(id), i);
		}
		responses_store_give_back(store, found);
	}
	return NULL;
}

static void several_threads(void **state) {
	(void)state;
	struct responses_store *store = responses_store_create(4096, TTL_MS);
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work, store), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_true(responses_store_bytes(store) <= 4096);
	responses_store_destroy(store);
}

int test_responses_store(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rs_3_put_and_take),
		cmocka_unit_test(rs_3_same_id_replaces),
		cmocka_unit_test(rs_3_time_to_live),
		cmocka_unit_test(rs_3_least_recently_used_goes),
		cmocka_unit_test(rs_3_too_large_or_off),
		cmocka_unit_test(rs_3_a_reader_outlives_eviction),
		cmocka_unit_test(several_threads),
	};
	return cmocka_run_group_tests_name("responses_store", tests, NULL, NULL);
}
