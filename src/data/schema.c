/* schema.c: JSON Schema compiled: each schema of a document becomes a list of checks, once. */
#include <stdio.h>

#include "data/json_number.h"
#include "data/problems.h"
#include "data/schema_internal.h"

#define MAX_DEPTH 200

const struct schema_type_name schema_type_names[] = {
	{"null", SCHEMA_TYPE_NULL},
	{"boolean", SCHEMA_TYPE_BOOLEAN},
	{"object", SCHEMA_TYPE_OBJECT},
	{"array", SCHEMA_TYPE_ARRAY},
	{"number", SCHEMA_TYPE_NUMBER},
	{"string", SCHEMA_TYPE_STRING},
	{"integer", SCHEMA_TYPE_INTEGER},
	{NULL, 0},
};

static const char *const type_words[] = {
	"null", "boolean", "object", "array", "number", "string", "integer", NULL};

bool schema_refuse(struct schema_compiler *compiler, const char *where, const char *format, ...) {
	if (!compiler->has_failed) {
		char text[512];
		va_list args;
		va_start(args, format);
		vsnprintf(text, sizeof text, format, args);
		va_end(args);
		error_set(compiler->error, ERROR_INVALID_REQUEST, "%s, in the schema at \"%s\"",
			text, where);
		compiler->has_failed = true;
	}
	return false;
}

const struct keyword *schema_keyword_of(struct slice name) {
	for (const struct keyword *keyword = schema_keywords; keyword->name; keyword++) {
		if (slice_is(name, keyword->name)) {
			return keyword;
		}
	}
	return NULL;
}

const struct check *schema_sibling(const struct schema *schema, enum keyword_id id) {
	for (size_t i = 0; i < schema->checks.len; i++) {
		if (schema->checks.items[i].keyword->id == id) {
			return &schema->checks.items[i];
		}
	}
	return NULL;
}

static struct schema *compile(struct schema_compiler *compiler, const struct schema_place *place);

static struct schema *compile_at(struct schema_compiler *compiler,
	const struct schema_place *around, const struct json *node, const char *where) {
	struct schema_place place = {node, around->base, where};
	return compile(compiler, &place);
}

static struct named_schema *push_named(
	struct schema_compiler *compiler, struct check *check, struct slice name) {
	struct named_schema *named = ARENA_PUSH(compiler->arena, &check->many);
	named->name = name;
	return named;
}

static bool read_types(struct schema_compiler *compiler, struct check *check, const char *where) {
	const struct json *value = check->value;
	const struct json *first = json_is(value, JSON_ARRAY) ? value->child : value;
	for (const struct json *word = first; word;
		word = json_is(value, JSON_ARRAY) ? word->next : NULL) {
		const struct schema_type_name *row = schema_type_names;
		while (row->name && !json_string_is(word, row->name)) {
			row++;
		}
		if (!row->name) {
			struct slice text = json_is(word, JSON_STRING)
						    ? json_string(word, compiler->arena)
						    : json_raw(word);
			const char *near = problems_nearest(text, type_words);
			return schema_refuse(compiler, where,
				"`%.*s` is no type; types are null, boolean, object, array, "
				"number, "
				"string, integer%s%s%s",
				SLICE_FMT(text), near ? " (did you mean `" : "", near ? near : "",
				near ? "`?)" : "");
		}
		check->types |= row->type;
	}
	return check->types != 0 ||
	       schema_refuse(compiler, where, "`type` needs at least one type");
}

static bool all_strings(const struct json *list) {
	json_each (item, list) {
		if (item->type != JSON_STRING) {
			return false;
		}
	}
	return json_is(list, JSON_ARRAY);
}

static struct regex *compile_pattern(
	struct schema_compiler *compiler, struct slice pattern, const char *where) {
	struct error error = {0};
	struct regex *regex = regex_compile(compiler->arena, pattern, &error);
	if (!regex) {
		schema_refuse(compiler, where, "`%.*s`: %s", SLICE_FMT(pattern), error.message);
	}
	return regex;
}

/* The members of a map of schemas, of patterns to schemas, of names to lists. */
static bool compile_map(struct schema_compiler *compiler, const struct schema_place *place,
	struct check *check, const char *where) {
	if (!json_is(check->value, JSON_OBJECT)) {
		return schema_refuse(
			compiler, where, "`%s` must be an object", check->keyword->name);
	}
	json_each (member, check->value) {
		struct slice name = json_key(member, compiler->arena);
		const char *at = schema_pointer(compiler->arena, where, name);
		struct named_schema *named = push_named(compiler, check, name);
		if (check->keyword->shape == SHAPE_STRING_LISTS) {
			named->names = member;
			if (!all_strings(member)) {
				return schema_refuse(compiler, at, "must be a list of names");
			}
			continue;
		}
		if (check->keyword->shape == SHAPE_PATTERN_MAP &&
			!(named->regex = compile_pattern(compiler, name, at))) {
			return false;
		}
		struct schema *schema = compile_at(compiler, place, member, at);
		if (!schema) {
			return false;
		}
		check->many.items[check->many.len - 1].schema = schema;
	}
	return true;
}

static bool compile_list(struct schema_compiler *compiler, const struct schema_place *place,
	struct check *check, const char *where) {
	if (!json_is(check->value, JSON_ARRAY) || check->value->count == 0) {
		return schema_refuse(compiler, where, "`%s` must be a list of at least one schema",
			check->keyword->name);
	}
	size_t number = 0;
	json_each (item, check->value) {
		const char *at = schema_pointer(
			compiler->arena, where, arena_printf(compiler->arena, "%zu", number++));
		push_named(compiler, check, slice_make(NULL, 0));
		struct schema *schema = compile_at(compiler, place, item, at);
		if (!schema) {
			return false;
		}
		check->many.items[check->many.len - 1].schema = schema;
	}
	return true;
}

static bool compile_reference(struct schema_compiler *compiler, const struct schema_place *place,
	struct check *check, const char *where) {
	if (!json_is(check->value, JSON_STRING)) {
		return schema_refuse(compiler, where, "`$ref` must be a string");
	}
	const struct schema_place *target =
		schema_resolve(compiler, place, json_string(check->value, compiler->arena));
	return target && (check->one = compile(compiler, target));
}

/* A keyword's value of a simple shape. */
static bool read_scalar(struct schema_compiler *compiler, struct check *check, const char *where) {
	const struct json *value = check->value;
	const char *name = check->keyword->name;
	int64_t number;
	switch (check->keyword->shape) {
	case SHAPE_TYPES:
		return read_types(compiler, check, where);
	case SHAPE_LIST:
		return json_is(value, JSON_ARRAY) ||
		       schema_refuse(compiler, where, "`%s` must be a list", name);
	case SHAPE_STRING_LIST:
		return all_strings(value) ||
		       schema_refuse(compiler, where, "`%s` must be a list of names", name);
	case SHAPE_NUMBER:
		return json_is(value, JSON_NUMBER) ||
		       schema_refuse(compiler, where, "`%s` must be a number", name);
	case SHAPE_POSITIVE:
		return (json_is(value, JSON_NUMBER) && json_decimal_of(value).digit_count > 0 &&
			       !json_decimal_of(value).is_negative) ||
		       schema_refuse(compiler, where, "`%s` must be a number above 0", name);
	case SHAPE_COUNT:
		if (!json_int64(value, &number) || number < 0) {
			return schema_refuse(
				compiler, where, "`%s` must be a whole number from 0", name);
		}
		check->count = (uint64_t)number;
		return true;
	case SHAPE_BOOL:
		return json_is_bool(value) ||
		       schema_refuse(compiler, where, "`%s` must be true or false", name);
	case SHAPE_STRING:
		return json_is(value, JSON_STRING) ||
		       schema_refuse(compiler, where, "`%s` must be a string", name);
	case SHAPE_PATTERN:
		if (!json_is(value, JSON_STRING)) {
			return schema_refuse(compiler, where, "`%s` must be a string", name);
		}
		check->regex =
			compile_pattern(compiler, json_string(value, compiler->arena), where);
		return check->regex != NULL;
	default:
		return true;
	}
}

static bool compile_check(
	struct schema_compiler *compiler, const struct schema_place *place, struct check *check) {
	const char *where =
		schema_pointer(compiler->arena, place->where, slice_of(check->keyword->name));
	switch (check->keyword->shape) {
	case SHAPE_SCHEMA:
		check->one = compile_at(compiler, place, check->value, where);
		return check->one != NULL;
	case SHAPE_SCHEMA_LIST:
		return compile_list(compiler, place, check, where);
	case SHAPE_SCHEMA_MAP:
	case SHAPE_PATTERN_MAP:
	case SHAPE_STRING_LISTS:
		return compile_map(compiler, place, check, where);
	case SHAPE_REFERENCE:
		return compile_reference(compiler, place, check, where);
	default:
		return read_scalar(compiler, check, where);
	}
}

/* Workflows promise what is checked: a keyword nobody knows is a typo there. */
static bool refuse_unknown(struct schema_compiler *compiler, const struct schema_place *place) {
	json_each (member, place->node) {
		struct slice name = json_key(member, compiler->arena);
		if (schema_keyword_of(name)) {
			continue;
		}
		const char *names[64];
		size_t count = 0;
		for (const struct keyword *keyword = schema_keywords; keyword->name; keyword++) {
			if (count + 1 < sizeof names / sizeof names[0]) {
				names[count++] = keyword->name;
			}
		}
		names[count] = NULL;
		const char *near = problems_nearest(name, names);
		return schema_refuse(compiler, place->where, "unknown keyword `%.*s`%s%s%s",
			SLICE_FMT(name), near ? " (did you mean `" : "", near ? near : "",
			near ? "`?)" : "");
	}
	return true;
}

static bool compile_keywords(
	struct schema_compiler *compiler, const struct schema_place *place, struct schema *schema) {
	for (const struct keyword *keyword = schema_keywords; keyword->name; keyword++) {
		const struct json *value = json_get(place->node, keyword->name);
		if (!value || keyword->id == KEYWORD_ANNOTATION) {
			continue;
		}
		struct check check = {.keyword = keyword, .schema = schema, .value = value};
		if (!compile_check(compiler, place, &check)) {
			return false;
		}
		*ARENA_PUSH(compiler->arena, &schema->checks) = check;
	}
	return true;
}

static bool compile_type_name(
	struct schema_compiler *compiler, const struct schema_place *place, struct schema *schema) {
	const struct keyword *keyword = schema_keyword_of(SLICE("type"));
	struct check check = {.keyword = keyword, .schema = schema, .value = place->node};
	schema->is_short = true;
	if (!read_types(compiler, &check, place->where)) {
		return false;
	}
	*ARENA_PUSH(compiler->arena, &schema->checks) = check;
	return true;
}

static struct schema *compile(struct schema_compiler *compiler, const struct schema_place *around) {
	struct slice key = slice_make((const char *)&around->node, sizeof around->node);
	struct schema *schema = map_get(&compiler->schemas, key);
	if (schema || compiler->has_failed) {
		return compiler->has_failed ? NULL : schema;
	}
	if (compiler->depth >= MAX_DEPTH) {
		schema_refuse(compiler, around->where, "schemas nest deeper than %d", MAX_DEPTH);
		return NULL;
	}
	schema = ARENA_NEW(compiler->arena, struct schema);
	schema->node = around->node;
	schema->where = around->where;
	schema->tracks = compiler->tracks;
	map_put(&compiler->schemas, key, schema);
	struct schema_place place = {
		around->node, schema_base_of(compiler, around->node, around->base), around->where};
	bool is_made = true;
	compiler->depth++;
	switch (place.node->type) {
	case JSON_TRUE:
		break;
	case JSON_FALSE:
		schema->is_never = true;
		break;
	case JSON_OBJECT:
		is_made = (!compiler->is_short || refuse_unknown(compiler, &place)) &&
			  compile_keywords(compiler, &place, schema);
		break;
	default:
		is_made = compiler->is_short && place.node->type == JSON_STRING
				  ? compile_type_name(compiler, &place, schema)
				  : schema_refuse(compiler, place.where,
					    "a schema is an object, true or false; this is %s",
					    json_type_name(place.node));
	}
	compiler->depth--;
	return is_made ? schema : NULL;
}

static struct schema *compile_document(
	struct arena *arena, const struct json *node, bool is_short, struct error *error) {
	struct schema_compiler compiler = {
		.arena = arena, .error = error, .root = node, .is_short = is_short};
	map_init(&compiler.schemas);
	map_init(&compiler.places);
	struct schema *schema = NULL;
	if (schema_index(&compiler)) {
		schema = compile(&compiler, &(struct schema_place){node, "", ""});
	}
	map_finish(&compiler.schemas, NULL);
	map_finish(&compiler.places, NULL);
	return schema;
}

struct schema *schema_compile(struct arena *arena, const struct json *schema, struct error *error) {
	return compile_document(arena, schema, false, error);
}

struct schema *schema_compile_short(
	struct arena *arena, const struct json *schema, struct error *error) {
	return compile_document(arena, schema, true, error);
}

/* ---- writing ---- */

static void write_schema(struct json_writer *w, const struct json *node);

static void write_key(struct json_writer *w, const struct json *member) {
	struct buf key;
	buf_init(&key, 0);
	json_unescape(slice_make(member->key, member->key_len), &key);
	json_write_key_slice(w, buf_slice(&key));
	buf_finish(&key);
}

/* A keyword's value: schemas in it have their shorthands expanded. */
static void write_value(struct json_writer *w, const struct json *value, enum keyword_shape shape) {
	if (shape == SHAPE_SCHEMA) {
		write_schema(w, value);
	} else if (shape == SHAPE_SCHEMA_LIST && value->type == JSON_ARRAY) {
		json_begin_array(w);
		json_each (item, value) {
			write_schema(w, item);
		}
		json_end_array(w);
	} else if ((shape == SHAPE_SCHEMA_MAP || shape == SHAPE_PATTERN_MAP) &&
		   value->type == JSON_OBJECT) {
		json_begin_object(w);
		json_each (member, value) {
			write_key(w, member);
			write_schema(w, member);
		}
		json_end_object(w);
	} else {
		json_write_tree(w, value);
	}
}

static void write_schema(struct json_writer *w, const struct json *node) {
	if (node->type == JSON_STRING) {
		json_begin_object(w);
		json_write_key(w, "type");
		json_write_node(w, node);
		json_end_object(w);
		return;
	}
	if (node->type != JSON_OBJECT) {
		json_write_tree(w, node);
		return;
	}
	json_begin_object(w);
	json_each (member, node) {
		const struct keyword *keyword =
			schema_keyword_of(slice_make(member->key, member->key_len));
		write_key(w, member);
		write_value(w, member, keyword ? keyword->shape : SHAPE_ANY);
	}
	json_end_object(w);
}

void schema_write(const struct schema *schema, bool is_pretty, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, is_pretty);
	write_schema(&w, schema->node);
}
