/* test_memory.c: what store steps write and what is read back (workflows.md 4.3, 4.4, 13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/database.h"
#include "workflow/memory.h"

int test_memory(void);

static char directory[64];

static int set_up(void **state) {
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/llm-mux-memory-XXXXXX");
	return mkdtemp(directory) && setenv("XDG_CONFIG_HOME", directory, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	unsetenv("XDG_CONFIG_HOME");
	return system(command);
}

struct fixture {
	struct arena arena;
	struct memory *memory;
	struct memory_stored stored;
	struct error error;
};

static void open_memory(struct fixture *fixture, const char *name) {
	memset(fixture, 0, sizeof *fixture);
	arena_init(&fixture->arena, NULL, 0);
	fixture->memory = memory_open(slice_of(name), false, &fixture->arena, &fixture->error);
	if (!fixture->memory) {
		fail_msg("%s", fixture->error.message);
	}
}

static void close_memory(struct fixture *fixture) {
	memory_close(fixture->memory);
	arena_finish(&fixture->arena);
}

static bool store(struct fixture *fixture, const char *json, bool is_strict) {
	struct error error = {0};
	const struct json *data = json_parse(&fixture->arena, slice_of(json), NULL, &error);
	assert_non_null(data);
	error_clear(&fixture->error);
	bool is_stored = memory_store(fixture->memory, data, SLICE("here"), is_strict,
		&fixture->arena, &fixture->stored, &fixture->error);
	if (is_stored != (fixture->error.kind == ERROR_NONE)) {
		fail_msg("%s", fixture->error.message);
	}
	return is_stored;
}

/* The rows of a kind as JSON, without ids and times. */
static const char *rows(struct fixture *fixture, const char *kind, const char *const *members) {
	struct value list;
	struct buf out = {0};
	if (!memory_rows(fixture->memory, kind, &fixture->arena, &list, &fixture->error)) {
		fail_msg("%s", fixture->error.message);
	}
	for (size_t i = 0; i < list.list->len; i++) {
		for (size_t m = 0; members[m]; m++) {
			struct value value =
				value_map_get_named(list.list->items[i].map, members[m]);
			buf_append_str(&out, m > 0 ? "|" : "");
			buf_append(&out, value_text(value, &fixture->arena));
		}
		buf_append_byte(&out, '\n');
	}
	const char *text = arena_strdup(&fixture->arena, buf_slice(&out));
	buf_finish(&out);
	return text;
}

static const char *const fact_members[] = {"fact", "source", "category", "confidence", NULL};

/* "fact text `p: f`, second run updates confidence, one row" */
static void test_facts(void **state) {
	(void)state;
	struct fixture fixture;
	open_memory(&fixture, "facts");
	assert_true(store(&fixture,
		"{\"facts\":[{\"project\":\"p\",\"fact\":\"f\",\"source\":\"s\","
		"\"confidence\":0.5}]}",
		false));
	assert_true(store(&fixture,
		"{\"facts\":[{\"project\":\"p\",\"fact\":\"f\",\"source\":\"s\","
		"\"confidence\":0.75,\"category\":\"c\"},{\"fact\":\"g\",\"source\":\"s\"}]}",
		false));
	assert_int_equal(fixture.stored.facts, 2);
	assert_string_equal(
		rows(&fixture, "facts", fact_members), "here: g|s|none|1.0\np: f|s|c|0.75\n");
	/* out of range: clamped, and told */
	assert_true(store(
		&fixture, "[{\"fact\":\"h\",\"source\":\"s\",\"confidence\":7},{\"x\":1}]", false));
	assert_int_equal(fixture.stored.warning_count, 2);
	assert_non_null(strstr(fixture.stored.warnings[0], "clamped"));
	assert_non_null(strstr(fixture.stored.warnings[1], "[1] was skipped"));
	assert_int_equal(fixture.stored.skipped, 1);
	close_memory(&fixture);
}

/* "evidence with \" -> valid JSON metadata"; the other spellings of 4.4 */
static void test_relationships(void **state) {
	(void)state;
	static const char *const members[] = {"from", "to", "type", "evidence", "metadata", NULL};
	struct fixture fixture;
	open_memory(&fixture, "relationships");
	for (int i = 0; i < 2; i++) {
		assert_true(store(&fixture,
			"{\"relationships\":[{\"from\":\"a\",\"to\":\"b\",\"type\":\"uses\","
			"\"evidence\":\"it \\\"says\\\" so\"},{\"from_entity\":\"c\","
			"\"to_project\":\"d\",\"relationship_type\":\"calls\",\"context\":\"x\"}]}",
			false));
	}
	assert_string_equal(rows(&fixture, "relationships", members),
		"c|d|calls|x|{\"evidence\":\"x\"}\n"
		"a|b|uses|it \"says\" so|{\"evidence\":\"it \\\"says\\\" so\"}\n");
	close_memory(&fixture);
}

/* One number that a statement gives, past the program's own reading. */
static int ask(const char *path, const char *sql) {
	sqlite3 *handle;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
	int number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
	sqlite3_finalize(statement);
	sqlite3_close(handle);
	return number;
}

/* "value change -> old row closed, one current" */
static void test_entity_history(void **state) {
	(void)state;
	static const char *const members[] = {"project", "type", "name", "properties", NULL};
	struct fixture fixture;
	open_memory(&fixture, "entities");
	static const char *const versions[] = {"1", "1", "2"};
	for (size_t i = 0; i < 3; i++) {
		char json[256];
		snprintf(json, sizeof json,
			"{\"entities\":[{\"entity_type\":\"gem\",\"entity_name\":\"pg\",\"source\":"
			"\"Gemfile\",\"properties\":{\"version\":\"%s\",\"n\":1.50,\"ok\":true,"
			"\"list\":[1, 2],\"none\":null}}]}",
			versions[i]);
		assert_true(store(&fixture, json, true));
		/* As if it had been long ago. */
		ask(memory_path(fixture.memory),
			"UPDATE entity_properties SET valid_from = '2020' WHERE valid_to IS NULL");
	}
	const char *path = memory_path(fixture.memory);
	assert_int_equal(ask(path, "SELECT count(*) FROM entity_properties"), 5);
	assert_int_equal(ask(path, "SELECT property_value FROM entity_properties"
				   " WHERE valid_to IS NOT NULL AND property_name = 'version'"),
		1);
	assert_int_equal(ask(path, "SELECT count(*) FROM entity_properties"
				   " WHERE valid_to IS NULL AND property_name = 'version'"),
		1);
	assert_string_equal(rows(&fixture, "entities", members),
		"here|gem|pg|{\"list\": \"[1, 2]\", \"n\": \"1.50\", \"ok\": \"true\", "
		"\"version\": "
		"\"2\"}\n");
	close_memory(&fixture);
}

static void test_strict(void **state) {
	(void)state;
	struct fixture fixture;
	open_memory(&fixture, "strict");
	const char *json = "{\"facts\":[{\"fact\":\"f\",\"source\":\"s\"},{\"fact\":\"g\"}]}";
	assert_false(store(&fixture, json, true));
	assert_non_null(strstr(fixture.error.message, "facts[1] lacks `source`"));
	assert_string_equal(rows(&fixture, "facts", fact_members), "");
	assert_true(store(&fixture, json, false));
	assert_int_equal(fixture.stored.skipped, 1);
	assert_string_equal(fixture.stored.warnings[0], "facts[1] was skipped: it lacks `source`");
	assert_true(store(&fixture, "{}", true));
	assert_non_null(strstr(fixture.stored.warnings[0], "nothing was stored"));
	assert_false(store(&fixture, "7", false));
	close_memory(&fixture);
}

static void test_findings_and_patterns(void **state) {
	(void)state;
	static const char *const members[] = {
		"project", "category", "severity", "description", "status", NULL};
	struct fixture fixture;
	open_memory(&fixture, "findings");
	for (int i = 0; i < 2; i++) {
		assert_true(store(&fixture,
			i == 0 ? "{\"findings\":[{\"category\":\"bug\",\"description\":\"d\","
				 "\"location\":\"a.c:1\",\"severity\":\"low\"}]}"
			       : "[{\"category\":\"bug\",\"description\":\"d\",\"location\":\"a.c:"
				 "1\","
				 "\"severity\":\"high\"},{\"pattern_type\":\"retry\","
				 "\"description\":"
				 "\"again\",\"files_involved\":[\"x\",\"y\"]}]",
			false));
	}
	assert_string_equal(rows(&fixture, "findings", members), "here|bug|high|d|open\n");
	assert_string_equal(rows(&fixture, "facts", fact_members),
		"here: again (files: x, y)|patterns|retry|1.0\n");
	close_memory(&fixture);
}

static void test_search_forget_export(void **state) {
	(void)state;
	struct fixture fixture, copy;
	struct value hits;
	struct buf exported = {0}, again = {0};
	open_memory(&fixture, "search");
	assert_true(store(&fixture,
		"{\"facts\":[{\"project\":\"p\",\"fact\":\"uses PostgreSQL for \\u00dcbersicht\","
		"\"source\":\"s\"}],\"entities\":[{\"entity_type\":\"gem\",\"entity_name\":"
		"\"redis\","
		"\"source\":\"g\",\"properties\":{\"version\":\"7.2\"}}],\"findings\":[{"
		"\"category\":\"perf\",\"description\":\"slow query\"}],\"relationships\":[{"
		"\"from\":\"a\",\"to\":\"b\",\"type\":\"t\"}]}",
		true));
	static const struct {
		const char *text, *id;
	} searches[] = {
		{"postgresql", "fact:1"},
		{"ubersicht", "fact:1"},
		{"slow que", "finding:1"},
		{"redis", "entity:1"},
		{"version 7", "entity:1"},
		{"\" OR text:*", NULL},
		{"nothing of that", NULL},
	};
	for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
		if (!memory_search(fixture.memory, slice_of(searches[i].text), 10, &fixture.arena,
			    &hits, &fixture.error)) {
			fail_msg("%s: %s", searches[i].text, fixture.error.message);
		}
		if (!searches[i].id) {
			assert_int_equal(hits.list->len, 0);
			continue;
		}
		assert_true(hits.list->len >= 1);
		struct value id = value_map_get_named(hits.list->items[0].map, "id");
		assert_true(slice_is(id.string, searches[i].id));
	}
	/* An export is stored again into the same memory of another name. */
	assert_true(memory_export(fixture.memory, &exported, &fixture.error));
	open_memory(&copy, "copy");
	assert_true(store(&copy, arena_strdup(&copy.arena, buf_slice(&exported)), true));
	assert_true(memory_export(copy.memory, &again, &copy.error));
	assert_int_equal(exported.len, again.len);
	assert_memory_equal(exported.data, again.data, again.len);
	close_memory(&copy);
	assert_true(memory_forget(fixture.memory, SLICE("fact:1"), &fixture.error));
	assert_false(memory_forget(fixture.memory, SLICE("fact:1"), &fixture.error));
	assert_int_equal(fixture.error.kind, ERROR_NOT_FOUND);
	assert_false(memory_forget(fixture.memory, SLICE("facts:1"), &fixture.error));
	assert_true(memory_search(
		fixture.memory, SLICE("postgresql"), 10, &fixture.arena, &hits, &fixture.error));
	assert_int_equal(hits.list->len, 0);
	buf_finish(&exported);
	buf_finish(&again);
	close_memory(&fixture);
}

static void test_runs_and_names(void **state) {
	(void)state;
	static const char *const members[] = {
		"workflow", "success", "duration_ms", "failed_step", NULL};
	struct fixture fixture;
	open_memory(&fixture, "runs.of_1");
	assert_true(memory_add_run(fixture.memory,
		&(struct memory_run){
			.workflow = SLICE("fix"), .failed_step = SLICE("apply"), .duration_ms = 12},
		&fixture.error));
	assert_string_equal(rows(&fixture, "runs", members), "fix|0|12|apply\n");
	static const char *const bad[] = {"", ".hidden", "a/b", "../x", "a b", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(memory_open(slice_of(bad[i]), false, &fixture.arena, &fixture.error));
		assert_int_equal(fixture.error.kind, ERROR_INVALID_REQUEST);
	}
	assert_null(memory_open(SLICE("absent"), true, &fixture.arena, &fixture.error));
	assert_int_equal(fixture.error.kind, ERROR_NOT_FOUND);
	close_memory(&fixture);
}

/* A file of before: the tables, no version, no index. */
static void test_old_file(void **state) {
	(void)state;
	struct fixture fixture;
	struct error error = {0};
	char path[256];
	snprintf(path, sizeof path, "%s/llm-mux/memory/old.db", directory);
	struct database *database = database_open(&(struct database_options){.path = path}, &error);
	assert_non_null(database);
	assert_true(database_execute(database,
		"CREATE TABLE facts (id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL,"
		" fact TEXT NOT NULL, source TEXT NOT NULL, source_type TEXT, category TEXT,"
		" confidence REAL NOT NULL DEFAULT 1.0, created_at TEXT NOT NULL,"
		" updated_at TEXT NOT NULL, UNIQUE (ecosystem, fact, source));"
		"INSERT INTO facts (ecosystem, fact, source, created_at, updated_at)"
		" VALUES ('old', 'kept words', 's', '2024', '2024')",
		&error));
	database_close(database);
	open_memory(&fixture, "old");
	struct value hits;
	assert_true(memory_search(
		fixture.memory, SLICE("kept"), 5, &fixture.arena, &hits, &fixture.error));
	assert_int_equal(hits.list->len, 1);
	close_memory(&fixture);
}

int test_memory(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_relationships),
		cmocka_unit_test(test_entity_history),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_findings_and_patterns),
		cmocka_unit_test(test_search_forget_export),
		cmocka_unit_test(test_runs_and_names),
		cmocka_unit_test(test_old_file),
	};
	return cmocka_run_group_tests_name("workflow/memory", tests, set_up, tear_down);
}
