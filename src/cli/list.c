/* list.c: what the commands that list something share. */
#include "cli/list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"

const char *const list_outputs[] = {"console", "json", "jsonl", "quiet", NULL};

bool list_wants_json(const struct command_context *context, bool *is_json) {
	const char *mode = command_value(context, "output");
	*is_json = mode && strncmp(mode, "json", 4) == 0;
	for (const char *const *at = list_outputs; mode && *at; at++) {
		if (strcmp(mode, *at) == 0) {
			return true;
		}
	}
	if (mode) {
		command_fail(context, COMMAND_USAGE,
			"--output is console, json, jsonl or quiet, not '%s'", mode);
	}
	return !mode;
}

void list_init(struct list *list, const char *const *titles) {
	*list = (struct list){.titles = titles};
	arena_init(&list->arena, NULL, 0);
	while (titles[list->columns]) {
		list->columns++;
	}
}

void list_finish(struct list *list) {
	arena_finish(&list->arena);
}

void list_add(struct list *list, const char *format, ...) {
	va_list args;
	va_start(args, format);
	char *cell = arena_strdup(&list->arena, arena_vprintf(&list->arena, format, args));
	va_end(args);
	error_mask_secrets(cell);
	for (char *at = cell; *at; at++) {
		*at = *at == '\n' ? ' ' : (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
	}
	*ARENA_PUSH(&list->arena, &list->cells) = *cell ? cell : "-";
}

void list_add_texts(struct list *list, const struct option_strings *texts) {
	struct buf joined = {0};
	for (size_t i = 0; i < texts->len; i++) {
		buf_printf(&joined, "%s%.*s", i ? ", " : "", SLICE_FMT(texts->items[i]));
	}
	list_add(list, "%.*s", SLICE_FMT(buf_slice(&joined)));
	buf_finish(&joined);
}

/* Columns that a terminal shows, near enough: a code point each. */
static int width_of(const char *cell) {
	struct slice text = slice_of(cell);
	return (int)(utf8_valid(text, NULL) ? utf8_length(text) : text.len);
}

static void print_row(
	const struct list *list, const char *const *cells, const int *widths, FILE *out) {
	for (size_t c = 0; c < list->columns; c++) {
		bool is_last = c + 1 == list->columns;
		fputs(cells[c], out);
		if (!is_last) {
			fprintf(out, "%*s", widths[c] - width_of(cells[c]) + 2, "");
		}
	}
	fputc('\n', out);
}

void list_print(const struct list *list, FILE *out) {
	int widths[LIST_COLUMNS_MAX] = {0};
	bool has_titles = isatty(fileno(out)) == 1;
	for (size_t c = 0; c < list->columns; c++) {
		widths[c] = has_titles ? width_of(list->titles[c]) : 0;
	}
	for (size_t i = 0; i < list->cells.len; i++) {
		int width = width_of(list->cells.items[i]);
		int *widest = &widths[i % list->columns];
		*widest = width > *widest ? width : *widest;
	}
	if (has_titles) {
		print_row(list, list->titles, widths, out);
	}
	for (size_t i = 0; i + list->columns <= list->cells.len; i += list->columns) {
		print_row(list, list->cells.items + i, widths, out);
	}
}

void list_put_texts(struct json_writer *w, const char *key, const struct option_strings *texts) {
	json_write_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < texts->len; i++) {
		char *copy = strndup(texts->items[i].data, texts->items[i].len);
		if (copy) {
			error_mask_secrets(copy);
		}
		json_write_cstr(w, copy ? copy : "");
		free(copy);
	}
	json_end_array(w);
}

void list_put_origin(struct json_writer *w, const struct option_place *place) {
	struct buf text = {0};
	buf_append_str(&text, place->file ? place->file : "");
	if (place->line) {
		buf_printf(&text, ":%u", place->line);
	}
	json_put_string(w, "origin", buf_slice(&text));
	buf_finish(&text);
}

static void print_json(const struct command_context *context, const struct list_command *command,
	const struct runner_config *runner) {
	struct buf out = {0};
	struct json_writer w;
	bool is_pretty = strcmp(command_value(context, "output"), "jsonl") != 0;
	json_writer_init(&w, &out, is_pretty);
	json_begin_array(&w);
	command->write(&w, runner);
	json_end_array(&w);
	fprintf(context->out, "%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
}

int list_run(struct command_context *context, const struct list_command *command) {
	bool is_json;
	if (!list_wants_json(context, &is_json)) {
		return COMMAND_USAGE;
	}
	struct config *config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (!config) {
		return COMMAND_USAGE;
	}
	const struct runner_config *runner = runner_of(config);
	if (is_json) {
		print_json(context, command, runner);
	} else if (command->count(runner) == 0) {
		fprintf(context->out, "%s\n", command->placeholder);
	} else {
		struct list list;
		list_init(&list, command->titles);
		command->fill(&list, runner);
		list_print(&list, context->out);
		list_finish(&list);
	}
	config_unref(config);
	return COMMAND_OK;
}
