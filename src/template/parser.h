/* parser.h: what the files of the parser share; private to parse*.c. */
#ifndef LLMMUX_TEMPLATE_PARSER_H
#define LLMMUX_TEMPLATE_PARSER_H

#include "template/lexer.h"
#include "template/tree.h"

/* The macros whose bodies are being read, innermost first: each hears of every name. */
struct parser_macro {
	struct parser_macro *outer;
	struct node_macro *macro;
};

struct parser {
	struct arena *arena;
	struct lexer lexer;
	struct token token; /* the one to be read next */
	struct template *template;
	struct template_error *error;
	bool has_failed; /* then every token is the end */
	bool is_in_loop; /* break and continue have a meaning */
	bool is_in_macro;
	unsigned depth;
	uint32_t last_end; /* of the token before */
	struct parser_macro *macros;
	struct node **last_block;
};

/* False always: the first failure is kept, and the parser sees nothing but the end from then on. */
bool parser_fail(struct parser *parser, enum template_error_kind kind, uint32_t begin, uint32_t end,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Fails at the token: "expected X, found Y". */
bool parser_fail_expected(struct parser *parser, const char *expected);
void parser_advance(struct parser *parser);
bool parser_is(const struct parser *parser, enum token_kind kind);
bool parser_is_word(const struct parser *parser, const char *word);
/* Takes the token when it is of the kind. */
bool parser_skip(struct parser *parser, enum token_kind kind);
bool parser_skip_word(struct parser *parser, const char *word);
bool parser_expect(struct parser *parser, enum token_kind kind);
/* A name that is no word of the language; false after failing. */
bool parser_expect_name(struct parser *parser, struct slice *name, uint32_t *begin);
/* NULL after failing (out of memory). */
struct node *parser_node(struct parser *parser, enum node_kind kind, uint32_t begin);
/* Sets end and height from the children (NULL ones are skipped); NULL when it grows too high. */
struct node *parser_finish(
	struct parser *parser, struct node *node, struct node *const *children, size_t count);
void *parser_alloc(struct parser *parser, size_t size);
/* Entering and leaving something nested; false beyond PARSE_MAX_DEPTH. */
bool parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);
void parser_mention(struct parser *parser, struct slice name);

/* ---- expressions: NULL after failing ---- */
struct node *parse_expression(struct parser *parser);
/* Without a trailing inline `if`. */
struct node *parse_expression_no_if(struct parser *parser);
/* `a`, `a, b`, `(a, (b, c))`; with dots when `allows_dots`. */
struct node *parse_target(struct parser *parser, bool allows_dots);
/* The same where a comma ends it: a name, or a list in parentheses. */
struct node *parse_single_target(struct parser *parser, bool allows_dots);
/* One expression, or several with commas between: a tuple. */
struct node *parse_tuple(struct parser *parser);
/* `| a | b(1)` over `base` (NULL: over a block's text), the first bar read. */
struct node *parse_filter_chain(struct parser *parser, struct node *base);

/* Statements up to one of the tags (a list that ends with NULL), which is left to be read (its
 * name); NULL `ends`: to the end of the text. False after failing. */
bool parse_statements(struct parser *parser, const char *const *ends, struct node **first);

#endif
