/* client_answer.c: the answer of a call as libcurl gives it: head lines and body bytes. */
#include <stdlib.h>

#include "net/client_internal.h"

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static void read_status_line(struct client_call *call, struct slice line) {
	struct slice rest = line, version, status;
	slice_split(&rest, ' ', &version);
	if (!rest.data || !slice_split(&rest, ' ', &status)) {
		return;
	}
	uint64_t number = 0;
	slice_to_uint64(slice_trim(status), &number);
	call->status = number <= 999 ? (int)number : 0;
	call->http_version = slice_is(version, "HTTP/1.0")                 ? 10
			     : slice_starts_with(version, SLICE("HTTP/2")) ? 20
									   : 11;
}

static struct http_header *push_header(struct http_headers *headers) {
	return VEC_PUSH(headers);
}

static void read_head_lines(struct client_call *call) {
	struct slice rest = buf_slice(&call->head), line;
	call->headers.len = 0;
	slice_split(&rest, '\n', &line);
	while (slice_split(&rest, '\n', &line)) {
		size_t colon = slice_find_byte(line, ':');
		if (colon == SIZE_MAX || line.data[0] == ' ' || line.data[0] == '\t') {
			continue; /* the empty line, or a folded one */
		}
		*push_header(&call->headers) = (struct http_header){
			.name = slice_trim(slice_sub(line, 0, colon)),
			.value = slice_trim(slice_from(line, colon + 1)),
		};
	}
}

size_t call_on_header(char *bytes, size_t size, size_t count, void *user) {
	struct client_call *call = user;
	struct slice line = slice_make(bytes, size * count);
	call->heard_ms = loop_now_ms(call->client->loop);
	if (!call_is_live(call)) {
		return 0;
	}
	if (call->has_head) {
		return line.len; /* a trailer */
	}
	if (slice_starts_with(line, SLICE("HTTP/"))) {
		buf_reset(&call->head, CLIENT_HEAD_KEEP);
		read_status_line(call, line);
	}
	if (call->head.len + line.len > call->max_header_bytes) {
		call->failure = CALL_FAILURE_HEAD;
		return 0;
	}
	buf_append(&call->head, line);
	if (!slice_is(line, "\r\n") && !slice_is(line, "\n")) {
		return line.len;
	}
	if (call->status >= 200) {
		call->has_head = true;
		read_head_lines(call);
		h1_drop_coding(&call->headers); /* libcurl decodes the body */
		call->handler.on_headers(call, call->status, &call->headers, call->data);
		call_timer_arm(call);
	}
	return call_is_live(call) ? line.len : 0;
}

static size_t hold(struct client_call *call, struct slice bytes) {
	if (call->held.len + bytes.len > CLIENT_HELD_MAX) {
		call->failure = CALL_FAILURE_BEHIND;
		return 0;
	}
	buf_append(&call->held, bytes);
	return bytes.len;
}

size_t call_on_body(char *bytes, size_t size, size_t count, void *user) {
	struct client_call *call = user;
	struct slice chunk = slice_make(bytes, size * count);
	if (!call_is_live(call)) {
		return 0;
	}
	call->heard_ms = loop_now_ms(call->client->loop);
	if (call->is_paused && call->http_version < 20) {
		call->is_stopped = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	call->body_bytes += chunk.len;
	/* A paused stream of h2 would stop its whole connection. */
	if (call->is_paused || call->held.len > 0) {
		return hold(call, chunk);
	}
	call->handler.on_data(call, chunk, call->data);
	return call_is_live(call) ? chunk.len : 0;
}

void call_give_held(struct client_call *call) {
	struct buf held = call->held;
	if (held.len == 0) {
		return;
	}
	call->held = (struct buf){0};
	call->handler.on_data(call, buf_slice(&held), call->data);
	buf_finish(&held);
}
