/* check_responses.c: a strict reader of Responses streams and objects, from formats.md 2.3 alone
 * (RS-8..RS-12, RS-20..RS-24). */
#include "formats/recorded.h"
#include "net/sse.h"

#define MAX_ITEMS 4096

/* What the events said of one item. */
struct item {
	bool is_open, is_done;
	struct slice id, type;
	int64_t content_count; /* parts added */
	bool is_part_open;
	struct buf text; /* deltas of the open part, or of the arguments */
};

struct reader {
	struct arena *arena;
	const char *problem;
	int64_t sequence;
	bool has_created, has_last;
	struct slice response_id;
	struct item *items;
	int64_t item_count, open_item;
	const struct json *last;      /* the object of the last event */
	struct slice done[MAX_ITEMS]; /* items as output_item.done had them */
};

static bool complain(struct reader *r, const char *what) {
	if (!r->problem) {
		r->problem = what;
	}
	return false;
}

static int64_t int_at(const struct json *tree, const char *name) {
	int64_t value;
	return json_int64(json_get(tree, name), &value) ? value : -1;
}

static struct slice text_at(struct reader *r, const struct json *tree, const char *name) {
	return json_string(json_get(tree, name), r->arena);
}

/* ---- the object ---- */

static const char *const object_members[] = {"id", "object", "created_at", "status", "error",
	"incomplete_details", "instructions", "max_output_tokens", "model", "output",
	"parallel_tool_calls", "previous_response_id", "reasoning", "store", "temperature", "text",
	"tool_choice", "tools", "top_p", "truncation", "usage", "user", "metadata"};

static const char *check_usage(const struct json *usage) {
	static const char *const counts[] = {"/input_tokens", "/input_tokens_details/cached_tokens",
		"/input_tokens_details/cache_write_tokens", "/output_tokens",
		"/output_tokens_details/reasoning_tokens", "/total_tokens"};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		if (!json_is(json_at(usage, slice_of(counts[i])), JSON_NUMBER)) {
			return "RS-12: a count of the usage is missing";
		}
	}
	return NULL;
}

static const char *check_item(const struct json *item, struct arena *arena) {
	struct slice id = json_string(json_get(item, "id"), arena);
	const struct json *type = json_get(item, "type");
	if (!json_is(type, JSON_STRING)) {
		return "RS-9: an item without a type";
	}
	/* items of the upstream's own come as they are, with whatever id */
	bool is_ours = json_string_is(type, "message") || json_string_is(type, "reasoning") ||
		       json_string_is(type, "function_call");
	if (is_ours && (id.len == 0 || id.len > 64)) {
		return "RS-10: an item without a sane id";
	}
	if (json_string_is(type, "message")) {
		json_each (part, json_get(item, "content")) {
			bool is_text = json_string_is(json_get(part, "type"), "output_text");
			if (is_text && (!json_is(json_get(part, "annotations"), JSON_ARRAY) ||
					       !json_is(json_get(part, "text"), JSON_STRING))) {
				return "RS-9: a text part lacks text or annotations";
			}
		}
		return json_string_is(json_get(item, "role"), "assistant")
			       ? NULL
			       : "RS-9: a message without its role";
	}
	if (json_string_is(type, "function_call") &&
		(!json_is(json_get(item, "arguments"), JSON_STRING) ||
			!json_is(json_get(item, "name"), JSON_STRING) ||
			!json_is(json_get(item, "call_id"), JSON_STRING) ||
			json_equal(json_get(item, "id"), json_get(item, "call_id")))) {
		return "RS-9, RS-10: a call lacks arguments, name or an id of its own";
	}
	if (json_string_is(type, "reasoning") && !json_is(json_get(item, "summary"), JSON_ARRAY)) {
		return "RS-9: reasoning without a summary list";
	}
	return NULL;
}

static const char *check_object(const struct json *object, bool is_last, struct arena *arena) {
	for (size_t i = 0; i < sizeof object_members / sizeof *object_members; i++) {
		if (!json_get(object, object_members[i])) {
			return "RS-8: a member of the response object is missing";
		}
	}
	if (!json_string_is(json_get(object, "object"), "response") ||
		!json_is(json_get(object, "created_at"), JSON_NUMBER) ||
		!json_is(json_get(object, "output"), JSON_ARRAY)) {
		return "RS-8: object, created_at or output is wrong";
	}
	bool has_failed = json_string_is(json_get(object, "status"), "failed");
	if (has_failed != json_is(json_get(object, "error"), JSON_OBJECT)) {
		return "RS-11: an error without status failed, or the other way round";
	}
	bool is_cut = json_string_is(json_get(object, "status"), "incomplete");
	if (is_cut != json_is(json_get(object, "incomplete_details"), JSON_OBJECT)) {
		return "RS-11: incomplete_details does not fit the status";
	}
	json_each (item, json_get(object, "output")) {
		const char *problem = check_item(item, arena);
		if (problem) {
			return problem;
		}
	}
	return is_last && !has_failed ? check_usage(json_get(object, "usage")) : NULL;
}

const char *check_openai_responses_whole(struct slice body, struct arena *arena) {
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	return tree ? check_object(tree, true, arena) : "not JSON";
}

/* ---- events of items ---- */

static bool on_added(struct reader *r, const struct json *tree) {
	const struct json *item = json_get(tree, "item");
	int64_t index = int_at(tree, "output_index");
	if (r->open_item >= 0) {
		return complain(r, "RS-21: an item opens before the one before it is done");
	}
	if (index != r->item_count || index >= MAX_ITEMS) {
		return complain(r, "RS-21: output_index skips");
	}
	struct item *added = &r->items[r->item_count++];
	*added = (struct item){
		.is_open = true, .id = text_at(r, item, "id"), .type = text_at(r, item, "type")};
	r->open_item = index;
	const char *problem = check_item(item, r->arena);
	return !problem || complain(r, problem);
}

/* The open item that the event names. */
static struct item *named(struct reader *r, const struct json *tree) {
	int64_t index = int_at(tree, "output_index");
	if (index < 0 || index != r->open_item) {
		complain(r, "RS-22: an event of an item that is not open");
		return NULL;
	}
	struct item *item = &r->items[index];
	if (!slice_eq(item->id, text_at(r, tree, "item_id"))) {
		complain(r, "RS-10: item_id is not the item's");
		return NULL;
	}
	return item;
}

static bool on_part_added(struct reader *r, const struct json *tree, const char *counter) {
	struct item *item = named(r, tree);
	if (!item) {
		return false;
	}
	if (item->is_part_open || int_at(tree, counter) != item->content_count ||
		!json_is(json_get(tree, "part"), JSON_OBJECT)) {
		return complain(r, "RS-22: a part opens out of order");
	}
	item->is_part_open = true;
	item->content_count++;
	buf_reset(&item->text, SIZE_MAX);
	return true;
}

static bool on_part_done(struct reader *r, const struct json *tree, const char *counter) {
	struct item *item = named(r, tree);
	if (!item) {
		return false;
	}
	const struct json *part = json_get(tree, "part");
	const struct json *text = json_get(part, "text");
	text = text ? text : json_get(part, "refusal");
	if (!item->is_part_open || int_at(tree, counter) != item->content_count - 1) {
		return complain(r, "a part is done that was not added");
	}
	if (!slice_eq(json_string(text, r->arena), buf_slice(&item->text))) {
		return complain(r, "RS-20: the done part is not what the deltas said");
	}
	item->is_part_open = false;
	return true;
}

static bool on_delta(struct reader *r, const struct json *tree, bool is_part) {
	struct item *item = named(r, tree);
	if (!item) {
		return false;
	}
	if (is_part && !item->is_part_open) {
		return complain(r, "RS-22: a delta before its part was added");
	}
	buf_append(&item->text, text_at(r, tree, "delta"));
	return json_is(json_get(tree, "delta"), JSON_STRING) || complain(r, "no delta");
}

static bool on_text_done(struct reader *r, const struct json *tree, const char *member) {
	struct item *item = named(r, tree);
	if (!item) {
		return false;
	}
	return slice_eq(text_at(r, tree, member), buf_slice(&item->text)) ||
	       complain(r, "RS-20: a done event is not what the deltas said");
}

static bool on_item_done(struct reader *r, const struct json *tree) {
	const struct json *item = json_get(tree, "item");
	int64_t index = int_at(tree, "output_index");
	if (index < 0 || index != r->open_item || r->items[index].is_part_open) {
		return complain(r, "an item is done that is not open, or in the middle of a part");
	}
	if (!slice_eq(r->items[index].id, text_at(r, item, "id")) ||
		!slice_eq(r->items[index].type, text_at(r, item, "type"))) {
		return complain(r, "RS-10: the done item is another one");
	}
	r->items[index].is_done = true;
	r->done[index] = json_raw(item);
	r->open_item = -1;
	const char *problem = check_item(item, r->arena);
	return !problem || complain(r, problem);
}

/* ---- the frame of the stream ---- */

static bool on_begin(struct reader *r, const struct json *tree, bool is_created) {
	const struct json *object = json_get(tree, "response");
	if (is_created != !r->has_created || r->item_count > 0) {
		return complain(r, "RS-22: response.created does not stand first, once");
	}
	struct slice id = text_at(r, object, "id");
	if (!is_created && !slice_eq(id, r->response_id)) {
		return complain(r, "RS-10: the id of the response changes");
	}
	r->response_id = id;
	r->has_created = true;
	const char *problem = check_object(object, false, r->arena);
	if (!problem && !json_string_is(json_get(object, "status"), "in_progress")) {
		problem = "the response does not begin in progress";
	}
	return !problem || complain(r, problem);
}

static bool on_last(struct reader *r, const struct json *tree, const char *status) {
	const struct json *object = json_get(tree, "response");
	int64_t index = 0;
	r->has_last = true;
	r->last = object;
	if (!json_string_is(json_get(object, "status"), status)) {
		return complain(r, "RS-24: the status is not that of the last event");
	}
	if (!slice_eq(text_at(r, object, "id"), r->response_id)) {
		return complain(r, "RS-10: the id of the response changes");
	}
	json_each (item, json_get(object, "output")) {
		if (index >= r->item_count || !slice_eq(json_raw(item), r->done[index])) {
			return complain(r, "RS-20: the object's items are not those of the events");
		}
		index++;
	}
	if (index != r->item_count && strcmp(status, "failed") != 0) {
		return complain(r, "RS-20: the object lacks items");
	}
	const char *problem = check_object(object, true, r->arena);
	return !problem || complain(r, problem);
}

enum action {
	CREATED,
	IN_PROGRESS,
	ITEM_ADDED,
	ITEM_DONE,
	CONTENT_ADDED,
	CONTENT_DONE,
	SUMMARY_ADDED,
	SUMMARY_DONE,
	PART_DELTA,
	ARGS_DELTA,
	TEXT_DONE,
	REFUSAL_DONE,
	ARGS_DONE,
	INPUT_DONE,
	ANNOTATION,
	COMPLETED,
	INCOMPLETE,
	FAILED
};

static const struct {
	const char *type;
	enum action action;
} events[] = {
	{"response.created", CREATED},
	{"response.in_progress", IN_PROGRESS},
	{"response.output_item.added", ITEM_ADDED},
	{"response.output_item.done", ITEM_DONE},
	{"response.content_part.added", CONTENT_ADDED},
	{"response.content_part.done", CONTENT_DONE},
	{"response.reasoning_summary_part.added", SUMMARY_ADDED},
	{"response.reasoning_summary_part.done", SUMMARY_DONE},
	{"response.reasoning_summary_text.delta", PART_DELTA},
	{"response.output_text.delta", PART_DELTA},
	{"response.refusal.delta", PART_DELTA},
	{"response.function_call_arguments.delta", ARGS_DELTA},
	{"response.custom_tool_call_input.delta", ARGS_DELTA},
	{"response.reasoning_summary_text.done", TEXT_DONE},
	{"response.output_text.done", TEXT_DONE},
	{"response.refusal.done", REFUSAL_DONE},
	{"response.function_call_arguments.done", ARGS_DONE},
	{"response.custom_tool_call_input.done", INPUT_DONE},
	{"response.output_text.annotation.added", ANNOTATION},
	{"response.completed", COMPLETED},
	{"response.incomplete", INCOMPLETE},
	{"response.failed", FAILED},
};

static bool act(struct reader *r, enum action action, const struct json *tree) {
	switch (action) {
	case CREATED:
		return on_begin(r, tree, true);
	case IN_PROGRESS:
		return on_begin(r, tree, false);
	case ITEM_ADDED:
		return on_added(r, tree);
	case ITEM_DONE:
		return on_item_done(r, tree);
	case CONTENT_ADDED:
		return on_part_added(r, tree, "content_index");
	case CONTENT_DONE:
		return on_part_done(r, tree, "content_index");
	case SUMMARY_ADDED:
		return on_part_added(r, tree, "summary_index");
	case SUMMARY_DONE:
		return on_part_done(r, tree, "summary_index");
	case PART_DELTA:
		return on_delta(r, tree, true);
	case ARGS_DELTA:
		return on_delta(r, tree, false);
	case TEXT_DONE:
		return on_text_done(r, tree, "text");
	case REFUSAL_DONE:
		return on_text_done(r, tree, "refusal");
	case ARGS_DONE:
		return on_text_done(r, tree, "arguments");
	case INPUT_DONE:
		return on_text_done(r, tree, "input");
	case ANNOTATION:
		return named(r, tree) != NULL;
	case COMPLETED:
		return on_last(r, tree, "completed");
	case INCOMPLETE:
		return on_last(r, tree, "incomplete");
	case FAILED:
		return on_last(r, tree, "failed");
	}
	return false;
}

static bool on_frame(const struct sse_frame *frame, void *data) {
	struct reader *r = data;
	if (frame->is_comment) {
		return true;
	}
	const struct json *tree = json_parse(r->arena, frame->data, NULL, NULL);
	struct slice type = text_at(r, tree, "type");
	if (!tree || frame->is_cut || !slice_eq(type, frame->event)) {
		return complain(r, "a frame that is no JSON, or whose name is not its type");
	}
	if (r->has_last) {
		return complain(r, "RS-24: an event after the last one");
	}
	if (int_at(tree, "sequence_number") != r->sequence++) {
		return complain(r, "E-32: sequence_number skips");
	}
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		if (slice_is(type, events[i].type)) {
			if (!r->has_created && events[i].action != CREATED) {
				return complain(r, "RS-22: response.created does not stand first");
			}
			return act(r, events[i].action, tree);
		}
	}
	return complain(r, "unknown event");
}

const char *check_openai_responses_stream(struct slice wire, struct arena *arena) {
	struct reader *r = ARENA_NEW(arena, struct reader);
	struct sse_reader sse;
	struct error error = {0};
	*r = (struct reader){.arena = arena,
		.open_item = -1,
		.items = ARENA_ARRAY(arena, struct item, MAX_ITEMS)};
	sse_reader_init(&sse, 0);
	sse_feed(&sse, wire, on_frame, r, &error);
	sse_end(&sse, on_frame, r);
	sse_reader_finish(&sse);
	if (!r->problem && (!r->has_last || r->open_item >= 0)) {
		complain(r, "RS-24: no last event, or an item that never ended");
	}
	for (int64_t i = 0; i < r->item_count; i++) {
		buf_finish(&r->items[i].text);
	}
	return r->problem;
}
