/* registry.c: the table of profiles, and what follows from a profile and a base URL. */
#include "base/encoding.h"
#include "providers/providers_internal.h"

static const struct provider *const providers[] = {
	&provider_openai, &provider_claude, &provider_gemini, &provider_ollama, NULL};

const struct provider *const *provider_all(void) {
	return providers;
}

const struct provider *provider_find(struct slice type) {
	for (const struct provider *const *p = providers; *p != NULL; p++) {
		if (slice_ieq(type, slice_of((*p)->type)) ||
			((*p)->alias != NULL && slice_ieq(type, slice_of((*p)->alias)))) {
			return *p;
		}
	}
	return NULL;
}

/* The host of an http(s) URL, without user and port. */
static struct slice host_of(struct slice url) {
	size_t scheme = slice_find(url, SLICE("://"));
	struct slice host = scheme == SIZE_MAX ? url : slice_from(url, scheme + 3);
	size_t end = 0;
	while (end < host.len && host.data[end] != '/' && host.data[end] != '?') {
		end++;
	}
	host.len = end;
	size_t user = slice_find_byte(host, '@');
	if (user != SIZE_MAX) {
		host = slice_from(host, user + 1);
	}
	if (host.len > 0 && host.data[0] == '[') {
		size_t bracket = slice_find_byte(host, ']');
		return bracket == SIZE_MAX ? host : slice_sub(host, 0, bracket + 1);
	}
	size_t port = slice_find_byte(host, ':');
	return port == SIZE_MAX ? host : slice_sub(host, 0, port);
}

static bool is_host(struct slice host, struct slice pattern) {
	if (pattern.data[0] == '.') {
		return host.len > pattern.len &&
		       slice_ieq(slice_from(host, host.len - pattern.len), pattern);
	}
	return slice_ieq(host, pattern);
}

uint32_t provider_quirks(const struct provider *provider, struct slice base_url) {
	struct slice host = host_of(base_url);
	if (slice_ieq(host, slice_of(provider->official_host))) {
		return QUIRK_OFFICIAL;
	}
	for (size_t i = 0; i < provider->host_count; i++) {
		if (is_host(host, slice_of(provider->hosts[i].host))) {
			return provider->hosts[i].quirks;
		}
	}
	return provider->quirks;
}

const char *provider_url(const struct provider *provider, enum provider_op op,
	struct slice base_url, struct arena *arena) {
	if (provider->paths[op] == NULL) {
		return NULL;
	}
	while (slice_ends_with(base_url, SLICE("/"))) {
		base_url.len--;
	}
	static const struct slice versions[] = {SLICE_INIT("/v1"), SLICE_INIT("/v1beta")};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		if (!provider->base_url_has_version && slice_ends_with(base_url, versions[i])) {
			base_url.len -= versions[i].len;
		}
	}
	return arena_printf(arena, "%.*s%s", SLICE_FMT(base_url), provider->paths[op]).data;
}

const char *provider_url_for(const char *url, struct slice model, struct arena *arena) {
	static const struct slice placeholder = SLICE_INIT("{model}");
	struct slice whole = slice_of(url);
	size_t at = slice_find(whole, placeholder);
	if (at == SIZE_MAX) {
		return url;
	}
	struct buf out;
	struct slice segment;
	buf_init(&out, 0);
	buf_append(&out, slice_sub(whole, 0, at));
	for (bool is_first = true; slice_split(&model, '/', &segment); is_first = false) {
		if (slice_is(segment, ".") || slice_is(segment, "..")) {
			buf_finish(&out);
			return NULL;
		}
		if (!is_first) {
			buf_append_byte(&out, '/');
		}
		percent_encode(segment, &out);
	}
	buf_append(&out, slice_from(whole, at + placeholder.len));
	const char *made = arena_strdup(arena, buf_slice(&out));
	buf_finish(&out);
	return made;
}
