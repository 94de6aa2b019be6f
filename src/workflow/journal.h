/* journal.h: the record of a run: what a resume needs and `runs` shows.
 *
 *   DIR/.llm-mux/state/<workflow>-<UTC time>-<id>/     0700
 *     journal.ndjson   append-only, one event a line; ends of steps, paid answers and applies
 *                      are synced before the run goes on, starts and items of loops are not
 *     state.json       a summary, written anew after every step (temp + fsync + rename)
 *     <step>.txt, <step>.failed.txt, <step>.<item>.txt, backups/, save_as files
 *
 * A call whose completion line is synced is never asked again. A torn last line (the power failed)
 * is ignored when reading. Secrets are masked before anything is written. */
#ifndef LLMMUX_WORKFLOW_JOURNAL_H
#define LLMMUX_WORKFLOW_JOURNAL_H

#include "workflow/result.h"

struct journal;

/* In a run's directory: where applies keep the files of before. */
#define JOURNAL_BACKUPS "backups"

/* Where the records of runs in a directory are: PROJECT/.llm-mux/state, where PROJECT is the
 * nearest directory with .llm-mux/, else DIR itself. */
const char *journal_state_dir(const struct runner_config *runner, struct arena *arena);

struct journal_start {
	const char *state_dir; /* DIR/.llm-mux/state */
	const struct workflow *workflow;
	struct value arguments; /* a map; secret ones are masked by `secrets` */
	struct slice team, ecosystem;
	struct runner_secrets *secrets;
	int64_t now_ms;
};
/* A fresh run directory, locked by flock while this process lives. */
struct journal *journal_create(const struct journal_start *start, struct error *error);
void journal_close(struct journal *journal);           /* accepts NULL */
const char *journal_id(const struct journal *journal); /* the directory's name */
const char *journal_dir(const struct journal *journal);

/* Each appends one line; false with an error when the disk refuses: the run must
 * stop. */
bool journal_step_started(
	struct journal *journal, const struct workflow_step *step, struct error *error);
/* A whole step, also one that failed or was skipped. Writes <step>.txt and state.json too. */
bool journal_step_ended(
	struct journal *journal, const struct step_result *result, struct error *error);
/* One item of a for_each (0-based). */
bool journal_item_ended(struct journal *journal, const struct workflow_step *step, size_t item,
	const struct step_result *result, struct error *error);
/* The answer of a paid call, before anything is done with it: `key` names it within the run
 * ("fix", "fix/2", "fix/verify-1"). */
bool journal_call_ended(struct journal *journal, struct slice key, struct slice prompt_hash,
	const struct step_result *result, struct error *error);
/* The backup of an apply that is about to be written, and that it is done or undone. item: SIZE_MAX
 * of a step without items. The end of the step, or of the item, settles an apply as well: whoever
 * keeps files as they are records that end first. */
bool journal_apply_began(struct journal *journal, const struct workflow_step *step, size_t item,
	struct slice backup_dir, struct error *error);
bool journal_apply_ended(struct journal *journal, const struct workflow_step *step,
	struct slice backup_dir, struct error *error);
bool journal_run_ended(struct journal *journal, const char *status, uint64_t duration_ms,
	const struct step_usage *usage, struct error *error);
/* A file kept in the run directory (names are sanitised); its path in the arena. */
const char *journal_keep(struct journal *journal, struct slice name, struct slice bytes,
	struct arena *arena, struct error *error);

/* ---- reading ---- */
struct journal_record; /* a run as read back */
/* By id, unique beginning of one, or "last" (NULL workflow: of any workflow). */
struct journal_record *journal_read(const char *state_dir, const char *workflow, const char *id,
	struct arena *arena, struct error *error);
struct journal_summary {
	const char *id, *workflow, *status; /* "ok", "failed", "cancelled", "interrupted" ... */
	const char *hash;                   /* of the workflow */
	int64_t started_at_ms;
	uint64_t duration_ms;
	size_t steps_done, steps_total;
	struct step_usage usage;
	bool is_running; /* another process holds it */
};
const struct journal_summary *journal_summary_of(const struct journal_record *record);
/* Its directory; the arguments; the names (texts) of those that were masked, NULL: none. */
const char *journal_record_dir(const struct journal_record *record);
const struct json *journal_record_arguments(const struct journal_record *record);
const struct json *journal_record_lost_arguments(const struct journal_record *record);
/* What a resume reuses: completed steps, items and calls, in the record's arena. NULL when there is
 * none (a step that failed or was cancelled is none; a skipped one is). */
const struct step_result *journal_record_step(
	const struct journal_record *record, const struct workflow_step *step);
const struct step_result *journal_record_item(
	const struct journal_record *record, const struct workflow_step *step, size_t item);
const struct step_result *journal_record_call(const struct journal_record *record,
	const struct workflow_step *step, struct slice key, struct slice prompt_hash);
/* Every step that ended, the last time it did, in order of the first end: name and result as JSON.
 */
void journal_record_each(const struct journal_record *record,
	void (*visit)(void *data, struct slice step, const struct json *result), void *data);
/* The backup directories (in the run's own, wherever the record was moved) of applies that had
 * begun and not ended, the latest first: the order in which they are restored. */
const struct slice *journal_record_open_applies(const struct journal_record *record, size_t *count);
/* Every run, newest first. */
bool journal_each(const char *state_dir, void (*visit)(void *data, const struct journal_summary *),
	void *data, struct error *error);
/* Goes on writing in the directory of an earlier run. */
struct journal *journal_reopen(
	const struct journal_record *record, struct runner_secrets *secrets, struct error *error);
/* Removes finished runs older than that; returns how many. */
size_t journal_clean(const char *state_dir, int64_t before_ms, struct error *error);

#endif
