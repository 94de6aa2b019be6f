/* apply_backup.h: what a plan will change, copied aside (workflows.md 7.6); private to
 * workflow/apply*.c.
 *
 *   BACKUP/files/src/a.c   the bytes of before, by full relative path
 *   BACKUP/manifest.json   what was there, written last: without it nothing has been changed yet
 *
 * Temporary files have names that the manifest tells, so that a restore finds those of a crash. */
#ifndef LLMMUX_WORKFLOW_APPLY_BACKUP_H
#define LLMMUX_WORKFLOW_APPLY_BACKUP_H

#include "workflow/apply.h"
#include "workflow/apply_disk.h"

#define APPLY_TEMP_MAX 48

struct backup_entry {
	const char *path;
	bool existed;
	unsigned mode;
	struct stat was; /* owner (of a read manifest); all of it while writing */
	size_t size;
	char sha256[2 * 32 + 1];
	char temp[APPLY_TEMP_MAX];
	/* while writing */
	struct slice before, after; /* after: absent for a file to be removed */
	unsigned new_mode;
	bool is_touched;
};
struct backup {
	struct arena *arena;
	const char *dir;
	struct {
		struct backup_entry *items;
		size_t len, cap;
	} entries;
	struct {
		const char **items;
		size_t len, cap;
	} directories; /* to be made, parents first */
};

/* Copies the entries' `before` and writes the manifest, all synced. */
bool backup_write(const struct backup *backup, struct apply_faults *faults, struct error *error);
enum backup_state {
	BACKUP_NONE,
	BACKUP_WHOLE,
	BACKUP_BROKEN
};
/* Reads the manifest. NONE: there is none, so nothing was changed. BROKEN with an error. */
enum backup_state backup_read(
	const char *dir, struct arena *arena, struct backup *backup, struct error *error);
/* The bytes of an entry, checked against the manifest, appended to `bytes`. */
bool backup_load(const struct backup *backup, const struct backup_entry *entry, struct buf *bytes,
	struct error *error);

/* Brings entries back: the touched ones alone, or all; then the directories that were made. Goes on
 * after an error, and tells the first. */
bool backup_restore(const struct backup *backup, int root, bool touched_only,
	struct apply_faults *faults, struct error *error);
bool backup_forget(const char *dir, struct apply_faults *faults, struct error *error);

/* The public functions, with faults for tests. */
bool apply_write_faulty(const struct apply_plan *plan, const char *backup_dir,
	struct apply_faults *faults, struct error *error);
bool apply_restore_faulty(
	const char *dir, const char *backup_dir, struct apply_faults *faults, struct error *error);

#endif
