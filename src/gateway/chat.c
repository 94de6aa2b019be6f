/* chat.c: a chat or count request: bytes to JSON to the canonical request, then off to the mux. */
#include "gateway/gateway_internal.h"

const struct json *gateway_parse_object(
	struct gateway_call *call, struct slice *body, struct error *error) {
	struct json_limits limits = {
		.max_depth = (unsigned)call->gateway->config->limits.json_depth};
	if (slice_starts_with(*body, SLICE("\xef\xbb\xbf"))) {
		*body = slice_from(*body, 3); /* what is spliced must not begin with it */
	}
	if (slice_trim(*body).len == 0) {
		error_set(error, ERROR_INVALID_REQUEST,
			"the request has no body; a JSON object is expected");
		return NULL;
	}
	const struct json *tree = json_parse(call->arena, *body, &limits, error);
	if (tree && tree->type != JSON_OBJECT) {
		error_set(error, ERROR_INVALID_REQUEST,
			"the request body is a JSON %s; an object is expected",
			json_type_name(tree));
		return NULL;
	}
	return tree;
}

bool gateway_parse_request(struct gateway_call *call, const struct format *format,
	struct slice body, const struct json *tree, struct error *error) {
	struct format_parse parse = {
		.body = body,
		.tree = tree,
		.op = call->route->op,
		.path = call->http->path,
		.query = call->http->query,
		.headers = &call->http->headers,
		.arena = call->arena,
	};
	struct slice restored = {0};
	if (!gateway_restore(call, format, &parse, &restored, error) ||
		!format->parse_request(&parse, &call->request, error)) {
		call->model = json_string(json_get(tree, "model"), call->arena);
		return false;
	}
	call->request.restored_response_id = restored;
	call->model = call->request.model;
	return true;
}

void gateway_chat(struct gateway_call *call, struct slice body) {
	const struct format *format = format_get(call->route->format);
	struct error error = {0};
	const struct json *tree = gateway_parse_object(call, &body, &error);
	if (!tree || !gateway_parse_request(call, format, body, tree, &error)) {
		gateway_fail(call, &error);
	} else if (call->request.load != CHAT_LOAD_NONE) {
		gateway_load(call, format);
	} else {
		gateway_answer_begin(call, format);
	}
}
