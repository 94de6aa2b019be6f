/* cache.c: the command `cache`: the answers that steps with `cache` keep (workflows.md 11). */
#include "cli/command.h"
#include "workflow/response_cache.h"

static int cache_clear_run(struct command_context *context) {
	struct arena arena;
	struct error error = {0};
	size_t removed = 0;
	arena_init(&arena, NULL, 0);
	const char *dir = response_cache_dir(context->environment, &arena);
	bool is_cleared = dir == NULL || response_cache_clear(dir, &removed, &error);
	int code = is_cleared ? COMMAND_OK
			      : command_fail(context, COMMAND_FAILED, "%s", error.message);
	if (is_cleared) {
		fprintf(context->out, "%zu answer%s removed\n", removed, removed == 1 ? "" : "s");
	}
	arena_finish(&arena);
	return code;
}

static const struct command command_cache_clear = {
	.name = "clear",
	.summary = "remove every answer that was kept",
	.run = cache_clear_run,
};

static const struct command *const subcommands[] = {&command_cache_clear, NULL};

const struct command command_cache = {
	.name = "cache",
	.summary = "remove the answers that workflows keep for the same question",
	.details = "Steps with `cache = true`, or a time such as cache = \"24h\", ask a question "
		   "once\n"
		   "and reuse its answer in later runs. `run --no-cache` asks all the same.",
	.subcommands = subcommands,
};
