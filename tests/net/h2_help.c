/* h2_help.c: a client of HTTP/2 that sends frames as they are given, right or wrong. */
#include "net/h2_help.h"

#include <stdlib.h>

#define FRAME_HEAD 9

static uint32_t number_at(const char *bytes, int count) {
	uint32_t number = 0;
	for (int i = 0; i < count; i++) {
		number = number << 8 | (uint8_t)bytes[i];
	}
	return number;
}

/* ---- sending ---- */

static void put_number(struct buf *out, uint32_t number, int count) {
	for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
		buf_append_byte(out, (char)(number >> shift & 0xff));
	}
}

void h2_put_u32(struct buf *out, uint32_t number) {
	put_number(out, number, 4);
}

void h2_put_frame(
	struct buf *out, uint8_t type, uint8_t flags, int32_t stream, struct slice payload) {
	put_number(out, (uint32_t)payload.len, 3);
	put_number(out, type, 1);
	put_number(out, flags, 1);
	put_number(out, (uint32_t)stream, 4);
	buf_append(out, payload);
}

void h2_send(struct h2 *h, uint8_t type, uint8_t flags, int32_t stream, struct slice payload) {
	struct buf frame;
	buf_init(&frame, 0);
	h2_put_frame(&frame, type, flags, stream, payload);
	client_send_bytes(&h->c, buf_slice(&frame));
	buf_finish(&frame);
}

/* A string of HPACK, not compressed (RFC 7541 5.1, 5.2). */
static void put_string(struct buf *block, struct slice text) {
	size_t len = text.len;
	if (len < 127) {
		buf_append_byte(block, (char)len);
	} else {
		buf_append_byte(block, 127);
		for (len -= 127; len >= 128; len >>= 7) {
			buf_append_byte(block, (char)(0x80 | (len & 0x7f)));
		}
		buf_append_byte(block, (char)len);
	}
	buf_append(block, text);
}

void h2_put_header(struct buf *block, struct slice name, struct slice value) {
	buf_append_byte(block, 0);
	put_string(block, name);
	put_string(block, value);
}

void h2_request(struct h2 *h, int32_t stream, const char *method, const char *path, bool is_last,
	const char *const *more) {
	struct buf block;
	buf_init(&block, 0);
	h2_put_header(&block, SLICE(":method"), slice_of(method));
	h2_put_header(&block, SLICE(":scheme"), SLICE("http"));
	h2_put_header(&block, SLICE(":authority"), SLICE("x"));
	h2_put_header(&block, SLICE(":path"), slice_of(path));
	for (; more && *more; more += 2) {
		h2_put_header(&block, slice_of(more[0]), slice_of(more[1]));
	}
	h2_send(h, NGHTTP2_HEADERS,
		(uint8_t)(NGHTTP2_FLAG_END_HEADERS | (is_last ? NGHTTP2_FLAG_END_STREAM : 0)),
		stream, buf_slice(&block));
	buf_finish(&block);
}

void h2_window(struct h2 *h, int32_t stream, uint32_t more) {
	struct buf payload;
	buf_init(&payload, 0);
	h2_put_u32(&payload, more);
	h2_send(h, NGHTTP2_WINDOW_UPDATE, 0, stream, buf_slice(&payload));
	buf_finish(&payload);
}

/* ---- receiving ---- */

bool h2_next(struct h2 *h, struct h2_frame *frame) {
	*frame = (struct h2_frame){0};
	client_read_bytes(&h->c, FRAME_HEAD);
	if (h->c.in.len < FRAME_HEAD) {
		return false;
	}
	size_t len = number_at(h->c.in.data, 3);
	frame->type = (uint8_t)h->c.in.data[3];
	frame->flags = (uint8_t)h->c.in.data[4];
	frame->stream = (int32_t)number_at(h->c.in.data + 5, 4);
	client_read_bytes(&h->c, FRAME_HEAD + len);
	assert_true(h->c.in.len >= FRAME_HEAD + len);
	buf_append(&frame->payload, slice_make(h->c.in.data + FRAME_HEAD, len));
	buf_consume(&h->c.in, FRAME_HEAD + len);
	if (frame->type == NGHTTP2_GOAWAY) {
		h->goaways++;
		h->goaway_stream = number_at(frame->payload.data, 4);
		h->goaway_code = number_at(frame->payload.data + 4, 4);
		print_message("GOAWAY %u \"%.*s\"\n", h->goaway_code,
			SLICE_FMT(slice_from(buf_slice(&frame->payload), 8)));
	}
	return true;
}

void h2_await_goaway(struct h2 *h, int count) {
	while (h->goaways < count) {
		struct h2_frame frame;
		h2_until(h, NGHTTP2_GOAWAY, &frame);
		buf_finish(&frame.payload);
	}
}

void h2_until(struct h2 *h, uint8_t type, struct h2_frame *frame) {
	for (;;) {
		if (!h2_next(h, frame)) {
			fail_msg("the connection ended before a frame of type %u", type);
		}
		if (frame->type == type) {
			return;
		}
		buf_finish(&frame->payload);
	}
}

void h2_greet(struct h2 *h) {
	struct h2_frame frame;
	assert_int_equal(nghttp2_hd_inflate_new(&h->inflater), 0);
	client_send(&h->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	h2_send(h, NGHTTP2_SETTINGS, 0, 0, SLICE(""));
	h2_until(h, NGHTTP2_SETTINGS, &frame);
	assert_int_equal(frame.flags, 0);
	buf_finish(&frame.payload);
	h2_until(h, NGHTTP2_SETTINGS, &frame);
	assert_int_equal(frame.flags, NGHTTP2_FLAG_ACK);
	buf_finish(&frame.payload);
	h2_send(h, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, SLICE(""));
}

void h2_open(struct h2 *h, struct fixture *f) {
	*h = (struct h2){0};
	client_open(&h->c, f);
	h2_greet(h);
}

void h2_close(struct h2 *h) {
	client_close(&h->c);
	nghttp2_hd_inflate_del(h->inflater);
	h->inflater = NULL;
}

/* ---- answers ---- */

static void take_head(struct h2 *h, const struct h2_frame *frame, struct h2_answer *answer) {
	struct buf head;
	buf_init(&head, 0);
	struct slice in = buf_slice(&frame->payload);
	for (;;) {
		nghttp2_nv field;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(
			h->inflater, &field, &flags, (const uint8_t *)in.data, in.len, 1);
		assert_true(used >= 0);
		in = slice_from(in, (size_t)used);
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			buf_printf(&head, "%.*s: %.*s\n", (int)field.namelen,
				(const char *)field.name, (int)field.valuelen,
				(const char *)field.value);
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(h->inflater);
			break;
		}
	}
	free(answer->head);
	answer->head = strndup(head.data, head.len);
	buf_finish(&head);
	assert_memory_equal(answer->head, ":status: ", 9);
	answer->status = atoi(answer->head + 9);
}

void h2_answer(struct h2 *h, int32_t stream, struct h2_answer *answer) {
	*answer = (struct h2_answer){.reset = -1};
	while (!answer->is_whole && answer->reset < 0) {
		struct h2_frame frame;
		if (!h2_next(h, &frame)) {
			fail_msg("the connection ended before the answer of stream %d", stream);
		}
		bool is_ours = frame.stream == stream;
		if (frame.type == NGHTTP2_HEADERS) {
			/* Those of other streams too: the table of HPACK is one. */
			struct h2_answer other = {0};
			take_head(h, &frame, is_ours ? answer : &other);
			h2_answer_free(&other);
		}
		if (is_ours && frame.type == NGHTTP2_DATA) {
			buf_append(&answer->body, buf_slice(&frame.payload));
		}
		if (is_ours && frame.type == NGHTTP2_RST_STREAM) {
			answer->reset = (int32_t)number_at(frame.payload.data, 4);
		}
		if (is_ours && frame.type <= NGHTTP2_HEADERS) {
			answer->is_whole = frame.flags & NGHTTP2_FLAG_END_STREAM;
		}
		if (frame.type == NGHTTP2_DATA && frame.payload.len > 0) {
			h2_window(h, 0, (uint32_t)frame.payload.len);
			if (is_ours && !answer->is_whole) {
				h2_window(h, stream, (uint32_t)frame.payload.len);
			}
		}
		buf_finish(&frame.payload);
	}
}

void h2_answer_free(struct h2_answer *answer) {
	free(answer->head);
	buf_finish(&answer->body);
}

void h2_expect(struct h2 *h, int32_t stream, int status, const char *body) {
	struct h2_answer answer;
	h2_answer(h, stream, &answer);
	if (!answer.is_whole || answer.status != status ||
		(body && !slice_eq(buf_slice(&answer.body), slice_of(body)))) {
		fail_msg("expected %d \"%s\", got %d \"%.*s\", reset %d", status, body ? body : "",
			answer.status, SLICE_FMT(slice_sub(buf_slice(&answer.body), 0, 200)),
			answer.reset);
	}
	h2_answer_free(&answer);
}

void h2_expect_reset(struct h2 *h, int32_t stream, uint32_t code) {
	struct h2_answer answer;
	h2_answer(h, stream, &answer);
	if (answer.reset != (int32_t)code) {
		fail_msg("expected a reset with %u, got %d and status %d", code, answer.reset,
			answer.status);
	}
	h2_answer_free(&answer);
}

void h2_expect_goaway(struct h2 *h, uint32_t code) {
	h2_await_goaway(h, 1);
	if (h->goaway_code != code) {
		fail_msg("expected GOAWAY with %u, got %u", code, h->goaway_code);
	}
	struct h2_frame frame;
	/* Nothing but the end follows. */
	assert_false(h2_next(h, &frame));
	assert_false(h->c.is_reset);
}
