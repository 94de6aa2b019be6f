/* discover.c: asks hosts whose models nobody else knows (Ollama) for them, before there is a mux:
 * all at once, on a loop of its own, for a short time. Who does not answer is left out. */
#include "mux/mux_internal.h"
#include "providers/provider.h"

#define LIST_MAX ((size_t)4 * 1024 * 1024)

struct discovery {
	const struct config *config;
	struct loop *loop;
	struct client *client;
	struct arena *arena;
	struct mux_found *found;
	size_t left; /* questions under way */
};

struct question {
	struct discovery *discovery;
	const struct config_provider *entry;
	const struct format *format;
	int status;
	struct buf body;
};

static void on_headers(
	struct client_call *call, int status, const struct http_headers *headers, void *data) {
	struct question *question = data;
	(void)call;
	(void)headers;
	question->status = status;
}

static void on_data(struct client_call *call, struct slice bytes, void *data) {
	struct question *question = data;
	(void)call;
	buf_append(&question->body, bytes); /* a list beyond the limit fails, and is no answer */
}

static void on_done(struct client_call *call, const struct client_result *result, void *data) {
	struct question *question = data;
	struct discovery *d = question->discovery;
	struct mux_found_list list = {.provider = question->entry->id};
	(void)call;
	bool is_answer = result->error.kind == ERROR_NONE && question->status == 200 &&
			 !question->body.failed &&
			 question->format->parse_models(
				 buf_slice(&question->body), d->arena, &list.models, &list.count);
	if (is_answer) {
		*ARENA_PUSH(d->arena, d->found) = list;
	}
	buf_finish(&question->body);
	if (--d->left == 0) {
		loop_stop(d->loop);
	}
}

static void ask(struct discovery *d, const struct config_provider *entry, unsigned limit_ms) {
	static const struct client_handler handler = {on_headers, on_data, on_done};
	const struct provider *provider = provider_find(slice_of(entry->type->name));
	const struct format *format = provider != NULL ? format_get(provider->format) : NULL;
	bool is_asked = entry->is_enabled && entry->models.len == 0 && format != NULL &&
			format->parse_models != NULL;
	if (!is_asked) {
		return;
	}
	struct slice base = config_endpoint(d->config, entry->id.data, "base");
	struct question *question = ARENA_NEW(d->arena, struct question);
	*question = (struct question){.discovery = d, .entry = entry, .format = format};
	buf_init(&question->body, LIST_MAX);
	struct provider_call call = {
		.op = PROVIDER_OP_MODELS,
		.url = provider_url(provider, PROVIDER_OP_MODELS,
			base.len > 0 ? base : entry->base_url, d->arena),
		.key = entry->api_keys.len > 0 ? entry->api_keys.items[0].key : (struct slice){0},
		.client_format = provider->format,
		.arena = d->arena,
	};
	provider_prepare(provider, &call);
	const struct client_request request = {
		.method = "GET",
		.url = call.url,
		.headers = call.headers.items,
		.header_count = call.headers.len,
		.proxy = upstream_proxy(d->config, entry, (struct slice){0}),
		.timeouts = {.connect_ms = limit_ms, .total_ms = limit_ms},
	};
	if (client_submit(d->client, &request, &handler, question, NULL) != NULL) {
		d->left++;
	}
}

void mux_discover(const struct config *config, const struct config_provider *also,
	const char *user_agent, unsigned limit_ms, struct arena *arena, struct mux_found *found) {
	struct client_shared *shared = client_shared_create();
	const struct client_options options = {.shared = shared, .user_agent = user_agent};
	struct discovery d = {.config = config, .arena = arena, .found = found};
	d.loop = loop_create(NULL);
	d.client = d.loop != NULL ? client_create(d.loop, &options, NULL) : NULL;
	*found = (struct mux_found){0};
	if (d.client != NULL) {
		for (size_t i = 0; i < config->providers.len; i++) {
			ask(&d, &config->providers.items[i], limit_ms);
		}
		if (also != NULL) {
			ask(&d, also, limit_ms);
		}
		if (d.left > 0) {
			loop_run(d.loop);
		}
	}
	client_destroy(d.client);
	if (d.loop != NULL) {
		loop_destroy(d.loop);
	}
	client_shared_destroy(shared);
}

const struct mux_found_list *mux_found_of(const struct mux_found *found, struct slice provider) {
	for (size_t i = 0; found != NULL && i < found->len; i++) {
		if (slice_eq(found->items[i].provider, provider)) {
			return &found->items[i];
		}
	}
	return NULL;
}
