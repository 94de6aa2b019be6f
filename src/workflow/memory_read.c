/* memory_read.c: what an ecosystem remembers: rows as values, full text, export (workflows.md 4.2,
 * 4.3, 8.2). */
#include "workflow/memory_internal.h"

/* Every kind of rows: one statement whose result columns are the members of the values. A column
 * whose name begins with # is a whole number, with % a number. The only parameter is the ecosystem.
 */
struct rows {
	const char *kind, *sql;
	const char *columns[14]; /* ends with NULL */
};

#define EVIDENCE                                                                                   \
	"CASE WHEN json_valid(metadata) THEN json_extract(metadata, '$.evidence')"                 \
	" ELSE metadata END"

static const struct rows kinds[] = {
	{"facts",
		"SELECT id, fact, source, source_type, category, confidence, created_at, updated_at"
		" FROM facts WHERE ecosystem = ? ORDER BY confidence DESC, created_at DESC, id "
		"DESC",
		{"#id", "fact", "source", "source_type", "category", "%confidence", "created_at",
			"updated_at", NULL}},
	{"relationships",
		"SELECT id, from_project, to_project, relationship_type, from_project, to_project,"
		" relationship_type, metadata, " EVIDENCE ", created_at FROM project_relationships"
		" WHERE ecosystem = ? ORDER BY created_at DESC, id DESC",
		{"#id", "from", "to", "type", "from_project", "to_project", "relationship_type",
			"metadata", "evidence", "created_at", NULL}},
	{"entities",
		"SELECT id, project, entity_type, entity_name, entity_type, entity_name, created_at"
		" FROM entities WHERE ecosystem = ? ORDER BY project, entity_type, entity_name",
		{"#id", "project", "type", "name", "entity_type", "entity_name", "created_at",
			NULL}},
	{"findings",
		"SELECT id, project, category, severity, description, location, status, created_at,"
		" updated_at FROM findings WHERE ecosystem = ? ORDER BY created_at DESC, id DESC",
		{"#id", "project", "category", "severity", "description", "location", "status",
			"created_at", "updated_at", NULL}},
	{"runs",
		"SELECT id, project, workflow_name, success, duration_ms, failed_step,"
		" error_message, output_dir, created_at FROM workflow_runs WHERE ecosystem = ?"
		" ORDER BY created_at DESC, id DESC",
		{"#id", "project", "workflow", "#success", "#duration_ms", "failed_step",
			"error_message", "output_dir", "created_at", NULL}},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static struct value column_value(const struct database_statement *statement, int column,
	const char *name, struct arena *arena) {
	if (database_is_null(statement, column)) {
		return value_none();
	}
	return name[0] == '#'   ? value_int(database_int(statement, column))
	       : name[0] == '%' ? value_float(database_double(statement, column))
				: value_string(database_text(statement, column, arena));
}

static struct value_map *read_row(const struct database_statement *statement,
	const char *const *columns, struct arena *arena) {
	struct value_map *row = value_map_new(arena);
	for (int i = 0; columns[i]; i++) {
		const char *name = columns[i];
		value_map_put_named(arena, row, name + (name[0] == '#' || name[0] == '%'),
			column_value(statement, i, name, arena));
	}
	return row;
}

/* Runs a prepared and bound statement to the end. */
static struct value_list *read_rows(struct database_statement *statement,
	const char *const *columns, struct arena *arena, struct error *error) {
	struct value_list *list = value_list_new(arena);
	while (database_step(statement, error)) {
		if (!value_list_push(
			    arena, list, value_of_map(read_row(statement, columns, arena)))) {
			database_reset(statement);
			error_set(error, ERROR_TOO_LARGE, "the memory has too many rows");
			return NULL;
		}
	}
	return error->kind == ERROR_NONE ? list : NULL;
}

/* An entity's current properties, by name. */
static bool add_properties(
	struct memory *memory, struct value_map *entity, struct arena *arena, struct error *error) {
	struct database_statement *statement = database_prepare(memory->database,
		"SELECT property_name, property_value FROM entity_properties"
		" WHERE entity_id = ? AND valid_to IS NULL ORDER BY property_name",
		error);
	if (!statement) {
		return false;
	}
	struct value_map *properties = value_map_new(arena);
	database_bind_int(statement, 1, value_map_get_named(entity, "id").integer);
	while (database_step(statement, error)) {
		value_map_put(arena, properties, value_string(database_text(statement, 0, arena)),
			value_string(database_text(statement, 1, arena)));
	}
	value_map_put_named(arena, entity, "properties", value_of_map(properties));
	return error->kind == ERROR_NONE;
}

bool memory_rows(struct memory *memory, const char *kind, struct arena *arena, struct value *out,
	struct error *error) {
	struct error failure = {0};
	const struct rows *rows = kinds;
	while (rows < kinds + KIND_COUNT && strcmp(rows->kind, kind) != 0) {
		rows++;
	}
	if (rows == kinds + KIND_COUNT) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"`%s` is no kind of memory: facts, relationships, entities, findings, runs",
			kind);
	}
	struct database_statement *statement = database_prepare(memory->database, rows->sql, error);
	if (!statement) {
		return false;
	}
	database_bind_text(statement, 1, memory->ecosystem);
	struct value_list *list = read_rows(statement, rows->columns, arena, &failure);
	for (size_t i = 0; list && strcmp(kind, "entities") == 0 && i < list->len; i++) {
		struct value_map *entity = (struct value_map *)(uintptr_t)list->items[i].map;
		if (!add_properties(memory, entity, arena, &failure)) {
			list = NULL;
		}
	}
	if (!list) {
		*error = failure;
		return false;
	}
	*out = value_of_list(list);
	return true;
}

/* ---- full text ---- */

/* Each word in quotes, so that nothing a person types is syntax; the last one may be a beginning.
 */
static struct slice match_expression(struct slice text, struct arena *arena) {
	struct buf out;
	buf_init(&out, 0);
	struct slice rest = slice_trim(text), word;
	while (rest.data && slice_split(&rest, ' ', &word)) {
		if (word.len == 0) {
			continue;
		}
		buf_append_str(&out, out.len > 0 ? " \"" : "\"");
		for (size_t i = 0; i < word.len; i++) {
			buf_append_str(&out, word.data[i] == '"' ? "\"" : "");
			buf_append_byte(&out, word.data[i] == '\0' ? ' ' : word.data[i]);
		}
		buf_append_byte(&out, '"');
	}
	buf_append_byte(&out, '*');
	struct slice copy = arena_dup(arena, buf_slice(&out));
	buf_finish(&out);
	return copy;
}

bool memory_search(struct memory *memory, struct slice text, size_t limit, struct arena *arena,
	struct value *out, struct error *error) {
	static const char *const columns[] = {
		"id", "kind", "text", "project", "source", "created_at", NULL};
	struct error failure = {0};
	if (slice_trim(text).len == 0) {
		return error_set(error, ERROR_INVALID_REQUEST, "nothing to search for");
	}
	struct database_statement *statement = database_prepare(memory->database,
		"WITH hits AS (SELECT rowid / 4 AS row, rowid % 4 AS kind, rank FROM search"
		" WHERE search MATCH ?1)"
		" SELECT 'fact:' || f.id, 'fact', f.fact, NULL, f.source, f.created_at, rank"
		" FROM hits JOIN facts f ON kind = 0 AND f.id = row AND f.ecosystem = ?2"
		" UNION ALL SELECT 'finding:' || f.id, 'finding', f.description, f.project,"
		" f.location, f.created_at, rank"
		" FROM hits JOIN findings f ON kind = 1 AND f.id = row AND f.ecosystem = ?2"
		" UNION ALL SELECT 'entity:' || e.id, 'property', e.entity_name || '.' ||"
		" p.property_name || ' = ' || p.property_value, e.project, p.source, p.created_at,"
		" rank FROM hits JOIN entity_properties p ON kind = 2 AND p.id = row"
		" JOIN entities e ON e.id = p.entity_id AND e.ecosystem = ?2"
		" UNION ALL SELECT 'entity:' || e.id, 'entity', e.entity_type || ' ' ||"
		" e.entity_name, e.project, NULL, e.created_at, rank"
		" FROM hits JOIN entities e ON kind = 3 AND e.id = row AND e.ecosystem = ?2"
		" ORDER BY rank LIMIT ?3",
		error);
	if (!statement) {
		return false;
	}
	database_bind_text(statement, 1, match_expression(text, arena));
	database_bind_text(statement, 2, memory->ecosystem);
	database_bind_int(statement, 3, (int64_t)limit);
	struct value_list *list = read_rows(statement, columns, arena, &failure);
	if (!list) {
		*error = failure;
		return false;
	}
	*out = value_of_list(list);
	return true;
}

/* ---- export ---- */

static void put_member(struct json_writer *w, const char *key, struct value value) {
	if (value.type == VALUE_STRING) {
		json_put_string(w, key, value.string);
	}
}

/* "project: fact" as it was given. */
static void write_fact(struct json_writer *w, const struct value_map *row) {
	struct slice text = value_map_get_named(row, "fact").string;
	size_t colon = slice_find(text, SLICE(": "));
	if (colon != SIZE_MAX) {
		json_put_string(w, "project", slice_sub(text, 0, colon));
		text = slice_from(text, colon + 2);
	}
	json_put_string(w, "fact", text);
	put_member(w, "source", value_map_get_named(row, "source"));
	put_member(w, "source_type", value_map_get_named(row, "source_type"));
	put_member(w, "category", value_map_get_named(row, "category"));
	json_write_key(w, "confidence");
	json_write_double(w, value_map_get_named(row, "confidence").number);
}

static void write_relationship(struct json_writer *w, const struct value_map *row) {
	put_member(w, "from", value_map_get_named(row, "from"));
	put_member(w, "to", value_map_get_named(row, "to"));
	put_member(w, "type", value_map_get_named(row, "type"));
	put_member(w, "evidence", value_map_get_named(row, "evidence"));
}

static void write_entity(struct json_writer *w, const struct value_map *row) {
	put_member(w, "project", value_map_get_named(row, "project"));
	put_member(w, "entity_type", value_map_get_named(row, "type"));
	put_member(w, "entity_name", value_map_get_named(row, "name"));
	json_put_cstr(w, "source", "export");
	json_write_key(w, "properties");
	json_begin_object(w);
	const struct value_map *properties = value_map_get_named(row, "properties").map;
	for (size_t i = 0; i < properties->len; i++) {
		json_write_key_slice(w, properties->items[i].key.string);
		json_write_string(w, properties->items[i].value.string);
	}
	json_end_object(w);
}

static void write_finding(struct json_writer *w, const struct value_map *row) {
	static const char *const members[] = {
		"project", "category", "severity", "description", "location", "status", NULL};
	for (size_t i = 0; members[i]; i++) {
		put_member(w, members[i], value_map_get_named(row, members[i]));
	}
}

bool memory_export(struct memory *memory, struct buf *out, struct error *error) {
	static const struct {
		const char *kind;
		void (*write)(struct json_writer *w, const struct value_map *row);
	} parts[] = {
		{"facts", write_fact},
		{"relationships", write_relationship},
		{"entities", write_entity},
		{"findings", write_finding},
	};
	struct arena arena;
	struct json_writer w;
	bool is_written = true;
	arena_init(&arena, NULL, (size_t)1024 * 1024 * 1024);
	json_writer_init(&w, out, true);
	json_begin_object(&w);
	for (size_t i = 0; is_written && i < sizeof parts / sizeof parts[0]; i++) {
		struct value rows;
		is_written = memory_rows(memory, parts[i].kind, &arena, &rows, error);
		json_write_key(&w, parts[i].kind);
		json_begin_array(&w);
		for (size_t row = 0; is_written && row < rows.list->len; row++) {
			json_begin_object(&w);
			parts[i].write(&w, rows.list->items[row].map);
			json_end_object(&w);
		}
		json_end_array(&w);
	}
	json_end_object(&w);
	buf_append_byte(out, '\n');
	arena_finish(&arena);
	return is_written;
}
