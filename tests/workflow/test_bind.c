/* test_bind.c: arguments from the words of a command line (workflows.md 5.4). */
#include "workflow_help.h"

#define DEFINITIONS                                                                                \
	"name = 'w'\n"                                                                             \
	"[args.issue]\nrequired = true\ndescription = 'number of the issue'\n"                     \
	"[args.branch]\ndefault = 'fix/{{ args.issue }}'\n"                                        \
	"[args.max-items]\ntype = 'int'\ndefault = 5\n"                                            \
	"[args.fast]\ntype = 'bool'\n"                                                             \
	"[args.mode]\nchoices = ['quick', 'deep']\n"                                               \
	"[args.token]\nsecret = true\n"                                                            \
	"[args.files]\ntype = 'list'\n"                                                            \
	"[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n"

/* Words are separated by blanks; the values are all of `args` as JSON, or a part of the error. */
static const struct bind_case {
	const char *words;
	const char *values; /* NULL: refused */
	const char
		*message; /* a part of the error or of the warnings; NULL: there are no warnings */
} cases[] = {
	/* every form gives the same */
	{"issue=7",
		"{\"issue\":\"7\",\"branch\":\"fix/"
		"7\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[]}",
		NULL},
	{"--issue 7",
		"{\"issue\":\"7\",\"branch\":\"fix/"
		"7\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[]}",
		NULL},
	{"--issue=7",
		"{\"issue\":\"7\",\"branch\":\"fix/"
		"7\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[]}",
		NULL},
	{"7",
		"{\"arg0\":\"7\",\"issue\":\"7\",\"branch\":\"fix/"
		"7\",\"max-items\":5,\"fast\":false,"
		"\"mode\":\"\",\"token\":\"\",\"files\":[]}",
		NULL},
	{"-- --7",
		"{\"arg0\":\"--7\",\"issue\":\"--7\",\"branch\":\"fix/--7\",\"max-items\":5,"
		"\"fast\":false,\"mode\":\"\",\"token\":\"\",\"files\":[]}",
		NULL},
	/* names and words together: words fill what has no name, in order of declaration */
	{"7 branch=b 9 --fast --mode deep",
		"{\"arg0\":\"7\",\"arg1\":\"9\",\"issue\":\"7\",\"branch\":\"b\",\"max-items\":9,"
		"\"fast\":true,\"mode\":\"deep\",\"token\":\"\",\"files\":[]}",
		NULL},
	/* `-` and `_`; the last one wins; a value with an equals sign */
	{"issue=a issue=b=c --max_items 3",
		"{\"issue\":\"b=c\",\"branch\":\"fix/b=c\",\"max-items\":3,\"fast\":false,"
		"\"mode\":\"\",\"token\":\"\",\"files\":[]}",
		NULL},
	/* lists: commas, repeats */
	{"issue=1 files=a,b --files c",
		"{\"issue\":\"1\",\"branch\":\"fix/"
		"1\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[\"a\",\"b\",\"c\"]}",
		NULL},
	/* an equals sign behind what is no name is no key */
	{"http://x/?a=b",
		"{\"arg0\":\"http://x/?a=b\",\"issue\":\"http://x/?a=b\","
		"\"branch\":\"fix/http://x/?a=b\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[]}",
		NULL},
	{"issue=1 fast=no",
		"{\"issue\":\"1\",\"branch\":\"fix/"
		"1\",\"max-items\":5,\"fast\":false,\"mode\":\"\","
		"\"token\":\"\",\"files\":[]}",
		NULL},
	/* not declared: kept, warned of */
	{"issue=1 isue=2",
		"{\"isue\":\"2\",\"issue\":\"1\",\"branch\":\"fix/1\",\"max-items\":5,"
		"\"fast\":false,\"mode\":\"\",\"token\":\"\",\"files\":[]}",
		"declares no argument `isue`: did you mean `issue`?"},
	/* refused, with the usage */
	{"", NULL, "missing argument `issue`: number of the issue"},
	{"", NULL,
		"usage: llm-mux run w.toml issue=... [branch=...] [max-items=...] [--fast] "
		"[mode=...] "
		"[token=...] [files=...]"},
	{"issue=1 max-items=many", NULL, "`max-items` must be a whole number, not `many`"},
	{"issue=1 fast=perhaps", NULL, "`fast` must be true or false"},
	{"issue=1 mode=deap", NULL,
		"`mode` must be one of quick, deep, not `deap`: did you mean `deep`?"},
	{"issue=1 --isue 2", NULL, "unknown option `--isue`: did you mean `--issue`?"},
	{"--issue", NULL, "`--issue` needs a value"},
};

static size_t split(struct arena *arena, const char *text, char **words) {
	struct slice rest = slice_of(text), word;
	size_t count = 0;
	while (slice_split(&rest, ' ', &word)) {
		if (word.len > 0) {
			words[count++] = arena_strdup(arena, word);
		}
	}
	return count;
}

static void test_forms(void **state) {
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct bind_case *c = &cases[i];
		struct workflow_fixture f;
		workflow_fixture_begin(&f);
		workflow_fixture_load(&f, "w.toml", DEFINITIONS);
		char *words[16];
		size_t count = split(&f.arena, c->words, words);
		struct workflow_arguments arguments;
		struct error error = {0};
		struct buf warnings, json;
		buf_init(&warnings, 0);
		buf_init(&json, 0);
		bool is_good = workflow_bind(
			f.workflow, NULL, words, count, &f.arena, &arguments, &warnings, &error);
		buf_append_byte(&warnings, '\0');
		if (is_good != (c->values != NULL)) {
			fail_msg("`%s`: %s", c->words, is_good ? "accepted" : error.message);
		}
		if (is_good) {
			assert_true(value_to_json(arguments.values, &f.arena, 0, &json, &error));
			buf_append_byte(&json, '\0');
			assert_string_equal(json.data, c->values);
			assert_string_equal(
				warnings.data + (c->message ? strlen(warnings.data) : 0), "");
		} else {
			assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
		}
		const char *told = is_good ? warnings.data : error.message;
		if (c->message && !strstr(told, c->message)) {
			fail_msg("`%s`: no \"%s\" in: %s", c->words, c->message, told);
		}
		buf_finish(&warnings);
		buf_finish(&json);
		workflow_fixture_end(&f);
	}
}

/* Everything that is missing is told at once, and what else is wrong. */
static void test_all_at_once(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		"args = ['a', 'b']\n[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	char *words[] = {(char[]){"--c"}};
	struct workflow_arguments arguments;
	struct error error = {0};
	assert_false(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "missing argument `a`"));
	assert_non_null(strstr(error.message, "missing argument `b`"));
	assert_non_null(strstr(error.message, "unknown option `--c`"));
	assert_non_null(strstr(error.message, "usage: llm-mux run w.toml a=... b=..."));
	f.workflow->origin = "project";
	assert_false(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "usage: llm-mux run w a=... b=..."));
	workflow_fixture_end(&f);
}

/* However many are missing, none is left out. */
static void test_many_missing(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	struct buf text, warnings;
	buf_init(&text, 0);
	buf_init(&warnings, 0);
	for (int i = 0; i < 100; i++) {
		buf_printf(&text, "[args.a%d]\nrequired = true\ndescription = 'number %d'\n", i, i);
	}
	buf_append_str(&text, "[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	buf_append_byte(&text, '\0');
	workflow_fixture_load(&f, "w.toml", text.data);
	struct workflow_arguments arguments;
	struct error error = {0};
	assert_false(
		workflow_bind(f.workflow, NULL, NULL, 0, &f.arena, &arguments, &warnings, &error));
	assert_non_null(strstr(error.message, "workflow `w`"));
	buf_append_byte(&warnings, '\0');
	assert_non_null(strstr(warnings.data, "missing argument `a0`: number 0\n"));
	assert_non_null(strstr(warnings.data, "missing argument `a99`: number 99\n"));
	assert_non_null(strstr(warnings.data, "usage: llm-mux run w.toml a0=... a1=..."));
	buf_finish(&text);
	buf_finish(&warnings);
	workflow_fixture_end(&f);
}

/* The last word is a directory when nothing else takes it. */
static void test_directory(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(
		&f, "w.toml", "[args.a]\n[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	char *words[] = {(char[]){"x"}, (char[]){"/tmp"}};
	struct workflow_arguments arguments;
	struct error error = {0};
	assert_true(workflow_bind(f.workflow, NULL, words, 2, &f.arena, &arguments, NULL, &error));
	assert_string_equal(arguments.directory, "/tmp");
	struct value a = value_map_get_named(arguments.values.map, "a");
	assert_true(slice_is(a.string, "x"));
	assert_int_equal(value_map_get_named(arguments.values.map, "arg1").type, VALUE_UNDEFINED);
	/* An argument that is declared takes it. */
	assert_true(
		workflow_bind(f.workflow, NULL, words + 1, 1, &f.arena, &arguments, NULL, &error));
	assert_null(arguments.directory);
	a = value_map_get_named(arguments.values.map, "a");
	assert_true(slice_is(a.string, "/tmp"));
	workflow_fixture_end(&f);
}

static void test_files(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	const char *path = workflow_fixture_write(&f, "notes.txt", "some\ntext");
	workflow_fixture_load(&f, "w.toml",
		"[args.a]\ntype = 'file'\n[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	struct workflow_arguments arguments;
	struct error error = {0};
	char *words[] = {arena_strdup(&f.arena, arena_printf(&f.arena, "a=@%s", path))};
	assert_true(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_true(slice_is(value_map_get_named(arguments.values.map, "a").string, "some\ntext"));
	words[0] = arena_strdup(&f.arena, arena_printf(&f.arena, "a=%s", path));
	assert_true(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_true(slice_is(value_map_get_named(arguments.values.map, "a").string, path));
	/* where the steps run */
	static const char *const relative[] = {"a=notes.txt", "a=@notes.txt"};
	for (size_t i = 0; i < COUNT_OF(relative); i++) {
		words[0] = arena_strdup(&f.arena, slice_of(relative[i]));
		assert_false(workflow_bind(
			f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
		assert_true(workflow_bind(
			f.workflow, f.dir, words, 1, &f.arena, &arguments, NULL, &error));
		assert_true(slice_is(value_map_get_named(arguments.values.map, "a").string,
			i == 0 ? "notes.txt" : "some\ntext"));
	}
	words[0] = arena_strdup(&f.arena, arena_printf(&f.arena, "a=@%s.gone", path));
	assert_false(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	words[0] = arena_strdup(&f.arena, arena_printf(&f.arena, "a=%s.gone", path));
	assert_false(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "there is no file"));
	workflow_fixture_write(&f, "notes.txt", "\xff");
	words[0] = arena_strdup(&f.arena, arena_printf(&f.arena, "a=@%s", path));
	assert_false(workflow_bind(f.workflow, NULL, words, 1, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "no UTF-8"));
	workflow_fixture_end(&f);
}

/* Values of secret arguments are listed, and never stand in a message. */
static void test_secrets(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		"[args.a]\nsecret = true\n[args.b]\nsecret = true\nchoices = ['x']\n"
		"[args.l]\ntype = 'list'\nsecret = true\n[args.n]\ntype = 'int'\nsecret = true\n"
		"[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	char *words[] = {(char[]){"a=hunter2"}, (char[]){"l=one,two"}, (char[]){"b=hunter3"},
		(char[]){"n=hunter4"}};
	struct workflow_arguments arguments;
	struct error error = {0};
	assert_true(workflow_bind(f.workflow, NULL, words, 2, &f.arena, &arguments, NULL, &error));
	assert_true(arguments.secret_count >= 3);
	assert_true(slice_is(arguments.secrets[0], "hunter2"));
	assert_false(workflow_bind(f.workflow, NULL, words, 4, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "`n` must be a whole number, not `***`"));
	assert_null(strstr(error.message, "hunter"));
	workflow_fixture_end(&f);
}

/* A default that cannot be rendered is told at its place. */
static void test_bad_default(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		"[args.a]\ndefault = 'x{{ args.b.c }}'\n"
		"[[steps]]\nname = 's'\ntype = 'shell'\nrun = 'true'\n");
	struct workflow_arguments arguments;
	struct error error = {0};
	assert_false(workflow_bind(f.workflow, NULL, NULL, 0, &f.arena, &arguments, NULL, &error));
	assert_non_null(strstr(error.message, "default of `a` (w.toml:2:"));
	workflow_fixture_end(&f);
}

int test_bind(void);
int test_bind(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_many_missing),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_bad_default),
	};
	return cmocka_run_group_tests_name("workflow/bind", tests, NULL, NULL);
}
