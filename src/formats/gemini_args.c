/* gemini_args.c: the arguments of a call that stream in by path (partialArgs, GM-31). */
#include "formats/gemini_args.h"

#define MAX_NODES 10000
#define MAX_PATH_DEPTH 64

enum node_kind {
	NODE_UNSET,
	NODE_OBJECT,
	NODE_ARRAY,
	NODE_STRING,
	NODE_RAW
};

struct node {
	enum node_kind kind;
	struct slice key; /* of an object's member */
	struct node *first, *last, *next;
	struct {
		char *items;
		size_t len, cap;
	} text; /* a string decoded, or a raw value */
};

struct gemini_args {
	struct arena *arena;
	struct node root;
	size_t nodes, bytes, max_bytes;
};

struct gemini_args *gemini_args_create(struct arena *arena, size_t max_bytes) {
	struct gemini_args *args = ARENA_NEW(arena, struct gemini_args);
	args->arena = arena;
	args->root.kind = NODE_OBJECT;
	args->max_bytes = max_bytes;
	return args;
}

/* ---- paths ---- */

/* One step of a path. */
struct step {
	bool is_index;
	struct slice key;
	uint64_t index;
};

/* Takes the next step off the path; false when it is none. */
static bool next_step(struct slice *path, struct step *step) {
	*step = (struct step){.is_index = false};
	if (slice_starts_with(*path, SLICE("."))) {
		size_t end = 1;
		while (end < path->len && path->data[end] != '.' && path->data[end] != '[') {
			end++;
		}
		step->key = slice_sub(*path, 1, end - 1);
		*path = slice_from(*path, end);
		return step->key.len > 0;
	}
	size_t close = slice_find_byte(*path, ']');
	if (!slice_starts_with(*path, SLICE("[")) || close == SIZE_MAX) {
		return false;
	}
	struct slice inner = slice_sub(*path, 1, close - 1);
	bool is_quoted = inner.len >= 2 && (inner.data[0] == '\'' || inner.data[0] == '"') &&
			 inner.data[inner.len - 1] == inner.data[0];
	*path = slice_from(*path, close + 1);
	if (is_quoted) {
		step->key = slice_sub(inner, 1, inner.len - 2);
		return true;
	}
	step->is_index = true;
	return slice_to_uint64(inner, &step->index);
}

static struct node *add_child(struct gemini_args *args, struct node *parent, struct slice key) {
	if (args->nodes >= MAX_NODES) {
		return NULL;
	}
	args->nodes++;
	struct node *child = ARENA_NEW(args->arena, struct node);
	child->key = arena_dup(args->arena, key);
	if (parent->last != NULL) {
		parent->last->next = child;
	} else {
		parent->first = child;
	}
	parent->last = child;
	return child;
}

/* The child of that step, made when it is new. Elements come in order: one beyond the end is the
 * next. */
static struct node *child_at(
	struct gemini_args *args, struct node *parent, const struct step *step) {
	enum node_kind wanted = step->is_index ? NODE_ARRAY : NODE_OBJECT;
	if (parent->kind != wanted) {
		if (parent->kind != NODE_UNSET) {
			return NULL;
		}
		parent->kind = wanted;
	}
	uint64_t at = 0;
	/* what is written to is nearly always the last one */
	if (!step->is_index && parent->last != NULL && slice_eq(parent->last->key, step->key)) {
		return parent->last;
	}
	for (struct node *child = parent->first; child != NULL; child = child->next, at++) {
		if (step->is_index ? at == step->index : slice_eq(child->key, step->key)) {
			return child;
		}
	}
	return add_child(args, parent, step->key);
}

static struct node *node_at(struct gemini_args *args, struct slice path) {
	struct node *node = &args->root;
	struct step step;
	if (slice_starts_with(path, SLICE("$"))) {
		path = slice_from(path, 1);
	}
	for (size_t depth = 0; path.len > 0 && node != NULL; depth++) {
		if (depth == MAX_PATH_DEPTH || !next_step(&path, &step)) {
			return NULL;
		}
		node = child_at(args, node, &step);
	}
	return node == &args->root ? NULL : node;
}

/* ---- values ---- */

static bool append(struct gemini_args *args, struct node *node, struct slice text) {
	if (text.len > args->max_bytes - args->bytes) {
		return false;
	}
	args->bytes += text.len;
	if (text.len > 0) {
		arena_grow(args->arena, (void **)&node->text.items, &node->text.cap,
			node->text.len + text.len, 1);
		memcpy(node->text.items + node->text.len, text.data, text.len);
		node->text.len += text.len;
	}
	return true;
}

bool gemini_args_add(struct gemini_args *args, const struct json *piece) {
	static const char *const raw_values[] = {"numberValue", "boolValue"};
	struct node *node = node_at(args, json_string(json_get(piece, "jsonPath"), args->arena));
	const struct json *string = json_get_value(piece, "stringValue");
	if (node == NULL) {
		return false;
	}
	if (json_is(string, JSON_STRING)) {
		if (node->kind != NODE_UNSET && node->kind != NODE_STRING) {
			return false;
		}
		node->kind = NODE_STRING;
		return append(args, node, json_string(string, args->arena));
	}
	if (node->kind != NODE_UNSET && node->kind != NODE_RAW) {
		return false;
	}
	node->kind = NODE_RAW;
	node->text.len = 0;
	for (size_t i = 0; i < 2; i++) {
		const struct json *value = json_get_value(piece, raw_values[i]);
		if (value != NULL) {
			return append(args, node, json_raw(value));
		}
	}
	return append(args, node, SLICE("null"));
}

static void write_node(struct json_writer *w, const struct node *node) {
	switch (node->kind) {
	case NODE_OBJECT:
		json_begin_object(w);
		for (const struct node *child = node->first; child != NULL; child = child->next) {
			json_write_key_slice(w, child->key);
			write_node(w, child);
		}
		json_end_object(w);
		break;
	case NODE_ARRAY:
		json_begin_array(w);
		for (const struct node *child = node->first; child != NULL; child = child->next) {
			write_node(w, child);
		}
		json_end_array(w);
		break;
	case NODE_STRING:
		json_write_string(w, slice_make(node->text.items, node->text.len));
		break;
	case NODE_RAW:
		json_write_raw(w, slice_make(node->text.items, node->text.len));
		break;
	case NODE_UNSET:
		json_write_null(w);
		break;
	}
}

void gemini_args_write(const struct gemini_args *args, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	write_node(&w, &args->root);
}
