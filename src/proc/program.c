/* program.c: finding programs as execvp would, and the environments they get. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "proc/process_internal.h"

/* What a shell takes when PATH is not set. */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* 0 when the path can be run, else an errno. */
static int check_program(const char *path) {
	struct stat status;
	if (stat(path, &status) != 0) {
		return errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return EACCES;
	}
	return access(path, X_OK) == 0 ? 0 : errno;
}

static int check_from(struct arena *arena, const char *cwd, const char *path) {
	bool is_elsewhere = cwd != NULL && path[0] != '/';
	return check_program(is_elsewhere ? file_join(arena, cwd, path) : path);
}

const char *program_find(
	struct arena *arena, const char *name, const char *path, const char *cwd, int *number) {
	if (strchr(name, '/') != NULL) {
		*number = check_from(arena, cwd, name);
		return *number == 0 ? name : NULL;
	}
	*number = ENOENT;
	struct slice rest = slice_of(path != NULL ? path : DEFAULT_PATH);
	struct slice dir;
	while (name[0] != '\0' && slice_split(&rest, ':', &dir)) {
		/* An empty part is the current directory (POSIX, 8.3). */
		const char *candidate =
			file_join(arena, dir.len > 0 ? arena_strdup(arena, dir) : ".", name);
		int found = check_from(arena, cwd, candidate);
		if (found == 0) {
			return candidate;
		}
		if (found == EACCES) {
			*number = EACCES; /* says more than that others do not have it */
		}
	}
	return NULL;
}

const char *process_find_program(struct arena *arena, const char *name, const char *path) {
	int number;
	return program_find(arena, name, path != NULL ? path : program_variable(environ, "PATH"),
		NULL, &number);
}

const char *program_variable(char *const *environment, const char *name) {
	size_t len = strlen(name);
	for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
		if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=') {
			return environment[i] + len + 1;
		}
	}
	return NULL;
}

static bool is_edited(const char *entry, const struct process_variable *variables, size_t count) {
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(variables[i].name);
		if (strncmp(entry, variables[i].name, len) == 0 && entry[len] == '=') {
			return true;
		}
	}
	return false;
}

static bool is_last_of_name(size_t at, const struct process_variable *variables, size_t count) {
	for (size_t i = at + 1; i < count; i++) {
		if (strcmp(variables[i].name, variables[at].name) == 0) {
			return false;
		}
	}
	return true;
}

char **program_environment(
	struct arena *arena, const struct process_variable *variables, size_t count) {
	size_t inherited = 0;
	while (environ != NULL && environ[inherited] != NULL) {
		inherited++;
	}
	char **list = ARENA_ARRAY(arena, char *, inherited + count + 1);
	size_t len = 0;
	for (size_t i = 0; i < inherited; i++) {
		if (!is_edited(environ[i], variables, count)) {
			list[len++] = environ[i];
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (variables[i].value != NULL && is_last_of_name(i, variables, count)) {
			list[len++] = (char *)arena_printf(
				arena, "%s=%s", variables[i].name, variables[i].value)
					      .data;
		}
	}
	return list;
}
