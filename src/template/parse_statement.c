/* parse_statement.c: tags and what stands between them (workflows.md 6.3). */
#include "data/problems.h"
#include "template/parser.h"

static bool parse_body(struct parser *parser, const char *const *ends, struct node **body) {
	return parser_expect(parser, TOKEN_BLOCK_END) && parse_statements(parser, ends, body);
}

/* The body of a tag up to `{% end... %}`, which is read whole. */
static bool parse_body_to(struct parser *parser, const char *end, struct node **body) {
	const char *const ends[] = {end, NULL};
	if (!parse_body(parser, ends, body)) {
		return false;
	}
	parser_advance(parser);
	return !parser->has_failed;
}

/* The height of a list of statements goes into the node that holds it. */
static struct node *finish_body(struct parser *parser, struct node *node, struct node *body) {
	for (; body && node; body = body->next) {
		node = parser_finish(parser, node, &body, 1);
	}
	return parser->has_failed ? NULL : node;
}

/* ---- for, if ---- */

static bool parse_for_parts(struct parser *parser, struct node *node) {
	static const char *const ends[] = {"else", "endfor", NULL};
	static const char *const last[] = {"endfor", NULL};
	node->loop.target = parse_target(parser, false);
	if (!node->loop.target) {
		return false;
	}
	if (!parser_skip_word(parser, "in")) {
		return parser_fail_expected(parser, "`in`");
	}
	node->loop.sequence = parse_expression_no_if(parser);
	if (node->loop.sequence && parser_skip_word(parser, "if")) {
		node->loop.condition = parse_expression(parser);
	}
	node->loop.is_recursive = parser_skip_word(parser, "recursive");
	bool was_in_loop = parser->is_in_loop;
	parser->is_in_loop = true;
	bool is_read = !parser->has_failed && parse_body(parser, ends, &node->loop.body);
	parser->is_in_loop = was_in_loop;
	if (is_read && parser_skip_word(parser, "else")) {
		is_read = parse_body(parser, last, &node->loop.otherwise);
	}
	parser_advance(parser);
	return is_read && !parser->has_failed;
}

static struct node *parse_for(struct parser *parser, struct node *node) {
	if (!parse_for_parts(parser, node)) {
		return NULL;
	}
	struct node *const children[] = {
		node->loop.target, node->loop.sequence, node->loop.condition};
	node = parser_finish(parser, node, children, 3);
	node = node ? finish_body(parser, node, node->loop.body) : NULL;
	return node ? finish_body(parser, node, node->loop.otherwise) : NULL;
}

static struct node *parse_if(struct parser *parser, struct node *node) {
	static const char *const ends[] = {"elif", "else", "endif", NULL};
	static const char *const last[] = {"endif", NULL};
	struct node_branch **at = &node->branches;
	bool has_condition = true;
	do {
		struct node_branch *branch = parser_alloc(parser, sizeof *branch);
		if (!branch) {
			return NULL;
		}
		branch->condition = has_condition ? parse_expression(parser) : NULL;
		if (parser->has_failed ||
			!parse_body(parser, has_condition ? ends : last, &branch->body) ||
			!parser_finish(parser, node, &branch->condition, 1) ||
			!finish_body(parser, node, branch->body)) {
			return NULL;
		}
		*at = branch;
		at = &branch->next;
		has_condition = parser_is_word(parser, "elif");
	} while (parser_skip_word(parser, "elif") || parser_skip_word(parser, "else"));
	parser_advance(parser);
	return node;
}

/* ---- set, with, filter, autoescape, do ---- */

static struct node *parse_set(struct parser *parser, struct node *node) {
	node->set.target = parse_target(parser, true);
	if (!node->set.target) {
		return NULL;
	}
	if (parser_skip(parser, TOKEN_ASSIGN)) {
		node->set.value = parse_tuple(parser);
		struct node *const children[] = {node->set.target, node->set.value};
		return node->set.value ? parser_finish(parser, node, children, 2) : NULL;
	}
	node->kind = NODE_SET_BLOCK;
	if (parser_skip(parser, TOKEN_PIPE)) {
		node->set.filter = parse_filter_chain(parser, NULL);
	}
	struct node *const children[] = {node->set.target, node->set.filter};
	if (parser->has_failed || !parse_body_to(parser, "endset", &node->set.body) ||
		!parser_finish(parser, node, children, 2)) {
		return NULL;
	}
	return finish_body(parser, node, node->set.body);
}

static struct node *parse_with(struct parser *parser, struct node *node) {
	struct node_binding **last = &node->with.bindings;
	while (!parser_is(parser, TOKEN_BLOCK_END) && !parser->has_failed) {
		if (node->with.bindings && !parser_expect(parser, TOKEN_COMMA)) {
			return NULL;
		}
		struct node_binding *binding = parser_alloc(parser, sizeof *binding);
		if (!binding) {
			return NULL;
		}
		binding->target = parse_single_target(parser, false);
		if (!binding->target || !parser_expect(parser, TOKEN_ASSIGN)) {
			return NULL;
		}
		binding->value = parse_expression(parser);
		struct node *const children[] = {binding->target, binding->value};
		if (!binding->value || !parser_finish(parser, node, children, 2)) {
			return NULL;
		}
		*last = binding;
		last = &binding->next;
	}
	if (!parse_body_to(parser, "endwith", &node->with.body)) {
		return NULL;
	}
	return finish_body(parser, node, node->with.body);
}

static struct node *parse_filter_block(struct parser *parser, struct node *node) {
	node->set.filter = parse_filter_chain(parser, NULL);
	if (!node->set.filter || !parse_body_to(parser, "endfilter", &node->set.body) ||
		!parser_finish(parser, node, &node->set.filter, 1)) {
		return NULL;
	}
	return finish_body(parser, node, node->set.body);
}

static struct node *parse_autoescape(struct parser *parser, struct node *node) {
	node->escape.value = parse_expression(parser);
	if (!node->escape.value || !parse_body_to(parser, "endautoescape", &node->escape.body) ||
		!parser_finish(parser, node, &node->escape.value, 1)) {
		return NULL;
	}
	return finish_body(parser, node, node->escape.body);
}

/* An expression that is a call, with or without filters on what it gives. */
static struct node *parse_call_expression(struct parser *parser, const char *tag) {
	struct node *call = parse_expression(parser);
	if (call && call->kind != NODE_CALL) {
		parser_fail(parser, TEMPLATE_ERROR_SYNTAX, call->begin, call->end,
			"`%s` needs a call, such as `name(argument)`", tag);
		return NULL;
	}
	return call;
}

static struct node *parse_do(struct parser *parser, struct node *node) {
	node->print = parse_call_expression(parser, "do");
	return node->print ? parser_finish(parser, node, &node->print, 1) : NULL;
}

/* ---- macro, call ---- */

static bool parse_parameters(struct parser *parser, struct node *node, struct node_macro *macro) {
	struct node_binding **last = &macro->parameters;
	if (!parser_expect(parser, TOKEN_PAREN_OPEN)) {
		return false;
	}
	while (!parser_skip(parser, TOKEN_PAREN_CLOSE)) {
		if (macro->parameters && !parser_expect(parser, TOKEN_COMMA)) {
			return false;
		}
		if (macro->parameters && parser_skip(parser, TOKEN_PAREN_CLOSE)) {
			break;
		}
		struct node_binding *binding = parser_alloc(parser, sizeof *binding);
		uint32_t begin = parser->token.begin;
		if (!binding || !parser_expect_name(parser, &binding->name, &begin)) {
			return false;
		}
		binding->target = parser_node(parser, NODE_NAME, begin);
		if (!binding->target) {
			return false;
		}
		binding->target->name.name = binding->name;
		binding->target->end = parser->last_end;
		if (parser_skip(parser, TOKEN_ASSIGN)) {
			binding->value = parse_expression(parser);
		}
		if (parser->has_failed || !parser_finish(parser, node, &binding->value, 1)) {
			return false;
		}
		*last = binding;
		last = &binding->next;
		macro->parameter_count++;
	}
	return !parser->has_failed;
}

/* Parameters (if has_parameters) and body; the names in both are the macro's to remember. */
static struct node *parse_macro_parts(struct parser *parser, struct node *node, struct slice name,
	bool has_parameters, const char *end) {
	struct node_macro *macro = parser_alloc(parser, sizeof *macro);
	if (!macro) {
		return NULL;
	}
	struct parser_macro reading = {parser->macros, macro};
	bool was_in_loop = parser->is_in_loop;
	node->macro.macro = macro;
	macro->name = name;
	parser->macros = &reading;
	bool is_read = !has_parameters || parse_parameters(parser, node, macro);
	if (is_read && end == NULL) {
		/* A call block: the call itself stands between the parameters and the body, and is
		 * not the block's own. */
		parser->macros = reading.outer;
		node->macro.call = parse_call_expression(parser, "call");
		is_read = node->macro.call && parser_finish(parser, node, &node->macro.call, 1);
		parser->macros = &reading;
		end = "endcall";
	}
	parser->is_in_loop = false;
	is_read = is_read && parse_body_to(parser, end, &macro->body);
	parser->is_in_loop = was_in_loop;
	parser->macros = reading.outer;
	return is_read ? finish_body(parser, node, macro->body) : NULL;
}

static struct node *parse_macro(struct parser *parser, struct node *node) {
	struct slice name;
	uint32_t begin;
	if (!parser_expect_name(parser, &name, &begin)) {
		return NULL;
	}
	return parse_macro_parts(parser, node, name, true, "endmacro");
}

static struct node *parse_call_block(struct parser *parser, struct node *node) {
	bool has_parameters = parser_is(parser, TOKEN_PAREN_OPEN);
	return parse_macro_parts(parser, node, SLICE("caller"), has_parameters, NULL);
}

/* ---- block, extends, include, import, from ---- */

static struct node *parse_block(struct parser *parser, struct node *node) {
	static const char *const ends[] = {"endblock", NULL};
	uint32_t begin;
	if (!parser_expect_name(parser, &node->block.name, &begin)) {
		return NULL;
	}
	for (struct node *other = parser->template->blocks; other;
		other = other->block.next_block) {
		if (slice_eq(other->block.name, node->block.name)) {
			parser_fail(parser, TEMPLATE_ERROR_SYNTAX, begin, parser->last_end,
				"the block `%.*s` is there twice", SLICE_FMT(node->block.name));
			return NULL;
		}
	}
	*parser->last_block = node;
	parser->last_block = &node->block.next_block;
	bool was_in_loop = parser->is_in_loop;
	parser->is_in_loop = false;
	bool is_read = parse_body(parser, ends, &node->block.body);
	parser->is_in_loop = was_in_loop;
	parser_advance(parser);
	if (!is_read) {
		return NULL;
	}
	if (parser_is(parser, TOKEN_NAME) && !slice_eq(parser->token.text, node->block.name)) {
		parser_fail(parser, TEMPLATE_ERROR_SYNTAX, parser->token.begin, parser->token.end,
			"`endblock` names `%.*s`, but the block is `%.*s`",
			SLICE_FMT(parser->token.text), SLICE_FMT(node->block.name));
		return NULL;
	}
	parser_skip(parser, TOKEN_NAME);
	return finish_body(parser, node, node->block.body);
}

static struct node *parse_extends(struct parser *parser, struct node *node) {
	node->include.template = parse_expression(parser);
	return node->include.template ? parser_finish(parser, node, &node->include.template, 1)
				      : NULL;
}

static struct node *parse_include(struct parser *parser, struct node *node) {
	node->include.template = parse_expression(parser);
	if (!node->include.template) {
		return NULL;
	}
	if (parser_skip_word(parser, "ignore")) {
		if (!parser_skip_word(parser, "missing")) {
			parser_fail_expected(parser, "`missing`");
			return NULL;
		}
		node->include.ignores_missing = true;
	}
	return parser_finish(parser, node, &node->include.template, 1);
}

static struct node *parse_import(struct parser *parser, struct node *node) {
	node->include.template = parse_expression(parser);
	if (!node->include.template) {
		return NULL;
	}
	if (!parser_skip_word(parser, "as")) {
		parser_fail_expected(parser, "`as`");
		return NULL;
	}
	if (!parser_expect_name(parser, &node->include.as, &node->include.as_at)) {
		return NULL;
	}
	return parser_finish(parser, node, &node->include.template, 1);
}

static bool parse_imported_name(struct parser *parser, struct node_binding *binding) {
	struct slice as;
	uint32_t begin;
	if (!parser_expect_name(parser, &binding->name, &begin)) {
		return false;
	}
	as = binding->name;
	if (parser_skip_word(parser, "as") && !parser_expect_name(parser, &as, &begin)) {
		return false;
	}
	binding->target = parser_node(parser, NODE_NAME, begin);
	if (binding->target) {
		binding->target->name.name = as;
		binding->target->end = parser->last_end;
	}
	return binding->target != NULL;
}

static struct node *parse_from(struct parser *parser, struct node *node) {
	struct node_binding **last = &node->include.names;
	node->include.template = parse_expression(parser);
	if (!node->include.template) {
		return NULL;
	}
	if (!parser_skip_word(parser, "import")) {
		parser_fail_expected(parser, "`import`");
		return NULL;
	}
	do {
		if (node->include.names && parser_is(parser, TOKEN_BLOCK_END)) {
			break;
		}
		struct node_binding *binding = parser_alloc(parser, sizeof *binding);
		if (!binding || !parse_imported_name(parser, binding)) {
			return NULL;
		}
		*last = binding;
		last = &binding->next;
	} while (parser_skip(parser, TOKEN_COMMA));
	return parser_finish(parser, node, &node->include.template, 1);
}

static struct node *parse_loop_control(struct parser *parser, struct node *node) {
	if (!parser->is_in_loop) {
		parser_fail(parser, TEMPLATE_ERROR_SYNTAX, node->begin, parser->last_end,
			"`%s` stands outside of a loop",
			node->kind == NODE_BREAK ? "break" : "continue");
		return NULL;
	}
	return node;
}

/* ---- all tags ---- */

static const struct {
	const char *name;
	enum node_kind kind;
	struct node *(*parse)(struct parser *parser, struct node *node);
} tags[] = {
	{"for", NODE_FOR, parse_for},
	{"if", NODE_IF, parse_if},
	{"set", NODE_SET, parse_set},
	{"with", NODE_WITH, parse_with},
	{"filter", NODE_FILTER_BLOCK, parse_filter_block},
	{"autoescape", NODE_AUTOESCAPE, parse_autoescape},
	{"macro", NODE_MACRO, parse_macro},
	{"call", NODE_CALL_BLOCK, parse_call_block},
	{"do", NODE_DO, parse_do},
	{"block", NODE_BLOCK, parse_block},
	{"extends", NODE_EXTENDS, parse_extends},
	{"include", NODE_INCLUDE, parse_include},
	{"import", NODE_IMPORT, parse_import},
	{"from", NODE_FROM, parse_from},
	{"break", NODE_BREAK, parse_loop_control},
	{"continue", NODE_CONTINUE, parse_loop_control},
};
#define TAG_COUNT (sizeof tags / sizeof *tags)

static bool fail_unknown_tag(struct parser *parser, struct token token) {
	const char *names[TAG_COUNT + 1] = {NULL};
	for (size_t i = 0; i < TAG_COUNT; i++) {
		names[i] = tags[i].name;
	}
	if (slice_starts_with(token.text, SLICE("end")) || slice_is(token.text, "elif") ||
		slice_is(token.text, "else")) {
		return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, token.begin, token.end,
			"`%.*s` closes nothing that is open here",
			SLICE_FMT(slice_sub(token.text, 0, 40)));
	}
	parser_fail(parser, TEMPLATE_ERROR_SYNTAX, token.begin, token.end, "unknown tag `%.*s`",
		SLICE_FMT(slice_sub(token.text, 0, 40)));
	const char *near = problems_nearest(token.text, names);
	if (near) {
		parser->error->hint = arena_printf(parser->arena, "did you mean `%s`?", near).data;
	}
	return false;
}

/* The tag whose `{%` began at `begin`. */
static struct node *parse_tag(struct parser *parser, uint32_t begin) {
	struct token token = parser->token;
	if (token.kind != TOKEN_NAME) {
		parser_fail_expected(parser, "the name of a tag");
		return NULL;
	}
	for (size_t i = 0; i < TAG_COUNT; i++) {
		if (!slice_is(token.text, tags[i].name)) {
			continue;
		}
		struct node *node = parser_node(parser, tags[i].kind, begin);
		parser_advance(parser);
		if (!node || !parser_enter(parser)) {
			return NULL;
		}
		node = tags[i].parse(parser, node);
		parser_leave(parser);
		return node && parser_expect(parser, TOKEN_BLOCK_END) ? node : NULL;
	}
	fail_unknown_tag(parser, token);
	return NULL;
}

static struct node *parse_print(struct parser *parser, uint32_t begin) {
	struct node *node = parser_node(parser, NODE_PRINT, begin);
	if (!node || (node->print = parse_tuple(parser)) == NULL ||
		!parser_finish(parser, node, &node->print, 1)) {
		return NULL;
	}
	return parser_expect(parser, TOKEN_PRINT_END) ? node : NULL;
}

static struct node *parse_text(struct parser *parser) {
	struct node *node = parser_node(parser, NODE_TEXT, parser->token.begin);
	if (node) {
		node->text = parser->token.text;
		node->end = parser->token.end;
	}
	parser_advance(parser);
	return node;
}

static bool is_one_of(const struct parser *parser, const char *const *words) {
	for (; words && *words; words++) {
		if (parser_is_word(parser, *words)) {
			return true;
		}
	}
	return false;
}

bool parse_statements(struct parser *parser, const char *const *ends, struct node **first) {
	struct node **last = first;
	while (!parser->has_failed) {
		uint32_t begin = parser->token.begin;
		struct node *node;
		if (parser_is(parser, TOKEN_DATA)) {
			node = parse_text(parser);
		} else if (parser_skip(parser, TOKEN_PRINT_BEGIN)) {
			node = parse_print(parser, begin);
		} else if (parser_skip(parser, TOKEN_BLOCK_BEGIN)) {
			if (is_one_of(parser, ends)) {
				return true;
			}
			node = parse_tag(parser, begin);
		} else if (ends == NULL) {
			return !parser->has_failed;
		} else {
			size_t last_end = 0;
			while (ends[last_end + 1]) {
				last_end++;
			}
			return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, begin, begin,
				"the template ends before `{%% %s %%}`", ends[last_end]);
		}
		if (!node) {
			return false;
		}
		*last = node;
		last = &node->next;
	}
	return false;
}
