/* json_text.h: the inside of JSON strings: decoding, and comparing without decoding to memory;
 * private to data/json*.c. */
#ifndef LLMMUX_DATA_JSON_TEXT_H
#define LLMMUX_DATA_JSON_TEXT_H

#include "data/json.h"

/* Text that may hold escapes. */
struct json_text {
	struct slice bytes;
	bool has_escape;
};

static inline struct json_text json_text_plain(struct slice bytes) {
	return (struct json_text){bytes, false};
}
static inline struct json_text json_text_of_key(const struct json *member) {
	return (struct json_text){slice_make(member->key, member->key_len), member->key_has_escape};
}
static inline struct json_text json_text_of_string(const struct json *node) {
	return (struct json_text){json_string_raw(node), node->has_escape};
}

/* Decodes into `out`, which has room for escaped.len bytes; returns the decoded length. What is no
 * escape (text that was never parsed) is copied as it stands. */
size_t json_text_decode(struct slice escaped, char *out);
/* Orders the decoded texts as memcmp does, the shorter first when one begins the other. */
int json_text_compare(struct json_text a, struct json_text b);

#endif
