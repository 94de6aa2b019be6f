/* test_jinja_suite.c: minijinja's own cases: output, or error kind and line. Those listed in
 * tests/jinja/deviations.txt differ for the reason given there, and exactly as given there. */
#include <stdio.h>
#include <stdlib.h>

#include "support/fixtures.h"
#include "template/template_help.h"

#define DEVIATIONS "tests/jinja/deviations.txt"

struct deviation {
	struct slice name, rule, wanted;
	bool was_met;
};
struct deviations {
	struct deviation *items;
	size_t len, cap;
};

static struct slice trim_back(struct slice text) {
	while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1])) {
		text.len--;
	}
	return text;
}

/* "== NAME | RULE" and our result up to the next such line; lines before the first are a comment.
 */
static struct deviations read_deviations(struct arena *arena, struct slice text) {
	struct deviations list = {0};
	struct slice line;
	struct deviation *last = NULL;
	while (slice_split(&text, '\n', &line)) {
		if (slice_starts_with(line, SLICE("== "))) {
			size_t bar = slice_find(line, SLICE(" | "));
			assert_true(bar != SIZE_MAX);
			last = ARENA_PUSH(arena, &list);
			last->name = slice_sub(line, 3, bar - 3);
			last->rule = slice_from(line, bar + 3);
			last->wanted.data = line.data + line.len + 1;
		} else if (last) {
			last->wanted.len = (size_t)(line.data + line.len - last->wanted.data);
		}
	}
	return list;
}

static struct deviation *find_deviation(struct deviations *list, struct slice name) {
	for (size_t i = 0; i < list->len; i++) {
		if (slice_eq(list->items[i].name, name)) {
			return &list->items[i];
		}
	}
	return NULL;
}

static void prepare(struct help_render *render, const struct json *suite, const struct json *test) {
	help_init(render, NULL);
	const struct json *context = json_get(test, "context");
	struct slice name = json_string(json_get(test, "name"), &render->arena);
	render->globals = value_from_json(&render->arena, context);
	render->options.name = arena_strdup(&render->arena, name);
	if (slice_ends_with(name, SLICE(".html"))) {
		render->options.escape = TEMPLATE_ESCAPE_HTML;
	}
	if (json_string_is(json_get(json_get(test, "settings"), "undefined"), "strict")) {
		render->options.undefined = TEMPLATE_STRICT;
	}
	json_each (file, json_get(suite, "templates")) {
		help_add_file(
			render, json_key(file, &render->arena), json_string(file, &render->arena));
	}
}

/* What the suite says: the text, or "KIND line N". */
static struct slice wanted_of(struct help_render *render, const struct json *test) {
	const struct json *error = json_get_value(test, "error");
	int64_t line = 0;
	if (!error) {
		return json_string(json_get(test, "expected"), &render->arena);
	}
	json_int64(json_get(error, "line"), &line);
	return arena_printf(&render->arena, "%.*s line %lld",
		SLICE_FMT(json_string(json_get(error, "kind"), &render->arena)), (long long)line);
}

static struct slice got_of(struct help_render *render) {
	return render->is_ok ? buf_slice(&render->out)
			     : arena_printf(&render->arena, "%s line %u",
				       template_error_kind_name(render->error.kind),
				       render->error.place.line);
}

/* True when the case gives what is wanted of it. */
static bool check(
	const struct json *suite, const struct json *test, struct deviations *deviations) {
	struct help_render render;
	prepare(&render, suite, test);
	struct slice name = slice_of(render.options.name);
	help_run(&render, json_string(json_get(test, "template"), &render.arena));
	struct slice got = trim_back(got_of(&render));
	struct slice wanted = trim_back(wanted_of(&render, test));
	struct deviation *deviation = find_deviation(deviations, name);
	bool is_ok = slice_eq(got, wanted);
	if (deviation) {
		deviation->was_met = true;
		if (is_ok) {
			fprintf(stderr, "%.*s: agrees, but is listed as deviating by %.*s\n",
				SLICE_FMT(name), SLICE_FMT(deviation->rule));
		}
		wanted = trim_back(deviation->wanted);
		is_ok = !is_ok && slice_eq(got, wanted);
	}
	if (!is_ok) {
		fprintf(stderr, "case %.*s\n--- got\n%.*s\n--- wanted\n%.*s\n---\n",
			SLICE_FMT(name), SLICE_FMT(got), SLICE_FMT(wanted));
		if (!render.is_ok) {
			fprintf(stderr, "%.*s\n", SLICE_FMT(help_result(&render)));
		}
	}
	help_finish(&render);
	return is_ok;
}

static void follows_the_suite(void **state) {
	(void)state;
	char *path = fixtures_path("jinja/cases.json");
	if (!path) {
		skip();
	}
	struct arena arena;
	struct error error;
	arena_init(&arena, NULL, 0);
	struct slice text = fixtures_read(path);
	struct slice listed = fixtures_read(DEVIATIONS);
	const struct json *suite = json_parse(&arena, text, NULL, &error);
	assert_non_null(suite);
	struct deviations deviations = read_deviations(&arena, listed);
	size_t count = 0;
	size_t failed = 0;
	json_each (test, json_get(suite, "cases")) {
		count++;
		failed += !check(suite, test, &deviations);
	}
	for (size_t i = 0; i < deviations.len; i++) {
		assert_true(deviations.items[i].rule.len > 10);
		if (!deviations.items[i].was_met) {
			fail_msg("%.*s is listed, but is no case",
				SLICE_FMT(deviations.items[i].name));
		}
	}
	printf("jinja suite: %zu cases, %zu of them listed deviations, %zu failed\n", count,
		deviations.len, failed);
	assert_int_equal(failed, 0);
	assert_true(count > 80);
	fixtures_free(text);
	fixtures_free(listed);
	free(path);
	arena_finish(&arena);
}

int test_jinja_suite(void);
int test_jinja_suite(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(follows_the_suite)};
	return cmocka_run_group_tests_name("template/jinja_suite", tests, NULL, NULL);
}
