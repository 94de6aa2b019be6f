/* team.c: which team works here, and `team` in templates (workflows.md 3.4, 6.2). */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/nearest.h"
#include "workflow/memory.h"

/* A marker is a path or a glob, relative to the directory; it must not lead out of it. */
static bool has_marker(const char *dir, struct slice marker) {
	char path[4096];
	if (marker.len == 0 || marker.data[0] == '/' || slice_contains(marker, SLICE("..")) ||
		(size_t)snprintf(path, sizeof path, "%s/%.*s", dir, SLICE_FMT(marker)) >=
			sizeof path) {
		return false;
	}
	if (file_exists(path)) {
		return true;
	}
	if (slice_find_byte(marker, '*') == SIZE_MAX && slice_find_byte(marker, '?') == SIZE_MAX &&
		slice_find_byte(marker, '[') == SIZE_MAX) {
		return false;
	}
	/* The directory's own name may hold what a glob would read. */
	char pattern[2 * sizeof path];
	size_t len = 0;
	for (const char *c = dir; *c; c++) {
		if (strchr("*?[]\\", *c)) {
			pattern[len++] = '\\';
		}
		pattern[len++] = *c;
	}
	snprintf(pattern + len, sizeof pattern - len, "/%.*s", SLICE_FMT(marker));
	glob_t found = {0};
	bool has_any = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0;
	globfree(&found);
	return has_any;
}

static bool is_detected(const struct runner_team *team, const char *dir) {
	for (size_t i = 0; i < team->detect.len; i++) {
		if (has_marker(dir, team->detect.items[i])) {
			return true;
		}
	}
	return false;
}

/* The nearest ancestor with .git; NULL when there is none. Malloc'd. */
static char *git_root(const char *dir) {
	char *path = realpath(dir, NULL);
	while (path) {
		char probe[4096 + 8];
		snprintf(probe, sizeof probe, "%s/.git", strcmp(path, "/") == 0 ? "" : path);
		if (file_exists(probe)) {
			return path;
		}
		char *slash = strrchr(path, '/');
		if (!slash || slash == path) {
			break;
		}
		*slash = '\0';
	}
	free(path);
	return NULL;
}

static const struct runner_team *first_detected(
	const struct runner_config *runner, const char *dir) {
	for (size_t i = 0; dir && i < runner->teams.len; i++) {
		if (is_detected(&runner->teams.items[i], dir)) {
			return &runner->teams.items[i];
		}
	}
	return NULL;
}

static bool refuse_unknown(
	const struct runner_config *runner, struct slice forced, struct error *error) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct nearest nearest = nearest_begin(forced);
	struct buf list;
	buf_init(&list, 0);
	for (size_t i = 0; i < runner->teams.len; i++) {
		struct slice name = runner->teams.items[i].name;
		nearest_offer(&nearest, name);
		buf_printf(&list, "%s%.*s", i > 0 ? ", " : "", SLICE_FMT(name));
	}
	error_set(error, ERROR_INVALID_REQUEST, "there is no team `%.*s`%s (teams are: %.*s)",
		SLICE_FMT(forced), nearest_clause(&nearest, &arena), SLICE_FMT(buf_slice(&list)));
	buf_finish(&list);
	arena_finish(&arena);
	return false;
}

bool team_detect(const struct runner_config *runner, const char *dir, struct slice forced,
	const struct runner_team **team, struct error *error) {
	if (forced.len > 0) {
		*team = runner_find_team(runner, forced);
		return *team || refuse_unknown(runner, forced, error);
	}
	*team = first_detected(runner, dir);
	if (!*team) {
		*team = first_detected(runner, runner->project_dir);
	}
	if (!*team) {
		char *root = git_root(dir);
		*team = first_detected(runner, root);
		free(root);
	}
	return true;
}

/* ---- `team` of templates ---- */

struct team_object {
	struct value_object base;
	struct value name;
	struct value_map *members;
};

static bool object_get(
	const struct value_object *base, struct arena *arena, struct value key, struct value *out) {
	(void)arena;
	*out = value_map_get(((const struct team_object *)base)->members, key);
	return out->type != VALUE_UNDEFINED;
}

static struct value object_plain(const struct value_object *base, struct arena *arena) {
	(void)arena;
	return ((const struct team_object *)base)->name;
}

static const char *const *object_names(const struct value_object *base, struct arena *arena) {
	(void)base;
	(void)arena;
	static const char *const names[] = {
		"name", "description", "detect", "verify", "roles", NULL};
	return names;
}

static const struct value_object_kind object_kind = {
	.name = "team",
	.get = object_get,
	.plain = object_plain,
	.names = object_names,
};

struct value team_value(const struct runner_team *team, struct arena *arena) {
	static const struct runner_team none;
	struct team_object *object = ARENA_NEW(arena, struct team_object);
	struct value_list *detect = value_list_new(arena), *roles = value_list_new(arena);
	const struct runner_team *shown = team ? team : &none;
	for (size_t i = 0; i < shown->detect.len; i++) {
		value_list_push(arena, detect, value_string(shown->detect.items[i]));
	}
	for (size_t i = 0; i < shown->roles.len; i++) {
		value_list_push(arena, roles, value_string(shown->roles.items[i].name));
	}
	object->base.kind = &object_kind;
	object->name = value_string_or_empty(shown->name);
	object->members = value_map_new(arena);
	value_map_put_named(arena, object->members, "name", object->name);
	value_map_put_named(
		arena, object->members, "description", value_string_or_empty(shown->description));
	value_map_put_named(arena, object->members, "detect", value_of_list(detect));
	/* The one text of a template that is a command: `verify = "{{ team.verify }}"` runs it. It
	 * stands in a trusted configuration, so it is not quoted. */
	value_map_put_named(arena, object->members, "verify",
		value_safe_string(shown->verify.data ? shown->verify : SLICE("")));
	value_map_put_named(arena, object->members, "roles", value_of_list(roles));
	return value_object(&object->base);
}
