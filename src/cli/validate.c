/* validate.c: the command `validate`: every finding of one workflow, or of all, at its place
 * (workflows.md 8.2). */
#include "cli/list.h"
#include "cli/run_display.h"
#include "cli/workflows.h"
#include "workflow/memory.h"

struct validation {
	struct command_workflows workflows;
	size_t count, errors, warnings;
	bool is_json;
	struct buf findings; /* with --output json: one array */
	struct json_writer w;
};

static void print_count(FILE *out, size_t count, const char *what) {
	fprintf(out, "%zu %s%s", count, what, count == 1 ? "" : "s");
}

static void print_verdict(const struct command_context *context, const char *path,
	const struct workflow *workflow, size_t errors, size_t warnings) {
	struct buf name = {0};
	run_words_append(&name, slice_of(path));
	fprintf(context->out, "%.*s: ", SLICE_FMT(buf_slice(&name)));
	buf_finish(&name);
	if (workflow && warnings == 0) {
		fprintf(context->out, "ok, ");
		print_count(context->out, workflow->steps.len, "step");
	}
	if (errors > 0) {
		print_count(context->out, errors, "error");
		fputs(warnings > 0 ? ", " : "", context->out);
	}
	if (warnings > 0) {
		print_count(context->out, warnings, "warning");
	}
	fputc('\n', context->out);
}

static void write_findings(struct json_writer *w, const struct problems *problems) {
	for (size_t i = 0; i < problems->len; i++) {
		const struct problem *problem = &problems->items[i];
		json_begin_object(w);
		json_put_cstr(w, "file", problem->file);
		json_put_int(w, "line", problem->line);
		json_put_int(w, "column", problem->column);
		json_put_cstr(w, "severity", problem->is_warning ? "warning" : "error");
		json_put_cstr(w, "message", problem->message);
		json_put_cstr(w, "hint", problem->hint);
		json_end_object(w);
	}
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
	size_t errors = problems.error_count, warnings = problems.len - problems.error_count;
	validation->count++;
	validation->errors += errors;
	validation->warnings += warnings;
	if (validation->is_json) {
		write_findings(&validation->w, &problems);
	} else {
		command_print_problems(context, &problems);
		print_verdict(context, path, workflow, errors, warnings);
	}
	workflow_destroy(workflow);
	arena_finish(&arena);
}

/* False after a message when there is none of that name. */
static bool validate_named(struct validation *validation, const char *name) {
	const char *path, *origin;
	struct slice text;
	if (!command_find_workflow(&validation->workflows, name, &path, &origin, &text)) {
		return false;
	}
	validate_text(validation, path, origin, text);
	return true;
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

/* False after a message: a name that is none. */
static bool validate_wanted(struct validation *validation) {
	const struct command_context *context = validation->workflows.context;
	for (size_t i = 0; i < context->argument_count; i++) {
		if (!validate_named(validation, context->arguments[i])) {
			return false;
		}
	}
	if (context->argument_count == 0) {
		workflow_each(&validation->workflows.places, &validation->workflows.arena,
			validate_listed, validation);
	}
	return true;
}

static int validate_run(struct command_context *context) {
	struct validation validation = {0};
	if (!list_wants_json(context, &validation.is_json) ||
		!command_workflows_init(&validation.workflows, context, COMMAND_PROJECT_SHOWN)) {
		return COMMAND_USAGE;
	}
	struct command_workflows *workflows = &validation.workflows;
	const struct runner_config *runner = workflows->runner;
	workflows->places.knows_team =
		team_detect(runner, runner->dir, SLICE(""), &workflows->places.team, NULL);
	buf_init(&validation.findings, 0);
	json_writer_init(&validation.w, &validation.findings, true);
	json_begin_array(&validation.w);
	bool is_known = validate_wanted(&validation);
	json_end_array(&validation.w);
	if (validation.is_json && is_known) {
		fprintf(context->out, "%.*s\n", SLICE_FMT(buf_slice(&validation.findings)));
	} else if (validation.count == 0 && is_known) {
		fputs("no workflows in the project or the configuration directory\n", context->out);
	}
	buf_finish(&validation.findings);
	command_workflows_finish(&validation.workflows);
	if (!is_known) {
		return COMMAND_USAGE;
	}
	bool fails_by_warnings = command_has(context, "strict") && validation.warnings > 0;
	return validation.errors > 0 || fails_by_warnings ? COMMAND_FAILED : COMMAND_OK;
}

static const struct command_option options[] = {
	{0, "strict", NULL, "let warnings fail too", NULL},
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_validate = {
	.name = "validate",
	.summary = "report what is wrong with workflows, without running them",
	.usage = "[WORKFLOW...]",
	.details = "Without a name it looks at all workflows of the project and of the user.\n"
		   "Findings go to standard error, one line for each workflow to standard output;\n"
		   "with --output json all findings are one array on standard output.\n"
		   "Exit code 1 when there is an error (with --strict: or a warning).",
	.options = options,
	.max_arguments = 1000,
	.run = validate_run,
};
