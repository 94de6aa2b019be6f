/* parse_expression.c: expressions, by precedence climbing (workflows.md 6.3).
 *
 *   a if b else c  <  or  <  and  <  not  <  == != < <= > >= in  <  + -  <  ~  <  * / // %  <  **
 *     <  unary -  <  . [] ()  <  | filter, is test */
#include "template/parser.h"

static struct node *parse_unary(struct parser *parser, bool has_filters);

/* Words that cannot be a variable's name where an operand is expected. */
static bool is_reserved(struct slice name) {
	static const char *const words[] = {"and", "or", "not", "in", "is", "if", "else", NULL};
	for (size_t i = 0; words[i]; i++) {
		if (slice_is(name, words[i])) {
			return true;
		}
	}
	return false;
}

bool parser_expect_name(struct parser *parser, struct slice *name, uint32_t *begin) {
	if (!parser_is(parser, TOKEN_NAME) || is_reserved(parser->token.text)) {
		return parser_fail_expected(parser, "a name");
	}
	*name = parser->token.text;
	*begin = parser->token.begin;
	parser_advance(parser);
	return true;
}

/* ---- operands ---- */

static struct node *constant_node(struct parser *parser, uint32_t begin, struct value value) {
	struct node *node = parser_node(parser, NODE_CONST, begin);
	if (node) {
		node->constant = value;
		node->end = parser->last_end;
	}
	return node;
}

static struct node *parse_string(struct parser *parser) {
	uint32_t begin = parser->token.begin;
	struct slice text = parser->token.text;
	struct buf joined;
	parser_advance(parser);
	if (!parser_is(parser, TOKEN_STRING)) {
		return constant_node(parser, begin, value_string(text));
	}
	buf_init(&joined, 0);
	buf_append(&joined, text);
	while (parser_is(parser, TOKEN_STRING)) {
		buf_append(&joined, parser->token.text);
		parser_advance(parser);
	}
	char *memory = parser_alloc(parser, joined.len + 1);
	if (memory) {
		memcpy(memory, joined.data ? joined.data : "", joined.len);
		text = slice_make(memory, joined.len);
	}
	buf_finish(&joined);
	return memory ? constant_node(parser, begin, value_string(text)) : NULL;
}

static const struct {
	const char *word;
	struct value value;
} constant_words[] = {
	{"true", {.type = VALUE_BOOL, .boolean = true}},
	{"True", {.type = VALUE_BOOL, .boolean = true}},
	{"false", {.type = VALUE_BOOL}},
	{"False", {.type = VALUE_BOOL}},
	{"none", {.type = VALUE_NONE}},
	{"None", {.type = VALUE_NONE}},
};

/* A function of the environment as a value: made once per mention, so that templates stay
 * immutable. */
static const struct value_object *function_of(struct parser *parser, struct slice name) {
	const struct template_environment *environment = parser->template->environment;
	const struct template_builtin *found = template_find_builtin(
		environment ? environment->functions : NULL, template_functions, name);
	return found ? template_function_object(parser->arena, found) : NULL;
}

static struct node *parse_name(struct parser *parser) {
	struct slice name = parser->token.text;
	uint32_t begin = parser->token.begin;
	if (is_reserved(name)) {
		parser_fail_expected(parser, "an expression");
		return NULL;
	}
	parser_advance(parser);
	for (size_t i = 0; i < sizeof constant_words / sizeof *constant_words; i++) {
		if (slice_is(name, constant_words[i].word)) {
			return constant_node(parser, begin, constant_words[i].value);
		}
	}
	struct node *node = parser_node(parser, NODE_NAME, begin);
	if (node) {
		node->name.name = name;
		node->name.function = function_of(parser, name);
		node->end = parser->last_end;
		parser_mention(parser, name);
	}
	return node;
}

/* Items up to the closing token, which is read; a comma may follow the last. */
static struct node *parse_items(
	struct parser *parser, struct node *list, struct node *first, enum token_kind close) {
	struct node **last = first ? &first->next : &list->list.first;
	if (first) {
		list->list.first = first;
		list->list.count = 1;
		list->height = (uint16_t)(first->height + 1);
	}
	while (!parser_skip(parser, close)) {
		if (list->list.count > 0 && !parser_expect(parser, TOKEN_COMMA)) {
			return NULL;
		}
		if (list->list.count > 0 && parser_skip(parser, close)) {
			break;
		}
		struct node *item = parse_expression(parser);
		if (!item || !parser_finish(parser, list, &item, 1)) {
			return NULL;
		}
		*last = item;
		last = &item->next;
		list->list.count++;
	}
	list->end = parser->last_end;
	return list;
}

static struct node *parse_list(struct parser *parser) {
	struct node *list = parser_node(parser, NODE_LIST, parser->token.begin);
	parser_advance(parser);
	return list ? parse_items(parser, list, NULL, TOKEN_BRACKET_CLOSE) : NULL;
}

static struct node *parse_parenthesis(struct parser *parser) {
	uint32_t begin = parser->token.begin;
	struct node *first = NULL;
	parser_advance(parser);
	if (!parser_is(parser, TOKEN_PAREN_CLOSE)) {
		first = parse_expression(parser);
		if (!first) {
			return NULL;
		}
		if (parser_skip(parser, TOKEN_PAREN_CLOSE)) {
			first->is_parenthesized = true;
			return first;
		}
	}
	struct node *list = parser_node(parser, NODE_LIST, begin);
	if (!list) {
		return NULL;
	}
	list->list.is_tuple = true;
	return parse_items(parser, list, first, TOKEN_PAREN_CLOSE);
}

static struct node *parse_map(struct parser *parser) {
	struct node *map = parser_node(parser, NODE_MAP, parser->token.begin);
	struct node **last = map ? &map->list.first : NULL;
	parser_advance(parser);
	while (map && !parser_skip(parser, TOKEN_BRACE_CLOSE)) {
		if (map->list.count > 0 && !parser_expect(parser, TOKEN_COMMA)) {
			return NULL;
		}
		if (map->list.count > 0 && parser_skip(parser, TOKEN_BRACE_CLOSE)) {
			break;
		}
		struct node *key = parse_expression(parser);
		if (!key || !parser_expect(parser, TOKEN_COLON)) {
			return NULL;
		}
		struct node *item = parse_expression(parser);
		struct node *const both[] = {key, item};
		if (!item || !parser_finish(parser, map, both, 2)) {
			return NULL;
		}
		*last = key;
		key->next = item;
		last = &item->next;
		map->list.count += 2;
	}
	if (map) {
		map->end = parser->last_end;
	}
	return map;
}

static struct node *parse_primary(struct parser *parser) {
	struct token token = parser->token;
	switch (token.kind) {
	case TOKEN_NAME:
		return parse_name(parser);
	case TOKEN_STRING:
		return parse_string(parser);
	case TOKEN_INT:
		parser_advance(parser);
		return constant_node(parser, token.begin, value_int(token.integer));
	case TOKEN_FLOAT:
		parser_advance(parser);
		return constant_node(parser, token.begin, value_float(token.number));
	case TOKEN_PAREN_OPEN:
		return parse_parenthesis(parser);
	case TOKEN_BRACKET_OPEN:
		return parse_list(parser);
	case TOKEN_BRACE_OPEN:
		return parse_map(parser);
	default:
		parser_fail_expected(parser, "an expression");
		return NULL;
	}
}

/* ---- calls ---- */

static bool parse_argument(struct parser *parser, struct node_argument *argument) {
	argument->begin = parser->token.begin;
	if (parser_skip(parser, TOKEN_STAR)) {
		argument->kind = ARGUMENT_SPLAT;
	} else if (parser_skip(parser, TOKEN_STAR_STAR)) {
		argument->kind = ARGUMENT_NAMED_SPLAT;
	} else if (parser_is(parser, TOKEN_NAME)) {
		/* `name =` needs a look at the token behind the name. */
		struct lexer ahead = parser->lexer;
		if (lexer_next(&ahead).kind == TOKEN_ASSIGN) {
			argument->kind = ARGUMENT_NAMED;
			argument->name = parser->token.text;
			parser_advance(parser);
			parser_advance(parser);
		}
	}
	argument->value = parse_expression(parser);
	return argument->value != NULL;
}

/* Arguments behind the opening parenthesis, which is read; the highest tree goes to *node. */
static bool parse_arguments(
	struct parser *parser, struct node *node, struct node_arguments *arguments) {
	struct node_argument **last = &arguments->first;
	bool is_first = true;
	while (!parser_skip(parser, TOKEN_PAREN_CLOSE)) {
		if (!is_first && !parser_expect(parser, TOKEN_COMMA)) {
			return false;
		}
		if (!is_first && parser_skip(parser, TOKEN_PAREN_CLOSE)) {
			break;
		}
		is_first = false;
		struct node_argument *argument = parser_alloc(parser, sizeof *argument);
		if (!argument || !parse_argument(parser, argument) ||
			!parser_finish(parser, node, &argument->value, 1)) {
			return false;
		}
		if (argument->kind == ARGUMENT_PLAIN && arguments->has_named) {
			return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, argument->begin,
				parser->last_end, "positional arguments stand before named ones");
		}
		arguments->plain_count += argument->kind == ARGUMENT_PLAIN;
		arguments->has_splat |= argument->kind == ARGUMENT_SPLAT;
		arguments->has_named |=
			argument->kind == ARGUMENT_NAMED || argument->kind == ARGUMENT_NAMED_SPLAT;
		*last = argument;
		last = &argument->next;
	}
	return true;
}

static struct node *parse_call(struct parser *parser, struct node *base) {
	struct node *node = parser_node(parser, NODE_CALL, base->begin);
	parser_advance(parser);
	if (!node) {
		return NULL;
	}
	node->call.base = base;
	node->call.name_at = base->begin;
	if (!parse_arguments(parser, node, &node->call.arguments)) {
		return NULL;
	}
	return parser_finish(parser, node, &base, 1);
}

/* ---- fields and items ---- */

static struct node *parse_attribute(struct parser *parser, struct node *base) {
	struct node *node = parser_node(parser, NODE_ATTRIBUTE, base->begin);
	parser_advance(parser);
	if (!node) {
		return NULL;
	}
	node->access.base = base;
	node->access.at = parser->token.begin;
	if (parser_is(parser, TOKEN_INT)) {
		node->access.name = value_int(parser->token.integer);
	} else if (parser_is(parser, TOKEN_NAME)) {
		node->access.name = value_string(parser->token.text);
	} else {
		parser_fail_expected(parser, "a name");
		return NULL;
	}
	parser_advance(parser);
	return parser_finish(parser, node, &base, 1);
}

/* One part of a slice; *part stays NULL where none is written. */
static bool parse_slice_part(struct parser *parser, struct node **part) {
	if (parser_is(parser, TOKEN_COLON) || parser_is(parser, TOKEN_BRACKET_CLOSE)) {
		return true;
	}
	*part = parse_expression(parser);
	return *part != NULL;
}

static struct node *parse_subscript(struct parser *parser, struct node *base) {
	struct node *node = parser_node(parser, NODE_INDEX, base->begin);
	if (!node) {
		return NULL;
	}
	node->access.base = base;
	node->access.at = parser->token.begin;
	parser_advance(parser);
	if (!parse_slice_part(parser, &node->access.key)) {
		return NULL;
	}
	if (parser_skip(parser, TOKEN_COLON)) {
		node->kind = NODE_SLICE;
		if (!parse_slice_part(parser, &node->access.to) ||
			(parser_skip(parser, TOKEN_COLON) &&
				!parse_slice_part(parser, &node->access.step))) {
			return NULL;
		}
	} else if (!node->access.key) {
		parser_fail_expected(parser, "an expression");
		return NULL;
	}
	struct node *const children[] = {
		base, node->access.key, node->access.to, node->access.step};
	return parser_expect(parser, TOKEN_BRACKET_CLOSE) ? parser_finish(parser, node, children, 4)
							  : NULL;
}

static struct node *parse_postfix(struct parser *parser, struct node *base) {
	while (base) {
		if (parser_is(parser, TOKEN_DOT)) {
			base = parse_attribute(parser, base);
		} else if (parser_is(parser, TOKEN_BRACKET_OPEN)) {
			base = parse_subscript(parser, base);
		} else if (parser_is(parser, TOKEN_PAREN_OPEN)) {
			base = parse_call(parser, base);
		} else {
			break;
		}
	}
	return base;
}

/* ---- filters and tests ---- */

static struct node *parse_filter(struct parser *parser, struct node *base) {
	const struct template_environment *environment = parser->template->environment;
	struct node *node =
		parser_node(parser, NODE_FILTER, base ? base->begin : parser->token.begin);
	if (!node || !parser_expect_name(parser, &node->call.name, &node->call.name_at)) {
		return NULL;
	}
	node->call.base = base;
	const struct template_builtin *found = template_find_builtin(
		environment ? environment->filters : NULL, template_filters, node->call.name);
	node->call.function = found ? found->function : NULL;
	if (parser_skip(parser, TOKEN_PAREN_OPEN) &&
		!parse_arguments(parser, node, &node->call.arguments)) {
		return NULL;
	}
	return parser_finish(parser, node, &base, 1);
}

struct node *parse_filter_chain(struct parser *parser, struct node *base) {
	do {
		base = parse_filter(parser, base);
	} while (base && parser_skip(parser, TOKEN_PIPE));
	return base;
}

/* May an argument without parentheses begin here, `is divisibleby 3`? */
static bool begins_test_argument(const struct parser *parser) {
	switch (parser->token.kind) {
	case TOKEN_NAME:
		return !is_reserved(parser->token.text);
	case TOKEN_STRING:
	case TOKEN_INT:
	case TOKEN_FLOAT:
	case TOKEN_MINUS:
	case TOKEN_BRACKET_OPEN:
	case TOKEN_BRACE_OPEN:
		return true;
	default:
		return false;
	}
}

/* The name of a test; operators are names of tests too (`is ==`, `is in`). */
static bool parse_test_name(struct parser *parser, struct node *node) {
	static const char *const names[] = {
		[TOKEN_EQUAL] = "==",
		[TOKEN_NOT_EQUAL] = "!=",
		[TOKEN_LESS] = "<",
		[TOKEN_LESS_EQUAL] = "<=",
		[TOKEN_GREATER] = ">",
		[TOKEN_GREATER_EQUAL] = ">=",
	};
	node->call.name_at = parser->token.begin;
	if (parser_is(parser, TOKEN_NAME)) {
		node->call.name = parser->token.text;
	} else if ((size_t)parser->token.kind < sizeof names / sizeof *names &&
		   names[parser->token.kind]) {
		node->call.name = slice_of(names[parser->token.kind]);
	} else {
		return parser_fail_expected(parser, "the name of a test");
	}
	parser_advance(parser);
	return true;
}

static struct node *parse_test(struct parser *parser, struct node *base) {
	const struct template_environment *environment = parser->template->environment;
	struct node *node = parser_node(parser, NODE_TEST, base->begin);
	if (!node) {
		return NULL;
	}
	node->call.base = base;
	node->is_negated = parser_skip_word(parser, "not");
	if (!parse_test_name(parser, node)) {
		return NULL;
	}
	const struct template_builtin *found = template_find_builtin(
		environment ? environment->tests : NULL, template_tests, node->call.name);
	node->call.function = found ? found->function : NULL;
	if (parser_skip(parser, TOKEN_PAREN_OPEN)) {
		if (!parse_arguments(parser, node, &node->call.arguments)) {
			return NULL;
		}
	} else if (begins_test_argument(parser)) {
		struct node_argument *argument = parser_alloc(parser, sizeof *argument);
		if (!argument || (argument->value = parse_unary(parser, false)) == NULL) {
			return NULL;
		}
		argument->begin = argument->value->begin;
		node->call.arguments = (struct node_arguments){.first = argument, .plain_count = 1};
		if (!parser_finish(parser, node, &argument->value, 1)) {
			return NULL;
		}
	}
	return parser_finish(parser, node, &base, 1);
}

static struct node *parse_filters_and_tests(struct parser *parser, struct node *base) {
	while (base) {
		if (parser_skip(parser, TOKEN_PIPE)) {
			base = parse_filter(parser, base);
		} else if (parser_skip_word(parser, "is")) {
			base = parse_test(parser, base);
		} else {
			break;
		}
	}
	return base;
}

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

static struct node *parse_unary(struct parser *parser, bool has_filters) {
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
					       !is_reserved(parser->token.text)));
		if (!goes_on) {
			return list;
		}
		item = parse_single_target(parser, allows_dots);
	}
	return NULL;
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
