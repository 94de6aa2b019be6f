/* ollama_build_messages.c: the messages or the prompt of a request for Ollama upstreams (OU-1,
 * OU-2, OU-3). */
#include "base/encoding.h"
#include "formats/json_repair.h"
#include "formats/ollama_build.h"

static void drop(
	struct ollama_builder *b, const char *rule, const char *field, const char *reason) {
	chat_drop(b->losses, rule, field, reason);
}

/* ---- parts as text (OU-1, 4.9) ---- */

/* The text that is being written: parts are joined by line ends. */
struct joined {
	struct ollama_builder *b;
	bool has_some;
};

static void add(struct joined *to, struct slice text) {
	if (to->has_some) {
		json_write_string_part(&to->b->w, SLICE("\n"));
	}
	to->has_some = true;
	json_write_string_part(&to->b->w, text);
}

static void add_headed(struct joined *to, struct slice title, struct slice text) {
	if (title.len > 0) {
		add(to, title);
		json_write_string_part(&to->b->w, SLICE(":"));
	}
	add(to, text);
}

static void add_file(struct joined *to, const struct chat_part *part);

static void add_part(struct joined *to, const struct chat_part *part) {
	struct ollama_builder *b = to->b;
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		add(to, part->text);
		break;
	case CHAT_PART_FILE:
		add_file(to, part);
		break;
	case CHAT_PART_SEARCH_RESULT:
		chat_alter(b->losses, "OU-1", "search_result", "it went as text");
		add_headed(to, part->title, chat_parts_text(b->arena, &part->parts, "\n"));
		break;
	case CHAT_PART_AUDIO:
	case CHAT_PART_VIDEO:
		ollama_reject(b, "messages", "this upstream takes neither audio nor video");
		break;
	case CHAT_PART_RAW:
	case CHAT_PART_SERVER_TOOL:
		drop(b, "IR-14", "content", "a block that only its own provider understands");
		break;
	default:
		break; /* images, calls, thinking and results have fields of their own */
	}
	if (part->cache.is_set) {
		drop(b, "4.10", "cache_control", "the upstream knows no cache marks");
	}
}

static bool decode_text(
	struct ollama_builder *b, const struct chat_part *part, struct slice *text) {
	struct buf bytes;
	buf_init(&bytes, 0);
	bool ok = slice_istarts_with(part->media_type, SLICE("text/")) &&
		  base64_decode(part->data, &bytes) && utf8_valid(buf_slice(&bytes), NULL);
	if (ok) {
		*text = arena_dup(b->arena, buf_slice(&bytes));
	}
	buf_finish(&bytes);
	return ok;
}

static void add_file(struct joined *to, const struct chat_part *part) {
	struct ollama_builder *b = to->b;
	struct slice title = part->filename.len > 0 ? part->filename : part->title, text;
	switch (part->source) {
	case CHAT_SOURCE_BASE64:
		if (decode_text(b, part, &text)) {
			add_headed(to, title, text);
		} else {
			chat_drop(b->losses, "4.9", "messages.file",
				"the upstream takes no files: a note stands for it");
			add_headed(to, title, SLICE("[a file that this model cannot read]"));
		}
		break;
	case CHAT_SOURCE_FILE_ID:
		ollama_reject(b, "messages",
			"a file by id cannot be sent to another provider: send its text");
		break;
	case CHAT_SOURCE_URL:
		chat_alter(b->losses, "4.9", "messages.file", "its address went as text");
		add_headed(to, title, part->data);
		break;
	case CHAT_SOURCE_PARTS:
		for (size_t i = 0; i < part->parts.len; i++) {
			add_part(to, &part->parts.items[i]);
		}
		break;
	default:
		add_headed(to, title, part->text);
		break;
	}
}

static void write_text(struct ollama_builder *b, const char *key, const struct chat_parts *parts) {
	struct joined text = {b, false};
	json_write_key(&b->w, key);
	json_begin_string(&b->w);
	for (size_t i = 0; i < parts->len; i++) {
		add_part(&text, &parts->items[i]);
	}
	json_end_string(&b->w);
}

static void write_images(struct ollama_builder *b, const struct chat_parts *parts) {
	bool is_open = false;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_IMAGE) {
			continue;
		}
		if (part->source != CHAT_SOURCE_BASE64) {
			ollama_reject(b, "messages",
				"this upstream takes images as base64 data, not by address or id");
			return;
		}
		if (!is_open) {
			json_write_key(&b->w, "images");
			json_begin_array(&b->w);
			is_open = true;
		}
		json_write_string(&b->w, part->data);
	}
	if (is_open) {
		json_end_array(&b->w);
	}
}

/* ---- system (4.2, OU-5) ---- */

/* OU-5: a forced tool can only be asked for. */
static struct slice forced_tool_text(struct ollama_builder *b) {
	const struct chat_tool_choice *choice = &b->request->tool_choice;
	bool is_required = choice->mode == CHAT_TOOL_CHOICE_REQUIRED ||
			   (choice->mode == CHAT_TOOL_CHOICE_ALLOWED && choice->allowed_required);
	if (b->request->tools.len == 0 ||
		(!is_required && choice->mode != CHAT_TOOL_CHOICE_NAMED)) {
		return (struct slice){0};
	}
	chat_alter(b->losses, "OU-5", "tool_choice", "asked for in the system text");
	if (is_required) {
		return SLICE("You must answer by calling at least one of the tools.");
	}
	return arena_printf(
		b->arena, "You must answer by calling the tool \"%.*s\".", SLICE_FMT(choice->name));
}

/* E-105: it changes with every call and means nothing elsewhere. */
static bool is_billing_header(const struct chat_part *part) {
	return slice_starts_with(part->text, SLICE("x-anthropic-billing-header"));
}

static struct chat_parts system_parts(struct ollama_builder *b) {
	const struct chat_parts *system = &b->request->system;
	struct slice forced = forced_tool_text(b);
	struct chat_parts kept = {0};
	for (size_t i = 0; i < system->len; i++) {
		if (is_billing_header(&system->items[i])) {
			drop(b, "E-105", "system", "a billing header of another provider");
		} else {
			*chat_parts_push(b->arena, &kept, CHAT_PART_TEXT) = system->items[i];
		}
	}
	if (forced.data != NULL) {
		chat_parts_push(b->arena, &kept, CHAT_PART_TEXT)->text = forced;
	}
	return kept;
}

/* ---- messages ---- */

static void begin_message(struct ollama_builder *b, const char *role) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "role", role);
}

static void write_plain(
	struct ollama_builder *b, const struct chat_message *message, const char *role) {
	begin_message(b, role);
	write_text(b, "content", &message->parts);
	write_images(b, &message->parts);
	json_end_object(&b->w);
	if (message->name.len > 0) {
		drop(b, "4.2", "messages.name", "the upstream knows no names");
	}
}

static void write_thinking(struct ollama_builder *b, const struct chat_parts *parts) {
	bool is_open = false;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_THINKING || part->is_redacted || part->text.len == 0) {
			continue;
		}
		if (!is_open) {
			json_write_key(&b->w, "thinking");
			json_begin_string(&b->w);
			is_open = true;
		}
		json_write_string_part(&b->w, part->text);
	}
	if (is_open) {
		json_end_string(&b->w);
	}
}

/* OU-2: arguments are an object. */
static void write_call(struct ollama_builder *b, const struct chat_part *part) {
	bool is_custom = part->tool_kind == CHAT_TOOL_CUSTOM;
	json_begin_object(&b->w);
	if (part->call_id.len > 0) {
		json_put_string(&b->w, "id", part->call_id);
	}
	json_write_key(&b->w, "function");
	json_begin_object(&b->w);
	json_put_string(&b->w, "name", part->name);
	json_put_raw(&b->w, "arguments",
		is_custom ? format_custom_tool_args(b->arena, part->args)
			  : json_repair_object(b->arena, part->args));
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_calls(struct ollama_builder *b, const struct chat_parts *parts) {
	bool is_open = false;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_TOOL_CALL || part->name.len == 0) { /* NM-2 */
			continue;
		}
		if (!is_open) {
			json_write_key(&b->w, "tool_calls");
			json_begin_array(&b->w);
			is_open = true;
		}
		write_call(b, part);
	}
	if (is_open) {
		json_end_array(&b->w);
	}
}

static void write_assistant(struct ollama_builder *b, const struct chat_message *message) {
	begin_message(b, "assistant");
	write_text(b, "content", &message->parts);
	write_thinking(b, &message->parts);
	write_images(b, &message->parts);
	write_calls(b, &message->parts);
	json_end_object(&b->w);
}

/* ---- results (OU-2) ---- */

/* The tool's name for a result that does not say it: of the nearest call before with its id. */
static struct slice name_of_call(struct ollama_builder *b, struct slice id) {
	uint32_t number = index_get(&b->calls_by_id, id);
	struct slice absent = {0};
	return number == INDEX_NONE ? absent : b->call_names.items[number];
}

static void note_calls(struct ollama_builder *b, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind == CHAT_PART_TOOL_CALL && part->call_id.len > 0) {
			*ARENA_PUSH(b->arena, &b->call_names) = part->name;
			index_put(&b->calls_by_id, b->arena, part->call_id,
				(uint32_t)(b->call_names.len - 1));
		}
	}
}

static void write_result(struct ollama_builder *b, const struct chat_part *result) {
	struct slice name = result->name.len > 0 ? result->name : name_of_call(b, result->call_id);
	struct slice first = chat_parts_text(b->arena, &result->parts, "\n");
	struct joined text = {b, false};
	begin_message(b, "tool");
	json_write_key(&b->w, "content");
	json_begin_string(&b->w);
	if (result->is_error && !slice_istarts_with(first, SLICE("error"))) {
		json_write_string_part(&b->w, SLICE("Error: ")); /* as OC-5 */
	}
	for (size_t i = 0; i < result->parts.len; i++) {
		add_part(&text, &result->parts.items[i]);
	}
	json_end_string(&b->w);
	write_images(b, &result->parts);
	if (name.len > 0) {
		json_put_string(&b->w, "tool_name", name);
	}
	if (result->call_id.len > 0) {
		json_put_string(&b->w, "tool_call_id", result->call_id);
	}
	json_end_object(&b->w);
}

static void write_results(struct ollama_builder *b, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_TOOL_RESULT) {
			write_result(b, &parts->items[i]);
		}
	}
}

void ollama_build_messages(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	const struct chat_message system = {.parts = system_parts(b)};
	json_write_key(&b->w, "messages");
	json_begin_array(&b->w);
	if (system.parts.len > 0) {
		write_plain(b, &system, "system");
	}
	for (size_t i = 0; i < r->messages.len; i++) {
		const struct chat_message *message = &r->messages.items[i];
		switch (message->role) {
		case CHAT_ROLE_SYSTEM:
		case CHAT_ROLE_DEVELOPER:
			write_plain(b, message, "system");
			break;
		case CHAT_ROLE_USER:
			write_plain(b, message, "user");
			break;
		case CHAT_ROLE_ASSISTANT:
			write_assistant(b, message);
			note_calls(b, &message->parts);
			break;
		case CHAT_ROLE_TOOL:
			write_results(b, &message->parts);
			break;
		}
	}
	json_end_array(&b->w);
}

void ollama_build_prompt(struct ollama_builder *b) {
	const struct chat_request *r = b->request;
	const struct chat_parts system = system_parts(b);
	static const struct chat_parts none = {0};
	const struct chat_parts *prompt = r->messages.len > 0 ? &r->messages.items[0].parts : &none;
	write_text(b, "prompt", prompt);
	if (r->suffix.data != NULL) {
		json_put_string(&b->w, "suffix", r->suffix);
	}
	if (system.len > 0) {
		write_text(b, "system", &system);
	}
	write_images(b, prompt);
}
