/* test_client_h1.c: what our own HTTP/1.1 engine does by itself: its pool, names, second tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "net/client_help.h"

int test_client_h1(void);

/* ---- connections ----------------------------------------------------------------------------- */

/* A connection that dies with the request in it is replaced once, whatever the method. */
static void test_reuse_race(void **state) {
	struct fixture *f = *state;
	struct buf body = {0};
	buf_append_str(&body, "abc");
	const struct client_request post = {.method = "POST", .body = &body};
	struct answer answer = get(f, "/plain", NULL);
	finish(&answer);
	fake_server_drop_next(f->server);
	answer = get(f, "/method", &post);
	assert_body(&answer, "POST abc");
	assert_false(answer.result.reused_connection);
	assert_true(answer.result.was_sent);
	assert_int_equal(fake_server_accepted(f->server), 2);
	finish(&answer);
	/* Once: the second death is the answer. */
	answer = get(f, "/close", &post);
	assert_error(&answer, ERROR_NETWORK, "closed without an answer");
	assert_int_equal(fake_server_accepted(f->server), 3);
	finish(&answer);
	/* A fresh one is not replaced. */
	answer = get(f, "/close", &post);
	assert_error(&answer, ERROR_NETWORK, "closed without an answer");
	assert_int_equal(fake_server_accepted(f->server), 4);
	finish(&answer);
	buf_finish(&body);
}

/* Once a byte of the answer came, there is no second try. */
static void test_no_second_try_after_a_byte(void **state) {
	struct fixture *f = *state;
	struct answer answer = get(f, "/plain", NULL);
	finish(&answer);
	answer = get(f, "/cut-head", NULL);
	assert_error(&answer, ERROR_NETWORK, "in the head of the answer");
	assert_true(answer.result.reused_connection);
	assert_int_equal(fake_server_accepted(f->server), 1);
	finish(&answer);
}

static void test_max_idle_and_idle_close(void **state) {
	struct fixture *f = *state;
	struct answer answers[4] = {0};
	f->max_idle = 2;
	f->idle_close_ms = 30;
	renew_client(f);
	for (size_t i = 0; i < 4; i++) {
		call_path(f, &answers[i], "/plain", NULL);
	}
	for (size_t i = 0; i < 4; i++) {
		wait_for(f, &answers[i].is_done);
		assert_body(&answers[i], "hello");
		finish(&answers[i]);
	}
	assert_int_equal(fake_server_accepted(f->server), 4);
	/* Two at once, two by the clock; nobody calls meanwhile. */
	fake_server_wait_for_closes(f->server, 4);
	struct answer answer = get(f, "/plain", NULL);
	assert_false(answer.result.reused_connection);
	finish(&answer);
}

/* Bytes behind an answer, or an answer nobody may come after: the connection is not used again. */
static void test_not_reusable(void **state) {
	struct fixture *f = *state;
	static const char *const paths[] = {"/too-long", "/says-close", "/until-close", "/http10"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct answer answer = get(f, paths[i], NULL);
		assert_int_equal(answer.result.error.kind, ERROR_NONE);
		assert_false(answer.result.reused_connection);
		finish(&answer);
	}
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The server listens on 127.0.0.1 only: ::1 is tried and left. */
static void test_localhost(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char url[64];
	snprintf(url, sizeof url, "http://LocalHost:%d/plain", fake_server_port(f->server));
	call_url(f, &answer, url, NULL);
	wait_for(f, &answer.is_done);
	assert_body(&answer, "hello");
	finish(&answer);
}

static void test_ipv6_address(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char url[64], where[64];
	int port = fake_server_unused_port();
	snprintf(url, sizeof url, "http://[::1]:%d/", port);
	snprintf(where, sizeof where, "cannot connect to [::1]:%d: ", port);
	call_url(f, &answer, url, NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, where);
	finish(&answer);
}

/* A look-up cannot be stopped, only forgotten: its end finds neither call nor client. */
static void test_cancel_while_resolving(void **state) {
	struct fixture *f = *state;
	for (size_t turns = 0; turns < 4; turns++) {
		struct answer answer = {0};
		call_url(f, &answer, "http://nowhere.invalid/", NULL);
		run_some(f, turns);
		if (!answer.is_done) {
			client_cancel(answer.call);
			answer.is_done = true;
		}
		run_some(f, 2);
		finish(&answer);
	}
	struct answer answer = {0};
	call_url(f, &answer, "http://nowhere.invalid/", NULL);
	run_some(f, 1);
	client_destroy(f->client);
	f->client = NULL;
	finish(&answer);
}

/* ---- requests and answers -------------------------------------------------------------------- */

static void test_targets(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *path, *line;
	} rows[] = {{"/echo-head", "GET /echo-head HTTP/1.1\r\n"},
		{"/echo-head#part", "GET /echo-head HTTP/1.1\r\n"},
		{"/echo-head?a=b#part", "GET /echo-head?a=b HTTP/1.1\r\n"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answer answer = get(f, rows[i].path, NULL);
		assert_true(slice_starts_with(buf_slice(&answer.body), slice_of(rows[i].line)));
		finish(&answer);
	}
	struct answer answer = get(f, "?q", NULL);
	assert_int_equal(answer.status, 404);
	assert_true(fake_server_saw(f->server, "GET /?q HTTP/1.1\r\n"));
	finish(&answer);
	answer = get(f, "", NULL);
	assert_true(fake_server_saw(f->server, "GET / HTTP/1.1\r\n"));
	finish(&answer);
}

static void test_own_headers_of_the_caller(void **state) {
	struct fixture *f = *state;
	const struct http_header headers[] = {
		{SLICE("host"), SLICE("other.test")},
		{SLICE("user-agent"), SLICE("me")},
		{SLICE("ACCEPT"), SLICE(" text/event-stream ")},
		{SLICE("Transfer-Encoding"), SLICE("chunked")},
	};
	struct answer answer = get(
		f, "/echo-head", &(struct client_request){.headers = headers, .header_count = 4});
	assert_body(&answer, "GET /echo-head HTTP/1.1\r\nHost: other.test\r\nuser-agent: me\r\n"
			     "ACCEPT: text/event-stream\r\n\r\n");
	finish(&answer);
}

/* A server that refuses a body does not get the rest, and its answer is delivered. */
static void test_early_refusal(void **state) {
	struct fixture *f = *state;
	static const char *const paths[] = {"/refuse", "/refuse-close"};
	static char block[1 << 20];
	struct buf body = {0};
	fill_body(&body, block, sizeof block, 48);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct answer answer =
			get(f, paths[i], &(struct client_request){.method = "POST", .body = &body});
		assert_int_equal(answer.status, 413);
		assert_body(&answer, "much");
		assert_true(answer.result.was_sent);
		finish(&answer);
	}
	struct answer answer = get(f, "/plain", NULL);
	assert_false(answer.result.reused_connection);
	assert_body(&answer, "hello");
	finish(&answer);
	buf_finish(&body);
}

/* Paused at any point, nothing comes before the resume, and nothing is lost. */
static void test_pause_anywhere(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *path, *body;
	} rows[] = {{"/chunked", "hello world"}, {"/gzip", "hello gzip"}, {"/plain", "hello"},
		{"/until-close", "to the end"}, {"/trailers", "with trailers"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t at = 0; at < 3; at++) {
			struct answer answer = {.at_chunk = at, .in_data = DEED_PAUSE};
			answer.in_headers = at == 0 ? DEED_PAUSE : DEED_NONE;
			call_path(f, &answer, rows[i].path, NULL);
			wait_for(f, &answer.has_head);
			run_some(f, 5);
			assert_true(answer.chunks <= at || answer.is_done);
			while (!answer.is_done) {
				size_t chunks = answer.chunks;
				client_resume(answer.call);
				assert_int_equal(answer.chunks, chunks);
				loop_run_once(f->loop, false);
			}
			assert_body(&answer, rows[i].body);
			finish(&answer);
		}
	}
}

/* A pause and a resume before the turn ends change nothing. */
static void test_pause_and_resume_at_once(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	call_path(f, &answer, "/drip", NULL);
	client_pause(answer.call);
	client_resume(answer.call);
	wait_for(f, &answer.is_done);
	assert_body(&answer, "drip drip drip drip ");
	finish(&answer);
}

/* The idle timeout rests while paused and works again afterwards. */
static void test_idle_timeout_after_pause(void **state) {
	struct fixture *f = *state;
	struct answer answer = {.in_data = DEED_PAUSE, .at_chunk = 1};
	call_path(f, &answer, "/stalls", &(struct client_request){.timeouts = {.idle_ms = 20}});
	wait_for(f, &answer.has_head);
	struct answer meanwhile =
		get(f, "/silent", &(struct client_request){.timeouts = {.first_byte_ms = 60}});
	finish(&meanwhile);
	assert_false(answer.is_done);
	client_resume(answer.call);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_TIMEOUT, "idle timeout");
	finish(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int test_client_h1(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_reuse_race),
		TEST(test_no_second_try_after_a_byte),
		TEST(test_max_idle_and_idle_close),
		TEST(test_not_reusable),
		TEST(test_localhost),
		TEST(test_ipv6_address),
		TEST(test_cancel_while_resolving),
		TEST(test_targets),
		TEST(test_own_headers_of_the_caller),
		TEST(test_early_refusal),
		TEST(test_pause_anywhere),
		TEST(test_pause_and_resume_at_once),
		{"test_idle_timeout_after_pause", test_idle_timeout_after_pause, set_up, tear_down,
			NULL},
		{"test_idle_timeout_after_pause (libcurl)", test_idle_timeout_after_pause,
			set_up_libcurl, tear_down, NULL},
	};
	return cmocka_run_group_tests_name("net/client_h1", tests, NULL, NULL);
}
