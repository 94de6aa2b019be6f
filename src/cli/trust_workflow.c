/* trust_workflow.c: whether a workflow of a project may be run: it runs shell commands, so the user
 * must have trusted that exact content, as with the project's configuration (design.md 3). */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

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

/* Of the project's own directory, however it was named. */
static bool is_of_project(const struct runner_config *runner, const char *path) {
	char *canonical = realpath(path, NULL);
	struct slice file = slice_of(canonical), project = slice_of(runner->project_dir);
	bool is_inside = canonical && runner->project_dir && slice_starts_with(file, project) &&
			 slice_starts_with(slice_from(file, project.len), SLICE("/.llm-mux/"));
	free(canonical);
	return is_inside;
}

bool command_trust_workflow(const struct command_context *context,
	const struct runner_config *runner, const char *path, struct slice text) {
	if (!is_of_project(runner, path)) {
		return true;
	}
	struct arena arena;
	struct problems problems;
	struct runner_request request;
	struct buf what = {0};
	struct error error;
	arena_init(&arena, NULL, 0);
	problems_init(&problems, &arena, path, text);
	const struct json *tree = toml_parse(&arena, text, &problems);
	if (tree) {
		command_each_telling(tree, &arena, print_one, &what);
	}
	command_runner_request(context, COMMAND_PROJECT_USED, &request);
	bool is_trusted = runner_trust(&request, path, text, buf_slice(&what), &error);
	if (!is_trusted) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
	}
	buf_finish(&what);
	arena_finish(&arena);
	return is_trusted;
}
