/* estimate.c: tokens of a text by the shape of its runs, without a vocabulary. */
#include "tokens/estimate.h"

/* What byte-pair tokenizers do with runs of one kind, measured in characters per token. */
enum run_kind {
	RUN_SPACE,
	RUN_LETTERS,
	RUN_DIGITS,
	RUN_OTHER_LETTERS, /* letters beyond ASCII that are not ideographs */
	RUN_SINGLE         /* punctuation, ideographs: one each */
};

static uint32_t next_code_point(struct slice text, size_t *at) {
	unsigned char lead = (unsigned char)text.data[*at];
	size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	uint32_t code = len == 1 ? lead : lead & (0xffu >> (len + 1));
	for (size_t i = 1; i < len && *at + i < text.len; i++) {
		code = code << 6 | ((unsigned char)text.data[*at + i] & 0x3f);
	}
	*at += len;
	return code;
}

static enum run_kind kind_of(uint32_t code) {
	if (code < 0x80) {
		bool is_letter = (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
		bool is_space = code == ' ' || code == '\t' || code == '\n' || code == '\r';
		return is_letter                    ? RUN_LETTERS
		       : code >= '0' && code <= '9' ? RUN_DIGITS
		       : is_space                   ? RUN_SPACE
						    : RUN_SINGLE;
	}
	/* CJK, kana, hangul and everything beyond the basic plane (emoji) */
	return code >= 0x2e80 ? RUN_SINGLE : RUN_OTHER_LETTERS;
}

/* A blank before a word belongs to the word; indents and blank lines are few tokens. */
static int64_t run_tokens(enum run_kind kind, int64_t length) {
	switch (kind) {
	case RUN_SPACE:
		return length > 1 ? 1 + length / 16 : 0;
	case RUN_LETTERS:
		return (length + 6) / 7;
	case RUN_DIGITS:
		return (length + 2) / 3;
	case RUN_OTHER_LETTERS:
		return (length + 2) / 3;
	default:
		return length;
	}
}

int64_t tokens_estimate(struct slice text) {
	int64_t total = 0, length = 0;
	enum run_kind kind = RUN_SINGLE;
	size_t at = 0;
	while (at < text.len) {
		enum run_kind next = kind_of(next_code_point(text, &at));
		if (next != kind) {
			total += run_tokens(kind, length);
			kind = next;
			length = 0;
		}
		length++;
	}
	total += run_tokens(kind, length);
	return total == 0 && text.len > 0 ? 1 : total;
}
