/* named.c: backends by name on one loop: those of [backends.*], made when they are first asked, so
 * that what is wrong with one breaks that one alone, and models of the registry. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/nearest.h"
#include "mux/role_internal.h"

/* workflows.md 1.5: what a backend does that says nothing. */
#define DEFAULT_TIMEOUT_MS (300 * 1000)
#define DEFAULT_MAX_RETRIES 3
#define DEFAULT_RETRY_DELAY_MS 1000

/* What a backend of each kind is asked for that names no model, and how long an answer may be. */
static const struct {
	const char *model;
	int64_t max_tokens; /* -1: not said */
} kind_defaults[] = {
	[RUNNER_BACKEND_CLI] = {"", -1},
	[RUNNER_BACKEND_HTTP] = {"gpt-4", -1},
	[RUNNER_BACKEND_CLAUDE_API] = {"claude-sonnet-4-20250514", 8192},
	[RUNNER_BACKEND_MOCK] = {"mock", -1},
};

static bool is_model_name(struct slice name) {
	return slice_find_byte(name, '/') != SIZE_MAX;
}

static const struct runner_config *runner_in(const struct mux *mux) {
	return runner_of(mux->config);
}

static struct backend *make_command(
	struct mux *mux, const struct runner_backend *settings, struct error *error) {
	const struct command_context context = {
		.runner = runner_in(mux),
		.environment = mux->environment,
		.secrets = mux->secrets,
		.watchdog = mux->watchdog,
	};
	return command_backend_create(mux, settings, &context, error);
}

struct named_backends *named_create(struct mux_loop *mux_loop) {
	const struct runner_config *runner = runner_in(mux_loop->mux);
	struct named_backends *named = mem_calloc(1, sizeof *named);
	named->mux_loop = mux_loop;
	map_init(&named->by_name);
	gate_init(&named->gate, mux_loop->loop,
		runner != NULL ? (uint64_t)runner->defaults.max_concurrent : 0);
	named->model_settings = (struct runner_backend){
		.is_enabled = true,
		.timeout_ms = runner != NULL ? runner->defaults.timeout_ms : DEFAULT_TIMEOUT_MS,
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

static const struct runner_backend *settings_of(const struct mux *mux, struct slice name) {
	const struct runner_config *runner = runner_in(mux);
	return runner != NULL ? runner_find_backend(runner, name) : NULL;
}

static uint64_t positive(int64_t value) {
	return value > 0 ? (uint64_t)value : 0;
}

struct named_backend *named_find(struct named_backends *named, struct slice name) {
	struct named_backend *backend = map_get(&named->by_name, name);
	if (backend != NULL) {
		return backend;
	}
	backend = mem_calloc(1, sizeof *backend);
	arena_init(&backend->arena, NULL, 0);
	backend->name = arena_strdup(&backend->arena, name);
	backend->settings = settings_of(named->mux_loop->mux, name);
	backend->is_model = backend->settings == NULL;
	if (backend->is_model) {
		backend->settings = &named->model_settings;
	}
	backend->timeout_ms = positive(backend->settings->timeout_ms);
	backend->max_tokens = backend->settings->max_tokens;
	gate_add_lane(&named->gate, &backend->lane, positive(backend->settings->max_concurrent),
		positive(backend->settings->requests_per_minute));
	map_put(&named->by_name, name, backend);
	return backend;
}

/* ---- what can be asked ---- */

static bool check_model(
	const struct mux *mux, const char *name, struct arena *arena, struct error *error) {
	if (is_model_name(slice_of(name))) {
		return mux_check_model(mux, slice_of(name), arena, error);
	}
	const struct runner_config *runner = runner_in(mux);
	struct nearest nearest = nearest_begin(slice_of(name));
	for (size_t i = 0; runner != NULL && i < runner->backends.len; i++) {
		nearest_offer(&nearest, runner->backends.items[i].name);
	}
	return error_set(error, ERROR_CONFIGURATION,
		"there is no backend `%s` in the configuration%s", name,
		nearest_clause(&nearest, arena));
}

static bool check_enabled(const struct runner_backend *settings, struct error *error) {
	return settings->is_enabled || error_set(error, ERROR_UNAVAILABLE,
					       "the backend `%.*s` is disabled (enabled = false)",
					       SLICE_FMT(settings->name));
}

static bool is_http(const struct runner_backend *settings) {
	return settings->kind == RUNNER_BACKEND_HTTP || settings->kind == RUNNER_BACKEND_CLAUDE_API;
}

static bool make_backend(struct mux *mux, struct named_backend *named, struct error *error) {
	const struct runner_backend *settings = named->settings;
	struct named_http http;
	if (is_http(settings)) {
		if (!named_http_read(mux, settings, &named->arena, &http, error)) {
			return false;
		}
		named->backend = named_http_create(mux, &named->arena, settings, &http, error);
	} else if (settings->kind == RUNNER_BACKEND_MOCK) {
		named->backend = mock_create(settings, error);
	} else {
		named->backend = make_command(mux, settings, error);
	}
	return named->backend != NULL;
}

/* Once: the environment of this process does not change. */
static bool make_configured(struct mux *mux, struct named_backend *named, struct error *error) {
	const struct runner_backend *settings = named->settings;
	if (!check_enabled(settings, error) ||
		!named_expand(mux, settings, "model", settings->model, &named->arena, &named->model,
			error) ||
		!named_expand(mux, settings, "system", settings->system, &named->arena,
			&named->system, error)) {
		return false;
	}
	if (named->model.len == 0) {
		named->model = slice_of(kind_defaults[settings->kind].model);
	}
	if (named->max_tokens < 0) {
		named->max_tokens = kind_defaults[settings->kind].max_tokens;
	}
	return make_backend(mux, named, error);
}

bool named_make(struct named_backends *named, struct named_backend *backend, struct error *error) {
	struct mux *mux = named->mux_loop->mux;
	if (!backend->is_made) {
		backend->is_made = true;
		error_clear(&backend->error);
		if (backend->is_model) {
			backend->model = slice_of(backend->name);
			check_model(mux, backend->name, &backend->arena, &backend->error);
		} else {
			make_configured(mux, backend, &backend->error);
		}
	}
	if (backend->error.kind != ERROR_NONE) {
		*error = backend->error;
		return false;
	}
	return true;
}

bool role_backend_is_available(
	struct mux *mux, const char *name, struct arena *arena, struct error *error) {
	const struct runner_backend *settings = settings_of(mux, slice_of(name));
	struct named_http http;
	if (settings == NULL) {
		return check_model(mux, name, arena, error);
	}
	if (!check_enabled(settings, error)) {
		return false;
	}
	if (is_http(settings)) {
		return named_http_read(mux, settings, arena, &http, error);
	}
	struct backend *backend = settings->kind == RUNNER_BACKEND_MOCK
					  ? mock_create(settings, error)
					  : make_command(mux, settings, error);
	if (backend == NULL) {
		return false;
	}
	bool is_available = settings->kind != RUNNER_BACKEND_CLI ||
			    command_backend_is_available(backend, arena, error);
	backend->kind->destroy(backend);
	return is_available;
}
