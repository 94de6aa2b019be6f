/* server_h2.c: an HTTP/2 session on its connection: begin, bytes in and out, deadlines, drain, end.
 */
#include "net/server_h2.h"

#include <stdlib.h>

#include "base/mem.h"

uint64_t http2_now_ms(const struct http2_session *session) {
	return loop_now_ms(session->server->loop);
}

int http2_condemn(struct http2_session *session, uint32_t code, const char *words) {
	if (!session->verdict) {
		session->verdict = words;
		session->verdict_code = code;
	}
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* ---- streams ---- */

struct http2_stream *http2_stream_find(struct http2_session *session, int32_t id) {
	return nghttp2_session_get_stream_user_data(session->nghttp2, id);
}

void http2_stream_end(struct http2_stream *stream, bool is_aborted) {
	struct http2_session *session = stream->session;
	struct http_exchange *exchange = stream->exchange;
	/* Fails when libnghttp2's stream is gone already. */
	nghttp2_session_set_stream_user_data(session->nghttp2, stream->id, NULL);
	if (stream->next) {
		stream->next->previous = stream->previous;
	}
	if (stream->previous) {
		stream->previous->next = stream->next;
	} else {
		session->streams = stream->next;
	}
	if (--session->stream_count == 0) {
		session->idle_since_ms = http2_now_ms(session);
		http_connection_wake_within(
			session->connection, session->server->limits.keepalive_timeout_ms);
	}
	http_exchange_done(exchange, is_aborted);
	buf_finish(&stream->body);
	http_exchange_give(exchange);
}

static int on_stream_close(
	nghttp2_session *nghttp2, int32_t id, uint32_t error_code, void *user_data) {
	struct http2_stream *stream = http2_stream_find(user_data, id);
	(void)nghttp2;
	(void)error_code;
	/* What was framed whole is answered when it has left. */
	if (stream && !stream->is_last_framed) {
		http2_stream_end(stream, true);
	}
	return 0;
}

/* ---- begin ---- */

static nghttp2_session *create_nghttp2(struct http2_session *session) {
	nghttp2_session *created = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *options = NULL;
	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0) {
		http2_input_callbacks(callbacks);
		http2_output_callbacks(callbacks);
		http2_guard_callbacks(callbacks);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
		/* What a handler does not take is not to be asked for. */
		nghttp2_option_set_no_auto_window_update(options, 1);
		nghttp2_option_set_no_closed_streams(options, 1);
		nghttp2_option_set_max_settings(options, HTTP2_SETTINGS_MAX);
		/* It counts each read of a part of a frame's head; the guard counts frames. */
		nghttp2_option_set_max_continuations(
			options, HTTP2_FRAME_HEAD * (HTTP2_CONTINUATIONS_MAX + 1));
		nghttp2_option_set_max_outbound_ack(options, HTTP2_QUEUED_FRAMES_MAX);
		nghttp2_session_server_new2(&created, callbacks, session, options);
	}
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(callbacks);
	return created;
}

static bool greet(struct http2_session *session) {
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
			(uint32_t)session->server->limits.header_bytes},
		/* A tree of priorities is work for us, and for the client's advantage only. */
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	return nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings,
		       sizeof settings / sizeof *settings) == 0 &&
	       nghttp2_session_set_local_window_size(
		       session->nghttp2, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW) == 0;
}

struct http2_session *http2_session_create(struct http_connection *connection) {
	struct http2_session *session = mem_calloc(1, sizeof *session);
	session->connection = connection;
	session->server = connection->server;
	session->idle_since_ms = http2_now_ms(session);
	buf_init(&session->out, 0);
	http2_guard_init(session);
	session->nghttp2 = create_nghttp2(session);
	if (!session->nghttp2 || !greet(session)) {
		http2_session_destroy(session);
		return NULL;
	}
	return session;
}

void http2_session_destroy(struct http2_session *session) {
	while (session->streams) {
		http2_stream_end(session->streams, true);
	}
	nghttp2_session_del(session->nghttp2);
	buf_finish(&session->out);
	free(session);
}

/* ---- bytes ---- */

/* What libnghttp2 cannot go on after; it ends most connections by a GOAWAY of its own. */
static void condemn_for(struct http2_session *session, ssize_t lib_error) {
	switch (lib_error) {
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		http2_condemn(session, NGHTTP2_PROTOCOL_ERROR, "the preface is not HTTP/2's");
		break;
	case NGHTTP2_ERR_FLOODED:
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		http2_condemn(session, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames");
		break;
	default:
		http2_condemn(session, NGHTTP2_INTERNAL_ERROR, "the session failed");
	}
}

void http2_session_feed(struct http2_session *session, struct slice bytes) {
	if (session->verdict) {
		return;
	}
	ssize_t used =
		nghttp2_session_mem_recv(session->nghttp2, (const uint8_t *)bytes.data, bytes.len);
	if (used < 0) {
		condemn_for(session, used);
	} else if (nghttp2_session_get_outbound_queue_size(session->nghttp2) >
		   HTTP2_QUEUED_FRAMES_MAX) {
		http2_condemn(session, NGHTTP2_ENHANCE_YOUR_CALM,
			"too many frames wait for the client to read");
	}
}

static void put_number(struct buf *out, uint32_t number, int bytes) {
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
		buf_append_byte(out, (char)(number >> shift & 0xff));
	}
}

/* RFC 9113 6.8, by hand: whatever else is queued does not go before it. `out` ends with a frame. */
static void put_verdict(struct http2_session *session) {
	struct slice words = slice_of(session->verdict);
	put_number(&session->out, (uint32_t)(8 + words.len), 3);
	put_number(&session->out, NGHTTP2_GOAWAY, 1);
	put_number(&session->out, NGHTTP2_FLAG_NONE, 1);
	put_number(&session->out, 0, 4);
	put_number(&session->out,
		(uint32_t)nghttp2_session_get_last_proc_stream_id(session->nghttp2), 4);
	put_number(&session->out, session->verdict_code, 4);
	buf_append(&session->out, words);
	session->is_over = true;
}

void http2_session_fill(struct http2_session *session) {
	while (!session->verdict && session->out.len - session->out_sent < HTTP2_OUT_MAX) {
		const uint8_t *frame;
		ssize_t len = nghttp2_session_mem_send(session->nghttp2, &frame);
		if (len < 0) {
			condemn_for(session, len);
		} else if (len == 0) {
			break;
		} else {
			buf_append(&session->out, slice_make((const char *)frame, (size_t)len));
		}
	}
	if (session->verdict && !session->is_over) {
		put_verdict(session);
	}
}

void http2_session_sent(struct http2_session *session) {
	struct http2_stream *next;
	for (struct http2_stream *at = session->streams; at; at = next) {
		next = at->next;
		if (at->is_last_framed) {
			http2_stream_end(at, false);
		}
	}
}

void http2_session_last_goaway(struct http2_session *session) {
	if (session->is_last_goaway) {
		return;
	}
	session->is_last_goaway = true;
	if (nghttp2_submit_goaway(session->nghttp2, NGHTTP2_FLAG_NONE,
		    nghttp2_session_get_last_proc_stream_id(session->nghttp2), NGHTTP2_NO_ERROR,
		    NULL, 0) != 0) {
		http2_condemn(session, NGHTTP2_INTERNAL_ERROR, "the session failed");
	}
}

/* ---- on the connection ---- */

static bool on_bytes(struct http_connection *connection, struct slice bytes) {
	http2_session_feed(connection->session, bytes);
	http_connection_flush_later(connection);
	return true;
}

/* Both sides are through with each other. */
static bool is_done(const struct http2_session *session) {
	return session->is_over || (!nghttp2_session_want_read(session->nghttp2) &&
					   !nghttp2_session_want_write(session->nghttp2));
}

static void wake_writers(struct http2_session *session) {
	const struct http_handler *handler = &session->server->handler;
	struct http2_stream *next;
	for (struct http2_stream *at = session->streams; at; at = next) {
		struct http_exchange *exchange = at->exchange;
		next = at->next;
		if (exchange->wants_writable && exchange->state == HTTP_EXCHANGE_STREAMING &&
			http2_stream_unsent(at) < session->server->limits.low_water) {
			exchange->wants_writable = false;
			if (handler->on_writable) {
				handler->on_writable(exchange, handler->context);
			}
		}
	}
}

static bool flush(struct http_connection *connection) {
	struct http2_session *session = connection->session;
	bool progressed = session->out.len == 0;
	enum http_flush_result result = HTTP_FLUSH_DONE;
	do {
		http2_session_fill(session);
		if (session->out.len == 0) {
			break;
		}
		result = http_connection_send(
			connection, &session->out, &session->out_sent, &progressed);
		if (result == HTTP_FLUSH_DONE) {
			http2_session_sent(session);
		}
	} while (result == HTTP_FLUSH_DONE);
	if (result == HTTP_FLUSH_FAILED) {
		http_connection_finish(connection);
		return false;
	}
	if (result == HTTP_FLUSH_BLOCKED && progressed) {
		session->out_progress_ms = http2_now_ms(session);
		http_connection_wake_within(connection, session->server->limits.write_timeout_ms);
	}
	if (result == HTTP_FLUSH_DONE && is_done(session)) {
		if (session->verdict) {
			log_debug(session->server->log, "%s: HTTP/2 ended: %s", connection->peer,
				session->verdict);
		}
		http_connection_linger(connection, false);
		return true;
	}
	wake_writers(session);
	return true;
}

/* ---- time ---- */

struct sweep {
	uint64_t now_ms, next_ms;
};

/* Whether something that may take so long has taken longer; otherwise it is looked at then. */
static bool is_late(struct sweep *sweep, uint64_t since_ms, uint64_t allowed_ms) {
	uint64_t until = since_ms + allowed_ms;
	if (until <= sweep->now_ms) {
		return true;
	}
	sweep->next_ms = until < sweep->next_ms ? until : sweep->next_ms;
	return false;
}

static void sweep_stream(struct sweep *sweep, struct http2_stream *stream) {
	const struct http_server_limits *limits = &stream->session->server->limits;
	if (!stream->is_head_whole) {
		if (is_late(sweep, stream->received_ms, limits->header_timeout_ms)) {
			http2_condemn(stream->session, NGHTTP2_ENHANCE_YOUR_CALM,
				"the head of a request did not arrive in time");
		}
	} else if (stream->exchange->state == HTTP_EXCHANGE_OPEN) {
		if (stream->awaits_body &&
			is_late(sweep, stream->received_ms, limits->body_timeout_ms)) {
			http2_body_timeout(stream);
		}
	} else if (http2_stream_unsent(stream) > 0 &&
		   is_late(sweep, stream->progress_ms, limits->write_timeout_ms)) {
		http2_stream_reset(stream, NGHTTP2_CANCEL);
	}
}

static void sweep_session(struct sweep *sweep, struct http2_session *session) {
	const struct http_server_limits *limits = &session->server->limits;
	if (!session->is_greeted) {
		if (is_late(sweep, session->idle_since_ms, limits->header_timeout_ms)) {
			http2_condemn(session, NGHTTP2_SETTINGS_TIMEOUT,
				"the client's SETTINGS did not arrive in time");
		}
	} else if (session->stream_count == 0 &&
		   is_late(sweep, session->idle_since_ms, limits->keepalive_timeout_ms)) {
		http2_session_last_goaway(session);
	}
	if (session->is_draining && !session->is_last_goaway &&
		is_late(sweep, session->drain_since_ms, limits->linger_timeout_ms)) {
		http2_session_last_goaway(session);
	}
}

static void on_deadline(struct http_connection *connection) {
	struct http2_session *session = connection->session;
	struct sweep sweep = {.now_ms = http2_now_ms(session), .next_ms = UINT64_MAX};
	if (session->out.len > 0 && is_late(&sweep, session->out_progress_ms,
					    session->server->limits.write_timeout_ms)) {
		/* The client reads nothing. */
		http_connection_finish(connection);
		return;
	}
	sweep_session(&sweep, session);
	for (struct http2_stream *at = session->streams; at; at = at->next) {
		sweep_stream(&sweep, at);
	}
	if (sweep.next_ms != UINT64_MAX) {
		http_connection_wake_within(connection, sweep.next_ms - sweep.now_ms);
	}
	http_connection_flush_later(connection);
}

/* ---- the end ---- */

/* In two steps, so that no request is lost that is under way to us (RFC 9113 6.8): a warning first,
 * and the last word when the client has seen that. */
static void drain(struct http_connection *connection) {
	struct http2_session *session = connection->session;
	if (session->is_draining) {
		return;
	}
	session->is_draining = true;
	session->drain_since_ms = http2_now_ms(session);
	if (nghttp2_submit_shutdown_notice(session->nghttp2) != 0) {
		http2_session_last_goaway(session);
	}
	http_connection_wake_within(connection, session->server->limits.linger_timeout_ms);
	http_connection_flush_later(connection);
}

static void finish(struct http_connection *connection) {
	http2_session_destroy(connection->session);
}

bool http2_begin(struct http_connection *connection) {
	static const struct http_protocol protocol = {
		.on_bytes = on_bytes,
		.flush = flush,
		.on_deadline = on_deadline,
		.drain = drain,
		.finish = finish,
	};
	struct http2_session *session = http2_session_create(connection);
	if (!session) {
		http_connection_finish(connection);
		return false;
	}
	http_connection_take_over(connection, &protocol, session);
	http_connection_wake_within(connection, session->server->limits.header_timeout_ms);
	http_connection_flush_later(connection);
	return true;
}
