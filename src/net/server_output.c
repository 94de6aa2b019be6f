/* server_output.c: answers to bytes: the head, chunk framing, and one writev for all that waits. */
#include "net/server_internal.h"

#define IOV_MAX_COUNT 16

/* ---- the head ---- */

struct writer {
	char *at;
};

static void put(struct writer *writer, struct slice bytes) {
	memcpy(writer->at, bytes.data, bytes.len);
	writer->at += bytes.len;
}

static void put_header(struct writer *writer, struct slice name, struct slice value) {
	put(writer, name);
	put(writer, SLICE(": "));
	put(writer, value);
	put(writer, SLICE("\r\n"));
}

struct slice http_output_number(uint64_t number, char room[HTTP_DIGITS_MAX]) {
	size_t at = HTTP_DIGITS_MAX;
	do {
		room[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return slice_make(&room[at], HTTP_DIGITS_MAX - at);
}

/* Headers the server makes itself; a handler's are skipped. */
static bool is_ours(struct slice name) {
	static const struct slice ours[] = {
		SLICE_INIT("date"),
		SLICE_INIT("connection"),
		SLICE_INIT("keep-alive"),
		SLICE_INIT("content-length"),
		SLICE_INIT("transfer-encoding"),
	};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		if (ours[i].len == name.len && slice_ieq(ours[i], name)) {
			return true;
		}
	}
	return false;
}

bool http_output_is_sendable(const struct http_header *header) {
	return http_is_token(header->name) && http_is_field_value(header->value) &&
	       !is_ours(header->name);
}

/* Whether the connection outlives this answer. */
static bool keeps_connection(const struct http_connection *connection, bool is_streamed) {
	bool ends_by_close = is_streamed && connection->minor_version == 0;
	return connection->client_keeps && !connection->must_close && !ends_by_close &&
	       !connection->server->is_draining;
}

/* Room for all but the handler's headers: status line with the longest phrase, Date, Connection,
 * Content-Length or Transfer-Encoding, the empty line. */
#define OWN_HEADERS_MAX 256

static size_t head_bound(const struct http_header *headers, size_t count) {
	size_t bound = OWN_HEADERS_MAX;
	for (size_t i = 0; i < count; i++) {
		bound += headers[i].name.len + headers[i].value.len + 4;
	}
	return bound;
}

void http_output_head(struct http_connection *connection, const struct http_header *headers,
	size_t header_count, int64_t content_length) {
	struct http_exchange *exchange = connection->exchange;
	if (connection->state == HTTP_CONNECTION_BODY) {
		http_connection_answer_early(connection);
	}
	bool is_streamed = content_length < 0;
	bool keeps = keeps_connection(connection, is_streamed);
	connection->must_close = !keeps;

	char *start = arena_alloc(&exchange->arena, head_bound(headers, header_count));
	struct writer writer = {.at = start};
	int status = exchange->status;
	char digits[HTTP_DIGITS_MAX];
	put(&writer, SLICE("HTTP/1.1 "));
	put(&writer, http_output_number((uint64_t)status, digits));
	put(&writer, SLICE(" "));
	put(&writer, slice_of(http_status_phrase(status)));
	put(&writer, SLICE("\r\n"));
	put_header(&writer, SLICE("Date"), http_server_date(connection->server));
	bool never_has_body = status < 200 || status == 204 || status == 304;
	if (!is_streamed && !never_has_body) {
		put_header(&writer, SLICE("Content-Length"),
			http_output_number((uint64_t)content_length, digits));
	} else if (is_streamed && !never_has_body && connection->minor_version == 1) {
		put_header(&writer, SLICE("Transfer-Encoding"), SLICE("chunked"));
	}
	if (status == 426) {
		/* Whoever names an Upgrade has to name it here too (RFC 9110 7.8). */
		put_header(&writer, SLICE("Connection"),
			keeps ? SLICE("Upgrade") : SLICE("close, Upgrade"));
	} else if (!keeps) {
		put_header(&writer, SLICE("Connection"), SLICE("close"));
	} else if (connection->minor_version == 0) {
		put_header(&writer, SLICE("Connection"), SLICE("keep-alive"));
	}
	for (size_t i = 0; i < header_count; i++) {
		if (http_output_is_sendable(&headers[i])) {
			put_header(&writer, headers[i].name, headers[i].value);
		}
	}
	put(&writer, SLICE("\r\n"));
	connection->output.head = slice_make(start, (size_t)(writer.at - start));
}

/* ---- the queue ---- */

size_t http_output_unsent(const struct http_output *output) {
	return output->head.len + (buf_total(&output->whole) - output->whole_sent) +
	       (output->stream.len - output->stream_sent);
}

static void add(struct iovec *iov, int *count, const char *bytes, size_t len) {
	if (len > 0) {
		/* iovec is shared with reads, hence not const. */
		iov[*count].iov_base = (char *)(uintptr_t)bytes;
		iov[*count].iov_len = len;
		(*count)++;
	}
}

/* "2a\r\n" */
static size_t chunk_line(char out[20], size_t len) {
	static const char hex[] = "0123456789abcdef";
	int shift = 60;
	while (shift > 0 && len >> shift == 0) {
		shift -= 4;
	}
	size_t at = 0;
	for (; shift >= 0; shift -= 4) {
		out[at++] = hex[len >> shift & 15];
	}
	out[at++] = '\r';
	out[at++] = '\n';
	return at;
}

/* All payload since the last flush becomes one chunk. */
static void add_stream(struct http_output *output, struct iovec *iov, int *count) {
	struct buf *stream = &output->stream;
	size_t payload = stream->len - output->stream_framed;
	/* Without bytes `data` may be NULL, to which nothing may be added. */
	const char *data = stream->data ? stream->data : "";
	add(iov, count, data + output->stream_sent, output->stream_framed - output->stream_sent);
	if (!output->is_chunked) {
		add(iov, count, data + output->stream_framed, payload);
		return;
	}
	if (payload > 0) {
		add(iov, count, output->chunk_line, chunk_line(output->chunk_line, payload));
		add(iov, count, data + output->stream_framed, payload);
		add(iov, count, "\r\n", 2);
	}
	if (output->needs_end) {
		add(iov, count, "0\r\n\r\n", 5);
	}
}

/* What the socket did not take of a streamed body becomes wire bytes, so that its framing is done
 * once. `taken` counts from the first of iov. */
static void keep_rest(
	struct http_output *output, const struct iovec *iov, int count, size_t taken) {
	size_t wire = output->stream_framed - output->stream_sent;
	bool is_all_framed = output->stream_framed == output->stream.len && !output->needs_end;
	if (is_all_framed && taken < wire) {
		output->stream_sent += taken;
		return;
	}
	struct buf rest;
	buf_init(&rest, output->stream.limit);
	for (int i = 0; i < count; i++) {
		size_t skip = taken < iov[i].iov_len ? taken : iov[i].iov_len;
		taken -= skip;
		buf_append(&rest,
			slice_make((const char *)iov[i].iov_base + skip, iov[i].iov_len - skip));
	}
	buf_finish(&output->stream);
	output->stream = rest;
	output->stream_sent = 0;
	output->stream_framed = rest.len;
	output->needs_end = false;
}

static void all_sent(struct http_output *output) {
	output->head = (struct slice){0};
	buf_finish(&output->whole);
	output->whole_sent = 0;
	buf_reset(&output->stream, HTTP_STREAM_KEEP);
	output->stream_sent = output->stream_framed = 0;
	output->needs_end = false;
	output->is_head_due = false;
}

/* The head of a streamed answer waits for the first bytes of its body. */
static bool must_wait(const struct http_output *output) {
	return output->head.len > 0 && !output->is_head_due && !output->needs_end &&
	       output->stream.len == 0 && buf_total(&output->whole) == 0;
}

enum http_flush_result http_output_send(struct http_connection *connection, bool *progressed) {
	struct http_output *output = &connection->output;
	*progressed = false;
	if (must_wait(output)) {
		return HTTP_FLUSH_DONE;
	}
	for (;;) {
		struct iovec iov[IOV_MAX_COUNT];
		int count = 0;
		add(iov, &count, output->head.data, output->head.len);
		int body_at = count;
		count += buf_iovec(
			&output->whole, output->whole_sent, iov + count, IOV_MAX_COUNT - count - 6);
		int stream_at = count;
		add_stream(output, iov, &count);
		if (count == 0) {
			all_sent(output);
			return HTTP_FLUSH_DONE;
		}
		ssize_t sent = http_connection_write(connection, iov, count);
		if (sent < 0) {
			return sent == NET_IO_AGAIN ? HTTP_FLUSH_BLOCKED : HTTP_FLUSH_FAILED;
		}
		*progressed = true;
		size_t left = (size_t)sent, offered = 0;
		for (int i = 0; i < count; i++) {
			offered += iov[i].iov_len;
		}
		size_t from_head = left < output->head.len ? left : output->head.len;
		output->head = slice_from(output->head, from_head);
		left -= from_head;
		if (stream_at > body_at) {
			output->whole_sent += left;
		} else if ((size_t)sent < offered) {
			keep_rest(output, iov + stream_at, count - stream_at, left);
		} else if (count > stream_at) {
			output->stream_sent = output->stream_framed = output->stream.len;
			output->needs_end = false;
		}
		if ((size_t)sent < offered) {
			return HTTP_FLUSH_BLOCKED;
		}
		/* A body of many references may need several rounds. */
		if (output->whole_sent == buf_total(&output->whole)) {
			all_sent(output);
			return HTTP_FLUSH_DONE;
		}
	}
}

void http_output_reset(struct http_output *output) {
	buf_finish(&output->whole);
	buf_finish(&output->stream);
	*output = (struct http_output){0};
}
