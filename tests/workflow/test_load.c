/* test_load.c: what becomes of the keys of a workflow file (workflows.md 5.2, 5.3, 5.4, 5.9), and
 * of the files it includes. What is refused is test_findings.c's. */
#include "workflow_help.h"

static const struct workflow_step *step_of(struct workflow_fixture *f, const char *name) {
	const struct workflow_step *step = workflow_find_step(f->workflow, slice_of(name));
	assert_non_null(step);
	return step;
}

static void assert_text(struct slice found, const char *wanted) {
	if (!slice_is(found, wanted)) {
		fail_msg("`%.*s` is not `%s`", SLICE_FMT(found), wanted);
	}
}

static void test_defaults(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	const struct workflow *w = workflow_fixture_load(
		&f, "dir/some.toml", "[[steps]]\nname = 'a'\ntype = 'shell'\nrun = 'true'\n");
	assert_text(w->name, "some");
	assert_int_equal(w->max_parallel, 4);
	assert_int_equal(w->timeout_ms, 0);
	assert_false(w->continues_on_error || w->fails_fast);
	assert_int_equal(strlen(w->hash), 64);
	const struct workflow_step *a = step_of(&f, "a");
	assert_int_equal(a->type, STEP_SHELL);
	assert_false(a->has_inferred_type || a->has_depends_on || a->is_always || a->is_cached);
	assert_text(a->shell, "sh");
	assert_int_equal(a->execution, -1);
	assert_int_equal(a->min_deps_success, -1);
	assert_int_equal(a->parallel_items, 1);
	assert_int_equal(a->timeout_ms, 0);
	assert_int_equal(a->retries, 0);
	assert_int_equal(a->retry_delay_ms, 1000);
	assert_int_equal(a->verify_timeout_ms, 300000);
	assert_int_equal(a->rollback, ROLLBACK_NONE);
	assert_int_equal(a->retry_on | a->fail_on, 0);
	assert_non_null(a->run.template);
	assert_null(a->prompt.template);
	assert_true(a->source_step == SIZE_MAX);
	workflow_fixture_end(&f);
}

static void test_every_key(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	const struct workflow *w = workflow_fixture_load(&f, "w.toml",
		"name = 'w'\ndescription = 'd'\nversion = 2\ntimeout = '1h'\n"
		"continue_on_error = true\nfail-fast = true\nmax_parallel = 7\noutput = 'q'\n"
		"ecosystem = '{{ args.e }}'\nargs = ['e']\nenv = {A = 'x{{ args.e }}', N = 5}\n"
		"roles.r = ['claude', 'codex']\n"
		"roles.p = {backends = ['codex'], execution = 'parallel', min_success = 1,"
		" description = 'p', cancel_rest = true}\n"
		"[[steps]]\nname = 'q'\ntype = 'query'\nrole = 'r'\nprompt = 'p'\nsystem = 's'\n"
		"parallel = true\nmin_success = 2\ncancel_rest = true\nexecution = 'fallback'\n"
		"context = ['A.md']\noutput_schema = {properties = {files = 'array'}}\n"
		"output_format = 'json'\ncache = '2h'\nmax_prompt_tokens = 100\nsave_as = 'x/y'\n"
		"continue_on_error = false\ntimeout = '2s'\nretries = 3\nretry_delay_ms = 5\n"
		"retry_on = ['timeout', 'template_error']\nfail_on = ['network']\n"
		"min_deps_success = 0\ndepends_on = []\nif = 'true'\nfor_each = '[1]'\n"
		"parallel_items = 2\nalways = true\nfail_fast = true\n"
		"[[steps]]\nname = 's'\ntype = 'shell'\nrun = ['a', '{{ args.e }}']\nshell = "
		"'bash'\n"
		"stdin = 'in'\ncwd = 'sub'\nenv = {B = true}\n"
		"matrix = {os = ['l', 'm'], exclude = [{os = 'm'}]}\n"
		"[[steps]]\nname = 'a'\ntype = 'apply'\nsource = 'q'\nverify = 'make'\n"
		"verify_retries = 2\nverify_retry_prompt = 'again'\nverify_timeout = 1000\n"
		"rollback_on_failure = true\nconfirm = 'diff'\nallow_paths = ['src/**']\n"
		"deny_paths = ['x']\n"
		"[[steps]]\nname = 't'\ntype = 'store'\nprompt = '{}'\nstrict = true\n"
		"[[steps]]\nname = 'i'\ntype = 'input'\nprompt = 'go?'\noptions = ['y', 'n']\n"
		"default = 'n'\n"
		"[[steps]]\nname = 'n'\ntype = 'workflow'\nworkflow = 'other'\n"
		"with = {a = '{{ args.e }}', l = [1, 'b']}\n");
	assert_text(w->description, "d");
	assert_int_equal(w->timeout_ms, 3600000);
	assert_true(w->continues_on_error && w->fails_fast);
	assert_int_equal(w->max_parallel, 7);
	assert_non_null(w->output.template);
	assert_non_null(w->ecosystem.template);
	assert_int_equal(w->args.len, 1);
	assert_true(w->args.items[0].is_required);
	assert_int_equal(w->env.len, 2);
	assert_non_null(w->env.items[0].value.template);
	assert_text(w->env.items[1].value.source.text, "5");
	assert_int_equal(w->roles.len, 2);
	assert_int_equal(w->roles.items[0].backends.len, 2);
	assert_int_equal(w->roles.items[0].execution, -1);
	assert_int_equal(w->roles.items[1].execution, ROLE_PARALLEL);
	const struct workflow_step *q = step_of(&f, "q");
	assert_true(q->is_parallel && q->cancels_rest && q->needs_json && q->is_cached);
	assert_true(q->has_depends_on && q->is_always && q->fails_fast);
	assert_false(q->continues_on_error);
	assert_int_equal(q->execution, ROLE_FALLBACK);
	assert_int_equal(q->min_success, 2);
	assert_int_equal(q->cache_ttl_ms, 7200000);
	assert_int_equal(q->max_prompt_tokens, 100);
	assert_text(q->save_as, "x/y");
	assert_non_null(q->output_schema);
	assert_int_equal(q->timeout_ms, 2000);
	assert_int_equal(q->retry_delay_ms, 5);
	assert_int_equal(q->retry_on, 1u << FAILURE_TIMEOUT | 1u << FAILURE_TEMPLATE);
	assert_int_equal(q->fail_on, 1u << FAILURE_NETWORK);
	assert_int_equal(q->min_deps_success, 0);
	const struct workflow_step *s = step_of(&f, "s");
	assert_int_equal(s->argv.len, 2);
	assert_non_null(s->argv.items[1].template);
	assert_null(s->run.template);
	assert_true(s->continues_on_error);
	assert_int_equal(s->matrix.len, 1);
	assert_int_equal(s->matrix_exclude->count, 1);
	assert_text(s->env.items[0].value.source.text, "true");
	const struct workflow_step *a = step_of(&f, "a");
	assert_int_equal(a->rollback, ROLLBACK_BACKUP);
	assert_true(a->asks_confirmation);
	assert_int_equal(a->verify_timeout_ms, 1000);
	assert_text(a->source_expression.source.text, "steps[\"q\"]");
	const struct workflow_step *t = step_of(&f, "t");
	assert_non_null(t->data.template);
	assert_null(t->prompt.template);
	const struct workflow_step *i = step_of(&f, "i");
	assert_int_equal(i->options.len, 2);
	assert_non_null(i->default_answer.template);
	const struct workflow_step *n = step_of(&f, "n");
	assert_text(n->workflow_name, "other");
	assert_int_equal(n->with.len, 2);
	assert_text(n->with.items[1].value.source.text, "1,b");
	workflow_fixture_end(&f);
}

/* Members of groups stand in `steps`, in order of the file, with the group's defaults (5.9). */
static void test_groups(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	const struct workflow *w = workflow_fixture_load(&f, "w.toml",
		"[[steps]]\nname = 'a'\ntype = 'shell'\nrun = 'x'\n"
		"[[groups]]\nname = 'g'\nparallel = true\ncontinue_on_error = true\n"
		"timeout = '9s'\n"
		"[[groups.steps]]\nname = 'g1'\ntype = 'query'\nbackend = 'claude'\nprompt = 'x'\n"
		"[[groups.steps]]\nname = 'g2'\ntype = 'shell'\nrun = 'x'\ntimeout = '1s'\n"
		"continue_on_error = false\n"
		"[[steps]]\nname = 'b'\ntype = 'shell'\nrun = 'x'\n");
	static const char *const names[] = {"a", "g1", "g2", "b"};
	assert_int_equal(w->steps.len, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_text(w->steps.items[i].name, names[i]);
		assert_int_equal(w->steps.items[i].number, i);
	}
	assert_int_equal(w->groups.items[0].first_step, 1);
	assert_int_equal(w->groups.items[0].step_count, 2);
	const struct workflow_step *g1 = step_of(&f, "g1"), *g2 = step_of(&f, "g2");
	assert_ptr_equal(g1->group, &w->groups.items[0]);
	assert_null(step_of(&f, "b")->group);
	assert_true(g1->continues_on_error);
	assert_int_equal(g1->timeout_ms, 9000);
	assert_false(g2->continues_on_error);
	assert_int_equal(g2->timeout_ms, 1000);
	assert_int_equal(g1->backends.len, 1);
	assert_ptr_equal(workflow_find_group(w, SLICE("g")), &w->groups.items[0]);
	workflow_fixture_end(&f);
}

/* D4: a bare number under 1000 is seconds, but for shell steps. */
static void test_units(void **state) {
	(void)state;
	static const struct {
		const char *step;
		int64_t ms;
	} cases[] = {
		{"type = 'query'\nrole = 'r'\nprompt = 'x'\ntimeout = 180", 180000},
		{"type = 'query'\nrole = 'r'\nprompt = 'x'\ntimeout = 999", 999000},
		{"type = 'query'\nrole = 'r'\nprompt = 'x'\ntimeout = 1000", 1000},
		{"type = 'query'\nrole = 'r'\nprompt = 'x'\ntimeout = '180ms'", 180},
		{"type = 'query'\nrole = 'r'\nprompt = 'x'\ntimeout = '5m'", 300000},
		{"type = 'store'\nprompt = 'x'\ntimeout = 240", 240000},
		{"type = 'shell'\nrun = 'x'\ntimeout = 200", 200},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct workflow_fixture f;
		workflow_fixture_begin(&f);
		const char *text =
			arena_printf(&f.arena, "[[steps]]\nname = 'a'\n%s\n", cases[i].step).data;
		workflow_fixture_load(&f, "w.toml", text);
		assert_int_equal(step_of(&f, "a")->timeout_ms, cases[i].ms);
		workflow_fixture_end(&f);
	}
}

static void test_names_and_aliases(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	const struct workflow *w = workflow_fixture_load(&f, "w.toml",
		"[[steps]]\nname = 'my-step'\ntype = 'shell'\nrun = 'x'\n"
		"[[steps]]\nname = 'a_b'\ntype = 'shell'\nrun = 'x'\n");
	assert_null(workflow_find_step(w, SLICE("my_step")));
	assert_ptr_equal(workflow_find_step_alias(w, SLICE("my_step")), &w->steps.items[0]);
	assert_ptr_equal(workflow_find_step_alias(w, SLICE("a_b")), &w->steps.items[1]);
	assert_null(workflow_find_step_alias(w, SLICE("a-b")));
	workflow_fixture_end(&f);
}

/* Shared steps come first; roles, arguments and variables of the file itself win; macros of a file
 * are there under its name. */
static void test_include(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, ".llm-mux/workflows/shared.toml",
		"args.x.default = 'theirs'\nargs.y.default = 'y'\nenv = {A = 'theirs', B = 'b'}\n"
		"roles.r = ['theirs']\nroles.q = ['q']\n"
		"[[steps]]\nname = 'first'\ntype = 'shell'\nrun = 'x'\n"
		"[[groups]]\nname = 'g'\n[[groups.steps]]\nname = 'g1'\ntype = 'shell'\nrun = "
		"'x'\n");
	workflow_fixture_write(&f, "lib/macros.jinja", "{% macro hi(x) %}hi {{ x }}{% endmacro %}");
	workflow_fixture_write(&f, "lib/part.txt", "part {{ steps.first.output }}");
	const char *text =
		"include = ['shared.toml', '../../lib/macros.jinja']\n"
		"args.x.default = 'mine'\nenv.A = 'mine'\nroles.r = ['mine']\n"
		"[[steps]]\nname = 'own'\ntype = 'query'\nrole = 'r'\n"
		"prompt = \"{{ macros.hi(args.x) }} {% include '../../lib/part.txt' %}\"\n";
	const char *path = workflow_fixture_write(&f, ".llm-mux/workflows/w.toml", text);
	const struct workflow *w = workflow_fixture_load(&f, path, text);
	assert_int_equal(w->steps.len, 3);
	assert_text(w->steps.items[0].name, "first");
	assert_text(w->steps.items[1].name, "g1");
	assert_text(w->steps.items[2].name, "own");
	assert_int_equal(w->args.len, 2);
	assert_text(w->args.items[0].default_text.source.text, "mine");
	assert_text(w->env.items[0].value.source.text, "theirs");
	assert_int_equal(w->roles.len, 2);
	assert_text(w->roles.items[0].backends.items[0], "mine");
	/* what an included text mentions is an edge */
	assert_int_equal(w->steps.items[2].edges.len, 1);
	assert_int_equal(w->steps.items[2].edges.items[0].step, 0);
	/* and it renders */
	struct value_map *globals = value_map_new(&f.arena);
	struct value_map *args = value_map_new(&f.arena), *steps = value_map_new(&f.arena);
	struct value_map *first = value_map_new(&f.arena);
	value_map_put_named(&f.arena, args, "x", value_string(SLICE("there")));
	value_map_put_named(&f.arena, first, "output", value_string(SLICE("out")));
	value_map_put_named(&f.arena, steps, "first", value_of_map(first));
	value_map_put_named(&f.arena, globals, "args", value_of_map(args));
	value_map_put_named(&f.arena, globals, "steps", value_of_map(steps));
	struct template_error failure = {0};
	struct buf out;
	buf_init(&out, 0);
	if (!template_render(w->steps.items[2].prompt.template, value_of_map(globals), &f.arena,
		    &out, &failure)) {
		fail_msg("%s", failure.message);
	}
	assert_text(buf_slice(&out), "hi there part out");
	buf_finish(&out);
	/* A change of an included file changes the hash. */
	char before[65];
	strcpy(before, w->hash);
	workflow_fixture_load(&f, path, text);
	assert_string_equal(before, f.workflow->hash);
	workflow_fixture_write(&f, ".llm-mux/workflows/shared.toml",
		"[[steps]]\nname = 'first'\ntype = 'shell'\nrun = 'y'\n");
	workflow_fixture_load(&f, path, text);
	assert_string_not_equal(before, f.workflow->hash);
	/* So does one of a template or of macros. */
	static const char *const included[] = {"lib/part.txt", "lib/macros.jinja"};
	for (size_t i = 0; i < COUNT_OF(included); i++) {
		strcpy(before, f.workflow->hash);
		workflow_fixture_write(&f, included[i], "{% macro hi(x) %}new{% endmacro %}");
		workflow_fixture_load(&f, path, text);
		assert_string_not_equal(before, f.workflow->hash);
	}
	workflow_fixture_end(&f);
}

/* Nothing outside of the project is read, however it is named (6.1). */
static void test_include_stays_inside(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_write(&f, "secret.txt", "secret");
	workflow_fixture_write(&f, "project/.git/HEAD", "x");
	workflow_fixture_write(&f, "project/inside.txt", "inside");
	const char *text = "[[steps]]\nname = 'a'\ntype = 'query'\nrole = 'r'\nprompt = 'x'\n";
	const char *path = workflow_fixture_write(&f, "project/flows/w.toml", text);
	assert_int_equal(
		symlink("../../secret.txt", file_join(&f.arena, f.dir, "project/flows/link.txt")),
		0);
	const struct workflow *w = workflow_fixture_load(&f, path, text);
	static const struct {
		const char *name;
		bool is_found;
		enum error_kind kind; /* of the refusal; NONE: simply not there */
	} cases[] = {
		{"../inside.txt", true, ERROR_NONE},
		{"../../secret.txt", false, ERROR_PERMISSION},
		{"link.txt", false, ERROR_PERMISSION},
		{"/etc/passwd", false, ERROR_PERMISSION},
		{"missing.txt", false, ERROR_NONE},
		{"", false, ERROR_PERMISSION},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct slice found;
		struct error error = {0};
		bool is_found = w->environment.load(w->environment.load_data, &f.arena,
			slice_of(cases[i].name), &found, &error);
		if (is_found != cases[i].is_found || error.kind != cases[i].kind) {
			fail_msg("%s: %d, %s", cases[i].name, is_found, error.message);
		}
	}
	workflow_fixture_end(&f);
}

/* A place within a template is a place of the file, whatever was put before it. */
static void test_positions(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	workflow_fixture_load(&f, "w.toml",
		"[[steps]]\nname = 'a'\ntype = 'query'\nrole = 'r'\n"
		"prompt = \"\"\"one\n  two {{ x }}\"\"\"\n"
		"[[steps]]\nname = 'b'\ntype = 'apply'\nsource = ' a'\n");
	const struct step_template *prompt = &step_of(&f, "a")->prompt;
	struct template_place at = {.offset = slice_find(prompt->source.text, SLICE("x }}"))};
	uint32_t line, column;
	workflow_position(f.workflow, prompt, &at, &line, &column);
	assert_int_equal(line, 6);
	assert_int_equal(column, 10);
	const struct step_template *source = &step_of(&f, "b")->source_expression;
	at.offset = slice_find(source->source.text, SLICE("[\"a\"]"));
	workflow_position(f.workflow, source, &at, &line, &column);
	assert_int_equal(line, 10);
	assert_int_equal(column, 12);
	workflow_fixture_end(&f);
}

/* 10,000 steps: in the memory that the issue allows (the time is the benchmark's to show). */
static void test_large(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	struct buf text;
	buf_init(&text, 0);
	for (int i = 0; i < 10000; i++) {
		buf_printf(&text,
			"[[steps]]\nname = \"step_%d\"\ntype = \"shell\"\n"
			"run = \"echo {{ steps.step_%d.output }}\"\ndepends_on = [\"step_%d\"]\n\n",
			i, i ? i - 1 : 1, i ? i - 1 : 1);
	}
	/* The first and second wait for each other: the circle is found among all of them. */
	struct slice whole = buf_slice(&text);
	const struct workflow_places places = {0};
	problems_init(&f.problems, &f.arena, "w.toml", whole);
	assert_false(workflow_validate("w.toml", "path", whole, workflow_fixture_runner(), &places,
		&f.problems, &f.workflow));
	assert_int_equal(f.problems.len, 1);
	assert_string_equal(f.problems.items[0].message,
		"steps wait for each other in a circle: step_0 -> step_1 -> step_0");
	assert_null(f.workflow);
	f.workflow = workflow_load("w.toml", "path", whole, &f.problems);
	assert_non_null(f.workflow);
	assert_true(f.workflow->arena.used < (size_t)150 * 1024 * 1024);
	buf_finish(&text);
	workflow_fixture_end(&f);
}

/* More steps than there may be, and more dependencies, are told instead of made. */
static void test_too_many(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "steps = [");
	for (int i = 0; i <= 100000; i++) {
		buf_append_str(&text, "{},");
	}
	buf_append_str(&text, "]\n");
	const struct workflow_places places = {0};
	problems_init(&f.problems, &f.arena, "w.toml", buf_slice(&text));
	assert_false(workflow_validate(
		"w.toml", "path", buf_slice(&text), NULL, &places, &f.problems, NULL));
	assert_int_equal(f.problems.len, 1);
	assert_string_equal(f.problems.items[0].message, "a workflow has at most 100000 steps");
	buf_reset(&text, SIZE_MAX);
	buf_append_str(&text, "[[groups]]\nname = 'g'\nparallel = true\nsteps = [");
	for (int i = 0; i < 2100; i++) {
		buf_printf(&text, "{name='g%d',type='shell',run='x'},", i);
	}
	buf_append_str(&text, "]\n");
	for (int i = 0; i < 2100; i++) {
		buf_printf(&text,
			"[[steps]]\nname='s%d'\ntype='shell'\nrun='x'\ndepends_on=['g']\n", i);
	}
	problems_init(&f.problems, &f.arena, "w.toml", buf_slice(&text));
	assert_null(workflow_load("w.toml", "path", buf_slice(&text), &f.problems));
	assert_int_equal(f.problems.len, 1);
	assert_non_null(strstr(f.problems.items[0].message, "more than 4000000 dependencies"));
	buf_finish(&text);
	workflow_fixture_end(&f);
}

/* Any prefix of a file loads or is refused, without harm. */
static void test_truncated(void **state) {
	(void)state;
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	struct buf bytes;
	buf_init(&bytes, 0);
	assert_true(file_read("tests/workflow/findings/clean.toml", 1 << 20, &bytes, NULL));
	const struct workflow_places places = {0};
	for (size_t len = 0; len <= bytes.len; len += 7) {
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct problems problems;
		/* exactly that long, so that a sanitizer sees a read past the end */
		char *copy = malloc(len ? len : 1);
		memcpy(copy, bytes.data, len);
		struct slice text = slice_make(copy, len);
		problems_init(&problems, &arena, "w.toml", text);
		bool is_good = workflow_validate("w.toml", "path", text, workflow_fixture_runner(),
			&places, &problems, NULL);
		assert_true(is_good == (problems.error_count == 0));
		arena_finish(&arena);
		free(copy);
	}
	buf_finish(&bytes);
	workflow_fixture_end(&f);
}

int test_load(void);
int test_load(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_names_and_aliases),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_stays_inside),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_truncated),
	};
	return cmocka_run_group_tests_name("workflow/load", tests, NULL, NULL);
}
