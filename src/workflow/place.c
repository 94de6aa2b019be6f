/* place.c: where things stand in the files of a workflow, and problems told at these places. */
#include "workflow/workflow_internal.h"

/* ---- files ---- */

void workflow_add_source(struct workflow *workflow, const char *file, struct slice text) {
	for (size_t i = 0; i < workflow->sources.len; i++) {
		if (strcmp(workflow->sources.items[i].file, file) == 0) {
			return;
		}
	}
	struct workflow_source *source = ARENA_PUSH(&workflow->arena, &workflow->sources);
	source->file = file;
	source->text = text;
	size_t begin = 0, end;
	do {
		*ARENA_PUSH(&workflow->arena, &source->lines) = begin;
		end = slice_find_byte(slice_from(text, begin), '\n');
		begin += end + 1;
	} while (end != SIZE_MAX);
}

static const struct workflow_source *source_of(const struct workflow *workflow, const char *file) {
	for (size_t i = 0; i < workflow->sources.len; i++) {
		const struct workflow_source *source = &workflow->sources.items[i];
		if (source->file == file || (file && strcmp(source->file, file) == 0)) {
			return source;
		}
	}
	return NULL;
}

void workflow_keep_texts(struct problems *problems, size_t from) {
	struct {
		struct kept {
			struct problem before, after;
		} * items;
		size_t len, cap;
	} kept = {0};
	for (size_t i = from; i < problems->len; i++) {
		struct problem *problem = &problems->items[i];
		const struct kept *found = NULL;
		for (size_t k = kept.len; k > 0 && !found; k--) {
			bool is_it = kept.items[k - 1].before.file == problem->file;
			found = is_it ? &kept.items[k - 1] : NULL;
		}
		if (!found) {
			struct kept *new = ARENA_PUSH(problems->arena, &kept);
			new->before = *problem;
			/* What the caller holds anyway need not be copied. */
			bool is_callers = problem->file && problems->file &&
					  strcmp(problem->file, problems->file) == 0 &&
					  slice_eq(problem->text, problems->text);
			new->after.file = is_callers      ? problems->file
					  : problem->file ? arena_strdup(problems->arena,
								    slice_of(problem->file))
							  : NULL;
			new->after.text = is_callers ? problems->text
						     : arena_dup(problems->arena, problem->text);
			found = new;
		}
		problem->file = found->after.file;
		problem->text = found->after.text;
	}
}

void workflow_tell_of(
	const struct workflow *workflow, struct problems *problems, const char *file) {
	if (problems->file != file) {
		const struct workflow_source *source = source_of(workflow, file);
		problems->file = file;
		problems->text = source ? source->text : (struct slice){0};
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

/* Within the text of a node: from its line on, for a file may be long. */
static void position_in(const struct workflow_source *source, const struct json *node,
	size_t offset, uint32_t *line, uint32_t *column) {
	if (node->line == 0 || node->line > source->lines.len) {
		return;
	}
	struct json near = *node;
	near.line = 1;
	document_string_position(slice_from(source->text, source->lines.items[node->line - 1]),
		&near, offset, line, column);
	*line += node->line - 1;
}

static void position_at(const struct workflow *workflow, const struct step_template *text,
	size_t offset, uint32_t *line, uint32_t *column) {
	const struct workflow_source *source = source_of(workflow, text->source.place.file);
	*line = text->source.place.line;
	*column = text->source.place.column;
	offset = offset > text->prefix_len ? offset - text->prefix_len : 0;
	if (!text->source.node && *line == 0) {
		/* A file of its own (`prompt_file`). */
		struct slice before = slice_sub(text->source.text, 0, offset);
		json_position(text->source.text, before.data + before.len, line, column);
	} else if (json_is(text->source.node, JSON_STRING) && source) {
		position_in(source, text->source.node, offset, line, column);
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
