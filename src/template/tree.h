/* tree.h: a parsed template; private to template/. Everything in it is immutable once parsed. */
#ifndef LLMMUX_TEMPLATE_TREE_H
#define LLMMUX_TEMPLATE_TREE_H

#include "template/template_internal.h"

enum node_kind {
	/* expressions */
	NODE_CONST,
	NODE_NAME,
	NODE_LIST, /* and tuples */
	NODE_MAP,
	NODE_UNARY,
	NODE_BINARY,
	NODE_AND,
	NODE_OR,
	NODE_CHOICE,    /* a if b else c */
	NODE_ATTRIBUTE, /* a.b */
	NODE_INDEX,     /* a[b] */
	NODE_SLICE,     /* a[b:c:d] */
	NODE_CALL,
	NODE_FILTER,
	NODE_TEST,
	/* statements */
	NODE_TEXT,
	NODE_PRINT,
	NODE_FOR,
	NODE_IF,
	NODE_SET,
	NODE_SET_BLOCK,
	NODE_WITH,
	NODE_FILTER_BLOCK,
	NODE_AUTOESCAPE,
	NODE_MACRO,
	NODE_CALL_BLOCK,
	NODE_DO,
	NODE_BLOCK,
	NODE_EXTENDS,
	NODE_INCLUDE,
	NODE_IMPORT,
	NODE_FROM,
	NODE_BREAK,
	NODE_CONTINUE
};

enum operator_kind {
	OPERATOR_NEGATE,
	OPERATOR_NOT,
	OPERATOR_ADD,
	OPERATOR_SUBTRACT,
	OPERATOR_MULTIPLY,
	OPERATOR_DIVIDE,
	OPERATOR_FLOOR_DIVIDE,
	OPERATOR_REMAINDER,
	OPERATOR_POWER,
	OPERATOR_CONCAT,
	OPERATOR_EQUAL,
	OPERATOR_NOT_EQUAL,
	OPERATOR_LESS,
	OPERATOR_LESS_EQUAL,
	OPERATOR_GREATER,
	OPERATOR_GREATER_EQUAL,
	OPERATOR_IN,
	OPERATOR_NOT_IN
};

enum argument_kind {
	ARGUMENT_PLAIN,
	ARGUMENT_NAMED,
	ARGUMENT_SPLAT,
	ARGUMENT_NAMED_SPLAT
};
struct node;
struct node_argument {
	struct node_argument *next;
	struct node *value;
	struct slice name;
	uint32_t begin;
	uint8_t kind; /* enum argument_kind */
};
struct node_arguments {
	struct node_argument *first;
	uint32_t plain_count;
	bool has_named; /* or a splat of names */
	bool has_splat;
};

/* `target = value` of with, a macro's parameter and its default, an imported name and its alias. */
struct node_binding {
	struct node_binding *next;
	struct node *target; /* NAME or LIST of such; `set` has ATTRIBUTE too */
	struct node *value;  /* NULL: none */
	struct slice name;   /* FROM: in the other template */
};

/* What a macro and a call block are made of. */
struct node_macro {
	struct slice name;
	struct node_binding *parameters;
	uint32_t parameter_count;
	bool uses_caller;
	struct node *body;
	/* The names its body mentions: what it must remember from where it was defined. */
	struct slice *names;
	size_t name_count, name_cap;
};

/* One branch of an `if`; without a condition: the `else`. */
struct node_branch {
	struct node_branch *next;
	struct node *condition, *body;
};

struct node {
	uint8_t kind;          /* enum node_kind */
	uint8_t op;            /* enum operator_kind */
	bool is_negated;       /* TEST: `is not`; SLICE and others: unused */
	bool is_parenthesized; /* as written */
	uint16_t height;       /* of the tree below, bounded: walks are recursive */
	uint32_t begin, end;   /* in the text */
	struct node *next;     /* in a list of items or statements */
	union {
		struct value constant;
		struct slice text;
		struct {
			struct slice name;
			const struct value_object *function; /* of the environment; or NULL */
		} name;
		struct {
			struct node *first; /* MAP: key, value, key, value ... */
			uint32_t count;
			bool is_tuple;
		} list;
		struct {
			struct node *left, *right;
		} binary; /* UNARY: left alone */
		struct {
			struct node *value, *condition, *otherwise;
		} choice;
		struct {
			struct node *base;
			struct node *key; /* INDEX; SLICE: from */
			struct node *to, *step;
			struct value name; /* ATTRIBUTE: the field's, as text */
			uint32_t at;       /* where the field's name or the bracket begins */
		} access;
		struct {
			struct node *base;           /* what is called, filtered, tested */
			struct slice name;           /* of the filter or test */
			template_function *function; /* NULL: unknown */
			struct node_arguments arguments;
			uint32_t name_at;
		} call;
		struct node *print;
		struct {
			struct node *target, *sequence, *condition, *body, *otherwise;
			bool is_recursive;
		} loop;
		struct node_branch *branches;
		struct {
			struct node *target, *value; /* SET */
			struct node *body;           /* SET_BLOCK */
			struct node *filter; /* SET_BLOCK, FILTER_BLOCK: the chain of filters over
						the text, whose innermost base is NULL */
		} set;
		struct {
			struct node_binding *bindings;
			struct node *body;
		} with;
		struct {
			struct node *value, *body;
		} escape;
		struct {
			struct node_macro *macro;
			struct node
				*call; /* CALL_BLOCK: the macro that gets this one as `caller` */
		} macro;
		struct {
			struct slice name;
			struct node *body;
			struct node *next_block; /* of the template */
		} block;
		struct {
			struct node *template;
			bool ignores_missing;
			struct slice as;
			struct node_binding *names;
			uint32_t as_at;
		} include; /* EXTENDS, IMPORT, FROM */
	};
};

struct template {
	const struct template_environment *environment;
	struct template_options options;
	struct slice text;
	struct node *body;       /* a template's statements */
	struct node *expression; /* or the one expression; NULL when blank */
	struct node *blocks;     /* by next_block */
	bool is_expression;
};

/* How high a tree may grow, how deep expressions and blocks may nest when parsing. */
#define TREE_MAX_HEIGHT 800
#define PARSE_MAX_DEPTH 150

/* A filter, test or function by name: the environment's, else the built-in one; NULL. */
const struct template_builtin *template_find_builtin(const struct template_builtin *own,
	const struct template_builtin *built_in, struct slice name);
/* The nearest of what stands in both lists; NULL. */
const char *template_nearest_builtin(struct arena *arena, const struct template_builtin *own,
	const struct template_builtin *built_in, struct slice name);
/* The place of a node's bytes. */
struct template_place template_place_at(const struct template *template, size_t begin, size_t end);
/* The same, counted from the last place asked for, so that all places of a text cost about one walk
 * over it. Begins as {0}. */
struct place_cursor {
	size_t offset;
	uint32_t line, column;
};
struct template_place template_place_from(
	const struct template *template, struct place_cursor *cursor, size_t begin, size_t end);
#endif
