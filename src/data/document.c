/* document.c: configuration files by kind: which reader, JSON with positions, merging. */
#include "data/document.h"

#include <stdio.h>

#include "data/document_internal.h"

bool document_kind_of(const char *path, enum document_kind *kind) {
	static const struct {
		const char *ending;
		enum document_kind kind;
	} endings[] = {
		{".json", DOCUMENT_JSON},
		{".toml", DOCUMENT_TOML},
		{".yaml", DOCUMENT_YAML},
		{".yml", DOCUMENT_YAML},
	};
	struct slice name = slice_of(path);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		struct slice ending = slice_of(endings[i].ending);
		if (name.len > ending.len &&
			slice_ieq(slice_from(name, name.len - ending.len), ending)) {
			*kind = endings[i].kind;
			return true;
		}
	}
	return false;
}

/* Walks forward through a text, counting lines and code points: nodes come in source order, so the
 * whole tree costs one pass. */
struct position {
	const char *at;
	uint32_t line, column;
};

static void position_move(struct position *position, const char *to) {
	for (; position->at < to; position->at++) {
		unsigned char byte = (unsigned char)*position->at;
		if (byte == '\n') {
			position->line++;
			position->column = 1;
		} else if ((byte & 0xc0) != 0x80) {
			position->column++;
		}
	}
}

static struct document_node *with_positions(
	struct document_builder *builder, const struct json *from, struct position *position) {
	uint32_t key_line = 0, key_column = 0;
	if (from->key) {
		position_move(position, from->key - 1);
		key_line = position->line;
		key_column = position->column;
	}
	position_move(position, from->raw);
	struct document_node *node = document_node_new(
		builder, (enum json_type)from->type, position->line, position->column);
	if (!node) {
		return NULL;
	}
	node->json = *from;
	node->json.line = position->line;
	node->json.column = position->column;
	node->json.child = node->json.next = NULL;
	node->json.count = 0;
	node->key_line = key_line;
	node->key_column = key_column;
	json_each (child, from) {
		struct document_node *copy = with_positions(builder, child, position);
		if (!copy) {
			return NULL;
		}
		document_node_append(node, copy);
	}
	return node;
}

/* json_parse says where in its message; here the place goes into the problem's own members. */
static void add_json_error(struct problems *problems, const char *message) {
	unsigned line, column;
	const char *rest = strstr(message, "): ");
	if (rest && sscanf(message, "invalid JSON at line %u, column %u", &line, &column) == 2) {
		problems_add(problems, line, column, "invalid JSON: %s", rest + 3);
	} else {
		problems_add(problems, 0, 0, "%s", message);
	}
}

static struct json *parse_json(struct arena *arena, struct slice text, struct problems *problems) {
	struct slice bare =
		slice_starts_with(text, SLICE("\xef\xbb\xbf")) ? slice_from(text, 3) : text;
	if (slice_trim(bare).len == 0) {
		text = SLICE("{}");
		bare = text;
	}
	struct error error;
	error_clear(&error);
	struct json *root = json_parse(arena, text, NULL, &error);
	if (!root) {
		add_json_error(problems, error.message);
		return NULL;
	}
	struct document_builder builder;
	document_builder_init(&builder, arena, problems);
	struct position start = {.at = bare.data, .line = 1, .column = 1};
	struct document_node *node = with_positions(&builder, root, &start);
	document_builder_finish(&builder);
	return node ? &node->json : NULL;
}

struct json *document_parse(struct arena *arena, enum document_kind kind, struct slice text,
	struct problems *problems) {
	switch (kind) {
	case DOCUMENT_JSON:
		return parse_json(arena, text, problems);
	case DOCUMENT_TOML:
		return toml_parse(arena, text, problems);
	case DOCUMENT_YAML:
		return yaml_parse(arena, text, problems);
	}
	return NULL;
}

void document_key_position(const struct json *node, uint32_t *line, uint32_t *column) {
	*line = node->line;
	*column = node->column;
	if (node->line && document_node_of(node)->key_line) {
		*line = document_node_of(node)->key_line;
		*column = document_node_of(node)->key_column;
	}
}

bool document_is_date(const struct json *node) {
	return node->line > 0 && document_node_of(node)->is_date;
}

/* ---- merging ---- */

static const struct json *member(const struct json *object, const struct json *like) {
	const struct json *found = NULL;
	struct slice key = slice_make(like->key, like->key_len);
	json_each (child, object) {
		if (slice_eq(slice_make(child->key, child->key_len), key)) {
			found = child;
		}
	}
	return found;
}

/* A deep copy: the merged tree must not lean on the memory of its sources. */
static struct document_node *copy_tree(struct document_builder *builder, const struct json *from) {
	struct document_node *node =
		document_node_new(builder, (enum json_type)from->type, from->line, from->column);
	node->json = *from;
	node->json.child = node->json.next = NULL;
	node->json.count = 0;
	if (from->line) {
		node->is_date = document_node_of(from)->is_date;
		node->key_line = document_node_of(from)->key_line;
		node->key_column = document_node_of(from)->key_column;
	}
	if (from->key) {
		node->json.key =
			arena_dup(builder->arena, slice_make(from->key, from->key_len)).data;
	}
	if (!from->child) {
		document_node_set_raw(builder, node, json_raw(from));
	}
	json_each (child, from) {
		document_node_append(node, copy_tree(builder, child));
	}
	return node;
}

static struct document_node *merge(
	struct document_builder *builder, const struct json *under, const struct json *over) {
	if (!json_is(under, JSON_OBJECT) || !json_is(over, JSON_OBJECT)) {
		return copy_tree(builder, over);
	}
	struct document_node *node =
		document_node_new(builder, JSON_OBJECT, over->line, over->column);
	if (over->key) {
		node->json.key =
			arena_dup(builder->arena, slice_make(over->key, over->key_len)).data;
		node->json.key_len = over->key_len;
		node->json.key_has_escape = over->key_has_escape;
		document_key_position(over, &node->key_line, &node->key_column);
	}
	json_each (child, under) {
		const struct json *other = member(over, child);
		document_node_append(
			node, other ? merge(builder, child, other) : copy_tree(builder, child));
	}
	json_each (child, over) {
		if (!member(under, child)) {
			document_node_append(node, copy_tree(builder, child));
		}
	}
	return node;
}

struct json *document_merge(
	struct arena *arena, const struct json *under, const struct json *over) {
	struct problems unused;
	problems_init(&unused, arena, "merge", (struct slice){0});
	struct document_builder builder;
	document_builder_init(&builder, arena, &unused);
	builder.ignores_cap = true;
	struct document_node *root =
		!over ? copy_tree(&builder, under) : merge(&builder, under, over);
	struct json *merged = document_node_finish(&builder, root);
	document_builder_finish(&builder);
	return merged;
}
