/* openai_chat_build_messages.c: the messages of a request for OpenAI Chat upstreams (OC-1..OC-6).
 */
#include "base/encoding.h"
#include "formats/build_common.h"
#include "formats/openai_chat_build.h"

static void drop(
	struct openai_chat_builder *b, const char *rule, const char *field, const char *reason) {
	chat_drop(b->losses, rule, field, reason);
}

static void begin_message(struct openai_chat_builder *b, const char *role) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "role", role);
}

/* ---- parts of user content (OC-2, 4.9) ---- */

static void begin_part(struct openai_chat_builder *b, const char *type) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", type);
}

static void write_text(struct openai_chat_builder *b, struct slice text) {
	begin_part(b, "text");
	json_put_string(&b->w, "text", text);
	json_end_object(&b->w);
}

static void write_visual(
	struct openai_chat_builder *b, const struct chat_part *part, const char *type) {
	begin_part(b, type);
	json_write_key(&b->w, type);
	json_begin_object(&b->w);
	if (part->source == CHAT_SOURCE_BASE64) {
		build_put_image_url(&b->w, "url", part);
	} else {
		json_put_string(&b->w, "url", part->data);
	}
	if (part->detail.data != NULL) {
		json_put_string(&b->w, "detail", part->detail);
	}
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_image(struct openai_chat_builder *b, const struct chat_part *part) {
	if (part->source == CHAT_SOURCE_FILE_ID) {
		openai_chat_reject(b, "messages",
			"an image by file id cannot be sent to another provider: send its data");
		return;
	}
	write_visual(b, part, "image_url");
}

static void write_video(struct openai_chat_builder *b, const struct chat_part *part) {
	if (!b->is_own || part->source == CHAT_SOURCE_FILE_ID) {
		openai_chat_reject(b, "messages", "this upstream does not take video");
		return;
	}
	write_visual(b, part, "video_url");
}

static void write_audio(struct openai_chat_builder *b, const struct chat_part *part) {
	static const struct {
		const char *media_type, *format;
	} formats[] = {{"audio/wav", "wav"}, {"audio/x-wav", "wav"}, {"audio/wave", "wav"},
		{"audio/mp3", "mp3"}, {"audio/mpeg", "mp3"}};
	const char *format = NULL;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (slice_ieq(part->media_type, slice_of(formats[i].media_type))) {
			format = formats[i].format;
		}
	}
	if (format != NULL && part->source == CHAT_SOURCE_BASE64) {
		begin_part(b, "input_audio");
		json_write_key(&b->w, "input_audio");
		json_begin_object(&b->w);
		json_put_string(&b->w, "data", part->data);
		json_put_cstr(&b->w, "format", format);
		json_end_object(&b->w);
		json_end_object(&b->w);
	} else if (part->text.len > 0) {
		chat_alter(b->losses, "OC-2", "audio", "its transcript went instead");
		write_text(b, part->text);
	} else {
		openai_chat_reject(b, "messages", "this upstream takes audio as wav or mp3 data");
	}
}

static void write_headed_text(
	struct openai_chat_builder *b, struct slice title, struct slice text) {
	begin_part(b, "text");
	json_write_key(&b->w, "text");
	json_begin_string(&b->w);
	if (title.len > 0) {
		json_write_string_part(&b->w, title);
		json_write_string_part(&b->w, SLICE(":\n"));
	}
	json_write_string_part(&b->w, text);
	json_end_string(&b->w);
	json_end_object(&b->w);
}

static void write_file_data(struct openai_chat_builder *b, const struct chat_part *part) {
	struct slice type = part->media_type.len ? part->media_type : SLICE("application/pdf");
	struct slice name = build_file_title(part);
	if (slice_istarts_with(type, SLICE("text/"))) {
		struct buf text;
		buf_init(&text, 0);
		if (base64_decode(part->data, &text) && utf8_valid(buf_slice(&text), NULL)) {
			write_headed_text(b, name, arena_dup(b->arena, buf_slice(&text)));
			buf_finish(&text);
			return;
		}
		buf_finish(&text);
	}
	begin_part(b, "file");
	json_write_key(&b->w, "file");
	json_begin_object(&b->w);
	json_put_string(&b->w, "filename", name.len ? name : SLICE("document.pdf"));
	build_put_data_url(&b->w, "file_data", type, part->data);
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_file_id(struct openai_chat_builder *b, const struct chat_part *part) {
	if (!b->is_own) {
		openai_chat_reject(b, "messages",
			"a file by id cannot be sent to another provider: send its data");
		return;
	}
	begin_part(b, "file");
	json_write_key(&b->w, "file");
	json_begin_object(&b->w);
	json_put_string(&b->w, "file_id", part->data);
	json_end_object(&b->w);
	json_end_object(&b->w);
}

static void write_part(struct openai_chat_builder *b, const struct chat_part *part);

static void write_parts(struct openai_chat_builder *b, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		write_part(b, &parts->items[i]);
	}
}

static void write_file(struct openai_chat_builder *b, const struct chat_part *part) {
	switch (part->source) {
	case CHAT_SOURCE_BASE64:
		write_file_data(b, part);
		break;
	case CHAT_SOURCE_FILE_ID:
		write_file_id(b, part);
		break;
	case CHAT_SOURCE_URL:
		chat_alter(b->losses, "OC-2", "messages.file", "its address went as text");
		write_headed_text(b, build_file_title(part), part->data);
		break;
	case CHAT_SOURCE_PARTS:
		write_parts(b, &part->parts);
		break;
	default:
		write_headed_text(b, build_file_title(part), part->text);
		break;
	}
}

static void write_search_result(struct openai_chat_builder *b, const struct chat_part *part) {
	struct slice text = chat_parts_text(b->arena, &part->parts, "\n");
	chat_alter(b->losses, "OC-2", "search_result", "it went as text");
	write_headed_text(b, part->title,
		part->data.len ? arena_printf(b->arena, "%.*s\n%.*s", SLICE_FMT(part->data),
					 SLICE_FMT(text))
			       : text);
}

static void write_raw(struct openai_chat_builder *b, const struct chat_part *part) {
	if (part->provider == FORMAT_OPENAI_CHAT) {
		json_write_raw(&b->w, part->raw);
	} else {
		drop(b, "IR-14", "content", "a block that only its own provider understands");
	}
}

static void write_part(struct openai_chat_builder *b, const struct chat_part *part) {
	if (part->cache.is_set) {
		drop(b, "OC-14", "cache_control", "cache marks are not sent to this upstream");
	}
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		write_text(b, part->text);
		break;
	case CHAT_PART_IMAGE:
		write_image(b, part);
		break;
	case CHAT_PART_AUDIO:
		write_audio(b, part);
		break;
	case CHAT_PART_VIDEO:
		write_video(b, part);
		break;
	case CHAT_PART_FILE:
		write_file(b, part);
		break;
	case CHAT_PART_SEARCH_RESULT:
		write_search_result(b, part);
		break;
	case CHAT_PART_RAW:
		write_raw(b, part);
		break;
	default:
		drop(b, "OC-2", "content", "a part that has no place in this message");
		break;
	}
}

/* ---- system (OC-1, OC-10) ---- */

static const char *system_role(const struct openai_chat_builder *b, enum chat_role asked) {
	bool may_be_developer = b->is_official && !(b->target->quirks & QUIRK_NO_DEVELOPER);
	bool is_wanted = b->is_own ? asked == CHAT_ROLE_DEVELOPER
				   : model_has(b->target->family, MODEL_WANTS_DEVELOPER);
	if (b->is_own && is_wanted && !may_be_developer) {
		chat_alter(b->losses, "E-56", "messages.role", "developer went as system");
	}
	return may_be_developer && is_wanted ? "developer" : "system";
}

/* OC-10: hosts without json_schema read the schema in the system text. */
static struct slice schema_text(struct openai_chat_builder *b) {
	const struct chat_response_format *format = &b->request->response_format;
	if (!(b->target->quirks & QUIRK_NO_JSON_SCHEMA) || !format->is_set ||
		format->kind != CHAT_RESPONSE_JSON_SCHEMA || format->schema.data == NULL) {
		return (struct slice){0};
	}
	chat_alter(b->losses, "OC-10", "response_format", "the schema went as system text");
	return arena_printf(b->arena, "Answer with JSON that matches this JSON Schema:\n%.*s",
		SLICE_FMT(format->schema));
}

static void write_system(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	struct chat_parts kept = {0};
	struct slice schema = schema_text(b);
	for (size_t i = 0; i < r->system.len; i++) {
		if (build_is_billing_header(&r->system.items[i])) {
			drop(b, "E-105", "system", "a billing header of another provider");
		} else {
			*chat_parts_push(b->arena, &kept, CHAT_PART_TEXT) = r->system.items[i];
		}
	}
	if (schema.data != NULL) {
		chat_parts_push(b->arena, &kept, CHAT_PART_TEXT)->text = schema;
	}
	if (kept.len == 0) {
		return;
	}
	enum chat_role asked = r->system.len ? r->system_role : CHAT_ROLE_SYSTEM;
	begin_message(b, system_role(b, asked));
	json_write_key(&b->w, "content");
	if (kept.len == 1 && kept.items[0].kind == CHAT_PART_TEXT && !kept.items[0].cache.is_set) {
		json_write_string(&b->w, kept.items[0].text);
	} else {
		json_begin_array(&b->w);
		write_parts(b, &kept);
		json_end_array(&b->w);
	}
	json_end_object(&b->w);
}

/* ---- messages of each role ---- */

/* E-57: OpenAI refuses names beyond [A-Za-z0-9_-]. */
static void write_name(struct openai_chat_builder *b, struct slice name) {
	static const struct name_rule rule = {"_-", 64};
	if (name.len == 0) {
		return;
	}
	if (b->is_official && !name_fits(&rule, name)) {
		drop(b, "E-57", "messages.name", "it has characters the upstream refuses");
		return;
	}
	json_put_string(&b->w, "name", name);
}

static void write_message_ext(struct openai_chat_builder *b, const struct chat_message *message) {
	for (size_t i = 0; i < message->ext.len; i++) {
		const struct chat_ext *ext = &message->ext.items[i];
		if (ext->format == FORMAT_OPENAI_CHAT && !b->is_official) {
			json_write_key_slice(&b->w, ext->name);
			json_write_raw(&b->w, ext->json);
		} else {
			drop(b, "IR-1", "messages", "a field the upstream does not know");
		}
	}
}

static void write_user(
	struct openai_chat_builder *b, const struct chat_message *message, const char *role) {
	const struct chat_parts *parts = &message->parts;
	begin_message(b, role);
	write_name(b, message->name);
	json_write_key(&b->w, "content");
	if (parts->len == 1 && parts->items[0].kind == CHAT_PART_TEXT) {
		if (parts->items[0].cache.is_set) {
			drop(b, "OC-14", "cache_control",
				"cache marks are not sent to this upstream");
		}
		json_write_string(&b->w, parts->items[0].text);
	} else {
		json_begin_array(&b->w);
		write_parts(b, parts);
		json_end_array(&b->w);
	}
	write_message_ext(b, message);
	json_end_object(&b->w);
}

/* The texts of a kind joined without a separator (OC-3); nothing when there are none. */
static bool write_joined(struct openai_chat_builder *b, const char *key,
	const struct chat_parts *parts, enum chat_part_kind kind) {
	bool has_some = false;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != kind) {
			continue;
		}
		if (!has_some) {
			json_write_key(&b->w, key);
			json_begin_string(&b->w);
			has_some = true;
		}
		json_write_string_part(&b->w, parts->items[i].text);
	}
	if (has_some) {
		json_end_string(&b->w);
	}
	return has_some;
}

/* OC-4 */
static struct slice call_id(struct openai_chat_builder *b, struct slice id) {
	static const struct name_rule rule = {"_-", 64};
	return id.len <= 64 ? id : names_to_upstream(&b->ids, b->arena, &rule, id);
}

static void write_call(struct openai_chat_builder *b, const struct chat_part *part) {
	enum chat_tool_kind kind = part->tool_kind;
	struct slice args = part->args;
	if (kind == CHAT_TOOL_CUSTOM && openai_chat_wraps_custom(b)) {
		kind = CHAT_TOOL_FUNCTION;
		args = format_custom_tool_args(b->arena, part->args);
	}
	/* CC-8, GM-8: only Google's compatible endpoint has use for it, others refuse the field */
	struct slice signature = {0};
	if (strcmp(b->target->family->vendor, "google") == 0) {
		signature = part->signature;
	}
	openai_chat_write_call(&b->w, -1, call_id(b, part->call_id),
		openai_chat_tool_name(b, part->name), kind, args, signature);
}

static bool is_call(const struct chat_part *part) {
	return part->kind == CHAT_PART_TOOL_CALL && part->name.len > 0; /* NM-2 */
}

static size_t count_calls(const struct chat_message *message) {
	size_t count = 0;
	for (size_t i = 0; i < message->parts.len; i++) {
		count += is_call(&message->parts.items[i]);
	}
	return count;
}

/* OC-3, E-73: thinking goes where the host or the model takes it; some models only within the tool
 * loop that is under way. */
static bool takes_thinking(const struct openai_chat_builder *b, size_t number) {
	return model_has(b->target->family, MODEL_WANTS_LOOP_THINKING)
		       ? number > b->last_user
		       : (b->target->quirks & QUIRK_REASONING_CONTENT) != 0;
}

static void write_thinking(struct openai_chat_builder *b, size_t number) {
	const struct chat_parts *parts = &b->request->messages.items[number].parts;
	if (takes_thinking(b, number)) {
		write_joined(b, "reasoning_content", parts, CHAT_PART_THINKING);
		return;
	}
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind == CHAT_PART_THINKING) {
			drop(b, "OC-3", "messages.thinking", "the upstream takes no thinking back");
		}
	}
}

static void write_audio_reference(struct openai_chat_builder *b, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		bool is_audio = part->kind == CHAT_PART_RAW &&
				part->provider == FORMAT_OPENAI_CHAT &&
				slice_is(part->raw_type, "audio");
		if (is_audio) {
			json_put_raw(&b->w, "audio", part->raw);
		} else if (part->kind == CHAT_PART_SERVER_TOOL || part->kind == CHAT_PART_RAW) {
			drop(b, "IR-14", "content",
				"a block that only its own provider understands");
		} else if (part->kind == CHAT_PART_IMAGE) {
			drop(b, "OC-3", "content", "an assistant message takes no image");
		}
	}
}

static void write_assistant(struct openai_chat_builder *b, size_t number) {
	const struct chat_message *message = &b->request->messages.items[number];
	const struct chat_parts *parts = &message->parts;
	begin_message(b, "assistant");
	write_name(b, message->name);
	if (!write_joined(b, "content", parts, CHAT_PART_TEXT)) {
		if (message->has_string_content) {
			json_put_cstr(&b->w, "content", "");
		} else {
			json_put_null(&b->w, "content");
		}
	}
	write_joined(b, "refusal", parts, CHAT_PART_REFUSAL);
	write_thinking(b, number);
	write_audio_reference(b, parts);
	if (count_calls(message) > 0) {
		json_write_key(&b->w, "tool_calls");
		json_begin_array(&b->w);
		for (size_t i = 0; i < parts->len; i++) {
			if (is_call(&parts->items[i])) {
				write_call(b, &parts->items[i]);
			}
		}
		json_end_array(&b->w);
	}
	write_message_ext(b, message);
	json_end_object(&b->w);
}

/* ---- tool results (OC-5, OC-6) ---- */

/* Which results were sent, by message and part. */
struct sent_results {
	bool **of_message;
};

static bool *sent_flags(struct openai_chat_builder *b, struct sent_results *sent, size_t message) {
	if (sent->of_message[message] == NULL) {
		sent->of_message[message] = ARENA_ARRAY(
			b->arena, bool, b->request->messages.items[message].parts.len + 1);
	}
	return sent->of_message[message];
}

/* The results that may answer the calls of one message, by id. */
struct open_results {
	struct {
		struct open_result {
			const struct chat_part *part;
			bool *is_sent;
			uint32_t next; /* of the same id */
		} * items;
		size_t len, cap;
	} list;
	struct index first;
};

/* They stand in the tool messages that follow, up to the next assistant message with calls (E-45:
 * perhaps behind other messages). Read from the end, so that the first of an id is found first. */
static void find_results(struct openai_chat_builder *b, struct sent_results *sent, size_t from,
	struct open_results *open) {
	const struct chat_request *r = b->request;
	size_t end = from + 1;
	while (end < r->messages.len && (r->messages.items[end].role != CHAT_ROLE_ASSISTANT ||
						count_calls(&r->messages.items[end]) == 0)) {
		end++;
	}
	for (size_t m = end; m-- > from + 1;) {
		const struct chat_message *message = &r->messages.items[m];
		if (message->role != CHAT_ROLE_TOOL) {
			continue;
		}
		bool *flags = sent_flags(b, sent, m);
		for (size_t i = message->parts.len; i-- > 0;) {
			const struct chat_part *part = &message->parts.items[i];
			if (part->kind == CHAT_PART_TOOL_RESULT) {
				*ARENA_PUSH(b->arena, &open->list) = (struct open_result){
					part, &flags[i], index_get(&open->first, part->call_id)};
				index_put(&open->first, b->arena, part->call_id,
					(uint32_t)(open->list.len - 1));
			}
		}
	}
}

static const struct chat_part *take_result(
	struct openai_chat_builder *b, struct open_results *open, struct slice id) {
	uint32_t number = index_get(&open->first, id);
	if (number == INDEX_NONE) {
		return NULL;
	}
	const struct open_result *result = &open->list.items[number];
	*result->is_sent = true;
	index_put(&open->first, b->arena, id, result->next);
	return result->part;
}

/* What a part of a result is in text; absent for what cannot be. */
static struct slice result_text(struct openai_chat_builder *b, const struct chat_part *part) {
	switch (part->kind) {
	case CHAT_PART_TEXT:
		return part->text;
	case CHAT_PART_IMAGE:
		chat_alter(b->losses, "OC-5", "tool_result", "its images follow in a user message");
		return SLICE("[image attached]");
	case CHAT_PART_FILE:
		chat_alter(b->losses, "OC-5", "tool_result", "a file in it went as text");
		return part->source == CHAT_SOURCE_TEXT  ? part->text
		       : part->source == CHAT_SOURCE_URL ? part->data
		       : part->source == CHAT_SOURCE_PARTS
			       ? chat_parts_text(b->arena, &part->parts, "\n")
			       : SLICE("[file attached]");
	case CHAT_PART_SEARCH_RESULT:
		return chat_parts_text(b->arena, &part->parts, "\n");
	default:
		return part->raw;
	}
}

static void write_result_text(struct openai_chat_builder *b, const struct chat_part *result) {
	bool needs_gap = false;
	json_begin_string(&b->w);
	if (build_needs_error_mark(b->arena, result)) {
		json_write_string_part(&b->w, SLICE("Error: "));
	}
	for (size_t i = 0; i < result->parts.len; i++) {
		struct slice text = result_text(b, &result->parts.items[i]);
		if (text.data == NULL) {
			continue;
		}
		if (needs_gap) {
			json_write_string_part(&b->w, SLICE("\n"));
		}
		json_write_string_part(&b->w, text);
		needs_gap = true;
	}
	json_end_string(&b->w);
}

static void write_result(
	struct openai_chat_builder *b, struct slice id, const struct chat_part *result) {
	begin_message(b, "tool");
	json_put_string(&b->w, "tool_call_id", call_id(b, id));
	json_write_key(&b->w, "content");
	if (result == NULL) {
		chat_alter(b->losses, "OC-6", "messages", "a call without a result got one");
		json_write_cstr(&b->w, "No result.");
	} else {
		if (result->cache.is_set) {
			drop(b, "OC-14", "cache_control",
				"cache marks are not sent to this upstream");
		}
		write_result_text(b, result);
	}
	json_end_object(&b->w);
}

/* Images and files of results: one user message after all of them, never between two. */
static bool is_attachment(const struct chat_part *part) {
	return part->kind == CHAT_PART_IMAGE ||
	       (part->kind == CHAT_PART_FILE && part->source == CHAT_SOURCE_BASE64);
}

static void write_attachments(
	struct openai_chat_builder *b, const struct chat_part *const *results, size_t count) {
	bool is_open = false;
	for (size_t r = 0; r < count; r++) {
		for (size_t i = 0; results[r] != NULL && i < results[r]->parts.len; i++) {
			const struct chat_part *part = &results[r]->parts.items[i];
			if (!is_attachment(part)) {
				continue;
			}
			if (!is_open) {
				begin_message(b, "user");
				json_write_key(&b->w, "content");
				json_begin_array(&b->w);
				is_open = true;
			}
			write_part(b, part);
		}
	}
	if (is_open) {
		json_end_array(&b->w);
		json_end_object(&b->w);
	}
}

static void write_results(struct openai_chat_builder *b, struct sent_results *sent, size_t number) {
	const struct chat_message *message = &b->request->messages.items[number];
	size_t count = 0;
	struct open_results open = {0};
	if (count_calls(message) == 0) {
		return;
	}
	const struct chat_part **results =
		ARENA_ARRAY(b->arena, const struct chat_part *, message->parts.len + 1);
	find_results(b, sent, number, &open);
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (is_call(part)) {
			results[count] = take_result(b, &open, part->call_id);
			write_result(b, part->call_id, results[count++]);
		}
	}
	write_attachments(b, results, count);
}

/* OC-6, NM-2: what is left has no call. */
static void write_orphans(struct openai_chat_builder *b, struct sent_results *sent, size_t number) {
	const struct chat_message *message = &b->request->messages.items[number];
	const bool *flags = sent_flags(b, sent, number);
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind != CHAT_PART_TOOL_RESULT || flags[i]) {
			continue;
		}
		chat_alter(b->losses, "OC-6", "messages", "a result without a call went as text");
		begin_message(b, "user");
		json_write_key(&b->w, "content");
		json_begin_array(&b->w);
		write_text(b, arena_printf(b->arena,
				      "Result of the tool call %.*s:", SLICE_FMT(part->call_id)));
		write_parts(b, &part->parts);
		json_end_array(&b->w);
		json_end_object(&b->w);
	}
}

/* ---- all of them ---- */

/* 0 when there is none: before it nobody can have answered. */
static size_t last_user(const struct chat_request *r) {
	size_t i = r->messages.len;
	while (i > 0 && r->messages.items[i - 1].role != CHAT_ROLE_USER) {
		i--;
	}
	return i > 0 ? i - 1 : 0;
}

/* OC-5, 7.2: a tool message takes text only; images in it have to move. */
bool openai_chat_can_splice(const struct chat_request *request) {
	for (size_t m = 0; m < request->messages.len; m++) {
		const struct chat_message *message = &request->messages.items[m];
		for (size_t i = 0; message->role == CHAT_ROLE_TOOL && i < message->parts.len; i++) {
			if (!chat_parts_all_text(&message->parts.items[i].parts)) {
				return false;
			}
		}
	}
	return format_calls_are_paired(request, false);
}

void openai_chat_build_messages(struct openai_chat_builder *b) {
	const struct chat_request *r = b->request;
	struct sent_results sent = {ARENA_ARRAY(b->arena, bool *, r->messages.len + 1)};
	b->last_user = last_user(r);
	json_write_key(&b->w, "messages");
	json_begin_array(&b->w);
	write_system(b);
	for (size_t i = 0; i < r->messages.len; i++) {
		const struct chat_message *message = &r->messages.items[i];
		switch (message->role) {
		case CHAT_ROLE_SYSTEM:
		case CHAT_ROLE_DEVELOPER:
			write_user(b, message, system_role(b, message->role));
			break;
		case CHAT_ROLE_USER:
			write_user(b, message, "user");
			break;
		case CHAT_ROLE_ASSISTANT:
			write_assistant(b, i);
			write_results(b, &sent, i);
			break;
		case CHAT_ROLE_TOOL:
			write_orphans(b, &sent, i);
			break;
		}
	}
	json_end_array(&b->w);
}
