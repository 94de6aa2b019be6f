/* cli_help.c: a command line of a test. */
#include "cli/cli_help.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 16

struct cli_result cli_run(const char *line) {
	struct cli_result result;
	size_t out_len, err_len;
	char *copy = strdup(line);
	char name[] = "llm-mux";
	char *words[MAX_WORDS + 1] = {name};
	char *environment[] = {NULL}, *rest = copy, *word;
	int count = 1;
	while ((word = strsep(&rest, " ")) && count < MAX_WORDS) {
		if (*word) {
			words[count++] = word;
		}
	}
	FILE *out = open_memstream(&result.out, &out_len);
	FILE *err = open_memstream(&result.err, &err_len);
	result.code = command_main(count, words, environment, out, err);
	fclose(out);
	fclose(err);
	free(copy);
	return result;
}

void cli_result_finish(struct cli_result *result) {
	free(result->out);
	free(result->err);
}
