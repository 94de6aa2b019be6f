/* openai_responses_parse_items.c: the input items of a Responses request (2.3, RS-1, RS-2, RS-4).
 *
 *   reasoning, message of the assistant, calls      adjacent ones: one assistant message
 *   outputs of calls                                adjacent ones: one tool message
 *   messages of others                              one message each
 *   anything else                                   raw, in the assistant message it stands in */
#include <stdio.h>

#include "formats/openai_chat_parse.h"
#include "formats/openai_responses_parse.h"

__attribute__((format(printf, 3, 4))) static bool wrong(
	struct openai_responses_parser *p, const char *field, const char *format, ...) {
	char param[64], text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(param, sizeof param, "input[%zu]%s%s", p->item, *field ? "." : "", field);
	return error_set_param(p->error, ERROR_INVALID_REQUEST, param, "%s: %s", param, text);
}

static struct slice text_at(
	struct openai_responses_parser *p, const struct json *item, const char *name) {
	return json_string(json_get_value(item, name), p->arena);
}

static struct slice or_empty(struct slice text) {
	return text.data ? text : SLICE("");
}

/* ---- parts of a content list ---- */

static bool read_text_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_part *part) {
	const struct json *notes = json_get_value(item, "annotations");
	part->kind = CHAT_PART_TEXT;
	part->text = text_at(p, item, "text");
	if (json_is(notes, JSON_ARRAY) && notes->count > 0) {
		part->citations = json_raw(notes);
		part->provider = FORMAT_OPENAI_RESPONSES;
	}
	return part->text.data != NULL || wrong(p, "content", "a text part needs a string 'text'");
}

static bool read_refusal_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_part *part) {
	part->kind = CHAT_PART_REFUSAL;
	part->text = or_empty(text_at(p, item, "refusal"));
	return true;
}

static void set_url(struct openai_responses_parser *p, struct chat_part *part, struct slice url) {
	part->source = CHAT_SOURCE_URL;
	part->data = url;
	if (chat_split_data_url(p->arena, url, &part->media_type, &part->data)) {
		part->source = CHAT_SOURCE_BASE64;
	}
}

static void set_file_id(struct chat_part *part, struct slice id) {
	part->source = CHAT_SOURCE_FILE_ID;
	part->data = id;
}

static bool read_image_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_part *part) {
	const struct json *at = json_get_value(item, "image_url");
	struct slice id = text_at(p, item, "file_id");
	at = json_is(at, JSON_OBJECT) ? json_get(at, "url") : at; /* cc's shape, by mistake */
	struct slice url = json_string(at, p->arena);
	part->kind = CHAT_PART_IMAGE;
	part->detail = text_at(p, item, "detail");
	if (slice_is(part->detail, "auto")) { /* clients of this dialect must say it */
		part->detail = (struct slice){0};
	}
	if (url.len > 0) {
		set_url(p, part, url);
	} else if (id.len > 0) {
		set_file_id(part, id);
	} else {
		return wrong(p, "content", "an image needs 'image_url' or 'file_id'");
	}
	return true;
}

static bool read_file_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_part *part) {
	struct slice data = text_at(p, item, "file_data"), url = text_at(p, item, "file_url");
	struct slice id = text_at(p, item, "file_id");
	part->kind = CHAT_PART_FILE;
	part->filename = text_at(p, item, "filename");
	if (data.len > 0) {
		set_url(p, part, data);
		if (part->source == CHAT_SOURCE_URL) { /* bare base64 */
			part->source = CHAT_SOURCE_BASE64;
			part->media_type = chat_sniff_media_type(data);
		}
	} else if (url.len > 0) {
		set_url(p, part, url);
	} else if (id.len > 0) {
		set_file_id(part, id);
	} else {
		return wrong(p, "content", "a file needs 'file_data', 'file_url' or 'file_id'");
	}
	return true;
}

static bool read_audio_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_part *part) {
	const struct json *audio = json_get_value(item, "input_audio");
	struct slice format = text_at(p, audio, "format");
	part->kind = CHAT_PART_AUDIO;
	part->source = CHAT_SOURCE_BASE64;
	part->data = text_at(p, audio, "data");
	part->media_type =
		arena_printf(p->arena, "audio/%.*s", SLICE_FMT(slice_sub(format, 0, 64)));
	return (part->data.data != NULL && format.len > 0) ||
	       wrong(p, "content", "an input_audio part needs 'data' and 'format'");
}

static const struct {
	const char *type;
	bool (*read)(
		struct openai_responses_parser *p, const struct json *item, struct chat_part *part);
} part_readers[] = {
	{"input_text", read_text_part},
	{"output_text", read_text_part},
	{"text", read_text_part},
	{"summary_text", read_text_part},
	{"refusal", read_refusal_part},
	{"input_image", read_image_part},
	{"input_file", read_file_part},
	{"input_audio", read_audio_part},
};

static bool read_part(
	struct openai_responses_parser *p, const struct json *item, struct chat_parts *parts) {
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
	part->provider = FORMAT_OPENAI_RESPONSES;
	part->raw_type = json_string(type, p->arena);
	part->raw = json_raw(item);
	return true;
}

/* A text or a list of parts. */
static bool read_content(struct openai_responses_parser *p, const struct json *content,
	struct chat_parts *parts, bool *is_string) {
	*is_string = json_is(content, JSON_STRING);
	if (*is_string) {
		chat_parts_push(p->arena, parts, CHAT_PART_TEXT)->text =
			json_string(content, p->arena);
		return true;
	}
	if (!json_is(content, JSON_ARRAY)) {
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

/* ---- messages ---- */

static struct chat_message *last_message(struct openai_responses_parser *p) {
	struct chat_request *r = p->request;
	return r->messages.len > 0 ? &r->messages.items[r->messages.len - 1] : NULL;
}

/* RS-1: the assistant message that is being gathered, or a new one. */
static struct chat_message *assistant(struct openai_responses_parser *p) {
	struct chat_message *last = last_message(p);
	return last != NULL && last->role == CHAT_ROLE_ASSISTANT
		       ? last
		       : chat_request_push(p->request, CHAT_ROLE_ASSISTANT);
}

static bool has_text(const struct chat_message *message) {
	for (size_t i = 0; i < message->parts.len; i++) {
		if (message->parts.items[i].kind == CHAT_PART_TEXT) {
			return true;
		}
	}
	return false;
}

static bool read_assistant(struct openai_responses_parser *p, const struct json *item) {
	struct chat_message *message = assistant(p);
	struct slice phase = text_at(p, item, "phase");
	if (has_text(message) && !slice_eq(phase, message->phase)) {
		message = chat_request_push(p->request, CHAT_ROLE_ASSISTANT);
	}
	message->phase = phase;
	bool is_string;
	return read_content(p, json_get_value(item, "content"), &message->parts, &is_string);
}

/* IR-7: leading instructions are the system text; later ones keep their place. */
static bool read_other(
	struct openai_responses_parser *p, const struct json *item, enum chat_role role) {
	struct chat_request *r = p->request;
	const struct json *content = json_get_value(item, "content");
	bool is_string;
	if (role != CHAT_ROLE_USER && r->messages.len == 0) {
		r->system_is_string = false;
		r->system_role = role;
		return read_content(p, content, &r->system, &is_string);
	}
	struct chat_message *message = chat_request_push(r, role);
	return read_content(p, content, &message->parts, &message->has_string_content);
}

static bool read_message(struct openai_responses_parser *p, const struct json *item) {
	static const struct {
		const char *word;
		enum chat_role role;
	} roles[] = {
		{"user", CHAT_ROLE_USER},
		{"system", CHAT_ROLE_SYSTEM},
		{"developer", CHAT_ROLE_DEVELOPER},
	};
	const struct json *role = json_get(item, "role");
	if (json_string_is(role, "assistant")) {
		return read_assistant(p, item);
	}
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		if (json_string_is(role, roles[i].word)) {
			return read_other(p, item, roles[i].role);
		}
	}
	return wrong(p, "role", "it must be one of user, assistant, system, developer");
}

/* ---- reasoning ---- */

/* The texts of a list of summaries or contents, "\n\n" between them. */
static struct slice joined_texts(struct openai_responses_parser *p, const struct json *list) {
	struct chat_parts texts = {0};
	json_each (entry, json_is(list, JSON_ARRAY) ? list : NULL) {
		struct slice text = text_at(p, entry, "text");
		if (text.len > 0) {
			chat_parts_push(p->arena, &texts, CHAT_PART_TEXT)->text = text;
		}
	}
	return chat_parts_text(p->arena, &texts, "\n\n");
}

static bool read_reasoning(struct openai_responses_parser *p, const struct json *item) {
	struct chat_part *part =
		chat_parts_push(p->arena, &assistant(p)->parts, CHAT_PART_THINKING);
	struct slice encrypted = text_at(p, item, "encrypted_content");
	part->text = joined_texts(p, json_get_value(item, "summary"));
	if (part->text.len == 0) {
		part->text = joined_texts(p, json_get_value(item, "content"));
	}
	part->provider = FORMAT_OPENAI_RESPONSES;
	part->item_id = text_at(p, item, "id");
	part->raw_type = SLICE("reasoning");
	part->raw = json_raw(item);
	openai_responses_unwrap_proof(encrypted, part);
	return true;
}

/* ---- calls ---- */

static struct chat_part *push_call(struct openai_responses_parser *p, const struct json *item,
	struct slice name, enum chat_tool_kind kind) {
	struct chat_part *call =
		chat_parts_push(p->arena, &assistant(p)->parts, CHAT_PART_TOOL_CALL);
	call->namespace_name = text_at(p, item, "namespace");
	call->name = openai_responses_flat_name(p->arena, call->namespace_name, name);
	call->tool_kind = kind;
	call->item_id = text_at(p, item, "id");
	call->call_id = text_at(p, item, "call_id");
	call->provider = FORMAT_OPENAI_RESPONSES;
	call->raw_type = text_at(p, item, "type");
	call->raw = json_raw(item);
	if (call->call_id.len == 0) {
		call->call_id = call->item_id.len > 0 ? call->item_id
						      : arena_printf(p->arena, "call_%zu", p->item);
	}
	struct open_call *open = ARENA_PUSH(p->arena, &p->calls);
	*open = (struct open_call){.id = call->call_id, .name = call->name};
	index_put(&p->call_by_id, p->arena, call->call_id, (uint32_t)(p->calls.len - 1));
	p->unanswered++;
	return call;
}

static bool read_function_call(struct openai_responses_parser *p, const struct json *item) {
	const struct json *args = json_get_value(item, "arguments");
	struct slice name = text_at(p, item, "name");
	if (name.data == NULL) {
		return wrong(p, "name", "a function call needs the name of its function");
	}
	struct chat_part *call = push_call(p, item, name, CHAT_TOOL_FUNCTION);
	/* RS-2 */
	call->args = json_is(args, JSON_STRING) ? json_string(args, p->arena) : json_raw(args);
	if (slice_trim(call->args).len == 0) {
		call->args = SLICE("{}"); /* IR-10 */
	}
	call->args_valid = chat_args_are_valid(call->args);
	return true;
}

static bool read_custom_call(struct openai_responses_parser *p, const struct json *item) {
	struct slice name = text_at(p, item, "name");
	if (name.data == NULL) {
		return wrong(p, "name", "a call needs the name of its tool");
	}
	push_call(p, item, name, CHAT_TOOL_CUSTOM)->args = or_empty(text_at(p, item, "input"));
	return true;
}

static bool read_client_call(struct openai_responses_parser *p, const struct json *item,
	const struct openai_responses_client_tool *tool) {
	const struct json *object = json_get_value(item, tool->args_member);
	struct chat_part *call = push_call(p, item, slice_of(tool->type), CHAT_TOOL_FUNCTION);
	call->args = json_is(object, JSON_OBJECT) ? json_raw(object) : SLICE("{}");
	call->args_valid = true;
	return true;
}

/* ---- results ---- */

/* A result without an id belongs to one of the last calls; looking at all of them each time would
 * take the square of their number. */
#define RECENT_CALLS 256

/* RS-4: the only call without a result, of that name when one is given; NULL when there is not
 * exactly one. */
static const struct open_call *only_unanswered(
	const struct openai_responses_parser *p, struct slice name) {
	const struct open_call *found = NULL;
	size_t first = p->calls.len > RECENT_CALLS ? p->calls.len - RECENT_CALLS : 0;
	for (size_t i = first; p->unanswered > 0 && i < p->calls.len; i++) {
		const struct open_call *call = &p->calls.items[i];
		if (call->is_answered || (name.len > 0 && !slice_eq(name, call->name))) {
			continue;
		}
		if (found != NULL) {
			return NULL;
		}
		found = call;
	}
	return found;
}

static void mark_answered(struct openai_responses_parser *p, struct slice id) {
	uint32_t number = index_get(&p->call_by_id, id);
	if (number != INDEX_NONE && !p->calls.items[number].is_answered) {
		p->calls.items[number].is_answered = true;
		p->unanswered--;
	}
}

/* What a result holds: parts, or the text of whatever it is. */
static bool read_output(struct openai_responses_parser *p, const struct json *item,
	struct chat_parts *parts, bool *is_string) {
	const struct json *output = json_get_value(item, "output");
	bool is_parts =
		json_is(output, JSON_ARRAY) &&
		(output->child == NULL || json_is(json_get(output->child, "type"), JSON_STRING));
	if (is_parts || json_is(output, JSON_STRING)) {
		return read_content(p, output, parts, is_string);
	}
	*is_string = true;
	chat_parts_push(p->arena, parts, CHAT_PART_TEXT)->text = or_empty(json_raw(output));
	return true;
}

static bool read_result(struct openai_responses_parser *p, const struct json *item) {
	struct slice id = text_at(p, item, "call_id");
	struct slice name = text_at(p, item, "name");
	const struct open_call *call = NULL;
	if (id.len == 0 && json_string_is(json_get(item, "type"), "local_shell_call_output")) {
		id = text_at(p, item, "id"); /* there it is the call's */
	}
	if (id.len == 0) {
		call = only_unanswered(p, name);
		id = call != NULL ? call->id : id;
	}
	if (id.len == 0) {
		struct chat_message *user = chat_request_push(p->request, CHAT_ROLE_USER);
		return read_output(p, item, &user->parts, &user->has_string_content);
	}
	struct chat_message *message = last_message(p);
	if (message == NULL || message->role != CHAT_ROLE_TOOL) {
		message = chat_request_push(p->request, CHAT_ROLE_TOOL);
	}
	uint32_t number = index_get(&p->call_by_id, id);
	struct chat_part *part = chat_parts_push(p->arena, &message->parts, CHAT_PART_TOOL_RESULT);
	part->call_id = id;
	part->name = number != INDEX_NONE ? p->calls.items[number].name : name;
	part->source = CHAT_SOURCE_PARTS;
	part->provider = FORMAT_OPENAI_RESPONSES;
	part->raw_type = text_at(p, item, "type");
	part->raw = json_raw(item);
	part->tool_kind = slice_is(part->raw_type, "custom_tool_call_output") ? CHAT_TOOL_CUSTOM
									      : CHAT_TOOL_FUNCTION;
	mark_answered(p, id);
	return read_output(p, item, &part->parts, &part->has_string_content);
}

/* ---- everything else ---- */

/* Calls and results of the provider's own, references, and what is not known yet (RS-27): only a
 * Responses upstream understands it. */
static void keep_raw(
	struct openai_responses_parser *p, const struct json *item, struct slice type) {
	bool is_call = slice_ends_with(type, SLICE("_call")) ||
		       slice_ends_with(type, SLICE("_output")) ||
		       slice_starts_with(type, SLICE("mcp_"));
	struct chat_part *part = chat_parts_push(
		p->arena, &assistant(p)->parts, is_call ? CHAT_PART_SERVER_TOOL : CHAT_PART_RAW);
	part->provider = FORMAT_OPENAI_RESPONSES;
	part->raw_type = type;
	part->raw = json_raw(item);
}

static const struct {
	const char *type;
	bool (*read)(struct openai_responses_parser *p, const struct json *item);
} item_readers[] = {
	{"message", read_message},
	{"reasoning", read_reasoning},
	{"function_call", read_function_call},
	{"function_call_output", read_result},
	{"custom_tool_call", read_custom_call},
	{"custom_tool_call_output", read_result},
};

static bool read_item(struct openai_responses_parser *p, const struct json *item) {
	const struct json *type = json_get_value(item, "type");
	bool is_output;
	if (!json_is(item, JSON_OBJECT)) {
		return wrong(p, "", "it must be an object, not %s", json_type_name(item));
	}
	if (type == NULL && json_get_value(item, "role") != NULL) {
		return read_message(p, item);
	}
	for (size_t i = 0; i < sizeof item_readers / sizeof *item_readers; i++) {
		if (json_string_is(type, item_readers[i].type)) {
			return item_readers[i].read(p, item);
		}
	}
	struct slice word = json_string(type, p->arena);
	const struct openai_responses_client_tool *tool =
		openai_responses_client_call(word, &is_output);
	if (tool != NULL) {
		return is_output ? read_result(p, item) : read_client_call(p, item, tool);
	}
	keep_raw(p, item, or_empty(word));
	return true;
}

bool openai_responses_parse_input(struct openai_responses_parser *p, const struct json *node) {
	if (json_is(node, JSON_STRING)) {
		struct chat_message *message = chat_request_push(p->request, CHAT_ROLE_USER);
		message->has_string_content = true;
		chat_parts_push(p->arena, &message->parts, CHAT_PART_TEXT)->text =
			json_string(node, p->arena);
		return true;
	}
	if (!json_is(node, JSON_ARRAY)) {
		return parse_refuse(p->error, "input", node, "a text or a list of items");
	}
	json_each (item, node) {
		if (!read_item(p, item)) {
			return false;
		}
		p->item++;
	}
	return true;
}
