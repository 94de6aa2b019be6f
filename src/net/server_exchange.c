/* server_exchange.c: the exchange as handlers see it: the request, and the checks every HTTP
 * version shares before it answers. */
#include <assert.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "net/server_internal.h"

struct http_exchange *http_exchange_take(
	struct http_server *server, const struct http_exchange_ops *ops, void *transport) {
	struct http_exchange *exchange = server->free_exchanges;
	if (exchange) {
		server->free_exchanges = exchange->next_free;
		server->free_exchange_count--;
	} else {
		exchange = mem_alloc(sizeof *exchange);
	}
	*exchange = (struct http_exchange){.ops = ops, .transport = transport, .server = server};
	arena_init(&exchange->arena, loop_arena_pool(server->loop), 0);
	return exchange;
}

void http_exchange_give(struct http_exchange *exchange) {
	struct http_server *server = exchange->server;
	http_body_release(&exchange->body);
	arena_finish(&exchange->arena);
	if (server->free_exchange_count >= HTTP_POOLED_MAX) {
		free(exchange);
		return;
	}
	exchange->next_free = server->free_exchanges;
	server->free_exchanges = exchange;
	server->free_exchange_count++;
}

void http_exchange_done(struct http_exchange *exchange, bool is_aborted) {
	const struct http_handler *handler = &exchange->server->handler;
	if (!exchange->is_internal && handler->on_done) {
		handler->on_done(exchange, is_aborted, handler->context);
	}
}

/* ---- the target ---- */

static bool bad_target(struct error *error) {
	return error_set(error, ERROR_INVALID_REQUEST,
		"the path of the request has a broken percent escape or a NUL");
}

static bool decode_path(struct http_exchange *exchange, struct slice raw, struct error *error) {
	exchange->request.path = raw;
	if (slice_find_byte(raw, '%') == SIZE_MAX) {
		return true;
	}
	struct buf decoded;
	buf_init(&decoded, 0);
	bool ok = percent_decode(raw, false, &decoded) &&
		  slice_find_byte(buf_slice(&decoded), '\0') == SIZE_MAX;
	if (ok) {
		exchange->request.path = arena_dup(&exchange->arena, buf_slice(&decoded));
	}
	buf_finish(&decoded);
	return ok || bad_target(error);
}

bool http_exchange_set_target(struct http_exchange *exchange, struct error *error) {
	struct http_request *request = &exchange->request;
	struct slice rest = request->target;
	size_t scheme = slice_istarts_with(rest, SLICE("http://"))    ? 7
			: slice_istarts_with(rest, SLICE("https://")) ? 8
								      : 0;
	if (scheme > 0) {
		/* RFC 9112 3.2.2: the authority of an absolute target replaces Host. */
		rest = slice_from(rest, scheme);
		size_t end = 0;
		while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?') {
			end++;
		}
		request->host = slice_sub(rest, 0, end);
		rest = slice_from(rest, end);
	}
	size_t question = slice_find_byte(rest, '?');
	if (question != SIZE_MAX) {
		request->query = slice_from(rest, question + 1);
		rest = slice_sub(rest, 0, question);
	}
	return decode_path(exchange, rest.len > 0 ? rest : SLICE("/"), error);
}

/* ---- reading ---- */

const struct http_request *http_exchange_request(const struct http_exchange *exchange) {
	return &exchange->request;
}

struct arena *http_exchange_arena(struct http_exchange *exchange) {
	return &exchange->arena;
}

void http_exchange_set_data(struct http_exchange *exchange, void *data) {
	exchange->data = data;
}

void *http_exchange_data(const struct http_exchange *exchange) {
	return exchange->data;
}

void http_exchange_release_body(struct http_exchange *exchange) {
	http_body_release(&exchange->body);
}

bool http_is_started(const struct http_exchange *exchange) {
	return exchange->state != HTTP_EXCHANGE_OPEN;
}

int http_exchange_status(const struct http_exchange *exchange) {
	return exchange->status;
}

size_t http_exchange_unsent(const struct http_exchange *exchange) {
	return exchange->ops->unsent(exchange);
}

uint64_t http_exchange_bytes_sent(const struct http_exchange *exchange) {
	uint64_t unsent = exchange->ops->unsent(exchange);
	return exchange->body_queued > unsent ? exchange->body_queued - unsent : 0;
}

bool http_exchange_has_body(const struct http_exchange *exchange) {
	return !exchange->is_head && exchange->status >= 200 && exchange->status != 204 &&
	       exchange->status != 304;
}

/* ---- answering ---- */

void http_respond(struct http_exchange *exchange, int status, const struct http_header *headers,
	size_t header_count, struct buf *body) {
	assert(exchange->state == HTTP_EXCHANGE_OPEN);
	assert(status >= 200 && status <= 999);
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		return;
	}
	exchange->status = status;
	struct buf none = {0};
	struct buf *bytes = body ? body : &none;
	exchange->body_queued = http_exchange_has_body(exchange) ? buf_total(bytes) : 0;
	exchange->ops->respond(exchange, headers, header_count, bytes);
	exchange->state = HTTP_EXCHANGE_ENDED;
}

void http_start(struct http_exchange *exchange, int status, const struct http_header *headers,
	size_t header_count) {
	assert(exchange->state == HTTP_EXCHANGE_OPEN);
	assert(status >= 200 && status <= 999);
	if (exchange->state != HTTP_EXCHANGE_OPEN) {
		return;
	}
	exchange->status = status;
	exchange->ops->start(exchange, headers, header_count);
	exchange->state = HTTP_EXCHANGE_STREAMING;
}

bool http_write(struct http_exchange *exchange, struct slice bytes) {
	if (exchange->state != HTTP_EXCHANGE_STREAMING) {
		return true;
	}
	if (bytes.len > 0 && http_exchange_has_body(exchange)) {
		exchange->body_queued += bytes.len;
		exchange->ops->write(exchange, bytes);
	}
	bool is_full = exchange->ops->unsent(exchange) > exchange->server->limits.high_water;
	exchange->wants_writable |= is_full;
	return !is_full;
}

void http_flush(struct http_exchange *exchange) {
	if (exchange->state == HTTP_EXCHANGE_STREAMING) {
		exchange->ops->flush(exchange);
	}
}

void http_end(struct http_exchange *exchange) {
	if (exchange->state == HTTP_EXCHANGE_STREAMING) {
		exchange->state = HTTP_EXCHANGE_ENDED;
		exchange->ops->end(exchange);
	}
}

void http_abort(struct http_exchange *exchange) {
	if (exchange->state == HTTP_EXCHANGE_OPEN || exchange->state == HTTP_EXCHANGE_STREAMING) {
		exchange->state = HTTP_EXCHANGE_CUT;
		exchange->ops->abort(exchange);
	}
}

void http_exchange_refuse(struct http_exchange *exchange, const struct error *error) {
	static const struct http_header headers[] = {
		{SLICE_INIT("Content-Type"), SLICE_INIT("application/json")},
	};
	const struct http_handler *handler = &exchange->server->handler;
	struct buf body;
	buf_init(&body, 0);
	if (handler->encode_head_error) {
		handler->encode_head_error(error, &body, handler->context);
	}
	http_respond(exchange, error_status(error), headers, body.len > 0, &body);
	buf_finish(&body);
}
