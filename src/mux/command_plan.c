/* command_plan.c: what to run for a prompt: program, arguments, stdin and variables (workflows.md
 * 2.1, design.md section 6).
 *
 *   {prompt} or {prompt_file} in args   there, and nowhere else
 *   stdin = true                        stdin
 *   a CLI we know, or a long prompt     stdin, unless stdin = false
 *   otherwise                           one more argument */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "mux/command_internal.h"

#define PROMPT SLICE("{prompt}")
#define PROMPT_FILE SLICE("{prompt_file}")

/* ---- programs we know: they read a prompt from stdin, where no list of processes shows it ---- */

struct known_program {
	const char *name;
	const char *package; /* as npx and the like are given it */
	/* The option that would take the prompt as its value; it gets an empty one, to which the
	 * program adds what it reads. Ends with NULL. */
	const char *prompt_options[3];
	const char *format_options[3]; /* whose value says what it prints */
};
static const struct known_program known_programs[] = {
	{"claude", "@anthropic-ai/claude-code", {NULL}, {"--output-format", NULL}},
	{"codex", "@openai/codex", {NULL}, {NULL}},
	{"gemini", "@google/gemini-cli", {"-p", "--prompt", NULL}, {"--output-format", "-o", NULL}},
};

static struct slice base_name(struct slice path) {
	struct slice part;
	struct slice name = path;
	while (slice_split(&path, '/', &part)) {
		name = part;
	}
	return name;
}

/* "@openai/codex", also with a version behind it. */
static bool is_package(struct slice argument, const char *package) {
	size_t len = strlen(package);
	return slice_starts_with(argument, slice_of(package)) &&
	       (argument.len == len || argument.data[len] == '@');
}

static const struct known_program *find_known(const struct runner_backend *settings) {
	for (size_t i = 0; i < sizeof known_programs / sizeof *known_programs; i++) {
		const struct known_program *known = &known_programs[i];
		if (slice_is(base_name(settings->command), known->name)) {
			return known;
		}
		for (size_t a = 0; a < settings->args.len; a++) {
			if (is_package(settings->args.items[a], known->package)) {
				return known;
			}
		}
	}
	return NULL;
}

static bool is_one_of(struct slice word, const char *const *words) {
	for (; *words != NULL; words++) {
		if (slice_is(word, *words)) {
			return true;
		}
	}
	return false;
}

/* --output-format json, --output-format=stream-json */
static bool asks_for_json(const struct known_program *known, const struct option_strings *args) {
	for (size_t i = 0; i < args->len; i++) {
		struct slice value = args->items[i];
		struct slice option;
		if (i > 0 && is_one_of(args->items[i - 1], known->format_options)) {
			option = args->items[i - 1];
		} else if (!slice_split(&value, '=', &option) || value.data == NULL) {
			continue;
		}
		if (is_one_of(option, known->format_options) &&
			(slice_is(value, "json") || slice_is(value, "stream-json"))) {
			return true;
		}
	}
	return false;
}

bool command_reads_json(const struct runner_backend *settings) {
	static const char *const flags[] = {"--json", "-j", NULL};
	enum {
		BY_ARGS,
		NEVER,
		ALWAYS
	};
	if (settings->json != BY_ARGS) {
		return settings->json == ALWAYS;
	}
	for (size_t i = 0; i < settings->args.len; i++) {
		if (is_one_of(settings->args.items[i], flags)) {
			return true;
		}
	}
	const struct known_program *known = find_known(settings);
	return settings->json_path.len > 0 ||
	       (known != NULL && asks_for_json(known, &settings->args));
}

/* ---- making a plan ---- */

struct planner {
	const struct command_backend *backend;
	const struct backend_request *request;
	struct arena *arena;
	struct slice prompt;
	struct command_plan *plan;
	bool has_placeholder;
	struct error *error;
};

static bool expand(const struct command_backend *backend, struct slice text, const char *key,
	const struct option_place *place, struct arena *arena, struct slice *out,
	struct error *error) {
	struct slice path =
		arena_printf(arena, "backends.%.*s.%s", SLICE_FMT(backend->settings->name), key);
	struct option_place own =
		runner_backend_place(backend->context.runner, backend->settings, key);
	return runner_expand(text, path.data, place != NULL ? place : &own,
		backend->context.environment, backend->context.secrets, arena, out, error);
}

/* A NUL byte would end the argument: what is behind it would be lost. */
static bool check_argument(struct planner *planner, struct slice argument) {
	if (slice_find_byte(argument, '\0') != SIZE_MAX) {
		return error_set(planner->error, ERROR_INVALID_REQUEST,
			"the prompt holds a NUL byte, which no argument can: set stdin = true for "
			"the backend %s",
			planner->backend->base.name);
	}
	if (argument.len > COMMAND_MAX_ARGUMENT) {
		return error_set(planner->error, ERROR_TOO_LARGE,
			"the prompt makes an argument of %zu bytes, and the system takes %zu: set "
			"stdin = true or use {prompt_file} for the backend %s",
			argument.len, COMMAND_MAX_ARGUMENT, planner->backend->base.name);
	}
	return true;
}

static bool add_argument(struct planner *planner, struct slice argument) {
	if (!check_argument(planner, argument)) {
		return false;
	}
	*ARENA_PUSH(planner->arena, &planner->plan->argv) = arena_strdup(planner->arena, argument);
	return true;
}

static bool write_prompt_file(struct planner *planner) {
	const char *wanted = getenv("TMPDIR");
	const char *dir = wanted != NULL && wanted[0] == '/' ? wanted : "/tmp";
	char *path = arena_strdup(
		planner->arena, arena_printf(planner->arena, "%s/llm-mux-prompt-XXXXXX", dir));
	int fd = mkostemp(path, O_CLOEXEC); /* 0600 */
	if (fd < 0) {
		return error_set_errno(planner->error, ERROR_UNAVAILABLE, errno,
			"cannot make a file for the prompt in %s", dir);
	}
	planner->plan->prompt_file = path;
	struct slice rest = planner->prompt;
	while (rest.len > 0) {
		ssize_t len = write(fd, rest.data, rest.len);
		if (len < 0 && errno != EINTR) {
			int number = errno;
			close(fd);
			return error_set_errno(planner->error, ERROR_UNAVAILABLE, number,
				"cannot write the prompt to %s", path);
		}
		rest = slice_from(rest, len > 0 ? (size_t)len : 0);
	}
	close(fd);
	return true;
}

/* Puts the prompt, or its file's path, in place of what stands for it. */
static bool fill_argument(struct planner *planner, struct slice argument, struct slice *filled) {
	struct buf out = {0};
	bool is_good = true;
	while (is_good && argument.len > 0) {
		size_t at = slice_find_byte(argument, '{');
		struct slice rest = at == SIZE_MAX ? slice_make(NULL, 0) : slice_from(argument, at);
		buf_append(&out, slice_sub(argument, 0, at == SIZE_MAX ? argument.len : at));
		if (slice_starts_with(rest, PROMPT)) {
			planner->has_placeholder = true;
			buf_append(&out, planner->prompt);
			argument = slice_from(rest, PROMPT.len);
		} else if (slice_starts_with(rest, PROMPT_FILE)) {
			planner->has_placeholder = true;
			is_good = planner->plan->prompt_file != NULL || write_prompt_file(planner);
			buf_append_str(&out, is_good ? planner->plan->prompt_file : "");
			argument = slice_from(rest, PROMPT_FILE.len);
		} else {
			buf_append(&out, slice_sub(rest, 0, 1));
			argument = slice_from(rest, 1);
		}
	}
	*filled = arena_dup(planner->arena, buf_slice(&out));
	buf_finish(&out);
	return is_good;
}

static bool add_arguments(struct planner *planner) {
	const struct runner_backend *settings = planner->backend->settings;
	struct slice text;
	if (!expand(planner->backend, settings->command, "command", NULL, planner->arena, &text,
		    planner->error) ||
		!add_argument(planner, text)) {
		return false;
	}
	for (size_t i = 0; i < settings->args.len; i++) {
		if (!expand(planner->backend, settings->args.items[i], "args",
			    settings->args.places != NULL ? &settings->args.places[i] : NULL,
			    planner->arena, &text, planner->error) ||
			!fill_argument(planner, text, &text) || !add_argument(planner, text)) {
			return false;
		}
	}
	return true;
}

static bool prompt_goes_by_stdin(const struct planner *planner) {
	const struct runner_backend *settings = planner->backend->settings;
	if (settings->stdin_mode != RUNNER_STDIN_AUTO) {
		return settings->stdin_mode == RUNNER_STDIN_ALWAYS;
	}
	return !planner->has_placeholder &&
	       (find_known(settings) != NULL || planner->prompt.len > COMMAND_MAX_AUTO_ARGUMENT ||
		       slice_find_byte(planner->prompt, '\0') != SIZE_MAX);
}

static bool place_prompt(struct planner *planner) {
	const struct option_strings *args = &planner->backend->settings->args;
	const struct known_program *known = find_known(planner->backend->settings);
	if (!prompt_goes_by_stdin(planner)) {
		return planner->has_placeholder || add_argument(planner, planner->prompt);
	}
	planner->plan->input = planner->prompt;
	bool is_value_missing = known != NULL && args->len > 0 &&
				is_one_of(args->items[args->len - 1], known->prompt_options);
	return !is_value_missing || add_argument(planner, SLICE(""));
}

/* `nix-shell --run` and the whole command as one quoted argument (1.3). */
static bool wrap(struct planner *planner) {
	const struct runner_config *runner = planner->backend->context.runner;
	struct slice rest = runner != NULL ? runner->defaults.command_wrapper : (struct slice){0};
	struct command_plan inner = *planner->plan;
	struct buf quoted = {0};
	struct slice word;
	planner->plan->argv.items = NULL;
	planner->plan->argv.len = planner->plan->argv.cap = 0;
	while (rest.len > 0 && slice_split(&rest, ' ', &word)) {
		if (word.len > 0) {
			*ARENA_PUSH(planner->arena, &planner->plan->argv) =
				arena_strdup(planner->arena, word);
		}
	}
	if (planner->plan->argv.len == 0) {
		*planner->plan = inner;
		return true;
	}
	for (size_t i = 0; i < inner.argv.len; i++) {
		if (i > 0) {
			buf_append_byte(&quoted, ' ');
		}
		shell_quote_word(slice_of(inner.argv.items[i]), &quoted);
	}
	bool is_good = add_argument(planner, buf_slice(&quoted));
	buf_finish(&quoted);
	return is_good;
}

/* This process's variables, then `env`, then the call's. CLAUDECODE would keep a Claude Code inside
 * another from starting. */
static bool add_variables(struct planner *planner) {
	struct command_plan *plan = planner->plan;
	const struct option_map *env = &planner->backend->settings->env;
	*ARENA_PUSH(planner->arena, &plan->variables) =
		(struct process_variable){"CLAUDECODE", NULL};
	for (size_t i = 0; i < env->len; i++) {
		const struct option_pair *pair = &env->items[i];
		struct slice key = arena_printf(planner->arena, "env.%.*s", SLICE_FMT(pair->key));
		struct slice value;
		if (!expand(planner->backend, pair->value, key.data, &pair->place, planner->arena,
			    &value, planner->error)) {
			return false;
		}
		if (planner->backend->context.secrets != NULL) {
			runner_secrets_add_variable(
				planner->backend->context.secrets, pair->key, value);
		}
		*ARENA_PUSH(planner->arena, &plan->variables) =
			(struct process_variable){arena_strdup(planner->arena, pair->key),
				arena_strdup(planner->arena, value)};
	}
	for (size_t i = 0; i < planner->request->variable_count; i++) {
		*ARENA_PUSH(planner->arena, &plan->variables) = planner->request->variables[i];
	}
	return true;
}

bool command_plan_make(const struct command_backend *backend, const struct backend_request *request,
	struct slice prompt, struct command_plan *plan, struct error *error) {
	struct planner planner = {.backend = backend,
		.request = request,
		.arena = request->arena,
		.prompt = prompt,
		.plan = plan,
		.error = error};
	*plan = (struct command_plan){0};
	bool is_good = add_arguments(&planner) && place_prompt(&planner) && wrap(&planner) &&
		       add_variables(&planner);
	*ARENA_PUSH(planner.arena, &plan->argv) = NULL;
	plan->argv.len--;
	if (!is_good) {
		command_plan_finish(plan);
	}
	return is_good;
}

void command_plan_finish(struct command_plan *plan) {
	if (plan->prompt_file != NULL) {
		unlink(plan->prompt_file);
		plan->prompt_file = NULL;
	}
}

/* ---- before any call ---- */

/* PATH of the backend's own environment; NULL: this process's. */
static bool find_path(const struct command_backend *backend, struct arena *arena, const char **path,
	struct error *error) {
	const struct option_map *env = &backend->settings->env;
	struct slice value = {0};
	for (size_t i = 0; i < env->len; i++) {
		if (slice_is(env->items[i].key, "PATH") &&
			!expand(backend, env->items[i].value, "env.PATH", &env->items[i].place,
				arena, &value, error)) {
			return false;
		}
	}
	*path = value.data != NULL ? arena_strdup(arena, value) : NULL;
	return true;
}

const char *command_find_program(
	const struct command_backend *backend, struct arena *arena, struct error *error) {
	const struct runner_config *runner = backend->context.runner;
	struct slice program;
	const char *path;
	if (!expand(backend, backend->settings->command, "command", NULL, arena, &program, error) ||
		!find_path(backend, arena, &path, error)) {
		return NULL;
	}
	/* With a wrapper the program may be known only inside of it. */
	struct slice rest = runner != NULL ? runner->defaults.command_wrapper : (struct slice){0};
	struct slice word = {0};
	while (word.len == 0 && rest.len > 0 && slice_split(&rest, ' ', &word)) {
	}
	program = word.len > 0 ? word : program;
	const char *name = arena_strdup(arena, program);
	bool is_relative = program.len > 0 && name[0] != '/' && strchr(name, '/') != NULL;
	const char *looked_for = is_relative && runner != NULL && runner->dir != NULL
					 ? file_join(arena, runner->dir, name)
					 : name;
	const char *found = process_find_program(arena, looked_for, path);
	if (found == NULL) {
		error_set(error, ERROR_UNAVAILABLE,
			strchr(name, '/') != NULL
				? "the program %s does not exist, or cannot be executed"
				: "no directory in PATH has a program %s",
			program.len > 0 ? name : "\"\"");
	}
	return found;
}
