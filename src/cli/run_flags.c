/* run_flags.c: the flags of `run`, which may stand before the workflow's name and among its
 * arguments (workflows.md 5.4, 8.1). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

static const char *const outputs[] = {"console", "json", "jsonl", "quiet", NULL};

const struct command_option run_options_table[] = {
	{0, "team", "NAME", "work as this team", NULL},
	{0, "ecosystem", "NAME", "the ecosystem whose memory is used", NULL},
	{0, "project", "NAME", "the project of it that this is", NULL},
	{0, "context", "FILE[,FILE]", "files whose content stands before every prompt", NULL},
	{0, "output", "MODE", "console, quiet, or json: an event a line", outputs},
	{0, "output-file", "FILE", "write the final text there; -: standard output", NULL},
	{'j', "jobs", "N", "run at most so many steps at once", NULL},
	{0, "dry-run", NULL, "show what would be run and asked, do nothing", NULL},
	{0, "resume", "ID", "go on with an earlier run; `last`, or nothing", NULL},
	{0, "force-resume", NULL, "resume although the workflow's file has changed", NULL},
	{'y', "yes", NULL, "take defaults and first options instead of asking", NULL},
	{0, "answer", "STEP=VALUE", "the answer to an input step", NULL},
	{0, "stream", NULL, "show answers as they come", NULL},
	{0, "no-cache", NULL, "ask again what was answered before", NULL},
	{0, "max-cost", "USD", "stop before a call that would cost more in all", NULL},
	{0, "confirm", NULL, "show the edits of apply steps and ask first", NULL},
	{0, "keep-backups", NULL, "keep copies of files that were edited", NULL},
	{0, "verbose", NULL, "show what programs write to standard error", NULL},
	{0, "trace", NULL, "show whole prompts and answers, too", NULL},
	{0, "quiet", NULL, "as --output quiet", NULL},
	{0, "log-file", "FILE", "write log records there", NULL},
	{0, NULL, NULL, NULL, NULL},
};

/* ---- values ---- */

static bool take_number(
	const struct command_context *context, const char *name, const char *value, int64_t *out) {
	if (!slice_to_int64(slice_of(value), out) || *out < 1) {
		command_fail(context, COMMAND_USAGE, "--%s needs a number from 1 on, not '%s'",
			name, value);
		return false;
	}
	return true;
}

static bool take_cost(
	const struct command_context *context, const char *value, int64_t *out_microusd) {
	char *end;
	errno = 0;
	double dollars = strtod(value, &end);
	if (*value == '\0' || *end != '\0' || errno != 0 || !(dollars >= 0) || dollars > 1e9) {
		command_fail(context, COMMAND_USAGE,
			"--max-cost needs an amount of US dollars such as 0.50, not '%s'", value);
		return false;
	}
	*out_microusd = (int64_t)llround(dollars * 1e6);
	return true;
}

static bool take_output(
	const struct command_context *context, const char *value, struct run_flags *flags) {
	static const enum run_output modes[] = {
		RUN_OUTPUT_CONSOLE, RUN_OUTPUT_JSON, RUN_OUTPUT_JSON, RUN_OUTPUT_QUIET};
	for (size_t i = 0; outputs[i] != NULL; i++) {
		if (strcmp(outputs[i], value) == 0) {
			flags->output = modes[i];
			return true;
		}
	}
	command_fail(context, COMMAND_USAGE, "--output is console, json, jsonl or quiet, not '%s'",
		value);
	return false;
}

/* One flag; value "" of those that have none. False after telling what is wrong. */
static bool take(const struct command_context *context, struct arena *arena, const char *name,
	const char *value, struct run_flags *flags) {
	const struct {
		const char *name;
		const char **text;
		bool *is_set;
	} plain[] = {
		{"team", &flags->team, NULL},
		{"ecosystem", &flags->ecosystem, NULL},
		{"project", &flags->project, NULL},
		{"output-file", &flags->output_file, NULL},
		{"log-file", &flags->log_file, NULL},
		{"resume", &flags->resume, &flags->is_resumed},
		{"dry-run", NULL, &flags->is_dry_run},
		{"force-resume", NULL, &flags->forces_resume},
		{"yes", NULL, &flags->takes_defaults},
		{"stream", NULL, &flags->streams},
		{"no-cache", NULL, &flags->ignores_cache},
		{"confirm", NULL, &flags->confirms_edits},
		{"keep-backups", NULL, &flags->keeps_backups},
		{"verbose", NULL, &flags->is_verbose},
		{"trace", NULL, &flags->is_traced},
	};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		if (strcmp(plain[i].name, name) == 0) {
			if (plain[i].text != NULL) {
				*plain[i].text = value;
			}
			if (plain[i].is_set != NULL) {
				*plain[i].is_set = true;
			}
			return true;
		}
	}
	if (strcmp(name, "quiet") == 0) {
		flags->output = RUN_OUTPUT_QUIET;
	} else if (strcmp(name, "answer") == 0) {
		*ARENA_PUSH(arena, &flags->answers) = value;
	} else if (strcmp(name, "context") == 0) {
		*ARENA_PUSH(arena, &flags->contexts) = value;
	} else if (strcmp(name, "jobs") == 0) {
		return take_number(context, name, value, &flags->jobs);
	} else if (strcmp(name, "max-cost") == 0) {
		return take_cost(context, value, &flags->max_cost_microusd);
	} else {
		return take_output(context, value, flags);
	}
	return true;
}

static bool take_global(struct command_context *context, const char *name, const char *value) {
	if (strcmp(name, "config") == 0) {
		context->config_path = value;
	} else if (strcmp(name, "dir") == 0) {
		context->dir = value;
	} else if (strcmp(name, "trust") == 0) {
		context->trusts_project = true;
	} else if (strcmp(name, "debug") == 0) {
		context->is_debug = true;
	} else if (strcmp(name, "no-color") == 0) {
		context->has_no_colour = true;
	}
	return true;
}

/* ---- among the words ---- */

static const struct command_option *find_row(
	const struct command_option *rows, const char *word, size_t len, bool is_letter) {
	for (; rows->name != NULL; rows++) {
		if (is_letter ? (rows->letter != 0 && len == 1 && rows->letter == word[0])
			      : (strlen(rows->name) == len && memcmp(rows->name, word, len) == 0)) {
			return rows;
		}
	}
	return NULL;
}

/* --resume may stand alone: what follows is its value only when it names a run. */
static bool is_run_id(const char *word) {
	return word != NULL && word[0] != '-' && strchr(word, '=') == NULL;
}

/* Takes the flag at `words[*at]` with its value; false: it is none of ours, or *is_wrong. */
static bool take_word(struct command_context *context, struct arena *arena, size_t *at,
	struct run_flags *flags, bool *is_wrong) {
	char **words = context->arguments;
	const char *word = words[*at];
	bool is_letter = word[1] != '-';
	const char *name = word + (is_letter ? 1 : 2);
	const char *equals = is_letter ? NULL : strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct command_option *own = find_row(run_options_table, name, len, is_letter);
	const struct command_option *global =
		own == NULL ? find_row(command_globals, name, len, is_letter) : NULL;
	const struct command_option *row = own != NULL ? own : global;
	if (row == NULL) {
		return false;
	}
	const char *value = equals != NULL ? equals + 1 : "";
	const char *next = *at + 1 < context->argument_count ? words[*at + 1] : NULL;
	bool may_stand_alone = strcmp(row->name, "resume") == 0;
	if (row->argument != NULL && equals == NULL) {
		if (may_stand_alone && !is_run_id(next)) {
			value = "last";
		} else if (next == NULL) {
			command_fail(context, COMMAND_USAGE, "--%s needs a value: %s", row->name,
				row->argument);
			*is_wrong = true;
			return false;
		} else {
			value = next;
			(*at)++;
		}
	}
	flags->wants_help |= global != NULL && strcmp(row->name, "help") == 0;
	*is_wrong = own != NULL ? !take(context, arena, row->name, value, flags)
				: !take_global(context, row->name, value);
	return !*is_wrong;
}

bool run_flags_parse(
	struct command_context *context, struct arena *arena, struct run_flags *flags) {
	*flags = (struct run_flags){.max_cost_microusd = -1};
	for (size_t i = 0; i < context->given_count; i++) {
		const struct command_given *given = &context->given[i];
		if (!take(context, arena, given->option->name, given->value, flags)) {
			return false;
		}
	}
	flags->workflow = context->arguments[0];
	flags->words = ARENA_ARRAY(arena, char *, context->argument_count + 1);
	bool is_over = false;
	for (size_t at = 1; at < context->argument_count; at++) {
		char *word = context->arguments[at];
		bool is_wrong = false;
		is_over = is_over || strcmp(word, "--") == 0;
		if (!is_over && word[0] == '-' && word[1] != '\0' &&
			take_word(context, arena, &at, flags, &is_wrong)) {
			continue;
		}
		if (is_wrong) {
			return false;
		}
		flags->words[flags->word_count++] = word;
	}
	return true;
}

bool run_flags_want_json(const struct command_context *context) {
	const char *value = command_value(context, "output");
	bool wants_json = value != NULL && strncmp(value, "json", 4) == 0;
	for (size_t i = 1; i < context->argument_count; i++) {
		const char *word = context->arguments[i];
		const char *next = i + 1 < context->argument_count ? context->arguments[i + 1] : "";
		if (strcmp(word, "--") == 0) {
			break;
		}
		if (strcmp(word, "--output") == 0 || strncmp(word, "--output=", 9) == 0) {
			wants_json = strncmp(word[8] == '=' ? word + 9 : next, "json", 4) == 0;
		}
	}
	return wants_json;
}
