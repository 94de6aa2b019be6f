/* mux.c: the instance (configuration, registry, backends; shared by all loops) and its part on one
 * loop. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "mux/role_internal.h"

static void destroy(struct mux *mux) {
	for (size_t i = 0; i < mux->backends.len; i++) {
		mux->backends.items[i]->kind->destroy(mux->backends.items[i]);
	}
	VEC_FINISH(&mux->backends);
	registry_finish(&mux->registry);
	client_shared_destroy(mux->shared);
	signature_cache_destroy(mux->signatures);
	config_unref(mux->config);
	arena_finish(&mux->arena);
	free(mux);
}

struct mux *mux_create(const struct mux_options *options, struct error *error) {
	struct mux *mux = mem_calloc(1, sizeof *mux);
	arena_init(&mux->arena, NULL, 0);
	mux->config = config_ref(options->config);
	mux->log = options->log;
	mux->tokens = options->tokens;
	mux->user_agent = arena_strdup(&mux->arena, slice_of(options->user_agent));
	mux->environment = options->environment != NULL ? options->environment : environ;
	mux->secrets = options->secrets;
	mux->watchdog = options->watchdog;
	mux->shared = client_shared_create();
	mux->signatures = signature_cache_create(
		(size_t)mux->config->signatures.bytes, (uint64_t)mux->config->signatures.ttl_ms);
	registry_init(&mux->registry, &mux->arena, mux->config);
	for (size_t i = 0; i < mux->config->providers.len; i++) {
		const struct config_provider *provider = &mux->config->providers.items[i];
		if (!provider->is_enabled) {
			continue;
		}
		struct backend *backend = upstream_create(mux, provider, options->found, error);
		if (backend == NULL) {
			destroy(mux);
			return NULL;
		}
		*VEC_PUSH(&mux->backends) = backend;
	}
	*VEC_PUSH(&mux->backends) = demo_create(mux);
	registry_seal(&mux->registry, mux->backends.items, mux->backends.len);
	return mux;
}

void mux_destroy(struct mux *mux) {
	if (mux != NULL) {
		destroy(mux);
	}
}

const struct config *mux_config(const struct mux *mux) {
	return mux->config;
}

const struct tokens *mux_tokens(const struct mux *mux) {
	return mux->tokens;
}

struct mux_loop *mux_loop_create(struct mux *mux, struct loop *loop, struct error *error) {
	struct mux_loop *mux_loop = mem_calloc(1, sizeof *mux_loop);
	const struct client_options options = {
		.shared = mux->shared, .user_agent = mux->user_agent};
	mux_loop->mux = mux;
	mux_loop->loop = loop;
	mux_loop->client = client_create(loop, &options, error);
	if (mux_loop->client == NULL) {
		free(mux_loop);
		return NULL;
	}
	return mux_loop;
}

void mux_loop_destroy(struct mux_loop *mux_loop) {
	if (mux_loop == NULL) {
		return;
	}
	role_abandon_all(mux_loop);
	while (mux_loop->calls != NULL) {
		call_abandon(mux_loop->calls);
	}
	named_destroy(mux_loop->named);
	client_destroy(mux_loop->client);
	free(mux_loop);
}

struct mux *mux_loop_mux(struct mux_loop *mux_loop) {
	return mux_loop->mux;
}

const struct mux_model *mux_models(const struct mux *mux, size_t *count) {
	*count = mux->registry.list_count;
	return mux->registry.list;
}

const struct mux_model *mux_find_model(const struct mux *mux, struct slice id) {
	return registry_find(&mux->registry, id);
}

bool mux_check_model(
	const struct mux *mux, struct slice id, struct arena *arena, struct error *error) {
	struct route route;
	return registry_resolve(&mux->registry, id, arena, &route, error);
}

void mux_explain_unknown(const struct mux *mux, struct slice id, struct error *error) {
	registry_not_found(&mux->registry, id, error);
}

bool mux_is_ready(const struct mux *mux) {
	for (size_t i = 0; i < mux->backends.len; i++) {
		if (!mux->backends.items[i]->is_demo) {
			return true;
		}
	}
	return false;
}

void mux_each_backend(const struct mux *mux,
	void (*visit)(const struct mux_backend_info *info, void *data), void *data) {
	for (size_t i = 0; i < mux->backends.len; i++) {
		const struct backend *backend = mux->backends.items[i];
		struct mux_backend_info info = {.name = backend->name,
			.takes_any_model = backend->is_open,
			.is_demo = backend->is_demo};
		backend->kind->describe(backend, &info);
		visit(&info, data);
	}
}
