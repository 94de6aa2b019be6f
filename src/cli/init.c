/* init.c: the command `init`: a commented configuration to begin with. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "cli/project_kind.h"

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

static void suggest_next(FILE *out, const char *path, bool is_project) {
	fprintf(out,
		"\nNext:\n"
		"  1. Put your keys into %s, or export OPENAI_API_KEY or ANTHROPIC_API_KEY.\n"
		"  2. llm-mux doctor   checks everything and says how to mend what is wrong.\n"
		"  3. llm-mux serve    starts the gateway.\n",
		path);
	fputs(is_project ? "  4. llm-mux run hello   runs the first workflow of this project.\n"
			 : "  4. llm-mux init --project   in a project makes a first workflow.\n",
		out);
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
	return COMMAND_OK;
}

/* The gateway's file is YAML with every option; what workflows ask stands in config.toml. */
static int init_global(struct file_writer *writer) {
	const struct command_context *context = writer->context;
	const char *path = choose_path(context, writer->arena);
	if (!path) {
		return context->config_path ? COMMAND_USAGE : COMMAND_FAILED;
	}
	int code = write_config(context, writer->arena, path);
	bool has_backends = context->config_path == NULL;
	if (code == COMMAND_OK && has_backends &&
		!init_runner(writer, !command_has(context, "no-detect"))) {
		code = COMMAND_FAILED;
	}
	if (code == COMMAND_OK) {
		suggest_next(context->out, path, command_has(context, "project"));
	}
	return code;
}

static int init_run(struct command_context *context) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct file_writer writer = {
		.context = context, .arena = &arena, .is_forced = command_has(context, "force")};
	bool is_project = command_has(context, "project");
	int code = COMMAND_OK;
	if (is_project) {
		code = init_project(&writer, project_dir_of(context, &arena)) ? COMMAND_OK
									      : COMMAND_FAILED;
	}
	if (code == COMMAND_OK && (!is_project || command_has(context, "global"))) {
		code = init_global(&writer);
	} else if (code == COMMAND_OK) {
		fputs("\nNext: llm-mux run hello\n", context->out);
	}
	arena_finish(&arena);
	return code;
}

static const struct command_option options[] = {
	{0, "global", NULL, "the user's configuration; so it is without --project", NULL},
	{0, "project", NULL, "this directory's .llm-mux: roles and a first workflow", NULL},
	{0, "no-detect", NULL, "look for no programs and servers that answer", NULL},
	{0, "force", NULL, "write new files; those that exist become .bak", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_init = {
	.name = "init",
	.summary = "write a configuration to begin with",
	.details =
		"Makes the configuration directory (0700) and config.yaml (0600) where they are\n"
		"missing, and config.toml with the backends that answer here: claude, codex and\n"
		"gemini on PATH, a local Ollama. What exists is left alone.",
	.options = options,
	.run = init_run,
};
