/* json_equal.c: equality of JSON trees by meaning. */
#include <stdlib.h>

#include "data/json.h"
#include "data/json_number.h"
#include "data/json_text.h"

/* Pairs still to compare: two trees are equal when every pair is, so no recursion is needed. */
struct pair {
	const struct json *a, *b;
};
struct pair_list {
	struct pair *items;
	size_t len, cap;
};

struct member {
	const struct json *node;
	size_t position;
};

static int compare_keys(const struct json *a, const struct json *b) {
	return json_text_compare(json_text_of_key(a), json_text_of_key(b));
}

static int compare_members(const void *a, const void *b) {
	const struct member *ma = a, *mb = b;
	int order = compare_keys(ma->node, mb->node);
	if (order != 0) {
		return order;
	}
	return ma->position < mb->position ? -1 : ma->position > mb->position;
}

/* The members by key, of duplicates the last only; returns how many. */
static size_t sort_members(struct arena *arena, const struct json *object, struct member **out) {
	struct member *members = ARENA_ARRAY(arena, struct member, object->count);
	size_t count = 0, kept = 0;
	json_each (member, object) {
		members[count] = (struct member){member, count};
		count++;
	}
	qsort(members, count, sizeof *members, compare_members);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count || compare_keys(members[i].node, members[i + 1].node) != 0) {
			members[kept++] = members[i];
		}
	}
	*out = members;
	return kept;
}

static void push_pair(
	struct arena *arena, struct pair_list *todo, const struct json *a, const struct json *b) {
	*ARENA_PUSH(arena, todo) = (struct pair){a, b};
}

/* Pairs the members of two objects; false when their keys differ. */
static bool pair_objects(struct arena *arena, struct pair_list *todo, struct pair pair) {
	if (pair.a->count == 0 || pair.b->count == 0) {
		return pair.a->count == pair.b->count;
	}
	struct member *a, *b;
	size_t count = sort_members(arena, pair.a, &a);
	if (sort_members(arena, pair.b, &b) != count) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (compare_keys(a[i].node, b[i].node) != 0) {
			return false;
		}
		push_pair(arena, todo, a[i].node, b[i].node);
	}
	return true;
}

static bool pair_arrays(struct arena *arena, struct pair_list *todo, struct pair pair) {
	if (pair.a->count != pair.b->count) {
		return false;
	}
	const struct json *b = pair.b->child;
	for (const struct json *a = pair.a->child; a && b; a = a->next, b = b->next) {
		push_pair(arena, todo, a, b);
	}
	return true;
}

/* Compares two nodes; their children are left in `todo`. */
static bool equal_here(struct arena *arena, struct pair_list *todo, struct pair pair) {
	if (!pair.a || !pair.b || pair.a->type != pair.b->type) {
		return pair.a == pair.b;
	}
	switch (pair.a->type) {
	case JSON_NUMBER:
		return json_number_equal(pair.a, pair.b);
	case JSON_STRING:
		return json_text_compare(
			       json_text_of_string(pair.a), json_text_of_string(pair.b)) == 0;
	case JSON_ARRAY:
		return pair_arrays(arena, todo, pair);
	case JSON_OBJECT:
		return pair_objects(arena, todo, pair);
	default:
		return true;
	}
}

bool json_equal(const struct json *a, const struct json *b) {
	struct arena arena;
	struct pair_list todo = {0};
	arena_init(&arena, NULL, 0);
	bool is_equal = equal_here(&arena, &todo, (struct pair){a, b});
	while (is_equal && todo.len > 0) {
		is_equal = equal_here(&arena, &todo, todo.items[--todo.len]);
	}
	arena_finish(&arena);
	return is_equal;
}
