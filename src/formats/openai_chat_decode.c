/* openai_chat_decode.c: answers of OpenAI Chat Completions and its many relatives into events
 * (formats.md 3.1, OC-20..OC-32). */
#include "formats/decode_common.h"
#include "formats/openai_chat_internal.h"
#include "formats/openai_chat_usage.h"

/* A call whose wire index is not known, and the deprecated function_call. */
#define INDEX_NONE (-1)
#define INDEX_FUNCTION_CALL (-2)

/* One tool call of a choice while its pieces come. */
struct call {
	int64_t wire_index;
	struct slice id, name, signature; /* in the arena */
	enum chat_tool_kind kind;
	bool is_started; /* tool_start was sent */
	bool is_wrapped; /* E-110: a custom tool that went out as a function {input} */
	/* OC-23: what came so far, to know a repetition of the whole */
	uint64_t args_hash;
	size_t args_len;
	char args_first, args_last;
	struct buf held; /* args before the name is known, or of a wrapped call, unescaped */
};

struct choice {
	bool has_refusal;
	struct {
		struct call *items;
		size_t len, cap;
	} calls;
};

struct openai_chat_decoder {
	struct decode shell;
	struct {
		struct choice *items;
		size_t len, cap;
	} choices;
};

static struct openai_chat_decoder *self_of(struct decode *d) {
	return (struct openai_chat_decoder *)d;
}

static struct choice *choice_at(struct openai_chat_decoder *self, uint32_t number) {
	while (self->choices.len <= number) {
		ARENA_PUSH(self->shell.options.arena, &self->choices);
	}
	return &self->choices.items[number];
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

static bool has_text(const struct json *node) {
	return json_is(node, JSON_STRING) && node->raw_len > 2;
}

/* ---- tool calls ---- */

/* A name may come in pieces and after the first arguments (E-16, OC-22), so a call is announced
 * with its first arguments, or when something else follows. */
static void start_call(struct openai_chat_decoder *self, uint32_t number, int64_t key) {
	struct decode *d = &self->shell;
	struct call *call = &self->choices.items[number].calls.items[key];
	if (call->is_started) {
		return;
	}
	struct slice name = decode_tool_name(d, call->name);
	const struct chat_tool *tool =
		d->options.request ? chat_request_find_tool(d->options.request, name) : NULL;
	if (tool != NULL && tool->kind == CHAT_TOOL_CUSTOM && call->kind == CHAT_TOOL_FUNCTION) {
		call->kind = CHAT_TOOL_CUSTOM;
		call->is_wrapped = true;
	}
	call->is_started = true;
	chat_emit_tool_start(&d->emitter, number, key, call->id, name, call->kind, call->signature);
	if (!call->is_wrapped && call->held.len > 0) {
		chat_emit_tool_args(&d->emitter, number, key, buf_slice(&call->held));
		buf_finish(&call->held);
	}
}

/* E-110: the one property of a wrapped call is the tool's input. */
static void unwrap_call(struct decode *d, uint32_t number, int64_t key, struct call *call) {
	const struct json *tree = json_parse(&d->scratch, buf_slice(&call->held), NULL, NULL);
	const struct json *input = json_get(tree, "input");
	if (json_is(input, JSON_STRING)) {
		chat_emit_tool_args_escaped(&d->emitter, number, key, json_string_raw(input));
	} else {
		chat_emit_tool_args(&d->emitter, number, key, buf_slice(&call->held));
	}
	buf_finish(&call->held);
}

static void start_calls(struct openai_chat_decoder *self, uint32_t number) {
	struct choice *choice = choice_at(self, number);
	for (size_t i = 0; i < choice->calls.len; i++) {
		start_call(self, number, (int64_t)i);
	}
}

static void end_calls(struct openai_chat_decoder *self, uint32_t number) {
	struct choice *choice = choice_at(self, number);
	start_calls(self, number);
	for (size_t i = 0; i < choice->calls.len; i++) {
		struct call *call = &choice->calls.items[i];
		if (call->is_wrapped && call->held.len > 0) {
			unwrap_call(&self->shell, number, (int64_t)i, call);
		}
	}
}

/* OC-22, E-11: which call a piece belongs to; -1 = a new one. */
static int64_t find_call(
	const struct choice *choice, int64_t wire_index, struct slice id, struct slice name) {
	for (size_t i = choice->calls.len; i > 0; i--) {
		const struct call *call = &choice->calls.items[i - 1];
		bool has_other_id = id.len > 0 && !slice_eq(call->id, id);
		if (wire_index == INDEX_NONE) {
			if (id.len == 0 || !has_other_id) {
				return (int64_t)i - 1;
			}
		} else if (call->wire_index == wire_index) {
			/* hosts that send index 0 for every parallel call */
			bool is_new = has_other_id && call->id.len > 0 && name.len > 0;
			return is_new ? -1 : (int64_t)i - 1;
		}
	}
	return -1;
}

static void add_name(struct arena *arena, struct call *call, struct slice id, struct slice name) {
	if (call->id.len == 0 && id.len > 0) {
		call->id = arena_dup(arena, id);
	}
	if (name.len == 0 || slice_eq(call->name, name)) {
		return;
	}
	if (call->name.len == 0) {
		call->name = arena_dup(arena, name);
	} else if (!call->is_started && id.len == 0) {
		call->name =
			arena_printf(arena, "%.*s%.*s", SLICE_FMT(call->name), SLICE_FMT(name));
	}
}

/* OC-23: some hosts send the whole arguments once more at the end. */
static bool is_repetition(struct call *call, struct slice args) {
	uint64_t hash = 14695981039346656037u, whole = call->args_len ? call->args_hash : hash;
	for (size_t i = 0; i < args.len; i++) {
		hash = (hash ^ (unsigned char)args.data[i]) * 1099511628211u;
		whole = (whole ^ (unsigned char)args.data[i]) * 1099511628211u;
	}
	if (call->args_len == args.len && hash == call->args_hash && call->args_first == '{' &&
		call->args_last == '}') {
		return true;
	}
	call->args_first = call->args_len == 0 ? args.data[0] : call->args_first;
	call->args_last = args.data[args.len - 1];
	call->args_hash = whole;
	call->args_len += args.len;
	return false;
}

/* `args` is the inside of a JSON string when escaped, or raw JSON (OC-24). */
static void add_args(struct openai_chat_decoder *self, uint32_t number, int64_t key,
	struct slice args, bool is_escaped) {
	struct decode *d = &self->shell;
	struct call *call = &self->choices.items[number].calls.items[key];
	if (args.len == 0 || is_repetition(call, args)) {
		return;
	}
	/* the calls before it too: clients number them in the order they begin */
	for (int64_t i = 0; i <= key; i++) {
		if (self->choices.items[number].calls.items[i].name.len > 0) {
			start_call(self, number, i);
		}
	}
	if (!call->is_started || call->is_wrapped) {
		call->held.limit = CHAT_MAX_ARGS_BYTES;
		bool fits = is_escaped ? json_unescape(args, &call->held)
				       : buf_append(&call->held, args);
		if (!fits) {
			struct error error;
			error_set(&error, ERROR_TOO_LARGE,
				"the arguments of a tool call are larger than 8 MiB");
			decode_fail(d, &error);
		}
	} else if (is_escaped) {
		chat_emit_tool_args_escaped(&d->emitter, number, key, args);
	} else {
		chat_emit_tool_args(&d->emitter, number, key, args);
	}
}

static void read_args(
	struct openai_chat_decoder *self, uint32_t number, int64_t key, const struct json *args) {
	if (json_is(args, JSON_STRING)) {
		add_args(self, number, key, json_string_raw(args), true);
	} else if (json_is(args, JSON_OBJECT)) {
		add_args(self, number, key, json_raw(args), false);
	}
}

static void read_call(struct openai_chat_decoder *self, uint32_t number, const struct json *item,
	int64_t wire_index) {
	struct decode *d = &self->shell;
	struct arena *arena = d->options.arena;
	const struct json *function =
		wire_index == INDEX_FUNCTION_CALL ? item : json_get_value(item, "function");
	/* some hosts send both kinds, one of them empty */
	bool is_custom = json_string_is(json_get(item, "type"), "custom") || function == NULL;
	const struct json *body = is_custom ? json_get_value(item, "custom") : function;
	struct slice id = json_string(json_get(item, "id"), &d->scratch);
	struct slice name = json_string(json_get(body, "name"), &d->scratch);
	struct choice *choice = choice_at(self, number);
	int64_t key = find_call(choice, wire_index, id, name);
	if (key < 0) {
		if (choice->calls.len >= CHAT_MAX_OPEN_PARTS) {
			struct error error;
			error_set(&error, ERROR_TOO_LARGE,
				"the upstream's answer has too many tool calls");
			decode_fail(d, &error);
			return;
		}
		start_calls(self, number);
		key = (int64_t)choice->calls.len;
		struct call *call = ARENA_PUSH(arena, &choice->calls);
		call->wire_index = wire_index;
		call->kind = is_custom ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION;
	}
	struct call *call = &choice->calls.items[key];
	const struct json *proof = json_at(item, SLICE("/extra_content/google/thought_signature"));
	if (has_text(proof) && call->signature.data == NULL) {
		call->signature = arena_dup(arena, json_string(proof, &d->scratch));
	}
	add_name(arena, call, id, name);
	read_args(self, number, key, json_get(body, is_custom ? "input" : "arguments"));
}

static void read_calls(
	struct openai_chat_decoder *self, uint32_t number, const struct json *list, bool is_whole) {
	int64_t position = 0;
	json_each (item, json_is(list, JSON_ARRAY) ? list : NULL) {
		int64_t index;
		bool has_index = json_int64(json_get(item, "index"), &index) && index >= 0;
		if (is_whole || !has_index) {
			index = is_whole ? position : INDEX_NONE;
		}
		position++;
		if (json_is(item, JSON_OBJECT)) {
			read_call(self, number, item, index);
		}
	}
}

/* ---- text ---- */

static void emit_string(
	struct decode *d, uint32_t number, enum chat_event_type type, const struct json *node) {
	if (has_text(node)) {
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
		if (has_text(signature)) {
			chat_emit_signature(
				&d->emitter, number, json_string(signature, &d->scratch));
		}
	}
}

static void read_thinking(
	struct decode *d, uint32_t number, const struct json *const delta[DELTA_COUNT]) {
	bool has_plain_text = false;
	for (size_t i = DELTA_REASONING_CONTENT; i <= DELTA_THINKING && !has_plain_text; i++) {
		has_plain_text = has_text(delta[i]);
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
		if (has_text(member)) {
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
	if (has_text(delta[DELTA_CONTENT]) || json_is(delta[DELTA_CONTENT], JSON_ARRAY)) {
		start_calls(self, number);
		read_content(d, number, delta[DELTA_CONTENT]);
	}
	json_each (citation, delta[DELTA_ANNOTATIONS]) {
		chat_emit_citation(&d->emitter, number, json_raw(citation));
	}
	if (has_text(delta[DELTA_REFUSAL])) {
		choice_at(self, number)->has_refusal = true;
		emit_string(d, number, CHAT_EVENT_REFUSAL_DELTA, delta[DELTA_REFUSAL]);
	}
	read_images(d, number, delta[DELTA_IMAGES]);
	if (has_any_text(delta[DELTA_AUDIO])) {
		chat_emit_block(&d->emitter, number, CHAT_PART_RAW, SLICE("audio"),
			json_raw(delta[DELTA_AUDIO]), FORMAT_OPENAI_CHAT);
	}
	read_calls(self, number, delta[DELTA_TOOL_CALLS], is_whole);
	if (has_any_text(delta[DELTA_FUNCTION_CALL])) {
		read_call(self, number, delta[DELTA_FUNCTION_CALL], INDEX_FUNCTION_CALL);
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
	if (reason == CHAT_FINISH_STOP && choice_at(self, number)->has_refusal) {
		reason = CHAT_FINISH_REFUSAL; /* E-100 */
	}
	end_calls(self, number);
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
	return has_text(node) ? json_string(node, &d->scratch) : (struct slice){0};
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
	if (json_is(top[TREE_ERROR], JSON_OBJECT) || has_text(top[TREE_ERROR]) ||
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
	return has_text(json_get(tree, "message")) &&
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
