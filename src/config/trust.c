/* trust.c: the record of what the user has trusted: one JSON file in the state directory.
 *
 * Whoever can write the record can have commands run, so it counts only as a regular file of the
 * user's own that nobody else may write; anything odd about it is an error, never "trusted". */
#include "config/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "data/json.h"

#define RECORD_MAX (4 * 1024 * 1024)
#define HASH_TEXT (2 * SHA256_LEN)

/* ---- reading ---- */

struct record {
	struct arena arena;
	const char *path; /* NULL: there is no place for one */
	struct slice text;
	const struct json *tree; /* NULL: there is none yet */
};

static bool is_sound(int descriptor, const char *path, struct error *error) {
	struct stat info;
	if (fstat(descriptor, &info) != 0) {
		return error_set_errno(
			error, ERROR_PERMISSION, errno, "cannot read the record of trust %s", path);
	}
	if (!S_ISREG(info.st_mode)) {
		return error_set(
			error, ERROR_PERMISSION, "the record of trust %s is not a file", path);
	}
	if (info.st_uid != geteuid()) {
		return error_set(error, ERROR_PERMISSION,
			"the record of trust %s belongs to another user", path);
	}
	if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return error_set(error, ERROR_PERMISSION,
			"others can write the record of trust %s: look at what is in it, then "
			"chmod "
			"600 it",
			path);
	}
	if (info.st_size > RECORD_MAX) {
		return error_set(error, ERROR_TOO_LARGE,
			"the record of trust %s is larger than %d bytes", path, RECORD_MAX);
	}
	return true;
}

static bool read_all(int descriptor, const char *path, struct buf *out, struct error *error) {
	for (;;) {
		char *room = buf_reserve(out, 16384);
		ssize_t count = room ? read(descriptor, room, 16384) : 0;
		if (!room) {
			return error_set(error, ERROR_TOO_LARGE,
				"the record of trust %s is larger than %d bytes", path, RECORD_MAX);
		}
		if (count < 0 && errno != EINTR) {
			return error_set_errno(error, ERROR_PERMISSION, errno,
				"cannot read the record of trust %s", path);
		}
		if (count == 0) {
			return true;
		}
		buf_commit(out, count > 0 ? (size_t)count : 0);
	}
}

/* {"path": "64 hexadecimal digits"} and nothing else. */
static bool is_record(const struct json *tree, struct arena *arena) {
	if (!json_is(tree, JSON_OBJECT)) {
		return false;
	}
	json_each (entry, tree) {
		uint8_t hash[SHA256_LEN];
		size_t len = 0;
		struct slice text = json_string(entry, arena);
		if (text.len != HASH_TEXT || !hex_decode(text, hash, &len)) {
			return false;
		}
	}
	return true;
}

static bool record_parse(struct record *record, int descriptor, struct error *error) {
	struct buf bytes;
	buf_init(&bytes, RECORD_MAX + 16384);
	bool is_good = is_sound(descriptor, record->path, error) &&
		       read_all(descriptor, record->path, &bytes, error);
	if (is_good) {
		record->text = arena_dup(&record->arena, buf_slice(&bytes));
		record->tree = json_parse(&record->arena, record->text, NULL, NULL);
		is_good =
			is_record(record->tree, &record->arena) ||
			error_set(error, ERROR_UNPROCESSABLE,
				"the record of trust %s is damaged: remove it, and trust anew what "
				"you need",
				record->path);
	}
	buf_finish(&bytes);
	return is_good;
}

static const char *record_path(struct arena *arena) {
	const char *dir = file_state_dir(arena);
	return dir ? file_join(arena, dir, "trust.json") : NULL;
}

static bool record_load(struct record *record, struct error *error) {
	*record = (struct record){0};
	arena_init(&record->arena, NULL, 0);
	record->path = record_path(&record->arena);
	if (!record->path) {
		return true;
	}
	/* O_NONBLOCK: a named pipe there must not stop us. */
	int descriptor = open(record->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (descriptor < 0) {
		if (errno == ENOENT || errno == ENOTDIR) {
			return true;
		}
		return errno == ELOOP
			       ? error_set(error, ERROR_PERMISSION,
					 "the record of trust %s is a symbolic link: remove it",
					 record->path)
			       : error_set_errno(error, ERROR_PERMISSION, errno,
					 "cannot read the record of trust %s", record->path);
	}
	bool is_good = record_parse(record, descriptor, error);
	close(descriptor);
	return is_good;
}

static void record_finish(struct record *record) {
	arena_finish(&record->arena);
}

/* ---- entries ---- */

/* Two ways to one file are one entry. */
static const char *canonical(struct arena *arena, const char *path) {
	char *real = realpath(path, NULL);
	const char *found = arena_strdup(arena, slice_of(real ? real : path));
	free(real);
	return found;
}

static void hash_text(struct slice content, char out[HASH_TEXT + 1]) {
	uint8_t hash[SHA256_LEN];
	sha256(content, hash);
	hex_encode(hash, sizeof hash, out);
}

bool trust_check(const char *path, struct slice content, bool *is_trusted, struct error *error) {
	struct record record;
	*is_trusted = false;
	bool is_good = record_load(&record, error);
	if (is_good && record.tree) {
		char hash[HASH_TEXT + 1];
		hash_text(content, hash);
		const struct json *entry = json_get(record.tree, canonical(&record.arena, path));
		*is_trusted = json_string_is(entry, hash);
	}
	record_finish(&record);
	return is_good;
}

/* ---- writing ---- */

/* The record without `path`, and with it and its hash unless that is NULL. */
static void write_record(
	const struct record *record, const char *path, const char *hash, struct buf *out) {
	struct json_writer w;
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	json_each (entry, record->tree) {
		struct slice key = json_key(entry, &scratch);
		if (!slice_is(key, path)) {
			json_write_key_slice(&w, key);
			json_write_node(&w, entry);
		}
	}
	if (hash) {
		json_write_key_slice(&w, slice_of(path));
		json_write_cstr(&w, hash);
	}
	json_end_object(&w);
	buf_append_byte(out, '\n');
	arena_finish(&scratch);
}

/* Replaces the entry under a lock, so that two at once do not lose one. */
static bool update(const char *path, const char *hash, bool *was_there, struct error *error) {
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	const char *dir = file_state_dir(&scratch);
	path = canonical(&scratch, path);
	if (!dir) {
		arena_finish(&scratch);
		return error_set(error, ERROR_CONFIGURATION,
			"neither HOME nor XDG_STATE_HOME is set, so trust cannot be recorded");
	}
	int lock = -1;
	if (!file_make_dir(dir, 0700, error) ||
		(lock = file_lock(file_join(&scratch, dir, "trust.lock"), true, error)) < 0) {
		arena_finish(&scratch);
		return false;
	}
	struct record record;
	struct buf text = {0};
	bool is_good = record_load(&record, error);
	if (is_good) {
		*was_there = json_get(record.tree, path) != NULL;
		if (hash || *was_there) {
			write_record(&record, path, hash, &text);
			is_good = file_write_atomic(record.path, buf_slice(&text), 0600, error);
		}
	}
	record_finish(&record);
	buf_finish(&text);
	close(lock);
	arena_finish(&scratch);
	return is_good;
}

bool trust_add(const char *path, struct slice content, struct error *error) {
	char hash[HASH_TEXT + 1];
	bool was_there = false;
	hash_text(content, hash);
	return update(path, hash, &was_there, error);
}

bool trust_remove(const char *path, bool *was_trusted, struct error *error) {
	*was_trusted = false;
	return update(path, NULL, was_trusted, error);
}

bool trust_each(void (*visit)(void *data, const char *path, const char *hash), void *data,
	struct error *error) {
	struct record record;
	bool is_good = record_load(&record, error);
	if (is_good) {
		json_each (entry, record.tree) {
			visit(data, arena_strdup(&record.arena, json_key(entry, &record.arena)),
				arena_strdup(&record.arena, json_string(entry, &record.arena)));
		}
	}
	record_finish(&record);
	return is_good;
}
