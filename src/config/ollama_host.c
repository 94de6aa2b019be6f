/* ollama_host.c: where Ollama is: OLLAMA_HOST, as loosely as Ollama itself reads it, and the one on
 * this machine. */
#include "config/config_internal.h"

#define OLLAMA_PORT 11434

/* "host:port", "[v6]:port" or either alone; a bare IPv6 address has no port. */
static void split_port(struct slice authority, struct slice *host, struct slice *port) {
	size_t colon = SIZE_MAX, colons = 0;
	for (size_t i = 0; i < authority.len; i++) {
		if (authority.data[i] == ':') {
			colon = i;
			colons++;
		} else if (authority.data[i] == ']') {
			colons = 0;
			colon = SIZE_MAX;
		}
	}
	bool has_port = colons == 1;
	*host = has_port ? slice_sub(authority, 0, colon) : authority;
	*port = has_port ? slice_from(authority, colon + 1) : (struct slice){0};
	if (slice_starts_with(*host, SLICE("[")) && slice_ends_with(*host, SLICE("]"))) {
		*host = slice_sub(*host, 1, host->len - 2);
	}
}

static bool is_any_address(struct slice host) {
	return host.len == 0 || slice_is(host, "0.0.0.0") || slice_is(host, "::");
}

struct slice config_ollama_url(struct arena *arena, struct slice text) {
	struct slice scheme = SLICE("http"), host, port, path = {0};
	int64_t number = OLLAMA_PORT, given;
	text = slice_trim(text);
	if (text.len >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
		text.data[text.len - 1] == text.data[0]) {
		text = slice_trim(slice_sub(text, 1, text.len - 2));
	}
	size_t mark = slice_find(text, SLICE("://"));
	if (mark != SIZE_MAX) {
		scheme = slice_sub(text, 0, mark);
		number = slice_ieq(scheme, SLICE("https")) ? 443 : 80;
		text = slice_from(text, mark + 3);
	} else if (slice_is(text, "ollama.com")) {
		scheme = SLICE("https");
		number = 443;
	}
	size_t slash = slice_find_byte(text, '/');
	if (slash != SIZE_MAX) {
		path = slice_from(text, slash);
		text = slice_sub(text, 0, slash);
	}
	while (slice_ends_with(path, SLICE("/"))) {
		path.len--;
	}
	split_port(text, &host, &port);
	if (slice_to_int64(port, &given) && given > 0 && given <= UINT16_MAX) {
		number = given;
	}
	bool is_v6 = slice_find_byte(host, ':') != SIZE_MAX;
	if (is_any_address(host)) {
		is_v6 = false;
		host = SLICE("127.0.0.1");
	}
	return arena_printf(arena, "%.*s://%s%.*s%s:%lld%.*s", SLICE_FMT(scheme), is_v6 ? "[" : "",
		SLICE_FMT(host), is_v6 ? "]" : "", (long long)number, SLICE_FMT(path));
}

static const struct config_provider_type *ollama_type(void) {
	const struct config_provider_type *type = config_provider_types;
	while (strcmp(type->name, "ollama") != 0) {
		type++;
	}
	return type;
}

bool config_local_ollama(const struct config *config, struct config_provider *entry) {
	const struct config_provider_type *type = ollama_type();
	bool is_wanted = config->finds_ollama && config->port != OLLAMA_PORT;
	for (size_t i = 0; i < config->providers.len; i++) {
		const struct config_provider *provider = &config->providers.items[i];
		is_wanted &= provider->is_from_environment && provider->type != type;
	}
	*entry = (struct config_provider){
		.type = type,
		.id = slice_of(type->name),
		.name = slice_of(type->name),
		.base_url = slice_of(type->default_base_url),
		.is_enabled = true,
		.is_from_environment = true,
	};
	return is_wanted;
}

void config_adopt(struct config *config, const struct config_provider *entry) {
	*ARENA_PUSH(&config->arena, &config->providers) = *entry;
	*ARENA_PUSH(&config->arena, &config->notes) = (struct config_note){
		.text = arena_printf(&config->arena,
			"found Ollama at %.*s, using it as provider %.*s (discover-ollama: false "
			"leaves it out)",
			SLICE_FMT(entry->base_url), SLICE_FMT(entry->id))
				.data};
}
