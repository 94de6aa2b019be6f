/* document_internal.h: how the TOML, YAML and JSON readers build their common tree. Only for
 * src/data. */
#ifndef LLMMUX_DATA_DOCUMENT_INTERNAL_H
#define LLMMUX_DATA_DOCUMENT_INTERNAL_H

#include "data/document.h"

/* What a node of a document really is. The json part comes first, so that a pointer to one is a
 * pointer to the other; a json node with a line is always one of these. */
struct document_node {
	struct json json;
	uint32_t key_line, key_column;
	uint32_t height; /* levels below: 0 for a scalar */
	bool is_date;    /* a string that TOML has a type of its own for */
	size_t weight;   /* nodes of the subtree, itself included, shared ones counted each time */
	struct json *last;
};

struct document_builder {
	struct arena *arena;
	struct problems *problems;
	struct buf scratch;
	bool ignores_cap; /* what is built is a copy of something that fitted */
	bool has_failed;  /* beyond the arena's cap; said once in problems */
};

void document_builder_init(
	struct document_builder *builder, struct arena *arena, struct problems *problems);
void document_builder_finish(struct document_builder *builder);

/* A node; NULL beyond the arena's cap. The functions below accept NULL nodes and do nothing. */
struct document_node *document_node_new(
	struct document_builder *builder, enum json_type type, uint32_t line, uint32_t column);
/* The JSON text of a scalar (copied). */
void document_node_set_raw(
	struct document_builder *builder, struct document_node *node, struct slice raw);
/* Makes it a string of this text: escaped and quoted. */
void document_node_set_string(
	struct document_builder *builder, struct document_node *node, struct slice text);
void document_node_set_key(struct document_builder *builder, struct document_node *node,
	struct slice key, uint32_t line, uint32_t column);
/* Appends a child; it may belong to one parent only (its children may be shared). */
void document_node_append(struct document_node *parent, struct document_node *child);
/* A copy that shares the children, without key and sibling. */
struct document_node *document_node_copy(
	struct document_builder *builder, const struct document_node *node);
/* Writes the JSON text of the whole tree and points every node's raw into it. NULL after adding a
 * problem when it is too deep or too large. */
struct json *document_node_finish(struct document_builder *builder, struct document_node *root);

static inline struct document_node *document_node_of(const struct json *json) {
	return (struct document_node *)(uintptr_t)json;
}

#endif
