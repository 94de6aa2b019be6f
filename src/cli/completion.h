/* completion.h: what the scripts of the three shells are made of. */
#ifndef LLMMUX_CLI_COMPLETION_H
#define LLMMUX_CLI_COMPLETION_H

#include "cli/command.h"

/* What an operand or an argument of an option may be, told by the word that help shows for it
 * ("[FILE]", "KEY"): the tables need no second statement of it. */
enum completion_kind {
	COMPLETION_NONE,
	COMPLETION_FILE,    /* FILE, PATH */
	COMPLETION_KEY,     /* KEY: an option of the configuration */
	COMPLETION_COMMAND, /* COMMAND */
	COMPLETION_CLIENT,  /* CLIENT: of the commands env and with */
	COMPLETION_WORDS    /* the row lists them */
};
enum completion_kind completion_of_operand(const struct command *command);
enum completion_kind completion_of_option(const struct command_option *option);

/* Words separated by blanks. */
void completion_words(const char *const *words, FILE *out);
void completion_commands(const struct command *const *commands, FILE *out);
void completion_clients(FILE *out);
/* The keys of a configuration file. */
void completion_keys(FILE *out);
/* "--from --to": long names; the letters too. */
void completion_options(const struct command_option *options, FILE *out);

void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
