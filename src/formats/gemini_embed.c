/* gemini_embed.c: Gemini's embedContent and batchEmbedContents, both ways (OL-11). Upstreams are
 * always asked for a batch. */
#include "formats/embed_common.h"
#include "formats/gemini.h"
#include "formats/parse_common.h"

#define UPSTREAM_BATCH_MAX 100

/* The texts of a content's parts; false with the field's name when there are none. */
static bool read_content(
	struct embed_request *r, const struct json *holder, const char *name, struct error *error) {
	const struct json *content = gemini_get(holder, "content");
	struct chat_parts texts = {0};
	json_each (part, gemini_get(content, "parts")) {
		struct slice text = json_string(gemini_get(part, "text"), r->arena);
		if (text.data == NULL) {
			return error_set_param(error, ERROR_INVALID_REQUEST, name,
				"* %s.content.parts: only text can be embedded", name);
		}
		chat_parts_push(r->arena, &texts, CHAT_PART_TEXT)->text = text;
	}
	if (texts.len == 0) {
		return error_set_param(error, ERROR_INVALID_REQUEST, name,
			"* %s.content: content is not specified", name);
	}
	r->inputs[r->input_count++] = chat_parts_text(r->arena, &texts, "\n");
	return true;
}

/* What all inputs of a batch share here: the first that says it counts. */
static bool read_settings(struct embed_request *r, const struct json *holder, struct error *error) {
	const struct json *dimensions = gemini_get(holder, "outputDimensionality");
	if (r->task_type.data == NULL) {
		r->task_type = json_string(gemini_get(holder, "taskType"), r->arena);
	}
	if (r->title.data == NULL) {
		r->title = json_string(gemini_get(holder, "title"), r->arena);
	}
	if (dimensions == NULL || r->has_dimensions) {
		return true;
	}
	r->has_dimensions = true;
	return parse_count(
		error, dimensions, "outputDimensionality", 1, EMBED_MAX_DIMENSIONS, &r->dimensions);
}

static bool parse_batch(struct embed_request *r, const struct json *requests, struct error *error) {
	if (!json_is(requests, JSON_ARRAY) || requests->count == 0 ||
		requests->count > EMBED_MAX_INPUTS) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "requests",
			"* requests: must be a list of 1 to %d requests", EMBED_MAX_INPUTS);
	}
	r->inputs = ARENA_ARRAY(r->arena, struct slice, requests->count);
	json_each (item, requests) {
		if (!read_content(r, item, "requests", error) || !read_settings(r, item, error)) {
			return false;
		}
	}
	return true;
}

static bool parse_request(
	const struct format_parse *parse, struct embed_request *request, struct error *error) {
	struct slice method = {0};
	*request = (struct embed_request){.client_format = FORMAT_GEMINI,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree};
	gemini_split_path(parse->path, &request->model, &method);
	if (request->model.len == 0) {
		return error_set_param(
			error, ERROR_INVALID_REQUEST, "model", "the path names no model");
	}
	if (slice_is(method, "batchEmbedContents")) {
		return parse_batch(request, gemini_get(parse->tree, "requests"), error);
	}
	request->is_single = true;
	request->inputs = ARENA_NEW(parse->arena, struct slice);
	return read_content(request, parse->tree, "content", error) &&
	       read_settings(request, parse->tree, error);
}

static void write_one(struct json_writer *w, const struct embed_request *request,
	const struct format_target *target, struct slice text) {
	json_begin_object(w);
	json_write_key(w, "model");
	json_begin_string(w);
	json_write_string_part(w, SLICE("models/"));
	json_write_string_part(w, target->model);
	json_end_string(w);
	json_write_key(w, "content");
	json_begin_object(w);
	json_write_key(w, "parts");
	json_begin_array(w);
	json_begin_object(w);
	json_put_string(w, "text", text);
	json_end_object(w);
	json_end_array(w);
	json_end_object(w);
	if (request->task_type.data != NULL) {
		json_put_string(w, "taskType", request->task_type);
	}
	if (request->title.data != NULL) {
		json_put_string(w, "title", request->title);
	}
	if (request->has_dimensions) {
		json_put_int(w, "outputDimensionality", request->dimensions);
	}
	json_end_object(w);
}

static bool build_request(const struct embed_request *request, const struct format_target *target,
	struct buf *body, struct chat_losses *losses, struct error *error) {
	struct json_writer w;
	if (!embed_needs_texts(request, error)) {
		return false;
	}
	if (request->input_count > UPSTREAM_BATCH_MAX) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "input",
			"%zu texts are more than this model's upstream embeds at once: send at "
			"most %d in a request",
			request->input_count, UPSTREAM_BATCH_MAX);
	}
	if (request->end_user_id.data != NULL) {
		chat_drop(losses, "OC-13", "user", "it may be an id of the client's user");
	}
	json_writer_init(&w, body, false);
	json_begin_object(&w);
	json_write_key(&w, "requests");
	json_begin_array(&w);
	for (size_t i = 0; i < request->input_count; i++) {
		write_one(&w, request, target, request->inputs[i]);
	}
	json_end_array(&w);
	json_end_object(&w);
	return !body->failed ||
	       error_set(error, ERROR_TOO_LARGE, "the request for the upstream is too large");
}

static bool decode_response(struct slice body, const struct embed_request *request,
	struct embed_response *response, struct error *error) {
	struct arena scratch;
	const struct json *tree = embed_parse_answer(body, &scratch, error);
	const struct json *list = gemini_get(tree, "embeddings");
	bool ok = tree != NULL;
	size_t at = 0;
	json_int64(gemini_get(gemini_get(tree, "usageMetadata"), "promptTokenCount"),
		&response->usage.input_tokens);
	json_each (item, json_is(list, JSON_ARRAY) ? list : NULL) {
		ok = ok &&
		     embed_put_vector(gemini_get(item, "values"), at++, request, response, error);
	}
	if (ok && list == NULL) {
		ok = embed_put_vector(gemini_get(gemini_get(tree, "embedding"), "values"), 0,
			request, response, error);
	}
	arena_finish(&scratch);
	return ok && embed_check_complete(request, response, error);
}

static void write_values(struct json_writer *w, struct slice vector) {
	json_begin_object(w);
	json_write_key(w, "values");
	embed_write_vector(w, EMBED_FLOAT, vector);
	json_end_object(w);
}

static bool encode_response(const struct embed_response *response,
	const struct embed_request *request, struct buf *out, struct error *error) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_write_key(&w, request->is_single ? "embedding" : "embeddings");
	if (request->is_single) {
		write_values(&w, response->vectors[0]);
	} else {
		json_begin_array(&w);
		for (size_t i = 0; i < response->vector_count; i++) {
			write_values(&w, response->vectors[i]);
		}
		json_end_array(&w);
	}
	json_end_object(&w);
	return !out->failed || error_set(error, ERROR_INTERNAL, "the answer could not be written");
}

const struct format_embed format_gemini_embed = {
	.parse_request = parse_request,
	.build_request = build_request,
	.decode_response = decode_response,
	.encode_response = encode_response,
};
