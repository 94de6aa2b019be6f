/* named_http.c: backends of [backends.*] that are HTTP APIs: the upstream backend over a URL, a key
 * and headers out of the configuration (workflows.md 2.2, 2.3). */
#include "mux/role_internal.h"
#include "mux/upstream.h"

#define MAX_REDIRECTS 5
#define CLAUDE_KEY_ENV "ANTHROPIC_API_KEY"

/* What the two kinds differ in. */
struct api {
	const char *provider;
	const char *default_url; /* NULL: it must be given */
	const char *key_env;     /* looked at when the configuration names none; NULL: none */
	bool needs_key;
};
static const struct api apis[] = {
	[RUNNER_BACKEND_HTTP] = {"openai", NULL, NULL, false},
	[RUNNER_BACKEND_CLAUDE_API] = {"claude", "https://api.anthropic.com", CLAUDE_KEY_ENV, true},
};

/* ---- what the settings say, expanded ---- */

static const char *key_path(
	const struct runner_backend *settings, const char *key, struct arena *arena) {
	return arena_printf(arena, "backends.%.*s.%s", SLICE_FMT(settings->name), key).data;
}

bool named_expand(const struct mux *mux, const struct runner_backend *settings, const char *key,
	struct slice text, struct arena *arena, struct slice *out, struct error *error) {
	struct option_place place = runner_backend_place(runner_of(mux->config), settings, key);
	return runner_expand(text, key_path(settings, key, arena), &place, mux->environment,
		mux->secrets, arena, out, error);
}

static bool has_variable(const struct mux *mux, struct slice name) {
	for (char *const *at = mux->environment; *at != NULL; at++) {
		struct slice pair = slice_of(*at);
		if (slice_starts_with(pair, name) && pair.len > name.len + 1 &&
			pair.data[name.len] == '=') {
			return true;
		}
	}
	return false;
}

/* The value of a variable that is set and not empty, as a secret. */
static bool read_variable(const struct mux *mux, const struct runner_backend *settings,
	struct slice name, struct arena *arena, struct slice *out, struct error *error) {
	if (!has_variable(mux, name)) {
		struct option_place place =
			runner_backend_place(runner_of(mux->config), settings, "api_key_env");
		return error_set(error, ERROR_UNAVAILABLE,
			"the variable %.*s is not set: it holds the key of the backend `%.*s` "
			"(%s:%u)",
			SLICE_FMT(name), SLICE_FMT(settings->name),
			place.file != NULL ? place.file : "default", (unsigned)place.line);
	}
	struct slice text = arena_printf(arena, "${%.*s}", SLICE_FMT(name));
	return named_expand(mux, settings, "api_key_env", text, arena, out, error);
}

/* 1.5, 2.3: api_key_env wins; api_key is used when no variable has a key. */
static bool read_key(const struct mux *mux, const struct runner_backend *settings,
	const struct api *api, struct arena *arena, struct slice *key, struct error *error) {
	struct slice named = settings->api_key_env;
	struct slice usual = api->key_env != NULL ? slice_of(api->key_env) : (struct slice){0};
	if (named.len == 0) {
		named = usual;
	}
	if (named.len > 0 && (has_variable(mux, named) || settings->api_key.len == 0)) {
		return read_variable(mux, settings, named, arena, key, error);
	}
	if (settings->api_key.len == 0) {
		return !api->needs_key || read_variable(mux, settings, usual, arena, key, error);
	}
	if (!named_expand(mux, settings, "api_key", settings->api_key, arena, key, error)) {
		return false;
	}
	if (mux->secrets != NULL) {
		runner_secrets_add(mux->secrets, *key);
	}
	return true;
}

static bool is_url(struct slice text) {
	return slice_istarts_with(text, SLICE("http://")) ||
	       slice_istarts_with(text, SLICE("https://"));
}

static bool read_url(const struct mux *mux, const struct runner_backend *settings,
	const struct api *api, struct arena *arena, struct slice *url, struct error *error) {
	struct error wrong;
	const char *key = settings->base_url.len > 0 ? "base_url" : "command";
	if (!named_expand(mux, settings, key,
		    settings->base_url.len > 0 ? settings->base_url : settings->command, arena, url,
		    error)) {
		return false;
	}
	if (settings->base_url.len == 0 && !is_url(*url) && api->default_url != NULL) {
		*url = slice_of(api->default_url);
	}
	if (!client_check_url(*url, false, &wrong)) {
		struct option_place place =
			runner_backend_place(runner_of(mux->config), settings, key);
		return error_set(error, ERROR_CONFIGURATION, "%s of the backend `%.*s` (%s:%u): %s",
			key, SLICE_FMT(settings->name), place.file != NULL ? place.file : "default",
			(unsigned)place.line, wrong.message);
	}
	return true;
}

static bool read_headers(const struct mux *mux, const struct runner_backend *settings,
	struct arena *arena, struct option_map *headers, struct error *error) {
	headers->items = ARENA_ARRAY(arena, struct option_pair, settings->headers.len + 1);
	for (size_t i = 0; i < settings->headers.len; i++) {
		const struct option_pair *pair = &settings->headers.items[i];
		struct slice key = arena_printf(arena, "headers.%.*s", SLICE_FMT(pair->key));
		headers->items[i] = *pair;
		if (!runner_expand(pair->value, key_path(settings, key.data, arena), &pair->place,
			    mux->environment, mux->secrets, arena, &headers->items[i].value,
			    error)) {
			return false;
		}
		headers->len++;
	}
	return true;
}

bool named_http_read(const struct mux *mux, const struct runner_backend *settings,
	struct arena *arena, struct named_http *http, struct error *error) {
	const struct api *api = &apis[settings->kind];
	*http = (struct named_http){0};
	return read_url(mux, settings, api, arena, &http->base_url, error) &&
	       read_key(mux, settings, api, arena, &http->key, error) &&
	       read_headers(mux, settings, arena, &http->headers, error);
}

/* ---- where calls go ---- */

/* Splits at the query, and cuts slashes off the end of the path. */
static struct slice split_query(struct slice url, struct slice *query) {
	size_t at = slice_find_byte(url, '?');
	*query = at == SIZE_MAX ? SLICE("") : slice_from(url, at);
	url = at == SIZE_MAX ? url : slice_sub(url, 0, at);
	while (slice_ends_with(url, SLICE("/"))) {
		url.len--;
	}
	return url;
}

static bool has_path(struct slice url) {
	size_t scheme = slice_find(url, SLICE("://"));
	return slice_find_byte(slice_from(url, scheme + strlen("://")), '/') != SIZE_MAX;
}

/* 2.2: a base that ends in the call's own path stays as it is, one without a path gets the usual
 * one. */
static void set_openai_urls(struct upstream *upstream, struct slice base, struct arena *arena) {
	static const struct slice chat = SLICE_INIT("/chat/completions");
	struct slice query;
	base = split_query(base, &query);
	if (slice_ends_with(base, chat)) {
		base.len -= chat.len;
	} else if (!has_path(base)) {
		base = arena_printf(arena, "%.*s/v1", SLICE_FMT(base));
	}
	upstream->urls[PROVIDER_OP_CHAT] = arena_printf(
		arena, "%.*s%.*s%.*s", SLICE_FMT(base), SLICE_FMT(chat), SLICE_FMT(query))
						   .data;
	upstream->urls[PROVIDER_OP_MODELS] =
		arena_printf(arena, "%.*s/models%.*s", SLICE_FMT(base), SLICE_FMT(query)).data;
}

/* The profile wants the place before /v1. */
static struct slice claude_base(struct slice base) {
	static const struct slice messages = SLICE_INIT("/v1/messages");
	struct slice query;
	base = split_query(base, &query);
	if (slice_ends_with(base, messages)) {
		base.len -= messages.len;
	}
	return base;
}

static const struct config_provider_type *type_of(const char *name) {
	const struct config_provider_type *type = config_provider_types;
	while (strcmp(type->name, name) != 0) {
		type++;
	}
	return type;
}

struct backend *named_http_create(struct mux *mux, struct arena *arena,
	const struct runner_backend *settings, const struct named_http *http, struct error *error) {
	bool is_claude = settings->kind == RUNNER_BACKEND_CLAUDE_API;
	struct config_provider *provider = ARENA_NEW(arena, struct config_provider);
	*provider = (struct config_provider){
		.place = settings->place,
		.type = type_of(apis[settings->kind].provider),
		.id = settings->name,
		.name = settings->name,
		.base_url = is_claude ? claude_base(http->base_url) : http->base_url,
		.has_own_base_url = true,
		.is_enabled = true,
		.headers = http->headers,
	};
	if (http->key.len > 0) {
		provider->api_keys.items = ARENA_NEW(arena, struct config_key);
		provider->api_keys.items[0] = (struct config_key){.key = http->key};
		provider->api_keys.len = 1;
	}
	struct upstream *upstream = upstream_make(mux, arena, provider, provider->base_url, error);
	if (upstream == NULL) {
		return NULL;
	}
	if (!is_claude) {
		set_openai_urls(upstream, http->base_url, arena);
	}
	/* The only account is the backend itself, and the only time limit the attempt's. */
	upstream->pool.accounts[0].label = upstream->base.name;
	upstream->timeouts = (struct client_timeouts){.connect_ms = upstream->timeouts.connect_ms};
	upstream->max_redirects = MAX_REDIRECTS;
	upstream->has_literal_headers = upstream->quotes_answers = true;
	return &upstream->base;
}
