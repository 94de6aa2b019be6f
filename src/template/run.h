/* run.h: one render; private to the files that walk the tree.
 *
 *   template_render ─► run ─► statements (render*.c) ─► expressions (evaluate*.c) ─► built-ins
 *                       │
 *                       ├ frames   where names are looked up: loops, macros, with, blocks
 *                       ├ out      where text goes: the caller's buffer, a capture, nowhere
 *                       └ error    the first failure; everything returns false from then on */
#ifndef LLMMUX_TEMPLATE_RUN_H
#define LLMMUX_TEMPLATE_RUN_H

#include "template/tree.h"

/* Levels of expressions and statements within each other, through macros and includes: what bounds
 * the C stack. */
#define RUN_MAX_DEPTH 4000

/* A scope. `if` opens none. */
struct frame {
	struct frame *parent;
	struct value_map locals;
	/* What macros defined here remember of the outside, shared with them: names that are set
	 * later in this frame are put in too. NULL until a macro is defined. */
	struct value_map *closure;
	const struct value_map *captured; /* a macro's frame: what the macro remembers */
	const struct value_object *loop;  /* a loop's frame: its `loop` */
};

/* The versions of one block, the youngest template's first. */
struct block_version {
	struct block_version *next;
	const struct node *node;
	const struct template *template;
};
struct block_stack {
	struct block_stack *next;
	struct slice name;
	struct block_version *versions;
};
struct ancestor {
	struct ancestor *next;
	const struct template *template;
};
/* What inheritance knows: of the rendered template, of an included one its own. */
struct inheritance {
	struct ancestor *ancestors; /* the templates met so far, to find circles */
	struct block_stack *blocks;
	const struct template *parent; /* an `extends` was met, its output is nowhere */
	struct block_version *current; /* the block that is being rendered: for super() */
	bool was_capturing;            /* when the template began */
};

/* Templates by name, parsed once a render. */
struct loaded_template {
	struct loaded_template *next;
	struct slice name;
	const struct template *template;
};

struct template_run {
	struct arena *arena;
	const struct template_environment *environment; /* never NULL */
	const struct template *root;
	const struct template *template; /* whose nodes are being walked */
	const struct node *at;           /* for the places of failures */
	struct value globals;
	struct template_error *error;
	struct frame *frame;
	struct buf *out; /* NULL: text goes nowhere */
	size_t out_limit;
	enum template_escape escape;
	struct shell_lexer *shell; /* TEMPLATE_ESCAPE_SHELL */
	struct inheritance *inheritance;
	struct loaded_template *loaded;
	uint64_t steps_left;
	unsigned depth, recursion, max_recursion;
	bool is_capturing; /* `out` is no part of the final text yet */
	bool has_failed;
	/* The chain `a.b.c` whose beginning was undefined: whoever asked for more of it appends. */
	const struct node *undefined_chain;
};

/* ---- run.c: limits, frames, output ---- */
/* Counts one step and one level; false beyond the limits. */
bool run_enter(struct template_run *run, const struct node *node);
void run_leave(struct template_run *run);
/* One more include, macro or recursive loop within another. */
bool run_recurse(struct template_run *run);
bool run_fail_memory(struct template_run *run);
/* What a loop goes through; NULL after failing. */
const struct value_list *run_iterate(struct template_run *run, struct value value);
void run_push_frame(struct template_run *run, struct frame *frame);
void run_pop_frame(struct template_run *run);
/* Sets a name in the innermost frame. */
bool run_set(struct template_run *run, struct slice name, struct value value);
/* A name in the frames, then the globals; false when nowhere. */
bool run_lookup(struct template_run *run, struct slice name, struct value *out);
/* A name in the frames alone. */
bool run_lookup_frames(struct template_run *run, struct slice name, struct value *out);
/* Text of the template. */
bool run_emit_literal(struct template_run *run, struct slice text);
/* What {{ }} prints, escaped. */
bool run_emit_value(struct template_run *run, struct value value);
/* Text goes to memory until the end of the capture, and becomes a string. */
struct capture {
	struct buf text;
	struct buf *out;
	size_t out_limit;
	bool was_capturing;
};
void run_capture(struct template_run *run, struct capture *capture);
/* Always ends it; *out is the string unless is_ok is false. */
bool run_end_capture(
	struct template_run *run, struct capture *capture, bool is_ok, struct value *out);

/* ---- undefined.c: messages about what is not there ---- */
/* Fails: the expression gave undefined where a value is needed. */
bool run_fail_undefined(struct template_run *run, const struct node *node);
/* As template_fail with a suggestion from the names in scope, or of the value's fields. */
bool run_fail_unknown_function(
	struct template_run *run, struct slice name, const struct node *node);
/* The names of a value's fields, for suggestions; NULL. */
const char *const *value_field_names(struct value value, struct arena *arena);

/* ---- evaluate*.c ---- */
bool run_evaluate(struct template_run *run, const struct node *node, struct value *out);
/* Is it true? Strict: undefined is an error. */
bool run_is_true(
	struct template_run *run, const struct node *node, struct value value, bool *is_true);
/* Space for `before` values in front of the arguments. */
bool run_arguments(struct template_run *run, const struct node_arguments *arguments, size_t before,
	struct value_arguments *out);
bool run_binary(struct template_run *run, const struct node *node, struct value left,
	struct value right, struct value *out);
bool run_negate(struct template_run *run, struct value value, struct value *out);
bool run_slice(struct template_run *run, struct value value, const struct value bounds[3],
	struct value *out);
/* A call that gets one more named argument, `caller`. */
bool run_call_with(
	struct template_run *run, const struct node *node, struct value caller, struct value *out);
/* A chain of filters over captured text (set and filter blocks); NULL: none. */
bool run_filters(
	struct template_run *run, const struct node *chain, struct value text, struct value *out);

/* ---- render*.c ---- */
enum flow {
	FLOW_ON,
	FLOW_BREAK,
	FLOW_CONTINUE,
	FLOW_FAILED
};
enum flow run_statements(struct template_run *run, const struct node *first);
bool run_assign(struct template_run *run, const struct node *target, struct value value);
/* The template's own text; with what it extends. */
bool run_template(struct template_run *run, const struct template *template);
enum flow run_for(struct template_run *run, const struct node *node);
/* `loop(items)` of a recursive loop: renders to the output. */
bool run_loop_again(struct template_run *run, const struct value_object *loop,
	const struct value_arguments *arguments);
bool value_is_loop(struct value value);
/* `loop.cycle(...)`, `loop.changed(...)`; *is_method false: another name. */
bool run_loop_method(struct template_run *run, const struct value_object *loop, struct slice name,
	const struct value_arguments *arguments, struct value *out, bool *is_method);
bool run_macro(struct template_run *run, const struct node *node);
bool run_call_block(struct template_run *run, const struct node *node);
/* Renders the version of the block above the current one: `super()`. */
bool run_super(struct template_run *run);
/* `self.NAME()`; *exists false: there is no such block. */
bool run_self_block(struct template_run *run, struct slice name, bool *exists);
bool run_block(struct template_run *run, const struct node *node);
bool run_extends(struct template_run *run, const struct node *node);
bool run_include(struct template_run *run, const struct node *node);
bool run_import(struct template_run *run, const struct node *node);

#endif
