/* lookup.c: from a workflow's name to its file (workflows.md 5.1): project, user, built-in. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "workflow/workflow_internal.h"

#define WORKFLOW_ENDING ".toml"
#define CASES_ENDING ".test.toml" /* cases of `llm-mux test`, no workflow */

void workflow_places_of(
	const struct runner_config *runner, struct arena *arena, struct workflow_places *places) {
	const char *config_dir = file_config_dir(arena);
	*places = (struct workflow_places){
		.user_dir = config_dir ? file_join(arena, config_dir, "workflows") : NULL,
		.base_dir = runner->dir,
	};
	const char *project = runner->project_dir ? runner->project_dir : runner->dir;
	if (project) {
		places->project_dir = file_join(arena, project, ".llm-mux/workflows");
	}
}

static const struct workflow_builtin *find_builtin(const char *name) {
	for (const struct workflow_builtin *at = workflow_builtins; at->name; at++) {
		if (strcmp(at->name, name) == 0) {
			return at;
		}
	}
	return NULL;
}

static bool is_path(struct slice name) {
	return slice_find_byte(name, '/') != SIZE_MAX ||
	       slice_ends_with(name, SLICE(WORKFLOW_ENDING));
}

/* ---- listing ---- */

struct name_list {
	const char **items;
	size_t len, cap;
};

static int by_name(const void *a, const void *b) {
	const char *const *left = a, *const *right = b;
	return strcmp(*left, *right);
}

/* The names of the workflows in a directory, in order. A directory that is not there has none. */
static struct name_list list_directory(struct arena *arena, const char *dir) {
	struct name_list names = {0};
	DIR *stream = dir ? opendir(dir) : NULL;
	if (!stream) {
		return names;
	}
	for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
		struct slice name = slice_of(entry->d_name);
		size_t ending = strlen(WORKFLOW_ENDING);
		if (name.len > ending && name.data[0] != '.' &&
			slice_ends_with(name, SLICE(WORKFLOW_ENDING)) &&
			!slice_ends_with(name, SLICE(CASES_ENDING))) {
			*ARENA_PUSH(arena, &names) =
				arena_strdup(arena, slice_sub(name, 0, name.len - ending));
		}
	}
	closedir(stream);
	if (names.len > 1) {
		qsort(names.items, names.len, sizeof *names.items, by_name);
	}
	return names;
}

static const char *file_of(struct arena *arena, const char *dir, const char *name) {
	return arena_printf(arena, "%s/%s" WORKFLOW_ENDING, dir, name).data;
}

static const char *builtin_path(struct arena *arena, const char *name) {
	return arena_printf(arena, "<built-in>/%s" WORKFLOW_ENDING, name).data;
}

void workflow_each(const struct workflow_places *places, struct arena *arena,
	void (*visit)(void *data, const struct workflow_listing *listing), void *data) {
	const struct {
		const char *dir, *origin;
	} levels[] = {{places->project_dir, "project"}, {places->user_dir, "user"}};
	struct map seen;
	map_init(&seen);
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct name_list names = list_directory(arena, levels[i].dir);
		for (size_t n = 0; n < names.len; n++) {
			struct workflow_listing listing = {
				.name = names.items[n],
				.path = file_of(arena, levels[i].dir, names.items[n]),
				.origin = levels[i].origin,
			};
			listing.is_shadowed = map_put(&seen, slice_of(listing.name), &seen) != NULL;
			visit(data, &listing);
		}
	}
	for (const struct workflow_builtin *at = workflow_builtins; at->name; at++) {
		struct workflow_listing listing = {
			.name = at->name,
			.path = builtin_path(arena, at->name),
			.origin = "built-in",
			.is_shadowed = map_get(&seen, slice_of(at->name)) != NULL,
		};
		visit(data, &listing);
	}
	map_finish(&seen, NULL);
}

/* ---- finding ---- */

typedef bool load_file(
	const char *path, size_t max, struct arena *arena, struct slice *text, struct error *error);

static void offer_name(void *data, const struct workflow_listing *listing) {
	nearest_offer(data, slice_of(listing->name));
}

static bool not_found(const struct workflow_places *places, const char *name, struct arena *arena,
	struct error *error) {
	struct nearest nearest = nearest_begin(slice_of(name));
	workflow_each(places, arena, offer_name, &nearest);
	const char *hint = nearest_clause(&nearest, arena);
	return error_set(error, ERROR_NOT_FOUND,
		"there is no workflow `%s`: looked in %s, %s and the built-in ones%s "
		"(`llm-mux workflows` lists all)",
		name, places->project_dir ? places->project_dir : "(no project directory)",
		places->user_dir ? places->user_dir : "(no configuration directory)", hint);
}

/* A path as it is opened: as it was written where that is the same. */
static const char *from_base(
	const struct workflow_places *places, const char *name, struct arena *arena) {
	char *here = getcwd(NULL, 0);
	bool is_here = here && places->base_dir && strcmp(here, places->base_dir) == 0;
	free(here);
	return name[0] == '/' || !places->base_dir || is_here
		       ? name
		       : file_join(arena, places->base_dir, name);
}

/* What a person names may be a pipe, as of `<(...)`; what a workflow names may not. */
static bool find_path(const char *name, load_file *load, struct arena *arena, const char **path,
	struct slice *text, struct error *error) {
	if (load(name, WORKFLOW_TEXT_MAX, arena, text, error)) {
		*path = arena_strdup(arena, slice_of(name));
		return true;
	}
	if (error->kind != ERROR_NOT_FOUND ||
		slice_ends_with(slice_of(name), SLICE(WORKFLOW_ENDING))) {
		return false;
	}
	/* `dir/name` without its ending. */
	const char *full = arena_printf(arena, "%s" WORKFLOW_ENDING, name).data;
	struct error other = {0};
	if (load(full, WORKFLOW_TEXT_MAX, arena, text, &other)) {
		*path = full;
		return true;
	}
	if (other.kind != ERROR_NOT_FOUND) {
		*error = other;
		return false;
	}
	return error_set(
		error, ERROR_NOT_FOUND, "there is no workflow file `%s` and no `%s`", name, full);
}

static bool find(const struct workflow_places *places, const char *name, load_file *load,
	struct arena *arena, const char **path, const char **origin, struct slice *text,
	struct error *error) {
	struct error ignored = {0};
	error = error ? error : &ignored;
	error_clear(error);
	if (is_path(slice_of(name))) {
		*origin = "path";
		return find_path(from_base(places, name, arena), load, arena, path, text, error);
	}
	const struct {
		const char *dir, *origin;
	} levels[] = {{places->project_dir, "project"}, {places->user_dir, "user"}};
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (!levels[i].dir) {
			continue;
		}
		*path = file_of(arena, levels[i].dir, name);
		*origin = levels[i].origin;
		if (file_load_regular(*path, WORKFLOW_TEXT_MAX, arena, text, error)) {
			return true;
		}
		/* A file that cannot be read must not give way to another one in silence. */
		if (error->kind != ERROR_NOT_FOUND) {
			return false;
		}
	}
	const struct workflow_builtin *builtin = find_builtin(name);
	if (builtin) {
		error_clear(error);
		*path = builtin_path(arena, name);
		*origin = "built-in";
		*text = slice_of(builtin->text);
		return true;
	}
	return not_found(places, name, arena, error);
}

bool workflow_find(const struct workflow_places *places, const char *name, struct arena *arena,
	const char **path, const char **origin, struct slice *text, struct error *error) {
	return find(places, name, file_load, arena, path, origin, text, error);
}

bool workflow_find_nested(const struct workflow *caller, const struct workflow_places *places,
	const char *name, struct arena *arena, const char **path, const char **origin,
	struct slice *text, struct error *error) {
	struct workflow_places from = *places;
	from.base_dir = caller->dir ? caller->dir : places->base_dir;
	return find(&from, name, file_load_regular, arena, path, origin, text, error);
}
