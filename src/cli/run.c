/* run.c: the command `run`: a workflow from its name to its exit code (workflows.md 8.6).
 *
 *   configuration ─► team, ecosystem ─► workflow ─► arguments ─► journal ─► run on one loop
 *
 * What is shown of a run is an observer's business (run_plain.c). */
#include "cli/run.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/workflows.h"
#include "proc/process.h"
#include "workflow/apply.h"
#include "workflow/journal.h"
#include "workflow/memory.h"

#define RUN_EXIT_TIMED_OUT 124
#define RUN_EXIT_SIGNAL 128
#define RUN_CONTEXT_MAX ((size_t)4 * 1024 * 1024)

struct session {
	struct command_context *context;
	struct run_flags flags;
	struct arena arena;
	struct config *config;
	const struct runner_config *runner;
	struct runner_secrets *secrets;
	struct workflow *workflow;
	struct workflow_arguments arguments;
	const struct runner_team *team;
	struct ecosystem_choice choice;
	struct slice prompt_context;
	struct process_watchdog *watchdog;
	struct log *log;
	struct loop *loop;
	struct mux *mux;
	struct mux_loop *mux_loop;
	struct journal_record *record; /* of the run that is resumed */
	struct journal *journal;
	struct run_plain plain;
	struct run_prompt *prompt;
	struct run *run;
	struct loop_signal *signals[2];
	enum run_end end;
	int signal_number; /* the first that came; 0: none */
};

static bool refuse(struct session *session, const struct error *error) {
	command_fail(session->context, COMMAND_USAGE, "%s", error->message);
	return false;
}

/* ---- what there is before anything runs ---- */

static bool choose_surroundings(struct session *session) {
	struct error error = {0};
	const struct run_flags *flags = &session->flags;
	return team_detect(session->runner, session->runner->dir, slice_of(flags->team),
		       &session->team, &error) ||
	       refuse(session, &error);
}

/* By --ecosystem, by the workflow's own wish, else by where we are. */
static bool choose_ecosystem(struct session *session) {
	struct error error = {0};
	struct slice forced = slice_of(session->flags.ecosystem);
	const struct step_template *wish = &session->workflow->ecosystem;
	if (forced.data == NULL && wish->template != NULL) {
		struct value_map *globals = value_map_new(&session->arena);
		struct template_error fault = {0};
		struct buf text;
		buf_init(&text, 0);
		value_map_put_named(&session->arena, globals, "args", session->arguments.values);
		if (!template_render(wish->template, value_of_map(globals), &session->arena, &text,
			    &fault)) {
			buf_finish(&text);
			template_error_to_error(&fault, &error);
			return refuse(session, &error);
		}
		struct slice name = slice_trim(buf_slice(&text));
		forced = name.len > 0 ? arena_dup(&session->arena, name) : forced;
		buf_finish(&text);
	}
	return ecosystem_detect(session->runner, session->runner->dir, forced,
		       slice_of(session->flags.project), session->context->environment,
		       &session->arena, &session->choice, &error) ||
	       refuse(session, &error);
}

static bool load_workflow(struct session *session) {
	struct command_context *context = session->context;
	struct workflow_places places;
	struct error error = {0};
	const char *path;
	const char *origin;
	struct slice text;
	workflow_places_of(session->runner, &session->arena, &places);
	if (!workflow_find(&places, session->flags.workflow, &session->arena, &path, &origin, &text,
		    &error)) {
		return refuse(session, &error);
	}
	struct problems problems;
	problems_init(&problems, &session->arena, path, text);
	session->workflow = workflow_load(path, origin, text, &problems);
	bool is_fine = session->workflow != NULL &&
		       workflow_check(session->workflow, session->runner, &places, &problems);
	struct buf report;
	buf_init(&report, 0);
	problems_print(&problems, command_has_colour(context, context->err), &report);
	fwrite(report.data != NULL ? report.data : "", 1, report.len, context->err);
	buf_finish(&report);
	bool is_trusted =
		is_fine &&
		command_trust_workflow(context, session->runner, session->workflow, true, &error) &&
		command_trust_nested(context, session->runner, &places, session->workflow, &error);
	return is_trusted || (is_fine && refuse(session, &error));
}

/* A step may have changed what was trusted when the run began. */
static bool allows(void *data, const struct workflow *workflow, struct error *error) {
	const struct session *session = data;
	return command_trust_workflow(session->context, session->runner, workflow, false, error);
}

/* What the record of the run to resume knows, for those that were not given again. */
static void add_recorded_words(struct session *session, char **words, size_t *count) {
	const struct json *arguments =
		session->record != NULL ? journal_record_arguments(session->record) : NULL;
	if (*count > 0) {
		return;
	}
	json_each (argument, arguments) {
		struct slice name = json_key(argument, &session->arena);
		struct slice value = argument->type == JSON_STRING
					     ? json_string(argument, &session->arena)
					     : json_raw(argument);
		words[(*count)++] =
			arena_strdup(&session->arena, arena_printf(&session->arena, "%.*s=%.*s",
							      SLICE_FMT(name), SLICE_FMT(value)));
	}
}

static bool bind(struct session *session) {
	const struct json *recorded =
		session->record != NULL ? journal_record_arguments(session->record) : NULL;
	size_t most = session->flags.word_count + (recorded != NULL ? recorded->count : 0);
	char **words = ARENA_ARRAY(&session->arena, char *, most + 1);
	size_t count = session->flags.word_count;
	memcpy(words, session->flags.words, count * sizeof *words);
	add_recorded_words(session, words, &count);
	struct error error = {0};
	struct buf warnings;
	buf_init(&warnings, 0);
	bool is_bound = workflow_bind(session->workflow, words, count, &session->arena,
		&session->arguments, &warnings, &error);
	fwrite(warnings.data != NULL ? warnings.data : "", 1, warnings.len, session->context->err);
	buf_finish(&warnings);
	if (!is_bound) {
		return refuse(session, &error);
	}
	for (size_t i = 0; i < session->arguments.secret_count; i++) {
		runner_secrets_add(session->secrets, session->arguments.secrets[i]);
	}
	return true;
}

/* --context a.md,b.md: named fenced blocks before every prompt. */
static bool read_contexts(struct session *session) {
	struct buf text;
	struct error error = {0};
	buf_init(&text, RUN_CONTEXT_MAX);
	bool is_read = true;
	for (size_t i = 0; i < session->flags.contexts.len; i++) {
		struct slice rest = slice_of(session->flags.contexts.items[i]);
		struct slice name;
		while (is_read && slice_split(&rest, ',', &name)) {
			struct buf file;
			buf_init(&file, 0);
			const char *path = arena_strdup(&session->arena, name);
			is_read = file_read(path, RUN_CONTEXT_MAX, &file, &error);
			buf_printf(&text, "%s:\n````\n", path);
			buf_append(&text, buf_slice(&file));
			buf_append_str(&text, "\n````\n\n");
			buf_finish(&file);
		}
	}
	if (is_read && text.failed) {
		is_read = error_set(&error, ERROR_TOO_LARGE,
			"the files of --context have more than %zu MB in all",
			RUN_CONTEXT_MAX / (1024 * 1024));
	}
	session->prompt_context = arena_dup(&session->arena, buf_slice(&text));
	buf_finish(&text);
	return is_read || refuse(session, &error);
}

/* ---- the record ---- */

static bool find_record(struct session *session) {
	struct error error = {0};
	if (!session->flags.is_resumed) {
		return true;
	}
	const char *state_dir = journal_state_dir(session->runner, &session->arena);
	session->record =
		journal_read(state_dir, arena_strdup(&session->arena, session->workflow->name),
			session->flags.resume, &session->arena, &error);
	if (session->record == NULL) {
		return refuse(session, &error);
	}
	const struct journal_summary *summary = journal_summary_of(session->record);
	if (strcmp(summary->hash, session->workflow->hash) != 0 && !session->flags.forces_resume) {
		command_fail(session->context, COMMAND_USAGE,
			"run %s cannot be resumed: the workflow's file has changed since; "
			"--force-resume goes on all the same",
			summary->id);
		return false;
	}
	struct slice open = journal_record_open_apply(session->record);
	if (open.data != NULL &&
		!apply_restore(session->runner->dir, arena_strdup(&session->arena, open), &error)) {
		return refuse(session, &error);
	}
	return true;
}

static bool open_record(struct session *session) {
	struct error error = {0};
	if (session->flags.is_dry_run) {
		return true;
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
	return session->journal != NULL || refuse(session, &error);
}

/* ---- the machine ---- */

static bool start_machine(struct session *session) {
	struct error error = {0};
	struct log_options log = {
		.level = session->context->is_debug ? LOG_DEBUG : LOG_WARN, .fd = STDERR_FILENO};
	session->log = log_create(&log);
	session->watchdog = process_watchdog_create(&error);
	session->loop = session->watchdog != NULL ? loop_create(&error) : NULL;
	struct mux_options options = {
		.config = session->config,
		.log = session->log,
		.user_agent = command_user_agent(),
		.environment = session->context->environment,
		.secrets = session->secrets,
		.watchdog = session->watchdog,
	};
	session->mux = session->loop != NULL ? mux_create(&options, &error) : NULL;
	session->mux_loop =
		session->mux != NULL ? mux_loop_create(session->mux, session->loop, &error) : NULL;
	return session->mux_loop != NULL || refuse(session, &error);
}

static void on_end(void *data, enum run_end end) {
	struct session *session = data;
	session->end = end;
	loop_stop(session->loop);
}

/* Once: it ends in order. Twice: at once. */
static void on_signal(int signal_number, void *data) {
	struct session *session = data;
	bool is_first = session->signal_number == 0;
	if (is_first) {
		session->signal_number = signal_number;
		fprintf(session->context->err, "\nstopping; once more ends it at once\n");
		fflush(session->context->err);
	}
	run_cancel(session->run, !is_first);
}

static bool make_presets(struct session *session, struct run_options *options) {
	size_t count = session->flags.answers.len;
	struct run_preset *presets = ARENA_ARRAY(&session->arena, struct run_preset, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct slice text = slice_of(session->flags.answers.items[i]);
		size_t equals = slice_find_byte(text, '=');
		if (equals == SIZE_MAX) {
			command_fail(session->context, COMMAND_USAGE,
				"--answer needs STEP=VALUE, not '%s'",
				session->flags.answers.items[i]);
			return false;
		}
		presets[i] = (struct run_preset){
			slice_sub(text, 0, equals), slice_from(text, equals + 1)};
	}
	options->presets = presets;
	options->preset_count = count;
	return true;
}

static bool make_run(struct session *session) {
	const struct run_flags *flags = &session->flags;
	struct error error = {0};
	run_plain_init(&session->plain, session->context, session->secrets);
	session->plain.is_dry_run = flags->is_dry_run;
	session->plain.on_end = on_end;
	session->plain.data = session;
	session->prompt = run_prompt_create(&session->arena, session->loop, session->context);
	struct run_options options = {
		.workflow = session->workflow,
		.allows = allows,
		.allows_data = session,
		.config = session->config,
		.mux_loop = session->mux_loop,
		.loop = session->loop,
		.log = session->log,
		.watchdog = session->watchdog,
		.secrets = session->secrets,
		.arguments = session->arguments,
		.environment = session->context->environment,
		.dir = session->runner->dir,
		.team = session->team,
		.ecosystem = session->choice.ecosystem,
		.project = session->choice.project,
		.team_value = team_value(session->team, &session->arena),
		.context = session->prompt_context,
		.jobs = (size_t)flags->jobs,
		.streams = flags->streams,
		.takes_defaults = flags->takes_defaults,
		.is_dry_run = flags->is_dry_run,
		.ignores_cache = flags->ignores_cache,
		.keeps_backups = flags->keeps_backups,
		.max_cost_microusd = flags->max_cost_microusd,
		.journal = session->journal,
		.resumed = session->record,
		.observer = &session->plain.observer,
		.ask = session->prompt != NULL ? run_prompt_ask : NULL,
		.ask_data = session->prompt,
	};
	if (session->choice.ecosystem != NULL) {
		options.ecosystem_value = ecosystem_value(
			&session->choice, session->context->environment, &session->arena);
	}
	if (!make_presets(session, &options)) {
		return false;
	}
	session->run = run_create(&options, &error);
	if (session->run == NULL) {
		return refuse(session, &error);
	}
	if (session->prompt != NULL) {
		run_prompt_set_run(session->prompt, session->run);
	}
	return true;
}

/* ---- the end ---- */

/* Every run of an ecosystem is a row of its memory (4.3). */
static void remember(struct session *session) {
	struct error error = {0};
	if (session->choice.ecosystem == NULL || session->flags.is_dry_run) {
		return;
	}
	struct memory *memory =
		memory_open(session->choice.ecosystem->name, false, &session->arena, &error);
	struct memory_run row = {
		.project = session->choice.project != NULL ? session->choice.project->name
							   : slice_make(NULL, 0),
		.workflow = session->workflow->name,
		.failed_step = run_failed_step(session->run),
		.error_message = run_error_message(session->run),
		.output_dir = slice_of(journal_dir(session->journal)),
		.is_success = session->end == RUN_OK,
		.duration_ms = run_duration_ms(session->run),
	};
	if (memory == NULL || !memory_add_run(memory, &row, &error)) {
		fprintf(session->context->err, "warning: the run is not in the memory: %s\n",
			error.message);
	}
	memory_close(memory);
}

static bool print_final_text(struct session *session) {
	const char *path = session->flags.output_file;
	struct slice text = run_final_text(session->run);
	struct error error = {0};
	if (path != NULL && strcmp(path, "-") != 0) {
		const char *slash = strrchr(path, '/');
		const char *parent = slash != NULL && slash != path
					     ? arena_strdup(&session->arena,
						       slice_make(path, (size_t)(slash - path)))
					     : ".";
		if (!file_make_dir(parent, 0755, &error) ||
			!file_write_atomic(path, text, 0644, &error)) {
			command_fail(session->context, COMMAND_FAILED, "%s", error.message);
			return false;
		}
	}
	if (text.len > 0) {
		fwrite(text.data, 1, text.len, session->context->out);
		fputc('\n', session->context->out);
		fflush(session->context->out);
	}
	return true;
}

static int exit_code(const struct session *session) {
	switch (session->end) {
	case RUN_OK:
		return COMMAND_OK;
	case RUN_FAILED:
		return COMMAND_FAILED;
	case RUN_TIMED_OUT:
		return RUN_EXIT_TIMED_OUT;
	case RUN_CANCELLED:
		break;
	}
	return session->signal_number != 0 ? RUN_EXIT_SIGNAL + session->signal_number
					   : COMMAND_FAILED;
}

static int run_workflow(struct session *session) {
	session->signals[0] = loop_signal_create(session->loop, SIGINT, on_signal, session);
	session->signals[1] = loop_signal_create(session->loop, SIGTERM, on_signal, session);
	run_start(session->run);
	loop_run(session->loop);
	remember(session);
	bool is_printed = print_final_text(session);
	if (session->end != RUN_OK && session->journal != NULL) {
		fprintf(session->context->err, "to go on from here: llm-mux run %s --resume %s\n",
			session->flags.workflow, journal_id(session->journal));
	}
	int code = exit_code(session);
	return code == COMMAND_OK && !is_printed ? COMMAND_FAILED : code;
}

static void finish(struct session *session) {
	run_prompt_finish(session->prompt);
	for (size_t i = 0; i < 2; i++) {
		if (session->signals[i] != NULL) {
			loop_signal_destroy(session->signals[i]);
		}
	}
	run_release(session->run);
	if (session->plain.context != NULL) {
		run_plain_finish(&session->plain);
	}
	mux_loop_destroy(session->mux_loop);
	mux_destroy(session->mux);
	loop_destroy(session->loop); /* after what is under way has ended */
	journal_close(session->journal);
	process_watchdog_destroy(session->watchdog);
	log_destroy(session->log);
	workflow_destroy(session->workflow);
	if (session->secrets != NULL) {
		runner_secrets_destroy(session->secrets);
	}
	config_unref(session->config);
	arena_finish(&session->arena);
}

static int run_run(struct command_context *context) {
	struct session session = {.context = context, .end = RUN_FAILED};
	int code = COMMAND_USAGE;
	arena_init(&session.arena, NULL, (size_t)1024 * 1024 * 1024);
	signal(SIGPIPE, SIG_IGN);
	if (run_flags_parse(context, &session.arena, &session.flags)) {
		session.config = command_load_project(context, COMMAND_PROJECT_USED, NULL, 0);
	}
	if (session.config != NULL) {
		session.runner = runner_of(session.config);
		session.secrets = runner_secrets_create();
		runner_secrets_add_environment(session.secrets, context->environment);
		if (choose_surroundings(&session) && load_workflow(&session) &&
			find_record(&session) && bind(&session) && choose_ecosystem(&session) &&
			read_contexts(&session) && start_machine(&session) &&
			open_record(&session) && make_run(&session)) {
			code = run_workflow(&session);
		}
	}
	finish(&session);
	return code;
}

const struct command command_run = {
	.name = "run",
	.summary = "run a workflow",
	.usage = "WORKFLOW [ARGUMENT...]",
	.details =
		"WORKFLOW is a name (of the project, the user, or built in) or the path of a "
		"file.\n"
		"Arguments are KEY=VALUE, --KEY VALUE, or stand in the order the workflow "
		"declares\n"
		"them. Progress goes to standard error, the final text to standard output.\n"
		"Exit code 0: success; 1: a step failed; 2: nothing was run; 124: the workflow's\n"
		"time limit; 130, 143: interrupted, terminated.",
	.options = run_options_table,
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.stops_at_operand = true,
	.run = run_run,
};
