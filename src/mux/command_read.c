/* command_read.c: what programs that print JSON said (workflows.md 2.1): the last message of the
 * agent out of the events of vendor CLIs, or the text at json_path of any JSON.
 *
 *   claude -p --output-format json         {"type":"result","result":TEXT,"usage":{...}}, or an
 *                                          array that ends in it
 *   claude -p --output-format stream-json  {"type":"assistant","message":{...}} ... and the same
 *   codex exec --json                      {"type":"item.completed","item":{"type":"agent_message",
 *                                          "text":TEXT}} ... {"type":"turn.completed","usage":...}
 *   gemini --output-format json            {"response":TEXT,"stats":{...}}
 *   gemini --output-format stream-json     {"type":"message","role":"assistant","content":PIECE,
 *                                          "delta":true} ... {"type":"result","stats":...}
 *
 * Other agents speak one of these (qwen claude's), or opencode's {"type":"text","part":{...}}. */
#include "mux/command_internal.h"

struct reader {
	struct arena *arena;
	struct slice json_path;
	struct command_reading *reading;
	bool has_text;        /* of an agent, or at json_path */
	struct buf pieces;    /* of a message that comes in some: the text, when not empty */
	struct slice trouble; /* an error on the way, which may have been overcome */
	bool has_failed;
};

static void set_text(struct reader *reader, struct slice text) {
	buf_reset(&reader->pieces, 0);
	reader->reading->text = text.data != NULL ? text : SLICE("");
	reader->has_text = true;
}

/* Only strings count. */
static bool take_text(struct reader *reader, const struct json *node) {
	if (!json_is(node, JSON_STRING)) {
		return false;
	}
	set_text(reader, json_string(node, reader->arena));
	return true;
}

static void fail_with(struct reader *reader, const struct json *message, const char *otherwise) {
	struct slice text = json_is(message, JSON_STRING) ? json_string(message, reader->arena)
							  : slice_of(otherwise);
	reader->has_failed = true;
	reader->trouble = text;
}

/* ---- token counts ---- */

static int64_t count_of(const struct json *object, const char *name) {
	int64_t count;
	return json_int64(json_get(object, name), &count) && count >= 0 ? count : -1;
}

static int64_t without(int64_t total, int64_t part) {
	return total < 0 || part < 0 ? total : total > part ? total - part : 0;
}

/* How a vendor names its counts. `input` holds what was cached when `holds_cached`. */
static const struct usage_names {
	const char *input, *cache_read, *cache_write, *output, *reasoning;
	bool holds_cached;
} claude_names = {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
	"output_tokens", "", false},
  codex_names = {"input_tokens", "cached_input_tokens", "", "output_tokens",
	  "reasoning_output_tokens", true},
  gemini_stream_names = {"input_tokens", "cached", "", "output_tokens", "", true};

static void take_usage(
	struct reader *reader, const struct json *node, const struct usage_names *names) {
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.cache_read = count_of(node, names->cache_read);
	usage.cache_write = count_of(node, names->cache_write);
	usage.output_total = count_of(node, names->output);
	usage.reasoning = count_of(node, names->reasoning);
	usage.input_uncached =
		without(count_of(node, names->input), names->holds_cached ? usage.cache_read : -1);
	chat_usage_merge(&reader->reading->usage, &usage);
}

static void add_count(int64_t *sum, int64_t count) {
	if (count >= 0) {
		*sum = (*sum >= 0 ? *sum : 0) + count;
	}
}

/* {"models":{NAME:{"tokens":{"prompt":..,"cached":..,"candidates":..,"thoughts":..}}}}: thoughts
 * are counted apart from candidates. */
static void take_gemini_stats(struct reader *reader, const struct json *stats) {
	struct chat_usage *usage = &reader->reading->usage;
	json_each (model, json_get(stats, "models")) {
		const struct json *tokens = json_get(model, "tokens");
		int64_t cached = count_of(tokens, "cached");
		add_count(&usage->input_uncached, without(count_of(tokens, "prompt"), cached));
		add_count(&usage->cache_read, cached);
		add_count(&usage->output_total, count_of(tokens, "candidates"));
		add_count(&usage->output_total, count_of(tokens, "thoughts"));
		add_count(&usage->reasoning, count_of(tokens, "thoughts"));
	}
}

/* ---- events by their type ---- */

/* {"content":[{"type":"text","text":..},..]}: the texts of one message stand together. */
static void read_assistant(struct reader *reader, const struct json *event) {
	const struct json *message = json_get(event, "message");
	struct buf text = {0};
	bool has_any = false;
	json_each (part, json_get(message, "content")) {
		if (json_string_is(json_get(part, "type"), "text")) {
			has_any = true;
			buf_append(&text, json_string(json_get(part, "text"), reader->arena));
		}
	}
	if (has_any) {
		set_text(reader, arena_dup(reader->arena, buf_slice(&text)));
	}
	buf_finish(&text);
	if (json_is(json_get(message, "model"), JSON_STRING)) {
		reader->reading->model = json_string(json_get(message, "model"), reader->arena);
	}
}

/* The last event of claude and of gemini's stream. */
static void read_result(struct reader *reader, const struct json *event) {
	const struct json *result = json_get(event, "result");
	const struct json *stats = json_get_value(event, "stats");
	bool is_error = false;
	json_bool(json_get(event, "is_error"), &is_error);
	if (is_error) {
		fail_with(reader,
			json_is(result, JSON_STRING) ? result : json_get(event, "subtype"),
			"it says that it failed");
	} else if (json_string_is(json_get(event, "status"), "error")) {
		fail_with(reader, json_get(json_get(event, "error"), "message"),
			"it says that it failed");
	} else {
		take_text(reader, result);
	}
	if (stats != NULL) {
		take_usage(reader, stats, &gemini_stream_names);
	} else {
		take_usage(reader, json_get(event, "usage"), &claude_names);
	}
}

static void read_item(struct reader *reader, const struct json *event) {
	const struct json *item = json_get(event, "item");
	const struct json *type = json_get(item, "type");
	if (json_string_is(type, "agent_message") || json_string_is(type, "assistant_message")) {
		take_text(reader, json_get(item, "text"));
	}
}

static void read_turn(struct reader *reader, const struct json *event) {
	take_usage(reader, json_get(event, "usage"), &codex_names);
}

static void read_turn_failure(struct reader *reader, const struct json *event) {
	fail_with(reader, json_get(json_get(event, "error"), "message"), "its turn failed");
}

/* Codex tells of connections it lost and made again in the same way as of the last one. */
static void read_error(struct reader *reader, const struct json *event) {
	const struct json *message = json_get(event, "message");
	if (json_is(message, JSON_STRING)) {
		reader->trouble = json_string(message, reader->arena);
	}
}

static void read_message(struct reader *reader, const struct json *event) {
	const struct json *content = json_get(event, "content");
	bool is_delta = false;
	json_bool(json_get(event, "delta"), &is_delta);
	if (!json_string_is(json_get(event, "role"), "assistant") ||
		!json_is(content, JSON_STRING)) {
		return;
	}
	struct slice piece = json_string(content, reader->arena);
	if (!is_delta) {
		set_text(reader, piece);
		return;
	}
	buf_append(&reader->pieces, piece);
	reader->has_text = true;
}

static void read_text(struct reader *reader, const struct json *event) {
	take_text(reader, json_get(json_get(event, "part"), "text"));
}

static const struct {
	const char *type;
	void (*read)(struct reader *reader, const struct json *event);
} event_readers[] = {
	{"assistant", read_assistant},
	{"result", read_result},
	{"item.completed", read_item},
	{"turn.completed", read_turn},
	{"turn.failed", read_turn_failure},
	{"error", read_error},
	{"message", read_message},
	{"text", read_text},
};

/* {"response":TEXT,"stats":..} or {"error":{"message":..}}: gemini's only value, without a type. */
static bool read_gemini(struct reader *reader, const struct json *value) {
	const struct json *error = json_get_value(value, "error");
	if (json_get(value, "response") == NULL && json_get(value, "session_id") == NULL) {
		return false;
	}
	if (error != NULL) {
		fail_with(reader, json_get(error, "message"), "it says that it failed");
	}
	take_text(reader, json_get(value, "response"));
	take_gemini_stats(reader, json_get(value, "stats"));
	return true;
}

/* True when the value is one that an agent prints. */
static bool read_event(struct reader *reader, const struct json *value) {
	const struct json *type = json_get(value, "type");
	for (size_t i = 0; i < sizeof event_readers / sizeof *event_readers; i++) {
		if (json_string_is(type, event_readers[i].type)) {
			event_readers[i].read(reader, value);
			return true;
		}
	}
	return read_gemini(reader, value);
}

/* ---- json_path: "choices.0.text", "items.-1.message", or a JSON pointer ---- */

static const struct json *step_into(const struct json *node, struct slice name) {
	int64_t number;
	if (!json_is(node, JSON_ARRAY)) {
		return json_get_slice(node, name);
	}
	if (!slice_to_int64(name, &number)) {
		return NULL;
	}
	number = number < 0 ? number + (int64_t)node->count : number;
	return number < 0 ? NULL : json_item(node, (size_t)number);
}

static const struct json *follow_path(const struct json *node, struct slice path) {
	if (slice_starts_with(path, SLICE("/"))) {
		return json_at(node, path);
	}
	struct buf name = {0};
	for (size_t at = 0; at <= path.len && node != NULL; at++) {
		if (at == path.len || path.data[at] == '.') {
			node = step_into(node, buf_slice(&name));
			buf_reset(&name, 256);
		} else {
			at += path.data[at] == '\\' && at + 1 < path.len;
			buf_append_byte(&name, path.data[at]);
		}
	}
	buf_finish(&name);
	return node;
}

static void take_at_path(struct reader *reader, const struct json *value) {
	const struct json *found = follow_path(value, reader->json_path);
	if (found != NULL && !take_text(reader, found)) {
		set_text(reader, json_raw(found));
	}
}

/* ---- the whole ---- */

static void read_value(struct reader *reader, const struct json *value) {
	bool is_event = read_event(reader, value);
	if (reader->json_path.len > 0) {
		reader->has_text = false;
		take_at_path(reader, value);
		reader->reading->data = value;
		return;
	}
	/* claude -p --verbose --output-format json */
	if (json_is(value, JSON_ARRAY) &&
		json_string_is(json_get(json_item(value, 0), "type"), "system")) {
		json_each (item, value) {
			is_event |= read_event(reader, item);
		}
	}
	if (!is_event) {
		set_text(reader, json_raw(value));
		reader->reading->data = value;
	}
}

/* One value a line; a line that is none (a notice of npx, say) says nothing. */
static size_t read_lines(struct reader *reader, struct slice out) {
	struct slice line;
	size_t count = 0;
	while (slice_split(&out, '\n', &line)) {
		line = slice_trim(line);
		const struct json *value = line.len > 0 && line.data[0] == '{'
						   ? json_parse(reader->arena, line, NULL, NULL)
						   : NULL;
		if (value == NULL) {
			continue;
		}
		count++;
		if (reader->json_path.len > 0) {
			take_at_path(reader, value);
		} else {
			read_event(reader, value);
		}
	}
	return count;
}

/* False when it is no JSON. */
static bool read_output(struct reader *reader, struct slice out, struct error *error) {
	struct error problem;
	const struct json *value = json_parse(reader->arena, out, NULL, &problem);
	if (value != NULL) {
		read_value(reader, value);
	} else if (problem.kind == ERROR_TOO_LARGE) {
		*error = problem;
		return false;
	} else if (read_lines(reader, out) == 0) {
		return error_set(error, ERROR_UPSTREAM_PROTOCOL, "what it printed is not JSON: %s",
			problem.message);
	}
	if (reader->pieces.len > 0) {
		reader->reading->text = arena_dup(reader->arena, buf_slice(&reader->pieces));
	}
	return true;
}

bool command_read(struct slice out, struct slice json_path, struct arena *arena,
	struct command_reading *reading, struct error *error) {
	struct reader reader = {.arena = arena, .json_path = json_path, .reading = reading};
	*reading = (struct command_reading){.text = SLICE("")};
	chat_usage_init(&reading->usage);
	bool is_json = read_output(&reader, out, error);
	buf_finish(&reader.pieces);
	if (!is_json) {
		return false;
	}
	if (reader.has_failed || (!reader.has_text && reader.trouble.len > 0)) {
		reading->failure = reader.trouble.len > 0 ? reader.trouble : SLICE("it failed");
		return true;
	}
	if (!reader.has_text && json_path.len > 0) {
		return error_set(error, ERROR_UPSTREAM_PROTOCOL,
			"its JSON has nothing at %.*s (json_path)", SLICE_FMT(json_path));
	}
	return reader.has_text ||
	       error_set(error, ERROR_UPSTREAM_PROTOCOL,
		       "its JSON holds no message of an agent: set json_path, or "
		       "json = false");
}
