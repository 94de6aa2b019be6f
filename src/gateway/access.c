/* access.c: one log line per request (gateway.md 10). Never bodies, queries or keys. */
#include <stdio.h>

#include "base/clock.h"
#include "gateway/gateway_internal.h"

#define STATUS_CLIENT_GONE 499
#define FIELDS_MAX 20
#define PATH_MAX_SHOWN 200

struct line {
	struct log_field fields[FIELDS_MAX];
	size_t count;
};

static void add_text(struct line *line, const char *name, struct slice text) {
	if (text.len > 0 && line->count < FIELDS_MAX) {
		line->fields[line->count++] = LOG_TEXT_FIELD(name, text);
	}
}

/* Negative: not known. */
static void add_int(struct line *line, const char *name, int64_t number) {
	if (number >= 0 && line->count < FIELDS_MAX) {
		line->fields[line->count++] = LOG_INT_FIELD(name, number);
	}
}

static void add_time(struct line *line, const char *name, uint64_t from_ns, uint64_t to_ns) {
	if (to_ns >= from_ns && line->count < FIELDS_MAX) {
		line->fields[line->count++] =
			LOG_MS_FIELD(name, (int64_t)((to_ns - from_ns) / 1000));
	}
}

static void add_report(struct line *line, const struct gateway_call *call) {
	const struct mux_report *report = mux_call_report(call->mux_call);
	add_text(line, "backend", slice_of(report->backend));
	add_text(line, "account", slice_of(report->account));
	if (!slice_eq(report->upstream_model, call->model)) {
		add_text(line, "upstream_model", report->upstream_model);
	}
	add_int(line, "attempts", report->attempts);
	add_int(line, "in", chat_usage_input_total(&report->usage));
	add_int(line, "out", report->usage.output_total);
	add_int(line, "cached", report->usage.cache_read);
	if (report->first_event_ns > 0) {
		add_time(line, "first_ms", call->http->received_ns, report->first_event_ns);
	}
}

/* The kind and where, not the message: it may quote what the client wrote. */
static void add_error(struct line *line, const struct gateway_call *call) {
	if (call->error) {
		add_text(line, "error", slice_of(error_kind_info(call->error->kind)->name));
		add_text(line, "where", slice_of(call->error->where));
	}
}

static enum log_level level_of(const struct gateway_call *call, int status) {
	if (call->route && call->route->is_open) {
		return LOG_DEBUG; /* probes */
	}
	if (status >= 500) {
		return LOG_ERROR;
	}
	return status >= 400 || call->error ? LOG_WARN : LOG_INFO;
}

void gateway_log_access(struct gateway_call *call, bool is_aborted) {
	struct log *log = call->gateway->log;
	int status = is_aborted ? STATUS_CLIENT_GONE : http_exchange_status(call->exchange);
	enum log_level level = level_of(call, status);
	if (!log_enabled(log, level)) {
		return;
	}
	struct line line = {.count = 0};
	add_int(&line, "status", status);
	add_text(&line, "model", call->model);
	if (call->mux_call) {
		add_report(&line, call);
	}
	add_error(&line, call);
	add_time(&line, "total_ms", call->http->received_ns, clock_monotonic_ns());
	add_int(&line, "bytes", (int64_t)http_exchange_bytes_sent(call->exchange));
	add_text(&line, "peer", call->http->peer);
	add_text(&line, "id", call->request_id);

	char message[PATH_MAX_SHOWN + 24];
	struct slice method = call->http->method, path = call->http->path;
	int len = snprintf(message, sizeof message, "%.*s %.*s%s",
		(int)(method.len < 16 ? method.len : 16), method.data,
		(int)(path.len < PATH_MAX_SHOWN ? path.len : PATH_MAX_SHOWN), path.data,
		path.len > PATH_MAX_SHOWN ? "..." : "");
	log_record(log, level, slice_make(message, (size_t)len), line.fields, line.count);
	if (call->error && log_enabled(log, LOG_DEBUG)) {
		log_debug(log, "%.*s: %s", SLICE_FMT(call->request_id), call->error->message);
	}
}
