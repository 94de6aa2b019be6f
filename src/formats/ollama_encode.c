/* ollama_encode.c: events into the dialect's lines, and whole answers (OL-5..OL-7, E-36). */
#include "base/clock.h"
#include "formats/json_repair.h"
#include "formats/ollama_internal.h"

/* A call whose arguments come whole (OL-5). */
struct encoder_call {
	uint32_t part;
	struct slice id, name;
	enum chat_tool_kind kind;
	struct buf args;
	bool is_broken; /* ended, and its arguments are no JSON: the finish decides (FR-1) */
};

struct ollama_encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	struct json_writer w;
	struct slice head; /* {"model":...,"created_at":... */
	bool has_failed, is_finished;
	uint32_t
		next_call; /* calls are numbered as they are told: some are held back, or dropped */
	struct chat_usage usage;
	size_t output_bytes;
	uint64_t first_ns; /* of the first content */
	enum chat_finish_reason reason;
	struct slice native_reason;
	struct {
		struct encoder_call *items;
		size_t len, cap;
	} calls;
};

/* ---- what lines and whole answers share ---- */

static bool is_generate(const struct format_encoder_options *options) {
	return options->request != NULL && options->request->is_generate;
}

/* The members every object begins with; the object stays open. */
static void begin_object(struct json_writer *w, const struct format_encoder_options *options,
	struct slice model, int64_t created_s) {
	char time[CLOCK_TEXT_MAX];
	bool echoes = options->force_model || model.len == 0;
	clock_format_rfc3339((created_s > 0 ? created_s : options->now_s) * 1000, time);
	json_begin_object(w);
	json_put_string(w, "model", echoes ? options->model : model);
	json_write_key(w, "created_at");
	json_begin_string(w);
	json_write_string_part(w, slice_sub(slice_of(time), 0, strlen(time) - 1));
	json_write_string_part(w, SLICE("000000Z")); /* clients parse nanoseconds */
	json_end_string(w);
}

static const char *finish_word(enum chat_finish_reason reason, struct slice native) {
	if (slice_is(native, "load")) {
		return "load";
	}
	if (slice_is(native, "unload")) {
		return "unload";
	}
	return reason == CHAT_FINISH_LENGTH ? "length" : "stop"; /* OL-7, 4.1 */
}

static int64_t known(int64_t value) {
	return value >= 0 ? value : 0;
}

/* Clients divide by the durations: what the upstream does not tell is measured here. */
static void write_metrics(struct json_writer *w, const struct format_encoder_options *options,
	struct chat_usage usage, uint64_t first_ns, size_t output_bytes) {
	uint64_t now_ns = options->began_ns > 0 ? clock_monotonic_ns() : 0;
	uint64_t first = first_ns > options->began_ns ? first_ns : options->began_ns;
	if (!chat_usage_is_known(&usage)) {
		usage.input_uncached =
			options->request != NULL
				? format_count_tokens(&options->counter, options->request, NULL)
				: 0;
		usage.output_total = (int64_t)(output_bytes / 4) + (output_bytes > 0 ? 1 : 0);
	}
	if (usage.total_ns < 0) {
		usage.total_ns = (int64_t)(now_ns - options->began_ns);
		usage.prompt_ns = (int64_t)(first - options->began_ns);
		usage.eval_ns = (int64_t)(now_ns - first);
	}
	json_put_int(w, "total_duration", known(usage.total_ns));
	json_put_int(w, "load_duration", known(usage.load_ns));
	json_put_int(w, "prompt_eval_count", known(chat_usage_input_total(&usage)));
	json_put_int(w, "prompt_eval_duration", known(usage.prompt_ns));
	json_put_int(w, "eval_count", known(usage.output_total));
	json_put_int(w, "eval_duration", known(usage.eval_ns));
}

static void write_call(struct json_writer *w, uint32_t index, struct slice id, struct slice name,
	struct slice args_object) {
	json_begin_object(w);
	json_put_string(w, "id", id);
	json_write_key(w, "function");
	json_begin_object(w);
	json_put_int(w, "index", index);
	json_put_string(w, "name", name);
	json_put_raw(w, "arguments", args_object);
	json_end_object(w);
	json_end_object(w);
}

static struct slice args_object(struct arena *arena, enum chat_tool_kind kind, struct slice args) {
	return kind == CHAT_TOOL_CUSTOM ? format_custom_tool_args(arena, args)
					: json_repair_object(arena, args);
}

/* ---- lines ---- */

static struct json_writer *begin_line(struct ollama_encoder *e) {
	buf_append(e->options.out, e->head);
	json_writer_init(&e->w, e->options.out, false);
	e->w.needs_comma = true;
	return &e->w;
}

static void end_line(struct ollama_encoder *e) {
	json_end_object(&e->w);
	buf_append_byte(e->options.out, '\n');
}

/* A line with one piece of content; the other texts of its shape are empty. */
static void text_line(struct ollama_encoder *e, struct slice thinking, struct slice text) {
	struct json_writer *w = begin_line(e);
	if (is_generate(&e->options)) {
		json_put_string(w, "response", text);
		if (thinking.len > 0) {
			json_put_string(w, "thinking", thinking);
		}
	} else {
		json_write_key(w, "message");
		json_begin_object(w);
		json_put_cstr(w, "role", "assistant");
		json_put_string(w, "content", text);
		if (thinking.len > 0) {
			json_put_string(w, "thinking", thinking);
		}
		json_end_object(w);
	}
	json_put_bool(w, "done", false);
	end_line(e);
	e->output_bytes += thinking.len + text.len;
}

static void note_content(struct ollama_encoder *e) {
	if (e->first_ns == 0 && e->options.began_ns > 0) {
		e->first_ns = clock_monotonic_ns();
	}
}

static void call_line(struct ollama_encoder *e, struct encoder_call *call) {
	struct arena *arena = e->options.arena;
	struct slice args = buf_slice(&call->args);
	struct json_writer *w = begin_line(e);
	json_write_key(w, "message");
	json_begin_object(w);
	json_put_cstr(w, "role", "assistant");
	json_put_cstr(w, "content", "");
	json_write_key(w, "tool_calls");
	json_begin_array(w);
	write_call(w, e->next_call++, call->id, call->name,
		format_one_line(arena, args_object(arena, call->kind, args)));
	json_end_array(w);
	json_end_object(w);
	json_put_bool(w, "done", false);
	end_line(e);
	e->output_bytes += args.len;
	buf_finish(&call->args);
}

static void on_start(struct ollama_encoder *e, const struct chat_event *event) {
	struct buf head;
	struct json_writer w;
	buf_init(&head, 0);
	json_writer_init(&w, &head, false);
	begin_object(&w, &e->options, event->start.model, event->start.created_s);
	e->head = arena_dup(e->options.arena, buf_slice(&head));
	buf_finish(&head);
}

static void on_text(struct ollama_encoder *e, const struct chat_event *event) {
	note_content(e);
	text_line(e, SLICE(""), event->text);
}

static void on_thinking(struct ollama_encoder *e, const struct chat_event *event) {
	note_content(e);
	if (ollama_shows_thinking(e->options.request)) {
		text_line(e, event->text, SLICE(""));
	}
}

static void on_part_start(struct ollama_encoder *e, const struct chat_event *event) {
	note_content(e);
	if (event->part_start.kind != CHAT_PART_IMAGE ||
		event->part_start.media_type.data == NULL || is_generate(&e->options)) {
		return;
	}
	struct json_writer *w = begin_line(e);
	json_write_key(w, "message");
	json_begin_object(w);
	json_put_cstr(w, "role", "assistant");
	json_put_cstr(w, "content", "");
	json_write_key(w, "images");
	json_begin_array(w);
	json_write_string(w, event->part_start.data);
	json_end_array(w);
	json_end_object(w);
	json_put_bool(w, "done", false);
	end_line(e);
}

static void on_tool_start(struct ollama_encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	note_content(e);
	struct encoder_call *call = ARENA_PUSH(arena, &e->calls);
	*call = (struct encoder_call){.part = event->part,
		.id = arena_dup(arena, event->tool.id),
		.name = arena_dup(arena, event->tool.name),
		.kind = event->tool.kind};
	buf_init(&call->args, 0);
}

static struct encoder_call *call_at(struct ollama_encoder *e, uint32_t part) {
	for (size_t i = e->calls.len; i > 0; i--) {
		if (e->calls.items[i - 1].part == part) {
			return &e->calls.items[i - 1];
		}
	}
	return NULL;
}

static void on_tool_args(struct ollama_encoder *e, const struct chat_event *event) {
	struct encoder_call *call = call_at(e, event->part);
	if (call != NULL) {
		buf_append(&call->args, event->text);
	}
}

static void on_tool_end(struct ollama_encoder *e, const struct chat_event *event) {
	struct encoder_call *call = call_at(e, event->part);
	if (call == NULL) {
		return;
	}
	struct slice args = buf_slice(&call->args);
	call->is_broken = call->kind == CHAT_TOOL_FUNCTION && slice_trim(args).len > 0 &&
			  !chat_args_are_valid(args);
	if (!call->is_broken) {
		call_line(e, call);
	}
}

static void on_logprobs(struct ollama_encoder *e, const struct chat_event *event) {
	const struct chat_request *request = e->options.request;
	struct arena scratch;
	if (request == NULL || request->logprobs != TRI_TRUE) {
		return;
	}
	arena_init(&scratch, NULL, 0);
	const struct json *tree = json_parse(&scratch, event->text, NULL, NULL);
	const struct json *entries = json_get_value(tree, "content");
	if (json_is(entries, JSON_ARRAY) && entries->count > 0) {
		struct json_writer *w = begin_line(e);
		if (is_generate(&e->options)) {
			json_put_cstr(w, "response", "");
		} else {
			json_put_raw(
				w, "message", SLICE("{\"role\":\"assistant\",\"content\":\"\"}"));
		}
		json_put_bool(w, "done", false);
		json_write_key(w, "logprobs");
		json_write_raw(w, format_one_line(&scratch, json_raw(entries)));
		end_line(e);
	}
	arena_finish(&scratch);
}

static void on_usage(struct ollama_encoder *e, const struct chat_event *event) {
	e->usage = *event->usage;
	e->usage.native = e->usage.service_tier = (struct slice){0}; /* not ours to keep */
}

/* FR-1: a call cut by the length limit is no call; what is broken otherwise is mended (E-13). */
static void on_finish(struct ollama_encoder *e, const struct chat_event *event) {
	for (size_t i = 0; i < e->calls.len; i++) {
		struct encoder_call *call = &e->calls.items[i];
		if (call->is_broken && event->finish.reason != CHAT_FINISH_LENGTH) {
			call_line(e, call);
		}
		buf_finish(&call->args);
	}
	e->is_finished = true;
	e->reason = event->finish.reason;
	e->native_reason = arena_dup(e->options.arena, event->finish.native_reason);
}

/* OL-6: clients throw on it. No last line follows. */
static void on_error(struct ollama_encoder *e, const struct chat_event *event) {
	e->has_failed = true;
	format_encode_ollama_error(event->error.error, e->options.request_id, e->options.out);
	buf_append_byte(e->options.out, '\n');
}

static void on_end(struct ollama_encoder *e, const struct chat_event *event) {
	(void)event;
	if (e->has_failed || !e->is_finished) {
		return;
	}
	struct json_writer *w = begin_line(e);
	if (is_generate(&e->options)) {
		json_put_cstr(w, "response", "");
	} else {
		json_put_raw(w, "message", SLICE("{\"role\":\"assistant\",\"content\":\"\"}"));
	}
	json_put_bool(w, "done", true);
	json_put_cstr(w, "done_reason", finish_word(e->reason, e->native_reason));
	write_metrics(w, &e->options, e->usage, e->first_ns, e->output_bytes);
	end_line(e);
}

static void (*const handlers[CHAT_EVENT_TYPE_COUNT])(
	struct ollama_encoder *e, const struct chat_event *event) = {
	[CHAT_EVENT_START] = on_start,
	[CHAT_EVENT_PART_START] = on_part_start,
	[CHAT_EVENT_TEXT_DELTA] = on_text,
	[CHAT_EVENT_THINKING_DELTA] = on_thinking,
	[CHAT_EVENT_REFUSAL_DELTA] = on_text,
	[CHAT_EVENT_TOOL_START] = on_tool_start,
	[CHAT_EVENT_TOOL_ARGS_DELTA] = on_tool_args,
	[CHAT_EVENT_TOOL_END] = on_tool_end,
	[CHAT_EVENT_LOGPROBS] = on_logprobs,
	[CHAT_EVENT_USAGE] = on_usage,
	[CHAT_EVENT_FINISH] = on_finish,
	[CHAT_EVENT_ERROR] = on_error,
	[CHAT_EVENT_END] = on_end,
};

static void on_stream_event(struct chat_sink *sink, const struct chat_event *event) {
	struct ollama_encoder *e = (struct ollama_encoder *)sink;
	/* the dialect has one answer a request */
	if (handlers[event->type] != NULL && event->candidate == 0) {
		handlers[event->type](e, event);
	}
}

static void release(void *data) {
	struct ollama_encoder *e = data;
	for (size_t i = 0; i < e->calls.len; i++) {
		buf_finish(&e->calls.items[i].args);
	}
}

struct chat_sink *ollama_encoder_create(const struct format_encoder_options *options) {
	if (!options->is_stream) {
		return format_whole_encoder_create(&format_ollama, options);
	}
	struct ollama_encoder *e = ARENA_NEW(options->arena, struct ollama_encoder);
	e->sink.on_event = on_stream_event;
	e->options = *options;
	chat_usage_init(&e->usage);
	arena_on_finish(options->arena, release, e);
	return &e->sink;
}

/* ---- whole answers ---- */

/* The texts of all parts of a kind as one string; nothing when there are none, unless needed. */
static size_t write_joined(struct json_writer *w, const char *key, const struct chat_parts *parts,
	enum chat_part_kind kind, enum chat_part_kind also, bool is_needed) {
	size_t bytes = 0;
	bool is_open = is_needed;
	if (is_open) {
		json_write_key(w, key);
		json_begin_string(w);
	}
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if ((part->kind != kind && part->kind != also) || part->text.len == 0) {
			continue;
		}
		if (!is_open) {
			json_write_key(w, key);
			json_begin_string(w);
			is_open = true;
		}
		json_write_string_part(w, part->text);
		bytes += part->text.len;
	}
	if (is_open) {
		json_end_string(w);
	}
	return bytes;
}

static void write_calls(struct json_writer *w, const struct chat_candidate *candidate,
	const struct format_encoder_options *options) {
	bool is_cut = candidate->reason == CHAT_FINISH_LENGTH, is_open = false;
	uint32_t index = 0;
	for (size_t i = 0; i < candidate->parts.len; i++) {
		const struct chat_part *part = &candidate->parts.items[i];
		if (part->kind != CHAT_PART_TOOL_CALL || (is_cut && !part->args_valid)) { /* FR-1 */
			continue;
		}
		if (!is_open) {
			json_write_key(w, "tool_calls");
			json_begin_array(w);
			is_open = true;
		}
		write_call(w, index++, part->call_id, part->name,
			args_object(options->arena, part->tool_kind, part->args));
	}
	if (is_open) {
		json_end_array(w);
	}
}

static void write_images(struct json_writer *w, const struct chat_parts *parts) {
	bool is_open = false;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_IMAGE || part->media_type.data == NULL) {
			continue;
		}
		if (!is_open) {
			json_write_key(w, "images");
			json_begin_array(w);
			is_open = true;
		}
		json_write_string(w, part->data);
	}
	if (is_open) {
		json_end_array(w);
	}
}

static size_t write_content(struct json_writer *w, const struct chat_candidate *candidate,
	const struct format_encoder_options *options) {
	bool in_message = !is_generate(options);
	const struct chat_parts *parts = &candidate->parts;
	if (in_message) {
		json_write_key(w, "message");
		json_begin_object(w);
		json_put_cstr(w, "role", "assistant");
	}
	size_t bytes = write_joined(w, in_message ? "content" : "response", parts, CHAT_PART_TEXT,
		CHAT_PART_REFUSAL, true);
	if (ollama_shows_thinking(options->request)) {
		bytes += write_joined(
			w, "thinking", parts, CHAT_PART_THINKING, CHAT_PART_THINKING, false);
	}
	if (in_message) {
		write_images(w, parts);
		write_calls(w, candidate, options);
		json_end_object(w);
	}
	return bytes;
}

bool ollama_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	static const struct chat_candidate none = {.reason = CHAT_FINISH_STOP};
	const struct chat_candidate *candidate =
		response->candidates.len > 0 ? &response->candidates.items[0] : &none;
	struct json_writer w;
	json_writer_init(&w, options->out, false);
	begin_object(&w, options, response->model, response->created_s);
	size_t bytes = write_content(&w, candidate, options);
	json_put_bool(&w, "done", true);
	json_put_cstr(&w, "done_reason", finish_word(candidate->reason, candidate->native_reason));
	write_metrics(&w, options, response->usage, 0, bytes);
	if (options->request != NULL && options->request->logprobs == TRI_TRUE &&
		candidate->logprobs.len > 0) {
		json_write_key(&w, "logprobs");
		json_begin_array(&w);
		json_write_raw(&w, candidate->logprobs);
		json_end_array(&w);
	}
	json_end_object(&w);
	return !options->out->failed;
}
