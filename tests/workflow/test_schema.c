/* test_schema.c: the JSON Schema of workflow files (config schema --workflow) says what loading
 * says: it accepts what is right and refuses unknown keys, wrong types and words. */
#include "data/document.h"
#include "workflow_help.h"

static const struct {
	const char *text;
	bool is_valid;
} cases[] = {
	{"[[steps]]\nname = 'a'\ntype = 'shell'\nrun = 'true'\n", true},
	{"args = ['a']\n[[steps]]\nname = 'a'\ntype = 'shell'\nrun = ['true']\n", true},
	{"[args.x]\nrequired = true\ntype = 'int'\ndefault = 3\n", true},
	{"roles.r = ['a', 'b']\n", true},
	{"roles.r = {backends = ['a'], execution = 'parallel', min_success = 1}\n", true},
	{"timeout = 5\nmax_parallel = 2\n", true},
	{"timeout = '5m'\n", true},
	{"[[groups]]\nname = 'g'\nparallel = true\n[[groups.steps]]\nname = 'a'\nrun = 'x'\n",
		true},
	{"[[steps]]\nname = 'a'\nmatrix = {os = ['a']}\nenv = {A = 1}\n", true},
	{"[[steps]]\nname = 'a'\noutput_schema = {type = 'object'}\ncache = '1h'\n", true},
	{"[[steps]]\nname = 'a'\nretry_on = ['timeout']\nconfirm = 'diff'\nwith = {a = ['x']}\n",
		true},
	{"descripton = 'x'\n", false},
	{"env = 3\n", false},
	{"env = {A = []}\n", false},
	{"[args.x]\ndefault = []\n", false},
	{"[[steps]]\nname = 'a'\nretry_on = ['time']\n", false},
	{"[[steps]]\nname = 'a'\nmatrix = {os = 'linux'}\n", false},
	{"[[steps]]\nname = 'a'\nexclude = {os = 'linux'}\n", false},
	{"[[steps]]\nname = 'a'\nedits = 'x'\n", false},
	{"[[steps]]\nname = 'a'\nconfirm = 'yes'\n", false},
	{"[[steps]]\nname = 'a'\ncache = []\n", false},
	{"[[steps]]\nname = 'a'\noutput_schema = 3\n", false},
	{"[[steps]]\nname = 'a'\nwith = 'x'\n", false},
	{"[[steps]]\nname = 'a'\ntype = 'shel'\n", false},
	{"[[steps]]\nname = 'a'\nrun = 5\n", false},
	{"[[steps]]\nname = 'a'\ncomand = 'x'\n", false},
	{"[[steps]]\ntype = 'shell'\nrun = 'x'\n", false},
	{"[[steps]]\nname = 'a'\nparallel_items = 0\n", false},
	{"[[steps]]\nname = 'a'\nretries = 'two'\n", false},
	{"[args.x]\ntype = 'number'\n", false},
	{"roles.r = {execution = 'paralel'}\n", false},
	{"max_parallel = 0\n", false},
	{"steps = 'x'\n", false},
};

static void test_schema_cases(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	const struct option_table *const tables[] = {&workflow_table};
	struct buf text;
	struct error error = {0};
	buf_init(&text, 0);
	options_init(&set, &arena, tables, 1, NULL);
	options_schema(&set, "llm-mux workflow", &text);
	const struct json *tree = json_parse(&arena, buf_slice(&text), NULL, &error);
	assert_non_null(tree);
	const struct schema *schema = schema_compile(&arena, tree, &error);
	if (!schema) {
		fail_msg("%s", error.message);
	}
	size_t count = COUNT_OF(cases);
	for (const struct workflow_builtin *at = workflow_builtins; at->name; at++) {
		count++;
	}
	for (size_t i = 0; i < count; i++) {
		bool is_case = i < COUNT_OF(cases);
		const char *source =
			is_case ? cases[i].text : workflow_builtins[i - COUNT_OF(cases)].text;
		struct problems problems;
		problems_init(&problems, &arena, "w.toml", slice_of(source));
		const struct json *document = toml_parse(&arena, slice_of(source), &problems);
		assert_non_null(document);
		struct schema_violations violations = {0};
		bool is_valid = schema_check(schema, document, &arena, &violations);
		if (is_valid != (!is_case || cases[i].is_valid)) {
			fail_msg("%s\n%s %s", source,
				violations.len ? violations.items[0].pointer : "accepted",
				violations.len ? violations.items[0].message : "");
		}
	}
	buf_finish(&text);
	arena_finish(&arena);
}

int test_schema(void);
int test_schema(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_schema_cases)};
	return cmocka_run_group_tests_name("workflow/schema", tests, NULL, NULL);
}
