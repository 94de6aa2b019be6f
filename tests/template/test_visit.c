/* test_visit.c: what a template mentions (workflows.md 5.5: edges are parsed, not grepped; 6.7:
 * unknown names are found without running). */
#include <stdio.h>
#include <stdlib.h>

#include "template/template_help.h"

struct visit_case {
	const char *template;
	/* Each mention a word: KIND:segments by `/`, then ? guarded, ! safe, * known, (suggestion),
	 * and
	 * @line:column. */
	const char *wanted;
};

static const struct visit_case cases[] = {
	{"text {{ steps.a.output }}", "name:steps/a/output@1:9"},
	{"{{ steps['my step'][0].x }}", "name:steps/my step/0/x@1:4"},
	{"{{ steps[args.which].output }}", "name:args/which@1:10 name:steps@1:4"},
	{"{{ a.b[c].d[e].f }}", "name:e@1:13 name:c@1:8 name:a/b@1:4"},
	{"{{ a.b.c.d.e.f.g.h.i.j }}", "name:a/b/c/d/e/f/g/h@1:4"},
	{"{{ a.upper() }}{{ a.b.get('x') }}", "name:a@1:4 name:a/b@1:19"},
	{"{{ [a, {b: c}, (d,), -e, not f, g + h ~ i][j:k:l] }}",
		"name:a@1:5 name:b@1:9 name:c@1:12 name:d@1:17 name:e@1:23 name:f@1:30 name:g@1:33 "
		"name:h@1:37 name:i@1:41 name:j@1:44 name:k@1:46 name:l@1:48"},
	{"{{ true }}{{ 'a.b' }}{% raw %}{{ a }}{% endraw %}{# {{ a }} #}", ""},
	/* bound names */
	{"{% set x = y %}{{ x.a }}{{ loop }}", "name:y@1:12 name:loop@1:28"},
	{"{% for a, (b, c) in d if e %}{{ a }}{{ b }}{{ c }}{{ loop.index }}{% else %}{{ a }}"
	 "{% endfor %}",
		"name:d@1:21 name:e@1:26 name:a@1:80"},
	{"{% with a = b, c = a %}{{ c }}{% endwith %}{{ c }}", "name:b@1:13 name:c@1:47"},
	{"{% macro m(a, b=c) %}{{ a }}{{ m }}{{ n() }}{{ caller() }}{{ g }}{% endmacro %}"
	 "{% macro n() %}{% endmacro %}{{ m(x) }}{{ a }}",
		"name:c@1:17 name:g@1:62 name:x@1:114 name:a@1:122"},
	{"{% macro m(a) %}{% endmacro %}{% call(p) m(q) %}{{ p }}{{ r }}{% endcall %}",
		"name:q@1:44 name:r@1:59"},
	{"{% if a %}{% set b = 1 %}{% endif %}{{ b }}", "name:a@1:7"},
	{"{% set a %}{% set b = 1 %}{{ b }}{% endset %}{{ a }}{{ b }}", ""},
	{"{% set ns.x = y %}", "name:y@1:15 name:ns@1:8"},
	{"{% block a %}{% set b = 1 %}{{ super() }}{{ self.a() }}{% endblock %}{{ b }}",
		"name:b@1:73"},
	{"{% import 'lib' as l %}{{ l.x }}{% from 'lib' import a, b as c %}{{ a }}{{ c }}{{ b }}",
		"template:lib@1:12 template:lib@1:42 name:b@1:83"},
	{"{% include ['a', 'b'] %}{% extends x %}{% include 'c' ignore missing %}",
		"template:a@1:14 template:b@1:19 name:x@1:36 template:c@1:52"},
	{"{% autoescape m %}{{ a }}{% endautoescape %}{% do f(b) %}",
		"name:m@1:15 name:a@1:22 name:b@1:53 function:f@1:51"},
	/* guards */
	{"{{ a.b is defined }}", "name:a/b?@1:4 test:defined@1:11"},
	{"{{ a.b | default('x') }}{{ a.b }}", "name:a/b?@1:4 filter:default@1:10 name:a/b@1:28"},
	{"{{ f(a) | default(b) }}", "name:a@1:6 function:f@1:4 filter:default@1:11 name:b@1:19"},
	{"{% if a.b %}{{ a.b.c }}{{ a.c }}{% else %}{{ a.b }}{% endif %}{{ a.b }}",
		"name:a/b@1:7 name:a/b/c?@1:16 name:a/c@1:27 name:a/b?@1:46 name:a/b@1:66"},
	{"{{ a.b and a.b.c }}{{ a.b.c if a.b }}{{ x or x.y }}",
		"name:a/b@1:4 name:a/b/c?@1:12 name:a/b@1:32 name:a/b/c?@1:23 name:x@1:41 "
		"name:x/y?@1:46"},
	{"{% if a %}{% elif b %}{{ a }}{{ b }}{% endif %}",
		"name:a@1:7 name:b@1:19 name:a?@1:26 name:b?@1:33"},
	{"{% for x in l if y %}{{ y.z }}{% endfor %}", "name:l@1:13 name:y@1:18 name:y/z?@1:25"},
	/* safe */
	{"{{ a | safe }}{{ a | raw }}{{ a | b(c) | safe }}",
		"name:a!@1:4 filter:safe@1:8 name:a!@1:18 filter:raw@1:22 name:a!@1:31 "
		"filter:b@1:35 "
		"name:c@1:37 filter:safe@1:42"},
	/* filters, tests, functions */
	{"{{ a | own | onw }}", "name:a@1:4 filter:own*@1:8 filter:onw(own)@1:14"},
	{"{{ 1 is mine }}{{ 1 is not mien(2) }}", "test:mine*@1:9 test:mien(mine)@1:28"},
	{"{{ call_me() }}{{ call_em(x) }}",
		"function:call_me*@1:4 name:x@1:27 function:call_em(call_me)@1:19"},
	{"{% filter own | zzz %}{{ a }}{% endfilter %}",
		"name:a@1:26 filter:own*@1:11 filter:zzz@1:17"},
	{"{{ l | map('own') }}{{ l | select('mine') }}{{ l | selectattr('a', 'mine') }}",
		"name:l@1:4 filter:map@1:8 filter:own*@1:13 name:l@1:24 filter:select@1:28 "
		"test:mine*"
		"@1:36 name:l@1:48 filter:selectattr@1:52 test:mine*@1:69"},
	{"{{ call_me }}", ""},
	{"\n{{ größe\n  .x }}", "name:größe/x@2:4"},
};

static bool nothing(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	(void)run;
	(void)arguments;
	*out = value_none();
	return true;
}

static const struct template_builtin own_filters[] = {{"own", nothing}, {NULL, NULL}};
static const struct template_builtin own_tests[] = {{"mine", nothing}, {NULL, NULL}};
static const struct template_builtin own_functions[] = {{"call_me", nothing}, {NULL, NULL}};

/* The built-in ones of these names may or may not be there: their marks are left out. */
static bool is_built_in(struct slice name) {
	static const char *const names[] = {
		"defined", "default", "safe", "raw", "map", "select", "selectattr", NULL};
	for (size_t i = 0; names[i]; i++) {
		if (slice_is(name, names[i])) {
			return true;
		}
	}
	return false;
}

static void record(void *data, const struct template_mention *mention) {
	static const char *const kinds[] = {"name", "filter", "test", "function", "template"};
	struct buf *out = data;
	buf_printf(out, "%s%s:", out->len > 0 ? " " : "", kinds[mention->kind]);
	assert_true(mention->count >= 1 && mention->count <= TEMPLATE_MENTION_MAX);
	for (size_t i = 0; i < mention->count; i++) {
		buf_append_str(out, i > 0 ? "/" : "");
		buf_append(out, mention->segments[i]);
		assert_true(i == 0 || mention->offsets[i] > mention->offsets[i - 1]);
	}
	assert_int_equal(mention->offsets[0], mention->place.offset);
	buf_append_str(out, mention->is_guarded ? "?" : "");
	buf_append_str(out, mention->is_safe ? "!" : "");
	if (!is_built_in(mention->segments[0])) {
		buf_append_str(out, mention->is_known ? "*" : "");
		/* Only the suggestions of this test's own names: others may come and go. */
		if (mention->suggestion && strchr("omc", mention->suggestion[0]) &&
			mention->segments[0].len > 2) {
			buf_printf(out, "(%s)", mention->suggestion);
		}
	}
	buf_printf(out, "@%u:%u", mention->place.line, mention->place.column);
}

static void mentions_are_told(void **state) {
	(void)state;
	size_t failed = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct help_render render;
		struct buf got;
		help_init(&render, NULL);
		render.environment.filters = own_filters;
		render.environment.tests = own_tests;
		render.environment.functions = own_functions;
		struct template *template = template_parse(&render.arena, &render.environment,
			&render.options, slice_of(cases[i].template), &render.error);
		if (!template) {
			fail_msg("%s: %s", cases[i].template, render.error.message);
		}
		buf_init(&got, 0);
		template_visit(template, record, &got);
		if (!slice_is(buf_slice(&got), cases[i].wanted)) {
			fprintf(stderr, "%s\n  got    %.*s\n  wanted %s\n", cases[i].template,
				SLICE_FMT(buf_slice(&got)), cases[i].wanted);
			failed++;
		}
		buf_finish(&got);
		help_finish(&render);
	}
	assert_int_equal(failed, 0);
}

static void expressions_are_visited(void **state) {
	(void)state;
	struct help_render render;
	struct buf got;
	help_init(&render, NULL);
	struct template *template = template_parse_expression(&render.arena, &render.environment,
		&render.options, SLICE(" {{ steps.a.failed and not b }} "), &render.error);
	assert_non_null(template);
	assert_false(template_is_blank(template));
	buf_init(&got, 0);
	template_visit(template, record, &got);
	assert_true(slice_is(buf_slice(&got), "name:steps/a/failed@1:5 name:b@1:28"));
	buf_reset(&got, SIZE_MAX);
	template = template_parse_expression(
		&render.arena, &render.environment, &render.options, SLICE("  \n "), &render.error);
	assert_non_null(template);
	assert_true(template_is_blank(template));
	template_visit(template, record, &got);
	assert_int_equal(got.len, 0);
	struct value value = value_none();
	assert_true(
		template_evaluate(template, render.globals, &render.arena, &value, &render.error));
	assert_int_equal(value.type, VALUE_UNDEFINED);
	buf_finish(&got);
	help_finish(&render);
}

static void compare_place(void *data, const struct template_mention *mention) {
	struct slice text = mention->place.text;
	uint32_t line, column;
	json_position(text, text.data + mention->place.offset, &line, &column);
	assert_int_equal(mention->place.line, line);
	assert_int_equal(mention->place.column, column);
	++*(size_t *)data;
}

/* Places are counted from one to the next, forth and back (arguments are visited before the name
 * of what is called), over lines and wide characters. */
static void places_are_exact(void **state) {
	(void)state;
	static const char *const texts[] = {
		"{{a}}{{b}}\n{{c}}",
		"\xEF\xBB\xBF{{a}}{{ range(b) }}\n{{ c }}",
		"\xEF\xBB\xBF\xC3\xA9{{ range(\n'\xE2\x82\xAC' ~ a\n, b)|upper }}{{ c }}",
		"\xEF\xBB\xBF\xC3\xA9{{ range(\na\n, b)|upper }}{{ c }}",
		"\n\n\xEF\xBB\xBF{{ dict(x=\n'\xE2\x82\xAC' ~ range(a,\n\nb.c[d]|f(g))) "
		"}}\n\xC3\xA9 {{ "
		"h is odd }}{{ 'x' if\ny else z }}",
		"{{ range('\xC3\xA9\xC3\xA9', a) ~ range(b, '\xC3\xA9') }}",
	};
	size_t count = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct help_render render;
		help_init(&render, NULL);
		struct template *template = template_parse(&render.arena, &render.environment,
			&render.options, slice_of(texts[i]), &render.error);
		assert_non_null(template);
		template_visit(template, compare_place, &count);
		help_finish(&render);
	}
	assert_int_equal(count, 32);
}

int test_visit(void);
int test_visit(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mentions_are_told),
		cmocka_unit_test(expressions_are_visited),
		cmocka_unit_test(places_are_exact),
	};
	return cmocka_run_group_tests_name("template/visit", tests, NULL, NULL);
}
