/* The fixed answers of bench-upstream in its four dialects, HTTP framing included. */
#ifndef BENCH_UPSTREAM_ANSWERS_H
#define BENCH_UPSTREAM_ANSWERS_H

#include "common.h"

#include <stdarg.h>

#define EVENT_BYTES 200
#define GEMINI_EVENT_BYTES 240 /* of which 214 are the framing, with the usage it always has */
#define ANSWER_BYTES 600

/* A fixed piece of an answer. */
struct text {
	size_t size;
	char data[2048];
};

#define REPEATS 4
#define REPEAT_MARK '\1' /* the stream's whole text goes here */

/*
 * The fixed answers of one wire dialect, HTTP framing included; `piece` and `repeats` are without.
 * A stream ends with the repeats (dialects that tell the whole text once more), tail, usage, end.
 */
struct dialect {
	struct text reply, start, delta, tail, usage, end;
	struct text piece; /* the text of one delta */
	struct text repeats[REPEATS];
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
	if (strlen(prefix) + strlen(suffix) >= total) {
		errno = EOVERFLOW;
		bench_die("bench-upstream", "building the answers");
	}
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

#define GEMINI_BEGIN "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\""
#define GEMINI_END                                                                                 \
	"\"usageMetadata\":{\"promptTokenCount\":210,\"candidatesTokenCount\":40,"                 \
	"\"totalTokenCount\":250},\"modelVersion\":\"m\",\"responseId\":\"r1\"}"

/* Every chunk has the usage so far, no event a name, and nothing but the finish reason ends it. */
static void build_gemini(struct dialect *dialect) {
	struct text body = {0}, delta = {0};
	text_add_padded(&body, ANSWER_BYTES, GEMINI_BEGIN,
		"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]," GEMINI_END);
	text_set_json(&dialect->reply, "200 OK", body.data);

	text_add(&dialect->start, "%s", STREAM_HEAD);
	text_add_padded(&delta, GEMINI_EVENT_BYTES, "data: " GEMINI_BEGIN,
		"\"}],\"role\":\"model\"},\"index\":0}]," GEMINI_END "\r\n\r\n");
	text_add_chunk(&dialect->delta, delta.data);
	text_add_chunk(&dialect->tail,
		"data: " GEMINI_BEGIN "\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
		"\"index\":0}]," GEMINI_END "\r\n\r\n");
	text_add(&dialect->end, "%s", LAST_CHUNK);
}

#define RESPONSES_EVENT(type, number)                                                              \
	"event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":" number ","
#define RESPONSES_OBJECT(status, output, usage)                                                    \
	"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1700000000,"                    \
	"\"status\":\"" status "\",\"error\":null,\"incomplete_details\":null,"                    \
	"\"instructions\":null,\"model\":\"bench-model\",\"output\":[" output "],"                 \
	"\"parallel_tool_calls\":true,\"temperature\":0.2,\"tool_choice\":\"auto\","               \
	"\"tools\":[],\"top_p\":1,\"usage\":" usage ",\"metadata\":{}}"
#define RESPONSES_USAGE                                                                            \
	"{\"input_tokens\":210,\"input_tokens_details\":{\"cached_tokens\":0},"                    \
	"\"output_tokens\":40,\"output_tokens_details\":{\"reasoning_tokens\":0},"                 \
	"\"total_tokens\":250}"
#define RESPONSES_AT "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,"
#define RESPONSES_PART(text)                                                                       \
	"{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":[]}"
#define RESPONSES_ITEM(status, content)                                                            \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"" status                              \
	"\",\"role\":\"assistant\",\"content\":[" content "]}"
#define RESPONSES_DELTA_END "\",\"logprobs\":[]}\n\n"

/* The events before the first delta, and those after the last, which repeat the whole text. */
static void build_responses_frame(struct dialect *dialect) {
	static const char *const start[] = {
		RESPONSES_EVENT("response.created", "0") "\"response\":" RESPONSES_OBJECT(
			"in_progress", "", "null") "}\n\n",
		RESPONSES_EVENT("response.in_progress", "1") "\"response\":" RESPONSES_OBJECT(
			"in_progress", "", "null") "}\n\n",
		RESPONSES_EVENT("response.output_item.added",
			"2") "\"output_index\":0,\"item\":" RESPONSES_ITEM("in_progress",
			"") "}\n\n",
		RESPONSES_EVENT("response.content_part.added", "3") RESPONSES_AT
		"\"part\":" RESPONSES_PART("") "}\n\n",
	};
	static const char *const repeats[REPEATS] = {
		RESPONSES_EVENT("response.output_text.done", "5") RESPONSES_AT
		"\"text\":\"\1\",\"logprobs\":[]}\n\n",
		RESPONSES_EVENT("response.content_part.done", "6") RESPONSES_AT
		"\"part\":" RESPONSES_PART("\1") "}\n\n",
		RESPONSES_EVENT("response.output_item.done",
			"7") "\"output_index\":0,\"item\":" RESPONSES_ITEM("completed",
			RESPONSES_PART("\1")) "}\n\n",
		RESPONSES_EVENT("response.completed", "8") "\"response\":" RESPONSES_OBJECT(
			"completed", RESPONSES_ITEM("completed", RESPONSES_PART("\1")),
			RESPONSES_USAGE) "}\n\n",
	};
	text_add(&dialect->start, "%s", STREAM_HEAD);
	for (size_t i = 0; i < sizeof start / sizeof start[0]; i++) {
		text_add_chunk(&dialect->start, start[i]);
	}
	for (size_t i = 0; i < REPEATS; i++) {
		text_add(&dialect->repeats[i], "%s", repeats[i]);
	}
	text_add(&dialect->end, "%s", LAST_CHUNK);
}

/* Every delta has the same sequence number: the bytes are fixed, and nobody may rely on it. */
static void build_responses(struct dialect *dialect) {
	static const char before[] =
		RESPONSES_EVENT("response.output_text.delta", "4") RESPONSES_AT "\"delta\":\"";
	struct text body = {0}, delta = {0};
	text_add_padded(&body, ANSWER_BYTES,
		"{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1700000000,"
		"\"status\":\"completed\",\"error\":null,\"model\":\"bench-model\",\"output\":[{"
		"\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\","
		"\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"",
		"\",\"annotations\":[]}]}],\"usage\":" RESPONSES_USAGE "}");
	text_set_json(&dialect->reply, "200 OK", body.data);

	text_add_padded(&delta, EVENT_BYTES, before, RESPONSES_DELTA_END);
	text_add_chunk(&dialect->delta, delta.data);
	size_t around = sizeof before - 1 + sizeof RESPONSES_DELTA_END - 1;
	text_add(&dialect->piece, "%.*s", (int)(delta.size - around),
		delta.data + sizeof before - 1);
	build_responses_frame(dialect);
}

#endif
