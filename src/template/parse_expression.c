/* parse_expression.c: expressions, by precedence climbing (workflows.md 6.3).
 *
 *   a if b else c  <  or  <  and  <  not  <  == != < <= > >= in  <  + -  <  ~  <  * / // %  <  **
 *     <  unary -  <  . [] ()  <  | filter, is test */
#include "template/parse_expression.h"

/* ---- operators ---- */

static struct node *unary_node(
	struct parser *parser, enum operator_kind op, uint32_t begin, struct node *operand) {
	struct node *node = operand ? parser_node(parser, NODE_UNARY, begin) : NULL;
	if (!node) {
		return NULL;
	}
	node->op = (uint8_t)op;
	node->binary.left = operand;
	return parser_finish(parser, node, &operand, 1);
}

struct node *parse_unary(struct parser *parser, bool has_filters) {
	struct node *node = NULL;
	uint32_t begin = parser->token.begin;
	if (!parser_enter(parser)) {
		return NULL;
	}
	if (parser_skip(parser, TOKEN_MINUS)) {
		node = unary_node(parser, OPERATOR_NEGATE, begin, parse_unary(parser, false));
	} else {
		node = parse_postfix(parser, parse_primary(parser));
	}
	if (has_filters) {
		node = parse_filters_and_tests(parser, node);
	}
	parser_leave(parser);
	return node;
}

/* How tightly binary operators bind, from 1; all group from the left. */
enum {
	BIND_OR = 1,
	BIND_AND,
	BIND_NOT,
	BIND_COMPARE,
	BIND_ADD,
	BIND_CONCAT,
	BIND_MULTIPLY,
	BIND_POWER
};
static const struct {
	uint8_t binding, kind, op;
} binary_operators[] = {
	[TOKEN_EQUAL] = {BIND_COMPARE, NODE_BINARY, OPERATOR_EQUAL},
	[TOKEN_NOT_EQUAL] = {BIND_COMPARE, NODE_BINARY, OPERATOR_NOT_EQUAL},
	[TOKEN_LESS] = {BIND_COMPARE, NODE_BINARY, OPERATOR_LESS},
	[TOKEN_LESS_EQUAL] = {BIND_COMPARE, NODE_BINARY, OPERATOR_LESS_EQUAL},
	[TOKEN_GREATER] = {BIND_COMPARE, NODE_BINARY, OPERATOR_GREATER},
	[TOKEN_GREATER_EQUAL] = {BIND_COMPARE, NODE_BINARY, OPERATOR_GREATER_EQUAL},
	[TOKEN_PLUS] = {BIND_ADD, NODE_BINARY, OPERATOR_ADD},
	[TOKEN_MINUS] = {BIND_ADD, NODE_BINARY, OPERATOR_SUBTRACT},
	[TOKEN_TILDE] = {BIND_CONCAT, NODE_BINARY, OPERATOR_CONCAT},
	[TOKEN_STAR] = {BIND_MULTIPLY, NODE_BINARY, OPERATOR_MULTIPLY},
	[TOKEN_SLASH] = {BIND_MULTIPLY, NODE_BINARY, OPERATOR_DIVIDE},
	[TOKEN_SLASH_SLASH] = {BIND_MULTIPLY, NODE_BINARY, OPERATOR_FLOOR_DIVIDE},
	[TOKEN_PERCENT] = {BIND_MULTIPLY, NODE_BINARY, OPERATOR_REMAINDER},
	[TOKEN_STAR_STAR] = {BIND_POWER, NODE_BINARY, OPERATOR_POWER},
};
struct binary {
	unsigned binding; /* 0: no operator here */
	uint8_t kind, op;
	bool is_two_words; /* `not in` */
};

static struct binary binary_at(const struct parser *parser) {
	size_t kind = parser->token.kind;
	if (kind < sizeof binary_operators / sizeof *binary_operators &&
		binary_operators[kind].binding != 0) {
		return (struct binary){binary_operators[kind].binding, binary_operators[kind].kind,
			binary_operators[kind].op, false};
	}
	if (parser_is_word(parser, "or")) {
		return (struct binary){BIND_OR, NODE_OR, 0, false};
	}
	if (parser_is_word(parser, "and")) {
		return (struct binary){BIND_AND, NODE_AND, 0, false};
	}
	if (parser_is_word(parser, "in")) {
		return (struct binary){BIND_COMPARE, NODE_BINARY, OPERATOR_IN, false};
	}
	if (parser_is_word(parser, "not")) {
		struct lexer ahead = parser->lexer;
		struct token next = lexer_next(&ahead);
		if (next.kind == TOKEN_NAME && slice_is(next.text, "in")) {
			return (struct binary){BIND_COMPARE, NODE_BINARY, OPERATOR_NOT_IN, true};
		}
	}
	return (struct binary){0};
}

static struct node *parse_binary(struct parser *parser, unsigned least);

static struct node *parse_operand(struct parser *parser, unsigned least) {
	uint32_t begin = parser->token.begin;
	if (least <= BIND_NOT && parser_skip_word(parser, "not")) {
		if (!parser_enter(parser)) {
			return NULL;
		}
		struct node *operand = parse_binary(parser, BIND_NOT);
		parser_leave(parser);
		return unary_node(parser, OPERATOR_NOT, begin, operand);
	}
	return parse_unary(parser, true);
}

/* Operators that bind at least as tightly as `least`. */
static struct node *parse_binary(struct parser *parser, unsigned least) {
	struct node *left = parse_operand(parser, least);
	while (left) {
		struct binary binary = binary_at(parser);
		if (binary.binding == 0 || binary.binding < least) {
			break;
		}
		struct node *node = parser_node(parser, binary.kind, left->begin);
		parser_advance(parser);
		if (binary.is_two_words) {
			parser_advance(parser);
		}
		struct node *right = parse_binary(parser, binary.binding + 1);
		if (!node || !right) {
			return NULL;
		}
		node->op = binary.op;
		node->binary.left = left;
		node->binary.right = right;
		struct node *const both[] = {left, right};
		left = parser_finish(parser, node, both, 2);
	}
	return left;
}

struct node *parse_expression_no_if(struct parser *parser) {
	if (!parser_enter(parser)) {
		return NULL;
	}
	struct node *node = parse_binary(parser, BIND_OR);
	parser_leave(parser);
	return node;
}

struct node *parse_expression(struct parser *parser) {
	struct node *value = parse_expression_no_if(parser);
	while (value && parser_skip_word(parser, "if")) {
		struct node *node = parser_node(parser, NODE_CHOICE, value->begin);
		if (!node || !parser_enter(parser)) {
			return NULL;
		}
		node->choice.value = value;
		node->choice.condition = parse_expression_no_if(parser);
		if (node->choice.condition && parser_skip_word(parser, "else")) {
			node->choice.otherwise = parse_expression(parser);
		}
		parser_leave(parser);
		struct node *const children[] = {
			value, node->choice.condition, node->choice.otherwise};
		value = parser->has_failed ? NULL : parser_finish(parser, node, children, 3);
	}
	return value;
}

struct node *parse_tuple(struct parser *parser) {
	struct node *first = parse_expression(parser);
	if (!first || !parser_is(parser, TOKEN_COMMA)) {
		return first;
	}
	struct node *list = parser_node(parser, NODE_LIST, first->begin);
	struct node *item = first;
	struct node **last = list ? &list->list.first : NULL;
	while (list && item) {
		*last = item;
		last = &item->next;
		list->list.count++;
		list->list.is_tuple = true;
		if (!parser_finish(parser, list, &item, 1)) {
			return NULL;
		}
		if (!parser_skip(parser, TOKEN_COMMA) || parser_is(parser, TOKEN_BLOCK_END) ||
			parser_is(parser, TOKEN_PRINT_END)) {
			return list;
		}
		item = parse_expression(parser);
	}
	return NULL;
}

/* ---- targets of assignments ---- */

/* `a, b` up to what cannot go on a list of targets; `first` is read. */
static struct node *parse_target_list(
	struct parser *parser, struct node *first, bool allows_dots, uint32_t begin) {
	struct node *list = parser_node(parser, NODE_LIST, begin);
	struct node *item = first;
	struct node **last = list ? &list->list.first : NULL;
	while (list && item) {
		*last = item;
		last = &item->next;
		list->list.count++;
		if (!parser_finish(parser, list, &item, 1)) {
			return NULL;
		}
		bool goes_on = parser_skip(parser, TOKEN_COMMA) &&
			       (parser_is(parser, TOKEN_PAREN_OPEN) ||
				       (parser_is(parser, TOKEN_NAME) &&
					       !parser_is_reserved(parser->token.text)));
		if (!goes_on) {
			return list;
		}
		item = parse_single_target(parser, allows_dots);
	}
	return NULL;
}

/* What the language gives cannot be set. */
static bool check_target(struct parser *parser, const struct node *node) {
	static const char *const given[] = {
		"true", "True", "false", "False", "none", "None", "loop", "self", NULL};
	for (size_t i = 0; given[i]; i++) {
		if (slice_is(node->name.name, given[i])) {
			return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, node->begin, node->end,
				"`%s` cannot be set", given[i]);
		}
	}
	return true;
}

struct node *parse_single_target(struct parser *parser, bool allows_dots) {
	uint32_t begin = parser->token.begin;
	struct node *node = NULL;
	if (!parser_enter(parser)) {
		return NULL;
	}
	if (parser_skip(parser, TOKEN_PAREN_OPEN)) {
		node = parse_target_list(
			parser, parse_single_target(parser, allows_dots), allows_dots, begin);
		if (!parser_expect(parser, TOKEN_PAREN_CLOSE)) {
			node = NULL;
		}
	} else if ((node = parser_node(parser, NODE_NAME, begin)) != NULL) {
		uint32_t at;
		if (!parser_expect_name(parser, &node->name.name, &at)) {
			node = NULL;
		} else {
			node->end = parser->last_end;
			parser_mention(parser, node->name.name);
			node = check_target(parser, node) ? node : NULL;
		}
		while (node && allows_dots && parser_is(parser, TOKEN_DOT)) {
			node = parse_attribute(parser, node);
		}
	}
	parser_leave(parser);
	return node;
}

struct node *parse_target(struct parser *parser, bool allows_dots) {
	uint32_t begin = parser->token.begin;
	struct node *first = parse_single_target(parser, allows_dots);
	if (!first || !parser_is(parser, TOKEN_COMMA)) {
		return first;
	}
	return parse_target_list(parser, first, allows_dots, begin);
}
