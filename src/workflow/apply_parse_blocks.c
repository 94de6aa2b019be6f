/* apply_parse_blocks.c: search/replace blocks (workflows.md 7.2 row 6):
 *
 *   src/a.c
 *   <<<<<<< SEARCH
 *   old
 *   =======
 *   new
 *   >>>>>>> REPLACE
 */
#include "workflow/apply_parse.h"

#define MARK_MIN ((size_t)5)

/* A line of a repeated mark and, perhaps, a word: "<<<<<<< SEARCH". */
static bool is_mark(struct slice line, char mark, const char *word) {
	size_t count = 0;
	while (count < line.len && line.data[count] == mark) {
		count++;
	}
	return count >= MARK_MIN && slice_is(slice_trim(slice_from(line, count)), word);
}

bool reply_is_block_start(struct slice line) {
	return is_mark(line, '<', "SEARCH");
}

bool reply_read_block(
	struct reply *reply, const struct reply_lines *lines, size_t *at, struct slice path) {
	size_t start = *at, divider = 0, dividers = 0, end = start + 1;
	for (; end < lines->len && !is_mark(lines->items[end], '>', "REPLACE") &&
		!reply_is_block_start(lines->items[end]);
		end++) {
		if (is_mark(lines->items[end], '=', "")) {
			divider = end;
			dividers++;
		}
	}
	size_t number = lines->first_number + start;
	if (!path.data) {
		return error_set(reply->error, ERROR_UNPROCESSABLE,
			"the search/replace block at line %zu of the reply names no file: put the "
			"path on the line before it",
			number);
	}
	if (end == lines->len || reply_is_block_start(lines->items[end])) {
		return error_set(reply->error, ERROR_UNPROCESSABLE,
			"the search/replace block of %.*s at line %zu of the reply has no "
			"\">>>>>>> REPLACE\" line: the reply seems to be cut off",
			SLICE_FMT(path), number);
	}
	if (dividers != 1) {
		return error_set(reply->error, ERROR_UNPROCESSABLE,
			"the search/replace block of %.*s at line %zu of the reply has %zu "
			"\"=======\" lines where one belongs%s",
			SLICE_FMT(path), number, dividers,
			dividers > 1 ? "; a text that has such a line can be edited by JSON" : "");
	}
	struct reply_lines old = reply_lines_part(lines, start + 1, divider);
	struct reply_lines new = reply_lines_part(lines, divider + 1, end);
	struct edit *edit = reply_add(reply, EDIT_FORMAT_BLOCKS, EDIT_REPLACE, path, number);
	edit->old_text = reply_lines_join(reply->arena, &old);
	edit->new_text = reply_lines_join(reply->arena, &new);
	*at = end + 1;
	return true;
}
