/* reply.c: heads of answers, whole answers and errors, in the family of the path (gateway.md 3.6).
 */
#include <stdio.h>

#include "base/random.h"
#include "gateway/gateway_internal.h"

#define JSON_TYPE SLICE("application/json")
#define LOSSES_MAX 512

/* ---- the id of a request ---- */

static bool is_sane_id(struct slice id) {
	if (id.len == 0 || id.len > GATEWAY_REQUEST_ID_MAX) {
		return false;
	}
	for (size_t i = 0; i < id.len; i++) {
		unsigned char c = (unsigned char)id.data[i];
		bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		if (!is_alnum && c != '.' && c != '_' && c != '-') {
			return false;
		}
	}
	return true;
}

struct slice gateway_request_id(struct arena *arena, const struct http_headers *headers) {
	struct slice given = http_headers_get(headers, "x-request-id");
	if (is_sane_id(given)) {
		return given;
	}
	char *made = arena_alloc(arena, 4 + 24 + 1);
	random_id(made, "req_", 24);
	return slice_of(made);
}

/* ---- heads ---- */

void gateway_headers_add(struct gateway_headers *headers, struct slice name, struct slice value) {
	if (headers->count < GATEWAY_MAX_HEADERS) {
		headers->items[headers->count++] = (struct http_header){name, value};
	}
}

static void add_cors(struct gateway_headers *headers, const struct gateway_call *call) {
	gateway_headers_add(headers, SLICE("Access-Control-Allow-Origin"),
		http_headers_get(&call->http->headers, "origin"));
	gateway_headers_add(headers, SLICE("Vary"), SLICE("Origin"));
	gateway_headers_add(headers, SLICE("Access-Control-Expose-Headers"),
		SLICE("x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, "
		      "x-llm-mux-dropped, x-llm-mux-altered, x-llm-mux-estimated"));
}

void gateway_headers_init(struct gateway_headers *headers, const struct gateway_call *call,
	struct slice content_type) {
	headers->count = 0;
	if (content_type.len > 0) {
		gateway_headers_add(headers, SLICE("Content-Type"), content_type);
	}
	gateway_headers_add(headers, SLICE("X-Request-Id"), call->request_id);
	if (call->family == FAMILY_ANTHROPIC) {
		gateway_headers_add(headers, SLICE("request-id"), call->request_id); /* RT-6 */
	}
	if (call->origin == GATEWAY_ORIGIN_ALLOWED) {
		add_cors(headers, call);
	}
}

/* The same field may be lost by several rules. */
static bool was_listed(const struct chat_losses *losses, size_t at) {
	const struct chat_loss *loss = &losses->items[at];
	for (size_t i = 0; i < at; i++) {
		if (losses->items[i].is_altered == loss->is_altered &&
			strcmp(losses->items[i].field, loss->field) == 0) {
			return true;
		}
	}
	return false;
}

/* A name the client made up may hold what no header can. */
static void append_field(struct buf *text, const char *field) {
	for (; *field; field++) {
		bool is_plain = *field > ' ' && *field <= '~' && *field != ',';
		buf_append_byte(text, is_plain ? *field : '?');
	}
}

/* "presence_penalty, seed", or "a, b, +7 more": a head has to stay small. */
static struct slice list_losses(
	struct arena *arena, const struct chat_losses *losses, bool is_altered) {
	struct buf text;
	buf_init(&text, 0);
	size_t left = 0;
	for (size_t i = 0; i < losses->len; i++) {
		const struct chat_loss *loss = &losses->items[i];
		if (loss->is_altered != is_altered || was_listed(losses, i)) {
			continue;
		}
		if (text.len + strlen(loss->field) > LOSSES_MAX) {
			left++;
			continue;
		}
		buf_append_str(&text, text.len ? ", " : "");
		append_field(&text, loss->field);
	}
	if (left > 0) {
		buf_printf(&text, "%s+%zu more", text.len ? ", " : "", left);
	}
	struct slice list = text.len ? arena_dup(arena, buf_slice(&text)) : (struct slice){0};
	buf_finish(&text);
	return list;
}

static void add_returned(struct gateway_headers *headers, const struct mux_report *report) {
	for (size_t i = 0; i < report->returned.len; i++) {
		gateway_headers_add(
			headers, report->returned.items[i].name, report->returned.items[i].value);
	}
}

void gateway_headers_add_report(struct gateway_headers *headers, const struct gateway_call *call) {
	const struct mux_report *report = mux_call_report(call->mux_call);
	add_returned(headers, report);
	if (report->losses && report->losses->len > 0) {
		struct slice dropped = list_losses(call->arena, report->losses, false);
		struct slice altered = list_losses(call->arena, report->losses, true);
		if (dropped.len > 0) {
			gateway_headers_add(headers, SLICE("X-LLM-Mux-Dropped"), dropped);
		}
		if (altered.len > 0) {
			gateway_headers_add(headers, SLICE("X-LLM-Mux-Altered"), altered);
		}
	}
	if (report->is_estimated_count) {
		gateway_headers_add(headers, SLICE("X-LLM-Mux-Estimated"), SLICE("true"));
	}
}

/* ---- whole answers ---- */

void gateway_reply(
	struct gateway_call *call, int status, struct slice content_type, struct buf *body) {
	struct gateway_headers headers;
	gateway_headers_init(&headers, call, content_type);
	if (call->mux_call) {
		gateway_headers_add_report(&headers, call);
	}
	http_respond(call->exchange, status, headers.items, headers.count, body);
}

void gateway_reply_json(struct gateway_call *call, int status, const char *json) {
	struct buf body = {0};
	buf_append_str(&body, json);
	gateway_reply(call, status, JSON_TYPE, &body);
	buf_finish(&body);
}

void gateway_reply_options(struct gateway_call *call) {
	struct gateway_headers headers;
	gateway_headers_init(&headers, call, (struct slice){0});
	gateway_headers_add(&headers, SLICE("Allow"), slice_of(call->allow));
	struct slice wanted =
		http_headers_get(&call->http->headers, "access-control-request-headers");
	if (call->origin == GATEWAY_ORIGIN_ALLOWED) {
		gateway_headers_add(
			&headers, SLICE("Access-Control-Allow-Methods"), slice_of(call->allow));
		gateway_headers_add(&headers, SLICE("Access-Control-Max-Age"), SLICE("600"));
		if (wanted.len > 0) {
			gateway_headers_add(
				&headers, SLICE("Access-Control-Allow-Headers"), wanted);
		}
	}
	http_respond(call->exchange, 204, headers.items, headers.count, NULL);
}

/* ---- errors ---- */

/* Both official SDKs read them: seconds for everyone, milliseconds for those who can (RT-6). */
static void add_retry(struct gateway_headers *headers, const struct error *error, char seconds[24],
	char milliseconds[24]) {
	if (error->retry_after_ms >= 0) {
		long long ms = error->retry_after_ms;
		snprintf(seconds, 24, "%lld", (ms + 999) / 1000);
		snprintf(milliseconds, 24, "%lld", ms);
		gateway_headers_add(headers, SLICE("Retry-After"), slice_of(seconds));
		gateway_headers_add(headers, SLICE("Retry-After-Ms"), slice_of(milliseconds));
	}
	if (error->retry_hint != 0) {
		gateway_headers_add(headers, SLICE("X-Should-Retry"),
			error->retry_hint > 0 ? SLICE("true") : SLICE("false"));
	}
}

void gateway_fail(struct gateway_call *call, const struct error *error) {
	if (!call->error) {
		call->error = ARENA_NEW(call->arena, struct error);
	}
	if (call->error != error) {
		*call->error = *error;
	}
	struct gateway_headers headers;
	char seconds[24], milliseconds[24];
	gateway_headers_init(&headers, call, JSON_TYPE);
	add_retry(&headers, error, seconds, milliseconds);
	if (call->mux_call) {
		add_returned(&headers, mux_call_report(call->mux_call));
	}
	if (error->kind == ERROR_AUTHENTICATION) {
		gateway_headers_add(&headers, SLICE("WWW-Authenticate"), SLICE("Bearer"));
	}
	if (call->allow) {
		gateway_headers_add(&headers, SLICE("Allow"), slice_of(call->allow));
	}
	if (error->http_status == 426) {
		gateway_headers_add(&headers, SLICE("Upgrade"), SLICE("websocket"));
		gateway_headers_add(&headers, SLICE("Sec-WebSocket-Version"), SLICE("13"));
	}
	struct buf body = {0};
	format_encode_error(call->family, error, call->request_id, &body);
	http_respond(call->exchange, format_error_status(call->family, error), headers.items,
		headers.count, &body);
	buf_finish(&body);
}
