/* shell.c: follows shell text and knows the quoting context of every byte (workflows.md 6.6). */
#include "template/shell_internal.h"

void shell_lose(struct shell_lexer *lexer, const char *why) {
	if (!lexer->lost) {
		lexer->lost = why;
	}
}

struct shell_frame *shell_push(struct shell_lexer *lexer, enum shell_frame_kind kind) {
	struct shell_frame *below = shell_top(lexer);
	if (lexer->depth == SHELL_MAX_DEPTH) {
		shell_lose(lexer, "quotes and substitutions stand too deep within each other");
		return below;
	}
	if (shell_is_code(below)) {
		below->code.is_new = false;
	}
	struct shell_frame *frame = &lexer->frames[lexer->depth++];
	memset(frame, 0, sizeof *frame);
	frame->kind = (uint8_t)kind;
	frame->is_quoted = below->kind == SHELL_DOUBLE || below->kind == SHELL_ARITHMETIC ||
			   below->kind == SHELL_HEREDOC ||
			   (below->kind == SHELL_PARAMETER && below->is_quoted);
	frame->is_in_document =
		below->kind == SHELL_HEREDOC ||
		((below->kind == SHELL_PARAMETER || below->kind == SHELL_ARITHMETIC ||
			 below->kind == SHELL_DOUBLE) &&
			below->is_in_document);
	shell_code_init(&frame->code);
	return frame;
}

static void drop_documents_of(struct shell_lexer *lexer, size_t depth) {
	while (lexer->pending_count > 0 &&
		lexer->pending[lexer->pending_count - 1].owner >= depth) {
		lexer->pending_count--;
		shell_lose(lexer, "a here-document has no body before its substitution ends");
	}
}

/* Leaves all frames from `depth` on. */
static void pop_to(struct shell_lexer *lexer, size_t depth) {
	if (shell_top(lexer)->kind == SHELL_TOP || depth == 0) {
		return;
	}
	lexer->depth = depth;
	drop_documents_of(lexer, depth);
	struct shell_frame *frame = shell_top(lexer);
	if (shell_is_code(frame)) {
		shell_code_quoted(&frame->code);
	}
}

void shell_pop(struct shell_lexer *lexer) {
	pop_to(lexer, lexer->depth - 1);
}

bool shell_is_substituted(const struct shell_lexer *lexer, size_t index) {
	for (size_t i = 0; i < index; i++) {
		uint8_t kind = lexer->frames[i].kind;
		if (kind == SHELL_SUBSTITUTION || kind == SHELL_BACKTICK || kind == SHELL_PAREN) {
			return true;
		}
	}
	return false;
}

void shell_take_back(struct shell_lexer *lexer) {
	if (lexer->out->len >= lexer->unit_at) {
		lexer->out->len = lexer->unit_at;
	}
}

void shell_put(struct shell_lexer *lexer, size_t index, struct slice bytes) {
	for (size_t i = 0; i < bytes.len; i++) {
		char byte = bytes.data[i];
		unsigned backslashes = 0;
		for (size_t below = index + 1; below-- > 0;) {
			/* `\\` for each backslash there is, and one more if the byte is special. */
			if (lexer->frames[below].kind == SHELL_BACKTICK) {
				bool is_special = byte == '\\' || byte == '`' || byte == '$';
				backslashes = backslashes * 2 + (is_special ? 1 : 0);
			}
		}
		for (; backslashes > 0; backslashes--) {
			buf_append_byte(lexer->out, '\\');
		}
		buf_append_byte(lexer->out, byte);
	}
}

/* ---- here-documents ---- */

bool shell_line_byte(const struct shell_heredoc *document, struct shell_line *line, char byte) {
	struct slice delimiter = document->delimiter;
	if (byte == '\n') {
		bool is_end = !line->is_different && line->matched == delimiter.len;
		if (!is_end) {
			memset(line, 0, sizeof *line);
		}
		return is_end;
	}
	if (line->is_different || (document->strips_tabs && line->matched == 0 && byte == '\t')) {
		return false;
	}
	if (line->matched < delimiter.len && delimiter.data[line->matched] == byte) {
		line->matched++;
	} else {
		line->is_different = true;
	}
	line->begins = line->matched == delimiter.len;
	return false;
}

#define VALUE_ENDS_DOCUMENT                                                                        \
	"a line of the value together with the text around it equals the here-document's "         \
	"delimiter; choose another delimiter"

/* What the line of a here-document does with a byte of the author's. */
static void watch_line(struct shell_lexer *lexer, size_t index, char byte) {
	struct shell_frame *frame = &lexer->frames[index];
	bool is_top = index + 1 == lexer->depth;
	bool begins_with_tail = frame->line.begins && byte == ')';
	if (begins_with_tail && shell_is_substituted(lexer, index)) {
		if (frame->line.has_value) {
			lexer->problem = VALUE_ENDS_DOCUMENT;
		}
		shell_lose(lexer, "a line of a here-document begins with its delimiter");
	}
	if (!shell_line_byte(&frame->document, &frame->line, byte)) {
		return;
	}
	if (frame->line.has_value && is_top && !frame->document.is_quoted) {
		shell_put(lexer, index, SHELL_NOTHING);
	} else if (frame->line.has_value) {
		lexer->problem = VALUE_ENDS_DOCUMENT;
	} else if (!is_top) {
		shell_lose(lexer,
			"a here-document ends within a substitution that stands in its body");
	} else {
		shell_pop(lexer);
		shell_top(lexer)->code.is_in_word = false;
		shell_top(lexer)->code.last = '\n';
		shell_open_document(lexer);
		return;
	}
	memset(&frame->line, 0, sizeof frame->line);
}

/* ---- `$`, backslashes ---- */

bool shell_dollar_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	frame->has_dollar = false;
	switch (byte) {
	case '(':
		shell_push(lexer, SHELL_SUBSTITUTION);
		return true;
	case '{':
		shell_push(lexer, SHELL_PARAMETER);
		return true;
	case '[':
		shell_push(lexer, SHELL_ARITHMETIC)->is_bracket = true;
		return true;
	case '\\':
		frame->is_escaped = true;
		frame->is_after_dollar = true;
		return true;
	case '\'':
		if (frame->kind == SHELL_PARAMETER && frame->is_quoted) {
			shell_lose(lexer, "$'...' stands within \"${...}\", which shells read "
					  "differently");
			return false;
		}
		if (shell_is_code(frame) || frame->kind == SHELL_PARAMETER) {
			shell_take_back(lexer);
			shell_push(lexer, SHELL_ANSI);
			return true;
		}
		return false;
	default:
		break;
	}
	if (shell_is_name_byte(byte)) {
		frame->is_in_name = true;
		return true;
	}
	return byte != 0 && strchr("@*#?$!-", byte) != NULL;
}

/* The byte behind a backslash. */
static void escaped_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	bool was_after_dollar = frame->is_after_dollar;
	frame->is_escaped = false;
	frame->is_after_dollar = false;
	if (byte == '\n' && was_after_dollar) {
		/* Shells disagree on whether `$` and what follows on the next line belong together:
		 * without the line break they do. */
		shell_take_back(lexer);
		shell_put(lexer, lexer->depth - 1, SLICE("$"));
		frame->has_dollar = true;
		lexer->is_swallowed = true;
		return;
	}
	if (byte != '\n') {
		frame->is_in_name = false;
	}
}

/* What quotes and expansions share: backslash, `$`, backtick. True when the byte was one of it. */
static bool quoted_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (frame->is_escaped) {
		escaped_byte(lexer, frame, byte);
		return true;
	}
	if (frame->has_dollar && shell_dollar_byte(lexer, frame, byte)) {
		return true;
	}
	if (byte != '\\' && !shell_is_name_byte(byte)) {
		frame->is_in_name = false;
	}
	switch (byte) {
	case '\\':
		frame->is_escaped = true;
		return true;
	case '$':
		frame->has_dollar = true;
		return true;
	case '`':
		shell_push(lexer, SHELL_BACKTICK);
		return true;
	default:
		return false;
	}
}

/* ---- the frames that are no commands ---- */

static void document_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (!frame->document.is_quoted) {
		bool is_continued = frame->is_escaped && byte == '\n';
		if (is_continued && frame->line.matched == 0) {
			/* bash joins the lines before it looks for the delimiter, dash does not. */
			shell_lose(lexer, "a here-document has a line of nothing but a backslash");
		}
		quoted_byte(lexer, frame, byte);
		if (is_continued) {
			frame->line.is_different = true;
			return;
		}
	}
	/* A substitution that the byte opened stands on top of the document by now. */
	watch_line(lexer, (size_t)(frame - lexer->frames), byte);
}

/* The operator behind a parameter's name decides what follows. */
static void parameter_name_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (frame->phase == SHELL_PARAMETER_COLON) {
		bool is_default = byte != 0 && strchr("-=?+", byte);
		frame->phase = is_default ? SHELL_PARAMETER_WORD : SHELL_PARAMETER_OFFSET;
		frame->word_kind = byte;
		return;
	}
	bool is_first = !frame->may_close;
	frame->may_close = true; /* something stood in it */
	if (shell_is_name_byte(byte)) {
		return;
	}
	if (is_first && byte != 0 && strchr("@*#?-$!", byte)) {
		return;
	}
	if (is_first && byte != 0 && strchr(" \t\n|", byte)) {
		shell_lose(lexer, "${ with a command in it is not known to every sh");
	}
	frame->word_kind = byte;
	frame->phase = byte == '['   ? SHELL_PARAMETER_SUBSCRIPT
		       : byte == ':' ? SHELL_PARAMETER_COLON
				     : SHELL_PARAMETER_WORD;
}

static void parameter_quote(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (frame->phase == SHELL_PARAMETER_COLON) {
		frame->phase = SHELL_PARAMETER_OFFSET;
	}
	if (byte == '"') {
		shell_push(lexer, SHELL_DOUBLE);
	} else if (frame->is_quoted) {
		shell_lose(lexer, "a single quote stands within \"${...}\", which shells read "
				  "differently");
	} else {
		shell_push(lexer, SHELL_SINGLE);
	}
}

static void parameter_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (frame->phase == SHELL_PARAMETER_NAME && byte == '$' && !frame->may_close) {
		frame->may_close = true; /* ${$} */
		return;
	}
	if (frame->phase == SHELL_PARAMETER_NAME && byte != 0 && strchr("'\"`\\$", byte)) {
		shell_lose(lexer, "${...} has a name that is none");
	}
	if (quoted_byte(lexer, frame, byte)) {
		if (frame->phase == SHELL_PARAMETER_COLON) {
			frame->phase = SHELL_PARAMETER_OFFSET;
		}
		return;
	}
	if (byte == '}') {
		shell_pop(lexer);
		return;
	}
	if (byte == '"' || byte == '\'') {
		parameter_quote(lexer, frame, byte);
		return;
	}
	switch (frame->phase) {
	case SHELL_PARAMETER_NAME:
	case SHELL_PARAMETER_COLON:
		parameter_name_byte(lexer, frame, byte);
		return;
	case SHELL_PARAMETER_SUBSCRIPT:
		if (byte == ']') {
			frame->phase = SHELL_PARAMETER_NAME;
		}
		return;
	default:
		return;
	}
}

/* The second `)` did not come: the shell reads a subshell, so do we from here on. */
void shell_arithmetic_to_code(struct shell_frame *frame) {
	frame->kind = frame->is_from_code ? SHELL_PAREN : SHELL_SUBSTITUTION;
	frame->may_close = false;
	shell_code_init(&frame->code);
	frame->code.is_new = false;
	frame->code.expected = SHELL_EXPECTS_ARGUMENT;
}

static void arithmetic_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	if (frame->may_close) {
		if (byte == ')') {
			shell_pop(lexer);
		} else if (byte == '\\') {
			shell_lose(lexer,
				"a line continuation stands between the closing parentheses");
		} else {
			shell_arithmetic_to_code(frame);
			shell_code_byte(lexer, byte);
		}
		return;
	}
	if (quoted_byte(lexer, frame, byte)) {
		return;
	}
	char close = frame->is_bracket ? ']' : ')';
	char open = frame->is_bracket ? '[' : '(';
	if (byte == '"') {
		shell_push(lexer, SHELL_DOUBLE);
	} else if (byte == '\'' && frame->is_from_code) {
		shell_push(lexer, SHELL_SINGLE);
	} else if (byte == '\'') {
		shell_lose(lexer, "a single quote stands within $((...)), which shells read "
				  "differently");
	} else if (byte == open) {
		frame->parentheses++;
	} else if (byte == close && frame->parentheses > 0) {
		frame->parentheses--;
	} else if (byte == close && frame->is_bracket) {
		shell_pop(lexer);
	} else if (byte == close) {
		frame->may_close = true;
	}
}

static void top_byte(struct shell_lexer *lexer, char byte) {
	struct shell_frame *frame = shell_top(lexer);
	switch (frame->kind) {
	case SHELL_SINGLE:
		if (byte == '\'') {
			shell_pop(lexer);
		}
		return;
	case SHELL_ANSI:
		shell_ansi_byte(lexer, byte);
		return;
	case SHELL_DOUBLE:
		if (!quoted_byte(lexer, frame, byte) && byte == '"') {
			shell_pop(lexer);
		}
		return;
	case SHELL_PARAMETER:
		parameter_byte(lexer, frame, byte);
		return;
	case SHELL_ARITHMETIC:
		arithmetic_byte(lexer, frame, byte);
		return;
	case SHELL_HEREDOC:
		document_byte(lexer, frame, byte);
		return;
	default:
		break;
	}
	if (frame->is_escaped) {
		escaped_byte(lexer, frame, byte);
		if (byte != '\n') {
			shell_code_quoted(&frame->code);
			frame->code.last = 'x';
		}
		return;
	}
	if (frame->has_dollar && shell_dollar_byte(lexer, frame, byte)) {
		frame->code.last = 'x';
		return;
	}
	shell_code_byte(lexer, byte);
}

/* ---- the way of a byte ---- */

/* Takes one level of backslashes off; false when there is nothing to hand on. */
static bool decode(struct shell_lexer *lexer, size_t index, char byte) {
	struct shell_frame *frame = &lexer->frames[index];
	if (!frame->is_decoding) {
		if (byte == '`') {
			pop_to(lexer, index);
			return false;
		}
		frame->is_decoding = byte == '\\';
		return !frame->is_decoding;
	}
	frame->is_decoding = false;
	if (byte == '\\' || byte == '`' || byte == '$') {
		return true;
	}
	if (byte == '"' && frame->is_quoted) {
		if (frame->is_in_document) {
			shell_lose(lexer, "\\\" stands within backticks of a here-document, which "
					  "shells read differently");
		}
		return true;
	}
	shell_deliver(lexer, index + 1, '\\');
	return true;
}

void shell_deliver(struct shell_lexer *lexer, size_t from, char byte) {
	for (size_t i = from; i < lexer->depth; i++) {
		if (lexer->frames[i].kind == SHELL_BACKTICK) {
			if (!decode(lexer, i, byte)) {
				return;
			}
		} else if (lexer->frames[i].kind == SHELL_HEREDOC && i + 1 < lexer->depth) {
			watch_line(lexer, i, byte);
		}
	}
	top_byte(lexer, byte);
}

/* Nothing waits for the next byte. */
static bool is_settled(const struct shell_lexer *lexer) {
	const struct shell_frame *top = &lexer->frames[lexer->depth - 1];
	if ((top->is_escaped || top->has_dollar) && top->kind != SHELL_ANSI) {
		return false;
	}
	for (size_t i = 0; i < lexer->depth; i++) {
		if (lexer->frames[i].is_decoding) {
			return false;
		}
	}
	return true;
}

static void free_buffers(void *data) {
	struct shell_lexer *lexer = data;
	buf_finish(&lexer->delimiter);
	buf_finish(&lexer->scratch[0]);
	buf_finish(&lexer->scratch[1]);
}

struct shell_lexer *shell_lexer_new(struct arena *arena) {
	struct shell_lexer *lexer = ARENA_NEW(arena, struct shell_lexer);
	lexer->arena = arena;
	lexer->depth = 1;
	lexer->frames[0].kind = SHELL_TOP;
	shell_code_init(&lexer->frames[0].code);
	lexer->frames[0].code.is_new = false;
	arena_on_finish(arena, free_buffers, lexer);
	return lexer;
}

bool shell_emit_literal(
	struct shell_lexer *lexer, struct slice text, struct buf *out, const char **problem) {
	lexer->out = out;
	lexer->problem = NULL;
	*problem = NULL;
	for (size_t i = 0; i < text.len; i++) {
		if (is_settled(lexer)) {
			lexer->unit_at = out->len;
		}
		lexer->is_swallowed = false;
		shell_deliver(lexer, 0, text.data[i]);
		if (!lexer->is_swallowed && !buf_append_byte(out, text.data[i])) {
			return false;
		}
		if (lexer->problem) {
			*problem = lexer->problem;
			return false;
		}
	}
	return !out->failed;
}

bool shell_finish(struct shell_lexer *lexer, const char **problem) {
	*problem = NULL;
	for (size_t i = 0; i < lexer->depth; i++) {
		const struct shell_frame *frame = &lexer->frames[i];
		if (frame->kind == SHELL_HEREDOC && frame->line.has_value && frame->line.begins) {
			*problem = VALUE_ENDS_DOCUMENT;
			return false;
		}
	}
	return true;
}
