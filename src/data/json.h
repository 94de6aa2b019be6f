/* json.h: JSON (RFC 8259) as a tree over the source bytes, and a writer.
 *
 *   text  {"model":"m","n":1.0}
 *          ^node.raw .. each node keeps its source bytes; strings stay escaped, numbers stay text
 *
 * Nothing is decoded until asked for, so an untouched value is copied byte for byte. Nodes live in
 * the caller's arena and point into the text, which must outlive them. TOML and YAML are converted
 * into the same tree (their strings are re-written as JSON text in the arena), with line and
 * column. */
#ifndef LLMMUX_DATA_JSON_H
#define LLMMUX_DATA_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

#define JSON_MAX_DEPTH 256

struct json {
	const char *raw; /* first byte of the value in the source; strings with their quotes */
	size_t raw_len;
	const char *key; /* of an object member: the bytes between the quotes, still escaped */
	uint32_t key_len;
	uint8_t type;        /* enum json_type */
	bool has_escape;     /* a string with a backslash in it */
	bool key_has_escape; /* likewise the key */
	uint32_t count;      /* children */
	uint32_t line,
		column; /* 1-based, of configuration trees; 0 = not kept (json_position tells) */
	struct json *child; /* first child, source order; duplicates kept */
	struct json *next;  /* next sibling */
};

struct json_limits {
	unsigned max_depth;   /* 0 = JSON_MAX_DEPTH */
	bool skip_utf8_check; /* text known to be valid UTF-8 */
};

/* Parses one JSON text (white space around it allowed; a UTF-8 BOM is skipped, RT-3). Strict: the
 * JSONTestSuite set. NULL and ERROR_INVALID_REQUEST (line, column, offset in the message)
 * otherwise; ERROR_TOO_LARGE beyond the arena's cap. limits may be NULL. Iterative: depth costs no
 * C stack. */
struct json *json_parse(struct arena *arena, struct slice text, const struct json_limits *limits,
	struct error *error);
/* True when the text is one whole valid JSON value (no tree is built). */
bool json_is_valid(struct slice text);
/* Line and column (1-based, column in code points) of a place in the text. */
void json_position(struct slice text, const char *at, uint32_t *line, uint32_t *column);

/* The first child; NULL when there is none, or no node. */
static inline const struct json *json_first(const struct json *parent) {
	return parent ? parent->child : NULL;
}
#define json_each(node, parent)                                                                    \
	for (const struct json *node = json_first(parent); node; node = node->next)

/* Member of an object by (unescaped) name; the last of duplicates; NULL when absent or not an
 * object. A JSON null member is returned as a node: use json_get_value to treat it as absent. */
const struct json *json_get_slice(const struct json *object, struct slice name);
/* Inline, so that the length of a literal is known when compiling: decoders ask dozens a frame. */
static inline const struct json *json_get(const struct json *object, const char *name) {
	return json_get_slice(object, slice_of(name));
}
static inline const struct json *json_get_value(const struct json *object, const char *name) {
	const struct json *found = json_get_slice(object, slice_of(name));
	return found && found->type != JSON_NULL ? found : NULL;
}
/* RFC 6901 pointer; NULL when it leads nowhere. */
const struct json *json_at(const struct json *node, struct slice pointer);
/* An element by number; NULL when there is none, or no array. */
const struct json *json_item(const struct json *array, size_t index);

static inline bool json_is(const struct json *node, enum json_type type) {
	return node && node->type == type;
}
static inline bool json_is_null(const struct json *node) {
	return !node || node->type == JSON_NULL;
}
/* The rest accept NULL too: it is no bool, and "nothing" by name. */
bool json_is_bool(const struct json *node);
const char *json_type_name(const struct json *node); /* "string", "object", ... */

/* The source bytes of the value. */
static inline struct slice json_raw(const struct json *node) {
	return node ? slice_make(node->raw, node->raw_len) : slice_make(NULL, 0);
}
/* A string's bytes between the quotes, escapes and all; absent when not a string. */
struct slice json_string_raw(const struct json *node);
/* A string decoded: the source's own bytes when it has no escape, else a copy in the arena (never
 * longer than the source, and made whole even beyond the arena's cap). A lone surrogate becomes
 * U+FFFD. Absent when not a string. */
struct slice json_string(const struct json *node, struct arena *arena);
struct slice json_key(const struct json *node, struct arena *arena);
bool json_string_is(const struct json *node, const char *text);
bool json_key_is(const struct json *node, const char *text);
/* Decodes the inside of a JSON string (no quotes) to `out`; false beyond out's limit. A backslash
 * that begins no escape is copied as it stands. */
bool json_unescape(struct slice escaped, struct buf *out);

/* Whole numbers (also 1.0 and 1e3) within range; false otherwise. */
bool json_int64(const struct json *node, int64_t *out);
/* False when not a number or too large for a double. */
bool json_double(const struct json *node, double *out);
/* true or false into *out; false return when neither. */
bool json_bool(const struct json *node, bool *out);

/* Semantic equality: numbers by value (exact decimal), objects regardless of order, of duplicate
 * keys the last. For tests, schemas. */
bool json_equal(const struct json *a, const struct json *b);

/* ---- splicing: edits of the source bytes ---- */
struct json_edit {
	size_t begin, end; /* offsets in the text; equal = insert */
	struct slice with;
};
/* Writes text with the edits (sorted, not overlapping) to `out`; long untouched runs by reference
 * where out allows them, new bytes copied. False when the edits are not in order or within the
 * text, or beyond out's limit. */
bool json_splice(struct slice text, const struct json_edit *edits, size_t count, struct buf *out);
/* The edit that removes a member together with one comma. */
struct json_edit json_edit_remove(
	struct slice text, const struct json *object, const struct json *member);
/* The edits that remove every member with one of the (unescaped) names, duplicates too, for one
 * json_splice. Fills at most `max` edits and returns how many are needed: never more than half the
 * members, rounded up. (Edits of single json_edit_remove calls for neighbours may overlap.) */
size_t json_edits_remove(struct slice text, const struct json *object, const char *const *names,
	size_t name_count, struct json_edit *edits, size_t max);
/* The edit that replaces a value. */
struct json_edit json_edit_replace(struct slice text, const struct json *value, struct slice with);

/* ---- writer: commas and quotes kept right; the caller balances begin and end ---- */
struct json_pending { /* the beginning of a UTF-8 sequence that a string part ended in */
	char bytes[4];
	uint8_t len;
};
struct json_writer {
	struct buf *out;
	bool needs_comma;
	bool is_after_key;
	struct json_pending pending;
	int indent; /* -1 compact; else the current level */
};
void json_writer_init(struct json_writer *w, struct buf *out, bool is_pretty);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_write_key(struct json_writer *w, const char *name); /* a plain name: nothing to escape */
void json_write_key_slice(struct json_writer *w, struct slice name);
void json_write_string(
	struct json_writer *w, struct slice text); /* escapes; invalid UTF-8 -> U+FFFD */
void json_write_cstr(struct json_writer *w, const char *text); /* NULL writes null */
void json_write_raw(struct json_writer *w, struct slice json); /* a whole JSON value, as it is */
void json_write_node(struct json_writer *w, const struct json *node); /* its source bytes */
/* The tree written anew: every scalar and key by its source bytes, the white space ours. For nodes
 * that were converted or merged, whose containers have no source bytes of their own. */
void json_write_tree(struct json_writer *w, const struct json *node);
void json_write_int(struct json_writer *w, int64_t value);
void json_write_uint(struct json_writer *w, uint64_t value);
void json_write_double(struct json_writer *w,
	double value); /* shortest form that reads back equal; null when not finite */
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
/* A string in pieces: begin, any number of parts (escaped), end. A part may end inside a UTF-8
 * sequence; the next one completes it. */
void json_begin_string(struct json_writer *w);
void json_write_string_part(struct json_writer *w, struct slice text);
void json_end_string(struct json_writer *w);
/* key + value in one call, for the common kinds. */
void json_put_string(struct json_writer *w, const char *key, struct slice text);
void json_put_cstr(struct json_writer *w, const char *key, const char *text);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
void json_put_raw(struct json_writer *w, const char *key, struct slice json);

/* Escapes text (valid UTF-8) as the inside of a JSON string: `"` `\` and controls below 0x20
 * (E-82). SSE2 scan; long clean runs by reference where out allows them. */
bool json_escape(struct slice text, struct buf *out);

#endif
