/* server_body.c: one request body: into an exact buffer when its length is known, growing
 * otherwise, inflated on the way when it is compressed. */
#include <stdlib.h>

#include <zlib.h>

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
	static const struct {
		struct slice name;
		enum http_body_coding coding;
	} codings[] = {
		{SLICE_INIT("identity"), HTTP_BODY_IDENTITY},
		{SLICE_INIT("gzip"), HTTP_BODY_GZIP},
		{SLICE_INIT("x-gzip"), HTTP_BODY_GZIP},
		{SLICE_INIT("deflate"), HTTP_BODY_DEFLATE},
	};
	struct slice value = http_headers_get(headers, "content-encoding");
	if (value.len == 0) {
		return true;
	}
	if (http_headers_count(headers, "content-encoding") == 1) {
		for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
			if (slice_ieq(value, codings[i].name)) {
				body->coding = codings[i].coding;
				return true;
			}
		}
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
	if (body->coding == HTTP_BODY_IDENTITY && body->limit > body->decoded_limit) {
		body->limit = body->decoded_limit;
	}
	if (content_length > 0 && (uint64_t)content_length > body->limit) {
		return too_large(body->limit, error);
	}
	if (content_length > 0 && body->coding == HTTP_BODY_IDENTITY) {
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

static bool start_inflater(struct http_body *body, int window_bits) {
	body->inflater = mem_calloc(1, sizeof *body->inflater);
	if (inflateInit2(body->inflater, window_bits) != Z_OK) {
		mem_exhausted(sizeof *body->inflater);
	}
	return true;
}

/* The next member of a gzip file may follow the first (RFC 1952 2.2); nothing may follow zlib. */
static bool next_member(struct http_body *body, struct error *error) {
	if (body->coding != HTTP_BODY_GZIP || inflateReset(body->inflater) != Z_OK) {
		return broken(error, "is followed by other bytes");
	}
	body->is_inflated = false;
	return true;
}

static bool inflate_bytes(struct http_body *body, struct slice bytes, struct error *error) {
	z_stream *z = body->inflater;
	z->next_in = (Bytef *)(uintptr_t)bytes.data;
	z->avail_in = (uInt)bytes.len;
	bool is_full = false; /* the last call filled its room: there may be more to come out */
	while (z->avail_in > 0 || is_full) {
		if (body->is_inflated && !next_member(body, error)) {
			return false;
		}
		z->next_out = (Bytef *)buf_reserve(&body->grown, INFLATE_STEP);
		z->avail_out = (uInt)INFLATE_STEP;
		int result = inflate(z, Z_NO_FLUSH);
		buf_commit(&body->grown, INFLATE_STEP - z->avail_out);
		/* After each step, not at the end: a bomb is stopped one step beyond the limit. */
		if (body->grown.len > body->decoded_limit) {
			return too_large(body->decoded_limit, error);
		}
		if (result == Z_STREAM_END) {
			body->is_inflated = true;
		} else if (result != Z_OK && result != Z_BUF_ERROR) {
			return broken(error, "is damaged");
		}
		is_full = z->avail_out == 0 && !body->is_inflated;
	}
	return true;
}

/* Servers and clients disagree about "deflate": most send zlib (RFC 9110 8.4.1.2), some raw. */
static bool feed_deflate_start(struct http_body *body, struct slice *bytes, struct error *error) {
	while (body->prefix_len < 2 && bytes->len > 0) {
		body->prefix[body->prefix_len++] = (uint8_t)bytes->data[0];
		*bytes = slice_from(*bytes, 1);
	}
	if (body->prefix_len < 2) {
		return true;
	}
	unsigned first = body->prefix[0], second = body->prefix[1];
	bool is_zlib = (first & 0x0f) == 8 && first >> 4 <= 7 && (first << 8 | second) % 31 == 0;
	start_inflater(body, is_zlib ? MAX_WBITS : -MAX_WBITS);
	return inflate_bytes(body, slice_make((const char *)body->prefix, 2), error);
}

bool http_body_feed(struct http_body *body, struct slice bytes, struct error *error) {
	if (bytes.len == 0) {
		return true;
	}
	body->has_bytes = true;
	if (body->exact) {
		memcpy(body->exact + body->exact_len, bytes.data, bytes.len);
		body->exact_len += bytes.len;
		return true;
	}
	if (body->coding == HTTP_BODY_IDENTITY) {
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
	if (!body->inflater && body->coding == HTTP_BODY_GZIP) {
		start_inflater(body, MAX_WBITS + 16);
	}
	if (!body->inflater && !feed_deflate_start(body, &bytes, error)) {
		return false;
	}
	return bytes.len == 0 || inflate_bytes(body, bytes, error);
}

static void end_inflater(struct http_body *body) {
	if (body->inflater) {
		inflateEnd(body->inflater);
		free(body->inflater);
		body->inflater = NULL;
	}
}

bool http_body_end(struct http_body *body, struct error *error) {
	end_inflater(body);
	if (body->coding != HTTP_BODY_IDENTITY && body->has_bytes && !body->is_inflated) {
		return broken(error, "is cut short");
	}
	return true;
}

struct slice http_body_bytes(const struct http_body *body) {
	return body->exact ? slice_make(body->exact, body->exact_len) : buf_slice(&body->grown);
}

void http_body_release(struct http_body *body) {
	end_inflater(body);
	if (body->is_exact_owned) {
		free(body->exact);
	}
	body->exact = NULL;
	body->exact_len = body->exact_size = 0;
	body->is_exact_owned = false;
	buf_finish(&body->grown);
}
