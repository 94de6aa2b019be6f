/* openai_responses_decode_items.c: items of Responses answers into parts (OR-30..OR-32, OR-35).
 *
 * Hosts leave out deltas, `added` or `done` events, or everything but the last one. Each event says
 * what it knows, and an item remembers what of it was emitted. */
#include "formats/openai_responses_decode.h"

/* ---- what is remembered ---- */

static struct openai_responses_item *find_item(
	struct openai_responses_decoder *self, int64_t place) {
	for (size_t i = self->items.len; i > 0; i--) {
		if (self->items.items[i - 1].index == place) {
			return &self->items.items[i - 1];
		}
	}
	return NULL;
}

/* NULL when the answer has too many items (an error was sent), or ended. */
static struct openai_responses_item *item_at(struct openai_responses_decoder *self, int64_t place) {
	struct openai_responses_item *item = find_item(self, place);
	if (item != NULL || self->shell.emitter.has_ended) {
		return self->shell.emitter.has_ended ? NULL : item;
	}
	if (self->items.len >= OPENAI_RESPONSES_MAX_ITEMS) {
		struct error error;
		error_set(&error, ERROR_TOO_LARGE, "the upstream's answer has too many items");
		decode_fail(&self->shell, &error);
		return NULL;
	}
	item = ARENA_PUSH(self->shell.options.arena, &self->items);
	item->index = place;
	return item;
}

static struct openai_responses_content *content_at(
	struct openai_responses_decoder *self, struct openai_responses_item *item, int64_t number) {
	for (size_t i = item->contents.len; i > 0; i--) {
		if (item->contents.items[i - 1].index == number) {
			return &item->contents.items[i - 1];
		}
	}
	if (item->contents.len >= OPENAI_RESPONSES_MAX_ITEMS) {
		struct error error;
		error_set(&error, ERROR_TOO_LARGE,
			"a message of the upstream's answer has too many parts");
		decode_fail(&self->shell, &error);
		return NULL;
	}
	struct openai_responses_content *content =
		ARENA_PUSH(self->shell.options.arena, &item->contents);
	content->index = number;
	return content;
}

static struct chat_emitter *emitter(struct openai_responses_decoder *self) {
	return &self->shell.emitter;
}

static bool has_text(const struct json *node) {
	return json_is(node, JSON_STRING) && node->raw_len > 2;
}

static int64_t number_of(const struct json *tree, const char *name) {
	int64_t number;
	return json_int64(json_get(tree, name), &number) ? number : 0;
}

/* ---- messages ---- */

static void emit_logprobs(struct openai_responses_decoder *self, const struct json *list) {
	if (!json_is(list, JSON_ARRAY) || list->count == 0) {
		return;
	}
	/* E-94: the entries are cc's */
	chat_emit_logprobs(emitter(self), 0,
		arena_printf(
			&self->shell.scratch, "{\"content\":%.*s}", SLICE_FMT(json_raw(list))));
}

void openai_responses_content_added(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree) {
	struct openai_responses_item *item = item_at(self, place);
	const struct json *type = json_get(json_get(tree, "part"), "type");
	if (item == NULL || item->is_done || json_string_is(type, "reasoning_text")) {
		return;
	}
	chat_emit_close(emitter(self), 0); /* each part is one of ours */
	content_at(self, item, number_of(tree, "content_index"));
}

void openai_responses_text(struct openai_responses_decoder *self, int64_t place,
	const struct json *tree, enum chat_event_type type, bool is_whole) {
	bool is_refusal = type == CHAT_EVENT_REFUSAL_DELTA;
	struct openai_responses_item *item = item_at(self, place);
	if (item == NULL || item->is_done) {
		return;
	}
	struct openai_responses_content *content =
		content_at(self, item, number_of(tree, "content_index"));
	const struct json *text = json_get(tree, !is_whole    ? "delta"
						 : is_refusal ? "refusal"
							      : "text");
	if (content == NULL || !has_text(text) || (is_whole && content->has_text)) {
		return;
	}
	content->has_text = true;
	self->saw_refusal |= is_refusal;
	chat_emit_escaped(emitter(self), type, 0, json_string_raw(text));
	emit_logprobs(self, json_get(tree, "logprobs"));
}

void openai_responses_annotation(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree) {
	struct openai_responses_item *item = item_at(self, place);
	const struct json *note = json_get_value(tree, "annotation");
	if (item == NULL || item->is_done || note == NULL) {
		return;
	}
	struct openai_responses_content *content =
		content_at(self, item, number_of(tree, "content_index"));
	if (content != NULL && content->has_text) {
		content->note_count++;
		chat_emit_citation(emitter(self), 0, json_raw(note));
	}
}

/* What of a content part was not emitted yet. */
static void complete_content(struct openai_responses_decoder *self,
	struct openai_responses_item *item, const struct json *part, int64_t number) {
	struct openai_responses_content *content = content_at(self, item, number);
	const struct json *refusal = json_get_value(part, "refusal");
	const struct json *text = refusal ? refusal : json_get_value(part, "text");
	if (content == NULL) {
		return;
	}
	if (!content->has_text && has_text(text)) {
		chat_emit_close(emitter(self), 0);
		content->has_text = true;
		self->saw_refusal |= refusal != NULL;
		chat_emit_escaped(emitter(self),
			refusal ? CHAT_EVENT_REFUSAL_DELTA : CHAT_EVENT_TEXT_DELTA, 0,
			json_string_raw(text));
		emit_logprobs(self, json_get(part, "logprobs"));
	}
	size_t seen = 0;
	json_each (note, json_get_value(part, "annotations")) {
		if (seen++ >= content->note_count && content->has_text) {
			content->note_count++;
			chat_emit_citation(emitter(self), 0, json_raw(note));
		}
	}
}

void openai_responses_content_done(
	struct openai_responses_decoder *self, int64_t place, const struct json *tree) {
	struct openai_responses_item *item = item_at(self, place);
	const struct json *part = json_get_value(tree, "part");
	bool is_reasoning = json_string_is(json_get(part, "type"), "reasoning_text");
	if (item != NULL && !item->is_done && !is_reasoning) {
		complete_content(self, item, part, number_of(tree, "content_index"));
	}
}

static void message_done(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *node) {
	int64_t number = 0;
	json_each (part, json_get_value(node, "content")) {
		complete_content(self, item, part, number++);
	}
	chat_emit_close(emitter(self), 0);
}

/* ---- reasoning ---- */

void openai_responses_summary_added(struct openai_responses_decoder *self, int64_t place) {
	struct openai_responses_item *item = item_at(self, place);
	if (item != NULL && !item->is_done) {
		item->needs_gap = item->has_text;
	}
}

static void emit_thinking(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *text) {
	if (!has_text(text)) {
		return;
	}
	if (item->needs_gap) {
		chat_emit_thinking(emitter(self), 0, SLICE("\n\n"));
		item->needs_gap = false;
	}
	item->has_text = true;
	chat_emit_escaped(emitter(self), CHAT_EVENT_THINKING_DELTA, 0, json_string_raw(text));
}

void openai_responses_thinking(struct openai_responses_decoder *self, int64_t place,
	const struct json *text, bool is_raw, bool is_whole) {
	struct openai_responses_item *item = item_at(self, place);
	bool is_known = item != NULL && is_whole && (item->has_text && !item->needs_gap);
	if (item == NULL || item->is_done || is_known || (!is_raw && item->has_raw_text)) {
		return;
	}
	item->has_raw_text |= is_raw;
	emit_thinking(self, item, text);
}

static void emit_all_thinking(struct openai_responses_decoder *self,
	struct openai_responses_item *item, const struct json *list) {
	json_each (entry, json_is(list, JSON_ARRAY) ? list : NULL) {
		item->needs_gap = item->has_text;
		emit_thinking(self, item, json_get(entry, "text"));
	}
	item->needs_gap = false;
}

/* OR-31: the proof of `added` is a stub; this one counts. */
static void reasoning_done(struct openai_responses_decoder *self,
	struct openai_responses_item *item, const struct json *node) {
	struct slice proof =
		json_string(json_get_value(node, "encrypted_content"), &self->shell.scratch);
	if (!item->has_text) {
		emit_all_thinking(self, item, json_get(node, "summary"));
	}
	if (!item->has_text) {
		emit_all_thinking(self, item, json_get(node, "content"));
	}
	if (proof.len > 0) {
		chat_emit_signature(emitter(self), 0, proof);
	}
	chat_emit_close(emitter(self), 0);
}

/* ---- calls ---- */

static bool is_custom_call(const struct json *node) {
	return json_string_is(json_get(node, "type"), "custom_tool_call");
}

static void start_call(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *node) {
	struct decode *d = &self->shell;
	struct slice name = json_string(json_get_value(node, "name"), &d->scratch);
	struct slice space = json_string(json_get_value(node, "namespace"), &d->scratch);
	if (item->is_started) {
		return;
	}
	item->is_started = true;
	name = openai_responses_flat_name(&d->scratch, space, name);
	chat_emit_tool_start(&d->emitter, 0, item->index,
		json_string(json_get_value(node, "call_id"), &d->scratch),
		decode_tool_name(d, name),
		is_custom_call(node) ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION, (struct slice){0});
}

static void emit_args(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *args, bool is_whole) {
	struct slice decoded = json_string(args, &self->shell.scratch);
	if (!item->is_started) {
		return;
	}
	if (!is_whole) {
		item->args_len += decoded.len;
		chat_emit_tool_args_escaped(emitter(self), 0, item->index, json_string_raw(args));
	} else if (decoded.len > item->args_len) {
		chat_emit_tool_args(
			emitter(self), 0, item->index, slice_from(decoded, item->args_len));
		item->args_len = decoded.len;
	}
}

void openai_responses_args(struct openai_responses_decoder *self, int64_t place,
	const struct json *args, bool is_whole) {
	struct openai_responses_item *item = item_at(self, place);
	if (item != NULL && !item->is_done && json_is(args, JSON_STRING)) {
		emit_args(self, item, args, is_whole);
	}
}

static void call_done(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *node) {
	start_call(self, item, node);
	const struct json *args = json_get(node, is_custom_call(node) ? "input" : "arguments");
	if (json_is(args, JSON_STRING)) {
		emit_args(self, item, args, true);
	}
	chat_emit_tool_end(emitter(self), 0, item->index);
}

/* ---- what the provider ran, and what is not known ---- */

/* OR-35 */
static void other_done(struct openai_responses_decoder *self, struct openai_responses_item *item,
	const struct json *node) {
	struct slice type = json_string(json_get(node, "type"), &self->shell.scratch);
	bool is_tool = slice_ends_with(type, SLICE("_call")) ||
		       slice_ends_with(type, SLICE("_output")) ||
		       slice_starts_with(type, SLICE("mcp_"));
	(void)item;
	if (type.len > 0) {
		chat_emit_block(emitter(self), 0, is_tool ? CHAT_PART_SERVER_TOOL : CHAT_PART_RAW,
			type, json_raw(node), FORMAT_OPENAI_RESPONSES);
	}
}

static const struct {
	const char *type;
	void (*done)(struct openai_responses_decoder *self, struct openai_responses_item *item,
		const struct json *node);
} item_types[] = {
	{"message", message_done},
	{"reasoning", reasoning_done},
	{"function_call", call_done},
	{"custom_tool_call", call_done},
};

void openai_responses_item_added(
	struct openai_responses_decoder *self, int64_t place, const struct json *node) {
	struct openai_responses_item *item = item_at(self, place);
	const struct json *type = json_get(node, "type");
	if (item == NULL || item->is_done) {
		return;
	}
	if (json_string_is(type, "function_call") || is_custom_call(node)) {
		start_call(self, item, node);
	} else if (json_string_is(type, "message") || json_string_is(type, "reasoning")) {
		chat_emit_close(emitter(self), 0);
	}
}

void openai_responses_item_done(
	struct openai_responses_decoder *self, int64_t place, const struct json *node) {
	struct openai_responses_item *item = item_at(self, place);
	const struct json *type = json_get(node, "type");
	if (item == NULL || item->is_done || !json_is(node, JSON_OBJECT)) {
		return;
	}
	item->is_done = true;
	for (size_t i = 0; i < sizeof item_types / sizeof *item_types; i++) {
		if (json_string_is(type, item_types[i].type)) {
			item_types[i].done(self, item, node);
			return;
		}
	}
	other_done(self, item, node);
}
