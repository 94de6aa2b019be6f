/* database.h: SQLite as the rest of the program uses it: open with safe settings, migrate, prepared
 * statements with typed binds. One connection belongs to one thread, never a loop's own. */
#ifndef LLMMUX_STORE_DATABASE_H
#define LLMMUX_STORE_DATABASE_H

#include "base/arena.h"
#include "base/error.h"

struct database;

/* One step of the schema: applied in a transaction when user_version is below its number (its place
 * + 1). */
struct database_migration {
	const char *sql;
};

struct database_options {
	const char *path;  /* directories are made 0700, the file 0600; ":memory:" for tests */
	bool is_read_only; /* ERROR_NOT_FOUND when there is none */
	const struct database_migration *migrations;
	size_t migration_count;
};
/* WAL, foreign_keys on, busy timeout 5 s. NULL with an error: what is wrong with the file, or a
 * schema newer than this program. */
struct database *database_open(const struct database_options *options, struct error *error);
/* Accepts NULL. */
void database_close(struct database *database);

bool database_execute(struct database *database, const char *sql, struct error *error);
bool database_begin(struct database *database, struct error *error); /* immediate */
bool database_commit(struct database *database, struct error *error);
void database_rollback(struct database *database);
int64_t database_changes(const struct database *database);

/* A statement, prepared once per connection and text and reused. Binds count from 1, columns from
 * 0. Only one use of a text at a time. */
struct database_statement;
struct database_statement *database_prepare(
	struct database *database, const char *sql, struct error *error);
void database_bind_text(struct database_statement *statement, int at, struct slice text);
/* NULL when absent (data == NULL). */
void database_bind_text_or_null(struct database_statement *statement, int at, struct slice text);
void database_bind_int(struct database_statement *statement, int at, int64_t value);
void database_bind_double(struct database_statement *statement, int at, double value);
void database_bind_null(struct database_statement *statement, int at);
/* True: a row is there. False: the end, or an error (then error->kind is set); the statement is
 * reset either way. */
bool database_step(struct database_statement *statement, struct error *error);
/* Runs to the end. */
bool database_run(struct database_statement *statement, struct error *error);
/* Stops early and forgets the binds. */
void database_reset(struct database_statement *statement);
bool database_is_null(const struct database_statement *statement, int column);
struct slice database_text(
	const struct database_statement *statement, int column, struct arena *arena);
int64_t database_int(const struct database_statement *statement, int column);
double database_double(const struct database_statement *statement, int column);

#endif
