/* journal_internal.h: what writing and reading the record of a run share. */
#ifndef LLMMUX_WORKFLOW_JOURNAL_INTERNAL_H
#define LLMMUX_WORKFLOW_JOURNAL_INTERNAL_H

#include "base/map.h"
#include "workflow/journal.h"

#define JOURNAL_FILE "journal.ndjson"
#define JOURNAL_LOCK "lock"
#define JOURNAL_STATE "state.json"
#define JOURNAL_VERSION 1
/* A line holds one result; results hold texts up to the limits of child output. */
#define JOURNAL_FILE_MAX ((size_t)1024 * 1024 * 1024)

/* The "type" of each line. */
#define JOURNAL_START "start"
#define JOURNAL_RESUME "resume"
#define JOURNAL_STEP_STARTED "step_started"
#define JOURNAL_STEP "step"
#define JOURNAL_ITEM "item"
#define JOURNAL_CALL "call"
#define JOURNAL_APPLY "apply"
#define JOURNAL_APPLY_DONE "apply_done"
#define JOURNAL_END "end"

/* An apply as its line tells it. */
struct journal_apply {
	struct slice step, backup;
	int64_t item; /* -1: of no item */
	bool is_settled;
};

/* What `state.json` and `runs list` say; kept up to date while writing, made anew when reading. */
struct journal_record {
	struct arena *arena;
	const char *dir;
	struct journal_summary summary;
	const struct json *arguments, *lost_arguments;
	struct {
		struct journal_apply *items;
		size_t len, cap;
	} applies; /* that were begun */
	struct slice *open_applies;
	size_t open_count;
	struct {
		const struct json **items; /* the lines that stand, in order */
		size_t len, cap;
	} lines;
	struct map last;   /* "step\0NAME", "item\0NAME\0N", "call\0KEY" -> the last such line */
	size_t read_bytes; /* of the file, as it was then */
	size_t good_bytes; /* of the file: what follows is a torn line */
};

#endif
