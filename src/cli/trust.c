/* trust.c: the command `trust`: shows what a project's files would have run, and records that the
 * user trusts them as they are now. */
#include "config/trust.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/list.h"
#include "cli/run_display.h"
#include "workflow/workflow.h"

#define TRUST_FILE_MAX ((size_t)16 * 1024 * 1024) /* of a workflow, the largest of them */

struct trusting {
	const struct command_context *context;
	struct arena arena;
	struct workflow_places places; /* for workflows that steps name */
	struct option_strings files;
};

/* ---- which files ---- */

static int by_text(const void *a, const void *b) {
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void add_file(struct trusting *trusting, const char *path) {
	for (size_t i = 0; i < trusting->files.len; i++) {
		if (slice_is(trusting->files.items[i], path)) {
			return;
		}
	}
	*ARENA_PUSH(&trusting->arena, &trusting->files) = slice_of(path);
}

static void add_workflows(struct trusting *trusting, const char *dir) {
	DIR *stream = opendir(dir);
	size_t first = trusting->files.len;
	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		struct slice name = slice_of(entry->d_name);
		if (slice_ends_with(name, SLICE(".toml")) && name.data[0] != '.' &&
			!slice_ends_with(name, SLICE(".test.toml"))) {
			add_file(trusting, file_join(&trusting->arena, dir, entry->d_name));
		}
	}
	if (stream) {
		closedir(stream);
	}
	if (trusting->files.len > first) {
		qsort(trusting->files.items + first, trusting->files.len - first,
			sizeof *trusting->files.items, by_text);
	}
}

static const char *project_around(struct trusting *trusting, const char *dir) {
	char *canonical = realpath(dir, NULL);
	const char *project = canonical ? runner_find_project(&trusting->arena, canonical) : NULL;
	free(canonical);
	return project;
}

static void find_places(struct trusting *trusting, const char *project) {
	const struct runner_config at = {.dir = project, .project_dir = project};
	workflow_places_of(&at, &trusting->arena, &trusting->places);
}

/* The configuration and the workflows of the project around a directory. */
static bool add_project(struct trusting *trusting, const char *dir) {
	const char *project = project_around(trusting, dir);
	if (!project) {
		command_fail(trusting->context, COMMAND_FAILED,
			"neither %s nor a directory above it holds .llm-mux/", dir);
		return false;
	}
	find_places(trusting, project);
	const char *home = file_join(&trusting->arena, project, ".llm-mux");
	const char *config = file_join(&trusting->arena, home, "config.toml");
	if (file_exists(config)) {
		add_file(trusting, config);
	}
	add_workflows(trusting, file_join(&trusting->arena, home, "workflows"));
	if (trusting->files.len == 0) {
		fprintf(trusting->context->out, "%s holds no configuration and no workflows\n",
			home);
	}
	return true;
}

static bool gather_files(struct trusting *trusting) {
	const struct command_context *context = trusting->context;
	const char *base = context->dir ? context->dir : ".";
	if (context->argument_count == 0) {
		return add_project(trusting, base);
	}
	find_places(trusting, project_around(trusting, base));
	for (size_t i = 0; i < context->argument_count; i++) {
		const char *path = context->arguments[i];
		struct stat info;
		if (context->dir && path[0] != '/') {
			path = file_join(&trusting->arena, base, path);
		}
		if (stat(path, &info) != 0 && !command_has(context, "remove")) {
			command_fail(context, COMMAND_FAILED, "there is no %s", path);
			return false;
		}
		if (file_exists(path) && S_ISDIR(info.st_mode)) {
			if (!add_project(trusting, path)) {
				return false;
			}
		} else {
			add_file(trusting, path);
		}
	}
	return true;
}

/* ---- what is in them ---- */

struct showing {
	struct buf out;
	struct arena *arena;
	size_t count;
};

static void show(
	void *data, const char *path, const struct json *value, uint32_t line, uint32_t column) {
	struct showing *showing = data;
	(void)column;
	showing->count++;
	buf_printf(&showing->out, "  %4u  ", line);
	runner_print_untrusted(&showing->out, path, value);
	buf_append_byte(&showing->out, '\n');
}

/* A configuration lies in .llm-mux/ itself, a workflow anywhere else. */
static bool is_configuration(const char *path) {
	char *canonical = realpath(path, NULL);
	bool is_config =
		canonical && slice_ends_with(slice_of(canonical), SLICE("/.llm-mux/config.toml"));
	free(canonical);
	return is_config;
}

static int record(struct trusting *trusting, const char *path, struct slice content) {
	const struct command_context *context = trusting->context;
	struct error error;
	if (command_has(context, "dry-run")) {
		return COMMAND_OK;
	}
	if (!trust_add(path, content, &error)) {
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	fputs("  trusted as it is now\n", context->out);
	return COMMAND_OK;
}

/* The content was read once: what is shown is what is recorded. */
static int trust_source(struct trusting *trusting, const char *path, struct slice content,
	const struct json *tree) {
	struct showing showing = {.arena = &trusting->arena};
	bool is_config = is_configuration(path);
	if (is_config) {
		runner_each_untrusted(tree, &trusting->arena, show, &showing);
	} else {
		command_each_telling(tree, &trusting->arena, show, &showing);
	}
	struct buf name = {0};
	run_words_append(&name, slice_of(path));
	fprintf(trusting->context->out, "%.*s\n%.*s", SLICE_FMT(buf_slice(&name)),
		SLICE_FMT(buf_slice(&showing.out)));
	buf_finish(&name);
	buf_finish(&showing.out);
	if (is_config && showing.count == 0) {
		fputs("  nothing in it needs trust\n", trusting->context->out);
		return COMMAND_OK;
	}
	return record(trusting, path, content);
}

/* What a workflow is made of besides its own file (shared steps, prompts, templates), and workflows
 * that its steps name. What is wrong with it is for `validate` to tell: it cannot be run like that.
 */
static void add_parts(struct trusting *trusting, const char *path, struct slice content) {
	struct problems ignored;
	problems_init(&ignored, &trusting->arena, path, content);
	struct workflow *workflow = workflow_load(path, "path", content, &ignored);
	for (size_t i = 0; workflow && i < workflow->sources.len; i++) {
		add_file(trusting,
			arena_strdup(&trusting->arena, slice_of(workflow->sources.items[i].file)));
	}
	for (size_t i = 0; workflow && i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		const char *nested, *origin;
		struct slice text;
		if (step->type == STEP_WORKFLOW &&
			workflow_find_nested(workflow, &trusting->places,
				arena_strdup(&trusting->arena, step->workflow_name),
				&trusting->arena, &nested, &origin, &text, NULL) &&
			(strcmp(origin, "path") == 0 || strcmp(origin, "project") == 0)) {
			add_file(trusting, nested);
		}
	}
	workflow_destroy(workflow);
}

static bool holds_steps(const char *path) {
	return slice_ends_with(slice_of(path), SLICE(".toml")) && !is_configuration(path);
}

/* The content was read once: what is shown is what is recorded. */
static int trust_content(struct trusting *trusting, const char *path, struct slice content) {
	const struct command_context *context = trusting->context;
	struct problems problems;
	problems_init(&problems, &trusting->arena, path, content);
	bool is_toml = slice_ends_with(slice_of(path), SLICE(".toml"));
	const struct json *tree = is_toml ? toml_parse(&trusting->arena, content, &problems) : NULL;
	if (is_toml && !tree) {
		struct buf report = {0};
		problems_print(&problems, command_has_colour(context, context->err), &report);
		fwrite(report.data ? report.data : "", 1, report.len, context->err);
		buf_finish(&report);
		return COMMAND_USAGE;
	}
	return trust_source(trusting, path, content, tree);
}

/* Either what it needs is done, and added to the list, or a message was printed. */
static int trust_file(struct trusting *trusting, const char *path) {
	struct buf content = {0};
	struct error error;
	int code = file_read_regular(path, TRUST_FILE_MAX, &content, &error)
			   ? trust_content(trusting, path, buf_slice(&content))
			   : command_fail(trusting->context, COMMAND_FAILED, "%s", error.message);
	if (code == COMMAND_OK && holds_steps(path)) {
		add_parts(trusting, path, buf_slice(&content));
	}
	buf_finish(&content);
	return code;
}

static int remove_file(struct trusting *trusting, const char *path) {
	const struct command_context *context = trusting->context;
	struct error error;
	struct buf content = {0};
	bool was_trusted;
	if (holds_steps(path) && file_read_regular(path, TRUST_FILE_MAX, &content, NULL)) {
		add_parts(trusting, path, buf_slice(&content));
	}
	buf_finish(&content);
	if (!trust_remove(path, &was_trusted, &error)) {
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	fprintf(context->out, "%s: %s\n", path,
		was_trusted ? "no longer trusted" : "was not trusted");
	return COMMAND_OK;
}

/* ---- the list ---- */

static void add_entry(void *data, const char *path, const char *hash) {
	(void)hash;
	struct list *list = data;
	struct buf content = {0};
	bool is_trusted = false,
	     was_read = file_read_regular(path, TRUST_FILE_MAX, &content, NULL) &&
			trust_check(path, buf_slice(&content), &is_trusted, NULL);
	list_add(list, "%s", is_trusted ? "trusted" : was_read ? "changed" : "gone");
	list_add(list, "%s", path);
	buf_finish(&content);
}

static int print_trusted(const struct command_context *context) {
	static const char *const titles[] = {"STATE", "FILE", NULL};
	struct list list;
	struct error error;
	int code = COMMAND_OK;
	list_init(&list, titles);
	if (!trust_each(add_entry, &list, &error)) {
		code = command_fail(context, COMMAND_FAILED, "%s", error.message);
	} else if (list.cells.len == 0) {
		fputs("no file is trusted yet\n", context->out);
	} else {
		list_print(&list, context->out);
	}
	list_finish(&list);
	return code;
}

static int trust_run(struct command_context *context) {
	if (command_has(context, "list")) {
		return print_trusted(context);
	}
	struct trusting trusting = {.context = context};
	arena_init(&trusting.arena, NULL, 0);
	int code = gather_files(&trusting) ? COMMAND_OK : COMMAND_FAILED;
	for (size_t i = 0; i < trusting.files.len && code == COMMAND_OK; i++) {
		const char *path = trusting.files.items[i].data;
		code = (command_has(context, "remove") ? remove_file : trust_file)(&trusting, path);
	}
	arena_finish(&trusting.arena);
	return code;
}

static const struct command_option options[] = {
	{0, "list", NULL, "show what is trusted, and what has changed since", NULL},
	{0, "remove", NULL, "trust these files no longer", NULL},
	{0, "dry-run", NULL, "show what is in them, and record nothing", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_trust = {
	.name = "trust",
	.summary = "trust what a project's files run, as they are now",
	.usage = "[DIR|FILE...]",
	.details =
		"What a project's files say of commands, addresses, keys and environments counts\n"
		"only when you have trusted that exact content; a changed file is untrusted\n"
		"again. Without operands, the project around this directory. The record is kept\n"
		"in the state directory, in llm-mux/trust.json.",
	.options = options,
	.max_arguments = 64,
	.run = trust_run,
};
