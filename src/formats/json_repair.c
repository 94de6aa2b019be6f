/* json_repair.c: mends arguments that were cut by a length limit or carry a trailing comma. */
#include "formats/json_repair.h"

#include "data/json.h"

#define MAX_DEPTH 64

/* Where a scan of the text ended. */
struct scan {
	char closers[MAX_DEPTH];
	size_t depth;
	bool in_string, is_escaped;
	bool is_hopeless;
};

static void scan_byte(struct scan *s, char byte) {
	if (s->in_string) {
		s->in_string = s->is_escaped || byte != '"';
		s->is_escaped = !s->is_escaped && byte == '\\';
	} else if (byte == '"') {
		s->in_string = true;
	} else if (byte == '{' || byte == '[') {
		if (s->depth == MAX_DEPTH) {
			s->is_hopeless = true;
			return;
		}
		s->closers[s->depth++] = byte == '{' ? '}' : ']';
	} else if (byte == '}' || byte == ']') {
		s->is_hopeless |= s->depth == 0 || s->closers[s->depth - 1] != byte;
		s->depth -= s->depth > 0;
	}
}

/* Copies the text without commas that stand before a closing bracket. */
static void copy_without_trailing_commas(struct slice text, struct buf *out, struct scan *s) {
	for (size_t i = 0; i < text.len && !s->is_hopeless; i++) {
		bool was_in_string = s->in_string;
		scan_byte(s, text.data[i]);
		if (!was_in_string && text.data[i] == ',') {
			struct slice rest = slice_trim(slice_from(text, i + 1));
			if (rest.len == 0 || rest.data[0] == '}' || rest.data[0] == ']') {
				continue;
			}
		}
		buf_append_byte(out, text.data[i]);
	}
}

static void close_all(struct buf *out, const struct scan *s) {
	if (s->is_escaped) {
		out->len--; /* a lone backslash at the cut */
	}
	if (s->in_string) {
		buf_append_byte(out, '"');
	}
	for (size_t i = s->depth; i-- > 0;) {
		buf_append_byte(out, s->closers[i]);
	}
}

/* One try: the text up to `len`, mended. */
static bool mend(struct slice text, struct buf *out) {
	struct scan s = {.depth = 0};
	buf_reset(out, SIZE_MAX);
	copy_without_trailing_commas(text, out, &s);
	if (s.is_hopeless) {
		return false;
	}
	close_all(out, &s);
	return json_is_valid(buf_slice(out));
}

struct slice json_repair(struct arena *arena, struct slice text) {
	struct buf out = {0};
	struct slice mended = {0};
	if (json_is_valid(text)) {
		return text;
	}
	/* A cut inside a key, a literal or behind a colon is mended by going back to the last comma
	 * or bracket; a few steps are enough, and bound the work. */
	struct slice rest = slice_trim(text);
	for (int tries = 0; tries < 8 && rest.len > 0; tries++) {
		if (mend(rest, &out)) {
			mended = arena_dup(arena, buf_slice(&out));
			break;
		}
		size_t at = rest.len - 1;
		while (at > 0 && rest.data[at] != ',' && rest.data[at] != '{' &&
			rest.data[at] != '[') {
			at--;
		}
		bool is_opener = rest.data[at] != ',';
		struct slice shorter = slice_sub(rest, 0, is_opener ? at + 1 : at);
		rest = shorter.len < rest.len ? shorter : slice_sub(rest, 0, rest.len - 1);
	}
	buf_finish(&out);
	return mended;
}

struct slice json_repair_object(struct arena *arena, struct slice args) {
	args = json_repair(arena, slice_trim(args));
	return args.len > 0 && args.data[0] == '{' ? args : SLICE("{}");
}
