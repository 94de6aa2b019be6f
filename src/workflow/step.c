/* step.c: one step's own rules (workflows.md 5.3): its type, the keys that type needs, units, short
 * forms. What needs other steps is check.c's business. */
#include "base/clock.h"
#include "workflow/workflow_internal.h"

#define TYPE(type) (1u << (type))
#define ANY_TYPE (~0u)

static bool has(const struct workflow_step *step, const char *key) {
	return workflow_member(step->node, key) != NULL;
}

static struct option_place key_place(const struct workflow_step *step, const char *key) {
	return workflow_key_place(&step->place, step->node, key);
}

#define PROBLEM(loader, is_warning, place, ...)                                                    \
	workflow_problem((loader)->workflow, (loader)->problems, is_warning, place, __VA_ARGS__)

/* ---- type ---- */

/* What a step without `type` is, by the first of these keys that it has. */
static const struct inference {
	const char *key, *with; /* `with`: a second key, or NULL */
	enum step_type type;
} inferences[] = {
	{"run", NULL, STEP_SHELL},
	{"source", NULL, STEP_APPLY},
	{"edits", NULL, STEP_APPLY},
	{"workflow", NULL, STEP_WORKFLOW},
	{"data", NULL, STEP_STORE},
	{"prompt", "role", STEP_QUERY},
	{"prompt", "backend", STEP_QUERY},
	{"prompt", "backends", STEP_QUERY},
	{"prompt_file", "role", STEP_QUERY},
	{"prompt_file", "backend", STEP_QUERY},
	{"prompt_file", "backends", STEP_QUERY},
	{"prompt", "options", STEP_INPUT},
};

/* False when no rule of a type can be asked for: it is not known, and that has been told. */
static bool find_type(struct workflow_loader *loader, struct workflow_step *step) {
	bool is_known = (int)step->type >= 0;
	if (is_known || has(step, "type")) {
		step->type = is_known ? step->type : STEP_SHELL;
		return is_known;
	}
	step->type = STEP_SHELL;
	for (size_t i = 0; i < sizeof inferences / sizeof *inferences; i++) {
		const struct inference *at = &inferences[i];
		if (has(step, at->key) && (!at->with || has(step, at->with))) {
			step->type = at->type;
			step->has_inferred_type = true;
			PROBLEM(loader, true, &step->place,
				"step `%.*s` has no `type`: taken as \"%s\" because of `%s`",
				SLICE_FMT(step->name), step_type_names[at->type], at->key);
			return true;
		}
	}
	PROBLEM(loader, false, &step->place,
		"step `%.*s` needs `type` (shell, query, apply, store, input or workflow)",
		SLICE_FMT(step->name));
	return false;
}

/* ---- which keys ---- */

/* Keys that only some types use. */
static const struct key_types {
	const char *key;
	unsigned types;
} key_types[] = {
	{"run", TYPE(STEP_SHELL)},
	{"shell", TYPE(STEP_SHELL)},
	{"stdin", TYPE(STEP_SHELL)},
	{"cwd", TYPE(STEP_SHELL) | TYPE(STEP_QUERY) | TYPE(STEP_APPLY)},
	{"env", TYPE(STEP_SHELL) | TYPE(STEP_QUERY) | TYPE(STEP_APPLY)},
	{"role", TYPE(STEP_QUERY)},
	{"backend", TYPE(STEP_QUERY)},
	{"backends", TYPE(STEP_QUERY)},
	{"execution", TYPE(STEP_QUERY)},
	{"min_success", TYPE(STEP_QUERY)},
	{"parallel", TYPE(STEP_QUERY)},
	{"cancel_rest", TYPE(STEP_QUERY)},
	{"system", TYPE(STEP_QUERY)},
	{"context", TYPE(STEP_QUERY)},
	{"cache", TYPE(STEP_QUERY)},
	{"max_prompt_tokens", TYPE(STEP_QUERY)},
	{"prompt", TYPE(STEP_QUERY) | TYPE(STEP_INPUT) | TYPE(STEP_STORE)},
	{"prompt_file", TYPE(STEP_QUERY) | TYPE(STEP_INPUT) | TYPE(STEP_STORE)},
	{"output_schema", TYPE(STEP_QUERY) | TYPE(STEP_SHELL) | TYPE(STEP_INPUT)},
	{"output_format", TYPE(STEP_QUERY) | TYPE(STEP_SHELL) | TYPE(STEP_INPUT)},
	{"source", TYPE(STEP_APPLY)},
	{"edits", TYPE(STEP_APPLY)},
	{"verify", TYPE(STEP_APPLY)},
	{"verify_retries", TYPE(STEP_APPLY)},
	{"verify_retry_prompt", TYPE(STEP_APPLY)},
	{"verify_timeout", TYPE(STEP_APPLY)},
	{"rollback_on_failure", TYPE(STEP_APPLY)},
	{"rollback", TYPE(STEP_APPLY)},
	{"confirm", TYPE(STEP_APPLY)},
	{"allow_paths", TYPE(STEP_APPLY)},
	{"deny_paths", TYPE(STEP_APPLY)},
	{"data", TYPE(STEP_STORE)},
	{"strict", TYPE(STEP_STORE)},
	{"options", TYPE(STEP_INPUT)},
	{"default", TYPE(STEP_INPUT)},
	{"workflow", TYPE(STEP_WORKFLOW)},
	{"with", TYPE(STEP_WORKFLOW)},
	{"retries", ANY_TYPE & ~TYPE(STEP_INPUT)},
};

/* Keys that a type needs: one of up to three. */
static const struct required_key {
	enum step_type type;
	const char *keys[3];
	const char *text; /* as messages say it */
} required_keys[] = {
	{STEP_SHELL, {"run"}, "`run`"},
	{STEP_QUERY, {"prompt", "prompt_file"}, "`prompt`"},
	{STEP_QUERY, {"role", "backend", "backends"}, "`role` (or `backend`)"},
	{STEP_APPLY, {"source", "edits"}, "`source` (or `edits`)"},
	{STEP_STORE, {"prompt", "prompt_file", "data"}, "`prompt`"},
	{STEP_INPUT, {"prompt", "prompt_file"}, "`prompt`"},
	{STEP_WORKFLOW, {"workflow"}, "`workflow`"},
};

/* Pairs of which only one can be meant. */
static const char *const exclusive_keys[][2] = {
	{"prompt", "prompt_file"},
	{"prompt", "data"},
	{"prompt_file", "data"},
	{"role", "backend"},
	{"role", "backends"},
	{"backend", "backends"},
	{"source", "edits"},
	{"for_each", "matrix"},
};

static bool is_blank(const struct json *value) {
	return json_is(value, JSON_STRING) && slice_trim(json_string_raw(value)).len == 0;
}

static void check_keys(struct workflow_loader *loader, const struct workflow_step *step) {
	for (size_t i = 0; i < sizeof required_keys / sizeof *required_keys; i++) {
		const struct required_key *row = &required_keys[i];
		bool is_there = row->type != step->type;
		for (size_t k = 0; k < 3 && row->keys[k]; k++) {
			const struct json *value = workflow_member(step->node, row->keys[k]);
			is_there |= value && !is_blank(value);
		}
		if (!is_there) {
			PROBLEM(loader, false, &step->place, "%s step `%.*s` needs %s",
				step_type_names[step->type], SLICE_FMT(step->name), row->text);
		}
	}
	for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
		if (!(key_types[i].types & TYPE(step->type)) && has(step, key_types[i].key)) {
			struct option_place place = key_place(step, key_types[i].key);
			PROBLEM(loader, true, &place,
				"`%s` has no effect in step `%.*s`: it is a %s step",
				key_types[i].key, SLICE_FMT(step->name),
				step_type_names[step->type]);
		}
	}
	for (size_t i = 0; i < sizeof exclusive_keys / sizeof *exclusive_keys; i++) {
		const char *const *pair = exclusive_keys[i];
		if (has(step, pair[0]) && has(step, pair[1])) {
			struct option_place place = key_place(step, pair[1]);
			PROBLEM(loader, false, &place,
				"step `%.*s` has both `%s` and `%s`: only one can be meant",
				SLICE_FMT(step->name), pair[0], pair[1]);
		}
	}
}

/* ---- short forms ---- */

static uint32_t read_classes(
	struct workflow_loader *loader, const char *key, const struct option_strings *names) {
	uint32_t bits = 0;
	for (size_t i = 0; i < names->len; i++) {
		size_t class = 0;
		while (class < FAILURE_CANCELLED &&
			!slice_is(names->items[i], failure_class_names[class])) {
			class ++;
		}
		if (class < FAILURE_CANCELLED) {
			bits |= UINT32_C(1) << class;
			continue;
		}
		struct nearest nearest = nearest_begin(names->items[i]);
		for (class = 0; class < FAILURE_CANCELLED; class ++) {
			nearest_offer(&nearest, slice_of(failure_class_names[class]));
		}
		PROBLEM(loader, false, &names->places[i],
			"`%s` names no class of failure: `%.*s` (timeout, rate_limit, network, "
			"unavailable, parse_error, verification, auth_error, config_error, "
			"execution, template_error)",
			key, SLICE_FMT(names->items[i]));
		if (nearest.found.data) {
			problems_hint(
				loader->problems, "did you mean `%.*s`?", SLICE_FMT(nearest.found));
		}
	}
	return bits;
}

/* `cache = true`, `cache = "1h"`, `cache = 3600` (seconds). */
static void read_cache(struct workflow_loader *loader, struct workflow_step *step) {
	const struct json *value = step->written.cache;
	if (!value || json_bool(value, &step->is_cached)) {
		return;
	}
	struct slice text = value->type == JSON_STRING
				    ? json_string(value, &loader->workflow->arena)
				    : json_raw(value);
	bool is_scalar = value->type == JSON_STRING || value->type == JSON_NUMBER;
	step->is_cached = true;
	if (!is_scalar || !clock_parse_duration(text, 1000, &step->cache_ttl_ms) ||
		step->cache_ttl_ms <= 0) {
		struct option_place place = key_place(step, "cache");
		PROBLEM(loader, false, &place,
			"`cache` must be true, false or how long an answer counts, such as \"1h\"");
	}
}

static void read_confirm(struct workflow_loader *loader, struct workflow_step *step) {
	const struct json *value = step->written.confirm;
	if (!value || json_bool(value, &step->asks_confirmation)) {
		return;
	}
	step->asks_confirmation = json_string_is(value, "diff");
	if (!step->asks_confirmation) {
		struct option_place place = key_place(step, "confirm");
		PROBLEM(loader, false, &place, "`confirm` must be \"diff\", true or false");
	}
}

static void read_schema(struct workflow_loader *loader, struct workflow_step *step) {
	const struct json *value = step->written.output_schema;
	struct error error = {0};
	if (!value) {
		return;
	}
	step->output_schema = schema_compile_short(&loader->workflow->arena, value, &error);
	if (!step->output_schema) {
		struct option_place place = key_place(step, "output_schema");
		PROBLEM(loader, false, &place, "`output_schema` of step `%.*s`: %s",
			SLICE_FMT(step->name), error.message);
	}
}

static void read_prompt_file(struct workflow_loader *loader, struct workflow_step *step) {
	struct workflow *workflow = loader->workflow;
	if (step->written.prompt_file.len == 0 || has(step, "prompt")) {
		return;
	}
	struct error error = {0};
	const char *path;
	struct slice text;
	if (!workflow_read_beside(
		    workflow, &workflow->arena, step->written.prompt_file, &path, &text, &error)) {
		struct option_place place =
			workflow_value_place(&step->place, step->node, "prompt_file");
		PROBLEM(loader, false, &place, "`prompt_file`: %s", error.message);
		return;
	}
	workflow_add_source(workflow, path, text);
	step->prompt.source = (struct option_text){.text = text, .place = {path, 0, 0}};
}

/* 7.1: `analyze` alone is the step of that name; anything else is an expression. */
static void normalise_source(struct workflow_loader *loader, struct workflow_step *step) {
	struct option_text *source = &step->source_expression.source;
	struct slice name = slice_trim(source->text);
	if (!workflow_is_name(name) || slice_is(name, "item")) {
		return;
	}
	size_t blanks = (size_t)(name.data - source->text.data);
	source->text = arena_printf(&loader->workflow->arena, "steps[\"%.*s\"]", SLICE_FMT(name));
	/* Places of the name are those of `[` in what it became. */
	step->source_expression.prefix_len = blanks < 5 ? 5 - blanks : 0;
}

static bool push_edit_texts(
	struct workflow_loader *loader, struct workflow_step *step, const struct json *node) {
	if (node->type == JSON_STRING) {
		*ARENA_PUSH(&loader->workflow->arena, &step->edit_texts) = (struct step_template){
			.source = {
				.text = json_string(node, &loader->workflow->arena),
				.place = {step->place.file, node->line, node->column},
				.node = node,
			}};
	}
	json_each (child, node) {
		push_edit_texts(loader, step, child);
	}
	return true;
}

static void read_edits(struct workflow_loader *loader, struct workflow_step *step) {
	if (!step->edits) {
		return;
	}
	if (step->edits->type != JSON_ARRAY) {
		struct option_place place = key_place(step, "edits");
		PROBLEM(loader, false, &place, "`edits` must be a list of tables: [[steps.edits]]");
		return;
	}
	push_edit_texts(loader, step, step->edits);
}

static void push_matrix_axis(
	struct workflow_loader *loader, struct workflow_step *step, const struct json *member) {
	struct arena *arena = &loader->workflow->arena;
	struct slice name = arena_dup(arena, json_key(member, arena));
	struct option_place place = step->place;
	document_key_position(member, &place.line, &place.column);
	if (slice_is(name, "exclude") && json_is(member->child, JSON_OBJECT)) {
		step->matrix_exclude = member;
	} else if (member->type != JSON_ARRAY || member->count == 0) {
		PROBLEM(loader, false, &place,
			"`matrix.%.*s` must be a list with at least one value", SLICE_FMT(name));
	} else if (!workflow_is_name(name)) {
		PROBLEM(loader, false, &place, "`%.*s` is no name that `item.NAME` can say",
			SLICE_FMT(name));
	} else {
		*ARENA_PUSH(arena, &step->matrix) = (struct workflow_axis){name, member};
	}
}

static void check_exclude(struct workflow_loader *loader, const struct workflow_step *step) {
	const struct json *list = step->matrix_exclude;
	struct option_place place = step->place;
	json_each (cell, list) {
		place.line = cell->line;
		place.column = cell->column;
		if (cell->type != JSON_OBJECT) {
			PROBLEM(loader, false, &place,
				"`exclude` is a list of tables such as {os = \"linux\"}");
			continue;
		}
		json_each (member, cell) {
			struct slice key = json_key(member, loader->problems->arena);
			struct nearest nearest = nearest_begin(key);
			bool is_axis = false;
			for (size_t i = 0; i < step->matrix.len; i++) {
				is_axis |= slice_eq(step->matrix.items[i].name, key);
				nearest_offer(&nearest, step->matrix.items[i].name);
			}
			if (is_axis) {
				continue;
			}
			document_key_position(member, &place.line, &place.column);
			PROBLEM(loader, false, &place,
				"`exclude` names `%.*s`, which `matrix` has not", SLICE_FMT(key));
			if (nearest.found.data) {
				problems_hint(loader->problems, "did you mean `%.*s`?",
					SLICE_FMT(nearest.found));
			}
		}
	}
}

static void read_matrix(struct workflow_loader *loader, struct workflow_step *step) {
	const struct json *table = step->written.matrix;
	struct option_place place = key_place(step, table ? "matrix" : "exclude");
	step->matrix_exclude = step->written.exclude;
	if (!table) {
		if (step->written.exclude) {
			PROBLEM(loader, false, &place, "`exclude` needs a `matrix`");
		}
		return;
	}
	if (table->type != JSON_OBJECT || table->count == 0) {
		PROBLEM(loader, false, &place,
			"`matrix` must be a table of lists, such as {os = [\"linux\", \"macos\"]}");
		return;
	}
	json_each (member, table) {
		push_matrix_axis(loader, step, member);
	}
	uint64_t cells = 1;
	for (size_t i = 0; i < step->matrix.len && cells <= WORKFLOW_MATRIX_MAX; i++) {
		cells *= step->matrix.items[i].values->count;
	}
	if (cells > WORKFLOW_MATRIX_MAX) {
		PROBLEM(loader, false, &place, "`matrix` has more than %d combinations",
			WORKFLOW_MATRIX_MAX);
	}
	if (step->matrix_exclude && step->matrix_exclude->type != JSON_ARRAY) {
		PROBLEM(loader, false, &place, "`exclude` must be a list of tables");
		step->matrix_exclude = NULL;
	}
	check_exclude(loader, step);
}

/* ---- defaults from around, units ---- */

static void inherit(const struct workflow *workflow, struct workflow_step *step) {
	const struct workflow_group *group = step->group;
	if (!has(step, "continue_on_error")) {
		bool group_says = group && workflow_member(group->node, "continue_on_error");
		step->continues_on_error =
			group_says ? group->continues_on_error : workflow->continues_on_error;
	}
	step->says_parallel = has(step, "parallel");
	if (!has(step, "timeout") && group) {
		step->timeout_ms = group->timeout_ms;
	}
	if (!has(step, "min_deps_success")) {
		step->min_deps_success = -1;
	}
	step->has_depends_on = has(step, "depends_on");
	if ((int)step->rollback < 0) {
		step->rollback =
			step->written.rolls_back_on_failure ? ROLLBACK_BACKUP : ROLLBACK_NONE;
	}
	step->needs_json = step->written.output_format == 1;
}

/* D4: shell always milliseconds; a bare number under 1000 elsewhere is meant as seconds. */
static void check_units(struct workflow_loader *loader, struct workflow_step *step) {
	const struct json *value = workflow_member(step->node, "timeout");
	if (!json_is(value, JSON_NUMBER) || step->timeout_ms <= 0 || step->timeout_ms >= 1000) {
		return;
	}
	struct option_place place = workflow_value_place(&step->place, step->node, "timeout");
	if (step->type == STEP_SHELL) {
		if (step->timeout_ms < 100) {
			PROBLEM(loader, true, &place,
				"`timeout` of a shell step counts in milliseconds: write \"%lds\" "
				"if "
				"seconds are meant",
				(long)step->timeout_ms);
		}
		return;
	}
	PROBLEM(loader, true, &place,
		"`timeout = %ld` of a %s step is taken as seconds: write \"%lds\", or \"%ldms\" "
		"for "
		"milliseconds",
		(long)step->timeout_ms, step_type_names[step->type], (long)step->timeout_ms,
		(long)step->timeout_ms);
	step->timeout_ms *= 1000;
}

static void take_run(struct workflow_loader *loader, struct workflow_step *step) {
	const struct option_command *run = &step->written.run;
	step->run.source = run->text;
	for (size_t i = 0; run->list.items && i < run->list.len; i++) {
		*ARENA_PUSH(&loader->workflow->arena, &step->argv) =
			(struct step_template){.source = run->list.items[i]};
	}
}

static void take_aliases(struct workflow_loader *loader, struct workflow_step *step) {
	if (step->written.backend.len > 0 && step->backends.len == 0) {
		*ARENA_PUSH(&loader->workflow->arena, &step->backends) = step->written.backend;
	}
	read_prompt_file(loader, step);
	if (step->type == STEP_STORE && !has(step, "data")) {
		step->data = step->prompt;
		step->prompt = (struct step_template){0};
	}
	normalise_source(loader, step);
}

struct parse_all {
	struct workflow_loader *loader;
};

static void parse_one(
	void *data, const char *key, enum template_use use, struct step_template *text) {
	struct parse_all *all = data;
	(void)key;
	workflow_parse_template(all->loader, use, text);
}

void workflow_finish_step(struct workflow_loader *loader, struct workflow_step *step) {
	struct workflow *workflow = loader->workflow;
	if (step->name.len > 0 && !workflow_is_name(step->name)) {
		struct option_place place = workflow_value_place(&step->place, step->node, "name");
		PROBLEM(loader, false, &place,
			"`%.*s` cannot be the name of a step: letters, digits, `_` and `-`, no "
			"digit "
			"first",
			SLICE_FMT(step->name));
	}
	if (find_type(loader, step)) {
		check_keys(loader, step);
		check_units(loader, step);
	}
	inherit(workflow, step);
	take_run(loader, step);
	take_aliases(loader, step);
	read_cache(loader, step);
	read_confirm(loader, step);
	read_schema(loader, step);
	read_edits(loader, step);
	read_matrix(loader, step);
	step->retry_on = read_classes(loader, "retry_on", &step->written.retry_on);
	step->fail_on = read_classes(loader, "fail_on", &step->written.fail_on);
	struct workflow_variables env = {0}, with = {0};
	workflow_read_variables(loader, &step->place, "env", step->written.env, &env);
	workflow_read_variables(loader, &step->place, "with", step->written.with, &with);
	step->env.items = env.items;
	step->env.len = step->env.cap = env.len;
	step->with.items = with.items;
	step->with.len = step->with.cap = with.len;
	struct parse_all all = {loader};
	workflow_each_template(step, parse_one, &all);
}
