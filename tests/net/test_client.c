/* test_client.c: the HTTP client against a scripted server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "net/client_help.h"
#include "net/fake_tls.h"

int test_client(void);

/* ---- answers --------------------------------------------------------------------------------- */

static void test_plain(void **state) {
	struct fixture *f = *state;
	struct answer answer = get(f, "/plain", NULL);
	assert_int_equal(answer.status, 200);
	assert_body(&answer, "hello");
	assert_true(slice_is(buf_slice(&answer.headers), "Content-Length=5|X-Two=a, b|X-Empty=|"));
	assert_true(answer.result.was_sent);
	assert_int_equal(answer.result.body_bytes, 5);
	assert_int_equal(answer.result.http_version, 11);
	assert_false(answer.result.reused_connection);
	finish(&answer);
}

/* The request's head as the server saw it. */
static void test_request_head(void **state) {
	struct fixture *f = *state;
	struct buf body = {0};
	buf_append_str(&body, "{}");
	const struct http_header headers[] = {
		{SLICE("Content-Type"), SLICE("application/json")},
		{SLICE("X-Empty"), SLICE("")},
		{SLICE("Authorization"), SLICE("Bearer k")},
		{SLICE("Content-Length"), SLICE("99")},
	};
	struct answer answer = get(f, "/echo-head?q=1/../x",
		&(struct client_request){
			.method = "POST", .body = &body, .headers = headers, .header_count = 4});
	char wanted[512];
	snprintf(wanted, sizeof wanted,
		"POST /echo-head?q=1/../x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		"User-Agent: llm-mux/test\r\nAccept: */*\r\nContent-Type: application/json\r\n"
		"X-Empty:\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\n",
		fake_server_port(f->server));
	assert_body(&answer, wanted);
	finish(&answer);
	answer = get(f, "/echo-head/../b", NULL);
	snprintf(wanted, sizeof wanted,
		"GET /echo-head/../b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		"User-Agent: llm-mux/test\r\nAccept: */*\r\n\r\n",
		fake_server_port(f->server));
	assert_body(&answer, wanted);
	finish(&answer);
	buf_finish(&body);
}

/* One easy handle serves methods of every kind in a row. */
static void test_methods(void **state) {
	struct fixture *f = *state;
	struct buf body = {0};
	buf_append_str(&body, "abc");
	static const struct {
		const char *method;
		bool has_body;
		const char *seen;
	} rows[] = {{"POST", true, "POST abc"}, {"GET", false, "GET "}, {"HEAD", false, ""},
		{"POST", false, "POST "}, {"DELETE", false, "DELETE "}, {"PUT", true, "PUT abc"},
		{"GET", true, "GET abc"}, {"GET", false, "GET "}, {"HEAD", true, ""},
		{"PATCH", true, "PATCH abc"}, {"POST", true, "POST abc"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answer answer = get(f, "/method",
			&(struct client_request){
				.method = rows[i].method, .body = rows[i].has_body ? &body : NULL});
		assert_body(&answer, rows[i].seen);
		assert_int_equal(answer.result.reused_connection, i > 0);
		finish(&answer);
	}
	assert_int_equal(fake_server_accepted(f->server), 1);
	buf_finish(&body);
}

static void test_framings(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *path, *body;
	} rows[] = {{"/chunked", "hello world"}, {"/until-close", "to the end"},
		{"/gzip", "hello gzip"}, {"/interim", "after 103"}, {"/no-content", ""},
		{"/trailers", "with trailers"}, {"/byte-wise", "slowly"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answer answer = get(f, rows[i].path, NULL);
		assert_body(&answer, rows[i].body);
		assert_false(
			slice_icontains(buf_slice(&answer.headers), SLICE("content-encoding")));
		assert_false(slice_icontains(buf_slice(&answer.headers), SLICE("x-trailer")));
		assert_false(slice_icontains(buf_slice(&answer.headers), SLICE("x-interim")));
		finish(&answer);
	}
}

static void test_error_status_is_an_answer(void **state) {
	struct fixture *f = *state;
	struct answer answer = get(f, "/429", NULL);
	assert_int_equal(answer.status, 429);
	assert_body(&answer, "{}");
	finish(&answer);
	answer = get(f, "/redirect", NULL);
	assert_int_equal(answer.status, 302);
	assert_body(&answer, "");
	finish(&answer);
}

static void test_many(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < 200; i++) {
		struct answer answer = get(f, i % 2 ? "/plain" : "/chunked", NULL);
		assert_body(&answer, i % 2 ? "hello" : "hello world");
		finish(&answer);
	}
	assert_int_equal(fake_server_accepted(f->server), 1);
}

static void test_parallel(void **state) {
	struct fixture *f = *state;
	struct answer answers[40] = {0};
	for (size_t i = 0; i < 40; i++) {
		call_path(f, &answers[i], "/plain", NULL);
	}
	for (size_t i = 0; i < 40; i++) {
		wait_for(f, &answers[i].is_done);
		assert_body(&answers[i], "hello");
		finish(&answers[i]);
	}
}

/* A pooled connection the server has closed meanwhile is no error. */
static void test_stale_connection(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < 3; i++) {
		struct answer answer = get(f, "/then-close", NULL);
		assert_body(&answer, "bye");
		assert_false(answer.result.reused_connection);
		finish(&answer);
	}
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void upload(struct fixture *f, size_t block_len, size_t count) {
	char *block = malloc(block_len);
	struct buf body = {0};
	char wanted[64];
	assert_non_null(block);
	memset(block, 'r', block_len);
	fill_body(&body, block, block_len, count);
	uint32_t sum = 0;
	for (size_t i = 0; i < buf_total(&body); i++) {
		char byte;
		buf_copy_out(&body, i, &byte, 1);
		sum = sum * 31 + (unsigned char)byte;
		if (buf_total(&body) > 1000000) {
			break; /* too slow byte by byte; the length is checked */
		}
	}
	if (buf_total(&body) > 1000000) {
		sum = 0;
	}
	snprintf(wanted, sizeof wanted, "%zu %u", buf_total(&body), sum);
	struct answer answer = get(f, sum ? "/sum" : "/length",
		&(struct client_request){.method = "POST", .body = &body});
	assert_body(&answer, wanted);
	finish(&answer);
	buf_finish(&body);
	free(block);
}

static void test_uploads(void **state) {
	struct fixture *f = *state;
	upload(f, 4096, 1);    /* put together */
	upload(f, 5000, 30);   /* pulled */
	upload(f, 4096, 15);   /* near the bound */
	upload(f, 1 << 20, 8); /* beyond libcurl's bound for Expect */
}

/* A small body of owned bytes only is not copied by us. */
static void test_empty_body(void **state) {
	struct fixture *f = *state;
	struct buf body = {0};
	struct answer answer =
		get(f, "/method", &(struct client_request){.method = "POST", .body = &body});
	assert_body(&answer, "POST ");
	finish(&answer);
}

/* The pooled connection dies with the request in it: libcurl sends the body again. */
static void test_body_is_rewound(void **state) {
	struct fixture *f = *state;
	struct answer answer = get(f, "/plain", NULL);
	finish(&answer);
	fake_server_drop_next(f->server);
	upload(f, 5000, 30);
}

/* Everything comes through in pieces no larger than the receive buffer. */
static void test_endless_line(void **state) {
	struct fixture *f = *state;
	struct answer answer = {.keep_body = 1};
	call_path(f, &answer, "/endless", NULL);
	wait_for(f, &answer.is_done);
	assert_int_equal(answer.result.error.kind, ERROR_NONE);
	assert_int_equal(answer.result.body_bytes, FAKE_ENDLESS_BYTES);
	assert_true(answer.largest <= (f->only_libcurl ? 16 : 64) * 1024);
	finish(&answer);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void test_refused(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char url[128], where[64];
	int port = fake_server_unused_port();
	snprintf(url, sizeof url, "http://%s127.0.0.1:%d/path?key=secret",
		f->only_libcurl ? "user:secret@" : "", port);
	snprintf(where, sizeof where, "cannot connect to 127.0.0.1:%d: Connection refused", port);
	call_url(f, &answer, url, NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, where);
	assert_null(strstr(answer.result.error.message, "secret"));
	assert_false(answer.result.was_sent);
	finish(&answer);
}

static void test_unresolvable(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	call_url(f, &answer, "http://nowhere.invalid/", NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, "cannot resolve the name of nowhere.invalid");
	assert_false(answer.result.was_sent);
	finish(&answer);
}

static void test_broken_answers(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *path;
		enum error_kind kind;
		const char *text;
		bool has_head;
	} rows[] = {
		{"/cut-length", ERROR_UPSTREAM_PROTOCOL, "cut short after 4 bytes by 127.0.0.1",
			true},
		{"/cut-chunked", ERROR_UPSTREAM_PROTOCOL, "cut short after 5 bytes", true},
		{"/reset-body", ERROR_NETWORK, "Connection reset by peer", true},
		{"/reset-head", ERROR_NETWORK, "connection lost to 127.0.0.1", false},
		{"/close", ERROR_NETWORK, "closed without an answer", false},
		{"/bad-chunk", ERROR_UPSTREAM_PROTOCOL, "broken framing", true},
		{"/bad-gzip", ERROR_UPSTREAM_PROTOCOL, "Content-Encoding", true},
		{"/not-http", ERROR_UPSTREAM_PROTOCOL, "not HTTP", false},
		{"/huge-head", ERROR_UPSTREAM_PROTOCOL, "larger than 65536 bytes", false},
		{"/cut-head", ERROR_NETWORK, "", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answer answer = get(f, rows[i].path, NULL);
		if (answer.result.error.kind != rows[i].kind) {
			print_error("%s:\n", rows[i].path);
		}
		assert_error(&answer, rows[i].kind, rows[i].text);
		assert_int_equal(answer.has_head, rows[i].has_head);
		assert_true(answer.result.was_sent);
		finish(&answer);
	}
}

static void test_timeouts(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *path;
		struct client_timeouts timeouts;
		const char *text;
		size_t bytes;
	} rows[] = {
		{"/silent", {.first_byte_ms = 30},
			"no answer within 30ms (first-byte timeout) from 127.0.0.1:", 0},
		{"/silent", {.total_ms = 30, .first_byte_ms = 60000},
			"no whole answer within 30ms (total timeout)", 0},
		{"/stalls", {.idle_ms = 30, .first_byte_ms = 60000},
			"no further byte of the answer within 30ms (idle timeout)", 5},
		{"/stalls", {.total_ms = 40, .idle_ms = 60000}, "total timeout", 5},
		{"/half-head", {.first_byte_ms = 30}, "first-byte timeout", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answer answer = get(
			f, rows[i].path, &(struct client_request){.timeouts = rows[i].timeouts});
		assert_error(&answer, ERROR_TIMEOUT, rows[i].text);
		assert_int_equal(answer.body.len, rows[i].bytes);
		finish(&answer);
	}
}

/* A listener whose queue is full does not answer: the connect timeout. */
static void test_connect_timeout(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char url[64];
	int port = fake_server_full_port(f->server);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
	call_url(f, &answer, url, &(struct client_request){.timeouts = {.connect_ms = 50}});
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_TIMEOUT, "no connection within 50ms (connect timeout)");
	assert_false(answer.result.was_sent);
	finish(&answer);
}

/* Bytes that keep coming keep the idle timer quiet. */
static void test_idle_is_not_total(void **state) {
	struct fixture *f = *state;
	struct answer answer =
		get(f, "/drip", &(struct client_request){.timeouts = {.idle_ms = 400}});
	assert_body(&answer, "drip drip drip drip ");
	finish(&answer);
}

static void test_bad_requests(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *url, *proxy, *text;
	} rows[] = {
		{"ftp://h/", NULL, "URL: it must begin with"},
		{"http://", NULL, "URL: no host"},
		{"http://:80/", NULL, "URL: no host"},
		{"http://h:0/", NULL, "URL: the port"},
		{"http://h:66000/", NULL, "URL: the port"},
		{"http://[::1/", NULL, "URL: the IPv6"},
		{"http://h/a b", NULL, "URL: white space"},
		{"http://h/\n", NULL, "URL: white space"},
		{"", NULL, "URL: it must begin with"},
		{"http://h/", "ftp://p", "proxy: it must be"},
		{"http://h/", "http://", "proxy: no host"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error error = {0};
		struct answer answer = {0};
		struct client_request request = {
			.method = "GET", .url = rows[i].url, .proxy = rows[i].proxy};
		assert_null(client_submit(f->client, &request, &answer_handler, &answer, &error));
		if (!strstr(error.message, rows[i].text)) {
			fail_msg("%s: %s", rows[i].url, error.message);
		}
	}
	struct error error = {0};
	const struct http_header header = {SLICE("X-A"), SLICE("a\r\nX-B: b")};
	struct client_request request = {
		.method = "GET", .url = "http://h/", .headers = &header, .header_count = 1};
	assert_null(client_submit(f->client, &request, &answer_handler, NULL, &error));
	assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
	assert_true(client_check_url(SLICE("https://u:p@[::1]:8/x?y#z"), true, &error));
	assert_false(client_check_url(SLICE("https://u:p@h/"), false, &error));
	assert_null(strstr(error.message, "u:p"));
	assert_true(client_check_url(SLICE("https://h/@x"), false, &error));
}

/* ---- cancel, pause --------------------------------------------------------------------------- */

/* After any number of turns the call can be cancelled, nothing more is heard of it, and the client
 * goes on working. */
static void test_cancel_at_each_stage(void **state) {
	struct fixture *f = *state;
	static const char *const paths[] = {"/stalls", "/plain", "/drip", "/silent", "/endless"};
	struct buf body = {0};
	char block[5000] = {0};
	fill_body(&body, block, sizeof block, 100);
	for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
		for (size_t turns = 0; turns < 12; turns++) {
			struct answer answer = {.keep_body = 1};
			struct client_request request = {
				.method = "POST", .body = turns % 2 ? &body : NULL};
			call_path(f, &answer, paths[p], &request);
			run_some(f, turns);
			if (!answer.is_done) {
				client_cancel(answer.call);
				answer.is_done = true; /* any callback would fail */
			}
			run_some(f, 3);
			finish(&answer);
		}
	}
	struct answer answer = get(f, "/plain", NULL);
	assert_body(&answer, "hello");
	finish(&answer);
	buf_finish(&body);
}

static void test_cancel_inside_callbacks(void **state) {
	struct fixture *f = *state;
	for (size_t chunk = 0; chunk <= 4; chunk++) {
		struct answer answer = {.at_chunk = chunk};
		*(chunk == 0 ? &answer.in_headers : &answer.in_data) = DEED_CANCEL;
		call_path(f, &answer, "/drip", NULL);
		wait_for(f, &answer.is_done);
		fake_server_wait_for_closes(f->server, chunk + 1);
		assert_int_equal(answer.chunks, chunk);
		finish(&answer);
	}
	struct answer answer = {.in_done = DEED_CANCEL};
	call_path(f, &answer, "/plain", NULL);
	wait_for(f, &answer.is_done);
	run_some(f, 3);
	finish(&answer);
}

static void test_cancel_other_inside_callbacks(void **state) {
	struct fixture *f = *state;
	for (int stage = 0; stage < 3; stage++) {
		struct answer other = {0}, answer = {.at_chunk = 1};
		*(stage == 0         ? &answer.in_headers
			: stage == 1 ? &answer.in_data
				     : &answer.in_done) = DEED_CANCEL_OTHER;
		answer.other = &other;
		call_path(f, &other, "/stalls", NULL);
		if (stage == 1) {
			wait_for(f, &other.has_head);
		}
		call_path(f, &answer, "/plain", NULL);
		wait_for(f, &answer.is_done);
		run_some(f, 3);
		finish(&other);
		finish(&answer);
	}
}

static void test_destroy_with_calls_under_way(void **state) {
	struct fixture *f = *state;
	struct answer answers[6] = {0};
	static const char *const paths[] = {
		"/stalls", "/silent", "/endless", "/drip", "/stalls", "/plain"};
	for (size_t i = 0; i < 6; i++) {
		answers[i].keep_body = 1;
		call_path(f, &answers[i], paths[i], NULL);
		run_some(f, i);
	}
	for (size_t i = 0; i < 6; i++) {
		finish(&answers[i]);
	}
}

static void test_pause(void **state) {
	struct fixture *f = *state;
	struct answer answer = {.in_data = DEED_PAUSE, .at_chunk = 1, .keep_body = 1};
	call_path(f, &answer, "/endless", &(struct client_request){.timeouts = {.idle_ms = 200}});
	while (answer.chunks < 1) {
		loop_run_once(f->loop, true);
	}
	struct answer meanwhile = get(f, "/drip", NULL);
	finish(&meanwhile);
	/* The kernel's buffers are full: the server cannot go on. */
	fake_server_wait_until_blocked(f->server);
	assert_int_equal(answer.chunks, 1);
	assert_false(answer.is_done);
	client_resume(answer.call);
	assert_int_equal(answer.chunks, 1);
	wait_for(f, &answer.is_done);
	assert_int_equal(answer.result.error.kind, ERROR_NONE);
	assert_int_equal(answer.result.body_bytes, FAKE_ENDLESS_BYTES);
	finish(&answer);
}

static void test_cancel_while_paused(void **state) {
	struct fixture *f = *state;
	struct answer answer = {.in_headers = DEED_PAUSE};
	call_path(f, &answer, "/endless", NULL);
	wait_for(f, &answer.has_head);
	run_some(f, 5);
	client_resume(answer.call);
	client_cancel(answer.call);
	fake_server_wait_for_closes(f->server, 1);
	assert_int_equal(answer.chunks, 0);
	finish(&answer);
}

/* ---- proxies --------------------------------------------------------------------------------- */

static void test_http_proxy(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char proxy[64];
	snprintf(proxy, sizeof proxy, "http://us%%65r:pass@127.0.0.1:%d",
		fake_server_port(f->server));
	call_url(f, &answer, "http://origin.invalid/echo-head",
		&(struct client_request){.proxy = proxy});
	wait_for(f, &answer.is_done);
	assert_body(&answer,
		"GET http://origin.invalid/echo-head HTTP/1.1\r\nHost: origin.invalid\r\n"
		"Proxy-Authorization: Basic dXNlcjpwYXNz\r\nUser-Agent: llm-mux/test\r\n"
		"Accept: */*\r\nProxy-Connection: Keep-Alive\r\n\r\n");
	finish(&answer);
}

static void test_connect_proxy(void **state) {
	struct fixture *f = *state;
	char proxy[64];
	snprintf(proxy, sizeof proxy, "http://user:pass@127.0.0.1:%d", fake_server_port(f->server));
	struct answer answer = {0};
	call_url(f, &answer, "https://refuse.invalid/x", &(struct client_request){.proxy = proxy});
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK,
		"the proxy does not connect us to refuse.invalid (status 407)");
	assert_false(answer.result.was_sent);
	assert_false(answer.has_head);
	finish(&answer);
	answer = (struct answer){0};
	call_url(f, &answer, "https://tunnel.invalid/x", &(struct client_request){.proxy = proxy});
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, "TLS handshake failed with tunnel.invalid");
	assert_true(fake_server_saw(f->server, "CONNECT tunnel.invalid:443 HTTP/1.1\r\n"));
	assert_true(fake_server_saw(f->server, "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"));
	finish(&answer);
}

static void test_socks5h_proxy(void **state) {
	struct fixture *f = *state;
	struct answer answer = {0};
	char proxy[64];
	snprintf(proxy, sizeof proxy, "socks5h://user:pass@127.0.0.1:%d",
		fake_server_port(f->server));
	call_url(f, &answer, "http://origin.invalid/plain",
		&(struct client_request){.proxy = proxy});
	wait_for(f, &answer.is_done);
	assert_body(&answer, "hello");
	assert_true(fake_server_saw(f->server, "origin.invalid"));
	finish(&answer);
}

/* "direct" ignores the environment, NULL obeys it. */
static void test_environment_proxy(void **state) {
	struct fixture *f = *state;
	char proxy[64];
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", fake_server_unused_port());
	setenv("http_proxy", proxy, 1);
	renew_client(f);
	struct answer answer = get(f, "/plain", NULL);
	assert_error(&answer, ERROR_NETWORK, "cannot connect");
	finish(&answer);
	answer = get(f, "/plain", &(struct client_request){.proxy = "direct"});
	assert_body(&answer, "hello");
	finish(&answer);
	answer = get(f, "/plain", NULL);
	assert_error(&answer, ERROR_NETWORK, "cannot connect");
	finish(&answer);
	unsetenv("http_proxy");
}

/* ---- TLS and HTTP/2 -------------------------------------------------------------------------- */

/* A fresh client (a CA store is loaded once) that trusts the server, or does not. */
static struct fake_tls *set_up_tls(struct fixture *f, bool is_trusted, bool h2, size_t body_bytes) {
	struct fake_tls *server = fake_tls_create(h2, body_bytes);
	client_destroy(f->client);
	f->client = NULL;
	client_shared_destroy(f->shared);
	f->shared = client_shared_create();
	renew_client(f);
	if (is_trusted) {
		setenv("SSL_CERT_FILE", fake_tls_certificate(server), 1);
	}
	snprintf(f->url, sizeof f->url, "https://127.0.0.1:%d/", fake_tls_port(server));
	return server;
}

static void tear_down_tls(struct fixture *f, struct fake_tls *server) {
	client_destroy(f->client);
	f->client = NULL;
	fake_tls_destroy(server);
	unsetenv("SSL_CERT_FILE");
}

static void test_self_signed_is_refused(void **state) {
	struct fixture *f = *state;
	struct fake_tls *server = set_up_tls(f, false, false, 5);
	struct answer answer = {0};
	call_url(f, &answer, f->url, NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, "cannot verify the certificate of 127.0.0.1:");
	assert_error(&answer, ERROR_NETWORK, "self-signed certificate");
	assert_false(answer.result.was_sent);
	tear_down_tls(f, server);
	finish(&answer);
}

static void test_wrong_host_is_refused(void **state) {
	struct fixture *f = *state;
	struct fake_tls *server = set_up_tls(f, true, false, 5);
	struct answer answer = {0};
	char url[64];
	snprintf(url, sizeof url, "https://localhost:%d/", fake_tls_port(server));
	call_url(f, &answer, url, NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_NETWORK, "cannot verify the certificate of localhost:");
	tear_down_tls(f, server);
	finish(&answer);
}

static void test_tls(void **state) {
	struct fixture *f = *state;
	for (int h2 = 0; h2 < 2; h2++) {
		struct fake_tls *server = set_up_tls(f, true, h2, 100000);
		for (size_t i = 0; i < 3; i++) {
			struct answer answer = {0};
			call_url(f, &answer, f->url, NULL);
			wait_for(f, &answer.is_done);
			assert_int_equal(answer.result.error.kind, ERROR_NONE);
			assert_int_equal(answer.status, 200);
			assert_int_equal(answer.body.len, 100000);
			assert_int_equal(answer.result.http_version, h2 ? 20 : 11);
			assert_int_equal(answer.result.reused_connection, i > 0);
			finish(&answer);
		}
		tear_down_tls(f, server);
	}
}

static void test_h2_request_body(void **state) {
	struct fixture *f = *state;
	struct fake_tls *server = set_up_tls(f, true, true, 5);
	char block[5000] = {0};
	struct buf body = {0};
	struct answer answer = {0};
	fill_body(&body, block, sizeof block, 3);
	call_url(f, &answer, f->url, &(struct client_request){.method = "POST", .body = &body});
	wait_for(f, &answer.is_done);
	assert_body(&answer, "bbbbb");
	tear_down_tls(f, server);
	finish(&answer);
	buf_finish(&body);
}

/* The bytes of a paused h2 answer are kept, in order, and on_done waits for them. */
static void test_h2_pause(void **state) {
	struct fixture *f = *state;
	struct fake_tls *server = set_up_tls(f, true, true, 500000);
	struct answer answer = {.in_data = DEED_PAUSE, .at_chunk = 1};
	call_url(f, &answer, f->url, NULL);
	while (answer.chunks == 0) {
		loop_run_once(f->loop, true);
	}
	/* A second stream of the connection is not stopped by the first. */
	struct answer meanwhile = {0};
	call_url(f, &meanwhile, f->url, NULL);
	wait_for(f, &meanwhile.is_done);
	assert_int_equal(meanwhile.body.len, 500000);
	assert_true(meanwhile.result.reused_connection);
	assert_int_equal(answer.chunks, 1);
	assert_false(answer.is_done);
	client_resume(answer.call);
	wait_for(f, &answer.is_done);
	assert_int_equal(answer.result.error.kind, ERROR_NONE);
	assert_int_equal(answer.body.len, 500000);
	tear_down_tls(f, server);
	finish(&answer);
	finish(&meanwhile);
}

static void test_h2_reader_far_behind(void **state) {
	struct fixture *f = *state;
	struct fake_tls *server = set_up_tls(f, true, true, 4000000);
	struct answer answer = {.in_data = DEED_PAUSE, .at_chunk = 1};
	call_url(f, &answer, f->url, NULL);
	wait_for(f, &answer.is_done);
	assert_error(&answer, ERROR_OVERLOADED, "behind the answer");
	assert_int_equal(answer.chunks, 1);
	tear_down_tls(f, server);
	finish(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
/* By our own engine, and by libcurl: what both must do alike. */
#define BOTH(name)                                                                                 \
	TEST(name), {                                                                              \
#name " (libcurl)", name, set_up_libcurl, tear_down, NULL                          \
	}

int test_client(void) {
	const struct CMUnitTest tests[] = {
		BOTH(test_plain),
		BOTH(test_request_head),
		BOTH(test_methods),
		BOTH(test_framings),
		BOTH(test_error_status_is_an_answer),
		BOTH(test_many),
		BOTH(test_parallel),
		BOTH(test_stale_connection),
		BOTH(test_uploads),
		BOTH(test_empty_body),
		BOTH(test_body_is_rewound),
		BOTH(test_endless_line),
		BOTH(test_refused),
		BOTH(test_unresolvable),
		BOTH(test_broken_answers),
		BOTH(test_timeouts),
		BOTH(test_connect_timeout),
		BOTH(test_idle_is_not_total),
		BOTH(test_bad_requests),
		BOTH(test_cancel_at_each_stage),
		BOTH(test_cancel_inside_callbacks),
		BOTH(test_cancel_other_inside_callbacks),
		BOTH(test_destroy_with_calls_under_way),
		BOTH(test_pause),
		BOTH(test_cancel_while_paused),
		TEST(test_http_proxy),
		TEST(test_connect_proxy),
		TEST(test_socks5h_proxy),
		BOTH(test_environment_proxy),
		TEST(test_self_signed_is_refused),
		TEST(test_wrong_host_is_refused),
		TEST(test_tls),
		TEST(test_h2_request_body),
		TEST(test_h2_pause),
		TEST(test_h2_reader_far_behind),
	};
	return cmocka_run_group_tests_name("net/client", tests, NULL, NULL);
}
