/* database.c: SQLite with the settings that every database of the program has.
 *
 * Statements are prepared once per connection and text, and found again by their text. */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"

#define BUSY_TIMEOUT_MS 5000
#define BUSY_PAUSE_MS 10

struct database {
	sqlite3 *handle;
	char *path;
	struct map statements; /* text -> struct database_statement */
};

struct database_statement {
	struct database *database;
	sqlite3_stmt *handle;
};

/* The error of the call that just failed. */
static bool fail(struct database *database, struct error *error, const char *doing) {
	int code = database->handle ? sqlite3_errcode(database->handle) : SQLITE_NOMEM;
	const char *text = database->handle ? sqlite3_errmsg(database->handle) : "no memory";
	const char *advice = "";
	enum error_kind kind = ERROR_INTERNAL;
	switch (code & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		advice = "; move the file away to begin anew";
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		kind = ERROR_CONFLICT;
		advice = "; another process is writing to it";
		break;
	case SQLITE_FULL:
		advice = "; the disk is full";
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		kind = ERROR_PERMISSION;
		break;
	default:
		break;
	}
	return error_set(error, kind, "%s %s: %s%s", doing, database->path, text, advice);
}

bool database_execute(struct database *database, const char *sql, struct error *error) {
	return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       fail(database, error, "cannot change");
}

static bool read_version(struct database *database, int64_t *version, struct error *error) {
	struct database_statement *statement =
		database_prepare(database, "PRAGMA user_version", error);
	struct error step = {0};
	if (!statement) {
		return false;
	}
	bool has_row = database_step(statement, &step);
	*version = has_row ? database_int(statement, 0) : 0;
	database_reset(statement);
	if (!has_row && step.kind != ERROR_NONE && error) {
		*error = step;
	}
	return has_row;
}

/* One transaction for all steps: two processes that open the file at once take turns, and the
 * second finds the work done. */
static bool migrate(
	struct database *database, const struct database_options *options, struct error *error) {
	int64_t version = 0, wanted = (int64_t)options->migration_count;
	if (!read_version(database, &version, error)) {
		return false;
	}
	if (version > wanted) {
		return error_set(error, ERROR_CONFIGURATION,
			"%s was made by a newer llm-mux (schema %lld, this one knows %lld): please "
			"update llm-mux",
			database->path, (long long)version, (long long)wanted);
	}
	if (version == wanted || options->is_read_only) {
		return true;
	}
	if (!database_begin(database, error) || !read_version(database, &version, error)) {
		return false;
	}
	bool is_done = true;
	for (int64_t i = version; i < wanted && is_done; i++) {
		is_done = database_execute(database, options->migrations[i].sql, error);
	}
	char pragma[64];
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)wanted);
	is_done = is_done && (version > wanted || database_execute(database, pragma, error)) &&
		  database_commit(database, error);
	if (!is_done) {
		database_rollback(database);
	}
	return is_done;
}

/* The directory 0700 and the file 0600, before SQLite makes them with the umask's modes. */
static bool make_file(const char *path, struct error *error) {
	const char *slash = strrchr(path, '/');
	if (slash && slash != path) {
		char *directory = mem_dup(path, (size_t)(slash - path));
		bool is_made = file_make_dir(directory, 0700, error);
		free(directory);
		if (!is_made) {
			return false;
		}
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return error_set_errno(error, ERROR_PERMISSION, errno, "cannot open %s", path);
	}
	close(fd);
	return true;
}

/* SQLite does not wait while another process switches the same new file to WAL: it could deadlock.
 * So we ask again. */
static bool use_wal(struct database *database, struct error *error) {
	for (int waited_ms = 0;; waited_ms += BUSY_PAUSE_MS) {
		int code = sqlite3_exec(
			database->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (code == SQLITE_OK) {
			return true;
		}
		if ((code & 0xff) != SQLITE_BUSY || waited_ms >= BUSY_TIMEOUT_MS) {
			return fail(database, error, "cannot change");
		}
		sqlite3_sleep(BUSY_PAUSE_MS);
	}
}

static bool open_handle(
	struct database *database, const struct database_options *options, struct error *error) {
	bool in_memory = strcmp(options->path, ":memory:") == 0;
	int flags = options->is_read_only ? SQLITE_OPEN_READONLY
					  : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (options->is_read_only && !in_memory && !file_exists(options->path)) {
		return error_set(error, ERROR_NOT_FOUND, "there is no %s yet", options->path);
	}
	if (!options->is_read_only && !in_memory && !make_file(options->path, error)) {
		return false;
	}
	if (sqlite3_open_v2(options->path, &database->handle,
		    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
		return fail(database, error, "cannot open");
	}
	sqlite3_extended_result_codes(database->handle, 1);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	/* No statement may damage the file itself. (An untrusted schema would be safer still, but
	 * Debian's SQLite lets no trigger fill a full-text index then.) */
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return (options->is_read_only || use_wal(database, error)) &&
	       database_execute(database, "PRAGMA synchronous = FULL", error) &&
	       database_execute(database, "PRAGMA foreign_keys = ON", error) &&
	       migrate(database, options, error);
}

struct database *database_open(const struct database_options *options, struct error *error) {
	struct database *database = mem_calloc(1, sizeof *database);
	database->path = mem_dup(options->path, strlen(options->path));
	map_init(&database->statements);
	if (!open_handle(database, options, error)) {
		database_close(database);
		return NULL;
	}
	return database;
}

static void free_statement(void *value) {
	struct database_statement *statement = value;
	sqlite3_finalize(statement->handle);
	free(statement);
}

void database_close(struct database *database) {
	if (!database) {
		return;
	}
	map_finish(&database->statements, free_statement);
	sqlite3_close(database->handle);
	free(database->path);
	free(database);
}

bool database_begin(struct database *database, struct error *error) {
	return database_execute(database, "BEGIN IMMEDIATE", error);
}

bool database_commit(struct database *database, struct error *error) {
	return database_execute(database, "COMMIT", error);
}

void database_rollback(struct database *database) {
	if (!sqlite3_get_autocommit(database->handle)) {
		sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
	}
}

int64_t database_changes(const struct database *database) {
	return sqlite3_changes64(database->handle);
}

/* ---- statements ---- */

struct database_statement *database_prepare(
	struct database *database, const char *sql, struct error *error) {
	struct database_statement *statement = map_get(&database->statements, slice_of(sql));
	if (statement) {
		return statement;
	}
	sqlite3_stmt *handle;
	if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle,
		    NULL) != SQLITE_OK) {
		fail(database, error, "cannot ask");
		return NULL;
	}
	statement = mem_alloc(sizeof *statement);
	*statement = (struct database_statement){database, handle};
	map_put(&database->statements, slice_of(sql), statement);
	return statement;
}

void database_bind_text(struct database_statement *statement, int at, struct slice text) {
	sqlite3_bind_text64(statement->handle, at, text.len ? text.data : "", text.len,
		SQLITE_TRANSIENT, SQLITE_UTF8);
}

void database_bind_text_or_null(struct database_statement *statement, int at, struct slice text) {
	if (text.data) {
		database_bind_text(statement, at, text);
	} else {
		database_bind_null(statement, at);
	}
}

void database_bind_int(struct database_statement *statement, int at, int64_t value) {
	sqlite3_bind_int64(statement->handle, at, value);
}

void database_bind_double(struct database_statement *statement, int at, double value) {
	sqlite3_bind_double(statement->handle, at, value);
}

void database_bind_null(struct database_statement *statement, int at) {
	sqlite3_bind_null(statement->handle, at);
}

void database_reset(struct database_statement *statement) {
	sqlite3_reset(statement->handle);
	sqlite3_clear_bindings(statement->handle);
}

bool database_step(struct database_statement *statement, struct error *error) {
	int result = sqlite3_step(statement->handle);
	if (result == SQLITE_ROW) {
		return true;
	}
	error_clear(error);
	if (result != SQLITE_DONE) {
		fail(statement->database, error, "cannot read or change");
	}
	database_reset(statement);
	return false;
}

bool database_run(struct database_statement *statement, struct error *error) {
	struct error step = {0};
	while (database_step(statement, &step)) {
	}
	if (step.kind != ERROR_NONE && error) {
		*error = step;
	}
	return step.kind == ERROR_NONE;
}

bool database_is_null(const struct database_statement *statement, int column) {
	return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

struct slice database_text(
	const struct database_statement *statement, int column, struct arena *arena) {
	const char *text = (const char *)sqlite3_column_text(statement->handle, column);
	int len = sqlite3_column_bytes(statement->handle, column);
	return text ? arena_dup(arena, slice_make(text, (size_t)len)) : slice_make(NULL, 0);
}

int64_t database_int(const struct database_statement *statement, int column) {
	return sqlite3_column_int64(statement->handle, column);
}

double database_double(const struct database_statement *statement, int column) {
	return sqlite3_column_double(statement->handle, column);
}
