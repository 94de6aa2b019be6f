/* shell_code.c: commands: words, operators, `case`, here-documents' delimiters. As much of the
 * shell's grammar as decides where a quote, a comment, a substitution or a document ends. */
#include "template/shell_internal.h"

void shell_code_init(struct shell_code *code) {
	memset(code, 0, sizeof *code);
	code->is_new = true;
	code->last = '\n';
}

void shell_code_quoted(struct shell_code *code) {
	code->is_in_word = true;
	code->is_plain = false;
	code->is_new = false;
	code->less_count = 0;
	code->last = 'x';
}

static void add_to_word(struct shell_code *code, char byte) {
	if (!code->is_in_word) {
		code->is_in_word = true;
		code->is_plain = true;
		code->word_len = 0;
	}
	if (code->word_len == SHELL_WORD_MAX) {
		code->is_plain = false;
	}
	if (code->is_plain) {
		code->word[code->word_len++] = byte;
	}
}

/* The unquoted beginning of the word at hand. */
static struct slice word_of(const struct shell_code *code) {
	return slice_make(code->word, code->is_in_word ? code->word_len : 0);
}

static bool is_one_of(struct slice word, const char *const *words) {
	for (; *words; words++) {
		if (slice_is(word, *words)) {
			return true;
		}
	}
	return false;
}

/* Behind these another keyword may stand. */
static const char *const keywords[] = {"if", "then", "else", "elif", "fi", "do", "done", "while",
	"until", "!", "{", "}", "time", NULL};
/* In [[ ]] they compute with their operands (bash). */
static const char *const numeric_tests[] = {
	"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R", NULL};

static size_t name_length(struct slice word) {
	size_t len = 0;
	while (len < word.len && shell_is_name_byte(word.data[len])) {
		len++;
	}
	return word.len > 0 && word.data[0] >= '0' && word.data[0] <= '9' ? 0 : len;
}

static bool is_assignment(struct slice word) {
	size_t name = name_length(word);
	if (name == 0 || name == word.len) {
		return false;
	}
	char next = word.data[name];
	return next == '=' || next == '[' || next == '+';
}

enum shell_takes shell_code_takes(const struct shell_frame *frame) {
	const struct shell_code *code = &frame->code;
	if (code->takes != SHELL_TAKES_ALL) {
		return (enum shell_takes)code->takes;
	}
	if (code->is_in_test && code->is_test_numeric) {
		return SHELL_TAKES_NUMBERS;
	}
	struct slice word = word_of(code);
	bool is_subscript = code->is_plain && slice_find_byte(word, '[') == name_length(word);
	bool assigns = code->expected <= SHELL_EXPECTS_COMMAND;
	return assigns && is_subscript && word.len > 0 ? SHELL_TAKES_NUMBERS : SHELL_TAKES_ALL;
}

static void end_test_word(struct shell_lexer *lexer, struct shell_code *code, struct slice word) {
	if (slice_is(word, "]]")) {
		code->is_in_test = false;
		code->is_test_numeric = false;
	} else if (is_one_of(word, numeric_tests)) {
		code->is_test_numeric = true;
		if (code->has_test_value) {
			lexer->problem = "[[ ]] would compute with the value: compare numbers with "
					 "[ ] or through a variable";
		}
	}
}

/* The first word of a command. */
static void end_command_word(
	struct shell_lexer *lexer, struct shell_code *code, struct slice word) {
	bool may_be_keyword = code->expected == SHELL_EXPECTS_KEYWORD && code->is_plain;
	if (may_be_keyword && is_one_of(word, keywords)) {
		return;
	}
	if (is_assignment(word)) {
		code->expected = SHELL_EXPECTS_COMMAND;
		return;
	}
	code->expected = SHELL_EXPECTS_ARGUMENT;
	if (!code->is_plain) {
		return;
	}
	if (slice_is(word, "eval")) {
		code->takes = SHELL_TAKES_NONE;
	} else if (slice_is(word, "let")) {
		code->takes = SHELL_TAKES_NUMBERS;
	}
	if (!may_be_keyword) {
		return;
	}
	if (slice_is(word, "case")) {
		code->expected = SHELL_EXPECTS_KEYWORD;
		shell_push(lexer, SHELL_CASE)->phase = SHELL_CASE_WORD;
	} else if (slice_is(word, "for") || slice_is(word, "select")) {
		code->expected = SHELL_EXPECTS_NAME;
	} else if (slice_is(word, "function")) {
		code->expected = SHELL_EXPECTS_FUNCTION;
	} else if (slice_is(word, "[[")) {
		code->is_in_test = true;
		code->has_test_value = false;
	}
}

static void end_case_word(struct shell_frame *frame, struct slice word) {
	bool is_second = frame->may_close;
	frame->may_close = true;
	if (is_second) {
		frame->phase = SHELL_CASE_PATTERN;
		frame->is_pattern_start = true;
		if (!slice_is(word, "in")) {
			frame->phase = SHELL_CASE_WORD;
		}
	}
}

static void pop_case(struct shell_lexer *lexer) {
	shell_pop(lexer);
	struct shell_code *code = &shell_top(lexer)->code;
	code->is_in_word = false;
	code->expected = SHELL_EXPECTS_KEYWORD;
}

/* The word at hand is complete. */
static void end_word(struct shell_lexer *lexer, struct shell_frame *frame) {
	struct shell_code *code = &frame->code;
	code->less_count = 0;
	if (!code->is_in_word) {
		return;
	}
	struct slice word = word_of(code);
	struct slice plain = code->is_plain ? word : slice_make(NULL, 0);
	code->is_in_word = false;
	if (frame->kind == SHELL_CASE && frame->phase != SHELL_CASE_BODY) {
		if (frame->phase == SHELL_CASE_WORD) {
			end_case_word(frame, plain);
		} else if (frame->is_pattern_start && slice_is(plain, "esac")) {
			pop_case(lexer);
		} else {
			frame->is_pattern_start = false;
		}
		return;
	}
	if (code->is_redirection) {
		code->is_redirection = false;
		return;
	}
	if (code->is_in_test) {
		end_test_word(lexer, code, plain);
		return;
	}
	switch (code->expected) {
	case SHELL_EXPECTS_KEYWORD:
		if (frame->kind == SHELL_CASE && slice_is(plain, "esac")) {
			pop_case(lexer);
			return;
		}
		end_command_word(lexer, code, word);
		return;
	case SHELL_EXPECTS_COMMAND:
		end_command_word(lexer, code, word);
		return;
	case SHELL_EXPECTS_NAME:
		code->expected = SHELL_EXPECTS_IN;
		return;
	case SHELL_EXPECTS_FUNCTION:
		code->expected = SHELL_EXPECTS_KEYWORD;
		return;
	case SHELL_EXPECTS_IN:
		code->expected =
			slice_is(plain, "do") ? SHELL_EXPECTS_KEYWORD : SHELL_EXPECTS_ARGUMENT;
		return;
	default:
		return;
	}
}

static void end_command(struct shell_code *code) {
	if (!code->is_in_test) {
		code->expected = SHELL_EXPECTS_KEYWORD;
		code->takes = SHELL_TAKES_ALL;
		code->is_redirection = false;
	} else {
		code->is_test_numeric = false;
		code->has_test_value = false;
	}
}

/* ---- here-documents ---- */

static size_t owner_of(const struct shell_lexer *lexer) {
	size_t owner = lexer->depth - 1;
	while (owner > 0 && lexer->frames[owner].kind != SHELL_SUBSTITUTION &&
		lexer->frames[owner].kind != SHELL_BACKTICK) {
		owner--;
	}
	return owner;
}

void shell_open_document(struct shell_lexer *lexer) {
	size_t owner = owner_of(lexer);
	for (size_t i = 0; i < lexer->pending_count; i++) {
		if (lexer->pending[i].owner == owner) {
			struct shell_heredoc document = lexer->pending[i];
			memmove(&lexer->pending[i], &lexer->pending[i + 1],
				(lexer->pending_count - i - 1) * sizeof document);
			lexer->pending_count--;
			shell_push(lexer, SHELL_HEREDOC)->document = document;
			return;
		}
	}
}

static void add_document(struct shell_lexer *lexer) {
	struct slice delimiter = buf_slice(&lexer->delimiter);
	if (delimiter.len == 0 || delimiter.len > SHELL_DELIMITER_MAX ||
		lexer->pending_count == SHELL_MAX_PENDING) {
		shell_lose(lexer, "a here-document's delimiter is empty, too long, or one of too "
				  "many on a line");
		return;
	}
	if (slice_find_byte(delimiter, '$') != SIZE_MAX ||
		slice_find_byte(delimiter, '`') != SIZE_MAX ||
		slice_find_byte(delimiter, '\n') != SIZE_MAX) {
		shell_lose(lexer, "a here-document's delimiter is not a plain word");
	}
	lexer->pending[lexer->pending_count++] =
		(struct shell_heredoc){.delimiter = arena_dup(lexer->arena, delimiter),
			.is_quoted = lexer->is_delimiter_quoted,
			.strips_tabs = lexer->strips_tabs,
			.owner = owner_of(lexer)};
}

static void begin_delimiter(struct shell_lexer *lexer, struct shell_code *code) {
	code->delimiter = SHELL_DELIMITER_DASH;
	code->delimiter_quote = 0;
	code->less_count = 0;
	lexer->strips_tabs = false;
	lexer->is_delimiter_quoted = false;
	buf_reset(&lexer->delimiter, SHELL_DELIMITER_MAX);
}

/* A byte of the word behind `<<`; false when the word ended before it. */
static bool delimiter_byte(struct shell_lexer *lexer, struct shell_code *code, char byte) {
	char quote = code->delimiter_quote;
	if (quote == '\\') {
		code->delimiter_quote = 0;
		if (byte != '\n') {
			buf_append_byte(&lexer->delimiter, byte);
		}
		return true;
	}
	if (quote != 0) {
		if (byte == quote) {
			code->delimiter_quote = 0;
		} else {
			buf_append_byte(&lexer->delimiter, byte);
		}
		if (byte == '\\' && quote == '"') {
			shell_lose(lexer, "a here-document's delimiter is not a plain word");
		}
		return true;
	}
	if (code->delimiter == SHELL_DELIMITER_DASH) {
		code->delimiter = SHELL_DELIMITER_BLANK;
		if (byte == '-') {
			lexer->strips_tabs = true;
			return true;
		}
	}
	if (code->delimiter == SHELL_DELIMITER_BLANK && (byte == ' ' || byte == '\t')) {
		return true;
	}
	if (byte != 0 && strchr(" \t\n;&|<>()", byte)) {
		code->delimiter = SHELL_DELIMITER_NONE;
		add_document(lexer);
		return false;
	}
	code->delimiter = SHELL_DELIMITER_WORD;
	if (byte == '\\' || byte == '\'' || byte == '"') {
		code->delimiter_quote = byte;
		lexer->is_delimiter_quoted = true;
		return true;
	}
	buf_append_byte(&lexer->delimiter, byte);
	return true;
}

/* ---- operators ---- */

static void open_parenthesis(struct shell_lexer *lexer, struct shell_frame *frame) {
	struct shell_code *code = &frame->code;
	bool is_new = code->is_new;
	if (is_new && (frame->kind == SHELL_SUBSTITUTION || frame->kind == SHELL_PAREN)) {
		/* `$((` and `((`, without a blank between. */
		frame->is_from_code = frame->kind == SHELL_PAREN;
		frame->kind = SHELL_ARITHMETIC;
		return;
	}
	if (frame->kind == SHELL_CASE && frame->phase == SHELL_CASE_PATTERN &&
		frame->is_pattern_start && !code->is_in_word) {
		return;
	}
	bool may_be_arithmetic =
		!code->is_in_word && code->expected != SHELL_EXPECTS_ARGUMENT && !code->is_in_test;
	/* f(), a=(..), @(..): no commands in it */
	bool is_in_word = code->is_in_word;
	end_word(lexer, frame);
	frame = shell_top(lexer);
	frame->code.last = '(';
	struct shell_frame *opened = shell_push(lexer, SHELL_PAREN);
	struct shell_code *inner = &opened->code;
	opened->is_in_word = is_in_word;
	inner->is_new = may_be_arithmetic;
	if (is_in_word || frame->code.is_in_test) {
		inner->expected = SHELL_EXPECTS_ARGUMENT;
	}
	inner->is_in_test = frame->code.is_in_test;
	inner->takes = frame->code.takes;
}

/* f() and a subshell are followed by commands, a=(..) and @(..) are part of a word. */
static void close_group(struct shell_lexer *lexer, const struct shell_frame *frame) {
	bool has_value = frame->code.is_in_test && frame->code.has_test_value;
	bool is_part = frame->is_in_word && frame->code.last != '\n';
	shell_pop(lexer);
	struct shell_code *code = &shell_top(lexer)->code;
	code->has_test_value = code->has_test_value || has_value;
	code->is_in_word = is_part;
	if (!is_part && !code->is_in_test) {
		code->expected = SHELL_EXPECTS_KEYWORD;
	}
}

static void close_parenthesis(struct shell_lexer *lexer, struct shell_frame *frame) {
	end_word(lexer, frame);
	frame = shell_top(lexer);
	struct shell_code *code = &frame->code;
	switch (frame->kind) {
	case SHELL_PAREN:
		close_group(lexer, frame);
		return;
	case SHELL_SUBSTITUTION:
		shell_pop(lexer);
		return;
	case SHELL_CASE:
		if (frame->phase == SHELL_CASE_PATTERN) {
			frame->phase = SHELL_CASE_BODY;
			end_command(code);
		} else {
			shell_lose(lexer, "a substitution ends before its `case` does");
		}
		return;
	default:
		return;
	}
}

static void separator(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	char last = frame->code.last;
	end_word(lexer, frame);
	frame = shell_top(lexer);
	if (last == '>' || last == '<') {
		frame->code.is_redirection = true;
		return; /* >&2, >| */
	}
	if (frame->kind == SHELL_CASE && frame->phase == SHELL_CASE_PATTERN) {
		return; /* a|b) */
	}
	end_command(&frame->code);
	if (frame->kind == SHELL_CASE && frame->phase == SHELL_CASE_BODY && last == ';' &&
		byte != '|') {
		frame->phase = SHELL_CASE_PATTERN;
		frame->is_pattern_start = true;
	}
}

static void line_break(struct shell_lexer *lexer, struct shell_frame *frame) {
	end_word(lexer, frame);
	frame = shell_top(lexer);
	bool is_waiting = frame->code.expected == SHELL_EXPECTS_IN ||
			  (frame->kind == SHELL_CASE && frame->phase != SHELL_CASE_BODY);
	if (!is_waiting) {
		end_command(&frame->code);
	}
	frame->code.last = '\n';
	shell_open_document(lexer);
}

static void redirection(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	struct shell_code *code = &frame->code;
	unsigned less = byte == '<' && code->last == '<' ? code->less_count : 0;
	if (less == 0) {
		end_word(lexer, frame);
		code = &shell_top(lexer)->code;
	}
	if (code->is_in_test) {
		return;
	}
	code->is_redirection = true;
	code->less_count = (uint8_t)(byte == '<' ? less + 1 : 0);
}

/* A document's operator is `<<`, but `<<<` is none: known one byte later. */
static bool settle_less(struct shell_lexer *lexer, struct shell_code *code, char byte) {
	if (code->less_count != 2 || byte == '<') {
		return false;
	}
	code->is_redirection = false;
	begin_delimiter(lexer, code);
	return true;
}

static void plain_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	struct shell_code *code = &frame->code;
	switch (byte) {
	case '\\':
		frame->is_escaped = true;
		return;
	case '\'':
		shell_code_quoted(code);
		shell_push(lexer, SHELL_SINGLE);
		return;
	case '"':
		shell_code_quoted(code);
		shell_push(lexer, SHELL_DOUBLE);
		return;
	case '`':
		shell_code_quoted(code);
		shell_push(lexer, SHELL_BACKTICK);
		return;
	case '$':
		shell_code_quoted(code);
		frame->has_dollar = true;
		return;
	default:
		code->less_count = 0;
		add_to_word(code, byte);
		code->last = byte;
	}
}

static void operator_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	switch (byte) {
	case ' ':
	case '\t':
		end_word(lexer, frame);
		break;
	case ';':
	case '&':
	case '|':
		separator(lexer, frame, byte);
		break;
	case '<':
	case '>':
		redirection(lexer, frame, byte);
		break;
	case '(':
		open_parenthesis(lexer, frame);
		return;
	default:
		close_parenthesis(lexer, frame);
		break;
	}
	frame = shell_top(lexer);
	if (shell_is_code(frame)) {
		frame->code.last = byte;
	}
}

void shell_code_byte(struct shell_lexer *lexer, char byte) {
	struct shell_frame *frame = shell_top(lexer);
	struct shell_code *code = &frame->code;
	if (code->delimiter == SHELL_DELIMITER_NONE) {
		settle_less(lexer, code, byte);
	}
	if (code->delimiter != SHELL_DELIMITER_NONE && delimiter_byte(lexer, code, byte)) {
		return;
	}
	if (byte == '\n') {
		code->is_in_comment = false;
		line_break(lexer, frame);
		return;
	}
	if (code->is_in_comment) {
		return;
	}
	if (byte == '#' && !code->is_in_word) {
		code->is_in_comment = true;
		code->is_new = false;
		return;
	}
	if (byte != '(') {
		code->is_new = false;
	}
	if (strchr(" \t;&|<>()", byte) && byte != 0) {
		operator_byte(lexer, frame, byte);
	} else {
		plain_byte(lexer, frame, byte);
	}
}
