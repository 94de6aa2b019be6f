/* runner_check.c: what no single key can show: kinds of backends, names that lead nowhere, built-in
 * teams (workflows.md 1.10, 2.0, 3.1, 3.4). */
#include <stddef.h>

#include "config/check.h"
#include "config/runner_internal.h"

/* ---- places ---- */

/* Where a key of an item was given; the item's own place when it was not. */
static struct option_place place_of_key(struct config_loader *loader, const char *section,
	struct slice name, const char *key, struct option_place item) {
	struct slice path = option_path_join(&loader->scratch, section, name);
	path = arena_printf(&loader->scratch, "%.*s.%s", SLICE_FMT(path), key);
	const struct option_source *source = options_origin(&loader->config->options, path);
	return source ? source->place : item;
}

static bool was_refused(
	struct config_loader *loader, const char *section, struct slice name, const char *key) {
	struct slice path = option_path_join(&loader->scratch, section, name);
	path = arena_printf(&loader->scratch, "%.*s.%s", SLICE_FMT(path), key);
	const struct option_source *source = options_origin(&loader->config->options, path);
	return source && !source->is_set;
}

/* Names of a list of structs, for suggestions; `offset` is that of the name. */
static const char *const *names_of(
	struct config_loader *loader, const void *list, size_t size, size_t offset) {
	const struct option_objects *objects = list;
	const char **names = ARENA_ARRAY(&loader->scratch, const char *, objects->len + 1);
	for (size_t i = 0; i < objects->len; i++) {
		const char *item = (const char *)objects->items + i * size;
		names[i] = arena_strdup(&loader->scratch, *(const struct slice *)(item + offset));
	}
	return names;
}

/* Edit distances of every wrong name to every right one take long where there are many. */
#define SUGGESTIONS_MAX 100

static bool has_many_problems(struct config_loader *loader, struct option_place place) {
	return config_problems_of(loader, place)->len > SUGGESTIONS_MAX;
}

static void suggest(struct config_loader *loader, struct option_place place, struct slice word,
	const char *const *names, const char *kind) {
	const char *nearest = problems_nearest(word, names);
	if (nearest) {
		config_hint(loader, place, "did you mean `%s`?", nearest);
		return;
	}
	struct buf all;
	buf_init(&all, 0);
	for (size_t i = 0; names[i]; i++) {
		buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	}
	if (all.len > 0) {
		config_hint(loader, place, "there are %.*s", SLICE_FMT(buf_slice(&all)));
	} else {
		config_hint(loader, place, "there are no %s", kind);
	}
	buf_finish(&all);
}

/* ---- backends ---- */

static bool is_url(struct slice text) {
	return slice_istarts_with(text, SLICE("http://")) ||
	       slice_istarts_with(text, SLICE("https://"));
}

/* 2.0 */
static enum runner_backend_kind kind_of(const struct runner_backend *backend) {
	if (backend->api_key_env.len > 0 && backend->command.len == 0) {
		return RUNNER_BACKEND_CLAUDE_API;
	}
	return is_url(backend->command) ? RUNNER_BACKEND_HTTP : RUNNER_BACKEND_CLI;
}

/* What was given and refused is not lacking. */
static void refuse_lack(struct config_loader *loader, const struct runner_backend *backend,
	const char *key, const char *what) {
	if (!was_refused(loader, "backends", backend->name, key)) {
		struct slice path = option_path_join(&loader->scratch, "backends", backend->name);
		config_refuse(loader, backend->place, "[%.*s] needs %s", SLICE_FMT(path), what);
	}
}

static void check_headers(struct config_loader *loader, const struct runner_backend *backend) {
	for (size_t i = 0; i < backend->headers.len; i++) {
		const char *wrong = check_header_name(backend->headers.items[i].key);
		if (wrong) {
			config_refuse(loader, backend->headers.items[i].place,
				"header `%.*s` of the backend `%.*s` %s",
				SLICE_FMT(backend->headers.items[i].key), SLICE_FMT(backend->name),
				wrong);
		}
	}
}

static void check_address(struct config_loader *loader, const struct runner_backend *backend) {
	struct slice url = backend->base_url.len > 0 ? backend->base_url : backend->command;
	bool needs_url = backend->kind == RUNNER_BACKEND_HTTP;
	if (needs_url && url.len == 0) {
		refuse_lack(loader, backend, "base_url", "`base_url`, or a URL as `command`");
		return;
	}
	bool is_checked = backend->base_url.len == 0 && url.len > 0 &&
			  (needs_url || is_url(backend->command)) &&
			  !slice_contains(url, SLICE("${"));
	const char *wrong = is_checked ? check_http_url(url) : NULL;
	if (wrong) {
		config_refuse(loader,
			place_of_key(loader, "backends", backend->name, "command", backend->place),
			"`backends.%.*s.command` %s", SLICE_FMT(backend->name), wrong);
	}
}

static void check_backend(struct config_loader *loader, struct runner_config *runner,
	struct runner_backend *backend) {
	backend->has_kind_type = (int)backend->kind >= 0;
	if (!backend->has_kind_type) {
		backend->kind = kind_of(backend);
	}
	if (backend->timeout_ms <= 0) {
		backend->timeout_ms = runner->defaults.timeout_ms;
	}
	/* One that is switched off may be half written. */
	if (!backend->is_enabled) {
		return;
	}
	if (backend->kind == RUNNER_BACKEND_CLI && backend->command.len == 0) {
		refuse_lack(loader, backend, "command", "`command`");
	} else if (backend->kind == RUNNER_BACKEND_HTTP ||
		   backend->kind == RUNNER_BACKEND_CLAUDE_API) {
		check_address(loader, backend);
	}
	check_headers(loader, backend);
}

/* ---- roles, here and in teams ---- */

static bool is_model(struct slice backend) {
	return slice_find_byte(backend, '/') != SIZE_MAX;
}

/* The backends of a role that are there and switched on. `title` is "role `x`". */
static size_t check_names(struct config_loader *loader, const struct runner_config *runner,
	const struct runner_role *role, const char *title) {
	size_t usable = 0;
	for (size_t i = 0; i < role->backends.len; i++) {
		struct slice name = role->backends.items[i];
		struct option_place place =
			role->backends.places ? role->backends.places[i] : role->place;
		const struct runner_backend *backend = runner_find_backend(runner, name);
		if (is_model(name) || (backend && backend->is_enabled)) {
			usable++;
		} else if (backend) {
			config_warn(loader, place, "%s names the backend `%.*s`, which is disabled",
				title, SLICE_FMT(name));
		} else {
			config_refuse(loader, place,
				"%s names the backend `%.*s`, which does not exist", title,
				SLICE_FMT(name));
			if (has_many_problems(loader, place)) {
				continue;
			}
			suggest(loader, place, name,
				names_of(loader, &runner->backends, sizeof *backend,
					offsetof(struct runner_backend, name)),
				"backends");
		}
	}
	return usable;
}

static void check_role(struct config_loader *loader, const struct runner_config *runner,
	const struct runner_role *role, const char *section, const char *title) {
	size_t errors = config_problems_of(loader, role->place)->error_count;
	size_t usable = check_names(loader, runner, role, title);
	/* A name that leads nowhere has been told already. */
	bool is_clean = errors == config_problems_of(loader, role->place)->error_count;
	if (is_clean && role->backends.len > 0 && role->min_success > (int64_t)usable) {
		config_refuse(loader,
			place_of_key(loader, section, role->name, "min_success", role->place),
			"%s wants %lld answers, and %zu of its backends %s enabled", title,
			(long long)role->min_success, usable, usable == 1 ? "is" : "are");
	}
}

static void check_team(struct config_loader *loader, const struct runner_config *runner,
	const struct runner_team *team) {
	struct arena *arena = &loader->scratch;
	struct slice section = option_path_join(arena, "teams", team->name);
	section = arena_printf(arena, "%.*s.roles", SLICE_FMT(section));
	for (size_t i = 0; i < team->roles.len; i++) {
		const struct runner_role *role = &team->roles.items[i];
		check_role(loader, runner, role, section.data,
			arena_printf(arena, "role `%.*s` of team `%.*s`", SLICE_FMT(role->name),
				SLICE_FMT(team->name))
				.data);
	}
}

/* ---- built-in teams ---- */

static const struct {
	const char *name, *description, *verify;
	const char *detect[4];
} built_in[] = {
	{"rust", "Rust projects", "cargo clippy && cargo test", {"Cargo.toml"}},
	{"ruby", "Ruby projects", "bundle exec rake", {"Gemfile"}},
	{"node", "Node.js projects", "npm test", {"package.json"}},
	{"python", "Python projects", "pytest", {"pyproject.toml", "setup.py", "requirements.txt"}},
	{"go", "Go projects", "go test ./...", {"go.mod"}},
};

static void add_built_in(struct arena *arena, struct runner_config *runner) {
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
		if (runner_find_team(runner, slice_of(built_in[i].name))) {
			continue;
		}
		struct runner_team *team = ARENA_PUSH(arena, &runner->teams);
		team->place.file = "built-in";
		team->name = slice_of(built_in[i].name);
		team->description = slice_of(built_in[i].description);
		team->verify = slice_of(built_in[i].verify);
		team->is_built_in = true;
		for (const char *const *at = built_in[i].detect; *at; at++) {
			*ARENA_PUSH(arena, &team->detect) = slice_of(*at);
		}
	}
}

/* The role that built-in workflows ask exists also where nobody configured it. */
static void add_default_role(struct arena *arena, struct runner_config *runner) {
	struct slice name = SLICE("default");
	if (runner_find_role(runner, name)) {
		return;
	}
	struct slice backend = SLICE(RUNNER_LAST_RESORT);
	for (size_t i = runner->backends.len; i-- > 0;) {
		if (runner->backends.items[i].is_enabled) {
			backend = runner->backends.items[i].name;
		}
	}
	struct runner_role *role = ARENA_PUSH(arena, &runner->roles);
	role->place.file = "built-in";
	role->name = name;
	role->description = SLICE("built in: the first backend that is enabled");
	role->execution = -1;
	role->is_built_in = true;
	*ARENA_PUSH(arena, &role->backends) = backend;
}

/* ---- ecosystems ---- */

static const struct runner_project *find_project(
	const struct runner_ecosystem *ecosystem, struct slice name) {
	for (size_t i = 0; i < ecosystem->projects.len; i++) {
		if (slice_eq(ecosystem->projects.items[i].name, name)) {
			return &ecosystem->projects.items[i];
		}
	}
	return NULL;
}

static void check_ecosystem(struct config_loader *loader, struct runner_ecosystem *ecosystem) {
	for (size_t i = 0; i < ecosystem->projects.len; i++) {
		const struct runner_project *project = &ecosystem->projects.items[i];
		for (size_t d = 0; d < project->depends_on.len; d++) {
			struct slice name = project->depends_on.items[d];
			struct option_place place = project->depends_on.places
							    ? project->depends_on.places[d]
							    : project->place;
			if (find_project(ecosystem, name)) {
				continue;
			}
			config_warn(loader, place,
				"project `%.*s` depends on `%.*s`, which ecosystem `%.*s` does not "
				"have",
				SLICE_FMT(project->name), SLICE_FMT(name),
				SLICE_FMT(ecosystem->name));
			if (has_many_problems(loader, place)) {
				continue;
			}
			suggest(loader, place, name,
				names_of(loader, &ecosystem->projects, sizeof *project,
					offsetof(struct runner_project, name)),
				"projects");
		}
	}
}

/* ---- all ---- */

void runner_check(struct config_loader *loader, struct runner_config *runner) {
	for (size_t i = 0; i < runner->backends.len; i++) {
		check_backend(loader, runner, &runner->backends.items[i]);
	}
	for (size_t i = 0; i < runner->roles.len; i++) {
		const struct runner_role *role = &runner->roles.items[i];
		check_role(loader, runner, role, "roles",
			arena_printf(&loader->scratch, "role `%.*s`", SLICE_FMT(role->name)).data);
	}
	for (size_t i = 0; i < runner->teams.len; i++) {
		check_team(loader, runner, &runner->teams.items[i]);
	}
	for (size_t i = 0; i < runner->ecosystems.len; i++) {
		check_ecosystem(loader, &runner->ecosystems.items[i]);
	}
	add_built_in(&loader->config->arena, runner);
	add_default_role(&loader->config->arena, runner);
}
