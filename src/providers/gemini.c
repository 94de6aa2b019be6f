/* gemini.c: the profile of Google's Gemini API and of hosts that are compatible with it (GM-1). */
#include "providers/providers_internal.h"

/* Offered when the configuration lists no models; any other name may be asked for too. */
static const struct provider_model models[] = {
	{"gemini-3.1-pro-preview", "Gemini 3.1 Pro"},
	{"gemini-3-pro-preview", "Gemini 3 Pro"},
	{"gemini-3-flash-preview", "Gemini 3 Flash"},
	{"gemini-2.5-pro", "Gemini 2.5 Pro"},
	{"gemini-2.5-flash", "Gemini 2.5 Flash"},
	{"gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite"},
	{"gemini-2.0-flash", "Gemini 2.0 Flash"},
	{"gemma-3-27b-it", "Gemma 3 27B"},
	{"gemini-embedding-001", "Gemini Embedding 001"},
};

const struct provider provider_gemini = {
	.type = "gemini",
	.alias = "google",
	.vendor = "google",
	.title = "Gemini or a compatible API",
	.format = FORMAT_GEMINI,
	.auth = PROVIDER_AUTH_X_GOOG_API_KEY,
	.official_host = "generativelanguage.googleapis.com",
	.paths = {[PROVIDER_OP_CHAT] = "/v1beta/models/{model}:generateContent",
		[PROVIDER_OP_STREAM] = "/v1beta/models/{model}:streamGenerateContent?alt=sse",
		[PROVIDER_OP_COUNT] = "/v1beta/models/{model}:countTokens",
		[PROVIDER_OP_EMBED] = "/v1beta/models/{model}:batchEmbedContents",
		[PROVIDER_OP_MODELS] = "/v1beta/models"},
	.models = models,
	.model_count = sizeof models / sizeof *models,
};
