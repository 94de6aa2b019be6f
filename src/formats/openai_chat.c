/* openai_chat.c: OpenAI Chat Completions: the row of the table, and what the whole and the streamed
 * answer share. */
#include "base/random.h"
#include "formats/openai_chat_internal.h"

const char *openai_chat_finish_word(
	enum chat_finish_reason reason, bool is_legacy, bool has_refusal) {
	static const char *const words[CHAT_FINISH_COUNT] = {
		[CHAT_FINISH_STOP] = "stop",
		[CHAT_FINISH_STOP_SEQUENCE] = "stop",
		[CHAT_FINISH_LENGTH] = "length",
		[CHAT_FINISH_TOOL_CALLS] = "tool_calls",
		[CHAT_FINISH_CONTENT_FILTER] = "content_filter",
		[CHAT_FINISH_REFUSAL] = "content_filter",
		[CHAT_FINISH_PAUSE] = "stop",
		[CHAT_FINISH_OTHER] = "stop",
	};
	if (reason == CHAT_FINISH_TOOL_CALLS && is_legacy) {
		return "function_call";
	}
	return reason == CHAT_FINISH_REFUSAL && has_refusal ? "stop" : words[reason];
}

static void put_string_at(struct json_writer *w, const char *key, const struct json *node) {
	if (json_is(node, JSON_STRING)) {
		json_put_raw(w, key, json_raw(node));
	} else {
		json_put_cstr(w, key, "");
	}
}

bool openai_chat_write_annotation(
	struct json_writer *w, struct slice citation, int64_t begin, int64_t end) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const struct json *tree = json_parse(&arena, citation, NULL, NULL);
	const struct json *url = json_get_value(tree, "url");
	/* flat in Responses */
	bool is_own = json_string_is(json_get(tree, "type"), "url_citation") && url == NULL;
	if (is_own) {
		json_write_raw(w, citation);
	} else if (json_is(url, JSON_STRING)) {
		json_begin_object(w);
		json_put_cstr(w, "type", "url_citation");
		json_write_key(w, "url_citation");
		json_begin_object(w);
		int64_t from, to;
		if (json_int64(json_get(tree, "start_index"), &from) &&
			json_int64(json_get(tree, "end_index"), &to)) {
			end = begin + to;
			begin += from;
		}
		json_put_int(w, "start_index", begin);
		json_put_int(w, "end_index", end);
		put_string_at(w, "title", json_get(tree, "title"));
		put_string_at(w, "url", url);
		json_end_object(w);
		json_end_object(w);
	}
	arena_finish(&arena);
	return is_own || url != NULL;
}

void openai_chat_write_image(struct json_writer *w, struct slice media_type, struct slice data) {
	json_begin_object(w);
	json_put_cstr(w, "type", "image_url");
	json_write_key(w, "image_url");
	json_begin_object(w);
	json_write_key(w, "url");
	json_begin_string(w);
	if (media_type.data != NULL) {
		json_write_string_part(w, SLICE("data:"));
		json_write_string_part(w, media_type);
		json_write_string_part(w, SLICE(";base64,"));
	}
	json_write_string_part(w, data);
	json_end_string(w);
	json_end_object(w);
	json_end_object(w);
}

void openai_chat_write_call(struct json_writer *w, int64_t index, struct slice id,
	struct slice name, enum chat_tool_kind kind, struct slice args, struct slice signature) {
	bool is_custom = kind == CHAT_TOOL_CUSTOM;
	json_begin_object(w);
	if (index >= 0) {
		json_put_int(w, "index", index);
	}
	json_put_string(w, "id", id);
	json_put_cstr(w, "type", is_custom ? "custom" : "function");
	json_write_key(w, is_custom ? "custom" : "function");
	json_begin_object(w);
	json_put_string(w, "name", name);
	json_put_string(w, is_custom ? "input" : "arguments", args.data ? args : SLICE(""));
	json_end_object(w);
	if (signature.data != NULL) {
		json_write_key(w, "extra_content");
		json_begin_object(w);
		json_write_key(w, "google");
		json_begin_object(w);
		json_put_string(w, "thought_signature", signature);
		json_end_object(w);
		json_end_object(w);
	}
	json_end_object(w);
}

struct slice openai_chat_answer_id(struct arena *arena, struct slice id) {
	if (id.len > 0) {
		return id;
	}
	char made[40];
	random_id(made, "chatcmpl-", 24);
	return arena_dup(arena, slice_of(made));
}

const struct format format_openai_chat = {
	.id = FORMAT_OPENAI_CHAT,
	.name = "openai-chat",
	.title = "OpenAI Chat Completions",
	.family = FAMILY_OPENAI,
	.stream_content_type = "text/event-stream",
	.has_candidates = true,
	.keepalive = ": ping\n\n", /* CC-16 */
	.parse_request = openai_chat_parse_request,
	.build_request = openai_chat_build_request,
	.can_splice = openai_chat_can_splice,
	.decoder_create = openai_chat_decoder_create,
	.encoder_create = openai_chat_encoder_create,
	.encode_response = openai_chat_encode_response,
	.encode_error = format_encode_openai_error,
	.parse_error = format_read_error,
	.embed = &format_openai_embed,
};
