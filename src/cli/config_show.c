/* config_show.c: the command `config show`: what is in force, and where each value came from. */
#include <string.h>

#include "cli/command.h"

static const char *next_key(const void *data, size_t index) {
	const struct option_set *set = data;
	for (size_t t = 0; t < set->table_count; t++) {
		if (index < set->tables[t]->row_count) {
			return set->tables[t]->rows[index].key;
		}
		index -= set->tables[t]->row_count;
	}
	return NULL;
}

/* "tls" shows tls.cert too, "backends" the origins of backends.x.command. */
static bool is_wanted(struct slice key, struct slice wanted) {
	return slice_eq(key, wanted) || (slice_starts_with(key, wanted) && key.len > wanted.len &&
						key.data[wanted.len] == '.');
}

static bool has_wanted(const struct option_set *set, struct slice wanted) {
	const char *key;
	for (size_t i = 0; (key = next_key(set, i)) != NULL; i++) {
		if (is_wanted(slice_of(key), wanted)) {
			return true;
		}
	}
	return false;
}

/* Lines of other keys go; a list's items, which are indented, go with their key. */
static void print_text(struct slice text, struct slice wanted, FILE *out) {
	struct slice line;
	bool is_shown = wanted.len == 0;
	while (text.len > 0 && slice_split(&text, '\n', &line)) {
		if (wanted.len > 0 && line.len > 0 && line.data[0] != ' ') {
			is_shown =
				is_wanted(slice_sub(line, 0, slice_find_byte(line, ':')), wanted);
		}
		if (is_shown) {
			fprintf(out, "%.*s\n", SLICE_FMT(line));
		}
	}
}

static void print_json(struct slice text, struct slice wanted, FILE *out) {
	struct arena arena;
	struct buf json;
	struct json_writer w;
	arena_init(&arena, NULL, 0);
	buf_init(&json, 0);
	json_writer_init(&w, &json, true);
	json_begin_object(&w);
	json_each (member, json_parse(&arena, text, NULL, NULL)) {
		struct slice key = json_key(member, &arena);
		if (wanted.len == 0 || is_wanted(key, wanted)) {
			json_write_key_slice(&w, key);
			json_write_tree(&w, member);
		}
	}
	json_end_object(&w);
	fprintf(out, "%.*s\n", SLICE_FMT(buf_slice(&json)));
	buf_finish(&json);
	arena_finish(&arena);
}

static int config_show_run(struct command_context *context) {
	struct config *config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (!config) {
		return COMMAND_USAGE;
	}
	const struct option_set *set = &config->options;
	struct slice wanted = slice_of(context->argument_count > 0 ? context->arguments[0] : "");
	const struct option_row *row = options_find(set, wanted);
	if (row) {
		wanted = slice_of(row->key); /* another spelling, or an old name */
	}
	int code = COMMAND_OK;
	if (wanted.len > 0 && !has_wanted(set, wanted)) {
		const char *near = command_nearest(context->arguments[0], next_key, set);
		code = command_fail(context, COMMAND_USAGE,
			near ? "there is no option '%s'; did you mean '%s'?"
			     : "there is no option '%s'; llm-mux config show lists all",
			context->arguments[0], near);
	} else {
		bool as_json = command_has(context, "json");
		struct buf text = {0};
		options_show(set, as_json, command_has(context, "origin"), &text);
		(as_json ? print_json : print_text)(buf_slice(&text), wanted, context->out);
		buf_finish(&text);
	}
	config_unref(config);
	return code;
}

static const struct command_option options[] = {
	{0, "json", NULL, "as one JSON object", NULL},
	{0, "origin", NULL, "a line for every key of backends, roles and the like", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_config_show = {
	.name = "show",
	.summary = "print the values in force and where each came from",
	.usage = "[KEY]",
	.details = "With KEY, only that option or section. Keys and tokens are never shown.",
	.options = options,
	.max_arguments = 1,
	.run = config_show_run,
};
