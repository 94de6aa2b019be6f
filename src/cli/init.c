/* init.c: the command `init`: a commented configuration to begin with. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"

/* Where the configuration is written: --config, else config.yaml of the directory. NULL after a
 * message. */
static const char *choose_path(const struct command_context *context, struct arena *arena) {
	if (context->config_path) {
		const char *path = file_expand(arena, slice_of(context->config_path));
		enum document_kind kind;
		if (document_kind_of(path, &kind) && kind == DOCUMENT_YAML) {
			return path;
		}
		command_fail(context, COMMAND_USAGE,
			"init writes YAML: give --config a name that ends with .yaml");
		return NULL;
	}
	const char *dir = file_config_dir(arena);
	if (!dir) {
		command_fail(context, COMMAND_FAILED,
			"neither HOME nor XDG_CONFIG_HOME is set, so there is no place for the "
			"configuration; use --config PATH");
	}
	return dir ? file_join(arena, dir, "config.yaml") : NULL;
}

static bool make_parent(struct arena *arena, const char *path, struct error *error) {
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path) {
		return true;
	}
	const char *dir = arena_strdup(arena, slice_make(path, (size_t)(slash - path)));
	return file_exists(dir) || file_make_dir(dir, 0700, error);
}

/* The old file as PATH.bak, 0600 whatever it was: it may hold keys. */
static bool keep_backup(const char *path, const char *backup, struct error *error) {
	struct buf old = {0};
	bool ok = file_read(path, CONFIG_FILE_MAX, &old, error) &&
		  file_write_atomic(backup, buf_slice(&old), 0600, error);
	buf_finish(&old);
	return ok;
}

static bool write_template(struct arena *arena, const char *path, struct error *error) {
	struct option_set set;
	struct buf text = {0};
	command_options_init(&set, arena);
	options_template(&set, &text);
	bool ok = make_parent(arena, path, error) &&
		  file_write_atomic(path, buf_slice(&text), 0600, error);
	buf_finish(&text);
	return ok;
}

static void suggest_next(FILE *out, const char *path) {
	fprintf(out,
		"\nNext:\n"
		"  1. Put your keys into %s, or export OPENAI_API_KEY or ANTHROPIC_API_KEY.\n"
		"  2. llm-mux doctor   checks everything and says how to mend what is wrong.\n"
		"  3. llm-mux serve    starts the gateway.\n",
		path);
}

static int write_config(
	const struct command_context *context, struct arena *arena, const char *path) {
	struct error error;
	bool is_there = file_exists(path);
	if (is_there && !command_has(context, "force")) {
		fprintf(context->out,
			"%s exists and stays as it is (--force writes a new one and keeps a "
			"backup)\n",
			path);
		suggest_next(context->out, path);
		return COMMAND_OK;
	}
	const char *backup = arena_printf(arena, "%s.bak", path).data;
	if ((is_there && !keep_backup(path, backup, &error)) ||
		!write_template(arena, path, &error)) {
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	if (is_there) {
		fprintf(context->out, "kept the old file as %s\n", backup);
	}
	fprintf(context->out, "wrote %s\n", path);
	suggest_next(context->out, path);
	return COMMAND_OK;
}

static int init_run(struct command_context *context) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	const char *path = choose_path(context, &arena);
	int code = context->config_path ? COMMAND_USAGE : COMMAND_FAILED;
	if (path) {
		code = write_config(context, &arena, path);
	}
	arena_finish(&arena);
	return code;
}

static const struct command_option options[] = {
	{0, "force", NULL, "write a new file over one that exists, and keep that as .bak", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_init = {
	.name = "init",
	.summary = "write a commented configuration to begin with",
	.details =
		"Makes the configuration directory (0700) and config.yaml (0600) where they are\n"
		"missing; what exists is left alone.",
	.options = options,
	.run = init_run,
};
