/* table.c: the keys of a workflow file (workflows.md 5.2, 5.3, 5.4, 5.9), one row each. Loading,
 * its messages and the JSON Schema read them. */
#include <stddef.h>

#include "workflow/workflow_internal.h"

#define SINCE "0.2"
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ROW(row_key, row_type, struct_name, member, row_help, ...)                                 \
	{                                                                                          \
		.key = (row_key), .type = (row_type),                                              \
		.offset = offsetof(struct struct_name, member), .help = (row_help),                \
		.since = SINCE, __VA_ARGS__                                                        \
	}
#define TABLE(name, table_rows, struct_name, ...)                                                  \
	static const struct option_table name = {.rows = (table_rows),                             \
		.row_count = sizeof(table_rows) / sizeof *(table_rows),                            \
		.struct_size = sizeof(struct struct_name),                                         \
		__VA_ARGS__}

/* What an editor may be told of values that are read by hand. */
#define SCHEMA_SCALAR "{\"type\": [\"string\", \"number\", \"boolean\"]}"
#define SCHEMA_VARIABLES                                                                           \
	"{\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\", "    \
	"\"boolean\"]}}"
#define SCHEMA_ARGUMENTS                                                                           \
	"{\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\", "    \
	"\"boolean\", \"array\"]}}"
#define SCHEMA_FAILURES                                                                            \
	"{\"type\": \"array\", \"items\": {\"enum\": [\"timeout\", \"rate_limit\", \"network\", "  \
	"\"unavailable\", \"parse_error\", \"verification\", \"auth_error\", \"config_error\", "   \
	"\"execution\", \"template_error\"]}}"

#define ARG(key, type, member, help, ...) ROW(key, type, workflow_arg, member, help, __VA_ARGS__)
static const struct option_row arg_rows[] = {
	ARG(OPTION_NAME_KEY, OPTION_STRING, name, "Name of the argument", .is_required = true),
	ARG("description", OPTION_STRING, description, "What it is for"),
	ARG("required", OPTION_BOOL, is_required, "Whether the workflow cannot run without it",
		.default_text = "false"),
	ARG("default", OPTION_JSON, default_value,
		"What it is when it is not given: a template over the arguments before it",
		.schema = SCHEMA_SCALAR),
	ARG("type", OPTION_ENUM, type, "What kind of value it is", .values = workflow_arg_types,
		.default_text = "string"),
	ARG("choices", OPTION_STRING_LIST, choices, "The only values allowed"),
	ARG("secret", OPTION_BOOL, is_secret,
		"Whether its value is hidden in progress, logs and records",
		.default_text = "false"),
};
TABLE(arg_table, arg_rows, workflow_arg, .listed = "required");

static const char *const rollback_names[] = {
	[ROLLBACK_NONE] = "none", [ROLLBACK_BACKUP] = "backup", [ROLLBACK_GIT] = "git", NULL};
static const char *const output_formats[] = {"text", "json", NULL};

#define STEP(key, type, member, help, ...) ROW(key, type, workflow_step, member, help, __VA_ARGS__)
#define MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
static const struct option_row step_rows[] = {
	STEP("name", OPTION_STRING, name, "Name, unique in the workflow", .is_required = true),
	STEP("type", OPTION_ENUM, type, "What the step does; told by its other keys when left out",
		.values = step_type_names),
	/* shell */
	STEP("run", OPTION_COMMAND, written.run,
		"Shell: the command, a template whose values are quoted; a list is a program and "
		"its arguments, without a shell"),
	STEP("shell", OPTION_STRING, shell, "Shell: the shell that runs it", .default_text = "sh"),
	STEP("stdin", OPTION_TEXT, stdin_text.source, "Shell: what it reads, a template"),
	STEP("cwd", OPTION_TEXT, cwd.source, "Directory it works in, a template"),
	STEP("env", OPTION_JSON, written.env, "Further environment variables, templates",
		.schema = SCHEMA_VARIABLES),
	/* query */
	STEP("role", OPTION_STRING, role, "Query: the role that is asked"),
	STEP("backend", OPTION_STRING, written.backend,
		"Query: one backend instead of a role, or a model such as demo/echo"),
	STEP("backends", OPTION_STRING_LIST, backends, "Query: backends instead of a role"),
	STEP("execution", OPTION_ENUM, execution,
		"Query: whom to ask: the first that is there, one after the other, or all; "
		"else as the role says",
		.values = role_mode_names),
	STEP("min_success", OPTION_INT, min_success,
		"Query: how many backends must answer; else the role's", .min = 1, .max = 1000),
	STEP("parallel", OPTION_BOOL, is_parallel, "Query: ask all backends at once"),
	STEP("cancel_rest", OPTION_BOOL, cancels_rest,
		"Query: cancel the other backends once enough have answered"),
	STEP("prompt", OPTION_TEXT, prompt.source,
		"Query, input, store: the text to ask, or the data to store, a template"),
	STEP("prompt_file", OPTION_STRING, written.prompt_file,
		"File that holds the prompt, beside the workflow"),
	STEP("system", OPTION_TEXT, system.source, "Query: the system prompt, a template"),
	STEP("context", OPTION_STRING_LIST, context, "Query: files put before the prompt"),
	STEP("output_schema", OPTION_JSON, written.output_schema,
		"JSON Schema that the output must be valid for",
		.schema = "{\"type\": [\"object\", \"string\", \"boolean\"]}"),
	STEP("output_format", OPTION_ENUM, written.output_format,
		"Whether the output must contain JSON", .values = output_formats,
		.default_text = "text"),
	STEP("cache", OPTION_JSON, written.cache,
		"Query: reuse an earlier answer; a duration says for how long, a bare number is in "
		"seconds",
		.schema = "{\"type\": [\"boolean\", \"string\", \"number\"], \"default\": false}"),
	STEP("max_prompt_tokens", OPTION_INT, max_prompt_tokens,
		"Query: a longer prompt fails the step before it is sent", .min = 0),
	STEP("save_as", OPTION_STRING, save_as, "File of the run directory that keeps the output"),
	/* apply */
	STEP("source", OPTION_TEXT, source_expression.source,
		"Apply: the step whose output holds the edits, or an expression"),
	STEP("edits", OPTION_JSON, edits, "Apply: the edits themselves; their texts are templates",
		.schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}"),
	STEP("verify", OPTION_TEXT, verify.source,
		"Apply: a command that must succeed afterwards, a template; `team` is the team's"),
	STEP("verify_retries", OPTION_INT, verify_retries,
		"Apply: how often the source is asked again with the failure", .max = 100),
	STEP("verify_retry_prompt", OPTION_TEXT, verify_retry_prompt.source,
		"Apply: what it is asked then, a template over `error` and `source`"),
	STEP("verify_timeout", OPTION_DURATION, verify_timeout_ms,
		"Apply: time limit of the verification", .unit = "ms", .default_text = "5m",
		.min = 1, .max = MAX_MS),
	STEP("rollback_on_failure", OPTION_BOOL, written.rolls_back_on_failure,
		"Apply: undo the edits when the verification fails", .default_text = "false"),
	STEP("rollback", OPTION_ENUM, rollback,
		"Apply: how edits are undone when the verification fails: not, from a copy, or by "
		"git",
		.values = rollback_names),
	STEP("confirm", OPTION_JSON, written.confirm, "Apply: `diff` shows the diff and asks first",
		.schema = "{\"enum\": [\"diff\", true, false], \"default\": false}"),
	STEP("allow_paths", OPTION_STRING_LIST, allow_paths,
		"Apply: globs of the only files allowed"),
	STEP("deny_paths", OPTION_STRING_LIST, deny_paths, "Apply: globs of files not allowed"),
	/* store */
	STEP("data", OPTION_TEXT, data.source, "Store: the data, a template"),
	STEP("strict", OPTION_BOOL, is_strict, "Store: an incomplete element fails the step",
		.default_text = "false"),
	/* input */
	STEP("options", OPTION_STRING_LIST, options, "Input: the answers allowed"),
	STEP("default", OPTION_TEXT, default_answer.source,
		"Input: the answer where nobody can be asked, a template"),
	/* sub-workflow */
	STEP("workflow", OPTION_STRING, workflow_name, "Workflow: the one to run"),
	STEP("with", OPTION_JSON, written.with, "Workflow: its arguments, templates",
		.schema = SCHEMA_ARGUMENTS),
	/* all */
	STEP("depends_on", OPTION_STRING_LIST, depends_on, "Steps and groups that it waits for"),
	STEP("min_deps_success", OPTION_INT, min_deps_success,
		"How many of those must have succeeded", .max = 1000000),
	STEP("if", OPTION_TEXT, condition.source,
		"Expression: the step is skipped when it is false"),
	STEP("for_each", OPTION_TEXT, for_each.source, "Expression: the step runs for each `item`"),
	STEP("matrix", OPTION_JSON, written.matrix,
		"Lists of values: the step runs for each combination, as `item.NAME`",
		.schema = "{\"type\": \"object\", \"additionalProperties\": {\"type\": "
			  "\"array\"}}"),
	STEP("exclude", OPTION_JSON, written.exclude, "Combinations of `matrix` that are left out",
		.schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}"),
	STEP("parallel_items", OPTION_INT, parallel_items, "How many items run at once",
		.default_text = "1", .min = 1, .max = 1000),
	STEP("continue_on_error", OPTION_BOOL, continues_on_error,
		"Whether the run goes on when the step fails; else the workflow's"),
	STEP("always", OPTION_BOOL, is_always, "Whether it runs after a failure too",
		.default_text = "false"),
	STEP("fail_fast", OPTION_BOOL, fails_fast,
		"Whether the first item that fails stops the others"),
	STEP("timeout", OPTION_DURATION, timeout_ms, "Time limit of the step with its retries",
		.unit = "ms", .min = 1, .max = MAX_MS),
	STEP("retries", OPTION_INT, retries, "How often a failed step is tried again",
		.default_text = "0", .max = 1000),
	STEP("retry_delay", OPTION_DURATION, retry_delay_ms, "Base of the back-off between tries",
		.unit = "ms", .default_text = "1s", .max = MAX_MS,
		.old_names = LIST("retry_delay_ms")),
	STEP("retry_on", OPTION_STRING_LIST, written.retry_on,
		"Classes of failure that are tried again", .schema = SCHEMA_FAILURES),
	STEP("fail_on", OPTION_STRING_LIST, written.fail_on,
		"Classes of failure that are never tried again", .schema = SCHEMA_FAILURES),
};
TABLE(step_table, step_rows, workflow_step, .shorthand = NULL);

#define GROUP(key, type, member, help, ...)                                                        \
	ROW(key, type, workflow_group, member, help, __VA_ARGS__)
static const struct option_row group_rows[] = {
	GROUP("name", OPTION_STRING, name, "Name, unique among steps and groups",
		.is_required = true),
	GROUP("parallel", OPTION_BOOL, is_parallel,
		"Whether its steps run at once; else one after the other", .default_text = "false"),
	GROUP("continue_on_error", OPTION_BOOL, continues_on_error,
		"Whether the run goes on when a step of it fails that does not say so itself"),
	GROUP("timeout", OPTION_DURATION, timeout_ms,
		"Time limit of all its steps together, from when the first begins", .unit = "ms",
		.min = 1, .max = MAX_MS),
	GROUP("depends_on", OPTION_STRING_LIST, depends_on, "What every step of it waits for"),
	GROUP("steps", OPTION_OBJECT_LIST, written, "Its steps", .nested = &step_table),
};
TABLE(group_table, group_rows, workflow_group, .shorthand = NULL);

#define ROLE(key, type, member, help, ...) ROW(key, type, runner_role, member, help, __VA_ARGS__)
static const struct option_row role_rows[] = {
	ROLE(OPTION_NAME_KEY, OPTION_STRING, name, "Name of the role", .is_required = true),
	ROLE("description", OPTION_STRING, description, "What it is for"),
	ROLE("backends", OPTION_STRING_LIST, backends, "The backends, in order",
		.is_required = true),
	ROLE("execution", OPTION_ENUM, execution,
		"Whom to ask: the first that is there, one after the other, or all",
		.values = role_mode_names),
	ROLE("min_success", OPTION_INT, min_success, "Parallel: how many must answer", .min = 1,
		.max = 1000),
	ROLE("cancel_rest", OPTION_BOOL, cancels_rest,
		"Parallel: cancel the others once enough have answered", .default_text = "false"),
};
TABLE(role_table, role_rows, runner_role, .shorthand = "backends");

#define FILE_ROW(key, type, member, help, ...) ROW(key, type, workflow, member, help, __VA_ARGS__)
static const struct option_row workflow_rows[] = {
	FILE_ROW("name", OPTION_STRING, name, "Its name; the name of the file when left out"),
	FILE_ROW("description", OPTION_STRING, description,
		"What it is for, as `llm-mux workflows` shows it"),
	FILE_ROW("version", OPTION_INT, written.version,
		"A number for its readers; nothing depends on it"),
	FILE_ROW("args", OPTION_OBJECT_MAP, args,
		"Arguments by name; a list of names says that each is required",
		.nested = &arg_table),
	FILE_ROW("timeout", OPTION_DURATION, timeout_ms, "Time limit of the whole run",
		.unit = "ms", .min = 1, .max = MAX_MS),
	FILE_ROW("continue_on_error", OPTION_BOOL, continues_on_error,
		"Whether the run goes on when a step fails that does not say so itself",
		.default_text = "false"),
	FILE_ROW("fail_fast", OPTION_BOOL, fails_fast,
		"Whether a failed step also stops those that are running", .default_text = "false"),
	FILE_ROW("max_parallel", OPTION_INT, max_parallel, "How many steps run at once",
		.default_text = "4", .min = 1, .max = 1000),
	FILE_ROW("output", OPTION_TEXT, output.source,
		"What the run prints in the end: the name of a step, or a template"),
	FILE_ROW("ecosystem", OPTION_TEXT, ecosystem.source,
		"Name of the ecosystem, a template over `args`"),
	FILE_ROW("env", OPTION_JSON, written.env,
		"Environment variables of all steps, templates over `args`",
		.schema = SCHEMA_VARIABLES),
	FILE_ROW("include", OPTION_STRING_LIST, written.include,
		"Files of shared steps (.toml) and of macros, beside this one"),
	FILE_ROW("roles", OPTION_OBJECT_MAP, roles, "Roles of this workflow alone",
		.nested = &role_table),
	FILE_ROW("groups", OPTION_OBJECT_LIST, groups, "Groups of steps", .nested = &group_table),
	FILE_ROW("steps", OPTION_OBJECT_LIST, steps, "The steps", .nested = &step_table),
};
const struct option_table workflow_table = {
	.rows = workflow_rows,
	.row_count = sizeof workflow_rows / sizeof *workflow_rows,
	.struct_size = sizeof(struct workflow),
};
