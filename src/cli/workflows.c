/* workflows.c: the command `workflows`: what `run` can run, where it comes from, what it takes
 * (workflows.md 8.2). */
#include "cli/workflows.h"

#include "cli/list.h"

static const char *const titles[] = {"NAME", "SOURCE", "ARGUMENTS", "DESCRIPTION", NULL};

/* The lists of one run; each workflow is loaded once per use. */
struct walk {
	struct arena arena;
	struct workflow_places places;
	struct list *list;     /* columns, or */
	struct json_writer *w; /* JSON */
};

static struct slice argument_form(struct arena *arena, const struct workflow_arg *arg) {
	bool is_flag = arg->type == WORKFLOW_ARG_BOOL;
	return arena_printf(arena, "%s%s%.*s%s%s", arg->is_required ? "" : "[", is_flag ? "--" : "",
		SLICE_FMT(arg->name), is_flag ? "" : "=...", arg->is_required ? "" : "]");
}

static void add_row(struct walk *walk, const struct workflow_listing *listing,
	const struct workflow *workflow) {
	struct slice arguments = SLICE("");
	for (size_t i = 0; workflow && i < workflow->args.len; i++) {
		arguments =
			arena_printf(&walk->arena, "%.*s%s%.*s", SLICE_FMT(arguments), i ? " " : "",
				SLICE_FMT(argument_form(&walk->arena, &workflow->args.items[i])));
	}
	list_add(walk->list, "%s", listing->name);
	list_add(walk->list, "%s%s", listing->origin, listing->is_shadowed ? " (shadowed)" : "");
	list_add(walk->list, "%.*s", SLICE_FMT(arguments));
	if (workflow) {
		list_add(walk->list, "%.*s", SLICE_FMT(workflow->description));
	} else {
		list_add(walk->list, "has errors: llm-mux validate %s", listing->path);
	}
}

static void write_arguments(struct json_writer *w, const struct workflow *workflow) {
	json_write_key(w, "args");
	json_begin_array(w);
	for (size_t i = 0; workflow && i < workflow->args.len; i++) {
		const struct workflow_arg *arg = &workflow->args.items[i];
		json_begin_object(w);
		json_put_string(w, "name", arg->name);
		json_put_string(w, "description", arg->description);
		json_put_cstr(w, "type", workflow_arg_types[arg->type]);
		json_put_bool(w, "required", arg->is_required);
		if (arg->default_text.source.text.data && !arg->is_secret) {
			json_put_string(w, "default", arg->default_text.source.text);
		}
		if (arg->choices.len > 0) {
			list_put_texts(w, "choices", &arg->choices);
		}
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_row(struct json_writer *w, const struct workflow_listing *listing,
	const struct workflow *workflow) {
	json_begin_object(w);
	json_put_cstr(w, "name", listing->name);
	json_put_cstr(w, "source", listing->origin);
	json_put_cstr(w, "path", listing->path);
	json_put_bool(w, "shadowed", listing->is_shadowed);
	json_put_bool(w, "valid", workflow != NULL);
	json_put_string(w, "description", workflow ? workflow->description : SLICE(""));
	write_arguments(w, workflow);
	json_end_object(w);
}

static struct slice builtin_text(const char *name) {
	for (const struct workflow_builtin *at = workflow_builtins; at->name; at++) {
		if (strcmp(at->name, name) == 0) {
			return slice_of(at->text);
		}
	}
	return (struct slice){0};
}

static void visit(void *data, const struct workflow_listing *listing) {
	struct walk *walk = data;
	const char *path = listing->path, *origin;
	struct slice text = builtin_text(listing->name);
	struct error error = {0};
	struct problems problems;
	struct workflow *workflow = NULL;
	bool is_builtin = strcmp(listing->origin, "built-in") == 0;
	if (is_builtin || workflow_find(&walk->places, listing->path, &walk->arena, &path, &origin,
				  &text, &error)) {
		problems_init(&problems, &walk->arena, path, text);
		workflow = workflow_load(path, listing->origin, text, &problems);
	}
	if (walk->list) {
		add_row(walk, listing, workflow);
	} else if (walk->w) {
		write_row(walk->w, listing, workflow);
	}
	workflow_destroy(workflow);
}

static void walk_all(const struct runner_config *runner, struct list *list, struct json_writer *w) {
	struct walk walk = {.list = list, .w = w};
	arena_init(&walk.arena, NULL, 0);
	workflow_places_of(runner, &walk.arena, &walk.places);
	workflow_each(&walk.places, &walk.arena, visit, &walk);
	arena_finish(&walk.arena);
}

static size_t count(const struct runner_config *runner) {
	(void)runner;
	return 1; /* the built-in ones are always there */
}

static void fill(struct list *list, const struct runner_config *runner) {
	walk_all(runner, list, NULL);
}

static void write(struct json_writer *w, const struct runner_config *runner) {
	walk_all(runner, NULL, w);
}

static int workflows_run(struct command_context *context) {
	static const struct list_command command = {count, fill, write, titles, ""};
	return list_run(context, &command);
}

static const struct command_option options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_workflows = {
	.name = "workflows",
	.summary = "list the workflows that `run` finds by name",
	.details = "One line each: name, where it comes from, arguments, description. Of one name\n"
		   "the project's wins over the user's, and that over the built-in one.",
	.options = options,
	.run = workflows_run,
};
