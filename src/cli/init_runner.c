/* init_runner.c: looks for what can answer on this machine, programs of vendors and a local Ollama,
 * and writes it down as backends with the role `default` (workflows.md 8.4). Nothing is downloaded
 * and no model is asked. */
#include <string.h>

#include "base/file.h"
#include "cli/project_kind.h"
#include "mux/mux.h"
#include "proc/process.h"

#define OLLAMA_LIMIT_MS 1000

static const struct {
	const char *program, *settings;
} programs[] = {
	{"claude", "args = [\"-p\", \"--\"]\ntimeout = 600      # seconds\n"},
	{"codex", "args = [\"exec\", \"--json\", \"-s\", \"read-only\"]\ntimeout = 600\n"},
	{"gemini", "args = [\"-m\", \"gemini-2.5-pro\", \"-p\"]\ntimeout = 300\n"},
};

struct findings {
	struct buf text; /* of the tables */
	const char *names[8];
	size_t count;
};

static void find_programs(struct file_writer *writer, struct findings *found) {
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const char *path = process_find_program(writer->arena, programs[i].program, NULL);
		if (path == NULL) {
			continue;
		}
		fprintf(writer->context->out, "found %s: %s\n", programs[i].program, path);
		buf_printf(&found->text, "[backends.%s]\ncommand = \"%s\"\n%s\n",
			programs[i].program, programs[i].program, programs[i].settings);
		found->names[found->count++] = programs[i].program;
	}
}

/* Models for embeddings cannot chat. */
static struct slice choose_model(const struct mux_found_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		if (!slice_icontains(list->models[i], SLICE("embed"))) {
			return list->models[i];
		}
	}
	return slice_make(NULL, 0);
}

static void find_ollama(struct file_writer *writer, struct findings *found) {
	/* what is wrong with a file is another command's business, or it is about to be replaced */
	FILE *nowhere = fopen("/dev/null", "we");
	struct command_context quiet = *writer->context;
	quiet.err = nowhere != NULL ? nowhere : quiet.err;
	struct config *config = command_load_config(&quiet, NULL, 0);
	struct config_provider local;
	struct mux_found answers = {0};
	if (nowhere != NULL) {
		fclose(nowhere);
	}
	if (config != NULL && config_local_ollama(config, &local)) {
		mux_discover(config, &local, command_user_agent(), OLLAMA_LIMIT_MS, writer->arena,
			&answers);
		const struct mux_found_list *list = mux_found_of(&answers, local.id);
		struct slice model = list != NULL ? choose_model(list) : slice_make(NULL, 0);
		if (model.len > 0) {
			fprintf(writer->context->out, "found Ollama at %.*s: %zu models\n",
				SLICE_FMT(local.base_url), list->count);
			struct json_writer w;
			buf_printf(&found->text,
				"[backends.ollama]\ncommand = \"%.*s/v1\"\nmodel = ",
				SLICE_FMT(local.base_url));
			json_writer_init(&w, &found->text, false);
			json_write_string(&w, model);
			buf_append_str(&found->text, "\n\n");
			found->names[found->count++] = "ollama";
		}
	}
	config_unref(config);
}

static void put_role(struct findings *found, struct buf *out) {
	buf_append_str(out,
		"# Whoever is asked when a workflow names no other role: the first that "
		"can answer.\n[roles.default]\nbackends = [");
	for (size_t i = 0; i < found->count; i++) {
		buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", found->names[i]);
	}
	buf_append_str(out, "]\nexecution = \"first\"\n");
}

static void explain_none(FILE *out) {
	fputs("found no program that answers on this machine. Install one and run llm-mux init "
	      "again:\n"
	      "  npm install -g @anthropic-ai/claude-code     claude\n"
	      "  npm install -g @openai/codex                 codex\n"
	      "  npm install -g @google/gemini-cli            gemini\n"
	      "  https://ollama.com/download                  a server of your own\n"
	      "or write a [backends.NAME] with the URL and key of an API. Until then workflows are "
	      "answered\nby " RUNNER_LAST_RESORT
	      ", which repeats what it is asked: enough to try them out.\n",
		out);
}

bool init_runner(struct file_writer *writer, bool detects) {
	const char *dir = file_config_dir(writer->arena);
	if (dir == NULL || !detects) {
		return true;
	}
	const char *path = file_join(writer->arena, dir, "config.toml");
	if (file_exists(path) && !writer->is_forced) {
		fprintf(writer->context->out, "%s exists and stays as it is\n", path);
		return true;
	}
	struct findings found = {.count = 0};
	struct buf text;
	buf_init(&found.text, 0);
	buf_init(&text, 0);
	find_programs(writer, &found);
	find_ollama(writer, &found);
	bool is_fine = true;
	if (found.count == 0) {
		explain_none(writer->context->out);
	} else {
		buf_append_str(&text, "# What workflows ask. Keys of a backend, roles, teams: "
				      "llm-mux help options\n"
				      "\n");
		buf_append(&text, buf_slice(&found.text));
		put_role(&found, &text);
		is_fine = file_writer_put(writer, path, buf_slice(&text), 0600);
	}
	buf_finish(&found.text);
	buf_finish(&text);
	return is_fine;
}
