/* apply.h: edits from a model's reply into files, all or nothing (workflows.md 7).
 *
 *   text ─ apply_parse ─► edit set ─ apply_plan_make (reads, matches, in memory) ─► plan
 *      ─ apply_write (backup, temp + fsync + rename each; any error restores) ─► applied
 *      ─ apply_restore (undone) or apply_forget (for good)
 *
 * Nothing is written before every edit has matched and every path is safe. */
#ifndef LLMMUX_WORKFLOW_APPLY_H
#define LLMMUX_WORKFLOW_APPLY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "data/json.h"

enum edit_kind {
	EDIT_REPLACE, /* old -> new */
	EDIT_CONTENT, /* the whole file */
	EDIT_HUNKS,   /* a unified diff of one file */
	EDIT_DELETE,
	EDIT_RENAME
};

struct edit_line {
	char kind; /* ' ', '-', '+' */
	struct slice text;
	bool has_no_newline; /* "\ No newline at end of file" */
};
struct edit_hunk {
	bool has_numbers;  /* "@@ -l,c +l,c @@" */
	int64_t old_start; /* 1-based; 0: before the first line, or not said */
	struct edit_line *lines;
	size_t count;
};
struct edit {
	enum edit_kind kind;
	struct slice path, new_path; /* as written; new_path: rename */
	struct slice old_text, new_text, content;
	int64_t count;         /* REPLACE: how often it must occur; 0: once */
	bool creates, deletes; /* HUNKS against /dev/null */
	struct edit_hunk *hunks;
	size_t hunk_count;
	unsigned number; /* 1-based, for messages */
	size_t line;     /* of the reply where it stands; 0: not said */
};
struct edit_set {
	struct edit *items;
	size_t len, cap;
	const char *formats; /* "unified diff", "JSON edits" ..., for messages */
};

/* Every format of 7.2 found in the text. False with ERROR_UNPROCESSABLE: none found (the first 200
 * characters, the formats tried), or which one is broken and where. */
bool apply_parse(struct slice text, struct arena *arena, struct edit_set *set, struct error *error);
/* Edits that are JSON already (7.1 inline `edits`, `.edits`). */
bool apply_parse_json(
	const struct json *edits, struct arena *arena, struct edit_set *set, struct error *error);

struct apply_rules {
	const char *dir;                  /* the workflow's directory */
	const struct slice *allow, *deny; /* globs on relative paths; allow none: all */
	size_t allow_count, deny_count;
};

/* Files of one apply: each is backed up and synced by itself, and undoing must end in a minute. */
#define APPLY_FILES_MAX 10000

struct apply_file {
	const char *path;   /* relative */
	const char *action; /* "modified", "created", "deleted", "renamed" */
	const char *new_path;
	struct slice before, after; /* contents; absent: no such file */
	unsigned mode;              /* the file's; 0 for a created one: 0666 less the umask */
	size_t added, removed;      /* lines */
};
struct apply_plan {
	const char *dir;
	struct apply_file *files;
	size_t count;
	const char **warnings; /* no-op edits and the like */
	size_t warning_count;
	struct slice detail; /* when it failed: the whole message, where the error's may be cut */
};
/* Reads the files and makes the new contents in memory. False with an error: path safety (7.3),
 * matching (7.4: line numbers of an ambiguous match, the closest region of an absent one). */
bool apply_plan_make(const struct edit_set *set, const struct apply_rules *rules,
	struct arena *arena, struct apply_plan *plan, struct error *error);
/* The plan as one unified diff. */
void apply_plan_diff(const struct apply_plan *plan, bool colour, struct buf *out);
/* The changed files as JSON: [{path, action, added, removed}]. */
void apply_plan_to_json(const struct apply_plan *plan, struct buf *out);

/* Copies what will change into backup_dir (full relative paths, modes, a manifest, synced), then
 * writes. Any failure restores and is told; a file that changed since it was read is
 * ERROR_CONFLICT. Nothing remains half-done but by a crash: apply_restore mends that. */
bool apply_write(const struct apply_plan *plan, const char *backup_dir, struct error *error);
/* The exact bytes and modes of before, created files and then-empty directories removed.
 * Idempotent, and safe on a backup that is itself half-written (then nothing had been changed). */
bool apply_restore(const char *dir, const char *backup_dir, struct error *error);
/* Removes the backup. */
bool apply_forget(const char *backup_dir, struct error *error);
/* True when git says that all of the plan's files are as committed, so that it could bring them
 * back (rollback = "git"). False with ERROR_CONFLICT when it says otherwise (an untracked file
 * too), or another error when it cannot be asked. Runs git, blocking. */
bool apply_is_clean_in_git(const struct apply_plan *plan, struct error *error);

/* A unified diff of two texts, with three lines of context. */
void diff_unified(struct slice before, struct slice after, const char *old_name,
	const char *new_name, struct buf *out);

#endif
