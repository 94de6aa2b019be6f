/* run_display.h: what shows a run to whoever started it.
 *
 *   run ─► observer ─► run_console.c  lines, and a live region on a terminal, on stderr
 *                   └► run_json.c     NDJSON on stdout, one Result as the last line
 *
 * A display sees the events of the run alone; what it cannot know from them is in the options, and
 * what is known only when all is over in the summary. */
#ifndef LLMMUX_CLI_RUN_DISPLAY_H
#define LLMMUX_CLI_RUN_DISPLAY_H

#include <stdio.h>

#include "loop/loop.h"
#include "workflow/run.h"

struct run_display_options {
	FILE *out; /* of the display: stderr for the console, stdout for JSON */
	const struct workflow *workflow;
	struct runner_secrets *secrets; /* NULL: nothing is masked */
	struct loop *loop;              /* for redrawing and heartbeats; NULL: there are none */
	const char *run_id;             /* or NULL */
	struct slice team, ecosystem;   /* absent: none */
	struct value arguments;
	bool is_quiet; /* failures alone */
	bool is_live;  /* a terminal: running steps are redrawn */
	bool has_colour, has_utf8;
	bool streams, is_verbose, is_traced;
	int width; /* 0: the terminal's own */
	/* Per step, how long it took in the run before; 0: not known. NULL: of none. */
	const uint64_t *expected_ms;
	/* Milliseconds of a clock; NULL: the monotonic one. */
	uint64_t (*now_ms)(void);
	void (*on_end)(void *data, enum run_end end);
	void *data;
};

/* What is known when a run is over. */
struct run_summary {
	enum run_end end;
	uint64_t duration_ms;
	struct step_usage usage;
	const struct run_results *results; /* NULL: nothing was run */
	struct slice final_text;           /* absent: none */
	const char *files_dir;             /* where outputs are; NULL: nowhere */
	const char *resume_command;        /* NULL: there is nothing to go on with */
	bool is_dry_run;
};

struct run_display {
	struct run_observer observer; /* the first member */
	struct run_display_options options;
	bool has_printed_text; /* the final text stands on standard output already */
	/* A question is asked on the same terminal, or has been answered. May be NULL. */
	void (*suspend)(struct run_display *display, bool is_suspended);
	/* A line from elsewhere (a log record), put where it does not disturb. May be NULL. */
	void (*print_line)(struct run_display *display, struct slice line);
	/* The last lines; once, after the run's end. */
	void (*close)(struct run_display *display, const struct run_summary *summary);
	void (*destroy)(struct run_display *display);
};

struct run_display *run_console_create(const struct run_display_options *options);
struct run_display *run_json_create(const struct run_display_options *options);
/* Accepts NULL. */
void run_display_destroy(struct run_display *display);

/* The lines that end a run of which nothing was run: WorkflowError and Result. */
void run_json_refuse(FILE *out, struct slice message);

/* The waves of a workflow: *waves has per step number the first in which it may run, from 1 on, if
 * none takes longer than another. Returns how many there are. In the arena. */
size_t run_plan_waves(const struct workflow *workflow, struct arena *arena, const size_t **waves);

/* ---- run_words.c: words that displays share ---- */
/* Under a second "250ms", else "1.2s", "3m05s". */
#define RUN_DURATION_MAX 32
void run_words_duration(uint64_t ms, char out[RUN_DURATION_MAX]);
/* "1234 tokens in, 567 out, $0.0120"; empty when nothing is known. */
void run_words_usage(const struct step_usage *usage, struct buf *out);
/* What a person may do about a failure of this class; NULL: nothing in general. */
const char *run_words_hint(const struct step_error *error);
/* Appends text for a terminal: control bytes but tab and line end become '?'. */
void run_words_append(struct buf *out, struct slice text);
/* Whether the locale's character set is UTF-8. */
bool run_words_utf8(char *const *environment);

#endif
