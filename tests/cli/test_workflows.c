/* test_workflows.c: the commands validate, graph, workflows and config schema --workflow
 * (workflows.md 8.2), over a project of their own. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli_help.h"
#include "data/json.h"

struct project {
	char dir[64], home[80];
	char *old_home;
	struct arena arena;
};

static void write_file(struct project *p, const char *name, const char *text) {
	const char *path = file_join(&p->arena, p->dir, name);
	char *above = arena_strdup(&p->arena, slice_of(path));
	*strrchr(above, '/') = '\0';
	assert_true(file_make_dir(above, 0700, NULL));
	assert_true(file_write_atomic(path, slice_of(text), 0600, NULL));
}

static int setup(void **state) {
	struct project *p = calloc(1, sizeof *p);
	arena_init(&p->arena, NULL, 0);
	strcpy(p->dir, "/tmp/llm-mux-cli-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->home, sizeof p->home, "%s/home", p->dir);
	const char *config = getenv("XDG_CONFIG_HOME");
	p->old_home = config ? strdup(config) : NULL;
	setenv("XDG_CONFIG_HOME", p->home, 1);
	write_file(p, ".llm-mux/config.toml", "[roles.default]\nbackends = ['b']\n");
	write_file(p, "home/llm-mux/config.toml", "[backends.b]\ncommand = 'cat'\n");
	write_file(p, ".llm-mux/workflows/good.toml",
		"description = 'Does \"good\"'\n[args.x]\nrequired = true\ndescription = 'what'\n"
		"[[steps]]\nname = 'a'\ntype = 'shell'\nrun = 'echo {{ args.x }}'\n"
		"[[steps]]\nname = 'b'\ntype = 'query'\nrole = 'default'\n"
		"prompt = '{{ steps.a.output }}'\n");
	write_file(p, "home/llm-mux/workflows/good.toml", "[[steps]]\nname = 'hidden'\n");
	*state = p;
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk) {
	(void)info;
	(void)flag;
	(void)walk;
	return remove(path);
}

static int teardown(void **state) {
	struct project *p = *state;
	nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (p->old_home) {
		setenv("XDG_CONFIG_HOME", p->old_home, 1);
	} else {
		unsetenv("XDG_CONFIG_HOME");
	}
	free(p->old_home);
	arena_finish(&p->arena);
	free(p);
	return 0;
}

/* Runs a line after -C DIR, and looks for parts of its output; NULL: nothing is asked. */
static void expect(
	struct project *p, const char *line, int code, const char *out, const char *err) {
	struct cli_result result = cli_run(arena_printf(&p->arena, "-C %s %s", p->dir, line).data);
	if (result.code != code || (out && !strstr(result.out, out)) ||
		(err && !strstr(result.err, err))) {
		fail_msg(
			"%s: exit %d\nout: %s\nerr: %s", line, result.code, result.out, result.err);
	}
	cli_result_finish(&result);
}

static void test_validate(void **state) {
	struct project *p = *state;
	expect(p, "validate good", 0, "good.toml: ok, 2 steps\n", "");
	expect(p, "validate", 0, "good.toml: ok, 2 steps\n", NULL);
	expect(p, "validate .llm-mux/workflows/good.toml", 0, "ok, 2 steps", NULL);
	expect(p, "validate goood", 2, "", "did you mean `good`?");
	write_file(p, ".llm-mux/workflows/bad.toml",
		"[[steps]]\nname = 'a'\ntype = 'shell'\nrun = 'true'\ndepends_on = ['b']\n"
		"[[steps]]\nname = 'b'\ntype = 'shell'\nrun = 'true'\ndepends_on = ['a', 'd']\n"
		"[[steps]]\nname = 'c'\ntype = 'query'\nrole = 'defalt'\nprompt = '{{ x | uper "
		"}}'\n");
	/* all of it in one go, each at its place */
	static const char *const found[] = {"a -> b -> a",
		"bad.toml:10:20: error:", "did you mean `default`?", "unknown filter `uper`",
		"`x` is not defined"};
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		expect(p, "validate bad", 1, "bad.toml: 5 errors\n", found[i]);
	}
	expect(p, "validate", 1, "good.toml: ok", "bad.toml:10:20: error:");
	expect(p, "validate good bad", 1, "good.toml: ok", NULL);
	/* warnings fail when asked to */
	write_file(p, ".llm-mux/workflows/bad.toml",
		"[args.unused]\n[[steps]]\nname = 'a'\nrun = 'true'\n");
	expect(p, "validate bad", 0, "bad.toml: 2 warnings\n", "never used");
	expect(p, "validate --strict bad", 1, "bad.toml: 2 warnings\n", "taken as \"shell\"");
	/* a file that is no TOML: line and column */
	write_file(p, ".llm-mux/workflows/bad.toml", "name = \n");
	expect(p, "validate bad", 1, "bad.toml: 1 error\n", "bad.toml:1:8: error:");
	/* a project's configuration with errors is no workflow's fault */
	write_file(p, ".llm-mux/config.toml", "[roles.default]\nbackend = 'b'\n");
	expect(p, "validate good", 2, NULL, "did you mean `backends`?");
}

static void test_validate_json(void **state) {
	struct project *p = *state;
	write_file(p, ".llm-mux/workflows/bad.toml",
		"[args.unused]\n[[steps]]\nname = 'a'\ntype = 'shell'\nrun = '{{ args.unusd }}'\n"
		"depends_on = ['b']\n");
	struct cli_result result =
		cli_run(arena_printf(&p->arena, "-C %s validate --output json bad", p->dir).data);
	assert_int_equal(result.code, 1);
	assert_string_equal(result.err, "");
	struct error error = {0};
	const struct json *list = json_parse(&p->arena, slice_of(result.out), NULL, &error);
	assert_true(json_is(list, JSON_ARRAY));
	assert_int_equal(list->count, 3);
	bool has_error = false;
	json_each (finding, list) {
		if (json_string_is(json_get(finding, "severity"), "error")) {
			int64_t line = 0, column = 0;
			assert_true(json_int64(json_get(finding, "line"), &line));
			assert_true(json_int64(json_get(finding, "column"), &column));
			assert_int_equal(line, 6);
			assert_int_equal(column, 15);
			has_error = true;
		} else {
			assert_true(json_string_is(json_get(finding, "severity"), "warning"));
		}
	}
	assert_true(has_error);
	cli_result_finish(&result);
	expect(p, "validate --output json good", 0, "[]\n", "");
	expect(p, "validate --output xml good", 2, "", "--output");
}

static void test_graph(void **state) {
	struct project *p = *state;
	expect(p, "graph good", 0, "good: 2 steps\n└── a (shell)\n    └╌╌ b (query)\n", "");
	expect(p, "graph good --format dot", 0, "\t\"a\" -> \"b\" [style=dashed];\n", "");
	expect(p, "graph good --format=mermaid", 0, "flowchart LR\n", "");
	expect(p, "graph good --format svg", 2, "", "text, dot or mermaid");
	expect(p, "graph", 2, "", NULL);
	expect(p, "graph nowhere", 2, "", "there is no workflow `nowhere`");
	expect(p, "graph good --run last", 2, "", NULL);
	write_file(p, ".llm-mux/workflows/bad.toml", "[[steps]]\n");
	expect(p, "graph bad", 2, "", "bad.toml:1:1: error:");
}

static void test_list(void **state) {
	struct project *p = *state;
	write_file(p, ".llm-mux/workflows/bad.toml", "[[steps]]\n");
	expect(p, "workflows", 0, "good    ", "");
	expect(p, "workflows", 0, "user (shadowed)", "");
	expect(p, "workflows", 0, "x=...", "");
	expect(p, "workflows", 0, "Does \"good\"\n", "");
	expect(p, "workflows", 0, "has errors: llm-mux validate", "");
	expect(p, "workflows", 0, "built-in", "");
	struct cli_result result =
		cli_run(arena_printf(&p->arena, "-C %s workflows --output json", p->dir).data);
	struct error error = {0};
	const struct json *list = json_parse(&p->arena, slice_of(result.out), NULL, &error);
	assert_true(json_is(list, JSON_ARRAY));
	const struct json *bad = json_item(list, 0), *good = json_item(list, 1);
	assert_true(json_string_is(json_get(bad, "name"), "bad"));
	assert_true(json_is(json_get(bad, "valid"), JSON_FALSE));
	assert_true(json_string_is(json_get(good, "name"), "good"));
	assert_true(json_string_is(json_get(good, "source"), "project"));
	const struct json *arg = json_item(json_get(good, "args"), 0);
	assert_true(json_string_is(json_get(arg, "name"), "x"));
	assert_true(json_string_is(json_get(arg, "description"), "what"));
	assert_true(json_is(json_get(arg, "required"), JSON_TRUE));
	const struct json *hidden = json_item(list, 2);
	assert_true(json_string_is(json_get(hidden, "source"), "user"));
	assert_true(json_is(json_get(hidden, "shadowed"), JSON_TRUE));
	cli_result_finish(&result);
}

static void test_schema(void **state) {
	struct project *p = *state;
	expect(p, "config schema --workflow", 0, "\"title\": \"llm-mux workflow\"", "");
	expect(p, "config schema --workflow", 0, "\"for_each\"", "");
	expect(p, "config schema", 0, "\"title\": \"llm-mux configuration\"", "");
}

int test_workflows(void);
int test_workflows(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_validate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_validate_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_graph, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_schema, setup, teardown),
	};
	return cmocka_run_group_tests_name("cli/workflows", tests, NULL, NULL);
}
