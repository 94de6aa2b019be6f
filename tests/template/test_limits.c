/* test_limits.c: every template ends, on bounded memory and stack, and says why (design.md section
 * 4: steps, output, recursion). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "template/template_help.h"

/* `piece` as often as `count` says, between two texts. */
static struct slice repeated(struct help_render *render, const char *before, const char *piece,
	size_t count, const char *after) {
	size_t len = strlen(before) + strlen(piece) * count + strlen(after);
	char *text = arena_alloc(&render->arena, len + 1);
	char *at = stpcpy(text, before);
	for (size_t i = 0; i < count; i++) {
		at = stpcpy(at, piece);
	}
	stpcpy(at, after);
	return slice_make(text, len);
}

static void expect_kind(struct help_render *render, enum template_error_kind kind) {
	if (render->is_ok || render->error.kind != kind) {
		fail_msg("got %.*s", SLICE_FMT(slice_sub(help_result(render), 0, 300)));
	}
}

static void steps_are_counted(void **state) {
	(void)state;
	struct help_render render;
	help_init(&render, "{\"l\": [1,2,3,4,5,6,7,8,9,10]}");
	render.environment.max_steps = 1000;
	help_run(&render, SLICE("{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}"
				"{% endfor %}{% endfor %}"));
	expect_kind(&render, TEMPLATE_ERROR_LIMIT);
	assert_non_null(strstr(render.error.message, "more than 1000 steps"));
	render.environment.max_steps = 0;
	help_run(&render, SLICE("{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}"
				"{% endfor %}{% endfor %}"));
	assert_true(render.is_ok);
	assert_int_equal(render.out.len, 1000);
	help_finish(&render);
}

static void output_is_bounded(void **state) {
	(void)state;
	static const char *const templates[] = {
		"{% for a in l %}{% for b in l %}text{% endfor %}{% endfor %}",
		"{% for a in l %}{{ s }}{% endfor %}{{ s ~ s ~ s }}",
		"{% set x %}{% for a in l %}123456789 123456789{% endfor %}{% endset %}",
		"{% for a in l %}{{ l }}{{ l }}{{ l }}{{ l }}{% endfor %}",
	};
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		for (int html = 0; html < 2; html++) {
			struct help_render render;
			help_init(
				&render, "{\"l\": [1,2,3,4,5,6,7,8,9,10], \"s\": \"0123456789\"}");
			render.environment.max_output = 120;
			render.options.escape = html ? TEMPLATE_ESCAPE_HTML : TEMPLATE_ESCAPE_NONE;
			help_run(&render, slice_of(templates[i]));
			expect_kind(&render, TEMPLATE_ERROR_LIMIT);
			assert_non_null(strstr(render.error.message, "120 bytes"));
			assert_true(render.out.len <= 300);
			help_finish(&render);
		}
	}
}

static void repeated_text_is_bounded(void **state) {
	(void)state;
	static const char *const templates[] = {
		"{% set x = 'ab' * 61 %}", "{{ ('ab' * 1000000000) | length }}", "{{ s * 13 }}"};
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		struct help_render render;
		help_init(&render, "{\"s\": \"0123456789\"}");
		render.environment.max_output = 120;
		help_run(&render, slice_of(templates[i]));
		expect_kind(&render, TEMPLATE_ERROR_LIMIT);
		help_finish(&render);
	}
	struct help_render render;
	help_init(&render, NULL);
	render.environment.max_output = 120;
	help_run(&render, SLICE("{{ 'ab' * 60 }}"));
	assert_int_equal(render.out.len, 120);
	help_finish(&render);
}

static void recursion_is_bounded(void **state) {
	(void)state;
	static const char *const templates[] = {
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"{%macro a()%}{{b()}}{%endmacro%}{%macro b()%}{{a()}}{%endmacro%}{{b()}}",
		"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
		"{% block a %}{{ self.a() }}{% endblock %}",
	};
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		struct help_render render;
		help_init(&render, NULL);
		help_run(&render, slice_of(templates[i]));
		/* As minijinja calls it. */
		expect_kind(&render, TEMPLATE_ERROR_INVALID_OPERATION);
		assert_non_null(strstr(render.error.message, "recursion limit exceeded"));
		help_finish(&render);
	}
}

/* What a level of recursion can take at most: a macro whose body nests as deep as the parser lets
 * it. Runs on a thread with a stack as small as they come by default on some systems. */
static void *run_deep(void *data) {
	struct help_render *render = data;
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "{% macro m(n) %}");
	for (int i = 0; i < 30; i++) {
		buf_append_str(&text, "{% if true %}{% with x = 1 %}{% set y %}");
	}
	buf_append_str(&text, "{{ ");
	for (int i = 0; i < 9; i++) {
		buf_append_str(&text, "[1 + (not ");
	}
	buf_append_str(&text, "m(n ~ 1)");
	for (int i = 0; i < 9; i++) {
		buf_append_str(&text, ")]");
	}
	buf_append_str(&text, " }}");
	for (int i = 0; i < 30; i++) {
		buf_append_str(&text, "{% endset %}{{ y }}{% endwith %}{% endif %}");
	}
	buf_append_str(&text, "{% endmacro %}{{ m(1) }}");
	help_run(render, buf_slice(&text));
	buf_finish(&text);
	return NULL;
}

static void stack_is_bounded(void **state) {
	(void)state;
	struct help_render render;
	pthread_attr_t attributes;
	pthread_t thread;
	help_init(&render, NULL);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)8 * 1024 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attributes, run_deep, &render), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	assert_false(render.is_ok);
	printf("deepest: %s\n", render.error.message);
	help_finish(&render);
}

static void nesting_is_refused_when_parsing(void **state) {
	(void)state;
	static const struct {
		const char *before, *piece, *after;
	} cases[] = {
		{"{{ ", "(", "1 }}"},
		{"{{ ", "[", "1 }}"},
		{"{{ ", "{1:", "1 }}"},
		{"{{ ", "not ", "1 }}"},
		{"{{ ", "-", "1 }}"},
		{"{{ f", "(f", " }}"},
		{"{{ a", "[a", " }}"},
		{"{{ a", ".b", " }}"},
		{"{{ a", "[1]", " }}"},
		{"{{ a", "()", " }}"},
		{"{{ a", "|b", " }}"},
		{"{{ a", " is b", " }}"},
		{"{{ 1", "+1", " }}"},
		{"{{ 1", " and 1", " }}"},
		{"{{ 1", " if 1", " }}"},
		{"{{ 1", " if 1 else 1", " }}"},
		{"", "{% if 1 %}", ""},
		{"", "{% for a in b %}", ""},
		{"", "{% set a %}", ""},
		{"", "{% macro a(b) %}", ""},
		{"", "{% call a() %}", ""},
		{"{% for ", "(a,", "b in c %}{% endfor %}"},
		{"{% set a", ".b", " = 1 %}"},
		{"{% filter a", "|a", " %}{% endfilter %}"},
		{"{% set a |a", "|a", " %}{% endset %}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct help_render render;
		help_init(&render, NULL);
		help_run(&render,
			repeated(&render, cases[i].before, cases[i].piece, 20000, cases[i].after));
		expect_kind(&render, TEMPLATE_ERROR_SYNTAX);
		help_finish(&render);
	}
}

static void reasonable_nesting_works(void **state) {
	(void)state;
	static const struct {
		const char *before, *piece, *after;
		size_t count;
	} cases[] = {
		{"{% set a = 'x' %}{{ a", " ~ a", " }}", 500},
		{"{{ 1", " + 1", " }}", 500},
		{"{% if 0 %}", "{% elif 0 %}", "{% else %}x{% endif %}", 20000},
		{"", "{{ 1 }}", "", 20000},
		{"{{ [", "1,", "] }}", 20000},
		{"", "{% if 1 %}", "x", 40},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct help_render render;
		help_init(&render, NULL);
		struct slice text = repeated(
			&render, cases[i].before, cases[i].piece, cases[i].count, cases[i].after);
		if (strcmp(cases[i].piece, "{% if 1 %}") == 0) {
			text = repeated(&render, arena_strdup(&render.arena, text), "{% endif %}",
				cases[i].count, "");
		}
		help_run(&render, text);
		if (!render.is_ok) {
			fail_msg("%s: %.*s", cases[i].piece, SLICE_FMT(help_result(&render)));
		}
		help_finish(&render);
	}
}

/* Values that double, or nest, with every statement. */
static void values_are_bounded(void **state) {
	(void)state;
	static const char *const pieces[] = {
		"{% set x = [x] %}",
		"{% set x = [x, x] %}",
		"{% set x = {1: x, 2: x} %}",
		"{% set x = (x ~ 'abcdefgh') * 8 %}",
		"{% set x = x ~ x ~ 'a' %}",
		"{% set x %}{{ x }}{{ x }}a{% endset %}",
	};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct help_render render;
		help_init(&render, NULL);
		struct slice text = repeated(&render, "{% set x = '' %}", pieces[i], 1000, "");
		help_run(&render, text);
		expect_kind(&render, TEMPLATE_ERROR_LIMIT);
		assert_true(render.arena.used <= ARENA_DEFAULT_CAP + 65536);
		help_finish(&render);
	}
}

static const char torture[] =
	"{% extends 'base' %}{% import 'lib' as lib %}{% block a %}{{ super() }}"
	"{% for k, v in [[1, 'a'], [2, 'b'], [3, 'c']] if k > 1 %}{{ loop.index }}{{ v ~ v * 3 }}"
	"{{ [k, {v: [k, v]}] }}{% endfor %}{% set s %}{{ lib.f('x', b=[1, 2][::-1]) }}{% endset %}"
	"{{ s[1:] }}{% with a = 1, b = (2, 3) %}{{ a in b }}{% endwith %}{% call lib.g() %}c{{ s }}"
	"{% endcall %}{% include ['none', 'part'] %}{{ missing.deeper }}{% endblock %}";

static void run_torture(struct help_render *render, size_t cap) {
	static const struct template_options options = {.name = "torture"};
	struct arena arena;
	struct template_error error = {0};
	struct buf out;
	arena_init(&arena, NULL, cap);
	buf_init(&out, 0);
	struct template *template =
		template_parse(&arena, &render->environment, &options, slice_of(torture), &error);
	assert_true(!template || !template_render(template, render->globals, &arena, &out, &error));
	assert_non_null(error.message);
	/* Either there was not enough memory, or all of it ran up to the error at its end. */
	if (error.kind != TEMPLATE_ERROR_UNDEFINED) {
		bool is_told = error.kind == TEMPLATE_ERROR_LIMIT ||
			       strstr(error.message, "memory") != NULL;
		if (!is_told) {
			fail_msg("cap %zu: %s", cap, error.message);
		}
	}
	buf_finish(&out);
	arena_finish(&arena);
}

/* Memory that runs out at any place is an error, never a crash and never half a text. */
static void memory_may_run_out_anywhere(void **state) {
	(void)state;
	struct help_render render;
	help_init(&render, NULL);
	help_add_file(&render, SLICE("base"), SLICE("{% block a %}base{{ 1 }}{% endblock %}"));
	help_add_file(&render, SLICE("part"), SLICE("p{{ [1] ~ 'x' }}"));
	help_add_file(&render, SLICE("lib"),
		SLICE("{% macro f(a, b=1) %}{{ a }}{{ b }}{% endmacro %}"
		      "{% macro g() %}{{ caller() }}{% endmacro %}"));
	for (size_t cap = 1; cap < 40000; cap += 48) {
		run_torture(&render, cap);
	}
	run_torture(&render, 0);
	help_finish(&render);
}

/* ---- a template is shared by threads ---- */

struct shared {
	const struct template *template;
	struct value globals;
	bool is_ok;
};

static void *render_often(void *data) {
	struct shared *shared = data;
	shared->is_ok = true;
	for (int i = 0; i < 200; i++) {
		struct arena arena;
		struct buf out;
		struct template_error error;
		arena_init(&arena, NULL, 0);
		buf_init(&out, 0);
		shared->is_ok &=
			template_render(shared->template, shared->globals, &arena, &out, &error);
		shared->is_ok &= slice_is(buf_slice(&out), "<1a><2a>2");
		buf_finish(&out);
		arena_finish(&arena);
	}
	return NULL;
}

static void threads_share_a_template(void **state) {
	(void)state;
	struct help_render render;
	struct shared shared[4];
	pthread_t threads[4];
	help_init(&render, "{\"l\": [1, 2], \"a\": \"a\"}");
	struct template *template = template_parse(&render.arena, &render.environment,
		&render.options,
		SLICE("{% macro m(x) %}<{{ x }}{{ a }}>{% endmacro %}{% for x in l %}{{ m(x) }}"
		      "{% endfor %}{{ l[-1] }}"),
		&render.error);
	assert_non_null(template);
	for (size_t i = 0; i < 4; i++) {
		shared[i] = (struct shared){template, render.globals, false};
		assert_int_equal(pthread_create(&threads[i], NULL, render_often, &shared[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(shared[i].is_ok);
	}
	help_finish(&render);
}

static void bad_utf8_is_refused(void **state) {
	(void)state;
	struct help_render render;
	help_init(&render, NULL);
	help_run(&render, SLICE("ab\n\xff{{ 1 }}"));
	expect_kind(&render, TEMPLATE_ERROR_SYNTAX);
	assert_int_equal(render.error.place.line, 2);
	help_finish(&render);
}

int test_limits(void);
int test_limits(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_counted),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(repeated_text_is_bounded),
		cmocka_unit_test(recursion_is_bounded),
		cmocka_unit_test(stack_is_bounded),
		cmocka_unit_test(nesting_is_refused_when_parsing),
		cmocka_unit_test(reasonable_nesting_works),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(threads_share_a_template),
		cmocka_unit_test(bad_utf8_is_refused),
	};
	return cmocka_run_group_tests_name("template/limits", tests, NULL, NULL);
}
