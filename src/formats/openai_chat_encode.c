/* openai_chat_encode.c: events into the dialect's stream (CC-11..CC-17).
 *
 * A chunk is a prefix that never changes within a stream, the choice's number, the delta, and a
 * suffix: nothing is built but the delta (PF-3). */
#include "base/encoding.h"
#include "formats/openai_chat_internal.h"

struct encoder_call {
	uint32_t part, index;
	enum chat_tool_kind kind;
	bool has_args;
};

struct encoder_choice {
	bool has_role, has_refusal;
	int64_t code_points; /* of the content so far, for citations */
	int64_t part_begin;
	struct {
		struct encoder_call *items;
		size_t len, cap;
	} calls;
	struct {
		struct slice *items;
		size_t len, cap;
	} citations; /* of the open text part */
};

struct openai_chat_encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	struct json_writer w;
	bool is_legacy, includes_usage, has_failed;
	struct slice head;   /* data: {"id":...,"choices":[ */
	struct slice suffix; /* ,"finish_reason":null}]} of most chunks */
	struct chat_usage usage;
	size_t output_bytes;
	struct {
		struct encoder_choice *items;
		size_t len, cap;
	} choices;
};

/* ---- the frame of a chunk ---- */

static void build_head(struct openai_chat_encoder *e, const struct chat_event *start) {
	struct buf head;
	struct json_writer w;
	bool echoes = e->options.force_model || start->start.model.len == 0;
	buf_init(&head, 0);
	buf_append_str(&head, "data: ");
	json_writer_init(&w, &head, false);
	json_begin_object(&w);
	json_put_string(&w, "id", openai_chat_answer_id(e->options.arena, start->start.id));
	json_put_cstr(&w, "object", "chat.completion.chunk");
	json_put_int(
		&w, "created", start->start.created_s ? start->start.created_s : e->options.now_s);
	json_put_string(&w, "model", echoes ? e->options.model : start->start.model);
	if (start->start.service_tier.data != NULL) {
		json_put_string(&w, "service_tier", start->start.service_tier);
	}
	if (start->start.fingerprint.data != NULL) {
		json_put_string(&w, "system_fingerprint", start->start.fingerprint);
	}
	json_write_key(&w, "choices");
	buf_append_byte(&head, '[');
	e->head = arena_dup(e->options.arena, buf_slice(&head));
	buf_finish(&head);
}

static void chunk_end(struct openai_chat_encoder *e) {
	/* CC-11: null in every chunk but the last, when usage was asked for; else no key at all */
	buf_append(e->options.out,
		e->includes_usage ? SLICE("],\"usage\":null}\n\n") : SLICE("]}\n\n"));
}

/* Everything up to and with `"delta":` */
static void delta_begin(struct openai_chat_encoder *e, uint32_t candidate) {
	struct buf *out = e->options.out;
	buf_append(out, e->head);
	buf_append(out, SLICE("{\"index\":"));
	buf_append_uint(out, candidate);
	buf_append(out, SLICE(",\"delta\":"));
}

/* CC-12: logprobs and finish_reason are there, null. */
static void delta_end(struct openai_chat_encoder *e) {
	buf_append(e->options.out, e->suffix);
}

static struct json_writer *writer(struct openai_chat_encoder *e) {
	json_writer_init(&e->w, e->options.out, false);
	return &e->w;
}

static struct encoder_choice *choice_at(struct openai_chat_encoder *e, uint32_t candidate) {
	while (e->choices.len <= candidate) {
		ARENA_PUSH(e->options.arena, &e->choices);
	}
	struct encoder_choice *choice = &e->choices.items[candidate];
	if (!choice->has_role) {
		choice->has_role = true;
		delta_begin(e, candidate);
		buf_append_str(e->options.out,
			"{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
		delta_end(e);
	}
	return choice;
}

static void string_delta(
	struct openai_chat_encoder *e, uint32_t candidate, struct slice key, struct slice text) {
	struct buf *out = e->options.out;
	delta_begin(e, candidate);
	buf_append(out, key);
	json_escape(text, out);
	buf_append(out, SLICE("\"}"));
	delta_end(e);
	e->output_bytes += text.len;
}

/* ---- events ---- */

static void on_start(struct openai_chat_encoder *e, const struct chat_event *event) {
	build_head(e, event);
}

static void on_text(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	choice->code_points += (int64_t)utf8_length(event->text);
	string_delta(e, event->candidate, SLICE("{\"content\":\""), event->text);
}

static void on_thinking(struct openai_chat_encoder *e, const struct chat_event *event) {
	choice_at(e, event->candidate);
	string_delta(e, event->candidate, SLICE("{\"reasoning_content\":\""), event->text);
}

static void on_refusal(struct openai_chat_encoder *e, const struct chat_event *event) {
	choice_at(e, event->candidate)->has_refusal = true;
	string_delta(e, event->candidate, SLICE("{\"refusal\":\""), event->text);
}

static void write_image_delta(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct json_writer *w = writer(e);
	json_begin_object(w);
	json_write_key(w, "images");
	json_begin_array(w);
	openai_chat_write_image(w, event->part_start.media_type, event->part_start.data);
	json_end_array(w);
	json_end_object(w);
}

static void on_part_start(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	choice->part_begin = choice->code_points;
	choice->citations.len = 0;
	bool is_audio = event->part_start.kind == CHAT_PART_RAW &&
			event->part_start.provider == FORMAT_OPENAI_CHAT &&
			slice_is(event->part_start.raw_type, "audio");
	if (event->part_start.kind == CHAT_PART_IMAGE) {
		delta_begin(e, event->candidate);
		write_image_delta(e, event);
		delta_end(e);
	} else if (is_audio) {
		delta_begin(e, event->candidate);
		buf_append_str(e->options.out, "{\"audio\":");
		buf_append(
			e->options.out, format_one_line(e->options.arena, event->part_start.data));
		buf_append_byte(e->options.out, '}');
		delta_end(e);
	}
}

static void on_citation(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	*ARENA_PUSH(e->options.arena, &choice->citations) =
		arena_dup(e->options.arena, event->text);
}

/* CC-9: a citation covers its part, whose end is known now. */
static void on_part_end(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	for (size_t i = 0; i < choice->citations.len; i++) {
		struct buf note;
		struct json_writer w;
		buf_init(&note, 0);
		json_writer_init(&w, &note, false);
		if (openai_chat_write_annotation(&w, choice->citations.items[i], choice->part_begin,
			    choice->code_points)) {
			delta_begin(e, event->candidate);
			buf_append_str(e->options.out, "{\"annotations\":[");
			buf_append(e->options.out,
				format_one_line(e->options.arena, buf_slice(&note)));
			buf_append_str(e->options.out, "]}");
			delta_end(e);
		}
		buf_finish(&note);
	}
	choice->citations.len = 0;
}

static void on_tool_start(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	struct encoder_call *call = ARENA_PUSH(e->options.arena, &choice->calls);
	*call = (struct encoder_call){
		.part = event->part, .index = event->tool.index, .kind = event->tool.kind};
	delta_begin(e, event->candidate);
	struct json_writer *w = writer(e);
	json_begin_object(w);
	if (e->is_legacy) {
		json_write_key(w, "function_call");
		json_begin_object(w);
		json_put_string(w, "name", event->tool.name);
		json_put_cstr(w, "arguments", "");
		json_end_object(w);
	} else {
		json_write_key(w, "tool_calls");
		json_begin_array(w);
		openai_chat_write_call(w, event->tool.index, event->tool.id, event->tool.name,
			event->tool.kind, (struct slice){0}, event->tool.signature);
		json_end_array(w);
	}
	json_end_object(w);
	delta_end(e);
}

static void args_delta(struct openai_chat_encoder *e, uint32_t candidate,
	const struct encoder_call *call, struct slice text) {
	struct buf *out = e->options.out;
	delta_begin(e, candidate);
	if (e->is_legacy) {
		buf_append_str(out, "{\"function_call\":{\"arguments\":\"");
		json_escape(text, out);
		buf_append_str(out, "\"}}");
	} else {
		bool is_custom = call->kind == CHAT_TOOL_CUSTOM;
		buf_printf(out, "{\"tool_calls\":[{\"index\":%u,\"%s\":{\"%s\":\"",
			(unsigned)call->index, is_custom ? "custom" : "function",
			is_custom ? "input" : "arguments");
		json_escape(text, out);
		buf_append_str(out, "\"}}]}");
	}
	delta_end(e);
	e->output_bytes += text.len;
}

static struct encoder_call *call_at(struct encoder_choice *choice, uint32_t part) {
	for (size_t i = choice->calls.len; i > 0; i--) {
		if (choice->calls.items[i - 1].part == part) {
			return &choice->calls.items[i - 1];
		}
	}
	return NULL;
}

static void on_tool_args(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_call *call = call_at(choice_at(e, event->candidate), event->part);
	if (call != NULL) {
		call->has_args = true;
		args_delta(e, event->candidate, call, event->text);
	}
}

static void on_tool_end(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_call *call = call_at(choice_at(e, event->candidate), event->part);
	if (call != NULL && !call->has_args && call->kind == CHAT_TOOL_FUNCTION) {
		args_delta(e, event->candidate, call, SLICE("{}")); /* E-12 */
	}
}

static void on_logprobs(struct openai_chat_encoder *e, const struct chat_event *event) {
	choice_at(e, event->candidate);
	delta_begin(e, event->candidate);
	buf_append_str(e->options.out, "{},\"logprobs\":");
	buf_append(e->options.out, format_one_line(e->options.arena, event->text));
	buf_append_str(e->options.out, ",\"finish_reason\":null}");
	chunk_end(e);
}

static void on_usage(struct openai_chat_encoder *e, const struct chat_event *event) {
	e->usage = *event->usage;
	e->usage.native = e->usage.service_tier = (struct slice){0}; /* not ours to keep */
}

static void on_finish(struct openai_chat_encoder *e, const struct chat_event *event) {
	struct encoder_choice *choice = choice_at(e, event->candidate);
	delta_begin(e, event->candidate);
	buf_append_str(e->options.out, "{},\"logprobs\":null,\"finish_reason\":\"");
	buf_append_str(e->options.out,
		openai_chat_finish_word(event->finish.reason, e->is_legacy, choice->has_refusal));
	buf_append_str(e->options.out, "\"}");
	chunk_end(e);
}

/* CC-15: the client raises on it; no [DONE] follows. */
static void on_error(struct openai_chat_encoder *e, const struct chat_event *event) {
	e->has_failed = true;
	buf_append_str(e->options.out, "data: ");
	format_encode_openai_error(event->error.error, e->options.request_id, e->options.out);
	buf_append_str(e->options.out, "\n\n");
}

static void on_end(struct openai_chat_encoder *e, const struct chat_event *event) {
	(void)event;
	if (e->has_failed) {
		return;
	}
	if (e->includes_usage) {
		if (!chat_usage_is_known(&e->usage)) {
			openai_chat_estimate_usage(&e->usage, &e->options, e->output_bytes);
		}
		buf_append(e->options.out, e->head);
		buf_append_str(e->options.out, "],\"usage\":");
		openai_chat_write_usage(writer(e), &e->usage);
		buf_append_str(e->options.out, "}\n\n");
	}
	buf_append_str(e->options.out, "data: [DONE]\n\n");
}

static void (*const handlers[CHAT_EVENT_TYPE_COUNT])(
	struct openai_chat_encoder *e, const struct chat_event *event) = {
	[CHAT_EVENT_START] = on_start,
	[CHAT_EVENT_PART_START] = on_part_start,
	[CHAT_EVENT_TEXT_DELTA] = on_text,
	[CHAT_EVENT_THINKING_DELTA] = on_thinking,
	[CHAT_EVENT_REFUSAL_DELTA] = on_refusal,
	[CHAT_EVENT_CITATION] = on_citation,
	[CHAT_EVENT_PART_END] = on_part_end,
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
	struct openai_chat_encoder *e = (struct openai_chat_encoder *)sink;
	if (handlers[event->type] != NULL) {
		handlers[event->type](e, event);
	}
}

struct chat_sink *openai_chat_encoder_create(const struct format_encoder_options *options) {
	if (!options->is_stream) {
		return format_whole_encoder_create(&format_openai_chat, options);
	}
	struct openai_chat_encoder *e = ARENA_NEW(options->arena, struct openai_chat_encoder);
	e->options = *options;
	chat_usage_init(&e->usage);
	e->sink.on_event = on_stream_event;
	if (options->request != NULL) {
		e->is_legacy = options->request->legacy_functions;
		e->includes_usage = options->request->include_usage == TRI_TRUE;
	}
	e->suffix =
		e->includes_usage
			? SLICE(",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n")
			: SLICE(",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
	return &e->sink;
}
