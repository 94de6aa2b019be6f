/* workflow.h: a workflow file as it was written, checked, with its graph (workflows.md 5).
 *
 *   workflow_find ─► workflow_load (keys, types) ─► workflow_check (names, templates, graph) ─► run
 *
 * Everything lives in the workflow's arena and is immutable once loaded. Templates are parsed when
 * loading, so no syntax error can come up in the middle of a run. */
#ifndef LLMMUX_WORKFLOW_WORKFLOW_H
#define LLMMUX_WORKFLOW_WORKFLOW_H

#include "base/map.h"
#include "config/runner.h"
#include "data/schema.h"
#include "mux/role.h"
#include "template/template.h"

enum step_type {
	STEP_SHELL,
	STEP_QUERY,
	STEP_APPLY,
	STEP_STORE,
	STEP_INPUT,
	STEP_WORKFLOW, /* another workflow: `workflow` + `with` */
	STEP_TYPE_COUNT
};
extern const char *const step_type_names[]; /* "shell" ...; ends with NULL */

/* A text of the file that is a template or an expression. */
struct step_template {
	struct option_text source;       /* absent text: not given */
	const struct template *template; /* NULL when not given */
	/* Bytes that were put before the text as written (imports of `include`d macros): places
	 * within the template count them, workflow_position does not. */
	size_t prefix_len;
};

struct workflow_arg {
	struct option_place place;
	struct slice name, description;
	struct step_template default_text; /* rendered with the arguments before it */
	bool is_required, is_secret;
	int type; /* enum workflow_arg_type */
	struct option_strings choices;
	const struct json *default_value; /* as written: any scalar; default_text is its text */
};
enum workflow_arg_type {
	WORKFLOW_ARG_STRING,
	WORKFLOW_ARG_INT,
	WORKFLOW_ARG_BOOL,
	WORKFLOW_ARG_FILE, /* a path that exists, or @path: the content of that file */
	WORKFLOW_ARG_LIST  /* commas, or given several times */
};
extern const char *const workflow_arg_types[]; /* "string" ...; ends with NULL */

struct workflow_variable {
	struct slice name;
	struct step_template value;
};

/* One value list of `matrix`. */
struct workflow_axis {
	struct slice name;
	const struct json *values; /* an array */
};

struct workflow_edge {
	size_t step;      /* number of the step it waits for */
	bool is_implicit; /* found in a template */
};

enum step_rollback {
	ROLLBACK_NONE,
	ROLLBACK_BACKUP,
	ROLLBACK_GIT
};

struct workflow_step {
	struct option_place place;
	size_t number; /* in order of the file, members of groups in their place */
	struct slice name;
	enum step_type type;
	bool has_inferred_type;
	const struct workflow_group *group; /* or NULL */

	/* shell */
	struct step_template run;
	struct {
		struct step_template *items;
		size_t len, cap;
	} argv; /* of the list form */
	struct step_template stdin_text, cwd;
	struct slice shell; /* "sh" */
	struct {
		struct workflow_variable *items;
		size_t len, cap;
	} env;

	/* query */
	struct slice role;
	struct option_strings backends;
	int execution;       /* enum role_mode, -1: the role's */
	int64_t min_success; /* 0: the role's */
	bool is_parallel, cancels_rest;
	bool says_parallel; /* either way: the configuration's default does not count */
	struct step_template prompt, system;
	struct option_strings context;
	const struct schema *output_schema; /* NULL: none */
	bool needs_json;                    /* output_format = "json" */
	bool is_cached;
	int64_t cache_ttl_ms; /* 0: no limit */
	int64_t max_prompt_tokens;
	struct slice save_as; /* file kept in the run directory */

	/* apply */
	struct step_template source_expression; /* 7.1, normalised to an expression */
	size_t source_step;                     /* SIZE_MAX: none (inline, or not one step) */
	const struct json *edits;               /* inline; its strings are templates */
	struct {
		struct step_template *items;
		size_t len, cap;
	} edit_texts; /* the strings of `edits`, in order of the tree */
	struct step_template verify, verify_retry_prompt;
	int64_t verify_retries, verify_timeout_ms;
	enum step_rollback rollback;
	bool asks_confirmation; /* confirm = "diff" */
	struct option_strings allow_paths, deny_paths;

	/* store */
	struct step_template data;
	bool is_strict;

	/* input */
	struct option_strings options;
	struct step_template default_answer;

	/* sub-workflow */
	struct slice workflow_name;
	struct {
		struct workflow_variable *items;
		size_t len, cap;
	} with;

	/* for all */
	struct option_strings depends_on;
	bool has_depends_on;      /* the key is there, even empty (5.5) */
	int64_t min_deps_success; /* -1: not given */
	struct step_template condition, for_each;
	struct {
		struct workflow_axis *items;
		size_t len, cap;
	} matrix;
	const struct json *matrix_exclude;
	int64_t parallel_items; /* 1 */
	bool continues_on_error, is_always, fails_fast;
	bool mentions_failure; /* its `if` asks for .failed or .error of a dependency */
	int64_t timeout_ms;    /* 0: none */
	int64_t retries, retry_delay_ms;
	uint32_t retry_on, fail_on; /* bits of enum failure_class; 0: the default */

	/* the graph */
	struct {
		struct workflow_edge *items;
		size_t len, cap;
	} edges;                        /* what it waits for by name */
	bool waits_for_earlier;         /* D3: no depends_on, not a query */
	bool waits_for_earlier_actions; /* D3: a query: for all earlier non-query steps */
	/* What "earlier" is: the steps order[0] to order[earlier_count - 1] of the workflow. Edges
	 * lead to smaller positions only, so no step waits in a circle, also where a step names one
	 * that stands further down. Members of a parallel group do not wait for each other. */
	size_t position, earlier_count;

	/* As written, before it was checked and moved into the members above. */
	const struct json *node; /* its table */
	struct {
		struct option_command run;
		struct slice backend, prompt_file;
		struct option_strings retry_on, fail_on;
		const struct json *env, *with, *matrix, *output_schema, *cache, *confirm, *exclude;
		bool rolls_back_on_failure;
		int output_format;
	} written;
};

struct workflow_group {
	struct option_place place;
	struct slice name;
	bool is_parallel, continues_on_error;
	int64_t timeout_ms;
	struct option_strings depends_on;
	size_t first_step, step_count;
	const struct json *node; /* its table */
	OPTION_OBJECTS(struct workflow_step)
	written; /* its members, before they moved to `steps` */
};

/* A file that the workflow consists of: the first is its own, then what it includes. */
struct workflow_source {
	const char *file; /* as option_place says it */
	struct slice text;
	struct {
		size_t *items;
		size_t len, cap;
	} lines; /* where each begins */
};

struct workflow {
	struct arena arena;
	const char *path;   /* "<built-in>/fix.toml" for those */
	const char *origin; /* "project", "user", "built-in", "path" */
	struct slice text;
	char hash[65]; /* SHA-256 of the text and of what it includes, hex */
	struct slice name, description;
	int64_t timeout_ms;
	bool continues_on_error, fails_fast;
	int64_t max_parallel;
	struct step_template output;
	struct step_template ecosystem;
	struct {
		struct workflow_variable *items;
		size_t len, cap;
	} env;
	struct {
		struct workflow_arg *items;
		size_t len, cap;
	} args;
	struct {
		struct workflow_step *items;
		size_t len, cap;
	} steps;
	struct {
		struct workflow_group *items;
		size_t len, cap;
	} groups;
	OPTION_OBJECTS(struct runner_role) roles;
	struct template_environment environment; /* the loader of includes, our own filters */
	const size_t *order; /* numbers of the steps as --jobs 1 runs them: in order of the file,
				but what a step waits for stands before it */
	const char *dir;     /* of the file; NULL for built-in ones */
	const char *root;    /* includes may not leave it; NULL: there are none */
	struct {
		struct workflow_source *items;
		size_t len, cap;
	} sources;
	struct map step_index, alias_index, group_index; /* by name; `a_b` for `a-b` */
	struct map included; /* templates that templates include, by name: mentions.c's */
	bool is_cyclic;      /* set by loading; workflow_check says which */
	/* As written. */
	struct {
		struct option_strings include;
		const struct json *env;
		int64_t version;
	} written;
};

/* Failure classes of `retry_on`, `fail_on` and error.kind (5.7). */
enum failure_class {
	FAILURE_TIMEOUT,
	FAILURE_RATE_LIMIT,
	FAILURE_NETWORK,
	FAILURE_UNAVAILABLE,
	FAILURE_PARSE, /* parse_error: no JSON, not valid for the schema */
	FAILURE_VERIFICATION,
	FAILURE_AUTH,   /* auth_error */
	FAILURE_CONFIG, /* config_error */
	FAILURE_EXECUTION,
	FAILURE_TEMPLATE, /* template_error */
	FAILURE_CANCELLED,
	FAILURE_CLASS_COUNT
};
extern const char *const failure_class_names[]; /* ends with NULL */
enum failure_class failure_class_of(enum error_kind kind);

/* ---- finding ---- */
struct workflow_places {
	const char *project_dir; /* DIR/.llm-mux/workflows; or NULL */
	const char *user_dir;    /* CFGDIR/workflows; or NULL */
	const char *base_dir;    /* what paths are relative to (-C); NULL: where we are */
	/* Who works here (3.4), for `verify = "team"`; NULL: nobody, or it is not known yet. */
	const struct runner_team *team;
	bool knows_team;
};
void workflow_places_of(
	const struct runner_config *runner, struct arena *arena, struct workflow_places *places);
/* A name (project, then user, then built-in) or a path. False with ERROR_NOT_FOUND: the directories
 * searched, the nearest name. `text` is read, `path` in the arena. */
bool workflow_find(const struct workflow_places *places, const char *name, struct arena *arena,
	const char **path, const char **origin, struct slice *text, struct error *error);
/* The same as a step of `caller` names it: paths are relative to the caller's file. */
bool workflow_find_nested(const struct workflow *caller, const struct workflow_places *places,
	const char *name, struct arena *arena, const char **path, const char **origin,
	struct slice *text, struct error *error);
/* Every workflow, shadowed ones too. */
struct workflow_listing {
	const char *name, *path, *origin;
	bool is_shadowed;
};
void workflow_each(const struct workflow_places *places, struct arena *arena,
	void (*visit)(void *data, const struct workflow_listing *listing), void *data);
/* Built-in ones (hunt, audit, diff, fix, review, review-pr); ends with a NULL name. */
struct workflow_builtin {
	const char *name, *text;
};
extern const struct workflow_builtin workflow_builtins[];

/* ---- loading ---- */
/* Keys, types, one step's own rules; templates are parsed; edges are made. NULL when `problems` has
 * an error. The caller destroys. */
struct workflow *workflow_load(
	const char *path, const char *origin, struct slice text, struct problems *problems);
void workflow_destroy(struct workflow *workflow); /* accepts NULL */
/* Everything that can be found without running (8.2 validate): dangling names, cycles
 * (`a -> b -> a`), unknown roles and backends, template mentions, arguments, units. `places` for
 * sub-workflows. False when there is an error. */
bool workflow_check(const struct workflow *workflow, const struct runner_config *runner,
	const struct workflow_places *places, struct problems *problems);
/* Both, whatever loading finds: all findings in one go. *out (may be NULL) gets the workflow when
 * there is no error. */
bool workflow_validate(const char *path, const char *origin, struct slice text,
	const struct runner_config *runner, const struct workflow_places *places,
	struct problems *problems, struct workflow **out);
const struct workflow_step *workflow_find_step(const struct workflow *workflow, struct slice name);
/* The same as templates name it: `steps.my_step` is also "my-step" (6.2). */
const struct workflow_step *workflow_find_step_alias(
	const struct workflow *workflow, struct slice name);
const struct workflow_group *workflow_find_group(
	const struct workflow *workflow, struct slice name);
/* The table of keys, for `config schema --workflow`. */
extern const struct option_table workflow_table;

/* Where a place of a template stands in the workflow's file. */
void workflow_position(const struct workflow *workflow, const struct step_template *text,
	const struct template_place *at, uint32_t *line, uint32_t *column);

/* ---- arguments (5.4) ---- */
struct workflow_arguments {
	struct value values;         /* map of what `args` is */
	const struct slice *secrets; /* values of secret arguments */
	size_t secret_count;
	const char *directory; /* the trailing directory operand, or NULL */
};
/* Binds the words behind the workflow's name; defaults are rendered. Files are looked for in `dir`,
 * where the steps run (NULL: where we are). Every missing required one is
 * told at once, with a usage line: ERROR_INVALID_REQUEST. Warnings go to `warnings` (may be NULL),
 * and what is missing too, where an error has no room for all of it. */
bool workflow_bind(const struct workflow *workflow, const char *dir, char *const *words,
	size_t count, struct arena *arena, struct workflow_arguments *arguments,
	struct buf *warnings, struct error *error);

/* ---- the graph ---- */
enum graph_format {
	GRAPH_TEXT,
	GRAPH_DOT,
	GRAPH_MERMAID
};
/* All edges; implicit ones dashed. durations_ms (per step, UINT64_MAX unknown) may be NULL. */
void workflow_graph(const struct workflow *workflow, enum graph_format format,
	const uint64_t *durations_ms, struct buf *out);

#endif
