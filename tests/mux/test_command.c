/* test_command.c: programs as backends (workflows.md 2.1, 2.4, 2.5), with sh scripts as the
 * programs. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/runner.h"
#include "mux/role_help.h"
#include "proc/process.h"

int test_command(void);

/* A backend `a` that runs `sh -c SCRIPT`, with the prompt as $1 where it goes by argument; `more`
 * are further lines of TOML. */
static void begin_script(struct mux_fixture *f, const char *script, const char *more) {
	struct buf toml = {0};
	buf_printf(&toml,
		"[backends.a]\ncommand = \"sh\"\nretry_delay = 1\nmax_retries = 0\n%s\n"
		"args = [\"-c\", '''%s''', \"script\"]\n%c",
		more, script, '\0');
	mux_fixture_begin_runner(f, toml.data, NULL);
	buf_finish(&toml);
}

/* ---- a script, a prompt, and what comes of it ---- */

struct success_case {
	const char *script, *more, *prompt, *text;
};

static const struct success_case successes[] = {
	/* The prompt is one argument, whatever it holds. */
	{"printf '%s|%s' \"$#\" \"$1\"", "", "Hello there", "1|Hello there"},
	{"printf %s \"$1\"", "", "a'b\"c$(x) `y`\n\\ *", "a'b\"c$(x) `y`\n\\ *"},
	/* Exactly one LF or CRLF at the end is not the answer's. */
	{"printf 'x\\n'", "", "p", "x"},
	{"printf 'x\\r\\n'", "", "p", "x"},
	{"printf 'x\\n\\n'", "", "p", "x\n"},
	{"printf 'x\\r'", "", "p", "x\r"},
	{"printf 'x\\n\\r\\n'", "", "p", "x\n"},
	{"printf 'a\\r\\nb\\n'", "", "p", "a\r\nb"},
	{"printf '\\n'", "", "p", ""},
	{"true", "", "p", ""},
	/* Bytes that are no UTF-8. */
	{"printf 'a\\377b\\n'", "", "p",
		"a\xEF\xBF\xBD"
		"b"},
	{"printf '\\342\\202'", "", "p", "\xEF\xBF\xBD"},
	{"printf 'a\\000b'", "", "p", "a"}, /* compared as text below */
	/* stdin. */
	{"echo \"$#:$(cat)\"", "", "p", "1:"},
	{"echo \"$#:$(cat)\"", "stdin = true", "by stdin", "0:by stdin"},
	{"cat; printf .", "stdin = true", "ends in newline\n", "ends in newline\n."},
	/* What it says on stderr is not the answer. */
	{"echo out; echo err >&2", "", "p", "out"},
	/* Variables. */
	{"echo \"$${CLAUDECODE-unset}\"", "", "p", "unset"},
	{"echo \"$${CLAUDECODE-unset}\"", "env = { CLAUDECODE = \"kept\" }", "p", "kept"},
	{"echo $A-$B", "env = [[\"A\", \"1\"], [\"B\", \"two words\"]]", "p", "1-two words"},
	{"echo $A", "env = { A = \"${MISSING:-otherwise}\" }", "p", "otherwise"},
	/* system stands before the prompt. */
	{"printf %s \"$1\"", "system = \"Be brief.\"", "Why?", "Be brief.\n\nWhy?"},
};

static void ask(struct role_client *client, struct mux_fixture *f, const char *prompt) {
	client->request.prompt = slice_of(prompt);
	role_client_ask(client, f, ROLE_FALLBACK, "a");
}

static void answers_are_what_programs_print(void **state) {
	(void)state;
	setenv("CLAUDECODE", "1", 1);
	for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
		const struct success_case *row = &successes[i];
		for (int streams = 0; streams < 2; streams++) {
			struct mux_fixture f;
			struct role_client client = {.request.streams = streams};
			begin_script(&f, row->script, row->more);
			ask(&client, &f, row->prompt);
			const struct role_answer *answer = &client.result->answers[0];
			if (!answer->is_success || strcmp(answer->text.data, row->text) != 0) {
				fail_msg("%s: \"%s\" %s", row->script, answer->text.data,
					answer->error.message);
			}
			assert_int_equal(answer->exit_code, 0);
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
	unsetenv("CLAUDECODE");
}

/* A prompt and an answer with bytes that C strings do not hold. */
static void bytes_stay_bytes(void **state) {
	struct mux_fixture f;
	(void)state;
	struct role_client client = {0};
	begin_script(&f, "cat", "");
	client.request.prompt = SLICE("a\0b");
	role_client_ask(&client, &f, ROLE_FALLBACK, "a");
	const struct role_answer *answer = &client.result->answers[0];
	assert_true(answer->is_success);
	assert_int_equal(answer->text.len, 3);
	assert_memory_equal(answer->text.data, "a\0b", 3);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

static void what_is_odd_is_warned_of(void **state) {
	static const struct {
		const char *script, *warning;
	} rows[] = {{"printf 'a\\377'", "UTF-8"}, {"true", "empty"}, {"echo fine", NULL}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		begin_script(&f, rows[i].script, "");
		ask(&client, &f, "p");
		struct slice warning = client.result->answers[0].warning;
		assert_true(client.result->is_success);
		if (rows[i].warning == NULL) {
			assert_int_equal(warning.len, 0);
		} else {
			assert_says(warning.data, rows[i].warning);
		}
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* ---- failures ---- */

struct failure_case {
	const char *script, *more;
	enum role_failure failure;
	int exit_code;
	const char *says;
};

static const struct failure_case failures[] = {
	{"echo boom >&2; echo more >&2; exit 3", "", ROLE_FAILURE_EXECUTION, 3,
		"a ended with exit code 3: boom"},
	{"exit 1", "", ROLE_FAILURE_EXECUTION, 1, "a ended with exit code 1"},
	{"kill -9 $$$$", "", ROLE_FAILURE_EXECUTION, 137, "signal 9 (exit code 137)"},
	{"printf '\\n\\033[31mred\\033[0m\\ttext\\n' >&2; exit 2", "", ROLE_FAILURE_EXECUTION, 2,
		"exit code 2: red text"},
	/* 2.5, from stderr and from the end of stdout. */
	{"echo 'Error: not logged in' >&2; exit 1", "", ROLE_FAILURE_AUTH, 1, "not logged in"},
	{"echo 'Invalid API key. Please run /login'; exit 1", "", ROLE_FAILURE_AUTH, 1,
		"Please run /login"},
	{"echo 'HTTP 429 Too Many Requests' >&2; exit 1", "", ROLE_FAILURE_RATE_LIMIT, 1, "429"},
	{"echo 'connect ECONNREFUSED 127.0.0.1:9' >&2; exit 1", "", ROLE_FAILURE_NETWORK, 1,
		"ECONNREFUSED"},
	{"echo 'please slow DOWN now' >&2; exit 1", "rate_limit_patterns = [\"Slow down\"]",
		ROLE_FAILURE_RATE_LIMIT, 1, "slow DOWN"},
	{"echo rate limit; head -c 5000 /dev/zero | tr '\\000' x; exit 1", "",
		ROLE_FAILURE_EXECUTION, 1, "exit code 1: xxxx"},
	/* Limits. */
	{"exec sleep 60", "timeout = \"50ms\"\nretry_timeout = false", ROLE_FAILURE_TIMEOUT, 143,
		"a did not end within 50ms (timeout) and was ended"},
	{"trap '' TERM; sleep 60; sleep 60", "timeout = \"50ms\"\nkill_grace_ms = 20",
		ROLE_FAILURE_TIMEOUT, 137, "50ms"},
	{"exec yes", "max_output_bytes = 1000", ROLE_FAILURE_EXECUTION, 143,
		"more than 1000 bytes (max_output_bytes)"},
};

static void failures_are_classified(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		const struct failure_case *row = &failures[i];
		for (int streams = 0; streams < 2; streams++) {
			struct mux_fixture f;
			struct role_client client = {.request.streams = streams};
			begin_script(&f, row->script, row->more);
			ask(&client, &f, "p");
			const struct role_answer *answer = &client.result->answers[0];
			assert_false(answer->is_success);
			if (answer->failure != row->failure ||
				answer->exit_code != row->exit_code) {
				fail_msg("%s: %s, code %d: %s", row->script,
					role_failure_names[answer->failure], answer->exit_code,
					answer->error.message);
			}
			assert_says(answer->error.message, row->says);
			assert_int_equal(answer->attempts, 1);
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
}

/* 2.1: what was printed before a time-out, or before exit code 1, is not lost. */
static void what_was_printed_before_a_failure_is_kept(void **state) {
	static const struct {
		const char *script, *more;
	} rows[] = {
		{"printf 'part\n'; exec sleep 60", "timeout = \"300ms\""},
		{"printf 'part\n'; exit 1", ""},
		{"printf 'part\n'; exit 1", "json = true"},
	};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {.request.streams = i % 2};
		begin_script(&f, rows[i / 2].script, rows[i / 2].more);
		ask(&client, &f, "p");
		assert_false(client.result->is_success);
		struct slice text = client.result->answers[0].text;
		assert_true(slice_is(slice_trim(text), "part"));
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

/* Spawn failures: unavailable, not retried, the program is named; so is what is not set. */
static void what_cannot_run_is_named(void **state) {
	static const struct {
		const char *toml;
		enum role_failure failure;
		const char *says;
		bool is_seen_before; /* by `doctor` */
	} rows[] = {
		{"command = \"llm-mux-no-such-program\"", ROLE_FAILURE_UNAVAILABLE,
			"llm-mux-no-such-program", true},
		{"command = \"/etc/passwd\"", ROLE_FAILURE_UNAVAILABLE, "/etc/passwd", true},
		{"command = \"sh\"\nargs = [\"-c\", \"echo ${LLM_MUX_UNSET}\"]",
			ROLE_FAILURE_CONFIG, "LLM_MUX_UNSET", false},
		{"command = \"${LLM_MUX_UNSET}/x\"", ROLE_FAILURE_CONFIG, "LLM_MUX_UNSET", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		struct buf toml = {0};
		struct error error = {0};
		buf_printf(&toml, "[backends.a]\nretry_delay = 1\n%s\n%c", rows[i].toml, '\0');
		mux_fixture_begin_runner(&f, toml.data, NULL);
		ask(&client, &f, "p");
		const struct role_answer *answer = &client.result->answers[0];
		if (answer->failure != rows[i].failure) {
			fail_msg("%s: %s %s", rows[i].toml, role_failure_names[answer->failure],
				answer->error.message);
		}
		assert_says(answer->error.message, rows[i].says);
		assert_true(answer->attempts <= 1);
		assert_int_equal(answer->exit_code, -1);
		bool is_available = role_backend_is_available(f.mux, "a", &client.arena, &error);
		assert_int_equal(is_available, !rows[i].is_seen_before);
		if (!is_available) {
			assert_says(error.message, rows[i].says);
		}
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		buf_finish(&toml);
	}
}

/* `first` goes on to the next backend when a program is missing (D2). */
static void first_passes_over_a_missing_program(void **state) {
	struct mux_fixture f;
	struct role_client client = {0};
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"llm-mux-no-such-program\"\n"
		"[backends.b]\ncommand = \"echo\"\n",
		NULL);
	role_client_ask(&client, &f, ROLE_FIRST, "a,b");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "Hello there");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- with files ---- */

static char *make_dir(void) {
	char name[] = "/tmp/llm-mux-command-XXXXXX";
	assert_non_null(mkdtemp(name));
	return mem_dup(name, strlen(name));
}

static void remove_dir(char *dir) {
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
	free(dir);
}

static void write_file(const char *dir, const char *name, const char *text, unsigned mode) {
	struct arena arena = {0};
	struct error error;
	assert_true(file_write_atomic(file_join(&arena, dir, name), slice_of(text), mode, &error));
	arena_finish(&arena);
}

static size_t count_files(const char *path) {
	size_t count = 0;
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		count += entry->d_name[0] != '.';
	}
	closedir(dir);
	return count;
}

/* Checklist, "CLI failure text": two rate limits, then an answer; the delays are the program's. */
static void rate_limits_are_waited_for(void **state) {
	struct mux_fixture f;
	struct role_client client = {0};
	char *dir = make_dir();
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"sh\"\nretry_delay = 60000\nargs = [\"-c\", '''\n"
		"echo x >>count; if [ $(wc -l <count) -lt 3 ]; then\n"
		"echo '429 Too Many Requests, try again in 3ms' >&2; exit 1; fi; echo ok''']\n",
		NULL);
	client.request.cwd = dir;
	ask(&client, &f, "p");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "ok");
	assert_int_equal(client.result->first->attempts, 3);
	assert_int_equal(client.retries, 2);
	assert_int_equal(client.waits_ms[0], 3);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);

	client = (struct role_client){.request.cwd = dir};
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"sh\"\nretry_delay = 1\n"
		"args = [\"-c\", \"echo x >>asked; echo not logged in >&2; exit 1\"]\n",
		NULL);
	ask(&client, &f, "p");
	assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_AUTH);
	assert_int_equal(client.result->answers[0].attempts, 1);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
	remove_dir(dir);
}

static void directory_and_variables_are_the_calls(void **state) {
	struct mux_fixture f;
	char *dir = make_dir();
	const struct process_variable variables[] = {{"A", "call"}, {"C", "more"}};
	struct role_client client = {
		.request.cwd = dir, .request.variables = variables, .request.variable_count = 2};
	(void)state;
	begin_script(&f, "pwd -P; echo $A $B $C", "env = { A = \"backend\", B = \"backend\" }");
	ask(&client, &f, "p");
	assert_true(client.result->is_success);
	assert_true(slice_starts_with(client.result->first->text, slice_of(dir)));
	assert_true(slice_ends_with(client.result->first->text, SLICE("\ncall backend more")));
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
	remove_dir(dir);
}

/* ---- where the prompt goes ---- */

static char *long_prompt(size_t len) {
	char *text = mem_alloc(len + 1);
	for (size_t i = 0; i < len; i++) {
		text[i] = (char)('a' + i % 26);
	}
	text[len] = '\0';
	return text;
}

static void long_prompts_go_by_stdin(void **state) {
	(void)state;
	static const struct {
		const char *more;
		size_t len;
		const char *text; /* NULL: it fails */
	} rows[] = {
		{"", 100 * 1024, "1 0"},
		{"", 100 * 1024 + 1, "0 102401"},
		{"", 1024 * 1024, "0 1048576"},
		{"stdin = false", 128 * 1024 - 1, "1 0"},
		{"stdin = false", 128 * 1024, NULL},
		{"stdin = true", 1, "0 1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		char *prompt = long_prompt(rows[i].len);
		begin_script(&f, "echo $# $(wc -c)", rows[i].more);
		ask(&client, &f, prompt);
		const struct role_answer *answer = &client.result->answers[0];
		if (rows[i].text != NULL) {
			assert_text(answer->text, rows[i].text);
		} else {
			assert_int_equal(answer->failure, ROLE_FAILURE_EXECUTION);
			assert_says(answer->error.message, "{prompt_file}");
			assert_int_equal(answer->attempts, 1);
		}
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		free(prompt);
	}
	/* Checklist: 1 MiB with `cat` comes back whole. */
	struct mux_fixture f;
	struct role_client client = {0};
	char *prompt = long_prompt(1024 * 1024);
	mux_fixture_begin_runner(&f, "[backends.a]\ncommand = \"cat\"\n", NULL);
	ask(&client, &f, prompt);
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, prompt);
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
	free(prompt);
}

static void placeholders_stand_for_the_prompt(void **state) {
	static const struct {
		const char *args, *text;
	} rows[] = {
		{"'-m', '{prompt}'", "-m,Hello there,"},
		{"'--text={prompt}!', 'b'", "--text=Hello there!,b,"},
		{"'{prompt}{prompt}', '{other}{', '$${x}'",
			"Hello thereHello there,{other}{,${x},"},
		{"'last'", "last,Hello there,"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		struct buf toml = {0};
		buf_printf(&toml, "[backends.a]\ncommand = \"printf\"\nargs = ['%%s,', %s]\n%c",
			rows[i].args, '\0');
		mux_fixture_begin_runner(&f, toml.data, NULL);
		ask(&client, &f, NULL);
		assert_true(client.result->is_success);
		assert_text(client.result->first->text, rows[i].text);
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		buf_finish(&toml);
	}
}

/* A 0600 file that is there while the program runs, and not afterwards: not when it answered, not
 * when it failed, not when nobody wants to know any more. */
static void a_prompt_file_is_private_and_removed(void **state) {
	char *dir = make_dir();
	(void)state;
	setenv("TMPDIR", dir, 1);
	static const char *const scripts[] = {
		"stat -c %a \"$1\"; cat \"$1\"", "exit 1", "exec sleep 60"};
	for (size_t i = 0; i < 3; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		struct buf toml = {0};
		buf_printf(&toml,
			"[backends.a]\ncommand = \"sh\"\nmax_retries = 0\n"
			"args = [\"-c\", '''%s''', \"x\", \"{prompt_file}\"]\n%c",
			scripts[i], '\0');
		mux_fixture_begin_runner(&f, toml.data, NULL);
		if (i == 2) {
			client.request.prompt = SLICE("secret");
			role_client_begin(&client, &f, ROLE_FALLBACK, "a");
			while (count_files(dir) == 0) {
				run_turn(f.loop);
			}
		} else {
			ask(&client, &f, "secret");
		}
		if (i == 0) {
			assert_text(client.result->answers[0].text, "600\nsecret");
		}
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		assert_int_equal(count_files(dir), 0);
		buf_finish(&toml);
	}
	/* Nowhere to put it. */
	setenv("TMPDIR", "/nonexistent/dir", 1);
	struct mux_fixture f;
	struct role_client client = {0};
	mux_fixture_begin_runner(
		&f, "[backends.a]\ncommand = \"cat\"\nargs = [\"{prompt_file}\"]\n", NULL);
	ask(&client, &f, "p");
	assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_UNAVAILABLE);
	assert_says(client.result->answers[0].error.message, "/nonexistent/dir");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
	unsetenv("TMPDIR");
	remove_dir(dir);
}

/* design.md 6: CLIs we know get the prompt by stdin, where no list of processes shows it. */
static void known_programs_read_stdin(void **state) {
	static const struct {
		const char *name, *more, *text;
	} rows[] = {
		{"claude", "args = [\"-p\", \"--\"]", "-p --|Hello there"},
		{"codex", "args = [\"exec\"]", "exec|Hello there"},
		/* Its -p wants a value, to which it adds what it reads. */
		{"gemini", "args = [\"-m\", \"x\", \"-p\"]", "-m x -p |Hello there"},
		{"gemini", "", "|Hello there"},
		{"other", "", "Hello there|"},
		{"other", "args = [\"-y\", \"@openai/codex@1.2\"]",
			"-y @openai/codex@1.2|Hello there"},
		{"claude", "stdin = false", "Hello there|"},
		{"claude", "args = [\"{prompt}\"]", "Hello there|"},
	};
	char *dir = make_dir();
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {0};
		struct buf toml = {0};
		write_file(dir, rows[i].name, "#!/bin/sh\necho \"$*|$(cat)\"\n", 0755);
		buf_printf(&toml, "[backends.a]\ncommand = \"%s/%s\"\n%s\n%c", dir, rows[i].name,
			rows[i].more, '\0');
		mux_fixture_begin_runner(&f, toml.data, NULL);
		ask(&client, &f, NULL);
		assert_true(client.result->is_success);
		assert_text(client.result->first->text, rows[i].text);
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		buf_finish(&toml);
	}
	remove_dir(dir);
}

/* 1.3: the command becomes one quoted argument of the wrapper. */
static void a_wrapper_gets_the_command_quoted(void **state) {
	struct mux_fixture f;
	struct role_client client = {0};
	struct error error = {0};
	(void)state;
	mux_fixture_begin_runner(&f,
		"[defaults]\ncommand_wrapper = \"sh  -c\"\n"
		"[backends.a]\ncommand = \"printf\"\nargs = [\"%s,\", \"it's\", \"$x\"]\n"
		"[backends.b]\ncommand = \"known-inside-only\"\n",
		NULL);
	ask(&client, &f, "a'b $(c)");
	assert_true(client.result->is_success);
	assert_text(client.result->first->text, "it's,$x,a'b $(c),");
	assert_true(role_backend_is_available(f.mux, "b", &client.arena, &error));
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- streams ---- */

/* The program waits for a file that is made when its first words came: they come before its end. */
static void words_come_as_they_are_printed(void **state) {
	struct mux_fixture f;
	char *dir = make_dir();
	struct role_client client = {.request.streams = true, .request.cwd = dir};
	(void)state;
	begin_script(&f,
		"printf 'first\\n'; until [ -e go ]; do sleep 0.01; done; printf 'last\\n'", "");
	client.request.prompt = SLICE("p");
	role_client_begin(&client, &f, ROLE_FALLBACK, "a");
	while (client.streamed.len == 0) {
		run_turn(f.loop);
	}
	assert_null(client.result);
	/* The newline may be the last: it is held back. */
	assert_text(buf_slice(&client.streamed), "first");
	write_file(dir, "go", "", 0600);
	role_client_wait(&client, &f);
	assert_true(client.result->is_success);
	assert_text(buf_slice(&client.streamed), "first\nlast");
	assert_text(client.result->first->text, "first\nlast");
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
	remove_dir(dir);
}

/* ---- ends ---- */

static int read_pid(const char *dir) {
	struct arena arena = {0};
	struct buf text = {0};
	const char *path = file_join(&arena, dir, "pid");
	for (int i = 0; i < 10000; i++) {
		buf_reset(&text, 64);
		if (file_read(path, 100, &text, NULL) && text.len > 1) {
			break;
		}
		usleep(1000);
	}
	buf_append_byte(&text, '\0');
	int pid = atoi(text.data);
	buf_finish(&text);
	arena_finish(&arena);
	assert_true(pid > 1);
	return pid;
}

static void assert_gone(int pid) {
	for (int i = 0; i < 10000 && kill(pid, 0) == 0; i++) {
		usleep(1000);
	}
	assert_int_equal(kill(pid, 0), -1);
}

/* The tree of a program ends with its call: released, or at the call's deadline. */
static void nothing_outlives_its_call(void **state) {
	(void)state;
	for (int released = 0; released < 2; released++) {
		struct mux_fixture f;
		char *dir = make_dir();
		struct role_client client = {.request.cwd = dir, .request.prompt = SLICE("p")};
		begin_script(&f, "sleep 60 & echo $! >pid; wait", "kill_grace_ms = 50");
		client.request.deadline_ms = released ? 0 : loop_now_ms(f.loop) + 300;
		role_client_begin(&client, &f, ROLE_FALLBACK, "a");
		if (released) {
			while (count_files(dir) == 0) {
				run_turn(f.loop);
			}
		} else {
			role_client_wait(&client, &f);
			assert_int_equal(client.result->answers[0].failure, ROLE_FAILURE_TIMEOUT);
		}
		int pid = read_pid(dir);
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
		assert_gone(pid);
		remove_dir(dir);
	}
}

static void every_event_may_be_the_last(void **state) {
	(void)state;
	static const char *const scripts[] = {
		"echo one; sleep 0.01; echo two; sleep 0.01; echo three", "echo one; exit 1",
		"echo '429' >&2; exit 1"};
	for (size_t i = 0; i < 3; i++) {
		bool was_released = true;
		for (size_t at = 1; was_released; at++) {
			struct mux_fixture f;
			struct role_client client = {.request.streams = true, .release_at = at};
			begin_script(&f, scripts[i], "");
			ask(&client, &f, "p");
			was_released = client.is_released;
			role_client_finish(&client, &f);
			mux_fixture_end(&f);
		}
	}
}

/* A secret that a program repeats does not get into messages. */
static void secrets_are_masked_in_messages(void **state) {
	char *const environment[] = {(char[]){"K=very-secret-value"}, NULL};
	struct mux_fixture f;
	struct role_client client = {0};
	(void)state;
	mux_fixture_begin_runner(&f,
		"[backends.a]\ncommand = \"sh\"\n"
		"args = [\"-c\", \"echo bad key $KEY >&2; exit 1\"]\n"
		"env = { KEY = \"${K}\" }\nmax_retries = 0\n",
		environment);
	ask(&client, &f, "p");
	assert_says(client.result->answers[0].error.message, "bad key ***");
	if (strstr(client.result->answers[0].error.message, "very-secret") != NULL) {
		fail_msg("%s", client.result->answers[0].error.message);
	}
	role_client_finish(&client, &f);
	mux_fixture_end(&f);
}

/* ---- JSON ---- */

static void json_backends_give_text_and_data(void **state) {
	static const struct {
		const char *script, *more;
		const char *text; /* NULL: parse error */
		const char *data; /* NULL: none */
	} rows[] = {
		{"echo '{\"a\": [1, 2]}'", "json = true", "{\"a\": [1, 2]}", "{\"a\": [1, 2]}"},
		{"printf %s '{\"out\":{\"t\":\"x\\ny\"}}'", "json_path = \"out.t\"", "x\ny",
			"{\"out\":{\"t\":\"x\\ny\"}}"},
		{"echo no", "json = true", NULL, NULL},
		{"echo '{\"result\":\"said\",\"type\":\"result\"}'", "json = true", "said", NULL},
		{"echo '{\"a\":1}'", "", "{\"a\":1}", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mux_fixture f;
		struct role_client client = {.request.streams = i % 2};
		begin_script(&f, rows[i].script, rows[i].more);
		ask(&client, &f, "p");
		const struct role_answer *answer = &client.result->answers[0];
		if (rows[i].text == NULL) {
			assert_int_equal(answer->failure, ROLE_FAILURE_PARSE);
			assert_int_equal(answer->attempts, 1);
		} else {
			assert_true(answer->is_success);
			assert_text(answer->text, rows[i].text);
		}
		if (rows[i].data == NULL) {
			assert_null(answer->data);
		} else {
			assert_text(json_raw(answer->data), rows[i].data);
		}
		role_client_finish(&client, &f);
		mux_fixture_end(&f);
	}
}

int test_command(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_what_programs_print),
		cmocka_unit_test(bytes_stay_bytes),
		cmocka_unit_test(what_is_odd_is_warned_of),
		cmocka_unit_test(failures_are_classified),
		cmocka_unit_test(what_was_printed_before_a_failure_is_kept),
		cmocka_unit_test(what_cannot_run_is_named),
		cmocka_unit_test(first_passes_over_a_missing_program),
		cmocka_unit_test(rate_limits_are_waited_for),
		cmocka_unit_test(directory_and_variables_are_the_calls),
		cmocka_unit_test(long_prompts_go_by_stdin),
		cmocka_unit_test(placeholders_stand_for_the_prompt),
		cmocka_unit_test(a_prompt_file_is_private_and_removed),
		cmocka_unit_test(known_programs_read_stdin),
		cmocka_unit_test(a_wrapper_gets_the_command_quoted),
		cmocka_unit_test(words_come_as_they_are_printed),
		cmocka_unit_test(nothing_outlives_its_call),
		cmocka_unit_test(every_event_may_be_the_last),
		cmocka_unit_test(secrets_are_masked_in_messages),
		cmocka_unit_test(json_backends_give_text_and_data),
	};
	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
