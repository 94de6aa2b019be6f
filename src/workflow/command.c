/* command.c: programs that steps run: in the workflow's directory, through the configured wrapper,
 * with the step's variables and the paths of earlier outputs (workflows.md 1.3, 5.11, 6.6). */
#include <ctype.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "workflow/run_internal.h"

/* Outputs of earlier steps that a command is given: each costs time and room at every start. */
#define COMMAND_MAX_EXPORTED 100
#define COMMAND_MAX_VARIABLE ((size_t)100 * 1024)

/* ---- the command ---- */

static struct slice quoted(const struct slice *words, size_t count, struct arena *arena) {
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < count; i++) {
		if (i > 0) {
			buf_append_byte(&text, ' ');
		}
		shell_quote_word(words[i], &text);
	}
	struct slice copy = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return copy;
}

struct words {
	const char **items;
	size_t len, cap;
};

/* `nix-shell --run` and the command as one last argument. False: no wrapper is configured. */
static bool wrap(struct run *run, struct slice text, struct arena *arena, struct words *argv) {
	struct slice rest =
		run->runner != NULL ? run->runner->defaults.command_wrapper : slice_make(NULL, 0);
	struct slice word;
	bool has_any = false;
	while (rest.len > 0 && slice_split(&rest, ' ', &word)) {
		if (word.len > 0) {
			*ARENA_PUSH(arena, argv) = arena_strdup(arena, word);
			has_any = true;
		}
	}
	if (has_any) {
		*ARENA_PUSH(arena, argv) = arena_strdup(arena, text);
	}
	return has_any;
}

void command_of_shell(struct run *run, const char *shell, struct slice text, struct arena *arena,
	struct command *command) {
	struct words argv = {0};
	if (!wrap(run, text, arena, &argv)) {
		*ARENA_PUSH(arena, &argv) = shell;
		*ARENA_PUSH(arena, &argv) = "-c";
		*ARENA_PUSH(arena, &argv) = arena_strdup(arena, text);
	}
	*ARENA_PUSH(arena, &argv) = NULL;
	*command = (struct command){.argv = argv.items, .cwd = run->options.dir, .text = text};
}

void command_of_argv(struct run *run, const struct slice *words, size_t count, struct arena *arena,
	struct command *command) {
	struct words argv = {0};
	struct slice text = quoted(words, count, arena);
	if (!wrap(run, text, arena, &argv)) {
		for (size_t i = 0; i < count; i++) {
			*ARENA_PUSH(arena, &argv) = arena_strdup(arena, words[i]);
		}
	}
	*ARENA_PUSH(arena, &argv) = NULL;
	*command = (struct command){.argv = argv.items, .cwd = run->options.dir, .text = text};
}

/* ---- its variables ---- */

struct variables {
	struct process_variable *items;
	size_t len, cap;
};

/* LLM_MUX_STEP_MY_STEP: upper case, what a variable cannot hold becomes `_`. */
static const char *variable_name(const char *prefix, struct slice name, struct arena *arena) {
	struct slice full = arena_printf(arena, "%s%.*s", prefix, SLICE_FMT(name));
	char *text = arena_strdup(arena, full);
	for (char *at = text; *at != '\0'; at++) {
		*at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
	}
	return text;
}

static void export_arguments(struct task *task, struct variables *variables) {
	struct arena *arena = &task->arena;
	struct value arguments = task->run->options.arguments.values;
	for (size_t i = 0; arguments.type == VALUE_MAP && i < arguments.map->len; i++) {
		const struct value_pair *pair = &arguments.map->items[i];
		struct slice text = value_text(pair->value, arena);
		if (text.len <= COMMAND_MAX_VARIABLE && slice_find_byte(text, '\0') == SIZE_MAX) {
			*ARENA_PUSH(arena, variables) = (struct process_variable){
				variable_name("LLM_MUX_ARG_", value_text(pair->key, arena), arena),
				arena_strdup(arena, text)};
		}
	}
}

/* The variable of a step that has an output; made once. NULL: it has none. */
static const struct process_variable *export_of(struct run *run, size_t step) {
	if (run->exports == NULL) {
		run->exports =
			ARENA_ARRAY(&run->arena, struct process_variable, run->workflow->steps.len);
	}
	struct process_variable *variable = &run->exports[step];
	if (variable->name == NULL) {
		variable->value = run_step_file(run, step, &run->arena);
		variable->name =
			variable->value == NULL
				? NULL
				: variable_name("LLM_MUX_STEP_",
					  run->workflow->steps.items[step].name, &run->arena);
	}
	return variable->name != NULL ? variable : NULL;
}

/* Paths of what earlier steps said: a file has no quoting problem (6.6). First of those the step
 * waits for by name, then of those before it, the nearest first. */
static void export_outputs(struct task *task, struct variables *variables) {
	const struct workflow *workflow = task->run->workflow;
	size_t limit = variables->len + COMMAND_MAX_EXPORTED;
	for (size_t i = 0; i < task->step->edges.len && variables->len < limit; i++) {
		const struct process_variable *variable =
			export_of(task->run, task->step->edges.items[i].step);
		if (variable != NULL) {
			*ARENA_PUSH(&task->arena, variables) = *variable;
		}
	}
	for (size_t place = task->step->position; place-- > 0 && variables->len < limit;) {
		const struct process_variable *variable =
			export_of(task->run, workflow->order[place]);
		if (variable != NULL) {
			*ARENA_PUSH(&task->arena, variables) = *variable;
		}
	}
}

static bool add_variable(
	struct task *task, const struct workflow_variable *variable, struct variables *variables) {
	struct slice text;
	if (!task_render(task, &variable->value, &text)) {
		return false;
	}
	if (slice_find_byte(text, '\0') != SIZE_MAX) {
		task_fail(task, FAILURE_CONFIG,
			"the variable `%.*s` holds a NUL byte, which no environment can",
			SLICE_FMT(variable->name));
		return false;
	}
	if (task->run->options.secrets != NULL) {
		runner_secrets_add_variable(task->run->options.secrets, variable->name, text);
	}
	*ARENA_PUSH(&task->arena, variables) = (struct process_variable){
		arena_strdup(&task->arena, variable->name), arena_strdup(&task->arena, text)};
	return true;
}

bool task_variables(struct task *task, bool exports_outputs, const struct process_variable **items,
	size_t *count) {
	struct variables variables = {0};
	if (exports_outputs) {
		export_arguments(task, &variables);
		export_outputs(task, &variables);
	}
	for (size_t i = 0; i < task->run->workflow->env.len; i++) {
		if (!add_variable(task, &task->run->workflow->env.items[i], &variables)) {
			return false;
		}
	}
	for (size_t i = 0; i < task->step->env.len; i++) {
		if (!add_variable(task, &task->step->env.items[i], &variables)) {
			return false;
		}
	}
	*items = variables.items;
	*count = variables.len;
	return true;
}

/* ---- where ---- */

bool task_directory(struct task *task, const char **dir) {
	const char *base = task->run->options.dir;
	struct slice text;
	*dir = base;
	if (!step_template_is_given(&task->step->cwd)) {
		return true;
	}
	if (!task_render(task, &task->step->cwd, &text)) {
		return false;
	}
	const char *path = arena_strdup(&task->arena, text);
	*dir = path[0] == '/' || base == NULL
		       ? path
		       : arena_printf(&task->arena, "%s/%s", base, path).data;
	return true;
}

/* ---- running ---- */

struct process *command_start_with(struct task *task, const struct command *command,
	const struct process_variable *variables, size_t count, void *data,
	void (*on_done)(void *data, const struct process_result *result), struct error *error) {
	struct process_options options = {
		.argv = command->argv,
		.cwd = command->cwd,
		.variables = variables,
		.variable_count = count,
		.input = command->input,
		.timeout_ms = command->timeout_ms,
		.watchdog = task->run->options.watchdog,
		.on_done = on_done,
		.data = data,
	};
	return process_start(task->run->options.loop, &options, error);
}

struct process *command_start(struct task *task, const struct command *command, void *data,
	void (*on_done)(void *data, const struct process_result *result)) {
	struct error error = {0};
	const struct process_variable *variables;
	size_t count;
	if (!task_variables(task, true, &variables, &count)) {
		return NULL;
	}
	struct process *process =
		command_start_with(task, command, variables, count, data, on_done, &error);
	if (process == NULL) {
		task_fail_error(task, &error);
	}
	return process;
}

struct slice text_repair(struct slice bytes, struct arena *arena) {
	size_t bad_at;
	if (bytes.data == NULL || utf8_valid(bytes, &bad_at)) {
		return arena_dup(arena, bytes.data != NULL ? bytes : SLICE(""));
	}
	struct buf text;
	buf_init(&text, 0);
	while (!utf8_valid(bytes, &bad_at)) {
		buf_append(&text, slice_sub(bytes, 0, bad_at));
		buf_append_str(&text, "\xef\xbf\xbd");
		bytes = slice_from(bytes, bad_at + 1);
	}
	buf_append(&text, bytes);
	struct slice copy = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return copy;
}
