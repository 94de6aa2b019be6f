/* check_stream.c: strict readers of what the encoders write, from formats.md section 2 alone. */
#include "formats/recorded.h"
#include "net/sse.h"

struct reader {
	struct arena *arena;
	const char *problem;
	size_t frames;
	/* anthropic */
	bool has_started, has_delta, has_stopped, block_is_open, saw_signature;
	int64_t next_block;
	struct slice block_type;
	/* openai */
	bool is_done, has_role, saw_usage;
	bool has_finished[128];
	int64_t next_tool[128];
	struct slice id;
};

static bool complain(struct reader *r, const char *what) {
	if (!r->problem) {
		r->problem = what;
	}
	return false;
}

static const char *read_stream(struct slice wire, struct reader *r, sse_on_frame on_frame,
	bool (*at_end)(struct reader *r)) {
	struct sse_reader sse;
	struct error error = {0};
	sse_reader_init(&sse, 0);
	sse_feed(&sse, wire, on_frame, r, &error);
	sse_end(&sse, on_frame, r);
	sse_reader_finish(&sse);
	if (!r->problem) {
		at_end(r);
	}
	return r->problem;
}

/* ---- anthropic: AC-10..AC-17 ---- */

static bool ant_block_start(struct reader *r, const struct json *tree) {
	int64_t index = -1;
	json_int64(json_get(tree, "index"), &index);
	r->block_type = json_string(json_get(json_get(tree, "content_block"), "type"), r->arena);
	if (r->block_is_open || index != r->next_block) {
		return complain(r, "AC-10: blocks overlap or skip an index");
	}
	r->block_is_open = true;
	r->saw_signature = false;
	return true;
}

static bool ant_block_delta(struct reader *r, const struct json *tree) {
	static const struct {
		const char *delta, *block;
	} pairs[] = {{"text_delta", "text"}, {"thinking_delta", "thinking"},
		{"signature_delta", "thinking"}, {"input_json_delta", "tool_use"},
		{"citations_delta", "text"}};
	int64_t index = -1;
	json_int64(json_get(tree, "index"), &index);
	struct slice type = json_string(json_get(json_get(tree, "delta"), "type"), r->arena);
	if (!r->block_is_open || index != r->next_block) {
		return complain(r, "AC-10: a delta outside its block");
	}
	if (slice_is(type, "signature_delta")) {
		if (r->saw_signature) {
			return complain(r, "AC-13: two signatures");
		}
		r->saw_signature = true;
	} else if (r->saw_signature) {
		return complain(r, "AC-13: a delta after the signature");
	}
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (slice_is(type, pairs[i].delta) && slice_is(r->block_type, pairs[i].block)) {
			return true;
		}
	}
	return complain(r, "a delta of another kind than its block");
}

static bool ant_block_stop(struct reader *r, const struct json *tree) {
	int64_t index = -1;
	json_int64(json_get(tree, "index"), &index);
	if (!r->block_is_open || index != r->next_block) {
		return complain(r, "AC-10: a stop without its start");
	}
	if (slice_is(r->block_type, "thinking") && !r->saw_signature) {
		return complain(r, "AC-13: a thinking block without a signature");
	}
	r->block_is_open = false;
	r->next_block++;
	return true;
}

static bool ant_message_delta(struct reader *r, const struct json *tree) {
	const struct json *delta = json_get(tree, "delta");
	if (r->block_is_open || r->has_delta) {
		return complain(r, "message_delta twice or inside a block");
	}
	if (!json_is(json_get(delta, "stop_reason"), JSON_STRING)) {
		return complain(r, "AC-16: stop_reason is null");
	}
	if (!json_is(json_get(json_get(tree, "usage"), "output_tokens"), JSON_NUMBER)) {
		return complain(r, "AC-15: no output_tokens");
	}
	r->has_delta = true;
	return true;
}

static bool ant_event(struct reader *r, struct slice type, const struct json *tree) {
	if (slice_is(type, "ping") || slice_is(type, "error")) {
		return true;
	}
	if (slice_is(type, "message_start")) {
		const struct json *message = json_get(tree, "message");
		bool first = !r->has_started;
		r->has_started = true;
		if (!json_is(json_get(message, "id"), JSON_STRING) ||
			!json_is(json_get(message, "model"), JSON_STRING) ||
			!json_is(json_get(json_get(message, "usage"), "input_tokens"),
				JSON_NUMBER)) {
			return complain(r, "message_start lacks id, model or usage");
		}
		return first || complain(r, "AC-12: a second message_start");
	}
	if (!r->has_started || r->has_stopped) {
		return complain(r, "an event before message_start or after message_stop");
	}
	if (slice_is(type, "content_block_start")) {
		return ant_block_start(r, tree);
	}
	if (slice_is(type, "content_block_delta")) {
		return ant_block_delta(r, tree);
	}
	if (slice_is(type, "content_block_stop")) {
		return ant_block_stop(r, tree);
	}
	if (slice_is(type, "message_delta")) {
		return ant_message_delta(r, tree);
	}
	if (slice_is(type, "message_stop")) {
		r->has_stopped = true;
		return r->has_delta || complain(r, "message_stop without message_delta");
	}
	return complain(r, "unknown event");
}

static bool ant_frame(const struct sse_frame *frame, void *data) {
	struct reader *r = data;
	const struct json *tree = json_parse(r->arena, frame->data, NULL, NULL);
	struct slice type = json_string(json_get(tree, "type"), r->arena);
	if (!tree || frame->is_cut) {
		return complain(r, "a frame that is no JSON, or cut");
	}
	if (!slice_eq(type, frame->event)) {
		return complain(r, "AC-11: the event line and the type differ");
	}
	return ant_event(r, type, tree);
}

static bool ant_end(struct reader *r) {
	return r->has_stopped || complain(r, "no message_stop");
}

const char *check_anthropic_stream(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	return read_stream(wire, &r, ant_frame, ant_end);
}

/* ---- openai-chat: CC-4, CC-11..CC-17 ---- */

static bool cc_tool_calls(struct reader *r, int64_t choice, const struct json *calls) {
	json_each (call, calls) {
		int64_t index = -1;
		json_int64(json_get(call, "index"), &index);
		const struct json *custom = json_get(call, "custom");
		const struct json *function = custom ? custom : json_get(call, "function");
		bool is_first = index == r->next_tool[choice];
		if (index > r->next_tool[choice] || index < 0) {
			return complain(r, "tool index skips");
		}
		bool has_name = json_get(function, "name") != NULL,
		     has_id = json_get(call, "id") != NULL;
		if (is_first != has_name || is_first != has_id) {
			return complain(r, "CC-13: id and name stand in the first piece alone");
		}
		if (!json_is(json_get(function, custom ? "input" : "arguments"), JSON_STRING)) {
			return complain(r, "CC-5: arguments is no string");
		}
		r->next_tool[choice] += is_first;
	}
	return true;
}

static bool cc_choice(struct reader *r, const struct json *choice) {
	int64_t index = -1;
	json_int64(json_get(choice, "index"), &index);
	const struct json *delta = json_get(choice, "delta"),
			  *finish = json_get(choice, "finish_reason");
	if (index < 0 || index >= 128 || !json_is(delta, JSON_OBJECT)) {
		return complain(r, "a choice without index or delta");
	}
	if (!finish || !json_get(choice, "logprobs")) {
		return complain(r, "CC-12: finish_reason or logprobs is absent");
	}
	if (r->has_finished[index]) {
		return complain(r, "a choice goes on after its finish");
	}
	r->has_finished[index] = json_is(finish, JSON_STRING);
	return cc_tool_calls(r, index, json_get(delta, "tool_calls"));
}

static bool cc_frame(const struct sse_frame *frame, void *data) {
	struct reader *r = data;
	if (frame->is_comment) {
		return true;
	}
	if (frame->event.len > 0 || frame->is_cut || r->is_done) {
		return complain(r, "CC-17: an event name, a cut frame, or a frame after [DONE]");
	}
	if (slice_is(frame->data, "[DONE]")) {
		r->is_done = true;
		return true;
	}
	const struct json *tree = json_parse(r->arena, frame->data, NULL, NULL);
	if (json_get(tree, "error")) {
		return true;
	}
	if (!json_string_is(json_get(tree, "object"), "chat.completion.chunk") ||
		!json_is(json_get(tree, "created"), JSON_NUMBER) ||
		!json_is(json_get(tree, "model"), JSON_STRING)) {
		return complain(r, "CC-4: object, created or model is wrong");
	}
	struct slice id = json_string(json_get(tree, "id"), r->arena);
	if (r->frames++ == 0) {
		r->id = id;
	}
	if (!slice_eq(id, r->id) || id.len == 0) {
		return complain(r, "CC-6: the id changes");
	}
	if (json_get(tree, "choices") && json_get(tree, "choices")->count == 0) {
		r->saw_usage = true;
		return json_is(json_get(tree, "usage"), JSON_OBJECT) || complain(r, "no usage");
	}
	if (r->saw_usage) {
		return complain(r, "CC-11: a chunk after the usage chunk");
	}
	json_each (choice, json_get(tree, "choices")) {
		if (!cc_choice(r, choice)) {
			return false;
		}
	}
	return true;
}

static bool cc_end(struct reader *r) {
	return (r->is_done && r->has_finished[0]) || complain(r, "no [DONE] or no finish");
}

const char *check_openai_chat_stream(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	return read_stream(wire, &r, cc_frame, cc_end);
}

/* ---- whole answers ---- */

const char *check_anthropic_whole(struct slice body, struct arena *arena) {
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	if (!json_string_is(json_get(tree, "type"), "message") ||
		!json_string_is(json_get(tree, "role"), "assistant") ||
		!json_is(json_get(tree, "content"), JSON_ARRAY) ||
		!json_is(json_get(tree, "stop_reason"), JSON_STRING) ||
		!json_get(tree, "stop_sequence") ||
		!json_is(json_get(json_get(tree, "usage"), "output_tokens"), JSON_NUMBER)) {
		return "a field of the message is missing";
	}
	json_each (block, json_get(tree, "content")) {
		const struct json *type = json_get(block, "type");
		if (json_string_is(type, "text") &&
			json_string(json_get(block, "text"), arena).len == 0) {
			return "AC-5: an empty text block";
		}
		if (json_string_is(type, "tool_use") &&
			!json_is(json_get(block, "input"), JSON_OBJECT)) {
			return "AC-6: input is no object";
		}
	}
	return NULL;
}

const char *check_openai_chat_whole(struct slice body, struct arena *arena) {
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	if (!json_string_is(json_get(tree, "object"), "chat.completion") ||
		!json_is(json_get(tree, "created"), JSON_NUMBER) ||
		!json_is(json_get(tree, "choices"), JSON_ARRAY)) {
		return "CC-4: a field of the completion is missing";
	}
	json_each (choice, json_get(tree, "choices")) {
		const struct json *message = json_get(choice, "message");
		if (!json_string_is(json_get(message, "role"), "assistant") ||
			!json_get(message, "content") || !json_get(message, "refusal") ||
			!json_get(choice, "logprobs") ||
			!json_is(json_get(choice, "finish_reason"), JSON_STRING)) {
			return "CC-4: a field of the choice is missing";
		}
		json_each (call, json_get(message, "tool_calls")) {
			const struct json *custom = json_get(call, "custom");
			const struct json *arguments =
				custom ? json_get(custom, "input")
				       : json_get(json_get(call, "function"), "arguments");
			if (!json_is(arguments, JSON_STRING)) {
				return "CC-5: arguments is no string";
			}
		}
	}
	return NULL;
}
