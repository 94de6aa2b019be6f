/* anthropic_encode.c: events into a Messages stream (formats.md 2.4, AC-10..AC-18), block after
 * block.
 *
 *   parts of the source may be open side by side (EV-3); blocks of this dialect may not (AC-10):
 *
 *     part 0  ████████████           first of the queue: written as it comes
 *     part 1      ░░░░░░░░░░░████    waits in its own text until the first has ended */
#include "base/random.h"
#include "formats/anthropic.h"
#include "formats/formats_internal.h"
#include "net/sse.h"

/* Text that waits, in the request's arena. */
struct waiting {
	char *data;
	size_t len, cap;
};

/* One part of the answer that has begun and was not written whole yet. */
struct open_part {
	struct open_part *next;
	uint32_t part;
	enum chat_event_type delta; /* which delta event carries its text */
	struct slice id, name;      /* tool call */
	bool is_begun;              /* its content_block_start is on the wire */
	bool has_ended;
	struct waiting text, signature;
	uint64_t hash; /* of the thinking text, for a signature of our own (AC-8) */
	enum format_id provider;
};

struct encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	struct slice id, model;
	bool has_begun; /* message_start is on the wire */
	bool saw_refusal, saw_tool, has_finished, has_error;
	bool shows_thinking;
	struct open_part *open; /* in order; the first is being written */
	uint64_t block_count;
	uint64_t output_bytes; /* of text written, for an estimate when no usage comes (US-3) */
	struct chat_usage usage;
	enum chat_finish_reason reason;
	struct slice stop_sequence, detail;
	struct buf json; /* the payload of the event being written */
};

static struct encoder *encoder_of(struct chat_sink *sink) {
	return (struct encoder *)sink;
}

/* ---- frames ---- */

static void begin_event(struct encoder *e, struct json_writer *w, const char *type) {
	buf_reset(&e->json, BUF_REF_MIN);
	json_writer_init(w, &e->json, false);
	json_begin_object(w);
	json_put_cstr(w, "type", type);
}

static void end_event(struct encoder *e, struct json_writer *w, const char *type) {
	json_end_object(w);
	/* Raw JSON of an upstream may span lines; in JSON a line end stands between tokens only. */
	for (char *at; (at = memchr(e->json.data, '\n', e->json.len)) != NULL;) {
		*at = ' ';
	}
	sse_write(e->options.out, type, buf_slice(&e->json));
}

/* {"type":"content_block_delta","index":I,"delta":{"type":KIND,"FIELD":"TEXT"}} without the writer:
 * this is the event of the hot path. */
static void put_delta(struct encoder *e, const char *kind_and_field, struct slice text) {
	struct buf *out = e->options.out;
	buf_append(out, SLICE("event: content_block_delta\ndata: "
			      "{\"type\":\"content_block_delta\",\"index\":"));
	buf_append_uint(out, e->block_count);
	buf_append(out, SLICE(",\"delta\":{\"type\":"));
	buf_append_str(out, kind_and_field);
	buf_append(out, SLICE(":\""));
	json_escape(text, out);
	buf_append(out, SLICE("\"}}\n\n"));
}

#define DELTA_TEXT "\"text_delta\",\"text\""
#define DELTA_THINKING "\"thinking_delta\",\"thinking\""
#define DELTA_SIGNATURE "\"signature_delta\",\"signature\""
#define DELTA_INPUT "\"input_json_delta\",\"partial_json\""

/* ---- usage ---- */

static int64_t known_or(int64_t count, int64_t otherwise) {
	return count >= 0 ? count : otherwise;
}

void anthropic_put_usage(struct json_writer *w, const struct chat_usage *usage,
	int64_t input_estimate, int64_t output_estimate) {
	json_write_key(w, "usage");
	json_begin_object(w);
	json_put_int(w, "input_tokens", known_or(usage->input_uncached, input_estimate));
	json_put_int(w, "cache_creation_input_tokens", known_or(usage->cache_write, 0));
	json_put_int(w, "cache_read_input_tokens", known_or(usage->cache_read, 0));
	if (usage->cache_write_5m >= 0 || usage->cache_write_1h >= 0) {
		json_write_key(w, "cache_creation");
		json_begin_object(w);
		json_put_int(w, "ephemeral_5m_input_tokens", known_or(usage->cache_write_5m, 0));
		json_put_int(w, "ephemeral_1h_input_tokens", known_or(usage->cache_write_1h, 0));
		json_end_object(w);
	}
	json_put_int(w, "output_tokens", known_or(usage->output_total, output_estimate));
	if (usage->reasoning >= 0) {
		json_write_key(w, "output_tokens_details");
		json_begin_object(w);
		json_put_int(w, "thinking_tokens", usage->reasoning);
		json_end_object(w);
	}
	if (usage->web_searches >= 0 || usage->web_fetches >= 0) {
		json_write_key(w, "server_tool_use");
		json_begin_object(w);
		json_put_int(w, "web_search_requests", known_or(usage->web_searches, 0));
		json_put_int(w, "web_fetch_requests", known_or(usage->web_fetches, 0));
		json_end_object(w);
	}
	json_end_object(w);
}

struct slice anthropic_message_id(struct arena *arena, struct slice upstream_id) {
	if (slice_starts_with(upstream_id, SLICE("msg_"))) {
		return arena_dup(arena, upstream_id);
	}
	if (slice_starts_with(upstream_id, SLICE("chatcmpl-")) && upstream_id.len > 9) {
		return arena_printf(arena, "msg_%.*s", SLICE_FMT(slice_from(upstream_id, 9)));
	}
	char made[40];
	random_id(made, "msg_", 24);
	return arena_printf(arena, "%s", made);
}

/* ---- message_start ---- */

static int64_t input_estimate(const struct encoder *e) {
	return e->usage.input_uncached >= 0 || !e->options.request
		       ? 0
		       : format_count_tokens(&e->options.counter, e->options.request, NULL);
}

static void on_start(struct encoder *e, const struct chat_event *event) {
	e->id = anthropic_message_id(e->options.arena, event->start.id);
	e->model = event->start.model.len > 0 && !e->options.force_model
			   ? arena_dup(e->options.arena, event->start.model)
			   : e->options.model;
}

/* Not at the start event: the usage that may come right behind it belongs in here (AC-15). */
static void begin_message(struct encoder *e) {
	struct json_writer w;
	if (e->has_begun) {
		return;
	}
	e->has_begun = true;
	begin_event(e, &w, "message_start");
	json_write_key(&w, "message");
	json_begin_object(&w);
	json_put_string(&w, "id", e->id);
	json_put_cstr(&w, "type", "message");
	json_put_cstr(&w, "role", "assistant");
	json_put_string(&w, "model", e->model);
	json_put_raw(&w, "content", SLICE("[]"));
	json_put_null(&w, "stop_reason");
	json_put_null(&w, "stop_sequence");
	anthropic_put_usage(&w, &e->usage, input_estimate(e), 1);
	json_end_object(&w);
	end_event(e, &w, "message_start");
}

/* ---- blocks ---- */

static void begin_block(struct encoder *e, struct open_part *part) {
	struct json_writer w;
	begin_message(e);
	part->is_begun = true;
	begin_event(e, &w, "content_block_start");
	json_put_int(&w, "index", (int64_t)e->block_count);
	json_write_key(&w, "content_block");
	json_begin_object(&w);
	switch (part->delta) {
	case CHAT_EVENT_THINKING_DELTA:
		json_put_cstr(&w, "type", "thinking");
		json_put_cstr(&w, "thinking", "");
		json_put_cstr(&w, "signature", "");
		break;
	case CHAT_EVENT_TOOL_ARGS_DELTA:
		json_put_cstr(&w, "type", "tool_use");
		json_put_string(&w, "id", part->id);
		json_put_string(&w, "name", part->name);
		json_put_raw(&w, "input", SLICE("{}"));
		break;
	default:
		json_put_cstr(&w, "type", "text");
		json_put_cstr(&w, "text", "");
		break;
	}
	json_end_object(&w);
	end_event(e, &w, "content_block_start");
	if (part->delta == CHAT_EVENT_TOOL_ARGS_DELTA) {
		put_delta(e, DELTA_INPUT, SLICE("")); /* AC-14 */
	}
}

static void put_text(struct encoder *e, struct open_part *part, struct slice text) {
	if (!part->is_begun) {
		begin_block(e, part);
	}
	if (text.len == 0) {
		return;
	}
	e->output_bytes += text.len;
	switch (part->delta) {
	case CHAT_EVENT_THINKING_DELTA:
		put_delta(e, DELTA_THINKING, text);
		break;
	case CHAT_EVENT_TOOL_ARGS_DELTA:
		put_delta(e, DELTA_INPUT, text);
		break;
	default:
		put_delta(e, DELTA_TEXT, text);
		break;
	}
}

static void keep(struct encoder *e, struct waiting *waiting, struct slice text) {
	if (text.len == 0) {
		return;
	}
	arena_grow(e->options.arena, (void **)&waiting->data, &waiting->cap,
		waiting->len + text.len, 1);
	memcpy(waiting->data + waiting->len, text.data, text.len);
	waiting->len += text.len;
}

uint64_t anthropic_hash(uint64_t hash, struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211U;
	}
	return hash;
}

struct slice anthropic_own_signature(struct arena *arena, uint64_t hash) {
	return arena_printf(arena, ANTHROPIC_OWN_SIGNATURE "%016llx", (unsigned long long)hash);
}

static void end_block(struct encoder *e, struct open_part *part) {
	struct json_writer w;
	if (!part->is_begun) {
		begin_block(e, part);
	}
	if (part->delta == CHAT_EVENT_THINKING_DELTA) {
		/* AC-13: exactly one, whole, just before the stop. */
		struct slice signature = slice_make(part->signature.data, part->signature.len);
		if (signature.len == 0 || part->provider != FORMAT_ANTHROPIC) {
			signature = anthropic_own_signature(e->options.arena, part->hash);
		}
		put_delta(e, DELTA_SIGNATURE, signature);
	}
	begin_event(e, &w, "content_block_stop");
	json_put_int(&w, "index", (int64_t)e->block_count);
	end_event(e, &w, "content_block_stop");
	e->block_count++;
}

/* Writes what has ended, and what has come of the next. */
static void advance(struct encoder *e) {
	while (e->open && e->open->has_ended) {
		struct open_part *done = e->open;
		end_block(e, done);
		e->open = done->next;
		if (e->open) {
			put_text(e, e->open, slice_make(e->open->text.data, e->open->text.len));
			e->open->text.len = 0;
		}
	}
}

static struct open_part *find_part(struct encoder *e, uint32_t number) {
	for (struct open_part *part = e->open; part; part = part->next) {
		if (part->part == number) {
			return part;
		}
	}
	return NULL;
}

static struct open_part *add_part(struct encoder *e, uint32_t number, enum chat_event_type delta) {
	struct open_part *part = ARENA_NEW(e->options.arena, struct open_part), **link = &e->open;
	while (*link) {
		link = &(*link)->next;
	}
	*link = part;
	part->part = number;
	part->delta = delta;
	part->hash = ANTHROPIC_HASH_SEED;
	return part;
}

static void on_delta(struct encoder *e, const struct chat_event *event) {
	struct open_part *part = find_part(e, event->part);
	if (!part) {
		return; /* a part that is not shown */
	}
	if (part->delta == CHAT_EVENT_THINKING_DELTA) {
		part->hash = anthropic_hash(part->hash, event->text);
	}
	if (part == e->open) {
		put_text(e, part, event->text);
	} else {
		keep(e, &part->text, event->text);
	}
}

static void on_tool_start(struct encoder *e, const struct chat_event *event) {
	struct open_part *part = add_part(e, event->part, CHAT_EVENT_TOOL_ARGS_DELTA);
	part->id = arena_dup(e->options.arena, event->tool.id);
	part->name = arena_dup(e->options.arena, event->tool.name);
	e->saw_tool = true;
	if (part == e->open) {
		begin_block(e, part);
	}
}

/* A block that comes whole: redacted thinking, or one of Anthropic's own. */
static void put_whole_block(struct encoder *e, const struct chat_event *event) {
	struct json_writer w;
	begin_message(e);
	begin_event(e, &w, "content_block_start");
	json_put_int(&w, "index", (int64_t)e->block_count);
	json_write_key(&w, "content_block");
	if (event->part_start.kind == CHAT_PART_THINKING) {
		json_begin_object(&w);
		json_put_cstr(&w, "type", "redacted_thinking");
		json_put_string(&w, "data", event->part_start.data);
		json_end_object(&w);
	} else {
		json_write_raw(&w, event->part_start.data);
	}
	end_event(e, &w, "content_block_start");
	begin_event(e, &w, "content_block_stop");
	json_put_int(&w, "index", (int64_t)e->block_count);
	end_event(e, &w, "content_block_stop");
	e->block_count++;
}

static void on_part_start(struct encoder *e, const struct chat_event *event) {
	struct open_part *part;
	switch (event->part_start.kind) {
	case CHAT_PART_TEXT:
		add_part(e, event->part, CHAT_EVENT_TEXT_DELTA);
		break;
	case CHAT_PART_REFUSAL:
		e->saw_refusal = true; /* E-100 */
		add_part(e, event->part, CHAT_EVENT_TEXT_DELTA);
		break;
	case CHAT_PART_THINKING:
		if (event->part_start.is_redacted &&
			event->part_start.provider == FORMAT_ANTHROPIC) {
			put_whole_block(e, event);
		} else if (e->shows_thinking && !event->part_start.is_redacted) {
			part = add_part(e, event->part, CHAT_EVENT_THINKING_DELTA);
			part->provider = event->part_start.provider;
		}
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (event->part_start.provider == FORMAT_ANTHROPIC) {
			put_whole_block(e, event);
		}
		break;
	case CHAT_PART_IMAGE:
		part = add_part(e, event->part, CHAT_EVENT_TEXT_DELTA);
		keep(e, &part->text, SLICE("[an image was made, which this API cannot carry]"));
		break;
	default:
		break;
	}
}

static void on_part_end(struct encoder *e, const struct chat_event *event) {
	struct open_part *part = find_part(e, event->part);
	if (!part) {
		return;
	}
	part->has_ended = true;
	if (part == e->open && part->text.len > 0) {
		put_text(e, part, slice_make(part->text.data, part->text.len));
		part->text.len = 0;
	}
	advance(e);
}

/* ---- the end ---- */

const char *anthropic_stop_reason(enum chat_finish_reason reason, bool saw_tool, bool saw_refusal) {
	static const char *const words[] = {
		[CHAT_FINISH_STOP] = "end_turn",
		[CHAT_FINISH_STOP_SEQUENCE] = "stop_sequence",
		[CHAT_FINISH_LENGTH] = "max_tokens",
		[CHAT_FINISH_TOOL_CALLS] = "tool_use",
		[CHAT_FINISH_CONTENT_FILTER] = "refusal",
		[CHAT_FINISH_REFUSAL] = "refusal",
		[CHAT_FINISH_PAUSE] = "end_turn",
		[CHAT_FINISH_OTHER] = "end_turn",
	};
	/* AC-16: tool_use whenever a call was shown and nothing stronger ended the answer. */
	if (saw_tool && (reason == CHAT_FINISH_STOP || reason == CHAT_FINISH_OTHER)) {
		return "tool_use";
	}
	return saw_refusal && reason == CHAT_FINISH_STOP ? "refusal" : words[reason];
}

static void put_message_delta(struct encoder *e) {
	struct json_writer w;
	begin_event(e, &w, "message_delta");
	json_write_key(&w, "delta");
	json_begin_object(&w);
	json_put_cstr(
		&w, "stop_reason", anthropic_stop_reason(e->reason, e->saw_tool, e->saw_refusal));
	json_write_key(&w, "stop_sequence");
	if (e->stop_sequence.data && e->reason == CHAT_FINISH_STOP_SEQUENCE) {
		json_write_string(&w, e->stop_sequence);
	} else {
		json_write_null(&w);
	}
	if (e->detail.data) {
		json_put_raw(&w, "stop_details", e->detail);
	}
	json_end_object(&w);
	int64_t written = (int64_t)(e->output_bytes / 4);
	anthropic_put_usage(&w, &e->usage, input_estimate(e), written);
	end_event(e, &w, "message_delta");
}

static void on_finish(struct encoder *e, const struct chat_event *event) {
	e->has_finished = true;
	e->reason = event->finish.reason;
	e->stop_sequence = arena_dup(e->options.arena, event->finish.stop_sequence);
	if (!event->finish.stop_sequence.data) {
		e->stop_sequence = (struct slice){0};
	}
	if (event->finish.detail.data) {
		e->detail = arena_dup(e->options.arena, event->finish.detail);
	}
}

/* The usage of some upstreams comes behind the finish, so the message ends only here. */
static void on_end(struct encoder *e) {
	struct json_writer w;
	if (e->has_error || !e->has_finished) {
		return; /* nothing that claims a success */
	}
	begin_message(e);
	put_message_delta(e);
	begin_event(e, &w, "message_stop");
	end_event(e, &w, "message_stop");
}

/* AC-17: open blocks need not be closed, and no message_stop follows. */
static void on_error(struct encoder *e, const struct chat_event *event) {
	struct buf body = {0};
	e->has_error = true;
	format_encode_anthropic_error(event->error.error, e->options.request_id, &body);
	sse_write(e->options.out, "error", buf_slice(&body));
	buf_finish(&body);
}

static void on_signature(struct encoder *e, const struct chat_event *event) {
	struct open_part *part = find_part(e, event->part);
	if (part) {
		part->signature.len = 0;
		keep(e, &part->signature, event->text);
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct encoder *e = encoder_of(sink);
	if (event->candidate > 0) {
		return; /* one answer a message; n > 1 was refused */
	}
	switch (event->type) {
	case CHAT_EVENT_START:
		on_start(e, event);
		break;
	case CHAT_EVENT_PART_START:
		on_part_start(e, event);
		break;
	case CHAT_EVENT_TEXT_DELTA:
	case CHAT_EVENT_THINKING_DELTA:
	case CHAT_EVENT_REFUSAL_DELTA:
	case CHAT_EVENT_TOOL_ARGS_DELTA:
		on_delta(e, event);
		break;
	case CHAT_EVENT_SIGNATURE:
		on_signature(e, event);
		break;
	case CHAT_EVENT_TOOL_START:
		on_tool_start(e, event);
		break;
	case CHAT_EVENT_PART_END:
	case CHAT_EVENT_TOOL_END:
		on_part_end(e, event);
		break;
	case CHAT_EVENT_USAGE:
		chat_usage_merge(&e->usage, event->usage);
		break;
	case CHAT_EVENT_FINISH:
		on_finish(e, event);
		break;
	case CHAT_EVENT_ERROR:
		on_error(e, event);
		break;
	case CHAT_EVENT_PING:
		if (e->has_begun) {
			sse_write(e->options.out, "ping", SLICE("{\"type\": \"ping\"}"));
		}
		break;
	case CHAT_EVENT_END:
		on_end(e);
		break;
	case CHAT_EVENT_CITATION: /* AC-7: foreign citations have no shape here */
	case CHAT_EVENT_LOGPROBS:
	case CHAT_EVENT_WIRE:
	case CHAT_EVENT_TYPE_COUNT:
		break;
	}
}

static void release(void *data) {
	struct encoder *e = data;
	buf_finish(&e->json);
}

/* RE-5 */
bool anthropic_shows_thinking(const struct chat_request *request) {
	return !request || request->reasoning.mode == CHAT_REASONING_ON ||
	       request->reasoning.mode == CHAT_REASONING_ADAPTIVE ||
	       request->reasoning.mode == CHAT_REASONING_BETWEEN_TOOLS;
}

struct chat_sink *anthropic_stream_encoder_create(const struct format_encoder_options *options) {
	struct encoder *e = ARENA_NEW(options->arena, struct encoder);
	e->sink.on_event = on_event;
	e->options = *options;
	e->shows_thinking = anthropic_shows_thinking(options->request);
	chat_usage_init(&e->usage);
	arena_on_finish(options->arena, release, e);
	return &e->sink;
}
