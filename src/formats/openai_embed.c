/* openai_embed.c: OpenAI's /v1/embeddings, both ways. */
#include "formats/embed_common.h"
#include "formats/parse_common.h"

static bool read_encoding(struct embed_request *r, const struct json *node, struct error *error) {
	if (json_string_is(node, "base64")) {
		r->encoding = EMBED_BASE64;
	}
	return node == NULL || json_string_is(node, "base64") || json_string_is(node, "float") ||
	       error_set_param(error, ERROR_INVALID_REQUEST, "encoding_format",
		       "'encoding_format' must be \"float\" or \"base64\"");
}

static bool is_known(const struct json *member) {
	static const char *const names[] = {
		"model", "input", "encoding_format", "dimensions", "user"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (json_key_is(member, names[i])) {
			return true;
		}
	}
	return member->type == JSON_NULL;
}

static bool parse_request(
	const struct format_parse *parse, struct embed_request *request, struct error *error) {
	const struct json *model = json_get_value(parse->tree, "model");
	const struct json *dimensions = json_get_value(parse->tree, "dimensions");
	const struct json *user = json_get_value(parse->tree, "user");
	*request = (struct embed_request){.client_format = FORMAT_OPENAI_CHAT,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree};
	if (model == NULL) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "model",
			"you must provide a 'model' parameter");
	}
	request->has_dimensions = dimensions != NULL;
	if (!parse_text(error, model, "model", parse->arena, &request->model) ||
		!embed_parse_inputs(
			request, json_get_value(parse->tree, "input"), "input", true, error) ||
		!read_encoding(request, json_get_value(parse->tree, "encoding_format"), error) ||
		(dimensions != NULL && !parse_count(error, dimensions, "dimensions", 1,
					       EMBED_MAX_DIMENSIONS, &request->dimensions)) ||
		(user != NULL &&
			!parse_text(error, user, "user", parse->arena, &request->end_user_id))) {
		return false;
	}
	json_each (member, parse->tree) {
		if (!is_known(member)) {
			chat_ext_add(parse->arena, &request->ext, FORMAT_OPENAI_CHAT,
				json_key(member, parse->arena), json_raw(member));
		}
	}
	return true;
}

static bool build_request(const struct embed_request *request, const struct format_target *target,
	struct buf *body, struct chat_losses *losses, struct error *error) {
	struct json_writer w;
	bool is_own = request->client_format == FORMAT_OPENAI_CHAT;
	json_writer_init(&w, body, false);
	json_begin_object(&w);
	json_put_string(&w, "model", target->model);
	json_write_key(&w, "input");
	if (!request->is_single) {
		json_begin_array(&w);
	}
	for (size_t i = 0; i < request->input_count; i++) {
		if (request->has_tokens) {
			json_write_raw(&w, request->inputs[i]);
		} else {
			json_write_string(&w, request->inputs[i]);
		}
	}
	if (!request->is_single) {
		json_end_array(&w);
	}
	json_put_cstr(&w, "encoding_format", "float"); /* OL-11 */
	if (request->has_dimensions) {
		json_put_int(&w, "dimensions", request->dimensions);
	}
	if (request->end_user_id.data != NULL && is_own) {
		json_put_string(&w, "user", request->end_user_id);
	}
	if (request->task_type.data != NULL || request->title.data != NULL) {
		chat_drop(losses, "OL-11", "taskType", "the upstream knows no tasks");
	}
	if (request->truncate == TRI_FALSE) {
		chat_drop(losses, "OL-11", "truncate", "the upstream never cuts a text");
	}
	for (size_t i = 0; i < request->ext.len && is_own; i++) {
		json_write_key_slice(&w, request->ext.items[i].name);
		json_write_raw(&w, request->ext.items[i].json);
	}
	json_end_object(&w);
	return !body->failed ||
	       error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}

static bool decode_response(struct slice body, const struct embed_request *request,
	struct embed_response *response, struct error *error) {
	struct arena scratch;
	const struct json *tree = embed_parse_answer(body, &scratch, error);
	const struct json *list = json_get_value(tree, "data");
	bool ok = tree != NULL;
	size_t position = 0;
	response->model = json_string(json_get_value(tree, "model"), request->arena);
	json_int64(json_at(tree, SLICE("/usage/prompt_tokens")), &response->usage.input_tokens);
	json_each (item, json_is(list, JSON_ARRAY) ? list : NULL) {
		int64_t index;
		bool has_index = json_int64(json_get(item, "index"), &index) && index >= 0;
		ok = ok && embed_put_vector(json_get(item, "embedding"),
				   has_index ? (size_t)index : position, request, response, error);
		position++;
	}
	arena_finish(&scratch);
	return ok && embed_check_complete(request, response, error);
}

static bool encode_response(const struct embed_response *response,
	const struct embed_request *request, struct buf *out, struct error *error) {
	struct json_writer w;
	int64_t tokens = response->usage.input_tokens > 0 ? response->usage.input_tokens : 0;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "object", "list");
	json_write_key(&w, "data");
	json_begin_array(&w);
	for (size_t i = 0; i < response->vector_count; i++) {
		json_begin_object(&w);
		json_put_cstr(&w, "object", "embedding");
		json_put_int(&w, "index", (int64_t)i);
		json_write_key(&w, "embedding");
		embed_write_vector(&w, request->encoding, response->vectors[i]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_put_string(&w, "model", embed_model(response, request));
	json_write_key(&w, "usage");
	json_begin_object(&w);
	json_put_int(&w, "prompt_tokens", tokens);
	json_put_int(&w, "total_tokens", tokens);
	json_end_object(&w);
	json_end_object(&w);
	return !out->failed || error_set(error, ERROR_INTERNAL, "the answer could not be written");
}

const struct format_embed format_openai_embed = {
	.parse_request = parse_request,
	.build_request = build_request,
	.decode_response = decode_response,
	.encode_response = encode_response,
};
