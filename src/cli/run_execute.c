/* run_execute.c: one run on the session's loop: its log, its display, signals, and what is written
 * when it is over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "cli/run.h"
#include "proc/process.h"

#define RUN_EXIT_TIMED_OUT 124
#define RUN_EXIT_SIGNAL 128
#define RUN_SIGNALS 3

struct execution {
	struct run_session *session;
	struct loop_signal *signals[RUN_SIGNALS];
	struct run_observer observer; /* of the run; the display's is behind it */
	enum run_end end;
	const uint64_t *expected_ms; /* per step, of the run before; or NULL */
	int signal_number;           /* the first that came; 0: none */
	struct buf log_lines;
};

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

static void show_log_lines(struct execution *execution, bool is_last) {
	struct buf *lines = &execution->log_lines;
	size_t at;
	while ((at = slice_find_byte(buf_slice(lines), '\n')) != SIZE_MAX) {
		execution->session->display->print_line(
			execution->session->display, slice_sub(buf_slice(lines), 0, at));
		buf_consume(lines, at + 1);
	}
	if (is_last) {
		buf_finish(lines);
	}
}

static bool read_log(struct execution *execution) {
	char bytes[4096];
	ssize_t count = read(execution->session->log_pipe[0], bytes, sizeof bytes);
	if (count > 0) {
		buf_append(&execution->log_lines, slice_make(bytes, (size_t)count));
	}
	return count > 0;
}

static void on_log(struct loop_poll *poll, int status, int ready) {
	struct execution *execution = loop_poll_data(poll);
	(void)ready;
	if (status < 0 || !read_log(execution)) {
		loop_poll_set(poll, 0);
		return;
	}
	show_log_lines(execution, false);
}

static void watch_log(struct execution *execution) {
	struct run_session *session = execution->session;
	if (session->log_pipe[0] >= 0) {
		session->log_poll =
			loop_poll_create(session->loop, session->log_pipe[0], on_log, execution);
		if (session->log_poll != NULL) {
			loop_poll_set(session->log_poll, LOOP_READABLE);
		}
	}
}

static void drain_log(struct execution *execution) {
	struct run_session *session = execution->session;
	if (session->log_poll == NULL) {
		return;
	}
	log_flush(session->log);
	while (read_log(execution)) {
	}
	show_log_lines(execution, true);
}

/* ---- signals ---- */

static void on_end(void *data, enum run_end end) {
	struct execution *execution = data;
	execution->end = end;
	loop_stop(execution->session->loop);
}

/* Whoever read the output has gone: nothing more is asked or paid for. */
static void look_at_reader(struct execution *execution) {
	struct pollfd out = {.fd = fileno(execution->session->context->out), .events = POLLOUT};
	if (ferror(execution->session->context->out) && poll(&out, 1, 0) == 1 &&
		(out.revents & POLLERR) != 0 && execution->signal_number == 0) {
		execution->signal_number = SIGPIPE;
		run_cancel(execution->session->run, false);
	}
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct execution *execution =
		(struct execution *)((char *)observer - offsetof(struct execution, observer));
	struct run_display *display = execution->session->display;
	struct run_display *log = execution->session->log_display;
	if (log != NULL) {
		log->observer.on_event(&log->observer, event);
	}
	display->observer.on_event(&display->observer, event);
	look_at_reader(execution);
}

/* Once: it ends in order. Twice: at once. */
static void on_signal(int signal_number, void *data) {
	struct execution *execution = data;
	struct run_session *session = execution->session;
	if (session->run == NULL) {
		/* It is over, and waits for programs that were asked to end. */
		process_watchdog_kill_all(session->watchdog);
		return;
	}
	bool is_first = execution->signal_number == 0;
	if (is_first) {
		static const struct slice notice =
			SLICE_INIT("stopping; once more ends it at once");
		execution->signal_number = signal_number;
		if (session->display->print_line != NULL) {
			session->display->print_line(session->display, notice);
		}
	}
	run_cancel(session->run, !is_first);
	if (!is_first) {
		process_watchdog_kill_all(session->watchdog);
	}
}

/* ---- the run ---- */

static bool make_display(struct execution *execution) {
	struct run_session *session = execution->session;
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
		.is_quiet =
			flags->output == RUN_OUTPUT_QUIET || !run_log_has_console(session->runner),
		.is_live = is_live(session),
		.has_colour = command_has_colour(session->context, session->context->err),
		.has_utf8 = run_words_utf8(session->context->environment),
		.streams = flags->streams,
		.is_verbose = flags->is_verbose,
		.is_traced = flags->is_traced || flags->is_dry_run,
		.expected_ms = execution->expected_ms,
		.on_end = on_end,
		.data = execution,
	};
	session->display =
		is_json ? run_json_create(&options) : session->make_display(&options, session);
	return run_log_open(session, &options);
}

/* How long each step took in the run before this one. */
static const uint64_t *read_expected(struct run_session *session) {
	struct error error = {0};
	const struct workflow *workflow = session->workflow;
	const struct journal_record *last = session->record;
	if (!is_live(session) || session->begin == NULL) {
		return NULL;
	}
	if (last == NULL) {
		last = journal_read(journal_state_dir(session->runner, &session->arena),
			arena_strdup(&session->arena, workflow->name), "last", &session->arena,
			&error);
	}
	uint64_t *expected_ms = ARENA_ARRAY(&session->arena, uint64_t, workflow->steps.len + 1);
	for (size_t i = 0; last != NULL && i < workflow->steps.len; i++) {
		const struct step_result *result =
			journal_record_step(last, &workflow->steps.items[i]);
		expected_ms[i] = result != NULL ? result->duration_ms : 0;
	}
	return expected_ms;
}

/* What is wrong with the options is told before there is a record of the run. */
static bool check_options(struct run_session *session, const struct run_options *options) {
	struct error error = {0};
	struct run *trial = run_create(options, &error);
	run_release(trial);
	return trial != NULL || run_session_refuse(session, &error);
}

static bool make_run(struct execution *execution) {
	struct run_session *session = execution->session;
	struct run_options options;
	struct error error = {0};
	execution->expected_ms = read_expected(session);
	if (!run_session_options(session, &options) || !check_options(session, &options) ||
		(session->begin != NULL && !session->begin(session))) {
		return false;
	}
	if (!make_display(execution)) {
		return false;
	}
	session->prompt = run_prompt_create(&session->arena, session->loop, session->context);
	options.journal = session->journal;
	options.resumed = session->record;
	execution->observer.on_event = on_event;
	options.observer = &execution->observer;
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
static void remember(struct execution *execution) {
	struct run_session *session = execution->session;
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
		.is_success = execution->end == RUN_OK,
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

/* A dry run has none, and what was interrupted had not come to one. */
static struct slice text_of(const struct execution *execution) {
	bool has_text = execution->end == RUN_OK || execution->end == RUN_FAILED;
	return has_text && !execution->session->flags.is_dry_run
		       ? run_final_text(execution->session->run)
		       : slice_make(NULL, 0);
}

/* Once, on standard output; with JSON it stands in the Result. */
static bool print_final_text(struct execution *execution) {
	struct run_session *session = execution->session;
	struct slice text = text_of(execution);
	if (text.data == NULL) {
		return true;
	}
	if (text.len > 0 && !session->display->has_printed_text &&
		session->flags.output != RUN_OUTPUT_JSON) {
		fwrite(text.data, 1, text.len, session->context->out);
		if (text.data[text.len - 1] != '\n') {
			fputc('\n', session->context->out);
		}
		fflush(session->context->out);
	}
	return write_output_file(session, text);
}

/* As a shell takes it for one word. */
static void append_word(struct buf *out, const char *word) {
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=@+,";
	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		buf_append_str(out, word);
		return;
	}
	shell_quote_word(slice_of(word), out);
}

static const char *resume_command(const struct execution *execution, struct arena *arena) {
	const struct run_session *session = execution->session;
	if (execution->end == RUN_OK || session->journal == NULL) {
		return NULL;
	}
	const struct {
		const char *flag, *value;
	} parts[] = {
		{" -C ", session->context->dir},
		{" --config ", session->context->config_path},
		{" run ", session->flags.workflow},
		{" --team ", session->flags.team},
		{" --ecosystem ", session->flags.ecosystem},
		{" --project ", session->flags.project},
		{" --resume ", journal_id(session->journal)},
	};
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "llm-mux");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].value != NULL) {
			buf_append_str(&text, parts[i].flag);
			append_word(&text, parts[i].value);
		}
	}
	const char *command = arena_strdup(arena, buf_slice(&text));
	buf_finish(&text);
	return command;
}

static void close_display(struct execution *execution) {
	struct run_session *session = execution->session;
	struct run_summary summary = {
		.end = execution->end,
		.duration_ms = run_duration_ms(session->run),
		.usage = run_usage(session->run),
		.results = run_results_of(session->run),
		.final_text = text_of(execution),
		.files_dir = session->journal != NULL ? journal_dir(session->journal) : NULL,
		.resume_command = resume_command(execution, &session->arena),
		.is_dry_run = session->flags.is_dry_run,
	};
	drain_log(execution);
	session->display->close(session->display, &summary);
	if (session->log_display != NULL) {
		session->log_display->close(session->log_display, &summary);
	}
}

static int exit_code(const struct execution *execution) {
	switch (execution->end) {
	case RUN_OK:
		return COMMAND_OK;
	case RUN_FAILED:
		return COMMAND_FAILED;
	case RUN_TIMED_OUT:
		return RUN_EXIT_TIMED_OUT;
	case RUN_CANCELLED:
		break;
	}
	return execution->signal_number != 0 ? RUN_EXIT_SIGNAL + execution->signal_number
					     : COMMAND_FAILED;
}

static int run_to_end(struct execution *execution) {
	static const int numbers[RUN_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
	struct run_session *session = execution->session;
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		execution->signals[i] =
			loop_signal_create(session->loop, numbers[i], on_signal, execution);
	}
	watch_log(execution);
	session->has_run = true;
	run_start(session->run);
	loop_run(session->loop);
	remember(execution);
	close_display(execution);
	bool is_printed = print_final_text(execution);
	int code = exit_code(execution);
	return code == COMMAND_OK && !is_printed ? COMMAND_FAILED : code;
}

/* Programs that do not end when asked have their grace, within which a signal still ends all. */
static void wait_for_programs(struct execution *execution) {
	struct run_session *session = execution->session;
	mux_loop_destroy(session->mux_loop);
	session->mux_loop = NULL;
	if (session->loop != NULL) {
		loop_wait_work(session->loop);
	}
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		if (execution->signals[i] != NULL) {
			loop_signal_destroy(execution->signals[i]);
		}
	}
}

int run_session_execute(struct run_session *session) {
	struct execution execution = {.session = session, .end = RUN_FAILED};
	int code = COMMAND_USAGE;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&execution.log_lines, 0);
	if (choose_log(session) && run_session_start(session) && make_run(&execution)) {
		code = run_to_end(&execution);
	}
	run_release(session->run);
	session->run = NULL;
	loop_poll_destroy(session->log_poll);
	session->log_poll = NULL;
	wait_for_programs(&execution);
	buf_finish(&execution.log_lines);
	return code;
}
