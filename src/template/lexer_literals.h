/* lexer_literals.h: the lexer's readers of numbers and strings; private to lexer*.c. */
#ifndef LLMMUX_TEMPLATE_LEXER_LITERALS_H
#define LLMMUX_TEMPLATE_LEXER_LITERALS_H

#include "template/lexer.h"

/* The token that says why it goes no further. */
struct token lexer_fail(
	struct lexer *lexer, enum template_error_kind kind, size_t begin, const char *message);
/* A number at the lexer's place; only its digits when it is an item's number behind a dot. */
struct token lexer_number(struct lexer *lexer, bool is_item);
struct token lexer_string(struct lexer *lexer);

#endif
