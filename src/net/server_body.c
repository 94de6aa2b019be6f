/* server_body.c: one request body: into an exact buffer when its length is known, growing
 * otherwise, inflated on the way when it is compressed. */
#include <stdlib.h>

#include "base/mem.h"
#include "net/server_internal.h"

/* Bodies up to this size live in the exchange's arena. */
#define SMALL_BODY 4096
#define INFLATE_STEP ((size_t)32 * 1024)

static bool too_large(size_t limit, struct error *error) {
	return error_set(
		error, ERROR_TOO_LARGE, "the request body is larger than %zu bytes", limit);
}

static bool broken(struct error *error, const char *message) {
	return error_set(error, ERROR_INVALID_REQUEST, "the compressed request body %s", message);
}

static bool choose_coding(
	struct http_body *body, const struct http_headers *headers, struct error *error) {
	struct slice value = http_headers_get(headers, "content-encoding");
	if (value.len == 0) {
		return true;
	}
	if (http_headers_count(headers, "content-encoding") == 1 &&
		inflate_find_coding(value, &body->inflater.coding)) {
		return true;
	}
	error_set(error, ERROR_INVALID_REQUEST,
		"Content-Encoding \"%.*s\" is not understood; gzip, deflate and identity are",
		SLICE_FMT(slice_sub(value, 0, 64)));
	if (error) {
		error->http_status = 415;
	}
	return false;
}

bool http_body_begin(struct http_body *body, struct arena *arena,
	const struct http_headers *headers, int64_t content_length,
	const struct http_server_limits *limits, struct error *error) {
	if (!choose_coding(body, headers, error)) {
		return false;
	}
	body->limit = limits->body_bytes;
	body->decoded_limit = limits->decoded_bytes;
	/* what is not compressed is its own decoded form */
	if (body->inflater.coding == INFLATE_IDENTITY && body->limit > body->decoded_limit) {
		body->limit = body->decoded_limit;
	}
	if (content_length > 0 && (uint64_t)content_length > body->limit) {
		return too_large(body->limit, error);
	}
	if (content_length > 0 && body->inflater.coding == INFLATE_IDENTITY) {
		body->exact_size = (size_t)content_length;
		body->is_exact_owned = body->exact_size > SMALL_BODY;
		body->exact = body->is_exact_owned ? mem_alloc(body->exact_size)
						   : arena_alloc(arena, body->exact_size);
	}
	return true;
}

char *http_body_space(const struct http_body *body, size_t *room) {
	if (!body->exact) {
		return NULL;
	}
	*room = body->exact_size - body->exact_len;
	return body->exact + body->exact_len;
}

void http_body_filled(struct http_body *body, size_t count) {
	body->exact_len += count;
}

static bool inflate_bytes(struct http_body *body, struct slice bytes, struct error *error) {
	struct inflater *inflater = &body->inflater;
	while (bytes.len > 0 || inflater->is_full) {
		const char *problem;
		size_t made;
		char *room = buf_reserve(&body->grown, INFLATE_STEP);
		if (!inflater_step(inflater, &bytes, room, INFLATE_STEP, &made, &problem)) {
			return broken(error, problem);
		}
		buf_commit(&body->grown, made);
		/* After each step, not at the end: a bomb is stopped one step beyond the limit. */
		if (body->grown.len > body->decoded_limit) {
			return too_large(body->decoded_limit, error);
		}
	}
	return true;
}

bool http_body_feed(struct http_body *body, struct slice bytes, struct error *error) {
	if (bytes.len == 0) {
		return true;
	}
	if (body->exact) {
		memcpy(body->exact + body->exact_len, bytes.data, bytes.len);
		body->exact_len += bytes.len;
		return true;
	}
	if (body->inflater.coding == INFLATE_IDENTITY) {
		if (bytes.len > body->limit - body->grown.len) {
			return too_large(body->limit, error);
		}
		return buf_append(&body->grown, bytes);
	}
	/* empty members of a gzip file inflate to nothing, for ever */
	body->received += bytes.len;
	if (body->received > body->limit) {
		return too_large(body->limit, error);
	}
	return inflate_bytes(body, bytes, error);
}

bool http_body_end(struct http_body *body, struct error *error) {
	bool is_whole = inflater_ended_well(&body->inflater);
	inflater_finish(&body->inflater);
	return is_whole || broken(error, "is cut short");
}

struct slice http_body_bytes(const struct http_body *body) {
	return body->exact ? slice_make(body->exact, body->exact_len) : buf_slice(&body->grown);
}

void http_body_release(struct http_body *body) {
	inflater_finish(&body->inflater);
	if (body->is_exact_owned) {
		free(body->exact);
	}
	body->exact = NULL;
	body->exact_len = body->exact_size = 0;
	body->is_exact_owned = false;
	buf_finish(&body->grown);
}
