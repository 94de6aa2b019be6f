/* globals.c: what the templates of a run see (workflows.md 6.2): `steps`, `args`, `env` and the
 * rest. */
#include <stdlib.h>

#include "base/clock.h"
#include "workflow/run_internal.h"

/* ---- env: looked up live, not enumerable ---- */

struct environment_object {
	struct value_object object;
	char *const *environment;
};

static bool environment_get(const struct value_object *object, struct arena *arena,
	struct value key, struct value *out) {
	(void)arena;
	char *const *at = ((const struct environment_object *)object)->environment;
	for (; key.type == VALUE_STRING && at != NULL && *at != NULL; at++) {
		struct slice entry = slice_of(*at);
		if (slice_starts_with(entry, key.string) && entry.len > key.string.len &&
			entry.data[key.string.len] == '=') {
			*out = value_string(slice_from(entry, key.string.len + 1));
			return true;
		}
	}
	return false;
}

static const struct value_object_kind environment_kind = {
	.name = "env",
	.get = environment_get,
};

/* ---- workflow: prints as its name ---- */

struct workflow_object {
	struct value_object object;
	struct run *run;
};

static struct run *run_of(const struct value_object *object) {
	return ((const struct workflow_object *)object)->run;
}

static struct value workflow_plain(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_string(run_of(object)->workflow->name);
}

static bool workflow_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	(void)arena;
	const struct run *run = run_of(object);
	if (key.type != VALUE_STRING) {
		return false;
	}
	if (slice_is(key.string, "name")) {
		*out = value_string(run->workflow->name);
	} else if (slice_is(key.string, "description")) {
		*out = value_string_or_empty(run->workflow->description);
	} else if (slice_is(key.string, "dir")) {
		*out = value_string_or_empty(slice_of(run->options.dir));
	} else if (slice_is(key.string, "run_id")) {
		*out = value_string_or_empty(slice_of(run->id));
	} else {
		return false;
	}
	return true;
}

static const char *const *workflow_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	(void)arena;
	static const char *const names[] = {"name", "description", "dir", "run_id", NULL};
	return names;
}

static const struct value_object_kind workflow_kind = {
	.name = "workflow",
	.get = workflow_get,
	.plain = workflow_plain,
	.names = workflow_names,
};

/* ---- the outermost scope ---- */

struct globals_object {
	struct value_object object;
	struct run *run;
	const struct value_map *extra; /* or NULL */
	struct value outer;            /* asked for what is not in `extra`; undefined: the run */
};

static struct value get_steps(struct run *run, struct arena *arena) {
	return results_steps_value(&run->results, arena);
}

static struct value get_groups(struct run *run, struct arena *arena) {
	return results_groups_value(&run->results, arena);
}

static struct value get_args(struct run *run, struct arena *arena) {
	return run->options.arguments.values.type != VALUE_UNDEFINED
		       ? run->options.arguments.values
		       : value_of_map(value_map_new(arena));
}

static struct value get_env(struct run *run, struct arena *arena) {
	struct environment_object *object = ARENA_NEW(arena, struct environment_object);
	object->object.kind = &environment_kind;
	object->environment = run->options.environment;
	return value_object(&object->object);
}

/* Without a team it is an empty text, which is false (6.2). */
static struct value get_team(struct run *run, struct arena *arena) {
	(void)arena;
	return run->options.team_value.type != VALUE_UNDEFINED ? run->options.team_value
							       : value_string(SLICE(""));
}

static struct value get_ecosystem(struct run *run, struct arena *arena) {
	(void)arena;
	return run->options.ecosystem_value;
}

static struct value get_workflow(struct run *run, struct arena *arena) {
	struct workflow_object *object = ARENA_NEW(arena, struct workflow_object);
	object->object.kind = &workflow_kind;
	object->run = run;
	return value_object(&object->object);
}

static struct value get_run_dir(struct run *run, struct arena *arena) {
	(void)arena;
	struct error error = {0};
	return run->options.is_dry_run
		       ? value_string(SLICE(""))
		       : value_string_or_empty(slice_of(run_files_dir(run, &error)));
}

static struct value get_cwd(struct run *run, struct arena *arena) {
	(void)arena;
	return value_string_or_empty(slice_of(run->options.dir));
}

static struct value get_now(struct run *run, struct arena *arena) {
	(void)run;
	char text[CLOCK_TEXT_MAX];
	size_t len = clock_format_rfc3339(clock_wall_ms(), text);
	return value_string(arena_dup(arena, slice_make(text, len)));
}

static struct value role_value(const struct runner_role *role, struct arena *arena) {
	struct value_map *map = value_map_new(arena);
	struct value_list *backends = value_list_new(arena);
	for (size_t i = 0; i < role->backends.len; i++) {
		value_list_push(arena, backends, value_string(role->backends.items[i]));
	}
	value_map_put_named(arena, map, "name", value_string(role->name));
	value_map_put_named(arena, map, "description", value_string_or_empty(role->description));
	value_map_put_named(arena, map, "backends", value_of_list(backends));
	return value_of_map(map);
}

/* Of the configuration, then of the workflow, which wins. */
static struct value get_roles(struct run *run, struct arena *arena) {
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; run->runner != NULL && i < run->runner->roles.len; i++) {
		const struct runner_role *role = &run->runner->roles.items[i];
		value_map_put(arena, map, value_string(role->name), role_value(role, arena));
	}
	for (size_t i = 0; i < run->workflow->roles.len; i++) {
		const struct runner_role *role = &run->workflow->roles.items[i];
		value_map_put(arena, map, value_string(role->name), role_value(role, arena));
	}
	return value_of_map(map);
}

static const struct global {
	const char *name;
	struct value (*get)(struct run *run, struct arena *arena);
} globals[] = {
	{"steps", get_steps},
	{"args", get_args},
	{"env", get_env},
	{"team", get_team},
	{"ecosystem", get_ecosystem},
	{"workflow", get_workflow},
	{"groups", get_groups},
	{"run_dir", get_run_dir},
	{"cwd", get_cwd},
	{"now", get_now},
	{"roles", get_roles},
};
#define GLOBAL_COUNT (sizeof globals / sizeof *globals)

static bool globals_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	const struct globals_object *scope = (const struct globals_object *)object;
	if (scope->extra != NULL) {
		*out = value_map_get(scope->extra, key);
		if (out->type != VALUE_UNDEFINED) {
			return true;
		}
	}
	if (scope->outer.type != VALUE_UNDEFINED) {
		*out = value_get(scope->outer, arena, key);
		return out->type != VALUE_UNDEFINED;
	}
	for (size_t i = 0; i < GLOBAL_COUNT && key.type == VALUE_STRING; i++) {
		if (slice_is(key.string, globals[i].name)) {
			*out = globals[i].get(scope->run, arena);
			return out->type != VALUE_UNDEFINED;
		}
	}
	return false;
}

static const char *const *globals_names(const struct value_object *object, struct arena *arena) {
	const struct value_map *extra = ((const struct globals_object *)object)->extra;
	size_t extra_count = extra != NULL ? extra->len : 0;
	const char **names = ARENA_ARRAY(arena, const char *, GLOBAL_COUNT + extra_count + 1);
	size_t count = 0;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		names[count++] = globals[i].name;
	}
	for (size_t i = 0; i < extra_count; i++) {
		if (extra->items[i].key.type == VALUE_STRING) {
			names[count++] = arena_strdup(arena, extra->items[i].key.string);
		}
	}
	return names;
}

static const struct value_object_kind globals_kind = {
	.name = "globals",
	.get = globals_get,
	.names = globals_names,
};

struct value run_globals(struct run *run, const struct value_map *extra, struct arena *arena) {
	return run_globals_within(run, extra, value_undefined(), arena);
}

struct value run_globals_within(
	struct run *run, const struct value_map *extra, struct value outer, struct arena *arena) {
	struct globals_object *object = ARENA_NEW(arena, struct globals_object);
	object->object.kind = &globals_kind;
	object->run = run;
	object->extra = extra;
	object->outer = outer;
	return value_object(&object->object);
}
