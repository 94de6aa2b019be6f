/* openai_responses_object.c: items and the response object as they stand in answers (2.3, RS-8..
 * RS-12). */
#include "formats/openai_responses_encode.h"

#include "formats/openai_responses_usage.h"

/* ---- items ---- */

static void begin_typed(struct json_writer *w, const char *type) {
	json_begin_object(w);
	json_put_cstr(w, "type", type);
}

static void write_list(struct json_writer *w, const char *key, struct slice entries) {
	json_write_key(w, key);
	json_begin_array(w);
	if (entries.len > 0) {
		json_write_raw(w, entries);
	}
	json_end_array(w);
}

void openai_responses_write_content(
	struct json_writer *w, const struct openai_responses_out *out, bool is_done) {
	struct slice text = is_done ? buf_slice(&out->text) : SLICE("");
	if (out->kind == CHAT_PART_REFUSAL) {
		begin_typed(w, "refusal");
		json_put_string(w, "refusal", text);
		json_end_object(w);
		return;
	}
	begin_typed(w, "output_text");
	json_put_string(w, "text", text);
	json_write_key(w, "annotations");
	json_begin_array(w);
	for (size_t i = 0; is_done && i < out->notes.len; i++) {
		json_write_raw(w, out->notes.items[i]);
	}
	json_end_array(w);
	write_list(w, "logprobs", is_done ? buf_slice(&out->logprobs) : SLICE(""));
	json_end_object(w);
}

void openai_responses_write_reasoning(struct json_writer *w, struct arena *arena,
	const struct openai_responses_out *out, bool is_done) {
	json_begin_object(w);
	json_put_string(w, "id", out->item_id);
	json_put_cstr(w, "type", "reasoning");
	json_write_key(w, "summary");
	json_begin_array(w);
	if (is_done && out->text.len > 0) {
		begin_typed(w, "summary_text");
		json_put_string(w, "text", buf_slice(&out->text));
		json_end_object(w);
	}
	json_end_array(w);
	if (is_done && out->proof.len > 0) {
		json_put_string(w, "encrypted_content",
			openai_responses_wrap_proof(
				arena, out->provider, out->is_redacted, out->proof));
	}
	json_end_object(w);
}

static void write_special(struct json_writer *w, struct arena *arena,
	const struct openai_responses_out *out, const char *status) {
	json_put_cstr(w, "type", out->special->call_type);
	json_put_cstr(w, "status", status);
	json_put_string(w, "call_id", out->call_id);
	json_put_raw(w, out->special->args_member,
		openai_responses_call_object(arena, out->special, buf_slice(&out->text)));
}

void openai_responses_write_call(struct json_writer *w, struct arena *arena,
	const struct openai_responses_out *out, bool is_done) {
	bool is_custom = out->tool_kind == CHAT_TOOL_CUSTOM;
	const char *status = is_done ? "completed" : "in_progress";
	json_begin_object(w);
	json_put_string(w, "id", out->item_id);
	if (out->special != NULL) {
		write_special(w, arena, out, status);
	} else {
		json_put_cstr(w, "type", is_custom ? "custom_tool_call" : "function_call");
		json_put_cstr(w, "status", status);
		json_put_string(w, is_custom ? "input" : "arguments",
			is_done ? buf_slice(&out->text) : SLICE(""));
		json_put_string(w, "call_id", out->call_id);
		json_put_string(w, "name", out->name);
		if (out->namespace_name.len > 0) {
			json_put_string(w, "namespace", out->namespace_name);
		}
	}
	json_end_object(w);
}

/* ---- citations (OR-35, CC-9, AC-7) ---- */

static const struct json *first_string(
	const struct json *tree, const char *one, const char *other) {
	const struct json *node = json_get_value(tree, one);
	node = json_is(node, JSON_STRING) ? node : json_get_value(tree, other);
	return json_is(node, JSON_STRING) ? node : NULL;
}

static int64_t index_or(const struct json *tree, const char *name, int64_t otherwise) {
	int64_t value;
	return json_int64(json_get(tree, name), &value) && value >= 0 ? value : otherwise;
}

static bool is_own_citation(const struct json *tree) {
	const struct json *type = json_get(tree, "type");
	return json_string_is(type, "file_citation") ||
	       json_string_is(type, "container_file_citation") ||
	       json_string_is(type, "file_path") ||
	       (json_string_is(type, "url_citation") &&
		       json_is(json_get(tree, "url"), JSON_STRING));
}

struct slice openai_responses_annotation_of(
	struct arena *arena, struct slice citation, int64_t end) {
	const struct json *tree = json_parse(arena, citation, NULL, NULL);
	if (is_own_citation(tree)) {
		return arena_dup(arena, citation);
	}
	const struct json *nested = json_get_value(tree, "url_citation"); /* cc */
	tree = nested ? nested : tree;
	const struct json *url = first_string(tree, "url", "uri");
	const struct json *title = first_string(tree, "title", "document_title");
	if (url == NULL) {
		return (struct slice){0};
	}
	struct buf note;
	struct json_writer w;
	buf_init(&note, 0);
	json_writer_init(&w, &note, false);
	begin_typed(&w, "url_citation");
	json_put_int(&w, "start_index", index_or(tree, "start_index", 0));
	json_put_int(&w, "end_index", index_or(tree, "end_index", end));
	json_put_raw(&w, "url", json_raw(url));
	json_put_raw(&w, "title", title ? json_raw(title) : SLICE("\"\""));
	json_end_object(&w);
	struct slice copy = arena_dup(arena, buf_slice(&note));
	buf_finish(&note);
	return copy;
}

/* ---- the object ---- */

/* What the client wrote for that field, as it is; else the API's default (RS-8). */
static void echo(
	struct json_writer *w, const struct json *tree, const char *name, struct slice otherwise) {
	const struct json *node = json_get_value(tree, name);
	json_put_raw(w, name, node ? json_raw(node) : otherwise);
}

static void echo_reasoning(struct json_writer *w, const struct json *tree) {
	static const struct slice null = SLICE_INIT("null");
	const struct json *reasoning = json_get_value(tree, "reasoning");
	json_write_key(w, "reasoning");
	json_begin_object(w);
	echo(w, reasoning, "effort", null);
	echo(w, reasoning, "summary", null);
	json_end_object(w);
}

static void echo_text(struct json_writer *w, const struct json *tree) {
	const struct json *text = json_get_value(tree, "text");
	const struct json *verbosity = json_get_value(text, "verbosity");
	json_write_key(w, "text");
	json_begin_object(w);
	echo(w, text, "format", SLICE("{\"type\":\"text\"}"));
	if (verbosity != NULL) {
		json_put_raw(w, "verbosity", json_raw(verbosity));
	}
	json_end_object(w);
}

/* The API's own list of codes is short; clients know these (Codex waits on the first, tells of the
 * others). */
static const char *error_code(const struct error *error) {
	switch (error->kind) {
	case ERROR_RATE_LIMIT:
		return "rate_limit_exceeded";
	case ERROR_QUOTA:
	case ERROR_BILLING:
		return "insufficient_quota";
	case ERROR_CONTEXT_TOO_LONG:
		return "context_length_exceeded";
	case ERROR_OVERLOADED:
		return "server_is_overloaded";
	case ERROR_INVALID_REQUEST:
	case ERROR_UNPROCESSABLE:
		return error->code[0] != '\0' ? error->code : "invalid_prompt";
	default:
		return "server_error";
	}
}

void openai_responses_write_error(struct json_writer *w, const struct error *error) {
	if (error == NULL) {
		json_write_null(w);
		return;
	}
	json_begin_object(w);
	json_put_cstr(w, "code", error_code(error));
	json_put_cstr(w, "message", error->message);
	json_end_object(w);
}

static void write_incomplete(struct json_writer *w, const char *reason) {
	json_write_key(w, "incomplete_details");
	if (reason == NULL) {
		json_write_null(w);
		return;
	}
	json_begin_object(w);
	json_put_cstr(w, "reason", reason);
	json_end_object(w);
}

static void write_previous(
	struct json_writer *w, const struct chat_request *request, const struct json *tree) {
	if (request != NULL && request->restored_response_id.len > 0) {
		json_put_string(w, "previous_response_id", request->restored_response_id);
	} else {
		echo(w, tree, "previous_response_id", SLICE("null"));
	}
}

void openai_responses_write_object(
	struct json_writer *w, const struct openai_responses_object *object) {
	static const struct slice null = SLICE_INIT("null");
	const struct chat_request *request = object->options->request;
	bool is_own = request != NULL && request->client_format == FORMAT_OPENAI_RESPONSES;
	const struct json *tree = is_own ? request->tree : NULL;
	json_begin_object(w);
	json_put_string(w, "id", object->id);
	json_put_cstr(w, "object", "response");
	json_put_int(w, "created_at", object->created_s);
	json_put_cstr(w, "status", object->status);
	json_put_bool(w, "background", false);
	json_write_key(w, "error");
	openai_responses_write_error(w, object->error);
	write_incomplete(w, object->incomplete_reason);
	echo(w, tree, "instructions", null);
	echo(w, tree, "max_output_tokens", null);
	echo(w, tree, "max_tool_calls", null);
	json_put_string(w, "model", object->model);
	write_list(w, "output", object->items);
	echo(w, tree, "parallel_tool_calls", SLICE("true"));
	write_previous(w, request, tree);
	echo(w, tree, "prompt_cache_key", null);
	echo_reasoning(w, tree);
	echo(w, tree, "safety_identifier", null);
	if (object->service_tier.len > 0) {
		json_put_string(w, "service_tier", object->service_tier);
	} else {
		echo(w, tree, "service_tier", SLICE("\"default\""));
	}
	echo(w, tree, "store", SLICE("true"));
	echo(w, tree, "temperature", SLICE("1"));
	echo_text(w, tree);
	echo(w, tree, "tool_choice", SLICE("\"auto\""));
	echo(w, tree, "tools", SLICE("[]"));
	echo(w, tree, "top_logprobs", SLICE("0"));
	echo(w, tree, "top_p", SLICE("1"));
	echo(w, tree, "truncation", SLICE("\"disabled\""));
	json_write_key(w, "usage");
	if (object->usage != NULL) {
		openai_responses_write_usage(w, object->usage);
	} else {
		json_write_null(w);
	}
	echo(w, tree, "user", null);
	echo(w, tree, "metadata", SLICE("{}"));
	json_end_object(w);
}
