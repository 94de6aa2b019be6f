/* trust_workflow.c: whether a workflow of a project may be run: it runs shell commands, so the user
 * must have trusted that exact content, as with the project's configuration (design.md 3). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/workflows.h"
#include "workflow/run.h"

#define PROJECT_DIR "/.llm-mux/" /* as it stands in a path */

struct telling {
	struct arena *arena;
	runner_untrusted *visit;
	void *data;
};

/* Keys of a workflow that say what is run, or what of the disk is read. */
static bool is_telling(struct slice key) {
	static const char *const keys[] = {"run", "verify", "shell", "env", "cwd", "workflow",
		"include", "prompt_file", "context", NULL};
	for (const char *const *at = keys; *at; at++) {
		if (slice_is(key, *at)) {
			return true;
		}
	}
	return false;
}

static void visit_below(const struct telling *telling, const char *path, const struct json *node) {
	size_t number = 0;
	json_each (child, node) {
		struct slice key = json_key(child, telling->arena);
		const char *dot = *path ? "." : "";
		const char *own =
			child->key ? arena_printf(
					     telling->arena, "%s%s%.*s", path, dot, SLICE_FMT(key))
					     .data
				   : arena_printf(telling->arena, "%s[%zu]", path, number++).data;
		if (child->key && is_telling(key)) {
			telling->visit(telling->data, own, child, child->line, child->column);
		} else {
			visit_below(telling, own, child);
		}
	}
}

void command_each_telling(
	const struct json *tree, struct arena *arena, runner_untrusted *visit, void *data) {
	const struct telling telling = {arena, visit, data};
	visit_below(&telling, "", tree);
}

static void print_one(
	void *data, const char *path, const struct json *value, uint32_t line, uint32_t column) {
	(void)line;
	(void)column;
	buf_append_str(data, "  ");
	runner_print_untrusted(data, path, value);
	buf_append_byte(data, '\n');
}

/* Whether a path goes through a project's directory, as it is written. */
static bool passes_project(const char *path) {
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	struct buf whole = {0};
	buf_printf(&whole, "%s/%s", here ? here : "", path);
	bool passes = slice_contains(buf_slice(&whole), SLICE(PROJECT_DIR));
	buf_finish(&whole);
	free(here);
	return passes;
}

/* Of a project, by the name it goes by or by the place it really is at: a link in a project's
 * directory may lead out of it, and another name may lead in. What cannot be found is not let
 * through. */
static bool is_of_project(const struct runner_config *runner, const char *path) {
	if (slice_starts_with(slice_of(path), SLICE("<built-in>/"))) {
		return false;
	}
	char *canonical = realpath(path, NULL);
	bool is_inside = !canonical || passes_project(path);
	if (!is_inside && runner->project_dir) {
		struct slice file = slice_of(canonical), project = slice_of(runner->project_dir);
		is_inside = slice_starts_with(file, project) &&
			    slice_starts_with(slice_from(file, project.len), SLICE(PROJECT_DIR));
	}
	free(canonical);
	return is_inside;
}

static bool is_project_workflow(
	const struct runner_config *runner, const struct workflow *workflow) {
	return (workflow->origin && strcmp(workflow->origin, "project") == 0) ||
	       is_of_project(runner, workflow->path);
}

static bool trust_file(const struct command_context *context, const char *path, struct slice text,
	bool may_ask, struct error *error) {
	struct arena arena;
	struct problems problems;
	struct runner_request request;
	struct buf what = {0};
	arena_init(&arena, NULL, 0);
	problems_init(&problems, &arena, path, text);
	const struct json *tree = toml_parse(&arena, text, &problems);
	if (tree) {
		command_each_telling(tree, &arena, print_one, &what);
	}
	command_runner_request(context, COMMAND_PROJECT_USED, &request);
	request.ask = may_ask ? request.ask : NULL;
	bool is_trusted = runner_trust(&request, path, text, buf_slice(&what), error);
	buf_finish(&what);
	arena_finish(&arena);
	return is_trusted;
}

static bool trust_parts(const struct command_context *context, const struct runner_config *runner,
	const struct workflow *workflow, bool needs_all, bool may_ask, struct error *error) {
	for (size_t i = 0; i < workflow->sources.len; i++) {
		const struct workflow_source *source = &workflow->sources.items[i];
		if ((needs_all || is_of_project(runner, source->file)) &&
			!trust_file(context, source->file, source->text, may_ask, error)) {
			return false;
		}
	}
	return true;
}

bool command_trust_workflow(const struct command_context *context,
	const struct runner_config *runner, const struct workflow *workflow, bool may_ask,
	struct error *error) {
	return trust_parts(
		context, runner, workflow, is_project_workflow(runner, workflow), may_ask, error);
}

/* ---- workflows that steps name ---- */

struct nesting {
	const struct command_context *context;
	const struct runner_config *runner;
	const struct workflow_places *places;
	struct arena *arena;
	struct map seen;  /* paths */
	struct map *owed; /* paths of those that a project's workflow names */
	struct error *error;
};

static bool trust_below(
	struct nesting *nesting, const struct workflow *caller, bool is_owed, int depth);

/* What a project's workflow names by a path is as much the project's as itself, wherever it lies.
 */
static bool trust_named(struct nesting *nesting, const struct workflow *caller, bool is_owed,
	const char *name, int depth) {
	const char *path, *origin;
	struct slice text;
	/* One that cannot be found or loaded has been told of by workflow_check. */
	if (!workflow_find_nested(
		    caller, nesting->places, name, nesting->arena, &path, &origin, &text, NULL)) {
		return true;
	}
	is_owed = is_owed && strcmp(origin, "path") == 0;
	struct map *known = is_owed ? nesting->owed : &nesting->seen;
	if (map_put(known, slice_of(path), nesting)) {
		return true;
	}
	struct problems problems;
	problems_init(&problems, nesting->arena, path, text);
	struct workflow *workflow = workflow_load(path, origin, text, &problems);
	bool needs_all = workflow && (is_owed || is_project_workflow(nesting->runner, workflow));
	bool is_trusted =
		!workflow || (trust_parts(nesting->context, nesting->runner, workflow, needs_all,
				      true, nesting->error) &&
				     trust_below(nesting, workflow, needs_all, depth + 1));
	workflow_destroy(workflow);
	return is_trusted;
}

static bool trust_below(
	struct nesting *nesting, const struct workflow *caller, bool is_owed, int depth) {
	for (size_t i = 0; i < caller->steps.len && depth < RUN_MAX_DEPTH; i++) {
		const struct workflow_step *step = &caller->steps.items[i];
		if (step->type == STEP_WORKFLOW &&
			!trust_named(nesting, caller, is_owed,
				arena_strdup(nesting->arena, step->workflow_name), depth)) {
			return false;
		}
	}
	return true;
}

bool command_trust_nested(const struct command_context *context, const struct runner_config *runner,
	const struct workflow_places *places, const struct workflow *workflow, struct map *owed,
	struct error *error) {
	struct arena arena;
	struct nesting nesting = {.context = context,
		.runner = runner,
		.places = places,
		.arena = &arena,
		.owed = owed,
		.error = error};
	arena_init(&arena, NULL, 0);
	map_init(&nesting.seen);
	bool is_trusted = trust_below(&nesting, workflow, is_project_workflow(runner, workflow), 0);
	map_finish(&nesting.seen, NULL);
	arena_finish(&arena);
	return is_trusted;
}

bool command_trust_again(const struct command_context *context, const struct runner_config *runner,
	const struct workflow *workflow, const struct map *owed, struct error *error) {
	bool needs_all = map_get(owed, slice_of(workflow->path)) != NULL ||
			 is_project_workflow(runner, workflow);
	return trust_parts(context, runner, workflow, needs_all, false, error);
}
