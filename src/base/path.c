/* path.c: the program's directories, and prefixes a shell would have expanded. */
#include <stdlib.h>

#include "base/file.h"

/* The XDG base directory specification: a relative value is to be ignored. */
static const char *absolute_env(const char *name) {
	const char *value = getenv(name);
	return value != NULL && value[0] == '/' ? value : NULL;
}

static const struct xdg_directory {
	const char *variable;
	const char *fallback; /* below HOME */
} xdg_config = {"XDG_CONFIG_HOME", ".config"}, xdg_state = {"XDG_STATE_HOME", ".local/state"};

static const char *xdg_base(struct arena *arena, const struct xdg_directory *directory) {
	const char *base = absolute_env(directory->variable);
	if (base != NULL) {
		return base;
	}
	const char *home = absolute_env("HOME");
	return home != NULL ? file_join(arena, home, directory->fallback) : NULL;
}

static const char *program_dir(struct arena *arena, const struct xdg_directory *directory) {
	const char *base = xdg_base(arena, directory);
	return base != NULL ? file_join(arena, base, "llm-mux") : NULL;
}

const char *file_config_dir(struct arena *arena) {
	return program_dir(arena, &xdg_config);
}

const char *file_state_dir(struct arena *arena) {
	return program_dir(arena, &xdg_state);
}

/* What "$NAME" stands for; the XDG variables have defaults. NULL when unset. */
static const char *variable_value(struct arena *arena, struct slice name) {
	static const struct xdg_directory *const known[] = {&xdg_config, &xdg_state};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (slice_is(name, known[i]->variable)) {
			return xdg_base(arena, known[i]);
		}
	}
	return name.len > 0 ? getenv(arena_strdup(arena, name)) : NULL;
}

const char *file_expand(struct arena *arena, struct slice path) {
	size_t slash = slice_find_byte(path, '/');
	struct slice first = slice_sub(path, 0, slash);
	const char *value = NULL;
	if (slice_is(first, "~")) {
		value = getenv("HOME");
	} else if (first.len > 1 && first.data[0] == '$') {
		value = variable_value(arena, slice_from(first, 1));
	}
	if (value == NULL) {
		return arena_strdup(arena, path);
	}
	struct slice rest = slice_from(path, first.len);
	return arena_printf(arena, "%s%.*s", value, SLICE_FMT(rest)).data;
}

const char *file_join(struct arena *arena, const char *dir, const char *name) {
	size_t len = strlen(dir);
	const char *separator = len == 0 || dir[len - 1] == '/' ? "" : "/";
	return arena_printf(arena, "%s%s%s", dir, separator, name).data;
}
