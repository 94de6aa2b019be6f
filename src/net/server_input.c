/* server_input.c: bytes to requests: heads, bodies, what is sent ahead, and every refusal. */
#include "net/server_h2.h"

static const struct slice continue_line = SLICE_INIT("HTTP/1.1 100 Continue\r\n\r\n");

static bool take(struct http_connection *connection, struct slice in);

/* ---- refusing ---- */

/* From here on input is dropped and the connection ends with this answer. */
static void stop_input(struct http_connection *connection) {
	connection->state = HTTP_CONNECTION_ANSWER;
	connection->must_close = true;
	connection->ignores_input = true;
	buf_finish(&connection->held);
	http_connection_no_deadline(connection);
}

static void refuse_head(struct http_connection *connection, struct http_exchange *exchange,
	const struct error *error) {
	log_debug(connection->server->log, "%s: refused with %d: %s", connection->peer,
		error_status(error), error->message);
	exchange->is_internal = true;
	connection->exchange = exchange;
	connection->minor_version = 1;
	connection->client_keeps = true;
	stop_input(connection);
	http_exchange_refuse(exchange, error);
}

/* The body cannot be had: the handler says so in the caller's format. */
static void refuse_body(struct http_connection *connection, const struct error *error) {
	struct http_exchange *exchange = connection->exchange;
	const struct http_handler *handler = &connection->server->handler;
	stop_input(connection);
	http_body_release(&exchange->body);
	if (handler->on_error) {
		handler->on_error(exchange, error, handler->context);
	}
	if (exchange->state == HTTP_EXCHANGE_OPEN) {
		http_exchange_refuse(exchange, error);
	}
}

void http_connection_head_timeout(struct http_connection *connection) {
	struct error error;
	error_set(&error, ERROR_TIMEOUT, "the request head did not arrive in time");
	error.http_status = 408;
	refuse_head(connection,
		http_exchange_take(connection->server, &http_connection_ops, connection), &error);
}

void http_connection_body_timeout(struct http_connection *connection) {
	struct http_exchange *exchange = connection->exchange;
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		/* Answered already; the rest of the body did not come. */
		stop_input(connection);
		http_connection_flush_later(connection);
		return;
	}
	struct error error;
	error_set(&error, ERROR_TIMEOUT, "the request body did not arrive in time");
	error.http_status = 408;
	refuse_body(connection, &error);
}

void http_connection_answer_early(struct http_connection *connection) {
	bool is_cheap = !connection->has_chunked_body && !connection->expects_continue &&
			connection->body_left <= HTTP_EARLY_KEEP_MAX;
	http_body_release(&connection->exchange->body);
	if (!is_cheap) {
		stop_input(connection);
	}
}

/* ---- bodies ---- */

/* The request is whole. */
static void request_whole(struct http_connection *connection) {
	struct http_exchange *exchange = connection->exchange;
	const struct http_handler *handler = &connection->server->handler;
	connection->state = HTTP_CONNECTION_ANSWER;
	http_connection_no_deadline(connection);
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		/* The answer may have left before the body had come. */
		http_connection_flush_later(connection);
		return;
	}
	struct error error;
	if (!http_body_end(&exchange->body, &error)) {
		refuse_body(connection, &error);
		return;
	}
	if (handler->on_body) {
		handler->on_body(exchange, http_body_bytes(&exchange->body), handler->context);
	}
}

static bool is_too_slow(const struct http_connection *connection) {
	const struct http_server_limits *limits = &connection->server->limits;
	uint64_t elapsed = loop_now_ms(connection->server->loop) - connection->body_started_ms;
	return elapsed > limits->body_grace_ms &&
	       connection->body_received * 1000 < elapsed * limits->min_body_rate;
}

/* After `count` bytes of the body came. */
static void body_progress(struct http_connection *connection, size_t count, bool is_whole) {
	connection->body_received += count;
	if (is_whole) {
		request_whole(connection);
	} else if (is_too_slow(connection)) {
		http_connection_body_timeout(connection);
	} else if (connection->exchange->state == HTTP_EXCHANGE_OPEN) {
		http_connection_set_deadline(
			connection, connection->server->limits.body_timeout_ms);
	}
}

/* Consumes from *in. */
static void take_chunked(struct http_connection *connection, struct slice *in) {
	struct http_exchange *exchange = connection->exchange;
	size_t before = in->len;
	enum http1_result result = HTTP1_NEED_MORE;
	struct error error;
	while (result == HTTP1_NEED_MORE && in->len > 0) {
		struct slice run;
		result = http1_chunked_next(&connection->chunked, in, &run, &error);
		if (result != HTTP1_ERROR && !http_body_feed(&exchange->body, run, &error)) {
			result = HTTP1_ERROR;
		}
	}
	if (result == HTTP1_ERROR) {
		refuse_body(connection, &error);
		return;
	}
	body_progress(connection, before - in->len, result == HTTP1_OK);
}

/* Consumes from *in. */
static void take_counted(struct http_connection *connection, struct slice *in) {
	struct http_exchange *exchange = connection->exchange;
	size_t count = connection->body_left < in->len ? (size_t)connection->body_left : in->len;
	struct error error;
	if (exchange->state == HTTP_EXCHANGE_OPEN &&
		!http_body_feed(&exchange->body, slice_make(in->data, count), &error)) {
		refuse_body(connection, &error);
		return;
	}
	*in = slice_from(*in, count);
	connection->body_left -= count;
	body_progress(connection, count, connection->body_left == 0);
}

/* The interim answer goes out alone and at once: nothing is queued before a request's answer. A
 * socket without room for 25 bytes is broken. */
static bool send_continue(struct http_connection *connection) {
	struct iovec iov = {
		.iov_base = (char *)(uintptr_t)continue_line.data, .iov_len = continue_line.len};
	connection->expects_continue = false;
	return http_connection_write(connection, &iov, 1) == (ssize_t)continue_line.len;
}

/* Behind on_head, when a body follows. */
static bool begin_body(struct http_connection *connection, int64_t length, bool has_come) {
	struct http_exchange *exchange = connection->exchange;
	http_connection_set_deadline(connection, connection->server->limits.body_timeout_ms);
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		return true;
	}
	struct error error;
	if (!http_body_begin(&exchange->body, &exchange->arena, &exchange->request.headers, length,
		    &connection->server->limits, &error)) {
		refuse_body(connection, &error);
		return true;
	}
	if (connection->expects_continue && !has_come && !send_continue(connection)) {
		http_connection_finish(connection);
		return false;
	}
	connection->expects_continue = false;
	return true;
}

/* ---- heads ---- */

static void fill_request(struct http_connection *connection, struct http_exchange *exchange,
	const struct http1_head *head) {
	exchange->is_head = slice_is(head->method, "HEAD");
	exchange->request = (struct http_request){
		.method = head->method,
		.target = head->target,
		.host = http_headers_get(&head->headers, "host"),
		.headers = head->headers,
		.peer = slice_make(connection->peer, connection->peer_len),
		.is_loopback_peer = connection->is_loopback,
		.is_tls = connection->tls != NULL,
		.content_length = head->is_chunked            ? -1
				  : head->content_length >= 0 ? head->content_length
							      : 0,
		.received_ns = connection->received_ns,
	};
}

static bool begin_exchange(struct http_connection *connection, struct http_exchange *exchange,
	struct http1_head *head, struct slice *in) {
	const struct http_handler *handler = &connection->server->handler;
	struct slice raw = arena_dup(&exchange->arena, slice_make(in->data, head->head_len));
	http1_head_move(head, in->data, raw.data);
	*in = slice_from(*in, head->head_len);
	fill_request(connection, exchange, head);
	struct error error;
	if (!http_exchange_set_target(exchange, &error)) {
		refuse_head(connection, exchange, &error);
		return true;
	}
	bool has_body = head->is_chunked || head->content_length > 0;
	connection->exchange = exchange;
	connection->scanned = 0;
	connection->minor_version = head->minor_version;
	connection->client_keeps = head->keep_alive;
	connection->must_close = false;
	connection->expects_continue = head->expects_continue;
	connection->has_chunked_body = head->is_chunked;
	connection->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
	connection->body_received = 0;
	connection->state = has_body ? HTTP_CONNECTION_BODY : HTTP_CONNECTION_ANSWER;
	if (has_body) {
		connection->body_started_ms = loop_now_ms(connection->server->loop);
		http1_chunked_init(&connection->chunked);
	}
	handler->on_head(exchange, handler->context);
	if (connection->state == HTTP_CONNECTION_TAKEN) {
		return true;
	}
	if (has_body) {
		return begin_body(connection, exchange->request.content_length, in->len > 0);
	}
	request_whole(connection);
	return true;
}

/* A part of a head is held. */
static void await_head(struct http_connection *connection) {
	if (connection->state == HTTP_CONNECTION_IDLE) {
		connection->state = HTTP_CONNECTION_HEAD;
		http_connection_set_deadline(
			connection, connection->server->limits.header_timeout_ms);
	}
}

/* The first bytes of a plain connection are HTTP/2's (RFC 9113 3.3), as far as they came. */
static bool is_http2(const struct http_connection *connection, struct slice in) {
	struct slice preface = HTTP2_PREFACE;
	return in.data[0] == 'P' && connection->minor_version < 0 && !connection->tls &&
	       in.len > 2 && slice_starts_with(preface, slice_sub(in, 0, preface.len));
}

/* Consumes the preface and what follows it, or leaves it alone when it is not whole. */
static bool take_http2(struct http_connection *connection, struct slice *in) {
	if (in->len < HTTP2_PREFACE.len) {
		await_head(connection);
		return true;
	}
	struct slice bytes = *in;
	*in = slice_from(*in, in->len);
	return http2_begin(connection) && connection->protocol->on_bytes(connection, bytes);
}

/* Consumes a head from *in, or leaves it alone when it is not whole. */
static bool take_head(struct http_connection *connection, struct slice *in) {
	struct http_server *server = connection->server;
	if (is_http2(connection, *in)) {
		return take_http2(connection, in);
	}
	struct http_exchange *exchange =
		http_exchange_take(server, &http_connection_ops, connection);
	struct http1_head head;
	struct error error;
	if (connection->received_ns == 0) {
		connection->received_ns = clock_monotonic_ns();
	}
	switch (http1_parse_head(*in, &connection->scanned, server->limits.header_bytes,
		server->limits.max_headers, &exchange->arena, &head, &error)) {
	case HTTP1_OK:
		return begin_exchange(connection, exchange, &head, in);
	case HTTP1_ERROR:
		refuse_head(connection, exchange, &error);
		return true;
	case HTTP1_NEED_MORE:
		break;
	}
	http_exchange_give(exchange);
	await_head(connection);
	return true;
}

/* ---- the stream of bytes ---- */

/* Drops input behind a final answer; false when that was too much. */
static bool drop(struct http_connection *connection, size_t count) {
	struct http_server *server = connection->server;
	connection->dropped += count;
	uint64_t now = loop_now_ms(server->loop);
	if (connection->dropped > HTTP_DROP_MAX || (connection->state == HTTP_CONNECTION_LINGER &&
							   now >= connection->linger_until_ms)) {
		http_connection_finish(connection);
		return false;
	}
	if (connection->state == HTTP_CONNECTION_LINGER) {
		http_connection_set_deadline(connection, server->limits.linger_timeout_ms);
	}
	return true;
}

/* Keeps bytes sent ahead, and stops reading when they are many. */
static void hold(struct http_connection *connection, struct slice in) {
	buf_append(&connection->held, in);
	if (connection->state == HTTP_CONNECTION_ANSWER &&
		connection->held.len >= connection->server->limits.pipeline_bytes) {
		connection->is_paused = true;
		http_connection_watch(
			connection, (connection->interest & ~LOOP_READABLE) | LOOP_HANGUP);
	}
}

/* Consumes what the states can use; the rest stays in *in. */
static bool take_states(struct http_connection *connection, struct slice *in) {
	while (in->len > 0) {
		size_t before = in->len;
		switch (connection->state) {
		case HTTP_CONNECTION_IDLE:
		case HTTP_CONNECTION_HEAD:
			if (!take_head(connection, in)) {
				return false;
			}
			break;
		case HTTP_CONNECTION_BODY:
			if (connection->has_chunked_body) {
				take_chunked(connection, in);
			} else {
				take_counted(connection, in);
			}
			break;
		case HTTP_CONNECTION_HANDSHAKE:
		case HTTP_CONNECTION_ANSWER:
		case HTTP_CONNECTION_TAKEN:
		case HTTP_CONNECTION_LINGER:
			return true;
		}
		if (in->len == before && (connection->state == HTTP_CONNECTION_HEAD ||
						 connection->state == HTTP_CONNECTION_IDLE)) {
			return true;
		}
	}
	return true;
}

/* Handles bytes that came, behind those already held. */
static bool take(struct http_connection *connection, struct slice in) {
	if (connection->state == HTTP_CONNECTION_TAKEN) {
		return connection->protocol->on_bytes(connection, in);
	}
	struct buf joined = {0};
	if (connection->held.len > 0 && connection->state != HTTP_CONNECTION_ANSWER) {
		buf_append(&connection->held, in);
		joined = connection->held;
		connection->held = (struct buf){0};
		in = buf_slice(&joined);
	}
	bool alive = take_states(connection, &in);
	if (alive && in.len > 0) {
		if (connection->state == HTTP_CONNECTION_TAKEN) {
			alive = connection->protocol->on_bytes(connection, in);
		} else if (connection->ignores_input ||
			   connection->state == HTTP_CONNECTION_LINGER) {
			alive = drop(connection, in.len);
		} else if (joined.data && in.len == joined.len) {
			connection->held = joined;
			joined = (struct buf){0};
		} else {
			hold(connection, in);
		}
	}
	buf_finish(&joined);
	return alive;
}

/* The client closed its side, or the connection broke. */
static bool input_ended(struct http_connection *connection, bool is_eof) {
	struct http_exchange *exchange = connection->exchange;
	if (is_eof && exchange && exchange->state == HTTP_EXCHANGE_ENDED &&
		connection->state == HTTP_CONNECTION_ANSWER) {
		/* Nothing is produced for it any more; what is queued may still be read. */
		connection->must_close = true;
		connection->client_keeps = false;
		http_connection_watch(connection, connection->interest & LOOP_WRITABLE);
		return true;
	}
	http_connection_finish(connection);
	return false;
}

/* Where the next bytes go: into the body itself when its length is known. */
static char *read_room(struct http_connection *connection, size_t *room) {
	if (connection->state == HTTP_CONNECTION_BODY &&
		connection->exchange->state == HTTP_EXCHANGE_OPEN) {
		char *direct = http_body_space(&connection->exchange->body, room);
		if (direct) {
			*room = *room < HTTP_READ_MAX ? *room : HTTP_READ_MAX;
			return direct;
		}
	}
	*room = HTTP_SCRATCH_BYTES;
	return connection->server->scratch;
}

bool http_connection_receive(struct http_connection *connection) {
	do {
		if (connection->is_paused) {
			/* Only a hang-up is watched for. */
			return input_ended(connection, true);
		}
		size_t room;
		char *to = read_room(connection, &room);
		ssize_t count = http_connection_read(connection, to, room);
		if (count == NET_IO_AGAIN) {
			return true;
		}
		if (count <= 0) {
			return input_ended(connection, count == 0);
		}
		if (to != connection->server->scratch) {
			http_body_filled(&connection->exchange->body, (size_t)count);
			connection->body_left -= (uint64_t)count;
			body_progress(connection, (size_t)count, connection->body_left == 0);
		} else if (!take(connection, slice_make(to, (size_t)count))) {
			return false;
		}
	} while (connection->tls && !connection->is_paused &&
		 connection->state != HTTP_CONNECTION_LINGER && tls_has_pending(connection->tls));
	return true;
}

bool http_connection_resume(struct http_connection *connection) {
	bool was_paused = connection->is_paused;
	connection->is_paused = false;
	http_connection_watch(connection, LOOP_READABLE);
	if (connection->held.len > 0 && !take(connection, (struct slice){0})) {
		return false;
	}
	if (was_paused && connection->tls && tls_has_pending(connection->tls)) {
		return http_connection_receive(connection);
	}
	return true;
}
