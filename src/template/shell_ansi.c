/* shell_ansi.c: $'...' of the author's, rewritten as the '...' it means: an older sh (dash) reads
 * it as `$` and a quote, and would find another end of it. Values need no second set of rules then.
 */
#include "base/encoding.h"
#include "template/shell_internal.h"

static void write_decoded(
	struct shell_lexer *lexer, const struct shell_frame *frame, const char *bytes, size_t len) {
	for (size_t i = 0; i < len && !frame->is_cut; i++) {
		struct slice one = bytes[i] == '\'' ? SLICE("'\\''") : slice_make(bytes + i, 1);
		shell_put(lexer, lexer->depth - 1, one);
	}
	lexer->unit_at = lexer->out->len;
}

static void end_number(struct shell_lexer *lexer, struct shell_frame *frame) {
	char bytes[4] = {(char)frame->number};
	size_t len = frame->is_code_point ? utf8_encode(frame->number, bytes) : 1;
	frame->number_base = 0;
	/* bash ends the string there. */
	frame->is_cut =
		frame->is_cut || (frame->number & (frame->is_code_point ? ~0U : 0xffU)) == 0;
	write_decoded(lexer, frame, bytes, len);
}

static int digit_of(char byte, unsigned base) {
	int digit = byte >= '0' && byte <= '9'   ? byte - '0'
		    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
		    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
						 : -1;
	return digit < (int)base ? digit : -1;
}

static void begin_number(struct shell_frame *frame, uint8_t base, uint8_t digits) {
	frame->number_base = base;
	frame->number_left = digits;
	frame->number = 0;
	frame->is_code_point = digits >= 4;
}

/* The letter behind the backslash; false when it begins a numeric escape. */
static void escape_letter(struct shell_lexer *lexer, struct shell_frame *frame, char byte) {
	static const char letters[] = "abeEfnrtv\\'\"?";
	static const char meanings[] = "\a\b\033\033\f\n\r\t\v\\'\"?";
	const char *found = byte ? strchr(letters, byte) : NULL;
	if (found) {
		write_decoded(lexer, frame, &meanings[found - letters], 1);
	} else if (byte == 'x') {
		begin_number(frame, 16, 2);
	} else if (byte == 'u' || byte == 'U') {
		begin_number(frame, 16, byte == 'u' ? 4 : 8);
	} else if (byte == 'c') {
		frame->is_control = true;
	} else if (digit_of(byte, 8) >= 0) {
		begin_number(frame, 8, 2);
		frame->number = (uint32_t)digit_of(byte, 8);
	} else {
		char both[2] = {'\\', byte};
		write_decoded(lexer, frame, both, sizeof both);
	}
}

void shell_ansi_settle(struct shell_lexer *lexer) {
	struct shell_frame *frame = shell_top(lexer);
	if (frame->number_base != 0) {
		end_number(lexer, frame);
	} else if (frame->is_control) {
		write_decoded(lexer, frame, "\\c", 2);
	} else if (frame->is_escaped) {
		write_decoded(lexer, frame, "\\", 1);
	}
	frame->is_control = false;
	frame->is_escaped = false;
}

void shell_ansi_byte(struct shell_lexer *lexer, char byte) {
	struct shell_frame *frame = shell_top(lexer);
	shell_take_back(lexer);
	if (frame->number_base != 0) {
		int digit = frame->number_left > 0 ? digit_of(byte, frame->number_base) : -1;
		if (digit >= 0) {
			frame->number = frame->number * frame->number_base + (uint32_t)digit;
			frame->number_left--;
			lexer->is_swallowed = true;
			return;
		}
		end_number(lexer, frame);
	}
	if (byte == '\'' && !frame->is_escaped && !frame->is_control) {
		shell_pop(lexer);
		return;
	}
	lexer->is_swallowed = true;
	if (frame->is_control) {
		char control = (char)(byte & 0x1f);
		frame->is_control = false;
		write_decoded(lexer, frame, &control, 1);
	} else if (frame->is_escaped) {
		frame->is_escaped = false;
		escape_letter(lexer, frame, byte);
	} else if (byte == '\\') {
		frame->is_escaped = true;
	} else {
		write_decoded(lexer, frame, &byte, 1);
	}
}
