/* runner.c: loading what the runner is configured by, and finding its parts by name. */
#include "config/runner.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config/runner_internal.h"

#define RUNNER_TABLES_MAX 16

static void load_layers(struct config_loader *loader, void *data) {
	struct runner_loading *loading = data;
	/* The table fills the section that options_init allocated. */
	loading->runner = (struct runner_config *)(uintptr_t)runner_of(loader->config);
	struct arena *arena = &loader->config->arena;
	loading->runner->options = &loader->config->options;
	loading->runner->dir = arena_strdup(arena, slice_of(loading->dir));
	loading->runner->project_dir = runner_find_project(arena, loading->dir);
	if (!loading->request->ignores_project) {
		runner_load_project(loader, loading);
	}
}

static void check_layers(struct config_loader *loader, void *data) {
	struct runner_loading *loading = data;
	runner_check(loader, loading->runner);
}

struct config *runner_config_load(const struct runner_request *request, bool colour,
	struct buf *report, struct error *error) {
	const struct option_table *tables[RUNNER_TABLES_MAX];
	struct config_request extended = request->config;
	struct runner_loading loading = {.request = request};
	const struct config_extension extension = {load_layers, check_layers, &loading};
	if (extended.table_count >= RUNNER_TABLES_MAX) {
		error_set(error, ERROR_INTERNAL, "more than %d tables of options",
			RUNNER_TABLES_MAX - 1);
		return NULL;
	}
	for (size_t i = 0; i < extended.table_count; i++) {
		tables[i] = extended.tables[i];
	}
	tables[extended.table_count++] = &runner_table;
	extended.tables = tables;

	const char *dir = request->dir ? request->dir : ".";
	char canonical[PATH_MAX];
	struct stat info;
	if (!realpath(dir, canonical) || stat(canonical, &info) != 0) {
		error_set_errno(
			error, ERROR_CONFIGURATION, errno, "the directory %s cannot be used", dir);
		return NULL;
	}
	if (!S_ISDIR(info.st_mode)) {
		error_set(error, ERROR_CONFIGURATION, "%s is not a directory", dir);
		return NULL;
	}
	loading.dir = canonical;
	return config_load_extended(&extended, &extension, colour, report, error);
}

const struct runner_config *runner_of(const struct config *config) {
	return config_section(config, &runner_table);
}

struct runner_config *runner_change(struct config *config) {
	return (struct runner_config *)(uintptr_t)runner_of(config);
}

/* ---- by name ---- */

const struct runner_backend *runner_find_backend(
	const struct runner_config *runner, struct slice name) {
	for (size_t i = 0; i < runner->backends.len; i++) {
		if (slice_eq(runner->backends.items[i].name, name)) {
			return &runner->backends.items[i];
		}
	}
	return NULL;
}

struct option_place runner_backend_place(
	const struct runner_config *runner, const struct runner_backend *backend, const char *key) {
	const struct option_source *source = NULL;
	if (runner && runner->options) {
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct slice path = option_path_join(&arena, "backends", backend->name);
		path = arena_printf(&arena, "%.*s.%s", SLICE_FMT(path), key);
		source = options_origin(runner->options, path);
		arena_finish(&arena);
	}
	return source ? source->place : backend->place;
}

const struct runner_role *runner_find_role(const struct runner_config *runner, struct slice name) {
	for (size_t i = 0; i < runner->roles.len; i++) {
		if (slice_eq(runner->roles.items[i].name, name)) {
			return &runner->roles.items[i];
		}
	}
	return NULL;
}

const struct runner_team *runner_find_team(const struct runner_config *runner, struct slice name) {
	for (size_t i = 0; i < runner->teams.len; i++) {
		if (slice_eq(runner->teams.items[i].name, name)) {
			return &runner->teams.items[i];
		}
	}
	return NULL;
}

const struct runner_ecosystem *runner_find_ecosystem(
	const struct runner_config *runner, struct slice name) {
	for (size_t i = 0; i < runner->ecosystems.len; i++) {
		if (slice_eq(runner->ecosystems.items[i].name, name)) {
			return &runner->ecosystems.items[i];
		}
	}
	return NULL;
}
