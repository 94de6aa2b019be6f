/* openai_responses_encode.c: events into the dialect, streamed and whole (RS-9, RS-20..RS-28).
 *
 *   parts of the source may be open side by side (EV-3); several clients want one item after the
 *   other (RS-21):
 *
 *     part 0  ████████████           first of the queue: written as it comes
 *     part 1      ░░░░░░░░░░░████    waits in its own text until the first has ended
 *
 * Neighbouring texts are content parts of one message item. What is finished is kept as JSON, since
 * the last event repeats all of it. A whole answer is the same without the events. */
#include "formats/openai_responses_encode.h"
#include "base/encoding.h"
#include "base/random.h"
#include "net/sse.h"

/* Of one answer: its text is held twice until it ends. */
#define MAX_HELD_BYTES ((size_t)100 * 1024 * 1024)

struct encoder {
	struct chat_sink sink;
	struct format_encoder_options options;
	struct slice id, model, service_tier;
	int64_t created_s;
	uint64_t sequence, item_count;
	bool has_begun, has_finished, has_failed;
	struct openai_responses_out *open; /* in order; the first is being written */
	struct openai_responses_out *last_text;
	/* the message item that texts go into */
	bool is_message_open;
	struct slice message_id;
	struct buf contents; /* finished content parts, joined by commas */
	unsigned content_count;
	struct buf items; /* finished items, joined by commas */
	struct buf json;  /* the payload of the event being written */
	size_t held_bytes;
	struct chat_usage usage;
	enum chat_finish_reason reason;
};

static struct encoder *encoder_of(struct chat_sink *sink) {
	return (struct encoder *)sink;
}

/* ---- events ---- */

static void begin_event(struct encoder *e, struct json_writer *w, const char *type) {
	buf_reset(&e->json, BUF_REF_MIN);
	json_writer_init(w, &e->json, false);
	json_begin_object(w);
	json_put_cstr(w, "type", type);
	json_put_int(w, "sequence_number", (int64_t)e->sequence); /* E-32 */
}

static void end_event(struct encoder *e, struct json_writer *w, const char *type) {
	json_end_object(w);
	if (!e->options.is_stream) {
		return;
	}
	/* Raw JSON of clients and upstreams may span lines; there a line end stands between tokens
	 * only. */
	for (char *at = e->json.data, *end = at + e->json.len;
		(at = memchr(at, '\n', (size_t)(end - at))) != NULL;) {
		*at = ' ';
	}
	e->sequence++;
	sse_write(e->options.out, type, buf_slice(&e->json));
}

static void put_place(
	struct encoder *e, struct json_writer *w, const struct openai_responses_out *part) {
	json_put_string(w, "item_id", part->item_id);
	json_put_int(w, "output_index", (int64_t)e->item_count);
	if (part->kind == CHAT_PART_TEXT || part->kind == CHAT_PART_REFUSAL) {
		json_put_int(w, "content_index", e->content_count);
	} else if (part->kind == CHAT_PART_THINKING) {
		json_put_int(w, "summary_index", 0);
	}
}

/* Deltas are the hot path: no writer, no copy. */
static void put_delta(struct encoder *e, const struct openai_responses_out *part, const char *type,
	struct slice text, struct slice logprobs) {
	struct buf *out = e->options.out;
	if (!e->options.is_stream) {
		return;
	}
	struct slice name = slice_of(type);
	buf_append(out, SLICE("event: "));
	buf_append(out, name);
	buf_append(out, SLICE("\ndata: {\"type\":\""));
	buf_append(out, name);
	buf_append(out, SLICE("\",\"sequence_number\":"));
	buf_append_uint(out, e->sequence++);
	buf_append(out, SLICE(",\"item_id\":\""));
	buf_append(out, part->item_id);
	buf_append(out, SLICE("\",\"output_index\":"));
	buf_append_uint(out, e->item_count);
	if (part->kind == CHAT_PART_THINKING) {
		buf_append(out, SLICE(",\"summary_index\":0"));
	} else if (part->kind != CHAT_PART_TOOL_CALL) {
		buf_append(out, SLICE(",\"content_index\":"));
		buf_append_uint(out, e->content_count);
	}
	buf_append(out, SLICE(",\"delta\":\""));
	json_escape(text, out);
	buf_append_byte(out, '"');
	if (part->kind == CHAT_PART_TEXT) {
		buf_append_str(out, ",\"logprobs\":[");
		buf_append(out, logprobs);
		buf_append_byte(out, ']');
	}
	buf_append_str(out, "}\n\n");
}

/* ---- the object ---- */

static void describe(
	const struct encoder *e, struct openai_responses_object *object, const char *status) {
	*object = (struct openai_responses_object){.options = &e->options,
		.id = e->id,
		.model = e->model,
		.created_s = e->created_s,
		.status = status,
		.items = buf_slice(&e->items),
		.service_tier = e->service_tier};
}

static void put_response(struct encoder *e, const char *type, const char *status) {
	struct json_writer w;
	struct openai_responses_object object;
	describe(e, &object, status);
	begin_event(e, &w, type);
	json_write_key(&w, "response");
	openai_responses_write_object(&w, &object);
	end_event(e, &w, type);
}

/* RS-10 */
static struct slice make_id(struct encoder *e, const char *prefix) {
	char made[64];
	random_id(made, prefix, 40);
	return arena_dup(e->options.arena, slice_of(made));
}

/* An answer that its upstream did not begin. */
static void make_start(struct encoder *e) {
	e->id = make_id(e, "resp_");
	e->model = e->options.model;
	e->created_s = e->options.now_s;
}

static void keep_start(struct encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	make_start(e);
	/* ids of other dialects may repeat, and stored answers are found by theirs */
	if (slice_starts_with(event->start.id, SLICE("resp_"))) {
		e->id = arena_dup(arena, event->start.id);
	}
	if (!e->options.force_model && event->start.model.len > 0) {
		e->model = arena_dup(arena, event->start.model);
	}
	if (event->start.created_s != 0) {
		e->created_s = event->start.created_s;
	}
	if (event->start.service_tier.len > 0) {
		e->service_tier = arena_dup(arena, event->start.service_tier);
	}
}

static void on_start(struct encoder *e, const struct chat_event *event) {
	keep_start(e, event);
	e->has_begun = true;
	put_response(e, "response.created", "in_progress");
	put_response(e, "response.in_progress", "in_progress");
}

/* ---- items ---- */

static void begin_item(struct encoder *e, struct json_writer *w) {
	begin_event(e, w, "response.output_item.added");
	json_put_int(w, "output_index", (int64_t)e->item_count);
	json_write_key(w, "item");
}

static void end_item_added(struct encoder *e, struct json_writer *w) {
	end_event(e, w, "response.output_item.added");
}

/* `item` is its JSON; keeps it for the object. */
static void item_done(struct encoder *e, struct slice item) {
	struct json_writer w;
	if (e->items.len > 0) {
		buf_append_byte(&e->items, ',');
	}
	buf_append(&e->items, item);
	begin_event(e, &w, "response.output_item.done");
	json_put_int(&w, "output_index", (int64_t)e->item_count);
	json_put_raw(&w, "item", item);
	end_event(e, &w, "response.output_item.done");
	e->item_count++;
}

static void write_message(
	const struct encoder *e, struct json_writer *w, const char *status, struct slice contents) {
	json_begin_object(w);
	json_put_string(w, "id", e->message_id);
	json_put_cstr(w, "type", "message");
	json_put_cstr(w, "status", status);
	json_put_cstr(w, "role", "assistant");
	json_write_key(w, "content");
	json_begin_array(w);
	if (contents.len > 0) {
		json_write_raw(w, contents);
	}
	json_end_array(w);
	json_end_object(w);
}

static void close_message(struct encoder *e) {
	struct buf item;
	struct json_writer w;
	if (!e->is_message_open) {
		return;
	}
	buf_init(&item, 0);
	json_writer_init(&w, &item, false);
	write_message(e, &w, "completed", buf_slice(&e->contents));
	item_done(e, buf_slice(&item));
	buf_finish(&item);
	buf_finish(&e->contents);
	e->is_message_open = false;
	e->content_count = 0;
}

static void open_message(struct encoder *e) {
	struct json_writer w;
	if (e->is_message_open) {
		return;
	}
	e->is_message_open = true;
	e->message_id = make_id(e, "msg_");
	begin_item(e, &w);
	write_message(e, &w, "in_progress", SLICE(""));
	end_item_added(e, &w);
}

/* ---- parts: begin, deltas, end ---- */

static bool is_said(const struct openai_responses_out *part) {
	return part->kind == CHAT_PART_TEXT || part->kind == CHAT_PART_REFUSAL;
}

static void begin_said(struct encoder *e, struct openai_responses_out *part) {
	struct json_writer w;
	open_message(e);
	part->item_id = e->message_id;
	begin_event(e, &w, "response.content_part.added");
	put_place(e, &w, part);
	json_write_key(&w, "part");
	openai_responses_write_content(&w, part, false);
	end_event(e, &w, "response.content_part.added");
}

static void begin_reasoning(struct encoder *e, struct openai_responses_out *part) {
	struct json_writer w;
	part->item_id = make_id(e, "rs_");
	begin_item(e, &w);
	openai_responses_write_reasoning(&w, e->options.arena, part, false);
	end_item_added(e, &w);
	if (part->text.len == 0) {
		return; /* nothing but a proof */
	}
	begin_event(e, &w, "response.reasoning_summary_part.added");
	put_place(e, &w, part);
	json_put_raw(&w, "part", SLICE("{\"type\":\"summary_text\",\"text\":\"\"}"));
	end_event(e, &w, "response.reasoning_summary_part.added");
}

static void begin_call(struct encoder *e, struct openai_responses_out *part) {
	struct json_writer w;
	const char *prefix = part->special                         ? part->special->id_prefix
			     : part->tool_kind == CHAT_TOOL_CUSTOM ? "ctc_"
								   : "fc_";
	part->item_id = make_id(e, prefix);
	begin_item(e, &w);
	openai_responses_write_call(&w, e->options.arena, part, part->special != NULL);
	end_item_added(e, &w);
}

static void begin_part(struct encoder *e, struct openai_responses_out *part) {
	part->is_begun = true;
	if (!is_said(part)) {
		close_message(e);
	}
	switch (part->kind) {
	case CHAT_PART_THINKING:
		begin_reasoning(e, part);
		break;
	case CHAT_PART_TOOL_CALL:
		begin_call(e, part);
		break;
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		begin_said(e, part);
		break;
	default:
		break;
	}
}

static const char *delta_type(const struct openai_responses_out *part) {
	switch (part->kind) {
	case CHAT_PART_THINKING:
		return "response.reasoning_summary_text.delta";
	case CHAT_PART_REFUSAL:
		return "response.refusal.delta";
	case CHAT_PART_TOOL_CALL:
		return part->tool_kind == CHAT_TOOL_CUSTOM
			       ? "response.custom_tool_call_input.delta"
			       : "response.function_call_arguments.delta";
	default:
		return "response.output_text.delta";
	}
}

static void put_notes(struct encoder *e, struct openai_responses_out *part) {
	for (; part->notes_sent < part->notes.len; part->notes_sent++) {
		struct json_writer w;
		begin_event(e, &w, "response.output_text.annotation.added");
		put_place(e, &w, part);
		json_put_int(&w, "annotation_index", (int64_t)part->notes_sent);
		json_put_raw(&w, "annotation", part->notes.items[part->notes_sent]);
		end_event(e, &w, "response.output_text.annotation.added");
	}
}

/* What has come of the part and was not written. A special call is written when it is whole. */
static void advance_part(struct encoder *e, struct openai_responses_out *part) {
	struct slice rest = slice_from(buf_slice(&part->text), part->sent);
	if (part->special != NULL || (rest.len == 0 && part->notes_sent == part->notes.len)) {
		return;
	}
	if (!part->is_begun) {
		begin_part(e, part);
	}
	if (rest.len > 0) {
		put_delta(e, part, delta_type(part), rest, SLICE(""));
		part->sent = part->text.len;
	}
	put_notes(e, part);
}

static void end_said(struct encoder *e, struct openai_responses_out *part) {
	bool is_refusal = part->kind == CHAT_PART_REFUSAL;
	const char *type = is_refusal ? "response.refusal.done" : "response.output_text.done";
	struct json_writer w;
	begin_event(e, &w, type);
	put_place(e, &w, part);
	json_put_string(&w, is_refusal ? "refusal" : "text", buf_slice(&part->text));
	if (!is_refusal) {
		json_write_key(&w, "logprobs");
		json_begin_array(&w);
		if (part->logprobs.len > 0) {
			json_write_raw(&w, buf_slice(&part->logprobs));
		}
		json_end_array(&w);
	}
	end_event(e, &w, type);
	begin_event(e, &w, "response.content_part.done");
	put_place(e, &w, part);
	json_write_key(&w, "part");
	openai_responses_write_content(&w, part, true);
	end_event(e, &w, "response.content_part.done");
	if (e->contents.len > 0) {
		buf_append_byte(&e->contents, ',');
	}
	json_writer_init(&w, &e->contents, false);
	openai_responses_write_content(&w, part, true);
	e->content_count++;
}

static void end_reasoning(struct encoder *e, struct openai_responses_out *part) {
	struct json_writer w;
	struct buf item;
	if (part->text.len > 0) {
		begin_event(e, &w, "response.reasoning_summary_text.done");
		put_place(e, &w, part);
		json_put_string(&w, "text", buf_slice(&part->text));
		end_event(e, &w, "response.reasoning_summary_text.done");
		begin_event(e, &w, "response.reasoning_summary_part.done");
		put_place(e, &w, part);
		json_write_key(&w, "part");
		json_begin_object(&w);
		json_put_cstr(&w, "type", "summary_text");
		json_put_string(&w, "text", buf_slice(&part->text));
		json_end_object(&w);
		end_event(e, &w, "response.reasoning_summary_part.done");
	}
	buf_init(&item, 0);
	json_writer_init(&w, &item, false);
	openai_responses_write_reasoning(&w, e->options.arena, part, true);
	item_done(e, buf_slice(&item));
	buf_finish(&item);
}

static void end_call(struct encoder *e, struct openai_responses_out *part) {
	bool is_custom = part->tool_kind == CHAT_TOOL_CUSTOM;
	const char *type = is_custom ? "response.custom_tool_call_input.done"
				     : "response.function_call_arguments.done";
	struct json_writer w;
	struct buf item;
	if (part->special == NULL) {
		begin_event(e, &w, type);
		put_place(e, &w, part);
		json_put_string(&w, is_custom ? "input" : "arguments", buf_slice(&part->text));
		if (!is_custom) {
			json_put_string(&w, "name", part->name);
		}
		end_event(e, &w, type);
	}
	buf_init(&item, 0);
	json_writer_init(&w, &item, false);
	openai_responses_write_call(&w, e->options.arena, part, true);
	item_done(e, buf_slice(&item));
	buf_finish(&item);
}

static void end_raw(struct encoder *e, struct openai_responses_out *part) {
	struct json_writer w;
	begin_item(e, &w);
	json_write_raw(&w, part->raw);
	end_item_added(e, &w);
	item_done(e, part->raw);
}

/* RE-5: the client asked not to see it. */
static bool is_hidden(const struct encoder *e, const struct openai_responses_out *part) {
	return part->kind == CHAT_PART_THINKING && e->options.request != NULL &&
	       e->options.request->reasoning.include_text == TRI_FALSE;
}

/* RE-5: thinking that is not shown has no item, but for a proof that stands without its text. */
static bool is_left_out(const struct encoder *e, const struct openai_responses_out *part) {
	bool is_proof = part->proof.len > 0 &&
			(part->is_redacted || part->provider == FORMAT_OPENAI_RESPONSES);
	return part->kind == CHAT_PART_THINKING &&
	       (is_hidden(e, part) ? !is_proof : part->text.len == 0 && part->proof.len == 0);
}

static void prepare_end(struct encoder *e, struct openai_responses_out *part) {
	if (part->kind != CHAT_PART_TOOL_CALL) {
		return;
	}
	if (part->text.len == 0 && part->tool_kind == CHAT_TOOL_FUNCTION) {
		buf_append_str(&part->text, "{}"); /* E-12 */
	}
	bool is_whole = part->special != NULL && openai_responses_call_object(e->options.arena,
							 part->special, buf_slice(&part->text))
								 .data != NULL;
	if (!is_whole) {
		part->special = NULL; /* what it is meant to be cannot be read out of it */
	}
}

static void end_part(struct encoder *e, struct openai_responses_out *part) {
	prepare_end(e, part);
	if (is_left_out(e, part)) {
		return;
	}
	advance_part(e, part);
	if (!part->is_begun) {
		begin_part(e, part);
	}
	switch (part->kind) {
	case CHAT_PART_THINKING:
		end_reasoning(e, part);
		break;
	case CHAT_PART_TOOL_CALL:
		end_call(e, part);
		break;
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		end_said(e, part);
		break;
	default:
		end_raw(e, part);
		break;
	}
}

/* ---- the queue ---- */

static void release_part(struct openai_responses_out *part) {
	buf_finish(&part->text);
	buf_finish(&part->logprobs);
}

/* Writes what has ended, and what has come of the next. */
static void advance(struct encoder *e) {
	while (e->open != NULL && e->open->has_ended) {
		struct openai_responses_out *done = e->open;
		end_part(e, done);
		e->open = done->next;
		e->last_text = e->last_text == done ? NULL : e->last_text;
		release_part(done);
	}
	if (e->open != NULL && !is_hidden(e, e->open)) {
		advance_part(e, e->open);
	}
}

static struct openai_responses_out *find_part(struct encoder *e, uint32_t number) {
	for (struct openai_responses_out *part = e->open; part != NULL; part = part->next) {
		if (part->part == number) {
			return part;
		}
	}
	return NULL;
}

static struct openai_responses_out *add_part(
	struct encoder *e, uint32_t number, enum chat_part_kind kind) {
	struct openai_responses_out **link = &e->open;
	while (*link != NULL) {
		link = &(*link)->next;
	}
	struct openai_responses_out *part = *link =
		ARENA_NEW(e->options.arena, struct openai_responses_out);
	part->part = number;
	part->kind = kind;
	return part;
}

/* ---- events in ---- */

/* An image that another provider made, as this one's tool would show it. */
static struct slice image_item(struct encoder *e, struct slice data) {
	struct buf item;
	struct json_writer w;
	buf_init(&item, 0);
	json_writer_init(&w, &item, false);
	json_begin_object(&w);
	json_put_string(&w, "id", make_id(e, "ig_"));
	json_put_cstr(&w, "type", "image_generation_call");
	json_put_cstr(&w, "status", "completed");
	json_put_string(&w, "result", data);
	json_end_object(&w);
	struct slice copy = arena_dup(e->options.arena, buf_slice(&item));
	buf_finish(&item);
	return copy;
}

static void on_part_start(struct encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	enum chat_part_kind kind = event->part_start.kind;
	struct openai_responses_out *part;
	switch (kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		part = add_part(e, event->part, kind);
		e->last_text = kind == CHAT_PART_TEXT ? part : e->last_text;
		break;
	case CHAT_PART_THINKING:
		part = add_part(e, event->part, kind);
		part->provider = event->part_start.provider;
		part->is_redacted = event->part_start.is_redacted;
		if (part->is_redacted) {
			part->proof = arena_dup(arena, event->part_start.data);
		}
		break;
	case CHAT_PART_IMAGE:
		if (event->part_start.media_type.data != NULL) { /* not by its address */
			part = add_part(e, event->part, CHAT_PART_RAW);
			part->raw = image_item(e, event->part_start.data);
		}
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (event->part_start.provider == FORMAT_OPENAI_RESPONSES) {
			part = add_part(e, event->part, CHAT_PART_RAW);
			part->raw = arena_dup(arena, event->part_start.data);
		}
		break;
	default:
		break;
	}
}

static void on_tool_start(struct encoder *e, const struct chat_event *event) {
	struct arena *arena = e->options.arena;
	const struct chat_request *request = e->options.request;
	const struct chat_tool *tool =
		request ? chat_request_find_tool(request, event->tool.name) : NULL;
	struct openai_responses_out *part = add_part(e, event->part, CHAT_PART_TOOL_CALL);
	part->call_id = arena_dup(arena, event->tool.id);
	part->tool_kind = event->tool.kind;
	part->special = openai_responses_called_tool(request, event->tool.name);
	part->namespace_name = tool ? tool->namespace_name : (struct slice){0};
	part->name = arena_dup(
		arena, openai_responses_inner_name(part->namespace_name, event->tool.name));
	if (part == e->open && part->special == NULL) {
		begin_part(e, part);
	}
}

static void fail_too_large(struct encoder *e);

static void on_delta(struct encoder *e, const struct chat_event *event) {
	struct openai_responses_out *part = find_part(e, event->part);
	if (part == NULL) {
		return;
	}
	e->held_bytes += event->text.len;
	if (e->held_bytes > MAX_HELD_BYTES) {
		fail_too_large(e);
		return;
	}
	buf_append(&part->text, event->text);
	if (part == e->open && !is_hidden(e, part)) {
		advance_part(e, part);
	}
}

static void on_signature(struct encoder *e, const struct chat_event *event) {
	struct openai_responses_out *part = find_part(e, event->part);
	if (part != NULL) {
		part->proof = arena_dup(e->options.arena, event->text);
	}
}

static void on_citation(struct encoder *e, const struct chat_event *event) {
	struct openai_responses_out *part = find_part(e, event->part);
	if (part == NULL || part->kind != CHAT_PART_TEXT) {
		return;
	}
	struct slice note = openai_responses_annotation_of(
		e->options.arena, event->text, (int64_t)utf8_length(buf_slice(&part->text)));
	if (note.data != NULL) {
		*ARENA_PUSH(e->options.arena, &part->notes) = note;
	}
	if (part == e->open) {
		advance_part(e, part);
	}
}

/* E-94: the entries are cc's. They follow the text that they are of. */
static void on_logprobs(struct encoder *e, const struct chat_event *event) {
	struct openai_responses_out *part = e->last_text;
	struct arena scratch;
	if (part == NULL) {
		return;
	}
	arena_init(&scratch, NULL, 0);
	size_t before = part->logprobs.len;
	json_each (entry, json_get(json_parse(&scratch, event->text, NULL, NULL), "content")) {
		if (part->logprobs.len > 0) {
			buf_append_byte(&part->logprobs, ',');
		}
		buf_append(&part->logprobs, json_raw(entry));
	}
	struct slice added = slice_from(buf_slice(&part->logprobs), before);
	if (part == e->open && part->is_begun && added.len > 0) {
		put_delta(e, part, delta_type(part), SLICE(""),
			before > 0 ? slice_from(added, 1) : added);
	}
	arena_finish(&scratch);
}

static void on_part_end(struct encoder *e, const struct chat_event *event) {
	struct openai_responses_out *part = find_part(e, event->part);
	if (part != NULL) {
		part->has_ended = true;
		advance(e);
	}
}

static void on_usage(struct encoder *e, const struct chat_event *event) {
	chat_usage_merge(&e->usage, event->usage);
	if (event->usage->service_tier.len > 0 &&
		!slice_eq(event->usage->service_tier, e->service_tier)) {
		e->service_tier = arena_dup(e->options.arena, event->usage->service_tier);
	}
	e->usage.native = e->usage.service_tier = (struct slice){0}; /* not ours to keep */
}

static void on_finish(struct encoder *e, const struct chat_event *event) {
	e->has_finished = true;
	e->reason = event->finish.reason;
	close_message(e);
}

/* ---- the end ---- */

/* US-3: typed clients want numbers. */
static void complete_usage(struct encoder *e) {
	const struct chat_request *request = e->options.request;
	if (!chat_usage_is_known(&e->usage)) {
		e->usage.input_uncached =
			request != NULL ? format_count_tokens(&e->options.counter, request, NULL)
					: 0;
		e->usage.output_total = (int64_t)((e->held_bytes + 3) / 4);
		e->usage.is_estimated = true;
	}
}

/* 4.1, RS-11, E-28 */
static const char *incomplete_reason(enum chat_finish_reason reason) {
	return reason == CHAT_FINISH_LENGTH           ? "max_output_tokens"
	       : reason == CHAT_FINISH_CONTENT_FILTER ? "content_filter"
						      : NULL;
}

static void put_last(struct encoder *e, const struct openai_responses_object *object) {
	struct buf text;
	struct json_writer w;
	const char *type = object->error               ? "response.failed"
			   : object->incomplete_reason ? "response.incomplete"
						       : "response.completed";
	buf_init(&text, 0);
	json_writer_init(&w, &text, false);
	openai_responses_write_object(&w, object);
	if (e->options.is_stream) {
		begin_event(e, &w, type);
		json_put_raw(&w, "response", buf_slice(&text));
		end_event(e, &w, type);
	} else {
		buf_append(e->options.out, buf_slice(&text));
	}
	if (e->options.watch != NULL && object->error == NULL) {
		e->options.watch->on_answer(
			e->options.watch, e->id, object->items, buf_slice(&text));
	}
	buf_finish(&text);
}

/* RS-25: the last event, with what there is; the stream is closed behind it (E-39). */
static void fail(struct encoder *e, const struct error *error) {
	struct openai_responses_object object;
	if (e->has_failed) {
		return;
	}
	e->has_failed = true;
	if (!e->options.is_stream) {
		return;
	}
	if (e->options.spliced.events > 0) { /* E-32: the next number of the upstream's own */
		e->id = e->options.spliced.id;
		e->model = e->options.spliced.model;
		e->created_s = e->options.now_s;
		e->sequence = e->options.spliced.events;
	} else if (!e->has_begun) {
		make_start(e);
	}
	close_message(e);
	describe(e, &object, "failed");
	object.error = error;
	put_last(e, &object);
}

static void fail_too_large(struct encoder *e) {
	struct error error;
	error_set(&error, ERROR_TOO_LARGE, "the answer is larger than %zu bytes", MAX_HELD_BYTES);
	fail(e, &error);
}

/* RS-24 */
static void on_end(struct encoder *e) {
	struct openai_responses_object object;
	if (e->has_failed || !e->has_finished) {
		return;
	}
	const char *reason = incomplete_reason(e->reason);
	complete_usage(e);
	describe(e, &object, reason ? "incomplete" : "completed");
	object.incomplete_reason = reason;
	object.usage = &e->usage;
	put_last(e, &object);
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct encoder *e = encoder_of(sink);
	if (event->candidate > 0 || e->has_failed) {
		return; /* one answer a response */
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
	case CHAT_EVENT_CITATION:
		on_citation(e, event);
		break;
	case CHAT_EVENT_LOGPROBS:
		on_logprobs(e, event);
		break;
	case CHAT_EVENT_TOOL_START:
		on_tool_start(e, event);
		break;
	case CHAT_EVENT_PART_END:
	case CHAT_EVENT_TOOL_END:
		on_part_end(e, event);
		break;
	case CHAT_EVENT_USAGE:
		on_usage(e, event);
		break;
	case CHAT_EVENT_FINISH:
		on_finish(e, event);
		break;
	case CHAT_EVENT_ERROR:
		fail(e, event->error.error);
		break;
	case CHAT_EVENT_END:
		on_end(e);
		break;
	case CHAT_EVENT_PING: /* RS-26: comments, which the connection sends by itself */
	case CHAT_EVENT_WIRE:
	case CHAT_EVENT_TYPE_COUNT:
		break;
	}
}

static void release(void *data) {
	struct encoder *e = data;
	for (struct openai_responses_out *part = e->open; part != NULL; part = part->next) {
		release_part(part);
	}
	buf_finish(&e->contents);
	buf_finish(&e->items);
	buf_finish(&e->json);
}

struct chat_sink *openai_responses_encoder_create(const struct format_encoder_options *options) {
	struct encoder *e = ARENA_NEW(options->arena, struct encoder);
	e->sink.on_event = on_event;
	e->options = *options;
	chat_usage_init(&e->usage);
	arena_on_finish(options->arena, release, e);
	return &e->sink;
}

bool openai_responses_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	struct format_encoder_options whole = *options;
	whole.is_stream = false;
	chat_unfold(response, openai_responses_encoder_create(&whole), options->arena);
	return !options->out->failed;
}
