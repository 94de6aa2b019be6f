/* options_internal.h: what the files of the options engine share. Only for src/config. */
#ifndef LLMMUX_CONFIG_OPTIONS_INTERNAL_H
#define LLMMUX_CONFIG_OPTIONS_INTERNAL_H

#include "config/options.h"

/* Reads one value into a struct, reporting at `place`. */
struct option_reader {
	struct arena *arena;
	struct problems *problems;
	struct option_place place;
	bool is_secret;    /* the value is not to be shown */
	const char *label; /* what problems call the option: "tls.cert", "LLM_MUX_PORT" */
};

/* False after adding a problem; `at` is then unchanged or partly filled. */
bool option_read_text(
	struct option_reader *reader, const struct option_row *row, struct slice text, void *at);
bool option_read_json(struct option_reader *reader, const struct option_row *row,
	const struct json *value, void *at);
/* Fills a struct with the defaults of its rows. */
void option_read_defaults(struct arena *arena, const struct option_table *table, void *target);

/* Writes a value as JSON; secrets masked. */
void option_write_json(struct json_writer *w, const struct option_row *row, const void *at);
/* True when a value is empty: nothing to show. */
bool option_is_empty(const struct option_row *row, const void *at);

/* True when rows of this type have a place in their struct. */
bool option_has_value(enum option_type type);
/* True when an environment variable or a flag can set it. */
bool option_takes_text(const struct option_row *row);

/* Compares keys with `-` and `_` equal. */
bool option_key_eq(struct slice a, struct slice b);
/* The row of a table by key or old name; NULL. */
const struct option_row *option_table_find(const struct option_table *table, struct slice key);

static inline void *option_at(const struct option_row *row, void *target) {
	return (char *)target + row->offset;
}

#endif
