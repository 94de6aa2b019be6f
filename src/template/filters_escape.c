/* filters_escape.c: filters that encode: for HTML, the shell, addresses, base64, digests. */
#include "base/encoding.h"
#include "template/builtins.h"

static struct value as_safe(struct value text) {
	text.is_safe = true;
	return text;
}

bool filter_escape(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter escape", arguments);
	struct value subject = value_plain(builtin_subject(&reader), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (subject.type == VALUE_STRING && subject.is_safe) {
		*out = subject;
		return true;
	}
	builtin_buf(run, &text);
	template_escape_html(builtin_text(&reader, subject), &text);
	bool is_ok = builtin_return_text(run, &text, out);
	*out = as_safe(*out);
	return is_ok && !reader.has_failed;
}

bool filter_safe(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter safe", arguments);
	*out = value_safe_string(builtin_subject_text(&reader));
	return template_reader_done(&reader, 1);
}

/* 'a'\''b' 'c': what shell_escape makes. Quoted again it would no longer be those words. */
static bool is_quoted(struct slice text) {
	if (text.len == 0) {
		return false;
	}
	while (text.len > 0) {
		size_t end = text.data[0] == '\'' ? slice_find_byte(slice_from(text, 1), '\'')
						  : SIZE_MAX;
		if (end == SIZE_MAX) {
			return false;
		}
		text = slice_from(text, end + 2);
		if (slice_starts_with(text, SLICE("\\''"))) {
			text = slice_from(text, 2);
		} else if (slice_starts_with(text, SLICE(" '"))) {
			text = slice_from(text, 1);
		} else if (text.len > 0) {
			return false;
		}
	}
	return true;
}

static bool quote_list(
	struct template_reader *reader, const struct value_list *list, struct buf *text) {
	for (size_t i = 0; i < list->len; i++) {
		if (!template_spend(reader->run, 1)) {
			return false;
		}
		buf_append_str(text, i > 0 ? " " : "");
		shell_quote_word(builtin_text(reader, list->items[i]), text);
	}
	return true;
}

bool filter_shell_escape(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter shell_escape", arguments);
	struct value subject = value_plain(builtin_subject(&reader), template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	if (subject.type == VALUE_STRING && subject.is_safe && is_quoted(subject.string)) {
		*out = subject;
		return true;
	}
	builtin_buf(run, &text);
	if (subject.type == VALUE_LIST) {
		quote_list(&reader, subject.list, &text);
	} else {
		shell_quote_word(builtin_text(&reader, subject), &text);
	}
	bool is_ok = builtin_return_text(run, &text, out);
	*out = as_safe(*out);
	return is_ok && !reader.has_failed;
}

/* ---- addresses ---- */

static void append_percent(struct buf *out, struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
				(byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
				byte == '.' || byte == '/';
		if (is_plain) {
			buf_append_byte(out, byte);
		} else {
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)byte);
		}
	}
}

/* A map as a query: what is none or undefined is left out. */
static void append_query(
	struct template_reader *reader, const struct value_map *map, struct buf *out) {
	bool is_first = true;
	for (size_t i = 0; i < map->len && template_spend(reader->run, 1); i++) {
		struct value item = map->items[i].value;
		if (item.type == VALUE_NONE || item.type == VALUE_UNDEFINED) {
			continue;
		}
		buf_append_str(out, is_first ? "" : "&");
		append_percent(out, builtin_text(reader, map->items[i].key));
		buf_append_byte(out, '=');
		append_percent(out, builtin_text(reader, item));
		is_first = false;
	}
}

bool filter_urlencode(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter urlencode", arguments);
	struct value subject = builtin_subject(&reader);
	const struct value_map *map = value_as_map(subject, template_run_arena(run));
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	builtin_buf(run, &text);
	if (map) {
		append_query(&reader, map, &text);
	} else if (subject.type != VALUE_NONE && subject.type != VALUE_UNDEFINED) {
		append_percent(&text, builtin_text(&reader, subject));
	}
	return builtin_return_text(run, &text, out) && !reader.has_failed;
}

/* ---- bytes ---- */

bool filter_b64encode(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter b64encode", arguments);
	struct slice subject = builtin_subject_text(&reader);
	bool is_url_safe = template_take_bool(&reader, 1, "urlsafe", false);
	if (!template_reader_done(&reader, 2)) {
		return false;
	}
	builtin_buf(run, &text);
	base64_encode(subject, is_url_safe, &text);
	return builtin_return_text(run, &text, out);
}

bool filter_b64decode(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter b64decode", arguments);
	struct slice subject = builtin_subject_text(&reader);
	if (!template_reader_done(&reader, 1)) {
		return false;
	}
	builtin_buf(run, &text);
	if (!base64_decode(subject, &text)) {
		buf_finish(&text);
		return builtin_fail(&reader, "the text is not base64");
	}
	if (!utf8_valid(buf_slice(&text), NULL)) {
		buf_finish(&text);
		return builtin_fail(&reader, "what the base64 holds is not UTF-8 text");
	}
	return builtin_return_text(run, &text, out);
}

bool filter_sha256(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	uint8_t digest[SHA256_LEN];
	template_reader_init(&reader, run, "filter sha256", arguments);
	struct slice subject = builtin_subject_text(&reader);
	if (!template_reader_done(&reader, 1) || !template_spend(run, subject.len / 16)) {
		return false;
	}
	char *hex = arena_alloc(template_run_arena(run), 2 * SHA256_LEN + 1);
	sha256(subject, digest);
	hex_encode(digest, sizeof digest, hex);
	*out = value_string(slice_of(hex));
	return true;
}

/* An estimate: a token is about four bytes. Whoever has the vocabularies hands a better filter
 * down. */
bool filter_tokens(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	template_reader_init(&reader, run, "filter tokens", arguments);
	struct slice subject = builtin_subject_text(&reader);
	*out = value_int((int64_t)((subject.len + 3) / 4));
	return template_reader_done(&reader, 1);
}

/* ---- pprint ---- */

static void break_line(struct buf *out, unsigned depth) {
	buf_append_byte(out, '\n');
	for (unsigned i = 0; i < depth; i++) {
		buf_append_str(out, "    ");
	}
}

static bool print_debug_scalar(struct value value, struct arena *arena, struct buf *out) {
	struct value_list *alone = value_list_new(arena);
	/* Within a list text is quoted. */
	if (!value_list_push(arena, alone, value)) {
		return false;
	}
	size_t before = out->len;
	bool is_ok = value_print(value_of_list(alone), arena, out);
	if (is_ok) {
		out->len--;
		memmove(out->data + before, out->data + before + 1, out->len - before - 1);
		out->len--;
	}
	return is_ok;
}

bool builtin_print_debug(struct value value, struct arena *arena, unsigned depth, struct buf *out) {
	value = value_plain(value, arena);
	if (value.type == VALUE_LIST && value.list->len > 0) {
		buf_append_byte(out, '[');
		for (size_t i = 0; i < value.list->len && !out->failed; i++) {
			break_line(out, depth + 1);
			builtin_print_debug(value.list->items[i], arena, depth + 1, out);
			buf_append_byte(out, ',');
		}
		break_line(out, depth);
		return buf_append_byte(out, ']');
	}
	if (value.type == VALUE_MAP && value.map->len > 0) {
		buf_append_byte(out, '{');
		for (size_t i = 0; i < value.map->len && !out->failed; i++) {
			break_line(out, depth + 1);
			print_debug_scalar(value.map->items[i].key, arena, out);
			buf_append_str(out, ": ");
			builtin_print_debug(value.map->items[i].value, arena, depth + 1, out);
			buf_append_byte(out, ',');
		}
		break_line(out, depth);
		return buf_append_byte(out, '}');
	}
	return print_debug_scalar(value, arena, out);
}

bool filter_pprint(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	template_reader_init(&reader, run, "filter pprint", arguments);
	struct value subject = template_take_required(&reader, 0, NULL);
	if (!template_reader_done(&reader, 1) || !template_spend(run, value_weight(subject))) {
		return false;
	}
	builtin_buf(run, &text);
	builtin_print_debug(subject, template_run_arena(run), 0, &text);
	return builtin_return_text(run, &text, out);
}
