/* server_h2_input.c: frames to requests: heads, bodies, and every refusal. What a request may not
 * be by RFC 9113 8 (pseudo-headers missing, repeated or unknown, headers of a connection, a body of
 * another length than announced) libnghttp2 finds, and resets the stream. */
#include "net/server_h2.h"

/* ---- refusing ---- */

static void refuse_head(struct http2_stream *stream, const struct error *error) {
	log_debug(stream->session->server->log, "%s: refused with %d: %s",
		stream->session->connection->peer, error_status(error), error->message);
	stream->exchange->is_internal = true;
	http_exchange_refuse(stream->exchange, error);
}

static void refuse_with(
	struct http2_stream *stream, enum error_kind kind, int status, const char *words) {
	struct error error;
	error_set(&error, kind, "%s", words);
	error.http_status = status;
	refuse_head(stream, &error);
}

/* The body cannot be had: the handler says so in the caller's format. */
static void refuse_body(struct http2_stream *stream, const struct error *error) {
	struct http_exchange *exchange = stream->exchange;
	const struct http_handler *handler = &stream->session->server->handler;
	http_body_release(&exchange->body);
	if (handler->on_error) {
		handler->on_error(exchange, error, handler->context);
	}
	if (exchange->state == HTTP_EXCHANGE_OPEN) {
		http_exchange_refuse(exchange, error);
	}
}

void http2_body_timeout(struct http2_stream *stream) {
	struct error error;
	error_set(&error, ERROR_TIMEOUT, "the request body did not arrive in time");
	error.http_status = 408;
	refuse_body(stream, &error);
}

/* ---- heads ---- */

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
	struct http2_session *session = user_data;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		return 0;
	}
	struct http_exchange *exchange =
		http_exchange_take(session->server, &http2_exchange_ops, NULL);
	struct http2_stream *stream = ARENA_NEW(&exchange->arena, struct http2_stream);
	exchange->transport = stream;
	exchange->is_internal = true; /* until the handler gets to know it */
	exchange->request.received_ns = clock_monotonic_ns();
	stream->session = session;
	stream->exchange = exchange;
	stream->id = frame->hd.stream_id;
	stream->received_ms = http2_now_ms(session);
	buf_init(&stream->body, 0);
	stream->next = session->streams;
	if (stream->next) {
		stream->next->previous = stream;
	}
	session->streams = stream;
	session->stream_count++;
	http_connection_wake_within(session->connection, session->server->limits.header_timeout_ms);
	return nghttp2_session_set_stream_user_data(nghttp2, stream->id, stream);
}

/* Pseudo-headers of a request (RFC 9113 8.3.1). */
static void take_pseudo_header(
	struct http_request *request, struct slice name, struct slice value) {
	if (slice_is(name, ":method")) {
		request->method = value;
	} else if (slice_is(name, ":path")) {
		request->target = value;
	} else if (slice_is(name, ":authority")) {
		request->host = value;
	}
}

/* Counts a header, whether it is kept or not. False once there are too many of them. */
static bool count_header(struct http2_stream *stream, size_t bytes) {
	const struct http_server_limits *limits = &stream->session->server->limits;
	stream->head_bytes += bytes + HTTP2_FIELD_OVERHEAD;
	if (stream->head_bytes > limits->header_bytes ||
		stream->exchange->request.headers.len >= limits->max_headers) {
		stream->is_head_too_large = true;
	}
	return !stream->is_head_too_large;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data) {
	struct http2_session *session = user_data;
	struct http2_stream *stream = http2_stream_find(session, frame->hd.stream_id);
	(void)nghttp2;
	(void)flags;
	if (!stream) {
		return 0;
	}
	if (!count_header(stream, name_len + value_len)) {
		/* A few bytes can stand for many (HPACK): those who go on are up to no good. */
		return stream->head_bytes > HTTP2_HEAD_ABUSE * session->server->limits.header_bytes
			       ? http2_condemn(session, NGHTTP2_ENHANCE_YOUR_CALM,
					 "the headers of a request are far too large")
			       : 0;
	}
	if (stream->is_head_whole) {
		return 0; /* trailers are checked and dropped, as in HTTP/1.1 */
	}
	struct http_exchange *exchange = stream->exchange;
	struct slice field = arena_dup(&exchange->arena, slice_make((const char *)name, name_len));
	struct slice content =
		arena_dup(&exchange->arena, slice_make((const char *)value, value_len));
	if (name_len > 0 && name[0] == ':') {
		take_pseudo_header(&exchange->request, field, content);
	} else {
		http_headers_add(&exchange->arena, &exchange->request.headers, field, content);
	}
	return 0;
}

/* Characters that no header may have: libnghttp2 would drop the header and go on. */
static int on_invalid_header(nghttp2_session *nghttp2, const nghttp2_frame *frame,
	const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
	void *user_data) {
	(void)name;
	(void)name_len;
	(void)value;
	(void)value_len;
	(void)flags;
	nghttp2_submit_rst_stream(
		nghttp2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
	int result = http2_guard_spend(user_data, HTTP2_FLOOD_STREAM_ERROR);
	return result != 0 ? result : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The target's form and the authority (RFC 9113 8.3.1), which libnghttp2 knows less well than the
 * parser of HTTP/1.1. False after a refusal. */
static bool check_request(struct http2_stream *stream) {
	struct http_request *request = &stream->exchange->request;
	struct slice host = http_headers_get(&request->headers, "host");
	if (stream->is_head_too_large) {
		refuse_with(stream, ERROR_TOO_LARGE, 431, "the request headers are too large");
	} else if (slice_is(request->method, "CONNECT")) {
		refuse_with(stream, ERROR_METHOD, 405, "CONNECT is not offered: this is no proxy");
	} else if (!http_is_method(request->method)) {
		refuse_with(stream, ERROR_INVALID_REQUEST, 400, "the request method is malformed");
	} else if (!http_is_target(request->target) ||
		   (request->target.data[0] != '/' && !slice_is(request->target, "*"))) {
		refuse_with(stream, ERROR_INVALID_REQUEST, 400, "the request path is malformed");
	} else if (request->host.data && host.data && !slice_ieq(request->host, host)) {
		refuse_with(stream, ERROR_INVALID_REQUEST, 400,
			"the Host header and :authority name different hosts");
	} else if (!http_is_host(request->host) || !http_is_host(host)) {
		refuse_with(stream, ERROR_INVALID_REQUEST, 400, "the authority is malformed");
	} else {
		request->host = request->host.data ? request->host : host;
		struct error error;
		if (http_exchange_set_target(stream->exchange, &error)) {
			return true;
		}
		refuse_head(stream, &error);
	}
	return false;
}

static void fill_request(struct http2_stream *stream) {
	struct http_connection *connection = stream->session->connection;
	struct http_request *request = &stream->exchange->request;
	struct slice length = http_headers_get(&request->headers, "content-length");
	stream->exchange->is_head = slice_is(request->method, "HEAD");
	request->peer = slice_make(connection->peer, connection->peer_len);
	request->is_loopback_peer = connection->is_loopback;
	request->is_tls = connection->tls != NULL;
	if (!stream->awaits_body) {
		request->content_length = 0;
	} else if (!slice_to_int64(length, &request->content_length)) {
		request->content_length = -1;
	}
}

/* ---- bodies ---- */

/* The request is whole. */
static void request_whole(struct http2_stream *stream) {
	struct http_exchange *exchange = stream->exchange;
	const struct http_handler *handler = &stream->session->server->handler;
	stream->awaits_body = false;
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		return;
	}
	struct error error;
	if (!http_body_end(&exchange->body, &error)) {
		refuse_body(stream, &error);
	} else if (handler->on_body) {
		handler->on_body(exchange, http_body_bytes(&exchange->body), handler->context);
	}
}

static void send_continue(struct http2_stream *stream) {
	/* libnghttp2 takes names and values that are not const, and copies them. */
	char status[] = ":status", code[] = "100";
	const nghttp2_nv head = {(uint8_t *)status, (uint8_t *)code, 7, 3, NGHTTP2_NV_FLAG_NONE};
	nghttp2_submit_headers(
		stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, NULL, &head, 1, NULL);
}

/* Behind on_head, when a body follows. */
static void begin_body(struct http2_stream *stream) {
	struct http_exchange *exchange = stream->exchange;
	const struct http_server_limits *limits = &stream->session->server->limits;
	stream->body_started_ms = stream->received_ms = http2_now_ms(stream->session);
	http_connection_wake_within(stream->session->connection, limits->body_timeout_ms);
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		return;
	}
	struct error error;
	if (!http_body_begin(&exchange->body, &exchange->arena, &exchange->request.headers,
		    exchange->request.content_length, limits, &error)) {
		refuse_body(stream, &error);
	} else if (slice_ieq(http_headers_get(&exchange->request.headers, "expect"),
			   SLICE("100-continue"))) {
		send_continue(stream);
	}
}

static void head_whole(struct http2_stream *stream, bool has_body) {
	const struct http_handler *handler = &stream->session->server->handler;
	const nghttp2_extpri fair = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
	/* Streams take turns: a fast one must not hold up the others (RFC 9218 4.2). */
	nghttp2_session_change_extpri_stream_priority(
		stream->session->nghttp2, stream->id, &fair, 1);
	stream->is_head_whole = true;
	stream->awaits_body = has_body;
	if (!check_request(stream)) {
		return;
	}
	fill_request(stream);
	stream->exchange->is_internal = false;
	handler->on_head(stream->exchange, handler->context);
	if (has_body) {
		begin_body(stream);
	} else {
		request_whole(stream);
	}
}

static bool is_too_slow(const struct http2_stream *stream) {
	const struct http_server_limits *limits = &stream->session->server->limits;
	uint64_t elapsed = stream->received_ms - stream->body_started_ms;
	return elapsed > limits->body_grace_ms &&
	       stream->body_received * 1000 < elapsed * limits->min_body_rate;
}

static void take_body(struct http2_stream *stream, struct slice bytes) {
	stream->received_ms = http2_now_ms(stream->session);
	stream->body_received += bytes.len;
	struct error error;
	if (!http_body_feed(&stream->exchange->body, bytes, &error)) {
		refuse_body(stream, &error);
	} else if (is_too_slow(stream)) {
		http2_body_timeout(stream);
	}
}

static int on_data_chunk(nghttp2_session *nghttp2, uint8_t flags, int32_t stream_id,
	const uint8_t *data, size_t len, void *user_data) {
	struct http2_stream *stream = http2_stream_find(user_data, stream_id);
	(void)flags;
	/* The stream's own window opens only while its body is wanted. */
	if (stream && stream->exchange->state == HTTP_EXCHANGE_OPEN) {
		take_body(stream, slice_make((const char *)data, len));
		return nghttp2_session_consume(nghttp2, stream_id, len);
	}
	return nghttp2_session_consume_connection(nghttp2, len);
}

/* ---- whole frames ---- */

static int take_data_end(struct http2_session *session, const nghttp2_frame *frame) {
	bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct http2_stream *stream = http2_stream_find(session, frame->hd.stream_id);
	if (!is_last && frame->hd.length <= frame->data.padlen) {
		return http2_guard_spend(session, HTTP2_FLOOD_EMPTY_DATA);
	}
	if (is_last && stream) {
		request_whole(stream);
	}
	return 0;
}

static void take_headers_end(struct http2_session *session, const nghttp2_frame *frame) {
	bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct http2_stream *stream = http2_stream_find(session, frame->hd.stream_id);
	if (!stream) {
		return;
	}
	if (!stream->is_head_whole) {
		head_whole(stream, !is_last);
	} else if (is_last) {
		request_whole(stream);
	}
}

static int on_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
	struct http2_session *session = user_data;
	(void)nghttp2;
	switch (frame->hd.type) {
	case NGHTTP2_DATA:
		return take_data_end(session, frame);
	case NGHTTP2_HEADERS:
		take_headers_end(session, frame);
		return 0;
	case NGHTTP2_SETTINGS:
		session->is_greeted = true;
		http_connection_wake_within(
			session->connection, session->server->limits.keepalive_timeout_ms);
		return 0;
	case NGHTTP2_PING:
		/* The answer to the one of the drain: what the client sent before it is here. */
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && session->is_draining) {
			http2_session_last_goaway(session);
		}
		return 0;
	default:
		return 0;
	}
}

void http2_input_callbacks(nghttp2_session_callbacks *callbacks) {
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
}
