/* embed_common.c: inputs and vectors of embedding calls, whatever the dialect (OL-11). */
#include "formats/embed_common.h"

#include "base/encoding.h"
#include "formats/parse_common.h"

/* Of an answer's tree: 2048 vectors of 3072 numbers need about that. */
#define ANSWER_TREE_MAX ((size_t)768 * 1024 * 1024)

/* ---- inputs ---- */

static bool is_token_list(const struct json *node) {
	json_each (item, json_is(node, JSON_ARRAY) ? node : NULL) {
		int64_t token;
		if (!json_int64(item, &token) || token < 0) {
			return false;
		}
	}
	return json_is(node, JSON_ARRAY) && node->count > 0;
}

static bool add_input(struct embed_request *r, const struct json *node, const char *name,
	bool takes_tokens, struct error *error) {
	bool is_tokens = takes_tokens && is_token_list(node);
	if (!is_tokens && !json_is(node, JSON_STRING)) {
		return parse_refuse(error, name, node,
			takes_tokens ? "a text, a list of texts, or tokens"
				     : "a text or a list of texts");
	}
	if (r->input_count > 0 && is_tokens != r->has_tokens) {
		return error_set_param(
			error, ERROR_INVALID_REQUEST, name, "'%s' mixes texts and tokens", name);
	}
	r->has_tokens = is_tokens;
	r->inputs[r->input_count++] = is_tokens ? json_raw(node) : json_string(node, r->arena);
	return true;
}

bool embed_parse_inputs(struct embed_request *r, const struct json *node, const char *name,
	bool takes_tokens, struct error *error) {
	if (node == NULL) {
		return error_set_param(error, ERROR_INVALID_REQUEST, name,
			"'%s' is missing: it holds what to embed", name);
	}
	bool is_list = json_is(node, JSON_ARRAY) && !(takes_tokens && is_token_list(node));
	size_t count = is_list ? node->count : 1;
	if (count == 0) {
		return error_set_param(error, ERROR_INVALID_REQUEST, name,
			"'%s' is empty: it holds what to embed", name);
	}
	if (count > EMBED_MAX_INPUTS) {
		return error_set_param(error, ERROR_INVALID_REQUEST, name,
			"'%s' holds %zu texts, more than %d: send them in several requests", name,
			count, EMBED_MAX_INPUTS);
	}
	r->inputs = ARENA_ARRAY(r->arena, struct slice, count);
	r->is_single = !is_list;
	if (!is_list) {
		return add_input(r, node, name, takes_tokens, error);
	}
	json_each (item, node) {
		if (!add_input(r, item, name, takes_tokens, error)) {
			return false;
		}
	}
	return true;
}

bool embed_needs_texts(const struct embed_request *request, struct error *error) {
	return !request->has_tokens ||
	       error_set_param(error, ERROR_INVALID_REQUEST, "input",
		       "'input' is a list of tokens, which this model's upstream cannot read: send "
		       "the text");
}

/* ---- answers ---- */

const struct json *embed_parse_answer(
	struct slice body, struct arena *scratch, struct error *error) {
	struct error found = {0};
	arena_init(scratch, NULL, ANSWER_TREE_MAX);
	const struct json *tree = json_parse(scratch, body, NULL, &found);
	if (!json_is(tree, JSON_OBJECT)) {
		error_set(error,
			found.kind == ERROR_TOO_LARGE ? ERROR_TOO_LARGE : ERROR_UPSTREAM_PROTOCOL,
			"the upstream's answer is not the JSON it should be: %s",
			found.message[0] ? found.message : "it is no object");
		return NULL;
	}
	return tree;
}

static float read_float(const char *at) {
	const unsigned char *b = (const unsigned char *)at;
	uint32_t bits =
		(uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Hosts that answer base64 whatever they were asked for. */
static bool decode_base64(struct slice text, struct arena *arena, struct slice *vector) {
	struct buf bytes, out;
	struct json_writer w;
	buf_init(&bytes, 0);
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	bool ok = base64_decode(text, &bytes) && bytes.len > 0 && bytes.len % 4 == 0;
	json_begin_array(&w);
	for (size_t i = 0; ok && i < bytes.len; i += 4) {
		json_write_double(&w, (double)read_float(bytes.data + i));
	}
	json_end_array(&w);
	if (ok) {
		*vector = arena_dup(arena, buf_slice(&out));
	}
	buf_finish(&out);
	buf_finish(&bytes);
	return ok;
}

bool embed_put_vector(const struct json *node, size_t at, const struct embed_request *request,
	struct embed_response *response, struct error *error) {
	if (response->vectors == NULL) {
		response->vectors =
			ARENA_ARRAY(request->arena, struct slice, request->input_count + 1);
	}
	if (at >= request->input_count || response->vectors[at].data != NULL) {
		return error_set(error, ERROR_UPSTREAM_PROTOCOL,
			"the upstream's answer has a vector %zu that nothing was asked for", at);
	}
	bool ok = json_is(node, JSON_ARRAY) && json_is(json_first(node), JSON_NUMBER);
	response->vectors[at] = json_raw(node);
	if (!ok) {
		response->vectors[at] = (struct slice){0};
		ok = json_is(node, JSON_STRING) &&
		     decode_base64(json_string_raw(node), request->arena, &response->vectors[at]);
	}
	response->vector_count += ok;
	return ok || error_set(error, ERROR_UPSTREAM_PROTOCOL,
			     "vector %zu of the upstream's answer is no list of numbers", at);
}

bool embed_check_complete(const struct embed_request *request,
	const struct embed_response *response, struct error *error) {
	return response->vector_count == request->input_count ||
	       error_set(error, ERROR_UPSTREAM_PROTOCOL,
		       "the upstream gave %zu vectors for %zu inputs", response->vector_count,
		       request->input_count);
}

static void append_float(struct buf *out, double value) {
	float narrow = (float)value;
	uint32_t bits;
	memcpy(&bits, &narrow, sizeof bits);
	const char bytes[4] = {(char)(bits & 0xff), (char)(bits >> 8 & 0xff),
		(char)(bits >> 16 & 0xff), (char)(bits >> 24)};
	buf_append(out, slice_make(bytes, sizeof bytes));
}

void embed_write_vector(struct json_writer *w, enum embed_encoding encoding, struct slice vector) {
	if (encoding == EMBED_FLOAT) {
		json_write_raw(w, vector);
		return;
	}
	struct arena scratch;
	struct buf floats, text;
	arena_init(&scratch, NULL, 0);
	buf_init(&floats, 0);
	buf_init(&text, 0);
	json_each (item, json_parse(&scratch, vector, NULL, NULL)) {
		double value = 0;
		json_double(item, &value);
		append_float(&floats, value);
	}
	base64_encode(buf_slice(&floats), false, &text);
	json_write_string(w, buf_slice(&text));
	buf_finish(&text);
	buf_finish(&floats);
	arena_finish(&scratch);
}

struct slice embed_model(
	const struct embed_response *response, const struct embed_request *request) {
	return response->model.len > 0 ? response->model : request->model;
}
