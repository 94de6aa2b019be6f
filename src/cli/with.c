/* with.c: the command `with`: starts a client that is told of this gateway, in place of this
 * program, so that exit code, signals and terminal are the client's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "cli/clients.h"
#include "cli/shell.h"
#include "data/json.h"
#include "net/client.h"

#define PROBE_CONNECT_MS 3000
#define PROBE_ANSWER_MS 10000
#define PROBE_BODY_MAX 65536

/* ---- is the gateway there? ---- */

struct probe {
	struct loop *loop;
	int status; /* 0: no answer came */
	struct buf body;
	struct error error;
};

static void on_headers(
	struct client_call *call, int status, const struct http_headers *headers, void *data) {
	struct probe *probe = data;
	(void)call;
	(void)headers;
	probe->status = status;
}

static void on_data(struct client_call *call, struct slice bytes, void *data) {
	struct probe *probe = data;
	(void)call;
	buf_append(&probe->body, bytes);
}

static void on_done(struct client_call *call, const struct client_result *result, void *data) {
	struct probe *probe = data;
	(void)call;
	probe->error = result->error;
	loop_stop(probe->loop);
}

/* The chosen model, or the list of all: both want the client's key. */
static const char *probe_url(const struct client_target *target) {
	if (!target->model) {
		return arena_printf(target->arena, "%s/v1/models", target->origin).data;
	}
	struct buf name = {0};
	percent_encode(slice_of(target->model), &name);
	const char *url = arena_printf(
		target->arena, "%s/v1/models/%.*s", target->origin, SLICE_FMT(buf_slice(&name)))
				  .data;
	buf_finish(&name);
	return url;
}

/* Whether the gateway is on this machine: then a proxy of the environment is not asked for it. */
static bool is_local(const char *origin) {
	static const char *const hosts[] = {"://127.", "://localhost", "://[::1]"};
	bool found = false;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		found = found || strstr(origin, hosts[i]);
	}
	return found;
}

static void ask(struct probe *probe, const struct client_target *target) {
	static const struct client_handler handler = {on_headers, on_data, on_done};
	struct client_shared *shared = client_shared_create();
	const struct client_options options = {
		.shared = shared, .user_agent = command_user_agent()};
	const struct http_header key = {
		SLICE("authorization"), arena_printf(target->arena, "Bearer %s", target->key)};
	const struct client_request request = {
		.method = "GET",
		.url = probe_url(target),
		.headers = &key,
		.header_count = 1,
		.proxy = is_local(target->origin) ? "direct" : NULL,
		.timeouts = {.connect_ms = PROBE_CONNECT_MS, .total_ms = PROBE_ANSWER_MS},
	};
	probe->loop = loop_create(&probe->error);
	struct client *client =
		probe->loop ? client_create(probe->loop, &options, &probe->error) : NULL;
	if (client && client_submit(client, &request, &handler, probe, &probe->error)) {
		loop_run(probe->loop);
	}
	client_destroy(client);
	loop_destroy(probe->loop);
	client_shared_destroy(shared);
}

/* What the gateway itself said was wrong. */
static const char *said_message(const struct probe *probe, struct arena *arena) {
	struct error error;
	const struct json *body = json_parse(arena, buf_slice(&probe->body), 0, &error);
	struct slice message = json_string(json_get(json_get(body, "error"), "message"), arena);
	return message.len > 0 ? arena_strdup(arena, message)
			       : arena_printf(arena, "HTTP %d", probe->status).data;
}

static int refuse_probe(const struct command_context *context, const struct client_target *target,
	const struct probe *probe) {
	if (probe->status == 0) {
		return command_fail(context, COMMAND_FAILED,
			"no gateway answers at %s: %s\nStart it with `llm-mux serve`, or say where "
			"it is with --url.",
			target->origin, probe->error.message);
	}
	if (probe->status == 401 || probe->status == 403) {
		return command_fail(context, COMMAND_FAILED,
			"the gateway at %s refuses the client key: set " CLIENT_KEY_VARIABLE
			" to one of its `api-keys:`",
			target->origin);
	}
	return command_fail(context, COMMAND_FAILED, "the gateway at %s says: %s", target->origin,
		said_message(probe, target->arena));
}

static int check_gateway(
	const struct command_context *context, const struct client_target *target) {
	struct probe probe = {.status = 0};
	buf_init(&probe.body, PROBE_BODY_MAX);
	ask(&probe, target);
	int code = probe.status == 200 ? COMMAND_OK : refuse_probe(context, target, &probe);
	buf_finish(&probe.body);
	return code;
}

/* ---- the program ---- */

/* As execvp looks for it, so that its absence is told before anything else is done. */
static const char *find_program(struct arena *arena, const char *program) {
	const char *path = getenv("PATH");
	struct slice rest = slice_of(path ? path : ""), dir;
	while (rest.len > 0 && slice_split(&rest, ':', &dir)) {
		const char *file = arena_printf(
			arena, "%.*s%s%s", SLICE_FMT(dir), dir.len > 0 ? "/" : "./", program)
					   .data;
		if (access(file, X_OK) == 0) {
			return file;
		}
	}
	return NULL;
}

/* Where the client finds the snippet in place of its own file, which stays as it is: in a folder of
 * our own state. */
static bool place_file(
	struct client_target *target, const struct client *client, struct error *error) {
	const char *state = file_state_dir(target->arena);
	if (!state) {
		return error_set(error, ERROR_CONFIGURATION,
			"neither HOME nor XDG_STATE_HOME is set, so there is no place for the "
			"settings of %s",
			client->title);
	}
	target->home = arena_printf(target->arena, "%s/clients/%s", state, client->name).data;
	target->file = file_join(target->arena, target->home, client->snippet.own);
	return true;
}

static bool write_file(
	const struct client_target *target, const struct client *client, struct error *error) {
	struct slice path = slice_of(target->file);
	size_t dir_len = (size_t)(strrchr(target->file, '/') - target->file);
	if (client->snippet.is_shared && file_exists(target->file)) {
		return true;
	}
	return file_make_dir(
		       arena_strdup(target->arena, slice_sub(path, 0, dir_len)), 0700, error) &&
	       file_write_atomic(
		       target->file, slice_of(client_expand_snippet(target, client)), 0600, error);
}

/* The words of the command line: program, the row's, the user's. */
static char **make_words(const struct command_context *context, const struct client_target *target,
	const struct client *client) {
	size_t count = 0, own = 0;
	for (const char *const *row = client->arguments; row && *row; row++) {
		own++;
	}
	char **words = ARENA_ARRAY(target->arena, char *, own + context->argument_count + 1);
	words[count++] = arena_strdup(target->arena, slice_of(client->program));
	for (size_t i = 0; i < own; i++) {
		const char *word = client_expand(target, client, client->arguments[i]);
		if (word) {
			words[count++] = arena_strdup(target->arena, slice_of(word));
		}
	}
	for (size_t i = 1; i < context->argument_count; i++) {
		words[count++] = context->arguments[i];
	}
	words[count] = NULL;
	return words;
}

static void set_environment(const struct client_target *target, const struct client *client) {
	for (const struct client_variable *row = client->variables; row && row->name; row++) {
		const char *value = row->value ? client_expand(target, client, row->value) : NULL;
		if (value) {
			setenv(row->name, value, 1);
		} else if (!row->value) {
			unsetenv(row->name);
		}
	}
}

/* What would be started, as lines for a shell; the key is not shown. */
static void print_plan(const struct command_context *context, const struct client_target *target,
	const struct client *client, char **words) {
	struct client_target shown = *target;
	shown.key = target->has_own_key ? "..." : target->key;
	for (const struct client_variable *row = client->variables; row && row->name; row++) {
		const char *value = row->value ? client_expand(&shown, client, row->value) : NULL;
		if (value || !row->value) {
			shell_set(shell_posix, row->name, value, context->out);
		}
	}
	fputs("exec", context->out);
	for (; *words; words++) {
		fputc(' ', context->out);
		shell_quote(shell_posix, *words, context->out);
	}
	fputc('\n', context->out);
}

/* Comes back only when the client could not be started. */
static int start(const struct command_context *context, struct client_target *target,
	const struct client *client) {
	struct error error;
	bool is_dry = command_has(context, "dry-run");
	const char *file = find_program(target->arena, client->program);
	if (!file && !is_dry) {
		return command_fail(context, COMMAND_FAILED,
			"%s is not installed: there is no `%s` on PATH. To install it: %s",
			client->title, client->program, client->install);
	}
	if (target->is_key_hidden) {
		return command_fail(context, COMMAND_USAGE,
			"the configuration holds hashes of the client keys, not the keys: "
			"set " CLIENT_KEY_VARIABLE " to yours");
	}
	if (!is_dry && check_gateway(context, target) != COMMAND_OK) {
		return COMMAND_FAILED;
	}
	if (client->snippet.own && (!place_file(target, client, &error) ||
					   (!is_dry && !write_file(target, client, &error)))) {
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	char **words = make_words(context, target, client);
	if (is_dry) {
		print_plan(context, target, client, words);
		return COMMAND_OK;
	}
	set_environment(target, client);
	fflush(context->out);
	execv(file, words);
	return command_fail(context, COMMAND_FAILED, "cannot start %s: %s", file, strerror(errno));
}

static int with_run(struct command_context *context) {
	const struct client *client = client_named(context);
	if (!client) {
		return COMMAND_USAGE;
	}
	if (!client->program) {
		return command_fail(context, COMMAND_USAGE,
			"%s is not a program to start: llm-mux env %s says what to set",
			client->title, client->name);
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct client_target target;
	int code = COMMAND_USAGE;
	if (client_target_init(&target, client, context, &arena)) {
		code = start(context, &target, client);
	}
	arena_finish(&arena);
	return code;
}

static const struct command_option options[] = {
	{0, "model", "NAME", "the model to ask for", NULL},
	{0, "url", "URL", "where the gateway is, if not as configured", NULL},
	{0, "dry-run", NULL, "print what would be started, and start nothing", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_with = {
	.name = "with",
	.summary = "start a client that uses this gateway",
	.usage = "CLIENT [ARGUMENTS...]",
	.details =
		"  llm-mux with claude-code\n"
		"  llm-mux with --model gpt-5 claude-code -p 'What is in this folder?'\n"
		"\n"
		"Options stand before CLIENT; what follows it is the client's. Its settings are\n"
		"passed in its environment and on its command line: the client's own files stay\n"
		"as they are. llm-mux env lists the clients.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = SIZE_MAX,
	.stops_at_operand = true,
	.run = with_run,
};
