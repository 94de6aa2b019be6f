/* client_setup.c: what a client is told: address and key out of the configuration, the model, and
 * the templates of its row filled with them. */
#include <string.h>

#include "base/file.h"
#include "cli/clients.h"
#include "data/json.h"
#include "mux/mux.h"
#include "net/client.h"

#define KEY_WHEN_OPEN "llm-mux" /* clients refuse to start with an empty key */

const char *client_guide(const struct client *client, struct arena *arena) {
	return arena_printf(arena, "docs/clients/%s.md", client->name).data;
}

/* ---- address and key ---- */

/* Where a client of this machine reaches a server that listens on `host`. */
static const char *reachable_host(struct arena *arena, struct slice host) {
	if (slice_is(host, "0.0.0.0") || host.len == 0) {
		return "127.0.0.1";
	}
	if (slice_is(host, "::") || slice_is(host, "[::]")) {
		return "[::1]";
	}
	bool is_bare_v6 = host.data[0] != '[' && slice_find_byte(host, ':') != SIZE_MAX;
	return is_bare_v6 ? arena_printf(arena, "[%.*s]", SLICE_FMT(host)).data
			  : arena_strdup(arena, host);
}

static bool choose_origin(struct client_target *target, const struct config *config,
	const struct command_context *context) {
	const char *url = command_value(context, "url");
	struct error error;
	if (url) {
		if (!client_check_url(slice_of(url), false, &error)) {
			command_fail(context, COMMAND_USAGE, "--url %s: %s", url, error.message);
			return false;
		}
		struct slice origin = slice_of(url);
		while (origin.len > 0 && origin.data[origin.len - 1] == '/') {
			origin.len--;
		}
		target->origin = arena_strdup(target->arena, origin);
		return true;
	}
	if (config->port == 0) {
		command_fail(context, COMMAND_USAGE,
			"the configuration lets serve take any free port: say where it listens, "
			"with LLM_MUX_PORT=N or --url http://127.0.0.1:N");
		return false;
	}
	target->origin = arena_printf(target->arena, "%s://%s:%lld",
		config->tls.is_enabled ? "https" : "http",
		reachable_host(target->arena, config->host), (long long)config->port)
				 .data;
	return true;
}

static const char *environment_value(const struct command_context *context, const char *name) {
	size_t len = strlen(name);
	for (char *const *entry = context->environment; entry && *entry; entry++) {
		if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') {
			return *entry + len + 1;
		}
	}
	return NULL;
}

static void choose_key(struct client_target *target, const struct config *config,
	const struct command_context *context) {
	const char *given = environment_value(context, CLIENT_KEY_VARIABLE);
	/* What `env` printed while no key was needed is none. */
	if (given && given[0] && strcmp(given, KEY_WHEN_OPEN) != 0) {
		target->key = given;
		target->has_own_key = true;
		return;
	}
	target->key = KEY_WHEN_OPEN;
	if (!config_needs_key(config)) {
		return;
	}
	for (size_t i = 0; i < config->api_keys.len; i++) {
		struct slice key = config->api_keys.items[i];
		if (!slice_istarts_with(key, SLICE("sha256:"))) {
			target->key = arena_strdup(target->arena, key);
			target->has_own_key = true;
			return;
		}
	}
	target->key = "YOUR-CLIENT-KEY";
	target->is_key_hidden = true;
}

/* ---- the model ---- */

/* The first that is no demo, else the demo's. */
static const char *first_model(const struct mux *mux, struct arena *arena) {
	size_t count, chosen = 0;
	const struct mux_model *all = mux_models(mux, &count);
	while (chosen < count && all[chosen].is_demo) {
		chosen++;
	}
	chosen = chosen < count ? chosen : 0;
	return count > 0 ? arena_strdup(arena, all[chosen].id) : NULL;
}

static bool choose_model(struct client_target *target, const struct client *client,
	struct config *config, const struct command_context *context) {
	target->model = command_value(context, "model");
	if (target->model || !client->needs_model) {
		return true;
	}
	const struct mux_options options = {.config = config, .user_agent = command_user_agent()};
	struct error error;
	struct mux *mux = mux_create(&options, &error);
	if (!mux) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
		return false;
	}
	target->model = first_model(mux, target->arena);
	mux_destroy(mux);
	return true;
}

bool client_target_init(struct client_target *target, const struct client *client,
	const struct command_context *context, struct arena *arena) {
	*target = (struct client_target){.arena = arena};
	struct config *config = command_load_config(context, NULL, 0);
	if (!config) {
		return false;
	}
	bool ok = choose_origin(target, config, context) &&
		  choose_model(target, client, config, context);
	choose_key(target, config, context);
	config_unref(config);
	return ok;
}

/* ---- templates ---- */

/* A place of a template: its word, and what stands for it. */
struct place {
	const char *word;
	const char *value; /* NULL: the target has none */
};

/* Fills one template; false when a place of it has no value. */
static bool fill(const struct place *places, struct slice template, bool escapes, struct buf *out) {
	while (template.len > 0) {
		const struct place *place = places;
		while (place->word && !slice_starts_with(template, slice_of(place->word))) {
			place++;
		}
		if (!place->word) {
			buf_append_byte(out, template.data[0]);
			template = slice_from(template, 1);
			continue;
		}
		if (!place->value) {
			return false;
		}
		if (escapes) { /* "..." is alike in JSON, TOML and YAML */
			json_escape(slice_of(place->value), out);
		} else {
			buf_append_str(out, place->value);
		}
		template = slice_from(template, strlen(place->word));
	}
	return true;
}

static const char *model_name(const struct client_target *target, const struct client *client) {
	if (!target->model || !client->model_prefix) {
		return target->model;
	}
	return arena_printf(target->arena, "%s%s", client->model_prefix, target->model).data;
}

const char *client_expand_snippet(const struct client_target *target, const struct client *client) {
	const struct place places[] = {
		{"{origin}", target->origin},
		{"{key}", target->key},
		{"{model}", model_name(target, client)},
		{NULL, NULL},
	};
	struct slice rest = slice_of(client->snippet.text ? client->snippet.text : ""), line;
	struct buf out = {0};
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		size_t begin = out.len;
		if (fill(places, line, !client->snippet.is_menu, &out)) {
			buf_append_byte(&out, '\n');
		} else {
			out.len = begin;
		}
	}
	const char *text = arena_strdup(target->arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

const char *client_expand(
	const struct client_target *target, const struct client *client, const char *template) {
	const char *snippet = NULL;
	if (strstr(template, "{snippet}")) {
		struct slice text = slice_trim(slice_of(client_expand_snippet(target, client)));
		snippet = arena_strdup(target->arena, text);
	}
	const struct place places[] = {
		{"{origin}", target->origin},
		{"{key}", target->key},
		{"{model}", model_name(target, client)},
		{"{snippet}", snippet},
		{"{home}", target->home},
		{"{file}", target->file},
		{NULL, NULL},
	};
	struct buf out = {0};
	const char *text = fill(places, slice_of(template), false, &out)
				   ? arena_strdup(target->arena, buf_slice(&out))
				   : NULL;
	buf_finish(&out);
	return text;
}
