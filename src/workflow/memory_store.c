/* memory_store.c: a store step: what a reply says, written in one transaction (workflows.md 4.4).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "workflow/memory_internal.h"

struct store {
	struct memory *memory;
	struct arena *arena;
	struct slice project; /* of elements that name none */
	bool is_strict;
	struct memory_stored *stored;
	struct {
		const char **items;
		size_t len, cap;
	} warnings;
	char now[CLOCK_TEXT_MAX];
	struct error *error;
};

static void warn(struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void warn(struct store *store, const char *format, ...) {
	va_list args;
	va_start(args, format);
	*ARENA_PUSH(store->arena, &store->warnings) =
		arena_vprintf(store->arena, format, args).data;
	va_end(args);
}

/* A member under one of several names ("from|from_project") as text: strings as they are, numbers
 * and booleans as written, lists and objects as JSON. Absent when there is none, or null. */
static struct slice text_of(struct store *store, const struct json *value) {
	if (json_is_null(value)) {
		return slice_make(NULL, 0);
	}
	return value->type == JSON_STRING ? json_string(value, store->arena) : json_raw(value);
}

static const struct json *member(const struct json *element, const char *names) {
	struct slice rest = slice_of(names), name;
	while (slice_split(&rest, '|', &name)) {
		const struct json *value = json_get_slice(element, name);
		if (!json_is_null(value)) {
			return value;
		}
	}
	return NULL;
}

static struct slice field(struct store *store, const struct json *element, const char *names) {
	return text_of(store, member(element, names));
}

static struct slice project_of(struct store *store, const struct json *element) {
	struct slice project = field(store, element, "project");
	return project.len > 0 ? project : store->project;
}

/* 1.0 when there is none; clamped to [0, 1] with a warning. */
static double confidence_of(struct store *store, const struct json *element, const char *label) {
	double confidence = 1.0;
	const struct json *value = member(element, "confidence");
	if (!value) {
		return confidence;
	}
	if (!json_double(value, &confidence)) {
		warn(store, "%s: `confidence` is no number; 1.0 is taken", label);
		return 1.0;
	}
	if (confidence < 0 || confidence > 1) {
		warn(store, "%s: `confidence` %g is not between 0 and 1 and was clamped", label,
			confidence);
	}
	return fmin(1.0, fmax(0.0, confidence));
}

/* ---- one element of each kind ---- */

static bool put_fact(struct store *store, const struct json *element, const char *label) {
	struct slice project = project_of(store, element), text = field(store, element, "fact");
	struct memory_fact fact = {
		.fact = arena_printf(
			store->arena, "%.*s: %.*s", SLICE_FMT(project), SLICE_FMT(text)),
		.source = field(store, element, "source"),
		.source_type = field(store, element, "source_type"),
		.category = field(store, element, "category"),
		.confidence = confidence_of(store, element, label),
	};
	store->stored->facts++;
	return memory_put_fact(store->memory, &fact, store->now, store->error);
}

static bool put_pattern(struct store *store, const struct json *element, const char *label) {
	struct slice project = project_of(store, element);
	struct slice text = field(store, element, "description"), source;
	struct buf files;
	buf_init(&files, 0);
	const struct json *involved = member(element, "files_involved");
	json_each (file, json_is(involved, JSON_ARRAY) ? involved : NULL) {
		buf_printf(&files, "%s%.*s", files.len > 0 ? ", " : "",
			SLICE_FMT(text_of(store, file)));
	}
	if (involved && involved->type != JSON_ARRAY) {
		buf_append(&files, text_of(store, involved));
	}
	source = field(store, element, "source");
	struct memory_fact fact = {
		.fact = arena_printf(store->arena, "%.*s: %.*s%s%.*s%s", SLICE_FMT(project),
			SLICE_FMT(text), files.len > 0 ? " (files: " : "", (int)files.len,
			files.len > 0 ? files.data : "", files.len > 0 ? ")" : ""),
		.source = source.len > 0 ? source : SLICE("patterns"),
		.source_type = field(store, element, "source_type"),
		.category = field(store, element, "pattern_type"),
		.confidence = confidence_of(store, element, label),
	};
	buf_finish(&files);
	store->stored->facts++;
	return memory_put_fact(store->memory, &fact, store->now, store->error);
}

static bool put_relationship(struct store *store, const struct json *element, const char *label) {
	(void)label;
	struct database_statement *statement = database_prepare(store->memory->database,
		"INSERT INTO project_relationships (ecosystem, from_project, to_project,"
		" relationship_type, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?)"
		" ON CONFLICT DO NOTHING",
		store->error);
	if (!statement) {
		return false;
	}
	struct slice evidence = field(store, element, "evidence|context");
	struct buf metadata;
	buf_init(&metadata, 0);
	if (evidence.data) {
		struct json_writer w;
		json_writer_init(&w, &metadata, false);
		json_begin_object(&w);
		json_put_string(&w, "evidence", evidence);
		json_end_object(&w);
	}
	database_bind_text(statement, 1, store->memory->ecosystem);
	database_bind_text(statement, 2, field(store, element, "from|from_project|from_entity"));
	database_bind_text(statement, 3, field(store, element, "to|to_project|to_entity"));
	database_bind_text(statement, 4, field(store, element, "type|relationship_type"));
	database_bind_text_or_null(
		statement, 5, evidence.data ? buf_slice(&metadata) : slice_make(NULL, 0));
	database_bind_text(statement, 6, slice_of(store->now));
	buf_finish(&metadata);
	store->stored->relationships++;
	return database_run(statement, store->error);
}

/* The current value of a property: -1 there is none, else its id; *value and *valid_from. */
static bool current_property(struct store *store, int64_t entity, struct slice name, int64_t *id,
	struct slice *value, struct slice *valid_from) {
	struct database_statement *statement = database_prepare(store->memory->database,
		"SELECT id, property_value, valid_from FROM entity_properties"
		" WHERE entity_id = ? AND property_name = ? AND valid_to IS NULL",
		store->error);
	if (!statement) {
		return false;
	}
	struct error error = {0};
	database_bind_int(statement, 1, entity);
	database_bind_text(statement, 2, name);
	*id = -1;
	if (database_step(statement, &error)) {
		*id = database_int(statement, 0);
		*value = database_text(statement, 1, store->arena);
		*valid_from = database_text(statement, 2, store->arena);
		database_reset(statement);
	}
	if (error.kind != ERROR_NONE && store->error) {
		*store->error = error;
	}
	return error.kind == ERROR_NONE;
}

/* One row of history: same value, nothing; another, the old row is closed and a new one begun. */
static bool put_property(struct store *store, int64_t entity, struct slice name, struct slice value,
	const struct json *element, double confidence) {
	int64_t id;
	struct slice before, since;
	struct database *database = store->memory->database;
	if (!current_property(store, entity, name, &id, &before, &since)) {
		return false;
	}
	if (id >= 0 && slice_eq(before, value)) {
		return true;
	}
	if (id >= 0) {
		/* A value that was never valid for a millisecond leaves no history. */
		struct database_statement *close = database_prepare(database,
			slice_is(since, store->now)
				? "DELETE FROM entity_properties WHERE id = ?1 AND ?2 = ?2"
				: "UPDATE entity_properties SET valid_to = ?2 WHERE id = ?1",
			store->error);
		if (!close) {
			return false;
		}
		database_bind_int(close, 1, id);
		database_bind_text(close, 2, slice_of(store->now));
		if (!database_run(close, store->error)) {
			return false;
		}
	}
	struct database_statement *insert = database_prepare(database,
		"INSERT INTO entity_properties (entity_id, property_name, property_value, source,"
		" source_type, confidence, valid_from, created_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
		store->error);
	if (!insert) {
		return false;
	}
	database_bind_int(insert, 1, entity);
	database_bind_text(insert, 2, name);
	database_bind_text(insert, 3, value);
	database_bind_text(insert, 4, field(store, element, "source"));
	database_bind_text_or_null(insert, 5, field(store, element, "source_type"));
	database_bind_double(insert, 6, confidence);
	database_bind_text(insert, 7, slice_of(store->now));
	return database_run(insert, store->error);
}

/* Gets or creates; its id, or -1 after an error. */
static int64_t entity_id(struct store *store, const struct json *element) {
	struct error error = {0};
	struct database_statement *statement = database_prepare(store->memory->database,
		"INSERT INTO entities (ecosystem, project, entity_type, entity_name, created_at)"
		" VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET entity_name = entity_name"
		" RETURNING id",
		&error);
	int64_t id = -1;
	if (statement) {
		database_bind_text(statement, 1, store->memory->ecosystem);
		database_bind_text(statement, 2, project_of(store, element));
		database_bind_text(statement, 3, field(store, element, "entity_type"));
		database_bind_text(statement, 4, field(store, element, "entity_name"));
		database_bind_text(statement, 5, slice_of(store->now));
		while (database_step(statement, &error)) {
			id = database_int(statement, 0);
		}
	}
	if (error.kind != ERROR_NONE) {
		*store->error = error;
		return -1;
	}
	return id;
}

static bool put_entity(struct store *store, const struct json *element, const char *label) {
	double confidence = confidence_of(store, element, label);
	int64_t id = entity_id(store, element);
	if (id < 0) {
		return false;
	}
	const struct json *properties = json_get(element, "properties");
	json_each (property, json_is(properties, JSON_OBJECT) ? properties : NULL) {
		struct slice value = text_of(store, property);
		if (value.data && !put_property(store, id, json_key(property, store->arena), value,
					  element, confidence)) {
			return false;
		}
	}
	store->stored->entities++;
	return true;
}

static bool put_finding(struct store *store, const struct json *element, const char *label) {
	(void)label;
	struct slice project = project_of(store, element);
	struct slice status = field(store, element, "status");
	struct database *database = store->memory->database;
	/* The same finding, still open, is the same row. */
	struct database_statement *update = database_prepare(database,
		"UPDATE findings SET severity = coalesce(?6, severity),"
		" status = coalesce(?7, status), updated_at = ?8"
		" WHERE ecosystem = ?1 AND project IS ?2 AND category = ?3 AND description = ?4"
		" AND location IS ?5 AND status = 'open'",
		store->error);
	struct database_statement *insert = database_prepare(database,
		"INSERT INTO findings (ecosystem, project, category, description, location, "
		"severity,"
		" status, created_at, updated_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 'open'), ?8, ?8)",
		store->error);
	struct database_statement *const statements[] = {update, insert};
	for (size_t i = 0; i < 2 && update && insert; i++) {
		database_bind_text(statements[i], 1, store->memory->ecosystem);
		database_bind_text(statements[i], 2, project);
		database_bind_text(statements[i], 3, field(store, element, "category"));
		database_bind_text(statements[i], 4, field(store, element, "description"));
		database_bind_text_or_null(statements[i], 5, field(store, element, "location"));
		database_bind_text_or_null(statements[i], 6, field(store, element, "severity"));
		database_bind_text_or_null(statements[i], 7, status);
		database_bind_text(statements[i], 8, slice_of(store->now));
		if (!database_run(statements[i], store->error)) {
			return false;
		}
		if (i == 0 && database_changes(database) > 0) {
			break;
		}
	}
	store->stored->findings++;
	return update && insert;
}

/* ---- the kinds ---- */

struct kind {
	const char *key;         /* of the array */
	const char *required[4]; /* names with alternatives; ends with NULL */
	bool (*put)(struct store *store, const struct json *element, const char *label);
};

static const struct kind kinds[] = {
	{"facts", {"fact", "source", NULL}, put_fact},
	{"relationships",
		{"from|from_project|from_entity", "to|to_project|to_entity",
			"type|relationship_type", NULL},
		put_relationship},
	{"entities", {"entity_type", "entity_name", "source", NULL}, put_entity},
	{"findings", {"category", "description", NULL}, put_finding},
	{"patterns", {"pattern_type", "description", NULL}, put_pattern},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* An element that lacks something: skipped with a warning, or the end of it all. */
static bool refuse(struct store *store, const char *label, const char *why) {
	if (store->is_strict) {
		return error_set(store->error, ERROR_UNPROCESSABLE,
			"nothing was stored: %s %s (the step is strict)", label, why);
	}
	store->stored->skipped++;
	warn(store, "%s was skipped: it %s", label, why);
	return true;
}

static bool put_element(struct store *store, const struct kind *kind, const struct json *element,
	const char *label) {
	if (element->type != JSON_OBJECT) {
		return refuse(store, label, "is no object");
	}
	struct buf missing;
	buf_init(&missing, 0);
	for (size_t i = 0; kind->required[i]; i++) {
		if (field(store, element, kind->required[i]).len == 0) {
			struct slice rest = slice_of(kind->required[i]), name = {0};
			slice_split(&rest, '|', &name);
			buf_printf(&missing, "%s`%.*s`", missing.len > 0 ? ", " : "lacks ",
				SLICE_FMT(name));
		}
	}
	struct slice why = arena_dup(store->arena, buf_slice(&missing));
	buf_finish(&missing);
	return why.len > 0 ? refuse(store, label, why.data) : kind->put(store, element, label);
}

static bool put_list(struct store *store, const struct kind *kind, const struct json *list) {
	size_t number = 0;
	json_each (element, list) {
		struct slice label = arena_printf(store->arena, "%s[%zu]", kind->key, number++);
		if (!put_element(store, kind, element, label.data)) {
			return false;
		}
	}
	return true;
}

/* What an element of an unnamed array is: the kind most of whose members it has. */
static const struct kind *kind_of(const struct json *element) {
	static const char *const marks[KIND_COUNT] = {"fact", "from|from_project|from_entity",
		"entity_name|entity_type", "category", "pattern_type"};
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (member(element, marks[i])) {
			return &kinds[i];
		}
	}
	return NULL;
}

static bool put_mixed(struct store *store, const struct json *list) {
	size_t number = 0;
	json_each (element, list) {
		const struct kind *kind = kind_of(element);
		struct slice label = arena_printf(store->arena, "[%zu]", number++);
		if (!(kind ? put_element(store, kind, element, label.data)
			   : refuse(store, label.data,
				     "is no fact, relationship, entity, finding or pattern"))) {
			return false;
		}
	}
	return true;
}

static bool put_all(struct store *store, const struct json *data) {
	if (json_is(data, JSON_ARRAY)) {
		return put_mixed(store, data);
	}
	if (!json_is(data, JSON_OBJECT)) {
		return error_set(store->error, ERROR_UNPROCESSABLE,
			"a store step needs a JSON object or array, found %s",
			json_type_name(data));
	}
	bool has_known = false;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct json *list = json_get_value(data, kinds[i].key);
		if (list && list->type != JSON_ARRAY) {
			if (!refuse(store, kinds[i].key, "is no array")) {
				return false;
			}
		} else if (list && !put_list(store, &kinds[i], list)) {
			return false;
		}
		has_known |= list != NULL;
	}
	const struct kind *single = has_known ? NULL : kind_of(data);
	return !single || put_element(store, single, data, "the object");
}

bool memory_store(struct memory *memory, const struct json *data, struct slice project,
	bool is_strict, struct arena *arena, struct memory_stored *stored, struct error *error) {
	struct error unused = {0};
	struct store store = {
		.memory = memory,
		.arena = arena,
		.project = project.len > 0 ? project : SLICE("default"),
		.is_strict = is_strict,
		.stored = stored,
		.error = error ? error : &unused,
	};
	memset(stored, 0, sizeof *stored);
	clock_format_rfc3339(clock_wall_ms(), store.now);
	if (!database_begin(memory->database, error)) {
		return false;
	}
	if (!put_all(&store, data) || !database_commit(memory->database, store.error)) {
		database_rollback(memory->database);
		memset(stored, 0, sizeof *stored);
		return false;
	}
	if (stored->facts + stored->relationships + stored->entities + stored->findings == 0) {
		warn(&store, "nothing was stored: the data has no facts, relationships, entities, "
			     "findings or patterns");
	}
	stored->warnings = store.warnings.items;
	stored->warning_count = store.warnings.len;
	return true;
}
