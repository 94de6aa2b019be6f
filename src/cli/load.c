/* load.c: the configuration, as every command loads it. */
#include <stdlib.h>

#include "base/buf.h"
#include "cli/command.h"

#define LOAD_MAX_SETTINGS 16

struct config *command_load_config(const struct command_context *context,
	const struct config_setting *settings, size_t count) {
	struct config_setting all[LOAD_MAX_SETTINGS];
	size_t used = 0;
	if (context->is_debug) {
		all[used++] = (struct config_setting){"debug", "true", "--debug"};
	}
	for (size_t i = 0; i < count && used < LOAD_MAX_SETTINGS; i++) {
		all[used++] = settings[i];
	}
	struct config_request request = {
		.path = context->config_path,
		.environment = context->environment,
		.settings = all,
		.setting_count = used,
	};
	struct buf report = {0};
	struct error error;
	struct config *config =
		config_load(&request, command_has_colour(context, context->err), &report, &error);
	fwrite(report.data ? report.data : "", 1, report.len, context->err);
	if (!config && report.len == 0) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
	}
	buf_finish(&report);
	return config;
}
