/* upstream_call.c: one attempt on an upstream.
 *
 *   WAITING --2xx--> DECODING --end--> DRAINING --body over--> DONE
 *    ^ |  `--else--> COLLECTING ------------------------------^
 *    | `-------------------------------------------------------^   (FAILING: never sent)
 *    REDIRECTED, if the backend follows
 *
 * `end` is kept back until the HTTP answer is over (DRAINING, briefly), so that the connection can
 * be used again although the caller releases the call at `end`. */
#include "base/encoding.h"
#include "mux/upstream.h"

/* Of the body of a refusal or of a count. */
#define COLLECT_MAX ((size_t)256 * 1024)
/* What may follow the last event: the end of the chunked body. */
#define DRAIN_MS 250
/* Of an answer that makes no sense (workflows.md 2.2). */
#define QUOTED_BYTES 200

enum upstream_state {
	UPSTREAM_FAILING,    /* could not be sent: `error` is told at the end of the turn */
	UPSTREAM_WAITING,    /* for the head of the answer */
	UPSTREAM_REDIRECTED, /* sent to another place at the end of the turn */
	UPSTREAM_DECODING,
	UPSTREAM_COLLECTING, /* the body of a refusal, of a count, or of vectors */
	UPSTREAM_DRAINING,   /* the answer is complete, its body not quite */
	UPSTREAM_DONE
};

struct backend_call {
	struct chat_sink sink; /* the last before the request's: keeps `end` back */
	struct upstream *upstream;
	struct backend_request request;
	enum upstream_state state;
	struct account *account;         /* NULL when given back */
	struct client_call *client_call; /* NULL when over */
	struct format_built built;
	const char *url;   /* where it is sent */
	bool is_elsewhere; /* at another origin than the backend's: without credentials */
	unsigned redirects;
	struct slice beginning; /* of the answer, for QUOTED_BYTES */
	struct format_decoder *decoder;
	struct stop_match *stop;
	struct buf body; /* collected */
	int status;
	struct http_headers headers; /* of a refusal */
	struct error *error;         /* NULL: none; large, so made when one comes */
	bool has_ended, is_released;
	unsigned depth; /* our frames on the stack that use the decoder or the sink */
	struct loop_timer drain;
	struct loop_deferred deferred;
};

static void send(struct backend_call *call, const struct chat_event *event) {
	if (!call->is_released) {
		chat_sink_send(call->request.sink, event);
	}
}

static struct error *keep_error(struct backend_call *call, const struct error *error) {
	if (call->error == NULL) {
		call->error = ARENA_NEW(call->request.arena, struct error);
	}
	if (error != NULL && call->error != error) {
		*call->error = *error;
	}
	return call->error;
}

static void send_error(struct backend_call *call, const struct error *error, bool is_on_wire) {
	struct error *kept = keep_error(call, error);
	if (kept->kind == ERROR_UPSTREAM_PROTOCOL && call->beginning.len > 0 &&
		!call->request.report->was_cut) {
		const struct error told = *kept;
		size_t shown = call->beginning.len;
		utf8_valid(call->beginning, &shown);
		error_set(kept, told.kind, "%s; it begins with: %.*s", told.message,
			SLICE_FMT(slice_sub(call->beginning, 0, shown)));
	}
	if (call->account != NULL) {
		upstream_label_error(call->upstream, call->account, kept);
	}
	send(call, &(struct chat_event){.type = CHAT_EVENT_ERROR,
			   .error.error = kept,
			   .error.is_on_wire = is_on_wire});
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct backend_call *call = (struct backend_call *)(void *)sink;
	if (event->type == CHAT_EVENT_END) {
		call->has_ended = true;
	} else if (event->type == CHAT_EVENT_ERROR) {
		send_error(call, event->error.error, event->error.is_on_wire);
	} else {
		send(call, event);
	}
}

/* ---- the end ---- */

static void give_account_back(struct backend_call *call, const struct error *error) {
	if (call->account != NULL) {
		pool_give_back(call->account, error, loop_now_ms(call->request.mux_loop->loop));
		call->account = NULL;
	}
}

static void clean_up(struct backend_call *call) {
	if (call->decoder != NULL) {
		call->decoder->ops->destroy(call->decoder);
		call->decoder = NULL;
	}
	buf_finish(&call->built.body);
	buf_finish(&call->body);
}

static void enter(struct backend_call *call) {
	call->depth++;
}

static void leave(struct backend_call *call) {
	if (--call->depth == 0 && call->is_released) {
		clean_up(call);
	}
}

/* The one end of a call that was not released: `end` is sent. */
static void finish(struct backend_call *call) {
	call->state = UPSTREAM_DONE;
	loop_timer_stop(&call->drain);
	if (call->client_call != NULL) {
		client_cancel(call->client_call);
		call->client_call = NULL;
	}
	give_account_back(call, call->error);
	send(call, &(struct chat_event){.type = CHAT_EVENT_END});
}

static void fail(struct backend_call *call, const struct error *error) {
	send_error(call, error, false);
	if (!call->is_released) {
		finish(call);
	}
}

static void on_drain(struct loop_timer *timer) {
	finish(timer->data);
}

/* Looks whether the answer is over after the decoder has run. */
static void check_end(struct backend_call *call) {
	if (call->is_released || call->state == UPSTREAM_DONE) {
		return;
	}
	bool is_cut = call->stop != NULL && stop_match_has_ended(call->stop);
	if (is_cut || (call->has_ended && (call->error != NULL || call->client_call == NULL))) {
		finish(call);
	} else if (call->has_ended && call->state == UPSTREAM_DECODING) {
		call->state = UPSTREAM_DRAINING;
		client_resume(call->client_call);
		loop_timer_start(&call->drain, DRAIN_MS);
	}
}

/* ---- the answer ---- */

static void keep_headers(struct backend_call *call, const struct http_headers *headers) {
	for (size_t i = 0; i < headers->len; i++) {
		http_headers_add(call->request.arena, &call->headers,
			arena_dup(call->request.arena, headers->items[i].name),
			arena_dup(call->request.arena, headers->items[i].value));
	}
}

static bool is_stream_of(
	const struct format *format, const struct http_headers *headers, bool when_unknown) {
	struct slice type = http_headers_get(headers, "content-type");
	if (slice_istarts_with(type, slice_of(format->stream_content_type))) {
		return true;
	}
	return when_unknown && !slice_icontains(type, SLICE("json"));
}

static struct format_counter counter_of(const struct backend_call *call) {
	return (struct format_counter){call->upstream->mux->tokens, call->request.model};
}

static void create_decoder(struct backend_call *call, const struct http_headers *headers) {
	const struct chat_request *chat = call->request.request;
	const struct config_limits *limits = &call->upstream->mux->config->limits;
	const struct mux_report *report = call->request.report;
	bool is_stream = is_stream_of(call->upstream->format, headers, chat->stream);
	/* What was not asked for cannot be forwarded as it is (E-38): it is translated. */
	bool keep_wire = report->is_spliced && is_stream == chat->stream;
	struct format_decoder_options options = {
		.arena = call->request.arena,
		.sink = call->stop != NULL ? stop_match_sink(call->stop) : &call->sink,
		.request = chat,
		.is_stream = is_stream,
		.keep_wire = keep_wire,
		.hide_usage = keep_wire && chat->include_usage != TRI_TRUE,
		.echo_model = report->forces_name ? chat->model : (struct slice){0},
		.built = report->is_spliced ? NULL : &call->built,
		.counter = counter_of(call),
		.max_answer_bytes = (size_t)limits->response_bytes,
		.max_line_bytes = (size_t)limits->sse_line_bytes,
		.max_args_bytes = (size_t)limits->tool_argument_bytes,
		.max_open_parts = (size_t)limits->open_parts,
		.max_json_depth = (unsigned)limits->json_depth,
	};
	call->decoder = call->upstream->format->decoder_create(&options);
}

/* workflows.md 2.2: the same request again, never with a credential to another host. */
static bool follow(struct backend_call *call, int status, const struct http_headers *headers) {
	bool is_same_origin = false;
	if (call->redirects >= call->upstream->max_redirects) {
		return false;
	}
	const char *url =
		upstream_redirect(status, headers, call->url, call->request.arena, &is_same_origin);
	if (url == NULL) {
		return false;
	}
	call->url = url;
	call->is_elsewhere |= !is_same_origin;
	call->redirects++;
	client_cancel(call->client_call);
	call->client_call = NULL;
	call->state = UPSTREAM_REDIRECTED;
	loop_defer(call->request.mux_loop->loop, &call->deferred);
	return true;
}

static void on_headers(struct client_call *client_call, int status,
	const struct http_headers *headers, void *data) {
	struct backend_call *call = data;
	(void)client_call;
	if (follow(call, status, headers)) {
		return;
	}
	call->status = status;
	call->request.report->upstream_status = status;
	provider_return_headers(call->upstream->provider, call->request.request->client_format,
		headers, call->request.arena, &call->request.report->returned);
	if (status >= 200 && status < 300 && call->request.request->op == CHAT_OP_CHAT) {
		call->state = UPSTREAM_DECODING;
		create_decoder(call, headers);
		return;
	}
	call->state = UPSTREAM_COLLECTING;
	buf_init(&call->body, 0);
	keep_headers(call, headers);
}

static bool start(struct backend_call *call, struct error *error);

/* Asks once more, on the same account, what the dialect thinks may help (AN-21). */
static bool try_mended(struct backend_call *call, const struct error *refusal) {
	const struct format *format = call->upstream->format;
	const struct chat_request *chat = call->request.request;
	const struct chat_request *mended =
		format->mend != NULL && !chat->is_mended
			? format->mend(chat, refusal, call->request.losses)
			: NULL;
	struct error error;
	if (mended == NULL) {
		return false;
	}
	log_debug(call->upstream->mux->log, "%s refused the request, asking again with less",
		call->account->label);
	call->request.request = mended;
	call->request.report->attempts++;
	call->headers = (struct http_headers){0};
	buf_finish(&call->body);
	buf_finish(&call->built.body);
	call->built = (struct format_built){0};
	if (!start(call, &error)) {
		fail(call, &error);
	}
	return true;
}

/* RS-29: the answer's own bytes, whatever they hold. */
static void send_raw_answer(struct backend_call *call, struct slice body) {
	const struct chat_event events[] = {
		{.type = CHAT_EVENT_WIRE, .text = body},
		{.type = CHAT_EVENT_START},
		{.type = CHAT_EVENT_FINISH, .finish.reason = CHAT_FINISH_STOP},
		{.type = CHAT_EVENT_END},
	};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		chat_sink_send(&call->sink, &events[i]);
	}
	check_end(call);
}

/* A compaction or vectors are as long as an answer; the beginning of everything else will do. */
static size_t collect_max(const struct backend_call *call) {
	enum chat_op op = call->request.request->op;
	bool is_answer = (op == CHAT_OP_COMPACT || op == CHAT_OP_EMBED) && call->status < 300;
	return is_answer ? (size_t)call->upstream->mux->config->limits.response_bytes : COLLECT_MAX;
}

/* Vectors are whole. */
static bool take_vectors(struct backend_call *call, struct slice body, struct error *error) {
	const struct embed_request *embed = call->request.request->embed;
	struct embed_response *response = ARENA_NEW(call->request.arena, struct embed_response);
	response->usage = EMBED_USAGE_UNKNOWN;
	if (body.len == collect_max(call)) {
		return error_set(
			error, ERROR_TOO_LARGE, "the upstream's answer is larger than allowed");
	}
	if (!call->upstream->format->embed->decode_response(body, embed, response, error)) {
		return false;
	}
	call->request.report->embedded = response;
	send_count(&call->sink, call->request.request->model, response->usage.input_tokens, false);
	check_end(call);
	return true;
}

/* A refusal, a count or vectors are whole. */
static void conclude(struct backend_call *call) {
	struct upstream *upstream = call->upstream;
	struct slice body = buf_slice(&call->body);
	struct error error;
	int64_t tokens;
	if (call->status < 200 || call->status >= 300) {
		upstream_read_error(upstream, call->status, &call->headers, body, &error);
		if (!try_mended(call, &error)) {
			fail(call, &error);
		}
	} else if (call->request.request->op == CHAT_OP_COMPACT) {
		send_raw_answer(call, body);
	} else if (call->request.request->op == CHAT_OP_EMBED) {
		if (!take_vectors(call, body, &error)) {
			fail(call, &error);
		}
	} else if (upstream->format->parse_count(body, call->request.arena, &tokens, &error)) {
		send_count(&call->sink, call->request.request->model, tokens, false);
		check_end(call);
	} else {
		fail(call, &error);
	}
}

static void collect(struct backend_call *call, struct slice bytes) {
	size_t most = collect_max(call);
	buf_append(&call->body, slice_sub(bytes, 0, most - call->body.len));
	if (call->body.len == most) {
		client_cancel(call->client_call);
		call->client_call = NULL;
		conclude(call);
	}
}

static void keep_beginning(struct backend_call *call, struct slice bytes) {
	struct slice so_far = call->beginning;
	if (call->upstream->quotes_answers && so_far.len < QUOTED_BYTES) {
		bytes = slice_sub(bytes, 0, QUOTED_BYTES - so_far.len);
		call->beginning = arena_printf(
			call->request.arena, "%.*s%.*s", SLICE_FMT(so_far), SLICE_FMT(bytes));
	}
}

static void on_data(struct client_call *client_call, struct slice bytes, void *data) {
	struct backend_call *call = data;
	(void)client_call;
	enter(call);
	if (call->state == UPSTREAM_DECODING) {
		keep_beginning(call, bytes);
		call->decoder->ops->feed(call->decoder, bytes);
		check_end(call);
	} else if (call->state == UPSTREAM_COLLECTING) {
		collect(call, bytes);
	}
	leave(call);
}

static void on_done(
	struct client_call *client_call, const struct client_result *result, void *data) {
	struct backend_call *call = data;
	const struct error *error = result->error.kind != ERROR_NONE ? &result->error : NULL;
	(void)client_call;
	call->client_call = NULL;
	call->request.report->was_cut = error != NULL && error->kind != ERROR_TIMEOUT;
	enter(call);
	switch (call->state) {
	case UPSTREAM_DECODING:
		call->decoder->ops->finish(call->decoder, error);
		check_end(call);
		break;
	case UPSTREAM_COLLECTING:
		conclude(call);
		break;
	case UPSTREAM_DRAINING:
		finish(call);
		break;
	default:
		fail(call, error);
		break;
	}
	leave(call);
}

static const struct client_handler handler = {
	.on_headers = on_headers, .on_data = on_data, .on_done = on_done};

/* ---- the request ---- */

/* Some upstreams answer in streams alone (OR-20): those are collected for a client that wants none.
 */
static bool asks_stream(const struct backend_call *call) {
	const struct chat_request *chat = call->request.request;
	return chat->op == CHAT_OP_CHAT &&
	       (chat->stream || (call->upstream->quirks & QUIRK_CODEX) != 0);
}

/* The upstream's body: the client's own bytes when both speak the same dialect, else built. */
static bool make_body(struct backend_call *call, struct error *error) {
	const struct backend_request *request = &call->request;
	const struct upstream *upstream = call->upstream;
	const struct chat_request *chat = request->request;
	const struct format *format = upstream->format;
	request->report->upstream_format = format->id;
	if (chat->op == CHAT_OP_EMBED) {
		const struct format_target model = {
			.model = request->model, .family = model_family_of(request->model)};
		buf_init(&call->built.body, 0);
		return format->embed->build_request(
			chat->embed, &model, &call->built.body, request->losses, error);
	}
	bool is_chat = chat->op == CHAT_OP_CHAT;
	struct format_target target = {
		.model = request->model,
		.quirks = upstream->quirks,
		.stream = asks_stream(call),
	};
	bool is_same = format_can_splice(format, chat);
	buf_init(&call->built.body, 0);
	call->built.body.allow_refs = true;
	request->report->is_spliced = is_chat && is_same && request->takes_wire;
	if (request->report->is_spliced || (is_same && !is_chat)) {
		return format_splice_request(format, chat, &target, &call->built.body, error);
	}
	target.family = model_family_of(request->model); /* a search: spliced bodies need none */
	if (!chat->is_mended && chat->client_format != format->id) {
		chat = signatures_restore(upstream->mux->signatures, chat, format->id,
			target.family, loop_now_ms(request->mux_loop->loop));
		call->request.request = chat; /* what a refusal is about (mend) */
	}
	return format_build_request(format, chat, &target, &call->built, request->losses, error);
}

static enum provider_op op_of(const struct upstream *upstream, const struct chat_request *chat) {
	switch (chat->op) {
	case CHAT_OP_COUNT:
		return PROVIDER_OP_COUNT;
	case CHAT_OP_COMPACT:
		return PROVIDER_OP_COMPACT;
	case CHAT_OP_EMBED:
		return PROVIDER_OP_EMBED;
	case CHAT_OP_CHAT:
		break;
	}
	if (chat->is_generate && upstream->urls[PROVIDER_OP_GENERATE] != NULL) {
		return PROVIDER_OP_GENERATE; /* OU-1 */
	}
	bool has_own_path = upstream->urls[PROVIDER_OP_STREAM] != NULL;
	return chat->stream && has_own_path ? PROVIDER_OP_STREAM : PROVIDER_OP_CHAT;
}

/* What was built, to call->url. */
static bool send_request(struct backend_call *call, struct error *error) {
	const struct upstream *upstream = call->upstream;
	const struct chat_request *chat = call->request.request;
	bool is_trusted = !call->is_elsewhere;
	struct provider_call prepared = {
		.op = op_of(upstream, chat),
		.url = call->url,
		.key = is_trusted ? call->account->key : (struct slice){0},
		.extra_headers = upstream->headers,
		.extra_header_count = is_trusted ? upstream->header_count : 0,
		.extra_is_literal = upstream->has_literal_headers,
		.client_headers = call->request.client_headers,
		.client_format = chat->client_format,
		.built = &call->built,
		.stream = asks_stream(call),
		.arena = call->request.arena,
	};
	provider_prepare(upstream->provider, &prepared);
	const struct client_request request = {
		.method = "POST",
		.url = prepared.url,
		.headers = prepared.headers.items,
		.header_count = prepared.headers.len,
		.body = &call->built.body,
		.proxy = call->account->proxy,
		.timeouts = upstream->timeouts,
		.max_header_bytes = (size_t)upstream->mux->config->limits.header_bytes,
	};
	call->state = UPSTREAM_WAITING;
	call->client_call =
		client_submit(call->request.mux_loop->client, &request, &handler, call, error);
	return call->client_call != NULL;
}

static bool start(struct backend_call *call, struct error *error) {
	const struct upstream *upstream = call->upstream;
	const struct chat_request *chat = call->request.request;
	enum provider_op op = op_of(upstream, chat);
	bool can_embed = upstream->urls[op] != NULL && upstream->format->embed != NULL;
	if (op == PROVIDER_OP_EMBED && !can_embed) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"the model '%.*s' is of %s, which makes no embeddings",
			SLICE_FMT(call->request.model), upstream->base.name);
	}
	const char *url =
		provider_url_for(upstream->urls[op], call->request.model, call->request.arena);
	if (url == NULL) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"the model name '%.*s' cannot stand in a URL",
			SLICE_FMT(call->request.model));
	}
	if (!make_body(call, error) ||
		(chat->op == CHAT_OP_CHAT &&
			!payload_apply(upstream, call->request.model, &call->built.body,
				call->request.arena, error))) {
		return false;
	}
	if (call->built.stop_count > 0 && !call->request.report->is_spliced) {
		const struct format_counter counter = counter_of(call);
		call->stop = stop_match_create(chat, &counter, call->built.stop,
			call->built.stop_count, &call->sink, call->request.arena);
	}
	call->url = url;
	return send_request(call, error);
}

static void on_deferred(struct loop_deferred *deferred) {
	struct backend_call *call = deferred->data;
	struct error error;
	enter(call);
	if (call->state == UPSTREAM_FAILING) {
		fail(call, call->error);
	} else if (!send_request(call, &error)) {
		fail(call, &error);
	}
	leave(call);
}

static bool can_compact(const struct upstream *upstream, const struct chat_request *chat) {
	return upstream->urls[PROVIDER_OP_COMPACT] != NULL &&
	       format_can_splice(upstream->format, chat);
}

static bool can_count(const struct upstream *upstream) {
	return upstream->urls[PROVIDER_OP_COUNT] != NULL && upstream->format->parse_count != NULL;
}

static bool take_account(struct backend_call *call, struct error *error) {
	struct upstream *upstream = call->upstream;
	const struct backend_request *request = &call->request;
	if (request->request->op == CHAT_OP_COUNT && !can_count(upstream)) {
		return error_set(error, ERROR_NOT_SUPPORTED, "%s has no call that counts tokens",
			upstream->base.name);
	}
	if (request->request->op == CHAT_OP_COMPACT && !can_compact(upstream, request->request)) {
		return error_set(error, ERROR_NOT_SUPPORTED,
			"the upstream of this model cannot compact conversations (RS-29): only "
			"one that speaks the Responses API can");
	}
	call->account = pool_take(&upstream->pool, request->tried, request->arena,
		loop_now_ms(request->mux_loop->loop));
	if (call->account == NULL) {
		return error_set(error, ERROR_UNAVAILABLE, "no account of %s is left to try",
			upstream->base.name);
	}
	request->report->account = call->account->label;
	return true;
}

struct backend_call *upstream_submit(
	struct backend *backend, const struct backend_request *request) {
	struct upstream *upstream = (struct upstream *)(void *)backend;
	struct loop *loop = request->mux_loop->loop;
	struct backend_call *call = ARENA_NEW(request->arena, struct backend_call);
	call->sink.on_event = on_event;
	call->upstream = upstream;
	call->request = *request;
	call->deferred.fn = on_deferred;
	call->deferred.data = call;
	loop_timer_init(loop, &call->drain, on_drain, call);
	struct error error;
	if (!take_account(call, &error) || !start(call, &error)) {
		keep_error(call, &error);
		call->state = UPSTREAM_FAILING;
		loop_defer(loop, &call->deferred);
	}
	return call;
}

void upstream_pause(struct backend_call *call) {
	if (call->client_call != NULL && call->state != UPSTREAM_DRAINING) {
		client_pause(call->client_call);
	}
}

void upstream_resume(struct backend_call *call) {
	if (call->client_call != NULL) {
		client_resume(call->client_call);
	}
}

void upstream_release(struct backend_call *call) {
	static const struct error cancelled = {.kind = ERROR_CANCELLED, .retry_after_ms = -1};
	call->is_released = true;
	loop_timer_stop(&call->drain);
	loop_defer_cancel(&call->deferred);
	if (call->client_call != NULL) {
		client_cancel(call->client_call);
		call->client_call = NULL;
	}
	give_account_back(call, &cancelled);
	if (call->depth == 0) {
		clean_up(call);
	}
}
