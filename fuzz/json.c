/* json.c: fuzz target: any bytes as JSON text, as the inside of a string, and as text to be
 * escaped. */
#include <stdint.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true) {
	if (!is_true) {
		abort();
	}
}

/* Every accessor on every node; the depth of what is parsed bounds the recursion. */
static void walk(struct arena *arena, const struct json *node, struct slice text) {
	uint32_t line, column;
	int64_t whole;
	double real;
	bool truth;
	struct slice string = json_string(node, arena);
	require(node->raw >= text.data && node->raw + node->raw_len <= text.data + text.len);
	require(!string.data || (utf8_valid(string, NULL) && string.len <= node->raw_len));
	require(utf8_valid(json_key(node, arena), NULL));
	json_position(text, node->raw, &line, &column);
	if (json_int64(node, &whole)) {
		require(json_double(node, &real));
	}
	require(json_bool(node, &truth) == json_is_bool(node));
	json_each (child, node) {
		if (node->type == JSON_OBJECT) {
			struct slice key = json_key(child, arena);
			require(json_get_slice(node, key) != NULL);
		}
		walk(arena, child, text);
	}
}

static void rewrite(struct arena *arena, const struct json *root, bool is_pretty) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, is_pretty);
	json_write_tree(&w, root);
	const struct json *again = json_parse(arena, buf_slice(&out), NULL, NULL);
	require(again && json_equal(root, again));
	buf_finish(&out);
}

/* Takes each member of the root away. */
static void remove_members(struct arena *arena, const struct json *root, struct slice text) {
	if (root->type != JSON_OBJECT || root->count > 50) {
		return;
	}
	json_each (member, root) {
		struct buf out = {0};
		struct json_edit edit = json_edit_remove(text, root, member);
		require(json_splice(text, &edit, 1, &out));
		const struct json *left = json_parse(arena, buf_slice(&out), NULL, NULL);
		require(left && left->count + 1 == root->count);
		buf_finish(&out);
	}
}

static void check_text(struct arena *arena, struct slice text) {
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_write_string(&w, text);
	const struct json *node = json_parse(arena, buf_slice(&out), NULL, NULL);
	require(node != NULL);
	if (utf8_valid(text, NULL)) {
		require(slice_eq(json_string(node, arena), text));
	}
	buf_reset(&out, 0);
	/* In two parts it must come out the same. */
	struct buf parts = {0};
	json_writer_init(&w, &parts, false);
	json_begin_string(&w);
	json_write_string_part(&w, slice_sub(text, 0, text.len / 2));
	json_write_string_part(&w, slice_from(text, text.len / 2));
	json_end_string(&w);
	json_writer_init(&w, &out, false);
	json_write_string(&w, text);
	require(slice_eq(buf_slice(&out), buf_slice(&parts)));
	buf_finish(&parts);
	buf_reset(&out, 0);
	require(json_unescape(text, &out) && out.len <= text.len);
	buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	struct json *root = json_parse(&arena, text, NULL, &error);
	require((root != NULL) == json_is_valid(text));
	if (root) {
		walk(&arena, root, text);
		json_at(root, text);
		rewrite(&arena, root, false);
		rewrite(&arena, root, true);
		remove_members(&arena, root, text);
	} else {
		require(error.message[0] != '\0');
	}
	check_text(&arena, text);
	arena_finish(&arena);
	return 0;
}
