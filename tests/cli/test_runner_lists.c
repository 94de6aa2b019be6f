/* test_runner_lists.c: backends, roles, teams, ecosystems, trust, -C and config show, as they
 * print; and that no planted secret is in any of it (workflows.md 8.1, 8.2, 13). */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/cli_help.h"

int test_runner_lists(void);

/* Wherever it is planted, it must not come out again. */
#define PLANTED "planted-Zq9xW2secret"

struct place {
	char home[64];
	char *saved_home, *saved_state, *saved_config;
};

static const char *path_of(const struct place *place, const char *name) {
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", place->home, name);
	return path;
}

static void write_file(const struct place *place, const char *name, const char *text) {
	FILE *file = fopen(path_of(place, name), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path_of(place, name), 0600), 0);
}

static const char user_file[] = "[defaults]\n"
				"timeout = 60\n"
				"[backends.claude]\n"
				"command = \"claude\"\n"
				"args = [\"-p\", \"--api-key=" PLANTED "\"]\n"
				"env = {TOKEN = \"" PLANTED "\"}\n"
				"[backends.api]\n"
				"command = \"https://user:" PLANTED "@api.example/v1\"\n"
				"api_key = \"" PLANTED "\"\n"
				"headers = {Authorization = \"Bearer " PLANTED "\"}\n"
				"enabled = false\n"
				"[roles.review]\n"
				"description = \"Reads code\"\n"
				"backends = [\"claude\", \"openai/gpt-5\"]\n"
				"execution = \"parallel\"\n"
				"[ecosystems.shop]\n"
				"description = \"A shop\"\n"
				"knowledge = [\"one\", \"two\"]\n"
				"projects.api = {path = \"/shop/api\", depends_on = [\"db\"]}\n"
				"projects.db.path = \"/shop/db\"\n";

static int begin(void **state) {
	struct place *place = calloc(1, sizeof *place);
	static const char *const dirs[] = {
		".config/llm-mux", "project/.llm-mux/workflows", "project/sub", "empty", NULL};
	strcpy(place->home, "/tmp/llm-mux-lists-XXXXXX");
	if (!place || !mkdtemp(place->home)) {
		return -1;
	}
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME"),
		   *records = getenv("XDG_STATE_HOME");
	place->saved_home = home ? strdup(home) : NULL;
	place->saved_config = config ? strdup(config) : NULL;
	place->saved_state = records ? strdup(records) : NULL;
	setenv("HOME", place->home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	for (size_t i = 0; dirs[i]; i++) {
		assert_true(file_make_dir(path_of(place, dirs[i]), 0700, NULL));
	}
	*state = place;
	return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

static void restore(const char *name, char *saved) {
	if (saved) {
		setenv(name, saved, 1);
	} else {
		unsetenv(name);
	}
	free(saved);
}

static int end(void **state) {
	struct place *place = *state;
	nftw(place->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	restore("HOME", place->saved_home);
	restore("XDG_CONFIG_HOME", place->saved_config);
	restore("XDG_STATE_HOME", place->saved_state);
	free(place);
	return 0;
}

/* Runs `llm-mux -C HOME/DIR LINE`. */
static struct cli_result run(const struct place *place, const char *dir, const char *line) {
	char whole[512];
	snprintf(whole, sizeof whole, "-C %s/%s %s", place->home, dir, line);
	return cli_run(whole);
}

static void expect(const struct place *place, const char *dir, const char *line, int code,
	const char *out, const char *err) {
	struct cli_result result = run(place, dir, line);
	if (result.code != code || (out && strcmp(result.out, out) != 0) ||
		(err && !strstr(result.err, err))) {
		fail_msg("%s: %d\n%s\n%s", line, result.code, result.out, result.err);
	}
	cli_result_finish(&result);
}

static void test_lists(void **state) {
	const struct place *place = *state;
	write_file(place, ".config/llm-mux/config.toml", user_file);
	expect(place, "empty", "backends", 0,
		"on   claude  cli   claude -p --api-key=***\n"
		"off  api     http  https://***@api.example/v1\n",
		NULL);
	expect(place, "empty", "roles", 0, "review  claude, openai/gpt-5  parallel  Reads code\n",
		NULL);
	expect(place, "empty", "ecosystems", 0,
		"shop    2 projects  A shop     -   2 facts\n"
		"  shop  api         /shop/api  db  -\n"
		"  shop  db          /shop/db   -   -\n",
		NULL);
	expect(place, "empty", "teams --output quiet", 0,
		"rust    Cargo.toml                                  cargo clippy && cargo test  "
		"Rust projects (built in)\n"
		"ruby    Gemfile                                     bundle exec rake            "
		"Ruby projects (built in)\n"
		"node    package.json                                npm test                    "
		"Node.js projects (built in)\n"
		"python  pyproject.toml, setup.py, requirements.txt  pytest                      "
		"Python projects (built in)\n"
		"go      go.mod                                      go test ./...               "
		"Go projects (built in)\n",
		NULL);
	expect(place, "empty", "roles --output yaml", 2, "", "--output is console, json");
}

static void test_placeholders(void **state) {
	const struct place *place = *state;
	expect(place, "empty", "backends", 0,
		"no backends are configured; [backends.NAME] in config.toml makes one\n", NULL);
	expect(place, "empty", "roles", 0,
		"no roles are configured; [roles.NAME] in config.toml makes one\n", NULL);
	expect(place, "empty", "ecosystems", 0,
		"no ecosystems are configured; [ecosystems.NAME] in config.toml makes one\n", NULL);
	expect(place, "empty", "backends --output json", 0, "[]\n", NULL);
	expect(place, "empty", "trust --list", 0, "no file is trusted yet\n", NULL);
}

/* One array, with the members that the lines have. */
static void test_json(void **state) {
	const struct place *place = *state;
	static const struct {
		const char *line, *pointer, *value;
	} cases[] = {
		{"backends", "/0/name", "\"claude\""},
		{"backends", "/0/kind", "\"cli\""},
		{"backends", "/0/enabled", "true"},
		{"backends", "/0/timeout_ms", "60000"},
		{"backends", "/1/enabled", "false"},
		{"roles", "/0",
			"{\"name\":\"review\",\"description\":\"Reads "
			"code\",\"backends\":[\"claude\","
			"\"openai/gpt-5\"],\"execution\":\"parallel\",\"min_success\":1,"
			"\"origin\":\"ORIGIN:12\"}"},
		{"teams", "/4/detect", "[\"go.mod\"]"},
		{"teams", "/4/built_in", "true"},
		{"teams", "/4/origin", "\"built-in\""},
		{"ecosystems", "/0/projects/0/depends_on", "[\"db\"]"},
		{"ecosystems", "/0/knowledge", "[\"one\",\"two\"]"},
	};
	write_file(place, ".config/llm-mux/config.toml", user_file);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char line[64];
		struct arena arena;
		arena_init(&arena, NULL, 0);
		snprintf(line, sizeof line, "%s --output json", cases[i].line);
		struct cli_result result = run(place, "empty", line);
		assert_int_equal(result.code, 0);
		const struct json *tree = json_parse(&arena, slice_of(result.out), NULL, NULL);
		const char *mark = strstr(cases[i].value, "ORIGIN");
		const char *wanted =
			!mark ? cases[i].value
			      : arena_printf(&arena, "%.*s%s%s", (int)(mark - cases[i].value),
					cases[i].value,
					path_of(place, ".config/llm-mux/config.toml"), mark + 6)
					.data;
		const struct json *found = json_at(tree, slice_of(cases[i].pointer));
		struct json *value = json_parse(&arena, slice_of(wanted), NULL, NULL);
		if (!json_is(tree, JSON_ARRAY) || !found || !json_equal(found, value)) {
			fail_msg("%s %s is not %s in\n%s", line, cases[i].pointer, wanted,
				result.out);
		}
		cli_result_finish(&result);
		arena_finish(&arena);
	}
}

/* Secrets are planted everywhere; no command prints one, whether it works or complains. */
static void test_planted_secrets(void **state) {
	const struct place *place = *state;
	static const char *const lines[] = {"backends", "backends --output json", "roles", "teams",
		"ecosystems", "config show", "config show --json", "config show --origin",
		"config show --json --origin", "config show backends", "config validate", "trust",
		"trust --list", "doctor", NULL};
	static const char broken_file[] =
		"[backends.a]\n"
		"api_key = [\"" PLANTED "\"]\n"
		"headers = {\"bad name\" = \"" PLANTED "\", Authorization = 5}\n"
		"env = [[\"TOKEN\", \"" PLANTED "\", 3]]\n"
		"api_kye = \"" PLANTED "\"\n"
		"base_url = \"ftp://user:" PLANTED "@x\"\n";
	for (int is_broken = 0; is_broken < 2; is_broken++) {
		const char *text = is_broken ? broken_file : user_file;
		write_file(place, ".config/llm-mux/config.toml", text);
		write_file(place, "project/.llm-mux/config.toml", text);
		for (size_t i = 0; lines[i]; i++) {
			struct cli_result result = run(place, "project/sub", lines[i]);
			if (strstr(result.out, PLANTED) || strstr(result.err, PLANTED)) {
				fail_msg("%s prints a secret:\n%s\n%s", lines[i], result.out,
					result.err);
			}
			cli_result_finish(&result);
		}
	}
}

/* Untrusted content is shown; trusted, changed, removed. */
static void test_trust(void **state) {
	const struct place *place = *state;
	char expected[1024];
	write_file(place, "project/.llm-mux/config.toml",
		"[backends.own]\ncommand = \"sh\"\nargs = [\"-c\", \"\\u001b[2Jx\"]\n");
	write_file(place, "project/.llm-mux/workflows/b.toml",
		"name = \"b\"\n[[steps]]\nname = \"s\"\nrun = \"make\"\n"
		"[[steps]]\nname = \"t\"\nprompt = \"p\"\n");
	write_file(place, "project/.llm-mux/workflows/a.toml", "name = \"a\"\nsteps = []\n");
	write_file(place, "project/.llm-mux/workflows/notes.txt", "no workflow");
	expect(place, "project/sub", "backends", 0, NULL, "not trusted yet");
	expect(place, "project/sub", "--trust backends", 0, NULL, "");
	expect(place, "project/sub", "trust --list", 0, "no file is trusted yet\n", NULL);

	const char *project = strdup(path_of(place, "project/.llm-mux"));
	snprintf(expected, sizeof expected,
		"%s/config.toml\n"
		"     2  backends.own.command = \"sh\"\n"
		"     3  backends.own.args = [\"-c\",\"\\u001b[2Jx\"]\n"
		"  trusted as it is now\n"
		"%s/workflows/a.toml\n"
		"  trusted as it is now\n"
		"%s/workflows/b.toml\n"
		"     4  steps[0].run = \"make\"\n"
		"  trusted as it is now\n",
		project, project, project);
	struct cli_result shown = run(place, "project/sub", "trust --dry-run");
	assert_int_equal(shown.code, 0);
	assert_non_null(strstr(shown.out, "steps[0].run = \"make\"\n"));
	assert_null(strstr(shown.out, "trusted as it is now"));
	cli_result_finish(&shown);
	expect(place, "project/sub", "trust --list", 0, "no file is trusted yet\n", NULL);
	expect(place, "project/sub", "trust", 0, expected, NULL);
	struct cli_result listed = run(place, "project/sub", "backends");
	assert_string_equal(listed.err, "");
	cli_result_finish(&listed);

	write_file(place, "project/.llm-mux/config.toml",
		"[backends.own]\ncommand = \"sh\"\nargs = [\"-c\", \"y\"]\n");
	assert_int_equal(unlink(path_of(place, "project/.llm-mux/workflows/a.toml")), 0);
	snprintf(expected, sizeof expected,
		"changed  %s/config.toml\n"
		"gone     %s/workflows/a.toml\n"
		"trusted  %s/workflows/b.toml\n",
		project, project, project);
	expect(place, "project/sub", "trust --list", 0, expected, NULL);
	expect(place, "project/sub", "backends", 0, NULL, "not trusted yet");
	snprintf(expected, sizeof expected, "%s/workflows/a.toml: no longer trusted\n", project);
	expect(place, "project/sub", "trust --remove ../.llm-mux/workflows/a.toml", 0, NULL, NULL);
	expect(place, "empty", "trust", 1, "", "holds .llm-mux/");
	expect(place, "empty", "trust nothing.toml", 1, "", "there is no ");
	write_file(place, "empty/broken.toml", "a = \n");
	expect(place, "empty", "trust broken.toml", 2, "", "broken.toml:1:");
	free((void *)(uintptr_t)project);
}

static void test_directory(void **state) {
	const struct place *place = *state;
	expect(place, "nowhere", "backends", 2, "", "-C ");
	expect(place, "nowhere", "version", 2, "", "there is no such directory");
	write_file(place, "empty/file", "");
	expect(place, "empty/file", "roles", 2, "", "there is no such directory");
	expect(place, "nowhere", "help", 2, "", "there is no such directory");
}

/* The user's file may hold the runner's keys: no command of the gateway minds. */
static void test_every_command_knows(void **state) {
	const struct place *place = *state;
	write_file(place, ".config/llm-mux/config.toml", user_file);
	write_file(place, "project/.llm-mux/config.toml", "[defaults]\ntimeout = 300\n");
	struct cli_result result = run(place, "project", "models");
	assert_null(strstr(result.err, "unknown key"));
	assert_int_equal(result.code, 0);
	cli_result_finish(&result);
	result = run(place, "project", "config show defaults.timeout");
	assert_int_equal(result.code, 0);
	assert_non_null(strstr(result.out, "defaults.timeout: \"5m\""));
	assert_non_null(strstr(result.out, "project/.llm-mux/config.toml:2\n"));
	cli_result_finish(&result);
	result = run(place, "project", "config validate");
	assert_non_null(strstr(result.out, ".config/llm-mux/config.toml: ok\n"));
	assert_non_null(strstr(result.out, "project/.llm-mux/config.toml: ok\n"));
	cli_result_finish(&result);
	result = run(place, "project", "config schema");
	assert_non_null(strstr(result.out, "\"max_output_bytes\""));
	cli_result_finish(&result);
	result = run(place, "project", "help options");
	assert_non_null(strstr(result.out, "\nteams (mappings by name)\n"));
	cli_result_finish(&result);
}

int test_runner_lists(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lists, begin, end),
		cmocka_unit_test_setup_teardown(test_placeholders, begin, end),
		cmocka_unit_test_setup_teardown(test_json, begin, end),
		cmocka_unit_test_setup_teardown(test_planted_secrets, begin, end),
		cmocka_unit_test_setup_teardown(test_trust, begin, end),
		cmocka_unit_test_setup_teardown(test_directory, begin, end),
		cmocka_unit_test_setup_teardown(test_every_command_knows, begin, end),
	};
	return cmocka_run_group_tests_name("cli/runner_lists", tests, NULL, NULL);
}
