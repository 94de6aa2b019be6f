/* websocket.c: fuzz target of WebSocket frames: whole and byte-wise arrival must agree, on both
 * sides, and a message that was read is read again when it is written. The first byte chooses the
 * side. */
#include <stdlib.h>

#include "net/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 4096

struct reading {
	enum websocket_event end;
	int code, events;
	struct buf messages;
};

static void read_all(struct reading *reading, struct slice in, size_t step, bool is_server) {
	struct websocket_parser parser;
	websocket_parser_init(&parser, is_server, MESSAGE_MAX);
	reading->end = WEBSOCKET_NEED_MORE;
	while (in.len > 0 && reading->end == WEBSOCKET_NEED_MORE) {
		struct slice piece = slice_sub(in, 0, step);
		in = slice_from(in, step);
		do {
			reading->end = websocket_next(&parser, &piece);
			reading->events += reading->end != WEBSOCKET_NEED_MORE;
			if (reading->end == WEBSOCKET_GOT_MESSAGE) {
				websocket_put(&reading->messages,
					parser.is_text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY,
					parser.payload, NULL);
			}
		} while (reading->end != WEBSOCKET_NEED_MORE && reading->end != WEBSOCKET_BROKEN &&
			 reading->end != WEBSOCKET_GOT_CLOSE);
	}
	if (parser.message.len > MESSAGE_MAX) {
		abort();
	}
	reading->code = reading->end == WEBSOCKET_NEED_MORE ? 0 : parser.code;
	websocket_parser_finish(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	struct reading whole = {0}, bytewise = {0}, again = {0};
	struct slice in = slice_make((const char *)data + 1, size - 1);
	read_all(&whole, in, in.len, data[0] & 1);
	read_all(&bytewise, in, 1, data[0] & 1);
	read_all(&again, buf_slice(&whole.messages), SIZE_MAX, false);
	if (whole.end != bytewise.end || whole.code != bytewise.code ||
		whole.events != bytewise.events ||
		!slice_eq(buf_slice(&whole.messages), buf_slice(&bytewise.messages)) ||
		!slice_eq(buf_slice(&whole.messages), buf_slice(&again.messages))) {
		abort();
	}
	buf_finish(&whole.messages);
	buf_finish(&bytewise.messages);
	buf_finish(&again.messages);
	return 0;
}
