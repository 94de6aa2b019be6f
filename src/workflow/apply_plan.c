/* apply_plan.c: makes the new contents in memory, edit by edit, before anything is written
 * (workflows.md 7.4, 7.5). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "workflow/apply_disk.h"
#include "workflow/apply_match.h"
#include "workflow/apply_paths.h"
#include "workflow/diff.h"

/* A file that some edit names, as it is on disk and as it will be. */
struct target {
	const char *path;
	struct slice before; /* absent: no such file */
	unsigned mode;
	bool is_link; /* named through a symbolic link of its own */
	bool exists, has_mark;
	struct buf content; /* without its byte order mark */
	unsigned new_mode;
	struct target *origin; /* whose content came here by renaming */
	bool is_told;          /* as the old side of a rename */
};

struct planning {
	const struct edit_set *set;
	const struct apply_rules *rules;
	struct arena *arena;
	struct apply_plan *plan;
	struct error *error;
	int root;
	struct map targets;             /* by resolved path */
	struct target **first, **other; /* of each edit: of its path, of its new path */
	struct buf detail;
	struct {
		const char **items;
		size_t len, cap;
	} warnings;
	struct {
		struct apply_file *items;
		size_t len, cap;
	} files;
};

static void free_target(void *value) {
	struct target *target = value;
	buf_finish(&target->content);
}

/* ---- reading ---- */

static bool load(struct planning *p, struct target *target) {
	struct apply_state state;
	struct buf bytes;
	buf_init(&bytes, 0);
	bool is_ok = apply_state_read(p->root, target->path, &state, &bytes, p->error);
	if (is_ok && state.exists) {
		target->before = bytes.len > 0 ? arena_dup(p->arena, buf_slice(&bytes)) : SLICE("");
		target->mode = target->new_mode = (unsigned)state.info.st_mode & 07777;
		target->exists = true;
		target->has_mark = slice_starts_with(target->before, BYTE_ORDER_MARK);
		buf_append(&target->content, slice_from(target->before, target->has_mark ? 3 : 0));
	}
	buf_finish(&bytes);
	return is_ok;
}

static struct target *find_target(struct planning *p, struct slice path) {
	bool is_link;
	const char *resolved =
		apply_path_resolve(p->root, p->rules, path, p->arena, &is_link, p->error);
	if (!resolved) {
		return NULL;
	}
	struct target *target = map_get(&p->targets, slice_of(resolved));
	if (!target) {
		target = ARENA_NEW(p->arena, struct target);
		target->path = resolved;
		map_put(&p->targets, slice_of(resolved), target);
		if (p->targets.count > APPLY_FILES_MAX) {
			error_set(p->error, ERROR_TOO_LARGE,
				"the edits are of more than %d files: let them be made in parts",
				APPLY_FILES_MAX);
			return NULL;
		}
		if (!load(p, target)) {
			return NULL;
		}
	}
	target->is_link |= is_link;
	return target;
}

/* Every path is checked before any edit is looked at. */
static bool find_targets(struct planning *p) {
	p->first = ARENA_ARRAY(p->arena, struct target *, p->set->len + 1);
	p->other = ARENA_ARRAY(p->arena, struct target *, p->set->len + 1);
	for (size_t i = 0; i < p->set->len; i++) {
		const struct edit *edit = &p->set->items[i];
		p->first[i] = find_target(p, edit->path);
		if (!p->first[i]) {
			return false;
		}
		if (edit->kind == EDIT_RENAME) {
			p->other[i] = find_target(p, edit->new_path);
			if (!p->other[i]) {
				return false;
			}
		}
	}
	return true;
}

/* ---- single edits ---- */

static void warn(struct planning *p, const struct edit *edit, const char *path, const char *what) {
	*ARENA_PUSH(p->arena, &p->warnings) =
		arena_printf(p->arena, "edit %u of %s %s", edit->number, path, what).data;
}

static void set_content(struct target *target, struct slice content) {
	buf_reset(&target->content, SIZE_MAX);
	buf_append(&target->content, content);
	target->exists = true;
}

/* Runs an edit of the text through `change` and puts its result in place. */
static bool change_text(struct planning *p, struct target *target, struct apply_failure *failure,
	bool (*change)(const struct text *, struct apply_failure *, struct buf *)) {
	struct text text;
	struct buf out;
	buf_init(&out, 0);
	text_init(&text, buf_slice(&target->content));
	bool is_ok = change(&text, failure, &out);
	text_finish(&text);
	if (is_ok && slice_eq(buf_slice(&out), buf_slice(&target->content))) {
		warn(p, failure->edit, target->path, "changes nothing");
	}
	if (is_ok) {
		buf_finish(&target->content);
		target->content = out;
	} else {
		buf_finish(&out);
	}
	return is_ok;
}

static bool require_file(struct target *target, struct apply_failure *failure) {
	return target->exists || apply_fail(failure, "the file does not exist");
}

static bool do_replace(struct planning *p, struct target *target, struct apply_failure *failure) {
	const struct edit *edit = failure->edit;
	if (edit->old_text.len == 0) {
		if (target->exists && target->content.len > 0) {
			return apply_fail(failure,
				"an empty old text makes a new file, but the file exists and is "
				"not empty; give the text to replace, or the whole \"content\"");
		}
		set_content(target, edit->new_text);
		return true;
	}
	if (!require_file(target, failure)) {
		return false;
	}
	if (slice_eq(edit->old_text, edit->new_text)) {
		warn(p, edit, target->path, "changes nothing: its old and new text are the same");
		return true;
	}
	return change_text(p, target, failure, apply_replace);
}

/* A file with one kind of line end keeps it; the final newline is the edit's. */
static bool do_content(struct planning *p, struct target *target, const struct edit *edit) {
	struct text text;
	struct buf out;
	buf_init(&out, 0);
	text_init(&text, buf_slice(&target->content));
	size_t lf = 0, crlf = 0;
	for (size_t i = 0; i < text.count; i++) {
		lf += text.lines[i].eol == 1;
		crlf += text.lines[i].eol == 2;
	}
	struct slice content = edit->content;
	if (target->has_mark && slice_starts_with(content, BYTE_ORDER_MARK)) {
		content = slice_from(content, 3);
	}
	if ((lf == 0) != (crlf == 0)) {
		text_append_as(content, text.eol, &out);
	} else {
		buf_append(&out, content);
	}
	text_finish(&text);
	if (target->exists && slice_eq(buf_slice(&out), buf_slice(&target->content))) {
		warn(p, edit, target->path, "changes nothing");
	}
	buf_finish(&target->content);
	target->content = out;
	target->exists = true;
	return true;
}

static bool only_adds(const struct edit *edit) {
	for (size_t i = 0; i < edit->hunk_count; i++) {
		for (size_t j = 0; j < edit->hunks[i].count; j++) {
			const struct edit_line *line = &edit->hunks[i].lines[j];
			if (line->kind == '-' || (line->kind == ' ' && line->text.len > 0)) {
				return false;
			}
		}
	}
	return true;
}

static bool create_by_hunks(struct target *target, struct apply_failure *failure) {
	const struct edit *edit = failure->edit;
	if (target->exists && target->content.len > 0) {
		return apply_fail(failure, "the diff makes a new file, but the file exists");
	}
	if (!only_adds(edit)) {
		return apply_fail(
			failure, "the diff makes a new file, but has context or removed lines");
	}
	set_content(target, SLICE(""));
	bool has_newline = true;
	for (size_t i = 0; i < edit->hunk_count; i++) {
		for (size_t j = 0; j < edit->hunks[i].count; j++) {
			buf_append(&target->content, edit->hunks[i].lines[j].text);
			buf_append_byte(&target->content, '\n');
			has_newline = !edit->hunks[i].lines[j].has_no_newline;
		}
	}
	target->content.len -= target->content.len > 0 && !has_newline;
	return true;
}

static bool refuse_link(const struct target *target, struct apply_failure *failure) {
	return !target->is_link ||
	       apply_fail(failure, "the path is a symbolic link, which is neither deleted nor "
				   "renamed; name the file itself");
}

static bool do_delete(struct target *target, struct apply_failure *failure) {
	if (!require_file(target, failure) || !refuse_link(target, failure)) {
		return false;
	}
	target->exists = false;
	target->origin = NULL;
	buf_finish(&target->content);
	return true;
}

static bool do_hunks(struct planning *p, struct target *target, struct apply_failure *failure) {
	const struct edit *edit = failure->edit;
	if (edit->creates || (!target->exists && only_adds(edit))) {
		return create_by_hunks(target, failure);
	}
	if (!require_file(target, failure) || !change_text(p, target, failure, apply_hunks)) {
		return false;
	}
	if (!edit->deletes) {
		return true;
	}
	if (target->content.len > 0) {
		return apply_fail(failure, "the diff deletes the file, but does not remove all its "
					   "lines: it was made for another text");
	}
	return do_delete(target, failure);
}

static bool do_rename(
	struct planning *p, struct target *from, struct target *to, struct apply_failure *failure) {
	if (from == to) {
		warn(p, failure->edit, from->path, "changes nothing: it keeps its name");
		return true;
	}
	if (!require_file(from, failure) || !refuse_link(from, failure)) {
		return false;
	}
	if (to->exists) {
		return apply_fail(failure, "cannot rename to %s, which exists", to->path);
	}
	buf_finish(&to->content);
	to->content = from->content;
	buf_init(&from->content, 0);
	to->exists = true;
	to->has_mark = from->has_mark;
	to->new_mode = from->new_mode;
	to->origin = from->origin ? from->origin : from;
	from->exists = false;
	from->origin = NULL;
	return true;
}

static bool do_edit(struct planning *p, size_t index) {
	const struct edit *edit = &p->set->items[index];
	struct target *target = p->first[index];
	struct apply_failure failure = {edit, target->path, &p->detail, p->error};
	switch (edit->kind) {
	case EDIT_REPLACE:
		return do_replace(p, target, &failure);
	case EDIT_CONTENT:
		return do_content(p, target, edit);
	case EDIT_HUNKS:
		return do_hunks(p, target, &failure);
	case EDIT_DELETE:
		return do_delete(target, &failure);
	case EDIT_RENAME:
		return do_rename(p, target, p->other[index], &failure);
	}
	return error_set(p->error, ERROR_INTERNAL, "an edit of an unknown kind");
}

/* ---- the result ---- */

static struct slice content_of(struct planning *p, const struct target *target) {
	struct buf all;
	buf_init(&all, 0);
	if (target->has_mark) {
		buf_append(&all, BYTE_ORDER_MARK);
	}
	buf_append(&all, buf_slice(&target->content));
	struct slice content = all.len > 0 ? arena_dup(p->arena, buf_slice(&all)) : SLICE("");
	buf_finish(&all);
	return content;
}

/* A file cannot also be a directory that another one is made in. */
static bool check_parents(struct planning *p, const struct target *target) {
	struct slice path = slice_of(target->path);
	for (size_t i = 0; i < path.len; i++) {
		const struct target *parent =
			path.data[i] == '/' ? map_get(&p->targets, slice_sub(path, 0, i)) : NULL;
		if (parent && parent->exists) {
			return error_set(p->error, ERROR_UNPROCESSABLE,
				"the edits make %s a file and %s a file below it", parent->path,
				target->path);
		}
	}
	return true;
}

/* The target is a renamed file, told as such: it came from one that is gone. */
static bool is_rename(const struct target *target) {
	const struct target *origin = target->origin;
	return origin && !target->before.data && origin->before.data && !origin->exists &&
	       !origin->is_told;
}

static void add_file(struct planning *p, struct target *target) {
	struct apply_file file = {.path = target->path, .before = target->before};
	file.after = target->exists ? content_of(p, target) : slice_make(NULL, 0);
	file.mode = target->before.data ? target->mode : target->new_mode;
	file.action = !target->exists ? "deleted" : target->before.data ? "modified" : "created";
	if (is_rename(target)) {
		target->origin->is_told = true;
		file.action = "renamed";
		file.path = target->origin->path;
		file.new_path = target->path;
		file.before = target->origin->before;
	}
	bool is_same = !file.new_path && !!file.before.data == !!file.after.data &&
		       slice_eq(file.before, file.after);
	if (is_same) {
		return;
	}
	struct diff diff;
	diff_init(&diff, file.before, file.after);
	file.added = diff.added;
	file.removed = diff.removed;
	diff_finish(&diff);
	*ARENA_PUSH(p->arena, &p->files) = file;
}

static bool finish_plan(struct planning *p) {
	size_t at = 0;
	const struct map_entry *entry;
	while ((entry = map_next(&p->targets, &at)) != NULL) {
		struct target *target = entry->value;
		if (target->exists && !check_parents(p, target)) {
			return false;
		}
		if (is_rename(target)) {
			add_file(p, target);
		}
	}
	at = 0;
	while ((entry = map_next(&p->targets, &at)) != NULL) {
		struct target *target = entry->value;
		bool is_told_already =
			target->is_told || (target->origin && target->origin->is_told &&
						   target->exists && !target->before.data);
		if (!is_told_already) {
			add_file(p, target);
		}
	}
	return true;
}

bool apply_plan_make(const struct edit_set *set, const struct apply_rules *rules,
	struct arena *arena, struct apply_plan *plan, struct error *error) {
	*plan = (struct apply_plan){.dir = arena_strdup(arena, slice_of(rules->dir))};
	struct planning p = {
		.set = set, .rules = rules, .arena = arena, .plan = plan, .error = error};
	p.root = apply_open_root(rules->dir, error);
	if (p.root < 0) {
		return false;
	}
	map_init(&p.targets);
	bool is_ok = find_targets(&p);
	for (size_t i = 0; is_ok && i < set->len; i++) {
		is_ok = do_edit(&p, i);
	}
	is_ok = is_ok && finish_plan(&p);
	map_finish(&p.targets, free_target);
	close(p.root);
	plan->files = p.files.items;
	plan->count = is_ok ? p.files.len : 0;
	plan->warnings = p.warnings.items;
	plan->warning_count = p.warnings.len;
	if (!is_ok) {
		plan->detail = p.detail.len > 0 ? arena_dup(arena, buf_slice(&p.detail))
			       : error          ? arena_dup(arena, slice_of(error->message))
						: slice_make(NULL, 0);
	}
	buf_finish(&p.detail);
	return is_ok;
}
