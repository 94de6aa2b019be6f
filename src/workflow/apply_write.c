/* apply_write.c: a plan's files onto the disk: all of them, or none (workflows.md 7.5). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/map.h"
#include "base/random.h"
#include "workflow/apply_backup.h"
#include "workflow/apply_paths.h"

struct writing {
	const struct apply_plan *plan;
	struct backup backup;
	int root;
	struct apply_faults *faults;
	struct error *error;
};

static struct backup_entry *add_entry(struct writing *w, const char *path, struct slice before,
	struct slice after, unsigned mode, const char *id) {
	struct backup_entry *entry = ARENA_PUSH(w->backup.arena, &w->backup.entries);
	entry->path = path;
	entry->existed = before.data != NULL;
	entry->before = before;
	entry->after = after;
	entry->mode = entry->new_mode = mode;
	snprintf(entry->temp, sizeof entry->temp, ".llm-mux-%s-%zu.tmp", id, w->backup.entries.len);
	return entry;
}

/* A renamed file is a new one and a removed one. What is removed comes last, so that at no moment
 * a content is on neither side. */
static void list_entries(struct writing *w) {
	const struct slice absent = {NULL, 0};
	char id[17];
	random_id(id, "", 12);
	for (size_t i = 0; i < w->plan->count; i++) {
		const struct apply_file *file = &w->plan->files[i];
		if (file->new_path) {
			add_entry(w, file->new_path, absent, file->after, file->mode, id);
		} else if (file->after.data) {
			add_entry(w, file->path, file->before, file->after, file->mode, id);
		}
	}
	for (size_t i = 0; i < w->plan->count; i++) {
		const struct apply_file *file = &w->plan->files[i];
		if (file->new_path || !file->after.data) {
			add_entry(w, file->path, file->before, absent, file->mode, id);
		}
	}
}

static bool refuse_conflict(struct writing *w, const char *path, const char *what) {
	return error_set(w->error, ERROR_CONFLICT,
		"%s %s since the edits were made for it; nothing was applied", path, what);
}

/* Each file is still what the plan read. */
static bool check_entry(struct writing *w, struct backup_entry *entry) {
	struct apply_state state;
	struct buf now;
	buf_init(&now, 0);
	bool is_ok = apply_state_read(w->root, entry->path, &state, &now, w->error);
	if (is_ok && state.exists != entry->existed) {
		is_ok = refuse_conflict(
			w, entry->path, entry->existed ? "was removed" : "was made");
	} else if (is_ok && state.exists &&
		   (!slice_eq(buf_slice(&now), entry->before) ||
			   ((unsigned)state.info.st_mode & 07777) != entry->mode)) {
		is_ok = refuse_conflict(w, entry->path, "was changed");
	}
	entry->was = state.info;
	buf_finish(&now);
	return is_ok;
}

/* The directories that the new files need, parents first. */
static void list_directories(struct writing *w, struct map *seen, const char *path) {
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct slice part = slice_make(path, (size_t)(slash - path));
		const char *copy = arena_strdup(w->backup.arena, part);
		const char *name;
		struct stat info;
		int dir = apply_open_parent(w->root, copy, &name);
		bool is_there = dir >= 0 && fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
		if (dir >= 0) {
			close(dir);
		}
		if (!is_there && !map_get(seen, part)) {
			map_put(seen, part, w);
			*ARENA_PUSH(w->backup.arena, &w->backup.directories) = copy;
		}
	}
}

static bool prepare(struct writing *w) {
	list_entries(w);
	struct map seen;
	map_init(&seen);
	bool is_ok = true;
	for (size_t i = 0; is_ok && i < w->backup.entries.len; i++) {
		struct backup_entry *entry = &w->backup.entries.items[i];
		is_ok = check_entry(w, entry);
		if (is_ok && !entry->existed) {
			list_directories(w, &seen, entry->path);
		}
	}
	map_finish(&seen, NULL);
	return is_ok;
}

/* A half-written backup of a run that was killed means that nothing was changed. */
static bool clear_old_backup(struct writing *w) {
	struct backup old;
	switch (backup_read(w->backup.dir, w->backup.arena, &old, w->error)) {
	case BACKUP_NONE:
		return backup_forget(w->backup.dir, NULL, w->error);
	case BACKUP_WHOLE:
		return error_set(w->error, ERROR_CONFLICT,
			"the backup of an earlier apply is in %s; restore or remove it first",
			w->backup.dir);
	case BACKUP_BROKEN:
		break;
	}
	return false;
}

static bool write_entry(struct writing *w, struct backup_entry *entry) {
	if (!entry->after.data) {
		return apply_remove_file(
			w->root, entry->path, &entry->was, &entry->is_touched, w->faults, w->error);
	}
	struct apply_write_options options = {.temp = entry->temp,
		.mode = entry->new_mode ? entry->new_mode : 0666,
		.uses_umask = !entry->existed && entry->new_mode == 0,
		.was = entry->existed ? &entry->was : NULL,
		.owner = entry->existed ? &entry->was : NULL,
		.must_be_new = !entry->existed,
		.is_touched = &entry->is_touched};
	return apply_write_file(w->root, entry->path, entry->after, &options, w->faults, w->error);
}

static bool write_all(struct writing *w) {
	for (size_t i = 0; i < w->backup.directories.len; i++) {
		if (!apply_make_dir(
			    w->root, w->backup.directories.items[i], 0777, w->faults, w->error)) {
			return false;
		}
	}
	for (size_t i = 0; i < w->backup.entries.len; i++) {
		if (!write_entry(w, &w->backup.entries.items[i])) {
			return false;
		}
	}
	return true;
}

/* Puts back what was changed already and says so behind the error. */
static void undo(struct writing *w) {
	struct error own = {0};
	char cause[ERROR_MESSAGE_MAX];
	enum error_kind kind = w->error ? w->error->kind : ERROR_INTERNAL;
	snprintf(cause, sizeof cause, "%s", w->error ? w->error->message : "");
	if (!backup_restore(&w->backup, w->root, true, w->faults, &own)) {
		error_set(w->error, kind,
			"%s; restoring what was already changed failed too: %s; the files of "
			"before "
			"are in %s",
			cause, own.message, w->backup.dir);
		return;
	}
	error_set(w->error, kind, "%s; all files are as before", cause);
	/* The tree is whole: a backup that cannot be removed is no news. */
	backup_forget(w->backup.dir, w->faults, &own);
}

bool apply_write_faulty(const struct apply_plan *plan, const char *backup_dir,
	struct apply_faults *faults, struct error *error) {
	if (plan->count == 0) {
		return true;
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct error own = {0};
	struct writing w = {.plan = plan,
		.backup = {.arena = &arena, .dir = backup_dir},
		.faults = faults,
		.error = error ? error : &own};
	w.root = apply_open_root(plan->dir, w.error);
	bool is_ok = w.root >= 0 && prepare(&w) && clear_old_backup(&w);
	if (is_ok && !backup_write(&w.backup, faults, w.error)) {
		is_ok = false;
		/* Nothing was changed yet. */
		backup_forget(backup_dir, faults, NULL);
	} else if (is_ok && !write_all(&w)) {
		is_ok = false;
		undo(&w);
	}
	if (w.root >= 0) {
		close(w.root);
	}
	arena_finish(&arena);
	return is_ok;
}

bool apply_write(const struct apply_plan *plan, const char *backup_dir, struct error *error) {
	return apply_write_faulty(plan, backup_dir, NULL, error);
}
