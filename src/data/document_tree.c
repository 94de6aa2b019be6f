/* document_tree.c: builds a tree of JSON nodes with positions, and the JSON text under it. */
#include <stdio.h>

#include "data/document_internal.h"

void document_builder_init(
	struct document_builder *builder, struct arena *arena, struct problems *problems) {
	*builder = (struct document_builder){.arena = arena, .problems = problems};
	buf_init(&builder->scratch, 0);
}

void document_builder_finish(struct document_builder *builder) {
	buf_finish(&builder->scratch);
}

static void *take(struct document_builder *builder, size_t size) {
	if (builder->ignores_cap) {
		return arena_alloc(builder->arena, size);
	}
	void *memory = arena_try_alloc(builder->arena, size);
	if (!memory && !builder->has_failed) {
		builder->has_failed = true;
		problems_add(builder->problems, 0, 0,
			"the document needs more memory than the limit of %zu bytes",
			builder->arena->cap);
	}
	return memory;
}

static struct slice keep(struct document_builder *builder, struct slice bytes) {
	char *copy = take(builder, bytes.len + 1);
	if (!copy) {
		return (struct slice){0};
	}
	if (bytes.len) {
		memcpy(copy, bytes.data, bytes.len);
	}
	copy[bytes.len] = '\0';
	return slice_make(copy, bytes.len);
}

struct document_node *document_node_new(
	struct document_builder *builder, enum json_type type, uint32_t line, uint32_t column) {
	struct document_node *node = take(builder, sizeof *node);
	if (node) {
		*node = (struct document_node){
			.json = {.type = (uint8_t)type, .line = line ? line : 1, .column = column},
			.weight = 1,
		};
	}
	return node;
}

void document_node_set_raw(
	struct document_builder *builder, struct document_node *node, struct slice raw) {
	struct slice copy = node ? keep(builder, raw) : (struct slice){0};
	if (copy.data) {
		node->json.raw = copy.data;
		node->json.raw_len = copy.len;
	}
}

void document_node_set_string(
	struct document_builder *builder, struct document_node *node, struct slice text) {
	if (!node) {
		return;
	}
	buf_reset(&builder->scratch, 1 << 16);
	buf_append_byte(&builder->scratch, '"');
	json_escape(text, &builder->scratch);
	buf_append_byte(&builder->scratch, '"');
	struct slice raw = buf_slice(&builder->scratch);
	node->json.type = JSON_STRING;
	node->json.has_escape = slice_find_byte(raw, '\\') != SIZE_MAX;
	document_node_set_raw(builder, node, raw);
}

void document_node_set_key(struct document_builder *builder, struct document_node *node,
	struct slice key, uint32_t line, uint32_t column) {
	if (!node) {
		return;
	}
	buf_reset(&builder->scratch, 1 << 16);
	json_escape(key, &builder->scratch);
	struct slice escaped = buf_slice(&builder->scratch);
	if (escaped.len > UINT32_MAX) {
		return;
	}
	struct slice copy = keep(builder, escaped);
	node->json.key = copy.data;
	node->json.key_len = (uint32_t)copy.len;
	node->json.key_has_escape = slice_find_byte(copy, '\\') != SIZE_MAX;
	node->key_line = line;
	node->key_column = column;
}

void document_node_append(struct document_node *parent, struct document_node *child) {
	if (!parent || !child) {
		return;
	}
	child->json.next = NULL;
	if (parent->last) {
		parent->last->next = &child->json;
	} else {
		parent->json.child = &child->json;
	}
	parent->last = &child->json;
	parent->json.count++;
	if (parent->height <= child->height) {
		parent->height = child->height + 1;
	}
	if (__builtin_add_overflow(parent->weight, child->weight, &parent->weight)) {
		parent->weight = SIZE_MAX;
	}
}

struct document_node *document_node_copy(
	struct document_builder *builder, const struct document_node *node) {
	struct document_node *copy = node ? take(builder, sizeof *copy) : NULL;
	if (copy) {
		*copy = *node;
		copy->json.next = NULL;
		copy->json.key = NULL;
		copy->json.key_len = 0;
		copy->json.key_has_escape = false;
		copy->key_line = copy->key_column = 0;
	}
	return copy;
}

static bool is_container(const struct json *node) {
	return node->type == JSON_OBJECT || node->type == JSON_ARRAY;
}

/* Length of the compact JSON text. A shared subtree counts each time, so the sum may be huge: it
 * stops growing beyond `limit`. Depth was checked. */
static size_t text_size(const struct json *node, size_t limit) {
	if (!is_container(node)) {
		return node->raw_len;
	}
	size_t size = 2 + (node->count ? node->count - 1 : 0);
	json_each (child, node) {
		size += text_size(child, limit);
		if (node->type == JSON_OBJECT) {
			size += child->key_len + (size_t)3;
		}
		if (size > limit) {
			return size;
		}
	}
	return size;
}

static char *put(char *at, const char *bytes, size_t len) {
	if (len) {
		memcpy(at, bytes, len);
	}
	return at + len;
}

static char *write_text(struct json *node, char *at) {
	char *begin = at;
	if (!is_container(node)) {
		at = put(at, node->raw, node->raw_len);
	} else {
		bool is_object = node->type == JSON_OBJECT;
		*at++ = is_object ? '{' : '[';
		for (struct json *child = node->child; child; child = child->next) {
			if (child != node->child) {
				*at++ = ',';
			}
			if (is_object) {
				*at++ = '"';
				const char *key = at;
				at = put(at, child->key, child->key_len);
				child->key = key;
				*at++ = '"';
				*at++ = ':';
			}
			at = write_text(child, at);
		}
		*at++ = is_object ? '}' : ']';
	}
	node->raw = begin;
	node->raw_len = (size_t)(at - begin);
	return at;
}

struct json *document_node_finish(struct document_builder *builder, struct document_node *root) {
	if (!root || builder->has_failed) {
		return NULL;
	}
	if (root->height > JSON_MAX_DEPTH) {
		problems_add(builder->problems, root->json.line, root->json.column,
			"nested deeper than %d levels", JSON_MAX_DEPTH);
		return NULL;
	}
	size_t limit = builder->ignores_cap ? SIZE_MAX / 4 : builder->arena->cap;
	size_t size = text_size(&root->json, limit);
	char *text = size > limit ? NULL : take(builder, size + 1);
	if (!text) {
		if (!builder->has_failed) {
			problems_add(builder->problems, 0, 0,
				"the document expands to more than the limit of %zu bytes", limit);
		}
		return NULL;
	}
	*write_text(&root->json, text) = '\0';
	return &root->json;
}
