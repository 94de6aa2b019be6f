/* gemini_decode.c: generateContent answers, whole, streamed or as an array, into events
 * (formats.md 3.3, GM-30..GM-39, GI-2). */
#include "base/encoding.h"
#include "formats/decode_common.h"
#include "formats/formats_internal.h"
#include "formats/gemini.h"
#include "formats/gemini_args.h"

#define MAX_CANDIDATES 128
#define MAX_CITATIONS 2000
/* Of a text that may be cited; a longer one is not. */
#define MAX_CITED_TEXT ((size_t)4 * 1024 * 1024)

struct candidate {
	struct buf text; /* of the text part that is open: citations count its bytes (GM-36) */
	struct gemini_args *args; /* of the call that streams in; NULL: none */
	int64_t calls;            /* the emitter's key of the next call */
	size_t citations;
	bool is_custom_call; /* the last call is of a custom tool (E-110) */
};

struct gemini_decode {
	struct decode d;
	struct {
		struct candidate *items;
		size_t len, cap;
	} candidates;
	struct chat_usage usage;
	int64_t answer_tokens;
	struct slice trace_id; /* of an envelope, where the answer has no id of its own (GI-2) */
};

static struct gemini_decode *decode_of(struct decode *d) {
	return (struct gemini_decode *)d;
}

static void fail(struct decode *d, enum error_kind kind, const char *what, struct slice detail) {
	struct error error;
	error_set(&error, kind, "%s%s%.*s", what, detail.len > 0 ? ": " : "",
		(int)(detail.len > 512 ? 512 : detail.len), detail.len > 0 ? detail.data : "");
	decode_fail(d, &error);
}

/* ---- usage (GM-35, E-102) ---- */

static int64_t count(const struct json *object, const char *name) {
	int64_t value;
	return json_int64(json_get(object, name), &value) && value >= 0 ? value : -1;
}

static int64_t audio_count(const struct json *details) {
	json_each (item, details) {
		if (json_string_is(json_get(item, "modality"), "AUDIO")) {
			return count(item, "tokenCount");
		}
	}
	return -1;
}

static int64_t at_least_0(int64_t value) {
	return value > 0 ? value : 0;
}

/* Counts grow from chunk to chunk; some chunks leave out what others have said. */
static void read_usage(struct gemini_decode *g, const struct json *json) {
	struct chat_usage *usage = &g->usage;
	int64_t prompt = count(json, "promptTokenCount");
	int64_t candidates = count(json, "candidatesTokenCount");
	int64_t thoughts = count(json, "thoughtsTokenCount");
	if (prompt < 0 && candidates < 0 && thoughts < 0) {
		return;
	}
	g->answer_tokens = candidates >= 0 ? candidates : g->answer_tokens;
	usage->reasoning = thoughts >= 0 ? thoughts : usage->reasoning;
	usage->cache_read = count(json, "cachedContentTokenCount");
	if (prompt >= 0) {
		usage->input_uncached = at_least_0(prompt - at_least_0(usage->cache_read));
	}
	usage->output_total = g->answer_tokens + at_least_0(usage->reasoning);
	usage->tool_use_prompt = count(json, "toolUsePromptTokenCount");
	usage->audio_in = audio_count(json_get(json, "promptTokensDetails"));
	usage->audio_out = audio_count(json_get(json, "candidatesTokensDetails"));
	usage->service_tier = json_string(json_get(json, "serviceTier"), &g->d.scratch);
	usage->native = json_raw(json);
	chat_emit_usage(&g->d.emitter, usage);
	usage->native = (struct slice){0};
	usage->service_tier = (struct slice){0};
}

/* ---- parts (GM-30..GM-32, GM-37) ---- */

/* The pointer holds until the next candidate is met. */
static struct candidate *candidate_at(struct gemini_decode *g, uint32_t number) {
	while (g->candidates.len <= number) {
		struct candidate *c = ARENA_PUSH(g->d.options.arena, &g->candidates);
		buf_init(&c->text, MAX_CITED_TEXT);
	}
	return &g->candidates.items[number];
}

static void forget_text(struct candidate *c) {
	buf_reset(&c->text, BUF_REF_MIN);
}

static void read_text(struct gemini_decode *g, uint32_t number, const struct json *part,
	const struct json *text) {
	struct candidate *c = candidate_at(g, number);
	struct decode *d = &g->d;
	bool is_thought = json_is(json_get(part, "thought"), JSON_TRUE);
	struct slice signature = json_string(json_get(part, "thoughtSignature"), &d->scratch);
	if (text != NULL && !chat_emit_is_open(&d->emitter, number, CHAT_PART_TEXT)) {
		forget_text(c);
	}
	chat_emit_escaped(&d->emitter,
		is_thought ? CHAT_EVENT_THINKING_DELTA : CHAT_EVENT_TEXT_DELTA, number,
		json_string_raw(text));
	if (!is_thought && !d->options.keep_wire) {
		buf_append(&c->text, json_string(text, &d->scratch));
	}
	if (signature.len > 0) {
		chat_emit_open_signature(&d->emitter, number, signature);
	}
}

/* E-110: of a custom tool that went as a function of one text, that text. */
static void emit_args(struct gemini_decode *g, uint32_t number, struct slice args) {
	const struct candidate *c = candidate_at(g, number);
	chat_emit_tool_args(&g->d.emitter, number, c->calls,
		c->is_custom_call ? decode_custom_input(&g->d, args) : args);
}

/* The call that streams in is whole: its arguments go out in one piece. */
static void end_call(struct gemini_decode *g, uint32_t number) {
	struct candidate *c = candidate_at(g, number);
	if (c->args == NULL) {
		return;
	}
	struct buf json = {0};
	gemini_args_write(c->args, &json);
	c->args = NULL;
	emit_args(g, number, buf_slice(&json));
	chat_emit_tool_end(&g->d.emitter, number, c->calls++);
	buf_finish(&json);
}

static void read_call(struct gemini_decode *g, uint32_t number, const struct json *part,
	const struct json *call) {
	struct candidate *c = candidate_at(g, number);
	struct decode *d = &g->d;
	struct slice name = json_string(json_get_value(call, "name"), &d->scratch);
	const struct json *args = json_get_value(call, "args");
	const struct json *pieces = json_get_value(call, "partialArgs");
	bool goes_on = json_is(json_get(call, "willContinue"), JSON_TRUE);
	if (name.len > 0) {
		end_call(g, number);
		name = decode_tool_name(d, name);
		c->is_custom_call = decode_is_custom(d, name);
		bool is_open = chat_emit_tool_start(&d->emitter, number, c->calls,
			json_string(json_get_value(call, "id"), &d->scratch), name,
			c->is_custom_call ? CHAT_TOOL_CUSTOM : CHAT_TOOL_FUNCTION,
			json_string(json_get_value(part, "thoughtSignature"), &d->scratch));
		if (!is_open) {
			return;
		}
		if (pieces == NULL && !goes_on) {
			emit_args(g, number, args ? json_raw(args) : SLICE("{}"));
			chat_emit_tool_end(&d->emitter, number, c->calls++);
			return;
		}
		c->args = gemini_args_create(d->options.arena, d->emitter.max_args_bytes);
	}
	if (c->args == NULL) {
		return; /* a piece of no call */
	}
	json_each (piece, pieces) {
		if (!gemini_args_add(c->args, piece)) {
			fail(d, ERROR_UPSTREAM_PROTOCOL,
				"the upstream's arguments of a tool call cannot be put together",
				(struct slice){0});
			return;
		}
	}
	if (!goes_on) {
		end_call(g, number);
	}
}

static void read_media(struct gemini_decode *g, uint32_t number, const struct json *part,
	const struct json *data) {
	struct decode *d = &g->d;
	struct slice type = json_string(json_get(data, "mimeType"), &d->scratch);
	if (slice_istarts_with(type, SLICE("image/"))) {
		chat_emit_image(&d->emitter, number, type,
			json_string(json_get(data, "data"), &d->scratch));
	} else {
		chat_emit_block(&d->emitter, number, CHAT_PART_RAW, SLICE("inlineData"),
			json_raw(part), FORMAT_GEMINI);
	}
}

/* Code that was run, calls of Google's own tools, and what comes later. */
static void read_block(struct gemini_decode *g, uint32_t number, const struct json *part) {
	static const char *const server[] = {
		"executableCode", "codeExecutionResult", "toolCall", "toolResponse"};
	for (size_t i = 0; i < sizeof server / sizeof *server; i++) {
		if (json_get_value(part, server[i]) != NULL) {
			chat_emit_block(&g->d.emitter, number, CHAT_PART_SERVER_TOOL,
				slice_of(server[i]), json_raw(part), FORMAT_GEMINI);
			return;
		}
	}
	if (json_get_value(part, "thoughtSignature") != NULL) {
		read_text(g, number, part, NULL); /* a signature alone */
	} else if (part->count > 0) {
		chat_emit_block(&g->d.emitter, number, CHAT_PART_RAW,
			json_key(part->child, &g->d.scratch), json_raw(part), FORMAT_GEMINI);
	}
}

static void read_part(struct gemini_decode *g, uint32_t number, const struct json *part) {
	const struct json *text = json_get_value(part, "text");
	const struct json *call = json_get_value(part, "functionCall");
	const struct json *data = json_get_value(part, "inlineData");
	if (!json_is(part, JSON_OBJECT)) {
		return;
	}
	if (json_is(text, JSON_STRING)) {
		read_text(g, number, part, text);
	} else if (call != NULL) {
		read_call(g, number, part, call);
	} else if (data != NULL) {
		read_media(g, number, part, data);
	} else {
		read_block(g, number, part);
	}
}

/* ---- citations (GM-36, E-107) ---- */

/* Byte offsets into code points, without starting over while they grow. */
struct offsets {
	struct slice text;
	size_t byte;
	int64_t points;
};

static int64_t points_at(struct offsets *o, int64_t byte) {
	size_t wanted = byte < 0 ? 0 : (size_t)byte < o->text.len ? (size_t)byte : o->text.len;
	if (wanted < o->byte) {
		o->byte = 0;
		o->points = 0;
	}
	o->points += (int64_t)utf8_length(slice_sub(o->text, o->byte, wanted - o->byte));
	o->byte = wanted;
	return o->points;
}

static void put_member(struct json_writer *w, const char *key, const struct json *node) {
	if (json_is(node, JSON_STRING)) {
		json_put_raw(w, key, json_raw(node));
	}
}

/* `where` has startIndex and endIndex, `source` uri and title. */
static void emit_citation(struct gemini_decode *g, uint32_t number, struct offsets *offsets,
	const struct json *where, const struct json *source) {
	struct candidate *c = candidate_at(g, number);
	const struct json *uri = json_get_value(source, "uri");
	int64_t begin = at_least_0(count(where, "startIndex")), end = count(where, "endIndex");
	if (!json_is(uri, JSON_STRING) || c->citations >= MAX_CITATIONS) {
		return;
	}
	c->citations++;
	struct buf json = {0};
	struct json_writer w;
	json_writer_init(&w, &json, false);
	json_begin_object(&w);
	json_put_cstr(&w, "type", "web");
	put_member(&w, "url", uri);
	put_member(&w, "title", json_get(source, "title"));
	json_put_int(&w, "start_index", points_at(offsets, begin));
	json_put_int(
		&w, "end_index", points_at(offsets, end >= 0 ? end : (int64_t)offsets->text.len));
	put_member(&w, "cited_text", json_get(where, "text"));
	json_end_object(&w);
	chat_emit_citation(&g->d.emitter, number, buf_slice(&json));
	buf_finish(&json);
}

static void read_grounding(struct gemini_decode *g, uint32_t number, struct offsets *offsets,
	const struct json *json) {
	const struct json *chunks = json_get(json, "groundingChunks");
	json_each (support, json_get(json, "groundingSupports")) {
		const struct json *segment = json_get(support, "segment");
		json_each (index, json_get(support, "groundingChunkIndices")) {
			int64_t at;
			if (!json_int64(index, &at) || at < 0) {
				continue;
			}
			const struct json *chunk = json_item(chunks, (size_t)at);
			const struct json *source = json_get_value(chunk, "web");
			source = source ? source : json_get_value(chunk, "retrievedContext");
			emit_citation(g, number, offsets, segment, source);
		}
	}
}

/* Citations belong to the text that is open; behind anything else there is nothing to tie them to.
 */
static void read_citations(struct gemini_decode *g, uint32_t number, const struct json *candidate) {
	const struct json *grounding = json_get_value(candidate, "groundingMetadata");
	const struct json *sources = json_get_value(candidate, "citationMetadata");
	const struct candidate *c = candidate_at(g, number);
	if (c->text.failed || (grounding == NULL && sources == NULL) || g->d.options.keep_wire ||
		!chat_emit_is_open(&g->d.emitter, number, CHAT_PART_TEXT)) {
		return;
	}
	struct offsets offsets = {.text = buf_slice(&c->text)};
	read_grounding(g, number, &offsets, grounding);
	const struct json *list = json_get_value(sources, "citationSources");
	json_each (source, list ? list : json_get_value(sources, "citations")) {
		emit_citation(g, number, &offsets, source, source);
	}
}

/* ---- finish (4.1, GM-33) ---- */

static const struct {
	const char *native;
	enum chat_finish_reason reason;
} finish_reasons[] = {
	{"STOP", CHAT_FINISH_STOP},
	{"MAX_TOKENS", CHAT_FINISH_LENGTH},
	{"CONTINUATION", CHAT_FINISH_LENGTH},
	{"SAFETY", CHAT_FINISH_CONTENT_FILTER},
	{"RECITATION", CHAT_FINISH_CONTENT_FILTER},
	{"BLOCKLIST", CHAT_FINISH_CONTENT_FILTER},
	{"PROHIBITED_CONTENT", CHAT_FINISH_CONTENT_FILTER},
	{"SPII", CHAT_FINISH_CONTENT_FILTER},
	{"IMAGE_SAFETY", CHAT_FINISH_CONTENT_FILTER},
	{"IMAGE_PROHIBITED_CONTENT", CHAT_FINISH_CONTENT_FILTER},
	{"IMAGE_RECITATION", CHAT_FINISH_CONTENT_FILTER},
	{"LANGUAGE", CHAT_FINISH_CONTENT_FILTER},
	{"MALFORMED_FUNCTION_CALL", GEMINI_FINISH_ERROR},
	{"UNEXPECTED_TOOL_CALL", GEMINI_FINISH_ERROR},
	{"TOO_MANY_TOOL_CALLS", GEMINI_FINISH_ERROR},
};

bool gemini_finish_reason(struct slice native, enum chat_finish_reason *reason) {
	for (size_t i = 0; i < sizeof finish_reasons / sizeof *finish_reasons; i++) {
		if (slice_is(native, finish_reasons[i].native)) {
			*reason = finish_reasons[i].reason;
			return true;
		}
	}
	return false;
}

static void read_finish(struct gemini_decode *g, uint32_t number, const struct json *candidate) {
	struct decode *d = &g->d;
	struct slice native = json_string(json_get_value(candidate, "finishReason"), &d->scratch);
	enum chat_finish_reason reason = CHAT_FINISH_OTHER;
	if (native.len == 0) {
		return;
	}
	end_call(g, number);
	gemini_finish_reason(native, &reason);
	if (reason == GEMINI_FINISH_ERROR) {
		struct slice message =
			json_string(json_get_value(candidate, "finishMessage"), &d->scratch);
		fail(d, ERROR_UPSTREAM_PROTOCOL,
			"the model's answer could not be used, it made a bad tool call",
			message.len > 0 ? message : native);
		return;
	}
	chat_emit_finish(&d->emitter, number, reason, native, (struct slice){0}, (struct slice){0});
}

/* ---- chunks ---- */

static void read_candidate(struct gemini_decode *g, const struct json *candidate) {
	struct decode *d = &g->d;
	int64_t index = at_least_0(count(candidate, "index"));
	if (index >= MAX_CANDIDATES) {
		fail(d, ERROR_UPSTREAM_PROTOCOL, "the upstream sent more than 128 candidates",
			(struct slice){0});
		return;
	}
	uint32_t number = (uint32_t)index;
	json_each (part, json_get(json_get(candidate, "content"), "parts")) {
		read_part(g, number, part);
	}
	read_citations(g, number, candidate);
	const struct json *logprobs = json_get_value(candidate, "logprobsResult");
	struct buf converted = {0};
	if (logprobs != NULL && gemini_read_logprobs(logprobs, &converted)) {
		chat_emit_logprobs(&d->emitter, number, buf_slice(&converted));
	}
	buf_finish(&converted);
	read_finish(g, number, candidate);
}

/* GM-34: nothing was answered, and it says why. */
static void read_blocked(struct decode *d, const struct json *feedback) {
	struct slice reason = json_string(json_get_value(feedback, "blockReason"), &d->scratch);
	struct slice message =
		json_string(json_get_value(feedback, "blockReasonMessage"), &d->scratch);
	if (reason.len == 0) {
		return;
	}
	if (message.len == 0) {
		message = arena_printf(
			&d->scratch, "The prompt was blocked (%.*s).", SLICE_FMT(reason));
	}
	chat_emit_refusal(&d->emitter, 0, message);
	chat_emit_finish(&d->emitter, 0, CHAT_FINISH_CONTENT_FILTER, reason, (struct slice){0},
		(struct slice){0});
}

static void read_chunk(struct gemini_decode *g, const struct json *chunk) {
	struct decode *d = &g->d;
	const struct json *candidates = json_get_value(chunk, "candidates");
	struct slice id = json_string(json_get_value(chunk, "responseId"), &d->scratch);
	chat_emit_start(&d->emitter, id.len > 0 ? id : g->trace_id,
		json_string(json_get_value(chunk, "modelVersion"), &d->scratch), 0,
		(struct slice){0}, (struct slice){0});
	read_usage(g, json_get_value(chunk, "usageMetadata"));
	json_each (candidate, candidates) {
		read_candidate(g, candidate);
	}
	if (json_first(candidates) == NULL) {
		read_blocked(d, json_get_value(chunk, "promptFeedback"));
	}
}

/* ---- the dialect ---- */

static bool is_error_object(const struct json *tree) {
	return json_get_value(tree, "error") != NULL && json_get(tree, "candidates") == NULL;
}

static bool is_error(const struct json *tree, struct slice event) {
	(void)event;
	return is_error_object(json_is(tree, JSON_ARRAY) ? json_item(tree, 0) : tree);
}

static const struct json *payload(struct decode *d, const struct json *tree) {
	struct gemini_decode *g = decode_of(d);
	struct slice trace_id = json_string(json_get_value(tree, "traceId"), &d->scratch);
	if (trace_id.len > 0 && g->trace_id.data == NULL) {
		g->trace_id = arena_dup(d->options.arena, trace_id);
	}
	return gemini_unwrap(tree);
}

static void on_frame(struct decode *d, const struct json *tree, struct slice event) {
	(void)event;
	read_chunk(decode_of(d), tree);
}

/* GM-39, GC-5: one answer, or the chunks of a stream as one array. */
static void on_whole(struct decode *d, const struct json *tree) {
	if (!json_is(tree, JSON_ARRAY)) {
		read_chunk(decode_of(d), tree);
		return;
	}
	json_each (chunk, tree) {
		const struct json *inner = payload(d, chunk);
		if (inner != NULL && is_error_object(inner)) {
			struct error error;
			format_read_error(200, NULL, json_raw(inner), &error);
			decode_fail(d, &error);
			return;
		}
		if (inner != NULL) {
			read_chunk(decode_of(d), inner);
		}
	}
}

static const struct json *model_node(const struct json *tree) {
	return json_get(tree, "modelVersion");
}

static const struct decode_dialect dialect = {
	.is_error = is_error,
	.parse_error = format_read_error,
	.payload = payload,
	.on_frame = on_frame,
	.on_whole = on_whole,
	.model_node = model_node,
};

static void destroy(struct format_decoder *decoder) {
	struct gemini_decode *g = (struct gemini_decode *)decoder;
	for (size_t i = 0; i < g->candidates.len; i++) {
		buf_finish(&g->candidates.items[i].text);
	}
	decode_destroy(decoder);
}

static const struct format_decoder_ops ops = {
	.feed = decode_feed,
	.finish = decode_finish,
	.destroy = destroy,
};

struct format_decoder *gemini_decoder_create(const struct format_decoder_options *options) {
	struct gemini_decode *g = ARENA_NEW(options->arena, struct gemini_decode);
	decode_init(&g->d, &dialect, options, FORMAT_GEMINI);
	g->d.base.ops = &ops;
	chat_usage_init(&g->usage);
	return &g->d.base;
}
