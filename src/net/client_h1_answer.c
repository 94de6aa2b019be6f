/* client_h1_answer.c: heads and bodies of HTTP/1.x answers, incremental, no I/O. */
#include "net/client_h1_answer.h"

#include <stdlib.h>

#include "base/vec.h"

/* Memory of heads that is kept from one to the next. */
#define HEAD_KEEP 2048
#define HEADERS_KEEP 64

void h1_answer_init(struct h1_answer *answer, bool is_bodyless, size_t max_head, struct buf *head,
	struct http_headers *headers) {
	*answer = (struct h1_answer){
		.is_bodyless = is_bodyless, .max_head = max_head, .head = head, .headers = headers};
	buf_reset(head, HEAD_KEEP);
	headers->len = 0;
	if (headers->cap > HEADERS_KEEP) {
		vec_finish((void **)&headers->items, &headers->len, &headers->cap);
	}
}

void h1_answer_finish(struct h1_answer *answer) {
	inflater_finish(&answer->inflater);
}

/* ---- the head -------------------------------------------------------------------------------- */

/* What the headers say about framing. */
struct framing {
	bool has_length, has_coding;
	bool says_close, says_keep_alive;
	uint64_t length;
};

/* "HTTP/1.1 200 OK", "HTTP/1.0 200" */
static bool read_status_line(struct h1_answer *answer, struct slice line) {
	uint64_t status;
	if (!slice_starts_with(line, SLICE("HTTP/1.")) || line.len < 12 || line.data[7] < '0' ||
		line.data[7] > '9' || line.data[8] != ' ' ||
		(line.len > 12 && line.data[12] != ' ') || !http_is_field_value(line) ||
		!slice_to_uint64(slice_sub(line, 9, 3), &status) || status < 100) {
		return false;
	}
	answer->minor_version = line.data[7] == '0' ? 0 : 1;
	answer->status = (int)status;
	return true;
}

/* One number, or the same several times (RFC 9110 section 8.6). */
static bool read_length(struct slice value, struct framing *framing) {
	struct slice rest = value, part;
	if (!rest.data) {
		return false;
	}
	while (slice_split(&rest, ',', &part)) {
		uint64_t length;
		if (!slice_to_uint64(slice_trim(part), &length) || length > INT64_MAX ||
			(framing->has_length && framing->length != length)) {
			return false;
		}
		framing->has_length = true;
		framing->length = length;
	}
	return true;
}

static bool read_coding(struct slice value, struct framing *framing) {
	bool is_first = !framing->has_coding;
	framing->has_coding = true;
	return is_first && slice_ieq(value, SLICE("chunked"));
}

static bool read_connection(struct slice value, struct framing *framing) {
	struct slice part;
	while (slice_split(&value, ',', &part)) {
		part = slice_trim(part);
		framing->says_close |= slice_ieq(part, SLICE("close"));
		framing->says_keep_alive |= slice_ieq(part, SLICE("keep-alive"));
	}
	return true;
}

static const struct {
	struct slice name;
	bool (*read)(struct slice value, struct framing *framing);
} known_headers[] = {
	{SLICE_INIT("content-length"), read_length},
	{SLICE_INIT("transfer-encoding"), read_coding},
	{SLICE_INIT("connection"), read_connection},
};

static bool read_header_line(
	struct slice line, struct http_headers *headers, struct framing *framing) {
	size_t colon = slice_find_byte(line, ':');
	if (colon == SIZE_MAX || line.data[0] == ' ' || line.data[0] == '\t') {
		return false;
	}
	struct slice name = slice_sub(line, 0, colon), value = slice_from(line, colon + 1);
	while (name.len > 0 &&
		(name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '\t')) {
		name.len--;
	}
	/* Before trimming, which would also cut CR. */
	if (!http_is_token(name) || !http_is_field_value(value)) {
		return false;
	}
	value = slice_trim(value);
	*VEC_PUSH(headers) = (struct http_header){.name = name, .value = value};
	for (size_t i = 0; i < sizeof known_headers / sizeof *known_headers; i++) {
		if (known_headers[i].name.len == name.len &&
			slice_ieq(known_headers[i].name, name)) {
			return known_headers[i].read(value, framing);
		}
	}
	return true;
}

static struct slice next_line(struct slice *rest) {
	struct slice line = {0};
	slice_split(rest, '\n', &line);
	if (line.len > 0 && line.data[line.len - 1] == '\r') {
		line.len--;
	}
	return line;
}

/* RFC 9112 section 6.3. */
static bool choose_framing(struct h1_answer *answer, const struct framing *framing) {
	bool is_empty = answer->is_bodyless || answer->status == 204 || answer->status == 304;
	if (framing->has_length && framing->has_coding) {
		return false;
	}
	answer->keep_alive =
		!framing->says_close &&
		(answer->minor_version == 1 || (framing->says_keep_alive && !framing->has_coding));
	answer->left = is_empty ? 0 : framing->length;
	if (is_empty || framing->has_length) {
		answer->state = H1_ANSWER_LENGTH;
	} else if (framing->has_coding) {
		answer->state = H1_ANSWER_CHUNKED;
		http1_chunked_init(&answer->chunked);
	} else {
		answer->state = H1_ANSWER_UNTIL_CLOSE;
		answer->keep_alive = false;
	}
	return true;
}

void h1_drop_coding(struct http_headers *headers) {
	size_t kept = 0;
	if (!http_headers_get(headers, "content-encoding").data) {
		return;
	}
	for (size_t i = 0; i < headers->len; i++) {
		if (!slice_ieq(headers->items[i].name, SLICE("content-encoding")) &&
			!slice_ieq(headers->items[i].name, SLICE("content-length"))) {
			headers->items[kept++] = headers->items[i];
		}
	}
	headers->len = kept;
}

/* Nothing but identity, gzip and deflate can be read: no other coding is ever asked for. */
static bool choose_coding(struct h1_answer *answer) {
	struct slice value = http_headers_get(answer->headers, "content-encoding");
	bool is_empty = answer->state == H1_ANSWER_LENGTH && answer->left == 0;
	if (!value.data || value.len == 0 || is_empty) {
		return true;
	}
	return http_headers_count(answer->headers, "content-encoding") == 1 &&
	       inflate_find_coding(value, &answer->inflater.coding);
}

static enum h1_event end_head(struct h1_answer *answer) {
	struct slice rest = buf_slice(answer->head);
	struct framing framing = {0};
	if (!read_status_line(answer, next_line(&rest)) || answer->status == 101) {
		return H1_NOT_HTTP; /* nobody asked to switch protocols */
	}
	if (answer->status < 200) {
		buf_reset(answer->head, HEAD_KEEP);
		return ++answer->interims > H1_INTERIM_MAX ? H1_NOT_HTTP : H1_NEED_MORE;
	}
	for (struct slice line; (line = next_line(&rest)).len > 0;) {
		if (!read_header_line(line, answer->headers, &framing)) {
			return H1_BROKEN_FRAMING;
		}
	}
	if (!choose_framing(answer, &framing)) {
		return H1_BROKEN_FRAMING;
	}
	if (!choose_coding(answer)) {
		return H1_BROKEN_CODING;
	}
	h1_drop_coding(answer->headers);
	return H1_HEAD;
}

/* How many bytes of `in` belong to the head, and whether its empty line is among them. */
static size_t find_head_end(struct h1_answer *answer, struct slice in, bool *is_whole) {
	size_t at = 0;
	*is_whole = false;
	while (at < in.len && !*is_whole) {
		const char *lf = memchr(in.data + at, '\n', in.len - at);
		size_t end = lf ? (size_t)(lf - in.data) : in.len;
		answer->line_len += end - at;
		if (!lf) {
			return in.len;
		}
		char last = end > 0                 ? in.data[end - 1]
			    : answer->head->len > 0 ? answer->head->data[answer->head->len - 1]
						    : '\0';
		*is_whole = answer->line_len == 0 || (answer->line_len == 1 && last == '\r');
		answer->line_len = 0;
		at = end + 1;
	}
	return at;
}

static enum h1_event next_of_head(struct h1_answer *answer, struct slice *in) {
	static const char version[] = "HTTP/1.";
	while (in->len > 0) {
		bool is_whole;
		size_t len = find_head_end(answer, *in, &is_whole);
		if (len > answer->max_head - answer->head->len) {
			return H1_TOO_LARGE;
		}
		buf_append(answer->head, slice_sub(*in, 0, len));
		*in = slice_from(*in, len);
		/* Whoever speaks something else is not waited for. */
		size_t known = answer->head->len < 7 ? answer->head->len : 7;
		if (memcmp(answer->head->data, version, known) != 0) {
			return H1_NOT_HTTP;
		}
		enum h1_event event = is_whole ? end_head(answer) : H1_NEED_MORE;
		if (event != H1_NEED_MORE) {
			return event;
		}
	}
	return H1_NEED_MORE;
}

/* ---- the body -------------------------------------------------------------------------------- */

static enum h1_event next_chunk(struct h1_answer *answer, struct slice *in, struct slice *payload) {
	enum http1_result result = HTTP1_NEED_MORE;
	payload->len = 0;
	while (result == HTTP1_NEED_MORE && in->len > 0 && payload->len == 0) {
		result = http1_chunked_next(&answer->chunked, in, payload, NULL);
	}
	if (result == HTTP1_ERROR) {
		return H1_BROKEN_FRAMING;
	}
	return result == HTTP1_OK ? H1_END : payload->len > 0 ? H1_DATA : H1_NEED_MORE;
}

/* The next run of payload without its framing. */
static enum h1_event next_payload(
	struct h1_answer *answer, struct slice *in, struct slice *payload) {
	switch (answer->state) {
	case H1_ANSWER_LENGTH:
		if (answer->left == 0) {
			return H1_END;
		}
		*payload =
			slice_sub(*in, 0, answer->left < in->len ? (size_t)answer->left : in->len);
		answer->left -= payload->len;
		*in = slice_from(*in, payload->len);
		break;
	case H1_ANSWER_CHUNKED:
		return next_chunk(answer, in, payload);
	case H1_ANSWER_UNTIL_CLOSE:
		*payload = *in;
		*in = slice_from(*in, in->len);
		break;
	case H1_ANSWER_HEAD:
	case H1_ANSWER_OVER:
		return H1_END;
	}
	return payload->len > 0 ? H1_DATA : H1_NEED_MORE;
}

static enum h1_event end_body(struct h1_answer *answer) {
	answer->state = H1_ANSWER_OVER;
	return inflater_ended_well(&answer->inflater) ? H1_END : H1_BROKEN_CODING;
}

/* As next_payload, decoded. */
static enum h1_event next_decoded(struct h1_answer *answer, struct slice *in, char *room,
	size_t room_size, struct slice *data) {
	for (;;) {
		if (answer->deframed == 0 && !answer->inflater.is_full) {
			struct slice payload = {0};
			enum h1_event event = next_payload(answer, in, &payload);
			if (event != H1_DATA) {
				return event;
			}
			/* Back to where the payload begins: it may have to be kept. */
			answer->deframed = payload.len;
			*in = slice_make(payload.data, payload.len + in->len);
		}
		const char *problem;
		size_t made;
		struct slice coded = slice_sub(*in, 0, answer->deframed);
		size_t before = coded.len;
		if (!inflater_step(&answer->inflater, &coded, room, room_size, &made, &problem)) {
			return H1_BROKEN_CODING;
		}
		answer->deframed = coded.len;
		*in = slice_from(*in, before - coded.len);
		if (made > 0) {
			*data = slice_make(room, made);
			return H1_DATA;
		}
	}
}

enum h1_event h1_answer_next(struct h1_answer *answer, struct slice *in, char *room,
	size_t room_size, struct slice *data) {
	if (answer->state == H1_ANSWER_HEAD) {
		return next_of_head(answer, in);
	}
	enum h1_event event = answer->inflater.coding == INFLATE_IDENTITY
				      ? next_payload(answer, in, data)
				      : next_decoded(answer, in, room, room_size, data);
	return event == H1_END ? end_body(answer) : event;
}

enum h1_event h1_answer_close(struct h1_answer *answer) {
	return answer->state == H1_ANSWER_UNTIL_CLOSE ? end_body(answer) : H1_NEED_MORE;
}
