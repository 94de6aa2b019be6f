/* run.h: what the files of the commands `run` and `plan` share: flags, the session around a run,
 * and questions on the terminal. */
#ifndef LLMMUX_CLI_RUN_H
#define LLMMUX_CLI_RUN_H

#include "cli/command.h"
#include "cli/run_display.h"
#include "workflow/journal.h"
#include "workflow/memory.h"

struct run_session;

enum run_output {
	RUN_OUTPUT_CONSOLE,
	RUN_OUTPUT_JSON,
	RUN_OUTPUT_QUIET
};

struct run_texts {
	const char **items;
	size_t len, cap;
};

/* Flags may stand anywhere before `--`, also behind the workflow's name, whose other words are the
 * workflow's arguments (workflows.md 5.4). */
struct run_flags {
	const char *workflow;
	char **words; /* the workflow's arguments */
	size_t word_count;
	const char *team, *ecosystem, *project, *output_file, *resume, *log_file;
	enum run_output output;
	struct run_texts answers, contexts;
	int64_t jobs, max_cost_microusd; /* 0, -1: not given */
	bool is_dry_run, is_resumed, forces_resume, takes_defaults, streams, ignores_cache;
	bool keeps_backups, confirms_edits, is_verbose, is_traced;
	bool wants_help; /* --help behind the workflow's name: of the workflow */
};
/* False after telling what is wrong; `flags->output` is right all the same. */
bool run_flags_parse(struct command_context *context, struct arena *arena, struct run_flags *flags);
/* Whether the words ask for JSON, also when others of them are wrong. */
bool run_flags_want_json(const struct command_context *context);

/* ---- run_capture.c: what is told on err, kept for the Result of a run that never began ---- */
struct run_capture;
/* With --output json, err is also remembered until the end; NULL otherwise. */
struct run_capture *run_capture_begin(struct command_context *context);
/* Err is what it was; when nothing was run, the lines that end such a run go to out. Accepts NULL.
 */
void run_capture_end(struct run_capture *capture, struct command_context *context, bool has_run);

/* ---- run_plan.c: what a dry run shows on standard output, when it is over ---- */
struct run_display *run_plan_create(
	const struct run_display_options *options, const struct run_session *session);

/* ---- run_prompt.c: questions on the terminal ---- */
struct run_prompt;
/* NULL when standard input is no terminal. */
struct run_prompt *run_prompt_create(
	struct arena *arena, struct loop *loop, const struct command_context *context);
/* Who gets the answers, and which display makes room meanwhile; once there are both. */
void run_prompt_set_run(struct run_prompt *prompt, struct run *run, struct run_display *display);
void run_prompt_ask(void *data, const struct run_question *question);
/* Terminal modes as they were. Accepts NULL. */
void run_prompt_finish(struct run_prompt *prompt);

/* ---- run_session.c: everything around a run, in the order in which it is made ----
 *
 *   configuration ─► workflow ─► record to resume ─► arguments ─► team, ecosystem ─► machine
 */
struct run_session {
	struct command_context *context;
	struct run_flags flags;
	struct arena arena;
	struct config *config;
	const struct runner_config *runner;
	struct runner_secrets *secrets;
	struct workflow *workflow;
	struct map owed_trust; /* see command_trust_nested */
	struct workflow_arguments arguments;
	const char *dir; /* where the workflow works */
	const struct runner_team *team;
	struct ecosystem_choice choice;
	struct slice prompt_context;
	struct process_watchdog *watchdog;
	struct log *log;
	int log_fd, log_pipe[2]; /* -1: none */
	struct loop_poll *log_poll;
	struct loop *loop;
	struct mux *mux;
	struct mux_loop *mux_loop;
	struct journal_record *record; /* of the run that is resumed */
	struct journal *journal;
	struct run_display *display;
	struct run_display *log_display; /* the same lines in a file; NULL: none are kept */
	FILE *run_log;
	struct run_prompt *prompt;
	struct run *run;
	bool has_run;
	/* The command's own: what is made just before the run (its record; may be NULL), and what
	 * shows it where JSON was not asked for. */
	bool (*begin)(struct run_session *session);
	struct run_display *(*make_display)(
		const struct run_display_options *options, const struct run_session *session);
};
void run_session_init(struct run_session *session, struct command_context *context);
/* The configuration with its project, and what is secret. */
bool run_session_configure(struct run_session *session);
/* The workflow of the flags: found, checked, trusted. */
bool run_session_load(struct run_session *session);
/* Team and the files of --context. */
bool run_session_surround(struct run_session *session);
/* That, and before it the arguments and the directory, behind it the ecosystem. */
bool run_session_bind(struct run_session *session);
/* The loop and the mux. */
bool run_session_start(struct run_session *session);
/* The options of a run of the session; the observer and whom to ask are the caller's. */
bool run_session_options(struct run_session *session, struct run_options *options);
/* ---- run_execute.c: runs what the session holds to its end; returns the exit code (8.6) ---- */
int run_session_execute(struct run_session *session);
void run_session_finish(struct run_session *session);

/* ---- run_log.c: output.handlers ---- */
/* Whether "console" is one of them. */
bool run_log_has_console(const struct runner_config *runner);
/* With "log": makes session->log_display, which writes the lines of the console into a file named
 * by the run, and removes logs older than output.log.retain_days. False after a message. */
bool run_log_open(struct run_session *session, const struct run_display_options *console);
void run_log_close(struct run_session *session);

/* One line when a role is the built-in one that nothing but the demo answers. */
void run_session_warn_of_demo(const struct command_context *context,
	const struct runner_config *runner, struct slice role_name);
/* "llm-mux: MESSAGE" on err; returns false. */
bool run_session_refuse(struct run_session *session, const struct error *error);

#endif
