/* test.c: the command `test`: a workflow against declared replies (issue 4, 11).
 *
 * Each case runs in a directory of its own, which is removed, with mocks in the place of every
 * backend. Shell steps really run there. Nothing of it is recorded, and stores go to a memory that
 * is removed, too. */
#include "cli/test.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/list.h"
#include "cli/run.h"
#include "cli/workflows.h"

#define TEST_TEXT_MAX ((size_t)4 * 1024 * 1024)
#define TEST_OPEN_MAX 32

struct tests {
	struct command_context *context;
	struct arena arena;
	const char *case_file;
	struct test_cases cases;
	struct problems problems;
	bool is_json;
	size_t passed, failed;
	int signal_number;
};

/* One case on its way. */
struct trial {
	struct run_observer observer; /* the first member */
	struct tests *tests;
	struct test_case *one;
	struct run_session session;
	char dir[64]; /* holds work/, config/ and state/ */
	const char *work;
	enum run_end end;
	struct loop_signal *signal;
	struct test_failures failures;
	uint64_t started_ms;
};

/* ---- the directory of a case ---- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
	(void)info;
	(void)kind;
	(void)at;
	return remove(path);
}

static bool make_parents(const char *path, struct arena *arena, struct error *error) {
	const char *slash = strrchr(path, '/');
	const char *parent = arena_strdup(arena, slice_make(path, (size_t)(slash - path)));
	return file_exists(parent) || file_make_dir(parent, 0755, error);
}

static bool set_up(struct trial *trial, struct error *error) {
	struct arena *arena = &trial->session.arena;
	const char *temporary = getenv("TMPDIR");
	bool is_usable = temporary != NULL && temporary[0] == '/' && strlen(temporary) < 32;
	snprintf(trial->dir, sizeof trial->dir, "%s/llm-mux-test-XXXXXX",
		is_usable ? temporary : "/tmp");
	if (mkdtemp(trial->dir) == NULL) {
		trial->dir[0] = '\0';
		return error_set(error, ERROR_PERMISSION, "no temporary directory can be made");
	}
	trial->work = file_join(arena, trial->dir, "work");
	if (!file_make_dir(trial->work, 0755, error)) {
		return false;
	}
	for (size_t i = 0; i < trial->one->files.len; i++) {
		const struct test_file *file = &trial->one->files.items[i];
		const char *path = file_join(arena, trial->work, arena_strdup(arena, file->path));
		if (!make_parents(path, arena, error) ||
			!file_write_atomic(path, file->text, 0644, error)) {
			return false;
		}
	}
	return true;
}

/* What the run keeps in the user's directories goes into the case's. */
static void redirect(struct trial *trial, char **saved) {
	struct arena *arena = &trial->session.arena;
	static const char *const names[] = {"XDG_CONFIG_HOME", "XDG_STATE_HOME"};
	for (size_t i = 0; i < 2; i++) {
		const char *value = getenv(names[i]);
		saved[i] = value != NULL ? strdup(value) : NULL;
		setenv(names[i], file_join(arena, trial->dir, i == 0 ? "config" : "state"), 1);
	}
}

static void restore(char **saved) {
	static const char *const names[] = {"XDG_CONFIG_HOME", "XDG_STATE_HOME"};
	for (size_t i = 0; i < 2; i++) {
		if (saved[i] != NULL) {
			setenv(names[i], saved[i], 1);
			free(saved[i]);
		} else {
			unsetenv(names[i]);
		}
	}
}

/* ---- one case ---- */

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct trial *trial = (struct trial *)observer;
	if (event->type == RUN_EVENT_END) {
		trial->end = event->end;
		loop_stop(trial->session.loop);
	}
}

static void on_signal(int signal_number, void *data) {
	struct trial *trial = data;
	bool is_first = trial->tests->signal_number == 0;
	trial->tests->signal_number = signal_number;
	run_cancel(trial->session.run, !is_first);
}

static void run_trial(struct trial *trial, struct error *error) {
	struct run_session *session = &trial->session;
	struct run_options options;
	if (!run_session_options(session, &options)) {
		return;
	}
	trial->observer.on_event = on_event;
	options.observer = &trial->observer;
	options.dir = trial->work;
	options.presets = trial->one->answers.items;
	options.preset_count = trial->one->answers.len;
	session->run = run_create(&options, error);
	if (session->run == NULL) {
		*ARENA_PUSH(&trial->tests->arena, &trial->failures) =
			arena_strdup(&trial->tests->arena, slice_of(error->message));
		return;
	}
	trial->signal = loop_signal_create(session->loop, SIGINT, on_signal, trial);
	run_start(session->run);
	loop_run(session->loop);
	test_check(trial->one, session->run, trial->end, trial->work, &trial->tests->arena,
		&trial->failures);
	if (trial->signal != NULL) {
		loop_signal_destroy(trial->signal);
	}
}

/* What cannot be found or read is told of when the session loads it. */
static void define_mocks(struct trial *trial) {
	struct run_session *session = &trial->session;
	struct workflow_places places;
	const char *path, *origin;
	struct slice text;
	workflow_places_of(session->runner, &session->arena, &places);
	if (!workflow_find(&places, session->flags.workflow, &session->arena, &path, &origin, &text,
		    NULL)) {
		return;
	}
	struct problems problems;
	problems_init(&problems, &session->arena, path, text);
	struct workflow *workflow = workflow_load(path, origin, text, &problems);
	if (workflow != NULL) {
		test_mocks_define(&trial->tests->cases, runner_change(session->config), workflow,
			&session->arena);
	}
	workflow_destroy(workflow);
}

/* What was written on err while the case was made is why it could not be run. */
static bool prepare(struct trial *trial) {
	struct run_session *session = &trial->session;
	struct tests *tests = trial->tests;
	session->flags = (struct run_flags){
		.workflow = tests->context->arguments[0],
		.words = trial->one->words,
		.word_count = trial->one->word_count,
		.output = RUN_OUTPUT_QUIET,
		.team = trial->one->team.data,
		.ecosystem = trial->one->ecosystem.data,
		.project = trial->one->project.data,
		.max_cost_microusd = -1,
		.takes_defaults = true,
	};
	if (!run_session_configure(session)) {
		return false;
	}
	define_mocks(trial);
	if (!run_session_load(session)) {
		return false;
	}
	struct runner_config *runner = runner_change(session->config);
	runner->dir = trial->work;
	session->dir = trial->work;
	return test_mocks_place(
		       trial->one, runner, session->workflow, &session->arena, &tests->problems) &&
	       run_session_bind(session) && run_session_start(session);
}

static void show_failure(FILE *out, struct slice text) {
	struct slice line;
	struct buf safe;
	buf_init(&safe, 0);
	run_words_append(&safe, text);
	text = buf_slice(&safe);
	for (const char *indent = "     "; text.data != NULL && slice_split(&text, '\n', &line);
		indent = "       ") {
		fprintf(out, "%s%.*s\n", indent, SLICE_FMT(line));
	}
	buf_finish(&safe);
}

static void show(struct trial *trial) {
	struct tests *tests = trial->tests;
	FILE *out = tests->context->out;
	bool is_fine = trial->failures.len == 0;
	uint64_t took_ms = clock_monotonic_ms() - trial->started_ms;
	if (tests->is_json) {
		struct buf line;
		struct json_writer w;
		buf_init(&line, 0);
		json_writer_init(&w, &line, false);
		json_begin_object(&w);
		json_put_cstr(&w, "type", "Case");
		json_put_string(&w, "name", trial->one->name);
		json_put_bool(&w, "success", is_fine);
		json_put_int(&w, "duration_ms", (int64_t)took_ms);
		json_write_key(&w, "failures");
		json_begin_array(&w);
		for (size_t i = 0; i < trial->failures.len; i++) {
			json_write_cstr(&w, trial->failures.items[i]);
		}
		json_end_array(&w);
		json_end_object(&w);
		fprintf(out, "%.*s\n", SLICE_FMT(buf_slice(&line)));
		buf_finish(&line);
	} else {
		char took[RUN_DURATION_MAX];
		run_words_duration(took_ms, took);
		fprintf(out, "%s %.*s (%s)\n", is_fine ? "ok  " : "FAIL",
			SLICE_FMT(trial->one->name), took);
		for (size_t i = 0; i < trial->failures.len; i++) {
			show_failure(out, slice_of(trial->failures.items[i]));
		}
	}
	fflush(out);
}

/* False: nothing can be run at all, which has been told. */
static bool run_case(struct tests *tests, struct test_case *one) {
	struct trial trial = {
		.tests = tests, .one = one, .end = RUN_FAILED, .started_ms = clock_monotonic_ms()};
	char *saved[2];
	struct error error = {0};
	run_session_init(&trial.session, tests->context);
	bool is_set = set_up(&trial, &error);
	if (!is_set) {
		command_fail(tests->context, COMMAND_FAILED, "%s", error.message);
	}
	bool is_ready = is_set && prepare(&trial);
	if (is_ready) {
		redirect(&trial, saved);
		run_trial(&trial, &error);
		restore(saved);
		show(&trial);
		tests->passed += trial.failures.len == 0;
		tests->failed += trial.failures.len > 0;
	}
	run_session_finish(&trial.session);
	if (trial.dir[0] != '\0') {
		nftw(trial.dir, remove_entry, TEST_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
	}
	return is_ready;
}

/* ---- the file of cases ---- */

/* `<workflow>.test.toml` beside the workflow, or in tests/ beside it or beside its directory. */
static const char *find_cases(struct tests *tests, const char *path, const char *dir) {
	struct arena *arena = &tests->arena;
	struct slice stem = slice_of(strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
	if (slice_ends_with(stem, SLICE(".toml"))) {
		stem = slice_sub(stem, 0, stem.len - 5);
	}
	static const char *const formats[] = {"", "tests/", "../tests/"};
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const char *file =
			arena_printf(arena, "%s/%s%.*s.test.toml", dir, formats[i], SLICE_FMT(stem))
				.data;
		if (file_exists(file)) {
			return file;
		}
	}
	command_fail(tests->context, COMMAND_USAGE,
		"there are no cases for %s: neither %s/%.*s.test.toml nor one in tests/; "
		"--case FILE names another file",
		path, dir, SLICE_FMT(stem));
	return NULL;
}

static const char *dir_of(const char *path, struct arena *arena) {
	const char *slash = strrchr(path, '/');
	return slash != NULL ? arena_strdup(arena, slice_make(path, (size_t)(slash - path))) : ".";
}

/* Where the workflow lies; of a built-in one, where the project's would. */
static bool choose_cases(struct tests *tests) {
	struct command_workflows workflows;
	const char *path, *origin;
	struct slice text;
	tests->case_file = command_value(tests->context, "case");
	if (!command_workflows_init(&workflows, tests->context, COMMAND_PROJECT_SHOWN)) {
		return false;
	}
	bool is_found = command_find_workflow(
		&workflows, tests->context->arguments[0], &path, &origin, &text);
	if (is_found && tests->case_file == NULL) {
		const char *dir = strcmp(origin, "built-in") != 0 ? dir_of(path, &tests->arena)
				  : workflows.places.project_dir != NULL
					  ? workflows.places.project_dir
					  : ".";
		tests->case_file = find_cases(tests, arena_strdup(&tests->arena, slice_of(path)),
			arena_strdup(&tests->arena, slice_of(dir)));
	}
	command_workflows_finish(&workflows);
	return is_found && tests->case_file != NULL;
}

static bool read_cases(struct tests *tests) {
	struct error error = {0};
	struct slice kept = {0};
	bool is_read = file_load(tests->case_file, TEST_TEXT_MAX, &tests->arena, &kept, &error);
	problems_init(&tests->problems, &tests->arena, tests->case_file, kept);
	if (!is_read) {
		command_fail(tests->context, COMMAND_USAGE, "%s", error.message);
		return false;
	}
	return test_cases_read(kept, dir_of(tests->case_file, &tests->arena), &tests->arena,
		&tests->problems, &tests->cases);
}

/* ---- the command ---- */

static bool run_cases(struct tests *tests) {
	const char *filter = command_value(tests->context, "filter");
	bool is_fine = true;
	for (size_t i = 0; is_fine && i < tests->cases.len && tests->signal_number == 0; i++) {
		struct test_case *one = &tests->cases.items[i];
		if (filter == NULL || slice_glob(slice_of(filter), one->name, true)) {
			is_fine = run_case(tests, one);
		}
	}
	if (is_fine && tests->passed + tests->failed == 0 && tests->signal_number == 0) {
		command_fail(tests->context, COMMAND_USAGE, "no case is called %s", filter);
		return false;
	}
	return is_fine;
}

static void show_sum(struct tests *tests, bool is_fine) {
	FILE *out = tests->context->out;
	if (tests->is_json) {
		fprintf(out,
			"{\"type\":\"Result\",\"success\":%s,\"output\":null,\"passed\":%zu,"
			"\"failed\":%zu}\n",
			is_fine && tests->failed == 0 ? "true" : "false", tests->passed,
			tests->failed);
	} else if (is_fine) {
		fprintf(out, "%zu passed, %zu failed\n", tests->passed, tests->failed);
	}
}

static int test_run(struct command_context *context) {
	struct tests tests = {.context = context};
	if (!list_wants_json(context, &tests.is_json)) {
		return COMMAND_USAGE;
	}
	arena_init(&tests.arena, NULL, (size_t)256 * 1024 * 1024);
	signal(SIGPIPE, SIG_IGN);
	bool is_fine = choose_cases(&tests) && read_cases(&tests) && run_cases(&tests);
	command_print_problems(context, &tests.problems);
	show_sum(&tests, is_fine);
	int code = !is_fine                  ? COMMAND_USAGE
		   : tests.signal_number > 0 ? 128 + tests.signal_number
		   : tests.failed > 0        ? COMMAND_FAILED
					     : COMMAND_OK;
	arena_finish(&tests.arena);
	return code;
}

static const struct command_option options[] = {
	{0, "case", "FILE", "the file of cases", NULL},
	{0, "filter", "GLOB", "only cases whose name fits", NULL},
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_test = {
	.name = "test",
	.summary = "run a workflow against declared replies",
	.usage = "WORKFLOW",
	.details =
		"Cases stand in <workflow>.test.toml beside the workflow, or in tests/ there:\n"
		"arguments, files, the replies of models, and what is expected of steps, files\n"
		"and the final text. No model is asked; shell steps run in a fresh directory.\n"
		"Exit code 0: all passed; 1: one failed; 2: the cases or the workflow are wrong.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = test_run,
};
