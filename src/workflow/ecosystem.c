/* ecosystem.c: which ecosystem and project a directory belongs to, and `ecosystem` in templates
 * (workflows.md 4.1, 4.2). */
#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/nearest.h"
#include "workflow/memory.h"

const char *ecosystem_project_path(
	const struct runner_project *project, char *const *environment, struct arena *arena) {
	struct slice path;
	struct error error;
	if (!runner_expand(project->path, "path", &project->place, environment, NULL, arena, &path,
		    &error)) {
		return NULL;
	}
	return file_expand(arena, path);
}

/* The directory is the path or below it: whole components. */
static bool is_within(const char *dir, const char *path) {
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/') {
		len--;
	}
	return strncmp(dir, path, len) == 0 &&
	       (dir[len] == '\0' || dir[len] == '/' || (len == 1 && path[0] == '/'));
}

/* The longest project path that holds the directory; ties by declaration. */
static void detect_by_dir(const struct runner_ecosystem *ecosystem, const char *dir,
	char *const *environment, struct arena *arena, struct ecosystem_choice *choice,
	size_t *longest) {
	for (size_t i = 0; i < ecosystem->projects.len; i++) {
		const struct runner_project *project = &ecosystem->projects.items[i];
		const char *path = ecosystem_project_path(project, environment, arena);
		char *real = path ? realpath(path, NULL) : NULL;
		if (real && is_within(dir, real) && strlen(real) > *longest) {
			*longest = strlen(real);
			*choice = (struct ecosystem_choice){ecosystem, project};
		}
		free(real);
	}
}

static bool find_forced(const struct runner_config *runner, struct slice forced,
	struct arena *arena, const struct runner_ecosystem **found, struct error *error) {
	*found = runner_find_ecosystem(runner, forced);
	if (*found) {
		return true;
	}
	struct nearest nearest = nearest_begin(forced);
	for (size_t i = 0; i < runner->ecosystems.len; i++) {
		nearest_offer(&nearest, runner->ecosystems.items[i].name);
	}
	return error_set(error, ERROR_INVALID_REQUEST,
		"no ecosystem `%.*s` is configured%s (llm-mux ecosystems lists all)",
		SLICE_FMT(forced), nearest_clause(&nearest, arena));
}

static bool find_project(const struct runner_ecosystem *ecosystem, struct slice forced,
	struct arena *arena, const struct runner_project **found, struct error *error) {
	struct nearest nearest = nearest_begin(forced);
	for (size_t i = 0; i < ecosystem->projects.len; i++) {
		nearest_offer(&nearest, ecosystem->projects.items[i].name);
		if (slice_eq(ecosystem->projects.items[i].name, forced)) {
			*found = &ecosystem->projects.items[i];
			return true;
		}
	}
	return error_set(error, ERROR_INVALID_REQUEST, "ecosystem `%.*s` has no project `%.*s`%s",
		SLICE_FMT(ecosystem->name), SLICE_FMT(forced), nearest_clause(&nearest, arena));
}

bool ecosystem_detect(const struct runner_config *runner, const char *dir, struct slice forced,
	struct slice forced_project, char *const *environment, struct arena *arena,
	struct ecosystem_choice *choice, struct error *error) {
	*choice = (struct ecosystem_choice){NULL, NULL};
	const struct runner_ecosystem *only = NULL;
	if (forced.len > 0 && !find_forced(runner, forced, arena, &only, error)) {
		return false;
	}
	char *real = realpath(dir, NULL);
	size_t longest = 0;
	for (size_t i = 0; real && i < runner->ecosystems.len; i++) {
		const struct runner_ecosystem *ecosystem = &runner->ecosystems.items[i];
		if (!only || only == ecosystem) {
			detect_by_dir(ecosystem, real, environment, arena, choice, &longest);
		}
	}
	free(real);
	if (only) {
		choice->ecosystem = only;
	}
	if (forced_project.len == 0) {
		return true;
	}
	if (!choice->ecosystem) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"--project %.*s needs an ecosystem: no project of one holds %s; add "
			"--ecosystem NAME",
			SLICE_FMT(forced_project), dir);
	}
	return find_project(choice->ecosystem, forced_project, arena, &choice->project, error);
}

/* ---- `ecosystem` of templates ---- */

struct ecosystem_object {
	struct value_object base;
	const struct runner_ecosystem *ecosystem;
	struct value_map *members; /* what configuration says */
	struct arena *arena;       /* that outlives the renders */
	struct value_map *rows;    /* what was read of the database, by kind */
};

static struct value list_of(const struct option_strings *strings, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	for (size_t i = 0; i < strings->len; i++) {
		value_list_push(arena, list, value_string(strings->items[i]));
	}
	return value_of_list(list);
}

static struct value project_value(
	const struct runner_project *project, char *const *environment, struct arena *arena) {
	struct value_map *map = value_map_new(arena);
	const char *path = ecosystem_project_path(project, environment, arena);
	value_map_put_named(arena, map, "name", value_string_or_empty(project->name));
	value_map_put_named(arena, map, "path",
		path ? value_string(slice_of(path)) : value_string_or_empty(project->path));
	value_map_put_named(arena, map, "raw_path", value_string_or_empty(project->path));
	value_map_put_named(arena, map, "description", value_string_or_empty(project->description));
	value_map_put_named(arena, map, "type", value_string_or_empty(project->type));
	value_map_put_named(arena, map, "depends_on", list_of(&project->depends_on, arena));
	value_map_put_named(arena, map, "tags", list_of(&project->tags, arena));
	return value_of_map(map);
}

static const char *const row_kinds[] = {
	"facts", "relationships", "entities", "findings", "runs", NULL};

/* Read when first asked for, once: a workflow that never looks opens no database. A memory that is
 * not there yet, or cannot be read, has no rows. */
static struct value rows_of(struct ecosystem_object *object, const char *kind) {
	struct value rows = value_map_get_named(object->rows, kind);
	if (rows.type != VALUE_UNDEFINED) {
		return rows;
	}
	struct error error = {0};
	struct memory *memory = memory_open(object->ecosystem->name, true, object->arena, &error);
	if (!memory || !memory_rows(memory, kind, object->arena, &rows, &error)) {
		rows = value_of_list(value_list_new(object->arena));
	}
	memory_close(memory);
	value_map_put_named(object->arena, object->rows, kind, rows);
	return rows;
}

static bool object_get(
	const struct value_object *base, struct arena *arena, struct value key, struct value *out) {
	(void)arena;
	struct ecosystem_object *object = (struct ecosystem_object *)(uintptr_t)base;
	if (key.type != VALUE_STRING) {
		return false;
	}
	for (size_t i = 0; row_kinds[i]; i++) {
		if (slice_is(key.string, row_kinds[i])) {
			*out = rows_of(object, row_kinds[i]);
			return true;
		}
	}
	*out = value_map_get(object->members, key);
	return out->type != VALUE_UNDEFINED;
}

static struct value object_plain(const struct value_object *base, struct arena *arena) {
	(void)arena;
	return value_string_or_empty(((const struct ecosystem_object *)base)->ecosystem->name);
}

static struct value object_map(const struct value_object *base, struct arena *arena) {
	(void)arena;
	return value_of_map(((const struct ecosystem_object *)base)->members);
}

static const char *const *object_names(const struct value_object *base, struct arena *arena) {
	(void)base;
	(void)arena;
	static const char *const names[] = {"name", "description", "knowledge", "projects",
		"current_project", "facts", "relationships", "entities", "findings", "runs", NULL};
	return names;
}

static const struct value_object_kind object_kind = {
	.name = "ecosystem",
	.get = object_get,
	.plain = object_plain,
	.map = object_map,
	.names = object_names,
};

struct value ecosystem_value(
	const struct ecosystem_choice *choice, char *const *environment, struct arena *arena) {
	if (!choice->ecosystem) {
		return value_undefined();
	}
	struct ecosystem_object *object = ARENA_NEW(arena, struct ecosystem_object);
	object->base.kind = &object_kind;
	object->ecosystem = choice->ecosystem;
	object->arena = arena;
	object->members = value_map_new(arena);
	object->rows = value_map_new(arena);
	struct value_list *projects = value_list_new(arena);
	for (size_t i = 0; i < choice->ecosystem->projects.len; i++) {
		const struct runner_project *project = &choice->ecosystem->projects.items[i];
		struct value value = project_value(project, environment, arena);
		value_list_push(arena, projects, value);
		if (project == choice->project) {
			value_map_put_named(arena, object->members, "current_project", value);
		}
	}
	value_map_put_named(
		arena, object->members, "name", value_string_or_empty(choice->ecosystem->name));
	value_map_put_named(arena, object->members, "description",
		value_string_or_empty(choice->ecosystem->description));
	value_map_put_named(
		arena, object->members, "knowledge", list_of(&choice->ecosystem->knowledge, arena));
	value_map_put_named(arena, object->members, "projects", value_of_list(projects));
	return value_object(&object->base);
}
