/* options_schema.c: a JSON Schema (2020-12) of what the rows take. */
#include <string.h>

#include "config/options_internal.h"

static void write_range(struct json_writer *w, const struct option_row *row) {
	json_put_int(w, "minimum", row->min);
	if (row->max) {
		json_put_int(w, "maximum", row->max);
	}
}

static void write_table_schema(
	struct json_writer *w, const struct option_table *table, bool with_required);

static void write_text_list(struct json_writer *w) {
	json_put_cstr(w, "type", "array");
	json_write_key(w, "items");
	json_begin_object(w);
	json_put_cstr(w, "type", "string");
	json_end_object(w);
}

/* {"name": "text"}, nested in a TREE; else also [["name", "text"]]. */
static void write_text_map(struct json_writer *w, bool is_nested) {
	json_put_raw(w, "type", is_nested ? SLICE("\"object\"") : SLICE("[\"object\",\"array\"]"));
	json_write_key(w, "additionalProperties");
	json_begin_object(w);
	json_put_raw(w, "type", is_nested ? SLICE("[\"string\",\"object\"]") : SLICE("\"string\""));
	json_end_object(w);
	if (!is_nested) {
		json_put_raw(w, "items",
			SLICE("{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
			      "\"minItems\":2,\"maxItems\":2}"));
	}
}

/* An item is an object, or what its shorthand row takes. */
static void write_item_schema(struct json_writer *w, const struct option_table *table) {
	const struct option_row *brief =
		table->shorthand ? option_table_find(table, slice_of(table->shorthand)) : NULL;
	bool takes_list =
		brief && (brief->type == OPTION_STRING_LIST || brief->type == OPTION_SECRET_LIST ||
				 brief->type == OPTION_COMMAND);
	json_put_raw(w, "type",
		takes_list ? SLICE("[\"object\",\"string\",\"array\"]")
		: brief    ? SLICE("[\"object\",\"string\"]")
			   : SLICE("\"object\""));
	if (takes_list) {
		json_put_raw(w, "items", SLICE("{\"type\":\"string\"}"));
	}
}

static void write_object_map(struct json_writer *w, const struct option_table *table) {
	json_put_raw(
		w, "type", table->listed ? SLICE("[\"object\",\"array\"]") : SLICE("\"object\""));
	json_write_key(w, "additionalProperties");
	json_begin_object(w);
	write_item_schema(w, table);
	/* Another layer may hold what is required. */
	write_table_schema(w, table, false);
	json_end_object(w);
	if (table->listed) {
		json_put_raw(w, "items", SLICE("{\"type\":\"string\"}"));
	}
}

static void write_object_list(struct json_writer *w, const struct option_table *table) {
	json_put_cstr(w, "type", "array");
	json_write_key(w, "items");
	json_begin_object(w);
	write_item_schema(w, table);
	write_table_schema(w, table, true);
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
	case OPTION_NUMBER:
		json_put_cstr(w, "type", "number");
		write_range(w, row);
		break;
	case OPTION_DURATION:
		json_put_raw(w, "type", SLICE("[\"number\",\"string\"]"));
		json_put_cstr(w, "pattern", "^([0-9.]+(ns|us|µs|ms|s|m|h)?)+$");
		break;
	case OPTION_ENUM:
		json_write_key(w, "enum");
		json_begin_array(w);
		for (size_t i = 0; row->values[i]; i++) {
			const char *word = row->values[i];
			json_write_cstr(w, word);
			if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
				json_write_bool(w, *word == 't');
			}
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
	case OPTION_OBJECT_MAP:
		write_object_map(w, row->nested);
		break;
	case OPTION_JSON: /* anything */
		break;
	case OPTION_TEXT:
		json_put_cstr(w, "type", "string");
		break;
	case OPTION_COMMAND:
		json_put_raw(w, "type", SLICE("[\"string\",\"array\"]"));
		json_put_raw(w, "items", SLICE("{\"type\":\"string\"}"));
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
	if (row->type == OPTION_INT && slice_of(row->default_text).data[0] == '-') {
		return; /* says "not given" */
	}
	if (row->type == OPTION_BOOL || row->type == OPTION_INT || row->type == OPTION_NUMBER) {
		json_put_raw(w, "default", slice_of(row->default_text));
	} else {
		json_put_cstr(w, "default", row->default_text);
	}
}

/* What an editor shows beside the key. */
static void write_description(struct json_writer *w, const struct option_row *row) {
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(
		&text, row->type == OPTION_LATER ? "Known, not used by this version" : row->help);
	if (row->type == OPTION_DURATION && row->unit) {
		buf_printf(&text, "; a bare number is in %s",
			strcmp(row->unit, "ms") == 0  ? "milliseconds"
			: strcmp(row->unit, "s") == 0 ? "seconds"
						      : row->unit);
	}
	json_put_string(w, "description", buf_slice(&text));
	buf_finish(&text);
}

/* The members of the row's own schema. */
static void write_own_schema(struct json_writer *w, const struct option_row *row) {
	struct arena arena;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	const struct json *own = json_parse(&arena, slice_of(row->schema), NULL, &error);
	json_each (member, own) {
		json_write_key_slice(w, json_key(member, &arena));
		json_write_tree(w, member);
	}
	arena_finish(&arena);
}

static void write_row_schema(struct json_writer *w, const struct option_row *row) {
	json_begin_object(w);
	write_description(w, row);
	if (row->schema) {
		write_own_schema(w, row);
	} else {
		write_type_schema(w, row);
	}
	write_default(w, row);
	json_end_object(w);
}

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
	const struct option_rows *rows, size_t before, struct slice prefix, struct slice part) {
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
	const struct option_rows *rows, struct slice prefix) {
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

static void write_table_schema(
	struct json_writer *w, const struct option_table *table, bool with_required) {
	json_put_bool(w, "additionalProperties", false);
	json_write_key(w, "properties");
	json_begin_object(w);
	for (size_t i = 0; i < table->row_count; i++) {
		if (!option_is_name(&table->rows[i])) {
			json_write_key(w, table->rows[i].key);
			write_row_schema(w, &table->rows[i]);
		}
	}
	json_end_object(w);
	if (!with_required) {
		return;
	}
	json_write_key(w, "required");
	json_begin_array(w);
	for (size_t i = 0; i < table->row_count; i++) {
		if (table->rows[i].is_required) {
			json_write_cstr(w, table->rows[i].key);
		}
	}
	json_end_array(w);
}

void options_schema(const struct option_set *set, const char *title, struct buf *out) {
	struct option_rows rows = option_all_rows(set);
	struct json_writer w;
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	json_put_cstr(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_cstr(&w, "title", title);
	json_put_cstr(&w, "type", "object");
	write_section_schema(&w, set->arena, &rows, SLICE(""));
	json_end_object(&w);
	buf_append_byte(out, '\n');
}
