/* test_lookup.c: names to files (workflows.md 5.1): project before user before built-in, paths. */
#include "workflow_help.h"

#define TEXT(name) "name = '" name "'\n"

static void expect_found(struct workflow_fixture *f, const struct workflow_places *places,
	const char *name, const char *origin, const char *text) {
	const char *path, *found_origin;
	struct slice found;
	struct error error = {0};
	if (!workflow_find(places, name, &f->arena, &path, &found_origin, &found, &error)) {
		fail_msg("%s: %s", name, error.message);
	}
	assert_string_equal(found_origin, origin);
	assert_true(slice_starts_with(found, slice_of(text)));
}

static void test_order(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, "project/both.toml", TEXT("p"));
	workflow_fixture_write(&f, "user/both.toml", TEXT("u"));
	workflow_fixture_write(&f, "user/mine.toml", TEXT("m"));
	const char *path = workflow_fixture_write(&f, "elsewhere/x.toml", TEXT("x"));
	struct workflow_places places = {
		.project_dir = file_join(&f.arena, f.dir, "project"),
		.user_dir = file_join(&f.arena, f.dir, "user"),
	};
	expect_found(&f, &places, "both", "project", TEXT("p"));
	expect_found(&f, &places, "mine", "user", TEXT("m"));
	expect_found(&f, &places, "review", "built-in", "name = \"review\"");
	expect_found(&f, &places, path, "path", TEXT("x"));
	/* without its ending */
	const char *bare = arena_strdup(&f.arena, slice_make(path, strlen(path) - 5));
	expect_found(&f, &places, bare, "path", TEXT("x"));
	/* A file of the name of a built-in one takes its place. */
	workflow_fixture_write(&f, "user/review.toml", TEXT("r"));
	expect_found(&f, &places, "review", "user", TEXT("r"));
	places.project_dir = NULL;
	expect_found(&f, &places, "both", "user", TEXT("u"));
	workflow_fixture_end(&f);
}

static void test_not_found(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, "project/deploy.toml", TEXT("d"));
	struct workflow_places places = {
		.project_dir = file_join(&f.arena, f.dir, "project"),
		.user_dir = file_join(&f.arena, f.dir, "user"),
	};
	const char *path, *origin;
	struct slice text;
	struct error error = {0};
	assert_false(workflow_find(&places, "deplyo", &f.arena, &path, &origin, &text, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.message, places.project_dir));
	assert_non_null(strstr(error.message, places.user_dir));
	assert_non_null(strstr(error.message, "did you mean `deploy`?"));
	assert_non_null(strstr(error.message, "llm-mux workflows"));
	assert_false(workflow_find(&places, "revew", &f.arena, &path, &origin, &text, &error));
	assert_non_null(strstr(error.message, "did you mean `review`?"));
	assert_false(workflow_find(&places, "./gone", &f.arena, &path, &origin, &text, &error));
	assert_non_null(strstr(error.message, "./gone.toml"));
	/* A directory of that name is not passed over in silence. */
	workflow_fixture_write(&f, "project/odd.toml/x", "");
	assert_false(workflow_find(&places, "odd", &f.arena, &path, &origin, &text, &error));
	assert_int_not_equal(error.kind, ERROR_NOT_FOUND);
	workflow_fixture_end(&f);
}

/* Paths are relative to the base; those of a step to the file that names it. */
static void test_paths(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, "work/x.toml", TEXT("w"));
	workflow_fixture_write(&f, "flows/x.toml", TEXT("f"));
	const char *text = "[[steps]]\nname = 'a'\ntype = 'workflow'\nworkflow = './x'\n";
	const char *own = workflow_fixture_write(&f, "flows/own.toml", text);
	const struct workflow_places places = {.base_dir = file_join(&f.arena, f.dir, "work")};
	expect_found(&f, &places, "./x", "path", TEXT("w"));
	expect_found(&f, &places, "x.toml", "path", TEXT("w"));
	const struct workflow *w = workflow_fixture_load(&f, own, text);
	const char *path, *origin;
	struct slice found;
	struct error error = {0};
	assert_true(
		workflow_find_nested(w, &places, "./x", &f.arena, &path, &origin, &found, &error));
	assert_true(slice_is(found, TEXT("f")));
	assert_false(workflow_find_nested(
		w, &places, "../work/y", &f.arena, &path, &origin, &found, &error));
	workflow_fixture_end(&f);
}

struct seen {
	struct workflow_fixture *f;
	struct slice text;
};

static void note(void *data, const struct workflow_listing *listing) {
	struct seen *seen = data;
	if (strcmp(listing->origin, "built-in") != 0 || strcmp(listing->name, "review") == 0) {
		seen->text = arena_printf(&seen->f->arena, "%.*s%s:%s%s ", SLICE_FMT(seen->text),
			listing->origin, listing->name, listing->is_shadowed ? "(shadowed)" : "");
	}
}

static void test_each(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, "project/b.toml", "");
	workflow_fixture_write(&f, "project/a.toml", "");
	workflow_fixture_write(&f, "project/review.toml", "");
	workflow_fixture_write(&f, "project/.hidden.toml", "");
	workflow_fixture_write(&f, "project/notes.txt", "");
	workflow_fixture_write(&f, "user/a.toml", "");
	const struct workflow_places places = {
		.project_dir = file_join(&f.arena, f.dir, "project"),
		.user_dir = file_join(&f.arena, f.dir, "user"),
	};
	struct seen seen = {.f = &f, .text = SLICE("")};
	workflow_each(&places, &f.arena, note, &seen);
	assert_string_equal(arena_strdup(&f.arena, seen.text),
		"project:a project:b project:review user:a(shadowed) built-in:review(shadowed) ");
	const struct workflow_places none = {0};
	seen.text = SLICE("");
	workflow_each(&none, &f.arena, note, &seen);
	assert_string_equal(arena_strdup(&f.arena, seen.text), "built-in:review ");
	workflow_fixture_end(&f);
}

/* Every built-in workflow is right (with the roles and backends of the test). */
static void test_builtins(void **state) {
	(void)state;
	for (const struct workflow_builtin *at = workflow_builtins; at->name; at++) {
		struct workflow_fixture f;
		workflow_fixture_begin(&f);
		const struct workflow_places places = {0};
		const char *path = arena_printf(&f.arena, "<built-in>/%s.toml", at->name).data;
		problems_init(&f.problems, &f.arena, path, slice_of(at->text));
		workflow_validate(path, "built-in", slice_of(at->text), workflow_fixture_runner(),
			&places, &f.problems, &f.workflow);
		if (f.problems.len > 0) {
			fail_msg("%s", workflow_fixture_report(&f));
		}
		assert_non_null(f.workflow);
		assert_true(slice_is(f.workflow->name, at->name));
		assert_true(f.workflow->description.len > 0);
		workflow_fixture_end(&f);
	}
}

int test_lookup(void);
int test_lookup(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_builtins),
	};
	return cmocka_run_group_tests_name("workflow/lookup", tests, NULL, NULL);
}
