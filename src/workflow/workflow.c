/* workflow.c: the words of workflow files, looking things up by name, telling places. */
#include "workflow/workflow.h"

#include <stdlib.h>

#include "workflow/workflow_internal.h"

const char *const step_type_names[] = {
	[STEP_SHELL] = "shell",
	[STEP_QUERY] = "query",
	[STEP_APPLY] = "apply",
	[STEP_STORE] = "store",
	[STEP_INPUT] = "input",
	[STEP_WORKFLOW] = "workflow",
	[STEP_TYPE_COUNT] = NULL,
};

const char *const workflow_arg_types[] = {
	[WORKFLOW_ARG_STRING] = "string",
	[WORKFLOW_ARG_INT] = "int",
	[WORKFLOW_ARG_BOOL] = "bool",
	[WORKFLOW_ARG_FILE] = "file",
	[WORKFLOW_ARG_LIST] = "list",
	NULL,
};

void workflow_destroy(struct workflow *workflow) {
	if (!workflow) {
		return;
	}
	map_finish(&workflow->step_index, NULL);
	map_finish(&workflow->alias_index, NULL);
	map_finish(&workflow->group_index, NULL);
	arena_finish(&workflow->arena);
	free(workflow);
}

const struct workflow_step *workflow_find_step(const struct workflow *workflow, struct slice name) {
	return map_get(&workflow->step_index, name);
}

const struct workflow_step *workflow_find_step_alias(
	const struct workflow *workflow, struct slice name) {
	const struct workflow_step *step = map_get(&workflow->step_index, name);
	return step ? step : map_get(&workflow->alias_index, name);
}

const struct workflow_group *workflow_find_group(
	const struct workflow *workflow, struct slice name) {
	return map_get(&workflow->group_index, name);
}

/* ---- suggestions ---- */

struct workflow_nearest workflow_nearest_begin(struct slice word) {
	size_t limit = word.len / 2 > 2 ? word.len / 2 : 2;
	return (struct workflow_nearest){.word = word, .best = limit + 1};
}

void workflow_nearest_offer(struct workflow_nearest *nearest, struct slice candidate) {
	size_t limit = nearest->best - 1;
	size_t difference = candidate.len > nearest->word.len ? candidate.len - nearest->word.len
							      : nearest->word.len - candidate.len;
	if (nearest->best == 0 || difference > limit) {
		return;
	}
	size_t distance = slice_distance(nearest->word, candidate, limit);
	/* A word of which nothing is left is no typo. */
	if (distance < nearest->best && distance < candidate.len) {
		nearest->best = distance;
		nearest->found = candidate;
	}
}

/* ---- places ---- */

static struct slice text_of(const struct workflow *workflow, const char *file) {
	for (size_t i = 0; i < workflow->sources.len; i++) {
		const struct workflow_source *source = &workflow->sources.items[i];
		if (source->file == file || (file && strcmp(source->file, file) == 0)) {
			return source->text;
		}
	}
	return (struct slice){0};
}

void workflow_tell_of(
	const struct workflow *workflow, struct problems *problems, const char *file) {
	if (problems->file != file) {
		problems->file = file;
		problems->text = text_of(workflow, file);
	}
}

__attribute__((format(printf, 5, 0))) static void add_problem(const struct workflow *workflow,
	struct problems *problems, bool is_warning, const struct option_place *place,
	const char *format, va_list args) {
	struct slice message = arena_vprintf(problems->arena, format, args);
	workflow_tell_of(workflow, problems, place->file ? place->file : workflow->path);
	if (is_warning) {
		problems_warn(problems, place->line, place->column, "%s", message.data);
	} else {
		problems_add(problems, place->line, place->column, "%s", message.data);
	}
}

void workflow_problem(const struct workflow *workflow, struct problems *problems, bool is_warning,
	const struct option_place *place, const char *format, ...) {
	va_list args;
	va_start(args, format);
	add_problem(workflow, problems, is_warning, place, format, args);
	va_end(args);
}

static void position_at(const struct workflow *workflow, const struct step_template *text,
	size_t offset, uint32_t *line, uint32_t *column) {
	*line = text->source.place.line;
	*column = text->source.place.column;
	offset = offset > text->prefix_len ? offset - text->prefix_len : 0;
	if (!text->source.node && *line == 0) {
		/* A file of its own (`prompt_file`). */
		struct slice before = slice_sub(text->source.text, 0, offset);
		json_position(text->source.text, before.data + before.len, line, column);
	} else if (json_is(text->source.node, JSON_STRING)) {
		document_string_position(text_of(workflow, text->source.place.file),
			text->source.node, offset, line, column);
	}
}

void workflow_template_problem(const struct workflow *workflow, struct problems *problems,
	bool is_warning, const struct step_template *text, size_t offset, const char *format, ...) {
	struct option_place place = text->source.place;
	position_at(workflow, text, offset, &place.line, &place.column);
	va_list args;
	va_start(args, format);
	add_problem(workflow, problems, is_warning, &place, format, args);
	va_end(args);
}

void workflow_position(const struct workflow *workflow, const struct step_template *text,
	const struct template_place *at, uint32_t *line, uint32_t *column) {
	position_at(workflow, text, at->offset, line, column);
}

const struct json *workflow_member(const struct json *table, const char *key) {
	struct slice wanted = slice_of(key);
	json_each (member, table) {
		if (member->key_len != wanted.len) {
			continue;
		}
		size_t same = 0;
		while (same < wanted.len &&
			(member->key[same] == wanted.data[same] ||
				(member->key[same] == '-' && wanted.data[same] == '_'))) {
			same++;
		}
		if (same == wanted.len) {
			return member;
		}
	}
	return NULL;
}

struct option_place workflow_key_place(
	const struct option_place *table_place, const struct json *table, const char *key) {
	struct option_place place = *table_place;
	const struct json *member = workflow_member(table, key);
	if (member) {
		document_key_position(member, &place.line, &place.column);
	}
	return place;
}

struct option_place workflow_value_place(
	const struct option_place *table_place, const struct json *table, const char *key) {
	struct option_place place = *table_place;
	const struct json *member = workflow_member(table, key);
	if (member) {
		place.line = member->line;
		place.column = member->column;
	}
	return place;
}
