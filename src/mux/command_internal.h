/* command_internal.h: what the files of command backends share (inside mux/).
 *
 *   command.c           the backend and the life of a call
 *   command_prompt.c    a request as one text
 *   command_plan.c      program, arguments, stdin, variables of a call
 *   command_classify.c  what a failed program meant (workflows.md 2.5)
 *   command_read.c      JSON outputs, those of vendor CLIs among them */
#ifndef LLMMUX_MUX_COMMAND_INTERNAL_H
#define LLMMUX_MUX_COMMAND_INTERNAL_H

#include "config/runner.h"
#include "mux/mux_internal.h"
#include "proc/process.h"

struct command_backend {
	struct backend base;
	struct mux *mux;
	const struct runner_backend *settings;
	struct command_context context;
};

/* ---- command_prompt.c ---- */

/* A request as the text a program is given: a single question as it is, a conversation as a
 * transcript. False with ERROR_NOT_SUPPORTED for what is no text. */
bool command_prompt(const struct chat_request *request, struct chat_losses *losses,
	struct arena *arena, struct slice *prompt, struct error *error);

/* ---- command_plan.c ---- */

/* Longer prompts go by stdin where the backend leaves it open (2.1). */
#define COMMAND_MAX_AUTO_ARGUMENT ((size_t)100 * 1024)
/* Linux's MAX_ARG_STRLEN, without the NUL. */
#define COMMAND_MAX_ARGUMENT ((size_t)128 * 1024 - 1)

struct command_plan {
	struct {
		const char **items; /* ends with NULL */
		size_t len, cap;
	} argv;
	struct {
		struct process_variable *items;
		size_t len, cap;
	} variables;
	struct slice input;      /* absent: the null device */
	const char *prompt_file; /* to be removed; NULL: none */
};
/* What to run for a prompt. Everything lives in the request's arena, but for the prompt file. */
bool command_plan_make(const struct command_backend *backend, const struct backend_request *request,
	struct slice prompt, struct command_plan *plan, struct error *error);
/* Removes the prompt file. Accepts a zeroed plan; may be called again. */
void command_plan_finish(struct command_plan *plan);
/* The path of the backend's program (with a wrapper: of the wrapper); NULL with an error. */
const char *command_find_program(
	const struct command_backend *backend, struct arena *arena, struct error *error);
/* Whether stdout is JSON: said so, or the arguments ask for it. */
bool command_reads_json(const struct runner_backend *settings);

/* ---- command_classify.c ---- */

/* Kind and delay of a failure by what the program said; ERROR_INTERNAL when nothing is known of it.
 * `patterns` are further ones of rate limits. */
void command_classify(struct slice err, struct slice out, const struct option_strings *patterns,
	struct error *error);
/* The line that tells most: the first of stderr that speaks of an error, else the first that is no
 * warning, else the first, else the last of stdout; without control characters, cut at 300 bytes.
 */
struct slice command_telling_line(struct slice err, struct slice out, struct arena *arena);

/* ---- command_read.c ---- */

struct command_reading {
	struct slice text;
	struct slice model;      /* absent: not told */
	const struct json *data; /* NULL: the text is all there is */
	struct chat_usage usage; /* unknown when not told */
	struct slice failure;    /* present: the program says that it failed, and so */
};
/* What a program that prints JSON said: one value, or one a line. False with
 * ERROR_UPSTREAM_PROTOCOL when it is no JSON, or nothing stands at json_path. */
bool command_read(struct slice out, struct slice json_path, struct arena *arena,
	struct command_reading *reading, struct error *error);

#endif
