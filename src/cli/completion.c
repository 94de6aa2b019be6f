/* completion.c: the command `completion`: scripts that complete command lines, made of the tables
 * of commands and options. */
#include "cli/completion.h"
#include "cli/clients.h"

#include <string.h>

enum completion_kind completion_of_operand(const struct command *command) {
	const char *usage = command->usage ? command->usage : "";
	return command->operands          ? COMPLETION_WORDS
	       : strstr(usage, "FILE")    ? COMPLETION_FILE
	       : strstr(usage, "KEY")     ? COMPLETION_KEY
	       : strstr(usage, "COMMAND") ? COMPLETION_COMMAND
	       : strstr(usage, "CLIENT")  ? COMPLETION_CLIENT
					  : COMPLETION_NONE;
}

enum completion_kind completion_of_option(const struct command_option *option) {
	return !option->argument ? COMPLETION_NONE
	       : option->choices ? COMPLETION_WORDS
	       : strcmp(option->argument, "PATH") == 0 || strcmp(option->argument, "DIR") == 0 ||
			       strcmp(option->argument, "FILE") == 0
		       ? COMPLETION_FILE
		       : COMPLETION_NONE;
}

void completion_words(const char *const *words, FILE *out) {
	for (size_t i = 0; words[i]; i++) {
		fprintf(out, "%s%s", i ? " " : "", words[i]);
	}
}

void completion_commands(const struct command *const *commands, FILE *out) {
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
	}
}

void completion_clients(FILE *out) {
	for (size_t i = 0; client_table[i].name; i++) {
		fprintf(out, "%s%s", i ? " " : "", client_table[i].name);
	}
}

static bool has_value(const struct option_row *row) {
	return row->type != OPTION_LATER && row->type != OPTION_IGNORED;
}

void completion_keys(FILE *out) {
	const char *separator = "";
	struct arena arena;
	struct option_set set;
	arena_init(&arena, NULL, 0);
	command_options_init(&set, &arena);
	for (size_t t = 0; t < set.table_count; t++) {
		for (size_t i = 0; i < set.tables[t]->row_count; i++) {
			if (has_value(&set.tables[t]->rows[i])) {
				fprintf(out, "%s%s", separator, set.tables[t]->rows[i].key);
				separator = " ";
			}
		}
	}
	arena_finish(&arena);
}

void completion_options(const struct command_option *options, FILE *out) {
	for (; options && options->name; options++) {
		fprintf(out, " --%s", options->name);
		if (options->letter) {
			fprintf(out, " -%c", options->letter);
		}
	}
}

static const struct {
	const char *name;
	void (*print)(FILE *out);
} shells[] = {
	{"bash", completion_bash},
	{"zsh", completion_zsh},
	{"fish", completion_fish},
};
static const char *const shell_words[] = {"bash", "zsh", "fish", NULL};

static const char *next_shell(const void *data, size_t index) {
	(void)data;
	return shell_words[index];
}

static int completion_run(struct command_context *context) {
	const char *word = context->argument_count > 0 ? context->arguments[0] : NULL;
	for (size_t i = 0; word && i < sizeof shells / sizeof *shells; i++) {
		if (strcmp(shells[i].name, word) == 0) {
			shells[i].print(context->out);
			return COMMAND_OK;
		}
	}
	if (!word) {
		return command_fail(
			context, COMMAND_USAGE, "completion needs a shell: bash, zsh or fish");
	}
	const char *near = command_nearest(word, next_shell, NULL);
	return command_fail(context, COMMAND_USAGE,
		near ? "no completions for '%s'; did you mean '%s'?"
		     : "no completions for '%s': there are some for bash, zsh and fish",
		word, near);
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print completions for bash, zsh or fish",
	.usage = "bash|zsh|fish",
	.details = "  bash: llm-mux completion bash > DIR/llm-mux, with DIR\n"
		   "        ~/.local/share/bash-completion/completions\n"
		   "  zsh:  llm-mux completion zsh > DIR/_llm-mux, with DIR one of your $fpath\n"
		   "  fish: llm-mux completion fish > ~/.config/fish/completions/llm-mux.fish",
	.operands = shell_words,
	.max_arguments = 1,
	.run = completion_run,
};
