/* config_parse.c: the command `config parse`: any TOML, YAML or JSON file as JSON. */
#include <string.h>

#include "base/file.h"
#include "cli/command.h"

#define PARSE_FILE_MAX ((size_t)256 * 1024 * 1024)
/* A tree takes several times its text. */
#define PARSE_ARENA_MAX ((size_t)8 * 1024 * 1024 * 1024)

static const char *const kind_names[] = {
	[DOCUMENT_JSON] = "json", [DOCUMENT_TOML] = "toml", [DOCUMENT_YAML] = "yaml", NULL};

static const char *next_kind(const void *data, size_t index) {
	(void)data;
	return kind_names[index];
}

/* False after a message. */
static bool choose_kind(
	const struct command_context *context, const char *path, enum document_kind *kind) {
	const char *name = command_value(context, "format");
	if (!name) {
		if (document_kind_of(path, kind)) {
			return true;
		}
		command_fail(context, COMMAND_USAGE,
			"the name '%s' does not tell its format; add --format toml, yaml or json",
			path);
		return false;
	}
	for (int i = 0; kind_names[i]; i++) {
		if (strcmp(kind_names[i], name) == 0) {
			*kind = (enum document_kind)i;
			return true;
		}
	}
	const char *near = command_nearest(name, next_kind, NULL);
	command_fail(context, COMMAND_USAGE,
		near ? "unknown format '%s'; did you mean '%s'?"
		     : "unknown format '%s': it is toml, yaml or json",
		name, near);
	return false;
}

static int print_tree(const struct command_context *context, const struct json *tree) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, !command_has(context, "compact"));
	json_write_tree(&w, tree);
	buf_append_byte(&out, '\n');
	fwrite(out.data, 1, out.len, context->out);
	buf_finish(&out);
	return COMMAND_OK;
}

static int config_parse_run(struct command_context *context) {
	const char *path = context->arguments[0];
	enum document_kind kind;
	if (!choose_kind(context, path, &kind)) {
		return COMMAND_USAGE;
	}
	struct buf text = {0};
	struct error error;
	if (!file_read(path, PARSE_FILE_MAX, &text, &error)) {
		buf_finish(&text);
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	struct arena arena;
	struct problems problems;
	arena_init(&arena, NULL, PARSE_ARENA_MAX);
	problems_init(&problems, &arena, strcmp(path, "-") == 0 ? "standard input" : path,
		buf_slice(&text));
	const struct json *tree = document_parse(&arena, kind, buf_slice(&text), &problems);
	struct buf report = {0};
	problems_print(&problems, command_has_colour(context, context->err), &report);
	fwrite(report.data ? report.data : "", 1, report.len, context->err);
	buf_finish(&report);
	int code = tree && problems.error_count == 0 ? print_tree(context, tree) : COMMAND_FAILED;
	arena_finish(&arena);
	buf_finish(&text);
	return code;
}

static const struct command_option options[] = {
	{0, "format", "FORMAT", "toml, yaml or json, whatever the name of the file says",
		kind_names},
	{0, "compact", NULL, "on one line", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_config_parse = {
	.name = "parse",
	.summary = "print any TOML, YAML or JSON file as JSON",
	.usage = "FILE",
	.details = "FILE may be - for standard input, with --format. Exit code 1 and the place of\n"
		   "each problem when the file cannot be read.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = config_parse_run,
};
