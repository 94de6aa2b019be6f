/* test_runner_cases.c: every tests/config/runner/NAME.case: a user's and a project's file, and what
 * `config show` has of them, or what is said of them (workflows.md 1).
 *
 *   --- user, --- project   TOML
 *   --- mode                shown or trust: as the commands that show, or --trust
 *   --- exposed             the user's file is readable by all
 *   --- show                lines of a JSON pointer and its value; without it, loading is refused
 *   --- teams               their names in order
 *   --- problems            lines of the report, in order; without it, there are none
 *
 * USER, PROJECT and HOME stand for the paths. */
#include "config/runner_help.h"
#include "support/fixtures.h"

enum section {
	SECTION_NONE,
	SECTION_USER,
	SECTION_PROJECT,
	SECTION_MODE,
	SECTION_EXPOSED,
	SECTION_SHOW,
	SECTION_TEAMS,
	SECTION_PROBLEMS,
	SECTION_COUNT
};
static const char *const section_names[] = {
	"", "user", "project", "mode", "exposed", "show", "teams", "problems"};

struct case_file {
	const char *name;
	struct slice sections[SECTION_COUNT];
};

static void parse_case(struct case_file *file, struct slice text) {
	enum section current = SECTION_NONE;
	const char *begin = text.data;
	struct slice rest = text, line;
	while (rest.data && slice_split(&rest, '\n', &line)) {
		if (!slice_starts_with(line, SLICE("--- "))) {
			continue;
		}
		file->sections[current] = slice_make(begin, (size_t)(line.data - begin));
		current = SECTION_NONE;
		for (int i = 1; i < SECTION_COUNT; i++) {
			if (slice_is(slice_from(line, 4), section_names[i])) {
				current = (enum section)i;
			}
		}
		if (current == SECTION_NONE) {
			fail_msg("%s: no section is called %.*s", file->name, SLICE_FMT(line));
		}
		begin = line.data + line.len + 1;
	}
	file->sections[current] = slice_make(begin, (size_t)(text.data + text.len - begin));
}

/* USER, PROJECT and HOME replaced. */
static const char *with_paths(struct runner_fixture *f, struct slice text) {
	const struct {
		const char *word, *path;
	} words[] = {
		{"USER", runner_fixture_path(f, ".config/llm-mux/config.toml")},
		{"PROJECT", runner_fixture_path(f, "project/.llm-mux/config.toml")},
		{"HOME", f->home},
	};
	struct buf out = {0};
	for (size_t at = 0; at < text.len;) {
		bool is_word = false;
		for (size_t i = 0; i < 3 && !is_word; i++) {
			if (slice_starts_with(slice_from(text, at), slice_of(words[i].word))) {
				buf_append_str(&out, words[i].path);
				at += strlen(words[i].word);
				is_word = true;
			}
		}
		if (!is_word) {
			buf_append_byte(&out, text.data[at++]);
		}
	}
	const char *replaced = arena_strdup(&f->arena, buf_slice(&out));
	buf_finish(&out);
	return replaced;
}

static void check_show(struct runner_fixture *f, const struct case_file *file) {
	struct buf out = {0};
	options_show(&f->config->options, true, true, &out);
	struct json *shown = json_parse(&f->arena, buf_slice(&out), NULL, NULL);
	assert_non_null(shown);
	struct slice rest = slice_of(with_paths(f, file->sections[SECTION_SHOW])), line;
	while (rest.data && slice_split(&rest, '\n', &line)) {
		size_t blank = slice_find_byte(line, ' ');
		if (blank == SIZE_MAX) {
			continue;
		}
		struct json *wanted =
			json_parse(&f->arena, slice_from(line, blank + 1), NULL, NULL);
		const struct json *found = json_at(shown, slice_sub(line, 0, blank));
		if (!wanted || !found || !json_equal(found, wanted)) {
			fail_msg("%s: wanted %.*s\nfound %.*s", file->name, SLICE_FMT(line),
				SLICE_FMT(json_raw(found)));
		}
	}
	buf_finish(&out);
}

static void check_teams(struct runner_fixture *f, const struct case_file *file) {
	const struct runner_config *runner = runner_of(f->config);
	struct buf names = {0};
	for (size_t i = 0; i < runner->teams.len; i++) {
		buf_printf(&names, "%s%.*s", i ? " " : "", SLICE_FMT(runner->teams.items[i].name));
	}
	struct slice wanted = slice_trim(file->sections[SECTION_TEAMS]);
	if (wanted.len > 0 && !slice_eq(wanted, buf_slice(&names))) {
		fail_msg("%s: teams are %.*s", file->name, SLICE_FMT(buf_slice(&names)));
	}
	buf_finish(&names);
}

static size_t count_problems(struct slice text) {
	size_t count = 0;
	struct slice line;
	while (text.data && slice_split(&text, '\n', &line)) {
		count += slice_contains(line, SLICE(": error: ")) ||
			 slice_contains(line, SLICE(": warning: "));
	}
	return count;
}

/* Each line stands in the report, behind the one before; as many problems as lines that begin one.
 */
static void check_problems(struct runner_fixture *f, const struct case_file *file) {
	struct slice rest = slice_of(with_paths(f, file->sections[SECTION_PROBLEMS])), line;
	const char *at = f->report.data;
	if (count_problems(rest) != count_problems(slice_of(at))) {
		fail_msg("%s: not just these problems, but\n%s", file->name, at);
	}
	if (slice_trim(rest).len == 0 && *at) {
		fail_msg("%s: there should be no problem, but\n%s", file->name, at);
	}
	while (rest.data && slice_split(&rest, '\n', &line)) {
		const char *found = line.len ? memmem(at, strlen(at), line.data, line.len) : at;
		if (!found) {
			fail_msg("%s: no `%.*s` in the rest of\n%s", file->name, SLICE_FMT(line),
				f->report.data);
		}
		at = found + line.len;
	}
}

static void run_case(const char *path) {
	struct case_file file = {.name = fixtures_name(path)};
	struct slice text = fixtures_read(path);
	struct runner_fixture f;
	parse_case(&file, text);
	runner_fixture_begin(&f);
	bool is_exposed = file.sections[SECTION_EXPOSED].data != NULL;
	runner_fixture_write(&f, ".config/llm-mux/config.toml", file.sections[SECTION_USER],
		is_exposed ? 0644 : 0600);
	if (file.sections[SECTION_PROJECT].data) {
		runner_fixture_write(
			&f, "project/.llm-mux/config.toml", file.sections[SECTION_PROJECT], 0644);
	}
	struct slice mode = slice_trim(file.sections[SECTION_MODE]);
	const struct runner_request request = {
		.trusts_project = slice_is(mode, "trust"),
		.shows_untrusted = slice_is(mode, "shown"),
	};
	bool was_loaded = runner_fixture_load(&f, request) != NULL;
	if (was_loaded != (file.sections[SECTION_SHOW].data != NULL)) {
		fail_msg("%s: %s, saying\n%s", file.name, was_loaded ? "was loaded" : "was refused",
			f.report.data);
	}
	if (was_loaded) {
		check_show(&f, &file);
		check_teams(&f, &file);
	} else {
		assert_int_equal(f.error.kind, ERROR_CONFIGURATION);
	}
	check_problems(&f, &file);
	runner_fixture_end(&f);
	fixtures_free(text);
}

static void test_cases(void **state) {
	(void)state;
	struct fixture_list list = fixtures_list("tests/config/runner", "", ".case");
	assert_true(list.count >= 40);
	for (size_t i = 0; i < list.count; i++) {
		run_case(list.paths[i]);
	}
	fixtures_list_free(&list);
}

int test_runner_cases(void);
int test_runner_cases(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests_name("config/runner_cases", tests, NULL, NULL);
}
