/* runner_help.c: a home, a configuration directory and a project of its own for each test. */
#include "config/runner_help.h"

#include <ftw.h>

const char *runner_fixture_path(struct runner_fixture *f, const char *name) {
	return file_join(&f->arena, f->home, name);
}

static char *replace_variable(const char *name, const char *value) {
	const char *old = getenv(name);
	char *saved = old ? strdup(old) : NULL;
	if (value) {
		setenv(name, value, 1);
	} else {
		unsetenv(name);
	}
	return saved;
}

static void restore_variable(const char *name, char *saved) {
	free(replace_variable(name, saved));
	free(saved);
}

void runner_fixture_begin(struct runner_fixture *f) {
	static const char *const dirs[] = {
		".config/llm-mux", "state", "project/.llm-mux/workflows", "project/sub", NULL};
	char home[] = "/tmp/llm-mux-runner-XXXXXX";
	*f = (struct runner_fixture){0};
	arena_init(&f->arena, NULL, 0);
	assert_non_null(mkdtemp(home));
	f->home = arena_strdup(&f->arena, slice_of(home));
	for (size_t i = 0; dirs[i]; i++) {
		assert_true(file_make_dir(runner_fixture_path(f, dirs[i]), 0700, NULL));
	}
	f->config_dir = runner_fixture_path(f, ".config/llm-mux");
	f->project = runner_fixture_path(f, "project");
	f->saved_home = replace_variable("HOME", home);
	f->saved_state = replace_variable("XDG_STATE_HOME", runner_fixture_path(f, "state"));
	f->saved_config = replace_variable("XDG_CONFIG_HOME", NULL);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

void runner_fixture_end(struct runner_fixture *f) {
	config_unref(f->config);
	buf_finish(&f->report);
	assert_int_equal(nftw(f->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	restore_variable("HOME", f->saved_home);
	restore_variable("XDG_STATE_HOME", f->saved_state);
	restore_variable("XDG_CONFIG_HOME", f->saved_config);
	arena_finish(&f->arena);
}

void runner_fixture_write(
	struct runner_fixture *f, const char *name, struct slice text, mode_t mode) {
	const char *path = runner_fixture_path(f, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.data ? text.data : "", 1, text.len, file), text.len);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

const struct runner_config *runner_fixture_load(
	struct runner_fixture *f, struct runner_request request) {
	config_unref(f->config);
	buf_reset(&f->report, 0);
	error_clear(&f->error);
	request.dir = request.dir ? request.dir : runner_fixture_path(f, "project/sub");
	f->config = runner_config_load(&request, false, &f->report, &f->error);
	buf_append_byte(&f->report, '\0');
	return f->config ? runner_of(f->config) : NULL;
}
