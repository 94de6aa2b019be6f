/* log_render.c: one record as a line of text or JSON, with secrets masked before escaping. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/error.h"
#include "base/log_internal.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Replaces every registered secret, the longest first, by "***". */
static void mask_registered(const struct slice *secrets, size_t count, struct buf *text) {
	for (size_t i = 0; i < count; i++) {
		size_t from = 0, to = 0, at;
		struct slice whole = buf_slice(text);
		while ((at = slice_find(slice_from(whole, from), secrets[i])) != SIZE_MAX) {
			memmove(text->data + to, text->data + from, at);
			memcpy(text->data + to + at, "***", 3); /* LOG_SECRET_MIN is longer */
			to += at + 3;
			from += at + secrets[i].len;
		}
		if (from > 0) {
			memmove(text->data + to, text->data + from, text->len - from);
			text->len -= from - to;
		}
	}
}

/* error_mask_secrets works on C strings; a value may hold NUL bytes. */
static void mask_recognised(struct buf *text) {
	size_t from = 0, to = 0;
	buf_append_byte(text, '\0');
	while (from < text->len) {
		char *part = text->data + from;
		size_t part_len = strlen(part);
		error_mask_secrets(part);
		size_t left = strlen(part) + 1;
		memmove(text->data + to, part, left);
		from += part_len + 1;
		to += left;
	}
	text->len = to - 1;
}

/* The value without its secrets, in scratch until the next call. */
static struct slice masked(const struct slice *secrets, size_t count, const char *data, size_t len,
	struct buf *scratch) {
	scratch->len = 0;
	buf_append(scratch, slice_make(data, len));
	mask_registered(secrets, count, scratch);
	mask_recognised(scratch);
	return buf_slice(scratch);
}

/* Appends with everything escaped that could end a line, drive a terminal or break JSON. */
static void append_escaped(struct buf *out, struct slice text, bool is_json, bool is_quoted) {
	while (text.len > 0) {
		unsigned char byte = (unsigned char)text.data[0];
		size_t bad_at = text.len;
		size_t len = 1;
		if (byte == '\n' || byte == '\r' || byte == '\t') {
			buf_printf(out, "\\%c", byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't');
		} else if ((byte == '"' || byte == '\\') && is_quoted) {
			buf_printf(out, "\\%c", byte);
		} else if (byte < 0x20 || byte == 0x7f) {
			buf_printf(out, is_json ? "\\u%04x" : "\\x%02x", byte);
		} else if (byte < 0x80) {
			buf_append_byte(out, (char)byte);
		} else {
			for (len = 2; len <= 4 && len <= text.len; len++) {
				if (utf8_valid(slice_sub(text, 0, len), &bad_at)) {
					break;
				}
			}
			if (len > 4 || len > text.len) {
				buf_printf(out, is_json ? "\\ufffd" : "\\x%02x", byte);
				len = 1;
			} else if (byte == 0xC2 && (unsigned char)text.data[1] < 0xA0) {
				/* C1 controls: some terminals obey them. */
				buf_printf(out, "\\u00%02x", (unsigned char)text.data[1]);
			} else {
				buf_append(out, slice_sub(text, 0, len));
			}
		}
		text = slice_from(text, len);
	}
}

static void append_json_string(struct buf *out, struct slice text) {
	buf_append_byte(out, '"');
	append_escaped(out, text, true, true);
	buf_append_byte(out, '"');
}

/* A value stands bare when a reader can see where it ends. */
static bool is_bare(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte <= ' ' || byte == '"' || byte == '\\' || byte == '=' || byte >= 0x7f) {
			return false;
		}
	}
	return text.len > 0;
}

static void append_text_value(struct buf *out, struct slice text) {
	if (is_bare(text)) {
		buf_append(out, text);
		return;
	}
	buf_append_byte(out, '"');
	append_escaped(out, text, false, true);
	buf_append_byte(out, '"');
}

static void append_number(struct buf *out, enum log_field_kind kind, int64_t number) {
	if (kind == LOG_FIELD_INT) {
		buf_printf(out, "%" PRId64, number);
		return;
	}
	uint64_t us = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	buf_printf(
		out, "%s%" PRIu64 ".%03u", number < 0 ? "-" : "", us / 1000, (unsigned)(us % 1000));
}

void log_render(enum log_format format, const struct slice *secrets, size_t secret_count,
	const char *packed, struct buf *scratch, struct buf *out) {
	struct log_packed record;
	char when[CLOCK_TEXT_MAX];
	bool is_json = format == LOG_JSON;
	memcpy(&record, packed, sizeof record);
	const char *at = packed + sizeof record;
	const char *level = level_names[record.level];
	clock_format_rfc3339(record.wall_ms, when);
	struct slice message = masked(secrets, secret_count, at, record.message_len, scratch);
	at += record.message_len;
	if (is_json) {
		buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", when, level);
		append_json_string(out, message);
	} else {
		buf_printf(out, "%s %-5s ", when, level);
		append_escaped(out, message, false, false);
	}
	for (uint32_t i = 0; i < record.field_count; i++) {
		struct log_packed_field field;
		memcpy(&field, at, sizeof field);
		at += sizeof field;
		struct slice name = slice_make(at, field.name_len);
		buf_append_byte(out, is_json ? ',' : ' ');
		if (is_json) {
			append_json_string(out, name);
		} else {
			append_escaped(out, name, false, false);
		}
		buf_append_byte(out, is_json ? ':' : '=');
		at += field.name_len;
		if (field.kind != LOG_FIELD_TEXT) {
			append_number(out, (enum log_field_kind)field.kind, field.number);
			continue;
		}
		struct slice text = masked(secrets, secret_count, at, field.text_len, scratch);
		at += field.text_len;
		(is_json ? append_json_string : append_text_value)(out, text);
	}
	buf_append_str(out, is_json ? "}\n" : "\n");
}
