/* respond.c: events to an HTTP answer: the sink of a mux call.
 *
 *   first event ──► spliced or translated encoder
 *     whole:    encoder ──► body ──(end)──► http_respond, or the error's own status
 *     streamed: encoder ──► the loop's scratch buffer ──► http_write, event by event; the server
 *               puts all of a turn into one writev. The head leaves with the first bytes, so that
 * an error before them has its true status (gateway.md 6.3). */
#include "base/clock.h"
#include "gateway/gateway_internal.h"

static struct gateway_answer *answer_of(struct chat_sink *sink) {
	return (struct gateway_answer *)sink;
}

static struct buf *out_of(struct gateway_answer *answer) {
	return answer->is_stream ? &answer->call->gateway->scratch : &answer->body;
}

void gateway_answer_encode(struct gateway_answer *answer) {
	struct gateway_call *call = answer->call;
	const struct mux_report *report = mux_call_report(call->mux_call);
	const struct format_encoder_options options = {
		.arena = call->arena,
		.out = out_of(answer),
		.request = report->request,
		.is_stream = answer->is_stream,
		.model = call->request.model,
		.force_model = report->forces_name,
		.now_s = clock_wall_ms() / 1000,
		.began_ns = answer->began_ns,
		.request_id = call->request_id,
		.counter = {mux_tokens(call->gateway->mux), report->upstream_model},
		.watch = gateway_watch_answer(answer, report->request),
	};
	answer->encoder = report->is_spliced
				  ? format_splice_encoder_create(answer->format, &options)
				  : answer->format->encoder_create(&options);
}

/* ---- streams ---- */

static void arm_ping(struct gateway_answer *answer, uint64_t delay_ms) {
	if (delay_ms > 0 && answer->format->keepalive) {
		loop_timer_start(&answer->ping, delay_ms);
	}
}

/* RT-7. Nothing is sent before the first bytes or a flush. */
static void begin_stream(struct gateway_answer *answer) {
	struct gateway_call *call = answer->call;
	struct gateway_headers headers;
	gateway_headers_init(&headers, call,
		call->request.stream_is_array ? SLICE("application/json")
					      : slice_of(answer->format->stream_content_type));
	gateway_headers_add(&headers, SLICE("Cache-Control"), SLICE("no-cache"));
	gateway_headers_add(&headers, SLICE("X-Accel-Buffering"), SLICE("no"));
	gateway_headers_add_report(&headers, call);
	http_start(call->exchange, 200, headers.items, headers.count);
	answer->written_ms = loop_now_ms(call->gateway->loop);
	arm_ping(answer, (uint64_t)call->gateway->config->timeouts.ping_ms);
}

static void write_stream(struct gateway_answer *answer, struct slice bytes) {
	struct gateway_call *call = answer->call;
	if (bytes.len >= 2) {
		memcpy(answer->tail, bytes.data + bytes.len - 2, 2);
	} else if (bytes.len == 1) {
		answer->tail[0] = answer->tail[1];
		answer->tail[1] = bytes.data[0];
	}
	answer->written_ms = loop_now_ms(call->gateway->loop);
	if (!http_write(call->exchange, bytes) && !answer->is_paused) {
		answer->is_paused = true;
		mux_call_pause(call->mux_call);
	}
}

/* Never inside an event that was forwarded in part. CRLF streams end in "\r\n\r\n". */
static bool is_at_boundary(const struct gateway_answer *answer) {
	char last = answer->tail[1], before = answer->tail[0];
	return last == '\0' || (last == '\n' && (before == '\n' || before == '\r')) ||
	       (last == '\r' && before == '\r');
}

/* Armed once per stream and looked at when it fires: writing costs no heap operation. */
static void on_ping(struct loop_timer *timer) {
	struct gateway_answer *answer = timer->data;
	uint64_t every = (uint64_t)answer->call->gateway->config->timeouts.ping_ms;
	uint64_t silent = loop_now_ms(answer->call->gateway->loop) - answer->written_ms;
	if (silent < every) {
		arm_ping(answer, every - silent);
		return;
	}
	if (!answer->is_paused && is_at_boundary(answer)) {
		write_stream(answer, slice_of(answer->format->keepalive));
	}
	arm_ping(answer, every);
}

static void stream_event(struct gateway_answer *answer, const struct chat_event *event) {
	struct gateway_call *call = answer->call;
	struct buf *scratch = &call->gateway->scratch;
	chat_sink_send(answer->encoder, event);
	bool is_end = event->type == CHAT_EVENT_END;
	if (!http_is_started(call->exchange) && (scratch->len > 0 || is_end)) {
		begin_stream(answer);
	}
	if (scratch->len > 0) {
		write_stream(answer, buf_slice(scratch));
		buf_reset(scratch, GATEWAY_SCRATCH_KEEP);
	}
	if (event->type == CHAT_EVENT_START) {
		/* The hold is over even if the encoder waits for more before it writes. */
		if (!http_is_started(call->exchange)) {
			begin_stream(answer);
		}
		http_flush(call->exchange);
	}
	if (is_end) {
		loop_timer_stop(&answer->ping);
		http_end(call->exchange);
	}
}

/* ---- whole answers ---- */

static void end_whole(struct gateway_answer *answer) {
	struct gateway_call *call = answer->call;
	if (call->error) {
		gateway_fail(call, call->error);
	} else if (answer->body.failed || answer->body.len == 0) {
		struct error error;
		error_set(&error, ERROR_INTERNAL, "the answer could not be written");
		gateway_fail(call, &error);
	} else {
		gateway_reply(call, 200, SLICE("application/json"), &answer->body);
	}
}

/* A count has no encoder: its tokens are the usage of the answer. */
static void count_event(struct gateway_answer *answer, const struct chat_event *event) {
	if (event->type == CHAT_EVENT_USAGE) {
		chat_usage_merge(&answer->usage, event->usage);
	} else if (event->type == CHAT_EVENT_END) {
		int64_t tokens = chat_usage_input_total(&answer->usage);
		if (tokens >= 0) {
			answer->format->encode_count(tokens, &answer->body);
		}
		end_whole(answer);
	}
}

/* RS-29: the upstream's bytes, as they are. */
static void raw_event(struct gateway_answer *answer, const struct chat_event *event) {
	if (event->type == CHAT_EVENT_WIRE) {
		buf_append(&answer->body, event->text);
	} else if (event->type == CHAT_EVENT_END) {
		end_whole(answer);
	}
}

static void whole_event(struct gateway_answer *answer, const struct chat_event *event) {
	chat_sink_send(answer->encoder, event);
	if (event->type == CHAT_EVENT_END) {
		end_whole(answer);
	}
}

/* ---- the sink ---- */

void gateway_keep_error(struct gateway_call *call, const struct error *error) {
	if (!call->error) {
		call->error = ARENA_NEW(call->arena, struct error);
		*call->error = *error;
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct gateway_answer *answer = answer_of(sink);
	struct gateway_call *call = answer->call;
	if (event->type == CHAT_EVENT_ERROR) {
		gateway_keep_error(call, event->error.error);
	}
	if (call->route->op == CHAT_OP_COUNT) {
		count_event(answer, event);
		return;
	}
	if (call->route->op == CHAT_OP_COMPACT) {
		raw_event(answer, event);
		return;
	}
	if (answer->is_stream && call->error && !http_is_started(call->exchange)) {
		if (event->type == CHAT_EVENT_END) {
			gateway_fail(call, call->error);
		}
		return;
	}
	if (!answer->encoder) {
		gateway_answer_encode(answer);
	}
	if (answer->is_stream) {
		stream_event(answer, event);
	} else {
		whole_event(answer, event);
	}
}

/* ---- begin and end ---- */

void gateway_answer_submit(struct gateway_call *call, const struct format *format,
	void (*to)(struct chat_sink *sink, const struct chat_event *event)) {
	struct gateway_answer *answer = &call->answer;
	answer->sink.on_event = to;
	answer->call = call;
	answer->began_ns = clock_monotonic_ns();
	answer->format = format;
	answer->is_stream = call->request.stream && call->route->op == CHAT_OP_CHAT;
	chat_usage_init(&answer->usage);
	loop_timer_init(call->gateway->loop, &answer->ping, on_ping, answer);
	const struct mux_request request = {
		.request = &call->request,
		.sink = &answer->sink,
		.takes_wire = call->route->op == CHAT_OP_CHAT,
		.client_headers = &call->http->headers,
	};
	call->mux_call = mux_submit(call->gateway->mux_loop, &request);
}

void gateway_answer_begin(struct gateway_call *call, const struct format *format) {
	gateway_answer_submit(call, format, on_event);
}

void gateway_answer_writable(struct gateway_call *call) {
	if (call->answer.is_paused) {
		call->answer.is_paused = false;
		mux_call_resume(call->mux_call);
	}
}

void gateway_answer_finish(struct gateway_call *call) {
	if (!call->mux_call) {
		return;
	}
	loop_timer_stop(&call->answer.ping);
	mux_call_release(call->mux_call);
	call->mux_call = NULL;
	buf_finish(&call->answer.body);
}
