/* openai_chat_parse_messages.c: the messages of a chat completion request (CC-1..CC-3). */
#include <stdio.h>

#include "formats/openai_chat_parse.h"

__attribute__((format(printf, 3, 4))) static bool wrong(
	struct openai_chat_parser *p, const char *field, const char *format, ...) {
	char param[64], text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(param, sizeof param, "messages.[%zu].%s", p->message, field);
	return error_set_param(p->error, ERROR_INVALID_REQUEST, param, "%s: %s", param, text);
}

/* ---- parts of a content list ---- */

static bool read_text_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	part->kind = CHAT_PART_TEXT;
	part->text = json_string(json_get(item, "text"), p->arena);
	return part->text.data != NULL || wrong(p, "content", "a text part needs a string 'text'");
}

static bool read_refusal_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	part->kind = CHAT_PART_REFUSAL;
	part->text = json_string(json_get(item, "refusal"), p->arena);
	return part->text.data != NULL ||
	       wrong(p, "content", "a refusal part needs a string 'refusal'");
}

/* A URL, or the data in it (IR-13). */
static void set_url(struct openai_chat_parser *p, struct chat_part *part, struct slice url) {
	part->source = CHAT_SOURCE_URL;
	part->data = url;
	if (chat_split_data_url(p->arena, url, &part->media_type, &part->data)) {
		part->source = CHAT_SOURCE_BASE64;
	}
}

static bool read_media_part(struct openai_chat_parser *p, const struct json *item,
	struct chat_part *part, const char *member, enum chat_part_kind kind) {
	const struct json *holder = json_get(item, member);
	const struct json *at = json_is(holder, JSON_OBJECT) ? json_get(holder, "url") : holder;
	struct slice url = json_string(at, p->arena);
	if (url.len == 0) {
		return wrong(p, "content", "a part of type %s needs a URL", member);
	}
	part->kind = kind;
	part->detail = json_string(json_get_value(holder, "detail"), p->arena);
	set_url(p, part, url);
	return true;
}

static bool read_image_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	return read_media_part(p, item, part, "image_url", CHAT_PART_IMAGE);
}

static bool read_video_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	return read_media_part(p, item, part, "video_url", CHAT_PART_VIDEO);
}

static bool read_audio_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	const struct json *audio = json_get(item, "input_audio");
	struct slice format = json_string(json_get(audio, "format"), p->arena);
	part->kind = CHAT_PART_AUDIO;
	part->source = CHAT_SOURCE_BASE64;
	part->data = json_string(json_get(audio, "data"), p->arena);
	if (part->data.data == NULL || format.len == 0) {
		return wrong(p, "content", "an input_audio part needs 'data' and 'format'");
	}
	part->media_type = arena_printf(
		p->arena, "audio/%.*s", format.len > 64 ? 64 : (int)format.len, format.data);
	return true;
}

static bool read_file_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_part *part) {
	const struct json *file = json_get(item, "file");
	struct slice data = json_string(json_get_value(file, "file_data"), p->arena);
	struct slice id = json_string(json_get_value(file, "file_id"), p->arena);
	part->kind = CHAT_PART_FILE;
	part->filename = json_string(json_get_value(file, "filename"), p->arena);
	if (data.len > 0) {
		set_url(p, part, data);
		if (part->source == CHAT_SOURCE_URL && !slice_istarts_with(data, SLICE("http"))) {
			/* bare base64 */
			part->source = CHAT_SOURCE_BASE64;
			part->media_type = chat_sniff_media_type(data);
		}
	} else if (id.len > 0) {
		part->source = CHAT_SOURCE_FILE_ID;
		part->data = id;
	} else {
		return wrong(p, "content", "a file part needs 'file_data' or 'file_id'");
	}
	return true;
}

static const struct {
	const char *type;
	bool (*read)(struct openai_chat_parser *p, const struct json *item, struct chat_part *part);
} part_readers[] = {
	{"text", read_text_part},
	{"image_url", read_image_part},
	{"input_audio", read_audio_part},
	{"file", read_file_part},
	{"refusal", read_refusal_part},
	{"video_url", read_video_part},
};

static bool read_part(
	struct openai_chat_parser *p, const struct json *item, struct chat_parts *parts) {
	const struct json *type = json_get(item, "type");
	if (!json_is(item, JSON_OBJECT) || !json_is(type, JSON_STRING)) {
		return wrong(p, "content", "every part needs a 'type'");
	}
	struct chat_part *part = chat_parts_push(p->arena, parts, CHAT_PART_RAW);
	part->cache = openai_chat_parse_cache(item, p->arena);
	for (size_t i = 0; i < sizeof part_readers / sizeof *part_readers; i++) {
		if (json_string_is(type, part_readers[i].type)) {
			return part_readers[i].read(p, item, part);
		}
	}
	part->provider = FORMAT_OPENAI_CHAT;
	part->raw_type = json_string(type, p->arena);
	part->raw = json_raw(item);
	return true;
}

/* A string or a list of parts; nothing for null. */
static bool read_content(struct openai_chat_parser *p, const struct json *content,
	struct chat_parts *parts, bool *is_string) {
	*is_string = json_is(content, JSON_STRING);
	if (*is_string) {
		chat_parts_push(p->arena, parts, CHAT_PART_TEXT)->text =
			json_string(content, p->arena);
		return true;
	}
	if (content != NULL && !json_is(content, JSON_ARRAY)) {
		return wrong(p, "content", "it must be a string or a list of parts, not %s",
			json_type_name(content));
	}
	json_each (item, content) {
		if (!read_part(p, item, parts)) {
			return false;
		}
	}
	return true;
}

/* ---- roles ---- */

/* Members of a message that have a place in the IR. */
static bool is_known_member(const struct json *member) {
	static const char *const names[] = {"role", "content", "name", "tool_calls",
		"function_call", "tool_call_id", "refusal", "audio", "reasoning_content",
		"reasoning", "thinking_blocks"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (json_key_is(member, names[i])) {
			return true;
		}
	}
	return false;
}

static void finish_message(
	struct openai_chat_parser *p, const struct json *node, struct chat_message *message) {
	message->name = json_string(json_get_value(node, "name"), p->arena);
	json_each (member, node) {
		if (!is_known_member(member)) {
			chat_ext_add(p->arena, &message->ext, FORMAT_OPENAI_CHAT,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

static bool read_user(struct openai_chat_parser *p, const struct json *node, enum chat_role role) {
	const struct json *content = json_get_value(node, "content");
	if (content == NULL) {
		return wrong(p, "content", "it is missing"); /* CC-2 */
	}
	struct chat_message *message = chat_request_push(p->request, role);
	finish_message(p, node, message);
	return read_content(p, content, &message->parts, &message->has_string_content);
}

/* IR-7: leading instructions are the system text; later ones keep their place. */
static bool read_system(
	struct openai_chat_parser *p, const struct json *node, enum chat_role role) {
	struct chat_request *r = p->request;
	bool is_first = r->system.len == 0 && r->messages.len == 0;
	bool is_string;
	if (r->messages.len > 0 || (!is_first && r->system_role != role) ||
		json_get_value(node, "name") != NULL) {
		return read_user(p, node, role);
	}
	if (json_get_value(node, "content") == NULL) {
		return wrong(p, "content", "it is missing");
	}
	r->system_role = role;
	bool ok = read_content(p, json_get_value(node, "content"), &r->system, &is_string);
	r->system_is_string = is_first && is_string;
	return ok;
}

/* ---- assistant ---- */

static struct chat_part *push_thinking(
	struct openai_chat_parser *p, struct chat_parts *parts, enum format_id provider) {
	struct chat_part *part = chat_parts_push(p->arena, parts, CHAT_PART_THINKING);
	part->text = SLICE("");
	part->provider = provider;
	return part;
}

static void read_thinking_blocks(
	struct openai_chat_parser *p, const struct json *list, struct chat_parts *parts) {
	json_each (block, list) {
		struct chat_part *part = push_thinking(p, parts, FORMAT_ANTHROPIC);
		part->is_redacted = json_string_is(json_get(block, "type"), "redacted_thinking");
		if (part->is_redacted) {
			part->signature = json_string(json_get_value(block, "data"), p->arena);
			continue;
		}
		struct slice text = json_string(json_get_value(block, "thinking"), p->arena);
		part->text = text.data ? text : SLICE("");
		part->signature = json_string(json_get_value(block, "signature"), p->arena);
	}
}

/* OpenRouter's: the list itself stays in ext for a replay; here its text is wanted. */
static void read_reasoning_details(
	struct openai_chat_parser *p, const struct json *list, struct chat_parts *parts) {
	json_each (detail, list) {
		const struct json *text = json_get_value(detail, "text");
		struct slice format = json_string(json_get_value(detail, "format"), p->arena);
		text = text ? text : json_get_value(detail, "summary");
		if (!json_is(text, JSON_STRING)) {
			continue;
		}
		bool is_anthropic = slice_starts_with(format, SLICE("anthropic"));
		struct chat_part *part = push_thinking(
			p, parts, is_anthropic ? FORMAT_ANTHROPIC : FORMAT_OPENAI_CHAT);
		part->text = json_string(text, p->arena);
		part->signature = json_string(json_get_value(detail, "signature"), p->arena);
	}
}

/* One of the spellings; the others repeat it. */
static void read_thinking(
	struct openai_chat_parser *p, const struct json *node, struct chat_parts *parts) {
	const struct json *blocks = json_get_value(node, "thinking_blocks");
	const struct json *details = json_get_value(node, "reasoning_details");
	const struct json *text = json_get_value(node, "reasoning_content");
	text = text ? text : json_get_value(node, "reasoning");
	if (json_is(blocks, JSON_ARRAY) && blocks->count > 0) {
		read_thinking_blocks(p, blocks, parts);
	} else if (json_is(details, JSON_ARRAY) && details->count > 0) {
		read_reasoning_details(p, details, parts);
	} else if (json_is(text, JSON_STRING) && text->raw_len > 2) {
		push_thinking(p, parts, FORMAT_OPENAI_CHAT)->text = json_string(text, p->arena);
	}
}

static bool read_call_body(struct openai_chat_parser *p, const struct json *body,
	const char *args_name, struct chat_part *call) {
	const struct json *args = json_get_value(body, args_name);
	call->name = json_string(json_get(body, "name"), p->arena);
	if (call->name.data == NULL) {
		return wrong(p, "tool_calls", "a tool call needs a name");
	}
	call->args = json_is(args, JSON_STRING) ? json_string(args, p->arena) : json_raw(args);
	if (call->tool_kind == CHAT_TOOL_FUNCTION) {
		if (slice_trim(call->args).len == 0) {
			call->args = SLICE("{}"); /* IR-10 */
		}
		call->args_valid = chat_args_are_valid(call->args);
	} else if (call->args.data == NULL) {
		call->args = SLICE("");
	}
	return true;
}

static bool read_call(struct openai_chat_parser *p, const struct json *item, size_t number,
	struct chat_parts *parts) {
	const struct json *custom = json_get_value(item, "custom");
	const struct json *function = json_get_value(item, "function");
	const struct json *proof = json_at(item, SLICE("/extra_content/google/thought_signature"));
	if (!json_is(custom ? custom : function, JSON_OBJECT)) {
		return wrong(p, "tool_calls", "a tool call needs its function");
	}
	struct chat_part *call = chat_parts_push(p->arena, parts, CHAT_PART_TOOL_CALL);
	call->tool_kind = custom ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION;
	call->call_id = json_string(json_get_value(item, "id"), p->arena);
	if (call->call_id.len == 0) {
		call->call_id = arena_printf(p->arena, "call_%zu_%zu", p->message, number);
	}
	call->signature = json_string(proof, p->arena);
	if (call->signature.data != NULL) {
		call->provider = FORMAT_GEMINI;
	}
	return read_call_body(p, custom ? custom : function, custom ? "input" : "arguments", call);
}

static bool read_calls(
	struct openai_chat_parser *p, const struct json *node, struct chat_parts *parts) {
	const struct json *list = json_get_value(node, "tool_calls");
	const struct json *legacy = json_get_value(node, "function_call");
	size_t number = 0;
	if (list != NULL && !json_is(list, JSON_ARRAY)) {
		return wrong(p, "tool_calls", "it must be a list");
	}
	if (list != NULL && list->count > OPENAI_CHAT_MAX_CALLS) {
		return wrong(p, "tool_calls", "%u calls, more than %d", (unsigned)list->count,
			OPENAI_CHAT_MAX_CALLS);
	}
	json_each (item, list) {
		if (!read_call(p, item, number++, parts)) {
			return false;
		}
	}
	if (json_is(legacy, JSON_OBJECT)) {
		struct chat_part *call = chat_parts_push(p->arena, parts, CHAT_PART_TOOL_CALL);
		call->call_id = arena_printf(p->arena, "call_%zu_%zu", p->message, number);
		return read_call_body(p, legacy, "arguments", call);
	}
	return true;
}

/* CC-1: thinking, then content, then tool calls. */
static bool read_assistant(struct openai_chat_parser *p, const struct json *node) {
	struct chat_message *message = chat_request_push(p->request, CHAT_ROLE_ASSISTANT);
	const struct json *content = json_get_value(node, "content");
	const struct json *refusal = json_get_value(node, "refusal");
	const struct json *audio = json_get_value(node, "audio");
	finish_message(p, node, message);
	read_thinking(p, node, &message->parts);
	message->has_string_content = json_is(content, JSON_STRING);
	bool is_string, is_empty = json_is(content, JSON_STRING) && content->raw_len == 2;
	if (!is_empty && !read_content(p, content, &message->parts, &is_string)) {
		return false;
	}
	if (json_is(refusal, JSON_STRING)) {
		chat_parts_push(p->arena, &message->parts, CHAT_PART_REFUSAL)->text =
			json_string(refusal, p->arena);
	}
	if (json_is(audio, JSON_OBJECT)) {
		struct chat_part *part = chat_parts_push(p->arena, &message->parts, CHAT_PART_RAW);
		part->provider = FORMAT_OPENAI_CHAT;
		part->raw_type = SLICE("audio");
		part->raw = json_raw(audio);
	}
	if (!read_calls(p, node, &message->parts)) {
		return false;
	}
	const struct chat_parts *parts = &message->parts;
	if (parts->len > 0 && parts->items[parts->len - 1].kind == CHAT_PART_TOOL_CALL) {
		p->last_calls = p->request->messages.len;
	}
	return true;
}

/* ---- tool results ---- */

/* The call of the last assistant message with calls that has that id or, for the deprecated role,
 * that name. */
static const struct chat_part *find_call(
	const struct openai_chat_parser *p, struct slice id, struct slice name) {
	if (p->last_calls == 0) {
		return NULL;
	}
	const struct chat_message *message = &p->request->messages.items[p->last_calls - 1];
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind == CHAT_PART_TOOL_CALL &&
			(id.data ? slice_eq(part->call_id, id) : slice_eq(part->name, name))) {
			return part;
		}
	}
	return NULL;
}

/* IR-9: a run of tool messages is one message with a part for each. */
static bool read_result(struct openai_chat_parser *p, const struct json *node, bool is_legacy) {
	struct chat_request *r = p->request;
	struct slice id = json_string(json_get_value(node, "tool_call_id"), p->arena);
	struct slice name = json_string(json_get_value(node, "name"), p->arena);
	if (!is_legacy && id.data == NULL) {
		return wrong(p, "tool_call_id", "it is missing");
	}
	if (is_legacy && name.data == NULL) {
		return wrong(p, "name", "it is missing");
	}
	const struct slice no_id = {0};
	const struct chat_part *call = find_call(p, is_legacy ? no_id : id, name);
	struct chat_message *message =
		r->messages.len > 0 ? &r->messages.items[r->messages.len - 1] : NULL;
	if (message == NULL || message->role != CHAT_ROLE_TOOL) {
		message = chat_request_push(r, CHAT_ROLE_TOOL);
	}
	struct chat_part *part = chat_parts_push(p->arena, &message->parts, CHAT_PART_TOOL_RESULT);
	part->name = call ? call->name : name;
	part->tool_kind = call ? call->tool_kind : CHAT_TOOL_FUNCTION;
	part->call_id = id;
	if (is_legacy) {
		part->call_id =
			call ? call->call_id : arena_printf(p->arena, "call_%zu", p->message);
	}
	part->cache = openai_chat_parse_cache(node, p->arena);
	part->source = CHAT_SOURCE_PARTS;
	return read_content(
		p, json_get_value(node, "content"), &part->parts, &part->has_string_content);
}

static bool read_message(struct openai_chat_parser *p, const struct json *node) {
	const struct json *role = json_get(node, "role");
	if (json_string_is(role, "user")) {
		return read_user(p, node, CHAT_ROLE_USER);
	}
	if (json_string_is(role, "assistant")) {
		return read_assistant(p, node);
	}
	if (json_string_is(role, "system")) {
		return read_system(p, node, CHAT_ROLE_SYSTEM);
	}
	if (json_string_is(role, "developer")) {
		return read_system(p, node, CHAT_ROLE_DEVELOPER);
	}
	if (json_string_is(role, "tool")) {
		return read_result(p, node, false);
	}
	if (json_string_is(role, "function")) {
		return read_result(p, node, true);
	}
	return wrong(
		p, "role", "it must be one of system, developer, user, assistant, tool, function");
}

bool openai_chat_parse_messages(struct openai_chat_parser *p, const struct json *list) {
	if (!json_is(list, JSON_ARRAY) || list->count == 0) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "messages",
			"'messages' must be a list with at least one message");
	}
	json_each (node, list) {
		if (!read_message(p, node)) {
			return false;
		}
		p->message++;
	}
	return true;
}
