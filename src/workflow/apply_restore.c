/* apply_restore.c: the tree as it was before an apply, whatever happened since (workflows.md 7.6).
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "workflow/apply_backup.h"
#include "workflow/apply_paths.h"

/* One restore: goes on after an error. */
struct restoring {
	const struct backup *backup;
	int root;
	struct apply_faults *faults;
	struct error *error;
	bool is_ok;
};

/* Keeps the first error. */
static struct error *next_error(struct restoring *r) {
	return r->is_ok ? r->error : NULL;
}

static void remove_temp(struct restoring *r, const struct backup_entry *entry) {
	const char *name;
	int dir = apply_open_parent(r->root, entry->path, &name);
	if (dir < 0) {
		return; /* then there is no temporary file in it either */
	}
	if (unlinkat(dir, entry->temp, 0) == 0) {
		fsync(dir);
	}
	close(dir);
}

/* What is in the way of a file that was, or is a file that was not: no directory is removed, but a
 * symbolic link (somebody's verify command made it) is, as a name. */
static bool is_as_before(
	struct restoring *r, const struct backup_entry *entry, struct slice before, bool *is_same) {
	struct apply_state state;
	struct buf now;
	buf_init(&now, 0);
	*is_same = false;
	struct error ignored = {0};
	bool is_readable = apply_state_read(r->root, entry->path, &state, &now, &ignored);
	if (is_readable && state.exists) {
		*is_same = entry->existed && slice_eq(buf_slice(&now), before) &&
			   ((unsigned)state.info.st_mode & 07777) == entry->mode;
	} else if (is_readable) {
		*is_same = !entry->existed;
	}
	buf_finish(&now);
	return is_readable;
}

static void restore_file(struct restoring *r, const struct backup_entry *entry) {
	struct buf loaded;
	buf_init(&loaded, 0);
	struct slice before = entry->before;
	bool is_ok = true, is_same = false;
	if (!before.data) {
		is_ok = backup_load(r->backup, entry, &loaded, next_error(r));
		before = buf_slice(&loaded);
	}
	if (is_ok) {
		is_as_before(r, entry, before, &is_same);
	}
	if (is_ok && !is_same) {
		struct apply_write_options options = {.temp = entry->temp, .mode = entry->mode};
		struct stat owner = entry->was;
		options.owner = &owner;
		is_ok = apply_make_parents(r->root, entry->path, 0777, r->faults, next_error(r)) &&
			apply_write_file(
				r->root, entry->path, before, &options, r->faults, next_error(r));
	}
	buf_finish(&loaded);
	r->is_ok &= is_ok;
}

static void restore_entry(struct restoring *r, const struct backup_entry *entry) {
	remove_temp(r, entry);
	if (entry->existed) {
		restore_file(r, entry);
	} else if (!apply_remove_file(r->root, entry->path, NULL, NULL, r->faults, next_error(r))) {
		r->is_ok = false;
	}
}

bool backup_restore(const struct backup *backup, int root, bool touched_only,
	struct apply_faults *faults, struct error *error) {
	struct restoring r = {backup, root, faults, error, true};
	for (size_t i = 0; i < backup->entries.len; i++) {
		const struct backup_entry *entry = &backup->entries.items[i];
		if (!touched_only || entry->is_touched) {
			restore_entry(&r, entry);
		} else {
			remove_temp(&r, entry);
		}
	}
	for (size_t i = backup->directories.len; i > 0; i--) {
		if (!apply_remove_dir(
			    root, backup->directories.items[i - 1], faults, next_error(&r))) {
			r.is_ok = false;
		}
	}
	return r.is_ok;
}

bool apply_restore_faulty(
	const char *dir, const char *backup_dir, struct apply_faults *faults, struct error *error) {
	struct arena arena;
	struct backup backup;
	arena_init(&arena, NULL, 0);
	enum backup_state state = backup_read(backup_dir, &arena, &backup, error);
	bool is_ok = state == BACKUP_NONE;
	if (state == BACKUP_WHOLE) {
		int root = apply_open_root(dir, error);
		is_ok = root >= 0 && backup_restore(&backup, root, false, faults, error);
		if (root >= 0) {
			close(root);
		}
	}
	arena_finish(&arena);
	return is_ok;
}

bool apply_restore(const char *dir, const char *backup_dir, struct error *error) {
	return apply_restore_faulty(dir, backup_dir, NULL, error);
}
