/* test_server.c: requests and answers over real sockets: framing, keep-alive, streams, leaving. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/server_help.h"

int test_server(void);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void keep_alive(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/hello"));
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.head, "Content-Length: 5\r\n"));
	assert_non_null(strstr(answer.head, "Content-Type: text/plain\r\n"));
	assert_non_null(strstr(answer.head, "\r\nDate: "));
	assert_non_null(strstr(answer.head, " GMT\r\n"));
	assert_null(strstr(answer.head, "Connection:"));
	answer_free(&answer);
	client_send(&c, GET("/hello"));
	client_expect(&c, 200, "hello");
	assert_int_equal(http_server_connections(f.server), 1);
	client_send(&c, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	client_answer(&c, false, &answer);
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	answer_free(&answer);
	client_read_eof(&c);
	assert_false(c.is_reset);
	assert_int_equal(c.in.len, 0);
	client_close(&c);
	assert_int_equal(f.dones, 3);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

static void http_1_0(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_non_null(strstr(answer.head, "Connection: keep-alive\r\n"));
	answer_free(&answer);
	/* A stream has no length: the end of the connection ends it. */
	client_send(&c, "GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, NULL, 0);
	http_write(f.waiting[0], SLICE("one"));
	http_write(f.waiting[0], SLICE("two"));
	http_end(f.waiting[0]);
	client_answer(&c, false, &answer);
	assert_null(strstr(answer.head, "Transfer-Encoding"));
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	assert_true(slice_is(buf_slice(&answer.body), "onetwo"));
	assert_false(c.is_reset);
	answer_free(&answer);
	client_close(&c);
	fixture_close(&f);
}

static void head_method(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	struct answer answer;
	client_answer(&c, true, &answer);
	assert_non_null(strstr(answer.head, "Content-Length: 5\r\n"));
	answer_free(&answer);
	client_send(&c, "HEAD /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	help_until(&f, &f.waiting_count, 1);
	http_start(f.waiting[0], 200, NULL, 0);
	assert_true(http_write(f.waiting[0], SLICE("never seen")));
	http_end(f.waiting[0]);
	client_answer(&c, true, &answer);
	answer_free(&answer);
	/* No body byte stands before the next answer. */
	client_send(&c, GET("/hello"));
	client_expect(&c, 200, "hello");
	client_close(&c);
	fixture_close(&f);
}

static void pipelining_in_order(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait") GET("/hello") "POST /echo HTTP/1.1\r\nHost: x\r\n"
						   "Content-Length: 3\r\n\r\nabc" GET("/b"));
	help_until(&f, &f.waiting_count, 1);
	help_turns(&f, 5);
	/* The next request is not looked at before the answer is out. */
	assert_int_equal(f.heads, 1);
	struct buf body;
	buf_init(&body, 0);
	buf_append_str(&body, "first");
	http_respond(f.waiting[0], 200, NULL, 0, &body);
	client_expect(&c, 200, "first");
	client_expect(&c, 200, "hello");
	client_expect(&c, 200, "abc");
	client_expect(&c, 200, "/b");
	client_close(&c);
	fixture_close(&f);
}

/* Reading stops at the bound; nothing sent ahead is lost. */
static void pipelining_is_bounded(void **state) {
	(void)state;
	enum {
		COUNT = 3000
	};
	struct fixture f;
	fixture_open(&f);
	f.options.limits.pipeline_bytes = 4096;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait"));
	help_until(&f, &f.waiting_count, 1);
	for (int i = 0; i < COUNT; i++) {
		client_send(&c, GET("/hello"));
	}
	help_turns(&f, 10);
	assert_int_equal(f.heads, 1);
	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	client_expect(&c, 204, NULL);
	for (int i = 0; i < COUNT; i++) {
		client_expect(&c, 200, "hello");
	}
	client_close(&c);
	fixture_close(&f);
}

/* gateway.md 6.5: noticed even when the reading of requests sent ahead had stopped. */
static void leaving_is_noticed_while_paused(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	f.options.limits.pipeline_bytes = 16;
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait") GET("/hello") GET("/hello"));
	help_until(&f, &f.waiting_count, 1);
	help_turns(&f, 3);
	client_close(&c);
	help_until(&f, &f.aborted, 1);
	fixture_close(&f);
}

static void pipelined_garbage(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/hello") "garbage\r\n\r\n" GET("/hello"));
	client_expect(&c, 200, "hello");
	client_expect(&c, 400, "{\"status\":400}");
	client_read_eof(&c);
	assert_int_equal(c.in.len, 0);
	assert_int_equal(f.heads, 1);
	client_close(&c);
	fixture_close(&f);
}

static void targets(void **state) {
	(void)state;
	static const struct {
		const char *target;
		int status;
		const char *body;
	} cases[] = {
		{"/a%20b%2Fc?x=%20", 200, "/a b/c"},
		{"/", 200, "/"},
		{"http://other:1/p?q", 200, "/p"},
		{"HTTPS://other", 200, "/"},
		{"http://other?q", 200, "/"},
		{"/a%0", 400, "{\"status\":400}"},
		{"/a%zz", 400, "{\"status\":400}"},
		{"/a%00", 400, "{\"status\":400}"},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client c;
		client_open(&c, &f);
		client_send(&c, "GET ");
		client_send(&c, cases[i].target);
		client_send(&c, " HTTP/1.1\r\nHost: x\r\n\r\n");
		client_expect(&c, cases[i].status, cases[i].body);
		client_close(&c);
	}
	fixture_close(&f);
}

static void request_fields(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, "POST http://h:9/wait?a=b HTTP/1.1\r\nHost: x\r\nX-One: 1\r\n"
			"Content-Length: 2\r\n\r\nhi");
	help_until(&f, &f.waiting_count, 1);
	const struct http_request *request = http_exchange_request(f.waiting[0]);
	assert_true(slice_is(request->method, "POST"));
	assert_true(slice_is(request->target, "http://h:9/wait?a=b"));
	assert_true(slice_is(request->query, "a=b"));
	assert_true(slice_is(request->host, "h:9"));
	assert_true(slice_starts_with(request->peer, SLICE("127.0.0.1:")));
	assert_true(request->is_loopback_peer);
	assert_false(request->is_tls);
	assert_int_equal(request->content_length, 2);
	assert_true(request->received_ns > 0);
	assert_true(slice_is(http_headers_get(&request->headers, "x-one"), "1"));
	http_exchange_release_body(f.waiting[0]);
	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_null(strstr(answer.head, "Content-Length"));
	answer_free(&answer);
	client_close(&c);
	fixture_close(&f);
}

/* A value with CRLF cannot split the answer, and the server's own headers are not doubled. */
static void unsafe_headers_are_skipped(void **state) {
	(void)state;
	static const struct http_header headers[] = {
		{SLICE_INIT("X-Bad"), SLICE_INIT("a\r\nX-Evil: 1")},
		{SLICE_INIT("X Bad"), SLICE_INIT("a")},
		{SLICE_INIT("content-length"), SLICE_INIT("99")},
		{SLICE_INIT("Connection"), SLICE_INIT("keep-alive")},
		{SLICE_INIT("X-Good"), SLICE_INIT("b")},
	};
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait"));
	help_until(&f, &f.waiting_count, 1);
	http_respond(f.waiting[0], 200, headers, 5, NULL);
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_null(strstr(answer.head, "Evil"));
	assert_null(strstr(answer.head, "X Bad"));
	assert_null(strstr(answer.head, "99"));
	assert_null(strstr(answer.head, "Connection"));
	assert_non_null(strstr(answer.head, "X-Good: b\r\n"));
	assert_non_null(strstr(answer.head, "Content-Length: 0\r\n"));
	answer_free(&answer);
	client_close(&c);
	fixture_close(&f);
}

static void stream_framing(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait"));
	help_until(&f, &f.waiting_count, 1);
	struct http_exchange *exchange = f.waiting[0];
	http_start(exchange, 200, NULL, 0);
	assert_true(http_is_started(exchange));
	assert_int_equal(http_exchange_status(exchange), 200);
	help_turns(&f, 5);
	char byte;
	/* The head waits for the first bytes. */
	assert_int_equal(recv(c.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	http_write(exchange, SLICE("one "));
	http_write(exchange, SLICE("two "));
	client_read_text(&c, "8\r\none two \r\n");
	assert_int_equal(http_exchange_unsent(exchange), 0);
	assert_int_equal(http_exchange_bytes_sent(exchange), 8);
	http_write(exchange, SLICE("three"));
	http_end(exchange);
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_false(answer.is_cut);
	/* One chunk a turn, however many writes. */
	assert_int_equal(answer.chunks, 2);
	assert_true(slice_is(buf_slice(&answer.body), "one two three"));
	answer_free(&answer);
	assert_int_equal(f.dones, 1);
	assert_int_equal(f.aborted, 0);
	assert_int_equal(f.last_body_sent, 13);

	client_send(&c, GET("/wait"));
	help_until(&f, &f.waiting_count, 2);
	http_start(f.waiting[1], 200, NULL, 0);
	http_flush(f.waiting[1]);
	client_read_text(&c, "\r\n\r\n");
	http_end(f.waiting[1]);
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, 0);
	answer_free(&answer);
	client_close(&c);
	fixture_close(&f);
}

static void big_answers(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/big") GET("/refs"));
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, BIG_BYTES);
	answer_free(&answer);
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, REFS_COUNT * 16385);
	assert_int_equal(answer.body.data[16385], '-');
	assert_int_equal(answer.body.data[16386], 'x');
	answer_free(&answer);
	/* A client that closes its sending side behind its request still gets what was queued. */
	client_send(&c, GET("/big"));
	client_half_close(&c);
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, BIG_BYTES);
	answer_free(&answer);
	client_close(&c);
	help_until(&f, &f.dones, 3);
	assert_int_equal(f.aborted, 0);
	fixture_close(&f);
}

/* Back-pressure: http_write says stop above the high-water mark, on_writable says go on below the
 * low-water mark, and every byte arrives in order. */
static void high_water(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c;
	client_open(&c, &f);
	client_send(&c, GET("/wait"));
	help_until(&f, &f.waiting_count, 1);
	struct http_exchange *exchange = f.waiting[0];
	http_start(exchange, 200, NULL, 0);
	char part[8192];
	size_t total = 0;
	for (int rounds = 0; rounds < 3; rounds++) {
		bool may_go_on = true;
		while (may_go_on) {
			for (size_t i = 0; i < sizeof part; i++) {
				part[i] = (char)('a' + (total + i) % 26);
			}
			may_go_on = http_write(exchange, slice_make(part, sizeof part));
			total += sizeof part;
			assert_int_equal(may_go_on, http_exchange_unsent(exchange) <= 256 * 1024);
			if (may_go_on) {
				help_turns(&f, 1);
			}
		}
		int before = f.writables;
		while (f.writables == before) {
			char sink[65536];
			ssize_t count = recv(c.fd, sink, sizeof sink, MSG_DONTWAIT);
			if (count > 0) {
				buf_append(&c.in, slice_make(sink, (size_t)count));
			}
			help_turns(&f, 1);
		}
		assert_true(f.unsent_when_writable < 64 * 1024);
	}
	http_end(exchange);
	struct answer answer;
	client_answer(&c, false, &answer);
	assert_int_equal(answer.body.len, total);
	for (size_t i = 0; i < total; i++) {
		if (answer.body.data[i] != (char)('a' + i % 26)) {
			fail_msg("byte %zu is out of order", i);
		}
	}
	answer_free(&answer);
	client_close(&c);
	fixture_close(&f);
}

/* gateway.md 6.5: a client that leaves is noticed while no data flows. */
static void leaving_is_noticed(void **state) {
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct fixture f;
		fixture_open(&f);
		fixture_start(&f);
		struct client c;
		client_open(&c, &f);
		client_send(&c, GET("/wait"));
		help_until(&f, &f.waiting_count, 1);
		if (variant >= 2) {
			http_start(f.waiting[0], 200, NULL, 0);
			http_write(f.waiting[0], SLICE("data"));
			client_read_text(&c, "data");
		}
		if (variant == 0) {
			client_half_close(&c);
		} else if (variant == 3) {
			struct linger linger = {.l_onoff = 1};
			setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
			client_close(&c);
		} else {
			client_close(&c);
		}
		help_until(&f, &f.aborted, 1);
		assert_int_equal(f.dones, 1);
		assert_int_equal(http_server_connections(f.server), 0);
		client_close(&c);
		fixture_close(&f);
	}
}

static void abort_is_visible(void **state) {
	(void)state;
	static const struct {
		const char *request;
		bool starts, resets;
	} cases[] = {
		{GET("/wait"), true, false},
		{GET("/wait"), false, false},
		{"GET /wait HTTP/1.0\r\n\r\n", true, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture f;
		fixture_open(&f);
		fixture_start(&f);
		struct client c;
		client_open(&c, &f);
		client_send(&c, cases[i].request);
		help_until(&f, &f.waiting_count, 1);
		if (cases[i].starts) {
			http_start(f.waiting[0], 200, NULL, 0);
			http_write(f.waiting[0], SLICE("some"));
			client_read_text(&c, "some");
			http_write(f.waiting[0], SLICE("more"));
		}
		http_abort(f.waiting[0]);
		client_read_eof(&c);
		assert_int_equal(c.is_reset, cases[i].resets);
		assert_int_equal(f.aborted, 1);
		if (cases[i].starts && !cases[i].resets) {
			/* What was written before leaves; the last chunk does not. */
			struct answer answer;
			client_answer(&c, false, &answer);
			assert_true(answer.is_cut);
			assert_true(slice_is(buf_slice(&answer.body), "somemore"));
			answer_free(&answer);
		} else if (!cases[i].starts) {
			assert_int_equal(c.in.len, 0);
		}
		client_close(&c);
		fixture_close(&f);
	}
}

static void count_drained(void *data) {
	((struct fixture *)data)->drained++;
}

/* kill -TERM: idle connections close, running streams finish, nobody new is let in. */
static void drain(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client idle, waiting, streaming;
	client_open(&idle, &f);
	client_send(&idle, GET("/hello"));
	client_expect(&idle, 200, "hello");
	client_open(&waiting, &f);
	client_send(&waiting, GET("/wait"));
	help_until(&f, &f.waiting_count, 1);
	client_open(&streaming, &f);
	client_send(&streaming, GET("/wait"));
	help_until(&f, &f.waiting_count, 2);
	http_start(f.waiting[1], 200, NULL, 0);
	http_write(f.waiting[1], SLICE("begun "));
	client_read_text(&streaming, "begun");

	uint16_t port = http_server_port(f.server);
	http_server_drain(f.server, count_drained, &f);
	client_read_eof(&idle);
	assert_int_equal(http_server_connections(f.server), 2);
	assert_true(http_probe_port(NULL, port, NULL));
	assert_int_equal(f.drained, 0);

	http_respond(f.waiting[0], 204, NULL, 0, NULL);
	struct answer answer;
	client_answer(&waiting, false, &answer);
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	answer_free(&answer);
	client_read_eof(&waiting);
	client_close(&waiting);
	http_write(f.waiting[1], SLICE("and ended"));
	http_end(f.waiting[1]);
	client_answer(&streaming, false, &answer);
	assert_false(answer.is_cut);
	assert_true(slice_is(buf_slice(&answer.body), "begun and ended"));
	answer_free(&answer);
	client_read_eof(&streaming);
	client_close(&streaming);
	help_until(&f, &f.drained, 1);
	assert_int_equal(http_server_connections(f.server), 0);
	assert_int_equal(f.aborted, 0);
	client_close(&idle);
	fixture_close(&f);
	assert_int_equal(f.drained, 1);
}

static void drain_of_nothing_is_at_once(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	http_server_drain(f.server, count_drained, &f);
	assert_int_equal(f.drained, 1);
	fixture_close(&f);
}

static void destroy_aborts(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	struct client c[3];
	for (int i = 0; i < 3; i++) {
		client_open(&c[i], &f);
		client_send(&c[i], GET("/wait"));
	}
	help_until(&f, &f.waiting_count, 3);
	http_start(f.waiting[1], 200, NULL, 0);
	http_write(f.waiting[1], SLICE("x"));
	http_server_destroy(f.server);
	f.server = NULL;
	assert_int_equal(f.aborted, 3);
	for (int i = 0; i < 3; i++) {
		client_close(&c[i]);
	}
	fixture_close(&f);
}

static void ports(void **state) {
	(void)state;
	struct fixture f;
	fixture_open(&f);
	fixture_start(&f);
	uint16_t port = http_server_port(f.server);
	assert_int_not_equal(port, 0);
	struct error error = {0};
	assert_false(http_probe_port("127.0.0.1", port, &error));
	assert_int_equal(error.kind, ERROR_CONFIGURATION);
	assert_non_null(strstr(error.message, "already in use on 127.0.0.1"));
	assert_string_equal(error.param, "port");
	struct http_server_options options = f.options;
	options.port = port;
	assert_null(http_server_create(f.loop, &options, &error));
	/* A later loop shares the port. */
	options.reuse_port = true;
	struct http_server *second = http_server_create(f.loop, &options, &error);
	assert_non_null(second);
	assert_int_equal(http_server_port(second), port);
	http_server_destroy(second);
	options = f.options;
	options.host = "localhost";
	second = http_server_create(f.loop, &options, &error);
	assert_non_null(second);
	http_server_destroy(second);
	options.host = "no such host";
	assert_null(http_server_create(f.loop, &options, &error));
	assert_non_null(strstr(error.message, "no such host"));
	assert_string_equal(error.param, "host");
	fixture_close(&f);
}

static void ipv6(void **state) {
	(void)state;
	struct error error = {0};
	if (!http_probe_port("::1", 0, &error)) {
		print_message("no IPv6 loopback here: %s\n", error.message);
		skip();
	}
	struct fixture f;
	fixture_open(&f);
	f.options.host = "[::1]";
	fixture_start(&f);
	assert_int_not_equal(http_server_port(f.server), 0);
	fixture_close(&f);
}

int test_server(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(http_1_0),
		cmocka_unit_test(head_method),
		cmocka_unit_test(pipelining_in_order),
		cmocka_unit_test(pipelining_is_bounded),
		cmocka_unit_test(leaving_is_noticed_while_paused),
		cmocka_unit_test(pipelined_garbage),
		cmocka_unit_test(targets),
		cmocka_unit_test(request_fields),
		cmocka_unit_test(unsafe_headers_are_skipped),
		cmocka_unit_test(stream_framing),
		cmocka_unit_test(big_answers),
		cmocka_unit_test(high_water),
		cmocka_unit_test(leaving_is_noticed),
		cmocka_unit_test(abort_is_visible),
		cmocka_unit_test(drain),
		cmocka_unit_test(drain_of_nothing_is_at_once),
		cmocka_unit_test(destroy_aborts),
		cmocka_unit_test(ports),
		cmocka_unit_test(ipv6),
	};
	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
