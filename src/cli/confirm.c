/* confirm.c: a question whose answer is yes or no. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"

bool command_confirm(const struct command_context *context, const char *question) {
	fprintf(context->err, "%s [y/N] ", question);
	fflush(context->err);
	char *line = NULL;
	size_t size = 0;
	ssize_t len = getline(&line, &size, stdin);
	struct slice answer = slice_trim(slice_make(line, len > 0 ? (size_t)len : 0));
	bool is_yes = slice_ieq(answer, SLICE("y")) || slice_ieq(answer, SLICE("yes"));
	free(line);
	return is_yes;
}
