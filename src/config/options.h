/* options.h: the options engine. One row per option drives everything that concerns it:
 *
 *   option_row ──► loading (YAML, TOML, JSON, environment, command line) and its validation
 *              ──► `config show`, `config schema`, the commented template of `init`, help text
 *
 * A floor that has options declares a `const struct option_table` (rows plus the size of the struct
 * they fill) and whoever builds the instance hands all tables to config_load. The engine applies
 * layers in order (defaults, files, environment, command line); a later layer replaces scalars and
 * lists and merges maps by key. Every problem is reported, at its place, before anything is
 * refused. */
#ifndef LLMMUX_CONFIG_OPTIONS_H
#define LLMMUX_CONFIG_OPTIONS_H

#include "data/document.h"
#include "data/problems.h"

enum option_type {
	OPTION_BOOL,        /* bool */
	OPTION_INT,         /* int64_t */
	OPTION_SIZE,        /* int64_t, bytes; text may be "50MB" (1 MB = 1024 KB = 1048576) */
	OPTION_DURATION,    /* int64_t, milliseconds; text "1m30s"; bare numbers in `unit` */
	OPTION_STRING,      /* struct slice, NUL-terminated; empty when not given */
	OPTION_SECRET,      /* as STRING, never printed */
	OPTION_PATH,        /* as STRING, `~/` and `$VAR/` expanded */
	OPTION_ENUM,        /* int: number of the word in `values`; -1 without a default. Where a
			       word is "true" or "false", the boolean is one too */
	OPTION_STRING_LIST, /* struct option_strings */
	OPTION_SECRET_LIST, /* as STRING_LIST, never printed */
	OPTION_MAP,         /* struct option_map: name -> text; may be written as a list of
			       [name, text] pairs, which replaces what was there */
	OPTION_SECRET_MAP,  /* as MAP, values never printed */
	OPTION_TREE,        /* struct option_map: nested names joined by dots -> text */
	OPTION_JSON_MAP,    /* struct option_map: name -> JSON text of any value */
	OPTION_OBJECT_LIST, /* struct option_objects of `nested` */
	OPTION_OBJECT_MAP,  /* as OBJECT_LIST, written as a table by name: the name fills the row
			       whose key is OPTION_NAME_KEY; layers merge by name. Order of
			       declaration; a later file's new names come first */
	OPTION_NUMBER,      /* double; NaN when not given */
	OPTION_JSON,        /* const struct json *: any value, as it is; NULL when not given. The
			       node is the tree's own, as in the next two: it must live as long */
	OPTION_TEXT,        /* struct option_text: a string with its source, e.g. a template */
	OPTION_COMMAND,     /* struct option_command: one text or a list of texts */
	OPTION_LATER,       /* known key that this version does not use: any value, a warning */
	OPTION_IGNORED      /* legacy key without effect: any value, a warning */
};

/* Where a value came from. `file` is the file as shown, or "default", "environment", "command
 * line"; line 0 means no line. */
struct option_place {
	const char *file;
	uint32_t line, column;
};

/* items is not NULL when the list was given, even empty. */
struct option_strings {
	struct slice *items;
	size_t len, cap;
	struct option_place *places; /* of each item; NULL when they come from no file */
};

/* A text and where it stands, so that a place within it can be told as a place in the file. */
struct option_text {
	struct slice text;         /* absent: not given */
	struct option_place place; /* of the value */
	const struct json *node;   /* the value in the tree */
};

/* `run = "text"` or `run = ["program", "argument"]`. */
struct option_command {
	struct option_text text;
	struct {
		struct option_text *items; /* not NULL: the list form */
		size_t len, cap;
	} list;
};

/* The key of the row that the name of an OPTION_OBJECT_MAP's member fills: it is no key of the
 * file.
 */
#define OPTION_NAME_KEY "(name)"
/* Names in one map of texts; more are an error. */
#define OPTION_PAIRS_MAX 10000

struct option_pair {
	struct slice key, value;
	struct option_place place;
};

struct option_map {
	struct option_pair *items;
	size_t len, cap;
};

/* The generic view of a list (or map) of structs: declare it as OPTION_OBJECTS(struct thing). The
 * struct's first member is a struct option_place. */
struct option_objects {
	void *items;
	size_t len, cap;
};
#define OPTION_OBJECTS(type)                                                                       \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t len, cap;                                                                   \
	}

/* NULL when the text is fine, else what is wrong, to follow the key: "must be an http or https URL
 * with a host". */
typedef const char *option_check(struct slice text);

struct option_row {
	const char *key; /* dotted, lower case, words joined by "-": "tls.cert" */
	enum option_type type;
	size_t offset;             /* in the table's struct; meaningless for LATER and IGNORED */
	const char *default_text;  /* as one would write it in a file; NULL: zero, empty */
	const char *unit;          /* of a bare DURATION number: "ms" or "s"; of an INT, for help */
	int64_t min, max;          /* INT, SIZE, DURATION (ms); both 0: not negative */
	const char *const *values; /* ENUM, ends with NULL */
	const char *const *old_names; /* further spellings accepted, ends with NULL, or NULL */
	int64_t doubtful;    /* DURATION: a bare number from here on is warned of, for its unit is
				probably mistaken; 0: none */
	option_check *check; /* of a text or of each text in a list or map; of the names of a
			JSON_MAP; or NULL */
	const struct option_table *nested; /* OBJECT_LIST, OBJECT_MAP */
	bool is_required;    /* within a nested table: an item without it, or with an empty one, is
				refused; within an OBJECT_MAP by options_check_required */
	bool is_exact;       /* ENUM: capital letters make another word */
	bool keeps_empty;    /* lists and maps of texts: an empty one is a value */
	bool appends;        /* STRING_LIST in a nested table: adds to the list of another row, with
				the same offset, instead of replacing it */
	bool needs_trust;    /* a project's file may set it only with the user's trust (trust.h) */
	bool is_file_only;   /* no environment variable sets it */
	const char *schema;  /* JSON Schema object of the value, in place of what its type says: for
				JSON, and lists of words; or NULL */
	const char *help;    /* one sentence without the closing stop */
	const char *since;   /* first version that has it */
	const char *example; /* what the template shows when there is no default; or NULL */
};

struct option_table {
	const struct option_row *rows;
	size_t row_count;
	size_t struct_size;
	const char *shorthand; /* nested: an item may be a plain text, or a list where this row
				  takes one, which fills this row; or NULL */
	const char *listed;    /* nested in an OBJECT_MAP: the map may be a plain list of names, for
				  each of which this BOOL row is true; or NULL */
};

/* One layer's say about one option, for `config show`. */
struct option_source {
	struct option_place place;
	bool is_set;      /* by something stronger than the default */
	const char *name; /* the variable or flag, or NULL */
};

/* The tables of one program, the structs they fill and where each value came from. */
struct option_set {
	struct arena *arena; /* values are allocated here */
	const struct option_table *const *tables;
	size_t table_count;
	void **targets;                 /* one zeroed struct per table */
	struct option_source **sources; /* per table, per row */
	struct map *origins;            /* path -> struct option_source: options_origin */
	/* Options that are known, but that a file of this set may not give; or NULL. */
	const struct option_set *elsewhere;
};

/* Allocates sources, and targets where `targets` (one per table, may be NULL) has none, in the
 * arena and fills in the defaults. `tables` must live as long as the set. */
void options_init(struct option_set *set, struct arena *arena,
	const struct option_table *const *tables, size_t table_count, void *const *targets);
/* Applies a parsed file. Unknown keys, wrong types and values out of range are added to `problems`,
 * whose `file` becomes the place of the values. */
void options_apply_tree(struct option_set *set, const struct json *tree, struct problems *problems);
/* Sets one option from text, as the environment and the command line do; lists are separated by
 * commas. `source` ("environment", "command line") is its place; `label` names the variable or flag
 * in problems. Returns false after adding a problem. */
bool options_apply_text(struct option_set *set, const struct option_row *row, struct slice text,
	const char *source, const char *label, struct problems *problems);

/* The row of a dotted key (any spelling: `_` for `-`, old names); NULL when there is none. */
const struct option_row *options_find(const struct option_set *set, struct slice key);
/* Calls `visit` with every environment variable name that sets a row: LLM_MUX_ + the key in upper
 * case with "_" for "-" and ".", and the same for its old names. */
typedef void options_env_visit(void *context, const struct option_row *row, const char *name);
void options_each_env(const struct option_set *set, options_env_visit *visit, void *context);
/* Where the value of a row stands and came from; NULL for a row of no table of the set. */
void *options_value(const struct option_set *set, const struct option_row *row);
const struct option_source *options_source(
	const struct option_set *set, const struct option_row *row);
/* Where a key within a map or list of objects came from, by its path as problems call it:
 * "backends.claude.command", "steps[3].role"; the place of the value. NULL when nobody set it; not
 * is_set when what was given there was refused. */
const struct option_source *options_origin(const struct option_set *set, struct slice path);

/* What is required within OBJECT_MAPs, which several layers may fill together: calls `report` for
 * each entry (by place and path) that lacks `key` after the last layer. */
typedef void options_missing(
	void *context, const struct option_place *place, const char *path, const char *key);
void options_check_required(const struct option_set *set, options_missing *report, void *context);
/* A `report` for sets of one file, whose context is the file's struct problems. */
void options_report_missing(
	void *context, const struct option_place *place, const char *path, const char *key);

/* ---- what else the rows are good for ---- */

/* `key: value  # source` lines, or one JSON object {"key":{"value":..,"source":..}}; secrets
 * masked. With `with_origins`, every key within maps of objects gets its own source. */
void options_show(const struct option_set *set, bool as_json, bool with_origins, struct buf *out);
/* JSON Schema 2020-12 of a file with these options; `title` names the kind of file. */
void options_schema(const struct option_set *set, const char *title, struct buf *out);
/* A commented YAML file that states every option with its default. */
void options_template(const struct option_set *set, struct buf *out);
/* One paragraph per option: key, type, default, unit, environment variable, meaning. */
void options_help(const struct option_set *set, struct buf *out);

/* Text into a size in bytes: a number with an optional B, KB, MB, GB or KiB, MiB, GiB (powers of
 * 1024). */
bool option_parse_size(struct slice text, int64_t *bytes);

#endif
