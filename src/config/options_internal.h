/* options_internal.h: what the files of the options engine share. Only for src/config. */
#ifndef LLMMUX_CONFIG_OPTIONS_INTERNAL_H
#define LLMMUX_CONFIG_OPTIONS_INTERNAL_H

#include "config/options.h"

/* Reads one value into a struct, reporting at `place`. */
struct option_reader {
	struct arena *arena;
	struct problems *problems;
	struct option_place place;
	bool is_secret;      /* the value is not to be shown */
	bool is_default;     /* it is the row's own default: not held to the row's range */
	bool is_layered;     /* within an OBJECT_MAP: a later layer may complete it */
	const char *label;   /* what problems call the option: "tls.cert", "LLM_MUX_PORT" */
	struct map *origins; /* of the set; NULL: not kept */
};

/* Adds "`label` MESSAGE" at the reader's place; returns false. */
bool option_refuse(struct option_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool option_is_secret(enum option_type type);
/* One text, checked, into the arena. */
bool option_read_string(struct option_reader *reader, const struct option_row *row,
	struct slice text, struct slice *out);

/* False after adding a problem; `at` is then unchanged or partly filled. */
bool option_read_text(
	struct option_reader *reader, const struct option_row *row, struct slice text, void *at);
bool option_read_json(struct option_reader *reader, const struct option_row *row,
	const struct json *value, void *at);
/* options_texts.c: what a value is, for messages: "a number (`5`)"; secrets without their text. */
const char *option_found(const struct option_reader *reader, const struct json *value);
/* False after adding a problem when the value is no text. */
bool option_expect_text(struct option_reader *reader, const struct json *value);
/* The reader's place becomes the value's. */
void option_move_to(struct option_reader *reader, const struct json *value);
/* Keeps the reader's place as the origin of its path. */
void option_record(const struct option_reader *reader);
bool option_read_list(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_strings *out);
bool option_read_map(struct option_reader *reader, const struct option_row *row,
	const struct json *value, struct option_map *map);
bool option_read_json_pairs(struct option_reader *reader, const struct option_row *row,
	const struct json *object, struct option_map *map);
/* Fills a struct with the defaults of its rows. */
void option_read_defaults(struct arena *arena, const struct option_table *table, void *target);

/* Writes a value as JSON; secrets masked. */
void option_write_json(struct json_writer *w, const struct option_row *row, const void *at);
/* True for "${NAME}", which stands for a secret and is none. */
bool option_is_reference(struct slice text);
/* A name as part of a path: in quotes where it is not made of letters, digits, `-`, `_` alone. */
struct slice option_path_join(struct arena *arena, const char *path, struct slice name);
/* True when a value is empty or not given: nothing to show. */
bool option_is_empty(const struct option_row *row, const void *at);

/* True when rows of this type have a place in their struct. */
bool option_has_value(enum option_type type);
/* True when an environment variable or a flag can set it. */
bool option_takes_text(const struct option_row *row);

/* Compares keys with `-` and `_` equal. */
bool option_key_eq(struct slice a, struct slice b);
/* The row of a table by key or old name; NULL. */
const struct option_row *option_table_find(const struct option_table *table, struct slice key);

/* The rows of all tables as one list. */
struct option_rows {
	const struct option_row **items;
	size_t len, cap;
};
struct option_rows option_all_rows(const struct option_set *set);

/* True of the row that the name of a map's member fills. */
static inline bool option_is_name(const struct option_row *row) {
	return row->key[0] == OPTION_NAME_KEY[0];
}
/* The name of an item of an OBJECT_MAP; absent when its table has no row for it. */
struct slice option_name_of(const struct option_table *nested, const void *item);

static inline void *option_at(const struct option_row *row, void *target) {
	return (char *)target + row->offset;
}

#endif
