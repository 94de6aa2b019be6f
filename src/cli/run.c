/* run.c: the commands `run` and `plan`: a workflow from its name to its exit code
 * (workflows.md 8.6).
 *
 *   session (run_session.c) ─► record ─► run, display, signals (run_execute.c) ─► exit code
 */
#include <string.h>

#include "base/clock.h"
#include "cli/run.h"
#include "workflow/apply.h"

/* ---- the record ---- */

static bool find_record(struct run_session *session) {
	struct error error = {0};
	if (!session->flags.is_resumed) {
		return true;
	}
	const char *state_dir = journal_state_dir(session->runner, &session->arena);
	session->record =
		journal_read(state_dir, arena_strdup(&session->arena, session->workflow->name),
			session->flags.resume, &session->arena, &error);
	if (session->record == NULL) {
		return run_session_refuse(session, &error);
	}
	const struct journal_summary *summary = journal_summary_of(session->record);
	if (strcmp(summary->hash, session->workflow->hash) != 0 && !session->flags.forces_resume) {
		command_fail(session->context, COMMAND_USAGE,
			"run %s cannot be resumed: the workflow's file has changed since; "
			"--force-resume goes on all the same",
			summary->id);
		return false;
	}
	return true;
}

/* Applies that were under way when the run died: the files of before come back, and the steps begin
 * anew. */
static bool restore_open_applies(struct run_session *session) {
	struct error error = {0};
	size_t count = 0;
	const struct slice *backups = session->record != NULL && !session->flags.is_dry_run
					      ? journal_record_open_applies(session->record, &count)
					      : NULL;
	for (size_t i = 0; i < count; i++) {
		const char *backup = arena_strdup(&session->arena, backups[i]);
		if (!apply_restore(session->dir, backup, &error) || !apply_forget(backup, &error)) {
			return run_session_refuse(session, &error);
		}
	}
	return true;
}

static bool open_record(struct run_session *session) {
	struct error error = {0};
	if (session->flags.is_dry_run) {
		return true;
	}
	if (!runner_check_links(session->runner, &error)) {
		return run_session_refuse(session, &error);
	}
	if (session->record != NULL) {
		session->journal = journal_reopen(session->record, session->secrets, &error);
	} else {
		struct journal_start start = {
			.state_dir = journal_state_dir(session->runner, &session->arena),
			.workflow = session->workflow,
			.arguments = session->arguments.values,
			.team = session->team != NULL ? session->team->name : SLICE(""),
			.ecosystem = session->choice.ecosystem != NULL
					     ? session->choice.ecosystem->name
					     : SLICE(""),
			.secrets = session->secrets,
			.now_ms = clock_wall_ms(),
		};
		session->journal = journal_create(&start, &error);
	}
	return session->journal != NULL || run_session_refuse(session, &error);
}

static bool begin(struct run_session *session) {
	return open_record(session) && restore_open_applies(session);
}

static struct run_display *make_display(
	const struct run_display_options *options, const struct run_session *session) {
	return session->flags.is_dry_run ? run_plan_create(options, session)
					 : run_console_create(options);
}

/* `run NAME --help`: what the workflow is for, and its arguments. */
static void print_help(const struct run_session *session) {
	const struct workflow *workflow = session->workflow;
	FILE *out = session->context->out;
	int width = 0;
	fprintf(out, "%.*s%s%.*s\n\nUsage: llm-mux run %s", SLICE_FMT(workflow->name),
		workflow->description.len > 0 ? ": " : "", SLICE_FMT(workflow->description),
		session->flags.workflow);
	for (size_t i = 0; i < workflow->args.len; i++) {
		const struct workflow_arg *arg = &workflow->args.items[i];
		width = (int)arg->name.len > width ? (int)arg->name.len : width;
		fprintf(out, arg->is_required ? " %.*s=..." : " [%.*s=...]", SLICE_FMT(arg->name));
	}
	fputs(workflow->args.len > 0 ? "\n\nArguments:\n" : "\n", out);
	for (size_t i = 0; i < workflow->args.len; i++) {
		const struct workflow_arg *arg = &workflow->args.items[i];
		struct slice preset = arg->default_text.source.text;
		fprintf(out, "  %-*.*s  %.*s%s%.*s%s\n", width, SLICE_FMT(arg->name),
			SLICE_FMT(arg->description), preset.len > 0 ? " (default: " : "",
			SLICE_FMT(preset), preset.len > 0 ? ")" : "");
	}
	fputs("\nOptions: llm-mux help run\n", out);
}

static int help_with(struct run_session *session) {
	session->flags.is_dry_run = true; /* nothing is run */
	if (!run_session_configure(session) || !run_session_load(session)) {
		return COMMAND_USAGE;
	}
	session->has_run = true;
	print_help(session);
	return COMMAND_OK;
}

static int run_with(struct command_context *context, bool is_plan) {
	struct run_session session;
	int code = COMMAND_USAGE;
	run_session_init(&session, context);
	session.begin = begin;
	session.make_display = make_display;
	struct run_capture *capture = run_capture_begin(context);
	bool is_ready = run_flags_parse(context, &session.arena, &session.flags);
	session.flags.is_dry_run |= is_plan;
	if (is_ready && session.flags.wants_help) {
		code = help_with(&session);
	} else if (is_ready && run_session_configure(&session) && run_session_load(&session) &&
		   find_record(&session) && run_session_bind(&session)) {
		code = run_session_execute(&session);
	}
	run_capture_end(capture, context, session.has_run);
	run_session_finish(&session);
	return code;
}

static int run_run(struct command_context *context) {
	return run_with(context, false);
}

static int run_plan(struct command_context *context) {
	return run_with(context, true);
}

const struct command command_run = {
	.name = "run",
	.summary = "run a workflow",
	.usage = "WORKFLOW [ARGUMENT...]",
	.details =
		"WORKFLOW is a name (of the project, the user, or built in) or a file's path.\n"
		"Arguments are KEY=VALUE, --KEY VALUE, or stand in the order of the workflow's\n"
		"own. Progress goes to standard error, the final text to standard output.\n"
		"Exit code 0: success; 1: a step failed; 2: nothing was run; 124: the workflow's\n"
		"time limit; 130, 143: interrupted, terminated.",
	.options = run_options_table,
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.ends_in_result = true,
	.stops_at_operand = true,
	.run = run_run,
};

const struct command command_plan = {
	.name = "plan",
	.summary = "show what a workflow would run and ask, without doing it",
	.usage = "WORKFLOW [ARGUMENT...]",
	.details = "The same as run --dry-run: the order of the steps, which of them run at once,\n"
		   "their commands and prompts as far as they can be known, an estimate of tokens\n"
		   "and price. No program is started, no model is asked, no file is written.",
	.options = run_options_table,
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.ends_in_result = true,
	.stops_at_operand = true,
	.run = run_plan,
};
