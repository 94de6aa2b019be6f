/* yaml_block.c: the text of block scalars, `|` and `>` (YAML 1.2.2, chapter 8.1), from the source.
 *
 * libfyaml 0.7.12 finds where they begin and end, but it sizes and fills its copy by two different
 * rules: the text of some folded and empty ones is cut, or ends in memory that was never written.
 */
#include "data/yaml_internal.h"

struct header {
	bool is_folded;
	char chomping; /* '-', '+' or 0 */
	size_t indent; /* explicit, 0 = to be found */
};

/* `|`, `>2-` and so on up to the end of the line, with an optional comment. */
static bool parse_header(struct slice text, struct header *header) {
	*header = (struct header){.is_folded = text.data[0] == '>'};
	size_t at = 1;
	for (; at < text.len && at < 3; at++) {
		char byte = text.data[at];
		if (byte >= '1' && byte <= '9' && header->indent == 0) {
			header->indent = (size_t)(byte - '0');
		} else if ((byte == '-' || byte == '+') && header->chomping == 0) {
			header->chomping = byte;
		} else {
			break;
		}
	}
	size_t blanks = 0;
	while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\t')) {
		at++;
		blanks++;
	}
	return at == text.len || (blanks > 0 && text.data[at] == '#');
}

static struct header find_header(struct slice line) {
	struct header header = {0};
	for (size_t i = 0; i < line.len; i++) {
		if ((line.data[i] == '|' || line.data[i] == '>') &&
			parse_header(slice_from(line, i), &header)) {
			break;
		}
	}
	return header;
}

/* Takes a line without its break; false at the end. */
static bool next_line(struct slice *rest, struct slice *line, bool *has_break) {
	if (rest->len == 0) {
		return false;
	}
	size_t end = 0;
	while (end < rest->len && rest->data[end] != '\n' && rest->data[end] != '\r') {
		end++;
	}
	*line = slice_sub(*rest, 0, end);
	*has_break = end < rest->len;
	bool is_pair =
		end + 1 < rest->len && rest->data[end] == '\r' && rest->data[end + 1] == '\n';
	*rest = slice_from(*rest, end + *has_break + is_pair);
	return true;
}

static size_t count_spaces(struct slice line) {
	size_t count = 0;
	while (count < line.len && line.data[count] == ' ') {
		count++;
	}
	return count;
}

/* The indentation of the first line that is not blank. */
static size_t find_indent(struct slice body) {
	struct slice line;
	bool has_break;
	size_t widest = 0;
	while (next_line(&body, &line, &has_break)) {
		size_t spaces = count_spaces(line);
		if (spaces < line.len) {
			return spaces;
		}
		widest = spaces > widest ? spaces : widest;
	}
	return widest;
}

static void add_breaks(struct buf *out, size_t count) {
	while (count-- > 0) {
		buf_append_byte(out, '\n');
	}
}

void yaml_block_text(
	struct slice header_line, struct slice body, size_t parent_indent, struct buf *out) {
	struct header header = find_header(header_line);
	size_t indent = header.indent ? parent_indent + header.indent : find_indent(body);
	size_t empty = 0; /* empty lines since the last with text */
	bool has_text = false, was_indented = false, has_break = false, ended_with_break = false;
	struct slice line;
	while (next_line(&body, &line, &has_break)) {
		size_t spaces = count_spaces(line);
		if (spaces == line.len && spaces <= indent) {
			empty += has_break;
			continue;
		}
		if (spaces < indent) {
			break; /* a comment behind the text */
		}
		line = slice_from(line, indent);
		bool is_indented = line.data[0] == ' ' || line.data[0] == '\t';
		if (!has_text) {
			add_breaks(out, empty);
		} else if (header.is_folded && !is_indented && !was_indented) {
			if (empty == 0) {
				buf_append_byte(out, ' ');
			}
			add_breaks(out, empty);
		} else {
			add_breaks(out, empty + 1);
		}
		buf_append(out, line);
		has_text = true;
		was_indented = is_indented;
		ended_with_break = has_break;
		empty = 0;
	}
	if (header.chomping != '-' && has_text && ended_with_break) {
		add_breaks(out, 1);
	}
	if (header.chomping == '+') {
		add_breaks(out, empty);
	}
}
