/* test_builtins.c: every filter, test, function and method by its cases in builtins.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/file.h"
#include "template/template_internal.h"

int test_builtins(void);

static const char default_context[] =
	"{\"s\":\"Hello World\",\"n\":null,\"e\":\"\",\"i\":42,\"f\":1.5,\"t\":true,"
	"\"l\":[3,1,2],\"m\":{\"b\":2,\"a\":1,\"C\":3},\"users\":["
	"{\"name\":\"Zoe\",\"age\":30,\"tag\":{\"k\":\"x\"}},"
	"{\"name\":\"adam\",\"age\":25,\"tag\":{\"k\":\"y\"}},{\"name\":\"Bob\",\"age\":30}],"
	"\"lines\":\"a\\n\\nb\\r\\nc\\n\",\"html\":\"<a href='x'>&\\\"</a>\"}";

struct case_text {
	struct slice template, context, expected;
	bool is_strict, fails;
	unsigned line;
};

/* \n \t \\ */
static void unescape(struct slice text, struct buf *out) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == '\\' && i + 1 < text.len) {
			char next = text.data[++i];
			byte = next == 'n' ? '\n' : next == 't' ? '\t' : next;
		}
		buf_append_byte(out, byte);
	}
}

/* The kind of failure behind a `!`, or what was printed. */
static void run_case(const struct case_text *one, struct buf *out) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct error json_error;
	struct template_error error;
	struct slice context = one->context.data ? one->context : slice_of(default_context);
	struct json *json = json_parse(&arena, context, NULL, &json_error);
	assert_non_null(json);
	struct template_options options = {
		.name = "case", .undefined = one->is_strict ? TEMPLATE_STRICT : TEMPLATE_LENIENT};
	struct template *template = template_parse(&arena, NULL, &options, one->template, &error);
	bool is_ok = template &&
		     template_render(template, value_from_json(&arena, json), &arena, out, &error);
	if (!is_ok) {
		buf_reset(out, 4096);
		buf_printf(out, "! %s", template_error_kind_name(error.kind));
	}
	arena_finish(&arena);
}

static size_t failures;

static void check_case(const struct case_text *one) {
	struct buf out = {0}, expected = {0};
	run_case(one, &out);
	if (one->fails) {
		buf_printf(&expected, "! %.*s", SLICE_FMT(one->expected));
	} else {
		unescape(one->expected, &expected);
	}
	if (!slice_eq(buf_slice(&out), buf_slice(&expected))) {
		print_error(
			"tests/template/builtins.txt:%u: %.*s\n printed: %.*s\nexpected: %.*s\n",
			one->line, SLICE_FMT(one->template), SLICE_FMT(buf_slice(&out)),
			SLICE_FMT(buf_slice(&expected)));
		failures++;
	}
	buf_finish(&out);
	buf_finish(&expected);
}

static void read_cases(struct buf *file) {
	struct error error;
	buf_init(file, 1 << 20);
	assert_true(file_read("tests/template/builtins.txt", 1 << 20, file, &error));
}

static void each_case_prints_what_it_should(void **state) {
	(void)state;
	struct buf file;
	read_cases(&file);
	struct slice rest = buf_slice(&file), line;
	struct case_text one = {0};
	unsigned number = 0, count = 0;
	failures = 0;
	while (slice_split(&rest, '\n', &line)) {
		number++;
		struct slice tail = slice_from(line, 2);
		switch (line.len > 0 ? line.data[0] : '#') {
		case 'T':
			one = (struct case_text){.template = tail, .line = number};
			break;
		case 'C':
			one.context = tail;
			break;
		case 'S':
			one.is_strict = true;
			break;
		case '=':
		case '!':
			one.fails = line.data[0] == '!';
			one.expected = tail;
			check_case(&one);
			count++;
			break;
		default:
			assert_true(line.len == 0 || line.data[0] == '#');
		}
	}
	buf_finish(&file);
	assert_true(count > 150);
	assert_int_equal(failures, 0);
}

static void all_are_mentioned(
	const struct template_builtin *rows, struct slice text, const char *const *forms) {
	for (; rows->name; rows++) {
		bool is_there = false;
		for (const char *const *form = forms; *form && !is_there; form++) {
			char needle[80];
			const char *at = strchr(*form, '@');
			snprintf(needle, sizeof needle, "%.*s%s%s", (int)(at - *form), *form,
				rows->name, at + 1);
			is_there = slice_contains(text, slice_of(needle));
		}
		if (!is_there) {
			print_error("no case for `%s`\n", rows->name);
			failures++;
		}
	}
}

static void every_row_has_a_case(void **state) {
	(void)state;
	struct buf file;
	read_cases(&file);
	failures = 0;
	const char *const filters[] = {"|@ ", "|@(", "|@|", "|@}", NULL};
	const char *const tests[] = {"is @ ", "is @(", "(\"@\"", NULL};
	const char *const functions[] = {"@(", NULL};
	all_are_mentioned(template_filters, buf_slice(&file), filters);
	all_are_mentioned(template_tests, buf_slice(&file), tests);
	all_are_mentioned(template_functions, buf_slice(&file), functions);
	static const struct template_builtin methods[] = {{"items", NULL}, {"keys", NULL},
		{"values", NULL}, {"get", NULL}, {"split", NULL}, {"strip", NULL},
		{"startswith", NULL}, {"endswith", NULL}, {"upper", NULL}, {"lower", NULL},
		{"replace", NULL}, {NULL, NULL}};
	const char *const calls[] = {".@(", NULL};
	all_are_mentioned(methods, buf_slice(&file), calls);
	buf_finish(&file);
	assert_int_equal(failures, 0);
}

/* What grows is refused at the render's limits; nothing aborts. */
static void growth_ends_in_an_error(void **state) {
	(void)state;
	static const char *const templates[] = {
		"{{ ('x' * 1000000)|replace('x', 'y' * 1000000) }}",
		"{{ ('a\n' * 100000)|indent(1000000) }}",
		"{{ range(100000)|map('string')|map('replace', '', 'x' * 100000)|list }}",
		"{{ range(100000)|batch(1, 0)|map('batch', 100000, 0)|list }}",
		"{{ range(10)|slice(1000000000) }}",
		"{{ ('%9999s' * 5000)|format('x') }}",
		"{{ ('%s' * 5000)|format('x') }}",
		"{{ range(100000)|select('in', range(100000))|list }}",
		("{% set ns = namespace(l=[1]) %}{% for i in range(100) %}"
		 "{% set ns.l = ns.l|chain(ns.l) %}{% endfor %}"),
		"{{ ('(' * 300)|regex_search('(' * 300) }}",
	};
	for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
		struct case_text one = {.template = slice_of(templates[i])};
		struct buf out = {0};
		run_case(&one, &out);
		assert_true(out.len > 2);
		assert_memory_equal(out.data, "! ", 2);
		buf_finish(&out);
	}
}

int test_builtins(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_prints_what_it_should),
		cmocka_unit_test(every_row_has_a_case),
		cmocka_unit_test(growth_ends_in_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
