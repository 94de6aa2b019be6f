/* ollama.c: what Ollama's clients ask a server beside chats: its version, its models, what is
 * loaded, and to load one (OL-4, OL-8..OL-10). */
#include "base/clock.h"
#include "gateway/gateway_internal.h"

/* OL-10: clients compare it. */
void gateway_ollama_version(struct gateway_call *call) {
	struct slice version = call->gateway->config->ollama_version;
	struct gateway_headers headers;
	struct buf body = {0};
	struct json_writer w;
	json_writer_init(&w, &body, false);
	json_begin_object(&w);
	json_put_string(&w, "version", version);
	json_end_object(&w);
	gateway_headers_init(&headers, call, SLICE("application/json"));
	gateway_headers_add(&headers, SLICE("Server"),
		arena_printf(call->arena, "ollama/%.*s", SLICE_FMT(version)));
	http_respond(call->exchange, 200, headers.items, headers.count, &body);
	buf_finish(&body);
}

/* Nothing is loaded here: the models are somewhere else. */
void gateway_ollama_loaded(struct gateway_call *call) {
	gateway_reply_json(call, 200, "{\"models\":[]}");
}

void gateway_ollama_show(struct gateway_call *call, struct slice body) {
	struct error error;
	const struct json *tree = gateway_parse_object(call, &body, &error);
	if (tree == NULL) {
		gateway_fail(call, &error);
		return;
	}
	const struct json *name = json_get_value(tree, "model");
	call->model = json_string(name ? name : json_get_value(tree, "name"), call->arena);
	if (call->model.len == 0) {
		error_set_param(&error, ERROR_INVALID_REQUEST, "model", "model is required");
		gateway_fail(call, &error);
		return;
	}
	gateway_answer_model(call, call->model);
}

void gateway_load(struct gateway_call *call, const struct format *format) {
	struct error error;
	if (!mux_check_model(call->gateway->mux, call->model, call->arena, &error)) {
		gateway_fail(call, &error);
		return;
	}
	struct chat_candidate candidate = {.is_finished = true,
		.native_reason =
			call->request.load == CHAT_LOAD_MODEL ? SLICE("load") : SLICE("unload")};
	struct chat_response response = {.candidates = {.items = &candidate, .len = 1, .cap = 1}};
	struct buf body = {0};
	const struct format_encoder_options options = {
		.arena = call->arena,
		.out = &body,
		.request = &call->request,
		.model = call->model,
		.now_s = clock_wall_ms() / 1000,
	};
	chat_usage_init(&response.usage);
	response.usage.input_uncached = response.usage.output_total = 0;
	format->encode_response(&response, &options);
	buf_append_byte(&body, '\n'); /* a line, also for who reads it as a stream */
	gateway_reply(call, 200, SLICE("application/json"), &body);
	buf_finish(&body);
}
