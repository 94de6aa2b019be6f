/* test_names.c: renaming of tool names and ids (formats.md 4.6, NM-1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/names.h"

int test_names(void);

static const struct name_rule rule = {"_-", 64};

static void check(struct slice got, const char *want) {
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.data, want, got.len);
}

static void fitting_names_stay(void **state) {
	(void)state;
	struct arena arena = {0};
	arena_init(&arena, NULL, 0);
	struct format_name_map map = {0};
	check(names_to_upstream(&map, &arena, &rule, SLICE("get_weather-2")), "get_weather-2");
	check(names_to_client(&map, SLICE("get_weather-2")), "get_weather-2");
	check(names_to_client(&map, SLICE("never_seen")), "never_seen");
	arena_finish(&arena);
}

static void nm_1_bad_characters_and_collisions(void **state) {
	(void)state;
	struct arena arena = {0};
	arena_init(&arena, NULL, 0);
	struct format_name_map map = {0};
	check(names_to_upstream(&map, &arena, &rule, SLICE("a.b")), "a_b");
	struct slice other = names_to_upstream(&map, &arena, &rule, SLICE("a/b"));
	assert_true(other.len == 3 + 9 && slice_starts_with(other, SLICE("a_b_")));
	check(names_to_upstream(&map, &arena, &rule, SLICE("a.b")), "a_b");
	check(names_to_client(&map, other), "a/b");
	check(names_to_client(&map, SLICE("a_b")), "a.b");
	arena_finish(&arena);
}

static void nm_1_over_long(void **state) {
	(void)state;
	struct arena arena = {0};
	arena_init(&arena, NULL, 0);
	struct format_name_map map = {0};
	struct slice mcp =
		SLICE("mcp__a_server_with_an_awfully_long_name_that_never_ends__and_more__tool");
	check(names_to_upstream(&map, &arena, &rule, mcp), "mcp__tool");
	char name[100];
	memset(name, 'x', sizeof name);
	struct slice cut = names_to_upstream(&map, &arena, &rule, slice_make(name, sizeof name));
	assert_int_equal(cut.len, 64);
	assert_true(name_fits(&rule, cut));
	assert_true(slice_eq(names_to_client(&map, cut), slice_make(name, sizeof name)));
	arena_finish(&arena);
}

/* Long maps have an index: every name keeps its spelling, collisions stay apart. */
static void many_names(void **state) {
	(void)state;
	enum {
		COUNT = 3000
	};
	static struct slice client[COUNT], upstream[COUNT];
	struct arena arena = {0};
	arena_init(&arena, NULL, 0);
	struct format_name_map map = {0};
	for (int i = 0; i < COUNT; i++) {
		/* each second one wants the spelling of the one before it */
		client[i] = arena_printf(&arena, "%s%d", i % 2 ? "tool." : "tool_", i / 2);
		upstream[i] = names_to_upstream(&map, &arena, &rule, client[i]);
		assert_true(name_fits(&rule, upstream[i]));
		assert_int_equal(slice_eq(client[i], upstream[i]), i % 2 == 0);
	}
	assert_int_equal(map.len, COUNT);
	for (int i = 0; i < COUNT; i++) {
		assert_true(
			slice_eq(names_to_upstream(&map, &arena, &rule, client[i]), upstream[i]));
		assert_true(slice_eq(names_to_client(&map, upstream[i]), client[i]));
	}
	assert_int_equal(map.len, COUNT);
	check(names_to_client(&map, SLICE("never_seen")), "never_seen");
	arena_finish(&arena);
}

int test_names(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fitting_names_stay),
		cmocka_unit_test(nm_1_bad_characters_and_collisions),
		cmocka_unit_test(nm_1_over_long),
		cmocka_unit_test(many_names),
	};
	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
