/* memory.c: the command `memory`: what an ecosystem remembers (workflows.md 4.3, 8.2). */
#include <string.h>
#include <unistd.h>

#include "cli/list.h"
#include "workflow/memory.h"

#define SEARCH_LIMIT 100

/* What all of them begin with: the configuration, the ecosystem, its memory. */
struct session {
	struct arena arena;
	struct config *config;
	struct ecosystem_choice choice;
	struct memory *memory;
};

static void session_finish(struct session *session) {
	memory_close(session->memory);
	config_unref(session->config);
	arena_finish(&session->arena);
}

/* False after a message, with the exit code. The session is to be finished either way. */
static bool session_begin(struct session *session, const struct command_context *context,
	bool is_read_only, int *code) {
	struct error error = {0};
	memset(session, 0, sizeof *session);
	arena_init(&session->arena, NULL, (size_t)1024 * 1024 * 1024);
	*code = COMMAND_USAGE;
	session->config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (!session->config) {
		return false;
	}
	const char *dir = context->dir ? context->dir : ".";
	if (!ecosystem_detect(runner_of(session->config), dir,
		    slice_of(command_value(context, "ecosystem")), slice_make(NULL, 0),
		    context->environment, &session->arena, &session->choice, &error)) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
		return false;
	}
	if (!session->choice.ecosystem) {
		command_fail(context, COMMAND_USAGE,
			"no ecosystem has a project here; name one with --ecosystem, or see "
			"llm-mux ecosystems");
		return false;
	}
	session->memory =
		memory_open(session->choice.ecosystem->name, is_read_only, &session->arena, &error);
	if (!session->memory) {
		bool is_absent = error.kind == ERROR_NOT_FOUND;
		*code = command_fail(context, COMMAND_FAILED,
			is_absent ? "%s: nothing is remembered yet; a store step of a workflow or "
				    "llm-mux discover begins it"
				  : "%s",
			error.message);
		return false;
	}
	return true;
}

/* ---- rows ---- */

/* The columns a person sees of each kind; --output json has all of them. */
struct columns {
	const char *kind;
	const char *names[6]; /* ends with NULL */
	const char *titles[6];
	const char *id_kind; /* what `forget` calls one; NULL: it cannot be forgotten alone */
};

static const struct columns kinds[] = {
	{"facts", {"id", "fact", "category", "confidence", "source", NULL},
		{"ID", "FACT", "CATEGORY", "SURE", "SOURCE", NULL}, "fact"},
	{"relationships", {"id", "from", "type", "to", "evidence", NULL},
		{"ID", "FROM", "TYPE", "TO", "EVIDENCE", NULL}, "relationship"},
	{"entities", {"id", "project", "type", "name", "properties", NULL},
		{"ID", "PROJECT", "TYPE", "NAME", "PROPERTIES", NULL}, "entity"},
	{"findings", {"id", "severity", "category", "description", "status", NULL},
		{"ID", "SEVERITY", "CATEGORY", "FINDING", "STATUS", NULL}, "finding"},
	{"runs", {"id", "workflow", "success", "duration_ms", "created_at", NULL},
		{"ID", "WORKFLOW", "OK", "MS", "WHEN", NULL}, NULL},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static void print_json(
	const struct command_context *context, struct value rows, struct arena *arena) {
	struct buf out = {0};
	struct error error = {0};
	value_to_json(rows, arena, 2, &out, &error);
	buf_append_byte(&out, '\n');
	fwrite(out.data, 1, out.len, context->out);
	buf_finish(&out);
}

static void print_rows(const struct command_context *context, const struct columns *columns,
	const struct value_list *rows, struct arena *arena) {
	struct list list;
	list_init(&list, columns->titles);
	for (size_t i = 0; i < rows->len; i++) {
		for (size_t c = 0; columns->names[c]; c++) {
			struct value value =
				value_map_get_named(rows->items[i].map, columns->names[c]);
			struct slice text =
				value.type == VALUE_NONE ? SLICE("-") : value_text(value, arena);
			bool is_id = c == 0 && columns->id_kind;
			list_add(&list, "%s%s%.*s", is_id ? columns->id_kind : "", is_id ? ":" : "",
				SLICE_FMT(text));
		}
	}
	list_print(&list, context->out);
	list_finish(&list);
}

static int show_kind(struct command_context *context, const struct columns *columns) {
	struct session session;
	struct error error = {0};
	struct value rows;
	bool is_json;
	int code = COMMAND_USAGE;
	if (!list_wants_json(context, &is_json)) {
		return COMMAND_USAGE;
	}
	is_json |= command_has(context, "json");
	if (session_begin(&session, context, true, &code)) {
		if (!memory_rows(session.memory, columns->kind, &session.arena, &rows, &error)) {
			code = command_fail(context, COMMAND_FAILED, "%s", error.message);
		} else if (is_json) {
			print_json(context, rows, &session.arena);
			code = COMMAND_OK;
		} else {
			print_rows(context, columns, rows.list, &session.arena);
			code = COMMAND_OK;
		}
	}
	session_finish(&session);
	return code;
}

static const char *next_kind(const void *data, size_t index) {
	(void)data;
	return index < KIND_COUNT ? kinds[index].kind : NULL;
}

static int list_kind_run(struct command_context *context) {
	const char *kind = context->argument_count > 0 ? context->arguments[0] : "facts";
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].kind, kind) == 0) {
			return show_kind(context, &kinds[i]);
		}
	}
	const char *near = command_nearest(kind, next_kind, NULL);
	return command_fail(context, COMMAND_USAGE,
		near ? "unknown kind '%s'; did you mean '%s'?"
		     : "unknown kind '%s': it is facts, relationships, entities, findings or runs",
		kind, near);
}

/* `memory facts` is `memory list facts`. */
static int own_kind_run(struct command_context *context) {
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (strcmp(kinds[i].kind, context->command->name) == 0) {
			return show_kind(context, &kinds[i]);
		}
	}
	return COMMAND_USAGE;
}

/* ---- search, forget, export ---- */

static int search_run(struct command_context *context) {
	static const struct columns columns = {"", {"id", "text", "project", "source", NULL},
		{"ID", "TEXT", "PROJECT", "SOURCE", NULL}, NULL};
	struct session session;
	struct error error = {0};
	struct value rows;
	struct buf text = {0};
	bool is_json;
	int code = COMMAND_USAGE;
	if (!list_wants_json(context, &is_json)) {
		return COMMAND_USAGE;
	}
	is_json |= command_has(context, "json");
	for (size_t i = 0; i < context->argument_count; i++) {
		buf_printf(&text, "%s%s", i > 0 ? " " : "", context->arguments[i]);
	}
	if (!session_begin(&session, context, true, &code)) {
		code = code == COMMAND_OK ? COMMAND_FAILED : code;
	} else if (!memory_search(session.memory, buf_slice(&text), SEARCH_LIMIT, &session.arena,
			   &rows, &error)) {
		code = command_fail(context, COMMAND_FAILED, "%s", error.message);
	} else if (is_json) {
		print_json(context, rows, &session.arena);
		code = rows.list->len > 0 ? COMMAND_OK : COMMAND_FAILED;
	} else {
		print_rows(context, &columns, rows.list, &session.arena);
		code = rows.list->len > 0 ? COMMAND_OK
					  : command_fail(context, COMMAND_FAILED,
						    "nothing of that is remembered");
	}
	session_finish(&session);
	buf_finish(&text);
	return code;
}

static int forget_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	int code = COMMAND_USAGE;
	if (session_begin(&session, context, false, &code)) {
		code = COMMAND_OK;
		for (size_t i = 0; i < context->argument_count && code == COMMAND_OK; i++) {
			if (!memory_forget(
				    session.memory, slice_of(context->arguments[i]), &error)) {
				code = command_fail(context, COMMAND_FAILED, "%s", error.message);
			} else {
				fprintf(context->err, "forgot %s\n", context->arguments[i]);
			}
		}
	}
	session_finish(&session);
	return code;
}

static int export_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	struct buf out = {0};
	int code = COMMAND_USAGE;
	if (session_begin(&session, context, true, &code)) {
		if (memory_export(session.memory, &out, &error)) {
			fwrite(out.data, 1, out.len, context->out);
			code = COMMAND_OK;
		} else {
			code = command_fail(context, COMMAND_FAILED, "%s", error.message);
		}
	}
	buf_finish(&out);
	session_finish(&session);
	return code;
}

/* ---- the commands ---- */

#define ECOSYSTEM_OPTION                                                                           \
	{ 0, "ecosystem", "NAME", "whose memory; else the one this directory belongs to", NULL }

static const struct command_option list_options[] = {
	ECOSYSTEM_OPTION,
	LIST_OUTPUT_OPTION,
	{0, "json", NULL, "the same as --output json", NULL},
	{0, NULL, NULL, NULL, NULL},
};
static const struct command_option plain_options[] = {
	ECOSYSTEM_OPTION,
	{0, NULL, NULL, NULL, NULL},
};
static const char *const kind_words[] = {
	"facts", "relationships", "entities", "findings", "runs", NULL};

static const struct command command_memory_list = {
	.name = "list",
	.summary = "list what is remembered",
	.usage = "[KIND]",
	.details = "KIND: facts (when it is left out), relationships, entities, findings or runs.",
	.options = list_options,
	.operands = kind_words,
	.max_arguments = 1,
	.run = list_kind_run,
};

#define KIND_COMMAND(kind, what)                                                                   \
	static const struct command command_memory_##kind = {                                      \
		.name = #kind,                                                                     \
		.summary = what,                                                                   \
		.options = list_options,                                                           \
		.run = own_kind_run,                                                               \
	}
KIND_COMMAND(facts, "the facts, the surest first");
KIND_COMMAND(relationships, "how projects hang together");
KIND_COMMAND(entities, "things and their properties as they are now");
KIND_COMMAND(findings, "what reviews and hunts found");
KIND_COMMAND(runs, "workflows that ran in it");

static const struct command command_memory_search = {
	.name = "search",
	.summary = "search it by words",
	.usage = "WORDS...",
	.details = "Finds facts, findings, entities and their properties that have all the words;\n"
		   "the last one may be a beginning. Exit code 1 when there is none.",
	.options = list_options,
	.min_arguments = 1,
	.max_arguments = 64,
	.run = search_run,
};

static const struct command command_memory_forget = {
	.name = "forget",
	.summary = "remove something for good",
	.usage = "ID...",
	.details = "ID as the lists show it: fact:3, finding:1, entity:2, relationship:4.",
	.options = plain_options,
	.min_arguments = 1,
	.max_arguments = 64,
	.run = forget_run,
};

static const struct command command_memory_export = {
	.name = "export",
	.summary = "print all of it as JSON",
	.details = "A store step can store it again.",
	.options = plain_options,
	.run = export_run,
};

static const struct command *const subcommands[] = {
	&command_memory_list,
	&command_memory_search,
	&command_memory_forget,
	&command_memory_export,
	&command_memory_facts,
	&command_memory_relationships,
	&command_memory_entities,
	&command_memory_findings,
	&command_memory_runs,
	NULL,
};

const struct command command_memory = {
	.name = "memory",
	.summary = "see and search what an ecosystem remembers",
	.subcommands = subcommands,
};

/* ---- discover ---- */

static int discover_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	size_t added = 0;
	int code = COMMAND_USAGE;
	if (session_begin(&session, context, false, &code)) {
		if (memory_discover(session.memory, session.choice.ecosystem, context->environment,
			    command_has(context, "force"), &session.arena, &added, &error)) {
			fprintf(context->err, "%zu facts in %s\n", added,
				memory_path(session.memory));
			code = COMMAND_OK;
		} else {
			code = command_fail(context, COMMAND_FAILED, "%s", error.message);
		}
	}
	session_finish(&session);
	return code;
}

static const struct command_option discover_options[] = {
	ECOSYSTEM_OPTION,
	{0, "force", NULL, "also when facts are remembered already", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_discover = {
	.name = "discover",
	.summary = "remember what configuration and project files tell",
	.details =
		"Reads each project of the ecosystem: its configuration, its manifest (Gemfile,\n"
		"Cargo.toml, package.json, go.mod, requirements.txt) and its README. No model\n"
		"is asked.",
	.options = discover_options,
	.run = discover_run,
};
