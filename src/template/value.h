/* value.h: what templates and expressions compute with.
 *
 * One rule of ownership: values are immutable once another value or a context holds them, and live
 * in an arena (of the render, or of whoever built the context), never freed one by one. A struct
 * value is small and passed by value. Lists and maps are built with the functions here and not
 * changed afterwards; what changes (namespaces) is an object.
 *
 * Programs hand their own things in as objects: a step's result, the environment, a team. An object
 * answers for its fields and has a plain value that stands for it everywhere else, so that it
 * prints as text, compares as text, and can be indexed all the same (workflows.md 3.3, 5.10, 6.2).
 */
#ifndef LLMMUX_TEMPLATE_VALUE_H
#define LLMMUX_TEMPLATE_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "data/json.h"

enum value_type {
	VALUE_UNDEFINED, /* zeroed */
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_MAP,
	VALUE_OBJECT
};

struct value_list;
struct value_map;
struct value_object;

struct value {
	uint8_t type;   /* enum value_type */
	bool is_safe;   /* string: escaped or quoted already, or marked `safe`/`raw` */
	bool is_silent; /* undefined that prints as nothing even in strict mode (`a if c`) */
	bool is_tuple;  /* list: written as a tuple; prints as a list */
	union {
		bool boolean;
		int64_t integer;
		double number;
		struct slice string; /* UTF-8 */
		const struct value_list *list;
		const struct value_map *map;
		const struct value_object *object;
	};
};

/* How deep and how large a value may grow. What builds lists and maps refuses more (as it does
 * beyond the arena's cap), so that whoever walks a value ends soon and needs little stack. */
#define VALUE_MAX_DEPTH 300
#define VALUE_MAX_WEIGHT ((uint32_t)8 * 1000 * 1000)

struct value_list {
	struct value *items;
	size_t len, cap;
	uint32_t depth;  /* of the deepest list or map in it, plus one */
	uint32_t weight; /* values in it, counted through (a list held twice counts twice) */
};

struct value_pair {
	struct value key, value;
};
/* Insertion order; a key put twice keeps its place and gets the new value. */
struct value_map {
	struct value_pair *items;
	size_t len, cap;
	uint32_t *table; /* only above some size; value_map.c's business */
	size_t table_size;
	uint32_t depth, weight; /* as in a list */
};

/* What a call gets: `f(1, b=2)`, `x | f(1, b=2)` (the filtered value is the first argument). */
struct value_arguments {
	const struct value *items;
	size_t count;
	const struct value_map *named; /* NULL: none */
};

struct template_run; /* one render; see template.h */

/* What an object can do. Every member but `name` may be NULL. The arena is the render's. */
struct value_object_kind {
	const char *name; /* for messages: "step", "macro", "namespace" */
	/* `.key`, `[key]`: false = it has no such field of its own: then its plain value is asked
	 * if there is one. Text keys and numbers. */
	bool (*get)(const struct value_object *object, struct arena *arena, struct value key,
		struct value *out);
	/* The value that stands for it when it is printed, compared, tested for truth, or filtered.
	 * Never an object. NULL: prints as `print` says, else as its map or list, else as "<name>";
	 * equals itself alone; is true. */
	struct value (*plain)(const struct value_object *object, struct arena *arena);
	/* What iteration, `length`, `join`, `first`, `last` see: a list. NULL: those of `plain`. */
	struct value (*list)(const struct value_object *object, struct arena *arena);
	/* What `items`, `dictsort`, `json` see: a map. NULL: those of `plain`. */
	struct value (*map)(const struct value_object *object, struct arena *arena);
	/* The names for "did you mean"; ends with NULL, in the arena. */
	const char *const *(*names)(const struct value_object *object, struct arena *arena);
	/* `object(...)`. False with an error set by template_fail. */
	bool (*call)(const struct value_object *object, struct template_run *run,
		const struct value_arguments *arguments, struct value *out);
	/* `set object.key = value` (namespaces alone have it). */
	bool (*set)(const struct value_object *object, struct template_run *run, struct slice key,
		struct value value);
	/* How it prints when that is not how its plain value prints. False beyond the buffer. */
	bool (*print)(const struct value_object *object, struct arena *arena, struct buf *out);
};

/* The first member of every object. */
struct value_object {
	const struct value_object_kind *kind;
};

/* ---- making ---- */
static inline struct value value_undefined(void) {
	return (struct value){.type = VALUE_UNDEFINED};
}
static inline struct value value_none(void) {
	return (struct value){.type = VALUE_NONE};
}
static inline struct value value_bool(bool boolean) {
	return (struct value){.type = VALUE_BOOL, .boolean = boolean};
}
static inline struct value value_int(int64_t integer) {
	return (struct value){.type = VALUE_INT, .integer = integer};
}
static inline struct value value_float(double number) {
	return (struct value){.type = VALUE_FLOAT, .number = number};
}
/* Borrows the bytes, which must live as long as the value and be valid UTF-8. */
static inline struct value value_string(struct slice string) {
	return (struct value){.type = VALUE_STRING, .string = string};
}
/* The same of what may be absent: an empty text then. */
static inline struct value value_string_or_empty(struct slice text) {
	return value_string(text.data ? text : SLICE(""));
}
static inline struct value value_safe_string(struct slice string) {
	return (struct value){.type = VALUE_STRING, .is_safe = true, .string = string};
}
static inline struct value value_object(const struct value_object *object) {
	return (struct value){.type = VALUE_OBJECT, .object = object};
}
static inline struct value value_of_list(const struct value_list *list) {
	return (struct value){.type = VALUE_LIST, .list = list};
}
static inline struct value value_of_map(const struct value_map *map) {
	return (struct value){.type = VALUE_MAP, .map = map};
}

struct value_list *value_list_new(struct arena *arena);
/* False beyond the arena's cap, VALUE_MAX_DEPTH or VALUE_MAX_WEIGHT. */
bool value_list_push(struct arena *arena, struct value_list *list, struct value item);
struct value_map *value_map_new(struct arena *arena);
/* Puts or replaces; false as value_list_push. */
bool value_map_put(struct arena *arena, struct value_map *map, struct value key, struct value item);
bool value_map_put_named(
	struct arena *arena, struct value_map *map, const char *key, struct value item);
/* Undefined when absent. Keys are equal as value_equal says (1 == 1.0). */
struct value value_map_get(const struct value_map *map, struct value key);
struct value value_map_get_named(const struct value_map *map, const char *key);
/* The pair itself, to tell "absent" from "undefined"; NULL when absent. */
struct value_pair *value_map_find(const struct value_map *map, struct value key);
struct value_pair *value_map_find_text(const struct value_map *map, struct slice key);

/* A JSON tree as a value: numbers that fit int64 are ints, others floats; numbers that fit neither
 * become strings (workflows.md 2.6). Strings are borrowed from the text where they have no escape.
 * Undefined beyond the arena's cap. */
struct value value_from_json(struct arena *arena, const struct json *json);

/* ---- asking ---- */
/* An object's plain value; any other value itself. */
struct value value_plain(struct value value, struct arena *arena);
bool value_is_true(struct value value, struct arena *arena);
/* Numbers by value, true == 1; different kinds are unequal; undefined equals undefined alone. */
bool value_equal(struct value a, struct value b, struct arena *arena);
/* A total order, never an error (workflows.md 6.3): <0, 0, >0. */
int value_compare(struct value a, struct value b, struct arena *arena);
/* `.key` and `[key]` without an error: undefined when there is none. Lists and text have items by
 * number, from the end when negative; `.text` of a text is the text itself (workflows.md 5.10). */
struct value value_get(struct value value, struct arena *arena, struct value key);
/* What comparing or walking it may cost, in values (text: by its length). */
uint64_t value_weight(struct value value);
/* What `items`, `dictsort`, `json` see of it: a map's own, an object's map. NULL: it has none. */
const struct value_map *value_as_map(struct value value, struct arena *arena);
/* What a `for` runs over: a list's items, a map's keys, a string's characters, none and undefined:
 * nothing. NULL when the value is not iterable, or beyond the arena's cap. */
const struct value_list *value_iterate(struct value value, struct arena *arena);
/* Tells the two apart, without making anything. An object counts by what it has, not by what that
 * gives. */
bool value_is_iterable(struct value value);
/* "string", "number", "sequence", "map", "bool", "none", "undefined", or the object's name: as
 * messages and minijinja say it. */
const char *value_kind_name(struct value value);

/* ---- writing ---- */
/* As {{ value }} prints it (workflows.md 6.3): true, none, 1.0, text as it is, lists and maps as
 * JSON with blanks after `,` and `:`; undefined inside a list is `undefined`. False beyond the
 * buffer's limit. */
bool value_print(struct value value, struct arena *arena, struct buf *out);
/* The same as text in the arena; a string's own bytes. Absent (data NULL) beyond the arena's cap.
 */
struct slice value_text(struct value value, struct arena *arena);
/* A number as {{ }} prints it: never an exponent, always a point ("100000000000000000000.0"). */
bool value_print_float(double number, struct buf *out);
/* Strict JSON; undefined and none are null; indent 0: compact. False with ERROR_TEMPLATE for what
 * JSON has no word for (a macro, infinity). */
bool value_to_json(struct value value, struct arena *arena, unsigned indent, struct buf *out,
	struct error *error);

#endif
