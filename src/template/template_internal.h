/* template_internal.h: what the files of template/ share.
 *
 *   value*.c                      values                    lexer*.c     text -> tokens
 *   parse*.c                      tokens -> tree (tree.h)   visit.c      what a tree mentions
 *   run.c                         one render (run.h)        error.c undefined.c   messages, hints
 *   evaluate.c operators.c call.c expressions
 *   render.c loop.c macro.c inherit.c                       statements
 *   filters*.c tests.c functions.c methods.c                built-ins, one row each (builtins.h)
 *   arguments.c unicode.c zone.c  what built-ins read and return, letters, time zones
 *   shell*.c                      the shell lexer that quotes what is printed (6.6) */
#ifndef LLMMUX_TEMPLATE_INTERNAL_H
#define LLMMUX_TEMPLATE_INTERNAL_H

#include "template/template.h"

/* ---- built-ins: rows, each list ends with a NULL name ---- */
extern const struct template_builtin template_filters[];   /* filters.c */
extern const struct template_builtin template_tests[];     /* tests.c */
extern const struct template_builtin template_functions[]; /* functions.c */
/* `value.name(arguments)` for strings, maps, lists (6.5: .items() .upper() ...). False after
 * template_fail (TEMPLATE_ERROR_UNKNOWN_METHOD when there is none). items[0] is not the value. */
bool template_call_method(struct template_run *run, struct value value, struct slice name,
	const struct value_arguments *arguments, struct value *out);

/* ---- for built-ins ---- */
/* A function as a value: `with f = range`. `builtin` must outlive it. */
const struct value_object *template_function_object(
	struct arena *arena, const struct template_builtin *builtin);
/* HTML: & < > " ' / as entities. False beyond the buffer. */
bool template_escape_html(struct slice text, struct buf *out);
/* Is the item in it, as the operator `in` says? False after template_fail when it can hold nothing.
 */
bool template_contains(
	struct template_run *run, struct value container, struct value item, bool *out);
/* The macros' and loops' escape mode right now: what `escape` and `safe` are about. */

/* ---- arguments of built-ins ---- */
/* Takes argument `index` (0 is the filtered value) or the named one, once; undefined when neither
 * is there. Fails when both are. */
struct template_reader {
	struct template_run *run;
	const struct value_arguments *arguments;
	const char *what; /* "filter join", for messages */
	size_t named_taken;
	bool has_failed;
};
void template_reader_init(struct template_reader *reader, struct template_run *run,
	const char *what, const struct value_arguments *arguments);
struct value template_take(struct template_reader *reader, size_t index, const char *name);
/* As template_take; fails with MISSING_ARGUMENT when absent. */
struct value template_take_required(struct template_reader *reader, size_t index, const char *name);
int64_t template_take_int(
	struct template_reader *reader, size_t index, const char *name, int64_t otherwise);
bool template_take_bool(
	struct template_reader *reader, size_t index, const char *name, bool otherwise);
struct slice template_take_text(
	struct template_reader *reader, size_t index, const char *name, struct slice otherwise);
/* False (after failing the render) when something failed, or when there are more positional
 * arguments than `max` or named ones that nobody took. */
bool template_reader_done(struct template_reader *reader, size_t max);

/* ---- shell quoting (6.6) ---- */
/* Follows the text of a `run` as it is emitted and knows what context the next byte stands in. All
 * calls of one lexer are given the same buffer, and nobody else writes to it in between. */
struct shell_lexer;
struct shell_lexer *shell_lexer_new(struct arena *arena);
/* Literal template text, and what was marked safe: verbatim (but for $'...', which is written as
 * the '...' it means, since not every sh knows it), and it moves the context. False with *problem
 * NULL when the buffer is full, or set (a static text) when the text makes an earlier value mean
 * something else: it completes a line that equals a delimiter. */
bool shell_emit_literal(
	struct shell_lexer *lexer, struct slice text, struct buf *out, const char **problem);
/* A value: written so that the shell reads exactly its bytes, whatever the context. False with
 * *problem set (a static text) when the context cannot hold it: a line break in a comment, a line
 * equal to a quoted delimiter, a NUL byte, in arithmetic what is no number; NULL when the buffer is
 * full. */
bool shell_emit_value(
	struct shell_lexer *lexer, struct slice value, struct buf *out, const char **problem);
/* After the last byte: false with *problem set when the end of the text makes a value's line the
 * end of a here-document. */
bool shell_finish(struct shell_lexer *lexer, const char **problem);

#endif
