/* help.c: help of the program and of each command, printed from the tables. */
#include <string.h>

#include "cli/command.h"

#define HELP_COLUMN 24
#define HELP_NAME_COLUMN 12
#define HELP_TITLE_MAX 160

/* "-p, --port N" padded to the column of the explanations. */
static void help_option(const struct command_option *option, FILE *out) {
	char left[96];
	int len = snprintf(left, sizeof left, "  %c%c%s --%s%s%s", option->letter ? '-' : ' ',
		option->letter ? option->letter : ' ', option->letter ? "," : " ", option->name,
		option->argument ? " " : "", option->argument ? option->argument : "");
	fprintf(out, "%-*s  %s\n", len < HELP_COLUMN ? HELP_COLUMN : len, left, option->help);
}

static void help_options(const char *title, const struct command_option *options, FILE *out) {
	if (!options || !options->name) {
		return;
	}
	fprintf(out, "\n%s:\n", title);
	for (; options->name; options++) {
		help_option(options, out);
	}
}

static void help_list(const struct command *const *commands, FILE *out) {
	size_t width = HELP_NAME_COLUMN;
	for (size_t i = 0; commands[i]; i++) {
		size_t len = strlen(commands[i]->name);
		width = len > width ? len : width;
	}
	for (; *commands; commands++) {
		fprintf(out, "  %-*s %s\n", (int)width, (*commands)->name, (*commands)->summary);
	}
}

static bool has_options(const struct command *command) {
	return command->options && command->options->name;
}

/* The options of subcommands, once for all that share a table. */
static void help_subcommand_options(const struct command *const *commands, FILE *out) {
	for (size_t i = 0; commands[i]; i++) {
		char title[HELP_TITLE_MAX] = "Options of ";
		size_t len = strlen(title), first = 0;
		while (commands[first]->options != commands[i]->options) {
			first++;
		}
		if (!has_options(commands[i]) || first < i) {
			continue;
		}
		for (size_t k = i; commands[k] && len < sizeof title; k++) {
			if (commands[k]->options == commands[i]->options) {
				len += (size_t)snprintf(title + len, sizeof title - len, "%s%s",
					k > i ? ", " : "", commands[k]->name);
			}
		}
		help_options(title, commands[i]->options, out);
	}
}

static void help_program(FILE *out) {
	fputs("llm-mux puts every LLM behind the OpenAI, Anthropic, Gemini and Ollama APIs, and\n"
	      "runs workflows that ask them.\n"
	      "\n"
	      "Usage: llm-mux [COMMAND] [OPTIONS]\n"
	      "\n"
	      "Commands:\n",
		out);
	help_list(command_table, out);
	help_options("Options of every command", command_globals, out);
	fprintf(out,
		"\nWithout a command, llm-mux runs `%s`. More on one: llm-mux help COMMAND\n"
		"What a configuration may hold: llm-mux help options\n",
		command_default->name);
}

void command_print_help(const struct command *command, FILE *out) {
	if (!command) {
		help_program(out);
		return;
	}
	char name[COMMAND_NAME_MAX];
	command_full_name(command, name);
	fprintf(out, "llm-mux %s: %s\n\nUsage: llm-mux %s%s%s%s%s\n", name, command->summary, name,
		!command->subcommands ? ""
		: command->run        ? " [COMMAND]"
				      : " COMMAND",
		command->options && command->options->name ? " [OPTIONS]" : "",
		command->usage ? " " : "", command->usage ? command->usage : "");
	if (command->details) {
		fprintf(out, "\n%s\n", command->details);
	}
	if (command->subcommands) {
		fputs("\nCommands:\n", out);
		help_list(command->subcommands, out);
		help_subcommand_options(command->subcommands, out);
	}
	help_options("Options", command->options, out);
	help_options("Options of every command", command_globals, out);
}

/* What a configuration may hold. */
static void help_configuration(FILE *out) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	command_options_init(&set, &arena);
	struct buf text = {0};
	options_help(&set, &text);
	fwrite(text.data, 1, text.len, out);
	buf_finish(&text);
	arena_finish(&arena);
}

static int help_run(struct command_context *context) {
	const struct command *command = NULL;
	const struct command *const *commands = command_table;
	if (context->argument_count == 1 && strcmp(context->arguments[0], "options") == 0) {
		help_configuration(context->out);
		return COMMAND_OK;
	}
	for (size_t i = 0; i < context->argument_count; i++) {
		const char *word = context->arguments[i];
		const char *near;
		command = command_find(commands, word, &near);
		if (!command) {
			return command_fail(context, COMMAND_USAGE,
				near ? "there is no command '%s'; did you mean '%s'?"
				     : "there is no command '%s'; see llm-mux help",
				word, near);
		}
		commands = command->subcommands;
	}
	command_print_help(command, context->out);
	return COMMAND_OK;
}

const struct command command_help = {
	.name = "help",
	.summary = "show help, of a command when one is named",
	.usage = "[COMMAND]",
	.details = "llm-mux help options lists what a configuration may hold.",
	.max_arguments = 2,
	.run = help_run,
};
