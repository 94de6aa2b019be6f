/* templates.c: the texts of a workflow that are templates: which ones a step has, how each is
 * parsed, tables of named ones. */
#include <stddef.h>

#include "workflow/workflow_internal.h"

static const struct template_row {
	const char *key;
	size_t offset;
	enum template_use use;
} template_rows[] = {
	{"run", offsetof(struct workflow_step, run), TEMPLATE_USE_SHELL},
	{"stdin", offsetof(struct workflow_step, stdin_text), TEMPLATE_USE_TEXT},
	{"cwd", offsetof(struct workflow_step, cwd), TEMPLATE_USE_TEXT},
	{"prompt", offsetof(struct workflow_step, prompt), TEMPLATE_USE_TEXT},
	{"system", offsetof(struct workflow_step, system), TEMPLATE_USE_TEXT},
	{"source", offsetof(struct workflow_step, source_expression), TEMPLATE_USE_EXPRESSION},
	{"verify", offsetof(struct workflow_step, verify), TEMPLATE_USE_SHELL},
	{"verify_retry_prompt", offsetof(struct workflow_step, verify_retry_prompt),
		TEMPLATE_USE_RETRY_PROMPT},
	{"data", offsetof(struct workflow_step, data), TEMPLATE_USE_TEXT},
	{"default", offsetof(struct workflow_step, default_answer), TEMPLATE_USE_TEXT},
	{"if", offsetof(struct workflow_step, condition), TEMPLATE_USE_CONDITION},
	{"for_each", offsetof(struct workflow_step, for_each), TEMPLATE_USE_CONDITION},
};

void workflow_each_template(
	const struct workflow_step *step, step_template_visit *visit, void *data) {
	for (size_t i = 0; i < sizeof template_rows / sizeof *template_rows; i++) {
		const struct template_row *row = &template_rows[i];
		struct step_template *text =
			(struct step_template *)((char *)(uintptr_t)step + row->offset);
		if (text->source.text.data) {
			visit(data, row->key, row->use, text);
		}
	}
	for (size_t i = 0; i < step->argv.len; i++) {
		visit(data, "run", TEMPLATE_USE_TEXT, &step->argv.items[i]);
	}
	for (size_t i = 0; i < step->env.len; i++) {
		visit(data, "env", TEMPLATE_USE_TEXT, &step->env.items[i].value);
	}
	for (size_t i = 0; i < step->with.len; i++) {
		visit(data, "with", TEMPLATE_USE_TEXT, &step->with.items[i].value);
	}
	for (size_t i = 0; i < step->edit_texts.len; i++) {
		visit(data, "edits", TEMPLATE_USE_TEXT, &step->edit_texts.items[i]);
	}
}

/* The imports of the macro files that a text names, before the text. */
static struct slice with_macros(struct workflow_loader *loader, struct step_template *text) {
	struct arena *arena = &loader->workflow->arena;
	struct slice prefix = {0};
	for (size_t i = 0; i < loader->macros.len; i++) {
		const struct option_pair *macro = &loader->macros.items[i];
		if (slice_contains(text->source.text, macro->key)) {
			prefix = arena_printf(
				arena, "%.*s%.*s", SLICE_FMT(prefix), SLICE_FMT(macro->value));
		}
	}
	if (prefix.len == 0) {
		return text->source.text;
	}
	text->prefix_len += prefix.len;
	return arena_printf(arena, "%.*s%.*s", SLICE_FMT(prefix), SLICE_FMT(text->source.text));
}

void workflow_parse_template(
	struct workflow_loader *loader, enum template_use use, struct step_template *text) {
	struct workflow *workflow = loader->workflow;
	if (!text->source.text.data) {
		return;
	}
	bool is_expression = use == TEMPLATE_USE_CONDITION || use == TEMPLATE_USE_EXPRESSION;
	struct template_options options = {
		.name = text->source.place.file ? text->source.place.file : workflow->path,
		.undefined = use == TEMPLATE_USE_CONDITION ? TEMPLATE_LENIENT : TEMPLATE_STRICT,
		.escape = use == TEMPLATE_USE_SHELL ? TEMPLATE_ESCAPE_SHELL : TEMPLATE_ESCAPE_NONE,
	};
	struct template_error error = {0};
	if (is_expression) {
		text->template = template_parse_expression(&workflow->arena, &workflow->environment,
			&options, text->source.text, &error);
	} else {
		text->template = template_parse(&workflow->arena, &workflow->environment, &options,
			with_macros(loader, text), &error);
	}
	if (!text->template) {
		workflow_template_problem(workflow, loader->problems, false, text,
			error.place.offset, "%s: %s", is_expression ? "expression" : "template",
			error.message ? error.message : "does not parse");
		if (error.hint) {
			problems_hint(loader->problems, "%s", error.hint);
		}
	}
}

/* A list of scalars is its texts with commas, as an argument of type list is given. */
static bool scalar_text(struct arena *arena, const struct json *value, struct slice *text) {
	switch ((enum json_type)value->type) {
	case JSON_STRING:
		*text = json_string(value, arena);
		return true;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		*text = json_raw(value);
		return true;
	default:
		return false;
	}
}

static bool variable_text(
	struct arena *arena, const struct json *value, bool takes_lists, struct slice *text) {
	if (value->type != JSON_ARRAY || !takes_lists) {
		return scalar_text(arena, value, text);
	}
	*text = SLICE("");
	json_each (item, value) {
		struct slice one;
		if (!scalar_text(arena, item, &one)) {
			return false;
		}
		*text = arena_printf(arena, "%.*s%s%.*s", SLICE_FMT(*text), text->len ? "," : "",
			SLICE_FMT(one));
	}
	return true;
}

static bool is_there(const struct workflow_variables *list, struct slice name) {
	for (size_t i = 0; i < list->len; i++) {
		if (slice_eq(list->items[i].name, name)) {
			return true;
		}
	}
	return false;
}

void workflow_read_variables(struct workflow_loader *loader, const struct option_place *place,
	const char *what, const struct json *table, struct workflow_variables *out) {
	struct workflow *workflow = loader->workflow;
	struct arena *arena = &workflow->arena;
	if (!table) {
		return;
	}
	struct option_place at = {place->file, table->line, table->column};
	if (table->type != JSON_OBJECT) {
		workflow_problem(workflow, loader->problems, false, &at,
			"`%s` must be a table of names and texts", what);
		return;
	}
	json_each (member, table) {
		struct slice name = arena_dup(arena, json_key(member, arena)), text;
		at.line = member->line;
		at.column = member->column;
		bool is_env = strcmp(what, "env") == 0;
		if (is_env && (name.len == 0 || slice_find_byte(name, '=') != SIZE_MAX ||
				      memchr(name.data, '\0', name.len))) {
			workflow_problem(workflow, loader->problems, false, &at,
				"`%.*s` cannot be the name of a variable", SLICE_FMT(name));
		} else if (!variable_text(arena, member, !is_env, &text)) {
			workflow_problem(workflow, loader->problems, false, &at,
				"`%s.%.*s` must be a text, a number, true or false%s", what,
				SLICE_FMT(name), is_env ? "" : ", or a list of these");
		} else if (!is_there(out, name)) {
			struct workflow_variable *variable = ARENA_PUSH(arena, out);
			variable->name = name;
			variable->value.source = (struct option_text){
				.text = text,
				.place = at,
				.node = member->type == JSON_STRING ? member : NULL,
			};
		}
	}
}
