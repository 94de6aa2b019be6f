/* parse_operand.c: what stands between operators: literals, names, calls, fields, filters, tests.
 */
#include "template/parse_expression.h"

/* Words that cannot be a variable's name where an operand is expected. */
bool parser_is_reserved(struct slice name) {
	static const char *const words[] = {"and", "or", "not", "in", "is", "if", "else", NULL};
	for (size_t i = 0; words[i]; i++) {
		if (slice_is(name, words[i])) {
			return true;
		}
	}
	return false;
}

bool parser_expect_name(struct parser *parser, struct slice *name, uint32_t *begin) {
	if (!parser_is(parser, TOKEN_NAME) || parser_is_reserved(parser->token.text)) {
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
	if (parser_is_reserved(name)) {
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

struct node *parse_primary(struct parser *parser) {
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

struct node *parse_attribute(struct parser *parser, struct node *base) {
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

struct node *parse_postfix(struct parser *parser, struct node *base) {
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
		return !parser_is_reserved(parser->token.text);
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

struct node *parse_filters_and_tests(struct parser *parser, struct node *base) {
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
