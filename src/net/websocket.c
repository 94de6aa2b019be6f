/* websocket.c: frames of WebSocket (RFC 6455 section 5), incremental, no I/O. */
#include "net/websocket.h"

#include <openssl/sha.h>

#include "base/encoding.h"

/* ---- the first two bytes (5.2) ---- */

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define IS_CONTROL 0x08
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

static enum websocket_event broken(struct websocket_parser *parser, int code, const char *problem) {
	parser->code = code;
	parser->problem = problem;
	return WEBSOCKET_BROKEN;
}

static enum websocket_event violates(struct websocket_parser *parser, const char *problem) {
	return broken(parser, WEBSOCKET_PROTOCOL_ERROR, problem);
}

void websocket_parser_init(struct websocket_parser *parser, bool takes_masked, size_t max_message) {
	*parser =
		(struct websocket_parser){.takes_masked = takes_masked, .max_message = max_message};
	buf_init(&parser->message, 0);
}

void websocket_parser_finish(struct websocket_parser *parser) {
	buf_finish(&parser->message);
}

/* ---- heads ---- */

static unsigned opcode_of(const struct websocket_parser *parser) {
	return parser->head[0] & OPCODE;
}

static size_t length_bytes(const struct websocket_parser *parser) {
	unsigned length = parser->head[1] & LENGTH;
	return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

/* How long the head is, as far as its first two bytes are known. */
static size_t head_size(const struct websocket_parser *parser) {
	return parser->head_len < 2
		       ? 2
		       : 2 + length_bytes(parser) + (parser->head[1] & MASKED ? (size_t)4 : 0);
}

static uint64_t announced_length(const struct websocket_parser *parser) {
	size_t bytes = length_bytes(parser);
	uint64_t length = bytes == 0 ? parser->head[1] & LENGTH : 0;
	for (size_t i = 0; i < bytes; i++) {
		length = length << 8 | parser->head[2 + i];
	}
	return length;
}

static enum websocket_event check_data(struct websocket_parser *parser, uint64_t length) {
	unsigned opcode = opcode_of(parser);
	if (opcode > WEBSOCKET_BINARY) {
		return violates(parser, "a frame has an unknown opcode");
	}
	if ((opcode == WEBSOCKET_CONTINUATION) != parser->in_message) {
		return violates(parser, parser->in_message ? "a message begins inside of another"
							   : "a continuation continues nothing");
	}
	if (length > parser->max_message - parser->message.len) {
		return broken(parser, WEBSOCKET_TOO_LARGE, "a message is too large");
	}
	if (!parser->in_message) {
		parser->is_text = opcode == WEBSOCKET_TEXT;
		parser->in_message = true;
	}
	return WEBSOCKET_NEED_MORE;
}

static enum websocket_event check_control(struct websocket_parser *parser, uint64_t length) {
	unsigned opcode = opcode_of(parser);
	if (opcode > WEBSOCKET_PONG) {
		return violates(parser, "a frame has an unknown opcode");
	}
	if (!(parser->head[0] & FIN)) {
		return violates(parser, "a control frame is fragmented");
	}
	if (length > WEBSOCKET_CONTROL_MAX) {
		return violates(parser, "a control frame is too long");
	}
	parser->control_len = 0;
	return WEBSOCKET_NEED_MORE;
}

/* The head is whole. */
static enum websocket_event take_head(struct websocket_parser *parser) {
	uint64_t length = announced_length(parser);
	size_t bytes = length_bytes(parser);
	if (parser->head[0] & RESERVED) {
		return violates(parser, "a reserved bit is set, and no extension was agreed on");
	}
	if (((parser->head[1] & MASKED) != 0) != parser->takes_masked) {
		return violates(parser,
			parser->takes_masked ? "a frame is not masked" : "a frame is masked");
	}
	if (length >> 63 || (bytes == 2 && length < LENGTH_16) ||
		(bytes == 8 && length <= UINT16_MAX)) {
		return violates(parser, "the length of a frame is malformed");
	}
	parser->left = length;
	parser->mask_at = 0;
	parser->in_payload = true;
	return opcode_of(parser) & IS_CONTROL ? check_control(parser, length)
					      : check_data(parser, length);
}

/* ---- payloads ---- */

static void unmask(struct websocket_parser *parser, char *bytes, size_t len) {
	if (!parser->takes_masked) {
		return;
	}
	const uint8_t *mask = parser->head + head_size(parser) - 4;
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (char)((uint8_t)bytes[i] ^ mask[(parser->mask_at + i) & 3]);
	}
	parser->mask_at += len;
}

static void take_payload(struct websocket_parser *parser, struct slice *in) {
	size_t count = parser->left < in->len ? (size_t)parser->left : in->len;
	char *to;
	if (count == 0) {
		return;
	}
	if (opcode_of(parser) & IS_CONTROL) {
		to = parser->control + parser->control_len;
		parser->control_len += count;
	} else {
		/* Grows as bytes come, not as they are announced. */
		to = buf_reserve(&parser->message, count);
		buf_commit(&parser->message, count);
	}
	memcpy(to, in->data, count);
	unmask(parser, to, count);
	*in = slice_from(*in, count);
	parser->left -= count;
}

/* Codes that may stand in a Close (7.4). */
static bool is_sendable_code(int code) {
	return (code >= 1000 && code <= 1014 && code != 1004 && code != WEBSOCKET_NO_CODE &&
		       code != WEBSOCKET_LOST) ||
	       (code >= 3000 && code <= 4999);
}

static enum websocket_event take_close(struct websocket_parser *parser) {
	struct slice payload = slice_make(parser->control, parser->control_len);
	parser->code = WEBSOCKET_NO_CODE;
	parser->payload = slice_from(payload, 2);
	if (payload.len == 0) {
		return WEBSOCKET_GOT_CLOSE;
	}
	if (payload.len == 1) {
		return violates(parser, "a Close holds half a code");
	}
	int code = (uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1];
	if (!is_sendable_code(code)) {
		return violates(parser, "a Close holds a code that none may have");
	}
	if (!utf8_valid(parser->payload, NULL)) {
		return broken(parser, WEBSOCKET_BAD_TEXT, "the reason of a Close is not UTF-8");
	}
	parser->code = code;
	return WEBSOCKET_GOT_CLOSE;
}

/* The frame is whole. */
static enum websocket_event take_frame(struct websocket_parser *parser) {
	bool is_last = parser->head[0] & FIN;
	parser->in_payload = false;
	parser->head_len = 0;
	switch (opcode_of(parser)) {
	case WEBSOCKET_CLOSE:
		return take_close(parser);
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		parser->payload = slice_make(parser->control, parser->control_len);
		return opcode_of(parser) == WEBSOCKET_PING ? WEBSOCKET_GOT_PING
							   : WEBSOCKET_GOT_PONG;
	default:
		break;
	}
	if (!is_last) {
		return WEBSOCKET_GOT_PART;
	}
	parser->in_message = false;
	parser->has_message = true;
	parser->payload = buf_slice(&parser->message);
	return !parser->is_text || utf8_valid(parser->payload, NULL)
		       ? WEBSOCKET_GOT_MESSAGE
		       : broken(parser, WEBSOCKET_BAD_TEXT, "a text message is not UTF-8");
}

#define MESSAGE_KEEP (16 * 1024) /* of the buffer, between messages */

enum websocket_event websocket_next(struct websocket_parser *parser, struct slice *in) {
	if (parser->has_message) {
		buf_reset(&parser->message, MESSAGE_KEEP);
		parser->has_message = false;
	}
	while (!parser->in_payload) {
		size_t wanted = head_size(parser) - parser->head_len;
		size_t count = wanted < in->len ? wanted : in->len;
		if (count > 0) {
			memcpy(parser->head + parser->head_len, in->data, count);
		}
		parser->head_len += count;
		*in = slice_from(*in, count);
		if (count < wanted) {
			return WEBSOCKET_NEED_MORE;
		}
		if (parser->head_len == head_size(parser)) {
			enum websocket_event event = take_head(parser);
			if (event != WEBSOCKET_NEED_MORE) {
				return event;
			}
		}
	}
	take_payload(parser, in);
	return parser->left > 0 ? WEBSOCKET_NEED_MORE : take_frame(parser);
}

/* ---- writing ---- */

void websocket_put(
	struct buf *out, enum websocket_opcode opcode, struct slice payload, const uint8_t *mask) {
	uint64_t length = payload.len;
	size_t bytes = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;
	unsigned first = bytes == 0 ? (unsigned)length : bytes == 2 ? LENGTH_16 : LENGTH_64;
	buf_append_byte(out, (char)(FIN | opcode));
	buf_append_byte(out, (char)(first | (mask ? MASKED : 0u)));
	for (size_t i = bytes; i > 0; i--) {
		buf_append_byte(out, (char)(length >> (8 * (i - 1)) & 0xff));
	}
	if (!mask) {
		buf_append(out, payload);
		return;
	}
	buf_append(out, slice_make((const char *)mask, 4));
	for (size_t i = 0; i < payload.len; i++) {
		buf_append_byte(out, (char)((uint8_t)payload.data[i] ^ mask[i & 3]));
	}
}

void websocket_put_close(struct buf *out, int code, struct slice reason, const uint8_t *mask) {
	char payload[WEBSOCKET_CONTROL_MAX] = {(char)(code >> 8 & 0xff), (char)(code & 0xff)};
	/* Cut where no character is cut. */
	reason = slice_sub(reason, 0, sizeof payload - 2);
	reason.len = utf8_whole_prefix(reason);
	if (reason.len > 0) {
		memcpy(payload + 2, reason.data, reason.len);
	}
	websocket_put(
		out, WEBSOCKET_CLOSE, slice_make(payload, code == 0 ? 0 : 2 + reason.len), mask);
}

/* ---- the handshake ---- */

void websocket_accept_value(struct slice key, char out[WEBSOCKET_ACCEPT_LEN + 1]) {
	unsigned char digest[SHA_DIGEST_LENGTH];
	struct buf text;
	buf_init(&text, 0);
	buf_append(&text, key);
	buf_append_str(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	SHA1((const unsigned char *)text.data, text.len, digest);
	buf_reset(&text, SIZE_MAX);
	base64_encode(slice_make((const char *)digest, sizeof digest), false, &text);
	memcpy(out, text.data, WEBSOCKET_ACCEPT_LEN);
	out[WEBSOCKET_ACCEPT_LEN] = '\0';
	buf_finish(&text);
}
