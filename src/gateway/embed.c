/* embed.c: embedding requests: parsed by their dialect, answered whole (OL-11). */
#include "gateway/gateway_internal.h"

static void answer(struct gateway_embed *embed) {
	struct gateway_call *call = embed->call;
	const struct mux_report *report = mux_call_report(call->mux_call);
	struct error error;
	struct buf body = {0};
	if (call->error) {
		gateway_fail(call, call->error);
		return;
	}
	struct embed_response response = *report->embedded;
	if (report->forces_name) {
		response.model = (struct slice){0}; /* CC-7: the name the client asked for */
	}
	if (embed->format->embed->encode_response(&response, &embed->request, &body, &error)) {
		gateway_reply(call, 200, SLICE("application/json"), &body);
	} else {
		gateway_fail(call, &error);
	}
	buf_finish(&body);
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct gateway_embed *embed = (struct gateway_embed *)sink;
	if (event->type == CHAT_EVENT_ERROR) {
		gateway_keep_error(embed->call, event->error.error);
	} else if (event->type == CHAT_EVENT_END) {
		answer(embed);
	}
}

void gateway_embed(struct gateway_call *call, struct slice body) {
	const struct format *format = format_get(call->route->format);
	struct gateway_embed *embed = ARENA_NEW(call->arena, struct gateway_embed);
	struct error error = {0};
	const struct json *tree = gateway_parse_object(call, &body, &error);
	const struct format_parse parse = {
		.body = body,
		.tree = tree,
		.path = call->http->path,
		.query = call->http->query,
		.headers = &call->http->headers,
		.arena = call->arena,
	};
	embed->sink.on_event = on_event;
	embed->call = call;
	embed->format = format;
	if (tree == NULL || !format->embed->parse_request(&parse, &embed->request, &error)) {
		call->model = json_string(json_get(tree, "model"), call->arena);
		gateway_fail(call, &error);
		return;
	}
	call->model = embed->request.model;
	call->mux_call = mux_embed(
		call->gateway->mux_loop, &embed->request, &embed->sink, &call->http->headers);
}
