/* test_ecosystem.c: which project a directory belongs to, and `ecosystem` of templates
 * (workflows.md 4.1, 4.2). */
#include "workflow/workflow_help.h"

#include <stdlib.h>

#include "base/file.h"
#include "workflow/memory.h"

static struct value member(struct value map, const char *name) {
	assert_int_equal(map.type, VALUE_MAP);
	return value_map_get_named(map.map, name);
}

/* `path` is where the project lies, `raw_path` what was written; what is not set is empty. */
static void projects_tell_both_paths(void **state) {
	(void)state;
	char *environment[] = {(char[]){"WHERE=code"}, NULL};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct runner_project projects[] = {
		{.name = SLICE("set"), .path = SLICE("~/${WHERE}/x")},
		{.name = SLICE("unset"), .path = SLICE("/${NOWHERE}")},
	};
	struct runner_ecosystem ecosystem = {.name = SLICE("e"), .projects = {projects, 2, 2}};
	struct ecosystem_choice choice = {&ecosystem, &projects[0]};
	struct value value = ecosystem_value(&choice, environment, &arena), current = {0};
	assert_int_equal(value.type, VALUE_OBJECT);
	assert_true(value.object->kind->get(
		value.object, &arena, value_string(SLICE("current_project")), &current));
	const char *path = file_expand(&arena, SLICE("~/code/x"));
	assert_true(slice_is(member(current, "path").string, path));
	assert_true(path[0] == '/');
	assert_true(slice_is(member(current, "raw_path").string, "~/${WHERE}/x"));
	assert_true(slice_is(member(current, "type").string, ""));
	assert_int_equal(member(current, "type").type, VALUE_STRING);

	struct value all = {0};
	assert_true(value.object->kind->get(
		value.object, &arena, value_string(SLICE("projects")), &all));
	assert_int_equal(all.type, VALUE_LIST);
	assert_int_equal(all.list->len, 2);
	/* a variable that is not set breaks nothing else */
	assert_true(slice_is(member(all.list->items[1], "path").string, "/${NOWHERE}"));
	arena_finish(&arena);
}

int test_ecosystem(void);
int test_ecosystem(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(projects_tell_both_paths),
	};
	return cmocka_run_group_tests_name("workflow/ecosystem", tests, NULL, NULL);
}
