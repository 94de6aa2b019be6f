/* test_runner.c: where a project is found, what of it is read, and finding parts by name
 * (workflows.md 1.1, 8.1). */
#include "config/runner_help.h"

static void write_text(struct runner_fixture *f, const char *name, const char *text) {
	runner_fixture_write(f, name, slice_of(text), 0600);
}

/* What defaults.timeout is, in seconds. */
static int64_t timeout_of(struct runner_fixture *f, struct runner_request request) {
	const struct runner_config *runner = runner_fixture_load(f, request);
	if (!runner) {
		fail_msg("%s %s", f->report.data, f->error.message);
	}
	return runner->defaults.timeout_ms / 1000;
}

/* Up to the nearest .llm-mux/, but not beyond the git root or home. */
static void test_walk(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	write_text(&f, "project/.llm-mux/config.toml", "[defaults]\ntimeout = 1\n");
	assert_true(file_make_dir(runner_fixture_path(&f, "project/sub/deep/er"), 0700, NULL));
	const char *deep = runner_fixture_path(&f, "project/sub/deep/er");
	const struct runner_request from_deep = {.dir = deep};
	assert_int_equal(timeout_of(&f, from_deep), 1);
	assert_string_equal(runner_of(f.config)->dir, deep);
	assert_string_equal(runner_of(f.config)->project_dir, f.project);

	assert_true(
		file_make_dir(runner_fixture_path(&f, "project/sub/deep/.llm-mux"), 0700, NULL));
	assert_int_equal(timeout_of(&f, from_deep), 300); /* the nearest one, which has no file */
	assert_int_equal(rmdir(runner_fixture_path(&f, "project/sub/deep/.llm-mux")), 0);

	/* a git root between: a file, as in worktrees, counts too */
	write_text(&f, "project/sub/.git", "gitdir: x\n");
	assert_int_equal(timeout_of(&f, from_deep), 300);
	assert_null(runner_of(f.config)->project_dir);
	assert_int_equal(unlink(runner_fixture_path(&f, "project/sub/.git")), 0);
	/* the git root itself counts */
	write_text(&f, "project/.git", "gitdir: x\n");
	assert_int_equal(timeout_of(&f, from_deep), 1);
	runner_fixture_end(&f);
}

static void test_walk_stops_at_home(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	write_text(&f, "project/.llm-mux/config.toml", "[defaults]\ntimeout = 1\n");
	setenv("HOME", runner_fixture_path(&f, "project/sub"), 1);
	assert_true(file_make_dir(runner_fixture_path(&f, "project/sub/deep"), 0700, NULL));
	const struct runner_request request = {.dir = runner_fixture_path(&f, "project/sub/deep")};
	assert_int_equal(timeout_of(&f, request), 300);
	runner_fixture_end(&f);
}

static void test_directory(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	const struct runner_request missing = {.dir = runner_fixture_path(&f, "nowhere")};
	assert_null(runner_fixture_load(&f, missing));
	assert_int_equal(f.error.kind, ERROR_CONFIGURATION);
	assert_non_null(strstr(f.error.message, "/nowhere"));
	write_text(&f, "file", "");
	const struct runner_request file = {.dir = runner_fixture_path(&f, "file")};
	assert_null(runner_fixture_load(&f, file));
	assert_non_null(strstr(f.error.message, "is not a directory"));
	runner_fixture_end(&f);
}

/* Environment over project over user; the command line over all; --config alone. */
static void test_layers(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	write_text(&f, ".config/llm-mux/config.toml", "[defaults]\ntimeout = 2\n");
	struct runner_request request = {0};
	assert_int_equal(timeout_of(&f, request), 2);
	write_text(&f, "project/.llm-mux/config.toml", "[defaults]\ntimeout = 3\n");
	assert_int_equal(timeout_of(&f, request), 3);
	request.ignores_project = true; /* as serve does */
	assert_int_equal(timeout_of(&f, request), 2);
	request.ignores_project = false;
	char variable[] = "LLM_MUX_DEFAULTS_TIMEOUT=4";
	char *environment[] = {variable, NULL};
	request.config.environment = environment;
	assert_int_equal(timeout_of(&f, request), 4);
	const struct config_setting setting = {"defaults.timeout", "5", "--timeout"};
	request.config.settings = &setting;
	request.config.setting_count = 1;
	assert_int_equal(timeout_of(&f, request), 5);
	write_text(&f, "only.toml", "[backends.a]\ncommand = \"a\"\n");
	const struct runner_request only = {.config.path = runner_fixture_path(&f, "only.toml")};
	assert_int_equal(timeout_of(&f, only), 300);
	assert_non_null(runner_find_backend(runner_of(f.config), SLICE("a")));
	runner_fixture_end(&f);
}

/* design.md 3: a .env of the project is not read, wherever it lies. */
static void test_no_dotenv(void **state) {
	(void)state;
	static const char *const places[] = {
		"project/.env", "project/.llm-mux/.env", "project/sub/.env", NULL};
	struct runner_fixture f;
	runner_fixture_begin(&f);
	write_text(&f, "project/.llm-mux/config.toml", "[roles]\n");
	for (size_t i = 0; places[i]; i++) {
		write_text(&f, places[i], "LLM_MUX_DEFAULTS_TIMEOUT=7\nLLM_MUX_HOST=0.0.0.0\n");
	}
	const struct runner_request request = {0};
	assert_int_equal(timeout_of(&f, request), 300);
	assert_true(slice_is(f.config->host, "127.0.0.1"));
	write_text(&f, ".config/llm-mux/.env", "LLM_MUX_DEFAULTS_TIMEOUT=8\n");
	assert_int_equal(timeout_of(&f, request), 8);
	runner_fixture_end(&f);
}

static void test_obsolete(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	assert_true(file_make_dir(runner_fixture_path(&f, "old/.llmux"), 0700, NULL));
	write_text(&f, "old/.llmux/config.toml", "not TOML at all");
	const struct runner_request request = {.dir = runner_fixture_path(&f, "old")};
	assert_non_null(runner_fixture_load(&f, request));
	const char *said = strstr(f.report.data, "this name is obsolete, and the file is not read");
	assert_non_null(said);
	assert_null(strstr(strstr(said, "\n"), "obsolete"));
	assert_true(file_make_dir(runner_fixture_path(&f, "old/.llm-mux"), 0700, NULL));
	assert_non_null(runner_fixture_load(&f, request));
	assert_string_equal(f.report.data, "");
	runner_fixture_end(&f);
}

static void test_find(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	write_text(&f, ".config/llm-mux/config.toml",
		"[backends.a]\ncommand = \"a\"\njson = true\nstdin = false\n"
		"[roles.r]\nbackends = [\"a\"]\n"
		"[ecosystems.e]\n");
	const struct runner_config *runner = runner_fixture_load(&f, (struct runner_request){0});
	assert_non_null(runner);
	const struct runner_backend *backend = runner_find_backend(runner, SLICE("a"));
	assert_int_equal(backend->kind, RUNNER_BACKEND_CLI);
	assert_false(backend->has_kind_type);
	assert_int_equal(backend->timeout_ms, 300000);
	assert_int_equal(backend->max_tokens, -1);
	assert_int_equal(backend->max_concurrent, 0);
	assert_int_equal(backend->max_output_bytes, 16 * 1024 * 1024);
	assert_int_equal(backend->json, 2);
	assert_int_equal(backend->stdin_mode, RUNNER_STDIN_NEVER);
	assert_int_equal(runner_find_role(runner, SLICE("r"))->execution, -1);
	assert_true(runner_find_team(runner, SLICE("go"))->is_built_in);
	assert_non_null(runner_find_ecosystem(runner, SLICE("e")));
	assert_null(runner_find_backend(runner, SLICE("r")));
	assert_null(runner_find_role(runner, SLICE("a")));
	assert_null(runner_find_team(runner, SLICE("a")));
	assert_null(runner_find_ecosystem(runner, SLICE("a")));
	runner_fixture_end(&f);
}

/* What `init` writes, with every option uncommented, is a configuration without a problem. */
static void test_template(void **state) {
	(void)state;
	struct runner_fixture f;
	struct option_set set;
	static const struct option_table *const tables[] = {&runner_table};
	struct buf template = {0}, bare = {0}, shown = {0};
	runner_fixture_begin(&f);
	config_options_init(&set, &f.arena, tables, 1);
	options_template(&set, &template);
	struct slice rest = buf_slice(&template), line;
	while (rest.data && slice_split(&rest, '\n', &line)) {
		bool is_setting = line.len > 1 && line.data[0] == '#' && line.data[1] != '#';
		buf_append(&bare, is_setting ? slice_from(line, 1) : line);
		buf_append_byte(&bare, '\n');
	}
	runner_fixture_write(&f, ".config/llm-mux/config.yaml", buf_slice(&bare), 0600);
	const struct runner_config *runner = runner_fixture_load(&f, (struct runner_request){0});
	assert_string_equal(f.report.data, "");
	assert_non_null(runner);
	for (size_t r = 0; r < runner_table.row_count; r++) {
		const struct option_row *row = &runner_table.rows[r];
		if (!options_source(&f.config->options, row)->is_set) {
			fail_msg("%s is not set by the template", row->key);
		}
	}
	assert_int_equal(runner->backends.items[0].timeout_ms, 600000);
	assert_int_equal(runner->ecosystems.items[0].projects.len, 1);
	/* what `config show` prints is YAML that says the same */
	options_show(&f.config->options, false, false, &shown);
	struct problems problems;
	problems_init(&problems, &f.arena, "show", buf_slice(&shown));
	const struct json *tree = yaml_parse(&f.arena, buf_slice(&shown), &problems);
	assert_true(json_string_is(json_at(tree, SLICE("/backends/claude/timeout")), "10m"));
	buf_finish(&template);
	buf_finish(&bare);
	buf_finish(&shown);
	runner_fixture_end(&f);
}

/* Rows are whole, at any depth: help, version, names that lead back to them. */
static void check_rows(const struct option_table *table) {
	for (size_t r = 0; r < table->row_count; r++) {
		const struct option_row *row = &table->rows[r];
		if (strcmp(row->key, OPTION_NAME_KEY) == 0) {
			continue;
		}
		if (!row->help || row->help[strlen(row->help) - 1] == '.' || !row->since) {
			fail_msg("%s has no help or version, or help with a stop", row->key);
		}
		if (row->nested) {
			check_rows(row->nested);
		}
	}
}

static void test_rows(void **state) {
	(void)state;
	check_rows(&runner_table);
	for (size_t r = 0; r < runner_table.row_count; r++) {
		if (!runner_table.rows[r].default_text && !runner_table.rows[r].example) {
			fail_msg("%s has no example", runner_table.rows[r].key);
		}
	}
}

/* ---- asking for trust ---- */

struct asked {
	int count;
	bool answer;
	char what[512];
};

static bool ask(void *data, const char *file, struct slice what) {
	struct asked *asked = data;
	asked->count++;
	snprintf(asked->what, sizeof asked->what, "%s\n%.*s", file, SLICE_FMT(what));
	return asked->answer;
}

static void test_ask(void **state) {
	(void)state;
	struct runner_fixture f;
	struct asked asked = {.answer = false};
	const struct runner_request request = {.ask = ask, .ask_data = &asked};
	runner_fixture_begin(&f);
	write_text(&f, "project/.llm-mux/config.toml",
		"[backends.a]\ncommand = \"sh\"\napi_key = \"planted-secret-0123456789\"\n"
		"env = {PLAIN = \"planted-secret-9876543210\"}\n");
	assert_null(runner_fixture_load(&f, request));
	assert_int_equal(asked.count, 1);
	assert_non_null(strstr(asked.what, "/project/.llm-mux/config.toml\n"));
	assert_non_null(strstr(asked.what, "  backends.a.command = \"sh\"\n"));
	assert_non_null(strstr(asked.what, "  backends.a.api_key = ***\n"));
	assert_non_null(strstr(asked.what, "  backends.a.env = ***\n"));
	assert_null(strstr(asked.what, "planted"));
	/* yes is recorded, for these bytes alone */
	asked.answer = true;
	assert_non_null(runner_fixture_load(&f, request));
	assert_non_null(runner_fixture_load(&f, request));
	assert_non_null(runner_fixture_load(&f, (struct runner_request){0}));
	assert_int_equal(asked.count, 2);
	write_text(&f, "project/.llm-mux/config.toml",
		"[backends.a]\ncommand = \"sh\"\napi_key = \"planted-secret-0123456789\"\n"
		"env = {PLAIN = \"planted-secret-9876543210\"} \n");
	assert_null(runner_fixture_load(&f, (struct runner_request){0}));
	runner_fixture_end(&f);
}

/* A record that cannot be read trusts nothing and says so. */
static void test_damaged_record(void **state) {
	(void)state;
	struct runner_fixture f;
	runner_fixture_begin(&f);
	assert_true(file_make_dir(runner_fixture_path(&f, "state/llm-mux"), 0700, NULL));
	write_text(&f, "state/llm-mux/trust.json", "{\"");
	write_text(&f, "project/.llm-mux/config.toml", "[backends.a]\ncommand = \"sh\"\n");
	assert_null(runner_fixture_load(&f, (struct runner_request){0}));
	assert_non_null(strstr(f.report.data, "trust.json is damaged"));
	/* what needs no trust does not ask the record */
	write_text(&f, "project/.llm-mux/config.toml", "[defaults]\ntimeout = 5\n");
	assert_non_null(runner_fixture_load(&f, (struct runner_request){0}));
	runner_fixture_end(&f);
}

int test_runner(void);
int test_runner(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_stops_at_home),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_no_dotenv),
		cmocka_unit_test(test_obsolete),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_damaged_record),
	};
	return cmocka_run_group_tests_name("config/runner", tests, NULL, NULL);
}
