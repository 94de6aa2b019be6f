/* lexer.c: template text to tokens: literal text with its white space control, tags, comments, raw
 * blocks. (lexer_literals.c reads numbers and strings.) */
#include "template/lexer.h"

#include "template/lexer_literals.h"

const char *token_kind_name(enum token_kind kind) {
	static const char *const names[] = {
		[TOKEN_END] = "the end of the template",
		[TOKEN_DATA] = "text",
		[TOKEN_PRINT_BEGIN] = "`{{`",
		[TOKEN_PRINT_END] = "`}}`",
		[TOKEN_BLOCK_BEGIN] = "`{%`",
		[TOKEN_BLOCK_END] = "`%}`",
		[TOKEN_NAME] = "a name",
		[TOKEN_STRING] = "a string",
		[TOKEN_INT] = "a number",
		[TOKEN_FLOAT] = "a number",
		[TOKEN_DOT] = "`.`",
		[TOKEN_COMMA] = "`,`",
		[TOKEN_COLON] = "`:`",
		[TOKEN_PIPE] = "`|`",
		[TOKEN_ASSIGN] = "`=`",
		[TOKEN_TILDE] = "`~`",
		[TOKEN_PLUS] = "`+`",
		[TOKEN_MINUS] = "`-`",
		[TOKEN_STAR] = "`*`",
		[TOKEN_STAR_STAR] = "`**`",
		[TOKEN_SLASH] = "`/`",
		[TOKEN_SLASH_SLASH] = "`//`",
		[TOKEN_PERCENT] = "`%`",
		[TOKEN_EQUAL] = "`==`",
		[TOKEN_NOT_EQUAL] = "`!=`",
		[TOKEN_LESS] = "`<`",
		[TOKEN_LESS_EQUAL] = "`<=`",
		[TOKEN_GREATER] = "`>`",
		[TOKEN_GREATER_EQUAL] = "`>=`",
		[TOKEN_PAREN_OPEN] = "`(`",
		[TOKEN_PAREN_CLOSE] = "`)`",
		[TOKEN_BRACKET_OPEN] = "`[`",
		[TOKEN_BRACKET_CLOSE] = "`]`",
		[TOKEN_BRACE_OPEN] = "`{`",
		[TOKEN_BRACE_CLOSE] = "`}`",
		[TOKEN_FAILED] = "something else",
	};
	return names[kind];
}

void lexer_init(struct lexer *lexer, struct arena *arena, const struct template_options *options,
	struct slice text, bool is_expression) {
	if (!is_expression && !options->keeps_trailing_newline && text.len > 0 &&
		text.data[text.len - 1] == '\n') {
		text.len--;
		if (text.len > 0 && text.data[text.len - 1] == '\r') {
			text.len--;
		}
	}
	*lexer = (struct lexer){
		.arena = arena,
		.text = text,
		.trims_blocks = options->trims_blocks,
		.strips_blocks = options->strips_blocks,
		.is_expression = is_expression,
		.mode = is_expression ? LEXER_PRINT : LEXER_DATA,
		.opened = TOKEN_END,
	};
}

struct token lexer_fail(
	struct lexer *lexer, enum template_error_kind kind, size_t begin, const char *message) {
	lexer->message = message;
	lexer->error_kind = kind;
	size_t end = lexer->at > begin ? lexer->at : begin + 1;
	return (struct token){.kind = TOKEN_FAILED, .begin = (uint32_t)begin, .end = (uint32_t)end};
}

/* ---- white space of Unicode, which `-` strips ---- */

/* The bytes of the white space character at the front; 0 when there is none. */
static size_t space_size(const char *at, size_t left) {
	unsigned char c = (unsigned char)at[0];
	if (c == ' ' || (c >= '\t' && c <= '\r')) {
		return 1;
	}
	if (c == 0xc2 && left >= 2) {
		unsigned char second = (unsigned char)at[1];
		return second == 0x85 || second == 0xa0 ? 2 : 0;
	}
	if (left < 3 || c < 0xe1 || c > 0xe3) {
		return 0;
	}
	uint32_t code = ((c & 15u) << 12) | (((unsigned char)at[1] & 63u) << 6) |
			((unsigned char)at[2] & 63u);
	bool is_space = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
			code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
	return is_space ? 3 : 0;
}

static struct slice trim_front(struct slice text) {
	size_t size;
	while (text.len > 0 && (size = space_size(text.data, text.len)) > 0) {
		text = slice_from(text, size);
	}
	return text;
}

static struct slice trim_back(struct slice text) {
	while (text.len > 0) {
		size_t start = text.len - 1;
		while (start > 0 && text.len - start < 3 && (text.data[start] & 0xc0) == 0x80) {
			start--;
		}
		if (space_size(text.data + start, text.len - start) != text.len - start) {
			break;
		}
		text.len = start;
	}
	return text;
}

/* Blanks from the beginning of the line to a tag (strips_blocks). */
static struct slice strip_line(struct slice text, bool begins_line) {
	size_t len = text.len;
	while (len > 0 && (text.data[len - 1] == ' ' || text.data[len - 1] == '\t')) {
		len--;
	}
	bool is_line_start = len > 0 ? text.data[len - 1] == '\n' : begins_line;
	return is_line_start ? slice_sub(text, 0, len) : text;
}

/* ---- literal text ---- */

/* The offset of the next `{{`, `{%` or `{#`; the end of the text when there is none. */
static size_t find_tag(struct slice text, size_t from) {
	while (from < text.len) {
		const char *brace = memchr(text.data + from, '{', text.len - from);
		size_t at = brace ? (size_t)(brace - text.data) : text.len;
		if (at + 1 >= text.len) {
			break;
		}
		char next = text.data[at + 1];
		if (next == '{' || next == '%' || next == '#') {
			return at;
		}
		from = at + 1;
	}
	return text.len;
}

static char byte_at(const struct lexer *lexer, size_t at) {
	return at < lexer->text.len ? lexer->text.data[at] : '\0';
}

/* What the tag before said about the text that follows it. */
static size_t skip_after_tag(struct lexer *lexer) {
	size_t at = lexer->at;
	if (lexer->trims_next) {
		at = lexer->text.len - trim_front(slice_from(lexer->text, at)).len;
	} else if (lexer->drops_line_break) {
		at += byte_at(lexer, at) == '\r' && byte_at(lexer, at + 1) == '\n';
		at += byte_at(lexer, at) == '\n';
	}
	lexer->trims_next = lexer->drops_line_break = false;
	return at;
}

/* The text before a tag, as the tag's own first byte wants it. */
static struct slice text_before(struct lexer *lexer, size_t from, size_t tag) {
	struct slice text = slice_sub(lexer->text, from, tag - from);
	char control = byte_at(lexer, tag + 2);
	if (tag < lexer->text.len && control == '-') {
		return trim_back(text);
	}
	bool is_block = tag < lexer->text.len && byte_at(lexer, tag + 1) != '{';
	if (lexer->strips_blocks && is_block && control != '+') {
		return strip_line(text, from == 0 || lexer->text.data[from - 1] == '\n');
	}
	return text;
}

/* Behind a tag's closing `%}` or `#}`. */
static void close_block(struct lexer *lexer, char control) {
	lexer->trims_next = control == '-';
	lexer->drops_line_break = lexer->trims_blocks && control != '+';
}

static bool skip_comment(struct lexer *lexer, size_t tag) {
	struct slice rest = slice_from(lexer->text, tag + 2);
	size_t end = slice_find(rest, SLICE("#}"));
	if (end == SIZE_MAX) {
		return false;
	}
	/* `{#-#}`: the one sign belongs to the beginning. */
	close_block(lexer, end > 1 ? rest.data[end - 1] : ' ');
	lexer->at = tag + 2 + end + 2;
	return true;
}

static size_t skip_blanks(const struct lexer *lexer, size_t at) {
	while (at < lexer->text.len && space_size(lexer->text.data + at, lexer->text.len - at)) {
		at += space_size(lexer->text.data + at, lexer->text.len - at);
	}
	return at;
}

/* If `{% NAME %}` stands at `tag`: the offset behind it, and the sign before its end. */
static size_t match_bare_tag(
	const struct lexer *lexer, size_t tag, struct slice name, char *control) {
	size_t at = tag + 2;
	at += byte_at(lexer, at) == '-' || byte_at(lexer, at) == '+';
	at = skip_blanks(lexer, at);
	if (!slice_starts_with(slice_from(lexer->text, at), name)) {
		return 0;
	}
	at = skip_blanks(lexer, at + name.len);
	*control = byte_at(lexer, at);
	at += *control == '-' || *control == '+';
	return byte_at(lexer, at) == '%' && byte_at(lexer, at + 1) == '}' ? at + 2 : 0;
}

/* A raw block whose first tag ends at `from`: its text is one DATA token. */
static struct token read_raw(struct lexer *lexer, size_t tag, size_t from, char control) {
	close_block(lexer, control);
	lexer->at = from;
	from = skip_after_tag(lexer);
	for (size_t at = from; at < lexer->text.len;) {
		size_t found = slice_find(slice_from(lexer->text, at), SLICE("{%"));
		if (found == SIZE_MAX) {
			break;
		}
		at += found;
		size_t behind = match_bare_tag(lexer, at, SLICE("endraw"), &control);
		if (behind > 0) {
			struct slice text = text_before(lexer, from, at);
			close_block(lexer, control);
			lexer->at = behind;
			return (struct token){.kind = TOKEN_DATA,
				.begin = (uint32_t)from,
				.end = (uint32_t)at,
				.text = text};
		}
		at += 2;
	}
	lexer->at = tag + 2;
	return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, tag,
		"the raw block is never closed: `{% endraw %}` is missing");
}

static struct token open_tag(struct lexer *lexer, enum token_kind kind, size_t tag) {
	char control = byte_at(lexer, tag + 2);
	lexer->opened = TOKEN_END;
	lexer->mode = kind == TOKEN_PRINT_BEGIN ? LEXER_PRINT : LEXER_BLOCK;
	lexer->nesting = 0;
	lexer->at = tag + 2 + (control == '-' || control == '+');
	return (struct token){.kind = kind, .begin = (uint32_t)tag, .end = (uint32_t)lexer->at};
}

static struct token next_data(struct lexer *lexer) {
	for (;;) {
		size_t from = skip_after_tag(lexer);
		size_t tag = find_tag(lexer->text, from);
		struct slice text = text_before(lexer, from, tag);
		lexer->at = tag;
		if (text.len > 0) {
			return (struct token){.kind = TOKEN_DATA,
				.begin = (uint32_t)from,
				.end = (uint32_t)tag,
				.text = text};
		}
		if (tag == lexer->text.len) {
			return (struct token){
				.kind = TOKEN_END, .begin = (uint32_t)tag, .end = (uint32_t)tag};
		}
		char control;
		size_t behind;
		switch (byte_at(lexer, tag + 1)) {
		case '{':
			return open_tag(lexer, TOKEN_PRINT_BEGIN, tag);
		case '#':
			if (!skip_comment(lexer, tag)) {
				lexer->at = tag + 2;
				return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, tag,
					"the comment is never closed: `#}` is missing");
			}
			break;
		default:
			behind = match_bare_tag(lexer, tag, SLICE("raw"), &control);
			if (behind == 0) {
				return open_tag(lexer, TOKEN_BLOCK_BEGIN, tag);
			}
			struct token raw = read_raw(lexer, tag, behind, control);
			if (raw.kind == TOKEN_FAILED || raw.text.len > 0) {
				return raw;
			}
		}
	}
}

/* ---- within tags ---- */

/* The bytes of a character of valid UTF-8, by its first. */
static size_t character_size(char byte) {
	unsigned char first = (unsigned char)byte;
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static const struct {
	char text[3];
	uint8_t kind; /* enum token_kind */
} operators[] = {
	/* The longer ones first. */
	{"**", TOKEN_STAR_STAR},
	{"//", TOKEN_SLASH_SLASH},
	{"==", TOKEN_EQUAL},
	{"!=", TOKEN_NOT_EQUAL},
	{"<=", TOKEN_LESS_EQUAL},
	{">=", TOKEN_GREATER_EQUAL},
	{".", TOKEN_DOT},
	{",", TOKEN_COMMA},
	{":", TOKEN_COLON},
	{"|", TOKEN_PIPE},
	{"=", TOKEN_ASSIGN},
	{"~", TOKEN_TILDE},
	{"+", TOKEN_PLUS},
	{"-", TOKEN_MINUS},
	{"*", TOKEN_STAR},
	{"/", TOKEN_SLASH},
	{"%", TOKEN_PERCENT},
	{"<", TOKEN_LESS},
	{">", TOKEN_GREATER},
	{"(", TOKEN_PAREN_OPEN},
	{")", TOKEN_PAREN_CLOSE},
	{"[", TOKEN_BRACKET_OPEN},
	{"]", TOKEN_BRACKET_CLOSE},
	{"{", TOKEN_BRACE_OPEN},
	{"}", TOKEN_BRACE_CLOSE},
};

static struct token next_operator(struct lexer *lexer) {
	size_t begin = lexer->at;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		struct slice text = slice_of(operators[i].text);
		if (!slice_starts_with(slice_from(lexer->text, begin), text)) {
			continue;
		}
		enum token_kind kind = operators[i].kind;
		bool opens = kind == TOKEN_PAREN_OPEN || kind == TOKEN_BRACKET_OPEN ||
			     kind == TOKEN_BRACE_OPEN;
		bool closes = kind == TOKEN_PAREN_CLOSE || kind == TOKEN_BRACKET_CLOSE ||
			      kind == TOKEN_BRACE_CLOSE;
		lexer->nesting += opens;
		lexer->nesting -= closes && lexer->nesting > 0;
		lexer->at += text.len;
		return (struct token){
			.kind = kind, .begin = (uint32_t)begin, .end = (uint32_t)lexer->at};
	}
	struct slice shown = slice_sub(lexer->text, begin, character_size(lexer->text.data[begin]));
	const char *message =
		arena_printf(lexer->arena, "unexpected character `%.*s`", SLICE_FMT(shown)).data;
	return lexer_fail(lexer, TEMPLATE_ERROR_SYNTAX, begin, message);
}

/* `}}` or `%}` here, with its sign? */
static bool close_tag(struct lexer *lexer, struct token *token) {
	size_t at = lexer->at;
	char control = byte_at(lexer, at);
	at += control == '-' || control == '+';
	char first = lexer->mode == LEXER_PRINT ? '}' : '%';
	if (lexer->is_expression || lexer->nesting > 0 || byte_at(lexer, at) != first ||
		byte_at(lexer, at + 1) != '}') {
		return false;
	}
	bool is_block = lexer->mode == LEXER_BLOCK;
	close_block(lexer, control);
	lexer->drops_line_break = lexer->drops_line_break && is_block;
	*token = (struct token){.kind = is_block ? TOKEN_BLOCK_END : TOKEN_PRINT_END,
		.begin = (uint32_t)lexer->at,
		.end = (uint32_t)at + 2};
	lexer->at = at + 2;
	lexer->mode = LEXER_DATA;
	return true;
}

/* The bytes of the character of a name here: ASCII letters and digits, `_`, and what is beyond
 * ASCII but for the blocks that hold signs and punctuation. 0: none. */
static size_t name_size(const struct lexer *lexer, size_t at, bool is_first) {
	unsigned char c = (unsigned char)byte_at(lexer, at);
	if (c < 0x80) {
		bool is_letter = (c | 32) >= 'a' && (c | 32) <= 'z';
		return is_letter || c == '_' || (!is_first && c >= '0' && c <= '9');
	}
	bool is_sign = c == 0xc2 || (c == 0xe2 && (unsigned char)byte_at(lexer, at + 1) <= 0x8f) ||
		       (c == 0xe3 && byte_at(lexer, at + 1) == '\x80');
	return is_sign ? 0 : character_size((char)c);
}

static struct token next_name(struct lexer *lexer) {
	size_t begin = lexer->at;
	size_t size;
	while ((size = name_size(lexer, lexer->at, false)) > 0) {
		lexer->at += size;
	}
	return (struct token){.kind = TOKEN_NAME,
		.begin = (uint32_t)begin,
		.end = (uint32_t)lexer->at,
		.text = slice_sub(lexer->text, begin, lexer->at - begin)};
}

struct token lexer_next(struct lexer *lexer) {
	if (lexer->mode == LEXER_DATA) {
		return next_data(lexer);
	}
	struct token token;
	bool is_after_dot = lexer->is_after_dot;
	lexer->is_after_dot = false;
	lexer->at = skip_blanks(lexer, lexer->at);
	if (lexer->at >= lexer->text.len) {
		uint32_t end = (uint32_t)lexer->text.len;
		return (struct token){.kind = TOKEN_END, .begin = end, .end = end};
	}
	if (close_tag(lexer, &token)) {
		return token;
	}
	char c = lexer->text.data[lexer->at];
	if (c >= '0' && c <= '9') {
		return lexer_number(lexer, is_after_dot);
	}
	if (c == '"' || c == '\'') {
		return lexer_string(lexer);
	}
	if (name_size(lexer, lexer->at, true) > 0) {
		return next_name(lexer);
	}
	token = next_operator(lexer);
	lexer->is_after_dot = token.kind == TOKEN_DOT;
	return token;
}
