/* openai_responses_build_items.c: instructions and input items for Responses upstreams
 * (OR-1..OR-5).
 *
 * Two walks over the messages: the first finds which result answers which call, the second writes.
 * Items of clients of this dialect go out as they came, but for messages. */
#include "formats/build_common.h"
#include "formats/openai_responses_build.h"

/* A call, in the order of the conversation. */
struct openai_responses_call {
	struct slice upstream_id;
	enum chat_tool_kind kind;
	bool is_answered;
};

#define NO_CALL UINT32_MAX

/* What the first walk found: for every result, in order, the call it answers. */
struct pairs {
	struct {
		uint32_t *items;
		size_t len, cap;
	} results;
	size_t next_call, next_result; /* of the second walk */
	/* The upstream remembers calls that are not in this request. */
	bool has_earlier_calls;
};

static void drop(struct openai_responses_builder *b, const char *rule, const char *field,
	const char *reason) {
	chat_drop(b->losses, rule, field, reason);
}

static void begin_typed(struct openai_responses_builder *b, const char *type) {
	json_begin_object(&b->w);
	json_put_cstr(&b->w, "type", type);
}

static bool is_own_part(const struct chat_part *part) {
	return part->provider == FORMAT_OPENAI_RESPONSES && part->raw.data != NULL;
}

/* ---- which result answers which call (OR-4) ---- */

/* At most 64 characters; an id that was used before gets a number (E-51). */
static struct slice upstream_id(struct openai_responses_builder *b, struct slice id) {
	static const struct name_rule rule = {"_-", 64};
	uint32_t uses = index_get(&b->id_uses, id);
	uses = uses == INDEX_NONE ? 1 : uses + 1;
	index_put(&b->id_uses, b->arena, id, uses);
	if (uses > 1) {
		id = arena_printf(b->arena, "%.*s_%u", SLICE_FMT(id), (unsigned)uses);
	}
	return id.len <= rule.limit ? id : names_to_upstream(&b->ids, b->arena, &rule, id);
}

static void note_call(
	struct openai_responses_builder *b, struct index *last, const struct chat_part *part) {
	struct openai_responses_call *call = ARENA_PUSH(b->arena, &b->calls);
	call->kind = part->tool_kind;
	call->upstream_id = b->is_own ? part->call_id : upstream_id(b, part->call_id);
	index_put(last, b->arena, part->call_id, (uint32_t)(b->calls.len - 1));
}

static void note_result(struct openai_responses_builder *b, struct pairs *pairs,
	const struct index *last, const struct chat_part *part) {
	uint32_t number = index_get(last, part->call_id);
	if (number != INDEX_NONE && b->calls.items[number].is_answered) {
		number = INDEX_NONE;
	}
	if (number != INDEX_NONE) {
		b->calls.items[number].is_answered = true;
	}
	*ARENA_PUSH(b->arena, &pairs->results) = number;
}

/* NM-2: a call without a name is none, and its result becomes text. */
static bool is_call(const struct chat_part *part) {
	return part->kind == CHAT_PART_TOOL_CALL && part->name.len > 0;
}

static void find_pairs(struct openai_responses_builder *b, struct pairs *pairs) {
	const struct chat_request *r = b->request;
	struct index last = {0};
	pairs->has_earlier_calls =
		r->previous_response_id.len > 0 ||
		chat_ext_get(&r->ext, FORMAT_OPENAI_RESPONSES, "conversation").data != NULL;
	for (size_t m = 0; m < r->messages.len; m++) {
		const struct chat_message *message = &r->messages.items[m];
		for (size_t i = 0; i < message->parts.len; i++) {
			const struct chat_part *part = &message->parts.items[i];
			if (message->role == CHAT_ROLE_ASSISTANT && is_call(part)) {
				note_call(b, &last, part);
			} else if (message->role == CHAT_ROLE_TOOL &&
				   part->kind == CHAT_PART_TOOL_RESULT) {
				note_result(b, pairs, &last, part);
			}
		}
	}
}

/* ---- parts of what is not the assistant's (OR-2, 4.9) ---- */

static void write_text(struct openai_responses_builder *b, struct slice text) {
	begin_typed(b, "input_text");
	json_put_string(&b->w, "text", text);
	json_end_object(&b->w);
}

static void write_headed_text(
	struct openai_responses_builder *b, struct slice title, struct slice text) {
	if (title.len > 0) {
		text = arena_printf(b->arena, "%.*s:\n%.*s", SLICE_FMT(title), SLICE_FMT(text));
	}
	write_text(b, text);
}

/* File ids are provider scoped (4.9). */
static bool may_use_id(struct openai_responses_builder *b) {
	if (!b->is_own) {
		openai_responses_reject(b, "input",
			"a file by id cannot be sent to another provider: send its data");
	}
	return b->is_own;
}

static void write_image(struct openai_responses_builder *b, const struct chat_part *part) {
	if (part->source == CHAT_SOURCE_FILE_ID && !may_use_id(b)) {
		return;
	}
	begin_typed(b, "input_image");
	if (part->source == CHAT_SOURCE_FILE_ID) {
		json_put_string(&b->w, "file_id", part->data);
	} else if (part->source == CHAT_SOURCE_BASE64) {
		build_put_image_url(&b->w, "image_url", part);
	} else {
		json_put_string(&b->w, "image_url", part->data);
	}
	json_put_string(&b->w, "detail", part->detail.data ? part->detail : SLICE("auto"));
	json_end_object(&b->w);
}

static void write_parts(struct openai_responses_builder *b, const struct chat_parts *parts);

static void write_file(struct openai_responses_builder *b, const struct chat_part *part) {
	struct slice title = build_file_title(part);
	if (part->source == CHAT_SOURCE_PARTS) {
		write_parts(b, &part->parts);
		return;
	}
	if (part->source == CHAT_SOURCE_TEXT || part->source == CHAT_SOURCE_NONE) {
		write_headed_text(b, title, part->text);
		return;
	}
	if (part->source == CHAT_SOURCE_FILE_ID && !may_use_id(b)) {
		return;
	}
	begin_typed(b, "input_file");
	if (part->source == CHAT_SOURCE_FILE_ID) {
		json_put_string(&b->w, "file_id", part->data);
	} else if (part->source == CHAT_SOURCE_URL) {
		json_put_string(&b->w, "file_url", part->data);
	} else {
		json_put_string(&b->w, "filename", title.len ? title : SLICE("document.pdf"));
		build_put_data_url(&b->w, "file_data",
			part->media_type.len ? part->media_type : SLICE("application/pdf"),
			part->data);
	}
	json_end_object(&b->w);
}

static void write_audio(struct openai_responses_builder *b, const struct chat_part *part) {
	if (b->is_own) { /* the upstream answers for what its own client sends */
		size_t slash = slice_find_byte(part->media_type, '/');
		begin_typed(b, "input_audio");
		json_write_key(&b->w, "input_audio");
		json_begin_object(&b->w);
		json_put_string(&b->w, "data", part->data);
		json_put_string(&b->w, "format", slice_from(part->media_type, slash + 1));
		json_end_object(&b->w);
		json_end_object(&b->w);
	} else if (part->text.len > 0) {
		chat_alter(b->losses, "OR-2", "audio", "its transcript went instead");
		write_text(b, part->text);
	} else {
		openai_responses_reject(b, "input", "this upstream takes no audio");
	}
}

static void write_search_result(struct openai_responses_builder *b, const struct chat_part *part) {
	struct slice text = chat_parts_text(b->arena, &part->parts, "\n");
	chat_alter(b->losses, "OR-2", "search_result", "it went as text");
	write_headed_text(b, part->title.len ? part->title : part->data, text);
}

static void write_part(struct openai_responses_builder *b, const struct chat_part *part) {
	if (part->cache.is_set) {
		drop(b, "4.10", "cache_control", "cache marks are not sent to this upstream");
	}
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		write_text(b, part->text);
		break;
	case CHAT_PART_IMAGE:
		write_image(b, part);
		break;
	case CHAT_PART_FILE:
		write_file(b, part);
		break;
	case CHAT_PART_AUDIO:
		write_audio(b, part);
		break;
	case CHAT_PART_VIDEO:
		openai_responses_reject(b, "input", "this upstream takes no video");
		break;
	case CHAT_PART_SEARCH_RESULT:
		write_search_result(b, part);
		break;
	default:
		if (is_own_part(part)) {
			json_write_raw(&b->w, part->raw);
		} else {
			drop(b, "IR-14", "content",
				"a block that only its own provider understands");
		}
		break;
	}
}

static void write_parts(struct openai_responses_builder *b, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		write_part(b, &parts->items[i]);
	}
}

static void begin_message(struct openai_responses_builder *b, const char *role) {
	begin_typed(b, "message");
	json_put_cstr(&b->w, "role", role);
}

static void write_message(
	struct openai_responses_builder *b, const char *role, const struct chat_message *message) {
	if (message->name.data != NULL) {
		drop(b, "4.2", "messages.name", "messages have no name here");
	}
	begin_message(b, role);
	json_write_key(&b->w, "content");
	json_begin_array(&b->w);
	write_parts(b, &message->parts);
	json_end_array(&b->w);
	json_end_object(&b->w);
}

/* ---- the assistant's items ---- */

static bool is_said(const struct chat_part *part) {
	return (part->kind == CHAT_PART_TEXT || part->kind == CHAT_PART_REFUSAL) &&
	       part->text.len > 0;
}

/* Whether the part becomes an item that reasoning may stand before. */
static bool has_item(const struct chat_part *part) {
	bool is_raw = part->kind == CHAT_PART_SERVER_TOOL || part->kind == CHAT_PART_RAW;
	return is_said(part) || is_call(part) || (is_raw && is_own_part(part));
}

/* OR-5: only with a proof of this provider, and with the item that it led to. */
static bool may_replay(
	const struct openai_responses_builder *b, const struct chat_parts *parts, size_t at) {
	const struct chat_part *part = &parts->items[at];
	bool is_ours = part->provider == FORMAT_OPENAI_RESPONSES &&
		       (part->signature.len > 0 || (!b->is_stateless && part->item_id.len > 0));
	for (size_t i = at + 1; is_ours && i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_THINKING) {
			return has_item(&parts->items[i]);
		}
	}
	return false;
}

static void write_reasoning(struct openai_responses_builder *b, const struct chat_part *part) {
	if (is_own_part(part)) {
		json_write_raw(&b->w, part->raw);
		return;
	}
	begin_typed(b, "reasoning");
	json_write_key(&b->w, "summary");
	json_begin_array(&b->w);
	if (part->text.len > 0) {
		begin_typed(b, "summary_text");
		json_put_string(&b->w, "text", part->text);
		json_end_object(&b->w);
	}
	json_end_array(&b->w);
	json_put_string(&b->w, "encrypted_content", part->signature);
	json_end_object(&b->w);
}

/* The run of texts and refusals from `at` on as one message; returns how many parts it took. */
static size_t write_said(
	struct openai_responses_builder *b, const struct chat_message *message, size_t at) {
	const struct chat_parts *parts = &message->parts;
	size_t end = at;
	begin_message(b, "assistant");
	json_write_key(&b->w, "content");
	json_begin_array(&b->w);
	for (; end < parts->len && is_said(&parts->items[end]); end++) {
		const struct chat_part *part = &parts->items[end];
		bool is_refusal = part->kind == CHAT_PART_REFUSAL;
		bool has_notes = part->provider == FORMAT_OPENAI_RESPONSES && part->citations.data;
		begin_typed(b, is_refusal ? "refusal" : "output_text");
		json_put_string(&b->w, is_refusal ? "refusal" : "text", part->text);
		if (!is_refusal) {
			json_put_raw(
				&b->w, "annotations", has_notes ? part->citations : SLICE("[]"));
		}
		json_end_object(&b->w);
	}
	json_end_array(&b->w);
	if (message->phase.len > 0) { /* RS-28 */
		json_put_string(&b->w, "phase", message->phase);
	}
	json_end_object(&b->w);
	return end - at;
}

static void write_call(struct openai_responses_builder *b, const struct chat_part *part,
	const struct openai_responses_call *call) {
	bool is_custom = call->kind == CHAT_TOOL_CUSTOM;
	if (is_own_part(part)) {
		json_write_raw(&b->w, part->raw);
		return;
	}
	begin_typed(b, is_custom ? "custom_tool_call" : "function_call");
	json_put_string(&b->w, "call_id", call->upstream_id);
	json_put_string(&b->w, "name", openai_responses_tool_name(b, part->name));
	json_put_string(&b->w, is_custom ? "input" : "arguments", part->args);
	json_end_object(&b->w);
}

static void begin_output(
	struct openai_responses_builder *b, enum chat_tool_kind kind, struct slice id) {
	begin_typed(
		b, kind == CHAT_TOOL_CUSTOM ? "custom_tool_call_output" : "function_call_output");
	json_put_string(&b->w, "call_id", id);
}

/* OR-4: the API refuses a call without a result. */
static void write_missing(
	struct openai_responses_builder *b, const struct openai_responses_call *call) {
	chat_alter(b->losses, "OR-4", "input", "a call without a result got one");
	begin_output(b, call->kind, call->upstream_id);
	json_put_cstr(&b->w, "output", "No result.");
	json_end_object(&b->w);
}

static void write_thinking(
	struct openai_responses_builder *b, const struct chat_parts *parts, size_t at) {
	if (may_replay(b, parts, at)) {
		write_reasoning(b, &parts->items[at]);
	} else {
		drop(b, "OR-5", "thinking", "the upstream could not verify it");
	}
}

static void write_assistant(struct openai_responses_builder *b, struct pairs *pairs,
	const struct chat_message *message) {
	const struct chat_parts *parts = &message->parts;
	size_t first_call = pairs->next_call;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind == CHAT_PART_THINKING) {
			write_thinking(b, parts, i);
		} else if (is_said(part)) {
			i += write_said(b, message, i) - 1;
		} else if (is_call(part)) {
			write_call(b, part, &b->calls.items[pairs->next_call++]);
		} else if (has_item(part)) {
			json_write_raw(&b->w, part->raw);
		} else if (part->text.len > 0 || part->kind != CHAT_PART_TEXT) {
			drop(b, "IR-14", "content",
				"a block that an assistant message cannot hold here");
		}
	}
	for (size_t c = first_call; c < pairs->next_call; c++) {
		if (!b->calls.items[c].is_answered) {
			write_missing(b, &b->calls.items[c]);
		}
	}
}

/* ---- results ---- */

static void write_result_text(struct openai_responses_builder *b, const struct chat_part *result) {
	json_begin_string(&b->w);
	if (build_needs_error_mark(b->arena, result)) {
		json_write_string_part(&b->w, SLICE("Error: "));
	}
	for (size_t i = 0; i < result->parts.len; i++) {
		if (i > 0) {
			json_write_string_part(&b->w, SLICE("\n"));
		}
		json_write_string_part(&b->w, result->parts.items[i].text);
	}
	json_end_string(&b->w);
}

static void write_output(struct openai_responses_builder *b, const struct chat_part *result) {
	json_write_key(&b->w, "output");
	if (chat_parts_all_text(&result->parts)) {
		write_result_text(b, result);
		return;
	}
	json_begin_array(&b->w);
	if (result->is_error) {
		write_text(b, SLICE("Error:"));
	}
	write_parts(b, &result->parts);
	json_end_array(&b->w);
}

/* OR-4: a result that answers nothing is something the user says. */
static void write_orphan(struct openai_responses_builder *b, const struct chat_part *part) {
	chat_alter(b->losses, "OR-4", "input", "a result without a call went as text");
	begin_message(b, "user");
	json_write_key(&b->w, "content");
	json_begin_array(&b->w);
	write_text(b,
		arena_printf(b->arena, "Result of the tool call %.*s:", SLICE_FMT(part->call_id)));
	write_parts(b, &part->parts);
	json_end_array(&b->w);
	json_end_object(&b->w);
}

static void write_results(struct openai_responses_builder *b, struct pairs *pairs,
	const struct chat_message *message) {
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind != CHAT_PART_TOOL_RESULT) {
			continue;
		}
		uint32_t number = pairs->results.items[pairs->next_result++];
		if (number == NO_CALL && !pairs->has_earlier_calls) {
			write_orphan(b, part);
		} else if (is_own_part(part)) {
			json_write_raw(&b->w, part->raw);
		} else {
			const struct openai_responses_call *call =
				number == NO_CALL ? NULL : &b->calls.items[number];
			begin_output(b, call ? call->kind : part->tool_kind,
				call ? call->upstream_id : part->call_id);
			write_output(b, part);
			json_end_object(&b->w);
		}
		if (part->cache.is_set) {
			drop(b, "4.10", "cache_control",
				"cache marks are not sent to this upstream");
		}
	}
}

/* ---- all of them ---- */

/* OR-1 */
static void write_instructions(struct openai_responses_builder *b) {
	struct chat_parts kept = {0};
	for (size_t i = 0; i < b->request->system.len; i++) {
		const struct chat_part *part = &b->request->system.items[i];
		if (!b->is_own && build_is_billing_header(part)) {
			drop(b, "E-105", "system", "a billing header of another provider");
			continue;
		}
		if (part->cache.is_set) {
			drop(b, "4.10", "cache_control",
				"cache marks are not sent to this upstream");
		}
		*chat_parts_push(b->arena, &kept, CHAT_PART_TEXT) = *part;
	}
	if (kept.len > 0) {
		json_put_string(&b->w, "instructions", chat_parts_text(b->arena, &kept, "\n\n"));
	}
}

static bool says_json(const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		if (slice_icontains(parts->items[i].text, SLICE("json"))) {
			return true;
		}
	}
	return false;
}

/* OR-7: the API wants the word in the input, or refuses json_object. */
static void write_json_hint(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	const struct chat_response_format *format = &r->response_format;
	if (b->is_own || !format->is_set || format->kind != CHAT_RESPONSE_JSON_OBJECT) {
		return;
	}
	for (size_t i = 0; i < r->messages.len; i++) {
		if (says_json(&r->messages.items[i].parts)) {
			return;
		}
	}
	begin_message(b, "developer");
	json_write_key(&b->w, "content");
	json_begin_array(&b->w);
	write_text(b, SLICE("Answer with a JSON object."));
	json_end_array(&b->w);
	json_end_object(&b->w);
}

void openai_responses_build_input(struct openai_responses_builder *b) {
	const struct chat_request *r = b->request;
	struct pairs pairs = {0};
	find_pairs(b, &pairs);
	write_instructions(b);
	json_write_key(&b->w, "input");
	json_begin_array(&b->w);
	write_json_hint(b);
	for (size_t i = 0; i < r->messages.len; i++) {
		const struct chat_message *message = &r->messages.items[i];
		switch (message->role) {
		case CHAT_ROLE_SYSTEM:
			write_message(b, b->is_own ? "system" : "developer", message);
			break;
		case CHAT_ROLE_DEVELOPER:
			write_message(b, "developer", message);
			break;
		case CHAT_ROLE_USER:
			write_message(b, "user", message);
			break;
		case CHAT_ROLE_ASSISTANT:
			write_assistant(b, &pairs, message);
			break;
		case CHAT_ROLE_TOOL:
			write_results(b, &pairs, message);
			break;
		}
	}
	json_end_array(&b->w);
}
