/* memory_discover.c: facts that configuration and a project's own files tell (workflows.md 4.5). */
#include <stdio.h>

#include "base/file.h"
#include "workflow/memory_internal.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024)
#define README_PARAGRAPH_MAX 300

struct discovery {
	struct memory *memory;
	struct arena *arena;
	const struct runner_project *project;
	const char *path; /* the project's directory */
	char now[CLOCK_TEXT_MAX];
	size_t added;
	struct error *error;
	bool has_failed;
};

static void add(struct discovery *discovery, const char *source, double confidence,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
static void add(struct discovery *discovery, const char *source, double confidence,
	const char *format, ...) {
	if (discovery->has_failed) {
		return;
	}
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(discovery->arena, format, args);
	va_end(args);
	bool is_config = strcmp(source, "config") == 0;
	struct memory_fact fact = {
		.fact = arena_printf(discovery->arena, "%.*s: %.*s",
			SLICE_FMT(discovery->project->name), SLICE_FMT(text)),
		.source = slice_of(source),
		.source_type = is_config ? SLICE("config") : SLICE("file"),
		.confidence = confidence,
	};
	discovery->has_failed =
		!memory_put_fact(discovery->memory, &fact, discovery->now, discovery->error);
	discovery->added++;
}

/* A file of the project as text in the arena; absent when it cannot be read. */
static struct slice read_file(struct discovery *discovery, const char *name) {
	struct buf text = {0};
	struct error error;
	struct slice kept = slice_make(NULL, 0);
	/* A link of a cloned project may lead anywhere. */
	const char *path = file_join(discovery->arena, discovery->path, name);
	if (file_lies_within(path, discovery->path) &&
		file_read_regular(path, FILE_MAX, &text, &error)) {
		kept = arena_dup(discovery->arena, buf_slice(&text));
	}
	buf_finish(&text);
	return kept;
}

/* ---- by type ---- */

static void discover_ruby(struct discovery *discovery) {
	static const char *const notable[] = {"pg", "mysql2", "redis", "sidekiq", "resque",
		"elasticsearch", "aws-sdk", "stripe", "devise", "cancancan", "pundit"};
	struct slice rest = read_file(discovery, "Gemfile"), line;
	while (slice_split(&rest, '\n', &line)) {
		line = slice_trim(line);
		if (!slice_starts_with(line, SLICE("gem ")) &&
			!slice_starts_with(line, SLICE("gem("))) {
			continue;
		}
		struct slice name = slice_trim(slice_from(line, 4));
		if (name.len < 2 || (name.data[0] != '"' && name.data[0] != '\'')) {
			continue;
		}
		size_t end = slice_find_byte(slice_from(name, 1), name.data[0]);
		name = slice_sub(name, 1, end);
		if (slice_is(name, "rails")) {
			add(discovery, "Gemfile", 1.0, "Rails application");
		} else if (slice_is(name, "sinatra")) {
			add(discovery, "Gemfile", 1.0, "Sinatra application");
		}
		for (size_t i = 0; i < sizeof notable / sizeof notable[0]; i++) {
			if (slice_is(name, notable[i])) {
				add(discovery, "Gemfile", 0.9, "uses %s", notable[i]);
			}
		}
	}
}

static const struct json *read_tree(
	struct discovery *discovery, const char *name, enum document_kind kind) {
	struct slice text = read_file(discovery, name);
	struct problems problems;
	problems_init(&problems, discovery->arena, name, text);
	return text.data ? document_parse(discovery->arena, kind, text, &problems) : NULL;
}

static void discover_rust(struct discovery *discovery) {
	const struct json *tree = read_tree(discovery, "Cargo.toml", DOCUMENT_TOML);
	json_each (dependency, json_get(tree, "dependencies")) {
		add(discovery, "Cargo.toml", 0.9, "depends on %.*s",
			SLICE_FMT(json_key(dependency, discovery->arena)));
	}
}

static void discover_javascript(struct discovery *discovery) {
	static const struct {
		const char *package, *fact;
	} frameworks[] = {
		{"react", "React application"},
		{"vue", "Vue application"},
		{"next", "Next.js application"},
	};
	const struct json *dependencies =
		json_get(read_tree(discovery, "package.json", DOCUMENT_JSON), "dependencies");
	for (size_t i = 0; i < sizeof frameworks / sizeof frameworks[0]; i++) {
		if (json_get(dependencies, frameworks[i].package)) {
			add(discovery, "package.json", 1.0, "%s", frameworks[i].fact);
		}
	}
}

static void discover_go(struct discovery *discovery) {
	struct slice rest = read_file(discovery, "go.mod"), line;
	while (slice_split(&rest, '\n', &line)) {
		line = slice_trim(line);
		if (slice_starts_with(line, SLICE("module "))) {
			add(discovery, "go.mod", 1.0, "Go module %.*s",
				SLICE_FMT(slice_trim(slice_from(line, 7))));
			return;
		}
	}
}

static void discover_python(struct discovery *discovery) {
	struct slice rest = read_file(discovery, "requirements.txt"), line;
	while (slice_split(&rest, '\n', &line)) {
		line = slice_trim(line);
		size_t end = 0;
		while (end < line.len && !memchr("=<>~![; ", line.data[end], 8)) {
			end++;
		}
		struct slice name = slice_sub(line, 0, end);
		if (slice_ieq(name, SLICE("django"))) {
			add(discovery, "requirements.txt", 1.0, "Django application");
		} else if (slice_ieq(name, SLICE("flask"))) {
			add(discovery, "requirements.txt", 1.0, "Flask application");
		}
	}
}

/* The first paragraph that is no heading, when it is short enough to be a summary. */
static void discover_readme(struct discovery *discovery) {
	static const char *const names[] = {"README.md", "README", "readme.md", "Readme.md"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct slice rest = read_file(discovery, names[i]), line;
		if (!rest.data) {
			continue;
		}
		struct buf paragraph;
		buf_init(&paragraph, 0);
		while (slice_split(&rest, '\n', &line)) {
			line = slice_trim(line);
			bool is_text = line.len > 0 && line.data[0] != '#' && line.data[0] != '=' &&
				       line.data[0] != '-';
			if (is_text) {
				buf_append_str(&paragraph, paragraph.len > 0 ? " " : "");
				buf_append(&paragraph, line);
			} else if (paragraph.len > 0) {
				break;
			}
		}
		if (paragraph.len > 0 && paragraph.len < README_PARAGRAPH_MAX) {
			add(discovery, names[i], 0.8, "%.*s", SLICE_FMT(buf_slice(&paragraph)));
		}
		buf_finish(&paragraph);
		return;
	}
}

static const struct {
	const char *type;
	void (*discover)(struct discovery *discovery);
} types[] = {
	{"ruby", discover_ruby},
	{"rust", discover_rust},
	{"javascript", discover_javascript},
	{"typescript", discover_javascript},
	{"go", discover_go},
	{"python", discover_python},
};

/* ---- what configuration says ---- */

static void add_list(
	struct discovery *discovery, const char *what, const struct option_strings *list) {
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < list->len; i++) {
		buf_printf(&text, "%s%.*s", i > 0 ? ", " : "", SLICE_FMT(list->items[i]));
	}
	if (text.len > 0) {
		add(discovery, "config", 1.0, "%s: %.*s", what, SLICE_FMT(buf_slice(&text)));
	}
	buf_finish(&text);
}

static void discover_project(struct discovery *discovery) {
	const struct runner_project *project = discovery->project;
	if (project->type.len > 0) {
		add(discovery, "config", 1.0, "is a %.*s project", SLICE_FMT(project->type));
	}
	if (project->description.len > 0) {
		add(discovery, "config", 1.0, "%.*s", SLICE_FMT(project->description));
	}
	add_list(discovery, "depends on", &project->depends_on);
	add_list(discovery, "tags", &project->tags);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (slice_is(project->type, types[i].type)) {
			types[i].discover(discovery);
		}
	}
	discover_readme(discovery);
}

static bool has_facts(struct memory *memory, bool *has_any, struct error *error) {
	struct error failure = {0};
	struct database_statement *statement = database_prepare(
		memory->database, "SELECT 1 FROM facts WHERE ecosystem = ? LIMIT 1", error);
	if (!statement) {
		return false;
	}
	database_bind_text(statement, 1, memory->ecosystem);
	*has_any = database_step(statement, &failure);
	database_reset(statement);
	if (failure.kind != ERROR_NONE) {
		*error = failure;
	}
	return failure.kind == ERROR_NONE;
}

static void add_knowledge(struct discovery *discovery, const struct runner_ecosystem *ecosystem) {
	for (size_t i = 0; i < ecosystem->knowledge.len && !discovery->has_failed; i++) {
		struct memory_fact fact = {
			.fact = ecosystem->knowledge.items[i],
			.source = SLICE("config"),
			.source_type = SLICE("config"),
			.category = SLICE("knowledge"),
			.confidence = 1.0,
		};
		discovery->has_failed = !memory_put_fact(
			discovery->memory, &fact, discovery->now, discovery->error);
		discovery->added++;
	}
}

bool memory_discover(struct memory *memory, const struct runner_ecosystem *ecosystem,
	char *const *environment, bool is_forced, struct arena *arena, size_t *added,
	struct error *error) {
	bool has_any = false;
	struct discovery discovery = {.memory = memory, .arena = arena, .error = error};
	if (!has_facts(memory, &has_any, error)) {
		return false;
	}
	if (has_any && !is_forced) {
		return error_set(error, ERROR_CONFLICT,
			"%.*s remembers facts already; --force adds what is found and updates what "
			"is there",
			SLICE_FMT(memory->ecosystem));
	}
	clock_format_rfc3339(clock_wall_ms(), discovery.now);
	if (!database_begin(memory->database, error)) {
		return false;
	}
	for (size_t i = 0; i < ecosystem->projects.len; i++) {
		discovery.project = &ecosystem->projects.items[i];
		discovery.path = ecosystem_project_path(discovery.project, environment, arena);
		if (discovery.path && file_exists(discovery.path)) {
			discover_project(&discovery);
		}
	}
	add_knowledge(&discovery, ecosystem);
	if (discovery.has_failed || !database_commit(memory->database, error)) {
		database_rollback(memory->database);
		return false;
	}
	*added = discovery.added;
	return true;
}
