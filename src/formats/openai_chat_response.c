/* openai_chat_response.c: a whole answer as a chat.completion object (CC-4..CC-10). */
#include "base/encoding.h"
#include "formats/openai_chat_internal.h"

static bool has_part(const struct chat_parts *parts, enum chat_part_kind kind) {
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == kind) {
			return true;
		}
	}
	return false;
}

/* The texts of all parts of a kind as one string. */
static void write_joined(struct json_writer *w, const char *key, const struct chat_parts *parts,
	enum chat_part_kind kind) {
	json_write_key(w, key);
	json_begin_string(w);
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == kind) {
			json_write_string_part(w, parts->items[i].text);
		}
	}
	json_end_string(w);
}

/* CC-9: indexes are code points of the final content. */
static void write_annotations(
	struct json_writer *w, const struct chat_parts *parts, struct arena *arena) {
	int64_t at = 0;
	json_write_key(w, "annotations");
	json_begin_array(w);
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_TEXT) {
			continue;
		}
		int64_t end = at + (int64_t)utf8_length(part->text);
		const struct json *list = part->citations.data
						  ? json_parse(arena, part->citations, NULL, NULL)
						  : NULL;
		json_each (citation, list) {
			openai_chat_write_annotation(w, json_raw(citation), at, end);
		}
		at = end;
	}
	json_end_array(w);
}

static void write_images(struct json_writer *w, const struct chat_parts *parts) {
	json_write_key(w, "images");
	json_begin_array(w);
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_IMAGE) {
			openai_chat_write_image(
				w, parts->items[i].media_type, parts->items[i].data);
		}
	}
	json_end_array(w);
}

static void write_tool_calls(struct json_writer *w, const struct chat_parts *parts) {
	json_write_key(w, "tool_calls");
	json_begin_array(w);
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind == CHAT_PART_TOOL_CALL) {
			openai_chat_write_call(w, -1, part->call_id, part->name, part->tool_kind,
				part->args, part->signature);
		}
	}
	json_end_array(w);
}

/* The deprecated shape has room for one call. */
static void write_function_call(struct json_writer *w, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind == CHAT_PART_TOOL_CALL) {
			json_write_key(w, "function_call");
			json_begin_object(w);
			json_put_string(w, "name", part->name);
			json_put_string(w, "arguments", part->args);
			json_end_object(w);
			return;
		}
	}
}

static void write_audio(struct json_writer *w, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind == CHAT_PART_RAW && part->provider == FORMAT_OPENAI_CHAT &&
			slice_is(part->raw_type, "audio")) {
			json_put_raw(w, "audio", part->raw);
			return;
		}
	}
}

static void write_message(struct json_writer *w, const struct chat_candidate *candidate,
	const struct format_encoder_options *options) {
	const struct chat_parts *parts = &candidate->parts;
	bool has_text = has_part(parts, CHAT_PART_TEXT);
	bool has_calls = has_part(parts, CHAT_PART_TOOL_CALL);
	bool has_refusal = has_part(parts, CHAT_PART_REFUSAL);
	json_begin_object(w);
	json_put_cstr(w, "role", "assistant");
	if (!has_text && (has_calls || has_refusal)) {
		json_put_null(w, "content"); /* CC-4 */
	} else {
		write_joined(w, "content", parts, CHAT_PART_TEXT);
	}
	if (has_refusal) {
		write_joined(w, "refusal", parts, CHAT_PART_REFUSAL);
	} else {
		json_put_null(w, "refusal");
	}
	write_annotations(w, parts, options->arena);
	if (has_part(parts, CHAT_PART_THINKING)) {
		write_joined(w, "reasoning_content", parts, CHAT_PART_THINKING); /* CC-8 */
	}
	if (has_part(parts, CHAT_PART_IMAGE)) {
		write_images(w, parts);
	}
	write_audio(w, parts);
	if (has_calls && options->request != NULL && options->request->legacy_functions) {
		write_function_call(w, parts);
	} else if (has_calls) {
		write_tool_calls(w, parts);
	}
	json_end_object(w);
}

static void write_entries(struct json_writer *w, const char *key, struct slice entries) {
	json_write_key(w, key);
	if (entries.data == NULL) {
		json_write_null(w);
		return;
	}
	json_begin_array(w);
	if (entries.len > 0) {
		json_write_raw(w, entries);
	}
	json_end_array(w);
}

static void write_choice(struct json_writer *w, size_t index,
	const struct chat_candidate *candidate, const struct format_encoder_options *options) {
	bool is_legacy = options->request != NULL && options->request->legacy_functions;
	json_begin_object(w);
	json_put_int(w, "index", (int64_t)index);
	json_write_key(w, "message");
	write_message(w, candidate, options);
	json_write_key(w, "logprobs");
	if (candidate->logprobs.data == NULL && candidate->refusal_logprobs.data == NULL) {
		json_write_null(w);
	} else {
		json_begin_object(w);
		write_entries(w, "content", candidate->logprobs);
		write_entries(w, "refusal", candidate->refusal_logprobs);
		json_end_object(w);
	}
	json_put_cstr(w, "finish_reason",
		openai_chat_finish_word(candidate->reason, is_legacy,
			has_part(&candidate->parts, CHAT_PART_REFUSAL)));
	json_end_object(w);
}

bool openai_chat_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	struct json_writer w;
	bool echoes = options->force_model || response->model.len == 0;
	json_writer_init(&w, options->out, false);
	json_begin_object(&w);
	json_put_string(&w, "id", openai_chat_answer_id(options->arena, response->id));
	json_put_cstr(&w, "object", "chat.completion");
	json_put_int(&w, "created", response->created_s ? response->created_s : options->now_s);
	json_put_string(&w, "model", echoes ? options->model : response->model); /* CC-7 */
	json_write_key(&w, "choices");
	json_begin_array(&w);
	for (size_t i = 0; i < response->candidates.len; i++) {
		write_choice(&w, i, &response->candidates.items[i], options);
	}
	json_end_array(&w);
	if (chat_usage_is_known(&response->usage)) { /* US-3 */
		json_write_key(&w, "usage");
		openai_chat_write_usage(&w, &response->usage);
	}
	if (response->service_tier.data != NULL) {
		json_put_string(&w, "service_tier", response->service_tier);
	}
	if (response->fingerprint.data != NULL) {
		json_put_string(&w, "system_fingerprint", response->fingerprint);
	}
	json_end_object(&w);
	return !options->out->failed;
}
