/* undefined.c: what is said about names, fields and functions that are not there, and what was
 * probably meant. */
#include <stdio.h>

#include "data/problems.h"
#include "template/evaluate.h"

/* ---- names that could have been meant ---- */

#define NAMES_MAX 2000

struct name_list {
	const char **items;
	size_t len, cap;
};

static void add_name(struct arena *arena, struct name_list *names, struct slice name) {
	if (names->len < NAMES_MAX) {
		*ARENA_PUSH(arena, names) = arena_strdup(arena, name);
	}
}

static void add_keys(struct arena *arena, struct name_list *names, const struct value_map *map) {
	for (size_t i = 0; map && i < map->len; i++) {
		if (map->items[i].key.type == VALUE_STRING) {
			add_name(arena, names, map->items[i].key.string);
		}
	}
}

static const char *const *finish_names(struct arena *arena, struct name_list *names) {
	*ARENA_PUSH(arena, names) = NULL;
	return names->items;
}

const char *const *value_field_names(struct value value, struct arena *arena) {
	struct name_list names = {0};
	if (value.type == VALUE_OBJECT && value.object->kind->names) {
		return value.object->kind->names(value.object, arena);
	}
	add_keys(arena, &names, value_as_map(value, arena));
	return finish_names(arena, &names);
}

static const char *const *scope_names(struct template_run *run) {
	struct name_list names = {0};
	for (const struct frame *frame = run->frame; frame; frame = frame->parent) {
		add_keys(run->arena, &names, &frame->locals);
		add_keys(run->arena, &names, frame->captured);
	}
	const char *const *globals = value_field_names(run->globals, run->arena);
	for (; globals && *globals; globals++) {
		add_name(run->arena, &names, slice_of(*globals));
	}
	return finish_names(run->arena, &names);
}

const char *template_nearest_builtin(struct arena *arena, const struct template_builtin *own,
	const struct template_builtin *built_in, struct slice name) {
	const struct template_builtin *const lists[] = {own, built_in};
	struct name_list names = {0};
	for (size_t i = 0; i < 2; i++) {
		for (const struct template_builtin *at = lists[i]; at && at->name; at++) {
			add_name(arena, &names, slice_of(at->name));
		}
	}
	return problems_nearest(name, finish_names(arena, &names));
}

static void set_hint(struct template_run *run, const char *near) {
	if (near) {
		run->error->hint = arena_printf(run->arena, "did you mean `%s`?", near).data;
	}
}

/* ---- undefined values ---- */

/* `a`, `a.b`, `a["b"]`, `a[0]`: evaluating it again changes nothing. */
static bool is_chain(const struct node *node) {
	while (node->kind == NODE_ATTRIBUTE ||
		(node->kind == NODE_INDEX && node->access.key->kind == NODE_CONST)) {
		node = node->access.base;
	}
	return node->kind == NODE_NAME;
}

static struct slice source_of(const struct template_run *run, size_t begin, size_t end) {
	return slice_sub(run->template->text, begin, end - begin);
}

/* Where the last segment begins and what it is called. */
static size_t last_segment(const struct node *node, struct slice *name) {
	*name = (struct slice){0};
	if (node->kind == NODE_NAME) {
		*name = node->name.name;
		return node->begin;
	}
	struct value key =
		node->kind == NODE_ATTRIBUTE ? node->access.name : node->access.key->constant;
	if (key.type == VALUE_STRING) {
		*name = key.string;
	}
	return node->access.at;
}

/* The nearest of the names the segment was looked for in. */
static const char *nearest(struct template_run *run, const struct node *node, struct slice name) {
	struct value base;
	if (name.len == 0) {
		return NULL;
	}
	if (node->kind == NODE_NAME) {
		return problems_nearest(name, scope_names(run));
	}
	if (!run_evaluate(run, node->access.base, &base)) {
		return NULL;
	}
	const char *const *names = value_field_names(base, run->arena);
	return names ? problems_nearest(name, names) : NULL;
}

bool run_fail_undefined(struct template_run *run, const struct node *node) {
	if (run->has_failed) {
		return false;
	}
	run->at = node;
	if (!is_chain(node)) {
		return template_fail(
			run, TEMPLATE_ERROR_UNDEFINED, "the value of the expression is undefined");
	}
	struct slice name;
	size_t at = last_segment(node, &name);
	const char *near = nearest(run, node, name);
	if (near && slice_is(name, near)) {
		near = NULL; /* it is there, and holds what is undefined */
	}
	struct slice shown = source_of(run, node->begin, node->end);
	if (run->has_failed) {
		return false;
	}
	run->at = node;
	template_fail(run, TEMPLATE_ERROR_UNDEFINED, "`%.*s` is undefined",
		SLICE_FMT(slice_sub(shown, 0, 200)));
	set_hint(run, near);
	run->error->place = template_place_at(run->template, at, node->end);
	run->error->path = arena_strdup(run->arena, shown);
	run->error->path_undefined_at = at - node->begin;
	run->undefined_chain = node;
	return false;
}

void run_extend_undefined(struct template_run *run, const struct node *node) {
	if (run->error->path && is_chain(node)) {
		run->error->path = arena_strdup(run->arena, source_of(run, node->begin, node->end));
		run->undefined_chain = node;
	}
}

bool run_fail_unknown_function(
	struct template_run *run, struct slice name, const struct node *node) {
	run->at = node;
	template_fail(run, TEMPLATE_ERROR_UNKNOWN_FUNCTION, "there is no function `%.*s`",
		SLICE_FMT(slice_sub(name, 0, 80)));
	const char *near = template_nearest_builtin(
		run->arena, run->environment->functions, template_functions, name);
	set_hint(run, near ? near : problems_nearest(name, scope_names(run)));
	return false;
}
