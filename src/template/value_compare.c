/* value_compare.c: equality, and the total order of all values (workflows.md 6.3). */
#include <stdlib.h>

#include "template/value.h"

static int sign_of(int64_t a, int64_t b) {
	return (a > b) - (a < b);
}

/* Exactly, also where a double cannot hold the integer. NaN is above all numbers. */
static int compare_int_float(int64_t integer, double number) {
	if (number != number || number >= 9223372036854775808.0) {
		return -1;
	}
	if (number < -9223372036854775808.0) {
		return 1;
	}
	int64_t whole = (int64_t)number;
	if (integer != whole) {
		return integer < whole ? -1 : 1;
	}
	double fraction = number - (double)whole;
	return fraction > 0 ? -1 : fraction < 0 ? 1 : 0;
}

static int compare_floats(double a, double b) {
	if (a < b) {
		return -1;
	}
	if (a > b) {
		return 1;
	}
	return (a != a) - (b != b);
}

static struct value number_of(struct value value) {
	return value.type == VALUE_BOOL ? value_int(value.boolean) : value;
}

static bool is_numeric(struct value value) {
	return value.type == VALUE_BOOL || value.type == VALUE_INT || value.type == VALUE_FLOAT;
}

static int compare_numbers(struct value a, struct value b) {
	a = number_of(a);
	b = number_of(b);
	if (a.type == VALUE_INT) {
		return b.type == VALUE_INT ? sign_of(a.integer, b.integer)
					   : compare_int_float(a.integer, b.number);
	}
	return b.type == VALUE_INT ? -compare_int_float(b.integer, a.number)
				   : compare_floats(a.number, b.number);
}

static bool equal_lists(
	const struct value_list *a, const struct value_list *b, struct arena *arena) {
	if (a == b) {
		return true;
	}
	if (a->len != b->len) {
		return false;
	}
	for (size_t i = 0; i < a->len; i++) {
		if (!value_equal(a->items[i], b->items[i], arena)) {
			return false;
		}
	}
	return true;
}

static bool equal_maps(const struct value_map *a, const struct value_map *b, struct arena *arena) {
	if (a == b) {
		return true;
	}
	if (a->len != b->len) {
		return false;
	}
	for (size_t i = 0; i < a->len; i++) {
		const struct value_pair *other = value_map_find(b, a->items[i].key);
		if (other == NULL || !value_equal(a->items[i].value, other->value, arena)) {
			return false;
		}
	}
	return true;
}

bool value_equal(struct value a, struct value b, struct arena *arena) {
	if (a.type == VALUE_OBJECT && b.type == VALUE_OBJECT && a.object == b.object) {
		return true;
	}
	a = value_plain(a, arena);
	b = value_plain(b, arena);
	if (is_numeric(a) && is_numeric(b)) {
		return compare_numbers(a, b) == 0;
	}
	if (a.type != b.type) {
		return false;
	}
	switch ((enum value_type)a.type) {
	case VALUE_STRING:
		return slice_eq(a.string, b.string);
	case VALUE_LIST:
		return equal_lists(a.list, b.list, arena);
	case VALUE_MAP:
		return equal_maps(a.map, b.map, arena);
	case VALUE_OBJECT:
		return a.object == b.object;
	default:
		return true;
	}
}

/* ---- order ---- */

/* Different kinds stand in this order; whole numbers and others are one kind. */
static int rank_of(struct value value) {
	return value.type == VALUE_FLOAT ? VALUE_INT : value.type;
}

static int compare_lists(
	const struct value_list *a, const struct value_list *b, struct arena *arena) {
	for (size_t i = 0; a != b && i < a->len && i < b->len; i++) {
		int order = value_compare(a->items[i], b->items[i], arena);
		if (order != 0) {
			return order;
		}
	}
	return (a->len > b->len) - (a->len < b->len);
}

static int compare_pairs(const void *a, const void *b, void *arena) {
	const struct value_pair *const *left = a;
	const struct value_pair *const *right = b;
	return value_compare((*left)->key, (*right)->key, arena);
}

static const struct value_pair **sorted_pairs(const struct value_map *map, struct arena *arena) {
	const struct value_pair **pairs = arena_try_alloc(arena, (map->len + 1) * sizeof(void *));
	for (size_t i = 0; pairs && i < map->len; i++) {
		pairs[i] = &map->items[i];
	}
	if (pairs) {
		qsort_r(pairs, map->len, sizeof(void *), compare_pairs, arena);
	}
	return pairs;
}

/* Order of writing is no difference, as in equality: the pairs are compared in order of keys. */
static int compare_maps(const struct value_map *a, const struct value_map *b, struct arena *arena) {
	if (a == b) {
		return 0;
	}
	const struct value_pair **left = sorted_pairs(a, arena);
	const struct value_pair **right = sorted_pairs(b, arena);
	for (size_t i = 0; left && right && i < a->len && i < b->len; i++) {
		int order = value_compare(left[i]->key, right[i]->key, arena);
		if (order == 0) {
			order = value_compare(left[i]->value, right[i]->value, arena);
		}
		if (order != 0) {
			return order;
		}
	}
	return (a->len > b->len) - (a->len < b->len);
}

int value_compare(struct value a, struct value b, struct arena *arena) {
	a = value_plain(a, arena);
	b = value_plain(b, arena);
	int order = rank_of(a) - rank_of(b);
	if (order != 0) {
		return order;
	}
	switch ((enum value_type)a.type) {
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_FLOAT:
		return compare_numbers(a, b);
	case VALUE_STRING:
		return slice_compare(a.string, b.string);
	case VALUE_LIST:
		return compare_lists(a.list, b.list, arena);
	case VALUE_MAP:
		return compare_maps(a.map, b.map, arena);
	case VALUE_OBJECT:
		return (a.object > b.object) - (a.object < b.object);
	default:
		return 0;
	}
}
