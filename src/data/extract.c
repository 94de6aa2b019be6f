/* extract.c: the JSON in a model's reply (workflows.md 2.6).
 *
 * The order matters: a fence tagged json wins over earlier braces in prose, and a scalar counts
 * only when it is the whole text. Every candidate is parsed strictly; the first that parses is it.
 */
#include "data/extract.h"

/* Bytes looked at for prose, over all candidates: each one costs up to the rest of the text, and a
 * reply made of brackets would cost its square. */
#define PROSE_BUDGET ((size_t)256 * 1024 * 1024)

static const struct json *parse(struct arena *arena, struct slice text) {
	struct error error;
	text = slice_trim(text);
	return text.len > 0 ? json_parse(arena, text, NULL, &error) : NULL;
}

/* The next line with its end; false at the end of the text. */
static bool next_line(struct slice text, size_t *at, struct slice *line) {
	if (*at >= text.len) {
		return false;
	}
	size_t end = slice_find_byte(slice_from(text, *at), '\n');
	end = end == SIZE_MAX ? text.len : *at + end + 1;
	*line = slice_sub(text, *at, end - *at);
	*at = end;
	return true;
}

/* The length of a line's run of ` or ~ when it can open a fence (at most three blanks before it);
 * 0 when not. *info is what follows. */
static size_t fence_of(struct slice line, char *mark, struct slice *info) {
	size_t at = 0;
	while (at < line.len && at < 3 && line.data[at] == ' ') {
		at++;
	}
	size_t begin = at;
	while (at < line.len && (line.data[at] == '`' || line.data[at] == '~') &&
		line.data[at] == line.data[begin]) {
		at++;
	}
	if (at - begin < 3) {
		return 0;
	}
	*mark = line.data[begin];
	*info = slice_trim(slice_from(line, at));
	return at - begin;
}

static bool is_json_tag(struct slice info) {
	return slice_istarts_with(info, SLICE("json")) &&
	       (info.len == 4 || info.data[4] == ' ' || info.data[4] == '\t' ||
		       info.data[4] == '{');
}

/* The first fence, tagged json or not as asked, whose content parses. A fence that is never closed
 * ends with the text. */
static const struct json *from_fences(struct arena *arena, struct slice text, bool wants_tag) {
	size_t at = 0;
	struct slice line, info, other;
	char mark = 0, other_mark;
	while (next_line(text, &at, &line)) {
		size_t length = fence_of(line, &mark, &info);
		/* Inline code is no fence: ```x``` */
		if (length == 0 || (mark == '`' && slice_find_byte(info, '`') != SIZE_MAX)) {
			continue;
		}
		size_t begin = at, end = at;
		while (next_line(text, &at, &line)) {
			size_t closing = fence_of(line, &other_mark, &other);
			if (closing >= length && other_mark == mark && other.len == 0) {
				break;
			}
			end = at;
		}
		const struct json *found = NULL;
		if (is_json_tag(info) == wants_tag) {
			found = parse(arena, slice_sub(text, begin, end - begin));
		}
		if (found) {
			return found;
		}
	}
	return NULL;
}

/* The end of the value that begins with the bracket at `begin`: balanced, strings and escapes
 * respected. SIZE_MAX when it is never closed. */
static size_t balanced_end(struct slice text, size_t begin) {
	size_t depth = 0;
	bool in_string = false;
	for (size_t i = begin; i < text.len; i++) {
		char c = text.data[i];
		if (in_string) {
			if (c == '\\') {
				i++;
			} else if (c == '"') {
				in_string = false;
			}
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return SIZE_MAX;
}

static const struct json *from_prose(struct arena *arena, struct slice text) {
	size_t budget = PROSE_BUDGET;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '{' && text.data[i] != '[') {
			continue;
		}
		size_t end = balanced_end(text, i);
		size_t cost = end == SIZE_MAX ? text.len - i : 2 * (end - i);
		if (cost > budget) {
			return NULL;
		}
		budget -= cost;
		if (end == SIZE_MAX) {
			continue;
		}
		const struct json *found = parse(arena, slice_sub(text, i, end - i));
		if (found) {
			return found;
		}
	}
	return NULL;
}

/* Without a leading line "=== name ===" (3.3). */
static struct slice skip_header(struct slice text) {
	size_t at = 0;
	struct slice line, trimmed = slice_trim(text);
	if (next_line(trimmed, &at, &line)) {
		line = slice_trim(line);
		if (line.len > 8 && slice_starts_with(line, SLICE("=== ")) &&
			slice_ends_with(line, SLICE(" ==="))) {
			return slice_from(trimmed, at);
		}
	}
	return text;
}

const struct json *extract_json(struct arena *arena, struct slice text, enum extract_step *step) {
	enum extract_step found_by = EXTRACT_FENCE_JSON;
	text = skip_header(text);
	const struct json *found = from_fences(arena, text, true);
	if (!found) {
		found_by = EXTRACT_FENCE;
		found = from_fences(arena, text, false);
	}
	if (!found) {
		found_by = EXTRACT_WHOLE;
		found = parse(arena, text);
	}
	if (!found) {
		found_by = EXTRACT_PROSE;
		found = from_prose(arena, text);
	}
	if (step) {
		*step = found ? found_by : EXTRACT_NONE;
	}
	return found;
}
