/* upstream.c: the backend made of a provider entry: its accounts, its models, what is the same for
 * every call. The calls themselves are in upstream_call.c. */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mux/upstream.h"

static bool can_retry(const struct backend *backend, const struct number_set *tried) {
	return pool_has_untried(&((const struct upstream *)(const void *)backend)->pool, tried);
}

/* Whoever names the backend may ask it for models that the configuration does not list. */
static bool takes_model(const struct backend *backend, struct slice model, struct slice *name) {
	const struct upstream *upstream = (const struct upstream *)(const void *)backend;
	if (config_model_is_excluded(upstream->settings, model)) {
		return false;
	}
	*name = model;
	return true;
}

static bool takes_candidates(const struct backend *backend, const struct chat_request *request) {
	const struct format *format = ((const struct upstream *)(const void *)backend)->format;
	return format->has_candidates || format_can_splice(format, request);
}

static void describe(const struct backend *backend, struct mux_backend_info *info) {
	const struct upstream *upstream = (const struct upstream *)(const void *)backend;
	info->type = upstream->provider->type;
	info->base_url = upstream->base_url.data;
	info->accounts = upstream->pool.count;
	info->keys = upstream->settings->api_keys.len;
	info->models = upstream->model_count;
}

static void destroy(struct backend *backend) {
	struct upstream *upstream = (struct upstream *)(void *)backend;
	pool_finish(&upstream->pool);
	free(upstream);
}

static const struct backend_kind kind = {
	.name = "upstream",
	.submit = upstream_submit,
	.pause = upstream_pause,
	.resume = upstream_resume,
	.release = upstream_release,
	.can_retry = can_retry,
	.takes_model = takes_model,
	.takes_candidates = takes_candidates,
	.describe = describe,
	.destroy = destroy,
};

/* NULL: none but the environment's; "direct": none at all. */
const char *upstream_proxy(
	const struct config *config, const struct config_provider *settings, struct slice of_key) {
	struct slice proxy = of_key;
	if (proxy.len == 0) {
		proxy = settings->proxy_url;
	}
	if (proxy.len == 0) {
		proxy = config->proxy_url;
	}
	if (proxy.len == 0) {
		return NULL;
	}
	return slice_ieq(proxy, SLICE("none")) || slice_ieq(proxy, SLICE("direct")) ? "direct"
										    : proxy.data;
}

static void make_accounts(struct mux *mux, struct arena *arena, struct upstream *upstream) {
	const struct config_provider *settings = upstream->settings;
	size_t keys = settings->api_keys.len;
	pool_init(&upstream->pool, keys > 0 ? keys : 1);
	for (size_t i = 0; i < upstream->pool.count; i++) {
		struct account *account = &upstream->pool.accounts[i];
		struct slice proxy = {0};
		account->label =
			arena_printf(arena, "%.*s#%zu", SLICE_FMT(settings->id), i + 1).data;
		if (keys > 0) {
			account->key = settings->api_keys.items[i].key;
			proxy = settings->api_keys.items[i].proxy_url;
			log_add_secret(mux->log, account->key);
		}
		account->proxy = upstream_proxy(mux->config, settings, proxy);
	}
}

static void add_model(struct mux *mux, struct upstream *upstream, struct slice name,
	struct slice visible, bool forces_name, const char *display_name) {
	const struct config_provider *settings = upstream->settings;
	if (config_model_is_excluded(settings, visible) ||
		config_model_is_excluded(settings, name)) {
		return;
	}
	const struct model_family *family = model_family_of(name);
	const struct mux_model facts = {
		.owned_by = upstream->base.name,
		.display_name = display_name,
		.context_tokens = family->context_tokens,
		.max_output_tokens = family->max_output_tokens,
		.capabilities = family->capabilities,
	};
	registry_add(&mux->registry, &upstream->base, visible, name, forces_name, &facts);
	upstream->model_count++;
}

/* The configured list; without one the profile's, where it fits the host: at the vendor's own, and
 * at every host of Anthropic's and Gemini's dialects (gateway.md 2.2), and what the host itself
 * says. */
static void add_models(
	struct mux *mux, struct upstream *upstream, const struct mux_found_list *found) {
	const struct config_provider *settings = upstream->settings;
	const struct provider *provider = upstream->provider;
	for (size_t i = 0; i < settings->models.len; i++) {
		const struct config_model *model = &settings->models.items[i];
		add_model(mux, upstream, model->name,
			model->alias.len > 0 ? model->alias : model->name, model->forces_name,
			NULL);
	}
	bool is_listed = settings->models.len > 0;
	bool fits = (upstream->quirks & QUIRK_OFFICIAL) != 0 ||
		    provider->format == FORMAT_ANTHROPIC || provider->format == FORMAT_GEMINI;
	for (size_t i = 0; !is_listed && fits && i < provider->model_count; i++) {
		struct slice id = slice_of(provider->models[i].id);
		add_model(mux, upstream, id, id, false, provider->models[i].display_name);
	}
	for (size_t i = 0; !is_listed && found != NULL && i < found->count; i++) {
		add_model(mux, upstream, found->models[i], found->models[i], false, NULL);
	}
}

static void copy_headers(struct mux *mux, struct arena *arena, struct upstream *upstream) {
	const struct option_map *headers = &upstream->settings->headers;
	upstream->headers = ARENA_ARRAY(arena, struct http_header, headers->len + 1);
	for (size_t i = 0; i < headers->len; i++) {
		upstream->headers[i].name = headers->items[i].key;
		upstream->headers[i].value = headers->items[i].value;
		log_add_secret(mux->log, headers->items[i].value);
	}
	upstream->header_count = headers->len;
}

static unsigned to_ms(int64_t ms) {
	return ms <= 0 ? 0 : ms >= UINT_MAX ? UINT_MAX : (unsigned)ms;
}

struct upstream *upstream_make(struct mux *mux, struct arena *arena,
	const struct config_provider *settings, struct slice base_url, struct error *error) {
	const struct config *config = mux->config;
	const struct provider *provider = provider_find(slice_of(settings->type->name));
	if (provider != NULL && settings->wire == CONFIG_WIRE_RESPONSES) {
		provider = provider->responses;
	}
	const struct format *format = provider != NULL ? format_get(provider->format) : NULL;
	if (format == NULL || format->build_request == NULL) {
		error_set(error, ERROR_CONFIGURATION,
			"provider '%.*s': this build cannot talk to a provider of type '%s'",
			SLICE_FMT(settings->id), settings->type->name);
		return NULL;
	}
	struct upstream *upstream = mem_calloc(1, sizeof *upstream);
	upstream->base.kind = &kind;
	upstream->base.name = arena_strdup(arena, settings->id);
	upstream->base.is_open = settings->models.len == 0;
	upstream->base.vendor = provider->vendor;
	upstream->mux = mux;
	upstream->provider = provider;
	upstream->format = format;
	upstream->settings = settings;
	upstream->base_url = arena_dup(arena, base_url);
	upstream->quirks = provider_quirks(provider, upstream->base_url);
	for (int op = 0; op < PROVIDER_OP_TOTAL; op++) {
		upstream->urls[op] =
			provider_url(provider, (enum provider_op)op, upstream->base_url, arena);
	}
	upstream->timeouts = (struct client_timeouts){
		.connect_ms = to_ms(config->timeouts.connect_ms),
		.first_byte_ms = to_ms(config->timeouts.first_byte_ms),
		.idle_ms = to_ms(config->timeouts.idle_ms),
		.total_ms = to_ms(config->timeouts.total_ms),
	};
	copy_headers(mux, arena, upstream);
	make_accounts(mux, arena, upstream);
	return upstream;
}

struct backend *upstream_create(struct mux *mux, const struct config_provider *settings,
	const struct mux_found *found, struct error *error) {
	const char *name = arena_strdup(&mux->arena, settings->id);
	struct slice base_url = config_endpoint(mux->config, name, "base");
	struct upstream *upstream = upstream_make(mux, &mux->arena, settings,
		base_url.len > 0 ? base_url : settings->base_url, error);
	if (upstream == NULL) {
		return NULL;
	}
	add_models(mux, upstream, mux_found_of(found, settings->id));
	return &upstream->base;
}
