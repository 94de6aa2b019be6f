/* filters_text.c: filters from text to text, or to parts of it (workflows.md 6.4, 6.5). */
#include "base/encoding.h"
#include "template/builtins.h"

typedef bool append_function(struct buf *out, struct slice text);

static bool map_text(struct template_run *run, const struct value_arguments *arguments,
	const char *what, append_function *append, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, what, arguments);
	struct slice subject = builtin_subject_text(&reader);
	if (!template_reader_done(&reader, 1) || !template_spend(run, subject.len / 16)) {
		return false;
	}
	builtin_buf(run, &text);
	append(&text, subject);
	return builtin_return_text(run, &text, out);
}

bool filter_upper(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_text(run, arguments, "filter upper", unicode_append_upper, out);
}

bool filter_lower(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_text(run, arguments, "filter lower", unicode_append_lower, out);
}

static bool append_capitalized(struct buf *out, struct slice text) {
	struct slice rest = text;
	if (text.len > 0) {
		unicode_next(&rest);
		unicode_append_upper(out, slice_sub(text, 0, text.len - rest.len));
		unicode_append_lower(out, rest);
	}
	return !out->failed;
}

bool filter_capitalize(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_text(run, arguments, "filter capitalize", append_capitalized, out);
}

static bool parts_words(uint32_t code) {
	return unicode_is_space(code) || (code >= '!' && code <= '/') ||
	       (code >= ':' && code <= '@') || (code >= '[' && code <= '`') ||
	       (code >= '{' && code <= '~');
}

static bool append_title(struct buf *out, struct slice text) {
	bool is_first = true;
	while (text.len > 0) {
		struct slice before = text;
		uint32_t code = unicode_next(&text);
		struct slice one = slice_sub(before, 0, before.len - text.len);
		if (parts_words(code)) {
			buf_append(out, one);
		} else if (is_first) {
			unicode_append_upper(out, one);
		} else {
			unicode_append(out, unicode_lower(code));
		}
		is_first = parts_words(code);
	}
	return !out->failed;
}

bool filter_title(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	return map_text(run, arguments, "filter title", append_title, out);
}

bool filter_string(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter string", arguments);
	struct value subject = value_plain(builtin_subject(&reader), template_run_arena(run));
	bool is_safe = subject.type == VALUE_STRING && subject.is_safe;
	*out = value_string(builtin_text(&reader, subject));
	out->is_safe = is_safe;
	return template_reader_done(&reader, 1);
}

bool filter_trim(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter trim", arguments);
	struct slice text = builtin_subject_text(&reader);
	struct slice set = template_take_text(&reader, 1, "chars", SLICE(""));
	*out = value_string(unicode_trim(text, set));
	return template_reader_done(&reader, 2);
}

bool filter_replace(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter replace", arguments);
	struct slice rest = builtin_subject_text(&reader);
	struct slice from = builtin_text(&reader, template_take_required(&reader, 1, "old"));
	struct slice to = builtin_text(&reader, template_take_required(&reader, 2, "new"));
	if (!template_reader_done(&reader, 3) || !template_spend(run, rest.len / 16)) {
		return false;
	}
	builtin_buf(run, &text);
	while (from.len > 0 && !text.failed) {
		size_t at = slice_find(rest, from);
		if (at == SIZE_MAX) {
			break;
		}
		buf_append(&text, slice_sub(rest, 0, at));
		buf_append(&text, to);
		rest = slice_from(rest, at + from.len);
	}
	/* An empty text stands between all characters, as Python has it. */
	while (from.len == 0 && rest.len > 0 && !text.failed) {
		buf_append(&text, to);
		unicode_append(&text, unicode_next(&rest));
	}
	buf_append(&text, from.len == 0 ? to : rest);
	return builtin_return_text(run, &text, out);
}

/* ---- parts ---- */

/* The next word of `rest`, without white space around; false when there is none. */
static bool next_word(struct slice *rest, struct slice *word) {
	struct slice at = *rest;
	while (at.len > 0 && unicode_is_space(unicode_next(&at))) {
		*rest = at;
	}
	*word = *rest;
	at = *rest;
	while (at.len > 0) {
		struct slice before = at;
		if (unicode_is_space(unicode_next(&at))) {
			at = before;
			break;
		}
	}
	word->len = rest->len - at.len;
	*rest = at;
	return word->len > 0;
}

static bool split_words(
	struct template_run *run, struct slice rest, int64_t max, struct value_list *list) {
	struct slice word;
	while (max != 0 && next_word(&rest, &word)) {
		if (!template_spend(run, 1) || !builtin_push(run, list, value_string(word))) {
			return false;
		}
		max -= max > 0;
	}
	struct slice first = rest;
	if (!next_word(&first, &word)) {
		return true;
	}
	/* What the last cut leaves keeps the white space within it. */
	size_t len = (size_t)(rest.data + rest.len - word.data);
	return builtin_push(run, list, value_string(slice_make(word.data, len)));
}

static bool split_at(struct template_run *run, struct slice rest, struct slice separator,
	int64_t max, struct value_list *list) {
	while (max != 0) {
		size_t at = slice_find(rest, separator);
		if (at == SIZE_MAX) {
			break;
		}
		if (!template_spend(run, 1) ||
			!builtin_push(run, list, value_string(slice_sub(rest, 0, at)))) {
			return false;
		}
		rest = slice_from(rest, at + separator.len);
		max -= max > 0;
	}
	return builtin_push(run, list, value_string(rest));
}

bool filter_split(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter split", arguments);
	struct value subject = value_plain(builtin_subject(&reader), template_run_arena(run));
	if (subject.type != VALUE_STRING && !reader.has_failed) {
		return builtin_fail(&reader, "%s is not text", value_kind_name(subject));
	}
	struct slice text = subject.string;
	struct slice separator = template_take_text(&reader, 1, "sep", slice_make(NULL, 0));
	int64_t max = template_take_int(&reader, 2, "maxsplits", -1);
	if (!template_reader_done(&reader, 3) || !template_spend(run, text.len / 16)) {
		return false;
	}
	if (separator.data && separator.len == 0) {
		return builtin_fail(&reader, "the separator is empty");
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	return separator.data ? split_at(run, text, separator, max, list)
			      : split_words(run, text, max, list);
}

bool filter_lines(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter lines", arguments);
	struct slice rest = builtin_subject_text(&reader), line;
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	struct value_list *list = value_list_new(template_run_arena(run));
	*out = value_of_list(list);
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		bool has_return = rest.data && line.len > 0 && line.data[line.len - 1] == '\r';
		line.len -= has_return;
		if (!template_spend(run, 1) || !builtin_push(run, list, value_string(line))) {
			return false;
		}
	}
	return true;
}

/* ---- layout ---- */

static struct slice without_line_end(struct slice text) {
	text.len -= slice_ends_with(text, SLICE("\n"));
	text.len -= slice_ends_with(text, SLICE("\r"));
	return text;
}

static void append_blanks(struct buf *out, size_t count) {
	char *at = buf_reserve(out, count);
	if (at && count > 0) {
		memset(at, ' ', count);
		buf_commit(out, count);
	}
}

bool filter_indent(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter indent", arguments);
	struct slice rest = without_line_end(builtin_subject_text(&reader)), line;
	builtin_require(&reader, 1, "width");
	size_t width = builtin_take_count(&reader, 1, "width", 4, 0);
	bool indents_first = template_take_bool(&reader, 2, "first", false);
	bool indents_blank = template_take_bool(&reader, 3, "blank", false);
	if (!template_reader_done(&reader, 4)) {
		return false;
	}
	builtin_buf(run, &text);
	bool is_first = true;
	while (!text.failed && slice_split(&rest, '\n', &line)) {
		if (!template_spend(run, 1)) {
			buf_finish(&text);
			return false;
		}
		buf_append_str(&text, is_first ? "" : "\n");
		if ((!is_first || indents_first) && (line.len > 0 || indents_blank)) {
			append_blanks(&text, width);
		}
		buf_append(&text, line);
		is_first = false;
	}
	return builtin_return_text(run, &text, out);
}

/* The first `count` characters. */
static struct slice first_characters(struct slice text, size_t count) {
	struct slice rest = text;
	while (rest.len > 0 && count-- > 0) {
		unicode_next(&rest);
	}
	return slice_sub(text, 0, text.len - rest.len);
}

bool filter_truncate(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter truncate", arguments);
	struct slice subject = builtin_subject_text(&reader);
	size_t length = builtin_take_count(&reader, 1, "length", 255, 0);
	bool cuts_words = template_take_bool(&reader, 2, "killwords", false);
	struct slice end = template_take_text(&reader, 3, "end", SLICE("..."));
	size_t leeway = builtin_take_count(&reader, 4, "leeway", 0, 0);
	if (!template_reader_done(&reader, 5) || !template_spend(run, subject.len / 64)) {
		return false;
	}
	size_t characters = utf8_length(subject), end_length = utf8_length(end);
	if (characters <= length || characters - length <= leeway) {
		*out = value_string(subject);
		return true;
	}
	if (end_length > length) {
		return builtin_fail(&reader, "`length` is less than the length of `end`");
	}
	struct slice kept = first_characters(subject, length - end_length);
	const char *blank = kept.len > 0 ? memrchr(kept.data, ' ', kept.len) : NULL;
	if (!cuts_words && blank) {
		kept.len = (size_t)(blank - kept.data);
	}
	builtin_buf(run, &text);
	buf_append(&text, kept);
	buf_append(&text, end);
	return builtin_return_text(run, &text, out);
}

struct wrapping {
	struct buf *out;
	struct slice separator;
	size_t width, column;
	bool cuts_words;
};

static void wrap_word(struct wrapping *wrapping, struct slice word) {
	size_t length = utf8_length(word);
	if (wrapping->column > 0 && wrapping->column + 1 + length > wrapping->width) {
		buf_append(wrapping->out, wrapping->separator);
		wrapping->column = 0;
	} else if (wrapping->column > 0) {
		buf_append_byte(wrapping->out, ' ');
		wrapping->column++;
	}
	while (wrapping->cuts_words && length > wrapping->width) {
		struct slice head = first_characters(word, wrapping->width);
		buf_append(wrapping->out, head);
		buf_append(wrapping->out, wrapping->separator);
		word = slice_from(word, head.len);
		length -= wrapping->width;
	}
	buf_append(wrapping->out, word);
	wrapping->column += length;
}

bool filter_wordwrap(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter wordwrap", arguments);
	struct slice rest = builtin_subject_text(&reader), line, word;
	struct wrapping wrapping = {.out = &text};
	wrapping.width = builtin_take_count(&reader, 1, "width", 79, 1);
	wrapping.cuts_words = template_take_bool(&reader, 2, "break_long_words", true);
	wrapping.separator = template_take_text(&reader, 3, "wrapstring", SLICE("\n"));
	if (!template_reader_done(&reader, 4) || !template_spend(run, rest.len / 8)) {
		return false;
	}
	builtin_buf(run, &text);
	bool is_first = true;
	while (!text.failed && slice_split(&rest, '\n', &line)) {
		buf_append_str(&text, is_first ? "" : "\n");
		is_first = false;
		wrapping.column = 0;
		while (next_word(&line, &word)) {
			wrap_word(&wrapping, word);
		}
	}
	return builtin_return_text(run, &text, out);
}

/* ---- paths ---- */

static struct slice without_slashes(struct slice path) {
	while (path.len > 1 && path.data[path.len - 1] == '/') {
		path.len--;
	}
	return path;
}

/* Where the last part of the path begins. */
static size_t last_part(struct slice path) {
	const char *slash = path.len > 0 ? memrchr(path.data, '/', path.len) : NULL;
	return slash ? (size_t)(slash - path.data) + 1 : 0;
}

bool filter_basename(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter basename", arguments);
	struct slice path = without_slashes(builtin_subject_text(&reader));
	*out = value_string(slice_is(path, "/") ? path : slice_from(path, last_part(path)));
	return template_reader_done(&reader, 1);
}

bool filter_dirname(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter dirname", arguments);
	struct slice path = without_slashes(builtin_subject_text(&reader));
	struct slice parent = slice_sub(path, 0, last_part(path));
	*out = value_string(parent.len == 0 ? SLICE(".") : without_slashes(parent));
	return template_reader_done(&reader, 1);
}
