/* template_shell.c: fuzz target: any shell text with any value in its holes. The text behind byte 2
 * is the value, byte 1 is a hole. Read again from the start as mere text, what was written must
 * lead into the same quotes and substitutions: nothing of a value was taken for one. */
#include <stdint.h>
#include <stdlib.h>

#include "template/shell_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool write_all(
	struct shell_lexer *lexer, struct slice text, struct slice value, struct buf *out) {
	const char *problem = NULL;
	struct slice part;
	bool is_first = true;
	while (slice_split(&text, '\x01', &part)) {
		if ((!is_first && !shell_emit_value(lexer, value, out, &problem)) ||
			!shell_emit_literal(lexer, part, out, &problem)) {
			return false;
		}
		is_first = false;
	}
	return shell_finish(lexer, &problem);
}

static void check_same(const struct shell_lexer *a, const struct shell_lexer *b) {
	if (a->depth != b->depth) {
		abort();
	}
	for (size_t i = 0; i < a->depth; i++) {
		/* What was $'...' is '...' when it is read again. */
		uint8_t kind = a->frames[i].kind == SHELL_ANSI ? SHELL_SINGLE : a->frames[i].kind;
		if (kind != b->frames[i].kind) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size), value = SLICE("");
	size_t at = slice_find_byte(text, '\x02');
	if (at != SIZE_MAX) {
		value = slice_from(text, at + 1);
		text = slice_sub(text, 0, at);
	}
	struct arena arena;
	struct buf out, again;
	const char *problem = NULL;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 1 << 22);
	buf_init(&again, 1 << 22);
	struct shell_lexer *lexer = shell_lexer_new(&arena);
	struct shell_lexer *reader = shell_lexer_new(&arena);
	if (write_all(lexer, text, value, &out) && !lexer->lost &&
		shell_emit_literal(reader, buf_slice(&out), &again, &problem) && !reader->lost) {
		check_same(lexer, reader);
	}
	buf_finish(&out);
	buf_finish(&again);
	arena_finish(&arena);
	return 0;
}
