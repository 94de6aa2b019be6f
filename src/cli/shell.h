/* shell.h: how values are written for the shells people use. */
#ifndef LLMMUX_CLI_SHELL_H
#define LLMMUX_CLI_SHELL_H

#include <stdbool.h>
#include <stdio.h>

struct shell {
	const char *name;
	const char *set_before, *set_after; /* around a variable's name, before its value */
	const char *unset_before, *unset_after;
	const char *quote;     /* how a ' is written inside '...' */
	const char *backslash; /* and how a \ is */
};

/* sh first; ends with a row whose name is NULL. */
extern const struct shell shell_table[];
extern const struct shell *const shell_posix, *const shell_fish;
/* The same names, ending with NULL, for options. */
extern const char *const shell_names[];

/* NULL when there is none of that name. */
const struct shell *shell_find(const char *name);
/* The text as one word, within '...'. */
void shell_quote(const struct shell *shell, const char *text, FILE *out);
/* A command that sets the variable for this shell and what it starts; `value` NULL removes it. */
void shell_set(const struct shell *shell, const char *name, const char *value, FILE *out);

#endif
