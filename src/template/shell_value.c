/* shell_value.c: a value, written so that the shell reads exactly its bytes where it stands
 * (workflows.md 6.6). */
#include "base/encoding.h"
#include "template/shell_internal.h"

static const char nul_problem[] = "a NUL byte cannot be part of shell text";
static const char number_problem[] =
	"in arithmetic only a whole number may stand: its text is computed with as code";
static const char comment_problem[] = "a line break in the value would end the comment";
static const char line_problem[] =
	"a line of the value equals the here-document's delimiter; choose another delimiter";
static const char joined_problem[] =
	"a line of the value ends in a backslash, which joins lines in the here-document around it";
static const char brace_problem[] =
	"bash expands braces in backticks within double quotes: write $(...)";
static const char tab_problem[] =
	"`<<-` takes the tabs off the value's lines: write `<<` without the dash";

/* Where the encoded bytes go first: straight out, or to be taken through outer frames. */
struct writer {
	struct shell_lexer *lexer;
	struct buf *out;
	const char **problem;
};

static bool refuse(const struct writer *writer, const char *problem) {
	*writer->problem = problem;
	return false;
}

/* Every byte of the set with a backslash before it. */
static void write_escaped(struct writer *writer, struct slice value, const char *set) {
	size_t begin = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (strchr(set, value.data[i])) {
			buf_append(writer->out, slice_sub(value, begin, i - begin));
			buf_append_byte(writer->out, '\\');
			begin = i;
		}
	}
	buf_append(writer->out, slice_from(value, begin));
}

static void write_double(struct writer *writer, struct slice value) {
	write_escaped(writer, value, "\\\"$`");
}

/* The inside of '...'. */
static void write_single(struct writer *writer, struct slice value) {
	while (value.len > 0) {
		size_t quote = slice_find_byte(value, '\'');
		buf_append(writer->out, slice_sub(value, 0, quote));
		if (quote == SIZE_MAX) {
			return;
		}
		buf_append(writer->out, SLICE("'\\''"));
		value = slice_from(value, quote + 1);
	}
}

/* A number as a shell's arithmetic reads it the same way we do: decimal, no leading zero. */
static bool is_number(struct slice value) {
	int64_t number;
	struct slice digits = slice_starts_with(value, SLICE("-")) ? slice_from(value, 1) : value;
	bool has_zero = digits.len > 1 && digits.data[0] == '0';
	return !has_zero && slice_to_int64(value, &number) && !slice_is(value, "-0");
}

/* Whether what stands here is computed with, also through quotes. */
static enum shell_takes takes_of(const struct shell_lexer *lexer) {
	for (size_t i = lexer->depth; i-- > 0;) {
		const struct shell_frame *frame = &lexer->frames[i];
		if (shell_is_code(frame)) {
			return shell_code_takes(frame);
		}
		if (frame->kind == SHELL_ARITHMETIC) {
			return SHELL_TAKES_NUMBERS;
		}
		if (frame->kind == SHELL_HEREDOC) {
			return SHELL_TAKES_ALL;
		}
		if (frame->kind == SHELL_PARAMETER &&
			(frame->phase == SHELL_PARAMETER_OFFSET ||
				frame->phase == SHELL_PARAMETER_COLON ||
				frame->phase == SHELL_PARAMETER_SUBSCRIPT)) {
			return SHELL_TAKES_NUMBERS;
		}
	}
	return SHELL_TAKES_ALL;
}

/* ---- what waits when the literal text ends here ---- */

/* A backtick's own backslash becomes a backslash of what stands in it. */
static void settle_decoders(struct shell_lexer *lexer) {
	for (size_t i = 1; i < lexer->depth; i++) {
		if (lexer->frames[i].kind == SHELL_BACKTICK && lexer->frames[i].is_decoding) {
			shell_put(lexer, i - 1, SLICE("\\"));
			shell_deliver(lexer, i, '\\');
		}
	}
}

/* A `$` before a value is a dollar sign; a backslash is one within double quotes, and unquoted it
 * quotes what follows, which the value's own quotes do. */
static void settle_top(struct shell_lexer *lexer) {
	struct shell_frame *frame = shell_top(lexer);
	if (frame->kind == SHELL_ANSI) {
		shell_ansi_settle(lexer);
		return;
	}
	bool is_literal = frame->kind == SHELL_DOUBLE || frame->kind == SHELL_HEREDOC ||
			  (frame->kind == SHELL_PARAMETER && frame->is_quoted);
	bool has_dollar = frame->has_dollar || frame->is_after_dollar;
	if (has_dollar || frame->is_escaped) {
		shell_take_back(lexer);
	}
	if (has_dollar) {
		shell_put(lexer, lexer->depth - 1, SLICE("\\$"));
	}
	if (frame->is_escaped && is_literal) {
		shell_put(lexer, lexer->depth - 1, SLICE("\\\\"));
	}
	frame->has_dollar = false;
	frame->is_escaped = false;
	frame->is_after_dollar = false;
}

/* ---- by context ---- */

static bool write_word(struct writer *writer, struct shell_frame *frame, struct slice value) {
	struct shell_code *code = &frame->code;
	if (code->is_in_comment) {
		/* Quoted all the same, so that it would be harmless where the shell sees none. */
		if (slice_find_byte(value, '\n') != SIZE_MAX) {
			return refuse(writer, comment_problem);
		}
	} else if (code->delimiter != SHELL_DELIMITER_NONE || code->less_count == 2) {
		return refuse(writer, "a value cannot be the delimiter of a here-document");
	} else {
		shell_code_quoted(code);
		code->has_test_value = true;
	}
	shell_quote_word(value, writer->out);
	return true;
}

static bool write_number(
	struct writer *writer, const struct shell_frame *frame, struct slice value) {
	if (!is_number(value)) {
		return refuse(writer, number_problem);
	}
	bool is_negative = value.data[0] == '-';
	bool is_arithmetic = frame->kind == SHELL_ARITHMETIC;
	if (frame->kind == SHELL_PARAMETER && frame->phase == SHELL_PARAMETER_COLON &&
		is_negative) {
		return refuse(writer, "a negative number behind ${name: means a default");
	}
	if (frame->is_in_name) {
		return refuse(writer, "the value would become part of a parameter's name: write "
				      "${name}");
	}
	/* 5-{{ x }} must not become 5--1. */
	buf_append_str(writer->out, is_arithmetic && is_negative ? "(" : "");
	buf_append(writer->out, value);
	buf_append_str(writer->out, is_arithmetic && is_negative ? ")" : "");
	return true;
}

/* Where quotes mean something else to every shell: ${...} within a here-document. */
static bool write_harmless(struct writer *writer, struct slice value) {
	for (size_t i = 0; i < value.len; i++) {
		char byte = value.data[i];
		if (!shell_is_name_byte(byte) && !strchr("-.,:/@+%=", byte)) {
			return refuse(writer, "in this ${...} only letters, digits and "
					      "-._,:/@+%= may stand: shells read it "
					      "differently");
		}
	}
	buf_append(writer->out, value);
	return true;
}

static void part_from_name(struct writer *writer, struct shell_frame *frame, struct slice value) {
	if (frame->is_in_name && value.len > 0 &&
		(shell_is_name_byte(value.data[0]) || value.data[0] == '[')) {
		buf_append(writer->out, SHELL_NOTHING);
		frame->line.is_different = true;
	}
	frame->is_in_name = frame->is_in_name && value.len == 0;
}

/* Within "${..}" shells disagree on quotes, so backslashes do it, and for what no backslash can
 * hold in bash, quotes around that byte alone. */
static bool write_quoted_parameter(
	struct writer *writer, const struct shell_frame *frame, struct slice value) {
	switch (frame->word_kind) {
	case '#':
	case '%': /* a pattern: any backslash there quotes */
		write_escaped(writer, value, " !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~\t");
		return true;
	case '-':
	case '=':
	case '?':
	case '+':
		break;
	default:
		return write_harmless(writer, value);
	}
	struct slice rest = value, part;
	bool is_first = true;
	while (slice_split(&rest, '\'', &part)) {
		buf_append_str(writer->out, is_first ? "" : "\"'\"");
		write_escaped(writer, part, "\\\"$`}");
		is_first = false;
	}
	return true;
}

static bool write_parameter(struct writer *writer, struct shell_frame *frame, struct slice value) {
	if (frame->phase == SHELL_PARAMETER_NAME) {
		return refuse(writer, "a value cannot be the name of a parameter");
	}
	if (frame->is_in_document) {
		return write_harmless(writer, value);
	}
	if (!frame->is_quoted) {
		buf_append_byte(writer->out, '"');
		write_double(writer, value);
		buf_append_byte(writer->out, '"');
		return true;
	}
	part_from_name(writer, frame, value);
	return write_quoted_parameter(writer, frame, value);
}

/* How many bytes more of the delimiter the piece has. */
static size_t matching(
	const struct shell_heredoc *document, const struct shell_line *line, struct slice piece) {
	struct slice rest = slice_from(document->delimiter, line->matched);
	size_t count = 0;
	while (count < rest.len && count < piece.len && rest.data[count] == piece.data[count]) {
		count++;
	}
	return count;
}

/* Puts something between when a piece of a line could come to be, or begin with, the delimiter, or
 * would lose its tabs. */
static bool guard_line(struct writer *writer, struct shell_frame *frame, struct slice piece) {
	struct shell_line *line = &frame->line;
	size_t delimiter = frame->document.delimiter.len;
	if (piece.len == 0 || line->is_different) {
		return true;
	}
	if (line->matched == delimiter) {
		/* The author's line begins with it, which bash takes for it in a substitution. */
		return !shell_is_substituted(writer->lexer, writer->lexer->depth - 1) ||
		       refuse(writer, line_problem);
	}
	size_t more = matching(&frame->document, line, piece);
	bool is_tab = frame->document.strips_tabs && line->matched == 0 && piece.data[0] == '\t';
	if (more == piece.len || line->matched + more == delimiter || is_tab) {
		buf_append(writer->out, SHELL_NOTHING);
		line->is_different = true;
	}
	return true;
}

static bool next_piece(struct slice *rest, struct slice *piece) {
	return slice_split(rest, '\n', piece);
}

/* A line break of the value's: the line may be the delimiter by what the author wrote before. */
static void end_line(struct writer *writer, struct shell_frame *frame) {
	struct shell_line *line = &frame->line;
	if (!line->is_different && line->matched == frame->document.delimiter.len) {
		buf_append(writer->out, SHELL_NOTHING);
	}
	buf_append_byte(writer->out, '\n');
	memset(line, 0, sizeof *line);
}

static bool write_expanded_document(
	struct writer *writer, struct shell_frame *frame, struct slice value) {
	struct slice rest = value, piece;
	bool is_first = true;
	while (next_piece(&rest, &piece)) {
		if (!is_first) {
			end_line(writer, frame);
		}
		is_first = false;
		if (!guard_line(writer, frame, piece)) {
			return false;
		}
		write_escaped(writer, piece, "\\$`");
		for (size_t i = 0; i < piece.len; i++) {
			shell_line_byte(&frame->document, &frame->line, piece.data[i]);
		}
		frame->line.has_value = true;
	}
	return true;
}

/* What a value's bytes do to the lines of a document they stand in, directly or deep within a
 * substitution: bash looks at lines first. */
static bool watch_value(struct writer *writer, size_t index, struct slice bytes) {
	struct shell_frame *frame = &writer->lexer->frames[index];
	struct shell_line *line = &frame->line;
	bool is_substituted = shell_is_substituted(writer->lexer, index);
	bool is_escaped = false;
	for (size_t i = 0; i < bytes.len; i++) {
		char byte = bytes.data[i];
		bool is_lost_tab = frame->document.strips_tabs && byte == '\t' &&
				   line->matched == 0 && !line->is_different;
		if (is_lost_tab) {
			return refuse(writer, tab_problem);
		}
		if (byte == '\n' && is_escaped) {
			return refuse(writer, joined_problem);
		}
		is_escaped = byte == '\\' && !is_escaped && !frame->document.is_quoted;
		if (shell_line_byte(&frame->document, line, byte)) {
			return refuse(writer, line_problem);
		}
		line->has_value = true;
		if (line->begins && is_substituted) {
			return refuse(writer, line_problem);
		}
	}
	/* Within a quoted document in this one, a line break of the author's may follow. */
	return !is_escaped || shell_top(writer->lexer)->kind != SHELL_HEREDOC ||
	       refuse(writer, joined_problem);
}

static bool write_document(struct writer *writer, struct shell_frame *frame, struct slice value) {
	if (!frame->document.is_quoted) {
		part_from_name(writer, frame, value);
		return write_expanded_document(writer, frame, value);
	}
	buf_append(writer->out, value);
	frame->line.has_value = true; /* an empty one, too */
	return watch_value(writer, writer->lexer->depth - 1, value);
}

/* Quotes of the author's within "${..}": bash drops them and reads on as if they were not there, so
 * the value stands between them as it would without. */
static bool write_inner_double(
	struct writer *writer, const struct shell_frame *parameter, struct slice value) {
	buf_append_byte(writer->out, '"');
	buf_append(writer->out, SHELL_NOTHING);
	if (!write_quoted_parameter(writer, parameter, value)) {
		return false;
	}
	buf_append_byte(writer->out, '"');
	return true;
}

static bool write_value(struct writer *writer, struct slice value) {
	struct shell_frame *frame = shell_top(writer->lexer);
	bool is_comment = shell_is_code(frame) && frame->code.is_in_comment;
	enum shell_takes takes = is_comment ? SHELL_TAKES_ALL : takes_of(writer->lexer);
	if (takes == SHELL_TAKES_NONE) {
		return refuse(writer, "`eval` would run the value as code");
	}
	if (takes == SHELL_TAKES_NUMBERS) {
		if (shell_is_code(frame)) {
			shell_code_quoted(&frame->code);
		}
		return write_number(writer, frame, value);
	}
	switch (frame->kind) {
	case SHELL_SINGLE:
		write_single(writer, value);
		return true;
	case SHELL_ANSI:
		if (frame->is_cut) {
			return refuse(writer, "behind \\0 in $'...' nothing is read");
		}
		write_single(writer, value);
		return true;
	case SHELL_DOUBLE:
		if (frame->is_in_document) {
			return write_harmless(writer, value);
		}
		if (frame[-1].kind == SHELL_PARAMETER && frame[-1].is_quoted) {
			return write_inner_double(writer, frame - 1, value);
		}
		part_from_name(writer, frame, value);
		write_double(writer, value);
		return true;
	case SHELL_PARAMETER:
		return write_parameter(writer, frame, value);
	case SHELL_HEREDOC:
		return write_document(writer, frame, value);
	default:
		return write_word(writer, frame, value);
	}
}

/* ---- the way out ---- */

/* The frames that a value's bytes pass on their way out. */
static bool has_outer(const struct shell_lexer *lexer) {
	for (size_t i = 0; i < lexer->depth; i++) {
		uint8_t kind = lexer->frames[i].kind;
		if (kind == SHELL_BACKTICK || (kind == SHELL_HEREDOC && i + 1 < lexer->depth)) {
			return true;
		}
	}
	return false;
}

static bool is_in_quoted_backtick(const struct shell_lexer *lexer) {
	for (size_t i = 1; i < lexer->depth; i++) {
		if (lexer->frames[i].kind == SHELL_BACKTICK && lexer->frames[i].is_quoted) {
			return true;
		}
	}
	return false;
}

/* scratch[0] through every frame below, then out. */
static bool carry_out(struct writer *writer, struct buf *out) {
	struct shell_lexer *lexer = writer->lexer;
	size_t at = 0;
	for (size_t i = lexer->depth; i-- > 0;) {
		struct slice bytes = buf_slice(&lexer->scratch[at]);
		if (lexer->frames[i].kind == SHELL_BACKTICK) {
			at = 1 - at;
			buf_reset(&lexer->scratch[at], 4096);
			writer->out = &lexer->scratch[at];
			write_escaped(writer, bytes, "\\`$");
		} else if (lexer->frames[i].kind == SHELL_HEREDOC && i + 1 < lexer->depth &&
			   !watch_value(writer, i, bytes)) {
			return false;
		}
	}
	return buf_append(out, buf_slice(&lexer->scratch[at])) && !lexer->scratch[0].failed &&
	       !lexer->scratch[1].failed;
}

bool shell_emit_value(
	struct shell_lexer *lexer, struct slice value, struct buf *out, const char **problem) {
	*problem = NULL;
	lexer->out = out;
	struct writer writer = {.lexer = lexer, .out = out, .problem = problem};
	if (slice_find_byte(value, '\0') != SIZE_MAX) {
		return refuse(&writer, nul_problem);
	}
	if (slice_find_byte(value, '{') != SIZE_MAX && is_in_quoted_backtick(lexer)) {
		return refuse(&writer, brace_problem);
	}
	settle_decoders(lexer);
	if (lexer->lost) {
		return refuse(&writer, lexer->lost);
	}
	struct shell_frame *top = shell_top(lexer);
	if (top->kind == SHELL_ARITHMETIC && (top->has_dollar || top->is_escaped)) {
		return refuse(&writer, number_problem);
	}
	if (top->kind == SHELL_ARITHMETIC && top->may_close) {
		shell_arithmetic_to_code(top);
	}
	settle_top(lexer);
	if (!has_outer(lexer)) {
		return write_value(&writer, value) && !out->failed;
	}
	buf_reset(&lexer->scratch[0], 4096);
	lexer->scratch[0].limit = lexer->scratch[1].limit = out->limit;
	writer.out = &lexer->scratch[0];
	return write_value(&writer, value) && carry_out(&writer, out) && !out->failed;
}
