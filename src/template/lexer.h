/* lexer.h: the tokens of a template; private to template/.
 *
 *   text {{ name }} text {% if x %} ...
 *   DATA │  NAME  │ DATA │  NAME NAME │
 *        PRINT_BEGIN     BLOCK_BEGIN  BLOCK_END
 *
 * Tokens are made as they are asked for and point into the text. */
#ifndef LLMMUX_TEMPLATE_LEXER_H
#define LLMMUX_TEMPLATE_LEXER_H

#include "template/template.h"

enum token_kind {
	TOKEN_END, /* of the text */
	TOKEN_DATA,
	TOKEN_PRINT_BEGIN,
	TOKEN_PRINT_END,
	TOKEN_BLOCK_BEGIN,
	TOKEN_BLOCK_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INT,
	TOKEN_FLOAT,
	TOKEN_DOT,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_PIPE,
	TOKEN_ASSIGN,
	TOKEN_TILDE,
	TOKEN_PLUS,
	TOKEN_MINUS,
	TOKEN_STAR,
	TOKEN_STAR_STAR,
	TOKEN_SLASH,
	TOKEN_SLASH_SLASH,
	TOKEN_PERCENT,
	TOKEN_EQUAL,
	TOKEN_NOT_EQUAL,
	TOKEN_LESS,
	TOKEN_LESS_EQUAL,
	TOKEN_GREATER,
	TOKEN_GREATER_EQUAL,
	TOKEN_PAREN_OPEN,
	TOKEN_PAREN_CLOSE,
	TOKEN_BRACKET_OPEN,
	TOKEN_BRACKET_CLOSE,
	TOKEN_BRACE_OPEN,
	TOKEN_BRACE_CLOSE,
	TOKEN_FAILED /* lexer->message says why */
};
/* For messages: "a name", "`)`". */
const char *token_kind_name(enum token_kind kind);

struct token {
	enum token_kind kind;
	uint32_t begin, end; /* in the text */
	struct slice text;   /* DATA: what is printed; NAME; STRING: decoded */
	int64_t integer;
	double number;
};

struct lexer {
	struct arena *arena;
	struct slice text;
	size_t at;
	bool trims_blocks, strips_blocks;
	bool is_expression; /* one expression from the first byte on, no tags */
	/* within {{ }} or {% %}; how deep in brackets, where `}}` and `%}` do not end it */
	enum {
		LEXER_DATA,
		LEXER_PRINT,
		LEXER_BLOCK
	} mode;
	unsigned nesting;
	bool trims_next;        /* the tag before ended in `-` */
	bool drops_line_break;  /* the tag before was a block and trims_blocks holds */
	bool is_after_dot;      /* a number here is an item's: `a.0.1` */
	enum token_kind opened; /* the tag that was found when its text was handed out; or END */
	size_t opened_at;
	const char *message; /* of TOKEN_FAILED */
	enum template_error_kind error_kind;
};

void lexer_init(struct lexer *lexer, struct arena *arena, const struct template_options *options,
	struct slice text, bool is_expression);
struct token lexer_next(struct lexer *lexer);

#endif
