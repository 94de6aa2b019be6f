/* openai_completions_encode.c: events into text completions, streamed and whole (CO-3..CO-5). */
#include "base/encoding.h"
#include "base/random.h"
#include "formats/openai_chat_internal.h"
#include "formats/openai_completions.h"

/* Where a choice stands: which prompt was echoed, and the offset of its next token (E-94). */
struct completions_choice {
	bool has_begun;
	int64_t text_offset;
};

struct completions_encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	bool includes_usage, has_failed;
	struct slice head; /* data: {"id":...,"choices":[ */
	struct chat_usage usage;
	size_t output_bytes;
	struct {
		struct completions_choice *items;
		size_t len, cap;
	} choices;
};

/* ---- what chunks and whole answers share ---- */

/* 4.1 */
static const char *finish_word(enum chat_finish_reason reason) {
	static const char *const words[CHAT_FINISH_COUNT] = {
		[CHAT_FINISH_LENGTH] = "length",
		[CHAT_FINISH_CONTENT_FILTER] = "content_filter",
		[CHAT_FINISH_REFUSAL] = "content_filter",
	};
	return words[reason] != NULL ? words[reason] : "stop";
}

/* The members every object begins with; the object stays open. */
static void begin_object(struct json_writer *w, const struct format_encoder_options *options,
	struct slice id, struct slice model, int64_t created_s) {
	char made[40];
	random_id(made, "cmpl-", 24);
	json_begin_object(w);
	json_put_string(w, "id", id.len > 0 ? id : slice_of(made));
	json_put_cstr(w, "object", "text_completion");
	json_put_int(w, "created", created_s ? created_s : options->now_s);
	json_put_string(
		w, "model", options->force_model || model.len == 0 ? options->model : model);
}

/* CO-2: what is said before the answer of a choice; prompts are numbered before samples (CO-1). */
static struct slice echoed_prompt(const struct chat_request *request, size_t candidate) {
	bool is_wanted = request != NULL && request->echo == TRI_TRUE &&
			 request->logprobs != TRI_TRUE && request->prompt_count > 0;
	if (!is_wanted) {
		return SLICE("");
	}
	size_t prompt = candidate / (request->has_n ? (size_t)request->n : 1);
	return prompt < request->prompt_count ? request->prompts[prompt] : SLICE("");
}

/* E-94: four lists side by side. */
static void write_logprobs(struct json_writer *w, const struct json *entries, int64_t *text_offset,
	struct arena *arena) {
	int64_t offset = *text_offset;
	json_begin_object(w);
	json_write_key(w, "tokens");
	json_begin_array(w);
	json_each (entry, entries) {
		struct slice token = json_string(json_get(entry, "token"), arena);
		json_write_string(w, token.data ? token : SLICE(""));
	}
	json_end_array(w);
	json_write_key(w, "token_logprobs");
	json_begin_array(w);
	json_each (entry, entries) {
		const struct json *value = json_get(entry, "logprob");
		json_write_raw(w, json_is(value, JSON_NUMBER) ? json_raw(value) : SLICE("null"));
	}
	json_end_array(w);
	json_write_key(w, "top_logprobs");
	json_begin_array(w);
	json_each (entry, entries) {
		json_begin_object(w);
		json_each (top, json_get_value(entry, "top_logprobs")) {
			const struct json *value = json_get(top, "logprob");
			if (json_is(value, JSON_NUMBER) &&
				json_is(json_get(top, "token"), JSON_STRING)) {
				json_write_key_slice(w, json_string(json_get(top, "token"), arena));
				json_write_raw(w, json_raw(value));
			}
		}
		json_end_object(w);
	}
	json_end_array(w);
	json_write_key(w, "text_offset");
	json_begin_array(w);
	json_each (entry, entries) {
		json_write_int(w, offset);
		offset += (int64_t)utf8_length(json_string(json_get(entry, "token"), arena));
	}
	json_end_array(w);
	json_end_object(w);
	*text_offset = offset;
}

static bool wants_logprobs(const struct format_encoder_options *options) {
	return options->request != NULL && options->request->logprobs == TRI_TRUE;
}

/* ---- chunks ---- */

static void chunk(struct completions_encoder *e, uint32_t candidate, struct slice text,
	struct slice logprobs, const char *finish_reason) {
	struct buf *out = e->options.out;
	buf_append(out, e->head);
	buf_append_str(out, "{\"text\":\"");
	json_escape(text, out);
	buf_printf(out, "\",\"index\":%u,\"logprobs\":", (unsigned)candidate);
	buf_append(out, logprobs.data ? logprobs : SLICE("null"));
	buf_append_str(out, ",\"finish_reason\":");
	if (finish_reason != NULL) {
		buf_printf(out, "\"%s\"", finish_reason);
	} else {
		buf_append_str(out, "null");
	}
	/* CC-11: null in every chunk but the last, when usage was asked for; else no key at all */
	buf_append(out, e->includes_usage ? SLICE("}],\"usage\":null}\n\n") : SLICE("}]}\n\n"));
	e->output_bytes += text.len;
}

static struct completions_choice *choice_at(struct completions_encoder *e, uint32_t candidate) {
	while (e->choices.len <= candidate) {
		ARENA_PUSH(e->options.arena, &e->choices);
	}
	struct completions_choice *choice = &e->choices.items[candidate];
	if (!choice->has_begun) {
		struct slice prompt = echoed_prompt(e->options.request, candidate);
		choice->has_begun = true;
		if (prompt.len > 0) {
			chunk(e, candidate, prompt, (struct slice){0}, NULL);
			e->output_bytes -= prompt.len;
		}
	}
	return choice;
}

static void on_start(struct completions_encoder *e, const struct chat_event *event) {
	struct buf head;
	struct json_writer w;
	buf_init(&head, 0);
	buf_append_str(&head, "data: ");
	json_writer_init(&w, &head, false);
	begin_object(&w, &e->options, event->start.id, event->start.model, event->start.created_s);
	json_write_key(&w, "choices");
	buf_append_byte(&head, '[');
	e->head = arena_dup(e->options.arena, buf_slice(&head));
	buf_finish(&head);
}

static void on_text(struct completions_encoder *e, const struct chat_event *event) {
	choice_at(e, event->candidate);
	chunk(e, event->candidate, event->text, (struct slice){0}, NULL);
}

static void on_logprobs(struct completions_encoder *e, const struct chat_event *event) {
	struct arena scratch;
	struct buf out;
	struct json_writer w;
	if (!wants_logprobs(&e->options)) {
		return;
	}
	struct completions_choice *choice = choice_at(e, event->candidate);
	arena_init(&scratch, NULL, 0);
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	const struct json *tree = json_parse(&scratch, event->text, NULL, NULL);
	const struct json *entries = json_get_value(tree, "content");
	if (json_is(entries, JSON_ARRAY) && entries->count > 0) {
		write_logprobs(&w, entries, &choice->text_offset, &scratch);
		chunk(e, event->candidate, SLICE(""), buf_slice(&out), NULL);
	}
	buf_finish(&out);
	arena_finish(&scratch);
}

static void on_usage(struct completions_encoder *e, const struct chat_event *event) {
	e->usage = *event->usage;
	e->usage.native = e->usage.service_tier = (struct slice){0}; /* not ours to keep */
}

static void on_finish(struct completions_encoder *e, const struct chat_event *event) {
	choice_at(e, event->candidate);
	chunk(e, event->candidate, SLICE(""), (struct slice){0}, finish_word(event->finish.reason));
}

/* CC-15: the client raises on it; no [DONE] follows. */
static void on_error(struct completions_encoder *e, const struct chat_event *event) {
	e->has_failed = true;
	buf_append_str(e->options.out, "data: ");
	format_encode_openai_error(event->error.error, e->options.request_id, e->options.out);
	buf_append_str(e->options.out, "\n\n");
}

static void on_end(struct completions_encoder *e, const struct chat_event *event) {
	(void)event;
	if (e->has_failed) {
		return;
	}
	if (e->includes_usage) {
		struct json_writer w;
		if (!chat_usage_is_known(&e->usage)) {
			openai_chat_estimate_usage(&e->usage, &e->options, e->output_bytes);
		}
		buf_append(e->options.out, e->head);
		buf_append_str(e->options.out, "],\"usage\":");
		json_writer_init(&w, e->options.out, false);
		openai_chat_write_usage(&w, &e->usage);
		buf_append_str(e->options.out, "}\n\n");
	}
	buf_append_str(e->options.out, "data: [DONE]\n\n");
}

/* CO-5: thinking, tool calls and images have no place. */
static void (*const handlers[CHAT_EVENT_TYPE_COUNT])(
	struct completions_encoder *e, const struct chat_event *event) = {
	[CHAT_EVENT_START] = on_start,
	[CHAT_EVENT_TEXT_DELTA] = on_text,
	[CHAT_EVENT_REFUSAL_DELTA] = on_text,
	[CHAT_EVENT_LOGPROBS] = on_logprobs,
	[CHAT_EVENT_USAGE] = on_usage,
	[CHAT_EVENT_FINISH] = on_finish,
	[CHAT_EVENT_ERROR] = on_error,
	[CHAT_EVENT_END] = on_end,
};

static void on_stream_event(struct chat_sink *sink, const struct chat_event *event) {
	struct completions_encoder *e = (struct completions_encoder *)sink;
	if (handlers[event->type] != NULL) {
		handlers[event->type](e, event);
	}
}

struct chat_sink *openai_completions_encoder_create(const struct format_encoder_options *options) {
	if (!options->is_stream) {
		return format_whole_encoder_create(&format_openai_completions, options);
	}
	struct completions_encoder *e = ARENA_NEW(options->arena, struct completions_encoder);
	e->sink.on_event = on_stream_event;
	e->options = *options;
	chat_usage_init(&e->usage);
	e->includes_usage = options->request != NULL && options->request->include_usage == TRI_TRUE;
	return &e->sink;
}

/* ---- whole answers (CO-3) ---- */

static void write_choice(struct json_writer *w, size_t index,
	const struct chat_candidate *candidate, const struct format_encoder_options *options) {
	json_begin_object(w);
	json_write_key(w, "text");
	json_begin_string(w);
	json_write_string_part(w, echoed_prompt(options->request, index));
	for (size_t i = 0; i < candidate->parts.len; i++) {
		const struct chat_part *part = &candidate->parts.items[i];
		if (part->kind == CHAT_PART_TEXT || part->kind == CHAT_PART_REFUSAL) {
			json_write_string_part(w, part->text);
		}
	}
	json_end_string(w);
	json_put_int(w, "index", (int64_t)index);
	json_write_key(w, "logprobs");
	const struct json *entries = NULL;
	if (wants_logprobs(options) && candidate->logprobs.len > 0) {
		entries = json_parse(options->arena,
			arena_printf(options->arena, "[%.*s]", SLICE_FMT(candidate->logprobs)),
			NULL, NULL);
	}
	if (entries != NULL) {
		int64_t text_offset = 0;
		write_logprobs(w, entries, &text_offset, options->arena);
	} else {
		json_write_null(w);
	}
	json_put_cstr(w, "finish_reason", finish_word(candidate->reason));
	json_end_object(w);
}

bool openai_completions_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	struct json_writer w;
	json_writer_init(&w, options->out, false);
	begin_object(&w, options, response->id, response->model, response->created_s);
	json_write_key(&w, "choices");
	json_begin_array(&w);
	for (size_t i = 0; i < response->candidates.len; i++) {
		write_choice(&w, i, &response->candidates.items[i], options);
	}
	json_end_array(&w);
	if (chat_usage_is_known(&response->usage)) { /* US-3 */
		json_write_key(&w, "usage");
		openai_chat_write_usage(&w, &response->usage);
	}
	json_end_object(&w);
	return !options->out->failed;
}
