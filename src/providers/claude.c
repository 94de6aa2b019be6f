/* claude.c: the profile of Anthropic's Messages API and of hosts that are compatible with it. */
#include "providers/providers_internal.h"

/* Offered when the configuration lists no models; any other name may be asked for too. */
static const struct provider_model models[] = {
	{"claude-opus-4-8", "Claude Opus 4.8"},
	{"claude-opus-4-7", "Claude Opus 4.7"},
	{"claude-opus-4-6", "Claude Opus 4.6"},
	{"claude-sonnet-4-6", "Claude Sonnet 4.6"},
	{"claude-opus-4-5", "Claude Opus 4.5"},
	{"claude-sonnet-4-5", "Claude Sonnet 4.5"},
	{"claude-haiku-4-5", "Claude Haiku 4.5"},
};

/* AN-26. A client of this format may name another version. */
static const struct http_header headers[] = {
	{SLICE_INIT("anthropic-version"), SLICE_INIT("2023-06-01")},
};
static const char *const passed_headers[] = {"anthropic-version", NULL};

/* Adds the values of a comma-separated list that are not in `list` yet. */
static void add_betas(struct arena *arena, struct slice *list, struct slice values) {
	struct slice value;
	while (slice_split(&values, ',', &value)) {
		value = slice_trim(value);
		struct slice rest = *list, known;
		bool is_known = value.len == 0;
		while (!is_known && slice_split(&rest, ',', &known)) {
			is_known = slice_eq(known, value);
		}
		if (!is_known && list->len == 0) {
			*list = value;
		} else if (!is_known) {
			*list = arena_printf(
				arena, "%.*s,%.*s", SLICE_FMT(*list), SLICE_FMT(value));
		}
	}
}

/* AN-26: the client's betas when it speaks this format (the header may repeat), and what the body
 * needs. */
static void prepare(const struct provider *provider, struct provider_call *call) {
	struct slice betas = {0};
	const struct http_headers *client = call->client_headers;
	if (client != NULL && call->client_format == provider->format) {
		for (size_t i = 0; i < client->len; i++) {
			if (slice_ieq(client->items[i].name, SLICE("anthropic-beta"))) {
				add_betas(call->arena, &betas, client->items[i].value);
			}
		}
	}
	for (size_t i = 0; call->built != NULL && i < call->built->beta_count; i++) {
		add_betas(call->arena, &betas, call->built->betas[i]);
	}
	if (betas.len > 0) {
		provider_set_header(call, SLICE("anthropic-beta"), betas);
	}
}

static const char *const returned_headers[] = {"anthropic-ratelimit-", NULL};

const struct provider provider_claude = {
	.type = "claude",
	.alias = "anthropic",
	.vendor = "anthropic",
	.title = "Anthropic or a compatible API",
	.format = FORMAT_ANTHROPIC,
	.auth = PROVIDER_AUTH_X_API_KEY,
	.official_host = "api.anthropic.com",
	.paths = {[PROVIDER_OP_CHAT] = "/v1/messages",
		[PROVIDER_OP_COUNT] = "/v1/messages/count_tokens",
		[PROVIDER_OP_MODELS] = "/v1/models"},
	.headers = headers,
	.header_count = sizeof headers / sizeof *headers,
	.passed_headers = passed_headers,
	.returned_headers = returned_headers,
	.models = models,
	.model_count = sizeof models / sizeof *models,
	.prepare = prepare,
};
