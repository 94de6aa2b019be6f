/* test_trust.c: the record of trust, and everything odd that may lie in its place (design.md 3). */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "config/runner_help.h"

#define RECORD "state/llm-mux/trust.json"

static bool is_trusted(const char *path, const char *content) {
	bool trusted = true;
	struct error error;
	assert_true(trust_check(path, slice_of(content), &trusted, &error));
	return trusted;
}

struct seen {
	char text[1024];
	size_t count;
};

static void see(void *data, const char *path, const char *hash) {
	struct seen *seen = data;
	size_t len = strlen(seen->text);
	assert_int_equal(strlen(hash), 64);
	snprintf(seen->text + len, sizeof seen->text - len, "%s\n", strrchr(path, '/') + 1);
	seen->count++;
}

static void test_record(void **state) {
	(void)state;
	struct runner_fixture f;
	struct error error;
	struct seen seen = {0};
	struct stat info;
	bool was_trusted;
	runner_fixture_begin(&f);
	runner_fixture_write(&f, "a", SLICE("1"), 0600);
	runner_fixture_write(&f, "b", SLICE("1"), 0600);
	const char *a = runner_fixture_path(&f, "a"), *b = runner_fixture_path(&f, "b");
	assert_false(is_trusted(a, "1"));
	assert_true(trust_each(see, &seen, &error));
	assert_int_equal(seen.count, 0);
	assert_true(trust_remove(a, &was_trusted, &error));
	assert_false(was_trusted);
	assert_false(file_exists(runner_fixture_path(&f, RECORD)));

	assert_true(trust_add(a, SLICE("1"), &error));
	assert_true(trust_add(b, SLICE("2"), &error));
	assert_true(is_trusted(a, "1"));
	assert_false(is_trusted(a, "1 "));
	assert_false(is_trusted(a, ""));
	assert_false(is_trusted(b, "1"));
	assert_true(is_trusted(b, "2"));
	/* 0600, in a directory of 0700 */
	assert_int_equal(stat(runner_fixture_path(&f, RECORD), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(stat(runner_fixture_path(&f, "state/llm-mux"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	/* another way to the same file is the same entry */
	assert_int_equal(symlink(a, runner_fixture_path(&f, "link")), 0);
	assert_true(is_trusted(runner_fixture_path(&f, "link"), "1"));
	assert_true(trust_add(runner_fixture_path(&f, "./link"), SLICE("3"), &error));
	assert_false(is_trusted(a, "1"));
	assert_true(is_trusted(a, "3"));
	assert_true(trust_each(see, &seen, &error));
	assert_string_equal(seen.text, "b\na\n");
	assert_true(trust_remove(a, &was_trusted, &error));
	assert_true(was_trusted);
	assert_false(is_trusted(a, "3"));
	assert_true(is_trusted(b, "2"));
	runner_fixture_end(&f);
}

/* Every prefix of a record, and other bytes, are an error: nothing is trusted, nothing is lost. */
static void test_damage(void **state) {
	(void)state;
	static const char *const damaged[] = {"", " ", "[]", "null", "{\"/a\":5}", "{\"/a\":\"\"}",
		"{\"/a\":\"zz\"}", "{\"/a\":{}}", "{} {}", "\xff\xfe", NULL};
	struct runner_fixture f;
	struct error error;
	struct buf record = {0};
	runner_fixture_begin(&f);
	const char *path = runner_fixture_path(&f, RECORD);
	runner_fixture_write(&f, "a", SLICE("1"), 0600);
	const char *a = runner_fixture_path(&f, "a");
	assert_true(trust_add(a, SLICE("1"), &error));
	assert_true(file_read(path, 1 << 20, &record, &error));
	size_t whole = slice_trim(buf_slice(&record)).len;
	for (size_t len = 0; len < whole + 10; len++) {
		bool trusted = true, was_trusted = true;
		struct slice text = len < whole ? slice_sub(buf_slice(&record), 0, len)
						: slice_of(damaged[len - whole]);
		runner_fixture_write(&f, RECORD, text, 0600);
		assert_false(trust_check(a, SLICE("1"), &trusted, &error));
		assert_false(trusted);
		assert_int_equal(error.kind, ERROR_UNPROCESSABLE);
		assert_non_null(strstr(error.message, "llm-mux/trust.json"));
		assert_false(trust_add(a, SLICE("1"), &error));
		assert_false(trust_remove(a, &was_trusted, &error));
		assert_false(was_trusted);
		struct buf after = {0};
		assert_true(file_read(path, 1 << 20, &after, &error));
		assert_true(slice_eq(buf_slice(&after), text));
		buf_finish(&after);
	}
	buf_finish(&record);
	runner_fixture_end(&f);
}

static void expect_refused(const char *path, const char *why) {
	struct error error;
	bool trusted = true;
	error_clear(&error);
	assert_false(trust_check(path, SLICE("1"), &trusted, &error));
	assert_false(trusted);
	if (!strstr(error.message, why)) {
		fail_msg("said: %s", error.message);
	}
	assert_false(trust_add(path, SLICE("1"), &error));
}

/* Symbolic links, pipes, directories, modes that let others write. */
static void test_odd_files(void **state) {
	(void)state;
	struct runner_fixture f;
	struct error error;
	runner_fixture_begin(&f);
	const char *record = runner_fixture_path(&f, RECORD);
	runner_fixture_write(&f, "a", SLICE("1"), 0600);
	const char *a = runner_fixture_path(&f, "a");
	assert_true(trust_add(a, SLICE("1"), &error));
	static const mode_t writable[] = {0620, 0602, 0666, 0660};
	for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) {
		assert_int_equal(chmod(record, writable[i]), 0);
		expect_refused(a, "others can write");
	}
	assert_int_equal(chmod(record, 0644), 0); /* others may know what is trusted */
	assert_true(is_trusted(a, "1"));
	/* a link to a good record that somebody else might point elsewhere */
	assert_int_equal(rename(record, runner_fixture_path(&f, "elsewhere")), 0);
	assert_int_equal(symlink(runner_fixture_path(&f, "elsewhere"), record), 0);
	expect_refused(a, "is a symbolic link");
	assert_int_equal(unlink(record), 0);
	assert_int_equal(mkfifo(record, 0600), 0);
	expect_refused(a, "is not a file");
	assert_int_equal(unlink(record), 0);
	assert_int_equal(mkdir(record, 0700), 0);
	expect_refused(a, "is not a file");
	runner_fixture_end(&f);
}

/* Without a state directory nothing is trusted, and adding says why. */
static void test_no_place(void **state) {
	(void)state;
	struct runner_fixture f;
	struct error error;
	runner_fixture_begin(&f);
	unsetenv("HOME");
	unsetenv("XDG_STATE_HOME");
	assert_false(is_trusted("/a", "1"));
	assert_false(trust_add("/a", SLICE("1"), &error));
	assert_non_null(strstr(error.message, "XDG_STATE_HOME"));
	runner_fixture_end(&f);
}

/* Several processes at once: no entry is lost. */
static void test_at_once(void **state) {
	(void)state;
	enum {
		PROCESSES = 4,
		FILES = 8
	};
	struct runner_fixture f;
	struct error error;
	struct seen seen = {0};
	pid_t children[PROCESSES];
	runner_fixture_begin(&f);
	for (int p = 0; p < PROCESSES; p++) {
		children[p] = fork();
		assert_true(children[p] >= 0);
		if (children[p] == 0) {
			bool is_good = true;
			for (int i = 0; i < FILES; i++) {
				char path[32];
				snprintf(path, sizeof path, "/none/%d-%d", p, i);
				is_good &= trust_add(path, SLICE("1"), NULL);
			}
			_exit(is_good ? 0 : 1);
		}
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;
		assert_int_equal(waitpid(children[p], &status, 0), children[p]);
		assert_int_equal(status, 0);
	}
	assert_true(trust_each(see, &seen, &error));
	assert_int_equal(seen.count, PROCESSES * FILES);
	runner_fixture_end(&f);
}

int test_trust(void);
int test_trust(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_odd_files),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_at_once),
	};
	return cmocka_run_group_tests_name("config/trust", tests, NULL, NULL);
}
