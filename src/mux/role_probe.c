/* role_probe.c: whether a backend answers at all, for `doctor` (workflows.md 2.2): an API is asked
 * for its list of models, the rest is looked at as for a call. */
#include <stdlib.h>

#include "base/mem.h"
#include "mux/role_internal.h"
#include "mux/upstream.h"

#define PROBE_MS 5000

struct role_probe {
	struct mux_loop *mux_loop;
	void (*on_done)(void *data, const struct error *error);
	void *data;
	struct upstream *upstream;
	struct arena arena;
	struct client_call *call; /* NULL: none is under way */
	int status;
	struct error error; /* kind NONE: fine */
	struct loop_deferred deferred;
};

static void tell(struct loop_deferred *deferred) {
	struct role_probe *probe = deferred->data;
	probe->on_done(probe->data, probe->error.kind != ERROR_NONE ? &probe->error : NULL);
}

static void conclude(struct role_probe *probe) {
	loop_defer(probe->mux_loop->loop, &probe->deferred);
}

static void on_headers(
	struct client_call *call, int status, const struct http_headers *headers, void *data) {
	struct role_probe *probe = data;
	(void)headers;
	probe->status = status;
	if (status < 200 || status >= 300) {
		error_set(&probe->error, error_kind_from_status(status),
			"%s answers the request for its models with HTTP %d",
			probe->upstream->base.name, status);
	}
	client_cancel(call); /* the list itself is of no interest */
	probe->call = NULL;
	conclude(probe);
}

static void on_data(struct client_call *call, struct slice bytes, void *data) {
	(void)call;
	(void)bytes;
	(void)data;
}

static void on_done(struct client_call *call, const struct client_result *result, void *data) {
	struct role_probe *probe = data;
	(void)call;
	probe->call = NULL;
	probe->error = result->error;
	conclude(probe);
}

static bool ask(struct role_probe *probe) {
	static const struct client_handler handler = {
		.on_headers = on_headers, .on_data = on_data, .on_done = on_done};
	const struct upstream *upstream = probe->upstream;
	const struct account *account = &upstream->pool.accounts[0];
	struct provider_call prepared = {
		.op = PROVIDER_OP_MODELS,
		.url = upstream->urls[PROVIDER_OP_MODELS],
		.key = account->key,
		.extra_headers = upstream->headers,
		.extra_header_count = upstream->header_count,
		.extra_is_literal = upstream->has_literal_headers,
		.client_format = upstream->format->id,
		.arena = &probe->arena,
	};
	provider_prepare(upstream->provider, &prepared);
	const struct client_request request = {
		.method = "GET",
		.url = prepared.url,
		.headers = prepared.headers.items,
		.header_count = prepared.headers.len,
		.proxy = account->proxy,
		.timeouts = {.total_ms = PROBE_MS},
	};
	probe->call =
		client_submit(probe->mux_loop->client, &request, &handler, probe, &probe->error);
	return probe->call != NULL;
}

struct role_probe *role_probe_start(struct mux_loop *mux_loop, const char *name,
	void (*on_told)(void *data, const struct error *error), void *data) {
	struct role_probe *probe = mem_calloc(1, sizeof *probe);
	probe->mux_loop = mux_loop;
	probe->on_done = on_told;
	probe->data = data;
	probe->deferred = (struct loop_deferred){.fn = tell, .data = probe};
	arena_init(&probe->arena, loop_arena_pool(mux_loop->loop), 0);
	if (mux_loop->named == NULL) {
		mux_loop->named = named_create(mux_loop);
	}
	struct named_backend *named = named_find(mux_loop->named, slice_of(name));
	bool can_be_asked =
		role_backend_is_available(mux_loop->mux, name, &probe->arena, &probe->error) &&
		named_make(mux_loop->named, named, &probe->error);
	bool is_http =
		!named->is_model && (named->settings->kind == RUNNER_BACKEND_HTTP ||
					    named->settings->kind == RUNNER_BACKEND_CLAUDE_API);
	if (can_be_asked && is_http) {
		probe->upstream = (struct upstream *)(void *)named->backend;
	}
	if (probe->upstream == NULL || !ask(probe)) {
		conclude(probe);
	}
	return probe;
}

void role_probe_release(struct role_probe *probe) {
	if (probe == NULL) {
		return;
	}
	loop_defer_cancel(&probe->deferred);
	if (probe->call != NULL) {
		client_cancel(probe->call);
	}
	arena_finish(&probe->arena);
	free(probe);
}
