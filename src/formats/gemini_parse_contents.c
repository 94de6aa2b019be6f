/* gemini_parse_contents.c: contents and parts of a Gemini request (formats.md 2.5, GC-2, GC-3). */
#include "formats/gemini.h"

/* ---- media ---- */

static enum chat_part_kind media_kind(struct slice type) {
	static const struct {
		struct slice prefix;
		enum chat_part_kind kind;
	} kinds[] = {
		{SLICE_INIT("image/"), CHAT_PART_IMAGE},
		{SLICE_INIT("audio/"), CHAT_PART_AUDIO},
		{SLICE_INIT("video/"), CHAT_PART_VIDEO},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (slice_istarts_with(type, kinds[i].prefix)) {
			return kinds[i].kind;
		}
	}
	return CHAT_PART_FILE;
}

static bool read_inline_data(
	struct gemini_parser *p, const struct json *value, struct chat_part *part) {
	part->source = CHAT_SOURCE_BASE64;
	part->media_type = json_string(gemini_get(value, "mimeType"), p->arena);
	part->data = json_string(gemini_get(value, "data"), p->arena);
	part->filename = json_string(gemini_get(value, "displayName"), p->arena);
	part->kind = media_kind(part->media_type);
	return (part->media_type.data != NULL && part->data.data != NULL) ||
	       gemini_refuse(p, "inlineData", "mimeType and data are required");
}

/* What only Google can read is its file, whatever it looks like (4.9). */
static bool is_google_file(struct slice uri) {
	return slice_starts_with(uri, SLICE("gs://")) || slice_starts_with(uri, SLICE("files/")) ||
	       slice_contains(uri, SLICE("generativelanguage.googleapis.com/"));
}

static bool read_file_data(
	struct gemini_parser *p, const struct json *value, struct chat_part *part) {
	part->media_type = json_string(gemini_get(value, "mimeType"), p->arena);
	part->data = json_string(gemini_get(value, "fileUri"), p->arena);
	part->filename = json_string(gemini_get(value, "displayName"), p->arena);
	part->kind = media_kind(part->media_type);
	part->provider = FORMAT_GEMINI;
	part->source = is_google_file(part->data) ? CHAT_SOURCE_FILE_ID : CHAT_SOURCE_URL;
	return part->data.len > 0 || gemini_refuse(p, "fileData", "fileUri is required");
}

/* ---- calls ---- */

static bool read_call(struct gemini_parser *p, const struct json *value, struct chat_part *part) {
	static const char *const known[] = {"name", "args", NULL};
	const struct json *args = gemini_get(value, "args");
	part->kind = CHAT_PART_TOOL_CALL;
	part->name = json_string(gemini_get(value, "name"), p->arena);
	part->call_id = json_string(gemini_get(value, "id"), p->arena);
	part->args = args ? json_raw(args) : SLICE("{}");
	part->args_valid = true;
	gemini_keep_unknown(p, value, "functionCall.", known, &part->ext);
	return part->name.len > 0 || gemini_refuse(p, "functionCall.name", "it is required");
}

/* The one member of that name, when there is no other. */
static const struct json *lone(const struct json *object, const char *name) {
	return json_is(object, JSON_OBJECT) && object->count == 1 ? json_get_value(object, name)
								  : NULL;
}

/* GC-3 */
static void read_response(
	struct gemini_parser *p, const struct json *response, struct chat_part *part) {
	const struct json *error = lone(response, "error");
	const struct json *value = lone(response, "output");
	value = value ? value : lone(response, "result");
	value = value ? value : error;
	value = value ? value : response;
	struct chat_part *text = chat_parts_push(p->arena, &part->parts, CHAT_PART_TEXT);
	part->is_error = error != NULL;
	part->has_string_content = true;
	text->text = json_is(value, JSON_STRING) ? json_string(value, p->arena) : json_raw(value);
	if (response == NULL) {
		text->text = SLICE("");
	}
}

static bool read_result(struct gemini_parser *p, const struct json *value, struct chat_part *part) {
	static const char *const known[] = {"name", "parts", NULL};
	part->kind = CHAT_PART_TOOL_RESULT;
	part->name = json_string(gemini_get(value, "name"), p->arena);
	part->call_id = json_string(gemini_get(value, "id"), p->arena);
	read_response(p, gemini_get(value, "response"), part);
	json_each (media, gemini_get(value, "parts")) {
		const struct json *data = gemini_get(media, "inlineData");
		const struct json *file = gemini_get(media, "fileData");
		struct chat_part *inner = chat_parts_push(p->arena, &part->parts, CHAT_PART_FILE);
		part->has_string_content = false;
		if (data ? !read_inline_data(p, data, inner) : !read_file_data(p, file, inner)) {
			return false;
		}
	}
	gemini_keep_unknown(p, value, "functionResponse.", known, &part->ext);
	return part->name.len > 0 || gemini_refuse(p, "functionResponse.name", "it is required");
}

/* ---- parts ---- */

static bool read_text(struct gemini_parser *p, const struct json *value, struct chat_part *part) {
	if (!json_is(value, JSON_STRING)) {
		return gemini_refuse(p, "text", "must be a string");
	}
	part->text = json_string(value, p->arena);
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct gemini_parser *p, const struct json *value, struct chat_part *part);
} part_kinds[] = {
	{"functionCall", read_call},
	{"functionResponse", read_result},
	{"inlineData", read_inline_data},
	{"fileData", read_file_data},
	{"text", read_text},
};

/* Code that Google ran, calls of its own tools, and whatever comes later: for Gemini only. */
static void read_other(const struct json *json, struct chat_part *part) {
	static const char *const server[] = {
		"executableCode", "codeExecutionResult", "toolCall", "toolResponse"};
	part->provider = FORMAT_GEMINI;
	part->kind = CHAT_PART_RAW;
	part->raw = json_raw(json);
	part->raw_type = part->ext.items[0].name;
	part->ext.len = 0;
	for (size_t i = 0; i < sizeof server / sizeof *server; i++) {
		if (gemini_get(json, server[i]) != NULL) {
			part->kind = CHAT_PART_SERVER_TOOL;
			part->raw_type = slice_of(server[i]);
		}
	}
}

static bool read_part(struct gemini_parser *p, const struct json *json, struct chat_parts *parts) {
	static const char *const known[] = {"functionCall", "functionResponse", "inlineData",
		"fileData", "text", "thought", "thoughtSignature", NULL};
	if (!json_is(json, JSON_OBJECT)) {
		return gemini_refuse(p, "", "must be an object");
	}
	struct slice signature = json_string(gemini_get(json, "thoughtSignature"), p->arena);
	bool is_thought = json_is(gemini_get(json, "thought"), JSON_TRUE);
	struct chat_part *part = chat_parts_push(p->arena, parts, CHAT_PART_TEXT);
	bool has_data = false;
	part->text = SLICE("");
	for (size_t i = 0; i < sizeof part_kinds / sizeof *part_kinds; i++) {
		const struct json *value = gemini_get(json, part_kinds[i].name);
		if (value != NULL) {
			has_data = true;
			if (!part_kinds[i].read(p, value, part)) {
				return false;
			}
			break;
		}
	}
	gemini_keep_unknown(p, json, "", known, &part->ext);
	if (!has_data && part->ext.len > 0) {
		read_other(json, part);
		return true;
	}
	if (part->kind == CHAT_PART_TEXT && is_thought) {
		part->kind = CHAT_PART_THINKING;
		part->provider = FORMAT_GEMINI;
	}
	if (signature.len > 0) { /* IR-12: where it came with */
		part->signature = signature;
		part->provider = FORMAT_GEMINI;
	}
	return true;
}

static bool read_parts(struct gemini_parser *p, const struct json *list, const char *where,
	struct chat_parts *parts) {
	size_t number = 0;
	if (list == NULL) {
		return true;
	}
	if (json_is(list, JSON_OBJECT)) {
		return read_part(p, list, parts);
	}
	if (!json_is(list, JSON_ARRAY)) {
		return gemini_refuse(p, "parts", "must be a list");
	}
	json_each (part, list) {
		p->path = arena_printf(p->arena, "%s.parts[%zu]", where, number++).data;
		if (!read_part(p, part, parts)) {
			return false;
		}
	}
	p->path = where;
	return true;
}

/* ---- GC-2: calls and results without ids ---- */

/* Calls that have no result yet, first in first out by name. */
struct pairing {
	struct {
		struct pending {
			struct slice id;
			uint32_t next; /* of the same name */
			bool is_taken;
		} * items;
		size_t len, cap;
	} calls;
	struct index first, last, by_id; /* the first two by name */
	size_t made;
};

/* By its place, not by chance: the prompt caches of upstreams depend on equal beginnings. */
static struct slice make_id(struct gemini_parser *p, struct pairing *pairing) {
	return arena_printf(p->arena, "call_gemini_%zu", pairing->made++);
}

static void note_calls(struct gemini_parser *p, struct pairing *pairing, struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		if (part->call_id.len == 0) {
			part->call_id = make_id(p, pairing);
		}
		uint32_t number = (uint32_t)pairing->calls.len;
		*ARENA_PUSH(p->arena, &pairing->calls) =
			(struct pending){.id = part->call_id, .next = INDEX_NONE};
		if (index_get(&pairing->first, part->name) == INDEX_NONE) {
			index_put(&pairing->first, p->arena, part->name, number);
		} else {
			uint32_t last = index_get(&pairing->last, part->name);
			pairing->calls.items[last].next = number;
		}
		index_put(&pairing->last, p->arena, part->name, number);
		index_put(&pairing->by_id, p->arena, part->call_id, number);
	}
}

static void pair_result(struct gemini_parser *p, struct pairing *pairing, struct chat_part *part) {
	if (part->call_id.len > 0) {
		uint32_t known = index_get(&pairing->by_id, part->call_id);
		if (known != INDEX_NONE) {
			pairing->calls.items[known].is_taken = true;
		}
		return;
	}
	uint32_t at = index_get(&pairing->first, part->name);
	while (at != INDEX_NONE && pairing->calls.items[at].is_taken) {
		at = pairing->calls.items[at].next;
	}
	part->call_id = at != INDEX_NONE ? pairing->calls.items[at].id : make_id(p, pairing);
	index_put(&pairing->first, p->arena, part->name,
		at != INDEX_NONE ? pairing->calls.items[at].next : INDEX_NONE);
}

static void pair_results(
	struct gemini_parser *p, struct pairing *pairing, struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_TOOL_RESULT) {
			pair_result(p, pairing, &parts->items[i]);
		}
	}
}

/* ---- contents ---- */

/* IR-9: the results of a content become a tool message, the rest a user message behind it. */
static void push_user(struct gemini_parser *p, const struct chat_parts *parts) {
	struct chat_message *message = NULL;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_TOOL_RESULT) {
			message = message ? message : chat_request_push(p->request, CHAT_ROLE_TOOL);
			*ARENA_PUSH(p->arena, &message->parts) = parts->items[i];
		}
	}
	bool has_results = message != NULL;
	message = NULL;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_TOOL_RESULT) {
			message = message ? message : chat_request_push(p->request, CHAT_ROLE_USER);
			*ARENA_PUSH(p->arena, &message->parts) = parts->items[i];
		}
	}
	if (message == NULL && !has_results) {
		chat_request_push(p->request, CHAT_ROLE_USER);
	}
}

static bool read_content(
	struct gemini_parser *p, const struct json *content, struct pairing *pairing) {
	const char *where = p->path;
	struct chat_parts parts = {0};
	if (json_is(content, JSON_STRING)) {
		chat_parts_push(p->arena, &parts, CHAT_PART_TEXT)->text =
			json_string(content, p->arena);
		push_user(p, &parts);
		return true;
	}
	if (!json_is(content, JSON_OBJECT)) {
		return gemini_refuse(p, "", "must be an object");
	}
	if (!read_parts(p, gemini_get(content, "parts"), where, &parts)) {
		return false;
	}
	const struct json *role = gemini_get(content, "role");
	if (json_string_is(role, "model")) {
		note_calls(p, pairing, &parts);
		chat_request_push(p->request, CHAT_ROLE_ASSISTANT)->parts = parts;
	} else if (role == NULL || json_string_is(role, "user") ||
		   json_string_is(role, "function") || json_string_is(role, "")) {
		pair_results(p, pairing, &parts);
		push_user(p, &parts);
	} else {
		return gemini_refuse(p, "role", "Please use a valid role: user, model.");
	}
	return true;
}

bool gemini_parse_contents(struct gemini_parser *p, const struct json *contents) {
	struct pairing pairing = {.made = 0};
	size_t number = 0;
	p->path = "contents";
	if (!json_is(contents, JSON_ARRAY)) {
		bool ok = read_content(p, contents, &pairing);
		p->path = NULL;
		return ok;
	}
	json_each (content, contents) {
		p->path = arena_printf(p->arena, "contents[%zu]", number++).data;
		if (!read_content(p, content, &pairing)) {
			return false;
		}
	}
	p->path = NULL;
	return true;
}

bool gemini_parse_system(struct gemini_parser *p, const struct json *value) {
	struct chat_parts *system = &p->request->system;
	p->path = "systemInstruction";
	if (json_is(value, JSON_STRING)) {
		chat_parts_push(p->arena, system, CHAT_PART_TEXT)->text =
			json_string(value, p->arena);
	} else if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "", "must be an object");
	} else if (!read_parts(p, gemini_get(value, "parts"), p->path, system)) {
		return false;
	}
	for (size_t i = 0; i < system->len; i++) {
		if (system->items[i].kind != CHAT_PART_TEXT) {
			return gemini_refuse(p, "parts", "only text is allowed");
		}
	}
	p->path = NULL;
	return true;
}
