/* parse.c: the parser's tools, and template_parse itself. (Expressions: parse_expression.c; tags:
 * parse_statement.c.) */
#include <stdio.h>

#include "base/encoding.h"
#include "template/parser.h"

/* Offsets are 32 bits wide. */
#define TEXT_MAX ((size_t)1024 * 1024 * 1024)

bool parser_fail(struct parser *parser, enum template_error_kind kind, uint32_t begin, uint32_t end,
	const char *format, ...) {
	if (!parser->has_failed) {
		va_list args;
		va_start(args, format);
		*parser->error = (struct template_error){
			.kind = kind,
			.message = arena_vprintf(parser->arena, format, args).data,
			.place = template_place_at(parser->template, begin, end),
		};
		va_end(args);
		parser->has_failed = true;
		parser->token = (struct token){.kind = TOKEN_END, .begin = begin, .end = end};
	}
	return false;
}

bool parser_fail_expected(struct parser *parser, const char *expected) {
	struct token *token = &parser->token;
	struct slice name =
		token->kind == TOKEN_NAME ? slice_sub(token->text, 0, 40) : (struct slice){0};
	const char *found = name.len > 0
				    ? arena_printf(parser->arena, "`%.*s`", SLICE_FMT(name)).data
				    : token_kind_name(token->kind);
	return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, token->begin, token->end,
		"expected %s, found %s", expected,
		parser->template->is_expression && token->kind == TOKEN_END
			? "the end of the expression"
			: found);
}

void parser_advance(struct parser *parser) {
	if (parser->has_failed) {
		return;
	}
	parser->last_end = parser->token.end;
	parser->token = lexer_next(&parser->lexer);
	if (parser->token.kind == TOKEN_FAILED) {
		parser_fail(parser, parser->lexer.error_kind, parser->token.begin,
			parser->token.end, "%s", parser->lexer.message);
	}
}

bool parser_is(const struct parser *parser, enum token_kind kind) {
	return parser->token.kind == kind;
}

bool parser_is_word(const struct parser *parser, const char *word) {
	return parser->token.kind == TOKEN_NAME && slice_is(parser->token.text, word);
}

bool parser_skip(struct parser *parser, enum token_kind kind) {
	if (parser->token.kind != kind || parser->has_failed) {
		return false;
	}
	parser_advance(parser);
	return true;
}

bool parser_skip_word(struct parser *parser, const char *word) {
	if (!parser_is_word(parser, word)) {
		return false;
	}
	parser_advance(parser);
	return true;
}

bool parser_expect(struct parser *parser, enum token_kind kind) {
	if (!parser_is(parser, kind)) {
		return parser_fail_expected(parser, token_kind_name(kind));
	}
	parser_advance(parser);
	return !parser->has_failed;
}

void *parser_alloc(struct parser *parser, size_t size) {
	void *memory = arena_try_alloc(parser->arena, size);
	if (!memory) {
		parser_fail(parser, TEMPLATE_ERROR_LIMIT, parser->token.begin, parser->token.end,
			"the template needs too much memory");
		return NULL;
	}
	return memset(memory, 0, size);
}

struct node *parser_node(struct parser *parser, enum node_kind kind, uint32_t begin) {
	struct node *node = parser->has_failed ? NULL : parser_alloc(parser, sizeof *node);
	if (node) {
		node->kind = (uint8_t)kind;
		node->begin = begin;
		node->end = begin;
		node->height = 1;
	}
	return node;
}

struct node *parser_finish(
	struct parser *parser, struct node *node, struct node *const *children, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (children[i] && children[i]->height >= node->height) {
			node->height = (uint16_t)(children[i]->height + 1);
		}
	}
	node->end = parser->last_end;
	if (node->height > TREE_MAX_HEIGHT) {
		parser_fail(parser, TEMPLATE_ERROR_SYNTAX, node->begin, node->end,
			"the expression has more than %d levels", TREE_MAX_HEIGHT);
	}
	return parser->has_failed ? NULL : node;
}

bool parser_enter(struct parser *parser) {
	if (++parser->depth > PARSE_MAX_DEPTH) {
		parser_fail(parser, TEMPLATE_ERROR_SYNTAX, parser->token.begin, parser->token.end,
			"the template is nested deeper than %d levels", PARSE_MAX_DEPTH);
	}
	return !parser->has_failed;
}

void parser_leave(struct parser *parser) {
	parser->depth--;
}

void parser_mention(struct parser *parser, struct slice name) {
	for (struct parser_macro *at = parser->macros; at; at = at->outer) {
		struct node_macro *macro = at->macro;
		macro->uses_caller |= slice_is(name, "caller");
		if (macro->name_count == macro->name_cap) {
			size_t cap = macro->name_cap ? macro->name_cap * 2 : 8;
			struct slice *names = parser_alloc(parser, cap * sizeof *names);
			if (!names) {
				return;
			}
			if (macro->name_count > 0) {
				memcpy(names, macro->names, macro->name_count * sizeof *names);
			}
			macro->names = names;
			macro->name_cap = cap;
		}
		macro->names[macro->name_count++] = name;
	}
}

/* ---- the whole ---- */

static bool begin(struct parser *parser, struct arena *arena,
	const struct template_environment *environment, const struct template_options *options,
	struct slice text, struct template_error *error) {
	static const struct template_options plain = {0};
	struct template *template = ARENA_NEW(arena, struct template);
	options = options ? options : &plain;
	template->environment = environment;
	template->options = *options;
	template->options.name = options->name ? options->name : "template";
	template->text = text;
	*parser = (struct parser){
		.arena = arena,
		.template = template,
		.error = error,
		.last_block = &template->blocks,
	};
	*error = (struct template_error){0};
	size_t bad_at;
	if (text.len > TEXT_MAX) {
		template->text = (struct slice){0};
		return parser_fail(parser, TEMPLATE_ERROR_LIMIT, 0, 0,
			"the template is larger than %zu bytes", TEXT_MAX);
	}
	if (!utf8_valid(text, &bad_at)) {
		return parser_fail(parser, TEMPLATE_ERROR_SYNTAX, (uint32_t)bad_at,
			(uint32_t)bad_at, "the template is not valid UTF-8");
	}
	return true;
}

struct template *template_parse(struct arena *arena, const struct template_environment *environment,
	const struct template_options *options, struct slice text, struct template_error *error) {
	struct parser parser;
	if (!begin(&parser, arena, environment, options, text, error)) {
		return NULL;
	}
	struct template *template = parser.template;
	lexer_init(&parser.lexer, arena, &template->options, text, false);
	parser_advance(&parser);
	return parse_statements(&parser, NULL, &template->body) ? template : NULL;
}

/* The inside of one {{ }} around the whole. */
static struct slice unwrap(struct slice text) {
	struct slice inner = slice_trim(text);
	if (!slice_starts_with(inner, SLICE("{{")) || !slice_ends_with(inner, SLICE("}}")) ||
		inner.len < 4) {
		return text;
	}
	size_t front = inner.data[2] == '-' || inner.data[2] == '+' ? 3 : 2;
	size_t back = inner.len - 2;
	back -= back > front && (inner.data[back - 1] == '-' || inner.data[back - 1] == '+');
	/* `{{ a }} {{ b }}` is two; `{{` may begin a map within a map all the same. */
	struct slice between = slice_sub(inner, front, back - front);
	return slice_contains(between, SLICE("}}")) && slice_contains(between, SLICE("{{"))
		       ? text
		       : between;
}

struct template *template_parse_expression(struct arena *arena,
	const struct template_environment *environment, const struct template_options *options,
	struct slice text, struct template_error *error) {
	struct parser parser;
	if (!begin(&parser, arena, environment, options, text, error)) {
		return NULL;
	}
	struct template *template = parser.template;
	template->is_expression = true;
	struct slice inner = unwrap(text);
	/* The lexer sees the text up to the end of the inside, so that offsets are the whole
	 * text's. */
	size_t from = (size_t)(inner.data ? inner.data - text.data : 0);
	lexer_init(&parser.lexer, arena, &template->options, slice_sub(text, 0, from + inner.len),
		true);
	parser.lexer.at = from;
	parser_advance(&parser);
	if (parser_is(&parser, TOKEN_END) && !parser.has_failed) {
		return template;
	}
	template->expression = parse_expression(&parser);
	if (template->expression && !parser_is(&parser, TOKEN_END)) {
		parser_fail_expected(&parser, "the end of the expression");
	}
	return parser.has_failed ? NULL : template;
}

bool template_is_blank(const struct template *template) {
	return template->is_expression ? template->expression == NULL : template->body == NULL;
}
