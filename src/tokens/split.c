/* split.c: the split rules as scanners over character classes, without a regex engine.
 *
 * Each rule is an ordered choice; what a regular expression does by backtracking is computed here
 * from what the forward scan saw. The classes are those of the reference tokenizer's engine. */
#include "tokens/split.h"

enum char_class {
	CLASS_OTHER,  /* punctuation, symbols, controls, unassigned */
	CLASS_UPPER,  /* Lu, Lt */
	CLASS_LOWER,  /* Ll */
	CLASS_LETTER, /* Lm, Lo: both upper and lower */
	CLASS_MARK,
	CLASS_NUMBER,
	CLASS_SPACE,
	CLASS_NEWLINE, /* CR, LF: spaces too */
	CLASS_END      /* behind the text */
};

#define SET(class) (1u << (class))
#define LETTERS (SET(CLASS_UPPER) | SET(CLASS_LOWER) | SET(CLASS_LETTER))
#define NUMBERS SET(CLASS_NUMBER)
#define SPACES (SET(CLASS_SPACE) | SET(CLASS_NEWLINE))
#define NEWLINES SET(CLASS_NEWLINE)
/* [^\s\p{L}\p{N}] */
#define PUNCTUATION (SET(CLASS_OTHER) | SET(CLASS_MARK))
/* [^\r\n\p{L}\p{N}], which may stand once before a word */
#define WORD_PREFIX (PUNCTUATION | SET(CLASS_SPACE))
/* o200k's two kinds of letters */
#define WORD_HEAD (SET(CLASS_UPPER) | SET(CLASS_LETTER) | SET(CLASS_MARK))
#define WORD_TAIL (SET(CLASS_LOWER) | SET(CLASS_LETTER) | SET(CLASS_MARK))

#define BLOCK_BITS 8
#define BLOCK_MASK ((1u << BLOCK_BITS) - 1)

static const char class_blocks[][(1 << BLOCK_BITS) + 1] = {
#define UNICODE_BLOCK(classes) classes,
#include "tokens/unicode_classes.def"
#undef UNICODE_BLOCK
};
static const unsigned char block_of[] = {
#include "tokens/unicode_classes.def"
};

static enum char_class class_of(uint32_t code) {
	return (enum char_class)(
		class_blocks[block_of[code >> BLOCK_BITS]][code & BLOCK_MASK] - '0');
}

/* A character beyond ASCII; 0 bytes long when it is none. */
static uint32_t decode(const unsigned char *bytes, size_t len, size_t *width) {
	uint32_t lead = bytes[0], code, least;
	*width = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	least = *width == 4 ? 0x10000 : *width == 3 ? 0x800 : 0x80;
	code = lead & (0x7fu >> *width);
	if (lead < 0xc2 || lead > 0xf4 || *width > len) {
		*width = 0;
		return 0;
	}
	for (size_t i = 1; i < *width; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			*width = 0;
			return 0;
		}
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < least || code > 0x10ffff) {
		*width = 0;
	}
	return code;
}

/* The class of the character at `at`; *next gets where the one behind it begins. */
static inline enum char_class class_at(struct slice text, size_t at, size_t *next) {
	if (at >= text.len) {
		return CLASS_END;
	}
	unsigned char byte = (unsigned char)text.data[at];
	if (byte < 0x80) {
		*next = at + 1;
		return (enum char_class)(class_blocks[0][byte] - '0');
	}
	size_t width;
	uint32_t code = decode((const unsigned char *)text.data + at, text.len - at, &width);
	*next = at + (width > 0 ? width : 1);
	return width > 0 ? class_of(code) : CLASS_OTHER;
}

static inline bool is_in(enum char_class class, unsigned set) {
	return (SET(class) & set) != 0;
}

/* The first place from `at` on whose character is not in the set. */
static inline size_t skip(struct slice text, size_t at, unsigned set) {
	size_t next = at;
	while (is_in(class_at(text, at, &next), set)) {
		at = next;
	}
	return at;
}

/* ---- parts of the rules ---- */

/* The end of 's, 't, 're, 've, 'm, 'll or 'd; `at` itself when none stands there. */
static size_t skip_contraction(struct slice text, size_t at, bool ignores_case) {
	if (at + 1 >= text.len || text.data[at] != '\'') {
		return at;
	}
	unsigned char fold = ignores_case ? 0x20 : 0;
	unsigned char first = (unsigned char)text.data[at + 1] | fold;
	unsigned char second = at + 2 < text.len ? (unsigned char)text.data[at + 2] | fold : 0;
	switch (first) {
	case 's':
	case 't':
	case 'm':
	case 'd':
		return at + 2;
	case 'l':
		return second == 'l' ? at + 3 : at;
	case 'r':
	case 'v':
		return second == 'e' ? at + 3 : at;
	default:
		return at;
	}
}

static size_t skip_numbers(struct slice text, size_t at, unsigned most) {
	size_t next = at;
	while (most-- > 0 && is_in(class_at(text, at, &next), NUMBERS)) {
		at = next;
	}
	return at;
}

/* ` ?[SET]+`; `at` itself when it does not match. */
static size_t skip_spaced(struct slice text, size_t at, unsigned set) {
	size_t from = text.data[at] == ' ' ? at + 1 : at;
	size_t end = skip(text, from, set);
	return end > from ? end : at;
}

/* A run of spaces: up to its last newline; else without its last character, which may go with what
 * follows (`\s+(?!\S)`). */
static size_t skip_spaces(struct slice text, size_t at, bool has_newline_rule) {
	size_t end = at, last = at, behind_newline = at, next = at;
	enum char_class class;
	while (is_in(class = class_at(text, end, &next), SPACES)) {
		last = end;
		end = next;
		behind_newline = class == CLASS_NEWLINE ? end : behind_newline;
	}
	if (has_newline_rule && behind_newline > at) {
		return behind_newline;
	}
	return end == text.len || last == at ? end : last;
}

/* ---- o200k ---- */

/* [HEAD]*[TAIL]+; `at` itself when it does not match. Greedy heads give back what they have to: of
 * a run that no tail follows, what is behind the last character that may be a tail. */
static size_t skip_tailed_word(struct slice text, size_t at) {
	size_t end = at, next = at, behind_tail = at;
	enum char_class class;
	while (is_in(class = class_at(text, end, &next), WORD_HEAD)) {
		end = next;
		behind_tail = is_in(class, WORD_TAIL) ? end : behind_tail;
	}
	return is_in(class, WORD_TAIL) ? skip(text, end, WORD_TAIL) : behind_tail;
}

/* The alternatives in their order: a word with a tail, behind the prefix or without it; then heads
 * alone, behind the prefix or without it. `at` itself when none matches. */
static size_t skip_o200k_word(struct slice text, size_t at) {
	size_t behind_prefix = at, end;
	if (!is_in(class_at(text, at, &behind_prefix), WORD_PREFIX)) {
		behind_prefix = at;
	}
	if ((end = skip_tailed_word(text, behind_prefix)) > behind_prefix ||
		(end = skip_tailed_word(text, at)) > at ||
		(end = skip(text, behind_prefix, WORD_HEAD)) > behind_prefix) {
		return skip_contraction(text, end, true);
	}
	return at;
}

size_t split_o200k(struct slice text, size_t at) {
	size_t end;
	if ((end = skip_o200k_word(text, at)) > at || (end = skip_numbers(text, at, 3)) > at) {
		return end;
	}
	if ((end = skip_spaced(text, at, PUNCTUATION)) > at) {
		size_t next = end;
		while (class_at(text, end, &next) == CLASS_NEWLINE ||
			(end < text.len && text.data[end] == '/')) {
			end = next;
		}
		return end;
	}
	return skip_spaces(text, at, true);
}

/* ---- cl100k ---- */

size_t split_cl100k(struct slice text, size_t at) {
	size_t end, behind_prefix = at;
	if ((end = skip_contraction(text, at, true)) > at) {
		return end;
	}
	if (!is_in(class_at(text, at, &behind_prefix), WORD_PREFIX)) {
		behind_prefix = at;
	}
	if ((end = skip(text, behind_prefix, LETTERS)) > behind_prefix ||
		(end = skip_numbers(text, at, 3)) > at) {
		return end;
	}
	if ((end = skip_spaced(text, at, PUNCTUATION)) > at) {
		return skip(text, end, NEWLINES);
	}
	/* Spaces that end the text stay together, newlines among them (`\s+$`). */
	end = skip(text, at, SPACES);
	return end == text.len ? end : skip_spaces(text, at, true);
}

/* ---- p50k, r50k ---- */

size_t split_r50k(struct slice text, size_t at) {
	size_t end;
	if ((end = skip_contraction(text, at, false)) > at ||
		(end = skip_spaced(text, at, LETTERS)) > at ||
		(end = skip_spaced(text, at, NUMBERS)) > at ||
		(end = skip_spaced(text, at, PUNCTUATION)) > at) {
		return end;
	}
	return skip_spaces(text, at, false);
}
