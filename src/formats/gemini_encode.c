/* gemini_encode.c: events into a streamGenerateContent answer (formats.md 2.5, GC-4..GC-10): server
 * sent events with `alt=sse`, one JSON array without.
 *
 *   text, thoughts   as they come          calls   whole, when they end
 *   finish           in the last chunk of all, at the end: the usage may come behind the finish */
#include "base/random.h"
#include "formats/formats_internal.h"
#include "formats/gemini.h"

/* Text that waits, in the request's arena. */
struct waiting {
	char *items;
	size_t len, cap;
};

/* A call whose arguments come in. */
struct call {
	struct call *next;
	uint32_t part;
	struct slice id, name, signature;
	struct waiting args;
};

struct candidate {
	bool has_content, is_finished;
	enum chat_finish_reason reason;
	struct slice native;
	enum chat_part_kind kind;  /* of the open part that is no call */
	enum format_id provider;   /* who can verify its proof */
	int64_t part_begin, bytes; /* of text, for sources */
	struct call *calls;        /* open, newest first */
	struct call *broken;       /* ended without being whole (FR-1) */
	struct waiting refusal;    /* held back: it may be all there is (GC-10) */
	struct gemini_sources sources;
	struct {
		struct slice *items;
		size_t len, cap;
	} citations; /* of the open part */
};

struct encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	bool is_array, has_frame, has_error, shows_thoughts;
	struct slice id, model;
	struct {
		struct candidate *items;
		size_t len, cap;
	} candidates;
	struct chat_usage usage;
	int64_t input_estimate; /* -1: not made yet */
	uint64_t output_bytes;
	struct buf tail; /* usageMetadata, modelVersion, responseId and the closing brace */
	bool has_tail;
	struct buf json; /* the chunk being written */
};

static struct candidate *candidate_at(struct encoder *e, uint32_t number) {
	while (e->candidates.len <= number) {
		ARENA_PUSH(e->options.arena, &e->candidates);
	}
	return &e->candidates.items[number];
}

/* ---- frames ---- */

static void begin_frame(struct encoder *e) {
	if (!e->is_array) {
		buf_append_str(e->options.out, "data: ");
	} else {
		buf_append_str(e->options.out, e->has_frame ? ",\r\n" : "[");
	}
	e->has_frame = true;
}

static void end_frame(struct encoder *e) {
	if (!e->is_array) {
		buf_append_str(e->options.out, "\r\n\r\n");
	}
}

/* Raw JSON of an upstream may span lines; in JSON a line end stands between tokens only. */
static void put_on_one_line(struct buf *json) {
	for (size_t i = 0; i < json->len; i++) {
		if (json->data[i] == '\n' || json->data[i] == '\r') {
			json->data[i] = ' ';
		}
	}
}

/* ,"usageMetadata":{...},"modelVersion":"...","responseId":"..."} of every chunk (GC-4). */
static struct slice tail_of(struct encoder *e, int64_t output_estimate) {
	struct json_writer w;
	if (e->has_tail) {
		return buf_slice(&e->tail);
	}
	bool is_estimated = chat_usage_input_total(&e->usage) < 0;
	if (is_estimated && e->input_estimate < 0) {
		e->input_estimate = e->options.request ? format_count_tokens(&e->options.counter,
								 e->options.request, NULL)
						       : 0;
	}
	buf_reset(&e->tail, BUF_REF_MIN);
	json_writer_init(&w, &e->tail, false);
	json_begin_object(&w);
	gemini_put_usage(&w, &e->usage, e->input_estimate, output_estimate);
	json_put_string(&w, "modelVersion", e->model);
	json_put_string(&w, "responseId", e->id);
	json_end_object(&w);
	e->tail.data[0] = ','; /* joins the chunk before it */
	e->has_tail = true;
	return buf_slice(&e->tail);
}

static struct json_writer begin_chunk(struct encoder *e) {
	struct json_writer w;
	buf_reset(&e->json, BUF_REF_MIN);
	json_writer_init(&w, &e->json, false);
	json_begin_object(&w);
	return w;
}

/* The chunk's last brace is the tail's. */
static void end_chunk(struct encoder *e, int64_t output_estimate) {
	put_on_one_line(&e->json);
	begin_frame(e);
	buf_append(e->options.out, buf_slice(&e->json));
	buf_append(e->options.out, tail_of(e, output_estimate));
	end_frame(e);
}

static void begin_content(struct json_writer *w) {
	json_begin_object(w);
	json_write_key(w, "content");
	json_begin_object(w);
	json_write_key(w, "parts");
	json_begin_array(w);
}

static void end_content(struct json_writer *w, uint32_t number) {
	json_end_array(w);
	json_put_cstr(w, "role", "model");
	json_end_object(w);
	json_put_int(w, "index", number);
}

/* A chunk of one part: begin, the part, end. */
static struct json_writer begin_part(struct encoder *e) {
	struct json_writer w = begin_chunk(e);
	json_write_key(&w, "candidates");
	json_begin_array(&w);
	begin_content(&w);
	return w;
}

static void end_part(struct encoder *e, struct json_writer *w, uint32_t number) {
	end_content(w, number);
	json_end_object(w);
	json_end_array(w);
	end_chunk(e, -1);
}

/* ---- text ---- */

/* Without the writer: this is the chunk of the hot path. */
static void put_text(struct encoder *e, uint32_t number, struct slice text, bool is_thought) {
	struct buf *out = e->options.out;
	candidate_at(e, number)->has_content = true;
	begin_frame(e);
	buf_append_str(out, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
	json_escape(text, out);
	buf_append_str(out, is_thought ? "\",\"thought\":true}]" : "\"}]");
	buf_append(out, SLICE(",\"role\":\"model\"},\"index\":"));
	buf_append_uint(out, number);
	buf_append(out, SLICE("}]"));
	buf_append(out, tail_of(e, -1));
	end_frame(e);
	e->output_bytes += text.len;
}

static void keep(struct encoder *e, struct waiting *waiting, struct slice text) {
	if (text.len > 0) {
		arena_grow(e->options.arena, (void **)&waiting->items, &waiting->cap,
			waiting->len + text.len, 1);
		memcpy(waiting->items + waiting->len, text.data, text.len);
		waiting->len += text.len;
	}
}

static struct slice text_of(const struct waiting *waiting) {
	return slice_make(waiting->items, waiting->len);
}

static void flush_refusal(struct encoder *e, uint32_t number) {
	struct candidate *c = candidate_at(e, number);
	struct slice text = text_of(&c->refusal);
	c->refusal.len = 0;
	if (text.len > 0) {
		put_text(e, number, text, false);
	}
}

static void on_text(struct encoder *e, const struct chat_event *event) {
	flush_refusal(e, event->candidate);
	candidate_at(e, event->candidate)->bytes += (int64_t)event->text.len;
	put_text(e, event->candidate, event->text, false);
}

static void on_thinking(struct encoder *e, const struct chat_event *event) {
	if (e->shows_thoughts) {
		flush_refusal(e, event->candidate);
		put_text(e, event->candidate, event->text, true);
	}
}

static void on_refusal(struct encoder *e, const struct chat_event *event) {
	keep(e, &candidate_at(e, event->candidate)->refusal, event->text);
}

/* GC-8: on the part that had it, as real servers do: an empty text behind the others. */
static void on_signature(struct encoder *e, const struct chat_event *event) {
	const struct candidate *c = candidate_at(e, event->candidate);
	bool is_thought = c->kind == CHAT_PART_THINKING;
	if (c->provider != FORMAT_GEMINI || (is_thought && !e->shows_thoughts)) {
		return;
	}
	struct json_writer w = begin_part(e);
	gemini_put_text(&w, SLICE(""), is_thought, event->text);
	end_part(e, &w, event->candidate);
}

static void on_citation(struct encoder *e, const struct chat_event *event) {
	struct candidate *c = candidate_at(e, event->candidate);
	*ARENA_PUSH(e->options.arena, &c->citations) = arena_dup(e->options.arena, event->text);
}

static void on_logprobs(struct encoder *e, const struct chat_event *event) {
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	const struct json *tree = json_parse(&scratch, event->text, NULL, NULL);
	struct slice list = json_raw(json_get_value(tree, "content"));
	if (list.len > 2 && list.data[0] == '[') {
		struct json_writer w = begin_part(e);
		gemini_put_text(&w, SLICE(""), false, (struct slice){0});
		end_content(&w, event->candidate);
		gemini_put_logprobs(&w, &scratch, slice_sub(list, 1, list.len - 2));
		json_end_object(&w);
		json_end_array(&w);
		end_chunk(e, -1);
	}
	arena_finish(&scratch);
}

/* ---- parts ---- */

static void on_part_start(struct encoder *e, const struct chat_event *event) {
	struct candidate *c = candidate_at(e, event->candidate);
	struct json_writer w;
	c->kind = event->part_start.kind;
	c->provider = event->part_start.provider;
	c->part_begin = c->bytes;
	switch (event->part_start.kind) {
	case CHAT_PART_IMAGE:
		flush_refusal(e, event->candidate);
		w = begin_part(e);
		gemini_put_image(&w, event->part_start.media_type, event->part_start.data);
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (c->provider != FORMAT_GEMINI) {
			return;
		}
		flush_refusal(e, event->candidate);
		w = begin_part(e);
		json_write_raw(&w, event->part_start.data);
		break;
	default:
		return;
	}
	c->has_content = true;
	end_part(e, &w, event->candidate);
}

static void on_part_end(struct encoder *e, const struct chat_event *event) {
	struct candidate *c = candidate_at(e, event->candidate);
	for (size_t i = 0; i < c->citations.len; i++) {
		gemini_add_source(&c->sources, e->options.arena, c->citations.items[i],
			c->part_begin, c->bytes);
	}
	c->citations.len = 0;
}

/* ---- calls (GC-6) ---- */

static struct call **find_call(struct candidate *c, uint32_t part) {
	struct call **link = &c->calls;
	while (*link != NULL && (*link)->part != part) {
		link = &(*link)->next;
	}
	return link;
}

static void on_tool_start(struct encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	struct candidate *c = candidate_at(e, event->candidate);
	struct call *call = ARENA_NEW(arena, struct call);
	*call = (struct call){.next = c->calls,
		.part = event->part,
		.id = arena_dup(arena, event->tool.id),
		.name = arena_dup(arena, event->tool.name)};
	if (event->tool.signature.len > 0) {
		call->signature = arena_dup(arena, event->tool.signature);
	}
	c->calls = call;
}

static void on_tool_args(struct encoder *e, const struct chat_event *event) {
	struct call *call = *find_call(candidate_at(e, event->candidate), event->part);
	if (call != NULL) {
		keep(e, &call->args, event->text);
	}
}

static void put_call(struct encoder *e, uint32_t number, const struct call *call) {
	struct json_writer w;
	flush_refusal(e, number);
	w = begin_part(e);
	gemini_put_call(
		&w, e->options.arena, call->id, call->name, text_of(&call->args), call->signature);
	candidate_at(e, number)->has_content = true;
	end_part(e, &w, number);
	e->output_bytes += call->args.len;
}

static void on_tool_end(struct encoder *e, const struct chat_event *event) {
	struct candidate *c = candidate_at(e, event->candidate);
	struct call **link = find_call(c, event->part), *call = *link;
	if (call == NULL) {
		return;
	}
	*link = call->next;
	struct slice args = text_of(&call->args);
	if (slice_trim(args).len == 0 || chat_args_are_valid(args)) {
		put_call(e, event->candidate, call);
		return;
	}
	call->next = c->broken;
	c->broken = call;
}

/* ---- the end ---- */

/* FR-1: a call that the length limit cut is no call; any other is mended (E-13). */
static void on_finish(struct encoder *e, const struct chat_event *event) {
	struct candidate *c = candidate_at(e, event->candidate);
	c->is_finished = true;
	c->reason = event->finish.reason;
	c->native = arena_dup(e->options.arena, event->finish.native_reason);
	for (struct call *call = c->broken; call != NULL && c->reason != CHAT_FINISH_LENGTH;
		call = call->next) {
		put_call(e, event->candidate, call);
	}
}

static bool is_blocked(const struct encoder *e) {
	const struct candidate *c = &e->candidates.items[0];
	return e->candidates.len == 1 && c->reason == CHAT_FINISH_CONTENT_FILTER &&
	       !c->has_content && c->refusal.len > 0;
}

static void put_finish(struct json_writer *w, const struct candidate *c, uint32_t number) {
	begin_content(w);
	gemini_put_text(w, SLICE(""), false, (struct slice){0});
	end_content(w, number);
	json_put_cstr(w, "finishReason", gemini_finish_word(c->reason, c->native));
	gemini_put_sources(w, &c->sources);
	json_end_object(w);
}

static void on_end(struct encoder *e) {
	bool has_finished = false;
	for (uint32_t i = 0; i < e->candidates.len; i++) {
		has_finished |= e->candidates.items[i].is_finished;
	}
	e->has_tail = false;
	if (!e->has_error && has_finished && is_blocked(e)) {
		struct json_writer w = begin_chunk(e);
		gemini_put_blocked(&w, e->candidates.items[0].native,
			text_of(&e->candidates.items[0].refusal));
		end_chunk(e, 0);
	} else if (!e->has_error && has_finished) {
		for (uint32_t i = 0; i < e->candidates.len; i++) {
			flush_refusal(e, i);
		}
		struct json_writer w = begin_chunk(e);
		json_write_key(&w, "candidates");
		json_begin_array(&w);
		for (uint32_t i = 0; i < e->candidates.len; i++) {
			if (e->candidates.items[i].is_finished) {
				put_finish(&w, &e->candidates.items[i], i);
			}
		}
		json_end_array(&w);
		e->has_tail = false;
		end_chunk(e, (int64_t)(e->output_bytes / 4));
	}
	if (e->is_array) {
		buf_append_str(e->options.out, e->has_frame ? "]" : "[]");
	}
}

/* GC-9 */
static void on_error(struct encoder *e, const struct chat_event *event) {
	e->has_error = true;
	begin_frame(e);
	format_encode_gemini_error(event->error.error, e->options.request_id, e->options.out);
	end_frame(e);
}

static void on_start(struct encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	bool keeps_model = event->start.model.len > 0 && !e->options.force_model;
	if (event->start.id.len > 0) {
		e->id = arena_dup(arena, event->start.id);
	}
	if (keeps_model) {
		e->model = arena_dup(arena, event->start.model);
	}
}

static void on_usage(struct encoder *e, const struct chat_event *event) {
	chat_usage_merge(&e->usage, event->usage);
	e->usage.native = e->usage.service_tier = (struct slice){0};
	e->has_tail = false;
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	static void (*const handlers[CHAT_EVENT_TYPE_COUNT])(
		struct encoder * e, const struct chat_event *event) = {
		[CHAT_EVENT_START] = on_start,
		[CHAT_EVENT_PART_START] = on_part_start,
		[CHAT_EVENT_TEXT_DELTA] = on_text,
		[CHAT_EVENT_THINKING_DELTA] = on_thinking,
		[CHAT_EVENT_REFUSAL_DELTA] = on_refusal,
		[CHAT_EVENT_SIGNATURE] = on_signature,
		[CHAT_EVENT_CITATION] = on_citation,
		[CHAT_EVENT_PART_END] = on_part_end,
		[CHAT_EVENT_TOOL_START] = on_tool_start,
		[CHAT_EVENT_TOOL_ARGS_DELTA] = on_tool_args,
		[CHAT_EVENT_TOOL_END] = on_tool_end,
		[CHAT_EVENT_LOGPROBS] = on_logprobs,
		[CHAT_EVENT_USAGE] = on_usage,
		[CHAT_EVENT_FINISH] = on_finish,
		[CHAT_EVENT_ERROR] = on_error,
	};
	struct encoder *e = (struct encoder *)sink;
	if (event->type == CHAT_EVENT_END) {
		on_end(e);
	} else if (handlers[event->type] != NULL) {
		handlers[event->type](e, event);
	}
}

static void release(void *data) {
	struct encoder *e = data;
	buf_finish(&e->json);
	buf_finish(&e->tail);
}

struct chat_sink *gemini_stream_encoder_create(const struct format_encoder_options *options) {
	struct encoder *e = ARENA_NEW(options->arena, struct encoder);
	char made[32];
	random_id(made, "", 22);
	e->sink.on_event = on_event;
	e->options = *options;
	e->is_array = options->request != NULL && options->request->stream_is_array;
	e->shows_thoughts = gemini_shows_thoughts(options->request);
	e->id = arena_dup(options->arena, slice_of(made));
	e->model = options->model;
	e->input_estimate = -1;
	chat_usage_init(&e->usage);
	arena_on_finish(options->arena, release, e);
	return &e->sink;
}
