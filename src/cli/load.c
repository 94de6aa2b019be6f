/* load.c: the configuration, as every command loads it: the one place where the tables of options
 * are put together. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/command.h"

#define LOAD_MAX_SETTINGS 16

void command_options_init(struct option_set *set, struct arena *arena) {
	static const struct option_table *const tables[] = {&runner_table};
	config_options_init(set, arena, tables, sizeof tables / sizeof *tables);
}

/* ---- trust ---- */

static bool ask_for_trust(void *data, const char *file, struct slice what) {
	const struct command_context *context = data;
	fprintf(context->err, "%s is not trusted yet. It would have these run or used:\n%.*s", file,
		SLICE_FMT(what));
	return command_confirm(context, "Trust this file as it is now?");
}

void command_runner_request(const struct command_context *context, enum command_project project,
	struct runner_request *request) {
	*request = (struct runner_request){
		.config = {.path = context->config_path, .environment = context->environment},
		.dir = context->dir,
		.trusts_project = context->trusts_project,
		.ignores_project = project == COMMAND_PROJECT_NONE,
		.shows_untrusted = project == COMMAND_PROJECT_SHOWN,
	};
	bool is_terminal = isatty(STDIN_FILENO) == 1 && isatty(fileno(context->err)) == 1;
	if (is_terminal && project == COMMAND_PROJECT_USED) {
		request->ask = ask_for_trust;
		request->ask_data = (void *)(uintptr_t)context;
	}
}

/* ---- loading ---- */

struct config *command_load_project(const struct command_context *context,
	enum command_project project, const struct config_setting *settings, size_t count) {
	struct config_setting all[LOAD_MAX_SETTINGS];
	size_t used = 0;
	if (context->is_debug) {
		all[used++] = (struct config_setting){"debug", "true", "--debug"};
	}
	for (size_t i = 0; i < count && used < LOAD_MAX_SETTINGS; i++) {
		all[used++] = settings[i];
	}
	struct runner_request request;
	command_runner_request(context, project, &request);
	request.config.settings = all;
	request.config.setting_count = used;
	struct buf report = {0};
	struct error error;
	struct config *config = runner_config_load(
		&request, command_has_colour(context, context->err), &report, &error);
	fwrite(report.data ? report.data : "", 1, report.len, context->err);
	if (!config && report.len == 0) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
	}
	buf_finish(&report);
	return config;
}

struct config *command_load_config(const struct command_context *context,
	const struct config_setting *settings, size_t count) {
	return command_load_project(context, COMMAND_PROJECT_NONE, settings, count);
}
