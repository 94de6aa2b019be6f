/* fake_server.c: see fake_server.h. */
#include "net/fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"

#define DRIPS 4
#define FULL_SOCKETS 8

struct peer {
	struct fake_server *server;
	int fd;
	struct loop_poll *poll;
	struct buf in;
	size_t head_len, body_len;
	size_t endless_left;
	bool is_tunnel, is_deaf;
	int socks_step;
	struct loop_timer timer;
	const char *drips;
	struct peer *next;
};

struct fake_server {
	struct loop *loop;
	int fd, port;
	struct loop_poll *poll;
	struct peer *peers;
	size_t accepted, closes;
	bool drop_next, is_blocked;
	struct buf log;
	int full[FULL_SOCKETS];
	size_t full_count;
};

/* ---- bytes out ------------------------------------------------------------------------------- */

static void send_bytes(struct peer *peer, const char *bytes, size_t len) {
	while (len > 0) {
		ssize_t sent = send(peer->fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN) {
			return;
		}
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		}
	}
}

static void say(struct peer *peer, const char *text) {
	send_bytes(peer, text, strlen(text));
}

static void say_body(struct peer *peer, struct slice body) {
	char head[128];
	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.len);
	say(peer, head);
	send_bytes(peer, body.data, body.len);
}

static void drop(struct peer *peer) {
	loop_timer_stop(&peer->timer);
	loop_poll_destroy(peer->poll);
	peer->poll = NULL;
	if (peer->fd >= 0) {
		close(peer->fd);
	}
	peer->fd = -1;
}

static void reset(struct peer *peer) {
	const struct linger hard = {.l_onoff = 1};
	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	drop(peer);
}

/* ---- behaviours ------------------------------------------------------------------------------ */

static struct slice request_body(struct peer *peer) {
	return slice_make(peer->in.data + peer->head_len, peer->body_len);
}

static void do_echo_head(struct peer *peer) {
	say_body(peer, slice_make(peer->in.data, peer->head_len));
}

static void do_method(struct peer *peer) {
	struct buf text = {0};
	size_t space = slice_find_byte(buf_slice(&peer->in), ' ');
	buf_append(&text, slice_make(peer->in.data, space + 1));
	buf_append(&text, request_body(peer));
	if (memcmp(peer->in.data, "HEAD", 4) == 0) {
		say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n");
	} else {
		say_body(peer, buf_slice(&text));
	}
	buf_finish(&text);
}

static void do_length(struct peer *peer) {
	char text[64];
	snprintf(text, sizeof text, "%zu 0", peer->body_len);
	say_body(peer, slice_of(text));
}

static void do_sum(struct peer *peer) {
	char text[64];
	uint32_t sum = 0;
	struct slice body = request_body(peer);
	for (size_t i = 0; i < body.len; i++) {
		sum = sum * 31 + (unsigned char)body.data[i];
	}
	snprintf(text, sizeof text, "%zu %u", body.len, sum);
	say_body(peer, slice_of(text));
}

static void do_gzip(struct peer *peer) {
	unsigned char packed[256];
	char head[160];
	z_stream z = {.next_in = (unsigned char *)"hello gzip", .avail_in = 10};
	z.next_out = packed;
	z.avail_out = sizeof packed;
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	size_t len = sizeof packed - z.avail_out;
	deflateEnd(&z);
	snprintf(head, sizeof head,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", len);
	say(peer, head);
	send_bytes(peer, (char *)packed, len);
}

static void do_huge_head(struct peer *peer) {
	char line[1024];
	memset(line, 'h', sizeof line);
	memcpy(line, "X-Huge: ", 8);
	memcpy(line + sizeof line - 2, "\r\n", 2);
	say(peer, "HTTP/1.1 200 OK\r\n");
	for (size_t i = 0; i < 70; i++) {
		send_bytes(peer, line, sizeof line);
	}
	say(peer, "\r\n");
}

static void do_endless(struct peer *peer) {
	char head[128];
	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		FAKE_ENDLESS_BYTES);
	say(peer, head);
	peer->endless_left = FAKE_ENDLESS_BYTES;
	loop_poll_set(peer->poll, LOOP_READABLE | LOOP_WRITABLE);
}

static void do_drip(struct peer *peer) {
	say(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	peer->drips = "5\r\ndrip \r\n5\r\ndrip \r\n5\r\ndrip \r\n5\r\ndrip \r\n0\r\n\r\n";
	loop_timer_start(&peer->timer, 1);
}

static void do_byte_wise(struct peer *peer) {
	const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nslowly";
	for (; *text; text++) {
		send_bytes(peer, text, 1);
	}
}

static void do_404(struct peer *peer) {
	say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

/* Either a function, or a text and what follows it. */
static const struct {
	const char *path;
	void (*run)(struct peer *peer);
	const char *text;
	void (*then)(struct peer *peer);
} behaviours[] = {
	{"/plain", NULL,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: a, b \r\nX-Empty:\r\n\r\nhello",
		NULL},
	{"/echo-head", do_echo_head, NULL, NULL},
	{"/method", do_method, NULL, NULL},
	{"/length", do_length, NULL, NULL},
	{"/sum", do_sum, NULL, NULL},
	{"/chunked", NULL,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;x=y\r\nhello "
		"\r\n5\r\nworld\r\n0\r\n\r\n",
		NULL},
	{"/until-close", NULL, "HTTP/1.0 200 OK\r\n\r\nto the end", drop},
	{"/gzip", do_gzip, NULL, NULL},
	{"/interim", NULL,
		"HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\nHTTP/1.1 200 "
		"OK\r\nContent-Length: 9\r\n\r\nafter 103",
		NULL},
	{"/no-content", NULL, "HTTP/1.1 204 No Content\r\n\r\n", NULL},
	{"/trailers", NULL,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nwith "
		"trailers\r\n0\r\nX-Trailer: 1\r\n\r\n",
		NULL},
	{"/byte-wise", do_byte_wise, NULL, NULL},
	{"/429", NULL, "HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}",
		NULL},
	{"/redirect", NULL, "HTTP/1.1 302 Found\r\nLocation: /plain\r\nContent-Length: 0\r\n\r\n",
		NULL},
	{"/then-close", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye", drop},
	{"/too-long", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nmore", NULL},
	{"/says-close", NULL,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye", NULL},
	{"/http10", NULL, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", NULL},
	{"/endless", do_endless, NULL, NULL},
	{"/cut-length", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour", drop},
	{"/cut-chunked", NULL,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n", drop},
	{"/reset-body", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour", reset},
	{"/reset-head", NULL, "", reset},
	{"/close", NULL, "", drop},
	{"/bad-chunk", NULL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfour\r\n",
		NULL},
	{"/bad-gzip", NULL,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip, "
		"no",
		NULL},
	{"/not-http", NULL, "SSH-2.0-OpenSSH_9.2\r\nwhat?\r\n", drop},
	{"/huge-head", do_huge_head, NULL, NULL},
	{"/cut-head", NULL, "HTTP/1.1 200 OK\r\nContent-Le", drop},
	{"/silent", NULL, "", NULL},
	{"/half-head", NULL, "HTTP/1.1 200 OK\r\nContent-Le", NULL},
	{"/stalls", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst", NULL},
	{"/drip", do_drip, NULL, NULL},
	{"/", do_404, NULL, NULL},
};

static void do_connect(struct peer *peer) {
	if (slice_contains(buf_slice(&peer->in), SLICE("CONNECT refuse"))) {
		say(peer, "HTTP/1.1 407 No\r\nX-Proxy: 1\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	say(peer, "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n");
	peer->is_tunnel = true;
}

static void serve(struct peer *peer) {
	struct slice rest = buf_slice(&peer->in), method, path;
	if (peer->server->drop_next) {
		peer->server->drop_next = false;
		drop(peer);
		return;
	}
	slice_split(&rest, ' ', &method);
	slice_split(&rest, ' ', &path);
	if (slice_is(method, "CONNECT")) {
		do_connect(peer);
		return;
	}
	if (slice_starts_with(path, SLICE("http://"))) {
		path = slice_from(path, 7);
		path = slice_from(path, slice_find_byte(path, '/'));
	}
	size_t i = 0;
	while (!slice_starts_with(path, slice_of(behaviours[i].path))) {
		i++;
	}
	if (behaviours[i].run) {
		behaviours[i].run(peer);
		return;
	}
	say(peer, behaviours[i].text);
	if (behaviours[i].then) {
		behaviours[i].then(peer);
	}
}

/* ---- bytes in -------------------------------------------------------------------------------- */

/* True when a whole request is in. */
static bool has_request(struct peer *peer) {
	struct slice in = buf_slice(&peer->in);
	size_t end = slice_find(in, SLICE("\r\n\r\n"));
	if (end == SIZE_MAX) {
		return false;
	}
	peer->head_len = end + 4;
	peer->body_len = 0;
	size_t at = slice_find(slice_sub(in, 0, end), SLICE("Content-Length: "));
	if (at != SIZE_MAX) {
		peer->body_len = strtoul(in.data + at + 16, NULL, 10);
	}
	return in.len >= peer->head_len + peer->body_len;
}

/* RFC 1928 with RFC 1929, as far as a well-behaved client needs it. */
static bool serve_socks(struct peer *peer) {
	static const struct {
		const char *bytes;
		size_t len;
	} replies[] = {
		{"\x05\x02", 2}, {"\x01\x00", 2}, {"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10}};
	bool is_socks =
		peer->in.len > 0 && peer->in.data[0] == (peer->socks_step == 1 ? '\x01' : '\x05');
	if (peer->socks_step == 3 || !is_socks) {
		return false;
	}
	send_bytes(peer, replies[peer->socks_step].bytes, replies[peer->socks_step].len);
	peer->socks_step++;
	buf_reset(&peer->in, SIZE_MAX);
	return true;
}

/* A body that is not wanted: answered after the head, and not read. */
static bool refuse_body(struct peer *peer) {
	struct slice in = buf_slice(&peer->in);
	if (!slice_starts_with(in, SLICE("POST /refuse")) || has_request(peer)) {
		return false;
	}
	say(peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch");
	peer->is_deaf = true;
	loop_poll_set(peer->poll, 0);
	if (slice_starts_with(in, SLICE("POST /refuse-close"))) {
		drop(peer);
	}
	return true;
}

static void take(struct peer *peer) {
	if (peer->is_deaf || refuse_body(peer)) {
		return;
	}
	if (peer->is_tunnel) {
		drop(peer);
		return;
	}
	if (serve_socks(peer)) {
		return;
	}
	while (peer->fd >= 0 && has_request(peer)) {
		size_t len = peer->head_len + peer->body_len;
		serve(peer);
		buf_consume(&peer->in, len);
	}
}

/* Writes until the kernel takes no more. */
static void pour(struct peer *peer) {
	static const char line[64 * 1024];
	ssize_t sent = 1;
	while (peer->endless_left > 0 && sent > 0) {
		size_t len = peer->endless_left < sizeof line ? peer->endless_left : sizeof line;
		sent = send(peer->fd, line, len, MSG_NOSIGNAL);
		peer->endless_left -= sent > 0 ? (size_t)sent : 0;
	}
	peer->server->is_blocked = peer->endless_left > 0;
	if (peer->endless_left == 0) {
		loop_poll_set(peer->poll, LOOP_READABLE);
	}
}

static void on_peer(struct loop_poll *poll, int status, int ready) {
	struct peer *peer = loop_poll_data(poll);
	char bytes[16 * 1024];
	if (ready & LOOP_WRITABLE) {
		pour(peer);
	}
	if (status == 0 && !(ready & LOOP_READABLE)) {
		return;
	}
	ssize_t len = recv(peer->fd, bytes, sizeof bytes, 0);
	if (len <= 0) {
		peer->server->closes++;
		drop(peer);
		return;
	}
	if (peer->server->log.len < 100000) {
		buf_append(&peer->server->log, slice_make(bytes, (size_t)len));
	}
	buf_append(&peer->in, slice_make(bytes, (size_t)len));
	take(peer);
}

static void on_drip(struct loop_timer *timer) {
	struct peer *peer = timer->data;
	size_t len = strlen(peer->drips);
	len = len < 10 ? len : 10;
	send_bytes(peer, peer->drips, len);
	peer->drips += len;
	if (*peer->drips) {
		loop_timer_start(timer, 5);
	}
}

static void on_connection(struct loop_poll *poll, int status, int ready) {
	struct fake_server *server = loop_poll_data(poll);
	(void)status;
	(void)ready;
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		return;
	}
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer) {
		abort();
	}
	*peer = (struct peer){.server = server, .fd = fd, .next = server->peers};
	peer->poll = loop_poll_create(server->loop, fd, on_peer, peer);
	loop_poll_set(peer->poll, LOOP_READABLE);
	loop_timer_init(server->loop, &peer->timer, on_drip, peer);
	server->peers = peer;
	server->accepted++;
}

/* ---- the server ------------------------------------------------------------------------------ */

static int listen_on(int *port, int backlog) {
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
		(backlog >= 0 && listen(fd, backlog) != 0) ||
		getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
		perror("fake server");
		abort();
	}
	*port = ntohs(address.sin_port);
	return fd;
}

struct fake_server *fake_server_create(struct loop *loop) {
	struct fake_server *server = calloc(1, sizeof *server);
	if (!server) {
		abort();
	}
	server->loop = loop;
	server->fd = listen_on(&server->port, 128);
	server->poll = loop_poll_create(loop, server->fd, on_connection, server);
	loop_poll_set(server->poll, LOOP_READABLE);
	return server;
}

void fake_server_destroy(struct fake_server *server) {
	while (server->peers) {
		struct peer *peer = server->peers;
		server->peers = peer->next;
		drop(peer);
		buf_finish(&peer->in);
		free(peer);
	}
	for (size_t i = 0; i < server->full_count; i++) {
		close(server->full[i]);
	}
	loop_poll_destroy(server->poll);
	close(server->fd);
	buf_finish(&server->log);
	free(server);
}

int fake_server_port(const struct fake_server *server) {
	return server->port;
}

size_t fake_server_accepted(const struct fake_server *server) {
	return server->accepted;
}

bool fake_server_saw(const struct fake_server *server, const char *text) {
	return slice_contains(buf_slice(&server->log), slice_of(text));
}

void fake_server_drop_next(struct fake_server *server) {
	server->drop_next = true;
}

void fake_server_wait_for_closes(struct fake_server *server, size_t count) {
	while (server->closes < count) {
		loop_run_once(server->loop, true);
	}
}

void fake_server_wait_until_blocked(struct fake_server *server) {
	while (!server->is_blocked) {
		loop_run_once(server->loop, true);
	}
}

int fake_server_unused_port(void) {
	int port;
	close(listen_on(&port, -1));
	return port;
}

int fake_server_full_port(struct fake_server *server) {
	struct sockaddr_in address = {.sin_family = AF_INET};
	int port;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->full[server->full_count++] = listen_on(&port, 0);
	address.sin_port = htons((uint16_t)port);
	while (server->full_count < FULL_SOCKETS) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 &&
			errno != EINPROGRESS) {
			perror("fake server");
		}
		server->full[server->full_count++] = fd;
	}
	return port;
}
