/* journal_read.c: reading the records of runs: for a resume, for `runs`, and cleaning up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "workflow/journal_internal.h"

#define LAST "last"

const char *journal_state_dir(const struct runner_config *runner, struct arena *arena) {
	const char *dir = runner->project_dir ? runner->project_dir : runner->dir;
	return file_join(arena, dir, ".llm-mux/state");
}

/* ---- one record ---- */

/* Whether another process holds the run. */
static bool is_held(const char *dir, struct arena *arena) {
	const char *path = file_join(arena, dir, JOURNAL_LOCK);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return false;
	}
	bool is_free = flock(fd, LOCK_SH | LOCK_NB) == 0;
	close(fd);
	return !is_free && errno == EWOULDBLOCK;
}

static const char *text_of(const struct json *line, const char *key, struct arena *arena) {
	struct slice text = json_string(json_get(line, key), arena);
	return text.data ? arena_strdup(arena, text) : "";
}

static int64_t number_of(const struct json *line, const char *key) {
	int64_t number = 0;
	json_int64(json_get(line, key), &number);
	return number;
}

static void read_end(struct journal_record *record, const struct json *line) {
	struct journal_summary *summary = &record->summary;
	summary->status = text_of(line, "status", record->arena);
	summary->duration_ms = (uint64_t)number_of(line, "duration_ms");
	summary->usage.input_tokens = number_of(line, "input_tokens");
	summary->usage.output_tokens = number_of(line, "output_tokens");
	summary->usage.is_known = true;
	summary->usage.cost_microusd = number_of(line, "cost_microusd");
}

/* An apply is open from its line until its own end, or until the end of its step or item. */
static void read_apply(struct journal_record *record, const struct json *line) {
	const struct json *type = json_get(line, "type");
	struct slice step = json_string(json_get(line, "step"), record->arena);
	struct slice backup = json_string(json_get(line, "backup"), record->arena);
	int64_t item = json_get(line, "item") ? number_of(line, "item") : -1;
	if (json_string_is(type, JOURNAL_APPLY)) {
		*ARENA_PUSH(record->arena, &record->applies) =
			(struct journal_apply){.step = step, .backup = backup, .item = item};
		return;
	}
	bool is_step = json_string_is(type, JOURNAL_STEP);
	bool is_item = json_string_is(type, JOURNAL_ITEM);
	bool is_done = json_string_is(type, JOURNAL_APPLY_DONE);
	for (size_t i = 0; i < record->applies.len; i++) {
		struct journal_apply *apply = &record->applies.items[i];
		if (slice_eq(apply->step, step) &&
			(is_step || (is_item && apply->item == item) ||
				(is_done && slice_eq(apply->backup, backup)))) {
			apply->is_settled = true;
		}
	}
}

/* Where a backup is now: in the run's own directory, whatever the record says. A project may have
 * been moved, and what is restored and removed by a record that came with a clone must not lie
 * elsewhere. NULL: it does, by a link. */
static const char *backup_place(
	const struct journal_record *record, const char *dir, struct slice written) {
	struct slice name = written, part;
	while (slice_split(&written, '/', &part)) {
		name = part;
	}
	if (name.len == 0 || slice_is(name, ".") || slice_is(name, "..")) {
		return NULL;
	}
	const char *path =
		arena_printf(record->arena, "%s/" JOURNAL_BACKUPS "/%.*s", dir, SLICE_FMT(name))
			.data;
	char *real = realpath(path, NULL);
	bool is_there = !real || strcmp(real, path) == 0;
	free(real);
	return is_there ? path : NULL;
}

static bool collect_open(struct journal_record *record, struct error *error) {
	char *dir = realpath(record->dir, NULL);
	bool is_good = dir != NULL;
	record->open_applies = ARENA_ARRAY(record->arena, struct slice, record->applies.len + 1);
	for (size_t i = record->applies.len; is_good && i-- > 0;) {
		struct slice written = record->applies.items[i].backup;
		const char *backup = NULL;
		if (!record->applies.items[i].is_settled) {
			backup = backup_place(record, dir, written);
			is_good = backup != NULL;
			record->open_applies[record->open_count++] =
				backup ? slice_of(backup) : SLICE("");
		}
	}
	free(dir);
	return is_good ||
	       error_set(error, ERROR_PERMISSION,
		       "the run's record %s names a backup outside of its directory", record->dir);
}

/* One line's part of the summary. */
static void read_line(struct journal_record *record, const struct json *line) {
	struct journal_summary *summary = &record->summary;
	const struct json *type = json_get(line, "type");
	if (json_string_is(type, JOURNAL_START)) {
		summary->workflow = text_of(line, "workflow", record->arena);
		summary->hash = text_of(line, "hash", record->arena);
		summary->started_at_ms = number_of(line, "started_at_ms");
		int64_t steps = number_of(line, "steps");
		summary->steps_total = steps > 0 ? (size_t)steps : 0;
		record->arguments = json_get(line, "args");
		record->lost_arguments = json_get(line, "lost_args");
	} else if (json_string_is(type, JOURNAL_END)) {
		read_end(record, line);
	} else if (json_string_is(type, JOURNAL_RESUME)) {
		summary->status = "interrupted";
	} else {
		read_apply(record, line);
	}
	if (!json_string_is(type, JOURNAL_END) && summary->started_at_ms > 0) {
		int64_t since = number_of(line, "at") - summary->started_at_ms;
		summary->duration_ms = since > 0 ? (uint64_t)since : 0;
	}
}

/* The key of what a line is about; item -1: of no item. */
static struct slice line_key(
	const struct journal_record *record, const char *type, struct slice name, int64_t item) {
	struct slice key = item < 0 ? arena_printf(record->arena, "%s/%.*s", type, SLICE_FMT(name))
				    : arena_printf(record->arena, "%s/%.*s/%lld", type,
					      SLICE_FMT(name), (long long)item);
	return key;
}

static const struct json *find_line(
	const struct journal_record *record, const char *type, struct slice name, int64_t item) {
	return map_get(&record->last, line_key(record, type, name, item));
}

/* A step that ran again in a resume is counted once. */
static void index_line(struct journal_record *record, const struct json *line) {
	static const char *const types[] = {JOURNAL_STEP, JOURNAL_ITEM, JOURNAL_CALL};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!json_string_is(json_get(line, "type"), types[i])) {
			continue;
		}
		const struct json *name = json_get(line, i == 2 ? "key" : "step");
		struct slice key = line_key(record, types[i], json_string(name, record->arena),
			i == 1 ? number_of(line, "item") : -1);
		bool is_new = map_put(&record->last, key, (void *)(uintptr_t)line) == NULL;
		record->summary.steps_done += i == 0 && is_new;
	}
}

/* Reads the lines; a last one that was torn, by a crash, is as if it had not been begun. */
static bool read_lines(
	struct journal_record *record, const char *path, struct slice text, struct error *error) {
	size_t at = 0, number = 0;
	while (at < text.len) {
		struct error broken = {0};
		size_t end = slice_find_byte(slice_from(text, at), '\n');
		size_t next = end == SIZE_MAX ? text.len : at + end + 1;
		number++;
		const struct json *line =
			end == SIZE_MAX ? NULL
					: json_parse(record->arena, slice_sub(text, at, end), NULL,
						  &broken);
		if (!line && next < text.len) {
			return error_set(error, ERROR_INVALID_REQUEST,
				"the run's record %s is damaged at line %zu: %s", path, number,
				broken.message);
		}
		if (!line) {
			break;
		}
		*ARENA_PUSH(record->arena, &record->lines) = line;
		read_line(record, line);
		index_line(record, line);
		at = next;
	}
	record->good_bytes = at;
	return record->lines.len > 0 ||
	       error_set(error, ERROR_NOT_FOUND, "the run's record %s is empty", path);
}

static void finish_index(void *data) {
	map_finish(data, NULL);
}

static struct journal_record *read_record(
	const char *state_dir, const char *id, struct arena *arena, struct error *error) {
	struct journal_record *record = ARENA_NEW(arena, struct journal_record);
	record->arena = arena;
	map_init(&record->last);
	arena_on_finish(arena, finish_index, &record->last);
	record->dir = file_join(arena, state_dir, id);
	const char *path = file_join(arena, record->dir, JOURNAL_FILE);
	record->summary = (struct journal_summary){.id = arena_strdup(arena, slice_of(id)),
		.workflow = "",
		.hash = "",
		.status = "interrupted",
		.usage = {.cost_microusd = -1}};
	struct slice text;
	struct stat info;
	if (lstat(record->dir, &info) == 0 && !S_ISDIR(info.st_mode)) {
		error_set(error, ERROR_PERMISSION, "the run's record %s is not a directory",
			record->dir);
		return NULL;
	}
	if (!file_load_regular(path, JOURNAL_FILE_MAX, arena, &text, error)) {
		return NULL;
	}
	record->read_bytes = text.len;
	if (!read_lines(record, path, text, error)) {
		return NULL;
	}
	if (!collect_open(record, error)) {
		return NULL;
	}
	record->summary.is_running = is_held(record->dir, arena);
	if (record->summary.is_running) {
		record->summary.status = "running";
	}
	return record;
}

const struct journal_summary *journal_summary_of(const struct journal_record *record) {
	return &record->summary;
}

const char *journal_record_dir(const struct journal_record *record) {
	return record->dir;
}

const struct json *journal_record_arguments(const struct journal_record *record) {
	return record->arguments;
}

const struct json *journal_record_lost_arguments(const struct journal_record *record) {
	return record->lost_arguments;
}

const struct slice *journal_record_open_applies(
	const struct journal_record *record, size_t *count) {
	*count = record->open_count;
	return record->open_applies;
}

/* ---- what a resume reuses ---- */

static const struct step_result *result_of(const struct journal_record *record,
	const struct workflow_step *step, const struct json *line) {
	struct error error = {0};
	struct step_result *result = ARENA_NEW(record->arena, struct step_result);
	if (!line ||
		!result_from_json(step, json_get(line, "result"), record->arena, result, &error)) {
		return NULL;
	}
	result->is_resumed = true;
	json_bool(json_get(line, "masked"), &result->is_masked);
	return result;
}

static bool is_complete(const struct step_result *result) {
	return result && (result->status == STEP_OK || result->status == STEP_SKIPPED ||
				 (result->status == STEP_FAILED && result->is_continued));
}

const struct step_result *journal_record_step(
	const struct journal_record *record, const struct workflow_step *step) {
	const struct step_result *result =
		result_of(record, step, find_line(record, JOURNAL_STEP, step->name, -1));
	return is_complete(result) ? result : NULL;
}

const struct step_result *journal_record_item(
	const struct journal_record *record, const struct workflow_step *step, size_t item) {
	const struct step_result *result =
		result_of(record, step, find_line(record, JOURNAL_ITEM, step->name, (int64_t)item));
	return is_complete(result) ? result : NULL;
}

const struct step_result *journal_record_call(const struct journal_record *record,
	const struct workflow_step *step, struct slice key, struct slice prompt_hash) {
	const struct json *line = find_line(record, JOURNAL_CALL, key, -1);
	if (!line || !slice_eq(json_string(json_get(line, "prompt"), record->arena), prompt_hash)) {
		return NULL;
	}
	const struct step_result *result = result_of(record, step, line);
	return is_complete(result) ? result : NULL;
}

void journal_record_each(const struct journal_record *record,
	void (*visit)(void *data, struct slice step, const struct json *result), void *data) {
	for (size_t i = 0; i < record->lines.len; i++) {
		const struct json *line = record->lines.items[i];
		if (!json_string_is(json_get(line, "type"), JOURNAL_STEP)) {
			continue;
		}
		struct slice name = json_string(json_get(line, "step"), record->arena);
		const struct json *last = find_line(record, JOURNAL_STEP, name, -1);
		if (last == line) {
			visit(data, name, json_get(line, "result"));
		}
	}
}

/* ---- all records ---- */

struct listing {
	struct arena arena;
	struct {
		char **items;
		size_t len, cap;
	} ids;
};

static int by_name(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the run directories, sorted; none when there is no state directory. Finish the arena
 * when it succeeded. */
static bool list_ids(const char *state_dir, struct listing *listing, struct error *error) {
	memset(listing, 0, sizeof *listing);
	arena_init(&listing->arena, NULL, 0);
	DIR *directory = opendir(state_dir);
	if (!directory) {
		return errno == ENOENT ||
		       error_set_errno(error, ERROR_PERMISSION, errno, "cannot read %s", state_dir);
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] != '.') {
			*ARENA_PUSH(&listing->arena, &listing->ids) =
				arena_strdup(&listing->arena, slice_of(entry->d_name));
		}
	}
	closedir(directory);
	if (listing->ids.len > 0) {
		qsort(listing->ids.items, listing->ids.len, sizeof(char *), by_name);
	}
	return true;
}

struct collected {
	struct arena *arena; /* one per record */
	struct journal_record *record;
};

static int newest_first(const void *a, const void *b) {
	const struct collected *x = a, *y = b;
	int64_t when_x = x->record->summary.started_at_ms,
		when_y = y->record->summary.started_at_ms;
	return when_x != when_y ? (when_x < when_y ? 1 : -1)
				: strcmp(y->record->summary.id, x->record->summary.id);
}

struct collection {
	VEC(struct collected) records;
};

/* Every readable record, newest first. */
static bool collect(const char *state_dir, struct collection *collection, struct error *error) {
	struct listing listing;
	memset(collection, 0, sizeof *collection);
	if (!list_ids(state_dir, &listing, error)) {
		return false;
	}
	for (size_t i = 0; i < listing.ids.len; i++) {
		struct collected one = {.arena = mem_alloc(sizeof *one.arena)};
		struct error unreadable = {0};
		arena_init(one.arena, NULL, JOURNAL_FILE_MAX);
		one.record = read_record(state_dir, listing.ids.items[i], one.arena, &unreadable);
		if (one.record) {
			*VEC_PUSH(&collection->records) = one;
		} else {
			arena_finish(one.arena);
			free(one.arena);
		}
	}
	arena_finish(&listing.arena);
	if (collection->records.len > 0) {
		qsort(collection->records.items, collection->records.len, sizeof(struct collected),
			newest_first);
	}
	return true;
}

static void collection_finish(struct collection *collection) {
	for (size_t i = 0; i < collection->records.len; i++) {
		arena_finish(collection->records.items[i].arena);
		free(collection->records.items[i].arena);
	}
	VEC_FINISH(&collection->records);
}

bool journal_each(const char *state_dir,
	void (*visit)(void *data, const struct journal_summary *summary), void *data,
	struct error *error) {
	struct collection collection;
	if (!collect(state_dir, &collection, error)) {
		return false;
	}
	for (size_t i = 0; i < collection.records.len; i++) {
		visit(data, &collection.records.items[i].record->summary);
	}
	collection_finish(&collection);
	return true;
}

/* ---- finding one ---- */

static char *find_last(const char *state_dir, const char *workflow, struct error *error) {
	struct collection collection;
	char *id = NULL;
	if (!collect(state_dir, &collection, error)) {
		return NULL;
	}
	for (size_t i = 0; i < collection.records.len && !id; i++) {
		const struct journal_summary *summary =
			&collection.records.items[i].record->summary;
		if (!workflow || strcmp(summary->workflow, workflow) == 0) {
			id = strdup(summary->id);
		}
	}
	collection_finish(&collection);
	if (!id) {
		error_set(error, ERROR_NOT_FOUND, "there is no earlier run%s%s in %s",
			workflow ? " of " : "", workflow ? workflow : "", state_dir);
	}
	return id;
}

/* The one run whose id begins so, or ends so: the random end of an id is the shortest to type. */
static char *find_id(const char *state_dir, const char *id, struct error *error) {
	struct listing listing;
	char *found = NULL;
	size_t count = 0;
	if (!list_ids(state_dir, &listing, error)) {
		return NULL;
	}
	for (size_t i = 0; i < listing.ids.len; i++) {
		struct slice name = slice_of(listing.ids.items[i]);
		if (slice_is(name, id)) {
			free(found);
			found = strdup(id);
			count = 1;
			break;
		}
		if (id[0] && (slice_starts_with(name, slice_of(id)) ||
				     slice_ends_with(name, slice_of(id)))) {
			free(found);
			found = strdup(listing.ids.items[i]);
			count++;
		}
	}
	arena_finish(&listing.arena);
	if (count == 1) {
		return found;
	}
	free(found);
	error_set(error, count == 0 ? ERROR_NOT_FOUND : ERROR_INVALID_REQUEST,
		count == 0 ? "there is no run `%s` in %s; llm-mux runs lists them"
			   : "`%s` begins the ids of several runs in %s; llm-mux runs lists them",
		id, state_dir);
	return NULL;
}

struct journal_record *journal_read(const char *state_dir, const char *workflow, const char *id,
	struct arena *arena, struct error *error) {
	char *name = !id || strcmp(id, LAST) == 0 ? find_last(state_dir, workflow, error)
						  : find_id(state_dir, id, error);
	struct journal_record *record = name ? read_record(state_dir, name, arena, error) : NULL;
	if (record && workflow && strcmp(record->summary.workflow, workflow) != 0) {
		error_set(error, ERROR_INVALID_REQUEST, "run %s is of the workflow %s, not of %s",
			name, record->summary.workflow, workflow);
		record = NULL;
	}
	free(name);
	return record;
}

/* ---- cleaning up ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where) {
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

size_t journal_clean(const char *state_dir, int64_t before_ms, struct error *error) {
	struct collection collection;
	size_t removed = 0;
	if (!collect(state_dir, &collection, error)) {
		return 0;
	}
	for (size_t i = 0; i < collection.records.len; i++) {
		const struct journal_record *record = collection.records.items[i].record;
		/* A run with a half-done apply holds the only copy of somebody's files. */
		if (record->summary.is_running || record->open_count > 0 ||
			record->summary.started_at_ms >= before_ms) {
			continue;
		}
		if (nftw(record->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0) {
			removed++;
		} else {
			error_set_errno(
				error, ERROR_PERMISSION, errno, "cannot remove %s", record->dir);
		}
	}
	collection_finish(&collection);
	return removed;
}
