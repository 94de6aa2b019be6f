/* fold.c: events folded into one whole response, a response unfolded into events, and the tee. */
#include "chat/fold.h"

#define DEFAULT_MAX_BYTES ((size_t)100 * 1024 * 1024)

enum text_kind {
	TEXT_OF_PART, /* text, thinking, refusal, tool arguments */
	TEXT_CITATIONS,
	TEXT_LOGPROBS,
	TEXT_REFUSAL_LOGPROBS,
	TEXT_NATIVE_USAGE
};

/* One growing text; the response's slices point into it. */
struct chat_fold_text {
	struct chat_fold_text *next;
	enum text_kind kind;
	uint32_t candidate, part;
	struct buf bytes;
};

/* The text of that place, made when there is none; `is_new` saves the search for it, which an
 * answer of very many parts would pay for each of them. */
static struct buf *text_at(struct chat_fold *fold, enum text_kind kind, uint32_t candidate,
	uint32_t part, bool is_new) {
	struct chat_fold_text *text = is_new ? NULL : fold->texts;
	while (text != NULL &&
		!(text->kind == kind && text->candidate == candidate && text->part == part)) {
		text = text->next;
	}
	if (text == NULL) {
		text = ARENA_NEW(fold->arena, struct chat_fold_text);
		text->kind = kind;
		text->candidate = candidate;
		text->part = part;
		text->next = fold->texts;
		fold->texts = text;
		buf_init(&text->bytes, 0);
	}
	return &text->bytes;
}

static void too_large(struct chat_fold *fold) {
	if (!fold->response.has_error) {
		fold->response.has_error = true;
		error_set(&fold->response.error, ERROR_TOO_LARGE,
			"the upstream's answer is larger than %zu bytes", fold->max_bytes);
	}
}

static bool grow(struct chat_fold *fold, struct buf *to, struct slice bytes) {
	if (bytes.len > fold->max_bytes - fold->bytes) {
		too_large(fold);
		return false;
	}
	fold->bytes += bytes.len;
	return buf_append(to, bytes);
}

static struct slice keep(struct chat_fold *fold, struct slice bytes) {
	if (bytes.data == NULL) {
		return bytes;
	}
	if (bytes.len > fold->max_bytes - fold->bytes) {
		too_large(fold);
		return (struct slice){0};
	}
	fold->bytes += bytes.len;
	return arena_dup(fold->arena, bytes);
}

static struct chat_candidate *candidate_at(struct chat_fold *fold, uint32_t number) {
	struct chat_response *response = &fold->response;
	while (response->candidates.len <= number) {
		ARENA_PUSH(fold->arena, &response->candidates);
	}
	return &response->candidates.items[number];
}

/* Parts are pushed in order of their numbers (EV-2), so a number is an index. */
static struct chat_part *part_at(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_parts *parts = &candidate_at(fold, event->candidate)->parts;
	return event->part < parts->len ? &parts->items[event->part] : NULL;
}

static void on_start(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_response *response = &fold->response;
	response->id = keep(fold, event->start.id);
	response->model = keep(fold, event->start.model);
	response->created_s = event->start.created_s;
	response->service_tier = keep(fold, event->start.service_tier);
	response->fingerprint = keep(fold, event->start.fingerprint);
}

static void on_part_start(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_candidate *candidate = candidate_at(fold, event->candidate);
	struct chat_part *part =
		chat_parts_push(fold->arena, &candidate->parts, event->part_start.kind);
	struct slice data = keep(fold, event->part_start.data);
	part->text = SLICE("");
	part->provider = event->part_start.provider;
	part->is_redacted = event->part_start.is_redacted;
	part->media_type = keep(fold, event->part_start.media_type);
	part->raw_type = keep(fold, event->part_start.raw_type);
	switch (part->kind) {
	case CHAT_PART_THINKING:
		part->signature = data;
		break;
	case CHAT_PART_IMAGE:
		part->data = data;
		part->source = part->media_type.data ? CHAT_SOURCE_BASE64 : CHAT_SOURCE_URL;
		break;
	default:
		part->raw = data;
		break;
	}
}

static void on_tool_start(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_candidate *candidate = candidate_at(fold, event->candidate);
	struct chat_part *part =
		chat_parts_push(fold->arena, &candidate->parts, CHAT_PART_TOOL_CALL);
	part->call_id = keep(fold, event->tool.id);
	part->name = keep(fold, event->tool.name);
	part->tool_kind = event->tool.kind;
	part->signature = keep(fold, event->tool.signature);
	part->args = SLICE("");
}

static void on_delta(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_part *part = part_at(fold, event);
	if (part == NULL) {
		return;
	}
	struct slice *to = part->kind == CHAT_PART_TOOL_CALL ? &part->args : &part->text;
	struct buf *text = text_at(fold, TEXT_OF_PART, event->candidate, event->part, to->len == 0);
	if (grow(fold, text, event->text)) {
		*to = buf_slice(text);
	}
}

static void on_citation(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_part *part = part_at(fold, event);
	if (part == NULL) {
		return;
	}
	struct buf *list = text_at(
		fold, TEXT_CITATIONS, event->candidate, event->part, part->citations.data == NULL);
	if (list->len > 0) {
		list->len--; /* reopen the array */
	}
	if (grow(fold, list, list->len > 0 ? SLICE(",") : SLICE("[")) &&
		grow(fold, list, event->text)) {
		buf_append_byte(list, ']');
		part->citations = buf_slice(list);
	}
}

static void on_tool_end(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_part *part = part_at(fold, event);
	if (part == NULL || part->tool_kind != CHAT_TOOL_FUNCTION) {
		return;
	}
	if (slice_trim(part->args).len == 0) {
		part->args = SLICE("{}"); /* IR-10 */
	}
	part->args_valid = chat_args_are_valid(part->args);
}

static struct slice add_entries(struct chat_fold *fold, struct slice known, enum text_kind kind,
	uint32_t candidate, const struct json *entries) {
	if (!json_is(entries, JSON_ARRAY)) {
		return known;
	}
	struct buf *list = text_at(fold, kind, candidate, 0, known.data == NULL);
	json_each (entry, entries) {
		if ((list->len > 0 && !grow(fold, list, SLICE(","))) ||
			!grow(fold, list, json_raw(entry))) {
			break;
		}
	}
	return list->len > 0 ? buf_slice(list) : SLICE("");
}

static void on_logprobs(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_candidate *candidate = candidate_at(fold, event->candidate);
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	const struct json *tree = json_parse(&scratch, event->text, NULL, NULL);
	candidate->logprobs = add_entries(fold, candidate->logprobs, TEXT_LOGPROBS,
		event->candidate, json_get(tree, "content"));
	candidate->refusal_logprobs = add_entries(fold, candidate->refusal_logprobs,
		TEXT_REFUSAL_LOGPROBS, event->candidate, json_get(tree, "refusal"));
	arena_finish(&scratch);
}

static void on_usage(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_usage *usage = &fold->response.usage;
	struct slice known_tier = usage->service_tier, known_native = usage->native;
	chat_usage_merge(usage, event->usage);
	if (!slice_eq(usage->service_tier, known_tier)) {
		known_tier = keep(fold, usage->service_tier);
	}
	usage->service_tier = known_tier;
	if (event->usage->native.data != NULL) {
		/* some upstreams repeat usage in every chunk: one buffer, written over */
		struct buf *native =
			text_at(fold, TEXT_NATIVE_USAGE, 0, 0, known_native.data == NULL);
		buf_reset(native, SIZE_MAX);
		buf_append(native, event->usage->native);
		known_native = buf_slice(native);
	}
	usage->native = known_native;
}

static void on_finish(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_candidate *candidate = candidate_at(fold, event->candidate);
	candidate->is_finished = true;
	candidate->reason = event->finish.reason;
	candidate->native_reason = keep(fold, event->finish.native_reason);
	candidate->stop_sequence = keep(fold, event->finish.stop_sequence);
	candidate->detail = keep(fold, event->finish.detail);
}

static void on_signature(struct chat_fold *fold, const struct chat_event *event) {
	struct chat_part *part = part_at(fold, event);
	if (part != NULL) {
		part->signature = keep(fold, event->text);
	}
}

static void on_error(struct chat_fold *fold, const struct chat_event *event) {
	if (!fold->response.has_error) {
		fold->response.has_error = true;
		fold->response.error = *event->error.error;
	}
}

static void on_end(struct chat_fold *fold, const struct chat_event *event) {
	(void)event;
	fold->response.is_ended = true;
}

static void (*const handlers[CHAT_EVENT_TYPE_COUNT])(
	struct chat_fold *fold, const struct chat_event *event) = {
	[CHAT_EVENT_START] = on_start,
	[CHAT_EVENT_PART_START] = on_part_start,
	[CHAT_EVENT_TEXT_DELTA] = on_delta,
	[CHAT_EVENT_THINKING_DELTA] = on_delta,
	[CHAT_EVENT_REFUSAL_DELTA] = on_delta,
	[CHAT_EVENT_TOOL_ARGS_DELTA] = on_delta,
	[CHAT_EVENT_SIGNATURE] = on_signature,
	[CHAT_EVENT_CITATION] = on_citation,
	[CHAT_EVENT_TOOL_START] = on_tool_start,
	[CHAT_EVENT_TOOL_END] = on_tool_end,
	[CHAT_EVENT_LOGPROBS] = on_logprobs,
	[CHAT_EVENT_USAGE] = on_usage,
	[CHAT_EVENT_FINISH] = on_finish,
	[CHAT_EVENT_ERROR] = on_error,
	[CHAT_EVENT_END] = on_end,
};

static void fold_on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct chat_fold *fold = (struct chat_fold *)sink;
	if (handlers[event->type] != NULL) {
		handlers[event->type](fold, event);
	}
}

void chat_fold_init(struct chat_fold *fold, struct arena *arena, size_t max_bytes) {
	*fold = (struct chat_fold){.sink = {fold_on_event},
		.arena = arena,
		.max_bytes = max_bytes ? max_bytes : DEFAULT_MAX_BYTES};
	chat_usage_init(&fold->response.usage);
}

void chat_fold_finish(struct chat_fold *fold) {
	for (struct chat_fold_text *text = fold->texts; text != NULL; text = text->next) {
		buf_finish(&text->bytes);
	}
	fold->texts = NULL;
}

/* ---- unfold ---- */

static void unfold_text(struct chat_emitter *e, uint32_t number, const struct chat_part *part,
	struct arena *arena) {
	chat_emit_close(e, number);
	chat_emit_text(e, number, part->text);
	const struct json *list =
		part->citations.data ? json_parse(arena, part->citations, NULL, NULL) : NULL;
	json_each (citation, list) {
		chat_emit_citation(e, number, json_raw(citation));
	}
	if (part->signature.data != NULL) {
		chat_emit_open_signature(e, number, part->signature);
	}
	chat_emit_close(e, number);
}

static void unfold_thinking(struct chat_emitter *e, uint32_t number, const struct chat_part *part) {
	if (part->is_redacted) {
		chat_emit_redacted(e, number, part->signature, part->provider);
		return;
	}
	chat_emit_close(e, number);
	chat_emit_thinking(e, number, part->text);
	if (part->signature.data != NULL) {
		chat_emit_signature(e, number, part->signature);
	}
	chat_emit_close(e, number);
}

static void unfold_part(struct chat_emitter *e, uint32_t number, int64_t key,
	const struct chat_part *part, struct arena *arena) {
	switch (part->kind) {
	case CHAT_PART_TEXT:
		unfold_text(e, number, part, arena);
		break;
	case CHAT_PART_THINKING:
		unfold_thinking(e, number, part);
		break;
	case CHAT_PART_REFUSAL:
		chat_emit_refusal(e, number, part->text);
		break;
	case CHAT_PART_IMAGE:
		chat_emit_image(e, number, part->media_type, part->data);
		break;
	case CHAT_PART_TOOL_CALL:
		chat_emit_tool_start(e, number, key, part->call_id, part->name, part->tool_kind,
			part->signature);
		chat_emit_tool_args(e, number, key, part->args);
		chat_emit_tool_end(e, number, key);
		break;
	default:
		chat_emit_block(e, number, part->kind, part->raw_type, part->raw, part->provider);
		break;
	}
}

static void unfold_logprobs(
	struct chat_emitter *e, uint32_t number, const struct chat_candidate *candidate) {
	const struct slice lists[] = {candidate->logprobs, candidate->refusal_logprobs};
	static const char *const names[] = {"content", "refusal"};
	if (lists[0].data == NULL && lists[1].data == NULL) {
		return;
	}
	struct buf text;
	struct json_writer w;
	buf_init(&text, 0);
	json_writer_init(&w, &text, false);
	json_begin_object(&w);
	for (size_t i = 0; i < 2; i++) {
		json_write_key(&w, names[i]);
		if (lists[i].data == NULL) {
			json_write_null(&w);
		} else {
			json_begin_array(&w);
			if (lists[i].len > 0) {
				json_write_raw(&w, lists[i]);
			}
			json_end_array(&w);
		}
	}
	json_end_object(&w);
	chat_emit_logprobs(e, number, buf_slice(&text));
	buf_finish(&text);
}

void chat_unfold(
	const struct chat_response *response, struct chat_sink *sink, struct arena *arena) {
	struct chat_emitter e;
	chat_emitter_init(&e, sink, arena);
	chat_emit_start(&e, response->id, response->model, response->created_s,
		response->service_tier, response->fingerprint);
	for (uint32_t i = 0; i < response->candidates.len; i++) {
		const struct chat_candidate *candidate = &response->candidates.items[i];
		unfold_logprobs(&e, i, candidate);
		for (size_t p = 0; p < candidate->parts.len; p++) {
			unfold_part(&e, i, (int64_t)p, &candidate->parts.items[p], arena);
		}
	}
	if (chat_usage_is_known(&response->usage)) {
		chat_emit_usage(&e, &response->usage);
	}
	for (uint32_t i = 0; i < response->candidates.len; i++) {
		const struct chat_candidate *candidate = &response->candidates.items[i];
		if (candidate->is_finished) {
			chat_emit_finish(&e, i, candidate->reason, candidate->native_reason,
				candidate->stop_sequence, candidate->detail);
		}
	}
	if (response->has_error) {
		chat_emit_error(&e, &response->error, false);
	}
	chat_emit_end(&e);
}

/* ---- tee ---- */

static void tee_on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct chat_tee *tee = (struct chat_tee *)sink;
	chat_sink_send(tee->first, event);
	chat_sink_send(tee->second, event);
}

void chat_tee_init(struct chat_tee *tee, struct chat_sink *first, struct chat_sink *second) {
	*tee = (struct chat_tee){.sink = {tee_on_event}, .first = first, .second = second};
}
