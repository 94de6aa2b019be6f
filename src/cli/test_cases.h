/* test_cases.h: the cases of a workflow's test file (issue 4, 11).
 *
 *   [[cases]]
 *   name = "asks twice when the first reply is no JSON"
 *   args = { file = "a.txt" }
 *   answers = { confirm = "yes" }
 *   files = { "a.txt" = "hello\n", "big.txt" = { from = "fixtures/big.txt" } }
 *   replies.default = [{ error = "rate_limit" }, "hm", '{"n": 1}']
 *   replies.judge = { match = "(?i)hello", text = "fine" }
 *   [cases.expect]
 *   status = "ok"
 *   output = { contains = "1" }
 *   steps.count = { status = "ok", output = { matches = "^\\d+$" } }
 *   steps.later = "skipped"
 *   files."b.txt" = "written\n"      # false: there is none
 *   calls.default = 3
 *
 * `replies` and `calls` name a step, a role, a backend, or "*" for whoever else is asked. */
#ifndef LLMMUX_CLI_TEST_CASES_H
#define LLMMUX_CLI_TEST_CASES_H

#include "data/problems.h"
#include "data/regex.h"
#include "workflow/run.h"

struct test_text { /* what a text is compared with; absent and NULL: not */
	bool is_given;
	struct slice equals;
	struct {
		struct slice *items;
		size_t len, cap;
	} contains, lacks;
	struct regex *matches;
	struct slice pattern;
};

struct test_file {
	struct slice path;
	struct slice text;     /* to set up */
	bool is_absent;        /* expected: there is no such file */
	struct test_text want; /* expected */
};

struct test_replies {
	struct slice name; /* step, role, backend, "*" */
	uint32_t line, column;
	OPTION_OBJECTS(struct runner_reply) rows;
	int64_t calls; /* counted while the case runs */
};

struct test_step {
	struct slice name;
	int status; /* enum step_status; -1: not asked */
	struct test_text output, error, prompt;
};

struct test_count {
	struct slice name;
	int64_t calls;
	uint32_t line, column;
};

struct test_case {
	struct slice name;
	uint32_t line;
	char **words; /* arguments, as on a command line */
	size_t word_count;
	struct slice team, ecosystem, project;
	struct {
		struct run_preset *items;
		size_t len, cap;
	} answers;
	struct {
		struct test_file *items;
		size_t len, cap;
	} files, files_after;
	struct {
		struct test_replies *items;
		size_t len, cap;
	} replies;
	/* expected */
	enum run_end end;
	struct test_text output, error;
	struct {
		struct test_step *items;
		size_t len, cap;
	} steps;
	struct {
		struct test_count *items;
		size_t len, cap;
	} counts;
};

struct test_cases {
	struct test_case *items;
	size_t len, cap;
};
/* Reads a file's text; `dir` is where its `from` paths begin. Everything wrong is added to
 * problems; false when there is an error. All in the arena. */
bool test_cases_read(struct slice text, const char *dir, struct arena *arena,
	struct problems *problems, struct test_cases *cases);
/* What is wrong with a text, as a sentence that begins with `what`; NULL: nothing. */
const char *test_text_check(
	const struct test_text *want, const char *what, struct slice text, struct arena *arena);

#endif
