/* ollama.c: the profile of Ollama, on this machine or another, and of ollama.com. */
#include "providers/providers_internal.h"

const struct provider provider_ollama = {
	.type = "ollama",
	.title = "Ollama",
	.format = FORMAT_OLLAMA,
	.auth = PROVIDER_AUTH_BEARER,
	.official_host = "ollama.com",
	.paths = {[PROVIDER_OP_CHAT] = "/api/chat",
		[PROVIDER_OP_GENERATE] = "/api/generate",
		[PROVIDER_OP_EMBED] = "/api/embed",
		[PROVIDER_OP_MODELS] = "/api/tags"},
};
