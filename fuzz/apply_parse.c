/* apply_parse.c: fuzz target of the readers of edits: whatever a model says, there are whole edits
 * or an error; and each edit of a text either makes a text or says why not. */
#include <stdlib.h>

#include "workflow/apply.h"
#include "workflow/apply_match.h"
#include "workflow/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_edit(const struct edit *edit, size_t number) {
	bool is_whole = edit->path.data && edit->number == number;
	switch (edit->kind) {
	case EDIT_REPLACE:
		is_whole &= edit->old_text.data && edit->new_text.data && edit->count >= 0;
		break;
	case EDIT_CONTENT:
		is_whole &= edit->content.data != NULL;
		break;
	case EDIT_HUNKS:
		is_whole &= edit->hunk_count > 0;
		break;
	case EDIT_RENAME:
		is_whole &= edit->new_path.data != NULL;
		break;
	case EDIT_DELETE:
		break;
	}
	for (size_t i = 0; is_whole && i < edit->hunk_count; i++) {
		is_whole = edit->hunks[i].count > 0;
	}
	if (!is_whole) {
		abort();
	}
}

/* The input itself is the text: so parts of edits are often found in it. */
static void try_edit(const struct edit *edit, struct slice bytes) {
	struct text text;
	struct buf out, detail;
	struct error error = {0};
	if (edit->kind != EDIT_HUNKS && (edit->kind != EDIT_REPLACE || edit->old_text.len == 0)) {
		return;
	}
	buf_init(&out, 0);
	buf_init(&detail, 0);
	text_init(&text, bytes);
	struct apply_failure failure = {edit, "file", &detail, &error};
	bool is_ok = edit->kind == EDIT_HUNKS ? apply_hunks(&text, &failure, &out)
					      : apply_replace(&text, &failure, &out);
	if (is_ok != (error.kind == ERROR_NONE)) {
		abort();
	}
	if (is_ok) {
		struct buf diff;
		buf_init(&diff, 0);
		diff_unified(bytes, buf_slice(&out), "a/file", "b/file", &diff);
		if ((diff.len == 0) != slice_eq(bytes, buf_slice(&out))) {
			abort();
		}
		buf_finish(&diff);
	}
	text_finish(&text);
	buf_finish(&out);
	buf_finish(&detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice bytes = slice_make((const char *)data, size);
	struct arena arena;
	struct edit_set set;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	bool is_ok = apply_parse(bytes, &arena, &set, &error);
	if (is_ok != (error.kind == ERROR_NONE) || (is_ok && set.len == 0)) {
		abort();
	}
	for (size_t i = 0; is_ok && i < set.len; i++) {
		check_edit(&set.items[i], i + 1);
		if (i < 8) {
			try_edit(&set.items[i], bytes);
		}
	}
	arena_finish(&arena);
	return 0;
}
