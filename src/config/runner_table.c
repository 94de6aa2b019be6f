/* runner_table.c: the options of the runner, one row each (workflows.md 1.2 to 1.8, 8.6, 11). */
#include <stddef.h>

#include "config/check.h"
#include "config/runner.h"

#define VERSION_FIRST "0.1"
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* In the order of the enums of runner.h. */
static const char *const kinds[] = {"cli", "http", "claude-api", "mock", NULL};
static const char *const stdin_modes[] = {"auto", "true", "false", NULL};
static const char *const json_modes[] = {"auto", "false", "true", NULL};
static const char *const modes[] = {"first", "fallback", "parallel", NULL};

static const char *const old_retry_delay[] = {"retry_delay_ms", "base_delay_ms", NULL};
static const char *const old_kill_grace[] = {"kill_grace", NULL};
static const char *const old_delay[] = {"delay_ms", NULL};

/* ---- checks ---- */

static const char *check_backend_name(struct slice text) {
	return slice_find_byte(text, '/') != SIZE_MAX
		       ? "has a `/`: names with one are models of providers"
		       : NULL;
}

/* A URL may hold ${NAME}: then it is checked when it is used. */
static const char *check_base_url(struct slice text) {
	return slice_contains(text, SLICE("${")) ? NULL : check_http_url(text);
}

static const char *check_handler(struct slice text) {
	return slice_is(text, "console") || slice_is(text, "log") ? NULL
								  : "must be `console` or `log`";
}

static const char *check_failure(struct slice text) {
	static const char *const classes[] = {"timeout", "rate_limit", "network", "unavailable",
		"parse_error", "verification", "auth_error", "config_error", "execution",
		"template_error", NULL};
	for (const char *const *at = classes; *at; at++) {
		if (slice_is(text, *at)) {
			return NULL;
		}
	}
	return "must be one of timeout, rate_limit, network, unavailable, parse_error, "
	       "verification, auth_error, config_error, execution, template_error";
}

/* ---- [backends.NAME] (1.5) ---- */

#define REPLY(member) offsetof(struct runner_reply, member)
static const struct option_row reply_rows[] = {
	{.key = "match",
		.type = OPTION_STRING,
		.offset = REPLY(match),
		.help = "Regular expression that the prompt must match; without it any prompt does",
		.since = VERSION_FIRST},
	{.key = "text",
		.type = OPTION_STRING,
		.offset = REPLY(text),
		.help = "The reply",
		.since = VERSION_FIRST},
	{.key = "error",
		.type = OPTION_STRING,
		.offset = REPLY(error),
		.check = check_failure,
		.help = "Class of a failure instead of a reply: rate_limit, timeout and the like",
		.since = VERSION_FIRST},
	{.key = "delay",
		.type = OPTION_DURATION,
		.offset = REPLY(delay_ms),
		.default_text = "0",
		.unit = "ms",
		.old_names = old_delay,
		.help = "How long it waits before it answers",
		.since = VERSION_FIRST},
	{.key = "times",
		.type = OPTION_INT,
		.offset = REPLY(times),
		.default_text = "0",
		.help = "How often this reply is given; 0 for always",
		.since = VERSION_FIRST},
};
static const struct option_table reply_table = {
	.rows = reply_rows,
	.row_count = COUNT(reply_rows),
	.struct_size = sizeof(struct runner_reply),
	.shorthand = "text",
};

#define BACKEND(member) offsetof(struct runner_backend, member)
static const struct option_row backend_rows[] = {
	{.key = OPTION_NAME_KEY,
		.type = OPTION_STRING,
		.offset = BACKEND(name),
		.check = check_backend_name,
		.help = "Name"},
	{.key = "command",
		.type = OPTION_STRING,
		.offset = BACKEND(command),
		.needs_trust = true,
		.help = "Program, by name or path, or the URL of an API",
		.since = VERSION_FIRST},
	{.key = "args",
		.type = OPTION_STRING_LIST,
		.offset = BACKEND(args),
		.keeps_empty = true,
		.needs_trust = true,
		.help = "Arguments before the prompt; {prompt} and {prompt_file} stand for it "
			"elsewhere",
		.since = VERSION_FIRST},
	{.key = "enabled",
		.type = OPTION_BOOL,
		.offset = BACKEND(is_enabled),
		.default_text = "true",
		.help = "Whether the backend is used; roles skip one that is not",
		.since = VERSION_FIRST},
	{.key = "timeout",
		.type = OPTION_DURATION,
		.offset = BACKEND(timeout_ms),
		.unit = "s",
		.min = 1,
		.doubtful = 10000,
		.help = "Longest time of one attempt; without it, defaults.timeout",
		.since = VERSION_FIRST},
	{.key = "model",
		.type = OPTION_STRING,
		.offset = BACKEND(model),
		.help = "Model that an API is asked for",
		.since = VERSION_FIRST},
	{.key = "api_key",
		.type = OPTION_SECRET,
		.offset = BACKEND(api_key),
		.needs_trust = true,
		.help = "Key of an API; best as ${NAME}, a variable of the environment",
		.since = VERSION_FIRST},
	{.key = "api_key_env",
		.type = OPTION_STRING,
		.offset = BACKEND(api_key_env),
		.needs_trust = true,
		.help = "Name of the variable that holds the key; wins over api_key",
		.since = VERSION_FIRST},
	{.key = "base_url",
		.type = OPTION_STRING,
		.offset = BACKEND(base_url),
		.check = check_base_url,
		.needs_trust = true,
		.help = "Where the API is",
		.since = VERSION_FIRST},
	{.key = "type",
		.type = OPTION_ENUM,
		.offset = BACKEND(kind),
		.values = kinds,
		.is_exact = true,
		.help = "Kind; without it, seen from api_key_env and command",
		.since = VERSION_FIRST},
	{.key = "system",
		.type = OPTION_STRING,
		.offset = BACKEND(system),
		.help = "System prompt of every call",
		.since = VERSION_FIRST},
	{.key = "max_retries",
		.type = OPTION_INT,
		.offset = BACKEND(max_retries),
		.default_text = "3",
		.help = "Attempts after the first one",
		.since = VERSION_FIRST},
	{.key = "retry_delay",
		.type = OPTION_DURATION,
		.offset = BACKEND(retry_delay_ms),
		.default_text = "1s",
		.unit = "ms",
		.old_names = old_retry_delay,
		.help = "First wait between attempts; each further one is twice as long",
		.since = VERSION_FIRST},
	{.key = "retry_rate_limit",
		.type = OPTION_BOOL,
		.offset = BACKEND(retries_rate_limit),
		.default_text = "true",
		.help = "Whether a call that met a rate limit is tried again",
		.since = VERSION_FIRST},
	{.key = "retry_timeout",
		.type = OPTION_BOOL,
		.offset = BACKEND(retries_timeout),
		.default_text = "false",
		.help = "Whether a call that ran out of time is tried again",
		.since = VERSION_FIRST},
	{.key = "env",
		.type = OPTION_SECRET_MAP,
		.offset = BACKEND(env),
		.keeps_empty = true,
		.needs_trust = true,
		.help = "Further environment of the program",
		.since = VERSION_FIRST},
	{.key = "headers",
		.type = OPTION_SECRET_MAP,
		.offset = BACKEND(headers),
		.check = check_header_value,
		.needs_trust = true,
		.help = "Further request headers of an API",
		.since = VERSION_FIRST},
	{.key = "stdin",
		.type = OPTION_ENUM,
		.offset = BACKEND(stdin_mode),
		.default_text = "auto",
		.values = stdin_modes,
		.help = "Whether the program reads the prompt from its standard input; auto for "
			"large ones",
		.since = VERSION_FIRST},
	{.key = "max_concurrent",
		.type = OPTION_INT,
		.offset = BACKEND(max_concurrent),
		.min = 1,
		.help = "Calls at once; without it, as many as there are",
		.since = VERSION_FIRST},
	{.key = "requests_per_minute",
		.type = OPTION_INT,
		.offset = BACKEND(requests_per_minute),
		.min = 1,
		.help = "Calls begun within a minute; without it, as many as there are",
		.since = VERSION_FIRST},
	{.key = "max_output_bytes",
		.type = OPTION_SIZE,
		.offset = BACKEND(max_output_bytes),
		.default_text = "16MiB",
		.min = 1,
		.help = "Longest answer of a program; it is stopped beyond",
		.since = VERSION_FIRST},
	{.key = "max_tokens",
		.type = OPTION_INT,
		.offset = BACKEND(max_tokens),
		.default_text = "-1",
		.min = 1,
		.help = "Longest answer of a model, in tokens",
		.since = VERSION_FIRST},
	{.key = "temperature",
		.type = OPTION_NUMBER,
		.offset = BACKEND(temperature),
		.max = 2,
		.help = "Sampling temperature",
		.since = VERSION_FIRST},
	{.key = "kill_grace_ms",
		.type = OPTION_DURATION,
		.offset = BACKEND(kill_grace_ms),
		.default_text = "2s",
		.unit = "ms",
		.old_names = old_kill_grace,
		.help = "Time a program has to end by itself before it is killed",
		.since = VERSION_FIRST},
	{.key = "json",
		.type = OPTION_ENUM,
		.offset = BACKEND(json),
		.default_text = "auto",
		.values = json_modes,
		.help = "Whether the program prints JSON; auto looks for --json and -j in args",
		.since = VERSION_FIRST},
	{.key = "json_path",
		.type = OPTION_STRING,
		.offset = BACKEND(json_path),
		.help = "Where the text is in that JSON",
		.since = VERSION_FIRST},
	{.key = "rate_limit_patterns",
		.type = OPTION_STRING_LIST,
		.offset = BACKEND(rate_limit_patterns),
		.help = "Further texts by which a program says that it met a rate limit",
		.since = VERSION_FIRST},
	{.key = "max_prompt_tokens",
		.type = OPTION_INT,
		.offset = BACKEND(max_prompt_tokens),
		.min = 1,
		.help = "Longest prompt, in tokens; a longer one is refused",
		.since = VERSION_FIRST},
	{.key = "replies",
		.type = OPTION_OBJECT_LIST,
		.offset = BACKEND(replies),
		.nested = &reply_table,
		.help = "Replies of a mock backend, tried in order",
		.since = VERSION_FIRST},
};
static const struct option_table backend_table = {
	.rows = backend_rows,
	.row_count = COUNT(backend_rows),
	.struct_size = sizeof(struct runner_backend),
};

/* ---- [roles.NAME] (1.6), [teams.NAME] (1.7) ---- */

#define ROLE(member) offsetof(struct runner_role, member)
#define ROLE_ROWS                                                                                  \
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = ROLE(name), .help = "Name"},     \
		{.key = "backends",                                                                \
			.type = OPTION_STRING_LIST,                                                \
			.offset = ROLE(backends),                                                  \
			.is_required = true,                                                       \
			.help = "Backends in order; a name with a `/` is a model of a provider",   \
			.since = VERSION_FIRST},                                                   \
		{.key = "execution",                                                               \
			.type = OPTION_ENUM,                                                       \
			.offset = ROLE(execution),                                                 \
			.values = modes,                                                           \
			.is_exact = true,                                                          \
			.help = "Which of them are asked: the first available one (first), one "   \
				"after the other until one answers (fallback), all (parallel)",    \
			.since = VERSION_FIRST},                                                   \
		{.key = "min_success",                                                             \
			.type = OPTION_INT,                                                        \
			.offset = ROLE(min_success),                                               \
			.min = 1,                                                                  \
			.help = "With parallel: how many must answer; without it, one",            \
			.since = VERSION_FIRST},                                                   \
		{.key = "cancel_rest",                                                             \
			.type = OPTION_BOOL,                                                       \
			.offset = ROLE(cancels_rest),                                              \
			.default_text = "false",                                                   \
			.help = "With parallel: whether the others are stopped then",              \
			.since = VERSION_FIRST},                                                   \
	{                                                                                          \
		.key = "description", .type = OPTION_STRING, .offset = ROLE(description),          \
		.help = "What it is for", .since = VERSION_FIRST                                   \
	}

static const struct option_row role_rows[] = {ROLE_ROWS};
const struct option_table runner_role_table = {
	.rows = role_rows,
	.row_count = COUNT(role_rows),
	.struct_size = sizeof(struct runner_role),
};
static const struct option_table override_table = {
	.rows = role_rows,
	.row_count = COUNT(role_rows),
	.struct_size = sizeof(struct runner_role),
	.shorthand = "backends",
};

#define TEAM(member) offsetof(struct runner_team, member)
static const struct option_row team_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = TEAM(name), .help = "Name"},
	{.key = "description",
		.type = OPTION_STRING,
		.offset = TEAM(description),
		.help = "What it is for",
		.since = VERSION_FIRST},
	{.key = "detect",
		.type = OPTION_STRING_LIST,
		.offset = TEAM(detect),
		.help = "Files, or globs, whose presence in a directory chooses the team",
		.since = VERSION_FIRST},
	{.key = "verify",
		.type = OPTION_STRING,
		.offset = TEAM(verify),
		.needs_trust = true,
		.help = "Shell command that checks the project",
		.since = VERSION_FIRST},
	{.key = "context",
		.type = OPTION_STRING_LIST,
		.offset = TEAM(context),
		.needs_trust = true,
		.help = "Files whose text stands before every prompt",
		.since = VERSION_FIRST},
	{.key = "roles",
		.type = OPTION_OBJECT_MAP,
		.offset = TEAM(roles),
		.nested = &override_table,
		.help = "Roles that mean something else in this team, as tables or lists of "
			"backends",
		.since = VERSION_FIRST},
};
static const struct option_table team_table = {
	.rows = team_rows,
	.row_count = COUNT(team_rows),
	.struct_size = sizeof(struct runner_team),
};

/* ---- [ecosystems.NAME] (1.8) ---- */

#define PROJECT(member) offsetof(struct runner_project, member)
static const struct option_row project_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = PROJECT(name), .help = "Name"},
	{.key = "path",
		.type = OPTION_STRING,
		.offset = PROJECT(path),
		.is_required = true,
		.help = "Its directory; ~ and ${NAME} are expanded",
		.since = VERSION_FIRST},
	{.key = "description",
		.type = OPTION_STRING,
		.offset = PROJECT(description),
		.help = "What it is",
		.since = VERSION_FIRST},
	{.key = "type",
		.type = OPTION_STRING,
		.offset = PROJECT(type),
		.help = "Kind, in a word of your own: ruby, rust, sql",
		.since = VERSION_FIRST},
	{.key = "depends_on",
		.type = OPTION_STRING_LIST,
		.offset = PROJECT(depends_on),
		.help = "Other projects it needs",
		.since = VERSION_FIRST},
	{.key = "tags",
		.type = OPTION_STRING_LIST,
		.offset = PROJECT(tags),
		.help = "Words to find it by",
		.since = VERSION_FIRST},
};
static const struct option_table project_table = {
	.rows = project_rows,
	.row_count = COUNT(project_rows),
	.struct_size = sizeof(struct runner_project),
};

#define ECOSYSTEM(member) offsetof(struct runner_ecosystem, member)
static const struct option_row ecosystem_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = ECOSYSTEM(name), .help = "Name"},
	{.key = "description",
		.type = OPTION_STRING,
		.offset = ECOSYSTEM(description),
		.help = "What it is",
		.since = VERSION_FIRST},
	{.key = "knowledge",
		.type = OPTION_STRING_LIST,
		.offset = ECOSYSTEM(knowledge),
		.help = "Facts that prompts may use",
		.since = VERSION_FIRST},
	{.key = "knowledge_append",
		.type = OPTION_STRING_LIST,
		.offset = ECOSYSTEM(knowledge),
		.appends = true,
		.help = "Facts added to those of an earlier file",
		.since = VERSION_FIRST},
	{.key = "projects",
		.type = OPTION_OBJECT_MAP,
		.offset = ECOSYSTEM(projects),
		.nested = &project_table,
		.help = "Its projects",
		.since = VERSION_FIRST},
};
static const struct option_table ecosystem_table = {
	.rows = ecosystem_rows,
	.row_count = COUNT(ecosystem_rows),
	.struct_size = sizeof(struct runner_ecosystem),
};

/* ---- [pricing.MODEL] (11, rank 10) ---- */

#define PRICE(member) offsetof(struct runner_price, member)
static const struct option_row price_rows[] = {
	{.key = OPTION_NAME_KEY, .type = OPTION_STRING, .offset = PRICE(model), .help = "Model"},
	{.key = "input",
		.type = OPTION_NUMBER,
		.offset = PRICE(input),
		.help = "US dollars per million tokens of prompts",
		.since = VERSION_FIRST},
	{.key = "output",
		.type = OPTION_NUMBER,
		.offset = PRICE(output),
		.help = "US dollars per million tokens of answers",
		.since = VERSION_FIRST},
	{.key = "cache_read",
		.type = OPTION_NUMBER,
		.offset = PRICE(cache_read),
		.help = "US dollars per million tokens read from a cache",
		.since = VERSION_FIRST},
	{.key = "cache_write",
		.type = OPTION_NUMBER,
		.offset = PRICE(cache_write),
		.help = "US dollars per million tokens written to a cache",
		.since = VERSION_FIRST},
};
static const struct option_table price_table = {
	.rows = price_rows,
	.row_count = COUNT(price_rows),
	.struct_size = sizeof(struct runner_price),
};

/* ---- all ---- */

#define AT(member) offsetof(struct runner_config, member)
static const struct option_row rows[] = {
	{.key = "defaults.timeout",
		.type = OPTION_DURATION,
		.offset = AT(defaults.timeout_ms),
		.default_text = "5m",
		.unit = "s",
		.min = 1,
		.doubtful = 10000,
		.help = "Longest time of one attempt of a backend that sets none",
		.since = VERSION_FIRST},
	{.key = "defaults.parallel",
		.type = OPTION_BOOL,
		.offset = AT(defaults.is_parallel),
		.default_text = "false",
		.help = "Whether query steps ask all backends of their role",
		.since = VERSION_FIRST},
	{.key = "defaults.max_concurrent",
		.type = OPTION_INT,
		.offset = AT(defaults.max_concurrent),
		.min = 1,
		.help = "Calls of backends at once; without it, as many as there are",
		.since = VERSION_FIRST,
		.example = "4"},
	{.key = "defaults.command_wrapper",
		.type = OPTION_STRING,
		.offset = AT(defaults.command_wrapper),
		.needs_trust = true,
		.help = "Put before every command, which becomes its last argument",
		.since = VERSION_FIRST,
		.example = "nix-shell --run"},
	{.key = "defaults.first_falls_over",
		.type = OPTION_BOOL,
		.offset = AT(defaults.first_falls_over),
		.default_text = "false",
		.help = "Whether a role with execution first goes on after any failure, not only "
			"to "
			"an available backend",
		.since = VERSION_FIRST},
	{.key = "backends",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(backends),
		.nested = &backend_table,
		.help = "Programs and APIs that answer prompts, by name",
		.since = VERSION_FIRST,
		.example = "claude:\n  command: claude\n  args: [\"-p\"]\n  timeout: 10m"},
	{.key = "roles",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(roles),
		.nested = &runner_role_table,
		.help = "Names that workflows use for backends",
		.since = VERSION_FIRST,
		.example = "default:\n  backends: [claude]\n  execution: fallback"},
	{.key = "teams",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(teams),
		.nested = &team_table,
		.help = "Settings for projects of one kind; rust, ruby, node, python and go are "
			"built in",
		.since = VERSION_FIRST,
		.example = "docs:\n  detect: [mkdocs.yml]\n  verify: mkdocs build --strict"},
	{.key = "ecosystems",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(ecosystems),
		.nested = &ecosystem_table,
		.help = "Projects that belong together, and what is known of them",
		.since = VERSION_FIRST,
		.example = "shop:\n  knowledge: [\"Prices are in cents\"]\n  projects:\n"
			   "    api: {path: ~/shop/api, type: ruby}"},
	{.key = "pricing",
		.type = OPTION_OBJECT_MAP,
		.offset = AT(prices),
		.nested = &price_table,
		.help = "Prices by model, for the costs of runs; `*` stands for any text",
		.since = VERSION_FIRST,
		.example = "gpt-4o:\n  input: 2.5\n  output: 10"},
	{.key = "output.handlers",
		.type = OPTION_STRING_LIST,
		.offset = AT(output.handlers),
		.default_text = "console",
		.check = check_handler,
		.schema = "{\"type\": \"array\", \"items\": {\"enum\": [\"console\", \"log\"]}}",
		.help = "Where runs are told of: console, log",
		.since = VERSION_FIRST},
	{.key = "output.log.dir",
		.type = OPTION_STRING,
		.offset = AT(output.log_dir),
		.needs_trust = true,
		.help = "Directory of the logs of runs",
		.since = VERSION_FIRST,
		.example = ".llm-mux/logs"},
	{.key = "output.log.retain_days",
		.type = OPTION_INT,
		.offset = AT(output.retain_days),
		.default_text = "7",
		.help = "How long logs are kept",
		.since = VERSION_FIRST},
};
const struct option_table runner_table = {
	.rows = rows,
	.row_count = COUNT(rows),
	.struct_size = sizeof(struct runner_config),
};
