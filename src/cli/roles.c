/* roles.c: the command `roles`: names that workflows use for backends (workflows.md 8.2). */
#include "cli/list.h"

static const char *const modes[] = {"first", "fallback", "parallel"};
static const char *const titles[] = {"NAME", "BACKENDS", "EXECUTION", "DESCRIPTION", NULL};

/* What an unsaid one means (1.6). */
static const char *mode_of(const struct runner_role *role) {
	return modes[role->execution < 0 ? 0 : role->execution];
}

/* The built-in one is none of the user's. */
static size_t count(const struct runner_config *runner) {
	size_t configured = 0;
	for (size_t i = 0; i < runner->roles.len; i++) {
		configured += !runner->roles.items[i].is_built_in;
	}
	return configured;
}

static void fill(struct list *list, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->roles.len; i++) {
		const struct runner_role *role = &runner->roles.items[i];
		if (role->is_built_in) {
			continue;
		}
		list_add(list, "%.*s", SLICE_FMT(role->name));
		list_add_texts(list, &role->backends);
		list_add(list, "%s", mode_of(role));
		list_add(list, "%.*s", SLICE_FMT(role->description));
	}
}

static void write(struct json_writer *w, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->roles.len; i++) {
		const struct runner_role *role = &runner->roles.items[i];
		if (role->is_built_in) {
			continue;
		}
		json_begin_object(w);
		json_put_string(w, "name", role->name);
		json_put_string(w, "description", role->description);
		list_put_texts(w, "backends", &role->backends);
		json_put_cstr(w, "execution", mode_of(role));
		json_put_int(w, "min_success", role->min_success > 0 ? role->min_success : 1);
		list_put_origin(w, &role->place);
		json_end_object(w);
	}
}

static int roles_run(struct command_context *context) {
	static const struct list_command command = {count, fill, write, titles,
		"no roles are configured; [roles.NAME] in config.toml makes one"};
	return list_run(context, &command);
}

static const struct command_option options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_roles = {
	.name = "roles",
	.summary = "list the roles that workflows give to backends",
	.details = "One line each: name, backends in order, execution, description.",
	.options = options,
	.run = roles_run,
};
