/* completion_zsh.c: the script for zsh. */
#include "cli/completion.h"

/* Text inside '...': [ ] and : mean something to _arguments and _describe. */
static void print_text(const char *text, FILE *out) {
	for (; *text; text++) {
		if (*text == '\'') {
			fputs("'\\''", out);
		} else if (*text == ':' || *text == '[' || *text == ']') {
			fprintf(out, "\\%c", *text);
		} else {
			fputc(*text, out);
		}
	}
}

static void print_action(enum completion_kind kind, const char *const *words, FILE *out) {
	switch (kind) {
	case COMPLETION_FILE:
		fputs("_files", out);
		break;
	case COMPLETION_KEY:
		fputc('(', out);
		completion_keys(out);
		fputc(')', out);
		break;
	case COMPLETION_COMMAND:
		fputc('(', out);
		completion_commands(command_table, out);
		fputc(')', out);
		break;
	case COMPLETION_CLIENT:
		fputc('(', out);
		completion_clients(out);
		fputc(')', out);
		break;
	case COMPLETION_WORDS:
		fputc('(', out);
		completion_words(words, out);
		fputc(')', out);
		break;
	case COMPLETION_NONE:
		break;
	}
}

static void print_spec(const struct command_option *option, const char *name, FILE *out) {
	fprintf(out, " \\\n\t\t\t'%s[", name);
	print_text(option->help, out);
	fputc(']', out);
	if (option->argument) {
		fprintf(out, ":%s:", option->argument);
		print_action(completion_of_option(option), option->choices, out);
	}
	fputc('\'', out);
}

static void print_specs(const struct command_option *options, FILE *out) {
	for (; options && options->name; options++) {
		char name[64];
		snprintf(name, sizeof name, "--%s", options->name);
		print_spec(options, name, out);
		if (options->letter) {
			snprintf(name, sizeof name, "-%c", options->letter);
			print_spec(options, name, out);
		}
	}
}

static void print_list(const struct command *const *commands, FILE *out) {
	fputs("\t\tlocal -a commands=(\n", out);
	for (; *commands; commands++) {
		fprintf(out, "\t\t\t'%s:", (*commands)->name);
		print_text((*commands)->summary, out);
		fputs("'\n", out);
	}
	fputs("\t\t)\n\t\t_describe -t commands command commands\n", out);
}

/* The function of one command: its words are $words[1] = its name and what follows. */
static void print_function(const struct command *command, const char *name, FILE *out) {
	enum completion_kind kind = completion_of_operand(command);
	fprintf(out, "_llm-mux_%s() {\n\t\t_arguments -s", name);
	print_specs(command_globals, out);
	print_specs(command->options, out);
	if (kind != COMPLETION_NONE) {
		fprintf(out, " \\\n\t\t\t'1:%s:", kind == COMPLETION_FILE ? "file" : "word");
		print_action(kind, command->operands, out);
		fputc('\'', out);
	}
	if (kind == COMPLETION_WORDS && command->max_arguments > 1) {
		fputs(" \\\n\t\t\t'2:file:_files'", out);
	}
	fputs("\n}\n\n", out);
}

/* A command whose first word is a command: lists them, or hands over to the one named. */
static void print_parent(const char *function, const struct command *const *commands, FILE *out) {
	fprintf(out,
		"%s() {\n"
		"\tlocal curcontext=$curcontext state line\n"
		"\t_arguments -C",
		function);
	print_specs(command_globals, out);
	fputs(" \\\n\t\t\t'1: :->command' '*:: :->rest'\n"
	      "\tcase $state in\n"
	      "\tcommand)\n",
		out);
	print_list(commands, out);
	fprintf(out,
		"\t\t;;\n"
		"\trest)\n"
		"\t\t(( $+functions[%s_$line[1]] )) && %s_$line[1] ;;\n"
		"\tesac\n"
		"}\n\n",
		function, function);
}

void completion_zsh(FILE *out) {
	fputs("#compdef llm-mux\n# llm-mux completions for zsh, made by `llm-mux completion "
	      "zsh`\n\n",
		out);
	for (const struct command *const *row = command_table; *row; row++) {
		char name[COMMAND_NAME_MAX];
		const struct command *const *sub = (*row)->subcommands;
		if (!sub) {
			print_function(*row, (*row)->name, out);
			continue;
		}
		for (; *sub; sub++) {
			snprintf(name, sizeof name, "%s_%s", (*row)->name, (*sub)->name);
			print_function(*sub, name, out);
		}
		snprintf(name, sizeof name, "_llm-mux_%s", (*row)->name);
		print_parent(name, (*row)->subcommands, out);
	}
	print_parent("_llm-mux", command_table, out);
	fputs("_llm-mux \"$@\"\n", out);
}
