/* json_access.c: reading a JSON tree: members, pointers, decoded strings, numbers. */
#include <stdlib.h>

#include "base/mem.h"
#include "data/json.h"
#include "data/json_number.h"
#include "data/json_scan.h"
#include "data/json_text.h"

/* ---- members and pointers ---- */

static inline bool key_equals(const struct json *member, struct slice name) {
	if (!member->key_has_escape) {
		return member->key_len == name.len &&
		       (name.len == 0 || (member->key[0] == name.data[0] &&
						 memcmp(member->key, name.data, name.len) == 0));
	}
	/* An escape is always longer than what it stands for. */
	return member->key && member->key_len > name.len &&
	       json_text_compare(json_text_of_key(member), json_text_plain(name)) == 0;
}

const struct json *json_get_slice(const struct json *object, struct slice name) {
	const struct json *found = NULL;
	if (json_is(object, JSON_OBJECT)) {
		for (const struct json *member = object->child; member; member = member->next) {
			if (key_equals(member, name)) {
				found = member;
			}
		}
	}
	return found;
}

const struct json *json_item(const struct json *array, size_t index) {
	if (!json_is(array, JSON_ARRAY) || index >= array->count) {
		return NULL;
	}
	const struct json *item = array->child;
	while (item && index-- > 0) {
		item = item->next;
	}
	return item;
}

/* An array index of a pointer: digits without a leading zero (RFC 6901 section 4). */
static const struct json *item_by_token(const struct json *array, struct slice token) {
	uint64_t index;
	bool is_index = token.len > 0 && token.data[0] >= '0' && token.data[0] <= '9' &&
			(token.len == 1 || token.data[0] != '0') && slice_to_uint64(token, &index);
	return is_index ? json_item(array, index) : NULL;
}

/* Undoes ~0 and ~1; false on any other use of '~'. */
static bool unescape_token(struct slice token, struct buf *out) {
	for (size_t i = 0; i < token.len; i++) {
		char c = token.data[i];
		if (c == '~') {
			if (++i == token.len || (token.data[i] != '0' && token.data[i] != '1')) {
				return false;
			}
			c = token.data[i] == '0' ? '~' : '/';
		}
		buf_append_byte(out, c);
	}
	return !out->failed;
}

static const struct json *member_by_token(const struct json *object, struct slice token) {
	if (slice_find_byte(token, '~') == SIZE_MAX) {
		return json_get_slice(object, token);
	}
	struct buf name;
	buf_init(&name, 0);
	const struct json *found =
		unescape_token(token, &name) ? json_get_slice(object, buf_slice(&name)) : NULL;
	buf_finish(&name);
	return found;
}

const struct json *json_at(const struct json *node, struct slice pointer) {
	if (pointer.len == 0) {
		return node;
	}
	if (pointer.data[0] != '/') {
		return NULL;
	}
	struct slice rest = slice_from(pointer, 1), token;
	while (node && slice_split(&rest, '/', &token)) {
		node = json_is(node, JSON_ARRAY) ? item_by_token(node, token)
						 : member_by_token(node, token);
	}
	return node;
}

/* ---- kinds ---- */

bool json_is_bool(const struct json *node) {
	return node && (node->type == JSON_TRUE || node->type == JSON_FALSE);
}

const char *json_type_name(const struct json *node) {
	static const char *const names[] = {
		[JSON_NULL] = "null",
		[JSON_FALSE] = "boolean",
		[JSON_TRUE] = "boolean",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};
	return node ? names[node->type] : "nothing";
}

bool json_bool(const struct json *node, bool *out) {
	if (!json_is_bool(node)) {
		return false;
	}
	*out = node->type == JSON_TRUE;
	return true;
}

/* ---- strings ---- */

struct slice json_string_raw(const struct json *node) {
	if (!json_is(node, JSON_STRING) || node->raw_len < 2) {
		return (struct slice){0};
	}
	return slice_make(node->raw + 1, node->raw_len - 2);
}

/* The copy is bounded by the source it comes from, so it may go beyond the arena's cap: the caller
 * never gets a part of a string. */
static struct slice decode(struct slice escaped, struct arena *arena) {
	char *out = arena_try_alloc(arena, escaped.len + 1);
	if (!out) {
		out = arena_alloc(arena, escaped.len + 1);
	}
	size_t len = json_text_decode(escaped, out);
	out[len] = '\0';
	return slice_make(out, len);
}

struct slice json_string(const struct json *node, struct arena *arena) {
	struct slice raw = json_string_raw(node);
	return raw.data && node->has_escape ? decode(raw, arena) : raw;
}

struct slice json_key(const struct json *node, struct arena *arena) {
	if (!node || !node->key) {
		return (struct slice){0};
	}
	struct slice key = slice_make(node->key, node->key_len);
	return node->key_has_escape ? decode(key, arena) : key;
}

bool json_string_is(const struct json *node, const char *text) {
	struct slice raw = json_string_raw(node);
	if (!raw.data || !text) {
		return false;
	}
	return node->has_escape ? json_text_compare(json_text_of_string(node),
					  json_text_plain(slice_of(text))) == 0
				: slice_is(raw, text);
}

bool json_key_is(const struct json *node, const char *text) {
	return node && node->key && text && key_equals(node, slice_of(text));
}

bool json_unescape(struct slice escaped, struct buf *out) {
	if (escaped.len == 0) {
		return !out->failed;
	}
	if (out->limit != 0 && buf_total(out) + escaped.len > out->limit) {
		/* The decoded text is shorter and may still fit. */
		struct buf decoded;
		buf_init(&decoded, 0);
		bool fits =
			json_unescape(escaped, &decoded) && buf_append(out, buf_slice(&decoded));
		buf_finish(&decoded);
		return fits;
	}
	char *to = buf_reserve(out, escaped.len);
	if (!to) {
		return false;
	}
	buf_commit(out, json_text_decode(escaped, to));
	return true;
}

/* ---- numbers ---- */

bool json_int64(const struct json *node, int64_t *out) {
	return json_is(node, JSON_NUMBER) && json_decimal_to_int64(json_decimal_of(node), out);
}

bool json_double(const struct json *node, double *out) {
	char small[64];
	if (!json_is(node, JSON_NUMBER) || node->raw_len == 0) {
		return false;
	}
	/* strtod wants a NUL behind the number; the source has none. Very long numbers are legal.
	 */
	char *text = node->raw_len < sizeof small ? small : mem_alloc(node->raw_len + 1);
	memcpy(text, node->raw, node->raw_len);
	text[node->raw_len] = '\0';
	double value = strtod(text, NULL);
	if (text != small) {
		free(text);
	}
	if (__builtin_isinf(value)) {
		return false;
	}
	*out = value;
	return true;
}
