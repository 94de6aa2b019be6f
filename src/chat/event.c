/* event.c: names of events and reasons, merging of usage, events as JSON for people and tests. */
#include "chat/event.h"

static const char *const event_names[CHAT_EVENT_TYPE_COUNT] = {
	[CHAT_EVENT_START] = "start",
	[CHAT_EVENT_PART_START] = "part_start",
	[CHAT_EVENT_TEXT_DELTA] = "text_delta",
	[CHAT_EVENT_THINKING_DELTA] = "thinking_delta",
	[CHAT_EVENT_SIGNATURE] = "signature",
	[CHAT_EVENT_REFUSAL_DELTA] = "refusal_delta",
	[CHAT_EVENT_CITATION] = "citation",
	[CHAT_EVENT_PART_END] = "part_end",
	[CHAT_EVENT_TOOL_START] = "tool_start",
	[CHAT_EVENT_TOOL_ARGS_DELTA] = "tool_args_delta",
	[CHAT_EVENT_TOOL_END] = "tool_end",
	[CHAT_EVENT_LOGPROBS] = "logprobs",
	[CHAT_EVENT_USAGE] = "usage",
	[CHAT_EVENT_FINISH] = "finish",
	[CHAT_EVENT_ERROR] = "error",
	[CHAT_EVENT_PING] = "ping",
	[CHAT_EVENT_WIRE] = "wire",
	[CHAT_EVENT_END] = "end",
};

static const char *const finish_names[CHAT_FINISH_COUNT] = {
	[CHAT_FINISH_STOP] = "stop",
	[CHAT_FINISH_STOP_SEQUENCE] = "stop_sequence",
	[CHAT_FINISH_LENGTH] = "length",
	[CHAT_FINISH_TOOL_CALLS] = "tool_calls",
	[CHAT_FINISH_CONTENT_FILTER] = "content_filter",
	[CHAT_FINISH_REFUSAL] = "refusal",
	[CHAT_FINISH_PAUSE] = "pause",
	[CHAT_FINISH_OTHER] = "other",
};

static const char *const part_names[] = {
	[CHAT_PART_TEXT] = "text",
	[CHAT_PART_IMAGE] = "image",
	[CHAT_PART_AUDIO] = "audio",
	[CHAT_PART_VIDEO] = "video",
	[CHAT_PART_FILE] = "file",
	[CHAT_PART_SEARCH_RESULT] = "search_result",
	[CHAT_PART_TOOL_CALL] = "tool_call",
	[CHAT_PART_TOOL_RESULT] = "tool_result",
	[CHAT_PART_THINKING] = "thinking",
	[CHAT_PART_REFUSAL] = "refusal",
	[CHAT_PART_SERVER_TOOL] = "server_tool",
	[CHAT_PART_RAW] = "raw",
};

/* The counts of usage by name; merging, the known test and printing read this table. */
#define COUNT(field)                                                                               \
	{ #field, offsetof(struct chat_usage, field) }
static const struct {
	const char *name;
	size_t offset;
} usage_counts[] = {
	COUNT(input_uncached),
	COUNT(cache_read),
	COUNT(cache_write),
	COUNT(cache_write_5m),
	COUNT(cache_write_1h),
	COUNT(output_total),
	COUNT(reasoning),
	COUNT(tool_use_prompt),
	COUNT(audio_in),
	COUNT(audio_out),
	COUNT(accepted_prediction),
	COUNT(rejected_prediction),
	COUNT(web_searches),
	COUNT(web_fetches),
	COUNT(total_ns),
	COUNT(load_ns),
	COUNT(prompt_ns),
	COUNT(eval_ns),
};
#define COUNTS (sizeof usage_counts / sizeof *usage_counts)

static int64_t *count_of(struct chat_usage *usage, size_t i) {
	return (int64_t *)(void *)((char *)usage + usage_counts[i].offset);
}

static int64_t count_get(const struct chat_usage *usage, size_t i) {
	return *(const int64_t *)(const void *)((const char *)usage + usage_counts[i].offset);
}

const char *chat_event_name(enum chat_event_type type) {
	return event_names[type];
}

const char *chat_finish_name(enum chat_finish_reason reason) {
	return finish_names[reason];
}

void chat_usage_init(struct chat_usage *usage) {
	*usage = (struct chat_usage){0};
	for (size_t i = 0; i < COUNTS; i++) {
		*count_of(usage, i) = -1;
	}
}

void chat_usage_merge(struct chat_usage *usage, const struct chat_usage *newer) {
	for (size_t i = 0; i < COUNTS; i++) {
		int64_t value = count_get(newer, i);
		if (value >= 0) {
			*count_of(usage, i) = value;
		}
	}
	if (newer->native.data != NULL) {
		usage->native = newer->native;
	}
	if (newer->service_tier.data != NULL) {
		usage->service_tier = newer->service_tier;
	}
	if (chat_usage_is_known(newer)) {
		usage->is_estimated = newer->is_estimated;
	}
}

void chat_usage_add(struct chat_usage *sum, const struct chat_usage *more) {
	for (size_t i = 0; i < COUNTS; i++) {
		int64_t value = count_get(more, i), so_far = count_get(sum, i);
		if (value >= 0) {
			*count_of(sum, i) = so_far >= 0 ? so_far + value : value;
		}
	}
	sum->is_estimated |= more->is_estimated;
}

int64_t chat_usage_input_total(const struct chat_usage *usage) {
	const int64_t fields[] = {usage->input_uncached, usage->cache_read, usage->cache_write,
		usage->tool_use_prompt};
	int64_t total = -1;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i] >= 0) {
			int64_t sum = total < 0 ? 0 : total;
			total = fields[i] > INT64_MAX - sum ? INT64_MAX : sum + fields[i];
		}
	}
	return total;
}

bool chat_usage_is_known(const struct chat_usage *usage) {
	for (size_t i = 0; i < COUNTS; i++) {
		if (count_get(usage, i) >= 0) {
			return true;
		}
	}
	return false;
}

static void put_known(struct json_writer *w, const char *key, struct slice text) {
	if (text.data != NULL) {
		json_put_string(w, key, text);
	}
}

static void write_part_start(struct json_writer *w, const struct chat_event *event) {
	json_put_cstr(w, "kind", part_names[event->part_start.kind]);
	if (event->part_start.is_redacted) {
		json_put_bool(w, "redacted", true);
	}
	put_known(w, "data", event->part_start.data);
	put_known(w, "media_type", event->part_start.media_type);
	put_known(w, "raw_type", event->part_start.raw_type);
}

static void write_usage(struct json_writer *w, const struct chat_usage *usage) {
	for (size_t i = 0; i < COUNTS; i++) {
		if (count_get(usage, i) >= 0) {
			json_put_int(w, usage_counts[i].name, count_get(usage, i));
		}
	}
	put_known(w, "service_tier", usage->service_tier);
	if (usage->is_estimated) {
		json_put_bool(w, "estimated", true);
	}
}

static void write_fields(struct json_writer *w, const struct chat_event *event) {
	switch (event->type) {
	case CHAT_EVENT_START:
		put_known(w, "id", event->start.id);
		put_known(w, "model", event->start.model);
		if (event->start.created_s != 0) {
			json_put_int(w, "created", event->start.created_s);
		}
		put_known(w, "service_tier", event->start.service_tier);
		put_known(w, "fingerprint", event->start.fingerprint);
		break;
	case CHAT_EVENT_PART_START:
		write_part_start(w, event);
		break;
	case CHAT_EVENT_TOOL_START:
		json_put_int(w, "index", event->tool.index);
		put_known(w, "id", event->tool.id);
		put_known(w, "name", event->tool.name);
		if (event->tool.kind == CHAT_TOOL_CUSTOM) {
			json_put_cstr(w, "kind", "custom");
		}
		put_known(w, "signature", event->tool.signature);
		break;
	case CHAT_EVENT_USAGE:
		write_usage(w, event->usage);
		break;
	case CHAT_EVENT_FINISH:
		json_put_cstr(w, "reason", chat_finish_name(event->finish.reason));
		put_known(w, "native_reason", event->finish.native_reason);
		put_known(w, "stop_sequence", event->finish.stop_sequence);
		put_known(w, "detail", event->finish.detail);
		break;
	case CHAT_EVENT_ERROR:
		json_put_cstr(w, "kind", error_kind_info(event->error.error->kind)->name);
		json_put_cstr(w, "message", event->error.error->message);
		if (event->error.is_on_wire) {
			json_put_bool(w, "on_wire", true);
		}
		break;
	default:
		put_known(w, "text", event->text);
		break;
	}
}

static bool has_candidate(enum chat_event_type type) {
	return type != CHAT_EVENT_START && type != CHAT_EVENT_USAGE && type != CHAT_EVENT_ERROR &&
	       type != CHAT_EVENT_PING && type != CHAT_EVENT_WIRE && type != CHAT_EVENT_END;
}

void chat_event_to_json(const struct chat_event *event, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "event", chat_event_name(event->type));
	if (has_candidate(event->type)) {
		json_put_int(&w, "candidate", event->candidate);
		if (event->type != CHAT_EVENT_FINISH && event->type != CHAT_EVENT_LOGPROBS) {
			json_put_int(&w, "part", event->part);
		}
	}
	write_fields(&w, event);
	json_end_object(&w);
}
