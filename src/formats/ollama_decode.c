/* ollama_decode.c: answers of Ollama's /api/chat and /api/generate into events (OU-6, OU-7). A line
 * of a stream and a whole answer are the same object. */
#include "formats/ollama_internal.h"

#include "base/clock.h"
#include "formats/decode_common.h"

struct ollama_decoder {
	struct decode shell;
	int64_t next_call; /* number of the next tool call */
};

static bool has_text(const struct json *node) {
	return json_is(node, JSON_STRING) && node->raw_len > 2;
}

static void emit(struct decode *d, enum chat_event_type type, const struct json *text) {
	if (has_text(text)) {
		chat_emit_escaped(&d->emitter, type, 0, json_string_raw(text));
	}
}

/* ---- tool calls ---- */

/* The arguments as text. E-110: the one property of a wrapped call is the tool's input. */
static struct slice call_args(struct decode *d, const struct json *args, bool is_wrapped) {
	const struct json *input = is_wrapped ? json_get(args, "input") : NULL;
	const struct json *text = input != NULL ? input : args;
	return json_is(text, JSON_STRING) ? json_string(text, &d->scratch) : json_raw(text);
}

static void read_call(struct ollama_decoder *self, const struct json *item) {
	struct decode *d = &self->shell;
	const struct json *function = json_get_value(item, "function");
	struct slice id = json_string(json_get_value(item, "id"), &d->scratch);
	struct slice name = json_string(json_get(function, "name"), &d->scratch), none = {0};
	int64_t key = self->next_call++;
	if (name.len == 0) {
		return;
	}
	name = decode_tool_name(d, name);
	const struct chat_tool *tool =
		d->options.request ? chat_request_find_tool(d->options.request, name) : NULL;
	enum chat_tool_kind kind = tool != NULL && tool->kind == CHAT_TOOL_CUSTOM
					   ? CHAT_TOOL_CUSTOM
					   : CHAT_TOOL_FUNCTION;
	if (chat_emit_tool_start(&d->emitter, 0, key, id, name, kind, none)) {
		chat_emit_tool_args(&d->emitter, 0, key,
			call_args(d, json_get_value(function, "arguments"),
				kind == CHAT_TOOL_CUSTOM));
		chat_emit_tool_end(&d->emitter, 0, key);
	}
}

/* ---- log probabilities (E-94) ---- */

static void write_entry(struct json_writer *w, const struct json *entry, struct arena *arena) {
	const struct json *token = json_get(entry, "token"),
			  *bytes = json_get_value(entry, "bytes");
	const struct json *logprob = json_get(entry, "logprob");
	struct slice text = json_string(token, arena);
	json_put_string(w, "token", text.data ? text : SLICE(""));
	json_put_raw(w, "logprob", json_is(logprob, JSON_NUMBER) ? json_raw(logprob) : SLICE("0"));
	if (json_is(bytes, JSON_ARRAY)) {
		json_put_raw(w, "bytes", json_raw(bytes));
		return;
	}
	json_write_key(w, "bytes");
	json_begin_array(w);
	for (size_t i = 0; i < text.len; i++) {
		json_write_int(w, (unsigned char)text.data[i]);
	}
	json_end_array(w);
}

static void emit_logprobs(struct decode *d, const struct json *list) {
	struct buf out;
	struct json_writer w;
	if (!json_is(list, JSON_ARRAY) || list->count == 0) {
		return;
	}
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_write_key(&w, "content");
	json_begin_array(&w);
	json_each (entry, list) {
		json_begin_object(&w);
		write_entry(&w, entry, &d->scratch);
		json_write_key(&w, "top_logprobs");
		json_begin_array(&w);
		json_each (top, json_get_value(entry, "top_logprobs")) {
			json_begin_object(&w);
			write_entry(&w, top, &d->scratch);
			json_end_object(&w);
		}
		json_end_array(&w);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_put_null(&w, "refusal");
	json_end_object(&w);
	chat_emit_logprobs(&d->emitter, 0, buf_slice(&out));
	buf_finish(&out);
}

/* ---- the end ---- */

static int64_t count(const struct json *tree, const char *name) {
	int64_t value;
	return json_int64(json_get(tree, name), &value) && value >= 0 && value < INT64_MAX / 8
		       ? value
		       : -1;
}

static void emit_usage(struct decode *d, const struct json *tree) {
	const struct chat_request *request = d->options.request;
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.input_uncached = count(tree, "prompt_eval_count");
	usage.output_total = count(tree, "eval_count");
	usage.total_ns = count(tree, "total_duration");
	usage.load_ns = count(tree, "load_duration");
	usage.prompt_ns = count(tree, "prompt_eval_duration");
	usage.eval_ns = count(tree, "eval_duration");
	if (usage.input_uncached < 0 && usage.output_total >= 0 && request != NULL) {
		/* OU-6: it is left out when the prompt was cached */
		usage.input_uncached = format_count_tokens(&d->options.counter, request, NULL);
		usage.is_estimated = true;
	}
	if (chat_usage_is_known(&usage) || usage.total_ns >= 0) {
		chat_emit_usage(&d->emitter, &usage);
	}
}

static void finish(struct decode *d, const struct json *tree) {
	static const struct {
		const char *word;
		enum chat_finish_reason reason;
	} words[] = {{"stop", CHAT_FINISH_STOP}, {"length", CHAT_FINISH_LENGTH},
		{"load", CHAT_FINISH_STOP}, {"unload", CHAT_FINISH_STOP}};
	struct slice none = {0};
	struct slice word = json_string(json_get_value(tree, "done_reason"), &d->scratch);
	enum chat_finish_reason reason = word.len > 0 ? CHAT_FINISH_OTHER : CHAT_FINISH_STOP;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_is(word, words[i].word)) {
			reason = words[i].reason;
		}
	}
	emit_usage(d, tree);
	chat_emit_finish(&d->emitter, 0, reason, word.len > 0 ? word : SLICE("stop"), none, none);
	decode_end(d);
}

/* ---- frames ---- */

static void start(struct decode *d, const struct json *tree) {
	struct slice none = {0};
	int64_t created_ms = 0;
	if (d->emitter.has_started) {
		return;
	}
	clock_parse_rfc3339(
		json_string(json_get_value(tree, "created_at"), &d->scratch), &created_ms);
	chat_emit_start(&d->emitter, none, json_string(json_get_value(tree, "model"), &d->scratch),
		created_ms / 1000, none, none);
}

static void read_tree(struct decode *d, const struct json *tree) {
	struct ollama_decoder *self = (struct ollama_decoder *)d;
	const struct json *message = json_get_value(tree, "message");
	bool is_done = json_is(json_get(tree, "done"), JSON_TRUE);
	const struct json *content = json_get_value(message, "content");
	const struct json *thinking = json_get_value(message ? message : tree, "thinking");
	const struct json *calls = json_get_value(message, "tool_calls");
	start(d, tree);
	emit(d, CHAT_EVENT_THINKING_DELTA, thinking);
	emit(d, CHAT_EVENT_TEXT_DELTA, content ? content : json_get_value(tree, "response"));
	json_each (image, json_get_value(message, "images")) {
		struct slice data = json_string(image, &d->scratch);
		if (data.len > 0) {
			struct slice type = chat_sniff_media_type(data);
			chat_emit_image(
				&d->emitter, 0, type.data ? type : SLICE("image/png"), data);
		}
	}
	json_each (call, json_is(calls, JSON_ARRAY) ? calls : NULL) {
		read_call(self, call);
	}
	emit_logprobs(d, json_get_value(tree, "logprobs"));
	if (is_done && !d->emitter.has_ended) {
		finish(d, tree);
	}
}

static void on_frame(struct decode *d, const struct json *tree, struct slice event) {
	(void)event;
	read_tree(d, tree);
}

static bool is_error(const struct json *tree, struct slice event) {
	const struct json *error = json_get(tree, "error");
	(void)event;
	return has_text(error) || json_is(error, JSON_OBJECT);
}

static const struct json *model_node(const struct json *tree) {
	const struct json *model = json_get(tree, "model");
	return json_is(model, JSON_STRING) ? model : NULL;
}

static const struct decode_dialect dialect = {
	.framing = FRAMING_LINES,
	.is_error = is_error,
	.parse_error = format_read_error,
	.on_frame = on_frame,
	.on_whole = read_tree,
	.model_node = model_node,
};

struct format_decoder *ollama_decoder_create(const struct format_decoder_options *options) {
	struct ollama_decoder *self = ARENA_NEW(options->arena, struct ollama_decoder);
	decode_init(&self->shell, &dialect, options, FORMAT_OLLAMA);
	return &self->shell.base;
}
