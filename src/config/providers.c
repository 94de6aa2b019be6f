/* providers.c: provider entries after loading: types, ids, URLs, keys (gateway.md 2.2); and the
 * providers that keys in the environment make when none is configured. */
#include "config/check.h"
#include "config/config_internal.h"

/* Ids that a later version or the program itself gives a meaning; the rest of the built-in ids are
 * those of config_provider_types. */
static const char *const later_types[] = {"vertex-compat", "vertex", "gemini-cli", "codex",
	"github-copilot", "copilot", "antigravity", "aistudio", "qwen", "kiro", "cline", "iflow",
	NULL};
static const char *const own_names[] = {"demo", "mock", "auto", NULL};

static bool is_one_of(struct slice text, const char *const *words) {
	for (; *words; words++) {
		if (slice_ieq(text, slice_of(*words))) {
			return true;
		}
	}
	return false;
}

static bool names_type(struct slice text, const struct config_provider_type *type) {
	return slice_ieq(text, slice_of(type->name)) ||
	       (type->alias && slice_ieq(text, slice_of(type->alias)));
}

static const struct config_provider_type *find_type(struct slice text) {
	for (const struct config_provider_type *type = config_provider_types; type->name; type++) {
		if (names_type(text, type)) {
			return type;
		}
	}
	return NULL;
}

static void refuse_type(struct config_loader *loader, const struct config_provider *provider) {
	struct slice text = provider->type_text;
	if (is_one_of(text, later_types)) {
		config_refuse(loader, provider->place,
			"provider type '%.*s' is not available in this version", SLICE_FMT(text));
		return;
	}
	const char *known[16];
	size_t count = 0;
	for (const struct config_provider_type *type = config_provider_types; type->name; type++) {
		known[count++] = type->name;
		if (type->alias) {
			known[count++] = type->alias;
		}
	}
	known[count] = NULL;
	config_refuse(loader, provider->place, "unknown provider type `%.*s`", SLICE_FMT(text));
	struct problems *problems = config_problems_of(loader, provider->place);
	const char *nearest = problems_nearest(text, known);
	if (nearest) {
		problems_hint(problems, "did you mean `%s`?", nearest);
	} else {
		struct buf all = {0};
		for (size_t i = 0; i < count; i++) {
			buf_printf(&all, "%s%s", i == 0 ? "" : ", ", known[i]);
		}
		problems_hint(problems, "types are %.*s", SLICE_FMT(buf_slice(&all)));
		buf_finish(&all);
	}
}

static struct slice lower(struct arena *arena, struct slice text) {
	char *copy = arena_strdup(arena, text);
	for (char *at = copy; *at; at++) {
		*at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
	}
	return slice_make(copy, text.len);
}

static bool is_id(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
		if (!is_alnum && (i == 0 || !strchr(" ._-", byte))) {
			return false;
		}
	}
	return text.len > 0;
}

/* ---- parts of an entry ---- */

static void finish_url(struct config_loader *loader, struct config_provider *provider) {
	struct slice url = slice_trim(provider->base_url);
	if (url.len == 0) {
		url = slice_of(provider->type->default_base_url);
	}
	while (url.len > 0 && url.data[url.len - 1] == '/') {
		url.len--;
	}
	provider->base_url = arena_dup(&loader->config->arena, url);
	provider->has_own_base_url = !slice_is(url, provider->type->default_base_url);
}

static void finish_name(struct config_loader *loader, struct config_provider *provider) {
	struct slice name = slice_trim(provider->name);
	if (name.len == 0) {
		if (provider->type->needs_name && provider->has_own_base_url &&
			!provider->is_from_environment) {
			config_refuse(loader, provider->place,
				"a provider of type %s with a base-url needs a `name`",
				provider->type->name);
		}
		provider->name = slice_of(provider->type->name);
		provider->id = provider->name;
		return;
	}
	struct slice id = lower(&loader->config->arena, name);
	provider->name = arena_dup(&loader->config->arena, name);
	provider->id = id;
	if (!is_id(id)) {
		config_refuse(loader, provider->place,
			"the provider name `%.*s` may only have letters, digits, blanks, `.`, `_` "
			"and `-`",
			SLICE_FMT(name));
		return;
	}
	const struct config_provider_type *type = find_type(id);
	if (type && type == provider->type) {
		provider->id = slice_of(type->name); /* anthropic is claude */
	} else if (type || is_one_of(id, later_types) || is_one_of(id, own_names)) {
		config_refuse(loader, provider->place,
			"`%.*s` is the name of a built-in provider; choose another",
			SLICE_FMT(name));
	}
}

static bool has_key(const struct config_provider *provider, struct slice key, struct slice proxy) {
	for (size_t i = 0; i < provider->api_keys.len; i++) {
		const struct config_key *known = &provider->api_keys.items[i];
		if (slice_eq(known->key, key) && slice_eq(known->proxy_url, proxy)) {
			return true;
		}
	}
	return false;
}

static void add_key(struct config_loader *loader, struct config_provider *provider,
	struct option_place place, struct slice key, struct slice proxy_url) {
	key = slice_trim(key);
	if (check_header_value(key)) {
		config_refuse(loader, place, "an API key has a control character in it");
	} else if (key.len > 0 && !has_key(provider, key, proxy_url)) {
		*ARENA_PUSH(&loader->config->arena, &provider->api_keys) = (struct config_key){
			.place = place,
			.key = arena_dup(&loader->config->arena, key),
			.proxy_url = proxy_url,
		};
	}
}

static void finish_keys(struct config_loader *loader, struct config_provider *provider) {
	struct config_key *given = provider->api_keys.items;
	size_t count = provider->api_keys.len;
	provider->api_keys.items = NULL;
	provider->api_keys.len = provider->api_keys.cap = 0;
	for (size_t i = 0; i < count; i++) {
		add_key(loader, provider, given[i].place, given[i].key, given[i].proxy_url);
	}
	if (count == 0) {
		add_key(loader, provider, provider->place, provider->single_key, (struct slice){0});
	}
	provider->single_key = (struct slice){0};
	/* A server of one's own may do without. */
	bool may_lack = provider->has_own_base_url || provider->type->needs_no_key;
	if (provider->api_keys.len == 0 && !may_lack && provider->is_enabled) {
		config_refuse(loader, provider->place, "provider %.*s needs an `api-key`",
			SLICE_FMT(provider->name));
	}
}

static void finish_headers(struct config_loader *loader, const struct config_provider *provider) {
	for (size_t i = 0; i < provider->headers.len; i++) {
		const struct option_pair *pair = &provider->headers.items[i];
		const char *wrong = check_header_name(pair->key);
		if (wrong) {
			config_refuse(loader, pair->place, "header `%.*s` %s", SLICE_FMT(pair->key),
				wrong);
		}
	}
}

static bool finish_provider(struct config_loader *loader, struct config_provider *provider) {
	if (provider->type_text.len == 0) {
		return false; /* reported by the reader */
	}
	provider->type = find_type(slice_trim(provider->type_text));
	if (!provider->type) {
		refuse_type(loader, provider);
		return false;
	}
	if (provider->wire != CONFIG_WIRE_CHAT && !provider->type->has_wires) {
		config_refuse(loader, provider->place,
			"a provider of type %s has no `wire`: it speaks one dialect alone",
			provider->type->name);
	}
	finish_url(loader, provider);
	finish_name(loader, provider);
	finish_keys(loader, provider);
	finish_headers(loader, provider);
	return true;
}

/* ---- the list ---- */

/* Two entries for one service are one with the keys of both; two services need two names. True when
 * the entry went into an earlier one. */
static bool merge_into_earlier(struct config_loader *loader, struct config_provider *provider) {
	for (struct config_provider *known = loader->config->providers.items; known < provider;
		known++) {
		if (!known->type || !slice_eq(known->id, provider->id)) {
			continue;
		}
		if (known->type != provider->type || known->wire != provider->wire ||
			!slice_eq(known->base_url, provider->base_url)) {
			config_refuse(loader, provider->place,
				"the provider name `%.*s` is used twice, first in line %u",
				SLICE_FMT(provider->name), known->place.line);
			return false;
		}
		for (size_t i = 0; i < provider->api_keys.len; i++) {
			const struct config_key *key = &provider->api_keys.items[i];
			add_key(loader, known, key->place, key->key, key->proxy_url);
		}
		for (size_t i = 0; i < provider->models.len; i++) {
			*ARENA_PUSH(&loader->config->arena, &known->models) =
				provider->models.items[i];
		}
		problems_warn(config_problems_of(loader, provider->place), provider->place.line,
			provider->place.column,
			"provider %.*s is given twice; the keys of both are used",
			SLICE_FMT(provider->name));
		return true;
	}
	return false;
}

static bool is_own_address(const struct config *config, struct slice url) {
	struct slice rest = slice_from(url, slice_find(url, SLICE("://")) + 3);
	size_t slash = slice_find_byte(rest, '/');
	struct slice authority = slice_sub(rest, 0, slash == SIZE_MAX ? rest.len : slash);
	size_t colon = SIZE_MAX;
	for (size_t i = 0; i < authority.len; i++) {
		colon = authority.data[i] == ':' ? i : colon;
	}
	int64_t port;
	return colon != SIZE_MAX && slice_to_int64(slice_from(authority, colon + 1), &port) &&
	       port == config->port && config_host_is_loopback(slice_sub(authority, 0, colon));
}

/* The first of the two that is set; NULL when neither is. */
static const struct config_variable *either_variable(
	struct config_loader *loader, const char *name, const char *other) {
	const struct config_variable *found = config_variable(loader, name);
	return found || !other ? found : config_variable(loader, other);
}

static void make_from_environment(
	struct config_loader *loader, const struct config_provider_type *type) {
	struct config *config = loader->config;
	const struct config_variable *key =
		either_variable(loader, type->key_env, type->other_key_env);
	const struct config_variable *url =
		either_variable(loader, type->base_url_env, type->other_base_url_env);
	const struct config_variable *cause = type->needs_no_key ? url : key;
	if (!cause) {
		return;
	}
	struct slice base = url ? slice_trim(url->value) : (struct slice){0};
	if (url && type->needs_no_key) {
		base = config_ollama_url(&config->arena, base);
	}
	const char *wrong = url ? check_http_url(base) : NULL;
	if (wrong && type->needs_no_key) {
		/* Another program's variable, in words of its own, is no reason not to start. */
		config_note(loader, true, "`%s` %s; it is not used", url->name, wrong);
		return;
	}
	if (wrong) {
		config_refuse(loader, (struct option_place){.file = "environment"}, "`%s` %s",
			url->name, wrong);
		return;
	}
	if (url && is_own_address(config, base)) {
		/* Set for clients, so that they come here: using it would be a circle. */
		config_note(loader, true, "%s points at this server; %s is not used", url->name,
			type->needs_no_key ? "it" : key->name);
		return;
	}
	struct config_provider *provider = ARENA_PUSH(&config->arena, &config->providers);
	provider->place.file = cause->source;
	provider->place.line = cause->line;
	provider->type_text = slice_of(type->name);
	provider->base_url = base;
	provider->single_key = key ? key->value : (struct slice){0};
	provider->is_enabled = true;
	provider->is_from_environment = true;
	finish_provider(loader, provider);
	config_note(loader, false, "using %s from %s as provider %s%s%s", cause->name,
		cause->line ? cause->source : "the environment", type->name,
		url && url != cause ? " with " : "", url && url != cause ? url->name : "");
}

void config_finish_providers(struct config_loader *loader) {
	struct config *config = loader->config;
	if (config->providers.len == 0) {
		for (const struct config_provider_type *type = config_provider_types; type->name;
			type++) {
			make_from_environment(loader, type);
		}
		return;
	}
	size_t kept = 0;
	for (size_t i = 0; i < config->providers.len; i++) {
		struct config_provider *provider = &config->providers.items[kept];
		*provider = config->providers.items[i];
		if (!finish_provider(loader, provider) || !merge_into_earlier(loader, provider)) {
			kept++;
		}
	}
	config->providers.len = kept;
}
