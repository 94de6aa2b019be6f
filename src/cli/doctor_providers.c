/* doctor_providers.c: asks each provider for its models, once per key, all at the same time. */
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "net/client.h"
#include "providers/provider.h"

#define PROBE_CONNECT_MS 5000
#define PROBE_ANSWER_MS 10000

struct probes;
/* One key of one provider. */
struct probe {
	struct probes *probes;
	const struct config_provider *settings;
	const char *label; /* "openai#1" */
	const char *base_url;
	const char *proxy; /* without its credentials; NULL: none */
	bool has_key;
	int status; /* 0: none came */
	uint64_t begin_ms, took_ms;
	struct error error;
};

struct probes {
	struct doctor *doctor;
	struct loop *loop;
	struct client *client;
	size_t left; /* calls under way */
	struct {
		struct probe *items;
		size_t len, cap;
	} all;
};

/* ---- the answer ---- */

static void on_headers(
	struct client_call *call, int status, const struct http_headers *headers, void *data) {
	struct probe *probe = data;
	struct doctor *doctor = probe->probes->doctor;
	int64_t theirs;
	(void)call;
	probe->status = status;
	probe->took_ms = clock_monotonic_ms() - probe->begin_ms;
	if (clock_parse_http(http_headers_get(headers, "date"), &theirs)) {
		doctor->skew_ms = theirs - clock_wall_ms();
	}
}

static void on_data(struct client_call *call, struct slice bytes, void *data) {
	(void)call;
	(void)bytes;
	(void)data;
}

static void on_done(struct client_call *call, const struct client_result *result, void *data) {
	struct probe *probe = data;
	(void)call;
	probe->error = result->error;
	if (--probe->probes->left == 0) {
		loop_stop(probe->probes->loop);
	}
}

static void say_refused(struct doctor *doctor, const struct probe *probe) {
	if (!probe->has_key) {
		doctor_say(doctor, DOCTOR_FAIL, "provider", "add its `api-key:`",
			"%s wants a key (HTTP %d from %s)", probe->label, probe->status,
			probe->base_url);
		return;
	}
	doctor_say(doctor, DOCTOR_FAIL, "provider",
		"replace the key; it may be mistyped, revoked, or of another provider",
		"%s: the key is refused (HTTP %d from %s)", probe->label, probe->status,
		probe->base_url);
}

static void say_answer(struct doctor *doctor, const struct probe *probe) {
	int status = probe->status;
	const struct provider *provider = provider_find(slice_of(probe->settings->type->name));
	/* Google calls a bad key a bad request (4.8) */
	bool is_refused = status == 401 || status == 403 ||
			  (status == 400 && provider->auth == PROVIDER_AUTH_X_GOOG_API_KEY);
	if (status == 0) {
		doctor_say(doctor, DOCTOR_FAIL, "provider",
			"check its base-url, the network and the proxy settings (--offline skips "
			"this)",
			"%s cannot be reached at %s%s%s: %s", probe->label, probe->base_url,
			probe->proxy ? " through the proxy " : "", probe->proxy ? probe->proxy : "",
			probe->error.message);
	} else if (status < 300) {
		doctor_say(doctor, DOCTOR_OK, "provider", NULL, "%s: %s answers%s (%llu ms)",
			probe->label, probe->base_url, probe->has_key ? ", key accepted" : "",
			(unsigned long long)probe->took_ms);
	} else if (is_refused) {
		say_refused(doctor, probe);
	} else if (status == 429) {
		doctor_say(doctor, DOCTOR_WARN, "provider", "wait, or add another key",
			"%s: the limit of requests is reached (HTTP 429)", probe->label);
	} else if (status >= 500) {
		doctor_say(doctor, DOCTOR_WARN, "provider", "try again later",
			"%s: %s is in trouble (HTTP %d)", probe->label, probe->base_url, status);
	} else {
		doctor_say(doctor, DOCTOR_WARN, "provider",
			"check the base-url (that of an openai provider ends with its version, as "
			"/v1); some servers have no list of models",
			"%s: %s has no list of models (HTTP %d), so the key is unchecked",
			probe->label, probe->base_url, status);
	}
}

/* ---- the question ---- */

/* As the mux does: the key's, else the provider's, else the global one. */
static const char *proxy_of(const struct config *config, const struct config_provider *settings,
	const struct config_key *key) {
	struct slice proxy = key && key->proxy_url.len > 0 ? key->proxy_url
			     : settings->proxy_url.len > 0 ? settings->proxy_url
							   : config->proxy_url;
	if (proxy.len == 0) {
		return NULL;
	}
	return slice_ieq(proxy, SLICE("none")) ? "direct" : proxy.data;
}

static void ask(struct probe *probe, const struct config_key *key) {
	struct doctor *doctor = probe->probes->doctor;
	const struct config_provider *settings = probe->settings;
	const struct provider *provider = provider_find(slice_of(settings->type->name));
	struct http_header *extra =
		ARENA_ARRAY(&doctor->arena, struct http_header, settings->headers.len + 1);
	for (size_t i = 0; i < settings->headers.len; i++) {
		extra[i].name = settings->headers.items[i].key;
		extra[i].value = settings->headers.items[i].value;
	}
	struct provider_call call = {
		.op = PROVIDER_OP_MODELS,
		.url = provider_url(
			provider, PROVIDER_OP_MODELS, slice_of(probe->base_url), &doctor->arena),
		.key = key ? key->key : (struct slice){0},
		.extra_headers = extra,
		.extra_header_count = settings->headers.len,
		.client_format = provider->format,
		.arena = &doctor->arena,
	};
	provider_prepare(provider, &call);
	const char *proxy = proxy_of(doctor->config, settings, key);
	if (proxy && strcmp(proxy, "direct") != 0) {
		probe->proxy = doctor_proxy_host(doctor, slice_of(proxy));
	}
	const struct client_request request = {
		.method = "GET",
		.url = call.url,
		.headers = call.headers.items,
		.header_count = call.headers.len,
		.proxy = proxy,
		.timeouts = {.connect_ms = PROBE_CONNECT_MS,
			.first_byte_ms = PROBE_CONNECT_MS,
			.idle_ms = PROBE_CONNECT_MS,
			.total_ms = PROBE_ANSWER_MS},
	};
	static const struct client_handler handler = {on_headers, on_data, on_done};
	probe->begin_ms = clock_monotonic_ms();
	if (client_submit(probe->probes->client, &request, &handler, probe, &probe->error)) {
		probe->probes->left++;
	}
}

static bool ask_all(struct probes *probes, struct error *error) {
	struct client_shared *shared = client_shared_create();
	const struct client_options options = {
		.shared = shared, .user_agent = command_user_agent()};
	probes->loop = loop_create(error);
	probes->client = probes->loop ? client_create(probes->loop, &options, error) : NULL;
	bool ok = probes->client != NULL;
	for (size_t i = 0, key = 0; ok && i < probes->all.len; i++) {
		struct probe *probe = &probes->all.items[i];
		bool is_first = i == 0 || probe[-1].settings != probe->settings;
		key = is_first ? 0 : key + 1;
		ask(probe, probe->has_key ? &probe->settings->api_keys.items[key] : NULL);
	}
	if (ok && probes->left > 0) {
		loop_run(probes->loop);
	}
	client_destroy(probes->client);
	loop_destroy(probes->loop);
	client_shared_destroy(shared);
	return ok;
}

/* ---- the providers ---- */

static void add_probes(struct probes *probes, const struct config_provider *settings) {
	struct doctor *doctor = probes->doctor;
	struct slice base = config_endpoint(doctor->config, settings->id.data, "base");
	size_t keys = settings->api_keys.len;
	for (size_t i = 0; i < (keys > 0 ? keys : 1); i++) {
		*ARENA_PUSH(&doctor->arena, &probes->all) = (struct probe){
			.probes = probes,
			.settings = settings,
			.label = doctor_text(doctor, "%.*s#%zu", SLICE_FMT(settings->id), i + 1),
			.base_url = arena_strdup(
				&doctor->arena, base.len > 0 ? base : settings->base_url),
			.has_key = keys > 0,
		};
	}
}

static void say_unasked(struct doctor *doctor, const struct probe *probe) {
	doctor_say(doctor, DOCTOR_SKIP, "provider", NULL, "%s: %s%s was not asked (--offline)",
		probe->label, probe->base_url, probe->has_key ? ", with a key," : "");
}

void doctor_check_providers(struct doctor *doctor) {
	const struct config *config = doctor->config;
	struct probes probes = {.doctor = doctor};
	size_t enabled = 0;
	for (size_t i = 0; config && i < config->providers.len; i++) {
		const struct config_provider *settings = &config->providers.items[i];
		if (settings->is_enabled) {
			add_probes(&probes, settings);
			enabled++;
		}
	}
	if (config && enabled == 0) {
		doctor_say(doctor, DOCTOR_WARN, "provider",
			"export OPENAI_API_KEY or ANTHROPIC_API_KEY, or add `providers:` to the "
			"configuration (llm-mux init)",
			"none: only the demo models can answer");
	}
	struct error error = {0};
	if (probes.all.len > 0 && !doctor->is_offline && !ask_all(&probes, &error)) {
		doctor_say(doctor, DOCTOR_FAIL, "provider", NULL, "%s", error.message);
		return;
	}
	for (size_t i = 0; i < probes.all.len; i++) {
		(doctor->is_offline ? say_unasked : say_answer)(doctor, &probes.all.items[i]);
	}
}
