/* template.h: the Jinja engine (workflows.md 6; minijinja 2.15 where that is silent).
 *
 *   text ── template_parse ──► struct template ── template_render(context) ──► text
 *   expr ── template_parse_expression ──►  ..   ── template_evaluate(context) ──► value
 *           └ template_visit: every name, filter, test it mentions, without running it
 *
 * A parsed template is immutable, lives in the arena it was parsed into and borrows its text; it
 * may be rendered many times, from several threads at once. A render owns nothing but what it puts
 * into the arena it is given. Limits make every render end. */
#ifndef LLMMUX_TEMPLATE_TEMPLATE_H
#define LLMMUX_TEMPLATE_TEMPLATE_H

#include "template/value.h"

/* The kinds of failure, named as minijinja names them ("UndefinedError"). */
enum template_error_kind {
	TEMPLATE_ERROR_SYNTAX,
	TEMPLATE_ERROR_UNDEFINED,
	TEMPLATE_ERROR_INVALID_OPERATION,
	TEMPLATE_ERROR_NOT_FOUND, /* TemplateNotFound */
	TEMPLATE_ERROR_BAD_INCLUDE,
	TEMPLATE_ERROR_UNKNOWN_FILTER,
	TEMPLATE_ERROR_UNKNOWN_TEST,
	TEMPLATE_ERROR_UNKNOWN_FUNCTION,
	TEMPLATE_ERROR_UNKNOWN_METHOD,
	TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
	TEMPLATE_ERROR_MISSING_ARGUMENT,
	TEMPLATE_ERROR_CANNOT_UNPACK,
	TEMPLATE_ERROR_BAD_ESCAPE,
	TEMPLATE_ERROR_BAD_SERIALIZATION,
	TEMPLATE_ERROR_LIMIT, /* steps, output, recursion */
	TEMPLATE_ERROR_SHELL  /* a value that the quoting context cannot hold (6.6) */
};
const char *template_error_kind_name(enum template_error_kind kind);

/* A place in a template's own text. */
struct template_place {
	const char *name;      /* of the template, as its source said */
	struct slice text;     /* of the template, for the excerpt */
	uint32_t line, column; /* 1-based, in code points, within the text */
	size_t offset;         /* bytes, within the text */
	size_t length;         /* bytes of what is wrong; 0: unknown */
};

/* What went wrong. Strings are in the arena of the parse or render. */
struct template_error {
	enum template_error_kind kind;
	const char *message;
	const char *hint; /* "did you mean `analyze`?"; or NULL */
	struct template_place place;
	/* The full path of an undefined value, "steps.anaylze.output", and where in it the first
	 * undefined segment begins; NULL otherwise. */
	const char *path;
	size_t path_undefined_at;
};
/* `error: KIND: message`, ` --> name:line:col`, the line, a caret and the hint. */
void template_error_print(const struct template_error *error, bool colour, struct buf *out);
/* The same as ERROR_TEMPLATE: message with path and hint, where = name:line:col. */
void template_error_to_error(const struct template_error *error, struct error *out);

enum template_undefined {
	TEMPLATE_LENIENT, /* prints empty, iterates as empty, is false */
	TEMPLATE_STRICT   /* printing, iterating, truth-testing it is an error */
};

/* How what {{ }} prints is escaped. */
enum template_escape {
	TEMPLATE_ESCAPE_NONE,
	TEMPLATE_ESCAPE_HTML,
	TEMPLATE_ESCAPE_SHELL /* by the shell context it lands in (6.6) */
};

#define TEMPLATE_MAX_STEPS 10000000
#define TEMPLATE_MAX_OUTPUT ((size_t)16 * 1024 * 1024)
#define TEMPLATE_MAX_RECURSION 100 /* includes, macros and recursive loops within each other */
#define TEMPLATE_MAX_RANGE 100000  /* elements of range() */

/* A filter, test or function of the caller's own, beside the built-in ones (and before them).
 * Filters and tests get the filtered value as arguments->items[0]. A test gives a bool. False after
 * template_fail. */
typedef bool template_function(
	struct template_run *run, const struct value_arguments *arguments, struct value *out);
struct template_builtin {
	const char *name;
	template_function *function;
};

/* What templates of one program share; immutable while in use, borrowed by every template. Zeroed
 * but for what is wanted. */
struct template_environment {
	/* Finds an included template: its text (in the arena) or false = not found, or false with
	 * *error set = may not be read. NULL: there is none. */
	bool (*load)(void *data, struct arena *arena, struct slice name, struct slice *text,
		struct error *error);
	void *load_data;
	const struct template_builtin *filters, *tests, *functions; /* end with a NULL name */
	uint64_t max_steps;                                         /* 0: TEMPLATE_MAX_STEPS */
	size_t max_output;                                          /* 0: TEMPLATE_MAX_OUTPUT */
	unsigned max_recursion;
	int64_t (*now_ms)(void *data); /* for strftime("now"); NULL: the clock */
	void *now_data;
};

struct template_options {
	const char *name; /* in messages; must outlive the template */
	enum template_undefined undefined;
	enum template_escape escape;
	bool keeps_trailing_newline;      /* one is removed otherwise */
	bool trims_blocks, strips_blocks; /* trim_blocks, lstrip_blocks */
};

struct template;
/* NULL with *error when it does not parse. Names of unknown filters and tests are no parse error:
 * template_visit finds them. */
struct template *template_parse(struct arena *arena, const struct template_environment *environment,
	const struct template_options *options, struct slice text, struct template_error *error);
/* One expression (`if`, `for_each`); the whole may stand in {{ }}. An empty or blank text gives a
 * template that evaluates to undefined: ask template_is_blank. */
struct template *template_parse_expression(struct arena *arena,
	const struct template_environment *environment, const struct template_options *options,
	struct slice text, struct template_error *error);
bool template_is_blank(const struct template *template);

/* Names of the outermost scope: `globals` is a map or an object (asked with its names). */
bool template_render(const struct template *template, struct value globals, struct arena *arena,
	struct buf *out, struct template_error *error);
bool template_evaluate(const struct template *template, struct value globals, struct arena *arena,
	struct value *out, struct template_error *error);

/* What a template mentions, found without running it. */
enum template_mention_kind {
	TEMPLATE_MENTION_NAME, /* a free name with the constant path behind it: steps.a["b"] */
	TEMPLATE_MENTION_FILTER,
	TEMPLATE_MENTION_TEST,
	TEMPLATE_MENTION_FUNCTION, /* a free name that is called */
	TEMPLATE_MENTION_TEMPLATE  /* include, import, extends of a constant name */
};
#define TEMPLATE_MENTION_MAX 8
struct template_mention {
	enum template_mention_kind kind;
	/* NAME: root and the constant segments behind it; others: the name alone. */
	struct slice segments[TEMPLATE_MENTION_MAX];
	size_t count;
	bool is_known;   /* FILTER, TEST, FUNCTION: built in or of the environment */
	bool is_guarded; /* NAME: within `is defined`, `default`, or an `if` that asks for it */
	bool is_safe;    /* NAME: printed through `safe` or `raw` */
	const char *suggestion; /* of an unknown filter, test, function; or NULL */
	struct template_place place;
	/* Where segment i begins, in the text. */
	size_t offsets[TEMPLATE_MENTION_MAX];
};
/* Names bound inside (loop variables, set, macro arguments) are not free and not reported; nor are
 * free names `loop`, `self`, `super`, `caller` where the language gives them. */
void template_visit(const struct template *template,
	void (*visit)(void *data, const struct template_mention *mention), void *data);

/* ---- for filters, tests, functions and objects ---- */
/* Fails the render at the place it is at. Always false. */
bool template_fail(struct template_run *run, enum template_error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct arena *template_run_arena(struct template_run *run);
const struct template_environment *template_run_environment(const struct template_run *run);
bool template_run_is_strict(const struct template_run *run);
/* Calls a function value (macro, object) or a filter or test by name. */
bool template_call(struct template_run *run, struct value callee,
	const struct value_arguments *arguments, struct value *out);
bool template_apply_filter(struct template_run *run, struct slice name,
	const struct value_arguments *arguments, struct value *out);
bool template_apply_test(struct template_run *run, struct slice name,
	const struct value_arguments *arguments, bool *out);
/* Counts work that the engine does not see (a filter's loop); false beyond the limit. */
bool template_spend(struct template_run *run, uint64_t steps);

#endif
