/* options_write.c: values of options out of their structs again, as JSON; secrets masked. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/options_internal.h"

bool option_is_empty(const struct option_row *row, const void *at) {
	switch (row->type) {
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		return ((const struct slice *)at)->len == 0;
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return *(const int64_t *)at < row->min;
	case OPTION_NUMBER:
		return isnan(*(const double *)at);
	case OPTION_ENUM:
		return *(const int *)at < 0;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		return row->appends || ((const struct option_strings *)at)->len == 0;
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
	case OPTION_JSON_MAP:
		return ((const struct option_map *)at)->len == 0;
	case OPTION_OBJECT_LIST:
	case OPTION_OBJECT_MAP:
		return ((const struct option_objects *)at)->len == 0;
	case OPTION_JSON:
		return *(const struct json *const *)at == NULL;
	case OPTION_TEXT:
		return ((const struct option_text *)at)->text.data == NULL;
	case OPTION_COMMAND:
		return ((const struct option_command *)at)->text.text.data == NULL &&
		       ((const struct option_command *)at)->list.items == NULL;
	case OPTION_LATER:
	case OPTION_IGNORED:
		return true;
	case OPTION_BOOL:
		return false;
	}
	return false;
}

/* "${NAME}" names a secret and is none. */
bool option_is_reference(struct slice text) {
	if (!slice_starts_with(text, SLICE("${")) || slice_find_byte(text, '}') != text.len - 1) {
		return false;
	}
	for (size_t i = 2; i + 1 < text.len; i++) {
		char byte = text.data[i];
		bool is_letter =
			(byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
		if (!is_letter && (byte < '0' || byte > '9')) {
			return false;
		}
	}
	return true;
}

static void write_text(struct json_writer *w, struct slice text, bool masked) {
	char shown[64];
	if (masked && !option_is_reference(text)) {
		log_mask(text, shown, sizeof shown);
		json_write_cstr(w, text.len ? shown : "");
		return;
	}
	/* A URL may carry user:password@. */
	char *copy = strndup(text.data ? text.data : "", text.len);
	if (copy) {
		error_mask_secrets(copy);
	}
	json_write_cstr(w, copy ? copy : "");
	free(copy);
}

static void write_map(struct json_writer *w, const struct option_map *map, bool masked) {
	json_begin_object(w);
	for (size_t i = 0; i < map->len; i++) {
		json_write_key_slice(w, map->items[i].key);
		write_text(w, map->items[i].value, masked);
	}
	json_end_object(w);
}

static void write_json_map(struct json_writer *w, const struct option_map *map) {
	json_begin_object(w);
	for (size_t i = 0; i < map->len; i++) {
		json_write_key_slice(w, map->items[i].key);
		json_write_raw(w, map->items[i].value);
	}
	json_end_object(w);
}

static void write_strings(struct json_writer *w, const struct option_strings *list, bool masked) {
	json_begin_array(w);
	for (size_t i = 0; i < list->len; i++) {
		write_text(w, list->items[i], masked);
	}
	json_end_array(w);
}

static void write_object(
	struct json_writer *w, const struct option_table *table, const char *target) {
	json_begin_object(w);
	for (size_t r = 0; r < table->row_count; r++) {
		const struct option_row *row = &table->rows[r];
		if (!option_is_name(row) && !option_is_empty(row, target + row->offset)) {
			json_write_key(w, row->key);
			option_write_json(w, row, target + row->offset);
		}
	}
	json_end_object(w);
}

static void write_objects(struct json_writer *w, const struct option_table *table,
	const struct option_objects *list) {
	json_begin_array(w);
	for (size_t i = 0; i < list->len; i++) {
		write_object(w, table, (const char *)list->items + i * table->struct_size);
	}
	json_end_array(w);
}

static void write_named(struct json_writer *w, const struct option_table *table,
	const struct option_objects *list) {
	json_begin_object(w);
	for (size_t i = 0; i < list->len; i++) {
		const char *target = (const char *)list->items + i * table->struct_size;
		json_write_key_slice(w, option_name_of(table, target));
		write_object(w, table, target);
	}
	json_end_object(w);
}

static void write_command(struct json_writer *w, const struct option_command *command) {
	if (!command->list.items) {
		write_text(w, command->text.text, false);
		return;
	}
	json_begin_array(w);
	for (size_t i = 0; i < command->list.len; i++) {
		write_text(w, command->list.items[i].text, false);
	}
	json_end_array(w);
}

static void write_scalar(struct json_writer *w, const struct option_row *row, const void *at) {
	char text[CLOCK_TEXT_MAX];
	switch (row->type) {
	case OPTION_BOOL:
		json_write_bool(w, *(const bool *)at);
		break;
	case OPTION_INT:
	case OPTION_SIZE:
		json_write_int(w, *(const int64_t *)at);
		break;
	case OPTION_NUMBER:
		json_write_double(w, *(const double *)at);
		break;
	case OPTION_DURATION:
		clock_format_duration(*(const int64_t *)at, text);
		json_write_cstr(w, text);
		break;
	default:
		json_write_cstr(w, row->values[*(const int *)at]);
		break;
	}
}

void option_write_json(struct json_writer *w, const struct option_row *row, const void *at) {
	bool masked = option_is_secret(row->type);
	switch (row->type) {
	case OPTION_BOOL:
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_NUMBER:
	case OPTION_ENUM:
		if (option_is_empty(row, at)) {
			json_write_null(w);
		} else {
			write_scalar(w, row, at);
		}
		break;
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_PATH:
		write_text(w, *(const struct slice *)at, masked);
		break;
	case OPTION_STRING_LIST:
	case OPTION_SECRET_LIST:
		write_strings(w, at, masked);
		break;
	case OPTION_MAP:
	case OPTION_SECRET_MAP:
	case OPTION_TREE:
		write_map(w, at, masked);
		break;
	case OPTION_JSON_MAP:
		write_json_map(w, at);
		break;
	case OPTION_OBJECT_LIST:
		write_objects(w, row->nested, at);
		break;
	case OPTION_OBJECT_MAP:
		write_named(w, row->nested, at);
		break;
	case OPTION_JSON:
		if (option_is_empty(row, at)) {
			json_write_null(w);
		} else {
			json_write_tree(w, *(const struct json *const *)at);
		}
		break;
	case OPTION_TEXT:
		write_text(w, ((const struct option_text *)at)->text, false);
		break;
	case OPTION_COMMAND:
		write_command(w, at);
		break;
	case OPTION_LATER:
	case OPTION_IGNORED:
		json_write_null(w);
		break;
	}
}
