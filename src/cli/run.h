/* run.h: what the files of the command `run` share: its flags, and what shows a run. */
#ifndef LLMMUX_CLI_RUN_H
#define LLMMUX_CLI_RUN_H

#include "cli/command.h"
#include "workflow/run.h"

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
	const char *team, *ecosystem, *project, *output, *output_file, *resume;
	struct run_texts answers, contexts;
	int64_t jobs, max_cost_microusd; /* 0, -1: not given */
	bool is_dry_run, is_resumed, forces_resume, takes_defaults, streams, ignores_cache;
	bool keeps_backups, is_verbose, is_quiet;
};
extern const struct command_option run_options_table[];
/* False after telling what is wrong. */
bool run_flags_parse(struct command_context *context, struct arena *arena, struct run_flags *flags);

/* ---- run_plain.c: lines on stderr, the final text on stdout ---- */
struct run_plain {
	struct run_observer observer; /* the first member */
	const struct command_context *context;
	struct runner_secrets *secrets;
	bool is_dry_run;    /* what would be done goes to standard output */
	struct arena arena; /* of one event */
	void (*on_end)(void *data, enum run_end end);
	void *data;
};
void run_plain_init(struct run_plain *plain, const struct command_context *context,
	struct runner_secrets *secrets);
void run_plain_finish(struct run_plain *plain);

/* ---- run_prompt.c: questions on the terminal ---- */
struct run_prompt;
/* NULL when standard input is no terminal. `run` is set once there is one. */
struct run_prompt *run_prompt_create(
	struct arena *arena, struct loop *loop, const struct command_context *context);
void run_prompt_set_run(struct run_prompt *prompt, struct run *run);
void run_prompt_ask(void *data, const struct run_question *question);
/* Terminal modes as they were. Accepts NULL. */
void run_prompt_finish(struct run_prompt *prompt);

#endif
