/* fixtures.c: finding and reading recorded test data. */
#include "support/fixtures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void give_up(const char *what, const char *path) {
	fprintf(stderr, "fixtures: cannot %s %s\n", what, path);
	abort();
}

static char *join(const char *directory, const char *name) {
	char *path;
	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		give_up("name", name);
	}
	return path;
}

char *fixtures_path(const char *relative) {
	const char *root = getenv("LLM_MUX_FIXTURES");
	char *path = join(root && *root ? root : "../shared/fixtures", relative);
	if (access(path, R_OK) != 0) {
		fprintf(stderr, "SKIPPED: no test data at %s (set LLM_MUX_FIXTURES)\n", path);
		free(path);
		return NULL;
	}
	return path;
}

struct slice fixtures_read(const char *path) {
	FILE *file = fopen(path, "rb");
	long size = -1;
	if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
		give_up("read", path);
	}
	rewind(file);
	char *bytes = malloc(size > 0 ? (size_t)size : 1);
	if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
		give_up("read", path);
	}
	fclose(file);
	return slice_make(bytes, (size_t)size);
}

void fixtures_free(struct slice bytes) {
	free((char *)(uintptr_t)bytes.data);
}

struct fixture_list fixtures_list(const char *directory, const char *prefix, const char *suffix) {
	struct dirent **entries;
	struct fixture_list list = {0};
	int count = scandir(directory, &entries, NULL, alphasort);
	if (count < 0) {
		give_up("list", directory);
	}
	list.paths = calloc((size_t)count + 1, sizeof *list.paths);
	for (int i = 0; list.paths && i < count; i++) {
		struct slice name = slice_of(entries[i]->d_name);
		if (entries[i]->d_type != DT_DIR && slice_starts_with(name, slice_of(prefix)) &&
			slice_ends_with(name, slice_of(suffix))) {
			list.paths[list.count++] = join(directory, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return list;
}

void fixtures_list_free(struct fixture_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		free(list->paths[i]);
	}
	free(list->paths);
	*list = (struct fixture_list){0};
}

const char *fixtures_name(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}
