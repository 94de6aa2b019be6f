/* json_escape.c: text to the inside of a JSON string. */
#include "data/json_escape.h"
#include "data/json_scan.h"

#define ESCAPE_MAX 6 /* \u001f */

/* The escape of one special ASCII byte (E-82); returns its length. */
static size_t escape_byte(unsigned char c, char out[ESCAPE_MAX]) {
	static const char hex[] = "0123456789abcdef";
	static const char shorthand[128] = {
		['"'] = '"',
		['\\'] = '\\',
		['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't',
	};
	out[0] = '\\';
	if (shorthand[c]) {
		out[1] = shorthand[c];
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = hex[c >> 4];
	out[5] = hex[c & 0xf];
	return ESCAPE_MAX;
}

static void flush(struct buf *out, const char *from, const char *to) {
	if (from < to) {
		buf_append_ref(out, slice_make(from, (size_t)(to - from)));
	}
}

static bool is_cut(const char *at, const char *end, size_t bad_len) {
	unsigned char lead = (unsigned char)*at;
	return at + bad_len == end && lead >= 0xC2 && lead <= 0xF4;
}

/* Appends text escaped; with `cut_off` it stops before a sequence that the end cuts and says where.
 */
static bool escape(struct slice text, struct buf *out, bool repairs_utf8, const char **cut_off) {
	const char *p = text.data, *end = p + text.len, *run = p;
	for (p = json_find_special(p, end, repairs_utf8); p < end;
		p = json_find_special(p, end, repairs_utf8)) {
		unsigned char c = (unsigned char)*p;
		char escaped[ESCAPE_MAX];
		size_t bad_len;
		if (c < 0x80) {
			flush(out, run, p);
			buf_append(out, slice_make(escaped, escape_byte(c, escaped)));
			run = ++p;
			continue;
		}
		size_t len = json_utf8_sequence(p, end, &bad_len);
		if (len > 0) {
			p += len;
			continue;
		}
		flush(out, run, p);
		if (cut_off && is_cut(p, end, bad_len)) {
			*cut_off = p;
			return !out->failed;
		}
		buf_append(out, SLICE(JSON_REPLACEMENT));
		run = p += bad_len;
	}
	flush(out, run, end);
	return !out->failed;
}

bool json_escape(struct slice text, struct buf *out) {
	return text.len == 0 ? !out->failed : escape(text, out, false, NULL);
}

bool json_escape_repaired(struct slice text, struct buf *out) {
	return text.len == 0 ? !out->failed : escape(text, out, true, NULL);
}

/* Adds bytes of the text to the pending sequence until it is whole or shown to be broken. */
static void complete_pending(struct json_pending *pending, struct slice *text, struct buf *out) {
	while (pending->len > 0 && text->len > 0) {
		size_t bad_len, len;
		pending->bytes[pending->len] = text->data[0];
		len = json_utf8_sequence(
			pending->bytes, pending->bytes + pending->len + 1, &bad_len);
		if (len == 0 && bad_len <= pending->len) {
			/* The new byte does not belong to the sequence. */
			buf_append(out, SLICE(JSON_REPLACEMENT));
			pending->len = 0;
			return;
		}
		*text = slice_from(*text, 1);
		pending->len++;
		if (len > 0) {
			buf_append(out, slice_make(pending->bytes, len));
			pending->len = 0;
		}
	}
}

bool json_escape_part(struct json_pending *pending, struct slice text, struct buf *out) {
	complete_pending(pending, &text, out);
	if (text.len == 0) {
		return !out->failed;
	}
	const char *cut_off = NULL, *end = text.data + text.len;
	escape(text, out, true, &cut_off);
	if (cut_off) {
		pending->len = (uint8_t)(end - cut_off);
		memcpy(pending->bytes, cut_off, pending->len);
	}
	return !out->failed;
}

bool json_escape_finish(struct json_pending *pending, struct buf *out) {
	if (pending->len > 0) {
		pending->len = 0;
		return buf_append(out, SLICE(JSON_REPLACEMENT));
	}
	return !out->failed;
}
