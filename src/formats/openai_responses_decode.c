/* openai_responses_decode.c: answers of the Responses API and its relatives into events (formats.md
 * 3.5, OR-30..OR-39). */
#include "formats/openai_responses_decode.h"

#include "formats/openai_responses_encode.h"
#include "formats/openai_responses_usage.h"

static struct openai_responses_decoder *self_of(struct decode *d) {
	return (struct openai_responses_decoder *)d;
}

/* A string that says something; absent otherwise. */
static struct slice text_of(struct decode *d, const struct json *node) {
	struct slice text = json_string(node, &d->scratch);
	return text.len > 0 ? text : (struct slice){0};
}

/* ---- the response object ---- */

static void start(struct decode *d, const struct json *response) {
	double created;
	bool has_time = json_double(json_get(response, "created_at"), &created) && created > 0 &&
			created < 1e15;
	if (d->emitter.has_started || !json_is(response, JSON_OBJECT)) {
		return;
	}
	struct slice none = {0};
	/* the tier of an answer under way is the one that was asked for; usage tells the real one
	 */
	chat_emit_start(&d->emitter, text_of(d, json_get(response, "id")),
		text_of(d, json_get(response, "model")), has_time ? (int64_t)created : 0, none,
		none);
}

static void read_usage(struct decode *d, const struct json *response) {
	const struct json *usage = json_get_value(response, "usage");
	if (json_is(usage, JSON_OBJECT)) {
		struct chat_usage counts;
		openai_responses_read_usage(usage, &counts);
		counts.service_tier = text_of(d, json_get(response, "service_tier"));
		chat_emit_usage(&d->emitter, &counts);
	}
}

/* OR-32: items that stand in the last object alone; OR-24: it may have none. */
static void complete_items(struct openai_responses_decoder *self, const struct json *response) {
	const struct json *output = json_get_value(response, "output");
	int64_t place = 0;
	json_each (item, json_is(output, JSON_ARRAY) ? output : NULL) {
		openai_responses_item_done(self, place++, item);
	}
}

static void fail(struct openai_responses_decoder *self, const struct json *response) {
	struct error error;
	if (json_is_null(json_get_value(response, "error"))) {
		error_set(&error, ERROR_UPSTREAM_PROTOCOL,
			"the upstream ended its answer as failed and did not say why");
		decode_fail(&self->shell, self->has_error ? &self->error : &error);
		return;
	}
	format_read_error(200, NULL, json_raw(response), &error);
	decode_fail(&self->shell, &error);
}

/* OR-33, 4.1 */
static enum chat_finish_reason reason_of(
	const struct openai_responses_decoder *self, struct slice status, struct slice why) {
	if (slice_is(status, "completed")) {
		return self->saw_refusal ? CHAT_FINISH_REFUSAL : CHAT_FINISH_STOP; /* E-100 */
	}
	if (slice_is(why, "max_output_tokens") || slice_is(why, "max_tokens")) {
		return CHAT_FINISH_LENGTH;
	}
	return slice_is(why, "content_filter") ? CHAT_FINISH_CONTENT_FILTER : CHAT_FINISH_OTHER;
}

/* The answer is over; `status` stands for one that the object does not have. */
static void finish(
	struct openai_responses_decoder *self, const struct json *response, struct slice status) {
	struct decode *d = &self->shell;
	static const struct slice none = {0};
	struct slice why = text_of(
		d, json_get_value(json_get_value(response, "incomplete_details"), "reason"));
	if (status.data == NULL) {
		status = text_of(d, json_get_value(response, "status"));
	}
	start(d, response);
	complete_items(self, response);
	read_usage(d, response);
	if (slice_is(status, "failed") || slice_is(status, "cancelled")) {
		fail(self, response);
		return;
	}
	chat_emit_finish(&d->emitter, 0,
		reason_of(self, status.data ? status : SLICE("completed"), why),
		why.data ? why : status, none, none);
}

/* ---- events of a stream ---- */

/* OR-31: where the item stands. Hosts that number nothing speak of the last one. */
static int64_t place_of(struct openai_responses_decoder *self, const struct json *tree) {
	int64_t place;
	if (json_int64(json_get(tree, "output_index"), &place)) {
		self->last_place = place;
	}
	return self->last_place;
}

typedef void event_reader(struct openai_responses_decoder *self, const struct json *tree);

static void on_created(struct openai_responses_decoder *self, const struct json *tree) {
	const struct json *response = json_get_value(tree, "response");
	if (self->shell.options.keep_wire && self->created.data == NULL && response != NULL) {
		self->created = arena_dup(self->shell.options.arena, json_raw(response));
	}
	start(&self->shell, response);
}

static void on_item_added(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_item_added(self, place_of(self, tree), json_get_value(tree, "item"));
}

static void on_item_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_item_done(self, place_of(self, tree), json_get_value(tree, "item"));
}

static void on_content_added(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_content_added(self, place_of(self, tree), tree);
}

static void on_content_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_content_done(self, place_of(self, tree), tree);
}

static void on_text_delta(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_text(self, place_of(self, tree), tree, CHAT_EVENT_TEXT_DELTA, false);
}

static void on_text_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_text(self, place_of(self, tree), tree, CHAT_EVENT_TEXT_DELTA, true);
}

static void on_refusal_delta(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_text(self, place_of(self, tree), tree, CHAT_EVENT_REFUSAL_DELTA, false);
}

static void on_refusal_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_text(self, place_of(self, tree), tree, CHAT_EVENT_REFUSAL_DELTA, true);
}

static void on_annotation(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_annotation(self, place_of(self, tree), tree);
}

static void on_summary_added(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_summary_added(self, place_of(self, tree));
}

static void on_summary_delta(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_thinking(
		self, place_of(self, tree), json_get(tree, "delta"), false, false);
}

static void on_summary_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_thinking(self, place_of(self, tree), json_get(tree, "text"), false, true);
}

static void on_reasoning_delta(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_thinking(self, place_of(self, tree), json_get(tree, "delta"), true, false);
}

static void on_reasoning_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_thinking(self, place_of(self, tree), json_get(tree, "text"), true, true);
}

static void on_args_delta(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_args(self, place_of(self, tree), json_get(tree, "delta"), false);
}

static void on_args_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_args(self, place_of(self, tree), json_get(tree, "arguments"), true);
}

static void on_input_done(struct openai_responses_decoder *self, const struct json *tree) {
	openai_responses_args(self, place_of(self, tree), json_get(tree, "input"), true);
}

/* E-108: what follows the last event is of another answer. */
static void on_last(
	struct openai_responses_decoder *self, const struct json *tree, const char *status) {
	finish(self, json_get_value(tree, "response"), slice_of(status));
	decode_end(&self->shell);
}

static void on_completed(struct openai_responses_decoder *self, const struct json *tree) {
	on_last(self, tree, NULL);
}

static void on_incomplete(struct openai_responses_decoder *self, const struct json *tree) {
	on_last(self, tree, "incomplete");
}

static void on_failed(struct openai_responses_decoder *self, const struct json *tree) {
	on_last(self, tree, "failed");
}

/* OR-34, RS-25: flat or nested. `response.failed` often follows, and belongs to the wire. */
static void on_error(struct openai_responses_decoder *self, const struct json *tree) {
	if (!self->has_error) {
		self->has_error = true;
		format_read_error(200, NULL, json_raw(tree), &self->error);
	}
}

static void on_ping(struct openai_responses_decoder *self, const struct json *tree) {
	(void)tree;
	chat_emit_ping(&self->shell.emitter);
}

/* OR-38: other types are not ours to know. The ones that come most often stand first. */
static const struct {
	struct slice type;
	event_reader *read;
} events[] = {
	{SLICE_INIT("response.output_text.delta"), on_text_delta},
	{SLICE_INIT("response.function_call_arguments.delta"), on_args_delta},
	{SLICE_INIT("response.reasoning_summary_text.delta"), on_summary_delta},
	{SLICE_INIT("response.reasoning_text.delta"), on_reasoning_delta},
	{SLICE_INIT("response.custom_tool_call_input.delta"), on_args_delta},
	{SLICE_INIT("response.refusal.delta"), on_refusal_delta},
	{SLICE_INIT("response.output_item.added"), on_item_added},
	{SLICE_INIT("response.output_item.done"), on_item_done},
	{SLICE_INIT("response.content_part.added"), on_content_added},
	{SLICE_INIT("response.content_part.done"), on_content_done},
	{SLICE_INIT("response.output_text.done"), on_text_done},
	{SLICE_INIT("response.output_text.annotation.added"), on_annotation},
	{SLICE_INIT("response.refusal.done"), on_refusal_done},
	{SLICE_INIT("response.reasoning_summary_part.added"), on_summary_added},
	{SLICE_INIT("response.reasoning_summary_text.done"), on_summary_done},
	{SLICE_INIT("response.reasoning_text.done"), on_reasoning_done},
	{SLICE_INIT("response.function_call_arguments.done"), on_args_done},
	{SLICE_INIT("response.custom_tool_call_input.done"), on_input_done},
	{SLICE_INIT("response.created"), on_created},
	{SLICE_INIT("response.queued"), on_created},
	{SLICE_INIT("response.in_progress"), on_created},
	{SLICE_INIT("response.completed"), on_completed},
	{SLICE_INIT("response.done"), on_completed}, /* OR-24 */
	{SLICE_INIT("response.incomplete"), on_incomplete},
	{SLICE_INIT("response.failed"), on_failed},
	{SLICE_INIT("response.cancelled"), on_failed},
	{SLICE_INIT("error"), on_error},
	{SLICE_INIT("keepalive"), on_ping},
};

static void on_frame(struct decode *d, const struct json *tree, struct slice event) {
	struct openai_responses_decoder *self = self_of(d);
	struct slice type = json_string(json_get(tree, "type"), &d->scratch);
	type = type.data ? type : event;
	if (!slice_is(type, "error") &&
		(self->has_error ||
			!json_int64(json_get(tree, "sequence_number"), &self->sequence))) {
		self->sequence++;
	}
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		if (slice_eq(type, events[i].type)) {
			events[i].read(self, tree);
			return;
		}
	}
}

/* ---- whole answers ---- */

static void on_whole(struct decode *d, const struct json *tree) {
	/* "queued" and "in_progress" are whole too: the client asked for no more (background) */
	finish(self_of(d), tree, (struct slice){0});
}

/* An error body; what stands in a stream's events is read there. */
static bool is_error(const struct json *tree, struct slice event) {
	const struct json *type = json_get(tree, "type");
	(void)event;
	if (json_is(type, JSON_STRING) && json_get_value(tree, "object") == NULL) {
		return false;
	}
	const struct json *error = json_get_value(tree, "error");
	bool has_error = json_is(error, JSON_OBJECT) || json_is(error, JSON_STRING);
	return has_error || (json_get_value(tree, "detail") != NULL &&
				    json_get_value(tree, "output") == NULL); /* OR-23 */
}

static const struct json *model_node(const struct json *tree) {
	const struct json *response = json_get_value(tree, "response");
	const struct json *model = json_get(response ? response : tree, "model");
	return json_is(model, JSON_STRING) ? model : NULL;
}

/* RS-25: the client's SDK stops at an error event and never sees the last one, which tells more. */
static bool is_hidden(const struct decode *d, const struct json *tree) {
	(void)d;
	return json_string_is(json_get(tree, "type"), "error");
}

/* Behind an event that was kept back the numbers go on without a gap (2.3). */
static const struct json *renumber(
	const struct decode *d, const struct json *tree, int64_t *number) {
	const struct openai_responses_decoder *self = (const struct openai_responses_decoder *)d;
	*number = self->sequence + 1;
	return self->has_error ? json_get(tree, "sequence_number") : NULL;
}

/* ---- streams without a last event ---- */

/* The answer's own object as one that failed; false when there is none to tell it by. */
static bool write_failed(
	struct openai_responses_decoder *self, const struct error *error, struct buf *out) {
	struct arena *scratch = &self->shell.scratch;
	const struct json *object = json_parse(scratch, self->created, NULL, NULL);
	struct json_writer w;
	if (!json_is(object, JSON_OBJECT)) {
		return false;
	}
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "type", "response.failed");
	json_put_int(&w, "sequence_number", self->sequence + 1);
	json_write_key(&w, "response");
	json_begin_object(&w);
	json_each (member, object) {
		if (json_key_is(member, "status")) {
			json_put_cstr(&w, "status", "failed");
		} else if (!json_key_is(member, "error")) {
			json_write_key_slice(&w, json_key(member, scratch));
			json_write_node(&w, member);
		}
	}
	json_write_key(&w, "error");
	openai_responses_write_error(&w, error);
	json_end_object(&w);
	json_end_object(&w);
	return true;
}

/* RS-24: a spliced client waits for a last event with the id it knows. */
static void on_cut(struct decode *d, const struct error *transport_error) {
	struct openai_responses_decoder *self = self_of(d);
	struct error error;
	struct buf data = {0}, frame = {0};
	if (self->has_error) {
		error = self->error;
	} else if (transport_error != NULL) {
		error = *transport_error;
	} else {
		error_set(&error, ERROR_UPSTREAM_PROTOCOL,
			"the upstream's answer was cut: it ended without its last event");
	}
	if (write_failed(self, &error, &data)) {
		if (d->is_wire_cut) {
			decode_send_wire(d, SLICE("\n\n"));
		}
		sse_write(
			&frame, "response.failed", format_one_line(&d->scratch, buf_slice(&data)));
		d->is_frame_on_wire = decode_send_wire(d, buf_slice(&frame));
	}
	decode_fail(d, &error);
	buf_finish(&data);
	buf_finish(&frame);
}

static const struct decode_dialect dialect = {
	.end_marker = "[DONE]",
	.is_error = is_error,
	.parse_error = format_read_error,
	.on_frame = on_frame,
	.on_whole = on_whole,
	.is_hidden = is_hidden,
	.model_node = model_node,
	.renumber = renumber,
	.on_cut = on_cut,
};

struct format_decoder *openai_responses_decoder_create(
	const struct format_decoder_options *options) {
	struct openai_responses_decoder *self =
		ARENA_NEW(options->arena, struct openai_responses_decoder);
	decode_init(&self->shell, &dialect, options, FORMAT_OPENAI_RESPONSES);
	return &self->shell.base;
}
