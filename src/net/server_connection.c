/* server_connection.c: life of a connection: its events, its timer, the flushes of HTTP/1.1, its
 * end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/server_h2.h"

#define NO_DEADLINE UINT64_MAX

static void on_ready(struct loop_poll *poll, int status, int ready);
static void on_timer(struct loop_timer *timer);
static void on_flush(struct loop_deferred *deferred);

/* ---- the socket ---- */

ssize_t http_connection_read(struct http_connection *connection, void *to, size_t size) {
	/* After the TLS shutdown what comes is only dropped, and need not be understood. */
	if (connection->tls && connection->state != HTTP_CONNECTION_LINGER) {
		return tls_read(connection->tls, to, size);
	}
	ssize_t count;
	do {
		count = read(connection->fd, to, size);
	} while (count < 0 && errno == EINTR);
	if (count < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK ? NET_IO_AGAIN : NET_IO_FAILED;
	}
	return count;
}

ssize_t http_connection_write(struct http_connection *connection, const struct iovec *iov, int n) {
	if (connection->tls) {
		return tls_write(connection->tls, iov, n);
	}
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
	ssize_t count;
	do {
		count = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
	} while (count < 0 && errno == EINTR);
	if (count < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK ? NET_IO_AGAIN : NET_IO_FAILED;
	}
	return count;
}

enum http_flush_result http_connection_send(
	struct http_connection *connection, struct buf *out, size_t *sent, bool *progressed) {
	while (*sent < out->len) {
		struct iovec iov = {.iov_base = out->data + *sent, .iov_len = out->len - *sent};
		ssize_t count = http_connection_write(connection, &iov, 1);
		if (count == NET_IO_AGAIN) {
			http_connection_watch(connection, connection->interest | LOOP_WRITABLE);
			return HTTP_FLUSH_BLOCKED;
		}
		if (count < 0) {
			return HTTP_FLUSH_FAILED;
		}
		*sent += (size_t)count;
		*progressed = true;
	}
	buf_reset(out, HTTP_STREAM_KEEP);
	*sent = 0;
	http_connection_watch(connection, connection->interest & ~LOOP_WRITABLE);
	return HTTP_FLUSH_DONE;
}

void http_connection_watch(struct http_connection *connection, int interest) {
	if (connection->interest != interest) {
		connection->interest = interest;
		loop_poll_set(connection->poll, interest);
	}
}

/* ---- the timer ---- */

void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_ms) {
	uint64_t at = loop_now_ms(connection->server->loop) + delay_ms;
	connection->deadline_ms = at;
	if (!loop_timer_is_armed(&connection->timer) || connection->timer.at_ms > at) {
		loop_timer_start(&connection->timer, delay_ms);
	}
}

void http_connection_wake_within(struct http_connection *connection, uint64_t delay_ms) {
	if (connection->deadline_ms > loop_now_ms(connection->server->loop) + delay_ms) {
		http_connection_set_deadline(connection, delay_ms);
	}
}

void http_connection_no_deadline(struct http_connection *connection) {
	connection->deadline_ms = NO_DEADLINE;
}

static bool is_blocked(const struct http_connection *connection) {
	return connection->interest & LOOP_WRITABLE;
}

static void on_deadline(struct http_connection *connection) {
	switch (connection->state) {
	case HTTP_CONNECTION_HANDSHAKE:
	case HTTP_CONNECTION_IDLE:
	case HTTP_CONNECTION_LINGER:
		http_connection_finish(connection);
		return;
	case HTTP_CONNECTION_HEAD:
		http_connection_head_timeout(connection);
		return;
	case HTTP_CONNECTION_BODY:
		if (!is_blocked(connection)) {
			http_connection_body_timeout(connection);
			return;
		}
		break;
	case HTTP_CONNECTION_TAKEN:
		connection->protocol->on_deadline(connection);
		return;
	case HTTP_CONNECTION_ANSWER:
		break;
	}
	/* The client reads nothing. */
	http_connection_finish(connection);
}

/* A loop that was held up must not blame the client: what came meanwhile counts first. True when
 * that settled the matter, or ended the connection. */
static bool has_caught_up(struct http_connection *connection) {
	enum http_connection_state before = connection->state;
	bool awaits_input = before == HTTP_CONNECTION_IDLE || before == HTTP_CONNECTION_HEAD ||
			    before == HTTP_CONNECTION_BODY;
	if (!awaits_input || is_blocked(connection)) {
		return false;
	}
	return !http_connection_receive(connection) || connection->state != before ||
	       connection->deadline_ms != NO_DEADLINE;
}

static void on_timer(struct loop_timer *timer) {
	struct http_connection *connection = timer->data;
	uint64_t now = loop_now_ms(connection->server->loop);
	if (connection->deadline_ms <= now) {
		connection->deadline_ms = NO_DEADLINE;
		if (!has_caught_up(connection)) {
			on_deadline(connection);
		}
	} else if (connection->deadline_ms != NO_DEADLINE) {
		loop_timer_start(timer, connection->deadline_ms - now);
	}
}

/* ---- begin and end ---- */

static void describe_peer(struct http_connection *connection, const struct sockaddr *peer) {
	char address[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;
	connection->is_loopback = false;
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
		inet_ntop(AF_INET, &in->sin_addr, address, sizeof address);
		port = ntohs(in->sin_port);
		connection->is_loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	} else if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)peer;
		inet_ntop(AF_INET6, &in->sin6_addr, address, sizeof address);
		port = ntohs(in->sin6_port);
		connection->is_loopback =
			IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ||
			(IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127);
	}
	int len = peer->sa_family == AF_INET6
			  ? snprintf(connection->peer, HTTP_PEER_MAX, "[%s]:%u", address, port)
			  : snprintf(connection->peer, HTTP_PEER_MAX, "%s:%u", address, port);
	connection->peer_len = (size_t)len;
}

static struct http_connection *take_connection(struct http_server *server) {
	struct http_connection *connection = server->free_connections;
	if (connection) {
		server->free_connections = connection->next;
		server->free_connection_count--;
	} else {
		connection = mem_alloc(sizeof *connection);
	}
	*connection = (struct http_connection){.server = server, .minor_version = -1};
	connection->next = server->connections;
	if (connection->next) {
		connection->next->previous = connection;
	}
	server->connections = connection;
	server->connection_count++;
	return connection;
}

static void give_connection(struct http_connection *connection) {
	struct http_server *server = connection->server;
	if (connection->next) {
		connection->next->previous = connection->previous;
	}
	if (connection->previous) {
		connection->previous->next = connection->next;
	} else {
		server->connections = connection->next;
	}
	server->connection_count--;
	if (server->free_connection_count >= HTTP_POOLED_MAX) {
		free(connection);
		return;
	}
	connection->next = server->free_connections;
	server->free_connections = connection;
	server->free_connection_count++;
}

void http_connection_create(struct http_server *server, int fd, const struct sockaddr *peer) {
	struct http_connection *connection = take_connection(server);
	connection->fd = fd;
	connection->state = HTTP_CONNECTION_IDLE;
	describe_peer(connection, peer);
	loop_timer_init(server->loop, &connection->timer, on_timer, connection);
	connection->flusher = (struct loop_deferred){.fn = on_flush, .data = connection};
	connection->poll = loop_poll_create(server->loop, fd, on_ready, connection);
	if (server->tls) {
		connection->tls = tls_create(server->tls, fd);
		connection->state = HTTP_CONNECTION_HANDSHAKE;
	}
	if (!connection->poll || (server->tls && !connection->tls)) {
		http_connection_finish(connection);
		return;
	}
	http_connection_watch(connection, LOOP_READABLE);
	http_connection_set_deadline(
		connection, server->tls ? HTTP_HANDSHAKE_MS : server->limits.keepalive_timeout_ms);
}

void http_connection_take_over(
	struct http_connection *connection, const struct http_protocol *protocol, void *session) {
	connection->protocol = protocol;
	connection->session = session;
	connection->state = HTTP_CONNECTION_TAKEN;
	http_connection_no_deadline(connection);
}

static void end_protocol(struct http_connection *connection) {
	if (connection->protocol) {
		connection->protocol->finish(connection);
		connection->protocol = NULL;
		connection->session = NULL;
	}
}

/* Ends the exchange: the answer left, or nobody wants it. */
static void end_exchange(struct http_connection *connection, bool is_aborted) {
	struct http_exchange *exchange = connection->exchange;
	connection->exchange = NULL;
	connection->received_ns = 0;
	http_exchange_done(exchange, is_aborted);
	http_output_reset(&connection->output);
	http_exchange_give(exchange);
}

void http_connection_finish(struct http_connection *connection) {
	struct http_server *server = connection->server;
	/* First: ending streams arms the timer. */
	end_protocol(connection);
	loop_timer_stop(&connection->timer);
	loop_defer_cancel(&connection->flusher);
	loop_poll_destroy(connection->poll);
	struct http_exchange *exchange = connection->exchange;
	if (exchange) {
		/* An early answer may have left whole while its request was still arriving. */
		end_exchange(connection, exchange->state != HTTP_EXCHANGE_ENDED ||
						 http_output_unsent(&connection->output) > 0);
	}
	tls_destroy(connection->tls);
	close(connection->fd);
	buf_finish(&connection->held);
	give_connection(connection);
	http_server_check_drained(server);
}

void http_connection_linger(struct http_connection *connection, bool is_cut) {
	end_protocol(connection);
	/* A cut answer must not look complete: no close_notify. */
	if (connection->tls && !is_cut) {
		tls_shutdown(connection->tls);
	}
	shutdown(connection->fd, SHUT_WR);
	buf_finish(&connection->held);
	connection->is_paused = false;
	connection->state = HTTP_CONNECTION_LINGER;
	connection->linger_until_ms = loop_now_ms(connection->server->loop) + HTTP_LINGER_TOTAL_MS;
	http_connection_watch(connection, LOOP_READABLE);
	http_connection_set_deadline(connection, connection->server->limits.linger_timeout_ms);
}

/* ---- output ---- */

void http_connection_flush_later(struct http_connection *connection) {
	loop_defer(connection->server->loop, &connection->flusher);
}

/* Nobody can mistake a reset for the end of an answer that ends with its connection. */
static void reset(struct http_connection *connection) {
	struct linger linger = {.l_onoff = 1};
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	http_connection_finish(connection);
}

/* The handler cut the answer short and what it wrote before has left. */
static bool cut(struct http_connection *connection) {
	bool ends_by_close = connection->exchange->status != 0 && !connection->output.is_chunked;
	end_exchange(connection, true);
	if (ends_by_close) {
		reset(connection);
		return false;
	}
	http_connection_linger(connection, true);
	return true;
}

/* The whole answer has left. */
static bool answered(struct http_connection *connection) {
	struct http_server *server = connection->server;
	if (connection->state == HTTP_CONNECTION_BODY) {
		/* A little of the body is still to be dropped: server_input.c comes back. */
		http_connection_set_deadline(connection, server->limits.linger_timeout_ms);
		return true;
	}
	end_exchange(connection, false);
	if (connection->must_close || server->is_draining) {
		/* Where the client did not say that this was its last request, it may be sending.
		 */
		if (connection->client_keeps || connection->ignores_input ||
			connection->held.len > 0) {
			http_connection_linger(connection, false);
			return true;
		}
		if (connection->tls) {
			tls_shutdown(connection->tls);
		}
		http_connection_finish(connection);
		return false;
	}
	connection->state = HTTP_CONNECTION_IDLE;
	http_connection_set_deadline(connection, server->limits.keepalive_timeout_ms);
	return http_connection_resume(connection);
}

/* Sends what waits; false when the connection ended. */
static bool flush(struct http_connection *connection) {
	struct http_exchange *exchange = connection->exchange;
	if (!exchange) {
		return !connection->protocol || connection->protocol->flush(connection);
	}
	bool progressed;
	bool was_blocked = is_blocked(connection);
	enum http_flush_result result = http_output_send(connection, &progressed);
	if (result == HTTP_FLUSH_FAILED) {
		http_connection_finish(connection);
		return false;
	}
	if (result == HTTP_FLUSH_BLOCKED) {
		http_connection_watch(connection, connection->interest | LOOP_WRITABLE);
		if (progressed || !was_blocked) {
			http_connection_set_deadline(
				connection, connection->server->limits.write_timeout_ms);
		}
	} else {
		http_connection_watch(connection, connection->interest & ~LOOP_WRITABLE);
		if (connection->state == HTTP_CONNECTION_ANSWER) {
			http_connection_no_deadline(connection);
		}
		if (exchange->state == HTTP_EXCHANGE_CUT) {
			return cut(connection);
		}
		if (exchange->state == HTTP_EXCHANGE_ENDED) {
			return answered(connection);
		}
	}
	if (exchange->wants_writable && exchange->state == HTTP_EXCHANGE_STREAMING &&
		http_output_unsent(&connection->output) < connection->server->limits.low_water) {
		const struct http_handler *handler = &connection->server->handler;
		exchange->wants_writable = false;
		if (handler->on_writable) {
			handler->on_writable(exchange, handler->context);
		}
	}
	return true;
}

static void on_flush(struct loop_deferred *deferred) {
	flush(deferred->data);
}

/* ---- what an exchange asks of its connection ---- */

static void op_respond(struct http_exchange *exchange, const struct http_header *headers,
	size_t header_count, struct buf *body) {
	struct http_connection *connection = exchange->transport;
	http_output_head(connection, headers, header_count, (int64_t)buf_total(body));
	if (http_exchange_has_body(exchange)) {
		connection->output.whole = *body;
		*body = (struct buf){.limit = body->limit, .allow_refs = body->allow_refs};
	} else {
		buf_finish(body);
	}
	connection->output.is_head_due = true;
	http_connection_flush_later(connection);
}

static void op_start(
	struct http_exchange *exchange, const struct http_header *headers, size_t header_count) {
	struct http_connection *connection = exchange->transport;
	http_output_head(connection, headers, header_count, -1);
	connection->output.is_chunked =
		connection->minor_version == 1 && http_exchange_has_body(exchange);
}

static void op_write(struct http_exchange *exchange, struct slice bytes) {
	struct http_connection *connection = exchange->transport;
	buf_append(&connection->output.stream, bytes);
	http_connection_flush_later(connection);
}

static void op_flush(struct http_exchange *exchange) {
	struct http_connection *connection = exchange->transport;
	connection->output.is_head_due = true;
	http_connection_flush_later(connection);
}

static void op_end(struct http_exchange *exchange) {
	struct http_connection *connection = exchange->transport;
	connection->output.needs_end = connection->output.is_chunked;
	op_flush(exchange);
}

static void op_abort(struct http_exchange *exchange) {
	struct http_connection *connection = exchange->transport;
	connection->must_close = true;
	connection->ignores_input = true;
	if (connection->state == HTTP_CONNECTION_BODY) {
		connection->state = HTTP_CONNECTION_ANSWER;
	}
	op_flush(exchange);
}

static size_t op_unsent(const struct http_exchange *exchange) {
	const struct http_connection *connection = exchange->transport;
	return http_output_unsent(&connection->output);
}

const struct http_exchange_ops http_connection_ops = {
	.respond = op_respond,
	.start = op_start,
	.write = op_write,
	.flush = op_flush,
	.end = op_end,
	.abort = op_abort,
	.unsent = op_unsent,
};

/* ---- events ---- */

static void handshake(struct http_connection *connection) {
	struct error error;
	int result = tls_handshake(connection->tls, &error);
	if (result == NET_IO_FAILED) {
		log_debug(connection->server->log, "%s: %s", connection->peer, error.message);
		http_connection_finish(connection);
	} else if (result == NET_IO_AGAIN) {
		http_connection_watch(connection,
			tls_wants_write(connection->tls) ? LOOP_WRITABLE : LOOP_READABLE);
	} else {
		connection->state = HTTP_CONNECTION_IDLE;
		http_connection_watch(connection, LOOP_READABLE);
		http_connection_set_deadline(
			connection, connection->server->limits.keepalive_timeout_ms);
		if (tls_speaks_http2(connection->tls) && !http2_begin(connection)) {
			return;
		}
		/* The first request may have come with the end of the handshake. */
		http_connection_receive(connection);
	}
}

static void on_ready(struct loop_poll *poll, int status, int ready) {
	struct http_connection *connection = loop_poll_data(poll);
	if (status < 0) {
		http_connection_finish(connection);
		return;
	}
	if (connection->state == HTTP_CONNECTION_HANDSHAKE) {
		handshake(connection);
		return;
	}
	if ((ready & LOOP_WRITABLE) && !flush(connection)) {
		return;
	}
	if (ready & (LOOP_READABLE | LOOP_HANGUP)) {
		http_connection_receive(connection);
	}
}
