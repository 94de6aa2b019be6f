/* schema_internal.h: a compiled JSON Schema; private to data/schema*.c.
 *
 *   schema.c          compiling: keywords into checks          schema_reference.c  $id, $anchor,
 * $ref schema_check.c    checking an instance, and the table of keywords
 *
 * A schema is a list of checks, in the order of the table; the keywords that look at their siblings
 * (additionalProperties, items, contains, if) find them in the same list. */
#ifndef LLMMUX_DATA_SCHEMA_INTERNAL_H
#define LLMMUX_DATA_SCHEMA_INTERNAL_H

#include "base/map.h"
#include "data/regex.h"
#include "data/schema.h"

/* What a keyword's value must be; schemas in it are compiled. */
enum keyword_shape {
	SHAPE_SCHEMA,
	SHAPE_SCHEMA_LIST,
	SHAPE_SCHEMA_MAP,
	SHAPE_PATTERN_MAP,  /* regular expression -> schema */
	SHAPE_STRING_LISTS, /* name -> list of names */
	SHAPE_TYPES,        /* a type name or a list of them */
	SHAPE_LIST,
	SHAPE_ANY,
	SHAPE_NUMBER,
	SHAPE_POSITIVE, /* a number above 0 */
	SHAPE_COUNT,    /* a whole number from 0 */
	SHAPE_BOOL,
	SHAPE_STRING,
	SHAPE_STRING_LIST,
	SHAPE_PATTERN,
	SHAPE_REFERENCE
};

enum keyword_id {
	KEYWORD_REF,
	KEYWORD_TYPE,
	KEYWORD_ENUM,
	KEYWORD_CONST,
	KEYWORD_MINIMUM,
	KEYWORD_MAXIMUM,
	KEYWORD_EXCLUSIVE_MINIMUM,
	KEYWORD_EXCLUSIVE_MAXIMUM,
	KEYWORD_MULTIPLE_OF,
	KEYWORD_MIN_LENGTH,
	KEYWORD_MAX_LENGTH,
	KEYWORD_PATTERN,
	KEYWORD_MIN_ITEMS,
	KEYWORD_MAX_ITEMS,
	KEYWORD_UNIQUE_ITEMS,
	KEYWORD_MIN_CONTAINS, /* read by contains */
	KEYWORD_MAX_CONTAINS,
	KEYWORD_MIN_PROPERTIES,
	KEYWORD_MAX_PROPERTIES,
	KEYWORD_REQUIRED,
	KEYWORD_DEPENDENT_REQUIRED,
	KEYWORD_PROPERTIES,
	KEYWORD_PATTERN_PROPERTIES,
	KEYWORD_ADDITIONAL_PROPERTIES,
	KEYWORD_PROPERTY_NAMES,
	KEYWORD_DEPENDENT_SCHEMAS,
	KEYWORD_PREFIX_ITEMS,
	KEYWORD_ITEMS,
	KEYWORD_CONTAINS,
	KEYWORD_ALL_OF,
	KEYWORD_ANY_OF,
	KEYWORD_ONE_OF,
	KEYWORD_NOT,
	KEYWORD_IF,
	KEYWORD_THEN, /* read by if */
	KEYWORD_ELSE,
	KEYWORD_UNEVALUATED_ITEMS, /* these two come last */
	KEYWORD_UNEVALUATED_PROPERTIES,
	/* no checks */
	KEYWORD_DEFS,
	KEYWORD_ID,
	KEYWORD_ANCHOR,
	KEYWORD_ANNOTATION
};

struct schema_run;
struct schema_frame;
struct schema_seen;
struct check;

struct keyword {
	const char *name;
	enum keyword_id id;
	enum keyword_shape shape;
	/* NULL: nothing to check by itself. */
	bool (*check)(struct schema_run *run, const struct check *check,
		const struct json *instance, const struct schema_frame *frame,
		struct schema_seen *seen);
};
/* Ends with a NULL name. */
extern const struct keyword schema_keywords[];
const struct keyword *schema_keyword_of(struct slice name);

struct named_schema {
	struct slice name; /* member, or text of the pattern */
	struct regex *regex;
	struct schema *schema;
	const struct json *names; /* of dependentRequired */
};

/* One keyword of one schema. */
struct check {
	const struct keyword *keyword;
	const struct schema *schema; /* whose it is */
	const struct json *value;
	uint64_t count;      /* SHAPE_COUNT */
	unsigned types;      /* SHAPE_TYPES: bits of enum schema_type */
	struct regex *regex; /* SHAPE_PATTERN */
	struct schema *one;  /* SHAPE_SCHEMA, SHAPE_REFERENCE */
	struct {
		struct named_schema *items;
		size_t len, cap;
	} many; /* lists and maps of schemas */
};

enum schema_type {
	SCHEMA_TYPE_NULL = 1,
	SCHEMA_TYPE_BOOLEAN = 2,
	SCHEMA_TYPE_OBJECT = 4,
	SCHEMA_TYPE_ARRAY = 8,
	SCHEMA_TYPE_NUMBER = 16,
	SCHEMA_TYPE_STRING = 32,
	SCHEMA_TYPE_INTEGER = 64
};
struct schema_type_name {
	const char *name;
	enum schema_type type;
};
extern const struct schema_type_name schema_type_names[]; /* ends with NULL */

struct schema {
	const struct json *node;
	const char *where; /* pointer to it in the document */
	bool is_never;     /* the schema false */
	bool is_short;     /* a type name that stands for a schema */
	bool tracks;       /* unevaluated* occurs somewhere in the document */
	struct {
		struct check *items;
		size_t len, cap;
	} checks;
};
const struct check *schema_sibling(const struct schema *schema, enum keyword_id id);

/* ---- references ---- */
struct schema_place {
	const struct json *node;
	const char *base;  /* URI without fragment */
	const char *where; /* pointer in the document */
};
struct schema_compiler {
	struct arena *arena;
	struct error *error;
	const struct json *root;
	bool is_short, tracks, has_failed;
	unsigned depth;
	struct map schemas; /* node pointer -> struct schema */
	struct map places;  /* URI, or URI#anchor -> struct schema_place */
};
/* Finds every $id and $anchor of the document. False with an error for two of the same name. */
bool schema_index(struct schema_compiler *compiler);
/* Where a $ref leads, from a schema whose base that is. NULL with an error. */
const struct schema_place *schema_resolve(
	struct schema_compiler *compiler, const struct schema_place *from, struct slice reference);
/* The base inside a schema: its $id against the base around it. */
const char *schema_base_of(
	struct schema_compiler *compiler, const struct json *node, const char *around);
/* pointer + "/" + token, escaped. */
const char *schema_pointer(struct arena *arena, const char *pointer, struct slice token);
/* Always false: ERROR_INVALID_REQUEST, "schema: MESSAGE (at POINTER)". */
bool schema_refuse(struct schema_compiler *compiler, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
