/* responses_socket.c: the Responses API over one WebSocket (GET /v1/responses): each message of
 * type `response.create` is a request, each event of its answer a text message. Answers may run at
 * once: every event names its response.
 *
 *   message ─► turn ─► gateway_parse_request ─► mux ─► encoder ─► SSE frames ─► text messages
 *
 * A turn is a gateway_call of its own, in its own arena, over the exchange of the handshake. The
 * SSE framing is taken off in one place, on_frame. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "chat/emit.h"
#include "gateway/gateway_internal.h"
#include "gateway/responses_store.h"
#include "net/sse.h"
#include "net/websocket.h"

#define TURNS_MAX 16 /* of one socket, at once */
/* A client continues its latest answer, also one that it wants stored nowhere (`store: false`): it
 * is kept for this connection alone, as long as there is room, and dies with it. */
#define PRIVATE_STORE_BYTES ((size_t)16 * 1024 * 1024)
#define PRIVATE_STORE_MS ((int64_t)3600 * 1000)

struct responses_socket {
	struct gateway_call *call;     /* of the handshake */
	struct websocket *websocket;   /* NULL: closed */
	struct responses_store *store; /* its own */
	struct responses_turn *turns;
	size_t running;
	struct loop_deferred reaper; /* frees turns that are over, when their callbacks returned */
};

struct responses_turn {
	struct responses_socket *socket;
	struct responses_turn *next;
	struct arena arena;
	struct http_request http; /* the handshake's, at the time of the message */
	struct gateway_call call;
	struct sse_reader reader;
	struct slice id; /* of the response, as it stands in JSON; absent before its first event */
	bool is_running; /* it was sent to the mux */
	bool is_over;
};

/* ---- messages out ---- */

/* Everybody waits while the client does not read. */
static void send(struct responses_socket *socket, struct slice text) {
	if (socket->websocket == NULL || websocket_send_text(socket->websocket, text)) {
		return;
	}
	for (struct responses_turn *at = socket->turns; at; at = at->next) {
		if (at->call.mux_call != NULL && !at->call.answer.is_paused) {
			at->call.answer.is_paused = true;
			mux_call_pause(at->call.mux_call);
		}
	}
}

/* The error body of HTTP with the status it would have had there. */
static void send_error(struct responses_turn *turn, const struct error *error) {
	struct gateway_call *call = &turn->call;
	struct buf body = {0}, event = {0};
	gateway_keep_error(call, error);
	format_encode_error(call->family, error, call->request_id, &body);
	buf_printf(&event, "{\"type\":\"error\",\"status\":%d,",
		format_error_status(call->family, error));
	buf_append(&event, slice_from(buf_slice(&body), 1)); /* without its brace */
	send(turn->socket, buf_slice(&event));
	buf_finish(&body);
	buf_finish(&event);
}

/* ---- turns ---- */

static void turn_free(struct responses_turn *turn) {
	gateway_log_access(&turn->call, !turn->is_over);
	gateway_answer_finish(&turn->call);
	sse_reader_finish(&turn->reader);
	arena_finish(&turn->arena);
	free(turn);
}

static void reap(struct loop_deferred *deferred) {
	struct responses_socket *socket = deferred->data;
	struct responses_turn **link = &socket->turns;
	while (*link != NULL) {
		struct responses_turn *turn = *link;
		if (turn->is_over) {
			*link = turn->next;
			turn_free(turn);
		} else {
			link = &turn->next;
		}
	}
}

static void turn_end(struct responses_turn *turn) {
	turn->is_over = true;
	turn->socket->running--;
	loop_defer(turn->socket->call->gateway->loop, &turn->socket->reaper);
}

static struct responses_turn *turn_create(struct responses_socket *socket) {
	const struct gateway_call *handshake = socket->call;
	struct responses_turn *turn = mem_calloc(1, sizeof *turn);
	arena_init(&turn->arena, loop_arena_pool(handshake->gateway->loop), 0);
	sse_reader_init(&turn->reader, 0);
	turn->socket = socket;
	turn->http = *handshake->http;
	turn->http.received_ns = clock_monotonic_ns();
	turn->call = (struct gateway_call){
		.gateway = handshake->gateway,
		.exchange = handshake->exchange,
		.http = &turn->http,
		.arena = &turn->arena,
		.route = handshake->route,
		.family = handshake->family,
		.origin = handshake->origin,
		.private_store = socket->store,
		.request_id = gateway_request_id(&turn->arena, &turn->http.headers),
	};
	turn->next = socket->turns;
	socket->turns = turn;
	return turn;
}

/* ---- events ---- */

/* The first event holds the whole response, and its id. */
static void learn_id(struct responses_turn *turn, struct slice data) {
	const struct json *event = json_parse(&turn->arena, data, NULL, NULL);
	struct slice id = json_string_raw(json_at(event, SLICE("/response/id")));
	if (id.len > 0) {
		turn->id = arena_dup(&turn->arena, id);
	}
}

/* One event of the stream, without its framing, and with the response it belongs to. */
static bool on_frame(const struct sse_frame *frame, void *data) {
	struct responses_turn *turn = data;
	if (frame->data.len < 2 || frame->data.data[0] != '{') {
		return true; /* a keep-alive, or an end marker */
	}
	if (turn->id.data == NULL) {
		learn_id(turn, frame->data);
	}
	if (turn->id.data == NULL) {
		send(turn->socket, frame->data);
		return true;
	}
	struct buf text = {0};
	buf_printf(&text, "{\"response_id\":\"%.*s\",", SLICE_FMT(turn->id));
	buf_append(&text, slice_from(frame->data, 1));
	send(turn->socket, buf_slice(&text));
	buf_finish(&text);
	return true;
}

static void forward(struct responses_turn *turn, bool is_end) {
	struct buf *scratch = &turn->call.gateway->scratch;
	struct error error = {0};
	bool ok = sse_feed(&turn->reader, buf_slice(scratch), on_frame, turn, &error);
	buf_reset(scratch, GATEWAY_SCRATCH_KEEP);
	if (!ok) {
		send_error(turn, &error);
		turn_end(turn);
	} else if (is_end) {
		sse_end(&turn->reader, on_frame, turn);
		turn_end(turn);
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct gateway_answer *answer = (struct gateway_answer *)sink;
	struct gateway_call *call = answer->call;
	struct responses_turn *turn =
		(struct responses_turn *)(void *)((char *)call -
						  offsetof(struct responses_turn, call));
	bool is_end = event->type == CHAT_EVENT_END;
	if (turn->is_over) {
		return;
	}
	if (event->type == CHAT_EVENT_ERROR) {
		gateway_keep_error(call, event->error.error);
	}
	if (call->error != NULL && answer->encoder == NULL) {
		/* Nothing of the answer was told: the error stands alone. */
		if (is_end) {
			send_error(turn, call->error);
			turn_end(turn);
		}
		return;
	}
	if (answer->encoder == NULL) {
		gateway_answer_encode(answer);
	}
	chat_sink_send(answer->encoder, event);
	forward(turn, is_end);
}

/* ---- messages in ---- */

/* Members of a message that are not the request's: its answer is streamed, in any case. */
static bool is_of_the_message(const struct json *member) {
	static const char *const names[] = {"type", "event_id", "stream", "background", "generate"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (json_key_is(member, names[i])) {
			return true;
		}
	}
	return false;
}

/* The body that a POST would have. */
static struct slice make_body(struct responses_turn *turn, const struct json *source) {
	struct buf body = {0};
	struct json_writer w;
	json_writer_init(&w, &body, false);
	json_begin_object(&w);
	json_put_bool(&w, "stream", true);
	json_each (member, source) {
		if (!is_of_the_message(member)) {
			json_write_key_slice(&w, json_key(member, &turn->arena));
			json_write_node(&w, member);
		}
	}
	json_end_object(&w);
	struct slice copy = arena_dup(&turn->arena, buf_slice(&body));
	buf_finish(&body);
	return copy;
}

/* `generate: false` only makes the conversation known, so that the next request can continue it: an
 * empty answer, without an upstream. */
static bool warm_up(struct responses_turn *turn, const struct format *format, struct error *error) {
	struct gateway_call *call = &turn->call;
	struct gateway_answer *answer = &call->answer;
	if (!mux_check_model(call->gateway->mux, call->model, call->arena, error)) {
		return false;
	}
	answer->sink.on_event = on_event;
	answer->call = call;
	answer->format = format;
	answer->is_stream = true;
	const struct format_encoder_options options = {
		.arena = call->arena,
		.out = &call->gateway->scratch,
		.request = &call->request,
		.is_stream = true,
		.model = call->model,
		.now_s = clock_wall_ms() / 1000,
		.request_id = call->request_id,
		.watch = gateway_watch_answer(answer, &call->request),
	};
	answer->encoder = format->encoder_create(&options);
	turn->is_running = true;
	turn->socket->running++;
	struct slice none = {0};
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.input_uncached = usage.output_total = 0;
	struct chat_emitter emitter;
	chat_emitter_init(&emitter, &answer->sink, call->arena);
	chat_emit_start(&emitter, none, call->model, options.now_s, none, none);
	chat_emit_usage(&emitter, &usage);
	chat_emit_finish(&emitter, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&emitter);
	return true;
}

static bool create(struct responses_turn *turn, const struct json *message, struct error *error) {
	struct gateway_call *call = &turn->call;
	const struct format *format = format_get(call->route->format);
	const struct json *nested = json_get_value(message, "response");
	const struct json *source = json_is(nested, JSON_OBJECT) ? nested : message;
	bool generates = true;
	if (turn->socket->running >= TURNS_MAX) {
		return error_set(error, ERROR_RATE_LIMIT,
			"%d responses are under way on this connection; wait until one of them "
			"has ended",
			TURNS_MAX);
	}
	struct slice body = make_body(turn, source);
	const struct json *tree = gateway_parse_object(call, &body, error);
	if (!tree || !gateway_parse_request(call, format, body, tree, error)) {
		return false;
	}
	if (json_bool(json_get_value(source, "generate"), &generates) && !generates) {
		return warm_up(turn, format, error);
	}
	gateway_answer_submit(call, format, on_event);
	turn->is_running = true;
	turn->socket->running++;
	return true;
}

static void send_cancelled(struct responses_turn *turn) {
	struct buf event = {0};
	if (turn->id.data == NULL) {
		return; /* the client never heard of it */
	}
	buf_printf(&event,
		"{\"response_id\":\"%.*s\",\"type\":\"response.cancelled\",\"response\":{"
		"\"id\":\"%.*s\",\"object\":\"response\",\"status\":\"cancelled\"}}",
		SLICE_FMT(turn->id), SLICE_FMT(turn->id));
	send(turn->socket, buf_slice(&event));
	buf_finish(&event);
}

/* The response of that id, or all when none is named. */
static bool cancel(struct responses_turn *turn, const struct json *message, struct error *error) {
	struct slice id = json_string_raw(json_get_value(message, "response_id"));
	bool found = id.data == NULL;
	for (struct responses_turn *at = turn->socket->turns; at; at = at->next) {
		if (at->is_running && !at->is_over && (id.data == NULL || slice_eq(at->id, id))) {
			found = true;
			send_cancelled(at);
			gateway_answer_finish(&at->call);
			turn_end(at);
		}
	}
	return found || error_set_param(error, ERROR_NOT_FOUND, "response_id",
				"no response of that id is under way on this connection");
}

static const struct {
	const char *type;
	bool (*handle)(
		struct responses_turn *turn, const struct json *message, struct error *error);
} handlers[] = {
	{"response.create", create},
	{"response.cancel", cancel},
};

static bool handle(struct responses_turn *turn, const struct json *message, struct error *error) {
	const struct json *type = json_get_value(message, "type");
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		if (json_string_is(type, handlers[i].type)) {
			return handlers[i].handle(turn, message, error);
		}
	}
	return error_set_param(error, ERROR_INVALID_REQUEST, "type",
		"a message is of type response.create or response.cancel");
}

static void on_message(
	struct websocket *websocket, struct slice message, bool is_text, void *context) {
	struct responses_turn *turn = turn_create(context);
	struct error error = {0};
	(void)websocket;
	(void)is_text; /* JSON is JSON, as in a body of any Content-Type (RT-3) */
	message = arena_dup(&turn->arena, message);
	const struct json *tree = gateway_parse_object(&turn->call, &message, &error);
	if (!tree || !handle(turn, tree, &error)) {
		send_error(turn, &error);
	}
	if (!turn->is_running) {
		/* At once: a client may send very many of them in one piece. */
		turn->socket->turns = turn->next;
		turn->is_over = true;
		turn_free(turn);
	}
}

/* ---- the socket ---- */

static void on_writable(struct websocket *websocket, void *context) {
	struct responses_socket *socket = context;
	(void)websocket;
	for (struct responses_turn *at = socket->turns; at; at = at->next) {
		if (at->call.mux_call != NULL) {
			gateway_answer_writable(&at->call);
		}
	}
}

static void on_closed(struct websocket *websocket, int code, void *context) {
	struct responses_socket *socket = context;
	(void)websocket;
	(void)code;
	socket->websocket = NULL;
	loop_defer_cancel(&socket->reaper);
	while (socket->turns != NULL) {
		struct responses_turn *turn = socket->turns;
		socket->turns = turn->next;
		turn_free(turn);
	}
	responses_store_destroy(socket->store);
	socket->store = NULL;
}

void gateway_responses_socket(struct gateway_call *call) {
	struct error error = {0};
	if (!websocket_is_wanted(call->http)) {
		error_set(&error, ERROR_METHOD,
			"a GET of %.*s opens a WebSocket (Upgrade: websocket); without one, send "
			"a POST",
			SLICE_FMT(call->http->path));
		error.http_status = 426;
		gateway_fail(call, &error);
		return;
	}
	struct responses_socket *socket = ARENA_NEW(call->arena, struct responses_socket);
	const struct websocket_handler handler = {
		.on_message = on_message,
		.on_writable = on_writable,
		.on_closed = on_closed,
		.context = socket,
	};
	const struct websocket_options options = {
		.max_message = (size_t)call->gateway->config->limits.request_bytes};
	struct gateway_headers headers;
	gateway_headers_init(&headers, call, (struct slice){0});
	socket->call = call;
	socket->reaper = (struct loop_deferred){.fn = reap, .data = socket};
	socket->websocket = websocket_accept(
		call->exchange, headers.items, headers.count, &handler, &options, &error);
	if (socket->websocket == NULL) {
		gateway_fail(call, &error);
		return;
	}
	socket->store = responses_store_create(PRIVATE_STORE_BYTES, PRIVATE_STORE_MS);
}
