/* journal.c: writing the record of a run: one line per fact (workflows.md 5.13).
 *
 * Order is what makes a resume true: an answer's line is synced before anything is done with it, an
 * apply's line before the first file is touched. state.json and the texts beside it are for people;
 * nothing is read back from them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "workflow/journal_internal.h"

#define ID_LENGTH 6
#define NAME_MAX_BYTES 100

struct journal {
	struct arena arena; /* of what is written once; reset for each line */
	char *dir;
	const char *id; /* its last part */
	int fd, lock_fd;
	struct runner_secrets *secrets;
	/* for state.json */
	char *workflow, *hash;
	int64_t started_at_ms;
	size_t steps_done, steps_total;
	struct step_usage usage;
};

const char *journal_id(const struct journal *journal) {
	return journal->id;
}

const char *journal_dir(const struct journal *journal) {
	return journal->dir;
}

/* ---- lines ---- */

static bool write_all(int fd, struct slice bytes) {
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.data, bytes.len);
		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0) {
			return false;
		}
		bytes = slice_from(bytes, (size_t)written);
	}
	return true;
}

struct line {
	struct buf out;
	struct json_writer w;
};

static void line_begin(struct line *line, const char *type) {
	memset(line, 0, sizeof *line);
	json_writer_init(&line->w, &line->out, false);
	json_begin_object(&line->w);
	json_put_cstr(&line->w, "type", type);
	json_put_int(&line->w, "at", clock_wall_ms());
}

static bool holds_secret(const struct journal *journal, struct slice text, struct arena *arena) {
	return runner_secrets_mask(journal->secrets, text, arena).data != text.data;
}

/* Whether masking takes something from what later steps read: not the command or prompt. */
static bool loses_something(const struct journal *journal, const struct step_result *result,
	struct slice written, struct arena *arena) {
	if (!holds_secret(journal, written, arena)) {
		return false;
	}
	struct step_result read = *result;
	struct buf out = {0};
	read.prompt = read.diff = read.error.command = (struct slice){0};
	result_to_json(&read, arena, &out);
	bool is_lost = holds_secret(journal, buf_slice(&out), arena);
	buf_finish(&out);
	return is_lost;
}

static void line_put_result(
	const struct journal *journal, struct line *line, const struct step_result *result) {
	struct arena arena;
	struct buf out = {0};
	arena_init(&arena, NULL, 0);
	result_to_json(result, &arena, &out);
	json_put_raw(&line->w, "result", buf_slice(&out));
	if (loses_something(journal, result, buf_slice(&out), &arena)) {
		json_put_bool(&line->w, "masked", true);
	}
	buf_finish(&out);
	arena_finish(&arena);
}

/* Whether a line must be on the disk before the run goes on. What was written outlives the process
 * either way; a sync is for the machine, and is paid for where money or files are at stake. */
enum durability {
	UNSYNCED,
	SYNCED
};

/* Masks, and appends in one write. */
static bool line_end(struct journal *journal, struct line *line, enum durability durability,
	struct error *error) {
	json_end_object(&line->w);
	buf_append_byte(&line->out, '\n');
	struct slice text =
		runner_secrets_mask(journal->secrets, buf_slice(&line->out), &journal->arena);
	bool is_written = write_all(journal->fd, text) &&
			  (durability == UNSYNCED || fdatasync(journal->fd) == 0);
	if (!is_written) {
		error_set_errno(error, ERROR_INTERNAL, errno,
			"the run's record %s/" JOURNAL_FILE " cannot be written", journal->dir);
	}
	buf_finish(&line->out);
	arena_finish(&journal->arena);
	return is_written;
}

/* ---- files for people ---- */

/* A step's or item's name as a file name: what a shell or a person could trip over becomes `_`. */
static void sanitise(struct slice name, char out[NAME_MAX_BYTES + 1]) {
	size_t len = 0;
	for (size_t i = 0; i < name.len && len < NAME_MAX_BYTES; i++) {
		char c = name.data[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || c == '_' || c == '-' ||
				(c == '.' && len > 0);
		out[len++] = is_plain ? c : '_';
	}
	if (len == 0) {
		out[len++] = '_';
	}
	out[len] = '\0';
}

static bool write_file(
	struct journal *journal, const char *name, struct slice bytes, struct error *error) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", journal->dir, name);
	return file_write_atomic(path, bytes, 0600, error);
}

/* A step's text. It stands in the journal already, synced: here it is not synced again. */
static bool write_text(struct journal *journal, struct slice step, const char *ending,
	struct slice text, struct error *error) {
	char name[NAME_MAX_BYTES + 1], path[4096];
	struct arena arena;
	sanitise(step, name);
	snprintf(path, sizeof path, "%s/%s%s", journal->dir, name, ending);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	arena_init(&arena, NULL, JOURNAL_FILE_MAX);
	bool is_written =
		fd >= 0 && write_all(fd, runner_secrets_mask(journal->secrets, text, &arena));
	if (!is_written) {
		error_set_errno(error, ERROR_INTERNAL, errno, "cannot write %s", path);
	}
	if (fd >= 0) {
		close(fd);
	}
	arena_finish(&arena);
	return is_written;
}

static bool write_state(
	struct journal *journal, const char *status, uint64_t duration_ms, struct error *error) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_put_cstr(&w, "id", journal->id);
	json_put_cstr(&w, "workflow", journal->workflow);
	json_put_cstr(&w, "hash", journal->hash);
	json_put_cstr(&w, "status", status);
	json_put_int(&w, "started_at_ms", journal->started_at_ms);
	json_put_int(&w, "duration_ms", (int64_t)duration_ms);
	json_put_int(&w, "steps_done", (int64_t)journal->steps_done);
	json_put_int(&w, "steps_total", (int64_t)journal->steps_total);
	json_put_int(&w, "input_tokens", journal->usage.input_tokens);
	json_put_int(&w, "output_tokens", journal->usage.output_tokens);
	json_end_object(&w);
	buf_append_byte(&out, '\n');
	bool is_written = write_file(journal, JOURNAL_STATE, buf_slice(&out), error);
	buf_finish(&out);
	return is_written;
}

static uint64_t running_ms(const struct journal *journal) {
	int64_t now = clock_wall_ms();
	return now > journal->started_at_ms ? (uint64_t)(now - journal->started_at_ms) : 0;
}

/* ---- beginning and end ---- */

static bool sync_dir(const char *path) {
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return is_synced;
}

/* A directory nobody else has: name, UTC time, random id. The state directory ignores itself in
 * git: what a run said is nobody's commit. */
static bool make_dir(
	struct journal *journal, const struct journal_start *start, struct error *error) {
	char name[NAME_MAX_BYTES + 1], stamp[32], id[ID_LENGTH + 1], path[4096];
	time_t seconds = (time_t)(start->now_ms / 1000);
	struct tm utc;
	sanitise(start->workflow->name, name);
	gmtime_r(&seconds, &utc);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
	if (!file_make_dir(start->state_dir, 0700, error)) {
		return false;
	}
	snprintf(path, sizeof path, "%s/.gitignore", start->state_dir);
	if (!file_exists(path) && !file_write_atomic(path, SLICE("*\n"), 0600, error)) {
		return false;
	}
	do {
		random_id(id, "", ID_LENGTH);
		snprintf(path, sizeof path, "%s/%s-%s-%s", start->state_dir, name, stamp, id);
	} while (mkdir(path, 0700) != 0 && errno == EEXIST);
	if (!file_exists(path)) {
		return error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot make the run directory %s", path);
	}
	journal->dir = mem_dup(path, strlen(path));
	return sync_dir(start->state_dir) ||
	       error_set_errno(error, ERROR_INTERNAL, errno, "cannot sync %s", start->state_dir);
}

/* Opens the file and holds the lock while this process lives. */
static bool open_files(struct journal *journal, struct error *error) {
	char path[4096];
	snprintf(path, sizeof path, "%s/" JOURNAL_LOCK, journal->dir);
	journal->lock_fd = file_lock(path, false, error);
	if (journal->lock_fd < 0) {
		return error->kind != ERROR_CONFLICT
			       ? false
			       : error_set(error, ERROR_CONFLICT,
					 "the run %s is still running, in another process",
					 journal->id);
	}
	snprintf(path, sizeof path, "%s/" JOURNAL_FILE, journal->dir);
	journal->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return journal->fd >= 0 ||
	       error_set_errno(error, ERROR_PERMISSION, errno, "cannot open %s", path);
}

static struct journal *journal_new(struct runner_secrets *secrets) {
	struct journal *journal = mem_calloc(1, sizeof *journal);
	arena_init(&journal->arena, NULL, JOURNAL_FILE_MAX);
	journal->fd = journal->lock_fd = -1;
	journal->secrets = secrets;
	return journal;
}

static char *last_part(char *path) {
	char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The names of arguments that masking takes. */
static void put_lost_arguments(const struct journal *journal, struct json_writer *w,
	struct slice arguments, struct arena *arena) {
	struct error error = {0};
	const struct json *map = json_parse(arena, arguments, NULL, &error);
	json_write_key(w, "lost_args");
	json_begin_array(w);
	json_each (argument, map) {
		if (holds_secret(journal, json_raw(argument), arena)) {
			json_write_string(w, json_key(argument, arena));
		}
	}
	json_end_array(w);
}

static bool write_start(
	struct journal *journal, const struct journal_start *start, struct error *error) {
	struct line line;
	struct arena arena;
	struct buf arguments = {0};
	arena_init(&arena, NULL, 0);
	line_begin(&line, JOURNAL_START);
	json_put_int(&line.w, "version", JOURNAL_VERSION);
	json_put_int(&line.w, "started_at_ms", start->now_ms);
	json_put_string(&line.w, "workflow", start->workflow->name);
	json_put_cstr(&line.w, "path", start->workflow->path);
	json_put_cstr(&line.w, "hash", start->workflow->hash);
	bool is_made = start->arguments.type != VALUE_MAP ||
		       value_to_json(start->arguments, &arena, 0, &arguments, error);
	if (arguments.len > 0) {
		json_put_raw(&line.w, "args", buf_slice(&arguments));
		put_lost_arguments(journal, &line.w, buf_slice(&arguments), &arena);
	}
	if (start->team.len > 0) {
		json_put_string(&line.w, "team", start->team);
	}
	if (start->ecosystem.len > 0) {
		json_put_string(&line.w, "ecosystem", start->ecosystem);
	}
	json_put_int(&line.w, "steps", (int64_t)start->workflow->steps.len);
	is_made &= line_end(journal, &line, SYNCED, error);
	buf_finish(&arguments);
	arena_finish(&arena);
	return is_made;
}

struct journal *journal_create(const struct journal_start *start, struct error *error) {
	struct journal *journal = journal_new(start->secrets);
	if (!make_dir(journal, start, error)) {
		journal_close(journal);
		return NULL;
	}
	journal->id = last_part(journal->dir);
	journal->workflow = mem_dup(start->workflow->name.data, start->workflow->name.len);
	journal->hash = mem_dup(start->workflow->hash, strlen(start->workflow->hash));
	journal->started_at_ms = start->now_ms;
	journal->steps_total = start->workflow->steps.len;
	if (!open_files(journal, error) || !write_start(journal, start, error) ||
		!write_state(journal, "running", 0, error)) {
		journal_close(journal);
		return NULL;
	}
	return journal;
}

struct journal *journal_reopen(
	const struct journal_record *record, struct runner_secrets *secrets, struct error *error) {
	struct journal *journal = journal_new(secrets);
	const struct journal_summary *summary = &record->summary;
	struct line line;
	journal->dir = mem_dup(record->dir, strlen(record->dir));
	journal->id = last_part(journal->dir);
	journal->workflow = mem_dup(summary->workflow, strlen(summary->workflow));
	journal->hash = mem_dup(summary->hash, strlen(summary->hash));
	journal->started_at_ms = summary->started_at_ms;
	journal->steps_total = summary->steps_total;
	if (!open_files(journal, error)) {
		journal_close(journal);
		return NULL;
	}
	/* It was read before the lock was ours. */
	struct stat info;
	if (fstat(journal->fd, &info) != 0 || (size_t)info.st_size != record->read_bytes) {
		error_set(error, ERROR_CONFLICT,
			"the run %s went on in another process meanwhile: try again", journal->id);
		journal_close(journal);
		return NULL;
	}
	/* What a crash tore is cut off, so that the next line begins at a line's beginning. */
	if (ftruncate(journal->fd, (off_t)record->good_bytes) != 0) {
		error_set_errno(
			error, ERROR_INTERNAL, errno, "cannot mend %s/" JOURNAL_FILE, journal->dir);
		journal_close(journal);
		return NULL;
	}
	line_begin(&line, JOURNAL_RESUME);
	if (!line_end(journal, &line, SYNCED, error) ||
		!write_state(journal, "running", 0, error)) {
		journal_close(journal);
		return NULL;
	}
	return journal;
}

void journal_close(struct journal *journal) {
	if (!journal) {
		return;
	}
	if (journal->fd >= 0) {
		close(journal->fd);
	}
	if (journal->lock_fd >= 0) {
		close(journal->lock_fd);
	}
	arena_finish(&journal->arena);
	free(journal->dir);
	free(journal->workflow);
	free(journal->hash);
	free(journal);
}

/* ---- what happens ---- */

bool journal_step_started(
	struct journal *journal, const struct workflow_step *step, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_STEP_STARTED);
	json_put_string(&line.w, "step", step->name);
	return line_end(journal, &line, UNSYNCED, error);
}

bool journal_step_ended(
	struct journal *journal, const struct step_result *result, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_STEP);
	json_put_string(&line.w, "step", result->step->name);
	line_put_result(journal, &line, result);
	if (!line_end(journal, &line, SYNCED, error)) {
		return false;
	}
	journal->steps_done++;
	journal->usage.input_tokens += result->usage.input_tokens;
	journal->usage.output_tokens += result->usage.output_tokens;
	bool has_failed = result->status == STEP_FAILED || result->status == STEP_CANCELLED;
	bool is_written = result->status == STEP_SKIPPED ||
			  write_text(journal, result->step->name,
				  has_failed ? ".failed.txt" : ".txt", result->output, error);
	return is_written && write_state(journal, "running", running_ms(journal), error);
}

bool journal_item_ended(struct journal *journal, const struct workflow_step *step, size_t item,
	const struct step_result *result, struct error *error) {
	struct line line;
	char ending[32];
	line_begin(&line, JOURNAL_ITEM);
	json_put_string(&line.w, "step", step->name);
	json_put_int(&line.w, "item", (int64_t)item);
	line_put_result(journal, &line, result);
	snprintf(ending, sizeof ending, ".%zu.txt", item);
	return line_end(journal, &line, UNSYNCED, error) &&
	       write_text(journal, step->name, ending, result->output, error);
}

bool journal_call_ended(struct journal *journal, struct slice key, struct slice prompt_hash,
	const struct step_result *result, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_CALL);
	json_put_string(&line.w, "key", key);
	json_put_string(&line.w, "prompt", prompt_hash);
	line_put_result(journal, &line, result);
	return line_end(journal, &line, SYNCED, error);
}

bool journal_apply_began(struct journal *journal, const struct workflow_step *step, size_t item,
	struct slice backup_dir, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_APPLY);
	json_put_string(&line.w, "step", step->name);
	if (item != SIZE_MAX) {
		json_put_int(&line.w, "item", (int64_t)item);
	}
	json_put_string(&line.w, "backup", backup_dir);
	return line_end(journal, &line, SYNCED, error);
}

bool journal_apply_ended(struct journal *journal, const struct workflow_step *step,
	struct slice backup_dir, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_APPLY_DONE);
	json_put_string(&line.w, "step", step->name);
	json_put_string(&line.w, "backup", backup_dir);
	return line_end(journal, &line, SYNCED, error);
}

bool journal_run_ended(struct journal *journal, const char *status, uint64_t duration_ms,
	const struct step_usage *usage, struct error *error) {
	struct line line;
	line_begin(&line, JOURNAL_END);
	json_put_cstr(&line.w, "status", status);
	json_put_int(&line.w, "duration_ms", (int64_t)duration_ms);
	json_put_int(&line.w, "input_tokens", usage->input_tokens);
	json_put_int(&line.w, "output_tokens", usage->output_tokens);
	json_put_int(&line.w, "cost_microusd", usage->cost_microusd);
	journal->usage = *usage;
	return line_end(journal, &line, SYNCED, error) &&
	       write_state(journal, status, duration_ms, error);
}

const char *journal_keep(struct journal *journal, struct slice name, struct slice bytes,
	struct arena *arena, struct error *error) {
	char file[NAME_MAX_BYTES + 1];
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	sanitise(name, file);
	bool is_kept = write_file(
		journal, file, runner_secrets_mask(journal->secrets, bytes, &scratch), error);
	arena_finish(&scratch);
	return is_kept ? file_join(arena, journal->dir, file) : NULL;
}
