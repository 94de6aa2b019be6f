/* test_count.c: counts that no upstream makes (TC-1, TC-2, E-106). */
#include <stdlib.h>

#include "mux/mux_help.h"
#include "support/vocabulary.h"

int test_count(void);

#define OPENAI_UP                                                                                  \
	"providers:\n  - type: openai\n    name: up\n    api-key: k\n"                             \
	"    base-url: http://127.0.0.1:PORT/v1\n    models: [{name: gpt-4o, alias: m}]\n"
#define LONG_WORDS 20000

/* A request of one message; the caller frees. */
static char *body_of(size_t words) {
	struct buf body = {0};
	buf_append_str(&body, "{\"model\":\"m\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\","
			      "\"content\":\"");
	for (size_t i = 0; i < words; i++) {
		buf_append_str(&body, i == 0 ? "word" : " word");
	}
	buf_append(&body, slice_make("\"}]}", 5));
	return body.data;
}

static void submit(struct mux_client *client, struct mux_fixture *f, const char *body) {
	*client = (struct mux_client){0};
	recorder_init(&client->recorder);
	mux_client_submit(client, f, FORMAT_ANTHROPIC, CHAT_OP_COUNT, body, false);
}

/* Short and long ones, which another thread counts: the upstream's model decides how, and with its
 * vocabulary the count is exact: a word is a token, and the message costs 7. */
static void tc_1_counted_here(void **state) {
	static const size_t words[] = {1, 100, LONG_WORDS};
	(void)state;
	struct tokens *tokens = vocabulary_open();
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct mux_fixture f;
		struct mux_client client;
		char *body = body_of(words[i]);
		mux_fixture_begin(&f, OPENAI_UP);
		f.mux->tokens = tokens;
		submit(&client, &f, body);
		mux_client_wait(&client, &f);
		assert_int_equal(client.recorder.count, 4);
		assert_int_equal(client.recorder.errors, 0);
		assert_int_equal(fake_requests(f.fake), 0);
		int64_t count = client.recorder.usage.input_uncached;
		bool is_estimate = mux_call_report(client.call)->is_estimated_count;
		assert_int_equal(is_estimate, tokens == NULL);
		assert_int_equal(client.recorder.usage.is_estimated, is_estimate);
		assert_true(is_estimate ? count > (int64_t)words[i] / 2
					: count == (int64_t)words[i] + 7);
		mux_client_finish(&client, &f);
		mux_fixture_end(&f);
		free(body);
	}
	tokens_close(tokens);
}

/* The client leaves, and the instance goes away, while another thread counts. */
static void count_of_a_client_that_left(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	char *body = body_of(LONG_WORDS);
	(void)state;
	mux_fixture_begin(&f, OPENAI_UP);
	submit(&client, &f, body);
	run_turn(f.loop);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
	free(body);
}

/* E-106: nobody is asked when the configuration says so. */
static void e_106_local_counts(void **state) {
	struct mux_fixture f;
	struct mux_client client;
	char *body = body_of(10);
	(void)state;
	mux_fixture_begin(&f, "local-token-counts: true\nproviders:\n  - type: anthropic\n"
			      "    api-key: k\n    base-url: http://127.0.0.1:PORT\n"
			      "    models: [{name: claude-sonnet-4-5, alias: m}]\n");
	submit(&client, &f, body);
	mux_client_wait(&client, &f);
	assert_int_equal(client.recorder.count, 4);
	assert_true(client.recorder.usage.input_uncached > 0);
	assert_true(mux_call_report(client.call)->is_estimated_count);
	assert_int_equal(fake_requests(f.fake), 0);
	mux_client_finish(&client, &f);
	mux_fixture_end(&f);
	free(body);
}

int test_count(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tc_1_counted_here),
		cmocka_unit_test(count_of_a_client_that_left),
		cmocka_unit_test(e_106_local_counts),
	};
	return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
