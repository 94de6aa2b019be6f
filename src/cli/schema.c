/* schema.c: the command `schema`: JSON Schema at the command line. */
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "data/schema.h"

#define SCHEMA_FILE_MAX ((size_t)64 * 1024 * 1024)
#define SCHEMA_ARENA_MAX ((size_t)2 * 1024 * 1024 * 1024)

/* Any configuration format is read, so that a schema may be written in TOML or YAML too; without an
 * ending that tells, JSON. */
static const struct json *read_tree(
	const struct command_context *context, const char *path, struct arena *arena) {
	struct slice kept;
	struct error error = {0};
	enum document_kind kind = DOCUMENT_JSON;
	if (!file_load(path, SCHEMA_FILE_MAX, arena, &kept, &error)) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
		return NULL;
	}
	document_kind_of(path, &kind);
	struct problems problems;
	problems_init(&problems, arena, strcmp(path, "-") == 0 ? "standard input" : path, kept);
	const struct json *tree = document_parse(arena, kind, kept, &problems);
	if (problems.len > 0) {
		struct buf report = {0};
		problems_print(&problems, command_has_colour(context, context->err), &report);
		fwrite(report.data, 1, report.len, context->err);
		buf_finish(&report);
	}
	return problems.error_count == 0 ? tree : NULL;
}

static void print_violations(const struct command_context *context, const char *path,
	const struct schema_violations *violations) {
	for (size_t i = 0; i < violations->len; i++) {
		const struct schema_violation *violation = &violations->items[i];
		fprintf(context->out, "%s: %s: %s (%s)\n", path,
			violation->pointer[0] ? violation->pointer : "(the whole)",
			violation->message, violation->where[0] ? violation->where : "/");
	}
	if (violations->is_cut) {
		fprintf(context->err, "llm-mux: only the first %d violations are shown\n",
			SCHEMA_MAX_VIOLATIONS);
	}
}

static int schema_check_run(struct command_context *context) {
	const char *schema_path = context->arguments[0], *instance_path = context->arguments[1];
	struct arena arena;
	struct error error = {0};
	struct schema_violations violations = {0};
	int code = COMMAND_USAGE;
	arena_init(&arena, NULL, SCHEMA_ARENA_MAX);
	const struct json *schema_tree = read_tree(context, schema_path, &arena);
	const struct json *instance =
		schema_tree ? read_tree(context, instance_path, &arena) : NULL;
	struct schema *schema = instance ? schema_compile(&arena, schema_tree, &error) : NULL;
	if (instance && !schema) {
		command_fail(context, COMMAND_USAGE, "%s: %s", schema_path, error.message);
	} else if (schema && schema_check(schema, instance, &arena, &violations)) {
		code = COMMAND_OK;
	} else if (schema) {
		print_violations(context, instance_path, &violations);
		code = COMMAND_FAILED;
	}
	arena_finish(&arena);
	return code;
}

static const struct command command_schema_check = {
	.name = "check",
	.summary = "check a JSON file against a JSON Schema",
	.usage = "SCHEMA INSTANCE",
	.details =
		"Either may be JSON, TOML or YAML, or - for JSON on standard input. Prints a\n"
		"line per violation: file, JSON pointer, what is wrong, the place in the schema.\n"
		"Exit code 0: valid; 1: not valid; 2: a file cannot be read or is no schema.",
	.min_arguments = 2,
	.max_arguments = 2,
	.run = schema_check_run,
};

static const struct command *const subcommands[] = {&command_schema_check, NULL};

const struct command command_schema = {
	.name = "schema",
	.summary = "check files against a JSON Schema",
	.subcommands = subcommands,
};
