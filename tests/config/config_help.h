/* config_help.h: a configuration directory of its own for each test. */
#ifndef LLMMUX_TESTS_CONFIG_HELP_H
#define LLMMUX_TESTS_CONFIG_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

struct config_fixture {
	char dir[64];
	char *environment[16]; /* "NAME=value" */
	size_t environment_count;
	struct config_setting settings[8];
	size_t setting_count;
	const struct option_table *tables[2];
	size_t table_count;
	struct buf report;
	struct error error;
	struct config *config;
};

static inline void config_fixture_begin(struct config_fixture *f) {
	*f = (struct config_fixture){.dir = "/tmp/llm-mux-config-XXXXXX"};
	assert_non_null(mkdtemp(f->dir));
	buf_init(&f->report, 0);
}

static inline void config_fixture_write(
	struct config_fixture *f, const char *name, const char *text, mode_t mode) {
	char path[256];
	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static inline void config_fixture_env(struct config_fixture *f, const char *pair) {
	f->environment[f->environment_count++] = strdup(pair);
}

/* Loads; `name` is a file of the directory for --config, or NULL. */
static inline struct config *config_fixture_load(struct config_fixture *f, const char *name) {
	char path[256];
	snprintf(path, sizeof path, "%s/%s", f->dir, name ? name : "");
	struct config_request request = {
		.path = name ? path : NULL,
		.dir = f->dir,
		.environment = f->environment,
		.settings = f->settings,
		.setting_count = f->setting_count,
		.tables = f->tables,
		.table_count = f->table_count,
	};
	config_unref(f->config);
	buf_reset(&f->report, 0);
	error_clear(&f->error);
	f->config = config_load(&request, false, &f->report, &f->error);
	buf_append_byte(&f->report, '\0');
	return f->config;
}

static inline void config_fixture_end(struct config_fixture *f) {
	static const char *const names[] = {
		"config.yaml", "config.toml", "c.json", "c.yaml", "c.toml", "c.txt", ".env", NULL};
	config_unref(f->config);
	buf_finish(&f->report);
	for (size_t i = 0; i < f->environment_count; i++) {
		free(f->environment[i]);
	}
	for (size_t i = 0; names[i]; i++) {
		char path[256];
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
}

#endif
