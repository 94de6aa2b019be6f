/* openai.c: the profiles of OpenAI and of every host that speaks its Chat Completions or its
 * Responses. */
#include "providers/providers_internal.h"

/* Offered when the configuration lists no models and the host is the vendor's; any other name may
 * be asked for too. */
static const struct provider_model models[] = {
	{"gpt-5.2", "GPT-5.2"},
	{"gpt-5.1", "GPT-5.1"},
	{"gpt-5", "GPT-5"},
	{"gpt-5-mini", "GPT-5 mini"},
	{"gpt-5-nano", "GPT-5 nano"},
	{"gpt-4.1", "GPT-4.1"},
	{"gpt-4.1-mini", "GPT-4.1 mini"},
	{"gpt-4.1-nano", "GPT-4.1 nano"},
	{"gpt-4o", "GPT-4o"},
	{"gpt-4o-mini", "GPT-4o mini"},
	{"o3", "o3"},
	{"o4-mini", "o4-mini"},
	{"text-embedding-3-large", "Text Embedding 3 large"},
	{"text-embedding-3-small", "Text Embedding 3 small"},
};

/* formats.md OC-3, OC-10, OC-12, E-88: hosts that refuse or want something of their own. */
static const struct provider_host hosts[] = {
	{"api.mistral.ai", QUIRK_NO_DEVELOPER | QUIRK_NO_STREAM_OPTIONS},
	{"api.deepseek.com", QUIRK_NO_DEVELOPER | QUIRK_NO_JSON_SCHEMA | QUIRK_REASONING_CONTENT},
	{"api.moonshot.ai", QUIRK_NO_DEVELOPER | QUIRK_REASONING_CONTENT},
	{"api.moonshot.cn", QUIRK_NO_DEVELOPER | QUIRK_REASONING_CONTENT},
	{"api.z.ai", QUIRK_NO_DEVELOPER | QUIRK_REASONING_CONTENT},
	{".aliyuncs.com", QUIRK_NO_DEVELOPER | QUIRK_REASONING_CONTENT},
};

static const char *const passed_headers[] = {"openai-beta", NULL};

static const char *const returned_headers[] = {"x-ratelimit-", NULL};

const struct provider provider_openai = {
	.type = "openai",
	.responses = &provider_openai_responses,
	.vendor = "openai",
	.title = "OpenAI or a compatible API",
	.format = FORMAT_OPENAI_CHAT,
	.auth = PROVIDER_AUTH_BEARER,
	.official_host = "api.openai.com",
	.quirks = QUIRK_NO_DEVELOPER, /* E-56 */
	.hosts = hosts,
	.host_count = sizeof hosts / sizeof *hosts,
	.paths = {[PROVIDER_OP_CHAT] = "/chat/completions",
		[PROVIDER_OP_EMBED] = "/embeddings",
		[PROVIDER_OP_MODELS] = "/models"},
	.base_url_has_version = true,
	.passed_headers = passed_headers,
	.returned_headers = returned_headers,
	.models = models,
	.model_count = sizeof models / sizeof *models,
};

const struct provider provider_openai_responses = {
	.type = "openai",
	.vendor = "openai",
	.title = "OpenAI or a compatible API, asked in Responses",
	.format = FORMAT_OPENAI_RESPONSES,
	.auth = PROVIDER_AUTH_BEARER,
	.official_host = "api.openai.com",
	.paths = {[PROVIDER_OP_CHAT] = "/responses",
		[PROVIDER_OP_COUNT] = "/responses/input_tokens",
		[PROVIDER_OP_COMPACT] = "/responses/compact",
		[PROVIDER_OP_MODELS] = "/models"},
	.base_url_has_version = true,
	.passed_headers = passed_headers,
	.returned_headers = returned_headers,
	.models = models,
	.model_count = sizeof models / sizeof *models,
};
