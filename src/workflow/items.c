/* items.c: what a `for_each` runs over, the cells of a `matrix`, and what an item's templates see
 * of it (workflows.md 5.7). */
#include "data/extract.h"
#include "workflow/run_internal.h"

/* ---- for_each ---- */

/* False when there is no room: then there are no items at all. */
static bool push(struct value_list **list, struct value value, struct arena *arena) {
	if (*list != NULL && !value_list_push(arena, *list, value)) {
		*list = NULL;
	}
	return *list != NULL;
}

static const struct value_list *one_item(struct value value, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	push(&list, value, arena);
	return list;
}

/* An array by its elements, an object as the one item; a snippet within prose counts only when it
 * is an array. *is_found false: neither. */
static const struct value_list *items_of_json(
	struct slice text, struct arena *arena, bool *is_found) {
	enum extract_step step;
	const struct json *json = extract_json(arena, text, &step);
	*is_found =
		json_is(json, JSON_ARRAY) || (json_is(json, JSON_OBJECT) && step != EXTRACT_PROSE);
	if (json_is(json, JSON_ARRAY)) {
		struct value_list *list = value_list_new(arena);
		json_each (element, json) {
			if (!push(&list, value_from_json(arena, element), arena)) {
				break;
			}
		}
		return list;
	}
	return *is_found ? one_item(value_from_json(arena, json), arena) : NULL;
}

static const struct value_list *items_of_text(struct slice text, struct arena *arena) {
	bool is_found;
	const struct value_list *found = items_of_json(text, arena, &is_found);
	if (is_found) {
		return found;
	}
	struct value_list *list = value_list_new(arena);
	struct slice rest = slice_trim(text);
	struct slice part;
	if (rest.len == 0) {
		return list;
	}
	while (slice_split(&rest, ',', &part) &&
		push(&list, value_string(slice_trim(part)), arena)) {
	}
	return list;
}

const struct value_list *items_of_value(struct value value, struct arena *arena) {
	if (value.type == VALUE_OBJECT) {
		if (value.object->kind->list != NULL) {
			value = value.object->kind->list(value.object, arena);
		} else {
			value = value_plain(value, arena);
		}
	}
	switch ((enum value_type)value.type) {
	case VALUE_UNDEFINED:
	case VALUE_NONE:
		return value_list_new(arena);
	case VALUE_LIST:
		return value.list;
	case VALUE_STRING:
		return items_of_text(value.string, arena);
	case VALUE_BOOL:
	case VALUE_INT:
	case VALUE_FLOAT:
	case VALUE_MAP:
	case VALUE_OBJECT:
		break;
	}
	return one_item(value, arena);
}

/* ---- matrix ---- */

static bool is_excluded(
	const struct workflow_step *step, const struct value_map *cell, struct arena *arena) {
	json_each (exclusion, step->matrix_exclude) {
		bool matches = exclusion->count > 0;
		json_each (member, exclusion) {
			struct value key = value_string(json_key(member, arena));
			matches = matches && value_equal(value_map_get(cell, key),
						     value_from_json(arena, member), arena);
		}
		if (matches) {
			return true;
		}
	}
	return false;
}

/* The cell of that number, the last axis counting fastest. */
static struct value_map *cell_of(
	const struct workflow_step *step, size_t number, struct arena *arena) {
	struct value_map *cell = value_map_new(arena);
	size_t *at = ARENA_ARRAY(arena, size_t, step->matrix.len);
	for (size_t axis = step->matrix.len; axis-- > 0;) {
		size_t count = step->matrix.items[axis].values->count;
		at[axis] = number % count;
		number /= count;
	}
	for (size_t axis = 0; axis < step->matrix.len; axis++) {
		const struct workflow_axis *values = &step->matrix.items[axis];
		value_map_put(arena, cell, value_string(values->name),
			value_from_json(arena, json_item(values->values, at[axis])));
	}
	return cell;
}

const struct value_list *items_of_matrix(const struct workflow_step *step, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	size_t count = 1;
	for (size_t axis = 0; axis < step->matrix.len && count <= ITEMS_MAX_CELLS; axis++) {
		count *= step->matrix.items[axis].values->count;
	}
	if (count > ITEMS_MAX_CELLS) {
		return NULL;
	}
	for (size_t number = 0; number < count; number++) {
		struct value_map *cell = cell_of(step, number, arena);
		if (!is_excluded(step, cell, arena) && !push(&list, value_of_map(cell), arena)) {
			break;
		}
	}
	return list;
}

/* ---- what an item sees ---- */

const struct value_map *item_scope(
	const struct value_list *items, size_t index, struct arena *arena) {
	struct value_map *loop = value_map_new(arena);
	int64_t at = (int64_t)index;
	int64_t length = (int64_t)items->len;
	value_map_put_named(arena, loop, "index", value_int(at + 1));
	value_map_put_named(arena, loop, "index0", value_int(at));
	value_map_put_named(arena, loop, "revindex", value_int(length - at));
	value_map_put_named(arena, loop, "revindex0", value_int(length - at - 1));
	value_map_put_named(arena, loop, "first", value_bool(at == 0));
	value_map_put_named(arena, loop, "last", value_bool(at + 1 == length));
	value_map_put_named(arena, loop, "length", value_int(length));
	value_map_put_named(
		arena, loop, "previtem", index > 0 ? items->items[index - 1] : value_undefined());
	value_map_put_named(arena, loop, "nextitem",
		index + 1 < items->len ? items->items[index + 1] : value_undefined());
	struct value_map *scope = value_map_new(arena);
	value_map_put_named(arena, scope, "item", items->items[index]);
	value_map_put_named(arena, scope, "index", value_int(at));
	value_map_put_named(arena, scope, "loop", value_of_map(loop));
	return scope;
}
