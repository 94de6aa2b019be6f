/* test_database.c: opening, migrating, statements, what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/database.h"

int test_database(void);

static char directory[64];

static int make_directory(void **state) {
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/llm-mux-store-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static const struct database_migration steps[] = {
	{"CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT UNIQUE)"},
	{"ALTER TABLE a ADD COLUMN n INTEGER; CREATE TABLE b (x REFERENCES a (id))"},
	{"this is no SQL"},
};

static struct database *open_with(const char *name, size_t count, struct error *error) {
	static char path[128];
	snprintf(path, sizeof path, "%s/sub/%s", directory, name);
	return database_open(
		&(struct database_options){
			.path = path, .migrations = steps, .migration_count = count},
		error);
}

static void test_migrations(void **state) {
	(void)state;
	struct error error = {0};
	struct stat status;
	char path[128];
	struct database *database = open_with("m.db", 1, &error);
	assert_non_null(database);
	assert_true(database_execute(database, "INSERT INTO a (t) VALUES ('kept')", &error));
	database_close(database);
	snprintf(path, sizeof path, "%s/sub/m.db", directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* A step that fails leaves everything as it was. */
	assert_null(open_with("m.db", 3, &error));
	assert_non_null(strstr(error.message, "m.db"));
	database = open_with("m.db", 2, &error);
	assert_non_null(database);
	struct database_statement *statement =
		database_prepare(database, "SELECT t, n FROM a", &error);
	assert_non_null(statement);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	assert_true(database_step(statement, &error));
	assert_true(slice_is(database_text(statement, 0, &arena), "kept"));
	assert_true(database_is_null(statement, 1));
	assert_false(database_step(statement, &error));
	assert_int_equal(error.kind, ERROR_NONE);
	arena_finish(&arena);
	database_close(database);
	/* A file of a newer program is refused, not read wrongly. */
	assert_null(open_with("m.db", 1, &error));
	assert_non_null(strstr(error.message, "newer llm-mux"));
}

static void test_failures(void **state) {
	(void)state;
	struct error error = {0};
	char path[128];
	/* no database at all */
	struct database_options options = {.path = "/nonexistent/x.db", .is_read_only = true};
	assert_null(database_open(&options, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* another kind of file */
	snprintf(path, sizeof path, "%s/text.db", directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++) {
		fputs("this is no database, only text. ", file);
	}
	fclose(file);
	options = (struct database_options){.path = path};
	assert_null(database_open(&options, &error));
	assert_non_null(strstr(error.message, "move the file away"));
	/* a symbolic link is not followed */
	char link_path[128];
	snprintf(link_path, sizeof link_path, "%s/link.db", directory);
	assert_int_equal(symlink(path, link_path), 0);
	options.path = link_path;
	assert_null(database_open(&options, &error));
	/* constraints and their message; the statement may be used again */
	struct database *database = open_with("f.db", 2, &error);
	assert_non_null(database);
	struct database_statement *insert =
		database_prepare(database, "INSERT INTO a (t) VALUES (?)", &error);
	assert_non_null(insert);
	database_bind_text(insert, 1, SLICE("x"));
	assert_true(database_run(insert, &error));
	database_bind_text(insert, 1, SLICE("x"));
	assert_false(database_run(insert, &error));
	assert_non_null(strstr(error.message, "UNIQUE"));
	database_bind_text(insert, 1, SLICE("y"));
	assert_true(database_run(insert, &error));
	assert_int_equal(database_changes(database), 1);
	assert_false(database_execute(database, "INSERT INTO b VALUES (77)", &error));
	assert_non_null(strstr(error.message, "FOREIGN KEY"));
	assert_null(database_prepare(database, "SELECT nothing FROM nowhere", &error));
	/* a transaction that is left */
	assert_true(database_begin(database, &error));
	assert_true(database_execute(database, "DELETE FROM a", &error));
	database_rollback(database);
	database_rollback(database);
	struct database_statement *count =
		database_prepare(database, "SELECT count(*), 1.5 FROM a", &error);
	assert_true(database_step(count, &error));
	assert_int_equal(database_int(count, 0), 2);
	assert_true(database_double(count, 1) == 1.5);
	database_reset(count);
	database_close(database);
	database_close(NULL);
}

/* In a process of its own: its exit code. */
static int write_row(const char *name) {
	struct error error = {0};
	struct database *database = open_with(name, 2, &error);
	bool is_written = database && database_begin(database, &error) &&
			  database_execute(database, "INSERT INTO a (n) VALUES (1)", &error) &&
			  database_commit(database, &error);
	database_close(database);
	return !is_written;
}

static void write_at_once(const char *name) {
	enum {
		WRITERS = 4
	};
	struct error error = {0};
	int failed = 0, status;
	for (int i = 0; i < WRITERS; i++) {
		if (fork() == 0) {
			_exit(write_row(name));
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
	struct database *database = open_with(name, 2, &error);
	assert_non_null(database);
	struct database_statement *count =
		database_prepare(database, "SELECT count(*) FROM a", &error);
	assert_true(database_step(count, &error));
	assert_int_equal(database_int(count, 0), WRITERS);
	database_reset(count);
	database_close(database);
}

/* Several processes make the same new file at once: each finds it whole, and no row is lost. (Not
 * under valgrind, which takes what SQLite keeps at the end of a forked process for a leak.) */
static void test_at_once(void **state) {
	(void)state;
	const char *preloaded = getenv("LD_PRELOAD");
	int rounds = preloaded && strstr(preloaded, "vgpreload") ? 0 : 100;
	for (int round = 0; round < rounds; round++) {
		char name[32];
		snprintf(name, sizeof name, "race-%d.db", round);
		write_at_once(name);
	}
}

int test_database(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_migrations),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_at_once),
	};
	return cmocka_run_group_tests_name(
		"store/database", tests, make_directory, remove_directory);
}
