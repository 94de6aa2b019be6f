/* completion_bash.c: the script for bash. */
#include "cli/completion.h"

/* Finds "config show" in the line; options and their arguments do not count. */
static const char script_head[] =
	"# llm-mux completions for bash, made by `llm-mux completion bash`\n"
	"_llm_mux() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= sub= "
	"operands=0 i\n"
	"\tlocal words= options= files=\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n";

static const char script_tail[] = "\tif [ -n \"$files\" ] && [[ $cur != -* ]]; then\n"
				  "\t\tcompopt -o filenames 2>/dev/null\n"
				  "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
				  "\t\treturn\n"
				  "\tfi\n"
				  "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
				  "}\n"
				  "complete -F _llm_mux llm-mux\n";

/* "|--port|-p" of every option that takes an argument. */
static void print_argument_options(const struct command_option *options, FILE *out) {
	for (; options && options->name; options++) {
		if (options->argument) {
			fprintf(out, "|--%s", options->name);
		}
		if (options->argument && options->letter) {
			fprintf(out, "|-%c", options->letter);
		}
	}
}

static void each_command(
	void (*visit)(const struct command *command, const char *path, FILE *out), FILE *out) {
	for (const struct command *const *row = command_table; *row; row++) {
		visit(*row, (*row)->name, out);
		const struct command *const *sub = (*row)->subcommands;
		for (; sub && *sub; sub++) {
			char path[COMMAND_NAME_MAX];
			command_full_name(*sub, path);
			visit(*sub, path, out);
		}
	}
}

static void visit_arguments(const struct command *command, const char *path, FILE *out) {
	(void)path;
	print_argument_options(command->options, out);
}

/* Options with arguments take the next word, which stands behind a "=" of its own in --name=word.
 */
static void print_walk(FILE *out) {
	fputs("\t\t=", out);
	print_argument_options(command_globals, out);
	each_command(visit_arguments, out);
	fputs(") ((i++)); [ \"${COMP_WORDS[i]}\" = = ] && ((i++)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tcase $command in\n"
	      "\t\t\t'') command=${COMP_WORDS[i]} ;;\n",
		out);
	for (const struct command *const *row = command_table; *row; row++) {
		if ((*row)->subcommands) {
			fprintf(out,
				"\t\t\t%s) if [ -z \"$sub\" ]; then sub=\" ${COMP_WORDS[i]}\"; "
				"else ((operands++)); fi ;;\n",
				(*row)->name);
		}
	}
	fputs("\t\t\t*) ((operands++)) ;;\n"
	      "\t\t\tesac ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tif [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then "
	      "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n",
		out);
}

static void print_reply(
	enum completion_kind kind, const char *const *words, const char *begin, FILE *out) {
	fputs(begin, out);
	switch (kind) {
	case COMPLETION_FILE:
		fputs("files=1", out);
		break;
	case COMPLETION_KEY:
		fputs("words=\"$words ", out);
		completion_keys(out);
		fputc('"', out);
		break;
	case COMPLETION_COMMAND:
		fputs("words=\"$words ", out);
		completion_commands(command_table, out);
		fputc('"', out);
		break;
	case COMPLETION_CLIENT:
		fputs("words=\"$words ", out);
		completion_clients(out);
		fputc('"', out);
		break;
	case COMPLETION_WORDS:
		fputs("words=\"$words ", out);
		completion_words(words, out);
		fputc('"', out);
		break;
	case COMPLETION_NONE:
		fputc(':', out);
		break;
	}
}

/* Lines of `case "$command$sub $prev"` for options with arguments. */
static void print_option_cases(const struct command_option *options, const char *path, FILE *out) {
	for (; options && options->name; options++) {
		if (!options->argument) {
			continue;
		}
		const char *any = path ? "" : "*";
		fprintf(out, "\t%s\"%s --%s\"", any, path ? path : "", options->name);
		if (options->letter) {
			fprintf(out, "|%s\"%s -%c\"", any, path ? path : "", options->letter);
		}
		print_reply(completion_of_option(options), options->choices, ") ", out);
		fputs(" ;;\n", out);
	}
}

static void visit_options(const struct command *command, const char *path, FILE *out) {
	print_option_cases(command->options, path, out);
}

static void visit_operands(const struct command *command, const char *path, FILE *out) {
	enum completion_kind kind = completion_of_operand(command);
	fprintf(out, "\t\"%s\")\n\t\toptions=\"", path);
	completion_options(command->options, out);
	fputs("\" words=\"", out);
	if (command->subcommands) {
		completion_commands(command->subcommands, out);
	}
	fputc('"', out);
	if (kind != COMPLETION_NONE) {
		print_reply(kind, command->operands, "\n\t\t[ $operands -eq 0 ] && ", out);
	}
	/* after the word of convert comes a file */
	if (kind == COMPLETION_WORDS && command->max_arguments > 1) {
		fputs(" || files=1", out);
	}
	fputs(" ;;\n", out);
}

void completion_bash(FILE *out) {
	fputs(script_head, out);
	print_walk(out);
	fputs("\tcase \"$command$sub $prev\" in\n", out);
	print_option_cases(command_globals, NULL, out);
	each_command(visit_options, out);
	fputs("\t*)\n\tcase \"$command$sub\" in\n\t\"\")\n\t\twords=\"", out);
	completion_commands(command_table, out);
	fputs("\" options=\"", out);
	completion_options(command_default->options, out);
	fputs("\" ;;\n", out);
	each_command(visit_operands, out);
	fputs("\tesac\n\tif [[ $cur == -* ]]; then words=\"$options", out);
	completion_options(command_globals, out);
	fputs("\"; fi ;;\n\tesac\n", out);
	fputs(script_tail, out);
}
