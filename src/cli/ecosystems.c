/* ecosystems.c: the command `ecosystems`: projects that belong together (workflows.md 8.2). */
#include "cli/list.h"

static const char *const titles[] = {"ECOSYSTEM", "PROJECT", "PATH", "DEPENDS ON", "KNOWS", NULL};

static size_t count(const struct runner_config *runner) {
	return runner->ecosystems.len;
}

/* A line for the ecosystem, and one for each of its projects. */
static void fill(struct list *list, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->ecosystems.len; i++) {
		const struct runner_ecosystem *ecosystem = &runner->ecosystems.items[i];
		size_t projects = ecosystem->projects.len, facts = ecosystem->knowledge.len;
		list_add(list, "%.*s", SLICE_FMT(ecosystem->name));
		list_add(list, "%zu project%s", projects, projects == 1 ? "" : "s");
		list_add(list, "%.*s", SLICE_FMT(ecosystem->description));
		list_add(list, "-");
		list_add(list, "%zu fact%s", facts, facts == 1 ? "" : "s");
		for (size_t p = 0; p < projects; p++) {
			const struct runner_project *project = &ecosystem->projects.items[p];
			list_add(list, "  %.*s", SLICE_FMT(ecosystem->name));
			list_add(list, "%.*s", SLICE_FMT(project->name));
			list_add(list, "%.*s", SLICE_FMT(project->path));
			list_add_texts(list, &project->depends_on);
			list_add(list, "%.*s", SLICE_FMT(project->type));
		}
	}
}

static void write_projects(struct json_writer *w, const struct runner_ecosystem *ecosystem) {
	json_write_key(w, "projects");
	json_begin_array(w);
	for (size_t p = 0; p < ecosystem->projects.len; p++) {
		const struct runner_project *project = &ecosystem->projects.items[p];
		json_begin_object(w);
		json_put_string(w, "name", project->name);
		json_put_string(w, "path", project->path);
		json_put_string(w, "description", project->description);
		json_put_string(w, "type", project->type);
		list_put_texts(w, "depends_on", &project->depends_on);
		list_put_texts(w, "tags", &project->tags);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write(struct json_writer *w, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->ecosystems.len; i++) {
		const struct runner_ecosystem *ecosystem = &runner->ecosystems.items[i];
		json_begin_object(w);
		json_put_string(w, "name", ecosystem->name);
		json_put_string(w, "description", ecosystem->description);
		write_projects(w, ecosystem);
		list_put_texts(w, "knowledge", &ecosystem->knowledge);
		list_put_origin(w, &ecosystem->place);
		json_end_object(w);
	}
}

static int ecosystems_run(struct command_context *context) {
	static const struct list_command command = {count, fill, write, titles,
		"no ecosystems are configured; [ecosystems.NAME] in config.toml makes one"};
	return list_run(context, &command);
}

static const struct command_option options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_ecosystems = {
	.name = "ecosystems",
	.summary = "list the ecosystems and their projects",
	.details =
		"A line for each ecosystem with the number of its projects and facts, and one for\n"
		"each project: name, path, what it depends on, type.",
	.options = options,
	.run = ecosystems_run,
};
