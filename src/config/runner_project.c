/* runner_project.c: the file of a project's directory: where it is, and what of it waits for trust.
 *
 * A repository that somebody cloned may bring such a file along. So nothing in it that says what is
 * run, where prompts go, or what of the environment and the disk goes with them counts before the
 * user has trusted the file as it is (design.md 3). */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/runner_internal.h"
#include "config/trust.h"

#define PROJECT_DIR ".llm-mux"
#define OBSOLETE_FILE ".llmux/config.toml"
#define WHAT_MAX 8192 /* bytes of what is shown when asking */

/* ---- finding ---- */

/* An ancestor that belongs to somebody else, such as /tmp, does not get to configure us. */
static bool is_acceptable(const char *path, bool is_ancestor) {
	struct stat info;
	if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
		return false;
	}
	return !is_ancestor || geteuid() == 0 || info.st_uid == geteuid();
}

const char *runner_find_project(struct arena *arena, const char *dir) {
	const char *home = getenv("HOME");
	char *canonical_home = home && *home ? realpath(home, NULL) : NULL;
	const char *found = NULL;
	bool is_ancestor = false;
	for (char *at = arena_strdup(arena, slice_of(dir)); !found; is_ancestor = true) {
		if (is_acceptable(file_join(arena, at, PROJECT_DIR), is_ancestor)) {
			found = at;
			break;
		}
		char *slash = strrchr(at, '/');
		bool is_last = file_exists(file_join(arena, at, ".git")) || !slash ||
			       slash[1] == '\0' ||
			       (canonical_home && strcmp(at, canonical_home) == 0);
		if (is_last) {
			break;
		}
		slash[slash == at ? 1 : 0] = '\0';
	}
	free(canonical_home);
	return found;
}

bool runner_check_links(const struct runner_config *runner, struct error *error) {
	static const char *const places[] = {"", "/state", "/logs"};
	const char *project = runner->project_dir ? runner->project_dir : runner->dir;
	struct arena scratch;
	bool is_good = true;
	arena_init(&scratch, NULL, 0);
	for (size_t i = 0; is_good && i < sizeof places / sizeof *places; i++) {
		const char *path =
			arena_printf(&scratch, "%s/" PROJECT_DIR "%s", project, places[i]).data;
		is_good = !file_exists(path) || file_lies_within(path, project) ||
			  error_set(error, ERROR_PERMISSION,
				  "%s leads out of the project, and a run writes only inside: "
				  "remove the link",
				  path);
	}
	arena_finish(&scratch);
	return is_good;
}

/* ---- what waits for trust ---- */

struct scan {
	struct arena *arena;
	runner_untrusted *visit;
	void *data;
	bool expands; /* within backends: ${NAME} reads the environment */
};

static void report(const struct scan *scan, const struct option_row *row, const char *path,
	const struct json *value) {
	uint32_t line, column;
	document_key_position(value, &line, &column);
	bool is_secret = row && (row->type == OPTION_SECRET || row->type == OPTION_SECRET_MAP ||
					row->type == OPTION_SECRET_LIST);
	scan->visit(scan->data, path, is_secret ? NULL : value, line, column);
}

static void scan_value(const struct scan *scan, const struct option_row *row, const char *path,
	const struct json *value);

static void scan_members(const struct scan *scan, const struct option_table *table,
	const char *path, const struct json *item) {
	const struct option_row *brief =
		table->shorthand ? option_table_find(table, slice_of(table->shorthand)) : NULL;
	if (brief && item->type != JSON_OBJECT) {
		scan_value(scan, brief, path, item);
		return;
	}
	json_each (member, item) {
		struct slice name = json_key(member, scan->arena);
		const struct option_row *row = option_table_find(table, name);
		if (row) {
			scan_value(
				scan, row, option_path_join(scan->arena, path, name).data, member);
		}
	}
}

/* Any text below that reads the environment. */
static bool has_reference(const struct scan *scan, const struct json *value) {
	if (value->type == JSON_STRING) {
		return slice_contains(json_string(value, scan->arena), SLICE("${"));
	}
	json_each (child, value) {
		if (has_reference(scan, child)) {
			return true;
		}
	}
	return false;
}

static void scan_value(const struct scan *scan, const struct option_row *row, const char *path,
	const struct json *value) {
	if (row->needs_trust) {
		report(scan, row, path, value);
	} else if (row->type == OPTION_OBJECT_MAP || row->type == OPTION_OBJECT_LIST) {
		size_t number = 0;
		json_each (item, value) {
			const char *own =
				item->key
					? option_path_join(
						  scan->arena, path, json_key(item, scan->arena))
						  .data
					: arena_printf(scan->arena, "%s[%zu]", path, number++).data;
			scan_members(scan, row->nested, own, item);
		}
	} else if (scan->expands && has_reference(scan, value)) {
		report(scan, row, path, value);
	}
}

static void scan_section(struct scan *scan, const char *prefix, const struct json *object) {
	json_each (member, object) {
		struct slice name = json_key(member, scan->arena);
		struct slice path = arena_printf(scan->arena, "%s%.*s", prefix, SLICE_FMT(name));
		const struct option_row *row = option_table_find(&runner_table, path);
		if (row) {
			scan->expands = option_key_eq(path, SLICE("backends"));
			scan_value(scan, row, row->key, member);
		} else if (member->type == JSON_OBJECT) {
			scan_section(scan, arena_printf(scan->arena, "%.*s.", SLICE_FMT(path)).data,
				member);
		}
	}
}

void runner_each_untrusted(
	const struct json *tree, struct arena *arena, runner_untrusted *visit, void *data) {
	struct scan scan = {.arena = arena, .visit = visit, .data = data};
	if (json_is(tree, JSON_OBJECT)) {
		scan_section(&scan, "", tree);
	}
}

/* Bytes of a code point that a terminal obeys instead of showing it: U+0080 to U+009F, and those
 * that turn the direction of text (U+202A to U+202E, U+2066 to U+2069). 0: it is none. */
static size_t length_of_hidden(const char *text) {
	const unsigned char *at = (const unsigned char *)text;
	if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
		return 2;
	}
	bool turns = at[0] == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
					      (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
	return turns ? 3 : 0;
}

void runner_print_untrusted(struct buf *out, const char *path, const struct json *value) {
	struct buf line;
	buf_init(&line, 0);
	buf_append_str(&line, path);
	buf_append_str(&line, " = ");
	if (value) {
		struct json_writer w;
		json_writer_init(&w, &line, false);
		json_write_tree(&w, value);
	} else {
		buf_append_str(&line, "***");
	}
	buf_append_byte(&line, '\0');
	error_mask_secrets(line.data);
	/* What is shown is what will be trusted: nothing in it may hide or turn around the rest. */
	for (char *at = line.data; *at; at++) {
		size_t hidden = (unsigned char)*at < 0x20 || *at == 0x7f ? 1 : length_of_hidden(at);
		memset(at, '?', hidden);
	}
	buf_append_str(out, line.data);
	buf_finish(&line);
}

/* ---- asking ---- */

bool runner_trust(const struct runner_request *request, const char *path, struct slice content,
	struct slice what, struct error *error) {
	bool is_trusted = request->trusts_project;
	if (!is_trusted && !trust_check(path, content, &is_trusted, error)) {
		return false;
	}
	if (is_trusted) {
		return true;
	}
	if (request->ask && request->ask(request->ask_data, path, what)) {
		return trust_add(path, content, error);
	}
	return error_set(error, ERROR_CONFIGURATION,
		"%s is not trusted as it is now. `llm-mux trust` shows and trusts it; --trust does "
		"so for this once",
		path);
}

/* ---- loading ---- */

struct gathered {
	struct buf what;
	const char *first; /* path of the first thing that waits; NULL: none does */
	uint32_t line, column;
	size_t count;
	struct arena *arena;
};

static void gather(
	void *data, const char *path, const struct json *value, uint32_t line, uint32_t column) {
	struct gathered *gathered = data;
	if (gathered->count++ == 0) {
		gathered->first = arena_strdup(gathered->arena, slice_of(path));
		gathered->line = line;
		gathered->column = column;
	}
	if (gathered->what.len < WHAT_MAX) {
		buf_append_str(&gathered->what, "  ");
		runner_print_untrusted(&gathered->what, path, value);
		buf_append_byte(&gathered->what, '\n');
	} else if (!slice_ends_with(buf_slice(&gathered->what), SLICE("  ...\n"))) {
		buf_append_str(&gathered->what, "  ...\n");
	}
}

/* True when the layer may count. */
static bool is_allowed(struct config_loader *loader, struct runner_loading *loading,
	struct config_layer *layer, const struct json *tree) {
	struct gathered gathered = {.arena = &loader->scratch};
	struct error error;
	buf_init(&gathered.what, 0);
	runner_each_untrusted(tree, &loader->scratch, gather, &gathered);
	bool is_good = gathered.count == 0 ||
		       runner_trust(loading->request, layer->name, layer->problems.text,
			       buf_slice(&gathered.what), &error);
	buf_finish(&gathered.what);
	if (is_good) {
		return true;
	}
	const char *others =
		gathered.count > 1
			? arena_printf(&loader->scratch, " and %zu more", gathered.count - 1).data
			: "";
	if (error.kind != ERROR_CONFIGURATION) { /* the record cannot be read */
		problems_add(&layer->problems, 0, 0, "%s", error.message);
		return false;
	}
	if (loading->request->shows_untrusted) {
		problems_warn(&layer->problems, gathered.line, gathered.column,
			"not trusted yet, so nothing of it will be run: `%s`%s", gathered.first,
			others);
	} else {
		problems_add(&layer->problems, gathered.line, gathered.column,
			"a project may not set `%s`%s before you have trusted its file",
			gathered.first, others);
	}
	/* The line may hold a secret of the table that it is part of. */
	layer->problems.items[layer->problems.len - 1].is_secret = true;
	problems_hint(&layer->problems,
		"`llm-mux trust` shows what is in it and trusts it; --trust does so for this once");
	return loading->request->shows_untrusted;
}

/* The runner's rows alone: whatever concerns the gateway is the user's to say. */
static void apply_project(
	struct config_loader *loader, const struct json *tree, struct config_layer *layer) {
	const struct option_set *all = &loader->config->options;
	struct option_set own = *all;
	static const struct option_table *const tables[] = {&runner_table};
	for (size_t i = 0; i < all->table_count; i++) {
		if (all->tables[i] == &runner_table) {
			own.tables = tables;
			own.table_count = 1;
			own.targets = all->targets + i;
			own.sources = all->sources + i;
			own.elsewhere = all;
		}
	}
	options_apply_tree(&own, tree, &layer->problems);
}

static void warn_of_obsolete(struct config_loader *loader, const char *dir) {
	const char *path = file_join(&loader->scratch, dir, OBSOLETE_FILE);
	if (file_exists(path)) {
		struct config_layer *layer = config_layer_new(loader, path, (struct slice){0});
		problems_warn(
			&layer->problems, 0, 0, "this name is obsolete, and the file is not read");
		problems_hint(&layer->problems, "rename .llmux to " PROJECT_DIR);
	}
}

void runner_load_project(struct config_loader *loader, struct runner_loading *loading) {
	struct arena *arena = &loader->config->arena;
	const char *project = loading->runner->project_dir;
	if (!project) {
		warn_of_obsolete(loader, loading->runner->dir);
		return;
	}
	const char *path = file_join(arena, file_join(arena, project, PROJECT_DIR), "config.toml");
	/* --config says that its file is the only one. */
	if (loading->request->config.path || !file_exists(path)) {
		return;
	}
	struct config_layer *layer;
	struct json *tree =
		config_parse_file(loader, path, DOCUMENT_TOML, RUNNER_PROJECT_MAX, false, &layer);
	if (tree && is_allowed(loader, loading, layer, tree)) {
		apply_project(loader, tree, layer);
	}
}
