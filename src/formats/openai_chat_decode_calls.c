/* openai_chat_decode_calls.c: tool calls of cc answers: which call a piece belongs to, and what
 * hosts do to names and arguments (OC-22..OC-24, E-11, E-16, E-110). */
#include "formats/openai_chat_decode.h"

struct openai_chat_choice *openai_chat_choice_at(
	struct openai_chat_decoder *self, uint32_t number) {
	while (self->choices.len <= number) {
		ARENA_PUSH(self->shell.options.arena, &self->choices);
	}
	return &self->choices.items[number];
}

/* A name may come in pieces and after the first arguments (E-16, OC-22), so a call is announced
 * with its first arguments, or when something else follows. */
static void start_call(struct openai_chat_decoder *self, uint32_t number, int64_t key) {
	struct decode *d = &self->shell;
	struct openai_chat_call *call = &self->choices.items[number].calls.items[key];
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
	if (!call->is_wrapped && !call->is_quoted && call->held.len > 0) {
		chat_emit_tool_args_escaped(&d->emitter, number, key, buf_slice(&call->held));
		buf_finish(&call->held);
	}
}

/* The text inside of what was held back; NULL when it is not as expected, and goes out as it is.
 * E-110: the one property of a wrapped call is the tool's input. E-14: some models write their
 * arguments as a string; it is opened once, and only when it holds an object. */
static const struct json *inner_text(
	struct decode *d, const struct openai_chat_call *call, struct slice held) {
	const struct json *tree = json_parse(&d->scratch, held, NULL, NULL);
	if (call->is_wrapped) {
		const struct json *input = json_get(tree, "input");
		return json_is(input, JSON_STRING) ? input : NULL;
	}
	struct slice text = json_string(tree, &d->scratch);
	const struct json *inner = text.data ? json_parse(&d->scratch, text, NULL, NULL) : NULL;
	return json_is(inner, JSON_OBJECT) ? tree : NULL;
}

static void give_held(
	struct decode *d, uint32_t number, int64_t key, struct openai_chat_call *call) {
	struct buf held = {0};
	json_unescape(buf_slice(&call->held), &held);
	const struct json *inner = inner_text(d, call, buf_slice(&held));
	chat_emit_tool_args_escaped(
		&d->emitter, number, key, inner ? json_string_raw(inner) : buf_slice(&call->held));
	buf_finish(&held);
	buf_finish(&call->held);
}

void openai_chat_start_calls(struct openai_chat_decoder *self, uint32_t number) {
	struct openai_chat_choice *choice = openai_chat_choice_at(self, number);
	for (size_t i = 0; i < choice->calls.len; i++) {
		start_call(self, number, (int64_t)i);
	}
}

void openai_chat_end_calls(struct openai_chat_decoder *self, uint32_t number) {
	struct openai_chat_choice *choice = openai_chat_choice_at(self, number);
	openai_chat_start_calls(self, number);
	for (size_t i = 0; i < choice->calls.len; i++) {
		struct openai_chat_call *call = &choice->calls.items[i];
		if (call->held.len > 0) {
			give_held(&self->shell, number, (int64_t)i, call);
		}
	}
}

/* OC-22, E-11: which call a piece belongs to; -1 = a new one. */
static int64_t find_call(const struct openai_chat_choice *choice, int64_t wire_index,
	struct slice id, struct slice name) {
	for (size_t i = choice->calls.len; i > 0; i--) {
		const struct openai_chat_call *call = &choice->calls.items[i - 1];
		bool has_other_id = id.len > 0 && !slice_eq(call->id, id);
		if (wire_index == OPENAI_CHAT_INDEX_NONE) {
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

static void add_name(
	struct arena *arena, struct openai_chat_call *call, struct slice id, struct slice name) {
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
static bool is_repetition(struct openai_chat_call *call, struct slice args) {
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
	struct openai_chat_call *call = &self->choices.items[number].calls.items[key];
	if (call->args_len == 0 && call->kind == CHAT_TOOL_FUNCTION && is_escaped) {
		call->is_quoted = slice_starts_with(args, SLICE("\\\""));
	}
	if (args.len == 0 || is_repetition(call, args)) {
		return;
	}
	/* the calls before it too: clients number them in the order they begin */
	for (int64_t i = 0; i <= key; i++) {
		if (self->choices.items[number].calls.items[i].name.len > 0) {
			start_call(self, number, i);
		}
	}
	if (!call->is_started || call->is_wrapped || call->is_quoted) {
		call->held.limit = d->emitter.max_args_bytes;
		bool fits =
			is_escaped ? buf_append(&call->held, args) : json_escape(args, &call->held);
		if (!fits) {
			struct error error;
			error_set(&error, ERROR_TOO_LARGE,
				"the upstream's arguments of a tool call are larger than allowed");
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
	const struct json *function = wire_index == OPENAI_CHAT_INDEX_FUNCTION_CALL
					      ? item
					      : json_get_value(item, "function");
	/* some hosts send both kinds, one of them empty */
	bool is_custom = json_string_is(json_get(item, "type"), "custom") || function == NULL;
	const struct json *body = is_custom ? json_get_value(item, "custom") : function;
	struct slice id = json_string(json_get(item, "id"), &d->scratch);
	struct slice name = json_string(json_get(body, "name"), &d->scratch);
	struct openai_chat_choice *choice = openai_chat_choice_at(self, number);
	int64_t key = find_call(choice, wire_index, id, name);
	if (key < 0) {
		if (choice->calls.len >= d->emitter.max_open_parts) {
			struct error error;
			error_set(&error, ERROR_TOO_LARGE,
				"the upstream's answer has too many tool calls");
			decode_fail(d, &error);
			return;
		}
		openai_chat_start_calls(self, number);
		key = (int64_t)choice->calls.len;
		struct openai_chat_call *call = ARENA_PUSH(arena, &choice->calls);
		call->wire_index = wire_index;
		call->kind = is_custom ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION;
	}
	struct openai_chat_call *call = &choice->calls.items[key];
	const struct json *proof = json_at(item, SLICE("/extra_content/google/thought_signature"));
	if (openai_chat_has_text(proof) && call->signature.data == NULL) {
		call->signature = arena_dup(arena, json_string(proof, &d->scratch));
	}
	add_name(arena, call, id, name);
	read_args(self, number, key, json_get(body, is_custom ? "input" : "arguments"));
}

void openai_chat_read_calls(
	struct openai_chat_decoder *self, uint32_t number, const struct json *list, bool is_whole) {
	int64_t position = 0;
	json_each (item, json_is(list, JSON_ARRAY) ? list : NULL) {
		int64_t index;
		bool has_index = json_int64(json_get(item, "index"), &index) && index >= 0;
		if (is_whole || !has_index) {
			index = is_whole ? position : OPENAI_CHAT_INDEX_NONE;
		}
		position++;
		if (json_is(item, JSON_OBJECT)) {
			read_call(self, number, item, index);
		}
	}
}

void openai_chat_read_function_call(
	struct openai_chat_decoder *self, uint32_t number, const struct json *item) {
	read_call(self, number, item, OPENAI_CHAT_INDEX_FUNCTION_CALL);
}
