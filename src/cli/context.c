/* context.c: the command `context`: looks at a project and proposes its configuration and a file
 * that tells models what it is (workflows.md 8.2). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "cli/project_kind.h"
#include "cli/run_display.h"
#include "workflow/memory.h"

#define README_MAX ((size_t)256 * 1024)
#define PARAGRAPH_MAX ((size_t)1000)
#define LISTED_MAX 60

struct survey {
	const struct command_context *context;
	struct arena arena;
	const char *dir;
	struct project_files files;
	struct config *config;
	const struct runner_team *team; /* NULL: none */
	struct buf description, settings;
};

/* ---- context.md ---- */

/* The first text of a README that is no heading, picture or badge. */
static struct slice find_paragraph(struct slice text) {
	struct slice line;
	const char *begin = NULL, *end = NULL;
	while (text.data != NULL && slice_split(&text, '\n', &line)) {
		struct slice shown = slice_trim(line);
		bool is_text = shown.len > 0 && strchr("#=-![<>|`", shown.data[0]) == NULL;
		if (is_text) {
			begin = begin != NULL ? begin : shown.data;
			end = shown.data + shown.len;
		} else if (begin != NULL) {
			break;
		}
	}
	struct slice found = slice_make(begin, begin != NULL ? (size_t)(end - begin) : 0);
	struct slice part = slice_sub(found, 0, PARAGRAPH_MAX);
	return slice_sub(part, 0, utf8_whole_prefix(part));
}

static void put_readme(struct survey *survey) {
	static const char *const names[] = {"README.md", "README", "readme.md", "Readme.md", NULL};
	for (const char *const *name = names; *name != NULL; name++) {
		struct buf text;
		struct error error = {0};
		buf_init(&text, 0);
		const char *path = file_join(&survey->arena, survey->dir, *name);
		/* A link of a cloned project may lead anywhere. */
		bool is_found = file_lies_within(path, survey->dir) &&
				file_read_regular(path, README_MAX, &text, &error);
		struct slice paragraph =
			is_found ? find_paragraph(buf_slice(&text)) : slice_make(NULL, 0);
		if (paragraph.len > 0 && utf8_valid(paragraph, NULL)) {
			buf_printf(&survey->description, "%.*s\n\n", SLICE_FMT(paragraph));
		}
		buf_finish(&text);
		if (is_found) {
			return;
		}
	}
}

/* Directories with the number of their files, and what lies at the top. */
static void put_tree(struct survey *survey) {
	struct buf *out = &survey->description;
	size_t listed = 0;
	buf_append_str(out, "## Files\n\n");
	for (size_t i = 0; i < survey->files.all.len && listed < LISTED_MAX; listed++) {
		const char *path = survey->files.all.items[i];
		size_t len = strcspn(path, "/");
		size_t count = 0;
		if (path[len] == '\0') {
			buf_printf(out, "- %s\n", path);
			i++;
			continue;
		}
		while (i < survey->files.all.len &&
			strncmp(survey->files.all.items[i], path, len + 1) == 0) {
			i++;
			count++;
		}
		buf_printf(out, "- %.*s/ (%zu files)\n", (int)len, path, count);
	}
	if (listed == LISTED_MAX) {
		buf_append_str(out, "- and more\n");
	}
}

static void describe(struct survey *survey) {
	struct buf *out = &survey->description;
	const char *slash = strrchr(survey->dir, '/');
	buf_printf(out, "# %s\n\n", slash != NULL && slash[1] != '\0' ? slash + 1 : survey->dir);
	put_readme(survey);
	if (survey->files.kind != NULL) {
		buf_printf(out, "Language: %s (%zu of %zu files)\n", survey->files.kind->name,
			survey->files.kind_count, survey->files.all.len);
	}
	if (survey->team != NULL && survey->team->verify.len > 0) {
		buf_printf(out, "Tests: `%.*s`\n", SLICE_FMT(survey->team->verify));
	}
	buf_append_byte(out, '\n');
	put_tree(survey);
}

/* ---- config.toml ---- */

static void put_toml(struct buf *out, const char *key, struct slice text) {
	struct json_writer w;
	buf_printf(out, "%s = ", key);
	json_writer_init(&w, out, false);
	json_write_string(&w, text);
	buf_append_byte(out, '\n');
}

/* The team as it is found, with the description in front of its prompts. */
static void put_team(struct survey *survey) {
	const struct runner_team *team = survey->team;
	struct buf *out = &survey->settings;
	if (team == NULL || !team->is_built_in) {
		return;
	}
	buf_printf(out, "\n[teams.%.*s]\n", SLICE_FMT(team->name));
	put_toml(out, "description", team->description);
	buf_append_str(out, "detect = [");
	for (size_t i = 0; i < team->detect.len; i++) {
		struct json_writer w;
		buf_append_str(out, i > 0 ? ", " : "");
		json_writer_init(&w, out, false);
		json_write_string(&w, team->detect.items[i]);
	}
	buf_append_str(out, "]\n");
	put_toml(out, "verify", team->verify);
	buf_append_str(out, "context = [\".llm-mux/context.md\"]\n");
}

/* ---- asking ---- */

static bool is_wanted(const struct survey *survey) {
	const struct command_context *context = survey->context;
	if (command_has(context, "yes")) {
		return true;
	}
	if (isatty(STDIN_FILENO) != 1) {
		fputs("\nNothing was written; --yes writes both.\n", context->out);
		return false;
	}
	return command_confirm(context, "\nWrite both?");
}

static bool write_both(struct survey *survey) {
	struct file_writer writer = {
		.context = survey->context,
		.arena = &survey->arena,
		.within = survey->dir,
		.is_forced = command_has(survey->context, "force"),
	};
	const char *home = file_join(&survey->arena, survey->dir, ".llm-mux");
	return file_writer_put_trusted(&writer, file_join(&survey->arena, home, "config.toml"),
		       buf_slice(&survey->settings)) &&
	       file_writer_put(&writer, file_join(&survey->arena, home, "context.md"),
		       buf_slice(&survey->description), 0644);
}

static void show(const struct survey *survey) {
	FILE *out = survey->context->out;
	struct buf text = {0};
	/* Names of files can hold what moves a terminal's cursor. */
	run_words_append(&text, SLICE(".llm-mux/config.toml:\n\n"));
	run_words_append(&text, buf_slice(&survey->settings));
	run_words_append(&text, SLICE("\n.llm-mux/context.md:\n\n"));
	run_words_append(&text, buf_slice(&survey->description));
	fwrite(text.data, 1, text.len, out);
	fflush(out);
	buf_finish(&text);
}

static int look(struct survey *survey) {
	struct error error = {0};
	struct command_context *context = (struct command_context *)(uintptr_t)survey->context;
	if (context->argument_count > 0) {
		context->dir = context->arguments[0];
	}
	survey->dir = project_dir_of(context, &survey->arena);
	survey->config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (survey->config == NULL) {
		return COMMAND_USAGE;
	}
	if (!team_detect(runner_of(survey->config), survey->dir, slice_make(NULL, 0), &survey->team,
		    &error)) {
		return command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	project_files_find(survey->dir, &survey->arena, &survey->files);
	project_config_text(context, &survey->files, &survey->arena, &survey->settings);
	put_team(survey);
	describe(survey);
	show(survey);
	return !is_wanted(survey) || write_both(survey) ? COMMAND_OK : COMMAND_FAILED;
}

static int context_run(struct command_context *context) {
	struct survey survey = {.context = context};
	arena_init(&survey.arena, NULL, 0);
	buf_init(&survey.description, 0);
	buf_init(&survey.settings, 0);
	int code = look(&survey);
	buf_finish(&survey.description);
	buf_finish(&survey.settings);
	config_unref(survey.config);
	arena_finish(&survey.arena);
	return code;
}

static const struct command_option options[] = {
	{'y', "yes", NULL, "write without asking", NULL},
	{0, "force", NULL, "write over what exists, and keep that as .bak", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_context_files = {
	.name = "context",
	.summary = "look at a project and propose its configuration",
	.usage = "[DIR]",
	.details =
		"Proposes .llm-mux/config.toml (roles for the project's language, its team with\n"
		"its tests) and .llm-mux/context.md, which stands before the prompts of the "
		"team.\n"
		"Both are written when the answer is yes, or with --yes; what exists stays.",
	.options = options,
	.max_arguments = 1,
	.run = context_run,
};
