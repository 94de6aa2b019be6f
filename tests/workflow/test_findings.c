/* test_findings.c: every tests/workflow/findings/NAME.toml gives the findings that its lines `#:`
 * list, all in one go and no others (workflows.md 8.2, 1.10):
 *
 *   #: [FILE:]LINE:COLUMN error|warning: PART OF THE MESSAGE [=> PART OF THE HINT] */
#include <dirent.h>

#include "workflow_help.h"

#define CASES "tests/workflow/findings"

static const char *base_name(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

struct expectation {
	struct slice file; /* empty: the case's own */
	unsigned line, column;
	bool is_warning, was_met;
	struct slice message, hint;
};

struct expectations {
	struct expectation *items;
	size_t len, cap;
};

static struct expectation read_expectation(struct slice line, const char *name) {
	struct expectation e = {0};
	size_t blank = slice_find_byte(line, ' ');
	assert_true(blank != SIZE_MAX);
	struct slice place = slice_sub(line, 0, blank), rest = slice_from(line, blank + 1);
	struct slice parts[3], part;
	size_t count = 0;
	while (count < 3 && slice_split(&place, ':', &part)) {
		parts[count++] = part;
	}
	uint64_t line_number = 0, column = 0;
	if (count < 2 || !slice_to_uint64(parts[count - 2], &line_number) ||
		!slice_to_uint64(parts[count - 1], &column)) {
		fail_msg("%s: bad place in `#: %.*s`", name, SLICE_FMT(line));
	}
	e.file = count == 3 ? parts[0] : SLICE("");
	e.line = (unsigned)line_number;
	e.column = (unsigned)column;
	e.is_warning = slice_starts_with(rest, SLICE("warning: "));
	assert_true(e.is_warning || slice_starts_with(rest, SLICE("error: ")));
	rest = slice_from(rest, e.is_warning ? 9 : 7);
	size_t arrow = slice_find(rest, SLICE(" => "));
	e.message = slice_sub(rest, 0, arrow);
	e.hint = arrow == SIZE_MAX ? SLICE("") : slice_from(rest, arrow + 4);
	return e;
}

static struct expectations read_expectations(
	struct arena *arena, struct slice text, const char *name) {
	struct expectations list = {0};
	struct slice line;
	while (slice_split(&text, '\n', &line)) {
		if (slice_starts_with(line, SLICE("#: "))) {
			*ARENA_PUSH(arena, &list) = read_expectation(slice_from(line, 3), name);
		}
	}
	return list;
}

static bool meets(const struct problem *problem, const struct expectation *e, const char *own) {
	const char *file = e->file.len ? NULL : own;
	bool is_file = file ? strcmp(problem->file, file) == 0
			    : slice_is(e->file, base_name(problem->file));
	return is_file && problem->line == e->line && problem->column == e->column &&
	       problem->is_warning == e->is_warning &&
	       slice_contains(slice_of(problem->message), e->message) &&
	       (e->hint.len == 0 ? problem->hint == NULL
				 : slice_contains(slice_of(problem->hint), e->hint));
}

static bool check_case(const char *path, const char *name) {
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	struct buf bytes;
	buf_init(&bytes, 0);
	assert_true(file_read(path, 1 << 20, &bytes, NULL));
	struct slice text = arena_dup(&f.arena, buf_slice(&bytes));
	buf_finish(&bytes);
	struct expectations wanted = read_expectations(&f.arena, text, name);
	const struct workflow_places places = {.project_dir = CASES};
	problems_init(&f.problems, &f.arena, path, text);
	size_t errors = 0, met = 0;
	bool is_good = workflow_validate(path, "project", text, workflow_fixture_runner(), &places,
		&f.problems, &f.workflow);
	bool all_met = true;
	for (size_t i = 0; i < f.problems.len; i++) {
		const struct problem *problem = &f.problems.items[i];
		bool is_met = false;
		for (size_t e = 0; e < wanted.len && !is_met; e++) {
			is_met = !wanted.items[e].was_met && meets(problem, &wanted.items[e], path);
			wanted.items[e].was_met |= is_met;
		}
		errors += !problem->is_warning;
		met += is_met;
		all_met &= is_met;
	}
	for (size_t e = 0; e < wanted.len; e++) {
		if (!wanted.items[e].was_met) {
			fprintf(stderr, "%s: not found: %u:%u %.*s\n", name, wanted.items[e].line,
				wanted.items[e].column, SLICE_FMT(wanted.items[e].message));
			all_met = false;
		}
	}
	if (!all_met) {
		fprintf(stderr, "%s: %zu findings, %zu met:\n%s\n", name, f.problems.len, met,
			workflow_fixture_report(&f));
	}
	/* The verdict is that of the errors, and every finding can be printed. */
	all_met &= is_good == (errors == 0) && is_good == (f.workflow != NULL);
	workflow_fixture_report(&f);
	workflow_fixture_end(&f);
	return all_met;
}

static void test_cases(void **state) {
	(void)state;
	struct dirent **entries;
	int count = scandir(CASES, &entries, NULL, alphasort);
	assert_true(count > 0);
	size_t cases = 0, failed = 0;
	for (int i = 0; i < count; i++) {
		struct slice name = slice_of(entries[i]->d_name);
		if (slice_ends_with(name, SLICE(".toml")) && name.data[0] != '_') {
			char path[512];
			snprintf(path, sizeof path, CASES "/%s", entries[i]->d_name);
			cases++;
			failed += !check_case(path, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	assert_true(cases >= 25);
	assert_int_equal(failed, 0);
}

/* What depends on the configuration beside the file. */
static void test_configuration(void **state) {
	(void)state;
	static const char text[] = "[[steps]]\nname = 'q'\ntype = 'query'\nrole = 'default'\n"
				   "prompt = 'x'\n[[steps]]\nname = 'a'\ntype = 'apply'\n"
				   "source = 'q'\nverify = 'team'\n";
	static const struct runner_config nothing;
	const struct workflow_places places = {0};
	struct workflow_fixture f;
	workflow_fixture_begin(&f);
	problems_init(&f.problems, &f.arena, "w.toml", SLICE(text));
	assert_false(workflow_validate(
		"w.toml", "path", SLICE(text), &nothing, &places, &f.problems, NULL));
	assert_int_equal(f.problems.len, 2);
	const char *report = workflow_fixture_report(&f);
	assert_non_null(strstr(report, "w.toml:10:10: error: `verify = \"team\"`"));
	assert_non_null(strstr(report, "w.toml:4:8: error: step `q` asks the role `default`"));
	assert_non_null(strstr(report, "hint: `llm-mux init`"));
	/* a team that verifies is enough; without a configuration neither is asked */
	problems_init(&f.problems, &f.arena, "w.toml", SLICE(text));
	assert_true(workflow_validate("w.toml", "path", SLICE(text), workflow_fixture_runner(),
		&places, &f.problems, NULL));
	assert_true(workflow_validate(
		"w.toml", "path", SLICE(text), NULL, NULL, &f.problems, &f.workflow));
	assert_int_equal(f.problems.len, 0);
	/* where it is known who works here, that team must */
	const struct runner_team *const teams[] = {
		NULL, &workflow_fixture_runner()->teams.items[1]};
	static const char *const says[] = {"no team is detected here", "`docs` has no `verify`"};
	for (size_t i = 0; i < COUNT_OF(teams); i++) {
		const struct workflow_places known = {.team = teams[i], .knows_team = true};
		problems_init(&f.problems, &f.arena, "w.toml", SLICE(text));
		assert_false(workflow_validate("w.toml", "path", SLICE(text),
			workflow_fixture_runner(), &known, &f.problems, NULL));
		assert_int_equal(f.problems.len, 1);
		assert_non_null(strstr(workflow_fixture_report(&f), says[i]));
	}
	workflow_fixture_end(&f);
}

int test_findings(void);
int test_findings(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_configuration),
	};
	return cmocka_run_group_tests_name("workflow/findings", tests, NULL, NULL);
}
