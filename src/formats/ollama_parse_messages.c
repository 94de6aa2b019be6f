/* ollama_parse_messages.c: the messages of an /api/chat request (OL-2, OL-3). */
#include "formats/ollama_internal.h"
#include "formats/parse_common.h"

/* Results name their call by id, by the tool's name, or by their order alone (OL-3). */
struct open_calls {
	struct slice *ids, *names;
	bool *is_answered;
	size_t count, left;
};

struct message_parser {
	struct ollama_parser *p;
	struct open_calls open; /* of the last assistant message that made some */
	size_t number;          /* of the message, for error messages */
	size_t made_ids;
};

static bool wrong(struct message_parser *m, const char *field, const char *what) {
	struct slice param = arena_printf(m->p->arena, "messages.[%zu].%s", m->number, field);
	return error_set_param(
		m->p->error, ERROR_INVALID_REQUEST, param.data, "%.*s: %s", SLICE_FMT(param), what);
}

/* ---- images ---- */

bool ollama_parse_images(struct ollama_parser *p, const struct json *list, const char *name,
	struct chat_parts *parts) {
	if (!json_is(list, JSON_ARRAY)) {
		return parse_refuse(p->error, name, list, "a list of base64 texts");
	}
	json_each (item, list) {
		struct slice data = json_string(item, p->arena), media_type;
		if (data.data == NULL) {
			return parse_refuse(p->error, name, item, "a list of base64 texts");
		}
		chat_split_data_url(p->arena, data, &media_type, &data);
		if (data.len == 0) {
			continue;
		}
		struct chat_part *part = chat_parts_push(p->arena, parts, CHAT_PART_IMAGE);
		struct slice seen = chat_sniff_media_type(data);
		part->source = CHAT_SOURCE_BASE64;
		part->data = data;
		part->media_type = seen.data ? seen : SLICE("image/jpeg");
	}
	return true;
}

/* ---- calls ---- */

static bool read_call(struct message_parser *m, const struct json *item, size_t at,
	struct chat_message *message) {
	struct ollama_parser *p = m->p;
	const struct json *function = json_get_value(item, "function");
	const struct json *args = json_get_value(function, "arguments");
	struct chat_part *part = chat_parts_push(p->arena, &message->parts, CHAT_PART_TOOL_CALL);
	part->name = json_string(json_get(function, "name"), p->arena);
	part->call_id = json_string(json_get_value(item, "id"), p->arena);
	if (part->name.len == 0) {
		return wrong(m, "tool_calls", "a call needs a function with a name");
	}
	if (part->call_id.len == 0) {
		/* the same one each time the conversation is sent: prompt caches depend on it */
		part->call_id = arena_printf(p->arena, "call_%zu", m->made_ids++);
	}
	part->args = json_is(args, JSON_STRING) ? json_string(args, p->arena) : json_raw(args);
	if (slice_trim(part->args).len == 0) {
		part->args = SLICE("{}"); /* IR-10 */
	}
	part->args_valid = chat_args_are_valid(part->args);
	m->open.ids[at] = part->call_id;
	m->open.names[at] = part->name;
	return true;
}

static bool read_calls(
	struct message_parser *m, const struct json *list, struct chat_message *message) {
	struct arena *arena = m->p->arena;
	if (!json_is(list, JSON_ARRAY)) {
		return wrong(m, "tool_calls", "it must be a list");
	}
	if (list->count > OLLAMA_MAX_CALLS) {
		return wrong(m, "tool_calls", "there are more than 512 calls");
	}
	if (list->count == 0) {
		return true;
	}
	m->open.count = m->open.left = list->count;
	m->open.ids = ARENA_ARRAY(arena, struct slice, list->count);
	m->open.names = ARENA_ARRAY(arena, struct slice, list->count);
	m->open.is_answered = ARENA_ARRAY(arena, bool, list->count);
	size_t at = 0;
	json_each (item, list) {
		if (!read_call(m, item, at++, message)) {
			return false;
		}
	}
	return true;
}

/* The first unanswered call of that name, or of any when `name` is absent. */
static size_t find_open(const struct open_calls *open, struct slice name) {
	for (size_t i = 0; i < open->count; i++) {
		if (!open->is_answered[i] &&
			(name.data == NULL || slice_eq(open->names[i], name))) {
			return i;
		}
	}
	return SIZE_MAX;
}

static void answer(struct open_calls *open, size_t at) {
	open->is_answered[at] = true;
	open->left--;
}

/* OL-3: an id that was given is taken at its word. */
static void pair(struct message_parser *m, struct chat_part *result) {
	struct open_calls *open = &m->open;
	size_t at = SIZE_MAX;
	if (open->left > 0 && result->call_id.len > 0) {
		for (size_t i = 0; i < open->count && at == SIZE_MAX; i++) {
			bool is_it = slice_eq(open->ids[i], result->call_id);
			at = is_it && !open->is_answered[i] ? i : SIZE_MAX;
		}
	} else if (open->left > 0) {
		at = result->name.len > 0 ? find_open(open, result->name) : SIZE_MAX;
		at = at == SIZE_MAX ? find_open(open, (struct slice){0}) : at;
	}
	if (at != SIZE_MAX) {
		answer(open, at);
		result->call_id = open->ids[at];
		result->name = result->name.len > 0 ? result->name : open->names[at];
	} else if (result->call_id.len == 0) {
		result->call_id = arena_printf(m->p->arena, "call_%zu", m->made_ids++);
	}
}

/* ---- messages ---- */

static bool read_content(
	struct message_parser *m, const struct json *node, struct chat_message *message) {
	const struct json *content = json_get_value(node, "content");
	const struct json *images = json_get_value(node, "images");
	if (content != NULL && !json_is(content, JSON_STRING)) {
		return wrong(m, "content", "it must be a string");
	}
	message->has_string_content = content != NULL;
	if (content != NULL && (content->raw_len > 2 || images == NULL)) {
		chat_parts_push(m->p->arena, &message->parts, CHAT_PART_TEXT)->text =
			json_string(content, m->p->arena);
	}
	return images == NULL ||
	       ollama_parse_images(m->p, images, "messages.images", &message->parts);
}

static bool read_assistant(
	struct message_parser *m, const struct json *node, struct chat_message *message) {
	struct slice thinking = json_string(json_get_value(node, "thinking"), m->p->arena);
	const struct json *calls = json_get_value(node, "tool_calls");
	if (thinking.len > 0) {
		struct chat_part *part =
			chat_parts_push(m->p->arena, &message->parts, CHAT_PART_THINKING);
		part->text = thinking;
		part->provider = FORMAT_OLLAMA;
	}
	if (!read_content(m, node, message)) {
		return false;
	}
	bool is_empty = message->parts.len > 0 &&
			message->parts.items[message->parts.len - 1].kind == CHAT_PART_TEXT &&
			message->parts.items[message->parts.len - 1].text.len == 0;
	if (is_empty) {
		message->parts.len--; /* "" beside calls and thinking means none (E-49) */
		message->has_string_content = calls == NULL;
	}
	return calls == NULL || read_calls(m, calls, message);
}

/* IR-9: neighbours are one message. */
static bool read_result(struct message_parser *m, const struct json *node) {
	struct ollama_parser *p = m->p;
	struct chat_request *r = p->request;
	bool continues = r->messages.len > 0 &&
			 r->messages.items[r->messages.len - 1].role == CHAT_ROLE_TOOL;
	struct chat_message read = {0};
	if (!read_content(m, node, &read)) {
		return false;
	}
	struct chat_message *message = continues ? &r->messages.items[r->messages.len - 1]
						 : chat_request_push(r, CHAT_ROLE_TOOL);
	struct chat_part *part = chat_parts_push(p->arena, &message->parts, CHAT_PART_TOOL_RESULT);
	const struct json *name = json_get_value(node, "tool_name");
	part->name = json_string(name ? name : json_get_value(node, "name"), p->arena);
	part->call_id = json_string(json_get_value(node, "tool_call_id"), p->arena);
	part->parts = read.parts;
	part->has_string_content = true;
	pair(m, part);
	return true;
}

/* IR-7: leading system messages are the system text; later ones keep their place. */
static bool read_system(struct message_parser *m, const struct json *node, enum chat_role role) {
	struct chat_request *r = m->p->request;
	struct chat_message read = {.role = role};
	if (!read_content(m, node, &read)) {
		return false;
	}
	if (r->messages.len > 0) {
		*chat_request_push(r, role) = read;
		return true;
	}
	for (size_t i = 0; i < read.parts.len; i++) {
		*chat_parts_push(m->p->arena, &r->system, CHAT_PART_TEXT) = read.parts.items[i];
	}
	r->system_role = role;
	return true;
}

static bool read_message(struct message_parser *m, const struct json *node) {
	const struct json *role = json_get(node, "role");
	if (!json_is(node, JSON_OBJECT)) {
		return wrong(m, "role", "a message must be an object");
	}
	if (json_string_is(role, "system")) {
		return read_system(m, node, CHAT_ROLE_SYSTEM);
	}
	if (json_string_is(role, "developer")) {
		return read_system(m, node, CHAT_ROLE_DEVELOPER);
	}
	if (json_string_is(role, "tool")) {
		return read_result(m, node);
	}
	if (json_string_is(role, "user")) {
		return read_content(m, node, chat_request_push(m->p->request, CHAT_ROLE_USER));
	}
	if (json_string_is(role, "assistant")) {
		return read_assistant(
			m, node, chat_request_push(m->p->request, CHAT_ROLE_ASSISTANT));
	}
	return wrong(m, "role", "it must be \"system\", \"user\", \"assistant\" or \"tool\"");
}

bool ollama_parse_messages(struct ollama_parser *p, const struct json *list) {
	struct message_parser m = {.p = p};
	if (!json_is(list, JSON_ARRAY)) {
		return parse_refuse(p->error, "messages", list, "a list");
	}
	json_each (node, list) {
		if (!read_message(&m, node)) {
			return false;
		}
		m.number++;
	}
	return true;
}
