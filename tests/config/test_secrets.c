/* test_secrets.c: ${NAME} (workflows.md 1.9), and texts that never appear (11, rank 13). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/runner.h"

static char key[] = "K=abc-secret", empty[] = "EMPTY=", longer[] = "KK=other", odd[] = "_a1=x${K}";
static char *environment[] = {key, empty, longer, odd, NULL};

static void test_expand(void **state) {
	(void)state;
	static const struct {
		const char *text, *out; /* NULL: refused */
		const char *said;
	} cases[] = {
		{"", "", NULL},
		{"plain", "plain", NULL},
		{"${K}", "abc-secret", NULL},
		{"a${K}b${KK}c", "aabc-secretbotherc", NULL},
		{"${K:-x}", "abc-secret", NULL},
		{"${NONE:-x}", "x", NULL},
		{"${NONE:-}", "", NULL},
		{"${EMPTY}", "", NULL},
		{"${EMPTY:-x}", "x", NULL},
		{"${NONE:-a:-b $K}", "a:-b $K", NULL},
		{"$$", "$", NULL},
		{"$${K}", "${K}", NULL},
		{"$$$${K}", "$${K}", NULL},
		{"$$$K", "$$K", NULL},
		{"$K", "$K", NULL},
		{"$", "$", NULL},
		{"a$", "a$", NULL},
		{"$(K)", "$(K)", NULL},
		{"${_a1}", "x${K}", NULL}, /* values are not expanded again */
		{"${NONE}", NULL, "needs the environment variable NONE, which is not set"},
		{"ok ${K} ${NO_NE}", NULL, "needs the environment variable NO_NE"},
		{"${1A}", NULL, "has `${1A}`, which is neither"},
		{"${}", NULL, "has `${}`, which is neither"},
		{"${K:x}", NULL, "has `${K:x}`, which is neither"},
		{"${K-x}", NULL, "has `${K-x}`, which is neither"},
		{"${K", NULL, "has a `${` without its `}`"},
	};
	const struct option_place place = {"c.toml", 3, 7};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct error error;
		struct slice out = {0};
		arena_init(&arena, NULL, 0);
		bool is_good = runner_expand(slice_of(cases[i].text), "backends.a.api_key", &place,
			environment, NULL, &arena, &out, &error);
		if (is_good != (cases[i].out != NULL) ||
			(is_good && !slice_is(out, cases[i].out))) {
			fail_msg("%s gives %.*s", cases[i].text, SLICE_FMT(out));
		}
		if (!is_good) {
			assert_int_equal(error.kind, ERROR_CONFIGURATION);
			assert_non_null(strstr(error.message, cases[i].said));
			assert_non_null(strstr(error.message, "c.toml:3: `backends.a.api_key`"));
			assert_string_equal(error.where, "c.toml:3:7");
			assert_null(strstr(error.message, "abc-secret"));
		}
		arena_finish(&arena);
	}
}

static const char *masked(struct runner_secrets *secrets, struct arena *arena, const char *text) {
	return arena_strdup(arena, runner_secrets_mask(secrets, slice_of(text), arena));
}

static void test_mask(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct runner_secrets *secrets = runner_secrets_create();
	struct slice untouched = SLICE("abc-secret");
	assert_ptr_equal(runner_secrets_mask(secrets, untouched, &arena).data, untouched.data);
	runner_secrets_add(secrets, SLICE("abc"));
	runner_secrets_add(secrets, SLICE(""));
	assert_string_equal(masked(secrets, &arena, "abc"), "abc"); /* too short */
	runner_secrets_add(secrets, SLICE("pass"));
	runner_secrets_add(secrets, SLICE("password1"));
	runner_secrets_add(secrets, SLICE("password1"));
	runner_secrets_add(secrets, SLICE("aabaa"));
	runner_secrets_add(secrets, slice_make("nul\0byte", 8));
	static const struct {
		const char *text, *out;
	} cases[] = {
		{"", ""},
		{"pass", "***"},
		{"password1", "***"}, /* the longer one, whole */
		{"password2", "***word2"},
		{"passpassword1pass", "*********"},
		{"a pass b pass", "a *** b ***"},
		{"pas", "pas"},
		{"aaabaab", "a***b"}, /* begins anywhere */
		{"PASS", "PASS"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(masked(secrets, &arena, cases[i].text), cases[i].out);
	}
	struct slice nul = runner_secrets_mask(secrets, slice_make("xnul\0bytey", 10), &arena);
	assert_true(slice_is(nul, "x***y"));
	runner_secrets_destroy(secrets);
	runner_secrets_destroy(NULL);
	arena_finish(&arena);
}

static void test_environment(void **state) {
	(void)state;
	static char api_key[] = "MY_API_KEY=first-secret", token[] = "github_token=second-secret",
		    password[] = "PASSWORD=third=secret", plain[] = "KEYBOARD=not-secret",
		    nothing[] = "NO_EQUALS_TOKEN", blank[] = "X_SECRET=";
	char *variables[] = {api_key, token, password, plain, nothing, blank, NULL};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct runner_secrets *secrets = runner_secrets_create();
	runner_secrets_add_environment(secrets, variables);
	assert_string_equal(
		masked(secrets, &arena, "first-secret second-secret third=secret not-secret"),
		"*** *** *** not-secret");
	/* also as a command writes them, within each kind of quotes (6.6), and JSON those */
	runner_secrets_add(secrets, SLICE("it's \\ $a`\""));
	static const char *const written[] = {"it's \\ $a`\"", "it'\\''s \\ $a`\"",
		"it's \\\\ \\$a\\`\\\"", "it's \\\\ \\$a\\`\"", "it's \\\\ $a`\\\"",
		"it'\\\\''s \\\\ $a`\\\"", "it's \\\\\\\\ \\\\$a\\\\`\\\\\\\""};
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		assert_string_equal(masked(secrets, &arena, written[i]), "***");
	}
	/* in pieces: what may begin one is kept back, but never a part of a whole one */
	runner_secrets_add(secrets, SLICE("piece-secret-pie"));
	static const struct {
		const char *text;
		size_t pending;
	} pieces[] = {{"", 0}, {"x", 0}, {"x p", 1}, {"piece-secret-pi", 15},
		{"piece-secret-pie", 0}, {"piece-secret-piece", 0}, {"piece-secret-pie p", 1},
		{"ppie", 3}, {"piecepiece-secret", 12}};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		size_t pending = runner_secrets_pending(secrets, slice_of(pieces[i].text));
		if (pending != pieces[i].pending) {
			fail_msg("%s: %zu", pieces[i].text, pending);
		}
	}
	/* variables by their names */
	runner_secrets_add_variable(secrets, SLICE("INNER_SECRET"), SLICE("of-a-variable"));
	runner_secrets_add_variable(secrets, SLICE("INNER"), SLICE("of-another"));
	assert_string_equal(masked(secrets, &arena, "of-a-variable of-another"), "*** of-another");
	/* what ${NAME} gave is one too; a default is none */
	struct slice out;
	struct error error;
	assert_true(runner_expand(SLICE("x${K}${NONE:-default-text}"), "k", NULL, environment,
		secrets, &arena, &out, &error));
	assert_string_equal(masked(secrets, &arena, out.data), "x***default-text");
	runner_secrets_destroy(secrets);
	arena_finish(&arena);
}

static void *use_secrets(void *data) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (int i = 0; i < 200; i++) {
		char text[32];
		snprintf(text, sizeof text, "secret-%d", i);
		runner_secrets_add(data, slice_of(text));
		runner_secrets_mask(data, SLICE("a secret-1 b secret-199"), &arena);
	}
	arena_finish(&arena);
	return NULL;
}

static void test_threads(void **state) {
	(void)state;
	struct arena arena;
	pthread_t threads[4];
	struct runner_secrets *secrets = runner_secrets_create();
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, use_secrets, secrets), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_string_equal(masked(secrets, &arena, "a secret-1 b secret-199"), "a *** b ***");
	runner_secrets_destroy(secrets);
	arena_finish(&arena);
}

int test_secrets(void);
int test_secrets(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests_name("config/secrets", tests, NULL, NULL);
}
