/* parse_expression.h: what the parser of operators and that of operands ask of each other; private
 * to parse_expression.c and parse_operand.c. */
#ifndef LLMMUX_TEMPLATE_PARSE_EXPRESSION_H
#define LLMMUX_TEMPLATE_PARSE_EXPRESSION_H

#include "template/parser.h"

/* Words that cannot be a variable's name where an operand is expected. */
bool parser_is_reserved(struct slice name);
/* An operand with its sign, fields and calls; `has_filters`: and its filters and tests. */
struct node *parse_unary(struct parser *parser, bool has_filters);
struct node *parse_primary(struct parser *parser);
/* `.a`, `[b]`, `(c)` behind an operand; NULL for NULL, as the next. */
struct node *parse_postfix(struct parser *parser, struct node *base);
struct node *parse_attribute(struct parser *parser, struct node *base);
struct node *parse_filters_and_tests(struct parser *parser, struct node *base);

#endif
