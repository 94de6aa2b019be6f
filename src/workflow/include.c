/* include.c: files beside a workflow: what templates include, shared steps, prompts. They must lie
 * inside the project: the nearest directory above the workflow that has .llm-mux/ or .git, else the
 * workflow's own directory. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "workflow/workflow_internal.h"

bool workflow_is_name(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		bool is_letter =
			(byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
		bool is_further = (byte >= '0' && byte <= '9') || byte == '-';
		if (!is_letter && (i == 0 || !is_further)) {
			return false;
		}
	}
	return text.len > 0;
}

static const char *parent_of(struct arena *arena, const char *path) {
	const char *slash = strrchr(path, '/');
	if (!slash) {
		return ".";
	}
	return slash == path ? "/" : arena_strdup(arena, slice_make(path, (size_t)(slash - path)));
}

static const char *canonical(struct arena *arena, const char *path) {
	char *real = realpath(path, NULL);
	const char *copy = real ? arena_strdup(arena, slice_of(real)) : NULL;
	free(real);
	return copy;
}

static bool is_project(struct arena *arena, const char *dir) {
	return file_exists(file_join(arena, dir, ".llm-mux")) ||
	       file_exists(file_join(arena, dir, ".git"));
}

static bool load_template(void *data, struct arena *arena, struct slice name, struct slice *text,
	struct error *error) {
	const char *path;
	struct error failure = {0};
	/* What was looked at, and trusted, is what is used, whatever happened to the file since. */
	if (workflow_included_text(data, name, text) ||
		workflow_read_beside(data, arena, name, &path, text, &failure)) {
		return true;
	}
	if (failure.kind != ERROR_NOT_FOUND && error) {
		*error = failure;
	}
	return false;
}

void workflow_find_root(struct workflow *workflow) {
	struct arena *arena = &workflow->arena;
	workflow->environment.load = load_template;
	workflow->environment.load_data = workflow;
	const char *file = workflow->origin && strcmp(workflow->origin, "built-in") == 0
				   ? NULL
				   : canonical(arena, workflow->path);
	if (!file) {
		return;
	}
	workflow->dir = parent_of(arena, file);
	workflow->root = workflow->dir;
	const char *home = getenv("HOME");
	for (const char *dir = workflow->dir; strcmp(dir, "/") != 0; dir = parent_of(arena, dir)) {
		if (home && strcmp(dir, home) == 0) {
			break; /* ~/.llm-mux does not make all of the home directory a project */
		}
		if (is_project(arena, dir)) {
			workflow->root = dir;
			break;
		}
	}
}

const char *workflow_resolve(const struct workflow *workflow, struct arena *arena,
	struct slice name, struct error *error) {
	if (!workflow->dir) {
		error_set(error, ERROR_NOT_FOUND, "a built-in workflow has no files beside it");
		return NULL;
	}
	if (name.len == 0 || name.data[0] == '/' || memchr(name.data, '\0', name.len)) {
		error_set(error, ERROR_PERMISSION,
			"`%.*s` must be a path relative to the workflow's file", SLICE_FMT(name));
		return NULL;
	}
	const char *joined = file_join(arena, workflow->dir, arena_strdup(arena, name));
	const char *real = canonical(arena, joined);
	if (!real) {
		error_set(error,
			errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND : ERROR_PERMISSION,
			"there is no file `%.*s` in %s", SLICE_FMT(name), workflow->dir);
		return NULL;
	}
	size_t len = strlen(workflow->root);
	if (strcmp(workflow->root, "/") != 0 &&
		(strncmp(real, workflow->root, len) != 0 || real[len] != '/')) {
		error_set(error, ERROR_PERMISSION,
			"`%.*s` lies outside of the project (%s): a workflow reads only files "
			"inside",
			SLICE_FMT(name), workflow->root);
		return NULL;
	}
	return real;
}

/* As a person says it: beside the workflow as it was named. */
static const char *shown_path(
	const struct workflow *workflow, struct arena *arena, struct slice name) {
	const char *slash = strrchr(workflow->path, '/');
	if (!slash) {
		return arena_strdup(arena, name);
	}
	return arena_printf(
		arena, "%.*s/%.*s", (int)(slash - workflow->path), workflow->path, SLICE_FMT(name))
		.data;
}

bool workflow_read_beside(const struct workflow *workflow, struct arena *arena, struct slice name,
	const char **path, struct slice *text, struct error *error) {
	const char *real = workflow_resolve(workflow, arena, name, error);
	if (!real) {
		return false;
	}
	*path = shown_path(workflow, arena, name);
	return file_load_regular(real, WORKFLOW_TEXT_MAX, arena, text, error);
}
