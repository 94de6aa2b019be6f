/* fake_upstream.c: an HTTP/1.1 upstream that says what the test wrote down for it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "mux/mux_help.h"

struct answer {
	char *match;
	struct buf bytes;
	enum fake_end end;
	bool is_used;
};

struct seen {
	char *head;
	struct buf body;
};

struct peer {
	struct fake_upstream *fake;
	int fd;
	struct loop_poll *poll;
	struct buf in, out;
	bool closes;
	struct peer *next;
};

struct fake_upstream {
	struct loop *loop;
	int fd, port;
	struct loop_poll *poll;
	struct peer *peers;
	VEC(struct answer) answers;
	VEC(struct seen) seen;
	size_t connections, closes;
};

static void drop(struct peer *peer) {
	if (peer->fd >= 0) {
		loop_poll_destroy(peer->poll);
		close(peer->fd);
		peer->fd = -1;
	}
}

static void flush(struct peer *peer) {
	while (peer->out.len > 0) {
		ssize_t sent = send(peer->fd, peer->out.data, peer->out.len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			loop_poll_set(peer->poll, LOOP_READABLE | LOOP_WRITABLE);
			return;
		}
		if (sent < 0) {
			drop(peer);
			return;
		}
		buf_consume(&peer->out, (size_t)sent);
	}
	if (peer->closes) {
		drop(peer);
	} else {
		loop_poll_set(peer->poll, LOOP_READABLE);
	}
}

static struct answer *answer_for(struct fake_upstream *fake, const char *head) {
	for (size_t i = 0; i < fake->answers.len; i++) {
		struct answer *answer = &fake->answers.items[i];
		if (!answer->is_used &&
			(answer->match == NULL || strstr(head, answer->match) != NULL)) {
			answer->is_used = true;
			return answer;
		}
	}
	fail_msg("the fake upstream has no answer for: %s", head);
	return NULL;
}

/* Takes one whole request off the input; false when there is none. */
static bool take_request(struct peer *peer) {
	struct slice in = buf_slice(&peer->in);
	size_t end = slice_find(in, SLICE("\r\n\r\n"));
	if (end == SIZE_MAX) {
		return false;
	}
	char *head = mem_dup(in.data, end + 2);
	const char *length = strcasestr(head, "\r\ncontent-length:");
	size_t body_len = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
	if (in.len < end + 4 + body_len) {
		free(head);
		return false;
	}
	struct seen *seen = VEC_PUSH(&peer->fake->seen);
	seen->head = head;
	buf_append(&seen->body, slice_sub(in, end + 4, body_len));
	buf_consume(&peer->in, end + 4 + body_len);
	const struct answer *answer = answer_for(peer->fake, head);
	buf_append(&peer->out, buf_slice(&answer->bytes));
	peer->closes = answer->end == FAKE_CLOSE;
	return true;
}

static void on_peer(struct loop_poll *poll, int status, int ready) {
	struct peer *peer = loop_poll_data(poll);
	if (ready & LOOP_READABLE || status < 0) {
		char *at = buf_reserve(&peer->in, 65536);
		ssize_t got = recv(peer->fd, at, 65536, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN)) {
			peer->fake->closes++;
			drop(peer);
			return;
		}
		buf_commit(&peer->in, got > 0 ? (size_t)got : 0);
		while (take_request(peer)) {
		}
	}
	flush(peer);
}

static void on_listener(struct loop_poll *poll, int status, int ready) {
	struct fake_upstream *fake = loop_poll_data(poll);
	(void)status;
	(void)ready;
	int fd = accept4(fake->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		return;
	}
	struct peer *peer = mem_calloc(1, sizeof *peer);
	peer->fake = fake;
	peer->fd = fd;
	peer->poll = loop_poll_create(fake->loop, fd, on_peer, peer);
	loop_poll_set(peer->poll, LOOP_READABLE);
	peer->next = fake->peers;
	fake->peers = peer;
	fake->connections++;
}

struct fake_upstream *fake_create(struct loop *loop) {
	struct fake_upstream *fake = mem_calloc(1, sizeof *fake);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	fake->loop = loop;
	fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fake->fd >= 0);
	assert_int_equal(bind(fake->fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fake->fd, 64), 0);
	assert_int_equal(getsockname(fake->fd, (struct sockaddr *)&address, &len), 0);
	fake->port = ntohs(address.sin_port);
	fake->poll = loop_poll_create(loop, fake->fd, on_listener, fake);
	loop_poll_set(fake->poll, LOOP_READABLE);
	return fake;
}

void fake_destroy(struct fake_upstream *fake) {
	while (fake->peers != NULL) {
		struct peer *peer = fake->peers;
		fake->peers = peer->next;
		drop(peer);
		buf_finish(&peer->in);
		buf_finish(&peer->out);
		free(peer);
	}
	for (size_t i = 0; i < fake->answers.len; i++) {
		free(fake->answers.items[i].match);
		buf_finish(&fake->answers.items[i].bytes);
	}
	for (size_t i = 0; i < fake->seen.len; i++) {
		free(fake->seen.items[i].head);
		buf_finish(&fake->seen.items[i].body);
	}
	VEC_FINISH(&fake->answers);
	VEC_FINISH(&fake->seen);
	loop_poll_destroy(fake->poll);
	close(fake->fd);
	free(fake);
}

int fake_port(const struct fake_upstream *fake) {
	return fake->port;
}

void fake_answer(
	struct fake_upstream *fake, const char *match, struct slice bytes, enum fake_end end) {
	struct answer *answer = VEC_PUSH(&fake->answers);
	answer->match = match != NULL ? mem_dup(match, strlen(match)) : NULL;
	answer->end = end;
	buf_append(&answer->bytes, bytes);
}

void fake_json(struct fake_upstream *fake, const char *match, int status, const char *headers,
	const char *body) {
	struct buf bytes;
	buf_init(&bytes, 0);
	buf_printf(&bytes,
		"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		"%s\r\n%s",
		status, strlen(body), headers, body);
	fake_answer(fake, match, buf_slice(&bytes), FAKE_KEEP);
	buf_finish(&bytes);
}

void fake_stream(struct fake_upstream *fake, const char *match, struct slice body, bool is_cut) {
	struct buf bytes;
	buf_init(&bytes, 0);
	buf_append_str(&bytes,
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	while (body.len > 0) {
		struct slice piece = slice_sub(body, 0, 700);
		buf_printf(&bytes, "%zx\r\n", piece.len);
		buf_append(&bytes, piece);
		buf_append_str(&bytes, "\r\n");
		body = slice_from(body, piece.len);
	}
	if (!is_cut) {
		buf_append_str(&bytes, "0\r\n\r\n");
	}
	fake_answer(fake, match, buf_slice(&bytes), is_cut ? FAKE_CLOSE : FAKE_KEEP);
	buf_finish(&bytes);
}

size_t fake_requests(const struct fake_upstream *fake) {
	return fake->seen.len;
}

const char *fake_head(const struct fake_upstream *fake, size_t number) {
	assert_true(number < fake->seen.len);
	return fake->seen.items[number].head;
}

struct slice fake_body(const struct fake_upstream *fake, size_t number) {
	assert_true(number < fake->seen.len);
	return buf_slice(&fake->seen.items[number].body);
}

size_t fake_connections(const struct fake_upstream *fake) {
	return fake->connections;
}

void fake_wait_for_closes(struct fake_upstream *fake, size_t count) {
	while (fake->closes < count) {
		run_turn(fake->loop);
	}
}
