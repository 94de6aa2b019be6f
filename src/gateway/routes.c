/* routes.c: the table of routes (formats.md 0, gateway.md 3.3). The path alone decides (RT-1). */
#include "gateway/gateway_internal.h"

#define OPEN(method_, path_, handler)                                                              \
	{ .method = (method_), .path = SLICE_INIT(path_), .is_open = true, .on_head = (handler), }
#define LIST(path_, is_prefix_, handler)                                                           \
	{                                                                                          \
		.method = "GET", .path = SLICE_INIT(path_), .is_prefix = (is_prefix_),             \
		.by_header = true, .on_head = (handler),                                           \
	}
#define CHAT(path_, family_, format_, op_)                                                         \
	{                                                                                          \
		.method = "POST", .path = SLICE_INIT(path_), .family = (family_),                  \
		.format = (format_), .op = (op_), .on_body = gateway_chat,                         \
	}

/* RT-2: the method stands behind the model, which may hold anything and be a resource of its own.
 */
#define GEMINI(method_, ...)                                                                       \
	{                                                                                          \
		.method = "POST",                                                                  \
		.path = SLICE_INIT("/v1beta/models/"),                                             \
		.is_prefix = true,                                                                 \
		.suffix = SLICE_INIT(":" method_),                                                 \
		.family = FAMILY_GEMINI,                                                           \
		.format = FORMAT_GEMINI,                                                           \
		__VA_ARGS__,                                                                       \
	},                                                                                         \
		{                                                                                  \
			.method = "POST",                                                          \
			.path = SLICE_INIT("/v1/models/"),                                         \
			.is_prefix = true,                                                         \
			.suffix = SLICE_INIT(":" method_),                                         \
			.family = FAMILY_GEMINI,                                                   \
			.format = FORMAT_GEMINI,                                                   \
			__VA_ARGS__,                                                               \
		},                                                                                 \
	{                                                                                          \
		.method = "POST", .path = SLICE_INIT("/v1beta/"), .is_prefix = true,               \
		.suffix = SLICE_INIT(":" method_), .family = FAMILY_GEMINI,                        \
		.format = FORMAT_GEMINI, __VA_ARGS__,                                              \
	}
#define GEMINI_LIST(path_, is_prefix_, handler)                                                    \
	{                                                                                          \
		.method = "GET", .path = SLICE_INIT(path_), .is_prefix = (is_prefix_),             \
		.family = FAMILY_GEMINI, .on_head = (handler),                                     \
	}

#define EMBED(path_, format_)                                                                      \
	{                                                                                          \
		.method = "POST", .path = SLICE_INIT(path_), .family = FAMILY_OPENAI,              \
		.format = (format_), .on_body = gateway_embed,                                     \
	}

/* Below /api, and below /ollama/api for clients that are given a base URL with a path. */
#define OLLAMA(method_, path_, ...)                                                                \
	{                                                                                          \
		.method = (method_),                                                               \
		.path = SLICE_INIT("/api/" path_),                                                 \
		.family = FAMILY_OLLAMA,                                                           \
		.format = FORMAT_OLLAMA,                                                           \
		__VA_ARGS__,                                                                       \
	},                                                                                         \
	{                                                                                          \
		.method = (method_), .path = SLICE_INIT("/ollama/api/" path_),                     \
		.family = FAMILY_OLLAMA, .format = FORMAT_OLLAMA, __VA_ARGS__,                     \
	}

#define STORED(method_, path_, handler)                                                            \
	{                                                                                          \
		.method = (method_), .path = SLICE_INIT(path_), .is_prefix = true,                 \
		.allow = "GET, HEAD, DELETE", .format = FORMAT_OPENAI_RESPONSES,                   \
		.on_head = (handler),                                                              \
	}

/* Behind the row of POST, whose `allow` it overrides. */
#define SOCKET(path_, handler)                                                                     \
	{                                                                                          \
		.method = "GET", .path = SLICE_INIT(path_), .allow = "GET, POST",                  \
		.format = FORMAT_OPENAI_RESPONSES, .op = CHAT_OP_CHAT, .on_head = (handler),       \
	}

static const struct gateway_route routes[] = {
	CHAT("/v1/chat/completions", FAMILY_OPENAI, FORMAT_OPENAI_CHAT, CHAT_OP_CHAT),
	CHAT("/v1/messages", FAMILY_ANTHROPIC, FORMAT_ANTHROPIC, CHAT_OP_CHAT),
	CHAT("/v1/messages/count_tokens", FAMILY_ANTHROPIC, FORMAT_ANTHROPIC, CHAT_OP_COUNT),
	EMBED("/v1/embeddings", FORMAT_OPENAI_CHAT),
	EMBED("/embeddings", FORMAT_OPENAI_CHAT),
	CHAT("/v1/completions", FAMILY_OPENAI, FORMAT_OPENAI_COMPLETIONS, CHAT_OP_CHAT),
	CHAT("/completions", FAMILY_OPENAI, FORMAT_OPENAI_COMPLETIONS, CHAT_OP_CHAT),
	CHAT("/chat/completions", FAMILY_OPENAI, FORMAT_OPENAI_CHAT, CHAT_OP_CHAT),
	CHAT("/v1/responses", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_CHAT),
	CHAT("/v1/responses/input_tokens", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_COUNT),
	CHAT("/v1/responses/compact", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_COMPACT),
	CHAT("/responses", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_CHAT),
	CHAT("/responses/input_tokens", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_COUNT),
	CHAT("/responses/compact", FAMILY_OPENAI, FORMAT_OPENAI_RESPONSES, CHAT_OP_COMPACT),
	SOCKET("/v1/responses", gateway_responses_socket),
	SOCKET("/responses", gateway_responses_socket),
	STORED("GET", "/v1/responses/", gateway_show_response),
	STORED("DELETE", "/v1/responses/", gateway_delete_response),
	STORED("GET", "/responses/", gateway_show_response),
	STORED("DELETE", "/responses/", gateway_delete_response),
	LIST("/v1/models", false, gateway_list_models),
	LIST("/v1/models/", true, gateway_show_model),
	LIST("/models", false, gateway_list_models),
	LIST("/models/", true, gateway_show_model),
	GEMINI("generateContent", .op = CHAT_OP_CHAT, .on_body = gateway_chat),
	GEMINI("streamGenerateContent", .op = CHAT_OP_CHAT, .on_body = gateway_chat),
	GEMINI("embedContent", .on_body = gateway_embed),
	GEMINI("batchEmbedContents", .on_body = gateway_embed),
	GEMINI("countTokens", .op = CHAT_OP_COUNT, .on_body = gateway_chat),
	/* any other method */
	{.method = "POST",
		.path = SLICE_INIT("/v1beta/models/"),
		.is_prefix = true,
		.family = FAMILY_GEMINI,
		.on_head = gateway_no_such_path},
	GEMINI_LIST("/v1beta/models", false, gateway_list_models),
	GEMINI_LIST("/v1beta/models/", true, gateway_show_model),
	OLLAMA("POST", "chat", .on_body = gateway_chat),
	OLLAMA("POST", "generate", .on_body = gateway_chat),
	OLLAMA("POST", "embed", .on_body = gateway_embed),
	OLLAMA("POST", "embeddings", .on_body = gateway_embed),
	OLLAMA("GET", "tags", .on_head = gateway_list_models),
	OLLAMA("POST", "show", .on_body = gateway_ollama_show),
	OLLAMA("GET", "ps", .on_head = gateway_ollama_loaded),
	OLLAMA("GET", "version", .is_open = true, .on_head = gateway_ollama_version),
	OPEN("GET", "/", gateway_greet),
	OPEN("GET", "/api/hello", gateway_hello),
	OPEN("GET", "/healthz", gateway_health),
	OPEN("GET", "/readyz", gateway_ready),
};

/* Families of paths without a route of their own; the first that fits. */
static const struct {
	struct slice prefix;
	enum api_family family;
} families[] = {
	{SLICE_INIT("/v1/messages"), FAMILY_ANTHROPIC},
	{SLICE_INIT("/v1beta"), FAMILY_GEMINI},
	{SLICE_INIT("/v1internal"), FAMILY_GEMINI},
	{SLICE_INIT("/api/"), FAMILY_OLLAMA},
	{SLICE_INIT("/ollama/"), FAMILY_OLLAMA},
	{SLICE_INIT("/v1/chat/"), FAMILY_OPENAI},
	{SLICE_INIT("/chat/"), FAMILY_OPENAI},
	{SLICE_INIT("/v1/responses"), FAMILY_OPENAI},
	{SLICE_INIT("/responses"), FAMILY_OPENAI},
};

static bool has_path(const struct gateway_route *route, struct slice path) {
	if (!route->is_prefix) {
		return slice_eq(path, route->path);
	}
	return path.len > route->path.len + route->suffix.len &&
	       slice_starts_with(path, route->path) && slice_ends_with(path, route->suffix);
}

static bool has_method(const struct gateway_route *route, struct slice method) {
	return slice_is(method, route->method) ||
	       (slice_is(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

const struct gateway_route *gateway_route_find(
	struct slice method, struct slice path, const char **allow) {
	*allow = NULL;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!has_path(&routes[i], path)) {
			continue;
		}
		if (has_method(&routes[i], method)) {
			*allow = NULL;
			return &routes[i];
		}
		*allow = routes[i].allow                        ? routes[i].allow
			 : strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD"
								: "POST";
	}
	return NULL;
}

enum api_family gateway_family(struct slice path, const struct http_headers *headers) {
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		if (slice_starts_with(path, families[i].prefix)) {
			return families[i].family;
		}
	}
	return http_headers_count(headers, "anthropic-version") > 0 ? FAMILY_ANTHROPIC
								    : FAMILY_OPENAI;
}
