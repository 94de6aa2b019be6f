/* openai_chat_decode.c: answers of OpenAI Chat Completions and its many relatives into events
 * (formats.md 3.1, OC-20..OC-32). */
#include "formats/openai_chat_decode.h"
#include "formats/openai_chat_usage.h"

static struct openai_chat_decoder *self_of(struct decode *d) {
	return (struct openai_chat_decoder *)d;
}

/* Members that are looked for, found in one pass over the object: a chunk is small, and there is
 * one for every few characters of an answer. Null counts as absent; the last of duplicates wins. */
static void pick(const struct json *object, const struct slice *names, size_t count,
	const struct json **found) {
	memset(found, 0, count * sizeof *found);
	if (!json_is(object, JSON_OBJECT)) {
		return;
	}
	json_each (member, object) {
		for (size_t i = 0; i < count; i++) {
			bool is_it = member->key_has_escape
					     ? json_key_is(member, names[i].data)
					     : member->key_len == names[i].len &&
						       memcmp(member->key, names[i].data,
							       names[i].len) == 0;
			if (is_it) {
				found[i] = member->type == JSON_NULL ? NULL : member;
				break;
			}
		}
	}
}

/* The members of a delta or a message, of a choice, and of a chunk or a whole answer. */
enum {
	DELTA_CONTENT,
	DELTA_REASONING_CONTENT,
	DELTA_REASONING,
	DELTA_THINKING,
	DELTA_REASONING_DETAILS,
	DELTA_TOOL_CALLS,
	DELTA_FUNCTION_CALL,
	DELTA_REFUSAL,
	DELTA_ANNOTATIONS,
	DELTA_IMAGES,
	DELTA_AUDIO,
	DELTA_COUNT
};
static const struct slice delta_names[DELTA_COUNT] = {
	[DELTA_CONTENT] = SLICE_INIT("content"),
	[DELTA_REASONING_CONTENT] = SLICE_INIT("reasoning_content"),
	[DELTA_REASONING] = SLICE_INIT("reasoning"),
	[DELTA_THINKING] = SLICE_INIT("thinking"),
	[DELTA_REASONING_DETAILS] = SLICE_INIT("reasoning_details"),
	[DELTA_TOOL_CALLS] = SLICE_INIT("tool_calls"),
	[DELTA_FUNCTION_CALL] = SLICE_INIT("function_call"),
	[DELTA_REFUSAL] = SLICE_INIT("refusal"),
	[DELTA_ANNOTATIONS] = SLICE_INIT("annotations"),
	[DELTA_IMAGES] = SLICE_INIT("images"),
	[DELTA_AUDIO] = SLICE_INIT("audio"),
};

enum {
	CHOICE_INDEX,
	CHOICE_DELTA,
	CHOICE_MESSAGE,
	CHOICE_FINISH_REASON,
	CHOICE_LOGPROBS,
	CHOICE_ERROR,
	CHOICE_COUNT
};
static const struct slice choice_names[CHOICE_COUNT] = {
	[CHOICE_INDEX] = SLICE_INIT("index"),
	[CHOICE_DELTA] = SLICE_INIT("delta"),
	[CHOICE_MESSAGE] = SLICE_INIT("message"),
	[CHOICE_FINISH_REASON] = SLICE_INIT("finish_reason"),
	[CHOICE_LOGPROBS] = SLICE_INIT("logprobs"),
	[CHOICE_ERROR] = SLICE_INIT("error"),
};

enum {
	TREE_CHOICES,
	TREE_USAGE,
	TREE_X_GROQ,
	TREE_ERROR,
	TREE_COUNT
};
static const struct slice tree_names[TREE_COUNT] = {
	[TREE_CHOICES] = SLICE_INIT("choices"),
	[TREE_USAGE] = SLICE_INIT("usage"),
	[TREE_X_GROQ] = SLICE_INIT("x_groq"),
	[TREE_ERROR] = SLICE_INIT("error"),
};

/* ---- text ---- */

static void emit_string(
	struct decode *d, uint32_t number, enum chat_event_type type, const struct json *node) {
	if (openai_chat_has_text(node)) {
		chat_emit_escaped(&d->emitter, type, number, json_string_raw(node));
	}
}

/* OpenRouter's list; its encrypted entries have no way back through a cc client and stay out. */
static void read_reasoning_details(
	struct decode *d, uint32_t number, const struct json *list, bool has_plain_text) {
	json_each (detail, json_is(list, JSON_ARRAY) ? list : NULL) {
		if (!has_plain_text) {
			const struct json *text = json_get_value(detail, "text");
			emit_string(d, number, CHAT_EVENT_THINKING_DELTA,
				text ? text : json_get_value(detail, "summary"));
		}
		const struct json *signature = json_get(detail, "signature");
		if (openai_chat_has_text(signature)) {
			chat_emit_signature(
				&d->emitter, number, json_string(signature, &d->scratch));
		}
	}
}

static void read_thinking(
	struct decode *d, uint32_t number, const struct json *const delta[DELTA_COUNT]) {
	bool has_plain_text = false;
	for (size_t i = DELTA_REASONING_CONTENT; i <= DELTA_THINKING && !has_plain_text; i++) {
		has_plain_text = openai_chat_has_text(delta[i]);
		emit_string(d, number, CHAT_EVENT_THINKING_DELTA, delta[i]);
	}
	read_reasoning_details(d, number, delta[DELTA_REASONING_DETAILS], has_plain_text);
}

/* OC-21: text, or a list of text and thinking chunks (Mistral). */
static void read_content(struct decode *d, uint32_t number, const struct json *content) {
	emit_string(d, number, CHAT_EVENT_TEXT_DELTA, content);
	json_each (chunk, json_is(content, JSON_ARRAY) ? content : NULL) {
		const struct json *thinking = json_get_value(chunk, "thinking");
		if (thinking == NULL) {
			emit_string(d, number, CHAT_EVENT_TEXT_DELTA, json_get(chunk, "text"));
			continue;
		}
		emit_string(d, number, CHAT_EVENT_THINKING_DELTA, thinking);
		json_each (piece, json_is(thinking, JSON_ARRAY) ? thinking : NULL) {
			emit_string(d, number, CHAT_EVENT_THINKING_DELTA, json_get(piece, "text"));
		}
	}
}

static void read_images(struct decode *d, uint32_t number, const struct json *list) {
	json_each (image, json_is(list, JSON_ARRAY) ? list : NULL) {
		const struct json *at = json_get(image, "image_url");
		struct slice url = json_string(
			json_is(at, JSON_OBJECT) ? json_get(at, "url") : at, &d->scratch);
		struct slice media_type = {0}, data = url;
		if (url.len > 0) {
			chat_split_data_url(&d->scratch, url, &media_type, &data);
			chat_emit_image(&d->emitter, number, media_type, data);
		}
	}
}

/* False for null and for objects of empty strings, which some hosts send for "none". */
static bool has_any_text(const struct json *object) {
	json_each (member, json_is(object, JSON_OBJECT) ? object : NULL) {
		if (openai_chat_has_text(member)) {
			return true;
		}
	}
	return false;
}

static void read_delta(struct openai_chat_decoder *self, uint32_t number, const struct json *object,
	bool is_whole) {
	struct decode *d = &self->shell;
	const struct json *delta[DELTA_COUNT];
	pick(object, delta_names, DELTA_COUNT, delta);
	/* OC-20: the order of the events when one delta has several */
	read_thinking(d, number, delta);
	if (openai_chat_has_text(delta[DELTA_CONTENT]) ||
		json_is(delta[DELTA_CONTENT], JSON_ARRAY)) {
		openai_chat_start_calls(self, number);
		read_content(d, number, delta[DELTA_CONTENT]);
	}
	json_each (citation, delta[DELTA_ANNOTATIONS]) {
		chat_emit_citation(&d->emitter, number, json_raw(citation));
	}
	if (openai_chat_has_text(delta[DELTA_REFUSAL])) {
		openai_chat_choice_at(self, number)->has_refusal = true;
		emit_string(d, number, CHAT_EVENT_REFUSAL_DELTA, delta[DELTA_REFUSAL]);
	}
	read_images(d, number, delta[DELTA_IMAGES]);
	if (has_any_text(delta[DELTA_AUDIO])) {
		chat_emit_block(&d->emitter, number, CHAT_PART_RAW, SLICE("audio"),
			json_raw(delta[DELTA_AUDIO]), FORMAT_OPENAI_CHAT);
	}
	openai_chat_read_calls(self, number, delta[DELTA_TOOL_CALLS], is_whole);
	if (has_any_text(delta[DELTA_FUNCTION_CALL])) {
		openai_chat_read_function_call(self, number, delta[DELTA_FUNCTION_CALL]);
	}
}

/* ---- finish ---- */

static const struct {
	const char *word;
	enum chat_finish_reason reason;
} finish_words[] = {
	{"stop", CHAT_FINISH_STOP},
	{"end_turn", CHAT_FINISH_STOP},
	{"eos", CHAT_FINISH_STOP},
	{"eos_token", CHAT_FINISH_STOP},
	{"STOP", CHAT_FINISH_STOP},
	{"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
	{"length", CHAT_FINISH_LENGTH},
	{"max_tokens", CHAT_FINISH_LENGTH},
	{"MAX_TOKENS", CHAT_FINISH_LENGTH},
	{"model_length", CHAT_FINISH_LENGTH},
	{"tool_calls", CHAT_FINISH_TOOL_CALLS},
	{"tool_use", CHAT_FINISH_TOOL_CALLS},
	{"function_call", CHAT_FINISH_TOOL_CALLS},
	{"content_filter", CHAT_FINISH_CONTENT_FILTER},
	{"refusal", CHAT_FINISH_REFUSAL},
};

static void finish(struct openai_chat_decoder *self, uint32_t number, struct slice word) {
	static const struct slice none = {0};
	enum chat_finish_reason reason = CHAT_FINISH_OTHER;
	for (size_t i = 0; i < sizeof finish_words / sizeof *finish_words; i++) {
		if (slice_is(word, finish_words[i].word)) {
			reason = finish_words[i].reason;
			break;
		}
	}
	if (reason == CHAT_FINISH_STOP && openai_chat_choice_at(self, number)->has_refusal) {
		reason = CHAT_FINISH_REFUSAL; /* E-100 */
	}
	openai_chat_end_calls(self, number);
	chat_emit_finish(&self->shell.emitter, number, reason, word, none, none);
}

/* Reasons that say the answer failed (4.1); true when it did. */
static bool is_failure(struct decode *d, const struct json *choice, const struct json *reported,
	struct slice word) {
	struct error error;
	if (json_is(reported, JSON_OBJECT) || json_is(reported, JSON_STRING)) {
		format_read_error(200, NULL, json_raw(choice), &error);
	} else if (slice_is(word, "error")) {
		error_set(&error, ERROR_UPSTREAM_PROTOCOL,
			"the upstream ended its answer with an error it did not explain");
	} else if (slice_is(word, "insufficient_system_resource")) {
		error_set(&error, ERROR_OVERLOADED,
			"the upstream ran out of resources during the answer");
	} else {
		return false;
	}
	decode_fail(d, &error);
	return true;
}

/* ---- frames ---- */

static int64_t read_created(const struct json *tree) {
	double created;
	if (!json_double(json_get(tree, "created"), &created) || created < 0 || created > 1e15) {
		return 0;
	}
	return (int64_t)(created > 1e11 ? created / 1000 : created); /* E-95 */
}

/* A string that says something; absent otherwise. */
static struct slice text_of(struct decode *d, const struct json *node) {
	return openai_chat_has_text(node) ? json_string(node, &d->scratch) : (struct slice){0};
}

static void start(struct decode *d, const struct json *tree) {
	if (d->emitter.has_started) {
		return;
	}
	chat_emit_start(&d->emitter, text_of(d, json_get(tree, "id")),
		text_of(d, json_get(tree, "model")), read_created(tree),
		text_of(d, json_get(tree, "service_tier")),
		text_of(d, json_get(tree, "system_fingerprint")));
}

static void read_choice(struct openai_chat_decoder *self, const struct json *object,
	uint32_t position, bool is_whole) {
	struct decode *d = &self->shell;
	const struct json *choice[CHOICE_COUNT];
	int64_t index;
	uint32_t number = position;
	pick(object, choice_names, CHOICE_COUNT, choice);
	if (json_int64(choice[CHOICE_INDEX], &index) && index >= 0 && index <= UINT32_MAX) {
		number = (uint32_t)index;
	}
	if (number >= 128) {
		chat_emit_text(&d->emitter, number, SLICE("?")); /* beyond the emitter's limit */
		return;
	}
	struct slice word = json_string(choice[CHOICE_FINISH_REASON], &d->scratch);
	if (is_failure(d, object, choice[CHOICE_ERROR], word)) {
		return;
	}
	/* E-97; some hosts put a whole message into a stream */
	const struct json *delta = choice[is_whole ? CHOICE_MESSAGE : CHOICE_DELTA];
	delta = delta ? delta : choice[is_whole ? CHOICE_DELTA : CHOICE_MESSAGE];
	read_delta(self, number, delta, is_whole);
	const struct json *logprobs = choice[CHOICE_LOGPROBS];
	if (json_is(json_get(logprobs, "content"), JSON_ARRAY) ||
		json_is(json_get(logprobs, "refusal"), JSON_ARRAY)) {
		chat_emit_logprobs(&d->emitter, number, json_raw(logprobs));
	}
	/* E-96; a whole answer is finished even when its host says no reason */
	if (word.len > 0 || is_whole) {
		finish(self, number, word.len > 0 ? word : SLICE("stop"));
	}
}

/* OC-25: the usage object, wherever the host put it; NULL when there is none (E-18). */
static const struct json *find_usage(
	const struct json *const top[TREE_COUNT], const struct json *first_choice) {
	const struct json *usage = top[TREE_USAGE];
	if (usage == NULL && top[TREE_X_GROQ] != NULL) {
		usage = json_get(top[TREE_X_GROQ], "usage");
	}
	if (usage == NULL && first_choice != NULL) {
		usage = json_get(first_choice, "usage");
	}
	return json_is(usage, JSON_OBJECT) ? usage : NULL;
}

static void read_tree(struct decode *d, const struct json *tree, bool is_whole) {
	const struct json *top[TREE_COUNT];
	pick(tree, tree_names, TREE_COUNT, top);
	const struct json *choices = top[TREE_CHOICES];
	const struct json *first = json_item(choices, 0);
	const struct json *usage = find_usage(top, first);
	uint32_t position = 0;
	if (first == NULL && usage == NULL) {
		return; /* E-20, OC-32: content filter results before the answer */
	}
	start(d, tree);
	json_each (choice, json_is(choices, JSON_ARRAY) ? choices : NULL) {
		if (d->emitter.has_ended) {
			return;
		}
		read_choice(self_of(d), choice, position++, is_whole);
	}
	if (usage != NULL && !d->emitter.has_ended) {
		struct chat_usage counts;
		openai_chat_read_usage(usage, &counts);
		counts.service_tier = text_of(d, json_get(tree, "service_tier"));
		chat_emit_usage(&d->emitter, &counts);
	}
}

static void on_frame(struct decode *d, const struct json *tree, struct slice event) {
	(void)event;
	read_tree(d, tree, false);
}

static void on_whole(struct decode *d, const struct json *tree) {
	read_tree(d, tree, true);
}

/* OC-28, OC-29: the shapes errors take inside a 200. */
static bool is_error(const struct json *tree, struct slice event) {
	if (json_is(tree, JSON_ARRAY)) {
		tree = json_item(tree, 0);
	}
	const struct json *top[TREE_COUNT];
	pick(tree, tree_names, TREE_COUNT, top);
	if (json_is(top[TREE_ERROR], JSON_OBJECT) || openai_chat_has_text(top[TREE_ERROR]) ||
		slice_is(event, "error")) {
		return true;
	}
	if (top[TREE_CHOICES] != NULL) {
		return false;
	}
	int64_t status;
	if (json_int64(json_at(tree, SLICE("/base_resp/status_code")), &status) && status != 0) {
		return true;
	}
	return openai_chat_has_text(json_get(tree, "message")) &&
	       (json_get_value(tree, "type") != NULL || json_get_value(tree, "code") != NULL);
}

/* The chunk that only tells usage, for a client that did not ask for it (OC-12). */
static bool is_hidden(const struct decode *d, const struct json *tree) {
	const struct json *choices = json_get(tree, "choices");
	return d->options.hide_usage && json_is(choices, JSON_ARRAY) && choices->count == 0 &&
	       json_is(json_get(tree, "usage"), JSON_OBJECT);
}

static const struct json *model_node(const struct json *tree) {
	const struct json *model = json_get(tree, "model");
	return json_is(model, JSON_STRING) ? model : NULL;
}

static const struct decode_dialect dialect = {
	.end_marker = "[DONE]",
	.end_frame = SLICE_INIT("data: [DONE]\n\n"),
	.is_error = is_error,
	.parse_error = format_read_error,
	.on_frame = on_frame,
	.on_whole = on_whole,
	.is_hidden = is_hidden,
	.model_node = model_node,
};

static void destroy(struct format_decoder *decoder) {
	struct openai_chat_decoder *self = (struct openai_chat_decoder *)decoder;
	for (size_t i = 0; i < self->choices.len; i++) {
		for (size_t c = 0; c < self->choices.items[i].calls.len; c++) {
			buf_finish(&self->choices.items[i].calls.items[c].held);
		}
	}
	decode_destroy(decoder);
}

struct format_decoder *openai_chat_decoder_create(const struct format_decoder_options *options) {
	static const struct format_decoder_ops ops = {decode_feed, decode_finish, destroy};
	struct openai_chat_decoder *self = ARENA_NEW(options->arena, struct openai_chat_decoder);
	decode_init(&self->shell, &dialect, options, FORMAT_OPENAI_CHAT);
	self->shell.base.ops = &ops;
	return &self->shell.base;
}
