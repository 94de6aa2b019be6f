/* shell_internal.h: the shell lexer's stack of contexts; private to template/shell*.c.
 *
 *   echo "a `cat \`b\` {{ x }}` c"          frames, outermost first:
 *   TOP  └DOUBLE └BACKTICK └BACKTICK ...     a byte climbs from the bottom to the top
 *
 * A byte passes every frame from the outermost to the innermost: backticks take one level of
 * backslashes off it, here-documents watch their lines, and the top frame reads what is left. A
 * value takes the way back: written for the top frame, then one level of backslashes put on for
 * each backtick below. */
#ifndef LLMMUX_TEMPLATE_SHELL_INTERNAL_H
#define LLMMUX_TEMPLATE_SHELL_INTERNAL_H

#include "template/template_internal.h"

#define SHELL_MAX_DEPTH 64
#define SHELL_MAX_PENDING 16 /* here-documents whose bodies are still to come */
#define SHELL_DELIMITER_MAX 256
#define SHELL_WORD_MAX 64
/* Expands to nothing, set or not, also under `set -u`: parts what may not be read together where
 * there are no quotes to do it. */
#define SHELL_NOTHING SLICE("${_+}")

enum shell_frame_kind {
	SHELL_TOP,
	SHELL_SUBSTITUTION, /* $( */
	SHELL_PAREN,        /* ( */
	SHELL_CASE,         /* case .. esac */
	SHELL_BACKTICK,     /* decodes, and is code itself */
	SHELL_SINGLE,       /* '...' */
	SHELL_ANSI,         /* $'...', rewritten as '...' */
	SHELL_DOUBLE,       /* "..." */
	SHELL_PARAMETER,    /* ${...} */
	SHELL_ARITHMETIC,   /* $((...)), ((...)), $[...] */
	SHELL_HEREDOC
};

enum shell_case_phase {
	SHELL_CASE_WORD,    /* between `case` and `in` */
	SHELL_CASE_PATTERN, /* up to `)` */
	SHELL_CASE_BODY     /* up to `;;` or `esac` */
};

/* What the next word of a command may be. */
enum shell_expected {
	SHELL_EXPECTS_KEYWORD,  /* nothing stood in this command yet */
	SHELL_EXPECTS_COMMAND,  /* only assignments and redirections did */
	SHELL_EXPECTS_NAME,     /* after for, select */
	SHELL_EXPECTS_IN,       /* after for NAME */
	SHELL_EXPECTS_FUNCTION, /* after function */
	SHELL_EXPECTS_ARGUMENT
};

/* Which values a command takes. */
enum shell_takes {
	SHELL_TAKES_ALL,
	SHELL_TAKES_NUMBERS, /* let, an arithmetic comparison of [[ ]] */
	SHELL_TAKES_NONE     /* eval */
};

/* The delimiter behind << is read in three steps. */
enum shell_delimiter_state {
	SHELL_DELIMITER_NONE,
	SHELL_DELIMITER_DASH,  /* a `-` may follow */
	SHELL_DELIMITER_BLANK, /* before it */
	SHELL_DELIMITER_WORD
};

struct shell_code {
	bool is_in_comment, is_in_word;
	bool is_plain;       /* the word so far is unquoted literal text, all of it in `word` */
	bool is_redirection; /* the word is where to */
	bool is_new;         /* nothing stood in this frame yet: `$((`, `((` */
	bool is_in_test;     /* [[ ]] */
	bool is_test_numeric, has_test_value;
	uint8_t expected;  /* enum shell_expected */
	uint8_t takes;     /* enum shell_takes */
	uint8_t delimiter; /* enum shell_delimiter_state */
	char delimiter_quote;
	uint8_t less_count;
	char last;
	uint8_t word_len;
	char word[SHELL_WORD_MAX];
};

enum shell_parameter_phase {
	SHELL_PARAMETER_NAME,
	SHELL_PARAMETER_SUBSCRIPT, /* [..] */
	SHELL_PARAMETER_COLON,     /* an operator or an offset follows */
	SHELL_PARAMETER_OFFSET,    /* arithmetic */
	SHELL_PARAMETER_WORD
};

struct shell_heredoc {
	struct slice delimiter;
	bool is_quoted, strips_tabs;
	size_t owner; /* the frame whose line break begins the body */
};

/* A line of a here-document beside its delimiter. */
struct shell_line {
	size_t matched;    /* bytes equal so far */
	bool is_different; /* from there on */
	bool begins;       /* it begins with the delimiter */
	bool has_value;
};

struct shell_frame {
	uint8_t kind;         /* enum shell_frame_kind */
	uint8_t phase;        /* of a case or a parameter */
	bool is_quoted;       /* a parameter or backtick within double quotes */
	bool is_in_document;  /* a parameter or backtick within a here-document */
	bool is_escaped;      /* a backslash waits for what it escapes */
	bool is_after_dollar; /* that backslash came right behind a `$` */
	bool has_dollar;      /* a `$` waits */
	bool is_in_name;      /* $name: more of it may follow */
	bool is_decoding;     /* a backtick's own backslash waits */
	bool is_from_code;    /* arithmetic that may turn out to be a subshell */
	bool is_bracket;      /* $[ */
	bool may_close;       /* arithmetic: one `)` of two was seen */
	bool is_cut;          /* $'': behind a NUL */
	bool is_pattern_start;
	char word_kind;  /* of a parameter: the byte that began its word; 0: none yet */
	bool is_in_word; /* a parenthesis within a word: f(), a=(..), @(..) */
	uint8_t number_base, number_left; /* $'': a numeric escape */
	bool is_code_point, is_control;
	uint32_t number;
	unsigned parentheses;
	struct shell_heredoc document;
	struct shell_line line;
	struct shell_code code;
};

struct shell_lexer {
	struct arena *arena;
	struct buf *out;
	size_t unit_at;      /* where the raw bytes of what still waits begin in `out` */
	bool is_swallowed;   /* the byte at hand is not to be written */
	const char *lost;    /* why contexts are not known any more */
	const char *problem; /* what is wrong with the text at hand */
	size_t depth;
	struct shell_frame frames[SHELL_MAX_DEPTH];
	struct shell_heredoc pending[SHELL_MAX_PENDING];
	size_t pending_count;
	struct buf delimiter; /* being read */
	bool is_delimiter_quoted, strips_tabs;
	struct buf scratch[2];
};

static inline struct shell_frame *shell_top(struct shell_lexer *lexer) {
	return &lexer->frames[lexer->depth - 1];
}
static inline bool shell_is_code(const struct shell_frame *frame) {
	return frame->kind <= SHELL_BACKTICK;
}
static inline bool shell_is_name_byte(char byte) {
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
	       (byte >= '0' && byte <= '9');
}
/* From here on no value can be placed. */
void shell_lose(struct shell_lexer *lexer, const char *why);
struct shell_frame *shell_push(struct shell_lexer *lexer, enum shell_frame_kind kind);
void shell_pop(struct shell_lexer *lexer);
/* One byte from frame `from` on up. */
void shell_deliver(struct shell_lexer *lexer, size_t from, char byte);
/* Takes back what waits. */
void shell_take_back(struct shell_lexer *lexer);
/* Writes bytes that the frame at `index` reads, through the backticks below it. */
void shell_put(struct shell_lexer *lexer, size_t index, struct slice bytes);
/* Behind a `$`: false when the byte is none of it. */
bool shell_dollar_byte(struct shell_lexer *lexer, struct shell_frame *frame, char byte);
/* Arithmetic turns out to be a subshell or substitution: one `)` stands where two should. */
void shell_arithmetic_to_code(struct shell_frame *frame);
/* Moves a line on by one byte; true when the byte ends a line that equals the delimiter. */
bool shell_line_byte(const struct shell_heredoc *document, struct shell_line *line, char byte);
/* Whether a substitution is around the frame: bash then ends a here-document at a line that only
 * begins with its delimiter. */
bool shell_is_substituted(const struct shell_lexer *lexer, size_t index);

/* ---- shell_code.c ---- */
void shell_code_byte(struct shell_lexer *lexer, char byte);
void shell_code_init(struct shell_code *code);
/* The word at hand gets a quoted part, a value or an expansion. */
void shell_code_quoted(struct shell_code *code);
/* Opens the next here-document of the top frame, if one is due. */
void shell_open_document(struct shell_lexer *lexer);
/* A value's place in a command: which may stand there. */
enum shell_takes shell_code_takes(const struct shell_frame *frame);

/* ---- shell_ansi.c ---- */
void shell_ansi_byte(struct shell_lexer *lexer, char byte);
/* Before a value: an escape that waits is brought to its end. */
void shell_ansi_settle(struct shell_lexer *lexer);

#endif
