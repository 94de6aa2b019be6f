/* options_print.c: what the rows are good for besides loading: show, template, help. */
#include <stdio.h>

#include "config/options_internal.h"

#define SHOW_COLUMN 40 /* where the sources stand */

/* ---- show ---- */

static void print_source(const struct option_source *source, struct buf *out) {
	buf_append_str(out, source->place.file);
	if (source->place.line) {
		buf_printf(out, ":%u", source->place.line);
	}
	if (source->name && strcmp(source->name, source->place.file) != 0) {
		buf_printf(out, " (%s)", source->name);
	}
}

/* A list or map of objects takes one line each; all else fits on the line of its key. */
static void show_value(const struct option_row *row, const void *at, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	option_write_json(&w, row, at);
}

static bool takes_lines(const struct option_row *row) {
	return row->type == OPTION_OBJECT_LIST || row->type == OPTION_OBJECT_MAP;
}

static void pad_to(struct buf *out, size_t begin) {
	size_t used = out->len - begin;
	buf_printf(out, "%*s  # ", used < SHOW_COLUMN ? (int)(SHOW_COLUMN - used) : 0, "");
}

static void show_items(
	const struct option_row *row, const struct option_objects *list, struct buf *out) {
	for (size_t i = 0; i < list->len; i++) {
		const struct option_objects one = {
			.items = (char *)list->items + i * row->nested->struct_size,
			.len = 1,
		};
		struct buf text;
		buf_init(&text, 0);
		show_value(row, &one, &text);
		/* without the brackets of the list or map of one */
		struct slice item = slice_make(text.data + 1, text.len - 2);
		size_t name_len = 0;
		if (row->type == OPTION_OBJECT_MAP) {
			/* YAML wants a blank behind the colon of the name. */
			struct slice name = option_name_of(row->nested, one.items);
			struct json_writer w;
			size_t begin = out->len;
			buf_append_str(out, "  ");
			json_writer_init(&w, out, false);
			json_write_string(&w, name);
			name_len = out->len - begin - 2;
			buf_append_str(out, ": ");
			item = slice_from(item, name_len + 1);
		} else {
			buf_append_str(out, "  - ");
		}
		buf_printf(out, "%.*s\n", SLICE_FMT(item));
		buf_finish(&text);
	}
}

/* Every key of a map of objects on a line of its own, with its own source. */
static void show_origins(const struct option_set *set, const struct option_row *row,
	const struct option_objects *map, const char *path, struct buf *out) {
	const struct option_table *table = row->nested;
	for (size_t i = 0; i < map->len; i++) {
		char *item = (char *)map->items + i * table->struct_size;
		const char *own =
			option_path_join(set->arena, path, option_name_of(table, item)).data;
		for (size_t r = 0; r < table->row_count; r++) {
			const struct option_row *inner = &table->rows[r];
			const void *at = option_at(inner, item);
			const char *key = arena_printf(set->arena, "%s.%s", own, inner->key).data;
			const struct option_source *origin = options_origin(set, slice_of(key));
			if (option_is_name(inner) || option_is_empty(inner, at)) {
				continue;
			}
			if (inner->type == OPTION_OBJECT_MAP) {
				show_origins(set, inner, at, key, out);
				continue;
			}
			size_t begin = out->len;
			buf_printf(out, "%s: ", key);
			show_value(inner, at, out);
			pad_to(out, begin);
			if (origin) {
				print_source(origin, out);
			} else {
				buf_append_str(out, "default");
			}
			buf_append_byte(out, '\n');
		}
	}
}

static void show_text(const struct option_set *set, const struct option_table *table, size_t t,
	bool with_origins, struct buf *out) {
	for (size_t r = 0; r < table->row_count; r++) {
		const struct option_row *row = &table->rows[r];
		if (!option_has_value(row->type)) {
			continue;
		}
		const void *at = option_at(row, set->targets[t]);
		const struct option_objects *list = at;
		if (with_origins && row->type == OPTION_OBJECT_MAP && list->len > 0) {
			show_origins(set, row, list, row->key, out);
			continue;
		}
		size_t begin = out->len;
		buf_printf(out, "%s: ", row->key);
		if (!takes_lines(row)) {
			show_value(row, at, out);
		}
		pad_to(out, begin);
		print_source(&set->sources[t][r], out);
		buf_append_byte(out, '\n');
		if (takes_lines(row)) {
			show_items(row, list, out);
		}
	}
}

/* {"claude.command": "config.toml:3", ...} */
static void write_origins(struct json_writer *w, const struct option_set *set,
	const struct option_row *row, const struct option_objects *map, const char *path) {
	const struct option_table *table = row->nested;
	for (size_t i = 0; i < map->len; i++) {
		char *item = (char *)map->items + i * table->struct_size;
		const char *own =
			option_path_join(set->arena, path, option_name_of(table, item)).data;
		for (size_t r = 0; r < table->row_count; r++) {
			const struct option_row *inner = &table->rows[r];
			const char *key = arena_printf(set->arena, "%s.%s", own, inner->key).data;
			const struct option_source *origin = options_origin(set, slice_of(key));
			if (!option_is_name(inner) && inner->type == OPTION_OBJECT_MAP) {
				write_origins(w, set, inner, option_at(inner, item), key);
			} else if (!option_is_name(inner) && origin) {
				struct buf source;
				buf_init(&source, 0);
				print_source(origin, &source);
				json_write_key_slice(w, slice_of(key));
				json_write_string(w, buf_slice(&source));
				buf_finish(&source);
			}
		}
	}
}

static void show_json(const struct option_set *set, bool with_origins, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			const struct option_row *row = &set->tables[t]->rows[r];
			if (!option_has_value(row->type)) {
				continue;
			}
			struct buf source;
			buf_init(&source, 0);
			print_source(&set->sources[t][r], &source);
			json_write_key(&w, row->key);
			json_begin_object(&w);
			json_write_key(&w, "value");
			option_write_json(&w, row, option_at(row, set->targets[t]));
			json_put_string(&w, "source", buf_slice(&source));
			if (with_origins && row->type == OPTION_OBJECT_MAP) {
				json_write_key(&w, "origins");
				json_begin_object(&w);
				write_origins(
					&w, set, row, option_at(row, set->targets[t]), row->key);
				json_end_object(&w);
			}
			json_end_object(&w);
			buf_finish(&source);
		}
	}
	json_end_object(&w);
	buf_append_byte(out, '\n');
}

void options_show(const struct option_set *set, bool as_json, bool with_origins, struct buf *out) {
	if (as_json) {
		show_json(set, with_origins, out);
		return;
	}
	for (size_t t = 0; t < set->table_count; t++) {
		show_text(set, set->tables[t], t, with_origins, out);
	}
}

/* ---- template ---- */

struct option_rows option_all_rows(const struct option_set *set) {
	struct option_rows rows = {0};
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			*ARENA_PUSH(set->arena, &rows) = &set->tables[t]->rows[r];
		}
	}
	return rows;
}

/* Text wrapped into comment lines. */
static void print_comment(const char *indent, const char *text, struct buf *out) {
	struct slice rest = slice_of(text), word;
	size_t column = 0;
	while (slice_split(&rest, ' ', &word)) {
		if (column && column + 1 + word.len > 90) {
			buf_append_byte(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_printf(out, "%s## ", indent);
		} else {
			buf_append_byte(out, ' ');
		}
		buf_append(out, word);
		column += word.len + 1;
	}
	buf_append_byte(out, '\n');
}

static void print_setting(
	const struct option_row *row, struct slice name, bool is_nested, struct buf *out) {
	const char *indent = is_nested ? "#  " : "#";
	const char *value = row->default_text;
	if (!value && row->example) {
		/* Several lines follow their key. */
		struct slice rest = slice_of(row->example), line;
		bool is_block = slice_find_byte(rest, '\n') != SIZE_MAX;
		buf_printf(out, "%s%.*s:", indent, SLICE_FMT(name));
		while (slice_split(&rest, '\n', &line)) {
			if (is_block) {
				buf_printf(out, "\n%s  %.*s", indent, SLICE_FMT(line));
			} else {
				buf_printf(out, " %.*s", SLICE_FMT(line));
			}
		}
		buf_append_byte(out, '\n');
		return;
	}
	buf_printf(out, "%s%.*s:%s%s\n", indent, SLICE_FMT(name), value ? " " : "",
		value ? value : "");
}

void options_template(const struct option_set *set, struct buf *out) {
	struct option_rows rows = option_all_rows(set);
	struct slice section = {0};
	buf_append_str(out,
		"## llm-mux configuration. Every option stands here with its default; remove the\n"
		"## single # to set one. `llm-mux config show` prints what is in effect, and\n"
		"## `llm-mux config validate` checks this file.\n");
	for (size_t i = 0; i < rows.len; i++) {
		const struct option_row *row = rows.items[i];
		if (!option_has_value(row->type)) {
			continue;
		}
		struct slice key = slice_of(row->key);
		size_t dot = slice_find_byte(key, '.');
		struct slice head = slice_sub(key, 0, dot == SIZE_MAX ? 0 : dot);
		bool is_new_section = head.len > 0 && !slice_eq(head, section);
		buf_append_byte(out, '\n');
		if (is_new_section) {
			buf_printf(out, "#%.*s:\n", SLICE_FMT(head));
		}
		section = head;
		print_comment("", row->help, out);
		print_setting(row, head.len ? slice_from(key, dot + 1) : key, head.len > 0, out);
	}
}

/* ---- help ---- */

static const char *type_name(enum option_type type) {
	static const char *const names[] = {
		[OPTION_BOOL] = "true or false",
		[OPTION_INT] = "number",
		[OPTION_SIZE] = "size",
		[OPTION_DURATION] = "duration",
		[OPTION_STRING] = "text",
		[OPTION_SECRET] = "secret",
		[OPTION_PATH] = "path",
		[OPTION_ENUM] = "one of",
		[OPTION_STRING_LIST] = "list of texts",
		[OPTION_SECRET_LIST] = "list of secrets",
		[OPTION_MAP] = "mapping",
		[OPTION_SECRET_MAP] = "mapping",
		[OPTION_TREE] = "nested mapping",
		[OPTION_JSON_MAP] = "mapping of any values",
		[OPTION_OBJECT_LIST] = "list of mappings",
		[OPTION_OBJECT_MAP] = "mappings by name",
		[OPTION_NUMBER] = "number",
		[OPTION_JSON] = "any value",
		[OPTION_TEXT] = "text",
		[OPTION_COMMAND] = "text or list of texts",
		[OPTION_LATER] = "",
		[OPTION_IGNORED] = "",
	};
	return names[type];
}

static void print_help_row(const struct option_row *row, const char *indent, struct buf *out) {
	buf_printf(out, "%s%s (%s", indent, row->key, type_name(row->type));
	for (size_t i = 0; row->type == OPTION_ENUM && row->values[i]; i++) {
		buf_printf(out, "%s %s", i ? "," : "", row->values[i]);
	}
	if (row->unit) {
		buf_printf(out, "; bare numbers in %s", row->unit);
	}
	if (row->default_text) {
		buf_printf(out, "; default %s", row->default_text);
	}
	buf_append_byte(out, ')');
	if (row->is_required) {
		buf_append_str(out, ", required");
	}
	buf_printf(out, "\n%s    %s.\n", indent, row->help);
}

static void print_help_nested(
	const struct option_table *table, const char *indent, struct buf *out) {
	for (size_t i = 0; table && i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		if (option_has_value(row->type) && !option_is_name(row)) {
			print_help_row(row, indent, out);
			char deeper[32];
			snprintf(deeper, sizeof deeper, "%s    ", indent);
			print_help_nested(row->nested, deeper, out);
		}
	}
}

struct one_row {
	const struct option_row *row;
	struct buf *out;
};

static void print_env_of_row(void *context, const struct option_row *row, const char *name) {
	const struct one_row *one = context;
	if (one->row == row) {
		buf_printf(one->out, "    environment: %s\n", name);
	}
}

void options_help(const struct option_set *set, struct buf *out) {
	struct option_rows rows = option_all_rows(set);
	for (size_t i = 0; i < rows.len; i++) {
		const struct option_row *row = rows.items[i];
		if (!option_has_value(row->type)) {
			continue;
		}
		print_help_row(row, "", out);
		struct one_row one = {row, out};
		options_each_env(set, print_env_of_row, &one);
		print_help_nested(row->nested, "    ", out);
	}
}
