/* arguments.c: the command line, parsed by getopt_long from the tables of command.h. */
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "cli/command.h"
#include "cli/run_display.h"

#define ARGUMENTS_MAX_OPTIONS 64

/* Options of the globals and of one command, as getopt_long wants them. `val` of a row is 256 + its
 * number, so that a letter and its long name lead to the same row. */
struct argument_table {
	struct option longs[ARGUMENTS_MAX_OPTIONS + 1];
	char shorts[3 + 2 * ARGUMENTS_MAX_OPTIONS + 1];
	const struct command_option *rows[ARGUMENTS_MAX_OPTIONS];
	size_t count, global_count;
};

static void table_add(struct argument_table *table, const struct command_option *options) {
	size_t at = strlen(table->shorts);
	for (; options && options->name && table->count < ARGUMENTS_MAX_OPTIONS; options++) {
		table->longs[table->count] = (struct option){options->name,
			options->argument ? required_argument : no_argument, NULL,
			256 + (int)table->count};
		table->rows[table->count++] = options;
		if (options->letter) {
			table->shorts[at++] = options->letter;
			if (options->argument) {
				table->shorts[at++] = ':';
			}
		}
	}
}

/* `mode` is getopt's prefix: "+:" stops at the first operand, ":" permutes. */
static void table_init(
	struct argument_table *table, const char *mode, const struct command *command) {
	memset(table, 0, sizeof *table);
	memcpy(table->shorts, mode, strlen(mode));
	table_add(table, command_globals);
	table->global_count = table->count;
	table_add(table, command ? command->options : NULL);
}

/* The row of what getopt_long returned. */
static size_t table_row(const struct argument_table *table, int found) {
	if (found >= 256) {
		return (size_t)found - 256;
	}
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i]->letter == found) {
			return i;
		}
	}
	return table->count;
}

const char *command_nearest(
	const char *word, const char *(*next)(const void *data, size_t index), const void *data) {
	size_t limit = strlen(word) > 5 ? 3 : 2;
	const char *best = NULL;
	const char *name;
	for (size_t i = 0; (name = next(data, i)); i++) {
		size_t distance = slice_distance(slice_of(word), slice_of(name), limit);
		if (distance <= limit && distance < strlen(name)) {
			limit = distance - (distance > 0);
			best = name;
		}
	}
	return best;
}

static const char *next_command(const void *data, size_t index) {
	const struct command *const *commands = data;
	return commands[index] ? commands[index]->name : NULL;
}

const struct command *command_find(
	const struct command *const *commands, const char *name, const char **near) {
	*near = NULL;
	for (const struct command *const *row = commands; row && *row; row++) {
		if (strcmp((*row)->name, name) == 0) {
			return *row;
		}
	}
	*near = commands ? command_nearest(name, next_command, commands) : NULL;
	return NULL;
}

static const char *next_option(const void *data, size_t index) {
	const struct argument_table *table = data;
	return index < table->count ? table->rows[index]->name : NULL;
}

const char *command_value(const struct command_context *context, const char *option) {
	const struct command_option *options = context->command->options;
	for (size_t i = 0; options && options[i].name; i++) {
		if (strcmp(options[i].name, option) == 0) {
			return context->values[i];
		}
	}
	return NULL;
}

bool command_has(const struct command_context *context, const char *option) {
	return command_value(context, option) != NULL;
}

int command_fail(
	const struct command_context *context, enum command_exit code, const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("llm-mux: ", context->err);
	vfprintf(context->err, format, args);
	fputc('\n', context->err);
	va_end(args);
	return (int)code;
}

void command_full_name(const struct command *command, char out[COMMAND_NAME_MAX]) {
	snprintf(out, COMMAND_NAME_MAX, "%s", command->name);
	for (const struct command *const *row = command_table; *row; row++) {
		const struct command *const *sub = (*row)->subcommands;
		for (; sub && *sub; sub++) {
			if (*sub == command) {
				snprintf(out, COMMAND_NAME_MAX, "%s %s", (*row)->name,
					command->name);
			}
		}
	}
}

bool command_has_colour(const struct command_context *context, FILE *stream) {
	if (context->has_no_colour) {
		return false;
	}
	for (char *const *env = context->environment; env && *env; env++) {
		if (strncmp(*env, "NO_COLOR=", 9) == 0 && (*env)[9]) {
			return false;
		}
	}
	return isatty(fileno(stream)) == 1;
}

/* Says what is wrong with the option getopt_long stopped at: optopt is its letter, its row for a
 * long one that misses or has too much of a value, and 0 for a long one that is not known. */
static void refuse_option(const struct command_context *context, const struct argument_table *table,
	int found, const char *word) {
	size_t row = optopt ? table_row(table, optopt) : table->count;
	char command[COMMAND_NAME_MAX];
	command_full_name(context->command, command);
	if (found == ':' && row < table->count) {
		command_fail(context, COMMAND_USAGE, "option --%s needs a value: %s",
			table->rows[row]->name, table->rows[row]->argument);
		return;
	}
	if (row < table->count) {
		command_fail(context, COMMAND_USAGE, "option --%s takes no value",
			table->rows[row]->name);
		return;
	}
	if (optopt) {
		command_fail(context, COMMAND_USAGE, "unknown option -%c; see llm-mux help %s",
			optopt, command);
		return;
	}
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
	const char *near = command_nearest(name, next_option, table);
	if (near) {
		command_fail(context, COMMAND_USAGE, "unknown option --%s; did you mean --%s?",
			name, near);
		return;
	}
	command_fail(
		context, COMMAND_USAGE, "unknown option --%s; see llm-mux help %s", name, command);
}

/* Place of the first operand from `from` on, when only globals and options of the runner stand
 * before it (workflows.md 8.1); argc when there is none. */
static int find_word(int argc, char **argv, int from) {
	struct argument_table table;
	table_init(&table, "+:", NULL);
	table_add(&table, run_options_table);
	opterr = 0;
	/* getopt looks at argv[1] first: give it the place before. 0 makes glibc start afresh. */
	optind = 0;
	int found;
	while ((found = getopt_long(
			argc - from + 1, argv + from - 1, table.shorts, table.longs, NULL)) != -1) {
		if (found == '?' || found == ':') {
			return argc;
		}
	}
	return from - 1 + optind;
}

/* Takes argv[at] out. */
static void drop_word(int *argc, char **argv, int at) {
	memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof *argv);
	(*argc)--;
}

/* Finds the command and takes its words out of argv. False after a message. */
static bool find_command(struct command_context *context, int *argc, char **argv) {
	const struct command *const *commands = command_table;
	int from = 1;
	while (commands) {
		int at = find_word(*argc, argv, from);
		if (at >= *argc || strcmp(argv[at - 1], "--") == 0) {
			return true;
		}
		const char *near;
		const struct command *found = command_find(commands, argv[at], &near);
		if (!found) {
			const char *parent = context->command ? context->command->name : NULL;
			command_fail(context, COMMAND_USAGE,
				near ? "unknown command '%s'; did you mean '%s'?"
				     : "unknown command '%s'; see llm-mux help%s%s",
				argv[at],
				near     ? near
				: parent ? " "
					 : "",
				parent ? parent : "");
			return false;
		}
		context->command = found;
		commands = found->subcommands;
		drop_word(argc, argv, at);
		from = at;
	}
	return true;
}

enum parsed {
	PARSED_RUN,
	PARSED_REFUSED,
	PARSED_HELP,
	PARSED_VERSION
};

static enum parsed take_global(
	struct command_context *context, const struct command_option *option) {
	if (strcmp(option->name, "help") == 0) {
		return PARSED_HELP;
	}
	if (strcmp(option->name, "version") == 0) {
		return PARSED_VERSION;
	}
	if (strcmp(option->name, "config") == 0) {
		context->config_path = optarg;
	} else if (strcmp(option->name, "dir") == 0) {
		context->dir = optarg;
	} else if (strcmp(option->name, "trust") == 0) {
		context->trusts_project = true;
	} else if (strcmp(option->name, "debug") == 0) {
		context->is_debug = true;
	} else if (strcmp(option->name, "no-color") == 0) {
		context->has_no_colour = true;
	} else {
		context->no_browser = true;
	}
	return PARSED_RUN;
}

static enum parsed parse_options(
	struct command_context *context, int argc, char **argv, struct command_given *given) {
	struct argument_table table;
	table_init(&table, context->command->stops_at_operand ? "+:" : ":", context->command);
	opterr = 0;
	optind = 0;
	int found;
	while ((found = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1) {
		if (found == '?' || found == ':') {
			refuse_option(context, &table, found, argv[optind - 1]);
			return PARSED_REFUSED;
		}
		size_t row = table_row(&table, found);
		if (row >= table.global_count) {
			const char *value = optarg ? optarg : "";
			context->values[row - table.global_count] = value;
			given[context->given_count++] =
				(struct command_given){table.rows[row], value};
			continue;
		}
		enum parsed parsed = take_global(context, table.rows[row]);
		if (parsed != PARSED_RUN) {
			return parsed;
		}
	}
	context->given = given;
	context->arguments = argv + optind;
	context->argument_count = (size_t)(argc - optind);
	return PARSED_RUN;
}

static int run_command(struct command_context *context) {
	const struct command *command = context->command;
	if (!command->run) {
		command_print_help(command, context->err);
		return COMMAND_USAGE;
	}
	struct stat info;
	if (context->dir && (stat(context->dir, &info) != 0 || !S_ISDIR(info.st_mode))) {
		return command_fail(
			context, COMMAND_USAGE, "-C %s: there is no such directory", context->dir);
	}
	char name[COMMAND_NAME_MAX];
	command_full_name(command, name);
	if (context->argument_count > command->max_arguments) {
		return command_fail(context, COMMAND_USAGE, "unexpected '%s'; see llm-mux help %s",
			context->arguments[command->max_arguments], name);
	}
	if (context->argument_count < command->min_arguments) {
		return command_fail(context, COMMAND_USAGE, "usage: llm-mux %s %s", name,
			command->usage ? command->usage : "");
	}
	context->has_begun = true;
	return command->run(context);
}

/* What asked for lines of JSON gets its last one (workflows.md 8.3). */
static void end_in_result(const struct command_context *context, int argc, char **words) {
	bool wants_json = false;
	for (int i = 1; i < argc && strcmp(words[i], "--") != 0; i++) {
		const char *next = i + 1 < argc ? words[i + 1] : "";
		wants_json |= strncmp(words[i], "--output=json", 13) == 0 ||
			      (strcmp(words[i], "--output") == 0 && strncmp(next, "json", 4) == 0);
	}
	if (wants_json) {
		run_json_refuse(
			context->out, SLICE("the command line is wrong: standard error says how"));
	}
}

/* The other end of the pipe is closed (`| head`): nobody is there to be told. */
static bool has_lost_reader(FILE *out) {
	struct pollfd watched = {.fd = fileno(out), .events = POLLOUT};
	return watched.fd >= 0 && poll(&watched, 1, 0) == 1 && (watched.revents & POLLERR) != 0;
}

int command_main(int argc, char **argv, char *const *environment, FILE *out, FILE *err) {
	/* getopt permutes, and the command's words are taken out: not in the caller's array. */
	char **words = mem_calloc((size_t)argc + 2, sizeof *words);
	memcpy(words, argv, (size_t)argc * sizeof *words);
	struct command_given *given = mem_calloc((size_t)argc + 1, sizeof *given);
	const char *values[ARGUMENTS_MAX_OPTIONS] = {NULL};
	struct command_context context = {
		.values = values, .environment = environment, .out = out, .err = err};
	int code = COMMAND_USAGE;
	if (find_command(&context, &argc, words)) {
		const struct command *named = context.command;
		if (!named) {
			context.command = command_default;
		}
		switch (parse_options(&context, argc, words, given)) {
		case PARSED_HELP:
			command_print_help(named, out);
			code = COMMAND_OK;
			break;
		case PARSED_VERSION:
			command_print_version(out);
			code = COMMAND_OK;
			break;
		case PARSED_REFUSED:
			break;
		case PARSED_RUN:
			code = run_command(&context);
			break;
		}
	}
	if (context.command && context.command->ends_in_result && !context.has_begun &&
		code == COMMAND_USAGE) {
		end_in_result(&context, argc, words);
	}
	free(words);
	free(given);
	bool is_written = fflush(out) == 0 && !ferror(out);
	if (!is_written && code == COMMAND_OK && !has_lost_reader(out)) {
		code = command_fail(&context, COMMAND_FAILED,
			"the output could not be written: is the disk full?");
	}
	return code;
}
