/* embed.h: the canonical embedding request and answer: OpenAI's /v1/embeddings, Gemini's
 * embedContent and batchEmbedContents, Ollama's /api/embed and /api/embeddings (formats.md OL-11).
 *
 * Everything lives in the request's arena or points into the body it was read from. Numbers of
 * vectors stay as written: a vector is the raw JSON array. */
#ifndef LLMMUX_CHAT_EMBED_H
#define LLMMUX_CHAT_EMBED_H

#include "chat/request.h"

/* How the client wants its vectors. */
enum embed_encoding {
	EMBED_FLOAT,
	EMBED_BASE64 /* little-endian float32, the default of OpenAI's own SDKs */
};

struct embed_request {
	enum format_id client_format;
	struct arena *arena;
	struct slice body;
	const struct json *tree;
	struct slice model; /* as the client wrote it */
	/* Texts, decoded; or, when has_tokens, raw JSON arrays of token numbers. */
	struct slice *inputs;
	size_t input_count;
	bool has_tokens;
	bool is_single; /* one text, not a list: the answer has the shape for one */
	bool is_legacy; /* oll: /api/embeddings; the answer is {"embedding": [...]} */
	enum embed_encoding encoding;
	bool has_dimensions;
	int64_t dimensions;
	struct slice task_type, title; /* gem */
	enum tristate truncate;        /* oll */
	struct slice end_user_id;
	struct chat_exts ext;
};

struct embed_response {
	struct slice model;    /* as the upstream said; absent = not said */
	struct slice *vectors; /* raw JSON arrays of numbers, in the order of the inputs */
	size_t vector_count;
	struct embed_usage {
		int64_t input_tokens;      /* -1 unknown */
		int64_t total_ns, load_ns; /* oll; -1 unknown */
	} usage;
};
#define EMBED_USAGE_UNKNOWN ((struct embed_usage){-1, -1, -1})

#endif
