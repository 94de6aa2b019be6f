/* load.c: from a file's text to a struct workflow: keys by the options engine, includes, steps and
 * groups in one list, then each step's own rules (step.c) and the graph (graph_edges.c). */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/file.h"
#include "workflow/workflow_internal.h"

/* A workflow of 10,000 steps takes some 60 MB with its templates. */
#define WORKFLOW_ARENA_CAP ((size_t)1024 * 1024 * 1024)

/* ---- lists of the file ---- */

static void attach_nodes(struct workflow_step *steps, size_t count, const struct json *list) {
	const struct json *node = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
	for (size_t i = 0; i < count && node; i++, node = node->next) {
		steps[i].node = node;
	}
}

static void attach_group_nodes(struct workflow *part, const struct json *list) {
	const struct json *node = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
	for (size_t i = 0; i < part->groups.len && node; i++, node = node->next) {
		struct workflow_group *group = &part->groups.items[i];
		group->node = node;
		attach_nodes(
			group->written.items, group->written.len, workflow_member(node, "steps"));
	}
}

/* ---- one file ---- */

/* Counted before anything is made of them: a step takes two kilobytes, its text may be ten bytes.
 */
static bool has_room(struct workflow_loader *loader, const char *file, const struct json *tree) {
	const struct json *steps = workflow_member(tree, "steps");
	const struct json *groups = workflow_member(tree, "groups");
	size_t count =
		loader->step_count + (steps ? steps->count : 0) + (groups ? groups->count : 0);
	json_each (group, groups) {
		const struct json *members = workflow_member(group, "steps");
		count += members ? members->count : 0;
	}
	loader->step_count = count;
	if (count > WORKFLOW_STEPS_MAX) {
		const struct option_place place = {file, 1, 1};
		workflow_problem(loader->workflow, loader->problems, false, &place,
			"a workflow has at most %d steps", WORKFLOW_STEPS_MAX);
	}
	return count <= WORKFLOW_STEPS_MAX;
}

/* Fills `part` from a file's text; false when it is no TOML, or too much. */
static bool read_file(struct workflow_loader *loader, const char *file, struct slice text,
	struct workflow *part, const struct json **tree_out) {
	struct workflow *workflow = loader->workflow;
	workflow_add_source(workflow, file, text);
	workflow_tell_of(workflow, loader->problems, file);
	struct json *tree = toml_parse(&workflow->arena, text, loader->problems);
	if (!tree || !has_room(loader, file, tree)) {
		return false;
	}
	struct option_set set;
	const struct option_table *const tables[] = {&workflow_table};
	void *const targets[] = {part};
	options_init(&set, &workflow->arena, tables, 1, targets);
	options_apply_tree(&set, tree, loader->problems);
	options_check_required(&set, options_report_missing, loader->problems);
	attach_nodes(part->steps.items, part->steps.len, workflow_member(tree, "steps"));
	attach_group_nodes(part, workflow_member(tree, "groups"));
	*tree_out = tree;
	return true;
}

/* ---- includes ---- */

static void include_all(struct workflow_loader *loader, const struct workflow *part);

/* What an included file may say; the rest is the business of the file that is run. */
static void refuse_top_keys(
	struct workflow_loader *loader, const char *file, const struct json *tree) {
	static const char *const allowed[] = {"name", "description", "version", "include", "args",
		"env", "roles", "groups", "steps", "$schema", NULL};
	json_each (member, tree) {
		bool is_allowed = false;
		for (const char *const *at = allowed; *at; at++) {
			is_allowed |= json_key_is(member, *at);
		}
		const struct option_place whole = {file, member->line, member->column};
		struct slice key = json_key(member, &loader->workflow->arena);
		const char *name = arena_strdup(&loader->workflow->arena, key);
		struct option_place place = workflow_key_place(&whole, tree, name);
		bool is_known = false;
		for (size_t i = 0; i < workflow_table.row_count; i++) {
			is_known |= strcmp(workflow_table.rows[i].key, name) == 0;
		}
		if (!is_allowed && is_known) {
			workflow_problem(loader->workflow, loader->problems, false, &place,
				"`%s` cannot stand in an included file: put it into the workflow "
				"itself",
				name);
		}
	}
}

static bool is_on_stack(const struct workflow_loader *loader, const char *real) {
	for (size_t i = 0; i < loader->depth; i++) {
		if (loader->stack[i].real && strcmp(loader->stack[i].real, real) == 0) {
			return true;
		}
	}
	return false;
}

/* "a.toml -> b.toml -> a.toml" */
static const char *circle_text(const struct workflow_loader *loader, const char *real) {
	struct arena *arena = &loader->workflow->arena;
	const char *text = "", *first = NULL;
	for (size_t i = 0; i < loader->depth; i++) {
		if (!first && loader->stack[i].real && strcmp(loader->stack[i].real, real) == 0) {
			first = loader->stack[i].shown;
		}
		if (first) {
			text = arena_printf(arena, "%s%s -> ", text, loader->stack[i].shown).data;
		}
	}
	return arena_printf(arena, "%s%s", text, first).data;
}

/* Macros of `dir/names.jinja` are `names.macro(...)` in every template that says `names`. */
static void include_macros(struct workflow_loader *loader, const struct option_place *place,
	struct slice name, const char *path) {
	struct arena *arena = &loader->workflow->arena;
	const char *base = strrchr(path, '/');
	struct slice stem = slice_of(base ? base + 1 : path);
	size_t dot = slice_find_byte(stem, '.');
	stem = slice_sub(stem, 0, dot == SIZE_MAX ? stem.len : dot);
	if (!workflow_is_name(stem) || slice_find_byte(stem, '-') != SIZE_MAX ||
		slice_find_byte(name, '"') != SIZE_MAX || slice_find_byte(name, '\\') != SIZE_MAX) {
		workflow_problem(loader->workflow, loader->problems, false, place,
			"a file of macros is used by its name, and `%.*s` is none that a template "
			"can write",
			SLICE_FMT(stem));
		return;
	}
	*ARENA_PUSH(arena, &loader->macros) = (struct option_pair){
		.key = arena_dup(arena, stem),
		.value = arena_printf(
			arena, "{%% import \"%.*s\" as %.*s %%}", SLICE_FMT(name), SLICE_FMT(stem)),
		.place = *place,
	};
}

static bool role_is_known(const struct workflow *workflow, struct slice name) {
	for (size_t i = 0; i < workflow->roles.len; i++) {
		if (slice_eq(workflow->roles.items[i].name, name)) {
			return true;
		}
	}
	return false;
}

static bool arg_is_known(const struct workflow *workflow, struct slice name) {
	for (size_t i = 0; i < workflow->args.len; i++) {
		if (slice_eq(workflow->args.items[i].name, name)) {
			return true;
		}
	}
	return false;
}

/* What the including file says itself wins; steps and groups of included files come first. */
static void merge_part(struct workflow_loader *loader, const struct workflow *part) {
	struct workflow *workflow = loader->workflow;
	struct arena *arena = &workflow->arena;
	for (size_t i = 0; i < part->roles.len; i++) {
		if (!role_is_known(workflow, part->roles.items[i].name)) {
			*ARENA_PUSH(arena, &workflow->roles) = part->roles.items[i];
		}
	}
	for (size_t i = 0; i < part->args.len; i++) {
		if (!arg_is_known(workflow, part->args.items[i].name)) {
			*ARENA_PUSH(arena, &workflow->args) = part->args.items[i];
		}
	}
	struct workflow_variables env = {workflow->env.items, workflow->env.len, workflow->env.cap};
	struct option_place place = {loader->problems->file, 0, 0};
	workflow_read_variables(loader, &place, "env", part->written.env, &env);
	workflow->env.items = env.items;
	workflow->env.len = env.len;
	workflow->env.cap = env.cap;
	for (size_t i = 0; i < part->steps.len; i++) {
		*ARENA_PUSH(arena, &workflow->steps) = part->steps.items[i];
	}
	for (size_t i = 0; i < part->groups.len; i++) {
		*ARENA_PUSH(arena, &workflow->groups) = part->groups.items[i];
	}
}

static void include_one(
	struct workflow_loader *loader, const struct option_place *place, struct slice name) {
	struct workflow *workflow = loader->workflow;
	struct error error = {0};
	struct slice text;
	const char *path;
	if (!workflow_read_beside(workflow, &workflow->arena, name, &path, &text, &error)) {
		workflow_problem(
			workflow, loader->problems, false, place, "`include`: %s", error.message);
		return;
	}
	if (!slice_ends_with(name, SLICE(".toml"))) {
		include_macros(loader, place, name, path);
		return;
	}
	const char *real = workflow_resolve(workflow, &workflow->arena, name, &error);
	if (is_on_stack(loader, real)) {
		workflow_problem(workflow, loader->problems, false, place,
			"files include each other in a circle: %s", circle_text(loader, real));
		return;
	}
	if (loader->depth == WORKFLOW_INCLUDE_DEPTH) {
		workflow_problem(workflow, loader->problems, false, place,
			"`include` goes deeper than %d files", WORKFLOW_INCLUDE_DEPTH);
		return;
	}
	for (size_t i = 0; i < loader->included.len; i++) {
		if (strcmp(loader->included.items[i], real) == 0) {
			return; /* by two ways: once is enough */
		}
	}
	*ARENA_PUSH(&workflow->arena, &loader->included) = real;
	loader->stack[loader->depth].real = real;
	loader->stack[loader->depth++].shown = path;
	struct workflow *part = ARENA_NEW(&workflow->arena, struct workflow);
	const struct json *tree;
	if (read_file(loader, path, text, part, &tree)) {
		refuse_top_keys(loader, path, tree);
		include_all(loader, part);
		workflow_tell_of(workflow, loader->problems, path);
		merge_part(loader, part);
	}
	loader->depth--;
}

static void include_all(struct workflow_loader *loader, const struct workflow *part) {
	const char *file = loader->problems->file;
	for (size_t i = 0; i < part->written.include.len; i++) {
		include_one(
			loader, &part->written.include.places[i], part->written.include.items[i]);
	}
	workflow_tell_of(loader->workflow, loader->problems, file);
}

/* ---- one list of steps ---- */

/* A run of steps that stays together: one step, or a group with its members. */
struct block {
	const struct option_place *place;
	size_t file; /* number among the sources: included files come first */
	struct workflow_step *step;
	struct workflow_group *group;
};

static size_t file_number(const struct workflow *workflow, const char *file) {
	for (size_t i = workflow->sources.len; i > 0; i--) {
		if (workflow->sources.items[i - 1].file == file) {
			/* The workflow's own file is source 0 and comes last. */
			return i == 1 ? SIZE_MAX : i;
		}
	}
	return SIZE_MAX;
}

static int by_place(const void *a, const void *b) {
	const struct block *left = a, *right = b;
	if (left->file != right->file) {
		return left->file < right->file ? -1 : 1;
	}
	if (left->place->line != right->place->line) {
		return left->place->line < right->place->line ? -1 : 1;
	}
	if (left->place->column != right->place->column) {
		return left->place->column < right->place->column ? -1 : 1;
	}
	return 0;
}

static void put_step(struct workflow *workflow, struct workflow_step *to, struct workflow_step step,
	const struct workflow_group *group) {
	*to = step;
	to->number = (size_t)(to - workflow->steps.items);
	to->group = group;
}

/* Steps and groups in order of the file, the members of groups in their place. */
static void lay_out(struct workflow *workflow) {
	size_t total = workflow->steps.len, count = 0;
	struct block *blocks = ARENA_ARRAY(
		&workflow->arena, struct block, workflow->steps.len + workflow->groups.len + 1);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		struct workflow_step *step = &workflow->steps.items[i];
		blocks[count++] = (struct block){
			&step->place, file_number(workflow, step->place.file), step, NULL};
	}
	for (size_t i = 0; i < workflow->groups.len; i++) {
		struct workflow_group *group = &workflow->groups.items[i];
		total += group->written.len;
		blocks[count++] = (struct block){
			&group->place, file_number(workflow, group->place.file), NULL, group};
	}
	qsort(blocks, count, sizeof *blocks, by_place);
	struct workflow_step *steps =
		ARENA_ARRAY(&workflow->arena, struct workflow_step, total + 1);
	workflow->steps.items = steps;
	workflow->steps.len = 0;
	workflow->steps.cap = total + 1;
	for (size_t i = 0; i < count; i++) {
		struct workflow_group *group = blocks[i].group;
		if (!group) {
			put_step(workflow, &steps[workflow->steps.len++], *blocks[i].step, NULL);
			continue;
		}
		group->first_step = workflow->steps.len;
		group->step_count = group->written.len;
		for (size_t m = 0; m < group->step_count; m++) {
			put_step(workflow, &steps[workflow->steps.len++], group->written.items[m],
				group);
		}
	}
}

/* ---- the whole ---- */

static struct slice stem_of(const char *path) {
	const char *slash = strrchr(path, '/');
	struct slice name = slice_of(slash ? slash + 1 : path);
	return slice_ends_with(name, SLICE(".toml")) ? slice_sub(name, 0, name.len - 5) : name;
}

static void finish_name(struct workflow_loader *loader, const struct json *tree) {
	struct workflow *workflow = loader->workflow;
	struct slice stem = stem_of(workflow->path);
	if (workflow->name.len == 0) {
		workflow->name = arena_dup(&workflow->arena, stem);
	} else if (!slice_eq(workflow->name, stem)) {
		struct option_place whole = {workflow->path, 1, 1};
		struct option_place place = workflow_value_place(&whole, tree, "name");
		workflow_problem(workflow, loader->problems, true, &place,
			"the workflow is called `%.*s`, but its file `%.*s`: it is run by the name "
			"of the file",
			SLICE_FMT(workflow->name), SLICE_FMT(stem));
	}
	struct option_place whole = {workflow->path, 1, 1};
	const struct json *timeout = workflow_member(tree, "timeout");
	if (json_is(timeout, JSON_NUMBER) && workflow->timeout_ms < 1000) {
		struct option_place place = workflow_value_place(&whole, tree, "timeout");
		workflow_problem(workflow, loader->problems, true, &place,
			"`timeout` of a workflow counts in milliseconds: write \"%.*ss\" if "
			"seconds "
			"are meant",
			SLICE_FMT(json_raw(timeout)));
	}
}

/* `output = "final"` is short for {{ steps["final"].output }}. */
static void finish_output(struct workflow_loader *loader) {
	struct workflow *workflow = loader->workflow;
	struct step_template *output = &workflow->output;
	struct slice text = slice_trim(output->source.text);
	bool is_template = slice_contains(text, SLICE("{{")) || slice_contains(text, SLICE("{%"));
	if (text.len > 0 && !is_template) {
		struct arena *arena = &workflow->arena;
		bool is_path = slice_starts_with(text, SLICE("steps.")) ||
			       slice_starts_with(text, SLICE("groups."));
		size_t blanks = (size_t)(text.data - output->source.text.data);
		output->source.text = is_path ? arena_printf(arena, "{{ %.*s }}", SLICE_FMT(text))
					      : arena_printf(arena, "{{ steps[\"%.*s\"].output }}",
							SLICE_FMT(text));
		output->prefix_len = is_path ? 3 : 8;
		output->prefix_len -= blanks < output->prefix_len ? blanks : output->prefix_len;
	}
	workflow_parse_template(loader, TEMPLATE_USE_TEXT, output);
	workflow_parse_template(loader, TEMPLATE_USE_TEXT, &workflow->ecosystem);
}

static void check_groups(struct workflow_loader *loader) {
	for (size_t i = 0; i < loader->workflow->groups.len; i++) {
		const struct workflow_group *group = &loader->workflow->groups.items[i];
		const struct json *timeout = workflow_member(group->node, "timeout");
		if (json_is(timeout, JSON_NUMBER) && group->timeout_ms < 1000) {
			struct option_place place =
				workflow_value_place(&group->place, group->node, "timeout");
			workflow_problem(loader->workflow, loader->problems, true, &place,
				"`timeout` of a group counts in milliseconds: write \"%.*ss\" if "
				"seconds are meant",
				SLICE_FMT(json_raw(timeout)));
		}
	}
}

static void hash_sources(struct workflow *workflow) {
	struct buf all;
	buf_init(&all, 0);
	for (size_t i = 0; i < workflow->sources.len; i++) {
		uint64_t len = workflow->sources.items[i].text.len;
		buf_append(&all, slice_make((const char *)&len, sizeof len));
		buf_append(&all, workflow->sources.items[i].text);
	}
	workflow_hash_included(workflow, &all);
	uint8_t hash[SHA256_LEN];
	sha256(buf_slice(&all), hash);
	hex_encode(hash, sizeof hash, workflow->hash);
	buf_finish(&all);
}

static void finish_all(struct workflow_loader *loader, const struct json *tree) {
	struct workflow *workflow = loader->workflow;
	finish_name(loader, tree);
	include_all(loader, workflow);
	struct option_place whole = {workflow->path, 1, 1};
	struct workflow_variables env = {workflow->env.items, workflow->env.len, workflow->env.cap};
	workflow_read_variables(loader, &whole, "env", workflow->written.env, &env);
	workflow->env.items = env.items;
	workflow->env.len = env.len;
	workflow->env.cap = env.cap;
	for (size_t i = 0; i < env.len; i++) {
		workflow_parse_template(loader, TEMPLATE_USE_TEXT, &env.items[i].value);
	}
	check_groups(loader);
	lay_out(workflow);
	workflow_finish_args(loader);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		workflow_finish_step(loader, &workflow->steps.items[i]);
	}
	finish_output(loader);
	if (workflow->steps.len == 0 && loader->problems->error_count == 0) {
		workflow_problem(workflow, loader->problems, false, &whole,
			"a workflow needs at least one step: [[steps]]");
	}
	workflow_index(workflow);
	if (!workflow_connect(workflow)) {
		workflow_problem(workflow, loader->problems, false, &whole,
			"the steps have more than %d dependencies: let fewer steps wait for whole "
			"groups",
			WORKFLOW_EDGES_MAX);
	}
	hash_sources(workflow);
	workflow_keep_included(workflow);
}

struct workflow *workflow_load_anyway(
	const char *path, const char *origin, struct slice text, struct problems *problems) {
	struct workflow *workflow = calloc(1, sizeof *workflow);
	if (!workflow) {
		abort();
	}
	struct arena *arena = &workflow->arena;
	arena_init(arena, NULL, WORKFLOW_ARENA_CAP);
	map_init(&workflow->step_index);
	map_init(&workflow->alias_index);
	map_init(&workflow->group_index);
	map_init(&workflow->included);
	workflow->path = arena_strdup(arena, slice_of(path));
	workflow->origin = arena_strdup(arena, slice_of(origin));
	workflow->text = arena_dup(arena, text);
	workflow_find_root(workflow);
	struct workflow_loader loader = {.workflow = workflow, .problems = problems, .depth = 1};
	struct error ignored;
	const char *slash = strrchr(path, '/');
	loader.stack[0].real =
		workflow_resolve(workflow, arena, slice_of(slash ? slash + 1 : path), &ignored);
	loader.stack[0].shown = workflow->path;
	const char *file_before = problems->file;
	struct slice text_before = problems->text;
	size_t from = problems->len;
	const struct json *tree;
	bool is_read = read_file(&loader, workflow->path, workflow->text, workflow, &tree);
	if (is_read) {
		finish_all(&loader, tree);
	}
	problems->file = file_before;
	problems->text = text_before;
	workflow_keep_texts(problems, from);
	if (!is_read) {
		workflow_destroy(workflow);
		return NULL;
	}
	return workflow;
}

struct workflow *workflow_load(
	const char *path, const char *origin, struct slice text, struct problems *problems) {
	size_t before = problems->error_count;
	struct workflow *workflow = workflow_load_anyway(path, origin, text, problems);
	if (workflow && problems->error_count > before) {
		workflow_destroy(workflow);
		return NULL;
	}
	return workflow;
}
