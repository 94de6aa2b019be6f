/* shell.c: the table of shells. */
#include "cli/shell.h"

#include <string.h>

const struct shell shell_table[] = {
	{"sh", "export ", "=", "unset ", "", "'\\''", "\\"},
	{"fish", "set -gx ", " ", "set -e ", "", "\\'", "\\\\"},
	{"powershell", "$env:", " = ", "Remove-Item Env:", " -ErrorAction SilentlyContinue", "''",
		"\\"},
	{NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
const struct shell *const shell_posix = &shell_table[0], *const shell_fish = &shell_table[1];
const char *const shell_names[] = {"sh", "fish", "powershell", NULL};

const struct shell *shell_find(const char *name) {
	for (const struct shell *shell = shell_table; shell->name; shell++) {
		if (strcmp(shell->name, name) == 0) {
			return shell;
		}
	}
	return NULL;
}

void shell_quote(const struct shell *shell, const char *text, FILE *out) {
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(shell->quote, out);
		} else if (*text == '\\') {
			fputs(shell->backslash, out);
		} else {
			fputc(*text, out);
		}
	}
	fputc('\'', out);
}

void shell_set(const struct shell *shell, const char *name, const char *value, FILE *out) {
	if (!value) {
		fprintf(out, "%s%s%s\n", shell->unset_before, name, shell->unset_after);
		return;
	}
	fprintf(out, "%s%s%s", shell->set_before, name, shell->set_after);
	shell_quote(shell, value, out);
	fputc('\n', out);
}
