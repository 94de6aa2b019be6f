/* env.c: the command `env`: what a client must be told to use this gateway. */
#include <stdlib.h>
#include <string.h>

#include "cli/clients.h"
#include "cli/shell.h"
#include "data/json.h"

static void print_list(FILE *out) {
	fprintf(out, "%-14s %-24s CALLS\n", "CLIENT", "NAME");
	for (const struct client *client = client_table; client->name; client++) {
		fprintf(out, "%-14s %-24s %s\n", client->name, client->title, client->api);
	}
}

/* ---- for people and shells ---- */

/* Each line of the text as a comment. */
static void print_comment(const char *comment, const char *indent, const char *text, FILE *out) {
	struct slice rest = slice_of(text), line;
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		fprintf(out, "%s%s%.*s\n", comment, line.len > 0 ? indent : "", SLICE_FMT(line));
	}
}

static void print_head(const struct client_target *target, const struct client *client,
	const char *comment, FILE *out) {
	fprintf(out, "%s %s calls %s at %s: see %s\n", comment, client->title, client->api,
		target->origin, client_guide(client, target->arena));
	print_comment(comment, " ", client->note ? client->note : "", out);
}

/* Shell commands; what belongs into a file follows as comments, so that all of it may be evaluated.
 */
static void print_commands(const struct client_target *target, const struct client *client,
	const struct shell *shell, FILE *out) {
	bool holds_snippet = false;
	print_head(target, client, "#", out);
	for (const struct client_variable *row = client->variables; row->name; row++) {
		const char *value = row->value ? client_expand(target, client, row->value) : NULL;
		holds_snippet = holds_snippet || (row->value && strstr(row->value, "{snippet}"));
		if (value || !row->value) {
			shell_set(shell, row->name, value, out);
		}
	}
	if (client->snippet.text && !holds_snippet) {
		fprintf(out, "# and in %s (llm-mux env %s --snippet):\n", client->snippet.place,
			client->name);
		print_comment("#", "   ", client_expand_snippet(target, client), out);
	}
}

static void print_settings(
	const struct client_target *target, const struct client *client, FILE *out) {
	const char *comment = client->snippet.comment;
	print_head(target, client, comment, out);
	fprintf(out, "%s %s:\n%s", comment, client->snippet.place,
		client_expand_snippet(target, client));
}

/* ---- for programs ---- */

static void write_variables(
	struct json_writer *w, const struct client_target *target, const struct client *client) {
	json_write_key(w, "variables");
	json_begin_object(w);
	for (const struct client_variable *row = client->variables; row && row->name; row++) {
		const char *value = row->value ? client_expand(target, client, row->value) : NULL;
		if (value || !row->value) {
			json_put_cstr(w, row->name, value);
		}
	}
	json_end_object(w);
}

static void write_arguments(
	struct json_writer *w, const struct client_target *target, const struct client *client) {
	json_write_key(w, "arguments");
	json_begin_array(w);
	for (const char *const *row = client->arguments; row && *row; row++) {
		const char *argument = client_expand(target, client, *row);
		if (argument) {
			json_write_cstr(w, argument);
		}
	}
	json_end_array(w);
}

static void print_json(const struct client_target *target, const struct client *client, FILE *out) {
	struct buf text = {0};
	struct json_writer w;
	json_writer_init(&w, &text, true);
	json_begin_object(&w);
	json_put_cstr(&w, "client", client->name);
	json_put_cstr(&w, "title", client->title);
	json_put_cstr(&w, "api", client->api);
	json_put_cstr(&w, "model", target->model);
	write_variables(&w, target, client);
	json_put_cstr(&w, "program", client->program);
	write_arguments(&w, target, client);
	json_put_cstr(&w, "place", client->snippet.place);
	json_put_cstr(
		&w, "snippet", client->snippet.text ? client_expand_snippet(target, client) : NULL);
	json_put_cstr(&w, "note", client->note);
	json_put_cstr(&w, "guide", client_guide(client, target->arena));
	json_end_object(&w);
	fprintf(out, "%.*s\n", SLICE_FMT(buf_slice(&text)));
	buf_finish(&text);
}

/* ---- the command ---- */

static int print_client(const struct command_context *context, const struct client *client,
	const struct client_target *target, const struct shell *shell) {
	if (target->is_key_hidden) {
		fprintf(context->err,
			"llm-mux: the configuration holds hashes of the client keys, not the keys: "
			"set " CLIENT_KEY_VARIABLE " to yours, or write it where %s stands\n",
			target->key);
	}
	if (command_has(context, "json")) {
		print_json(target, client, context->out);
	} else if (command_has(context, "snippet")) {
		fputs(client_expand_snippet(target, client), context->out);
	} else if (client->variables) {
		print_commands(target, client, shell, context->out);
	} else {
		print_settings(target, client, context->out);
	}
	return COMMAND_OK;
}

static const char *next_shell(const void *data, size_t index) {
	(void)data;
	return shell_names[index];
}

static int env_run(struct command_context *context) {
	if (context->argument_count == 0) {
		print_list(context->out);
		return COMMAND_OK;
	}
	const struct client *client = client_named(context);
	const char *shell_name = command_value(context, "shell");
	const struct shell *shell = shell_name ? shell_find(shell_name) : shell_posix;
	if (!client) {
		return COMMAND_USAGE;
	}
	if (!shell) {
		const char *near = command_nearest(shell_name, next_shell, NULL);
		return command_fail(context, COMMAND_USAGE,
			near ? "unknown shell '%s'; did you mean '%s'?"
			     : "unknown shell '%s': it is one of sh, fish, powershell",
			shell_name, near);
	}
	if (command_has(context, "snippet") && !client->snippet.text) {
		return command_fail(context, COMMAND_USAGE,
			"%s needs nothing but variables: leave --snippet out", client->title);
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct client_target target;
	int code = COMMAND_USAGE;
	if (client_target_init(&target, client, context, &arena)) {
		code = print_client(context, client, &target, shell);
	}
	arena_finish(&arena);
	return code;
}

static const struct command_option options[] = {
	{0, "model", "NAME", "the model to ask for", NULL},
	{0, "url", "URL", "where the gateway is, if not as configured", NULL},
	{0, "shell", "SHELL", "write for sh (default), fish or powershell", shell_names},
	{0, "snippet", NULL, "only what belongs into the client's file", NULL},
	{0, "json", NULL, "as a JSON object", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_env = {
	.name = "env",
	.summary = "print what a client needs to use this gateway",
	.usage = "[CLIENT]",
	.details = "  eval \"$(llm-mux env claude-code)\"       set it for this shell\n"
		   "  llm-mux env codex --snippet              the lines for its configuration\n"
		   "  llm-mux with claude-code                 start it so, and change nothing\n"
		   "\n"
		   "Without CLIENT, lists them. Address and key are the "
		   "configuration's;\n" CLIENT_KEY_VARIABLE
		   " names another key. Nothing is written anywhere.",
	.options = options,
	.max_arguments = 1,
	.run = env_run,
};
