/* named.c: backends by name on one loop: those of [backends.*], made when they are first asked, so
 * that what is wrong with one breaks that one alone, and models of the registry. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mux/role_internal.h"

/* workflows.md 1.5: what a backend does that says nothing. */
#define DEFAULT_TIMEOUT_MS (300 * 1000)
#define DEFAULT_MAX_RETRIES 3
#define DEFAULT_RETRY_DELAY_MS 1000

static bool is_model_name(struct slice name) {
	return slice_find_byte(name, '/') != SIZE_MAX;
}

struct named_backends *named_create(struct mux_loop *mux_loop) {
	struct named_backends *named = mem_calloc(1, sizeof *named);
	named->mux_loop = mux_loop;
	map_init(&named->by_name);
	gate_init(&named->gate, mux_loop->loop, 0);
	named->model_settings = (struct runner_backend){
		.is_enabled = true,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
		.max_retries = DEFAULT_MAX_RETRIES,
		.retry_delay_ms = DEFAULT_RETRY_DELAY_MS,
		.retries_rate_limit = true,
		.max_tokens = -1,
		.temperature = NAN,
	};
	return named;
}

static void destroy(void *value) {
	struct named_backend *backend = value;
	if (backend->backend != NULL) {
		backend->backend->kind->destroy(backend->backend);
	}
	gate_lane_finish(&backend->lane);
	arena_finish(&backend->arena);
	free(backend);
}

void named_destroy(struct named_backends *named) {
	if (named == NULL) {
		return;
	}
	ask_dispose_all(named);
	gate_finish(&named->gate);
	map_finish(&named->by_name, destroy);
	free(named);
}

struct named_backend *named_find(struct named_backends *named, struct slice name) {
	struct named_backend *backend = map_get(&named->by_name, name);
	if (backend != NULL) {
		return backend;
	}
	backend = mem_calloc(1, sizeof *backend);
	arena_init(&backend->arena, NULL, 0);
	backend->name = arena_strdup(&backend->arena, name);
	backend->is_model = true;
	backend->settings = &named->model_settings;
	backend->timeout_ms = (uint64_t)backend->settings->timeout_ms;
	gate_add_lane(&named->gate, &backend->lane, 0, 0);
	map_put(&named->by_name, name, backend);
	return backend;
}

/* ---- what can be asked ---- */

static bool check_model(const struct mux *mux, const char *name, struct error *error) {
	struct arena scratch;
	if (!is_model_name(slice_of(name))) {
		return error_set(error, ERROR_CONFIGURATION,
			"there is no backend `%s` in the configuration", name);
	}
	arena_init(&scratch, NULL, 0);
	bool is_known = mux_check_model(mux, slice_of(name), &scratch, error);
	arena_finish(&scratch);
	return is_known;
}

bool named_make(struct named_backends *named, struct named_backend *backend, struct error *error) {
	if (!backend->is_made) {
		backend->is_made = true;
		backend->model = slice_of(backend->name);
		error_clear(&backend->error);
		check_model(named->mux_loop->mux, backend->name, &backend->error);
	}
	if (backend->error.kind != ERROR_NONE) {
		*error = backend->error;
		return false;
	}
	return true;
}

bool role_backend_is_available(
	const struct mux *mux, const char *name, struct arena *arena, struct error *error) {
	(void)arena;
	return check_model(mux, name, error);
}
