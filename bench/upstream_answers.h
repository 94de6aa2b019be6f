/* The fixed answers of bench-upstream in both dialects, HTTP framing included. */
#ifndef BENCH_UPSTREAM_ANSWERS_H
#define BENCH_UPSTREAM_ANSWERS_H

#include "common.h"

#include <stdarg.h>

#define EVENT_BYTES 200
#define ANSWER_BYTES 600

/* A fixed piece of an answer. */
struct text {
	size_t size;
	char data[2048];
};

/* The fixed answers of one wire dialect, HTTP framing included. */
struct dialect {
	struct text reply, start, delta, tail, usage, end;
};

static __attribute__((format(printf, 2, 3))) void text_add(
	struct text *text, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	size_t room = sizeof text->data - text->size;
	int size = vsnprintf(text->data + text->size, room, format, arguments);
	va_end(arguments);
	if (size < 0 || (size_t)size >= room) {
		errno = EOVERFLOW;
		bench_die("bench-upstream", "building the answers");
	}
	text->size += (size_t)size;
}

/* Adds prefix, readable filler that begins with '~', suffix: `total` bytes in all. */
static void text_add_padded(
	struct text *text, size_t total, const char *prefix, const char *suffix) {
	static const char words[] = "~every answer is made of small words and this is no other. ";
	size_t end = text->size + total - strlen(suffix);
	text_add(text, "%s", prefix);
	for (size_t i = 0; text->size < end; i++) {
		/* Further rounds through the words leave the '~' out. */
		text_add(text, "%c", words[i == 0 ? 0 : 1 + (i - 1) % (sizeof words - 2)]);
	}
	text_add(text, "%s", suffix);
}

/* Adds one HTTP chunk around the payload. */
static void text_add_chunk(struct text *text, const char *payload) {
	text_add(text, "%zx\r\n%s\r\n", strlen(payload), payload);
}

static void text_set_json(struct text *text, const char *status, const char *body) {
	text_add(text,
		"HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Request-Id: req_bench\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		status, strlen(body), body);
}

#define STREAM_HEAD                                                                                \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"                    \
	"Cache-Control: no-cache\r\nX-Request-Id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"

static void build_openai(struct dialect *dialect) {
#define OPENAI_EVENT                                                                               \
	"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","                       \
	"\"created\":1700000000,\"model\":\"bench-model\",\"choices\":["
	struct text body = {0}, delta = {0};
	text_add_padded(&body, ANSWER_BYTES,
		"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,"
		"\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"message\":{"
		"\"role\":\"assistant\",\"content\":\"",
		"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
		"\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":40,\"total_tokens\":250,"
		"\"prompt_tokens_details\":{\"cached_tokens\":0}}}");
	text_set_json(&dialect->reply, "200 OK", body.data);

	text_add(&dialect->start, "%s", STREAM_HEAD);
	text_add_chunk(&dialect->start,
		OPENAI_EVENT "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
			     "\"finish_reason\":null}]}\n\n");
	text_add_padded(&delta, EVENT_BYTES, OPENAI_EVENT "{\"index\":0,\"delta\":{\"content\":\"",
		"\"},\"finish_reason\":null}]}\n\n");
	text_add_chunk(&dialect->delta, delta.data);
	text_add_chunk(&dialect->tail,
		OPENAI_EVENT "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
	text_add_chunk(&dialect->usage,
		OPENAI_EVENT "],\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":40,"
			     "\"total_tokens\":250}}\n\n");
	text_add_chunk(&dialect->end, "data: [DONE]\n\n");
	text_add(&dialect->end, "%s", LAST_CHUNK);
}

static void build_anthropic(struct dialect *dialect) {
	struct text body = {0}, delta = {0};
	text_add_padded(&body, ANSWER_BYTES,
		"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
		"\"model\":\"bencha-model\",\"content\":[{\"type\":\"text\",\"text\":\"",
		"\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
		"\"input_tokens\":210,\"cache_creation_input_tokens\":0,"
		"\"cache_read_input_tokens\":0,\"output_tokens\":40}}");
	text_set_json(&dialect->reply, "200 OK", body.data);

	text_add(&dialect->start, "%s", STREAM_HEAD);
	text_add_chunk(&dialect->start,
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
		"\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
		"\"model\":\"bencha-model\",\"content\":[],\"stop_reason\":null,"
		"\"stop_sequence\":null,\"usage\":{\"input_tokens\":210,"
		"\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
		"\"output_tokens\":1}}}\n\n");
	text_add_chunk(&dialect->start,
		"event: content_block_start\ndata: {\"type\":\"content_block_start\","
		"\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
	text_add_padded(&delta, EVENT_BYTES,
		"event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
		"\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
		"\"}}\n\n");
	text_add_chunk(&dialect->delta, delta.data);
	text_add_chunk(&dialect->tail, "event: content_block_stop\n"
				       "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
	text_add_chunk(&dialect->tail,
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
		"\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
		"\"output_tokens\":40}}\n\n");
	text_add_chunk(&dialect->end, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
	text_add(&dialect->end, "%s", LAST_CHUNK);
}

#endif
