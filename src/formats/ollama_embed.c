/* ollama_embed.c: Ollama's /api/embed, and for clients its older /api/embeddings (OL-11). */
#include "formats/embed_common.h"
#include "formats/ollama_internal.h"
#include "formats/parse_common.h"

/* Kept for an upstream of this dialect. */
static const char *const own_fields[] = {"options", "keep_alive"};

static bool parse_request(
	const struct format_parse *parse, struct embed_request *request, struct error *error) {
	const struct json *truncate = json_get_value(parse->tree, "truncate");
	const struct json *dimensions = json_get_value(parse->tree, "dimensions");
	*request = (struct embed_request){.client_format = FORMAT_OLLAMA,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.is_legacy = slice_ends_with(parse->path, SLICE("/embeddings"))};
	request->model = json_string(json_get_value(parse->tree, "model"), parse->arena);
	if (request->model.len == 0) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "model", "model is required");
	}
	const char *input = request->is_legacy ? "prompt" : "input";
	request->has_dimensions = dimensions != NULL;
	if (!embed_parse_inputs(request, json_get_value(parse->tree, input), input, false, error) ||
		(truncate != NULL &&
			!parse_flag(error, truncate, "truncate", &request->truncate)) ||
		(dimensions != NULL && !parse_count(error, dimensions, "dimensions", 1,
					       EMBED_MAX_DIMENSIONS, &request->dimensions))) {
		return false;
	}
	if (request->is_legacy && !request->is_single) {
		return parse_refuse(
			error, input, json_get_value(parse->tree, input), "a single text");
	}
	for (size_t i = 0; i < sizeof own_fields / sizeof *own_fields; i++) {
		const struct json *node = json_get_value(parse->tree, own_fields[i]);
		if (node != NULL) {
			chat_ext_add(parse->arena, &request->ext, FORMAT_OLLAMA,
				slice_of(own_fields[i]), json_raw(node));
		}
	}
	return true;
}

static bool build_request(const struct embed_request *request, const struct format_target *target,
	struct buf *body, struct chat_losses *losses, struct error *error) {
	struct json_writer w;
	if (!embed_needs_texts(request, error)) {
		return false;
	}
	json_writer_init(&w, body, false);
	json_begin_object(&w);
	json_put_string(&w, "model", target->model);
	json_write_key(&w, "input");
	json_begin_array(&w);
	for (size_t i = 0; i < request->input_count; i++) {
		json_write_string(&w, request->inputs[i]);
	}
	json_end_array(&w);
	if (request->truncate != TRI_UNSET) {
		json_put_bool(&w, "truncate", request->truncate == TRI_TRUE);
	}
	if (request->has_dimensions) {
		json_put_int(&w, "dimensions", request->dimensions);
	}
	if (request->task_type.data != NULL || request->title.data != NULL) {
		chat_drop(losses, "OL-11", "taskType", "the upstream knows no tasks");
	}
	for (size_t i = 0; i < request->ext.len; i++) {
		if (request->ext.items[i].format == FORMAT_OLLAMA) {
			json_write_key_slice(&w, request->ext.items[i].name);
			json_write_raw(&w, request->ext.items[i].json);
		}
	}
	json_end_object(&w);
	return !body->failed ||
	       error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}

static bool decode_response(struct slice body, const struct embed_request *request,
	struct embed_response *response, struct error *error) {
	struct arena scratch;
	const struct json *tree = embed_parse_answer(body, &scratch, error);
	const struct json *list = json_get_value(tree, "embeddings");
	bool ok = tree != NULL;
	size_t at = 0;
	response->model = json_string(json_get_value(tree, "model"), request->arena);
	json_int64(json_get(tree, "prompt_eval_count"), &response->usage.input_tokens);
	json_int64(json_get(tree, "total_duration"), &response->usage.total_ns);
	json_int64(json_get(tree, "load_duration"), &response->usage.load_ns);
	json_each (vector, json_is(list, JSON_ARRAY) ? list : NULL) {
		ok = ok && embed_put_vector(vector, at++, request, response, error);
	}
	arena_finish(&scratch);
	return ok && embed_check_complete(request, response, error);
}

static int64_t known(int64_t value) {
	return value > 0 ? value : 0;
}

static bool encode_response(const struct embed_response *response,
	const struct embed_request *request, struct buf *out, struct error *error) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	if (request->is_legacy) {
		json_write_key(&w, "embedding");
		embed_write_vector(&w, EMBED_FLOAT, response->vectors[0]);
	} else {
		json_put_string(&w, "model", embed_model(response, request));
		json_write_key(&w, "embeddings");
		json_begin_array(&w);
		for (size_t i = 0; i < response->vector_count; i++) {
			embed_write_vector(&w, EMBED_FLOAT, response->vectors[i]);
		}
		json_end_array(&w);
		json_put_int(&w, "total_duration", known(response->usage.total_ns));
		json_put_int(&w, "load_duration", known(response->usage.load_ns));
		json_put_int(&w, "prompt_eval_count", known(response->usage.input_tokens));
	}
	json_end_object(&w);
	return !out->failed || error_set(error, ERROR_INTERNAL, "the answer could not be written");
}

const struct format_embed format_ollama_embed = {
	.parse_request = parse_request,
	.build_request = build_request,
	.decode_response = decode_response,
	.encode_response = encode_response,
};
