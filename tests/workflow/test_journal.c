/* test_journal.c: the record of a run is written, torn, read back, gone on with
 * (workflows.md 5.13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "workflow/journal.h"

int test_journal(void);

static char state_dir[96];

static int set_up(void **state) {
	(void)state;
	static char directory[64];
	snprintf(directory, sizeof directory, "/tmp/llm-mux-journal-XXXXXX");
	if (!mkdtemp(directory)) {
		return -1;
	}
	snprintf(state_dir, sizeof state_dir, "%s/state", directory);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	char command[160];
	snprintf(command, sizeof command, "rm -rf '%.*s'",
		(int)(strrchr(state_dir, '/') - state_dir), state_dir);
	return system(command) == 0 ? 0 : -1;
}

#define STEP_COUNT 3
struct fixture {
	struct workflow workflow;
	struct workflow_step steps[STEP_COUNT];
	struct arena arena;
	struct runner_secrets *secrets;
	struct journal *journal;
	struct error error;
};

static void fixture_init(struct fixture *fixture) {
	static const char *const names[STEP_COUNT] = {"first", "sec/ond", "third"};
	memset(fixture, 0, sizeof *fixture);
	for (size_t i = 0; i < STEP_COUNT; i++) {
		fixture->steps[i].name = slice_of(names[i]);
		fixture->steps[i].number = i;
	}
	fixture->workflow.name = SLICE("my flow");
	fixture->workflow.path = "my.toml";
	strcpy(fixture->workflow.hash, "abc");
	fixture->workflow.steps.items = fixture->steps;
	fixture->workflow.steps.len = STEP_COUNT;
	arena_init(&fixture->arena, NULL, 0);
	fixture->secrets = runner_secrets_create();
	runner_secrets_add(fixture->secrets, SLICE("hunter2secret"));
	runner_secrets_add(fixture->secrets, SLICE("quo\"te\\secret"));
}

static void fixture_create(struct fixture *fixture, int64_t now_ms) {
	struct value_map *arguments = value_map_new(&fixture->arena);
	value_map_put_named(
		&fixture->arena, arguments, "token", value_string(SLICE("hunter2secret")));
	fixture->journal = journal_create(
		&(struct journal_start){
			.state_dir = state_dir,
			.workflow = &fixture->workflow,
			.arguments = value_of_map(arguments),
			.team = SLICE("rust"),
			.secrets = fixture->secrets,
			.now_ms = now_ms,
		},
		&fixture->error);
	if (!fixture->journal) {
		fail_msg("%s", fixture->error.message);
	}
}

static void fixture_finish(struct fixture *fixture) {
	journal_close(fixture->journal);
	runner_secrets_destroy(fixture->secrets);
	arena_finish(&fixture->arena);
}

static struct step_result result_of(
	struct fixture *fixture, size_t step, enum step_status status, const char *output) {
	return (struct step_result){
		.step = &fixture->steps[step],
		.status = status,
		.output = slice_of(output),
		.exit_code = -1,
		.usage = {.cost_microusd = -1},
	};
}

static struct journal_record *read_last(struct fixture *fixture) {
	struct journal_record *record =
		journal_read(state_dir, NULL, "last", &fixture->arena, &fixture->error);
	if (!record) {
		fail_msg("%s", fixture->error.message);
	}
	return record;
}

static void write_some(struct fixture *fixture) {
	struct step_result ok = result_of(fixture, 0, STEP_OK, "one hunter2secret quo\"te\\secret");
	struct step_result failed = result_of(fixture, 1, STEP_FAILED, "partial");
	failed.has_error = true;
	failed.error = (struct step_error){
		.class = FAILURE_EXECUTION, .message = SLICE("no"), .exit_code = 3};
	struct step_result item = result_of(fixture, 1, STEP_OK, "item one");
	struct step_result call = result_of(fixture, 2, STEP_OK, "paid answer");
	assert_true(journal_step_started(fixture->journal, &fixture->steps[0], &fixture->error));
	assert_true(journal_step_ended(fixture->journal, &ok, &fixture->error));
	assert_true(journal_item_ended(
		fixture->journal, &fixture->steps[1], 1, &item, &fixture->error));
	assert_true(journal_step_ended(fixture->journal, &failed, &fixture->error));
	assert_true(journal_call_ended(
		fixture->journal, SLICE("third"), SLICE("hash"), &call, &fixture->error));
}

static void check_some(struct fixture *fixture, struct journal_record *record) {
	const struct step_result *first = journal_record_step(record, &fixture->steps[0]);
	assert_non_null(first);
	assert_true(slice_is(first->output, "one *** ***"));
	assert_true(first->is_resumed);
	/* What was a secret is not to be handed on. */
	assert_true(first->is_masked);
	assert_true(json_string_is(json_item(journal_record_lost_arguments(record), 0), "token"));
	assert_null(json_item(journal_record_lost_arguments(record), 1));
	/* A step that failed runs again; its finished items do not. */
	assert_null(journal_record_step(record, &fixture->steps[1]));
	assert_null(journal_record_item(record, &fixture->steps[1], 0));
	assert_non_null(journal_record_item(record, &fixture->steps[1], 1));
	const struct step_result *call =
		journal_record_call(record, &fixture->steps[2], SLICE("third"), SLICE("hash"));
	assert_non_null(call);
	assert_true(slice_is(call->output, "paid answer"));
	assert_false(call->is_masked);
	/* Another prompt is another call. */
	assert_null(
		journal_record_call(record, &fixture->steps[2], SLICE("third"), SLICE("other")));
}

static void count_one(void *data, const struct journal_summary *summary) {
	(void)summary;
	(*(size_t *)data)++;
}

static struct slice read_text(struct fixture *fixture, const char *name) {
	struct buf text = {0};
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", journal_dir(fixture->journal), name);
	if (!file_read(path, 1 << 20, &text, &fixture->error)) {
		fail_msg("%s", fixture->error.message);
	}
	struct slice kept = arena_dup(&fixture->arena, buf_slice(&text));
	buf_finish(&text);
	return kept;
}

static void test_round_trip(void **state) {
	(void)state;
	struct fixture fixture;
	struct stat status;
	fixture_init(&fixture);
	fixture_create(&fixture, 1700000000000);
	assert_int_equal(stat(journal_dir(fixture.journal), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(strncmp(journal_id(fixture.journal), "my_flow-20231114-221320-", 24), 0);
	write_some(&fixture);
	struct journal_record *record = read_last(&fixture);
	const struct journal_summary *summary = journal_summary_of(record);
	assert_true(summary->is_running);
	assert_string_equal(summary->status, "running");
	assert_string_equal(summary->workflow, "my flow");
	assert_int_equal(summary->steps_done, 2);
	assert_int_equal(summary->steps_total, STEP_COUNT);
	check_some(&fixture, record);
	/* secrets in no file */
	static const char *const files[] = {
		"journal.ndjson", "first.txt", "sec_ond.failed.txt", "sec_ond.1.txt", "state.json"};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct slice text = read_text(&fixture, files[i]);
		assert_false(slice_contains(text, SLICE("hunter2secret")));
		assert_false(slice_contains(text, SLICE("te\\secret")));
		assert_false(slice_contains(text, SLICE("te\\\\secret")));
	}
	struct step_usage usage = {.input_tokens = 5, .is_known = true, .cost_microusd = 7};
	assert_true(journal_run_ended(fixture.journal, "failed", 99, &usage, &fixture.error));
	journal_close(fixture.journal);
	fixture.journal = NULL;
	summary = journal_summary_of(read_last(&fixture));
	assert_false(summary->is_running);
	assert_string_equal(summary->status, "failed");
	assert_int_equal(summary->duration_ms, 99);
	assert_int_equal(summary->usage.cost_microusd, 7);
	fixture_finish(&fixture);
}

/* Cut at every byte: what was whole is there, what was torn is not, and the run can go on. */
static void test_torn(void **state) {
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture_create(&fixture, 1700000001000);
	write_some(&fixture);
	struct slice whole = read_text(&fixture, "journal.ndjson");
	char path[4096];
	snprintf(path, sizeof path, "%s/journal.ndjson", journal_dir(fixture.journal));
	char *id = strdup(journal_id(fixture.journal));
	journal_close(fixture.journal);
	fixture.journal = NULL;
	size_t first_line = slice_find_byte(whole, '\n') + 1, step = 7;
	for (size_t cut = first_line; cut <= whole.len; cut += step) {
		FILE *file = fopen(path, "w");
		assert_int_equal(fwrite(whole.data, 1, cut, file), cut);
		fclose(file);
		struct journal_record *record =
			journal_read(state_dir, "my flow", id, &fixture.arena, &fixture.error);
		assert_non_null(record);
		assert_string_equal(journal_summary_of(record)->status, "interrupted");
		fixture.journal = journal_reopen(record, fixture.secrets, &fixture.error);
		assert_non_null(fixture.journal);
		struct step_result again = result_of(&fixture, 2, STEP_OK, "again");
		assert_true(journal_step_ended(fixture.journal, &again, &fixture.error));
		journal_close(fixture.journal);
		fixture.journal = NULL;
		record = journal_read(state_dir, "my flow", id, &fixture.arena, &fixture.error);
		if (!record) {
			fail_msg("cut at %zu: %s", cut, fixture.error.message);
		}
		assert_non_null(journal_record_step(record, &fixture.steps[2]));
		if (cut == whole.len) {
			check_some(&fixture, record);
		}
	}
	/* Damage in the middle is told, not read over. */
	FILE *file = fopen(path, "w");
	fprintf(file, "%.*sgarbage\n%.*s", (int)first_line, whole.data,
		(int)(whole.len - first_line), whole.data + first_line);
	fclose(file);
	assert_null(journal_read(state_dir, NULL, id, &fixture.arena, &fixture.error));
	assert_non_null(strstr(fixture.error.message, "damaged at line 2"));
	free(id);
	fixture_finish(&fixture);
}

/* A cloned project can bring records along, and links in them. */
static void test_links_are_not_followed(void **state) {
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture_create(&fixture, 1700000010000);
	assert_true(journal_apply_began(fixture.journal, &fixture.steps[0], SIZE_MAX,
		SLICE("/home/somebody/b"), &fixture.error));
	const char *dir = journal_record_dir(read_last(&fixture));
	const char *backups = file_join(&fixture.arena, dir, JOURNAL_BACKUPS);
	assert_int_equal(mkdir(backups, 0700), 0);
	assert_int_equal(symlink("/tmp", file_join(&fixture.arena, backups, "b")), 0);
	const char *id = strrchr(dir, '/') + 1;
	assert_null(journal_read(state_dir, NULL, id, &fixture.arena, &fixture.error));
	assert_non_null(strstr(fixture.error.message, "outside of its directory"));
	assert_int_equal(unlink(file_join(&fixture.arena, backups, "b")), 0);
	const char *moved = file_join(&fixture.arena, state_dir, "../moved-record");
	assert_int_equal(rename(dir, moved), 0);
	assert_int_equal(symlink("../moved-record", dir), 0);
	assert_null(journal_read(state_dir, NULL, id, &fixture.arena, &fixture.error));
	assert_non_null(strstr(fixture.error.message, "not a directory"));
	assert_int_equal(unlink(dir), 0);
	assert_int_equal(rename(moved, dir), 0);
	fixture_finish(&fixture);
}

/* Between reading a record and holding it, another resume may have ended. */
static void test_reopening_what_went_on_is_refused(void **state) {
	(void)state;
	struct fixture fixture;
	fixture_init(&fixture);
	fixture_create(&fixture, 1700000011000);
	const struct journal_record *early = read_last(&fixture);
	assert_true(journal_step_started(fixture.journal, &fixture.steps[0], &fixture.error));
	journal_close(fixture.journal);
	fixture.journal = journal_reopen(early, fixture.secrets, &fixture.error);
	assert_null(fixture.journal);
	assert_int_equal(fixture.error.kind, ERROR_CONFLICT);
	fixture.journal = journal_reopen(read_last(&fixture), fixture.secrets, &fixture.error);
	assert_non_null(fixture.journal);
	fixture_finish(&fixture);
}

static void test_apply_and_clean(void **state) {
	(void)state;
	struct fixture fixture;
	size_t count = 0;
	fixture_init(&fixture);
	fixture_create(&fixture, 1700000002000);
	assert_true(journal_apply_began(
		fixture.journal, &fixture.steps[0], SIZE_MAX, SLICE("/backup"), &fixture.error));
	size_t open = 0;
	const struct slice *backups = journal_record_open_applies(read_last(&fixture), &open);
	assert_int_equal(open, 1);
	/* What is restored, and then removed, lies in the run's own directory. */
	const char *own = file_join(
		&fixture.arena, journal_record_dir(read_last(&fixture)), "backups/backup");
	assert_true(slice_is(backups[0], own));
	journal_close(fixture.journal);
	/* The half-done apply keeps this run from being cleaned away. */
	fixture_create(&fixture, 1700000003000);
	assert_true(journal_apply_began(
		fixture.journal, &fixture.steps[0], 3, SLICE("/b"), &fixture.error));
	assert_true(journal_apply_ended(
		fixture.journal, &fixture.steps[0], SLICE("/b"), &fixture.error));
	journal_record_open_applies(read_last(&fixture), &open);
	assert_int_equal(open, 0);
	/* The end of an item settles what it applied, and nothing of another. */
	struct step_result item = result_of(&fixture, 0, STEP_OK, "");
	assert_true(journal_apply_began(
		fixture.journal, &fixture.steps[0], 4, SLICE("/b4"), &fixture.error));
	assert_true(journal_apply_began(
		fixture.journal, &fixture.steps[0], 5, SLICE("/b5"), &fixture.error));
	assert_true(
		journal_item_ended(fixture.journal, &fixture.steps[0], 4, &item, &fixture.error));
	backups = journal_record_open_applies(read_last(&fixture), &open);
	assert_int_equal(open, 1);
	assert_true(slice_ends_with(backups[0], SLICE("/backups/b5")));
	assert_true(journal_step_ended(fixture.journal, &item, &fixture.error));
	journal_record_open_applies(read_last(&fixture), &open);
	assert_int_equal(open, 0);
	assert_non_null(journal_keep(fixture.journal, SLICE("../a b.md"), SLICE("text"),
		&fixture.arena, &fixture.error));
	assert_true(slice_is(read_text(&fixture, "_._a_b.md"), "text"));
	assert_true(journal_each(state_dir, count_one, &count, &fixture.error));
	assert_int_equal(count, 3); /* one is damaged */
	/* The running, the half-done and the damaged one stay. */
	assert_int_equal(journal_clean(state_dir, 1700000009000, &fixture.error), 1);
	journal_close(fixture.journal);
	fixture.journal = NULL;
	assert_int_equal(journal_clean(state_dir, 1700000003000, &fixture.error), 0);
	assert_int_equal(journal_clean(state_dir, 1700000009000, &fixture.error), 1);
	assert_null(journal_read(state_dir, "nothing", NULL, &fixture.arena, &fixture.error));
	assert_int_equal(fixture.error.kind, ERROR_NOT_FOUND);
	assert_null(journal_read(state_dir, NULL, "zzz", &fixture.arena, &fixture.error));
	assert_non_null(strstr(fixture.error.message, "llm-mux runs lists them"));
	assert_int_equal(journal_clean("/nonexistent", 0, &fixture.error), 0);
	fixture_finish(&fixture);
}

int test_journal(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_apply_and_clean),
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_reopening_what_went_on_is_refused),
	};
	return cmocka_run_group_tests_name("workflow/journal", tests, set_up, tear_down);
}
