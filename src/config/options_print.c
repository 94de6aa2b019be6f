/* options_print.c: what the rows are good for besides loading: show, schema, template, help. */
#include <stdio.h>

#include "config/options_internal.h"

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

/* A list of objects takes one line each; all else fits on the line of its key. */
static void show_value(const struct option_row *row, const void *at, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	option_write_json(&w, row, at);
}

static void show_text(const struct option_set *set, const struct option_table *table, size_t t,
	size_t widest, struct buf *out) {
	for (size_t r = 0; r < table->row_count; r++) {
		const struct option_row *row = &table->rows[r];
		if (!option_has_value(row->type)) {
			continue;
		}
		const void *at = option_at(row, set->targets[t]);
		size_t begin = out->len;
		buf_printf(out, "%s: ", row->key);
		if (row->type != OPTION_OBJECT_LIST) {
			show_value(row, at, out);
		}
		size_t used = out->len - begin;
		buf_printf(out, "%*s  # ", used < widest ? (int)(widest - used) : 0, "");
		print_source(&set->sources[t][r], out);
		buf_append_byte(out, '\n');
		const struct option_objects *list = at;
		for (size_t i = 0; row->type == OPTION_OBJECT_LIST && i < list->len; i++) {
			const struct option_objects one = {
				.items = (char *)list->items + i * row->nested->struct_size,
				.len = 1,
			};
			struct buf text;
			buf_init(&text, 0);
			show_value(row, &one, &text);
			/* without the brackets of the list of one */
			buf_printf(out, "  - %.*s\n", (int)(text.len - 2), text.data + 1);
			buf_finish(&text);
		}
	}
}

static void show_json(const struct option_set *set, struct buf *out) {
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
			json_end_object(&w);
			buf_finish(&source);
		}
	}
	json_end_object(&w);
	buf_append_byte(out, '\n');
}

void options_show(const struct option_set *set, bool as_json, struct buf *out) {
	if (as_json) {
		show_json(set, out);
		return;
	}
	for (size_t t = 0; t < set->table_count; t++) {
		show_text(set, set->tables[t], t, 40, out);
	}
}

/* ---- schema ---- */

static void write_range(struct json_writer *w, const struct option_row *row) {
	json_put_int(w, "minimum", row->min);
	if (row->max) {
		json_put_int(w, "maximum", row->max);
	}
}

static void write_table_schema(struct json_writer *w, const struct option_table *table);

static void write_text_list(struct json_writer *w) {
	json_put_cstr(w, "type", "array");
	json_write_key(w, "items");
	json_begin_object(w);
	json_put_cstr(w, "type", "string");
	json_end_object(w);
}

static void write_text_map(struct json_writer *w, bool is_nested) {
	json_put_cstr(w, "type", "object");
	json_write_key(w, "additionalProperties");
	json_begin_object(w);
	json_put_raw(w, "type", is_nested ? SLICE("[\"string\",\"object\"]") : SLICE("\"string\""));
	json_end_object(w);
}

static void write_object_list(struct json_writer *w, const struct option_table *table) {
	json_put_cstr(w, "type", "array");
	json_write_key(w, "items");
	json_begin_object(w);
	if (table->shorthand) {
		json_put_raw(w, "type", SLICE("[\"object\",\"string\"]"));
	} else {
		json_put_cstr(w, "type", "object");
	}
	write_table_schema(w, table);
	json_end_object(w);
}

static void write_type_schema(struct json_writer *w, const struct option_row *row) {
	switch (row->type) {
	case OPTION_BOOL:
		json_put_cstr(w, "type", "boolean");
		break;
	case OPTION_INT:
		json_put_cstr(w, "type", "integer");
		write_range(w, row);
		break;
	case OPTION_SIZE:
		json_put_raw(w, "type", SLICE("[\"integer\",\"string\"]"));
		write_range(w, row);
		json_put_cstr(w, "pattern", "^ *[0-9]+ *([KMGkmg]([Ii]?[Bb])?|[Bb])? *$");
		break;
	case OPTION_DURATION:
		json_put_raw(w, "type", SLICE("[\"number\",\"string\"]"));
		json_put_cstr(w, "pattern", "^([0-9.]+(ns|us|µs|ms|s|m|h)?)+$");
		break;
	case OPTION_ENUM:
		json_write_key(w, "enum");
		json_begin_array(w);
		for (size_t i = 0; row->values[i]; i++) {
			json_write_cstr(w, row->values[i]);
		}
		json_end_array(w);
		break;
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		json_put_cstr(w, "type", "string");
		break;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		write_text_list(w);
		break;
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
		write_text_map(w, row->type == OPTION_TREE);
		break;
	case OPTION_JSON_MAP:
		json_put_cstr(w, "type", "object");
		break;
	case OPTION_OBJECT_LIST:
		write_object_list(w, row->nested);
		break;
	case OPTION_LATER:
	case OPTION_IGNORED:
		json_put_bool(w, "deprecated", true);
		break;
	}
}

static void write_default(struct json_writer *w, const struct option_row *row) {
	if (!row->default_text) {
		return;
	}
	if (row->type == OPTION_BOOL || row->type == OPTION_INT) {
		json_put_raw(w, "default", slice_of(row->default_text));
	} else {
		json_put_cstr(w, "default", row->default_text);
	}
}

static void write_row_schema(struct json_writer *w, const struct option_row *row) {
	json_begin_object(w);
	json_put_cstr(w, "description",
		row->type == OPTION_LATER ? "Known, not used by this version" : row->help);
	write_type_schema(w, row);
	write_default(w, row);
	json_end_object(w);
}

/* The rows of all tables as one list. */
struct row_list {
	const struct option_row **items;
	size_t len, cap;
};

static bool is_below(const struct option_row *row, struct slice prefix) {
	return slice_starts_with(slice_of(row->key), prefix);
}

/* The next part of a row's key behind the prefix. */
static struct slice next_part(const struct option_row *row, struct slice prefix, bool *is_leaf) {
	struct slice rest = slice_from(slice_of(row->key), prefix.len);
	size_t dot = slice_find_byte(rest, '.');
	*is_leaf = dot == SIZE_MAX;
	return *is_leaf ? rest : slice_sub(rest, 0, dot);
}

static bool was_seen(
	const struct row_list *rows, size_t before, struct slice prefix, struct slice part) {
	for (size_t i = 0; i < before; i++) {
		bool is_leaf;
		if (is_below(rows->items[i], prefix) &&
			slice_eq(next_part(rows->items[i], prefix, &is_leaf), part)) {
			return true;
		}
	}
	return false;
}

static void write_section_schema(struct json_writer *w, struct arena *arena,
	const struct row_list *rows, struct slice prefix) {
	json_put_bool(w, "additionalProperties", false);
	json_write_key(w, "properties");
	json_begin_object(w);
	if (prefix.len == 0) {
		json_put_raw(w, "$schema", SLICE("{\"type\":\"string\"}"));
	}
	for (size_t i = 0; i < rows->len; i++) {
		bool is_leaf;
		if (!is_below(rows->items[i], prefix)) {
			continue;
		}
		struct slice part = next_part(rows->items[i], prefix, &is_leaf);
		if (was_seen(rows, i, prefix, part)) {
			continue;
		}
		json_write_key_slice(w, part);
		if (is_leaf) {
			write_row_schema(w, rows->items[i]);
			continue;
		}
		json_begin_object(w);
		json_put_cstr(w, "type", "object");
		write_section_schema(w, arena, rows,
			arena_printf(arena, "%.*s%.*s.", SLICE_FMT(prefix), SLICE_FMT(part)));
		json_end_object(w);
	}
	json_end_object(w);
}

static void write_table_schema(struct json_writer *w, const struct option_table *table) {
	json_put_bool(w, "additionalProperties", false);
	json_write_key(w, "properties");
	json_begin_object(w);
	for (size_t i = 0; i < table->row_count; i++) {
		json_write_key(w, table->rows[i].key);
		write_row_schema(w, &table->rows[i]);
	}
	json_end_object(w);
	json_write_key(w, "required");
	json_begin_array(w);
	for (size_t i = 0; i < table->row_count; i++) {
		if (table->rows[i].is_required) {
			json_write_cstr(w, table->rows[i].key);
		}
	}
	json_end_array(w);
}

static struct row_list all_rows(const struct option_set *set) {
	struct row_list rows = {0};
	for (size_t t = 0; t < set->table_count; t++) {
		for (size_t r = 0; r < set->tables[t]->row_count; r++) {
			*ARENA_PUSH(set->arena, &rows) = &set->tables[t]->rows[r];
		}
	}
	return rows;
}

void options_schema(const struct option_set *set, struct buf *out) {
	struct row_list rows = all_rows(set);
	struct json_writer w;
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	json_put_cstr(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_cstr(&w, "title", "llm-mux configuration");
	json_put_cstr(&w, "type", "object");
	write_section_schema(&w, set->arena, &rows, SLICE(""));
	json_end_object(&w);
	buf_append_byte(out, '\n');
}

/* ---- template ---- */

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
	struct row_list rows = all_rows(set);
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
	struct row_list rows = all_rows(set);
	for (size_t i = 0; i < rows.len; i++) {
		const struct option_row *row = rows.items[i];
		if (!option_has_value(row->type)) {
			continue;
		}
		print_help_row(row, "", out);
		struct one_row one = {row, out};
		options_each_env(set, print_env_of_row, &one);
		for (size_t n = 0; row->nested && n < row->nested->row_count; n++) {
			if (option_has_value(row->nested->rows[n].type)) {
				print_help_row(&row->nested->rows[n], "    ", out);
			}
		}
	}
}
