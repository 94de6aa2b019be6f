/* init_project.c: what a project gets from `init --project`: roles for its language and a workflow
 * that runs at once (workflows.md 8.4). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/project_kind.h"

static const char hello[] =
	"# Run it: llm-mux run hello who=Ada      See it first: llm-mux plan hello\n"
	"name = \"hello\"\n"
	"description = \"A first workflow: looks around and asks a model about it\"\n"
	"\n"
	"[args.who]\n"
	"description = \"whom to greet\"\n"
	"default = \"world\"\n"
	"\n"
	"[[steps]]\n"
	"name = \"look\"\n"
	"type = \"shell\"\n"
	"run = \"ls\"\n"
	"\n"
	"[[steps]]\n"
	"name = \"greet\"\n"
	"type = \"query\"\n"
	"role = \"default\"\n"
	"prompt = \"\"\"\n"
	"Greet {{ args.who }} in one sentence, and say in another what kind of project this is:\n"
	"\n"
	"{{ steps.look.output }}\n"
	"\"\"\"\n";

const char *project_dir_of(const struct command_context *context, struct arena *arena) {
	char path[PATH_MAX];
	const char *dir = context->dir != NULL ? context->dir : ".";
	return realpath(dir, path) != NULL ? arena_strdup(arena, slice_of(path)) : dir;
}

/* The backends of `default` here, as a list of TOML. */
static void put_backends(
	const struct command_context *context, struct arena *arena, struct buf *out) {
	struct config *config = command_load_project(context, COMMAND_PROJECT_NONE, NULL, 0);
	const struct runner_config *runner = config != NULL ? runner_of(config) : NULL;
	const struct runner_role *role =
		runner != NULL ? runner_find_role(runner, SLICE("default")) : NULL;
	(void)arena;
	buf_append_byte(out, '[');
	for (size_t i = 0; role != NULL && i < role->backends.len; i++) {
		struct json_writer w;
		buf_append_str(out, i > 0 ? ", " : "");
		json_writer_init(&w, out, false);
		json_write_string(&w, role->backends.items[i]);
	}
	if (role == NULL) {
		buf_append_str(out, "\"" RUNNER_LAST_RESORT "\"");
	}
	buf_append_byte(out, ']');
	config_unref(config);
}

void project_config_text(const struct command_context *context, const struct project_files *files,
	struct arena *arena, struct buf *out) {
	struct buf backends;
	buf_init(&backends, 0);
	put_backends(context, arena, &backends);
	buf_append_str(out, "# What workflows of this project ask. It lies above the user's own "
			    "configuration.\n");
	if (files->kind == NULL) {
		buf_printf(out,
			"#\n# [roles.reviewer]\n# backends = %.*s\n"
			"# execution = \"fallback\"      # or first, parallel\n",
			SLICE_FMT(buf_slice(&backends)));
	}
	for (size_t i = 0; files->kind != NULL && i < PROJECT_KIND_ROLES; i++) {
		if (files->kind->roles[i].name != NULL) {
			buf_printf(out, "\n[roles.%s]\ndescription = \"%s\"\nbackends = %.*s\n",
				files->kind->roles[i].name, files->kind->roles[i].description,
				SLICE_FMT(buf_slice(&backends)));
		}
	}
	buf_finish(&backends);
}

bool init_project(struct file_writer *writer, const char *dir) {
	struct arena *arena = writer->arena;
	struct project_files files;
	struct buf text;
	writer->within = dir;
	project_files_find(dir, arena, &files);
	if (files.kind != NULL) {
		fprintf(writer->context->out, "a %s project (%zu files)\n", files.kind->name,
			files.kind_count);
	}
	buf_init(&text, 0);
	project_config_text(writer->context, &files, arena, &text);
	const char *home = file_join(arena, dir, ".llm-mux");
	bool is_fine = file_writer_put_trusted(
			       writer, file_join(arena, home, "config.toml"), buf_slice(&text)) &&
		       file_writer_put_trusted(writer,
			       file_join(arena, home, "workflows/hello.toml"), SLICE(hello));
	buf_finish(&text);
	return is_fine;
}
