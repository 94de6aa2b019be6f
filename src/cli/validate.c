/* validate.c: the command `validate`: every finding of one workflow, or of all, at its place
 * (workflows.md 8.2). */
#include "cli/workflows.h"

struct validation {
	struct command_workflows workflows;
	size_t count, errors, warnings;
};

static void print_count(FILE *out, size_t count, const char *what) {
	fprintf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

static void validate_text(
	struct validation *validation, const char *path, const char *origin, struct slice text) {
	const struct command_context *context = validation->workflows.context;
	struct problems problems;
	struct workflow *workflow = NULL;
	/* An arena of its own: with many files their findings need not be kept. */
	struct arena arena;
	arena_init(&arena, NULL, 0);
	problems_init(&problems, &arena, path, text);
	workflow_validate(path, origin, text, validation->workflows.runner,
		&validation->workflows.places, &problems, &workflow);
	command_print_problems(context, &problems);
	size_t warnings = problems.len - problems.error_count;
	validation->count++;
	validation->errors += problems.error_count;
	validation->warnings += warnings;
	fprintf(context->out, "%s: ", path);
	if (workflow && warnings == 0) {
		fprintf(context->out, "ok, ");
		print_count(context->out, workflow->steps.len, "step");
	} else {
		if (problems.error_count > 0) {
			print_count(context->out, problems.error_count, "error");
			fputs(warnings > 0 ? ", " : "", context->out);
		}
		if (warnings > 0) {
			print_count(context->out, warnings, "warning");
		}
	}
	fputc('\n', context->out);
	workflow_destroy(workflow);
	arena_finish(&arena);
}

/* The built-in ones are not the user's to mend, and a shadowed one is never run. */
static void validate_listed(void *data, const struct workflow_listing *listing) {
	struct validation *validation = data;
	if (listing->is_shadowed || strcmp(listing->origin, "built-in") == 0) {
		return;
	}
	const char *path, *origin;
	struct slice text;
	struct error error = {0};
	if (workflow_find(&validation->workflows.places, listing->path,
		    &validation->workflows.arena, &path, &origin, &text, &error)) {
		validate_text(validation, path, listing->origin, text);
		return;
	}
	validation->count++;
	validation->errors++;
	command_fail(validation->workflows.context, COMMAND_FAILED, "%s", error.message);
}

static int validate_run(struct command_context *context) {
	struct validation validation = {0};
	struct command_workflows *workflows = &validation.workflows;
	if (!command_workflows_init(workflows, context, COMMAND_PROJECT_SHOWN)) {
		return COMMAND_USAGE;
	}
	bool is_found = true;
	for (size_t i = 0; i < context->argument_count && is_found; i++) {
		const char *path, *origin;
		struct slice text;
		is_found = command_find_workflow(
			workflows, context->arguments[i], &path, &origin, &text);
		if (is_found) {
			validate_text(&validation, path, origin, text);
		}
	}
	if (context->argument_count == 0) {
		workflow_each(&workflows->places, &workflows->arena, validate_listed, &validation);
	}
	if (validation.count == 0 && is_found) {
		fputs("no workflows in the project or the configuration directory\n", context->out);
	}
	command_workflows_finish(workflows);
	if (!is_found) {
		return COMMAND_USAGE;
	}
	bool is_strict = command_has(context, "strict");
	return validation.errors > 0 || (is_strict && validation.warnings > 0) ? COMMAND_FAILED
									       : COMMAND_OK;
}

static const struct command_option options[] = {
	{0, "strict", NULL, "let warnings fail too", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_validate = {
	.name = "validate",
	.summary = "report everything that is wrong with a workflow, without running it",
	.usage = "[WORKFLOW...]",
	.details = "Without a name it looks at all workflows of the project and of the user. "
		   "Findings\n"
		   "go to standard error, one line for each workflow to standard output.\n"
		   "Exit code 1 when there is an error (with --strict: or a warning).",
	.options = options,
	.max_arguments = 1000,
	.run = validate_run,
};
