/* run.c: the command `run`: a workflow from its name to its exit code (workflows.md 8.6).
 *
 *   session (run_session.c) ─► record ─► display ─► run on one loop ─► record, memory, final text
 */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "workflow/apply.h"

#define RUN_EXIT_TIMED_OUT 124
#define RUN_EXIT_SIGNAL 128
#define RUN_SIGNALS 3

struct runner_command {
	struct run_session session; /* the first member */
	struct loop_signal *signals[RUN_SIGNALS];
	struct run_observer observer; /* of the run; the display's is behind it */
	enum run_end end;
	int signal_number; /* the first that came; 0: none */
	bool has_run;
	struct buf log_lines;
};

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

/* ---- the log ---- */

static bool is_live(const struct run_session *session) {
	const char *term = NULL;
	for (char *const *at = session->context->environment; at != NULL && *at != NULL; at++) {
		term = strncmp(*at, "TERM=", 5) == 0 ? *at + 5 : term;
	}
	return session->flags.output == RUN_OUTPUT_CONSOLE && term != NULL &&
	       strcmp(term, "dumb") != 0 && isatty(fileno(session->context->err)) == 1;
}

/* CFGDIR/logs/llm-mux-<local time>.log; NULL when there is no place. */
static const char *default_log_file(struct run_session *session, struct error *error) {
	struct runner_config const *runner = session->runner;
	const char *dir = runner->output.log_dir.len > 0
				  ? file_expand(&session->arena, runner->output.log_dir)
				  : NULL;
	const char *config_dir = file_config_dir(&session->arena);
	if (dir == NULL && config_dir != NULL) {
		dir = file_join(&session->arena, config_dir, "logs");
	}
	char name[64];
	time_t now = time(NULL);
	struct tm local;
	if (dir == NULL || !file_make_dir(dir, 0700, error) || localtime_r(&now, &local) == NULL ||
		strftime(name, sizeof name, "llm-mux-%Y%m%d-%H%M%S.log", &local) == 0) {
		return NULL;
	}
	return file_join(&session->arena, dir, name);
}

/* Records go to the file of --log-file or --debug. On a terminal they go through a pipe to the
 * display: written by another thread they would break into the region that is redrawn. */
static bool choose_log(struct run_session *session) {
	struct error error = {0};
	const char *path = session->flags.log_file;
	bool is_chosen = path != NULL;
	if (!is_chosen && session->context->is_debug) {
		path = default_log_file(session, &error);
	}
	if (path != NULL) {
		session->log_fd =
			open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (session->log_fd < 0) {
			error_set(&error, ERROR_PERMISSION, "the log file %s cannot be opened: %s",
				path, strerror(errno));
			return run_session_refuse(session, &error);
		}
		if (!is_chosen && session->flags.output == RUN_OUTPUT_CONSOLE) {
			fprintf(session->context->err, "log: %s\n", path);
		}
	} else if (is_live(session) && pipe2(session->log_pipe, O_CLOEXEC) == 0) {
		session->log_fd = session->log_pipe[1];
	}
	return true;
}

static void show_log_lines(struct runner_command *command, bool is_last) {
	struct buf *lines = &command->log_lines;
	size_t at;
	while ((at = slice_find_byte(buf_slice(lines), '\n')) != SIZE_MAX) {
		command->session.display->print_line(
			command->session.display, slice_sub(buf_slice(lines), 0, at));
		buf_consume(lines, at + 1);
	}
	if (is_last) {
		buf_finish(lines);
	}
}

static bool read_log(struct runner_command *command) {
	char bytes[4096];
	ssize_t count = read(command->session.log_pipe[0], bytes, sizeof bytes);
	if (count > 0) {
		buf_append(&command->log_lines, slice_make(bytes, (size_t)count));
	}
	return count > 0;
}

static void on_log(struct loop_poll *poll, int status, int ready) {
	struct runner_command *command = loop_poll_data(poll);
	(void)ready;
	if (status < 0 || !read_log(command)) {
		loop_poll_set(poll, 0);
		return;
	}
	show_log_lines(command, false);
}

static void watch_log(struct runner_command *command) {
	struct run_session *session = &command->session;
	if (session->log_pipe[0] >= 0) {
		session->log_poll =
			loop_poll_create(session->loop, session->log_pipe[0], on_log, command);
		if (session->log_poll != NULL) {
			loop_poll_set(session->log_poll, LOOP_READABLE);
		}
	}
}

static void drain_log(struct runner_command *command) {
	struct run_session *session = &command->session;
	if (session->log_poll == NULL) {
		return;
	}
	log_flush(session->log);
	while (read_log(command)) {
	}
	show_log_lines(command, true);
}

/* ---- signals ---- */

static void on_end(void *data, enum run_end end) {
	struct runner_command *command = data;
	command->end = end;
	loop_stop(command->session.loop);
}

/* Whoever read the output has gone: nothing more is asked or paid for. */
static void look_at_reader(struct runner_command *command) {
	struct pollfd out = {.fd = fileno(command->session.context->out), .events = POLLOUT};
	if (ferror(command->session.context->out) && poll(&out, 1, 0) == 1 &&
		(out.revents & POLLERR) != 0 && command->signal_number == 0) {
		command->signal_number = SIGPIPE;
		run_cancel(command->session.run, false);
	}
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct runner_command *command =
		(struct runner_command *)((char *)observer -
					  offsetof(struct runner_command, observer));
	struct run_display *display = command->session.display;
	display->observer.on_event(&display->observer, event);
	look_at_reader(command);
}

/* Once: it ends in order. Twice: at once. */
static void on_signal(int signal_number, void *data) {
	struct runner_command *command = data;
	struct run_session *session = &command->session;
	bool is_first = command->signal_number == 0;
	if (is_first) {
		static const struct slice notice =
			SLICE_INIT("stopping; once more ends it at once");
		command->signal_number = signal_number;
		if (session->display->print_line != NULL) {
			session->display->print_line(session->display, notice);
		}
	}
	run_cancel(session->run, !is_first);
}

/* ---- the run ---- */

static void make_display(struct runner_command *command) {
	struct run_session *session = &command->session;
	const struct run_flags *flags = &session->flags;
	bool is_json = flags->output == RUN_OUTPUT_JSON;
	struct run_display_options options = {
		.out = is_json || flags->is_dry_run ? session->context->out : session->context->err,
		.workflow = session->workflow,
		.secrets = session->secrets,
		.loop = session->loop,
		.run_id = session->journal != NULL ? journal_id(session->journal) : NULL,
		.team = session->team != NULL ? session->team->name : slice_make(NULL, 0),
		.ecosystem = session->choice.ecosystem != NULL ? session->choice.ecosystem->name
							       : slice_make(NULL, 0),
		.arguments = session->arguments.values,
		.is_quiet = flags->output == RUN_OUTPUT_QUIET,
		.is_live = is_live(session),
		.has_colour = command_has_colour(session->context, session->context->err),
		.has_utf8 = run_words_utf8(session->context->environment),
		.streams = flags->streams,
		.is_verbose = flags->is_verbose,
		.is_traced = flags->is_traced || flags->is_dry_run,
		.on_end = on_end,
		.data = command,
	};
	session->display = is_json             ? run_json_create(&options)
			   : flags->is_dry_run ? run_plan_create(&options, session)
					       : run_console_create(&options);
}

/* What is wrong with the options is told before there is a record of the run. */
static bool check_options(struct run_session *session, const struct run_options *options) {
	struct error error = {0};
	struct run *trial = run_create(options, &error);
	run_release(trial);
	return trial != NULL || run_session_refuse(session, &error);
}

static bool make_run(struct runner_command *command) {
	struct run_session *session = &command->session;
	struct run_options options;
	struct error error = {0};
	if (!run_session_options(session, &options) || !check_options(session, &options) ||
		!open_record(session) || !restore_open_applies(session)) {
		return false;
	}
	make_display(command);
	session->prompt = run_prompt_create(&session->arena, session->loop, session->context);
	options.journal = session->journal;
	options.resumed = session->record;
	command->observer.on_event = on_event;
	options.observer = &command->observer;
	options.ask = session->prompt != NULL ? run_prompt_ask : NULL;
	options.ask_data = session->prompt;
	session->run = run_create(&options, &error);
	if (session->run == NULL) {
		return run_session_refuse(session, &error);
	}
	if (session->prompt != NULL) {
		run_prompt_set_run(session->prompt, session->run, session->display);
	}
	return true;
}

/* ---- the end ---- */

/* Every run of an ecosystem is a row of its memory (4.3). */
static void remember(struct runner_command *command) {
	struct run_session *session = &command->session;
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
		.is_success = command->end == RUN_OK,
		.duration_ms = run_duration_ms(session->run),
	};
	if (memory == NULL || !memory_add_run(memory, &row, &error)) {
		fprintf(session->context->err, "warning: the run is not in the memory: %s\n",
			error.message);
	}
	memory_close(memory);
}

static bool write_output_file(struct run_session *session, struct slice text) {
	const char *path = session->flags.output_file;
	struct error error = {0};
	if (path == NULL || strcmp(path, "-") == 0) {
		return true;
	}
	const char *slash = strrchr(path, '/');
	const char *parent =
		slash != NULL && slash != path
			? arena_strdup(&session->arena, slice_make(path, (size_t)(slash - path)))
			: ".";
	if (!file_make_dir(parent, 0755, &error) || !file_write_atomic(path, text, 0644, &error)) {
		command_fail(session->context, COMMAND_FAILED, "%s", error.message);
		return false;
	}
	return true;
}

/* Once, on standard output; with JSON it stands in the Result. A dry run has none. */
static bool print_final_text(struct run_session *session) {
	struct slice text = run_final_text(session->run);
	if (session->flags.is_dry_run) {
		return true;
	}
	if (text.len > 0 && session->flags.output != RUN_OUTPUT_JSON) {
		fwrite(text.data, 1, text.len, session->context->out);
		if (text.data[text.len - 1] != '\n') {
			fputc('\n', session->context->out);
		}
		fflush(session->context->out);
	}
	return write_output_file(session, text);
}

static const char *resume_command(const struct runner_command *command, struct arena *arena) {
	const struct run_session *session = &command->session;
	if (command->end == RUN_OK || session->journal == NULL) {
		return NULL;
	}
	const char *dir = session->context->dir;
	return arena_printf(arena, "llm-mux%s%s run %s --resume %s", dir != NULL ? " -C " : "",
		dir != NULL ? dir : "", session->flags.workflow, journal_id(session->journal))
		.data;
}

static void close_display(struct runner_command *command) {
	struct run_session *session = &command->session;
	struct run_summary summary = {
		.end = command->end,
		.duration_ms = run_duration_ms(session->run),
		.usage = run_usage(session->run),
		.results = run_results_of(session->run),
		.final_text = session->flags.is_dry_run ? slice_make(NULL, 0)
							: run_final_text(session->run),
		.files_dir = session->journal != NULL ? journal_dir(session->journal) : NULL,
		.resume_command = resume_command(command, &session->arena),
		.is_dry_run = session->flags.is_dry_run,
	};
	drain_log(command);
	session->display->close(session->display, &summary);
}

static int exit_code(const struct runner_command *command) {
	switch (command->end) {
	case RUN_OK:
		return COMMAND_OK;
	case RUN_FAILED:
		return COMMAND_FAILED;
	case RUN_TIMED_OUT:
		return RUN_EXIT_TIMED_OUT;
	case RUN_CANCELLED:
		break;
	}
	return command->signal_number != 0 ? RUN_EXIT_SIGNAL + command->signal_number
					   : COMMAND_FAILED;
}

static int run_workflow(struct runner_command *command) {
	static const int numbers[RUN_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	struct run_session *session = &command->session;
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		command->signals[i] =
			loop_signal_create(session->loop, numbers[i], on_signal, command);
	}
	watch_log(command);
	command->has_run = true;
	run_start(session->run);
	loop_run(session->loop);
	remember(command);
	close_display(command);
	bool is_printed = print_final_text(session);
	int code = exit_code(command);
	return code == COMMAND_OK && !is_printed ? COMMAND_FAILED : code;
}

static void finish(struct runner_command *command) {
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		if (command->signals[i] != NULL) {
			loop_signal_destroy(command->signals[i]);
		}
	}
	run_session_finish(&command->session);
	buf_finish(&command->log_lines);
}

static int run_with(struct command_context *context, bool is_plan) {
	struct runner_command command = {.end = RUN_FAILED};
	struct run_session *session = &command.session;
	int code = COMMAND_USAGE;
	run_session_init(session, context);
	struct run_capture *capture = run_capture_begin(context);
	signal(SIGPIPE, SIG_IGN);
	bool is_ready = run_flags_parse(context, &session->arena, &session->flags);
	session->flags.is_dry_run |= is_plan;
	if (is_ready && run_session_configure(session) && run_session_load(session) &&
		find_record(session) && run_session_bind(session) && choose_log(session) &&
		run_session_start(session) && make_run(&command)) {
		code = run_workflow(&command);
	}
	run_capture_end(capture, context, command.has_run);
	finish(&command);
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

const struct command command_plan = {
	.name = "plan",
	.summary = "show what a workflow would run and ask, without doing it",
	.usage = "WORKFLOW [ARGUMENT...]",
	.details = "The same as run --dry-run: the order of the steps and which run at once, "
		   "their\n"
		   "commands and prompts as far as they can be known, an estimate of tokens and\n"
		   "price. No program is started, no model is asked, no file is written.",
	.options = run_options_table,
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.stops_at_operand = true,
	.run = run_plan,
};
