/* server_help.c: a server with a test handler, and raw clients beside it on the same thread. */
#include "net/server_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <uv.h>

#include "base/clock.h"
#include "net/http1.h"

#define PATIENCE_MS 10000
#define SEND_MAX ((size_t)256 * 1024)

static const char big_part[16384] = {'x'};

/* ---- the handler ---- */

static const struct http_header plain[] = {{SLICE_INIT("Content-Type"), SLICE_INIT("text/plain")}};

static void respond(struct http_exchange *exchange, int status, struct slice text) {
	struct buf body;
	buf_init(&body, 0);
	buf_append(&body, text);
	http_respond(exchange, status, plain, 1, &body);
	buf_finish(&body);
}

static void on_head(struct http_exchange *exchange, void *context) {
	struct fixture *f = context;
	f->heads++;
	struct slice path = http_exchange_request(exchange)->path;
	if (slice_is(path, "/early")) {
		respond(exchange, 401, SLICE("no"));
	} else if (slice_is(path, "/cut")) {
		http_abort(exchange);
	}
}

static void respond_big(struct http_exchange *exchange) {
	struct buf body;
	buf_init(&body, 0);
	memset(buf_reserve(&body, BIG_BYTES), 'x', BIG_BYTES);
	buf_commit(&body, BIG_BYTES);
	http_respond(exchange, 200, plain, 1, &body);
}

static void respond_refs(struct http_exchange *exchange) {
	struct buf body;
	buf_init(&body, 0);
	body.allow_refs = true;
	for (int i = 0; i < REFS_COUNT; i++) {
		buf_append_str(&body, "-");
		buf_append_ref(&body, slice_make(big_part, sizeof big_part));
	}
	http_respond(exchange, 200, plain, 1, &body);
}

static void on_body(struct http_exchange *exchange, struct slice body, void *context) {
	struct fixture *f = context;
	f->bodies++;
	f->body_of = exchange;
	f->body = body;
	struct slice path = http_exchange_request(exchange)->path;
	if (slice_is(path, "/echo")) {
		respond(exchange, 200, body);
	} else if (slice_is(path, "/length")) {
		respond(exchange, 200,
			arena_printf(http_exchange_arena(exchange), "%zu", body.len));
	} else if (slice_is(path, "/big")) {
		respond_big(exchange);
	} else if (slice_is(path, "/refs")) {
		respond_refs(exchange);
	} else if (slice_is(path, "/wait")) {
		assert_true(f->waiting_count < WAITING_MAX);
		f->waiting[f->waiting_count++] = exchange;
	} else if (slice_is(path, "/hello")) {
		respond(exchange, 200, SLICE("hello"));
	} else {
		respond(exchange, 200, path);
	}
}

static void on_error(struct http_exchange *exchange, const struct error *error, void *context) {
	struct fixture *f = context;
	f->errors++;
	f->error_status = error_status(error);
	f->last_error = *error;
	respond(exchange, error_status(error), SLICE("refused"));
}

static void on_writable(struct http_exchange *exchange, void *context) {
	struct fixture *f = context;
	f->writables++;
	f->unsent_when_writable = http_exchange_unsent(exchange);
}

static void on_done(struct http_exchange *exchange, bool is_aborted, void *context) {
	struct fixture *f = context;
	f->dones++;
	f->aborted += is_aborted;
	f->last_body_sent = http_exchange_bytes_sent(exchange);
	for (size_t i = 0; f->body_of == exchange && i < f->body.len; i++) {
		f->body_zeros += f->body.data[i] == '\0'; /* reads it: a sanitizer looks on */
	}
	f->body_of = f->body_of == exchange ? NULL : f->body_of;
	for (int i = 0; i < f->waiting_count; i++) {
		if (f->waiting[i] == exchange) {
			f->waiting[i] = NULL;
		}
	}
}

static void encode_head_error(const struct error *error, struct buf *out, void *context) {
	(void)context;
	buf_printf(out, "{\"status\":%d}", error_status(error));
}

/* ---- the fixture ---- */

void fixture_open(struct fixture *f) {
	*f = (struct fixture){0};
	struct error error = {0};
	f->loop = loop_create(&error);
	assert_non_null(f->loop);
	f->options.handler = (struct http_handler){
		.on_head = on_head,
		.on_body = on_body,
		.on_error = on_error,
		.on_writable = on_writable,
		.on_done = on_done,
		.encode_head_error = encode_head_error,
		.context = f,
	};
}

void fixture_start(struct fixture *f) {
	struct error error = {0};
	f->server = http_server_create(f->loop, &f->options, &error);
	if (!f->server) {
		fail_msg("%s", error.message);
	}
}

void fixture_close(struct fixture *f) {
	http_server_destroy(f->server);
	/* Whatever began has ended, exactly once. */
	assert_int_equal(f->dones, f->heads);
	loop_destroy(f->loop);
}

/* Waits for the loop or for `fd`, at most as long as the loop itself would sleep. */
static void step(struct fixture *f, int fd, short events, uint64_t give_up_ms) {
	loop_run_once(f->loop, false);
	if (clock_monotonic_ms() > give_up_ms) {
		fail_msg("nothing happened for %d ms", PATIENCE_MS);
	}
	struct uv_loop_s *uv = loop_uv(f->loop);
	struct pollfd fds[2] = {
		{.fd = uv_backend_fd(uv), .events = POLLIN}, {.fd = fd, .events = events}};
	int timeout = uv_backend_timeout(uv);
	poll(fds, fd >= 0 ? 2 : 1, timeout < 0 || timeout > 100 ? 100 : timeout);
}

void help_until(struct fixture *f, const int *counter, int wanted) {
	uint64_t give_up = clock_monotonic_ms() + PATIENCE_MS;
	while (*counter < wanted) {
		step(f, -1, 0, give_up);
	}
}

void help_turns(struct fixture *f, int turns) {
	for (int i = 0; i < turns; i++) {
		loop_run_once(f->loop, false);
	}
}

/* ---- clients ---- */

void client_open(struct client *c, struct fixture *f) {
	*c = (struct client){.f = f};
	buf_init(&c->in, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(http_server_port(f->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* A blocking connect to a listening loopback socket ends in the kernel, without accept. */
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
	int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void client_close(struct client *c) {
	if (c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
	SSL_free(c->tls);
	c->tls = NULL;
	buf_finish(&c->in);
}

static ssize_t send_some(struct client *c, struct slice bytes) {
	/* valgrind looks at every byte offered, at every call. */
	bytes = slice_sub(bytes, 0, SEND_MAX);
	if (c->tls) {
		int sent = SSL_write(c->tls, bytes.data, (int)bytes.len);
		return sent > 0 ? sent : -1;
	}
	return send(c->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void client_send_bytes(struct client *c, struct slice bytes) {
	uint64_t give_up = clock_monotonic_ms() + PATIENCE_MS;
	while (bytes.len > 0) {
		ssize_t sent = send_some(c, bytes);
		if (sent > 0) {
			bytes = slice_from(bytes, (size_t)sent);
		} else if (!c->tls && errno != EAGAIN) {
			return; /* the server closed: the answer tells */
		} else {
			step(c->f, c->fd, POLLOUT, give_up);
		}
	}
}

void client_send(struct client *c, const char *text) {
	client_send_bytes(c, slice_of(text));
}

void client_half_close(struct client *c) {
	shutdown(c->fd, SHUT_WR);
}

/* Reads what is there; false when nothing was. */
static bool read_some(struct client *c) {
	char *to = buf_reserve(&c->in, 65536);
	ssize_t count;
	if (c->tls) {
		count = SSL_read(c->tls, to, 65536);
		int code = count > 0 ? 0 : SSL_get_error(c->tls, (int)count);
		if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
			return false;
		}
		c->is_reset = code == SSL_ERROR_SSL || code == SSL_ERROR_SYSCALL;
	} else {
		count = recv(c->fd, to, 65536, MSG_DONTWAIT);
		if (count < 0 && errno == EAGAIN) {
			return false;
		}
		c->is_reset = count < 0;
	}
	if (count > 0) {
		buf_commit(&c->in, (size_t)count);
	} else {
		c->is_eof = true;
	}
	return true;
}

static void await_more(struct client *c) {
	uint64_t give_up = clock_monotonic_ms() + PATIENCE_MS;
	while (!c->is_eof && !read_some(c)) {
		step(c->f, c->fd, POLLIN, give_up);
	}
}

void client_read_eof(struct client *c) {
	while (!c->is_eof) {
		await_more(c);
	}
}

void client_read_bytes(struct client *c, size_t count) {
	while (c->in.len < count && !c->is_eof) {
		await_more(c);
	}
}

void client_read_text(struct client *c, const char *text) {
	while (slice_find(buf_slice(&c->in), slice_of(text)) == SIZE_MAX) {
		if (c->is_eof) {
			fail_msg("the connection ended before \"%s\"", text);
		}
		await_more(c);
	}
}

static void read_chunked(struct client *c, struct answer *answer) {
	struct http1_chunked chunked;
	http1_chunked_init(&chunked);
	enum http1_result result = HTTP1_NEED_MORE;
	while (result == HTTP1_NEED_MORE) {
		while (c->in.len == 0 && !c->is_eof) {
			await_more(c);
		}
		if (c->in.len == 0) {
			answer->is_cut = true;
			return;
		}
		struct slice in = buf_slice(&c->in), run;
		result = http1_chunked_next(&chunked, &in, &run, NULL);
		assert_int_not_equal(result, HTTP1_ERROR);
		buf_append(&answer->body, run);
		answer->chunks += run.len > 0 && chunked.left == 0;
		buf_consume(&c->in, c->in.len - in.len);
	}
}

static void read_counted(struct client *c, size_t length, struct answer *answer) {
	client_read_bytes(c, length);
	answer->is_cut = c->in.len < length;
	size_t count = answer->is_cut ? c->in.len : length;
	buf_append(&answer->body, slice_make(c->in.data, count));
	buf_consume(&c->in, count);
}

void client_answer(struct client *c, bool is_head, struct answer *answer) {
	*answer = (struct answer){0};
	client_read_text(c, "\r\n\r\n");
	size_t end = slice_find(buf_slice(&c->in), SLICE("\r\n\r\n")) + 4;
	answer->head = strndup(c->in.data, end);
	buf_consume(&c->in, end);
	assert_memory_equal(answer->head, "HTTP/1.1 ", 9);
	answer->status = atoi(answer->head + 9);
	const char *length = strstr(answer->head, "Content-Length: ");
	if (is_head || answer->status < 200 || answer->status == 204) {
		return;
	}
	if (strstr(answer->head, "Transfer-Encoding: chunked")) {
		read_chunked(c, answer);
	} else if (length) {
		read_counted(c, (size_t)atol(length + 16), answer);
	} else {
		client_read_eof(c);
		read_counted(c, c->in.len, answer);
	}
}

void answer_free(struct answer *answer) {
	free(answer->head);
	buf_finish(&answer->body);
}

void client_expect(struct client *c, int status, const char *body) {
	struct answer answer;
	client_answer(c, false, &answer);
	if (answer.status != status ||
		(body && !slice_eq(buf_slice(&answer.body), slice_of(body)))) {
		fail_msg("expected %d \"%s\", got %d \"%.*s\"", status, body ? body : "",
			answer.status, SLICE_FMT(slice_sub(buf_slice(&answer.body), 0, 200)));
	}
	answer_free(&answer);
}
