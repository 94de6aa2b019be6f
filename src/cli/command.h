/* command.h: what a command of the program is. One file per command, each ending in one
 * `const struct command`; commands.c lists them. Parsing, help and completions read the rows. */
#ifndef LLMMUX_CLI_COMMAND_H
#define LLMMUX_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/runner.h"

/* Exit codes of the program (design.md section 6). */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1, /* the work or a check failed */
	COMMAND_USAGE = 2   /* command line or configuration invalid */
};

struct command_option {
	char letter;          /* 'p'; 0: long name only */
	const char *name;     /* "port" */
	const char *argument; /* "N", for help and completions; NULL: a flag */
	const char *help;     /* one phrase, no closing stop */
	/* What the argument may be, for completions: words ending with NULL; or NULL. */
	const char *const *choices;
};

/* One option as it was given. */
struct command_given {
	const struct command_option *option;
	const char *value; /* "" for a flag */
};

struct command_context {
	const struct command *command;
	const struct command_given *given; /* the command's own options, all, in order */
	size_t given_count;
	const char **values; /* per row of command->options: the last argument; "" for a flag; NULL:
				not given */
	char **arguments;    /* what is left: operands */
	size_t argument_count;
	/* global flags */
	const char *config_path; /* NULL: not given */
	const char *dir;         /* -C: where projects and workflows are looked for; NULL: here */
	bool is_debug, no_browser, has_no_colour;
	bool has_begun;           /* command->run was called */
	bool trusts_project;      /* --trust */
	char *const *environment; /* like environ */
	FILE *out, *err;
};

struct command {
	const char *name;    /* "config show" is row "show" below "config" */
	const char *summary; /* one line for the list of commands */
	const char *usage;   /* operands, as help shows them: "[FILE]"; NULL: none */
	const char *details; /* further paragraphs of its help; may be NULL */
	const struct command_option *options; /* ends with a row whose name is NULL; may be NULL */
	const struct command *const *subcommands; /* ends with NULL; run is for none of them */
	/* words the first operand may be, for completions; or NULL */
	const char *const *operands;
	size_t min_arguments, max_arguments;
	bool stops_at_operand; /* what follows the first operand is another program's */
	/* With --output json its last line is a Result, also when the command line is wrong */
	bool ends_in_result;
	int (*run)(struct command_context *context); /* returns the exit code */
};

/* All commands, in the order of help; ends with NULL. */
extern const struct command *const command_table[];
/* Run when no command is named. */
extern const struct command *const command_default;
/* Options of the runner, which may stand before its command; ends with a row whose name is NULL. */
extern const struct command_option run_options_table[];
/* --config, -C, --debug, -h, -v and the like; ends with a row whose name is NULL. */
extern const struct command_option command_globals[];

/* Parses the arguments (globals stand before or after the command), runs the command and returns
 * the exit code. A wrong command line is exit code 2, with the nearest right word. */
int command_main(int argc, char **argv, char *const *environment, FILE *out, FILE *err);

/* ---- for commands ---- */
/* The argument of an option of this command; NULL when it was not given. */
const char *command_value(const struct command_context *context, const char *option);
bool command_has(const struct command_context *context, const char *option);
/* Asks on err, and reads a line of standard input; true for y and yes alone. */
bool command_confirm(const struct command_context *context, const char *question);
/* Prints "llm-mux: MESSAGE" to err and returns `code`. */
int command_fail(const struct command_context *context, enum command_exit code, const char *format,
	...) __attribute__((format(printf, 3, 4)));
/* Loads the configuration as `serve` does (--config, --debug, environment, and `settings` above
 * all); prints problems and warnings to err, in colour on a terminal. NULL when it is refused:
 * return COMMAND_USAGE. The caller owns one reference. */
struct config *command_load_config(
	const struct command_context *context, const struct config_setting *settings, size_t count);
/* What the project's file (.llm-mux/config.toml of -C or above) means to a command. */
enum command_project {
	COMMAND_PROJECT_NONE,  /* nothing: the gateway's commands */
	COMMAND_PROJECT_SHOWN, /* it is shown, and nothing of it is run: what is not trusted too */
	COMMAND_PROJECT_USED   /* what it says is run: a person at a terminal is asked for trust */
};
/* As command_load_config, with the project's file. The section is runner_of. */
struct config *command_load_project(const struct command_context *context,
	enum command_project project, const struct config_setting *settings, size_t count);
/* The request that this makes, without settings, for runner_trust of workflows. */
void command_runner_request(const struct command_context *context, enum command_project project,
	struct runner_request *request);
/* Calls `visit` for what a workflow says of commands and files, as runner_each_untrusted does. */
void command_each_telling(
	const struct json *tree, struct arena *arena, runner_untrusted *visit, void *data);
/* The options of all tables with their defaults, for schema, template and help. */
void command_options_init(struct option_set *set, struct arena *arena);
/* The nearest of the names in edit distance, for "did you mean"; NULL when none is near. `next`
 * gives the names one after the other, NULL at the end. */
const char *command_nearest(
	const char *word, const char *(*next)(const void *data, size_t index), const void *data);
/* The row of that name; NULL when there is none, and then *near is the nearest name or NULL.
 * `commands` ends with NULL and may be NULL. */
const struct command *command_find(
	const struct command *const *commands, const char *name, const char **near);

/* Whether colour may be written to the stream: a terminal, and NO_COLOR is not set. */
bool command_has_colour(const struct command_context *context, FILE *stream);

/* "config show": the name behind that of its parent. */
#define COMMAND_NAME_MAX 48
void command_full_name(const struct command *command, char out[COMMAND_NAME_MAX]);

/* ---- help.c, version.c ---- */
/* Help of one command; NULL: of the program. */
void command_print_help(const struct command *command, FILE *out);
void command_print_version(FILE *out);
/* "0.1.0", "llm-mux/0.1.0". */
const char *command_version_text(void);
const char *command_user_agent(void);

extern const struct command command_backends, command_roles, command_teams, command_ecosystems,
	command_trust;
extern const struct command command_serve, command_help, command_version;
extern const struct command command_init, command_models, command_tokens, command_doctor,
	command_convert, command_completion, command_env, command_with;
extern const struct command command_config, command_config_show, command_config_validate,
	command_config_schema, command_config_parse;
extern const struct command command_cache;
extern const struct command command_workflows, command_validate, command_graph;
extern const struct command command_render, command_schema, command_memory, command_discover,
	command_runs, command_run, command_plan, command_ask, command_test, command_context_files;

#endif
