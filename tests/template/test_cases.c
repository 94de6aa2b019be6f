/* test_cases.c: runs the case files of tests/template/cases.
 *
 *   === what it shows (the section of workflows.md)
 *   settings: strict html trim lstrip keep expression      (optional)
 *   context: {"a": 1}                                      (optional, one line)
 *   --- file NAME                                          (any number: what can be included)
 *   --- template
 *   --- output            or: --- error KIND LINE:COLUMN [LINE:COLUMN is optional]
 *
 * Each part goes up to the next `---` or `===` line, without its last line break. Of an error, the
 * part's lines must stand in what is printed of it, in order. */
#include <stdio.h>
#include <stdlib.h>

#include "support/fixtures.h"
#include "template/template_help.h"

struct test_case {
	struct slice name, settings, context;
	struct slice template, output, error; /* error: "KIND 1:2" behind `--- error ` */
	bool has_output;
	struct help_file files[HELP_MAX_FILES];
	size_t file_count;
};

/* ---- reading ---- */

/* The part that begins at *rest: up to a line that begins with === or ---. */
static struct slice read_part(struct slice *rest) {
	struct slice part = {rest->data, 0};
	while (rest->data && !slice_starts_with(*rest, SLICE("--- ")) &&
		!slice_starts_with(*rest, SLICE("=== "))) {
		struct slice line;
		slice_split(rest, '\n', &line);
		part.len = (size_t)(line.data + line.len - part.data);
	}
	return part;
}

static void read_header(struct test_case *test, struct slice *rest) {
	struct slice lines = read_part(rest);
	struct slice line;
	while (slice_split(&lines, '\n', &line)) {
		if (slice_starts_with(line, SLICE("settings: "))) {
			test->settings = slice_from(line, 10);
		} else if (slice_starts_with(line, SLICE("context: "))) {
			test->context = slice_from(line, 9);
		} else if (slice_trim(line).len > 0) {
			fail_msg("unknown line in a case: %.*s", SLICE_FMT(line));
		}
	}
}

static void read_parts(struct test_case *test, struct slice *rest) {
	while (slice_starts_with(*rest, SLICE("--- "))) {
		struct slice line;
		slice_split(rest, '\n', &line);
		struct slice part = read_part(rest);
		line = slice_from(line, 4);
		if (slice_is(line, "template")) {
			test->template = part;
		} else if (slice_is(line, "output")) {
			test->output = part;
			test->has_output = true;
		} else if (slice_starts_with(line, SLICE("error "))) {
			test->error = slice_from(line, 6);
			test->output = part;
		} else if (slice_starts_with(line, SLICE("file "))) {
			test->files[test->file_count++] =
				(struct help_file){slice_from(line, 5), part};
		} else {
			fail_msg("unknown part: %.*s", SLICE_FMT(line));
		}
	}
}

/* ---- running ---- */

static void apply_settings(struct help_render *render, struct slice settings) {
	struct slice word;
	while (slice_split(&settings, ' ', &word)) {
		if (slice_is(word, "strict")) {
			render->options.undefined = TEMPLATE_STRICT;
		} else if (slice_is(word, "html")) {
			render->options.escape = TEMPLATE_ESCAPE_HTML;
		} else if (slice_is(word, "shell")) {
			render->options.escape = TEMPLATE_ESCAPE_SHELL;
		} else if (slice_is(word, "trim")) {
			render->options.trims_blocks = true;
		} else if (slice_is(word, "lstrip")) {
			render->options.strips_blocks = true;
		} else if (slice_is(word, "keep")) {
			render->options.keeps_trailing_newline = true;
		} else if (slice_is(word, "expression")) {
			render->is_expression = true;
		} else {
			fail_msg("unknown setting %.*s", SLICE_FMT(word));
		}
	}
}

/* Every line of `wanted` stands in `text`, in order. */
static bool holds_lines(struct slice text, struct slice wanted) {
	struct slice line;
	while (slice_split(&wanted, '\n', &line)) {
		size_t at = slice_find(text, line);
		if (at == SIZE_MAX) {
			return false;
		}
		text = slice_from(text, at + line.len);
	}
	return true;
}

static bool has_wanted_error(struct help_render *render, const struct test_case *test) {
	struct buf printed;
	char place[128];
	buf_init(&printed, 0);
	template_error_print(&render->error, false, &printed);
	size_t len = (size_t)snprintf(place, sizeof place, "%s %u:%u",
		template_error_kind_name(render->error.kind), render->error.place.line,
		render->error.place.column);
	struct slice got = slice_make(place, len);
	if (!slice_contains(test->error, SLICE(" "))) {
		got = slice_of(template_error_kind_name(render->error.kind));
	}
	bool is_ok = slice_eq(got, test->error) && holds_lines(buf_slice(&printed), test->output);
	if (!is_ok) {
		fprintf(stderr, "case '%.*s'\n--- got %.*s\n%.*s--- wanted %.*s\n%.*s\n",
			SLICE_FMT(test->name), SLICE_FMT(got), SLICE_FMT(buf_slice(&printed)),
			SLICE_FMT(test->error), SLICE_FMT(test->output));
	}
	buf_finish(&printed);
	return is_ok;
}

static bool run_case(const struct test_case *test) {
	struct help_render render;
	struct arena names;
	arena_init(&names, NULL, 0);
	help_init(&render, test->context.data ? arena_strdup(&names, test->context) : NULL);
	if (test->settings.len > 0) {
		apply_settings(&render, test->settings);
	}
	for (size_t i = 0; i < test->file_count; i++) {
		help_add_file(&render, test->files[i].name, test->files[i].text);
	}
	help_run(&render, test->template);
	bool is_ok;
	if (test->error.data && !render.is_ok) {
		is_ok = has_wanted_error(&render, test);
	} else {
		struct slice got = help_result(&render);
		is_ok = !test->error.data && slice_eq(got, test->output);
		if (!is_ok) {
			fprintf(stderr, "case '%.*s'\n--- got\n%.*s\n--- wanted %.*s\n%.*s\n---\n",
				SLICE_FMT(test->name), SLICE_FMT(got), SLICE_FMT(test->error),
				SLICE_FMT(test->output));
		}
	}
	help_finish(&render);
	arena_finish(&names);
	return is_ok;
}

static size_t run_file(const char *path, size_t *count) {
	struct slice text = fixtures_read(path);
	/* The file's own last line break is no part of its last case. */
	struct slice rest = slice_sub(text, 0, text.len > 0 ? text.len - 1 : 0);
	size_t failed = 0;
	read_part(&rest); /* the comment of the file */
	while (slice_starts_with(rest, SLICE("=== "))) {
		struct test_case test = {0};
		struct slice line;
		slice_split(&rest, '\n', &line);
		test.name = slice_from(line, 4);
		read_header(&test, &rest);
		read_parts(&test, &rest);
		if (!test.has_output && !test.error.data) {
			fail_msg("%s: '%.*s' wants nothing", path, SLICE_FMT(test.name));
		}
		*count += 1;
		failed += !run_case(&test);
	}
	fixtures_free(text);
	return failed;
}

static void case_files_pass(void **state) {
	(void)state;
	struct fixture_list files = fixtures_list("tests/template/cases", "", ".txt");
	size_t count = 0;
	size_t failed = 0;
	for (size_t i = 0; i < files.count; i++) {
		failed += run_file(files.paths[i], &count);
	}
	printf("template cases: %zu, %zu failed\n", count, failed);
	assert_int_equal(failed, 0);
	assert_true(count > 100);
	fixtures_list_free(&files);
}

int test_cases(void);
int test_cases(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(case_files_pass)};
	return cmocka_run_group_tests_name("template/cases", tests, NULL, NULL);
}
