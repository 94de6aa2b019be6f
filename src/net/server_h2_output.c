/* server_h2_output.c: answers to frames: heads, DATA under flow control, resets. A body byte is
 * copied once, into the session's output, when the client's windows have room for it. */
#include "net/server_h2.h"

size_t http2_stream_unsent(const struct http2_stream *stream) {
	return buf_total(&stream->body) - stream->taken;
}

void http2_stream_reset(struct http2_stream *stream, uint32_t code) {
	if (nghttp2_submit_rst_stream(
		    stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, code) != 0) {
		http2_condemn(stream->session, NGHTTP2_INTERNAL_ERROR, "the session failed");
	}
	http_connection_flush_later(stream->session->connection);
}

/* ---- heads ---- */

/* Headers of HTTP/1.1's connections beside those that no version takes (RFC 9113 8.2.2). */
static bool is_sendable(const struct http_header *header) {
	return http_output_is_sendable(header) && !slice_ieq(header->name, SLICE("upgrade")) &&
	       !slice_ieq(header->name, SLICE("proxy-connection"));
}

static void put(struct http2_stream *stream, struct slice name, struct slice value) {
	/* Both are copied again when the head is submitted, and names made lower-case. */
	stream->head[stream->head_count++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.namelen = name.len,
		.value = (uint8_t *)(uintptr_t)value.data,
		.valuelen = value.len,
	};
}

#define OWN_HEADERS_MAX 3 /* :status, date, content-length */

/* content_length -1: streamed. */
static void make_head(struct http2_stream *stream, const struct http_header *headers, size_t count,
	int64_t content_length) {
	struct http_exchange *exchange = stream->exchange;
	struct arena *arena = &exchange->arena;
	char digits[HTTP_DIGITS_MAX];
	if (stream->awaits_body) {
		/* Answered before it came. One that was handed over lives until on_done. */
		http_body_release(&exchange->body);
	}
	stream->head = ARENA_ARRAY(arena, nghttp2_nv, count + OWN_HEADERS_MAX);
	put(stream, SLICE(":status"),
		arena_dup(arena, http_output_number((uint64_t)exchange->status, digits)));
	put(stream, SLICE("date"), arena_dup(arena, http_server_date(exchange->server)));
	if (content_length >= 0 && exchange->status != 204 && exchange->status != 304) {
		put(stream, SLICE("content-length"),
			arena_dup(arena, http_output_number((uint64_t)content_length, digits)));
	}
	for (size_t i = 0; i < count; i++) {
		if (is_sendable(&headers[i])) {
			put(stream, arena_dup(arena, headers[i].name),
				arena_dup(arena, headers[i].value));
		}
	}
}

static ssize_t read_body(nghttp2_session *nghttp2, int32_t stream_id, uint8_t *to, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *user_data);

/* Gives the head to libnghttp2, which asks for the body as the windows allow. */
static void submit(struct http2_stream *stream) {
	bool has_body = http2_stream_unsent(stream) > 0 ||
			(stream->exchange->state == HTTP_EXCHANGE_STREAMING &&
				http_exchange_has_body(stream->exchange));
	const nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
	stream->is_submitted = true;
	if (nghttp2_submit_response(stream->session->nghttp2, stream->id, stream->head,
		    stream->head_count, has_body ? &provider : NULL) != 0) {
		http2_condemn(stream->session, NGHTTP2_INTERNAL_ERROR, "the session failed");
	}
}

/* ---- bodies ---- */

/* Says how much there is; send_body copies it. */
static ssize_t read_body(nghttp2_session *nghttp2, int32_t stream_id, uint8_t *to, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *user_data) {
	struct http2_stream *stream = source->ptr;
	enum http_exchange_state state = stream->exchange->state;
	size_t left = http2_stream_unsent(stream);
	(void)nghttp2;
	(void)stream_id;
	(void)to;
	(void)user_data;
	if (left == 0 && state == HTTP_EXCHANGE_CUT) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM */
	}
	if (left == 0 && state == HTTP_EXCHANGE_STREAMING) {
		stream->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (left <= size && state == HTTP_EXCHANGE_ENDED) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)(left < size ? left : size);
}

/* The slack of a stream whose client reads as slowly as the handler writes. */
#define COMPACT_MIN ((size_t)64 * 1024)

static void took(struct http2_stream *stream, size_t count) {
	stream->taken += count;
	stream->progress_ms = http2_now_ms(stream->session);
	if (stream->exchange->state != HTTP_EXCHANGE_STREAMING) {
		return;
	}
	if (stream->taken == stream->body.len) {
		buf_reset(&stream->body, HTTP_STREAM_KEEP);
		stream->taken = 0;
	} else if (stream->taken >= COMPACT_MIN && stream->taken * 2 >= stream->body.len) {
		buf_consume(&stream->body, stream->taken);
		stream->taken = 0;
	}
}

static int send_body(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head,
	size_t size, nghttp2_data_source *source, void *user_data) {
	struct http2_session *session = user_data;
	struct http2_stream *stream = source->ptr;
	(void)nghttp2;
	(void)frame;
	if (session->out.len - session->out_sent >= HTTP2_OUT_MAX) {
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	buf_append(&session->out, slice_make((const char *)head, HTTP2_FRAME_HEAD));
	char *to = buf_reserve(&session->out, size);
	buf_commit(&session->out, buf_copy_out(&stream->body, stream->taken, to, size));
	took(stream, size);
	http2_guard_allow(session, HTTP2_FLOOD_WINDOW_UPDATE, 4);
	return 0;
}

/* ---- what was framed ---- */

static int on_frame_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user_data) {
	struct http2_session *session = user_data;
	if (frame->hd.type == NGHTTP2_GOAWAY && session->is_draining && !session->is_last_goaway) {
		/* Its answer tells that the client has read the warning. Submitted together with
		 * it, it would overtake. */
		return nghttp2_submit_ping(nghttp2, NGHTTP2_FLAG_NONE, NULL);
	}
	struct http2_stream *stream = http2_stream_find(session, frame->hd.stream_id);
	bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
	if (!stream || !ends) {
		return 0;
	}
	stream->is_last_framed = true;
	if (stream->awaits_body) {
		/* Answered before the request was whole: the rest is not wanted (RFC 9113 8.1). */
		return nghttp2_submit_rst_stream(
			nghttp2, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
	}
	return 0;
}

/* A head that cannot be sent, being too large, would leave its stream open for ever. */
static int on_frame_not_sent(
	nghttp2_session *nghttp2, const nghttp2_frame *frame, int lib_error, void *user_data) {
	struct http2_stream *stream = http2_stream_find(user_data, frame->hd.stream_id);
	(void)nghttp2;
	(void)lib_error;
	if (frame->hd.type == NGHTTP2_HEADERS && stream) {
		http2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	}
	return 0;
}

void http2_output_callbacks(nghttp2_session_callbacks *callbacks) {
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
}

/* ---- what an exchange asks of its stream ---- */

/* There is more to be sent, or nothing will follow. */
static void make_due(struct http2_stream *stream) {
	const struct http_server *server = stream->session->server;
	if (!stream->is_submitted) {
		stream->progress_ms = http2_now_ms(stream->session);
		submit(stream);
	} else if (stream->is_deferred) {
		stream->is_deferred = false;
		stream->progress_ms = http2_now_ms(stream->session);
		/* Fails when the stream is being reset. */
		nghttp2_session_resume_data(stream->session->nghttp2, stream->id);
	}
	http_connection_wake_within(stream->session->connection, server->limits.write_timeout_ms);
	http_connection_flush_later(stream->session->connection);
}

static void op_respond(struct http_exchange *exchange, const struct http_header *headers,
	size_t header_count, struct buf *body) {
	struct http2_stream *stream = exchange->transport;
	make_head(stream, headers, header_count, (int64_t)buf_total(body));
	if (http_exchange_has_body(exchange)) {
		stream->body = *body;
		*body = (struct buf){.limit = body->limit, .allow_refs = body->allow_refs};
	} else {
		buf_finish(body);
	}
	make_due(stream);
}

static void op_start(
	struct http_exchange *exchange, const struct http_header *headers, size_t header_count) {
	make_head(exchange->transport, headers, header_count, -1);
}

static void op_write(struct http_exchange *exchange, struct slice bytes) {
	struct http2_stream *stream = exchange->transport;
	buf_append(&stream->body, bytes);
	make_due(stream);
}

static void op_flush(struct http_exchange *exchange) {
	struct http2_stream *stream = exchange->transport;
	/* A head without a body ends the answer, and the handler has not ended it yet. */
	if (!stream->is_submitted && http_exchange_has_body(exchange)) {
		make_due(stream);
	}
}

static void op_end(struct http_exchange *exchange) {
	make_due(exchange->transport);
}

static void op_abort(struct http_exchange *exchange) {
	struct http2_stream *stream = exchange->transport;
	if (!stream->is_submitted) {
		http2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	} else {
		make_due(stream);
	}
}

static size_t op_unsent(const struct http_exchange *exchange) {
	return http2_stream_unsent(exchange->transport);
}

const struct http_exchange_ops http2_exchange_ops = {
	.respond = op_respond,
	.start = op_start,
	.write = op_write,
	.flush = op_flush,
	.end = op_end,
	.abort = op_abort,
	.unsent = op_unsent,
};
