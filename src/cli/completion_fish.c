/* completion_fish.c: the script for fish. */
#include "cli/completion.h"
#include "cli/shell.h"

static void print_words(enum completion_kind kind, const char *const *words, FILE *out) {
	if (kind == COMPLETION_FILE) {
		fputs(" -F", out);
		return;
	}
	if (kind == COMPLETION_NONE) {
		return;
	}
	fputs(" -a '", out);
	if (kind == COMPLETION_KEY) {
		completion_keys(out);
	} else if (kind == COMPLETION_COMMAND) {
		completion_commands(command_table, out);
	} else if (kind == COMPLETION_CLIENT) {
		completion_clients(out);
	} else {
		completion_words(words, out);
	}
	fputc('\'', out);
}

static void print_options(const struct command_option *options, const char *condition, FILE *out) {
	for (; options && options->name; options++) {
		fprintf(out, "complete -c llm-mux%s -l %s", condition, options->name);
		if (options->letter) {
			fprintf(out, " -s %c", options->letter);
		}
		if (options->argument) {
			enum completion_kind kind = completion_of_option(options);
			fputs(kind == COMPLETION_FILE ? " -r" : " -x", out);
			print_words(kind, options->choices, out);
		}
		fputs(" -d ", out);
		shell_quote(shell_fish, options->help, out);
		fputc('\n', out);
	}
}

static void print_list(const struct command *const *commands, const char *condition, FILE *out) {
	for (; *commands; commands++) {
		fprintf(out, "complete -c llm-mux%s -a %s -d ", condition, (*commands)->name);
		shell_quote(shell_fish, (*commands)->summary, out);
		fputc('\n', out);
	}
}

static void print_command(const struct command *command, const char *condition, FILE *out) {
	enum completion_kind kind = completion_of_operand(command);
	if (kind != COMPLETION_NONE) {
		fprintf(out, "complete -c llm-mux%s", condition);
		print_words(kind, command->operands, out);
		fputc('\n', out);
	}
	if (kind == COMPLETION_WORDS && command->max_arguments > 1) {
		fprintf(out, "complete -c llm-mux%s -F\n", condition);
	}
	print_options(command->options, condition, out);
}

static void print_parent(const struct command *parent, FILE *out) {
	char condition[256];
	int at = snprintf(condition, sizeof condition,
		" -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from",
		parent->name);
	for (const struct command *const *sub = parent->subcommands; *sub; sub++) {
		at += snprintf(condition + at, sizeof condition - (size_t)at, " %s", (*sub)->name);
	}
	snprintf(condition + at, sizeof condition - (size_t)at, "'");
	print_list(parent->subcommands, condition, out);
	for (const struct command *const *sub = parent->subcommands; *sub; sub++) {
		snprintf(condition, sizeof condition,
			" -n '__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s'",
			parent->name, (*sub)->name);
		print_command(*sub, condition, out);
	}
}

void completion_fish(FILE *out) {
	fputs("# llm-mux completions for fish, made by `llm-mux completion fish`\n"
	      "complete -c llm-mux -f\n",
		out);
	print_options(command_globals, "", out);
	print_list(command_table, " -n __fish_use_subcommand", out);
	for (const struct command *const *row = command_table; *row; row++) {
		if ((*row)->subcommands) {
			print_parent(*row, out);
			continue;
		}
		char condition[128];
		snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'",
			(*row)->name);
		print_command(*row, condition, out);
	}
}
