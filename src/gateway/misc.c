/* misc.c: greeting and health. */
#include "gateway/gateway_internal.h"

/* What Ollama clients look for before they talk (OL-10). */
void gateway_greet(struct gateway_call *call) {
	struct buf body = {0};
	buf_append_str(&body, "Ollama is running");
	gateway_reply(call, 200, SLICE("text/plain; charset=utf-8"), &body);
	buf_finish(&body);
}

/* Claude Code asks for it to see whether the base URL answers. */
void gateway_hello(struct gateway_call *call) {
	gateway_reply_json(call, 200, "{\"message\":\"hello\"}");
}

void gateway_health(struct gateway_call *call) {
	gateway_reply_json(call, 200, "{\"status\":\"ok\"}");
}

void gateway_ready(struct gateway_call *call) {
	bool is_ready = mux_is_ready(call->gateway->mux);
	gateway_reply_json(call, is_ready ? 200 : 503,
		is_ready ? "{\"status\":\"ready\"}"
			 : "{\"status\":\"no account of a provider is usable\"}");
}

void gateway_no_such_path(struct gateway_call *call) {
	struct error error;
	error_set(&error, ERROR_NOT_FOUND, "%.*s not found.", SLICE_FMT(call->http->path));
	gateway_fail(call, &error);
}
