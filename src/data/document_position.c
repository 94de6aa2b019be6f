/* document_position.c: where a byte of a decoded string stands in the file it was written in. */
#include "data/document.h"

struct walk {
	const char *at, *end;
	uint32_t line, column;
};

/* One byte of the source; columns count code points. */
static void step(struct walk *walk) {
	if (*walk->at == '\n') {
		walk->line++;
		walk->column = 1;
	} else {
		walk->column += ((unsigned char)walk->at[0] & 0xc0) != 0x80;
	}
	walk->at++;
	/* A column is that of the character that comes, whole. */
	while (walk->at < walk->end && ((unsigned char)*walk->at & 0xc0) == 0x80) {
		walk->at++;
	}
}

static void steps(struct walk *walk, size_t count) {
	while (count-- > 0 && walk->at < walk->end) {
		step(walk);
	}
}

static bool starts(const struct walk *walk, const char *text) {
	return slice_starts_with(
		slice_make(walk->at, (size_t)(walk->end - walk->at)), slice_of(text));
}

/* The number of hexadecimal digits at `at`, as a value; -1 when they are fewer than `count`. */
static int64_t hex_value(const struct walk *walk, size_t from, size_t count) {
	int64_t value = 0;
	if ((size_t)(walk->end - walk->at) < from + count) {
		return -1;
	}
	for (size_t i = from; i < from + count; i++) {
		char c = walk->at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

static size_t utf8_length(int64_t code) {
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* An escape of JSON, TOML or YAML at a backslash; returns the bytes it stands for. */
static size_t skip_escape(struct walk *walk) {
	char kind = walk->at + 1 < walk->end ? walk->at[1] : '\0';
	size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : kind == 'x' ? 2 : 0;
	if (digits > 0) {
		int64_t code = hex_value(walk, 2, digits);
		steps(walk, 2 + digits);
		if (code >= 0xd800 && code < 0xdc00 && starts(walk, "\\u")) {
			steps(walk, 6); /* a pair of surrogates is one character */
			return 4;
		}
		return code < 0 ? 1 : utf8_length(code);
	}
	if (kind == '\n' || kind == '\r' || kind == ' ' || kind == '\t') {
		/* A line that goes on: the break and the blanks behind it are nothing. */
		step(walk);
		while (walk->at < walk->end &&
			slice_find_byte(SLICE(" \t\r\n"), *walk->at) != SIZE_MAX) {
			step(walk);
		}
		return 0;
	}
	steps(walk, 2);
	return 1;
}

/* One character of the string; returns how many decoded bytes it is. */
static size_t skip_character(struct walk *walk, bool has_escapes, bool doubles_quotes) {
	if (has_escapes && *walk->at == '\\') {
		return skip_escape(walk);
	}
	if (starts(walk, "\r\n")) {
		steps(walk, 2);
		return 1;
	}
	if (doubles_quotes && starts(walk, "''")) {
		steps(walk, 2);
		return 1;
	}
	const char *before = walk->at;
	step(walk);
	return (size_t)(walk->at - before);
}

void document_string_position(struct slice source, const struct json *string, size_t offset,
	uint32_t *line, uint32_t *column) {
	struct walk walk = {source.data, source.data + source.len, 1, 1};
	*line = string->line;
	*column = string->column;
	while (walk.at < walk.end &&
		(walk.line < string->line ||
			(walk.line == string->line && walk.column < string->column))) {
		step(&walk);
	}
	if (walk.at >= walk.end || walk.line != string->line ||
		(*walk.at != '"' && *walk.at != '\'')) {
		return; /* a plain or block scalar of YAML */
	}
	char quote = *walk.at;
	bool is_multi_line = starts(&walk, quote == '"' ? "\"\"\"" : "'''");
	steps(&walk, is_multi_line ? 3 : 1);
	if (is_multi_line && (starts(&walk, "\n") || starts(&walk, "\r\n"))) {
		steps(&walk, *walk.at == '\r' ? 2 : 1);
	}
	size_t decoded = 0;
	while (decoded < offset && walk.at < walk.end) {
		decoded += skip_character(&walk, quote == '"', quote == '\'' && !is_multi_line);
	}
	/* An escaped line break in front of the byte is passed too. */
	while (quote == '"' && walk.at + 1 < walk.end && walk.at[0] == '\\' &&
		(walk.at[1] == '\n' || walk.at[1] == '\r')) {
		skip_escape(&walk);
	}
	*line = walk.line;
	*column = walk.column;
}
