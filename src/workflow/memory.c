/* memory.c: an ecosystem's memory: its file, its schema, runs, forgetting (workflows.md 4.3). */
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "workflow/memory_internal.h"

/* IF NOT EXISTS: files of before had these tables, without a version. */
#define SCHEMA_1                                                                                   \
	"CREATE TABLE IF NOT EXISTS facts ("                                                       \
	" id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL, fact TEXT NOT NULL,"      \
	" source TEXT NOT NULL, source_type TEXT, category TEXT,"                                  \
	" confidence REAL NOT NULL DEFAULT 1.0, created_at TEXT NOT NULL,"                         \
	" updated_at TEXT NOT NULL, UNIQUE (ecosystem, fact, source));"                            \
	"CREATE INDEX IF NOT EXISTS idx_facts_ecosystem ON facts (ecosystem);"                     \
	"CREATE INDEX IF NOT EXISTS idx_facts_source ON facts (source);"                           \
	"CREATE INDEX IF NOT EXISTS idx_facts_category ON facts (category);"                       \
	"CREATE INDEX IF NOT EXISTS idx_facts_source_type ON facts (source_type);"                 \
	"CREATE TABLE IF NOT EXISTS project_relationships ("                                       \
	" id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL,"                          \
	" from_project TEXT NOT NULL, to_project TEXT NOT NULL,"                                   \
	" relationship_type TEXT NOT NULL, metadata TEXT, created_at TEXT NOT NULL,"               \
	" UNIQUE (ecosystem, from_project, to_project, relationship_type));"                       \
	"CREATE INDEX IF NOT EXISTS idx_relationships_ecosystem"                                   \
	" ON project_relationships (ecosystem);"                                                   \
	"CREATE INDEX IF NOT EXISTS idx_relationships_from"                                        \
	" ON project_relationships (from_project);"                                                \
	"CREATE INDEX IF NOT EXISTS idx_relationships_to ON project_relationships (to_project);"   \
	"CREATE TABLE IF NOT EXISTS workflow_runs ("                                               \
	" id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL, project TEXT,"            \
	" workflow_name TEXT NOT NULL, success INTEGER NOT NULL, duration_ms INTEGER,"             \
	" failed_step TEXT, error_message TEXT, output_dir TEXT, created_at TEXT NOT NULL);"       \
	"CREATE INDEX IF NOT EXISTS idx_workflow_runs_ecosystem ON workflow_runs (ecosystem);"     \
	"CREATE INDEX IF NOT EXISTS idx_workflow_runs_workflow ON workflow_runs (workflow_name);"  \
	"CREATE INDEX IF NOT EXISTS idx_workflow_runs_created ON workflow_runs (created_at);"      \
	"CREATE TABLE IF NOT EXISTS findings ("                                                    \
	" id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL, project TEXT,"            \
	" category TEXT NOT NULL, severity TEXT, description TEXT NOT NULL, location TEXT,"        \
	" workflow_run_id INTEGER REFERENCES workflow_runs (id),"                                  \
	" status TEXT NOT NULL DEFAULT 'open', created_at TEXT NOT NULL,"                          \
	" updated_at TEXT NOT NULL);"                                                              \
	"CREATE INDEX IF NOT EXISTS idx_findings_ecosystem ON findings (ecosystem);"               \
	"CREATE INDEX IF NOT EXISTS idx_findings_project ON findings (project);"                   \
	"CREATE INDEX IF NOT EXISTS idx_findings_status ON findings (status);"                     \
	"CREATE INDEX IF NOT EXISTS idx_findings_category ON findings (category);"                 \
	"CREATE TABLE IF NOT EXISTS entities ("                                                    \
	" id INTEGER PRIMARY KEY AUTOINCREMENT, ecosystem TEXT NOT NULL, project TEXT NOT NULL,"   \
	" entity_type TEXT NOT NULL, entity_name TEXT NOT NULL, created_at TEXT NOT NULL,"         \
	" UNIQUE (ecosystem, project, entity_type, entity_name));"                                 \
	"CREATE INDEX IF NOT EXISTS idx_entities_ecosystem ON entities (ecosystem);"               \
	"CREATE INDEX IF NOT EXISTS idx_entities_project ON entities (project);"                   \
	"CREATE INDEX IF NOT EXISTS idx_entities_type ON entities (entity_type);"                  \
	"CREATE INDEX IF NOT EXISTS idx_entities_name ON entities (entity_name);"                  \
	"CREATE TABLE IF NOT EXISTS entity_properties ("                                           \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                                   \
	" entity_id INTEGER NOT NULL REFERENCES entities (id) ON DELETE CASCADE,"                  \
	" property_name TEXT NOT NULL, property_value TEXT NOT NULL, source TEXT NOT NULL,"        \
	" source_type TEXT, confidence REAL NOT NULL DEFAULT 1.0, valid_from TEXT NOT NULL,"       \
	" valid_to TEXT, created_at TEXT NOT NULL,"                                                \
	" UNIQUE (entity_id, property_name, valid_from));"                                         \
	"CREATE INDEX IF NOT EXISTS idx_properties_entity ON entity_properties (entity_id);"       \
	"CREATE INDEX IF NOT EXISTS idx_properties_name ON entity_properties (property_name);"     \
	"CREATE INDEX IF NOT EXISTS idx_properties_current"                                        \
	" ON entity_properties (entity_id, property_name, valid_to);"                              \
	"CREATE INDEX IF NOT EXISTS idx_properties_valid_from ON entity_properties (valid_from);"

/* The full-text index, kept by triggers; its rowids are id * 4 + enum memory_kind. A property is
 * found while it is current. */
#define FACT_TEXT "new.fact || ' ' || coalesce(new.category, '')"
#define FINDING_TEXT "new.description || ' ' || new.category || ' ' || coalesce(new.location, '')"
#define PROPERTY_TEXT "new.property_name || ' ' || new.property_value"
#define ENTITY_TEXT "new.entity_type || ' ' || new.entity_name"
#define SEARCH_TRIGGERS(table, kind, text, condition)                                              \
	"INSERT INTO search (rowid, text) SELECT id * 4 + " kind ", " text " FROM " table          \
	" AS new WHERE " condition ";"                                                             \
	"CREATE TRIGGER search_" table "_insert AFTER INSERT ON " table " WHEN " condition         \
	" BEGIN INSERT INTO search (rowid, text) VALUES (new.id * 4 + " kind ", " text "); END;"   \
	"CREATE TRIGGER search_" table "_delete AFTER DELETE ON " table                            \
	" BEGIN DELETE FROM search WHERE rowid = old.id * 4 + " kind "; END;"                      \
	"CREATE TRIGGER search_" table "_update AFTER UPDATE ON " table                            \
	" BEGIN DELETE FROM search WHERE rowid = old.id * 4 + " kind ";"                           \
	" INSERT INTO search (rowid, text) SELECT new.id * 4 + " kind ", " text                    \
	" WHERE " condition "; END;"
/* clang-format off */
#define SCHEMA_2                                                                                   \
	"CREATE VIRTUAL TABLE search USING fts5 (text,"                                            \
	" tokenize = 'unicode61 remove_diacritics 2');"                                            \
	SEARCH_TRIGGERS("facts", "0", FACT_TEXT, "true")                                           \
	SEARCH_TRIGGERS("findings", "1", FINDING_TEXT, "true")                                     \
	SEARCH_TRIGGERS("entity_properties", "2", PROPERTY_TEXT, "new.valid_to IS NULL")           \
	SEARCH_TRIGGERS("entities", "3", ENTITY_TEXT, "true")
/* clang-format on */

static const struct database_migration migrations[] = {{SCHEMA_1}, {SCHEMA_2}};

static bool is_name(struct slice name) {
	if (name.len == 0 || name.len > 128 || name.data[0] == '.') {
		return false;
	}
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '.' || c == '_' || c == '-')) {
			return false;
		}
	}
	return true;
}

struct memory *memory_open(
	struct slice ecosystem, bool is_read_only, struct arena *arena, struct error *error) {
	if (!is_name(ecosystem)) {
		error_set(error, ERROR_INVALID_REQUEST,
			"`%.*s` cannot be the name of an ecosystem's memory: letters, digits, `.`, "
			"`_` and `-`, not beginning with `.`",
			SLICE_FMT(ecosystem));
		return NULL;
	}
	const char *directory = file_config_dir(arena);
	if (!directory) {
		error_set(error, ERROR_CONFIGURATION,
			"there is no place for memory: neither XDG_CONFIG_HOME nor HOME is set");
		return NULL;
	}
	struct memory *memory = ARENA_NEW(arena, struct memory);
	memory->path =
		arena_printf(arena, "%s/memory/%.*s.db", directory, SLICE_FMT(ecosystem)).data;
	memory->ecosystem = arena_dup(arena, ecosystem);
	memory->database = database_open(
		&(struct database_options){
			.path = memory->path,
			.is_read_only = is_read_only,
			.migrations = migrations,
			.migration_count = sizeof migrations / sizeof migrations[0],
		},
		error);
	return memory->database ? memory : NULL;
}

void memory_close(struct memory *memory) {
	if (memory) {
		database_close(memory->database);
		memory->database = NULL;
	}
}

const char *memory_path(const struct memory *memory) {
	return memory->path;
}

bool memory_put_fact(struct memory *memory, const struct memory_fact *fact, const char *now,
	struct error *error) {
	struct database_statement *statement = database_prepare(memory->database,
		"INSERT INTO facts (ecosystem, fact, source, source_type, category, confidence,"
		" created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)"
		" ON CONFLICT (ecosystem, fact, source) DO UPDATE SET"
		" source_type = excluded.source_type, category = excluded.category,"
		" confidence = excluded.confidence, updated_at = excluded.updated_at",
		error);
	if (!statement) {
		return false;
	}
	database_bind_text(statement, 1, memory->ecosystem);
	database_bind_text(statement, 2, fact->fact);
	database_bind_text(statement, 3, fact->source);
	database_bind_text_or_null(statement, 4, fact->source_type);
	database_bind_text_or_null(statement, 5, fact->category);
	database_bind_double(statement, 6, fact->confidence);
	database_bind_text(statement, 7, slice_of(now));
	return database_run(statement, error);
}

bool memory_add_run(struct memory *memory, const struct memory_run *run, struct error *error) {
	char now[CLOCK_TEXT_MAX];
	clock_format_rfc3339(clock_wall_ms(), now);
	struct database_statement *statement = database_prepare(memory->database,
		"INSERT INTO workflow_runs (ecosystem, project, workflow_name, success, "
		"duration_ms,"
		" failed_step, error_message, output_dir, created_at)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		error);
	if (!statement) {
		return false;
	}
	database_bind_text(statement, 1, memory->ecosystem);
	database_bind_text_or_null(statement, 2, run->project);
	database_bind_text(statement, 3, run->workflow);
	database_bind_int(statement, 4, run->is_success);
	database_bind_int(statement, 5, (int64_t)run->duration_ms);
	database_bind_text_or_null(statement, 6, run->failed_step);
	database_bind_text_or_null(statement, 7, run->error_message);
	database_bind_text_or_null(statement, 8, run->output_dir);
	database_bind_text(statement, 9, slice_of(now));
	return database_run(statement, error);
}

bool memory_forget(struct memory *memory, struct slice id, struct error *error) {
	static const struct {
		const char *kind, *sql;
	} rows[] = {
		{"fact", "DELETE FROM facts WHERE id = ? AND ecosystem = ?"},
		{"finding", "DELETE FROM findings WHERE id = ? AND ecosystem = ?"},
		{"entity", "DELETE FROM entities WHERE id = ? AND ecosystem = ?"},
		{"relationship",
			"DELETE FROM project_relationships WHERE id = ? AND ecosystem = ?"},
	};
	struct slice rest = id, kind;
	int64_t number;
	if (slice_split(&rest, ':', &kind) && slice_to_int64(rest, &number)) {
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			if (!slice_is(kind, rows[i].kind)) {
				continue;
			}
			struct database_statement *statement =
				database_prepare(memory->database, rows[i].sql, error);
			if (!statement) {
				return false;
			}
			database_bind_int(statement, 1, number);
			database_bind_text(statement, 2, memory->ecosystem);
			return database_run(statement, error) &&
			       (database_changes(memory->database) > 0 ||
				       error_set(error, ERROR_NOT_FOUND, "there is no %.*s",
					       SLICE_FMT(id)));
		}
	}
	return error_set(error, ERROR_INVALID_REQUEST,
		"`%.*s` is no id: it is fact:N, finding:N, entity:N or relationship:N, as `memory "
		"list` shows them",
		SLICE_FMT(id));
}
