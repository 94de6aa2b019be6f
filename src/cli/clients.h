/* clients.h: the programs and libraries that people point at the gateway, and what each wants to be
 * told. One row per client (clients.c); `env` prints a row, `with` starts the program of one.
 *
 * Texts of a row are templates: {origin} is the gateway's address without a path
 * ("http://127.0.0.1:8317"), {key} the key clients present, {model} a model's name, {snippet} the
 * row's own snippet, {file} a file of ours that holds the snippet, {home} the folder of ours that
 * is the client's. What needs {model} is left out when no model was chosen, what needs {file} or
 * {home} where there is none: only `with` makes them. */
#ifndef LLMMUX_CLI_CLIENTS_H
#define LLMMUX_CLI_CLIENTS_H

#include "base/arena.h"
#include "cli/command.h"

/* Holds the key in the environment of programs that read it from a variable of any name; `env` and
 * `with` take the key from it too, where the configuration has none they can show. */
#define CLIENT_KEY_VARIABLE "LLM_MUX_CLIENT_KEY"

struct client_variable {
	const char *name;
	const char *value; /* template; NULL: the variable must not be set */
};

struct client_snippet {
	const char *place;   /* "~/.codex/config.toml", or a menu; NULL: the client has none */
	const char *comment; /* how a line of comment begins there: "#" */
	const char *text;    /* template of whole lines; lines that need what the target has not are
				left out */
	const char *own;     /* where {file} is below {home}; NULL: the client needs neither */
	bool is_shared; /* the client writes into that file too: it is made once and then left alone
			 */
	bool is_menu;   /* settings that a person types, so nothing in them is escaped */
};

struct client {
	const char *name;    /* "codex" */
	const char *title;   /* "Codex CLI" */
	const char *program; /* what `with` starts; NULL: nothing to start */
	const char *install; /* how a person gets the program; NULL without one */
	const struct client_variable *variables; /* ends with a row whose name is NULL; or NULL */
	const char *const
		*arguments; /* templates, before the user's own; ends with NULL; or NULL */
	struct client_snippet snippet;
	const char *model_prefix; /* what the client wants before a model's name; NULL: nothing */
	bool needs_model;         /* it cannot ask for a model by itself */
	const char *api;          /* the endpoint it calls: "/v1/responses" */
	const char *note;         /* lines that a user has to know; NULL: none */
};

/* In the order of the list; ends with a row whose name is NULL. */
extern const struct client client_table[];
/* The row of that name; NULL when there is none, and then *near is the nearest name or NULL. */
const struct client *client_find(const char *name, const char **near);
/* The row that the first operand names; NULL after a message. */
const struct client *client_named(const struct command_context *context);
/* "docs/clients/codex.md": where the client is explained. */
const char *client_guide(const struct client *client, struct arena *arena);

/* What the templates stand for. Everything is in the arena. */
struct client_target {
	struct arena *arena;
	const char *origin;
	const char *key;
	const char *model;       /* NULL: none was chosen */
	const char *home, *file; /* {home} and {file}; NULL: there are none */
	bool has_own_key;        /* the key is a secret, not a word that fills an empty place */
	bool is_key_hidden; /* the configuration holds hashes of keys only: `key` is a placeholder
			     */
};

/* Reads the configuration and the options --url and --model (`client` may need a model: then the
 * first of the configuration's). False after a message. */
bool client_target_init(struct client_target *target, const struct client *client,
	const struct command_context *context, struct arena *arena);
/* The template with its places filled; NULL when it needs what the target has not (model, file). */
const char *client_expand(
	const struct client_target *target, const struct client *client, const char *template);
/* The snippet of the row, likewise filled line by line; "" when it has none. */
const char *client_expand_snippet(const struct client_target *target, const struct client *client);

#endif
