/* runner.h: what the runner is configured by: backends, roles, teams, ecosystems, defaults, prices
 * (workflows.md 1).
 *
 *   defaults < CFGDIR/config.{yaml,toml} < PROJECT/.llm-mux/config.toml < environment < command
 * line
 *
 * The user's files are the gateway's own (config.h): these rows are one more table of theirs, and
 * the result is a section of the same snapshot. The project's file is one more layer that may set
 * these rows alone, and what it says of commands, URLs, keys and environments counts only when the
 * user has trusted its exact content (trust.h). Layers merge deep: tables by key, scalars and
 * lists replace (1.4, D1). Positions point into the file that said it last. */
#ifndef LLMMUX_CONFIG_RUNNER_H
#define LLMMUX_CONFIG_RUNNER_H

#include "config/config.h"

enum runner_backend_kind {
	RUNNER_BACKEND_CLI,
	RUNNER_BACKEND_HTTP,       /* OpenAI-compatible */
	RUNNER_BACKEND_CLAUDE_API, /* Anthropic messages */
	RUNNER_BACKEND_MOCK        /* canned replies, for tests (issue 4, 11) */
};
enum runner_stdin {
	RUNNER_STDIN_AUTO,
	RUNNER_STDIN_ALWAYS,
	RUNNER_STDIN_NEVER
};

/* backends.<name>.replies[] of a mock */
struct runner_reply {
	struct option_place place;
	struct slice match; /* a regular expression on the prompt; empty: any */
	struct slice text;  /* the reply */
	struct slice error; /* a failure class instead: "rate_limit", "timeout" ... */
	int64_t delay_ms;
	int64_t times; /* how often this row answers; 0: always */
};

struct runner_backend {
	struct option_place place;
	struct slice name;
	enum runner_backend_kind kind; /* 2.0: from type, api_key_env, command */
	bool has_kind_type;            /* `type` said so */
	struct slice command;          /* not expanded: runner_expand */
	struct option_strings args;
	bool is_enabled;
	int64_t timeout_ms; /* per attempt; written in seconds */
	struct slice model, api_key, api_key_env, base_url, system;
	int64_t max_retries, retry_delay_ms;
	bool retries_rate_limit, retries_timeout;
	struct option_map env, headers;
	int stdin_mode;              /* enum runner_stdin */
	int64_t max_concurrent;      /* 0: unlimited (a written 0 is refused) */
	int64_t requests_per_minute; /* 0: unlimited */
	int64_t max_output_bytes;
	int64_t max_tokens; /* -1: not set */
	double temperature; /* NaN: not set */
	int64_t kill_grace_ms;
	int json; /* 0: by args, 1: no, 2: yes */
	struct slice json_path;
	struct option_strings rate_limit_patterns;
	int64_t max_prompt_tokens; /* 0: unlimited */
	OPTION_OBJECTS(struct runner_reply) replies;
	int64_t *calls; /* not written: where a mock counts what it was asked; or NULL */
};

struct runner_role {
	struct option_place place;
	struct slice name, description;
	struct option_strings backends;
	int execution;       /* enum role_mode; -1: not said */
	int64_t min_success; /* 0: not said */
	bool cancels_rest;
	/* `default`, which nobody configured: the first enabled backend, else RUNNER_LAST_RESORT */
	bool is_built_in;
};
#define RUNNER_LAST_RESORT "demo/echo"

struct runner_team {
	struct option_place place;
	struct slice name, description;
	struct option_strings detect;
	struct slice verify;
	struct option_strings context;
	OPTION_OBJECTS(struct runner_role) roles; /* overrides */
	bool is_built_in;
};

struct runner_project {
	struct option_place place;
	struct slice name, description, type;
	struct slice path; /* as written: ecosystem_project_path */
	struct option_strings depends_on, tags;
};

struct runner_ecosystem {
	struct option_place place;
	struct slice name, description;
	struct option_strings knowledge;
	OPTION_OBJECTS(struct runner_project) projects;
};

/* pricing.<model>: US dollars per million tokens */
struct runner_price {
	struct option_place place;
	struct slice model;                            /* glob */
	double input, output, cache_read, cache_write; /* NaN: not said */
};

/* The section itself; lists are in order of declaration, the project's file first. */
struct runner_config {
	struct {
		int64_t timeout_ms; /* 300 s; for backends that set none */
		bool is_parallel;
		int64_t max_concurrent; /* 0: unlimited (a written 0 is refused) */
		struct slice command_wrapper;
		bool first_falls_over;
	} defaults;
	OPTION_OBJECTS(struct runner_backend) backends;
	OPTION_OBJECTS(struct runner_role) roles;
	OPTION_OBJECTS(struct runner_team) teams; /* built-in ones behind the configured (D7) */
	OPTION_OBJECTS(struct runner_ecosystem) ecosystems;
	OPTION_OBJECTS(struct runner_price) prices;
	struct {
		struct option_strings handlers; /* "console", "log" */
		struct slice log_dir;
		int64_t retain_days;
	} output;
	/* Not written: where it was loaded. */
	const char *dir;                  /* the working directory, canonical */
	const char *project_dir;          /* the nearest ancestor with .llm-mux/, or NULL (1.1) */
	const struct option_set *options; /* where its values came from: runner_place */
};

/* Bytes of a project's configuration: it comes from others, and what is wrong with a large one
 * could take long to tell. */
#define RUNNER_PROJECT_MAX (256 * 1024)

extern const struct option_table runner_table;
/* One role, for [roles.NAME] of a workflow. */
extern const struct option_table runner_role_table;

struct runner_request {
	struct config_request config; /* as for the gateway; its tables get runner_table added */
	const char *dir;              /* -C, or NULL: the working directory */
	bool trusts_project;          /* --trust */
	bool ignores_project;         /* for commands that no project concerns: serve, models */
	/* For commands that show and run nothing: untrusted content is taken in, with a warning. */
	bool shows_untrusted;
	/* Asks the person at the terminal whether to trust; NULL: there is none, and untrusted
	 * content is ERROR_CONFIGURATION that names `llm-mux trust`. */
	bool (*ask)(void *data, const char *file, struct slice what);
	void *ask_data;
};
/* As config_load; a directory that cannot be used is an error. The runner's part is runner_of. */
struct config *runner_config_load(
	const struct runner_request *request, bool colour, struct buf *report, struct error *error);
/* The directory that holds .llm-mux/: `dir` (canonical) or its nearest ancestor, up to the git root
 * or home; NULL when there is none (1.1). In the arena. */
const char *runner_find_project(struct arena *arena, const char *dir);

/* Whether what a run writes by itself (.llm-mux/state, .llm-mux/logs) stays inside the project: a
 * cloned one may hold links. False with ERROR_PERMISSION. */
bool runner_check_links(const struct runner_config *runner, struct error *error);

/* True when this content of a project's file (a configuration, a workflow) may be acted on: it is
 * trusted, --trust was given, or the person that is asked says so, which is recorded. Otherwise
 * false with ERROR_CONFIGURATION. `what` says what it would do, for the question. */
bool runner_trust(const struct runner_request *request, const char *path, struct slice content,
	struct slice what, struct error *error);
/* Calls `visit` for everything in a project's configuration that waits for trust: what is run,
 * where prompts go, keys, and what reads the environment. `value` is NULL for secrets. */
typedef void runner_untrusted(
	void *data, const char *path, const struct json *value, uint32_t line, uint32_t column);
void runner_each_untrusted(
	const struct json *tree, struct arena *arena, runner_untrusted *visit, void *data);
/* "backends.a.command = \"x\"", safe for a terminal. */
void runner_print_untrusted(struct buf *out, const char *path, const struct json *value);

/* NULL when the snapshot was loaded without the table. */
const struct runner_config *runner_of(const struct config *config);
/* The same, to be changed by the only owner of a snapshot that nothing was made of yet: `test` puts
 * mocks in the place of backends. */
struct runner_config *runner_change(struct config *config);

/* By name; NULL when there is none. */
const struct runner_backend *runner_find_backend(
	const struct runner_config *runner, struct slice name);
const struct runner_role *runner_find_role(const struct runner_config *runner, struct slice name);
const struct runner_team *runner_find_team(const struct runner_config *runner, struct slice name);
const struct runner_ecosystem *runner_find_ecosystem(
	const struct runner_config *runner, struct slice name);

/* Where a key of a backend was set, by whichever layer said it last; the backend's own place when
 * that is not known. */
struct option_place runner_backend_place(
	const struct runner_config *runner, const struct runner_backend *backend, const char *key);

/* ${NAME}, ${NAME:-default}, $$ (1.9), in the arena. False with ERROR_CONFIGURATION naming the
 * variable, the key path and the place. What came from a variable is added to `secrets`. */
struct runner_secrets;
bool runner_expand(struct slice text, const char *key_path, const struct option_place *place,
	char *const *environment, struct runner_secrets *secrets, struct arena *arena,
	struct slice *out, struct error *error);

/* ---- secrets: what never appears in logs, events, state, output of ours (11, rank 13) ---- */
struct runner_secrets; /* thread-safe: a mutex of its own */
struct runner_secrets *runner_secrets_create(void);
void runner_secrets_destroy(struct runner_secrets *secrets);
/* Texts shorter than 4 bytes are not masked. Others are, as they are and as JSON and shell commands
 * write them. */
void runner_secrets_add(struct runner_secrets *secrets, struct slice text);
/* The value of a variable whose name ends in KEY, TOKEN, SECRET, PASSWORD; others are left out. */
void runner_secrets_add_variable(
	struct runner_secrets *secrets, struct slice name, struct slice value);
/* The same for a whole environment. */
void runner_secrets_add_environment(struct runner_secrets *secrets, char *const *environment);
/* How many bytes at the end of a text may be the beginning of a secret: whoever shows a text piece
 * by piece keeps them back until more has come. */
size_t runner_secrets_pending(struct runner_secrets *secrets, struct slice text);
/* `text` with every secret replaced by ***; the slice itself when there is none. */
struct slice runner_secrets_mask(
	struct runner_secrets *secrets, struct slice text, struct arena *arena);

#endif
