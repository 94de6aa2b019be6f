/* anthropic_decode.c: Messages answers, whole and streamed, into events (formats.md 3.2,
 * AN-30..AN-38). */
#include <stdio.h>

#include "formats/anthropic.h"
#include "formats/decode_common.h"
#include "formats/formats_internal.h"

/* What a content block of the stream is to us. */
enum block_kind {
	BLOCK_IGNORED, /* server blocks come whole in their start; unknown ones are skipped */
	BLOCK_TEXT,
	BLOCK_THINKING,
	BLOCK_TOOL,
	BLOCK_CUSTOM,   /* E-110: a custom tool that went as a function of one text */
	BLOCK_JSON_TOOL /* AN-24: the forced tool whose input is the text */
};

struct anthropic_decode {
	struct decode d;
	/* Only one block is open at a time (AC-10). */
	enum block_kind open_kind;
	int64_t open_index;
	/* AN-35: a restarted stream counts from 0 again; for the wire its blocks follow those sent.
	 */
	int64_t index_shift, next_index;
	bool is_block_open;
	struct buf held; /* arguments of a custom tool, to be unwrapped when they are whole */
	struct chat_usage usage;
};

static struct anthropic_decode *decode_of(struct decode *d) {
	return (struct anthropic_decode *)d;
}

/* ---- small facts ---- */

static const struct {
	const char *native;
	enum chat_finish_reason reason;
} finish_reasons[] = {
	{"end_turn", CHAT_FINISH_STOP},
	{"max_tokens", CHAT_FINISH_LENGTH},
	{"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
	{"tool_use", CHAT_FINISH_TOOL_CALLS},
	{"pause_turn", CHAT_FINISH_PAUSE},
	{"refusal", CHAT_FINISH_REFUSAL},
	{"model_context_window_exceeded", CHAT_FINISH_LENGTH},
	{"compaction", CHAT_FINISH_OTHER},
};

static enum chat_finish_reason finish_reason(const struct decode *d, struct slice native) {
	for (size_t i = 0; i < sizeof finish_reasons / sizeof *finish_reasons; i++) {
		if (!slice_is(native, finish_reasons[i].native)) {
			continue;
		}
		bool is_json_tool = d->options.built && d->options.built->json_tool &&
				    finish_reasons[i].reason == CHAT_FINISH_TOOL_CALLS;
		return is_json_tool ? CHAT_FINISH_STOP : finish_reasons[i].reason;
	}
	return CHAT_FINISH_OTHER;
}

static void read_count(const struct json *object, const char *name, int64_t *count) {
	int64_t value;
	if (json_int64(json_get(object, name), &value) && value >= 0) {
		*count = value;
	}
}

/* AN-33: what is said overwrites, what is null or absent stays. */
static void read_usage(struct anthropic_decode *a, const struct json *json) {
	struct chat_usage *usage = &a->usage;
	if (!json_is(json, JSON_OBJECT)) {
		return;
	}
	read_count(json, "input_tokens", &usage->input_uncached);
	read_count(json, "cache_read_input_tokens", &usage->cache_read);
	read_count(json, "cache_creation_input_tokens", &usage->cache_write);
	const struct json *creation = json_get(json, "cache_creation");
	read_count(creation, "ephemeral_5m_input_tokens", &usage->cache_write_5m);
	read_count(creation, "ephemeral_1h_input_tokens", &usage->cache_write_1h);
	read_count(json, "output_tokens", &usage->output_total);
	read_count(json_get(json, "output_tokens_details"), "thinking_tokens", &usage->reasoning);
	const struct json *server = json_get(json, "server_tool_use");
	read_count(server, "web_search_requests", &usage->web_searches);
	read_count(server, "web_fetch_requests", &usage->web_fetches);
	usage->service_tier = arena_dup(
		a->d.options.arena, json_string(json_get(json, "service_tier"), &a->d.scratch));
	usage->native = json_raw(json);
	chat_emit_usage(&a->d.emitter, usage);
	usage->native = (struct slice){0};
}

static bool is_json_tool(const struct decode *d, struct slice name) {
	return d->options.built && d->options.built->json_tool && slice_is(name, "json");
}

/* ---- blocks ---- */

static void emit_citations(struct decode *d, const struct json *block) {
	json_each (citation, json_get_value(block, "citations")) {
		chat_emit_citation(&d->emitter, 0, json_raw(citation));
	}
}

static enum block_kind begin_text(struct decode *d, const struct json *block, int64_t index) {
	(void)index;
	chat_emit_escaped(
		&d->emitter, CHAT_EVENT_TEXT_DELTA, 0, json_string_raw(json_get(block, "text")));
	emit_citations(d, block);
	return BLOCK_TEXT;
}

static enum block_kind begin_thinking(struct decode *d, const struct json *block, int64_t index) {
	(void)index;
	chat_emit_escaped(&d->emitter, CHAT_EVENT_THINKING_DELTA, 0,
		json_string_raw(json_get(block, "thinking")));
	struct slice signature = json_string(json_get(block, "signature"), &d->scratch);
	if (signature.len > 0) {
		chat_emit_signature(&d->emitter, 0, signature);
	}
	return BLOCK_THINKING;
}

static enum block_kind begin_redacted(struct decode *d, const struct json *block, int64_t index) {
	(void)index;
	chat_emit_redacted(&d->emitter, 0, json_string(json_get(block, "data"), &d->scratch),
		FORMAT_ANTHROPIC);
	return BLOCK_IGNORED;
}

static void add_args(struct decode *d, enum block_kind kind, int64_t index, struct slice args) {
	struct buf *held = &decode_of(d)->held;
	if (kind == BLOCK_TOOL) {
		chat_emit_tool_args(&d->emitter, 0, index, args);
	} else if (!buf_append(held, args) && !d->emitter.has_ended) {
		struct error error;
		error_set(&error, ERROR_TOO_LARGE,
			"the upstream's arguments of a tool call are larger than allowed");
		decode_fail(d, &error);
	}
}

static enum block_kind begin_tool(struct decode *d, const struct json *block, int64_t index) {
	struct slice name = json_string(json_get(block, "name"), &d->scratch);
	const struct json *input = json_get(block, "input");
	/* AN-31: an empty object is a placeholder, anything in it is arguments. */
	bool has_input = json_is(input, JSON_OBJECT) && input->count > 0;
	if (is_json_tool(d, name)) {
		if (has_input) {
			chat_emit_text(&d->emitter, 0, json_raw(input));
		}
		return BLOCK_JSON_TOOL;
	}
	name = decode_tool_name(d, name);
	bool is_custom = decode_is_custom(d, name);
	chat_emit_tool_start(&d->emitter, 0, index, json_string(json_get(block, "id"), &d->scratch),
		name, is_custom ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION, (struct slice){0});
	if (is_custom) {
		buf_reset(&decode_of(d)->held, BUF_REF_MIN);
	}
	if (has_input) {
		add_args(d, is_custom ? BLOCK_CUSTOM : BLOCK_TOOL, index, json_raw(input));
	}
	return is_custom ? BLOCK_CUSTOM : BLOCK_TOOL;
}

static enum block_kind begin_other(struct decode *d, const struct json *block, int64_t index) {
	(void)index;
	struct slice type = json_string(json_get(block, "type"), &d->scratch);
	bool is_server = slice_is(type, "server_tool_use") || slice_is(type, "mcp_tool_use") ||
			 slice_ends_with(type, SLICE("_tool_result"));
	chat_emit_block(&d->emitter, 0, is_server ? CHAT_PART_SERVER_TOOL : CHAT_PART_RAW, type,
		json_raw(block), FORMAT_ANTHROPIC);
	return BLOCK_IGNORED;
}

static const struct {
	const char *type;
	enum block_kind (*begin)(struct decode *d, const struct json *block, int64_t index);
} block_types[] = {
	{"text", begin_text},
	{"thinking", begin_thinking},
	{"tool_use", begin_tool},
	{"redacted_thinking", begin_redacted},
};

static enum block_kind begin_block(struct decode *d, const struct json *block, int64_t index) {
	if (!json_is(block, JSON_OBJECT)) {
		return BLOCK_IGNORED;
	}
	for (size_t i = 0; i < sizeof block_types / sizeof *block_types; i++) {
		if (json_string_is(json_get(block, "type"), block_types[i].type)) {
			return block_types[i].begin(d, block, index);
		}
	}
	return begin_other(d, block, index);
}

static void end_block(struct decode *d, enum block_kind kind, int64_t index) {
	if (kind == BLOCK_CUSTOM) {
		chat_emit_tool_args(&d->emitter, 0, index,
			decode_custom_input(d, buf_slice(&decode_of(d)->held)));
	}
	if (kind == BLOCK_TOOL || kind == BLOCK_CUSTOM) {
		chat_emit_tool_end(&d->emitter, 0, index);
	} else {
		chat_emit_close(&d->emitter, 0);
	}
}

/* ---- events of a stream ---- */

static void emit_start(struct decode *d, const struct json *message) {
	chat_emit_start(&d->emitter, json_string(json_get(message, "id"), &d->scratch),
		json_string(json_get(message, "model"), &d->scratch), 0, (struct slice){0},
		(struct slice){0});
}

/* AN-35: a retry behind another gateway starts over. */
static void restart(struct decode *d) {
	struct anthropic_decode *a = decode_of(d);
	if (a->is_block_open) {
		char stop[128];
		int len = snprintf(stop, sizeof stop,
			"event: content_block_stop\n"
			"data: {\"type\":\"content_block_stop\",\"index\":%lld}\n\n",
			(long long)(a->open_index + a->index_shift));
		decode_send_wire(d, slice_make(stop, (size_t)len));
	}
	a->index_shift = a->next_index;
	a->is_block_open = false;
	a->open_kind = BLOCK_IGNORED;
	chat_emit_restart(&d->emitter);
}

static void on_message_start(struct decode *d, const struct json *tree) {
	const struct json *message = json_get(tree, "message");
	if (d->emitter.has_started) {
		restart(d);
	}
	emit_start(d, message);
	read_usage(decode_of(d), json_get(message, "usage"));
}

static void on_block_start(struct decode *d, const struct json *tree) {
	struct anthropic_decode *a = decode_of(d);
	if (!json_int64(json_get(tree, "index"), &a->open_index)) {
		a->open_index++;
	}
	a->is_block_open = true;
	a->next_index = a->open_index + a->index_shift + 1;
	a->open_kind = begin_block(d, json_get(tree, "content_block"), a->open_index);
}

static void on_input_delta(struct decode *d, const struct json *delta) {
	struct anthropic_decode *a = decode_of(d);
	const struct json *partial = json_get(delta, "partial_json");
	if (a->open_kind == BLOCK_TOOL || a->open_kind == BLOCK_CUSTOM) {
		add_args(d, a->open_kind, a->open_index, json_string(partial, &d->scratch));
	} else if (a->open_kind == BLOCK_JSON_TOOL) {
		chat_emit_escaped(&d->emitter, CHAT_EVENT_TEXT_DELTA, 0, json_string_raw(partial));
	}
}

static void on_block_delta(struct decode *d, const struct json *tree) {
	const struct json *delta = json_get(tree, "delta"), *type = json_get(delta, "type");
	if (json_string_is(type, "text_delta")) {
		chat_emit_escaped(&d->emitter, CHAT_EVENT_TEXT_DELTA, 0,
			json_string_raw(json_get(delta, "text")));
	} else if (json_string_is(type, "input_json_delta")) {
		on_input_delta(d, delta);
	} else if (json_string_is(type, "thinking_delta")) {
		chat_emit_escaped(&d->emitter, CHAT_EVENT_THINKING_DELTA, 0,
			json_string_raw(json_get(delta, "thinking")));
	} else if (json_string_is(type, "signature_delta")) {
		struct slice signature = json_string(json_get(delta, "signature"), &d->scratch);
		if (signature.len > 0) {
			chat_emit_signature(&d->emitter, 0, signature);
		}
	} else if (json_string_is(type, "citations_delta") &&
		   json_is(json_get(delta, "citation"), JSON_OBJECT)) {
		chat_emit_citation(&d->emitter, 0, json_raw(json_get(delta, "citation")));
	}
}

static void on_block_stop(struct decode *d, const struct json *tree) {
	struct anthropic_decode *a = decode_of(d);
	(void)tree;
	end_block(d, a->open_kind, a->open_index);
	a->open_kind = BLOCK_IGNORED;
	a->is_block_open = false;
}

static void emit_finish(struct decode *d, const struct json *from) {
	struct slice native = json_string(json_get_value(from, "stop_reason"), &d->scratch);
	if (!native.data) {
		return;
	}
	const struct json *detail = json_get_value(from, "stop_details");
	chat_emit_finish(&d->emitter, 0, finish_reason(d, native), native,
		json_string(json_get_value(from, "stop_sequence"), &d->scratch),
		detail ? json_raw(detail) : (struct slice){0});
}

static void on_message_delta(struct decode *d, const struct json *tree) {
	read_usage(decode_of(d), json_get(tree, "usage"));
	emit_finish(d, json_get(tree, "delta"));
}

static void on_message_stop(struct decode *d, const struct json *tree) {
	(void)tree;
	decode_end(d);
}

static void on_ping(struct decode *d, const struct json *tree) {
	(void)tree;
	chat_emit_ping(&d->emitter);
}

static const struct {
	const char *type;
	void (*on)(struct decode *d, const struct json *tree);
} event_types[] = {
	{"content_block_delta", on_block_delta},
	{"content_block_start", on_block_start},
	{"content_block_stop", on_block_stop},
	{"message_start", on_message_start},
	{"message_delta", on_message_delta},
	{"message_stop", on_message_stop},
	{"ping", on_ping},
};

/* AN-30: the JSON's type decides; unknown types are for Anthropic clients only (on the wire). */
static void on_frame(struct decode *d, const struct json *tree, struct slice event) {
	const struct json *type = json_get(tree, "type");
	(void)event;
	for (size_t i = 0; i < sizeof event_types / sizeof *event_types; i++) {
		if (json_string_is(type, event_types[i].type)) {
			event_types[i].on(d, tree);
			return;
		}
	}
}

/* ---- whole answers ---- */

static void on_whole(struct decode *d, const struct json *tree) {
	int64_t index = 0;
	if (!json_is(json_get(tree, "content"), JSON_ARRAY)) {
		struct error error;
		error_set(&error, ERROR_UPSTREAM_PROTOCOL,
			"the upstream's answer is not a message: it has no content list");
		decode_fail(d, &error);
		return;
	}
	emit_start(d, tree);
	json_each (block, json_get(tree, "content")) {
		/* In a whole answer {} is the arguments; the emitter gives {} to a call without
		 * any. */
		end_block(d, begin_block(d, block, index), index);
		index++;
	}
	read_usage(decode_of(d), json_get(tree, "usage"));
	emit_finish(d, tree);
}

/* ---- the dialect ---- */

static bool is_error(const struct json *tree, struct slice event) {
	return json_string_is(json_get(tree, "type"), "error") || slice_is(event, "error") ||
	       (json_get_value(tree, "error") && !json_get(tree, "type"));
}

static bool is_hidden(const struct decode *d, const struct json *tree) {
	/* AC-12: a client must not see a second message_start. */
	return d->emitter.has_started && json_string_is(json_get(tree, "type"), "message_start");
}

static const struct json *renumber(
	const struct decode *d, const struct json *tree, int64_t *number) {
	const struct anthropic_decode *a = (const struct anthropic_decode *)d;
	const struct json *index = json_get(tree, "index");
	if (a->index_shift == 0 || !json_int64(index, number)) {
		return NULL;
	}
	*number += a->index_shift;
	return index;
}

static const struct json *model_node(const struct json *tree) {
	const struct json *message = json_get(tree, "message");
	return json_get(json_is(message, JSON_OBJECT) ? message : tree, "model");
}

static const struct decode_dialect dialect = {
	.is_error = is_error,
	.parse_error = format_read_error,
	.on_frame = on_frame,
	.end_frame = SLICE_INIT("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
	.on_whole = on_whole,
	.is_hidden = is_hidden,
	.model_node = model_node,
	.renumber = renumber,
};

static void destroy(struct format_decoder *decoder) {
	buf_finish(&((struct anthropic_decode *)decoder)->held);
	decode_destroy(decoder);
}

struct format_decoder *anthropic_decoder_create(const struct format_decoder_options *options) {
	static const struct format_decoder_ops ops = {decode_feed, decode_finish, destroy};
	struct anthropic_decode *a = ARENA_NEW(options->arena, struct anthropic_decode);
	decode_init(&a->d, &dialect, options, FORMAT_ANTHROPIC);
	a->d.base.ops = &ops;
	buf_init(&a->held, a->d.emitter.max_args_bytes);
	a->open_index = -1;
	chat_usage_init(&a->usage);
	return &a->d.base;
}
