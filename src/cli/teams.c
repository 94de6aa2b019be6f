/* teams.c: the command `teams`: settings for projects of one kind (workflows.md 8.2). */
#include "cli/list.h"

static const char *const titles[] = {"NAME", "DETECT", "VERIFY", "DESCRIPTION", NULL};

static size_t count(const struct runner_config *runner) {
	return runner->teams.len;
}

static void fill(struct list *list, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->teams.len; i++) {
		const struct runner_team *team = &runner->teams.items[i];
		list_add(list, "%.*s", SLICE_FMT(team->name));
		list_add_texts(list, &team->detect);
		list_add(list, "%.*s", SLICE_FMT(team->verify));
		list_add(list, "%.*s%s", SLICE_FMT(team->description),
			team->is_built_in ? " (built in)" : "");
	}
}

static void write_roles(struct json_writer *w, const struct runner_team *team) {
	json_write_key(w, "roles");
	json_begin_object(w);
	for (size_t i = 0; i < team->roles.len; i++) {
		struct slice name = team->roles.items[i].name;
		json_write_key_slice(w, name);
		json_begin_object(w);
		list_put_texts(w, "backends", &team->roles.items[i].backends);
		json_end_object(w);
	}
	json_end_object(w);
}

static void write(struct json_writer *w, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->teams.len; i++) {
		const struct runner_team *team = &runner->teams.items[i];
		json_begin_object(w);
		json_put_string(w, "name", team->name);
		json_put_string(w, "description", team->description);
		list_put_texts(w, "detect", &team->detect);
		json_put_string(w, "verify", team->verify);
		list_put_texts(w, "context", &team->context);
		write_roles(w, team);
		json_put_bool(w, "built_in", team->is_built_in);
		list_put_origin(w, &team->place);
		json_end_object(w);
	}
}

static int teams_run(struct command_context *context) {
	static const struct list_command command = {
		count, fill, write, titles, "no teams are configured"};
	return list_run(context, &command);
}

static const struct command_option options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_teams = {
	.name = "teams",
	.summary = "list the teams, in the order they are detected in",
	.details = "One line each: name, files that choose it, verify command, description.",
	.options = options,
	.run = teams_run,
};
