/* estimate.c: a labelled estimate of a request's input tokens (TC-1, TC-2). */
#include "tokens/estimate.h"

#include "base/encoding.h"
#include "formats/format.h"

/* A page of a PDF is rarely smaller, and costs about this many tokens per 64 KiB. */
#define TOKENS_PER_PDF_MIN 1600
#define BYTES_PER_PDF_TOKEN 40

static int64_t parts_tokens(const struct chat_parts *parts);

static int64_t file_tokens(const struct chat_part *part) {
	if (part->source == CHAT_SOURCE_TEXT) {
		return tokens_estimate(part->text);
	}
	int64_t by_size = part->source == CHAT_SOURCE_BASE64
				  ? (int64_t)(base64_decoded_len(part->data) / BYTES_PER_PDF_TOKEN)
				  : 0;
	return by_size > TOKENS_PER_PDF_MIN ? by_size : TOKENS_PER_PDF_MIN;
}

static int64_t part_tokens(const struct chat_part *part) {
	switch (part->kind) {
	case CHAT_PART_IMAGE:
		return TOKENS_PER_IMAGE;
	case CHAT_PART_AUDIO:
	case CHAT_PART_VIDEO:
		return TOKENS_PER_IMAGE + tokens_estimate(part->text);
	case CHAT_PART_FILE:
		return file_tokens(part) + parts_tokens(&part->parts);
	case CHAT_PART_TOOL_CALL:
		return TOKENS_PER_TOOL + tokens_estimate(part->name) + tokens_estimate(part->args);
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		return tokens_estimate(part->raw);
	default:
		return tokens_estimate(part->text) + parts_tokens(&part->parts);
	}
}

static int64_t parts_tokens(const struct chat_parts *parts) {
	int64_t total = 0;
	for (size_t i = 0; i < parts->len; i++) {
		total += part_tokens(&parts->items[i]);
	}
	return total;
}

int64_t format_estimate_tokens(const struct chat_request *request) {
	int64_t total = TOKENS_PER_MESSAGE;
	if (request->system.len > 0) {
		total += TOKENS_PER_MESSAGE + parts_tokens(&request->system);
	}
	for (size_t i = 0; i < request->messages.len; i++) {
		total += TOKENS_PER_MESSAGE + parts_tokens(&request->messages.items[i].parts);
	}
	for (size_t i = 0; i < request->tools.len; i++) {
		const struct chat_tool *tool = &request->tools.items[i];
		struct slice schema = tool->schema.data ? tool->schema : tool->raw;
		total += TOKENS_PER_TOOL + tokens_estimate(tool->name) +
			 tokens_estimate(tool->description) + tokens_estimate(schema);
	}
	return total + tokens_estimate(request->response_format.schema);
}
